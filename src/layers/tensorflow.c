/* Layers of tf.keras for functions of TensorFlow between layers. tensorflow.def has them. */
#include "layers/tensorflow.h"

#include <stdio.h>
#include <string.h>

#include "layers/config.h"
#include "layers/index.h"
#include "layers/operation.h"
#include "ops/common.h"

typedef kv_value own_function(kv_invocation *c);

/* ---- functions that are no single operator ---- */

static kvino_tensor *given(kv_invocation *c, const char *name) {
  kv_value v = kv_arg_value(c, name);
  return kv_value_tensor(c, &v);
}

static int64_t integer(kv_invocation *c, const char *name, int64_t preset) {
  kv_value v = kv_arg_value(c, name);
  if (v.kind == KV_VALUE_NONE) return preset;
  if (!json_is_integer(v.data)) kv_layer_refuse(c, "'%s' is not an integer", name);
  return json_integer_value(v.data);
}

static kvino_dtype dtype(kv_invocation *c, const char *name, kvino_dtype preset) {
  const char *text = json_string_value(kv_arg_value(c, name).data);
  if (text) kv_scope_ok(c->s, kvino_dtype_from_name(text, &preset, c->s->err));
  return preset;
}

static kv_value own_add_n(kv_invocation *c) {
  kv_value v = kv_arg_value(c, "inputs");
  kvino_tensors list = kv_value_list_of_tensors(c, &v);
  kvino_tensor *sum = list.n ? list.v[0] : NULL;
  for (size_t i = 1; i < list.n; i++) sum = op_add(c->s, sum, list.v[i]);
  return kv_of(sum);
}

static kv_value own_argmax(kv_invocation *c) {
  kvino_tensor *y = op_argmax(c->s, given(c, "input"), integer(c, "axis", 0), false);
  return kv_of(y ? kv_cast(c->s, y, dtype(c, "output_type", KVINO_I64)) : NULL);
}

static kv_value own_argmin(kv_invocation *c) {
  kvino_tensor *y = op_argmin(c->s, given(c, "input"), integer(c, "axis", 0), false);
  return kv_of(y ? kv_cast(c->s, y, dtype(c, "output_type", KVINO_I64)) : NULL);
}

static kv_value own_batch_flatten(kv_invocation *c) {
  kvino_tensor *x = given(c, "x");
  int64_t size = 1;
  for (int i = 1; x && i < x->rank; i++) size = x->shape[i] < 0 || size < 0 ? -1 : size * x->shape[i];
  if (size < 0) return kv_layer_refuse(c, "batch_flatten of unknown lengths"), KV_NOTHING;
  return kv_of(kv_reshape_to(c->s, x, 2, (int64_t[]){-1, size}));
}

static kv_value own_divide_no_nan(kv_invocation *c) {
  kvino_tensor *x = given(c, "x"), *y = given(c, "y");
  if (!x || !y) return KV_NOTHING;
  kvino_tensor *none = op_equal(c->s, y, kv_like(c->s, y, 0));
  kvino_tensor *ratio = op_true_divide(c->s, x, op_where(c->s, none, kv_like(c->s, y, 1), y));
  return kv_of(ratio ? op_where(c->s, none, kv_like(c->s, ratio, 0), ratio) : NULL);
}

static kv_value own_gather(kv_invocation *c) {
  kv_scope *s = c->s;
  kvino_tensor *x = given(c, "params"), *indices = given(c, "indices");
  int64_t n = integer(c, "batch_dims", 0), axis = integer(c, "axis", n);
  if (!x || !indices || !kv_axis_ok(s, &axis, x->rank)) return KV_NOTHING;
  if (n < 0) n += indices->rank;
  if (n < 0 || n > axis || n > indices->rank) return kv_layer_refuse(c, "batch_dims of the gather"), KV_NOTHING;
  return kv_of(kv_gather(s, x, indices, kv_int(s, KVINO_I64, axis), (kv_gather_attrs){.batch_dims = (int32_t)n}));
}

static kv_value own_getitem(kv_invocation *c) {
  kv_value key = kv_arg_value(c, "slice_spec");
  return kv_of(kv_index(c, given(c, "tensor"), &key));
}

