/* From a strided view to its bit mask, whatever the strides, without a copy of the elements. */
#include <string.h>

#include "base/error.h"
#include "kernels/nonzero/nonzero_mask.h"

enum {
  PIECE = 4096,       /* elements of a row masked at a time */
  SHORT = 32,         /* rows up to this length are not worth a call each */
  STRIP_ROWS = 64,    /* rows side by side in memory that are read together */
  STRIP_LENGTH = 4096 /* elements along the last axis */
};

/* ---- dtypes ---- */

kvino_status kv_nz_test_of(kvino_dtype dtype, kv_nz_test *test, kvino_error *err) {
  static const struct {
    int width;
    uint64_t keep; /* all the bits; for floats all but the sign's */
  } tests[KVINO_DTYPE_COUNT] = {
      [KVINO_BOOL] = {0, UINT64_MAX},
      [KVINO_U8] = {0, UINT64_MAX},
      [KVINO_U16] = {1, UINT64_MAX},
      [KVINO_U32] = {2, UINT64_MAX},
      [KVINO_U64] = {3, UINT64_MAX},
      [KVINO_I8] = {0, UINT64_MAX},
      [KVINO_I16] = {1, UINT64_MAX},
      [KVINO_I32] = {2, UINT64_MAX},
      [KVINO_I64] = {3, UINT64_MAX},
      [KVINO_F8E4M3] = {0, 0x7F7F7F7F7F7F7F7F},
      [KVINO_F8E5M2] = {0, 0x7F7F7F7F7F7F7F7F},
      [KVINO_F16] = {1, 0x7FFF7FFF7FFF7FFF},
      [KVINO_BF16] = {1, 0x7FFF7FFF7FFF7FFF},
      [KVINO_F32] = {2, 0x7FFFFFFF7FFFFFFF},
      [KVINO_F64] = {3, 0x7FFFFFFFFFFFFFFF},
      [KVINO_C64] = {3, 0x7FFFFFFF7FFFFFFF},
      [KVINO_C128] = {4, 0x7FFFFFFFFFFFFFFF},
  };
  if ((unsigned)dtype >= KVINO_DTYPE_COUNT || !tests[dtype].keep)
    return kv_fail(err, KVINO_TYPE, "nonzero is not defined for arrays of dtype %s", kvino_dtype_name(dtype));
  test->width = tests[dtype].width;
  test->keep = tests[dtype].keep;
  return KVINO_OK;
}

/* The even bits of x, packed into the low half. */
static uint64_t even_bits(uint64_t x) {
  x &= 0x5555555555555555;
  x = (x | x >> 1) & 0x3333333333333333;
  x = (x | x >> 2) & 0x0F0F0F0F0F0F0F0F;
  x = (x | x >> 4) & 0x00FF00FF00FF00FF;
  x = (x | x >> 8) & 0x0000FFFF0000FFFF;
  return (x | x >> 16) & 0x00000000FFFFFFFF;
}

/* The mask of n pairs of 8-byte numbers, of which either may be the one that is not zero. NULL `words`: only the count.
 */
static int64_t mask_pairs(const kv_nz_kernels *k, uint64_t keep, const char *data, int64_t n, uint64_t *words) {
  int64_t total = 0;
  while (n > 0) {
    uint64_t halves[32], whole[16];
    int64_t take = n < 1024 ? n : 1024;
    k->mask[3](data, 2 * take, keep, halves);
    int used = (int)((2 * take + 63) / 64);
    if (used % 2) halves[used] = 0;
    for (int i = 0; i < used; i += 2) {
      uint64_t low = even_bits(halves[i] | halves[i] >> 1), high = even_bits(halves[i + 1] | halves[i + 1] >> 1);
      whole[i / 2] = high << 32 | low;
    }
    total += k->bits(whole, (used + 1) / 2);
    if (words) {
      memcpy(words, whole, (size_t)(used + 1) / 2 * 8);
      words += 16;
    }
    data += 16 * take;
    n -= take;
  }
  return total;
}

int64_t kv_nz_mask(const kv_nz_kernels *k, kv_nz_test test, const void *data, int64_t n, uint64_t *words) {
  return test.width < KV_NZ_WIDTHS ? k->mask[test.width](data, n, test.keep, words)
                                   : mask_pairs(k, test.keep, data, n, words);
}

int64_t kv_nz_count(const kv_nz_kernels *k, kv_nz_test test, const void *data, int64_t n) {
  return test.width < KV_NZ_WIDTHS ? k->count[test.width](data, n, test.keep) : mask_pairs(k, test.keep, data, n, NULL);
}

