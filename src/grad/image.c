/* Derivatives of what is done to images: weighted sums of neighbours, elements at computed places, colours. */
#include <math.h>
#include <string.h>

#include "grad/grad.h"

static kvino_tensor *half(kv_scope *s, kvino_tensor *x) { return x ? kv_like(s, x, 0.5) : NULL; }
static kvino_tensor *zero(kv_scope *s, kvino_tensor *x) { return x ? kv_like(s, x, 0) : NULL; }
static kvino_tensor *one(kv_scope *s, kvino_tensor *x) { return x ? kv_like(s, x, 1) : NULL; }

/* 0, 1, ... below n (0-d), as axis `at` of `rank`. */
static kvino_tensor *ruler(kv_scope *s, kvino_tensor *n, kvino_dtype dtype, int rank, int at) {
  int64_t shape[KVINO_MAX_RANK];
  for (int i = 0; i < rank; i++) shape[i] = i == at ? -1 : 1;
  kvino_tensor *k = kv_range(s, kv_int(s, KVINO_I64, 0), kv_cast(s, n, KVINO_I64), kv_int(s, KVINO_I64, 1),
                             (kv_output_type_attrs){.output_type = KVINO_I64});
  if (k && k->shape[0] >= 0) shape[at] = k->shape[0];
  return kv_cast(s, kv_reshape_to(s, k, rank, shape), dtype);
}

/* ---- Resample ---- */

/* What the weights count: for each result and each tap, d times the element of x, over all lines. */
static kvino_tensor *of_weights(kv_grad *g, kvino_tensor *x, kvino_tensor *d, int64_t axis) {
  kv_scope *s = g->s;
  kvino_tensor *w = g->in[2], *start = kv_cast(s, kv_unsqueeze(s, g->in[1], KV_VECTOR(s, 1)), KVINO_I64);
  kvino_tensor *place = kv_add(s, start, ruler(s, kv_dimension(s, w, 1), KVINO_I64, 2, 1)), *none = zero(s, place);
  kvino_tensor *inside =
      kv_logical_and(s, kv_greater_equal(s, place, none), kv_less(s, place, kv_dimension(s, x, axis)));
  kvino_tensor *taps = kv_gather(s, x, kv_select(s, inside, place, none), kv_int(s, KVINO_I64, axis),
                                 (kv_gather_attrs){.batch_dims = 0});
  kvino_tensor *y = kv_multiply(s, kv_unsqueeze(s, d, KV_VECTOR(s, axis + 1)), taps);
  int64_t others[KVINO_MAX_RANK];
  size_t n = 0;
  for (int i = 0; y && i < y->rank; i++)
    if (i != axis && i != axis + 1) others[n++] = i;
  if (n) y = kv_reduce_sum(s, y, kv_vector(s, n, others), (kv_keep_dims_attrs){.keep_dims = false});
  return kv_sum_to(s, kv_select(s, inside, y, zero(s, y)), w);
}

static int64_t axis_of(const kv_grad *g) {
  int64_t axis = g->attrs->axis.axis;
  return axis < 0 ? axis + g->in[0]->rank : axis;
}

void kv_grad_resample(kv_grad *g) {
  kv_scope *s = g->s;
  int64_t axis = axis_of(g);
  if (g->wanted[0])
    g->d_in[0] = kv_resample_backprop(s, g->d_out[0], g->in[1], g->in[2], kv_dimension(s, g->in[0], axis),
                                      (kv_axis_attrs){.axis = axis});
  if (g->wanted[2]) g->d_in[2] = of_weights(g, g->in[0], g->d_out[0], axis);
}

void kv_grad_resample_backprop(kv_grad *g) {
  kv_scope *s = g->s;
  int64_t axis = axis_of(g);
  if (g->wanted[0]) g->d_in[0] = kv_resample(s, g->d_out[0], g->in[1], g->in[2], (kv_axis_attrs){.axis = axis});
  if (g->wanted[2]) g->d_in[2] = of_weights(g, g->d_out[0], g->in[0], axis);
}

/* ---- ResampleWeights: the formulas of prim/resample.c ---- */

static kvino_tensor *triangle(kv_scope *s, kvino_tensor *x) {
  kvino_tensor *y = kv_subtract(s, one(s, x), x);
  return kv_select(s, kv_less(s, x, one(s, x)), y, zero(s, x));
}

/* c0 + c1 x + c2 x^2 + c3 x^3 */
static kvino_tensor *polynomial(kv_scope *s, kvino_tensor *x, const double c[4]) {
  if (!x) return NULL;
  kvino_tensor *y = kv_like(s, x, c[3]);
  for (int i = 2; i >= 0; i--) y = kv_add(s, kv_multiply(s, y, x), kv_like(s, x, c[i]));
  return y;
}

