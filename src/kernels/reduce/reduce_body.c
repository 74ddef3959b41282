/* The inner loops of reductions. Additions of floats go to 32 fixed lanes, whatever the width
 * of the registers: the results are the same at every level. */
#include "kernels/level.h"
#include <complex.h>
#include <math.h>
#include <string.h>

#include "kernels/reduce/reduce_kernels.h"

#if KV_LEVEL_BYTES > 16
#include <immintrin.h>
#endif

enum {
  LANES = 32,
  BLOCK = 512,                                    /* f64 elements that are added plainly before the error is taken */
  DOUBLES = KV_LEVEL_BYTES / (int)sizeof(double), /* in a register */
  REGISTERS = LANES / DOUBLES
};

typedef double vdouble __attribute__((vector_size(KV_LEVEL_BYTES)));
typedef int64_t vmask64 __attribute__((vector_size(KV_LEVEL_BYTES)));
typedef float vfloat __attribute__((vector_size(KV_LEVEL_BYTES)));
typedef int32_t vmask32 __attribute__((vector_size(KV_LEVEL_BYTES)));
typedef float vhalf __attribute__((vector_size(KV_LEVEL_BYTES / 2))); /* as many floats as a register has doubles */

#define UNUSED __attribute__((unused))

/* ---- what an operation does with an element: on vectors (v) and on scalars ---- */

#define PLAIN(x) (x)
#define SQUARE(x) ((x) * (x))
#define MAGNITUDE(x) fabs(x)
#define VMAGNITUDE(x) ((vdouble)((vmask64)(x)&INT64_MAX))
#define ADD(a, x) ((a) + (x))
#define MULTIPLY(a, x) ((a) * (x))

/* ---- rows of floats: `parts` is 2 for complex numbers, whose parts are added apart ---- */

/* The registers' sums or products in lanes[0 .. parts - 1]: half with half, first whole registers, then lanes. */
#define FOLD(COMBINE, parts)                                                                                           \
  for (int half = REGISTERS / 2; half >= 1; half /= 2)                                                                 \
    _Pragma("GCC unroll 8") for (int k = 0; k < half; k++) sum[k] = COMBINE(sum[k], sum[k + half]);                    \
  double lanes[DOUBLES];                                                                                               \
  memcpy(lanes, sum, sizeof lanes);                                                                                    \
  _Pragma("GCC unroll 4") for (int half = DOUBLES / 2; half >= (parts); half /= 2) for (int j = 0; j < half; j++)      \
      lanes[j] = COMBINE(lanes[j], lanes[j + half]);

/* f32 in double precision; NARROW comes before, in f32. */
#define ROW_WIDE(name, identity, NARROW, VMAP, MAP, COMBINE, parts)                                                    \
  static void row_##name(const char *p, int64_t n, void *state, int64_t width UNUSED) {                                \
    double *s = state;                                                                                                 \
    const float *x = (const float *)p;                                                                                 \
    int64_t i = 0;                                                                                                     \
    n *= (parts);                                                                                                      \
    if (n >= LANES) {                                                                                                  \
      vdouble sum[REGISTERS];                                                                                          \
      for (int k = 0; k < REGISTERS; k++) sum[k] = (vdouble){0} + (identity);                                          \
      for (; i + LANES <= n; i += LANES) _Pragma("GCC unroll 16") for (int k = 0; k < REGISTERS; k++) {                \
          vhalf narrow;                                                                                                \
          memcpy(&narrow, x + i + k * DOUBLES, sizeof narrow);                                                         \
          vdouble v = __builtin_convertvector(NARROW(narrow), vdouble);                                                \
          sum[k] = COMBINE(sum[k], VMAP(v));                                                                           \
        }                                                                                                              \
      FOLD(COMBINE, parts)                                                                                             \
      for (int q = 0; q < (parts); q++) s[q] = COMBINE(s[q], lanes[q]);                                                \
    }                                                                                                                  \
    for (; i < n; i++) {                                                                                               \
      double v = NARROW(x[i]);                                                                                         \
      s[i % (parts)] = COMBINE(s[i % (parts)], MAP(v));                                                                \
    }                                                                                                                  \
  }
