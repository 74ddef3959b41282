/* Weights of half the size (lower.h). */
#include <math.h>

#include "openvino/lower.h"
#include "passes/rewrite.h"

/* Fewer elements are no weights: scales, bounds, axes. */
enum { FEW = 32 };
static const float LARGEST = 65504;

static bool fits(const kvino_tensor *t) {
  const float *v = (const float *)t->data;
  for (int64_t i = 0; i < t->size; i++)
    if (isfinite(v[i]) && fabsf(v[i]) > LARGEST) return false;
  return true;
}

static kvino_tensors halve(kv_scope *s, kv_rewriter *w, const kv_node *node, kvino_tensor *const *in) {
  (void)in;
  kvino_tensor *plain = NULL;
  if (!node->constant || node->out[0].dtype != KVINO_F32 || node->constant->size < FEW) return KV_KEEP;
  if (!kv_scope_ok(s, kvino_tensor_contiguous(node->constant, &plain, s->err)) || !fits(kv_own(s, plain)))
    return KV_KEEP;
  kvino_tensor *half = kv_convert(s, plain, (kv_convert_attrs){.destination_type = KVINO_F16});
  return kv_one(s, kv_convert(s, kv_as_symbolic(s, w->out, half), (kv_convert_attrs){.destination_type = KVINO_F32}));
}

kvino_status kv_compress_to_f16(const kv_graph *g, kv_graph **out, kvino_error *err) {
  return kv_rewrite(g, halve, NULL, out, err);
}
