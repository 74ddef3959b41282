/* Strings as NumPy has them: elements of one width, UTF-32 ("<U5") or bytes ("|S5"), filled up with zeros. */
#ifndef KVINO_TENSOR_NPY_STRINGS_H
#define KVINO_TENSOR_NPY_STRINGS_H

#include "tensor/npy_header.h"
#include "tensor/strings.h"

/* n elements as h says, at `from`, which is overwritten: a tensor of this shape. Errors: KVINO_IO: what is no text. */
kvino_status kv_npy_strings_read(const kv_npy_header *h, const int64_t *shape, char *from, size_t n, const char *name,
                                 kvino_tensor **out, kvino_error *err);
/* A tensor of strings as UTF-32: uint8 of one row each, and the header's width. Errors: KVINO_TYPE: what is no UTF-8.
 */
kvino_status kv_npy_strings_write(kvino_tensor *t, kv_npy_header *h, kvino_tensor **out, kvino_error *err);

#endif
