/* Logarithms of whole vectors of f32. Included by vector_functions.h, whose macros these use.
 *
 * x = 2^e m, 1 <= m < 2; an inverse of few bits for each of 32 pieces of m makes f = m / piece - 1 small and exact. The
 * logarithms of the pieces, like that of 2, stand in two parts, whose first one has so few bits that sums with e are
 * exact. Beside 1, from above and below, these sums are 0, so that nothing cancels. Coefficients interpolate
 * (log(1 + f) - f) / f^2 in Chebyshev's points (tools/coefficients.py). */
typedef struct log_base32 {
  const float *piece, *piece_low; /* -log of the inverses */
  const float *c;                 /* of f^2 to f^5 */
  float two, two_low, scale, scale_low;
} log_base32;
static const float log_inverse32[32] = {
    0x1p+0f,    0x1.e8p-1f, 0x1.dcp-1f, 0x1.ccp-1f, 0x1.cp-1f,  0x1.b4p-1f, 0x1.a8p-1f, 0x1.ap-1f,
    0x1.94p-1f, 0x1.8cp-1f, 0x1.8p-1f,  0x1.78p-1f, 0x1.7p-1f,  0x1.68p-1f, 0x1.6p-1f,  0x1.58p-1f,
    0x1.52p-1f, 0x1.4ap-1f, 0x1.44p-1f, 0x1.3ep-1f, 0x1.38p-1f, 0x1.32p-1f, 0x1.2cp-1f, 0x1.28p-1f,
    0x1.22p-1f, 0x1.1cp-1f, 0x1.18p-1f, 0x1.14p-1f, 0x1.0ep-1f, 0x1.0ap-1f, 0x1.06p-1f, 0x1p-1f};
static const float log_piece_e_32[32] = {
    0x0p+0f,      0x1.894p-5f,  0x1.2aap-4f,  0x1.b6bp-4f,  0x1.1178p-3f, 0x1.491p-3f,  0x1.824p-3f,  0x1.a94p-3f,
    0x1.e53p-3f,  0x1.0714p-2f, 0x1.2698p-2f, 0x1.3c24p-2f, 0x1.522cp-2f, 0x1.68acp-2f, 0x1.7fbp-2f,  0x1.973cp-2f,
    0x1.a94p-2f,  0x1.c1c4p-2f, 0x1.d49p-2f,  0x1.e7b4p-2f, 0x1.fb34p-2f, 0x1.078cp-1f, 0x1.11bp-1f,  0x1.188ep-1f,
    0x1.230ap-1f, 0x1.2dcp-1f,  0x1.3502p-1f, 0x1.3c6p-1f,  0x1.47a2p-1f, 0x1.4f46p-1f, 0x1.5708p-1f, 0x1.62e4p-1f};
static const float log_piece_low_e_32[32] = {
    0x0p+0f,          0x1.54294p-18f,   0x1.2911c6p-22f,  -0x1.bb9296p-19f, 0x1.d044fcp-20f,  0x1.ec199ep-18f,
    -0x1.f4d572p-18f, -0x1.2c3752p-19f, 0x1.dffce2p-20f,  -0x1.e7ecaap-20f, -0x1.deecb2p-18f, 0x1.277334p-18f,
    -0x1.1f8c76p-18f, 0x1.07d38ep-19f,  -0x1.7109fap-20f, -0x1.cbcecap-18f, -0x1.2c3754p-18f, 0x1.0349fcp-17f,
    0x1.236f7cp-21f,  0x1.61eed4p-21f,  0x1.8af7a4p-18f,  -0x1.f59878p-22f, -0x1.f70e2ap-19f, 0x1.c81e48p-18f,
    0x1.0d8becp-17f,  -0x1.5509e4p-18f, 0x1.15b3bp-18f,   0x1.0186d8p-18f,  -0x1.5b02ecp-18f, -0x1.5f296ep-19f,
    -0x1.76511ep-19f, 0x1.7f7d1cp-20f};
