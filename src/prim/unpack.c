/* UnpackInt4: two numbers of 4 bits for each byte along an axis, the low half first; int8 has signed ones, uint8
 * others. */
#include "prim/interval.h"
#include "prim/prim.h"

kvino_status kv_infer_unpack_int4(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  int64_t axis = c->attrs->unpack.axis, length = c->attrs->unpack.length;
  if (x->dtype != KVINO_I8 && x->dtype != KVINO_U8)
    return kv_fail(c->err, KVINO_TYPE, "UnpackInt4 takes int8 or uint8, not %s",
                   kvino_dtype_name((kvino_dtype)x->dtype));
  KV_TRY(kv_normalize_axis(&axis, x->rank, c->err));
  if (x->shape[axis] >= 0 && length != 2 * x->shape[axis] && length != 2 * x->shape[axis] - 1)
    return kv_fail(c->err, KVINO_INVALID, "UnpackInt4: %lld numbers in %lld bytes", (long long)length,
                   (long long)x->shape[axis]);
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, x->rank, x->shape);
  c->spec[0].shape[axis] = length;
  return KVINO_OK;
}

kvino_status kv_eval_unpack_int4(kv_call *c) {
  kvino_tensor *x;
  KV_TRY(kvino_tensor_contiguous(c->in[0], &x, c->err));
  kvino_status status = kv_call_alloc(c, 0);
  int64_t axis = c->attrs->unpack.axis, length = c->attrs->unpack.length, inner = 1, outer = 1;
  if (axis < 0) axis += x->rank;
  for (int k = 0; k < x->rank; k++) *(k < axis ? &outer : k > axis ? &inner : &(int64_t){1}) *= x->shape[k];
  const uint8_t *from = (const uint8_t *)x->data;
  int8_t *to = status ? NULL : (int8_t *)c->out[0]->data;
  int8_t number[16];
  for (int v = 0; v < 16; v++) number[v] = (int8_t)(x->dtype == KVINO_I8 && v > 7 ? v - 16 : v);
  for (int64_t o = 0; to && o < outer; o++)
    for (int64_t i = 0; i < length; i++, to += inner) {
      const uint8_t *row = from + (o * ((length + 1) / 2) + i / 2) * inner;
      for (int64_t k = 0; k < inner; k++) to[k] = number[i % 2 ? row[k] >> 4 : row[k] & 15];
    }
  kvino_tensor_release(x);
  return status;
}

kv_interval kv_interval_unpack_int4(const kv_bounds *b) {
  return kv_bounds_dtype(b) == KVINO_I8 ? (kv_interval){-8, 7} : (kv_interval){0, 15};
}
