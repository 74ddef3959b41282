/* Fuzz target: any bytes as an .npy file. What is read must be a tensor whose every element can be read. */
#include <stdlib.h>
#include <string.h>

#include "kvino/tensor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  kvino_tensor *t = NULL, *c = NULL;
  kvino_error err = {KVINO_OK, ""};
  kvino_status status = kvino_npy_parse(data, size, "fuzz", &t, &err);
  if (status) {
    if (t || err.status != status || !*err.text) abort();
    return 0;
  }
  if (kvino_tensor_contiguous(t, &c, &err)) abort();
  size_t bytes = (size_t)kvino_tensor_size(c) * kvino_dtype_size(kvino_tensor_dtype(c));
  size_t most = kvino_tensor_dtype(c) == KVINO_STRING ? kvino_dtype_size(KVINO_STRING) : 1; /* a text of a letter */
  if (bytes > most * size) abort(); /* more than the file holds */
  char *copy = malloc(bytes + 1);
  if (bytes) memcpy(copy, kvino_tensor_data(c), bytes);
  free(copy);
  kvino_tensor_release(c);
  kvino_tensor_release(t);
  return 0;
}
