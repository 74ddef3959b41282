/* Primitives on floats that are computed in f32 or f64, on contiguous memory. */
#ifndef KVINO_PRIM_FLOATS_H
#define KVINO_PRIM_FLOATS_H

#include "prim/prim.h"

/* f64 for f64, f32 for the smaller floats; other dtypes are computed as they are. */
static inline kvino_dtype kv_working_dtype(kvino_dtype dtype) {
  return dtype >= KVINO_F8E4M3 && dtype <= KVINO_BF16 ? KVINO_F32 : dtype;
}

/* KVINO_TYPE unless every operand is of operand 0's dtype, a float. */
kvino_status kv_floats_only(kv_call *c);
/* x in its working dtype, contiguous and aligned. */
kvino_tensor *kv_working(kv_scope *s, kvino_tensor *x);
/* A new tensor for output 0 in its working dtype, elements undefined; NULL where the scope has failed. */
kvino_tensor *kv_result_for(kv_scope *s, kv_call *c);
/* y in the dtype of output 0. */
kvino_tensor *kv_rounded(kv_scope *s, kvino_tensor *y, kv_call *c);

#endif
