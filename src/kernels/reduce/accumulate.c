#include "kernels/reduce/accumulate.h"

#include <complex.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/convert.h"
#include "base/threads.h"

/* Loops are made for each dtype: X(ID, type in memory, type of the arithmetic, load, store, sum, ...). */
#define AS_IS(v) (v)
#define TRUTH(v) ((v) != 0)

#define WRAP_SUM(a, b) ((uint64_t)(a) + (uint64_t)(b))
#define WRAP_SUB(a, b) ((uint64_t)(a) - (uint64_t)(b))
#define WRAP_PROD(a, b) ((uint64_t)(a) * (uint64_t)(b))
#define PLAIN_SUM(a, b) ((a) + (b))
#define PLAIN_SUB(a, b) ((a) - (b))
#define PLAIN_PROD(a, b) ((a) * (b))
/* As NumPy multiplies: C's own product also repairs NaNs that come from infinities. */
#define COMPLEX_PROD(a, b)                                                                                             \
  __builtin_complex(__real__(a) * __real__(b) - __imag__(a) * __imag__(b),                                             \
                    __real__(a) * __imag__(b) + __imag__(a) * __real__(b))
#define OR(a, b) ((a) | (b))
#define AND(a, b) ((a) & (b))
#define NONE(a, b) ((void)(b), (a))
/* A NaN stays: on the left because it equals nothing, on the right because no comparison holds. */
#define LOW(a, b) ((a) != (a) || (a) <= (b) ? (a) : (b))
#define HIGH(a, b) ((a) != (a) || (a) >= (b) ? (a) : (b))

#define EACH_DTYPE(X)                                                                                                  \
  X(BOOL, uint8_t, uint8_t, TRUTH, AS_IS, OR, NONE, AND, AND, OR)                                                      \
  X(U8, uint8_t, uint8_t, AS_IS, AS_IS, WRAP_SUM, WRAP_SUB, WRAP_PROD, LOW, HIGH)                                      \
  X(U16, uint16_t, uint16_t, AS_IS, AS_IS, WRAP_SUM, WRAP_SUB, WRAP_PROD, LOW, HIGH)                                   \
  X(U32, uint32_t, uint32_t, AS_IS, AS_IS, WRAP_SUM, WRAP_SUB, WRAP_PROD, LOW, HIGH)                                   \
  X(U64, uint64_t, uint64_t, AS_IS, AS_IS, WRAP_SUM, WRAP_SUB, WRAP_PROD, LOW, HIGH)                                   \
  X(I8, int8_t, int8_t, AS_IS, AS_IS, WRAP_SUM, WRAP_SUB, WRAP_PROD, LOW, HIGH)                                        \
  X(I16, int16_t, int16_t, AS_IS, AS_IS, WRAP_SUM, WRAP_SUB, WRAP_PROD, LOW, HIGH)                                     \
  X(I32, int32_t, int32_t, AS_IS, AS_IS, WRAP_SUM, WRAP_SUB, WRAP_PROD, LOW, HIGH)                                     \
  X(I64, int64_t, int64_t, AS_IS, AS_IS, WRAP_SUM, WRAP_SUB, WRAP_PROD, LOW, HIGH)                                     \
  X(F8E4M3, uint8_t, float, kv_f8e4m3_to_f32, kv_f32_to_f8e4m3, PLAIN_SUM, PLAIN_SUB, PLAIN_PROD, LOW, HIGH)           \
  X(F8E5M2, uint8_t, float, kv_f8e5m2_to_f32, kv_f32_to_f8e5m2, PLAIN_SUM, PLAIN_SUB, PLAIN_PROD, LOW, HIGH)           \
  X(F16, uint16_t, float, kv_f16_to_f32, kv_f32_to_f16, PLAIN_SUM, PLAIN_SUB, PLAIN_PROD, LOW, HIGH)                   \
  X(BF16, uint16_t, float, kv_bf16_to_f32, kv_f32_to_bf16, PLAIN_SUM, PLAIN_SUB, PLAIN_PROD, LOW, HIGH)                \
  X(F32, float, float, AS_IS, AS_IS, PLAIN_SUM, PLAIN_SUB, PLAIN_PROD, LOW, HIGH)                                      \
  X(F64, double, double, AS_IS, AS_IS, PLAIN_SUM, PLAIN_SUB, PLAIN_PROD, LOW, HIGH)                                    \
  X(C64, float complex, float complex, AS_IS, AS_IS, PLAIN_SUM, PLAIN_SUB, COMPLEX_PROD, NONE, NONE)                   \
  X(C128, double complex, double complex, AS_IS, AS_IS, PLAIN_SUM, PLAIN_SUB, COMPLEX_PROD, NONE, NONE)

