#include "ops/promote.h"

#include <pthread.h>

#include "kvino/op.h"

/* ---- floatx ---- */

static _Atomic int floatx = KVINO_F32;

kvino_status kvino_set_floatx(kvino_dtype dtype, kvino_error *err) {
  if (dtype != KVINO_F16 && dtype != KVINO_BF16 && dtype != KVINO_F32 && dtype != KVINO_F64)
    return kv_fail(err, KVINO_INVALID,
                   "Unknown `floatx` value: %s. Expected one of ('bfloat16', 'float16', 'float32', 'float64')",
                   kvino_dtype_name(dtype));
  floatx = (int)dtype;
  return KVINO_OK;
}

kvino_dtype kvino_floatx(void) { return (kvino_dtype)floatx; }

/* ---- weak numbers ---- */

kvino_status kvino_tensor_weak_i64(int64_t value, kvino_tensor **out, kvino_error *err) {
  KV_NOT_NULL(err, out);
  KV_TRY(kvino_tensor_scalar_i64(KVINO_I64, value, out, err));
  (*out)->weak = true;
  return KVINO_OK;
}

kvino_status kvino_tensor_weak_f64(double value, kvino_tensor **out, kvino_error *err) {
  KV_NOT_NULL(err, out);
  KV_TRY(kvino_tensor_scalar_f64(KVINO_F64, value, out, err));
  (*out)->weak = true;
  return KVINO_OK;
}

kvino_status kvino_tensor_weak_bool(bool value, kvino_tensor **out, kvino_error *err) {
  KV_NOT_NULL(err, out);
  return kvino_tensor_scalar_i64(KVINO_BOOL, value, out, err); /* Keras gives a Python bool no weaker type than bool */
}

/* ---- the lattice ---- */

enum { WEAK_INT = KVINO_DTYPE_COUNT, WEAK_FLOAT, NODES };
#define UP(a) (1u << (a))
static const uint32_t next_above[NODES] = {
    [KVINO_BOOL] = UP(WEAK_INT),
    [KVINO_U8] = UP(KVINO_I16) | UP(KVINO_U16),
    [KVINO_U16] = UP(KVINO_I32) | UP(KVINO_U32),
    [KVINO_U32] = UP(KVINO_I64) | UP(KVINO_U64),
    [KVINO_U64] = UP(WEAK_FLOAT),
    [WEAK_INT] = UP(KVINO_U8) | UP(KVINO_I8) | UP(KVINO_C64),
    [KVINO_I8] = UP(KVINO_I16),
    [KVINO_I16] = UP(KVINO_I32),
    [KVINO_I32] = UP(KVINO_I64),
    [KVINO_I64] = UP(WEAK_FLOAT),
    [WEAK_FLOAT] = UP(KVINO_BF16) | UP(KVINO_F16),
    [KVINO_BF16] = UP(KVINO_F32),
    [KVINO_F16] = UP(KVINO_F32),
    [KVINO_F32] = UP(KVINO_F64) | UP(KVINO_C64),
    [KVINO_F64] = UP(KVINO_C128),
    [KVINO_C64] = UP(KVINO_C128),
};

static int8_t bound[NODES][NODES]; /* the least upper bound; -1 where there is none */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill_bounds(void) {
  uint32_t above[NODES];
  for (int i = 0; i < NODES; i++) {
    uint32_t seen = UP(i), last = 0;
    while (seen != last) {
      last = seen;
      for (int k = 0; k < NODES; k++)
        if (last & UP(k)) seen |= next_above[k];
    }
    above[i] = seen;
  }
  for (int a = 0; a < NODES; a++)
    for (int b = 0; b < NODES; b++) {
      uint32_t common = above[a] & above[b];
      bound[a][b] = -1;
      for (int k = 0; k < NODES; k++)
        if (common & UP(k) && (common & ~above[k]) == 0) bound[a][b] = (int8_t)k;
    }
}

static int node_of(const kvino_tensor *t) {
  if (!t->weak) return t->dtype;
  return kvino_dtype_is_float((kvino_dtype)t->dtype)     ? WEAK_FLOAT
         : kvino_dtype_is_integer((kvino_dtype)t->dtype) ? WEAK_INT
                                                         : t->dtype;
}

/* What a weak type is when nothing stronger was met: of floatx's width, as Keras has it. */
static kvino_dtype resolve(int node) {
  size_t width = kvino_dtype_size(kvino_floatx());
  if (node == WEAK_FLOAT) return kvino_floatx() == KVINO_BF16 ? KVINO_F16 : kvino_floatx();
  if (node == WEAK_INT) return width == 2 ? KVINO_I16 : width == 8 ? KVINO_I64 : KVINO_I32;
  return (kvino_dtype)node;
}

static bool is_wide(int dtype) {
  return dtype == KVINO_I64 || dtype == KVINO_U64 || dtype == KVINO_F64 || dtype == KVINO_C128;
}

