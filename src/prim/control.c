/* If and Loop: OpenVINO's operations with bodies.
 *
 * If(condition, x...): both bodies take x... and give the same number of results, of the same dtypes and ranks.
 * Loop(trip count, condition, carried..., invariants...): the body takes (iteration, carried..., invariants...) and
 * gives (condition, carried..., stacked...). The outputs are the last carried values, and the stacked ones, each of
 * length 1 along axis 0, joined along it. A negative trip count is none.
 *
 * Here is what they infer; to evaluate them is to run a body: run/control.c. */
#include "graph/body.h"
#include "prim/prim.h"

static int64_t agree(int64_t a, int64_t b) { return a == b ? a : -1; }

static kvino_status check_scalar(kv_call *c, size_t i, kvino_dtype dtype, const char *what) {
  if ((kvino_dtype)c->in[i]->dtype == dtype && !c->in[i]->rank) return KVINO_OK;
  char shape[KV_SHAPE_TEXT];
  return kv_fail(c->err, KVINO_INVALID, "the %s of %s must be a %s number, not %s%s", what, c->prim->name,
                 kvino_dtype_name(dtype), kvino_dtype_name((kvino_dtype)c->in[i]->dtype),
                 kv_shape_text(c->in[i]->rank, c->in[i]->shape, shape));
}

static kvino_status check_taken(kv_call *c, const kv_graph *body, size_t parameter) {
  const kvino_tensor *t = c->in[kv_body_operand(c->prim->id, parameter)];
  const kv_output *o = kv_body_parameter(body, parameter);
  bool fits = (kvino_dtype)t->dtype == o->dtype && t->rank == o->rank;
  for (int k = 0; fits && k < o->rank; k++) fits = o->shape[k] < 0 || t->shape[k] < 0 || t->shape[k] == o->shape[k];
  char have[KV_SHAPE_TEXT], want[KV_SHAPE_TEXT];
  if (fits) return KVINO_OK;
  return kv_fail(c->err, KVINO_INVALID, "%s: operand %zu is %s%s, its body takes %s%s", c->prim->name,
                 kv_body_operand(c->prim->id, parameter), kvino_dtype_name((kvino_dtype)t->dtype),
                 kv_shape_text(t->rank, t->shape, have), kvino_dtype_name(o->dtype),
                 kv_shape_text(o->rank, o->shape, want));
}

static kvino_status check_body(kv_call *c, const kv_graph *body) {
  size_t own = c->prim->id == KV_Loop ? KV_LOOP_ITERATION : 0;
  size_t operands = c->prim->id == KV_Loop ? KV_LOOP_OPERANDS : KV_IF_OPERANDS;
  if (!body) return kv_fail(c->err, KVINO_INVALID, "%s has no body", c->prim->name);
  if (c->n_in < operands || body->n_parameters != c->n_in - operands + own)
    return kv_fail(c->err, KVINO_INVALID, "%s has %zu operands, its body takes %zu values", c->prim->name, c->n_in,
                   body->n_parameters);
  for (size_t i = own; i < body->n_parameters; i++) KV_TRY(check_taken(c, body, i));
  return KVINO_OK;
}

kvino_status kv_infer_if_else(kv_call *c) {
  const kv_graph *a = c->attrs->branches.then_body, *b = c->attrs->branches.else_body;
  KV_TRY(check_body(c, a));
  KV_TRY(check_body(c, b));
  KV_TRY(check_scalar(c, 0, KVINO_BOOL, "condition"));
  if (a->n_results != b->n_results || !a->n_results)
    return kv_fail(c->err, KVINO_INVALID, "the branches of a condition give %zu and %zu values", a->n_results,
                   b->n_results);
  KV_TRY(kv_call_outputs(c, a->n_results));
  for (size_t i = 0; i < a->n_results; i++) {
    const kv_output *x = kv_body_result(a, i), *y = kv_body_result(b, i);
    int64_t shape[KVINO_MAX_RANK];
    char s[KV_SHAPE_TEXT], t[KV_SHAPE_TEXT];
    if (x->dtype != y->dtype || x->rank != y->rank)
      return kv_fail(c->err, KVINO_INVALID, "the branches of a condition give %s%s and %s%s as value %zu",
                     kvino_dtype_name(x->dtype), kv_shape_text(x->rank, x->shape, s), kvino_dtype_name(y->dtype),
                     kv_shape_text(y->rank, y->shape, t), i);
    for (int k = 0; k < x->rank; k++) shape[k] = agree(x->shape[k], y->shape[k]);
    kv_call_spec(c, i, x->dtype, x->rank, shape);
  }
  return KVINO_OK;
}

static bool is_true(const kvino_tensor *t) { return t && !kv_is_symbolic(t) && kv_tensor_get_int(t, 0); }