bool kv_combines(kvino_dtype dtype, kv_combination op) {
  if (dtype == KVINO_STRING) return op == KV_REPLACE;
  if (dtype == KVINO_BOOL) return op != KV_SUB && op != KV_MEAN;
  return !kvino_dtype_is_complex(dtype) || (op != KV_MIN && op != KV_MAX);
}

/* ---- combining ----
 *
 * Threads divide the places, never the values for one place: the order in which these are combined, and so the result,
 * does not depend on the number of threads. Long runs are cut into columns; the places of short ones are dealt out by a
 * hash, as some come far more often than others. */

enum { COLUMN = 64 };                         /* elements at the least in a part of a run */
static const int64_t COMBINE_GRAIN = 1 << 16; /* elements that a thread is woken for */

struct combine {
  kvino_dtype dtype;
  kv_combination op;
  int64_t n, run, parts;
  bool columns;
  char *to;
  const int64_t *offset;
  const char *values;
};

/* Which of the parts a place belongs to: by cache lines. */
static inline uint64_t owner(int64_t offset, uint64_t parts) {
  uint64_t hash = (uint64_t)(offset >> 6) * 0x9E3779B97F4A7C15u;
  return (hash >> 32) * parts >> 32;
}

/* Columns first to end - 1 of the values, for the places of `part`; parts 1: of all. */
#define PLACES(M, W, load, store, formula)                                                                             \
  for (int64_t i = 0; i < s->n; i++) {                                                                                 \
    if (parts > 1 && owner(s->offset[i], parts) != part) continue;                                                     \
    char *restrict p = s->to + s->offset[i];                                                                           \
    const char *restrict q = s->values + i * s->run * (int64_t)sizeof(M);                                              \
    for (int64_t j = first; j < end; j++) {                                                                            \
      M a_, b_;                                                                                                        \
      memcpy(&a_, p + j * (int64_t)sizeof(M), sizeof a_);                                                              \
      memcpy(&b_, q + j * (int64_t)sizeof(M), sizeof b_);                                                              \
      const W a = (W)load(a_), b = (W)load(b_);                                                                        \
      a_ = (M)store((W)formula(a, b));                                                                                 \
      memcpy(p + j * (int64_t)sizeof(M), &a_, sizeof a_);                                                              \
    }                                                                                                                  \
  }

#define COMBINE(ID, M, W, load, store, SUM, SUB, PROD, MIN, MAX)                                                       \
  static void combine_##ID(const struct combine *s, int64_t first, int64_t end, uint64_t part, uint64_t parts) {       \
    switch (s->op) {                                                                                                   \
    case KV_SUM:                                                                                                       \
      PLACES(M, W, load, store, SUM) break;                                                                            \
    case KV_SUB:                                                                                                       \
      PLACES(M, W, load, store, SUB) break;                                                                            \
    case KV_PROD:                                                                                                      \
      PLACES(M, W, load, store, PROD) break;                                                                           \
    case KV_MIN:                                                                                                       \
      PLACES(M, W, load, store, MIN) break;                                                                            \
    case KV_MAX:                                                                                                       \
      PLACES(M, W, load, store, MAX) break;                                                                            \
    default:                                                                                                           \
      break;                                                                                                           \
    }                                                                                                                  \
  }
EACH_DTYPE(COMBINE)

static void combine_part(void *context, size_t i) {
  const struct combine *s = context;
  int64_t part = (int64_t)i, first = 0, end = s->run;
  uint64_t parts = s->columns ? 1 : (uint64_t)s->parts;
  if (s->columns) {
    first = s->run * part / s->parts;
    end = s->run * (part + 1) / s->parts;
  }
  switch (s->dtype) {
#define CASE(ID, ...)                                                                                                  \
  case KVINO_##ID:                                                                                                     \
    combine_##ID(s, first, end, (uint64_t)part, parts);                                                                \
    break;
    EACH_DTYPE(CASE)
#undef CASE
  default:
    break;
  }
}

