#include "engine/advice.h"

#include "base/clock.h"
#include "base/memory.h"
#include "kvino/profile.h"

/* The first runs pay for memory and caches. A model of less than a millisecond is nobody's worry. */
enum { FIRST_MEASURED = 2, LEAST_MICROSECONDS = 1000 };

static void say_precision(kv_advice *a) {
  static atomic_bool said;
  if (atomic_exchange(&said, true)) return;
  atomic_store(&a->given,
               "kvino: this model computes in float32, and most of it are products, which this processor "
               "(AMX) computes several times as fast in bfloat16: KVINO_PRECISION=bf16, or "
               "kvino.config.precision = \"bf16\" in Python, asks for it; \"f32\" says that float32 is meant");
}

bool kv_advice_due(kvino_executable *e) {
  kv_advice *a = &e->advice;
  if (!a->wanted || atomic_load_explicit(&a->runs, memory_order_relaxed) > FIRST_MEASURED + KV_MEASURED) return false;
  unsigned run = atomic_fetch_add(&a->runs, 1);
  if (!run && a->slow_precision) say_precision(a);
  return run >= FIRST_MEASURED && run < FIRST_MEASURED + KV_MEASURED;
}

static void saw_node(void *context, const kv_node *node, kvino_tensor *const *out, double microseconds) {
  kv_measured *m = context;
  (void)out;
  m->native += microseconds;
  if (microseconds <= m->most) return;
  m->most = microseconds;
  m->longest = node;
}

static void saw_segment(void *context, const kv_segment *segment, double microseconds) {
  (void)context;
  (void)segment;
  (void)microseconds;
}

static void write_advice(kvino_executable *e, const kv_node *node) {
  const char *reason = e->reason[node->id];
  kvino_dtype dtype = node->n_in ? kv_edge_output(node->in[0])->dtype : node->out[0].dtype;
  kv_text t = {0};
  kv_put(&t, "kvino: %s of %s", node->prim->name, kvino_dtype_name(dtype));
  if (node->origin) kv_put(&t, " in ");
  kv_put_origin(&t, node->origin);
  kv_put(&t,
         " runs on kvino's own kernels (%s); such operations take more than a tenth of the model's time. kvino.profile "
         "shows where it goes",
         reason ? reason : "values or shapes that OpenVINO is not exact for");
  if (t.failed) {
    kv_free(t.at);
    return;
  }
  e->advice.text = t.at;
  atomic_store(&e->advice.given, t.at);
}

/* Of the runs that were measured the quickest tells most: whatever else the machine does, it makes them longer. */
static void conclude(kvino_executable *e) {
  const kv_measured *best = NULL;
  for (size_t i = 0; i < KV_MEASURED; i++) {
    const kv_measured *m = &e->advice.run[i];
    if (atomic_load(&m->done) && (!best || m->total < best->total)) best = m;
  }
  /* Neither is anything that one would want to change: what is updated in place, and bytes that are multiplied as such.
   */
  if (best && best->longest &&
      (e->reason[best->longest->id] == kv_reason_in_place || best->longest->prim->id == KV_MatMulInteger))
    return;
  if (best && best->longest && best->total >= LEAST_MICROSECONDS && best->native > best->total / 10)
    write_advice(e, best->longest);
}

kvino_status kv_run_for_advice(kvino_executable *e, size_t n, kvino_tensor *const *in, kvino_tensors *out,
                               kvino_error *err) {
  kv_measured m = {0};
  kv_watch watch = {saw_node, saw_segment, &m};
  double start = kv_microseconds();
  KV_TRY(kv_executable_run(e, n, in, out, &watch, err));
  m.total = kv_microseconds() - start;
  unsigned place = atomic_fetch_add(&e->advice.measured, 1);
  kv_measured *kept = &e->advice.run[place];
  kept->total = m.total;
  kept->native = m.native;
  kept->longest = m.longest;
  atomic_store(&kept->done, true);
  if (place + 1 == KV_MEASURED) conclude(e);
  return KVINO_OK;
}

const char *kvino_executable_advice(kvino_executable *e) {
  if (!e || !atomic_load_explicit(&e->advice.given, memory_order_relaxed)) return NULL;
  return atomic_exchange(&e->advice.given, NULL);
}

void kvino_executable_advise(kvino_executable *e, bool wanted) {
  if (e) e->advice.wanted = wanted && !e->all_native;
}
