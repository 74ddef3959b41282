/* One run of every kernel of kernels.def, with all its functions, on generated data: run_NAME(kernel, cases). The test
 * compares what the levels give (test_kernels.c), the bench takes the time (bench/kernels.c). */
#ifndef KVINO_TESTS_KERNEL_CASES_H
#define KVINO_TESTS_KERNEL_CASES_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/order/order.h"

/* Results of one call: n elements of `dtype` at `offset` of `out`; they may differ by `near` times their size. */
typedef struct span {
  kvino_dtype dtype;
  size_t n, offset;
  double near;
} span;

typedef struct cases {
  int64_t n;        /* elements of an operand */
  char *operand[3]; /* random bytes, 16 n */
  float *f32[2];    /* numbers from 0.5 to 8, 2 n; f64 likewise */
  double *f64[2];
  char *y, *work; /* where kernels write: 32 n + 65536 bytes each */
  bool keep;      /* whether results are recorded */
  char *out;
  size_t used, room, n_spans;
  span *spans;
} cases;

static inline uint64_t case_bits(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  return *state ^= *state << 17;
}

static inline cases *cases_new(int64_t n, uint64_t seed, bool keep) {
  cases *c = calloc(1, sizeof *c);
  uint64_t state = seed * 2654435761u + 88172645463325252u;
  size_t room = (size_t)n * 32 + 65536;
  c->n = n;
  c->keep = keep;
  for (int i = 0; i < 3; i++) {
    c->operand[i] = malloc((size_t)n * 16 + 64);
    for (int64_t k = 0; k < n * 16 + 64; k++) c->operand[i][k] = (char)(case_bits(&state) >> 40);
  }
  for (int i = 0; i < 2; i++) {
    c->f32[i] = malloc((size_t)(2 * n + 16) * sizeof(float));
    c->f64[i] = malloc((size_t)(2 * n + 16) * sizeof(double));
    for (int64_t k = 0; k < 2 * n + 16; k++) {
      c->f64[i][k] = 0.5 + (double)(case_bits(&state) >> 20) / (double)(UINT64_C(1) << 44) * 7.5;
      c->f32[i][k] = (float)c->f64[i][k];
    }
  }
  c->y = malloc(room);
  c->work = malloc(room);
  return c;
}

static inline void cases_free(cases *c) {
  for (int i = 0; i < 3; i++) free(c->operand[i]);
  for (int i = 0; i < 2; i++) free(c->f32[i]), free(c->f64[i]);
  free(c->y);
  free(c->work);
  free(c->out);
  free(c->spans);
  free(c);
}

static inline void record(cases *c, kvino_dtype dtype, int64_t n, const void *values, double near) {
  size_t bytes = (size_t)n * kvino_dtype_size(dtype);
  if (!c->keep || !bytes) return;
  if (c->used + bytes > c->room) c->out = realloc(c->out, c->room = 2 * (c->used + bytes));
  c->spans = realloc(c->spans, (c->n_spans + 1) * sizeof *c->spans);
  c->spans[c->n_spans++] = (span){dtype, (size_t)n, c->used, near};
  memcpy(c->out + c->used, values, bytes);
  c->used += bytes;
}

/* An operand as elements of a dtype: numbers for floats, any bits for the rest. */
static inline const void *elements(const cases *c, int operand, kvino_dtype dtype) {
  switch (dtype) {
  case KVINO_F32:
  case KVINO_C64:
    return c->f32[operand & 1];
  case KVINO_F64:
  case KVINO_C128:
    return c->f64[operand & 1];
  default:
    return c->operand[operand];
  }
}

/* ---- elementwise ---- */

static inline bool in_core(kvino_dtype t) { return t <= KVINO_I64 || t == KVINO_F32 || t == KVINO_F64; }

static inline void run_kv_convert(const kv_convert_kernels *k, cases *c) {
  for (int from = 0; from < KVINO_C64; from++)
    for (int to = 0; to < KVINO_C64; to++) {
      kvino_dtype a = (kvino_dtype)from, b = (kvino_dtype)to;
      const void *x = elements(c, 0, a);
      if (in_core(a) && in_core(b) && a != b)
        k->core(a, x, b, c->y, (size_t)c->n);
      else if (!in_core(a) && b == KVINO_F32)
        k->widen(a, x, (float *)c->y, (size_t)c->n);
      else if (a == KVINO_F32 && !in_core(b))
        k->narrow(x, b, c->y, (size_t)c->n);
      else
        continue;
      record(c, b, c->n, c->y, 0);
    }
  static const kvino_dtype wide[] = {KVINO_F64, KVINO_I64, KVINO_U64};
  for (int i = 0; i < 3; i++) {
    k->odd(wide[i], elements(c, 0, wide[i]), (float *)c->y, (size_t)c->n);
    record(c, KVINO_F32, c->n, c->y, 0);
  }
}

