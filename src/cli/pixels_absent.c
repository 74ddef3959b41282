/* In place of pixels.c, png.c and jpeg.c where kvino is built without libpng and libjpeg. */
#include "images.h"

const char *const pixels_libraries = "none: kvino was built without libpng and libjpeg";

kvino_status decode_pixels(const unsigned char *bytes, size_t n, pixels *p, kvino_error *err) {
  (void)bytes;
  (void)n;
  return tell(err, KVINO_UNSUPPORTED,
              "%s: kvino was built without libpng and libjpeg, which pictures need "
              "(KVINO_IMAGES=OFF)",
              p->path);
}
