/* IR v11 text and the blob of constants (emit.h). */
#include "openvino/emit.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "prim/prim.h"

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

/* Fills at[node id] with the address of every constant, and the program's blob. */
static kvino_status gather(const kv_graph *g, const char **at, kv_ov_program *program, kvino_error *err) {
  size_t n_large = 0, small = 0;
  for (size_t i = 0; i < g->n_nodes; i++) {
    const kvino_tensor *t = g->node[i]->constant;
    if (t && bytes_of(t) > SMALL)
      n_large++;
    else if (t)
      small += aligned(bytes_of(t) + 1); /* a constant without elements needs a blob to point into, too */
  }
  store *s = kv_calloc(1, sizeof *s + n_large * sizeof *s->tensor);
  if (!s) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a model's constants");
  program->release = store_free;
  program->owner = s;
  if (small && !(s->block = kv_block_new(s->block_bytes = small)))
    return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a model's constants");
  uintptr_t low = small ? (uintptr_t)s->block : UINTPTR_MAX, high = small ? low + small : 0;
  for (size_t i = 0, used = 0; i < g->n_nodes; i++) {
    kvino_tensor *t = g->node[i]->constant;
    if (!t) continue;
    size_t bytes = bytes_of(t);
    if (bytes <= SMALL) {
      at[i] = s->block + used;
      kv_tensor_copy_to(t, s->block + used);
      if (t->dtype == KVINO_BOOL) normalise_bool(s->block + used, bytes);
      used += aligned(bytes + 1);
      continue;
    }
    KV_TRY(present(t, &s->tensor[s->n], err));
    at[i] = s->tensor[s->n++]->data;
    if ((uintptr_t)at[i] < low) low = (uintptr_t)at[i];
    if ((uintptr_t)at[i] + bytes > high) high = (uintptr_t)at[i] + bytes;
  }
  if (high) {
    program->weights = (const void *)low;
    program->weights_bytes = high - low;
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
  kv_put(t, "</output></layer>\n");
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

static void put_node(kv_text *t, const kv_node *node, const char *at, const char *base) {
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
    kv_put(t, "\" offset=\"%zu\" size=\"%zu\"/>", (size_t)((uintptr_t)at - (uintptr_t)base), bytes);
    break;
  }
  default:
    put_head(t, node, node->prim->name, node->prim->opset);
    put_attributes(t, node);
    if (is_decompression(node)) kv_put(t, "<rt_info><attribute name=\"decompression\" version=\"0\"/></rt_info>");
  }
  put_ports(t, node);
}

static void put_edge(kv_text *t, size_t from, size_t from_port, size_t to, size_t to_port) {
  kv_put(t, "<edge from-layer=\"%zu\" from-port=\"%zu\" to-layer=\"%zu\" to-port=\"%zu\"/>\n", from, from_port, to,
         to_port);
}

/* Results follow the nodes: result i is layer n_nodes + 2 i, and what stands between it and a parameter is the layer
 * after. Trap: a parameter wired straight to a result shares one tensor slot with it: setting the output would
 * overwrite the input. A conversion to its own type keeps them apart. */
static void put_results(kv_text *t, const kv_graph *g) {
  for (size_t i = 0; i < g->n_results; i++) {
    const kv_node *from = g->result[i].value.node;
    size_t id = g->n_nodes + 2 * i;
    const char *type = ir_type(kv_edge_output(g->result[i].value)->dtype);
    if (from->prim->id == KV_Parameter)
      kv_put(t,
             "<layer id=\"%zu\" name=\"copy_%zu\" type=\"Convert\" version=\"opset1\"><data "
             "destination_type=\"%s\"/><input>"
             "<port id=\"0\"/></input><output><port id=\"0\" precision=\"%s\"/></output></layer>\n",
             id + 1, i, type, type);
    kv_put(t,
           "<layer id=\"%zu\" name=\"result_%zu\" type=\"Result\" version=\"opset1\"><input><port "
           "id=\"0\"/></input></layer>\n",
           id, i);
  }
}

static void put_edges(kv_text *t, const kv_graph *g) {
  for (size_t i = 0; i < g->n_nodes; i++) {
    const kv_node *node = g->node[i];
    for (uint32_t k = 0; k < node->n_in; k++) put_edge(t, node->in[k].node->id, node->in[k].output, node->id, k);
  }
  for (size_t i = 0; i < g->n_results; i++) {
    kv_edge from = g->result[i].value;
    size_t id = g->n_nodes + 2 * i;
    if (from.node->prim->id == KV_Parameter) {
      put_edge(t, from.node->id, from.output, id + 1, 0);
      put_edge(t, id + 1, 0, id, 0);
    } else {
      put_edge(t, from.node->id, from.output, id, 0);
    }
  }
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
  KV_TRY(check_types(g, err));
  kv_ov_program program = {0};
  kv_text t = {0};
  const char **at = kv_calloc(g->n_nodes, sizeof *at);
  kvino_status status = at ? gather(g, at, &program, err) : kv_fail(err, KVINO_NO_MEMORY, "out of memory for a model");
  if (!status) {
    kv_put(&t, "<net name=\"kvino\" version=\"11\"><layers>\n");
    for (size_t i = 0; i < g->n_parameters; i++)
      put_node(&t, g->parameter[i], NULL, NULL); /* in the order of the inputs */
    for (size_t i = 0; i < g->n_nodes; i++)
      if (g->node[i]->prim->id != KV_Parameter) put_node(&t, g->node[i], at[i], program.weights);
    put_results(&t, g);
    kv_put(&t, "</layers><edges>\n");
    put_edges(&t, g);
    kv_put(&t, "</edges></net>\n");
    if (t.failed) status = kv_fail(err, KVINO_NO_MEMORY, "out of memory for the text of a model");
  }
  kv_free(at);
  program.ir = t.at;
  program.ir_length = t.n;
  if (status)
    kv_program_clear(&program);
  else
    *out = program;
  return status;
}
