/* Compiling IR text and inference, from one and many threads, synchronous and not. */
#define _GNU_SOURCE
#include "openvino.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- compiling ---- */

static void compile_errors_carry_openvinos_text(void **state) {
  (void)state;
  kv_ov_model *model = NULL;
  assert_fails(compile_on("CPU", NO_MODEL, NULL, 0, NULL, 0, &model, &err), KVINO_DEVICE);
  assert_says("OpenVINO cannot read the model: ");
  const char *unknown =
      NET(PARAMETER(0, "4", "f32") LAYER(1, "Frobnicate", 1, "", IN1, OUT) RESULT(2), EDGE(0, 1, 0) EDGE(1, 2, 0));
  assert_fails(compile_on("CPU", unknown, NULL, 0, NULL, 0, &model, &err), KVINO_DEVICE);
  assert_says("Frobnicate");
  const char *misfit = NET(PARAMETER(0, "4", "f32") PARAMETER(1, "3", "f32") ADD(2) RESULT(3),
                           EDGE(0, 2, 0) EDGE(1, 2, 1) EDGE(2, 3, 0));
  assert_fails(compile_on("CPU", misfit, NULL, 0, NULL, 0, &model, &err), KVINO_DEVICE);
  assert_says("Argument shapes are inconsistent");
  assert_null(strchr(err.text, '\n'));
  kvino_property bad_dir = {"cache_dir", "/proc/no/such"};
  assert_fails(compile_on("CPU", ADD_NET("4", "f32"), NULL, 0, &bad_dir, 1, &model, &err), KVINO_IO);
  assert_says("property 'cache_dir': /proc/no/such: No such file or directory");
  const char *rank17 =
      NET(PARAMETER(0, "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", "f32") LAYER(1, "Sqrt", 1, "", IN1, OUT) RESULT(2),
          EDGE(0, 1, 0) EDGE(1, 2, 0));
  assert_int_not_equal(compile_on("CPU", rank17, NULL, 0, NULL, 0, &model, &err), KVINO_OK);
  assert_null(model);
}

static int released;
static void count_release(void *owner) { released += *(int *)owner; }

/* Trap: OpenVINO never copies the weights; they must outlive the model and are released with it, exactly once. */
static void weights_trap_are_not_copied(void **state) {
  (void)state;
  const char *ir = NET(PARAMETER(0, "2", "f32") CONST(1, "2", "f32", 4, 8) ADD(2) RESULT(3),
                       EDGE(0, 2, 0) EDGE(1, 2, 1) EDGE(2, 3, 0));
  float weights[] = {99, 10, 20}, x[] = {1, 2}, y[2] = {0};
  int one = 1;
  int64_t shape[] = {2};
  kv_ov_config *config;
  kv_ov_model *model;
  kv_ov_program program = {.ir = ir,
                           .ir_length = strlen(ir),
                           .weights = weights,
                           .weights_bytes = sizeof weights,
                           .release = count_release,
                           .owner = &one};
  assert_ok(kv_ov_config_new("CPU", NULL, 0, &config, &err));
  released = 0;
  assert_ok(kv_ov_compile(&program, config, &model, &err));
  kv_ov_input in = {KVINO_F32, 1, shape, x};
  kv_ov_output out = {.data = y};
  assert_ok(kv_ov_infer(model, &in, 1, &out, 1, &err));
  assert_true(y[0] == 11 && y[1] == 22);
  weights[1] = 30;
  assert_ok(kv_ov_infer(model, &in, 1, &out, 1, &err));
  assert_true(y[0] == 31 && y[1] == 22);
  kv_ov_model_retain(model);
  kv_ov_model_release(model);
  assert_int_equal(released, 0);
  kv_ov_model_release(model);
  assert_int_equal(released, 1);
  program.weights_bytes = 8; /* too short for the constant */
  assert_fails(kv_ov_compile(&program, config, &model, &err), KVINO_DEVICE);
  assert_int_equal(released, 2);
  kv_ov_config_free(config);
  kv_ov_model_release(NULL);
}