static inline void run_kv_loops(kv_loop_table *k, cases *c) {
  static const kv_loop_params params = {{1.5, 4.5}, {1, 2}};
  for (int id = 0; id < KV_LOOP_COUNT; id++)
    for (int t = 0; t <= KVINO_C128; t++) {
      kvino_dtype dtype = (kvino_dtype)t;
      if (!(*k)[id] || !kv_loop_takes((kv_loop_id)id, dtype)) continue;
      memset(c->y, 0, (size_t)c->n * 16); /* what a loop computes in another dtype, it leaves */
      (*k)[id](dtype, c->y, elements(c, 0, dtype), elements(c, 1, dtype), elements(c, 2, dtype), (size_t)c->n, &params);
      record(c, kv_loop_result((kv_loop_id)id, dtype), c->n, c->y, 0);
    }
}

/* Where a level has none, the mathematical library. */
static inline void run_kv_loops_sleef(kv_sleef_table *k, cases *c) {
  static const kv_loop_params params = {{1.5, 4.5}, {1, 2}};
  for (int id = 0; id < KV_LOOP_COUNT; id++)
    for (int wide = 0; wide < 2; wide++) {
      kvino_dtype dtype = wide ? KVINO_F64 : KVINO_F32;
      if (!KV_BEST(kv_loops_sleef)[id][wide]) continue;
      kv_elementwise_loop *loop = (*k)[id][wide]      ? (*k)[id][wide]
                                  : kv_loops_math[id] ? kv_loops_math[id]
                                                      : kv_loops_scalar[id];
      loop(dtype, c->y, elements(c, 0, dtype), elements(c, 1, dtype), elements(c, 0, dtype), (size_t)c->n, &params);
      record(c, dtype, c->n, c->y, wide ? 1e-14 : 1e-6);
    }
}

static inline void run_kv_select(kv_select_loop *k, cases *c) {
  static const kvino_dtype dtypes[] = {KVINO_U8, KVINO_U16, KVINO_U32, KVINO_U64, KVINO_C128};
  for (int i = 0; i < 5; i++) {
    size_t size = kvino_dtype_size(dtypes[i]);
    k(size, c->y, (const uint8_t *)c->operand[2], c->operand[0], c->operand[1], (size_t)c->n);
    record(c, KVINO_U8, c->n * (int64_t)size, c->y, 0);
  }
}

/* ---- reduce ---- */

static inline void run_kv_reduce_loops(const kv_reduce_table *k, cases *c) {
  for (int op = 0; op < KV_REDUCE_MEAN; op++)
    for (int t = 0; t <= KVINO_C128; t++) {
      kvino_dtype dtype = (kvino_dtype)t;
      const kv_reduce_kernel *kernel = &(*k)[op][t];
      kv_reducer r;
      if (!kernel->row || kv_reducer_init(&r, (kv_reduce_op)op, dtype, NULL)) continue;
      const char *x = elements(c, 0, dtype);
      char out[16], slots[4 * KV_REDUCE_SLOT] __attribute__((aligned(64)));
      kv_reduce_begin(&r, slots, 1, 1);
      kernel->row(x, c->n, slots, 1);
      kv_reduce_finish(&r, slots, 1, 1, (double)c->n, out, 16);
      record(c, dtype, 1, out, 0);
      int64_t size = (int64_t)kvino_dtype_size(dtype), columns = c->n < 4 ? c->n : 4,
              rows = columns ? c->n / columns : 0;
      kv_reduce_begin(&r, slots, columns, 4);
      kernel->columns(x, columns * size, rows, columns, slots, 4);
      kv_reduce_finish(&r, slots, 4, columns, (double)rows, c->y, size);
      record(c, dtype, columns, c->y, 0);
      if (!kernel->find) continue;
      int64_t place = kernel->find(x, c->n, x + c->n / 2 * size);
      record(c, KVINO_I64, 1, &place, 0);
    }
}

