/* MatMul: numpy.matmul with optional transposes, and MatMulInteger, the same of int8, summed as int32. f8, f16 and bf16
 * are multiplied and summed as f32 and rounded once. */
#include <stdio.h>
#include <string.h>

#include "base/threads.h"
#include "kernels/linalg/blas.h"
#include "kernels/linalg/gemm_bytes.h"
#include "prim/floats.h"
#include "prim/interval.h"

/* Rows and columns of an operand as a matrix; a vector is a row on the left and a column on the right. */
typedef struct sides {
  int64_t rows, columns;
  int batch; /* leading dimensions */
} sides;

static sides sides_of(const kvino_tensor *t, bool transposed, bool left) {
  if (t->rank == 1) return left ? (sides){1, t->shape[0], 0} : (sides){t->shape[0], 1, 0};
  int64_t r = t->shape[t->rank - 2], c = t->shape[t->rank - 1];
  return transposed ? (sides){c, r, t->rank - 2} : (sides){r, c, t->rank - 2};
}

/* "(2,3)" as NumPy's ufuncs print shapes; `remapped`: the leading dimensions, and newaxis for the matrix. */
static size_t ufunc_shape(const kvino_tensor *t, bool remapped, char *text, size_t size) {
  int core = remapped ? 2 : 0, lead = remapped ? t->rank - 2 : t->rank;
  size_t n = (size_t)snprintf(text, size, "(");
  for (int k = 0; k < lead + core && n + 32 < size; k++) {
    const char *comma = k ? "," : "";
    n += (size_t)(k >= lead         ? snprintf(text + n, size - n, "%snewaxis", comma)
                  : t->shape[k] < 0 ? snprintf(text + n, size - n, "%sNone", comma)
                                    : snprintf(text + n, size - n, "%s%lld", comma, (long long)t->shape[k]));
  }
  return n + (size_t)snprintf(text + n, size - n, ")");
}

static kvino_status cannot_broadcast(kv_call *c, int64_t rows, int64_t columns) {
  char text[512];
  size_t n = 0;
  for (int i = 0; i < 2; i++) {
    n += ufunc_shape(c->in[i], false, text + n, sizeof text - n);
    n += (size_t)snprintf(text + n, sizeof text - n, "->");
    n += ufunc_shape(c->in[i], true, text + n, sizeof text - n);
    n += (size_t)snprintf(text + n, sizeof text - n, " ");
  }
  return kv_fail(c->err, KVINO_INVALID,
                 "operands could not be broadcast together with remapped shapes [original->remapped]: %s and requested "
                 "shape (%lld,%lld)",
                 text, (long long)rows, (long long)columns);
}

static kvino_status check_operands(kv_call *c) {
  KV_TRY(kv_same_dtype(c, 0, 1));
  for (int i = 0; i < 2; i++)
    if (!c->in[i]->rank)
      return kv_fail(c->err, KVINO_INVALID,
                     "matmul: Input operand %d does not have enough dimensions (has 0, gufunc core with signature "
                     "(n?,k),(k,m?)->(n?,m?) requires 1)",
                     i);
  if (c->in[0]->dtype == KVINO_BOOL || c->in[0]->dtype == KVINO_STRING)
    return kv_fail(c->err, KVINO_TYPE, "MatMul does not take dtype %s", kvino_dtype_name((kvino_dtype)c->in[0]->dtype));
  return KVINO_OK;
}

kvino_status kv_infer_mat_mul(kv_call *c) {
  const kvino_tensor *a = c->in[0], *b = c->in[1];
  KV_TRY(check_operands(c));
  sides m = sides_of(a, c->attrs->matmul.transpose_a, true), n = sides_of(b, c->attrs->matmul.transpose_b, false);
  if (m.columns >= 0 && n.rows >= 0 && m.columns != n.rows)
    return kv_fail(c->err, KVINO_INVALID,
                   "matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature "
                   "(n?,k),(k,m?)->(n?,m?) (size %lld is different from %lld)",
                   (long long)n.rows, (long long)m.columns);
  kv_spec *y = &c->spec[0];
  int rank = m.batch > n.batch ? m.batch : n.batch;
  for (int k = 0; k < rank; k++) {
    int i = k - (rank - m.batch), j = k - (rank - n.batch);
    int64_t d = i < 0 ? 1 : a->shape[i], e = j < 0 ? 1 : b->shape[j];
    if (d >= 0 && e >= 0 && d != e && d != 1 && e != 1) return cannot_broadcast(c, m.rows, n.columns);
    y->shape[k] = d == 1 ? e : e == 1 ? d : d < 0 ? e : d;
  }
  if (a->rank > 1) y->shape[rank++] = m.rows;
  if (b->rank > 1) y->shape[rank++] = n.columns;
  y->rank = rank;
  y->dtype = (kvino_dtype)a->dtype;
  return KVINO_OK;
}

