#include "trainer/losses.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "layers/config.h"
#include "ops/common.h"
#include "trainer/arguments.h"

static const double EPSILON = 1e-7;

/* ---- formulas ---- */

/* One of two that has a dimension of 1 more than the other loses it, or the other gets it. */
static void same_rank(kv_scope *s, kvino_tensor **a, kvino_tensor **b) {
  kvino_tensor **more = (*a)->rank > (*b)->rank ? a : b, **less = more == a ? b : a;
  if ((*more)->rank != (*less)->rank + 1 || (*more)->shape[(*more)->rank - 1] != 1) return;
  if ((*less)->rank == 1)
    *less = op_expand_dims(s, *less, KVINO_INTS(-1));
  else
    *more = op_squeeze(s, *more, KVINO_INTS(-1));
}

static kvino_tensor *number(kv_loss_call *c, double value) { return kv_number(c->s, KVINO_F32, value); }
static kvino_tensor *over_last(kv_loss_call *c, kvino_tensor *x) { return op_mean(c->s, x, KVINO_INTS(-1), false); }
static kvino_tensor *along(kv_loss_call *c, kvino_tensor *x, bool mean, bool keep) {
  const json_t *axis = json_object_get(c->settings, "axis");
  kvino_ints axes = json_is_integer(axis) ? KVINO_INTS(json_integer_value(axis)) : KVINO_NO_INTS;
  return mean ? op_mean(c->s, x, axes, keep) : op_sum(c->s, x, axes, keep);
}
static kvino_tensor *difference(kv_loss_call *c) { return op_subtract(c->s, c->y, c->p); }
static kvino_tensor *one_minus(kv_loss_call *c, kvino_tensor *x) { return op_subtract(c->s, number(c, 1), x); }
static int64_t axis_of(kv_loss_call *c) { return (int64_t)kv_argument(c->settings, "axis"); }

static kvino_tensor *squared(kv_loss_call *c) { return over_last(c, op_square(c->s, difference(c))); }
static kvino_tensor *absolute(kv_loss_call *c) { return over_last(c, op_absolute(c->s, difference(c))); }

static kvino_tensor *percentage(kv_loss_call *c) {
  kv_scope *s = c->s;
  kvino_tensor *size = op_maximum(s, op_absolute(s, c->y), number(c, EPSILON));
  return op_multiply(s, number(c, 100), over_last(c, op_absolute(s, op_divide(s, difference(c), size))));
}

static kvino_tensor *log_of(kv_loss_call *c, kvino_tensor *x) {
  return op_log(c->s, op_add(c->s, op_maximum(c->s, x, number(c, EPSILON)), number(c, 1)));
}
static kvino_tensor *logarithmic(kv_loss_call *c) {
  return over_last(c, op_square(c->s, op_subtract(c->s, log_of(c, c->p), log_of(c, c->y))));
}

static kvino_tensor *cosine(kv_loss_call *c) {
  kv_scope *s = c->s;
  kv_normalize_l2_attrs attrs = {.eps = 1e-12, .eps_mode = "max"};
  int64_t axis = axis_of(c);
  kvino_tensor *y = kv_normalize_l2(s, c->y, kv_axes(s, KVINO_INTS(axis), c->y->rank), attrs);
  kvino_tensor *p = kv_normalize_l2(s, c->p, kv_axes(s, KVINO_INTS(axis), c->p->rank), attrs);
  return op_negative(s, op_sum(s, op_multiply(s, y, p), KVINO_INTS(axis), false));
}

static kvino_tensor *huber(kv_loss_call *c) {
  kv_scope *s = c->s;
  double delta = kv_argument(c->settings, "delta");
  kvino_tensor *size = op_absolute(s, difference(c));
  kvino_tensor *near = op_multiply(s, number(c, 0.5), op_square(s, difference(c)));
  kvino_tensor *far = op_subtract(s, op_multiply(s, number(c, delta), size), number(c, 0.5 * delta * delta));
  return over_last(c, op_where(s, op_less_equal(s, size, number(c, delta)), near, far));
}

static kvino_tensor *log_cosh(kv_loss_call *c) {
  kv_scope *s = c->s;
  kvino_tensor *x = op_subtract(s, c->p, c->y);
  kvino_tensor *y = op_add(s, x, op_softplus(s, op_multiply(s, x, number(c, -2))));
  return over_last(c, op_subtract(s, y, number(c, 0.69314718055994531)));
}

