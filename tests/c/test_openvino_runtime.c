/* OpenVINO below the graph: finding it, devices, properties, compiling IR text, inference from one and many threads,
 * the cache. Each trap of OpenVINO's C API that src/openvino handles has its test here (named "trap"). The IR is
 * written by hand. OpenVINO itself must be installed: without it these tests fail, saying where it was looked for. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sanitizer_dlopen.h"

#include "base/memory.h"
#include "openvino/cache.h"
#include "openvino/infer.h"
#include "openvino/runtime.h"
#include "openvino/search.h"

#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- IR: layers by number, every output port is number 9 ---- */

#define LAYER(id, type, set, data, in, out)                                                                            \
  "<layer id=\"" #id "\" name=\"n" #id "\" type=\"" type "\" version=\"opset" #set "\">" data in out "</layer>"
#define IN1 "<input><port id=\"0\"/></input>"
#define IN2 "<input><port id=\"0\"/><port id=\"1\"/></input>"
#define IN4 "<input><port id=\"0\"/><port id=\"1\"/><port id=\"2\"/><port id=\"3\"/></input>"
#define OUT "<output><port id=\"9\" precision=\"FP32\"/></output>"
#define PARAMETER(id, shape, type)                                                                                     \
  LAYER(id, "Parameter", 1, "<data shape=\"" shape "\" element_type=\"" type "\"/>", "", OUT)
