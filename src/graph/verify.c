/* The rules every graph must keep (kv_graph_verify in graph.h): an error names the node and the rule. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "graph/graph.h"

static kvino_status broken(kvino_error *err, const kv_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));

static kvino_status broken(kvino_error *err, const kv_node *node, const char *format, ...) {
  char text[KVINO_ERROR_TEXT - 128];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return kv_fail(err, KVINO_INVALID, "node %%%u (%s): %s", node->id, node->prim->name, text);
}

/* ---- rules of one node that need no inference ---- */

static kvino_status check_operands(const kv_graph *g, const kv_node *node, kvino_error *err) {
  if (node->prim->n_in >= 0 && node->n_in != (uint32_t)node->prim->n_in)
    return broken(err, node, "has %u operands, not %d", node->n_in, node->prim->n_in);
  for (uint32_t k = 0; k < node->n_in; k++) {
    const kv_node *from = node->in[k].node;
    if (!from) return broken(err, node, "operand %u is missing", k);
    if (from->graph != g) return broken(err, node, "operand %u belongs to another graph", k);
    if (from->id >= node->id) return broken(err, node, "operand %u (%%%u) does not stand before it", k, from->id);
    if (g->node[from->id] != from) return broken(err, node, "operand %u is not a node of this graph", k);
    if (node->in[k].output >= from->n_out)
      return broken(err, node, "operand %u is output %u of %%%u, which has %u", k, node->in[k].output, from->id,
                    from->n_out);
  }
  return KVINO_OK;
}

static kvino_status check_outputs(const kv_node *node, kvino_error *err) {
  if (!node->n_out || (!node->prim->many && node->n_out != 1)) return broken(err, node, "has %u outputs", node->n_out);
  for (uint32_t i = 0; i < node->n_out; i++) {
    const kv_output *o = &node->out[i];
    if ((unsigned)o->dtype >= KVINO_DTYPE_COUNT)
      return broken(err, node, "output %u: dtype number %d", i, (int)o->dtype);
    if (o->rank < 0 || o->rank > KVINO_MAX_RANK) return broken(err, node, "output %u: rank %d", i, o->rank);
    int64_t size = 1;
    for (int k = 0; k < o->rank; k++) {
      if (o->shape[k] < -1) return broken(err, node, "output %u: dimension %d is %lld", i, k, (long long)o->shape[k]);
      size = o->shape[k] < 0 || size < 0 ? -1 : size > KV_KNOWN_MAX ? size : size * o->shape[k];
    }
    if (o->known && (i || size < 0 || size > KV_KNOWN_MAX || o->rank > 1))
      return broken(err, node, "output %u: known values of a tensor that may not have them", i);
    if (o->known && o->dtype != KVINO_BOOL && !kvino_dtype_is_integer(o->dtype))
      return broken(err, node, "output %u: known values of dtype %s", i, kvino_dtype_name(o->dtype));
  }
  return KVINO_OK;
}

static kvino_status check_attributes(const kv_node *node, kvino_error *err) {
  for (const kv_attr_field *f = node->prim->fields(); f->name; f++) {
    const void *x = (const char *)&node->attrs + f->offset;
    if (f->kind == KV_FIELD_ints && (((const kv_ints *)x)->n < 0 || ((const kv_ints *)x)->n > KV_INTS_MAX))
      return broken(err, node, "attribute %s has %d values", f->name, ((const kv_ints *)x)->n);
    if (f->kind == KV_FIELD_dtype && *(const unsigned *)x >= KVINO_DTYPE_COUNT)
      return broken(err, node, "attribute %s is dtype number %u", f->name, *(const unsigned *)x);
    if (f->kind != KV_FIELD_body) continue;
    kvino_error reason = {0};
    const kv_graph *body = *(kv_graph *const *)x;
    if (!body) return broken(err, node, "has no %s", f->name);
    if (body->parent) return broken(err, node, "its %s is still being recorded", f->name);
    if (kv_graph_verify(body, &reason)) return broken(err, node, "in its %s: %s", f->name, reason.text);
  }
  return KVINO_OK;
}

static bool same_output(const kvino_tensor *t, const kv_output *o) {
  return t->dtype == o->dtype && t->rank == o->rank &&
         (!t->rank || !memcmp(t->shape, o->shape, t->rank * sizeof *t->shape));
}

static kvino_status check_structural(const kv_graph *g, const kv_node *node, kvino_error *err) {
  bool constant = node->prim->id == KV_Constant;
  if (constant != (node->constant != NULL))
    return broken(err, node, constant ? "has no value" : "has a constant's value");
  if (constant && kv_is_symbolic(node->constant)) return broken(err, node, "its value is symbolic");
  if (constant && !same_output(node->constant, node->out))
    return broken(err, node, "dtype or shape differ from its value's");
  if (node->prim->id != KV_Parameter) return KVINO_OK;
  for (size_t i = 0; i < g->n_parameters; i++)
    if (g->parameter[i] == node) return KVINO_OK;
  return broken(err, node, "is not among the graph's parameters");
}