static kvino_tensor *divergence(kv_loss_call *c) {
  kv_scope *s = c->s;
  kvino_tensor *y = op_clip(s, c->y, number(c, EPSILON), number(c, 1));
  kvino_tensor *p = op_clip(s, c->p, number(c, EPSILON), number(c, 1));
  return op_sum(s, op_multiply(s, y, op_log(s, op_divide(s, y, p))), KVINO_INTS(-1), false);
}

static kvino_tensor *poisson(kv_loss_call *c) {
  kv_scope *s = c->s;
  kvino_tensor *log = op_log(s, op_add(s, c->p, number(c, EPSILON)));
  return over_last(c, op_subtract(s, c->p, op_multiply(s, c->y, log)));
}

/* Targets 0 and 1, if there are no others, are -1 and 1. */
static kvino_tensor *signs(kv_loss_call *c) {
  kv_scope *s = c->s;
  kvino_tensor *zero = op_equal(s, c->y, number(c, 0)), *one = op_equal(s, c->y, number(c, 1));
  kvino_tensor *binary = op_all(s, op_logical_or(s, zero, one), KVINO_NO_INTS, false);
  kvino_tensor *turned = op_subtract(s, op_multiply(s, number(c, 2), c->y), number(c, 1));
  return op_where(s, binary, turned, c->y);
}
static kvino_tensor *margin(kv_loss_call *c) {
  kvino_tensor *product = op_multiply(c->s, signs(c), c->p);
  return op_maximum(c->s, one_minus(c, product), number(c, 0));
}
static kvino_tensor *hinge(kv_loss_call *c) { return over_last(c, margin(c)); }
static kvino_tensor *squared_hinge(kv_loss_call *c) { return over_last(c, op_square(c->s, margin(c))); }

static kvino_tensor *categorical_hinge(kv_loss_call *c) {
  kv_scope *s = c->s;
  kvino_tensor *hit = op_sum(s, op_multiply(s, c->y, c->p), KVINO_INTS(-1), false);
  kvino_tensor *miss = op_max(s, op_multiply(s, one_minus(c, c->y), c->p), KVINO_INTS(-1), false, NULL);
  return op_maximum(s, op_add(s, op_subtract(s, miss, hit), number(c, 1)), number(c, 0));
}

/* y (1 - smoothing) + smoothing / parts */
static void smooth(kv_loss_call *c, int64_t parts) {
  double smoothing = kv_argument(c->settings, "label_smoothing");
  if (smoothing == 0) return;
  c->y = op_add(c->s, op_multiply(c->s, c->y, number(c, 1 - smoothing)), number(c, smoothing / (double)parts));
}

static bool logits(kv_loss_call *c) { return kv_argument_flag(c->settings, "from_logits"); }

static kvino_tensor *binary(kv_loss_call *c) {
  smooth(c, 2);
  return along(c, op_binary_crossentropy(c->s, c->y, c->p, logits(c), EPSILON), true, false);
}

static kvino_tensor *binary_focal(kv_loss_call *c) {
  kv_scope *s = c->s;
  double alpha = kv_argument(c->settings, "alpha");
  smooth(c, 2);
  if (logits(c)) c->p = op_sigmoid(s, c->p);
  kvino_tensor *entropy = op_binary_crossentropy(s, c->y, c->p, false, EPSILON);
  kvino_tensor *hit = op_add(s, op_multiply(s, c->y, c->p), op_multiply(s, one_minus(c, c->y), one_minus(c, c->p)));
  kvino_tensor *x =
      op_multiply(s, op_power(s, one_minus(c, hit), number(c, kv_argument(c->settings, "gamma"))), entropy);
  if (kv_argument_flag(c->settings, "apply_class_balancing"))
    x = op_multiply(
        s, op_add(s, op_multiply(s, c->y, number(c, alpha)), op_multiply(s, one_minus(c, c->y), number(c, 1 - alpha))),
        x);
  return along(c, x, true, false);
}

static kvino_tensor *categorical(kv_loss_call *c) {
  smooth(c, c->y->shape[c->y->rank - 1]);
  return op_categorical_crossentropy(c->s, c->y, c->p, logits(c), axis_of(c), EPSILON);
}

