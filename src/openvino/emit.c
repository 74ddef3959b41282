/* IR v11 text and the blob of constants (emit.h). */
#include "openvino/emit.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "graph/body.h"

/* ---- text ---- */

/* A name inside an attribute of XML. */
static void put_escaped(kv_text *t, const char *name) {
  for (; *name; name++) {
    switch (*name) {
    case '&':
      kv_put(t, "&amp;");
      break;
    case '<':
      kv_put(t, "&lt;");
      break;
    case '>':
      kv_put(t, "&gt;");
      break;
    case '"':
      kv_put(t, "&quot;");
      break;
    default:
      kv_put(t, "%c", (unsigned char)*name < 32 ? ' ' : *name);
    }
  }
}

/* "2,3"; "" is a scalar; -1 a dimension unknown until run time. */
static void put_shape(kv_text *t, int rank, const int64_t *shape) {
  for (int i = 0; i < rank; i++) kv_put(t, i ? ",%lld" : "%lld", (long long)shape[i]);
}

static const char *ir_type(kvino_dtype dtype) {
  static const char *const names[] = {
#define ROW(id, name, size, ir) [KVINO_##id] = ir,
      KVINO_DTYPES(ROW)
#undef ROW
  };
  return names[dtype];
}

/* ---- constants ---- */

/* Constants up to so many bytes are gathered in one block: a page is not kept alive for a scalar, and models whose
 * constants are all small have a small blob. */
#define SMALL 4096

/* What the compiled model reads from: lives until it is gone. */
typedef struct store {
  size_t n;
  char *block; /* the small ones, each aligned to KV_ALIGN */
  size_t block_bytes;
  kvino_tensor *tensor[]; /* the others */
} store;

static void store_free(void *owner) {
  store *s = owner;
  if (!s) return;
  for (size_t i = 0; i < s->n; i++) kvino_tensor_release(s->tensor[i]);
  if (s->block) kv_block_free(s->block, s->block_bytes);
  kv_free(s);
}

static size_t bytes_of(const kvino_tensor *t) { return (size_t)t->size * kvino_dtype_size((kvino_dtype)t->dtype); }
static size_t aligned(size_t bytes) { return (bytes + KV_ALIGN - 1) / KV_ALIGN * KV_ALIGN; }

/* Trap: OpenVINO takes the bytes of a boolean as they are: 255 would convert to -1. */
static bool is_plain_bool(const kvino_tensor *t) {
  char all = 0;
  for (int64_t i = 0; i < t->size; i++) all |= t->data[i];
  return !(all & ~1);
}

static void normalise_bool(char *bytes, size_t n) {
  for (size_t i = 0; i < n; i++) bytes[i] = bytes[i] != 0;
}

/* A large constant where it is, or a copy as OpenVINO wants it. */
static kvino_status present(kvino_tensor *t, kvino_tensor **out, kvino_error *err) {
  bool plain = t->dtype != KVINO_BOOL || (t->contiguous && is_plain_bool(t));
  if (plain) return kvino_tensor_contiguous(t, out, err);
  KV_TRY(kv_tensor_empty((kvino_dtype)t->dtype, t->rank, t->shape, out, err));
  kv_tensor_copy_to(t, (*out)->data);
  normalise_bool((*out)->data, bytes_of(t));
  return KVINO_OK;
}

/* A graph of the program, the model's or a body's, and the address of each of its constants (by node id). */
typedef struct part {
  const kv_graph *g;
  const char **at;
} part;

/* All of them, each before the bodies of its nodes: in the order in which they are written. */
typedef struct parts {
  size_t n, capacity, next; /* next: to be written */
  part *v;
  const char *base; /* the blob */
} parts;

static kvino_status list_parts(parts *p, const kv_graph *g, kvino_error *err) {
  if (p->n == p->capacity) {
    size_t wanted = p->capacity ? p->capacity * 2 : 4;
    part *more = kv_realloc(p->v, wanted * sizeof *more);
    if (!more) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a model");
    p->v = more;
    p->capacity = wanted;
  }
  part *own = &p->v[p->n++];
  *own = (part){g, kv_calloc(g->n_nodes + 1, sizeof *own->at)};
  if (!own->at) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a model");
  for (size_t i = 0; i < g->n_nodes; i++) {
    kv_graph *body[2];
    size_t n = kv_bodies_of(g->node[i]->prim->id, &g->node[i]->attrs, body);
    for (size_t k = 0; k < n; k++) KV_TRY(list_parts(p, body[k], err));
  }
  return KVINO_OK;
}

static void parts_free(parts *p) {
  for (size_t i = 0; i < p->n; i++) kv_free(p->v[i].at);
  kv_free(p->v);
}

