#include "kernels/sparse/product.h"

#include <string.h>

#include "base/memory.h"
#include "base/threads.h"

enum {
  GRAIN = 1 << 16, /* products that a thread is woken for */
  FEW = 32         /* columns that are put in order by insertion */
};

/* ---- where the entries are ---- */

/* What a task marks columns in: a byte each; and for their order a bit each, and a bit for each word of bits. */
typedef struct marks {
  uint8_t *seen;
  uint64_t *bits, *words;
  int64_t n_bits, n_words; /* how many words there are of each */
} marks;

static void set_bit(uint64_t *bits, int64_t i) { bits[i >> 6] |= (uint64_t)1 << (i & 63); }

/* The places of bits into x, in order, which has room for one more; how many. All bits are 0 then. The first of a word
 * are taken without a branch: whether there is one cannot be foretold. */
static int64_t take_bits(uint64_t *words, int64_t n_words, int32_t *x) {
  enum { FIRST = 3 };
  const int32_t *begin = x;
  for (int64_t w = 0; w < n_words; w++) {
    uint64_t bits = words[w];
    words[w] = 0;
    for (int i = 0; i < FIRST; i++) {
      *x = (int32_t)(w * 64 + __builtin_ctzll(bits | (uint64_t)1 << 63));
      x += bits != 0;
      bits &= bits - 1;
    }
    for (; bits; bits &= bits - 1) *x++ = (int32_t)(w * 64 + __builtin_ctzll(bits));
  }
  return x - begin;
}

static void sort_few(int32_t *x, int64_t n) {
  for (int64_t i = 1; i < n; i++) {
    int32_t v = x[i];
    int64_t k = i;
    for (; k && x[k - 1] > v; k--) x[k] = x[k - 1];
    x[k] = v;
  }
}

/* All bits are 0 before and after. */
static void sort_columns(const marks *m, int32_t *x, int64_t n) {
  if (n <= FEW) {
    sort_few(x, n);
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    set_bit(m->bits, x[i]);
    set_bit(m->words, x[i] >> 6);
  }
  for (int64_t w = 0; w < m->n_words; w++) {
    for (uint64_t words = m->words[w]; words; words &= words - 1) {
      int64_t word = w * 64 + __builtin_ctzll(words);
      for (uint64_t bits = m->bits[word]; bits; bits &= bits - 1) *x++ = (int32_t)(word * 64 + __builtin_ctzll(bits));
      m->bits[word] = 0;
    }
    m->words[w] = 0;
  }
}

/* The distinct columns of row r of the result into x, which has room for one more than there are; how many. Three ways:
 * b's rows are many bits each, and put together word by word; */
static int64_t find_by_words(const kv_sparse_pattern *p, const marks *m, int64_t r, int32_t *x) {
  const kv_sparse_matrix *a = p->a;
  for (int64_t e = a->splits[r]; e < a->splits[r + 1]; e++) {
    const uint64_t *row = p->b_bits + a->columns[e] * m->n_bits;
    for (int64_t w = 0; w < m->n_bits; w++) m->bits[w] |= row[w];
  }
  return take_bits(m->bits, m->n_bits, x);
}

/* there are enough of them for a look at all words of bits; */
static int64_t find_by_bits(const kv_sparse_pattern *p, const marks *m, int64_t r, int32_t *x) {
  const kv_sparse_matrix *a = p->a, *b = p->b;
  for (int64_t e = a->splits[r]; e < a->splits[r + 1]; e++) {
    int64_t last = b->splits[a->columns[e] + 1];
    for (int64_t f = b->splits[a->columns[e]]; f < last; f++) set_bit(m->bits, b->columns[f]);
  }
  return take_bits(m->bits, m->n_bits, x);
}

/* or few are listed and sorted. */
static int64_t find_by_list(const kv_sparse_pattern *p, const marks *m, int64_t r, int32_t *x) {
  const kv_sparse_matrix *a = p->a, *b = p->b;
  int64_t n = 0;
  for (int64_t e = a->splits[r]; e < a->splits[r + 1]; e++) {
    int64_t last = b->splits[a->columns[e] + 1];
    for (int64_t f = b->splits[a->columns[e]]; f < last; f++) {
      int32_t column = b->columns[f];
      x[n] = column;
      n += !m->seen[column];
      m->seen[column] = 1;
    }
  }
  for (int64_t i = 0; i < n; i++) m->seen[x[i]] = 0;
  sort_columns(m, x, n);
  return n;
}

