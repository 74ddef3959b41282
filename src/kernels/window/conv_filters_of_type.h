/* The loops of conv_filters_kernels.h for one element type T: included once for each, with VECTOR (bytes of a
 * register), SAME (a number in all lanes), FUSED (a * b + c), ROWS (of the register tile: ROWS x 2 registers of sums)
 * and NAME(function). */

typedef T NAME(vector) __attribute__((vector_size(VECTOR), aligned(sizeof(T)), may_alias));
#define V NAME(vector)
#define LENGTH ((int64_t)(VECTOR / sizeof(T)))

/* sum[m][2 vectors] += over all positions: x[offset[m]] times d's two vectors. `packed`: the offsets follow each
 * other. m is constant at each call, so that the sums stay in registers. */
static inline __attribute__((always_inline)) void NAME(block)(const kv_filter_tile *t, int m, bool packed,
                                                              const int64_t *offset, const T *x, const T *d, T *sum) {
  V a[ROWS], b[ROWS];
  for (int i = 0; i < m; i++) a[i] = ((V *)(sum + i * 2 * LENGTH))[0], b[i] = ((V *)(sum + i * 2 * LENGTH))[1];
  for (int64_t row = 0; row < t->images * t->rows; row++) {
    const T *p = x + row / t->rows * t->x_image + row % t->rows * t->x_row;
    for (int64_t k = 0; k < t->n; k++, p += t->x_step, d += 2 * LENGTH) {
      V d0 = ((const V *)d)[0], d1 = ((const V *)d)[1];
#pragma GCC unroll 16
      for (int i = 0; i < m; i++) {
        V v = NAME(SAME)(packed ? p[i] : p[offset[i]]);
        a[i] = NAME(FUSED)(v, d0, a[i]);
        b[i] = NAME(FUSED)(v, d1, b[i]);
      }
    }
  }
  for (int i = 0; i < m; i++) ((V *)(sum + i * 2 * LENGTH))[0] = a[i], ((V *)(sum + i * 2 * LENGTH))[1] = b[i];
}

/* Rows [first, first + m) of tap-and-channel against one panel of d. */
static void NAME(rows)(const kv_filter_tile *t, int64_t first, int m, const T *x, const T *d, T *sum) {
  int64_t offset[ROWS];
  for (int i = 0; i < m; i++) {
    int64_t r = first + i;
    offset[i] = r / t->lanes * t->tap_step + r % t->lanes;
  }
  if (m == ROWS && offset[ROWS - 1] == offset[0] + ROWS - 1) {
    NAME(block)(t, ROWS, true, offset, x + offset[0], d, sum);
    return;
  }
  switch (m) {
#define CASE(k)                                                                                                        \
  case k:                                                                                                              \
    NAME(block)(t, k, false, offset, x, d, sum);                                                                       \
    break;
    CASE(1)
    CASE(2)
    CASE(3)
    CASE(4)
#if ROWS > 4
    CASE(5)
    CASE(6)
    CASE(7)
    CASE(8)
#endif
#undef CASE
  }
}

static void NAME(products)(const kv_filter_tile *t) {
  int64_t all = t->taps * t->lanes, width = 2 * LENGTH;
  for (int64_t j = 0; j < t->d_panels; j++) {
    const T *d = (const T *)t->d + j * t->images * t->rows * t->n * width;
    T *sum = (T *)t->sum + j * t->sum_step;
    for (int64_t i = 0; i < t->x_panels; i++)
      for (int64_t r = 0; r < all; r += ROWS) NAME(rows)
    (t, r, (int)(all - r < ROWS ? all - r : ROWS), (const T *)t->x + i * t->x_panel, d, sum + (i * all + r) * width);
  }
}

/* Up to three taps at once share what they read of d. */
static inline __attribute__((always_inline)) void NAME(taps)(const kv_filter_tile *t, int m, const T *x, const T *d,
                                                             T *sum) {
  enum { PARTS = KV_FILTER_LANES * sizeof(T) / VECTOR };
  V s[3][PARTS];
  for (int i = 0; i < m; i++)
    for (int k = 0; k < PARTS; k++) s[i][k] = ((V *)(sum + i * KV_FILTER_LANES))[k];
  for (int64_t row = 0; row < t->images * t->rows; row++) {
    const T *p = x + row / t->rows * t->x_image + row % t->rows * t->x_row;
    for (int64_t k = 0; k < t->n; k++, p += t->x_step, d += KV_FILTER_LANES)
#pragma GCC unroll 8
      for (int v = 0; v < PARTS; v++) {
        V dv = ((const V *)d)[v];
#pragma GCC unroll 4
        for (int i = 0; i < m; i++) s[i][v] = NAME(FUSED)(((const V *)(p + i * t->tap_step))[v], dv, s[i][v]);
      }
  }
  for (int i = 0; i < m; i++)
    for (int k = 0; k < PARTS; k++) ((V *)(sum + i * KV_FILTER_LANES))[k] = s[i][k];
}

static void NAME(depthwise)(const kv_filter_tile *t) {
  for (int64_t i = 0; i < t->x_panels; i++) {
    const T *x = (const T *)t->x + i * t->x_panel,
            *d = (const T *)t->d + i * t->images * t->rows * t->n * KV_FILTER_LANES;
    T *sum = (T *)t->sum + i * t->sum_step;
    for (int64_t k = 0; k < t->taps; k += 3) {
      const T *p = x + k * t->tap_step;
      T *to = sum + k * KV_FILTER_LANES;
      if (t->taps - k >= 3)
        NAME(taps)(t, 3, p, d, to);
      else if (t->taps - k == 2)
        NAME(taps)(t, 2, p, d, to);
      else
        NAME(taps)(t, 1, p, d, to);
    }
  }
}

#undef V
#undef LENGTH
#undef T
#undef NAME
