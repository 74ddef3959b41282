/* keras.ops.math: Fourier transforms, short-time ones, frames of a signal. Complex numbers are pairs of tensors here,
 * as Keras has them, and pairs along a last axis in the primitives. */
#include <string.h>

#include "ops/common.h"

/* ---- pairs ---- */

/* Both parts side by side along a new last axis, in the dtype that they are computed in; *dtype is their own. */
static kvino_tensor *pairs(kv_scope *s, kvino_tensors x, kvino_dtype *dtype) {
  char a[KV_SHAPE_TEXT], b[KV_SHAPE_TEXT];
  if (x.n != 2)
    return kv_scope_fail(s, KVINO_INVALID,
                         "Input `x` should be a tuple of two tensors - real and imaginary. Received: x of length %zu",
                         x.n);
  kvino_tensor *re = x.v[0], *im = x.v[1];
  bool same = re->rank == im->rank;
  for (int i = 0; same && i < re->rank; i++)
    same = re->shape[i] == im->shape[i] || re->shape[i] < 0 || im->shape[i] < 0;
  if (!same)
    return kv_scope_fail(s, KVINO_INVALID,
                         "Input `x` should be a tuple of two tensors - real and imaginary. Both the real and imaginary "
                         "parts should have the same shape. Received: x[0].shape = %s, x[1].shape = %s",
                         kv_shape_text(re->rank, re->shape, a), kv_shape_text(im->rank, im->shape, b));
  if (!kvino_dtype_is_float(kv_dtype_of(re)) || !kvino_dtype_is_float(kv_dtype_of(im)))
    return kv_scope_fail(s, KVINO_INVALID,
                         "At least one tensor in input `x` is not of type float. Received: x of dtypes %s and %s",
                         kvino_dtype_name(kv_dtype_of(re)), kvino_dtype_name(kv_dtype_of(im)));
  *dtype = kv_result_type(s, 2, x.v);
  kvino_tensor *last = KV_VECTOR(s, re->rank);
  re = kv_unsqueeze(s, kv_cast(s, re, kv_work_dtype(*dtype)), last);
  im = kv_unsqueeze(s, kv_cast(s, im, kv_work_dtype(*dtype)), last);
  return kv_concat(s, 2, (kvino_tensor *[]){re, im}, (kv_axis_attrs){.axis = x.v[0]->rank});
}

/* The real and the imaginary parts. */
static kvino_tensors parts(kv_scope *s, kvino_tensor *x, kvino_dtype dtype) {
  if (!x) return KV_NO_TENSORS;
  kvino_tensors y = kv_unstack(s, x, x->rank - 1, 2);
  for (size_t i = 0; i < y.n; i++) y.v[i] = kv_cast(s, y.v[i], dtype);
  return y;
}

/* x has at least `least` axes (without that of the pairs). */
static bool deep_enough(kv_scope *s, int rank, int least) {
  if (rank >= least) return true;
  kv_scope_fail(s, KVINO_INVALID, "Input should have rank >= %d. Received: input of rank %d", least, rank);
  return false;
}

kvino_tensors op_fft(kv_scope *s, kvino_tensors x) {
  kvino_dtype dtype = KVINO_F32;
  kvino_tensor *z = pairs(s, x, &dtype);
  if (!z || !deep_enough(s, z->rank - 1, 1)) return KV_NO_TENSORS;
  return parts(s, kv_dft(s, 2, (kvino_tensor *[]){z, KV_VECTOR(s, z->rank - 2)}), dtype);
}

kvino_tensors op_fft2(kv_scope *s, kvino_tensors x) {
  kvino_dtype dtype = KVINO_F32;
  kvino_tensor *z = pairs(s, x, &dtype);
  if (!z || !deep_enough(s, z->rank - 1, 2)) return KV_NO_TENSORS;
  return parts(s, kv_dft(s, 2, (kvino_tensor *[]){z, KV_VECTOR(s, z->rank - 3, z->rank - 2)}), dtype);
}

