/* The readable listing of a graph, one node a line:
 *
 *   %0: f32[?, 4] = Parameter "x"
 *   %1: f32[] = Constant 0.5
 *   %2: f32[?, 4] = Add(%0, %1)
 *   %3: f32[?, 2], f32[?, 2] = Split(%2, %1) num_splits=2
 *   result "y": %3.1
 *
 * The graphs that a node has follow it, indented. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "graph/graph.h"

enum { SHOWN = 8 }; /* elements of a constant */

typedef struct text {
  char *bytes;
  size_t n, capacity;
  bool failed;
} text;

static bool reserve(text *t, size_t more) {
  if (t->failed) return false;
  if (t->n + more + 1 <= t->capacity) return true;
  size_t wanted = (t->n + more + 1) * 2;
  char *bytes = kv_realloc(t->bytes, wanted);
  if (!bytes) return !(t->failed = true);
  t->bytes = bytes;
  t->capacity = wanted;
  return true;
}

static void put(text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(text *t, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int n = vsnprintf(NULL, 0, format, args);
  if (n >= 0 && reserve(t, (size_t)n)) {
    vsnprintf(t->bytes + t->n, (size_t)n + 1, format, again);
    t->n += (size_t)n;
  }
  va_end(again);
  va_end(args);
}

static const char *short_name(kvino_dtype dtype) {
  static const char *const names[KVINO_DTYPE_COUNT] = {
#define ROW(id, name, size, ir) [KVINO_##id] = ir,
      KVINO_DTYPES(ROW)
#undef ROW
  };
  return (unsigned)dtype < KVINO_DTYPE_COUNT && names[dtype] ? names[dtype] : kvino_dtype_name(dtype);
}

static void put_type(text *t, const kv_output *o) {
  put(t, "%s[", short_name(o->dtype));
  for (int k = 0; k < o->rank; k++) {
    if (o->shape[k] < 0)
      put(t, k ? ", ?" : "?");
    else
      put(t, k ? ", %lld" : "%lld", (long long)o->shape[k]);
  }
  put(t, "]");
}

/* Names come from users: quotes, backslashes and control characters are escaped, so that a line stays a line. */
static void put_name(text *t, const char *name) {
  put(t, " \"");
  for (const char *p = name; *p; p++) {
    if (*p == '"' || *p == '\\')
      put(t, "\\%c", *p);
    else if ((unsigned char)*p < 32)
      put(t, "\\x%02x", (unsigned)*p);
    else
      put(t, "%c", *p);
  }
  put(t, "\"");
}

static void put_edge(text *t, kv_edge e) {
  put(t, "%%%u", e.node->id);
  if (e.node->n_out > 1) put(t, ".%u", e.output);
}

/* The shortest decimal that reads back as the same number of that dtype. */
static void put_number(text *t, kvino_dtype dtype, double v) {
  char s[40];
  for (int digits = 6; digits <= 17; digits++) {
    snprintf(s, sizeof s, "%.*g", digits, v);
    double back = strtod(s, NULL);
    if (back == v || v != v || (dtype != KVINO_F64 && (float)back == (float)v)) break;
  }
  put(t, "%s", s);
}

static void put_element(text *t, const kvino_tensor *c, int64_t i) {
  kvino_dtype dtype = (kvino_dtype)c->dtype;
  if (dtype == KVINO_BOOL)
    put(t, kv_tensor_get_int(c, i) ? "true" : "false");
  else if (dtype == KVINO_U64)
    put(t, "%llu", (unsigned long long)kv_tensor_get_int(c, i));
  else if (kvino_dtype_is_integer(dtype))
    put(t, "%lld", (long long)kv_tensor_get_int(c, i));
  else
    put_number(t, dtype, kv_tensor_get_number(c, i));
}

static void put_constant(text *t, const kvino_tensor *c) {
  kvino_dtype dtype = (kvino_dtype)c->dtype;
  put(t, " ");
  if (dtype == KVINO_STRING || kvino_dtype_is_complex(dtype)) {
    put(t, "{...}");
    return;
  }
  if (c->rank) put(t, "{");
  for (int64_t i = 0; i < c->size && i < SHOWN; i++) {
    if (i) put(t, ", ");
    put_element(t, c, i);
  }
  if (c->rank) put(t, c->size > SHOWN ? ", ...}" : "}");
}

static void put_attributes(text *t, const kv_node *node) {
  for (const kv_attr_field *f = node->prim->fields(); f->name; f++) {
    char value[256];
    if (!kv_attr_is_set(f, &node->attrs)) continue;
    kv_attr_text(f, &node->attrs, value, sizeof value);
    put(t, " %s=%s", f->name, value);
  }
}

static void put_graph(text *t, const kv_graph *g, int depth);

static void put_bodies(text *t, const kv_node *node, int depth) {
  for (const kv_attr_field *f = node->prim->fields(); f->name; f++) {
    if (f->kind != KV_FIELD_body) continue;
    const kv_graph *body = *(kv_graph *const *)((const char *)&node->attrs + f->offset);
    if (!body) continue;
    put(t, "%*s%s:\n", 2 * depth + 2, "", f->name);
    put_graph(t, body, depth + 2);
  }
}

static void put_node(text *t, const kv_node *node, int depth) {
  put(t, "%*s%%%u: ", 2 * depth, "", node->id);
  for (uint32_t i = 0; i < node->n_out; i++) {
    if (i) put(t, ", ");
    put_type(t, &node->out[i]);
  }
  put(t, " = %s", node->prim->name);
  if (!(node->prim->traits & KV_STRUCTURAL)) {
    put(t, "(");
    for (uint32_t k = 0; k < node->n_in; k++) {
      if (k) put(t, ", ");
      put_edge(t, node->in[k]);
    }
    put(t, ")");
  }
  put_attributes(t, node);
  if (node->constant) put_constant(t, node->constant);
  if (node->name) put_name(t, node->name);
  put(t, "\n");
  put_bodies(t, node, depth);
}

static void put_graph(text *t, const kv_graph *g, int depth) {
  for (size_t i = 0; i < g->n_nodes; i++) put_node(t, g->node[i], depth);
  for (size_t i = 0; i < g->n_results; i++) {
    put(t, "%*sresult", 2 * depth, "");
    if (g->result[i].name) put_name(t, g->result[i].name);
    put(t, ": ");
    put_edge(t, g->result[i].value);
    put(t, "\n");
  }
}

kvino_status kv_graph_dump(const kv_graph *g, char **out, kvino_error *err) {
  text t = {0};
  reserve(&t, 64 * g->n_nodes);
  put_graph(&t, g, 0);
  if (t.failed) {
    kv_free(t.bytes);
    return kv_fail(err, KVINO_NO_MEMORY, "out of memory for the listing of a graph of %zu nodes", g->n_nodes);
  }
  t.bytes[t.n] = 0; /* reserve made room */
  *out = t.bytes;
  return KVINO_OK;
}

kvino_status kvino_graph_dump(const kvino_graph *g, char **text_out, kvino_error *err) {
  KV_NOT_NULL(err, g && text_out);
  return kv_graph_dump(g, text_out, err);
}
