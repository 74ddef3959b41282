/* JPEG, by libjpeg. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jerror.h>
#include <jpeglib.h>

#include "images.h"

/* All that outlives a jump out of libjpeg. */
typedef struct reader {
  struct jpeg_decompress_struct jpeg;
  struct jpeg_error_mgr errors;
  struct jpeg_progress_mgr progress;
  jmp_buf out;
  pixels *p;
  kvino_status status;
  kvino_error *err;
} reader;

static void on_error(j_common_ptr jpeg) {
  reader *r = jpeg->client_data;
  char text[JMSG_LENGTH_MAX];
  jpeg->err->format_message(jpeg, text);
  if (!r->status) r->status = tell(r->err, KVINO_IO, "%s: the JPEG file is damaged: %s", r->p->path, text);
  longjmp(r->out, 1);
}

/* Where pixels are missing libjpeg makes some up and warns: here that is an error. */
static void on_message(j_common_ptr jpeg, int level) {
  int code = jpeg->err->msg_code;
  if (level < 0 &&
      (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE || code == JWRN_MUST_RESYNC))
    on_error(jpeg);
}

/* Each scan of a progressive file goes through all pixels again, however few bytes it has. */
static void on_progress(j_common_ptr jpeg) {
  enum { MOST_SCANS = 500 };
  reader *r = jpeg->client_data;
  if (r->jpeg.input_scan_number <= MOST_SCANS) return;
  r->status = tell(r->err, KVINO_IO, "%s: the JPEG file has more than %d scans", r->p->path, MOST_SCANS);
  longjmp(r->out, 1);
}

static void read_rows(reader *r, const unsigned char *bytes, size_t n) {
  jpeg_mem_src(&r->jpeg, bytes, n);
  jpeg_read_header(&r->jpeg, TRUE);
  r->p->height = r->jpeg.image_height;
  r->p->width = r->jpeg.image_width;
  if ((r->status = new_pixels(r->p, r->err))) longjmp(r->out, 1);
  r->jpeg.out_color_space = JCS_RGB;
  jpeg_start_decompress(&r->jpeg);
  while (r->jpeg.output_scanline < r->jpeg.output_height) {
    JSAMPROW row = r->p->rgb + (size_t)r->jpeg.output_scanline * (size_t)r->p->width * 3;
    jpeg_read_scanlines(&r->jpeg, &row, 1);
  }
  jpeg_finish_decompress(&r->jpeg);
}

kvino_status decode_jpeg(const unsigned char *bytes, size_t n, pixels *p, kvino_error *err) {
  reader r = {.p = p, .err = err};
  r.jpeg.err = jpeg_std_error(&r.errors);
  r.errors.error_exit = on_error;
  r.errors.emit_message = on_message;
  r.progress.progress_monitor = on_progress;
  r.jpeg.client_data = &r;
  if (!setjmp(r.out)) {
    jpeg_create_decompress(&r.jpeg);
    r.jpeg.progress = &r.progress;
    read_rows(&r, bytes, n);
  }
  jpeg_destroy_decompress(&r.jpeg);
  if (r.status) free(p->rgb);
  return r.status;
}
