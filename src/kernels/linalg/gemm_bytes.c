#include "kernels/linalg/gemm_bytes.h"

#include <pthread.h>
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"

/* A panel of columns is a task. Few rows wait for memory: rows of b are read in longer pieces then. */
enum { FEW_ROWS = 8, COLUMNS = 256, COLUMNS_OF_FEW = 512, MOST_ROWS = 256, SMALL = 1 << 16 };

static const kv_bytes_kernel *of_few, *of_many; /* rows */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start(void) {
  const kv_bytes_kernels *best = &KV_BEST(kv_gemm_bytes);
  of_few = of_many = best->has_dots && best->has_dots() ? &best->dots : &best->plain;
  if (best->has_tiles && best->has_tiles()) of_many = &best->tiles;
}

typedef struct product {
  kv_matrix a, b;
  int32_t *y;
  int64_t y_step;
  int32_t *units, *starts; /* of a */
  int64_t unit_step;       /* units of a row */
  int64_t columns, panels; /* of a panel of columns, and how many there are */
  const kv_bytes_kernel *kernel;
} product;

/* Row i of a as units, and what its sums begin with. */
static void prepare(const product *g, int64_t i) {
  const int8_t *from = (const int8_t *)g->a.data + i * g->a.row_step;
  int32_t *row = g->units + i * g->unit_step;
  uint32_t sum = 0;
  for (int64_t u = g->a.columns / g->kernel->unit; u < g->unit_step; u++) row[u] = 0; /* what is behind the end */
  int8_t *bytes = (int8_t *)row;
  int16_t *halves = (int16_t *)row;
  for (int64_t k = 0; k < g->a.columns; k++) {
    int8_t v = from[k * g->a.column_step];
    if (g->kernel->unit == 4)
      bytes[k] = v;
    else
      halves[k] = v;
    sum += (uint32_t)v;
  }
  g->starts[i] = (int32_t)(0 - sum * (uint32_t)g->kernel->surplus);
}

static void prepare_rows(void *context, size_t begin, size_t end) {
  for (size_t i = begin; i < end; i++) prepare(context, (int64_t)i);
}

static void run_panel(void *context, size_t task) {
  const product *g = context;
  int64_t row = (int64_t)task / g->panels * MOST_ROWS, column = (int64_t)task % g->panels * g->columns;
  int64_t rows = g->a.rows - row, columns = g->b.columns - column;
  kv_bytes_panel p = {.rows = rows < MOST_ROWS ? rows : MOST_ROWS,
                      .depth = g->b.rows,
                      .columns = columns < g->columns ? columns : g->columns,
                      .a = g->units + row * g->unit_step,
                      .a_step = g->unit_step,
                      .start = g->starts + row,
                      .b = (const int8_t *)g->b.data + column * g->b.column_step,
                      .b_row = g->b.row_step,
                      .b_column = g->b.column_step,
                      .y = g->y + row * g->y_step + column,
                      .y_step = g->y_step};
  g->kernel->panel(&p);
}

static void multiply(product *g) {
  double work = (double)g->a.rows * (double)g->a.columns;
  kv_parallel_ranges((size_t)g->a.rows, work < SMALL ? (size_t)g->a.rows : (size_t)(SMALL / g->a.columns + 1),
                     prepare_rows, g);
  g->columns = g->a.rows > FEW_ROWS ? COLUMNS : COLUMNS_OF_FEW;
  g->panels = (g->b.columns + g->columns - 1) / g->columns;
  size_t tasks = (size_t)(g->panels * ((g->a.rows + MOST_ROWS - 1) / MOST_ROWS));
  if (work * (double)g->b.columns >= SMALL) {
    kv_parallel(tasks, run_panel, g);
  } else {
    for (size_t i = 0; i < tasks; i++) run_panel(g, i);
  }
}

kvino_status kv_gemm_bytes(kv_matrix a, kv_matrix b, int32_t *y, int64_t y_step, kvino_error *err) {
  pthread_once(&once, start);
  if (!a.rows || !b.columns) return KVINO_OK;
  if (!a.columns) {
    for (int64_t i = 0; i < a.rows; i++) memset(y + i * y_step, 0, (size_t)b.columns * sizeof *y);
    return KVINO_OK;
  }
  if (b.columns == 1) b.column_step = 1; /* whatever it was */
  product g = {.a = a, .b = b, .y = y, .y_step = y_step, .kernel = a.rows > FEW_ROWS ? of_many : of_few};
  int64_t each = (int64_t)g.kernel->unit * g.kernel->multiple;
  g.unit_step = (a.columns + each - 1) / each * g.kernel->multiple;
  size_t bytes = (size_t)(a.rows * (g.unit_step + 1)) * sizeof *g.units;
  if (!(g.units = kv_block_new(bytes))) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a matrix product");
  g.starts = g.units + a.rows * g.unit_step;
  multiply(&g);
  kv_block_free(g.units, bytes);
  return KVINO_OK;
}
