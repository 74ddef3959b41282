/* Primitives: the vocabulary of both engines. Each has, side by side in one file of this folder, `infer` (dtype and
 * shape of its outputs) and `eval` (the native kernel); what the IR needs follows from its line in prims.def.
 *
 * Composites (ops/) and passes call the constructors kv_add(s, a, b), ...: on concrete operands they compute now, on a
 * symbolic one they record a node in the operand's graph. */
#ifndef KVINO_PRIM_PRIM_H
#define KVINO_PRIM_PRIM_H

#include "base/error.h"
#include "graph/graph.h"
#include "prim/scope.h"

typedef enum kv_prim_id {
#define PRIM(n, outputs, Name, ...) KV_##Name,
#define PRIM_A PRIM
#include "prim/prims.def"
#undef PRIM
#undef PRIM_A
  KV_PRIM_COUNT
} kv_prim_id;

enum {
  KV_COMMUTATIVE = 1, /* operands may be exchanged */
  KV_NATIVE = 2,      /* OpenVINO has no such operation: always computed by `eval` */
  KV_STRUCTURAL = 4,  /* has neither infer nor eval */
  KV_VIEW = 8         /* the result is a view of an operand, if that is possible */
};

/* What infer and eval are given, and fill. */
typedef struct kv_call {
  const struct kv_prim *prim;
  const kv_attrs *attrs;
  size_t n_in;
  kvino_tensor *const *in; /* concrete in eval; any may be symbolic in infer */
  size_t n_out;            /* 1 unless infer asked for others (kv_call_outputs) */
  kv_spec *spec;           /* infer fills: -1 where a dimension follows from data */
  kvino_tensor **out;      /* eval fills: new references, NULL before */
  bool tracing;            /* known values are wanted */
  uint32_t spare;          /* bit i: eval may put the result into the memory of operand i (kv_call_alloc_over) */
  int n_known;             /* infer may give the values of output 0 as far as known; -1: nothing */
  int64_t known[KV_KNOWN_MAX];
  kvino_error *err;
  kv_spec one_spec;
  kvino_tensor *one_out;
} kv_call;

typedef struct kv_prim {
  kv_prim_id id;
  const char *name;  /* OpenVINO's type name */
  const char *opset; /* the oldest with these semantics */
  int n_in;          /* -1: any number */
  bool many;         /* several outputs */
  unsigned traits;
  const kv_attr_field *(*fields)(void);
  kvino_status (*infer)(kv_call *);
  kvino_status (*eval)(kv_call *);
} kv_prim;

const kv_prim *kv_prim_get(kv_prim_id id);
/* By OpenVINO's name; NULL where there is none. */
const kv_prim *kv_prim_find(const char *name);

/* ---- for infer and eval ---- */

/* Makes room for n outputs. */
kvino_status kv_call_outputs(kv_call *c, size_t n);
/* Output i: a new contiguous tensor as spec[i] says, elements undefined. */
kvino_status kv_call_alloc(kv_call *c, size_t i);
/* Output 0 in the memory of a spare operand that is like it, for an eval that writes an element after it has read those
 * at the same place; otherwise as kv_call_alloc. */
kvino_status kv_call_alloc_over(kv_call *c);
/* spec[i] = dtype and shape (rank dimensions). */
void kv_call_spec(kv_call *c, size_t i, kvino_dtype dtype, int rank, const int64_t *shape);
/* Fails unless operands a and b have one dtype. */
kvino_status kv_same_dtype(kv_call *c, size_t a, size_t b);
/* NumPy's broadcasting of operands' shapes into *rank and shape; -1 is unknown. */
kvino_status kv_broadcast_shapes(size_t n, kvino_tensor *const *t, int *rank, int64_t shape[KVINO_MAX_RANK],
                                 kvino_error *err);
