/* PNG, by libpng. */
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "images.h"

/* All that outlives a jump out of libpng. */
typedef struct reader {
  const unsigned char *at;
  size_t left;
  pixels *p;
  kvino_status status;
  kvino_error *err;
  png_structp png;
  png_infop info;
  png_bytep *rows;
} reader;

static void on_error(png_structp png, png_const_charp text) {
  reader *r = png_get_error_ptr(png);
  if (!r->status) r->status = tell(r->err, KVINO_IO, "%s: the PNG file is damaged: %s", r->p->path, text);
  png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

static void give(png_structp png, png_bytep to, size_t n) {
  reader *r = png_get_io_ptr(png);
  if (n > r->left) png_error(png, "it is cut off");
  memcpy(to, r->at, n);
  r->at += n;
  r->left -= n;
}

/* Rows of RGB, eight bits each. */
static void ask_for_rgb(reader *r) {
  png_set_expand(r->png);
  png_set_strip_16(r->png);
  png_set_strip_alpha(r->png);
  png_set_gray_to_rgb(r->png);
  png_set_interlace_handling(r->png);
  png_read_update_info(r->png, r->info);
}

static void read_rows(reader *r) {
  png_read_info(r->png, r->info);
  r->p->height = png_get_image_height(r->png, r->info);
  r->p->width = png_get_image_width(r->png, r->info);
  if ((r->status = new_pixels(r->p, r->err))) png_error(r->png, "");
  ask_for_rgb(r);
  if (png_get_rowbytes(r->png, r->info) != (size_t)r->p->width * 3) png_error(r->png, "rows of another length");
  if (!(r->rows = malloc((size_t)r->p->height * sizeof *r->rows))) png_error(r->png, "out of memory");
  for (int64_t i = 0; i < r->p->height; i++) r->rows[i] = r->p->rgb + i * r->p->width * 3;
  png_read_image(r->png, r->rows);
  png_read_end(r->png, NULL);
}

kvino_status decode_png(const unsigned char *bytes, size_t n, pixels *p, kvino_error *err) {
  reader r = {.at = bytes, .left = n, .p = p, .err = err};
  r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, on_error, on_warning);
  if (!r.png) return tell(err, KVINO_NO_MEMORY, "%s: out of memory", p->path);
  if (!setjmp(png_jmpbuf(r.png))) {
    if (!(r.info = png_create_info_struct(r.png))) png_error(r.png, "out of memory");
    png_set_read_fn(r.png, &r, give);
    read_rows(&r);
  }
  png_destroy_read_struct(&r.png, &r.info, NULL);
  free(r.rows);
  if (r.status) free(p->rgb);
  return r.status;
}