#define CONST(id, shape, type, offset, size)                                                                           \
  LAYER(id, "Const", 1,                                                                                                \
        "<data shape=\"" shape "\" element_type=\"" type "\" offset=\"" #offset "\" size=\"" #size "\"/>", "", OUT)
#define ADD(id) LAYER(id, "Add", 1, "", IN2, OUT)
#define RESULT(id) LAYER(id, "Result", 1, "", IN1, "")
#define EDGE(from, to, port)                                                                                           \
  "<edge from-layer=\"" #from "\" from-port=\"9\" to-layer=\"" #to "\" to-port=\"" #port "\"/>"
#define NET(layers, edges) "<net version=\"11\"><layers>" layers "</layers><edges>" edges "</edges></net>"

#define ADD_NET(shape, type)                                                                                           \
  NET(PARAMETER(0, shape, type) PARAMETER(1, shape, type) ADD(2) RESULT(3), EDGE(0, 2, 0) EDGE(1, 2, 1) EDGE(2, 3, 0))
#define NONZERO_NET(shape)                                                                                             \
  NET(PARAMETER(0, shape, "f32") LAYER(1, "NonZero", 3, "<data output_type=\"i64\"/>", IN1, OUT) RESULT(2),            \
      EDGE(0, 1, 0) EDGE(1, 2, 0))

static kvino_error err;

#define assert_ok(call)                                                                                                \
  do {                                                                                                                 \
    if ((call) != KVINO_OK) fail_msg("%s: %s", #call, err.text);                                                       \
  } while (0)
#define assert_fails(call, expected)                                                                                   \
  do {                                                                                                                 \
    err.text[0] = 0;                                                                                                   \
    assert_int_equal((call), (expected));                                                                              \
  } while (0)
#define assert_says(part)                                                                                              \
  do {                                                                                                                 \
    if (!strstr(err.text, part)) fail_msg("\"%s\" is not in \"%s\"", part, err.text);                                  \
  } while (0)

static kvino_status compile_on(const char *device, const char *ir, const void *weights, size_t bytes,
                               const kvino_property *p, size_t n, kv_ov_model **model, kvino_error *e) {
  kv_ov_config *config;
  kv_ov_key key = kv_ov_fingerprint(kv_ov_fingerprint((kv_ov_key){{0}}, ir, strlen(ir)), weights, weights ? bytes : 0);
  kv_ov_program program = {.ir = ir, .ir_length = strlen(ir), .weights = weights, .weights_bytes = bytes, .key = &key};
  kvino_status status = kv_ov_config_new(device, p, n, &config, e);
  if (status) return status;
  status = kv_ov_compile(&program, config, model, e);
  kv_ov_config_free(config);
  return status;
}

static kv_ov_model *compiled(const char *ir) {
  kv_ov_model *model = NULL;
  kvino_property streams = {"streams", "0"};
  assert_ok(compile_on("CPU", ir, NULL, 0, &streams, 1, &model, &err));
  return model;
}

/* ---- finding the library; before anything opens it ---- */

static char offered[KV_OV_PATH];
static bool refuse(const char *path, char *why, size_t bytes) {
  snprintf(offered, sizeof offered, "%s", path);
  snprintf(why, bytes, "refused");
  return false;
}
static bool accept(const char *path, char *why, size_t bytes) {
  (void)why, (void)bytes;
  snprintf(offered, sizeof offered, "%s", path);
  return true;
}

static char *saved;
static void set_place(const char *place) {
  const char *now = getenv("KVINO_OPENVINO");
  if (!saved) saved = strdup(now ? now : "");
  if (place)
    setenv("KVINO_OPENVINO", place, 1);
  else
    unsetenv("KVINO_OPENVINO");
}
static int restore_place(void **state) {
  (void)state;
  if (saved && *saved)
    setenv("KVINO_OPENVINO", saved, 1);
  else if (saved)
    unsetenv("KVINO_OPENVINO");
  free(saved);
  saved = NULL;
  return 0;
}

static void search_says_where_it_looked(void **state) {
  (void)state;
  const char *found = NULL;
  set_place("/nonexistent/place");
  assert_fails(kv_ov_search(refuse, &found, &err), KVINO_DEVICE);
  assert_says("KVINO_OPENVINO");
  assert_says("/nonexistent/place");
  assert_null(found);
  set_place(NULL);
  assert_ok(kvino_openvino_add_hint("/a/hint", &err));
  assert_ok(kvino_openvino_add_hint("/a/hint", &err));
  assert_fails(kv_ov_search(refuse, &found, &err), KVINO_DEVICE);
  assert_says("pip install openvino");
  assert_says("this process");
  assert_says("/a/hint");
  assert_null(strstr(strstr(err.text, "/a/hint") + 1, "/a/hint"));
  assert_says("/opt/intel/openvino*");
  assert_says("/usr/lib/x86_64-linux-gnu");
  assert_fails(kvino_openvino_add_hint("", &err), KVINO_INVALID);
  assert_fails(kvino_openvino_add_hint(NULL, &err), KVINO_INVALID);
}

static void touch(const char *path) {
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fclose(f);
}

/* Trap: the library cannot be opened through a link from elsewhere; a directory may hold several versions. */
static void search_trap_real_path_and_newest(void **state) {
  (void)state;
  const char *found = NULL;
  char root[] = "/tmp/kvino-search-XXXXXX", path[200], link[200];
  assert_non_null(mkdtemp(root));
  snprintf(path, sizeof path, "%s/libopenvino_c.so.2500", root);
  touch(path);
  snprintf(path, sizeof path, "%s/libopenvino_c.so.2641", root);
  touch(path);
  snprintf(link, sizeof link, "%s/elsewhere.so", root);
  assert_int_equal(symlink(path, link), 0);

  set_place(root);
  assert_ok(kv_ov_search(accept, &found, &err));
  assert_string_equal(offered, path);
  set_place(link);
  assert_ok(kv_ov_search(accept, &found, &err));
  assert_string_equal(offered, path);
  assert_string_equal(found, "KVINO_OPENVINO");
  set_place(NULL);
  assert_ok(kvino_openvino_add_hint(root, &err));
  assert_ok(kv_ov_search(accept, &found, &err));
  assert_string_equal(offered, path);
  assert_string_equal(found, "the Python package");

  unlink(link);
  unlink(path);
  snprintf(path, sizeof path, "%s/libopenvino_c.so.2500", root);
  unlink(path);
  rmdir(root);
}

/* Opens OpenVINO in a child, where KVINO_OPENVINO is `place`: a failure must leave this process untouched. */
static kvino_status open_in_child(const char *place) {
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  if (!child) {
    setenv("KVINO_OPENVINO", place, 1);
    kv_ov_runtime(&err);
    _exit(write(ends[1], &err, sizeof err) != sizeof err);
  }
  memset(&err, 0, sizeof err);
  close(ends[1]);
  assert_int_equal(read(ends[0], &err, sizeof err), sizeof err);
  close(ends[0]);
  assert_int_equal(waitpid(child, NULL, 0), child);
  return err.status;
}

static void library_that_is_not_openvino(void **state) {
  (void)state;
  assert_fails(open_in_child("/nonexistent"), KVINO_DEVICE);
  assert_says("/nonexistent (No such file or directory)");
  assert_fails(open_in_child("/lib/x86_64-linux-gnu/libm.so.6"), KVINO_DEVICE);
  assert_says("libm.so.6");
  assert_says("lacks the function ov_get_openvino_version");
  assert_fails(open_in_child("/etc/passwd"), KVINO_DEVICE);
  assert_says("/etc/passwd");
}

static void library_is_found(void **state) {
  (void)state;
  kvino_openvino_info info;
  assert_null(kv_ov_core());
  assert_ok(kvino_openvino_get_info(&info, &err));
  assert_true(info.major >= 2025);
  assert_int_equal(info.library[0], '/');
  assert_non_null(strstr(info.library, "libopenvino_c.so"));
  assert_int_equal(atoi(info.version), info.major);
  assert_true(*info.found != 0);
  assert_non_null(kv_ov_core());
}

/* ---- devices ---- */

static void devices_are_listed(void **state) {
  (void)state;
  kvino_device *devices;
  size_t n;
  bool cpu = false;
  assert_ok(kvino_devices_list(&devices, &n, &err));
  for (size_t i = 0; i < n; i++) {
    assert_true(*devices[i].full_name != 0);
    if (strcmp(devices[i].name, "CPU")) continue;
    cpu = true;
    assert_non_null(strstr(devices[i].capabilities, "FP32"));
  }
  assert_true(cpu);
  kvino_devices_free(devices, n);
  kvino_devices_free(NULL, 0);
}

static void device_strings(void **state) {
  (void)state;
  static const char *const good[] = {"CPU",       "cpu",        "AUTO",         "AUTO:CPU",  "auto:-GPU,CPU",
                                     "MULTI:CPU", "HETERO:CPU", "MULTI:CPU(2)", "BATCH:CPU", "BATCH:CPU(4)"};
  static const struct {
    const char *text, *why;
  } bad[] = {{"", "empty"},
             {":CPU", "a device name is missing"},
             {"CPU,", "a list needs"},
             {"CPU,GPU", "a list needs"},
             {"CPU GPU", "letter, digit or comma"},
             {"AUTO:", "a device name is missing"},
             {"AUTO:CPU,", "a device name is missing"},
             {"AUTO:CPU,,GPU", "a device name is missing"},
             {"AUTO:CPU,CPU", "twice"},
             {"MULTI", "which devices"},
             {"HETERO", "which devices"},
             {"BATCH", "which devices"},
             {"BATCH:CPU,GPU", "too many"},
             {"BATCH:CPU(", "a number is expected"},
             {"BATCH:CPU(x)", "a number is expected"},
             {"AUTO:CPU(4)", "letter, digit or comma"},
             {"HETERO:-CPU", "leave out"},
             {"MULTI:AUTO,CPU", "inside one another"},
             {"1GPU", "a device name is missing"},
             {"GPU.", "letter, digit or comma"},
             {"CPU;rm", "letter, digit or comma"}};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_ok(kvino_device_check(good[i], &err));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_fails(kvino_device_check(bad[i].text, &err), KVINO_INVALID);
    assert_says(bad[i].why);
  }
  assert_fails(kvino_device_check(NULL, &err), KVINO_INVALID);
  char much[400];
  memset(much, 'A', sizeof much - 1);
  much[sizeof much - 1] = 0;
  assert_fails(kvino_device_check(much, &err), KVINO_INVALID);
}

static void absent_devices(void **state) {
  (void)state;
  static const char *const absent[] = {"TPU", "CPU.7", "AUTO:CPU,TPU", "HETERO:TPU,CPU"};
  for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
    assert_fails(kvino_device_check(absent[i], &err), KVINO_DEVICE);
    assert_says(i == 1 ? "device 'CPU.7' is not available; present: " : "device 'TPU' is not available; present: ");
    assert_says("CPU (");
  }
}

