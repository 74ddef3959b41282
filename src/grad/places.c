/* Setting and taking by indices, as rules need it. Sums go through ScatterNDUpdate: natively its work is divided among
 * threads, and OpenVINO has it. */
#include "grad/places.h"

kvino_tensor *kv_iota(kv_scope *s, kvino_tensor *n) {
  kvino_tensor *zero = kv_int(s, KVINO_I64, 0), *one = kv_int(s, KVINO_I64, 1);
  return kv_range(s, zero, n, one, (kv_output_type_attrs){.output_type = KVINO_I64});
}

kvino_tensor *kv_filled(kv_scope *s, kvino_dtype dtype, double value, kvino_tensor *shape) {
  return kv_broadcast_shape(s, kv_number(s, dtype, value), shape);
}

bool kv_axis_of(kv_scope *s, const kvino_tensor *axis, int rank, int64_t *out) {
  int n;
  int64_t values[KV_KNOWN_MAX];
  if (s->status || !axis) return false;
  if (!kv_all_known(axis, &n, values) || n != 1)
    return kv_scope_fail(s, KVINO_UNSUPPORTED, "a derivative needs a known axis") != NULL;
  *out = values[0];
  return kv_axis_ok(s, out, rank);
}

kvino_tensor *kv_with_batches(kv_scope *s, kvino_tensor *tuples, int batch) {
  kvino_tensor *part[KVINO_MAX_RANK + 1];
  if (s->status || !batch) return tuples;
  tuples = kv_cast(s, tuples, KVINO_I64);
  kvino_tensor *dims = kv_dims(s, tuples);
  kvino_tensor *shape =
      kv_concat(s, 2, (kvino_tensor *[]){kv_cut(s, dims, 0, 0, tuples ? tuples->rank - 1 : 0), KV_VECTOR(s, 1)},
                (kv_axis_attrs){.axis = 0});
  for (int k = 0; k < batch && !s->status; k++) {
    int64_t column[KVINO_MAX_RANK];
    for (int i = 0; i < tuples->rank; i++) column[i] = i == k ? -1 : 1;
    kvino_tensor *place = kv_reshape_to(s, kv_iota(s, kv_dimension(s, tuples, k)), tuples->rank, column);
    part[k] = kv_broadcast_shape(s, place, shape);
  }
  part[batch] = tuples;
  return s->status ? NULL : kv_concat(s, (size_t)batch + 1, part, (kv_axis_attrs){.axis = -1});
}

kvino_tensor *kv_added_at(kv_scope *s, kvino_tensor *shape, kvino_tensor *tuples, kvino_tensor *d) {
  if (s->status || !d) return NULL;
  kvino_dtype dtype = (kvino_dtype)d->dtype, work = kv_work_dtype(dtype);
  kvino_tensor *y = kv_scatter_nd_update(s, kv_filled(s, work, 0, shape), tuples, kv_cast(s, d, work),
                                         (kv_scatter_nd_attrs){.reduction = "sum"});
  return y ? kv_cast(s, y, dtype) : NULL;
}

/* x [batch, middle, axis, rest] and d [batch, middle, places, rest] become [batch, axis, middle, rest] and [batch,
 * places, middle, rest]: tuples of a batch and an index name rows of both. */
kvino_tensor *kv_added_along(kv_scope *s, kvino_tensor *x, kvino_tensor *indices, kvino_tensor *d, int axis,
                             int batch) {
  if (s->status || !x || !indices || !d) return NULL;
  int places = indices->rank - batch, middle = axis - batch;
  int64_t of_x[KVINO_MAX_RANK], back[KVINO_MAX_RANK], of_d[KVINO_MAX_RANK];
  kvino_tensor *tuples = kv_with_batches(s, kv_unsqueeze(s, indices, KV_VECTOR(s, -1)), batch), *shape = kv_dims(s, x);
  if (!middle) return kv_added_at(s, shape, tuples, d);
  for (int i = 0; i < x->rank; i++) of_x[i] = i == batch ? axis : i > batch && i <= axis ? i - 1 : i;
  for (int i = 0; i < x->rank; i++) back[of_x[i]] = i;
  for (int i = 0; i < d->rank; i++) {
    int from = i - batch;
    of_d[i] = from < 0 || from >= middle + places ? i : from < places ? axis + from : batch + from - places;
  }
  shape = kv_gather(s, shape, kv_vector(s, (size_t)x->rank, of_x), kv_int(s, KVINO_I64, 0),
                    (kv_gather_attrs){.batch_dims = 0});
  return kv_permute(s, kv_added_at(s, shape, tuples, kv_permute(s, d, of_d)), back);
}

kvino_tensor *kv_taken_at(kv_scope *s, kvino_tensor *x, kvino_tensor *tuples) {
  if (s->status || !x || !tuples) return NULL;
  if (tuples->shape[tuples->rank - 1] != 1) return kv_gather_nd(s, x, tuples, (kv_gather_attrs){.batch_dims = 0});
  return kv_gather(s, x, kv_squeeze(s, tuples, KV_VECTOR(s, -1)), kv_int(s, KVINO_I64, 0),
                   (kv_gather_attrs){.batch_dims = 0});
}

kvino_tensor *kv_shifted(kv_scope *s, kvino_tensor *x, int64_t axis, int by) {
  if (s->status || !x) return NULL;
  int64_t begin[KVINO_MAX_RANK] = {0}, end[KVINO_MAX_RANK] = {0};
  begin[axis] = -by;
  end[axis] = by;
  kvino_tensor *operands[] = {x, kv_vector(s, (size_t)x->rank, begin), kv_vector(s, (size_t)x->rank, end)};
  return kv_pad(s, 3, operands, (kv_pad_attrs){.pad_mode = "constant"});
}