static inline void run_kv_extreme(kv_extreme_loop *k, cases *c) {
  int64_t index[KV_EXTREME_COLUMNS];
  for (int t = 0; t <= KVINO_C128 && c->n >= 8; t++) {
    int64_t size = (int64_t)kvino_dtype_size((kvino_dtype)t);
    for (int greatest = 0; greatest < 2; greatest++) {
      k((kvino_dtype)t, c->n, 1, size, elements(c, 0, (kvino_dtype)t), greatest, index);
      record(c, KVINO_I64, 1, index, 0);
      k((kvino_dtype)t, c->n / 8, 8, 8 * size, c->operand[0], greatest, index);
      record(c, KVINO_I64, 8, index, 0);
    }
  }
}

static inline void run_kv_normalize(const kv_normalize_kernels *k, cases *c) {
  const double *top = c->f64[0], *factor = c->f64[1];
  for (int wide = 0; wide < 2; wide++) {
    kvino_dtype dtype = wide ? KVINO_F64 : KVINO_F32;
    const void *x = elements(c, 0, dtype);
    k->exp_row[wide](x, c->n, 8, c->y);
    record(c, dtype, c->n, c->y, 0);
    k->exp_columns[wide](x, c->n, top, c->y);
    record(c, dtype, c->n, c->y, 0);
    k->affine_row[wide](x, c->n, 1.5, 0.7, 3, c->y);
    record(c, dtype, c->n, c->y, 0);
    k->affine_columns[wide](x, c->n, top, factor, top, c->y);
    record(c, dtype, c->n, c->y, 0);
    double spread = k->spread[wide](x, c->n, 4);
    record(c, KVINO_F64, 1, &spread, 0);
  }
}

/* ---- nonzero ---- */

static inline void run_kv_nz(const kv_nz_kernels *k, cases *c) {
  uint64_t words[KV_NZ_BLOCK_WORDS];
  uint16_t list[KV_NZ_LIST], remainder[KV_NZ_LIST];
  uint8_t counts[KV_NZ_BLOCK + 64] = {0};
  for (int64_t at = 0; at < c->n; at += KV_NZ_BLOCK) {
    int64_t n = c->n - at < KV_NZ_BLOCK ? c->n - at : KV_NZ_BLOCK;
    for (int width = 0; width < KV_NZ_WIDTHS; width++) {
      const char *x = c->operand[width % 3] + (at << width);
      int64_t set = k->mask[width](x, n, UINT64_C(0x0101010101010101) << 2, words),
              same = k->count[width](x, n, UINT64_MAX);
      int found = k->decode(words, (int)((n + 63) / 64), list);
      record(c, KVINO_I64, 1, &set, 0);
      record(c, KVINO_I64, 1, &same, 0);
      record(c, KVINO_U16, found, list, 0);
      k->tally(words, (int)n, counts);
      for (int wide = 0; wide < 2; wide++) {
        k->widen[wide](list, found, at, c->y, false);
        record(c, wide ? KVINO_I64 : KVINO_I32, found, c->y, 0);
        k->fill[wide](c->y, (int)n, at, true);
        k->drain();
        record(c, wide ? KVINO_I64 : KVINO_I32, n, c->y, 0);
      }
      k->divide(list, found, 3, (kv_nz_divisor){7, 18725, 1}, remainder);
      record(c, KVINO_U16, found, list, 0);
      record(c, KVINO_U16, found, remainder, 0);
    }
    record(c, KVINO_U8, n, counts, 0);
    int64_t bits = k->bits(words, (n + 63) / 64);
    record(c, KVINO_I64, 1, &bits, 0);
    k->fields(words, (int)(n / 7), 7, counts);
    record(c, KVINO_U8, n / 7, counts, 0);
    memset(counts, 0, sizeof counts);
  }
}

/* ---- order ---- */

static inline int by_order_f32(const void *a, const void *b) {
  return kv_order_compare(kv_order_key(KVINO_F32, a), kv_order_key(KVINO_F32, b));
}

static inline void run_kv_search(kv_search_loop *k, cases *c) {
  int64_t n = c->n / 4;
  memcpy(c->work, c->f32[0], (size_t)n * sizeof(float));
  qsort(c->work, (size_t)n, sizeof(float), by_order_f32);
  for (int right = 0; right < 2; right++)
    for (int narrow = 0; narrow < 2; narrow++) {
      k(KVINO_F32, c->work, n, (const char *)c->f32[1], c->n, right, narrow, c->y);
      record(c, narrow ? KVINO_I32 : KVINO_I64, c->n, c->y, 0);
    }
  for (int64_t i = 0; i < n; i++) ((int16_t *)c->work)[i] = (int16_t)(i / 3 - 100);
  k(KVINO_I16, c->work, n < 32000 ? n : 32000, c->operand[0], c->n, false, false, c->y);
  record(c, KVINO_I64, c->n, c->y, 0);
}