/* Trap: the numbers of element types differ between releases. Every dtype goes in and comes out as itself. */
static void types_trap_numbering(void **state) {
  (void)state;
  static const struct {
    kvino_dtype dtype;
    const char *ir;
    unsigned char one[8];
  } types[] = {{KVINO_BOOL, "boolean", {1}},
               {KVINO_U8, "u8", {1}},
               {KVINO_U16, "u16", {1}},
               {KVINO_U32, "u32", {1}},
               {KVINO_U64, "u64", {1}},
               {KVINO_I8, "i8", {1}},
               {KVINO_I16, "i16", {1}},
               {KVINO_I32, "i32", {1}},
               {KVINO_I64, "i64", {1}},
               {KVINO_F16, "f16", {0, 0x3c}},
               {KVINO_BF16, "bf16", {0x80, 0x3f}},
               {KVINO_F32, "f32", {0, 0, 0x80, 0x3f}},
               {KVINO_F64, "f64", {0, 0, 0, 0, 0, 0, 0xf0, 0x3f}}};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    char ir[1500];
    kvino_dtype back;
    size_t size = kvino_dtype_size(types[i].dtype);
    unsigned char x[3 * 8] = {0}, y[3 * 8] = {0};
    int64_t shape[] = {3}, mask_shape[] = {3};
    unsigned char mask[] = {1, 0, 1};
    assert_true(kv_ov_dtype(kv_ov_type(types[i].dtype), &back) && back == types[i].dtype);
    /* Select moves data of any type; its condition is itself boolean. */
    snprintf(ir, sizeof ir,
             NET(PARAMETER(0, "3", "%s") PARAMETER(1, "3", "boolean")
                     LAYER(2, "Select", 1, "", "<input><port id=\"0\"/><port id=\"1\"/><port id=\"2\"/></input>", OUT)
                         RESULT(3),
                 EDGE(1, 2, 0) EDGE(0, 2, 1) EDGE(0, 2, 2) EDGE(2, 3, 0)),
             types[i].ir);
    kv_ov_model *model = compiled(ir);
    assert_int_equal(kv_ov_model_input(model, 0)->dtype, types[i].dtype);
    assert_int_equal(kv_ov_model_input(model, 1)->dtype, KVINO_BOOL);
    assert_int_equal(kv_ov_model_output(model, 0)->dtype, types[i].dtype);
    assert_int_equal(kv_ov_model_output(model, 0)->bytes, 3 * size);
    memcpy(x, types[i].one, size);
    memcpy(x + 2 * size, types[i].one, size);
    kv_ov_input in[] = {{types[i].dtype, 1, shape, x}, {KVINO_BOOL, 1, mask_shape, mask}};
    kv_ov_output out = {.data = y};
    assert_ok(kv_ov_infer(model, in, 2, &out, 1, &err));
    if (memcmp(x, y, sizeof x)) fail_msg("%s changes on its way", types[i].ir);
    assert_int_equal(out.dtype, types[i].dtype);
    kv_ov_model_release(model);
  }
  static const struct {
    kvino_dtype dtype;
    const char *ir;
    unsigned char one;
  } eights[] = {{KVINO_F8E4M3, "f8e4m3", 0x38}, {KVINO_F8E5M2, "f8e5m2", 0x3c}}; /* CPU only converts them */
  for (size_t i = 0; i < 2; i++) {
    char ir[1000];
    float y = 0;
    snprintf(ir, sizeof ir,
             NET(PARAMETER(0, "", "%s") LAYER(1, "Convert", 1, "<data destination_type=\"f32\"/>", IN1, OUT) RESULT(2),
                 EDGE(0, 1, 0) EDGE(1, 2, 0)),
             eights[i].ir);
    kv_ov_model *model = compiled(ir);
    assert_int_equal(kv_ov_model_input(model, 0)->dtype, eights[i].dtype);
    kv_ov_input in = {eights[i].dtype, 0, NULL, &eights[i].one};
    kv_ov_output out = {.data = &y};
    assert_ok(kv_ov_infer(model, &in, 1, &out, 1, &err));
    if (y != 1) fail_msg("%s 1 is %g", eights[i].ir, (double)y);
    kv_ov_model_release(model);
  }
  assert_int_equal(kv_ov_type(KVINO_C64), -1);
  assert_int_equal(kv_ov_type(KVINO_C128), -1);
  assert_int_equal(kv_ov_type(KVINO_STRING), -1);
  assert_int_equal(kv_ov_type((kvino_dtype)1000), -1);
  kv_ov_model *model;
  const char *strings =
      NET(PARAMETER(0, "3", "string") LAYER(1, "ShapeOf", 3, "<data output_type=\"i64\"/>", IN1, OUT) RESULT(2),
          EDGE(0, 1, 0) EDGE(1, 2, 0));
  assert_int_not_equal(compile_on("CPU", strings, NULL, 0, NULL, 0, &model, &err), KVINO_OK);
}

