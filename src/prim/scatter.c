/* Copies of an array with other elements at given indices: ScatterUpdate, ScatterElementsUpdate, ScatterNDUpdate. Where
 * an index comes twice, the updates are applied in their order. */
#include <string.h>

#include "base/memory.h"
#include "kernels/reduce/accumulate.h"
#include "kernels/access/positions.h"
#include "prim/index.h"
#include "prim/interval.h"
#include "prim/known.h"

static kvino_status read_reduction(kv_call *c, const char *name, bool elements, kv_combination *op) {
  static const struct {
    const char *name;
    kv_combination op;
    bool elements, nd;
  } table[] = {{"none", KV_REPLACE, true, true}, {"sum", KV_SUM, true, true}, {"sub", KV_SUB, false, true},
               {"prod", KV_PROD, true, true},    {"min", KV_MIN, true, true}, {"max", KV_MAX, true, true},
               {"mean", KV_MEAN, true, false}};
  kvino_dtype dtype = (kvino_dtype)c->in[0]->dtype;
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    if (strcmp(table[i].name, name ? name : "none") || !(elements ? table[i].elements : table[i].nd)) continue;
    *op = table[i].op;
    if (kv_combines(dtype, *op)) return KVINO_OK;
    return kv_fail(c->err, KVINO_TYPE, "%s with reduction '%s' does not take dtype %s", c->prim->name, name,
                   kvino_dtype_name(dtype));
  }
  return kv_fail(c->err, KVINO_INVALID, "%s has no reduction '%s'", c->prim->name, name);
}

static int64_t product(const int64_t *shape, int64_t begin, int64_t end) {
  int64_t n = 1;
  for (int64_t k = begin; k < end; k++) n *= shape[k];
  return n;
}

static kvino_status updates_differ(kv_call *c, int rank, const int64_t *shape) {
  char have[KV_SHAPE_TEXT], want[KV_SHAPE_TEXT];
  return kv_fail(c->err, KVINO_INVALID, "the updates of %s have shape %s where the indices want %s", c->prim->name,
                 kv_shape_text(c->in[2]->rank, c->in[2]->shape, have), kv_shape_text(rank, shape, want));
}

static kvino_status check_updates(kv_call *c, int rank, const int64_t *shape) {
  const kvino_tensor *u = c->in[2];
  if (u->rank != rank) return updates_differ(c, rank, shape);
  for (int k = 0; k < rank; k++)
    if (u->shape[k] >= 0 && shape[k] >= 0 && u->shape[k] != shape[k]) return updates_differ(c, rank, shape);
  return KVINO_OK;
}

/* What all of them begin with: y as a copy of x, indices and updates in C order. */
typedef struct scatter {
  kvino_tensor *y, *indices, *updates;
  int64_t *offset; /* for each update, or run of updates: its place in y, in bytes */
} scatter;

static kvino_status begin(kv_call *c, scatter *s) {
  *s = (scatter){0};
  c->spare &= 1; /* the others are read after the rest is there */
  KV_TRY(kv_call_alloc_over(c));
  s->y = c->out[0];
  if (s->y != c->in[0]) kv_tensor_copy_to(c->in[0], s->y->data);
  KV_TRY(kvino_tensor_contiguous(c->in[1], &s->indices, c->err));
  return kvino_tensor_contiguous(c->in[2], &s->updates, c->err);
}

static kvino_status make_offsets(kv_call *c, scatter *s, int64_t n) {
  s->offset = kv_malloc((size_t)n * sizeof *s->offset);
  return s->offset ? KVINO_OK : kv_fail(c->err, KVINO_NO_MEMORY, "out of memory for %lld indices", (long long)n);
}

static void finish(scatter *s) {
  kvino_tensor_release(s->indices);
  kvino_tensor_release(s->updates);
  kv_free(s->offset);
}

/* ---- ScatterUpdate: x, indices, updates, axis ---- */

kvino_status kv_infer_scatter_update(kv_call *c) {
  const kvino_tensor *x = c->in[0], *indices = c->in[1];
  int64_t axis, shape[2 * KVINO_MAX_RANK];
  int rank = 0;
  KV_TRY(kv_index_dtype(c, 1));
  KV_TRY(kv_same_dtype(c, 0, 2));
  KV_TRY(kv_read_axis(c, 3, x->rank, &axis));
  for (int k = 0; k < axis; k++) shape[rank++] = x->shape[k];
  for (int k = 0; k < indices->rank; k++) shape[rank++] = indices->shape[k];
  for (int64_t k = axis + 1; k < x->rank; k++) shape[rank++] = x->shape[k];
  KV_TRY(check_updates(c, rank, shape));
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, x->rank, x->shape);
  return KVINO_OK;
}