kvino_status kv_infer_mat_mul_integer(kv_call *c) {
  KV_TRY(kv_infer_mat_mul(c));
  if (c->in[0]->dtype != KVINO_I8)
    return kv_fail(c->err, KVINO_TYPE, "MatMulInteger takes int8, not %s",
                   kvino_dtype_name((kvino_dtype)c->in[0]->dtype));
  c->spec[0].dtype = KVINO_I32;
  return KVINO_OK;
}

kv_interval kv_interval_mat_mul(const kv_bounds *b) {
  const kv_output *x = kv_bounds_operand(b, 0);
  bool second = b->node->attrs.matmul.transpose_a && x->rank > 1;
  kv_wide low, high;
  kv_interval_product(b->in[0], b->in[1], &low, &high);
  return kv_bounds_sum(b, x->rank ? x->shape[x->rank - (second ? 2 : 1)] : -1, low, high);
}

/* ---- eval ---- */

typedef struct operand {
  kv_matrix matrix; /* the first of the batch */
  int batch;
  const int64_t *shape, *strides; /* of the leading dimensions; strides in bytes */
} operand;

/* The operand as matrices; false where their memory must be rearranged first. */
static bool describe(const kvino_tensor *t, bool transposed, bool left, bool bytes, operand *o) {
  int64_t size = (int64_t)kvino_dtype_size((kvino_dtype)t->dtype),
          align = kvino_dtype_is_complex((kvino_dtype)t->dtype) ? size / 2 : size;
  sides s = sides_of(t, transposed, left);
  if (!t->size) { /* NumPy's strides of nothing are anything */
    *o = (operand){{t->data, s.rows, s.columns, s.columns, 1}, s.batch, t->shape, t->strides};
    return true;
  }
  int64_t inner = t->strides[t->rank - 1], outer = t->rank > 1 ? t->strides[t->rank - 2] : 0;
  if ((uintptr_t)t->data % (uint64_t)align || inner % size || outer % size) return false;
  for (int k = 0; k < s.batch; k++)
    if (t->strides[k] % align) return false;
  o->matrix = (kv_matrix){t->data, s.rows, s.columns, outer / size, inner / size};
  if (t->rank == 1 ? !left : transposed) {
    o->matrix.row_step = inner / size;
    o->matrix.column_step = outer / size;
  }
  o->batch = s.batch;
  o->shape = t->shape;
  o->strides = t->strides;
  if (kvino_dtype_is_integer((kvino_dtype)t->dtype))
    return left || s.columns == 1 || o->matrix.column_step == 1 || (bytes && o->matrix.row_step == 1);
  return kv_gemm_takes(&o->matrix);
}

typedef struct batch {
  kvino_dtype dtype; /* of the operands, and but for bytes of the result */
  bool bytes;        /* int8, summed as int32 */
  _Atomic bool failed;
  operand a, b;
  int rank; /* leading dimensions of the result */
  const int64_t *shape;
  char *y;
} batch;

/* The operand's matrix for matrix number i of the result. */
static kv_matrix matrix_at(const operand *o, const batch *v, int64_t i) {
  kv_matrix m = o->matrix;
  for (int k = v->rank - 1, at = o->batch - 1; at >= 0; k--, at--) {
    int64_t index = k ? i % v->shape[k] : i;
    i /= v->shape[k];
    if (o->shape[at] != 1) m.data = (const char *)m.data + index * o->strides[at];
  }
  return m;
}

static void run_batch(void *context, size_t begin, size_t end) {
  batch *v = context;
  int64_t columns = v->b.matrix.columns, size = (int64_t)kvino_dtype_size(v->bytes ? KVINO_I32 : v->dtype);
  for (size_t i = begin; i < end; i++) {
    kv_matrix a = matrix_at(&v->a, v, (int64_t)i), b = matrix_at(&v->b, v, (int64_t)i);
    char *y = v->y + (int64_t)i * v->a.matrix.rows * columns * size;
    if (!v->bytes)
      kv_gemm(v->dtype, a, b, y, columns);
    else if (kv_gemm_bytes(a, b, (int32_t *)y, columns, NULL))
      v->failed = true;
  }
}

/* y, contiguous, from operands of its dtype. */
static void multiply_all(batch *v, kvino_tensor *y) {
  int64_t each = v->a.matrix.rows * v->b.matrix.columns, count = each ? y->size / each : 0;
  v->y = y->data;
  v->shape = y->shape;
  v->rank = v->a.batch > v->b.batch ? v->a.batch : v->b.batch;
  double work = (double)each * (double)v->a.matrix.columns;
  /* Each product divides itself among the threads where it is large. */
  if (work * (double)count < 1 << 20 || work > 1 << 22)
    run_batch(v, 0, (size_t)count);
  else
    kv_parallel_ranges((size_t)count, (size_t)((1 << 18) / (work + 1) + 1), run_batch, v);
}

