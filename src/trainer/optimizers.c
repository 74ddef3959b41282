#include "trainer/optimizers.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "layers/config.h"
#include "ops/common.h"
#include "trainer/arguments.h"

/* ---- short names for formulas ---- */

static kvino_tensor *number(kv_update *u, double x) { return u->w ? kv_like(u->s, u->w, x) : NULL; }
static kvino_tensor *given(kv_update *u, const char *name) { return number(u, kv_argument(u->settings, name)); }
static kvino_tensor *rest(kv_update *u, const char *name) { return number(u, 1 - kv_argument(u->settings, name)); }
static kvino_tensor *add(kv_update *u, kvino_tensor *a, kvino_tensor *b) { return op_add(u->s, a, b); }
static kvino_tensor *sub(kv_update *u, kvino_tensor *a, kvino_tensor *b) { return op_subtract(u->s, a, b); }
static kvino_tensor *mul(kv_update *u, kvino_tensor *a, kvino_tensor *b) { return op_multiply(u->s, a, b); }
static kvino_tensor *over(kv_update *u, kvino_tensor *a, kvino_tensor *b) { return op_divide(u->s, a, b); }
static kvino_tensor *power(kv_update *u, const char *name) { return op_power(u->s, given(u, name), u->step); }
static kvino_tensor *root(kv_update *u, kvino_tensor *a) { return op_sqrt(u->s, a); }
static kvino_tensor *square(kv_update *u, kvino_tensor *a) { return op_square(u->s, a); }
static kvino_tensor *one_minus(kv_update *u, kvino_tensor *a) { return sub(u, number(u, 1), a); }

/* old + (new - old) (1 - beta) */
static kvino_tensor *towards(kv_update *u, kvino_tensor *old, kvino_tensor *new, const char *beta) {
  return add(u, old, mul(u, sub(u, new, old), rest(u, beta)));
}
/* rho old + (1 - rho) new */
static kvino_tensor *mixed(kv_update *u, kvino_tensor *old, kvino_tensor *new, const char *rho) {
  return add(u, mul(u, given(u, rho), old), mul(u, rest(u, rho), new));
}

/* ---- formulas ---- */

static void sgd(kv_update *u) {
  kvino_tensor *move = mul(u, u->g, u->rate);
  if (!u->var[0]) {
    u->w = sub(u, u->w, move);
    return;
  }
  kvino_tensor *m = u->var[0] = sub(u, mul(u, u->var[0], given(u, "momentum")), move);
  if (kv_argument_flag(u->settings, "nesterov")) m = sub(u, mul(u, m, given(u, "momentum")), move);
  u->w = add(u, u->w, m);
}

static void moments(kv_update *u) {
  u->var[0] = towards(u, u->var[0], u->g, "beta_1");
  u->var[1] = towards(u, u->var[1], square(u, u->g), "beta_2");
}

static void adam(kv_update *u) {
  kvino_tensor *alpha =
      over(u, mul(u, u->rate, root(u, one_minus(u, power(u, "beta_2")))), one_minus(u, power(u, "beta_1")));
  moments(u);
  kvino_tensor *v = u->var[1];
  if (u->var[2]) v = u->var[2] = op_maximum(u->s, u->var[2], v);
  u->w = sub(u, u->w, over(u, mul(u, u->var[0], alpha), add(u, root(u, v), given(u, "epsilon"))));
}

static void rmsprop(kv_update *u) {
  kvino_tensor *v = u->var[0] = mixed(u, u->var[0], square(u, u->g), "rho");
  if (u->var[2]) {
    u->var[2] = mixed(u, u->var[2], u->g, "rho");
    v = sub(u, v, square(u, u->var[2]));
  }
  kvino_tensor *move = over(u, mul(u, u->rate, u->g), root(u, add(u, v, given(u, "epsilon"))));
  if (u->var[1]) move = u->var[1] = add(u, mul(u, given(u, "momentum"), u->var[1]), move);
  u->w = sub(u, u->w, move);
}

