/* Elements by index: Gather, GatherElements, GatherND. Indices are integers of any dtype, negative ones count from the
 * end, and one out of bounds is an error in NumPy's words. */
#include "prim/index.h"

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/access/positions.h"
#include "prim/interval.h"
#include "prim/known.h"
#include "tensor/copy.h"

enum { BLOCK = 256 };                       /* indices that are looked at together */
static const int64_t GRAIN_BYTES = 1 << 20; /* of what a thread is woken for */

kvino_status kv_index_dtype(const kv_call *c, size_t i) {
  kvino_dtype dtype = (kvino_dtype)c->in[i]->dtype;
  if (kvino_dtype_is_integer(dtype)) return KVINO_OK;
  return kv_fail(c->err, KVINO_TYPE, "the indices of %s must be integers, not %s", c->prim->name,
                 kvino_dtype_name(dtype));
}

kvino_status kv_index_error(const kv_call *c, const kvino_tensor *indices, int64_t place, int64_t axis, int64_t size) {
  int64_t value = kv_tensor_get_int(indices, place);
  if (indices->dtype == KVINO_U64)
    return kv_fail(c->err, KVINO_INDEX, "index %llu is out of bounds for axis %lld with size %lld",
                   (unsigned long long)value, (long long)axis, (long long)size);
  return kv_fail(c->err, KVINO_INDEX, "index %lld is out of bounds for axis %lld with size %lld", (long long)value,
                 (long long)axis, (long long)size);
}

/* Leading axes that `a` and `b` share, 0 <= *dims <= limit afterwards. */
static kvino_status batch_axes(kv_call *c, int limit, int64_t *dims) {
  const kvino_tensor *x = c->in[0], *indices = c->in[1];
  *dims = c->attrs->gather.batch_dims;
  if (*dims < 0) *dims += indices->rank;
  if (*dims < 0 || *dims > limit || *dims > indices->rank)
    return kv_fail(c->err, KVINO_INVALID, "batch_dims %lld of %s is out of bounds",
                   (long long)c->attrs->gather.batch_dims, c->prim->name);
  for (int k = 0; k < *dims; k++)
    if (x->shape[k] >= 0 && indices->shape[k] >= 0 && x->shape[k] != indices->shape[k])
      return kv_fail(c->err, KVINO_INVALID, "%s: batch dimension %d has size %lld in the data and %lld in the indices",
                     c->prim->name, k, (long long)x->shape[k], (long long)indices->shape[k]);
  return KVINO_OK;
}

static kvino_status append(kv_call *c, int64_t d) {
  kv_spec *spec = &c->spec[0];
  if (spec->rank == KVINO_MAX_RANK)
    return kv_fail(c->err, KVINO_INVALID, "maximum supported dimension for an ndarray is currently %d, found more",
                   KVINO_MAX_RANK);
  spec->shape[spec->rank++] = d;
  return KVINO_OK;
}

static int64_t product(const int64_t *shape, int64_t begin, int64_t end) {
  int64_t n = 1;
  for (int64_t k = begin; k < end; k++) n *= shape[k];
  return n;
}

/* ---- Gather: x, indices, axis ---- */

/* Entries of a known list, by known indices: how a dimension is taken out of a shape. */
static void known_entries(kv_call *c) {
  int n_x, n;
  int64_t value[KV_KNOWN_MAX], index[KV_KNOWN_MAX];
  if (c->in[0]->rank != 1 || c->spec[0].rank > 1 || !kv_known_values(c->in[0], &n_x, value) ||
      !kv_known_values(c->in[1], &n, index))
    return;
  for (int i = 0; i < n; i++) {
    int64_t at = index[i] < 0 && index[i] != KV_UNKNOWN ? index[i] + n_x : index[i];
    c->known[i] = at < 0 || at >= n_x ? KV_UNKNOWN : value[at];
  }
  c->n_known = n;
}

