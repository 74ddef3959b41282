/* Dead code: kv_rewrite visits only what a Result needs. The last pass of the pipeline, it also gives constants the
 * form that engines want: C order, and no large one of repeated elements. */
#include <string.h>

#include "passes/passes.h"
#include "passes/rewrite.h"

/* A view that repeats elements stays small up to this many bytes when it is written out. */
static const int64_t REPEATED_BYTES = 256 << 10;

/* The elements of c without repetitions (axes of stride 0 cut to length 1); NULL where there are none. */
static kvino_tensor *distinct(kv_scope *s, kvino_tensor *c) {
  int64_t shape[KVINO_MAX_RANK];
  kvino_tensor *few = NULL;
  bool repeats = false;
  for (int i = 0; i < c->rank; i++) {
    bool same = c->shape[i] > 1 && !c->strides[i];
    shape[i] = same ? 1 : c->shape[i];
    repeats |= same;
  }
  if (!repeats || c->size * (int64_t)kvino_dtype_size((kvino_dtype)c->dtype) <= REPEATED_BYTES) return NULL;
  if (!kv_scope_ok(s, kv_tensor_view(c, (kvino_dtype)c->dtype, c->rank, shape, c->strides, c->data, &few, s->err)))
    return NULL;
  return kv_own(s, few);
}

static kvino_tensor *in_c_order(kv_scope *s, kvino_tensor *c) {
  kvino_tensor *dense = NULL;
  return kv_scope_ok(s, kvino_tensor_contiguous(c, &dense, s->err)) ? kv_own(s, dense) : NULL;
}

static kvino_tensors plain_constant(kv_scope *s, kv_rewriter *w, const kv_node *node, kvino_tensor *const *in) {
  (void)in;
  kvino_tensor *c = node->constant;
  if (!c || c->contiguous) return KV_KEEP;
  kvino_tensor *few = distinct(s, c);
  if (!few) return kv_one(s, in_c_order(s, c));
  few = kv_as_symbolic(s, w->out, in_c_order(s, few)); /* symbolic: the Broadcast is recorded, not computed */
  kvino_tensor *shape = kv_vector(s, c->rank, c->shape);
  return few && shape ? kv_one(s, kv_broadcast(s, few, shape, (kv_broadcast_attrs){.mode = "numpy"})) : KV_KEEP;
}

kvino_status kv_pass_dce(const kv_graph *in, kv_graph **out, kvino_error *err) {
  return kv_rewrite(in, plain_constant, NULL, out, err);
}
