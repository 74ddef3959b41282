/* Arrays that a command writes. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

kvino_status write_array(const char *path, const kvino_tensor *t, kvino_error *err) {
  if (strcmp(path, "-")) return kvino_npy_write(path, t, err);
  fflush(stdout);
  return kvino_npy_write_fd(STDOUT_FILENO, t, err);
}