ROW_WIDE(sum_f32, 0.0, PLAIN, PLAIN, PLAIN, ADD, 1)
ROW_WIDE(sum_c64, 0.0, PLAIN, PLAIN, PLAIN, ADD, 2)
ROW_WIDE(l1_f32, 0.0, PLAIN, VMAGNITUDE, MAGNITUDE, ADD, 1)
ROW_WIDE(l2_f32, 0.0, PLAIN, SQUARE, SQUARE, ADD, 1)
ROW_WIDE(squares_f32, 0.0, SQUARE, PLAIN, PLAIN, ADD, 1)
ROW_WIDE(prod_f32, 1.0, PLAIN, PLAIN, PLAIN, MULTIPLY, 1)

/* *sum += x, and what the rounding took away goes to *error. Exact by Knuth's TwoSum; needs IEEE addition as written.
 */
static inline void add_exactly(double *sum, double *error, double x) {
  double s = *sum, t = s + x, b = t - s;
  *error += (s - (t - b)) + (x - b);
  *sum = t;
}

#define ROW_COMPENSATED(name, VMAP, MAP, parts)                                                                        \
  static void row_##name(const char *p, int64_t n, void *state, int64_t width) {                                       \
    double *s = state, *error = s + (parts)*width;                                                                     \
    const double *x = (const double *)p;                                                                               \
    int64_t i = 0;                                                                                                     \
    n *= (parts);                                                                                                      \
    while (n - i >= LANES) {                                                                                           \
      int64_t end = i + (n - i >= BLOCK ? BLOCK : (n - i) / LANES * LANES);                                            \
      vdouble sum[REGISTERS];                                                                                          \
      for (int k = 0; k < REGISTERS; k++) sum[k] = (vdouble){0};                                                       \
      for (; i < end; i += LANES) _Pragma("GCC unroll 16") for (int k = 0; k < REGISTERS; k++) {                       \
          vdouble v;                                                                                                   \
          memcpy(&v, x + i + k * DOUBLES, sizeof v);                                                                   \
          sum[k] += VMAP(v);                                                                                           \
        }                                                                                                              \
      FOLD(ADD, parts)                                                                                                 \
      for (int q = 0; q < (parts); q++) add_exactly(&s[q], &error[q], lanes[q]);                                       \
    }                                                                                                                  \
    for (; i < n; i++) add_exactly(&s[i % (parts)], &error[i % (parts)], MAP(x[i]));                                   \
  }
ROW_COMPENSATED(sum_f64, PLAIN, PLAIN, 1)
ROW_COMPENSATED(sum_c128, PLAIN, PLAIN, 2)
ROW_COMPENSATED(l1_f64, VMAGNITUDE, MAGNITUDE, 1)
ROW_COMPENSATED(l2_f64, SQUARE, SQUARE, 1)

static void row_prod_f64(const char *p, int64_t n, void *state, int64_t width UNUSED) {
  const double *x = (const double *)p;
  double lanes[8] = {1, 1, 1, 1, 1, 1, 1, 1}, *s = state;
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int j = 0; j < 8; j++) lanes[j] *= x[i + j];
  for (int j = 0; i < n; i++, j++) lanes[j] *= x[i];
  *s *= ((lanes[0] * lanes[1]) * (lanes[2] * lanes[3])) * ((lanes[4] * lanes[5]) * (lanes[6] * lanes[7]));
}

/* Complex products by the formula, as NumPy: C's operator would recover infinities. */
#define COMPLEX_PRODUCT(dtype, T)                                                                                      \
  static void columns_prod_##dtype(const char *p, int64_t step, int64_t rows, int64_t n, void *state,                  \
                                   int64_t width UNUSED) {                                                             \
    double *s = state;                                                                                                 \
    for (int64_t r = 0; r < rows; r++, p += step) {                                                                    \
      const T *x = (const T *)p;                                                                                       \
      for (int64_t j = 0; j < n; j++) {                                                                                \
        double a = s[2 * j], b = s[2 * j + 1];                                                                         \
        s[2 * j] = a * x[2 * j] - b * x[2 * j + 1];                                                                    \
        s[2 * j + 1] = a * x[2 * j + 1] + b * x[2 * j];                                                                \
      }                                                                                                                \
    }                                                                                                                  \
  }                                                                                                                    \
  static void row_prod_##dtype(const char *p, int64_t n, void *state, int64_t width) {                                 \
    columns_prod_##dtype(p, (int64_t)(2 * sizeof(T)), n, 1, state, width);                                             \
  }
