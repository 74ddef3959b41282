/* Other shapes of the same elements in the same order: Reshape, Squeeze, Unsqueeze, Identity, and ShapeOf. Views, but
 * for Reshape of a tensor whose strides do not allow it. */
#include <stdio.h>
#include <string.h>

#include "prim/interval.h"
#include "prim/known.h"

/* ---- Reshape: operand 1 is the shape ---- */

/* NumPy's way of writing the wanted shape: "(4,)", "(2,newaxis)"; it leaves out a -1 in front: "(4)" for (-1, 4). */
static const char *wanted_text(const kv_values *shape, char text[KV_SHAPE_TEXT]) {
  size_t n = (size_t)snprintf(text, KV_SHAPE_TEXT, "(");
  int first = 0;
  while (first < shape->n && shape->v[first] < 0) first++;
  for (int i = first; i < shape->n && n < KV_SHAPE_TEXT - 32; i++) {
    const char *comma = i > first ? "," : "";
    if (shape->v[i] < 0)
      n += (size_t)snprintf(text + n, KV_SHAPE_TEXT - n, "%snewaxis", comma);
    else
      n += (size_t)snprintf(text + n, KV_SHAPE_TEXT - n, "%s%lld", comma, (long long)shape->v[i]);
  }
  snprintf(text + n, KV_SHAPE_TEXT - n, shape->n == 1 ? ",)" : ")");
  return text;
}

static kvino_status cannot_reshape(kv_call *c, const kv_values *shape) {
  char text[KV_SHAPE_TEXT];
  return kv_fail(c->err, KVINO_INVALID, "cannot reshape array of size %lld into shape %s", (long long)c->in[0]->size,
                 wanted_text(shape, text));
}

/* special_zero: 0 stands for the operand's own dimension. */
static kvino_status copy_zeros(kv_call *c, kv_values *shape) {
  const kvino_tensor *x = c->in[0];
  for (int i = 0; i < shape->n; i++) {
    if (!kv_is_known(shape, i) || shape->v[i]) continue;
    if (i >= x->rank) return cannot_reshape(c, shape);
    shape->v[i] = x->shape[i];
    if (x->shape[i] < 0) { /* that dimension is not known either, which is not NumPy's -1 */
      shape->mask &= ~(UINT64_C(1) << i);
      shape->v[i] = KV_UNKNOWN;
    }
  }
  return KVINO_OK;
}

kvino_status kv_infer_reshape(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  kv_values shape;
  KV_TRY(kv_read_values(c, 1, "shape", &shape));
  if (c->attrs->reshape.special_zero) KV_TRY(copy_zeros(c, &shape));
  kv_spec *spec = &c->spec[0];
  spec->dtype = (kvino_dtype)x->dtype;
  spec->rank = shape.n;
  int64_t product = 1;
  int unknown = 0, open = -1; /* dimensions computed in the graph; the one that the others determine */
  bool minus = false;
  for (int i = 0; i < shape.n; i++) {
    spec->shape[i] = shape.v[i];
    if (!kv_is_known(&shape, i)) {
      spec->shape[i] = -1;
      unknown++;
      if (!minus) open = i;
    } else if (shape.v[i] < 0) {
      if (minus) return kv_fail(c->err, KVINO_INVALID, "can only specify one unknown dimension");
      spec->shape[i] = -1;
      minus = true;
      open = i;
    } else if (__builtin_mul_overflow(product, shape.v[i], &product)) {
      product = -1;
      break;
    }
  }
  if (product < 0) return cannot_reshape(c, &shape);
  if (x->size >= 0 && !unknown && !minus && product != x->size) return cannot_reshape(c, &shape);
  if (x->size >= 0 && minus && !unknown && (!product || x->size % product)) return cannot_reshape(c, &shape);
  if (x->size > 0 && unknown && (!product || x->size % product)) return cannot_reshape(c, &shape);
  if (x->size >= 0 && product && unknown + minus == 1) spec->shape[open] = x->size / product;
  kv_known_same(c);
  return KVINO_OK;
}

/* Strides that show x, whose strides may be any, as the new shape. False where only a copy can. Groups of axes with
 * equal products correspond; inside a group, x's axes must form one run. */
