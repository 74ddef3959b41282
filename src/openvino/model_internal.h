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

/* Trap: after an inference that has failed, a compiled model of the CPU plugin fails for ever, or gives wrong numbers
 * without a word: it keeps what it prepared for the inputs that were refused. Such a model is spoiled. It is compiled
 * anew before its next inference, and one that ran beside the failing one is made again. */
struct kv_ov_model {
  atomic_int references;
  pthread_rwlock_t lock; /* of the compiled model: written where it is compiled anew */
  ov_compiled *compiled;
  atomic_uint generation; /* how many times it was compiled anew */
  atomic_bool spoiled;
  atomic_size_t inferences; /* of the compiled model that is now */
  kv_ov_program program;    /* what it is compiled from: ir and key are the model's own */
  kv_ov_key key;
  kv_ov_config *config;
  size_t n_in, n_out;
  kv_ov_port *ports;     /* inputs, then outputs */
  pthread_mutex_t mutex; /* of the idle requests */
  int n_idle;
  struct kv_ov_run *idle[KV_OV_IDLE];
};

/* infer.c: frees a request that is idle. */
void kv_ov_run_free(struct kv_ov_run *run);
/* model.c: compiles a spoiled model anew; nothing where it is not. */
kvino_status kv_ov_model_mend(kv_ov_model *model, kvino_error *err);

#endif
