/* kvino_compile: optimise, decide, divide, compile (executable.h). */
#include "engine/executable.h"
#include "engine/views.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/work.h"
#include "openvino/cache.h"
#include "openvino/device.h"
#include "openvino/emit.h"
#include "openvino/lower.h"
#include "openvino/settings.h"
#include "passes/passes.h"
#include "run/apply.h"

/* ---- OpenVINO's segments ---- */

/* What compile_segment hands through the cache of models. */
typedef struct making {
  const kv_graph *lowered;
  kv_bfloat16 bfloat16;
  kv_ov_key key;
  kv_ov_config *config;
} making;

static kvino_status make_model(void *context, kv_ov_model **model, kvino_error *err) {
  const making *m = context;
  kv_ov_program program;
  KV_TRY(kv_emit(m->lowered, m->bfloat16, &program, err));
  char *ir = (char *)program.ir;
  program.key = &m->key;
  kvino_status status = kv_ov_compile(&program, m->config, model, err); /* takes the constants over */
  kv_free(ir);
  return status;
}

/* Whether one compilation serves several shapes. */
static bool is_dynamic(const kv_graph *g) {
  for (size_t i = 0; i < g->n_parameters; i++)
    for (int k = 0; k < g->parameter[i]->out[0].rank; k++)
      if (g->parameter[i]->out[0].shape[k] < 0) return true;
  return false;
}

/* For every node, kernels for so many shapes; never more than OpenVINO's own limit, which is one for all models and
 * lets a small one keep those of thousands of shapes, half a megabyte for each. */
enum { SHAPES_KEPT = 32, MOST_KERNELS = 5000 };

static size_t kernels_kept(const kv_graph *lowered) {
  size_t most = MOST_KERNELS / SHAPES_KEPT;
  return (lowered->n_nodes < most ? lowered->n_nodes : most) * SHAPES_KEPT;
}

/* What a segment is compiled with. A model costs two threads while it lives and 2 us per run for waking them: a small
 * one on the CPU runs in the calling thread instead, unless the user has said how. */
static kvino_status choose_config(const kv_graph *lowered, kv_bfloat16 bfloat16, kv_ov_config *asked,
                                  kv_ov_config **config, kvino_error *err) {
  kv_ov_pair more[3];
  size_t n = 0;
  char kernels[24];
  if (kv_ov_config_is_cpu(asked)) {
    bool said = kv_ov_config_get(asked, KV_NUM_STREAMS) || kv_ov_config_get(asked, KV_PERFORMANCE_HINT);
    if (!said && kv_is_small_work(lowered)) more[n++] = (kv_ov_pair){KV_NUM_STREAMS, "0"};
    snprintf(kernels, sizeof kernels, "%zu", kernels_kept(lowered));
    if (is_dynamic(lowered) && !kv_ov_config_get(asked, KV_CPU_RUNTIME_CACHE_CAPACITY))
      more[n++] = (kv_ov_pair){KV_CPU_RUNTIME_CACHE_CAPACITY, kernels};
    if (bfloat16 == KV_BFLOAT16_BY_POLICY) more[n++] = (kv_ov_pair){KV_INFERENCE_PRECISION_HINT, "bf16"};
  }
  if (n) return kv_ov_config_with(asked, n, more, config, err);
  *config = kv_ov_config_retain(asked);
  return KVINO_OK;
}

/* What to look at before OpenVINO is given an input. */
static uint8_t checks(const kv_exactness *x, kv_edge edge) {
  const kv_output *o = kv_edge_output(edge);
  uint8_t check = kv_exactness_assumed(x, edge) ? KV_CHECK_RANGE : 0;
  if (o->dtype == KVINO_BOOL) check |= KV_CHECK_BOOL;
  for (int k = 0; k < o->rank; k++)
    if (o->shape[k] < 0) check |= KV_CHECK_SIZE;
  return check;
}

