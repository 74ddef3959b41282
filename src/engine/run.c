/* Running an executable. Everything of a run lives on its own stack and heap: any number of threads may run one. */
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "engine/advice.h"
#include "engine/executable.h"
#include "engine/ports.h"
#include "openvino/lower.h"
#include "openvino/nan_guard.h"
#include "run/runner.h"
#include "run/shapes.h"

/* Room on the stack for what small segments need. */
enum { FEW_VALUES = 64 };

typedef struct run {
  const kvino_executable *e;
  kvino_tensor **value; /* one reference each, or NULL */
  const kv_watch *watch;
  kvino_error *err;
} run;

/* What segments are run with. */
typedef struct running {
  const kvino_executable *e;
  const kv_watch *watch; /* may be NULL */
} running;

static kvino_tensor *value_of(const run *r, kv_edge edge) { return kv_value_of(&r->e->plan, r->value, edge); }
static kvino_tensor **value_at(const run *r, kv_edge edge) { return &r->value[kv_value_at(&r->e->plan, edge)]; }

/* ---- shapes that only a run can know ----
 *
 * OpenVINO does not check all of them, and reads beyond its operands then. So the primitives' own inference is asked
 * before it, once for each new combination; for what they refuse the segment runs natively, which says so. */

static uint64_t fingerprint(const run *r, const kv_stage *stage) {
  uint64_t h = 0;
  for (size_t i = 0; stage->dynamic && i < stage->segment->n_in; i++) {
    if (!(stage->check[i] & KV_CHECK_SIZE)) continue;
    const kvino_tensor *t = value_of(r, stage->segment->in[i]);
    for (int k = 0; k < t->rank; k++) h = kv_mix(h, (uint64_t)t->shape[k]);
  }
  return h | 2; /* never 0: an empty slot */
}

static void remember(const kv_stage *stage, uint64_t shapes, bool native) {
  atomic_store_explicit(&stage->seen->slot[(shapes >> 2) % KV_SEEN], (shapes & ~UINT64_C(1)) | native,
                        memory_order_relaxed);
}

static kvino_status check_shapes(run *r, const kv_stage *stage, uint64_t shapes, bool *native) {
  uint64_t seen = atomic_load_explicit(&stage->seen->slot[(shapes >> 2) % KV_SEEN], memory_order_relaxed);
  const kv_segment *s = stage->segment;
  if ((seen | 1) == (shapes | 1)) {
    *native = seen & 1;
    return KVINO_OK;
  }
  if (!stage->dynamic) return KVINO_OK;
  kvino_tensor **in = kv_malloc((s->n_in + 1) * sizeof *in);
  if (!in) return kv_fail(r->err, KVINO_NO_MEMORY, "out of memory for a segment of a graph");
  for (size_t i = 0; i < s->n_in; i++) in[i] = value_of(r, s->in[i]);
  kvino_status status = kv_shapes_fit(s->n_nodes, s->node, s->n_in, s->in, in, NULL);
  kv_free(in);
  if (status == KVINO_NO_MEMORY) return kv_fail(r->err, status, "out of memory for the shapes of a segment");
  *native = status != KVINO_OK;
  remember(stage, shapes, *native);
  return KVINO_OK;
}

/* ---- a segment of OpenVINO's ---- */

/* Input i in C order. *native is set where OpenVINO must not have it. */
static kvino_status take_input(run *r, const kv_stage *stage, kv_ports *p, size_t i, bool *native) {
  kvino_tensor *t = value_of(r, stage->segment->in[i]);
  uint8_t check = stage->check[i];
  KV_TRY(kv_ports_take(p, i, t, check & KV_CHECK_BOOL, r->err));
  if (check & KV_CHECK_SIZE && (!t->size || t->size > KV_DIMENSION_MAX)) *native = true;
  if (check & KV_CHECK_RANGE && !kv_values_within(p->held[i], stage->range[i])) *native = true;
  return KVINO_OK;
}

