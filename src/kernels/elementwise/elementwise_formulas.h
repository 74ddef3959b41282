/* The larger formulas of elementwise.def. All are expressions; T, U and R are as said there, names of their own end in
 * `_`. */
#ifndef KVINO_KERNELS_ELEMENTWISE_ELEMENTWISE_FORMULAS_H
#define KVINO_KERNELS_ELEMENTWISE_ELEMENTWISE_FORMULAS_H

#include <complex.h>
#include <tgmath.h>

#include "kernels/elementwise/special.h"
#include "kernels/elementwise/vector_math.h"

#define BITS (sizeof(T) * 8)
#define F(i) ((T)params.number[i])
#define N(i) (params.integer[i])
/* Comparisons that are false for NaN leave NaN alone. */
#define CLIP(v, low, high)                                                                                             \
  ({                                                                                                                   \
    const T v_ = (v);                                                                                                  \
    v_<(low) ? (T)(low) : v_>(high) ? (T)(high) : v_;                                                                  \
  })
#define WIDE(value, expression)                                                                                        \
  ({                                                                                                                   \
    const double x = (double)(value);                                                                                  \
    (T)(expression);                                                                                                   \
  })

/* ---- integers: everything modulo 2^bits, nothing undefined ---- */

#define NEGATE(v) ((T)(0u - (U)(v)))
#define MAGNITUDE(v) ((v) < 0 ? (U)(0u - (U)(v)) : (U)(v))
/* INT_MIN / -1 does not fit and traps on x86: it wraps to INT_MIN. */
#define TRUNC_DIVIDE(v, w) ((w) == 0 ? (T)0 : (w) == -1 ? NEGATE(v) : (T)((v) / (w)))
#define FLOOR_DIVIDE(v, w)                                                                                             \
  ((w) == 0 ? (T)0 : (w) == -1 ? NEGATE(v) : (T)((v) / (w) - ((v) % (w) != 0 && ((v) < 0) != ((w) < 0))))
#define FLOOR_MOD(v, w)                                                                                                \
  ({                                                                                                                   \
    const T rest_ = (w) == 0 || (w) == -1 ? (T)0 : (T)((v) % (w));                                                     \
    rest_ != 0 && (rest_ < 0) != ((w) < 0) ? (T)(rest_ + (w)) : rest_;                                                 \
  })
#define INT_POWER(base, exponent)                                                                                      \
  ({                                                                                                                   \
    T square_ = (base), power_ = 1;                                                                                    \
    for (T e_ = (exponent); e_; e_ = (T)(e_ >> 1), square_ = (T)(1u * square_ * square_))                              \
      if (e_ & 1) power_ = (T)(1u * power_ * square_);                                                                 \
    power_;                                                                                                            \
  })
#define GCD(v, w)                                                                                                      \
  ({                                                                                                                   \
    U g_ = (v), h_ = (w);                                                                                              \
    while (h_) {                                                                                                       \
      const U rest_ = (U)(g_ % h_);                                                                                    \
      g_ = h_;                                                                                                         \
      h_ = rest_;                                                                                                      \
    }                                                                                                                  \
    g_;                                                                                                                \
  })
#define LCM(v, w)                                                                                                      \
  ({                                                                                                                   \
    const U v_ = (v), w_ = (w), gcd_ = GCD(v_, w_);                                                                    \
    gcd_ ? (U)(1u * (U)(v_ / gcd_) * w_) : (U)0;                                                                       \
  })

/* ---- real ---- */

/* Python's remainder: the divisor's sign, also for zero. */
#define F_FLOOR_MOD(v, w)                                                                                              \
  ({                                                                                                                   \
    const T rest_ = fmod(v, w);                                                                                        \
    (w) == 0 ? rest_ : rest_ == 0 ? copysign((T)0, w) : (rest_ < 0) != ((w) < 0) ? rest_ + (w) : rest_;                \
  })
/* The quotient that belongs to that remainder: (v - rest) / w is nearly whole, and rounded to the nearest. */
#define F_FLOOR_DIVIDE(v, w)                                                                                           \
  ({                                                                                                                   \
    const T rest_ = fmod(v, w);                                                                                        \
    T q_ = ((v)-rest_) / (w);                                                                                          \
    if (rest_ != 0 && (rest_ < 0) != ((w) < 0)) q_ -= 1;                                                               \
    const T whole_ = floor(q_);                                                                                        \
    (w) == 0 ? (v) / (w) : q_ == 0 ? copysign((T)0, (v) / (w)) : q_ - whole_ > (T)0.5 ? whole_ + 1 : whole_;           \
  })
/* log(exp(unit v) + exp(unit w)) / unit, without overflow. */
#define LOG_ADD(v, w, unit)                                                                                            \
  ({                                                                                                                   \
    const double v_ = (double)(v), w_ = (double)(w), d_ = fabs(v_ - w_);                                               \
    const double sum_ = (v_ > w_ ? v_ : w_) + LOG1P(EXP(-d_ * (unit))) / (unit);                                       \
    (T)(v_ == w_ ? v_ + M_LN2 / (unit) : d_ == d_ ? sum_ : d_);                                                        \
  })
#define SIGMOID(v)                                                                                                     \
  ({                                                                                                                   \
    const double v_ = (v), e_ = EXP(-fabs(v_));                                                                        \
    (v_ < 0 ? e_ : 1) / (1 + e_);                                                                                      \
  })
