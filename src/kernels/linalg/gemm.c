#include "kernels/linalg/gemm.h"

#include <pthread.h>
#include <string.h>

#include "base/threads.h"
#include "kernels/kernels.h"
#include "kernels/linalg/blas.h"
#include "kernels/linalg/gemm_kernels.h"

/* Products of more multiplications than this are cut into slabs, one task each. */
static const int64_t SLAB = 1 << 21;
enum { MOST_SLABS = 32, SLAB_ALIGN = 16 /* rows of the widest register tile of OpenBLAS */ };

static const kv_gemm_table *integers;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start(void) { integers = &KV_BEST(kv_gemm_integers); }

static bool unit(int64_t step, int64_t n) { return step == 1 || n == 1; }
static bool apart(int64_t step, int64_t n, int64_t length) { return n == 1 || (step >= length && step < INT32_MAX); }

bool kv_gemm_takes(const kv_matrix *m) {
  if (m->rows >= INT32_MAX || m->columns >= INT32_MAX) return false;
  return (unit(m->column_step, m->columns) && apart(m->row_step, m->rows, m->columns)) ||
         (unit(m->row_step, m->rows) && apart(m->column_step, m->columns, m->rows));
}

/* ---- one product, in this thread ---- */

static void multiply(kvino_dtype dtype, const kv_matrix *a, const kv_matrix *b, void *y, int64_t y_step) {
  if (kvino_dtype_is_integer(dtype) || dtype == KVINO_BOOL) {
    int log = __builtin_ctz((unsigned)kvino_dtype_size(dtype));
    (*integers)[log](*a, *b, y, y_step);
  } else {
    kv_gemm_floats(dtype, a, b, y, y_step);
  }
}

/* ---- slabs: rows of a, or columns of b ---- */

typedef struct slabs {
  kvino_dtype dtype;
  kv_matrix a, b;
  char *y;
  int64_t y_step, length;
  bool by_rows;
} slabs;

static void run_slab(void *context, size_t i) {
  const slabs *s = context;
  kv_matrix a = s->a, b = s->b;
  int64_t size = (int64_t)kvino_dtype_size(s->dtype), first = (int64_t)i * s->length;
  if (s->by_rows) {
    a.data = (const char *)a.data + first * a.row_step * size;
    a.rows = a.rows - first < s->length ? a.rows - first : s->length;
    multiply(s->dtype, &a, &b, s->y + first * s->y_step * size, s->y_step);
  } else {
    b.data = (const char *)b.data + first * b.column_step * size;
    b.columns = b.columns - first < s->length ? b.columns - first : s->length;
    multiply(s->dtype, &a, &b, s->y + first * size, s->y_step);
  }
}

void kv_gemm(kvino_dtype dtype, kv_matrix a, kv_matrix b, void *y, int64_t y_step) {
  pthread_once(&once, start);
  if (!a.rows || !b.columns) return;
  if (!a.columns) {
    size_t size = kvino_dtype_size(dtype);
    for (int64_t i = 0; i < a.rows; i++) memset((char *)y + (size_t)(i * y_step) * size, 0, (size_t)b.columns * size);
    return;
  }
  if (dtype == KVINO_F32 && kv_narrow_takes(dtype, &a, &b) && !kv_gemm_floats_is_direct(&a, &b)) {
    kv_narrow(dtype, &a, &b, y, y_step);
    return;
  }
  double work = (double)a.rows * (double)b.columns * (double)a.columns;
  bool floats = kvino_dtype_is_float(dtype) || kvino_dtype_is_complex(dtype);
  if (floats) kv_blas_begin();
  slabs s = {dtype, a, b, y, y_step, 0, a.rows >= b.columns};
  int64_t long_side = s.by_rows ? a.rows : b.columns;
  double most =
      (a.rows == 1 || b.columns == 1 ? 4 * work : work) / (double)SLAB; /* a vector's product waits for memory */
  int64_t count = most > MOST_SLABS ? MOST_SLABS : (int64_t)most;
  if (count > long_side / (2 * SLAB_ALIGN)) count = long_side / (2 * SLAB_ALIGN);
  if (count < 2) {
    multiply(dtype, &a, &b, y, y_step);
  } else {
    s.length = ((long_side + count - 1) / count + SLAB_ALIGN - 1) / SLAB_ALIGN * SLAB_ALIGN;
    kv_parallel((size_t)((long_side + s.length - 1) / s.length), run_slab, &s);
  }
  if (floats) kv_blas_end();
}
