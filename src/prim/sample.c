/* Sample and Project: elements of an array at places that are given, or that projections give. SampleBackprop: the
 * transpose of Sample. */
#include "kernels/image/sample.h"

#include <math.h>
#include <string.h>

#include "base/convert.h"
#include "prim/known.h"

static bool outside_of(const char *mode, kv_outside *outside) {
  static const char *const names[] = {"constant", "nearest", "wrap", "mirror", "reflect"};
  for (size_t i = 0; mode && i < sizeof names / sizeof *names; i++)
    if (!strcmp(names[i], mode)) {
      *outside = (kv_outside)i;
      return true;
    }
  return false;
}

static bool is_f32_or_f64(const kvino_tensor *t) { return t->dtype == KVINO_F32 || t->dtype == KVINO_F64; }

/* What both take: order, fill mode, dtypes, one grid for each array or for all. */
static kvino_status check(kv_call *c) {
  const kvino_tensor *x = c->in[0], *at = c->in[1], *fill = c->in[2];
  const kv_sample_attrs *a = &c->attrs->sample;
  kv_outside outside;
  if (at->shape[0] >= 0 && at->shape[0] != 1 && x->shape[0] >= 0 && at->shape[0] != x->shape[0])
    return kv_fail(c->err, KVINO_INVALID, "%s: coordinates for %lld arrays, but there are %lld", c->prim->name,
                   (long long)at->shape[0], (long long)x->shape[0]);
  if (!outside_of(a->fill_mode, &outside) || (a->order != 0 && a->order != 1))
    return kv_fail(c->err, KVINO_INVALID, "%s: order %lld with fill mode '%s'", c->prim->name, (long long)a->order,
                   a->fill_mode ? a->fill_mode : "None");
  if (!is_f32_or_f64(at) || fill->dtype != x->dtype || fill->rank ||
      (a->order && !kv_sampling_interpolates((kvino_dtype)x->dtype)))
    return kv_fail(c->err, KVINO_TYPE, "%s does not take dtype %s at places of dtype %s", c->prim->name,
                   kvino_dtype_name((kvino_dtype)x->dtype), kvino_dtype_name((kvino_dtype)at->dtype));
  return KVINO_OK;
}

kvino_status kv_infer_project(kv_call *c) {
  const kvino_tensor *x = c->in[0], *t = c->in[1];
  if (x->rank != 4 || t->rank != 2 || (t->shape[1] >= 0 && t->shape[1] != 8) || t->dtype != KVINO_F64)
    return kv_fail(c->err, KVINO_INVALID,
                   "Project takes images [batch, height, width, channels] and float64 "
                   "projections [batch, 8]");
  KV_TRY(check(c));
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, 4, x->shape);
  return KVINO_OK;
}

kvino_status kv_infer_sample(kv_call *c) {
  const kvino_tensor *x = c->in[0], *at = c->in[1];
  int axes = x->rank - 2;
  if (axes < 1 || axes > KV_SAMPLE_AXES || at->rank < 2)
    return kv_fail(c->err, KVINO_INVALID, "Sample takes arrays of 1 to %d axes beside batch and channels, found %d",
                   KV_SAMPLE_AXES, axes);
  if (at->shape[1] >= 0 && at->shape[1] != axes)
    return kv_fail(c->err, KVINO_INVALID, "Sample: %lld coordinates for %d axes", (long long)at->shape[1], axes);
  KV_TRY(check(c));
  int rank = at->rank;
  if (rank > KVINO_MAX_RANK) return kv_fail(c->err, KVINO_INVALID, "more than %d dimensions", KVINO_MAX_RANK);
  int64_t shape[KVINO_MAX_RANK];
  shape[0] = x->shape[0];
  for (int k = 2; k < at->rank; k++) shape[k - 1] = at->shape[k];
  shape[rank - 1] = x->shape[x->rank - 1];
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, rank, shape);
  return KVINO_OK;
}

/* What Sample, Project and SampleBackprop say of the array x and the places. */
static kv_sampling sampling_of(const kv_call *c, const kvino_tensor *x, const kvino_tensor *at) {
  kv_sampling s = {.dtype = (kvino_dtype)x->dtype,
                   .linear = c->attrs->sample.order == 1,
                   .wide = at->dtype == KVINO_F64,
                   .one_grid = at->shape[0] == 1,
                   .axes = x->rank - 2,
                   .batch = x->shape[0],
                   .points = 1,
                   .channels = x->shape[x->rank - 1],
                   .shape = x->shape + 1,
                   .coordinate = at->data};
  outside_of(c->attrs->sample.fill_mode, &s.outside);
  for (int k = 2; k < at->rank; k++) s.points *= at->shape[k];
  return s;
}

