/* Layers: merging. */
#include "layers/layer.h"
#include "ops/common.h"

/* A mask holds where all of the inputs' do; without one for each there is none. */
static kvino_tensor *joint_mask(kv_invocation *c) {
  kv_value in = kv_arg_value(c, "inputs");
  kvino_tensor *mask = NULL;
  for (size_t i = 0; i < in.n; i++) {
    kvino_tensor *next = in.item[i].mask;
    if (!next) return NULL;
    mask = mask ? op_logical_and(c->s, mask, next) : next;
  }
  return mask;
}

/* Keras aligns inputs of fewer dimensions at the batch: (batch, n) beside (batch, m, n) is (batch, 1, n). */
static kvino_tensor *align(kv_invocation *c, kvino_tensor *x, int rank) {
  while (x && x->rank < rank) x = kv_unsqueeze(c->s, x, KV_VECTOR(c->s, 1));
  return x;
}

typedef kvino_tensor *binary(kv_scope *s, kvino_tensor *a, kvino_tensor *b);

static kv_value merge(kv_invocation *c, binary *function) {
  kvino_tensors in = kv_arg_tensors(c, "inputs");
  int rank = 0;
  for (size_t i = 0; i < in.n; i++) rank = in.v[i]->rank > rank ? in.v[i]->rank : rank;
  kvino_tensor *y = in.n ? align(c, in.v[0], rank) : NULL;
  for (size_t i = 1; i < in.n; i++) y = function(c->s, y, align(c, in.v[i], rank));
  return kv_of_masked(y, joint_mask(c));
}

kv_value kv_layer_add(kv_invocation *c) { return merge(c, op_add); }

/* Masks are joined along the axis as the values are, once they have their shapes. */
kv_value kv_layer_concatenate(kv_invocation *c) {
  kvino_tensors in = kv_arg_tensors(c, "inputs");
  int64_t axis = kv_field_integer(c, "axis");
  kvino_tensor *y = op_concatenate(c->s, in, axis);
  kv_value list = kv_arg_value(c, "inputs");
  bool masked = false;
  for (size_t i = 0; i < list.n; i++) masked |= list.item[i].mask != NULL;
  if (!masked || !y) return kv_of(y);
  kvino_tensor **masks = kv_scope_alloc(c->s, in.n, sizeof *masks);
  for (size_t i = 0; masks && i < in.n; i++) {
    kvino_tensor *mask = list.item[i].mask;
    if (!mask) mask = op_ones_like(c->s, in.v[i], KVINO_BOOL);
    while (mask && mask->rank < in.v[i]->rank) mask = kv_unsqueeze(c->s, mask, KV_VECTOR(c->s, mask->rank));
    masks[i] = kv_broadcast_shape(c->s, mask, kv_dims(c->s, in.v[i]));
  }
  if (!masks) return KV_NOTHING;
  kvino_tensor *all = op_concatenate(c->s, (kvino_tensors){in.n, masks}, axis);
  return kv_of_masked(y, op_all(c->s, all, KVINO_INTS(-1), false));
}