kvino_status kv_infer_gather(kv_call *c) {
  const kvino_tensor *x = c->in[0], *indices = c->in[1];
  int64_t axis, batch;
  KV_TRY(kv_index_dtype(c, 1));
  KV_TRY(kv_read_axis(c, 2, x->rank, &axis));
  KV_TRY(batch_axes(c, (int)axis, &batch));
  kv_spec *spec = &c->spec[0];
  spec->dtype = (kvino_dtype)x->dtype;
  spec->rank = 0;
  for (int64_t k = 0; k < axis; k++) KV_TRY(append(c, x->shape[k] < 0 && k < batch ? indices->shape[k] : x->shape[k]));
  for (int64_t k = batch; k < indices->rank; k++) KV_TRY(append(c, indices->shape[k]));
  for (int64_t k = axis + 1; k < x->rank; k++) KV_TRY(append(c, x->shape[k]));
  if (c->tracing) known_entries(c);
  return KVINO_OK;
}

struct gather {
  const kvino_tensor *x, *indices; /* the indices contiguous */
  char *to;
  int axis, batch;
  int64_t middle, count, blocks; /* rows of x per batch; indices per row, and in blocks */
  int64_t run;                   /* bytes taken for each index */
  bool whole;                    /* they are contiguous in x */
  const int64_t *position;       /* all of them, where several rows share them; or NULL: read them block by block */
  _Atomic int64_t bad;           /* 1 + place of an index that is out of bounds */
};

static const char *row_start(const struct gather *g, int64_t row) {
  const char *p = g->x->data;
  for (int k = g->axis - 1; k >= 0; k--) {
    p += row % g->x->shape[k] * g->x->strides[k];
    row /= g->x->shape[k];
  }
  return p;
}

static void gather_units(void *context, size_t begin, size_t end) {
  struct gather *g = context;
  const kvino_tensor *x = g->x;
  size_t size = kvino_dtype_size((kvino_dtype)x->dtype);
  kvino_dtype dtype = (kvino_dtype)g->indices->dtype;
  int64_t item = (int64_t)kvino_dtype_size(dtype), step = x->strides[g->axis], loaded = -1, last_row = -1;
  int64_t position[BLOCK], strides[KVINO_MAX_RANK];
  const char *from = NULL;
  int inner = x->rank - g->axis - 1;
  int64_t width = (int64_t)size;
  for (int k = inner - 1; k >= 0; k--) {
    strides[k] = width;
    width *= x->shape[g->axis + 1 + k];
  }
  for (int64_t unit = (int64_t)begin; unit < (int64_t)end; unit++) {
    int64_t row = unit / g->blocks, first = (unit - row * g->blocks) * BLOCK;
    int64_t n = g->count - first < BLOCK ? g->count - first : BLOCK;
    int64_t place = row / g->middle * g->count + first;
    const int64_t *at = position;
    if (g->position) {
      at = g->position + first;
    } else if (place != loaded) {
      int64_t bad = kv_load_positions(dtype, g->indices->data + place * item, n, x->shape[g->axis], position);
      if (bad >= 0) {
        g->bad = 1 + place + bad;
        return;
      }
      loaded = place;
    }
    if (row != last_row) from = row_start(g, row);
    last_row = row;
    char *to = g->to + (row * g->count + first) * g->run;
    if (g->whole) {
      kv_gather_runs(g->run, n, to, from, at, step);
    } else {
      for (int64_t i = 0; i < n; i++)
        kv_copy_strided(size, inner, x->shape + g->axis + 1, to + i * g->run, strides, from + at[i] * step,
                        x->strides + g->axis + 1);
    }
  }
}

/* One index: the part of x that it names, as a view. */
static kvino_status gather_one(kv_call *c, int axis) {
  kvino_tensor *x = c->in[0];
  const kvino_tensor *index = c->in[1];
  int64_t position, strides[KVINO_MAX_RANK];
  if (kv_load_positions((kvino_dtype)index->dtype, index->data, 1, x->shape[axis], &position) >= 0)
    return kv_index_error(c, index, 0, axis, x->shape[axis]);
  for (int k = 0, n = 0; k < x->rank; k++)
    if (k != axis) strides[n++] = x->strides[k];
  return kv_tensor_view(x, (kvino_dtype)x->dtype, c->spec[0].rank, c->spec[0].shape, strides,
                        x->data + position * x->strides[axis], &c->out[0], c->err);
}