static bool make_room(kv_sparse_part *part, int64_t n) {
  if (part->n + n <= part->room) return true;
  int64_t room = part->n + n + (part->room >> 1);
  int32_t *columns = kv_realloc(part->columns, (size_t)room * sizeof *columns);
  if (!columns) return false;
  part->columns = columns;
  part->room = room;
  return true;
}

static void find_part(void *context, size_t i) {
  kv_sparse_pattern *p = context;
  kv_sparse_part *part = &p->part[i];
  int64_t n_bits = p->columns / 64 + 1, n_words = n_bits / 64 + 1;
  marks m = {kv_calloc((size_t)p->columns + 1, 1), kv_calloc((size_t)n_bits, sizeof *m.bits),
             kv_calloc((size_t)n_words, sizeof *m.words), n_bits, n_words};
  part->failed = !m.seen || !m.bits || !m.words;
  for (int64_t r = part->begin; r < part->end && !part->failed; r++) {
    int64_t most = p->counts[r] < p->columns ? p->counts[r] : p->columns;
    if (!most) continue;
    part->failed = !make_room(part, most + 1);
    if (part->failed) break;
    int32_t *x = part->columns + part->n;
    p->counts[r] = p->b_bits                     ? find_by_words(p, &m, r, x)
                   : p->counts[r] * 4 > m.n_bits ? find_by_bits(p, &m, r, x)
                                                 : find_by_list(p, &m, r, x);
    part->n += p->counts[r];
  }
  kv_free(m.seen);
  kv_free(m.bits);
  kv_free(m.words);
}

/* Rows for each task, of as many products each: counts has those of each row. */
static void divide(kv_sparse_pattern *p, int64_t total) {
  int64_t grain = p->columns > GRAIN ? p->columns : GRAIN, most = 4 * (int64_t)kv_threads(), done = 0;
  int64_t n = total / grain + 1;
  if (n > most) n = most;
  p->n_parts = (int)(n < KV_SPARSE_PARTS ? n : KV_SPARSE_PARTS);
  int64_t r = 0, each = total / p->n_parts + 1;
  for (int i = 0; i < p->n_parts; i++) {
    p->part[i].begin = r;
    while (r < p->a->rows && (i == p->n_parts - 1 || done < each * (i + 1))) done += p->counts[r++];
    p->part[i].end = r;
  }
}

/* Where b's entries are not fewer than such words: a bit for each place of b. */
static bool spread_bits(kv_sparse_pattern *p) {
  const kv_sparse_matrix *b = p->b;
  int64_t n_bits = p->columns / 64 + 1;
  if (b->splits[b->rows] / n_bits < b->rows) return true;
  p->b_bits = kv_calloc((size_t)(b->rows * n_bits), sizeof *p->b_bits);
  for (int64_t r = 0; r < b->rows && p->b_bits; r++)
    for (int64_t f = b->splits[r]; f < b->splits[r + 1]; f++) set_bit(p->b_bits + r * n_bits, b->columns[f]);
  return p->b_bits;
}

bool kv_sparse_find(const kv_sparse_matrix *a, const kv_sparse_matrix *b, int64_t columns, kv_sparse_pattern *p) {
  int64_t total = 0;
  memset(p, 0, sizeof *p);
  p->a = a;
  p->b = b;
  p->columns = columns;
  p->counts = kv_malloc((size_t)(a->rows + 1) * sizeof *p->counts);
  if (!p->counts || !spread_bits(p)) return false;
  for (int64_t r = 0; r < a->rows; r++) {
    p->counts[r] = 0;
    for (int64_t e = a->splits[r]; e < a->splits[r + 1]; e++)
      p->counts[r] += b->splits[a->columns[e] + 1] - b->splits[a->columns[e]];
    total += p->counts[r];
  }
  divide(p, total);
  kv_parallel((size_t)p->n_parts, find_part, p);
  for (int i = 0; i < p->n_parts; i++) {
    if (p->part[i].failed) return false;
    p->part[i].first = p->n;
    p->n += p->part[i].n;
  }
  return true;
}

void kv_sparse_pattern_free(kv_sparse_pattern *p) {
  for (int i = 0; i < p->n_parts; i++) kv_free(p->part[i].columns);
  kv_free(p->counts);
  kv_free(p->b_bits);
}

/* ---- what they are called ---- */

