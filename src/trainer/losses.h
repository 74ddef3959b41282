/* Losses as Keras computes them. */
#ifndef KVINO_TRAINER_LOSSES_H
#define KVINO_TRAINER_LOSSES_H

#include <jansson.h>

#include "kvino/trainer.h"
#include "tensor/scope.h"

typedef struct kv_loss_call {
  kv_scope *s;
  const json_t *settings;
  kvino_tensor *y, *p; /* targets and predictions, float32 */
  kvino_tensor *mask;  /* what counts of the values; NULL: all */
} kv_loss_call;

typedef struct kv_loss_kind {
  const char *class_name, *aliases, *fields;
  kvino_tensor *(*values)(kv_loss_call *c); /* one for each sample */
} kv_loss_kind;

typedef struct kv_loss {
  const kv_loss_kind *kind;
  json_t *settings;
  double weight;
} kv_loss;

/* By name, with a configuration (or NULL) and properties over it. */
kvino_status kv_loss_make(const char *name, const json_t *config, size_t n, const kvino_property *properties,
                          kv_loss *out, kvino_error *err);
/* What a compile_config has for one output: a name, a serialized loss or function. */
kvino_status kv_loss_read(const json_t *saved, kv_loss *out, kvino_error *err);
/* The number, float32, for targets and predictions (with their mask or NULL) and weights of the samples or NULL. */
kvino_tensor *kv_loss_record(kv_scope *s, const kv_loss *loss, kvino_tensor *y, kvino_tensor *p, kvino_tensor *mask,
                             kvino_tensor *sample_weight);
/* As Keras serializes it; a new reference. */
json_t *kv_loss_write(const kv_loss *loss);

#endif
