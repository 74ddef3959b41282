/* What the functions of layers use in training (layer.h). */
#include <string.h>

#include "ops/common.h"
#include "layers/layer.h"

bool kv_refuse_training(kv_invocation *c, const char *what) {
  if (kv_is_training(c)) kv_layer_refuse(c, "%s is computed in inference alone, not in training", what);
  return kv_is_training(c);
}

kvino_tensor *kv_draw_seed(kv_invocation *c) {
  if (c->training->in_steps)
    return kv_layer_refuse(c, "random numbers in each step of a recurrent layer are not drawn");
  kvino_tensor *more = KV_VECTOR(c->s, 0, c->training->draws++);
  return kv_add(c->s, c->training->seed, kv_cast(c->s, more, kv_dtype_of(c->training->seed)));
}

kvino_tensor *kv_drop(kv_invocation *c, kvino_tensor *x, double rate, kvino_ints noise_shape) {
  if (!x || !kv_is_training(c) || rate <= 0) return x;
  return op_dropout(c->s, kv_draw_seed(c), x, rate, noise_shape);
}

void kv_update_weight(kv_invocation *c, const char *name, kvino_tensor *value) {
  if (c->training->in_steps) kv_layer_refuse(c, "statistics in each step of a recurrent layer are not learned");
  for (size_t i = 0; i < c->layer->n_weights && value; i++) {
    const kv_layer_weight *w = &c->layer->weight[i];
    if (!strcmp(w->name, name)) c->training->update[w->number] = kv_cast(c->s, value, kvino_tensor_dtype(w->tensor));
  }
}

void kv_add_loss(kv_invocation *c, kvino_tensor *loss) {
  kv_training *t = c->training;
  if (!loss) return;
  if (t->in_steps) kv_layer_refuse(c, "a loss in each step of a recurrent layer is not added");
  loss = kv_cast(c->s, loss, KVINO_F32);
  t->loss = t->loss ? kv_add(c->s, t->loss, loss) : loss;
}
