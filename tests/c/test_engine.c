/* From a graph to a running executable, where only the inside shows it: the IR's text, the blob of constants, segments,
 * intervals, and the allocation sweep over compiling and running. What executables compute is tested from Python
 * (tests/python/test_engine.py). OpenVINO must be installed. */
#define _GNU_SOURCE
#include "graphs.h"
#include "sanitizer_dlopen.h"
#include "scratch.h"

#include "engine/executable.h"
#include "openvino/cache.h"
#include "openvino/emit.h"
#include "openvino/interval.h"
#include "openvino/lower.h"

/* ---- emission ---- */

static void assert_holds(const kv_ov_program *p, const char *text) {
  if (!memmem(p->ir, p->ir_length, text, strlen(text))) fail_msg("no '%s' in:\n%.*s", text, (int)p->ir_length, p->ir);
}

static void test_every_attribute_is_written(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(1, 2, -1, 8));
  const kv_avg_pool_attrs pool = {.kernel = {2, {2, 2}},
                                  .strides = {2, {1, 1}},
                                  .pads_begin = {2, {0, 0}},
                                  .pads_end = {2, {0, 0}},
                                  .rounding_type = "floor",
                                  .auto_pad = "explicit"};
  result(&b, kv_avg_pool(&b.s, x, pool));
  result(&b, kv_softmax(&b.s, x, (kv_axis_attrs){.axis = -1}));
  kv_graph *g = build_end(&b);
  kv_ov_program p = {0};
  OK(kv_emit(g, KV_BFLOAT16_AS_WRITTEN, &p, ERR));
  assert_holds(&p, "<data element_type=\"f32\" shape=\"1,2,-1,8\"/>");
  assert_holds(&p, "kernel=\"2,2\" strides=\"1,1\" pads_begin=\"0,0\" pads_end=\"0,0\" exclude-pad=\"false\" "
                   "rounding_type=\"floor\" auto_pad=\"explicit\"");
  assert_holds(&p, "type=\"SoftMax\" version=\"opset8\"><data axis=\"-1\"/>");
  kv_program_clear(&p);
  kv_graph_release(g);
}

/* ---- files ---- */

static char *read_text(const char *path) {
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  char *text = calloc(1, 1 << 16);
  assert_true(fread(text, 1, (1 << 16) - 1, file) > 0);
  fclose(file);
  return text;
}

/* Names, dimensions and places of constants, one behind the other; a body's constants too. */
static void test_files_of_a_graph(void **state) {
  (void)state;
  build b;
  char *notes = NULL;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(-1, 2)), *one = constant(&b, KVINO_F32, SHAPE(1, 2), 5);
  const float *first = (const float *)one->data;
  float written[2] = {first[0], first[1]};
  OK(kvino_graph_result(b.g, kv_add(&b.s, x, one), "y", ERR));
  kv_graph *g = build_end(&b);
  OK(kvino_graph_save_ir(g, scratch_path("model.xml"), false, &notes, ERR));
  assert_string_equal(notes, "");
  kvino_text_free(notes);
  char *text = read_text(scratch_path("model.xml"));
  assert_non_null(strstr(text, "names=\"x0\"><dim>-1</dim><dim>2</dim>"));
  assert_non_null(strstr(text, "names=\"y\""));
  assert_non_null(strstr(text, "offset=\"0\" size=\"8\""));
  free(text);
  text = read_text(scratch_path("model.bin"));
  assert_memory_equal(text, written, sizeof written);
  free(text);
  assert_int_equal(kvino_graph_save_ir(g, "model.onnx", false, NULL, NULL), KVINO_INVALID);
  assert_int_equal(kvino_graph_save_ir(g, "/nowhere/model.xml", false, NULL, NULL), KVINO_IO);
  kv_graph_release(g);
}

/* Trap: what OpenVINO would alias. */
static void test_identity_between_parameter_and_result(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  result(&b, parameter(&b, KVINO_I32, 0, NULL));
  kv_graph *g = build_end(&b);
  kv_ov_program p = {0};
  OK(kv_emit(g, KV_BFLOAT16_AS_WRITTEN, &p, ERR));
  assert_holds(&p, "<data element_type=\"i32\" shape=\"\"/>");
  assert_holds(&p, "type=\"Convert\" version=\"opset1\"><data destination_type=\"i32\"/>");
  kv_program_clear(&p);
  kv_graph_release(g);
}

