/* The formulas are those of Keras's layers (_int8_call, _int4_call, ...), in their order, so that they round alike. */
#include "layers/quantized.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/common.h"

/* ---- marks ---- */

static int group_size(const char *mode, const char *name) {
  size_t n = strlen(name);
  return !strncmp(mode, name, n) && mode[n] == '/' ? atoi(mode + n + 1) : -1;
}

static bool is_mode(const char *mode, const char *name) {
  size_t n = strlen(name);
  return !strncmp(mode, name, n) && (!mode[n] || mode[n] == '/');
}

kvino_status kv_mark_quantization(kv_layer *layer, const char *mode, bool lora, kvino_error *err) {
  bool int8 = is_mode(mode, "int8"), int4 = is_mode(mode, "int4"), float8 = is_mode(mode, "float8");
  bool awq = is_mode(mode, "awq"), packed = awq || is_mode(mode, "gptq");
  if (*mode && !int8 && !int4 && !float8 && !packed)
    return kv_fail(err, KVINO_UNSUPPORTED,
                   "layer '%s' (%s): quantization mode '%s' is not one that is read from a file", layer->name,
                   layer->class_name, mode);
  const struct {
    const char *name;
    bool is;
  } marks[] = {{"int8", int8},
               {"int4", int4},
               {"float8", float8},
               {"packed", packed},
               {"awq", awq},
               {"few_bits", awq || group_size(mode, "gptq") == 4},
               {"grouped", int4 && group_size(mode, "int4") > 0},
               {"lora", lora},
               {"frozen", int8 || int4 || (lora && !packed)},
               {"float", !int8 && !int4 && !packed},
               {"plain", !int8 && !int4 && !packed && !lora}};
  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
    if (marks[i].is && json_object_set_new(layer->defaults, marks[i].name, json_true()))
      return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a configuration");
  return KVINO_OK;
}

static bool has(kv_invocation *c, const char *mark) { return json_is_true(json_object_get(c->layer->defaults, mark)); }

/* ---- parts ---- */

static kvino_tensor *to_compute(kv_invocation *c, kvino_tensor *x) { return kv_cast(c->s, x, c->layer->compute); }

/* The numbers of 4 bits in `packed`, along its axis 0 or its last one. */
static kvino_tensor *unpack(kv_invocation *c, kvino_tensor *packed, bool first, int64_t length) {
  if (!packed || packed->rank != 2) return kv_layer_refuse(c, "packed weights must have two dimensions");
  return kv_unpack_int4(c->s, packed, (kv_unpack_attrs){.axis = first ? 0 : 1, .length = length});
}

/* A weight's length; -1 with the scope failed where it has no such axis. */
static int64_t length(kv_invocation *c, const kvino_tensor *t, int axis) {
  if (t && axis < 0) axis += t->rank;
  if (t && axis >= 0 && axis < t->rank) return t->shape[axis];
  kv_layer_refuse(c, "its scales have other dimensions than a quantized layer's");
  return -1;
}

/* (w - zero) * scale, with a scale and a zero for each group along `axis`. */
static kvino_tensor *by_groups(kv_invocation *c, kvino_tensor *w, kvino_tensor *scale, kvino_tensor *zero,
                               kvino_tensor *group, int64_t axis) {
  kv_scope *s = c->s;
  kvino_tensor *groups = kv_cast(s, group, KVINO_I32);
  kvino_tensor *scales = op_take(s, scale, groups, axis), *zeros = op_take(s, zero, groups, axis);
  if (!scales) return NULL;
  return op_multiply(s, op_subtract(s, w, kv_cast(s, zeros, kv_dtype_of(scales))), scales);
}

/* x to float8 and back. */
static kvino_tensor *through_float8(kv_invocation *c, kvino_tensor *x, kvino_tensor *scale) {
  kv_scope *s = c->s;
  if (!x) return NULL;
  scale = to_compute(c, scale);
  kvino_tensor *y = op_divide(s, x, scale);
  y = op_clip(s, y, kv_like(s, y, -448), kv_like(s, y, 448)); /* the largest of float8_e4m3fn */
  return op_multiply(s, to_compute(c, kv_cast(s, y, KVINO_F8E4M3)), scale);
}

/* ---- quantized inputs ---- */

/* The layer's quantizer of inputs: where there is no configuration, what `preset` says. */
static bool quantizes_inputs(kv_invocation *c, bool preset) {
  const json_t *config = kv_field(c, "quantization_config");
  if (json_is_null(config)) return preset;
  return !json_is_null(json_object_get(json_object_get(config, "config"), "activation_quantizer")) &&
         json_object_get(json_object_get(config, "config"), "activation_quantizer");
}

