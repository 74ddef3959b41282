/* The types Graph and Executable: include/kvino/graph.h for Python. */
#include <stdlib.h>
#include <string.h>

#include "graph.h"
#include "profile.h"

static PyTypeObject *graph_type, *executable_type;

PyObject *text_object(char *text) {
  PyObject *o = PyUnicode_FromString(text);
  kvino_text_free(text);
  return o;
}

/* ---- properties ---- */

PyObject *property_text(PyObject *o) {
  if (PyBool_Check(o)) return PyUnicode_FromString(o == Py_True ? "true" : "false");
  if (PyNumber_Check(o)) return PyObject_Str(o);
  PyObject *text = PyUnicode_Check(o) ? Py_NewRef(o) : PyOS_FSPath(o);
  if (text && PyUnicode_Check(text) && PyUnicode_FindChar(text, 0, 0, PyUnicode_GetLength(text), 1) < 0) return text;
  if (text && PyUnicode_Check(text))
    PyErr_SetString(PyExc_ValueError, "embedded null character");
  else
    PyErr_Format(PyExc_TypeError, "the value of a property is a text, a number or a path, not %R", o);
  Py_XDECREF(text);
  return NULL;
}

int properties_read(PyObject *given, properties *p) {
  *p = (properties){NULL, NULL, 0};
  if (!given || !PyDict_Size(given)) return 0;
  p->texts = PyList_New(0);
  p->v = malloc((size_t)PyDict_Size(given) * sizeof *p->v);
  PyObject *name, *o;
  Py_ssize_t at = 0;
  int status = p->texts && p->v ? 0 : -1;
  if (!p->v) PyErr_NoMemory();
  while (!status && PyDict_Next(given, &at, &name, &o)) {
    PyObject *text = o == Py_None ? Py_NewRef(o) : property_text(o);
    kvino_property *q = &p->v[p->n++];
    status = text ? PyList_Append(p->texts, text) : -1;
    q->value = NULL;
    if (!status && text != Py_None && !(q->value = PyUnicode_AsUTF8AndSize(text, NULL))) status = -1;
    if (!status && !(q->name = PyUnicode_AsUTF8AndSize(name, NULL))) status = -1;
    Py_XDECREF(text);
  }
  if (status) properties_free(p);
  return status;
}

void properties_free(properties *p) {
  free(p->v);
  Py_CLEAR(p->texts);
  p->v = NULL;
}

/* ---- Graph ---- */

typedef struct graph_object {
  PyObject_HEAD kvino_graph *g;
} graph_object;

kvino_graph *graph_get(PyObject *o) { return ((graph_object *)o)->g; }

PyObject *graph_object_new(void) {
  kvino_error err;
  kvino_graph *g;
  return kvino_graph_new(&g, &err) ? raise_error(&err) : graph_object_of(g);
}

PyObject *graph_object_of(kvino_graph *g) {
  graph_object *self = PyObject_New(graph_object, graph_type);
  if (self)
    self->g = g;
  else
    kvino_graph_release(g);
  return (PyObject *)self;
}

static PyObject *graph_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  (void)type;
  static char *names[] = {NULL};
  return PyArg_ParseTupleAndKeywords(args, kwargs, ":Graph", names) ? graph_object_new() : NULL;
}

static void graph_dealloc(PyObject *o) {
  PyTypeObject *type = Py_TYPE(o);
  kvino_graph_release(((graph_object *)o)->g);
  PyObject_Free(o);
  Py_DECREF(type);
}

/* (2, None): None and -1 are unknown. */
static int read_shape(PyObject *o, int *rank, int64_t shape[KVINO_MAX_RANK]) {
  PyObject *dims = PySequence_Tuple(o);
  if (!dims) return -1;
  Py_ssize_t n = PyTuple_Size(dims);
  int status = 0;
  if (n > KVINO_MAX_RANK)
    status = (PyErr_SetString(PyExc_ValueError, "a parameter cannot have so many dimensions"), -1);
  for (Py_ssize_t i = 0; i < n && !status; i++) {
    PyObject *d = PyTuple_GetItem(dims, i);
    shape[i] = d == Py_None ? -1 : PyNumber_AsSsize_t(d, PyExc_OverflowError);
    if (shape[i] == -1 && PyErr_Occurred()) status = -1;
  }
  Py_DECREF(dims);
  *rank = (int)n;
  return status;
}