static void test_names_are_escaped(void **state) {
  (void)state;
  kv_graph *g = NULL;
  kvino_tensor *x = NULL;
  OK(kv_graph_new(&g, ERR));
  OK(kv_graph_parameter(g, KVINO_F32, 0, NULL, "a<b> & \"c\"\n", &x, ERR));
  OK(kv_graph_result(g, x, NULL, ERR));
  kv_ov_program p = {0};
  OK(kv_emit(g, KV_BFLOAT16_AS_WRITTEN, &p, ERR));
  assert_holds(&p, "name=\"a&lt;b&gt; &amp; &quot;c&quot; \"");
  kv_program_clear(&p);
  kvino_tensor_release(x);
  kv_graph_release(g);
}

/* The offset and the size of the i-th constant of this element type. */
static void range_of(const kv_ov_program *p, const char *type, int i, size_t *offset, size_t *size) {
  char head[64];
  const char *at = p->ir, *end = p->ir + p->ir_length;
  snprintf(head, sizeof head, "type=\"Const\" version=\"opset1\"><data element_type=\"%s\"", type);
  do {
    at = memmem(at, (size_t)(end - at), head, strlen(head));
    if (!at) fail_msg("no constant %d of type %s", i, type);
    at += strlen(head);
  } while (i--);
  assert_int_equal(sscanf(strstr(at, "offset="), "offset=\"%zu\" size=\"%zu\"", offset, size), 2);
  assert_true(*offset + *size <= p->weights_bytes);
}

static void test_large_constants_are_not_copied(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(1));
  kvino_tensor *large[3] = {constant(&b, KVINO_F32, SHAPE(100000), 1), constant(&b, KVINO_F32, SHAPE(2), 2),
                            constant(&b, KVINO_F32, SHAPE(300000), 3)};
  for (int i = 0; i < 3; i++) result(&b, kv_add(&b.s, x, large[i]));
  kv_graph *g = b.g;
  kv_ov_program p = {0};
  OK(kv_emit(g, KV_BFLOAT16_AS_WRITTEN, &p, ERR));
  for (int i = 0; i < 3; i++) {
    size_t offset, size;
    range_of(&p, "f32", i, &offset, &size);
    const char *at = (const char *)p.weights + offset;
    assert_memory_equal(at, large[i]->data, size);
    assert_int_equal(at == large[i]->data, i != 1); /* the small one is gathered */
  }
  build_end(&b);
  kv_program_clear(&p);
  kv_graph_release(g);
}

static void test_constants_that_must_be_copied(void **state) {
  (void)state;
  static const uint8_t odd[] = {0, 1, 2, 255};
  build b;
  build_begin(&b);
  kvino_tensor *truth = NULL, *row = NULL, *many = NULL;
  OK(kvino_tensor_new(KVINO_BOOL, SHAPE(4), odd, &truth, ERR));
  OK(kv_tensor_view(truth, KVINO_BOOL, 2, (int64_t[]){5000, 4}, (int64_t[]){0, 1}, truth->data, &many, ERR));
  kv_own(&b.s, truth);
  kv_own(&b.s, many);
  row = parameter(&b, KVINO_BOOL, SHAPE(1));
  result(&b, kv_logical_and(&b.s, row, truth));
  result(&b, kv_logical_and(&b.s, row, many));
  kv_graph *g = build_end(&b);
  kv_ov_program p = {0};
  OK(kv_emit(g, KV_BFLOAT16_AS_WRITTEN, &p, ERR));
  for (int i = 0; i < 2; i++) {
    size_t offset, size;
    range_of(&p, "boolean", i, &offset, &size);
    assert_int_equal(size, i ? 20000 : 4);
    for (size_t k = 0; k < size; k++) assert_int_equal(((const char *)p.weights)[offset + k], k % 4 != 0);
  }
  kv_program_clear(&p);
  kv_graph_release(g);
}

static void test_types_that_openvino_has_not(void **state) {
  (void)state;
  kvino_error err = {0};
  build b;
  build_begin(&b);
  result(&b, parameter(&b, KVINO_C64, SHAPE(2)));
  kv_graph *g = build_end(&b);
  kv_ov_program p = {0};
  assert_int_equal(kv_emit(g, KV_BFLOAT16_AS_WRITTEN, &p, &err), KVINO_UNSUPPORTED);
  assert_non_null(strstr(err.text, "complex64"));
  assert_null(p.ir);
  kv_graph_release(g);
}