static kvino_tensor *cubic(kv_scope *s, kvino_tensor *x) {
  if (!x) return NULL;
  kvino_tensor *near = polynomial(s, x, (double[]){1, 0, -2.5, 1.5});
  kvino_tensor *far = polynomial(s, x, (double[]){2, -4, 2.5, -0.5});
  far = kv_select(s, kv_less(s, x, kv_like(s, x, 2)), far, zero(s, x));
  return kv_select(s, kv_less(s, x, one(s, x)), near, far);
}

static kvino_tensor *lanczos(kv_scope *s, kvino_tensor *x, double radius) {
  if (!x) return NULL;
  kvino_tensor *close = kv_less_equal(s, x, kv_like(s, x, 1e-3)), *a = kv_select(s, close, one(s, x), x);
  kvino_tensor *y = kv_multiply(s, kv_sin(s, kv_scaled(s, a, M_PI)), kv_sin(s, kv_scaled(s, a, M_PI / radius)));
  y = kv_divide(s, kv_scaled(s, y, radius / (M_PI * M_PI)), kv_multiply(s, a, a));
  y = kv_select(s, kv_greater(s, x, kv_like(s, x, radius)), zero(s, x), y);
  return kv_select(s, close, one(s, x), y);
}

static kvino_tensor *filtered(kv_scope *s, const char *filter, kvino_tensor *x) {
  if (!strcmp(filter, "linear")) return triangle(s, x);
  return !strcmp(filter, "cubic") ? cubic(s, x) : lanczos(s, x, !strcmp(filter, "lanczos3") ? 3 : 5);
}

/* What [left, left + length] covers of [place, place + 1]. */
static kvino_tensor *covered(kv_scope *s, kvino_tensor *left, kvino_tensor *length, kvino_tensor *place) {
  kvino_tensor *low = kv_maximum(s, left, place);
  kvino_tensor *high = kv_minimum(s, kv_add(s, left, length), kv_add(s, place, one(s, place)));
  return kv_select(s, kv_greater(s, high, low), kv_subtract(s, high, low), zero(s, low));
}

/* The weights as a formula of scale and translation, at the places that were found. */
static kvino_tensor *weights(kv_grad *g) {
  kv_scope *s = g->s;
  const kv_resample_weights_attrs *a = &g->attrs->resample_weights;
  kvino_tensor *scale = kv_cast(s, g->in[2], KVINO_F64), *inverse = kv_divide(s, one(s, scale), scale);
  kvino_tensor *translation = kv_cast(s, g->in[3], KVINO_F64);
  kvino_tensor *start = kv_cast(s, kv_unsqueeze(s, g->out[0], KV_VECTOR(s, 1)), KVINO_F64);
  kvino_tensor *place = kv_add(s, start, ruler(s, kv_dimension(s, g->out[1], 1), KVINO_F64, 2, 1));
  kvino_tensor *o = ruler(s, g->in[1], KVINO_F64, 2, 0);
  kvino_tensor *centre = kv_multiply(s, kv_subtract(s, kv_add(s, o, half(s, o)), translation), inverse);
  centre = kv_subtract(s, centre, half(s, centre));
  kvino_tensor *y;
  if (!strcmp(a->filter, "area")) {
    y = covered(s, kv_multiply(s, kv_subtract(s, o, translation), inverse), inverse, place);
  } else {
    kvino_tensor *distance = kv_abs(s, kv_subtract(s, centre, place)), *unit = one(s, inverse);
    if (a->antialias) distance = kv_divide(s, distance, kv_select(s, kv_greater(s, inverse, unit), inverse, unit));
    y = filtered(s, a->filter, distance);
  }
  kvino_tensor *sum = kv_reduce_sum(s, y, KV_VECTOR(s, 1), (kv_keep_dims_attrs){.keep_dims = true});
  if (s->status) return NULL;
  kvino_tensor *last = kv_subtract(s, kv_cast(s, g->in[0], KVINO_F64), half(s, centre));
  kvino_tensor *within =
      kv_logical_and(s, kv_greater_equal(s, centre, kv_like(s, centre, -0.5)), kv_less_equal(s, centre, last));
  within = kv_logical_and(s, within, kv_greater(s, kv_abs(s, sum), kv_like(s, sum, 1000 * 0x1p-23)));
  y = kv_divide(s, y, kv_select(s, within, sum, one(s, sum)));
  return kv_cast(s, kv_select(s, within, y, zero(s, y)), a->output_type);
}

void kv_grad_resample_weights(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *y = weights(g), *x[2], *d[2];
  size_t n = 0;
  if (s->status) return;
  for (int i = 2; i < 4; i++)
    if (g->wanted[i]) x[n++] = g->in[i];
  kv_pull_back(s, 1, &y, &g->d_out[1], n, x, d);
  n = 0;
  for (int i = 2; i < 4; i++)
    if (g->wanted[i]) g->d_in[i] = d[n++];
}

