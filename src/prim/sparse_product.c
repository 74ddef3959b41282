/* SparseProduct: indices [n, 2], values [n] of a sparse matrix, the same of another, and their two shapes in one vector
 * of four; the indices, in order and once each, and the values of the first times the second. Entries of the operands
 * come in any order; those at the same place add up. A place that a product of two entries falls on is in the result,
 * also where its sum is 0. */
#include <string.h>

#include "base/memory.h"
#include "kernels/order/sort.h"
#include "kernels/sparse/product.h"
#include "prim/index.h"
#include "prim/known.h"
#include "vocabulary/refusals.h"

enum { INDICES = 0, VALUES = 1, OTHER = 2, SHAPES = 4 };
static const int64_t MOST = 1 << 28; /* entries: what numbers them fits in 32 bits */

static kvino_status read_shapes(kv_call *c, kv_values *shapes) {
  KV_TRY(kv_read_values(c, SHAPES, "shapes", shapes));
  if (shapes->n != 4) return kv_fail(c->err, KVINO_INVALID, "SparseProduct takes two shapes of two lengths");
  for (int i = 0; i < 4; i++)
    if (kv_is_known(shapes, i) && shapes->v[i] < 0)
      return kv_fail(c->err, KVINO_INVALID, "negative dimensions are not allowed");
  if (!kv_is_known(shapes, 1) || !kv_is_known(shapes, 2) || shapes->v[1] == shapes->v[2]) return KVINO_OK;
  return kv_refuse(
      KV_REFUSAL_core_dimension,
      (kv_refusal_word[]){{.integer = 0}, {.integer = shapes->v[2]}, {.integer = shapes->v[1]}, {.integer = 0}},
      c->err);
}

kvino_status kv_infer_sparse_product(kv_call *c) {
  kvino_dtype dtype = (kvino_dtype)c->in[VALUES]->dtype;
  kv_values shapes;
  KV_TRY(kv_same_dtype(c, VALUES, OTHER + VALUES));
  if (!kv_sparse_sums_take(dtype))
    return kv_fail(c->err, KVINO_TYPE, "SparseProduct does not take dtype %s", kvino_dtype_name(dtype));
  bool narrow = true;
  for (size_t side = 0; side <= OTHER; side += OTHER) {
    const kvino_tensor *indices = c->in[side], *values = c->in[side + VALUES];
    KV_TRY(kv_index_dtype(c, side));
    if (indices->rank != 2 || values->rank != 1 || (indices->shape[1] >= 0 && indices->shape[1] != 2) ||
        (indices->shape[0] >= 0 && values->shape[0] >= 0 && indices->shape[0] != values->shape[0]))
      return kv_fail(c->err, KVINO_INVALID, "SparseProduct takes a row and a column for each value");
    narrow = narrow && indices->dtype == KVINO_I32;
  }
  KV_TRY(read_shapes(c, &shapes));
  KV_TRY(kv_call_outputs(c, 2));
  kv_call_spec(c, 0, narrow ? KVINO_I32 : KVINO_I64, 2, (int64_t[]){-1, 2});
  kv_call_spec(c, 1, dtype, 1, (int64_t[]){-1});
  return KVINO_OK;
}

/* The rows or the columns of n entries, numbered so that what is kept for each row or column is as much as the entries
 * are, not as the matrix is long. */
typedef struct lines {
  int64_t n;       /* how many numbers */
  int64_t *names;  /* what is numbered so, in order; NULL: each is its own number */
  int32_t *number; /* of each entry */
} lines;

/* One operand. Its indices are read once: what another thread writes to them afterwards is not seen. */
typedef struct side {
  int64_t n, *at[2]; /* rows and columns */
  kvino_tensor *indices, *values;
  lines lines[2];
  kv_sparse_matrix matrix;
  int32_t *own_columns; /* sorted by row, where they were not */
  char *own_values;
} side;

static kvino_status out_of_memory(kv_call *c, int64_t n) {
  return kv_fail(c->err, KVINO_NO_MEMORY, "out of memory for the product of sparse matrices with %lld entries",
                 (long long)n);
}

static kvino_status read_side(kv_call *c, size_t first, const int64_t *shape, side *s) {
  KV_TRY(kvino_tensor_contiguous(c->in[first], &s->indices, c->err));
  KV_TRY(kvino_tensor_contiguous(c->in[first + VALUES], &s->values, c->err));
  s->n = s->values->size;
  if (s->n > MOST)
    return kv_fail(c->err, KVINO_UNSUPPORTED, "SparseProduct takes up to %lld entries, not %lld", (long long)MOST,
                   (long long)s->n);
  for (int k = 0; k < 2; k++) {
    s->at[k] = kv_malloc((size_t)(s->n + 1) * sizeof **s->at);
    if (!s->at[k]) return out_of_memory(c, s->n);
    for (int64_t e = 0; e < s->n; e++) {
      int64_t at = s->indices->dtype == KVINO_I32 ? ((const int32_t *)(const void *)s->indices->data)[2 * e + k]
                                                  : kv_tensor_get_int(s->indices, 2 * e + k);
      if (at < 0 || at >= shape[k]) return kv_entry_error(c, e, at, k, shape[k]);
      s->at[k][e] = at;
    }
  }
  return KVINO_OK;
}

