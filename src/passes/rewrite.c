/* Functional rewriting (rewrite.h). */
#include "passes/rewrite.h"

#include <string.h>

#include "base/memory.h"

/* A result of constant operands up to this many bytes is always computed; a larger one only where it is at most
 * twice its operands. Packed numbers only where their floats would be, too. */
static const int64_t FOLD_BYTES = 256 << 10;

kvino_tensors kv_one(kv_scope *s, kvino_tensor *t) {
  kvino_tensor **v = t ? kv_scope_alloc(s, 1, sizeof *v) : NULL;
  if (!v) return KV_KEEP;
  *v = t;
  return (kvino_tensors){1, v};
}

kvino_tensor *kv_as_symbolic(kv_scope *s, kv_graph *g, kvino_tensor *t) {
  kv_edge edge;
  kvino_tensor *symbol = NULL;
  if (!t || s->status || kv_is_symbolic(t)) return t;
  if (!kv_scope_ok(s, kv_graph_edge(g, t, &edge, s->err))) return NULL;
  return kv_scope_ok(s, kv_graph_tensor(edge, &symbol, s->err)) ? kv_own(s, symbol) : NULL;
}

const kv_node *kv_made_by(const kvino_tensor *t, kv_prim_id id) {
  return kv_is_symbolic(t) && t->node->prim->id == id ? t->node : NULL;
}

kvino_tensor *kv_operand(kv_scope *s, const kv_node *node, uint32_t k) {
  kvino_tensor *t = NULL;
  kv_node *from = node->in[k].node;
  if (s->status) return NULL;
  if (from->constant) return kv_own(s, kvino_tensor_retain(from->constant));
  return kv_scope_ok(s, kv_graph_tensor(node->in[k], &t, s->err)) ? kv_own(s, t) : NULL;
}

void kv_mark_live(const kv_graph *g, bool *live) {
  memset(live, 0, g->n_nodes * sizeof *live);
  for (size_t i = 0; i < g->n_results; i++) live[g->result[i].value.node->id] = true;
  for (size_t i = g->n_nodes; i-- > 0;) /* operands stand before their users */
    for (uint32_t k = 0; live[i] && k < g->node[i]->n_in; k++) live[g->node[i]->in[k].node->id] = true;
}

/* ---- cloning one node ---- */

static int64_t bytes_of(kvino_dtype dtype, int rank, const int64_t *shape) {
  int64_t bytes = (int64_t)kvino_dtype_size(dtype);
  for (int k = 0; k < rank; k++)
    if (shape[k] >= 0 && __builtin_mul_overflow(bytes, shape[k], &bytes)) return INT64_MAX;
  return bytes;
}

/* Whether computing now keeps the graph small: asks infer, which costs nothing beside a computation. */
static bool fold_is_small(const kv_node *node, kvino_tensor *const *in) {
  kv_call c = {.prim = node->prim, .attrs = &node->attrs, .n_in = node->n_in, .in = in, .n_out = 1, .n_known = -1};
  c.spec = &c.one_spec;
  c.out = &c.one_out;
  int64_t made = 0, given = 0;
  bool small = true;
  if (!node->prim->infer(&c)) { /* where it fails, the call below says why */
    for (size_t i = 0; i < c.n_out; i++)
      if (__builtin_add_overflow(made, bytes_of(c.spec[i].dtype, c.spec[i].rank, c.spec[i].shape), &made))
        made = INT64_MAX;
    for (uint32_t i = 0; i < node->n_in; i++) given += bytes_of((kvino_dtype)in[i]->dtype, in[i]->rank, in[i]->shape);
    bool packed = node->prim->traits & KV_UNPACKS;
    small = packed ? made <= FOLD_BYTES / (int64_t)sizeof(float) : made <= FOLD_BYTES || made / 2 <= given;
  }
  if (c.spec != &c.one_spec) kv_free(c.spec);
  if (c.out != &c.one_out) kv_free(c.out);
  return small;
}

/* Computes now. False where the kernel refuses; the scope fails only where memory is short. */
static bool fold(kv_scope *s, const kv_node *node, kvino_tensor *const *in, kvino_tensors *out) {
  kv_scope attempt;
  kvino_error err;
  kvino_tensors made;
  kv_scope_enter(&attempt, &err);
  kvino_tensors v = kv_apply_many(&attempt, node->prim->id, &node->attrs, node->n_in, in);
  kvino_status status = kv_scope_leave_many(&attempt, v, &made);
  if (status == KVINO_NO_MEMORY) kv_scope_fail(s, status, "%s", err.text);
  if (status) return false;
  kvino_tensor **list = kv_scope_alloc(s, made.n, sizeof *list);
  for (size_t i = 0; i < made.n; i++) { /* the scope takes over each reference */
    if (list)
      list[i] = kv_own(s, made.v[i]);
    else
      kvino_tensor_release(made.v[i]);
  }
  *out = (kvino_tensors){list ? made.n : 0, list};
  kv_free(made.v);
  return list != NULL;
}

