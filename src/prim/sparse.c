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

/* Entries as int32 pairs {row, column, ...}, a copy; and row by row, where they come in any order. */
typedef struct entries {
  int32_t *pairs, *sorted;
  char *values;
} entries;

static kvino_status out_of_memory(kv_call *c, int64_t n) {
  return kv_fail(c->err, KVINO_NO_MEMORY, "out of memory for %lld entries", (long long)n);
}

/* What does not fit in 32 bits is -1, out of bounds like itself. */
static kvino_status as_pairs(kv_call *c, const kvino_tensor *indices, entries *own) {
  own->pairs = kv_malloc((size_t)(indices->size + 1) * sizeof *own->pairs);
  if (!own->pairs) return out_of_memory(c, indices->size / 2);
  if (indices->dtype == KVINO_I32) memcpy(own->pairs, indices->data, (size_t)indices->size * sizeof *own->pairs);
  for (int64_t i = 0; indices->dtype != KVINO_I32 && i < indices->size; i++) {
    int64_t at = kv_tensor_get_int(indices, i);
    own->pairs[i] = at >= 0 && at <= INT32_MAX ? (int32_t)at : -1;
  }
  return KVINO_OK;
}

/* The first index that is out of bounds, or -1. */
static int64_t first_outside(const int32_t *pairs, int64_t n, const int64_t *size) {
  for (int64_t i = 0; i < 2 * n; i++)
    if (pairs[i] < 0 || pairs[i] >= size[i % 2]) return i;
  return -1;
}

kvino_status kv_entry_error(const kv_call *c, int64_t entry, int64_t at, int axis, int64_t size) {
  return kv_fail(c->err, KVINO_INDEX, "entry %lld: index %lld is out of bounds for axis %d with size %lld",
                 (long long)entry, (long long)at, axis, (long long)size);
}

static kvino_status refuse(kv_call *c, const kvino_tensor *indices, const int32_t *pairs, int64_t i,
                           const int64_t *size) {
  int64_t said = kv_tensor_get_int(indices, i); /* beyond 32 bits it is -1 in pairs */
  return kv_entry_error(c, i / 2, pairs[i] == -1 ? said : pairs[i], (int)(i % 2), size[i % 2]);
}

static kvino_status sort_rows(kv_call *c, const char *values, int64_t n, size_t size, int64_t rows, entries *own) {
  kvino_status status = KVINO_OK;
  int64_t *next = kv_calloc((size_t)rows + 1, sizeof *next); /* where the next entry of each row goes */
  own->sorted = kv_malloc((size_t)(2 * n + 1) * sizeof *own->sorted);
  own->values = kv_malloc((size_t)n * size + 1);
  if (!next || !own->sorted || !own->values) {
    status = out_of_memory(c, n);
    goto done;
  }
  for (int64_t e = 0; e < n; e++) next[own->pairs[2 * e] + 1]++;
  for (int64_t r = 1; r <= rows; r++) next[r] += next[r - 1];
  for (int64_t e = 0; e < n; e++) {
    int64_t to = next[own->pairs[2 * e]]++;
    memcpy(own->sorted + 2 * to, own->pairs + 2 * e, 2 * sizeof *own->sorted);
    memcpy(own->values + (size_t)to * size, values + (size_t)e * size, size);
  }
done:
  kv_free(next);
  return status;
}

/* Rows [row, next part's) with the entries [entry, next part's). */
typedef struct part {
  int64_t entry, row;
} part;

enum { PARTS = 64, CHUNK = 1024 };

typedef struct product {
  const int32_t *pairs;
  const char *values;
  const kvino_tensor *x, *y;
  int n_parts;
  part part[PARTS + 1];
  _Atomic bool plain; /* false: some entry is out of bounds, or not in the order of rows */
} product;

