/* Derivatives of random samples: with respect to the parameters of distributions whose samples are the parameters'
 * shift and stretch of samples that do not depend on them. */
#include <string.h>

#include "grad/grad.h"

/* The sample of the same seed with other parameters. */
static kvino_tensor *standard(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *y = kv_random_sample(s, g->in[0], g->in[1], kv_number(s, KVINO_F64, 0), kv_number(s, KVINO_F64, 1),
                                     g->attrs->distribution);
  return kv_cast(s, y, KVINO_F64);
}

void kv_grad_random_sample(kv_grad *g) {
  kv_scope *s = g->s;
  const char *name = g->attrs->distribution.distribution;
  bool uniform = !strcmp(name, "uniform"); /* low + (high - low) z; otherwise mean + deviation z */
  if (!uniform && strcmp(name, "normal") && strcmp(name, "truncated_normal")) {
    kv_scope_fail(s, KVINO_UNSUPPORTED,
                  "kvino does not have the derivative of random samples with respect to the parameters of %s", name);
    return;
  }
  kvino_tensor *d = kv_cast(s, g->d_out[0], KVINO_F64), *along = kv_multiply(s, d, standard(g));
  if (g->wanted[2]) g->d_in[2] = kv_sum_to(s, uniform ? kv_subtract(s, d, along) : d, g->in[2]);
  if (g->wanted[3]) g->d_in[3] = kv_sum_to(s, along, g->in[3]);
}
