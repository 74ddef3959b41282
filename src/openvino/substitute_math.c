/* Elementwise functions that OpenVINO lacks, as formulas in what it has (exactness.h). What is not a choice among
 * operands is computed in float32 and rounded once: OpenVINO computes parts of a formula in f32 anyway, and rounds
 * where it likes. */
#include <math.h>

#include "openvino/exactness.h"
#include "openvino/float16.h"

#define SUBSTITUTE(name) kvino_tensors kv_sub_##name(kv_scope *s, const kv_case *c, kvino_tensor *const *in)

static kvino_tensor *number(kv_scope *s, const kvino_tensor *x, double value) {
  return x ? kv_number(s, (kvino_dtype)x->dtype, value) : NULL;
}

/* The result in the dtype of the node. */
static kvino_tensors rounded(kv_scope *s, const kv_case *c, kvino_tensor *y) {
  return kv_one(s, kv_to(s, y, c->node->out[0].dtype));
}

static kvino_tensor *is_nan(kv_scope *s, kvino_tensor *x) { return kv_not_equal(s, x, x); }

/* ---- choices ---- */

/* The other one where one is NaN. */
static kvino_tensors number_of_both(kv_scope *s, const kv_case *c, kvino_tensor *const *in, bool max) {
  kvino_tensor *a = in[0], *b = in[1];
  if (c->kind == KV_KIND_BOOL) return kv_one(s, max ? kv_logical_or(s, a, b) : kv_logical_and(s, a, b));
  if (c->kind != KV_KIND_FLOAT) return kv_one(s, max ? kv_maximum(s, a, b) : kv_minimum(s, a, b));
  kvino_tensor *y = kv_select(s, max ? kv_less(s, a, b) : kv_less(s, b, a), b, a);
  return kv_one(s, kv_select(s, is_nan(s, a), b, kv_select(s, is_nan(s, b), a, y)));
}

SUBSTITUTE(fmax) { return number_of_both(s, c, in, true); }
SUBSTITUTE(fmin) { return number_of_both(s, c, in, false); }

SUBSTITUTE(heaviside) {
  (void)c;
  kvino_tensor *a = in[0], *zero = number(s, a, 0);
  kvino_tensor *y = kv_select(s, kv_less(s, zero, a), number(s, a, 1), a); /* NaN stays */
  y = kv_select(s, kv_less(s, a, zero), zero, y);
  return kv_one(s, kv_select(s, kv_equal(s, a, zero), in[1], y));
}

/* Whether x is negative, or -0, of which the reciprocal is. */
static kvino_tensor *is_signed(kv_scope *s, kvino_tensor *x) {
  kvino_tensor *zero = number(s, x, 0);
  return kv_logical_or(s, kv_less(s, x, zero), kv_less(s, kv_divide(s, number(s, x, 1), x), zero));
}

SUBSTITUTE(angle) {
  (void)c;
  kvino_tensor *x = in[0];
  kvino_tensor *y = kv_select(s, is_signed(s, x), number(s, x, M_PI), number(s, x, 0));
  return kv_one(s, kv_select(s, is_nan(s, x), x, y));
}

/* ---- shifts ----
 *
 * By the width or more, or by a negative number: no bit is left, or copies of the sign alone. Narrow integers have room
 * in 32 bits. */

static kvino_tensor *within_width(kv_scope *s, kvino_tensor *b) {
  kvino_tensor *least = kv_int(s, KVINO_I32, 0), *most = kv_int(s, KVINO_I32, 31);
  return kv_logical_and(s, kv_less_equal(s, least, b), kv_less_equal(s, b, most));
}

kvino_tensor *kv_shift_any(kv_scope *s, bool left, kvino_tensor *a, kvino_tensor *b) {
  kvino_tensor *within = within_width(s, b);
  if (!left) return kv_bitwise_right_shift(s, a, kv_select(s, within, b, kv_int(s, KVINO_I32, 31)));
  kvino_tensor *by = kv_bitwise_and(s, b, kv_int(s, KVINO_I32, 31));
  kvino_tensor *mask = kv_subtract(s, kv_int(s, KVINO_I32, 0), kv_to(s, within, KVINO_I32));
  return kv_bitwise_and(s, kv_bitwise_left_shift(s, a, by), mask);
}

/* ---- functions ----
 *
 * Not among them: 2^x and cube roots. They need the plugin's Power, which takes ten times as long as the native
 * kernels. */

/* The larger one times sqrt(1 + ratio^2). The plugin divides by a reciprocal, which is infinite of the smallest
 * numbers: these are enlarged before. */