/* int8 numbers for x, and the scale they have, with axes of length 1 (AbsMaxQuantizer). */
static kvino_tensor *quantize(kv_invocation *c, kvino_tensor *x, kvino_ints axes, kvino_tensor **scale) {
  kv_scope *s = c->s;
  const json_t *q =
      json_object_get(json_object_get(kv_field(c, "quantization_config"), "config"), "activation_quantizer");
  const json_t *config = json_object_get(q, "config"), *range = json_object_get(config, "value_range");
  const char *class = json_string_value(json_object_get(q, "class_name")),
             *dtype = json_string_value(json_object_get(config, "output_dtype"));
  double low = -127, high = 127, epsilon = 1e-7;
  if ((class && strcmp(class, "AbsMaxQuantizer") != 0) || (dtype && strcmp(dtype, "int8") != 0))
    return kv_layer_refuse(c, "its quantizer of inputs is not AbsMaxQuantizer of int8");
  if (json_array_size(range) == 2) {
    low = json_number_value(json_array_get(range, 0));
    high = json_number_value(json_array_get(range, 1));
  }
  if (json_is_number(json_object_get(config, "epsilon")))
    epsilon = json_number_value(json_object_get(config, "epsilon"));
  kvino_tensor *most = op_max(s, op_absolute(s, x), axes, true, NULL);
  if (!most) return NULL;
  *scale = kv_cast(s, op_divide(s, kv_like(s, most, high), op_add(s, most, kv_like(s, most, epsilon))), kv_dtype_of(x));
  kvino_tensor *y = op_round(s, op_multiply(s, x, *scale), 0);
  if (!y) return NULL;
  return kv_cast(s, op_clip(s, y, kv_like(s, y, low), kv_like(s, y, high)), KVINO_I8);
}

/* ---- products ---- */

enum { LABELS = KVINO_MAX_RANK + 1 };

/* The letters of an equation's three parts. */
typedef struct letters {
  char in[LABELS], kernel[LABELS], out[LABELS];
} letters;

static bool take_letters(const char *from, size_t n, char to[LABELS]) {
  for (size_t i = 0; i < n; i++)
    if (n >= LABELS || !isalpha((unsigned char)from[i])) return false;
  snprintf(to, LABELS, "%.*s", (int)n, from);
  return true;
}

/* False, with the scope failed, where the equation is not one of two operands for an input of this rank. (Keras
 * quantizes none with "...".) */
static bool read_equation(kv_invocation *c, const char *equation, int rank, letters *l) {
  const char *comma = strchr(equation, ','), *arrow = strstr(equation, "->");
  bool fits = comma && arrow && comma < arrow && take_letters(equation, (size_t)(comma - equation), l->in) &&
              take_letters(comma + 1, (size_t)(arrow - comma - 1), l->kernel) &&
              take_letters(arrow + 2, strlen(arrow + 2), l->out) && (int)strlen(l->in) == rank;
  return fits ||
         (kv_layer_refuse(c, "a quantized kernel in equation '%.100s' for an input of %d dimensions", equation, rank),
          false);
}

/* A kernel that was stored as a matrix in the shape that the equation gives it: lengths of the input's axes, and of the
 * layer's output_shape. */
static kvino_tensor *shaped(kv_invocation *c, kvino_tensor *w, const kvino_tensor *x, const letters *l) {
  int64_t shape[KVINO_MAX_RANK];
  kvino_ints given = kv_field_ints(c, "output_shape", 0);
  int rank = (int)strlen(l->kernel), n_out = (int)strlen(l->out), unknown = 0;
  for (int i = 0; i < rank; i++) {
    const char *in = strchr(l->in, l->kernel[i]), *out = strchr(l->out, l->kernel[i]);
    int64_t at = out ? given.n - (n_out - (out - l->out)) : -1;
    shape[i] = in ? x->shape[in - l->in] : at >= 0 && at < given.n ? given.v[at] : -1;
    unknown += shape[i] < 0;
  }
  if (unknown > 1) return kv_layer_refuse(c, "the shape of its kernel is not known");
  return kv_reshape_to(c->s, w, rank, shape);
}

/* A scale with the input's axes (1 where the product sums) as one with the output's. */
static kvino_tensor *align(kv_invocation *c, kvino_tensor *scale, const letters *l) {
  int64_t perm[KVINO_MAX_RANK], summed[KVINO_MAX_RANK], added[KVINO_MAX_RANK];
  int n = 0, n_summed = 0, n_added = 0;
  for (int i = 0; l->out[i]; i++) {
    const char *in = strchr(l->in, l->out[i]);
    if (in)
      perm[n++] = in - l->in;
    else
      added[n_added++] = i;
  }
  for (int i = 0; l->in[i]; i++)
    if (!strchr(l->out, l->in[i])) summed[n_summed++] = n, perm[n++] = i;
  if (!scale || n != scale->rank) return kv_layer_refuse(c, "an equation that repeats letters");
  scale = kv_permute(c->s, scale, perm);
  for (int i = 0; i < n_summed; i++) summed[i] = n - n_summed + i;
  if (n_summed) scale = op_squeeze(c->s, scale, (kvino_ints){n_summed, summed, NULL, true});
  return n_added ? op_expand_dims(c->s, scale, (kvino_ints){n_added, added, NULL, true}) : scale;
}

