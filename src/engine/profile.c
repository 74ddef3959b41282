/* Measuring an executable: what its segments and native nodes take (kvino/profile.h). */
#include "engine/profile.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "openvino/emit.h"
#include "openvino/infer.h"

/* ---- the profile ---- */

kvino_status kv_profile_grow(void **items, size_t n, size_t *capacity, size_t size, kvino_error *err) {
  return kv_grow(items, n, capacity, size) ? KVINO_OK : kv_fail(err, KVINO_NO_MEMORY, "out of memory for a profile");
}

const char *kv_profile_keep(kvino_profile *p, kv_text *t) {
  kv_put(t, "%s", "");
  bool room = !t->failed && !kv_profile_grow((void **)&p->text, p->n_texts, &p->text_capacity, sizeof *p->text, NULL);
  if (!room) {
    kv_free(t->at);
    return NULL;
  }
  return p->text[p->n_texts++] = t->at;
}

static const char *keep(kvino_profile *p, const char *text, size_t n) {
  kv_text t = {0};
  kv_put(&t, "%.*s", (int)n, text);
  return kv_profile_keep(p, &t);
}

const char *kv_profile_engine(kvino_profile *p, const kv_stage *stage) {
  return stage && stage->model ? keep(p, stage->config, strcspn(stage->config, "|")) : "native";
}

const char *kv_profile_scope(kvino_profile *p, const kv_origin *o) {
  kv_text t = {0};
  kv_put_origin(&t, o);
  return kv_profile_keep(p, &t);
}

void kvino_profile_free(kvino_profile *p) {
  if (!p) return;
  for (size_t i = 0; i < p->n_texts; i++) kv_free(p->text[i]);
  kv_free(p->text);
  kv_free(p->row);
  kv_free(p->layer);
  kv_free(p->edge);
  kv_free(p);
}

const kvino_profile_row *kvino_profile_rows(const kvino_profile *p, size_t *n) {
  if (n) *n = p ? p->n_rows : 0;
  return p ? p->row : NULL;
}

const kvino_profile_layer *kvino_profile_layers(const kvino_profile *p, size_t *n) {
  if (n) *n = p ? p->n_layers : 0;
  return p ? p->layer : NULL;
}

double kvino_profile_time(const kvino_profile *p) { return p ? p->microseconds : 0; }

double kv_profile_share(const kvino_profile *p, double microseconds) {
  return p->microseconds > 0 ? microseconds / p->microseconds : 0;
}

/* ---- measuring ---- */

/* What tells a row from the others: the node, or OpenVINO's name of what it executed in which segment. And of that,
 * what all inferences took before. */
typedef struct key {
  const kv_node *node;
  const kv_stage *stage;
  const char *name;
  double before;
} key;

typedef struct measuring {
  kvino_executable *e;
  kvino_profile *p;
  key *key; /* by row */
  size_t key_capacity;
  size_t at; /* the row that is expected next */
  const kv_stage *stage;
  bool counts, ending; /* whether this run does; whether the last has ended */
  bool *ran;           /* by segment: OpenVINO ran it */
  kvino_status status;
  kvino_error *err;
} measuring;

static bool same(const key *a, const key *b) {
  return a->node == b->node && a->stage == b->stage &&
         (!a->name || !b->name ? a->name == b->name : !strcmp(a->name, b->name));
}

/* The row of the key: rows come in one order in every run. *made: it is new, to be filled. NULL where memory is short.
 */
static kvino_profile_row *row_of(measuring *m, key k, bool *made) {
  kvino_profile *p = m->p;
  *made = false;
  for (size_t i = 0; i < p->n_rows; i++) {
    size_t at = (m->at + i) % p->n_rows;
    if (!same(&m->key[at], &k)) continue;
    m->at = at + 1;
    return &p->row[at];
  }
  m->status = kv_profile_grow((void **)&p->row, p->n_rows, &p->row_capacity, sizeof *p->row, m->err);
  if (!m->status) m->status = kv_profile_grow((void **)&m->key, p->n_rows, &m->key_capacity, sizeof *m->key, m->err);
  if (m->status) return NULL;
  if (k.name) k.name = keep(p, k.name, strlen(k.name));
  m->key[p->n_rows] = k;
  p->row[p->n_rows] = (kvino_profile_row){0};
  m->at = p->n_rows + 1;
  *made = true;
  return &p->row[p->n_rows++];
}

/* As OpenVINO's kernels call it, where they do. */
static const char *name_of(kvino_dtype dtype) {
  const char *name = kv_ir_type(dtype);
  return name ? name : kvino_dtype_name(dtype);
}