/* As TensorFlow has it: what is under epsilon is the square of the length. */
static kv_value own_l2_normalize(kv_invocation *c) {
  kv_scope *s = c->s;
  kvino_tensor *x = given(c, "x");
  kv_value axis = kv_arg_value(c, "axis"), epsilon = kv_arg_value(c, "epsilon");
  kvino_tensor *sum = op_sum(s, op_square(s, x), kv_value_ints(c, &axis), true);
  if (!sum) return KV_NOTHING;
  double least = epsilon.kind == KV_VALUE_DATA ? json_number_value(epsilon.data) : 1e-12;
  return kv_of(op_multiply(s, x, op_rsqrt(s, op_maximum(s, sum, kv_like(s, sum, least)))));
}

static kv_value own_matmul(kv_invocation *c) {
  kvino_tensor *a = given(c, "a"), *b = given(c, "b");
  if (kv_arg_flag(c, "transpose_a", false)) a = op_swapaxes(c->s, a, -1, -2);
  if (kv_arg_flag(c, "transpose_b", false)) b = op_swapaxes(c->s, b, -1, -2);
  return kv_of(op_matmul(c->s, a, b));
}

static kv_value own_shape(kv_invocation *c) {
  kvino_tensor *x = given(c, "input");
  return kv_of(x ? kv_cast(c->s, kv_dims(c->s, x), dtype(c, "out_type", KVINO_I32)) : NULL);
}

/* Into so many parts, or parts of these sizes: where they end. */
static kv_value own_split(kv_invocation *c) {
  kvino_tensor *x = given(c, "value");
  kv_value parts = kv_arg_value(c, "num_or_size_splits");
  kvino_ints sizes = kv_value_ints(c, &parts);
  int64_t axis = integer(c, "axis", 0), *end = kv_scope_alloc(c->s, (size_t)sizes.n + 1, sizeof *end), sum = 0;
  if (!x || !end || sizes.n < 1) return KV_NOTHING;
  bool several = parts.kind == KV_VALUE_LIST, plain = several && !sizes.symbolic;
  if (several && !plain) return kv_layer_refuse(c, "sizes of parts that are tensors"), KV_NOTHING;
  for (int64_t i = 0; several && i < sizes.n - 1; i++) {
    if (sizes.v[i] < 0) return kv_layer_refuse(c, "parts of unknown size before the last"), KV_NOTHING;
    end[i] = sum += sizes.v[i];
  }
  kvino_ints at = several ? (kvino_ints){sizes.n - 1, end, NULL, true} : sizes;
  return kv_value_tensors(c->s, op_split(c->s, x, at, axis));
}

static kv_value own_squared_difference(kv_invocation *c) {
  return kv_of(op_square(c->s, op_subtract(c->s, given(c, "x"), given(c, "y"))));
}

/* ---- the table ---- */

typedef struct function {
  const char *name, *op, *parameters;
  own_function *own; /* where there is no operator */
} function;

static const function FUNCTIONS[] = {
#define TF(function, op, parameters) {#function, #op, parameters, NULL},
#define TF_OWN(function, parameters) {#function, NULL, parameters, own_##function},
#include "layers/tensorflow.def"
#undef TF
#undef TF_OWN
};

/* "math.reduce_sum", "compat.v1.transpose", "__operators__.add": what stands in front has no meaning of its own. */
static const function *find(const char *name) {
  static const char *const MODULES[] = {
      "compat.v1.", "__operators__.", "keras.activations.", "keras.backend.", "math.", "nn.", "linalg.", "image."};
  for (size_t i = 0; i < sizeof MODULES / sizeof *MODULES; i++)
    if (!strncmp(name, MODULES[i], strlen(MODULES[i]))) name += strlen(MODULES[i]);
  for (size_t i = 0; i < sizeof FUNCTIONS / sizeof *FUNCTIONS; i++)
    if (!strcmp(FUNCTIONS[i].name, name)) return &FUNCTIONS[i];
  return NULL;
}

bool kv_tensorflow_known(const char *name) { return name && find(name); }

/* ---- operators: TensorFlow's parameters under their names there ---- */

typedef struct item {
  char name[32], to[32]; /* to: "-" where there is none */
  const char *preset;
  size_t n_preset;
} item;

