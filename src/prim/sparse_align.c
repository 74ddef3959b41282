/* SparseAlign: indices [n, k], values [n, ...] of a sparse tensor, the same of another, and the lengths of the k axes;
 * the indices, in order and once each, of what either has (of what both have), and the values of each there, 0 where it
 * has none. Entries come in any order; those at the same place add up. Entries in order are merged as they are. */
#include <string.h>

#include "base/memory.h"
#include "kernels/order/sort.h"
#include "kernels/reduce/accumulate.h"
#include "kernels/sparse/merge.h"
#include "prim/index.h"
#include "prim/known.h"

enum { INDICES = 0, VALUES = 1, OTHER = 2, LENGTHS = 4 };
static const int64_t MOST = 1 << 30; /* entries of an operand: what numbers all of them fits in 32 bits */

kvino_status kv_infer_sparse_align(kv_call *c) {
  KV_TRY(kv_same_dtype(c, INDICES, OTHER));
  KV_TRY(kv_index_dtype(c, INDICES));
  for (size_t side = 0; side <= OTHER; side += OTHER) {
    const kvino_tensor *indices = c->in[side], *values = c->in[side + VALUES];
    if (indices->rank != 2 || !values->rank || indices->shape[1] < 0 || indices->shape[1] != c->in[0]->shape[1] ||
        (indices->shape[0] >= 0 && values->shape[0] >= 0 && indices->shape[0] != values->shape[0]))
      return kv_fail(c->err, KVINO_INVALID, "SparseAlign takes a row of indices for each value");
  }
  KV_TRY(kv_call_outputs(c, 3));
  kv_call_spec(c, 0, (kvino_dtype)c->in[0]->dtype, 2, (int64_t[]){-1, c->in[0]->shape[1]});
  for (size_t i = 0; i < 2; i++) {
    const kvino_tensor *values = c->in[OTHER * i + VALUES];
    kv_call_spec(c, i + 1, (kvino_dtype)values->dtype, values->rank, values->shape);
    c->spec[i + 1].shape[0] = -1;
  }
  return KVINO_OK;
}

/* Of the axes: how long they are, and how far apart neighbours are. */
typedef struct lengths {
  int64_t length[KVINO_MAX_RANK];
  uint64_t step[KVINO_MAX_RANK];
} lengths;

/* One operand, in order. */
typedef struct side {
  kvino_tensor *indices, *values;
  int64_t n, row; /* entries; bytes of a row of values */
  uint64_t *places;
  int64_t *at;      /* which row of indices each place is; NULL: its own */
  char *own_values; /* sums, where entries were not in order */
} side;

static kvino_status out_of_memory(kv_call *c, int64_t n) {
  return kv_fail(c->err, KVINO_NO_MEMORY, "out of memory for %lld entries", (long long)n);
}

/* What orders n tuples of k indices, the sum of index * step; whether all are in bounds. */
#define PLACES(name, T)                                                                                                \
  static inline __attribute__((always_inline)) bool name(const char *x, int64_t n, int k, const uint64_t *length,      \
                                                         const uint64_t *step, uint64_t *places) {                     \
    uint64_t wrong = 0; /* its sign: of what is not below the length, or negative */                                   \
    for (int64_t e = 0; e < n; e++) {                                                                                  \
      uint64_t place = 0;                                                                                              \
      for (int j = 0; j < k; j++) {                                                                                    \
        uint64_t v = (uint64_t)(int64_t)((const T *)(const void *)x)[e * k + j];                                       \
        wrong |= ~(v - length[j]) | v;                                                                                 \
        place += v * step[j];                                                                                          \
      }                                                                                                                \
      places[e] = place;                                                                                               \
    }                                                                                                                  \
    return !(wrong >> 63);                                                                                             \
  }
PLACES(places_i32, int32_t)
PLACES(places_i64, int64_t)

static kvino_status find_places(kv_call *c, side *s, const lengths *l) {
  static const uint64_t halves[] = {UINT64_C(1) << 32, 1}; /* of two indices of 32 bits, without multiplying */
  const kvino_tensor *indices = s->indices;
  const uint64_t *limit = (const uint64_t *)l->length, *step = l->step;
  int k = (int)indices->shape[1];
  bool pairs = indices->dtype == KVINO_I32 && k == 2, fits = false;
  if (pairs)
    fits = places_i32(indices->data, s->n, 2, limit, halves, s->places);
  else if (indices->dtype == KVINO_I32)
    fits = places_i32(indices->data, s->n, k, limit, step, s->places);
  else if (indices->dtype == KVINO_I64)
    fits = places_i64(indices->data, s->n, k, limit, step, s->places);
  if (pairs) step = halves;
  for (int64_t e = 0; e < s->n && !fits; e++) { /* other dtypes, or to say which */
    s->places[e] = 0;
    for (int j = 0; j < k; j++) {
      int64_t at = kv_tensor_get_int(indices, e * k + j);
      if (at < 0 || at >= l->length[j]) return kv_entry_error(c, e, at, j, l->length[j]);
      s->places[e] += (uint64_t)at * step[j];
    }
  }
  return KVINO_OK;
}

static bool is_rising(const uint64_t *x, int64_t n) {
  bool falls = false;
  for (int64_t i = 1; i < n; i++) falls |= x[i] <= x[i - 1];
  return !falls;
}

