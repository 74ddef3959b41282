/* HDF5 files, written to memory as h5py writes what Keras stores: arrays by path, attributes of texts. */
#ifndef KVINO_ARCHIVE_HDF5_WRITE_H
#define KVINO_ARCHIVE_HDF5_WRITE_H

#include "archive/bytes.h"
#include "kvino/tensor.h"

typedef struct kv_hdf5_writer kv_hdf5_writer;

/* `name` stands in error texts. */
kvino_status kv_hdf5_writer_new(const char *name, kv_hdf5_writer **out, kvino_error *err);
void kv_hdf5_writer_free(kv_hdf5_writer *w); /* NULL is allowed */

/* A dataset; the groups on its way are made. Where there is something at the path it stays. */
kvino_status kv_hdf5_put(kv_hdf5_writer *w, const char *path, const kvino_tensor *t, kvino_error *err);
/* A group, with those on its way, unless it is there. */
kvino_status kv_hdf5_put_group(kv_hdf5_writer *w, const char *path, kvino_error *err);
/* A text as attribute of the object at `path` ("": the file). */
kvino_status kv_hdf5_put_text(kv_hdf5_writer *w, const char *path, const char *attribute, const char *text,
                              kvino_error *err);
/* The same of a list of texts; one that is too long for an attribute is divided, as Keras does it. */
kvino_status kv_hdf5_put_texts(kv_hdf5_writer *w, const char *path, const char *attribute, size_t n,
                               const char *const *texts, kvino_error *err);
/* The file's bytes. Nothing can be put afterwards. */
kvino_status kv_hdf5_writer_finish(kv_hdf5_writer *w, kv_bytes **out, kvino_error *err);

/* Between these two no writer of another thread is inside of the library, which is not one for threads. */
void kv_hdf5_hold(void);
void kv_hdf5_let_go(void);

#endif