/* How many bytes the small constants take, and how many others there are. */
static size_t measure(const parts *p, size_t *n_large) {
  size_t small = 0;
  *n_large = 0;
  for (size_t k = 0; k < p->n; k++)
    for (size_t i = 0; i < p->v[k].g->n_nodes; i++) {
      const kvino_tensor *t = p->v[k].g->node[i]->constant;
      if (t && bytes_of(t) > SMALL)
        ++*n_large;
      else if (t)
        small += aligned(bytes_of(t) + 1); /* a constant without elements needs a blob to point into, too */
    }
  return small;
}

/* Where the constants are put: the addresses from low to high are the blob. */
typedef struct placing {
  store *s;
  size_t used; /* of the block */
  uintptr_t low, high;
} placing;

static kvino_status place(placing *b, part *p, kvino_error *err) {
  for (size_t i = 0; i < p->g->n_nodes; i++) {
    kvino_tensor *t = p->g->node[i]->constant;
    if (!t) continue;
    size_t bytes = bytes_of(t);
    if (bytes <= SMALL) {
      char *to = b->s->block + b->used;
      kv_tensor_copy_to(t, to);
      if (t->dtype == KVINO_BOOL) normalise_bool(to, bytes);
      p->at[i] = to;
      b->used += aligned(bytes + 1);
      continue;
    }
    KV_TRY(present(t, &b->s->tensor[b->s->n], err));
    p->at[i] = b->s->tensor[b->s->n++]->data;
    if ((uintptr_t)p->at[i] < b->low) b->low = (uintptr_t)p->at[i];
    if ((uintptr_t)p->at[i] + bytes > b->high) b->high = (uintptr_t)p->at[i] + bytes;
  }
  return KVINO_OK;
}

/* Lists the graphs with the addresses of their constants, and makes the program's blob. */
static kvino_status gather(const kv_graph *g, parts *p, kv_ov_program *program, kvino_error *err) {
  size_t n_large;
  KV_TRY(list_parts(p, g, err));
  size_t small = measure(p, &n_large);
  store *s = kv_calloc(1, sizeof *s + n_large * sizeof *s->tensor);
  if (!s) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a model's constants");
  program->release = store_free;
  program->owner = s;
  if (small && !(s->block = kv_block_new(s->block_bytes = small)))
    return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a model's constants");
  placing b = {s, 0, UINTPTR_MAX, 0};
  if (small) {
    b.low = (uintptr_t)s->block;
    b.high = b.low + small;
  }
  for (size_t k = 0; k < p->n; k++) KV_TRY(place(&b, &p->v[k], err));
  if (b.high) {
    p->base = program->weights = (const void *)b.low;
    program->weights_bytes = b.high - b.low;
  }
  return KVINO_OK;
}

/* ---- layers ---- */

static void put_head(kv_text *t, const kv_node *node, const char *type, const char *opset) {
  kv_put(t, "<layer id=\"%u\" name=\"", node->id);
  if (node->name)
    put_escaped(t, node->name);
  else
    kv_put(t, "%s_%u", node->prim->name, node->id);
  kv_put(t, "\" type=\"%s\" version=\"%s\">", type, opset);
}

static void put_ports(kv_text *t, const kv_node *node) {
  if (node->n_in) kv_put(t, "<input>");
  for (uint32_t i = 0; i < node->n_in; i++) kv_put(t, "<port id=\"%u\"/>", i);
  if (node->n_in) kv_put(t, "</input>");
  kv_put(t, "<output>");
  for (uint32_t i = 0; i < node->n_out; i++)
    kv_put(t, "<port id=\"%u\" precision=\"%s\"/>", i, ir_type(node->out[i].dtype));
  kv_put(t, "</output>");
}

static void put_attributes(kv_text *t, const kv_node *node) {
  kv_put(t, "<data");
  for (const kv_attr_field *f = node->prim->fields(); f->name; f++) {
    char value[256];
    if (!kv_attr_is_set(f, &node->attrs)) continue;
    kv_attr_text(f, &node->attrs, value, sizeof value);
    kv_put(t, " %s=\"%s\"", f->name, value);
  }
  kv_put(t, "/>");
}

/* Trap: weights of 16 bits that are converted to 32 are unfolded when compiled (twice the memory), unless the
 * conversion says that it is a decompression. */
static bool is_decompression(const kv_node *node) {
  if (node->prim->id != KV_Convert || !node->in[0].node->constant) return false;
  kvino_dtype from = kv_edge_output(node->in[0])->dtype;
  return node->out[0].dtype == KVINO_F32 && (from == KVINO_F16 || from == KVINO_BF16);
}

static void put_graph(kv_text *t, parts *p, const kv_node *owner);