static void adagrad(kv_update *u) {
  u->var[0] = add(u, u->var[0], square(u, u->g));
  u->w = sub(u, u->w, over(u, mul(u, u->rate, u->g), root(u, add(u, u->var[0], given(u, "epsilon")))));
}

static void adadelta(kv_update *u) {
  kvino_tensor *epsilon = given(u, "epsilon");
  u->var[0] = mixed(u, u->var[0], square(u, u->g), "rho");
  kvino_tensor *move = over(u, mul(u, root(u, add(u, u->var[1], epsilon)), u->g), root(u, add(u, u->var[0], epsilon)));
  u->var[1] = mixed(u, u->var[1], square(u, move), "rho");
  u->w = sub(u, u->w, mul(u, u->rate, move));
}

static void adamax(kv_update *u) {
  u->var[0] = towards(u, u->var[0], u->g, "beta_1");
  u->var[1] = op_maximum(u->s, mul(u, given(u, "beta_2"), u->var[1]), op_absolute(u->s, u->g));
  kvino_tensor *size = mul(u, one_minus(u, power(u, "beta_1")), add(u, u->var[1], given(u, "epsilon")));
  u->w = sub(u, u->w, over(u, mul(u, u->rate, u->var[0]), size));
}

/* beta_1 (1 - 0.5 * 0.96 ^ step) */
static kvino_tensor *nadam_part(kv_update *u, kvino_tensor *step) {
  kvino_tensor *decay = op_power(u->s, number(u, 0.96), step);
  return mul(u, given(u, "beta_1"), one_minus(u, mul(u, number(u, 0.5), decay)));
}

static void nadam(kv_update *u) {
  kvino_tensor *now = nadam_part(u, u->step), *next = nadam_part(u, add(u, u->step, number(u, 1)));
  kvino_tensor *product = kv_cast(u->s, u->shared, kv_dtype_of(u->w)), *later = mul(u, product, next);
  moments(u);
  kvino_tensor *m = add(u, over(u, mul(u, next, u->var[0]), one_minus(u, later)),
                        over(u, mul(u, one_minus(u, now), u->g), one_minus(u, product)));
  kvino_tensor *v = over(u, u->var[1], one_minus(u, power(u, "beta_2")));
  u->w = sub(u, u->w, over(u, mul(u, m, u->rate), add(u, root(u, v), given(u, "epsilon"))));
}

static void lion(kv_update *u) {
  kvino_tensor *m = u->var[0];
  kvino_tensor *direction = add(u, mul(u, m, given(u, "beta_1")), mul(u, u->g, rest(u, "beta_1")));
  u->w = sub(u, u->w, mul(u, u->rate, op_sign(u->s, direction)));
  u->var[0] = add(u, mul(u, m, given(u, "beta_2")), mul(u, u->g, rest(u, "beta_2")));
}

static void ftrl(kv_update *u) {
  kv_scope *s = u->s;
  kvino_tensor *exponent = number(u, -kv_argument(u->settings, "learning_rate_power"));
  kvino_tensor *l2 =
      add(u, given(u, "l2_regularization_strength"), over(u, given(u, "beta"), mul(u, number(u, 2), u->rate)));
  kvino_tensor *shrinkage = number(u, 2 * kv_argument(u->settings, "l2_shrinkage_regularization_strength"));
  kvino_tensor *g = add(u, u->g, mul(u, shrinkage, u->w)), *sum = add(u, u->var[0], square(u, u->g));
  kvino_tensor *after = op_power(s, sum, exponent), *before = op_power(s, u->var[0], exponent);
  kvino_tensor *linear = u->var[1] =
      add(u, u->var[1], sub(u, g, mul(u, over(u, sub(u, after, before), u->rate), u->w)));
  double l1 = kv_argument(u->settings, "l1_regularization_strength");
  kvino_tensor *quadratic = add(u, over(u, after, u->rate), mul(u, number(u, 2), l2));
  u->w = over(u, sub(u, op_clip(s, linear, number(u, -l1), number(u, l1)), linear), quadratic);
  u->var[0] = sum;
}

