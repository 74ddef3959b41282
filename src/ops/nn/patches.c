/* keras.ops.nn: images as columns of patches and back, pixels as channels and back. */
#include <string.h>

#include "ops/common.h"

/* The geometry of patches: [0] of rows, [1] of columns. */
typedef struct patches {
  int64_t kernel[2], dilation[2], padding[2], stride[2];
} patches;

static bool read_pair(kv_scope *s, kvino_ints given, const char *name, int64_t least, int64_t out[2]) {
  int n;
  int64_t v[2];
  if (!kv_plain_ints(s, given, 2, &n, v)) return false;
  for (int i = 0; i < 2 && n; i++) out[i] = v[n == 1 ? 0 : i];
  if (n && out[0] >= least && out[1] >= least && out[0] <= INT32_MAX && out[1] <= INT32_MAX) return true;
  kv_scope_fail(s, KVINO_INVALID, "`%s` must be an integer of at least %lld or a pair of them", name, (long long)least);
  return false;
}

static bool read_patches(kv_scope *s, kvino_ints kernel_size, kvino_ints dilation, kvino_ints padding,
                         kvino_ints stride, patches *p) {
  return read_pair(s, kernel_size, "kernel_size", 1, p->kernel) && read_pair(s, dilation, "dilation", 1, p->dilation) &&
         read_pair(s, padding, "padding", 0, p->padding) && read_pair(s, stride, "stride", 1, p->stride);
}

static int64_t reach(const patches *p, int i) { return p->dilation[i] * (p->kernel[i] - 1) + 1; }

/* A reshape to dimensions some of which are computed: n 0-d int64 tensors. */
static kvino_tensor *reshape_by(kv_scope *s, kvino_tensor *x, int n, kvino_tensor *const *dimension) {
  int64_t none[KVINO_MAX_RANK] = {0};
  return kv_reshape(s, x, kv_ints_operand(s, (kvino_ints){n, none, dimension, true}),
                    (kv_reshape_attrs){.special_zero = false});
}

static kvino_tensor *integer(kv_scope *s, int64_t value) { return kv_int(s, KVINO_I64, value); }

static kvino_tensor *multiples(kv_scope *s, kvino_tensor *n, int64_t step) {
  kvino_tensor *i = kv_range(s, integer(s, 0), n, integer(s, 1), (kv_output_type_attrs){.output_type = KVINO_I64});
  return kv_multiply(s, i, integer(s, step));
}

/* x with axis `axis` (a spatial one, number i of the geometry) replaced by (kernel, positions). */
static kvino_tensor *windows_along(kv_scope *s, kvino_tensor *x, const patches *p, int i, int64_t axis,
                                   kvino_tensor **positions) {
  if (!x) return NULL;
  kvino_tensor *shown[] = {kv_dimension(s, x, axis), integer(s, reach(p, i))};
  x = kv_demand_by(s, KV_BY_SHAPES, KV_REFUSAL_reach, x, kv_greater_equal(s, shown[0], shown[1]), 2, shown);
  kvino_tensor *room = kv_subtract(s, kv_dimension(s, x, axis), integer(s, reach(p, i)));
  *positions = kv_add(s, kv_floor_divide(s, room, integer(s, p->stride[i])), integer(s, 1));
  kvino_tensor *inside = kv_unsqueeze(s, multiples(s, integer(s, p->kernel[i]), p->dilation[i]), KV_VECTOR(s, 1));
  kvino_tensor *place = kv_add(s, inside, multiples(s, *positions, p->stride[i]));
  return kv_gather(s, x, place, integer(s, axis), (kv_gather_attrs){.batch_dims = 0});
}

