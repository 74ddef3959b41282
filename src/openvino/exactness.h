/* The table of what OpenVINO computes exactly, and the rules by which the rest is rewritten (lower.h): inside. */
#ifndef KVINO_OPENVINO_EXACTNESS_H
#define KVINO_OPENVINO_EXACTNESS_H

#include "base/text.h"
#include "openvino/apart.h"
#include "openvino/interval.h"
#include "openvino/lower.h"
#include "openvino/weights.h"
#include "passes/rewrite.h"

/* How the plugin deals with a dtype. */
typedef enum kv_kind {
  KV_KIND_BOOL,
  KV_KIND_NARROW, /* u8 i8 u16 i16: saturating, or kept in 32 bits without wrapping: arithmetic is done in i32 */
  KV_KIND_I32,    /* as it is, but for what goes through float32 */
  KV_KIND_WIDE,   /* u32 i64 u64: computed as i32 */
  KV_KIND_FLOAT,  /* f16 bf16 f32 */
  KV_KIND_NONE    /* f64, f8, complex, strings: not at all */
} kv_kind;
kv_kind kv_kind_of(kvino_dtype dtype);

/* A node under judgement: its operands' intervals with it. */
typedef struct kv_case {
  const kv_node *node;
  const kv_interval *in; /* by operand */
  kv_interval out;       /* of output 0 */
  kv_kind kind;          /* of operand 0 */
  bool in_body;          /* of If or Loop, which the plugin compiles as if no length were known */
} kv_case;

/* Why OpenVINO cannot compute the node; NULL where it can. Static. */
typedef const char *(*kv_verdict)(const kv_case *c);
/* What computes the same on OpenVINO; KV_KEEP: the node as it is. Operands as in rewrite.h. */
typedef kvino_tensors (*kv_substitute)(kv_scope *s, const kv_case *c, kvino_tensor *const *in);

/* The column of a primitive's line (vocabulary/prims.def): native, or a verdict, and a substitute where there is one.
 */
typedef struct kv_exact_row {
  const char *native; /* why; NULL: the verdict says */
  kv_verdict verdict;
  kv_substitute substitute; /* NULL: never */
  kv_substitute exported;   /* for a node that is native here, in a model for an OpenVINO by itself. NULL: as it is */
} kv_exact_row;

const kv_exact_row *kv_exact_row_of(kv_prim_id id);
/* The operands' intervals and the rest of a case; `room` has a place for each operand. */
kv_case kv_case_of(const kv_exactness *x, const kv_node *node, kv_interval *room);

/* ---- bodies (control.c) ---- */

/* The table's verdict on the bodies of a node; inside, values of Parameters lie in the intervals of what they stand
 * for. */
typedef struct kv_judged {
  kv_exactness *body[2];
  const char *why;     /* the node must be computed natively; NULL: it may not be */
  kv_interval *result; /* of each output of the node */
} kv_judged;
/* in: the operands' intervals. *out belongs to the caller; NULL where the node has no bodies. */
kvino_status kv_judge_bodies(const kv_node *node, const kv_interval *in, kv_judged **out, kvino_error *err);
void kv_judged_free(kv_judged *j); /* NULL is allowed */
const kv_judged *kv_exactness_bodies(const kv_exactness *x, const kv_node *node);

/* A graph under analysis whose Parameters' intervals are given (kv_exactness_new: NULL, they are assumed to fit). */
kvino_status kv_exactness_of(const kv_graph *g, const kv_interval *parameter, kv_exactness **out, kvino_error *err);
/* Whether the node would reduce nothing to a number that is wrong, and may be given nothing (lower.c). */
bool kv_may_reduce_nothing(const kv_node *node);

/* What the rewriting of a graph into a lowered one knows. */
typedef struct kv_lowering {
  const kv_exactness *exactness;
  kvino_tensor *guard;  /* of the indices so far (guard.h); NULL: none. A reference */
  bool refuses;         /* the plugin refuses indices out of range, and they may be */
  kv_weights *weights;  /* of the model, bodies included */
  const bool *rounded;  /* by node: whether its result is rounded to float16; NULL: none */
  kv_bfloat16 bfloat16; /* where it is written as float32, conversions to it are not rounded here */
  const bool *nan;      /* by node: whether its output 0 is looked at (nan_guard.h); NULL: none */
  bool plain;     /* for plain OpenVINO (kv_lower_plain): nothing is looked at, and what is native here is written */
  kv_text *notes; /* plain: what is */
} kv_lowering;
/* One node, and on lowered bodies. What guards it is added to that of the lowering. */
kvino_tensors kv_lower_node(kv_scope *s, kv_lowering *l, const kv_node *node, kvino_tensor *const *in);
kvino_tensors kv_lower_bodies(kv_scope *s, kv_lowering *l, const kv_judged *j, const kv_node *node,
                              kvino_tensor *const *in);
/* Takes over a further guard (NULL: none). */
void kv_lowering_guard(kv_scope *s, kv_lowering *l, kvino_tensor *guard);

/* Integer division by these divisors is lowered to float32 divisions with two corrections. */
#define KV_DIVISOR_MAX ((int64_t)1 << 22)
/* 1-D integers up to this many are added or multiplied one by one. */
enum { KV_UNROLLED = 16 };

/* Substitutes, in substitute.c, substitute_math.c and guard.c: declared from the lines, so that a missing one is a link
 * error. */
#define DECLARE_LOWERED(opset, verdict, name) DECLARE_COMPOSED(verdict, name)
#define DECLARE_EXPORTED(opset, verdict, name) DECLARE_COMPOSED(verdict, name)
#define DECLARE_COMPOSED(verdict, name)                                                                                \
  kvino_tensors kv_sub_##name(kv_scope *s, const kv_case *c, kvino_tensor *const *in);
#define DECLARE_OPENVINO(...)
#define DECLARE_NATIVE(...)
#define DECLARE_ABSENT
#define PRIM(Name, function, operands, outputs, attributes, infer, eval, openvino, ...) DECLARE_##openvino
#include "vocabulary/prims.def"
#undef PRIM
/* Two operands of floats, one of which may be a constant (substitute_chain.c). */
kvino_tensors kv_sub_chain(kv_scope *s, const kv_case *c, kvino_tensor *const *in);
/* a << b or a >> b of int32, whatever b is (substitute_math.c). */
kvino_tensor *kv_shift_any(kv_scope *s, bool left, kvino_tensor *a, kvino_tensor *b);

#endif
