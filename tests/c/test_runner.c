/* The native runner: who still needs a value, and whose memory may be overwritten. Random graphs in which values have
 * many users, views share memory, and nodes give several results are compared, bit by bit, with the same graphs
 * computed without a plan (run_graph); the plan itself is followed step by step. Tensors are large enough to have
 * blocks: only those are overwritten. */
#include "graphs.h"

#include <pthread.h>

#include "engine/partition.h"
#include "run/bodies.h"
#include "run/runner.h"

enum { SIDE = 96, PARAMETERS = 3, RESULTS = 4, MOST = 40 };
static const int64_t large_bytes = (int64_t)SIDE * SIDE * 4;

static kvino_tensor *large(build *b, uint32_t seed) { return constant(b, KVINO_F32, SHAPE(SIDE, SIDE), seed); }

/* ---- random graphs ---- */

static kvino_tensor *reshaped(kv_scope *s, kvino_tensor *x, kvino_tensor *shape) {
  return kv_reshape(s, x, shape, (kv_reshape_attrs){.special_zero = false});
}

/* A step of a random kind on random values: of each kind that shares memory, or that may take it. */
static kvino_tensor *random_step(build *b, kvino_tensor *x, kvino_tensor *y, kvino_tensor *z, uint32_t kind) {
  kv_scope *s = &b->s;
  switch (kind % 12) {
  case 0:
    return kv_abs(s, x);
  case 1:
    return kv_negative(s, x);
  case 2:
    return kv_add(s, x, y);
  case 3:
    return kv_maximum(s, x, y);
  case 4:
    return kv_select(s, kv_less(s, x, y), y, z);
  case 5:
    return kv_stop_gradient(s, x);
  case 6: /* a view, and a view of it */
    return reshaped(s, reshaped(s, x, KV_VECTOR(s, SIDE * SIDE)), KV_VECTOR(s, SIDE, SIDE));
  case 7:
    return kv_transpose(s, x, KV_VECTOR(s, 1, 0));
  case 8: { /* both halves, exchanged; or one of them twice */
    kvino_tensors v = kv_split(s, x, kv_int(s, KVINO_I64, 0), (kv_split_attrs){.num_splits = 2});
    if (!v.v) return NULL;
    return kv_concat(s, 2, (kvino_tensor *[]){v.v[1], v.v[kind / 12 % 2]}, (kv_axis_attrs){.axis = 0});
  }
  case 9: { /* two rows over all others */
    kvino_tensor *rows = kv_reduce_max(s, x, KV_VECTOR(s, 0), (kv_keep_dims_attrs){.keep_dims = true});
    return kv_broadcast(s, rows, KV_VECTOR(s, SIDE, SIDE), (kv_broadcast_attrs){.mode = "numpy"});
  }
  case 10: {
    kvino_tensors v =
        kv_topk(s, x, kv_int(s, KVINO_I64, SIDE),
                (kv_topk_attrs){.axis = 1, .mode = "max", .sort = "value", .index_element_type = KVINO_I64});
    return v.v ? v.v[0] : NULL; /* nobody takes the indices */
  }
  default:
    return kv_add(s, x, large(b, kind));
  }
}

static kv_graph *random_graph(uint32_t seed) {
  build b;
  build_begin(&b);
  kvino_tensor *v[MOST] = {NULL};
  for (int i = 0; i < PARAMETERS; i++) v[i] = parameter(&b, KVINO_F32, SHAPE(SIDE, SIDE));
  int n = PARAMETERS, to = 8 + (int)(next_random(&seed) % 24);
  for (; n < to; n++) {
    uint32_t x = next_random(&seed), y = next_random(&seed), z = next_random(&seed);
    /* mostly of the newest: chains, in which memory is taken over */
    kvino_tensor *first = v[x % 3 ? n - 1 : (int)(x / 3 % (uint32_t)n)];
    v[n] = random_step(&b, first, v[y % (uint32_t)n], v[z % (uint32_t)n], next_random(&seed));
    if (!v[n]) fail_msg("a step of the graph failed: %s", b.err.text);
  }
  result(&b, v[n - 1]);
  for (int i = 1; i < RESULTS; i++) result(&b, v[next_random(&seed) % (uint32_t)n]); /* Parameters and repeats, too */
  return build_end(&b);
}

