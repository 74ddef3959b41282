/* ConvertColor: red, green and blue as hue, saturation and value, and back. */
#include "kernels/image/color.h"

#include <string.h>

#include "prim/prim.h"

kvino_status kv_infer_convert_color(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  const kv_convert_color_attrs *a = &c->attrs->convert_color;
  int64_t axis = a->axis;
  KV_TRY(kv_normalize_axis(&axis, x->rank, c->err));
  if (x->dtype != KVINO_F32 && x->dtype != KVINO_F64)
    return kv_fail(c->err, KVINO_TYPE, "ConvertColor does not take dtype %s", kvino_dtype_name((kvino_dtype)x->dtype));
  if (!a->to || (strcmp(a->to, "hsv") && strcmp(a->to, "rgb")))
    return kv_fail(c->err, KVINO_INVALID, "ConvertColor: to hsv or rgb, not '%s'", a->to ? a->to : "None");
  if (x->shape[axis] >= 0 && x->shape[axis] != 3)
    return kv_fail(c->err, KVINO_INVALID, "Invalid channel size: expected 3, found %lld", (long long)x->shape[axis]);
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, x->rank, x->shape);
  c->spec[0].shape[axis] = 3;
  return KVINO_OK;
}

kvino_status kv_eval_convert_color(kv_call *c) {
  kvino_tensor *x;
  int64_t axis = c->attrs->convert_color.axis;
  KV_TRY(kv_normalize_axis(&axis, c->in[0]->rank, c->err));
  KV_TRY(kv_call_alloc(c, 0));
  KV_TRY(kvino_tensor_contiguous(c->in[0], &x, c->err));
  kv_coloring work = {.dtype = (kvino_dtype)x->dtype,
                      .to_hsv = !strcmp(c->attrs->convert_color.to, "hsv"),
                      .epsilon = c->attrs->convert_color.epsilon,
                      .outer = 1,
                      .inner = 1,
                      .x = x->data,
                      .y = c->out[0]->data};
  for (int k = 0; k < axis; k++) work.outer *= x->shape[k];
  for (int k = (int)axis + 1; k < x->rank; k++) work.inner *= x->shape[k];
  kv_color_run(&work);
  kvino_tensor_release(x);
  return KVINO_OK;
}
