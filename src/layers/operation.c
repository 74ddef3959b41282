/* Operators of keras.ops in a Functional model: their call's arguments and their configuration, bound to the
 * parameters of the operator that has the class's name in small letters. */
#include <string.h>

#include "layers/config.h"
#include "layers/graph.h"
#include "layers/index.h"
#include "layers/operation.h"
#include "ops/common.h"

/* ---- values as arguments ---- */

static bool numbers_of(const kv_value *v, int rank, const int64_t *shape, double **to, bool *integers) {
  if (!rank) {
    *integers &= json_is_integer(v->data);
    if (v->kind == KV_VALUE_DATA) *(*to)++ = json_number_value(v->data);
    return v->kind == KV_VALUE_DATA && json_is_number(v->data);
  }
  if (v->kind != KV_VALUE_LIST || v->n != (size_t)*shape) return false;
  for (size_t i = 0; i < v->n; i++)
    if (!numbers_of(&v->item[i], rank - 1, shape + 1, to, integers)) return false;
  return true;
}

/* Nested lists of numbers: of int32, as Keras takes Python's integers, or floatx. */
static kvino_tensor *from_list(kv_invocation *c, const kv_value *v) {
  int64_t shape[KVINO_MAX_RANK];
  size_t size = 1;
  int rank = 0;
  for (const kv_value *at = v; at->kind == KV_VALUE_LIST && rank < 8; at = at->item) {
    shape[rank++] = (int64_t)at->n;
    size *= at->n;
    if (!at->n) break;
  }
  double *numbers = kv_scope_alloc(c->s, size ? size : 1, sizeof *numbers), *to = numbers;
  bool integers = true;
  kvino_tensor *t = NULL;
  if (!numbers) return NULL;
  if (!numbers_of(v, rank, shape, &to, &integers))
    return kv_layer_refuse(c, "an argument is neither a tensor nor a list of numbers");
  if (!kv_scope_ok(c->s, kvino_tensor_new(KVINO_F64, rank, shape, numbers, &t, c->s->err))) return NULL;
  return kv_cast(c->s, kv_own(c->s, t), integers ? KVINO_I32 : kvino_floatx());
}

kvino_tensor *kv_value_tensor(kv_invocation *c, const kv_value *v) {
  kvino_tensor *t = NULL;
  const json_t *d = v->data;
  if (v->kind == KV_VALUE_TENSOR) return v->tensor;
  if (v->kind == KV_VALUE_LIST) return from_list(c, v);
  kvino_status status = json_is_integer(d)   ? kvino_tensor_weak_i64(json_integer_value(d), &t, c->s->err)
                        : json_is_real(d)    ? kvino_tensor_weak_f64(json_real_value(d), &t, c->s->err)
                        : json_is_boolean(d) ? kvino_tensor_weak_bool(json_is_true(d), &t, c->s->err)
                                             : KVINO_OK;
  if (kv_scope_ok(c->s, status) && t) return kv_own(c->s, t);
  return kv_layer_refuse(c, "an argument is neither a tensor nor a number");
}

/* A vector of known length, such as a shape, is as many integers. */
static bool is_vector(const kv_value *v) {
  return v->kind == KV_VALUE_TENSOR && v->tensor && v->tensor->rank == 1 && v->tensor->shape[0] >= 0 &&
         v->tensor->shape[0] <= KVINO_MAX_RANK;
}

static size_t count_integers(const kv_value *v) {
  size_t n = is_vector(v) ? (size_t)v->tensor->shape[0] : v->kind == KV_VALUE_DATA || v->kind == KV_VALUE_TENSOR;
  for (size_t i = 0; i < v->n; i++) n += count_integers(&v->item[i]);
  return n;
}