static const float log_series_e_32[4] = {-0x1p-1f, 0x1.5555ap-2f, -0x1.000d0ap-2f, 0x1.90681p-3f};
static const log_base32 base_e_32 = {
    log_piece_e_32, log_piece_low_e_32, log_series_e_32, 0x1.62e4p-1f, 0x1.7f7d1cp-20f, 0x1p+0f, 0};
static const float log_piece_2_32[32] = {
    0x0p+0f,      0x1.1bbp-4f,  0x1.aedp-4f,  0x1.3c7p-3f,  0x1.8a88p-3f, 0x1.dacp-3f,  0x1.169cp-2f, 0x1.32cp-2f,
    0x1.5dfcp-2f, 0x1.7b88p-2f, 0x1.a9p-2f,   0x1.c818p-2f, 0x1.e7ep-2f,  0x1.042cp-1f, 0x1.14c6p-1f, 0x1.25cp-1f,
    0x1.32cp-1f,  0x1.4472p-1f, 0x1.52p-1f,   0x1.5fcep-1f, 0x1.6dep-1f,  0x1.7c38p-1f, 0x1.8ad8p-1f, 0x1.94c2p-1f,
    0x1.a3e2p-1f, 0x1.b354p-1f, 0x1.bdcep-1f, 0x1.c87p-1f,  0x1.d8acp-1f, 0x1.e3b2p-1f, 0x1.eee4p-1f, 0x1p+0f};
static const float log_piece_low_2_32[32] = {
    0x0p+0f,          0x1.953002p-19f,  0x1.c8d5b4p-19f,  -0x1.26bcc8p-21f, 0x1.80abfcp-19f,  0x1.169f22p-18f,
    0x1.4d8fc6p-24f,  -0x1.1c8f12p-22f, 0x1.cf1eeap-18f,  0x1.f02cf2p-18f,  -0x1.a39fbep-20f, 0x1.dc2d46p-18f,
    -0x1.40358ep-19f, -0x1.5a32c2p-20f, -0x1.3e032ep-18f, 0x1.408c78p-18f,  -0x1.1c8f12p-21f, -0x1.2ba7fp-18f,
    -0x1.a39fbep-18f, -0x1.8ec6c2p-20f, -0x1.eac382p-20f, -0x1.5b7606p-19f, 0x1.1b3cdap-19f,  0x1.0e9258p-18f,
    0x1.e95888p-18f,  0x1.61d876p-19f,  0x1.3b992cp-18f,  -0x1.0902b6p-18f, -0x1.7ee94p-19f,  0x1.51bd56p-23f,
    -0x1.a3aa26p-18f, 0x0p+0f};
static const float log_series_2_32[4] = {-0x1.715476p-1f, 0x1.ec710ap-2f, -0x1.716746p-2f, 0x1.20d50cp-2f};
static const log_base32 base_2_32 = {log_piece_2_32, log_piece_low_2_32, log_series_2_32, 0x1p+0f, 0,
                                     0x1.715476p+0f, 0x1.4ae0cp-26f};
static const float log_piece_10_32[32] = {
    0x0p+0f,      0x1.558p-6f,  0x1.036p-5f,  0x1.7dp-5f,   0x1.db2p-5f,  0x1.1ddp-4f,  0x1.4f8p-4f,  0x1.716p-4f,
    0x1.a57p-4f,  0x1.c9p-4f,   0x1.ffcp-4f,  0x1.1298p-3f, 0x1.25b8p-3f, 0x1.3948p-3f, 0x1.4d4p-3f,  0x1.61b8p-3f,
    0x1.7158p-3f, 0x1.86a8p-3f, 0x1.96f8p-3f, 0x1.a798p-3f, 0x1.b888p-3f, 0x1.c9dp-3f,  0x1.db7p-3f,  0x1.e76p-3f,
    0x1.f998p-3f, 0x1.0618p-2f, 0x1.0c64p-2f, 0x1.12ccp-2f, 0x1.1c94p-2f, 0x1.2334p-2f, 0x1.29f4p-2f, 0x1.344p-2f};
