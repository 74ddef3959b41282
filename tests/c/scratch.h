/* A directory of the test's own for files, removed with everything in it. */
#ifndef KVINO_TESTS_SCRATCH_H
#define KVINO_TESTS_SCRATCH_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch[64];

static int scratch_make(void **state) {
  (void)state;
  snprintf(scratch, sizeof scratch, "%s", "/tmp/kvino-test-XXXXXX");
  return mkdtemp(scratch) ? 0 : -1;
}

/* The path of a file in it; the text lives until the next but seven call. */
static const char *scratch_path(const char *name) {
  static char paths[8][128];
  static int next;
  next = (next + 1) % 8;
  snprintf(paths[next], sizeof paths[next], "%s/%s", scratch, name);
  return paths[next];
}

/* Files in it; those found are removed. */
static int scratch_clear(void) {
  int n = 0;
  DIR *dir = opendir(scratch);
  if (!dir) return -1;
  for (struct dirent *entry; (entry = readdir(dir));) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    n += unlinkat(dirfd(dir), entry->d_name, 0) == 0;
  }
  closedir(dir);
  return n;
}

static int scratch_remove(void **state) {
  (void)state;
  scratch_clear();
  return rmdir(scratch);
}

#endif
