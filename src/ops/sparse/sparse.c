/* Sparse tensors: indices [n, k], values [n, ...] and a shape, as operands of composites. */
#include "ops/common.h"

/* x, where it is a matrix of integers. */
static kvino_tensor *as_rows(kv_scope *s, kvino_tensor *indices) {
  indices = kv_strong(s, indices);
  if (!indices) return NULL;
  if (!kvino_dtype_is_integer((kvino_dtype)indices->dtype))
    return kv_scope_fail(s, KVINO_TYPE, "indices must be integers, not %s",
                         kvino_dtype_name((kvino_dtype)indices->dtype));
  if (indices->rank == 2 && indices->shape[1] < 0)
    return kv_scope_fail(s, KVINO_UNSUPPORTED, "the number of columns of indices must be known");
  if (indices->rank != 2)
    return kv_scope_fail(s, KVINO_INVALID,
                         "indices must have a row for each value and a column for each axis, got %d-d", indices->rank);
  return indices;
}

/* The lengths of the axes that the indices have, as 1-D int64. */
static kvino_tensor *lengths_of(kv_scope *s, kvino_tensor *indices, kvino_ints shape) {
  if (!indices) return NULL;
  if (shape.n < indices->shape[1])
    return kv_scope_fail(s, KVINO_INVALID, "indices of %lld axes do not fit a shape of %lld",
                         (long long)indices->shape[1], (long long)(shape.n < 0 ? 0 : shape.n));
  shape.n = indices->shape[1];
  return kv_ints_operand(s, shape);
}

/* How far apart neighbours on each axis are, counted in elements: 1-D int64. */
static kvino_tensor *steps_of(kv_scope *s, kvino_tensor *lengths) {
  return kv_cum_prod(s, lengths, kv_int(s, KVINO_I64, 0), (kv_cumsum_attrs){.exclusive = true, .reverse = true});
}

/* Where each row of indices is in C order: [n] int64. */
static kvino_tensor *places_of(kv_scope *s, kvino_tensor *indices, kvino_tensor *lengths) {
  if (!indices || !lengths) return NULL;
  int64_t places = 1;
  for (int64_t i = 0; i < lengths->size && !kv_is_symbolic(lengths); i++)
    if (__builtin_mul_overflow(places, kv_tensor_get_int(lengths, i), &places))
      return kv_scope_fail(s, KVINO_UNSUPPORTED, "entries of a sparse tensor of more than 2^63 elements have no order");
  if (indices->shape[1] == 1) return kv_squeeze(s, kv_cast(s, indices, KVINO_I64), KV_VECTOR(s, 1));
  kvino_tensor *far = kv_multiply(s, kv_cast(s, indices, KVINO_I64), steps_of(s, lengths));
  return kv_reduce_sum(s, far, KV_VECTOR(s, 1), (kv_keep_dims_attrs){.keep_dims = false});
}

static kvino_tensor *rows(kv_scope *s, kvino_tensor *x, kvino_tensor *at) {
  return kv_gather(s, x, at, kv_int(s, KVINO_I64, 0), (kv_gather_attrs){.batch_dims = 0});
}

/* Rows of values added up in n rows (0-d int64) of zeros, each where `at` [n values] says. */
static kvino_tensor *add_rows(kv_scope *s, kvino_tensor *values, kvino_tensor *at, kvino_tensor *n) {
  if (!values || !at || !n) return NULL;
  kvino_dtype dtype = kv_dtype_of(values);
  if (dtype == KVINO_BOOL) values = kv_cast(s, values, KVINO_U8);
  kvino_tensor *shape = kv_unsqueeze(s, n, KV_VECTOR(s, 0));
  if (values && values->rank > 1)
    shape = kv_concat(s, 2, (kvino_tensor *[]){shape, kv_cut(s, kv_dims(s, values), 0, 1, INT64_MAX)},
                      (kv_axis_attrs){.axis = 0});
  kvino_tensor *zeros = kv_broadcast_shape(s, kv_like(s, values, 0), shape);
  kv_scatter_nd_attrs how = {.reduction = dtype == KVINO_BOOL ? "max" : "sum"};
  return kv_cast(s, kv_scatter_nd_update(s, zeros, kv_unsqueeze(s, at, KV_VECTOR(s, 1)), values, how), dtype);
}

/* The places, sorted and once each: .v[0] themselves, .v[1] where each is first, .v[2] which of them each was. */
static kvino_tensors sorted_places(kv_scope *s, kvino_tensor *places) {
  kv_unique_attrs how = {
      .sorted = true, .index_element_type = KVINO_I64, .count_element_type = KVINO_I64, .distinct_nans = true};
  return kv_unique(s, 1, (kvino_tensor *[]){places}, how);
}

