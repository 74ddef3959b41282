/* Classifies an image with a model that Keras saved, without Python.
 *
 *   cc classify.c $(pkg-config --cflags --libs kvino) -o classify
 *   ./classify model.keras image.npy
 *
 * image.npy is a batch of images as the model takes it; the most probable classes of each are printed. */
#include <kvino/kvino.h>
#include <stdbool.h>
#include <stdio.h>

enum { TOP = 3 };

/* The largest of n scores, largest first; of equal ones the first. */
static void print_best(const float *score, int64_t n) {
  int64_t last = -1;
  for (int rank = 0; rank < TOP; rank++) {
    int64_t best = -1;
    for (int64_t i = 0; i < n; i++) {
      bool left = last < 0 || score[i] < score[last] || (score[i] == score[last] && i > last);
      if (left && (best < 0 || score[i] > score[best])) best = i;
    }
    if (best < 0) break;
    printf("  class %lld: %.4f\n", (long long)best, score[best]);
    last = best;
  }
}

int main(int argc, char **argv) {
  kvino_model *model = NULL;
  kvino_tensor *image = NULL;
  kvino_tensors out = {0, NULL};
  kvino_error err;
  if (argc != 3) return fprintf(stderr, "usage: classify MODEL IMAGE.npy\n"), 2;
  kvino_status status = kvino_model_load(argv[1], NULL, &model, &err);
  if (!status) status = kvino_npy_read(argv[2], &image, &err);
  if (!status) status = kvino_model_run(model, 1, &image, &out, &err);
  if (!status && (kvino_tensor_dtype(out.v[0]) != KVINO_F32 || kvino_tensor_rank(out.v[0]) != 2)) {
    fprintf(stderr, "the model gives no scores\n");
    status = KVINO_INVALID;
  } else if (status) {
    fprintf(stderr, "%s\n", err.text);
  } else {
    const int64_t *shape = kvino_tensor_shape(out.v[0]);
    const float *score = kvino_tensor_data(out.v[0]);
    for (int64_t i = 0; i < shape[0]; i++) {
      printf("image %lld\n", (long long)i);
      print_best(score + i * shape[1], shape[1]);
    }
  }
  kvino_tensors_clear(&out);
  kvino_tensor_release(image);
  kvino_model_release(model);
  return status ? 1 : 0;
}
