/* Elements of an array at computed places: the nearest one, or linear interpolation. */
#ifndef KVINO_KERNELS_IMAGE_SAMPLE_H
#define KVINO_KERNELS_IMAGE_SAMPLE_H

#include <stdbool.h>

#include "kvino/dtype.h"

enum { KV_SAMPLE_AXES = 8 };

/* What stands outside of the axes 0 to n - 1. */
typedef enum kv_outside {
  KV_OUTSIDE_CONSTANT, /* k k | a b c | k k */
  KV_OUTSIDE_NEAREST,  /* a a | a b c | c c */
  KV_OUTSIDE_WRAP,     /* b c | a b c | a b */
  KV_OUTSIDE_MIRROR,   /* c b | a b c | b a */
  KV_OUTSIDE_REFLECT   /* b a | a b c | c b */
} kv_outside;

/* y[b, p, c] = x[b, place of p..., c], every array contiguous. A NaN is no place, and infinity is one only where all
 * that is outside is the same. Places are given, or (of 2 axes) those to which projections send the pixels of images of
 * that width: the pixel (h, w) to
 * ((b0 w + (b1 h + b2)) / k, (a0 w + (a1 h + a2)) / k), k = c0 w + (c1 h + 1). */
typedef struct kv_sampling {
  kvino_dtype
      dtype;     /* of x, fill and y; where linear, f32, f64 or an integer, which is rounded (halves away from zero) */
  bool linear;   /* or nearest: halves away from zero */
  bool wide;     /* coordinates are f64, or f32 */
  bool one_grid; /* the coordinates (or the projection) of the first batch are those of all */
  kv_outside outside;
  int axes; /* up to KV_SAMPLE_AXES */
  int64_t batch, points, channels;
  const int64_t *shape;     /* [axes] */
  const void *x;            /* [batch, shape..., channels] */
  const void *coordinate;   /* [batch or 1, axes, points] */
  const double *projection; /* [batch or 1, 8]: a0, a1, a2, b0, b1, b2, c0, c1; or NULL */
  int64_t width;
  const void *fill;    /* one element */
  const void *nowhere; /* what stands at no place, one element */
  void *y;             /* [batch, points, channels] */
} kv_sampling;

void kv_sample_run(const kv_sampling *s);
/* The transpose, of f32 and f64: x [batch, shape..., channels], which is written here, from y; `fill` is not used. */
void kv_sample_back(const kv_sampling *s, void *x);
/* Whether linear interpolation takes that dtype. */
bool kv_sampling_interpolates(kvino_dtype dtype);

#endif
