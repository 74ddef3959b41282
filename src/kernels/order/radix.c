/* Each pass counts a digit in every thread's part, adds the counts up to places, and moves the elements there; a digit
 * that all share is passed over. Floats become unsigned numbers of the same order and back. */
#include "kernels/order/radix.h"

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/order/order.h"
#include "kernels/order/order_codes.h"
#include "kernels/order/short_rows.h"

enum { DIGIT = 11, SHORT_DIGIT = 8, LONG_FROM = 1 << 13, GRAIN = 1 << 16, MOST_PARTS = 64, FEW = 48 };

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef uint64_t packed; /* a key of up to 32 bits above its place */
typedef struct {
  uint64_t key, place;
} paired;

typedef struct pass {
  int64_t n, parts;
  const void *from;
  void *to;
  int shift, bits;
  uint32_t *count; /* [parts][1 << bits]; then the places */
} pass;

static void part_bounds(const pass *p, size_t part, int64_t *begin, int64_t *end) {
  int64_t each = (p->n + p->parts - 1) / p->parts;
  *begin = each * (int64_t)part < p->n ? each * (int64_t)part : p->n;
  *end = *begin + each < p->n ? *begin + each : p->n;
}

static int64_t parts_of(int64_t n) {
  int64_t parts = n / GRAIN + 1;
  if (parts > kv_threads()) parts = kv_threads();
  return parts > MOST_PARTS ? MOST_PARTS : parts;
}

/* Counts to places; false where all elements share the digit. */
static bool place(const pass *p) {
  uint32_t start = 0;
  for (int64_t v = 0; v < (int64_t)1 << p->bits; v++) {
    uint32_t first = start;
    for (int64_t i = 0; i < p->parts; i++) {
      uint32_t *count = &p->count[(i << p->bits) + v], here = *count;
      *count = start;
      start += here;
    }
    if (start - first == p->n) return false;
  }
  return true;
}

/* Sorts a[0..n) by the bits from `low` to `high` of KEY; gives a or b, whichever holds the result, NULL where out of
 * memory. */
#define RADIX(T, KEY)                                                                                                  \
  static void count_##T(void *context, size_t part) {                                                                  \
    const pass *p = context;                                                                                           \
    const T *a = p->from;                                                                                              \
    uint32_t *count = p->count + (part << p->bits), mask = (1u << p->bits) - 1;                                        \
    int64_t begin, end;                                                                                                \
    part_bounds(p, part, &begin, &end);                                                                                \
    memset(count, 0, sizeof *count << p->bits);                                                                        \
    for (int64_t i = begin; i < end; i++) count[(uint32_t)(KEY(a[i]) >> p->shift) & mask]++;                           \
  }                                                                                                                    \
  static void move_##T(void *context, size_t part) {                                                                   \
    const pass *p = context;                                                                                           \
    const T *restrict a = p->from;                                                                                     \
    T *restrict b = p->to;                                                                                             \
    uint32_t *count = p->count + (part << p->bits), mask = (1u << p->bits) - 1;                                        \
    int64_t begin, end;                                                                                                \
    part_bounds(p, part, &begin, &end);                                                                                \
    for (int64_t i = begin; i < end; i++) b[count[(uint32_t)(KEY(a[i]) >> p->shift) & mask]++] = a[i];                 \
  }                                                                                                                    \
  static T *radix_##T(T *a, T *b, int64_t n, int low, int high) {                                                      \
    uint32_t few[1 << SHORT_DIGIT];                                                                                    \
    int digit = n < LONG_FROM ? SHORT_DIGIT : DIGIT;                                                                   \
    pass p = {.n = n, .parts = parts_of(n), .count = few};                                                             \
    if (digit > SHORT_DIGIT && !(p.count = kv_malloc((size_t)p.parts * sizeof *few << digit))) return NULL;            \
    for (p.shift = low; p.shift < high; p.shift += digit) {                                                            \
      p.bits = high - p.shift < digit ? high - p.shift : digit;                                                        \
      p.from = a;                                                                                                      \
      p.to = b;                                                                                                        \
      kv_parallel((size_t)p.parts, count_##T, &p);                                                                     \
      if (!place(&p)) continue;                                                                                        \
      kv_parallel((size_t)p.parts, move_##T, &p);                                                                      \
      T *swap = a;                                                                                                     \
      a = b;                                                                                                           \
      b = swap;                                                                                                        \
    }                                                                                                                  \
    if (p.count != few) kv_free(p.count);                                                                              \
    return a;                                                                                                          \
  }
#define WHOLE(v) (v)
#define PAIRED_KEY(v) ((v).key)
RADIX(u8, WHOLE)
RADIX(u16, WHOLE)
RADIX(u32, WHOLE)
RADIX(u64, WHOLE)
RADIX(paired, PAIRED_KEY)

/* ---- values ---- */

typedef struct recode {
  kvino_dtype dtype;
  const char *from;
  char *to;
  bool descending;
} recode;

/* NaN's signs and the order of zeros are lost on the way (`restore` gives them back). */
#define RECODE(ID, U, encoded, decoded, _)                                                                             \
  static void encode_##ID(const recode *r, int64_t begin, int64_t end) {                                               \
    const U flip = r->descending ? (U)-1 : 0, *a = (const U *)r->from;                                                 \
    U *b = (U *)r->to;                                                                                                 \
    for (int64_t i = begin; i < end; i++) {                                                                            \
      const U v = a[i];                                                                                                \
      b[i] = (U)((U)(encoded) ^ flip);                                                                                 \
    }                                                                                                                  \
  }                                                                                                                    \
  static void decode_##ID(const recode *r, int64_t begin, int64_t end) {                                               \
    const U flip = r->descending ? (U)-1 : 0, *a = (const U *)r->from;                                                 \
    U *b = (U *)r->to;                                                                                                 \
    for (int64_t i = begin; i < end; i++) {                                                                            \
      const U k = (U)(a[i] ^ flip);                                                                                    \
      b[i] = (U)(decoded);                                                                                             \
    }                                                                                                                  \
  }