kvino_tensors op_ifft2(kv_scope *s, kvino_tensors x) {
  kvino_dtype dtype = KVINO_F32;
  kvino_tensor *z = pairs(s, x, &dtype);
  if (!z || !deep_enough(s, z->rank - 1, 2)) return KV_NO_TENSORS;
  return parts(s, kv_idft(s, 2, (kvino_tensor *[]){z, KV_VECTOR(s, z->rank - 3, z->rank - 2)}), dtype);
}

static kvino_tensor *rfft(kv_scope *s, kvino_tensor *x, int64_t length) {
  if (!x) return NULL;
  kvino_tensor *axis = KV_VECTOR(s, x->rank - 1);
  if (length == KVINO_NO_INTEGER) return kv_rdft(s, 2, (kvino_tensor *[]){x, axis});
  return kv_rdft(s, 3, (kvino_tensor *[]){x, axis, KV_VECTOR(s, length)});
}

static kvino_tensor *irfft(kv_scope *s, kvino_tensor *z, int64_t length) {
  if (!z) return NULL;
  kvino_tensor *axis = KV_VECTOR(s, z->rank - 2);
  if (length == KVINO_NO_INTEGER) return kv_irdft(s, 2, (kvino_tensor *[]){z, axis});
  return kv_irdft(s, 3, (kvino_tensor *[]){z, axis, KV_VECTOR(s, length)});
}

static bool length_ok(kv_scope *s, int64_t length) {
  if (length == KVINO_NO_INTEGER || length > 0) return true;
  kv_scope_fail(s, KVINO_INVALID, "Invalid number of FFT data points (%lld) specified.", (long long)length);
  return false;
}

kvino_tensors op_rfft(kv_scope *s, kvino_tensor *x, int64_t fft_length) {
  x = kv_to_float(s, x);
  if (!x || !deep_enough(s, x->rank, 1) || !length_ok(s, fft_length)) return KV_NO_TENSORS;
  if (kvino_dtype_is_complex((kvino_dtype)x->dtype)) {
    kv_scope_fail(s, KVINO_TYPE, "rfft takes real numbers, not %s", kvino_dtype_name((kvino_dtype)x->dtype));
    return KV_NO_TENSORS;
  }
  kvino_dtype dtype = (kvino_dtype)x->dtype;
  return parts(s, rfft(s, kv_cast(s, x, kv_work_dtype(dtype)), fft_length), dtype);
}

kvino_tensor *op_irfft(kv_scope *s, kvino_tensors x, int64_t fft_length) {
  kvino_dtype dtype = KVINO_F32;
  kvino_tensor *z = pairs(s, x, &dtype);
  if (!z || !deep_enough(s, z->rank - 1, 1) || !length_ok(s, fft_length)) return NULL;
  return kv_cast(s, irfft(s, z, fft_length), dtype);
}

/* ---- frames ---- */

static bool positive(kv_scope *s, const char *name, int64_t value) {
  if (value > 0) return true;
  kv_scope_fail(s, KVINO_INVALID, "`%s` must be a positive integer. Received: %s=%lld", name, name, (long long)value);
  return false;
}

