/* NonZero: the indices of the nonzero elements, [rank, n] in C order. */
#include "kernels/nonzero/nonzero.h"
#include "base/memory.h"
#include "prim/prim.h"

kvino_status kv_infer_non_zero(kv_call *c) {
  kvino_dtype dtype = c->attrs->output_type.output_type;
  if (dtype != KVINO_I32 && dtype != KVINO_I64)
    return kv_fail(c->err, KVINO_TYPE, "indices are int32 or int64, not %s", kvino_dtype_name(dtype));
  if (c->in[0]->dtype == KVINO_STRING) return kv_fail(c->err, KVINO_TYPE, "NonZero does not take dtype string");
  kv_call_spec(c, 0, dtype, 2, (int64_t[]){c->in[0]->rank, -1});
  return KVINO_OK;
}

kvino_status kv_eval_non_zero(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  kvino_dtype dtype = c->spec[0].dtype;
  kv_view view = {(kvino_dtype)x->dtype, x->rank, x->shape, x->strides, x->data};
  int64_t n;
  void *indices;
  KV_TRY(kv_nonzero(&view, dtype == KVINO_I32, &n, &indices, c->err));
  size_t bytes = (size_t)n * x->rank * kvino_dtype_size(dtype);
  return kv_tensor_adopt(dtype, 2, (int64_t[]){x->rank, n}, indices, bytes, &c->out[0], c->err);
}
