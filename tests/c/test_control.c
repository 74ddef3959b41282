/* Graphs with bodies: recording, verification, hashing, passes, and every allocation of a compilation and a run
 * failing. */
#include "graphs.h"
#include "sanitizer_dlopen.h"

#include "kvino/graph.h"
#include "openvino/cache.h"
#include "run/bodies.h"

static kvino_tensor *number(build *b, kvino_dtype dtype, int64_t value) { return kv_int(&b->s, dtype, value); }

/* if (p) x * y + constant; else y, of which an inner condition takes x. */
static kvino_tensor *condition(build *b, kvino_tensor *p, kvino_tensor *x, kvino_tensor *y, uint32_t seed) {
  kvino_graph *then_body = NULL, *else_body = NULL;
  kvino_tensors out = {0, NULL};
  OK(kvino_body_new(p, NULL, &then_body, ERR));
  kvino_graph *before = kvino_body_enter(then_body);
  kvino_tensor *sum = kv_add(&b->s, kv_multiply(&b->s, x, y), constant(b, KVINO_F32, SHAPE(2, 3), seed));
  kvino_body_enter(before);
  OK(kvino_graph_result(then_body, sum, NULL, ERR));
  OK(kvino_body_new(p, then_body, &else_body, ERR));
  OK(kvino_graph_result(else_body, y, NULL, ERR));
  OK(kvino_if(p, then_body, else_body, &out, ERR));
  kvino_tensor *t = kv_own(&b->s, kvino_tensor_retain(out.v[0]));
  kvino_tensors_clear(&out);
  kvino_graph_release(then_body);
  kvino_graph_release(else_body);
  return t;
}

/* x = x + condition(p, x, y), n times; every x is stacked. */
static void repeat(build *b, kvino_tensor *n, kvino_tensor *p, kvino_tensor *x, kvino_tensor *y) {
  kvino_graph *body = NULL;
  kvino_tensor *i = NULL, *carried = NULL;
  kvino_tensors out = {0, NULL};
  OK(kvino_body_new(x, NULL, &body, ERR));
  kvino_graph *before = kvino_body_enter(body);
  OK(kvino_graph_parameter(body, KVINO_I64, 0, NULL, NULL, &i, ERR));
  OK(kvino_graph_parameter(body, KVINO_F32, SHAPE(2, 3), NULL, &carried, ERR));
  kv_own(&b->s, i);
  kv_own(&b->s, carried);
  kvino_tensor *next = kv_add(&b->s, carried, condition(b, p, carried, y, 3));
  kvino_tensor *stacked = kv_unsqueeze(&b->s, next, KV_VECTOR(&b->s, 0));
  kvino_body_enter(before);
  OK(kvino_graph_result(body, number(b, KVINO_BOOL, 1), NULL, ERR));
  OK(kvino_graph_result(body, next, NULL, ERR));
  OK(kvino_graph_result(body, stacked, NULL, ERR));
  OK(kvino_loop(n, number(b, KVINO_BOOL, 1), 1, &x, body, &out, ERR));
  for (size_t k = 0; k < out.n; k++) result(b, out.v[k]);
  kvino_tensors_clear(&out);
  kvino_graph_release(body);
}

static kv_graph *nested(int64_t trips) {
  build b;
  build_begin(&b);
  kvino_tensor *p = parameter(&b, KVINO_BOOL, 0, NULL), *x = parameter(&b, KVINO_F32, SHAPE(2, 3)),
               *y = parameter(&b, KVINO_F32, SHAPE(2, 3));
  repeat(&b, number(&b, KVINO_I64, trips), p, x, y);
  result(&b, condition(&b, p, x, y, 5));
  return build_end(&b);
}

static void test_passes_keep_what_bodies_compute(void **state) {
  (void)state;
  for (int64_t trips = 0; trips < 4; trips++) {
    kv_graph *g = nested(trips), *made = NULL;
    OK(kv_optimize(g, &made, ERR));
    OK(kv_graph_verify(made, ERR));
    if (trips) assert_same_results(g, made, 1);
    kv_graph_release(g);
    kv_graph_release(made);
  }
}

static void test_branches_take_in_one_order(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  kvino_tensor *p = parameter(&b, KVINO_BOOL, 0, NULL), *x = parameter(&b, KVINO_F32, SHAPE(2)),
               *y = parameter(&b, KVINO_F32, SHAPE(2));
  kvino_graph *body[2] = {NULL, NULL};
  kvino_tensors out = {0, NULL};
  for (int i = 0; i < 2; i++) OK(kvino_body_new(p, NULL, &body[i], ERR));
  kvino_tensor *order[2][2] = {{x, y}, {y, x}};
  for (int i = 0; i < 2; i++)
    for (int k = 0; k < 2; k++) OK(kvino_graph_result(body[i], order[i][k], NULL, ERR));
  OK(kvino_if(p, body[0], body[1], &out, ERR));
  const kv_graph *other = body[1];
  assert_int_equal(out.n, 2);
  assert_ptr_equal(other->result[0].value.node, other->parameter[1]);
  assert_ptr_equal(other->result[1].value.node, other->parameter[0]);
  for (size_t k = 0; k < out.n; k++) result(&b, out.v[k]);
  kvino_tensors_clear(&out);
  for (int i = 0; i < 2; i++) kvino_graph_release(body[i]);
  kv_graph_release(build_end(&b));
}