/* The first entry whose row is not below `row`. */
static int64_t find_row(const int32_t *pairs, int64_t n, int64_t row) {
  int64_t low = 0;
  for (int64_t high = n; low < high;) {
    int64_t middle = low + (high - low) / 2;
    if (pairs[2 * middle] < row)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* Parts of as many entries and rows each. Where the entries are out of order it is seen here, or in a part. */
static bool divide(product *p, int64_t n) {
  int64_t rows = p->y->shape[0], width = p->y->shape[1], total = n + rows;
  int64_t most = 4 * (int64_t)kv_threads(), parts = total / (GRAIN / (width ? width : 1) + 1) + 1;
  if (most > PARTS) most = PARTS;
  p->n_parts = (int)(kv_threads() == 1 ? 1 : parts < most ? parts : most);
  p->part[0] = (part){0, 0};
  p->part[p->n_parts] = (part){n, rows};
  for (int i = 1; i < p->n_parts; i++) {
    int64_t wanted = total / p->n_parts * i, low = 0, row;
    for (int64_t high = n; low < high;) { /* the first entry that has so many rows and entries before it */
      int64_t middle = low + (high - low) / 2;
      if (middle + p->pairs[2 * middle] < wanted)
        low = middle + 1;
      else
        high = middle;
    }
    row = wanted - low;
    if (low && p->pairs[2 * low - 2] >= row) row = p->pairs[2 * low - 2] + (int64_t)1;
    p->part[i] = (part){find_row(p->pairs, n, row), row};
    if (row < p->part[i - 1].row || row > rows || p->part[i].entry < p->part[i - 1].entry) return false;
  }
  return true;
}

/* Where each of the rows from `row` on begins and ends among n entries in order. */
static void split_rows(const int32_t *rows, int64_t n, int64_t row, int64_t n_rows, int32_t *splits) {
  memset(splits, 0, (size_t)(n_rows + 1) * sizeof *splits);
  for (int64_t i = 0; i < n; i++) splits[rows[i] - row + 1] = (int32_t)(i + 1);
  for (int64_t r = 0; r < n_rows; r++)
    if (splits[r + 1] < splits[r]) splits[r + 1] = splits[r];
}

static int64_t count_below(const int32_t *rows, int64_t n, int64_t row) {
  while (n && rows[n - 1] >= row) n--;
  return n;
}

/* A chunk of entries is copied, looked at, and used: what another thread writes meanwhile is not seen. A chunk ends
 * with a row, or has entries of one row alone, so that sums do not depend on where parts begin. */
static void multiply_part(void *context, size_t i) {
  product *p = context;
  const kv_sparse_rows_kernels *kernels = &KV_BEST(kv_sparse_rows);
  kv_sparse_rows_loop *loop = kernels->multiply[kind_of((kvino_dtype)p->y->dtype)];
  int32_t rows[CHUNK], columns[CHUNK], splits[CHUNK + 1];
  int64_t width = p->y->shape[1], size = (int64_t)kvino_dtype_size((kvino_dtype)p->y->dtype);
  part at = p->part[i], end = p->part[i + 1];
  bool more = false;
  while (at.row < end.row || at.entry < end.entry) {
    int64_t n = end.entry - at.entry < CHUNK ? end.entry - at.entry : CHUNK;
    int64_t n_rows = end.row - at.row < CHUNK ? end.row - at.row : CHUNK;
    if (!kernels->unzip(p->pairs + 2 * at.entry, n, at.row, end.row, p->x->shape[0], rows, columns)) {
      p->plain = false;
      return;
    }
    bool unfinished = false;
    if (n && rows[n - 1] >= at.row + n_rows) {
      n = count_below(rows, n, at.row + n_rows);
    } else if (n && at.entry + n < end.entry) { /* the last row may go on */
      unfinished = rows[n - 1] == rows[0];
      n_rows = rows[n - 1] - at.row + unfinished;
      if (!unfinished) n = count_below(rows, n, rows[n - 1]);
    }
    split_rows(rows, n, at.row, n_rows, splits);
    loop(width, n_rows, more, splits, columns, p->values + at.entry * size, p->x->data,
         p->y->data + at.row * width * size);
    at = (part){at.entry + n, at.row + n_rows - unfinished};
    more = unfinished;
  }
}

/* Whether all is in order; if not, y has anything. */
static bool multiply_plain(product *p, const int32_t *pairs, const char *values, int64_t n) {
  p->pairs = pairs;
  p->values = values;
  p->plain = divide(p, n);
  if (p->plain) kv_parallel((size_t)p->n_parts, multiply_part, p);
  return p->plain;
}

static kvino_status multiply(kv_call *c, const kvino_tensor *indices, const kvino_tensor *values,
                             const kvino_tensor *x) {
  const kvino_tensor *y = c->out[0];
  int64_t n = values->size, size[] = {y->shape[0], x->shape[0]};
  product p = {.x = x, .y = y};
  if (indices->dtype == KVINO_I32 && multiply_plain(&p, (const int32_t *)(const void *)indices->data, values->data, n))
    return KVINO_OK;
  entries own = {0};
  kvino_status status = KVINO_OK;
  KV_GOTO(status, as_pairs(c, indices, &own), done);
  int64_t bad = first_outside(own.pairs, n, size);
  if (bad >= 0) KV_GOTO(status, refuse(c, indices, own.pairs, bad, size), done);
  if (multiply_plain(&p, own.pairs, values->data, n)) goto done;
  KV_GOTO(status, sort_rows(c, values->data, n, kvino_dtype_size((kvino_dtype)y->dtype), size[0], &own), done);
  multiply_plain(&p, own.sorted, own.values, n);
done:
  kv_free(own.pairs);
  kv_free(own.sorted);
  kv_free(own.values);
  return status;
}

kvino_status kv_eval_sparse_mat_mul(kv_call *c) {
  kvino_tensor *indices = NULL, *values = NULL, *x = NULL;
  kvino_status status = KVINO_OK;
  KV_TRY(kv_call_alloc(c, 0));
  KV_GOTO(status, kvino_tensor_contiguous(c->in[0], &indices, c->err), done);
  KV_GOTO(status, kvino_tensor_contiguous(c->in[1], &values, c->err), done);
  KV_GOTO(status, kvino_tensor_contiguous(c->in[2], &x, c->err), done);
  for (int i = 0; i < 2 && !status; i++) {
    int64_t length = i ? x->shape[0] : c->out[0]->shape[0];
    if (length > INT32_MAX)
      status = kv_fail(c->err, KVINO_UNSUPPORTED, "SparseMatMul takes up to %d %s, not %lld", INT32_MAX,
                       i ? "columns" : "rows", (long long)length);
  }
  if (!status) status = multiply(c, indices, values, x);
done:
  kvino_tensor_release(indices);
  kvino_tensor_release(values);
  kvino_tensor_release(x);
  return status;
}
