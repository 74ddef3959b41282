/* What the primitives that take indices share. */
#ifndef KVINO_PRIM_INDEX_H
#define KVINO_PRIM_INDEX_H

#include "prim/prim.h"

/* Fails unless operand i is of an integer dtype. */
kvino_status kv_index_dtype(const kv_call *c, size_t i);
/* "index 5 is out of bounds for axis 0 with size 3": value number `place` of `indices`. */
kvino_status kv_index_error(const kv_call *c, const kvino_tensor *indices, int64_t place, int64_t axis, int64_t size);
/* The same for an entry of a sparse tensor, which the text names. */
kvino_status kv_entry_error(const kv_call *c, int64_t entry, int64_t at, int axis, int64_t size);

#endif
