/* Eight threads on one model: a run takes no lock while it computes.
 *
 *   cc serve.c $(pkg-config --cflags --libs kvino) -lpthread -o serve
 *   ./serve model.keras input.npy 100 */
#include <kvino/kvino.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 8 };

typedef struct work {
  kvino_model *model;
  kvino_tensor *input;
  int requests, done;
  kvino_error err;
} work;

static void *serve(void *argument) {
  work *w = argument;
  for (; w->done < w->requests; w->done++) {
    kvino_tensors out = {0, NULL};
    if (kvino_model_run(w->model, 1, &w->input, &out, &w->err)) break;
    kvino_tensors_clear(&out);
  }
  return NULL;
}

int main(int argc, char **argv) {
  kvino_model *model = NULL;
  kvino_tensor *input = NULL;
  kvino_error err;
  if (argc != 4) return fprintf(stderr, "usage: serve MODEL INPUT.npy REQUESTS\n"), 2;
  kvino_status status = kvino_model_load(argv[1], NULL, &model, &err);
  if (!status) status = kvino_npy_read(argv[2], &input, &err);
  if (status) {
    fprintf(stderr, "%s\n", err.text);
  } else {
    pthread_t thread[THREADS];
    work w[THREADS];
    int done = 0, requests = atoi(argv[3]);
    for (int i = 0; i < THREADS; i++) {
      w[i] = (work){.model = model, .input = input, .requests = requests};
      if (pthread_create(&thread[i], NULL, serve, &w[i])) return perror("pthread_create"), 1;
    }
    for (int i = 0; i < THREADS; i++) {
      pthread_join(thread[i], NULL);
      done += w[i].done;
      if (w[i].done < requests) fprintf(stderr, "%s\n", w[i].err.text), status = w[i].err.status;
    }
    printf("%d requests by %d threads\n", done, THREADS);
  }
  kvino_tensor_release(input);
  kvino_model_release(model);
  return status ? 1 : 0;
}
