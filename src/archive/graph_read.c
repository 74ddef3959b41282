/* Reading a graph's file (graph_file.h). Each node is recorded as if its operator were called, so that what cannot be
 * is refused by the primitive itself; nothing is computed. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "archive/graph_file.h"
#include "archive/json.h"
#include "archive/limits.h"
#include "base/memory.h"
#include "graph/body.h"
#include "kvino/profile.h"
#include "kvino/strings.h"
#include "passes/rewrite.h"
#include "vocabulary/refusals.h"

typedef struct reader {
  const char *name; /* of the file and the member */
  kv_bytes *bytes;  /* constants.bin; NULL: there is none */
  size_t n_constants;
  kvino_tensor **constant;
  kvino_error *err;
} reader;

/* What a number stands for: a constant's tensor, or outputs of a node. */
typedef struct value {
  kvino_tensor *constant; /* borrowed of the reader */
  kv_node *node;
} value;

typedef struct operand {
  value v;
  uint32_t output;
} operand;

/* A graph that is being read. */
typedef struct reading {
  reader *r;
  kv_graph *g;
  int depth;
  size_t n; /* values so far */
  value *v;
} reading;

static kvino_status wrong(const reader *r, const char *format, ...) __attribute__((format(printf, 2, 3), cold));

static kvino_status wrong(const reader *r, const char *format, ...) {
  char text[KVINO_ERROR_TEXT - 256];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return kv_fail(r->err, KVINO_IO, "%.200s: %s", r->name, text);
}

static kvino_status no_memory(const reader *r) {
  return kv_fail(r->err, KVINO_NO_MEMORY, "%.200s: out of memory for a graph", r->name);
}

/* ---- what both constants and inputs have ---- */

static bool read_dtype_name(const json_t *j, kvino_dtype *out) {
  const char *name = json_string_value(j);
  for (int k = 0; name && k < KVINO_DTYPE_COUNT; k++)
    if (!strcmp(kvino_dtype_name((kvino_dtype)k), name)) return *out = (kvino_dtype)k, true;
  return false;
}

static kvino_status read_dtype(const reader *r, const json_t *j, const char *what, size_t i, kvino_dtype *out) {
  if (read_dtype_name(json_object_get(j, "dtype"), out)) return KVINO_OK;
  return wrong(r, "%s %zu: there is no such dtype", what, i);
}

/* *bytes: of the lengths that are known. */
static kvino_status read_shape(const reader *r, const json_t *j, const char *what, size_t i, bool open, kv_spec *out,
                               int64_t *bytes) {
  const json_t *shape = json_object_get(j, "shape");
  if (!json_is_array(shape) || json_array_size(shape) > KVINO_MAX_RANK)
    return wrong(r, "%s %zu: a shape is a list of at most %d lengths", what, i, KVINO_MAX_RANK);
  out->rank = (int)json_array_size(shape);
  *bytes = (int64_t)kvino_dtype_size(out->dtype);
  int64_t most = *bytes; /* zeros left out: no product of some of them may overflow either */
  for (int k = 0; k < out->rank; k++) {
    const json_t *d = json_array_get(shape, (size_t)k);
    bool known = json_is_integer(d);
    out->shape[k] = known ? json_integer_value(d) : -1;
    if (known ? out->shape[k] < 0 : !open || !json_is_null(d))
      return wrong(r, "%s %zu: dimension %d is no length", what, i, k);
    if (known && out->shape[k] && __builtin_mul_overflow(most, out->shape[k], &most))
      return wrong(r, "%s %zu: its shape is larger than memory can be", what, i);
    if (known) *bytes = out->shape[k] ? *bytes * out->shape[k] : 0;
  }
  return KVINO_OK;
}

/* ---- constants ---- */

static void release_bytes(void *bytes) { kv_bytes_release(bytes); }

static kvino_status read_strings(const reader *r, size_t i, const kv_spec *spec, const char *at, size_t room,
                                 kvino_tensor **out) {
  size_t n = 1, used;
  for (int k = 0; k < spec->rank; k++) n *= (size_t)spec->shape[k];
  used = n * sizeof(uint64_t); /* no more than there is: as many bytes are an element */
  const char **text = kv_calloc(n + 1, sizeof *text);
  size_t *length = kv_calloc(n + 1, sizeof *length);
  kvino_status status = text && length ? KVINO_OK : no_memory(r);
  for (size_t k = 0; k < n && !status; k++) {
    uint64_t one;
    memcpy(&one, at + k * sizeof one, sizeof one);
    if (one > room - used) status = wrong(r, "constant %zu: text %zu goes beyond '%s'", i, k, KV_CONSTANTS_MEMBER);
    text[k] = at + used;
    length[k] = (size_t)one;
    if (!status) used += (size_t)one;
  }
  kvino_error why;
  if (!status && (status = kvino_strings_new(spec->rank, spec->shape, text, length, out, &why)))
    status = wrong(r, "constant %zu: %s", i, why.text);
  kv_free(text);
  kv_free(length);
  return status;
}

