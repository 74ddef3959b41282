/* Joining and dividing along an axis: Concat (one strided copy for each operand), Split and VariadicSplit (views). */
#include <string.h>

#include "prim/interval.h"
#include "prim/known.h"
#include "tensor/copy.h"

/* ---- Split: operand 1 is the axis, 0-d ---- */

kvino_status kv_infer_split(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  int64_t n = c->attrs->split.num_splits, axis;
  KV_TRY(kv_read_axis(c, 1, x->rank, &axis));
  if (n <= 0) return kv_fail(c->err, KVINO_INVALID, "number sections must be larger than 0.");
  int64_t length = x->shape[axis];
  if (length >= 0 && length % n)
    return kv_fail(c->err, KVINO_INVALID, "array split does not result in an equal division");
  KV_TRY(kv_call_outputs(c, (size_t)n));
  for (int64_t i = 0; i < n; i++) {
    kv_call_spec(c, (size_t)i, (kvino_dtype)x->dtype, x->rank, x->shape);
    c->spec[i].shape[axis] = length < 0 ? -1 : length / n;
  }
  if (n == 1) kv_known_same(c);
  return KVINO_OK;
}

/* Views of operand 0, one behind the other along the axis that operand 1 names. */
kvino_status kv_eval_split(kv_call *c) {
  kvino_tensor *x = c->in[0];
  int64_t axis;
  KV_TRY(kv_read_axis(c, 1, x->rank, &axis));
  char *data = x->data;
  for (size_t i = 0; i < c->n_out; i++) {
    KV_TRY(kv_tensor_view(x, (kvino_dtype)x->dtype, x->rank, c->spec[i].shape, x->strides, data, &c->out[i], c->err));
    data += c->spec[i].shape[axis] * x->strides[axis];
  }
  return KVINO_OK;
}

/* ---- VariadicSplit: operand 2 holds the lengths, one of which may be -1 ---- */

kvino_status kv_infer_variadic_split(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  int64_t axis, sum = 0;
  kv_values lengths;
  KV_TRY(kv_read_axis(c, 1, x->rank, &axis));
  KV_TRY(kv_read_values(c, 2, "lengths", &lengths));
  if (!lengths.n) return kv_fail(c->err, KVINO_INVALID, "VariadicSplit needs at least one length");
  int rest = -1, unknown = 0;
  for (int i = 0; i < lengths.n; i++) {
    if (!kv_is_known(&lengths, i)) {
      unknown++;
    } else if (lengths.v[i] == -1) {
      if (rest >= 0) return kv_fail(c->err, KVINO_INVALID, "can only specify one unknown dimension");
      rest = i;
    } else if (lengths.v[i] < 0) {
      return kv_fail(c->err, KVINO_INVALID, "negative dimensions are not allowed");
    } else if (__builtin_add_overflow(sum, lengths.v[i], &sum)) {
      return kv_fail(c->err, KVINO_INVALID, "the lengths of VariadicSplit are too large");
    }
  }
  int64_t length = x->shape[axis];
  if (length >= 0 && (sum > length || (sum < length && rest < 0 && !unknown)))
    return kv_fail(c->err, KVINO_INVALID, "the lengths of VariadicSplit sum to %lld, but axis %lld has size %lld",
                   (long long)sum, (long long)axis, (long long)length);
  KV_TRY(kv_call_outputs(c, (size_t)lengths.n));
  for (int i = 0; i < lengths.n; i++) {
    kv_call_spec(c, (size_t)i, (kvino_dtype)x->dtype, x->rank, x->shape);
    int64_t d = kv_is_known(&lengths, i) ? lengths.v[i] : -1;
    if (i == rest && length >= 0 && !unknown) d = length - sum;
    c->spec[i].shape[axis] = d;
  }
  if (lengths.n == 1) kv_known_same(c);
  return KVINO_OK;
}

/* ---- Concat ---- */

