/* keras.ops.image: images at computed places. Places are computed in f64, whatever the images are. */
#include <string.h>

#include "ops/image/image.h"

/* ---- sampling ---- */

static const char *fill_mode_of(kv_scope *s, const char *fill_mode) {
  static const char *const names[] = {"constant", "nearest", "wrap", "mirror", "reflect"};
  for (size_t i = 0; fill_mode && i < sizeof names / sizeof *names; i++)
    if (!strcmp(names[i], fill_mode)) return names[i];
  return kv_scope_fail(s, KVINO_INVALID,
                       "Invalid value for argument `fill_mode`. Expected of one {'constant', 'nearest', 'wrap', "
                       "'mirror', 'reflect'}. Received: fill_mode=%s",
                       fill_mode ? fill_mode : "None");
}

/* 0 or 1; -1 with the scope failed. */
static int order_of(kv_scope *s, const char *interpolation) {
  if (interpolation && !strcmp(interpolation, "nearest")) return 0;
  if (interpolation && !strcmp(interpolation, "bilinear")) return 1;
  kv_scope_fail(s, KVINO_INVALID,
                "Invalid value for argument `interpolation`. Expected of one {'nearest', 'bilinear'}. Received: "
                "interpolation=%s",
                interpolation ? interpolation : "None");
  return -1;
}

/* x [batch, axes..., channels] at coordinates [batch or 1, axes, points...], or at those that projections [batch or 1,
 * 8] give (`of` is KV_Sample, KV_Project); integers are rounded. */
static kvino_tensor *sample(kv_scope *s, kv_prim_id of, kvino_tensor *x, kvino_tensor *places, int order,
                            const char *fill_mode, double fill_value) {
  if (!x) return NULL;
  kvino_dtype dtype = (kvino_dtype)x->dtype, work = dtype;
  if (kvino_dtype_is_complex(dtype) && order)
    return kv_scope_fail(s, KVINO_TYPE, "complex numbers cannot be interpolated yet");
  if (order) work = dtype == KVINO_BOOL ? KVINO_U8 : kv_work_dtype(dtype);
  kvino_tensor *fill = kv_cast(s, kv_number(s, dtype, fill_value), work);
  const kv_attrs how = {.sample = {.order = order, .fill_mode = fill_mode}};
  return kv_cast(s, kv_apply(s, of, &how, 3, (kvino_tensor *[]){kv_cast(s, x, work), places, fill}), dtype);
}

/* Images as batches with the channels last, and back. */
static kvino_tensor *to_batch(kv_scope *s, kvino_tensor *x, const kv_image_axes *axes) {
  if (x->rank == 3) x = kv_unsqueeze(s, x, KV_VECTOR(s, 0));
  return axes->last ? x : kv_permute(s, x, (int64_t[]){0, 2, 3, 1});
}
static kvino_tensor *from_batch(kv_scope *s, kvino_tensor *y, const kv_image_axes *axes, bool single) {
  if (!axes->last) y = kv_permute(s, y, (int64_t[]){0, 3, 1, 2});
  return single ? kv_squeeze(s, y, KV_VECTOR(s, 0)) : y;
}

kvino_tensor *op_map_coordinates(kv_scope *s, kvino_tensor *inputs, kvino_tensor *coordinates, int64_t order,
                                 const char *fill_mode, double fill_value) {
  char text[KV_SHAPE_TEXT];
  kvino_tensor *x = kv_strong(s, inputs);
  coordinates = kv_strong(s, coordinates);
  const char *mode = fill_mode_of(s, fill_mode);
  if (!x || !coordinates || !mode) return NULL;
  if (coordinates->rank < 2)
    return kv_scope_fail(s, KVINO_INVALID,
                         "Invalid coordinates rank: expected at least rank 2. Received input with shape: %s",
                         kv_shape_text(coordinates->rank, coordinates->shape, text));
  coordinates =
      kv_demand_lengths(s, KV_REFUSAL_coordinates, coordinates, 1, &(kv_length_pair){{coordinates, 0}, {NULL, x->rank}},
                        2, (kv_length[]){{x, KV_ALL_AXES}, {coordinates, 0}});
  if (!coordinates) return NULL;
  if (order != 0 && order != 1)
    return kv_scope_fail(s, KVINO_INVALID,
                         "Invalid value for argument `order`. Expected one of [0, 1]. Received: order=%lld",
                         (long long)order);
  x = kv_unsqueeze(s, x, KV_VECTOR(s, 0, x->rank + 1));
  coordinates = kv_unsqueeze(s, kv_cast(s, coordinates, kv_image_work(coordinates)), KV_VECTOR(s, 0));
  kvino_tensor *y = sample(s, KV_Sample, x, coordinates, (int)order, mode, fill_value);
  return y ? kv_squeeze(s, y, KV_VECTOR(s, 0, y->rank - 1)) : NULL;
}

