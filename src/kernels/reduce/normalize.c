#include "kernels/reduce/normalize.h"

#include <math.h>

#include "base/threads.h"
#include "kernels/kernels.h"
#include "kernels/reduce/reduce_kernels.h"

static const int64_t GRAIN = 1 << 14; /* elements in a task */
enum { TILE = 256 };                  /* columns at a time */

static const kv_normalize_kernels *kernels(void) { return &KV_BEST(kv_normalize); }

typedef struct job {
  const kv_normalize_kernels *k;
  kv_reducer sum, max;
  int kind;     /* 0 f32, 1 f64 */
  int64_t size; /* bytes of an element */
  const char *x;
  char *y;
  int64_t n, inner, channels, groups;
  bool log;
  const kv_moments *moments;
  double epsilon;
  const double *subtract, *factor, *add;
} job;

static job start(kvino_dtype dtype, const void *x, void *y, int64_t n) {
  job j = {
      .k = kernels(), .kind = dtype == KVINO_F64, .size = (int64_t)kvino_dtype_size(dtype), .x = x, .y = y, .n = n};
  kv_reducer_init(&j.sum, KV_REDUCE_SUM, dtype, NULL); /* floats: cannot fail */
  kv_reducer_init(&j.max, KV_REDUCE_MAX, dtype, NULL);
  return j;
}

static void share(job *j, int64_t units, int64_t elements, void (*task)(void *, size_t, size_t)) {
  if (units * elements < 2 * GRAIN)
    task(j, 0, (size_t)units);
  else
    kv_parallel_ranges((size_t)units, (size_t)(GRAIN / (elements + 1) + 1), task, j);
}

/* ---- softmax ---- */

static double value(const job *j, const void *p, int64_t i) {
  return j->kind ? ((const double *)p)[i] : (double)((const float *)p)[i];
}

/* The sum in slot i of a state of `width` slots: of f64, the error is added. */
static double total(const job *j, const double *state, int64_t i, int64_t width) {
  double s = state[i];
  return j->kind && isfinite(s + state[width + i]) ? s + state[width + i] : s;
}

static double row_sum(const job *j, const char *x) {
  double state[2];
  kv_reduce_begin(&j->sum, state, 1, 1);
  j->sum.kernel.row(x, j->n, state, 1);
  return total(j, state, 0, 1);
}

static void softmax_rows(void *context, size_t begin, size_t end) {
  const job *j = context;
  int64_t bytes = j->n * j->size;
  for (size_t r = begin; r < end; r++) {
    const char *x = j->x + (int64_t)r * bytes;
    char *y = j->y + (int64_t)r * bytes;
    _Alignas(8) char largest[8];
    kv_reduce_begin(&j->max, largest, 1, 1);
    j->max.kernel.row(x, j->n, largest, 1);
    double top = value(j, largest, 0);
    j->k->exp_row[j->kind](x, j->n, top, y);
    double sum = row_sum(j, y);
    if (j->log)
      j->k->affine_row[j->kind](x, j->n, top, 1, -log(sum), y);
    else
      j->k->affine_row[j->kind](y, j->n, 0, 1 / sum, 0, y);
  }
}

/* A tile: up to TILE columns of one [n, inner] matrix. */
static void softmax_columns(void *context, size_t begin, size_t end) {
  const job *j = context;
  int64_t step = j->inner * j->size, tiles = (j->inner + TILE - 1) / TILE;
  _Alignas(8) char largest[8 * TILE];
  double tops[TILE], state[2 * TILE], factor[TILE], zero[TILE] = {0};
  for (size_t t = begin; t < end; t++) {
    int64_t first = (int64_t)t % tiles * TILE, m = j->inner - first < TILE ? j->inner - first : TILE;
    int64_t at = (int64_t)t / tiles * j->n * step + first * j->size;
    const char *x = j->x + at;
    char *y = j->y + at;
    kv_reduce_begin(&j->max, largest, m, TILE);
    j->max.kernel.columns(x, step, j->n, m, largest, TILE);
    for (int64_t i = 0; i < m; i++) tops[i] = value(j, largest, i);
    kv_reduce_begin(&j->sum, state, m, TILE);
    for (int64_t r = 0; r < j->n; r++) j->k->exp_columns[j->kind](x + r * step, m, tops, y + r * step);
    j->sum.kernel.columns(y, step, j->n, m, state, TILE);
    for (int64_t i = 0; i < m; i++) {
      double sum = total(j, state, i, TILE);
      factor[i] = j->log ? 1 : 1 / sum;
      state[i] = j->log ? -log(sum) : 0;
    }
    for (int64_t r = 0; r < j->n; r++) {
      if (j->log)
        j->k->affine_columns[j->kind](x + r * step, m, tops, factor, state, y + r * step);
      else
        j->k->affine_columns[j->kind](y + r * step, m, zero, factor, zero, y + r * step);
    }
  }
}