static bool view_strides(const kvino_tensor *x, int rank, const int64_t *shape, int64_t *strides) {
  int64_t old_shape[KVINO_MAX_RANK], old_strides[KVINO_MAX_RANK];
  int n = 0, i = 0, k = 0;
  for (int a = 0; a < x->rank; a++) {
    if (x->shape[a] == 1) continue;
    old_shape[n] = x->shape[a];
    old_strides[n++] = x->strides[a];
  }
  while (i < n && k < rank) {
    int i_end = i + 1, k_end = k + 1;
    int64_t old_product = old_shape[i], new_product = shape[k];
    while (old_product != new_product) {
      if (new_product < old_product)
        new_product *= shape[k_end++];
      else
        old_product *= old_shape[i_end++];
    }
    for (int a = i; a < i_end - 1; a++)
      if (old_strides[a] != old_shape[a + 1] * old_strides[a + 1]) return false;
    int64_t step = old_strides[i_end - 1];
    for (int a = k_end - 1; a >= k; a--) {
      strides[a] = step;
      step *= shape[a];
    }
    i = i_end;
    k = k_end;
  }
  for (; k < rank; k++) strides[k] = (int64_t)kvino_dtype_size((kvino_dtype)x->dtype); /* of length 1 */
  return true;
}

kvino_status kv_eval_reshape(kv_call *c) {
  kvino_tensor *x = c->in[0];
  kvino_dtype dtype = (kvino_dtype)x->dtype;
  const kv_spec *spec = &c->spec[0];
  int64_t strides[KVINO_MAX_RANK];
  if (x->contiguous || !x->size) {
    int64_t step = (int64_t)kvino_dtype_size(dtype);
    for (int i = spec->rank - 1; i >= 0; i--) {
      strides[i] = step;
      if (spec->shape[i]) step = (int64_t)((uint64_t)step * (uint64_t)spec->shape[i]); /* too much fails below */
    }
  } else if (!view_strides(x, spec->rank, spec->shape, strides)) {
    KV_TRY(kv_call_alloc(c, 0));
    kv_tensor_copy_to(x, c->out[0]->data);
    return KVINO_OK;
  }
  return kv_tensor_view(x, dtype, spec->rank, spec->shape, strides, x->data, &c->out[0], c->err);
}

/* ---- Squeeze: operand 1 holds the axes; an axis that is not of length 1 is an error ---- */

kvino_status kv_infer_squeeze(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  bool drop[KVINO_MAX_RANK];
  KV_TRY(kv_axes_operand(c->in[1], x->rank, drop, c->err));
  kv_spec *spec = &c->spec[0];
  spec->dtype = (kvino_dtype)x->dtype;
  spec->rank = 0;
  for (int i = 0; i < x->rank; i++) {
    if (drop[i] && x->shape[i] != 1 && x->shape[i] != -1)
      return kv_fail(c->err, KVINO_INVALID, "cannot select an axis to squeeze out which has size not equal to one");
    if (!drop[i]) spec->shape[spec->rank++] = x->shape[i];
  }
  kv_known_same(c);
  return KVINO_OK;
}

kvino_status kv_eval_squeeze(kv_call *c) {
  kvino_tensor *x = c->in[0];
  bool drop[KVINO_MAX_RANK];
  int64_t strides[KVINO_MAX_RANK];
  int rank = 0;
  KV_TRY(kv_axes_operand(c->in[1], x->rank, drop, c->err));
  for (int i = 0; i < x->rank; i++)
    if (!drop[i]) strides[rank++] = x->strides[i];
  return kv_tensor_view(x, (kvino_dtype)x->dtype, rank, c->spec[0].shape, strides, x->data, &c->out[0], c->err);
}

/* ---- Unsqueeze: operand 1 holds the new axes' places in the result ---- */

