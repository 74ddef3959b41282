/* The passes of fft.h, for the compiler to vectorize.
 *
 * Stockham: y[q + s (r p + j)] = w^(p j) sum over k of x[q + s (p + k m)] exp(-2 pi i j k / r), w = exp(-2 pi i / (r
 * m)), with s lines interleaved (q), r the radix, p below m. */
#include "kernels/level.h"
#include "kernels/signal/fft.h"

#define INLINE static inline __attribute__((always_inline))

/* Element p, q of the part that factor k reads (FROM), and the place of part j (TO). */
#define FROM(k) (q + s * (p + (k)*m))
#define TO(j) (q + s * (r * p + (j)))
#define STORE(j, vre, vim)                                                                                             \
  do {                                                                                                                 \
    const double a_ = (vre), b_ = (vim);                                                                               \
    const double wr_ = t->root_re[((j)-1) * m + p], wi_ = t->root_im[((j)-1) * m + p];                                 \
    to_re[TO(j)] = a_ * wr_ - b_ * wi_;                                                                                \
    to_im[TO(j)] = a_ * wi_ + b_ * wr_;                                                                                \
  } while (0)
#define POINTERS                                                                                                       \
  const double *restrict re = t->re, *restrict im = t->im;                                                             \
  double *restrict to_re = t->to_re, *restrict to_im = t->to_im;                                                       \
  const int64_t m = t->m;

INLINE void butterfly2(const kv_fft_pass *t, int64_t s, int64_t p, int64_t q) {
  POINTERS
  enum { r = 2 };
  const double ar = re[FROM(0)], ai = im[FROM(0)], br = re[FROM(1)], bi = im[FROM(1)];
  to_re[TO(0)] = ar + br;
  to_im[TO(0)] = ai + bi;
  STORE(1, ar - br, ai - bi);
}

INLINE void butterfly3(const kv_fft_pass *t, int64_t s, int64_t p, int64_t q) {
  POINTERS
  enum { r = 3 };
  const double half_root = 0.86602540378443864676; /* sin(2 pi / 3) */
  const double ar = re[FROM(0)], ai = im[FROM(0)];
  const double sr = re[FROM(1)] + re[FROM(2)], si = im[FROM(1)] + im[FROM(2)];
  const double dr = half_root * (re[FROM(1)] - re[FROM(2)]), di = half_root * (im[FROM(1)] - im[FROM(2)]);
  const double cr = ar - 0.5 * sr, ci = ai - 0.5 * si;
  to_re[TO(0)] = ar + sr;
  to_im[TO(0)] = ai + si;
  STORE(1, cr + di, ci - dr);
  STORE(2, cr - di, ci + dr);
}

INLINE void butterfly4(const kv_fft_pass *t, int64_t s, int64_t p, int64_t q) {
  POINTERS
  enum { r = 4 };
  const double ar = re[FROM(0)] + re[FROM(2)], ai = im[FROM(0)] + im[FROM(2)];
  const double br = re[FROM(0)] - re[FROM(2)], bi = im[FROM(0)] - im[FROM(2)];
  const double cr = re[FROM(1)] + re[FROM(3)], ci = im[FROM(1)] + im[FROM(3)];
  const double dr = re[FROM(1)] - re[FROM(3)], di = im[FROM(1)] - im[FROM(3)];
  to_re[TO(0)] = ar + cr;
  to_im[TO(0)] = ai + ci;
  STORE(1, br + di, bi - dr);
  STORE(2, ar - cr, ai - ci);
  STORE(3, br - di, bi + dr);
}

INLINE void butterfly5(const kv_fft_pass *t, int64_t s, int64_t p, int64_t q) {
  POINTERS
  enum { r = 5 };
  const double c1 = 0.30901699437494742410, c2 = -0.80901699437494742410; /* cos(2 pi / 5), cos(4 pi / 5) */
  const double s1 = 0.95105651629515357212, s2 = 0.58778525229247312917;  /* the sines */
  const double ar = re[FROM(0)], ai = im[FROM(0)];
  const double pr = re[FROM(1)] + re[FROM(4)], pi = im[FROM(1)] + im[FROM(4)];
  const double mr = re[FROM(1)] - re[FROM(4)], mi = im[FROM(1)] - im[FROM(4)];
  const double ur = re[FROM(2)] + re[FROM(3)], ui = im[FROM(2)] + im[FROM(3)];
  const double vr = re[FROM(2)] - re[FROM(3)], vi = im[FROM(2)] - im[FROM(3)];
  const double xr = ar + c1 * pr + c2 * ur, xi = ai + c1 * pi + c2 * ui;
  const double yr = ar + c2 * pr + c1 * ur, yi = ai + c2 * pi + c1 * ui;
  const double er = s1 * mr + s2 * vr, ei = s1 * mi + s2 * vi;
  const double fr = s2 * mr - s1 * vr, fi = s2 * mi - s1 * vi;
  to_re[TO(0)] = ar + pr + ur;
  to_im[TO(0)] = ai + pi + ui;
  STORE(1, xr + ei, xi - er);
  STORE(4, xr - ei, xi + er);
  STORE(2, yr + fi, yi - fr);
  STORE(3, yr - fi, yi + fr);
}