static kvino_tensor *length(kv_update *u, kvino_tensor *x) {
  return root(u, op_sum(u->s, square(u, x), KVINO_NO_INTS, false));
}

static void lamb(kv_update *u) {
  kv_scope *s = u->s;
  moments(u);
  kvino_tensor *m = over(u, u->var[0], one_minus(u, power(u, "beta_1")));
  kvino_tensor *v = root(u, over(u, u->var[1], one_minus(u, power(u, "beta_2"))));
  kvino_tensor *move = over(u, m, add(u, v, given(u, "epsilon")));
  kvino_tensor *of_w = length(u, u->w), *of_move = length(u, move), *zero = number(u, 0), *one = number(u, 1);
  kvino_tensor *both = op_logical_and(s, op_greater(s, of_w, zero), op_greater(s, of_move, zero));
  kvino_tensor *ratio = op_where(s, both, over(u, of_w, of_move), one);
  u->w = sub(u, u->w, mul(u, mul(u, ratio, u->rate), move));
}

/* ---- the table ---- */

static const char COMMON[] =
    "weight_decay=None, clipnorm=None, clipvalue=None, global_clipnorm=None, use_ema=False, ema_momentum=0.99, "
    "ema_overwrite_frequency=None, loss_scale_factor=None, gradient_accumulation_steps=None";

static const kv_optimizer_kind kinds[] = {
#define OPTIMIZER(Class, function, fields, variables, shared) {#Class, fields, variables, shared, function},
#include "trainer/optimizers.def"
#undef OPTIMIZER
};

static void read_slots(kv_optimizer *o) {
  const char *at = o->kind->variables;
  int group = 0;
  while (*at && o->n_slots < KV_MOST_SLOTS) {
    char item[96], name[64] = "";
    size_t n = strcspn(at, ",|");
    snprintf(item, sizeof item, "%.*s", (int)n, at);
    char *mark = strpbrk(item, "?=");
    if (mark) sscanf(mark + 1, "%63[a-z_0-9]", name);
    bool there = !mark || *mark == '=' || kv_argument_flag(o->settings, name);
    o->slot[o->n_slots++] = (kv_slot){there, group, mark && *mark == '=' ? kv_argument(o->settings, name) : 0};
    group += at[n] == '|';
    at += n + (at[n] != 0);
  }
}

static kvino_status check(const kv_optimizer *o, kvino_error *err) {
  static const char *const others[] = {"use_ema", "loss_scale_factor", "gradient_accumulation_steps"};
  static const char *const clips[] = {"clipnorm", "clipvalue", "global_clipnorm"};
  int n = 0;
  for (size_t i = 0; i < 3; i++) {
    if (kv_argument_flag(o->settings, others[i]))
      return kv_fail(err, KVINO_UNSUPPORTED, "%s: '%s' is not supported", o->kind->class_name, others[i]);
    n += !json_is_null(json_object_get(o->settings, clips[i]));
  }
  if (n > 1) return kv_fail(err, KVINO_INVALID, "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set");
  const json_t *rate = json_object_get(o->settings, "learning_rate");
  if (json_is_string(rate))
    return kv_fail(err, KVINO_INVALID, "%s: learning_rate takes a number, not '%s'", o->kind->class_name,
                   json_string_value(rate));
  if (!json_is_number(rate))
    return kv_fail(err, KVINO_UNSUPPORTED,
                   "%s: the learning rate is a schedule: give a number and set the rate before each step "
                   "(kvino_trainer_set_learning_rate)",
                   o->kind->class_name);
  return KVINO_OK;
}