static kvino_tensor *multiply(kv_invocation *c, const char *equation, kvino_tensor *x, kvino_tensor *w) {
  if (!equation) return op_matmul(c->s, x, w);
  kvino_tensor *operands[] = {x, w};
  return x && w ? op_einsum(c->s, equation, (kvino_tensors){2, operands}) : NULL;
}

/* The kernel of GPTQ and AWQ, which is stored transposed. */
static kvino_tensor *packed_kernel(kv_invocation *c) {
  kv_scope *s = c->s;
  kvino_tensor *w = kv_weight(c, "quantized_kernel"), *scale = kv_weight(c, "kernel_scale");
  if (has(c, "few_bits")) w = unpack(c, w, true, length(c, scale, 0));
  w = by_groups(c, w, scale, kv_weight(c, "kernel_zero"), kv_weight(c, "g_idx"), -1);
  w = op_transpose(s, w, KVINO_NO_INTS);
  if (!has(c, "awq")) return w;
  return op_divide(s, w, op_expand_dims(s, kv_weight(c, "awq_scales"), KVINO_INTS(-1)));
}

static kvino_tensor *int8_product(kv_invocation *c, kvino_tensor *x, const char *equation, const letters *l) {
  kv_scope *s = c->s;
  kvino_tensor *scale = kv_weight(c, "kernel_scale"), *in_scale = NULL, *w = kv_weight(c, "kernel");
  int64_t summed[KVINO_MAX_RANK];
  int n = 0;
  for (int i = 0; equation && l->in[i]; i++)
    if (!strchr(l->out, l->in[i])) summed[n++] = i;
  if (quantizes_inputs(c, true)) {
    x = quantize(c, x, equation ? (kvino_ints){n, summed, NULL, true} : KVINO_INTS(-1), &in_scale);
    if (equation) in_scale = align(c, in_scale, l);
    scale = op_multiply(s, scale, in_scale);
  }
  return op_divide(s, to_compute(c, multiply(c, equation, x, w)), scale);
}

static kvino_tensor *int4_product(kv_invocation *c, kvino_tensor *x, const char *equation, const letters *l) {
  kv_scope *s = c->s;
  kvino_tensor *scale = kv_weight(c, "kernel_scale"), *in_scale = NULL, *origin = x;
  kvino_tensor *w = unpack(c, kv_weight(c, "kernel"), false, length(c, scale, -1));
  if (has(c, "grouped")) {
    w = to_compute(c, by_groups(c, w, scale, kv_weight(c, "kernel_zero"), kv_weight(c, "g_idx"), 0));
    return multiply(c, equation, x, equation && w ? shaped(c, w, x, l) : w);
  }
  if (!equation) {
    if (quantizes_inputs(c, false)) {
      x = quantize(c, x, KVINO_INTS(-1), &in_scale);
      scale = op_multiply(s, scale, in_scale);
    }
    return op_divide(s, to_compute(c, op_matmul(s, x, w)), scale);
  }
  w = op_divide(s, to_compute(c, w), scale);
  if (w) w = shaped(c, w, origin, l);
  if (!quantizes_inputs(c, false)) return multiply(c, equation, x, w);
  int64_t summed[KVINO_MAX_RANK];
  int n = 0;
  for (int i = 0; l->in[i]; i++)
    if (!strchr(l->out, l->in[i])) summed[n++] = i;
  x = quantize(c, x, (kvino_ints){n, summed, NULL, true}, &in_scale);
  return op_divide(s, to_compute(c, multiply(c, equation, x, w)), align(c, in_scale, l));
}

/* alpha / rank of LoRA. */
static kvino_tensor *share(kv_invocation *c, const kvino_tensor *x) {
  double rank = kv_field_number(c, "lora_rank");
  double alpha = json_is_null(kv_field(c, "lora_alpha")) ? rank : kv_field_number(c, "lora_alpha");
  return kv_like(c->s, x, alpha / rank);
}

kvino_tensor *kv_adapted(kv_invocation *c, const char *kernel, const char *a, const char *b) {
  kv_scope *s = c->s;
  kvino_tensor *w = kv_weight(c, kernel);
  if (!has(c, "lora")) return w;
  kvino_tensor *learned = op_matmul(s, kv_weight(c, a), kv_weight(c, b));
  return learned ? to_compute(c, op_add(s, w, op_multiply(s, share(c, learned), learned))) : NULL;
}

