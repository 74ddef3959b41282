/* The insides of a compiled model, shared by model.c (its life) and infer.c (its requests). */
#ifndef KVINO_OPENVINO_MODEL_INTERNAL_H
#define KVINO_OPENVINO_MODEL_INTERNAL_H

#include "openvino/api.h"
#include "openvino/model.h"

#include <pthread.h>
#include <stdatomic.h>

/* Requests kept for the next inference; more are made where more threads run at a time, and freed afterwards. */
#define KV_OV_IDLE 8

struct kv_ov_run;

struct kv_ov_model {
  atomic_int references;
  ov_compiled *compiled;
  size_t n_in, n_out;
  kv_ov_port *ports; /* inputs, then outputs */
  void (*release)(void *owner);
  void *owner;
  pthread_mutex_t mutex; /* of the idle requests */
  int n_idle;
  struct kv_ov_run *idle[KV_OV_IDLE];
};

/* infer.c: frees a request that is idle. */
void kv_ov_run_free(struct kv_ov_run *run);

#endif
