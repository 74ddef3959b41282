/* Derivatives of trigonometric functions. */
#include "grad/elementwise.h"

UNARY(sin, kv_multiply(s, D, kv_cos(s, X)))
UNARY(cos, kv_negative(s, kv_multiply(s, D, kv_sin(s, X))))
UNARY(tan, kv_multiply(s, D, kv_add(s, kv_multiply(s, Y, Y), NUMBER(1))))

/* sqrt(1 - x^2), exact near 1. */
static kvino_tensor *cosine(kv_grad *g) {
  kv_scope *s = g->s;
  return kv_sqrt(s, kv_multiply(s, kv_subtract(s, NUMBER(1), X), kv_add(s, NUMBER(1), X)));
}
UNARY(asin, kv_divide(s, D, cosine(g)))
UNARY(acos, kv_negative(s, kv_divide(s, D, cosine(g))))
UNARY(atan, kv_divide(s, D, kv_add(s, kv_multiply(s, X, X), NUMBER(1))))

/* The angle of (b, a): b / r^2 and -a / r^2, with no square that overflows. NaN at the origin. */
static kvino_tensor *over_square(kv_grad *g, kvino_tensor *a) {
  kv_scope *s = g->s;
  kvino_tensor *r = kv_hypot(s, A, B);
  return kv_divide(s, kv_multiply(s, D, kv_divide(s, a, r)), r);
}
BINARY(atan2, over_square(g, B), kv_negative(s, over_square(g, A)))
