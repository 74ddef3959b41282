#include "kernels/recurrence/recurrence.h"

#include <complex.h>
#include <string.h>

#include "base/convert.h"
#include "base/threads.h"

enum { COLUMNS = 64 }; /* running values side by side */

#define AS_IS(v) (v)
#define PRODUCT(a, b) ((a) * (b))
/* C's own product also repairs NaNs that come from infinities, and is slow. */
#define COMPLEX_PRODUCT(a, b)                                                                                          \
  __builtin_complex(__real__(a) * __real__(b) - __imag__(a) * __imag__(b),                                             \
                    __real__(a) * __imag__(b) + __imag__(a) * __real__(b))

#define EACH_DTYPE(X)                                                                                                  \
  X(F16, uint16_t, float, kv_f16_to_f32, kv_f32_to_f16, PRODUCT)                                                       \
  X(BF16, uint16_t, float, kv_bf16_to_f32, kv_f32_to_bf16, PRODUCT)                                                    \
  X(F32, float, float, AS_IS, AS_IS, PRODUCT)                                                                          \
  X(F64, double, double, AS_IS, AS_IS, PRODUCT)                                                                        \
  X(C64, float complex, float complex, AS_IS, AS_IS, COMPLEX_PRODUCT)                                                  \
  X(C128, double complex, double complex, AS_IS, AS_IS, COMPLEX_PRODUCT)

bool kv_recurrence_takes(kvino_dtype dtype) {
  switch (dtype) {
#define CASE(ID, ...) case KVINO_##ID:
    EACH_DTYPE(CASE)
#undef CASE
    return true;
  default:
    return false;
  }
}

struct recurrence {
  kvino_dtype dtype;
  bool reverse;
  int64_t n, inner, blocks; /* blocks of COLUMNS in a row of `inner` */
  const char *a, *b;
  char *y;
};

/* `columns` recurrences side by side, `step` elements from one y to the next; `at`: the first elements. */
#define RUN(ID, M, W, load, store, product)                                                                            \
  static void run_##ID(const struct recurrence *r, int64_t at, int64_t columns, int64_t step) {                        \
    const M *a = (const M *)r->a, *b = (const M *)r->b;                                                                \
    M *y = (M *)r->y;                                                                                                  \
    W last[COLUMNS];                                                                                                   \
    for (int64_t k = 0; k < r->n; k++, at += step)                                                                     \
      for (int64_t j = 0; j < columns; j++) {                                                                          \
        const W factor = (W)load(a[at + j]), more = (W)load(b[at + j]);                                                \
        last[j] = k && factor != 0 ? product(factor, last[j]) + more : more;                                           \
        y[at + j] = (M)store(last[j]);                                                                                 \
      }                                                                                                                \
  }
EACH_DTYPE(RUN)

static void run_units(void *context, size_t begin, size_t end) {
  const struct recurrence *r = context;
  for (int64_t unit = (int64_t)begin; unit < (int64_t)end; unit++) {
    int64_t outer = unit / r->blocks, first = (unit - outer * r->blocks) * COLUMNS;
    int64_t columns = r->inner - first < COLUMNS ? r->inner - first : COLUMNS;
    int64_t at = outer * r->n * r->inner + first, step = r->inner;
    if (r->reverse) {
      at += (r->n - 1) * step;
      step = -step;
    }
    switch (r->dtype) {
#define CASE(ID, ...)                                                                                                  \
  case KVINO_##ID:                                                                                                     \
    run_##ID(r, at, columns, step);                                                                                    \
    break;
      EACH_DTYPE(CASE)
#undef CASE
    default:
      break;
    }
  }
}

void kv_recurrence(kvino_dtype dtype, bool reverse, int64_t outer, int64_t n, int64_t inner, const char *a,
                   const char *b, char *y) {
  if (!outer || !n || !inner) return;
  struct recurrence r = {dtype, reverse, n, inner, (inner + COLUMNS - 1) / COLUMNS, a, b, y};
  int64_t each = n * (inner < COLUMNS ? inner : COLUMNS);
  kv_parallel_ranges((size_t)(outer * r.blocks), (size_t)((256 << 10) / each + 1), run_units, &r);
}
