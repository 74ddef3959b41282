/* SparseMatMul: indices [n, 2], values [n], x [k, p], the number of rows; the sparse matrix times x. Entries in any
 * order; those at the same place add up. */
#include <stdatomic.h>
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"
#include "prim/index.h"
#include "prim/known.h"

static const int64_t GRAIN = 1 << 16; /* products that a thread is woken for */

static int kind_of(kvino_dtype dtype) {
  switch (dtype) {
  case KVINO_I32:
  case KVINO_U32:
    return KV_SPARSE_32;
  case KVINO_I64:
  case KVINO_U64:
    return KV_SPARSE_64;
  case KVINO_F32:
    return KV_SPARSE_F32;
  case KVINO_F64:
    return KV_SPARSE_F64;
  default:
    return -1;
  }
}

kvino_status kv_infer_sparse_mat_mul(kv_call *c) {
  const kvino_tensor *indices = c->in[0], *values = c->in[1], *x = c->in[2];
  int64_t rows = -1;
  bool known;
  KV_TRY(kv_index_dtype(c, 0));
  KV_TRY(kv_read_one(c, 3, "number of rows", &rows, &known));
  if (kind_of((kvino_dtype)x->dtype) < 0 || values->dtype != x->dtype)
    return kv_fail(c->err, KVINO_TYPE, "SparseMatMul does not take dtypes %s and %s",
                   kvino_dtype_name((kvino_dtype)values->dtype), kvino_dtype_name((kvino_dtype)x->dtype));
  if (indices->rank != 2 || values->rank != 1 || x->rank != 2 || (indices->shape[1] >= 0 && indices->shape[1] != 2) ||
      (indices->shape[0] >= 0 && values->shape[0] >= 0 && indices->shape[0] != values->shape[0]) || (known && rows < 0))
    return kv_fail(c->err, KVINO_INVALID, "SparseMatMul takes a row and a column for each value, and a matrix");
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, 2, (int64_t[]){known ? rows : -1, x->shape[1]});
  return KVINO_OK;
}

/* Row and column of each entry as int32: {row, column, ...}. A copy, which nobody writes to between the look at it and
 * its use. */
static kvino_status as_pairs(kv_call *c, const kvino_tensor *indices, int32_t **own) {
  *own = kv_malloc((size_t)(indices->size + 1) * sizeof **own);
  if (!*own) return kv_fail(c->err, KVINO_NO_MEMORY, "out of memory for %lld indices", (long long)indices->size);
  if (indices->dtype == KVINO_I32) memcpy(*own, indices->data, (size_t)indices->size * sizeof **own);
  for (int64_t i = 0; indices->dtype != KVINO_I32 && i < indices->size; i++) {
    int64_t at = kv_tensor_get_int(indices, i);
    (*own)[i] = at >= 0 && at <= INT32_MAX ? (int32_t)at : -1; /* out of bounds like what it was */
  }
  return KVINO_OK;
}

typedef struct survey {
  const int32_t *pairs;
  int64_t rows, columns, *splits;
  _Atomic bool sorted, inside;
} survey;

/* Whether the entries are in bounds and row by row; where they are, where each row begins. */
static void look(void *context, size_t begin, size_t end) {
  survey *s = context;
  bool sorted = true, inside = true;
  for (size_t e = begin; e < end; e++) {
    int64_t row = s->pairs[2 * e], before = e ? s->pairs[2 * e - 2] : -1;
    if (row < 0 || row >= s->rows || s->pairs[2 * e + 1] < 0 || s->pairs[2 * e + 1] >= s->columns) inside = false;
    if (before > row) sorted = false;
    if (row != before && inside && sorted)
      for (int64_t r = before < -1 ? 0 : before + 1; r <= row; r++)
        __atomic_store_n(&s->splits[r], (int64_t)e, __ATOMIC_RELAXED);
  }
  if (!sorted) s->sorted = false;
  if (!inside) s->inside = false;
}

kvino_status kv_entry_error(const kv_call *c, int64_t entry, int64_t at, int axis, int64_t size) {
  return kv_fail(c->err, KVINO_INDEX, "entry %lld: index %lld is out of bounds for axis %d with size %lld",
                 (long long)entry, (long long)at, axis, (long long)size);
}

static kvino_status refuse(kv_call *c, const kvino_tensor *indices, const int32_t *pairs, const int64_t *size) {
  int64_t i = 0;
  while (pairs[i] >= 0 && pairs[i] < size[i % 2]) i++; /* there is one */
  int64_t said = kv_tensor_get_int(indices, i);        /* beyond 32 bits it is -1 in pairs */
  return kv_entry_error(c, i / 2, pairs[i] == -1 ? said : pairs[i], (int)(i % 2), size[i % 2]);
}

