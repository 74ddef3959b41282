/* kvino.function: a Python function of tensors, traced and compiled once for each signature.
 *
 * The signature is the structure of the arguments, the tensors' dtypes and shapes (ranks alone where `dynamic`), the
 * static values and kvino.config. Tensors that the function takes from elsewhere are constants of what was traced.
 *
 * A graph of unknown lengths cannot do everything: the number of dimensions of a result, or of results, may hang on a
 * length. So a dynamic call that fails is made again with the lengths of its arguments, traced for these alone. That
 * gives the result, or the error in the words that it has where lengths are known. */
#include <stdlib.h>
#include <string.h>

#include "graph.h"
#include "structure.h"

typedef struct function_object {
  PyObject_HEAD PyObject *function; /* NULL while only the options are given: @kvino.function(device="GPU") */
  PyObject *device;                 /* a string or None */
  PyObject *properties;             /* a dict */
  PyObject *cache;                  /* signature -> (Executable, results with slots), or None: it needs known lengths */
  PyObject *dict, *weakrefs;
  bool dynamic;
} function_object;

static PyTypeObject *function_type;
static PyObject *slot; /* where a tensor goes in remembered results */

/* Compiled models take memory and threads: more signatures than this of one function push the oldest out. */
enum { MAX_SIGNATURES = 64 };

/* ---- tracing ---- */

static PyObject *structure_changed(void) {
  PyErr_SetString(PyExc_RuntimeError, "the arguments or results of a traced function changed while they were read");
  return NULL;
}

/* The symbolic tensors that stand for the arguments, one after the other. */
typedef struct parameters {
  kvino_graph *g;
  const leaves *arguments;
  size_t next;
  bool dynamic;
} parameters;

static PyObject *next_parameter(void *context) {
  parameters *p = context;
  if (p->next == p->arguments->n) return structure_changed();
  kvino_tensor *t = p->arguments->v[p->next++], *symbolic;
  int64_t shape[KVINO_MAX_RANK];
  kvino_error err;
  int rank = kvino_tensor_rank(t);
  for (int i = 0; i < rank; i++) shape[i] = p->dynamic ? -1 : kvino_tensor_shape(t)[i];
  if (kvino_graph_parameter(p->g, kvino_tensor_dtype(t), rank, shape, NULL, &symbolic, &err)) return raise_error(&err);
  return tensor_object_new(symbolic);
}

static PyObject *next_slot(void *ignored) {
  (void)ignored;
  return Py_NewRef(slot);
}

static int add_results(kvino_graph *g, const leaves *results) {
  kvino_error err;
  for (size_t i = 0; i < results->n; i++)
    if (kvino_graph_result(g, results->v[i], NULL, &err)) return raise_error(&err), -1;
  return 0;
}

/* Calls the function with symbolic tensors. Gives the graph; *results is its result with slots for the tensors. */
static PyObject *trace(function_object *self, PyObject *args, PyObject *kwargs, const leaves *arguments,
                       PyObject **results) {
  PyObject *graph = graph_object_new(), *symbolic_args = NULL, *symbolic_kwargs = NULL, *returned = NULL;
  leaves found = {.flags = CONVERT_STRONG | CONVERT_COPY};
  *results = NULL;
  if (!graph) return NULL;
  parameters p = {graph_get(graph), arguments, 0, !arguments->shapes};
  if (!(symbolic_args = structure_map(args, NULL, next_parameter, &p))) goto end;
  if (kwargs && !(symbolic_kwargs = structure_map(kwargs, NULL, next_parameter, &p))) goto end;
  if (!(returned = PyObject_Call(self->function, symbolic_args, symbolic_kwargs))) goto end;
  if (leaves_add(&found, returned) || add_results(graph_get(graph), &found)) goto end;
  *results = structure_map(returned, NULL, next_slot, NULL);
end:
  leaves_free(&found);
  Py_XDECREF(symbolic_args);
  Py_XDECREF(symbolic_kwargs);
  Py_XDECREF(returned);
  if (!*results) Py_CLEAR(graph);
  return graph;
}

/* ---- the cache ---- */

/* The leaves of the arguments, with the key. `known`: for a trace with their lengths. */
static int read_arguments(function_object *self, PyObject *args, PyObject *kwargs, bool known, leaves *l, bool key) {
  *l = (leaves){.flags = CONVERT_STRONG, .shapes = known};
  if (!self->function)
    return PyErr_SetString(PyExc_TypeError, "kvino.function(...) must first be given a function"), -1;
  if (key) {
    PyObject *settings = config_key(), *floatx = dtype_object(kvino_floatx());
    l->key = PyList_New(0);
    int status = -1;
    if (l->key && settings)
      status = PyList_Append(l->key, settings) || PyList_Append(l->key, floatx) ||
               PyList_Append(l->key, known ? Py_True : Py_False);
    Py_XDECREF(settings);
    if (status) return leaves_free(l), -1;
  }
  if (leaves_add(l, args) || (kwargs && leaves_add(l, kwargs))) return leaves_free(l), -1;
  return 0;
}

