/* Graphs and executables, for the files that trace functions. */
#ifndef KVINO_PYTHON_GRAPH_H
#define KVINO_PYTHON_GRAPH_H

#include "core.h"
#include "kvino/graph.h"

/* Compile properties from a dict of Python values. */
typedef struct properties {
  kvino_property *v;
  PyObject *texts; /* owns the values' texts; the dict owns the names */
  size_t n;
} properties;
int properties_read(PyObject *given, properties *p); /* given: a dict or NULL; None as a value is NULL */
PyObject *property_text(PyObject *value);            /* True is "true", 4 is "4"; a new reference to a string */
void properties_free(properties *p);

PyObject *text_object(char *text); /* a string; frees the text with kvino_text_free */

PyObject *graph_object_new(void);
PyObject *graph_object_of(kvino_graph *g); /* takes it, also on failure */
kvino_graph *graph_get(PyObject *o);
/* An Executable. device: a string, or NULL or None for kvino.config.device. */
PyObject *graph_compile(kvino_graph *g, PyObject *device, PyObject *properties);

PyObject *executable_object_new(kvino_executable *e); /* takes it, also on failure */
/* Runs without the GIL. `aliased`: some operands share memory that someone may write to. */
int executable_run(PyObject *self, size_t n, kvino_tensor *const *in, bool aliased, kvino_tensors *out);

/* The graph of what body() gave, borrowed; NULL with an exception where `o` is something else. */
kvino_graph *recording_graph(PyObject *o); /* control.c */

PyObject *config_key(void); /* what a compilation depends on besides its graph, as a string (config.c) */
/* Warns once of settings that the device (NULL: kvino.config.device) has no use for. */
int config_warn_unused(const char *device);

#endif
