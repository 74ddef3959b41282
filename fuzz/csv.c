/* Fuzz target: any bytes as a table, for an input of numbers and for one of integers. */
#include <stdlib.h>

#include "cli.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_as(kvino_dtype dtype, const uint8_t *data, size_t size) {
  kvino_port port = {"x", dtype, 2, (int64_t[]){-1, -1}};
  kvino_tensor *t = NULL;
  kvino_error err = {KVINO_OK, ""};
  kvino_status status = csv_parse(&port, (const char *)data, size, "fuzz", &t, &err);
  if (status ? t || err.status != status || !*err.text : kvino_tensor_size(t) < 1) abort();
  if (!status && (size_t)kvino_tensor_size(t) > size) abort(); /* a number has a byte */
  kvino_tensor_release(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  read_as(KVINO_F32, data, size);
  read_as(KVINO_I32, data, size);
  return 0;
}
