/* Layers: changes of images that are made in predict, too. */
#include <math.h>
#include <string.h>

#include "layers/layer.h"
#include "ops/common.h"

static const double BYTES[2] = {0, 255};

static bool read_range(kv_invocation *c, double range[2]) {
  const json_t *field = kv_field(c, "value_range");
  for (size_t i = 0; i < 2; i++) range[i] = json_number_value(json_array_get(field, i));
  if (json_array_size(field) == 2 && range[0] != range[1]) return true;
  return kv_scope_fail(c->s, KVINO_IO, "field 'value_range' of the configuration is not one of two numbers") != NULL;
}

/* Values of one range in another. */
static kvino_tensor *rescale(kv_scope *s, kvino_tensor *x, const double from[2], const double to[2],
                             kvino_dtype dtype) {
  if (!x || (from[0] == to[0] && from[1] == to[1])) return x;
  x = kv_cast(s, x, dtype);
  kvino_tensor *low = kv_like(s, x, from[0]), *size = kv_subtract(s, kv_like(s, x, from[1]), low);
  kvino_tensor *first = kv_like(s, x, to[0]), *scale = kv_subtract(s, kv_like(s, x, to[1]), first);
  return kv_add(s, kv_multiply(s, kv_divide(s, kv_subtract(s, x, low), size), scale), first);
}

/* An image alone or several; its height and width come at *first. */
static kvino_tensor *images(kv_invocation *c, int *first) {
  kvino_tensor *x = kv_arg(c, "inputs");
  if (x && x->rank != 3 && x->rank != 4)
    return kv_scope_fail(c->s, KVINO_INVALID, "its input must be images of 3 or 4 dimensions, not %d", x->rank);
  if (x) *first = x->rank - 3;
  return x;
}

/* Each channel of an image has all values of the range; one that has a single value stays as it is. */
kv_value kv_layer_auto_contrast(kv_invocation *c) {
  kv_scope *s = c->s;
  double range[2];
  int first = 0;
  kvino_dtype dtype = c->layer->compute;
  kvino_tensor *before = images(c, &first);
  if (!before || !read_range(c, range)) return KV_NOTHING;
  if (range[0] > range[1]) memcpy(range, (double[]){range[1], range[0]}, sizeof range);
  kvino_tensor *x = kv_cast(s, rescale(s, before, range, BYTES, dtype), dtype);
  kvino_tensor *low = op_min(s, x, KVINO_INTS(first, first + 1), true, NULL);
  kvino_tensor *high = op_max(s, x, KVINO_INTS(first, first + 1), true, NULL);
  if (!low || !high) return KV_NOTHING;
  kvino_tensor *flat = kv_equal(s, low, high);
  kvino_tensor *size = kv_select(s, flat, kv_like(s, x, 1), kv_subtract(s, high, low));
  kvino_tensor *scale = kv_divide(s, kv_like(s, x, 255), size);
  kvino_tensor *y = kv_add(s, kv_multiply(s, x, scale), kv_multiply(s, kv_negative(s, low), scale));
  y = rescale(s, op_clip(s, y, kv_like(s, x, 0), kv_like(s, x, 255)), BYTES, range, dtype);
  return kv_of(op_where(s, flat, before, y));
}

/* ---- contrast-limited adaptive histogram equalization ---- */

/* How an image is cut into tiles. */
typedef struct grid {
  int64_t height, width, channels;
  int64_t rows, columns;  /* of tiles */
  int64_t tile_h, tile_w; /* pixels of one */
  int64_t padded_h, padded_w;
} grid;

static bool read_grid(kv_invocation *c, const kvino_tensor *x, grid *g) {
  kvino_ints tiles = kv_field_ints(c, "tile_grid_size", 2);
  *g = (grid){.height = x->shape[1], .width = x->shape[2], .channels = x->shape[3]};
  if (g->height < 1 || g->width < 1 || g->channels < 1) return kv_layer_refuse(c, "images of unknown size") != NULL;
  if (tiles.n != 2 || tiles.v[0] < 1 || tiles.v[1] < 1)
    return kv_scope_fail(c->s, KVINO_IO, "field 'tile_grid_size' is not one of two positive integers") != NULL;
  g->rows = tiles.v[0], g->columns = tiles.v[1];
  g->tile_h = (g->height + g->rows - 1) / g->rows, g->tile_w = (g->width + g->columns - 1) / g->columns;
  g->padded_h = g->rows * g->tile_h, g->padded_w = g->columns * g->tile_w;
  return true;
}