/* Writes to v[*at], or symbolic[*at], and on. */
static void gather_integers(kv_invocation *c, const kv_value *of, int64_t *v, kvino_tensor **symbolic, size_t *at) {
  if (is_vector(of)) {
    for (int64_t i = 0; i < of->tensor->shape[0]; i++)
      symbolic[(*at)++] = kv_gather(c->s, of->tensor, kv_int(c->s, KVINO_I64, i), kv_int(c->s, KVINO_I64, 0),
                                    (kv_gather_attrs){.batch_dims = 0});
  } else if (of->kind == KV_VALUE_TENSOR) {
    if (!of->tensor || of->tensor->rank) kv_layer_refuse(c, "an argument is a tensor where integers are expected");
    symbolic[(*at)++] = of->tensor;
  } else if (of->kind == KV_VALUE_DATA) {
    if (!json_is_integer(of->data)) kv_layer_refuse(c, "an argument is not a list of integers");
    v[(*at)++] = json_integer_value(of->data);
  }
  for (size_t i = 0; i < of->n; i++) gather_integers(c, &of->item[i], v, symbolic, at);
}

kvino_ints kv_value_ints(kv_invocation *c, const kv_value *v) {
  size_t n = count_integers(v), at = 0, n_symbolic = 0;
  int64_t *list = kv_scope_alloc(c->s, n ? n : 1, sizeof *list);
  kvino_tensor **symbolic = kv_scope_alloc(c->s, n ? n : 1, sizeof *symbolic);
  if (v->kind == KV_VALUE_NONE || !list || !symbolic) return KVINO_NO_INTS;
  for (size_t i = 0; i < n; i++) list[i] = 0, symbolic[i] = NULL;
  gather_integers(c, v, list, symbolic, &at);
  for (size_t i = 0; i < n; i++) n_symbolic += symbolic[i] != NULL;
  return (kvino_ints){(int64_t)n, list, n_symbolic ? symbolic : NULL, v->kind == KV_VALUE_LIST || is_vector(v)};
}

/* TensorFlow writes some texts otherwise. */
static const char *as_text(kv_invocation *c, const kv_value *v) {
  static const char *const WORDS[][2] = {
      {"VALID", "valid"},       {"SAME", "same"},       {"NHWC", "channels_last"}, {"NCHW", "channels_first"},
      {"CONSTANT", "constant"}, {"REFLECT", "reflect"}, {"SYMMETRIC", "symmetric"}};
  if (v->kind == KV_VALUE_NONE) return NULL;
  const char *text = json_string_value(v->data);
  for (size_t i = 0; text && i < sizeof WORDS / sizeof *WORDS; i++)
    if (!strcmp(text, WORDS[i][0])) return WORDS[i][1];
  return text ? text : kv_layer_refuse(c, "an argument is not a text");
}

kvino_tensors kv_value_list_of_tensors(kv_invocation *c, const kv_value *v) {
  size_t n = v->kind == KV_VALUE_LIST ? v->n : 1;
  kvino_tensor **list = kv_scope_alloc(c->s, n ? n : 1, sizeof *list);
  for (size_t i = 0; list && i < n; i++) list[i] = kv_value_tensor(c, v->kind == KV_VALUE_LIST ? &v->item[i] : v);
  return list ? (kvino_tensors){n, list} : KV_NO_TENSORS;
}

static void convert(kv_invocation *c, kvino_kind kind, const kv_value *v, kvino_arg *out) {
  kvino_dtype dtype = KVINO_NO_DTYPE;
  switch (kind) {
  case KVINO_KIND_tensor:
    out->tensor = kv_value_tensor(c, v);
    break;
  case KVINO_KIND_maybe:
    out->tensor = v->kind == KV_VALUE_NONE ? NULL : kv_value_tensor(c, v);
    break;
  case KVINO_KIND_tensors:
    out->tensors = kv_value_list_of_tensors(c, v);
    break;
  case KVINO_KIND_integer:
    out->integer = json_is_integer(v->data) ? json_integer_value(v->data) : KVINO_NO_INTEGER;
    break;
  case KVINO_KIND_number:
    out->number = json_number_value(v->data);
    break;
  case KVINO_KIND_flag:
    out->flag = json_is_true(v->data);
    break;
  case KVINO_KIND_text:
  case KVINO_KIND_order:
    out->text = as_text(c, v);
    break;
  case KVINO_KIND_dtype:
    if (v->kind != KV_VALUE_NONE) kv_scope_ok(c->s, kvino_dtype_from_name(as_text(c, v), &dtype, c->s->err));
    out->dtype = dtype;
    break;
  case KVINO_KIND_ints:
    out->ints = kv_value_ints(c, v);
    break;
  }
}

