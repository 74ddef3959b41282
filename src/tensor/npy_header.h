/* The header of the .npy format: a Python dict literal that says dtype, order and shape. Bytes in, a plain record out,
 * and back; files and tensors are not known here. */
#ifndef KVINO_TENSOR_NPY_HEADER_H
#define KVINO_TENSOR_NPY_HEADER_H

#include "kvino/tensor.h"

enum {
  KV_NPY_PREFIX = 8,         /* magic and version */
  KV_NPY_HEADER_MAX = 10000, /* NumPy's limit, too; the longest header of an array that kvino takes has 1500 bytes */
  KV_NPY_WRITTEN_MAX = 2048  /* what kv_npy_header_write may need */
};

typedef struct kv_npy_header {
  kvino_dtype dtype;
  size_t width; /* bytes of an element */
  size_t unit;  /* of strings: 4 bytes (UTF-32) or 1 */
  bool swapped; /* the elements are not in this machine's byte order */
  bool fortran;
  int rank;
  int64_t shape[KVINO_MAX_RANK];
} kv_npy_header;

/* Bytes of the length field that follows the first KV_NPY_PREFIX bytes: 2 (version 1) or 4 (2 and 3).
 * `name` stands in error texts. */
kvino_status kv_npy_prefix(const unsigned char prefix[KV_NPY_PREFIX], const char *name, int *length_bytes,
                           kvino_error *err);
/* The n bytes after the length field. Everything is checked: keys, kinds, ranges, nothing left over. */
kvino_status kv_npy_header_parse(const char *text, size_t n, int version, const char *name, kv_npy_header *out,
                                 kvino_error *err);
/* The whole of a header as NumPy writes it (version 1.0, padded so that the data is aligned to 64 bytes).
 * Errors: KVINO_TYPE where the format has no such dtype. */
kvino_status kv_npy_header_write(const kv_npy_header *h, char text[KV_NPY_WRITTEN_MAX], size_t *n, kvino_error *err);

#endif
