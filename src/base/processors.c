/* Affinity and quotas (processors.h). */
#define _GNU_SOURCE
#include "base/processors.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int processors;
static bool by_quota, limited;

/* Those this process may run on. A set too small for the machine's is refused. */
static int in_affinity(void) {
  for (int most = CPU_SETSIZE; most <= 1 << 20; most *= 2) {
    cpu_set_t *set = CPU_ALLOC(most);
    size_t bytes = CPU_ALLOC_SIZE(most);
    if (!set) break;
    bool read = !sched_getaffinity(0, bytes, set);
    int n = read ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (n) return n;
    if (!read && errno != EINVAL) break;
  }
  return 1;
}

/* ---- control groups ---- */

/* The first line of a file; false where there is none. */
static bool read_line(const char *path, char *line, size_t bytes) {
  FILE *file = fopen(path, "re");
  bool read = file && fgets(line, (int)bytes, file);
  if (file) fclose(file);
  return read;
}

static int rounded_up(long long quota, long long period) {
  long long n = quota > 0 && period > 0 ? (quota + period - 1) / period : 0;
  return n > INT_MAX ? INT_MAX : (int)n;
}

/* "200000 100000" or "max 100000" */
static int quota_v2(const char *directory) {
  char path[2 * PATH_MAX], line[64];
  long long quota, period;
  snprintf(path, sizeof path, "%s/cpu.max", directory);
  if (!read_line(path, line, sizeof line) || sscanf(line, "%lld %lld", &quota, &period) != 2) return 0;
  return rounded_up(quota, period);
}

/* Two files with a number each; -1 is no quota. */
static int quota_v1(const char *directory) {
  char path[2 * PATH_MAX], quota[32], period[32];
  snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", directory);
  if (!read_line(path, quota, sizeof quota)) return 0;
  snprintf(path, sizeof path, "%s/cpu.cfs_period_us", directory);
  if (!read_line(path, period, sizeof period)) return 0;
  return rounded_up(atoll(quota), atoll(period));
}

/* The least of a group's quota and of those above it, up to the mount. What a container cannot see of the path that the
 * host knows is not there to be read; the container's own group is the mount itself then. */
static int least_quota(const char *mount, const char *group, int (*quota)(const char *directory)) {
  char directory[2 * PATH_MAX];
  int least = 0;
  size_t shortest = strlen(mount);
  if (snprintf(directory, sizeof directory, "%s%s", mount, group) >= PATH_MAX) return 0;
  for (;;) {
    int n = quota(directory);
    if (n && (!least || n < least)) least = n;
    char *slash = strrchr(directory, '/');
    if (!slash || (size_t)(slash - directory) < shortest) return least;
    *slash = 0;
  }
}

/* Whether "cpu" is one of the controllers "cpu,cpuacct". */
static bool has_cpu(const char *controllers) {
  for (const char *at = controllers; at; at = strchr(at, ',')) {
    at += *at == ',';
    if (!strncmp(at, "cpu", 3) && (!at[3] || at[3] == ',')) return true;
  }
  return false;
}

int kv_cgroup_processors(const char *root) {
  char path[PATH_MAX], line[PATH_MAX + 256], mount[PATH_MAX];
  int least = 0;
  snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
  FILE *file = fopen(path, "re");
  if (!file) return 0;
  while (fgets(line, sizeof line, file)) { /* hierarchy:controllers:group; the controllers of v2 are none */
    line[strcspn(line, "\n")] = 0;
    char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group || group[1] != '/') continue;
    *group++ = 0;
    if (!group[1]) *group = 0; /* the mount itself */
    bool v2 = !*++controllers;
    if (!v2 && !has_cpu(controllers)) continue;
    snprintf(mount, sizeof mount, "%s/sys/fs/cgroup%s%s", root, v2 ? "" : "/", controllers);
    if (!v2 && access(mount, F_OK)) snprintf(mount, sizeof mount, "%s/sys/fs/cgroup/cpu", root);
    int n = least_quota(mount, group, v2 ? quota_v2 : quota_v1);
    if (n && (!least || n < least)) least = n;
  }
  fclose(file);
  return least;
}

static void look(void) {
  int quota = kv_cgroup_processors("");
  processors = in_affinity();
  by_quota = quota && quota < processors;
  if (by_quota) processors = quota;
  limited = processors < sysconf(_SC_NPROCESSORS_ONLN);
}

int kv_processors(void) {
  pthread_once(&once, look);
  return processors;
}

bool kv_processors_by_quota(void) {
  pthread_once(&once, look);
  return by_quota;
}

bool kv_processors_limited(void) {
  pthread_once(&once, look);
  return limited;
}
