/* kvino_graph_save: a graph as a file of kvino's own (graph_file.h). */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "archive/graph_file.h"
#include "archive/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "kvino/strings.h"
#include "passes/rewrite.h"
#include "tensor/zip_write.h"
#include "vocabulary/refusals.h"

/* A constant with more elements is looked for among those that are written: graphs inside of graphs share weights. */
enum { SHARED = 64 };

typedef struct writer {
  size_t n, capacity, bytes; /* of the constants */
  kvino_tensor **constant;   /* a reference of each; of strings, in C order */
  size_t *offset;
  json_t *table; /* of the constants */
  kvino_error *err;
} writer;

static kvino_status no_memory(writer *w) {
  return kv_fail(w->err, KVINO_NO_MEMORY, "out of memory for a graph's file");
}

/* ---- constants ---- */

static size_t bytes_of(const kvino_tensor *t) {
  size_t n = (size_t)t->size, bytes = n * kvino_dtype_size((kvino_dtype)t->dtype);
  if (t->dtype != KVINO_STRING) return bytes;
  bytes = n * sizeof(uint64_t);
  for (size_t i = 0; i < n; i++) bytes += ((const kvino_string *)t->data)[i].n;
  return bytes;
}

static json_t *shape_json(int rank, const int64_t *shape) {
  json_t *list = json_array();
  for (int i = 0; i < rank; i++) json_array_append_new(list, shape[i] < 0 ? json_null() : json_integer(shape[i]));
  return list;
}

static kvino_status grow(writer *w) {
  if (w->n < w->capacity) return KVINO_OK;
  size_t wanted = w->capacity ? 2 * w->capacity : 64;
  kvino_tensor **constant = kv_realloc(w->constant, wanted * sizeof *constant);
  if (constant) w->constant = constant;
  size_t *offset = kv_realloc(w->offset, wanted * sizeof *offset);
  if (offset) w->offset = offset;
  if (!constant || !offset) return no_memory(w);
  w->capacity = wanted;
  return KVINO_OK;
}

/* The constant's number in the table. */
static kvino_status put_constant(writer *w, kvino_tensor *t, json_t **out) {
  kvino_tensor *own = NULL;
  for (size_t i = 0; i < w->n && t->size > SHARED; i++)
    if (w->constant[i] == t) return *out = json_integer((json_int_t)i), KVINO_OK;
  KV_TRY(grow(w));
  if (t->dtype == KVINO_STRING)
    KV_TRY(kvino_tensor_contiguous(t, &own, w->err));
  else
    own = kvino_tensor_retain(t);
  w->constant[w->n] = t = own;
  w->offset[w->n++] = w->bytes;
  json_array_append_new(w->table, json_pack("{s:s, s:o, s:I}", "dtype", kvino_dtype_name((kvino_dtype)t->dtype),
                                            "shape", shape_json(t->rank, t->shape), "offset", (json_int_t)w->bytes));
  w->bytes = (w->bytes + bytes_of(t) + KV_ALIGN - 1) / KV_ALIGN * KV_ALIGN;
  return *out = json_integer((json_int_t)w->n - 1), KVINO_OK;
}

/* Of strings: lengths, then what they are the lengths of. */
static void copy_constant(const kvino_tensor *t, char *to) {
  if (t->dtype != KVINO_STRING) {
    if (t->size) kv_tensor_copy_to(t, to);
    return;
  }
  const kvino_string *s = (const kvino_string *)t->data;
  char *text = to + (size_t)t->size * sizeof(uint64_t);
  for (int64_t i = 0; i < t->size; i++) {
    memcpy(to + (size_t)i * sizeof(uint64_t), &(uint64_t){s[i].n}, sizeof(uint64_t));
    if (s[i].n) memcpy(text, s[i].at, s[i].n);
    text += s[i].n;
  }
}

/* ---- nodes ---- */