/* ---- projections ---- */

/* Images at the places that the transforms [batch or 1, 8] (f64) send each of their pixels to. */
static kvino_tensor *project(kv_scope *s, kvino_tensor *images, kvino_tensor *transforms, int order,
                             const char *fill_mode, double fill_value, const kv_image_axes *axes) {
  kvino_tensor *y = sample(s, KV_Project, to_batch(s, images, axes), transforms, order, fill_mode, fill_value);
  return from_batch(s, y, axes, images->rank == 3);
}

kvino_tensor *op_affine_transform(kv_scope *s, kvino_tensor *images, kvino_tensor *transform, const char *interpolation,
                                  const char *fill_mode, double fill_value, const char *data_format) {
  char text[KV_SHAPE_TEXT];
  kv_image_axes axes;
  kvino_tensor *x = kv_strong(s, images);
  int order = order_of(s, interpolation);
  const char *mode = fill_mode_of(s, fill_mode);
  if (order < 0 || !mode || !transform || !kv_image_axes_of(s, x, data_format, &axes)) return NULL;
  if (transform->rank != 1 && transform->rank != 2)
    return kv_scope_fail(s, KVINO_INVALID,
                         "Invalid transform rank: expected rank 1 (single transform) or rank 2 (batch of transforms). "
                         "Received input with shape: transform.shape=%s",
                         kv_shape_text(transform->rank, transform->shape, text));
  transform = kv_demand_lengths(s, KV_REFUSAL_transform, transform, 1,
                                &(kv_length_pair){{transform, transform->rank - 1}, {NULL, 8}}, 1,
                                &(kv_length){transform, KV_ALL_AXES});
  transform = kv_cast(s, transform, KVINO_F64);
  if (transform && transform->rank == 1) transform = kv_unsqueeze(s, transform, KV_VECTOR(s, 0));
  return project(s, x, transform, order, mode, fill_value, &axes);
}

/* Points [..., 4, 2], both alike and of one float dtype afterwards. */
static bool check_points(kv_scope *s, kvino_tensor **start, kvino_tensor **end) {
  kvino_tensor **given[2] = {start, end};
  for (int i = 0; i < 2; i++) {
    kvino_tensor *p = *given[i];
    if (!p) return false;
    bool one = p->rank == 2 || p->rank == 3;
    kv_length_pair pair[] = {{{NULL, one}, {NULL, 1}}, {{p, p->rank - 2}, {NULL, 4}}, {{p, p->rank - 1}, {NULL, 2}}};
    *given[i] = kv_demand_lengths(s, i ? KV_REFUSAL_end_points : KV_REFUSAL_start_points, p, one ? 3 : 1, pair, 1,
                                  &(kv_length){p, KV_ALL_AXES});
  }
  if (s->status) return false;
  if ((*start)->rank != (*end)->rank) {
    kv_scope_fail(s, KVINO_INVALID, "start_points and end_points must have the same shape.");
    return false;
  }
  kv_align_float(s, start, end);
  return !s->status;
}

kvino_tensor *op_compute_homography_matrix(kv_scope *s, kvino_tensor *start_points, kvino_tensor *end_points) {
  if (!check_points(s, &start_points, &end_points)) return NULL;
  kvino_dtype dtype = (kvino_dtype)start_points->dtype;
  kvino_tensor *from = kv_cast(s, start_points, kv_work_dtype(dtype)),
               *to = kv_cast(s, end_points, kv_work_dtype(dtype));
  if (!from || !to) return NULL;
  int last = from->rank - 1;
  kv_axis_attrs side = {.axis = last}, below = {.axis = last - 1};
  kvino_tensor *sx = kv_cut(s, from, last, 0, 1), *sy = kv_cut(s, from, last, 1, 2);
  kvino_tensor *ex = kv_cut(s, to, last, 0, 1), *ey = kv_cut(s, to, last, 1, 2);
  kvino_tensor *zero = op_zeros_like(s, ex, KVINO_NO_DTYPE), *one = op_ones_like(s, ex, KVINO_NO_DTYPE);
  kvino_tensor *mx = kv_negative(s, sx), *my = kv_negative(s, sy);
  kvino_tensor *of_x[8] = {ex, ey, one, zero, zero, zero, kv_multiply(s, mx, ex), kv_multiply(s, mx, ey)};
  kvino_tensor *of_y[8] = {zero, zero, zero, ex, ey, one, kv_multiply(s, my, ex), kv_multiply(s, my, ey)};
  kvino_tensor *matrix =
      kv_concat(s, 2, (kvino_tensor *[]){kv_concat(s, 8, of_x, side), kv_concat(s, 8, of_y, side)}, below);
  kvino_tensor *target = kv_concat(s, 2, (kvino_tensor *[]){sx, sy}, below);
  return kv_cast(s, kv_squeeze(s, op_solve(s, matrix, target), KV_VECTOR(s, last)), dtype);
}

