#include "kernels/window/conv.h"

#include <stdatomic.h>
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/window/conv_depthwise.h"
#include "kernels/linalg/gemm.h"

static const int64_t COLUMNS_BYTES =
    512 << 10; /* of the matrix of windows that a task makes: half a second-level cache */

typedef struct job {
  const kv_conv *c;
  int64_t size;        /* bytes of an element */
  int64_t taps, depth; /* of the kernel; taps * in (transposed: taps * out) */
  int64_t places;      /* positions of the windows: elements of a plane of the small side */
  int64_t tile, tiles; /* positions in a task */
  bool direct;         /* the operand is the matrix of windows itself */
  _Atomic bool failed;
} job;

static int64_t volume(const int64_t v[KV_SPATIAL]) { return v[0] * v[1] * v[2]; }

/* The range [*from, *to) of positions along dimension 2 for which tap k lies inside. */
static void inside(const kv_conv *c, int64_t k, int64_t *from, int64_t *to) {
  int64_t shift = k * c->dilation[2] - c->begin[2], s = c->stride[2], room = c->large[2] - shift;
  *from = shift < 0 ? (-shift + s - 1) / s : 0;
  *to = room > 0 ? (room + s - 1) / s : 0;
  if (*to > c->small[2]) *to = c->small[2];
  if (*from > *to) *from = *to;
}

/* Where tap k of the window at `position` along dimension d lies; negative or past the end where it lies in the
 * padding. */
static int64_t place(const kv_conv *c, int d, int64_t position, int64_t k) {
  return position * c->stride[d] - c->begin[d] + k * c->dilation[d];
}

static void split(int64_t i, const int64_t v[KV_SPATIAL], int64_t out[KV_SPATIAL]) {
  out[2] = i % v[2];
  out[1] = i / v[2] % v[1];
  out[0] = i / v[2] / v[1];
}

static void move(int64_t size, int64_t n, char *to, const char *from, int64_t step) {
  if (step == 1) {
    memcpy(to, from, (size_t)(n * size));
  } else if (size == 4) {
    for (int64_t i = 0; i < n; i++) memcpy(to + 4 * i, from + 4 * i * step, 4);
  } else {
    for (int64_t i = 0; i < n; i++) memcpy(to + 8 * i, from + 8 * i * step, 8);
  }
}

/* ---- windows as a matrix ---- */

/* columns[position][tap, channel], positions [first, first + n). */
static void unfold_last(const job *j, const char *image, int64_t first, int64_t n, char *columns) {
  const kv_conv *c = j->c;
  int64_t bytes = c->in * j->size;
  for (int64_t p = first; p < first + n; p++) {
    int64_t at[KV_SPATIAL];
    split(p, c->small, at);
    for (int64_t a = 0; a < c->kernel[0]; a++)
      for (int64_t b = 0; b < c->kernel[1]; b++) {
        int64_t u = place(c, 0, at[0], a), v = place(c, 1, at[1], b), w = place(c, 2, at[2], 0);
        bool out = u < 0 || u >= c->large[0] || v < 0 || v >= c->large[1];
        const char *row = image + (u * c->x.step[0] + v * c->x.step[1]) * j->size;
        for (int64_t k = 0; k < c->kernel[2]; k++, w += c->dilation[2], columns += bytes) {
          if (out || w < 0 || w >= c->large[2])
            memset(columns, 0, (size_t)bytes);
          else
            move(j->size, c->in, columns, row + w * c->x.step[2] * j->size, c->x.channel_step);
        }
      }
  }
}

