#include "prim/floats.h"

kvino_status kv_floats_only(kv_call *c) {
  kvino_dtype dtype = (kvino_dtype)c->in[0]->dtype;
  if (!kvino_dtype_is_float(dtype))
    return kv_fail(c->err, KVINO_TYPE, "%s takes floats, not %s", c->prim->name, kvino_dtype_name(dtype));
  return KVINO_OK;
}

static kvino_tensor *converted(kv_scope *s, kvino_tensor *x, kvino_dtype dtype) {
  kvino_tensor *y = NULL;
  kv_attrs attrs = {.convert = {.destination_type = dtype}};
  return kv_scope_ok(s, kv_compute(KV_Convert, &attrs, 1, &x, &y, s->err)) ? kv_own(s, y) : NULL;
}

kvino_tensor *kv_working(kv_scope *s, kvino_tensor *x) {
  kvino_dtype dtype = x ? (kvino_dtype)x->dtype : KVINO_F32, work = kv_working_dtype(dtype);
  if (!x || s->status) return NULL;
  if (work != dtype) return converted(s, x, work);
  size_t size = kvino_dtype_size(dtype), align = kvino_dtype_is_complex(dtype) ? size / 2 : size;
  kvino_tensor *t = NULL;
  kvino_status status = x->contiguous && (uintptr_t)x->data % align
                            ? kvino_tensor_new(dtype, x->rank, x->shape, x->data, &t, s->err)
                            : kvino_tensor_contiguous(x, &t, s->err);
  return kv_scope_ok(s, status) ? kv_own(s, t) : NULL;
}

kvino_tensor *kv_result_for(kv_scope *s, kv_call *c) {
  kvino_tensor *y = NULL;
  if (s->status || !kv_scope_ok(s, kv_tensor_empty(kv_working_dtype(c->spec[0].dtype), c->spec[0].rank,
                                                   c->spec[0].shape, &y, s->err)))
    return NULL;
  return kv_own(s, y);
}

kvino_tensor *kv_rounded(kv_scope *s, kvino_tensor *y, kv_call *c) {
  if (!y || s->status || (kvino_dtype)y->dtype == c->spec[0].dtype) return y;
  return converted(s, y, c->spec[0].dtype);
}
