/* Colours in another system: which loop takes which pixels. */
#include "kernels/image/color.h"

#include "base/threads.h"
#include "kernels/kernels.h"

static void pixels(const kv_coloring *c, int64_t at, int64_t n, int64_t step, int64_t apart) {
  if (c->dtype == KVINO_F32)
    KV_BEST(kv_color_f32)(c->to_hsv, (float *)c->y + at, (const float *)c->x + at, n, step, apart, (float)c->epsilon);
  else
    KV_BEST(kv_color_f64)(c->to_hsv, (double *)c->y + at, (const double *)c->x + at, n, step, apart, c->epsilon);
}

/* Pixels [begin, end) of all, counted plane by plane. */
static void run_range(void *context, size_t begin, size_t end) {
  const kv_coloring *c = context;
  if (c->inner == 1) { /* channels last */
    pixels(c, 3 * (int64_t)begin, (int64_t)(end - begin), 3, 1);
    return;
  }
  for (int64_t i = (int64_t)begin, n; i < (int64_t)end; i += n) {
    int64_t plane = i / c->inner, place = i % c->inner;
    n = c->inner - place < (int64_t)end - i ? c->inner - place : (int64_t)end - i;
    pixels(c, 3 * plane * c->inner + place, n, 1, c->inner);
  }
}

void kv_color_run(const kv_coloring *c) {
  if (c->outer && c->inner) kv_parallel_ranges((size_t)(c->outer * c->inner), 8192, run_range, (void *)c);
}
