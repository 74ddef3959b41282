/* Derivatives of running sums, products and linear recurrences: all run the other way. */
#include "grad/places.h"

void kv_grad_cum_sum(kv_grad *g) {
  kv_cumsum_attrs a = g->attrs->cumsum;
  a.reverse = !a.reverse;
  g->d_in[0] = kv_cum_sum(g->s, g->d_out[0], g->in[1], a);
}

/* Element k is a factor of y[k] and of all behind it, besides those before it and those in between:
 * x'[k] = (x[0] ... x[k - 1]) (y'[k] + x[k + 1] (y'[k + 1] + x[k + 2] (...))), which divides by nothing. Exclusive
 * products stand one place further. */
void kv_grad_cum_prod(kv_grad *g) {
  kv_scope *s = g->s;
  kv_cumsum_attrs a = g->attrs->cumsum;
  int64_t axis;
  if (!kv_axis_of(s, g->in[1], g->in[0]->rank, &axis)) return;
  kvino_dtype dtype = (kvino_dtype)g->in[0]->dtype, work = kv_work_dtype(dtype);
  kvino_tensor *x = kv_cast(s, g->in[0], work), *d = kv_cast(s, g->d_out[0], work);
  int next = a.reverse ? -1 : 1;
  kvino_tensor *before = kv_cum_prod(s, x, g->in[1], (kv_cumsum_attrs){.exclusive = true, .reverse = a.reverse});
  kvino_tensor *behind =
      kv_linear_recurrence(s, kv_shifted(s, x, axis, next), a.exclusive ? kv_shifted(s, d, axis, next) : d, g->in[1],
                           (kv_recurrence_attrs){.reverse = !a.reverse});
  g->d_in[0] = before && behind ? kv_cast(s, kv_multiply(s, before, behind), dtype) : NULL;
}

/* y[k] = a[k] y[k - 1] + b[k] */
void kv_grad_linear_recurrence(kv_grad *g) {
  kv_scope *s = g->s;
  bool reverse = g->attrs->recurrence.reverse;
  int64_t axis;
  if (!kv_axis_of(s, g->in[2], g->in[0]->rank, &axis)) return;
  int next = reverse ? -1 : 1;
  kvino_tensor *d = kv_linear_recurrence(s, kv_shifted(s, g->in[0], axis, next), g->d_out[0], g->in[2],
                                         (kv_recurrence_attrs){.reverse = !reverse});
  if (g->wanted[1]) g->d_in[1] = d;
  if (g->wanted[0]) g->d_in[0] = kv_multiply(s, d, kv_shifted(s, g->out[0], axis, -next));
}