static PyObject *graph_parameter(PyObject *self, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"shape", "dtype", "name", NULL};
  PyObject *shape_given, *dtype_given = Py_None;
  const char *name = NULL;
  int rank;
  int64_t shape[KVINO_MAX_RANK];
  kvino_dtype dtype;
  kvino_tensor *t;
  kvino_error err;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|Oz:parameter", names, &shape_given, &dtype_given, &name))
    return NULL;
  if (dtype_from_object(dtype_given, &dtype) || read_shape(shape_given, &rank, shape)) return NULL;
  if (dtype == KVINO_NO_DTYPE) dtype = kvino_floatx();
  if (kvino_graph_parameter(graph_get(self), dtype, rank, shape, name, &t, &err)) return raise_error(&err);
  return tensor_object_new(t);
}

static PyObject *graph_watch(PyObject *self, PyObject *value) {
  kvino_tensor *t;
  kvino_error err;
  if (!is_tensor(value)) return PyErr_SetString(PyExc_TypeError, "what is watched must be a tensor"), NULL;
  if (kvino_graph_watch(graph_get(self), tensor_get(value), &t, &err)) return raise_error(&err);
  return tensor_object_new(t);
}

static PyObject *graph_close(PyObject *self, PyObject *ignored) {
  (void)ignored;
  kvino_error err;
  return kvino_graph_close(graph_get(self), &err) ? raise_error(&err) : Py_NewRef(Py_None);
}

static PyObject *graph_result(PyObject *self, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"value", "name", NULL};
  PyObject *value;
  const char *name = NULL;
  kvino_tensor *t = NULL;
  kvino_error err;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|z:result", names, &value, &name)) return NULL;
  converted result = tensor_from_object(value, CONVERT_STRONG | CONVERT_COPY, &t);
  if (result == NONE) raise_no_conversion(value);
  if (result <= 0) return NULL;
  kvino_status status = kvino_graph_result(graph_get(self), t, name, &err);
  tensor_release_here(t);
  return status ? raise_error(&err) : Py_NewRef(Py_None);
}

static PyObject *graph_dump(PyObject *self, PyObject *ignored) {
  (void)ignored;
  kvino_error err;
  char *text;
  return kvino_graph_dump(graph_get(self), &text, &err) ? raise_error(&err) : text_object(text);
}

static PyObject *graph_str(PyObject *self) { return graph_dump(self, NULL); }

/* The device's name: NULL for kvino.config.device. `name` is a string or None. */
static int device_text(PyObject *name, const char **text) {
  *text = NULL;
  if (name == Py_None) return 0;
  if (PyUnicode_Check(name)) return (*text = PyUnicode_AsUTF8AndSize(name, NULL)) ? 0 : -1;
  PyErr_Format(PyExc_TypeError, "device must be a string or None, not %S", (PyObject *)Py_TYPE(name));
  return -1;
}

PyObject *graph_compile(kvino_graph *g, PyObject *device, PyObject *properties_given) {
  kvino_error err;
  kvino_executable *e;
  properties p;
  const char *text;
  PyObject *compiled = NULL;
  if (device_text(device ? device : Py_None, &text) || (!text && config_warn_unused(NULL))) return NULL;
  if (!properties_read(properties_given, &p)) {
    kvino_status status;
    size_t n = 0;
    for (size_t i = 0; i < p.n; i++) /* None: not given */
      if (p.v[i].value) p.v[n++] = p.v[i];
    p.n = n;
    Py_BEGIN_ALLOW_THREADS status = kvino_compile(g, text, p.n, p.v, &e, &err);
    Py_END_ALLOW_THREADS properties_free(&p);
    compiled = status ? raise_error(&err) : executable_object_new(e);
  }
  return compiled;
}

static PyObject *compile(PyObject *self, PyObject *args, PyObject *kwargs) {
  PyObject *device = NULL, *rest = kwargs ? PyDict_Copy(kwargs) : PyDict_New(), *compiled = NULL;
  if (!rest) return NULL;
  if (PyArg_UnpackTuple(args, "compile", 0, 1, &device)) {
    PyObject *named = PyDict_GetItemString(rest, "device");
    if (named && device) {
      PyErr_SetString(PyExc_TypeError, "compile() got multiple values for argument 'device'");
    } else {
      if (named) device = named;
      Py_XINCREF(device);
      if (!named || !PyDict_DelItemString(rest, "device")) compiled = graph_compile(graph_get(self), device, rest);
      Py_XDECREF(device);
    }
  }
  Py_DECREF(rest);
  return compiled;
}