COMPLEX_PRODUCT(c64, float)
COMPLEX_PRODUCT(c128, double)

/* ---- maximum and minimum of floats: NaN, once in, stays; the comparisons with it are false. In fmax and fmin it goes
 * as soon as there is something else ---- */

#define NAN_STAYS(a, v) ((v) != (v))
#define NAN_GOES(a, v) ((a) != (a))

/* The last register overlaps the one before: an element may be taken twice. */
#define ROW_EXTREME(name, T, V, M, OP, NANS)                                                                           \
  static inline V pick_##name(V a, V v) {                                                                              \
    M take = (v OP a) | NANS(a, v);                                                                                    \
    return (V)(((M)v & take) | ((M)a & ~take));                                                                        \
  }                                                                                                                    \
  static inline V load_##name(const T *x) {                                                                            \
    V v;                                                                                                               \
    memcpy(&v, x, sizeof v);                                                                                           \
    return v;                                                                                                          \
  }                                                                                                                    \
  static void row_##name(const char *p, int64_t n, void *state, int64_t width UNUSED) {                                \
    enum { PER = KV_LEVEL_BYTES / (int)sizeof(T) };                                                                    \
    const T *x = (const T *)p;                                                                                         \
    T best = *(T *)state;                                                                                              \
    if (n < PER) {                                                                                                     \
      for (int64_t i = 0; i < n; i++) best = ((x[i] OP best) | NANS(best, x[i])) ? x[i] : best;                        \
      *(T *)state = best;                                                                                              \
      return;                                                                                                          \
    }                                                                                                                  \
    V a = load_##name(x + n - PER), b = a, c = a, d = a;                                                               \
    int64_t i = 0;                                                                                                     \
    for (; i + 4 * PER <= n; i += 4 * PER) {                                                                           \
      a = pick_##name(a, load_##name(x + i));                                                                          \
      b = pick_##name(b, load_##name(x + i + PER));                                                                    \
      c = pick_##name(c, load_##name(x + i + 2 * PER));                                                                \
      d = pick_##name(d, load_##name(x + i + 3 * PER));                                                                \
    }                                                                                                                  \
    for (; i + PER <= n; i += PER) a = pick_##name(a, load_##name(x + i));                                             \
    a = pick_##name(pick_##name(a, b), pick_##name(c, d));                                                             \
    T lanes[PER];                                                                                                      \
    memcpy(lanes, &a, sizeof lanes);                                                                                   \
    for (int half = PER / 2; half >= 1; half /= 2)                                                                     \
      for (int j = 0; j < half; j++)                                                                                   \
        lanes[j] = ((lanes[j + half] OP lanes[j]) | NANS(lanes[j], lanes[j + half])) ? lanes[j + half] : lanes[j];     \
    *(T *)state = ((lanes[0] OP best) | NANS(best, lanes[0])) ? lanes[0] : best;                                       \
  }
ROW_EXTREME(max_f32, float, vfloat, vmask32, >, NAN_STAYS)
ROW_EXTREME(min_f32, float, vfloat, vmask32, <, NAN_STAYS)
ROW_EXTREME(max_f64, double, vdouble, vmask64, >, NAN_STAYS)
ROW_EXTREME(min_f64, double, vdouble, vmask64, <, NAN_STAYS)
ROW_EXTREME(fmax_f32, float, vfloat, vmask32, >, NAN_GOES)
ROW_EXTREME(fmin_f32, float, vfloat, vmask32, <, NAN_GOES)
ROW_EXTREME(fmax_f64, double, vdouble, vmask64, >, NAN_GOES)
ROW_EXTREME(fmin_f64, double, vdouble, vmask64, <, NAN_GOES)

