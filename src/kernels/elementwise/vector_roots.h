/* The cube root of whole vectors of f32 and f64. Included by vector_functions.h, whose macros these use.
 *
 * r approximates a^(-1/3): first by a third of the number that the bits are, then by series in h = 1 - a r^3. a r^2 is
 * the root but for its roundings, which a last step of Newton's method with the exact square takes back. */
INLINE v32 cbrt_guess32(v32 a) {
  return (v32)(0x54a1f671 - __builtin_convertvector(__builtin_convertvector((mask32)a, v32) * (1.0f / 3), mask32));
}
/* Whole numbers of up to 52 bits are the low bits of doubles in [2^52, 2^53). */
INLINE v64 cbrt_guess64(v64 a) {
  v64 bits = (v64)(((mask64)a >> 11) | 0x4330000000000000) - 0x1p52;
  return (v64)((mask64)((0x1.54fba5e353f7cp+51 + 0x1p52) - bits * (1.0 / 3)) << 11 & INT64_MAX);
}
#define CBRT(B, T, small, up, down, last)                                                                              \
  INLINE v##B cbrt_##B(v##B x) {                                                                                       \
    v##B size = fabs##B(x);                                                                                            \
    mask##B scaled = (mask##B)(size < small);                                                                          \
    v##B a = select##B(scaled, size * up, size), r = cbrt_guess##B(a), h = 1 - a * r * r * r;                          \
    r = fma##B(r * h, fma##B(h, fma##B(h, all##B((T)(14.0 / 81)), all##B((T)(2.0 / 9))), all##B((T)(1.0 / 3))), r);    \
    h = 1 - a * r * r * r;                                                                                             \
    r = fma##B(r * h, last, r);                                                                                        \
    v##B square = r * r, y = a * square, yy = y * y;                                                                   \
    v##B rest = fma##B(-yy, y, a) - fma##B(y, y, -yy) * y;                                                             \
    y = fma##B(rest, square * (T)(1.0 / 3), y);                                                                        \
    y = copy_sign##B(select##B(scaled, y * down, y), x);                                                               \
    return select##B((mask##B)(size > 0) & (mask##B)(size < all##B((T)INFINITY)), y, x);                               \
  }
CBRT(32, float, 0x1p-90f, 0x1p+90f, 0x1p-30f, all32(1.0f / 3))
CBRT(64, double, 0x1p-900, 0x1p+210, 0x1p-70, fma64(h, fma64(h, all64(14.0 / 81), all64(2.0 / 9)), all64(1.0 / 3)))
#undef CBRT