static kvino_status read_constant(reader *r, size_t i, const json_t *j) {
  kv_spec spec;
  int64_t bytes;
  const json_t *offset = json_object_get(j, "offset");
  if (!json_is_object(j)) return wrong(r, "constant %zu is no object", i);
  KV_TRY(read_dtype(r, j, "constant", i, &spec.dtype));
  KV_TRY(read_shape(r, j, "constant", i, false, &spec, &bytes));
  if (spec.dtype == KVINO_STRING) bytes /= (int64_t)(kvino_dtype_size(KVINO_STRING) / sizeof(uint64_t));
  json_int_t at = json_is_integer(offset) ? json_integer_value(offset) : -1;
  size_t have = r->bytes ? r->bytes->n : 0;
  if (at < 0 || at % KV_ALIGN) return wrong(r, "constant %zu: its offset is no multiple of %d", i, KV_ALIGN);
  if ((uint64_t)at > have || (uint64_t)bytes > have - (uint64_t)at)
    return wrong(r, "constant %zu: %lld bytes at %lld go beyond '%s', which has %zu", i, (long long)bytes,
                 (long long)at, KV_CONSTANTS_MEMBER, have);
  const char *from = r->bytes ? r->bytes->at + at : "";
  if (spec.dtype == KVINO_STRING) return read_strings(r, i, &spec, from, have - (size_t)at, &r->constant[i]);
  for (int64_t k = 0; spec.dtype == KVINO_BOOL && k < bytes; k++)
    if (from[k] & ~1) return wrong(r, "constant %zu: a bool is a byte of 0 or 1", i);
  if (!bytes) return kv_tensor_empty(spec.dtype, spec.rank, spec.shape, &r->constant[i], r->err);
  return kvino_tensor_wrap(spec.dtype, spec.rank, spec.shape, NULL, from, release_bytes, kv_bytes_retain(r->bytes),
                           &r->constant[i], r->err);
}

static kvino_status read_constants(reader *r, const json_t *list) {
  size_t n = json_array_size(list);
  if (!json_is_array(list)) return wrong(r, "'constants' is no list");
  if (!(r->constant = kv_calloc(n + 1, sizeof *r->constant))) return no_memory(r);
  for (; r->n_constants < n; r->n_constants++)
    KV_TRY(read_constant(r, r->n_constants, json_array_get(list, r->n_constants)));
  return KVINO_OK;
}

/* ---- attributes ---- */

static kvino_status read_graph(reader *r, const json_t *j, int depth, kv_graph **out);

static bool read_number(const json_t *j, double *out) {
  const char *text = json_string_value(j);
  if (json_is_number(j)) return *out = json_number_value(j), true;
  if (!text) return false;
  if (!strcmp(text, "nan")) return *out = NAN, true;
  if (strcmp(text, "inf") && strcmp(text, "-inf")) return false;
  return *out = *text == '-' ? -INFINITY : INFINITY, true;
}

static bool read_ints(const json_t *j, kv_ints *out) {
  if (!json_is_array(j) || json_array_size(j) > KV_INTS_MAX) return false;
  out->n = (int)json_array_size(j);
  for (int i = 0; i < out->n; i++) {
    const json_t *one = json_array_get(j, (size_t)i);
    if (!json_is_integer(one)) return false;
    out->v[i] = json_integer_value(one);
  }
  return true;
}

static bool read_refusal(const json_t *j, int64_t *out) {
  const char *name = json_string_value(j);
  *out = name ? kv_refusal_find(name) : KV_REFUSAL_COUNT;
  return *out != KV_REFUSAL_COUNT;
}

/* A field's value; graphs are read by read_bodies. False: it is none. */
static bool read_field(const kv_prim *prim, const kv_attr_field *f, const json_t *j, kv_attrs *a) {
  void *at = (char *)a + f->offset;
  switch (f->kind) {
  case KV_FIELD_integer:
    if (prim->id == KV_Require) return read_refusal(j, at);
    *(int64_t *)at = json_integer_value(j);
    return json_is_integer(j);
  case KV_FIELD_flag:
    *(bool *)at = json_is_true(j);
    return json_is_boolean(j);
  case KV_FIELD_number:
    return read_number(j, at);
  case KV_FIELD_ints:
    return read_ints(j, at);
  case KV_FIELD_dtype:
    return read_dtype_name(j, at);
  case KV_FIELD_choice:
    return !j || (json_is_string(j) && (*(const char **)at = kv_attr_choice(f, json_string_value(j))));
  case KV_FIELD_body:
    return json_is_object(j);
  }
  return false;
}