kvino_tensor *op_gather_nd(kv_scope *s, kvino_tensor *x, kvino_tensor *indices) {
  x = kv_strong(s, x);
  indices = kv_strong(s, indices);
  return kv_gather_nd(s, x, indices, (kv_gather_attrs){.batch_dims = 0});
}

kvino_tensor *op_sparse_check(kv_scope *s, kvino_tensor *indices, kvino_ints shape) {
  indices = as_rows(s, indices);
  kvino_tensor *lengths = lengths_of(s, indices, shape), *dims = kv_dims(s, indices);
  if (!lengths || !dims || !indices->shape[1]) return indices;
  kvino_tensor *at = kv_cast(s, indices, KVINO_I64), *zero = kv_int(s, KVINO_I64, 0), *one = kv_int(s, KVINO_I64, 1);
  kvino_tensor *holds = kv_logical_and(s, kv_greater_equal(s, at, zero), kv_less(s, at, lengths));
  kv_output_type_attrs wide = {.output_type = KVINO_I64};
  kvino_tensor *entry = kv_range(s, zero, kv_dimension(s, indices, 0), one, wide);
  kvino_tensor *axis = kv_range(s, zero, kv_int(s, KVINO_I64, indices->shape[1]), one, wide);
  kvino_tensor *said[] = {kv_broadcast_shape(s, kv_unsqueeze(s, entry, KV_VECTOR(s, 1)), dims), at,
                          kv_broadcast_shape(s, axis, dims), kv_broadcast_shape(s, lengths, dims)};
  return kv_demand(s, KV_REFUSAL_sparse_index, indices, holds, 4, said);
}

kvino_tensors op_sparse_from_dense(kv_scope *s, kvino_tensor *x, int64_t dense_dims, kvino_dtype dtype) {
  x = kv_strong(s, x);
  if (!x) return KV_NO_TENSORS;
  if (dense_dims < 0 || dense_dims > x->rank) {
    kv_scope_fail(s, KVINO_INVALID, "dense_dims %lld of a tensor with %d axes", (long long)dense_dims, x->rank);
    return KV_NO_TENSORS;
  }
  kvino_tensor *what = x;
  int rank = x->rank - (int)dense_dims;
  if (dense_dims) {
    int64_t axes[KVINO_MAX_RANK];
    for (int i = 0; i < dense_dims; i++) axes[i] = rank + i;
    what = kv_reduce_logical_or(s, kv_truth(s, x), kv_vector(s, (size_t)dense_dims, axes),
                                (kv_keep_dims_attrs){.keep_dims = false});
  }
  kvino_tensor **v = kv_scope_alloc(s, 2, sizeof *v);
  if (!v || !what) return KV_NO_TENSORS;
  if (!rank) { /* a number, or one slice: an entry without indices */
    v[0] = kv_broadcast_shape(s, kv_int(s, dtype, 0), KV_VECTOR(s, 1, 0));
    v[1] = kv_unsqueeze(s, x, KV_VECTOR(s, 0));
  } else {
    kvino_tensor *found = kv_non_zero(s, what, (kv_output_type_attrs){.output_type = dtype});
    v[0] = kv_permute(s, found, (int64_t[]){1, 0});
    v[1] = kv_gather_nd(s, x, v[0], (kv_gather_attrs){.batch_dims = 0});
  }
  return (kvino_tensors){2, v};
}

/* The values, of which there must be as many as indices. */
static kvino_tensor *values_of(kv_scope *s, kvino_tensor *indices, kvino_tensor *values) {
  values = kv_strong(s, values);
  if (!indices || !values) return NULL;
  if (!values->rank) return kv_scope_fail(s, KVINO_INVALID, "values of a sparse tensor have at least one axis");
  kv_length_pair entries = {{indices, 0}, {values, 0}};
  return kv_demand_lengths(s, KV_REFUSAL_sparse_entries, values, 1, &entries, 2, (kv_length[]){entries.a, entries.b});
}

kvino_tensors op_sparse_coalesce(kv_scope *s, kvino_tensor *indices, kvino_tensor *values, kvino_ints shape) {
  indices = as_rows(s, indices);
  values = values_of(s, indices, values);
  if (!values) return KV_NO_TENSORS;
  kvino_tensors found = sorted_places(s, places_of(s, indices, lengths_of(s, indices, shape)));
  kvino_tensor **v = kv_scope_alloc(s, 2, sizeof *v);
  if (!found.v || !v) return KV_NO_TENSORS;
  v[0] = rows(s, indices, found.v[1]);
  v[1] = add_rows(s, values, found.v[2], kv_dimension(s, found.v[0], 0));
  return (kvino_tensors){2, v};
}

