/* Layers: merging. */
#include "layers/layer.h"
#include "ops/common.h"

typedef kvino_tensor *binary(kv_scope *s, kvino_tensor *a, kvino_tensor *b);

/* The inputs, of equal rank: Keras aligns those of fewer dimensions at the batch: (batch, n) beside (batch, m, n) is
 * (batch, 1, n). Their masks: bool, a dimension added, so that they go with the values; NULL where there is none. */
typedef struct inputs {
  size_t n, n_masked;
  kvino_tensor **x, **mask;
} inputs;

static bool read_inputs(kv_invocation *c, inputs *in) {
  kvino_tensors list = kv_arg_tensors(c, "inputs");
  kv_value value = kv_arg_value(c, "inputs");
  int rank = 0;
  for (size_t i = 0; i < list.n; i++) rank = list.v[i]->rank > rank ? list.v[i]->rank : rank;
  *in = (inputs){list.n, 0, kv_scope_alloc(c->s, list.n + 1, sizeof *in->x),
                 kv_scope_alloc(c->s, list.n + 1, sizeof *in->mask)};
  if (!list.n || !in->x || !in->mask) return false;
  for (size_t i = 0; i < list.n; i++) {
    kvino_tensor *x = list.v[i], *mask = value.kind == KV_VALUE_LIST ? value.item[i].mask : value.mask;
    if (mask && (x->rank != rank || mask->rank != rank - 1))
      return kv_layer_refuse(c, "a mask of %d dimensions for an input of %d beside one of %d", mask->rank, x->rank,
                             rank) != NULL;
    while (x && x->rank < rank) x = kv_unsqueeze(c->s, x, KV_VECTOR(c->s, 1));
    in->x[i] = x;
    in->mask[i] = mask ? kv_unsqueeze(c->s, kv_cast(c->s, mask, KVINO_BOOL), KV_VECTOR(c->s, -1)) : NULL;
    in->n_masked += mask != NULL;
  }
  return !c->s->status;
}

/* The mask of the result: it holds where one of the inputs' does; until Keras 2, where all do. Without one for each
 * there is none. */
static kvino_tensor *joint_mask(kv_invocation *c, const inputs *in) {
  kvino_tensor *mask = in->mask[0];
  if (in->n_masked < in->n) return NULL;
  for (size_t i = 1; i < in->n; i++)
    mask = (c->layer->major < 3 ? op_logical_and : op_logical_or)(c->s, mask, in->mask[i]);
  return mask ? kv_squeeze(c->s, mask, KV_VECTOR(c->s, -1)) : NULL;
}

static kv_value result(kv_invocation *c, kvino_tensor *y, const inputs *in) {
  return kv_of_masked(y, joint_mask(c, in));
}

static kv_value merge(kv_invocation *c, binary *function) {
  inputs in;
  if (!read_inputs(c, &in)) return KV_NOTHING;
  kvino_tensor *y = in.x[0];
  for (size_t i = 1; i < in.n; i++) y = function(c->s, y, in.x[i]);
  return result(c, y, &in);
}

/* What the mask of one leaves out is taken from the other (since Keras 3). */
static kv_value merge_masked(kv_invocation *c, binary *function) {
  kv_scope *s = c->s;
  inputs in;
  if (!read_inputs(c, &in)) return KV_NOTHING;
  if (c->layer->major < 3) return merge(c, function);
  kvino_tensor *y = in.x[0], *all = in.mask[0];
  for (size_t i = 1; i < in.n; i++) {
    kvino_tensor *x = in.x[i], *mask = in.mask[i];
    if (mask) x = op_where(s, mask, x, y);
    if (all) y = op_where(s, all, y, x);
    all = all && mask ? op_logical_or(s, all, mask) : NULL;
    y = function(s, y, x);
  }
  return result(c, y, &in);
}

kv_value kv_layer_add(kv_invocation *c) { return merge(c, op_add); }
kv_value kv_layer_maximum(kv_invocation *c) { return merge_masked(c, op_maximum); }
kv_value kv_layer_minimum(kv_invocation *c) { return merge_masked(c, op_minimum); }

kv_value kv_layer_subtract(kv_invocation *c) {
  kvino_tensors in = kv_arg_tensors(c, "inputs");
  if (in.n && in.n != 2)
    return kv_scope_fail(c->s, KVINO_INVALID, "A `Subtract` layer should be called on exactly 2 inputs."), KV_NOTHING;
  return merge(c, op_subtract);
}