#define SOFT_PLUS(v)                                                                                                   \
  ({                                                                                                                   \
    const double v_ = (v);                                                                                             \
    (v_ > 0 ? v_ : 0) + LOG1P(EXP(-fabs(v_)));                                                                         \
  })
#define COSH(v)                                                                                                        \
  ({                                                                                                                   \
    const double e_ = exp_f32(fabs(v));                                                                                \
    0.5 * e_ + 0.5 / e_;                                                                                               \
  })
#define SINH(v)                                                                                                        \
  ({                                                                                                                   \
    const double e_ = expm1_f32(fabs(v));                                                                              \
    copysign(0.5 * (e_ + e_ / (e_ + 1)), v);                                                                           \
  })
/* (1 + tanh(u)) / 2 is sigmoid(2u), without the cancellation. */
#define GELU_TANH(v) ((v)*SIGMOID(1.59576912160573071176 * ((v) + 0.044715 * (v) * (v) * (v))))

/* The neighbour of v towards w, of a float format given by its bits; `largest`: the largest magnitude that is not NaN.
 */
#define NEXT_BITS(v, w, largest)                                                                                       \
  ({                                                                                                                   \
    const T sign_ = (T)(1u << (BITS - 1)), v_ = (T)((v) & (T)~sign_), w_ = (T)((w) & (T)~sign_);                       \
    v_ > (largest)                                   ? (v)                                                             \
    : w_ > (largest) || (v) == (w) || (v_ | w_) == 0 ? (w)                                                             \
    : v_ == 0                                        ? (T)(((w)&sign_) | 1)                                            \
    : (((v) ^ (w)) & sign_) == 0 && w_ > v_          ? (T)((v) + 1)                                                    \
                                                     : (T)((v)-1);                                                              \
  })

/* ---- complex ---- */

#define MAKE(re, im) __builtin_complex((R)(re), (R)(im))
#define C_EACH(function, v) MAKE(function(creal(v)), function(cimag(v)))
#define C_ISNAN(v) (creal(v) != creal(v) || cimag(v) != cimag(v))
#define C_ISINF(v) (fabs(creal(v)) == INFINITY || fabs(cimag(v)) == INFINITY)
#define C_ISFINITE(v) (fabs(creal(v)) < INFINITY && fabs(cimag(v)) < INFINITY)
/* Lexicographic; false where a NaN takes part. */
#define C_LESS(v, w)                                                                                                   \
  ((creal(v) < creal(w) && cimag(v) == cimag(v) && cimag(w) == cimag(w)) ||                                            \
   (creal(v) == creal(w) && cimag(v) < cimag(w)))
#define C_GREATER_EQUAL(v, w)                                                                                          \
  ((creal(v) > creal(w) && cimag(v) == cimag(v) && cimag(w) == cimag(w)) ||                                            \
   (creal(v) == creal(w) && cimag(v) >= cimag(w)))
/* C's own * and / repair infinities with library calls; NumPy's do not. The sum is written so that gcc does not see a
 * "multiply, then subtract and add", which it turns into fused operations of one rounding even where contraction is
 * off. */
#define C_MULTIPLY(v, w)                                                                                               \
  ({                                                                                                                   \
    const R a_ = creal(v), b_ = cimag(v), c_ = creal(w), d_ = cimag(w);                                                \
    MAKE(a_ *c_ + -b_ * d_, a_ * d_ + b_ * c_);                                                                        \
  })
/* Smith's method: scales by the larger part of the divisor. */
#define C_DIVIDE(v, w)                                                                                                 \
  ({                                                                                                                   \
    const R a_ = creal(v), b_ = cimag(v), c_ = creal(w), d_ = cimag(w);                                                \
    const bool wide_ = fabs(c_) >= fabs(d_), zero_ = c_ == 0 && d_ == 0;                                               \
    const R ratio_ = wide_ ? d_ / c_ : c_ / d_, scale_ = 1 / (wide_ ? c_ + d_ * ratio_ : d_ + c_ * ratio_);            \
    const R re_ = wide_ ? a_ + b_ * ratio_ : a_ * ratio_ + b_, im_ = wide_ ? b_ - a_ * ratio_ : b_ * ratio_ - a_;      \
    zero_ ? MAKE(a_ / fabs(c_), b_ / fabs(c_)) : MAKE(re_ *scale_, im_ *scale_);                                       \
  })
#define C_SIGN(v)                                                                                                      \
  ({                                                                                                                   \
    const R a_ = creal(v), b_ = cimag(v), size_ = hypot(a_, b_);                                                       \
    const bool far_a_ = fabs(a_) == INFINITY, far_b_ = fabs(b_) == INFINITY;                                           \
    size_ != size_ || C_ISNAN(v) || (far_a_ && far_b_) ? MAKE(NAN, NAN)                                                \
    : far_a_                                           ? MAKE(copysign((R)1, a_), 0)                                   \
    : far_b_                                           ? MAKE(0, copysign((R)1, b_))                                   \
    : size_ == 0                                       ? MAKE(0, 0)                                                    \
                                                       : MAKE(a_ / size_, b_ / size_);                                                                       \
  })
#define C_POWER(v, w) ((T)kv_complex_power((double complex)(v), (double complex)(w)))
#define C_EXPM1(v) ((T)kv_complex_expm1((double complex)(v)))
#define C_LOG1P(v) ((T)kv_complex_log1p((double complex)(v)))

#endif