static PyObject *graph_bind(PyObject *self, PyObject *values) {
  if (!PyTuple_Check(values)) return PyErr_SetString(PyExc_TypeError, "bind() takes a tuple"), NULL;
  Py_ssize_t n = PyTuple_Size(values);
  kvino_tensor **v = malloc(((size_t)n + 1) * sizeof *v);
  if (!v) return PyErr_NoMemory();
  for (Py_ssize_t i = 0; i < n; i++) {
    PyObject *x = PyTuple_GetItem(values, i);
    v[i] = is_tensor(x) ? tensor_get(x) : NULL;
    if (v[i] || x == Py_None) continue;
    free(v);
    return PyErr_SetString(PyExc_TypeError, "what a parameter is bound to must be a tensor, or None"), NULL;
  }
  kvino_error err;
  kvino_graph *bound;
  kvino_status status;
  Py_BEGIN_ALLOW_THREADS status = kvino_graph_bind(graph_get(self), (size_t)n, v, &bound, &err);
  Py_END_ALLOW_THREADS free(v);
  return status ? raise_error(&err) : graph_object_of(bound);
}

static PyObject *graph_save_ir(PyObject *self, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"path", "compress_to_f16", NULL};
  PyObject *path;
  int compress = 0;
  kvino_error err;
  kvino_status status;
  char *notes = NULL;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&|p:save_ir", names, PyUnicode_FSConverter, &path, &compress))
    return NULL;
  const char *text = PyBytes_AsString(path);
  Py_BEGIN_ALLOW_THREADS status = kvino_graph_save_ir(graph_get(self), text, compress, &notes, &err);
  Py_END_ALLOW_THREADS Py_DECREF(path);
  return status ? raise_error(&err) : text_object(notes);
}

static PyObject *graph_save(PyObject *self, PyObject *given) {
  PyObject *path;
  kvino_error err;
  kvino_status status;
  if (!PyUnicode_FSConverter(given, &path)) return NULL;
  const char *text = PyBytes_AsString(path);
  Py_BEGIN_ALLOW_THREADS status = kvino_graph_save(graph_get(self), text, &err);
  Py_END_ALLOW_THREADS Py_DECREF(path);
  return status ? raise_error(&err) : Py_NewRef(Py_None);
}