/* (batch, rows, columns, channels, 256): what each value of a tile becomes. */
static kvino_tensor *tables(kv_invocation *c, kvino_tensor *pixels, const grid *g) {
  kv_scope *s = c->s;
  double size = (double)(g->tile_h * g->tile_w), limit = kv_field_number(c, "clip_limit");
  kvino_tensor *x =
      kv_reshape_to(s, pixels, 6, (int64_t[]){-1, g->rows, g->tile_h, g->columns, g->tile_w, g->channels});
  x = x ? kv_permute(s, x, (int64_t[]){0, 1, 3, 5, 2, 4}) : NULL;
  x = kv_reshape_to(s, x, 5, (int64_t[]){-1, g->rows, g->columns, g->channels, g->tile_h * g->tile_w});
  kvino_tensor *count = op_sum(s, op_one_hot(s, x, 256, -1, KVINO_F32), KVINO_INTS(-2), false);
  if (!count) return NULL;
  if (limit > 0) { /* what is above it is spread over all values */
    kvino_tensor *cut = op_minimum(s, count, kv_like(s, count, limit * size / 256));
    kvino_tensor *excess = op_sum(s, kv_subtract(s, count, cut), KVINO_INTS(-1), true);
    count = kv_add(s, cut, excess ? kv_divide(s, excess, kv_like(s, count, 256)) : NULL);
  }
  kvino_tensor *sum = op_cumsum(s, count, -1, KVINO_NO_DTYPE);
  kvino_tensor *least = op_min(s, sum, KVINO_INTS(-1), true, NULL);
  if (!sum || !least) return NULL;
  kvino_tensor *rest = kv_subtract(s, kv_like(s, sum, size), least), *zero = kv_like(s, sum, 0);
  rest = kv_select(s, kv_equal(s, rest, zero), kv_like(s, sum, 1), rest);
  kvino_tensor *y = kv_divide(s, kv_multiply(s, kv_subtract(s, sum, least), kv_like(s, sum, 255)), rest);
  return op_clip(s, y, zero, kv_like(s, sum, 255));
}

static kvino_tensor *constant(kv_scope *s, kvino_dtype dtype, int rank, const int64_t *shape, const void *data) {
  kvino_tensor *t = NULL;
  return kv_scope_ok(s, kvino_tensor_new(dtype, rank, shape, data, &t, s->err)) ? kv_own(s, t) : NULL;
}

/* The tiles on both sides of each pixel along an axis, and how near the second is. */
typedef struct neighbours {
  int64_t *tile[2];
  float *weight;
} neighbours;

static bool find_neighbours(kv_scope *s, int64_t n, int64_t tile, int64_t tiles, neighbours *out) {
  for (int i = 0; i < 2; i++) out->tile[i] = kv_scope_alloc(s, (size_t)n, sizeof **out->tile);
  out->weight = kv_scope_alloc(s, (size_t)n, sizeof *out->weight);
  if (!out->tile[0] || !out->tile[1] || !out->weight) return false;
  for (int64_t i = 0; i < n; i++) {
    float at = ((float)i - (float)tile / 2) / (float)tile, below = floorf(at);
    out->weight[i] = at - below;
    for (int k = 0; k < 2; k++) {
      int64_t t = (int64_t)below + k;
      out->tile[k][i] = t < 0 ? 0 : t >= tiles ? tiles - 1 : t;
    }
  }
  return true;
}