/* x[..., i * step + j] as [..., i, j] for j < length, without a copy where the data are in hand. */
static kvino_tensor *frames(kv_scope *s, kvino_tensor *x, int64_t length, int64_t step) {
  if (!x) return NULL;
  int last = x->rank - 1;
  int64_t size = x->shape[last], n = size < 0 ? -1 : size < length ? 0 : (size - length) / step + 1;
  if (x->rank == KVINO_MAX_RANK)
    return kv_scope_fail(s, KVINO_INVALID, "maximum supported dimension for an ndarray is %d, found %d", KVINO_MAX_RANK,
                         KVINO_MAX_RANK + 1);
  if (!kv_unreadable(s, x)) {
    int64_t shape[KVINO_MAX_RANK], strides[KVINO_MAX_RANK];
    memcpy(shape, x->shape, (size_t)x->rank * sizeof *shape);
    memcpy(strides, x->strides, (size_t)x->rank * sizeof *strides);
    shape[last] = n;
    shape[last + 1] = length;
    strides[last + 1] = x->strides[last];
    strides[last] = n > 1 ? step * x->strides[last] : 0;
    kvino_tensor *view = NULL;
    if (!kv_scope_ok(s, kv_tensor_view(x, (kvino_dtype)x->dtype, x->rank + 1, shape, strides, x->data, &view, s->err)))
      return NULL;
    return kv_own(s, view);
  }
  kvino_tensor *zero = kv_int(s, KVINO_I64, 0), *one = kv_int(s, KVINO_I64, 1), *count = kv_int(s, KVINO_I64, n);
  kv_output_type_attrs type = {.output_type = KVINO_I64};
  if (n < 0) { /* floor division: a signal shorter than a frame gives none */
    kvino_tensor *rest = kv_subtract(s, kv_dimension(s, x, last), kv_int(s, KVINO_I64, length - step));
    count = kv_divide(s, kv_maximum(s, rest, zero), kv_int(s, KVINO_I64, step));
  }
  kvino_tensor *start = kv_multiply(s, kv_range(s, zero, count, one, type), kv_int(s, KVINO_I64, step));
  kvino_tensor *place = kv_range(s, zero, kv_int(s, KVINO_I64, length), one, type);
  place = kv_add(s, kv_unsqueeze(s, start, KV_VECTOR(s, 1)), place);
  return kv_gather(s, x, place, kv_int(s, KVINO_I64, last), (kv_gather_attrs){.batch_dims = 0});
}

kvino_tensor *op_extract_sequences(kv_scope *s, kvino_tensor *x, int64_t length, int64_t stride) {
  x = kv_strong(s, x);
  if (!x || !deep_enough(s, x->rank, 1) || !positive(s, "sequence_length", length) ||
      !positive(s, "sequence_stride", stride))
    return NULL;
  kvino_tensor *view = frames(s, x, length, stride), *y = NULL;
  if (!view || kv_is_symbolic(view)) return view;
  /* Frames that overlap are memory of their own for the caller. */
  return kv_scope_ok(s, kvino_tensor_contiguous(view, &y, s->err)) ? kv_own(s, y) : NULL;
}

/* Frames [..., n, length] (length known) added where they stand: [..., (n - 1) * step + length]. Each is cut into
 * pieces of `step`; piece k of all of them is one long line, and moves k pieces to the right by the reshape from rows
 * that are one piece longer. */
static kvino_tensor *overlap_add(kv_scope *s, kvino_tensor *x, int64_t step) {
  if (!x) return NULL;
  int rank = x->rank;
  int64_t length = x->shape[rank - 1], pieces = (length + step - 1) / step, pad = pieces * step - length;
  kvino_tensor *dims = kv_dims(s, x), *n = kv_dimension(s, x, rank - 2);
  kvino_tensor *batch = kv_cut(s, dims, 0, 0, rank - 2), *p = KV_VECTOR(s, pieces), *q = KV_VECTOR(s, step);
  kvino_tensor *zero = kv_like(s, x, 0);
  int64_t zeros[KVINO_MAX_RANK] = {0}, after[KVINO_MAX_RANK] = {0}, perm[KVINO_MAX_RANK];
  kv_pad_attrs constant = {.pad_mode = "constant"};
  kv_axis_attrs first = {.axis = 0};
  kv_reshape_attrs plain = {.special_zero = false};
  after[rank - 1] = pad;
  if (pad)
    x = kv_pad(s, 4, (kvino_tensor *[]){x, kv_vector(s, (size_t)rank, zeros), kv_vector(s, (size_t)rank, after), zero},
               constant);
  kvino_tensor *row = kv_flatten(s, n);
  x = kv_reshape(s, x, kv_concat(s, 4, (kvino_tensor *[]){batch, row, p, q}, first), plain);
  for (int i = 0; i < rank - 2; i++) perm[i] = i;
  perm[rank - 2] = rank - 1;
  perm[rank - 1] = rank - 2;
  perm[rank] = rank;
  x = kv_transpose(s, x, kv_vector(s, (size_t)rank + 1, perm)); /* [..., pieces, n, step] */
  after[rank - 1] = pieces;
  x = kv_pad(s, 4,
             (kvino_tensor *[]){x, kv_vector(s, (size_t)rank + 1, zeros), kv_vector(s, (size_t)rank + 1, after), zero},
             constant);
  after[rank - 1] = 0;
  kvino_tensor *wide = kv_multiply(s, kv_add(s, row, p), q), *narrow = kv_subtract(s, wide, q);
  x = kv_reshape(s, x, kv_concat(s, 2, (kvino_tensor *[]){batch, kv_multiply(s, wide, p)}, first), plain);
  x = kv_cut(s, x, rank - 2, 0, -pieces * step);
  x = kv_reshape(s, x, kv_concat(s, 3, (kvino_tensor *[]){batch, p, narrow}, first), plain);
  x = kv_reduce_sum(s, x, KV_VECTOR(s, rank - 2), (kv_keep_dims_attrs){.keep_dims = false});
  return pad ? kv_cut(s, x, rank - 2, 0, -pad) : x;
}