kvino_tensors op_sparse_align(kv_scope *s, kvino_tensor *indices1, kvino_tensor *values1, kvino_tensor *indices2,
                              kvino_tensor *values2, kvino_ints shape, bool both) {
  indices1 = as_rows(s, indices1);
  indices2 = as_rows(s, indices2);
  values1 = values_of(s, indices1, values1);
  values2 = values_of(s, indices2, values2);
  if (!indices1 || !indices2 || !values1 || !values2) return KV_NO_TENSORS;
  if (indices1->shape[1] != indices2->shape[1]) {
    kv_scope_fail(s, KVINO_INVALID, "sparse operands with indices of %lld and %lld axes", (long long)indices1->shape[1],
                  (long long)indices2->shape[1]);
    return KV_NO_TENSORS;
  }
  kvino_dtype dtype = indices1->dtype == indices2->dtype ? kv_dtype_of(indices1) : KVINO_I64;
  return kv_sparse_align(s, kv_cast(s, indices1, dtype), values1, kv_cast(s, indices2, dtype), values2,
                         lengths_of(s, indices1, shape), (kv_align_attrs){.both = both});
}

kvino_tensor *op_sparse_axes(kv_scope *s, kvino_tensor *indices, kvino_ints axes) {
  int64_t axis[KVINO_MAX_RANK];
  int n;
  indices = as_rows(s, indices);
  if (!indices || !kv_plain_ints(s, axes, KVINO_MAX_RANK, &n, axis)) return NULL;
  kvino_tensor *column[KVINO_MAX_RANK];
  for (int i = 0; i < n; i++) {
    if (axis[i] < -1 || axis[i] >= indices->shape[1])
      return kv_scope_fail(s, KVINO_INDEX, "axis %lld is out of bounds for indices of %lld axes", (long long)axis[i],
                           (long long)indices->shape[1]);
    column[i] = axis[i] < 0 ? kv_cut(s, kv_multiply(s, indices, kv_like(s, indices, 0)), 1, 0, 1)
                            : kv_cut(s, indices, 1, axis[i], axis[i] + 1);
    if (axis[i] < 0 && !indices->shape[1])
      column[i] = kv_broadcast_shape(
          s, kv_like(s, indices, 0),
          kv_concat(s, 2, (kvino_tensor *[]){kv_cut(s, kv_dims(s, indices), 0, 0, 1), KV_VECTOR(s, 1)},
                    (kv_axis_attrs){.axis = 0}));
  }
  if (!n) return kv_cut(s, indices, 1, 0, 0);
  return n == 1 ? column[0] : kv_concat(s, (size_t)n, column, (kv_axis_attrs){.axis = 1});
}

kvino_tensor *op_sparse_reshape(kv_scope *s, kvino_tensor *indices, kvino_ints shape, kvino_ints newshape) {
  indices = as_rows(s, indices);
  kvino_tensor *places = places_of(s, indices, lengths_of(s, indices, shape)), *lengths = kv_ints_operand(s, newshape);
  if (!places || !lengths) return NULL;
  if (newshape.n == 0) return kv_cut(s, indices, 1, 0, 0);
  kvino_tensor *one = kv_int(s, KVINO_I64, 1);
  kvino_tensor *steps = kv_maximum(s, steps_of(s, lengths), one); /* of a shape with a 0 there are no entries */
  kvino_tensor *far = kv_floor_divide(s, kv_unsqueeze(s, places, KV_VECTOR(s, 1)), steps);
  return kv_cast(s, kv_floor_mod(s, far, kv_maximum(s, lengths, one)), kv_dtype_of(indices));
}

/* The same of complex numbers, which the primitive does not take. */
static kvino_tensor *complex_matmul(kv_scope *s, kvino_tensor *indices, kvino_tensor *values, kvino_tensor *x,
                                    kvino_tensor *rows) {
  kvino_tensor *terms = kv_gather_nd(s, x, kv_cut(s, indices, 1, 1, 2), (kv_gather_attrs){.batch_dims = 0});
  terms = kv_multiply(s, terms, kv_unsqueeze(s, values, KV_VECTOR(s, 1)));
  kvino_tensor *at = kv_squeeze(s, kv_cut(s, indices, 1, 0, 1), KV_VECTOR(s, 1));
  return add_rows(s, terms, at, rows);
}

