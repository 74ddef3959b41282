/* One call of a primitive: what infer and eval are given, and fill. */
#ifndef KVINO_VOCABULARY_CALL_H
#define KVINO_VOCABULARY_CALL_H

#include "tensor/tensor.h"
#include "vocabulary/prim.h"

#define KV_UNKNOWN INT64_MIN /* a value of a shape-like tensor that is not known while tracing */
#define KV_KNOWN_MAX KVINO_MAX_RANK

typedef struct kv_spec {
  kvino_dtype dtype;
  int rank;
  int64_t shape[KVINO_MAX_RANK];
} kv_spec;

typedef struct kv_call {
  const kv_prim *prim;
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

/* ---- for whoever calls ---- */

/* `attrs` may be NULL; operands and attributes are borrowed until kv_call_end. (Inline: of the time that an operator
 * takes for a few numbers, calls are a part.) */
static inline void kv_call_begin(kv_call *c, kv_prim_id id, const kv_attrs *attrs, size_t n, kvino_tensor *const *in,
                                 kvino_error *err) {
  static const kv_attrs nothing;
  c->prim = kv_prim_get(id);
  c->attrs = attrs ? attrs : &nothing;
  c->n_in = n;
  c->in = in;
  c->n_out = 1;
  c->spec = &c->one_spec;
  c->out = &c->one_out;
  c->one_out = NULL;
  c->tracing = false;
  c->spare = 0;
  c->n_known = -1;
  c->err = err;
}
void kv_call_free_outputs(kv_call *c);
/* Frees what the call made; outputs that were taken are NULL by then. */
static inline void kv_call_end(kv_call *c) {
  if (c->out != &c->one_out || c->one_out) kv_call_free_outputs(c);
}
kvino_status kv_call_wrong_number(const kv_call *c);
/* The number of operands, then the primitive's infer. */
static inline kvino_status kv_call_infer(kv_call *c) {
  return c->prim->n_in >= 0 && c->n_in != (size_t)c->prim->n_in ? kv_call_wrong_number(c) : c->prim->infer(c);
}
/* The whole for a primitive of one output, on concrete operands: a new reference. */
kvino_status kv_compute(kv_prim_id id, const kv_attrs *attrs, size_t n, kvino_tensor *const *in, kvino_tensor **out,
                        kvino_error *err);

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
#endif
