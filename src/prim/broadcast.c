/* Repeating elements: Broadcast (a view with zero strides), what undoes it by sums (SumTo), and Tile (one strided
 * copy). */
#include <stdio.h>
#include <string.h>

#include "prim/known.h"
#include "tensor/copy.h"

/* ---- Broadcast: operand 1 is the target shape. mode numpy: x becomes the target; bidirectional: x and the target
 * become what both broadcast to ---- */

static bool bidirectional(const kv_call *c) {
  const char *mode = c->attrs->broadcast.mode;
  return mode && !strcmp(mode, "bidirectional");
}

/* "(2,3)", as NumPy writes shapes in this error. */
static const char *compact_text(int rank, const int64_t *shape, char text[KV_SHAPE_TEXT]) {
  size_t n = (size_t)snprintf(text, KV_SHAPE_TEXT, "(");
  for (int i = 0; i < rank && n < KV_SHAPE_TEXT - 32; i++) {
    const char *comma = i ? "," : "";
    n += (size_t)(shape[i] < 0 ? snprintf(text + n, KV_SHAPE_TEXT - n, "%sNone", comma)
                               : snprintf(text + n, KV_SHAPE_TEXT - n, "%s%lld", comma, (long long)shape[i]));
  }
  snprintf(text + n, KV_SHAPE_TEXT - n, rank == 1 ? ",)" : ")");
  return text;
}

static kvino_status cannot_broadcast(kv_call *c, const kv_values *target) {
  char from[KV_SHAPE_TEXT], to[KV_SHAPE_TEXT];
  return kv_fail(
      c->err, KVINO_INVALID,
      "operands could not be broadcast together with remapped shapes [original->remapped]: %s  and requested shape %s",
      compact_text(c->in[0]->rank, c->in[0]->shape, from), compact_text(target->n, target->v, to));
}

static kvino_status check_mode(kv_call *c) {
  const char *mode = c->attrs->broadcast.mode;
  if (!mode || !strcmp(mode, "numpy") || !strcmp(mode, "bidirectional")) return KVINO_OK;
  return kv_fail(c->err, KVINO_UNSUPPORTED, "Broadcast with mode '%s' is not supported: use numpy or bidirectional",
                 mode);
}

/* The dimension that x's d and the target's t make; -1 unknown; -2 where they do not fit. */
static int64_t joined(int64_t d, int64_t t, bool both_ways) {
  if (t < 0) return d > 1 || (!both_ways && d == 0) ? d : -1;
  if (!both_ways) return d == t || d == 1 || d < 0 ? t : -2;
  if (t == 1) return d;
  return d == t || d == 1 || d < 0 ? t : -2;
}

kvino_status kv_infer_broadcast(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  bool both = bidirectional(c);
  kv_values target;
  KV_TRY(check_mode(c));
  KV_TRY(kv_read_values(c, 1, "shape", &target));
  for (int i = 0; i < target.n; i++)
    if (kv_is_known(&target, i) && target.v[i] < 0)
      return kv_fail(c->err, KVINO_INVALID, "all elements of broadcast shape must be non-negative");
  if (!both && x->rank > target.n) {
    if (!target.n) return kv_fail(c->err, KVINO_INVALID, "cannot broadcast a non-scalar to a scalar array");
    return kv_fail(c->err, KVINO_INVALID, "input operand has more dimensions than allowed by the axis remapping");
  }
  kv_spec *spec = &c->spec[0];
  spec->dtype = (kvino_dtype)x->dtype;
  spec->rank = target.n > x->rank ? target.n : x->rank;
  for (int i = 0; i < spec->rank; i++) {
    int k = i - (spec->rank - x->rank), j = i - (spec->rank - target.n);
    int64_t t = j < 0 ? 1 : kv_is_known(&target, j) ? target.v[j] : -1;
    spec->shape[i] = joined(k < 0 ? 1 : x->shape[k], t, both);
    if (spec->shape[i] == -2) return cannot_broadcast(c, &target);
  }
  if (c->tracing && x->size == 1 && spec->rank <= 1) { /* one value, repeated */
    int64_t n = spec->rank ? spec->shape[0] : 1;
    int one;
    int64_t value[KV_KNOWN_MAX];
    if (n < 0 || n > KV_KNOWN_MAX || !kv_known_values(x, &one, value)) return KVINO_OK;
    for (c->n_known = 0; c->n_known < n; c->n_known++) c->known[c->n_known] = value[0];
  } else {
    kv_known_same(c);
  }
  return KVINO_OK;
}

kvino_status kv_eval_broadcast(kv_call *c) {
  kvino_tensor *x = c->in[0];
  const kv_spec *spec = &c->spec[0];
  int64_t strides[KVINO_MAX_RANK];
  for (int i = 0; i < spec->rank; i++) {
    int k = i - (spec->rank - x->rank);
    strides[i] = k < 0 || x->shape[k] != spec->shape[i] ? 0 : x->strides[k];
  }
  return kv_tensor_view(x, (kvino_dtype)x->dtype, spec->rank, spec->shape, strides, x->data, &c->out[0], c->err);
}