kvino_status kv_eval_sample(kv_call *c) {
  kvino_tensor *operand[3] = {NULL};
  KV_TRY(kv_call_alloc(c, 0));
  kvino_status status = KVINO_OK;
  for (int i = 0; i < 3 && !status; i++) status = kvino_tensor_contiguous(c->in[i], &operand[i], c->err);
  if (!status) {
    const kvino_tensor *x = operand[0], *at = operand[1];
    kv_sampling s = sampling_of(c, x, at);
    s.x = x->data;
    s.width = x->shape[2];
    s.fill = s.nowhere = operand[2]->data;
    uint64_t nan[2]; /* what floats have for it */
    if (kvino_dtype_is_float(s.dtype) || kvino_dtype_is_complex(s.dtype)) {
      kv_store_f64(s.dtype, nan, NAN);
      s.nowhere = nan;
    }
    s.y = c->out[0]->data;
    if (c->prim->id == KV_Project) {
      s.projection = (const double *)at->data;
      s.points = x->shape[1] * x->shape[2];
    }
    kv_sample_run(&s);
  }
  for (int i = 0; i < 3; i++) kvino_tensor_release(operand[i]);
  return status;
}

/* ---- SampleBackprop: d [batch, points..., channels], coordinates, the shape of x ---- */

kvino_status kv_infer_sample_backprop(kv_call *c) {
  const kvino_tensor *d = c->in[0], *at = c->in[1];
  const kv_sample_attrs *a = &c->attrs->sample;
  int n;
  int64_t known[KV_KNOWN_MAX], shape[KVINO_MAX_RANK];
  kv_outside outside;
  bool any = kv_known_values(c->in[2], &n, known);
  if (!any) n = c->in[2]->rank == 1 && c->in[2]->shape[0] < KVINO_MAX_RANK ? (int)c->in[2]->shape[0] : -1;
  if (n < 3 || n - 2 > KV_SAMPLE_AXES || at->rank < 2 || d->rank != at->rank ||
      (at->shape[1] >= 0 && at->shape[1] != n - 2))
    return kv_fail(c->err, KVINO_INVALID,
                   "SampleBackprop takes d [batch, points..., channels], coordinates [batch or 1, axes, points...] and "
                   "the shape of the arrays");
  if (!is_f32_or_f64(d) || !is_f32_or_f64(at))
    return kv_fail(c->err, KVINO_TYPE, "SampleBackprop does not take dtype %s at places of dtype %s",
                   kvino_dtype_name((kvino_dtype)d->dtype), kvino_dtype_name((kvino_dtype)at->dtype));
  if (!outside_of(a->fill_mode, &outside) || (a->order != 0 && a->order != 1))
    return kv_fail(c->err, KVINO_INVALID, "SampleBackprop: order %lld with fill mode '%s'", (long long)a->order,
                   a->fill_mode ? a->fill_mode : "None");
  for (int i = 0; i < n; i++) shape[i] = any && known[i] != KV_UNKNOWN ? known[i] : -1;
  for (int i = 0; i < d->rank; i++) {
    int64_t own = d->shape[i], other = i == 0 ? shape[0] : i == d->rank - 1 ? shape[n - 1] : at->shape[i + 1];
    if (own >= 0 && other >= 0 && own != other)
      return kv_fail(c->err, KVINO_INVALID, "SampleBackprop: dimension %d of d is %lld, not %lld", i, (long long)own,
                     (long long)other);
  }
  kv_call_spec(c, 0, (kvino_dtype)d->dtype, n, shape);
  return KVINO_OK;
}

kvino_status kv_eval_sample_backprop(kv_call *c) {
  kvino_tensor *operand[2] = {NULL};
  KV_TRY(kv_call_alloc(c, 0));
  kvino_status status = KVINO_OK;
  for (int i = 0; i < 2 && !status; i++) status = kvino_tensor_contiguous(c->in[i], &operand[i], c->err);
  if (!status) {
    kv_sampling s = sampling_of(c, c->out[0], operand[1]);
    s.y = operand[0]->data;
    kv_sample_back(&s, c->out[0]->data);
  }
  for (int i = 0; i < 2; i++) kvino_tensor_release(operand[i]);
  return status;
}
