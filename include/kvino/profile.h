/* Where the time of a compiled graph goes: by operation, and by the names of scopes (Keras's layers) in which it was
 * recorded.
 *
 *   kvino_scope_begin("dense", &err); any operators on symbolic tensors; kvino_scope_end();
 *   kvino_compile(graph, "CPU", 1, &(kvino_property){"profiling", "yes"}, &executable, &err)
 *   kvino_executable_profile(executable, n, in, 10, &profile, &err)
 *   kvino_profile_text(profile, &text, &err) */
#ifndef KVINO_PROFILE_H
#define KVINO_PROFILE_H

#include "kvino/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What this thread records from here on is of the scope `name`, inside of the scopes that have begun and not ended:
 * "model/block/dense". Names cost nothing when a graph runs, and two graphs that differ in them alone are one model. */
KVINO_API kvino_status kvino_scope_begin(const char *name, kvino_error *err);
/* Ends the scope that this thread began last; nothing where there is none. */
KVINO_API void kvino_scope_end(void);

/* An operation that was executed; of OpenVINO's, what its plugin made of one or several of the graph. */
typedef struct kvino_profile_row {
  const char *scope;     /* "" where it was recorded in none, or belongs to none */
  const char *operation; /* "MatMul" */
  const char *engine;    /* "CPU", ...: OpenVINO's device; "native" */
  const char *precision; /* "f32", "bf16", ... */
  const char *kernel;    /* how OpenVINO computed it; "" */
  const char *reason;    /* why it is native; NULL where it is not, or the device was "native" */
  double microseconds;   /* of a run, the mean; 0 where nothing ran */
  int64_t result_bytes;  /* -1: not known */
} kvino_profile_row;

/* All of a scope. Layers whose operations became part of another one's (a bias, an activation) have no time. */
typedef struct kvino_profile_layer {
  const char *scope;
  const char *operations; /* of the graph: "MatMul, Add" */
  const char *engine;     /* "CPU", "native", "CPU, native" */
  const char *precision;
  const char *reason;   /* why some of it is native; NULL */
  double microseconds;  /* of a run */
  size_t n_operations;  /* of the graph */
  int64_t weight_bytes; /* constants that it reads; those of several layers count for the first */
  int64_t result_bytes; /* that it gives to others or passes on inside, as far as known */
} kvino_profile_layer;

typedef struct kvino_profile kvino_profile;

/* Runs `runs` times (at least once) after one run that does not count, and gives the mean times. The executable must
 * have been compiled with profiling=yes, unless all of it is native. *out belongs to the caller. Errors: KVINO_INVALID
 * (not compiled so), and those of kvino_executable_run. */
KVINO_API kvino_status kvino_executable_profile(kvino_executable *e, size_t n, kvino_tensor *const *in, size_t runs,
                                                kvino_profile **out, kvino_error *err);
/* The same without running: engine, precision and reason of each operation of the graph. */
KVINO_API kvino_status kvino_executable_explain(const kvino_executable *e, kvino_profile **out, kvino_error *err);
KVINO_API void kvino_profile_free(kvino_profile *p); /* NULL is allowed */

/* Borrowed from the profile; a pointer to none where it is NULL. */
KVINO_API const kvino_profile_row *kvino_profile_rows(const kvino_profile *p, size_t *n);
KVINO_API const kvino_profile_layer *kvino_profile_layers(const kvino_profile *p, size_t *n);
/* The mean time of a whole run, in microseconds: more than the sum of the rows by what lies between them. 0: of an
 * explanation. */
KVINO_API double kvino_profile_time(const kvino_profile *p);

/* A table, a layer a line. kvino_text_free. */
KVINO_API kvino_status kvino_profile_text(const kvino_profile *p, char **text, kvino_error *err);
/* A page for a browser that needs nothing else: bars, the graph of the layers, all operations. kvino_text_free. */
KVINO_API kvino_status kvino_profile_html(const kvino_profile *p, char **text, kvino_error *err);

/* What should be said to the user, in words, or NULL: that an operation on kvino's own kernels takes more than a tenth
 * of the model's time, for which the first runs are measured; or, of the first such executable of the process, that the
 * processor has AMX, the model is mostly products of float32, and bf16 would be faster. It is given once. Belongs to
 * the executable. */
KVINO_API const char *kvino_executable_advice(kvino_executable *e);
/* Whether that is looked for, which it is unless told otherwise: of a step of training nobody chooses the operations of
 * the derivatives. To be said before the first run; NULL is allowed. */
KVINO_API void kvino_executable_advise(kvino_executable *e, bool wanted);

#ifdef __cplusplus
}
#endif
#endif
