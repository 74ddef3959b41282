/* Recording of bodies: graphs inside of graphs, and what they take from around them (body.h). */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "graph/body.h"

static _Thread_local kv_graph *current; /* the body that this thread records */

kv_graph *kv_graph_record_in(kv_graph *g) {
  kv_graph *before = current;
  current = g;
  return before;
}

kv_graph *kv_graph_recording(kv_graph *g) {
  for (const kv_graph *around = current; around; around = around->parent)
    if (around == g) return current;
  return g;
}

kvino_status kv_body_new(kv_graph *parent, kv_graph **out, kvino_error *err) {
  KV_TRY(kv_graph_new(out, err));
  (*out)->parent = kv_graph_retain(parent);
  return KVINO_OK;
}

void kv_body_close(kv_graph *body) {
  kv_graph *parent = body->parent;
  body->parent = NULL;
  kv_free(body->capture);
  body->capture = NULL;
  body->n_captures = body->capture_capacity = 0;
  kv_graph_release(parent);
}

/* An outer value that is wholly known, as a shape may be, is a Constant inside. */
static kvino_status known_constant(kv_graph *body, const kv_output *o, kv_edge *out, bool *made, kvino_error *err) {
  int64_t n = o->rank ? o->shape[0] : 1;
  kvino_tensor *t;
  *made = false;
  for (int64_t i = 0; o->known && i < n; i++)
    if (o->known[i] == KV_UNKNOWN) return KVINO_OK;
  if (!o->known || o->dtype == KVINO_BOOL) return KVINO_OK;
  KV_TRY(kv_tensor_empty(o->dtype, o->rank, o->shape, &t, err));
  size_t bytes = kvino_dtype_size(o->dtype); /* little-endian: the low bytes are the value in any width */
  for (int64_t i = 0; i < n; i++) memcpy((char *)t->data + (size_t)i * bytes, &o->known[i], bytes);
  kvino_status status = kv_graph_edge(body, t, out, err);
  kvino_tensor_release(t);
  *made = !status;
  return status;
}

static kvino_status add_capture(kv_graph *body, kv_edge outer, kv_edge *out, kvino_error *err) {
  const kv_output *o = kv_edge_output(outer);
  kvino_tensor *t;
  if (!kv_grow((void **)&body->capture, body->n_captures, &body->capture_capacity, sizeof *body->capture))
    return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a body that takes %zu values", body->n_captures + 1);
  KV_TRY(kv_graph_parameter(body, o->dtype, o->rank, o->shape, NULL, &t, err));
  *out = kv_tensor_edge(t);
  kvino_tensor_release(t);
  body->capture[body->n_captures++] = (kv_capture){out->node, outer};
  return KVINO_OK;
}

kvino_status kv_body_capture(kv_graph *body, kv_edge outer, kv_edge *out, kvino_error *err) {
  if (outer.node->constant) return kv_graph_edge(body, outer.node->constant, out, err);
  for (size_t i = 0; i < body->n_captures; i++)
    if (body->capture[i].value.node == outer.node && body->capture[i].value.output == outer.output) {
      *out = (kv_edge){body->capture[i].parameter, 0};
      return KVINO_OK;
    }
  bool made;
  KV_TRY(known_constant(body, kv_edge_output(outer), out, &made, err));
  return made ? KVINO_OK : add_capture(body, outer, out, err);
}
