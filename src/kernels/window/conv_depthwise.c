/* A row of results is a sum of lines (taps.h): one for each tap, which begin where the tap lies. Channels last, a line
 * runs through all channels of all positions, and the weights of a tap are repeated along it. Lines are the operand's
 * own rows where these are contiguous and reach as far as the windows do; else rows are laid out so first, with their
 * padding, channels repeated for each result made of them, and of several positions in a stride those of each phase
 * together. */
#include "kernels/window/conv_depthwise.h"

#include <stdatomic.h>
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"

enum { LINE = 256 }; /* elements at least for which weights are repeated */

typedef struct job {
  const kv_conv *c;
  int64_t size, taps;
  int64_t across;        /* elements of a position: all channels last, 1 first */
  int64_t phase, phases; /* positions of a phase in a row; phases */
  int64_t repeat;        /* positions that the repeated weights cover */
  const char *weights;   /* [tap][repeat * across]; channels first [channel][tap] */
  bool in_place, packed; /* rows need no laying out; only their padding */
  _Atomic bool failed;
} job;

static int64_t place(const kv_conv *c, int d, int64_t position, int64_t k) {
  return position * c->stride[d] - c->begin[d] + k * c->dilation[d];
}

/* ---- rows ---- */

#define ROWS(T)                                                                                                        \
  /* A row of the operand as its phases; `row` is its first element. */                                                \
  static void lay_out_##T(const job *j, const T *row, T *to) {                                                         \
    const kv_conv *c = j->c;                                                                                           \
    const int64_t n = j->across, x_step = c->x.step[2], channel_step = c->x.channel_step;                              \
    if (j->packed) {                                                                                                   \
      const int64_t end = c->large[2] + c->begin[2], before = c->begin[2] < j->phase ? c->begin[2] : j->phase;         \
      const int64_t within = (end < j->phase ? end : j->phase) - before;                                               \
      memset(to, 0, (size_t)(before * n) * sizeof *to);                                                                \
      memcpy(to + before * n, row, (size_t)(within * n) * sizeof *to);                                                 \
      memset(to + (before + within) * n, 0, (size_t)((j->phase - before - within) * n) * sizeof *to);                  \
      return;                                                                                                          \
    }                                                                                                                  \
    for (int64_t f = 0; f < j->phases; f++)                                                                            \
      for (int64_t i = 0; i < j->phase; i++, to += n) {                                                                \
        const int64_t at = i * j->phases + f - c->begin[2];                                                            \
        const T *from = row + at * x_step;                                                                             \
        if (at < 0 || at >= c->large[2])                                                                               \
          memset(to, 0, (size_t)n * sizeof *to);                                                                       \
        else if (!c->channels_last)                                                                                    \
          *to = *from;                                                                                                 \
        else if (c->out == 1 && channel_step == 1)                                                                     \
          memcpy(to, from, (size_t)n * sizeof *to);                                                                    \
        else                                                                                                           \
          for (int64_t k = 0; k < n; k++) to[k] = from[k / c->out * channel_step];                                     \
      }                                                                                                                \
  }                                                                                                                    \
  /* The taps of the result row `at`: where each begins, its weights; how many lie inside. */                          \
  static int64_t gather_##T(const job *j, const T *image, const T *weights, int64_t weight_step, const int64_t *at,    \
                            T *rows, const T **x, const T **w) {                                                       \
    const kv_conv *c = j->c;                                                                                           \
    int64_t n = 0;                                                                                                     \
    for (int64_t a = 0; a < c->kernel[0]; a++)                                                                         \
      for (int64_t b = 0; b < c->kernel[1]; b++, weights += c->kernel[2] * weight_step) {                              \
        const int64_t u = place(c, 0, at[0], a), v = place(c, 1, at[1], b);                                            \
        if (u < 0 || u >= c->large[0] || v < 0 || v >= c->large[1]) continue;                                          \
        const T *row = image + u * c->x.step[0] + v * c->x.step[1];                                                    \
        if (!j->in_place) {                                                                                            \
          lay_out_##T(j, row, rows);                                                                                   \
          row = rows;                                                                                                  \
          rows += j->phases * j->phase * j->across;                                                                    \
        }                                                                                                              \
        for (int64_t k = 0; k < c->kernel[2]; k++, n++) {                                                              \
          const int64_t shift = k * c->dilation[2];                                                                    \
          x[n] = row + (shift % j->phases * j->phase + shift / j->phases) * j->across;                                 \
          w[n] = weights + k * weight_step;                                                                            \
        }                                                                                                              \
      }                                                                                                                \
    return n;                                                                                                          \
  }                                                                                                                    \
  static void unit_##T(const job *j, int64_t unit, T *rows, const T **x, const T **w) {                                \
    const kv_conv *c = j->c;                                                                                           \
    const int64_t height = c->small[0] * c->small[1], width = c->small[2], channels = c->groups * c->out;              \
    const int64_t row = unit % height, at[2] = {row / c->small[1], row % c->small[1]};                                 \
    const int64_t channel = c->channels_last ? 0 : unit / height % channels;                                           \
    const int64_t image = unit / height / (c->channels_last ? 1 : channels), step = j->repeat * j->across;             \
    const T *from = (const T *)c->x.data + image * c->x.batch_step + channel / c->out * c->x.channel_step;             \
    const T *weights = (const T *)j->weights + channel * j->taps;                                                      \
    T *y = (T *)c->y.data + unit * width * j->across;                                                                  \
    const int64_t n = gather_##T(j, from, weights, c->channels_last ? step : 1, at, rows, x, w);                       \
    if (!c->channels_last) {                                                                                           \
      KV_BEST(kv_taps).ONE_##T(y, width, n, x, w);                                                                     \
      return;                                                                                                          \
    }                                                                                                                  \
    for (int64_t p = 0; p < width; p += j->repeat, y += step) {                                                        \
      const int64_t some = width - p < j->repeat ? width - p : j->repeat;                                              \
      KV_BEST(kv_taps).EACH_##T(y, some * j->across, n, x, w);                                                         \
      for (int64_t t = 0; t < n; t++) x[t] += step;                                                                    \
    }                                                                                                                  \
  }
