/* The allocation sweep: each call is made with its first allocation failing, then its second, and so on until it
 * succeeds. Every failure must be KVINO_NO_MEMORY with a text, leave the outputs alone and leak nothing (the sanitizer
 * build tells). */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/memory.h"
#include "kvino/kvino.h"
#include "scratch.h"
#include "tensor/tensor.h"

#define OK(call)                                                                                                       \
  do {                                                                                                                 \
    kvino_error ok_error_ = {0}, *ERR = &ok_error_;                                                                    \
    if (call) fail_msg("%s:%d %s", __FILE__, __LINE__, ERR->text);                                                     \
  } while (0)

/* What a call takes and gives. `out` and `list` must stay as they are where it fails. */
typedef struct job {
  kvino_tensor *a, *b;
  kvino_tensor *out;
  kvino_tensors list;
  char **names;
  kvino_graph *graph;
  kvino_executable *executable;
  const char *path;
  int released;
} job;

typedef kvino_status call(job *j, kvino_error *err);

/* At least `least` allocations are expected to fail: a sweep that fails none proves nothing. */
static void sweep(const char *what, call *function, job *j, int least) {
  enum { MOST = 5000 };
  int failed = 0;
  for (;; failed++) {
    kvino_error err = {0};
    kv_pool_trim();
    kv_fail_after(failed);
    kvino_status status = function(j, &err);
    kv_fail_after(-1);
    if (!status) break;
    if (status != KVINO_NO_MEMORY || err.status != status || !*err.text)
      fail_msg("%s, allocation %d: status %d (%d in the error): '%s'", what, failed, status, err.status, err.text);
    if (j->out || j->list.v || j->names) fail_msg("%s, allocation %d: an output was touched", what, failed);
    if (failed == MOST) fail_msg("%s: no success after %d failures", what, MOST);
    kv_fail_after(failed); /* and without an error record */
    status = function(j, NULL);
    kv_fail_after(-1);
    assert_int_equal(status, KVINO_NO_MEMORY);
  }
  if (failed < least) fail_msg("%s: only %d allocations failed", what, failed);
  kvino_names_free(j->names, j->list.n);
  j->names = NULL;
  kvino_tensors_clear(&j->list);
  kvino_tensor_release(j->out);
  j->out = NULL;
}

static kvino_tensor *ramp(kvino_dtype dtype, int64_t rows, int64_t columns) {
  kvino_tensor *t = NULL;
  OK(kv_tensor_empty(dtype, 2, (int64_t[]){rows, columns}, &t, ERR));
  memset(t->data, 0, (size_t)t->size * kvino_dtype_size(dtype));
  for (int64_t i = 0; i < t->size; i++) t->data[i * (int64_t)kvino_dtype_size(dtype)] = (char)(i % 3);
  return t;
}

/* ---- tensors ---- */

static kvino_status make_small(job *j, kvino_error *err) {
  return kvino_tensor_new(KVINO_F32, 1, (int64_t[]){4}, NULL, &j->out, err);
}
static kvino_status make_large(job *j, kvino_error *err) {
  return kvino_tensor_new(KVINO_F32, 1, (int64_t[]){1 << 20}, NULL, &j->out, err);
}
static void released(void *context) { ++*(int *)context; }
static kvino_status make_wrapped(job *j, kvino_error *err) {
  static const char byte;
  int before = j->released;
  kvino_status status =
      kvino_tensor_wrap(KVINO_U8, 1, (int64_t[]){1}, NULL, &byte, released, &j->released, &j->out, err);
  assert_int_equal(j->released - before, status ? 1 : 0); /* given back at once where it fails */
  return status;
}
static kvino_status make_scalar(job *j, kvino_error *err) {
  return kvino_tensor_scalar_f64(KVINO_F16, 1, &j->out, err);
}
static kvino_status make_view(job *j, kvino_error *err) {
  return kv_tensor_view(j->a, KVINO_F32, 1, (int64_t[]){2}, (int64_t[]){8}, j->a->data, &j->out, err);
}
static kvino_status make_copy(job *j, kvino_error *err) {
  kvino_tensor *view = NULL;
  kvino_status status = make_view(j, err);
  if (status) return status;
  view = j->out;
  j->out = NULL;
  status = kvino_tensor_contiguous(view, &j->out, err);
  kvino_tensor_release(view);
  return status;
}

static void test_tensors(void **state) {
  (void)state;
  job j = {.a = ramp(KVINO_F32, 2, 2)};
  sweep("tensor_new, small", make_small, &j, 1);
  sweep("tensor_new, large", make_large, &j, 2);
  sweep("tensor_wrap", make_wrapped, &j, 1);
  sweep("tensor_scalar", make_scalar, &j, 1);
  sweep("tensor_view", make_view, &j, 1);
  sweep("tensor_contiguous", make_copy, &j, 2);
  kvino_tensor_release(j.a);
}

/* ---- operators ---- */