/* Where a level has no network, plain insertion. */
static inline void insertion_sort(kvino_dtype dtype, int64_t n, const char *x, bool descending, char *values,
                                  int64_t *place) {
  size_t size = kvino_dtype_size(dtype);
  for (int64_t i = 0; i < n; i++) {
    int64_t at = i;
    for (; at > 0; at--) {
      int order = kv_order_compare(kv_order_key(dtype, x + place[at - 1] * (int64_t)size),
                                   kv_order_key(dtype, x + i * (int64_t)size));
      if (descending ? order >= 0 : order <= 0) break;
      place[at] = place[at - 1];
    }
    place[at] = i;
  }
  for (int64_t i = 0; i < n; i++) memcpy(values + i * (int64_t)size, x + place[i] * (int64_t)size, size);
}

static inline void run_kv_short_sorts(const kv_short_sorts *k, cases *c) {
  int64_t n = c->n < KV_SHORT_ROW ? c->n : KV_SHORT_ROW, *place = (int64_t *)c->y;
  for (int t = 0; t <= KVINO_F64; t++) {
    kvino_dtype dtype = (kvino_dtype)t;
    if (dtype == KVINO_BOOL || (!kvino_dtype_is_integer(dtype) && dtype < KVINO_F32)) continue;
    for (int descending = 0; descending < 2; descending++) {
      const char *x = elements(c, 0, dtype);
      if (k->values) {
        k->values(dtype, n, x, descending, c->work);
        k->places(dtype, n, x, descending, place);
      } else {
        insertion_sort(dtype, n, x, descending, c->work, place);
      }
      record(c, dtype, n, c->work, 0);
      record(c, KVINO_I64, n, place, 0);
    }
  }
}

/* ---- window: levels that have fused multiply-adds round less often ---- */

static inline void run_kv_taps(const kv_taps *k, cases *c) {
  const float *x32[5], *w32[5];
  const double *x64[5], *w64[5];
  for (int t = 0; t < 5; t++) {
    x32[t] = c->f32[0] + t, x64[t] = c->f64[0] + t;
    w32[t] = c->f32[1] + 3 * t, w64[t] = c->f64[1] + 3 * t;
  }
  k->each_f32((float *)c->y, c->n, 5, x32, w32);
  record(c, KVINO_F32, c->n, c->y, 1e-6);
  k->one_f32((float *)c->y, c->n, 5, x32, w32);
  record(c, KVINO_F32, c->n, c->y, 1e-6);
  k->each_f64((double *)c->y, c->n, 5, x64, w64);
  record(c, KVINO_F64, c->n, c->y, 1e-14);
  k->one_f64((double *)c->y, c->n, 5, x64, w64);
  record(c, KVINO_F64, c->n, c->y, 1e-14);
}

/* The number of d's channels in a panel differs from level to level: one tap, d's channels all alike, the first kept.
 */
static inline void run_kv_filter(const kv_filter_kernels *k, cases *c) {
  enum { LANES = 4 };
  for (int wide = 0; wide < 2; wide++) {
    kvino_dtype dtype = wide ? KVINO_F64 : KVINO_F32;
    int64_t width = k->width[wide], n = c->n / 64, size = wide ? 8 : 4;
    if (!n) continue;
    for (int64_t i = 0; i < n * width; i++)
      if (wide)
        ((double *)c->work)[i] = c->f64[1][i / width];
      else
        ((float *)c->work)[i] = c->f32[1][i / width];
    kv_filter_tile t = {.images = 1,
                        .rows = 1,
                        .n = n,
                        .taps = 1,
                        .tap_step = LANES,
                        .lanes = LANES,
                        .x_panels = 1,
                        .x_panel = n * LANES,
                        .x_image = n * LANES,
                        .x_row = n * LANES,
                        .x_step = LANES,
                        .d_panels = 1,
                        .x = elements(c, 0, dtype),
                        .d = c->work,
                        .sum = c->y,
                        .sum_step = LANES * width};
    memset(c->y, 0, (size_t)(LANES * width * size));
    k->products[wide](&t);
    for (int lane = 0; lane < LANES; lane++) record(c, dtype, 1, c->y + lane * width * size, wide ? 1e-13 : 1e-5);
    t.d = elements(c, 1, dtype);
    t.sum_step = LANES;
    memset(c->y, 0, (size_t)(LANES * size));
    k->depthwise[wide](&t);
    record(c, dtype, LANES, c->y, wide ? 1e-13 : 1e-5);
  }
}