static kvino_status mismatch(kv_call *c, size_t i, int k, int64_t expected) {
  return kv_fail(
      c->err, KVINO_INVALID,
      "all the input array dimensions except for the concatenation axis must match exactly, but along dimension "
      "%d, the array at index 0 has size %lld and the array at index %zu has size %lld",
      k, (long long)expected, i, (long long)c->in[i]->shape[k]);
}

/* Shapes are put together this way: the known values of the operands, one behind the other. */
static void known_parts(kv_call *c) {
  int total = 0;
  for (size_t i = 0; i < c->n_in; i++) {
    int n;
    int64_t value[KV_KNOWN_MAX];
    if (!kvino_dtype_is_integer(c->spec[0].dtype) || c->spec[0].shape[0] < 0) return;
    if (!kv_known_values(c->in[i], &n, value)) { /* of a known length at least */
      n = (int)c->in[i]->size;
      if (total + c->in[i]->size > KV_KNOWN_MAX) return;
      for (int k = 0; k < n; k++) value[k] = KV_UNKNOWN;
    }
    if (total + n > KV_KNOWN_MAX) return;
    memcpy(c->known + total, value, (size_t)n * sizeof *value);
    total += n;
  }
  c->n_known = total;
}

kvino_status kv_infer_concat(kv_call *c) {
  if (!c->n_in) return kv_fail(c->err, KVINO_INVALID, "need at least one array to concatenate");
  const kvino_tensor *first = c->in[0];
  int64_t axis = c->attrs->axis.axis;
  if (!first->rank) return kv_fail(c->err, KVINO_INVALID, "zero-dimensional arrays cannot be concatenated");
  KV_TRY(kv_normalize_axis(&axis, first->rank, c->err));
  kv_call_spec(c, 0, (kvino_dtype)first->dtype, first->rank, first->shape);
  int64_t *shape = c->spec[0].shape;
  for (size_t i = 1; i < c->n_in; i++) {
    const kvino_tensor *x = c->in[i];
    KV_TRY(kv_same_dtype(c, 0, i));
    if (x->rank != first->rank)
      return kv_fail(c->err, KVINO_INVALID,
                     "all the input arrays must have same number of dimensions, but the array at index 0 has %d "
                     "dimension(s) and the array at index %zu has %d dimension(s)",
                     first->rank, i, x->rank);
    for (int k = 0; k < x->rank; k++) {
      if (k == axis) {
        if (shape[k] < 0 || x->shape[k] < 0)
          shape[k] = -1;
        else if (__builtin_add_overflow(shape[k], x->shape[k], &shape[k]))
          return kv_fail(c->err, KVINO_INVALID, "the concatenated array is too big");
      } else if (shape[k] < 0) {
        shape[k] = x->shape[k];
      } else if (x->shape[k] >= 0 && x->shape[k] != shape[k]) {
        return mismatch(c, i, k, shape[k]);
      }
    }
  }
  if (c->tracing && first->rank == 1) known_parts(c);
  return KVINO_OK;
}

kvino_status kv_eval_concat(kv_call *c) {
  int64_t axis = c->attrs->axis.axis;
  if (axis < 0) axis += c->spec[0].rank;
  if (c->n_in == 1) {
    c->out[0] = kvino_tensor_retain(c->in[0]);
    return KVINO_OK;
  }
  KV_TRY(kv_call_alloc(c, 0));
  kvino_tensor *y = c->out[0];
  size_t size = kvino_dtype_size((kvino_dtype)y->dtype);
  char *to = y->data;
  for (size_t i = 0; i < c->n_in; i++) {
    const kvino_tensor *x = c->in[i];
    kv_copy_strided(size, x->rank, x->shape, to, y->strides, x->data, x->strides);
    to += x->shape[axis] * y->strides[axis];
  }
  return KVINO_OK;
}

kv_interval kv_interval_concat(const kv_bounds *b) {
  kv_interval i = b->in[0];
  for (uint32_t k = 1; k < b->node->n_in; k++) i = kv_interval_union(i, b->in[k]);
  return i;
}
