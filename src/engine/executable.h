/* What kvino_compile makes: a divided graph, a compiled model for each of OpenVINO's segments, and the plan of a run.
 */
#ifndef KVINO_ENGINE_EXECUTABLE_H
#define KVINO_ENGINE_EXECUTABLE_H

#include "engine/partition.h"
#include "openvino/interval.h"
#include "openvino/model.h"

/* What an input of an OpenVINO segment may need before each run. */
enum {
  KV_CHECK_RANGE = 1, /* its values must lie in a range, or the segment runs natively */
  KV_CHECK_SIZE = 2,  /* of no elements, or more than KV_DIMENSION_MAX, the segment runs natively */
  KV_CHECK_BOOL = 4   /* its bytes must be 0 and 1 */
};

/* What is known of inputs' shapes: fingerprints of those that were looked at, the lowest bit saying whether the segment
 * runs natively for them. A slot that is overwritten costs a look. */
enum { KV_SEEN = 64 };
typedef struct kv_seen_shapes {
  _Atomic uint64_t slot[KV_SEEN];
} kv_seen_shapes;

/* A segment, ready to run. */
typedef struct kv_stage {
  const kv_segment *segment;
  kv_ov_model *model; /* NULL: native */
  uint8_t *check;     /* by input */
  kv_interval *range; /* by input */
  size_t n_shapes;    /* further outputs of the model: shapes without a 0, or the run does not count (lower.h) */
  bool guarded;       /* its last output: a negative number, or the run does not count */
  bool *nan;          /* by output: with a NaN the run does not count */
  bool refuses;       /* a run that fails does not count: native kernels say what is wrong, or compute it */
  bool by_values;     /* whether one fails depends on values, too */
  bool dynamic;       /* an input has an unknown dimension */
  kv_seen_shapes *seen;
  char *config; /* device and properties, for kvino_executable_describe */
} kv_stage;

struct kvino_executable {
  _Atomic uint32_t refs;
  kv_graph *graph; /* optimised; never changes */
  kv_partition *partition;
  kv_plan plan;        /* of its segments */
  kv_stage *stage;     /* by segment */
  const char **reason; /* by node: why it is native; NULL */
};

#endif
