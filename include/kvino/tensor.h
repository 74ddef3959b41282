/* Tensors: an n-dimensional array of one dtype, or the promise of one in a graph that is being traced.
 *
 * A tensor is immutable through this API, reference-counted (atomically: it may be shared between threads) and carries
 * its strides in bytes, so that reshapes, transposes, slices and broadcasts are views of one buffer.
 * A *symbolic* tensor is the output of a graph node: it has a dtype and a shape, in which -1 is a dimension unknown
 * until run time, and no data. A *watched* one (kvino_graph_watch) is both: it has data, and what is computed from it
 * is recorded. Every operator takes all kinds. */
#ifndef KVINO_TENSOR_H
#define KVINO_TENSOR_H

#include "kvino/dtype.h"

#ifdef __cplusplus
extern "C" {
#endif

#define KVINO_MAX_RANK 64 /* as NumPy's */

typedef struct kvino_tensor kvino_tensor;

/* A list of tensors owned by the caller: release with kvino_tensors_clear. */
typedef struct kvino_tensors {
  size_t n;
  kvino_tensor **v;
} kvino_tensors;

/* A new C-contiguous tensor of `rank` dimensions (shape may be NULL where rank is 0), its elements copied from `data`
 * (C order; NULL leaves them uninitialised). Errors: KVINO_INVALID (rank or a dimension out of range),
 * KVINO_NO_MEMORY. */
KVINO_API kvino_status kvino_tensor_new(kvino_dtype dtype, int rank, const int64_t *shape, const void *data,
                                        kvino_tensor **out, kvino_error *err);

/* The same, its elements written by `fill(context, data, bytes)` before anybody else has the tensor: C order, memory
 * that is not initialised. */
KVINO_API kvino_status kvino_tensor_fill(kvino_dtype dtype, int rank, const int64_t *shape,
                                         void (*fill)(void *context, void *data, size_t bytes), void *context,
                                         kvino_tensor **out, kvino_error *err);

/* A tensor over foreign memory, not copied. `strides` in bytes, NULL for C order. `release(context)` is called once,
 * when the last tensor that shares the memory is gone (at once where this call fails); it may be NULL. The memory must
 * not change while tensors share it. */
KVINO_API kvino_status kvino_tensor_wrap(kvino_dtype dtype, int rank, const int64_t *shape, const int64_t *strides,
                                         const void *data, void (*release)(void *context), void *context,
                                         kvino_tensor **out, kvino_error *err);

/* A 0-d tensor. */
KVINO_API kvino_status kvino_tensor_scalar_f64(kvino_dtype dtype, double value, kvino_tensor **out, kvino_error *err);
KVINO_API kvino_status kvino_tensor_scalar_i64(kvino_dtype dtype, int64_t value, kvino_tensor **out, kvino_error *err);

KVINO_API kvino_tensor *kvino_tensor_retain(kvino_tensor *t); /* t itself; NULL is allowed */
KVINO_API void kvino_tensor_release(kvino_tensor *t);         /* NULL is allowed */
KVINO_API void kvino_tensors_clear(kvino_tensors *list);

/* NULL has rank and size 0, no shape, no data, and KVINO_DTYPE_COUNT for a dtype. */
KVINO_API kvino_dtype kvino_tensor_dtype(const kvino_tensor *t);
KVINO_API int kvino_tensor_rank(const kvino_tensor *t);
KVINO_API const int64_t *kvino_tensor_shape(const kvino_tensor *t);   /* rank values; borrowed */
KVINO_API const int64_t *kvino_tensor_strides(const kvino_tensor *t); /* bytes; rank values; borrowed; 0s if symbolic */
KVINO_API bool kvino_tensor_is_symbolic(const kvino_tensor *t);       /* has no data */
KVINO_API bool kvino_tensor_is_recorded(const kvino_tensor *t); /* symbolic or watched: operators on it are recorded */
/* The value of a watched tensor as one that nothing is recorded of, in the same memory; a concrete one itself,
 * retained. Fails with KVINO_INVALID where it is symbolic. */
KVINO_API kvino_status kvino_tensor_detach(kvino_tensor *t, kvino_tensor **out, kvino_error *err);
/* Number of elements; -1 where a dimension is unknown. */
KVINO_API int64_t kvino_tensor_size(const kvino_tensor *t);
/* The element at index 0 of every axis; borrowed; NULL for a symbolic tensor. Not to be written through. */
KVINO_API const void *kvino_tensor_data(const kvino_tensor *t);
KVINO_API bool kvino_tensor_is_contiguous(const kvino_tensor *t); /* in C order */
/* The same elements in C order: `t` itself (retained) where it already is, else a copy. */
KVINO_API kvino_status kvino_tensor_contiguous(kvino_tensor *t, kvino_tensor **out, kvino_error *err);

/* .npy (format 1.0 to 3.0; either byte order; C or Fortran order). Reading maps nothing: the data is copied.
 * Errors: KVINO_IO with the path and what is wrong with the file; nothing is left half written. */
KVINO_API kvino_status kvino_npy_read(const char *path, kvino_tensor **out, kvino_error *err);
KVINO_API kvino_status kvino_npy_write(const char *path, const kvino_tensor *t, kvino_error *err);
/* The same to what is open already (standard output, a pipe, a socket), from where it stands; it stays open. */
KVINO_API kvino_status kvino_npy_write_fd(int fd, const kvino_tensor *t, kvino_error *err);
/* The same from memory. `name` stands in error texts. */
KVINO_API kvino_status kvino_npy_parse(const void *bytes, size_t length, const char *name, kvino_tensor **out,
                                       kvino_error *err);

/* .npz: names (without ".npy") and arrays in the archive's order. Free each name and then the array of names with
 * kvino_names_free. */
KVINO_API kvino_status kvino_npz_read(const char *path, char ***names, kvino_tensors *out, kvino_error *err);
KVINO_API kvino_status kvino_npz_parse(const void *bytes, size_t length, const char *name, char ***names,
                                       kvino_tensors *out, kvino_error *err);
KVINO_API kvino_status kvino_npz_write(const char *path, size_t n, const char *const *names,
                                       kvino_tensor *const *tensors, kvino_error *err);
KVINO_API void kvino_names_free(char **names, size_t n);

#ifdef __cplusplus
}
#endif
#endif