kvino_tensor *op_perspective_transform(kv_scope *s, kvino_tensor *images, kvino_tensor *start_points,
                                       kvino_tensor *end_points, const char *interpolation, double fill_value,
                                       const char *data_format) {
  kv_image_axes axes;
  kvino_tensor *x = kv_strong(s, images);
  int order = order_of(s, interpolation);
  if (order < 0 || !kv_image_axes_of(s, x, data_format, &axes) || !check_points(s, &start_points, &end_points))
    return NULL;
  kvino_tensor *t =
      op_compute_homography_matrix(s, kv_cast(s, start_points, KVINO_F64), kv_cast(s, end_points, KVINO_F64));
  if (t && t->rank == 1) t = kv_unsqueeze(s, t, KV_VECTOR(s, 0));
  return project(s, x, t, order, "constant", fill_value, &axes);
}

/* ---- distortion ---- */

/* 0, 1, ... along an axis of x, as axis `at` of `rank` ones. */
static kvino_tensor *ruler(kv_scope *s, kvino_tensor *x, int axis, int rank, int at, kvino_dtype dtype) {
  int64_t shape[KVINO_MAX_RANK];
  for (int k = 0; k < rank; k++) shape[k] = k == at ? -1 : 1;
  if (x && x->shape[axis] >= 0) shape[at] = x->shape[axis];
  return kv_reshape_to(s, kv_image_range(s, kv_dimension(s, x, axis), dtype), rank, shape);
}

kvino_tensor *op_elastic_transform(kv_scope *s, kvino_tensor *seed, kvino_tensor *images, kvino_tensor *alpha,
                                   kvino_tensor *sigma, const char *interpolation, const char *fill_mode,
                                   double fill_value, const char *data_format) {
  kv_image_axes axes;
  kvino_tensor *x = kv_strong(s, images);
  int order = order_of(s, interpolation);
  const char *mode = fill_mode_of(s, fill_mode);
  if (order < 0 || !mode || !seed || !kv_image_axes_of(s, x, data_format, &axes)) return NULL;
  if ((alpha && alpha->rank) || (sigma && sigma->rank))
    return kv_scope_fail(s, KVINO_INVALID, "`alpha` and `sigma` must be numbers");
  kvino_dtype work = kv_image_work(x);
  kvino_tensor *batch = to_batch(s, x, &axes);
  alpha = kv_cast(s, alpha, work);
  sigma = kv_cast(s, sigma, work);
  if (!batch) return NULL;
  /* How far each pixel is moved along the height and the width: [batch, 2, height, width]. */
  kvino_tensor *dims = kv_dims(s, batch), *zero = kv_int(s, KVINO_I64, 0);
  kvino_tensor *shape =
      kv_gather(s, kv_concat(s, 2, (kvino_tensor *[]){dims, KV_VECTOR(s, 2)}, (kv_axis_attrs){.axis = 0}),
                KV_VECTOR(s, 0, 4, 1, 2), zero, (kv_gather_attrs){.batch_dims = 0});
  kvino_tensor *d = kv_random_sample(s, seed, shape, kv_number(s, KVINO_F64, 0), kv_cast(s, sigma, KVINO_F64),
                                     (kv_distribution_attrs){.distribution = "normal", .output_type = work});
  kvino_tensor *size = kv_cast(s, kv_multiply(s, sigma, kv_number(s, work, 6)), KVINO_I64);
  size = kv_bitwise_or(s, size, kv_int(s, KVINO_I64, 1));
  d = kv_image_blur(s, kv_image_blur(s, d, 2, size, sigma), 3, size, sigma);
  d = kv_cast(s, kv_multiply(s, d, alpha), KVINO_F64);
  kvino_tensor *v = kv_add(s, kv_cut(s, d, 1, 0, 1), ruler(s, batch, 1, 4, 2, KVINO_F64));
  kvino_tensor *u = kv_add(s, kv_cut(s, d, 1, 1, 2), ruler(s, batch, 2, 4, 3, KVINO_F64));
  kvino_tensor *grid = kv_concat(s, 2, (kvino_tensor *[]){v, u}, (kv_axis_attrs){.axis = 1});
  return from_batch(s, sample(s, KV_Sample, batch, grid, order, mode, fill_value), &axes, x->rank == 3);
}
