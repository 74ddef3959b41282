/* Derivatives of softmax and normalization. Small floats are computed as f32 and rounded once. */
#include <string.h>

#include "grad/grad.h"

static const kv_keep_dims_attrs keep = {.keep_dims = true};

static kvino_tensor *working(kv_scope *s, kvino_tensor *x) {
  return x ? kv_cast(s, x, kv_work_dtype((kvino_dtype)x->dtype)) : NULL;
}

static void state(kv_grad *g, kvino_tensor *d) {
  g->d_in[0] = d ? kv_cast(g->s, d, (kvino_dtype)g->in[0]->dtype) : NULL;
}

/* ---- softmax ---- */

void kv_grad_softmax(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *y = working(s, g->out[0]), *d = working(s, g->d_out[0]);
  kvino_tensor *sum = kv_reduce_sum(s, kv_multiply(s, d, y), KV_VECTOR(s, g->attrs->axis.axis), keep);
  state(g, kv_multiply(s, y, kv_subtract(s, d, sum)));
}

void kv_grad_log_softmax(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *y = working(s, g->out[0]), *d = working(s, g->d_out[0]);
  kvino_tensor *sum = kv_reduce_sum(s, d, KV_VECTOR(s, g->attrs->axis.axis), keep);
  state(g, kv_subtract(s, d, kv_multiply(s, kv_exp(s, y), sum)));
}

/* ---- along axes ---- */

/* With x - mean = c and 1 / deviation = r, y = c r: x' = r (y' - mean(y') - y mean(y' y)). Where epsilon is outside of
 * the root, the deviation itself is what the last term divides by. */
void kv_grad_mvn(kv_grad *g) {
  kv_scope *s = g->s;
  const kv_mvn_attrs *a = &g->attrs->mvn;
  kvino_tensor *d = working(s, g->d_out[0]), *x = working(s, g->in[0]), *axes = g->in[1];
  kvino_tensor *centred = kv_subtract(s, d, kv_reduce_mean(s, d, axes, keep));
  if (s->status || !a->normalize_variance) {
    state(g, centred);
    return;
  }
  kvino_tensor *c = kv_subtract(s, x, kv_reduce_mean(s, x, axes, keep)), *epsilon = kv_like(s, x, a->eps);
  kvino_tensor *variance = kv_reduce_mean(s, kv_multiply(s, c, c), axes, keep), *r, *slope;
  if (a->eps_mode && !strcmp(a->eps_mode, "outside_sqrt")) {
    kvino_tensor *zero = kv_equal(s, variance, kv_like(s, variance, 0)), *one = kv_like(s, variance, 1);
    kvino_tensor *deviation = kv_sqrt(s, kv_select(s, zero, one, variance));
    r = kv_divide(s, one, kv_add(s, kv_select(s, zero, kv_like(s, variance, 0), deviation), epsilon));
    slope = kv_divide(s, c, deviation);
  } else {
    r = kv_rsqrt(s, kv_add(s, variance, epsilon));
    slope = kv_multiply(s, c, r);
  }
  kvino_tensor *y = kv_multiply(s, c, r), *along = kv_reduce_mean(s, kv_multiply(s, d, slope), axes, keep);
  state(g, kv_multiply(s, r, kv_subtract(s, centred, kv_multiply(s, y, along))));
}

/* x / sqrt(sum(x^2) + epsilon), or the square root of what is larger: the sum or epsilon. */
void kv_grad_normalize_l2(kv_grad *g) {
  kv_scope *s = g->s;
  const kv_normalize_l2_attrs *a = &g->attrs->normalize_l2;
  kvino_tensor *x = working(s, g->in[0]);
  kvino_tensor *sum = kv_reduce_sum(s, kv_multiply(s, x, x), g->in[1], keep), *epsilon = kv_like(s, x, a->eps);
  bool largest = a->eps_mode && !strcmp(a->eps_mode, "max");
  sum = largest ? kv_maximum(s, sum, epsilon) : kv_add(s, sum, epsilon);
  kvino_tensor *y = kv_divide(s, x, kv_sqrt(s, sum));
  kv_grad_through(g, y ? kv_cast(s, y, (kvino_dtype)g->in[0]->dtype) : NULL);
}

/* ---- per channel ---- */

/* v [C] in the place of axis 1 of x [N, C, ...]. */
static kvino_tensor *per_channel(kv_scope *s, kvino_tensor *v, const kvino_tensor *x) {
  int64_t axes[KVINO_MAX_RANK];
  for (int i = 2; i < x->rank; i++) axes[i - 2] = i - 1;
  v = working(s, v);
  return x->rank > 2 ? kv_unsqueeze(s, v, kv_vector(s, (size_t)x->rank - 2, axes)) : v;
}

void kv_grad_batch_norm_inference(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *x = g->in[0], *mean = per_channel(s, g->in[3], x), *variance = working(s, g->in[4]);
  kvino_tensor *r = kv_rsqrt(s, kv_add(s, variance, kv_like(s, variance, g->attrs->epsilon.epsilon)));
  kvino_tensor *factor = per_channel(s, kv_multiply(s, working(s, g->in[1]), r), x);
  kvino_tensor *y = kv_multiply(s, kv_subtract(s, working(s, x), mean), factor);
  y = kv_add(s, y, per_channel(s, g->in[2], x));
  kv_grad_through(g, y ? kv_cast(s, y, (kvino_dtype)x->dtype) : NULL);
}

void kv_grad_group_normalization(kv_grad *g) {
  kv_scope *s = g->s;
  const kv_group_norm_attrs *a = &g->attrs->group_norm;
  kvino_tensor *x = g->in[0], *dims = kv_dims(s, x), *y = working(s, x);
  if (!x->size) return; /* which has no -1 in its shapes */
  kvino_tensor *shape = kv_concat(s, 2, (kvino_tensor *[]){kv_cut(s, dims, 0, 0, 1), KV_VECTOR(s, a->num_groups, -1)},
                                  (kv_axis_attrs){.axis = 0});
  y = kv_reshape(s, y, shape, (kv_reshape_attrs){.special_zero = false});
  y = kv_mvn(s, y, KV_VECTOR(s, 2),
             (kv_mvn_attrs){.normalize_variance = true, .eps = a->epsilon, .eps_mode = "inside_sqrt"});
  y = kv_reshape(s, y, dims, (kv_reshape_attrs){.special_zero = false});
  y = kv_add(s, kv_multiply(s, y, per_channel(s, g->in[1], x)), per_channel(s, g->in[2], x));
  kv_grad_through(g, y ? kv_cast(s, y, (kvino_dtype)x->dtype) : NULL);
}
