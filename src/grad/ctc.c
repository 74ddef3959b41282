/* Derivatives of connectionist temporal classification. */
#include "grad/grad.h"

void kv_grad_ctc_loss(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *slope = kv_ctc_loss_gradient(s, g->in[0], g->in[1], g->in[2], g->in[3], g->attrs->blank);
  g->d_in[0] = kv_multiply(s, kv_unsqueeze(s, g->d_out[0], KV_VECTOR(s, 1, 2)), slope);
}

void kv_grad_ctc_loss_gradient(kv_grad *g) {
  kv_scope_fail(g->s, KVINO_UNSUPPORTED, "kvino does not have the second derivative of CTCLoss");
}

void kv_grad_ctc_beam_search(kv_grad *g) {
  kv_scope_fail(g->s, KVINO_UNSUPPORTED,
                "CTCBeamSearch has no derivative: which paths its probabilities are sums of depends on the search");
}