static void inputs(const kv_graph *g, kvino_tensor **in) { /* as run_graph makes them */
  for (size_t i = 0; i < g->n_parameters; i++) {
    const kv_output *o = g->parameter[i]->out;
    in[i] = filled(o->dtype, o->rank, o->shape, (uint32_t)i + 7);
  }
}

static void assert_same(const kvino_tensor *a, const kvino_tensor *b, const char *what, uint32_t seed) {
  uint64_t h[2], k[2];
  kv_tensor_hash(a, h);
  kv_tensor_hash(b, k);
  if (memcmp(h, k, sizeof h)) fail_msg("%s of graph %u", what, seed);
}

/* ---- the plan, followed step by step ---- */

static void assert_plan(const kv_graph *g, const kv_plan *p) {
  bool *alive = calloc(p->n_values + 1, sizeof *alive), *kept = calloc(p->n_values + 1, sizeof *kept);
  for (size_t i = 0; i < g->n_parameters; i++) alive[p->first[g->parameter[i]->id]] = true;
  for (size_t i = 0; i < g->n_results; i++)
    if (!g->result[i].value.node->constant) kept[kv_value_at(p, g->result[i].value)] = true;
  uint32_t dropped = 0;
  for (uint32_t i = 0; i < p->n_steps; i++) {
    const kv_step *step = &p->step[i];
    const kv_node *node = step->node;
    for (size_t k = 0; !node && k < step->segment->n_in; k++) assert_true(alive[kv_value_at(p, step->segment->in[k])]);
    for (size_t k = 0; !node && k < step->segment->n_out; k++) alive[kv_value_at(p, step->segment->out[k])] = true;
    for (uint32_t k = 0; node && k < node->n_in; k++) {
      bool goes = false, constant = node->in[k].node->constant;
      for (uint32_t d = dropped; d < step->dropped; d++) goes |= p->drop[d] == kv_value_at(p, node->in[k]);
      assert_true(constant || alive[kv_value_at(p, node->in[k])]);
      assert_int_equal(step->spare >> k & 1, goes && !constant);
    }
    for (uint32_t k = 0; node && k < node->n_out; k++) alive[p->first[node->id] + k] = true;
    for (; dropped < step->dropped; dropped++) {
      uint32_t v = p->drop[dropped];
      assert_true(alive[v] && !kept[v]);
      alive[v] = false;
    }
  }
  for (size_t i = 0; i < g->n_nodes; i++) /* what is left: results, and Parameters that nobody takes */
    for (uint32_t k = 0; k < g->node[i]->n_out; k++) {
      uint32_t v = p->first[i] + k;
      if (kept[v]) assert_true(alive[v]);
      if (alive[v] && g->node[i]->prim->id != KV_Parameter) assert_true(kept[v]);
    }
  free(alive);
  free(kept);
}

/* ---- runs ---- */

static void run_here(const kv_graph *g, bool given, kvino_tensor *const *want, uint32_t seed) {
  kv_body_run run;
  kvino_tensor *in[PARAMETERS], *same[PARAMETERS], *out[RESULTS];
  OK(kv_body_run_begin(&run, g, ERR));
  assert_plan(g, &run.plan);
  for (int again = 0; again < 2; again++) {
    inputs(g, in);
    inputs(g, same);
    OK(kv_body_run_once(&run, given ? PARAMETERS : 0, in, in, out, ERR));
    for (int i = 0; i < RESULTS; i++) assert_same(out[i], want[i], given ? "given: a result" : "a result", seed);
    for (int i = 0; i < PARAMETERS; i++) {
      if (given)
        assert_null(in[i]);
      else
        assert_same(in[i], same[i], "an input", seed);
      kvino_tensor_release(in[i]);
      kvino_tensor_release(same[i]);
    }
    for (int i = 0; i < RESULTS; i++) kvino_tensor_release(out[i]);
  }
  kv_body_run_end(&run);
}