/* Complex numbers are ordered by the real, then by the imaginary part. */
#define COMPLEX_EXTREME(name, T, OP)                                                                                   \
  static void columns_##name(const char *p, int64_t step, int64_t rows, int64_t n, void *state,                        \
                             int64_t width UNUSED) {                                                                   \
    T *s = state;                                                                                                      \
    for (int64_t r = 0; r < rows; r++, p += step) {                                                                    \
      const T *x = (const T *)p;                                                                                       \
      for (int64_t j = 0; j < 2 * n; j += 2) {                                                                         \
        if (s[j] != s[j] || s[j + 1] != s[j + 1]) continue;                                                            \
        bool nan = x[j] != x[j] || x[j + 1] != x[j + 1];                                                               \
        if (nan || x[j] OP s[j] || (x[j] == s[j] && x[j + 1] OP s[j + 1])) s[j] = x[j], s[j + 1] = x[j + 1];           \
      }                                                                                                                \
    }                                                                                                                  \
  }                                                                                                                    \
  static void row_##name(const char *p, int64_t n, void *state, int64_t width) {                                       \
    columns_##name(p, (int64_t)(2 * sizeof(T)), n, 1, state, width);                                                   \
  }
COMPLEX_EXTREME(max_c64, float, >)
COMPLEX_EXTREME(min_c64, float, <)
COMPLEX_EXTREME(max_c128, double, >)
COMPLEX_EXTREME(min_c128, double, <)

/* ---- columns: the compiler makes vectors of these loops ---- */

/* Four rows at a time, so that the state is read and written once for four; but memory is faster read in one go, where
 * rows follow each other and the state is no wider than they are. */
#define COLUMNS(name, T, A, STEP)                                                                                      \
  static void columns_##name(const char *p, int64_t step, int64_t rows, int64_t n, void *state,                        \
                             int64_t width UNUSED) {                                                                   \
    A *restrict s = state;                                                                                             \
    const bool in_one_go = sizeof(A) == sizeof(T) && step == n * (int64_t)sizeof(T);                                   \
    int64_t r = 0;                                                                                                     \
    for (; !in_one_go && r + 4 <= rows; r += 4, p += 4 * step) {                                                       \
      const T *restrict x0 = (const T *)p, *restrict x1 = (const T *)(p + step);                                       \
      const T *restrict x2 = (const T *)(p + 2 * step), *restrict x3 = (const T *)(p + 3 * step);                      \
      for (int64_t j = 0; j < n; j++) {                                                                                \
        A a = s[j];                                                                                                    \
        a = STEP(a, x0[j]);                                                                                            \
        a = STEP(a, x1[j]);                                                                                            \
        a = STEP(a, x2[j]);                                                                                            \
        s[j] = STEP(a, x3[j]);                                                                                         \
      }                                                                                                                \
    }                                                                                                                  \
    for (; r < rows; r++, p += step) {                                                                                 \
      const T *restrict x = (const T *)p;                                                                              \
      for (int64_t j = 0; j < n; j++) s[j] = STEP(s[j], x[j]);                                                         \
    }                                                                                                                  \
  }
#define ADD_WIDE(a, x) ((a) + (double)(x))
#define ADD_MAGNITUDE(a, x) ((a) + fabs((double)(x)))
#define ADD_SQUARE(a, x) ((a) + (double)(x) * (double)(x))
#define ADD_NARROW_SQUARE(a, x) ((a) + (double)((x) * (x)))
#define MULTIPLY_WIDE(a, x) ((a) * (double)(x))
#define LARGER(a, x) ((((x) > (a)) | ((x) != (x))) ? (x) : (a))
#define SMALLER(a, x) ((((x) < (a)) | ((x) != (x))) ? (x) : (a))
#define FLARGER(a, x) ((((x) <= (a)) | ((x) != (x))) ? (a) : (x))
#define FSMALLER(a, x) ((((x) >= (a)) | ((x) != (x))) ? (a) : (x))
COLUMNS(sum_f32, float, double, ADD_WIDE)
COLUMNS(l1_f32, float, double, ADD_MAGNITUDE)
COLUMNS(l2_f32, float, double, ADD_SQUARE)
COLUMNS(squares_f32, float, double, ADD_NARROW_SQUARE)
COLUMNS(prod_f32, float, double, MULTIPLY_WIDE)
COLUMNS(prod_f64, double, double, MULTIPLY_WIDE)
COLUMNS(max_f32, float, float, LARGER)
COLUMNS(min_f32, float, float, SMALLER)
COLUMNS(max_f64, double, double, LARGER)
COLUMNS(min_f64, double, double, SMALLER)
COLUMNS(fmax_f32, float, float, FLARGER)
COLUMNS(fmin_f32, float, float, FSMALLER)
COLUMNS(fmax_f64, double, double, FLARGER)
COLUMNS(fmin_f64, double, double, FSMALLER)
static void columns_sum_c64(const char *p, int64_t step, int64_t rows, int64_t n, void *state, int64_t width) {
  columns_sum_f32(p, step, rows, 2 * n, state, 2 * width);
}

