/* Inputs and outputs of a model, with names and shapes of their own. */
#ifndef KVINO_MODEL_PORTS_H
#define KVINO_MODEL_PORTS_H

#include "base/error.h"
#include "kvino/graph.h"

typedef struct kv_model_ports {
  size_t n;
  kvino_port *v;
  int64_t *shapes; /* of all, one after the other */
  size_t n_dims;
  char **names;
} kv_model_ports;

/* Copies; what has no name is called `what`, what_1, ... (all zeros before, to be cleared even where this fails). */
kvino_status kv_model_ports_copy(size_t n, const kvino_port *from, const char *what, kv_model_ports *out,
                                 kvino_error *err);
void kv_model_ports_clear(kv_model_ports *p);

#endif
