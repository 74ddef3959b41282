/* kvino.Profile: where the time of an executable goes (kvino/profile.h). */
#include "profile.h"

#include "kvino/profile.h"

static PyTypeObject *profile_type;

typedef struct profile_object {
  PyObject_HEAD kvino_profile *p;
} profile_object;

static kvino_profile *profile_get(PyObject *o) { return ((profile_object *)o)->p; }

PyObject *profile_object_of(kvino_profile *p) {
  profile_object *self = PyObject_New(profile_object, profile_type);
  if (self)
    self->p = p;
  else
    kvino_profile_free(p);
  return (PyObject *)self;
}

static void profile_dealloc(PyObject *o) {
  PyTypeObject *type = Py_TYPE(o);
  kvino_profile_free(profile_get(o));
  PyObject_Free(o);
  Py_DECREF(type);
}

/* A dict; a size that is not known is None. */
static PyObject *row_object(const kvino_profile_row *r) {
  PyObject *bytes = r->result_bytes < 0 ? Py_NewRef(Py_None) : PyLong_FromLongLong(r->result_bytes);
  return Py_BuildValue("{s:s,s:s,s:s,s:s,s:s,s:z,s:d,s:N}", "layer", r->scope, "operation", r->operation, "engine",
                       r->engine, "precision", r->precision, "kernel", r->kernel, "reason", r->reason, "microseconds",
                       r->microseconds, "result_bytes", bytes);
}

static PyObject *layer_object(const kvino_profile_layer *l) {
  return Py_BuildValue("{s:s,s:s,s:s,s:s,s:z,s:d,s:n,s:L,s:L}", "layer", l->scope, "operations", l->operations,
                       "engine", l->engine, "precision", l->precision, "reason", l->reason, "microseconds",
                       l->microseconds, "n_operations", (Py_ssize_t)l->n_operations, "weight_bytes",
                       (long long)l->weight_bytes, "result_bytes", (long long)l->result_bytes);
}

static PyObject *profile_rows(PyObject *self, void *ignored) {
  (void)ignored;
  size_t n;
  const kvino_profile_row *r = kvino_profile_rows(profile_get(self), &n);
  PyObject *list = PyList_New((Py_ssize_t)n);
  for (size_t i = 0; i < n && list; i++) {
    PyObject *row = row_object(&r[i]);
    if (!row || PyList_SetItem(list, (Py_ssize_t)i, row)) Py_CLEAR(list);
  }
  return list;
}

static PyObject *profile_layers(PyObject *self, void *ignored) {
  (void)ignored;
  size_t n;
  const kvino_profile_layer *l = kvino_profile_layers(profile_get(self), &n);
  PyObject *list = PyList_New((Py_ssize_t)n);
  for (size_t i = 0; i < n && list; i++) {
    PyObject *layer = layer_object(&l[i]);
    if (!layer || PyList_SetItem(list, (Py_ssize_t)i, layer)) Py_CLEAR(list);
  }
  return list;
}

static PyObject *profile_time(PyObject *self, void *ignored) {
  (void)ignored;
  return PyFloat_FromDouble(kvino_profile_time(profile_get(self)));
}

static PyObject *profile_str(PyObject *self) {
  kvino_error err;
  char *text;
  return kvino_profile_text(profile_get(self), &text, &err) ? raise_error(&err) : text_object(text);
}

/* The page, written to a file where a path is given. */
static PyObject *profile_html(PyObject *self, PyObject *args) {
  PyObject *path = Py_None, *page;
  kvino_error err;
  char *text;
  if (!PyArg_ParseTuple(args, "|O:html", &path)) return NULL;
  if (kvino_profile_html(profile_get(self), &text, &err)) return raise_error(&err);
  if (!(page = text_object(text)) || path == Py_None) return page;
  PyObject *open = import_attribute("pathlib", "Path");
  PyObject *file = open ? PyObject_CallFunctionObjArgs(open, path, NULL) : NULL;
  PyObject *written = file ? PyObject_CallMethod(file, "write_text", "Os", page, "utf-8") : NULL;
  Py_XDECREF(open);
  Py_XDECREF(file);
  if (!written) Py_CLEAR(page);
  Py_XDECREF(written);
  return page;
}

static PyMethodDef methods[] = {
    {"html", profile_html, METH_VARARGS,
     "html($self, path=None, /)\n--\n\nA page for a browser that needs nothing else, as a string; also written to "
     "path."},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef getset[] = {
    {"rows", profile_rows, NULL, "The operations that were executed, a dict each.", NULL},
    {"layers", profile_layers, NULL, "The layers in which they were recorded, a dict each.", NULL},
    {"microseconds", profile_time, NULL, "The mean time of a run.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot slots[] = {
    {Py_tp_doc, "Where the time of a compiled function goes; print() shows it as a table."},
    {Py_tp_dealloc, (void *)profile_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    {Py_tp_str, (void *)profile_str},
    {0, NULL},
};
static PyType_Spec spec = {"kvino.Profile", sizeof(profile_object), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

/* ---- scopes ---- */

static PyObject *scope_begin(PyObject *module, PyObject *name) {
  (void)module;
  kvino_error err;
  const char *text = PyUnicode_AsUTF8AndSize(name, NULL);
  if (!text) return NULL;
  return kvino_scope_begin(text, &err) ? raise_error(&err) : Py_NewRef(Py_None);
}

static PyObject *scope_end(PyObject *module, PyObject *ignored) {
  (void)module;
  (void)ignored;
  kvino_scope_end();
  return Py_NewRef(Py_None);
}

static PyMethodDef functions[] = {
    {"_scope_begin", scope_begin, METH_O, NULL},
    {"_scope_end", scope_end, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

int profile_init(PyObject *module) {
  profile_type = (PyTypeObject *)PyType_FromSpec(&spec);
  if (!profile_type || PyModule_AddObjectRef(module, "Profile", (PyObject *)profile_type)) return -1;
  return PyModule_AddFunctions(module, functions);
}