/* Entries in order, those at one place added up in the order in which they come. */
static kvino_status coalesce(kv_call *c, side *s) {
  kvino_dtype dtype = (kvino_dtype)s->values->dtype;
  int64_t n = 0, *order = kv_malloc((size_t)(s->n + 1) * sizeof *order), *offset = NULL;
  void *scratch = kv_malloc(kv_sort_places_scratch(KVINO_I64, s->n));
  uint64_t *distinct = kv_malloc((size_t)s->n * sizeof *distinct);
  kvino_status status = KVINO_OK;
  offset = kv_malloc((size_t)s->n * sizeof *offset);
  s->at = kv_malloc((size_t)s->n * sizeof *s->at);
  s->own_values = kv_calloc((size_t)(s->n * s->row) + 1, 1);
  if (!order || !scratch || !distinct || !offset || !s->at || !s->own_values) {
    status = out_of_memory(c, s->n);
    goto done;
  }
  kv_sort_places(KVINO_I64, s->n, (const char *)s->places, false, s->n, scratch, order);
  for (int64_t i = 0; i < s->n; i++) {
    uint64_t place = s->places[order[i]];
    if (!n || distinct[n - 1] != place) {
      s->at[n] = order[i];
      distinct[n++] = place;
    }
    offset[order[i]] = (n - 1) * s->row;
  }
  kv_combine(dtype, KV_SUM, s->n, s->row / (int64_t)kvino_dtype_size(dtype), s->own_values, offset, s->values->data);
  memcpy(s->places, distinct, (size_t)n * sizeof *distinct);
  s->n = n;
done:
  kv_free(order);
  kv_free(scratch);
  kv_free(distinct);
  kv_free(offset);
  return status;
}

static kvino_status read_side(kv_call *c, size_t first, const lengths *l, side *s) {
  KV_TRY(kvino_tensor_contiguous(c->in[first], &s->indices, c->err));
  KV_TRY(kvino_tensor_contiguous(c->in[first + VALUES], &s->values, c->err));
  s->n = s->values->shape[0];
  if (s->n > MOST)
    return kv_fail(c->err, KVINO_UNSUPPORTED, "SparseAlign takes up to %lld entries, not %lld", (long long)MOST,
                   (long long)s->n);
  s->row = (int64_t)kvino_dtype_size((kvino_dtype)s->values->dtype);
  for (int k = 1; k < s->values->rank; k++) s->row *= s->values->shape[k];
  s->places = kv_malloc((size_t)(s->n + 1) * sizeof *s->places);
  if (!s->places) return out_of_memory(c, s->n);
  KV_TRY(find_places(c, s, l));
  return is_rising(s->places, s->n) ? KVINO_OK : coalesce(c, s);
}

static void free_side(side *s) {
  kv_free(s->places);
  kv_free(s->at);
  kv_free(s->own_values);
  kvino_tensor_release(s->indices);
  kvino_tensor_release(s->values);
}

static kvino_status write_merged(kv_call *c, const side *a, const side *b, const kv_merge *m) {
  for (size_t i = 0; i < 3; i++) {
    c->spec[i].shape[0] = m->n;
    KV_TRY(kv_call_alloc(c, i));
  }
  int64_t row = (int64_t)kvino_dtype_size(c->spec[0].dtype) * c->spec[0].shape[1];
  kv_merge_take(m, m->from_a, a->at, false, row, a->indices->data, c->out[0]->data);
  if (!m->both) kv_merge_take(m, m->from_b, b->at, true, row, b->indices->data, c->out[0]->data);
  kv_merge_take(m, m->from_a, NULL, false, a->row, a->own_values ? a->own_values : a->values->data, c->out[1]->data);
  kv_merge_take(m, m->from_b, NULL, false, b->row, b->own_values ? b->own_values : b->values->data, c->out[2]->data);
  return KVINO_OK;
}

static kvino_status read_lengths(kv_call *c, lengths *l) {
  int64_t places = 1;
  kv_values read;
  KV_TRY(kv_read_all(c, LENGTHS, "lengths", &read));
  if (read.n != c->in[0]->shape[1] || read.n > KVINO_MAX_RANK)
    return kv_fail(c->err, KVINO_INVALID, "SparseAlign takes a length for each column of indices");
  for (int64_t i = read.n - 1; i >= 0; i--) {
    l->length[i] = read.v[i];
    l->step[i] = (uint64_t)places;
    if (read.v[i] && __builtin_mul_overflow(places, read.v[i], &places))
      return kv_fail(c->err, KVINO_UNSUPPORTED, "entries of a sparse tensor of more than 2^63 elements have no order");
  }
  return KVINO_OK;
}

kvino_status kv_eval_sparse_align(kv_call *c) {
  side a = {0}, b = {0};
  kv_merge m = {.both = c->attrs->align.both};
  lengths l;
  kvino_status status = KVINO_OK;
  KV_TRY(read_lengths(c, &l));
  KV_GOTO(status, read_side(c, INDICES, &l, &a), done);
  KV_GOTO(status, read_side(c, OTHER, &l, &b), done);
  m.a = a.places;
  m.b = b.places;
  m.n_a = a.n;
  m.n_b = b.n;
  m.from_a = kv_malloc((size_t)(a.n + b.n + 1) * sizeof *m.from_a);
  m.from_b = kv_malloc((size_t)(a.n + b.n + 1) * sizeof *m.from_b);
  if (!m.from_a || !m.from_b) {
    status = out_of_memory(c, a.n + b.n);
    goto done;
  }
  kv_merge_run(&m);
  status = write_merged(c, &a, &b, &m);
done:
  kv_free(m.from_a);
  kv_free(m.from_b);
  free_side(&a);
  free_side(&b);
  return status;
}
