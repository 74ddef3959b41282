#include "openvino/reshapes.h"

#include "tensor/tensor.h"

/* Axes whose length is known as 1 go; whether the others are the same, in order. */
static bool same_but_units(const kv_output *x, const kv_output *y) {
  int i = 0;
  for (int k = 0; k < y->rank; k++) {
    if (y->shape[k] == 1) continue;
    while (i < x->rank && x->shape[i] == 1) i++;
    if (i == x->rank || x->shape[i++] != y->shape[k]) return false;
  }
  while (i < x->rank && x->shape[i] == 1) i++;
  return i == x->rank;
}

static bool moves_units_alone(const kv_output *x, const kvino_tensor *order) {
  int64_t last = -1;
  for (int i = 0; order && i < x->rank; i++) {
    int64_t axis = kv_tensor_get_int(order, i);
    if (x->shape[axis] == 1) continue;
    if (axis < last) return false;
    last = axis;
  }
  return order != NULL;
}

/* Of one axis, whose length is 1. */
static bool takes_all(const kv_node *node, const kv_output *x) {
  const kvino_tensor *axis = node->in[2].node->constant;
  if (!axis || node->attrs.gather.batch_dims) return false;
  int64_t at = kv_tensor_get_int(axis, 0);
  return x->shape[at < 0 ? at + x->rank : at] == 1 && same_but_units(x, &node->out[0]);
}

/* Once along each axis, of lengths that are known. */
static bool tiles_once(const kv_output *x, const kv_output *y) {
  for (int i = 0; i < y->rank; i++)
    if (y->shape[i] < 0) return false;
  return same_but_units(x, y);
}

/* Forwards, as its result is as long as its operand along each axis. */
static bool cuts_nothing(const kv_node *node, const kv_output *x) {
  const kvino_tensor *step = node->in[3].node->constant;
  for (int64_t i = 0; step && i < step->size; i++)
    if (kv_tensor_get_int(step, i) < 0) return false;
  for (int i = 0; i < x->rank; i++)
    if (x->shape[i] < 0 || x->shape[i] != node->out[0].shape[i]) return false;
  return step != NULL;
}

bool kv_is_reshape(const kv_node *node) {
  switch (node->prim->id) {
  case KV_Reshape:
  case KV_Squeeze:
  case KV_Unsqueeze:
    return true;
  case KV_Transpose:
    return moves_units_alone(kv_edge_output(node->in[0]), node->in[1].node->constant);
  case KV_Gather:
    return takes_all(node, kv_edge_output(node->in[0]));
  case KV_Slice:
    return cuts_nothing(node, kv_edge_output(node->in[0]));
  case KV_Tile:
    return tiles_once(kv_edge_output(node->in[0]), &node->out[0]);
  default:
    return false;
  }
}
