#define _GNU_SOURCE
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

static kvino_status io_error(kvino_error *err, const char *path) {
  return kv_fail(err, KVINO_IO, "%s: %s", path, strerror(errno));
}

/* A new file beside `path`, of the mode that a new file has or that of the one to be replaced. */
static kvino_status make_temporary(kv_new_file *f, const struct stat *old, kvino_error *err) {
  static atomic_uint number;
  const char *slash = strrchr(f->path, '/'); /* a name of its own: another one's may be as long as names can be */
  size_t directory = slash ? (size_t)(slash - f->path) + 1 : 0, size = directory + 48;
  f->temporary = kv_malloc(size);
  if (!f->temporary) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a file name");
  int fd;
  do {
    snprintf(f->temporary, size, "%.*s.kvino-%ld-%u.tmp", (int)directory, f->path, (long)getpid(),
             atomic_fetch_add(&number, 1));
    fd = open(f->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (fd < 0 && errno == EEXIST);
  if (fd < 0) {
    kvino_status status = io_error(err, f->path);
    kv_free(f->temporary);
    f->temporary = NULL;
    return status;
  }
  if (old && fchmod(fd, old->st_mode & 07777)) { /* another owner's file: the mode of a new file will do */
  }
  close(fd);
  return KVINO_OK;
}

kvino_status kv_new_file_begin(kv_new_file *f, const char *path, kvino_error *err) {
  struct stat old;
  *f = (kv_new_file){NULL, NULL};
  if (!path) return kv_fail(err, KVINO_INVALID, "the path of a file is NULL");
  bool exists = !stat(path, &old);
  char *real = exists ? realpath(path, NULL) : NULL; /* a link stays a link */
  f->path = kv_strdup(real ? real : path);
  free(real);
  if (!f->path) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a file name");
  kvino_status status = KVINO_OK;
  if (exists && S_ISDIR(old.st_mode)) {
    errno = EISDIR;
    status = io_error(err, path);
  } else if (!exists || S_ISREG(old.st_mode)) {
    status = make_temporary(f, exists ? &old : NULL, err);
  }
  if (status) kv_new_file_abandon(f);
  return status;
}

const char *kv_new_file_target(const kv_new_file *f) { return f->temporary ? f->temporary : f->path; }

kvino_status kv_new_file_commit(kv_new_file *f, kvino_error *err) {
  kvino_status status = KVINO_OK;
  if (f->temporary && rename(f->temporary, f->path)) {
    status = io_error(err, f->path);
    kv_new_file_abandon(f);
    return status;
  }
  kv_free(f->temporary);
  f->temporary = NULL;
  kv_new_file_abandon(f);
  return status;
}

void kv_new_file_abandon(kv_new_file *f) {
  if (f->temporary) unlink(f->temporary);
  kv_free(f->temporary);
  kv_free(f->path);
  *f = (kv_new_file){NULL, NULL};
}

kvino_status kv_file_write_by(const char *path, kvino_status (*write)(void *context, FILE *file, kvino_error *err),
                              void *context, kvino_error *err) {
  kv_new_file f;
  KV_TRY(kv_new_file_begin(&f, path, err));
  FILE *file = fopen(kv_new_file_target(&f), "wb");
  kvino_status status = file ? write(context, file, err) : io_error(err, path);
  if (file && fclose(file) && !status) status = io_error(err, path);
  if (!status) return kv_new_file_commit(&f, err);
  kv_new_file_abandon(&f);
  return status;
}

typedef struct bytes {
  const char *text;
  size_t n;
} bytes;

static kvino_status write_bytes(void *context, FILE *file, kvino_error *err) {
  const bytes *b = context;
  return fwrite(b->text, 1, b->n, file) == b->n ? KVINO_OK : kv_fail(err, KVINO_IO, "%s", strerror(errno));
}

kvino_status kv_file_write(const char *path, const char *text, size_t n, kvino_error *err) {
  return kv_file_write_by(path, write_bytes, &(bytes){text, n}, err);
}