/* ---- Tile: operand 1 says how often along each axis; the shorter of shape and repeats is extended by ones in front
 * ---- */

kvino_status kv_infer_tile(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  kv_values repeats;
  KV_TRY(kv_read_values(c, 1, "repeats", &repeats));
  kv_spec *spec = &c->spec[0];
  spec->dtype = (kvino_dtype)x->dtype;
  spec->rank = repeats.n > x->rank ? repeats.n : x->rank;
  for (int i = 0; i < spec->rank; i++) {
    int k = i - (spec->rank - x->rank), j = i - (spec->rank - repeats.n);
    int64_t d = k < 0 ? 1 : x->shape[k], r = j < 0 ? 1 : repeats.v[j];
    bool known = j < 0 || kv_is_known(&repeats, j);
    if (known && r < 0) return kv_fail(c->err, KVINO_INVALID, "negative dimensions are not allowed");
    if ((known && !r) || d == 0)
      spec->shape[i] = 0;
    else if (!known || d < 0)
      spec->shape[i] = -1;
    else if (__builtin_mul_overflow(d, r, &spec->shape[i]))
      return kv_fail(c->err, KVINO_INVALID,
                     "array is too big; `arr.size * arr.dtype.itemsize` is larger than the maximum possible size.");
  }
  return KVINO_OK;
}

kvino_status kv_eval_tile(kv_call *c) {
  kvino_tensor *x = c->in[0];
  KV_TRY(kv_call_alloc(c, 0));
  kvino_tensor *y = c->out[0];
  if (!y->size) return KVINO_OK;
  /* Each axis of y is (repeat, place in x). */
  int64_t shape[KV_COPY_MAX_RANK], to[KV_COPY_MAX_RANK], from[KV_COPY_MAX_RANK];
  for (int i = 0; i < y->rank; i++) {
    int k = i - (y->rank - x->rank);
    int64_t d = k < 0 ? 1 : x->shape[k];
    shape[2 * i] = y->shape[i] / d;
    shape[2 * i + 1] = d;
    to[2 * i] = d * y->strides[i];
    to[2 * i + 1] = y->strides[i];
    from[2 * i] = 0;
    from[2 * i + 1] = k < 0 ? 0 : x->strides[k];
  }
  kv_copy_strided(kvino_dtype_size((kvino_dtype)x->dtype), 2 * y->rank, shape, y->data, to, x->data, from);
  return KVINO_OK;
}

/* ---- SumTo: the transpose of Broadcast ---- */

kvino_status kv_infer_sum_to(kv_call *c) {
  const kvino_tensor *x = c->in[0], *shape = c->in[1];
  int n, rank = shape->rank == 1 ? (int)shape->shape[0] : -1;
  int64_t known[KV_KNOWN_MAX];
  if (shape->rank != 1 || rank < 0 || rank > x->rank || (kvino_dtype)shape->dtype != KVINO_I64)
    return kv_fail(c->err, KVINO_INVALID, "SumTo takes a shape of at most %d dimensions (int64)", x->rank);
  bool any = kv_known_values(shape, &n, known);
  kv_spec *spec = &c->spec[0];
  spec->dtype = (kvino_dtype)x->dtype;
  spec->rank = rank;
  for (int i = 0; i < rank; i++) {
    int64_t own = x->shape[x->rank - rank + i];
    spec->shape[i] = any && known[i] != KV_UNKNOWN ? known[i] : -1;
    if (spec->shape[i] >= 0 && own >= 0 && spec->shape[i] != own && spec->shape[i] != 1)
      return kv_fail(c->err, KVINO_INVALID, "SumTo: dimension %d is %lld, not %lld or 1", i, (long long)own,
                     (long long)spec->shape[i]);
  }
  return KVINO_OK;
}

kvino_status kv_eval_sum_to(kv_call *c) {
  kvino_tensor *x = c->in[0];
  const kv_spec *spec = &c->spec[0];
  int64_t axes[KVINO_MAX_RANK];
  int n = 0;
  for (int i = 0; i < x->rank; i++)
    if (i < x->rank - spec->rank || spec->shape[i - (x->rank - spec->rank)] != x->shape[i]) axes[n++] = i;
  if (!n) return c->out[0] = kvino_tensor_retain(x), KVINO_OK;
  kvino_tensor *list = NULL, *sum = NULL;
  kv_attrs sum_attrs = {.keep_dims = {.keep_dims = true}}, reshape_attrs = {.reshape = {.special_zero = false}};
  kvino_status status = kv_tensor_ints((size_t)n, axes, &list, c->err);
  if (!status) status = kv_compute(KV_ReduceSum, &sum_attrs, 2, (kvino_tensor *[]){x, list}, &sum, c->err);
  if (!status)
    status = kv_compute(KV_Reshape, &reshape_attrs, 2, (kvino_tensor *[]){sum, c->in[1]}, &c->out[0], c->err);
  kvino_tensor_release(list);
  kvino_tensor_release(sum);
  return status;
}
