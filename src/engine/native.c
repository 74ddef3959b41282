#include "engine/native.h"

#include <string.h>

#include "base/memory.h"
#include "run/apply.h"

kvino_status kv_native_run(const kv_node *node, kvino_tensor *const *in, kvino_tensor **out, kvino_error *err) {
  kv_scope s;
  kv_scope_enter(&s, err);
  if (node->n_out == 1) { /* without a list */
    kvino_tensor *v = kv_apply(&s, node->prim->id, &node->attrs, node->n_in, in);
    return kv_scope_leave(&s, v, out);
  }
  kvino_tensors v = kv_apply_many(&s, node->prim->id, &node->attrs, node->n_in, in), made;
  if (!s.status && v.n != node->n_out)
    kv_scope_fail(&s, KVINO_INVALID, "%s gave %zu outputs where %u were expected", node->prim->name, v.n, node->n_out);
  KV_TRY(kv_scope_leave_many(&s, v, &made));
  memcpy(out, made.v, made.n * sizeof *out);
  kv_free(made.v);
  return KVINO_OK;
}
