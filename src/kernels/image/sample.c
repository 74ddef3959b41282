/* Elements of an array at computed places. Coordinates and weights are f64, so that what is interpolated is rounded
 * once. */
#include "kernels/image/sample.h"

#include <math.h>
#include <string.h>

#include "base/threads.h"

/* The element that stands at the whole number `at` of an axis of n; -1 outside of it where there is none. */
static inline int64_t folded(kv_outside outside, double at, int64_t n) {
  if (at >= 0 && at < (double)n) return (int64_t)at;
  if (!n) return -1;
  double last = (double)(n - 1), period, m;
  switch (outside) {
  case KV_OUTSIDE_CONSTANT:
    return -1;
  case KV_OUTSIDE_NEAREST:
    return at < 0 ? 0 : n - 1;
  case KV_OUTSIDE_WRAP:
    period = (double)n;
    break;
  case KV_OUTSIDE_MIRROR:
    period = 2 * last;
    break;
  default:
    period = 2 * (double)n;
    break;
  }
  if (period == 0) return 0;
  m = fmod(at, period);
  if (m < 0) m += period;
  if (outside == KV_OUTSIDE_MIRROR && m > last) m = period - m;
  if (outside == KV_OUTSIDE_REFLECT && m > last) m = period - 1 - m;
  return (int64_t)m;
}

/* The largest whole number up to c, and the nearest one (halves away from zero): without a call for what is not huge.
 */
static inline double floor_of(double c) {
  if (!(fabs(c) < 0x1p52)) return c;
  double low = (double)(int64_t)c;
  return low > c ? low - 1 : low;
}
static inline double nearest_to(double c) {
  if (!(fabs(c) < 0x1p52)) return c;
  double whole = (double)(int64_t)c;
  return fabs(c - whole) < 0.5 ? whole : whole + (c < 0 ? -1 : 1);
}

/* One point: for each axis the places to read and their weights. */
typedef struct spot {
  int64_t place[KV_SAMPLE_AXES][2]; /* in elements; -1: outside */
  double weight[KV_SAMPLE_AXES][2];
  const void *instead; /* where a coordinate is not finite: the element that stands for all */
} spot;

/* The coordinates of a point. */
static inline __attribute__((always_inline)) void coordinates_of(const kv_sampling *s, int axes, int64_t batch,
                                                                 int64_t point, double *c) {
  if (s->one_grid) batch = 0;
  if (axes == 2 && s->projection) {
    const double *t = s->projection + 8 * batch;
    int64_t row = (point | s->width) >> 32 ? point / s->width : (uint32_t)point / (uint32_t)s->width; /* quicker */
    double h = (double)row, w = (double)(point - row * s->width), k = t[6] * w + (t[7] * h + 1);
    c[0] = (t[3] * w + (t[4] * h + t[5])) / k;
    c[1] = (t[0] * w + (t[1] * h + t[2])) / k;
    return;
  }
  int64_t first = batch * axes * s->points + point;
  for (int d = 0; d < axes; d++, first += s->points)
    c[d] = s->wide ? ((const double *)s->coordinate)[first] : (double)((const float *)s->coordinate)[first];
}

/* The fill value, where the coordinates are only outside of everything. */
static const void *instead_of(const kv_sampling *s, int axes, const double *place) {
  bool is_nan = false;
  for (int d = 0; d < axes; d++) is_nan |= isnan(place[d]);
  return is_nan || s->outside != KV_OUTSIDE_CONSTANT ? s->nowhere : s->fill;
}