static void test_hash_and_listing_see_the_bodies(void **state) {
  (void)state;
  uint64_t h[3][2];
  for (int i = 0; i < 3; i++) {
    build b;
    build_begin(&b);
    kvino_tensor *p = parameter(&b, KVINO_BOOL, 0, NULL), *x = parameter(&b, KVINO_F32, SHAPE(2, 3));
    result(&b, condition(&b, p, x, x, i == 2 ? 4 : 3));
    kv_graph *g = build_end(&b);
    kv_graph_hash(g, h[i]);
    char *text = NULL;
    OK(kv_graph_dump(g, &text, ERR));
    assert_non_null(strstr(text, "then_body:\n    %0: f32[2, 3] = Parameter"));
    kv_free(text);
    kv_graph_release(g);
  }
  assert_memory_equal(h[0], h[1], sizeof h[0]);
  assert_memory_not_equal(h[0], h[2], sizeof h[0]);
}

static void test_known_branches_and_constants_go_in(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(2, 3)), *c = constant(&b, KVINO_F32, SHAPE(2, 3), 9);
  kvino_tensor *known = kv_as_symbolic(&b.s, b.g, number(&b, KVINO_BOOL, 1));
  result(&b, condition(&b, known, x, kv_as_symbolic(&b.s, b.g, c), 2));
  kv_graph *g = after(kv_optimize, build_end(&b));
  assert_int_equal(count(g, "If"), 0);
  assert_int_equal(count(g, "Multiply"), 1);
  kv_graph_release(g);
}

static void test_refusals(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  kvino_error err = {0};
  kvino_graph *body[2] = {NULL, NULL};
  kvino_tensors out = {0, NULL};
  kvino_tensor *p = parameter(&b, KVINO_BOOL, 0, NULL), *x = parameter(&b, KVINO_F32, SHAPE(2));
  assert_int_equal(kvino_body_new(number(&b, KVINO_I64, 1), NULL, &body[0], &err), KVINO_INVALID);
  for (int i = 0; i < 2; i++) OK(kvino_body_new(p, NULL, &body[i], ERR));
  OK(kvino_graph_result(body[0], x, NULL, ERR));
  OK(kvino_graph_result(body[1], p, NULL, ERR));
  assert_int_equal(kvino_if(p, body[0], body[1], &out, &err), KVINO_INVALID);
  assert_non_null(strstr(err.text, "branches"));
  assert_int_equal(kvino_if(p, body[0], body[1], &out, &err), KVINO_INVALID); /* they are closed */
  assert_int_equal(kvino_loop(p, p, 0, NULL, NULL, &out, &err), KVINO_INVALID);
  for (int i = 0; i < 2; i++) kvino_graph_release(body[i]);
  result(&b, x);
  kv_graph_release(build_end(&b));
}

/* ---- the allocation sweep ---- */

static void sweep(const char *device) {
  kv_graph *g = nested(2);
  kvino_tensor *in[3] = {NULL};
  for (int i = 0; i < 3; i++)
    in[i] = filled(g->parameter[i]->out[0].dtype, g->parameter[i]->out[0].rank, g->parameter[i]->out[0].shape, 5);
  for (int n = 0;; n++) {
    kvino_executable *e = NULL;
    kvino_tensors out = {0, NULL};
    kvino_error err = {0};
    kv_fail_after(n);
    kvino_status status = kvino_compile(g, device, 0, NULL, &e, &err);
    if (!status) status = kvino_executable_run(e, 3, in, &out, &err);
    kv_fail_after(-1);
    kvino_executable_release(e);
    kvino_tensors_clear(&out);
    if (!status) break;
    assert_int_equal(status, KVINO_NO_MEMORY);
  }
  for (int i = 0; i < 3; i++) kvino_tensor_release(in[i]);
  kv_graph_release(g);
}

static void test_sweep_native(void **state) {
  (void)state;
  sweep("native");
}

static void test_sweep_openvino(void **state) {
  (void)state;
  kv_ov_cache_set_limit(0); /* every compilation is one */
  sweep("CPU");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_passes_keep_what_bodies_compute),
      cmocka_unit_test(test_branches_take_in_one_order),
      cmocka_unit_test(test_hash_and_listing_see_the_bodies),
      cmocka_unit_test(test_known_branches_and_constants_go_in),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_sweep_native),
      cmocka_unit_test(test_sweep_openvino),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
