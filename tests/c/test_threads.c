/* Threads: the pool from many threads, nested and after a fork; tensors, operators and executables shared between
 * threads. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sanitizer_dlopen.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/nonzero/nonzero.h"
#include "kernels/order/order_statistics.h"
#include "kernels/order/radix.h"
#include "kvino/kvino.h"
#include "tensor/tensor.h"

#define OK(call)                                                                                                       \
  do {                                                                                                                 \
    kvino_error ok_error_ = {0}, *ERR = &ok_error_;                                                                    \
    if (call) fail_msg("%s:%d %s", __FILE__, __LINE__, ERR->text);                                                     \
  } while (0)

enum { THREADS = 8 };

/* Runs `body` on THREADS threads; each gives the number of its failures. */
static void on_threads(void *(*body)(void *), void *context) {
  pthread_t threads[THREADS];
  intptr_t failures = 0;
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, body, context), 0);
  for (int i = 0; i < THREADS; i++) {
    void *mine = NULL;
    pthread_join(threads[i], &mine);
    failures += (intptr_t)mine;
  }
  assert_int_equal(failures, 0);
}

/* ---- the pool ---- */

enum { ITEMS = 1000 };

static void touch(void *context, size_t i) { atomic_fetch_add(&((atomic_int *)context)[i], 1); }

static void touch_range(void *context, size_t begin, size_t end) {
  for (size_t i = begin; i < end; i++) touch(context, i);
}

static void touch_nested(void *context, size_t i) {
  (void)i;
  kv_parallel(ITEMS, touch, context);
}

/* Whether every item was done `times` times by `start`. */
static bool all_done(void (*start)(atomic_int *), int times) {
  atomic_int *done = calloc(ITEMS, sizeof *done);
  start(done);
  bool good = true;
  for (int i = 0; i < ITEMS; i++) good &= done[i] == times;
  free(done);
  return good;
}

static void start_plain(atomic_int *done) { kv_parallel(ITEMS, touch, done); }
static void start_ranges(atomic_int *done) { kv_parallel_ranges(ITEMS, 7, touch_range, done); }
static void start_nested(atomic_int *done) { kv_parallel(5, touch_nested, done); }

static void *use_pool(void *context) {
  (void)context;
  intptr_t failures = 0;
  for (int i = 0; i < 100; i++)
    failures += !all_done(start_plain, 1) + !all_done(start_ranges, 1) + !all_done(start_nested, 5);
  return (void *)failures;
}

static void test_pool(void **state) {
  (void)state;
  assert_null(use_pool(NULL));
  on_threads(use_pool, NULL);
}

static void test_ranges_cover(void **state) {
  (void)state;
  for (size_t n = 0; n <= ITEMS; n += n < 20 ? 1 : 97)
    for (size_t grain = 0; grain < 50; grain += 7) {
      atomic_int done[ITEMS] = {0};
      kv_parallel_ranges(n, grain, touch_range, done);
      for (size_t i = 0; i < ITEMS; i++) assert_int_equal(done[i], i < n);
    }
}