#define DEFINE_GATHER(bits)                                                                                            \
  static inline uint64_t gather##bits(const char *p, int64_t stride, int n, uint64_t keep) {                           \
    uint64_t word = 0;                                                                                                 \
    for (int i = 0; i < n; i++, p += stride) {                                                                         \
      uint##bits##_t element;                                                                                          \
      memcpy(&element, p, sizeof element);                                                                             \
      word |= (uint64_t)((element & (uint##bits##_t)keep) != 0) << i;                                                  \
    }                                                                                                                  \
    return word;                                                                                                       \
  }
DEFINE_GATHER(8)
DEFINE_GATHER(16)
DEFINE_GATHER(32)
DEFINE_GATHER(64)

static inline __attribute__((always_inline)) uint64_t gather(kv_nz_test test, const char *p, int64_t stride, int n) {
  switch (test.width) {
  case 0:
    return gather8(p, stride, n, test.keep);
  case 1:
    return gather16(p, stride, n, test.keep);
  case 2:
    return gather32(p, stride, n, test.keep);
  case 3:
    return gather64(p, stride, n, test.keep);
  default:
    return gather64(p, stride, n, test.keep) | gather64(p + 8, stride, n, test.keep);
  }
}

uint64_t kv_nz_gather(kv_nz_test test, const char *p, int64_t stride, int n) { return gather(test, p, stride, n); }

/* ---- preparing a view ---- */

static int64_t magnitude(int64_t stride) { return stride < 0 ? -stride : stride; }

/* The axis across the strips: the one with the smallest step, where that is less than the last axis's. -1: none. */
static int fast_axis(const kv_nz_source *s) {
  int fast = -1;
  int64_t least = magnitude(s->strides[s->rank - 1]);
  for (int a = 0; a < s->rank - 1; a++)
    if (s->strides[a] && magnitude(s->strides[a]) < least) least = magnitude(s->strides[fast = a]);
  /* Short axes make short strips, which only pay where the rows are far from fitting into the cache. */
  if (fast < 0 || s->shape[s->rank - 1] < 8) return -1;
  return s->shape[fast] >= 8 || s->size >= (1 << 18) ? fast : -1;
}

kvino_status kv_nz_size(const kv_view *x, int64_t *size, kvino_error *err) {
  bool fits = true;
  *size = 1;
  for (int a = 0; a < x->rank; a++) {
    if (x->shape[a] == 0) {
      *size = 0;
      return KVINO_OK;
    }
    fits = fits && !__builtin_mul_overflow(*size, x->shape[a], size);
  }
  return fits ? KVINO_OK : kv_fail(err, KVINO_INVALID, "array is too big: its number of elements does not fit 64 bits");
}

kvino_status kv_nz_source_init(kv_nz_source *s, const kv_view *x, kvino_error *err) {
  KV_TRY(kv_nz_test_of(x->dtype, &s->test, err));
  KV_TRY(kv_nz_size(x, &s->size, err));
  const int64_t size = (int64_t)1 << s->test.width;
  s->data = x->data;
  s->rank = 0;
  for (int a = 0; a < x->rank && s->size; a++) {
    int64_t n = x->shape[a], stride = x->strides[a];
    int last = s->rank - 1;
    if (n == 1) continue;
    if (last >= 0 && s->strides[last] == n * stride) {
      s->shape[last] *= n;
      s->strides[last] = stride;
    } else {
      s->shape[s->rank] = n;
      s->strides[s->rank++] = stride;
    }
  }
  if (s->rank == 0) { /* empty, or one element */
    s->rank = 1;
    s->shape[0] = s->size;
    s->strides[0] = size;
  }
  s->fast = fast_axis(s);
  if (s->rank == 1 && s->strides[0] == size)
    s->order = KV_NZ_FLAT;
  else
    s->order = s->fast < 0 ? KV_NZ_ROWS : KV_NZ_STRIPS;
  return KVINO_OK;
}

/* ---- rows ---- */

/* Appends bits to words, from a word boundary on. */
typedef struct bit_writer {
  uint64_t *next;
  uint64_t held; /* bits that do not fill a word yet */
  int used;      /* how many: 0 to 63 */
} bit_writer;

/* Appends the low n (1 to 64) bits of `word`, whose others are 0. */
static inline void append(bit_writer *w, uint64_t word, int n) {
  w->held |= word << w->used;
  if (w->used + n < 64) {
    w->used += n;
    return;
  }
  *w->next++ = w->held;
  w->held = w->used ? word >> (64 - w->used) : 0;
  w->used = w->used + n - 64;
}

static uint64_t reverse_bits(uint64_t x) {
  x = (x >> 1 & 0x5555555555555555) | (x & 0x5555555555555555) << 1;
  x = (x >> 2 & 0x3333333333333333) | (x & 0x3333333333333333) << 2;
  x = (x >> 4 & 0x0F0F0F0F0F0F0F0F) | (x & 0x0F0F0F0F0F0F0F0F) << 4;
  return __builtin_bswap64(x);
}

/* Appends the tests of n elements. */
static void append_row(const kv_nz_source *s, const kv_nz_kernels *k, const char *p, int64_t n, bit_writer *w) {
  const int64_t stride = s->strides[s->rank - 1], size = (int64_t)1 << s->test.width;
  const uint64_t all = stride == 0 && kv_nz_gather(s->test, p, 0, 1) ? UINT64_MAX : 0;
  uint64_t words[PIECE / 64];
  while (n > 0) {
    int64_t take = n < 64 ? n : n < PIECE ? n / 64 * 64 : PIECE;
    int count = (int)(take + 63) / 64, spare = 64 * count - (int)take; /* spare: bits of the last word past the row */
    if (stride == size) {
      kv_nz_mask(k, s->test, p, take, words);
      for (int i = 0; i < count; i++) append(w, words[i], 64 - spare);
    } else if (stride == -size) {
      kv_nz_mask(k, s->test, p - (take - 1) * size, take, words);
      for (int i = count - 1; i >= 0; i--) append(w, reverse_bits(words[i]) >> spare, 64 - spare);
    } else if (stride == 0) {
      for (int i = 0; i < count; i++) append(w, all >> spare, 64 - spare);
    } else {
      for (int i = 0; i < count; i++)
        append(w, kv_nz_gather(s->test, p + 64 * i * stride, stride, 64 - spare), 64 - spare);
    }
    p += take * stride;
    n -= take;
  }
}

/* Appends the tests of short rows (at most 64 elements), where a call per row would cost more than the row. */
static inline __attribute__((always_inline)) void append_short_rows(const kv_nz_source *s, const char *p, int64_t rows,
                                                                    int width, bit_writer *w) {
  const int n = (int)s->shape[s->rank - 1];
  const int64_t stride = s->strides[s->rank - 1], row_stride = s->strides[s->rank - 2];
  bit_writer local = *w;
  for (; rows > 0; rows--, p += row_stride) append(&local, gather((kv_nz_test){width, s->test.keep}, p, stride, n), n);
  *w = local;
}

static void append_rows(const kv_nz_source *s, const char *p, int64_t rows, bit_writer *w) {
  switch (s->test.width) { /* constants, to choose the type of the elements outside the loops */
  case 0:
    append_short_rows(s, p, rows, 0, w);
    break;
  case 1:
    append_short_rows(s, p, rows, 1, w);
    break;
  case 2:
    append_short_rows(s, p, rows, 2, w);
    break;
  case 3:
    append_short_rows(s, p, rows, 3, w);
    break;
  default:
    append_short_rows(s, p, rows, 4, w);
    break;
  }
}

static int64_t mask_rows(const kv_nz_source *s, const kv_nz_kernels *k, int64_t begin, int64_t end, uint64_t *words) {
  bit_writer w = {.next = words + begin / 64};
  int64_t at[KVINO_MAX_RANK];
  const int last = s->rank - 1;
  const int64_t length = s->shape[last];
  const char *p = s->data;
  int64_t rest = begin;
  for (int a = last; a >= 0; a--) {
    at[a] = rest % s->shape[a];
    rest /= s->shape[a];
    p += at[a] * s->strides[a];
  }
  for (int64_t left = end - begin; left > 0;) {
    int64_t rows = 1;
    if (length <= SHORT && last > 0 && at[last] == 0 && left >= length) {
      rows = s->shape[last - 1] - at[last - 1];
      if (rows > left / length) rows = left / length;
      append_rows(s, p, rows, &w);
      left -= rows * length;
    } else {
      int64_t n = length - at[last] < left ? length - at[last] : left;
      append_row(s, k, p, n, &w);
      left -= n;
      p -= at[last] * s->strides[last];
      at[last] = 0;
    }
    for (int a = last - 1; a >= 0; a--, rows = 1) {
      p += rows * s->strides[a];
      at[a] += rows;
      if (at[a] < s->shape[a]) break;
      p -= s->shape[a] * s->strides[a];
      at[a] = 0;
    }
  }
  if (w.used) *w.next = w.held;
  return k->bits(words + begin / 64, (end - begin + 63) / 64);
}

int64_t kv_nz_mask_range(const kv_nz_source *s, const kv_nz_kernels *k, int64_t begin, int64_t end, uint64_t *words) {
  if (s->order == KV_NZ_FLAT)
    return kv_nz_mask(k, s->test, s->data + (begin << s->test.width), end - begin, words + begin / 64);
  return mask_rows(s, k, begin, end, words);
}

/* ---- strips ---- */

/* Bit j of word i becomes bit i of word j: swaps the off-diagonal quarters, then those of each quarter, ... */
static void transpose_bits(uint64_t m[64]) {
  uint64_t low = 0x00000000FFFFFFFF;
  for (int half = 32; half; half >>= 1, low ^= low << half) {
    for (int block = 0; block < 64; block += 2 * half) {
      for (int i = block; i < block + half; i++) {
        uint64_t swap = (m[i] >> half ^ m[i + half]) & low;
        m[i] ^= swap << half;
        m[i + half] ^= swap;
      }
    }
  }
}

/* Sets the bits of `word` from bit `position` of the mask on. Strips at work at the same time share words. */
static inline void set_bits(uint64_t *words, int64_t position, uint64_t word) {
  int shift = (int)(position % 64);
  words += position / 64;
  if (word << shift) __atomic_fetch_or(words, word << shift, __ATOMIC_RELAXED);
  if (shift && word >> (64 - shift)) __atomic_fetch_or(words + 1, word >> (64 - shift), __ATOMIC_RELAXED);
}

static int64_t pieces(int64_t n, int64_t piece) { return (n + piece - 1) / piece; }

int64_t kv_nz_strips(const kv_nz_source *s) {
  const int64_t rows = s->shape[s->fast], length = s->shape[s->rank - 1];
  return s->size / (rows * length) * pieces(rows, STRIP_ROWS) * pieces(length, STRIP_LENGTH);
}

/* The tests of n by m elements, n rows side by side in memory, as n words of m bits. */
static void mask_tile(const kv_nz_source *s, const kv_nz_kernels *k, const char *p, int n, int m, uint64_t tile[64]) {
  const int64_t across = s->strides[s->fast], along = s->strides[s->rank - 1];
  const int64_t size = (int64_t)1 << s->test.width;
  if (n < 16 || magnitude(across) != size) {
    for (int row = 0; row < n; row++) tile[row] = kv_nz_gather(s->test, p + row * across, along, m);
    return;
  }
  if (across < 0) p += (n - 1) * across;
  for (int i = 0; i < m; i++) kv_nz_mask(k, s->test, p + i * along, n, &tile[i]);
  for (int i = m; i < 64; i++) tile[i] = 0;
  transpose_bits(tile);
  if (across > 0) return;
  for (int i = 0, j = n - 1; i < j; i++, j--) {
    uint64_t row = tile[i];
    tile[i] = tile[j];
    tile[j] = row;
  }
}

void kv_nz_mask_strip(const kv_nz_source *s, const kv_nz_kernels *k, int64_t strip, uint64_t *words) {
  const int last = s->rank - 1, fast = s->fast;
  const int64_t rows = s->shape[fast], length = s->shape[last];
  int64_t begin = strip % pieces(length, STRIP_LENGTH) * STRIP_LENGTH;
  strip /= pieces(length, STRIP_LENGTH);
  int64_t row = strip % pieces(rows, STRIP_ROWS) * STRIP_ROWS;
  strip /= pieces(rows, STRIP_ROWS);

  /* What is left of the number counts through the other axes. */
  const char *p = s->data + row * s->strides[fast];
  int64_t position = 0, step = 1, row_step = 0;
  for (int a = last; a >= 0; a--) {
    if (a == fast) {
      row_step = step;
      position += row * step;
    } else if (a != last) {
      int64_t at = strip % s->shape[a];
      strip /= s->shape[a];
      p += at * s->strides[a];
      position += at * step;
    }
    step *= s->shape[a];
  }

  int n = rows - row < STRIP_ROWS ? (int)(rows - row) : STRIP_ROWS;
  int64_t end = length - begin < STRIP_LENGTH ? length : begin + STRIP_LENGTH;
  for (int64_t i = begin; i < end; i += 64) {
    uint64_t tile[64];
    int m = end - i < 64 ? (int)(end - i) : 64;
    mask_tile(s, k, p + i * s->strides[last], n, m, tile);
    for (int r = 0; r < n; r++) set_bits(words, position + r * row_step + i, tile[r]);
  }
}