static void forget_oldest(PyObject *cache) {
  PyObject *key, *value;
  Py_ssize_t at = 0;
  if (PyDict_Size(cache) < MAX_SIGNATURES || !PyDict_Next(cache, &at, &key, &value)) return;
  Py_INCREF(key);
  if (PyDict_DelItem(cache, key)) PyErr_Clear(); /* another thread did */
  Py_DECREF(key);
}

static PyObject *compile(function_object *self, PyObject *args, PyObject *kwargs, const leaves *arguments) {
  PyObject *results, *graph = trace(self, args, kwargs, arguments, &results);
  const char *device = self->device == Py_None ? NULL : PyUnicode_AsUTF8AndSize(self->device, NULL);
  if (graph && device && config_warn_unused(device)) Py_CLEAR(graph);
  PyObject *executable = graph ? graph_compile(graph_get(graph), self->device, self->properties) : NULL;
  PyObject *entry = executable ? PyTuple_Pack(2, executable, results) : NULL;
  Py_XDECREF(graph);
  Py_XDECREF(results);
  Py_XDECREF(executable);
  return entry;
}

/* Whether what has just failed with unknown lengths is worth a try with known ones. */
static bool lengths_may_help(const function_object *self, const leaves *arguments) {
  return self->dynamic && !arguments->shapes && PyErr_ExceptionMatches(PyExc_Exception) &&
         !PyErr_ExceptionMatches(PyExc_MemoryError);
}

static int remember(function_object *self, PyObject *key, PyObject *entry) {
  forget_oldest(self->cache);
  return PyDict_SetItem(self->cache, key, entry);
}

/* (Executable, results) for these arguments, or None where they need known lengths; a new reference. */
static PyObject *find(function_object *self, PyObject *args, PyObject *kwargs, const leaves *arguments) {
  PyObject *key = PyList_AsTuple(arguments->key);
  PyObject *entry = key ? PyDict_GetItemWithError(self->cache, key) : NULL;
  if (entry) {
    Py_INCREF(entry);
  } else if (PyErr_Occurred()) {
    if (PyErr_ExceptionMatches(PyExc_TypeError))
      PyErr_SetString(PyExc_TypeError,
                      "an argument of a kvino.function that is neither a tensor nor a container must be hashable: "
                      "what is compiled depends on it");
  } else {
    entry = compile(self, args, kwargs, arguments);
    if (!entry && lengths_may_help(self, arguments)) {
      PyErr_Clear();
      entry = Py_NewRef(Py_None);
    }
    if (entry && remember(self, key, entry)) Py_CLEAR(entry);
  }
  Py_XDECREF(key);
  return entry;
}

/* The same with known lengths where it must be; the arguments are read anew then. */
static PyObject *find_any(function_object *self, PyObject *args, PyObject *kwargs, leaves *arguments) {
  PyObject *entry = find(self, args, kwargs, arguments);
  if (entry != Py_None) return entry;
  Py_DECREF(entry);
  leaves_free(arguments);
  return read_arguments(self, args, kwargs, true, arguments, true) ? NULL : find(self, args, kwargs, arguments);
}

/* ---- calling ---- */

typedef struct outputs {
  kvino_tensors list;
  size_t next;
} outputs;

static PyObject *next_output(void *context) {
  outputs *o = context;
  if (o->next == o->list.n) return structure_changed();
  return tensor_object_new(kvino_tensor_retain(o->list.v[o->next++]));
}

static PyObject *options_for(function_object *self, PyObject *function);

static PyObject *run(PyObject *entry, const leaves *arguments) {
  outputs out = {{0, NULL}, 0};
  if (executable_run(PyTuple_GetItem(entry, 0), arguments->n, arguments->v, arguments->aliased, &out.list)) return NULL;
  PyObject *result = structure_map(PyTuple_GetItem(entry, 1), slot, next_output, &out);
  tensors_clear_here(&out.list);
  return result;
}