/* ---- properties ---- */

static void properties_are_checked(void **state) {
  (void)state;
  static const struct {
    kvino_property property;
    const char *why;
  } bad[] = {{{"fastness", "11"},
              "unknown property 'fastness'; there are: performance_hint, precision, execution_mode, threads, "},
             {{"NOT_A_KEY", "1"}, "unknown property 'NOT_A_KEY'"},
             {{"", ""}, "unknown property ''"},
             {{"precision", "f64"}, "property 'precision' does not take 'f64'; it takes f32|f16|bf16|dynamic"},
             {{"precision", ""}, "does not take ''"},
             {{"precision", "f32|f16"}, "does not take"},
             {{"threads", "-1"}, "it takes a number"},
             {{"threads", "many"}, "it takes a number"},
             {{"threads", "4x"}, "it takes a number"},
             {{"threads", "99999999999"}, "it takes a number"},
             {{"streams", "some"}, "a number|auto|numa"},
             {{"profiling", "maybe"}, "yes|no"},
             {{"cache_dir", ""}, "a text"},
             {{"INFERENCE_PRECISION_HINT", "f31"}, "f32|f16|bf16|dynamic"},
             {{"priority", "high"}, "device 'CPU' does not know property 'priority'"},
             {{NULL, "1"}, "NULL"},
             {{"threads", NULL}, "NULL"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_fails(kvino_properties_check("CPU", 1, &bad[i].property, &err), KVINO_INVALID);
    assert_says(bad[i].why);
  }
  kvino_property twice[] = {{"precision", "f32"}, {"INFERENCE_PRECISION_HINT", "f32"}};
  assert_fails(kvino_properties_check("CPU", 2, twice, &err), KVINO_INVALID);
  assert_says("given twice");
  assert_fails(kvino_properties_check("TPU", 1, twice, &err), KVINO_DEVICE);

  size_t n;
  const kvino_property_info *rows = kvino_properties_list(&n);
  assert_true(n >= 12);
  for (size_t i = 0; i < n; i++) assert_true(*rows[i].name && *rows[i].key && *rows[i].values && *rows[i].help);
}

static void config_text_is_canonical(void **state) {
  (void)state;
  kvino_property one[] = {{"threads", "2"}, {"precision", "F32"}, {"profiling", "true"}};
  kvino_property other[] = {{"PERF_COUNT", "YES"}, {"INFERENCE_PRECISION_HINT", "f32"}, {"INFERENCE_NUM_THREADS", "2"}};
  kv_ov_config *a, *b, *c;
  assert_ok(kv_ov_config_new("cpu", one, 3, &a, &err));
  assert_ok(kv_ov_config_new("CPU", other, 3, &b, &err));
  assert_ok(kv_ov_config_new(NULL, NULL, 0, &c, &err));
  assert_string_equal(a->text, "CPU|INFERENCE_NUM_THREADS=2|INFERENCE_PRECISION_HINT=f32|PERF_COUNT=YES");
  assert_string_equal(a->text, b->text);
  assert_string_equal(c->text, "CPU");
  kv_ov_config_free(a);
  kv_ov_config_free(b);
  kv_ov_config_free(c);
  kv_ov_config_free(NULL);
}

/* Every property of the table that CPU knows is taken by it. */
static void properties_reach_the_device(void **state) {
  (void)state;
  kvino_property p[] = {{"performance_hint", "throughput"},
                        {"execution_mode", "performance"},
                        {"threads", "1"},
                        {"streams", "auto"},
                        {"requests", "2"},
                        {"profiling", "on"},
                        {"pinning", "no"},
                        {"hyper_threading", "no"},
                        {"core_type", "any_core"},
                        {"denormals", "yes"},
                        {"log_level", "error"},
                        {"kv_cache_precision", "f32"},
                        {"quantization_group", "0"},
                        {"batching", "no"}};
  for (size_t i = 0; i < sizeof p / sizeof *p; i++) {
    kv_ov_model *model;
    if (compile_on("CPU", ADD_NET("4", "f32"), NULL, 0, &p[i], 1, &model, &err))
      fail_msg("%s: %s", p[i].name, err.text);
    kv_ov_model_release(model);
  }
  kv_ov_model *model;
  char *value;
  assert_ok(compile_on("CPU", ADD_NET("4", "f32"), NULL, 0, p, 3, &model, &err));
  assert_ok(kv_ov_model_property(model, "INFERENCE_NUM_THREADS", &value, &err));
  assert_string_equal(value, "1");
  kv_free(value);
  assert_ok(kv_ov_model_property(model, "PERFORMANCE_HINT", &value, &err));
  assert_string_equal(value, "THROUGHPUT");
  kv_free(value);
  assert_fails(kv_ov_model_property(model, "NO_SUCH", &value, &err), KVINO_DEVICE);
  assert_says("NO_SUCH");
  kv_ov_model_release(model);
}

/* ---- compiling ---- */

/* XML that does not end. (What does not even start as IR is not given to OpenVINO: to tell what it is, the Paddle
 * reader of 2025.4 writes past a buffer. kvino writes its IR itself.) */
#define NO_MODEL "<net version=\"11\"><layers>"

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
  assert_fails(compile_on("CPU", ADD_NET("4", "f32"), NULL, 0, &bad_dir, 1, &model, &err), KVINO_DEVICE);
  assert_says("/proc/no"); /* some releases name the part that they could not create */
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
      worst = fmax(worst, fabs(sum - (double)y[i * N + j]) / fabs(sum));
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

enum { THREADS = 8, ROUNDS = 400 };

typedef struct job {
  kv_ov_model *model;
  int seed;
  int wrong;
  kvino_error error;
} job;

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

/* ---- profile, caches ---- */

static void find_add(void *context, const char *name, const char *kind, const char *how, int64_t us) {
  (void)name, (void)how;
  *(int *)context += us >= 0 && (!strcmp(kind, "Add") || strstr(kind, "Eltwise") || strstr(kind, "Subgraph"));
}

static void profile_lists_layers(void **state) {
  (void)state;
  kvino_property profiling = {"profiling", "yes"};
  kv_ov_model *model;
  float x[16] = {0}, y[16];
  int64_t shape[] = {16};
  int seen = 0;
  kv_ov_input in[] = {{KVINO_F32, 1, shape, x}, {KVINO_F32, 1, shape, x}};
  kv_ov_output out = {.data = y};
  assert_ok(compile_on("CPU", ADD_NET("16", "f32"), NULL, 0, &profiling, 1, &model, &err));
  assert_fails(kv_ov_profile(model, find_add, &seen, &err), KVINO_INVALID);
  assert_ok(kv_ov_infer(model, in, 2, &out, 1, &err));
  assert_ok(kv_ov_profile(model, find_add, &seen, &err));
  assert_true(seen > 0);
  kv_ov_model_release(model);
}

static int makes;
static kvino_status make_model(void *context, kv_ov_model **model, kvino_error *e) {
  kvino_property streams = {"streams", "0"};
  __atomic_fetch_add(&makes, 1, __ATOMIC_SEQ_CST);
  return compile_on("CPU", context ? context : ADD_NET("16", "f32"), NULL, 0, &streams, 1, model, e);
}

static void *get_model(void *context) {
  job *j = context;
  kv_ov_key key = {{7, 7}};
  j->wrong = kv_ov_cache_get(key, make_model, NULL, &j->model, &j->error) != KVINO_OK;
  return NULL;
}

static void cache_is_bounded_and_shared(void **state) {
  (void)state;
  kv_ov_model *model[4], *again;
  kv_ov_cache_clear();
  kv_ov_cache_set_limit(2);
  makes = 0;
  for (uint64_t k = 0; k < 2; k++) assert_ok(kv_ov_cache_get((kv_ov_key){{1, k}}, make_model, NULL, &model[k], &err));
  assert_ok(kv_ov_cache_get((kv_ov_key){{1, 0}}, make_model, NULL, &again, &err)); /* now key 1 is the oldest */
  assert_ptr_equal(again, model[0]);
  kv_ov_model_release(again);
  assert_ok(kv_ov_cache_get((kv_ov_key){{1, 2}}, make_model, NULL, &model[2], &err));
  assert_int_equal(makes, 3);
  assert_int_equal(kv_ov_cache_count().models, 2);
  assert_ok(kv_ov_cache_get((kv_ov_key){{1, 0}}, make_model, NULL, &again, &err));
  assert_int_equal(makes, 3);
  kv_ov_model_release(again);
  assert_ok(kv_ov_cache_get((kv_ov_key){{1, 1}}, make_model, NULL, &model[3], &err));
  assert_int_equal(makes, 4);
  assert_ptr_not_equal(model[3], model[1]);
  float x[16] = {1}, y[16]; /* a dropped model that is in use still works */
  int64_t shape[] = {16};
  kv_ov_input in[] = {{KVINO_F32, 1, shape, x}, {KVINO_F32, 1, shape, x}};
  kv_ov_output out = {.data = y};
  assert_ok(kv_ov_infer(model[1], in, 2, &out, 1, &err));
  assert_true(y[0] == 2);
  for (int k = 0; k < 4; k++) kv_ov_model_release(model[k]);

  assert_fails(kv_ov_cache_get((kv_ov_key){{1, 9}}, make_model, NO_MODEL, &again, &err), KVINO_DEVICE);
  assert_ok(kv_ov_cache_get((kv_ov_key){{1, 9}}, make_model, NULL, &again, &err));
  kv_ov_model_release(again);
  kv_ov_cache_set_limit(0);
  assert_int_equal(kv_ov_cache_count().models, 0);
  assert_ok(kv_ov_cache_get((kv_ov_key){{1, 9}}, make_model, NULL, &again, &err));
  kv_ov_model_release(again);
  kv_ov_cache_set_limit(64);

  pthread_t threads[THREADS];
  job jobs[THREADS] = {0};
  makes = 0;
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, get_model, &jobs[i]), 0);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  assert_int_equal(makes, 1);
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(jobs[i].wrong, 0);
    assert_ptr_equal(jobs[i].model, jobs[0].model);
    kv_ov_model_release(jobs[i].model);
  }
  kv_ov_cache_clear();
  assert_int_equal(kv_ov_cache_count().models, 0);
}

