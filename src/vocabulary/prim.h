/* The primitives' names and properties: the vocabulary of both engines. A line in prims.def says what a primitive is;
 * what it does, `infer` (dtype and shape of its outputs) and `eval` (the native kernel), stands in prim/. */
#ifndef KVINO_VOCABULARY_PRIM_H
#define KVINO_VOCABULARY_PRIM_H

#include "base/error.h"
#include "vocabulary/attrs.h"
#include "vocabulary/interval.h"

struct kv_call; /* call.h */

typedef enum kv_prim_id {
#define PRIM(Name, ...) KV_##Name,
#include "vocabulary/prims.def"
#undef PRIM
  KV_PRIM_COUNT
} kv_prim_id;

/* Traits: what some primitives have in common, joined by |. */
enum {
  KV_STRUCTURAL = 1 << 0,  /* has neither infer nor eval */
  KV_COMMUTATIVE = 1 << 1, /* operands may be exchanged */
  KV_VIEW = 1 << 2,        /* the result is a view of an operand, if that is possible */
  KV_MOVES = 1 << 3,       /* gives every element of operand 0, once or more, and nothing else */
  /* x op c is x to the bit, where c is ... */
  KV_NEUTRAL_ZERO = 1 << 4,
  KV_NEUTRAL_NEGATIVE_ZERO = 1 << 5, /* of integers 0 */
  KV_NEUTRAL_ONE = 1 << 6,
  KV_REDUCES = 1 << 7,       /* operand 0 along the axes that operand 1 lists */
  KV_KEEPS_ONE = 1 << 8,     /* a reduction that leaves one element by itself as it is */
  KV_NEEDS_ONE = 1 << 9,     /* a reduction that means nothing over no element, where OpenVINO gives a number */
  KV_PRODUCT = 1 << 10,      /* multiplies and adds: costs as many multiplications as operand 1 is applied */
  KV_SEQUENCE = 1 << 11,     /* a recurrent layer: its last operands are lengths, W, R and biases */
  KV_TAKES = 1 << 12,        /* from operand 0 at the indices in operand 1 */
  KV_PUTS = 1 << 13,         /* into operand 0 at the indices in operand 1 */
  KV_GIVES_PLACES = 1 << 14, /* indices, counts or dimensions: small whatever the operands' values are */
  KV_BY_CHANNEL = 1 << 15,   /* an operand 1 of rank 1 goes along axis 1, not along the last */
  KV_CHOOSES = 1 << 16,      /* the results are elements of its operands, or whole numbers as exact as those */
  /* Of floats, the result holds a NaN wherever ... holds one (what KV_MOVES does that besides) */
  KV_SPREADS_NAN = 1 << 17, /* any operand */
  KV_PASSES_NAN = 1 << 18,  /* operand 0 */
  /* OpenVINO's operation ... */
  KV_LOSES_NAN = 1 << 19, /* gives numbers where an operand holds a NaN */
  KV_BLURS_NAN = 1 << 20, /* gives wrong numbers beside the NaN of its result */
  KV_UNPACKS = 1 << 21    /* constants stay as they are packed */
};
/* Operand i only says where: beyond the end it means the end. */
#define KV_CLIPS(i) (1 << (24 + (i)))

typedef struct kv_prim {
  kv_prim_id id;
  const char *name;  /* OpenVINO's type name */
  const char *opset; /* the oldest with these semantics; NULL where OpenVINO has no such operation */
  int n_in;          /* -1: any number */
  bool many;         /* several outputs */
  unsigned traits;
  const kv_attr_field *(*fields)(void);
  kvino_status (*infer)(struct kv_call *);
  kvino_status (*eval)(struct kv_call *);
  kv_interval (*interval)(const kv_bounds *); /* NULL: any value of the dtype */
} kv_prim;

extern const kv_prim kv_prims[KV_PRIM_COUNT]; /* by id */
static inline const kv_prim *kv_prim_get(kv_prim_id id) { return &kv_prims[id]; }
/* By OpenVINO's name; NULL where there is none. */
const kv_prim *kv_prim_find(const char *name);

/* infer, eval and interval functions: declared from the lines, so that a missing one is a link error. The primitives
 * stand above (prim/, and run/ where evaluating means running a body). */
#define KV_DECLARE_INTERVAL(function) kv_interval kv_interval_##function(const kv_bounds *);
#define KV_DECLARE_ANY
#define PRIM(Name, function, operands, outputs, attributes, infer, eval, openvino, interval, ...)                      \
  kvino_status kv_infer_##infer(struct kv_call *);                                                                     \
  kvino_status kv_eval_##eval(struct kv_call *);                                                                       \
  KV_DECLARE_##interval
#include "vocabulary/prims.def"
#undef PRIM
#undef KV_DECLARE_INTERVAL
#undef KV_DECLARE_ANY

#endif
