#include "kernels/linalg/blas.h"
#include "prim/matrices.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"

/* ---- infer ---- */

kvino_status kv_matrices_only(kv_call *c) {
  char text[KV_SHAPE_TEXT];
  for (size_t i = 0; i < c->n_in; i++) {
    const kvino_tensor *x = c->in[i];
    kvino_dtype dtype = (kvino_dtype)x->dtype;
    if (dtype != KVINO_F32 && dtype != KVINO_F64 && !kvino_dtype_is_complex(dtype))
      return kv_fail(c->err, KVINO_TYPE, "array type %s is unsupported in linalg", kvino_dtype_name(dtype));
    if (x->rank < 2)
      return kv_fail(c->err, KVINO_INVALID, "Expected input to have rank >= 2. Received input with shape %s.",
                     kv_shape_text(x->rank, x->shape, text));
    if (i) KV_TRY(kv_same_dtype(c, 0, i));
  }
  return KVINO_OK;
}

kvino_status kv_square_only(kv_call *c, size_t i) {
  const kvino_tensor *x = c->in[i];
  char text[KV_SHAPE_TEXT];
  int64_t rows = x->shape[x->rank - 2], columns = x->shape[x->rank - 1];
  if (rows >= 0 && columns >= 0 && rows != columns)
    return kv_fail(c->err, KVINO_INVALID, "Expected a square matrix. Received non-square input with shape %s",
                   kv_shape_text(x->rank, x->shape, text));
  return KVINO_OK;
}

void kv_matrices_spec(kv_call *c, size_t i, kvino_dtype dtype, int core, const int64_t *shape) {
  int lead = c->in[0]->rank - 2;
  int64_t all[KVINO_MAX_RANK];
  for (int k = 0; k < lead; k++) all[k] = c->in[0]->shape[k];
  for (int k = 0; k < core; k++) all[lead + k] = shape[k];
  kv_call_spec(c, i, dtype, lead + core, all);
}

int64_t kv_smaller(int64_t a, int64_t b) { return a == 0 || b == 0 ? 0 : a < 0 || b < 0 ? -1 : a < b ? a : b; }

/* ---- copies ---- */

#define COPY(bytes)                                                                                                    \
  for (int j = 0; j < columns; j++) {                                                                                  \
    char *p = (char *)to + j * to_column;                                                                              \
    const char *q = (const char *)from + j * from_column;                                                              \
    for (int i = 0; i < rows; i++) memcpy(p + i * to_row, q + i * from_row, bytes);                                    \
  }

void kv_matrix_copy(size_t size, int rows, int columns, void *to, int64_t to_row, int64_t to_column, const void *from,
                    int64_t from_row, int64_t from_column) {
  switch (size) { /* a memcpy of a known length is one move */
  case 4:
    COPY(4)
    break;
  case 8:
    COPY(8)
    break;
  default:
    COPY(16)
  }
}

void kv_matrix_load(size_t size, void *to, const kv_place *from) {
  kv_matrix_copy(size, from->rows, from->columns, to, (int64_t)size, (int64_t)size * from->rows, from->data,
                 from->row_step, from->column_step);
}

void kv_matrix_store(size_t size, int rows, int columns, void *to, const void *from, int leading) {
  kv_matrix_copy(size, rows, columns, to, (int64_t)size * columns, (int64_t)size, from, (int64_t)size,
                 (int64_t)size * leading);
}

/* ---- NaN ---- */

bool kv_matrix_has_nan(kvino_dtype dtype, int64_t n, const void *x) {
  const float *f = x;
  const double *d = x;
  bool found = false;
  if (kvino_dtype_is_complex(dtype)) n *= 2;
  if (kv_lapack_real(dtype) == KVINO_F32)
    for (int64_t i = 0; i < n; i++) found |= isnan(f[i]);
  else
    for (int64_t i = 0; i < n; i++) found |= isnan(d[i]);
  return found;
}

void kv_matrix_set_nan(kvino_dtype dtype, int64_t n, void *x) {
  float *f = x;
  double *d = x;
  if (kvino_dtype_is_complex(dtype)) n *= 2;
  if (kv_lapack_real(dtype) == KVINO_F32)
    for (int64_t i = 0; i < n; i++) f[i] = NAN;
  else
    for (int64_t i = 0; i < n; i++) d[i] = NAN;
}

