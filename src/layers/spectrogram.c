/* Layers: preprocessing of sound. */
#include <string.h>

#include "layers/layer.h"
#include "ops/common.h"

/* ---- by convolution with the waves of a discrete Fourier transform, which are weights ---- */

/* (batch, time, channels) to (batch, frames, channels, frequencies): each channel by itself. */
static kvino_tensor *frames(kv_invocation *c, kvino_tensor *x, const char *weight) {
  kv_scope *s = c->s;
  kvino_tensor *kernel = kv_weight(c, weight); /* (frame, 1, frequencies) */
  int64_t step = kv_field_integer(c, "frame_step");
  if (step == KVINO_NO_INTEGER || !step) step = kv_field_integer(c, "frame_length") / 2;
  return op_conv(s, kv_unsqueeze(s, x, KV_VECTOR(s, -1)), kv_unsqueeze(s, kernel, KV_VECTOR(s, 1)), KVINO_INTS(step, 1),
                 kv_field_text(c, "padding"), "channels_last", KVINO_INTS(1));
}

/* The squares of all frequencies but the first and the last count twice. */
static kvino_tensor *density(kv_scope *s, kvino_tensor *power) {
  kvino_tensor *inner = kv_cut(s, power, 3, 1, -1);
  return kv_add(s, power, op_pad(s, inner, KVINO_INTS(0, 0, 0, 0, 0, 0, 1, 1), "constant", NULL));
}

static kvino_tensor *spectrum(kv_invocation *c, kvino_tensor *x, const char *mode) {
  kv_scope *s = c->s;
  kvino_tensor *real = strcmp(mode, "imag") ? frames(c, x, "real_kernel") : NULL;
  kvino_tensor *imag = strcmp(mode, "real") ? frames(c, x, "imag_kernel") : NULL;
  if (!strcmp(mode, "real")) return real;
  if (!strcmp(mode, "imag")) return imag;
  if (!strcmp(mode, "angle")) return op_arctan2(s, imag, real);
  if (!strcmp(mode, "stft")) return op_concatenate(s, KV_LIST(real, imag), 3);
  kvino_tensor *power = kv_add(s, op_square(s, real), op_square(s, imag));
  if (!strcmp(mode, "psd")) return density(s, power);
  if (!power) return NULL;
  kvino_tensor *epsilon = kv_like(s, power, 1e-7), *length = kv_sqrt(s, op_maximum(s, power, epsilon));
  if (!strcmp(mode, "magnitude")) return length;
  if (!strcmp(mode, "log")) return kv_log(s, op_maximum(s, length, epsilon));
  return kv_layer_refuse(c, "mode '%s' is unknown", mode);
}

kv_value kv_layer_stft_spectrogram(kv_invocation *c) {
  kv_scope *s = c->s;
  kvino_tensor *x = kv_arg(c, "inputs");
  const char *mode = kv_field_text(c, "mode");
  bool last = !strcmp(kv_data_format(c), "channels_last");
  if (!x || !mode) return KV_NOTHING;
  if (x->rank != 3 || !kvino_dtype_is_float((kvino_dtype)x->dtype))
    return kv_scope_fail(s, KVINO_TYPE, "its input must be floating and have 3 dimensions"), KV_NOTHING;
  kvino_tensor *y = spectrum(c, last ? x : kv_permute(s, x, (int64_t[]){0, 2, 1}), mode);
  if (!y) return KV_NOTHING;
  if (kv_field_flag(c, "expand_dims"))
    return kv_of(kv_permute(s, y, last ? (int64_t[]){0, 1, 3, 2} : (int64_t[]){0, 2, 1, 3}));
  kvino_tensor *shape = kv_concat(s, 2, (kvino_tensor *[]){kv_cut(s, kv_dims(s, y), 0, 0, 2), KV_VECTOR(s, -1)},
                                  (kv_axis_attrs){.axis = 0});
  y = kv_reshape(s, y, shape, (kv_reshape_attrs){0});
  return kv_of(last || !y ? y : kv_permute(s, y, (int64_t[]){0, 2, 1}));
}

/* ---- bands of the mel scale ---- */

static kvino_tensor *number(kv_scope *s, double value) { return kv_number(s, KVINO_F32, value); }