static void saw_node(void *context, const kv_node *node, kvino_tensor *const *out, double microseconds) {
  measuring *m = context;
  bool made;
  kvino_profile_row *row = m->counts && !m->status ? row_of(m, (key){.node = node}, &made) : NULL;
  if (!row) return;
  row->microseconds += microseconds;
  if (!made) return;
  const char *reason = m->e->reason[node->id];
  *row = (kvino_profile_row){.scope = kv_profile_scope(m->p, node->origin),
                             .operation = node->prim->name,
                             .engine = "native",
                             .precision = name_of(node->out[0].dtype),
                             .kernel = "",
                             .reason = reason ? reason : "values or shapes that OpenVINO is not exact for",
                             .microseconds = microseconds};
  if (m->e->all_native) row->reason = NULL;
  for (uint32_t i = 0; i < node->n_out; i++)
    if (out[i]) row->result_bytes += out[i]->size * (int64_t)kvino_dtype_size((kvino_dtype)out[i]->dtype);
}

/* The node of the lowered graph that OpenVINO's name speaks of: "MatMul_12", "MatMul_12_f32_bf16_Add_14" (a
 * conversion for Add_14). NULL where there is none. */
static const kv_node *node_named(const kv_graph *g, const char *name) {
  const kv_node *found = NULL;
  for (const char *at = name; *at; at++) {
    if (at != name && at[-1] != '_') continue;
    size_t n = 0;
    while (isalnum((unsigned char)at[n])) n++;
    if (at[n] != '_' || !isdigit((unsigned char)at[n + 1])) continue;
    unsigned long id = strtoul(at + n + 1, NULL, 10);
    if (id < g->n_nodes && strlen(g->node[id]->prim->name) == n && !strncmp(g->node[id]->prim->name, at, n))
      found = g->node[id];
  }
  return found;
}

static int64_t static_bytes(const kv_node *node) {
  int64_t all = 0;
  for (uint32_t i = 0; i < node->n_out; i++) {
    int64_t bytes = (int64_t)kvino_dtype_size(node->out[i].dtype);
    for (int k = 0; k < node->out[i].rank; k++) {
      if (node->out[i].shape[k] < 0) return -1;
      bytes *= node->out[i].shape[k];
    }
    all += bytes;
  }
  return all;
}

/* "brgemm_avx512_amx_bf16": the kernel, and what it computes in. */
static const char *precision_of(kvino_profile *p, const char *how) {
  const char *last = how ? strrchr(how, '_') : NULL;
  return last ? keep(p, last + 1, strlen(last + 1)) : "";
}

/* Asked twice: after the run that does not count, and after all. */
static void saw_layer(void *context, const char *name, const char *kind, const char *how, int64_t mean) {
  measuring *m = context;
  bool made;
  kvino_profile_row *row = m->status ? NULL : row_of(m, (key){.stage = m->stage, .name = name}, &made);
  if (!row) return;
  double all = (double)mean * (double)kv_ov_model_inferences(m->stage->model),
         *before = &m->key[row - m->p->row].before;
  if (m->ending) row->microseconds = all > *before ? all - *before : 0;
  if (!m->ending) *before = all;
  if (!made) return;
  double microseconds = row->microseconds;
  const kv_node *node = node_named(m->stage->lowered, name);
  *row = (kvino_profile_row){.scope = kv_profile_scope(m->p, node ? node->origin : NULL),
                             .operation = keep(m->p, kind, strlen(kind)),
                             .engine = kv_profile_engine(m->p, m->stage),
                             .precision = precision_of(m->p, how),
                             .kernel = keep(m->p, how ? how : "", how ? strlen(how) : 0),
                             .microseconds = microseconds,
                             .result_bytes = node ? static_bytes(node) : -1};
}

static void saw_segment(void *context, const kv_segment *segment, double microseconds) {
  measuring *m = context;
  (void)microseconds;
  m->ran[segment - m->e->partition->segment] = true;
}

/* What OpenVINO has measured. */
static kvino_status ask(measuring *m) {
  for (size_t k = 0; k < m->e->partition->n; k++) {
    m->stage = &m->e->stage[k];
    if (!m->ran[k]) continue;
    if (!m->stage->lowered)
      return kv_fail(m->err, KVINO_INVALID, "to be profiled, a graph is compiled with the property profiling=yes");
    KV_TRY(kv_ov_profile(m->stage->model, saw_layer, m, m->err));
    if (m->status) return m->status;
  }
  return KVINO_OK;
}