/* ---- segments ---- */

static void test_partition_is_convex_and_maximal(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(3));
  kvino_tensor *a = kv_sin(&b.s, x), *n = kv_cos(&b.s, a), *c = kv_tanh(&b.s, a);
  result(&b, kv_add(&b.s, c, n)); /* c waits for its use, behind n: a is kept until then anyway */
  result(&b, a);
  kv_graph *g = build_end(&b);
  bool native[8] = {0};
  native[2] = true; /* cos */
  kv_partition *p = NULL;
  OK(kv_partition_new(g, native, &p, ERR));
  assert_int_equal(p->n, 3);
  assert_true(p->segment[0].external && !p->segment[1].external && p->segment[2].external);
  assert_int_equal(p->segment[0].n_nodes, 1);
  assert_int_equal(p->segment[0].n_in, 1);
  assert_int_equal(p->segment[0].n_out, 1);
  assert_int_equal(p->segment[1].n_in, 1);
  assert_int_equal(p->segment[2].n_in, 2);
  kv_partition_free(p);
  native[2] = false;
  OK(kv_partition_new(g, native, &p, ERR));
  assert_int_equal(p->n, 1);
  kv_partition_free(p);
  kv_graph_release(g);
}

/* A native node that needs nothing of OpenVINO's but a conversion takes that in and goes first. */
static void test_partition_begins_natively(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(3)), *labels = parameter(&b, KVINO_I64, SHAPE(3));
  kvino_tensor *f = kv_convert(&b.s, labels, (kv_convert_attrs){.destination_type = KVINO_F32});
  kvino_tensor *a = kv_sin(&b.s, x), *n = kv_cos(&b.s, f);
  result(&b, kv_add(&b.s, a, n));
  kv_graph *g = build_end(&b);
  bool native[8] = {0};
  for (size_t i = 0; i < g->n_nodes; i++) native[i] = g->node[i]->prim->id == KV_Cos;
  kv_partition *p = NULL;
  OK(kv_partition_new(g, native, &p, ERR));
  assert_int_equal(p->n, 2);
  assert_true(!p->segment[0].external && p->segment[1].external);
  assert_int_equal(p->segment[0].n_nodes, 2);
  assert_int_equal(p->segment[1].n_nodes, 2);
  kv_partition_free(p);
  kv_graph_release(g);
}

/* ---- intervals ---- */

static void test_intervals(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(-1, 7, -1));
  kvino_tensor *shape = kv_shape_of(&b.s, x, (kv_output_type_attrs){.output_type = KVINO_I64}), *dimension[2];
  for (int i = 0; i < 2; i++)
    dimension[i] =
        kv_gather(&b.s, shape, kv_int(&b.s, KVINO_I64, 2 * i), kv_int(&b.s, KVINO_I64, 0), (kv_gather_attrs){0});
  kvino_tensor *size = kv_multiply(&b.s, kv_multiply(&b.s, dimension[0], kv_int(&b.s, KVINO_I64, 7)), dimension[1]);
  kvino_tensor *batches = kv_multiply(&b.s, dimension[0], dimension[0]);
  kvino_tensor *ids = parameter(&b, KVINO_I64, SHAPE(5));
  kvino_tensor *next = kv_add(&b.s, ids, kv_int(&b.s, KVINO_I64, 1)), *square = kv_multiply(&b.s, ids, ids);
  kvino_tensor *rest = kv_floor_mod(&b.s, square, kv_int(&b.s, KVINO_I64, 10));
  kvino_tensor *all[] = {size, next, square, rest, batches};
  for (int i = 0; i < 5; i++) result(&b, all[i]);
  kv_edge e[5];
  for (int i = 0; i < 5; i++) e[i] = kv_tensor_edge(all[i]);
  kv_graph *g = build_end(&b);
  kv_exactness *exact = NULL;
  OK(kv_exactness_new(g, &exact, ERR));
  assert_null(kv_exactness_native(exact, e[0].node)); /* the number of elements */
  assert_false(kv_exactness_assumed(exact, e[0]));
  assert_null(kv_exactness_native(exact, e[1].node)); /* if the ids fit */
  assert_true(kv_exactness_assumed(exact, e[1]));
  assert_non_null(kv_exactness_native(exact, e[2].node)); /* may overflow */
  assert_null(kv_exactness_native(exact, e[3].node));     /* after its operand has been looked at */
  assert_non_null(kv_exactness_native(exact, e[4].node)); /* dimensions multiplied, but no size of a tensor */
  kv_exactness_free(exact);
  kv_graph_release(g);
}

