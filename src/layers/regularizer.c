#include "layers/regularizer.h"

#include <stdio.h>
#include <string.h>

#include "ops/common.h"

kvino_tensor *kv_l1_l2(kv_scope *s, double l1, double l2, kvino_tensor *x) {
  kvino_tensor *sum = NULL;
  if (!x) return NULL;
  if (l1 != 0) sum = op_multiply(s, op_sum(s, op_absolute(s, x), KVINO_NO_INTS, false), kv_like(s, x, l1));
  if (l2 == 0) return sum;
  kvino_tensor *squares = op_multiply(s, op_sum(s, op_square(s, x), KVINO_NO_INTS, false), kv_like(s, x, l2));
  return sum ? op_add(s, sum, squares) : squares;
}

/* 0.5 factor times the mean of |cosine| of each pair of rows (or columns). */
static kvino_tensor *orthogonal(kv_scope *s, const json_t *config, kvino_tensor *x) {
  const char *mode = json_string_value(json_object_get(config, "mode"));
  bool rows = !mode || !strcmp(mode, "rows");
  const json_t *factor = json_object_get(config, "factor");
  if (x->rank != 2) return kv_scope_fail(s, KVINO_INVALID, "Inputs to OrthogonalRegularizer must have rank 2");
  int64_t axis = rows ? 1 : 0, size = x->shape[1 - axis];
  x = kv_normalize_l2(s, x, KV_VECTOR(s, axis), (kv_normalize_l2_attrs){.eps = 1e-12, .eps_mode = "max"});
  kvino_tensor *turned = op_transpose(s, x, KVINO_NO_INTS);
  kvino_tensor *product = rows ? op_matmul(s, x, turned) : op_matmul(s, turned, x);
  kvino_tensor *others = op_subtract(s, kv_like(s, x, 1), op_eye(s, size, KVINO_NO_INTEGER, 0, kv_dtype_of(x)));
  kvino_tensor *sum = op_sum(s, op_absolute(s, op_multiply(s, product, others)), KVINO_NO_INTS, false);
  double weight = (json_is_number(factor) ? json_number_value(factor) : 0.01) * 0.5;
  return op_multiply(s, sum, kv_like(s, x, weight / ((double)size * ((double)size - 1) / 2)));
}

static double number(const json_t *config, const char *name, double preset) {
  const json_t *value = json_object_get(config, name);
  return json_is_number(value) ? json_number_value(value) : preset;
}

kvino_tensor *kv_regularize(kv_scope *s, const json_t *regularizer, kvino_tensor *x) {
  const json_t *config = json_object_get(regularizer, "config");
  const char *name =
      json_string_value(json_is_string(regularizer) ? regularizer : json_object_get(regularizer, "class_name"));
  if (json_is_null(regularizer) || !x) return NULL;
  if (name && (!strcmp(name, "L1L2") || !strcmp(name, "l1_l2")))
    return kv_l1_l2(s, number(config, "l1", config ? 0 : 0.01), number(config, "l2", config ? 0 : 0.01), x);
  if (name && (!strcmp(name, "L1") || !strcmp(name, "l1"))) return kv_l1_l2(s, number(config, "l1", 0.01), 0, x);
  if (name && (!strcmp(name, "L2") || !strcmp(name, "l2"))) return kv_l1_l2(s, 0, number(config, "l2", 0.01), x);
  if (name && (!strcmp(name, "OrthogonalRegularizer") || !strcmp(name, "orthogonal_regularizer")))
    return orthogonal(s, config, x);
  return kv_scope_fail(s, KVINO_UNSUPPORTED, "the regularizer '%s' is not one that is read from a file",
                       name ? name : "?");
}

const json_t *kv_weight_field(const kv_layer *layer, const char *name, const char *ending) {
  static const char KERNEL[] = "_kernel";
  char field[160];
  const char *slash = strrchr(name, '/'), *last = slash ? slash + 1 : name;
  size_t n = strlen(last), k = sizeof KERNEL - 1;
  snprintf(field, sizeof field, "%s%s", last, ending);
  const json_t *value = json_object_get(layer->config, field);
  if (!value && n > k && !strcmp(last + n - k, KERNEL)) { /* "recurrent_kernel": recurrent_regularizer */
    snprintf(field, sizeof field, "%.*s%s", (int)(n - k), last, ending);
    value = json_object_get(layer->config, field);
  }
  return json_is_null(value) ? NULL : value;
}

void kv_add_activity_loss(kv_invocation *c, kvino_tensor *loss, kvino_tensor *x) {
  if (loss && x && x->rank)
    loss = op_divide_no_nan(c->s, loss, kv_cast(c->s, kv_dimension(c->s, x, 0), kv_dtype_of(loss)));
  if (loss) kv_add_loss(c, loss);
}

void kv_regularize_activity(kv_invocation *c, kv_value *out) {
  const json_t *regularizer = json_object_get(c->layer->config, "activity_regularizer");
  size_t n = 0;
  if (!regularizer || json_is_null(regularizer)) return;
  kv_value **leaf = kv_value_leaves(c->s, out, &n);
  for (size_t i = 0; i < n; i++) {
    kvino_tensor *x = leaf[i]->tensor;
    kv_add_activity_loss(c, kv_regularize(c->s, regularizer, x), x);
  }
}
