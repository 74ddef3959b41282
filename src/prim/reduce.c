/* Reductions: operand 1 holds the axes; no axes leave every element by itself. */
#include "kernels/reduce/reduce.h"

#include "base/memory.h"
#include "kernels/nonzero/nonzero.h"
#include "prim/interval.h"
#include "prim/prim.h"

static kv_view view_of(const kvino_tensor *x) {
  return (kv_view){(kvino_dtype)x->dtype, x->rank, x->shape, x->strides, x->data};
}

/* The shape without the reduced axes, or with 1 in their places. */
static kvino_status reduced_shape(kv_call *c, kvino_dtype dtype, bool keep_dims) {
  const kvino_tensor *x = c->in[0];
  bool reduced[KVINO_MAX_RANK];
  KV_TRY(kv_axes_operand(c->in[1], x->rank, reduced, c->err));
  kv_spec *spec = &c->spec[0];
  spec->dtype = dtype;
  spec->rank = 0;
  for (int a = 0; a < x->rank; a++) {
    if (!reduced[a])
      spec->shape[spec->rank++] = x->shape[a];
    else if (keep_dims)
      spec->shape[spec->rank++] = 1;
  }
  return KVINO_OK;
}

static kv_reduce_op operation(const kv_call *c) {
  switch (c->prim->id) {
  case KV_ReduceSum:
    return KV_REDUCE_SUM;
  case KV_ReduceProd:
    return KV_REDUCE_PROD;
  case KV_ReduceMax:
    return KV_REDUCE_MAX;
  case KV_ReduceMin:
    return KV_REDUCE_MIN;
  case KV_ReduceL1:
    return KV_REDUCE_L1;
  case KV_ReduceL2:
    return KV_REDUCE_L2;
  case KV_ReduceLogicalAnd:
    return KV_REDUCE_AND;
  case KV_ReduceLogicalOr:
    return KV_REDUCE_OR;
  case KV_ReduceFMax:
    return KV_REDUCE_FMAX;
  case KV_ReduceFMin:
    return KV_REDUCE_FMIN;
  case KV_ReduceMeanSquare:
    return KV_REDUCE_MEAN_SQUARE;
  default:
    return KV_REDUCE_MEAN;
  }
}

static kvino_status refuse(kv_call *c) {
  return kv_fail(c->err, KVINO_TYPE, "%s does not take dtype %s", c->prim->name,
                 kvino_dtype_name((kvino_dtype)c->in[0]->dtype));
}

/* The number of elements of a shape, its largest dimension, ...: known where every operand value is. */
static void reduce_known(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  int n;
  int64_t v[KV_KNOWN_MAX];
  if (!c->tracing || x->rank != 1 || !c->in[1]->size || (x->dtype != KVINO_I64 && x->dtype != KVINO_I32) ||
      !kv_all_known(x, &n, v) || !n)
    return;
  int64_t total = v[0];
  for (int i = 1; i < n; i++) {
    switch (c->prim->id) {
    case KV_ReduceSum:
      if (__builtin_add_overflow(total, v[i], &total)) return;
      break;
    case KV_ReduceProd:
      if (__builtin_mul_overflow(total, v[i], &total)) return;
      break;
    case KV_ReduceMax:
      total = v[i] > total ? v[i] : total;
      break;
    case KV_ReduceMin:
      total = v[i] < total ? v[i] : total;
      break;
    default:
      return;
    }
  }
  bool sums = c->prim->id == KV_ReduceSum || c->prim->id == KV_ReduceProd || c->prim->id == KV_ReduceMax ||
              c->prim->id == KV_ReduceMin;
  if (!sums || (x->dtype == KVINO_I32 && total != (int32_t)total)) return;
  c->n_known = 1;
  c->known[0] = total;
}

kvino_status kv_infer_reduce(kv_call *c) {
  kvino_dtype dtype = (kvino_dtype)c->in[0]->dtype;
  if (!kv_reduce_takes(operation(c), dtype)) return refuse(c);
  KV_TRY(reduced_shape(c, dtype, c->attrs->keep_dims.keep_dims));
  reduce_known(c);
  return KVINO_OK;
}

