/* Derivatives of what moves elements: the cotangents move back. */
#include "grad/grad.h"

void kv_grad_identity(kv_grad *g) { g->d_in[0] = g->d_out[0]; }

/* Of float dtypes on both sides; a complex cotangent of a real operand counts by its real part. */
void kv_grad_convert(kv_grad *g) {
  kvino_dtype to = (kvino_dtype)g->in[0]->dtype;
  kvino_tensor *d = g->d_out[0];
  if (kvino_dtype_is_complex((kvino_dtype)d->dtype) && !kvino_dtype_is_complex(to)) d = kv_real(g->s, d);
  g->d_in[0] = kv_cast(g->s, d, to);
}

/* Reshape, Squeeze, Unsqueeze. */
void kv_grad_reshape_like(kv_grad *g) {
  g->d_in[0] = kv_reshape(g->s, g->d_out[0], kv_dims(g->s, g->in[0]), (kv_reshape_attrs){.special_zero = false});
}

void kv_grad_transpose(kv_grad *g) {
  int n, rank = g->in[0]->rank;
  int64_t perm[KV_KNOWN_MAX], inverse[KV_KNOWN_MAX];
  if (!kv_all_known(g->in[1], &n, perm)) {
    kv_scope_fail(g->s, KVINO_UNSUPPORTED, "the derivative of a Transpose needs a known permutation");
    return;
  }
  for (int i = 0; i < rank; i++) inverse[n ? perm[i] : rank - 1 - i] = i;
  g->d_in[0] = kv_transpose(g->s, g->d_out[0], kv_vector(g->s, (size_t)rank, inverse));
}

void kv_grad_broadcast(kv_grad *g) { g->d_in[0] = kv_sum_to(g->s, g->d_out[0], g->in[0]); }

void kv_grad_select(kv_grad *g) {
  kvino_tensor *d = g->d_out[0], *zero = kv_like(g->s, d, 0);
  if (g->wanted[1]) g->d_in[1] = kv_sum_to(g->s, kv_select(g->s, g->in[0], d, zero), g->in[1]);
  if (g->wanted[2]) g->d_in[2] = kv_sum_to(g->s, kv_select(g->s, g->in[0], zero, d), g->in[2]);
}

void kv_grad_depth_to_space(kv_grad *g) { g->d_in[0] = kv_space_to_depth(g->s, g->d_out[0], g->attrs->depth_space); }
void kv_grad_space_to_depth(kv_grad *g) { g->d_in[0] = kv_depth_to_space(g->s, g->d_out[0], g->attrs->depth_space); }

void kv_grad_roll(kv_grad *g) { g->d_in[0] = kv_roll(g->s, g->d_out[0], kv_negative(g->s, g->in[1]), g->in[2]); }

void kv_grad_reverse_sequence(kv_grad *g) {
  g->d_in[0] = kv_reverse_sequence(g->s, g->d_out[0], g->in[1], g->attrs->reverse_sequence);
}

static kvino_tensor *entry(kv_scope *s, kvino_tensor *list, int64_t i) { return kv_cut(s, list, 0, i, i + 1); }

/* Each repeated axis becomes two, the repeats and the elements, of which the first is summed. */
void kv_grad_tile(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *x = g->in[0], *dims = kv_dims(s, x), *repeats = kv_cast(s, g->in[1], KVINO_I64),
               *part[2 * KVINO_MAX_RANK];
  int rank = g->out[0]->rank, more = rank - x->rank, n = 0, sums = 0, known;
  int64_t times[KV_KNOWN_MAX], summed[KVINO_MAX_RANK];
  if (s->status) return;
  bool all = kv_all_known(repeats, &known, times);
  int fewer = rank - (int)repeats->size;
  for (int i = 0; i < rank; i++) {
    if (i >= fewer && !(all && times[i - fewer] == 1)) {
      summed[sums++] = n;
      part[n++] = entry(s, repeats, i - fewer);
    }
    if (i >= more) part[n++] = entry(s, dims, i - more);
  }
  kvino_tensor *d = g->d_out[0];
  if (sums) {
    kvino_tensor *shape = kv_concat(s, (size_t)n, part, (kv_axis_attrs){.axis = 0});
    d = kv_reshape(s, d, shape, (kv_reshape_attrs){.special_zero = false});
    d = kv_reduce_sum(s, d, kv_vector(s, (size_t)sums, summed), (kv_keep_dims_attrs){.keep_dims = false});
  }
  g->d_in[0] = kv_reshape(s, d, dims, (kv_reshape_attrs){.special_zero = false});
}