/* A segment that was another's, run here in the middle, as the engine does. */
static kvino_status run_part(void *context, const kv_segment *segment, kvino_tensor **value, kvino_error *err) {
  kv_plan part;
  KV_TRY(kv_plan_part(&part, context, segment, err));
  kvino_status status = kv_plan_run(&part, value, NULL, NULL, NULL, err);
  kv_plan_free(&part);
  return status;
}

static void run_in_segments(kv_graph *g, kvino_tensor *const *want, uint32_t seed) {
  bool *native = calloc(g->n_nodes + 1, sizeof *native);
  uint32_t state = seed;
  for (size_t i = 0; i < g->n_nodes; i++) native[i] = next_random(&state) % 2;
  kv_partition *partition;
  kv_plan p;
  kvino_tensor *in[PARAMETERS];
  OK(kv_partition_new(g, native, &partition, ERR));
  OK(kv_plan_new(&p, g, partition->n, partition->segment, ERR));
  assert_plan(g, &p);
  kvino_tensor **value = calloc(p.n_values + 1, sizeof *value);
  inputs(g, in);
  for (int i = 0; i < PARAMETERS; i++) value[p.first[g->parameter[i]->id]] = in[i]; /* given */
  OK(kv_plan_run(&p, value, run_part, g, NULL, ERR));
  for (int i = 0; i < RESULTS; i++)
    assert_same(kv_value_of(&p, value, g->result[i].value), want[i], "in segments: a result", seed);
  for (uint32_t i = 0; i < p.n_values; i++) kvino_tensor_release(value[i]);
  kv_plan_free(&p);
  kv_partition_free(partition);
  free(value);
  free(native);
}

static void test_random_graphs(void **state) {
  (void)state;
  for (uint32_t seed = 1; seed <= 300; seed++) {
    kv_graph *g = random_graph(seed);
    kvino_tensor *want[RESULTS], *after_all[RESULTS];
    run_graph(g, 1, want);
    run_here(g, false, want, seed);
    run_here(g, true, want, seed);
    run_in_segments(g, want, seed);
    run_graph(g, 1, after_all); /* the graph's constants are what they were */
    for (int i = 0; i < RESULTS; i++) assert_same(after_all[i], want[i], "afterwards: a result", seed);
    for (int i = 0; i < RESULTS; i++) kvino_tensor_release(want[i]);
    for (int i = 0; i < RESULTS; i++) kvino_tensor_release(after_all[i]);
    kv_graph_release(g);
  }
}

/* ---- memory is taken over, where nobody else has it ---- */

/* What a run of g takes at most, its input being given. */
static int64_t peak_of(const kv_graph *g, bool given, kvino_tensor **out) {
  kv_body_run run;
  kvino_tensor *in[1];
  OK(kv_body_run_begin(&run, g, ERR));
  inputs(g, in);
  kv_memory_watch(true);
  OK(kv_body_run_once(&run, given, in, in, out, ERR));
  int64_t peak = kv_memory_peak();
  kv_memory_watch(false);
  kvino_tensor_release(in[0]);
  kv_body_run_end(&run);
  return peak;
}

static void test_a_chain_takes_no_memory(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(SIDE, SIDE)), *y = x, *out;
  for (int i = 0; i < 4; i++) y = kv_tanh(&b.s, kv_add(&b.s, kv_abs(&b.s, y), y)); /* y has two users */
  result(&b, y);
  kv_graph *g = build_end(&b);
  int64_t kept = peak_of(g, false, &out);
  kvino_tensor_release(out);
  int64_t given = peak_of(g, true, &out);
  kvino_tensor_release(out);
  assert_in_range(kept, 2 * large_bytes, 2 * large_bytes + 4096); /* abs, and the sum, which takes the place of one */
  assert_in_range(given, large_bytes, large_bytes + 4096);
  kv_graph_release(g);
}