/* One matrix on the right for all on the left, whose rows follow each other: one tall product. */
static void join_batch(batch *v, const kvino_tensor *a) {
  kv_matrix *m = &v->a.matrix;
  if (!v->a.batch || v->b.batch || !a->contiguous || m->column_step != 1 || !a->size) return;
  kv_matrix tall = *m;
  tall.rows = a->size / m->columns;
  tall.row_step = m->columns; /* that of a dimension of one row may be anything */
  if (!kv_gemm_takes(&tall)) return;
  *m = tall;
  v->a.batch = 0;
}

/* x with its last two axes exchanged. */
static kvino_tensor *exchanged(kv_scope *s, kvino_tensor *x) {
  int64_t shape[KVINO_MAX_RANK], strides[KVINO_MAX_RANK];
  int last = x->rank - 1;
  kvino_tensor *view;
  for (int k = 0; k <= last; k++) shape[k] = x->shape[k], strides[k] = x->strides[k];
  shape[last] = x->shape[last - 1], strides[last] = x->strides[last - 1];
  shape[last - 1] = x->shape[last], strides[last - 1] = x->strides[last];
  if (!kv_scope_ok(s, kv_tensor_view(x, (kvino_dtype)x->dtype, x->rank, shape, strides, x->data, &view, s->err)))
    return NULL;
  return kv_own(s, view);
}

/* Describes the operand, rearranged in memory first where its strides do not suit. */
static kvino_tensor *prepare(kv_scope *s, kvino_tensor *x, bool transposed, bool left, bool bytes, operand *o) {
  if (!x || describe(x, transposed, left, bytes, o)) return x;
  if (transposed && x->rank > 1) x = exchanged(s, x);
  x = kv_working(s, x);
  if (x && !describe(x, false, left, bytes, o))
    return kv_scope_fail(s, KVINO_UNSUPPORTED, "MatMul of matrices with 2^31 rows or columns");
  return x;
}

/* Few rows by a large matrix of bf16, which is read as it is: the product waits for its memory. False where it is not
 * such a product. */
static bool multiply_narrow(kv_scope *s, kv_call *c, batch *v, kvino_tensor **y) {
  const kv_matmul_attrs *attrs = &c->attrs->matmul;
  if (c->spec[0].dtype != KVINO_BF16 || !describe(c->in[1], attrs->transpose_b, false, false, &v->b) || v->b.batch)
    return false;
  kvino_tensor *a = prepare(s, kv_working(s, c->in[0]), attrs->transpose_a, true, false, &v->a);
  if (!a) return false;
  join_batch(v, a);
  if (v->a.batch || !kv_narrow_takes(KVINO_BF16, &v->a.matrix, &v->b.matrix)) return false;
  if ((*y = kv_result_for(s, c)))
    kv_narrow(KVINO_BF16, &v->a.matrix, &v->b.matrix, (float *)(*y)->data, v->b.matrix.columns);
  return true;
}

kvino_status kv_eval_mat_mul(kv_call *c) {
  const kv_spec *spec = &c->spec[0];
  const kv_matmul_attrs *attrs = &c->attrs->matmul;
  bool bytes = c->prim->id == KV_MatMulInteger;
  batch v = {.dtype = bytes ? KVINO_I8 : kv_working_dtype(spec->dtype), .bytes = bytes};
  kv_scope s;
  if (!kvino_dtype_is_integer(spec->dtype)) KV_TRY(kv_blas_ready(c->err));
  kv_scope_enter(&s, c->err);
  kvino_tensor *in[2], *y;
  if (multiply_narrow(&s, c, &v, &y)) return kv_scope_leave(&s, kv_rounded(&s, y, c), &c->out[0]);
  for (int i = 0; i < 2; i++) {
    in[i] = bytes || v.dtype == spec->dtype ? c->in[i] : kv_working(&s, c->in[i]);
    in[i] = prepare(&s, in[i], i ? attrs->transpose_b : attrs->transpose_a, !i, bytes, i ? &v.b : &v.a);
  }
  y = kv_result_for(&s, c);
  if (y) {
    join_batch(&v, in[0]);
    multiply_all(&v, y);
    if (v.failed) y = kv_scope_fail(&s, KVINO_NO_MEMORY, "out of memory for a matrix product");
  }
  return kv_scope_leave(&s, kv_rounded(&s, y, c), &c->out[0]);
}