/* One row of unfold_first: `columns` holds the n positions from `first` on of one channel and one tap. */
static void unfold_tap(const job *j, const char *channel, const int64_t tap[KV_SPATIAL], int64_t first, int64_t n,
                       char *columns) {
  const kv_conv *c = j->c;
  int64_t from, to, at[KV_SPATIAL];
  inside(c, tap[2], &from, &to);
  for (int64_t p = first; p < first + n;) {
    split(p, c->small, at);
    int64_t m = c->small[2] - at[2] < first + n - p ? c->small[2] - at[2] : first + n - p;
    int64_t u = place(c, 0, at[0], tap[0]), v = place(c, 1, at[1], tap[1]);
    bool out = u < 0 || u >= c->large[0] || v < 0 || v >= c->large[1];
    int64_t lo = from < at[2] ? at[2] : from, hi = to > at[2] + m ? at[2] + m : to;
    if (out || lo >= hi) {
      memset(columns, 0, (size_t)(m * j->size));
    } else {
      const char *row =
          channel + (u * c->x.step[0] + v * c->x.step[1] + place(c, 2, lo, tap[2]) * c->x.step[2]) * j->size;
      memset(columns, 0, (size_t)((lo - at[2]) * j->size));
      move(j->size, hi - lo, columns + (lo - at[2]) * j->size, row, c->stride[2] * c->x.step[2]);
      memset(columns + (hi - at[2]) * j->size, 0, (size_t)((at[2] + m - hi) * j->size));
    }
    columns += m * j->size;
    p += m;
  }
}

/* columns[channel, tap][position] */
static void unfold_first(const job *j, const char *image, int64_t first, int64_t n, char *columns) {
  const kv_conv *c = j->c;
  for (int64_t channel = 0; channel < c->in; channel++)
    for (int64_t t = 0; t < j->taps; t++, columns += n * j->size) {
      int64_t tap[KV_SPATIAL];
      split(t, c->kernel, tap);
      unfold_tap(j, image + channel * c->x.channel_step * j->size, tap, first, n, columns);
    }
}

/* ---- convolution: a task is a tile of positions of one group of one image ---- */

static void convolve_tile(const job *j, int64_t unit, char *columns) {
  const kv_conv *c = j->c;
  int64_t first = unit % j->tiles * j->tile, n = j->places - first < j->tile ? j->places - first : j->tile;
  int64_t group = unit / j->tiles % c->groups, image = unit / j->tiles / c->groups, s = j->size;
  const char *x = c->x.data + (image * c->x.batch_step + group * c->in * c->x.channel_step) * s;
  const char *weights = c->weights + group * c->out * j->depth * s;
  char *y = c->y.data + (image * c->y.batch_step + group * c->out * c->y.channel_step) * s;
  if (c->channels_last) {
    kv_matrix a = {columns, n, j->depth, j->depth, 1}, b = {weights, j->depth, c->out, c->out, 1};
    if (j->direct)
      a = (kv_matrix){x + first * c->x.step[2] * s, n, c->in, c->x.step[2], 1};
    else
      unfold_last(j, x, first, n, columns);
    kv_gemm(c->dtype, a, b, y + first * c->y.step[2] * s, c->y.step[2]);
  } else {
    kv_matrix a = {weights, c->out, j->depth, j->depth, 1}, b = {columns, j->depth, n, n, 1};
    if (j->direct)
      b = (kv_matrix){x + first * s, c->in, n, c->x.channel_step, 1};
    else
      unfold_first(j, x, first, n, columns);
    kv_gemm(c->dtype, a, b, y + first * s, j->places);
  }
}

static void convolve_tiles(void *context, size_t begin, size_t end) {
  job *j = context;
  size_t bytes = (size_t)(j->direct ? 0 : j->depth * j->tile * j->size);
  char *columns = kv_block_new(bytes);
  if (!columns) {
    j->failed = true;
    return;
  }
  for (size_t u = begin; u < end; u++) convolve_tile(j, (int64_t)u, columns);
  kv_block_free(columns, bytes);
}

/* A window of one element at every place in turn, and memory that has no gaps: nothing to lay out. */
static bool is_direct(const job *j) {
  const kv_conv *c = j->c;
  if (j->taps != 1) return false;
  for (int d = 0; d < KV_SPATIAL; d++)
    if (c->stride[d] != 1 || c->begin[d] || c->large[d] != c->small[d]) return false;
  int64_t step = c->channels_last ? c->x.step[2] : 1;
  bool packed = (c->large[2] == 1 || c->x.step[2] == step) &&
                (c->large[1] == 1 || c->x.step[1] == c->large[2] * step) &&
                (c->large[0] == 1 || c->x.step[0] == c->large[1] * c->large[2] * step);
  return packed && (c->channels_last ? c->x.channel_step == 1 && (j->places == 1 || step >= c->in)
                                     : c->in == 1 || c->x.channel_step >= j->places);
}

