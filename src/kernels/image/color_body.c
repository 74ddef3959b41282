/* The loops of color.h, for the compiler to vectorize. NaN stays NaN, as in NumPy's maximum and clip. */
#include "kernels/level.h"
#include <math.h>

#include "kernels/image/color.h"

#define INLINE static inline __attribute__((always_inline))

#define FORMULAS(type, floor_)                                                                                         \
  INLINE type larger_##type(type a, type b) {                                                                          \
    const type m = a > b ? a : b;                                                                                      \
    return a == a ? m : a;                                                                                             \
  }                                                                                                                    \
  INLINE type smaller_##type(type a, type b) {                                                                         \
    const type m = a < b ? a : b;                                                                                      \
    return a == a ? m : a;                                                                                             \
  }                                                                                                                    \
  INLINE type limited_##type(type a) { return a < 0 ? 0 : a > 1 ? 1 : a; }                                             \
  INLINE type size_##type(type a) { return a < 0 ? -a : a; }                                                           \
  INLINE type shown_##type(type a, type epsilon) { return size_##type(a) < epsilon ? 0 : a; }                          \
                                                                                                                       \
  INLINE void hsv_##type(type *restrict y, const type *restrict x, int64_t n, int64_t step, int64_t apart,             \
                         type epsilon) {                                                                               \
    for (int64_t i = 0; i < n; i++) {                                                                                  \
      const type r = shown_##type(x[i * step], epsilon), g = shown_##type(x[i * step + apart], epsilon);               \
      const type b = shown_##type(x[i * step + 2 * apart], epsilon);                                                   \
      const type value = larger_##type(larger_##type(r, g), b);                                                        \
      const type range = value - smaller_##type(smaller_##type(r, g), b);                                              \
      const type norm = 1 / (6 * (range > 0 ? range : 1)), share = range / (value > 0 ? value : 1);                    \
      const type of_red = norm * (g - b), of_green = norm * (b - r) + (type)(2.0 / 6);                                 \
      const type of_blue = norm * (r - g) + (type)(4.0 / 6);                                                           \
      const type hue = value == r ? of_red : value == g ? of_green : of_blue;                                          \
      y[i * step] = (range > 0 ? hue : 0) + (hue < 0 ? (type)1 : 0);                                                   \
      y[i * step + apart] = value > 0 ? share : 0;                                                                     \
      y[i * step + 2 * apart] = value;                                                                                 \
    }                                                                                                                  \
  }                                                                                                                    \
                                                                                                                       \
  INLINE void rgb_##type(type *restrict y, const type *restrict x, int64_t n, int64_t step, int64_t apart) {           \
    for (int64_t i = 0; i < n; i++) {                                                                                  \
      const type hue = x[i * step], saturation = x[i * step + apart], value = x[i * step + 2 * apart];                 \
      const type dh = (hue - floor_(hue)) * 6, grey = 1 - saturation;                                                  \
      const type red = limited_##type(size_##type(dh - 3) - 1), green = limited_##type(2 - size_##type(dh - 2));       \
      const type blue = limited_##type(2 - size_##type(dh - 4));                                                       \
      y[i * step] = value * (grey + saturation * red);                                                                 \
      y[i * step + apart] = value * (grey + saturation * green);                                                       \
      y[i * step + 2 * apart] = value * (grey + saturation * blue);                                                    \
    }                                                                                                                  \
  }
FORMULAS(float, floorf)
FORMULAS(double, floor)

/* The usual steps are constants where the loops are inlined. */
#define LOOPS(name, type)                                                                                              \
  void name(bool to_hsv, type *y, const type *x, int64_t n, int64_t step, int64_t apart, type epsilon) {               \
    if (to_hsv && step == 3)                                                                                           \
      hsv_##type(y, x, n, 3, 1, epsilon);                                                                              \
    else if (to_hsv)                                                                                                   \
      hsv_##type(y, x, n, 1, apart, epsilon);                                                                          \
    else if (step == 3)                                                                                                \
      rgb_##type(y, x, n, 3, 1);                                                                                       \
    else                                                                                                               \
      rgb_##type(y, x, n, 1, apart);                                                                                   \
  }
LOOPS(KV_AT_LEVEL(kv_color_f32), float)
LOOPS(KV_AT_LEVEL(kv_color_f64), double)