static PyObject *call_with(function_object *self, PyObject *args, PyObject *kwargs, bool known) {
  leaves arguments;
  PyObject *result = NULL, *entry = NULL;
  if (read_arguments(self, args, kwargs, known, &arguments, true)) return NULL;
  if (arguments.symbolic) /* inside another trace: a part of it */
    result = PyObject_Call(self->function, args, kwargs);
  else if ((entry = find_any(self, args, kwargs, &arguments)))
    result = run(entry, &arguments);
  bool again = entry && !result && lengths_may_help(self, &arguments);
  Py_XDECREF(entry);
  leaves_free(&arguments);
  if (!again) return result;
  PyErr_Clear();
  return call_with(self, args, kwargs, true);
}

static PyObject *call(PyObject *o, PyObject *args, PyObject *kwargs) {
  function_object *self = (function_object *)o;
  if (!self->function && PyTuple_Size(args) == 1 && !kwargs && PyCallable_Check(PyTuple_GetItem(args, 0)))
    return options_for(self, PyTuple_GetItem(args, 0));
  return call_with(self, args, kwargs, !self->dynamic);
}

static PyObject *graph_text(PyObject *o, PyObject *args, PyObject *kwargs) {
  function_object *self = (function_object *)o;
  leaves arguments;
  if (read_arguments(self, args, kwargs, !self->dynamic, &arguments, false)) return NULL;
  PyObject *results, *graph = trace(self, args, kwargs, &arguments, &results), *text = NULL;
  if (graph) text = PyObject_Str(graph);
  leaves_free(&arguments);
  Py_XDECREF(results);
  Py_XDECREF(graph);
  return text;
}

static PyObject *describe(PyObject *o, PyObject *args, PyObject *kwargs) {
  function_object *self = (function_object *)o;
  leaves arguments;
  if (read_arguments(self, args, kwargs, !self->dynamic, &arguments, true)) return NULL;
  PyObject *entry = find_any(self, args, kwargs, &arguments), *text = NULL;
  if (entry) text = PyObject_CallMethod(PyTuple_GetItem(entry, 0), "describe", NULL);
  Py_XDECREF(entry);
  leaves_free(&arguments);
  return text;
}

static PyObject *clear_cache(PyObject *o, PyObject *ignored) {
  (void)ignored;
  PyDict_Clear(((function_object *)o)->cache);
  return Py_NewRef(Py_None);
}

/* ---- the type ---- */

/* Name, documentation and so on of the wrapped function. */
static int look_like(PyObject *self, PyObject *function) {
  PyObject *update = import_attribute("functools", "update_wrapper");
  PyObject *result = update ? PyObject_CallFunctionObjArgs(update, self, function, NULL) : NULL;
  Py_XDECREF(update);
  Py_XDECREF(result);
  return result ? 0 : -1;
}

/* References are borrowed. */
static PyObject *make(PyObject *function, PyObject *device, bool dynamic, PyObject *options) {
  if (function && !PyCallable_Check(function))
    return PyErr_Format(PyExc_TypeError, "kvino.function takes a function, not %S", (PyObject *)Py_TYPE(function));
  PyObject *cache = PyDict_New();
  function_object *self = cache ? PyObject_GC_New(function_object, function_type) : NULL;
  if (!self) {
    Py_XDECREF(cache);
    return NULL;
  }
  self->function = Py_XNewRef(function);
  self->device = Py_NewRef(device);
  self->properties = Py_NewRef(options);
  self->cache = cache;
  self->dict = self->weakrefs = NULL;
  self->dynamic = dynamic;
  PyObject_GC_Track((PyObject *)self);
  if (function && look_like((PyObject *)self, function)) {
    Py_DECREF((PyObject *)self);
    return NULL;
  }
  return (PyObject *)self;
}

static PyObject *options_for(function_object *self, PyObject *function) {
  return make(function, self->device, self->dynamic, self->properties);
}

/* Takes the option out of `rest`. A new reference, or NULL, perhaps with an exception. */
static PyObject *take_option(PyObject *rest, const char *name) {
  PyObject *value = Py_XNewRef(PyDict_GetItemString(rest, name));
  if (value && PyDict_DelItemString(rest, name)) Py_CLEAR(value);
  return value;
}

static PyObject *new (PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  (void)type;
  PyObject *function = NULL, *self = NULL, *rest = kwargs ? PyDict_Copy(kwargs) : PyDict_New();
  if (!rest || !PyArg_UnpackTuple(args, "function", 0, 1, &function)) {
    Py_XDECREF(rest);
    return NULL;
  }
  PyObject *device = take_option(rest, "device"), *flag = take_option(rest, "dynamic"),
           *named = take_option(rest, "fn");
  int dynamic = flag ? PyObject_IsTrue(flag) : 0;
  if (named && function)
    PyErr_SetString(PyExc_TypeError, "function() got multiple values for argument 'fn'");
  else if (device && device != Py_None && !PyUnicode_Check(device))
    PyErr_Format(PyExc_TypeError, "device must be a string or None, not %S", (PyObject *)Py_TYPE(device));
  if (!PyErr_Occurred() && dynamic >= 0)
    self = make(named ? named : function, device ? device : Py_None, dynamic, rest);
  Py_XDECREF(device);
  Py_XDECREF(flag);
  Py_XDECREF(named);
  Py_DECREF(rest);
  return self;
}