/* ---- windows ---- */

/* The window of sequence_length, in the middle of fft_length zeros; NULL without a failure: none. */
static kvino_tensor *window_of(kv_scope *s, const char *name, kvino_tensor *given, int64_t length, int64_t fft_length,
                               kvino_dtype dtype) {
  char shape[KV_SHAPE_TEXT];
  int64_t before = (fft_length - length) / 2, after = fft_length - length - before;
  if (given) {
    given = kv_cast(s, given, dtype);
    if (given && (given->rank != 1 || (given->shape[0] >= 0 && given->shape[0] != length)))
      return kv_scope_fail(
          s, KVINO_INVALID,
          "The shape of `window` must be equal to [sequence_length]. Received: window shape=%s, sequence_length=%lld",
          kv_shape_text(given->rank, given->shape, shape), (long long)length);
  } else if (name) { /* the periodic ones: a - (1 - a) cos(2 pi k / length) */
    double a = strcmp(name, "hann") ? 0.54 : 0.5;
    kvino_tensor *k = kv_range(s, kv_int(s, KVINO_I64, 0), kv_int(s, KVINO_I64, length), kv_int(s, KVINO_I64, 1),
                               (kv_output_type_attrs){.output_type = KVINO_I64});
    k = kv_multiply(s, kv_cast(s, k, KVINO_F64), kv_number(s, KVINO_F64, 6.283185307179586477 / (double)length));
    k = kv_multiply(s, kv_cos(s, k), kv_number(s, KVINO_F64, 1 - a));
    given = kv_cast(s, kv_subtract(s, kv_number(s, KVINO_F64, a), k), dtype);
  }
  if (!given || !(before || after)) return given;
  return kv_pad(s, 4, (kvino_tensor *[]){given, KV_VECTOR(s, before), KV_VECTOR(s, after), kv_like(s, given, 0)},
                (kv_pad_attrs){.pad_mode = "constant"});
}

static bool options_ok(kv_scope *s, int64_t length, int64_t stride, int64_t fft_length, const char *name) {
  if (!positive(s, "sequence_length", length) || !positive(s, "sequence_stride", stride)) return false;
  if (fft_length < length) {
    kv_scope_fail(s, KVINO_INVALID,
                  "`fft_length` must equal or larger than `sequence_length`. Received: sequence_length=%lld, "
                  "fft_length=%lld",
                  (long long)length, (long long)fft_length);
    return false;
  }
  if (!name || !strcmp(name, "hann") || !strcmp(name, "hamming")) return true;
  kv_scope_fail(s, KVINO_INVALID,
                "If a string is passed to `window`, it must be one of `\"hann\"`, `\"hamming\"`. Received: window=%s",
                name);
  return false;
}