/* Removes a directory; how many files it held. */
static int empty_directory(const char *root, const char *name) {
  char path[300], file[600];
  int files = 0;
  snprintf(path, sizeof path, "%s/%s", root, name);
  DIR *opened = opendir(path);
  assert_non_null(opened);
  for (struct dirent *entry; (entry = readdir(opened));) {
    if (entry->d_name[0] == '.') continue;
    snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
    files += !unlink(file);
  }
  closedir(opened);
  rmdir(path);
  return files;
}

/* Trap: the hash of OpenVINO's disk cache leaves the weights out in 2025.4. A changed weight never serves a stale
 * model. */
static void disk_cache_trap_sees_weights(void **state) {
  (void)state;
  char root[] = "/tmp/kvino-cache-XXXXXX";
  assert_non_null(mkdtemp(root));
  kvino_property dir = {"cache_dir", root};
  const char *ir = NET(PARAMETER(0, "2", "f32") CONST(1, "2", "f32", 0, 8) ADD(2) RESULT(3),
                       EDGE(0, 2, 0) EDGE(1, 2, 1) EDGE(2, 3, 0));
  int64_t shape[] = {2};
  for (int k = 0; k < 4; k++) {
    float weights[] = {(float)(k % 2), 5}, x[] = {10, 20}, y[2];
    kv_ov_model *model;
    assert_ok(compile_on("CPU", ir, weights, sizeof weights, &dir, 1, &model, &err));
    kv_ov_input in = {KVINO_F32, 1, shape, x};
    kv_ov_output out = {.data = y};
    assert_ok(kv_ov_infer(model, &in, 1, &out, 1, &err));
    assert_true(y[0] == 10 + (float)(k % 2) && y[1] == 25);
    kv_ov_model_release(model);
  }
  int directories = 0;
  DIR *opened = opendir(root);
  assert_non_null(opened);
  for (struct dirent *entry; (entry = readdir(opened));) {
    if (entry->d_name[0] == '.') continue;
    directories++;
    assert_int_equal(empty_directory(root, entry->d_name), 1);
  }
  closedir(opened);
  rmdir(root);
  assert_int_equal(directories, 2); /* one model for each weight, each found again */
}