/* Without axes the elements stay as they are, except for their sign. */
static bool is_identity(const kv_call *c) {
  return !c->in[1]->size && c->prim->id != KV_ReduceL1 && c->prim->id != KV_ReduceL2 &&
         c->prim->id != KV_ReduceMeanSquare && c->in[0]->dtype != KVINO_BOOL;
}

kvino_status kv_eval_reduce(kv_call *c) {
  bool reduced[KVINO_MAX_RANK];
  kv_view x = view_of(c->in[0]);
  if (is_identity(c)) {
    c->out[0] = kvino_tensor_retain(c->in[0]);
    return KVINO_OK;
  }
  KV_TRY(kv_axes_operand(c->in[1], x.rank, reduced, c->err));
  KV_TRY(kv_call_alloc(c, 0));
  return kv_reduce(operation(c), &x, reduced, c->out[0]->data, c->err);
}

kv_interval kv_interval_reduce_sum(const kv_bounds *b) {
  return kv_bounds_sum(b, kv_bounds_along(b, 1), b->in[0].low, kv_interval_top(b->in[0]));
}

kv_interval kv_interval_reduce_prod(const kv_bounds *b) {
  int64_t n = kv_bounds_along(b, 1);
  kv_wide low = 1, high = 1, bound = 1;
  kv_interval x = b->in[0];
  if (n < 0 || n > 64) return kv_interval_of_dtype(kv_bounds_dtype(b));
  for (int64_t i = 0; i < n; i++) { /* the magnitude grows or ends at 0 */
    kv_wide top = kv_interval_top(x);
    bound = kv_wide_product(bound, -(kv_wide)x.low > top ? -(kv_wide)x.low : top);
    if (bound > high) high = bound;
    if (x.low <= 0) low = x.low < 0 ? -high : 0;
  }
  return kv_interval_fit(kv_bounds_dtype(b), low, high);
}

/* ---- indices and counts ---- */

kvino_status kv_infer_reduce_index(kv_call *c) {
  kvino_dtype dtype = c->attrs->reduce_index.output_type;
  if (dtype != KVINO_I32 && dtype != KVINO_I64)
    return kv_fail(c->err, KVINO_TYPE, "%s gives int32 or int64, not %s", c->prim->name, kvino_dtype_name(dtype));
  if (c->in[0]->dtype == KVINO_STRING) return refuse(c);
  return reduced_shape(c, dtype, c->attrs->reduce_index.keep_dims);
}

kvino_status kv_eval_reduce_arg(kv_call *c) {
  bool reduced[KVINO_MAX_RANK];
  kv_view x = view_of(c->in[0]);
  KV_TRY(kv_axes_operand(c->in[1], x.rank, reduced, c->err));
  KV_TRY(kv_call_alloc(c, 0));
  return kv_reduce_arg(c->prim->id == KV_ReduceArgMax, &x, reduced, c->spec[0].dtype, c->out[0]->data, c->err);
}

static kvino_status narrow_counts(kv_call *c, const int64_t *counts) {
  int32_t *out = (int32_t *)c->out[0]->data;
  for (int64_t i = 0; i < c->out[0]->size; i++) {
    if (counts[i] > INT32_MAX)
      return kv_fail(c->err, KVINO_OVERFLOW, "%lld elements that are not zero do not fit int32", (long long)counts[i]);
    out[i] = (int32_t)counts[i];
  }
  return KVINO_OK;
}

kvino_status kv_eval_count_non_zero(kv_call *c) {
  bool reduced[KVINO_MAX_RANK];
  kv_view x = view_of(c->in[0]);
  KV_TRY(kv_axes_operand(c->in[1], x.rank, reduced, c->err));
  KV_TRY(kv_call_alloc(c, 0));
  if (c->spec[0].dtype == KVINO_I64) return kv_count_nonzero_axes(&x, reduced, (int64_t *)c->out[0]->data, c->err);
  size_t bytes = (size_t)c->out[0]->size * sizeof(int64_t);
  int64_t few[16], *counts = few;
  if (bytes > sizeof few && !(counts = kv_block_new(bytes)))
    return kv_fail(c->err, KVINO_NO_MEMORY, "out of memory for %s", c->prim->name);
  kvino_status status = kv_count_nonzero_axes(&x, reduced, counts, c->err);
  if (!status) status = narrow_counts(c, counts);
  if (counts != few) kv_block_free(counts, bytes);
  return status;
}
