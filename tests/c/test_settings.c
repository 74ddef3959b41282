/* Settings of processes and threads, quotas of containers, precisions that a device has. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/processors.h"
#include "base/threads.h"
#include "kvino/kvino.h"
#include "openvino/config.h"

static kvino_error err;

#define OK(call)                                                                                                       \
  do {                                                                                                                 \
    if (call) fail_msg("%s:%d %s", __FILE__, __LINE__, err.text);                                                      \
  } while (0)

static void assert_setting(const char *name, const char *expected) {
  char *value;
  OK(kvino_setting_get(name, &value, &err));
  if (expected && value)
    assert_string_equal(value, expected);
  else
    assert_true(!expected && !value);
  kvino_text_free(value);
}

/* ---- quotas ---- */

static char root[64];

static void put(const char *path, const char *text) {
  char command[512];
  snprintf(command, sizeof command, "mkdir -p $(dirname %s%s) && echo '%s' > %s%s", root, path, text, root, path);
  assert_int_equal(system(command), 0);
}

static void clear(void) {
  char command[256];
  snprintf(command, sizeof command, "rm -rf %s/proc %s/sys", root, root);
  assert_int_equal(system(command), 0);
}

static void quotas_of_control_groups(void **state) {
  (void)state;
  snprintf(root, sizeof root, "/tmp/kvino_cgroup_XXXXXX");
  assert_non_null(mkdtemp(root));
  assert_int_equal(kv_cgroup_processors(root), 0); /* no control groups at all */

  put("/proc/self/cgroup", "0::/"); /* v2, from inside of a container */
  assert_int_equal(kv_cgroup_processors(root), 0);
  put("/sys/fs/cgroup/cpu.max", "max 100000");
  assert_int_equal(kv_cgroup_processors(root), 0);
  put("/sys/fs/cgroup/cpu.max", "150000 100000");
  assert_int_equal(kv_cgroup_processors(root), 2); /* rounded up */
  put("/sys/fs/cgroup/cpu.max", "nonsense");
  assert_int_equal(kv_cgroup_processors(root), 0);

  put("/proc/self/cgroup", "0::/a.slice/b"); /* the least of a group and those above it */
  put("/sys/fs/cgroup/a.slice/b/cpu.max", "800000 100000");
  assert_int_equal(kv_cgroup_processors(root), 8);
  put("/sys/fs/cgroup/a.slice/cpu.max", "300000 100000");
  assert_int_equal(kv_cgroup_processors(root), 3);
  put("/sys/fs/cgroup/cpu.max", "20000 100000");
  assert_int_equal(kv_cgroup_processors(root), 1);

  clear();
  put("/proc/self/cgroup", "12:memory:/m\n4:cpu,cpuacct:/docker/x\n0::/"); /* v1, and v2 beside it */
  put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1");
  put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000");
  assert_int_equal(kv_cgroup_processors(root), 0);
  put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "400000"); /* the host's path, which the container has not */
  assert_int_equal(kv_cgroup_processors(root), 4);
  put("/sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_quota_us", "50000");
  put("/sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_period_us", "20000");
  assert_int_equal(kv_cgroup_processors(root), 3);

  clear();
  put("/proc/self/cgroup", "3:cpuset:/c\n2:cpuacct:/c"); /* other controllers with a like name */
  put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000");
  put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000");
  assert_int_equal(kv_cgroup_processors(root), 0);
  put("/proc/self/cgroup", "1:cpu:/");
  assert_int_equal(kv_cgroup_processors(root), 1);
  clear();
  rmdir(root);
}

/* ---- settings ---- */