#define ONE_float one_f32
#define ONE_double one_f64
#define EACH_float each_f32
#define EACH_double each_f64
ROWS(float)
ROWS(double)

static void some_rows(void *context, size_t begin, size_t end) {
  job *j = context;
  const kv_conv *c = j->c;
  size_t pointers = (size_t)j->taps * 2 * sizeof(void *), bytes = pointers;
  if (!j->in_place) bytes += (size_t)(c->kernel[0] * c->kernel[1] * j->phases * j->phase * j->across * j->size);
  char *memory = kv_block_new(bytes), *rows = memory + pointers;
  if (!memory) {
    j->failed = true;
    return;
  }
  for (size_t u = begin; u < end; u++) {
    if (c->dtype == KVINO_F64)
      unit_double(j, (int64_t)u, (double *)(void *)rows, (const double **)(void *)memory,
                  (const double **)(void *)memory + j->taps);
    else
      unit_float(j, (int64_t)u, (float *)(void *)rows, (const float **)(void *)memory,
                 (const float **)(void *)memory + j->taps);
  }
  kv_block_free(memory, bytes);
}

/* ---- entry ---- */

static void repeat_weights(const job *j, char *to) {
  const size_t bytes = (size_t)(j->across * j->size);
  for (int64_t t = 0; t < j->taps; t++)
    for (int64_t i = 0; i < j->repeat; i++, to += bytes) memcpy(to, j->c->weights + (size_t)t * bytes, bytes);
}

kvino_status kv_convolve_depthwise(const kv_conv *c, kvino_error *err) {
  job j = {.c = c, .size = (int64_t)kvino_dtype_size(c->dtype), .phases = c->stride[2], .weights = c->weights};
  const int64_t channels = c->groups * c->out, height = c->small[0] * c->small[1];
  const int64_t reach = (c->small[2] - 1) * c->stride[2] + (c->kernel[2] - 1) * c->dilation[2] + 1;
  char *repeated = NULL;
  j.taps = c->kernel[0] * c->kernel[1] * c->kernel[2];
  j.across = c->channels_last ? channels : 1;
  j.phase = (reach + j.phases - 1) / j.phases;
  j.repeat = j.across >= LINE ? 1 : LINE / j.across;
  if (j.repeat > c->small[2]) j.repeat = c->small[2];
  j.packed = j.phases == 1 && c->begin[2] >= 0 && c->x.step[2] == j.across &&
             (!c->channels_last || (c->out == 1 && c->x.channel_step == 1));
  j.in_place = j.packed && !c->begin[2] && reach <= c->large[2];
  const size_t bytes = (size_t)(j.taps * j.repeat * j.across * j.size);
  if (c->channels_last && j.repeat > 1) {
    if (!(repeated = kv_block_new(bytes))) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a convolution");
    repeat_weights(&j, repeated);
    j.weights = repeated;
  }
  const int64_t units = c->batch * height * (c->channels_last ? 1 : channels), each = c->small[2] * j.across * j.taps;
  kv_parallel_ranges((size_t)units, (size_t)((1 << 17) / (each + 1) + 1), some_rows, &j);
  if (repeated) kv_block_free(repeated, bytes);
  return j.failed ? kv_fail(err, KVINO_NO_MEMORY, "out of memory for the rows of a convolution") : KVINO_OK;
}
