/* A model's inside. */
#ifndef KVINO_MODEL_MODEL_H
#define KVINO_MODEL_MODEL_H

#include <pthread.h>

#include "archive/model_file.h"
#include "base/text.h"
#include "kvino/model.h"
#include "layers/custom.h"
#include "model/ports.h"
#include "openvino/model.h"

enum { KV_KEPT_SHAPES = 8 };

/* The model compiled for one combination of input shapes. */
typedef struct kv_compiled {
  int64_t *shapes; /* of all inputs, one after the other */
  kvino_executable *executable;
} kv_compiled;

typedef struct kv_job kv_job; /* submit.c */

struct kvino_model {
  _Atomic uint32_t refs;
  kv_model_file file; /* its configuration; the weights' file is closed */
  size_t n_source;    /* the HDF5 files of weights by path: what stands in them besides is saved again */
  kv_bytes **source;
  bool chosen;     /* its outputs are not the file's */
  kv_layer *root;  /* NULL: a graph (file.graph) or ... */
  kv_ov_model *ir; /* ... an IR, compiled */
  size_t n_layers;
  size_t n_weights; /* of all layers */
  kv_layer **layer; /* flat, without the root */
  kv_model_ports in, out;
  char *device;
  kv_customs customs;
  size_t n_properties;
  kvino_property *properties;
  pthread_rwlock_t weights; /* of the layers' weights; taken after the lock, where both are */
  pthread_mutex_t lock;     /* of what follows */
  size_t n_compiled;
  uint64_t changes; /* of weights by their user, of what can be trained */
  kv_compiled compiled[KV_KEPT_SHAPES];
  kvino_executable *any_shape; /* where there are more than those */
  kv_model_ports kept;         /* states of layers (states.c): further inputs and results of what is compiled */
  pthread_mutex_t turn;        /* of what follows, for a run's whole time */
  kvino_tensor **state;        /* NULL: zeros */
  pthread_mutex_t queue;       /* of what follows: runs that were submitted */
  pthread_cond_t idle;
  kv_job *first, *last;
  size_t n_threads;
  bool abandoned; /* released by one of its threads */
};

/* Before the model is freed: waits for what was submitted. False where a thread of its own asks: that frees it. */
bool kv_model_end(kvino_model *m);
void kv_model_free(kvino_model *m);

/* The layers' results for these tensors, concrete or symbolic, in a scope: of predict, or of `training`. `states`: what
 * is kept, or NULL. */
kv_value kv_model_apply(kv_scope *s, const kvino_model *m, kvino_tensor *const *in, kv_training *training,
                        kv_states *states);

/* Errors: KVINO_UNSUPPORTED: it has no layers `to` do that with. */
kvino_status kv_model_need_layers(const kvino_model *m, const char *to, kvino_error *err);

/* A model that is a graph: its inputs and outputs; what kv_model_record and kvino_model_call do. */
kvino_status kv_graph_model_begin(kvino_model *m, kvino_error *err);
kvino_status kv_graph_model_record(const kvino_model *m, const int64_t *shapes, kvino_graph **out, kvino_error *err);
kvino_status kv_graph_model_call(const kvino_model *m, kvino_tensor *const *in, kvino_tensors *out, kvino_error *err);
/* What it consists of, as lines of a summary. */
void kv_graph_model_summary(const kvino_model *m, kv_text *t);

/* A model that is an IR: compiles it for its device; a run. */
kvino_status kv_ir_begin(kvino_model *m, kvino_error *err);
kvino_status kv_ir_run(const kvino_model *m, kvino_tensor *const *in, kvino_tensors *out, kvino_error *err);

/* The states of a recording of the model: ports, no values. */
kvino_status kv_states_find(kvino_model *m, const kvino_graph *recorded, kvino_error *err);
/* The inputs of a run with the states after them: *all, until kv_states_end, which puts those of `out` in their place
 * and takes them away from it; NULL: the run has failed. Other runs wait in between. */
kvino_status kv_states_begin(kvino_model *m, kvino_tensor *const *in, kvino_tensor ***all, kvino_error *err);
void kv_states_end(kvino_model *m, kvino_tensor **all, kvino_tensors *out);

/* Whether t may be input i; what is unknown of its shape may be. Errors: KVINO_INVALID; KVINO_TYPE: complex numbers
 * for real ones. */
kvino_status kv_model_check_input(const kvino_model *m, size_t i, const kvino_tensor *t, kvino_error *err);

/* kvino_model_run where `take` is to have the results before they count: where it fails the run has. May be NULL. */
typedef kvino_status kv_take_results(void *context, const kvino_tensors *out, kvino_error *err);
kvino_status kv_model_run(kvino_model *m, size_t n, kvino_tensor *const *in, kv_take_results *take, void *context,
                          kvino_tensors *out, kvino_error *err);

/* Records the model for inputs of these shapes (in.n_dims numbers), what it keeps as further inputs and results.
 * *out_list: its results, which the caller clears; may be NULL. */
kvino_status kv_model_record(kvino_model *m, const int64_t *shapes, kvino_graph **out, kvino_tensors *out_list,
                             kvino_error *err);

/* Forgets what was compiled. The lock is held. */
void kv_model_forget(kvino_model *m);
/* The layer of this name or path. Errors: KVINO_INVALID. */
kvino_status kv_model_find_layer(const kvino_model *m, const char *name, kv_layer **out, kvino_error *err);

/* What is saved besides the model (the optimizer of a trainer). */
typedef struct kv_model_extras {
  size_t n;
  char *const *path; /* "optimizer/vars/0" */
  kvino_tensor *const *value;
  json_t *compile_config;
} kv_model_extras;
/* kvino_model_save; `extras` may be NULL. */
kvino_status kv_model_save(kvino_model *m, const char *path, const kv_model_extras *extras, kvino_error *err);

#endif
