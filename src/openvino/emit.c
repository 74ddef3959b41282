/* IR v11 text and the blob of constants (emit.h). */
#include "openvino/emit.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "graph/body.h"
#include "openvino/parts.h"

/* ---- text ---- */

/* "2,3"; "" is a scalar; -1 a dimension unknown until run time. */
static void put_shape(kv_text *t, int rank, const int64_t *shape) {
  for (int i = 0; i < rank; i++) kv_put(t, i ? ",%lld" : "%lld", (long long)shape[i]);
}

const char *kv_ir_type(kvino_dtype dtype) {
  static const char *const names[] = {
#define ROW(id, name, size, ir) [KVINO_##id] = ir,
      KVINO_DTYPES(ROW)
#undef ROW
  };
  return names[dtype];
}

/* ---- layers ---- */

/* A constant of 4-bit numbers. Only conversions take it, to which it is what it is natively (passes/weights.c). */
static bool is_packed(const kv_node *node) {
  return node->prim->id == KV_UnpackInt4 && node->in[0].node->constant != NULL;
}

/* For others to read, a layer is called after where it was recorded, too: "model/dense/MatMul_12". */
static void put_origin(kv_text *t, const kv_node *node) {
  kv_text path = {0};
  kv_put_origin(&path, node->origin);
  if (path.at) kv_put_escaped(t, path.at);
  kv_put(t, "/");
  t->failed = t->failed || path.failed;
  kv_free(path.at);
}

static void put_head(kv_text *t, const kv_parts *p, const kv_node *node, const char *type, const char *opset) {
  kv_put(t, "<layer id=\"%u\" name=\"", node->id);
  if (p->readable && node->origin && !node->name) put_origin(t, node);
  if (node->name)
    kv_put_escaped(t, node->name);
  else
    kv_put(t, "%s_%u", node->prim->name, node->id);
  kv_put(t, "\" type=\"%s\" version=\"%s\">", type, opset);
}

/* A list of names has commas between them, so that those inside are escaped. */
static void put_tensor_name(kv_text *t, const char *name, bool *any) {
  char one[2] = {0};
  if (!name) return;
  kv_put(t, *any ? "," : " names=\"");
  for (; *name; name++) {
    if (*name == ',') kv_put(t, "\\");
    one[0] = *name;
    kv_put_escaped(t, one);
  }
  *any = true;
}

/* What is asked for by name is a tensor, not a layer: an input's, and those that results give. */
static void put_tensor_names(kv_text *t, const kv_node *node, uint32_t output) {
  const kv_graph *g = node->graph;
  bool any = false;
  put_tensor_name(t, node->name, &any);
  for (size_t i = 0; i < g->n_results && node->prim->id != KV_Parameter; i++)
    if (g->result[i].value.node == node && g->result[i].value.output == output)
      put_tensor_name(t, g->result[i].name, &any);
  if (any) kv_put(t, "\"");
}

static void put_dimensions(kv_text *t, const kv_output *o) {
  for (int k = 0; k < o->rank; k++) kv_put(t, "<dim>%lld</dim>", (long long)o->shape[k]);
}

/* Dimensions are for people and their viewers: OpenVINO infers them again. */
static void put_port_of(kv_text *t, uint32_t i, const kv_output *o, const kv_node *named) {
  kv_put(t, "<port id=\"%u\" precision=\"%s\"", i, kv_ir_type(o->dtype));
  if (named) put_tensor_names(t, named, i);
  kv_put(t, ">");
  put_dimensions(t, o);
  kv_put(t, "</port>");
}

static void put_ports(kv_text *t, const kv_parts *p, const kv_node *node, const kv_node *owner) {
  uint32_t n_in = is_packed(node) ? 0 : node->n_in;
  if (n_in) kv_put(t, "<input>");
  for (uint32_t i = 0; i < n_in; i++) {
    if (p->readable)
      put_port_of(t, i, kv_edge_output(node->in[i]), NULL);
    else
      kv_put(t, "<port id=\"%u\"/>", i);
  }
  if (n_in) kv_put(t, "</input>");
  kv_put(t, "<output>");
  for (uint32_t i = 0; i < node->n_out; i++) {
    if (p->readable)
      put_port_of(t, i, &node->out[i], owner ? NULL : node);
    else
      kv_put(t, "<port id=\"%u\" precision=\"%s\"/>", i, kv_ir_type(node->out[i].dtype));
  }
  kv_put(t, "</output>");
}

