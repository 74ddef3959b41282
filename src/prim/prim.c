/* The registry, and the one place where a call becomes a computation or a node. */
#include "prim/prim.h"

#include <string.h>

#include "base/memory.h"

static const kv_prim registry[KV_PRIM_COUNT] = {
#define COUNT_0 0
#define COUNT_1 1
#define COUNT_2 2
#define COUNT_3 3
#define COUNT_4 4
#define COUNT_5 5
#define COUNT_N -1
#define MANY_ONE false
#define MANY_MANY true
#define PRIM(operands, outputs, Name, function, opset, infer, eval, traits)                                            \
  PRIM_A(operands, outputs, Name, function, opset, none, infer, eval, traits)
#define PRIM_A(operands, outputs, Name, function, opset, group, infer, eval, traits)                                   \
  [KV_##                                                                                                               \
      Name] = {KV_##Name,        #Name,         opset, COUNT_##operands, MANY_##outputs, traits, kv_##group##_fields,  \
               kv_infer_##infer, kv_eval_##eval},
#include "prim/prims.def"
#undef PRIM
#undef PRIM_A
};

const kv_prim *kv_prim_get(kv_prim_id id) { return &registry[id]; }

const kv_prim *kv_prim_find(const char *name) {
  for (int i = 0; i < KV_PRIM_COUNT; i++)
    if (!strcmp(registry[i].name, name)) return &registry[i];
  return NULL;
}

kvino_status kv_infer_none(kv_call *c) {
  return kv_fail(c->err, KVINO_INVALID, "%s cannot be called: it stands for data of a graph", c->prim->name);
}
kvino_status kv_eval_none(kv_call *c) { return kv_infer_none(c); }

kvino_status kv_call_outputs(kv_call *c, size_t n) {
  if (n <= 1) {
    c->n_out = n;
    return KVINO_OK;
  }
  kv_spec *spec = kv_malloc(n * sizeof *spec);
  kvino_tensor **out = kv_calloc(n, sizeof *out);
  if (!spec || !out) {
    kv_free(spec);
    kv_free(out);
    return kv_fail(c->err, KVINO_NO_MEMORY, "out of memory for %zu outputs of %s", n, c->prim->name);
  }
  c->spec = spec;
  c->out = out;
  c->n_out = n;
  return KVINO_OK;
}

kvino_status kv_call_alloc(kv_call *c, size_t i) {
  return kv_tensor_empty(c->spec[i].dtype, c->spec[i].rank, c->spec[i].shape, &c->out[i], c->err);
}

/* Whether the memory of t is a block that nobody else has. */
static bool is_sole(const kvino_tensor *t) {
  const kvino_tensor *owner = t->base ? t->base : t;
  return t->refs == 1 && owner->refs == 1 && owner->block;
}

kvino_status kv_call_alloc_over(kv_call *c) {
  const kv_spec *spec = c->spec;
  for (size_t i = 0; c->spare && i < c->n_in; i++) {
    kvino_tensor *t = c->in[i];
    if (!(c->spare >> i & 1) || t->dtype != spec->dtype || t->rank != spec->rank || !t->contiguous || !is_sole(t) ||
        memcmp(t->shape, spec->shape, t->rank * sizeof *t->shape))
      continue;
    c->out[0] = kvino_tensor_retain(t);
    return KVINO_OK;
  }
  return kv_call_alloc(c, 0);
}

void kv_call_spec(kv_call *c, size_t i, kvino_dtype dtype, int rank, const int64_t *shape) {
  c->spec[i].dtype = dtype;
  c->spec[i].rank = rank;
  for (int k = 0; k < rank; k++) c->spec[i].shape[k] = shape[k];
}

static void call_free(kv_call *c) {
  for (size_t i = 0; i < c->n_out; i++) kvino_tensor_release(c->out[i]);
  if (c->spec != &c->one_spec) kv_free(c->spec);
  if (c->out != &c->one_out) kv_free(c->out);
}

/* Records the call as a node of the graph of the first symbolic operand. */
static kvino_status record(kv_call *c, kv_graph *g) {
  kv_edge few[8], *in = few;
  if (c->n_in > 8 && !(in = kv_malloc(c->n_in * sizeof *in)))
    return kv_fail(c->err, KVINO_NO_MEMORY, "out of memory for %zu operands of %s", c->n_in, c->prim->name);
  kvino_status status = KVINO_OK;
  for (size_t i = 0; i < c->n_in && !status; i++) status = kv_graph_edge(g, c->in[i], &in[i], c->err);
  kv_node *node = NULL;
  if (!status)
    status = kv_graph_add(g, c->prim, c->attrs, c->n_in, in, c->n_out, c->spec, c->n_known, c->known, &node, c->err);
  for (size_t i = 0; i < c->n_out && !status; i++)
    status = kv_graph_tensor((kv_edge){node, (uint32_t)i}, &c->out[i], c->err);
  if (in != few) kv_free(in);
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
  if (!status) status = c->prim->infer(c);
  if (!status) status = record(c, g);
  c->in = given;
  while (made-- > 0) kvino_tensor_release(in[made]);
  if (in != few) kv_free(in);
  return status;
}

/* Infers, then computes or records. The outputs stand in c->out. */
static kvino_status perform(kv_call *c, kv_scope *s) {
  kv_graph *g = NULL;
  for (size_t i = 0; i < c->n_in && !g; i++)
    if (kv_is_symbolic(c->in[i])) g = kv_graph_recording(c->in[i]->node->graph);
  c->tracing = g != NULL;
  if (c->prim->n_in >= 0 && c->n_in != (size_t)c->prim->n_in)
    return kv_fail(c->err, KVINO_INVALID, "%s takes %d operands, not %zu", c->prim->name, c->prim->n_in, c->n_in);
  if (g && g->parent) return record_in_body(c, g);
  KV_TRY(c->prim->infer(c));
  if (!g && s->may_defer && !(c->prim->traits & KV_VIEW) && kv_is_large(c->n_out, c->spec)) {
    if (!s->deferred) KV_TRY(kv_graph_new(&s->deferred, c->err));
    g = s->deferred;
  }
  return g ? record(c, g) : c->prim->eval(c);
}

static bool start(kv_call *c, kv_scope *s, kv_prim_id id, const kv_attrs *attrs, size_t n, kvino_tensor *const *in) {
  static const kv_attrs nothing;
  if (s->status) return false;
  for (size_t i = 0; i < n; i++)
    if (!in[i]) return kv_scope_fail(s, KVINO_INVALID, "an operand of %s is NULL", registry[id].name) != NULL;
  c->prim = &registry[id];
  c->attrs = attrs ? attrs : &nothing;
  c->n_in = n;
  c->in = in;
  c->n_out = 1;
  c->spec = &c->one_spec;
  c->out = &c->one_out;
  c->one_out = NULL;
  c->n_known = -1;
  c->err = s->err;
  c->spare = s->spare;
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
  call_free(&c);
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
  call_free(&c);
  return out;
}
