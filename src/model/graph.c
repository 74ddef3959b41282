/* Models that are graphs of kvino's own (archive/graph_file.h): they are recorded by taking their nodes over. */
#include <string.h>

#include "base/memory.h"
#include "graph/graph.h"
#include "model/model.h"
#include "passes/rewrite.h"

kvino_status kv_graph_model_begin(kvino_model *m, kvino_error *err) {
  const kv_graph *g = m->file.graph;
  size_t most = g->n_parameters > g->n_results ? g->n_parameters : g->n_results;
  kvino_port *port = kv_calloc(most + 1, sizeof *port);
  if (!port) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a model");
  for (size_t i = 0; i < g->n_parameters; i++) {
    const kv_output *o = g->parameter[i]->out;
    port[i] = (kvino_port){g->parameter[i]->name, o->dtype, o->rank, o->shape};
  }
  kvino_status status = kv_model_ports_copy(g->n_parameters, port, "input", &m->in, err);
  for (size_t i = 0; i < g->n_results; i++) {
    const kv_output *o = kv_edge_output(g->result[i].value);
    port[i] = (kvino_port){g->result[i].name, o->dtype, o->rank, o->shape};
  }
  if (!status) status = kv_model_ports_copy(g->n_results, port, "output", &m->out, err);
  kv_free(port);
  return status;
}

/* ---- for these shapes ---- */

kvino_status kv_graph_model_record(const kvino_model *m, const int64_t *shapes, kvino_graph **out, kvino_error *err) {
  kvino_graph *ports = NULL; /* only says what the inputs are */
  kvino_tensor **given = kv_calloc(m->in.n + 1, sizeof *given);
  kvino_status status =
      given ? kvino_graph_new(&ports, err) : kv_fail(err, KVINO_NO_MEMORY, "out of memory for inputs");
  for (size_t i = 0; i < m->in.n && !status; shapes += m->in.v[i++].rank)
    status = kvino_graph_parameter(ports, m->in.v[i].dtype, m->in.v[i].rank, shapes, NULL, &given[i], err);
  if (!status) status = kv_rewrite_body(m->file.graph, given, NULL, out, err);
  for (size_t i = 0; given && i < m->in.n; i++) kvino_tensor_release(given[i]);
  kv_free(given);
  kvino_graph_release(ports);
  return status;
}

/* ---- on tensors ---- */

static void call_node(kv_scope *s, const kv_node *node, const size_t *first, kvino_tensor **value) {
  kvino_tensor **operand = kv_scope_alloc(s, node->n_in, sizeof *operand);
  for (uint32_t k = 0; operand && k < node->n_in; k++)
    operand[k] = value[first[node->in[k].node->id] + node->in[k].output];
  kv_origin *before = kv_origin_enter(node->origin);
  kvino_tensors made = operand ? kv_apply_many(s, node->prim->id, &node->attrs, node->n_in, operand) : KV_KEEP;
  kv_origin_enter(before);
  for (uint32_t k = 0; !s->status && k < node->n_out; k++) value[first[node->id] + k] = made.v[k];
}

/* The nodes as calls of their operators, which compute where nothing is symbolic. */
static kvino_tensors call(kv_scope *s, const kv_graph *g, kvino_tensor *const *in) {
  size_t *first = kv_first_values(s, g);
  bool *live = kv_scope_alloc(s, g->n_nodes + 1, sizeof *live);
  kvino_tensor **value = first ? kv_scope_alloc(s, first[g->n_nodes] + 1, sizeof *value) : NULL;
  kvino_tensors out = {g->n_results, kv_scope_alloc(s, g->n_results, sizeof *out.v)};
  if (s->status) return KV_KEEP;
  kv_mark_live(g, live);
  for (size_t i = 0; i < g->n_parameters; i++) value[first[g->parameter[i]->id]] = in[i];
  for (size_t i = 0; i < g->n_nodes && !s->status; i++) {
    const kv_node *node = g->node[i];
    if (node->constant)
      value[first[i]] = node->constant;
    else if (live[i] && node->prim->id != KV_Parameter)
      call_node(s, node, first, value);
  }
  for (size_t i = 0; i < g->n_results && !s->status; i++)
    out.v[i] = value[first[g->result[i].value.node->id] + g->result[i].value.output];
  return s->status ? KV_KEEP : out;
}

kvino_status kv_graph_model_call(const kvino_model *m, kvino_tensor *const *in, kvino_tensors *out, kvino_error *err) {
  kvino_error why;
  kv_scope s;
  kv_scope_enter(&s, &why);
  kvino_status status = kv_scope_leave_many(&s, call(&s, m->file.graph, in), out);
  return status ? kv_fail(err, status, "%s: %s", m->file.name, why.text) : KVINO_OK;
}

/* ---- what it consists of ---- */

/* A line of the table: what was recorded in one scope. */
typedef struct row {
  const kv_origin *scope;
  size_t operations;
  int64_t elements;
} row;

static row *row_of(row *rows, size_t *n, const kv_origin *scope) {
  for (size_t i = *n; i-- > 0;) /* the one before, mostly */
    if (kv_origin_same(rows[i].scope, scope)) return &rows[i];
  rows[*n] = (row){.scope = scope};
  return &rows[(*n)++];
}

void kv_graph_model_summary(const kvino_model *m, kv_text *t) {
  const kv_graph *g = m->file.graph;
  row *rows = kv_calloc(g->n_nodes + 1, sizeof *rows);
  bool *counted = kv_calloc(g->n_nodes + 1, sizeof *counted);
  size_t n = 0;
  int64_t all = 0;
  t->failed |= !rows || !counted;
  for (size_t i = 0; i < g->n_nodes && !t->failed; i++) {
    const kv_node *node = g->node[i];
    if (node->prim->traits & KV_STRUCTURAL) continue;
    row *r = row_of(rows, &n, node->origin);
    r->operations++;
    for (uint32_t k = 0; k < node->n_in; k++) {
      const kv_node *from = node->in[k].node;
      if (!from->constant || counted[from->id]) continue;
      counted[from->id] = true;
      r->elements += from->constant->size;
    }
  }
  kv_put(t, "\n%-40s %12s %12s\n", "Scope", "Operations", "Constants");
  for (size_t i = 0; i < n; i++) {
    kv_text name = {0};
    kv_put_origin(&name, rows[i].scope);
    kv_put(t, "%-40s %12zu %12lld\n", name.at ? name.at : "-", rows[i].operations, (long long)rows[i].elements);
    kv_free(name.at);
    all += rows[i].elements;
  }
  kv_put(t, "\nTotal constants: %lld\n", (long long)all);
  kv_free(rows);
  kv_free(counted);
}