/* What a port of a node with bodies is inside: external ids count operands or, from the number of operands on, outputs.
 */
static void put_port(kv_text *t, const char *what, long long external, size_t internal, const char *more) {
  kv_put(t, "<%s external_port_id=\"%lld\" internal_layer_id=\"%zu\"%s/>", what, external, internal, more);
}

/* Results follow the nodes: result i is layer n_nodes + 2 i, and what stands between it and its value is the layer
 * after. */
static size_t result_layer(const kv_graph *g, size_t i) { return g->n_nodes + 2 * i; }

static void put_branch(kv_text *t, parts *p, const kv_node *node, const char *name, const kv_graph *body) {
  kv_put(t, "<%s_body>", name);
  put_graph(t, p, node);
  kv_put(t, "</%s_body><%s_port_map>", name, name);
  for (size_t i = 0; i < body->n_parameters; i++)
    put_port(t, "input", (long long)kv_body_operand(KV_If, i), body->parameter[i]->id, "");
  for (uint32_t i = 0; i < node->n_out; i++) put_port(t, "output", node->n_in + i, result_layer(body, i), "");
  kv_put(t, "</%s_port_map>", name);
}

/* Trap: the plugin's slices of inputs overwrite carried values at times; bodies have none, and gather instead. */
static void put_loop(kv_text *t, parts *p, const kv_node *node) {
  static const char slices[] = " axis=\"0\" start=\"0\" end=\"-1\" stride=\"1\" part_size=\"1\"";
  const kv_graph *body = node->attrs.loop.body;
  size_t carried = (size_t)node->attrs.loop.carried;
  kv_put(t, "<port_map>");
  put_port(t, "input", -1, body->parameter[0]->id, " purpose=\"current_iteration\"");
  for (size_t i = KV_LOOP_ITERATION; i < body->n_parameters; i++)
    put_port(t, "input", (long long)kv_body_operand(KV_Loop, i), body->parameter[i]->id, "");
  for (uint32_t i = 0; i < node->n_out; i++)
    put_port(t, "output", node->n_in + i, result_layer(body, i + 1), i < carried ? "" : slices);
  put_port(t, "output", -1, result_layer(body, 0), " purpose=\"execution_condition\"");
  kv_put(t, "</port_map><back_edges>");
  for (size_t i = 1; i <= carried; i++)
    kv_put(t, "<edge from-layer=\"%zu\" to-layer=\"%u\"/>", result_layer(body, i), body->parameter[i]->id);
  kv_put(t, "</back_edges><body>");
  put_graph(t, p, node);
  kv_put(t, "</body>");
}

static void put_bodies(kv_text *t, parts *p, const kv_node *node) {
  kv_graph *body[2];
  size_t n = kv_bodies_of(node->prim->id, &node->attrs, body);
  if (n == 2) {
    put_branch(t, p, node, "then", body[0]);
    put_branch(t, p, node, "else", body[1]);
  } else if (n) {
    put_loop(t, p, node);
  }
}

static void put_node(kv_text *t, parts *p, const kv_node *node, const char *at) {
  const kv_output *out = &node->out[0];
  switch (node->prim->id) {
  case KV_Parameter:
    put_head(t, node, "Parameter", "opset1");
    kv_put(t, "<data element_type=\"%s\" shape=\"", ir_type(out->dtype));
    put_shape(t, out->rank, out->shape);
    kv_put(t, "\"/>");
    break;
  case KV_Constant: {
    size_t bytes = bytes_of(node->constant);
    put_head(t, node, "Const", "opset1");
    kv_put(t, "<data element_type=\"%s\" shape=\"", ir_type(out->dtype));
    put_shape(t, out->rank, out->shape);
    kv_put(t, "\" offset=\"%zu\" size=\"%zu\"/>", (size_t)((uintptr_t)at - (uintptr_t)p->base), bytes);
    break;
  }
  default:
    put_head(t, node, node->prim->name, node->prim->opset);
    put_attributes(t, node);
    if (is_decompression(node)) kv_put(t, "<rt_info><attribute name=\"decompression\" version=\"0\"/></rt_info>");
  }
  put_ports(t, node);
  put_bodies(t, p, node);
  kv_put(t, "</layer>\n");
}

static void put_edge(kv_text *t, size_t from, size_t from_port, size_t to, size_t to_port) {
  kv_put(t, "<edge from-layer=\"%zu\" from-port=\"%zu\" to-layer=\"%zu\" to-port=\"%zu\"/>\n", from, from_port, to,
         to_port);
}

