/* Pictures for inputs of models. */
#ifndef KVINO_CLI_IMAGES_H
#define KVINO_CLI_IMAGES_H

#include "cli.h"

/* A picture as it is in its file. */
typedef struct pixels {
  const char *path;
  int64_t height, width;
  unsigned char *rgb; /* for free() */
} pixels;

/* A picture of more than this is refused before memory is asked for. */
enum { MOST_PIXELS = 100 * 1000 * 1000 };

/* PNG or JPEG, as the bytes say. p->path stands in error texts. 16 bits become 8, transparency is dropped, and neither
 * colour profiles nor an orientation are looked at. Errors: KVINO_IO: damaged, cut off, too large; KVINO_UNSUPPORTED:
 * kvino was built without the libraries. */
kvino_status decode_pixels(const unsigned char *bytes, size_t n, pixels *p, kvino_error *err);
/* The same of one kind. */
kvino_status decode_png(const unsigned char *bytes, size_t n, pixels *p, kvino_error *err);
kvino_status decode_jpeg(const unsigned char *bytes, size_t n, pixels *p, kvino_error *err);
/* Memory for p's height and width. */
kvino_status new_pixels(pixels *p, kvino_error *err);

#endif
