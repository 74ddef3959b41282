/* The error function of whole vectors, and what is made of it. Included by vector_functions.h, whose macros these use.
 * All coefficients interpolate in Chebyshev's points. */

/* erf(x) = x + x (erf(x) / x - 1), |x| < 1 */
INLINE v64 erf_near64(v64 x) {
  static const double c[] = {0x1.06eba8214db69p-3,   -0x1.812746b0379e6p-2,  0x1.ce2f21a042b30p-4,
                             -0x1.b82ce31284e00p-6,  0x1.565bcd0dbaa38p-8,   -0x1.c02db3dac435fp-11,
                             0x1.f9a321d5b8e1ep-14,  -0x1.f4d1e3183f7aep-17, 0x1.b9df224ca4b97p-20,
                             -0x1.5f1ecb6f0764cp-23, 0x1.f7b4bf3b13964p-27,  -0x1.389d4f2641625p-30,
                             0x1.05ffd737fb32ep-34};
  return fma64(x, poly64(x * x, c, 13), x);
}

/* erfc(a) for a >= 1/2: exp(-a^2) / (1 + 2 a) times a polynomial in (a - 3) / (a + 3). 2^k may be too small a number,
 * and is scaled until the end. */
INLINE v64 erfc_far64(v64 a) {
  static const double c[] = {
      0x1.40c522d7e4987p+0,  -0x1.15c084bb9e8f8p-3,  -0x1.85a15c58aa5acp-5,  0x1.098366a5b4983p-3,
      -0x1.e88b803a498fcp-4, 0x1.17ca2877e2fa9p-4,   -0x1.8574c40b9a5fcp-6,  0x1.4b884e6511e4ep-9,
      0x1.ef1bdd0bad21fp-10, -0x1.98db56640e17bp-11, -0x1.b9124caa07f04p-14, 0x1.065abb35f5fbep-13,
      0x1.4c148f371d109p-18, -0x1.514b5d0025f5ep-16, -0x1.863bb5b22951bp-21, 0x1.d341f58c1e3c1p-19,
      0x1.71e921fcf1e3dp-22, -0x1.51e72d9ce88b1p-21, -0x1.04b5ad5934720p-23, 0x1.de2edd171a46ep-24,
      0x1.87e87b6c8f7c8p-26, -0x1.05fe5973539a0p-26};
  v64 b = at_most64(a, 27.25), square = b * b, lost_square = fma64(b, b, -square), shifted, lost;
  v64 p = expm1_parts64(-square, &shifted, &lost), q = poly64((b - 3) / (b + 3), c, 22) / fma64(all64(2), b, all64(1));
  v64 small = fma64(-lost_square, 1 + p, p + lost);
  return fma64(q, small, q) * power_of_two64(shifted, 600) * 0x1p-600;
}

INLINE v64 erf_64(v64 x) {
  v64 a = fabs64(x), far = copy_sign64(1 - erfc_far64(a), x);
  return select64((mask64)(a < 1), erf_near64(x), far);
}
INLINE v64 erfc_64(v64 x) {
  v64 a = fabs64(x), far = erfc_far64(a);
  far = select64((mask64)(x < 0), 2 - far, far);
  return select64((mask64)(a < 0.5), 1 - erf_near64(x), far);
}
INLINE v32 erfc_32(v32 x) { return (v32)JOIN(erfc_64(LOW(x)), erfc_64(HIGH(x))); }

/* Above 1 it is 1 - 2^z, z = c - 2.5 x + x q(x): the whole part of z goes before anything is rounded. */
INLINE v32 erf_32(v32 x) {
  static const float near[] = {0x1.06eba80p-3f, -0x1.8127460p-2f,  0x1.ce2f080p-4f,  -0x1.b829c80p-6f,
                               0x1.562a600p-8f, -0x1.bccf660p-11f, 0x1.d887500p-14f, -0x1.445f480p-17f};
  static const float far[] = {0x1.bd24540p-1f,  -0x1.d2b45c0p-1f, -0x1.453f380p-3f,  0x1.38427e0p-5f,
                              -0x1.c203340p-8f, 0x1.c36a9c0p-11f, -0x1.16b3b00p-14f, 0x1.3d029e0p-19f};
  static const float power[] = {0x1.0000000p+0f, 0x1.62e4300p-1f,  0x1.ebfbe00p-3f, 0x1.c6aecc0p-5f,
                                0x1.3b2a1c0p-7f, 0x1.5f48c00p-10f, 0x1.4440000p-13f};
  v32 a = fabs32(x), u = x * x, b = at_most32(a, 4.0f), q = poly32(b, far, 8);
  v32 shifted = fma32(b, q, b * -2.5f) + 0x1.8p23f, k = shifted - 0x1.8p23f;
  v32 r = fma32(b, q, fma32(b, all32(-2.5f), -k)) + 0x1.e44c060p-12f;
  v32 y = fma32(-poly32(r, power, 7), power_of_two32(shifted, 0), all32(1));
  return select32((mask32)(a < 1), fma32(x, horner32(u, near, 8), x), copy_sign32(y, x));
}

/* x times the normal distribution's probability of less than x; `by_tanh`: nearly so, as sigmoid(2 u) with the usual
 * cubic. */
INLINE v64 gelu_64(v64 x, bool by_tanh) {
  if (by_tanh) return x * sigmoid64(1.59576912160573071176 * (x + 0.044715 * x * x * x));
  return 0.5 * x * erfc_64(x * -0x1.6a09e667f3bcdp-1);
}
INLINE v32 gelu_32(v32 x, bool by_tanh) { return (v32)JOIN(gelu_64(LOW(x), by_tanh), gelu_64(HIGH(x), by_tanh)); }
