#include "archive/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

kvino_status kv_bytes_new(size_t n, const char *name, kv_bytes **out, kvino_error *err) {
  kv_bytes *b = kv_malloc(sizeof *b);
  char *at = b ? kv_block_new(n) : NULL;
  if (!at) {
    kv_free(b);
    return kv_fail(err, KVINO_NO_MEMORY, "%s: out of memory for %zu bytes", name, n);
  }
  *b = (kv_bytes){.refs = 1, .n = n, .at = at};
  *out = b;
  return KVINO_OK;
}

static kvino_status fill(int file, kv_bytes *b, const char *path, kvino_error *err) {
  for (size_t done = 0; done < b->n;) {
    ssize_t got = read(file, b->at + done, b->n - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return kv_fail(err, KVINO_IO, "%s: %s", path, strerror(errno));
    if (!got) return kv_fail(err, KVINO_IO, "%s: the file became shorter while it was read", path);
    done += (size_t)got;
  }
  return KVINO_OK;
}

kvino_status kv_bytes_read(const char *path, kv_bytes **out, kvino_error *err) {
  struct stat s;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return kv_fail(err, KVINO_IO, "%s: %s", path, strerror(errno));
  kvino_status status = KVINO_OK;
  kv_bytes *b = NULL;
  if (fstat(file, &s))
    status = kv_fail(err, KVINO_IO, "%s: %s", path, strerror(errno));
  else if (!S_ISREG(s.st_mode))
    status = kv_fail(err, KVINO_IO, "%s: not a regular file", path);
  if (!status) status = kv_bytes_new((size_t)s.st_size, path, &b, err);
  if (!status) status = fill(file, b, path, err);
  close(file);
  if (status)
    kv_bytes_release(b);
  else
    *out = b;
  return status;
}

kv_bytes *kv_bytes_retain(kv_bytes *b) {
  atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
  return b;
}

void kv_bytes_release(kv_bytes *b) {
  if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1) return;
  kv_block_free(b->at, b->n);
  kv_free(b);
}
