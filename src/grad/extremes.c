/* Derivatives of what chooses between operands by their size, and of what changes signs. At ties of two operands each
 * has half; at the bounds of a range the derivative is 1 (what starts there can leave it), of an activation 0. Nothing
 * passes where a comparison with NaN decides, as in JAX. */
#include "grad/elementwise.h"

/* d where `first`, half of it where a equals b, elsewhere 0. */
static kvino_tensor *share(kv_grad *g, kvino_tensor *first) {
  kv_scope *s = g->s;
  kvino_tensor *d = g->d_out[0], *tie = kv_equal(s, g->in[0], g->in[1]);
  return d ? kv_select(s, tie, kv_scaled(s, d, 0.5), kv_select(s, first, d, kv_like(s, d, 0))) : NULL;
}
BINARY(maximum, share(g, kv_greater(s, RAW(A), RAW(B))), share(g, kv_less(s, RAW(A), RAW(B))))
BINARY(minimum, share(g, kv_less(s, RAW(A), RAW(B))), share(g, kv_greater(s, RAW(A), RAW(B))))

/* The other operand where one is NaN; where both are, the first counts. */
static kvino_tensor *or_nan(kv_scope *s, kvino_tensor *first, kvino_tensor *other) {
  return kv_logical_or(s, first, kv_is_nan(s, other));
}
static kvino_tensor *but_nan(kv_scope *s, kvino_tensor *second, kvino_tensor *a, kvino_tensor *b) {
  return kv_logical_and(s, kv_logical_or(s, second, kv_is_nan(s, a)), kv_logical_not(s, kv_is_nan(s, b)));
}
BINARY(fmax, share(g, or_nan(s, kv_greater(s, RAW(A), RAW(B)), RAW(B))),
       share(g, but_nan(s, kv_less(s, RAW(A), RAW(B)), RAW(A), RAW(B))))
BINARY(fmin, share(g, or_nan(s, kv_less(s, RAW(A), RAW(B)), RAW(B))),
       share(g, but_nan(s, kv_greater(s, RAW(A), RAW(B)), RAW(A), RAW(B))))

void kv_grad_clamp(kv_grad *g) {
  kv_scope *s = g->s;
  kv_clamp_attrs range = g->attrs->clamp;
  kvino_tensor *x = g->in[0], *low = kv_like(s, x, range.min), *high = kv_like(s, x, range.max);
  kvino_tensor *inside = range.at_bounds ? kv_logical_and(s, kv_greater(s, x, low), kv_less(s, x, high))
                                         : kv_logical_and(s, kv_greater_equal(s, x, low), kv_less_equal(s, x, high));
  kv_cotangent(g, 0, kv_select(s, inside, RAW(D), kv_like(s, RAW(D), 0)));
}

/* |a| with b's sign: a or -a. */
void kv_grad_copysign(kv_grad *g) {
  kv_scope *s = g->s;
  if (!g->wanted[0]) return;
  kvino_tensor *turned = kv_not_equal(s, kv_sign_bit(s, g->in[0]), kv_sign_bit(s, g->in[1]));
  kv_cotangent(g, 0, kv_select(s, turned, kv_negative(s, RAW(D)), RAW(D)));
}

/* b where a is 0; constant in a. */
void kv_grad_heaviside(kv_grad *g) {
  kv_scope *s = g->s;
  if (!g->wanted[1]) return;
  kvino_tensor *at_step = kv_equal(s, g->in[0], kv_like(s, g->in[0], 0));
  kv_cotangent(g, 1, kv_select(s, at_step, RAW(D), kv_like(s, RAW(D), 0)));
}
