/* Graphs: operators recorded on symbolic tensors, compiled for a device, run from any number of threads.
 *
 *   kvino_graph_new, kvino_graph_parameter (inputs), any operators, kvino_graph_result (outputs), kvino_compile,
 *   kvino_executable_run. */
#ifndef KVINO_GRAPH_H
#define KVINO_GRAPH_H

#include "kvino/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kv_graph kvino_graph;
typedef struct kvino_executable kvino_executable;

/* An input or an output of an executable or a model. Borrowed from it. */
typedef struct kvino_port {
  const char *name; /* NULL: none was given. Of a model: of the layer, or the key where outputs are a dict */
  kvino_dtype dtype;
  int rank;
  const int64_t *shape; /* -1: any */
} kvino_port;

KVINO_API kvino_status kvino_graph_new(kvino_graph **out, kvino_error *err);
KVINO_API kvino_graph *kvino_graph_retain(kvino_graph *g);
KVINO_API void kvino_graph_release(kvino_graph *g);

/* The next input: a symbolic tensor; -1 in `shape` is a dimension unknown until run time. `name` may be NULL. */
KVINO_API kvino_status kvino_graph_parameter(kvino_graph *g, kvino_dtype dtype, int rank, const int64_t *shape,
                                             const char *name, kvino_tensor **out, kvino_error *err);
/* An input with a value, a concrete tensor: each operator on it is computed at once, natively, and recorded besides, so
 * that values can be read and derivatives (kvino/gradient.h) asked for. All inputs of such a graph are watched. */
KVINO_API kvino_status kvino_graph_watch(kvino_graph *g, kvino_tensor *value, kvino_tensor **out, kvino_error *err);
/* Ends the recording of a graph with watched inputs: its values go, but for those that tensors hold, and these count as
 * concrete from then on. */
KVINO_API kvino_status kvino_graph_close(kvino_graph *g, kvino_error *err);
/* The next output. A concrete tensor becomes a constant. `name` may be NULL. */
KVINO_API kvino_status kvino_graph_result(kvino_graph *g, kvino_tensor *value, const char *name, kvino_error *err);
/* A concrete tensor as a constant of the graph where an operation on the symbolic tensor `beside` would be recorded. */
KVINO_API kvino_status kvino_graph_constant(kvino_tensor *beside, kvino_tensor *value, kvino_tensor **out,
                                            kvino_error *err);
/* A readable listing, one node a line. Free with kvino_text_free. */
KVINO_API kvino_status kvino_graph_dump(const kvino_graph *g, char **text, kvino_error *err);
KVINO_API void kvino_text_free(char *text);

/* ---- control flow: graphs inside of graphs ----
 *
 *   kvino_body_new(x, NULL, &then)                a body where an operation on x would be recorded
 *   before = kvino_body_enter(then)               from here on this thread records into it
 *   y = any operators on any values around it
 *   kvino_graph_result(then, y, NULL)
 *   kvino_body_enter(before)
 *
 * What a body uses of the graphs around it, it takes by itself. The second branch of a condition is made with the first
 * as `like`. A body serves one node. */

KVINO_API kvino_status kvino_body_new(kvino_tensor *symbolic, kvino_graph *like, kvino_graph **out, kvino_error *err);
/* NULL: into no body. Returns the one before. */
KVINO_API kvino_graph *kvino_body_enter(kvino_graph *body);
/* The results of one of the branches; condition: a bool number. */
KVINO_API kvino_status kvino_if(kvino_tensor *condition, kvino_graph *then_body, kvino_graph *else_body,
                                kvino_tensors *out, kvino_error *err);
/* Repeats `body` at most trip_count times (an i64 number; negative: no limit), while `condition` (a bool number, then
 * the body's first result) holds. The body's parameters are the number of the iteration (an i64 number) and one for
 * each of the n `carried` values; its results the condition, the next carried values, and any number of values of
 * length 1 along axis 0. Gives the last carried values and, joined along axis 0, the others of all iterations. */
KVINO_API kvino_status kvino_loop(kvino_tensor *trip_count, kvino_tensor *condition, size_t n,
                                  kvino_tensor *const *carried, kvino_graph *body, kvino_tensors *out,
                                  kvino_error *err);

/* The graph in which parameter i is the constant values[i] wherever that is not NULL, one value for each parameter. The
 * parameters that are left keep their order. A function of weights is recorded once so, and compiled with those that
 * stay for a while as constants. */
