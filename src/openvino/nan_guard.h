/* Operations that OpenVINO's CPU plugin computes rightly unless NaN or infinities are among their operands. SoftMax is
 * one: of a row with NaN or inf it gives NaN in some places and 0 in others, natively all of it is NaN. Such a run
 * shows by a NaN in what the operation gives (SoftMax, Gelu, convolutions of bfloat16), or in what it is given (TopK,
 * scattering extremes; for Fourier transforms also by an infinity). The segment is then run natively.
 *
 * To look costs little at the segment's end: most operations pass a NaN on, so that a value that comes of several
 * SoftMax holds one where any of them does. Where no output of the segment is such a value, the model looks at the last
 * one itself. */
#ifndef KVINO_OPENVINO_NAN_GUARD_H
#define KVINO_OPENVINO_NAN_GUARD_H

#include "run/apply.h"

/* Whether the operands must be looked at, as the result may be wrong and hold no NaN. */
bool kv_drops_nan(const kv_node *node);
/* Marks where to look: outputs of a segment, in inside[] (by node id; false beforehand) nodes whose output 0 it is. */
kvino_status kv_nan_sites(size_t n_nodes, kv_node *const *node, size_t n_out, const kv_edge *out, bool *at_output,
                          bool *inside, kvino_error *err);
/* A float32 number, not negative where x has a NaN. */
kvino_tensor *kv_nan_guard(kv_scope *s, kvino_tensor *x);
/* The same for an operand of what drops NaN. */
kvino_tensor *kv_nan_guard_before(kv_scope *s, const kv_node *node, kvino_tensor *x);
/* Whether there is one among n floats of the dtype in memory. */
bool kv_has_nan(kvino_dtype dtype, size_t n, const void *data);

#endif
