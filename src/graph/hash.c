/* The identity of a model as 128 bits (kv_graph_hash in graph.h): two independent running hashes over everything that
 * decides what is computed. Contents go through XXH3, which reads at the speed of memory: weights of 100 MB cost some
 * 10 ms. Not made to resist an adversary: a cache is keyed by it, and its users bring their own models. */
#include <string.h>

#define XXH_INLINE_ALL /* header only: no library to find at run time */
#include <xxhash.h>

#include "graph/graph.h"
#include "prim/prim.h"

typedef struct hash {
  uint64_t h[2];
} hash;

static void mix(hash *s, uint64_t value) {
  s->h[0] = kv_mix(s->h[0], value);
  s->h[1] = kv_mix(s->h[1], value ^ 0x5851f42d4c957f2du);
}

static void mix_text(hash *s, const char *text) {
  size_t n = text ? strlen(text) : 0;
  mix(s, text ? n : ~(uint64_t)0);
  if (!n) return;
  s->h[0] = kv_mix_bytes(s->h[0], text, n);
  s->h[1] = kv_mix_bytes(s->h[1], text, n);
}

/* Feeds the innermost axis that is dense, row by row, so that a view is hashed without a copy and equals its copy. */
static void stream_elements(XXH3_state_t *state, const kvino_tensor *t, int axis, const char *at) {
  int64_t row = (int64_t)kvino_dtype_size((kvino_dtype)t->dtype);
  int dense = t->rank;
  while (dense > axis && (t->shape[dense - 1] == 1 || t->strides[dense - 1] == row)) row *= t->shape[--dense];
  if (dense == axis) {
    XXH3_128bits_update(state, at, (size_t)row);
    return;
  }
  for (int64_t i = 0; i < t->shape[axis]; i++) stream_elements(state, t, axis + 1, at + i * t->strides[axis]);
}

static XXH128_hash_t hash_contents(const kvino_tensor *t) {
  if (!t->size) return XXH3_128bits(NULL, 0);
  if (t->contiguous) return XXH3_128bits(t->data, (size_t)t->size * kvino_dtype_size((kvino_dtype)t->dtype));
  XXH3_state_t state; /* aligned by its type */
  XXH3_INITSTATE(&state);
  XXH3_128bits_reset(&state);
  stream_elements(&state, t, 0, t->data);
  return XXH3_128bits_digest(&state);
}

void kv_tensor_hash(const kvino_tensor *t, uint64_t out[2]) {
  hash s = {{t->dtype, t->rank}};
  for (int k = 0; k < t->rank; k++) mix(&s, (uint64_t)t->shape[k]);
  XXH128_hash_t contents = hash_contents(t);
  mix(&s, contents.low64);
  mix(&s, contents.high64);
  out[0] = s.h[0];
  out[1] = s.h[1];
}

static void mix_node(hash *s, const kv_node *node) {
  mix_text(s, node->prim->name); /* not its number, which may change between versions: a cache may stand on disk */
  mix(s, node->n_in);
  for (uint32_t k = 0; k < node->n_in; k++) {
    mix(s, node->in[k].node->id);
    mix(s, node->in[k].output);
  }
  mix(s, node->n_out);
  for (uint32_t i = 0; i < node->n_out; i++) {
    const kv_output *o = &node->out[i];
    mix(s, (uint64_t)o->dtype);
    mix(s, (uint64_t)o->rank);
    for (int k = 0; k < o->rank; k++) mix(s, (uint64_t)o->shape[k]);
  }
  const kv_attr_field *fields = node->prim->fields();
  s->h[0] = kv_attrs_hash(fields, &node->attrs, s->h[0]);
  s->h[1] = kv_attrs_hash(fields, &node->attrs, s->h[1]);
  mix_text(s, node->name);
  if (!node->constant) return;
  uint64_t value[2];
  kv_tensor_hash(node->constant, value);
  mix(s, value[0]);
  mix(s, value[1]);
}

void kv_graph_hash(const kv_graph *g, uint64_t out[2]) {
  hash s = {{0x6b76696e6f000001u, 0x67726170680002u}};
  mix(&s, g->n_nodes);
  for (size_t i = 0; i < g->n_nodes; i++) mix_node(&s, g->node[i]);
  mix(&s, g->n_results);
  for (size_t i = 0; i < g->n_results; i++) {
    mix(&s, g->result[i].value.node->id);
    mix(&s, g->result[i].value.output);
    mix_text(&s, g->result[i].name);
  }
  out[0] = s.h[0];
  out[1] = s.h[1];
}