/* y = |x|: x has one more user behind it, by itself or by a view. */
static void test_a_value_with_a_view_stays(void **state) {
  (void)state;
  for (int kind = 0; kind < 3; kind++) {
    build b;
    build_begin(&b);
    kvino_tensor *a = parameter(&b, KVINO_F32, SHAPE(SIDE, SIDE)), *x, *view;
    x = kv_concat(&b.s, 2, (kvino_tensor *[]){kv_negative(&b.s, a), a}, (kv_axis_attrs){.axis = 0});
    view = kind == 0 ? x
           : kind == 1
               ? kv_stop_gradient(&b.s, x)
               : reshaped(&b.s, reshaped(&b.s, x, KV_VECTOR(&b.s, 2 * SIDE * SIDE)), KV_VECTOR(&b.s, 2 * SIDE, SIDE));
    result(&b, kv_add(&b.s, kv_abs(&b.s, x), view));
    kv_graph *g = build_end(&b);
    kvino_tensor *want, *out;
    run_graph(g, 1, &want);
    peak_of(g, true, &out);
    assert_same(out, want, "the sum", (uint32_t)kind);
    kvino_tensor_release(want);
    kvino_tensor_release(out);
    kv_graph_release(g);
  }
}

/* ---- bodies ---- */

/* (a, b) = (|b| + a, a) five times, from (x, x); every a is stacked, as a view of it. */
static kv_graph *swapping(void) {
  build b;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(SIDE, SIDE)), *v[3] = {NULL};
  kvino_graph *body = NULL;
  kvino_tensors out = {0, NULL};
  OK(kvino_body_new(x, NULL, &body, ERR));
  kvino_graph *before = kvino_body_enter(body);
  OK(kvino_graph_parameter(body, KVINO_I64, 0, NULL, NULL, &v[0], ERR));
  for (int i = 1; i < 3; i++) OK(kvino_graph_parameter(body, KVINO_F32, SHAPE(SIDE, SIDE), NULL, &v[i], ERR));
  for (int i = 0; i < 3; i++) kv_own(&b.s, v[i]);
  kvino_tensor *sum = kv_add(&b.s, kv_abs(&b.s, v[2]), v[1]);
  kvino_tensor *slice = reshaped(&b.s, sum, KV_VECTOR(&b.s, 1, SIDE, SIDE));
  kvino_body_enter(before);
  OK(kvino_graph_result(body, kv_int(&b.s, KVINO_BOOL, 1), NULL, ERR));
  OK(kvino_graph_result(body, sum, NULL, ERR));
  OK(kvino_graph_result(body, v[1], NULL, ERR));
  OK(kvino_graph_result(body, slice, NULL, ERR));
  kvino_tensor *carried[2] = {x, x};
  OK(kvino_loop(kv_int(&b.s, KVINO_I64, 5), kv_int(&b.s, KVINO_BOOL, 1), 2, carried, body, &out, ERR));
  for (size_t k = 0; k < out.n; k++) result(&b, out.v[k]);
  kvino_tensors_clear(&out);
  kvino_graph_release(body);
  return build_end(&b);
}

static void test_carried_values(void **state) {
  (void)state;
  kv_graph *g = swapping();
  for (int given = 0; given < 2; given++) {
    kvino_tensor *in, *out[3], *a, *b;
    inputs(g, &in);
    const float *x = (const float *)in->data;
    peak_of(g, given, out);
    kvino_tensor_contiguous(out[0], &a, NULL);
    kvino_tensor_contiguous(out[1], &b, NULL);
    const float *pa = (const float *)a->data, *pb = (const float *)b->data, *all = (const float *)out[2]->data;
    for (int i = 0; i < SIDE * SIDE; i++) {
      float p = x[i], q = x[i];
      for (int k = 0; k < 5; k++) {
        float next = (q < 0 ? -q : q) + p;
        q = p;
        p = next;
        assert_true(all[k * SIDE * SIDE + i] == p);
      }
      assert_true(pa[i] == p && pb[i] == q);
    }
    kvino_tensor_release(a);
    kvino_tensor_release(b);
    kvino_tensor_release(in);
    for (int i = 0; i < 3; i++) kvino_tensor_release(out[i]);
  }
  kv_graph_release(g);
}

