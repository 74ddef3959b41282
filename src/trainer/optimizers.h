/* Optimizers with Keras's formulas and defaults. */
#ifndef KVINO_TRAINER_OPTIMIZERS_H
#define KVINO_TRAINER_OPTIMIZERS_H

#include <jansson.h>

#include "kvino/trainer.h"
#include "tensor/scope.h"

enum { KV_MOST_SLOTS = 3 };

/* The update of one weight: w and var become what they are after the step. */
typedef struct kv_update {
  kv_scope *s;
  const json_t *settings;
  kvino_tensor *g, *w;
  kvino_tensor *rate, *step;        /* of w's dtype; the number of the step, from 1 on */
  kvino_tensor *var[KV_MOST_SLOTS]; /* NULL: it has none in this slot */
  kvino_tensor *shared;             /* the variable of all, after the step */
} kv_update;

typedef struct kv_optimizer_kind {
  const char *class_name, *fields, *variables, *shared;
  void (*update)(kv_update *u);
} kv_optimizer_kind;

/* A variable of each weight. */
typedef struct kv_slot {
  bool there;
  int group; /* of those that stand together, weight by weight */
  double start;
} kv_slot;

typedef struct kv_optimizer {
  const kv_optimizer_kind *kind;
  json_t *settings;
  size_t n_slots;
  kv_slot slot[KV_MOST_SLOTS];
} kv_optimizer;

/* By name, with a configuration (or NULL) and properties over it. */
kvino_status kv_optimizer_make(const char *name, const json_t *config, size_t n, const kvino_property *properties,
                               kv_optimizer *out, kvino_error *err);
/* Clips the n gradients, decays the weights, applies the update; `u` has settings, scope, rate and step in float32.
 * var[slot * n + i]. */
void kv_optimizer_record(const kv_optimizer *o, const kv_update *u, size_t n, kvino_tensor **gradient,
                         kvino_tensor **weight, kvino_tensor **var, kvino_tensor **shared);
/* The weight as a constraint (serialized; NULL: none) has it. */
kvino_tensor *kv_constrain(kv_scope *s, const json_t *constraint, kvino_tensor *w);
/* As Keras serializes it, with this learning rate; a new reference. */
json_t *kv_optimizer_write(const kv_optimizer *o, double rate);

#endif