static bool next_item(const char **list, item *out) {
  const char *from;
  size_t n;
  if (!kv_item(list, &from, &n)) return false;
  const char *equals = memchr(from, '=', n), *colon = memchr(from, ':', n), *end = from + n;
  size_t name = (size_t)((equals ? equals : end) - from);
  const char *to = equals ? equals + 1 : from;
  size_t length = (size_t)((colon ? colon : end) - to);
  snprintf(out->name, sizeof out->name, "%.*s", (int)name, from);
  snprintf(out->to, sizeof out->to, "%.*s", (int)length, to);
  out->preset = colon ? colon + 1 : NULL;
  out->n_preset = colon ? (size_t)(end - out->preset) : 0;
  return true;
}

static kv_value value_of(const kv_invocation *c, const char *name, size_t position) {
  for (size_t i = 0; i < c->n_named; i++)
    if (!strcmp(c->names[i], name)) return c->named[i];
  return position < c->n_args ? c->args[position] : KV_NOTHING;
}

static int parameter(const kvino_op *op, const char *name) {
  for (int i = 0; i < op->n_parameters; i++)
    if (!strcmp(op->parameter[i].name, name)) return i;
  return -1;
}

static bool is_preset(const json_t *value, const json_t *preset) {
  if (json_is_false(value) || !value) return true;
  if (json_is_number(value) && json_is_number(preset)) return json_number_value(value) == json_number_value(preset);
  return preset && json_equal(value, preset);
}

/* `presets` keeps the defaults of the table. */
static bool bind(kv_invocation *c, const function *f, const kvino_op *op, kv_bound *to, json_t *presets) {
  const char *list = f->parameters;
  item at;
  for (size_t position = 0; next_item(&list, &at); position++) {
    kv_value v = value_of(c, at.name, position);
    json_t *preset = at.preset ? kv_python_value(at.preset, at.n_preset) : NULL;
    if (preset) json_array_append_new(presets, preset);
    if (*at.to == '-') {
      if (v.kind != KV_VALUE_NONE && !is_preset(v.data, preset))
        return kv_layer_refuse(c, "'%s' of tf.%s is not read from a file", at.name, f->name) != NULL;
      continue;
    }
    if (v.kind == KV_VALUE_NONE && preset) v = (kv_value){.kind = KV_VALUE_DATA, .data = preset};
    int k = parameter(op, at.to);
    if (k < 0) return kv_layer_refuse(c, "the operator %s has no parameter '%s'", op->name, at.to) != NULL;
    if (v.kind != KV_VALUE_NONE) to[k] = (kv_bound){true, v};
  }
  return !c->s->status;
}

/* Every argument stands in the list, or is nothing. */
static bool check(kv_invocation *c, const function *f) {
  size_t most = 0, n;
  const char *list = f->parameters, *from;
  while (kv_item(&list, &from, &n)) most++;
  if (c->n_args > most) return kv_layer_refuse(c, "tf.%s is called with %zu arguments", f->name, c->n_args) != NULL;
  for (size_t i = 0; i < c->n_named; i++) {
    bool nothing = c->named[i].kind == KV_VALUE_NONE || json_is_false(c->named[i].data);
    if (nothing || !strcmp(c->names[i], "name") || kv_listed(f->parameters, c->names[i], NULL, NULL)) continue;
    return kv_layer_refuse(c, "'%s' of tf.%s is not read from a file", c->names[i], f->name) != NULL;
  }
  return true;
}

kv_value kv_layer_tensorflow(kv_invocation *c) {
  return kv_tensorflow_call(c, json_string_value(json_object_get(c->layer->config, "function")));
}

kv_value kv_tensorflow_call(kv_invocation *c, const char *name) {
  const function *f = name ? find(name) : NULL;
  if (!f) return kv_layer_refuse(c, "the function tf.%s is not read from a file", name ? name : "?"), KV_NOTHING;
  if (!check(c, f)) return KV_NOTHING;
  if (f->own) {
    kv_layer_kind kind = *c->layer->kind;
    kv_layer layer = *c->layer;
    kv_invocation inner = *c;
    kind.arguments = f->parameters;
    layer.kind = &kind;
    inner.layer = &layer;
    return f->own(&inner);
  }
  const kvino_op *op = kvino_op_find(NULL, f->op);
  kv_bound to[KVINO_MAX_PARAMETERS] = {0};
  json_t *presets = json_array();
  kv_value out = KV_NOTHING;
  if (op && presets && bind(c, f, op, to, presets)) out = kv_call_operator(c, op, to);
  json_decref(presets);
  return out;
}
