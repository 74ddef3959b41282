/* The one place where a call becomes a computation or a node. */
#include "run/apply.h"

#include "base/memory.h"
#include "graph/body.h"
#include "run/deferred.h"

/* Records the call as a node of the graph; `value`: the outputs' values, which are taken, or NULL. */
static kvino_status record(kv_call *c, kv_graph *g, kvino_tensor **value) {
  kv_edge few[8], *in = few;
  if (c->n_in > 8 && !(in = kv_malloc(c->n_in * sizeof *in)))
    return kv_fail(c->err, KVINO_NO_MEMORY, "out of memory for %zu operands of %s", c->n_in, c->prim->name);
  kvino_status status = KVINO_OK;
  for (size_t i = 0; i < c->n_in && !status; i++) status = kv_graph_edge(g, c->in[i], &in[i], c->err);
  kv_node *node = NULL;
  if (!status)
    status = kv_graph_add(g, c->prim, c->attrs, c->n_in, in, c->n_out, c->spec, c->n_known, c->known, &node, c->err);
  if (!status && value) status = kv_node_watch(node, value, c->err);
  for (size_t i = 0; i < c->n_out && !status; i++)
    status = kv_graph_tensor((kv_edge){node, (uint32_t)i}, &c->out[i], c->err);
  if (in != few) kv_free(in);
  return status;
}

/* The operands' values. `few` has room for 8. */
static kvino_status values_of(const kv_call *c, kvino_tensor **few, kvino_tensor ***out) {
  kvino_tensor **in = few;
  if (c->n_in > 8 && !(in = kv_malloc(c->n_in * sizeof *in)))
    return kv_fail(c->err, KVINO_NO_MEMORY, "out of memory for %zu operands of %s", c->n_in, c->prim->name);
  for (size_t i = 0; i < c->n_in; i++)
    if (!(in[i] = kv_concrete(c->in[i]))) {
      if (in != few) kv_free(in);
      return kv_fail(c->err, KVINO_INVALID,
                     "a symbolic tensor was used outside of the function that is traced: it belongs to another graph");
    }
  *out = in;
  return KVINO_OK;
}

static kvino_status compute(kv_call *c) {
  kvino_tensor *few[8], **in = NULL, *const *given = c->in;
  KV_TRY(values_of(c, few, &in));
  c->in = in;
  kvino_status status = kv_call_infer(c);
  if (!status) status = c->prim->eval(c);
  c->in = given;
  if (in != few) kv_free(in);
  return status;
}

/* In a graph with watched inputs: computes, and records with what came out. */
static kvino_status record_computed(kv_call *c, kv_graph *g) {
  KV_TRY(compute(c));
  for (size_t i = 0; i < c->n_out; i++)
    kv_call_spec(c, i, (kvino_dtype)c->out[i]->dtype, c->out[i]->rank, c->out[i]->shape);
  if (!c->n_out || !kv_known_values(c->out[0], &c->n_known, c->known)) c->n_known = -1;
  kvino_tensor *one[1], **value = one;
  if (c->n_out > 1 && !(value = kv_malloc(c->n_out * sizeof *value)))
    return kv_fail(c->err, KVINO_NO_MEMORY, "out of memory for %zu outputs of %s", c->n_out, c->prim->name);
  for (size_t i = 0; i < c->n_out; i++) {
    value[i] = c->out[i];
    c->out[i] = NULL;
  }
  kvino_status status = record(c, g, value);
  for (size_t i = 0; i < c->n_out; i++) kvino_tensor_release(value[i]);
  if (value != one) kv_free(value);
  return status;
}

/* In a body, infer must see what stands for the values of the graph around it, as whoever infers again will. */
static kvino_status record_in_body(kv_call *c, kv_graph *g) {
  kvino_tensor *few[8], **in = few, *const *given = c->in;
  size_t made = 0;
  if (c->n_in > 8 && !(in = kv_malloc(c->n_in * sizeof *in)))
    return kv_fail(c->err, KVINO_NO_MEMORY, "out of memory for %zu operands of %s", c->n_in, c->prim->name);
  kvino_status status = KVINO_OK;
  for (; made < c->n_in && !status; made++) {
    kv_edge edge;
    if (!kv_is_symbolic(given[made]) || given[made]->node->graph == g)
      in[made] = kvino_tensor_retain(given[made]);
    else if (!(status = kv_graph_edge(g, given[made], &edge, c->err)))
      status = edge.node->constant ? (in[made] = kvino_tensor_retain(edge.node->constant), KVINO_OK)
                                   : kv_graph_tensor(edge, &in[made], c->err);
    if (status) break;
  }
  c->in = in;
  if (!status) status = kv_call_infer(c);
  if (!status) status = record(c, g, NULL);
  c->in = given;
  while (made-- > 0) kvino_tensor_release(in[made]);
  if (in != few) kv_free(in);
  return status;
}

/* Infers, then computes or records. The outputs stand in c->out. */
static kvino_status perform(kv_call *c, kv_scope *s) {
  kv_graph *g = NULL;
  bool closed = false;
  for (size_t i = 0; i < c->n_in && !g; i++)
    if (kv_is_symbolic(c->in[i])) {
      closed |= c->in[i]->node->graph->closed;
      if (!c->in[i]->node->graph->closed) g = kv_graph_recording(c->in[i]->node->graph);
    }
  c->tracing = g != NULL;
  if (g && g->watched) return record_computed(c, g);
  if (g && g->parent) return record_in_body(c, g);
  if (!g && closed) return compute(c);
  KV_TRY(kv_call_infer(c));
  if (!g && s->may_defer && !(c->prim->traits & KV_VIEW) && kv_is_large(c->n_out, c->spec)) {
    if (!s->deferred) KV_TRY(kv_graph_new(&s->deferred, c->err));
    g = s->deferred;
  }
  return g ? record(c, g, NULL) : c->prim->eval(c);
}

static bool start(kv_call *c, kv_scope *s, kv_prim_id id, const kv_attrs *attrs, size_t n, kvino_tensor *const *in) {
  if (s->status) return false;
  for (size_t i = 0; i < n; i++)
    if (!in[i]) return kv_scope_fail(s, KVINO_INVALID, "an operand of %s is NULL", kv_prim_get(id)->name) != NULL;
  kv_call_begin(c, id, attrs, n, in, s->err);
  return true;
}

kvino_tensor *kv_apply(kv_scope *s, kv_prim_id id, const kv_attrs *attrs, size_t n, kvino_tensor *const *in) {
  kv_call c;
  kvino_tensor *out = NULL;
  if (!start(&c, s, id, attrs, n, in)) return NULL;
  if (kv_scope_ok(s, perform(&c, s))) {
    out = kv_own(s, c.out[0]);
    c.out[0] = NULL;
  }
  kv_call_end(&c);
  return out;
}

kvino_tensors kv_apply_many(kv_scope *s, kv_prim_id id, const kv_attrs *attrs, size_t n, kvino_tensor *const *in) {
  kv_call c;
  kvino_tensors out = {0, NULL};
  if (!start(&c, s, id, attrs, n, in)) return out;
  if (kv_scope_ok(s, perform(&c, s)) && (out.v = kv_scope_alloc(s, c.n_out, sizeof *out.v))) {
    out.n = c.n_out;
    for (size_t i = 0; i < c.n_out; i++) {
      out.v[i] = kv_own(s, c.out[i]);
      c.out[i] = NULL;
    }
  }
  kv_call_end(&c);
  return out;
}
