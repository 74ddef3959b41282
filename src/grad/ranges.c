/* Derivatives of arrays that are made from numbers: Range and OneHot. */
#include "grad/places.h"

/* The sum of d, as the cotangent of a number (of one element, whatever its rank). */
static kvino_tensor *for_number(kv_scope *s, kvino_tensor *d, kvino_tensor *number) {
  if (s->status || !d) return NULL;
  d = kv_reduce_sum(s, d, kv_axes(s, KVINO_NO_INTS, d->rank), (kv_keep_dims_attrs){.keep_dims = false});
  d = kv_reshape(s, d, kv_dims(s, number), (kv_reshape_attrs){.special_zero = false});
  return d ? kv_cast(s, d, (kvino_dtype)number->dtype) : NULL;
}

/* start + i step; where it stops says how many there are, no more. */
void kv_grad_range(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *d = g->d_out[0];
  if (g->wanted[0]) g->d_in[0] = for_number(s, d, g->in[0]);
  if (!g->wanted[2]) return;
  kvino_tensor *i = kv_iota(s, kv_dimension(s, d, 0));
  g->d_in[2] = i ? for_number(s, kv_multiply(s, d, kv_cast(s, i, (kvino_dtype)d->dtype)), g->in[2]) : NULL;
}

void kv_grad_one_hot(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *d = g->d_out[0], *zero = kv_like(s, d, 0);
  kvino_tensor *hot =
      kv_one_hot(s, g->in[0], g->in[1], kv_int(s, KVINO_BOOL, 1), kv_int(s, KVINO_BOOL, 0), g->attrs->one_hot);
  if (g->wanted[2]) g->d_in[2] = for_number(s, kv_select(s, hot, d, zero), g->in[2]);
  if (g->wanted[3]) g->d_in[3] = for_number(s, kv_select(s, hot, zero, d), g->in[3]);
}
