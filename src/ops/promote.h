/* Keras's dtype promotion (the lattice of JAX): what operands become before an operation.
 *
 * As in Keras, 32-bit operands never give a 64-bit result (uint32 with int32 is int32). Unlike Keras's backends other
 * than TensorFlow, an operand that is 64 bits wide already is not narrowed: int64 + int64 is int64. */
#ifndef KVINO_OPS_PROMOTE_H
#define KVINO_OPS_PROMOTE_H

#include "run/apply.h"

/* The dtype that the operands become; numbers that came from Python (weak) give way to the others. The scope fails
 * where there is none (float8 with anything else). NULL operands are passed over. */
kvino_dtype kv_result_type(kv_scope *s, size_t n, kvino_tensor *const *t);
/* The same where bool and integers must become float (divide, mean, exp): floatx. 64-bit integers as well. */
kvino_dtype kv_result_float(kv_scope *s, size_t n, kvino_tensor *const *t);
/* The dtype of x alone (a weak number: what it is by itself). */
kvino_dtype kv_dtype_of(const kvino_tensor *x);

/* x in that dtype, no longer weak: x itself where it has it. */
kvino_tensor *kv_cast(kv_scope *s, kvino_tensor *x, kvino_dtype dtype);
/* x itself; a weak number in the dtype that it has by itself. For operators that promote nothing. */
kvino_tensor *kv_strong(kv_scope *s, kvino_tensor *x);
/* Casts both to their common dtype in place. */
void kv_align(kv_scope *s, kvino_tensor **a, kvino_tensor **b);
void kv_align_float(kv_scope *s, kvino_tensor **a, kvino_tensor **b);
/* x, or floatx where it is bool or an integer. */
kvino_tensor *kv_to_float(kv_scope *s, kvino_tensor *x);

#endif