/* ---- the transpose: columns = weights^T x, added to where their windows lie ---- */

#define FOLD(T)                                                                                                        \
  /* columns[position][tap, channel] */                                                                                \
  static void fold_last_##T(const job *j, const T *columns, int64_t first, int64_t n, T *image) {                      \
    const kv_conv *c = j->c;                                                                                           \
    for (int64_t p = first; p < first + n; p++)                                                                        \
      for (int64_t t = 0; t < j->taps; t++, columns += c->out) {                                                       \
        int64_t at[KV_SPATIAL], tap[KV_SPATIAL];                                                                       \
        split(p, c->small, at);                                                                                        \
        split(t, c->kernel, tap);                                                                                      \
        int64_t u = place(c, 0, at[0], tap[0]), v = place(c, 1, at[1], tap[1]), w = place(c, 2, at[2], tap[2]);        \
        if (u < 0 || u >= c->large[0] || v < 0 || v >= c->large[1] || w < 0 || w >= c->large[2]) continue;             \
        T *restrict y = image + u * c->y.step[0] + v * c->y.step[1] + w * c->y.step[2];                                \
        for (int64_t i = 0; i < c->out; i++) y[i] += columns[i];                                                       \
      }                                                                                                                \
  }                                                                                                                    \
  /* columns[channel, tap][position] */                                                                                \
  static void fold_first_##T(const job *j, const T *columns, int64_t first, int64_t n, T *image) {                     \
    const kv_conv *c = j->c;                                                                                           \
    for (int64_t channel = 0; channel < c->out; channel++, image += c->y.channel_step)                                 \
      for (int64_t t = 0; t < j->taps; t++, columns += n) {                                                            \
        int64_t at[KV_SPATIAL], tap[KV_SPATIAL];                                                                       \
        split(t, c->kernel, tap);                                                                                      \
        split(first, c->small, at);                                                                                    \
        for (int64_t i = 0; i < n; i++) {                                                                              \
          int64_t u = place(c, 0, at[0], tap[0]), v = place(c, 1, at[1], tap[1]), w = place(c, 2, at[2], tap[2]);      \
          if (u >= 0 && u < c->large[0] && v >= 0 && v < c->large[1] && w >= 0 && w < c->large[2])                     \
            image[(u * c->large[1] + v) * c->large[2] + w] += columns[i];                                              \
          if (++at[2] < c->small[2]) continue;                                                                         \
          at[2] = 0;                                                                                                   \
          if (++at[1] < c->small[1]) continue;                                                                         \
          at[1] = 0;                                                                                                   \
          at[0]++;                                                                                                     \
        }                                                                                                              \
      }                                                                                                                \
  }
FOLD(float)
FOLD(double)

static void transpose_tile(const job *j, int64_t image, int64_t group, int64_t first, int64_t n, char *columns) {
  const kv_conv *c = j->c;
  int64_t s = j->size;
  const char *x = c->x.data + (image * c->x.batch_step + group * c->in * c->x.channel_step) * s;
  const char *weights = c->weights + group * c->in * j->depth * s;
  char *y = c->y.data + (image * c->y.batch_step + group * c->out * c->y.channel_step) * s;
  if (c->channels_last) {
    kv_matrix a = {x + first * c->x.step[2] * s, n, c->in, c->x.step[2], 1},
              b = {weights, c->in, j->depth, j->depth, 1};
    kv_gemm(c->dtype, a, b, columns, j->depth);
    if (c->dtype == KVINO_F64)
      fold_last_double(j, (const double *)columns, first, n, (double *)y);
    else
      fold_last_float(j, (const float *)columns, first, n, (float *)y);
  } else {
    kv_matrix a = {weights, j->depth, c->in, 1, j->depth}, b = {x + first * s, c->in, n, j->places, 1};
    kv_gemm(c->dtype, a, b, columns, n);
    if (c->dtype == KVINO_F64)
      fold_first_double(j, (const double *)columns, first, n, (double *)y);
    else
      fold_first_float(j, (const float *)columns, first, n, (float *)y);
  }
}