/* By node: its number in the file, where inputs come first and what no result needs is left out. */
static kvino_status number_values(writer *w, const kv_graph *g, int64_t **out) {
  bool *live = kv_calloc(g->n_nodes + 1, sizeof *live);
  int64_t *number = kv_calloc(g->n_nodes + 1, sizeof *number), next = 0;
  if (!live || !number) {
    kv_free(live);
    kv_free(number);
    return no_memory(w);
  }
  kv_mark_live(g, live);
  for (size_t i = 0; i < g->n_nodes; i++) number[i] = -1;
  for (size_t i = 0; i < g->n_parameters; i++) number[g->parameter[i]->id] = next++;
  for (size_t i = 0; i < g->n_nodes; i++)
    if (live[i] && g->node[i]->prim->id != KV_Parameter) number[i] = next++;
  kv_free(live);
  *out = number;
  return KVINO_OK;
}

/* 7, or [7, 1] for another output than the first. */
static json_t *edge_json(const int64_t *number, kv_edge e) {
  json_int_t n = number[e.node->id];
  return e.output ? json_pack("[I, I]", n, (json_int_t)e.output) : json_integer(n);
}

static json_t *number_json(double v) {
  return isnan(v) ? json_string("nan") : isinf(v) ? json_string(v < 0 ? "-inf" : "inf") : json_real(v);
}

static kvino_status graph_json(writer *w, const kv_graph *g, json_t **out);

static kvino_status field_json(writer *w, const kv_node *node, const kv_attr_field *f, json_t **out) {
  const void *at = (const char *)&node->attrs + f->offset;
  switch (f->kind) {
  case KV_FIELD_integer:
    *out = node->prim->id == KV_Require ? json_string(kv_refusal_name((kv_refusal) * (const int64_t *)at))
                                        : json_integer(*(const int64_t *)at);
    break;
  case KV_FIELD_flag:
    *out = json_boolean(*(const bool *)at);
    break;
  case KV_FIELD_number:
    *out = number_json(*(const double *)at);
    break;
  case KV_FIELD_ints:
    *out = json_array();
    for (int i = 0; i < ((const kv_ints *)at)->n; i++)
      json_array_append_new(*out, json_integer(((const kv_ints *)at)->v[i]));
    break;
  case KV_FIELD_dtype:
    *out = json_string(kvino_dtype_name(*(const kvino_dtype *)at));
    break;
  case KV_FIELD_choice:
    *out = json_string(*(const char *const *)at);
    break;
  case KV_FIELD_body:
    return graph_json(w, *(kv_graph *const *)at, out);
  }
  return *out ? KVINO_OK : no_memory(w);
}

/* A name of the user's; NULL is none. */
static kvino_status put_name(writer *w, json_t *object, const char *key, const char *name) {
  if (!name || !json_object_set_new(object, key, json_string(name))) return KVINO_OK;
  return kv_fail(w->err, KVINO_INVALID, "a name that is not UTF-8 cannot be written to a file: '%s'", name);
}

static kvino_status put_attributes(writer *w, const kv_node *node, json_t *to) {
  json_t *all = json_object(), *value = NULL;
  kvino_status status = KVINO_OK;
  for (const kv_attr_field *f = node->prim->fields(); f->name && !status; f++) {
    if (f->kind == KV_FIELD_choice && !kv_attr_is_set(f, &node->attrs)) continue;
    status = field_json(w, node, f, &value);
    if (!status && json_object_set_new(all, f->name, value)) status = no_memory(w);
  }
  if (json_object_size(all) && !status && json_object_set(to, "attributes", all)) status = no_memory(w);
  json_decref(all);
  return status;
}

static kvino_status node_json(writer *w, const int64_t *number, const kv_node *node, json_t **out) {
  json_t *j = json_pack("{s:s}", "op", node->prim->name), *value = NULL, *in;
  kvino_status status = j ? KVINO_OK : no_memory(w);
  if (!status && node->constant) {
    status = put_constant(w, node->constant, &value);
    if (!status && json_object_set_new(j, "constant", value)) status = no_memory(w);
  } else if (!status) {
    if (json_object_set_new(j, "in", in = json_array())) status = no_memory(w);
    for (uint32_t k = 0; k < node->n_in && !status; k++)
      if (json_array_append_new(in, edge_json(number, node->in[k]))) status = no_memory(w);
    if (!status) status = put_attributes(w, node, j);
    kv_text scope = {0};
    kv_put_origin(&scope, node->origin);
    if (!status) status = scope.failed ? no_memory(w) : put_name(w, j, "scope", scope.at);
    kv_free(scope.at);
  }
  *out = j;
  return status;
}