/* A product whose f32 result bf16 would miss by far. */
static double matmul_error(const char *device, const kvino_property *p, size_t n) {
  enum { N = 64 };
  static float a[N * N], b[N * N], y[N * N];
  int64_t shape[] = {N, N};
  kv_ov_model *model;
  double worst = 0;
  for (int i = 0; i < N * N; i++) {
    a[i] = (float)(i * 37 % 101) / 101;
    b[i] = (float)(i * 53 % 97) / 97;
  }
  const char *ir =
      NET(PARAMETER(0, "64,64", "f32") PARAMETER(1, "64,64", "f32") LAYER(2, "MatMul", 1, "", IN2, OUT) RESULT(3),
          EDGE(0, 2, 0) EDGE(1, 2, 1) EDGE(2, 3, 0));
  assert_ok(compile_on(device, ir, NULL, 0, p, n, &model, &err));
  kv_ov_input in[] = {{KVINO_F32, 2, shape, a}, {KVINO_F32, 2, shape, b}};
  kv_ov_output out = {.data = y};
  assert_ok(kv_ov_infer(model, in, 2, &out, 1, &err));
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      double sum = 0;
      for (int k = 0; k < N; k++) sum += (double)a[i * N + k] * (double)b[k * N + j];
      double gap = fabs(sum - (double)y[i * N + j]) / fabs(sum);
      if (gap > worst) worst = gap; /* fmax here lets gcc 12 for aarch64 end with an internal error */
    }
  kv_ov_model_release(model);
  return worst;
}

/* Trap: bf16 is OpenVINO's default where the processor has it. f32 is ours, below composed devices as well. */
static void precision_trap_default_is_f32(void **state) {
  (void)state;
  static const char *const devices[] = {"CPU", "AUTO", "AUTO:CPU", "HETERO:CPU", "MULTI:CPU", "BATCH:CPU"};
  for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
    double error = matmul_error(devices[i], NULL, 0);
    if (error > 1e-5) fail_msg("%s: error %g", devices[i], error);
  }
  kvino_property bf16 = {"precision", "bf16"};
  kvino_device *list;
  size_t n;
  bool has = false;
  assert_ok(kvino_devices_list(&list, &n, &err));
  for (size_t i = 0; i < n; i++) has = has || (!strcmp(list[i].name, "CPU") && strstr(list[i].capabilities, "BF16"));
  kvino_devices_free(list, n);
  if (has) { /* elsewhere bf16 changes nothing */
    assert_true(matmul_error("CPU", &bf16, 1) > 1e-4);
    assert_true(matmul_error("HETERO:CPU", &bf16, 1) > 1e-4);
  }
}

/* ---- inference ---- */

static void inputs_are_checked(void **state) {
  (void)state;
  kv_ov_model *model = compiled(ADD_NET("?,3", "f32"));
  float x[6] = {0}, y[6] = {7};
  int64_t good[] = {2, 3}, wide[] = {2, 4}, negative[] = {-1, 3};
  kv_ov_input in[] = {{KVINO_F32, 2, good, x}, {KVINO_F32, 2, good, x}};
  kv_ov_output out = {.data = y, .rank = 2, .shape = {2, 3}};
  const kv_ov_port *port = kv_ov_model_input(model, 1);
  assert_int_equal(kv_ov_model_inputs(model), 2);
  assert_int_equal(kv_ov_model_outputs(model), 1);
  assert_true(!port->is_static && port->rank == 2 && port->shape[0] == -1 && port->shape[1] == 3);

  assert_fails(kv_ov_infer(model, in, 1, &out, 1, &err), KVINO_INVALID);
  assert_says("1 inputs and 1 outputs given to a model of 2 and 1");
  in[1].dtype = KVINO_F64;
  assert_fails(kv_ov_infer(model, in, 2, &out, 1, &err), KVINO_TYPE);
  assert_says("input 1 has dtype float64, the model takes float32");
  in[1] = (kv_ov_input){KVINO_F32, 2, wide, x};
  assert_fails(kv_ov_infer(model, in, 2, &out, 1, &err), KVINO_INVALID);
  assert_says("input 1 has shape (2, 4), the model takes (None, 3)");
  in[1] = (kv_ov_input){KVINO_F32, 1, good + 1, x};
  assert_fails(kv_ov_infer(model, in, 2, &out, 1, &err), KVINO_INVALID);
  assert_says("(3,)");
  in[1] = (kv_ov_input){KVINO_F32, 2, negative, x};
  assert_fails(kv_ov_infer(model, in, 2, &out, 1, &err), KVINO_INVALID);
  in[1] = (kv_ov_input){KVINO_F32, 17, good, x};
  assert_fails(kv_ov_infer(model, in, 2, &out, 1, &err), KVINO_INVALID);
  in[1] = (kv_ov_input){KVINO_F32, 2, good, NULL};
  assert_fails(kv_ov_infer(model, in, 2, &out, 1, &err), KVINO_INVALID);
  assert_says("input 1 has no data");
  in[1].data = x;
  out.shape[1] = 4;
  assert_fails(kv_ov_infer(model, in, 2, &out, 1, &err), KVINO_INVALID);
  assert_says("output 0 has shape (2, 4)");
  assert_true(y[0] == 7 && out.data == y);
  kv_ov_model_release(model);
}

