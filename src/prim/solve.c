/* Systems of linear equations: Solve by LU with pivots, SolveTriangular. */
#include <string.h>

#include "prim/matrices.h"

static size_t size_of(const kv_matrices *s) { return kvino_dtype_size(s->dtype); }

kvino_status kv_infer_solve(kv_call *c) {
  const kvino_tensor *a = c->in[0], *b = c->in[1];
  char of_a[KV_SHAPE_TEXT], of_b[KV_SHAPE_TEXT];
  KV_TRY(kv_matrices_only(c));
  KV_TRY(kv_square_only(c, 0));
  int64_t n = a->shape[a->rank - 1], rows = b->shape[b->rank - 2];
  if (n < 0) n = a->shape[a->rank - 2];
  if (n >= 0 && rows >= 0 && n != rows)
    return kv_fail(c->err, KVINO_INVALID,
                   "Incompatible shapes between `a` and `b`. Expected `a.shape[-2] == b.shape[-2]`. Received: "
                   "a.shape=%s, b.shape=%s",
                   kv_shape_text(a->rank, a->shape, of_a), kv_shape_text(b->rank, b->shape, of_b));
  int rank = (a->rank > b->rank ? a->rank : b->rank) - 2;
  int64_t shape[KVINO_MAX_RANK];
  for (int k = 0; k < rank; k++) {
    int i = k - (rank - (a->rank - 2)), j = k - (rank - (b->rank - 2));
    int64_t d = i < 0 ? 1 : a->shape[i], e = j < 0 ? 1 : b->shape[j];
    if (d >= 0 && e >= 0 && d != e && d != 1 && e != 1)
      return kv_fail(c->err, KVINO_INVALID, "operands could not be broadcast together with shapes %s %s",
                     kv_shape_text(a->rank, a->shape, of_a), kv_shape_text(b->rank, b->shape, of_b));
    shape[k] = d == 1 ? e : e == 1 ? d : d < 0 ? e : d;
  }
  shape[rank] = rows < 0 ? n : rows;
  shape[rank + 1] = b->shape[b->rank - 1];
  kv_call_spec(c, 0, (kvino_dtype)a->dtype, rank + 2, shape);
  return KVINO_OK;
}

static int solve(const kv_matrices *s, const kv_place *in, char *const *out, char *memory) {
  int n = in[0].rows, k = in[1].columns;
  char *b = memory + kv_part(size_of(s), n, n), *pivots = b + kv_part(size_of(s), n, k);
  kv_matrix_load(size_of(s), memory, &in[0]);
  kv_matrix_load(size_of(s), b, &in[1]);
  if (kv_matrix_has_nan(s->dtype, (int64_t)n * n, memory)) {
    kv_matrix_set_nan(s->dtype, (int64_t)n * k, out[0]);
    return 0;
  }
  int wrong = kv_lapack_solve(s->dtype, n, k, memory, b, (int *)(void *)pivots);
  kv_matrix_store(size_of(s), n, k, out[0], b, n);
  return wrong;
}

static int solve_triangular(const kv_matrices *s, const kv_place *in, char *const *out, char *memory) {
  int n = in[0].rows, k = in[1].columns;
  char *b = memory + kv_part(size_of(s), n, n);
  kv_matrix_load(size_of(s), memory, &in[0]);
  kv_matrix_load(size_of(s), b, &in[1]);
  int wrong = kv_lapack_solve_triangular(s->dtype, s->variant, n, k, memory, b);
  kv_matrix_store(size_of(s), n, k, out[0], b, n);
  return wrong;
}

static const char *singular(int wrong) {
  (void)wrong;
  return "Singular matrix";
}

static kvino_status eval(kv_call *c, kv_matrices *s) {
  int n, same, rows, k;
  KV_TRY(kv_matrices_sizes(c, 0, &n, &same));
  KV_TRY(kv_matrices_sizes(c, 1, &rows, &k));
  s->dtype = (kvino_dtype)c->in[0]->dtype;
  s->core[0] = 2;
  s->why = singular;
  s->memory = kv_part(size_of(s), n, n) + kv_part(size_of(s), n, k) + kv_part(sizeof(int), n, 1);
  return kv_matrices_run(c, s, (double)n * n * ((double)n + k));
}

kvino_status kv_eval_solve(kv_call *c) { return eval(c, &(kv_matrices){.one = solve}); }

kvino_status kv_eval_solve_triangular(kv_call *c) {
  return eval(c, &(kv_matrices){.one = solve_triangular, .variant = c->attrs->triangle.lower});
}