kvino_status kv_optimizer_make(const char *name, const json_t *config, size_t n, const kvino_property *properties,
                               kv_optimizer *out, kvino_error *err) {
  char fields[640];
  kv_optimizer o = {0};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !o.kind; i++) {
    char lower[32] = "";
    for (size_t k = 0; kinds[i].class_name[k] && k + 1 < sizeof lower; k++)
      lower[k] = (char)(kinds[i].class_name[k] | ' '); /* all are letters */
    if (kv_is_called(name, kinds[i].class_name, lower)) o.kind = &kinds[i];
  }
  if (!o.kind) return kv_fail(err, KVINO_INVALID, "Could not interpret optimizer identifier: %s", name);
  snprintf(fields, sizeof fields, "%s, %s", COMMON, o.kind->fields); /* later ones count */
  KV_TRY(kv_arguments_make(o.kind->class_name, fields, config, n, properties, &o.settings, err));
  kvino_status status = check(&o, err);
  if (status) {
    json_decref(o.settings);
    return status;
  }
  read_slots(&o);
  *out = o;
  return KVINO_OK;
}

json_t *kv_optimizer_write(const kv_optimizer *o, double rate) {
  char snake[KV_SNAKE_TEXT];
  kv_snake_case(o->kind->class_name, snake);
  json_t *config = json_copy(o->settings);
  if (config) json_object_set_new(config, "name", json_string(snake));
  if (config) json_object_set_new(config, "learning_rate", json_real(rate));
  return json_pack("{s:s, s:s, s:o, s:n}", "module", "keras.optimizers", "class_name", o->kind->class_name, "config",
                   config, "registered_name");
}

/* ---- a step ---- */

static kvino_tensor *sum_of_squares(kv_scope *s, kvino_tensor *x) {
  return op_sum(s, op_square(s, x), KVINO_NO_INTS, false);
}

/* x, scaled down to the norm where it is longer. */
static kvino_tensor *clip_norm(kv_scope *s, kvino_tensor *x, double most) {
  kvino_tensor *sum = sum_of_squares(s, x);
  if (!sum) return NULL;
  kvino_tensor *some = op_greater(s, sum, kv_like(s, sum, 0)), *safe = op_where(s, some, sum, kv_like(s, sum, 1));
  kvino_tensor *norm = op_where(s, some, op_sqrt(s, safe), sum);
  return op_divide(s, op_multiply(s, x, kv_like(s, x, most)), op_maximum(s, norm, kv_like(s, sum, most)));
}

static void clip_together(kv_scope *s, size_t n, kvino_tensor **g, double most) {
  kvino_tensor *sum = NULL;
  for (size_t i = 0; i < n; i++) {
    kvino_tensor *own = kv_cast(s, sum_of_squares(s, g[i]), KVINO_F32);
    sum = sum ? op_add(s, sum, own) : own;
  }
  kvino_tensor *norm = op_sqrt(s, sum);
  if (!norm) return;
  kvino_tensor *scale = op_minimum(s, op_divide(s, kv_like(s, norm, 1), norm), kv_like(s, norm, 1 / most));
  scale = op_multiply(s, kv_like(s, norm, most), scale);
  scale = op_add(s, scale, op_subtract(s, norm, norm)); /* not a number where the norm is not finite */
  for (size_t i = 0; i < n; i++) g[i] = op_multiply(s, g[i], kv_cast(s, scale, kv_dtype_of(g[i])));
}

static void clip(const kv_optimizer *o, kv_scope *s, size_t n, kvino_tensor **g) {
  double norm = kv_argument(o->settings, "clipnorm"), value = kv_argument(o->settings, "clipvalue");
  double together = kv_argument(o->settings, "global_clipnorm");
  if (together > 0 && n) clip_together(s, n, g, together);
  for (size_t i = 0; i < n && !s->status; i++) {
    if (norm > 0) g[i] = clip_norm(s, g[i], norm);
    if (value > 0) g[i] = op_clip(s, g[i], kv_like(s, g[i], -value), kv_like(s, g[i], value));
  }
}