static void put_attributes(kv_text *t, const kv_parts *p, const kv_node *node) {
  kv_put(t, "<data");
  for (const kv_attr_field *f = node->prim->fields(); f->name; f++) {
    char value[256];
    if (!kv_attr_is_set(f, &node->attrs)) continue;
    kv_attr_text(f, &node->attrs, value, sizeof value);
    bool as_float32 = p->bfloat16 && !strcmp(value, kv_ir_type(KVINO_BF16));
    kv_put(t, " %s=\"%s\"", f->name, as_float32 ? kv_ir_type(KVINO_F32) : value);
  }
  kv_put(t, "/>");
}

static void put_constant(kv_text *t, const kv_parts *p, const kv_node *node, const char *type, size_t bytes,
                         uintptr_t at) {
  put_head(t, p, node, "Const", "opset1");
  kv_put(t, "<data element_type=\"%s\" shape=\"", type);
  put_shape(t, node->out[0].rank, node->out[0].shape);
  kv_put(t, "\" offset=\"%zu\" size=\"%zu\"/>", (size_t)(at - p->base), bytes);
}

/* Trap: weights of 16 bits that are converted to 32 are unfolded when compiled (twice the memory), unless the
 * conversion says that it is a decompression. */
static bool is_decompression(const kv_node *node) {
  if (node->prim->id != KV_Convert || !node->in[0].node->constant) return false;
  kvino_dtype from = kv_edge_output(node->in[0])->dtype;
  return node->out[0].dtype == KVINO_F32 && (from == KVINO_F16 || from == KVINO_BF16);
}

/* What the precision of inference must not touch. (The name that all releases know.) */
static const char KEEP[] = "<rt_info><attribute name=\"precise\" version=\"0\"/></rt_info>";

static void put_graph(kv_text *t, kv_parts *p, const kv_node *owner);

/* What a port of a node with bodies is inside: external ids count operands or, from the number of operands on, outputs.
 */
static void put_port(kv_text *t, const char *what, long long external, size_t internal, const char *more) {
  kv_put(t, "<%s external_port_id=\"%lld\" internal_layer_id=\"%zu\"%s/>", what, external, internal, more);
}

/* Results follow the nodes: result i is layer n_nodes + 2 i, and what stands between it and its value is the layer
 * after. */
static size_t result_layer(const kv_graph *g, size_t i) { return g->n_nodes + 2 * i; }

/* Of a model that is written in float32, constants and inputs that are bfloat16 are converted by a layer of their own,
 * which comes after those of the results. Parameters of bodies are what is around gives them. */
static bool is_widened(const kv_parts *p, const kv_node *node, const kv_node *owner) {
  return p->bfloat16 && node->n_out && node->out[0].dtype == KVINO_BF16 &&
         (node->constant || (node->prim->id == KV_Parameter && !owner));
}

static size_t widened_layer(const kv_node *node) {
  return node->graph->n_nodes + 2 * node->graph->n_results + node->id;
}

static size_t source_layer(const kv_parts *p, const kv_node *node, const kv_node *owner) {
  return is_widened(p, node, owner) ? widened_layer(node) : node->id;
}

static void put_conversion(kv_text *t, size_t id, const char *name, const char *type) {
  kv_put(t,
         "<layer id=\"%zu\" name=\"%s_%zu\" type=\"Convert\" version=\"opset1\"><data destination_type=\"%s\"/>"
         "<input><port id=\"0\"/></input><output><port id=\"0\" precision=\"%s\"/></output></layer>\n",
         id, name, id, type, type);
}

static void put_branch(kv_text *t, kv_parts *p, const kv_node *node, const char *name, const kv_graph *body) {
  kv_put(t, "<%s_body>", name);
  put_graph(t, p, node);
  kv_put(t, "</%s_body><%s_port_map>", name, name);
  for (size_t i = 0; i < body->n_parameters; i++)
    put_port(t, "input", (long long)kv_body_operand(KV_If, i), body->parameter[i]->id, "");
  for (uint32_t i = 0; i < node->n_out; i++) put_port(t, "output", node->n_in + i, result_layer(body, i), "");
  kv_put(t, "</%s_port_map>", name);
}