/* A stack of matrices is one whose blocks on the diagonal they are. */
static kvino_tensor *flat_indices(kv_scope *s, kvino_tensor *indices, kvino_ints shape) {
  int64_t rank = shape.n;
  if (rank == 2) return indices;
  int64_t axis[KVINO_MAX_RANK];
  kvino_tensor *flat[2];
  for (int side = 0; side < 2; side++) {
    int64_t length[KVINO_MAX_RANK];
    kvino_tensor *symbolic[KVINO_MAX_RANK];
    for (int64_t i = 0; i < rank - 1; i++) {
      axis[i] = i == rank - 2 ? i + side : i;
      length[i] = shape.v[axis[i]];
      symbolic[i] = shape.symbolic ? shape.symbolic[axis[i]] : NULL;
    }
    kvino_tensor *some = op_sparse_axes(s, indices, (kvino_ints){rank - 1, axis, NULL, true});
    kvino_tensor *places = places_of(s, some, lengths_of(s, some, (kvino_ints){rank - 1, length, symbolic, true}));
    flat[side] = kv_unsqueeze(s, places, KV_VECTOR(s, 1));
  }
  return kv_concat(s, 2, flat, (kv_axis_attrs){.axis = 1});
}

/* The dtype that the primitive computes in. */
static kvino_dtype product_dtype(kvino_dtype dtype) {
  if (kv_is_inexact(dtype)) return kv_work_dtype(dtype);
  return kvino_dtype_size(dtype) < 4 ? KVINO_I32 : dtype;
}

kvino_tensor *op_sparse_matmul(kv_scope *s, kvino_tensor *indices, kvino_tensor *values, kvino_ints shape,
                               kvino_tensor *x) {
  indices = as_rows(s, indices);
  values = kv_strong(s, values);
  x = kv_strong(s, x);
  if (!indices || !values || !x) return NULL;
  int64_t rank = shape.n;
  if (rank < 2 || indices->shape[1] != rank || values->rank != 1 || x->rank != rank)
    return kv_scope_fail(s, KVINO_INVALID,
                         "sparse_matmul: a sparse operand of %lld axes with indices of %lld, and a dense one of %d",
                         (long long)rank, (long long)indices->shape[1], x->rank);
  for (int64_t i = 0; x && i < rank - 1; i++) {
    int64_t axis = i + (i == rank - 2);
    if (shape.symbolic && shape.symbolic[axis]) continue;
    kv_length_pair sides = {{x, i}, {NULL, shape.v[axis]}};
    kv_length shown[] = {{NULL, i == rank - 2 ? 0 : i}, sides.a, sides.b};
    x = kv_demand_lengths(s, KV_REFUSAL_core_dimension, x, 1, &sides, 3, shown);
  }
  if (!x) return NULL;
  kvino_dtype dtype = kv_result_type(s, 2, (kvino_tensor *[]){values, x}), work = product_dtype(dtype);
  values = kv_cast(s, values, work);
  x = kv_cast(s, x, work);
  shape.n = rank - 1;
  kvino_tensor *leading = kv_ints_operand(s, shape), *last = kv_cut(s, kv_dims(s, x), 0, rank - 1, rank);
  kvino_tensor *size = kv_concat(s, 2, (kvino_tensor *[]){leading, last}, (kv_axis_attrs){.axis = 0});
  kvino_tensor *rows_of_all = kv_reduce_prod(s, leading, KV_VECTOR(s, 0), (kv_keep_dims_attrs){.keep_dims = false});
  shape.n = rank;
  indices = flat_indices(s, indices, shape);
  if (rank > 2) {
    kv_reshape_attrs plain = {.special_zero = false};
    x = kv_reshape(s, x, kv_concat(s, 2, (kvino_tensor *[]){KV_VECTOR(s, -1), last}, (kv_axis_attrs){.axis = 0}),
                   plain);
  }
  kvino_tensor *y = kvino_dtype_is_complex(work) ? complex_matmul(s, indices, values, x, rows_of_all)
                                                 : kv_sparse_mat_mul(s, indices, values, x, rows_of_all);
  if (rank > 2) y = kv_reshape(s, y, size, (kv_reshape_attrs){.special_zero = false});
  return kv_cast(s, y, dtype);
}