/* x = tanh(|x|) fifty times: one block for x, the input being the caller's. */
static void test_a_loop_works_in_place(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(SIDE, SIDE)), *v[2] = {NULL}, *made;
  kvino_graph *body = NULL;
  kvino_tensors out = {0, NULL};
  OK(kvino_body_new(x, NULL, &body, ERR));
  kvino_graph *before = kvino_body_enter(body);
  OK(kvino_graph_parameter(body, KVINO_I64, 0, NULL, NULL, &v[0], ERR));
  OK(kvino_graph_parameter(body, KVINO_F32, SHAPE(SIDE, SIDE), NULL, &v[1], ERR));
  for (int i = 0; i < 2; i++) kv_own(&b.s, v[i]);
  kvino_tensor *next = kv_tanh(&b.s, kv_abs(&b.s, v[1]));
  kvino_body_enter(before);
  OK(kvino_graph_result(body, kv_int(&b.s, KVINO_BOOL, 1), NULL, ERR));
  OK(kvino_graph_result(body, next, NULL, ERR));
  OK(kvino_loop(kv_int(&b.s, KVINO_I64, 50), kv_int(&b.s, KVINO_BOOL, 1), 1, &x, body, &out, ERR));
  result(&b, out.v[0]);
  kvino_tensors_clear(&out);
  kvino_graph_release(body);
  kv_graph *g = build_end(&b);
  assert_in_range(peak_of(g, false, &made), large_bytes, large_bytes + 8192);
  kvino_tensor_release(made);
  kv_graph_release(g);
}

/* A value of the wrong shape is refused, and what was given is released all the same. */
static void test_a_value_that_does_not_fit(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  result(&b, kv_abs(&b.s, parameter(&b, KVINO_F32, SHAPE(SIDE, SIDE))));
  kv_graph *g = build_end(&b);
  kv_body_run run;
  OK(kv_body_run_begin(&run, g, ERR));
  kvino_tensor *wrong = filled(KVINO_F32, SHAPE(SIDE, SIDE + 1), 1), *out = NULL;
  kvino_error err = {0};
  assert_int_equal(kv_body_run_once(&run, 1, &wrong, NULL, &out, &err), KVINO_INVALID);
  assert_non_null(strstr(err.text, "it was recorded for float32(96, 96)"));
  assert_null(wrong);
  assert_null(out);
  kv_body_run_end(&run);
  kv_graph_release(g);
}

/* ---- many threads, one executable ---- */

typedef struct task {
  kvino_executable *e;
  kvino_tensor **in, **want;
} task;

static void *run_often(void *context) {
  const task *t = context;
  for (int n = 0; n < 20; n++) {
    kvino_tensors out = {0, NULL};
    kvino_error err = {0};
    if (kvino_executable_run(t->e, PARAMETERS, t->in, &out, &err)) return "failed";
    for (int i = 0; i < RESULTS; i++) {
      uint64_t h[2], k[2];
      kv_tensor_hash(out.v[i], h);
      kv_tensor_hash(t->want[i], k);
      if (memcmp(h, k, sizeof h)) return "another result";
    }
    kvino_tensors_clear(&out);
  }
  return NULL;
}

static void test_threads_share_an_executable_and_inputs(void **state) {
  (void)state;
  for (uint32_t seed = 400; seed < 405; seed++) {
    kv_graph *g = random_graph(seed);
    kvino_tensor *want[RESULTS], *in[PARAMETERS];
    kvino_executable *e = NULL;
    pthread_t thread[4];
    run_graph(g, 1, want);
    inputs(g, in);
    OK(kvino_compile(g, "native", 0, NULL, &e, ERR));
    task t = {e, in, want};
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&thread[i], NULL, run_often, &t), 0);
    for (int i = 0; i < 4; i++) {
      void *problem = NULL;
      pthread_join(thread[i], &problem);
      if (problem) fail_msg("graph %u: %s", seed, (const char *)problem);
    }
    for (int i = 0; i < RESULTS; i++) kvino_tensor_release(want[i]);
    for (int i = 0; i < PARAMETERS; i++) kvino_tensor_release(in[i]);
    kvino_executable_release(e);
    kv_graph_release(g);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_random_graphs),
      cmocka_unit_test(test_a_chain_takes_no_memory),
      cmocka_unit_test(test_a_value_with_a_view_stays),
      cmocka_unit_test(test_carried_values),
      cmocka_unit_test(test_a_loop_works_in_place),
      cmocka_unit_test(test_a_value_that_does_not_fit),
      cmocka_unit_test(test_threads_share_an_executable_and_inputs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