/* ---- inference must say again what the node says ---- */

/* Dimensions agree: equal, or (not exact) one side does not know. */
static bool dims_agree(int rank, const int64_t *a, const int64_t *b, bool exact) {
  for (int k = 0; k < rank; k++)
    if (a[k] != b[k] && (exact || (a[k] >= 0 && b[k] >= 0))) return false;
  return true;
}

static kvino_status compare(const kv_node *node, const kv_call *c, bool exact, kvino_error *err) {
  if (c->n_out != node->n_out) return broken(err, node, "has %u outputs where infer says %zu", node->n_out, c->n_out);
  for (uint32_t i = 0; i < node->n_out; i++) {
    const kv_output *o = &node->out[i];
    const kv_spec *p = &c->spec[i];
    char a[KV_SHAPE_TEXT], b[KV_SHAPE_TEXT];
    if (o->dtype != p->dtype || o->rank != p->rank || !dims_agree(p->rank, o->shape, p->shape, exact))
      return broken(err, node, "output %u is %s%s where infer says %s%s", i, kvino_dtype_name(o->dtype),
                    kv_shape_text(o->rank, o->shape, a), kvino_dtype_name(p->dtype),
                    kv_shape_text(p->rank, p->shape, b));
  }
  const int64_t *known = node->out[0].known;
  if (!exact) return KVINO_OK;
  if ((known != NULL) != (c->n_known >= 0) || (known && memcmp(known, c->known, (size_t)c->n_known * sizeof *known)))
    return broken(err, node, "known values differ from what infer says");
  return KVINO_OK;
}

/* exact: infer saw the same when the node was recorded. It may have seen less of a node of constants only. */
static kvino_status infer_again(const kv_node *node, kvino_tensor **in, bool exact, kvino_error *err) {
  kvino_error reason = {0};
  kv_call c = {.prim = node->prim,
               .attrs = &node->attrs,
               .n_in = node->n_in,
               .in = in,
               .n_out = 1,
               .n_known = -1,
               .tracing = true,
               .err = &reason};
  c.spec = &c.one_spec;
  c.out = &c.one_out;
  kvino_status status = node->prim->infer(&c);
  status = status ? broken(err, node, "infer refuses its operands: %s", reason.text) : compare(node, &c, exact, err);
  if (c.spec != &c.one_spec) kv_free(c.spec);
  if (c.out != &c.one_out) kv_free(c.out);
  return status;
}

static kvino_status check_inference(const kv_node *node, kvino_error *err) {
  if (node->prim->traits & KV_STRUCTURAL) return KVINO_OK;
  kvino_tensor **in = kv_calloc(node->n_in + 1, sizeof *in);
  if (!in) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for %u operands", node->n_in);
  kvino_status status = KVINO_OK;
  bool exact = false;
  for (uint32_t k = 0; k < node->n_in && !status;
       k++) { /* a Constant shows all its values, as it did to the recording call */
    const kv_node *from = node->in[k].node;
    exact |= !from->constant;
    if (from->constant)
      in[k] = kvino_tensor_retain(from->constant);
    else
      status = kv_graph_tensor(node->in[k], &in[k], err);
  }
  if (!status) status = infer_again(node, in, exact, err);
  for (uint32_t k = 0; k < node->n_in; k++) kvino_tensor_release(in[k]);
  kv_free(in);
  return status;
}

/* ---- the graph ---- */

static kvino_status check_lists(const kv_graph *g, kvino_error *err) {
  size_t parameters = 0;
  for (size_t i = 0; i < g->n_nodes; i++) parameters += g->node[i]->prim->id == KV_Parameter;
  if (parameters != g->n_parameters)
    return kv_fail(err, KVINO_INVALID, "the graph lists %zu parameters and has %zu", g->n_parameters, parameters);
  for (size_t i = 0; i < g->n_results; i++) {
    kv_edge e = g->result[i].value;
    if (!e.node || e.node->graph != g || e.node->id >= g->n_nodes || g->node[e.node->id] != e.node)
      return kv_fail(err, KVINO_INVALID, "result %zu is not a value of this graph", i);
    if (e.output >= e.node->n_out)
      return broken(err, e.node, "result %zu is output %u of %u", i, e.output, e.node->n_out);
  }
  return KVINO_OK;
}

kvino_status kv_graph_verify(const kv_graph *g, kvino_error *err) {
  for (size_t i = 0; i < g->n_nodes; i++) {
    const kv_node *node = g->node[i];
    if (!node->prim) return kv_fail(err, KVINO_INVALID, "node %%%zu has no primitive", i);
    if (node->id != i || node->graph != g) return broken(err, node, "is not where its number says (%zu)", i);
    KV_TRY(check_operands(g, node, err));
    KV_TRY(check_outputs(node, err));
    KV_TRY(check_attributes(node, err));
    KV_TRY(check_structural(g, node, err));
    KV_TRY(check_inference(node, err));
  }
  return check_lists(g, err);
}