static inline void run_kv_pool_back(kv_pool_back_table *k, cases *c) {
  enum { TAPS = 4 };
  for (int wide = 0; wide < 2; wide++) {
    kvino_dtype dtype = wide ? KVINO_F64 : KVINO_F32;
    const char *x = elements(c, 0, dtype), *d = elements(c, 1, dtype);
    int64_t size = wide ? 8 : 4, lanes = KV_POOL_BACK_LANES, bytes = TAPS * lanes * size;
    const int64_t at[TAPS] = {0, lanes, 2 * lanes, 3 * lanes};
    for (int64_t first = 0; first + TAPS * lanes <= c->n; first += TAPS * lanes) {
      int64_t n = lanes - first / (TAPS * lanes) % 7;
      memset(c->y, 0, (size_t)bytes);
      (*k)[wide].max(x + first * size, at, TAPS, n, d, c->y);
      record(c, dtype, TAPS * lanes, c->y, 0);
      (*k)[wide].mean(at, TAPS, n, d, 3, c->y);
      record(c, dtype, TAPS * lanes, c->y, 0);
      (*k)[wide].gather(x + first * size, at, TAPS, n, d, c->y);
      record(c, dtype, n, c->y, 0);
    }
  }
}

/* ---- linear algebra, signal, image ---- */

static inline void run_kv_gemm_integers(const kv_gemm_table *k, cases *c) {
  static const kvino_dtype dtypes[] = {KVINO_U8, KVINO_U16, KVINO_U32, KVINO_U64};
  int64_t n = (int64_t)sqrt((double)c->n);
  kv_matrix a = {c->operand[0], n, n, 1, n}, b = {c->operand[1], n, n, n, 1};
  for (int i = 0; i < 4; i++) {
    (*k)[i](a, b, c->y, n);
    record(c, dtypes[i], n * n, c->y, 0);
  }
}

static inline void run_kv_gemm_bytes(const kv_bytes_kernels *k, cases *c) {
  int64_t n = (int64_t)sqrt((double)c->n);
  const int8_t *a = (const int8_t *)c->operand[0];
  for (int kind = 0; kind < 3; kind++)
    for (int turned = 0; turned < 2; turned++) {
      /* what does not know the instruction is compared by its other loops */
      const kv_bytes_kernel *kernel = &k->plain;
      if (kind == 1 && k->has_dots && k->has_dots()) kernel = &k->dots;
      if (kind == 2 && k->has_tiles && k->has_tiles()) kernel = &k->tiles;
      int64_t each = (int64_t)kernel->unit * kernel->multiple, units = (n + each - 1) / each * kernel->multiple;
      int32_t *room = calloc((size_t)(n * (units + 1)), sizeof *room), *start = room + n * units;
      for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
          if (kernel->unit == 4)
            ((int8_t *)(room + i * units))[j] = a[i * n + j];
          else
            ((int16_t *)(room + i * units))[j] = a[i * n + j];
          start[i] -= kernel->surplus * a[i * n + j];
        }
      kernel->panel(&(kv_bytes_panel){.rows = n,
                                      .depth = n,
                                      .columns = n,
                                      .a = room,
                                      .a_step = units,
                                      .start = start,
                                      .b = (const int8_t *)c->operand[1],
                                      .b_row = turned ? 1 : n,
                                      .b_column = turned ? n : 1,
                                      .y = (int32_t *)c->y,
                                      .y_step = n});
      record(c, KVINO_I32, n * n, c->y, 0);
      free(room);
    }
}

static inline void run_kv_narrow(const kv_narrow_table *k, cases *c) {
  int64_t n = (int64_t)sqrt((double)c->n);
  uint16_t *half = (uint16_t *)c->work;
  for (int64_t i = 0; i < n * n; i++) memcpy(&half[i], (char *)&c->f32[1][i] + 2, sizeof *half);
  for (int64_t rows = 1; rows <= 5; rows++)
    for (int by_columns = 0; by_columns < 2; by_columns++)
      for (int dtype = 0; dtype < 2; dtype++) {
        kv_matrix a = {c->f32[0], rows, n, n, 1};
        kv_matrix b = {dtype ? (void *)half : (void *)c->f32[1], n, n, by_columns ? 1 : n, by_columns ? n : 1};
        if (rows > n) continue;
        (*k)[by_columns][dtype](&a, &b, (float *)c->y, n);
        record(c, KVINO_F32, rows * n, c->y, 1e-5);
      }
}