KV_CODED_DTYPES(RECODE)

static void encode(void *context, size_t begin, size_t end) {
  const recode *r = context;
  switch (r->dtype) {
#define CASE(ID, ...)                                                                                                  \
  case KVINO_##ID:                                                                                                     \
    encode_##ID(r, (int64_t)begin, (int64_t)end);                                                                      \
    break;
    KV_CODED_DTYPES(CASE)
#undef CASE
  default:
    break;
  }
}

static void decode(void *context, size_t begin, size_t end) {
  const recode *r = context;
  switch (r->dtype) {
#define CASE(ID, ...)                                                                                                  \
  case KVINO_##ID:                                                                                                     \
    decode_##ID(r, (int64_t)begin, (int64_t)end);                                                                      \
    break;
    KV_CODED_DTYPES(CASE)
#undef CASE
  default:
    break;
  }
}

/* Zeros of both signs, and NaNs, are equal: they stand in their order again. `a` is sorted; key(v) as in order.h. */
#define EQUALS(ID, U, infinity)                                                                                        \
  static int64_t below_##ID(const U *a, int64_t n, U key, bool descending, bool after) {                               \
    int64_t low = 0;                                                                                                   \
    for (int64_t high = n; low < high;) {                                                                              \
      const int64_t middle = low + (high - low) / 2;                                                                   \
      const U there = KV_FLOAT_KEY(U, a[middle], infinity);                                                            \
      const bool before = descending ? there > key : there < key;                                                      \
      if (before || (after && there == key))                                                                           \
        low = middle + 1;                                                                                              \
      else                                                                                                             \
        high = middle;                                                                                                 \
    }                                                                                                                  \
    return low;                                                                                                        \
  }                                                                                                                    \
  static void restore_##ID(const U *in, int64_t n, bool descending, U *a) {                                            \
    const U sign = (U)((U)1 << (sizeof(U) * 8 - 1));                                                                   \
    int64_t zero = below_##ID(a, n, sign, descending, false), zeros = below_##ID(a, n, sign, descending, true);        \
    int64_t nan = below_##ID(a, n, (U)-1, descending, false), nans = below_##ID(a, n, (U)-1, descending, true);        \
    bool mixed = zeros > zero && a[zero] != a[zeros - 1];                                                              \
    if (!mixed && nans == nan) return;                                                                                 \
    for (int64_t i = 0; i < n; i++) { /* another thread may have written it since it was sorted */                     \
      const U v = in[i], magnitude = v & (U)~sign;                                                                     \
      if (mixed && !magnitude && zero < zeros) a[zero++] = v;                                                          \
      if (magnitude > (infinity) && nan < nans) a[nan++] = v;                                                          \
    }                                                                                                                  \
  }
EQUALS(F8E4M3, u8, 0x7e)
EQUALS(F8E5M2, u8, 0x7c)
EQUALS(F16, u16, 0x7c00)
EQUALS(BF16, u16, 0x7f80)
EQUALS(F32, u32, 0x7f800000)
EQUALS(F64, u64, UINT64_C(0x7ff0000000000000))

static void restore(kvino_dtype dtype, int64_t n, const char *in, bool descending, char *out) {
  switch (dtype) {
#define CASE(ID, U)                                                                                                    \
  case KVINO_##ID:                                                                                                     \
    restore_##ID((const U *)in, n, descending, (U *)out);                                                              \
    break;
    CASE(F8E4M3, u8)
    CASE(F8E5M2, u8)
    CASE(F16, u16)
    CASE(BF16, u16)
    CASE(F32, u32)
    CASE(F64, u64)
#undef CASE
  default:
    break;
  }
}