SUBSTITUTE(hypot) {
  kvino_tensor *a = kv_abs(s, kv_to(s, in[0], KVINO_F32)), *b = kv_abs(s, kv_to(s, in[1], KVINO_F32));
  kvino_tensor *swapped = kv_less(s, a, b), *inf = number(s, a, INFINITY);
  kvino_tensor *large = kv_select(s, swapped, b, a), *small = kv_select(s, swapped, a, b);
  kvino_tensor *tiny = kv_less(s, large, number(s, a, 0x1p-100)), *one = number(s, a, 1);
  kvino_tensor *factor = kv_select(s, tiny, number(s, a, 0x1p100), one);
  large = kv_multiply(s, large, factor);
  kvino_tensor *ratio = kv_divide(s, kv_multiply(s, small, factor), large);
  kvino_tensor *y = kv_multiply(s, large, kv_sqrt(s, kv_add(s, one, kv_multiply(s, ratio, ratio))));
  y = kv_multiply(s, y, kv_select(s, tiny, number(s, a, 0x1p-100), one));
  y = kv_select(s, kv_equal(s, large, number(s, a, 0)), large, y); /* 0 / 0 */
  y = kv_select(s, kv_logical_or(s, is_nan(s, a), is_nan(s, b)), number(s, a, NAN), y);
  return rounded(s, c, kv_select(s, kv_logical_or(s, kv_equal(s, a, inf), kv_equal(s, b, inf)), inf, y));
}

static kvino_tensor *polynomial(kv_scope *s, kvino_tensor *x, int n, const double *coefficient) {
  kvino_tensor *y = kv_number(s, KVINO_F32, coefficient[0]);
  for (int i = 1; i < n; i++) y = kv_add(s, kv_multiply(s, y, x), kv_number(s, KVINO_F32, coefficient[i]));
  return y;
}

/* M. Giles, "Approximating the erfinv function" (2010), single precision: 3 units in the last place. OpenVINO's own
 * operation loses half of the digits near 1 and a third near 0. */
/* A packed constant is one of OpenVINO's types (emit.c); other bytes are taken apart. */
SUBSTITUTE(unpack_int4) {
  int64_t axis = in[0]->rank - 1, length = c->node->attrs.unpack.length, shape[KVINO_MAX_RANK] = {0};
  kvino_dtype dtype = (kvino_dtype)in[0]->dtype;
  if (!kv_is_symbolic(in[0])) return KV_KEEP;
  kvino_tensor *x = kv_convert(s, in[0], (kv_convert_attrs){.destination_type = KVINO_I32}), *half[2];
  for (int i = 0; i < 2; i++) {
    half[i] = i ? kv_bitwise_right_shift(s, x, kv_int(s, KVINO_I32, 4)) : x;
    half[i] = kv_bitwise_and(s, half[i], kv_int(s, KVINO_I32, 15));
    kvino_tensor *sign = kv_int(s, KVINO_I32, 8);
    if (dtype == KVINO_I8) half[i] = kv_subtract(s, kv_bitwise_xor(s, half[i], sign), sign);
    half[i] = kv_unsqueeze(s, half[i], KV_VECTOR(s, axis + 1));
  }
  kvino_tensor *y = kv_concat(s, 2, half, (kv_axis_attrs){.axis = axis + 1});
  shape[axis] = (length + 1) / 2 * 2; /* the others stay: 0 */
  y = kv_reshape(s, y, kv_vector(s, (size_t)in[0]->rank, shape), (kv_reshape_attrs){.special_zero = true});
  if (length % 2)
    y = kv_slice(s, 5,
                 (kvino_tensor *[]){y, KV_VECTOR(s, 0), KV_VECTOR(s, length), KV_VECTOR(s, 1), KV_VECTOR(s, axis)});
  return kv_one(s, kv_convert(s, y, (kv_convert_attrs){.destination_type = dtype}));
}

/* As floats: few enough that their sums are exact. */
SUBSTITUTE(byte_product) {
  kvino_tensor *x[2];
  for (int i = 0; i < 2; i++) x[i] = kv_convert(s, in[i], (kv_convert_attrs){.destination_type = KVINO_F32});
  return kv_one(s, kv_convert(s, kv_mat_mul(s, x[0], x[1], c->node->attrs.matmul),
                              (kv_convert_attrs){.destination_type = KVINO_I32}));
}

SUBSTITUTE(erf_inv) {
  static const double middle[] = {2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
                                  -0.00125372503, -0.00417768164, 0.246640727,    1.50140941},
                      tails[] = {-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
                                 -0.0076224613,   0.00943887047,  1.00167406,    2.83297682};
  kvino_tensor *x = kv_to(s, in[0], KVINO_F32), *one = kv_number(s, KVINO_F32, 1);
  kvino_tensor *w = kv_negative(s, kv_log(s, kv_multiply(s, kv_subtract(s, one, x), kv_add(s, one, x))));
  kvino_tensor *near = polynomial(s, kv_subtract(s, w, kv_number(s, KVINO_F32, 2.5)), 9, middle);
  kvino_tensor *far = polynomial(s, kv_subtract(s, kv_sqrt(s, w), kv_number(s, KVINO_F32, 3)), 9, tails);
  kvino_tensor *factor = kv_select(s, kv_less(s, w, kv_number(s, KVINO_F32, 5)), near, far);
  kvino_tensor *end = kv_equal(s, kv_abs(s, x), one);
  return rounded(s, c, kv_multiply(s, kv_select(s, end, kv_number(s, KVINO_F32, INFINITY), factor), x));
}
