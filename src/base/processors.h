/* How many processors this process may use: what bounds the threads of both engines. */
#ifndef KVINO_BASE_PROCESSORS_H
#define KVINO_BASE_PROCESSORS_H

#include <stdbool.h>

/* At least 1: the least of those that it may run on (affinity) and its container's quota of time. Read once. */
int kv_processors(void);
/* Whether that is the quota, which OpenVINO does not see. */
bool kv_processors_by_quota(void);
/* Whether these are fewer than the machine has: others run there, too. */
bool kv_processors_limited(void);

/* The quota of the control groups that /proc/self/cgroup names, in whole processors, rounded up; 0 where there is none.
 * The least of the group's and of those above it counts, in cgroup v2 (cpu.max) and v1 (cpu.cfs_quota_us). `root` is
 * put before /proc and /sys: "", but in tests. */
int kv_cgroup_processors(const char *root);

#endif
