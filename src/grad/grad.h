/* Derivatives of primitives: one rule each (GRADIENT in its line), which says in terms of operators what the cotangents
 * of the operands are, given those of the outputs. The walk over a graph (gradients.c) does the rest.
 *
 * A rule only calls constructors and operators: what it makes is recorded beside what it differentiates, and can be
 * differentiated again. */
#ifndef KVINO_GRAD_GRAD_H
#define KVINO_GRAD_GRAD_H

#include "kvino/gradient.h"
#include "ops/common.h"

/* What a rule is given, and fills. */
typedef struct kv_grad {
  kv_scope *s; /* a failure goes here */
  kv_graph *g; /* the graph that is recorded into */
  const kv_prim *prim;
  const kv_attrs *attrs;
  size_t n_in, n_out;
  kvino_tensor *const *in;    /* the operands: symbolic; constants concrete */
  kvino_tensor *const *out;   /* the outputs */
  kvino_tensor *const *d_out; /* the cotangent of each output; NULL: zero. Never NULL where there is one output */
  const bool *wanted;         /* by operand: its cotangent is of use. Never where its dtype is bool or integer */
  kvino_tensor **d_in; /* the rule fills: cotangents of the wanted operands, of their dtypes and shapes; NULL: zero */
} kv_grad;

typedef void (*kv_grad_rule)(kv_grad *);

/* NULL where no derivative passes: constant between jumps, or without derivative by definition. */
kv_grad_rule kv_grad_find(kv_prim_id id);

/* Declared from the primitives' lines (vocabulary/prims.def), so that a missing rule is a link error. */
#define DECLARE_GRADIENT(function) void kv_grad_##function(kv_grad *);
#define DECLARE_NO_GRADIENT
#define PRIM(Name, function, operands, outputs, attributes, infer, eval, openvino, interval, layout, gradient, traits) \
  DECLARE_##gradient
#include "vocabulary/prims.def"
#undef PRIM
#undef DECLARE_GRADIENT
#undef DECLARE_NO_GRADIENT

/* ---- for rules (support.c) ---- */

/* d summed over the axes along which `like` was broadcast: of like's shape. */
kvino_tensor *kv_sum_to(kv_scope *s, kvino_tensor *d, kvino_tensor *like);
/* What a reduction left, with the reduced axes (a bool per axis of x) in again as 1. */
kvino_tensor *kv_restore_axes(kv_scope *s, kvino_tensor *y, kvino_tensor *x, kvino_tensor *axes, bool keep_dims);
kvino_tensor *kv_zeros_like(kv_scope *s, kvino_tensor *x);
kvino_tensor *kv_ones_like(kv_scope *s, kvino_tensor *x);
/* x as a value of its shape and dtype in the graph, also where it is concrete. */
kvino_tensor *kv_scaled(kv_scope *s, kvino_tensor *x, double factor); /* x * factor, in x's dtype */

/* The cotangents of the n x, given those of the n_y y: what kvino_gradients does, for rules that state what they
 * differentiate by other operators: y as these compute it from x, where one x may be computed from another: the walk
 * ends at each. d[i] NULL: zero. out: n tensors, NULL: zero. */
void kv_pull_back(kv_scope *s, size_t n_y, kvino_tensor *const *y, kvino_tensor *const *d, size_t n,
                  kvino_tensor *const *x, kvino_tensor **out);
/* The whole rule of a primitive that other operators say as well: y, its only output (all of them, for the second), as
 * they compute it from g->in. */
void kv_grad_through(kv_grad *g, kvino_tensor *y);
void kv_grad_through_all(kv_grad *g, kvino_tensor *const *y);

#endif
