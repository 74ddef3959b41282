/* Constant folding: what constants determine is computed by the native kernels (kv_rewrite does that for every node
 * whose operands are all concrete); here also what known shapes determine becomes a constant. */
#include "passes/passes.h"
#include "passes/rewrite.h"

/* An integer vector or number of which inference knows every value: ShapeOf of a static shape and what follows from it.
 */
static kvino_tensor *known_constant(kv_scope *s, const kvino_tensor *t) {
  int n;
  int64_t value[KV_KNOWN_MAX];
  kvino_tensor *c = NULL;
  if (!t || !kv_is_symbolic(t) || !kv_all_known(t, &n, value)) return NULL;
  kvino_dtype dtype = (kvino_dtype)t->dtype;
  if (!kv_scope_ok(s, kv_tensor_empty(dtype, t->rank, t->shape, &c, s->err))) return NULL;
  for (int i = 0; i < n; i++) {
    switch (kvino_dtype_size(dtype)) { /* little-endian, two's complement: the low bytes are the value in any width */
    case 1:
      ((uint8_t *)c->data)[i] = (uint8_t)value[i];
      break;
    case 2:
      ((uint16_t *)c->data)[i] = (uint16_t)value[i];
      break;
    case 4:
      ((uint32_t *)c->data)[i] = (uint32_t)value[i];
      break;
    default:
      ((uint64_t *)c->data)[i] = (uint64_t)value[i];
    }
  }
  return kv_own(s, c);
}

static kvino_tensors fold_node(kv_scope *s, kv_rewriter *w, const kv_node *node, kvino_tensor *const *in) {
  if (node->constant || node->n_out != 1) return KV_KEEP;
  kvino_tensors v = kv_clone(s, w->out, node, in);
  if (!v.v) return v;
  kvino_tensor *c = known_constant(s, v.v[0]);
  return c ? kv_one(s, c) : v;
}

kvino_status kv_pass_fold(const kv_graph *in, kv_graph **out, kvino_error *err) {
  return kv_rewrite(in, fold_node, NULL, out, err);
}