static kvino_status put_inputs(writer *w, const kv_graph *g, json_t *to) {
  for (size_t i = 0; i < g->n_parameters; i++) {
    const kv_output *o = g->parameter[i]->out;
    json_t *j = json_pack("{s:s, s:o}", "dtype", kvino_dtype_name(o->dtype), "shape", shape_json(o->rank, o->shape));
    if (json_array_append_new(to, j)) return no_memory(w);
    KV_TRY(put_name(w, j, "name", g->parameter[i]->name));
  }
  return KVINO_OK;
}

static kvino_status put_outputs(writer *w, const kv_graph *g, const int64_t *number, json_t *to) {
  for (size_t i = 0; i < g->n_results; i++) {
    json_t *j = json_pack("{s:o}", "value", edge_json(number, g->result[i].value));
    if (json_array_append_new(to, j)) return no_memory(w);
    KV_TRY(put_name(w, j, "name", g->result[i].name));
  }
  return KVINO_OK;
}

static kvino_status graph_json(writer *w, const kv_graph *g, json_t **out) {
  int64_t *number = NULL;
  KV_TRY(number_values(w, g, &number));
  json_t *inputs = json_array(), *nodes = json_array(), *outputs = json_array();
  kvino_status status = put_inputs(w, g, inputs);
  for (size_t i = 0; i < g->n_nodes && !status; i++) {
    json_t *j = NULL;
    if (number[i] < 0 || g->node[i]->prim->id == KV_Parameter) continue;
    status = node_json(w, number, g->node[i], &j);
    if (json_array_append_new(nodes, j) && !status) status = no_memory(w);
  }
  if (!status) status = put_outputs(w, g, number, outputs);
  kv_free(number);
  *out = json_pack("{s:o, s:o, s:o}", "inputs", inputs, "nodes", nodes, "outputs", outputs);
  return status || *out ? status : no_memory(w);
}

/* ---- the file ---- */

static kvino_status write_file(writer *w, const char *path, const json_t *graph) {
  kv_bytes *constants = NULL;
  char *text = json_dumps(graph, JSON_COMPACT | JSON_ENSURE_ASCII);
  kvino_status status = text ? kv_bytes_new(w->bytes, path, &constants, w->err) : no_memory(w);
  if (!status) {
    memset(constants->at, 0, w->bytes); /* what stands between them */
    for (size_t i = 0; i < w->n; i++) copy_constant(w->constant[i], constants->at + w->offset[i]);
    const kv_zip_part part[2] = {{.name = KV_GRAPH_MEMBER, .data = text, .bytes = strlen(text)},
                                 {.name = KV_CONSTANTS_MEMBER, .data = constants->at, .bytes = w->bytes}};
    status = kv_zip_write(path, 2, part, w->err);
  }
  kv_bytes_release(constants);
  free(text);
  return status;
}

static kvino_status save(kv_graph *g, const char *path, kvino_error *err) {
  writer w = {.table = json_array(), .err = err};
  json_t *graph = NULL, *all = NULL;
  kvino_status status = graph_json(&w, g, &graph);
  if (!status) {
    all = json_pack("{s:s, s:i, s:s, s:O, s:O}", "format", KV_GRAPH_FORMAT, "version", KV_GRAPH_FILE_VERSION, "kvino",
                    kvino_version(), "constants", w.table, "graph", graph);
    status = all ? write_file(&w, path, all) : no_memory(&w);
  }
  json_decref(all);
  json_decref(graph);
  json_decref(w.table);
  for (size_t i = 0; i < w.n; i++) kvino_tensor_release(w.constant[i]);
  kv_free(w.constant);
  kv_free(w.offset);
  return status;
}

kvino_status kvino_graph_save(kvino_graph *g, const char *path, kvino_error *err) {
  KV_NOT_NULL(err, g && path);
  size_t n = strlen(path);
  if (n < 7 || strcasecmp(path + n - 6, ".kvino"))
    return kv_fail(err, KVINO_INVALID, "the file of a graph ends in .kvino: '%s'", path);
  if (g->parent) return kv_fail(err, KVINO_INVALID, "a body that is being recorded cannot be saved by itself");
  if (!g->n_results) return kv_fail(err, KVINO_INVALID, "a graph without results cannot be saved");
  return save(g, path, err);
}