/* False where a coordinate is not finite. */
static inline __attribute__((always_inline)) bool locate(const kv_sampling *s, int axes, bool linear, int64_t batch,
                                                         int64_t point, spot *at) {
  double place[KV_SAMPLE_AXES];
  coordinates_of(s, axes, batch, point, place);
  for (int d = 0; d < axes; d++) {
    double c = place[d];
    int64_t n = s->shape[d];
    if (!isfinite(c)) {
      at->instead = instead_of(s, axes, place);
      return false;
    }
    if (!linear) {
      at->place[d][0] = folded(s->outside, nearest_to(c), n);
      continue;
    }
    double low = floor_of(c), part = c - low;
    at->weight[d][0] = 1 - part;
    at->weight[d][1] = part;
    if (low >= 0 && low + 1 < (double)n) { /* most of them */
      at->place[d][0] = (int64_t)low;
      at->place[d][1] = (int64_t)low + 1;
    } else {
      at->place[d][0] = folded(s->outside, low, n);
      at->place[d][1] = folded(s->outside, low + 1, n);
    }
  }
  return true;
}

/* Where corner number `corner` stands, in rows of channels; -1 outside. */
static inline __attribute__((always_inline)) int64_t corner_of(const kv_sampling *s, int axes, const spot *at,
                                                               unsigned corner, double *weight) {
  int64_t place = 0;
  double w = 1;
  for (int d = 0; d < axes; d++) {
    int side = corner >> (axes - 1 - d) & 1;
    int64_t p = at->place[d][side];
    w *= at->weight[d][side];
    place = p < 0 || place < 0 ? -1 : place * s->shape[d] + p;
  }
  *weight = w;
  return place;
}

enum { LANES = 8 }; /* channels that are summed at a time */

/* Sums as elements: floats are rounded by the cast; integers to the nearest one, and what f64 rounded up to 2^64 is
 * cut. */
#define AS_FLOAT(type, v) ((type)(v))
#define AS_INTEGER(type, max, v) ((v) >= (double)(max) ? (max) : (type)nearest_to(v))
#define AS_NARROW(type, v) ((type)(int32_t)((v) < 0 ? (v)-0.5 : (v) + 0.5))
#define AS_u8(v) AS_NARROW(uint8_t, v)
#define AS_i8(v) AS_NARROW(int8_t, v)
#define AS_u16(v) AS_NARROW(uint16_t, v)
#define AS_i16(v) AS_NARROW(int16_t, v)
#define AS_u32(v) AS_INTEGER(uint32_t, UINT32_MAX, v)
#define AS_i32(v) AS_INTEGER(int32_t, INT32_MAX, v)
#define AS_u64(v) AS_INTEGER(uint64_t, UINT64_MAX, v)
#define AS_i64(v) AS_INTEGER(int64_t, INT64_MAX, v)
#define AS_f32(v) AS_FLOAT(float, v)
#define AS_f64(v) AS_FLOAT(double, v)

