/* The graphs of a program for OpenVINO, the model's and those of bodies, and where their constants are: in memory,
 * where they stand already, or in a file. */
#ifndef KVINO_OPENVINO_PARTS_H
#define KVINO_OPENVINO_PARTS_H

#include "graph/graph.h"
#include "openvino/bfloat16.h"
#include "openvino/model.h"

typedef struct kv_part {
  const kv_graph *g;
  uintptr_t *at; /* by node id: a Constant's address, or its place in the file */
  bool *kept;    /* by node id: stays float32 (bfloat16.h); NULL: all as they are */
} kv_part;

/* All of them, each before the bodies of its nodes: in the order in which they are written. Zeroed: none. */
typedef struct kv_parts {
  kv_bfloat16 bfloat16;     /* how it is written */
  size_t n, capacity, next; /* next: to be written */
  kv_part *v;
  uintptr_t base; /* where the blob begins */
  bool readable;  /* for others to read: with names of tensors and dimensions */
} kv_parts;

/* Appends the graph and its bodies. */
kvino_status kv_parts_list(kv_parts *p, const kv_graph *g, kvino_error *err);
void kv_parts_free(kv_parts *p);

/* Gives the constants their addresses, and `program` its blob: what emit.h says of it. */
kvino_status kv_parts_in_memory(kv_parts *p, kv_ov_program *program, kvino_error *err);
/* Writes the constants one after the other. */
kvino_status kv_parts_in_file(kv_parts *p, const char *path, kvino_error *err);

size_t kv_part_bytes(const kvino_tensor *t);

#endif
