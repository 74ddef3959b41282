/* Orders of axes: Transpose (a view), DepthToSpace and SpaceToDepth (one strided copy each). */
#include <string.h>

#include "prim/known.h"
#include "tensor/copy.h"

/* ---- Transpose: operand 1 is the permutation; empty reverses ---- */

static kvino_status permutation(kv_call *c, int64_t order[KVINO_MAX_RANK]) {
  int rank = c->in[0]->rank;
  bool taken[KVINO_MAX_RANK] = {false};
  kv_values perm;
  KV_TRY(kv_read_all(c, 1, "axes", &perm));
  if (perm.n && perm.n != rank) return kv_fail(c->err, KVINO_INVALID, "axes don't match array");
  for (int i = 0; i < rank; i++) {
    int64_t axis = perm.n ? perm.v[i] : rank - 1 - i;
    KV_TRY(kv_normalize_axis(&axis, rank, c->err));
    if (taken[axis]) return kv_fail(c->err, KVINO_INVALID, "repeated axis in transpose");
    taken[axis] = true;
    order[i] = axis;
  }
  return KVINO_OK;
}

kvino_status kv_infer_transpose(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  int64_t order[KVINO_MAX_RANK];
  KV_TRY(permutation(c, order));
  kv_spec *spec = &c->spec[0];
  spec->dtype = (kvino_dtype)x->dtype;
  spec->rank = x->rank;
  for (int i = 0; i < x->rank; i++) spec->shape[i] = x->shape[order[i]];
  kv_known_same(c);
  return KVINO_OK;
}

kvino_status kv_eval_transpose(kv_call *c) {
  kvino_tensor *x = c->in[0];
  int64_t order[KVINO_MAX_RANK], strides[KVINO_MAX_RANK];
  KV_TRY(permutation(c, order));
  for (int i = 0; i < x->rank; i++) strides[i] = x->strides[order[i]];
  return kv_tensor_view(x, (kvino_dtype)x->dtype, x->rank, c->spec[0].shape, strides, x->data, &c->out[0], c->err);
}

/* ---- DepthToSpace and SpaceToDepth: (N, C, spatial...) ----
 * With b the block size and k spatial axes, the many channels of the deep tensor are (block offsets..., C) where mode
 * is blocks_first, or (C, block offsets...) where it is depth_first; each spatial axis of the wide tensor is (length,
 * b). */

static bool depth_first(const kv_call *c) {
  const char *mode = c->attrs->depth_space.mode;
  return mode && !strcmp(mode, "depth_first");
}

static kvino_status check_blocks(kv_call *c, int64_t *blocks) {
  int rank = c->in[0]->rank;
  int64_t b = c->attrs->depth_space.block_size;
  if (rank < 3)
    return kv_fail(c->err, KVINO_INVALID, "%s takes (N, C, spatial...), not an array of dimension %d", c->prim->name,
                   rank);
  if (b < 1)
    return kv_fail(c->err, KVINO_INVALID, "the block_size of %s must be at least 1, not %lld", c->prim->name,
                   (long long)b);
  *blocks = 1;
  for (int i = 2; i < rank; i++)
    if (__builtin_mul_overflow(*blocks, b, blocks))
      return kv_fail(c->err, KVINO_INVALID, "block_size %lld is too large", (long long)b);
  return KVINO_OK;
}

static kvino_status indivisible(kv_call *c, int axis, int64_t by) {
  return kv_fail(c->err, KVINO_INVALID, "dimension %d of %s's operand, %lld, is not divisible by %lld", axis,
                 c->prim->name, (long long)c->in[0]->shape[axis], (long long)by);
}

kvino_status kv_infer_depth_to_space(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  int64_t blocks;
  KV_TRY(check_blocks(c, &blocks));
  if (x->shape[1] >= 0 && x->shape[1] % blocks) return indivisible(c, 1, blocks);
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, x->rank, x->shape);
  int64_t *shape = c->spec[0].shape;
  if (shape[1] >= 0) shape[1] /= blocks;
  for (int i = 2; i < x->rank; i++)
    if (shape[i] >= 0) shape[i] *= c->attrs->depth_space.block_size;
  return KVINO_OK;
}

kvino_status kv_infer_space_to_depth(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  int64_t blocks, b = c->attrs->depth_space.block_size;
  KV_TRY(check_blocks(c, &blocks));
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, x->rank, x->shape);
  int64_t *shape = c->spec[0].shape;
  if (shape[1] >= 0) shape[1] *= blocks;
  for (int i = 2; i < x->rank; i++) {
    if (shape[i] >= 0 && shape[i] % b) return indivisible(c, i, b);
    if (shape[i] >= 0) shape[i] /= b;
  }
  return KVINO_OK;
}

/* Axes (N, C, length_1.., offset_1..) with the strides of the deep and of the wide tensor. */
static void block_axes(const kvino_tensor *deep, const kvino_tensor *wide, int64_t b, bool depth, int64_t *shape,
                       int64_t *deep_strides, int64_t *wide_strides) {
  int k = deep->rank - 2;
  shape[0] = deep->shape[0];
  shape[1] = wide->shape[1];
  deep_strides[0] = deep->strides[0];
  wide_strides[0] = wide->strides[0];
  wide_strides[1] = wide->strides[1];
  int64_t step = depth ? 1 : shape[1]; /* of the last offset, in deep channels */
  for (int i = k - 1; i >= 0; i--) {
    shape[2 + i] = deep->shape[2 + i];
    shape[2 + k + i] = b;
    deep_strides[2 + i] = deep->strides[2 + i];
    deep_strides[2 + k + i] = step * deep->strides[1];
    wide_strides[2 + i] = b * wide->strides[2 + i];
    wide_strides[2 + k + i] = wide->strides[2 + i];
    step *= b;
  }
  deep_strides[1] = (depth ? step : 1) * deep->strides[1];
}

static kvino_status move_blocks(kv_call *c, bool to_space) {
  kvino_tensor *x = c->in[0];
  KV_TRY(kv_call_alloc(c, 0));
  kvino_tensor *y = c->out[0];
  int64_t shape[KV_COPY_MAX_RANK], deep[KV_COPY_MAX_RANK], wide[KV_COPY_MAX_RANK];
  block_axes(to_space ? x : y, to_space ? y : x, c->attrs->depth_space.block_size, depth_first(c), shape, deep, wide);
  kv_copy_strided(kvino_dtype_size((kvino_dtype)x->dtype), 2 * x->rank - 2, shape, y->data, to_space ? wide : deep,
                  x->data, to_space ? deep : wide);
  return KVINO_OK;
}

kvino_status kv_eval_depth_to_space(kv_call *c) { return move_blocks(c, true); }
kvino_status kv_eval_space_to_depth(kv_call *c) { return move_blocks(c, false); }
