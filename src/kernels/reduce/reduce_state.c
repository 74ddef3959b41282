/* The accumulators of reductions: what they are before the first element, how two become one, how they become a result.
 */
#include <math.h>
#include <string.h>

#include "base/convert.h"
#include "kernels/elementwise/convert.h"
#include "kernels/kernels.h"
#include "kernels/reduce/reduce_kernels.h"

static kv_reduce_state state_of(kv_reduce_op op, kvino_dtype compute) {
  bool product = op == KV_REDUCE_PROD;
  if (op == KV_REDUCE_MAX || op == KV_REDUCE_MIN || op == KV_REDUCE_FMAX || op == KV_REDUCE_FMIN) return KV_STATE_SAME;
  switch (compute) {
  case KVINO_F32:
    return KV_STATE_F64;
  case KVINO_F64:
    return product ? KV_STATE_F64 : KV_STATE_COMPENSATED;
  case KVINO_C64:
    return product ? KV_STATE_C128_PRODUCT : KV_STATE_C128;
  case KVINO_C128:
    return product ? KV_STATE_C128_PRODUCT : KV_STATE_C128_COMPENSATED;
  default:
    return KV_STATE_SAME;
  }
}

static const kv_reduce_table *table(void) { return &KV_BEST(kv_reduce_loops); }

bool kv_reduce_takes(kv_reduce_op op, kvino_dtype dtype) {
  if (op == KV_REDUCE_MEAN) return kvino_dtype_is_float(dtype) || kvino_dtype_is_complex(dtype);
  return kv_reduce_loops_scalar[op][kv_compute_dtype(dtype)].row != NULL;
}

kvino_status kv_reducer_init(kv_reducer *r, kv_reduce_op op, kvino_dtype dtype, kvino_error *err) {
  static const char *const names[] = {"sum", "prod", "max",  "min",  "L1 norm",     "L2 norm",
                                      "all", "any",  "fmax", "fmin", "mean square", "mean"};
  static const uint8_t sizes[] = {[KV_STATE_F64] = 8,
                                  [KV_STATE_COMPENSATED] = 16,
                                  [KV_STATE_C128] = 16,
                                  [KV_STATE_C128_COMPENSATED] = 32,
                                  [KV_STATE_C128_PRODUCT] = 16};
  if (!kv_reduce_takes(op, dtype))
    return kv_fail(err, KVINO_TYPE, "%s does not take dtype %s", names[op], kvino_dtype_name(dtype));
  r->op = op;
  r->dtype = dtype;
  r->compute = kv_compute_dtype(dtype);
  r->state = state_of(op, r->compute);
  r->size = r->state == KV_STATE_SAME ? (int)kvino_dtype_size(r->compute) : sizes[r->state];
  r->kernel = (*table())[op == KV_REDUCE_MEAN ? KV_REDUCE_SUM : op][r->compute];
  return KVINO_OK;
}

/* ---- begin ---- */

static void fill_doubles(double *s, int64_t n, double value) {
  for (int64_t i = 0; i < n; i++) s[i] = value;
}

/* The least (or, for the minimum, the greatest) value there is. */
static void fill_worst(kvino_dtype dtype, bool max, char *s, int64_t n) {
#define FILL(type, value)                                                                                              \
  for (int64_t i = 0; i < n; i++) ((type *)s)[i] = (value);                                                            \
  break;
  switch (dtype) {
  case KVINO_BOOL:
    FILL(uint8_t, !max)
  case KVINO_U8:
    FILL(uint8_t, max ? 0 : UINT8_MAX)
  case KVINO_U16:
    FILL(uint16_t, max ? 0 : UINT16_MAX)
  case KVINO_U32:
    FILL(uint32_t, max ? 0 : UINT32_MAX)
  case KVINO_U64:
    FILL(uint64_t, max ? 0 : UINT64_MAX)
  case KVINO_I8:
    FILL(int8_t, max ? INT8_MIN : INT8_MAX)
  case KVINO_I16:
    FILL(int16_t, max ? INT16_MIN : INT16_MAX)
  case KVINO_I32:
    FILL(int32_t, max ? INT32_MIN : INT32_MAX)
  case KVINO_I64:
    FILL(int64_t, max ? INT64_MIN : INT64_MAX)
  case KVINO_C64:
    n *= 2; /* fall through */
  case KVINO_F32:
    FILL(float, max ? -INFINITY : INFINITY)
  case KVINO_C128:
    n *= 2; /* fall through */
  case KVINO_F64:
    FILL(double, max ? -INFINITY : INFINITY)
  default:
    break;
  }
#undef FILL
}

