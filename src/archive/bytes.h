/* Bytes of a file or of a member of one, shared by reference count: tensors that stand in them keep them. */
#ifndef KVINO_ARCHIVE_BYTES_H
#define KVINO_ARCHIVE_BYTES_H

#include "base/error.h"

typedef struct kv_bytes kv_bytes;

struct kv_bytes {
  _Atomic uint32_t refs;
  size_t n;
  char *at; /* aligned to KV_ALIGN */
};

/* n bytes, undefined. `name` stands in the error text. */
kvino_status kv_bytes_new(size_t n, const char *name, kv_bytes **out, kvino_error *err);
/* A whole file. Errors: KVINO_IO with the path. */
kvino_status kv_bytes_read(const char *path, kv_bytes **out, kvino_error *err);
kv_bytes *kv_bytes_retain(kv_bytes *b);
void kv_bytes_release(kv_bytes *b); /* NULL is allowed */

#endif
