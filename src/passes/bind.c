/* kvino_graph_bind: parameters become constants. */
#include "base/error.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

static kvino_status check_value(const kv_graph *g, size_t i, const kvino_tensor *value, kvino_error *err) {
  const kv_output *p = &g->parameter[i]->out[0];
  if (kv_is_symbolic(value))
    return kv_fail(err, KVINO_INVALID, "parameter %zu can be bound to a concrete tensor only", i);
  if (value->dtype != p->dtype)
    return kv_fail(err, KVINO_TYPE, "parameter %zu is %s, and what it is bound to %s", i,
                   kvino_dtype_name((kvino_dtype)p->dtype), kvino_dtype_name((kvino_dtype)value->dtype));
  bool fits = value->rank == p->rank;
  for (int k = 0; fits && k < value->rank; k++) fits = p->shape[k] < 0 || p->shape[k] == value->shape[k];
  return fits ? KVINO_OK : kv_fail(err, KVINO_INVALID, "parameter %zu is bound to a tensor of another shape", i);
}

kvino_status kvino_graph_bind(kvino_graph *g, size_t n, kvino_tensor *const *values, kvino_graph **out,
                              kvino_error *err) {
  if (!g || !out || (n && !values))
    return kv_fail(err, KVINO_INVALID, "kvino_graph_bind needs a graph, values and a place for the result, not NULL");
  if (n != g->n_parameters)
    return kv_fail(err, KVINO_INVALID, "%zu values for a graph of %zu parameters", n, g->n_parameters);
  for (size_t i = 0; i < n; i++)
    if (values[i]) KV_TRY(check_value(g, i, values[i], err));
  kv_graph *unpacking; /* before its operands are constants, which are computed with at once */
  KV_TRY(kv_pass_unpack(g, &unpacking, err));
  kvino_status status = kv_rewrite_body(unpacking, values, NULL, out, err);
  kv_graph_release(unpacking);
  return status;
}
