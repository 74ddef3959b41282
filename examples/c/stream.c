/* Streams sequences through a recurrent model that Keras saved, step by step as they come, without Python.
 *
 *   cc stream.c $(pkg-config --cflags --libs kvino) -o stream
 *   ./stream model.keras first.npy second.npy
 *
 * The model has keras.Input(batch_shape=(1, None, features)) and layers with stateful=True, such as LSTM: what they
 * know of the steps before stays in the model from one run to the next. A file holds a sequence, (steps, features) of
 * float32; each begins anew. The model's output after every step is printed. */
#include <kvino/kvino.h>
#include <stdio.h>

static kvino_status run_step(kvino_model *model, const float *step, int64_t features, kvino_error *err) {
  kvino_tensor *x = NULL;
  kvino_tensors out = {0, NULL};
  kvino_status status = kvino_tensor_new(KVINO_F32, 3, (int64_t[]){1, 1, features}, step, &x, err);
  if (!status) status = kvino_model_run(model, 1, &x, &out, err);
  if (!status) {
    const float *y = kvino_tensor_data(out.v[0]);
    for (int64_t i = 0; i < kvino_tensor_size(out.v[0]); i++) printf("%s%.4f", i ? " " : "", y[i]);
    printf("\n");
  }
  kvino_tensors_clear(&out);
  kvino_tensor_release(x);
  return status;
}

static kvino_status run_sequence(kvino_model *model, const char *path, kvino_error *err) {
  kvino_tensor *x = NULL;
  kvino_status status = kvino_npy_read(path, &x, err);
  if (!status && (kvino_tensor_dtype(x) != KVINO_F32 || kvino_tensor_rank(x) != 2 || !kvino_tensor_is_contiguous(x))) {
    snprintf(err->text, sizeof err->text, "%s: not (steps, features) of float32", path);
    status = KVINO_INVALID;
  }
  if (!status) {
    const int64_t *shape = kvino_tensor_shape(x);
    const float *step = kvino_tensor_data(x);
    kvino_model_reset_states(model);
    for (int64_t i = 0; i < shape[0] && !status; i++) status = run_step(model, step + i * shape[1], shape[1], err);
  }
  kvino_tensor_release(x);
  return status;
}

int main(int argc, char **argv) {
  kvino_model *model = NULL;
  kvino_error err;
  if (argc < 3) return fprintf(stderr, "usage: stream MODEL SEQUENCE.npy ...\n"), 2;
  kvino_status status = kvino_model_load(argv[1], NULL, &model, &err);
  for (int i = 2; i < argc && !status; i++) status = run_sequence(model, argv[i], &err);
  if (status) fprintf(stderr, "%s\n", err.text);
  kvino_model_release(model);
  return status ? 1 : 0;
}
