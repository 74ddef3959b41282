/* Derivatives of pooling. Of equal maxima the first one of a window gets all, as in TensorFlow. */
#include "grad/grad.h"

static kvino_tensor *lengths(kv_scope *s, kvino_tensor *x) { return kv_cut(s, kv_dims(s, x), 0, 2, x->rank); }

void kv_grad_max_pool(kv_grad *g) {
  g->d_in[0] = kv_max_pool_backprop(g->s, g->in[0], g->d_out[0], g->attrs->max_pool);
}

/* These are linear in operand 1; where the maxima are is constant between jumps. */
void kv_grad_max_pool_backprop(kv_grad *g) {
  if (g->wanted[1]) g->d_in[1] = kv_max_pool_gather(g->s, g->in[0], g->d_out[0], g->attrs->max_pool);
}
void kv_grad_max_pool_gather(kv_grad *g) {
  if (g->wanted[1]) g->d_in[1] = kv_max_pool_backprop(g->s, g->in[0], g->d_out[0], g->attrs->max_pool);
}

void kv_grad_avg_pool(kv_grad *g) {
  g->d_in[0] = kv_avg_pool_backprop(g->s, g->d_out[0], lengths(g->s, g->in[0]), g->attrs->avg_pool);
}
void kv_grad_avg_pool_backprop(kv_grad *g) { g->d_in[0] = kv_avg_pool(g->s, g->d_out[0], g->attrs->avg_pool); }

void kv_grad_adaptive_avg_pool(kv_grad *g) {
  g->d_in[0] = kv_adaptive_avg_pool_backprop(g->s, g->d_out[0], lengths(g->s, g->in[0]));
}
void kv_grad_adaptive_avg_pool_backprop(kv_grad *g) {
  g->d_in[0] = kv_adaptive_avg_pool(g->s, g->d_out[0], lengths(g->s, g->in[0]));
}

/* [N, C, elements of the plane] */
static kvino_tensor *planes(kv_scope *s, kvino_tensor *x) {
  int64_t n = 1;
  for (int i = 2; i < x->rank; i++) n = n < 0 || x->shape[i] < 0 ? -1 : n * x->shape[i];
  return kv_reshape(s, x, KV_VECTOR(s, 0, 0, n), (kv_reshape_attrs){.special_zero = true});
}

/* Windows overlap: an element may be the maximum of several. */
void kv_grad_adaptive_max_pool(kv_grad *g) {
  kv_scope *s = g->s;
  if (!g->d_out[0]) return;
  kvino_tensor *zeros = kv_zeros_like(s, g->in[0]);
  if (s->status) return;
  kvino_tensor *sums =
      kv_scatter_elements_update(s, planes(s, zeros), planes(s, g->out[1]), planes(s, g->d_out[0]),
                                 kv_int(s, KVINO_I64, 2), (kv_scatter_attrs){.reduction = "sum", .use_init_val = true});
  g->d_in[0] = kv_reshape(s, sums, kv_dims(s, g->in[0]), (kv_reshape_attrs){.special_zero = false});
}

/* An axis's attribute; `otherwise` where it is unset. */
static int64_t attribute(const kv_ints *v, int axis, int64_t otherwise) { return v->n > axis ? v->v[axis] : otherwise; }

/* Each element of a window takes what its place has got: the windows of the padded plane. */
void kv_grad_col2im(kv_grad *g) {
  const kv_col2im_attrs *a = &g->attrs->col2im;
  kv_scope *s = g->s;
  int64_t kernel[2], stride[2], dilation[2], begin[4] = {0}, end[4] = {0}, none[2] = {0};
  if (s->status || !g->wanted[0]) return;
  for (int i = 0; i < 2; i++) {
    kernel[i] = kv_tensor_get_int(g->in[2], i);
    stride[i] = attribute(&a->strides, i, 1);
    dilation[i] = attribute(&a->dilations, i, 1);
    begin[2 + i] = attribute(&a->pads_begin, i, 0);
    end[2 + i] = attribute(&a->pads_end, i, 0);
    if (g->out[0]->shape[2 + i] + begin[2 + i] + end[2 + i] <= dilation[i] * (kernel[i] - 1)) return; /* no window */
  }
  kvino_tensor *d = kv_pad(
      s, 4, (kvino_tensor *[]){g->d_out[0], kv_vector(s, 4, begin), kv_vector(s, 4, end), kv_like(s, g->d_out[0], 0)},
      (kv_pad_attrs){.pad_mode = "constant"});
  g->d_in[0] = op_unfold(s, d, (kvino_ints){2, kernel, NULL, true}, (kvino_ints){2, dilation, NULL, true},
                         (kvino_ints){2, none, NULL, true}, (kvino_ints){2, stride, NULL, true});
}