static kvino_status new_axes(kv_call *c, int *rank, bool fresh[KVINO_MAX_RANK]) {
  kv_values axes;
  KV_TRY(kv_read_all(c, 1, "axes", &axes));
  *rank = c->in[0]->rank + axes.n;
  if (*rank > KVINO_MAX_RANK)
    return kv_fail(c->err, KVINO_INVALID, "maximum supported dimension for an ndarray is currently %d, found %d",
                   KVINO_MAX_RANK, *rank);
  for (int i = 0; i < *rank; i++) fresh[i] = false;
  for (int i = 0; i < axes.n; i++) {
    KV_TRY(kv_normalize_axis(&axes.v[i], *rank, c->err));
    if (fresh[axes.v[i]]) return kv_fail(c->err, KVINO_INVALID, "repeated axis");
    fresh[axes.v[i]] = true;
  }
  return KVINO_OK;
}

kvino_status kv_infer_unsqueeze(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  bool fresh[KVINO_MAX_RANK];
  kv_spec *spec = &c->spec[0];
  KV_TRY(new_axes(c, &spec->rank, fresh));
  spec->dtype = (kvino_dtype)x->dtype;
  for (int i = 0, k = 0; i < spec->rank; i++) spec->shape[i] = fresh[i] ? 1 : x->shape[k++];
  kv_known_same(c);
  return KVINO_OK;
}

kvino_status kv_eval_unsqueeze(kv_call *c) {
  kvino_tensor *x = c->in[0];
  bool fresh[KVINO_MAX_RANK];
  int64_t strides[KVINO_MAX_RANK];
  int rank;
  KV_TRY(new_axes(c, &rank, fresh));
  for (int i = 0, k = 0; i < rank; i++) strides[i] = fresh[i] ? 0 : x->strides[k++];
  return kv_tensor_view(x, (kvino_dtype)x->dtype, rank, c->spec[0].shape, strides, x->data, &c->out[0], c->err);
}

/* ---- Identity ---- */

kvino_status kv_infer_identity(kv_call *c) {
  kv_call_spec(c, 0, (kvino_dtype)c->in[0]->dtype, c->in[0]->rank, c->in[0]->shape);
  kv_known_same(c);
  return KVINO_OK;
}

kvino_status kv_eval_identity(kv_call *c) {
  c->out[0] = kvino_tensor_retain(c->in[0]);
  return KVINO_OK;
}

/* ---- ShapeOf ---- */

kvino_status kv_infer_shape_of(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  kvino_dtype dtype = c->attrs->output_type.output_type;
  if (dtype != KVINO_I32 && dtype != KVINO_I64)
    return kv_fail(c->err, KVINO_TYPE, "the output_type of ShapeOf is int32 or int64, not %s", kvino_dtype_name(dtype));
  kv_call_spec(c, 0, dtype, 1, (int64_t[]){x->rank});
  if (!c->tracing) return KVINO_OK;
  c->n_known = x->rank;
  for (int i = 0; i < x->rank; i++) c->known[i] = x->shape[i] < 0 ? KV_UNKNOWN : x->shape[i];
  return KVINO_OK;
}

kvino_status kv_eval_shape_of(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  KV_TRY(kv_call_alloc(c, 0));
  for (int i = 0; i < x->rank; i++) {
    if (c->spec[0].dtype == KVINO_I64) {
      ((int64_t *)c->out[0]->data)[i] = x->shape[i];
    } else {
      if (x->shape[i] > INT32_MAX)
        return kv_fail(c->err, KVINO_OVERFLOW, "dimension %lld does not fit in int32", (long long)x->shape[i]);
      ((int32_t *)c->out[0]->data)[i] = (int32_t)x->shape[i];
    }
  }
  return KVINO_OK;
}

/* An unknown dimension is no larger than the number of elements, divided by the dimensions that are known. */
kv_interval kv_interval_shape_of(const kv_bounds *b) {
  const kv_output *x = kv_bounds_operand(b, 0);
  kv_interval all = {x->rank ? INT64_MAX : 0, 0};
  int64_t most = KV_DIMENSION_MAX;
  for (int k = 0; k < x->rank; k++)
    if (x->shape[k] > 0) most /= x->shape[k];
  for (int k = 0; k < x->rank; k++)
    all = kv_interval_union(all, x->shape[k] < 0 ? (kv_interval){0, most} : (kv_interval){x->shape[k], x->shape[k]});
  return all;
}
