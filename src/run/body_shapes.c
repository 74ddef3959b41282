/* The shapes that a body gives for operands of given shapes, by inference alone (bodies.h). */
#include <string.h>

#include "base/memory.h"
#include "run/apply.h"
#include "run/bodies.h"

/* A Parameter: small integers, which may be shapes, as they are; of the rest the shape alone. */
static kvino_tensor *parameter(kv_scope *s, kv_graph *g, const kv_output *o, kvino_tensor *given) {
  kvino_tensor *t = NULL;
  bool list = given && kvino_dtype_is_integer((kvino_dtype)given->dtype) && given->rank <= 1;
  if (list && given->size <= KV_KNOWN_MAX) return given;
  const int64_t *shape = given ? given->shape : o->shape;
  return kv_scope_ok(s, kv_graph_parameter(g, o->dtype, o->rank, shape, NULL, &t, s->err)) ? kv_own(s, t) : NULL;
}

/* The values of a node; NULL on failure. */
static kvino_tensor *const *infer_node(kv_scope *s, const kv_node *node, kvino_tensor *const *const *value) {
  kvino_tensor **in = kv_scope_alloc(s, node->n_in + 1, sizeof *in);
  if (!in) return NULL;
  if (node->constant) {
    in[0] = node->constant;
    return in;
  }
  for (uint32_t k = 0; k < node->n_in; k++) in[k] = value[node->in[k].node->id][node->in[k].output];
  return kv_apply_many(s, node->prim->id, &node->attrs, node->n_in, in).v;
}

static void infer_all(kv_scope *s, kv_graph *g, const kv_graph *body, kvino_tensor *const *in, kv_spec *out) {
  kvino_tensor *const **value = kv_scope_alloc(s, body->n_nodes + 1, sizeof *value);
  kvino_tensor **parameters = kv_scope_alloc(s, body->n_parameters + 1, sizeof *parameters);
  for (size_t i = 0; i < body->n_parameters && !s->status; i++) {
    parameters[i] = parameter(s, g, kv_body_parameter(body, i), in[i]);
    value[body->parameter[i]->id] = &parameters[i];
  }
  for (size_t i = 0; i < body->n_nodes && !s->status; i++)
    if (body->node[i]->prim->id != KV_Parameter) value[i] = infer_node(s, body->node[i], value);
  for (size_t i = 0; i < body->n_results && !s->status; i++) {
    kv_edge e = body->result[i].value;
    const kvino_tensor *t = value[e.node->id][e.output];
    out[i].dtype = (kvino_dtype)t->dtype;
    out[i].rank = t->rank;
    memcpy(out[i].shape, t->shape, (size_t)t->rank * sizeof *t->shape);
  }
}

kvino_status kv_body_shapes(const kv_graph *body, kvino_tensor *const *in, kv_spec *out, kvino_error *err) {
  kv_scope s;
  kv_graph *g;
  KV_TRY(kv_graph_new(&g, err));
  kv_scope_enter(&s, err);
  infer_all(&s, g, body, in, out);
  kvino_status status = s.status;
  s.err = NULL;
  kv_scope_leave(&s, NULL, &(kvino_tensor *){NULL});
  kv_graph_release(g);
  return status;
}