kvino_tensors kv_clone(kv_scope *s, kv_graph *g, const kv_node *node, kvino_tensor *const *in) {
  if (node->constant) return kv_one(s, kv_own(s, kvino_tensor_retain(node->constant)));
  kvino_tensors out = KV_KEEP;
  bool concrete = true;
  for (uint32_t i = 0; i < node->n_in; i++) concrete &= in[i] && !kv_is_symbolic(in[i]);
  if (!concrete || !node->n_in) return kv_apply_many(s, node->prim->id, &node->attrs, node->n_in, in);
  if (fold_is_small(node, in) && fold(s, node, in, &out)) return out;
  if (s->status) return out;
  kvino_tensor **symbolic = kv_scope_alloc(s, node->n_in, sizeof *symbolic);
  if (!symbolic) return out;
  memcpy(symbolic, in, node->n_in * sizeof *symbolic);
  symbolic[0] = kv_as_symbolic(s, g, in[0]); /* one symbolic operand makes a call record */
  return kv_apply_many(s, node->prim->id, &node->attrs, node->n_in, symbolic);
}

/* ---- the whole graph ---- */

typedef struct rewrite {
  const kv_graph *in;
  kv_rewriter w;
  bool *live;
  uint32_t *uses;             /* by node: how many edges to its outputs are still to come */
  size_t *first;              /* by node: its first place in `value` */
  kvino_tensor **value;       /* the new value of every output */
  kvino_tensor *const *given; /* of a body: kv_rewrite_body; else NULL */
  const bool *keep;
} rewrite;

static kvino_status rewrite_begin(rewrite *r, const kv_graph *in, kvino_error *err) {
  size_t n = in->n_nodes, outputs = 0;
  r->in = in;
  for (size_t i = 0; i < n; i++) outputs += in->node[i]->n_out;
  r->live = kv_calloc(n + 1, sizeof *r->live);
  r->uses = kv_calloc(n + 1, sizeof *r->uses);
  r->first = kv_calloc(n + 1, sizeof *r->first);
  r->value = kv_calloc(outputs + 1, sizeof *r->value);
  if (!r->live || !r->uses || !r->first || !r->value)
    return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a graph of %zu nodes", n);
  for (size_t i = 0; i < n; i++) r->first[i + 1] = r->first[i] + in->node[i]->n_out;
  kv_mark_live(in, r->live);
  for (size_t i = 0; i < n; i++)
    for (uint32_t k = 0; r->live[i] && k < in->node[i]->n_in; k++) r->uses[in->node[i]->in[k].node->id]++;
  for (size_t i = 0; i < in->n_results; i++) r->uses[in->result[i].value.node->id]++;
  return kv_graph_new(&r->w.out, err);
}

static void release_values(rewrite *r, size_t id) {
  for (size_t k = r->first[id]; k < r->first[id + 1]; k++) {
    kvino_tensor_release(r->value[k]);
    r->value[k] = NULL;
  }
}

static void rewrite_end(rewrite *r) {
  if (r->first && r->value)
    for (size_t i = 0; i < r->in->n_nodes; i++) release_values(r, i);
  kv_free(r->live);
  kv_free(r->uses);
  kv_free(r->first);
  kv_free(r->value);
}

/* A replacement must be what it stands for: a wrong rule must never become a wrong number. */
static kvino_status check(const kv_node *node, kvino_tensors v, kvino_error *err) {
  if (v.n != node->n_out)
    return kv_fail(err, KVINO_INVALID, "rewriting %s: %zu values for %u outputs", node->prim->name, v.n, node->n_out);
  for (uint32_t i = 0; i < node->n_out; i++) {
    const kv_output *o = &node->out[i];
    if (!v.v[i]) return kv_fail(err, KVINO_INVALID, "rewriting %s: no value for output %u", node->prim->name, i);
    bool same = v.v[i]->dtype == o->dtype && v.v[i]->rank == o->rank;
    for (int k = 0; same && k < o->rank; k++)
      same = o->shape[k] < 0 || v.v[i]->shape[k] < 0 || o->shape[k] == v.v[i]->shape[k];
    char a[KV_SHAPE_TEXT], b[KV_SHAPE_TEXT];
    if (!same)
      return kv_fail(err, KVINO_INVALID, "rewriting %s: output %u became %s%s, was %s%s", node->prim->name, i,
                     kvino_dtype_name((kvino_dtype)v.v[i]->dtype), kv_shape_text(v.v[i]->rank, v.v[i]->shape, a),
                     kvino_dtype_name(o->dtype), kv_shape_text(o->rank, o->shape, b));
  }
  return KVINO_OK;
}