/* Of any way of scattering: what replaces, or the larger or smaller of both. */
kv_interval kv_interval_scatter(const kv_bounds *b) {
  if (b->node->prim->id != KV_ScatterUpdate) {
    const char *how = b->node->attrs.scatter.reduction; /* the first field of both groups */
    if (how && strcmp(how, "none") && strcmp(how, "min") && strcmp(how, "max"))
      return kv_interval_of_dtype(kv_bounds_dtype(b));
  }
  return kv_interval_union(b->in[0], b->in[2]);
}

kvino_status kv_eval_scatter_update(kv_call *c) {
  int64_t axis;
  scatter s;
  kvino_status status;
  KV_TRY(kv_read_axis(c, 3, c->in[0]->rank, &axis));
  KV_GOTO(status, begin(c, &s), done);
  kvino_dtype dtype = (kvino_dtype)s.indices->dtype;
  int64_t n = s.indices->size, limit = s.y->shape[axis];
  KV_GOTO(status, make_offsets(c, &s, n), done);
  int64_t bad = kv_load_positions(dtype, s.indices->data, n, limit, s.offset);
  if (bad >= 0) {
    status = kv_index_error(c, s.indices, bad, axis, limit);
  } else if (s.updates->size) {
    int64_t outer = product(s.y->shape, 0, axis);
    int64_t run = product(s.y->shape, axis + 1, s.y->rank) * (int64_t)kvino_dtype_size((kvino_dtype)s.y->dtype);
    for (int64_t o = 0; o < outer; o++)
      kv_scatter_runs(run, n, s.y->data + o * limit * run, s.offset, run, s.updates->data + o * n * run);
  }
done:
  finish(&s);
  return status;
}

/* ---- ScatterElementsUpdate: x, indices, updates of the indices' shape, axis ---- */

kvino_status kv_infer_scatter_elements(kv_call *c) {
  const kvino_tensor *x = c->in[0], *indices = c->in[1];
  int64_t axis;
  kv_combination op;
  KV_TRY(kv_index_dtype(c, 1));
  KV_TRY(kv_same_dtype(c, 0, 2));
  KV_TRY(kv_read_axis(c, 3, x->rank, &axis));
  KV_TRY(read_reduction(c, c->attrs->scatter.reduction, true, &op));
  if (indices->rank != x->rank)
    return kv_fail(c->err, KVINO_INVALID, "`indices` and `arr` must have the same number of dimensions");
  for (int k = 0; k < x->rank; k++)
    if (k != axis && x->shape[k] >= 0 && indices->shape[k] > x->shape[k])
      return kv_fail(c->err, KVINO_INVALID,
                     "ScatterElementsUpdate: dimension %d has size %lld in the data and %lld in the indices", k,
                     (long long)x->shape[k], (long long)indices->shape[k]);
  KV_TRY(check_updates(c, indices->rank, indices->shape));
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, x->rank, x->shape);
  return KVINO_OK;
}

/* s->offset of every update. Rows of the indices are walked in C order. */
static kvino_status element_offsets(kv_call *c, scatter *s, int axis) {
  const kvino_tensor *y = s->y, *indices = s->indices;
  kvino_dtype dtype = (kvino_dtype)indices->dtype;
  int last = indices->rank - 1;
  int64_t item = (int64_t)kvino_dtype_size(dtype), index[KVINO_MAX_RANK] = {0}, base = 0;
  int64_t lane = last == axis ? 0 : y->strides[last], row = indices->shape[last];
  for (int64_t at = 0; at < indices->size; at += row) {
    int64_t bad = kv_load_positions(dtype, indices->data + at * item, row, y->shape[axis], s->offset + at);
    if (bad >= 0) return kv_index_error(c, indices, at + bad, axis, y->shape[axis]);
    for (int64_t j = 0; j < row; j++) s->offset[at + j] = base + s->offset[at + j] * y->strides[axis] + j * lane;
    for (int k = last - 1; k >= 0; k--) {
      int64_t step = k == axis ? 0 : y->strides[k];
      base += step;
      if (++index[k] < indices->shape[k]) break;
      base -= step * indices->shape[k];
      index[k] = 0;
    }
  }
  return KVINO_OK;
}