static void test_values_that_fit(void **state) {
  (void)state;
  const int64_t values[] = {0,         KV_INDEX_MAX, KV_INDEX_MIN,    KV_INDEX_MAX + 1, KV_INDEX_MIN - 1,
                            INT64_MIN, INT64_MAX,    (int64_t)1 << 32};
  const kv_interval small = {KV_INDEX_MIN, KV_INDEX_MAX};
  for (int i = 0; i < 8; i++) {
    kvino_tensor *t = NULL;
    OK(kv_tensor_ints(1, &values[i], &t, ERR));
    assert_int_equal(kv_values_within(t, small), i < 3);
    t->dtype = KVINO_U64;
    assert_int_equal(kv_values_within(t, small), i < 2);
    kvino_tensor_release(t);
  }
}

/* ---- the allocation sweep ---- */

static kv_graph *mixed(void) {
  build b;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(-1, 3)), *ids = parameter(&b, KVINO_I64, SHAPE(2));
  kvino_tensor *y = kv_tanh(&b.s, kv_add(&b.s, x, constant(&b, KVINO_F32, SHAPE(2000, 3), 1)));
  kvino_tensor *z =
      kv_convert(&b.s, kv_exp(&b.s, kv_convert(&b.s, y, (kv_convert_attrs){.destination_type = KVINO_F64})),
                 (kv_convert_attrs){.destination_type = KVINO_F32});
  result(&b, kv_gather(&b.s, z, ids, kv_int(&b.s, KVINO_I64, 0), (kv_gather_attrs){0}));
  result(&b, y);
  result(&b, x);
  return build_end(&b);
}

static void sweep(const char *device) {
  kv_graph *g = mixed();
  kvino_tensor *in[2] = {filled(KVINO_F32, SHAPE(1, 3), 4), NULL};
  OK(kv_tensor_ints(2, (int64_t[]){1, 3}, &in[1], ERR));
  kvino_error err;
  int failed[2] = {0};
  kvino_executable *e = NULL;
  kv_ov_cache_set_limit(0); /* every compilation is one */
  for (int n = 0;; n++) {
    memset(&err, 0, sizeof err);
    kv_fail_after(n);
    kvino_status status = kvino_compile(g, device, 0, NULL, &e, &err);
    kv_fail_after(-1);
    if (!status) break;
    assert_null(e);
    assert_int_equal(status, KVINO_NO_MEMORY);
    assert_true(*err.text != 0);
    failed[0]++;
  }
  for (int n = 0;; n++) {
    kvino_tensors out = {0, NULL};
    memset(&err, 0, sizeof err);
    kv_fail_after(n);
    kvino_status status = kvino_executable_run(e, 2, in, &out, &err);
    kv_fail_after(-1);
    if (!status) {
      assert_int_equal(out.n, 3);
      kvino_tensors_clear(&out);
      break;
    }
    assert_null(out.v);
    assert_int_equal(status, KVINO_NO_MEMORY);
    failed[1]++;
  }
  assert_true(failed[0] > 30 && failed[1] > 5);
  char *text = NULL;
  OK(kvino_executable_describe(e, &text, ERR));
  kvino_text_free(text);
  kvino_executable_release(e);
  for (int i = 0; i < 2; i++) kvino_tensor_release(in[i]);
  kv_graph_release(g);
}

static void test_sweep_native(void **state) {
  (void)state;
  sweep("native");
}

static void test_sweep_openvino(void **state) {
  (void)state;
  sweep("CPU");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_attribute_is_written),
      cmocka_unit_test(test_identity_between_parameter_and_result),
      cmocka_unit_test(test_names_are_escaped),
      cmocka_unit_test(test_files_of_a_graph),
      cmocka_unit_test(test_large_constants_are_not_copied),
      cmocka_unit_test(test_constants_that_must_be_copied),
      cmocka_unit_test(test_types_that_openvino_has_not),
      cmocka_unit_test(test_partition_is_convex_and_maximal),
      cmocka_unit_test(test_partition_begins_natively),
      cmocka_unit_test(test_intervals),
      cmocka_unit_test(test_values_that_fit),
      cmocka_unit_test(test_sweep_native),
      cmocka_unit_test(test_sweep_openvino),
  };
  return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
