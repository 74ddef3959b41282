#include "prim/known.h"

#include <string.h>

/* The concrete tensor behind t, where there is one: t itself, or a Constant's. */
static const kvino_tensor *concrete(const kvino_tensor *t) { return kv_is_symbolic(t) ? t->node->constant : t; }

kvino_status kv_read_values(const kv_call *c, size_t i, const char *what, kv_values *out) {
  const kvino_tensor *t = c->in[i], *data = concrete(t);
  out->n = 0;
  out->mask = 0;
  if (!kvino_dtype_is_integer((kvino_dtype)t->dtype)) {
    /* NumPy's empty lists are float64; an empty list of axes is of any dtype. */
    if (t->size == 0 && t->rank == 1) return KVINO_OK;
    return kv_fail(c->err, KVINO_TYPE, "the %s of %s must be integers, not %s", what, c->prim->name,
                   kvino_dtype_name((kvino_dtype)t->dtype));
  }
  if (t->rank > 1)
    return kv_fail(c->err, KVINO_INVALID, "the %s of %s must be a list of integers, not an array of dimension %d", what,
                   c->prim->name, t->rank);
  if (t->size < 0)
    return kv_fail(c->err, KVINO_UNSUPPORTED, "the length of the %s of %s must be known when the graph is built", what,
                   c->prim->name);
  if (t->size > KV_KNOWN_MAX)
    return kv_fail(c->err, KVINO_INVALID, "maximum supported dimension for an ndarray is currently %d, found %lld",
                   KVINO_MAX_RANK, (long long)t->size);
  const int64_t *known = data ? NULL : t->node->out[t->output].known;
  out->n = (int)t->size;
  if (data && data->dtype == KVINO_I64 && data->contiguous) { /* nearly all calls, and the fastest */
    if (out->n) memcpy(out->v, data->data, (size_t)out->n * sizeof *out->v);
    out->mask = out->n == 64 ? UINT64_MAX : (UINT64_C(1) << out->n) - 1;
    return KVINO_OK;
  }
  for (int k = 0; k < out->n; k++) {
    out->v[k] = data ? kv_tensor_get_int(data, k) : known ? known[k] : KV_UNKNOWN;
    out->mask |= (uint64_t)(data || out->v[k] != KV_UNKNOWN) << k;
  }
  return KVINO_OK;
}

kvino_status kv_read_all(const kv_call *c, size_t i, const char *what, kv_values *out) {
  KV_TRY(kv_read_values(c, i, what, out));
  if (out->n && out->mask != UINT64_MAX >> (64 - out->n))
    return kv_fail(c->err, KVINO_UNSUPPORTED, "the %s of %s must be known when the graph is built, not computed in it",
                   what, c->prim->name);
  return KVINO_OK;
}

kvino_status kv_read_axis(const kv_call *c, size_t i, int rank, int64_t *axis) {
  kv_values value;
  KV_TRY(kv_read_all(c, i, "axis", &value));
  if (value.n != 1) return kv_fail(c->err, KVINO_INVALID, "%s takes one axis, not %d", c->prim->name, value.n);
  *axis = value.v[0];
  return kv_normalize_axis(axis, rank, c->err);
}

kvino_status kv_read_one(const kv_call *c, size_t i, const char *what, int64_t *value, bool *known) {
  kv_values values;
  KV_TRY(kv_read_values(c, i, what, &values));
  if (values.n != 1)
    return kv_fail(c->err, KVINO_INVALID, "the %s of %s must be one integer, not %d", what, c->prim->name, values.n);
  *value = values.v[0];
  *known = kv_is_known(&values, 0);
  return KVINO_OK;
}

/* ---- propagation ---- */

/* Number of values of output 0, or -1 where they are not carried. */
static int carried(const kv_call *c) {
  const kv_spec *spec = &c->spec[0];
  if (!c->tracing || spec->rank > 1 || !kvino_dtype_is_integer(spec->dtype)) return -1;
  int64_t n = spec->rank ? spec->shape[0] : 1;
  return n < 0 || n > KV_KNOWN_MAX ? -1 : (int)n;
}

kvino_status kv_operand_changed(const kv_call *c) {
  return kv_fail(c->err, KVINO_INVALID, "an operand of %s was written to while it was read", c->prim->name);
}

void kv_known_same(kv_call *c) {
  int n = carried(c), given;
  c->n_known = n >= 0 && kv_known_values(c->in[0], &given, c->known) && given == n ? n : -1;
}

/* A value as the integer dtype holds it. */
static int64_t wrapped(kvino_dtype dtype, int64_t v) {
  switch (dtype) {
  case KVINO_U8:
    return (uint8_t)v;
  case KVINO_U16:
    return (uint16_t)v;
  case KVINO_U32:
    return (uint32_t)v;
  case KVINO_I8:
    return (int8_t)v;
  case KVINO_I16:
    return (int16_t)v;
  case KVINO_I32:
    return (int32_t)v;
  default:
    return v;
  }
}

void kv_known_wrap(kv_call *c) {
  for (int i = 0; i < c->n_known; i++)
    if (c->known[i] != KV_UNKNOWN) c->known[i] = wrapped(c->spec[0].dtype, c->known[i]);
}
