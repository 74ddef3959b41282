/* Running and calling graphs that are bodies of nodes. */
#ifndef KVINO_PRIM_CONTROL_H
#define KVINO_PRIM_CONTROL_H

#include "prim/prim.h"

/* A graph, ready to be computed by the native kernels many times. */
typedef struct kv_body_run {
  const kv_graph *g;
  size_t n_values;
  size_t *first;        /* by node: its first value */
  uint32_t *uses;       /* by node: how often its outputs are used, results included; 0: not needed */
  uint32_t *left;       /* the same, counted down */
  kvino_tensor **value; /* one reference each, or NULL */
  kvino_tensor **in;    /* room for the operands of any node */
} kv_body_run;

kvino_status kv_body_run_begin(kv_body_run *r, const kv_graph *g, kvino_error *err);
void kv_body_run_end(kv_body_run *r);
/* One run: a concrete tensor for each Parameter; n_results new references in `out`, which is left alone on failure. */
kvino_status kv_body_run_once(kv_body_run *r, kvino_tensor *const *in, kvino_tensor **out, kvino_error *err);

/* What its results would be, of the values that it takes (NULL: nothing is known but what was recorded); -1 where a
 * dimension depends on more than shapes. out has room for n_results. */
kvino_status kv_body_shapes(const kv_graph *body, kvino_tensor *const *in, kv_spec *out, kvino_error *err);

/* The values that a body takes while it is recorded (n_captures), as tensors of the graph around it; they belong to the
 * scope. */
void kv_put_captures(kv_scope *s, const kv_graph *body, kvino_tensor **in);

/* y, computed from the n tensors x and traced; its derivatives are what `gradient` makes of x, y and the cotangent d of
 * y, instead of those of the steps between: it gives n tensors of the dtypes and shapes of x, or fails the scope. */
typedef kvino_tensors (*kv_gradient_of)(kv_scope *s, kvino_tensor *const *x, kvino_tensor *y, kvino_tensor *d);
kvino_tensor *kv_with_gradient(kv_scope *s, kvino_tensor *y, size_t n, kvino_tensor *const *x, kv_gradient_of gradient);

/* What a body takes and gives, in the order of its Parameters and Results. */
static inline const kv_output *kv_body_parameter(const kv_graph *g, size_t i) { return g->parameter[i]->out; }
static inline const kv_output *kv_body_result(const kv_graph *g, size_t i) {
  return kv_edge_output(g->result[i].value);
}

/* The graphs of a node with bodies: 0, 1 (Loop) or 2 (If: then, else). */
static inline size_t kv_bodies_of(kv_prim_id id, const kv_attrs *attrs, kv_graph *body[2]) {
  if (id == KV_If) {
    body[0] = attrs->branches.then_body;
    body[1] = attrs->branches.else_body;
    return 2;
  }
  if (id == KV_Loop) body[0] = attrs->loop.body;
  return id == KV_Loop;
}

/* What Parameter i of a body stands for: this operand of the node. Loop's Parameter 0 is the number of the iteration.
 */
enum { KV_IF_OPERANDS = 1, KV_LOOP_OPERANDS = 2, KV_LOOP_ITERATION = 1 };
static inline size_t kv_body_operand(kv_prim_id id, size_t parameter) {
  return id == KV_If ? parameter + KV_IF_OPERANDS : parameter - KV_LOOP_ITERATION + KV_LOOP_OPERANDS;
}

#endif