static kvino_tensor *categorical_focal(kv_loss_call *c) {
  kv_scope *s = c->s;
  smooth(c, c->y->shape[c->y->rank - 1]);
  kvino_tensor *p = logits(c) ? op_softmax(s, c->p, KVINO_INTS(axis_of(c))) : c->p;
  p = op_divide(s, p, along(c, p, false, true));
  p = op_clip(s, p, number(c, EPSILON), number(c, 1 - EPSILON));
  kvino_tensor *entropy = op_multiply(s, op_negative(s, c->y), op_log(s, p));
  kvino_tensor *factor = op_power(s, one_minus(c, p), number(c, kv_argument(c->settings, "gamma")));
  factor = op_multiply(s, factor, number(c, kv_argument(c->settings, "alpha")));
  return along(c, op_multiply(s, factor, entropy), false, false);
}

static kvino_tensor *sparse(kv_loss_call *c) {
  kv_scope *s = c->s;
  const json_t *ignored = json_object_get(c->settings, "ignore_class");
  int64_t axis = axis_of(c);
  if (c->y->rank == c->p->rank && kv_axis_ok(s, &axis, c->y->rank) && c->y->shape[axis] == 1)
    c->y = op_squeeze(s, c->y, KVINO_INTS(axis));
  kvino_tensor *valid = NULL;
  if (json_is_number(ignored)) {
    valid = op_not_equal(s, c->y, number(c, json_number_value(ignored)));
    c->y = op_where(s, valid, c->y, number(c, 0));
    c->p = op_where(s, op_expand_dims(s, valid, KVINO_INTS(axis_of(c))), c->p, number(c, 0));
  }
  kvino_tensor *y = c->y ? kv_cast(s, c->y, KVINO_I32) : NULL;
  kvino_tensor *x = op_sparse_categorical_crossentropy(s, y, c->p, logits(c), axis_of(c), EPSILON);
  if (!valid) return x;
  c->mask = c->mask ? op_logical_and(s, c->mask, valid) : valid;
  return op_where(s, valid, x, number(c, 0));
}

static kvino_tensor *dice(kv_loss_call *c) {
  kv_scope *s = c->s;
  kvino_tensor *both = along(c, op_multiply(s, c->y, c->p), false, false);
  kvino_tensor *all =
      op_add(s, op_add(s, along(c, c->y, false, false), along(c, c->p, false, false)), number(c, EPSILON));
  return one_minus(c, op_divide(s, op_multiply(s, number(c, 2), both), all));
}

static kvino_tensor *tversky(kv_loss_call *c) {
  kv_scope *s = c->s;
  kvino_tensor *both = along(c, op_multiply(s, c->y, c->p), false, false);
  kvino_tensor *first = along(c, op_multiply(s, one_minus(c, c->p), c->y), false, false);
  kvino_tensor *second = along(c, op_multiply(s, c->p, one_minus(c, c->y)), false, false);
  kvino_tensor *all = op_add(s, both, op_multiply(s, first, number(c, kv_argument(c->settings, "alpha"))));
  all = op_add(s, all, op_multiply(s, second, number(c, kv_argument(c->settings, "beta"))));
  return one_minus(c, op_divide(s, both, op_add(s, all, number(c, EPSILON))));
}

/* ---- the table ---- */

static const kv_loss_kind kinds[] = {
#define LOSS(Class, function, aliases, fields) {#Class, aliases, fields, function},
#include "trainer/losses.def"
#undef LOSS
};

kvino_status kv_loss_make(const char *name, const json_t *config, size_t n, const kvino_property *properties,
                          kv_loss *out, kvino_error *err) {
  char fields[256];
  const kv_loss_kind *kind = NULL;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !kind; i++)
    if (kv_is_called(name, kinds[i].class_name, kinds[i].aliases)) kind = &kinds[i];
  if (!kind) return kv_fail(err, KVINO_INVALID, "Could not interpret loss identifier: %s", name);
  snprintf(fields, sizeof fields, "reduction='sum_over_batch_size', dtype=None%s%s", *kind->fields ? ", " : "",
           kind->fields);
  json_t *settings = NULL;
  KV_TRY(kv_arguments_make(kind->class_name, fields, config, n, properties, &settings, err));
  const char *reduction = json_string_value(json_object_get(settings, "reduction"));
  if (reduction && strcmp(reduction, "sum") && strcmp(reduction, "sum_over_batch_size") && strcmp(reduction, "mean") &&
      strcmp(reduction, "mean_with_sample_weight")) {
    kvino_status status = kv_fail(err, KVINO_INVALID, "Invalid value for argument `reduction`: %s", reduction);
    json_decref(settings);
    return status;
  }
  *out = (kv_loss){kind, settings, 1};
  return KVINO_OK;
}

