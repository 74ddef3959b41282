/* Elementwise primitives where only C sees them: shape arithmetic while tracing, cursors, failing allocations. */
#include "graphs.h"

#include "kernels/access/feed.h"

/* ---- values known while tracing ---- */

static void assert_known(const kvino_tensor *t, int n, const int64_t *expected) {
  int count;
  int64_t value[KV_KNOWN_MAX];
  assert_non_null(t);
  assert_true(kv_known_values(t, &count, value));
  assert_int_equal(count, n);
  for (int i = 0; i < n; i++) assert_true(value[i] == expected[i]);
}

static void test_shape_arithmetic(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(7, -1, 4));
  kvino_tensor *shape = kv_shape_of(&b.s, x, (kv_output_type_attrs){.output_type = KVINO_I64});
  kvino_tensor *two = kv_int(&b.s, KVINO_I64, 2);
  assert_known(kv_add(&b.s, shape, KV_VECTOR(&b.s, 1, 2, 3)), 3, (int64_t[]){8, KV_UNKNOWN, 7});
  assert_known(kv_multiply(&b.s, shape, two), 3, (int64_t[]){14, KV_UNKNOWN, 8});
  assert_known(kv_floor_divide(&b.s, kv_negative(&b.s, shape), two), 3, (int64_t[]){-4, KV_UNKNOWN, -2});
  assert_known(kv_maximum(&b.s, KV_VECTOR(&b.s, 5), shape), 3, (int64_t[]){7, KV_UNKNOWN, 5});
  kvino_tensor *narrow = kv_convert(&b.s, shape, (kv_convert_attrs){.destination_type = KVINO_I32});
  assert_known(narrow, 3, (int64_t[]){7, KV_UNKNOWN, 4});
  /* wraps as the dtype does */
  kvino_tensor *large = kv_int(&b.s, KVINO_I32, INT32_MAX);
  assert_known(kv_add(&b.s, narrow, large), 3, (int64_t[]){INT32_MIN + 6, KV_UNKNOWN, INT32_MIN + 3});
  result(&b, narrow);
  kv_graph_release(build_end(&b));
}

static void test_unknown_dimensions(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(-1, 1, 4)), *y = parameter(&b, KVINO_F32, SHAPE(3, -1));
  kvino_tensor *less = kv_less(&b.s, x, kv_number(&b.s, KVINO_F32, 0));
  assert_int_equal(less->dtype, KVINO_BOOL);
  kvino_tensor *z = kv_select(&b.s, less, x, kv_number(&b.s, KVINO_F32, 1));
  kvino_tensor *sum = kv_add(&b.s, z, y);
  assert_int_equal(sum->rank, 3);
  assert_true(sum->shape[0] == -1 && sum->shape[1] == 3 && sum->shape[2] == 4);
  result(&b, sum);
  kv_graph_release(build_end(&b));
}

/* ---- cursors and feeds: any range of any view, in C order ---- */

enum { MOST = 4096 };

static void check_feed(const kv_view *view, int rank, const int64_t *shape, kvino_dtype to) {
  char buffer[KV_FEED_BYTES] __attribute__((aligned(16)));
  int64_t n = 1;
  for (int k = 0; k < rank; k++) n *= shape[k];
  double all[MOST];
  assert_true(n <= MOST);
  for (int64_t i = 0; i < n; i++) { /* element i by division */
    const char *p = view->data;
    int64_t rest = i;
    for (int k = rank - 1; k >= 0; rest /= shape[k--]) {
      int from = k - (rank - view->rank);
      if (from >= 0 && view->shape[from] != 1) p += rest % shape[k] * view->strides[from];
    }
    int32_t value;
    memcpy(&value, p, sizeof value);
    all[i] = value;
  }
  uint32_t seed = 7;
  for (int round = 0; round < 50; round++) {
    int64_t begin = (int64_t)next_random(&seed) % n, count = 1 + (int64_t)next_random(&seed) % (n - begin);
    kv_feed f;
    kv_feed_start(&f, view, rank, shape, to, begin, count, buffer);
    for (int64_t at = 0, m; at < count; at += m) {
      m = kv_feed_offer(&f, 1 + (int64_t)next_random(&seed) % (count - at));
      assert_true(m > 0);
      const void *x = kv_feed_next(&f, m);
      for (int64_t i = 0; i < m; i++)
        assert_true((to == KVINO_F64 ? ((const double *)x)[i] : ((const int32_t *)x)[i]) == all[begin + at + i]);
    }
  }
}

static void test_feeds(void **state) {
  (void)state;
  int32_t data[MOST];
  for (int i = 0; i < MOST; i++) data[i] = i;
  static const struct {
    int rank, view_rank;
    int64_t shape[3], view[3], strides[3], first;
  } cases[] = {
      {1, 1, {1000}, {1000}, {4}, 0},                     /* as it stands */
      {1, 1, {1000}, {1000}, {-4}, 999},                  /* backwards */
      {1, 0, {1000}, {0}, {0}, 5},                        /* a scalar */
      {2, 1, {100, 3}, {3}, {4}, 0},                      /* a row, repeated */
      {2, 2, {3, 700}, {3, 1}, {4, 4}, 0},                /* a column, spread */
      {2, 2, {30, 40}, {30, 40}, {4, 120}, 0},            /* transposed */
      {3, 3, {7, 11, 13}, {7, 1, 13}, {52, 0, 4}, 0},     /* broadcast in the middle */
      {3, 3, {5, 200, 3}, {5, 200, 3}, {2400, 12, 4}, 0}, /* three axes, one run */
      {2, 2, {20, 100}, {20, 100}, {800, 4}, 0},          /* rows with gaps, longer than a short run */
      {3, 2, {4, 30, 20}, {30, 20}, {4, 120}, 0},         /* repeated and transposed */
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    kv_view view = {KVINO_I32, cases[i].view_rank, cases[i].view, cases[i].strides, data + cases[i].first};
    check_feed(&view, cases[i].rank, cases[i].shape, KVINO_I32);
    check_feed(&view, cases[i].rank, cases[i].shape, KVINO_F64);
  }
}

/* ---- no memory ---- */

static void test_failing_allocations(void **state) {
  (void)state;
  kvino_tensor *a = filled(KVINO_I32, SHAPE(40, 30), 1), *transposed = NULL;
  OK(kv_tensor_view(a, KVINO_I32, SHAPE(30, 40), (int64_t[]){4, 120}, a->data, &transposed, ERR));
  bool finished = false;
  for (long n = 0; !finished; n++) {
    kvino_error err = {0};
    kvino_tensor *y = NULL;
    kv_scope s;
    kv_scope_enter(&s, &err);
    kv_fail_after(n);
    kvino_tensor *sum = kv_power(&s, transposed, kv_multiply(&s, transposed, transposed));
    kvino_status status = kv_scope_leave(&s, sum, &y);
    kv_fail_after(-1);
    finished = status == KVINO_OK;
    if (!finished) assert_true(status == KVINO_NO_MEMORY && err.text[0] && !y);
    kvino_tensor_release(y);
  }
  kvino_tensor_release(transposed);
  kvino_tensor_release(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_shape_arithmetic),
      cmocka_unit_test(test_unknown_dimensions),
      cmocka_unit_test(test_feeds),
      cmocka_unit_test(test_failing_allocations),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