/* Trap: a parameter wired straight to a result shares one tensor slot with it: setting the output would overwrite the
 * input. A conversion to its own type keeps them apart. In the body of a Loop, what is carried sees the next values of
 * others already where it is a parameter or a view of one: a copy of all keeps them apart, and so in a branch. */
static bool is_copied(const kv_graph *g, const kv_node *owner, size_t i) {
  bool carried = owner && owner->prim->id == KV_Loop && i && i <= (size_t)owner->attrs.loop.carried;
  return carried || g->result[i].value.node->prim->id == KV_Parameter;
}

static void put_copy(kv_text *t, const kv_node *owner, size_t i, size_t id, const char *type) {
  if (owner)
    kv_put(t, "<layer id=\"%zu\" name=\"copy_%zu\" type=\"Identity\" version=\"opset16\">", id, i);
  else
    kv_put(t, "<layer id=\"%zu\" name=\"copy_%zu\" type=\"Convert\" version=\"opset1\"><data destination_type=\"%s\"/>",
           id, i, type);
  kv_put(t, "<input><port id=\"0\"/></input><output><port id=\"0\" precision=\"%s\"/></output></layer>\n", type);
}

static void put_results(kv_text *t, const kv_graph *g, const kv_node *owner) {
  for (size_t i = 0; i < g->n_results; i++) {
    size_t id = result_layer(g, i);
    if (is_copied(g, owner, i)) put_copy(t, owner, i, id + 1, ir_type(kv_edge_output(g->result[i].value)->dtype));
    kv_put(t,
           "<layer id=\"%zu\" name=\"result_%zu\" type=\"Result\" version=\"opset1\"><input><port "
           "id=\"0\"/></input></layer>\n",
           id, i);
  }
}

static void put_edges(kv_text *t, const kv_graph *g, const kv_node *owner) {
  for (size_t i = 0; i < g->n_nodes; i++) {
    const kv_node *node = g->node[i];
    for (uint32_t k = 0; k < node->n_in; k++) put_edge(t, node->in[k].node->id, node->in[k].output, node->id, k);
  }
  for (size_t i = 0; i < g->n_results; i++) {
    kv_edge from = g->result[i].value;
    size_t id = result_layer(g, i);
    if (is_copied(g, owner, i)) {
      put_edge(t, from.node->id, from.output, id + 1, 0);
      put_edge(t, id + 1, 0, id, 0);
    } else {
      put_edge(t, from.node->id, from.output, id, 0);
    }
  }
}

/* The next of the parts, which is the model or a body of `owner`. */
static void put_graph(kv_text *t, parts *p, const kv_node *owner) {
  const part *own = &p->v[p->next++];
  const kv_graph *g = own->g;
  kv_put(t, "<layers>\n");
  for (size_t i = 0; i < g->n_parameters; i++) put_node(t, p, g->parameter[i], NULL); /* in the order of the inputs */
  for (size_t i = 0; i < g->n_nodes; i++)
    if (g->node[i]->prim->id != KV_Parameter) put_node(t, p, g->node[i], own->at[i]);
  put_results(t, g, owner);
  kv_put(t, "</layers><edges>\n");
  put_edges(t, g, owner);
  kv_put(t, "</edges>");
}

static kvino_status check_types(const kv_graph *g, kvino_error *err) {
  for (size_t i = 0; i < g->n_nodes; i++)
    for (uint32_t k = 0; k < g->node[i]->n_out; k++) {
      kvino_dtype dtype = g->node[i]->out[k].dtype;
      if (!ir_type(dtype) || dtype == KVINO_STRING)
        return kv_fail(err, KVINO_UNSUPPORTED, "%s of dtype %s cannot be given to OpenVINO", g->node[i]->prim->name,
                       kvino_dtype_name(dtype));
    }
  return KVINO_OK;
}

void kv_program_clear(kv_ov_program *program) {
  kv_free((void *)program->ir);
  if (program->release) program->release(program->owner);
  *program = (kv_ov_program){0};
}

kvino_status kv_emit(const kv_graph *g, kv_ov_program *out, kvino_error *err) {
  kv_ov_program program = {0};
  kv_text t = {0};
  parts p = {0};
  kvino_status status = gather(g, &p, &program, err);
  for (size_t k = 0; k < p.n && !status; k++) status = check_types(p.v[k].g, err);
  if (!status) {
    kv_put(&t, "<net name=\"kvino\" version=\"11\">");
    put_graph(&t, &p, NULL);
    kv_put(&t, "</net>\n");
    if (t.failed) status = kv_fail(err, KVINO_NO_MEMORY, "out of memory for the text of a model");
  }
  parts_free(&p);
  program.ir = t.at;
  program.ir_length = t.n;
  if (status)
    kv_program_clear(&program);
  else
    *out = program;
  return status;
}
