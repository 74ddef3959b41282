/* Models from files: loaded and run without Python.
 *
 *   kvino_model_load("model.keras", NULL, &model, &err);
 *   kvino_model_run(model, 1, &x, &out, &err);
 *
 * .keras archives and HDF5 files (.h5, of Keras 1 to 3) with Sequential and Functional models are read; a model runs as
 * in predict. Graphs that kvino wrote (.kvino: kvino_graph_save) and OpenVINO's IR (.xml, its weights beside it in
 * .bin) are read by the same calls: they have inputs and outputs and are run, but have no layers. Files are not
 * trusted: nothing in one is executed, and what it asks for is held against its size. Where kvino was built without
 * readers (KVINO_FILES=OFF) loading gives KVINO_UNSUPPORTED. */
#ifndef KVINO_MODEL_H
#define KVINO_MODEL_H

#include "kvino/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kvino_model kvino_model;

/* A layer of the user's class, in a call of the user's function. Borrowed. */
typedef struct kvino_custom_layer {
  const char *name;
  const char *class_name;
  const char *config;           /* its configuration, JSON */
  size_t n_weights;             /* as many as the file has for it; */
  kvino_tensor *const *weights; /* in the order in which the layer made them */
} kvino_custom_layer;

/* What computes the layers of a class that is not Keras's (or an activation of this name, which has no weights): the
 * tensors that a call gives, in `in`, may be symbolic; what operators make of them goes into *out, which the library
 * releases. On failure: a status, and *err filled. */
typedef struct kvino_custom {
  const char *class_name;
  kvino_status (*call)(void *context, const kvino_custom_layer *layer, size_t n, kvino_tensor *const *in,
                       kvino_tensor **out, kvino_error *err);
  void *context;
} kvino_custom;

/* Where and how it is compiled (see kvino_compile), and what it is made of. All zero is the default. */
typedef struct kvino_model_options {
  const char *device; /* NULL: "CPU" */
  size_t n_properties;
  const kvino_property *properties;
  /* A file whose weights are taken instead of the model file's own: .weights.h5, .weights.json with its shards, .keras,
   * .h5; of an IR: .bin. A configuration in JSON (model.to_json) has none of its own. */
  const char *weights;
  /* The names of layers whose results are the outputs, instead of the model's own. */
  size_t n_outputs;
  const char *const *outputs;
  size_t n_custom;
  const kvino_custom *custom; /* copied; their contexts must live as long as the model */
} kvino_model_options;

/* A layer, those inside of others included. Borrowed from the model. */
typedef struct kvino_layer {
  const char *name;
  const char *class_name;
  const char *path; /* of its weights in a .keras file: "layers/dense" */
  bool trainable;
  size_t n_weights; /* of its own */
} kvino_layer;

/* Reads a file. `options` may be NULL. Errors: KVINO_IO, with the member and the layer (the file is not there, damaged,
 * or is not what it should be); KVINO_UNSUPPORTED: layers that cannot be read, all of them named. */
KVINO_API kvino_status kvino_model_load(const char *path, const kvino_model_options *options, kvino_model **out,
                                        kvino_error *err);
/* The same from memory, which is copied. `name` stands in error texts. */
KVINO_API kvino_status kvino_model_parse(const void *bytes, size_t length, const char *name,
                                         const kvino_model_options *options, kvino_model **out, kvino_error *err);
KVINO_API kvino_model *kvino_model_retain(kvino_model *m); /* m itself; NULL is allowed */
/* NULL is allowed. The last one waits for what was submitted, unless a `done` calls it. */
KVINO_API void kvino_model_release(kvino_model *m);

/* NULL has none. */
KVINO_API size_t kvino_model_input_count(const kvino_model *m);
KVINO_API size_t kvino_model_output_count(const kvino_model *m);
/* Errors: KVINO_INDEX. */
KVINO_API kvino_status kvino_model_input(const kvino_model *m, size_t i, kvino_port *out, kvino_error *err);
KVINO_API kvino_status kvino_model_output(const kvino_model *m, size_t i, kvino_port *out, kvino_error *err);

/* Runs with one tensor for each input; other dtypes are cast to the input's. Any number of threads at once. What a new
 * combination of shapes needs is compiled then; a few are kept. Errors name the input. */
KVINO_API kvino_status kvino_model_run(kvino_model *m, size_t n, kvino_tensor *const *in, kvino_tensors *out,
                                       kvino_error *err);
/* The same, the results copied into memory of the caller's: output i to data[i], which has room for bytes[i], in C
 * order. Errors: KVINO_INVALID where one does not fit; then nothing is written. */
KVINO_API kvino_status kvino_model_run_into(kvino_model *m, size_t n, kvino_tensor *const *in, size_t n_out,
                                            void *const *data, const size_t *bytes, kvino_error *err);