/* 0 <= *axis < rank afterwards, or NumPy's "axis 3 is out of bounds for array of dimension 2". */
kvino_status kv_normalize_axis(int64_t *axis, int rank, kvino_error *err);
/* Normalized, distinct axes from an integer tensor (operand), as flags per dimension. All values must be known. */
kvino_status kv_axes_operand(const kvino_tensor *axes, int rank, bool selected[KVINO_MAX_RANK], kvino_error *err);

/* Whether PReLU's slope is one number for each channel: along axis 1, not along the last. */
bool kv_prelu_by_channel(const kvino_tensor *x, const kvino_tensor *slope);

/* Whether n results are so large that they are better computed late (deferred.c). */
bool kv_is_large(size_t n, const kv_spec *spec);

/* ---- for composites and passes ---- */

/* Calls a primitive; `attrs` may be NULL. The outputs belong to the scope. NULL where the scope has failed or the call
 * fails, or where an operand is NULL (an earlier step failed). */
kvino_tensor *kv_apply(kv_scope *s, kv_prim_id id, const kv_attrs *attrs, size_t n, kvino_tensor *const *in);
/* The same with every output. v is NULL on failure; it belongs to the scope, as do the tensors. */
kvino_tensors kv_apply_many(kv_scope *s, kv_prim_id id, const kv_attrs *attrs, size_t n, kvino_tensor *const *in);

#define KV_OPERANDS_0
#define KV_OPERANDS_1 , kvino_tensor *a
#define KV_OPERANDS_2 , kvino_tensor *a, kvino_tensor *b
#define KV_OPERANDS_3 , kvino_tensor *a, kvino_tensor *b, kvino_tensor *c
#define KV_OPERANDS_4 , kvino_tensor *a, kvino_tensor *b, kvino_tensor *c, kvino_tensor *d
#define KV_OPERANDS_5 , kvino_tensor *a, kvino_tensor *b, kvino_tensor *c, kvino_tensor *d, kvino_tensor *e
#define KV_OPERANDS_N , size_t n, kvino_tensor *const *in
#define KV_PASS_0 0, NULL
#define KV_PASS_1                                                                                                      \
  1, (kvino_tensor *[]) { a }
#define KV_PASS_2                                                                                                      \
  2, (kvino_tensor *[]) { a, b }
#define KV_PASS_3                                                                                                      \
  3, (kvino_tensor *[]) { a, b, c }
#define KV_PASS_4                                                                                                      \
  4, (kvino_tensor *[]) { a, b, c, d }
#define KV_PASS_5                                                                                                      \
  5, (kvino_tensor *[]) { a, b, c, d, e }
#define KV_PASS_N n, in
#define KV_TYPE_ONE kvino_tensor *
#define KV_TYPE_MANY kvino_tensors
#define KV_CALL_ONE kv_apply
#define KV_CALL_MANY kv_apply_many

#define PRIM(operands, outputs, Name, function, ...)                                                                   \
  static inline KV_TYPE_##outputs kv_##function(kv_scope *s KV_OPERANDS_##operands) {                                  \
    return KV_CALL_##outputs(s, KV_##Name, NULL, KV_PASS_##operands);                                                  \
  }
#define PRIM_A(operands, outputs, Name, function, opset, group, ...)                                                   \
  static inline KV_TYPE_##outputs kv_##function(kv_scope *s KV_OPERANDS_##operands, kv_##group##_attrs attrs) {        \
    return KV_CALL_##outputs(s, KV_##Name, &(kv_attrs){.group = attrs}, KV_PASS_##operands);                           \
  }
#include "prim/prims.def"
#undef PRIM
#undef PRIM_A

/* infer and eval functions: declared from the table, so that a missing one is a link error. */
#define PRIM(operands, outputs, Name, function, opset, infer, eval, traits)                                            \
  kvino_status kv_infer_##infer(kv_call *);                                                                            \
  kvino_status kv_eval_##eval(kv_call *);
#define PRIM_A(operands, outputs, Name, function, opset, group, infer, eval, traits)                                   \
  PRIM(operands, outputs, Name, function, opset, infer, eval, traits)
#include "prim/prims.def"
#undef PRIM
#undef PRIM_A

#endif
