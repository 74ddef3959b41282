/* What several infer functions need: broadcasting, axes. */
#include <stdio.h>

#include "prim/prim.h"

kvino_status kv_same_dtype(kv_call *c, size_t a, size_t b) {
  if (c->in[a]->dtype == c->in[b]->dtype) return KVINO_OK;
  return kv_fail(c->err, KVINO_TYPE, "%s takes operands of one dtype, not %s and %s", c->prim->name,
                 kvino_dtype_name((kvino_dtype)c->in[a]->dtype), kvino_dtype_name((kvino_dtype)c->in[b]->dtype));
}

static kvino_status cannot_broadcast(size_t n, kvino_tensor *const *t, kvino_error *err) {
  char text[512];
  size_t used = 0;
  text[0] = 0;
  for (size_t i = 0; i < n && used < sizeof text - 64; i++) {
    used += (size_t)snprintf(text + used, sizeof text - used, "(");
    for (int k = 0; k < t[i]->rank && used < sizeof text - 32; k++) {
      int64_t d = t[i]->shape[k];
      used += (size_t)(d < 0 ? snprintf(text + used, sizeof text - used, k ? ",None" : "None")
                             : snprintf(text + used, sizeof text - used, k ? ",%lld" : "%lld", (long long)d));
    }
    used += (size_t)snprintf(text + used, sizeof text - used, t[i]->rank == 1 ? ",) " : ") ");
  }
  return kv_fail(err, KVINO_INVALID, "operands could not be broadcast together with shapes %s", text);
}

kvino_status kv_broadcast_shapes(size_t n, kvino_tensor *const *t, int *rank, int64_t shape[KVINO_MAX_RANK],
                                 kvino_error *err) {
  int r = 0;
  for (size_t i = 0; i < n; i++)
    if (t[i]->rank > r) r = t[i]->rank;
  for (int k = 0; k < r; k++) {
    int64_t d = 1; /* with an unknown dimension beside a 1 the result is unknown, beside a larger one it is that one */
    for (size_t i = 0; i < n; i++) {
      int at = k - (r - t[i]->rank);
      int64_t x = at < 0 ? 1 : t[i]->shape[at];
      if (x == 1 || x == d) continue;
      if (d == 1 || (d == -1 && x >= 0))
        d = x;
      else if (x != -1)
        return cannot_broadcast(n, t, err);
    }
    shape[k] = d;
  }
  *rank = r;
  return KVINO_OK;
}

kvino_status kv_normalize_axis(int64_t *axis, int rank, kvino_error *err) {
  if (*axis < -rank || *axis >= rank)
    return kv_fail(err, KVINO_INVALID, "axis %lld is out of bounds for array of dimension %d", (long long)*axis, rank);
  if (*axis < 0) *axis += rank;
  return KVINO_OK;
}

kvino_status kv_axes_operand(const kvino_tensor *axes, int rank, bool selected[KVINO_MAX_RANK], kvino_error *err) {
  int n;
  int64_t value[KV_KNOWN_MAX];
  for (int k = 0; k < rank; k++) selected[k] = false;
  if (!kv_all_known(axes, &n, value))
    return kv_fail(err, KVINO_UNSUPPORTED, "axes must be known when the graph is built, not computed in it");
  for (int i = 0; i < n; i++) {
    KV_TRY(kv_normalize_axis(&value[i], rank, err));
    if (selected[value[i]]) return kv_fail(err, KVINO_INVALID, "duplicate value in 'axis'");
    selected[value[i]] = true;
  }
  return KVINO_OK;
}
