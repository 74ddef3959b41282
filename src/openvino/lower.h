/* What OpenVINO may compute, and how it is told to.
 *
 * OpenVINO's plugins silently compute some types as others: 64-bit integers and u32 as i32, f64 as f32, i32
 * comparisons, divisions and reductions through f32, u8 and i8 saturating, NaN swallowed here and there. The table in
 * exactness.c says for every primitive and dtype which of these holds:
 *   - it is exact as it is (integers, movement), or it has the device's precision (floating-point mathematics);
 *   - it is exact when it is written otherwise: it is lowered to a substitute (substitute.c);
 *   - neither: the node is native.
 * 64-bit integers and u32 count as exact where their values provably fit in 32 bits (interval.h). What enters the graph
 * or comes from a native node is assumed to, and indices are assumed to be in range; both are looked at before every
 * run (kv_exactness_assumed). */
#ifndef KVINO_OPENVINO_LOWER_H
#define KVINO_OPENVINO_LOWER_H

#include "base/text.h"
#include "openvino/bfloat16.h"
#include "openvino/interval.h"

/* The table's verdict on every node of a graph. Reads the graph as long as it lives. */
typedef struct kv_exactness kv_exactness;

kvino_status kv_exactness_new(const kv_graph *g, kv_exactness **out, kvino_error *err);
void kv_exactness_free(kv_exactness *x); /* NULL is allowed */

/* Why the node must be computed natively; NULL where OpenVINO may compute it. Static. */
const char *kv_exactness_native(const kv_exactness *x, const kv_node *node);

kv_interval kv_exactness_interval(const kv_exactness *x, kv_edge e);
/* Whether that rests on an assumption, and verdicts with it: the values must be looked at (kv_values_within) before
 * OpenVINO is given them. */
bool kv_exactness_assumed(const kv_exactness *x, kv_edge e);
bool kv_values_within(const kvino_tensor *t, kv_interval interval);

/* What OpenVINO is given instead of a segment, and how the results of a run are known not to count: the segment must be
 * run natively then. */
typedef struct kv_lowered {
  kv_graph *graph;
  size_t n_shapes; /* further outputs, 1-D i64: where one has a 0 */
  bool guarded;    /* the last output, a float32 number: where it is not negative */
  bool refuses;    /* where the run fails */
  bool *nan;       /* by output of the segment: where it has a NaN. Belongs to the caller */
} kv_lowered;

/* What the device is told to do with floats, where it is not left to itself. */
typedef enum kv_float16 {
  KV_FLOAT16_AS_FLOAT32, /* float16 is computed in float32: results in between are rounded here (float16.h) */
  KV_FLOAT16_AS_IT_LIKES
} kv_float16;

/* A graph that computes the outputs `out` from the inputs `in` of a segment, in which every node means on OpenVINO what
 * the primitives of `node` mean natively. out->graph belongs to the caller.
 *
 * Trap: OpenVINO reduces no elements to the least float, or to 0, where natively there is an error or NaN, and leaves
 * the integers of such a result as they were in memory. Where a
 * reduced dimension is unknown, the shape of what is reduced is a further output. And it takes something for an index
 * out of range, where natively there is an error: one further output says whether there was one (guard.h). */
kvino_status kv_lower(const kv_exactness *x, size_t n_nodes, kv_node *const *node, size_t n_in, const kv_edge *in,
                      size_t n_out, const kv_edge *out, kv_float16 float16, kv_bfloat16 bfloat16, kv_lowered *lowered,
                      kvino_error *err);

/* The whole graph for an OpenVINO by itself, which nobody watches: without the further outputs, and what is native here
 * written as OpenVINO has it; `notes` gets a line for each such operation and the reason. Fails with KVINO_UNSUPPORTED
 * naming the operation where OpenVINO has none. *out belongs to the caller. */
kvino_status kv_lower_plain(const kv_exactness *x, const kv_graph *g, kv_text *notes, kv_graph **out, kvino_error *err);

/* The graph whose float32 weights are float16, converted where they are used, as OpenVINO's own tools write them.
 * Weights: constants of many elements, all of which float16 has (beyond 65504 they stay as they are). */
kvino_status kv_compress_to_f16(const kv_graph *g, kv_graph **out, kvino_error *err);

#endif
