#include "kernels/window/pool_back.h"

#include <stdatomic.h>
#include <string.h>

#include "base/cpu.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"

/* A unit is what no other touches: some channels of an image. */
typedef struct job {
  const kv_pool_back *p;
  const kv_pool_back_kernels *kernels;
  bool gathers;
  int64_t size, large, small; /* bytes of an element; elements of a plane of the two sides */
  int64_t lanes, blocks;      /* channels of a unit, units of an image */
  int64_t taps;               /* of the largest window */
  _Atomic bool failed;
} job;

static double divisor(const kv_pool_back *p, int64_t taps) { return (double)(p->divisor ? p->divisor : taps); }

/* ---- channels last ---- */

/* The elements of the window at (i, j, k), `step` elements apart. */
static int64_t elements(const kv_pool_back *p, int64_t i, int64_t j, int64_t k, int64_t step, int64_t *at) {
  int64_t n = 0;
  for (int64_t u = p->from[0][i]; u < p->to[0][i]; u++)
    for (int64_t v = p->from[1][j]; v < p->to[1][j]; v++)
      for (int64_t w = p->from[2][k]; w < p->to[2][k]; w++) at[n++] = ((u * p->in[1] + v) * p->in[2] + w) * step;
  return n;
}

static void run_window(const job *j, int64_t n, const int64_t *at, int64_t taps, const char *x, const char *large,
                       const char *small, char *to) {
  const kv_pool_back *p = j->p;
  if (!taps) return;
  if (p->op == KV_POOL_BACK_MAX)
    j->kernels->max(x, at, taps, n, small, to);
  else if (p->op == KV_POOL_GATHER_MAX)
    j->kernels->gather(x, at, taps, n, large, to);
  else
    j->kernels->mean(at, taps, n, small, divisor(p, taps), to);
}

static void run_block(const job *j, int64_t unit, int64_t *at) {
  const kv_pool_back *p = j->p;
  int64_t first = unit % j->blocks * j->lanes, image = unit / j->blocks, s = j->size;
  int64_t n = p->channels - first < j->lanes ? p->channels - first : j->lanes;
  int64_t large = (image * j->large * p->channels + first) * s, small = (image * j->small * p->channels + first) * s;
  int64_t zeros = j->gathers ? j->small : j->large, place = 0;
  char *y = p->y + (j->gathers ? small : large);
  if (n == p->channels)
    memset(y, 0, (size_t)(zeros * n * s));
  else
    for (int64_t i = 0; i < zeros; i++) memset(y + i * p->channels * s, 0, (size_t)(n * s));
  for (int64_t a = 0; a < p->out[0]; a++)
    for (int64_t b = 0; b < p->out[1]; b++)
      for (int64_t c = 0; c < p->out[2]; c++, place++) {
        int64_t taps = elements(p, a, b, c, p->channels, at), here = place * p->channels * s;
        run_window(j, n, at, taps, p->x ? p->x + large : NULL, p->values + large, p->values + small + here,
                   j->gathers ? y + here : y);
      }
}

/* ---- channels first: a unit is a plane ---- */

