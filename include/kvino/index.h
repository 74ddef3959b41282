/* Indexing as NumPy's: t[1:, None, ..., mask, [0, 2]] as a list of items. */
#ifndef KVINO_INDEX_H
#define KVINO_INDEX_H

#include "kvino/op.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum kvino_item_kind {
  KVINO_ITEM_INTEGER, /* integer */
  KVINO_ITEM_SLICE,   /* slice */
  KVINO_ITEM_NEWAXIS,
  KVINO_ITEM_ELLIPSIS, /* one at most */
  KVINO_ITEM_TENSOR    /* tensor: integers, or bool, which takes as many axes as it has dimensions */
} kvino_item_kind;

/* One of a slice's start, stop, step: KVINO_NO_INTEGER in `value` is None; where `tensor` is not NULL, it is that 0-d
 * integer tensor instead (known at run time only). */
typedef struct kvino_bound {
  int64_t value;
  kvino_tensor *tensor;
} kvino_bound;

typedef struct kvino_item {
  kvino_item_kind kind;
  int64_t integer;
  kvino_bound start, stop, step;
  kvino_tensor *tensor;
} kvino_item;

/* t[items]. Integers, slices, new axes and an ellipsis alone give a view; tensors follow NumPy's rules of advanced
 * indexing (broadcast together; their dimensions stand where the first of them stood if they are neighbours, else in
 * front). Everything is borrowed. Errors: KVINO_INDEX in NumPy's words, KVINO_INVALID (a step of 0). */
KVINO_API kvino_status kvino_tensor_index(kvino_tensor *t, size_t n_items, const kvino_item *items, kvino_tensor **out,
                                          kvino_error *err);

#ifdef __cplusplus
}
#endif
#endif
