/* Derivatives of exponentials, logarithms and hyperbolic functions. */
#include <math.h>

#include "grad/elementwise.h"

UNARY(exp, kv_multiply(s, RAW(D), RAW(Y)))
UNARY(exp2, kv_multiply(s, kv_scaled(s, D, M_LN2), Y))
UNARY(expm1, kv_multiply(s, D, kv_exp(s, X))) /* y + 1 has no digits left far below 0 */
UNARY(log, kv_divide(s, RAW(D), RAW(X)))
UNARY(log2, kv_divide(s, kv_scaled(s, D, M_LOG2E), X))
UNARY(log10, kv_divide(s, kv_scaled(s, D, M_LOG10E), X))
UNARY(log1p, kv_divide(s, D, kv_add(s, X, NUMBER(1))))

/* a - b, the shares being sigmoid(a - b) and sigmoid(b - a); 0 where both are the same infinity. */
static kvino_tensor *lead(kv_grad *g, kvino_tensor *a, kvino_tensor *b) {
  kv_scope *s = g->s;
  kvino_tensor *same = kv_logical_and(s, kv_equal(s, a, b), kv_is_inf(s, a));
  return kv_select(s, same, kv_like(s, a, 0), kv_subtract(s, a, b));
}
BINARY(log_add_exp, kv_multiply(s, D, kv_sigmoid(s, lead(g, A, B))), kv_multiply(s, D, kv_sigmoid(s, lead(g, B, A))))
BINARY(log_add_exp2, kv_multiply(s, D, kv_sigmoid(s, kv_scaled(s, lead(g, A, B), M_LN2))),
       kv_multiply(s, D, kv_sigmoid(s, kv_scaled(s, lead(g, B, A), M_LN2))))

UNARY(sinh, kv_multiply(s, D, kv_cosh(s, X)))
UNARY(cosh, kv_multiply(s, D, kv_sinh(s, X)))
UNARY(tanh, kv_multiply(s, D, kv_subtract(s, NUMBER(1), kv_multiply(s, Y, Y))))
UNARY(asinh, kv_divide(s, D, kv_sqrt(s, kv_add(s, kv_multiply(s, X, X), NUMBER(1)))))
/* Of two roots: the branch of complex operands, and no square that overflows. */
UNARY(acosh,
      kv_divide(s, D, kv_multiply(s, kv_sqrt(s, kv_subtract(s, X, NUMBER(1))), kv_sqrt(s, kv_add(s, X, NUMBER(1))))))
UNARY(atanh, kv_divide(s, D, kv_multiply(s, kv_subtract(s, NUMBER(1), X), kv_add(s, X, NUMBER(1)))))