/* A unit: a group of an image, whose tiles overlap and so are added one after the other. */
static void transpose_units(void *context, size_t begin, size_t end) {
  job *j = context;
  size_t bytes = (size_t)(j->depth * j->tile * j->size);
  char *columns = kv_block_new(bytes);
  if (!columns) {
    j->failed = true;
    return;
  }
  for (size_t u = begin; u < end; u++)
    for (int64_t first = 0; first < j->places; first += j->tile)
      transpose_tile(j, (int64_t)u / j->c->groups, (int64_t)u % j->c->groups, first,
                     j->places - first < j->tile ? j->places - first : j->tile, columns);
  kv_block_free(columns, bytes);
}

/* ---- the transpose, depthwise: one channel in a group, to one. A unit is an image, or one of its planes ---- */

#define DEPTHWISE_TRANSPOSED(T)                                                                                        \
  /* weights [tap][groups] */                                                                                          \
  static void spread_last_##T(const job *j, const T *weights, int64_t image) {                                         \
    const kv_conv *c = j->c;                                                                                           \
    const T *x = (const T *)c->x.data + image * c->x.batch_step;                                                       \
    T *large = (T *)c->y.data + image * c->y.batch_step;                                                               \
    for (int64_t p = 0; p < j->places; p++, x += c->x.step[2]) {                                                       \
      int64_t at[KV_SPATIAL], tap[KV_SPATIAL];                                                                         \
      split(p, c->small, at);                                                                                          \
      for (int64_t t = 0; t < j->taps; t++) {                                                                          \
        split(t, c->kernel, tap);                                                                                      \
        int64_t u = place(c, 0, at[0], tap[0]), v = place(c, 1, at[1], tap[1]), w = place(c, 2, at[2], tap[2]);        \
        if (u < 0 || u >= c->large[0] || v < 0 || v >= c->large[1] || w < 0 || w >= c->large[2]) continue;             \
        T *restrict y = large + u * c->y.step[0] + v * c->y.step[1] + w * c->y.step[2];                                \
        const T *restrict f = weights + t * c->groups, *restrict from = x;                                             \
        for (int64_t i = 0; i < c->groups; i++) y[i] += from[i] * f[i];                                                \
      }                                                                                                                \
    }                                                                                                                  \
  }                                                                                                                    \
  static void spread_first_##T(const job *j, const T *weights, int64_t unit) {                                         \
    const kv_conv *c = j->c;                                                                                           \
    int64_t image = unit / c->groups, channel = unit % c->groups;                                                      \
    T *plane = (T *)c->y.data + image * c->y.batch_step + channel * c->y.channel_step;                                 \
    for (int64_t t = 0; t < j->taps; t++) {                                                                            \
      int64_t tap[KV_SPATIAL], from, to;                                                                               \
      split(t, c->kernel, tap);                                                                                        \
      inside(c, tap[2], &from, &to);                                                                                   \
      T f = weights[channel * j->taps + t];                                                                            \
      for (int64_t r = 0; r < c->small[0] * c->small[1]; r++) {                                                        \
        int64_t u = place(c, 0, r / c->small[1], tap[0]), v = place(c, 1, r % c->small[1], tap[1]), s = c->stride[2];  \
        if (u < 0 || u >= c->large[0] || v < 0 || v >= c->large[1]) continue;                                          \
        const T *restrict x =                                                                                          \
            (const T *)c->x.data + image * c->x.batch_step + channel * c->x.channel_step + r * c->small[2];            \
        T *restrict y = plane + (u * c->large[1] + v) * c->large[2] + place(c, 2, 0, tap[2]);                          \
        if (s == 1)                                                                                                    \
          for (int64_t i = from; i < to; i++) y[i] += x[i] * f;                                                        \
        else                                                                                                           \
          for (int64_t i = from; i < to; i++) y[i * s] += x[i] * f;                                                    \
      }                                                                                                                \
    }                                                                                                                  \
  }                                                                                                                    \
  static void spread_##T(const job *j, size_t begin, size_t end, T *room) {                                            \
    const kv_conv *c = j->c;                                                                                           \
    const T *weights = (const T *)c->weights;                                                                          \
    for (int64_t i = 0; i < c->groups && c->channels_last; i++)                                                        \
      for (int64_t t = 0; t < j->taps; t++) room[t * c->groups + i] = weights[i * j->taps + t];                        \
    for (size_t u = begin; u < end; u++)                                                                               \
      c->channels_last ? spread_last_##T(j, room, (int64_t)u) : spread_first_##T(j, weights, (int64_t)u);              \
  }