static kvino_status check_all(kv_call *c, const kvino_tensor *indices, int64_t axis) {
  int64_t limit = c->in[0]->shape[axis], position[BLOCK];
  int64_t item = (int64_t)kvino_dtype_size((kvino_dtype)indices->dtype);
  for (int64_t i = 0; i < indices->size; i += BLOCK) {
    int64_t n = indices->size - i < BLOCK ? indices->size - i : BLOCK;
    int64_t bad = kv_load_positions((kvino_dtype)indices->dtype, indices->data + i * item, n, limit, position);
    if (bad >= 0) return kv_index_error(c, indices, i + bad, axis, limit);
  }
  return KVINO_OK;
}

kvino_status kv_eval_gather(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  int64_t axis, batch;
  KV_TRY(kv_read_axis(c, 2, x->rank, &axis));
  KV_TRY(batch_axes(c, (int)axis, &batch));
  if (!c->in[1]->rank) return gather_one(c, (int)axis);
  kvino_tensor *indices;
  KV_TRY(kv_call_alloc(c, 0));
  KV_TRY(kvino_tensor_contiguous(c->in[1], &indices, c->err));
  struct gather g = {
      .x = x, .indices = indices, .to = c->out[0]->data, .axis = (int)axis, .batch = (int)batch, .whole = true};
  g.middle = product(x->shape, batch, axis);
  g.count = product(indices->shape, batch, indices->rank);
  g.blocks = (g.count + BLOCK - 1) / BLOCK;
  g.run = (int64_t)kvino_dtype_size((kvino_dtype)x->dtype);
  for (int k = x->rank - 1; k > axis; k--) {
    g.whole = g.whole && (x->shape[k] == 1 || x->strides[k] == g.run);
    g.run *= x->shape[k];
  }
  kvino_status status = KVINO_OK;
  int64_t *shared = NULL;
  if (c->out[0]->size && !batch && g.count > BLOCK && g.middle > 1 &&
      (shared =
           kv_malloc((size_t)g.count * sizeof *shared))) { /* where memory is short, they are read again for each row */
    int64_t bad = kv_load_positions((kvino_dtype)indices->dtype, indices->data, g.count, x->shape[axis], shared);
    g.position = shared;
    if (bad >= 0) status = kv_index_error(c, indices, bad, axis, x->shape[axis]);
  }
  if (status) {
    /* reported below */
  } else if (c->out[0]->size) {
    int64_t units = product(x->shape, 0, axis) * g.blocks, each = g.run * (g.count < BLOCK ? g.count : BLOCK);
    kv_parallel_ranges((size_t)units, (size_t)(GRAIN_BYTES / each + 1), gather_units, &g);
    if (g.bad && !(status = check_all(c, indices, axis))) status = kv_operand_changed(c);
  } else {
    status = check_all(c, indices, axis);
  }
  kv_free(shared);
  kvino_tensor_release(indices);
  return status;
}

/* Of any way of gathering; OpenVINO gives 0 for indices out of range. */
kv_interval kv_interval_gather(const kv_bounds *b) { return kv_interval_union(b->in[0], (kv_interval){0, 0}); }

/* ---- GatherElements: x, indices of x's rank and, but for the axis, shape ---- */

kvino_status kv_infer_gather_elements(kv_call *c) {
  const kvino_tensor *x = c->in[0], *indices = c->in[1];
  int64_t axis = c->attrs->axis.axis;
  KV_TRY(kv_index_dtype(c, 1));
  KV_TRY(kv_normalize_axis(&axis, x->rank, c->err));
  if (indices->rank != x->rank)
    return kv_fail(c->err, KVINO_INVALID, "`indices` and `arr` must have the same number of dimensions");
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, x->rank, indices->shape);
  for (int k = 0; k < x->rank; k++) {
    if (k == axis) continue;
    if (indices->shape[k] < 0) c->spec[0].shape[k] = x->shape[k];
    if (x->shape[k] >= 0 && indices->shape[k] >= 0 && x->shape[k] != indices->shape[k])
      return kv_fail(c->err, KVINO_INVALID,
                     "GatherElements: dimension %d has size %lld in the data and %lld in the indices", k,
                     (long long)x->shape[k], (long long)indices->shape[k]);
  }
  return KVINO_OK;
}