/* A transformation of OpenVINO's that loses an axis must not become a wrong number. */
static kvino_status check_outputs(const kv_ov_model *model, const kv_graph *lowered, kvino_error *err) {
  char have[KV_SHAPE_TEXT], want[KV_SHAPE_TEXT];
  for (size_t i = 0; i < lowered->n_results; i++) {
    const kv_ov_port *port = kv_ov_model_output(model, i);
    const kv_output *o = kv_edge_output(lowered->result[i].value);
    bool same = port->dtype == o->dtype && (port->rank < 0 || port->rank == o->rank);
    for (int k = 0; k < o->rank && port->rank >= 0 && same; k++)
      same = port->shape[k] < 0 || o->shape[k] < 0 || port->shape[k] == o->shape[k];
    if (!same)
      return kv_fail(err, KVINO_DEVICE, "OpenVINO gives output %zu the shape %s instead of %s", i,
                     kv_shape_text(port->rank, port->shape, have), kv_shape_text(o->rank, o->shape, want));
  }
  return KVINO_OK;
}

/* With float32 as the precision of computation, which is the default, the CPU has no other float16. */
static kv_float16 float16_of(const kv_ov_config *asked) {
  const char *precision = kv_ov_config_get(asked, KV_INFERENCE_PRECISION_HINT);
  bool f32 = (!precision || !strcmp(precision, "f32")) && !kv_ov_config_get(asked, KV_EXECUTION_MODE_HINT);
  return kv_ov_config_is_cpu(asked) && f32 ? KV_FLOAT16_AS_FLOAT32 : KV_FLOAT16_AS_IT_LIKES;
}

static bool is_profiled(const kv_ov_config *config) {
  const char *profiling = kv_ov_config_get(config, KV_PERF_COUNT);
  return profiling && !strcmp(profiling, "YES");
}

/* Where nobody has said which precision, products of bfloat16 say it. */
static kv_bfloat16 bfloat16_of(const kv_ov_config *asked, const kv_segment *s) {
  const char *precision = kv_ov_config_get(asked, KV_INFERENCE_PRECISION_HINT);
  if (!kv_ov_config_is_cpu(asked) || !kv_has_products(s->n_nodes, s->node, KVINO_BF16)) return KV_BFLOAT16_AS_WRITTEN;
  if (precision) return strcmp(precision, "bf16") ? KV_BFLOAT16_AS_WRITTEN : KV_BFLOAT16_BY_HINT;
  bool left = !kv_ov_config_get(asked, KV_EXECUTION_MODE_HINT) && kv_ov_device_has(asked->device, "BF16");
  return left && !kv_ends_transposed(s->n_nodes, s->node) ? KV_BFLOAT16_BY_POLICY : KV_BFLOAT16_AS_WRITTEN;
}

/* By the hint, if what is float32 stays so. */
static kvino_status lower(const kv_exactness *x, const kv_segment *s, const kv_ov_config *asked, kv_bfloat16 *bfloat16,
                          kv_lowered *out, kvino_error *err) {
  kv_float16 float16 = float16_of(asked);
  bool kept = true;
  KV_TRY(kv_lower(x, s->n_nodes, s->node, s->n_in, s->in, s->n_out, s->out, float16, *bfloat16, out, err));
  kvino_status status = *bfloat16 == KV_BFLOAT16_BY_POLICY ? kv_float32_is_kept(out->graph, &kept, err) : KVINO_OK;
  if (!status && kept) return KVINO_OK;
  kv_graph_release(out->graph);
  kv_free(out->nan);
  *out = (kv_lowered){0};
  if (status) return status;
  *bfloat16 = KV_BFLOAT16_AS_WRITTEN;
  return kv_lower(x, s->n_nodes, s->node, s->n_in, s->in, s->n_out, s->out, float16, *bfloat16, out, err);
}

