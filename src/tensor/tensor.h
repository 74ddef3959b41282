/* The tensor's inside, for the layers that compute. Users see include/kvino/tensor.h. */
#ifndef KVINO_TENSOR_TENSOR_H
#define KVINO_TENSOR_TENSOR_H

#include <stdatomic.h>

#include "kvino/tensor.h"

struct kv_node; /* graph/graph.h; this layer only carries the pointer */

struct kvino_tensor {
  _Atomic uint32_t refs;
  uint8_t dtype; /* kvino_dtype */
  uint8_t rank;
  bool weak;       /* a Python scalar: takes the dtype of what it meets (Keras's promotion rules) */
  bool contiguous; /* in C order */
  int64_t size;    /* elements; -1 where a dimension is unknown */
  char *data;      /* the element at index 0 of every axis; NULL where symbolic */
  /* Who owns the data: `base` for a view and a watched tensor, `release` for foreign memory, otherwise this tensor
   * (inside its own allocation, or in a block of `block` bytes). */
  kvino_tensor *base;
  size_t block;
  void (*release)(void *context);
  void *context;
  struct kv_node *node; /* not NULL: recorded as output number `output` of this node; `context` holds the graph */
  uint32_t output;
  uint32_t lent; /* references whose holder lets the memory be overwritten (kvino_executable_run_over); no gap is left
                  * in the record: compilers would clear it all, slowly, before they write its fields */
  int64_t *strides; /* bytes */
  int64_t shape[];  /* rank dimensions, then rank strides */
};

/* Operators on it are recorded. */
static inline bool kv_is_symbolic(const kvino_tensor *t) { return t->node != NULL; }
/* Has a value besides. */
static inline bool kv_is_watched(const kvino_tensor *t) { return t->node && t->base; }

/* A new contiguous tensor, elements undefined. */
kvino_status kv_tensor_empty(kvino_dtype dtype, int rank, const int64_t *shape, kvino_tensor **out, kvino_error *err);

/* A new contiguous tensor of empty strings. Elements (kvino_string) point to bytes that stand elsewhere: among the
 * `bytes` bytes of its own (*own; may be NULL where 0), or in those of the n tensors `from` (those which are strings),
 * which it holds, so that its elements may be theirs, or parts of them. */
kvino_status kv_strings_empty(int rank, const int64_t *shape, size_t n, kvino_tensor *const *from, size_t bytes,
                              char **own, kvino_tensor **out, kvino_error *err);
/* A tensor over a block that came from kv_block_new(bytes); takes the block, also on failure. Contiguous. */
kvino_status kv_tensor_adopt(kvino_dtype dtype, int rank, const int64_t *shape, void *block, size_t bytes,
                             kvino_tensor **out, kvino_error *err);

/* A view of t: same memory from `data` on, another shape, strides (bytes) and, where of the same size, dtype. */
kvino_status kv_tensor_view(kvino_tensor *t, kvino_dtype dtype, int rank, const int64_t *shape, const int64_t *strides,
                            char *data, kvino_tensor **out, kvino_error *err);

/* A symbolic tensor; unknown dimensions are -1. `release(context)` runs when it goes (at once on failure). `value`: a
 * concrete tensor of this dtype and shape that it stands for besides, or NULL. */
kvino_status kv_tensor_symbolic(kvino_dtype dtype, int rank, const int64_t *shape, struct kv_node *node,
                                uint32_t output, kvino_tensor *value, void (*release)(void *), void *context,
                                kvino_tensor **out, kvino_error *err);

/* A 1-D int64 tensor with these values (axes, shapes, permutations). */
kvino_status kv_tensor_ints(size_t n, const int64_t *values, kvino_tensor **out, kvino_error *err);

/* Value number i (in C order) of an integer or bool tensor of any strides. */
int64_t kv_tensor_get_int(const kvino_tensor *t, int64_t i);
/* Value number i of a real tensor as double. */
double kv_tensor_get_number(const kvino_tensor *t, int64_t i);

/* Copies src's elements in C order to contiguous memory. */
void kv_tensor_copy_to(const kvino_tensor *src, void *destination);

/* "(2, 3)", "(2,)", "()" as NumPy prints shapes; -1 as "None". Returns `text`. */
#define KV_SHAPE_TEXT 256
const char *kv_shape_text(int rank, const int64_t *shape, char text[KV_SHAPE_TEXT]);

#endif
