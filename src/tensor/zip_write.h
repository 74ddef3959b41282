/* Zip archives, written: members as they are, not packed, so that weights can be used where they lie. */
#ifndef KVINO_TENSOR_ZIP_WRITE_H
#define KVINO_TENSOR_ZIP_WRITE_H

#include "base/error.h"

/* A member: bytes in one or two pieces. Borrowed. */
typedef struct kv_zip_part {
  const char *name;
  const void *head;
  size_t head_bytes;
  const void *data;
  size_t bytes;
} kv_zip_part;

/* Writes an archive of these members; it is there in full or not at all. Errors: KVINO_IO with the path. */
kvino_status kv_zip_write(const char *path, size_t n, const kv_zip_part *parts, kvino_error *err);

#endif
