/* The way back of pooling: MaxPoolBackprop, MaxPoolGather, AvgPoolBackprop and AdaptiveAvgPoolBackprop. f8, f16 and
 * bf16 are computed as f32 and rounded once. In memory the result is channels-last where operand 0 is, or where
 * putting channels last is worth a copy. */
#include <string.h>

#include "kernels/window/pool_back.h"
#include "prim/floats.h"
#include "prim/pooling.h"

static kvino_status check(kv_call *c) {
  int rank = c->in[0]->rank;
  if (!kvino_dtype_is_float((kvino_dtype)c->in[0]->dtype))
    return kv_fail(c->err, KVINO_TYPE, "%s does not take dtype %s", c->prim->name,
                   kvino_dtype_name((kvino_dtype)c->in[0]->dtype));
  if (rank < 3 || rank > KV_SPATIAL + 2)
    return kv_fail(c->err, KVINO_INVALID, "%s takes data of 3 to 5 dimensions, found %d", c->prim->name, rank);
  return KVINO_OK;
}

/* Whether t may have this shape; -1 is any length. */
static kvino_status check_shape(kv_call *c, const kvino_tensor *t, int rank, const int64_t *shape) {
  bool fits = t->rank == rank;
  for (int i = 0; fits && i < rank; i++) fits = t->shape[i] < 0 || shape[i] < 0 || t->shape[i] == shape[i];
  return fits ? KVINO_OK : kv_fail(c->err, KVINO_INVALID, "%s: its operands do not belong together", c->prim->name);
}

/* What MaxPool makes of operand 0. */
static kvino_status max_shape(kv_call *c, kv_windows *w, int64_t shape[KV_SPATIAL + 2]) {
  const kvino_tensor *x = c->in[0];
  KV_TRY(check(c));
  KV_TRY(kv_same_dtype(c, 0, 1));
  KV_TRY(kv_pool_windows_set(c, true, x->rank - 2, x->shape + 2, w));
  memcpy(shape, x->shape, 2 * sizeof *shape);
  memcpy(shape + 2, w->out + KV_SPATIAL - w->n, (size_t)w->n * sizeof *shape);
  return KVINO_OK;
}

kvino_status kv_infer_max_pool_backprop(kv_call *c) {
  kv_windows w;
  int64_t shape[KV_SPATIAL + 2];
  KV_TRY(max_shape(c, &w, shape));
  KV_TRY(check_shape(c, c->in[1], c->in[0]->rank, shape));
  kv_call_spec(c, 0, (kvino_dtype)c->in[0]->dtype, c->in[0]->rank, c->in[0]->shape);
  return KVINO_OK;
}

kvino_status kv_infer_max_pool_gather(kv_call *c) {
  kv_windows w;
  int64_t shape[KV_SPATIAL + 2];
  KV_TRY(max_shape(c, &w, shape));
  KV_TRY(check_shape(c, c->in[1], c->in[0]->rank, c->in[0]->shape));
  kv_call_spec(c, 0, (kvino_dtype)c->in[0]->dtype, c->in[0]->rank, shape);
  return KVINO_OK;
}

/* Operand 1 is the spatial shape of the result. */
kvino_status kv_infer_avg_pool_backprop(kv_call *c) {
  const kvino_tensor *d = c->in[0], *t = c->in[1];
  int count;
  int64_t v[KV_KNOWN_MAX], shape[KV_SPATIAL + 2];
  KV_TRY(check(c));
  if (!kvino_dtype_is_integer((kvino_dtype)t->dtype) || t->rank != 1 ||
      (t->shape[0] >= 0 && t->shape[0] != d->rank - 2))
    return kv_fail(c->err, KVINO_INVALID, "%s: the shape has one integer for each of the %d spatial dimensions",
                   c->prim->name, d->rank - 2);
  bool known = kv_known_values(t, &count, v);
  for (int k = 0; k < d->rank; k++) {
    shape[k] = k < 2 ? d->shape[k] : known && v[k - 2] != KV_UNKNOWN ? v[k - 2] : -1;
    if (k >= 2 && known && v[k - 2] != KV_UNKNOWN && v[k - 2] < 0)
      return kv_fail(c->err, KVINO_INVALID, "negative dimensions are not allowed");
  }
  kv_call_spec(c, 0, (kvino_dtype)d->dtype, d->rank, shape);
  return KVINO_OK;
}