/* ---- Sample ---- */

static kvino_tensor *sample(kv_grad *g, kvino_tensor *x, kvino_tensor *at, kvino_tensor *fill) {
  return kv_sample(g->s, x, at, fill, g->attrs->sample);
}

/* Between whole numbers a sample is linear in each coordinate: its slope is the difference of the samples at the two
 * ends. d times that, for every coordinate. */
static kvino_tensor *of_coordinates(kv_grad *g, kvino_tensor *x, kvino_tensor *at, kvino_tensor *fill,
                                    kvino_tensor *d) {
  kv_scope *s = g->s;
  int axes = x->rank - 2;
  kvino_tensor *row[KVINO_MAX_RANK], *low = kv_floor(s, at), *high = kv_add(s, low, one(s, low));
  kvino_tensor *number = ruler(s, kv_int(s, KVINO_I64, axes), KVINO_I64, at->rank, 1);
  for (int i = 0; i < axes; i++) {
    kvino_tensor *this = kv_equal(s, number, kv_int(s, KVINO_I64, i));
    kvino_tensor *from = sample(g, x, kv_select(s, this, low, at), fill);
    kvino_tensor *slope = kv_subtract(s, sample(g, x, kv_select(s, this, high, at), fill), from);
    kvino_tensor *y = kv_multiply(s, d, slope);
    if (s->status) return NULL;
    y = kv_reduce_sum(s, y, KV_VECTOR(s, y->rank - 1), (kv_keep_dims_attrs){.keep_dims = false});
    row[i] = kv_unsqueeze(s, kv_cast(s, y, (kvino_dtype)at->dtype), KV_VECTOR(s, 1));
  }
  if (s->status) return NULL;
  return kv_sum_to(s, kv_concat(s, (size_t)axes, row, (kv_axis_attrs){.axis = 1}), at);
}

/* The transpose with respect to x: in f32 or f64. */
static kvino_tensor *back(kv_grad *g, kvino_tensor *d, kvino_tensor *at, kvino_tensor *x) {
  kv_scope *s = g->s;
  kvino_dtype dtype = (kvino_dtype)x->dtype;
  if (kvino_dtype_is_complex(dtype))
    return kv_scope_fail(s, KVINO_UNSUPPORTED, "kvino does not have the derivative of %s for complex numbers yet",
                         g->prim->name);
  d = kv_cast(s, d, kv_work_dtype(dtype));
  return kv_cast(s, kv_sample_backprop(s, d, at, kv_dims(s, x), g->attrs->sample), dtype);
}

void kv_grad_sample(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *x = g->in[0], *at = g->in[1], *fill = g->in[2], *d = g->d_out[0];
  if (g->wanted[0]) g->d_in[0] = back(g, d, at, x);
  if (g->wanted[1] && g->attrs->sample.order) g->d_in[1] = of_coordinates(g, x, at, fill, d);
  if (g->wanted[2]) {
    kvino_tensor *share = sample(g, kv_zeros_like(s, x), at, kv_ones_like(s, fill));
    share = kv_select(s, kv_equal(s, share, share), share, zero(s, share)); /* none of a place that is NaN */
    g->d_in[2] = kv_sum_to(s, kv_multiply(s, d, share), fill);
  }
}

void kv_grad_sample_backprop(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *d = g->in[0], *at = g->in[1], *u = g->d_out[0], *nothing = zero(s, u);
  if (g->wanted[0]) g->d_in[0] = sample(g, u, at, nothing);
  if (g->wanted[1] && g->attrs->sample.order) g->d_in[1] = of_coordinates(g, u, at, nothing, d);
}

/* Column i of the projections, for every pixel. */
static kvino_tensor *parameter(kv_scope *s, kvino_tensor *t, int i) {
  return kv_unsqueeze(s, kv_cut(s, t, 1, i, i + 1), KV_VECTOR(s, 2));
}

/* (p[i] w + (p[i + 1] h + p[i + 2 or 1])) */
static kvino_tensor *affine(kv_scope *s, kvino_tensor *t, int i, kvino_tensor *h, kvino_tensor *w) {
  kvino_tensor *of_w = kv_multiply(s, parameter(s, t, i), w), *of_h = kv_multiply(s, parameter(s, t, i + 1), h);
  return kv_add(s, of_w, kv_add(s, of_h, i < 6 ? parameter(s, t, i + 2) : one(s, of_h)));
}