void kv_sparse_places(const kv_sparse_pattern *p, const int64_t *row_names, const int64_t *column_names, bool narrow,
                      void *places) {
  int32_t *at = places;
  int64_t *far = places;
  for (int i = 0; i < p->n_parts; i++) {
    const int32_t *x = p->part[i].columns;
    for (int64_t r = p->part[i].begin; r < p->part[i].end; r++) {
      int64_t row = row_names ? row_names[r] : r;
      for (int64_t k = 0; k < p->counts[r]; k++, x++) {
        int64_t column = column_names ? column_names[*x] : *x;
        if (narrow) {
          *at++ = (int32_t)row;
          *at++ = (int32_t)column;
        } else {
          *far++ = row;
          *far++ = column;
        }
      }
    }
  }
}

/* ---- sums ---- */

typedef struct complex_float {
  float re, im;
} complex_float;

typedef struct complex_double {
  double re, im;
} complex_double;

#define REAL(T, sum, a, b) (sum) += (a) * (b)
#define COMPLEX(T, sum, a, b)                                                                                          \
  (sum) = (T) { (sum).re + ((a).re * (b).re - (a).im * (b).im), (sum).im + ((a).re * (b).im + (a).im * (b).re) }

/* The sums of a part; those of a row are made in `scratch`, which has a 0 for each column before and after. */
#define SUMS(T, name, ADD)                                                                                             \
  static void name(const kv_sparse_pattern *p, const kv_sparse_part *part, void *scratch, void *result) {              \
    const kv_sparse_matrix *a = p->a, *b = p->b;                                                                       \
    const T *a_values = a->values, *b_values = b->values, zero = {0};                                                  \
    const int32_t *x = part->columns;                                                                                  \
    T *restrict sums = scratch, *y = (T *)result + part->first;                                                        \
    for (int64_t r = part->begin; r < part->end; r++) {                                                                \
      if (!p->counts[r]) continue;                                                                                     \
      for (int64_t e = a->splits[r]; e < a->splits[r + 1]; e++) {                                                      \
        T v = a_values[e];                                                                                             \
        int64_t last = b->splits[a->columns[e] + 1];                                                                   \
        for (int64_t f = b->splits[a->columns[e]]; f < last; f++) ADD(T, sums[b->columns[f]], v, b_values[f]);         \
      }                                                                                                                \
      for (int64_t k = 0; k < p->counts[r]; k++, x++) {                                                                \
        *y++ = sums[*x];                                                                                               \
        sums[*x] = zero;                                                                                               \
      }                                                                                                                \
    }                                                                                                                  \
  }
SUMS(uint32_t, sums_32, REAL)
SUMS(uint64_t, sums_64, REAL)
SUMS(float, sums_f32, REAL)
SUMS(double, sums_f64, REAL)
SUMS(complex_float, sums_c64, COMPLEX)
SUMS(complex_double, sums_c128, COMPLEX)

typedef void sums_loop(const kv_sparse_pattern *, const kv_sparse_part *, void *, void *);

static sums_loop *loop_of(kvino_dtype dtype) {
  switch (dtype) {
  case KVINO_I32:
  case KVINO_U32:
    return sums_32;
  case KVINO_I64:
  case KVINO_U64:
    return sums_64;
  case KVINO_F32:
    return sums_f32;
  case KVINO_F64:
    return sums_f64;
  case KVINO_C64:
    return sums_c64;
  case KVINO_C128:
    return sums_c128;
  default:
    return NULL;
  }
}

bool kv_sparse_sums_take(kvino_dtype dtype) { return loop_of(dtype); }

typedef struct summing {
  kv_sparse_pattern *pattern;
  kvino_dtype dtype;
  void *result;
} summing;

static void sum_part(void *context, size_t i) {
  const summing *s = context;
  kv_sparse_part *part = &s->pattern->part[i];
  void *scratch = kv_calloc((size_t)s->pattern->columns + 1, kvino_dtype_size(s->dtype));
  part->failed = !scratch;
  if (scratch) loop_of(s->dtype)(s->pattern, part, scratch, s->result);
  kv_free(scratch);
}

bool kv_sparse_sums(kv_sparse_pattern *pattern, kvino_dtype dtype, void *result) {
  summing s = {pattern, dtype, result};
  kv_parallel((size_t)pattern->n_parts, sum_part, &s);
  for (int i = 0; i < pattern->n_parts; i++)
    if (pattern->part[i].failed) return false;
  return true;
}
