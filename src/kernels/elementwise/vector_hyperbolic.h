/* exp(x) - 1 and the hyperbolic functions, of whole vectors of f32 and f64. Included by vector_functions.h, whose
 * macros these use. The parts of exp(x) carry what their roundings lose, so that a result is off by less than an ulp.
 */

/* x = k log(2) + r, |r| <= log(2) / 2: gives exp(r) - 1, what that lost, and a number that has k in its low bits. x is
 * such that 2^k is a number. Coefficients interpolate (exp(r) - 1 - r - r^2 / 2) / r^3 in Chebyshev's points. */
INLINE v32 expm1_parts32(v32 x, v32 *shifted, v32 *lost) {
  static const float c[] = {0x1.5555560p-3f, 0x1.55551a0p-5f, 0x1.1110f60p-7f, 0x1.6d110a0p-10f, 0x1.a0f86c0p-13f};
  *shifted = fma32(x, all32(0x1.715476p+0f), all32(0x1.8p23f));
  v32 k = *shifted - 0x1.8p23f, near = fma32(-k, all32(0x1.62e4p-1f), x);
  v32 r = fma32(-k, all32(0x1.7f7d1cp-20f), near), rest = fma32(-k, all32(0x1.7f7d1cp-20f), near - r);
  v32 q = r * r * fma32(r, poly32(r, c, 5), all32(0.5f)), p = r + q;
  *lost = (r - p) + (q + rest);
  return p;
}
INLINE v64 expm1_parts64(v64 x, v64 *shifted, v64 *lost) {
  static const double c[] = {0x1.5555555555556p-3,  0x1.5555555555555p-5,  0x1.11111111109b3p-7,  0x1.6c16c16c167e1p-10,
                             0x1.a01a01a7c41d5p-13, 0x1.a01a01a47b054p-16, 0x1.71de0dae63bb3p-19, 0x1.27e4e1f48534fp-22,
                             0x1.af38a9b0ec855p-26, 0x1.1f66df7fca49fp-29};
  *shifted = fma64(x, all64(0x1.71547652b82fep+0), all64(0x1.8p52));
  v64 k = *shifted - 0x1.8p52, near = fma64(-k, all64(0x1.62e42fefa3800p-1), x);
  v64 r = fma64(-k, all64(0x1.ef35793c76730p-45), near), rest = fma64(-k, all64(0x1.ef35793c76730p-45), near - r);
  v64 q = r * r * fma64(r, poly64(r, c, 10), all64(0.5)), p = r + q;
  *lost = (r - p) + (q + rest);
  return p;
}

/* 2^(k + more) from that number. */
INLINE v32 power_of_two32(v32 shifted, int more) { return (v32)(((mask32)shifted + (127 + more)) << 23); }
INLINE v64 power_of_two64(v64 shifted, int more) { return (v64)(((mask64)shifted + (1023 + more)) << 52); }

/* (sinh(x) - x) / x^3 by powers of x^2, |x| <= 1 */
INLINE v32 sinh_series32(v32 u) {
  static const float c[] = {0x1.5555560p-3f, 0x1.11111e0p-7f, 0x1.a009000p-13f, 0x1.78a70e0p-19f};
  return poly32(u, c, 4);
}
INLINE v64 sinh_series64(v64 u) {
  static const double c[] = {0x1.5555555555555p-3,  0x1.1111111111111p-7,  0x1.a01a01a01a001p-13,
                             0x1.71de3a556f96cp-19, 0x1.ae6456792a77fp-26, 0x1.612467ccb2260p-33,
                             0x1.ae777c36fd5b6p-41, 0x1.99f0806c2628dp-49};
  return poly64(u, c, 8);
}

/* least, most_...: beyond these the result is infinite or as good as constant; NaN stays. tiny...: below these it is x.
 */
#define HYPERBOLIC(B, T, least, most_exp, most_half, most_tanh, tiny_exp, tiny)                                        \
  INLINE v##B at_most##B(v##B x, T most) { return select##B((mask##B)(x > most), all##B(most), x); }                   \
  /* half of everything until the end: 2^k itself may be too large */                                                  \
  INLINE v##B expm1_##B(v##B x) {                                                                                      \
    v##B b = at_most##B(select##B((mask##B)(x < least), all##B(least), x), most_exp), shifted, lost;                   \
    v##B p = expm1_parts##B(b, &shifted, &lost), s = power_of_two##B(shifted, -1), less = s - (T)0.5;                  \
    v##B high = fma##B(s, p, less), low = fma##B(s, p, less - high) + ((s - less) - (T)0.5);                           \
    return select##B((mask##B)(fabs##B(x) < tiny_exp), x, 2 * (high + fma##B(s, lost, low)));                          \
  }                                                                                                                    \
  /* exp(|x|) / 4 = high + low, and exp(-|x|) / 4 */                                                                   \
  INLINE v##B quarter_exp##B(v##B x, v##B *low, v##B *inverse) {                                                       \
    v##B shifted, lost, p = expm1_parts##B(at_most##B(fabs##B(x), most_half), &shifted, &lost);                        \
    v##B s = power_of_two##B(shifted, -2), high = fma##B(s, p, s);                                                     \
    *low = fma##B(s, lost, fma##B(s, p, s - high));                                                                    \
    *inverse = (T)0.0625 / high;                                                                                       \
    return high;                                                                                                       \
  }                                                                                                                    \
  INLINE v##B cosh_##B(v##B x) {                                                                                       \
    v##B low, inverse, high = quarter_exp##B(x, &low, &inverse);                                                       \
    return 2 * (high + (inverse + fma##B(-low, 16 * inverse * inverse, low)));                                         \
  }                                                                                                                    \
  INLINE v##B sinh_##B(v##B x) {                                                                                       \
    v##B low, inverse, high = quarter_exp##B(x, &low, &inverse), a = fabs##B(x), u = a * a;                            \
    v##B y = 2 * (high - (inverse - low)), odd = fma##B(a * u, sinh_series##B(u), a);                                  \
    y = select##B((mask##B)(a < 1), odd, y);                                                                           \
    return select##B((mask##B)(a < tiny), x, copy_sign##B(y, x));                                                      \
  }                                                                                                                    \
  /* e / (e + 2) for e = exp(2 |x|) - 1, in twice the precision up to the last rounding */                             \
  INLINE v##B tanh_##B(v##B x) {                                                                                       \
    v##B a = at_most##B(fabs##B(x), most_tanh), shifted, lost, p = expm1_parts##B(a + a, &shifted, &lost);             \
    v##B s = power_of_two##B(shifted, 0), less = s - 1, high = fma##B(s, p, less);                                     \
    v##B low = fma##B(s, lost, fma##B(s, p, less - high)), d = high + 2, two = d - high;                               \
    v##B d_low = (high - (d - two)) + (2 - two) + low, inverse = 1 / d, y = high * inverse;                            \
    v##B rest = fma##B(-y, d_low, fma##B(-y, d, high) + low);                                                          \
    return select##B((mask##B)(fabs##B(x) < tiny), x, copy_sign##B(fma##B(rest, inverse, y), x));                      \
  }
HYPERBOLIC(32, float, -20.0f, 89.0f, 89.5f, 10.0f, 0x1p-26f, 0x1p-13f)
HYPERBOLIC(64, double, -40.0, 710.0, 710.6, 20.0, 0x1p-55, 0x1p-28)
#undef HYPERBOLIC
