/* In place of npz.c where kvino is built without libzip. */
#include "base/error.h"
#include "base/memory.h"
#include "kvino/tensor.h"

static kvino_status absent(kvino_error *err) {
  return kv_fail(err, KVINO_UNSUPPORTED, "kvino was built without libzip, which .npz files need (KVINO_ZIP=OFF)");
}

void kvino_names_free(char **names, size_t n) {
  for (size_t i = 0; names && i < n; i++) kv_free(names[i]);
  kv_free(names);
}
kvino_status kvino_npz_read(const char *path, char ***names, kvino_tensors *out, kvino_error *err) {
  return (void)path, (void)names, (void)out, absent(err);
}
kvino_status kvino_npz_parse(const void *bytes, size_t length, const char *name, char ***names, kvino_tensors *out,
                             kvino_error *err) {
  return (void)bytes, (void)length, (void)name, (void)names, (void)out, absent(err);
}
kvino_status kvino_npz_write(const char *path, size_t n, const char *const *names, kvino_tensor *const *tensors,
                             kvino_error *err) {
  return (void)path, (void)n, (void)names, (void)tensors, absent(err);
}