static kvino_status compile_segment(const kv_exactness *x, kv_ov_config *asked, kv_stage *stage, kvino_error *err) {
  const kv_segment *s = stage->segment;
  kv_lowered lowered;
  kv_ov_config *config = NULL;
  stage->check = kv_malloc(s->n_in + 1);
  stage->range = kv_malloc((s->n_in + 1) * sizeof *stage->range);
  stage->seen = kv_calloc(1, sizeof *stage->seen);
  if (!stage->check || !stage->range || !stage->seen)
    return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a segment");
  for (size_t i = 0; i < s->n_in; i++) {
    stage->check[i] = checks(x, s->in[i]);
    stage->dynamic |= stage->check[i] & KV_CHECK_SIZE;
    stage->range[i] = kv_exactness_interval(x, s->in[i]);
  }
  for (size_t i = 0; i < s->n_nodes; i++) /* what shapes alone answer for, here or in a body */
    stage->dynamic |=
        s->node[i]->prim->id == KV_Require || s->node[i]->prim->id == KV_If || s->node[i]->prim->id == KV_Loop;
  kv_bfloat16 bfloat16 = bfloat16_of(asked, s);
  KV_TRY(lower(x, s, asked, &bfloat16, &lowered, err));
  stage->n_shapes = lowered.n_shapes;
  stage->guarded = lowered.guarded;
  stage->nan = lowered.nan;
  stage->by_values = lowered.refuses;
  stage->refuses = lowered.refuses || kv_ov_config_is_cpu(asked);
  kvino_status status = choose_config(lowered.graph, bfloat16, asked, &config, err);
  if (!status && !(stage->config = kv_strdup(config->text)))
    status = kv_fail(err, KVINO_NO_MEMORY, "out of memory for a segment");
  if (!status && is_profiled(config)) stage->lowered = kv_graph_retain(lowered.graph);
  if (!status) {
    kv_ov_key key;
    kv_graph_hash(lowered.graph, key.word);
    uint64_t text = kv_mix_bytes(0, config->text, strlen(config->text));
    key.word[0] = kv_mix(key.word[0], text);
    key.word[1] = kv_mix(key.word[1], ~text + bfloat16);
    making m = {lowered.graph, bfloat16, key, config};
    /* The times that OpenVINO measures are of all inferences: such a model is nobody else's. */
    status =
        stage->lowered ? make_model(&m, &stage->model, err) : kv_ov_cache_get(key, make_model, &m, &stage->model, err);
    if (!status) status = check_outputs(stage->model, lowered.graph, err);
    if (status) {
      kv_ov_model_release(stage->model);
      stage->model = NULL;
    }
  }
  kv_ov_config_free(config);
  kv_graph_release(lowered.graph);
  return status;
}

/* There are graphs that OpenVINO's CPU plugin fails on (a MatMul of one column by one number, with four rows). The
 * native kernels compute them on the same processor. On another device the error is the caller's to know. */
static kvino_status compile_or_keep(kvino_executable *e, const kv_exactness *x, kv_ov_config *asked, kv_stage *stage,
                                    kvino_error *err) {
  kvino_error why;
  kvino_status status = compile_segment(x, asked, stage, &why);
  if (status && (status != KVINO_DEVICE || !kv_ov_config_is_cpu(asked))) return kv_fail(err, status, "%s", why.text);
  if (!status) return KVINO_OK;
  kv_segment *s = &e->partition->segment[stage - e->stage];
  s->external = false;
  kv_views_join(e->partition, (size_t)(stage - e->stage));
  for (size_t i = 0; i < s->n_nodes; i++) e->reason[s->node[i]->id] = "OpenVINO's CPU plugin cannot compile it";
  return KVINO_OK;
}

/* ---- the whole ---- */

/* What is asked for: by the call, else by the settings; NULL for the device "native", which takes no properties. */
static kvino_status read_request(const char *device, size_t n, const kvino_property *properties, kv_ov_config **asked,
                                 kvino_error *err) {
  char *set = NULL;
  if (!device) KV_TRY(kv_setting_device(&set, err));
  if (!device) device = set;
  kvino_status status = KVINO_OK;
  *asked = NULL;
  if (!device || strcasecmp(device, "native"))
    status = kv_ov_config_in_force(device, properties, n, asked, err);
  else if (n)
    status = kv_fail(err, KVINO_INVALID, "device 'native' takes no properties, '%s' was given",
                     properties[0].name ? properties[0].name : "");
  kv_free(set);
  return status;
}