/* Entries that come in any order, row by row. */
typedef struct entries {
  int64_t *splits;
  int32_t *pairs;
  char *values;
} entries;

static void sort_rows(const int32_t *pairs, const char *values, int64_t n, size_t size, int64_t rows, entries *by_row) {
  int64_t *next = by_row->splits; /* splits[r + 1] goes from where row r begins to where it ends */
  memset(next, 0, (size_t)(rows + 1) * sizeof *next);
  for (int64_t e = 0; e < n; e++) next[pairs[2 * e] + 1]++;
  for (int64_t r = 1, begin = 0; r <= rows; r++) {
    int64_t count = next[r];
    next[r] = begin;
    begin += count;
  }
  for (int64_t e = 0; e < n; e++) {
    int64_t to = next[pairs[2 * e] + 1]++;
    by_row->pairs[2 * to + 1] = pairs[2 * e + 1];
    memcpy(by_row->values + (size_t)to * size, values + (size_t)e * size, size);
  }
}

typedef struct product {
  const int64_t *splits;
  const int32_t *columns;
  const char *values;
  const kvino_tensor *x, *y;
} product;

static void rows_of(void *context, size_t begin, size_t end) {
  const product *p = context;
  kv_sparse_rows_loop *loop = KV_BEST(kv_sparse_rows)[kind_of((kvino_dtype)p->x->dtype)];
  loop(p->x->shape[1], (int64_t)begin, (int64_t)end, p->splits, p->columns, p->values, p->x->data, p->y->data);
}

static kvino_status multiply(kv_call *c, const kvino_tensor *indices, const int32_t *pairs, const kvino_tensor *values,
                             const kvino_tensor *x, entries *by_row) {
  const kvino_tensor *y = c->out[0];
  int64_t n = values->size, rows = y->shape[0];
  size_t size = kvino_dtype_size((kvino_dtype)y->dtype);
  survey s = {pairs, rows, x->shape[0], by_row->splits, true, true};
  for (int64_t r = 0; r <= rows; r++) by_row->splits[r] = n; /* of the rows behind the last entry */
  kv_parallel_ranges((size_t)n, (size_t)GRAIN, look, &s);
  if (!s.inside) return refuse(c, indices, pairs, (int64_t[]){rows, x->shape[0]});
  product p = {by_row->splits, pairs + 1, values->data, x, y};
  if (!s.sorted) {
    by_row->pairs = kv_malloc((size_t)(2 * n + 2) * sizeof *by_row->pairs);
    by_row->values = kv_malloc((size_t)(n + 1) * size);
    if (!by_row->pairs || !by_row->values)
      return kv_fail(c->err, KVINO_NO_MEMORY, "out of memory for %lld entries", (long long)n);
    sort_rows(pairs, values->data, n, size, rows, by_row);
    p.columns = by_row->pairs + 1;
    p.values = by_row->values;
  }
  if (!y->size) return KVINO_OK;
  int64_t work = (n * y->shape[1] + y->size) / rows + 1; /* of a row */
  kv_parallel_ranges((size_t)rows, (size_t)(GRAIN / work + 1), rows_of, &p);
  return KVINO_OK;
}

kvino_status kv_eval_sparse_mat_mul(kv_call *c) {
  kvino_tensor *indices = NULL, *values = NULL, *x = NULL;
  int32_t *own = NULL;
  KV_TRY(kv_call_alloc(c, 0));
  entries by_row = {kv_malloc((size_t)(c->out[0]->shape[0] + 2) * sizeof(int64_t)), NULL, NULL};
  kvino_status status = KVINO_OK;
  if (!by_row.splits) status = kv_fail(c->err, KVINO_NO_MEMORY, "out of memory for the rows");
  if (!status) status = kvino_tensor_contiguous(c->in[0], &indices, c->err);
  if (!status) status = kvino_tensor_contiguous(c->in[1], &values, c->err);
  if (!status) status = kvino_tensor_contiguous(c->in[2], &x, c->err);
  if (!status && x->shape[0] > INT32_MAX)
    status = kv_fail(c->err, KVINO_UNSUPPORTED, "SparseMatMul takes up to %d columns, not %lld", INT32_MAX,
                     (long long)x->shape[0]);
  if (!status) status = as_pairs(c, indices, &own);
  if (!status) status = multiply(c, indices, own, values, x, &by_row);
  kv_free(by_row.splits);
  kv_free(by_row.pairs);
  kv_free(by_row.values);
  kv_free(own);
  kvino_tensor_release(indices);
  kvino_tensor_release(values);
  kvino_tensor_release(x);
  return status;
}