/* Trap: rank 0 is refused by ov_shape_create and ov_tensor_get_shape. Scalars work in both ways of output. */
static void scalars_trap(void **state) {
  (void)state;
  kv_ov_model *model = compiled(ADD_NET("", "f32"));
  float x = 2, y = 0;
  kv_ov_input in[] = {{KVINO_F32, 0, NULL, &x}, {KVINO_F32, 0, NULL, &x}};
  kv_ov_output out = {.data = &y};
  assert_int_equal(kv_ov_model_output(model, 0)->rank, 0);
  assert_int_equal(kv_ov_model_output(model, 0)->bytes, 4);
  assert_ok(kv_ov_infer(model, in, 2, &out, 1, &err));
  assert_true(y == 4 && out.rank == 0 && out.bytes == 4 && !out.owner);
  out.data = NULL;
  assert_ok(kv_ov_infer(model, in, 2, &out, 1, &err));
  assert_true(*(float *)out.data == 4 && out.rank == 0 && out.bytes == 4 && out.owner);
  kv_ov_result_release(out.owner);
  kv_ov_model_release(model);
}

/* An output whose very rank is unknown: CPU has none of it, and says so. */
static void outputs_of_unknown_rank(void **state) {
  (void)state;
  const char *ir = NET(PARAMETER(0, "6", "f32") PARAMETER(1, "?", "i64")
                           LAYER(2, "Reshape", 1, "<data special_zero=\"false\"/>", IN2, OUT) RESULT(3),
                       EDGE(0, 2, 0) EDGE(1, 2, 1) EDGE(2, 3, 0));
  kv_ov_model *model = NULL;
  assert_fails(compile_on("CPU", ir, NULL, 0, NULL, 0, &model, &err), KVINO_DEVICE);
  assert_says("dynamic rank");
  assert_null(model);
}

/* Trap: tensors over NULL are refused even where there are no elements. */
static void empty_tensors_trap(void **state) {
  (void)state;
  static const char *const nets[] = {ADD_NET("0,3", "f32"), ADD_NET("?,3", "f32")};
  int64_t shape[] = {0, 3};
  float y = 5;
  for (int i = 0; i < 2; i++) {
    kv_ov_model *model = compiled(nets[i]);
    kv_ov_input in[] = {{KVINO_F32, 2, shape, NULL}, {KVINO_F32, 2, shape, NULL}};
    kv_ov_output out = {.data = &y, .rank = 2, .shape = {0, 3}};
    assert_ok(kv_ov_infer(model, in, 2, &out, 1, &err));
    assert_true(out.rank == 2 && out.shape[0] == 0 && out.shape[1] == 3 && out.bytes == 0 && y == 5);
    out.data = NULL;
    assert_ok(kv_ov_infer(model, in, 2, &out, 1, &err));
    assert_true(out.shape[0] == 0 && out.bytes == 0 && out.data);
    kv_ov_result_release(out.owner);
    kv_ov_model_release(model);
  }
  kv_ov_model *model = compiled(NONZERO_NET("4"));
  float zeros[4] = {0};
  int64_t four[] = {4};
  kv_ov_input in = {KVINO_F32, 1, four, zeros};
  kv_ov_output out = {0};
  assert_ok(kv_ov_infer(model, &in, 1, &out, 1, &err));
  assert_true(out.rank == 2 && out.shape[0] == 1 && out.shape[1] == 0 && out.bytes == 0 && out.data);
  kv_ov_result_release(out.owner);
  kv_ov_model_release(model);
}

