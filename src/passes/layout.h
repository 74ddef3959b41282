/* The layout pass, shared by its files: layout.c chooses, layout_roles.c says what a node does to the order of axes,
 * layout_apply.c records a node in the other order. */
#ifndef KVINO_PASSES_LAYOUT_H
#define KVINO_PASSES_LAYOUT_H

#include "passes/rewrite.h"

/* Channels-last (N, spatial..., C) or channels-first (N, C, spatial...); tensors of 3 and more dimensions. */
typedef enum kv_order { KV_LAST = 0, KV_FIRST = 1 } kv_order;

/* What an operand or output has to do with the order its node works in. */
typedef enum kv_role {
  KV_ASIDE, /* nothing: axes, shapes, results that are the same in both orders */
  KV_MAIN,  /* stands in the node's order */
  KV_SPREAD /* broadcast against the main ones: a constant or of lower rank; brought into the order for this node alone
             */
} kv_role;

/* How a primitive deals with orders: LAYOUT(habit, operand, count) in its line. */
typedef enum kv_habit {
  KV_RIGID,        /* needs its operands as written; its outputs count as channels-last */
  KV_RIGID_FIRST,  /* the same, of channels-first data: convolutions, pools */
  KV_ELEMENTWISE,  /* operands broadcast against each other */
  KV_JOIN,         /* all operands main, attribute axis: Concat */
  KV_AXIS,         /* operand 0 main, attribute axis: Softmax */
  KV_AXES,         /* operand 0 main, an operand holds axes; nothing changes rank: Split, Slice, MVN */
  KV_PER_AXIS,     /* operand 0 main, one or two operands hold a value for each axis: Pad, Tile */
  KV_REDUCE,       /* operand 0 main, operand 1 axes that go, or stay as 1: ReduceMean */
  KV_REDUCE_PLACE, /* the same, giving places: along several axes these count in C order */
  KV_DROP,         /* operand 0 main, operand 1 axes that go: Squeeze */
  KV_INSERT,       /* operand 0 main, operand 1 axes that come: Unsqueeze */
  KV_PICK,         /* operand 0 main, operand 2 an axis, of which operand 1 takes places: Gather */
  KV_RESHAPE,
  KV_MEASURE, /* ShapeOf: takes whichever order there is */
  KV_TRANSPOSE
} kv_habit;

kv_habit kv_layout_habit(const kv_prim *prim);
/* The operand that holds axes, for KV_AXES; the first that holds a value for each axis, for KV_PER_AXIS, with their
 * number. */
uint32_t kv_layout_operand(const kv_prim *prim, uint32_t *count);

/* Whether `node`, as written in order `own`, can work in the other one as well; then each operand's role stands in
 * in[0 .. n_in) and that of all outputs in *out. */
bool kv_layout_roles(const kv_node *node, kv_order own, uint8_t *in, kv_role *out);

/* The node on main operands that already stand in the order other than `own`. */
kvino_tensors kv_layout_apply(kv_scope *s, kv_graph *g, const kv_node *node, kv_order own, kvino_tensor *const *in);

/* t (its rank filled up with leading 1s) with its axes permuted: by Reshape where only axes of length 1 move. */
kvino_tensor *kv_layout_permute(kv_scope *s, kvino_tensor *t, int rank, const int *perm);
/* Whether that is a Reshape (or nothing) for a tensor of this shape. */
bool kv_layout_is_reshape(int rank, const int64_t *shape, int full_rank, const int *perm);

/* Axis i of a tensor in the order other than `own` is axis perm[i] in order `own`. */
void kv_layout_perm(kv_order own, int rank, int perm[KVINO_MAX_RANK]);
/* And the other way: axis i in order `own` is axis place[i] in the other one. */
static inline void kv_layout_places(kv_order own, int rank, int place[KVINO_MAX_RANK]) {
  kv_layout_perm(own == KV_LAST ? KV_FIRST : KV_LAST, rank, place);
}

/* The values of a small integer operand, as far as the graph knows them all; 0-d or 1-D. */
bool kv_edge_values(kv_edge e, int *n, int64_t values[KV_KNOWN_MAX]);
/* The same, as normalized axes of a tensor of that rank. */
bool kv_edge_axes(kv_edge e, int rank, int *n, int64_t axes[KV_KNOWN_MAX]);
/* A node's attribute "axis", to be read or written; NULL where it has none. */
int64_t *kv_axis_attribute(const kv_prim *prim, kv_attrs *attrs);

#endif