void kv_optimizer_record(const kv_optimizer *o, const kv_update *with, size_t n, kvino_tensor **gradient,
                         kvino_tensor **weight, kvino_tensor **var, kvino_tensor **shared) {
  kv_scope *s = with->s;
  double decay = kv_argument(o->settings, "weight_decay");
  clip(o, s, n, gradient);
  if (*o->kind->shared) { /* Nadam's product of all its factors */
    kv_update all = {.s = s, .settings = o->settings, .w = *shared, .step = with->step};
    *shared = mul(&all, *shared, nadam_part(&all, with->step));
  }
  for (size_t i = 0; i < n && !s->status; i++) {
    kvino_dtype dtype = kv_dtype_of(weight[i]);
    kv_update u = {.s = s, .settings = o->settings, .g = kv_cast(s, gradient[i], dtype), .w = weight[i]};
    u.rate = kv_cast(s, with->rate, dtype);
    u.step = kv_cast(s, with->step, dtype);
    u.shared = *shared;
    for (size_t k = 0; k < o->n_slots; k++) u.var[k] = var[k * n + i];
    if (decay != 0) u.w = sub(&u, u.w, mul(&u, mul(&u, u.w, number(&u, decay)), u.rate));
    o->kind->update(&u);
    weight[i] = u.w;
    for (size_t k = 0; k < o->n_slots; k++) var[k * n + i] = u.var[k];
  }
}

/* ---- constraints ---- */

static double config_number(const json_t *config, const char *name, double preset) {
  const json_t *value = json_object_get(config, name);
  return json_is_number(value) ? json_number_value(value) : preset;
}

kvino_tensor *kv_constrain(kv_scope *s, const json_t *constraint, kvino_tensor *w) {
  const json_t *config = json_object_get(constraint, "config"), *axis = json_object_get(config, "axis");
  const char *name =
      json_string_value(json_is_string(constraint) ? constraint : json_object_get(constraint, "class_name"));
  int64_t axes[KVINO_MAX_RANK], n = 0;
  if (!constraint || !w) return w;
  if (!name) return kv_scope_fail(s, KVINO_UNSUPPORTED, "a constraint of the file is none that is read");
  if (kv_is_called(name, "NonNeg", "nonneg")) return op_maximum(s, w, kv_like(s, w, 0));
  if (json_is_array(axis))
    for (size_t i = 0; i < json_array_size(axis) && n < KVINO_MAX_RANK; i++)
      axes[n++] = json_integer_value(json_array_get(axis, i));
  else
    axes[n++] = json_integer_value(axis);
  kvino_tensor *norm = op_sqrt(s, op_sum(s, op_square(s, w), (kvino_ints){n, axes, NULL, true}, true));
  if (!norm) return NULL;
  kvino_tensor *safe = op_add(s, norm, kv_like(s, norm, 1e-7)), *wanted = NULL;
  if (kv_is_called(name, "UnitNorm", "")) return op_divide(s, w, safe);
  if (kv_is_called(name, "MaxNorm", ""))
    wanted = op_clip(s, norm, kv_like(s, w, 0), kv_like(s, w, config_number(config, "max_value", 2)));
  if (kv_is_called(name, "MinMaxNorm", "")) {
    double rate = config_number(config, "rate", 1);
    wanted = op_clip(s, norm, kv_like(s, w, config_number(config, "min_value", 0)),
                     kv_like(s, w, config_number(config, "max_value", 1)));
    wanted = op_add(s, op_multiply(s, wanted, kv_like(s, w, rate)), op_multiply(s, norm, kv_like(s, w, 1 - rate)));
  }
  if (!wanted) return kv_scope_fail(s, KVINO_UNSUPPORTED, "the constraint '%s' is not one that is read", name);
  return op_multiply(s, w, op_divide(s, wanted, safe));
}
