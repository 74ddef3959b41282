/* Tensors of strings (KVINO_STRING): texts in UTF-8 for the layers that take them (kvino/model.h), and for the
 * operators of kvino/ops/strings.def. Strings are computed with natively; OpenVINO gets what becomes of them. */
#ifndef KVINO_STRINGS_H
#define KVINO_STRINGS_H

#include "kvino/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An element, as kvino_tensor_data has it: UTF-8, not ended by a NUL, which is a character like others. The bytes
 * belong to the tensor. */
typedef struct kvino_string {
  const char *at; /* may be NULL where n is 0 */
  size_t n;
} kvino_string;

/* A tensor of copies of these texts, in C order. `lengths` in bytes; NULL: each ends with its first NUL. Errors:
 * KVINO_INVALID: a text that is not UTF-8, which the error names by its number; KVINO_NO_MEMORY. */
KVINO_API kvino_status kvino_strings_new(int rank, const int64_t *shape, const char *const *texts,
                                         const size_t *lengths, kvino_tensor **out, kvino_error *err);

#ifdef __cplusplus
}
#endif
#endif
