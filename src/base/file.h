/* Files that are there in full or not at all: written under a temporary name beside the target, then renamed. */
#ifndef KVINO_BASE_FILE_H
#define KVINO_BASE_FILE_H

#include <stdio.h>

#include "base/error.h"

typedef struct kv_new_file {
  char *path;      /* where the file will be: links are followed */
  char *temporary; /* where it is written; NULL where `path` is no regular file (a pipe, a device) and is written
                      directly */
} kv_new_file;

/* Prepares to write `path`: makes the temporary file, empty. Errors: KVINO_IO with the path, KVINO_NO_MEMORY. */
kvino_status kv_new_file_begin(kv_new_file *f, const char *path, kvino_error *err);
/* The name to open for writing. */
const char *kv_new_file_target(const kv_new_file *f);
/* Puts the file in its place. On failure there is nothing new. Frees what f owns, in any case. */
kvino_status kv_new_file_commit(kv_new_file *f, kvino_error *err);
/* Leaves everything as it was. Frees what f owns. */
void kv_new_file_abandon(kv_new_file *f);

/* All of that: `write` is given the new file, opened. */
kvino_status kv_file_write_by(const char *path, kvino_status (*write)(void *context, FILE *file, kvino_error *err),
                              void *context, kvino_error *err);
/* A file of these n bytes. */
kvino_status kv_file_write(const char *path, const char *text, size_t n, kvino_error *err);

#endif
