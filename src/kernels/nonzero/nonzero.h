/* Where the elements of a view are not zero, and how many there are.
 *
 * Zero means every bit zero; of floats the sign does not count (-0.0 is zero, NaN and denormals are not); a complex
 * number is zero where both parts are; a bool is true where its byte is anything but 0. Native byte order only. Strings
 * are refused with KVINO_TYPE. */
#ifndef KVINO_KERNELS_NONZERO_NONZERO_H
#define KVINO_KERNELS_NONZERO_NONZERO_H

#include "base/cpu.h"
#include "base/error.h"
#include "kernels/access/view.h"

/* The indices of the elements of `x` that are not zero, in C order whatever the strides.
 * *indices becomes a block of rank * count entries, int64 or (`int32`) int32: `count` indices along axis 0, then
 * `count` along axis 1, and so on. Release it with kv_block_free(indices, bytes), where `bytes` is the exact size of
 * these entries. A 0-d view counts 0 or 1 and has no indices. Errors: KVINO_TYPE (strings), KVINO_OVERFLOW (`int32` and
 * an axis longer than 2^31), KVINO_INVALID (more than 2^63 elements), KVINO_NO_MEMORY. */
kvino_status kv_nonzero(const kv_view *x, bool int32, int64_t *count, void **indices, kvino_error *err);

/* How many elements of `x` are not zero. Errors: KVINO_TYPE (strings), KVINO_INVALID (more than 2^63 elements). */
kvino_status kv_count_nonzero(const kv_view *x, int64_t *count, kvino_error *err);

/* The same along some axes: counts over every axis `a` with reduced[a] into `counts`, the caller's, which has an int64
 * for each element of the shape without the reduced axes, in C order. Errors as above. */
kvino_status kv_count_nonzero_axes(const kv_view *x, const bool *reduced, int64_t *counts, kvino_error *err);

/* For tests: the inner loops of this ISA from now on (false where this processor or this build lacks them). */
bool kv_nonzero_use_isa(kv_isa isa);

#endif