#define WITH_KEYWORDS(function) (PyCFunction)(void (*)(void))(function)
static PyMethodDef graph_methods[] = {
    {"parameter", WITH_KEYWORDS(graph_parameter), METH_VARARGS | METH_KEYWORDS,
     "parameter($self, shape, dtype=None, name=None)\n--\n\n"
     "The next input, a symbolic tensor; None in the shape is unknown until run time; dtype None is floatx."},
    {"watch", graph_watch, METH_O,
     "watch($self, value, /)\n--\n\n"
     "An input that has a value: what is computed from it is recorded for derivatives, and can be read at once."},
    {"close", graph_close, METH_NOARGS,
     "close($self)\n--\n\nEnds the recording of watched tensors; they count as concrete from then on."},
    {"result", WITH_KEYWORDS(graph_result), METH_VARARGS | METH_KEYWORDS,
     "result($self, value, name=None)\n--\n\nThe next output."},
    {"bind", graph_bind, METH_O,
     "bind($self, values, /)\n--\n\n"
     "The graph in which parameter i is the constant values[i] (a tuple), wherever that is not None."},
    {"dump", graph_dump, METH_NOARGS, "dump($self)\n--\n\nA listing, one node a line."},
    {"save", graph_save, METH_O,
     "save($self, path, /)\n--\n\nWrites a file of kvino's own (path ends in .kvino), which C and the command read."},
    {"save_ir", WITH_KEYWORDS(graph_save_ir), METH_VARARGS | METH_KEYWORDS,
     "save_ir($self, path, compress_to_f16=False)\n--\n\n"
     "Writes OpenVINO's IR (path ends in .xml, a .bin beside it). Gives a line for each operation that kvino computes "
     "by "
     "itself and plain OpenVINO otherwise."},
    {"compile", WITH_KEYWORDS(compile), METH_VARARGS | METH_KEYWORDS,
     "compile($self, device=None, **properties)\n--\n\n"
     "An Executable for a device (None: kvino.config.device); properties as in docs/configuration.md."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot graph_slots[] = {
    {Py_tp_doc, "Graph()\n--\n\nOperators recorded on symbolic tensors."},
    {Py_tp_new, (void *)graph_new},
    {Py_tp_dealloc, (void *)graph_dealloc},
    {Py_tp_methods, graph_methods},
    {Py_tp_str, (void *)graph_str},
    {0, NULL},
};
static PyType_Spec graph_spec = {"kvino.Graph", sizeof(graph_object), 0, Py_TPFLAGS_DEFAULT, graph_slots};

/* ---- Executable ---- */

typedef struct executable_object {
  PyObject_HEAD kvino_executable *e;
} executable_object;

PyObject *executable_object_new(kvino_executable *e) {
  executable_object *self = PyObject_New(executable_object, executable_type);
  if (self)
    self->e = e;
  else
    kvino_executable_release(e);
  return (PyObject *)self;
}

static void executable_dealloc(PyObject *o) {
  PyTypeObject *type = Py_TYPE(o);
  kvino_executable *e = ((executable_object *)o)->e;
  PyObject_Free(o);
  Py_DECREF(type);
  Py_BEGIN_ALLOW_THREADS /* a compiled model takes its threads down */
      kvino_executable_release(e);
  Py_END_ALLOW_THREADS
}

/* lent: as kvino_executable_run_over takes it; NULL, where all inputs stay. */
static int run(PyObject *self, size_t n, kvino_tensor *const *in, const uint8_t *lent, bool aliased,
               kvino_tensors *out) {
  kvino_error err;
  kvino_status status;
  kvino_executable *e = ((executable_object *)self)->e;
  Py_BEGIN_ALLOW_THREADS status =
      lent ? kvino_executable_run_over(e, n, in, lent, out, &err) : kvino_executable_run(e, n, in, out, &err);
  Py_END_ALLOW_THREADS if (status) return raise_error(&err), -1;
  const char *advice = kvino_executable_advice(e);
  if (advice && PyErr_WarnEx(PyExc_UserWarning, advice, 1)) return kvino_tensors_clear(out), -1; /* made an error */
  return aliased ? unalias_results(out, in, (int)n) : 0;
}

int executable_run(PyObject *self, size_t n, kvino_tensor *const *in, bool aliased, kvino_tensors *out) {
  return run(self, n, in, NULL, aliased, out);
}

/* The operands of a call. */
typedef struct operands {
  Py_ssize_t n;
  kvino_tensor *few[16], **in;
  bool aliased;
} operands;

static void operands_free(operands *o) {
  while (o->n > 0) tensor_release_here(o->in[--o->n]);
  if (o->in != o->few) free(o->in);
}

/* The items of a tuple as tensors. */
static int operands_read(PyObject *args, operands *o) {
  Py_ssize_t n = PyTuple_Size(args);
  *o = (operands){.in = o->few};
  if (n > 16 && !(o->in = malloc((size_t)n * sizeof *o->in))) return PyErr_NoMemory(), -1;
  for (; o->n < n; o->n++) {
    PyObject *x = PyTuple_GetItem(args, o->n);
    converted c = tensor_from_object(x, CONVERT_STRONG, &o->in[o->n]);
    if (c == NONE) raise_no_conversion(x);
    if (c <= 0) return operands_free(o), -1;
    o->aliased |= c == ALIASED;
  }
  return 0;
}

static PyObject *executable_call(PyObject *self, PyObject *args, PyObject *kwargs) {
  operands o;
  kvino_tensors out;
  PyObject *result = NULL;
  if (kwargs && PyDict_Size(kwargs))
    return PyErr_SetString(PyExc_TypeError, "an Executable takes no keyword arguments"), NULL;
  if (operands_read(args, &o)) return NULL;
  if (!executable_run(self, (size_t)o.n, o.in, o.aliased, &out)) result = tensor_tuple_new(&out);
  operands_free(&o);
  return result;
}

/* _run_over(values, places): a call with the values of a list. Those at the places, which some variable has had so far,
 * may be overwritten, if nobody has them but the variable and the list. */
static PyObject *executable_run_over(PyObject *self, PyObject *args) {
  operands o;
  kvino_tensors out;
  PyObject *values, *places, *result = NULL;
  if (!PyArg_ParseTuple(args, "O!O!:_run_over", &PyTuple_Type, &values, &PyTuple_Type, &places) ||
      operands_read(values, &o))
    return NULL;
  uint8_t *lent = PyMem_Calloc((size_t)o.n + 1, 1);
  for (Py_ssize_t k = 0; lent && k < PyTuple_Size(places); k++) {
    Py_ssize_t i = PyLong_AsSsize_t(PyTuple_GetItem(places, k));
    PyObject *x = i >= 0 && i < o.n ? PyTuple_GetItem(values, i) : NULL;
    if (x && is_tensor(x) && Py_REFCNT(x) == 2) lent[i] = 2; /* the object's reference, and that in `o` */
  }
  if (!lent)
    PyErr_NoMemory();
  else if (!PyErr_Occurred() && !run(self, (size_t)o.n, o.in, lent, o.aliased, &out))
    result = tensor_tuple_new(&out);
  PyMem_Free(lent);
  operands_free(&o);
  return result;
}

static PyObject *executable_profile(PyObject *self, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"inputs", "runs", NULL};
  PyObject *inputs;
  Py_ssize_t runs = 10;
  operands o;
  kvino_error err;
  kvino_profile *p;
  kvino_status status;
  kvino_executable *e = ((executable_object *)self)->e;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!|n:profile", names, &PyTuple_Type, &inputs, &runs)) return NULL;
  if (runs < 1) return PyErr_SetString(PyExc_ValueError, "profile() runs at least once"), NULL;
  if (operands_read(inputs, &o)) return NULL;
  Py_BEGIN_ALLOW_THREADS status = kvino_executable_profile(e, (size_t)o.n, o.in, (size_t)runs, &p, &err);
  Py_END_ALLOW_THREADS operands_free(&o);
  return status ? raise_error(&err) : profile_object_of(p);
}

static PyObject *executable_explain(PyObject *self, PyObject *ignored) {
  (void)ignored;
  kvino_error err;
  kvino_profile *p;
  return kvino_executable_explain(((executable_object *)self)->e, &p, &err) ? raise_error(&err) : profile_object_of(p);
}

static PyObject *executable_describe(PyObject *self, PyObject *ignored) {
  (void)ignored;
  kvino_error err;
  char *text;
  return kvino_executable_describe(((executable_object *)self)->e, &text, &err) ? raise_error(&err) : text_object(text);
}

static PyObject *executable_advise(PyObject *self, PyObject *wanted) {
  int yes = PyObject_IsTrue(wanted);
  if (yes < 0) return NULL;
  kvino_executable_advise(((executable_object *)self)->e, yes);
  return Py_NewRef(Py_None);
}

static PyMethodDef executable_methods[] = {
    {"_advise", executable_advise, METH_O, NULL},
    {"_run_over", executable_run_over, METH_VARARGS, NULL},
    {"describe", executable_describe, METH_NOARGS,
     "describe($self)\n--\n\nHow the graph was divided between the engines."},
    {"explain", executable_explain, METH_NOARGS,
     "explain($self)\n--\n\nA Profile without times: engine and precision of each operation and layer."},
    {"profile", WITH_KEYWORDS(executable_profile), METH_VARARGS | METH_KEYWORDS,
     "profile($self, inputs, runs=10)\n--\n\n"
     "A Profile of runs on a tuple of inputs; for that, the graph is compiled with profiling='yes'."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot executable_slots[] = {
    {Py_tp_doc,
     "A compiled graph: called with one tensor for each parameter, it gives a tuple of tensors. Threads may share it."},
    {Py_tp_dealloc, (void *)executable_dealloc},
    {Py_tp_call, (void *)executable_call},
    {Py_tp_methods, executable_methods},
    {0, NULL},
};
static PyType_Spec executable_spec = {"kvino.Executable", sizeof(executable_object), 0,
                                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, executable_slots};

int graph_init(PyObject *module) {
  graph_type = (PyTypeObject *)PyType_FromSpec(&graph_spec);
  executable_type = (PyTypeObject *)PyType_FromSpec(&executable_spec);
  if (!graph_type || !executable_type || PyModule_AddObjectRef(module, "Graph", (PyObject *)graph_type)) return -1;
  return PyModule_AddObjectRef(module, "Executable", (PyObject *)executable_type);
}