static inline void run_kv_sparse_rows(const kv_sparse_rows_kernels *k, cases *c) {
  int32_t *pairs = (int32_t *)c->work, *rows = pairs + 64, *columns = rows + 32, splits[9];
  for (int r = 0; r < 9; r++) splits[r] = r * r / 2; /* some rows without entries */
  for (int r = 0, e = 0; r < 8; r++)
    for (; e < splits[r + 1]; e++) pairs[2 * e] = r, pairs[2 * e + 1] = (5 * e) % 8;
  static const int64_t bounds[][4] = {{32, 0, 8, 8}, {31, 1, 8, 8}, {32, 2, 8, 8},
                                      {32, 0, 7, 8}, {32, 0, 8, 7}, {0, 0, 8, 8}};
  for (int i = 0; i < 6 && c->n >= 64; i++) {
    int32_t fits = k->unzip(pairs, bounds[i][0], bounds[i][1], bounds[i][2], bounds[i][3], rows, columns);
    record(c, KVINO_I32, 1, &fits, 0);
  }
  for (int64_t width = 1; c->n >= 64 && width <= c->n / 8 && width <= 70; width += 23) {
    k->unzip(pairs, 32, 0, 8, 8, rows, columns);
    for (int more = 0; more < 2; more++) { /* the second time added to the first row */
      k->multiply[KV_SPARSE_F32](width, 8, more, splits, columns, c->f32[0], c->f32[1], c->y);
      record(c, KVINO_F32, 8 * width, c->y, 1e-5);
    }
    k->multiply[KV_SPARSE_F64](width, 8, false, splits, columns, c->f64[0], c->f64[1], c->y);
    record(c, KVINO_F64, 8 * width, c->y, 1e-13);
    k->multiply[KV_SPARSE_32](width, 8, false, splits, columns, c->operand[0], c->operand[1], c->y);
    record(c, KVINO_I32, 8 * width, c->y, 0);
    k->multiply[KV_SPARSE_64](width, 8, false, splits, columns, c->operand[0], c->operand[1], c->y);
    record(c, KVINO_I64, 8 * width, c->y, 0);
  }
}

static inline void run_kv_fft_pass(kv_fft_pass_loop *k, cases *c) {
  static const int64_t radices[] = {2, 3, 4, 5, 7, 31};
  for (int i = 0; i < 6; i++)
    for (int64_t stride = 1; stride <= 8; stride *= 8) {
      int64_t radix = radices[i], m = c->n / (radix * stride);
      double *re = (double *)c->y, *im = re + c->n;
      kv_fft_pass t = {radix, m, stride, c->f64[1], c->f64[0], c->f64[0], c->f64[1], re, im};
      if (!m) continue;
      k(&t, 0, m, 0, stride);
      record(c, KVINO_F64, radix * m * stride, re, 0);
      record(c, KVINO_F64, radix * m * stride, im, 0);
    }
}

#define RUN_IMAGE(bits, T, DTYPE)                                                                                      \
  static inline void run_kv_color_f##bits(kv_color_f##bits *k, cases *c) {                                             \
    T *x = (T *)c->work;                                                                                               \
    for (int64_t i = 0; i < c->n; i++) x[i] = c->f##bits[0][i] / 8;                                                    \
    for (int to_hsv = 0; to_hsv < 2; to_hsv++) {                                                                       \
      memset(c->y, 0, (size_t)c->n * sizeof(T));                                                                       \
      k(to_hsv, (T *)c->y, x, c->n / 3, 3, 1, (T)1e-3);                                                                \
      record(c, DTYPE, c->n / 3 * 3, c->y, 0);                                                                         \
      k(to_hsv, (T *)c->y, x, c->n / 3, 1, c->n / 3, (T)1e-3);                                                         \
      record(c, DTYPE, c->n / 3 * 3, c->y, 0);                                                                         \
    }                                                                                                                  \
  }                                                                                                                    \
  static inline void run_kv_resample_f##bits(kv_resample_f##bits *k, cases *c) {                                       \
    k((T *)c->y, c->f##bits[0], c->n, 5, c->f##bits[1], 3);                                                            \
    record(c, DTYPE, c->n, c->y, 0);                                                                                   \
  }
RUN_IMAGE(32, float, KVINO_F32)
RUN_IMAGE(64, double, KVINO_F64)
#undef RUN_IMAGE

#endif