/* Every addition with its error: rows of a column may cancel in any order. */
#define ADD_COMPENSATED(x)                                                                                             \
  do {                                                                                                                 \
    const double v = (x), t = a + v, b = t - a;                                                                        \
    lost += (a - (t - b)) + (v - b);                                                                                   \
    a = t;                                                                                                             \
  } while (0)
#define COLUMNS_COMPENSATED(name, MAP)                                                                                 \
  static void columns_##name(const char *p, int64_t step, int64_t rows, int64_t n, void *state, int64_t width) {       \
    double *restrict s = state, *restrict error = s + width;                                                           \
    const bool in_one_go = n < 512 && step == n * (int64_t)sizeof(double); /* the state stays in the nearest cache */  \
    int64_t r = 0;                                                                                                     \
    for (; !in_one_go && r + 4 <= rows; r += 4, p += 4 * step) {                                                       \
      const double *restrict x0 = (const double *)p, *restrict x1 = (const double *)(p + step);                        \
      const double *restrict x2 = (const double *)(p + 2 * step), *restrict x3 = (const double *)(p + 3 * step);       \
      for (int64_t j = 0; j < n; j++) {                                                                                \
        double a = s[j], lost = error[j];                                                                              \
        ADD_COMPENSATED(MAP(x0[j]));                                                                                   \
        ADD_COMPENSATED(MAP(x1[j]));                                                                                   \
        ADD_COMPENSATED(MAP(x2[j]));                                                                                   \
        ADD_COMPENSATED(MAP(x3[j]));                                                                                   \
        s[j] = a;                                                                                                      \
        error[j] = lost;                                                                                               \
      }                                                                                                                \
    }                                                                                                                  \
    for (; r < rows; r++, p += step) {                                                                                 \
      const double *restrict x = (const double *)p;                                                                    \
      for (int64_t j = 0; j < n; j++) {                                                                                \
        double a = s[j], lost = error[j];                                                                              \
        ADD_COMPENSATED(MAP(x[j]));                                                                                    \
        s[j] = a;                                                                                                      \
        error[j] = lost;                                                                                               \
      }                                                                                                                \
    }                                                                                                                  \
  }
COLUMNS_COMPENSATED(sum_f64, PLAIN)
COLUMNS_COMPENSATED(l1_f64, MAGNITUDE)
COLUMNS_COMPENSATED(l2_f64, SQUARE)
static void columns_sum_c128(const char *p, int64_t step, int64_t rows, int64_t n, void *state, int64_t width) {
  columns_sum_f64(p, step, rows, 2 * n, state, 2 * width);
}

/* ---- integers ---- */

#define ROW(name, T, A, STEP)                                                                                          \
  static void row_##name(const char *p, int64_t n, void *state, int64_t width UNUSED) {                                \
    const T *x = (const T *)p;                                                                                         \
    A a = *(A *)state;                                                                                                 \
    for (int64_t i = 0; i < n; i++) a = STEP(a, x[i]);                                                                 \
    *(A *)state = a;                                                                                                   \
  }
#define BOTH(name, T, A, STEP) ROW(name, T, A, STEP) COLUMNS(name, T, A, STEP)
#define GREATER(a, x) ((x) > (a) ? (x) : (a))
#define LESS(a, x) ((x) < (a) ? (x) : (a))
#define WRAP_ADD(a, x) ((a) + (x))
#define WRAP_MULTIPLY(a, x) (1u * (a) * (x)) /* 1u: u16 times u16 must not overflow an int */
#define WRAP_MAGNITUDE(a, x)                                                                                           \
  ((x) < 0 ? (a) - (x) : (a) + (x)) /* the element is converted to the unsigned type: it wraps */