static kvino_dtype narrow(int dtype) {
  switch (dtype) {
  case KVINO_I64:
    return KVINO_I32;
  case KVINO_U64:
    return KVINO_U32;
  case KVINO_F64:
    return KVINO_F32;
  case KVINO_C128:
    return KVINO_C64;
  default:
    return (kvino_dtype)dtype;
  }
}

/* The lattice node of all operands, or -1 with the scope failed. *wide: an operand is 64 bits wide by itself. */
static int join(kv_scope *s, size_t n, kvino_tensor *const *t, bool *wide) {
  pthread_once(&once, fill_bounds);
  int node = -1;
  *wide = false;
  for (size_t i = 0; i < n; i++) {
    if (!t[i]) continue;
    int other = node_of(t[i]);
    if (other < KVINO_DTYPE_COUNT && is_wide(other)) *wide = true;
    int both = node < 0 || node == other ? other : bound[node][other];
    if (both < 0) {
      kv_scope_fail(s, KVINO_INVALID,
                    "Input dtypes ('%s', '%s') have no available implicit dtype promotion path. Try explicitly casting "
                    "inputs to the desired output type.",
                    kvino_dtype_name((kvino_dtype)resolve(node)), kvino_dtype_name((kvino_dtype)t[i]->dtype));
      return -1;
    }
    node = both;
  }
  return node;
}

kvino_dtype kv_result_type(kv_scope *s, size_t n, kvino_tensor *const *t) {
  bool wide;
  int node = join(s, n, t, &wide);
  if (node < 0) return KVINO_F32; /* the scope has failed, or every operand is NULL */
  kvino_dtype dtype = resolve(node);
  return wide ? dtype : node >= KVINO_DTYPE_COUNT ? dtype : narrow(dtype);
}

kvino_dtype kv_result_float(kv_scope *s, size_t n, kvino_tensor *const *t) {
  kvino_dtype dtype = kv_result_type(s, n, t);
  return kvino_dtype_is_float(dtype) || kvino_dtype_is_complex(dtype) ? dtype : kvino_floatx();
}

kvino_dtype kv_dtype_of(const kvino_tensor *x) { return resolve(node_of(x)); }

/* ---- casting ---- */

/* Whether an integer dtype holds the value. */
static bool holds(kvino_dtype dtype, int64_t value) {
  int bits = (int)kvino_dtype_size(dtype) * 8;
  if (!kvino_dtype_is_signed(dtype)) return value >= 0 && (bits == 64 || value >> bits == 0);
  return bits == 64 || (value >= -((int64_t)1 << (bits - 1)) && value < (int64_t)1 << (bits - 1));
}

/* A number from Python in that dtype. As NumPy, not as a cast of an array: a whole number that does not fit is refused.
 */
static kvino_tensor *number_as(kv_scope *s, const kvino_tensor *x, kvino_dtype dtype) {
  if (x->dtype != KVINO_I64) return kv_number(s, dtype, kv_tensor_get_number(x, 0));
  int64_t value = kv_tensor_get_int(x, 0);
  if (kvino_dtype_is_integer(dtype) && !holds(dtype, value))
    return kv_scope_fail(s, KVINO_OVERFLOW, "Python integer %lld out of bounds for %s", (long long)value,
                         kvino_dtype_name(dtype));
  return kv_int(s, dtype, value);
}

kvino_tensor *kv_cast(kv_scope *s, kvino_tensor *x, kvino_dtype dtype) {
  if (!x || (x->dtype == dtype && !x->weak)) return x;
  if (x->weak && !x->rank) return number_as(s, x, dtype);
  return kv_convert(s, x, (kv_convert_attrs){.destination_type = dtype});
}

kvino_tensor *kv_strong(kv_scope *s, kvino_tensor *x) { return x && x->weak ? number_as(s, x, kv_dtype_of(x)) : x; }

void kv_align(kv_scope *s, kvino_tensor **a, kvino_tensor **b) {
  if (!*a || !*b) return;
  if ((*a)->dtype == (*b)->dtype && !(*a)->weak && !(*b)->weak) return; /* also f8 and string: no promotion */
  kvino_dtype dtype = kv_result_type(s, 2, (kvino_tensor *[]){*a, *b});
  *a = kv_cast(s, *a, dtype);
  *b = kv_cast(s, *b, dtype);
}

void kv_align_float(kv_scope *s, kvino_tensor **a, kvino_tensor **b) {
  if (!*a || !*b) return;
  kvino_dtype dtype = kv_result_float(s, 2, (kvino_tensor *[]){*a, *b});
  *a = kv_cast(s, *a, dtype);
  *b = kv_cast(s, *b, dtype);
}

kvino_tensor *kv_to_float(kv_scope *s, kvino_tensor *x) { return x ? kv_cast(s, x, kv_result_float(s, 1, &x)) : NULL; }
