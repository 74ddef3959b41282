/* Weighted sums of neighbours along an axis: which loop takes a line, and the edges. */
#include "kernels/image/resample.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/threads.h"
#include "kernels/kernels.h"

/* Rows of at least this many elements go through the vector loop. */
enum { WIDE = 8 };

/* The taps of output o that lie inside: [*from, *to). */
static void inside(const kv_resampling *r, int64_t o, int64_t *from, int64_t *to) {
  int64_t start = r->start[o];
  *from = start < 0 ? -start : 0;
  *to = r->in - start < r->taps ? r->in - start : r->taps;
  if (*from > r->taps) *from = r->taps;
  if (*to < *from) *to = *from;
}

#define AT(type, bits)                                                                                                 \
  /* One row of `inner` elements. */                                                                                   \
  static void row_##bits(const kv_resampling *r, int64_t a, int64_t o) {                                               \
    int64_t n = r->inner, from, to;                                                                                    \
    const type *w = (const type *)r->w + (r->one_row ? 0 : o * r->taps);                                               \
    type *y = (type *)r->y + (a * r->out + o) * n;                                                                     \
    inside(r, o, &from, &to);                                                                                          \
    if (from == to) {                                                                                                  \
      for (int64_t i = 0; i < n; i++) y[i] = 0;                                                                        \
      return;                                                                                                          \
    }                                                                                                                  \
    KV_BEST(kv_resample_##bits)                                                                                        \
    (y, (const type *)r->x + (a * r->in + r->start[o] + from) * n, n, to - from, w + from, n);                         \
  }                                                                                                                    \
                                                                                                                       \
  /* Outputs [begin, end) of a line whose rows are short: n is a constant where it is inlined. */                      \
  static inline __attribute__((always_inline)) void short_rows_##bits(const kv_resampling *r, int64_t a, int64_t n,    \
                                                                      int64_t begin, int64_t end) {                    \
    const type *x = (const type *)r->x + a * r->in * n;                                                                \
    type *y = (type *)r->y + a * r->out * n;                                                                           \
    for (int64_t o = begin; o < end; o++) {                                                                            \
      type sum[WIDE] = {0};                                                                                            \
      int64_t from, to;                                                                                                \
      inside(r, o, &from, &to);                                                                                        \
      const type *w = (const type *)r->w + (r->one_row ? 0 : o * r->taps), *place = x + (r->start[o] + from) * n;      \
      for (int64_t k = from; k < to; k++, place += n)                                                                  \
        for (int64_t i = 0; i < n; i++) sum[i] += w[k] * place[i];                                                     \
      for (int64_t i = 0; i < n; i++) y[o * n + i] = sum[i];                                                           \
    }                                                                                                                  \
  }                                                                                                                    \
                                                                                                                       \
  static void some_##bits(const kv_resampling *r, int64_t a, int64_t begin, int64_t end) {                             \
    switch (r->inner) {                                                                                                \
    case 1:                                                                                                            \
      short_rows_##bits(r, a, 1, begin, end);                                                                          \
      break;                                                                                                           \
    case 3:                                                                                                            \
      short_rows_##bits(r, a, 3, begin, end);                                                                          \
      break;                                                                                                           \
    case 4:                                                                                                            \
      short_rows_##bits(r, a, 4, begin, end);                                                                          \
      break;                                                                                                           \
    default:                                                                                                           \
      short_rows_##bits(r, a, r->inner, begin, end);                                                                   \
    }                                                                                                                  \
  }                                                                                                                    \
                                                                                                                       \
  /* One line of short rows. Where the same weights slide by one, what is not at the edges is one long row. */         \
  static void line_##bits(const kv_resampling *r, int64_t a, bool slides) {                                            \
    int64_t low = 0, high = 0, n = r->inner;                                                                           \
    if (slides) {                                                                                                      \
      low = r->start[0] < 0 ? -(int64_t)r->start[0] : 0;                                                               \
      high = r->in - r->taps - r->start[0] + 1;                                                                        \
      if (low > r->out) low = r->out;                                                                                  \
      if (high > r->out) high = r->out;                                                                                \
      if (high < low) high = low;                                                                                      \
      KV_BEST(kv_resample_##bits)                                                                                      \
      ((type *)r->y + (a * r->out + low) * n, (const type *)r->x + (a * r->in + r->start[0] + low) * n,                \
       (high - low) * n, r->taps, r->w, n);                                                                            \
    }                                                                                                                  \
    some_##bits(r, a, 0, low);                                                                                         \
    some_##bits(r, a, high, r->out);                                                                                   \
  }
AT(float, f32)
AT(double, f64)
#undef AT

static void rows(void *context, size_t begin, size_t end) {
  const kv_resampling *r = context;
  for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
    if (r->dtype == KVINO_F32)
      row_f32(r, i / r->out, i % r->out);
    else
      row_f64(r, i / r->out, i % r->out);
  }
}

static void lines(void *context, size_t begin, size_t end) {
  const kv_resampling *r = context;
  bool slides = r->one_row && r->taps > 1;
  for (int64_t o = 1; slides && o < r->out; o++) slides = r->start[o] == r->start[0] + o;
  for (int64_t a = (int64_t)begin; a < (int64_t)end; a++) {
    if (r->dtype == KVINO_F32)
      line_f32(r, a, slides);
    else
      line_f64(r, a, slides);
  }
}

void kv_resample_run(const kv_resampling *r) {
  enum { WORK = 1 << 15 }; /* products of one thread, at least */
  if (!r->outer || !r->out || !r->inner) return;
  bool wide = r->inner >= WIDE;
  int64_t units = wide ? r->outer * r->out : r->outer, each = r->inner * r->taps * (wide ? 1 : r->out);
  kv_parallel_ranges((size_t)units, (size_t)(WORK / (each + 1) + 1), wide ? rows : lines, (void *)r);
}