/* The blob may span memory that is not ours: nothing between the constants is read. Nor is a model without a key kept.
 */
static void weights_between_constants_are_not_read(void **state) {
  (void)state;
  enum { PAGE = 65536 };
  const char *ir =
      NET(PARAMETER(0, "2", "f32") CONST(1, "2", "f32", 0, 8) CONST(4, "2", "f32", 131072, 8) ADD(2) ADD(5) RESULT(3),
          EDGE(0, 2, 0) EDGE(1, 2, 1) EDGE(2, 5, 0) EDGE(4, 5, 1) EDGE(5, 3, 0));
  char root[] = "/tmp/kvino-cache-XXXXXX";
  assert_non_null(mkdtemp(root));
  char *blob = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(blob != MAP_FAILED);
  float low[] = {1, 2}, high[] = {10, 20}, x[] = {100, 200}, y[2];
  memcpy(blob, low, sizeof low);
  memcpy(blob + 2 * PAGE, high, sizeof high);
  assert_int_equal(mprotect(blob + PAGE, PAGE, PROT_NONE), 0);
  kvino_property dir = {"cache_dir", root};
  kv_ov_key key = {{1, 2}};
  int64_t shape[] = {2};
  kv_ov_config *config;
  kv_ov_model *model;
  assert_ok(kv_ov_config_new("CPU", &dir, 1, &config, &err));
  kv_ov_program program = {
      .ir = ir, .ir_length = strlen(ir), .weights = blob, .weights_bytes = 2 * PAGE + 8, .key = &key};
  for (int k = 0; k < 2; k++) { /* compiled, then found in the cache */
    assert_ok(kv_ov_compile(&program, config, &model, &err));
    kv_ov_input in = {KVINO_F32, 1, shape, x};
    kv_ov_output out = {.data = y};
    assert_ok(kv_ov_infer(model, &in, 1, &out, 1, &err));
    assert_true(y[0] == 111 && y[1] == 222);
    kv_ov_model_release(model);
  }
  program.key = NULL;
  assert_fails(kv_ov_compile(&program, config, &model, &err), KVINO_INVALID);
  kv_ov_config_free(config);
  munmap(blob, 3 * PAGE);
  assert_int_equal(empty_directory(root, "00000000000000010000000000000002"), 1);
  rmdir(root);
}