void kv_reduce_begin(const kv_reducer *r, void *state, int64_t n, int64_t width) {
  double *s = state;
  double one = r->op == KV_REDUCE_PROD;
  switch (r->state) {
  case KV_STATE_F64:
    fill_doubles(s, n, one);
    break;
  case KV_STATE_COMPENSATED:
    fill_doubles(s, n, 0);
    fill_doubles(s + width, n, 0);
    break;
  case KV_STATE_C128:
    fill_doubles(s, 2 * n, 0);
    break;
  case KV_STATE_C128_COMPENSATED:
    fill_doubles(s, 2 * n, 0);
    fill_doubles(s + 2 * width, 2 * n, 0);
    break;
  case KV_STATE_C128_PRODUCT:
    for (int64_t i = 0; i < n; i++) s[2 * i] = 1, s[2 * i + 1] = 0;
    break;
  case KV_STATE_SAME:
    if (r->op == KV_REDUCE_MAX || r->op == KV_REDUCE_MIN)
      fill_worst(r->compute, r->op == KV_REDUCE_MAX, state, n);
    else if (r->op == KV_REDUCE_FMAX || r->op == KV_REDUCE_FMIN)
      for (int64_t i = 0; i < n; i++) kv_store_f64(r->compute, (char *)state + i * r->size, NAN);
    else if (r->op == KV_REDUCE_AND)
      memset(state, 1, (size_t)n);
    else if (r->op == KV_REDUCE_PROD)
      for (int64_t i = 0; i < n; i++) kv_store_i64(r->compute, (char *)state + i * r->size, 1);
    else
      memset(state, 0, (size_t)(n * r->size));
    break;
  case KV_STATE_NONE:
    break;
  }
}

/* ---- merge ---- */

static void merge_compensated(double *a, double *a_error, const double *b, const double *b_error, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    double s = a[i], t = s + b[i], part = t - s;
    a_error[i] += (s - (t - part)) + (b[i] - part) + b_error[i];
    a[i] = t;
  }
}

void kv_reduce_merge(const kv_reducer *r, void *into, int64_t into_width, const void *from, int64_t from_width,
                     int64_t n) {
  double *a = into;
  const double *b = from;
  switch (r->state) {
  case KV_STATE_C128:
    n *= 2; /* fall through */
  case KV_STATE_F64:
    if (r->op == KV_REDUCE_PROD)
      for (int64_t i = 0; i < n; i++) a[i] *= b[i];
    else
      for (int64_t i = 0; i < n; i++) a[i] += b[i];
    break;
  case KV_STATE_COMPENSATED:
    merge_compensated(a, a + into_width, b, b + from_width, n);
    break;
  case KV_STATE_C128_COMPENSATED:
    merge_compensated(a, a + 2 * into_width, b, b + 2 * from_width, 2 * n);
    break;
  case KV_STATE_C128_PRODUCT:
    for (int64_t i = 0; i < 2 * n; i += 2) {
      double x = a[i], y = a[i + 1];
      a[i] = x * b[i] - y * b[i + 1];
      a[i + 1] = x * b[i + 1] + y * b[i];
    }
    break;
  case KV_STATE_SAME: { /* for L1 the states are sums: no magnitude again */
    kv_reduce_kernel k = r->op == KV_REDUCE_L1 ? (*table())[KV_REDUCE_SUM][r->compute] : r->kernel;
    k.columns(from, 0, 1, n, into, into_width);
    break;
  }
  case KV_STATE_NONE:
    break;
  }
}

