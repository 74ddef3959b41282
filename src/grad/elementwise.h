/* How rules of elementwise primitives are written: D is the output's cotangent, X (A, B, C) the operands, Y the output,
 * all in the dtype that formulas of several steps are computed in (float32 for the smaller floats), so that a cotangent
 * is rounded once. RAW(D), ... are the same in their own dtype, for formulas of one step. Operands that are integers
 * have no cotangent, and no rule is asked for it. */
#ifndef KVINO_GRAD_ELEMENTWISE_H
#define KVINO_GRAD_ELEMENTWISE_H

#include "grad/grad.h"

static inline kvino_tensor *kv_widened(kv_scope *s, kvino_tensor *x) {
  return x ? kv_cast(s, x, kv_work_dtype((kvino_dtype)x->dtype)) : NULL;
}

#define D kv_widened(s, g->d_out[0])
#define X kv_widened(s, g->in[0])
#define A X
#define B kv_widened(s, g->in[1])
#define C kv_widened(s, g->in[2])
#define Y kv_widened(s, g->out[0])
#define RAW(value) RAW_##value
#define RAW_D (g->d_out[0])
#define RAW_X (g->in[0])
#define RAW_A RAW_X
#define RAW_B (g->in[1])
#define RAW_Y (g->out[0])
#define NUMBER(value) kv_like(s, X, value)

/* d, of the shape of the result, as the cotangent of operand k. */
static inline void kv_cotangent(kv_grad *g, size_t k, kvino_tensor *d) {
  if (d) g->d_in[k] = kv_cast(g->s, kv_sum_to(g->s, d, g->in[k]), (kvino_dtype)g->in[k]->dtype);
}

/* One operand: what its cotangent is. */
#define UNARY(function, formula)                                                                                       \
  void kv_grad_##function(kv_grad *g) {                                                                                \
    kv_scope *s = g->s;                                                                                                \
    (void)s;                                                                                                           \
    kv_cotangent(g, 0, formula);                                                                                       \
  }
/* Two operands: the cotangent of each, before it is summed over what was broadcast. */
#define BINARY(function, of_a, of_b)                                                                                   \
  void kv_grad_##function(kv_grad *g) {                                                                                \
    kv_scope *s = g->s;                                                                                                \
    (void)s;                                                                                                           \
    if (g->wanted[0]) kv_cotangent(g, 0, of_a);                                                                        \
    if (g->wanted[1]) kv_cotangent(g, 1, of_b);                                                                        \
  }

#endif
