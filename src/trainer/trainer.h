/* A trainer's inside. */
#ifndef KVINO_TRAINER_INTERNAL_H
#define KVINO_TRAINER_INTERNAL_H

#include "model/model.h"
#include "trainer/losses.h"
#include "trainer/optimizers.h"

enum { KV_KEPT_STEPS = 8 };

/* What a step is compiled for: the tensors of a batch, x, y and the weights of samples in one list. */
typedef struct kv_batch {
  size_t n_x, n_y, n_weights;
  kvino_tensor *const *v;
  bool learns;
} kv_batch;

/* A compiled step. Inputs: the batch, rate, number of the step, seed, the moving weights, the optimizer's variables,
 * the variable of all. Results: the loss, and of a step that learns the trained weights, the optimizer's variables, the
 * variable of all, and what layers make of others of the moving weights. */
typedef struct kv_step_compiled {
  char *key;
  kvino_executable *executable;
  size_t n_updated;
  size_t *updated; /* places among the moving weights */
} kv_step_compiled;

struct kvino_trainer {
  kvino_model *model;
  kv_optimizer optimizer;
  kv_loss *loss; /* for each output */
  double rate;
  int64_t iterations;
  uint64_t seed;
  pthread_mutex_t lock;
  uint64_t changes;           /* of the model, that what follows is for */
  size_t n_moving, n_trained; /* the trained ones come first */
  kv_layer_weight **moving;
  const kv_layer **of; /* the layer of each */
  kvino_tensor **var;  /* slot * n_trained + i; NULL where there is no such slot */
  kvino_tensor *shared;
  size_t n_compiled;
  kv_step_compiled compiled[KV_KEPT_STEPS];
};

/* Records and compiles a step (step.c). The trainer's lock is held. */
kvino_status kv_step_compile(kvino_trainer *t, const kv_batch *batch, kv_step_compiled *out, kvino_error *err);
void kv_step_clear(kv_step_compiled *step);

/* The optimizer's variables as a file has them (state.c). */
kvino_status kv_state_begin(kvino_trainer *t, kvino_error *err);
void kv_state_clear(kvino_trainer *t);
/* Those of the model's file, where they fit. */
kvino_status kv_state_read(kvino_trainer *t, kvino_error *err);
/* kvino_trainer_save. */
kvino_status kv_state_save(kvino_trainer *t, const char *path, kvino_error *err);

#endif