/* ---- eval ---- */

kvino_status kv_matrices_sizes(kv_call *c, size_t i, int *rows, int *columns) {
  const kvino_tensor *x = c->in[i];
  int64_t m = x->shape[x->rank - 2], n = x->shape[x->rank - 1];
  if (m >= INT_MAX || n >= INT_MAX)
    return kv_fail(c->err, KVINO_UNSUPPORTED, "%s of matrices with 2^31 rows or columns", c->prim->name);
  *rows = (int)m;
  *columns = (int)n;
  return KVINO_OK;
}

/* Operand t's matrix for number `index` of the results. */
static kv_place place_of(const kv_matrices *s, const kvino_tensor *t, int64_t index) {
  int last = t->rank - 1;
  kv_place p = {t->data, (int)t->shape[last - 1], (int)t->shape[last], t->strides[last - 1], t->strides[last]};
  for (int k = s->rank - 1, at = last - 2; at >= 0; k--, at--) {
    if (t->shape[at] != 1) p.data += index % s->shape[k] * t->strides[at];
    index /= s->shape[k];
  }
  return p;
}

static void note(kv_matrices *s, size_t index, int wrong) {
  uint64_t mine = (uint64_t)(index < UINT32_MAX ? index : UINT32_MAX) << 32 | (uint32_t)wrong;
  uint64_t known = s->first_wrong;
  while (mine < known && !atomic_compare_exchange_weak(&s->first_wrong, &known, mine)) continue;
}

enum { NO_MEMORY = INT_MAX };

static void run_range(void *context, size_t begin, size_t end) {
  kv_matrices *s = context;
  _Alignas(16) char few[4096];
  char *memory = s->memory <= (int64_t)sizeof few ? few : kv_malloc((size_t)s->memory + 16);
  if (!memory) {
    note(s, begin, NO_MEMORY);
    return;
  }
  char *aligned = memory + (16 - (uintptr_t)memory % 16) % 16;
  for (size_t i = begin; i < end; i++) {
    kv_place in[2];
    char *out[3];
    for (size_t k = 0; k < s->call->n_in; k++) in[k] = place_of(s, s->call->in[k], (int64_t)i);
    for (size_t k = 0; k < s->call->n_out; k++) out[k] = s->call->out[k]->data + (int64_t)i * s->bytes[k];
    int wrong = s->one(s, in, out, aligned);
    if (wrong) note(s, i, wrong);
  }
  if (memory != few) kv_free(memory);
}

kvino_status kv_matrices_run(kv_call *c, kv_matrices *s, double cost) {
  KV_TRY(kv_lapack_ready(c->err));
  s->call = c;
  s->first_wrong = UINT64_MAX;
  s->rank = c->spec[0].rank - s->core[0];
  s->shape = c->spec[0].shape;
  if (s->memory < 0)
    return kv_fail(c->err, KVINO_UNSUPPORTED, "%s of matrices that need more memory than LAPACK counts", c->prim->name);
  /* Some of OpenBLAS's kernels read a column beyond the last one of a complex matrix. */
  const kvino_tensor *x = c->in[0];
  int64_t m = x->shape[x->rank - 2], n = x->shape[x->rank - 1];
  s->memory += kv_part(kvino_dtype_size(s->dtype), m > n ? m : n, 2);
  int64_t count = 1;
  for (int k = 0; k < s->rank; k++) count *= s->shape[k];
  for (size_t i = 0; i < c->n_out; i++) {
    KV_TRY(kv_call_alloc(c, i));
    s->bytes[i] = (int64_t)kvino_dtype_size(c->spec[i].dtype);
    for (int k = 0; k < s->core[i]; k++) s->bytes[i] *= c->spec[i].shape[s->rank + k];
  }
  kv_parallel_ranges((size_t)count, cost < 0x1p18 ? (size_t)(0x1p18 / (cost + 1)) + 1 : 1, run_range, s);
  if (s->first_wrong == UINT64_MAX) return KVINO_OK;
  int wrong = (int)(uint32_t)s->first_wrong;
  if (wrong == NO_MEMORY)
    return kv_fail(c->err, KVINO_NO_MEMORY, "out of memory for %s: %lld bytes", c->prim->name, (long long)s->memory);
  return kv_fail(c->err, KVINO_INVALID, "%s", s->why(wrong));
}