DEPTHWISE_TRANSPOSED(float)
DEPTHWISE_TRANSPOSED(double)

static void spread_units(void *context, size_t begin, size_t end) {
  job *j = context;
  size_t bytes = (size_t)(j->c->channels_last ? j->taps * j->c->groups * j->size : 0);
  void *room = kv_block_new(bytes);
  if (!room)
    j->failed = true;
  else if (j->c->dtype == KVINO_F64)
    spread_double(j, begin, end, room);
  else
    spread_float(j, begin, end, room);
  if (room) kv_block_free(room, bytes);
}

/* ---- entry ---- */

static void start(job *j, const kv_conv *c, int64_t channels) {
  j->c = c;
  j->size = (int64_t)kvino_dtype_size(c->dtype);
  j->taps = volume(c->kernel);
  j->depth = j->taps * channels;
  j->places = volume(c->small);
  j->direct = false;
  j->failed = false; /* atomic: no value to give on, to clang */
  j->tile = j->depth ? COLUMNS_BYTES / (j->depth * j->size) / 16 * 16 : j->places;
  if (j->tile < 64) j->tile = 64;
  if (j->tile > j->places) j->tile = j->places;
  j->tiles = j->places ? (j->places + j->tile - 1) / j->tile : 0;
}

static kvino_status outcome(const job *j, kvino_error *err) {
  return j->failed ? kv_fail(err, KVINO_NO_MEMORY, "out of memory for the windows of a convolution") : KVINO_OK;
}

kvino_status kv_convolve(const kv_conv *c, kvino_error *err) {
  job j;
  start(&j, c, c->in);
  if (!c->batch || !c->groups || !c->out || !j.places) return KVINO_OK;
  if (c->in == 1 && c->groups > 1) return kv_convolve_depthwise(c, err);
  if (kv_convolve_slides(c)) return kv_convolve_sliding(c, err);
  j.direct = is_direct(&j);
  int64_t each = j.tile * j.depth * c->out;
  kv_parallel_ranges((size_t)(c->batch * c->groups * j.tiles), (size_t)((1 << 19) / (each + 1) + 1), convolve_tiles,
                     &j);
  return outcome(&j, err);
}

kvino_status kv_convolve_transposed(const kv_conv *c, kvino_error *err) {
  job j;
  start(&j, c, c->out);
  memset(c->y.data, 0, (size_t)(c->batch * c->groups * c->out * volume(c->large) * j.size));
  if (!c->batch || !c->groups || !c->out || !c->in || !j.places || !j.taps) return KVINO_OK;
  int64_t each = j.places * j.depth * c->in;
  if (c->in == 1 && c->out == 1 && c->groups > 1) {
    int64_t units = c->batch * (c->channels_last ? 1 : c->groups);
    each *= c->channels_last ? c->groups : 1;
    kv_parallel_ranges((size_t)units, (size_t)((1 << 16) / (each + 1) + 1), spread_units, &j);
    return outcome(&j, err);
  }
  kv_parallel_ranges((size_t)(c->batch * c->groups), (size_t)((1 << 19) / (each + 1) + 1), transpose_units, &j);
  return outcome(&j, err);
}
