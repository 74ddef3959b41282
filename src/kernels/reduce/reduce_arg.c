/* The index of the extreme. The row loops of maximum and minimum find the extreme of each piece of a row; only the
 * piece that had the best is searched for its place. */
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/reduce/reduce_plan.h"

enum {
  PIECE = 1024, /* elements in a row of which the extreme is found before its place; a buffer holds them */
  SHORT = 32,   /* elements in a row that are compared one by one */
  WIDTH = 1024,
  RUN = 1 << 30
};

typedef struct job {
  kv_reduce_plan plan;
  kv_reducer reducer;
  bool max, narrow; /* narrow: indices are int32 */
  char *out;
} job;

/* ---- per dtype: whether one value beats another ---- */

#define REAL_BEATS(max, a, b) (((max) ? (a) > (b) : (a) < (b)) || ((a) != (a) && !((b) != (b))))
#define REAL(T)                                                                                                        \
  static bool beats_##T(bool max, const void *p, const void *q) {                                                      \
    T a = *(const T *)p, b = *(const T *)q;                                                                            \
    return REAL_BEATS(max, a, b);                                                                                      \
  }                                                                                                                    \
  static int64_t first_##T(bool max, const void *p, int64_t n) {                                                       \
    const T *x = p;                                                                                                    \
    T best = x[0];                                                                                                     \
    int64_t at = 0;                                                                                                    \
    if (max)                                                                                                           \
      for (int64_t i = 1; i < n; i++) {                                                                                \
        const T a = x[i];                                                                                              \
        const bool better = (a > best) | ((a != a) & (best == best));                                                  \
        best = better ? a : best;                                                                                      \
        at = better ? i : at;                                                                                          \
      }                                                                                                                \
    else                                                                                                               \
      for (int64_t i = 1; i < n; i++) {                                                                                \
        const T a = x[i];                                                                                              \
        const bool better = (a < best) | ((a != a) & (best == best));                                                  \
        best = better ? a : best;                                                                                      \
        at = better ? i : at;                                                                                          \
      }                                                                                                                \
    return at;                                                                                                         \
  }                                                                                                                    \
  static void columns_##T(bool max, const void *p, int64_t n, void *values, int32_t *at, int32_t index) {              \
    const T *restrict x = p;                                                                                           \
    T *restrict v = values;                                                                                            \
    int32_t *restrict place = at;                                                                                      \
    if (max)                                                                                                           \
      for (int64_t i = 0; i < n; i++) {                                                                                \
        T a = x[i], b = v[i];                                                                                          \
        bool better = (a > b) | ((a != a) & (b == b));                                                                 \
        v[i] = better ? a : b;                                                                                         \
        place[i] = better ? index : place[i];                                                                          \
      }                                                                                                                \
    else                                                                                                               \
      for (int64_t i = 0; i < n; i++) {                                                                                \
        T a = x[i], b = v[i];                                                                                          \
        bool better = (a < b) | ((a != a) & (b == b));                                                                 \
        v[i] = better ? a : b;                                                                                         \
        place[i] = better ? index : place[i];                                                                          \
      }                                                                                                                \
  }
REAL(uint8_t)
REAL(uint16_t)
REAL(uint32_t)
REAL(uint64_t)
REAL(int8_t)
REAL(int16_t)
REAL(int32_t)
REAL(int64_t)
REAL(float)
REAL(double)

typedef struct {
  float re, im;
} complex64;
typedef struct {
  double re, im;
} complex128;
#define COMPLEX(T)                                                                                                     \
  static bool nan_##T(T a) { return a.re != a.re || a.im != a.im; }                                                    \
  static bool beats_##T(bool max, const void *p, const void *q) {                                                      \
    T a = *(const T *)p, b = *(const T *)q;                                                                            \
    if (nan_##T(a) || nan_##T(b)) return nan_##T(a) && !nan_##T(b);                                                    \
    if (a.re != b.re) return max ? a.re > b.re : a.re < b.re;                                                          \
    return max ? a.im > b.im : a.im < b.im;                                                                            \
  }                                                                                                                    \
  static int64_t first_##T(bool max, const void *p, int64_t n) {                                                       \
    const T *x = p;                                                                                                    \
    int64_t at = 0;                                                                                                    \
    for (int64_t i = 1; i < n; i++)                                                                                    \
      if (beats_##T(max, &x[i], &x[at])) at = i;                                                                       \
    return at;                                                                                                         \
  }                                                                                                                    \
  static void columns_##T(bool max, const void *p, int64_t n, void *values, int32_t *at, int32_t index) {              \
    const T *x = p;                                                                                                    \
    T *v = values;                                                                                                     \
    for (int64_t i = 0; i < n; i++)                                                                                    \
      if (beats_##T(max, &x[i], &v[i])) v[i] = x[i], at[i] = index;                                                    \
  }