/* Trap: the plugin's slices of inputs overwrite carried values at times; bodies have none, and gather instead. */
static void put_loop(kv_text *t, kv_parts *p, const kv_node *node) {
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

static void put_bodies(kv_text *t, kv_parts *p, const kv_node *node) {
  kv_graph *body[2];
  size_t n = kv_bodies_of(node->prim->id, &node->attrs, body);
  if (n == 2) {
    put_branch(t, p, node, "then", body[0]);
    put_branch(t, p, node, "else", body[1]);
  } else if (n) {
    put_loop(t, p, node);
  }
}

/* `kept`: stays float32 where the model is compiled for bfloat16. */
static void put_node(kv_text *t, kv_parts *p, const kv_node *node, const kv_node *owner, uintptr_t at, bool kept) {
  const kv_output *out = &node->out[0];
  switch (node->prim->id) {
  case KV_Parameter:
    put_head(t, p, node, "Parameter", "opset1");
    kv_put(t, "<data element_type=\"%s\" shape=\"", kv_ir_type(out->dtype));
    put_shape(t, out->rank, out->shape);
    kv_put(t, "\"/>");
    break;
  case KV_Constant:
    put_constant(t, p, node, kv_ir_type(out->dtype), kv_part_bytes(node->constant), at);
    break;
  default:
    if (is_packed(node)) {
      put_constant(t, p, node, out->dtype == KVINO_I8 ? "i4" : "u4", kv_part_bytes(node->in[0].node->constant), at);
      break;
    }
    put_head(t, p, node, node->prim->name, node->prim->opset);
    put_attributes(t, p, node);
    if (kept) kv_put(t, "%s", KEEP);
    if (is_decompression(node) && !p->bfloat16)
      kv_put(t, "<rt_info><attribute name=\"decompression\" version=\"0\"/></rt_info>");
  }
  put_ports(t, p, node, owner);
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
static bool is_copied(const kv_parts *p, const kv_graph *g, const kv_node *owner, size_t i) {
  if (p->bfloat16 && !owner && kv_edge_output(g->result[i].value)->dtype == KVINO_BF16) return true; /* it is float32 */
  bool carried = owner && owner->prim->id == KV_Loop && i && i <= (size_t)owner->attrs.loop.carried;
  return carried || g->result[i].value.node->prim->id == KV_Parameter;
}

static void put_copy(kv_text *t, const kv_parts *p, const kv_graph *g, const kv_node *owner, size_t i) {
  const char *type = kv_ir_type(kv_edge_output(g->result[i].value)->dtype);
  size_t id = result_layer(g, i) + 1;
  bool named = false;
  if (owner)
    kv_put(t, "<layer id=\"%zu\" name=\"copy_%zu\" type=\"Identity\" version=\"opset16\">", id, i);
  else
    kv_put(t, "<layer id=\"%zu\" name=\"copy_%zu\" type=\"Convert\" version=\"opset1\"><data destination_type=\"%s\"/>",
           id, i, type);
  kv_put(t, "<input><port id=\"0\"/></input><output><port id=\"0\" precision=\"%s\"", type);
  if (p->readable && !owner) put_tensor_name(t, g->result[i].name, &named);
  kv_put(t, named ? "\"/></output></layer>\n" : "/></output></layer>\n");
}

static void put_results(kv_text *t, const kv_parts *p, const kv_graph *g, const kv_node *owner) {
  for (size_t i = 0; i < g->n_results; i++) {
    size_t id = result_layer(g, i);
    if (is_copied(p, g, owner, i)) put_copy(t, p, g, owner, i);
    kv_put(t,
           "<layer id=\"%zu\" name=\"result_%zu\" type=\"Result\" version=\"opset1\"><input><port "
           "id=\"0\"/></input></layer>\n",
           id, i);
  }
}

static void put_edges(kv_text *t, const kv_parts *p, const kv_graph *g, const kv_node *owner) {
  for (size_t i = 0; i < g->n_nodes; i++) {
    const kv_node *node = g->node[i];
    if (is_widened(p, node, owner)) put_edge(t, node->id, 0, widened_layer(node), 0);
    for (uint32_t k = 0; k < node->n_in && !is_packed(node); k++)
      put_edge(t, source_layer(p, node->in[k].node, owner), node->in[k].output, node->id, k);
  }
  for (size_t i = 0; i < g->n_results; i++) {
    kv_edge from = g->result[i].value;
    size_t id = result_layer(g, i);
    if (is_copied(p, g, owner, i)) {
      put_edge(t, source_layer(p, from.node, owner), from.output, id + 1, 0);
      put_edge(t, id + 1, 0, id, 0);
    } else {
      put_edge(t, source_layer(p, from.node, owner), from.output, id, 0);
    }
  }
}

/* The next of the parts, which is the model or a body of `owner`. */
static void put_graph(kv_text *t, kv_parts *p, const kv_node *owner) {
  const kv_part *own = &p->v[p->next++];
  const kv_graph *g = own->g;
  kv_put(t, "<layers>\n");
  for (size_t i = 0; i < g->n_parameters; i++)
    put_node(t, p, g->parameter[i], owner, 0, false); /* in the order of the inputs */
  for (size_t i = 0; i < g->n_nodes; i++)
    if (g->node[i]->prim->id != KV_Parameter)
      put_node(t, p, g->node[i], owner, own->at[is_packed(g->node[i]) ? g->node[i]->in[0].node->id : i],
               own->kept && own->kept[i]);
  for (size_t i = 0; i < g->n_nodes; i++)
    if (is_widened(p, g->node[i], owner))
      put_conversion(t, widened_layer(g->node[i]), "widened", kv_ir_type(KVINO_F32));
  put_results(t, p, g, owner);
  kv_put(t, "</layers><edges>\n");
  put_edges(t, p, g, owner);
  kv_put(t, "</edges>");
}

static kvino_status check_types(const kv_graph *g, kvino_error *err) {
  for (size_t i = 0; i < g->n_nodes; i++)
    for (uint32_t k = 0; k < g->node[i]->n_out; k++) {
      kvino_dtype dtype = g->node[i]->out[k].dtype;
      if (!kv_ir_type(dtype) || dtype == KVINO_STRING)
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

/* The text of what `p` lists, whose constants have their places. `more` stands beside the graph. */
static kvino_status put_net(kv_text *t, kv_parts *p, const char *more, kvino_error *err) {
  for (size_t k = 0; k < p->n; k++) {
    kv_part *part = &p->v[k];
    KV_TRY(check_types(part->g, err));
    if (p->bfloat16 != KV_BFLOAT16_BY_POLICY) continue;
    part->kept = kv_calloc(part->g->n_nodes + 1, sizeof *part->kept);
    if (!part->kept) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for the text of a model");
    KV_TRY(kv_keep_float32(part->g, part->kept, err));
  }
  kv_put(t, "<net name=\"kvino\" version=\"11\">");
  put_graph(t, p, NULL);
  kv_put(t, "%s</net>\n", more);
  return t->failed ? kv_fail(err, KVINO_NO_MEMORY, "out of memory for the text of a model") : KVINO_OK;
}

static bool has_unknown(const kv_node *node) {
  for (uint32_t k = 0; k < node->n_out; k++)
    for (int i = 0; i < node->out[k].rank; i++)
      if (node->out[k].shape[i] < 0) return true;
  return false;
}

/* Whether an If gives unknown lengths (infer.c: settle). */
static bool is_unsettled(const kv_parts *p) {
  for (size_t k = 0; k < p->n; k++)
    for (size_t i = 0; i < p->v[k].g->n_nodes; i++) {
      const kv_node *node = p->v[k].g->node[i];
      if (node->prim->id == KV_If && has_unknown(node)) return true;
    }
  return false;
}

kvino_status kv_emit(const kv_graph *g, kv_bfloat16 bfloat16, kv_ov_program *out, kvino_error *err) {
  kv_ov_program program = {0};
  kv_text t = {0};
  kv_parts p = {.bfloat16 = bfloat16};
  kvino_status status = kv_parts_list(&p, g, err);
  if (!status) status = kv_parts_in_memory(&p, &program, err);
  if (!status) status = put_net(&t, &p, "", err);
  program.unsettled = !status && is_unsettled(&p);
  kv_parts_free(&p);
  program.ir = t.at;
  program.ir_length = t.n;
  if (status)
    kv_program_clear(&program);
  else
    *out = program;
  return status;
}

/* Plain OpenVINO quantizes activations in groups of 32 beside weights of few bits unless it is told not to: results
 * would differ in the third digit. */
static const char AS_EXACT_AS_HERE[] =
    "<rt_info><runtime_options><DYNAMIC_QUANTIZATION_GROUP_SIZE value=\"0\"/></runtime_options></rt_info>";

kvino_status kv_emit_files(const kv_graph *g, const char *xml, const char *bin, kvino_error *err) {
  kv_text t = {0};
  kv_parts p = {.readable = true};
  kvino_status status = kv_parts_list(&p, g, err);
  if (!status) status = kv_parts_in_file(&p, bin, err);
  if (!status) status = put_net(&t, &p, AS_EXACT_AS_HERE, err);
  if (!status) status = kv_file_write(xml, t.at, t.n, err);
  kv_parts_free(&p);
  kv_free(t.at);
  return status;
}