static kvino_status read_attributes(const reading *g, size_t i, const kv_prim *prim, const json_t *j, kv_attrs *a) {
  size_t known = 0;
  for (const kv_attr_field *f = prim->fields(); f->name; f++) {
    const json_t *one = json_object_get(j, f->name);
    known += one != NULL;
    if (!read_field(prim, f, one, a))
      return wrong(g->r, "node %zu (%s): attribute '%s' is missing or wrong", i, prim->name, f->name);
  }
  if (known != json_object_size(j)) return wrong(g->r, "node %zu (%s): an attribute is not known", i, prim->name);
  return KVINO_OK;
}

/* The graphs among them; the caller releases body[0 .. 2). */
static kvino_status read_bodies(const reading *g, const kv_prim *prim, const json_t *j, kv_attrs *a,
                                kv_graph *body[2]) {
  size_t n = 0;
  for (const kv_attr_field *f = prim->fields(); f->name; f++) {
    if (f->kind != KV_FIELD_body) continue;
    KV_TRY(read_graph(g->r, json_object_get(j, f->name), g->depth + 1, &body[n]));
    *(kv_graph **)((char *)a + f->offset) = body[n++];
  }
  return KVINO_OK;
}

/* ---- nodes ---- */

/* 7, or [7, 1]. `what` and i: whose. */
static kvino_status read_operand(const reading *g, const json_t *j, const char *what, size_t i, operand *out) {
  const json_t *number = json_is_array(j) && json_array_size(j) == 2 ? json_array_get(j, 0) : j;
  const json_t *which = number == j ? NULL : json_array_get(j, 1);
  if (!json_is_integer(number) || (which && !json_is_integer(which)))
    return wrong(g->r, "%s %zu: what it takes is no value's number", what, i);
  json_int_t n = json_integer_value(number), k = which ? json_integer_value(which) : 0;
  if (n < 0 || (uint64_t)n >= g->n)
    return wrong(g->r, "%s %zu takes value %lld, which does not stand before it", what, i, (long long)n);
  *out = (operand){g->v[n], (uint32_t)k};
  if (k < 0 || (uint64_t)k >= (out->v.node ? out->v.node->n_out : 1))
    return wrong(g->r, "%s %zu takes output %lld of value %lld, which has fewer", what, i, (long long)k, (long long)n);
  return KVINO_OK;
}

static kvino_tensor *tensor_of(kv_scope *s, const operand *o) {
  kvino_tensor *t = NULL;
  if (o->v.constant) return o->v.constant;
  return kv_scope_ok(s, kv_graph_tensor((kv_edge){o->v.node, o->output}, &t, s->err)) ? kv_own(s, t) : NULL;
}

/* Records the node; its operands may all be constants. */
static kv_node *record(kv_scope *s, const reading *g, const kv_prim *prim, const kv_attrs *a, size_t n,
                       const operand *in) {
  kvino_tensor **t = kv_scope_alloc(s, n, sizeof *t);
  bool symbolic = false;
  for (size_t k = 0; k < n && !s->status; k++) {
    t[k] = tensor_of(s, &in[k]);
    symbolic |= !in[k].v.constant;
  }
  if (!s->status && !symbolic) t[0] = kv_as_symbolic(s, g->g, t[0]);
  kvino_tensors made = s->status ? KV_KEEP : kv_apply_many(s, prim->id, a, n, t);
  return s->status || !made.n ? NULL : made.v[0]->node;
}

/* The scope's parts, as they had begun. *begun: how many the caller has to end. */
static kvino_status begin_scopes(const reading *g, size_t i, const json_t *scope, size_t *begun) {
  const char *at = json_string_value(scope);
  if (scope && !at) return wrong(g->r, "node %zu: a scope is a text", i);
  while (at && *begun < KV_MOST_DEPTH) {
    char part[256];
    const char *end = strchr(at, '/');
    if (*begun == KV_MOST_DEPTH - 1) end = NULL;
    snprintf(part, sizeof part, "%.*s", end ? (int)(end - at < 255 ? end - at : 255) : 255, at);
    KV_TRY(kvino_scope_begin(part, g->r->err));
    ++*begun;
    at = end ? end + 1 : NULL;
  }
  return KVINO_OK;
}

