/* BatchNormInference, GroupNormalization, MVN and NormalizeL2. f8, f16 and bf16 are computed as f32 and rounded once.
 */
#include "kernels/reduce/normalize.h"

#include <math.h>
#include <string.h>

#include "prim/floats.h"
#include "tensor/copy.h"

/* ---- per channel: [N, C, ...] ---- */

/* Operands 1 and on: one value for each of the channels. */
static kvino_status check_channels(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  KV_TRY(kv_floats_only(c));
  if (x->rank < 2)
    return kv_fail(c->err, KVINO_INVALID, "%s takes data of 2 dimensions or more, found %d", c->prim->name, x->rank);
  for (size_t i = 1; i < c->n_in; i++) {
    const kvino_tensor *t = c->in[i];
    KV_TRY(kv_same_dtype(c, 0, i));
    if (t->rank != 1 || (t->shape[0] >= 0 && x->shape[1] >= 0 && t->shape[0] != x->shape[1])) {
      char text[KV_SHAPE_TEXT];
      return kv_fail(c->err, KVINO_INVALID,
                     "%s: operand %zu has shape %s, one value is needed for each of the %lld channels", c->prim->name,
                     i, kv_shape_text(t->rank, t->shape, text), (long long)x->shape[1]);
    }
  }
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, x->rank, x->shape);
  return KVINO_OK;
}

static double *values_of(kv_scope *s, const kvino_tensor *t) {
  double *v = kv_scope_alloc(s, (size_t)t->size + 1, sizeof *v);
  for (int64_t i = 0; v && i < t->size; i++) v[i] = kv_tensor_get_number(t, i);
  return v;
}

static int64_t plane(const kvino_tensor *x) {
  int64_t n = 1;
  for (int k = 2; k < x->rank; k++) n *= x->shape[k];
  return n;
}

kvino_status kv_infer_batch_norm(kv_call *c) { return check_channels(c); }

kvino_status kv_eval_batch_norm(kv_call *c) {
  kv_scope s;
  kv_scope_enter(&s, c->err);
  kvino_tensor *x = kv_working(&s, c->in[0]), *y = kv_result_for(&s, c);
  double *v[4] = {NULL};
  for (int i = 0; i < 4; i++) v[i] = values_of(&s, c->in[i + 1]);
  if (y && !s.status) { /* gamma becomes the factor */
    for (int64_t i = 0; i < x->shape[1]; i++) v[0][i] /= sqrt(v[3][i] + c->attrs->epsilon.epsilon);
    kv_affine_channels((kvino_dtype)x->dtype, x->data, y->data, x->shape[0], x->shape[1], plane(x), v[2], v[0], v[1]);
  }
  return kv_scope_leave(&s, kv_rounded(&s, y, c), &c->out[0]);
}

kvino_status kv_infer_group_norm(kv_call *c) {
  int64_t groups = c->attrs->group_norm.num_groups;
  KV_TRY(check_channels(c));
  if (groups < 1 || (c->in[0]->shape[1] >= 0 && c->in[0]->shape[1] % groups))
    return kv_fail(c->err, KVINO_INVALID, "%s: %lld channels do not fall into %lld equal groups", c->prim->name,
                   (long long)c->in[0]->shape[1], (long long)groups);
  return KVINO_OK;
}

kvino_status kv_eval_group_norm(kv_call *c) {
  kv_scope s;
  kv_scope_enter(&s, c->err);
  kvino_tensor *x = kv_working(&s, c->in[0]), *y = kv_result_for(&s, c);
  double *scale = values_of(&s, c->in[1]), *bias = values_of(&s, c->in[2]);
  if (y && !s.status)
    kv_normalize_groups((kvino_dtype)x->dtype, x->data, y->data, x->shape[0], x->shape[1], plane(x),
                        c->attrs->group_norm.num_groups, c->attrs->group_norm.epsilon, scale, bias);
  return kv_scope_leave(&s, kv_rounded(&s, y, c), &c->out[0]);
}

/* ---- along axes ---- */

kvino_status kv_infer_normalize(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  bool selected[KVINO_MAX_RANK];
  KV_TRY(kv_floats_only(c));
  KV_TRY(kv_axes_operand(c->in[1], x->rank, selected, c->err));
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, x->rank, x->shape);
  return KVINO_OK;
}

/* x with the selected axes moved to the end, and where they went. */
static kvino_tensor *axes_last(kv_scope *s, kvino_tensor *x, const bool *selected, int *order, int64_t *n) {
  int64_t shape[KVINO_MAX_RANK], strides[KVINO_MAX_RANK];
  int rank = 0;
  kvino_tensor *view = NULL;
  *n = 1;
  for (int pass = 0; pass < 2; pass++)
    for (int k = 0; k < x->rank; k++) {
      if (selected[k] != (bool)pass) continue;
      if (pass) *n *= x->shape[k];
      order[rank] = k;
      shape[rank] = x->shape[k];
      strides[rank++] = x->strides[k];
    }
  if (!kv_scope_ok(s, kv_tensor_view(x, (kvino_dtype)x->dtype, rank, shape, strides, x->data, &view, s->err)))
    return NULL;
  return kv_working(s, kv_own(s, view));
}

/* Copies y, whose axis i is axis order[i] of the result, into the result's order. */
static kvino_tensor *axes_back(kv_scope *s, kvino_tensor *y, const int *order, kv_call *c) {
  bool moved = false;
  int64_t strides[KVINO_MAX_RANK];
  for (int k = 0; k < y->rank; k++) moved |= order[k] != k;
  if (!moved) return y;
  kvino_tensor *z = kv_result_for(s, c);
  if (!z) return NULL;
  for (int k = 0; k < y->rank; k++) strides[k] = z->strides[order[k]];
  kv_copy_strided(kvino_dtype_size((kvino_dtype)y->dtype), y->rank, y->shape, z->data, strides, y->data, y->strides);
  return z;
}

static kvino_status normalize(kv_call *c, const kv_moments *m) {
  bool selected[KVINO_MAX_RANK];
  int order[KVINO_MAX_RANK];
  int64_t n;
  KV_TRY(kv_axes_operand(c->in[1], c->in[0]->rank, selected, c->err));
  kv_scope s;
  kv_scope_enter(&s, c->err);
  kvino_tensor *x = axes_last(&s, c->in[0], selected, order, &n), *y = NULL;
  if (x && kv_scope_ok(&s, kv_tensor_empty((kvino_dtype)x->dtype, x->rank, x->shape, &y, c->err)) && kv_own(&s, y)) {
    kv_normalize_rows((kvino_dtype)x->dtype, x->data, y->data, n ? x->size / n : 0, n, m);
    y = kv_rounded(&s, axes_back(&s, y, order, c), c);
  }
  return kv_scope_leave(&s, y, &c->out[0]);
}

static bool is(const char *choice, const char *text) { return choice && !strcmp(choice, text); }

kvino_status kv_eval_mvn(kv_call *c) {
  const kv_mvn_attrs *a = &c->attrs->mvn;
  return normalize(c, &(kv_moments){.center = true,
                                    .scale = a->normalize_variance,
                                    .mean = true,
                                    .outside = is(a->eps_mode, "outside_sqrt"),
                                    .epsilon = a->eps});
}

kvino_status kv_eval_normalize_l2(kv_call *c) {
  const kv_normalize_l2_attrs *a = &c->attrs->normalize_l2;
  return normalize(c, &(kv_moments){.scale = true, .at_least = is(a->eps_mode, "max"), .epsilon = a->eps});
}