struct elements {
  const kvino_tensor *x, *indices; /* both contiguous */
  char *to;
  int64_t n, count, inner; /* length of the axis in x and in the indices; elements after the axis */
  _Atomic int64_t bad;
};

/* Units are rows of the indices: along the axis where it is the last one, else across it. */
static void gather_rows(void *context, size_t begin, size_t end) {
  struct elements *g = context;
  int64_t size = (int64_t)kvino_dtype_size((kvino_dtype)g->x->dtype), position[BLOCK];
  kvino_dtype dtype = (kvino_dtype)g->indices->dtype;
  int64_t item = (int64_t)kvino_dtype_size(dtype), row = g->inner == 1 ? g->count : g->inner;
  for (int64_t r = (int64_t)begin; r < (int64_t)end; r++) {
    const char *from = g->x->data + (g->inner == 1 ? r : r / g->count) * g->n * g->inner * size;
    for (int64_t j = 0; j < row; j += BLOCK) {
      int64_t n = row - j < BLOCK ? row - j : BLOCK, place = r * row + j;
      int64_t bad = kv_load_positions(dtype, g->indices->data + place * item, n, g->n, position);
      if (bad >= 0) {
        g->bad = 1 + place + bad;
        return;
      }
      if (g->inner == 1)
        kv_gather_runs(size, n, g->to + place * size, from, position, size);
      else
        kv_gather_lanes(size, n, g->to + place * size, from + j * size, position, g->inner * size);
    }
  }
}

kvino_status kv_eval_gather_elements(kv_call *c) {
  int64_t axis = c->attrs->axis.axis;
  kvino_tensor *x = NULL, *indices = NULL;
  kvino_status status;
  KV_TRY(kv_normalize_axis(&axis, c->in[0]->rank, c->err));
  KV_TRY(kv_call_alloc(c, 0));
  if (!c->out[0]->size) return KVINO_OK;
  KV_GOTO(status, kvino_tensor_contiguous(c->in[0], &x, c->err), done);
  KV_GOTO(status, kvino_tensor_contiguous(c->in[1], &indices, c->err), done);
  struct elements g = {
      .x = x, .indices = indices, .to = c->out[0]->data, .n = x->shape[axis], .count = indices->shape[axis]};
  g.inner = product(x->shape, axis + 1, x->rank);
  int64_t row = g.inner == 1 ? g.count : g.inner;
  kv_parallel_ranges((size_t)(indices->size / row), (size_t)(GRAIN_BYTES / 8 / row + 1), gather_rows, &g);
  if (g.bad && !(status = check_all(c, indices, axis))) status = kv_operand_changed(c);
done:
  kvino_tensor_release(x);
  kvino_tensor_release(indices);
  return status;
}

/* ---- GatherND: x, indices whose last axis holds tuples; batch_dims leading axes are shared ---- */

