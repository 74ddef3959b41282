/* Derivatives of reductions. Where several elements are the extreme, each has an equal part in it. */
#include "grad/grad.h"

/* What a reduction gave, for every element that it was computed from. */
static kvino_tensor *spread(kv_grad *g, kvino_tensor *y) {
  kvino_tensor *kept = kv_restore_axes(g->s, y, g->in[0], g->in[1], g->attrs->keep_dims.keep_dims);
  return kv_broadcast_shape(g->s, kept, kv_dims(g->s, g->in[0]));
}

void kv_grad_reduce_sum(kv_grad *g) { g->d_in[0] = spread(g, g->d_out[0]); }

/* The number of elements that one of the results is the mean of. */
static kvino_tensor *count(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *x = g->in[0], *number = kv_int(s, KVINO_I64, 1);
  bool reduced[KVINO_MAX_RANK];
  if (s->status || !kv_scope_ok(s, kv_axes_operand(g->in[1], x->rank, reduced, s->err))) return NULL;
  for (int i = 0; i < x->rank; i++)
    if (reduced[i]) number = kv_multiply(s, number, kv_dimension(s, x, i));
  return kv_cast(s, number, (kvino_dtype)x->dtype);
}

void kv_grad_reduce_mean(kv_grad *g) { g->d_in[0] = spread(g, kv_divide(g->s, g->d_out[0], count(g))); }

/* ---- products ---- */

/* The reduced axes, ascending. */
static kvino_tensor *reduced_axes(kv_grad *g) {
  bool reduced[KVINO_MAX_RANK];
  int64_t axes[KVINO_MAX_RANK];
  size_t n = 0;
  int rank = g->in[0]->rank;
  if (g->s->status || !kv_scope_ok(g->s, kv_axes_operand(g->in[1], rank, reduced, g->s->err))) return NULL;
  for (int i = 0; i < rank; i++)
    if (reduced[i]) axes[n++] = i;
  return kv_vector(g->s, n, axes);
}

/* Along several axes, one after the other. Along one, the product of all other elements is that of those before and of
 * those behind, whichever are zero. */
void kv_grad_reduce_prod(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *x = g->in[0], *axes = reduced_axes(g);
  kvino_dtype dtype = (kvino_dtype)x->dtype, work = kv_work_dtype(dtype);
  if (!axes) return;
  x = kv_cast(s, x, work);
  if (axes->size == 1) {
    kvino_tensor *axis = kv_int(s, KVINO_I64, kv_tensor_get_int(axes, 0));
    kvino_tensor *before = kv_cum_prod(s, x, axis, (kv_cumsum_attrs){.exclusive = true, .reverse = false});
    kvino_tensor *behind = kv_cum_prod(s, x, axis, (kv_cumsum_attrs){.exclusive = true, .reverse = true});
    kvino_tensor *d = kv_multiply(s, spread(g, kv_cast(s, g->d_out[0], work)), kv_multiply(s, before, behind));
    g->d_in[0] = d ? kv_cast(s, d, dtype) : NULL;
    return;
  }
  for (int64_t i = 0; i < axes->size; i++)
    x = kv_reduce_prod(s, x, KV_VECTOR(s, kv_tensor_get_int(axes, i)), (kv_keep_dims_attrs){.keep_dims = true});
  if (axes->size && !g->attrs->keep_dims.keep_dims) x = kv_squeeze(s, x, axes);
  kv_grad_through(g, x ? kv_cast(s, x, dtype) : NULL);
}

/* ---- extremes ---- */

void kv_grad_reduce_extreme(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *x = g->in[0];
  kvino_dtype dtype = (kvino_dtype)x->dtype, work = kv_work_dtype(dtype);
  kvino_tensor *hit = kv_cast(s, kv_equal(s, x, spread(g, g->out[0])), work);
  kvino_tensor *hits = kv_reduce_sum(s, hit, g->in[1], g->attrs->keep_dims);
  kvino_tensor *part = kv_divide(s, kv_cast(s, g->d_out[0], work), hits);
  kvino_tensor *d = kv_multiply(s, hit, spread(g, part));
  g->d_in[0] = d ? kv_cast(s, d, dtype) : NULL;
}

/* ---- norms ---- */

void kv_grad_reduce_l1(kv_grad *g) { g->d_in[0] = kv_multiply(g->s, spread(g, g->d_out[0]), kv_sign(g->s, g->in[0])); }

/* x / |x|; of nothing but zeros it is zero, as that of the absolute value of a number. */
void kv_grad_reduce_l2(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *y = g->out[0], *d = g->d_out[0], *zero = kv_equal(s, y, kv_like(s, y, 0));
  kvino_tensor *size = kv_select(s, zero, kv_like(s, y, 1), y);
  g->d_in[0] = kv_multiply(s, spread(g, d), kv_divide(s, g->in[0], spread(g, size)));
}

void kv_grad_reduce_mean_square(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *d = kv_divide(s, kv_scaled(s, g->d_out[0], 2), count(g));
  g->d_in[0] = kv_multiply(s, spread(g, d), g->in[0]);
}

void kv_grad_sum_to(kv_grad *g) { g->d_in[0] = kv_broadcast_shape(g->s, g->d_out[0], kv_dims(g->s, g->in[0])); }
