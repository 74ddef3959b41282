/* Products of few rows (kv_narrow_... in gemm.h): the matrix is cut into slabs of its columns, a task each. */
#include <pthread.h>

#include "base/threads.h"
#include "kernels/kernels.h"
#include "kernels/linalg/gemm.h"
#include "kernels/linalg/gemm_kernels.h"

enum {
  MOST_ROWS = 16,   /* more of them reuse what the caches hold: OpenBLAS's way */
  LEAST = 1 << 14,  /* elements of a matrix that are worth it */
  SLAB = 1 << 17,   /* elements of a slab */
  SLAB_COLUMNS = 64 /* whole registers, and lines of the cache */
};

static const kv_narrow_table *kernels;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start(void) { kernels = &KV_BEST(kv_narrow); }

bool kv_narrow_takes(kvino_dtype dtype, const kv_matrix *a, const kv_matrix *b) {
  if (dtype != KVINO_F32 && dtype != KVINO_BF16) return false;
  if (a->rows > MOST_ROWS || b->columns < SLAB_COLUMNS || b->rows * b->columns < LEAST) return false;
  return b->column_step == 1 || (b->row_step == 1 && a->column_step == 1);
}

typedef struct slabs {
  kv_narrow_loop *loop;
  const kv_matrix *a, *b;
  int64_t size, columns, y_step;
  float *y;
} slabs;

static void run_slab(void *context, size_t i) {
  const slabs *s = context;
  int64_t first = (int64_t)i * s->columns;
  kv_matrix b = *s->b;
  b.data = (const char *)b.data + first * b.column_step * s->size;
  b.columns = b.columns - first < s->columns ? b.columns - first : s->columns;
  s->loop(s->a, &b, s->y + first, s->y_step);
}

void kv_narrow(kvino_dtype dtype, const kv_matrix *a, const kv_matrix *b, float *y, int64_t y_step) {
  pthread_once(&once, start);
  int64_t columns = (SLAB / b->rows + SLAB_COLUMNS) / SLAB_COLUMNS * SLAB_COLUMNS;
  slabs s = {
      (*kernels)[b->column_step != 1][dtype == KVINO_BF16], a, b, (int64_t)kvino_dtype_size(dtype), columns, y_step, y};
  kv_parallel((size_t)((b->columns + columns - 1) / columns), run_slab, &s);
}
