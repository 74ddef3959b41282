/* Elementwise primitives: one or more operands, NumPy's broadcasting, one output. What each computes is its line in
 * kernels/elementwise/elementwise.def; here is what they share, and the attributes of the few that have some. */
#include "kernels/elementwise/elementwise.h"

#include <math.h>
#include <string.h>

#include "prim/interval.h"
#include "prim/prim.h"

/* A primitive's loop has its name. */
static const uint8_t loops[KV_PRIM_COUNT] = {
#define UNARY(Name, ...) [KV_##Name] = KV_LOOP_##Name,
#define UNARY_A UNARY
#define BINARY UNARY
#define BINARY_OR_UNARY UNARY
#define TERNARY UNARY
#include "kernels/elementwise/elementwise.def"
};
_Static_assert(KV_LOOP_COUNT <= UINT8_MAX, "loops holds them");

static kv_loop_id loop_of(const kv_call *c) { return (kv_loop_id)loops[c->prim->id]; }

/* ---- attributes ---- */

/* The whole numbers of [low, high] in an integer dtype's range; u64 keeps its bits. */
static void whole_range(kvino_dtype dtype, double low, double high, int64_t out[2]) {
  int bits = (int)kvino_dtype_size(dtype) * 8;
  bool is_signed = kvino_dtype_is_signed(dtype);
  double least = is_signed ? -ldexp(1, bits - 1) : 0, beyond = ldexp(1, is_signed ? bits - 1 : bits);
  uint64_t largest = ((uint64_t)1 << (bits - 1)) - 1;
  if (!is_signed) largest = 2 * largest + 1;
  low = ceil(low);
  high = floor(high);
  for (int i = 0; i < 2; i++) {
    double v = i ? high : low;
    uint64_t wrapped = v >= beyond ? largest : v < 0 ? (uint64_t)(int64_t)fmax(v, least) : (uint64_t)v;
    out[i] = v < least ? (int64_t)least : (int64_t)wrapped;
  }
}

static kv_wide as_wide(kvino_dtype dtype, int64_t v) { return dtype == KVINO_U64 ? (kv_wide)(uint64_t)v : v; }

/* a < min ? min : a > max ? max : a, also where min is above max. */
kv_interval kv_interval_clamp(const kv_bounds *b) {
  const kv_clamp_attrs *clamp = &b->node->attrs.clamp;
  kvino_dtype dtype = kv_bounds_dtype(b);
  int64_t range[2];
  if (!kvino_dtype_is_integer(dtype)) return kv_interval_of_dtype(dtype);
  whole_range(dtype, clamp->min, clamp->max, range);
  kv_wide min = as_wide(dtype, range[0]), max = as_wide(dtype, range[1]), low = b->in[0].low,
          high = kv_interval_top(b->in[0]);
  if (min > max) return kv_interval_fit(dtype, max, min);
  if (kvino_dtype_is_signed(dtype) && high > INT64_MAX) high = INT64_MAX;
  return kv_interval_fit(dtype, low < min ? min : low > max ? max : low, high < min ? min : high > max ? max : high);
}

/* False where the formula has none. */
static bool attributes(const kv_call *c, kv_loop_params *p) {
  const kv_attrs *a = c->attrs;
  switch (c->prim->id) {
  case KV_Round:
    p->integer[0] = a->round.mode && !strcmp(a->round.mode, "half_away_from_zero");
    return true;
  case KV_Gelu:
    p->integer[0] = a->gelu.approximation_mode && !strcmp(a->gelu.approximation_mode, "TANH");
    return true;
  case KV_Elu:
    p->number[0] = a->alpha.alpha;
    return true;
  case KV_Clamp:
    p->number[0] = a->clamp.min;
    p->number[1] = a->clamp.max;
    if (kvino_dtype_is_integer((kvino_dtype)c->in[0]->dtype))
      whole_range((kvino_dtype)c->in[0]->dtype, a->clamp.min, a->clamp.max, p->integer);
    return true;
  default:
    return false;
  }
}