/* Whether a shape that the model gives has a 0: output i, as it came. */
static bool is_empty_shape(const kv_ov_output *shape) {
  bool empty = false;
  for (int64_t k = 0; k < shape->shape[0]; k++) empty |= !((const int64_t *)shape->data)[k];
  return empty;
}

/* Gives the segment's outputs their values, unless *native: the results do not count, as where the run *failed. */
static kvino_status infer(run *r, const kv_stage *stage, kv_ports *p, bool *native, bool *failed) {
  const kv_segment *s = stage->segment;
  for (size_t i = 0; i < p->n_out; i++) KV_TRY(kv_ports_prepare(p, stage->model, i, r->err));
  kvino_error why;
  kvino_status status = kv_ov_infer(stage->model, p->in, p->n_in, p->out, p->n_out, &why);
  if (status) {
    *native = *failed = status == KVINO_DEVICE && stage->refuses;
    return *native ? KVINO_OK : kv_fail(r->err, status, "%s", why.text);
  }
  for (size_t i = 0; i < stage->n_shapes; i++) *native |= is_empty_shape(&p->out[s->n_out + i]);
  if (stage->guarded) *native |= *(const float *)p->out[p->n_out - 1].data >= 0;
  for (size_t i = 0; i < s->n_out && !*native; i++)
    if (stage->nan[i])
      *native = kv_has_nan(p->out[i].dtype, p->out[i].bytes / kvino_dtype_size(p->out[i].dtype), p->out[i].data);
  for (size_t i = 0; i < p->n_out; i++) {
    if (!status && !*native && i < s->n_out)
      status = kv_ports_give(p, i, value_at(r, s->out[i]), r->err);
    else if (p->out[i].owner)
      kv_ov_result_release(p->out[i].owner);
  }
  return status;
}

/* The same by native kernels. */
static kvino_status run_natively(run *r, const kv_segment *s) {
  kv_plan part;
  KV_TRY(kv_plan_part(&part, r->e->graph, s, r->err));
  kvino_status status = kv_plan_run(&part, r->value, NULL, NULL, r->watch, r->err);
  kv_plan_free(&part);
  return status;
}

static kvino_status run_segment(void *context, const kv_segment *segment, kvino_tensor **value, kvino_error *err) {
  const running *run_of = context;
  const kvino_executable *e = run_of->e;
  const kv_stage *stage = &e->stage[segment - e->partition->segment];
  run r = {e, value, run_of->watch, err};
  kv_ports p;
  bool native = false, failed = false;
  uint64_t shapes = fingerprint(&r, stage);
  kvino_status status = check_shapes(&r, stage, shapes, &native);
  if (status || native) return status ? status : run_natively(&r, segment);
  double start = r.watch ? kv_microseconds() : 0;
  status = kv_ports_begin(&p, segment->n_in, segment->n_out + stage->n_shapes + stage->guarded, err);
  for (size_t i = 0; i < segment->n_in && !status; i++) status = take_input(&r, stage, &p, i, &native);
  if (!status && !native) status = infer(&r, stage, &p, &native, &failed);
  kv_ports_end(&p);
  if (r.watch && !status && !native) r.watch->segment(r.watch->context, segment, kv_microseconds() - start);
  if (status || !native) return status;
  status = run_natively(&r, segment);
  if (!status && failed && !stage->by_values) remember(stage, shapes, true);
  return status;
}

/* ---- the whole ---- */

