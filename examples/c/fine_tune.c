/* Trains the last layer of a model of Keras's on arrays of a file, and saves it so that Keras loads it.
 *
 *   cc fine_tune.c $(pkg-config --cflags --libs kvino) -o fine_tune
 *   ./fine_tune model.keras x.npy y.npy dense_1 20 tuned.keras */
#include <kvino/kvino.h>
#include <stdio.h>
#include <stdlib.h>

static const kvino_loss LOSS = {.name = "mse"};
static const kvino_property SETTINGS[] = {{"learning_rate", "0.01"}, {"clipnorm", "1.0"}};

static kvino_status train(kvino_trainer *trainer, kvino_tensor *x, kvino_tensor *y, int steps, kvino_error *err) {
  double loss = 0;
  for (int i = 0; i < steps; i++) {
    kvino_status status = kvino_trainer_step(trainer, 1, &x, 1, &y, 0, NULL, &loss, err);
    if (status) return status;
    if (i == 0 || i == steps - 1) printf("step %d: %.6f\n", i + 1, loss);
  }
  return KVINO_OK;
}

int main(int argc, char **argv) {
  kvino_model *model = NULL;
  kvino_trainer *trainer = NULL;
  kvino_tensor *x = NULL, *y = NULL;
  kvino_error err;
  if (argc != 7) return fprintf(stderr, "usage: fine_tune MODEL X Y LAYER STEPS OUT\n"), 2;
  const char *layer = argv[4];
  const kvino_trainer_options options = {.optimizer = "adam",
                                         .n_settings = 2,
                                         .settings = SETTINGS,
                                         .n_losses = 1,
                                         .losses = &LOSS,
                                         .n_layers = 1,
                                         .layers = &layer};
  kvino_status status = kvino_model_load(argv[1], NULL, &model, &err);
  if (!status) status = kvino_npy_read(argv[2], &x, &err);
  if (!status) status = kvino_npy_read(argv[3], &y, &err);
  if (!status) status = kvino_trainer_new(model, &options, &trainer, &err);
  if (!status) status = train(trainer, x, y, atoi(argv[5]), &err);
  if (!status) status = kvino_trainer_save(trainer, argv[6], &err);
  if (status) fprintf(stderr, "%s\n", err.text);
  kvino_trainer_release(trainer);
  kvino_model_release(model);
  kvino_tensor_release(x);
  kvino_tensor_release(y);
  return status ? 1 : 0;
}