/* From Hertz, as HTK has it. */
static kvino_tensor *mel(kv_scope *s, kvino_tensor *hertz) {
  kvino_tensor *ratio = op_divide(s, hertz, number(s, 700));
  return op_multiply(s, number(s, 1127), kv_log(s, op_add(s, number(s, 1), ratio)));
}

/* (frequencies, bands): triangles over the mel scale; the constant part is in none. */
static kvino_tensor *bands(kv_invocation *c, int64_t n_frequencies) {
  kv_scope *s = c->s;
  int64_t n = kv_field_integer(c, "num_mel_bins");
  double rate = kv_field_number(c, "sampling_rate"), most = kv_field_number(c, "max_freq");
  if (json_is_null(kv_field(c, "max_freq")) || most == 0) most = (double)(int64_t)(rate / 2);
  kvino_tensor *zero = number(s, 0);
  kvino_tensor *hertz = op_linspace(s, zero, number(s, rate / 2), n_frequencies, true, KVINO_NO_DTYPE, 0);
  kvino_tensor *at = kv_unsqueeze(s, mel(s, kv_cut(s, hertz, 0, 1, INT64_MAX)), KV_VECTOR(s, 1));
  kvino_tensor *edge = op_linspace(s, mel(s, number(s, kv_field_number(c, "min_freq"))), mel(s, number(s, most)), n + 2,
                                   true, KVINO_NO_DTYPE, 0);
  kvino_tensor *low = kv_cut(s, edge, 0, 0, n), *middle = kv_cut(s, edge, 0, 1, n + 1);
  kvino_tensor *high = kv_cut(s, edge, 0, 2, n + 2);
  kvino_tensor *rise = op_divide(s, op_subtract(s, at, low), op_subtract(s, middle, low));
  kvino_tensor *fall = op_divide(s, op_subtract(s, high, at), op_subtract(s, high, middle));
  kvino_tensor *weight = op_maximum(s, zero, op_minimum(s, rise, fall));
  return op_pad(s, weight, KVINO_INTS(1, 0, 0, 0), "constant", NULL);
}

static kvino_tensor *decibels(kv_invocation *c, kvino_tensor *x) {
  kv_scope *s = c->s;
  if (!x) return NULL;
  double reference = kv_field_number(c, "ref_power");
  kvino_tensor *least = kv_like(s, x, kv_field_number(c, "min_power")), *ten = kv_like(s, x, 10);
  kvino_tensor *of_reference = op_log10(s, op_maximum(s, kv_like(s, x, reference < 0 ? -reference : reference), least));
  kvino_tensor *y = op_multiply(s, ten, op_log10(s, op_maximum(s, x, least)));
  y = op_subtract(s, y, op_multiply(s, ten, of_reference));
  kvino_tensor *most = op_max(s, y, KVINO_NO_INTS, false, NULL);
  return op_maximum(s, y, op_subtract(s, most, kv_like(s, x, kv_field_number(c, "top_db"))));
}

kv_value kv_layer_mel_spectrogram(kv_invocation *c) {
  kv_scope *s = c->s;
  kvino_dtype compute = c->layer->compute;
  kvino_tensor *x = kv_arg(c, "inputs");
  int64_t fft = kv_field_integer(c, "fft_length"), length = kv_field_integer(c, "sequence_length");
  if (length == KVINO_NO_INTEGER || !length) length = fft;
  x = x ? kv_cast(s, x, compute == KVINO_F64 ? compute : KVINO_F32) : NULL;
  kvino_tensors wave =
      op_stft(s, x, length, kv_field_integer(c, "sequence_stride"), fft, kv_field_text(c, "window"), true, NULL);
  if (!wave.v) return KV_NOTHING;
  kvino_tensor *size = kv_sqrt(s, op_add(s, op_square(s, wave.v[0]), op_square(s, wave.v[1])));
  if (!size) return KV_NOTHING;
  kvino_tensor *power = op_power(s, size, kv_like(s, size, kv_field_number(c, "mag_exp")));
  kvino_tensor *y = op_matmul(s, power, bands(c, fft / 2 + 1));
  if (kv_field_flag(c, "power_to_db")) y = decibels(c, y);
  y = op_swapaxes(s, y, -1, -2);
  return kv_of(y ? kv_cast(s, y, compute) : NULL);
}
