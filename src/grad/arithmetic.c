/* Derivatives of elementwise arithmetic, remainders, powers and roots. */
#include "grad/elementwise.h"

BINARY(add, RAW(D), RAW(D))
BINARY(subtract, RAW(D), kv_negative(s, RAW(D)))
BINARY(multiply, kv_multiply(s, RAW(D), RAW(B)), kv_multiply(s, RAW(D), RAW(A)))
BINARY(divide, kv_divide(s, RAW(D), RAW(B)), kv_negative(s, kv_multiply(s, kv_divide(s, D, B), Y)))
UNARY(negative, kv_negative(s, RAW(D)))
UNARY(reciprocal, kv_negative(s, kv_multiply(s, kv_multiply(s, D, Y), Y)))

static kvino_tensor *twice_difference(kv_grad *g) {
  kv_scope *s = g->s;
  return kv_multiply(s, D, kv_scaled(s, kv_subtract(s, A, B), 2));
}
BINARY(squared_difference, twice_difference(g), kv_negative(s, twice_difference(g)))

/* ---- remainders: a - b q, where the quotient q is constant between jumps ---- */

/* (a - y) / b is whole but for its rounding. */
static kvino_tensor *quotient(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *q = kv_divide(s, kv_subtract(s, A, Y), B);
  return kv_round(s, q, (kv_round_attrs){.mode = "half_to_even"});
}
BINARY(remainder, RAW(D), kv_negative(s, kv_multiply(s, D, quotient(g))))

/* A step of one ulp from a: a's derivative is 1, as TensorFlow has it. */
void kv_grad_next_after(kv_grad *g) {
  if (g->wanted[0]) kv_cotangent(g, 0, g->d_out[0]);
}

/* a 2^b with b whole. */
void kv_grad_ldexp(kv_grad *g) {
  if (g->wanted[0]) kv_cotangent(g, 0, kv_ldexp(g->s, g->d_out[0], g->in[1]));
}

/* ---- powers and roots ---- */

/* a ** b: b a ** (b - 1), which is 0 where b is 0; ln(a) a ** b, which is 0 where a is 0 and b positive. */
static kvino_tensor *power_of_base(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *b = B, *one = kv_like(s, b, 1), *is_zero = kv_equal(s, b, kv_like(s, b, 0));
  kvino_tensor *slope = kv_multiply(s, b, kv_power(s, A, kv_subtract(s, kv_select(s, is_zero, one, b), one)));
  return kv_multiply(s, D, slope);
}
static kvino_tensor *power_of_exponent(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *a = A, *zero = kv_like(s, a, 0), *is_zero = kv_equal(s, a, zero);
  kvino_tensor *log = kv_select(s, is_zero, zero, kv_log(s, kv_select(s, is_zero, kv_like(s, a, 1), a)));
  return kv_multiply(s, D, kv_multiply(s, Y, log));
}
BINARY(power, power_of_base(g), power_of_exponent(g))

UNARY(sqrt, kv_divide(s, kv_scaled(s, D, 0.5), Y))
UNARY(rsqrt, kv_multiply(s, kv_scaled(s, D, -0.5), kv_divide(s, Y, X)))
UNARY(cbrt, kv_divide(s, D, kv_multiply(s, kv_scaled(s, Y, 3), Y)))

/* a / y, and 0 at the origin, where there is no derivative. */
static kvino_tensor *over_length(kv_grad *g, kvino_tensor *a) {
  kv_scope *s = g->s;
  kvino_tensor *y = Y, *at_origin = kv_equal(s, y, kv_like(s, y, 0));
  return kv_multiply(s, D, kv_divide(s, a, kv_select(s, at_origin, kv_like(s, y, 1), y)));
}
BINARY(hypot, over_length(g, A), over_length(g, B))