kvino_status kv_infer_gather_nd(kv_call *c) {
  const kvino_tensor *x = c->in[0], *indices = c->in[1];
  int64_t batch;
  KV_TRY(kv_index_dtype(c, 1));
  if (!indices->rank) return kv_fail(c->err, KVINO_INVALID, "the indices of GatherND must have at least one dimension");
  KV_TRY(batch_axes(c, x->rank < indices->rank - 1 ? x->rank : indices->rank - 1, &batch));
  int64_t tuple = indices->shape[indices->rank - 1];
  if (tuple < 0)
    return kv_fail(c->err, KVINO_UNSUPPORTED,
                   "the last dimension of GatherND's indices must be known when the graph is built");
  if (batch + tuple > x->rank)
    return kv_fail(c->err, KVINO_INDEX, "too many indices for array: array is %d-dimensional, but %lld were indexed",
                   x->rank, (long long)(batch + tuple));
  kv_spec *spec = &c->spec[0];
  spec->dtype = (kvino_dtype)x->dtype;
  spec->rank = 0;
  for (int k = 0; k < indices->rank - 1; k++)
    KV_TRY(append(c, indices->shape[k] < 0 && k < batch ? x->shape[k] : indices->shape[k]));
  for (int64_t k = batch + tuple; k < x->rank; k++) KV_TRY(append(c, x->shape[k]));
  return KVINO_OK;
}

struct tuples {
  const kvino_tensor *x, *indices; /* contiguous */
  char *to;
  int k;
  int64_t count, blocks, run, batch_bytes; /* tuples per batch, and in blocks; bytes for each; bytes of x per batch */
  int64_t steps[KVINO_MAX_RANK];
  const int64_t *limits;
  _Atomic int64_t bad;
};

static void gather_tuples(void *context, size_t begin, size_t end) {
  struct tuples *g = context;
  kvino_dtype dtype = (kvino_dtype)g->indices->dtype;
  int64_t item = (int64_t)kvino_dtype_size(dtype), offset[BLOCK];
  for (int64_t unit = (int64_t)begin; unit < (int64_t)end; unit++) {
    int64_t batch = unit / g->blocks, first = (unit - batch * g->blocks) * BLOCK, place = batch * g->count + first;
    int64_t n = g->count - first < BLOCK ? g->count - first : BLOCK;
    int64_t bad = kv_load_offsets(dtype, g->indices->data + place * g->k * item, n, g->k, g->limits, g->steps, offset);
    if (bad >= 0) {
      int64_t at = 1 + place * g->k + bad, none = 0;
      atomic_compare_exchange_strong(&g->bad, &none, at);
      return;
    }
    kv_gather_runs(g->run, n, g->to + place * g->run, g->x->data + batch * g->batch_bytes, offset, 1);
  }
}

kvino_status kv_eval_gather_nd(kv_call *c) {
  kvino_tensor *x = NULL, *indices = NULL;
  kvino_status status;
  int64_t batch;
  KV_TRY(batch_axes(c, c->in[0]->rank < c->in[1]->rank - 1 ? c->in[0]->rank : c->in[1]->rank - 1, &batch));
  KV_TRY(kv_call_alloc(c, 0));
  if (!c->out[0]->size) return KVINO_OK;
  KV_GOTO(status, kvino_tensor_contiguous(c->in[0], &x, c->err), done);
  KV_GOTO(status, kvino_tensor_contiguous(c->in[1], &indices, c->err), done);
  struct tuples g = {.x = x, .indices = indices, .to = c->out[0]->data, .limits = x->shape + batch};
  g.k = (int)indices->shape[indices->rank - 1];
  g.count = product(indices->shape, batch, indices->rank - 1);
  g.blocks = (g.count + BLOCK - 1) / BLOCK;
  int64_t size = (int64_t)kvino_dtype_size((kvino_dtype)x->dtype);
  g.run = size * product(x->shape, batch + g.k, x->rank);
  g.batch_bytes = size * product(x->shape, batch, x->rank);
  for (int j = 0; j < g.k; j++) g.steps[j] = size * product(x->shape, batch + j + 1, x->rank);
  int64_t units = product(indices->shape, 0, batch) * g.blocks,
          each = (g.run + 8) * (g.count < BLOCK ? g.count : BLOCK);
  kv_parallel_ranges((size_t)units, (size_t)(GRAIN_BYTES / each + 1), gather_tuples, &g);
  if (g.bad) {
    int64_t axis = batch + (g.bad - 1) % g.k;
    status = kv_index_error(c, indices, g.bad - 1, axis, x->shape[axis]);
  }
done:
  kvino_tensor_release(x);
  kvino_tensor_release(indices);
  return status;
}