static kvino_status record_node(const reading *g, size_t i, const kv_prim *prim, const kv_attrs *a, const json_t *scope,
                                size_t n, const operand *in, kv_node **out) {
  kvino_error why = {0};
  size_t begun = 0;
  kv_scope s;
  kv_origin *before = kv_origin_enter(NULL);
  kvino_status status = begin_scopes(g, i, scope, &begun);
  kv_scope_enter(&s, &why);
  kv_node *node = status ? NULL : record(&s, g, prim, a, n, in);
  kvino_status recorded = s.status;
  s.err = NULL; /* the node is the graph's; the scope's tensors go */
  kv_scope_leave(&s, NULL, &(kvino_tensor *){NULL});
  while (begun-- > 0) kvino_scope_end();
  kv_origin_enter(before);
  if (status) return status;
  *out = node;
  if (!recorded && !node) return wrong(g->r, "node %zu (%s) gives nothing", i, prim->name);
  if (!recorded) return KVINO_OK;
  return recorded == KVINO_NO_MEMORY ? no_memory(g->r) : wrong(g->r, "node %zu (%s): %s", i, prim->name, why.text);
}

/* The node after its operands and attributes. */
static kvino_status read_call(const reading *g, size_t i, const kv_prim *prim, const json_t *j, kv_node **out) {
  const json_t *attributes = json_object_get(j, "attributes"), *list = json_object_get(j, "in");
  size_t n = json_array_size(list);
  kv_graph *body[2] = {NULL, NULL};
  kv_attrs a;
  memset(&a, 0, sizeof a);
  if (!n) return wrong(g->r, "node %zu (%s) takes nothing", i, prim->name);
  if (attributes && !json_is_object(attributes)) return wrong(g->r, "node %zu: 'attributes' is no object", i);
  operand *in = kv_calloc(n, sizeof *in);
  kvino_status status = in ? KVINO_OK : no_memory(g->r);
  for (size_t k = 0; k < n && !status; k++) status = read_operand(g, json_array_get(list, k), "node", i, &in[k]);
  if (!status) status = read_attributes(g, i, prim, attributes, &a);
  if (!status) status = read_bodies(g, prim, attributes, &a, body);
  if (!status) status = record_node(g, i, prim, &a, json_object_get(j, "scope"), n, in, out);
  kv_graph_release(body[0]);
  kv_graph_release(body[1]);
  kv_free(in);
  return status;
}

static kvino_status read_node(reading *g, size_t i, const json_t *j) {
  const char *op = json_string_value(json_object_get(j, "op"));
  const json_t *constant = json_object_get(j, "constant");
  const kv_prim *prim = op ? kv_prim_find(op) : NULL;
  value v = {0};
  if (!prim || prim->id == KV_Parameter)
    return wrong(g->r, "node %zu: there is no operation '%s' (a later kvino may have it)", i, op ? op : "");
  if (prim->id == KV_Constant) {
    json_int_t k = json_is_integer(constant) ? json_integer_value(constant) : -1;
    if (k < 0 || (uint64_t)k >= g->r->n_constants)
      return wrong(g->r, "node %zu: there is no such constant; the file has %zu", i, g->r->n_constants);
    g->v[g->n++] = (value){.constant = g->r->constant[k]};
    return KVINO_OK;
  }
  KV_TRY(read_call(g, i, prim, j, &v.node));
  g->v[g->n++] = v;
  return KVINO_OK;
}

/* ---- graphs ---- */

/* The name of an input or output; NULL where there is none. */
static kvino_status read_name(const reader *r, const json_t *j, const char *what, size_t i, const char **out) {
  const json_t *name = json_object_get(j, "name");
  *out = json_string_value(name);
  return name && !*out ? wrong(r, "%s %zu: a name is a text", what, i) : KVINO_OK;
}

static kvino_status read_input(reading *g, size_t i, const json_t *j) {
  kv_spec spec;
  int64_t bytes;
  const char *name = NULL;
  kvino_tensor *t = NULL;
  if (!json_is_object(j)) return wrong(g->r, "input %zu is no object", i);
  KV_TRY(read_dtype(g->r, j, "input", i, &spec.dtype));
  KV_TRY(read_shape(g->r, j, "input", i, true, &spec, &bytes));
  KV_TRY(read_name(g->r, j, "input", i, &name));
  KV_TRY(kv_graph_parameter(g->g, spec.dtype, spec.rank, spec.shape, name, &t, g->r->err));
  g->v[g->n++] = (value){.node = t->node};
  kvino_tensor_release(t);
  return KVINO_OK;
}

