/* Loops over contiguous f32 and f64 with SLEEF's vector functions (elementwise_sleef_vectors.h). What an element gives
 * depends neither on its neighbours nor on its place, so that threads may cut anywhere. */
#include "kernels/elementwise/elementwise_tables.h"
#include "kernels/level.h"

#if KV_LEVEL_BYTES == 16 || defined KV_NO_SLEEF
kv_sleef_table KV_AT_LEVEL(kv_loops_sleef) = {{NULL}}; /* elementwise_math.c has the functions */
#else
#include <math.h>
#include <sleef.h>
#include <stdint.h>
#include <string.h>

#include "kernels/elementwise/elementwise_sleef_vectors.h"

typedef float v32 __attribute__((vector_size(BYTES)));
typedef double v64 __attribute__((vector_size(BYTES)));
typedef int32_t mask32 __attribute__((vector_size(BYTES)));
typedef int64_t mask64 __attribute__((vector_size(BYTES)));
typedef uint64_t umask64 __attribute__((vector_size(BYTES)));
typedef float any32 __attribute__((vector_size(BYTES), aligned(1), may_alias));
typedef double any64 __attribute__((vector_size(BYTES), aligned(1), may_alias));
enum { LANES32 = BYTES / sizeof(float), LANES64 = BYTES / sizeof(double) };

#define INLINE static inline __attribute__((always_inline, unused))

INLINE v32 select32(mask32 m, v32 a, v32 b) { return (v32)(((mask32)a & m) | ((mask32)b & ~m)); }
INLINE v64 select64(mask64 m, v64 a, v64 b) { return (v64)(((mask64)a & m) | ((mask64)b & ~m)); }
INLINE v32 fabs32(v32 x) { return (v32)((mask32)x & INT32_MAX); }
INLINE v64 fabs64(v64 x) { return (v64)((mask64)x & INT64_MAX); }
/* x itself where it is so small that the function's next term is below an ulp; SLEEF loses the smallest. */
#define TINY32(bound, value) select32((mask32)(fabs32((v32)x) < bound), (v32)x, (v32)(value))
#define TINY64(bound, value) select64((mask64)(fabs64((v64)x) < bound), (v64)x, (v64)(value))

/* SLEEF reduces an angle by the method that the largest of a vector needs: the others would differ in the last place
 * from what they give among themselves. So each size by itself, the other lanes holding an angle of that size
 * meanwhile. */
static __attribute__((noinline)) v32 by_size32(v32 x, M32 (*f)(M32)) {
  static const float from[] = {0, 62.5f, 125, 39000};
  v32 size = fabs32(x), y = x;
  for (int i = 0; i < 4; i++) {
    mask32 m = i < 3 ? (mask32)(size >= from[i]) & (mask32)(size < from[i + 1]) : ~(mask32)(size < from[3]);
    if (ANY32(m)) y = select32(m, (v32)f((M32)select32(m, x, (v32){} + from[i])), y);
  }
  return y;
}
static __attribute__((noinline)) v64 by_size64(v64 x, M64 (*f)(M64)) {
  static const double from[] = {0, 15, 1e14};
  v64 size = fabs64(x), y = x;
  for (int i = 0; i < 3; i++) {
    mask64 m = i < 2 ? (mask64)(size >= from[i]) & (mask64)(size < from[i + 1]) : ~(mask64)(size < from[2]);
    if (ANY64(m)) y = select64(m, (v64)f((M64)select64(m, x, (v64){} + from[i])), y);
  }
  return y;
}
/* SLEEF's functions return a const vector, which clang takes for another type. */
#define BY_SIZE32(x, f)                                                                                                \
  (ANY32(~(mask32)(fabs32((v32)x) < 62.5f)) ? by_size32((v32)x, (M32(*)(M32))(f)) : (v32)f((M32)x))
#define BY_SIZE64(x, f) (ANY64(~(mask64)(fabs64((v64)x) < 15)) ? by_size64((v64)x, (M64(*)(M64))(f)) : (v64)f((M64)x))

#include "kernels/elementwise/vector_functions.h"
#include "kernels/elementwise/vector_remainder.h"

/* The rest that fills no vector goes through one whose other lanes are 1. It has a loop of its own: a vector that is
 * filled byte by byte lives in memory. */
#define FUNCTION(label, bits, expression)                                                                              \
  INLINE v##bits vector_##label(const M##bits x, const M##bits z, const kv_loop_params *p) {                           \
    (void)z, (void)p;                                                                                                  \
    return (v##bits)(expression);                                                                                      \
  }
#define LOOP(label, bits, second)                                                                                      \
  static __attribute__((noinline)) void rest_##label(char *y, const char *a, const char *b, size_t bytes,              \
                                                     const kv_loop_params *p) {                                        \
    v##bits x = (v##bits){} + 1, z = x;                                                                                \
    memcpy(&x, a, bytes);                                                                                              \
    memcpy(&z, b, bytes);                                                                                              \
    x = vector_##label((M##bits)x, (M##bits)z, p);                                                                     \
    memcpy(y, &x, bytes);                                                                                              \
  }                                                                                                                    \
  static void label(kvino_dtype dtype, void *vy, const void *va, const void *vb, const void *vc, size_t n,             \
                    const kv_loop_params *p) {                                                                         \
    (void)dtype, (void)vc;                                                                                             \
    const char *pa = va, *pb = vb;                                                                                     \
    char *py = vy;                                                                                                     \
    const size_t size = bits / 8, whole = n / LANES##bits * LANES##bits * size;                                        \
    for (size_t i = 0; i < whole; i += BYTES) {                                                                        \
      const v##bits x = *(const any##bits *)(const void *)(pa + i);                                                    \
      *(any##bits *)(void *)(py + i) = vector_##label((M##bits)x, (M##bits)(second), p);                               \
    }                                                                                                                  \
    if (whole < n * size) rest_##label(py + whole, pa + whole, pb + whole, n * size - whole, p);                       \
  }
#define F32_1(Name, expression) FUNCTION(f32_##Name, 32, expression) LOOP(f32_##Name, 32, x)
#define F64_1(Name, expression) FUNCTION(f64_##Name, 64, expression) LOOP(f64_##Name, 64, x)
#define F32_2(Name, expression)                                                                                        \
  FUNCTION(f32_##Name, 32, expression) LOOP(f32_##Name, 32, (*(const any32 *)(const void *)(pb + i)))
#define F64_2(Name, expression)                                                                                        \
  FUNCTION(f64_##Name, 64, expression) LOOP(f64_##Name, 64, (*(const any64 *)(const void *)(pb + i)))
#include "kernels/elementwise/elementwise_sleef.def"
#undef F32_1
#undef F64_1
#undef F32_2
#undef F64_2

#define F32_1(Name, expression) [KV_LOOP_##Name][0] = f32_##Name,
#define F64_1(Name, expression) [KV_LOOP_##Name][1] = f64_##Name,
#define F32_2 F32_1
#define F64_2 F64_1
kv_sleef_table KV_AT_LEVEL(kv_loops_sleef) = {
#include "kernels/elementwise/elementwise_sleef.def"
};
#endif