/* The pixels' values by the tables of the tiles in these rows and columns. */
static kvino_tensor *look_up(kv_scope *s, kvino_tensor *table, kvino_tensor *pixels, const grid *g, const int64_t *row,
                             const int64_t *column) {
  int64_t shape[] = {g->padded_h, g->padded_w, g->channels}, n = shape[0] * shape[1] * shape[2], k = 0;
  int32_t *at = kv_scope_alloc(s, (size_t)n, sizeof *at);
  if (!at) return NULL;
  for (int64_t y = 0; y < shape[0]; y++)
    for (int64_t x = 0; x < shape[1]; x++)
      for (int64_t ch = 0; ch < shape[2]; ch++)
        at[k++] = (int32_t)(((row[y] * g->columns + column[x]) * g->channels + ch) * 256);
  kvino_tensor *index = op_add(s, pixels, constant(s, KVINO_I32, 3, shape, at));
  kvino_tensor *found = kv_gather(s, table, kv_reshape_to(s, index, 2, (int64_t[]){-1, n}), kv_int(s, KVINO_I64, 1),
                                  (kv_gather_attrs){.batch_dims = 1});
  return kv_reshape_to(s, found, 4, (int64_t[]){-1, shape[0], shape[1], shape[2]});
}

static kvino_tensor *between(kv_scope *s, kvino_tensor *a, kvino_tensor *b, kvino_tensor *weight) {
  if (!weight) return NULL;
  kvino_tensor *rest = kv_subtract(s, kv_like(s, weight, 1), weight);
  return op_add(s, op_multiply(s, a, rest), op_multiply(s, b, weight));
}

static kvino_tensor *equalize(kv_invocation *c, kvino_tensor *x) {
  kv_scope *s = c->s;
  grid g;
  if (!x || !read_grid(c, x, &g)) return NULL;
  int64_t most = g.rows * g.columns * g.channels * 256, pads[8] = {0};
  pads[3] = g.padded_h - g.height, pads[5] = g.padded_w - g.width;
  if (pads[3] || pads[5]) x = op_pad(s, x, (kvino_ints){8, pads, NULL, true}, "symmetric", NULL);
  kvino_tensor *pixels = x ? kv_cast(s, op_clip(s, x, kv_like(s, x, 0), kv_like(s, x, 255)), KVINO_I32) : NULL;
  kvino_tensor *table = kv_reshape_to(s, tables(c, pixels, &g), 2, (int64_t[]){-1, most}), *rows[2];
  neighbours y, z;
  if (!table || !find_neighbours(s, g.padded_h, g.tile_h, g.rows, &y) ||
      !find_neighbours(s, g.padded_w, g.tile_w, g.columns, &z))
    return NULL;
  kvino_tensor *across = constant(s, KVINO_F32, 2, (int64_t[]){g.padded_w, 1}, z.weight);
  kvino_tensor *down = constant(s, KVINO_F32, 3, (int64_t[]){g.padded_h, 1, 1}, y.weight);
  for (int i = 0; i < 2; i++)
    rows[i] = between(s, look_up(s, table, pixels, &g, y.tile[i], z.tile[0]),
                      look_up(s, table, pixels, &g, y.tile[i], z.tile[1]), across);
  kvino_tensor *result = kv_cut(s, between(s, rows[0], rows[1], down), 1, 0, g.height);
  return kv_cut(s, result, 2, 0, g.width);
}

kv_value kv_layer_clahe(kv_invocation *c) {
  kv_scope *s = c->s;
  double range[2];
  int first = 0;
  kvino_tensor *before = images(c, &first), *x = before;
  if (!x || !read_range(c, range)) return KV_NOTHING;
  bool alone = !first, turned = !strcmp(kv_data_format(c), "channels_first");
  if (alone) x = kv_unsqueeze(s, x, KV_VECTOR(s, 0));
  if (turned && x) x = kv_permute(s, x, (int64_t[]){0, 2, 3, 1});
  x = rescale(s, equalize(c, rescale(s, x, range, BYTES, KVINO_F32)), BYTES, range, KVINO_F32);
  if (turned && x) x = kv_permute(s, x, (int64_t[]){0, 3, 1, 2});
  if (alone && x) x = kv_squeeze(s, x, KV_VECTOR(s, 0));
  return kv_of(x ? kv_cast(s, x, (kvino_dtype)before->dtype) : NULL);
}
