/* The transpose of resampling: every number goes, times its weights, to the places that it would be a sum of. */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/threads.h"
#include "kernels/image/resample.h"

/* Wide rows are cut into pieces of this many elements, each a task. */
enum { PIECE = 1024 };

static int64_t pieces_of(const kv_resampling *r) { return r->inner <= 2 * PIECE ? 1 : (r->inner + PIECE - 1) / PIECE; }

/* Elements [begin, begin + n) of the rows of line a; n is a constant where it is inlined. */
#define LINE(type, bits)                                                                                               \
  static inline                                                                                                        \
      __attribute__((always_inline)) void line_##bits(const kv_resampling *r, int64_t a, int64_t begin, int64_t n) {   \
    const type *d = (const type *)r->x + a * r->out * r->inner + begin;                                                \
    type *y = (type *)r->y + a * r->in * r->inner + begin;                                                             \
    if (n == r->inner)                                                                                                 \
      memset(y, 0, (size_t)(r->in * n) * sizeof *y);                                                                   \
    else                                                                                                               \
      for (int64_t i = 0; i < r->in; i++) memset(y + i * r->inner, 0, (size_t)n * sizeof *y);                          \
    for (int64_t o = 0; o < r->out; o++, d += r->inner) {                                                              \
      const type *w = (const type *)r->w + (r->one_row ? 0 : o * r->taps);                                             \
      int64_t start = r->start[o];                                                                                     \
      for (int64_t k = start < 0 ? -start : 0; k < r->taps && start + k < r->in; k++) {                                \
        const type weight = w[k];                                                                                      \
        type *restrict to = y + (start + k) * r->inner;                                                                \
        for (int64_t i = 0; i < n; i++) to[i] += weight * d[i];                                                        \
      }                                                                                                                \
    }                                                                                                                  \
  }                                                                                                                    \
  static void some_##bits(const kv_resampling *r, int64_t a, int64_t begin, int64_t n) {                               \
    if (n == 1 && r->inner == 1)                                                                                       \
      line_##bits(r, a, 0, 1);                                                                                         \
    else if (n == 3 && r->inner == 3)                                                                                  \
      line_##bits(r, a, 0, 3);                                                                                         \
    else                                                                                                               \
      line_##bits(r, a, begin, n);                                                                                     \
  }
LINE(float, f32)
LINE(double, f64)
#undef LINE

static void run_range(void *context, size_t begin, size_t end) {
  const kv_resampling *r = context;
  int64_t pieces = pieces_of(r);
  for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
    int64_t from = i % pieces * PIECE, n = pieces == 1 ? r->inner : r->inner - from < PIECE ? r->inner - from : PIECE;
    (r->dtype == KVINO_F32 ? some_f32 : some_f64)(r, i / pieces, from, n);
  }
}

void kv_resample_back(const kv_resampling *r) {
  if (!r->outer || !r->inner || !r->in) return;
  int64_t pieces = pieces_of(r), cost = (r->out * r->taps + r->in) * (r->inner / pieces + 1);
  kv_parallel_ranges((size_t)(r->outer * pieces), (size_t)(32768 / (cost + 1) + 1), run_range, (void *)(uintptr_t)r);
}
