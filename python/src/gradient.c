/* Derivatives of recorded values for Python (include/kvino/gradient.h). What Keras's grad, jvp and trainer are
 * built of. */
#include <stdlib.h>

#include "graph.h"

/* The tensors of a tuple, borrowed; with `none`, None gives NULL. free() it. */
static kvino_tensor **tensors(PyObject *tuple, bool none, const char *what) {
  Py_ssize_t n = PyTuple_Size(tuple);
  kvino_tensor **v = malloc(((size_t)n + 1) * sizeof *v);
  if (!v) return PyErr_NoMemory(), NULL;
  for (Py_ssize_t i = 0; i < n; i++) {
    PyObject *x = PyTuple_GetItem(tuple, i);
    v[i] = is_tensor(x) ? tensor_get(x) : NULL;
    if (v[i] || (none && x == Py_None)) continue;
    free(v);
    return PyErr_Format(PyExc_TypeError, "%s must be tensors", what), NULL;
  }
  return v;
}

static PyObject *differ(Py_ssize_t a, Py_ssize_t b) {
  return PyErr_Format(PyExc_ValueError, "%zd and %zd tensors do not belong together", a, b);
}

static PyObject *gradients(PyObject *module, PyObject *args) {
  (void)module;
  PyObject *ys, *cotangents, *xs, *result = NULL;
  kvino_tensors out;
  kvino_error err;
  if (!PyArg_ParseTuple(args, "O!O!O!:gradients", &PyTuple_Type, &ys, &PyTuple_Type, &cotangents, &PyTuple_Type, &xs))
    return NULL;
  if (PyTuple_Size(ys) != PyTuple_Size(cotangents)) return differ(PyTuple_Size(ys), PyTuple_Size(cotangents));
  kvino_tensor **y = tensors(ys, false, "values"), **d = y ? tensors(cotangents, true, "cotangents") : NULL;
  kvino_tensor **x = d ? tensors(xs, false, "sources") : NULL;
  if (x) {
    kvino_status status = kvino_gradients((size_t)PyTuple_Size(ys), y, d, (size_t)PyTuple_Size(xs), x, &out, &err);
    result = status ? raise_error(&err) : tensor_tuple_new(&out);
  }
  free(y);
  free(d);
  free(x);
  return result;
}

static PyObject *jvp(PyObject *module, PyObject *args) {
  (void)module;
  PyObject *ys, *xs, *tangents, *result = NULL;
  kvino_tensors out;
  kvino_error err;
  if (!PyArg_ParseTuple(args, "O!O!O!:jvp", &PyTuple_Type, &ys, &PyTuple_Type, &xs, &PyTuple_Type, &tangents))
    return NULL;
  if (PyTuple_Size(xs) != PyTuple_Size(tangents)) return differ(PyTuple_Size(xs), PyTuple_Size(tangents));
  kvino_tensor **y = tensors(ys, false, "values"), **x = y ? tensors(xs, false, "sources") : NULL;
  kvino_tensor **v = x ? tensors(tangents, false, "tangents") : NULL;
  if (v) {
    kvino_status status = kvino_jvp((size_t)PyTuple_Size(ys), y, (size_t)PyTuple_Size(xs), x, v, &out, &err);
    result = status ? raise_error(&err) : tensor_tuple_new(&out);
  }
  free(y);
  free(x);
  free(v);
  return result;
}

static PyObject *custom_gradient(PyObject *module, PyObject *args) {
  (void)module;
  PyObject *ys, *xs, *recording, *result = NULL;
  kvino_tensors out;
  kvino_error err;
  if (!PyArg_ParseTuple(args, "O!O!O:custom_gradient", &PyTuple_Type, &ys, &PyTuple_Type, &xs, &recording)) return NULL;
  kvino_graph *body = recording_graph(recording);
  if (!body) return NULL;
  kvino_tensor **y = tensors(ys, false, "values"), **x = y ? tensors(xs, false, "sources") : NULL;
  if (x) {
    kvino_status status =
        kvino_custom_gradient((size_t)PyTuple_Size(ys), y, (size_t)PyTuple_Size(xs), x, body, &out, &err);
    result = status ? raise_error(&err) : tensor_tuple_new(&out);
  }
  free(y);
  free(x);
  return result;
}

static PyMethodDef functions[] = {
    {"gradients", gradients, METH_VARARGS,
     "gradients(values, cotangents, sources)\n--\n\nFor each of the symbolic sources (a tuple) the sum of cotangent "
     "times "
     "derivative of the values (tuples of one length; a cotangent that is None stands for ones)."},
    {"jvp", jvp, METH_VARARGS,
     "jvp(values, sources, tangents)\n--\n\nFor each of the values (a tuple) the sum of its derivative by a source "
     "times "
     "the tangent of that (tuples of one length)."},
    {"custom_gradient", custom_gradient, METH_VARARGS,
     "custom_gradient(values, sources, body)\n--\n\nThe values, with a body that gives the gradients of the sources "
     "from "
     "a cotangent for each value."},
    {NULL, NULL, 0, NULL},
};

int gradient_init(PyObject *module) { return PyModule_AddFunctions(module, functions); }