kvino_tensor *kv_product(kv_invocation *c, kvino_tensor *x, const char *equation) {
  kv_scope *s = c->s;
  letters l = {"", "", ""};
  bool int8 = has(c, "int8"), int4 = has(c, "int4"), packed = has(c, "packed");
  if (!x) return NULL;
  if (equation && (int8 || int4 || packed) && !read_equation(c, equation, x->rank, &l)) return NULL;
  if (has(c, "float8"))
    return multiply(c, equation, through_float8(c, x, kv_weight(c, "inputs_scale")),
                    through_float8(c, kv_weight(c, "kernel"), kv_weight(c, "kernel_scale")));
  if (packed) {
    kvino_tensor *w = packed_kernel(c);
    return multiply(c, equation, x, equation && w ? shaped(c, w, x, &l) : w);
  }
  if (!int8 && !int4) return multiply(c, equation, x, kv_adapted(c, "kernel", "lora_kernel_a", "lora_kernel_b"));
  kvino_tensor *y = int8 ? int8_product(c, x, equation, &l) : int4_product(c, x, equation, &l);
  if (!has(c, "lora")) return y;
  kvino_tensor *learned = multiply(c, equation, x, kv_weight(c, "lora_kernel_a"));
  learned = op_matmul(s, learned, kv_weight(c, "lora_kernel_b"));
  return learned ? to_compute(c, op_add(s, y, op_multiply(s, share(c, learned), learned))) : NULL;
}

kvino_tensor *kv_quantized_bias(kv_invocation *c) {
  kvino_tensor *bias = kv_weight(c, "bias");
  if (!bias || !has(c, "float8") || c->layer->compute != KVINO_F32) return bias;
  return kv_cast(c->s, kv_cast(c->s, bias, KVINO_BF16), KVINO_F32);
}

/* ---- embeddings ---- */

static bool is_quantized(kv_invocation *c) { return has(c, "int8") || has(c, "int4"); }

kvino_tensor *kv_embed(kv_invocation *c, kvino_tensor *indices) {
  kv_scope *s = c->s;
  if (!is_quantized(c))
    return op_take(s, kv_adapted(c, "embeddings", "lora_embeddings_a", "lora_embeddings_b"), indices, 0);
  kvino_tensor *table = kv_weight(c, "embeddings"), *scale = op_take(s, kv_weight(c, "embeddings_scale"), indices, 0);
  if (has(c, "int4")) table = unpack(c, table, false, kv_field_integer(c, "output_dim"));
  kvino_tensor *y = to_compute(c, op_take(s, table, indices, 0));
  if (has(c, "grouped"))
    y = by_groups(c, y, scale, op_take(s, kv_weight(c, "embeddings_zero"), indices, 0), kv_weight(c, "g_idx"), -1);
  else
    y = op_divide(s, y, op_expand_dims(s, scale, KVINO_INTS(-1)));
  if (!has(c, "lora")) return y;
  kvino_tensor *learned = op_take(s, kv_weight(c, "lora_embeddings_a"), indices, 0);
  learned = op_matmul(s, learned, kv_weight(c, "lora_embeddings_b"));
  return learned ? to_compute(c, op_add(s, y, op_multiply(s, share(c, learned), learned))) : NULL;
}

kvino_tensor *kv_unembed(kv_invocation *c, kvino_tensor *x) {
  kv_scope *s = c->s;
  kvino_tensor *own = kv_weight(c, "reverse_embeddings"), *in_scale = NULL;
  if (!is_quantized(c) || !x) return NULL;
  kvino_tensor *w = own ? own : op_transpose(s, kv_weight(c, "embeddings"), KVINO_NO_INTS);
  kvino_tensor *scale = kv_weight(c, own ? "reverse_embeddings_scale" : "embeddings_scale");
  if (has(c, "int4")) w = unpack(c, w, true, kv_field_integer(c, "output_dim"));
  if (quantizes_inputs(c, true)) x = quantize(c, x, KVINO_INTS(-1), &in_scale);
  if (!x || !w) return NULL;
  if (!has(c, "grouped")) {
    kvino_tensor *y = to_compute(c, op_matmul(s, x, w));
    return op_divide(s, y, in_scale ? op_multiply(s, in_scale, scale) : scale);
  }
  kvino_tensor *zero = kv_weight(c, own ? "reverse_embeddings_zero" : "embeddings_zero");
  if (!own) {
    scale = op_transpose(s, scale, KVINO_NO_INTS);
    zero = op_transpose(s, zero, KVINO_NO_INTS);
  }
  kvino_tensor *y = op_matmul(s, x, by_groups(c, to_compute(c, w), scale, zero, kv_weight(c, "g_idx"), 0));
  return in_scale ? op_divide(s, y, in_scale) : y;
}