static void fingerprints_differ(void **state) {
  (void)state;
  static unsigned char bytes[300];
  kv_ov_key seen[301 + 300], none = {{0}};
  int n = 0;
  for (size_t length = 0; length <= 300; length++) seen[n++] = kv_ov_fingerprint(none, bytes, length); /* zeros */
  for (size_t i = 0; i < 300; i++) {                                                                   /* one bit */
    bytes[i] = 1;
    seen[n++] = kv_ov_fingerprint(none, bytes, 300);
    bytes[i] = 0;
  }
  for (int i = 0; i < n; i++)
    for (int j = 0; j < i; j++) assert_true(seen[i].word[0] != seen[j].word[0] && seen[i].word[1] != seen[j].word[1]);
  kv_ov_key again = kv_ov_fingerprint(none, bytes, 300), chained = kv_ov_fingerprint(seen[3], bytes, 300);
  assert_memory_equal(&again, &seen[300], sizeof again);
  assert_true(chained.word[0] != again.word[0]);
}

/* ---- memory ---- */

static kvino_status whole_way(kvino_error *e) {
  kv_ov_config *config = NULL;
  kv_ov_model *model = NULL;
  kvino_property p[] = {{"streams", "0"}, {"precision", "f32"}};
  const char *ir = ADD_NET("?", "f32");
  kv_ov_program program = {.ir = ir, .ir_length = strlen(ir)};
  float x[16] = {1};
  int64_t shape[] = {16};
  kv_ov_input in[] = {{KVINO_F32, 1, shape, x}, {KVINO_F32, 1, shape, x}};
  kv_ov_output out = {0};
  kv_ov_run *run;
  kvino_status status = kv_ov_config_new("CPU", p, 2, &config, e);
  if (!status) status = kv_ov_compile(&program, config, &model, e);
  if (!status) status = kv_ov_infer(model, in, 2, &out, 1, e);
  if (!status) kv_ov_result_release(out.owner);
  out.data = NULL;
  if (!status) status = kv_ov_start(model, in, 2, &out, 1, NULL, NULL, &run, e);
  if (!status) status = kv_ov_wait(run, &out, e);
  if (!status) {
    if (out.bytes != 64 || *(float *)out.data != 2) status = KVINO_INDEX;
    kv_ov_result_release(out.owner);
  }
  kv_ov_model_release(model);
  kv_ov_config_free(config);
  return status;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  kvino_status status = KVINO_NO_MEMORY;
  int n = 0;
  assert_ok(whole_way(&err));
  for (; status && n < 200; n++) {
    memset(&err, 0, sizeof err);
    kv_fail_after(n);
    status = whole_way(&err);
    kv_fail_after(-1);
    if (!status) break;
    if (status != KVINO_NO_MEMORY && status != KVINO_DEVICE)
      fail_msg("allocation %d: status %d, %s", n, status, err.text);
    assert_true(*err.text != 0);
  }
  assert_int_equal(status, KVINO_OK);
  assert_true(n > 10);
}

int main(void) {
  const struct CMUnitTest before[] = {
      cmocka_unit_test_teardown(search_says_where_it_looked, restore_place),
      cmocka_unit_test_teardown(search_trap_real_path_and_newest, restore_place),
      cmocka_unit_test(library_that_is_not_openvino),
      cmocka_unit_test(library_is_found),
  };
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(devices_are_listed),
      cmocka_unit_test(device_strings),
      cmocka_unit_test(absent_devices),
      cmocka_unit_test(properties_are_checked),
      cmocka_unit_test(config_text_is_canonical),
      cmocka_unit_test(properties_reach_the_device),
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
      cmocka_unit_test(profile_lists_layers),
      cmocka_unit_test(cache_is_bounded_and_shared),
      cmocka_unit_test(disk_cache_trap_sees_weights),
      cmocka_unit_test(weights_between_constants_are_not_read),
      cmocka_unit_test(fingerprints_differ),
      cmocka_unit_test(every_allocation_may_fail),
  };
  int failed = cmocka_run_group_tests_name("finding OpenVINO", before, NULL, NULL);
  return failed + cmocka_run_group_tests_name("OpenVINO below the graph", tests, NULL, NULL);
}
