#include "vocabulary/call.h"

#include <string.h>

#include "base/memory.h"

void kv_call_free_outputs(kv_call *c) {
  for (size_t i = 0; i < c->n_out; i++) kvino_tensor_release(c->out[i]);
  if (c->spec != &c->one_spec) kv_free(c->spec);
  if (c->out != &c->one_out) kv_free(c->out);
}

kvino_status kv_call_wrong_number(const kv_call *c) {
  return kv_fail(c->err, KVINO_INVALID, "%s takes %d operands, not %zu", c->prim->name, c->prim->n_in, c->n_in);
}

kvino_status kv_compute(kv_prim_id id, const kv_attrs *attrs, size_t n, kvino_tensor *const *in, kvino_tensor **out,
                        kvino_error *err) {
  kv_call c;
  kv_call_begin(&c, id, attrs, n, in, err);
  kvino_status status = kv_call_infer(&c);
  if (!status) status = c.prim->eval(&c);
  if (!status) {
    *out = c.out[0];
    c.out[0] = NULL;
  }
  kv_call_end(&c);
  return status;
}

kvino_status kv_call_outputs(kv_call *c, size_t n) {
  if (n <= 1) {
    c->n_out = n;
    return KVINO_OK;
  }
  kv_spec *spec = kv_malloc(n * sizeof *spec);
  kvino_tensor **out = kv_calloc(n, sizeof *out);
  if (!spec || !out) {
    kv_free(spec);
    kv_free(out);
    return kv_fail(c->err, KVINO_NO_MEMORY, "out of memory for %zu outputs of %s", n, c->prim->name);
  }
  c->spec = spec;
  c->out = out;
  c->n_out = n;
  return KVINO_OK;
}

kvino_status kv_call_alloc(kv_call *c, size_t i) {
  const kv_spec *spec = &c->spec[i];
  if (spec->dtype == KVINO_STRING)
    return kv_strings_empty(spec->rank, spec->shape, c->n_in, c->in, 0, NULL, &c->out[i], c->err);
  return kv_tensor_empty(spec->dtype, spec->rank, spec->shape, &c->out[i], c->err);
}

/* Whether the memory of t is a block that nobody else has. */
static bool is_sole(const kvino_tensor *t) {
  const kvino_tensor *owner = t->base ? t->base : t;
  return t->refs == 1u + t->lent && (owner == t || owner->refs == 1) && owner->block;
}

kvino_status kv_call_alloc_over(kv_call *c) {
  const kv_spec *spec = c->spec;
  for (size_t i = 0; c->spare && i < c->n_in; i++) {
    kvino_tensor *t = c->in[i];
    if (!(c->spare >> i & 1) || t->dtype != spec->dtype || t->rank != spec->rank || !t->contiguous || !is_sole(t) ||
        memcmp(t->shape, spec->shape, t->rank * sizeof *t->shape))
      continue;
    c->out[0] = kvino_tensor_retain(t);
    return KVINO_OK;
  }
  return kv_call_alloc(c, 0);
}

void kv_call_spec(kv_call *c, size_t i, kvino_dtype dtype, int rank, const int64_t *shape) {
  c->spec[i].dtype = dtype;
  c->spec[i].rank = rank;
  for (int k = 0; k < rank; k++) c->spec[i].shape[k] = shape[k];
}

/* Structural primitives. */
kvino_status kv_infer_none(kv_call *c) {
  return kv_fail(c->err, KVINO_INVALID, "%s cannot be called: it stands for data of a graph", c->prim->name);
}
kvino_status kv_eval_none(kv_call *c) { return kv_infer_none(c); }
