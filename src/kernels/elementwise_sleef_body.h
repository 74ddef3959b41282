/* Loops over contiguous f32 and f64 with SLEEF's vector functions: included by one file per instruction set, which
 * names the table (LOOPS) and has what depends on the width: BYTES of a vector; M32, M64: the types of SLEEF's
 * functions; S32, S64; ANY32, ANY64: whether any lane of a mask is set. What an element gives depends neither on its
 * neighbours nor on its place, so that threads may cut anywhere. */
#include <math.h>
#include <sleef.h>
#include <stdint.h>
#include <string.h>

#include "kernels/elementwise_tables.h"

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

/* The few lanes that SLEEF's function is not for, by the C library's. */
static __attribute__((noinline)) v32 patched32(mask32 m, v32 x, v32 y, double (*f)(double)) {
  for (int i = 0; i < LANES32; i++)
    if (m[i]) y[i] = (float)f((double)x[i]);
  return y;
}
static __attribute__((noinline)) v64 patched64(mask64 m, v64 x, v64 y, double (*f)(double)) {
  for (int i = 0; i < LANES64; i++)
    if (m[i]) y[i] = f(x[i]);
  return y;
}
#define PATCH32(mask, value, f)                                                                                        \
  ({                                                                                                                   \
    mask32 m_ = (mask32)(mask);                                                                                        \
    v32 y_ = (v32)(value);                                                                                             \
    ANY32(m_) ? patched32(m_, (v32)x, y_, f) : y_;                                                                     \
  })
#define PATCH64(mask, value, f)                                                                                        \
  ({                                                                                                                   \
    mask64 m_ = (mask64)(mask);                                                                                        \
    v64 y_ = (v64)(value);                                                                                             \
    ANY64(m_) ? patched64(m_, (v64)x, y_, f) : y_;                                                                     \
  })

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
#define BY_SIZE32(x, f) (ANY32(~(mask32)(fabs32((v32)x) < 62.5f)) ? by_size32((v32)x, f) : (v32)f((M32)x))
#define BY_SIZE64(x, f) (ANY64(~(mask64)(fabs64((v64)x) < 15)) ? by_size64((v64)x, f) : (v64)f((M64)x))

#include "kernels/vector_functions.h"
#include "kernels/vector_remainder.h"

/* The rest that fills no vector goes through one whose other lanes are 1. */
#define LOOP(label, bits, expression)                                                                                  \
  static void label(kvino_dtype dtype, void *vy, const void *va, const void *vb, const void *vc, size_t n,             \
                    const kv_loop_params *p) {                                                                         \
    (void)dtype, (void)vc, (void)p;                                                                                    \
    const char *pa = va, *pb = vb;                                                                                     \
    char *py = vy;                                                                                                     \
    const size_t lanes = LANES##bits, size = bits / 8;                                                                 \
    for (size_t i = 0; i < n; i += lanes) {                                                                            \
      const size_t count = n - i < lanes ? n - i : lanes;                                                              \
      v##bits vx = (v##bits){} + 1, vz = vx;                                                                           \
      if (count == lanes) {                                                                                            \
        vx = *(const any##bits *)(const void *)(pa + i * size);                                                        \
        vz = *(const any##bits *)(const void *)(pb + i * size);                                                        \
      } else {                                                                                                         \
        memcpy(&vx, pa + i * size, count * size);                                                                      \
        memcpy(&vz, pb + i * size, count * size);                                                                      \
      }                                                                                                                \
      const M##bits x = (M##bits)vx, z = (M##bits)vz;                                                                  \
      (void)z;                                                                                                         \
      const v##bits y = (v##bits)(expression);                                                                         \
      if (count == lanes)                                                                                              \
        *(any##bits *)(void *)(py + i * size) = y;                                                                     \
      else                                                                                                             \
        memcpy(py + i * size, &y, count * size);                                                                       \
    }                                                                                                                  \
  }
#define F32_1(Name, expression) LOOP(f32_##Name, 32, expression)
#define F64_1(Name, expression) LOOP(f64_##Name, 64, expression)
#define F32_2 F32_1
#define F64_2 F64_1
#include "kernels/elementwise_sleef.def"
#undef F32_1
#undef F64_1

#define F32_1(Name, expression) [KV_LOOP_##Name][0] = f32_##Name,
#define F64_1(Name, expression) [KV_LOOP_##Name][1] = f64_##Name,
kv_loop *const LOOPS[KV_LOOP_COUNT][2] = {
#include "kernels/elementwise_sleef.def"
};