/* ---- the call ---- */

static int parameter(const kvino_op *op, const char *name) {
  for (int i = 0; i < op->n_parameters; i++)
    if (!strcmp(op->parameter[i].name, name)) return i;
  return -1;
}

static bool give(kv_invocation *c, const kvino_op *op, kv_bound *to, const char *name, kv_value v) {
  int i = parameter(op, name);
  /* sparse=False and the like */
  if (i < 0 && (v.kind == KV_VALUE_NONE || (v.kind == KV_VALUE_DATA && json_is_false(v.data)))) return true;
  if (i < 0) return kv_layer_refuse(c, "the operator %s has no parameter '%s'", op->name, name) != NULL;
  to[i] = (kv_bound){true, v};
  return true;
}

static kv_value no_tensor(void *context, const char *layer, int64_t node, int64_t output) {
  (void)layer, (void)node, (void)output;
  return kv_scope_fail(context, KVINO_IO, "a tensor in the configuration of an operator"), KV_NOTHING;
}

/* The configuration by name, then the call's arguments in the order of the parameters that are left. */
static bool bind(kv_invocation *c, const kvino_op *op, kv_bound *to) {
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)c->layer->config, key, value) {
    if (!strcmp(key, "name") || (!strcmp(key, "dtype") && parameter(op, key) < 0)) continue;
    if (!give(c, op, to, key, kv_value_read(c->s, value, no_tensor, c->s, 0))) return false;
  }
  for (size_t i = 0; i < c->n_named; i++)
    if (!give(c, op, to, c->names[i], c->named[i])) return false;
  int at = 0;
  for (size_t i = 0; i < c->n_args; i++) {
    while (at < op->n_parameters && to[at].given) at++;
    if (at == op->n_parameters) return kv_layer_refuse(c, "the operator %s has fewer parameters", op->name) != NULL;
    to[at] = (kv_bound){true, c->args[i]};
    /* einsum(subscripts, *operands) */
    if (op->parameter[at].kind == KVINO_KIND_tensors && c->args[i].kind == KV_VALUE_TENSOR) {
      to[at].value = (kv_value){.kind = KV_VALUE_LIST, .n = c->n_args - i, .item = (kv_value *)&c->args[i]};
      break;
    }
  }
  return !c->s->status;
}

kv_value kv_call_operator(kv_invocation *c, const kvino_op *op, const kv_bound *to) {
  kvino_arg args[KVINO_MAX_PARAMETERS];
  kvino_tensors out = {0};
  for (int i = 0; i < op->n_parameters; i++) {
    args[i] = op->parameter[i].preset;
    if (to[i].given)
      convert(c, op->parameter[i].kind, &to[i].value, &args[i]);
    else if (op->parameter[i].required)
      return kv_layer_refuse(c, "the operator %s lacks '%s'", op->name, op->parameter[i].name), KV_NOTHING;
  }
  if (c->s->status || !kv_scope_ok(c->s, kvino_op_call(op, args, &out, c->s->err))) return KV_NOTHING;
  kv_value list = kv_value_list(c->s, out.n);
  for (size_t i = 0; i < list.n; i++) list.item[i] = kv_of(kv_own(c->s, kvino_tensor_retain(out.v[i])));
  kvino_tensors_clear(&out);
  return op->list || list.n != 1 ? list : list.item[0];
}

kv_value kv_layer_operation(kv_invocation *c) {
  char name[KV_SNAKE_TEXT];
  kv_bound to[KVINO_MAX_PARAMETERS] = {0};
  const char *class = json_string_value(json_object_get(c->layer->object, "class_name"));
  kv_snake_case(class ? class : "", name);
  if (!strcmp(name, "get_item") && c->n_args == 2) return kv_of(kv_index(c, c->args[0].tensor, &c->args[1]));
  const kvino_op *op = kvino_op_find(NULL, name);
  if (!op) return kv_layer_refuse(c, "the operator %s is not read from a file", class ? class : "?"), KV_NOTHING;
  return bind(c, op, to) ? kv_call_operator(c, op, to) : KV_NOTHING;
}