#define INTEGER(bits)                                                                                                  \
  BOTH(sum_u##bits, uint##bits##_t, uint##bits##_t, WRAP_ADD)                                                          \
  BOTH(prod_u##bits, uint##bits##_t, uint##bits##_t, WRAP_MULTIPLY)                                                    \
  BOTH(l1_i##bits, int##bits##_t, uint##bits##_t, WRAP_MAGNITUDE)                                                      \
  BOTH(max_u##bits, uint##bits##_t, uint##bits##_t, GREATER)                                                           \
  BOTH(min_u##bits, uint##bits##_t, uint##bits##_t, LESS)                                                              \
  BOTH(max_i##bits, int##bits##_t, int##bits##_t, GREATER)                                                             \
  BOTH(min_i##bits, int##bits##_t, int##bits##_t, LESS)
INTEGER(8)
INTEGER(16)
INTEGER(32)
INTEGER(64)

/* ---- bool: a byte that is not 0 is true; a row ends at the first element that decides ---- */

#define OR(a, x) ((a) | ((x) != 0))
#define AND(a, x) ((a) & ((x) != 0))
COLUMNS(or_bool, uint8_t, uint8_t, OR)
COLUMNS(and_bool, uint8_t, uint8_t, AND)
#define ROW_DECIDED(name, STEP, decided)                                                                               \
  static void row_##name(const char *p, int64_t n, void *state, int64_t width UNUSED) {                                \
    const uint8_t *x = (const uint8_t *)p;                                                                             \
    uint8_t *s = state;                                                                                                \
    for (int64_t i = 0; i < n && *s != (decided); i += 1024) {                                                         \
      int64_t m = n - i < 1024 ? n - i : 1024;                                                                         \
      uint8_t a = *s;                                                                                                  \
      for (int64_t j = 0; j < m; j++) a = STEP(a, x[i + j]);                                                           \
      *s = a;                                                                                                          \
    }                                                                                                                  \
  }
ROW_DECIDED(or_bool, OR, 1)
ROW_DECIDED(and_bool, AND, 0)

/* ---- the place of a value ---- */

static inline bool any_bit(vmask64 v) {
#if KV_LEVEL_BYTES == 64
  return _mm512_test_epi64_mask((__m512i)v, (__m512i)v);
#elif KV_LEVEL_BYTES == 32
  return !_mm256_testz_si256((__m256i)v, (__m256i)v);
#else
  int64_t bits = 0;
  for (int j = 0; j < DOUBLES; j++) bits |= v[j];
  return bits;
#endif
}

/* Four registers at a time, then element by element where it is. */
#define FOUND(FITS)                                                                                                    \
  for (; i + 4 * PER <= n; i += 4 * PER) {                                                                             \
    V a, b, c, d;                                                                                                      \
    memcpy(&a, x + i, sizeof a);                                                                                       \
    memcpy(&b, x + i + PER, sizeof b);                                                                                 \
    memcpy(&c, x + i + 2 * PER, sizeof c);                                                                             \
    memcpy(&d, x + i + 3 * PER, sizeof d);                                                                             \
    if (any_bit((vmask64)((FITS(a) | FITS(b)) | (FITS(c) | FITS(d))))) break;                                          \
  }                                                                                                                    \
  while (i < n && !FITS(x[i])) i++;
#define IS_VALUE(a) ((a) == v)
#define IS_NAN(a) ((a) != (a))
#define FIND(dtype, T)                                                                                                 \
  static int64_t find_##dtype(const char *p, int64_t n, const void *value) {                                           \
    typedef T V __attribute__((vector_size(KV_LEVEL_BYTES)));                                                          \
    enum { PER = KV_LEVEL_BYTES / (int)sizeof(T) };                                                                    \
    const T *x = (const T *)p, v = *(const T *)value;                                                                  \
    int64_t i = 0;                                                                                                     \
    if (IS_NAN(v)) {                                                                                                   \
      FOUND(IS_NAN)                                                                                                    \
    } else {                                                                                                           \
      FOUND(IS_VALUE)                                                                                                  \
    }                                                                                                                  \
    return i;                                                                                                          \
  }
FIND(8, uint8_t)
FIND(16, uint16_t)
FIND(32, uint32_t)
FIND(64, uint64_t)
FIND(f32, float)
FIND(f64, double)

#define FIND_COMPLEX(dtype, T)                                                                                         \
  static int64_t find_##dtype(const char *p, int64_t n, const void *value) {                                           \
    const T *x = (const T *)p, *v = value;                                                                             \
    const bool nan = v[0] != v[0] || v[1] != v[1];                                                                     \
    for (int64_t i = 0; i < n; i++, x += 2)                                                                            \
      if (nan ? x[0] != x[0] || x[1] != x[1] : x[0] == v[0] && x[1] == v[1]) return i;                                 \
    return n;                                                                                                          \
  }
FIND_COMPLEX(c64, float)
FIND_COMPLEX(c128, double)

/* ---- the table ---- */

#define ENTRY(name)                                                                                                    \
  { columns_##name, row_##name, NULL }
#define EXTREME_ENTRY(name, dtype)                                                                                     \
  { columns_##name, row_##name, find_##dtype }
#define EXTREME_ENTRIES(name)                                                                                          \
  [KVINO_U8] = EXTREME_ENTRY(name##_u8, 8), [KVINO_U16] = EXTREME_ENTRY(name##_u16, 16),                               \
  [KVINO_U32] = EXTREME_ENTRY(name##_u32, 32), [KVINO_U64] = EXTREME_ENTRY(name##_u64, 64),                            \
  [KVINO_I8] = EXTREME_ENTRY(name##_i8, 8), [KVINO_I16] = EXTREME_ENTRY(name##_i16, 16),                               \
  [KVINO_I32] = EXTREME_ENTRY(name##_i32, 32), [KVINO_I64] = EXTREME_ENTRY(name##_i64, 64),                            \
  [KVINO_F32] = EXTREME_ENTRY(name##_f32, f32), [KVINO_F64] = EXTREME_ENTRY(name##_f64, f64),                          \
  [KVINO_C64] = EXTREME_ENTRY(name##_c64, c64), [KVINO_C128] = EXTREME_ENTRY(name##_c128, c128)
#define INTEGER_ENTRIES(signed_name, unsigned_name)                                                                    \
  [KVINO_U8] = ENTRY(unsigned_name##8), [KVINO_U16] = ENTRY(unsigned_name##16),                                        \
  [KVINO_U32] = ENTRY(unsigned_name##32), [KVINO_U64] = ENTRY(unsigned_name##64), [KVINO_I8] = ENTRY(signed_name##8),  \
  [KVINO_I16] = ENTRY(signed_name##16), [KVINO_I32] = ENTRY(signed_name##32), [KVINO_I64] = ENTRY(signed_name##64)
#define FLOAT_ENTRIES(name) [KVINO_F32] = ENTRY(name##_f32), [KVINO_F64] = ENTRY(name##_f64)
#define COMPLEX_ENTRIES(name) [KVINO_C64] = ENTRY(name##_c64), [KVINO_C128] = ENTRY(name##_c128)

const kv_reduce_table KV_AT_LEVEL(kv_reduce_loops) = {
    [KV_REDUCE_SUM] = {INTEGER_ENTRIES(sum_u, sum_u), FLOAT_ENTRIES(sum), COMPLEX_ENTRIES(sum)},
    [KV_REDUCE_PROD] = {INTEGER_ENTRIES(prod_u, prod_u), FLOAT_ENTRIES(prod), COMPLEX_ENTRIES(prod)},
    [KV_REDUCE_MAX] = {[KVINO_BOOL] = EXTREME_ENTRY(or_bool, 8), EXTREME_ENTRIES(max)},
    [KV_REDUCE_MIN] = {[KVINO_BOOL] = EXTREME_ENTRY(and_bool, 8), EXTREME_ENTRIES(min)},
    [KV_REDUCE_L1] = {INTEGER_ENTRIES(l1_i, sum_u), FLOAT_ENTRIES(l1)},
    [KV_REDUCE_L2] = {FLOAT_ENTRIES(l2)},
    [KV_REDUCE_AND] = {[KVINO_BOOL] = ENTRY(and_bool)},
    [KV_REDUCE_OR] = {[KVINO_BOOL] = ENTRY(or_bool)},
    [KV_REDUCE_FMAX] = {FLOAT_ENTRIES(fmax)},
    [KV_REDUCE_FMIN] = {FLOAT_ENTRIES(fmin)},
    [KV_REDUCE_MEAN_SQUARE] = {[KVINO_F32] = ENTRY(squares_f32), [KVINO_F64] = ENTRY(l2_f64)},
};