const char kv_reason_in_place[] = "it updates in place what it carries";

/* A Loop that stays here updates what it carries in place. The graph is the executable's own, and nobody has it yet. */
static kvino_status update_in_place(kvino_executable *e, kv_node *node, kvino_error *err) {
  kv_graph *body = node->attrs.loop.body;
  KV_TRY(kv_pass_updates(body, (size_t)node->attrs.loop.carried, &node->attrs.loop.body, err));
  if (node->attrs.loop.body != body) e->reason[node->id] = kv_reason_in_place;
  kv_graph_release(body);
  return KVINO_OK;
}

static kvino_status divide(kvino_executable *e, const kv_exactness *x, kvino_error *err) {
  size_t n = e->graph->n_nodes;
  bool *native = kv_malloc(n + 1);
  e->reason = kv_calloc(n + 1, sizeof *e->reason);
  if (!native || !e->reason)
    return kv_free(native), kv_fail(err, KVINO_NO_MEMORY, "out of memory for a graph of %zu nodes", n);
  for (size_t i = 0; i < n; i++) {
    e->reason[i] = x ? kv_exactness_native(x, e->graph->node[i]) : NULL;
    native[i] = !x || e->reason[i];
  }
  kvino_status status = kv_partition_new(e->graph, native, &e->partition, err);
  kv_free(native);
  if (!status) status = kv_views_apart(e->partition, e->graph, err);
  if (!status && !(e->stage = kv_calloc(e->partition->n + 1, sizeof *e->stage)))
    status = kv_fail(err, KVINO_NO_MEMORY, "out of memory for %zu segments", e->partition->n);
  for (size_t k = 0; !status && k < e->partition->n; k++) e->stage[k].segment = &e->partition->segment[k];
  return status;
}

static kvino_status build(kvino_executable *e, const kv_graph *g, kv_ov_config *asked, kvino_error *err) {
  kv_exactness *x = NULL;
  KV_TRY(kv_optimize(g, &e->graph, err));
  if (asked) KV_TRY(kv_exactness_new(e->graph, &x, err));
  kvino_status status = divide(e, x, err);
  for (size_t k = 0; !status && k < e->partition->n; k++)
    if (e->stage[k].segment->external) status = compile_or_keep(e, x, asked, &e->stage[k], err);
  kv_exactness_free(x); /* it names nodes of bodies */
  for (size_t i = 0; !status && i < e->graph->n_nodes; i++)
    if (e->graph->node[i]->prim->id == KV_Loop && (!asked || e->reason[i]))
      status = update_in_place(e, e->graph->node[i], err);
  if (!status) status = kv_plan_new(&e->plan, e->graph, e->partition->n, e->partition->segment, err);
  e->all_native = !asked;
  e->advice.wanted = asked && !status && e->partition->n;
  if (e->advice.wanted) e->advice.slow_precision = kv_is_slow_precision(e->graph, asked);
  return status;
}

kvino_status kvino_compile(kvino_graph *g, const char *device, size_t n_properties, const kvino_property *properties,
                           kvino_executable **out, kvino_error *err) {
  KV_NOT_NULL(err, g && out && (properties || !n_properties));
  kv_ov_config *asked;
  KV_TRY(read_request(device, n_properties, properties, &asked, err));
  kvino_executable *e = kv_calloc(1, sizeof *e);
  kvino_status status = e ? KVINO_OK : kv_fail(err, KVINO_NO_MEMORY, "out of memory for an executable");
  if (e) e->refs = 1;
  if (!status) status = build(e, g, asked, err);
  kv_ov_config_free(asked);
  if (status)
    kvino_executable_release(e);
  else
    *out = e;
  return status;
}

/* ---- inputs and outputs ---- */

size_t kvino_executable_input_count(const kvino_executable *e) { return e ? e->graph->n_parameters : 0; }
size_t kvino_executable_output_count(const kvino_executable *e) { return e ? e->graph->n_results : 0; }