/* Rows and columns of a stack that was one matrix, whose last axes have these lengths, again with the axes in front. */
static kvino_tensor *stacked_indices(kv_scope *s, kvino_tensor *indices, kvino_ints shape1, kvino_ints shape2) {
  int64_t rank = shape1.n, last = rank - 1;
  shape1.n = last;
  kvino_ints all = {1, (int64_t[]){INT64_MAX}, NULL, true}; /* the length of an only axis does not matter */
  kvino_tensor *front = op_sparse_reshape(s, kv_cut(s, indices, 1, 0, 1), all, shape1);
  kvino_tensor *columns = kv_cut(s, kv_ints_operand(s, shape2), 0, last, rank);
  kvino_tensor *column = kv_floor_mod(s, kv_cut(s, indices, 1, 1, 2), kv_maximum(s, columns, kv_int(s, KVINO_I64, 1)));
  return kv_concat(s, 2, (kvino_tensor *[]){front, column}, (kv_axis_attrs){.axis = 1});
}

/* The indices, where stacks of matrices of these shapes (1-D) are of the same lengths and their matrices fit. */
static kvino_tensor *demand_same_stacks(kv_scope *s, kvino_tensor *indices, kvino_tensor *shape1, kvino_tensor *shape2,
                                        int64_t rank) {
  kv_axis_attrs first = {.axis = 0};
  kvino_tensor *inner = kv_concat(
      s, 2, (kvino_tensor *[]){kv_cut(s, shape1, 0, 0, rank - 2), kv_cut(s, shape1, 0, rank - 1, rank)}, first);
  kvino_tensor *other = kv_cut(s, shape2, 0, 0, rank - 1);
  int64_t number[KVINO_MAX_RANK] = {0}; /* of the axis; the last is core dimension 0, as for one matrix */
  for (int64_t i = 0; i < rank - 2; i++) number[i] = i;
  kvino_tensor *axis = kv_vector(s, (size_t)(rank - 1), number);
  return kv_demand(s, KV_REFUSAL_core_dimension, indices, kv_equal(s, inner, other), 3,
                   (kvino_tensor *[]){axis, other, inner});
}

kvino_tensors op_sparse_product(kv_scope *s, kvino_tensor *indices1, kvino_tensor *values1, kvino_ints shape1,
                                kvino_tensor *indices2, kvino_tensor *values2, kvino_ints shape2) {
  kvino_tensor *indices[] = {as_rows(s, indices1), as_rows(s, indices2)};
  kvino_tensor *values[] = {kv_strong(s, values1), kv_strong(s, values2)};
  if (s->status) return KV_NO_TENSORS;
  int64_t rank = shape1.n;
  if (rank < 2 || shape2.n != rank || indices[0]->shape[1] != rank || indices[1]->shape[1] != rank ||
      values[0]->rank != 1 || values[1]->rank != 1) {
    kv_scope_fail(s, KVINO_INVALID, "sparse_product: operands of %lld and %lld axes with indices of %lld and %lld",
                  (long long)rank, (long long)shape2.n, (long long)indices[0]->shape[1],
                  (long long)indices[1]->shape[1]);
    return KV_NO_TENSORS;
  }
  kvino_dtype dtype = kv_result_type(s, 2, values), work = product_dtype(dtype);
  kvino_dtype places = indices[0]->dtype == indices[1]->dtype ? kv_dtype_of(indices[0]) : KVINO_I64;
  kvino_tensor *lengths[2], *sizes[] = {kv_ints_operand(s, shape1), kv_ints_operand(s, shape2)};
  for (int i = 0; i < 2; i++) {
    lengths[i] = kv_cut(s, sizes[i], 0, rank - 2, rank);
    if (rank > 2)
      lengths[i] = kv_multiply(s, lengths[i],
                               kv_reduce_prod(s, kv_cut(s, sizes[i], 0, 0, rank - 2), KV_VECTOR(s, 0),
                                              (kv_keep_dims_attrs){.keep_dims = false}));
  }
  if (rank > 2) {
    indices[0] = flat_indices(s, demand_same_stacks(s, indices[0], sizes[0], sizes[1], rank), shape1);
    indices[1] = flat_indices(s, indices[1], shape2);
  }
  kvino_tensors y =
      kv_sparse_product(s, indices[0], kv_cast(s, values[0], work), indices[1], kv_cast(s, values[1], work),
                        kv_concat(s, 2, lengths, (kv_axis_attrs){.axis = 0}));
  kvino_tensor **v = kv_scope_alloc(s, 2, sizeof *v);
  if (!y.v || !v) return KV_NO_TENSORS;
  v[0] = kv_cast(s, rank > 2 ? stacked_indices(s, y.v[0], shape1, shape2) : y.v[0], places);
  v[1] = kv_cast(s, y.v[1], dtype);
  return (kvino_tensors){2, v};
}