static int traverse(PyObject *o, visitproc visit, void *arg) {
  function_object *self = (function_object *)o;
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(self->function);
  Py_VISIT(self->properties);
  Py_VISIT(self->cache);
  Py_VISIT(self->dict);
  return 0;
}

static int clear(PyObject *o) {
  function_object *self = (function_object *)o;
  Py_CLEAR(self->function);
  Py_CLEAR(self->properties);
  Py_CLEAR(self->cache);
  Py_CLEAR(self->dict);
  return 0;
}

static void dealloc(PyObject *o) {
  function_object *self = (function_object *)o;
  PyTypeObject *type = Py_TYPE(o);
  PyObject_GC_UnTrack(o);
  if (self->weakrefs) PyObject_ClearWeakRefs(o);
  clear(o);
  Py_CLEAR(self->device);
  PyObject_GC_Del(o);
  Py_DECREF(type);
}

/* In a class, it is a method. */
static PyObject *get(PyObject *self, PyObject *instance, PyObject *owner) {
  (void)owner;
  if (!instance || instance == Py_None) return Py_NewRef(self);
  PyObject *method = import_attribute("types", "MethodType");
  PyObject *bound = method ? PyObject_CallFunctionObjArgs(method, self, instance, NULL) : NULL;
  Py_XDECREF(method);
  return bound;
}

static PyObject *repr(PyObject *o) {
  function_object *self = (function_object *)o;
  return PyUnicode_FromFormat("<kvino.function %R>", self->function ? self->function : Py_None);
}

static PyObject *get_count(PyObject *o, void *ignored) {
  (void)ignored;
  return PyLong_FromSsize_t(PyDict_Size(((function_object *)o)->cache));
}

#define WITH_KEYWORDS(function) (PyCFunction)(void (*)(void))(function)
static PyMethodDef methods[] = {
    {"graph_text", WITH_KEYWORDS(graph_text), METH_VARARGS | METH_KEYWORDS,
     "graph_text($self, /, *args, **kwargs)\n--\n\nThe graph that these arguments give, as text."},
    {"describe", WITH_KEYWORDS(describe), METH_VARARGS | METH_KEYWORDS,
     "describe($self, /, *args, **kwargs)\n--\n\nHow the graph for these arguments is divided between the engines."},
    {"clear", clear_cache, METH_NOARGS, "clear($self)\n--\n\nForgets what was compiled: the next call traces anew."},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef getset[] = {
    {"signatures", get_count, NULL, "How many signatures have been compiled.", NULL},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyMemberDef members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(function_object, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(function_object, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};
#define SLOT(id, function)                                                                                             \
  { Py_##id, (void *)(function) }
static PyType_Slot slots[] = {
    SLOT(tp_doc, "function(fn=None, *, device=None, dynamic=False, **properties)\n--\n\n"
                 "A function of tensors (in nested tuples, lists and dicts) that is traced and compiled at its first "
                 "call, and again for "
                 "other dtypes, shapes or static arguments (all that are not tensors: numbers, strings, None, ...). "
                 "With dynamic=True "
                 "one compilation serves every shape, but for calls that need known lengths. Tensors that fn does not "
                 "get as arguments become constants; "
                 "clear() forgets them."),
    SLOT(tp_new, new),
    SLOT(tp_dealloc, dealloc),
    SLOT(tp_traverse, traverse),
    SLOT(tp_clear, clear),
    SLOT(tp_call, call),
    SLOT(tp_descr_get, get),
    SLOT(tp_repr, repr),
    SLOT(tp_methods, methods),
    SLOT(tp_getset, getset),
    SLOT(tp_members, members),
    {0, NULL},
};
static PyType_Spec spec = {"kvino.function", sizeof(function_object), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
                           slots};

int function_init(PyObject *module) {
  function_type = (PyTypeObject *)PyType_FromSpec(&spec);
  slot = PyObject_CallNoArgs((PyObject *)&PyBaseObject_Type);
  if (!function_type || !slot) return -1;
  return PyModule_AddObjectRef(module, "function", (PyObject *)function_type);
}