static kvino_status rewrite_node(rewrite *r, const kv_node *node, kv_rule rule, kvino_error *err) {
  kv_scope s;
  kvino_tensors v = KV_KEEP;
  kvino_tensor *few[8], **in = few;
  kv_scope_enter(&s, err);
  kv_origin *before = kv_origin_enter(node->origin);
  if (node->n_in > 8) in = kv_scope_alloc(&s, node->n_in, sizeof *in);
  for (uint32_t k = 0; in && k < node->n_in; k++) in[k] = r->value[r->first[node->in[k].node->id] + node->in[k].output];
  if (in && rule) v = rule(&s, &r->w, node, in);
  if (in && !s.status && !v.v) v = kv_clone(&s, r->w.out, node, in);
  if (!s.status) kv_scope_ok(&s, check(node, v, err));
  for (uint32_t k = 0; !s.status && k < node->n_out; k++)
    r->value[r->first[node->id] + k] = kvino_tensor_retain(v.v[k]);
  kv_origin_enter(before);
  kvino_status status = s.status;
  s.err = NULL; /* the values were taken; what else the scope owns goes */
  kv_scope_leave(&s, NULL, &(kvino_tensor *){NULL});
  return status;
}

static kvino_status rewrite_parameters(rewrite *r, kvino_error *err) {
  for (size_t i = 0; i < r->in->n_parameters; i++) {
    const kv_node *node = r->in->parameter[i];
    const kv_output *o = node->out;
    kvino_tensor *given = r->given ? r->given[i] : NULL, **value = &r->value[r->first[node->id]];
    int64_t shape[KVINO_MAX_RANK];
    if (r->keep && !r->keep[i]) continue;
    if (given && !kv_is_symbolic(given)) {
      *value = kvino_tensor_retain(given);
      continue;
    }
    for (int k = 0; k < o->rank; k++) shape[k] = given && o->shape[k] < 0 ? given->shape[k] : o->shape[k];
    KV_TRY(kv_graph_parameter(r->w.out, o->dtype, o->rank, shape, node->name, value, err));
  }
  return KVINO_OK;
}

static kvino_status rewrite_results(rewrite *r, kvino_error *err) {
  for (size_t i = 0; i < r->in->n_results; i++) {
    const kv_result *result = &r->in->result[i];
    kvino_tensor *v = r->value[r->first[result->value.node->id] + result->value.output];
    KV_TRY(kv_graph_result(r->w.out, v, result->name, err));
  }
  return KVINO_OK;
}

static kvino_status perform(rewrite r, const kv_graph *in, kv_rule rule, kv_graph **out, kvino_error *err) {
  kvino_status status = rewrite_begin(&r, in, err);
  if (!status) status = rewrite_parameters(&r, err);
  for (size_t i = 0; i < in->n_nodes && !status; i++) {
    const kv_node *node = in->node[i];
    if (!r.live[i] || node->prim->id == KV_Parameter) continue;
    status = rewrite_node(&r, node, rule, err);
    for (uint32_t k = 0; k < node->n_in; k++)
      if (!--r.uses[node->in[k].node->id]) release_values(&r, node->in[k].node->id);
  }
  if (!status) status = rewrite_results(&r, err);
  rewrite_end(&r);
  if (status)
    kv_graph_release(r.w.out);
  else
    *out = r.w.out;
  return status;
}

kvino_status kv_rewrite(const kv_graph *in, kv_rule rule, void *context, kv_graph **out, kvino_error *err) {
  return perform((rewrite){.w.context = context}, in, rule, out, err);
}

kvino_status kv_rewrite_body(const kv_graph *in, kvino_tensor *const *given, const bool *keep, kv_graph **out,
                             kvino_error *err) {
  return perform((rewrite){.given = given, .keep = keep}, in, NULL, out, err);
}