/* What a loop writes is not what it reads: restrict pointers within a function put inline are forgotten. */
#ifdef __clang__
#define NO_ALIAS _Pragma("clang loop vectorize(assume_safety)")
#else
#define NO_ALIAS _Pragma("GCC ivdep")
#endif

#define PASS(radix)                                                                                                    \
  static void pass##radix(const kv_fft_pass *t, int64_t begin, int64_t end, int64_t first, int64_t last) {             \
    const int64_t stride = t->stride;                                                                                  \
    if (stride == 1) { /* along the butterflies */                                                                     \
      for (int64_t p = begin; p < end; p++) butterfly##radix(t, 1, p, 0);                                              \
    } else if (stride == 4 && last - first == 4) { /* lengths that the compiler knows */                               \
      for (int64_t p = begin; p < end; p++) NO_ALIAS for (int64_t q = 0; q < 4; q++) butterfly##radix(t, 4, p, q);     \
    } else if (stride == 8 && last - first == 8) {                                                                     \
      for (int64_t p = begin; p < end; p++) NO_ALIAS for (int64_t q = 0; q < 8; q++) butterfly##radix(t, 8, p, q);     \
    } else {                                                                                                           \
      for (int64_t p = begin; p < end; p++)                                                                            \
        NO_ALIAS for (int64_t q = first; q < last; q++) butterfly##radix(t, stride, p, q);                             \
    }                                                                                                                  \
  }
PASS(2)
PASS(3)
PASS(4)
PASS(5)

/* Any odd radix: pairs of parts k and r - k, whose sums meet cosines and whose differences meet sines. */
static void pass_odd(const kv_fft_pass *t, int64_t begin, int64_t end, int64_t first, int64_t last) {
  enum { BLOCK = 8, PAIRS = KV_FFT_MAX_RADIX / 2 };
  POINTERS
  const int64_t r = t->radix, s = t->stride, pairs = r / 2;
  double cosine[KV_FFT_MAX_RADIX], sine[KV_FFT_MAX_RADIX];
  for (int64_t k = 0; k < r; k++) kv_fft_root(k, r, &cosine[k], &sine[k]);
  for (int64_t p = begin; p < end; p++)
    for (int64_t q0 = first; q0 < last; q0 += BLOCK) {
      const int64_t n = last - q0 < BLOCK ? last - q0 : BLOCK;
      double sr[PAIRS + 1][BLOCK], si[PAIRS + 1][BLOCK], dr[PAIRS + 1][BLOCK], di[PAIRS + 1][BLOCK];
      for (int64_t i = 0; i < n; i++) {
        const int64_t q = q0 + i;
        double ar = re[FROM(0)], ai = im[FROM(0)];
        sr[0][i] = ar;
        si[0][i] = ai;
        for (int64_t k = 1; k <= pairs; k++) {
          sr[k][i] = re[FROM(k)] + re[FROM(r - k)];
          si[k][i] = im[FROM(k)] + im[FROM(r - k)];
          dr[k][i] = re[FROM(k)] - re[FROM(r - k)];
          di[k][i] = im[FROM(k)] - im[FROM(r - k)];
          ar += sr[k][i];
          ai += si[k][i];
        }
        to_re[TO(0)] = ar;
        to_im[TO(0)] = ai;
      }
      for (int64_t j = 1; j <= pairs; j++) {
        double xr[BLOCK], xi[BLOCK], yr[BLOCK], yi[BLOCK];
        for (int64_t i = 0; i < n; i++) {
          xr[i] = sr[0][i];
          xi[i] = si[0][i];
          yr[i] = yi[i] = 0;
        }
        for (int64_t k = 1, w = j; k <= pairs; k++, w = w + j < r ? w + j : w + j - r)
          for (int64_t i = 0; i < n; i++) {
            xr[i] += cosine[w] * sr[k][i];
            xi[i] += cosine[w] * si[k][i];
            yr[i] += sine[w] * dr[k][i];
            yi[i] += sine[w] * di[k][i];
          }
        for (int64_t i = 0; i < n; i++) {
          const int64_t q = q0 + i;
          STORE(j, xr[i] - yi[i], xi[i] + yr[i]);
          STORE(r - j, xr[i] + yi[i], xi[i] - yr[i]);
        }
      }
    }
}

void KV_AT_LEVEL(kv_fft_pass)(const kv_fft_pass *pass, int64_t begin, int64_t end, int64_t first, int64_t last) {
  switch (pass->radix) {
  case 2:
    pass2(pass, begin, end, first, last);
    break;
  case 3:
    pass3(pass, begin, end, first, last);
    break;
  case 4:
    pass4(pass, begin, end, first, last);
    break;
  case 5:
    pass5(pass, begin, end, first, last);
    break;
  default:
    pass_odd(pass, begin, end, first, last);
  }
}
