/* Fuzz target: any bytes as a picture. Every pixel of what is read must be there. */
#include <stdlib.h>

#include "images.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pixels p = {.path = "fuzz"};
  kvino_error err = {KVINO_OK, ""};
  kvino_status status = decode_pixels(data, size, &p, &err);
  if (status) {
    if (err.status != status || !*err.text) abort();
    return 0;
  }
  int64_t sum = 0;
  for (int64_t i = 0; i < p.height * p.width * 3; i++) sum += p.rgb[i];
  if (p.height < 1 || p.width < 1 || sum > 255 * 3 * p.height * p.width) abort();
  free(p.rgb);
  return 0;
}
