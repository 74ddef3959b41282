/* Derivatives of taking by indices: cotangents are added where the elements came from. */
#include "grad/places.h"

static int batch_of(const kv_grad *g) {
  int64_t batch = g->attrs->gather.batch_dims;
  return (int)(batch < 0 ? batch + g->in[1]->rank : batch);
}

void kv_grad_gather(kv_grad *g) {
  int64_t axis;
  if (kv_axis_of(g->s, g->in[2], g->in[0]->rank, &axis))
    g->d_in[0] = kv_added_along(g->s, g->in[0], g->in[1], g->d_out[0], (int)axis, batch_of(g));
}

void kv_grad_gather_elements(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *x = g->in[0];
  kvino_dtype dtype = (kvino_dtype)x->dtype, work = kv_work_dtype(dtype);
  kvino_tensor *y = kv_scatter_elements_update(s, op_zeros_like(s, x, work), g->in[1], kv_cast(s, g->d_out[0], work),
                                               kv_int(s, KVINO_I64, g->attrs->axis.axis),
                                               (kv_scatter_attrs){.reduction = "sum", .use_init_val = true});
  g->d_in[0] = y ? kv_cast(s, y, dtype) : NULL;
}

void kv_grad_gather_nd(kv_grad *g) {
  kv_scope *s = g->s;
  g->d_in[0] = kv_added_at(s, kv_dims(s, g->in[0]), kv_with_batches(s, g->in[1], batch_of(g)), g->d_out[0]);
}
