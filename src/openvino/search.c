/* The search for OpenVINO's C library (search.h; the order is the one of kvino/device.h). */
#define _GNU_SOURCE
#include "openvino/search.h"

#include "base/error.h"
#include "base/fork.h"
#include "base/memory.h"
#include "kvino/device.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LIBRARY "libopenvino_c.so"
#define MAX_HINTS 16

static pthread_mutex_t hints_mutex = PTHREAD_MUTEX_INITIALIZER;
static void before_fork(void) { pthread_mutex_lock(&hints_mutex); }
static void after_fork(void) { pthread_mutex_unlock(&hints_mutex); }
static char *hints[MAX_HINTS];
static int n_hints;

/* A search under way. */
typedef struct search {
  kv_ov_open_fn *open;
  const char *step; /* the step in words */
  char tried[1600]; /* the places looked at, for the error */
  size_t n_tried;
} search;

kvino_status kvino_openvino_add_hint(const char *directory, kvino_error *err) {
  if (!directory || !*directory) return kv_fail(err, KVINO_INVALID, "a directory is needed, not an empty text");
  kvino_status status = KVINO_OK;
  kv_at_fork(KV_FORK_SEARCH, before_fork, after_fork, after_fork);
  pthread_mutex_lock(&hints_mutex);
  for (int i = 0; i < n_hints; i++)
    if (!strcmp(hints[i], directory)) goto done;
  char *copy = n_hints < MAX_HINTS ? kv_strdup(directory) : NULL;
  if (copy)
    hints[n_hints++] = copy;
  else if (n_hints == MAX_HINTS)
    status = kv_fail(err, KVINO_INVALID, "more than %d directories to look for OpenVINO in", MAX_HINTS);
  else
    status = kv_fail(err, KVINO_NO_MEMORY, "out of memory");
done:
  pthread_mutex_unlock(&hints_mutex);
  return status;
}

/* Adds a place to the list; a list that is full is cut. */
static void __attribute__((format(printf, 2, 3))) note(search *s, const char *format, ...) {
  char place[KV_OV_PATH + KVINO_ERROR_TEXT / 2];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(place, sizeof place, format, arguments);
  va_end(arguments);
  size_t room = sizeof s->tried - s->n_tried;
  int n = snprintf(s->tried + s->n_tried, room, "%s%s", s->n_tried ? "; " : "", place);
  s->n_tried += (size_t)n < room ? (size_t)n : room - 1;
}

/* Trap: a symbolic link to the library from another directory fails, because the library finds its neighbours through
 * $ORIGIN, which the loader takes from the path it was given. So only real paths are opened. */
static bool try_file(search *s, const char *path) {
  char why[KVINO_ERROR_TEXT / 2] = "";
  char *real = realpath(path, NULL);
  if (!real) {
    note(s, "%s (%s)", path, strerror(errno));
    return false;
  }
  bool taken = s->open(real, why, sizeof why);
  if (!taken) note(s, "%s (%s)", real, why);
  free(real);
  return taken;
}

/* The newest library of a directory, in `path`. Wheels hold only a versioned file (libopenvino_c.so.2641). */
static bool newest_of(const char *directory, char path[KV_OV_PATH]) {
  DIR *dir = opendir(directory);
  if (!dir) return false;
  char best[NAME_MAX + 1] = "";
  for (struct dirent *entry; (entry = readdir(dir));) {
    const char *name = entry->d_name;
    size_t n = strlen(LIBRARY);
    if (strncmp(name, LIBRARY, n) || (name[n] && name[n] != '.')) continue;
    if (!*best || strverscmp(name, best) > 0) snprintf(best, sizeof best, "%s", name);
  }
  closedir(dir);
  return *best && snprintf(path, KV_OV_PATH, "%s/%s", directory, best) < KV_OV_PATH;
}

static bool try_directory(search *s, const char *directory) {
  char path[KV_OV_PATH];
  if (newest_of(directory, path)) return try_file(s, path);
  note(s, "%s", directory);
  return false;
}

/* Every directory that a pattern matches, last (so, newest) first. */
static bool try_pattern(search *s, const char *pattern) {
  glob_t matches;
  bool taken = false, any = false;
  if (!glob(pattern, 0, NULL, &matches)) {
    for (size_t i = matches.gl_pathc; i-- && !taken;) {
      char path[KV_OV_PATH];
      if (!newest_of(matches.gl_pathv[i], path)) continue;
      any = true;
      taken = try_file(s, path);
    }
  }
  globfree(&matches);
  if (!any) note(s, "%s", pattern);
  return taken;
}

static bool try_below(search *s, const char *variable, const char *rest) {
  const char *base = getenv(variable);
  char path[KV_OV_PATH];
  if (!base || !*base || snprintf(path, sizeof path, "%s/%s", base, rest) >= (int)sizeof path) return false;
  return try_pattern(s, path);
}

/* Step 1. An explicit choice is never overruled: what is wrong with it is the error. */
static bool try_environment(search *s, const char *value) {
  struct stat status;
  s->step = "KVINO_OPENVINO";
  if (stat(value, &status) || !S_ISDIR(status.st_mode)) return try_file(s, value);
  return try_directory(s, value);
}