/* The mean of what is there (where `initial`) and of all updates for it. */
static kvino_status scatter_mean(kv_call *c, scatter *s, bool initial) {
  kvino_dtype dtype = (kvino_dtype)s->y->dtype;
  int64_t size = (int64_t)kvino_dtype_size(dtype), n = s->updates->size;
  struct mean {
    char sum[16];
    int64_t count;
  } *mean = kv_calloc((size_t)s->y->size, sizeof *mean);
  if (!mean) return kv_fail(c->err, KVINO_NO_MEMORY, "out of memory for %lld means", (long long)s->y->size);
  for (int64_t i = 0; i < n; i++) {
    struct mean *m = &mean[s->offset[i] / size];
    if (initial && !m->count) { /* the first update of this element: what is there counts as one */
      kv_mean_add(dtype, m->sum, s->y->data + s->offset[i]);
      m->count = 1;
    }
    kv_mean_add(dtype, m->sum, s->updates->data + i * size);
    m->count++;
  }
  for (int64_t i = 0; i < s->y->size; i++)
    if (mean[i].count) kv_mean_store(dtype, s->y->data + i * size, mean[i].sum, mean[i].count);
  kv_free(mean);
  return KVINO_OK;
}

kvino_status kv_eval_scatter_elements(kv_call *c) {
  int64_t axis;
  scatter s;
  kvino_status status;
  kv_combination op = KV_REPLACE;
  KV_TRY(read_reduction(c, c->attrs->scatter.reduction, true, &op));
  KV_TRY(kv_read_axis(c, 3, c->in[0]->rank, &axis));
  KV_GOTO(status, begin(c, &s), done);
  int64_t n = s.updates->size;
  if (!n) goto done;
  KV_GOTO(status, make_offsets(c, &s, n), done);
  KV_GOTO(status, element_offsets(c, &s, (int)axis), done);
  kvino_dtype dtype = (kvino_dtype)s.y->dtype;
  if (op == KV_REPLACE) {
    kv_scatter_runs((int64_t)kvino_dtype_size(dtype), n, s.y->data, s.offset, 1, s.updates->data);
  } else if (op == KV_MEAN) {
    status = scatter_mean(c, &s, c->attrs->scatter.use_init_val);
  } else {
    for (int64_t i = 0; i < n && !c->attrs->scatter.use_init_val; i++)
      kv_store_neutral(dtype, op, s.y->data + s.offset[i]);
    kv_combine(dtype, op, n, 1, s.y->data, s.offset, s.updates->data);
  }
done:
  finish(&s);
  return status;
}

/* ---- ScatterNDUpdate: x, indices whose last axis holds tuples, updates ---- */

kvino_status kv_infer_scatter_nd(kv_call *c) {
  const kvino_tensor *x = c->in[0], *indices = c->in[1];
  int64_t shape[2 * KVINO_MAX_RANK];
  int rank = 0;
  kv_combination op;
  KV_TRY(kv_index_dtype(c, 1));
  KV_TRY(kv_same_dtype(c, 0, 2));
  KV_TRY(read_reduction(c, c->attrs->scatter_nd.reduction, false, &op));
  if (!indices->rank)
    return kv_fail(c->err, KVINO_INVALID, "the indices of ScatterNDUpdate must have at least one dimension");
  int64_t tuple = indices->shape[indices->rank - 1];
  if (tuple > x->rank)
    return kv_fail(c->err, KVINO_INDEX, "too many indices for array: array is %d-dimensional, but %lld were indexed",
                   x->rank, (long long)tuple);
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, x->rank, x->shape);
  if (tuple < 0) return KVINO_OK;
  for (int k = 0; k < indices->rank - 1; k++) shape[rank++] = indices->shape[k];
  for (int64_t k = tuple; k < x->rank; k++) shape[rank++] = x->shape[k];
  return check_updates(c, rank, shape);
}

kvino_status kv_eval_scatter_nd(kv_call *c) {
  scatter s;
  kvino_status status;
  kv_combination op = KV_REPLACE;
  KV_TRY(read_reduction(c, c->attrs->scatter_nd.reduction, false, &op));
  KV_GOTO(status, begin(c, &s), done);
  if (!s.updates->size) goto done;
  kvino_dtype dtype = (kvino_dtype)s.y->dtype;
  int tuple = (int)s.indices->shape[s.indices->rank - 1];
  int64_t n = product(s.indices->shape, 0, s.indices->rank - 1), run = product(s.y->shape, tuple, s.y->rank);
  KV_GOTO(status, make_offsets(c, &s, n), done);
  int64_t bad =
      kv_load_offsets((kvino_dtype)s.indices->dtype, s.indices->data, n, tuple, s.y->shape, s.y->strides, s.offset);
  if (bad >= 0)
    status = kv_index_error(c, s.indices, bad, bad % tuple, s.y->shape[bad % tuple]);
  else if (op == KV_REPLACE)
    kv_scatter_runs(run * (int64_t)kvino_dtype_size(dtype), n, s.y->data, s.offset, 1, s.updates->data);
  else
    kv_combine(dtype, op, n, run, s.y->data, s.offset, s.updates->data);
done:
  finish(&s);
  return status;
}
