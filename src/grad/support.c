/* What rules share. */
#include "grad/grad.h"

kvino_tensor *kv_zeros_like(kv_scope *s, kvino_tensor *x) { return op_zeros_like(s, x, KVINO_NO_DTYPE); }
kvino_tensor *kv_ones_like(kv_scope *s, kvino_tensor *x) { return op_ones_like(s, x, KVINO_NO_DTYPE); }
kvino_tensor *kv_scaled(kv_scope *s, kvino_tensor *x, double factor) {
  return s->status ? NULL : kv_multiply(s, x, kv_like(s, x, factor));
}

/* The last axes are the operand's own: of these, those of length 1 are broadcast. Where lengths are not known, the run
 * decides (SumTo). */
kvino_tensor *kv_sum_to(kv_scope *s, kvino_tensor *d, kvino_tensor *like) {
  if (s->status || !d || !like) return NULL;
  int64_t axes[KVINO_MAX_RANK];
  int n = 0, more = d->rank - like->rank;
  bool doubtful = false;
  for (int i = 0; i < d->rank; i++) {
    int64_t own = i < more ? 1 : like->shape[i - more];
    if (i < more || (own == 1 && d->shape[i] != 1)) axes[n++] = i;
    doubtful |= i >= more && own < 0 && d->shape[i] != own && d->shape[i] != 1;
    doubtful |= i >= more && own < 0 && d->shape[i] < 0;
  }
  if (doubtful) return kv_sum_to_shape(s, d, kv_dims(s, like));
  if (!n) return d;
  if (n == more) return kv_reduce_sum(s, d, kv_vector(s, (size_t)n, axes), (kv_keep_dims_attrs){.keep_dims = false});
  kvino_tensor *sum = kv_reduce_sum(s, d, kv_vector(s, (size_t)n, axes), (kv_keep_dims_attrs){.keep_dims = true});
  if (!more) return sum;
  for (int i = 0; i < more; i++) axes[i] = i;
  return kv_squeeze(s, sum, kv_vector(s, (size_t)more, axes));
}

kvino_tensor *kv_restore_axes(kv_scope *s, kvino_tensor *y, kvino_tensor *x, kvino_tensor *axes, bool keep_dims) {
  bool reduced[KVINO_MAX_RANK];
  int64_t at[KVINO_MAX_RANK];
  int n = 0;
  if (s->status || keep_dims) return y;
  if (!kv_scope_ok(s, kv_axes_operand(axes, x->rank, reduced, s->err))) return NULL;
  for (int i = 0; i < x->rank; i++)
    if (reduced[i]) at[n++] = i;
  return n ? kv_unsqueeze(s, y, kv_vector(s, (size_t)n, at)) : y;
}

void kv_grad_through(kv_grad *g, kvino_tensor *y) {
  if (y) kv_grad_through_all(g, &y);
}

void kv_grad_through_all(kv_grad *g, kvino_tensor *const *y) {
  if (g->s->status) return;
  size_t n = 0;
  kvino_tensor **x = kv_scope_alloc(g->s, g->n_in + 1, sizeof *x), **d = kv_scope_alloc(g->s, g->n_in + 1, sizeof *d);
  for (size_t i = 0; x && d && i < g->n_in; i++)
    if (g->wanted[i]) x[n++] = g->in[i];
  if (g->s->status) return;
  kv_pull_back(g->s, g->n_out, y, g->d_out, n, x, d);
  n = 0;
  for (size_t i = 0; i < g->n_in; i++)
    if (g->wanted[i]) g->d_in[i] = d[n++];
}