/* The same later, in a thread of the library's: inputs are retained, and done(context, ...) is called there once, with
 * the results or the error, both borrowed. Any number of runs may be on their way; they end in any order. `done` may be
 * NULL. Errors of the run go to `done`; here only what prevents that (NULL, KVINO_NO_MEMORY). */
KVINO_API kvino_status kvino_model_submit(kvino_model *m, size_t n, kvino_tensor *const *in,
                                          void (*done)(void *context, kvino_status status, const kvino_error *err,
                                                       const kvino_tensors *out),
                                          void *context, kvino_error *err);
/* Waits until nothing that was submitted is on its way; not from inside of `done`. NULL is allowed. */
KVINO_API void kvino_model_wait(kvino_model *m);
/* As Keras's reset_states for every recurrent layer with stateful=True: the next run begins with zeros, as the first
 * one does. Any other run begins with the states that the last one that succeeded has left in the model. The batch has
 * the size that the file says. Runs of such a model, of whatever threads, come one after the other, those of
 * kvino_model_submit in the order of the calls; a reset waits for the one that has begun. kvino_model_call,
 * kvino_model_graph and training refuse such a model (KVINO_UNSUPPORTED). NULL is allowed. */
KVINO_API void kvino_model_reset_states(kvino_model *m);
/* The model's layers called on tensors as an operator is: computed now, or recorded where one is symbolic. So a model
 * is part of a graph of one's own, and has derivatives there (kvino/gradient.h). A layer that goes step by step is not
 * computed now (KVINO_UNSUPPORTED): run it. */
KVINO_API kvino_status kvino_model_call(kvino_model *m, size_t n, kvino_tensor *const *in, kvino_tensors *out,
                                        kvino_error *err);
/* The model as a graph, dimensions that are not known left open. */
KVINO_API kvino_status kvino_model_graph(kvino_model *m, kvino_graph **out, kvino_error *err);

/* A table of layers and weights, as Keras's summary. Free with kvino_text_free. */
KVINO_API kvino_status kvino_model_summary(const kvino_model *m, char **text, kvino_error *err);
/* A picture of the layers and of what goes between them, from the top down: SVG. Free with kvino_text_free. Errors:
 * KVINO_UNSUPPORTED: a model that is too large to be looked at, an IR. */
KVINO_API kvino_status kvino_model_draw(kvino_model *m, char **svg, kvino_error *err);
KVINO_API size_t kvino_model_layer_count(const kvino_model *m);
KVINO_API kvino_status kvino_model_layer(const kvino_model *m, size_t i, kvino_layer *out, kvino_error *err);
/* Weight number `weight` of layer number `layer`: its name ("kernel"; borrowed) and its value, which the caller
 * releases. Either may be NULL. Errors: KVINO_INDEX. */
KVINO_API kvino_status kvino_model_weight(const kvino_model *m, size_t layer, size_t weight, const char **name,
                                          kvino_tensor **out, kvino_error *err);

/* A weight by the name (or the path) of its layer and its own: "dense", "kernel". The caller releases it. Errors:
 * KVINO_INVALID: there is none. */
KVINO_API kvino_status kvino_model_get_weight(kvino_model *m, const char *layer, const char *weight, kvino_tensor **out,
                                              kvino_error *err);
/* Its value from now on; cast to the weight's dtype, retained. Runs that have begun end with the one before. Errors:
 * KVINO_INVALID: there is no such weight, or it has another shape; KVINO_TYPE: the value is symbolic. */
KVINO_API kvino_status kvino_model_set_weight(kvino_model *m, const char *layer, const char *weight,
                                              kvino_tensor *value, kvino_error *err);
/* As Keras's layer.trainable = ..., for the layer and those inside; NULL: for every layer. It is saved with the model.
 * Errors: KVINO_INVALID: there is no such layer. */
KVINO_API kvino_status kvino_model_set_trainable(kvino_model *m, const char *layer, bool trainable, kvino_error *err);
/* Writes a file that Keras 3 loads, by the path's end: .keras, .h5 (a whole model, weights by layers' names) or
 * .weights.h5; or the model's graph (.kvino). What the model's file has besides the weights of layers (seeds, the
 * optimizer's state) is kept. The file is there in full or not at all. Errors: KVINO_INVALID: another end;
 * KVINO_UNSUPPORTED: what the format cannot say; KVINO_IO. */
KVINO_API kvino_status kvino_model_save(kvino_model *m, const char *path, kvino_error *err);

/* The classes of layers that can be read from a file. Static; NULL out of range. */
KVINO_API size_t kvino_layer_class_count(void);
KVINO_API const char *kvino_layer_class_name(size_t i);

#ifdef __cplusplus
}
#endif
#endif
