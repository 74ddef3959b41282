/* Common subexpressions: one node for all that have one primitive, equal attributes and the same operands; one tensor
 * for all constants of equal contents. */
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

/* Constants above this, or above the second where their elements are strewn, are one only where they are views of one
 * memory: finding equal weights is not worth reading all weights. */
static const int64_t COMPARED_BYTES = 64 << 10, COMPARED_STREWN_BYTES = 1 << 10;

/* A node of the new graph or a constant (a reference), in a chain of those whose hashes share a bucket. */
typedef struct seen {
  struct seen *next;
  uint64_t hash[2];
  const kv_node *node;
  kvino_tensor *constant;
} seen;

typedef struct table {
  size_t n_buckets; /* a power of two, at least the number of nodes */
  seen **bucket;
} table;

static seen *bucket_of(const table *t, const uint64_t hash[2]) { return t->bucket[hash[0] & (t->n_buckets - 1)]; }

static void remember(kv_scope *s, table *t, const uint64_t hash[2], const kv_node *node, kvino_tensor *constant) {
  seen *e = kv_malloc(sizeof *e);
  if (!e) {
    kv_scope_fail(s, KVINO_NO_MEMORY, "out of memory for the table of common subexpressions");
    return;
  }
  seen **head = &t->bucket[hash[0] & (t->n_buckets - 1)];
  *e = (seen){*head, {hash[0], hash[1]}, node, kvino_tensor_retain(constant)};
  *head = e;
}

static void table_free(table *t) {
  for (size_t i = 0; t->bucket && i < t->n_buckets; i++)
    for (seen *e = t->bucket[i], *next; e; e = next) {
      next = e->next;
      kvino_tensor_release(e->constant);
      kv_free(e);
    }
  kv_free(t->bucket);
}

/* ---- constants ---- */

static void hash_constant(const kvino_tensor *c, uint64_t hash[2]) {
  if (c->size * (int64_t)kvino_dtype_size((kvino_dtype)c->dtype) <=
      (c->contiguous ? COMPARED_BYTES : COMPARED_STREWN_BYTES)) {
    kv_tensor_hash(c, hash);
    return;
  }
  hash[0] = kv_mix((uint64_t)(uintptr_t)c->data, c->dtype);
  for (int k = 0; k < c->rank; k++) hash[0] = kv_mix(kv_mix(hash[0], (uint64_t)c->shape[k]), (uint64_t)c->strides[k]);
  hash[1] = kv_mix(hash[0], c->rank);
}

/* The first constant that equals c: its shape and 128 bits of its contents decide. */
static kvino_tensor *canonical(kv_scope *s, table *t, kvino_tensor *c) {
  uint64_t hash[2];
  hash_constant(c, hash);
  for (const seen *e = bucket_of(t, hash); e; e = e->next) {
    const kvino_tensor *o = e->constant;
    if (o && e->hash[0] == hash[0] && e->hash[1] == hash[1] && o->dtype == c->dtype && o->rank == c->rank &&
        (!c->rank || !memcmp(o->shape, c->shape, c->rank * sizeof *c->shape)))
      return e->constant;
  }
  remember(s, t, hash, NULL, c);
  return c;
}

/* ---- nodes ---- */

/* Operand k of the node: both operands of a commutative primitive stand in an order of their own. */
static bool same_operand(const kv_edge *e, const kvino_tensor *t) {
  return kv_is_symbolic(t) ? e->node == t->node && e->output == t->output : e->node->constant == t;
}

static bool same_operands(const kv_node *seen_node, const kv_node *node, kvino_tensor *const *in) {
  if (seen_node->n_in != node->n_in) return false;
  const kv_edge *e = seen_node->in;
  if ((node->prim->traits & KV_COMMUTATIVE) && node->n_in == 2 && same_operand(&e[0], in[1]) &&
      same_operand(&e[1], in[0]))
    return true;
  for (uint32_t k = 0; k < node->n_in; k++)
    if (!same_operand(&e[k], in[k])) return false;
  return true;
}

static void hash_node(const kv_node *node, kvino_tensor *const *in, uint64_t hash[2]) {
  uint64_t seed = kv_attrs_hash(node->prim->fields(), &node->attrs, (uint64_t)node->prim->id), sum = 0;
  for (uint32_t k = 0; k < node->n_in; k++) {
    const void *identity = kv_is_symbolic(in[k]) ? (const void *)in[k]->node : in[k];
    uint64_t operand = kv_mix((uint64_t)(uintptr_t)identity, in[k]->output);
    sum += operand; /* in any order, for the commutative */
    if (!(node->prim->traits & KV_COMMUTATIVE)) seed = kv_mix(seed, operand);
  }
  hash[0] = kv_mix(seed, sum);
  hash[1] = 0;
}

static kvino_tensors outputs_of(kv_scope *s, const kv_node *node) {
  kvino_tensors v = {node->n_out, kv_scope_alloc(s, node->n_out, sizeof *v.v)};
  for (uint32_t i = 0; v.v && i < node->n_out; i++) {
    kvino_tensor *t = NULL;
    if (!kv_scope_ok(s, kv_graph_tensor((kv_edge){(kv_node *)node, i}, &t, s->err))) return KV_KEEP;
    v.v[i] = kv_own(s, t);
  }
  return v;
}

static kvino_tensors merge(kv_scope *s, kv_rewriter *w, const kv_node *node, kvino_tensor *const *in) {
  table *t = w->context;
  if (node->constant) return kv_one(s, canonical(s, t, node->constant));
  uint64_t hash[2];
  hash_node(node, in, hash);
  for (const seen *e = bucket_of(t, hash); e; e = e->next)
    if (e->node && e->hash[0] == hash[0] && e->node->prim == node->prim &&
        kv_attrs_equal(node->prim->fields(), &e->node->attrs, &node->attrs) && same_operands(e->node, node, in))
      return outputs_of(s, e->node);
  kvino_tensors v = kv_clone(s, w->out, node, in);
  if (v.v && v.n && v.v[0] && kv_is_symbolic(v.v[0])) remember(s, t, hash, v.v[0]->node, NULL);
  return v;
}

kvino_status kv_pass_cse(const kv_graph *in, kv_graph **out, kvino_error *err) {
  table t = {.n_buckets = 64};
  while (t.n_buckets < in->n_nodes) t.n_buckets *= 2;
  t.bucket = kv_calloc(t.n_buckets, sizeof *t.bucket);
  kvino_status status = t.bucket
                            ? kv_rewrite(in, merge, &t, out, err)
                            : kv_fail(err, KVINO_NO_MEMORY, "out of memory for the table of common subexpressions");
  table_free(&t);
  return status;
}