kvino_tensors op_stft(kv_scope *s, kvino_tensor *x, int64_t length, int64_t stride, int64_t fft_length,
                      const char *window, bool center, kvino_tensor *weights) {
  x = kv_strong(s, x);
  if (!x) return KV_NO_TENSORS;
  kvino_dtype dtype = (kvino_dtype)x->dtype;
  if (dtype != KVINO_F32 && dtype != KVINO_F64) {
    kv_scope_fail(s, KVINO_TYPE, "Invalid input type. Expected `float32` or `float64`. Received: input type=%s",
                  kvino_dtype_name(dtype));
    return KV_NO_TENSORS;
  }
  if (!deep_enough(s, x->rank, 1) || !options_ok(s, length, stride, fft_length, window)) return KV_NO_TENSORS;
  if (center) {
    int64_t pads[KVINO_MAX_RANK] = {0};
    pads[x->rank - 1] = fft_length / 2;
    kvino_tensor *pad = kv_vector(s, x->rank, pads);
    x = kv_pad(s, 3, (kvino_tensor *[]){x, pad, pad}, (kv_pad_attrs){.pad_mode = "reflect"});
  }
  kvino_tensor *w = window_of(s, window, weights, length, fft_length, dtype);
  x = frames(s, x, fft_length, stride);
  if (w) x = kv_multiply(s, x, w);
  return parts(s, rfft(s, x, KVINO_NO_INTEGER), dtype);
}

/* What makes the windows of neighbouring frames add up to 1 once multiplied by the analysis window: w divided by the
 * sum of the squares of all its shifts by `stride`; 0 where all of those are. */
static kvino_tensor *synthesis_window(kv_scope *s, kvino_tensor *w, int64_t fft_length, int64_t stride) {
  int64_t overlaps = (fft_length + stride - 1) / stride, rest = overlaps * stride - fft_length;
  kvino_tensor *zero = kv_like(s, w, 0), *square = kv_multiply(s, w, w);
  square = kv_pad(s, 4, (kvino_tensor *[]){square, KV_VECTOR(s, 0), KV_VECTOR(s, rest), zero},
                  (kv_pad_attrs){.pad_mode = "constant"});
  square = kv_reshape_to(s, square, 2, (int64_t[]){overlaps, stride});
  kvino_tensor *sum = kv_reduce_sum(s, square, KV_VECTOR(s, 0), (kv_keep_dims_attrs){.keep_dims = false});
  sum = kv_cut(s, kv_tile(s, sum, KV_VECTOR(s, overlaps)), 0, 0, fft_length);
  kvino_tensor *none = kv_equal(s, sum, zero);
  return kv_select(s, none, zero, kv_divide(s, w, kv_select(s, none, kv_like(s, w, 1), sum)));
}

kvino_tensor *op_istft(kv_scope *s, kvino_tensors x, int64_t length, int64_t stride, int64_t fft_length,
                       int64_t output_length, const char *window, bool center, kvino_tensor *weights) {
  kvino_dtype dtype = KVINO_F32;
  kvino_tensor *z = pairs(s, x, &dtype);
  if (!z || !deep_enough(s, z->rank - 1, 2) || !options_ok(s, length, stride, fft_length, window)) return NULL;
  kvino_dtype work = kv_work_dtype(dtype);
  kvino_tensor *w = window_of(s, window, weights, length, fft_length, work), *y = irfft(s, z, fft_length);
  if (w) y = kv_multiply(s, y, synthesis_window(s, w, fft_length, stride));
  y = overlap_add(s, y, stride);
  if (!y) return NULL;
  int64_t start = center ? fft_length / 2 : 0, end = INT64_MAX;
  if (output_length != KVINO_NO_INTEGER)
    end = start + output_length;
  else if (center && fft_length > 1)
    end = -(fft_length / 2);
  return kv_cast(s, start || end != INT64_MAX ? kv_cut(s, y, y->rank - 1, start, end) : y, dtype);
}
