/* The HDF5 library on a file in memory. It trusts what it reads: only a process of its own may call this (hdf5.c).
 *
 * A path is followed along hard links alone: what links elsewhere (soft and external links), datasets whose bytes stand
 * in other files (external and virtual ones) and filters that would be loaded from the system are refused. */
#ifndef KVINO_ARCHIVE_HDF5_LIBRARY_H
#define KVINO_ARCHIVE_HDF5_LIBRARY_H

#include "archive/bytes.h"
#include "kvino/tensor.h"

typedef struct kv_hdf5_file kv_hdf5_file;

/* Where a dataset's elements are. */
typedef struct kv_hdf5_place {
  kvino_dtype dtype;
  int rank;
  int64_t shape[KVINO_MAX_RANK];
  uint64_t bytes;
  bool in_file; /* as they are in memory (but for their alignment), from `offset` on; else at `data`, to be freed */
  uint64_t offset;
  char *data;
} kv_hdf5_place;

kvino_status kv_hdf5_library_open(const kv_bytes *bytes, const char *name, kv_hdf5_file **out, kvino_error *err);
kvino_status kv_hdf5_library_has(kv_hdf5_file *h, const char *path, uint64_t *out, kvino_error *err);
kvino_status kv_hdf5_library_count(kv_hdf5_file *h, const char *path, uint64_t *out, kvino_error *err);
kvino_status kv_hdf5_library_is_dataset(kv_hdf5_file *h, const char *path, uint64_t *out, kvino_error *err);
kvino_status kv_hdf5_library_names(kv_hdf5_file *h, const char *path, char ***names, size_t *n, kvino_error *err);
kvino_status kv_hdf5_library_has_attribute(kv_hdf5_file *h, const char *path, const char *name, uint64_t *out,
                                           kvino_error *err);
kvino_status kv_hdf5_library_read(kv_hdf5_file *h, const char *path, kv_hdf5_place *out, kvino_error *err);
kvino_status kv_hdf5_library_texts(kv_hdf5_file *h, const char *path, const char *attribute, char ***texts, size_t *n,
                                   kvino_error *err);

#endif