static kvino_status run_once(measuring *m, size_t n, kvino_tensor *const *in) {
  kv_watch watch = {saw_node, saw_segment, m};
  kvino_tensors out = {0, NULL};
  m->at = 0;
  KV_TRY(kv_executable_run(m->e, n, in, &out, &watch, m->err));
  kvino_tensors_clear(&out);
  return m->status;
}

static bool is_complete(const kvino_profile *p) {
  for (size_t i = 0; i < p->n_rows; i++)
    if (!p->row[i].scope || !p->row[i].operation || !p->row[i].engine || !p->row[i].precision || !p->row[i].kernel)
      return false;
  return true;
}

static kvino_status measure(measuring *m, size_t n, kvino_tensor *const *in, size_t runs) {
  KV_TRY(run_once(m, n, in));
  KV_TRY(ask(m));
  m->counts = true;
  double start = kv_microseconds();
  for (size_t i = 0; i < runs; i++) KV_TRY(run_once(m, n, in));
  m->p->runs = runs;
  m->p->microseconds = (kv_microseconds() - start) / (double)runs;
  m->ending = true;
  KV_TRY(ask(m));
  for (size_t i = 0; i < m->p->n_rows; i++) m->p->row[i].microseconds /= (double)runs;
  return KVINO_OK;
}

static kvino_status finish(kvino_profile *p, const kvino_executable *e, kvino_status status, kvino_profile **out,
                           kvino_error *err) {
  if (!status && !is_complete(p)) status = kv_fail(err, KVINO_NO_MEMORY, "out of memory for a profile");
  if (!status) status = kv_profile_layers(p, e, err);
  if (status)
    kvino_profile_free(p);
  else
    *out = p;
  return status;
}

kvino_status kvino_executable_profile(kvino_executable *e, size_t n, kvino_tensor *const *in, size_t runs,
                                      kvino_profile **out, kvino_error *err) {
  KV_NOT_NULL(err, e && out && (in || !n));
  kvino_profile *p = kv_calloc(1, sizeof *p);
  if (!p) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a profile");
  measuring m = {.e = e, .p = p, .err = err, .ran = kv_calloc(e->partition->n + 1, sizeof *m.ran)};
  kvino_status status =
      m.ran ? measure(&m, n, in, runs ? runs : 1) : kv_fail(err, KVINO_NO_MEMORY, "out of memory for a profile");
  kv_free(m.key);
  kv_free(m.ran);
  return finish(p, e, status, out, err);
}

/* ---- without running ---- */

/* What OpenVINO computes floats of 32 bits in. */
static const char *float_precision(kvino_profile *p, const kv_stage *stage) {
  char *hint = NULL;
  if (kv_ov_model_property(stage->model, "INFERENCE_PRECISION_HINT", &hint, NULL)) return "f32";
  const char *kept = keep(p, hint, strlen(hint));
  kv_free(hint);
  return kept;
}

static kvino_status explain_node(kvino_profile *p, const kvino_executable *e, const kv_stage *stage,
                                 const kv_node *node, const char *floats, kvino_error *err) {
  KV_TRY(kv_profile_grow((void **)&p->row, p->n_rows, &p->row_capacity, sizeof *p->row, err));
  kvino_dtype dtype = node->out[0].dtype;
  p->row[p->n_rows++] = (kvino_profile_row){
      .scope = kv_profile_scope(p, node->origin),
      .operation = node->prim->name,
      .engine = kv_profile_engine(p, stage),
      .precision = stage->model && dtype == KVINO_F32 ? floats : name_of(dtype),
      .kernel = "",
      .reason = stage->model || e->all_native ? NULL : e->reason[node->id],
      .result_bytes = static_bytes(node),
  };
  return KVINO_OK;
}

kvino_status kvino_executable_explain(const kvino_executable *e, kvino_profile **out, kvino_error *err) {
  KV_NOT_NULL(err, e && out);
  kvino_profile *p = kv_calloc(1, sizeof *p);
  if (!p) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a profile");
  kvino_status status = KVINO_OK;
  for (size_t k = 0; k < e->partition->n && !status; k++) {
    const kv_stage *stage = &e->stage[k];
    const char *floats = stage->model ? float_precision(p, stage) : "";
    for (size_t i = 0; i < stage->segment->n_nodes && !status; i++)
      status = explain_node(p, e, stage, stage->segment->node[i], floats, err);
  }
  return finish(p, e, status, out, err);
}
