/* Inverse trigonometric functions and log(1 + x) of whole vectors of f32; of f64 log(1 + x)
 * and the inverse hyperbolic functions made of it. Included by vector_functions.h, whose macros these
 * use. Coefficients interpolate in Chebyshev's points; what a sum with a large constant loses is put back. */

/* base - c, with the corrections that are to be added to it, in one rounding or little more; |base| >= |c| or base == 0
 */
INLINE v32 from_base32(v32 base, v32 c, v32 more) {
  v32 y = base - c;
  return y + (((base - y) - c) + more);
}
#define HALF_PI32 0x1.921fb6p+0f
#define HALF_PI_LOST32 -0x1.777a5cp-25f

/* Below 0.6 by the series; from there on of (a - 1) / (a + 1) from pi / 4 on, above 1 / 0.6 of -1 / a from pi / 2 on.
 */
INLINE v32 atan_32(v32 x) {
  static const float c[] = {-0x1.555556p-2f, 0x1.99994ep-3f, -0x1.2484f2p-3f, 0x1.c5511ap-4f,
                            -0x1.65451cp-4f, 0x1.ed658p-5f,  -0x1.953b06p-6f};
  v32 a = fabs32(x), zero = {};
  mask32 middle = (mask32)(a > 0.6f), far = (mask32)(a > 1 / 0.6f);
  v32 up = select32(far, all32(-1), select32(middle, a - 1, a)),
      down = select32(far, a, select32(middle, a + 1, all32(1)));
  v32 part = select32(far, all32(1), select32(middle, all32(0.5f), zero)), b = up / down, u = b * b;
  v32 more = fma32(b * u, poly32(u, c, 7), part * HALF_PI_LOST32);
  return copy_sign32(from_base32(part * HALF_PI32, -b, more), x);
}

/* asin(a) = a + `more`, 0 <= a <= 1/2; above, asin(a) = pi / 2 - 2 (s + more) with s = sqrt((1 - a) / 2). NaN above 1.
 */
INLINE v32 asin_parts32(v32 a, mask32 far, v32 *more) {
  static const float c[] = {0x1.5555540p-3f, 0x1.3334300p-4f, 0x1.6d5bba0p-5f,
                            0x1.fd8da20p-6f, 0x1.18f91e0p-6f, 0x1.13fed40p-5f};
  v32 z = select32(far, (1 - a) * 0.5f, a * a), s = select32(far, (v32)SQRT32((M32)z), a);
  v32 lost = select32(far, fma32(-s, s, z) * (0.5f / (s + 0x1p-60f)), all32(0));
  *more = fma32(s * z, poly32(z, c, 6), lost);
  return s;
}
INLINE v32 asin_32(v32 x) {
  v32 a = fabs32(x), more;
  mask32 far = (mask32)(a > 0.5f);
  v32 s = asin_parts32(a, far, &more), y = from_base32(all32(HALF_PI32), 2 * s, HALF_PI_LOST32 - 2 * more);
  return copy_sign32(select32(far, y, s + more), x);
}
INLINE v32 acos_32(v32 x) {
  v32 a = fabs32(x), more;
  mask32 far = (mask32)(a > 0.5f), below = (mask32)(x < 0);
  v32 s = asin_parts32(a, far, &more), near = from_base32(all32(HALF_PI32), x, HALF_PI_LOST32 - copy_sign32(more, x));
  v32 y = select32(below, from_base32(all32(2 * HALF_PI32), 2 * s, 2 * HALF_PI_LOST32 - 2 * more), 2 * (s + more));
  return select32(far, y, near);
}

/* 1 + x = 2^e (1 + f + lost), sqrt(1/2) <= 1 + f < sqrt(2) */
INLINE v32 log1p_32(v32 x) {
  static const float c[] = {0x1.5555540p-2f,  -0x1.fffffc0p-3f, 0x1.999d5c0p-3f,  -0x1.555b500p-3f, 0x1.23d1d60p-3f,
                            -0x1.fcf30e0p-4f, 0x1.dea6560p-4f,  -0x1.d6453c0p-4f, 0x1.1d98280p-4f};
  v32 y = 1 + x, one = y - x, lost = select32((mask32)(x < 1), x - (y - 1), 1 - one);
  mask32 bits = (mask32)y, e = (bits - 0x3f3504f3) >> 23; /* sqrt(1/2) */
  v32 f = (v32)(bits - (e << 23)) - 1, whole = __builtin_convertvector(e, v32);
  lost = select32((mask32)(x < 0x1p24f), lost * (v32)((127 - e) << 23), all32(0));
  v32 q = f * f * fma32(f, poly32(f, c, 9), all32(-0.5f)), rest = fma32(lost, fma32(f, f, -f), lost);
  v32 log = from_base32(whole * 0x1.62e4p-1f, -f, fma32(whole, all32(0x1.7f7d1cp-20f), q) + rest);
  log = select32((mask32)(x > -1), log, select32((mask32)(x == -1), all32(-INFINITY), all32(NAN)));
  return select32((mask32)(fabs32(x) < 0x1p-26f) | (mask32)(x == all32(INFINITY)), x, log);
}

