/* Other places for the same elements along an axis: Roll and ReverseSequence. */
#include "prim/known.h"
#include "tensor/copy.h"

/* ---- Roll: x, shift, axes; shift and axes broadcast, and an axis may come twice ---- */

kvino_status kv_infer_roll(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  kv_values shift, axes;
  KV_TRY(kv_read_values(c, 1, "shift", &shift));
  KV_TRY(kv_read_values(c, 2, "axes", &axes));
  if (shift.n != axes.n && shift.n != 1 && axes.n != 1)
    return kv_fail(c->err, KVINO_INVALID, "shape mismatch: %d shifts cannot be broadcast with %d axes", shift.n,
                   axes.n);
  for (int i = 0; i < axes.n; i++)
    if (kv_is_known(&axes, i)) KV_TRY(kv_normalize_axis(&axes.v[i], x->rank, c->err));
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, x->rank, x->shape);
  return KVINO_OK;
}

/* Copies from axis `axis` on: each rolled axis is two pieces. */
static void roll_axis(const kvino_tensor *x, const kvino_tensor *y, const int64_t *by, int axis, int64_t *shape,
                      char *to, const char *from) {
  while (axis < x->rank && !by[axis]) axis++;
  if (axis == x->rank) {
    kv_copy_strided(kvino_dtype_size((kvino_dtype)x->dtype), x->rank, shape, to, y->strides, from, x->strides);
    return;
  }
  int64_t n = x->shape[axis], head = n - by[axis];
  shape[axis] = head;
  roll_axis(x, y, by, axis + 1, shape, to + by[axis] * y->strides[axis], from);
  shape[axis] = by[axis];
  roll_axis(x, y, by, axis + 1, shape, to, from + head * x->strides[axis]);
  shape[axis] = n;
}

kvino_status kv_eval_roll(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  kv_values shift, axes;
  KV_TRY(kv_read_all(c, 1, "shift", &shift));
  KV_TRY(kv_read_all(c, 2, "axes", &axes));
  KV_TRY(kv_call_alloc(c, 0));
  kvino_tensor *y = c->out[0];
  if (!y->size) return KVINO_OK;
  int64_t by[KVINO_MAX_RANK] = {0}, shape[KVINO_MAX_RANK];
  int n = shift.n > axes.n ? shift.n : axes.n;
  if (!shift.n || !axes.n) n = 0;
  for (int i = 0; i < n; i++) {
    int64_t axis = axes.v[axes.n == 1 ? 0 : i];
    KV_TRY(kv_normalize_axis(&axis, x->rank, c->err));
    int64_t length = x->shape[axis];
    by[axis] = (by[axis] + shift.v[shift.n == 1 ? 0 : i] % length + length) % length;
  }
  for (int k = 0; k < x->rank; k++) shape[k] = x->shape[k];
  roll_axis(x, y, by, 0, shape, y->data, x->data);
  return KVINO_OK;
}

/* ---- ReverseSequence: x, lengths; of each batch the first lengths[batch] elements along seq_axis, reversed ---- */

static kvino_status sequence_axes(kv_call *c, int64_t *batch, int64_t *seq) {
  *batch = c->attrs->reverse_sequence.batch_axis;
  *seq = c->attrs->reverse_sequence.seq_axis;
  KV_TRY(kv_normalize_axis(batch, c->in[0]->rank, c->err));
  KV_TRY(kv_normalize_axis(seq, c->in[0]->rank, c->err));
  if (*batch == *seq) return kv_fail(c->err, KVINO_INVALID, "batch_axis and seq_axis of ReverseSequence must differ");
  return KVINO_OK;
}

kvino_status kv_infer_reverse_sequence(kv_call *c) {
  const kvino_tensor *x = c->in[0], *lengths = c->in[1];
  int64_t batch, seq;
  KV_TRY(sequence_axes(c, &batch, &seq));
  if (!kvino_dtype_is_integer((kvino_dtype)lengths->dtype))
    return kv_fail(c->err, KVINO_TYPE, "the lengths of ReverseSequence must be integers, not %s",
                   kvino_dtype_name((kvino_dtype)lengths->dtype));
  if (lengths->rank != 1 || (lengths->shape[0] >= 0 && x->shape[batch] >= 0 && lengths->shape[0] != x->shape[batch]))
    return kv_fail(c->err, KVINO_INVALID, "ReverseSequence takes one length for each of the %lld sequences",
                   (long long)x->shape[batch]);
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, x->rank, x->shape);
  return KVINO_OK;
}

kvino_status kv_eval_reverse_sequence(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  int64_t batch, seq, shape[KVINO_MAX_RANK], strides[KVINO_MAX_RANK];
  KV_TRY(sequence_axes(c, &batch, &seq));
  KV_TRY(kv_call_alloc(c, 0));
  kvino_tensor *y = c->out[0];
  size_t size = kvino_dtype_size((kvino_dtype)x->dtype);
  for (int k = 0; k < x->rank; k++) {
    shape[k] = x->shape[k];
    strides[k] = x->strides[k];
  }
  shape[batch] = 1;
  for (int64_t b = 0; b < x->shape[batch]; b++) {
    int64_t n = kv_tensor_get_int(c->in[1], b), all = x->shape[seq];
    if (n < 0 || n > all)
      return kv_fail(c->err, KVINO_INVALID, "sequence length %lld is not within 0 and %lld", (long long)n,
                     (long long)all);
    char *to = y->data + b * y->strides[batch], *from = x->data + b * x->strides[batch];
    shape[seq] = n;
    strides[seq] = -x->strides[seq];
    kv_copy_strided(size, x->rank, shape, to, y->strides, n ? from + (n - 1) * x->strides[seq] : from, strides);
    shape[seq] = all - n;
    strides[seq] = x->strides[seq];
    kv_copy_strided(size, x->rank, shape, to + n * y->strides[seq], y->strides, from + n * x->strides[seq], strides);
  }
  return KVINO_OK;
}