static kvino_status nonzero(job *j, kvino_error *err) {
  return kvino_nonzero(j->a, KVINO_NO_INTEGER, 0, KVINO_I64, &j->list, err);
}
static kvino_status nonzero_by_table(job *j, kvino_error *err) {
  const kvino_op *op = kvino_op_find("numpy", "nonzero");
  kvino_arg args[KVINO_MAX_PARAMETERS];
  assert_non_null(op);
  for (int i = 0; i < op->n_parameters; i++) args[i] = op->parameter[i].preset;
  args[0].tensor = j->a;
  return kvino_op_call(op, args, &j->list, err);
}
static kvino_status add(job *j, kvino_error *err) { return kvino_add(j->a, j->b, &j->out, err); }
static kvino_status not_equal(job *j, kvino_error *err) { return kvino_not_equal(j->a, j->b, &j->out, err); }

static void test_operators(void **state) {
  (void)state;
  static const int64_t sizes[] = {3, 400};
  for (int i = 0; i < 2; i++) {
    job j = {.a = ramp(KVINO_F32, sizes[i], sizes[i]), .b = ramp(KVINO_F32, 1, sizes[i])};
    sweep("nonzero", nonzero, &j, 4);
    sweep("nonzero by the table", nonzero_by_table, &j, 4);
    sweep("add", add, &j, 1);
    sweep("not_equal", not_equal, &j, 1);
    kvino_tensor_release(j.b);
    j.b = ramp(KVINO_I16, 1, sizes[i]); /* one operand must be converted */
    sweep("add with promotion", add, &j, 2);
    kvino_tensor_release(j.a);
    kvino_tensor_release(j.b);
  }
}

/* Kernels with memory of their own: of lengths whose plans are not kept for the next call, and with one task. */
static kvino_status fft(job *j, kvino_error *err) {
  return kvino_fft((kvino_tensors){2, (kvino_tensor *[]){j->a, j->b}}, &j->list, err);
}
static kvino_status rfft(job *j, kvino_error *err) { return kvino_rfft(j->a, KVINO_NO_INTEGER, &j->list, err); }
static kvino_status irfft(job *j, kvino_error *err) {
  return kvino_irfft((kvino_tensors){2, (kvino_tensor *[]){j->a, j->b}}, KVINO_NO_INTEGER, &j->out, err);
}

static void test_transforms(void **state) {
  (void)state;
  static const int64_t lengths[] = {3 << 17, 131101};
  for (int i = 0; i < 2; i++) {
    job j = {.a = ramp(KVINO_F32, 1, lengths[i]), .b = ramp(KVINO_F32, 1, lengths[i])};
    sweep("fft", fft, &j, 6);
    sweep("rfft", rfft, &j, 4);
    sweep("irfft", irfft, &j, 6);
    kvino_tensor_release(j.a);
    kvino_tensor_release(j.b);
  }
}

typedef struct speech {
  kvino_tensor *frames, *lengths, *labels, *label_lengths;
} speech;

static speech spoken;

static kvino_status ctc_loss(job *j, kvino_error *err) {
  return kvino_ctc_loss(spoken.labels, spoken.frames, spoken.label_lengths, spoken.lengths, 0, &j->out, err);
}
static kvino_status ctc_greedy(job *j, kvino_error *err) {
  return kvino_ctc_decode(spoken.frames, spoken.lengths, "greedy", 4, 2, true, 0, &j->list, err);
}
static kvino_status ctc_beams(job *j, kvino_error *err) {
  return kvino_ctc_decode(spoken.frames, spoken.lengths, "beam_search", 4, 2, true, 0, &j->list, err);
}

static struct { kvino_tensor *indices, *values; } entries;

/* Of axes so long that rows and columns are numbered, and of such as have a number each. */
static kvino_status long_product(job *j, kvino_error *err) {
  kvino_ints shape = KVINO_INTS(1 << 30, 1 << 30);
  return kvino_sparse_product(entries.indices, entries.values, shape, entries.indices, entries.values, shape, &j->list,
                              err);
}
static kvino_status short_product(job *j, kvino_error *err) {
  kvino_ints shape = KVINO_INTS(9, 9);
  return kvino_sparse_product(entries.indices, entries.values, shape, entries.indices, entries.values, shape, &j->list,
                              err);
}

static void test_sparse(void **state) {
  (void)state;
  job j = {0};
  OK(kvino_tensor_new(KVINO_F32, 1, (int64_t[]){3}, (float[]){1, 2, 3}, &entries.values, ERR));
  OK(kvino_tensor_new(KVINO_I32, 2, (int64_t[]){3, 2}, (int32_t[]){5, 2, 2, 8, 1, 5}, &entries.indices, ERR));
  sweep("sparse_product of long axes", long_product, &j, 25);
  sweep("sparse_product", short_product, &j, 18);
  kvino_tensor_release(entries.indices);
  kvino_tensor_release(entries.values);
}

