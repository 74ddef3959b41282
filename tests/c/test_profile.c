/* Profiles: scopes through recording and passes, times and layers, the table and the page. Native here; OpenVINO's part
 * is tested from Python (tests/python/test_keras_profile.py). */
#include "graphs.h"

#include "kvino/kvino.h"

/* x -> sort (in "model/first") -> + 1 (in "model/second"), with a weight. */
static kv_graph *example(void) {
  build b;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F64, SHAPE(-1, 3));
  OK(kvino_scope_begin("model", ERR));
  OK(kvino_scope_begin("first", ERR));
  kvino_tensor *sorted = kv_sort(&b.s, x, (kv_sort_attrs){.axis = 1});
  kvino_scope_end();
  OK(kvino_scope_begin("second", ERR));
  kvino_tensor *y = kv_add(&b.s, kv_exp(&b.s, sorted), constant(&b, KVINO_F64, SHAPE(1, 3), 3));
  kvino_scope_end();
  kvino_scope_end();
  result(&b, y);
  return build_end(&b);
}

static kvino_executable *compiled(kv_graph *g, const char *device) {
  kvino_executable *e = NULL;
  OK(kvino_compile(g, device, 0, NULL, &e, ERR));
  return e;
}

static void assert_layers(const kvino_profile *p, bool timed) {
  size_t n;
  const kvino_profile_layer *l = kvino_profile_layers(p, &n);
  assert_int_equal(n, 2);
  assert_string_equal(l[0].scope, "model/first");
  assert_string_equal(l[0].operations, "Sort");
  assert_string_equal(l[1].scope, "model/second");
  assert_string_equal(l[1].operations, "Exp, Add");
  assert_string_equal(l[1].engine, "native");
  assert_string_equal(l[1].precision, "f64");
  assert_int_equal(l[1].n_operations, 2);
  assert_int_equal(l[1].weight_bytes, 24);
  assert_true(timed ? l[0].microseconds > 0 : l[0].microseconds == 0);
}

static void test_scopes_name_what_is_recorded(void **state) {
  (void)state;
  kv_graph *g = example(), *optimised = NULL;
  kvino_executable *e = compiled(g, "native");
  kvino_profile *p = NULL;
  OK(kvino_executable_explain(e, &p, ERR));
  assert_layers(p, false);
  assert_true(kvino_profile_time(p) == 0);
  kvino_profile_free(p);
  kvino_executable_release(e);
  /* a name is no part of what a graph is */
  uint64_t named[2], without[2];
  OK(kv_optimize(g, &optimised, ERR));
  kv_graph_hash(optimised, named);
  for (size_t i = 0; i < optimised->n_nodes; i++) {
    kv_origin_release(optimised->node[i]->origin);
    optimised->node[i]->origin = NULL;
  }
  kv_graph_hash(optimised, without);
  assert_memory_equal(named, without, sizeof named);
  kv_graph_release(optimised);
  kv_graph_release(g);
}

static void test_scopes_that_were_not_begun(void **state) {
  (void)state;
  kvino_scope_end();
  assert_null(kv_origin_current());
  assert_int_equal(kvino_scope_begin(NULL, NULL), KVINO_INVALID);
}

/* A derivative is of its layer. */
static void test_derivatives_have_the_scope_of_what_they_are_of(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(4));
  OK(kvino_scope_begin("layer", ERR));
  kvino_tensor *y = kv_tanh(&b.s, x);
  kvino_scope_end();
  size_t before = b.g->n_nodes;
  kvino_tensors d = {0, NULL};
  OK(kvino_gradients(1, &y, NULL, 1, &x, &d, ERR));
  size_t named = 0;
  for (size_t i = before; i < b.g->n_nodes; i++) named += b.g->node[i]->origin != NULL;
  assert_true(named > 0);
  result(&b, d.v[0]);
  kvino_tensors_clear(&d);
  kv_graph_release(build_end(&b));
}

