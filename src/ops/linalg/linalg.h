/* What the files of linalg share. */
#ifndef KVINO_OPS_LINALG_H
#define KVINO_OPS_LINALG_H

#include "ops/common.h"

/* Fails with Keras's words below two axes. */
bool kv_is_matrix(kv_scope *s, const kvino_tensor *x);
/* x as the decompositions take it; *dtype is what the result is rounded to. NULL where it is no matrix. */
kvino_tensor *kv_matrix_operand(kv_scope *s, kvino_tensor *x, kvino_dtype *dtype);
/* The real dtype of a complex one, the complex dtype of a real one. */
kvino_dtype kv_real_dtype(kvino_dtype dtype);
kvino_dtype kv_complex_dtype(kvino_dtype dtype);
/* The identity as large as x's last axis. */
kvino_tensor *kv_identity_like(kv_scope *s, kvino_tensor *x);
/* The singular values of a matrix operand, descending. */
kvino_tensor *kv_singular_values(kv_scope *s, kvino_tensor *x);
/* eps * max(rows, columns), 0-d, in x's real dtype. */
kvino_tensor *kv_rank_tolerance(kv_scope *s, kvino_tensor *x, double factor);

#endif