void kv_combine(kvino_dtype dtype, kv_combination op, int64_t n, int64_t run, char *to, const int64_t *offset,
                const char *values) {
  struct combine s = {dtype, op, n, run, 1, true, to, offset, values};
  int64_t threads = n * run < 2 * COMBINE_GRAIN ? 1 : kv_threads(), most = n * run / COMBINE_GRAIN;
  if (threads > most) threads = most > 1 ? most : 1;
  if (threads > 1) {
    int64_t columns = run / COLUMN < threads ? run / COLUMN : threads;
    s.columns = columns > threads / 2;
    s.parts = s.columns ? columns : threads;
  }
  if (s.parts == 1)
    combine_part(&s, 0);
  else
    kv_parallel((size_t)s.parts, combine_part, &s);
}

/* The largest (sign 1) or smallest value of an integer dtype. */
static int64_t extreme(kvino_dtype dtype, bool largest) {
  int bits = (int)kvino_dtype_size(dtype) * 8;
  if (kvino_dtype_is_signed(dtype))
    return largest ? (int64_t)(UINT64_MAX >> (65 - bits)) : -(int64_t)(UINT64_MAX >> (65 - bits)) - 1;
  return largest ? (int64_t)(UINT64_MAX >> (64 - bits)) : 0;
}

void kv_store_neutral(kvino_dtype dtype, kv_combination op, char *p) {
  if (op == KV_SUM || op == KV_SUB)
    kv_store_i64(dtype, p, 0);
  else if (op == KV_PROD)
    kv_store_i64(dtype, p, 1);
  else if (dtype == KVINO_BOOL)
    kv_store_i64(dtype, p, op == KV_MIN);
  else if (kvino_dtype_is_integer(dtype))
    kv_store_i64(dtype, p, extreme(dtype, op == KV_MIN));
  else if (dtype == KVINO_F8E4M3)
    kv_store_f64(dtype, p, op == KV_MIN ? 448 : -448); /* has no infinity */
  else
    kv_store_f64(dtype, p, op == KV_MIN ? INFINITY : -INFINITY);
}

void kv_mean_add(kvino_dtype dtype, void *sum, const char *value) {
  if (kvino_dtype_is_integer(dtype)) {
    __int128 s;
    int64_t v = kv_load_i64(dtype, value);
    memcpy(&s, sum, sizeof s);
    s += dtype == KVINO_U64 ? (__int128)(uint64_t)v : (__int128)v;
    memcpy(sum, &s, sizeof s);
    return;
  }
  double s[2];
  memcpy(s, sum, sizeof s);
  s[0] += kv_load_f64(dtype, value);
  if (dtype == KVINO_C64) s[1] += kv_load_f64(KVINO_F32, value + 4);
  if (dtype == KVINO_C128) s[1] += kv_load_f64(KVINO_F64, value + 8);
  memcpy(sum, s, sizeof s);
}

void kv_mean_store(kvino_dtype dtype, char *to, const void *sum, int64_t count) {
  if (kvino_dtype_is_integer(dtype)) {
    __int128 s;
    memcpy(&s, sum, sizeof s);
    __int128 q = s / count;
    if (s % count < 0) q--;
    kv_store_i64(dtype, to, (int64_t)q);
    return;
  }
  double s[2];
  memcpy(s, sum, sizeof s);
  kv_store_f64(dtype, to, s[0] / (double)count);
  if (dtype == KVINO_C64) kv_store_f64(KVINO_F32, to + 4, s[1] / (double)count);
  if (dtype == KVINO_C128) kv_store_f64(KVINO_F64, to + 8, s[1] / (double)count);
}

/* ---- running sums and products ---- */

enum { COLUMNS = 64 }; /* running values side by side */

struct scan {
  kvino_dtype dtype;
  kv_combination op;
  bool exclusive, reverse;
  int64_t n, inner, blocks; /* blocks of COLUMNS in a row of `inner` */
  const char *in;
  char *out;
};