/* Rows of fewer channels are not worth a copy that puts channels last. */
enum { FEW_CHANNELS = 8 };

/* Runs p, whose windows are set, with x (or NULL) and values; shape: of the large side. */
static kvino_status run(kv_call *c, kv_scope *s, kv_pool_back *p, kvino_tensor *x, kvino_tensor *values,
                        const int64_t *shape) {
  bool last = kv_is_channels_last(c->in[0]) || (p->op != KV_POOL_BACK_MEAN && c->in[0]->shape[1] >= FEW_CHANNELS);
  int rank = c->in[0]->rank;
  p->channels_last = last;
  p->dtype = kv_working_dtype(c->spec[0].dtype);
  p->batch = c->in[0]->shape[0];
  p->channels = c->in[0]->shape[1];
  for (int d = 0; d < KV_SPATIAL; d++) p->in[d] = d < KV_SPATIAL + 2 - rank ? 1 : shape[d - KV_SPATIAL + rank];
  if (x) x = kv_working_images(s, x, last);
  values = kv_working_images(s, values, last);
  kvino_tensor *y = kv_new_images(s, c, p->dtype, last);
  if (!s->status) {
    p->x = x ? x->data : NULL;
    p->values = values->data;
    p->y = y->data;
    kv_scope_ok(s, kv_pool_windows_back(p, s->err));
  }
  return kv_scope_leave(s, kv_rounded(s, y, c), &c->out[0]);
}

static kvino_status run_max(kv_call *c, kv_pool_back_op op) {
  const kvino_tensor *x = c->in[0];
  kv_windows w;
  kv_pool_back p = {.op = op};
  kv_scope s;
  KV_TRY(kv_pool_windows_set(c, true, x->rank - 2, x->shape + 2, &w));
  kv_scope_enter(&s, c->err);
  kv_pool_slide(&s, &w, p.out, p.from, p.to);
  return s.status ? kv_scope_leave(&s, NULL, NULL) : run(c, &s, &p, c->in[0], c->in[1], x->shape);
}

kvino_status kv_eval_max_pool_backprop(kv_call *c) { return run_max(c, KV_POOL_BACK_MAX); }
kvino_status kv_eval_max_pool_gather(kv_call *c) { return run_max(c, KV_POOL_GATHER_MAX); }

kvino_status kv_eval_avg_pool_backprop(kv_call *c) {
  const kv_spec *large = &c->spec[0];
  kv_windows w;
  kv_pool_back p = {.op = KV_POOL_BACK_MEAN};
  kv_scope s;
  KV_TRY(kv_pool_windows_set(c, false, large->rank - 2, large->shape + 2, &w));
  for (int d = 0; d < w.n; d++)
    if (w.out[KV_SPATIAL - w.n + d] != c->in[0]->shape[2 + d])
      return kv_fail(c->err, KVINO_INVALID, "%s: its operands do not belong together", c->prim->name);
  if (!c->attrs->avg_pool.exclude_pad) p.divisor = kv_pool_whole_window(&w);
  kv_scope_enter(&s, c->err);
  kv_pool_slide(&s, &w, p.out, p.from, p.to);
  return s.status ? kv_scope_leave(&s, NULL, NULL) : run(c, &s, &p, NULL, c->in[0], large->shape);
}

kvino_status kv_eval_adaptive_avg_pool_backprop(kv_call *c) {
  const kv_spec *large = &c->spec[0];
  kv_pool_back p = {.op = KV_POOL_BACK_MEAN};
  kv_scope s;
  kv_scope_enter(&s, c->err);
  kv_pool_divide(&s, c->prim->name, large->rank, large->shape, c->in[0]->shape, p.out, p.from, p.to);
  return s.status ? kv_scope_leave(&s, NULL, NULL) : run(c, &s, &p, NULL, c->in[0], large->shape);
}