bool kv_radix_sorts(kvino_dtype dtype) { return dtype != KVINO_STRING && !kvino_dtype_is_complex(dtype); }

#define INSERT(U)                                                                                                      \
  static void *insert_##U(U *a, int64_t n) {                                                                           \
    for (int64_t i = 1; i < n; i++) {                                                                                  \
      const U v = a[i];                                                                                                \
      int64_t j = i;                                                                                                   \
      for (; j > 0 && a[j - 1] > v; j--) a[j] = a[j - 1];                                                              \
      a[j] = v;                                                                                                        \
    }                                                                                                                  \
    return a;                                                                                                          \
  }
INSERT(u8)
INSERT(u16)
INSERT(u32)
INSERT(u64)

bool kv_radix_sort(kvino_dtype dtype, int64_t n, const char *in, bool descending, char *out, char *scratch) {
  recode r = {dtype, in, out, descending};
  const kv_short_sorts *sorts = kv_short_sorts_of(n);
  void *sorted;
  if (sorts) {
    if (!sorts->values(dtype, n, in, descending, out)) restore(dtype, n, in, descending, out);
    return true;
  }
  kv_parallel_ranges((size_t)n, GRAIN, encode, &r);
  switch (kvino_dtype_size(dtype)) {
#define CASE(U)                                                                                                        \
  case sizeof(U):                                                                                                      \
    sorted = n <= FEW ? insert_##U((U *)out, n) : radix_##U((U *)out, (U *)scratch, n, 0, 8 * (int)sizeof(U));         \
    break;
    CASE(u8)
    CASE(u16)
    CASE(u32)
    CASE(u64)
#undef CASE
  default:
    return false;
  }
  r.from = sorted;
  if (!sorted) return false;
  kv_parallel_ranges((size_t)n, GRAIN, decode, &r);
  restore(dtype, n, in, descending, out);
  return true;
}

/* ---- places ---- */

typedef struct order {
  kvino_dtype dtype;
  const char *in;
  bool descending, narrow;
  void *words, *index;
} order;

static void pack(void *context, size_t begin, size_t end) {
  const order *o = context;
  switch (o->dtype) {
#define CASE(ID, M, U, key)                                                                                            \
  case KVINO_##ID: {                                                                                                   \
    const U flip = o->descending ? (U)-1 : 0;                                                                          \
    const M *a = (const M *)o->in;                                                                                     \
    for (size_t i = begin; i < end; i++) {                                                                             \
      const M v = a[i];                                                                                                \
      const U k = (U)((U)(key) ^ flip);                                                                                \
      if (sizeof(U) <= 4)                                                                                              \
        ((packed *)o->words)[i] = (uint64_t)k << 32 | (uint64_t)i;                                                     \
      else                                                                                                             \
        ((paired *)o->words)[i] = (paired){k, (uint64_t)i};                                                            \
    }                                                                                                                  \
    break;                                                                                                             \
  }
    KV_ORDERED_DTYPES(CASE)
#undef CASE
  default:
    break;
  }
}

static void unpack(void *context, size_t begin, size_t end) {
  const order *o = context;
  const packed *a = o->words;
  const paired *p = o->words;
  bool wide = kvino_dtype_size(o->dtype) > 4;
  if (o->narrow) {
    for (size_t i = begin; i < end; i++) ((int32_t *)o->index)[i] = (int32_t)(wide ? p[i].place : a[i]);
  } else {
    for (size_t i = begin; i < end; i++) ((int64_t *)o->index)[i] = (int64_t)(wide ? p[i].place : (uint32_t)a[i]);
  }
}

bool kv_radix_order(kvino_dtype dtype, int64_t n, const char *in, bool descending, bool narrow, void *index) {
  bool wide = kvino_dtype_size(dtype) > 4;
  size_t bytes = (size_t)n * (wide ? sizeof(paired) : sizeof(packed));
  char *words = kv_malloc(2 * bytes);
  if (!words) return false;
  order o = {dtype, in, descending, narrow, words, index};
  kv_parallel_ranges((size_t)n, GRAIN, pack, &o);
  int bits = 8 * (int)kvino_dtype_size(dtype);
  if (wide)
    o.words = radix_paired((paired *)words, (paired *)(words + bytes), n, 0, bits);
  else
    o.words = radix_u64((u64 *)words, (u64 *)(words + bytes), n, 32, 32 + bits);
  if (o.words) kv_parallel_ranges((size_t)n, GRAIN, unpack, &o);
  kv_free(words);
  return o.words != NULL;
}