/* A child has none of the parent's threads, whatever they were doing. */
static void test_fork(void **state) {
  (void)state;
  kv_parallel(2, touch, (atomic_int[2]){0, 0});
  for (int i = 0; i < 10; i++) {
    pid_t child = fork();
    if (!child) {
      alarm(20); /* a deadlock ends here */
      _exit(all_done(start_plain, 1) ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
  }
}

/* ---- tensors and operators ---- */

static void *share_tensor(void *context) {
  for (int i = 0; i < 20000; i++) {
    kvino_tensor *t = kvino_tensor_retain(context), *v = NULL;
    if (i % 16 == 0 && kv_tensor_view(t, KVINO_F32, 1, (int64_t[]){1}, (int64_t[]){4}, t->data, &v, NULL))
      return (void *)1;
    kvino_tensor_release(t);
    kvino_tensor_release(v);
  }
  return NULL;
}

static void test_shared_tensor(void **state) {
  (void)state;
  kvino_tensor *t = NULL;
  OK(kvino_tensor_new(KVINO_F32, 1, (int64_t[]){4}, (float[]){1, 2, 3, 4}, &t, ERR));
  on_threads(share_tensor, t);
  assert_int_equal(t->refs, 1);
  kvino_tensor_release(t);
}

/* nonzero of a large tensor, so that threads meet at the pool. */
static void *call_operators(void *context) {
  kvino_tensor *x = context;
  for (int i = 0; i < 20; i++) {
    kvino_tensors rows = {0, NULL};
    kvino_tensor *sum = NULL;
    kvino_error err;
    if (kvino_nonzero(x, KVINO_NO_INTEGER, 0, KVINO_I64, &rows, &err) || kvino_add(x, x, &sum, &err)) return (void *)1;
    bool good = rows.n == 2 && kvino_tensor_size(rows.v[0]) == kvino_tensor_size(x) / 2;
    int64_t last = kvino_tensor_size(x) / 2 - 1;
    if (good) good = kv_tensor_get_int(rows.v[0], last) == x->shape[0] - 1 && kv_tensor_get_int(rows.v[1], 0) == 1;
    if (good) good = kv_tensor_get_number(sum, 1) == 2 && kv_tensor_get_number(sum, 2 * last + 1) == 2;
    kvino_tensors_clear(&rows);
    kvino_tensor_release(sum);
    if (!good) return (void *)1;
  }
  return NULL;
}

static void test_operators(void **state) {
  (void)state;
  kvino_tensor *x = NULL;
  OK(kvino_tensor_new(KVINO_F32, 2, (int64_t[]){500, 600}, NULL, &x, ERR));
  for (int64_t i = 0; i < x->size; i++) ((float *)x->data)[i] = (float)(i % 2);
  on_threads(call_operators, x);
  kvino_tensor_release(x);
}

/* ---- an array that another thread writes ---- */

enum { WRITTEN = 1 << 17 };

typedef struct writing {
  float *data;
  atomic_bool done;
} writing;

/* Equal elements, then others: what a first pass counts, a second one does not find. NaN, zeros of both signs. */
static void *write_on(void *context) {
  static const float values[] = {1, -1, 0.0f, -0.0f, NAN, 1e-30f, 3, -7};
  writing *w = context;
  for (uint32_t k = 0; !atomic_load(&w->done); k++)
    for (int i = 0; i < WRITTEN; i++) *(volatile float *)&w->data[i] = values[(k + (uint32_t)i * (k & 3)) & 7];
  return NULL;
}

/* Results may be anything; memory beyond them stays as it is (and AddressSanitizer watches). */
static void test_written_meanwhile(void **state) {
  (void)state;
  enum { FENCE = 64 };
  writing w = {.data = calloc(WRITTEN, sizeof *w.data)};
  float *out = malloc((WRITTEN + FENCE) * sizeof *out), *scratch = malloc(WRITTEN * sizeof *scratch), median;
  pthread_t thread;
  for (int i = 0; i < FENCE; i++) out[WRITTEN + i] = 5;
  assert_int_equal(pthread_create(&thread, NULL, write_on, &w), 0);
  for (int i = 0; i < 100; i++) {
    int64_t rank = WRITTEN / 2;
    assert_true(kv_select_ranks(KVINO_F32, WRITTEN, (char *)w.data, 1, &rank, (char *)&median));
    assert_true(kv_radix_sort(KVINO_F32, WRITTEN, (char *)w.data, i % 2, (char *)out, (char *)scratch));
    kv_view x = {.data = (char *)w.data,
                 .dtype = KVINO_F32,
                 .rank = 1,
                 .shape = (int64_t[]){WRITTEN},
                 .strides = (int64_t[]){4}};
    int64_t n = 0;
    void *indices = NULL;
    OK(kv_nonzero(&x, false, &n, &indices, ERR));
    assert_in_range(n, 0, WRITTEN);
    kv_block_free(indices, (size_t)n * 8);
  }
  atomic_store(&w.done, true);
  pthread_join(thread, NULL);
  for (int i = 0; i < FENCE; i++) assert_true(out[WRITTEN + i] == 5);
  free(w.data);
  free(out);
  free(scratch);
}

/* ---- executables ---- */

typedef struct shared {
  kvino_executable *executable;
  int64_t rows;
} shared;

/* Each thread has inputs of its own; results must not be mixed up. */
static void *run_executable(void *context) {
  shared *s = context;
  static atomic_int number;
  float own = (float)(1 + atomic_fetch_add(&number, 1));
  for (int i = 0; i < 50; i++) {
    int64_t rows = 1 + i % s->rows;
    kvino_tensor *x = NULL;
    kvino_tensors out = {0, NULL};
    kvino_error err;
    if (kvino_tensor_new(KVINO_F32, 2, (int64_t[]){rows, 4}, NULL, &x, &err)) return (void *)1;
    for (int64_t k = 0; k < x->size; k++) ((float *)x->data)[k] = own;
    if (kvino_executable_run(s->executable, 1, &x, &out, &err)) return (void *)1;
    bool good = out.n == 1 && kvino_tensor_shape(out.v[0])[0] == rows;
    for (int64_t k = 0; good && k < rows * 4; k++)
      good = kv_tensor_get_number(out.v[0], k) == 2 * own + (double)(k % 4);
    kvino_tensors_clear(&out);
    kvino_tensor_release(x);
    if (!good) return (void *)1;
  }
  return NULL;
}

/* y = x + x + [0, 1, 2, 3] for any number of rows. */
static void run_on(const char *device) {
  kvino_graph *g = NULL;
  kvino_tensor *x = NULL, *row = NULL, *twice = NULL, *y = NULL;
  shared s = {NULL, 5};
  OK(kvino_graph_new(&g, ERR));
  OK(kvino_graph_parameter(g, KVINO_F32, 2, (int64_t[]){-1, 4}, "x", &x, ERR));
  OK(kvino_tensor_new(KVINO_F32, 1, (int64_t[]){4}, (float[]){0, 1, 2, 3}, &row, ERR));
  OK(kvino_add(x, x, &twice, ERR));
  OK(kvino_add(twice, row, &y, ERR));
  OK(kvino_graph_result(g, y, "y", ERR));
  OK(kvino_compile(g, device, 0, NULL, &s.executable, ERR));
  on_threads(run_executable, &s);
  kvino_executable_release(s.executable);
  kvino_tensor_release(x);
  kvino_tensor_release(row);
  kvino_tensor_release(twice);
  kvino_tensor_release(y);
  kvino_graph_release(g);
}

static void test_native(void **state) {
  (void)state;
  run_on("native");
}

static void test_openvino(void **state) {
  (void)state;
  run_on("CPU");
}

/* x + c, compiled and run: a program that the cache has not seen. */
static bool compile_and_run(int c) {
  kvino_graph *g = NULL;
  kvino_tensor *x = NULL, *row = NULL, *y = NULL, *in = NULL;
  kvino_executable *e = NULL;
  kvino_tensors out = {0, NULL};
  kvino_error err;
  bool good = !kvino_graph_new(&g, &err) && !kvino_graph_parameter(g, KVINO_F32, 1, (int64_t[]){4}, "x", &x, &err) &&
              !kvino_tensor_new(KVINO_F32, 1, (int64_t[]){1}, (float[]){(float)c}, &row, &err) &&
              !kvino_add(x, row, &y, &err) && !kvino_graph_result(g, y, "y", &err) &&
              !kvino_compile(g, "CPU", 0, NULL, &e, &err) &&
              !kvino_tensor_new(KVINO_F32, 1, (int64_t[]){4}, (float[]){0, 1, 2, 3}, &in, &err) &&
              !kvino_executable_run(e, 1, &in, &out, &err) && kv_tensor_get_number(out.v[0], 3) == 3 + c;
  kvino_tensors_clear(&out);
  kvino_executable_release(e);
  kvino_tensor_release(x);
  kvino_tensor_release(row);
  kvino_tensor_release(y);
  kvino_tensor_release(in);
  kvino_graph_release(g);
  return good;
}

static atomic_bool compiled_enough;

static void *compile_on(void *context) {
  int *first = context;
  bool good = true;
  for (int i = 0; good && !compiled_enough; i++) good = compile_and_run(*first + i);
  return good ? NULL : (void *)1;
}

/* A child finds the locks free that another thread held while it compiled, and makes what that was making. */
static void test_fork_while_compiling(void **state) {
  (void)state;
#ifdef __SANITIZE_ADDRESS__
  skip(); /* GCC's AddressSanitizer leaves the locks of its allocator, which another thread held, locked in the child */
#endif
  pthread_t thread[2];
  int first[2] = {1000, 1000}; /* both make the same: one waits for the other */
  void *failed = NULL;
  assert_true(compile_and_run(1));
  compiled_enough = false;
  for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&thread[i], NULL, compile_on, &first[i]), 0);
  for (int i = 0; i < 8; i++) {
    usleep(3000 + 4100 * i);
    pid_t child = fork();
    if (!child) {
      alarm(30); /* a deadlock ends here */
      bool good = true;
      for (int c = 1000; good && c < 1100; c += 25) good = compile_and_run(c);
      _exit(good ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
  }
  compiled_enough = true;
  for (int i = 0; i < 2; i++) {
    pthread_join(thread[i], &failed);
    assert_null(failed);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_pool),
      cmocka_unit_test(test_ranges_cover),
      cmocka_unit_test(test_fork),
      cmocka_unit_test(test_shared_tensor),
      cmocka_unit_test(test_operators),
      cmocka_unit_test(test_native),
      cmocka_unit_test(test_openvino),
      cmocka_unit_test(test_written_meanwhile),
      cmocka_unit_test(test_fork_while_compiling),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