/* Results of unknown shape are handed over: they grow, and a result that is held is never written again. */
static void results_are_handed_over(void **state) {
  (void)state;
  enum { N = 5000 };
  static float x[N];
  kv_ov_model *model = compiled(NONZERO_NET("?"));
  int64_t shape[] = {N};
  kv_ov_input in = {KVINO_F32, 1, shape, x};
  kv_ov_output held[6];
  for (int k = 0; k < 6; k++) { /* 1, 10, ... 5000 hits and back */
    static const int hits[] = {1, 10, 5000, 100, 0, 3};
    for (int i = 0; i < N; i++) x[i] = i >= N - hits[k];
    held[k] = (kv_ov_output){0};
    assert_ok(kv_ov_infer(model, &in, 1, &held[k], 1, &err));
    assert_int_equal(held[k].dtype, KVINO_I64);
    assert_int_equal(held[k].shape[1], hits[k]);
    if (k == 1) { /* given back: the next inference may write there */
      kv_ov_result_release(held[k].owner);
      held[k].owner = NULL;
    }
  }
  kv_ov_model_release(model); /* results outlive it */
  static const int hits[] = {1, 0, 5000, 100, 0, 3};
  for (int k = 0; k < 6; k++) {
    if (!held[k].owner) continue;
    for (int i = 0; i < hits[k]; i++) assert_int_equal(((int64_t *)held[k].data)[i], N - hits[k] + i);
    kv_ov_result_release(held[k].owner);
  }
  kv_ov_result_release(NULL);
}

/* The caller may give memory for an output of dynamic shape that it knows; another shape is an error, never an overrun.
 */
static void expected_shapes_are_checked(void **state) {
  (void)state;
  kv_ov_model *model = compiled(NONZERO_NET("?"));
  float x[] = {0, 1, 0, 1, 1};
  int64_t shape[] = {5}, y[8];
  kv_ov_input in = {KVINO_F32, 1, shape, x};
  for (int round = 0; round < 2; round++)
    for (int expected = 1; expected <= 4; expected++) {
      memset(y, -1, sizeof y);
      kv_ov_output out = {.data = y, .rank = 2, .shape = {1, expected}};
      kvino_status status = kv_ov_infer(model, &in, 1, &out, 1, &err);
      if (expected == 3) {
        assert_int_equal(status, KVINO_OK);
        assert_true(y[0] == 1 && y[1] == 3 && y[2] == 4 && out.bytes == 24 && !out.owner);
      } else
        assert_int_equal(status, KVINO_DEVICE);
      for (int i = expected; i < 8; i++) assert_int_equal(y[i], -1);
    }
  kv_ov_model_release(model);
  enum { BIG = 3000 }; /* the same beyond what is copied */
  static float many[BIG];
  static int64_t found[BIG];
  int64_t big[] = {BIG};
  model = compiled(NONZERO_NET("?"));
  for (int i = 0; i < BIG; i++) many[i] = 1;
  in = (kv_ov_input){KVINO_F32, 1, big, many};
  kv_ov_output out = {.data = found, .rank = 2, .shape = {1, BIG}};
  assert_ok(kv_ov_infer(model, &in, 1, &out, 1, &err));
  assert_int_equal(found[BIG - 1], BIG - 1);
  memset(found, -1, sizeof found);
  out.shape[1] = 2000;
  assert_fails(kv_ov_infer(model, &in, 1, &out, 1, &err), KVINO_DEVICE);
  assert_int_equal(found[2000], -1);
  many[0] = 0;
  out.shape[1] = BIG;
  assert_fails(kv_ov_infer(model, &in, 1, &out, 1, &err), KVINO_DEVICE);
  assert_says("output 0 came out with shape (1, 2999) where (1, 3000) was expected");
  kv_ov_model_release(model);
}

/* Trap: a Parameter wired straight to a Result shares its tensor, and the output would replace the input. */
static void parameter_to_result_trap(void **state) {
  (void)state;
  float x[] = {1, 2}, y[2] = {0}, z[2] = {0};
  int64_t shape[] = {2};
  kv_ov_input in = {KVINO_F32, 1, shape, x};
  kv_ov_output out[] = {{.data = y}, {.data = z}};
  kv_ov_model *model = compiled(NET(PARAMETER(0, "2", "f32") RESULT(1) LAYER(2, "Negative", 1, "", IN1, OUT) RESULT(3),
                                    EDGE(0, 1, 0) EDGE(0, 2, 0) EDGE(2, 3, 0)));
  assert_fails(kv_ov_infer(model, &in, 1, out, 2, &err), KVINO_UNSUPPORTED);
  assert_says("input 0 of the model is wired straight to an output");
  kv_ov_model_release(model);
  model = compiled(NET(PARAMETER(0, "2", "f32") LAYER(4, "Convert", 1, "<data destination_type=\"f32\"/>", IN1, OUT)
                           RESULT(1) LAYER(2, "Negative", 1, "", IN1, OUT) RESULT(3),
                       EDGE(0, 4, 0) EDGE(4, 1, 0) EDGE(0, 2, 0) EDGE(2, 3, 0)));
  assert_ok(kv_ov_infer(model, &in, 1, out, 2, &err));
  assert_true(y[0] == 1 && y[1] == 2 && z[0] == -1 && z[1] == -2 && x[0] == 1);
  kv_ov_model_release(model);
}