static void test_times(void **state) {
  (void)state;
  kv_graph *g = example();
  kvino_executable *e = compiled(g, "native");
  kvino_tensor *x = filled(KVINO_F64, SHAPE(5, 3), 1);
  kvino_profile *p = NULL;
  size_t n;
  OK(kvino_executable_profile(e, 1, &x, 3, &p, ERR));
  assert_layers(p, true);
  const kvino_profile_row *r = kvino_profile_rows(p, &n);
  assert_int_equal(n, 3);
  assert_string_equal(r[0].operation, "Sort");
  assert_string_equal(r[0].scope, "model/first");
  assert_int_equal(r[0].result_bytes, 120);
  assert_null(r[0].reason); /* the device was asked for */
  assert_true(kvino_profile_time(p) >= r[0].microseconds);
  char *text = NULL;
  OK(kvino_profile_text(p, &text, ERR));
  assert_non_null(strstr(text, "model/second  native  f64"));
  assert_non_null(strstr(text, "(the mean of 3)"));
  kvino_text_free(text);
  OK(kvino_profile_html(p, &text, ERR));
  assert_non_null(strstr(text, "<td>model/first</td>"));
  kvino_text_free(text);
  kvino_profile_free(p);
  kvino_tensor_release(x);
  kvino_executable_release(e);
  kv_graph_release(g);
}

/* ---- allocations that fail ---- */

typedef struct job {
  kv_graph *g;
  kvino_executable *e;
  kvino_tensor *x;
  kvino_profile *p;
} job;

static kvino_status profile(job *j, kvino_error *err) {
  kvino_profile *p = NULL;
  kvino_status status = kvino_executable_profile(j->e, 1, &j->x, 2, &p, err);
  kvino_profile_free(p);
  return status;
}
static kvino_status explain(job *j, kvino_error *err) {
  kvino_profile *p = NULL;
  kvino_status status = kvino_executable_explain(j->e, &p, err);
  kvino_profile_free(p);
  return status;
}
static kvino_status table(job *j, kvino_error *err) {
  char *text = NULL;
  kvino_status status = kvino_profile_text(j->p, &text, err);
  kvino_text_free(text);
  return status;
}
static kvino_status page(job *j, kvino_error *err) {
  char *text = NULL;
  kvino_status status = kvino_profile_html(j->p, &text, err);
  kvino_text_free(text);
  return status;
}
static kvino_status scope(job *j, kvino_error *err) {
  (void)j;
  KV_TRY(kvino_scope_begin("scope", err));
  kvino_scope_end();
  return KVINO_OK;
}

static void sweep(const char *what, kvino_status (*call)(job *, kvino_error *), job *j, int least) {
  int failed = 0;
  for (kvino_status status = KVINO_NO_MEMORY; status; failed++) {
    kvino_error err = {0};
    kv_pool_trim();
    kv_fail_after(failed);
    status = call(j, &err);
    kv_fail_after(-1);
    if (status && (status != KVINO_NO_MEMORY || !*err.text)) fail_msg("%s: %d '%s'", what, status, err.text);
  }
  if (failed <= least) fail_msg("%s: only %d allocations failed", what, failed - 1);
}

static void test_sweep(void **state) {
  (void)state;
  job j = {.g = example(), .x = filled(KVINO_F64, SHAPE(5, 3), 1)};
  j.e = compiled(j.g, "native");
  OK(kvino_executable_profile(j.e, 1, &j.x, 1, &j.p, ERR));
  sweep("scope", scope, &j, 1);
  sweep("explain", explain, &j, 10);
  sweep("profile", profile, &j, 10);
  sweep("text", table, &j, 3);
  sweep("html", page, &j, 2);
  kvino_profile_free(j.p);
  kvino_tensor_release(j.x);
  kvino_executable_release(j.e);
  kv_graph_release(j.g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_scopes_name_what_is_recorded),
      cmocka_unit_test(test_scopes_that_were_not_begun),
      cmocka_unit_test(test_derivatives_have_the_scope_of_what_they_are_of),
      cmocka_unit_test(test_times),
      cmocka_unit_test(test_sweep),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
