/* keras.ops.numpy: diagonals, taken from matrices and made into them. */
#include <string.h>

#include "ops/common.h"

/* The diagonal of the last two axes whose lengths are known: in the flattened matrix its elements are columns + 1
 * apart. */
static kvino_tensor *by_stride(kv_scope *s, kvino_tensor *x, int64_t offset) {
  int64_t rows = x->shape[x->rank - 2], columns = x->shape[x->rank - 1], shape[KVINO_MAX_RANK], n = 0;
  if (offset >= 0 && offset < columns) n = columns - offset < rows ? columns - offset : rows;
  if (offset < 0 && offset > -rows) n = rows + offset < columns ? rows + offset : columns;
  int64_t first = !n ? 0 : offset >= 0 ? offset : -offset * columns;
  memcpy(shape, x->shape, (size_t)(x->rank - 2) * sizeof *shape);
  shape[x->rank - 2] = rows * columns;
  kvino_tensor *flat = kv_reshape_to(s, x, x->rank - 1, shape);
  int64_t stop = n ? first + (n - 1) * (columns + 1) + 1 : 0;
  return kv_slice(s, 5,
                  (kvino_tensor *[]){flat, KV_VECTOR(s, first), KV_VECTOR(s, stop), KV_VECTOR(s, columns + 1),
                                     KV_VECTOR(s, x->rank - 2)});
}

/* The same where lengths are computed in the graph: its elements' places, gathered. */
static kvino_tensor *by_places(kv_scope *s, kvino_tensor *x, int64_t offset) {
  int64_t batch = x->rank - 2;
  kvino_tensor *rows = kv_dimension(s, x, batch), *columns = kv_dimension(s, x, batch + 1);
  kvino_tensor *zero = kv_int(s, KVINO_I64, 0), *one = kv_int(s, KVINO_I64, 1);
  kvino_tensor *below = kv_int(s, KVINO_I64, offset < 0 ? offset : 0),
               *right = kv_int(s, KVINO_I64, offset > 0 ? offset : 0);
  kvino_tensor *n = kv_minimum(s, kv_add(s, rows, below), kv_subtract(s, columns, right));
  kvino_tensor *place =
      kv_range(s, zero, kv_maximum(s, n, zero), one, (kv_output_type_attrs){.output_type = KVINO_I64});
  kvino_tensor *first = kv_subtract(s, right, kv_multiply(s, below, columns));
  place = kv_add(s, kv_multiply(s, place, kv_add(s, columns, one)), first);
  kvino_tensor *area = kv_unsqueeze(s, kv_multiply(s, rows, columns), KV_VECTOR(s, 0));
  kvino_tensor *shape = area;
  if (batch)
    shape =
        kv_concat(s, 2, (kvino_tensor *[]){kv_cut(s, kv_dims(s, x), 0, 0, batch), area}, (kv_axis_attrs){.axis = 0});
  kvino_tensor *flat = kv_reshape(s, x, shape, (kv_reshape_attrs){.special_zero = false});
  return kv_gather(s, flat, place, kv_int(s, KVINO_I64, batch), (kv_gather_attrs){.batch_dims = 0});
}

kvino_tensor *op_diagonal(kv_scope *s, kvino_tensor *x, int64_t offset, int64_t axis1, int64_t axis2) {
  if (!x) return NULL;
  if (x->rank < 2) return kv_scope_fail(s, KVINO_INVALID, "diag requires an array of at least two dimensions");
  if (!kv_axis_ok(s, &axis1, x->rank) || !kv_axis_ok(s, &axis2, x->rank)) return NULL;
  if (axis1 == axis2) return kv_scope_fail(s, KVINO_INVALID, "axis1 and axis2 cannot be the same");
  if (offset == KVINO_NO_INTEGER)
    return kv_scope_fail(s, KVINO_TYPE, "'NoneType' object cannot be interpreted as an integer");
  x = op_moveaxis(s, x, KVINO_INTS(axis1, axis2), KVINO_INTS(-2, -1));
  if (!x) return NULL;
  int unknown = 0;
  for (int i = 0; i < x->rank - 2; i++) unknown += x->shape[i] < 0;
  bool sized = x->shape[x->rank - 2] >= 0 && x->shape[x->rank - 1] >= 0;
  return sized && unknown < 2 && (!unknown || (x->shape[x->rank - 2] && x->shape[x->rank - 1]))
             ? by_stride(s, x, offset)
             : by_places(s, x, offset);
}

kvino_tensor *op_trace(kv_scope *s, kvino_tensor *x, int64_t offset, int64_t axis1, int64_t axis2) {
  return op_sum(s, op_diagonal(s, x, offset, axis1, axis2), KVINO_INTS(-1), false);
}

/* ---- matrices from their diagonal ---- */

/* The square matrix with vector x on its k-th diagonal. */
static kvino_tensor *matrix_of(kv_scope *s, kvino_tensor *x, int64_t k) {
  if (k == KVINO_NO_INTEGER)
    return kv_scope_fail(s, KVINO_TYPE, "'NoneType' object cannot be interpreted as an integer");
  int64_t more = k < 0 ? -k : k;
  if (x->size >= 0 && more > INT32_MAX) return kv_scope_fail(s, KVINO_INVALID, "Maximum allowed dimension exceeded");
  kv_output_type_attrs as = {.output_type = KVINO_I64};
  kvino_tensor *zero = kv_int(s, KVINO_I64, 0), *one = kv_int(s, KVINO_I64, 1);
  kvino_tensor *size = kv_add(s, kv_dimension(s, x, 0), kv_int(s, KVINO_I64, more));
  kvino_tensor *columns = kv_range(s, zero, size, one, as), *rows = kv_unsqueeze(s, columns, KV_VECTOR(s, 1));
  kvino_tensor *on = kv_equal(s, kv_subtract(s, columns, rows), kv_int(s, KVINO_I64, k));
  /* Above the main diagonal element i stands in row i, below it in column i. */
  x = kv_pad(s, 4, (kvino_tensor *[]){x, KV_VECTOR(s, 0), KV_VECTOR(s, more), kv_like(s, x, 0)},
             (kv_pad_attrs){.pad_mode = "constant"});
  return kv_select(s, on, kv_unsqueeze(s, x, KV_VECTOR(s, k < 0 ? 0 : 1)), kv_like(s, x, 0));
}

kvino_tensor *op_diag(kv_scope *s, kvino_tensor *x, int64_t k) {
  x = kv_strong(s, x);
  if (!x) return NULL;
  if (x->rank == 1) return matrix_of(s, x, k);
  if (x->rank == 2) return op_diagonal(s, x, k, 0, 1);
  return kv_scope_fail(s, KVINO_INVALID, "Input must be 1- or 2-d.");
}

kvino_tensor *op_diagflat(kv_scope *s, kvino_tensor *x, int64_t k) {
  x = kv_flatten(s, kv_strong(s, x));
  return x ? matrix_of(s, x, k) : NULL;
}
