/* The derivative of Pad. */
#include <string.h>

#include "grad/places.h"

static kvino_tensor *padded(kv_grad *g, kvino_tensor *x, kvino_tensor *value) {
  kvino_tensor *operands[] = {x, g->in[1], g->in[2], value};
  return kv_pad(g->s, 4, operands, (kv_pad_attrs){.pad_mode = "constant"});
}

/* What is padded is cropped, and what is cropped is padded. */
static void constant(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *d = g->d_out[0];
  if (g->wanted[0]) {
    kvino_tensor *operands[] = {d, kv_negative(s, g->in[1]), kv_negative(s, g->in[2])};
    g->d_in[0] = kv_pad(s, 3, operands, (kv_pad_attrs){.pad_mode = "constant"});
  }
  if (g->n_in < 4 || !g->wanted[3]) return;
  kvino_tensor *outside = padded(g, op_zeros_like(s, g->in[0], KVINO_BOOL), kv_int(s, KVINO_BOOL, 1));
  kvino_tensor *sum = kv_select(s, outside, d, kv_like(s, d, 0));
  sum = kv_reduce_sum(s, sum, kv_axes(s, KVINO_NO_INTS, d->rank), (kv_keep_dims_attrs){.keep_dims = false});
  g->d_in[3] = kv_reshape(s, sum, kv_dims(s, g->in[3]), (kv_reshape_attrs){.special_zero = false});
}

/* Edges and mirrors repeat elements: taking by padded indices, axis by axis. */
void kv_grad_pad(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *y = g->in[0];
  int n;
  int64_t begin[KV_KNOWN_MAX], end[KV_KNOWN_MAX];
  const char *mode = g->attrs->pad.pad_mode;
  if (!mode || !strcmp(mode, "constant")) {
    constant(g);
    return;
  }
  bool known = kv_all_known(g->in[1], &n, begin) && kv_all_known(g->in[2], &n, end);
  for (int k = 0; k < g->in[0]->rank && !s->status; k++) {
    if (known && !begin[k] && !end[k]) continue;
    kvino_tensor *operands[] = {kv_iota(s, kv_dimension(s, g->in[0], k)), kv_cut(s, g->in[1], 0, k, k + 1),
                                kv_cut(s, g->in[2], 0, k, k + 1)};
    kvino_tensor *at = kv_pad(s, 3, operands, (kv_pad_attrs){.pad_mode = mode});
    y = kv_gather(s, y, at, kv_int(s, KVINO_I64, k), (kv_gather_attrs){.batch_dims = 0});
  }
  kv_grad_through(g, y);
}
