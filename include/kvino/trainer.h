/* Training of models that were read from files: steps of gradient descent as Keras's fit makes them.
 *
 *   kvino_trainer_options options = {.optimizer = "adam", .n_losses = 1, .losses = &(kvino_loss){.name = "mse"}};
 *   kvino_trainer_new(model, &options, &trainer, &err);
 *   kvino_trainer_step(trainer, 1, &x, 1, &y, 0, NULL, &loss, &err);   as often as there are batches
 *   kvino_trainer_save(trainer, "tuned.keras", &err);                  Keras goes on from there
 *
 * Forward pass, derivatives and update are one compiled graph for each combination of shapes. The model has the new
 * weights after each step. Names, defaults and formulas are those of Keras. */
#ifndef KVINO_TRAINER_H
#define KVINO_TRAINER_H

#include "kvino/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kvino_trainer kvino_trainer;

/* A loss by Keras's name ("mse", "sparse_categorical_crossentropy") or class ("Huber"), with the arguments that its
 * class has, as Python writes them: {"from_logits", "True"}, {"label_smoothing", "0.1"}. Borrowed. */
typedef struct kvino_loss {
  const char *name;
  size_t n_settings;
  const kvino_property *settings;
  double weight; /* of this output's loss in the sum; 0: 1 */
} kvino_loss;

/* All zero: everything as the file says (what the model was compiled with). Borrowed during the call. */
typedef struct kvino_trainer_options {
  /* "sgd", "adam", "AdamW", ... and the arguments of its class: {"learning_rate", "0.01"}, {"clipnorm", "1.0"}. NULL:
   * the file's, with its state; the settings are taken instead of its own. */
  const char *optimizer;
  size_t n_settings;
  const kvino_property *settings;
  /* One for each output, or one for all; 0: the file's. */
  size_t n_losses;
  const kvino_loss *losses;
  /* The names of the layers that move, with those inside of them; 0: those that are trainable in the model. It is set
   * in the model (kvino_model_set_trainable). */
  size_t n_layers;
  const char *const *layers;
  uint64_t seed; /* of what layers draw (Dropout) */
} kvino_trainer_options;

/* The trainer retains the model. `options` may be NULL. Errors: KVINO_INVALID (a name or a setting that is unknown; the
 * file says nothing of a loss), KVINO_UNSUPPORTED (what is not trained here, named). */
KVINO_API kvino_status kvino_trainer_new(kvino_model *m, const kvino_trainer_options *options, kvino_trainer **out,
                                         kvino_error *err);
KVINO_API void kvino_trainer_release(kvino_trainer *t); /* NULL is allowed */

/* A step on a batch: n_x inputs, a target for each of the n_y outputs, and weights of the samples: none, one for each
 * output, or one for all. *loss (may be NULL): before the step, what regularizers add included. Steps of one trainer
 * follow each other; a step that fails leaves the model as it was. Errors: KVINO_INVALID, with Keras's words. */
KVINO_API kvino_status kvino_trainer_step(kvino_trainer *t, size_t n_x, kvino_tensor *const *x, size_t n_y,
                                          kvino_tensor *const *y, size_t n_weights, kvino_tensor *const *sample_weight,
                                          double *loss, kvino_error *err);
/* The loss of a batch, layers as in predict. Nothing moves. */
KVINO_API kvino_status kvino_trainer_evaluate(kvino_trainer *t, size_t n_x, kvino_tensor *const *x, size_t n_y,
                                              kvino_tensor *const *y, size_t n_weights,
                                              kvino_tensor *const *sample_weight, double *loss, kvino_error *err);

/* Of the steps from now on: a schedule is a call before each. */
KVINO_API kvino_status kvino_trainer_set_learning_rate(kvino_trainer *t, double rate, kvino_error *err);
KVINO_API double kvino_trainer_learning_rate(const kvino_trainer *t); /* NULL: 0 */
KVINO_API int64_t kvino_trainer_iterations(const kvino_trainer *t);   /* steps so far, those of the file included */

/* kvino_model_save; a .keras file has the optimizer, its state and the losses, too, as Keras's model.save. */
KVINO_API kvino_status kvino_trainer_save(kvino_trainer *t, const char *path, kvino_error *err);

#ifdef __cplusplus
}
#endif
#endif
