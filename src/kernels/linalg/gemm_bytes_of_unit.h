/* The loops for one kind of unit; included once for each by gemm_bytes_body.c, which says what UNIT, DOT(sum, b, a),
 * NAMED(name), pack_rows and unit are, and BUFFER, the units that are packed at a time; without DOT, rows, too. */

/* A block of the width of a vector in bytes, as units of its columns: buffer[unit][column]. */
static inline void NAMED(pack)(const kv_bytes_panel *p, int64_t k, int64_t units, int64_t column, int64_t columns,
                               int32_t *buffer) {
  static const int8_t zeros[WIDTH];
  int8_t edge[UNIT][WIDTH];
  const int8_t *b = p->b + k * p->b_row + column * p->b_column, *row[UNIT];
  for (int64_t u = 0; u < units; u++, buffer += WIDTH) {
    for (int i = 0; i < UNIT; i++) {
      int64_t at = u * UNIT + i;
      row[i] = k + at < p->depth ? b + at * p->b_row : zeros;
      if (row[i] == zeros || columns == WIDTH) {
        __builtin_prefetch(row[i] + 8 * UNIT * p->b_row);
        continue;
      }
      for (int64_t c = 0; c < WIDTH; c++) edge[i][c] = c < columns ? row[i][c] : 0;
      row[i] = edge[i];
    }
    NAMED(pack_rows)(row, buffer);
  }
}

/* The same where a column's values follow each other in memory. */
static inline void NAMED(pack_columns)(const kv_bytes_panel *p, int64_t k, int64_t units, int64_t column,
                                       int64_t columns, int32_t *buffer) {
  const int8_t *b = p->b + k + column * p->b_column;
  int64_t left = p->depth > k ? p->depth - k : 0, whole = left / UNIT < units ? left / UNIT : units;
  for (int64_t c = 0; c < WIDTH; c++) {
    if (c >= columns) {
      for (int64_t u = 0; u < units; u++) buffer[u * WIDTH + c] = 0;
      continue;
    }
    const int8_t *from = b + c * p->b_column;
    for (int64_t u = 0; u < whole; u++) buffer[u * WIDTH + c] = NAMED(unit)(from + u * UNIT, UNIT);
    for (int64_t u = whole; u < units; u++)
      buffer[u * WIDTH + c] = left > u * UNIT ? NAMED(unit)(from + u * UNIT, (int)(left - u * UNIT)) : 0;
  }
}

#ifdef DOT
/* `rows` (at most ROWS) rows of a by a packed block. */
static inline __attribute__((always_inline)) void
NAMED(block)(int rows, int64_t units, const int32_t *a, int64_t a_step, const int32_t *b, int32_t *y, int64_t y_step) {
  lanes sum[ROWS][4];
  for (int r = 0; r < rows; r++) memcpy(sum[r], y + r * y_step, sizeof sum[r]);
  for (int64_t u = 0; u < units; u++, b += WIDTH) {
    lanes w[4];
    memcpy(w, b, sizeof w);
    _Pragma("GCC unroll 4") for (int r = 0; r < rows; r++) {
      lanes x = a[r * a_step + u] - (lanes){0};
      _Pragma("GCC unroll 4") for (int q = 0; q < 4; q++) sum[r][q] = DOT(sum[r][q], w[q], x);
    }
  }
  for (int r = 0; r < rows; r++) memcpy(y + r * y_step, sum[r], sizeof sum[r]);
}

/* All rows by a packed block of `columns` columns of y. */
static inline void NAMED(rows)(const kv_bytes_panel *p, int64_t unit, int64_t units, const int32_t *b, int32_t *y,
                               int64_t columns) {
  for (int64_t i = 0; i < p->rows;) {
    int rows = p->rows - i >= ROWS ? ROWS : 1;
    int32_t edge[ROWS * WIDTH], *to = y + i * p->y_step;
    int64_t step = p->y_step;
    if (columns < WIDTH) { /* a whole block beside y */
      for (int r = 0; r < rows; r++) memcpy(edge + r * WIDTH, to + r * step, (size_t)columns * sizeof *y);
      to = edge, step = WIDTH;
    }
    const int32_t *a = p->a + i * p->a_step + unit;
    if (rows == ROWS)
      NAMED(block)(ROWS, units, a, p->a_step, b, to, step);
    else
      NAMED(block)(1, units, a, p->a_step, b, to, step);
    for (int r = 0; r < rows && to == edge; r++)
      memcpy(y + (i + r) * p->y_step, edge + r * WIDTH, (size_t)columns * sizeof *y);
    i += rows;
  }
}

#endif

static void NAMED(panel)(const kv_bytes_panel *p) {
  int32_t buffer[BUFFER] __attribute__((aligned(64)));
  int64_t blocks = (p->columns + WIDTH - 1) / WIDTH, most = BUFFER / (blocks * WIDTH), units = p->a_step;
  for (int64_t i = 0; i < p->rows; i++)
    for (int64_t c = 0; c < p->columns; c++) p->y[i * p->y_step + c] = p->start[i];
  if (most < units) most -= most % MULTIPLE;
  for (int64_t u = 0; u < units; u += most) {
    int64_t n = units - u < most ? units - u : most;
    for (int64_t j = 0; j < blocks; j++) {
      int64_t columns = p->columns - j * WIDTH < WIDTH ? p->columns - j * WIDTH : WIDTH;
      int32_t *to = buffer + j * n * WIDTH;
      if (p->b_column == 1)
        NAMED(pack)(p, u * UNIT, n, j * WIDTH, columns, to);
      else
        NAMED(pack_columns)(p, u * UNIT, n, j * WIDTH, columns, to);
    }
    for (int64_t j = 0; j < blocks; j++) {
      int64_t columns = p->columns - j * WIDTH < WIDTH ? p->columns - j * WIDTH : WIDTH;
      NAMED(rows)(p, u, n, buffer + j * n * WIDTH, p->y + j * WIDTH, columns);
    }
  }
}