/* The first value is taken as it is: 0 + -0 would lose its sign. */
#define RUNNING(M, W, load, store, formula, neutral)                                                                   \
  for (int64_t k = 0; k < s->n; k++, p += step, q += step) {                                                           \
    for (int64_t j = 0; j < columns; j++) {                                                                            \
      M v_;                                                                                                            \
      memcpy(&v_, p + j * (int64_t)sizeof v_, sizeof v_);                                                              \
      const W v = (W)load(v_), before = k ? running[j] : (W)(neutral);                                                 \
      running[j] = k ? (W)formula(before, v) : v;                                                                      \
      v_ = (M)store(s->exclusive ? before : running[j]);                                                               \
      memcpy(q + j * (int64_t)sizeof v_, &v_, sizeof v_);                                                              \
    }                                                                                                                  \
  }

/* The same of one contiguous row forwards: most calls. */
#define RUNNING_ROW(M, W, load, store, formula)                                                                        \
  {                                                                                                                    \
    M v_;                                                                                                              \
    memcpy(&v_, p, sizeof v_);                                                                                         \
    W so_far = (W)load(v_);                                                                                            \
    for (int64_t k = 0;;) {                                                                                            \
      v_ = (M)store(so_far);                                                                                           \
      memcpy(q + k * (int64_t)sizeof v_, &v_, sizeof v_);                                                              \
      if (++k == s->n) break;                                                                                          \
      memcpy(&v_, p + k * (int64_t)sizeof v_, sizeof v_);                                                              \
      so_far = (W)formula(so_far, (W)load(v_));                                                                        \
    }                                                                                                                  \
  }

#define SCAN(ID, M, W, load, store, SUM, SUB, PROD, MIN, MAX)                                                          \
  static void scan_##ID(const struct scan *s, const char *p, char *q, int64_t columns, int64_t step) {                 \
    if (step == (int64_t)sizeof(M) && !s->exclusive) {                                                                 \
      if (s->op == KV_SUM)                                                                                             \
        RUNNING_ROW(M, W, load, store, SUM)                                                                            \
      else                                                                                                             \
        RUNNING_ROW(M, W, load, store, PROD)                                                                           \
      return;                                                                                                          \
    }                                                                                                                  \
    W running[COLUMNS];                                                                                                \
    memset(running, 0, sizeof running);                                                                                \
    if (s->op == KV_SUM)                                                                                               \
      RUNNING(M, W, load, store, SUM, 0)                                                                               \
    else                                                                                                               \
      RUNNING(M, W, load, store, PROD, 1)                                                                              \
  }
EACH_DTYPE(SCAN)

/* ---- running sums of one long row of integers, which may be added up in any order ---- */

enum {
  SHARE = 1 << 16 /* elements that a thread first sums, then scans while they are in its cache */,
  MOST_SHARES = 16
};

struct row {
  const char *p;
  char *q;
  int64_t n, at; /* where the shares of this round begin */
  uint64_t before[MOST_SHARES + 1];
};

/* A row from `sum` on, four elements at a time: only one addition and one broadcast of each four wait for those before.
 */
typedef uint32_t words32 __attribute__((vector_size(16)));
typedef uint64_t words64 __attribute__((vector_size(16)));

static void scan_row_32(const char *p, char *q, int64_t n, uint32_t sum) {
  const words32 zero = {0};
  words32 so_far = zero + sum;
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    words32 v;
    memcpy(&v, p + 4 * i, sizeof v);
    v += __builtin_shufflevector(v, zero, 4, 0, 1, 2);
    v += __builtin_shufflevector(v, zero, 4, 4, 0, 1);
    v += so_far;
    memcpy(q + 4 * i, &v, sizeof v);
    so_far = __builtin_shufflevector(v, v, 3, 3, 3, 3);
  }
  for (sum = so_far[0]; i < n; i++) {
    uint32_t v;
    memcpy(&v, p + 4 * i, sizeof v);
    sum += v;
    memcpy(q + 4 * i, &sum, sizeof sum);
  }
}

static void scan_row_64(const char *p, char *q, int64_t n, uint64_t sum) {
  const words64 zero = {0};
  words64 so_far = zero + sum;
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    words64 v, w;
    memcpy(&v, p + 8 * i, sizeof v);
    memcpy(&w, p + 8 * i + 16, sizeof w);
    v += __builtin_shufflevector(v, zero, 2, 0);
    w += __builtin_shufflevector(w, zero, 2, 0);
    w += __builtin_shufflevector(v, v, 1, 1);
    v += so_far;
    w += so_far;
    memcpy(q + 8 * i, &v, sizeof v);
    memcpy(q + 8 * i + 16, &w, sizeof w);
    so_far = __builtin_shufflevector(w, w, 1, 1);
  }
  for (sum = so_far[0]; i < n; i++) {
    uint64_t v;
    memcpy(&v, p + 8 * i, sizeof v);
    sum += v;
    memcpy(q + 8 * i, &sum, sizeof sum);
  }
}

