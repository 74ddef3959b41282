/* Fuzz target: any bytes as an .npz archive. */
#include <stdlib.h>

#include "kvino/tensor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char **names = NULL;
  kvino_tensors list = {0, NULL};
  kvino_error err = {KVINO_OK, ""};
  kvino_status status = kvino_npz_parse(data, size, "fuzz", &names, &list, &err);
  if (status) {
    if (names || list.v || err.status != status || !*err.text) abort();
    return 0;
  }
  for (size_t i = 0; i < list.n; i++)
    if (!names[i] || kvino_tensor_size(list.v[i]) < 0) abort();
  kvino_names_free(names, list.n);
  kvino_tensors_clear(&list);
  return 0;
}