kvino_status kv_loss_read(const json_t *saved, kv_loss *out, kvino_error *err) {
  const json_t *config = json_object_get(saved, "config");
  const char *name = json_string_value(json_is_string(saved) ? saved : json_object_get(saved, "class_name"));
  if (json_is_string(config)) { /* a function */
    name = json_string_value(config);
    config = NULL;
  }
  if (!name) return kv_fail(err, KVINO_UNSUPPORTED, "a loss of the file is none that is read");
  return kv_loss_make(name, config, 0, NULL, out, err);
}

json_t *kv_loss_write(const kv_loss *loss) {
  char snake[KV_SNAKE_TEXT];
  kv_snake_case(loss->kind->class_name, snake);
  json_t *config = json_copy(loss->settings);
  if (config) json_object_del(config, "dtype");
  if (config) json_object_set_new(config, "name", json_string(snake));
  return json_pack("{s:s, s:s, s:o, s:n}", "module", "keras.losses", "class_name", loss->kind->class_name, "config",
                   config, "registered_name");
}

/* ---- values, weighted and reduced ---- */

static kvino_tensor *count_of(kv_scope *s, kvino_tensor *x) {
  kvino_tensor *n = op_prod(s, kv_dims(s, x), KVINO_NO_INTS, false, KVINO_NO_DTYPE);
  return n ? kv_cast(s, n, KVINO_F32) : NULL;
}

/* The mask as weights, by Keras's rule: what is left counts as much as all would. */
static kvino_tensor *mask_weights(kv_scope *s, kvino_tensor *mask, const char *reduction) {
  kvino_tensor *x = kv_cast(s, mask, KVINO_F32);
  if (!reduction || (strcmp(reduction, "mean") && strcmp(reduction, "sum_over_batch_size"))) return x;
  kvino_tensor *scale = op_divide_no_nan(s, count_of(s, x), op_sum(s, x, KVINO_NO_INTS, false));
  return op_multiply(s, x, scale);
}

static kvino_tensor *reduce(kv_scope *s, kvino_tensor *values, kvino_tensor *weight, const char *reduction) {
  if (!values || values->rank == 0) return values;
  kvino_tensor *sum = op_sum(s, values, KVINO_NO_INTS, false);
  if (reduction && !strcmp(reduction, "sum")) return sum;
  bool weighted = weight && reduction && !strcmp(reduction, "mean_with_sample_weight");
  return op_divide_no_nan(s, sum, weighted ? op_sum(s, weight, KVINO_NO_INTS, false) : count_of(s, values));
}

kvino_tensor *kv_loss_record(kv_scope *s, const kv_loss *loss, kvino_tensor *y, kvino_tensor *p, kvino_tensor *mask,
                             kvino_tensor *sample_weight) {
  char a[KV_SHAPE_TEXT], b[KV_SHAPE_TEXT];
  kv_loss_call c = {s, loss->settings, kv_cast(s, y, KVINO_F32), kv_cast(s, p, KVINO_F32), mask};
  const char *reduction = json_string_value(json_object_get(loss->settings, "reduction"));
  if (s->status) return NULL;
  bool sparse_labels = loss->kind->values == sparse;
  if (!sparse_labels) {
    same_rank(s, &c.y, &c.p);
    if (s->status) return NULL;
    bool fits = c.y->rank == c.p->rank;
    for (int i = 0; fits && i < c.y->rank; i++)
      fits = c.y->shape[i] == c.p->shape[i] || c.y->shape[i] < 0 || c.p->shape[i] < 0;
    if (!fits)
      return kv_scope_fail(s, KVINO_INVALID,
                           "Arguments `target` and `output` must have the same shape. Received: target.shape=%s, "
                           "output.shape=%s",
                           kv_shape_text(c.y->rank, c.y->shape, a), kv_shape_text(c.p->rank, c.p->shape, b));
  }
  kvino_tensor *values = loss->kind->values(&c), *weight = sample_weight ? kv_cast(s, sample_weight, KVINO_F32) : NULL;
  if (c.mask) {
    kvino_tensor *kept = mask_weights(s, c.mask, reduction);
    if (weight && kept) same_rank(s, &kept, &weight);
    weight = weight ? op_multiply(s, weight, kept) : kept;
  }
  if (weight && values) {
    same_rank(s, &values, &weight);
    values = op_multiply(s, values, weight);
  }
  return reduce(s, values, weight, reduction);
}