/* How often a Loop runs, where nothing but its trip count ends it; else -1. */
static int64_t iterations(const kv_call *c, const kv_graph *body) {
  int n;
  int64_t trip[KV_KNOWN_MAX];
  if (!kv_all_known(c->in[0], &n, trip) || trip[0] < 0) return -1;
  return is_true(c->in[1]) && is_true(body->result[0].value.node->constant) ? trip[0] : -1;
}

static kvino_status infer_carried(kv_call *c, const kv_graph *body, size_t i) {
  const kv_output *x = kv_body_parameter(body, i + KV_LOOP_ITERATION), *y = kv_body_result(body, i + 1);
  const kvino_tensor *first = c->in[i + KV_LOOP_OPERANDS];
  int64_t shape[KVINO_MAX_RANK];
  char a[KV_SHAPE_TEXT], b[KV_SHAPE_TEXT];
  bool fits = x->dtype == y->dtype && x->rank == y->rank;
  for (int k = 0; fits && k < x->rank; k++) fits = x->shape[k] < 0 || y->shape[k] < 0 || x->shape[k] == y->shape[k];
  if (!fits)
    return kv_fail(c->err, KVINO_INVALID, "value %zu of a loop is %s%s and becomes %s%s", i, kvino_dtype_name(x->dtype),
                   kv_shape_text(x->rank, x->shape, a), kvino_dtype_name(y->dtype),
                   kv_shape_text(y->rank, y->shape, b));
  for (int k = 0; k < x->rank; k++) shape[k] = x->shape[k] >= 0 ? x->shape[k] : agree(y->shape[k], first->shape[k]);
  kv_call_spec(c, i, x->dtype, x->rank, shape);
  return KVINO_OK;
}

kvino_status kv_infer_loop(kv_call *c) {
  const kv_graph *body = c->attrs->loop.body;
  size_t carried = (size_t)c->attrs->loop.carried;
  KV_TRY(check_body(c, body));
  KV_TRY(check_scalar(c, 0, KVINO_I64, "trip count"));
  KV_TRY(check_scalar(c, 1, KVINO_BOOL, "condition"));
  const kv_output *iteration = kv_body_parameter(body, 0);
  if (carried > c->n_in - KV_LOOP_OPERANDS || body->n_results < carried + 2 - (carried > 0) ||
      iteration->dtype != KVINO_I64 || iteration->rank)
    return kv_fail(c->err, KVINO_INVALID, "the body of a Loop of %zu values takes %zu and gives %zu", carried,
                   body->n_parameters, body->n_results);
  const kv_output *go_on = kv_body_result(body, 0);
  if (go_on->dtype != KVINO_BOOL || go_on->rank)
    return kv_fail(c->err, KVINO_INVALID, "the condition of a Loop must be a bool number");
  KV_TRY(kv_call_outputs(c, body->n_results - 1));
  for (size_t i = 0; i < carried; i++) KV_TRY(infer_carried(c, body, i));
  for (size_t i = carried; i < c->n_out; i++) {
    const kv_output *y = kv_body_result(body, i + 1);
    int64_t shape[KVINO_MAX_RANK];
    if (!y->rank || y->shape[0] > 1 || !y->shape[0])
      return kv_fail(c->err, KVINO_INVALID, "what a Loop stacks must have length 1 along its first axis");
    for (int k = 0; k < y->rank; k++) shape[k] = y->shape[k];
    shape[0] = iterations(c, body);
    kv_call_spec(c, i, y->dtype, y->rank, shape);
  }
  return KVINO_OK;
}

/* ---- CustomGradient: the values themselves ---- */

kvino_status kv_infer_custom_gradient(kv_call *c) {
  const kv_graph *body = c->attrs->custom_gradient.gradient;
  size_t n = (size_t)c->attrs->custom_gradient.results;
  if (!body) return kv_fail(c->err, KVINO_INVALID, "%s has no body", c->prim->name);
  if (n > c->n_in || c->n_in - n < body->n_results || body->n_parameters != c->n_in - body->n_results)
    return kv_fail(c->err, KVINO_INVALID, "a gradient that takes %zu values and gives %zu is not one of %zu values",
                   body->n_parameters, body->n_results, n);
  for (size_t i = 0; i < body->n_results; i++) {
    const kvino_tensor *x = c->in[n + i];
    const kv_output *d = kv_body_result(body, i);
    if ((kvino_dtype)x->dtype != d->dtype || x->rank != d->rank)
      return kv_fail(c->err, KVINO_INVALID, "gradient %zu is not of the dtype and rank of what it belongs to", i);
  }
  KV_TRY(kv_call_outputs(c, n));
  for (size_t i = 0; i < n; i++) kv_call_spec(c, i, (kvino_dtype)c->in[i]->dtype, c->in[i]->rank, c->in[i]->shape);
  return KVINO_OK;
}

kvino_status kv_eval_custom_gradient(kv_call *c) {
  for (size_t i = 0; i < c->n_out; i++) c->out[i] = kvino_tensor_retain(c->in[i]);
  return KVINO_OK;
}