/* ---- operands ---- */

bool kv_prelu_by_channel(const kvino_tensor *x, const kvino_tensor *slope) {
  return x->rank > 2 && slope->rank == 1 && slope->shape[0] != 1 &&
         (slope->shape[0] == x->shape[1] || slope->shape[0] < 0 || x->shape[1] < 0);
}
static bool along_channels(const kv_call *c) {
  return c->prim->id == KV_PReLU && kv_prelu_by_channel(c->in[0], c->in[1]);
}

static kv_view view_of(const kvino_tensor *t) {
  return (kv_view){(kvino_dtype)t->dtype, t->rank, t->shape, t->strides, t->data};
}

/* ---- infer ---- */

static kvino_status not_supported(kv_call *c, kvino_dtype dtype) {
  if (dtype == KVINO_BOOL && c->prim->id == KV_Subtract)
    return kv_fail(c->err, KVINO_TYPE,
                   "numpy boolean subtract, the `-` operator, is not supported, use the bitwise_xor, the "
                   "`^` operator, or the logical_xor function instead.");
  if (dtype == KVINO_BOOL && c->prim->id == KV_Negative)
    return kv_fail(c->err, KVINO_TYPE,
                   "The numpy boolean negative, the `-` operator, is not supported, use the `~` operator "
                   "or the logical_not function instead.");
  return kv_fail(
      c->err, KVINO_TYPE,
      "ufunc '%s' not supported for the input types, and the inputs could not be safely coerced to any supported "
      "types according to the casting rule ''safe'' (%s)",
      kv_loop_name(loop_of(c)), kvino_dtype_name(dtype));
}

/* The result's values as far as the operands' are known (arithmetic on shapes), by the same loop. */
static void infer_known(kv_call *c) {
  kvino_dtype dtype = (kvino_dtype)c->in[0]->dtype;
  int64_t value[3][KV_KNOWN_MAX], y[KV_KNOWN_MAX], n = c->spec[0].rank ? c->spec[0].shape[0] : 1;
  int count[3];
  bool truth = c->spec[0].dtype == KVINO_BOOL;
  if ((dtype != KVINO_I64 && dtype != KVINO_I32) || (c->spec[0].dtype != dtype && !truth) || c->spec[0].rank > 1 ||
      c->n_in > 3 || n < 0 || n > KV_KNOWN_MAX)
    return;
  for (size_t i = 0; i < c->n_in; i++)
    if (!kv_known_values(c->in[i], &count[i], value[i])) return;
  kv_view views[3];
  int64_t lengths[3], stride = sizeof(int64_t);
  for (size_t i = 0; i < c->n_in; i++) {
    lengths[i] = count[i];
    views[i] = (kv_view){KVINO_I64, 1, &lengths[i], &stride, value[i]};
  }
  kv_loop_params params = {{0}, {0}};
  attributes(c, &params);
  kv_elementwise(loop_of(c), c->n_in, views, 1, &n, y, &params);
  for (int64_t k = 0; k < n; k++) {
    c->known[k] = truth ? ((const char *)y)[k] : dtype == KVINO_I32 ? (int32_t)y[k] : y[k];
    for (size_t i = 0; i < c->n_in; i++)
      if (value[i][count[i] == 1 ? 0 : k] == KV_UNKNOWN) c->known[k] = KV_UNKNOWN;
  }
  c->n_known = (int)n;
}