static kvino_status read_output(reading *g, size_t i, const json_t *j) {
  operand v;
  const char *name = NULL;
  kv_scope s;
  kvino_error why;
  if (!json_is_object(j)) return wrong(g->r, "output %zu is no object", i);
  KV_TRY(read_name(g->r, j, "output", i, &name));
  KV_TRY(read_operand(g, json_object_get(j, "value"), "output", i, &v));
  kv_scope_enter(&s, &why);
  kvino_tensor *t = tensor_of(&s, &v);
  kvino_status status = t ? kv_graph_result(g->g, t, name, g->r->err) : no_memory(g->r);
  s.err = NULL;
  kv_scope_leave(&s, NULL, &(kvino_tensor *){NULL});
  return status;
}

static kvino_status read_parts(reading *g, const json_t *inputs, const json_t *nodes, const json_t *outputs) {
  size_t n = json_array_size(inputs) + json_array_size(nodes);
  if (!json_is_array(inputs) || !json_is_array(nodes) || !json_array_size(outputs))
    return wrong(g->r, "a graph has lists of 'inputs', 'nodes' and 'outputs'");
  if (!(g->v = kv_calloc(n + 1, sizeof *g->v))) return no_memory(g->r);
  for (size_t i = 0; i < json_array_size(inputs); i++) KV_TRY(read_input(g, i, json_array_get(inputs, i)));
  for (size_t i = 0; i < json_array_size(nodes); i++) KV_TRY(read_node(g, i, json_array_get(nodes, i)));
  for (size_t i = 0; i < json_array_size(outputs); i++) KV_TRY(read_output(g, i, json_array_get(outputs, i)));
  return KVINO_OK;
}

static kvino_status read_graph(reader *r, const json_t *j, int depth, kv_graph **out) {
  reading g = {.r = r, .depth = depth};
  if (depth > KV_MOST_DEPTH) return wrong(r, "graphs in graphs, more than %d deep", KV_MOST_DEPTH);
  KV_TRY(kv_graph_new(&g.g, r->err));
  kv_graph *before = kv_graph_record_in(NULL); /* whatever this thread records besides */
  kvino_status status =
      read_parts(&g, json_object_get(j, "inputs"), json_object_get(j, "nodes"), json_object_get(j, "outputs"));
  kv_graph_record_in(before);
  kv_free(g.v);
  if (status)
    kv_graph_release(g.g);
  else
    *out = g.g;
  return status;
}

/* ---- the file ---- */

static kvino_status read_json(reader *r, const json_t *j, kv_graph **out) {
  const char *format = json_string_value(json_object_get(j, "format"));
  const json_t *version = json_object_get(j, "version");
  if (!format || strcmp(format, KV_GRAPH_FORMAT)) return wrong(r, "its format is not '%s'", KV_GRAPH_FORMAT);
  if (!json_is_integer(version) || json_integer_value(version) < 1) return wrong(r, "it does not say its version");
  if (json_integer_value(version) > KV_GRAPH_FILE_VERSION)
    return kv_fail(r->err, KVINO_UNSUPPORTED, "%.200s: version %lld of the format; this kvino reads up to %d", r->name,
                   (long long)json_integer_value(version), KV_GRAPH_FILE_VERSION);
  KV_TRY(read_constants(r, json_object_get(j, "constants")));
  return read_graph(r, json_object_get(j, "graph"), 0, out);
}

bool kv_graph_file_is(const kv_zip *zip) { return kv_zip_has(zip, KV_GRAPH_MEMBER); }

kvino_status kv_graph_file_read(kv_zip *zip, const char *name, kv_graph **out, kvino_error *err) {
  char label[512];
  kv_bytes *text = NULL;
  json_t *j = NULL;
  reader r = {.name = label, .err = err};
  snprintf(label, sizeof label, "%s (member '%s')", name, KV_GRAPH_MEMBER);
  KV_TRY(kv_zip_read(zip, KV_GRAPH_MEMBER, KV_MOST_JSON, &text, err));
  kvino_status status = kv_json_parse(text->at, text->n, label, &j, err);
  kv_bytes_release(text);
  if (!status && kv_zip_has(zip, KV_CONSTANTS_MEMBER))
    status = kv_zip_read(zip, KV_CONSTANTS_MEMBER, SIZE_MAX, &r.bytes, err);
  if (!status) status = read_json(&r, j, out);
  for (size_t i = 0; i < r.n_constants; i++) kvino_tensor_release(r.constant[i]);
  kv_free(r.constant);
  kv_bytes_release(r.bytes);
  json_decref(j);
  return status;
}