void kv_softmax_axis(kvino_dtype dtype, const void *x, void *y, int64_t outer, int64_t n, int64_t inner, bool log) {
  job j = start(dtype, x, y, n);
  if (!outer || !n || !inner) return;
  j.inner = inner;
  j.log = log;
  if (inner == 1)
    share(&j, outer, n, softmax_rows);
  else
    share(&j, outer * ((inner + TILE - 1) / TILE), n * (inner < TILE ? inner : TILE), softmax_columns);
}

/* ---- normalization ---- */

static void normalize_rows(void *context, size_t begin, size_t end) {
  const job *j = context;
  const kv_moments *m = j->moments;
  int64_t bytes = j->n * j->size;
  for (size_t r = begin; r < end; r++) {
    const char *x = j->x + (int64_t)r * bytes;
    double mean = m->center ? row_sum(j, x) / (double)j->n : 0, factor = 1;
    if (m->scale) {
      double square = j->k->spread[j->kind](x, j->n, mean) / (m->mean ? (double)j->n : 1);
      if (m->at_least)
        factor = 1 / sqrt(square > m->epsilon || square != square ? square : m->epsilon);
      else
        factor = 1 / (m->outside ? sqrt(square) + m->epsilon : sqrt(square + m->epsilon));
    }
    j->k->affine_row[j->kind](x, j->n, mean, factor, 0, j->y + (int64_t)r * bytes);
  }
}

void kv_normalize_rows(kvino_dtype dtype, const void *x, void *y, int64_t rows, int64_t n, const kv_moments *m) {
  job j = start(dtype, x, y, n);
  j.moments = m;
  if (rows && n) share(&j, rows, n, normalize_rows);
}

static void normalize_groups(void *context, size_t begin, size_t end) {
  job group = *(const job *)context; /* n: elements of a group */
  const job *j = context;
  int64_t each = j->channels / j->groups, bytes = j->n * j->size;
  group.n = each * j->n;
  for (size_t g = begin; g < end; g++) {
    int64_t first = (int64_t)g % j->groups * each, at = (int64_t)g * each * bytes;
    double count = (double)group.n, mean = row_sum(&group, j->x + at) / count;
    double factor = 1 / sqrt(j->k->spread[j->kind](j->x + at, group.n, mean) / count + j->epsilon);
    for (int64_t c = 0; c < each; c++, at += bytes)
      j->k->affine_row[j->kind](j->x + at, j->n, mean, factor * j->factor[first + c], j->add[first + c], j->y + at);
  }
}

void kv_normalize_groups(kvino_dtype dtype, const void *x, void *y, int64_t batch, int64_t channels, int64_t n,
                         int64_t groups, double epsilon, const double *scale, const double *bias) {
  job j = start(dtype, x, y, n);
  j.channels = channels;
  j.groups = groups;
  j.epsilon = epsilon;
  j.factor = scale;
  j.add = bias;
  if (batch && channels && n) share(&j, batch * groups, channels / groups * n, normalize_groups);
}

/* A unit: a channel of an image; where a channel is one element, an image. */
static void affine_channels(void *context, size_t begin, size_t end) {
  const job *j = context;
  for (size_t i = begin; i < end; i++) {
    if (j->n == 1) {
      int64_t at = (int64_t)i * j->channels * j->size;
      j->k->affine_columns[j->kind](j->x + at, j->channels, j->subtract, j->factor, j->add, j->y + at);
    } else {
      int64_t at = (int64_t)i * j->n * j->size, c = (int64_t)i % j->channels;
      j->k->affine_row[j->kind](j->x + at, j->n, j->subtract[c], j->factor[c], j->add[c], j->y + at);
    }
  }
}

void kv_affine_channels(kvino_dtype dtype, const void *x, void *y, int64_t batch, int64_t channels, int64_t n,
                        const double *subtract, const double *factor, const double *add) {
  job j = start(dtype, x, y, n);
  j.channels = channels;
  j.subtract = subtract;
  j.factor = factor;
  j.add = add;
  if (!batch || !channels || !n) return;
  if (n == 1)
    share(&j, batch, channels, affine_channels);
  else
    share(&j, batch * channels, n, affine_channels);
}
