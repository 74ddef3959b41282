/* Finding OpenVINO's library: where it is looked for, what is refused, what the error says. */
#define _GNU_SOURCE
#include "openvino.h"

#include "openvino/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(search_says_where_it_looked, restore_place),
      cmocka_unit_test_teardown(search_trap_real_path_and_newest, restore_place),
      cmocka_unit_test(library_that_is_not_openvino),
      cmocka_unit_test(library_is_found),
  };
  return cmocka_run_group_tests_name("finding OpenVINO", tests, NULL, NULL);
}
