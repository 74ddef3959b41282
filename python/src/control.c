/* Bodies of control flow for Python: `with body(x) as b: ...`, then if_else or loop (include/kvino/graph.h). What
 * keras_backend/core.py builds cond, while_loop and scan of. */
#include <stdlib.h>

#include "graph.h"

/* body(x, like=None): a Recording, a context manager. */
typedef struct recording_object {
  PyObject_HEAD PyObject *graph;
  kvino_graph *before;
} recording_object;

static PyTypeObject *recording_type;

static PyObject *body(PyObject *module, PyObject *args) {
  (void)module;
  PyObject *x, *like = Py_None;
  kvino_graph *g;
  kvino_error err;
  if (!PyArg_ParseTuple(args, "O!|O:body", tensor_type, &x, &like)) return NULL;
  if (like != Py_None && !Py_IS_TYPE(like, recording_type))
    return PyErr_SetString(PyExc_TypeError, "like must be another body"), NULL;
  kvino_graph *other = like == Py_None ? NULL : graph_get(((recording_object *)like)->graph);
  if (kvino_body_new(tensor_get(x), other, &g, &err)) return raise_error(&err);
  PyObject *graph = graph_object_of(g);
  recording_object *self = graph ? PyObject_New(recording_object, recording_type) : NULL;
  if (!self) {
    Py_XDECREF(graph);
    return NULL;
  }
  self->graph = graph;
  self->before = NULL;
  return (PyObject *)self;
}

kvino_graph *recording_graph(PyObject *o) {
  if (Py_IS_TYPE(o, recording_type)) return graph_get(((recording_object *)o)->graph);
  return PyErr_SetString(PyExc_TypeError, "a body made by body() is needed"), NULL;
}

static PyObject *enter(PyObject *o, PyObject *ignored) {
  (void)ignored;
  recording_object *self = (recording_object *)o;
  self->before = kvino_body_enter(graph_get(self->graph));
  return Py_NewRef(self->graph);
}

static PyObject *leave(PyObject *o, PyObject *args) {
  (void)args;
  kvino_body_enter(((recording_object *)o)->before);
  return Py_NewRef(Py_False);
}

static void dealloc(PyObject *o) {
  PyTypeObject *type = Py_TYPE(o);
  Py_DECREF(((recording_object *)o)->graph);
  PyObject_Free(o);
  Py_DECREF(type);
}

static PyObject *constant(PyObject *module, PyObject *args) {
  (void)module;
  PyObject *beside, *value;
  kvino_tensor *t;
  kvino_error err;
  if (!PyArg_ParseTuple(args, "O!O!:constant", tensor_type, &beside, tensor_type, &value)) return NULL;
  if (kvino_graph_constant(tensor_get(beside), tensor_get(value), &t, &err)) return raise_error(&err);
  return tensor_object_new(t);
}

static PyObject *if_else(PyObject *module, PyObject *args) {
  (void)module;
  PyObject *condition, *a, *b;
  kvino_tensors out;
  kvino_error err;
  if (!PyArg_ParseTuple(args, "O!O!O!:if_else", tensor_type, &condition, recording_type, &a, recording_type, &b))
    return NULL;
  if (kvino_if(tensor_get(condition), graph_get(((recording_object *)a)->graph),
               graph_get(((recording_object *)b)->graph), &out, &err))
    return raise_error(&err);
  return tensor_tuple_new(&out);
}

static PyObject *loop(PyObject *module, PyObject *args) {
  (void)module;
  PyObject *trip, *condition, *given, *recording;
  if (!PyArg_ParseTuple(args, "O!O!O!O!:loop", tensor_type, &trip, tensor_type, &condition, &PyTuple_Type, &given,
                        recording_type, &recording))
    return NULL;
  Py_ssize_t n = PyTuple_Size(given);
  kvino_tensor **carried = malloc(((size_t)n + 1) * sizeof *carried);
  kvino_tensors out;
  kvino_error err;
  PyObject *result = carried ? Py_None : PyErr_NoMemory();
  for (Py_ssize_t i = 0; result && i < n; i++) {
    PyObject *x = PyTuple_GetItem(given, i);
    if (is_tensor(x))
      carried[i] = tensor_get(x);
    else
      result = (PyErr_SetString(PyExc_TypeError, "what a loop carries must be tensors"), NULL);
  }
  if (result) {
    kvino_status status = kvino_loop(tensor_get(trip), tensor_get(condition), (size_t)n, carried,
                                     graph_get(((recording_object *)recording)->graph), &out, &err);
    result = status ? raise_error(&err) : tensor_tuple_new(&out);
  }
  free(carried);
  return result;
}

static PyMethodDef methods[] = {
    {"__enter__", enter, METH_NOARGS, NULL},
    {"__exit__", leave, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot slots[] = {
    {Py_tp_doc, "A body of control flow: inside of `with`, operators are recorded into it."},
    {Py_tp_dealloc, (void *)dealloc},
    {Py_tp_methods, methods},
    {0, NULL},
};
static PyType_Spec spec = {"kvino._core.Recording", sizeof(recording_object), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
static PyMethodDef functions[] = {
    {"body", body, METH_VARARGS,
     "body(x, like=None)\n--\n\nA body where an operation on the symbolic tensor x would be recorded. The second "
     "branch "
     "of a condition is made with the first as `like`."},
    {"constant", constant, METH_VARARGS,
     "constant(beside, value)\n--\n\nA concrete tensor as a symbolic one of the graph of the symbolic tensor "
     "`beside`."},
    {"if_else", if_else, METH_VARARGS,
     "if_else(condition, then_body, else_body)\n--\n\nThe results of one of two bodies."},
    {"loop", loop, METH_VARARGS,
     "loop(trip_count, condition, carried, body)\n--\n\nThe last carried values and what the body stacks."},
    {NULL, NULL, 0, NULL},
};

int control_init(PyObject *module) {
  recording_type = (PyTypeObject *)PyType_FromSpec(&spec);
  return recording_type ? PyModule_AddFunctions(module, functions) : -1;
}
