/* The identity of a model as 128 bits (kv_graph_hash in graph.h): two independent running hashes over everything that
 * decides what is computed. Contents go through XXH3, which reads at the speed of memory: weights of 100 MB cost some
 * 10 ms. Not made to resist an adversary: a cache is keyed by it, and its users bring their own models. */
#include <string.h>

#define XXH_INLINE_ALL /* header only: no library to find at run time */
#include <xxhash.h>

#include "base/hash.h"
#include "graph/graph.h"
#include "kvino/strings.h"

/* ---- attributes: graphs among them by their own hash ---- */

static const void *at(const kv_attr_field *f, const kv_attrs *a) { return (const char *)a + f->offset; }

/* The same graph, or one of the same structure and contents. */
static bool body_equal(const kv_graph *a, const kv_graph *b) {
  uint64_t h[2], k[2];
  if (a == b || !a || !b) return a == b;
  kv_graph_hash(a, h);
  kv_graph_hash(b, k);
  return h[0] == k[0] && h[1] == k[1];
}

static bool field_equal(const kv_attr_field *f, const kv_attrs *a, const kv_attrs *b) {
  const void *x = at(f, a), *y = at(f, b);
  switch (f->kind) {
  case KV_FIELD_integer:
    return *(const int64_t *)x == *(const int64_t *)y;
  case KV_FIELD_flag:
    return *(const bool *)x == *(const bool *)y;
  case KV_FIELD_number:
    return !memcmp(x, y, sizeof(double)); /* bits: NaN equals itself, -0 differs from 0 */
  case KV_FIELD_dtype:
    return *(const kvino_dtype *)x == *(const kvino_dtype *)y;
  case KV_FIELD_ints: {
    const kv_ints *m = x, *n = y;
    return m->n == n->n && !memcmp(m->v, n->v, (size_t)m->n * sizeof *m->v);
  }
  case KV_FIELD_choice: {
    const char *s = *(const char *const *)x, *t = *(const char *const *)y;
    return s == t || (s && t && !strcmp(s, t));
  }
  case KV_FIELD_body:
    return body_equal(*(kv_graph *const *)x, *(kv_graph *const *)y);
  }
  return false;
}

bool kv_attrs_equal(const kv_attr_field *fields, const kv_attrs *a, const kv_attrs *b) {
  for (const kv_attr_field *f = fields; f->name; f++)
    if (!field_equal(f, a, b)) return false;
  return true;
}

uint64_t kv_attrs_hash(const kv_attr_field *fields, const kv_attrs *a, uint64_t seed) {
  for (const kv_attr_field *f = fields; f->name; f++) {
    const void *x = at(f, a);
    switch (f->kind) {
    case KV_FIELD_integer:
    case KV_FIELD_number:
      seed = kv_mix_bytes(seed, x, 8);
      break;
    case KV_FIELD_flag:
      seed = kv_mix(seed, *(const bool *)x);
      break;
    case KV_FIELD_dtype:
      seed = kv_mix(seed, *(const kvino_dtype *)x);
      break;
    case KV_FIELD_ints:
      seed = kv_mix_bytes(seed, ((const kv_ints *)x)->v, (size_t)((const kv_ints *)x)->n * 8);
      break;
    case KV_FIELD_choice: {
      const char *s = *(const char *const *)x;
      seed = kv_mix_bytes(seed, s ? s : "", s ? strlen(s) : 0);
      break;
    }
    case KV_FIELD_body: {
      uint64_t body[2] = {0, 0};
      if (*(kv_graph *const *)x) kv_graph_hash(*(kv_graph *const *)x, body);
      seed = kv_mix(kv_mix(seed, body[0]), body[1]);
      break;
    }
    }
  }
  return seed;
}

/* ---- nodes and graphs ---- */

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

/* Lengths and bytes: the elements themselves say where these stand. */
static void stream_strings(XXH3_state_t *state, const kvino_tensor *t, int axis, const char *at) {
  const kvino_string *s = (const kvino_string *)at;
  for (int64_t i = 0; axis < t->rank && i < t->shape[axis]; i++)
    stream_strings(state, t, axis + 1, at + i * t->strides[axis]);
  if (axis < t->rank) return;
  XXH3_128bits_update(state, &s->n, sizeof s->n);
  XXH3_128bits_update(state, s->at, s->n);
}

static XXH128_hash_t hash_contents(const kvino_tensor *t) {
  bool strings = t->dtype == KVINO_STRING;
  if (!t->size) return XXH3_128bits(NULL, 0);
  if (t->contiguous && !strings)
    return XXH3_128bits(t->data, (size_t)t->size * kvino_dtype_size((kvino_dtype)t->dtype));
  XXH3_state_t state; /* aligned by its type */
  XXH3_INITSTATE(&state);
  XXH3_128bits_reset(&state);
  (strings ? stream_strings : stream_elements)(&state, t, 0, t->data);
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