COMPLEX(complex64)
COMPLEX(complex128)

typedef struct element {
  bool (*beats)(bool max, const void *p, const void *q);
  int64_t (*first)(bool max, const void *p, int64_t n); /* of a row too short for pieces */
  void (*columns)(bool max, const void *p, int64_t n, void *values, int32_t *at, int32_t index);
} element;

#define ROW(T)                                                                                                         \
  { beats_##T, first_##T, columns_##T }
static const element elements[KVINO_DTYPE_COUNT] = {
    [KVINO_BOOL] = ROW(uint8_t),   [KVINO_U8] = ROW(uint8_t), [KVINO_U16] = ROW(uint16_t), [KVINO_U32] = ROW(uint32_t),
    [KVINO_U64] = ROW(uint64_t),   [KVINO_I8] = ROW(int8_t),  [KVINO_I16] = ROW(int16_t),  [KVINO_I32] = ROW(int32_t),
    [KVINO_I64] = ROW(int64_t),    [KVINO_F32] = ROW(float),  [KVINO_F64] = ROW(double),   [KVINO_C64] = ROW(complex64),
    [KVINO_C128] = ROW(complex128)};

/* ---- walking ---- */

/* A row as contiguous elements; a bool's bytes become 0 and 1. */
static const char *load(const job *j, const char *at, int64_t n, int64_t step, kv_reduce_buffer *buffer) {
  const char *from = at;
  int64_t row;
  if (!kv_reduce_in_place(&j->plan, step)) kv_reduce_load(&j->plan, at, 0, 1, n, step, buffer, &from, &row);
  if (j->plan.dtype != KVINO_BOOL) return from;
  for (int64_t i = 0; i < n; i++) buffer->wide[i] = from[i] != 0;
  return buffer->wide;
}

static void put(const job *j, int64_t output, int64_t index) {
  if (j->narrow)
    ((int32_t *)j->out)[output] = (int32_t)index;
  else
    ((int64_t *)j->out)[output] = index;
}

static void search_rows(const job *j, const char *at, int64_t output) {
  const kv_reduce_plan *p = &j->plan;
  const element *e = &elements[p->compute];
  int64_t last = p->n_reduced - 1, step = p->reduced_step[last], run = p->reduced[last], base = 0, found = -1;
  if (!last && run <= SHORT && p->dtype != KVINO_BOOL && kv_reduce_in_place(p, step)) {
    put(j, output, e->first(j->max, at, run));
    return;
  }
  kv_reduce_buffer buffer;
  _Alignas(16) char best[16], value[16];
  int64_t index[KVINO_MAX_RANK], length = 0;
  const char *where = NULL;
  for (int a = 0; a < last; a++) index[a] = 0;
  do {
    for (int64_t i = 0; i < run; i += PIECE) {
      int64_t n = run - i < PIECE ? run - i : PIECE;
      const char *x = load(j, at + i * step, n, step, &buffer);
      kv_reduce_begin(&j->reducer, value, 1, 1);
      j->reducer.kernel.row(x, n, value, 1);
      if (found >= 0 && !e->beats(j->max, value, best)) continue;
      memcpy(best, value, sizeof best);
      found = base + i;
      length = n;
      where = at + i * step;
    }
    base += run;
  } while (kv_reduce_plan_next(p, -1, 0, index, &at));
  found += j->reducer.kernel.find(load(j, where, length, step, &buffer), length, best);
  put(j, output, found);
}

/* Where a run of rows beats what came before: `local` counts in the run, so that it fits the registers beside the
 * values. */
static void settle(int32_t *local, int64_t n, int64_t base, int64_t *place) {
  for (int64_t k = 0; k < n; k++) {
    if (local[k] >= 0) place[k] = base + local[k];
    local[k] = -1;
  }
}

static void search_columns(const job *j, const char *at, int64_t output, int64_t n) {
  const kv_reduce_plan *p = &j->plan;
  const element *e = &elements[p->compute];
  kv_reduce_buffer buffer;
  _Alignas(16) char best[WIDTH * 16];
  int64_t place[WIDTH], last = p->n_reduced - 1, base = 0, index[KVINO_MAX_RANK];
  int32_t local[WIDTH];
  int64_t step = p->kept_step[p->n_kept - 1], run = p->reduced[last];
  for (int a = 0; a < last; a++) index[a] = 0;
  for (int64_t k = 0; k < n; k++) local[k] = -1, place[k] = 0;
  bool first = true;
  do {
    for (int64_t from = 0; from < run; from += RUN) {
      int64_t rows = run - from < RUN ? run - from : RUN;
      for (int64_t i = 0; i < rows; i++) {
        const char *x = load(j, at + (from + i) * p->reduced_step[last], n, step, &buffer);
        if (!first)
          e->columns(j->max, x, n, best, local, (int32_t)i);
        else
          memcpy(best, x, (size_t)n * kvino_dtype_size(p->compute));
        first = false;
      }
      settle(local, n, base + from, place);
    }
    base += run;
  } while (kv_reduce_plan_next(p, -1, 0, index, &at));
  for (int64_t k = 0; k < n; k++) put(j, output + k * p->kept_out[p->n_kept - 1], place[k]);
}

/* Most calls: rows of one piece each, read where they are. */
static bool is_plain(const kv_reduce_plan *p) {
  return p->rows && p->n_kept == 1 && p->n_reduced == 1 && p->reduced[0] <= PIECE && p->dtype != KVINO_BOOL &&
         kv_reduce_in_place(p, p->reduced_step[0]);
}

static void search_plain(const job *j, int64_t begin, int64_t end) {
  const kv_reduce_plan *p = &j->plan;
  const int64_t n = p->reduced[0];
  const char *x = p->data + begin * p->kept_step[0];
  for (int64_t i = begin; i < end; i++, x += p->kept_step[0]) {
    _Alignas(16) char best[16];
    if (n <= SHORT) {
      put(j, i * p->kept_out[0], elements[p->compute].first(j->max, x, n));
      continue;
    }
    memcpy(best, x, (size_t)p->size);
    j->reducer.kernel.row(x, n, best, 1);
    put(j, i * p->kept_out[0], j->reducer.kernel.find(x, n, best));
  }
}

static void search_tiles(void *context, size_t begin, size_t end) {
  const job *j = context;
  if (is_plain(&j->plan)) {
    search_plain(j, (int64_t)begin, (int64_t)end);
    return;
  }
  for (size_t tile = begin; tile < end; tile++) {
    int64_t output, n;
    const char *at = kv_reduce_plan_tile(&j->plan, (int64_t)tile, &output, &n);
    if (j->plan.rows)
      search_rows(j, at, output);
    else
      search_columns(j, at, output, n);
  }
}

kvino_status kv_reduce_arg(bool max, const kv_view *x, const bool *reduced, kvino_dtype dtype, void *out,
                           kvino_error *err) {
  job j;
  int64_t outputs = 1, count = 1;
  KV_TRY(kv_reducer_init(&j.reducer, max ? KV_REDUCE_MAX : KV_REDUCE_MIN, x->dtype, err));
  for (int a = 0; a < x->rank; a++) *(reduced[a] ? &count : &outputs) *= x->shape[a];
  if (!count) return kv_fail(err, KVINO_INVALID, "attempt to get %s of an empty sequence", max ? "argmax" : "argmin");
  if (dtype == KVINO_I32 && count > INT32_MAX)
    return kv_fail(err, KVINO_OVERFLOW, "an index among %lld elements does not fit int32", (long long)count);
  if (!outputs) return KVINO_OK;
  kv_reduce_plan_init(&j.plan, x, reduced, true, KV_REDUCE_STATE / WIDTH);
  j.max = max;
  j.narrow = dtype == KVINO_I32;
  j.out = out;
  int64_t each = j.plan.elements / j.plan.tiles;
  if (j.plan.elements < 1 << 17)
    search_tiles(&j, 0, (size_t)j.plan.tiles);
  else
    kv_parallel_ranges((size_t)j.plan.tiles, (size_t)((1 << 15) / each + 1), search_tiles, &j);
  return KVINO_OK;
}
