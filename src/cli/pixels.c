/* A picture's file: which kind it is, and how large it may be. */
#include <stdlib.h>
#include <string.h>

#include "images.h"

const char *const pixels_libraries = "libpng, libjpeg";

kvino_status new_pixels(pixels *p, kvino_error *err) {
  if (p->height < 1 || p->width < 1 || p->height > MOST_PIXELS || p->width > MOST_PIXELS / p->height)
    return tell(err, KVINO_IO, "%s: %lld x %lld pixels are more than the %d million that are read", p->path,
                (long long)p->height, (long long)p->width, MOST_PIXELS / 1000000);
  p->rgb = malloc((size_t)p->height * (size_t)p->width * 3);
  return p->rgb ? KVINO_OK : tell(err, KVINO_NO_MEMORY, "%s: out of memory", p->path);
}

kvino_status decode_pixels(const unsigned char *bytes, size_t n, pixels *p, kvino_error *err) {
  if (n >= 8 && !memcmp(bytes, "\x89PNG\r\n\x1a\n", 8)) return decode_png(bytes, n, p, err);
  if (n >= 3 && !memcmp(bytes, "\xff\xd8\xff", 3)) return decode_jpeg(bytes, n, p, err);
  return tell(err, KVINO_IO, "%s: neither a PNG nor a JPEG file", p->path);
}
