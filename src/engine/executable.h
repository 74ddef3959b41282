/* What kvino_compile makes: a divided graph, a compiled model for each of OpenVINO's segments, and the plan of a run.
 */
#ifndef KVINO_ENGINE_EXECUTABLE_H
#define KVINO_ENGINE_EXECUTABLE_H

#include <stdatomic.h>

#include "engine/partition.h"
#include "openvino/interval.h"
#include "openvino/model.h"
#include "run/runner.h"

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
  char *config;      /* device and properties, for kvino_executable_describe */
  kv_graph *lowered; /* compiled with profiling: what OpenVINO was given, whose names carry the nodes' ids. Or NULL */
} kv_stage;

/* A run that was measured (advice.h). */
typedef struct kv_measured {
  atomic_bool done;
  double total, native, most; /* microseconds: all, native nodes, the longest of them */
  const kv_node *longest;
} kv_measured;

enum { KV_MEASURED = 3 };
typedef struct kv_advice {
  bool wanted;         /* some of it is native although that was not asked for */
  bool slow_precision; /* nobody asked for float32, and bfloat16 would be several times as fast */
  atomic_uint runs, measured;
  kv_measured run[KV_MEASURED];
  char *text;
  _Atomic(const char *) given; /* the text until it was given */
} kv_advice;

struct kvino_executable {
  _Atomic uint32_t refs;
  kv_graph *graph; /* optimised; never changes */
  kv_partition *partition;
  kv_plan plan;        /* of its segments */
  kv_stage *stage;     /* by segment */
  const char **reason; /* by node: why it is native; NULL */
  bool all_native;     /* on the device "native" */
  kv_advice advice;
};

/* kvino_executable_run, watched; `watch` may be NULL. */
kvino_status kv_executable_run(kvino_executable *e, size_t n, kvino_tensor *const *in, kvino_tensors *out,
                               const kv_watch *watch, kvino_error *err);

/* The reason of a Loop that is native to update in place what it carries: nothing that one would want to change. */
extern const char kv_reason_in_place[];

#endif