kvino_tensor *op_unfold(kv_scope *s, kvino_tensor *x, kvino_ints kernel_size, kvino_ints dilation, kvino_ints padding,
                        kvino_ints stride) {
  patches p;
  x = kv_strong(s, x);
  if (!x || !read_patches(s, kernel_size, dilation, padding, stride, &p)) return NULL;
  if (x->rank != 4) return kv_scope_fail(s, KVINO_INVALID, "Input must be a 4D tensor, found %d dimensions", x->rank);
  if (p.padding[0] || p.padding[1]) {
    kvino_tensor *pads = KV_VECTOR(s, 0, 0, p.padding[0], p.padding[1]);
    x = kv_pad(s, 4, (kvino_tensor *[]){x, pads, pads, kv_like(s, x, 0)}, (kv_pad_attrs){.pad_mode = "constant"});
  }
  kvino_tensor *rows = NULL, *columns = NULL;
  kvino_tensor *y = windows_along(s, x, &p, 0, 2, &rows); /* (N, C, kernel, rows, W) */
  y = windows_along(s, y, &p, 1, 4, &columns);            /* (N, C, kernel, rows, kernel, columns) */
  y = kv_permute(s, y, (int64_t[]){0, 1, 2, 4, 3, 5});
  kvino_tensor *depth = kv_multiply(s, kv_dimension(s, x, 1), integer(s, p.kernel[0] * p.kernel[1]));
  return reshape_by(s, y, 3, (kvino_tensor *[]){kv_dimension(s, x, 0), depth, kv_multiply(s, rows, columns)});
}

static kv_ints pair_of(const int64_t v[2]) { return (kv_ints){.n = 2, .v = {v[0], v[1]}}; }

kvino_tensor *op_fold(kv_scope *s, kvino_tensor *x, kvino_ints output_size, kvino_ints kernel_size, kvino_ints dilation,
                      kvino_ints padding, kvino_ints stride) {
  patches p;
  int64_t size[2];
  x = kv_strong(s, x);
  if (!x || !read_patches(s, kernel_size, dilation, padding, stride, &p) ||
      !read_pair(s, output_size, "output_size", 0, size))
    return NULL;
  return kv_col2im(s, x, kv_vector(s, 2, size), kv_vector(s, 2, p.kernel),
                   (kv_col2im_attrs){.strides = pair_of(p.stride),
                                     .dilations = pair_of(p.dilation),
                                     .pads_begin = pair_of(p.padding),
                                     .pads_end = pair_of(p.padding)});
}

/* ---- pixels and channels ---- */

static kvino_tensor *rearrange(kv_scope *s, kvino_tensor *x, int64_t block, const char *data_format, bool to_space) {
  bool last = !data_format || !strcmp(data_format, "channels_last");
  x = kv_strong(s, x);
  if (!x) return NULL;
  if (!last && strcmp(data_format, "channels_first"))
    return kv_scope_fail(s, KVINO_INVALID, "`data_format` must be 'channels_last' or 'channels_first'. Received: '%s'",
                         data_format);
  if (x->rank != 4) return kv_scope_fail(s, KVINO_INVALID, "inputs must have 4 dimensions, found %d", x->rank);
  if (block < 1 || block > INT32_MAX)
    return kv_scope_fail(s, KVINO_INVALID, "`block_size` must be positive. Received: block_size=%lld",
                         (long long)block);
  int64_t channels = x->shape[last ? 3 : 1], height = x->shape[last ? 1 : 2], width = x->shape[last ? 2 : 3];
  if (to_space && channels >= 0 && channels % (block * block))
    return kv_scope_fail(s, KVINO_INVALID, "The number of channels (%lld) must be divisible by block_size**2 (%lld).",
                         (long long)channels, (long long)(block * block));
  if (!to_space && ((height >= 0 && height % block) || (width >= 0 && width % block)))
    return kv_scope_fail(s, KVINO_INVALID, "Height (%lld) and width (%lld) must be divisible by block_size (%lld).",
                         (long long)height, (long long)width, (long long)block);
  /* The pixels of a block come one after another in front of the channels where these are last, behind them where
   * these are first. */
  kv_depth_space_attrs a = {.mode = last ? "blocks_first" : "depth_first", .block_size = block};
  if (last) x = kv_permute(s, x, (int64_t[]){0, 3, 1, 2});
  x = to_space ? kv_depth_to_space(s, x, a) : kv_space_to_depth(s, x, a);
  return last ? kv_permute(s, x, (int64_t[]){0, 2, 3, 1}) : x;
}

kvino_tensor *op_depth_to_space(kv_scope *s, kvino_tensor *x, int64_t block_size, const char *data_format) {
  return rearrange(s, x, block_size, data_format, true);
}
kvino_tensor *op_space_to_depth(kv_scope *s, kvino_tensor *x, int64_t block_size, const char *data_format) {
  return rearrange(s, x, block_size, data_format, false);
}
