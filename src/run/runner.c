#include "run/runner.h"

#include "base/clock.h"
#include "base/memory.h"

/* Operands of most nodes find room on the stack. */
enum { FEW_OPERANDS = 16 };

static kvino_status run_node(const kv_plan *p, const kv_step *step, kvino_tensor **value, kvino_tensor **in,
                             kvino_error *err) {
  const kv_node *node = step->node;
  kvino_tensor **out = value + p->first[node->id];
  kv_call c;
  for (uint32_t k = 0; k < node->n_in; k++) in[k] = kv_value_of(p, value, node->in[k]);
  kv_call_begin(&c, node->prim->id, &node->attrs, node->n_in, in, err);
  c.spare = step->spare;
  kvino_status status = kv_call_infer(&c);
  if (!status) status = node->prim->eval(&c);
  if (!status && c.n_out != node->n_out)
    status = kv_fail(err, KVINO_INVALID, "%s gave %zu outputs where %u were expected", node->prim->name, c.n_out,
                     node->n_out);
  for (uint32_t k = 0; !status && k < node->n_out; k++) {
    out[k] = c.out[k];
    c.out[k] = NULL;
  }
  kv_call_end(&c);
  return status;
}

static void drop(kvino_tensor **value, uint32_t i) {
  kvino_tensor_release(value[i]);
  value[i] = NULL;
}

static kvino_status run_watched(const kv_plan *p, const kv_step *step, kvino_tensor **value, kvino_tensor **in,
                                const kv_watch *watch, kvino_error *err) {
  double start = kv_microseconds();
  KV_TRY(run_node(p, step, value, in, err));
  watch->node(watch->context, step->node, value + p->first[step->node->id], kv_microseconds() - start);
  return KVINO_OK;
}

kvino_status kv_plan_run(const kv_plan *p, kvino_tensor **value, kv_external external, void *context,
                         const kv_watch *watch, kvino_error *err) {
  kvino_tensor *few[FEW_OPERANDS], **in = few;
  if (p->most_operands > FEW_OPERANDS && !(in = kv_malloc(p->most_operands * sizeof *in)))
    return kv_fail(err, KVINO_NO_MEMORY, "out of memory for %u operands", p->most_operands);
  kvino_status status = KVINO_OK;
  uint32_t dropped = 0;
  for (uint32_t i = 0; i < p->n_steps && !status; i++) {
    const kv_step *step = &p->step[i];
    if (!step->node)
      status = external(context, step->segment, value, err);
    else
      status = watch ? run_watched(p, step, value, in, watch, err) : run_node(p, step, value, in, err);
    while (!status && dropped < step->dropped) drop(value, p->drop[dropped++]);
  }
  if (in != few) kv_free(in);
  return status;
}

/* ---- a graph, by native kernels, many times ---- */

kvino_status kv_body_run_begin(kv_body_run *r, const kv_graph *g, kvino_error *err) {
  r->value = NULL;
  KV_TRY(kv_plan_graph(&r->plan, g, err));
  if ((r->value = kv_calloc(r->plan.n_values + 1, sizeof *r->value))) return KVINO_OK;
  kv_body_run_end(r);
  return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a body of %zu nodes", g->n_nodes);
}

void kv_body_run_end(kv_body_run *r) {
  kv_free(r->value);
  r->value = NULL;
  kv_plan_free(&r->plan);
}

/* A value that does not fit what the body was recorded for is an error, never a wrong number. */
static kvino_status check_parameter(const kv_node *parameter, size_t i, const kvino_tensor *t, kvino_error *err) {
  const kv_output *o = parameter->out;
  char have[KV_SHAPE_TEXT], want[KV_SHAPE_TEXT];
  bool fits = t->rank == o->rank && t->dtype == o->dtype;
  for (int k = 0; k < o->rank && fits; k++) fits = o->shape[k] < 0 || o->shape[k] == t->shape[k];
  if (fits) return KVINO_OK;
  return kv_fail(err, KVINO_INVALID, "value %zu of a body is %s%s, it was recorded for %s%s", i,
                 kvino_dtype_name((kvino_dtype)t->dtype), kv_shape_text(t->rank, t->shape, have),
                 kvino_dtype_name(o->dtype), kv_shape_text(o->rank, o->shape, want));
}

/* Puts the Parameters' values where the run looks for them. */
static kvino_status take_parameters(kv_body_run *r, size_t n_given, kvino_tensor **given, kvino_tensor *const *in,
                                    kvino_error *err) {
  const kv_graph *g = r->plan.g;
  kvino_status status = KVINO_OK;
  for (size_t i = 0; i < g->n_parameters; i++) {
    kvino_tensor *t = i < n_given ? given[i] : kvino_tensor_retain(in[i - n_given]);
    if (i < n_given) given[i] = NULL;
    r->value[r->plan.first[g->parameter[i]->id]] = t;
    if (!status) status = check_parameter(g->parameter[i], i, t, err);
  }
  return status;
}

kvino_status kv_body_run_once(kv_body_run *r, size_t n_given, kvino_tensor **given, kvino_tensor *const *in,
                              kvino_tensor **out, kvino_error *err) {
  const kv_graph *g = r->plan.g;
  kvino_status status = take_parameters(r, n_given, given, in, err);
  if (!status) status = kv_plan_run(&r->plan, r->value, NULL, NULL, NULL, err);
  for (size_t i = 0; i < g->n_results && !status; i++)
    out[i] = kvino_tensor_retain(kv_value_of(&r->plan, r->value, g->result[i].value));
  for (uint32_t i = 0; i < r->plan.n_values; i++) drop(r->value, i);
  return status;
}
