/* The primitives' names and properties: the vocabulary of both engines. A line in prims.def says what a primitive is;
 * what it does, `infer` (dtype and shape of its outputs) and `eval` (the native kernel), stands in prim/. */
#ifndef KVINO_VOCABULARY_PRIM_H
#define KVINO_VOCABULARY_PRIM_H

#include "base/error.h"
#include "vocabulary/attrs.h"

struct kv_call; /* call.h */

typedef enum kv_prim_id {
#define PRIM(n, outputs, Name, ...) KV_##Name,
#define PRIM_A PRIM
#include "vocabulary/prims.def"
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

typedef struct kv_prim {
  kv_prim_id id;
  const char *name;  /* OpenVINO's type name */
  const char *opset; /* the oldest with these semantics */
  int n_in;          /* -1: any number */
  bool many;         /* several outputs */
  unsigned traits;
  const kv_attr_field *(*fields)(void);
  kvino_status (*infer)(struct kv_call *);
  kvino_status (*eval)(struct kv_call *);
} kv_prim;

const kv_prim *kv_prim_get(kv_prim_id id);
/* By OpenVINO's name; NULL where there is none. */
const kv_prim *kv_prim_find(const char *name);

/* infer and eval functions: declared from the lines, so that a missing one is a link error. The primitives stand above
 * (prim/, and run/ where evaluating means running a body). */
#define PRIM(operands, outputs, Name, function, opset, infer, eval, traits)                                            \
  kvino_status kv_infer_##infer(struct kv_call *);                                                                     \
  kvino_status kv_eval_##eval(struct kv_call *);
#define PRIM_A(operands, outputs, Name, function, opset, group, infer, eval, traits)                                   \
  PRIM(operands, outputs, Name, function, opset, infer, eval, traits)
#include "vocabulary/prims.def"
#undef PRIM
#undef PRIM_A

#endif