#define PLANE(T)                                                                                                       \
  static int64_t first_maximum_##T(const kv_pool_back *p, const T *x, int64_t i, int64_t j, int64_t k) {               \
    int64_t where = -1;                                                                                                \
    T best = 0;                                                                                                        \
    for (int64_t u = p->from[0][i]; u < p->to[0][i]; u++)                                                              \
      for (int64_t v = p->from[1][j]; v < p->to[1][j]; v++) {                                                          \
        const T *row = x + (u * p->in[1] + v) * p->in[2];                                                              \
        for (int64_t w = p->from[2][k]; w < p->to[2][k]; w++) {                                                        \
          bool more = (where < 0) | (row[w] > best) | ((row[w] != row[w]) & (best == best));                           \
          best = more ? row[w] : best;                                                                                 \
          where = more ? row + w - x : where;                                                                          \
        }                                                                                                              \
      }                                                                                                                \
    return where;                                                                                                      \
  }                                                                                                                    \
  static void share_##T(const kv_pool_back *p, int64_t i, int64_t j, int64_t k, T d, T *y) {                           \
    int64_t taps = (p->to[0][i] - p->from[0][i]) * (p->to[1][j] - p->from[1][j]) * (p->to[2][k] - p->from[2][k]);      \
    T part = (T)(d / (T)divisor(p, taps));                                                                             \
    for (int64_t u = p->from[0][i]; u < p->to[0][i]; u++)                                                              \
      for (int64_t v = p->from[1][j]; v < p->to[1][j]; v++)                                                            \
        for (int64_t w = p->from[2][k]; w < p->to[2][k]; w++) y[(u * p->in[1] + v) * p->in[2] + w] += part;            \
  }                                                                                                                    \
  static void plane_##T(const job *all, int64_t unit) {                                                                \
    const kv_pool_back *p = all->p;                                                                                    \
    const T *x = (const T *)p->x + unit * all->large;                                                                  \
    const T *values = (const T *)p->values + unit * (all->gathers ? all->large : all->small);                          \
    T *y = (T *)p->y + unit * (all->gathers ? all->small : all->large);                                                \
    int64_t place = 0, where;                                                                                          \
    memset(y, 0, (size_t)(all->gathers ? all->small : all->large) * sizeof *y);                                        \
    for (int64_t i = 0; i < p->out[0]; i++)                                                                            \
      for (int64_t j = 0; j < p->out[1]; j++)                                                                          \
        for (int64_t k = 0; k < p->out[2]; k++, place++) {                                                             \
          if (p->op == KV_POOL_BACK_MEAN)                                                                              \
            share_##T(p, i, j, k, values[place], y);                                                                   \
          else if ((where = first_maximum_##T(p, x, i, j, k)) < 0)                                                     \
            continue;                                                                                                  \
          else if (all->gathers)                                                                                       \
            y[place] = values[where];                                                                                  \
          else                                                                                                         \
            y[where] += values[place];                                                                                 \
        }                                                                                                              \
  }
PLANE(float)
PLANE(double)

static void run_units(void *context, size_t begin, size_t end) {
  job *j = context;
  const kv_pool_back *p = j->p;
  int64_t *at = p->channels_last ? kv_malloc((size_t)(j->taps + 1) * sizeof *at) : NULL;
  if (p->channels_last && !at) {
    j->failed = true;
    return;
  }
  for (size_t unit = begin; unit < end; unit++) {
    if (p->channels_last)
      run_block(j, (int64_t)unit, at);
    else if (p->dtype == KVINO_F64)
      plane_double(j, (int64_t)unit);
    else
      plane_float(j, (int64_t)unit);
  }
  kv_free(at);
}

kvino_status kv_pool_windows_back(const kv_pool_back *p, kvino_error *err) {
  const kv_pool_back_kernels *kernels = KV_BEST(kv_pool_back);
  job j = {.p = p, .kernels = &kernels[p->dtype == KVINO_F64], .gathers = p->op == KV_POOL_GATHER_MAX, .taps = 1};
  j.size = (int64_t)kvino_dtype_size(p->dtype);
  j.large = p->in[0] * p->in[1] * p->in[2];
  j.small = p->out[0] * p->out[1] * p->out[2];
  for (int d = 0; d < KV_SPATIAL; d++) {
    int64_t longest = 0;
    for (int64_t i = 0; i < p->out[d]; i++)
      if (p->to[d][i] - p->from[d][i] > longest) longest = p->to[d][i] - p->from[d][i];
    j.taps *= longest;
  }
  if (!p->batch || !p->channels) return KVINO_OK;
  j.lanes = !p->channels_last ? 1 : p->channels < KV_POOL_BACK_LANES ? p->channels : KV_POOL_BACK_LANES;
  j.blocks = (p->channels + j.lanes - 1) / j.lanes;
  int64_t each = (j.large + j.small * (j.taps + 1)) * j.lanes;
  kv_parallel_ranges((size_t)(p->batch * j.blocks), (size_t)((1 << 15) / (each + 1) + 1), run_units, &j);
  return j.failed ? kv_fail(err, KVINO_NO_MEMORY, "out of memory for the windows of pooling") : KVINO_OK;
}
