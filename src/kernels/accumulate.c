#include "kernels/accumulate.h"

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

/* ---- combining ---- */

#define PLACES(M, W, load, store, formula)                                                                             \
  for (int64_t i = 0; i < n; i++) {                                                                                    \
    char *p = to + offset[i];                                                                                          \
    const char *q = values + i * run * (int64_t)sizeof(M);                                                             \
    for (int64_t j = 0; j < run; j++, p += sizeof(M), q += sizeof(M)) {                                                \
      M a_, b_;                                                                                                        \
      memcpy(&a_, p, sizeof a_);                                                                                       \
      memcpy(&b_, q, sizeof b_);                                                                                       \
      const W a = (W)load(a_), b = (W)load(b_);                                                                        \
      a_ = (M)store((W)formula(a, b));                                                                                 \
      memcpy(p, &a_, sizeof a_);                                                                                       \
    }                                                                                                                  \
  }

#define COMBINE(ID, M, W, load, store, SUM, SUB, PROD, MIN, MAX)                                                       \
  static void combine_##ID(kv_combination op, int64_t n, int64_t run, char *to, const int64_t *offset,                 \
                           const char *values) {                                                                       \
    switch (op) {                                                                                                      \
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

void kv_combine(kvino_dtype dtype, kv_combination op, int64_t n, int64_t run, char *to, const int64_t *offset,
                const char *values) {
  switch (dtype) {
#define CASE(ID, ...)                                                                                                  \
  case KVINO_##ID:                                                                                                     \
    combine_##ID(op, n, run, to, offset, values);                                                                      \
    break;
    EACH_DTYPE(CASE)
#undef CASE
  default:
    break;
  }
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
  struct scan s = {dtype, op, exclusive, reverse, n, inner, (inner + COLUMNS - 1) / COLUMNS, in, out};
  int64_t each = n * (inner < COLUMNS ? inner : COLUMNS);
  kv_parallel_ranges((size_t)(outer * s.blocks), (size_t)((256 << 10) / each + 1), scan_units, &s);
}