kv_value kv_layer_average(kv_invocation *c) {
  kvino_tensors in = kv_arg_tensors(c, "inputs");
  kv_value sum = merge(c, op_add);
  if (sum.tensor) sum.tensor = op_divide(c->s, sum.tensor, kv_like(c->s, sum.tensor, (double)in.n));
  return sum;
}

/* Masked elements are ones in the product; where all are masked, it is 0 (since Keras 3). */
kv_value kv_layer_multiply(kv_invocation *c) {
  kv_scope *s = c->s;
  inputs in;
  if (!read_inputs(c, &in)) return KV_NOTHING;
  kvino_tensor *y = NULL;
  for (size_t i = 0; i < in.n; i++) {
    kvino_tensor *x = in.x[i];
    if (in.mask[i] && c->layer->major >= 3) x = kv_select(s, in.mask[i], x, kv_like(s, x, 1));
    y = y ? op_multiply(s, y, x) : x;
  }
  kv_value out = result(c, y, &in);
  if (!out.mask || !y || c->layer->major < 3) return out;
  out.tensor = kv_select(s, kv_unsqueeze(s, out.mask, KV_VECTOR(s, -1)), y, kv_like(s, y, 0));
  return out;
}

/* Masks are joined along the axis as the values are, once they have their shapes; the result's holds where one of the
 * features' does; until Keras 2, where all do. */
kv_value kv_layer_concatenate(kv_invocation *c) {
  kvino_tensors list = kv_arg_tensors(c, "inputs");
  int64_t axis = kv_field_integer(c, "axis");
  kvino_tensor *y = op_concatenate(c->s, list, axis);
  inputs in;
  if (!y || !read_inputs(c, &in)) return KV_NOTHING;
  if (!in.n_masked) return kv_of(y);
  for (size_t i = 0; i < in.n; i++) {
    if (!in.mask[i]) in.mask[i] = kv_int(c->s, KVINO_BOOL, 1);
    in.mask[i] = kv_broadcast_shape(c->s, in.mask[i], kv_dims(c->s, in.x[i]));
  }
  kvino_tensor *all = op_concatenate(c->s, (kvino_tensors){in.n, in.mask}, axis);
  return kv_of_masked(y, (c->layer->major < 3 ? op_all : op_any)(c->s, all, KVINO_INTS(-1), false));
}

/* The axes of the two inputs that Dot sums over. */
static bool dot_axes(kv_invocation *c, const kvino_tensor *const x[2], int64_t axes[2]) {
  kvino_ints given = kv_field_ints(c, "axes", 2);
  if (given.n != 2)
    return kv_scope_fail(c->s, KVINO_IO, "field 'axes' of the configuration is not one or two axes") != NULL;
  for (int i = 0; i < 2; i++) {
    axes[i] = given.v[i];
    if (!kv_axis_ok(c->s, &axes[i], x[i]->rank)) return false;
    if (!axes[i]) return kv_scope_fail(c->s, KVINO_INVALID, "Cannot perform batch_dot over axis 0.") != NULL;
  }
  return true;
}

/* A product of each sample: x's other axes, then y's. As einsum, the batch is a, the axis summed over z. */
kv_value kv_layer_dot(kv_invocation *c) {
  kvino_tensors in = kv_arg_tensors(c, "inputs");
  if (in.n != 2)
    return kv_scope_fail(c->s, KVINO_INVALID, "A `Dot` layer should be called on exactly 2 inputs."), KV_NOTHING;
  int64_t axes[2];
  char text[4 * KVINO_MAX_RANK + 8], result_axes[2 * KVINO_MAX_RANK + 2] = "a", letter = 'b';
  size_t k = 0, m = 1;
  if (!dot_axes(c, (const kvino_tensor *const *)in.v, axes)) return KV_NOTHING;
  for (int i = 0; i < 2; i++) {
    if (kv_field_flag(c, "normalize")) in.v[i] = kv_unit_length(c, in.v[i], KVINO_INTS(axes[i]), 1e-7);
    if (!in.v[i]) return KV_NOTHING;
    for (int axis = 0; axis < in.v[i]->rank; axis++) {
      bool free_axis = axis && axis != axes[i];
      text[k++] = !axis ? 'a' : free_axis ? letter : 'z';
      if (free_axis) result_axes[m++] = letter++;
    }
    text[k++] = i ? '-' : ',';
  }
  text[k++] = '>';
  for (size_t i = 0; i < m; i++) text[k++] = result_axes[i];
  text[k] = 0;
  kvino_tensor *y = op_einsum(c->s, text, in);
  return kv_of(m == 1 ? kv_unsqueeze(c->s, y, KV_VECTOR(c->s, 1)) : y);
}