static kvino_port port_of(const char *name, const kv_output *o) {
  return (kvino_port){name, o->dtype, o->rank, o->shape};
}

kvino_status kvino_executable_input(const kvino_executable *e, size_t i, kvino_port *out, kvino_error *err) {
  KV_NOT_NULL(err, e && out);
  if (i >= e->graph->n_parameters)
    return kv_fail(err, KVINO_INDEX, "input %zu is out of range: there are %zu", i, e->graph->n_parameters);
  *out = port_of(e->graph->parameter[i]->name, &e->graph->parameter[i]->out[0]);
  return KVINO_OK;
}

kvino_status kvino_executable_output(const kvino_executable *e, size_t i, kvino_port *out, kvino_error *err) {
  KV_NOT_NULL(err, e && out);
  if (i >= e->graph->n_results)
    return kv_fail(err, KVINO_INDEX, "output %zu is out of range: there are %zu", i, e->graph->n_results);
  *out = port_of(e->graph->result[i].name, kv_edge_output(e->graph->result[i].value));
  return KVINO_OK;
}

kvino_executable *kvino_executable_retain(kvino_executable *e) {
  if (e) atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
  return e;
}

void kvino_executable_release(kvino_executable *e) {
  if (!e || atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) != 1) return;
  for (size_t k = 0; e->stage && k < e->partition->n; k++) {
    kv_ov_model_release(e->stage[k].model);
    kv_graph_release(e->stage[k].lowered);
    kv_free(e->stage[k].check);
    kv_free(e->stage[k].range);
    kv_free(e->stage[k].nan);
    kv_free(e->stage[k].seen);
    kv_free(e->stage[k].config);
  }
  kv_free(e->stage);
  kv_partition_free(e->partition);
  kv_graph_release(e->graph);
  kv_free(e->reason);
  kv_free(e->advice.text);
  kv_plan_free(&e->plan);
  kv_free(e);
}

/* ---- description ---- */

/* "Add, Multiply x3": the kinds of a segment's nodes with their numbers. */
static void put_kinds(kv_text *t, const kv_segment *s) {
  unsigned count[KV_PRIM_COUNT] = {0};
  const char *comma = "";
  for (size_t i = 0; i < s->n_nodes; i++) count[s->node[i]->prim->id]++;
  for (int id = 0; id < KV_PRIM_COUNT; id++) {
    if (!count[id]) continue;
    kv_put(t, count[id] > 1 ? "%s%s x%u" : "%s%s", comma, kv_prim_get((kv_prim_id)id)->name, count[id]);
    comma = ", ";
  }
}

/* Each reason of a native segment once, with the first node that has it. */
static void put_reasons(kv_text *t, const kvino_executable *e, const kv_segment *s) {
  const char *open = " (";
  for (size_t i = 0; i < s->n_nodes; i++) {
    const char *reason = e->reason[s->node[i]->id];
    bool said = !reason;
    for (size_t k = 0; k < i && !said; k++) said = e->reason[s->node[k]->id] == reason;
    if (said) continue;
    kv_put(t, "%s%s: %s", open, s->node[i]->prim->name, reason);
    open = "; ";
  }
  if (*open == ';') kv_put(t, ")");
}

kvino_status kvino_executable_describe(const kvino_executable *e, char **text, kvino_error *err) {
  KV_NOT_NULL(err, e && text);
  kv_text t = {0};
  for (size_t k = 0; k < e->partition->n; k++) {
    const kv_segment *s = &e->partition->segment[k];
    kv_put(&t, "segment %zu: %s, %zu node%s: ", k, e->stage[k].model ? e->stage[k].config : "native", s->n_nodes,
           s->n_nodes == 1 ? "" : "s");
    put_kinds(&t, s);
    put_reasons(&t, e, s);
    kv_put(&t, "\n");
  }
  if (!e->partition->n) kv_put(&t, "no segment: inputs and constants are passed on\n");
  if (t.failed) {
    kv_free(t.at);
    return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a description");
  }
  *text = t.at;
  return KVINO_OK;
}