KVINO_API kvino_status kvino_graph_bind(kvino_graph *g, size_t n, kvino_tensor *const *values, kvino_graph **out,
                                        kvino_error *err);

/* Compiles for a device: "CPU", "GPU", "GPU.1", "NPU", "AUTO", "HETERO:GPU,CPU", "MULTI:...", or "native" for kvino's
 * own kernels alone; NULL is "CPU". Properties: docs/configuration.md. The graph may be released or extended
 * afterwards. Graphs that are the same model (structure, constants' contents, device, properties) share one compiled
 * model. */
KVINO_API kvino_status kvino_compile(kvino_graph *g, const char *device, size_t n_properties,
                                     const kvino_property *properties, kvino_executable **out, kvino_error *err);
KVINO_API kvino_executable *kvino_executable_retain(kvino_executable *e);
KVINO_API void kvino_executable_release(kvino_executable *e);
/* Runs with one concrete tensor for each parameter, of its dtype and a shape that fits. Any number of threads at once.
 */
KVINO_API kvino_status kvino_executable_run(kvino_executable *e, size_t n, kvino_tensor *const *in, kvino_tensors *out,
                                            kvino_error *err);
/* The same, where the memory of inputs may be overwritten, so that a step which adds a few rows to a large table does
 * not copy it: lent[i] is how many references of input i are held by those who do not want its value any more, 0 where
 * it stays as it is. Where there are no others, a result may be in that memory, and be the same tensor; such an input
 * is undefined afterwards, also where the run fails. */
KVINO_API kvino_status kvino_executable_run_over(kvino_executable *e, size_t n, kvino_tensor *const *in,
                                                 const uint8_t *lent, kvino_tensors *out, kvino_error *err);
/* NULL has none. */
KVINO_API size_t kvino_executable_input_count(const kvino_executable *e);
KVINO_API size_t kvino_executable_output_count(const kvino_executable *e);
/* Errors: KVINO_INDEX. */
KVINO_API kvino_status kvino_executable_input(const kvino_executable *e, size_t i, kvino_port *out, kvino_error *err);
KVINO_API kvino_status kvino_executable_output(const kvino_executable *e, size_t i, kvino_port *out, kvino_error *err);
/* How the graph was divided: one line per segment with its engine and why a native one is native. kvino_text_free. */
KVINO_API kvino_status kvino_executable_describe(const kvino_executable *e, char **text, kvino_error *err);

/* Writes the graph as OpenVINO's IR: the text to `path`, which ends in .xml, the constants beside it in a file that
 * ends in .bin. OpenVINO by itself reads them (read_model) and computes the same; inputs and outputs have their names,
 * and dimensions that are unknown stay so. Weights of few bits stay as they are; with compress_to_f16, float32 weights
 * are written as float16. What kvino computes by itself because OpenVINO would not be exact is written as OpenVINO has
 * it; *notes (unless NULL) lists such operations with the reasons, a line each: "" where there are none;
 * kvino_text_free. Errors: KVINO_UNSUPPORTED naming the operation where OpenVINO has none, KVINO_IO. No OpenVINO is
 * needed. */
KVINO_API kvino_status kvino_graph_save_ir(kvino_graph *g, const char *path, bool compress_to_f16, char **notes,
                                           kvino_error *err);

/* Writes the graph as a file of kvino's own (docs/files.md), which ends in .kvino: operations, constants, names of
 * inputs and outputs, scopes. kvino_model_load (kvino/model.h) reads it. The file is there in full or not at all.
 * Errors: KVINO_INVALID: another end, a body that is being recorded, a name that is not UTF-8; KVINO_UNSUPPORTED where
 * kvino was built without files; KVINO_IO. */
KVINO_API kvino_status kvino_graph_save(kvino_graph *g, const char *path, kvino_error *err);

/* ---- primitives by name: for tests and tools ---- */

KVINO_API size_t kvino_primitive_count(void);
KVINO_API const char *kvino_primitive_name(size_t i); /* OpenVINO's type name; NULL out of range */
/* Attributes as the IR writes them ("1,2", "true", "f32"); those that are not given are zero. */
KVINO_API kvino_status kvino_primitive_call(const char *name, size_t n, kvino_tensor *const *in, size_t n_attributes,
                                            const kvino_property *attributes, kvino_tensors *out, kvino_error *err);

#ifdef __cplusplus
}
#endif
#endif