kvino_status kv_infer_elementwise(kv_call *c) {
  kvino_dtype dtype = (kvino_dtype)c->in[0]->dtype;
  if (c->prim->n_in < 0 && c->n_in != 1 && c->n_in != 2)
    return kv_fail(c->err, KVINO_INVALID, "%s takes 1 or 2 operands, not %zu", c->prim->name, c->n_in);
  for (size_t i = 1; i < c->n_in; i++) KV_TRY(kv_same_dtype(c, 0, i));
  if (!kv_loop_takes(loop_of(c), dtype)) return not_supported(c, dtype);
  if (c->prim->id == KV_Clamp && !(c->attrs->clamp.min <= c->attrs->clamp.max))
    return kv_fail(c->err, KVINO_INVALID, "Clamp: min (%g) must not be larger than max (%g)", c->attrs->clamp.min,
                   c->attrs->clamp.max);
  c->spec[0].dtype = kv_loop_result(loop_of(c), dtype);
  KV_TRY(kv_broadcast_shapes(along_channels(c) ? 1 : c->n_in, c->in, &c->spec[0].rank, c->spec[0].shape, c->err));
  if (c->tracing) infer_known(c);
  return KVINO_OK;
}

/* ---- eval ---- */

/* NumPy refuses integers to negative integer powers: the result would be a fraction. */
static kvino_status check_exponents(kv_call *c) {
  const kvino_tensor *b = c->in[1];
  if (!kvino_dtype_is_signed((kvino_dtype)b->dtype) || !b->size) return KVINO_OK;
  kvino_tensor *x;
  KV_TRY(kvino_tensor_contiguous(c->in[1], &x, c->err));
  bool negative = false;
#define SCAN(type)                                                                                                     \
  for (int64_t i = 0; i < x->size; i++) negative |= ((const type *)(const void *)x->data)[i] < 0;
  switch ((kvino_dtype)x->dtype) {
  case KVINO_I8:
    SCAN(int8_t) break;
  case KVINO_I16:
    SCAN(int16_t) break;
  case KVINO_I32:
    SCAN(int32_t) break;
  default:
    SCAN(int64_t) break;
  }
#undef SCAN
  kvino_tensor_release(x);
  return negative ? kv_fail(c->err, KVINO_INVALID, "Integers to negative integer powers are not allowed.") : KVINO_OK;
}

/* Operands of any strides and shapes. */
static void on_views(kv_call *c, const kv_loop_params *params) {
  static const float one = 1;
  kv_view views[3];
  int64_t shape[KVINO_MAX_RANK], strides[KVINO_MAX_RANK];
  size_t n = c->n_in;
  for (size_t i = 0; i < n; i++) views[i] = view_of(c->in[i]);
  if (c->prim->n_in < 0 && n == 1) views[n++] = (kv_view){KVINO_F32, 0, NULL, NULL, &one};
  if (along_channels(c)) { /* [C] as [C, 1, 1, ...] */
    views[1].rank = c->in[0]->rank - 1;
    for (int k = 0; k < views[1].rank; k++) {
      shape[k] = k ? 1 : c->in[1]->shape[0];
      strides[k] = c->in[1]->strides[0];
    }
    views[1].shape = shape;
    views[1].strides = strides;
  }
  kv_elementwise(loop_of(c), n, views, c->spec[0].rank, c->spec[0].shape, c->out[0]->data, params);
}

kvino_status kv_eval_elementwise(kv_call *c) {
  kv_loop_params storage = {{0}, {0}}, *params = attributes(c, &storage) ? &storage : NULL;
  if (c->prim->id == KV_Power) KV_TRY(check_exponents(c));
  KV_TRY(kv_call_alloc_over(c));
  kvino_tensor *y = c->out[0];
  const void *data[3];
  bool flat = c->prim->n_in == (int)c->n_in; /* operands with as many elements as the result are not broadcast */
  for (size_t i = 0; i < c->n_in && flat; i++) {
    flat = c->in[i]->contiguous && c->in[i]->size == y->size && !along_channels(c);
    data[i] = c->in[i]->data;
  }
  if (flat)
    kv_elementwise_flat(loop_of(c), (kvino_dtype)c->in[0]->dtype, c->n_in, data, y->size, y->data, params);
  else if (y->size)
    on_views(c, params);
  return KVINO_OK;
}