/* ---- finish ---- */

/* Part i (of n times `parts`) as a double. Sums past an infinity have no meaningful error. */
static inline double settled(const kv_reducer *r, const double *s, int64_t i, int64_t width, int parts, double count) {
  double v = s[i];
  if (r->state == KV_STATE_COMPENSATED || r->state == KV_STATE_C128_COMPENSATED) {
    double whole = v + s[parts * width + i];
    if (isfinite(v) && isfinite(whole)) v = whole;
  }
  if (r->op == KV_REDUCE_MEAN || r->op == KV_REDUCE_MEAN_SQUARE)
    v /= count;
  else if (r->op == KV_REDUCE_L2)
    v = sqrt(v);
  return v;
}

/* n values from `from`, of dtype `kind`, to the result's dtype and places. */
static void put(const kv_reducer *r, kvino_dtype kind, const void *from, int64_t n, char *out, int64_t step) {
  enum { PIECE = 64 };
  char values[PIECE * sizeof(double)];
  int64_t size = (int64_t)kvino_dtype_size(r->dtype), from_size = (int64_t)kvino_dtype_size(kind);
  if (step == size) {
    kv_convert_elements(kind, from, r->dtype, out, (size_t)n);
    return;
  }
  for (int64_t at = 0; at < n; at += PIECE) {
    int64_t m = n - at < PIECE ? n - at : PIECE;
    kv_convert_elements(kind, (const char *)from + at * from_size, r->dtype, values, (size_t)m);
    for (int64_t i = 0; i < m; i++, out += step) memcpy(out, values + i * size, (size_t)size);
  }
}

static void finish_doubles(const kv_reducer *r, const double *s, int64_t width, int64_t n, double count, char *out,
                           int64_t step) {
  double v[64];
  for (int64_t at = 0; at < n; at += 64, out += 64 * step) {
    int64_t m = n - at < 64 ? n - at : 64;
    for (int64_t i = 0; i < m; i++) v[i] = settled(r, s, at + i, width, 1, count);
    if (m == 1 && r->dtype == KVINO_F32)
      *(float *)out = (float)v[0];
    else
      put(r, KVINO_F64, v, m, out, step);
  }
}

static void finish_complex(const kv_reducer *r, const double *s, int64_t width, int64_t n, double count, char *out,
                           int64_t step) {
  for (int64_t i = 0; i < n; i++, out += step)
    for (int part = 0; part < 2; part++) {
      double v = settled(r, s, 2 * i + part, width, 2, count);
      if (r->dtype == KVINO_C64)
        ((float *)out)[part] = (float)v;
      else
        ((double *)out)[part] = v;
    }
}

void kv_reduce_finish(const kv_reducer *r, const void *state, int64_t width, int64_t n, double count, char *out,
                      int64_t step) {
  int64_t size = (int64_t)kvino_dtype_size(r->dtype);
  const char *s = state;
  switch (r->state) {
  case KV_STATE_F64:
  case KV_STATE_COMPENSATED:
    finish_doubles(r, state, width, n, count, out, step);
    break;
  case KV_STATE_C128:
  case KV_STATE_C128_COMPENSATED:
  case KV_STATE_C128_PRODUCT:
    finish_complex(r, state, width, n, count, out, step);
    break;
  case KV_STATE_SAME:
    if (r->compute != r->dtype)
      put(r, r->compute, s, n, out, step);
    else if (step == size)
      memcpy(out, s, (size_t)(n * size));
    else
      for (int64_t i = 0; i < n; i++) memcpy(out + i * step, s + i * size, (size_t)size);
    break;
  case KV_STATE_NONE:
    break;
  }
}