void kv_grad_project(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *x = g->in[0], *t = g->in[1];
  kvino_tensor *h = ruler(s, kv_dimension(s, x, 1), KVINO_F64, 3, 1);
  kvino_tensor *w = ruler(s, kv_dimension(s, x, 2), KVINO_F64, 3, 2);
  kvino_tensor *k = affine(s, t, 6, h, w), *axis = KV_VECTOR(s, 1);
  kvino_tensor *row = kv_unsqueeze(s, kv_divide(s, affine(s, t, 3, h, w), k), axis);
  kvino_tensor *column = kv_unsqueeze(s, kv_divide(s, affine(s, t, 0, h, w), k), axis);
  kvino_tensor *at = kv_concat(s, 2, (kvino_tensor *[]){row, column}, (kv_axis_attrs){.axis = 1});
  kv_grad_through(g, sample(g, x, at, g->in[2]));
}

/* ---- ConvertColor: the formulas of kernels/image/color_body.h ---- */

static kvino_tensor *shown(kv_scope *s, kvino_tensor *x, double epsilon) {
  return x ? kv_select(s, kv_less(s, kv_abs(s, x), kv_like(s, x, epsilon)), zero(s, x), x) : NULL;
}

static kvino_tensor *positive_or(kv_scope *s, kvino_tensor *x, kvino_tensor *yes, kvino_tensor *no) {
  return kv_select(s, kv_greater(s, x, zero(s, x)), yes, no);
}

static void to_hsv(kv_scope *s, kvino_tensor *const x[3], double epsilon, kvino_tensor *y[3]) {
  kvino_tensor *r = shown(s, x[0], epsilon), *g = shown(s, x[1], epsilon), *b = shown(s, x[2], epsilon);
  kvino_tensor *value = kv_maximum(s, kv_maximum(s, r, g), b), *none = zero(s, r), *all = one(s, r);
  kvino_tensor *range = kv_subtract(s, value, kv_minimum(s, kv_minimum(s, r, g), b));
  if (s->status) return;
  kvino_tensor *norm = kv_divide(s, all, kv_scaled(s, positive_or(s, range, range, all), 6));
  kvino_tensor *share = kv_divide(s, range, positive_or(s, value, value, all));
  kvino_tensor *of_red = kv_multiply(s, norm, kv_subtract(s, g, b));
  kvino_tensor *of_green = kv_add(s, kv_multiply(s, norm, kv_subtract(s, b, r)), kv_like(s, r, 2.0 / 6));
  kvino_tensor *of_blue = kv_add(s, kv_multiply(s, norm, kv_subtract(s, r, g)), kv_like(s, r, 4.0 / 6));
  kvino_tensor *hue = kv_select(s, kv_equal(s, value, g), of_green, of_blue);
  hue = kv_select(s, kv_equal(s, value, r), of_red, hue);
  y[0] = kv_add(s, positive_or(s, range, hue, none), kv_select(s, kv_less(s, hue, none), all, none));
  y[1] = positive_or(s, value, share, none);
  y[2] = value;
}

/* within 0 and 1 */
static kvino_tensor *limited(kv_scope *s, kvino_tensor *x) {
  kvino_tensor *upper = kv_select(s, kv_greater(s, x, one(s, x)), one(s, x), x);
  return kv_select(s, kv_less(s, x, zero(s, x)), zero(s, x), upper);
}

/* sign * |x - centre| + offset, limited */
static kvino_tensor *ramp(kv_scope *s, kvino_tensor *x, double centre, double sign, double offset) {
  if (!x) return NULL;
  kvino_tensor *distance = kv_abs(s, kv_subtract(s, x, kv_like(s, x, centre)));
  return limited(s, kv_add(s, kv_scaled(s, distance, sign), kv_like(s, x, offset)));
}

static void to_rgb(kv_scope *s, kvino_tensor *const x[3], kvino_tensor *y[3]) {
  kvino_tensor *dh = kv_scaled(s, kv_subtract(s, x[0], kv_floor(s, x[0])), 6);
  kvino_tensor *grey = kv_subtract(s, one(s, x[1]), x[1]);
  y[0] = ramp(s, dh, 3, 1, -1);
  y[1] = ramp(s, dh, 2, -1, 2);
  y[2] = ramp(s, dh, 4, -1, 2);
  for (int i = 0; i < 3; i++) y[i] = kv_multiply(s, x[2], kv_add(s, grey, kv_multiply(s, x[1], y[i])));
}

void kv_grad_convert_color(kv_grad *g) {
  kv_scope *s = g->s;
  const kv_convert_color_attrs *a = &g->attrs->convert_color;
  kvino_tensor *x = g->in[0], *y[3] = {NULL};
  int64_t axis = a->axis < 0 ? a->axis + x->rank : a->axis;
  kvino_tensors part = kv_split(s, x, kv_int(s, KVINO_I64, axis), (kv_split_attrs){.num_splits = 3});
  if (s->status) return;
  if (!strcmp(a->to, "hsv"))
    to_hsv(s, part.v, a->epsilon, y);
  else
    to_rgb(s, part.v, y);
  if (!s->status) kv_grad_through(g, kv_concat(s, 3, y, (kv_axis_attrs){.axis = axis}));
}