#define INTEGER_SHARE(bits)                                                                                            \
  static uint##bits##_t sum_row_##bits(const char *p, int64_t n) {                                                     \
    uint##bits##_t sum = 0;                                                                                            \
    for (int64_t i = 0; i < n; i++) {                                                                                  \
      uint##bits##_t v;                                                                                                \
      memcpy(&v, p + i * (bits / 8), sizeof v);                                                                        \
      sum += v;                                                                                                        \
    }                                                                                                                  \
    return sum;                                                                                                        \
  }                                                                                                                    \
  static void sum_share_##bits(void *context, size_t i) {                                                              \
    struct row *r = context;                                                                                           \
    const int64_t from = r->at + (int64_t)i * SHARE, n = r->n - from < SHARE ? r->n - from : SHARE;                    \
    r->before[i + 1] = n > 0 ? sum_row_##bits(r->p + from * (bits / 8), n) : 0;                                        \
  }                                                                                                                    \
  static void scan_share_##bits(void *context, size_t i) {                                                             \
    const struct row *r = context;                                                                                     \
    const int64_t from = r->at + (int64_t)i * SHARE, n = r->n - from < SHARE ? r->n - from : SHARE;                    \
    if (n > 0) scan_row_##bits(r->p + from * (bits / 8), r->q + from * (bits / 8), n, (uint##bits##_t)r->before[i]);   \
  }
INTEGER_SHARE(32)
INTEGER_SHARE(64)

static void scan_integers(bool wide, const char *p, char *q, int64_t n) {
  int threads = kv_threads() < MOST_SHARES ? kv_threads() : MOST_SHARES;
  if (threads == 1 || n < 2 * SHARE) {
    if (wide)
      scan_row_64(p, q, n, 0);
    else
      scan_row_32(p, q, n, 0);
    return;
  }
  struct row r = {.p = p, .q = q, .n = n};
  for (; r.at < n; r.at += (int64_t)threads * SHARE) {
    kv_parallel((size_t)threads, wide ? sum_share_64 : sum_share_32, &r);
    for (int i = 0; i < threads; i++) r.before[i + 1] += r.before[i];
    kv_parallel((size_t)threads, wide ? scan_share_64 : scan_share_32, &r);
    r.before[0] = r.before[threads];
  }
}

static void scan_units(void *context, size_t begin, size_t end) {
  const struct scan *s = context;
  int64_t size = (int64_t)kvino_dtype_size(s->dtype);
  for (int64_t unit = (int64_t)begin; unit < (int64_t)end; unit++) {
    int64_t outer = unit / s->blocks, first = (unit - outer * s->blocks) * COLUMNS;
    int64_t columns = s->inner - first < COLUMNS ? s->inner - first : COLUMNS, step = s->inner * size;
    int64_t start = (outer * s->n * s->inner + first) * size;
    if (s->reverse) {
      start += (s->n - 1) * step;
      step = -step;
    }
    switch (s->dtype) {
#define CASE(ID, ...)                                                                                                  \
  case KVINO_##ID:                                                                                                     \
    scan_##ID(s, s->in + start, s->out + start, columns, step);                                                        \
    break;
      EACH_DTYPE(CASE)
#undef CASE
    default:
      break;
    }
  }
}

void kv_scan(kvino_dtype dtype, kv_combination op, bool exclusive, bool reverse, int64_t outer, int64_t n,
             int64_t inner, const char *in, char *out) {
  if (!outer || !n || !inner) return;
  size_t size = kvino_dtype_size(dtype);
  if (outer == 1 && inner == 1 && op == KV_SUM && !exclusive && !reverse && kvino_dtype_is_integer(dtype) &&
      size >= 4) {
    scan_integers(size == 8, in, out, n);
    return;
  }
  struct scan s = {dtype, op, exclusive, reverse, n, inner, (inner + COLUMNS - 1) / COLUMNS, in, out};
  int64_t each = n * (inner < COLUMNS ? inner : COLUMNS);
  kv_parallel_ranges((size_t)(outer * s.blocks), (size_t)((256 << 10) / each + 1), scan_units, &s);
}