/* Large and small, at addresses that move and are not aligned: what is bound is always what was given. */
static void memory_may_move(void **state) {
  (void)state;
  static const struct {
    const char *ir;
    int64_t n;
  } cases[] = {{ADD_NET("16", "f32"), 16},
               {ADD_NET("?", "f32"), 16},
               {ADD_NET("20000", "f32"), 20000},
               {ADD_NET("?", "f32"), 20000}};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    kv_ov_model *model = compiled(cases[c].ir);
    size_t bytes = (size_t)cases[c].n * 4;
    int64_t shape[] = {cases[c].n};
    char *memory = malloc(bytes * 8 + 64);
    for (int round = 0; round < 12; round++) {
      size_t shift = (size_t)(round % 4);
      char *a = memory + shift, *b = memory + bytes * (1 + (size_t)(round % 3)) + shift,
           *y = memory + bytes * (5 + (size_t)(round % 2)) + shift;
      for (int64_t i = 0; i < cases[c].n; i++) {
        float u = (float)(i + round), v = (float)(i * 2);
        memcpy(a + 4 * i, &u, 4);
        memcpy(b + 4 * i, &v, 4);
      }
      kv_ov_input in[] = {{KVINO_F32, 1, shape, a}, {KVINO_F32, 1, shape, b}};
      kv_ov_output out = {.data = y, .rank = 1, .shape = {cases[c].n}};
      bool lend = round == 5 || round == 9;
      if (lend) out.data = NULL;
      assert_ok(kv_ov_infer(model, in, 2, &out, 1, &err));
      for (int64_t i = 0; i < cases[c].n; i++) {
        float got;
        memcpy(&got, (char *)out.data + 4 * i, 4);
        if (got != (float)(3 * i + round)) fail_msg("case %zu round %d element %d: %g", c, round, (int)i, (double)got);
      }
      kv_ov_result_release(out.owner);
    }
    free(memory);
    kv_ov_model_release(model);
  }
}

static void many_ports(void **state) {
  (void)state;
  kv_ov_model *model =
      compiled(NET(PARAMETER(0, "2", "f32") PARAMETER(1, "1", "f32") ADD(2) LAYER(3, "Multiply", 1, "", IN2, OUT)
                       RESULT(4) RESULT(5) RESULT(6),
                   EDGE(0, 2, 0) EDGE(1, 2, 1) EDGE(0, 3, 0) EDGE(1, 3, 1) EDGE(3, 4, 0) EDGE(2, 5, 0) EDGE(2, 6, 0)));
  float a[] = {3, 4}, b[] = {10}, y[3][2];
  int64_t two[] = {2}, one[] = {1};
  kv_ov_input in[] = {{KVINO_F32, 1, two, a}, {KVINO_F32, 1, one, b}};
  kv_ov_output out[] = {{.data = y[0]}, {.data = y[1]}, {.data = y[2]}};
  assert_ok(kv_ov_infer(model, in, 2, out, 3, &err));
  assert_true(y[0][0] == 30 && y[0][1] == 40 && y[1][0] == 13 && y[1][1] == 14 && y[2][1] == 14);
  kv_ov_model_release(model);
}

/* ---- threads ---- */

enum { ROUNDS = 400 };

static void *infer_many(void *context) {
  job *j = context;
  int64_t shape[1];
  for (int round = 0; round < ROUNDS && !j->wrong; round++) {
    float a[48], b[48], y[48];
    int n = kv_ov_model_input(j->model, 0)->is_static ? 16 : 1 + (round + j->seed) % 48;
    shape[0] = n;
    for (int i = 0; i < n; i++) {
      a[i] = (float)(j->seed * 1000 + round);
      b[i] = (float)i;
    }
    kv_ov_input in[] = {{KVINO_F32, 1, shape, a}, {KVINO_F32, 1, shape, b}};
    kv_ov_output out = {.data = round % 3 ? y : NULL, .rank = 1, .shape = {n}};
    if (kv_ov_infer(j->model, in, 2, &out, 1, &j->error))
      j->wrong++;
    else
      for (int i = 0; i < n; i++) j->wrong += ((float *)out.data)[i] != a[i] + b[i];
    kv_ov_result_release(out.owner);
  }
  return NULL;
}

