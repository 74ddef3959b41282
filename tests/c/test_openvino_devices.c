/* Devices and properties: how they are listed, named, checked and reach OpenVINO. */
#define _GNU_SOURCE
#include "openvino.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(devices_are_listed),       cmocka_unit_test(device_strings),
      cmocka_unit_test(absent_devices),           cmocka_unit_test(properties_are_checked),
      cmocka_unit_test(config_text_is_canonical), cmocka_unit_test(properties_reach_the_device),
  };
  return cmocka_run_group_tests_name("devices and properties of OpenVINO", tests, NULL, NULL);
}