#define LINEAR(type, bits)                                                                                             \
  static inline __attribute__((always_inline)) void linear_##bits(const kv_sampling *s, int axes, int64_t channels,    \
                                                                  int64_t batch, int64_t begin, int64_t end) {         \
    int64_t rows = 1;                                                                                                  \
    for (int d = 0; d < axes; d++) rows *= s->shape[d];                                                                \
    const type *x = (const type *)s->x + batch * rows * channels, fill = *(const type *)s->fill;                       \
    for (int64_t p = begin; p < end; p++) {                                                                            \
      type *y = (type *)s->y + (batch * s->points + p) * channels;                                                     \
      spot at;                                                                                                         \
      if (!locate(s, axes, true, batch, p, &at)) {                                                                     \
        for (int64_t c = 0; c < channels; c++) y[c] = *(const type *)at.instead;                                       \
        continue;                                                                                                      \
      }                                                                                                                \
      if (axes == 2 && (at.place[0][0] | at.place[0][1] | at.place[1][0] | at.place[1][1]) >= 0) { /* all inside */    \
        const int64_t *row = at.place[0], *column = at.place[1], width = s->shape[1];                                  \
        const type *from[4] = {                                                                                        \
            x + (row[0] * width + column[0]) * channels, x + (row[0] * width + column[1]) * channels,                  \
            x + (row[1] * width + column[0]) * channels, x + (row[1] * width + column[1]) * channels};                 \
        const double w[4] = {at.weight[0][0] * at.weight[1][0], at.weight[0][0] * at.weight[1][1],                     \
                             at.weight[0][1] * at.weight[1][0], at.weight[0][1] * at.weight[1][1]};                    \
        for (int64_t c = 0; c < channels; c++) {                                                                       \
          const double sum = 0 + w[0] * (double)from[0][c] + w[1] * (double)from[1][c] + w[2] * (double)from[2][c] +   \
                             w[3] * (double)from[3][c];                                                                \
          y[c] = AS_##bits(sum);                                                                                       \
        }                                                                                                              \
        continue;                                                                                                      \
      }                                                                                                                \
      for (int64_t c = 0; c < channels; c += LANES) {                                                                  \
        int64_t n = channels - c < LANES ? channels - c : LANES;                                                       \
        double sum[LANES] = {0};                                                                                       \
        for (unsigned corner = 0; corner < 1u << axes; corner++) {                                                     \
          double w;                                                                                                    \
          int64_t place = corner_of(s, axes, &at, corner, &w);                                                         \
          const type *from = x + place * channels + c;                                                                 \
          for (int64_t i = 0; i < n; i++) sum[i] += w * (double)(place < 0 ? fill : from[i]);                          \
        }                                                                                                              \
        for (int64_t i = 0; i < n; i++) y[c + i] = AS_##bits(sum[i]);                                                  \
      }                                                                                                                \
    }                                                                                                                  \
  }                                                                                                                    \
  static void linear_run_##bits(const kv_sampling *s, int64_t batch, int64_t begin, int64_t end) {                     \
    if (s->axes == 2 && s->channels == 1)                                                                              \
      linear_##bits(s, 2, 1, batch, begin, end);                                                                       \
    else if (s->axes == 2 && s->channels == 3)                                                                         \
      linear_##bits(s, 2, 3, batch, begin, end);                                                                       \
    else                                                                                                               \
      linear_##bits(s, s->axes, s->channels, batch, begin, end);                                                       \
  }
LINEAR(uint8_t, u8)
LINEAR(int8_t, i8)
LINEAR(uint16_t, u16)
LINEAR(int16_t, i16)
LINEAR(uint32_t, u32)
LINEAR(int32_t, i32)
LINEAR(uint64_t, u64)
LINEAR(int64_t, i64)
LINEAR(float, f32)
LINEAR(double, f64)
#undef LINEAR

typedef void linear_run(const kv_sampling *s, int64_t batch, int64_t begin, int64_t end);
static linear_run *const linear_runs[] = {
    [KVINO_U8] = linear_run_u8,   [KVINO_I8] = linear_run_i8,   [KVINO_U16] = linear_run_u16,
    [KVINO_I16] = linear_run_i16, [KVINO_U32] = linear_run_u32, [KVINO_I32] = linear_run_i32,
    [KVINO_U64] = linear_run_u64, [KVINO_I64] = linear_run_i64, [KVINO_F32] = linear_run_f32,
    [KVINO_F64] = linear_run_f64};

bool kv_sampling_interpolates(kvino_dtype dtype) {
  return (size_t)dtype < sizeof linear_runs / sizeof *linear_runs && linear_runs[dtype];
}

static inline __attribute__((always_inline)) void nearest(const kv_sampling *s, int axes, size_t size, size_t row,
                                                          int64_t batch, int64_t begin, int64_t end) {
  int64_t rows = 1;
  for (int d = 0; d < axes; d++) rows *= s->shape[d];
  const char *x = (const char *)s->x + (size_t)(batch * rows) * row;
  char *y = (char *)s->y + (size_t)(batch * s->points + begin) * row;
  for (int64_t p = begin; p < end; p++, y += row) {
    spot at;
    int64_t place = 0;
    if (!locate(s, axes, false, batch, p, &at)) {
      for (size_t i = 0; i < row; i += size) memcpy(y + i, at.instead, size);
      continue;
    }
    for (int d = 0; d < axes && place >= 0; d++) place = at.place[d][0] < 0 ? -1 : place * s->shape[d] + at.place[d][0];
    if (place < 0)
      for (size_t i = 0; i < row; i += size) memcpy(y + i, s->fill, size);
    else
      memcpy(y, x + (size_t)place * row, row);
  }
}