static const float log_piece_low_10_32[32] = {
    0x0p+0f,          0x1.bd2406p-18f,  0x1.120f32p-20f,  0x1.c0517ep-19f,  -0x1.c25132p-18f, 0x1.518322p-18f,
    -0x1.54991p-18f,  -0x1.798e4cp-19f, -0x1.7cda0ap-20f, 0x1.50cf32p-19f,  -0x1.ea21c4p-23f, 0x1.a4fb3ep-19f,
    0x1.410ad8p-18f,  -0x1.fe10d6p-20f, 0x1.fc13aep-18f,  -0x1.6c667cp-19f, 0x1.4338dap-17f,  0x1.8be086p-18f,
    0x1.46d8e8p-17f,  0x1.4e0afp-17f,   0x1.99f3e6p-17f,  0x1.e832e2p-18f,  0x1.8fd2dcp-20f,  0x1.24046cp-19f,
    0x1.fdb74ap-27f,  0x1.7427eap-21f,  0x1.88eb56p-17f,  0x1.31b9cap-18f,  -0x1.1daa88p-19f, 0x1.58b0dap-17f,
    -0x1.3c7aaap-20f, 0x1.3509f8p-18f};
static const float log_series_10_32[4] = {-0x1.bcb7b2p-3f, 0x1.287ab8p-3f, -0x1.bcce58p-4f, 0x1.5bc9e4p-4f};
static const log_base32 base_10_32 = {log_piece_10_32, log_piece_low_10_32, log_series_10_32, 0x1.344p-2f,
                                      0x1.3509f8p-18f, 0x1.bcb7b2p-2f,      -0x1.5b235ep-27f};

/* Of normal x > 0, plus `more` of the exponent. */
INLINE v32 log_usual32(v32 x, v32 more, const log_base32 *base) {
  v32 whole = EXPONENT32(x) + more, m = MANTISSA32(x);
  mask32 piece = (mask32)m >> 18 & 31;
  v32 f = fma32(m, ENTRY32(log_inverse32, piece), all32(-1));
  v32 rest = ENTRY32(base->piece_low, piece);
  if (base->two_low) rest = fma32(whole, all32(base->two_low), rest); /* both are known to the compiler */
  if (base->scale_low) rest = fma32(f, all32(base->scale_low), rest);
  rest = fma32(f, all32(base->scale), fma32(f * f, poly32(f, base->c, 4), rest));
  return fma32(whole, all32(base->two), ENTRY32(base->piece, piece)) + rest;
}
#define UNUSUAL_LOG(Name)                                                                                              \
  static __attribute__((noinline)) v32 log_unusual_##Name##_32(v32 x) {                                                \
    mask32 small = (mask32)(x < 0x1p-126f);                                                                            \
    v32 y = log_usual32(select32(small, x * 0x1p24f, x), select32(small, all32(-24), all32(0)), &base_##Name##_32);    \
    y = select32((mask32)(x > 0), select32((mask32)(x == all32(INFINITY)), x, y), all32(NAN));                         \
    return select32((mask32)(x == 0), all32(-INFINITY), y);                                                            \
  }                                                                                                                    \
  INLINE v32 log_##Name##_32(v32 x) {                                                                                  \
    mask32 usual = (mask32)(x >= 0x1p-126f) & (mask32)(x < all32(INFINITY));                                           \
    return ANY32(~usual) ? log_unusual_##Name##_32(x) : log_usual32(x, all32(0), &base_##Name##_32);                   \
  }
UNUSUAL_LOG(e)
UNUSUAL_LOG(2)
UNUSUAL_LOG(10)
#undef UNUSUAL_LOG
