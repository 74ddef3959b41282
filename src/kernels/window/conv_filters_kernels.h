/* The inner loops of conv_filters.c, one set per instruction set. */
#ifndef KVINO_KERNELS_WINDOW_CONV_FILTERS_KERNELS_H
#define KVINO_KERNELS_WINDOW_CONV_FILTERS_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

enum { KV_FILTER_LANES = 16 /* channels of a panel of x, at most */ };

/* One tile of positions: `rows` rows of n positions each of every image. The panels stand one after the other. */
typedef struct kv_filter_tile {
  int64_t images, rows, n;
  int64_t taps, tap_step;                            /* along the last dimension; between them, in elements of x */
  int64_t lanes;                                     /* channels of a panel of x */
  const void *x;                                     /* panels of x, each [row][position][lanes] */
  int64_t x_panels, x_panel, x_image, x_row, x_step; /* steps in elements: of a panel, an image, a row, a position */
  const void *d;                                     /* panels of d, each [row][position][width], contiguous */
  int64_t d_panels;
  void *sum;        /* [d panel][x panel][tap][lane][width]; depthwise [panel][tap][lane] */
  int64_t sum_step; /* of d's panels; depthwise of the panels */
} kv_filter_tile;

typedef struct kv_filter_kernels {
  int width[2];                                  /* channels of a panel of d: of f32, of f64 */
  void (*products[2])(const kv_filter_tile *t);  /* every channel of x with every one of d */
  void (*depthwise[2])(const kv_filter_tile *t); /* each channel with its own; panels of d are like those of x */
} kv_filter_kernels;

#endif