/* The directory of a copy of OpenVINO in this process. The Python package loads libopenvino without the C library,
 * which then lies beside it: taking that one avoids two releases in a process. */
static int find_loaded(struct dl_phdr_info *info, size_t size, void *context) {
  (void)size;
  char *directory = context;
  const char *slash = strrchr(info->dlpi_name, '/');
  if (!slash || (strncmp(slash + 1, "libopenvino.so", 14) && strncmp(slash + 1, LIBRARY, strlen(LIBRARY)))) return 0;
  size_t n = (size_t)(slash - info->dlpi_name);
  if (n >= KV_OV_PATH) return 0;
  memcpy(directory, info->dlpi_name, n);
  directory[n] = 0;
  return 1;
}

static bool try_loaded(search *s) {
  char directory[KV_OV_PATH];
  s->step = "already loaded by this process";
  if (dl_iterate_phdr(find_loaded, directory)) return try_directory(s, directory);
  note(s, "this process");
  return false;
}

/* Where kvino is a Python package, OpenVINO's is its neighbour. */
static bool try_beside_ourselves(search *s) {
  static const char *const ups[] = {"../openvino/libs", "../../openvino/libs"}; /* from kvino/ and kvino/lib/ */
  Dl_info self;
  char path[KV_OV_PATH];
  bool taken = false;
  char *real = dladdr((void *)kvino_openvino_add_hint, &self) ? realpath(self.dli_fname, NULL) : NULL;
  char *slash = real ? strrchr(real, '/') : NULL;
  if (slash) *slash = 0;
  for (int i = 0; slash && i < 2 && !taken; i++)
    taken = snprintf(path, sizeof path, "%s/%s", real, ups[i]) < (int)sizeof path && try_directory(s, path);
  free(real);
  return taken;
}

static bool try_hints(search *s) {
  bool taken = false;
  kv_at_fork(KV_FORK_SEARCH, before_fork, after_fork, after_fork);
  pthread_mutex_lock(&hints_mutex);
  for (int i = 0; i < n_hints && !taken; i++) taken = try_directory(s, hints[i]);
  pthread_mutex_unlock(&hints_mutex);
  return taken;
}

static bool try_python(search *s) {
  s->step = "the Python package";
  return try_hints(s) || try_beside_ourselves(s) ||
         try_below(s, "VIRTUAL_ENV", "lib/python3*/site-packages/openvino/libs") ||
         try_below(s, "CONDA_PREFIX", "lib/python3*/site-packages/openvino/libs") ||
         try_below(s, "HOME", ".local/lib/python3*/site-packages/openvino/libs") ||
         try_pattern(s, "/usr/local/lib/python3*/*-packages/openvino/libs") ||
         try_pattern(s, "/usr/lib/python3*/*-packages/openvino/libs");
}

/* The loader's own search path: LD_LIBRARY_PATH first, where versioned names can be found, then the plain name. */
static bool try_loader(search *s) {
  const char *list = getenv("LD_LIBRARY_PATH");
  for (const char *at = list; at && *at;) {
    size_t n = strcspn(at, ":");
    char directory[KV_OV_PATH];
    if (n && n < sizeof directory) {
      snprintf(directory, sizeof directory, "%.*s", (int)n, at);
      if (try_directory(s, directory)) return true;
    }
    at += n + (at[n] == ':');
  }
  void *handle = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);
  if (!handle) {
    note(s, "the loader's path");
    return false;
  }
  struct link_map *map;
  bool taken = !dlinfo(handle, RTLD_DI_LINKMAP, &map) && try_file(s, map->l_name);
  dlclose(handle); /* a library that was taken stays: `open` holds it */
  return taken;
}

static bool try_system(search *s) {
  s->step = "the system";
  return try_loader(s) || try_below(s, "CONDA_PREFIX", "lib") ||
         try_pattern(s, "/opt/intel/openvino*/runtime/lib/intel64") || try_directory(s, "/usr/local/lib") ||
         try_directory(s, "/usr/lib/x86_64-linux-gnu") || try_directory(s, "/usr/lib64");
}

kvino_status kv_ov_search(kv_ov_open_fn *open, const char **found, kvino_error *err) {
  search s = {.open = open};
  const char *variable = getenv("KVINO_OPENVINO");
  bool taken;
  if (variable && *variable)
    taken = try_environment(&s, variable);
  else
    taken = try_loaded(&s) || try_python(&s) || try_system(&s);
  if (taken) {
    *found = s.step;
    return KVINO_OK;
  }
  if (variable && *variable)
    return kv_fail(err, KVINO_DEVICE, "OpenVINO (" LIBRARY "*) cannot be opened where KVINO_OPENVINO says: %s",
                   s.tried);
  return kv_fail(err, KVINO_DEVICE,
                 "OpenVINO (" LIBRARY
                 "*) was not found. Install it (pip install openvino) or set KVINO_OPENVINO to the "
                 "library or its directory. Looked at: %s",
                 s.tried);
}
