/* Stacks of matrices: what the primitives of decompositions share. Operands and results are matrices in the last two
 * axes; the leading axes broadcast. */
#ifndef KVINO_PRIM_MATRICES_H
#define KVINO_PRIM_MATRICES_H

#include "kernels/linalg/lapack.h"
#include "prim/prim.h"

/* ---- infer ---- */

/* Fails unless every operand is of operand 0's dtype, one that LAPACK has, and has at least two axes. */
kvino_status kv_matrices_only(kv_call *c);
/* Fails unless operand i's last two axes are of one length. */
kvino_status kv_square_only(kv_call *c, size_t i);
/* Output i: the leading axes of operand 0, and then these `core` ones. */
void kv_matrices_spec(kv_call *c, size_t i, kvino_dtype dtype, int core, const int64_t *shape);
/* The smaller of two lengths; -1 where it is not known. */
int64_t kv_smaller(int64_t a, int64_t b);

/* ---- eval ---- */

/* One matrix of an operand where it stands; steps in bytes. */
typedef struct kv_place {
  const char *data;
  int rows, columns;
  int64_t row_step, column_step;
} kv_place;

typedef struct kv_matrices kv_matrices;
struct kv_matrices {
  /* Set by the primitive. */
  kvino_dtype dtype;     /* of the operands */
  int64_t memory;        /* bytes that `one` works in; a multiple of 16 */
  int core[3];           /* the last axes of output i that belong to one matrix */
  int variant;           /* for `one` */
  kv_lapack_space space; /* for `one` */
  /* Computes one matrix: operands, results (contiguous, in C order), working memory. 0, or what went wrong. */
  int (*one)(const kv_matrices *s, const kv_place *in, char *const *out, char *memory);
  const char *(*why)(int wrong); /* the error's text */
  /* Set by kv_matrices_run. */
  kv_call *call;
  int rank; /* leading axes of the results */
  const int64_t *shape;
  int64_t bytes[3];
  _Atomic uint64_t first_wrong; /* index of the matrix << 32 | what went wrong */
};

/* The lengths of operand i's matrix; fails where LAPACK's integers do not hold them. */
kvino_status kv_matrices_sizes(kv_call *c, size_t i, int *rows, int *columns);
/* Allocates the results and computes them all, on several threads where it is worth it. `cost`: a rough count of the
 * operations for one matrix. */
kvino_status kv_matrices_run(kv_call *c, kv_matrices *s, double cost);

/* Copies between C order, LAPACK's column-major order and any strides; steps in bytes, `size` is that of an element. */
void kv_matrix_copy(size_t size, int rows, int columns, void *to, int64_t to_row, int64_t to_column, const void *from,
                    int64_t from_row, int64_t from_column);
/* The operand in LAPACK's order. */
void kv_matrix_load(size_t size, void *to, const kv_place *from);
/* The first rows and columns of one of LAPACK's matrices, whose columns are `leading` apart, in C order. */
void kv_matrix_store(size_t size, int rows, int columns, void *to, const void *from, int leading);

/* Whether one of n numbers, real or the parts of complex ones, is NaN. OpenBLAS scales by NaN as by zero: what a NaN
 * among the pivots leads to would look like numbers. */
bool kv_matrix_has_nan(kvino_dtype dtype, int64_t n, const void *x);
/* n numbers of NaN. */
void kv_matrix_set_nan(kvino_dtype dtype, int64_t n, void *x);

/* Working memory of `one`, part after part: each is aligned to 16. */
static inline int64_t kv_part(size_t size, int64_t rows, int64_t columns) {
  return (rows * columns * (int64_t)size + 15) & ~(int64_t)15;
}

#endif