static kvino_status check_input(const kv_node *parameter, size_t i, const kvino_tensor *t, kvino_error *err) {
  const kv_output *o = parameter->out;
  char name[80] = "", have[KV_SHAPE_TEXT], want[KV_SHAPE_TEXT];
  bool fits = t->rank == o->rank;
  if (t->dtype == o->dtype && !kv_is_symbolic(t)) {
    for (int k = 0; k < o->rank && fits; k++) fits = o->shape[k] < 0 || o->shape[k] == t->shape[k];
    if (fits) return KVINO_OK;
  }
  if (parameter->name) {
    strcpy(name, " '");
    strncat(name, parameter->name, sizeof name - 4);
    strcat(name, "'");
  }
  if (kv_is_symbolic(t))
    return kv_fail(err, KVINO_TYPE, "input %zu%s is a symbolic tensor: a compiled function runs on values", i, name);
  if (t->dtype != o->dtype)
    return kv_fail(err, KVINO_TYPE, "input %zu%s has dtype %s, the function was compiled for %s", i, name,
                   kvino_dtype_name((kvino_dtype)t->dtype), kvino_dtype_name(o->dtype));
  return kv_fail(err, KVINO_INVALID, "input %zu%s has shape %s, the function was compiled for %s", i, name,
                 kv_shape_text(t->rank, t->shape, have), kv_shape_text(o->rank, o->shape, want));
}

static kvino_status check_inputs(const kv_graph *g, size_t n, kvino_tensor *const *in, kvino_error *err) {
  if (n != g->n_parameters)
    return kv_fail(err, KVINO_INVALID, "%zu inputs were given, the function takes %zu", n, g->n_parameters);
  for (size_t i = 0; i < n; i++) {
    if (!in[i]) return kv_fail(err, KVINO_INVALID, "input %zu is NULL", i);
    KV_TRY(check_input(g->parameter[i], i, in[i], err));
  }
  return KVINO_OK;
}

kvino_status kvino_executable_run(kvino_executable *e, size_t n, kvino_tensor *const *in, kvino_tensors *out,
                                  kvino_error *err) {
  KV_NOT_NULL(err, e && out && (in || !n));
  return kv_advice_due(e) ? kv_run_for_advice(e, n, in, out, err) : kv_executable_run(e, n, in, out, NULL, err);
}

kvino_status kvino_executable_run_over(kvino_executable *e, size_t n, kvino_tensor *const *in, const uint8_t *lent,
                                       kvino_tensors *out, kvino_error *err) {
  KV_NOT_NULL(err, e && out && ((in && lent) || !n));
  KV_TRY(check_inputs(e->graph, n, in, err));
  for (size_t i = 0; i < n; i++)
    if (lent[i]) in[i]->lent = lent[i];
  kvino_status status = kvino_executable_run(e, n, in, out, err);
  for (size_t i = 0; i < n; i++)
    if (lent[i]) in[i]->lent = 0;
  return status;
}

kvino_status kv_executable_run(kvino_executable *e, size_t n, kvino_tensor *const *in, kvino_tensors *out,
                               const kv_watch *watch, kvino_error *err) {
  const kv_graph *g = e->graph;
  kvino_tensor *few[FEW_VALUES];
  KV_TRY(check_inputs(g, n, in, err));
  const kv_plan *p = &e->plan;
  kvino_tensor **value = p->n_values > FEW_VALUES ? kv_malloc(p->n_values * sizeof *value) : few;
  kvino_tensor **v = kv_malloc((g->n_results + 1) * sizeof *v);
  kvino_status status = KVINO_OK;
  if (!value || !v) status = kv_fail(err, KVINO_NO_MEMORY, "out of memory for %u values", p->n_values);
  if (!status) {
    memset(value, 0, p->n_values * sizeof *value);
    for (size_t i = 0; i < n; i++) value[p->first[g->parameter[i]->id]] = kvino_tensor_retain(in[i]);
    status = kv_plan_run(p, value, run_segment, &(running){e, watch}, watch, err);
    for (size_t i = 0; i < g->n_results && !status; i++)
      v[i] = kvino_tensor_retain(kv_value_of(p, value, g->result[i].value));
    for (uint32_t i = 0; i < p->n_values; i++) kvino_tensor_release(value[i]);
  }
  if (value != few) kv_free(value);
  if (status)
    kv_free(v);
  else
    *out = (kvino_tensors){g->n_results, v};
  return status;
}