static void settings_of_the_process(void **state) {
  (void)state;
  char *text;
  assert_setting("precision", NULL);
  OK(kvino_setting_set("precision", "BF16", &err));
  assert_setting("INFERENCE_PRECISION_HINT", "bf16"); /* either name, one spelling */
  OK(kvino_setting_set("device", "auto:cpu", &err));
  OK(kvino_settings_text(&text, &err));
  assert_string_equal(text, "device=AUTO:CPU|INFERENCE_PRECISION_HINT=bf16");
  kvino_text_free(text);
  assert_int_equal(kvino_setting_set("precision", "f17", &err), KVINO_INVALID);
  assert_non_null(strstr(err.text, "f32|f16|bf16|dynamic"));
  assert_int_equal(kvino_setting_set("speed", "1", &err), KVINO_INVALID);
  assert_non_null(strstr(err.text, "unknown property 'speed'; there are: performance_hint, precision"));
  assert_int_equal(kvino_setting_set("device", "CPU,,", &err), KVINO_INVALID);
  OK(kvino_setting_set("precision", NULL, &err));
  OK(kvino_setting_set("device", NULL, &err));
  OK(kvino_settings_text(&text, &err));
  assert_string_equal(text, "");
  kvino_text_free(text);
}

static void *other_thread(void *seen) {
  OK(kvino_setting_get("precision", seen, &err));
  return NULL;
}

static void settings_of_a_thread(void **state) {
  (void)state;
  const kvino_property outer[] = {{"precision", "bf16"}, {"threads", "1"}};
  const kvino_property inner[] = {{"INFERENCE_PRECISION_HINT", NULL}, {"streams", "2"}};
  const kvino_property twice[] = {{"precision", "f16"}, {"INFERENCE_PRECISION_HINT", "f16"}};
  kvino_settings *first, *second;
  char *seen;
  pthread_t thread;
  int threads = kv_threads();
  OK(kvino_setting_set("precision", "f16", &err));
  OK(kvino_settings_enter(2, outer, &first, &err));
  assert_setting("precision", "bf16");
  assert_int_equal(kv_threads(), 1);
  pthread_create(&thread, NULL, other_thread, &seen);
  pthread_join(thread, NULL);
  assert_string_equal(seen, "f16");
  kvino_text_free(seen);
  OK(kvino_settings_enter(2, inner, &second, &err));
  assert_setting("precision", NULL); /* as if nobody had set it */
  assert_setting("threads", "1");
  assert_setting("streams", "2");
  assert_int_equal(kvino_settings_enter(2, twice, &second, &err), KVINO_INVALID);
  kvino_settings_leave(second);
  assert_setting("precision", "bf16");
  assert_setting("streams", NULL);
  kvino_settings_leave(first);
  assert_setting("precision", "f16");
  assert_int_equal(kv_threads(), threads);
  OK(kvino_setting_set("precision", NULL, &err));
}

static void the_native_device_uses_few(void **state) {
  (void)state;
  char *names;
  OK(kvino_setting_set("threads", "1", &err));
  OK(kvino_setting_set("precision", "f32", &err));
  OK(kvino_settings_unused("native", &names, &err));
  assert_null(names);
  OK(kvino_setting_set("precision", "bf16", &err));
  OK(kvino_setting_set("streams", "2", &err));
  OK(kvino_settings_unused("NATIVE", &names, &err));
  assert_string_equal(names, "precision, streams");
  kvino_text_free(names);
  OK(kvino_settings_unused(NULL, &names, &err));
  assert_null(names);
  OK(kvino_setting_set("threads", NULL, &err));
  OK(kvino_setting_set("precision", NULL, &err));
  OK(kvino_setting_set("streams", NULL, &err));
}

static void precisions_that_a_device_lacks(void **state) {
  (void)state;
  OK(kv_check_precision("CPU", "WINOGRAD FP32 BF16 INT8", "bf16", &err));
  assert_int_equal(kv_check_precision("CPU", "FP32 BF16 INT8", "f16", &err), KVINO_INVALID);
  assert_non_null(strstr(err.text, "does not compute in f16; what it can do: FP32 BF16 INT8"));
  assert_int_equal(kv_check_precision("CPU", "FP32 XBF16", "bf16", &err), KVINO_INVALID);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(quotas_of_control_groups),       cmocka_unit_test(settings_of_the_process),
      cmocka_unit_test(settings_of_a_thread),           cmocka_unit_test(the_native_device_uses_few),
      cmocka_unit_test(precisions_that_a_device_lacks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