/* Distinct values of at, in order, as the names of numbers. */
static bool name_lines(int64_t n, const int64_t *at, lines *l) {
  int64_t *order = kv_malloc((size_t)(n + 1) * sizeof *order);
  void *scratch = kv_malloc(kv_sort_places_scratch(KVINO_I64, n));
  l->names = kv_malloc((size_t)(n + 1) * sizeof *l->names);
  bool done = order && scratch && l->names;
  if (done) kv_sort_places(KVINO_I64, n, (const char *)at, false, n, scratch, order);
  l->n = 0;
  for (int64_t i = 0; i < n && done; i++) {
    if (!l->n || l->names[l->n - 1] != at[order[i]]) l->names[l->n++] = at[order[i]];
    l->number[order[i]] = (int32_t)(l->n - 1);
  }
  kv_free(order);
  kv_free(scratch);
  return done;
}

/* Frees the places, as match_lines does: numbers stand for them from here on. */
static bool number_lines(side *s, int axis, int64_t length) {
  lines *l = &s->lines[axis];
  int64_t *at = s->at[axis];
  l->number = kv_malloc((size_t)(s->n + 1) * sizeof *l->number);
  if (!l->number) return false;
  l->n = length;
  if (length > 4 * s->n + (1 << 16)) {
    if (!name_lines(s->n, at, l)) return false;
  } else
    for (int64_t e = 0; e < s->n; e++) l->number[e] = (int32_t)at[e];
  kv_free(at);
  s->at[axis] = NULL;
  return true;
}

static int64_t find_name(const lines *l, int64_t name) {
  int64_t low = 0, high = l->n;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    if (l->names[middle] < name)
      low = middle + 1;
    else
      high = middle;
  }
  return low < l->n && l->names[low] == name ? low : l->n;
}

/* The columns of the first operand by the numbers that rows of the second have; what is no row there is one more. */
static bool match_lines(side *a, const side *b) {
  lines *l = &a->lines[1];
  l->number = kv_malloc((size_t)(a->n + 1) * sizeof *l->number);
  for (int64_t e = 0; e < a->n && l->number; e++)
    l->number[e] = (int32_t)(b->lines[0].names ? find_name(&b->lines[0], a->at[1][e]) : a->at[1][e]);
  kv_free(a->at[1]);
  a->at[1] = NULL;
  return l->number;
}

/* The matrix of n_rows rows, with the entries sorted by row where they are not. */
static bool by_row(side *s, int64_t n_rows) {
  const int32_t *row = s->lines[0].number, *column = s->lines[1].number;
  size_t size = kvino_dtype_size((kvino_dtype)s->values->dtype);
  int64_t *splits = kv_calloc((size_t)n_rows + 2, sizeof *splits);
  bool sorted = true;
  s->matrix = (kv_sparse_matrix){n_rows, splits, s->lines[1].number, s->values->data};
  if (!splits) return false;
  for (int64_t e = 0; e < s->n; e++) {
    splits[row[e] + 2]++;
    if (e && row[e - 1] > row[e]) sorted = false;
  }
  for (int64_t r = 1; r <= n_rows; r++) splits[r + 1] += splits[r];
  if (!sorted) { /* splits[r + 1] goes from where row r begins to where it ends */
    s->own_columns = kv_malloc((size_t)s->n * sizeof *s->own_columns);
    s->own_values = kv_malloc((size_t)s->n * size);
    if (!s->own_columns || !s->own_values) return false;
    for (int64_t e = 0; e < s->n; e++) {
      int64_t to = splits[row[e] + 1]++;
      s->own_columns[to] = column[e];
      memcpy(s->own_values + (size_t)to * size, s->values->data + (size_t)e * size, size);
    }
    s->matrix.columns = s->own_columns;
    s->matrix.values = s->own_values;
  } else
    memmove(splits, splits + 1, (size_t)(n_rows + 1) * sizeof *splits);
  return true;
}

static void free_side(side *s) {
  for (int k = 0; k < 2; k++) {
    kv_free(s->at[k]);
    kv_free(s->lines[k].names);
    kv_free(s->lines[k].number);
  }
  kv_free(s->matrix.splits);
  kv_free(s->own_columns);
  kv_free(s->own_values);
  kvino_tensor_release(s->indices);
  kvino_tensor_release(s->values);
}

static kvino_status write_product(kv_call *c, const side *a, const side *b, kv_sparse_pattern *pattern) {
  kvino_dtype dtype = c->spec[1].dtype;
  c->spec[0].shape[0] = c->spec[1].shape[0] = pattern->n;
  KV_TRY(kv_call_alloc(c, 0));
  KV_TRY(kv_call_alloc(c, 1));
  kv_sparse_places(pattern, a->lines[0].names, b->lines[1].names, c->spec[0].dtype == KVINO_I32, c->out[0]->data);
  return kv_sparse_sums(pattern, dtype, c->out[1]->data) ? KVINO_OK : out_of_memory(c, pattern->n);
}

kvino_status kv_eval_sparse_product(kv_call *c) {
  kv_values shapes;
  side a = {0}, b = {0};
  kv_sparse_pattern pattern = {0};
  kvino_status status = KVINO_OK;
  KV_TRY(read_shapes(c, &shapes));
  const int64_t *shape = shapes.v;
  KV_GOTO(status, read_side(c, INDICES, shape, &a), done);
  KV_GOTO(status, read_side(c, OTHER, shape + 2, &b), done);
  bool fits = number_lines(&a, 0, shape[0]) && number_lines(&b, 0, shape[2]) && number_lines(&b, 1, shape[3]) &&
              match_lines(&a, &b) && by_row(&a, a.lines[0].n) && by_row(&b, b.lines[0].n + 1) &&
              kv_sparse_find(&a.matrix, &b.matrix, b.lines[1].n, &pattern);
  status = fits ? write_product(c, &a, &b, &pattern) : out_of_memory(c, a.n + b.n);
done:
  kv_sparse_pattern_free(&pattern);
  free_side(&a);
  free_side(&b);
  return status;
}