/* log((y + lost) 2^more) for normal y > 0, where `lost` is what y has lost; fdlibm's arrangement, whose terms after f
 * are small: f - (f^2 / 2 - s (f^2 / 2 + r)), s = f / (2 + f). */
INLINE v64 log_sum64(v64 y, v64 lost, v64 more) {
  static const double c[] = {0x1.5555555555558p-1, 0x1.99999999952ccp-2, 0x1.2492492df3ba9p-2, 0x1.c71c62e26208bp-3,
                             0x1.7462b58e46ebep-3, 0x1.39fe42e9740a7p-3, 0x1.2b59b713616c9p-3};
  mask64 bits = (mask64)y, from_half = bits - 0x3fe6a09e667f3bcd; /* sqrt(1/2) */
  mask64 high = from_half & (int64_t)0xfff0000000000000, biased = (mask64)((umask64)(from_half + (1024ll << 52)) >> 52);
  v64 e = (v64)(biased | 0x4330000000000000) - (0x1p52 + 1024), f = (v64)(bits - high) - 1;
  v64 s = f / (2 + f), z = s * s, half = 0.5 * f * f, r = z * poly64(z, c, 7);
  e += more;
  v64 rest = fma64(e, all64(0x1.ef35793c76730p-45), lost / y) + fma64(s, half + r, -half);
  v64 base = e * 0x1.62e42fefa3800p-1, sum = base + f;
  return sum + (((base - sum) + f) + rest);
}
INLINE v64 log1p_64(v64 x) {
  v64 y = 1 + x, lost = select64((mask64)(x < 1), x - (y - 1), 1 - (y - x)), log = log_sum64(y, lost, all64(0));
  log = select64((mask64)(x > -1), log, select64((mask64)(x == -1), all64(-INFINITY), all64(NAN)));
  return select64((mask64)(fabs64(x) < 0x1p-55) | (mask64)(x == all64(INFINITY)), x, log);
}

/* log(1 + t + sqrt(t (t + 2))) for t = x - 1, and log(1 + a + a^2 / (1 + sqrt(a^2 + 1))); log(2 x) where x^2 is far
 * above 1. */
INLINE v64 log1p_or_twice64(v64 w, v64 low, v64 x, mask64 twice) {
  v64 y = 1 + w, lost = low + select64((mask64)(w < 1), w - (y - 1), 1 - (y - w));
  return log_sum64(select64(twice, x, y), select64(twice, all64(0), lost), select64(twice, all64(1), all64(0)));
}
INLINE v64 acosh_64(v64 x) {
  mask64 twice = (mask64)(x > 0x1p28);
  v64 t = select64(twice, all64(1), x - 1), square = fma64(t, t, t + t), root = (v64)SQRT64((M64)square);
  v64 rest = (fma64(-root, root, square) + fma64(t, t, t + t - square)) * (0.5 / (root + 0x1p-500)), w = root + t;
  v64 y = log1p_or_twice64(w, (root - w) + t + rest, x, twice);
  return select64((mask64)(x >= 1), select64((mask64)(x == all64(INFINITY)), x, y), all64(NAN));
}
INLINE v64 asinh_64(v64 x) {
  v64 a = fabs64(x);
  mask64 twice = (mask64)(a > 0x1p28);
  v64 b = select64(twice, all64(1), a), u = b * b, q = u / (1 + (v64)SQRT64((M64)(1 + u))), w = b + q;
  v64 y = copy_sign64(log1p_or_twice64(w, (b - w) + q, a, twice), x);
  return select64((mask64)(a < 0x1p-28) | (mask64)(a == all64(INFINITY)), x, y);
}
