/* Derivatives of sorting and selecting: cotangents go back to where the elements stood. Of equal ones, each result is
 * one element, as in a stable sort. */
#include "grad/places.h"

/* Zeros like x, with d at those indices along the axis; none comes twice, or (`sum`) d is added. */
static kvino_tensor *put_back(kv_scope *s, kvino_tensor *x, kvino_tensor *indices, kvino_tensor *d, int64_t axis,
                              bool sum) {
  if (s->status || !d) return NULL;
  kvino_dtype dtype = (kvino_dtype)d->dtype, work = sum ? kv_work_dtype(dtype) : dtype;
  kvino_tensor *y =
      kv_scatter_elements_update(s, op_zeros_like(s, x, work), indices, kv_cast(s, d, work), kv_int(s, KVINO_I64, axis),
                                 (kv_scatter_attrs){.reduction = sum ? "sum" : "none", .use_init_val = true});
  return y ? kv_cast(s, y, dtype) : NULL;
}

static kvino_tensor *order_of(kv_scope *s, kvino_tensor *x, int64_t axis, bool descending) {
  return kv_arg_sort(s, x, (kv_arg_sort_attrs){.axis = axis, .descending = descending, .output_type = KVINO_I64});
}

void kv_grad_sort(kv_grad *g) {
  int64_t axis = g->attrs->sort.axis;
  kvino_tensor *x = g->in[0];
  g->d_in[0] = put_back(g->s, x, order_of(g->s, x, axis, g->attrs->sort.descending), g->d_out[0], axis, false);
}

void kv_grad_topk(kv_grad *g) {
  g->d_in[0] = put_back(g->s, g->in[0], g->out[1], g->d_out[0], g->attrs->topk.axis, false);
}

void kv_grad_order_statistics(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *x = g->in[0], *ranks = g->in[1], *order = order_of(s, x, -1, false);
  kvino_tensor *at = ranks->rank == 1
                         ? kv_gather(s, order, ranks, kv_int(s, KVINO_I64, -1), (kv_gather_attrs){.batch_dims = 0})
                         : kv_gather_elements(s, order, ranks, (kv_axis_attrs){.axis = -1});
  g->d_in[0] = put_back(s, x, at, g->d_out[0], -1, true);
}

/* The distinct values, each taken where it comes first. */
void kv_grad_unique(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *x = g->in[0], *first = g->out[1], *d = g->d_out[0];
  int64_t axis;
  if (!d) return;
  if (g->n_in == 2) {
    if (kv_axis_of(s, g->in[1], x->rank, &axis)) g->d_in[0] = kv_added_along(s, x, first, d, (int)axis, 0);
    return;
  }
  kvino_tensor *dims = kv_dims(s, x),
               *n = kv_reduce_prod(s, dims, KV_VECTOR(s, 0), (kv_keep_dims_attrs){.keep_dims = true});
  kvino_tensor *flat = kv_added_at(s, n, kv_unsqueeze(s, first, KV_VECTOR(s, 1)), d);
  g->d_in[0] = kv_reshape(s, flat, dims, (kv_reshape_attrs){.special_zero = false});
}
