/* A cell of a recurrent layer over the steps of a sequence, for cells that no operator knows as a whole. */
#ifndef KVINO_LAYERS_STEPS_H
#define KVINO_LAYERS_STEPS_H

#include "layers/layer.h"

enum { KV_MOST_STATES = 16 };

/* The states that follow from a step's inputs x (batch, ...), put in the place of those before; gives the output. */
typedef kvino_tensor *kv_step(kv_invocation *c, kvino_tensor *x, size_t n, kvino_tensor **state);

typedef struct kv_steps {
  kv_step *step;
  kvino_tensor *x, *mask; /* (batch, time, ...), (batch, time) or NULL */
  size_t n;
  kvino_tensor *const *state; /* the first states */
  size_t like;                /* the state that has the shape of the output */
  bool backwards, zero;       /* zero: outputs of steps that are masked are 0, not those of the step before */
} kv_steps;

/* The outputs of all steps (batch, time, ...) in the order of computing, the last one, and the last states. */
kvino_tensors kv_over_steps(kv_invocation *c, const kv_steps *of);

#endif
