#include "kernels/window/pool.h"

#include "base/threads.h"
#include "kernels/reduce/reduce_kernels.h"

typedef struct job {
  const kv_pool *p;
  kv_reducer reducer;
  int64_t size;  /* bytes of an element of the data */
  int64_t width; /* channels at once */
} job;

static double divisor(const kv_pool *p, int64_t i, int64_t j, int64_t k) {
  if (p->divisor) return (double)p->divisor;
  return (double)((p->to[0][i] - p->from[0][i]) * (p->to[1][j] - p->from[1][j]) * (p->to[2][k] - p->from[2][k]));
}

/* One window of `n` neighbouring channels: rows of channels. */
static void channels_window(const job *j, const char *x, const int64_t at[KV_SPATIAL], int64_t n, char *y) {
  const kv_pool *p = j->p;
  _Alignas(64) char state[KV_REDUCE_STATE];
  int64_t w = p->from[2][at[2]], rows = p->to[2][at[2]] - w;
  kv_reduce_begin(&j->reducer, state, n, j->width);
  for (int64_t u = p->from[0][at[0]]; u < p->to[0][at[0]]; u++)
    for (int64_t v = p->from[1][at[1]]; v < p->to[1][at[1]]; v++)
      j->reducer.kernel.columns(x + (u * p->x.step[0] + v * p->x.step[1] + w * p->x.step[2]) * j->size,
                                p->x.step[2] * j->size, rows, n, state, j->width);
  int64_t size = (int64_t)kvino_dtype_size(p->dtype);
  kv_reduce_finish(&j->reducer, state, j->width, n, divisor(p, at[0], at[1], at[2]), y, size);
}

/* One window of one channel: rows of neighbouring elements. */
static void plane_window(const job *j, const char *x, const int64_t at[KV_SPATIAL], char *y) {
  const kv_pool *p = j->p;
  _Alignas(16) char state[KV_REDUCE_SLOT];
  int64_t w = p->from[2][at[2]], n = p->to[2][at[2]] - w;
  kv_reduce_begin(&j->reducer, state, 1, 1);
  for (int64_t u = p->from[0][at[0]]; u < p->to[0][at[0]]; u++)
    for (int64_t v = p->from[1][at[1]]; v < p->to[1][at[1]]; v++)
      j->reducer.kernel.row(x + (u * p->x.step[0] + v * p->x.step[1] + w) * j->size, n, state, 1);
  kv_reduce_finish(&j->reducer, state, 1, 1, divisor(p, at[0], at[1], at[2]), y, 0);
}

/* A unit: one row (dimensions 0 and 1 given) of results of one image. */
static void run_rows(void *context, size_t begin, size_t end) {
  const job *j = context;
  const kv_pool *p = j->p;
  int64_t size = (int64_t)kvino_dtype_size(p->dtype);
  for (size_t unit = begin; unit < end; unit++) {
    int64_t row = (int64_t)unit % (p->out[0] * p->out[1]), image = (int64_t)unit / (p->out[0] * p->out[1]);
    int64_t at[KV_SPATIAL] = {row / p->out[1], row % p->out[1], 0};
    const char *x = p->x.data + image * p->x.batch_step * j->size;
    char *y = p->y.data + (image * p->y.batch_step + at[0] * p->y.step[0] + at[1] * p->y.step[1]) * size;
    for (; at[2] < p->out[2]; at[2]++, y += p->y.step[2] * size)
      for (int64_t c = 0; c < p->channels; c += j->width) {
        int64_t n = p->channels - c < j->width ? p->channels - c : j->width;
        const char *from = x + c * p->x.channel_step * j->size;
        char *to = y + c * p->y.channel_step * size;
        if (p->x.channel_step == 1)
          channels_window(j, from, at, n, to);
        else
          plane_window(j, from, at, to);
      }
  }
}

kvino_status kv_pool_windows(const kv_pool *p, kvino_error *err) {
  job j = {.p = p};
  KV_TRY(kv_reducer_init(&j.reducer, p->op, p->dtype, err));
  j.size = (int64_t)kvino_dtype_size(j.reducer.compute);
  j.width = p->x.channel_step == 1 ? KV_REDUCE_STATE / j.reducer.size : 1;
  if (j.width > p->channels) j.width = p->channels;
  int64_t rows = p->batch * p->out[0] * p->out[1];
  if (!rows || !p->channels || !p->out[2]) return KVINO_OK;
  kv_parallel_ranges((size_t)rows, (size_t)((1 << 13) / (p->out[2] * p->channels) + 1), run_rows, &j);
  return KVINO_OK;
}
