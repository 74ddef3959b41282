/* From a graph to a program for OpenVINO: IR v11 text, and the constants as one blob. */
#ifndef KVINO_OPENVINO_EMIT_H
#define KVINO_OPENVINO_EMIT_H

#include "graph/graph.h"
#include "openvino/bfloat16.h"
#include "openvino/model.h"

/* OpenVINO's name of a dtype: "f32"; NULL where it has none. */
const char *kv_ir_type(kvino_dtype dtype);

/* Writes the graph as a program. Type, version and attributes of a layer follow from the primitive's row and its
 * attribute fields; nothing here knows an operation but If and Loop, whose bodies follow them. The order of the graph's
 * parameters and results is that of the model's inputs and outputs.
 *
 * No large constant is copied: the program's blob is the span of memory from the lowest to the highest of them, and
 * whatever lies between is never read (model.h keeps the constants until the compiled model is gone: program->release).
 * Small constants are gathered in one block; those that are not in C order, or bool of other bytes than 0 and 1, are
 * copied.
 *
 * After success the caller frees program->ir with kv_free and gives the program to kv_ov_compile, or frees it with
 * kv_program_clear. Errors: KVINO_UNSUPPORTED (a dtype that OpenVINO has not), KVINO_NO_MEMORY. */
kvino_status kv_emit(const kv_graph *g, kv_bfloat16 bfloat16, kv_ov_program *program, kvino_error *err);
void kv_program_clear(kv_ov_program *program);

/* Writes the graph for others to read: IR text with the names of inputs and outputs to the file `xml`, the constants to
 * the file `bin`. Errors: as above, and KVINO_IO with the path. */
kvino_status kv_emit_files(const kv_graph *g, const char *xml, const char *bin, kvino_error *err);

#endif