static void test_speech(void **state) {
  (void)state;
  job j = {0};
  kvino_tensor *flat = ramp(KVINO_F32, 1, 24);
  OK(kv_tensor_view(flat, KVINO_F32, 3, (int64_t[]){1, 6, 4}, (int64_t[]){96, 16, 4}, flat->data, &spoken.frames, ERR));
  OK(kvino_tensor_new(KVINO_I32, 1, (int64_t[]){1}, (int32_t[]){6}, &spoken.lengths, ERR));
  OK(kvino_tensor_new(KVINO_I32, 1, (int64_t[]){1}, (int32_t[]){3}, &spoken.label_lengths, ERR));
  spoken.labels = ramp(KVINO_I32, 1, 3);
  sweep("ctc_loss", ctc_loss, &j, 4);
  sweep("ctc_decode, greedy", ctc_greedy, &j, 6);
  sweep("ctc_decode, beam search", ctc_beams, &j, 10);
  kvino_tensor_release(flat);
  kvino_tensor_release(spoken.frames);
  kvino_tensor_release(spoken.lengths);
  kvino_tensor_release(spoken.labels);
  kvino_tensor_release(spoken.label_lengths);
}

/* ---- graphs ---- */

/* Records a small graph with every kind of call; keeps it where that succeeds. */
static kvino_status record(job *j, kvino_error *err) {
  kvino_graph *g = NULL;
  kvino_tensor *x = NULL, *sum = NULL;
  kvino_tensors rows = {0, NULL};
  char *text = NULL;
  kvino_status status = kvino_graph_new(&g, err);
  if (!status) status = kvino_graph_parameter(g, KVINO_F32, 2, (int64_t[]){-1, 3}, "x", &x, err);
  if (!status) status = kvino_add(x, j->a, &sum, err);
  if (!status) status = kvino_nonzero(sum, KVINO_NO_INTEGER, 0, KVINO_I64, &rows, err);
  for (size_t i = 0; !status && i < rows.n; i++) status = kvino_graph_result(g, rows.v[i], "rows", err);
  if (!status) status = kvino_graph_result(g, sum, NULL, err);
  if (!status) status = kvino_graph_dump(g, &text, err);
  kvino_text_free(text);
  kvino_tensors_clear(&rows);
  kvino_tensor_release(sum);
  kvino_tensor_release(x);
  if (status)
    kvino_graph_release(g);
  else
    j->graph = g;
  return status;
}
static kvino_status compile(job *j, kvino_error *err) {
  return kvino_compile(j->graph, "native", 0, NULL, &j->executable, err);
}
static kvino_status run(job *j, kvino_error *err) {
  return kvino_executable_run(j->executable, 1, &j->b, &j->list, err);
}
static kvino_status describe(job *j, kvino_error *err) {
  char *text = NULL;
  kvino_status status = kvino_executable_describe(j->executable, &text, err);
  kvino_text_free(text);
  return status;
}
static kvino_status save(job *j, kvino_error *err) {
  char *notes = NULL;
  kvino_status status = kvino_graph_save_ir(j->graph, j->path, true, &notes, err);
  kvino_text_free(notes);
  return status;
}

static void test_graphs(void **state) {
  (void)state;
  job j = {.a = ramp(KVINO_F32, 1, 3), .b = ramp(KVINO_F32, 5, 3), .path = scratch_path("model.xml")};
  sweep("recording", record, &j, 20);
  sweep("compile", compile, &j, 10);
  sweep("run", run, &j, 5);
  sweep("describe", describe, &j, 1);
  sweep("save_ir", save, &j, 20);
  assert_int_equal(scratch_clear(), 2);
  kvino_executable_release(j.executable);
  kvino_graph_release(j.graph);
  kvino_tensor_release(j.a);
  kvino_tensor_release(j.b);
}

/* ---- files ---- */

static kvino_status npy_write(job *j, kvino_error *err) { return kvino_npy_write(j->path, j->a, err); }
static kvino_status npy_read(job *j, kvino_error *err) { return kvino_npy_read(j->path, &j->out, err); }
static kvino_status npz_write(job *j, kvino_error *err) {
  return kvino_npz_write(j->path, 2, (const char *[]){"a", "b"}, (kvino_tensor *[]){j->a, j->b}, err);
}
static kvino_status npz_read(job *j, kvino_error *err) { return kvino_npz_read(j->path, &j->names, &j->list, err); }

static void test_files(void **state) {
  (void)state;
  job j = {.path = scratch_path("x"), .b = ramp(KVINO_F32, 300, 300)};
  kvino_tensor *t = ramp(KVINO_F32, 4, 6);
  OK(kv_tensor_view(t, KVINO_F32, 2, (int64_t[]){4, 3}, (int64_t[]){24, 8}, t->data, &j.a, ERR)); /* must be copied */
  sweep("npy_write", npy_write, &j, 3);
  sweep("npy_read", npy_read, &j, 1);
  sweep("npz_write", npz_write, &j, 5);
  sweep("npz_read", npz_read, &j, 5);
  kvino_tensor_release(t);
  kvino_tensor_release(j.a);
  kvino_tensor_release(j.b);
  assert_int_equal(scratch_clear(), 1); /* the file, and no temporary one */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_tensors), cmocka_unit_test(test_operators), cmocka_unit_test(test_transforms),
      cmocka_unit_test(test_sparse),  cmocka_unit_test(test_speech),    cmocka_unit_test(test_graphs),
      cmocka_unit_test(test_files),
  };
  return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
