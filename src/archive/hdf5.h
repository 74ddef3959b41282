/* HDF5 files in memory: groups, datasets as tensors, attributes as texts. A process of its own reads each, so that a
 * hostile file can break nothing here; what it says is held against the file's size. */
#ifndef KVINO_ARCHIVE_HDF5_H
#define KVINO_ARCHIVE_HDF5_H

#include "archive/bytes.h"
#include "kvino/tensor.h"

typedef struct kv_hdf5 kv_hdf5;

/* The file that these bytes are; they are retained. `name` stands in error texts. */
kvino_status kv_hdf5_open(kv_bytes *bytes, const char *name, kv_hdf5 **out, kvino_error *err);
void kv_hdf5_close(kv_hdf5 *h);            /* NULL is allowed */
bool kv_hdf5_is(const kv_bytes *bytes);    /* by its first bytes */
kv_bytes *kv_hdf5_bytes(const kv_hdf5 *h); /* borrowed */

/* Whether there is an object at this path ("layers/dense/vars"; "" is the file). Errors: a link that is not a hard one.
 */
kvino_status kv_hdf5_has(kv_hdf5 *h, const char *path, bool *out, kvino_error *err);
kvino_status kv_hdf5_has_attribute(kv_hdf5 *h, const char *path, const char *name, bool *out, kvino_error *err);
/* How many objects a group has. */
kvino_status kv_hdf5_count(kv_hdf5 *h, const char *path, size_t *out, kvino_error *err);
/* The names of what a group holds; *n is 0 for what is none. Free with kvino_names_free. */
kvino_status kv_hdf5_names(kv_hdf5 *h, const char *path, char ***names, size_t *n, kvino_error *err);
kvino_status kv_hdf5_is_dataset(kv_hdf5 *h, const char *path, bool *out, kvino_error *err);
/* A dataset: a view of the file's bytes where they are such as they are in memory, else a copy. */
kvino_status kv_hdf5_read(kv_hdf5 *h, const char *path, kvino_tensor **out, kvino_error *err);
/* Attribute `attribute` of the object at `path`, a text or a vector of texts. *n is 0 where there is none. Free with
 * kvino_names_free. */
kvino_status kv_hdf5_texts(kv_hdf5 *h, const char *path, const char *attribute, char ***texts, size_t *n,
                           kvino_error *err);

#endif