/* The usual images: their pixels are moved without a call. */
static void nearest_run(const kv_sampling *s, int64_t batch, int64_t begin, int64_t end) {
  size_t size = kvino_dtype_size(s->dtype), row = (size_t)s->channels * size;
  if (s->axes == 2 && row == 12 && size == 4)
    nearest(s, 2, 4, 12, batch, begin, end);
  else if (s->axes == 2 && row == 4 && size == 4)
    nearest(s, 2, 4, 4, batch, begin, end);
  else if (s->axes == 2 && row == 3)
    nearest(s, 2, 1, 3, batch, begin, end);
  else if (s->axes == 2 && row == 1)
    nearest(s, 2, 1, 1, batch, begin, end);
  else
    nearest(s, s->axes, size, row, batch, begin, end);
}

static void run_range(void *context, size_t begin, size_t end) {
  const kv_sampling *s = context;
  for (int64_t i = (int64_t)begin; i < (int64_t)end;) {
    int64_t batch = i / s->points, p = i % s->points, stop = s->points;
    if (stop - p > (int64_t)end - i) stop = p + (int64_t)end - i;
    (s->linear ? linear_runs[s->dtype] : nearest_run)(s, batch, p, stop);
    i += stop - p;
  }
}

void kv_sample_run(const kv_sampling *s) {
  if (!s->points || !s->channels) return;
  kv_parallel_ranges((size_t)(s->batch * s->points), (size_t)(4096 / (s->channels + 1) + 64), run_range, (void *)s);
}

/* ---- the transpose ---- */

/* One array: every element of y goes to the places that it was read from. */
#define BACK(type, bits)                                                                                               \
  static void back_##bits(const kv_sampling *s, type *x, int64_t batch) {                                              \
    int64_t rows = 1, n = s->channels;                                                                                 \
    for (int d = 0; d < s->axes; d++) rows *= s->shape[d];                                                             \
    const type *y = (const type *)s->y + batch * s->points * n;                                                        \
    x += batch * rows * n;                                                                                             \
    memset(x, 0, (size_t)(rows * n) * sizeof *x);                                                                      \
    for (int64_t p = 0; p < s->points; p++, y += n) {                                                                  \
      spot at;                                                                                                         \
      if (!locate(s, s->axes, s->linear, batch, p, &at)) continue;                                                     \
      for (int d = 0; d < s->axes && !s->linear; d++) at.weight[d][0] = 1;                                             \
      for (unsigned corner = 0; corner < (s->linear ? 1u << s->axes : 1u); corner++) {                                 \
        double w;                                                                                                      \
        int64_t place = corner_of(s, s->axes, &at, corner, &w);                                                        \
        if (place < 0) continue;                                                                                       \
        type *to = x + place * n;                                                                                      \
        for (int64_t c = 0; c < n; c++) to[c] = (type)((double)to[c] + w * (double)y[c]);                              \
      }                                                                                                                \
    }                                                                                                                  \
  }
BACK(float, f32)
BACK(double, f64)
#undef BACK

struct backward {
  const kv_sampling *s;
  void *x;
};

/* The arrays are the tasks: within one, several places of y may go to one of x. */
static void back_item(void *context, size_t i) {
  const struct backward *b = context;
  if (b->s->dtype == KVINO_F32)
    back_f32(b->s, b->x, (int64_t)i);
  else
    back_f64(b->s, b->x, (int64_t)i);
}

void kv_sample_back(const kv_sampling *s, void *x) {
  kv_parallel((size_t)s->batch, back_item, &(struct backward){s, x});
}
