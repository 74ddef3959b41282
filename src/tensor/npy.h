/* Reading and writing one array in the .npy format, from and to anything that gives and takes bytes in order. */
#ifndef KVINO_TENSOR_NPY_H
#define KVINO_TENSOR_NPY_H

#include "tensor/npy_header.h"
#include "tensor/tensor.h"

/* Where bytes come from. */
typedef struct kv_source {
  int64_t (*read)(void *context, void *to, size_t n); /* bytes read, fewer than n only at the end; -1: failed */
  const char *(*why)(void *context);                  /* what failed, after a -1 */
  void *context;
  int64_t size;     /* bytes in all; -1 where that is not known beforehand (a pipe) */
  const char *name; /* for error texts */
} kv_source;

/* The array that the source holds, and nothing else: bytes after it are an error. */
kvino_status kv_npy_load(const kv_source *source, kvino_tensor **out, kvino_error *err);

/* A tensor as it stands in a file: its header, and its elements as one piece of memory. */
typedef struct kv_npy_image {
  char header[KV_NPY_WRITTEN_MAX];
  size_t header_bytes;
  kvino_tensor *data; /* contiguous; a reference */
  size_t data_bytes;
} kv_npy_image;
kvino_status kv_npy_image_make(const kvino_tensor *t, kv_npy_image *image, kvino_error *err);
void kv_npy_image_clear(kv_npy_image *image);

#endif