static void one_model_many_threads(void **state) {
  (void)state;
  static const char *const nets[] = {ADD_NET("16", "f32"), ADD_NET("?", "f32")};
  static const kvino_property ways[] = {
      {"streams", "0"}, {"performance_hint", "throughput"}, {"performance_hint", "latency"}};
  for (int net = 0; net < 2; net++)
    for (int way = 0; way < 3; way++) {
      pthread_t threads[THREADS];
      job jobs[THREADS];
      kv_ov_model *model;
      assert_ok(compile_on("CPU", nets[net], NULL, 0, &ways[way], 1, &model, &err));
      for (int i = 0; i < THREADS; i++) {
        jobs[i] = (job){.model = model, .seed = i};
        assert_int_equal(pthread_create(&threads[i], NULL, infer_many, &jobs[i]), 0);
      }
      for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
      for (int i = 0; i < THREADS; i++)
        if (jobs[i].wrong) fail_msg("net %d, way %d, thread %d: %s", net, way, i, jobs[i].error.text);
      kv_ov_model_release(model);
    }
}

/* ScatterUpdate fails while it runs where an index is out of range; the text names the layer. */
static const char *failing_net(int name, char text[2000]) {
  snprintf(text, 2000,
           NET(PARAMETER(0, "4", "f32") PARAMETER(1, "1", "i32") PARAMETER(2, "1", "f32")
                   CONST(3, "", "i32", 0,
                         4) "<layer id=\"4\" name=\"faulty_%d_\" type=\"ScatterUpdate\" version=\"opset3\">" IN4 OUT
                            "</layer>" RESULT(5),
               EDGE(0, 4, 0) EDGE(1, 4, 1) EDGE(2, 4, 2) EDGE(3, 4, 3) EDGE(4, 5, 0)),
           name);
  return text;
}

static const int32_t axis_zero = 0;

static kv_ov_model *failing_model(int name) {
  char text[2000];
  kv_ov_model *model = NULL;
  kvino_property streams = {"streams", "0"};
  assert_ok(compile_on("CPU", failing_net(name, text), &axis_zero, 4, &streams, 1, &model, &err));
  return model;
}

static void *fail_to_infer(void *context) {
  job *j = context;
  char name[32];
  int64_t four[] = {4}, one[] = {1};
  snprintf(name, sizeof name, "faulty_%d_", j->seed);
  for (int round = 0; round < 60 && !j->wrong; round++) {
    float x[4] = {0}, update[1] = {9}, y[4];
    int32_t index = round % 2 ? 100 : 3;
    kv_ov_input in[] = {{KVINO_F32, 1, four, x}, {KVINO_I32, 1, one, &index}, {KVINO_F32, 1, one, update}};
    kv_ov_output out = {.data = y};
    kvino_status status = kv_ov_infer(j->model, in, 3, &out, 1, &j->error);
    if (round % 2)
      j->wrong += status != KVINO_DEVICE || !strstr(j->error.text, name);
    else
      j->wrong += status != KVINO_OK || y[3] != 9;
  }
  return NULL;
}

static void *fail_to_compile(void *context) {
  job *j = context;
  for (int round = 0; round < 20 && !j->wrong; round++) {
    char ir[1000], name[32];
    kv_ov_model *model;
    snprintf(name, sizeof name, "Unheard%d_", j->seed);
    snprintf(ir, sizeof ir,
             NET(PARAMETER(0, "4", "f32") LAYER(1, "%s", 1, "", IN1, OUT) RESULT(2), EDGE(0, 1, 0) EDGE(1, 2, 0)),
             name);
    j->wrong +=
        compile_on("CPU", ir, NULL, 0, NULL, 0, &model, &j->error) != KVINO_DEVICE || !strstr(j->error.text, name);
  }
  return NULL;
}

