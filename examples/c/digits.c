/* Runs the digit classifier without Python: what examples/digits/run.py does, which calls it.
 *
 *   cc digits.c $(pkg-config --cflags --libs kvino) -lm -o digits
 *   ./digits digits.kvino images.npy labels.npy expected.npy [BATCH [REPEATS]]
 *
 * digits.kvino is the model as kvino.save writes it, images.npy float32 (n, height, width, channels), labels.npy int32
 * (n,), expected.npy float32 (n, classes): what the backend that trained the model gives. Prints the share of images
 * whose greatest output is their label's, the largest difference from what is expected, and times: of loading the
 * model with a first prediction, and, as medians, of predicting all images in batches, and one. */
#define _POSIX_C_SOURCE 200809L
#include <kvino/kvino.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_REPEATS = 1000 };

typedef struct subject {
  kvino_model *model;
  kvino_tensor *images, *labels, *expected;
  float *scores;
  int64_t n, classes, batch;
} subject;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The first n images, `batch` at a time: their outputs stand in s->scores. */
static kvino_status predict(subject *s, int64_t n, kvino_error *err) {
  kvino_status status = KVINO_OK;
  int64_t shape[KVINO_MAX_RANK];
  size_t image = sizeof(float);
  for (int i = 1; i < kvino_tensor_rank(s->images); i++) {
    shape[i] = kvino_tensor_shape(s->images)[i];
    image *= (size_t)shape[i];
  }
  for (int64_t at = 0; at < n && !status; at += shape[0]) {
    shape[0] = n - at < s->batch ? n - at : s->batch;
    const char *data = (const char *)kvino_tensor_data(s->images) + (size_t)at * image;
    kvino_tensor *x = NULL; /* a view: nothing is copied */
    status = kvino_tensor_wrap(KVINO_F32, kvino_tensor_rank(s->images), shape, NULL, data, NULL, NULL, &x, err);
    void *out = s->scores + at * s->classes;
    size_t bytes = (size_t)(shape[0] * s->classes) * sizeof *s->scores;
    if (!status) status = kvino_model_run_into(s->model, 1, &x, 1, &out, &bytes, err);
    kvino_tensor_release(x);
  }
  return status;
}

static void judge(const subject *s) {
  const int32_t *label = kvino_tensor_data(s->labels);
  const float *expected = kvino_tensor_data(s->expected);
  double difference = 0;
  int64_t right = 0;
  for (int64_t i = 0; i < s->n; i++) {
    const float *score = s->scores + i * s->classes;
    int64_t best = 0;
    for (int64_t k = 0; k < s->classes; k++) {
      if (score[k] > score[best]) best = k;
      difference = fmax(difference, fabs((double)score[k] - (double)expected[i * s->classes + k]));
    }
    right += best == label[i];
  }
  printf("accuracy %.4f\ndifference %.1e\n", (double)right / (double)s->n, difference);
}

/* The median of so many predictions of n images, in seconds. */
static kvino_status median_of(subject *s, int64_t n, int repeats, double *median, kvino_error *err) {
  double taken[MAX_REPEATS];
  kvino_status status = predict(s, n, err); /* another number of images may be compiled anew */
  for (int i = 0; i < repeats && !status; i++) {
    double start = now();
    status = predict(s, n, err);
    taken[i] = now() - start;
  }
  qsort(taken, (size_t)repeats, sizeof *taken, by_size);
  *median = taken[repeats / 2];
  return status;
}

static kvino_status read_all(subject *s, char **argv, kvino_error *err) {
  kvino_status status = kvino_npy_read(argv[2], &s->images, err);
  if (!status) status = kvino_npy_read(argv[3], &s->labels, err);
  if (!status) status = kvino_npy_read(argv[4], &s->expected, err);
  if (status) return status;
  s->n = kvino_tensor_rank(s->images) ? kvino_tensor_shape(s->images)[0] : 0;
  s->classes = kvino_tensor_rank(s->expected) == 2 ? kvino_tensor_shape(s->expected)[1] : 0;
  bool fits = s->n && kvino_tensor_dtype(s->images) == KVINO_F32 && kvino_tensor_dtype(s->labels) == KVINO_I32 &&
              kvino_tensor_dtype(s->expected) == KVINO_F32 && kvino_tensor_size(s->labels) == s->n && s->classes &&
              kvino_tensor_size(s->expected) == s->n * s->classes;
  if (fits && (s->scores = calloc((size_t)(s->n * s->classes), sizeof *s->scores))) return KVINO_OK;
  snprintf(err->text, sizeof err->text, fits ? "out of memory" : "images, labels and outputs do not fit together");
  return fits ? KVINO_NO_MEMORY : KVINO_INVALID;
}

int main(int argc, char **argv) {
  subject s = {.batch = argc > 5 ? atoi(argv[5]) : 32};
  int repeats = argc > 6 ? atoi(argv[6]) : 15;
  double loaded, every = 0, single = 0;
  kvino_error err;
  if (argc < 5 || s.batch < 1 || repeats < 1 || repeats > MAX_REPEATS)
    return fprintf(stderr, "usage: digits MODEL IMAGES.npy LABELS.npy EXPECTED.npy [BATCH [REPEATS]]\n"), 2;
  kvino_status status = read_all(&s, argv, &err);
  double start = now();
  if (!status) status = kvino_model_load(argv[1], NULL, &s.model, &err);
  if (!status) status = predict(&s, 1, &err);
  loaded = now() - start;
  if (!status) status = predict(&s, s.n, &err);
  if (!status) judge(&s);
  if (!status) status = median_of(&s, s.n, repeats, &every, &err);
  if (!status) status = median_of(&s, 1, repeats, &single, &err);
  if (status)
    fprintf(stderr, "%s\n", err.text);
  else
    printf("load %.6f\nall %.6f\none %.6f\n", loaded, every, single);
  free(s.scores);
  kvino_model_release(s.model);
  kvino_tensor_release(s.expected);
  kvino_tensor_release(s.labels);
  kvino_tensor_release(s.images);
  return status ? 1 : 0;
}