/* Trap: the text of the last error is one for the process. Failures at the same time in many threads keep their own. */
static void error_text_trap_many_threads(void **state) {
  (void)state;
  pthread_t threads[THREADS];
  job jobs[THREADS];
  kv_ov_model *model = compiled(ADD_NET("16", "f32"));
  for (int i = 0; i < THREADS; i++) {
    void *(*task)(void *) = i < 4 ? fail_to_infer : i < 6 ? fail_to_compile : infer_many;
    jobs[i] = (job){.model = i < 4 ? failing_model(i) : kv_ov_model_retain(model), .seed = i};
    assert_int_equal(pthread_create(&threads[i], NULL, task, &jobs[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    kv_ov_model_release(jobs[i].model);
  }
  kv_ov_model_release(model);
  for (int i = 0; i < THREADS; i++)
    if (jobs[i].wrong) fail_msg("thread %d has the text: %s", i, jobs[i].error.text);
}

/* ---- asynchronous ---- */

static void count_done(void *context) { atomic_fetch_add((atomic_int *)context, 1); }

static void async_many_at_once(void **state) {
  (void)state;
  enum { N = 40 };
  static const kvino_property ways[] = {{"streams", "0"}, {"performance_hint", "throughput"}};
  for (int way = 0; way < 2; way++)
    for (int round = 0; round < 3; round++) {
      kv_ov_model *model;
      atomic_int done = 0;
      float a[N][16], b[16] = {0}, y[N][16];
      int64_t shape[] = {16};
      kv_ov_run *runs[N];
      assert_ok(compile_on("CPU", ADD_NET("16", "f32"), NULL, 0, &ways[way], 1, &model, &err));
      for (int k = 0; k < N; k++) {
        for (int i = 0; i < 16; i++) a[k][i] = (float)(k * 16 + i);
        kv_ov_input in[] = {{KVINO_F32, 1, shape, a[k]}, {KVINO_F32, 1, shape, b}};
        kv_ov_output out = {.data = y[k]};
        assert_ok(kv_ov_start(model, in, 2, &out, 1, k % 4 ? count_done : NULL, &done, &runs[k], &err));
      }
      kv_ov_model_release(model); /* runs keep it */
      for (int k = 0; k < N; k++) {
        kv_ov_output out;
        assert_ok(kv_ov_wait(runs[k], &out, &err));
        assert_ptr_equal(out.data, y[k]);
        assert_memory_equal(y[k], a[k], sizeof y[k]);
      }
      assert_int_equal(atomic_load(&done), N - N / 4);
    }
}

static void async_errors(void **state) {
  (void)state;
  kv_ov_model *model = failing_model(77);
  int64_t four[] = {4}, one[] = {1};
  float x[4] = {0}, update[1] = {9}, y[4];
  atomic_int done = 0;
  for (int round = 0; round < 4; round++) {
    int32_t index = round % 2 ? 2 : 100;
    kv_ov_run *run = NULL;
    kv_ov_input in[] = {{KVINO_F32, 1, four, x}, {KVINO_I32, 1, one, &index}, {KVINO_F32, 1, one, update}};
    kv_ov_output out = {.data = y};
    kvino_status status = kv_ov_start(model, in, 3, &out, 1, count_done, &done, &run, &err);
    if (!status) status = kv_ov_wait(run, &out, &err);
    if (round % 2) {
      assert_int_equal(status, KVINO_OK);
      assert_true(y[2] == 9);
    } else {
      assert_int_equal(status, KVINO_DEVICE);
      assert_says("faulty_77_");
    }
  }
  assert_int_equal(atomic_load(&done), 4); /* called for failures as well */
  kv_ov_model_release(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(compile_errors_carry_openvinos_text),
      cmocka_unit_test(weights_trap_are_not_copied),
      cmocka_unit_test(types_trap_numbering),
      cmocka_unit_test(precision_trap_default_is_f32),
      cmocka_unit_test(inputs_are_checked),
      cmocka_unit_test(scalars_trap),
      cmocka_unit_test(outputs_of_unknown_rank),
      cmocka_unit_test(empty_tensors_trap),
      cmocka_unit_test(results_are_handed_over),
      cmocka_unit_test(expected_shapes_are_checked),
      cmocka_unit_test(parameter_to_result_trap),
      cmocka_unit_test(memory_may_move),
      cmocka_unit_test(many_ports),
      cmocka_unit_test(one_model_many_threads),
      cmocka_unit_test(error_text_trap_many_threads),
      cmocka_unit_test(async_many_at_once),
      cmocka_unit_test(async_errors),
  };
  return cmocka_run_group_tests_name("compiling and inference", tests, NULL, NULL);
}
