/* kvino.config: the settings of kvino/settings.h, and floatx. */
#include <stdlib.h>
#include <string.h>

#include "graph.h"
#include "kvino/info.h"
#include "kvino/settings.h"

static PyTypeObject *scope_type, *properties_type;

PyObject *config_key(void) {
  char *text;
  kvino_error err;
  return kvino_settings_text(&text, &err) ? raise_error(&err) : text_object(text);
}

/* ---- one setting ---- */

/* What is in force: a string, an int where it is a number; None where nothing is. */
static PyObject *setting_get(const char *name) {
  char *value, *end;
  kvino_error err;
  if (kvino_setting_get(name, &value, &err)) return raise_error(&err);
  if (!value) Py_RETURN_NONE;
  long number = strtol(value, &end, 10);
  if (*end || end == value) return text_object(value);
  kvino_text_free(value);
  return PyLong_FromLong(number);
}

/* None takes the setting back. */
static int setting_set(const char *name, PyObject *value) {
  const char *text = NULL;
  kvino_error err;
  PyObject *owner = value == Py_None ? Py_NewRef(value) : property_text(value);
  if (!owner || (value != Py_None && !(text = PyUnicode_AsUTF8AndSize(owner, NULL)))) {
    Py_XDECREF(owner);
    return -1;
  }
  kvino_status status = kvino_setting_set(name, text, &err);
  Py_DECREF(owner);
  return status ? raise_error(&err), -1 : 0;
}

static int cannot_delete(PyObject *value) {
  if (value) return 0;
  PyErr_SetString(PyExc_AttributeError, "a setting cannot be deleted; None takes it back");
  return -1;
}

/* ---- with kvino.config(...) ---- */

typedef struct scope_object {
  PyObject_HEAD PyObject *settings; /* a dict */
  kvino_settings *before;
  unsigned long thread; /* that is inside; 0: none */
} scope_object;

static PyObject *scope_enter(PyObject *o, PyObject *ignored) {
  scope_object *self = (scope_object *)o;
  properties p;
  kvino_error err;
  (void)ignored;
  if (self->thread) return PyErr_SetString(PyExc_RuntimeError, "kvino.config(...) is entered already"), NULL;
  if (properties_read(self->settings, &p)) return NULL;
  kvino_status status = kvino_settings_enter(p.n, p.v, &self->before, &err);
  properties_free(&p);
  if (status) return raise_error(&err);
  self->thread = PyThread_get_thread_ident();
  Py_RETURN_NONE;
}

static PyObject *scope_exit(PyObject *o, PyObject *ignored) {
  scope_object *self = (scope_object *)o;
  (void)ignored;
  if (self->thread != PyThread_get_thread_ident())
    return PyErr_SetString(PyExc_RuntimeError, "kvino.config(...) must be left by the thread that entered it"), NULL;
  self->thread = 0;
  kvino_settings_leave(self->before);
  Py_RETURN_NONE;
}

static void scope_dealloc(PyObject *o) {
  PyTypeObject *type = Py_TYPE(o);
  Py_CLEAR(((scope_object *)o)->settings);
  PyObject_Free(o);
  Py_DECREF(type);
}

static PyMethodDef scope_methods[] = {
    {"__enter__", scope_enter, METH_NOARGS, NULL},
    {"__exit__", scope_exit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot scope_slots[] = {
    {Py_tp_doc, "Settings of a thread, in a with statement."},
    {Py_tp_dealloc, (void *)scope_dealloc},
    {Py_tp_methods, scope_methods},
    {0, NULL},
};
static PyType_Spec scope_spec = {"kvino.ConfigScope", sizeof(scope_object), 0,
                                 Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, scope_slots};

/* Bad names and values are refused here, before the with statement. */
static PyObject *config_call(PyObject *o, PyObject *args, PyObject *kwargs) {
  (void)o;
  if (PyTuple_Size(args)) return PyErr_SetString(PyExc_TypeError, "config() takes keyword arguments only"), NULL;
  scope_object *self = PyObject_New(scope_object, scope_type);
  if (!self) return NULL;
  self->thread = 0;
  self->settings = kwargs ? PyDict_Copy(kwargs) : PyDict_New();
  PyObject *tried = self->settings ? scope_enter((PyObject *)self, NULL) : NULL;
  Py_XDECREF(tried);
  if (tried) tried = scope_exit((PyObject *)self, NULL);
  Py_XDECREF(tried);
  if (!tried) Py_CLEAR(self);
  return (PyObject *)self;
}

/* ---- kvino.config.properties ---- */

static const char *row_name(size_t i) { return kvino_properties_list(NULL)[i].name; }

/* {name: value} of the properties in force. */
static PyObject *properties_dict(void) {
  size_t n;
  kvino_properties_list(&n);
  PyObject *dict = PyDict_New();
  for (size_t i = 0; dict && i < n; i++) {
    PyObject *value = setting_get(row_name(i));
    if (!value || (value != Py_None && PyDict_SetItemString(dict, row_name(i), value))) Py_CLEAR(dict);
    Py_XDECREF(value);
  }
  return dict;
}

static PyObject *properties_item(PyObject *self, PyObject *name) {
  (void)self;
  const char *text = PyUnicode_Check(name) ? PyUnicode_AsUTF8AndSize(name, NULL) : NULL;
  PyObject *value = text ? setting_get(text) : NULL;
  if (!text && !PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "the name of a property is a string");
  if (value != Py_None) return value;
  Py_DECREF(value);
  PyErr_SetObject(PyExc_KeyError, name);
  return NULL;
}

static int properties_assign(PyObject *self, PyObject *name, PyObject *value) {
  (void)self;
  const char *text = PyUnicode_Check(name) ? PyUnicode_AsUTF8AndSize(name, NULL) : NULL;
  if (text) return setting_set(text, value ? value : Py_None);
  if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "the name of a property is a string");
  return -1;
}

static Py_ssize_t properties_length(PyObject *self) {
  (void)self;
  PyObject *dict = properties_dict();
  Py_ssize_t n = dict ? PyDict_Size(dict) : -1;
  Py_XDECREF(dict);
  return n;
}

static PyObject *properties_keys(PyObject *self, PyObject *ignored) {
  (void)self;
  (void)ignored;
  PyObject *dict = properties_dict(), *keys = dict ? PyDict_Keys(dict) : NULL;
  Py_XDECREF(dict);
  return keys;
}

static PyObject *properties_iter(PyObject *self) {
  PyObject *keys = properties_keys(self, NULL), *iterator = keys ? PyObject_GetIter(keys) : NULL;
  Py_XDECREF(keys);
  return iterator;
}

static PyObject *properties_repr(PyObject *self) {
  (void)self;
  PyObject *dict = properties_dict(), *text = dict ? PyObject_Repr(dict) : NULL;
  Py_XDECREF(dict);
  return text;
}

static PyObject *properties_update(PyObject *self, PyObject *given) {
  PyObject *dict = PyDict_New(), *name, *value;
  Py_ssize_t at = 0;
  int status = dict ? PyDict_Update(dict, given) : -1;
  while (!status && PyDict_Next(dict, &at, &name, &value)) status = properties_assign(self, name, value);
  Py_XDECREF(dict);
  return status ? NULL : Py_NewRef(Py_None);
}

static PyMethodDef properties_methods[] = {
    {"keys", properties_keys, METH_NOARGS, "keys($self)\n--\n\nThe names of the properties that are set."},
    {"update", properties_update, METH_O, "update($self, properties, /)\n--\n\nSets all of a mapping."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot properties_slots[] = {
    {Py_tp_doc, "The compile properties that are set, by name; what may be set: kvino.properties()."},
    {Py_tp_repr, (void *)properties_repr},
    {Py_tp_iter, (void *)properties_iter},
    {Py_tp_methods, properties_methods},
    {Py_mp_length, (void *)properties_length},
    {Py_mp_subscript, (void *)properties_item},
    {Py_mp_ass_subscript, (void *)properties_assign},
    {0, NULL},
};
static PyType_Spec properties_spec = {"kvino.ConfigProperties", sizeof(PyObject), 0,
                                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, properties_slots};

/* ---- kvino.config ---- */

static PyObject *get_floatx(PyObject *self, void *ignored) {
  (void)self;
  (void)ignored;
  return Py_NewRef(dtype_object(kvino_floatx()));
}

static int set_floatx(PyObject *self, PyObject *value, void *ignored) {
  (void)self;
  (void)ignored;
  kvino_dtype dtype;
  kvino_error err;
  if (cannot_delete(value) || dtype_from_object(value, &dtype)) return -1;
  if (!kvino_set_floatx(dtype, &err)) return 0;
  raise_error(&err);
  return -1;
}

static PyObject *get_setting(PyObject *self, void *name) {
  (void)self;
  return setting_get(name);
}

static int set_setting(PyObject *self, PyObject *value, void *name) {
  (void)self;
  return cannot_delete(value) ? -1 : setting_set(name, value);
}

/* f32 is what holds where nobody says otherwise. */
static PyObject *get_precision(PyObject *self, void *name) {
  PyObject *value = get_setting(self, name);
  if (value != Py_None) return value;
  Py_DECREF(value);
  return PyUnicode_FromString("f32");
}

static PyObject *get_threads(PyObject *self, void *ignored) {
  (void)self;
  (void)ignored;
  kvino_info info;
  kvino_info_get(&info);
  return PyLong_FromLong(info.threads);
}

static PyObject *get_properties(PyObject *self, void *ignored) {
  (void)self;
  (void)ignored;
  return (PyObject *)PyObject_New(PyObject, properties_type);
}

static PyObject *get_key(PyObject *self, void *ignored) {
  (void)self;
  (void)ignored;
  return config_key();
}

static PyObject *config_repr(PyObject *self) {
  PyObject *device = setting_get("device"), *threads = get_threads(self, NULL), *set = properties_dict();
  PyObject *text = device && threads && set
                       ? PyUnicode_FromFormat("kvino.config(floatx='%s', device=%R, threads=%S, properties=%R)",
                                              kvino_dtype_name(kvino_floatx()), device, threads, set)
                       : NULL;
  Py_XDECREF(device);
  Py_XDECREF(threads);
  Py_XDECREF(set);
  return text;
}

static PyGetSetDef config_getset[] = {
    {"floatx", get_floatx, set_floatx, "The dtype of Python's floats, and what integers become in exp, mean, ...",
     NULL},
    {"device", get_setting, set_setting, "What is compiled for; None is \"CPU\".", "device"},
    {"precision", get_precision, set_setting, "Of computation: f32, bf16, f16, dynamic.", "precision"},
    {"performance_hint", get_setting, set_setting, "latency, throughput, cumulative_throughput.", "performance_hint"},
    {"threads", get_threads, set_setting, "Threads of kvino's own kernels and of OpenVINO.", "threads"},
    {"streams", get_setting, set_setting, "Inferences that run side by side: a number, auto, numa.", "streams"},
    {"cache_dir", get_setting, set_setting, "The directory where compiled models are kept.", "cache_dir"},
    {"properties", get_properties, NULL, "All compile properties that are set, by name.", NULL},
    {"_key", get_key, NULL, "A text that is the same where the same is compiled.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot config_slots[] = {
    {Py_tp_doc,
     "Settings of this process; None takes one back. with kvino.config(name=value, ...): those of a thread."},
    {Py_tp_getset, config_getset},
    {Py_tp_call, (void *)config_call},
    {Py_tp_repr, (void *)config_repr},
    {0, NULL},
};
static PyType_Spec config_spec = {"kvino.Config", sizeof(PyObject), 0,
                                  Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, config_slots};

/* ---- settings that a device has no use for ---- */

int config_warn_unused(const char *device) {
  static char *said; /* what the last warning named: once for each */
  char *names;
  kvino_error err;
  if (kvino_settings_unused(device, &names, &err)) return raise_error(&err), -1;
  if (!names) return 0;
  bool again = said && !strcmp(said, names);
  kvino_text_free(said);
  said = names;
  if (again) return 0;
  return PyErr_WarnFormat(PyExc_UserWarning, 1, "kvino: the device 'native' makes no use of the settings: %s", names);
}

int config_init(PyObject *module) {
  scope_type = (PyTypeObject *)PyType_FromSpec(&scope_spec);
  properties_type = (PyTypeObject *)PyType_FromSpec(&properties_spec);
  PyObject *type = PyType_FromSpec(&config_spec);
  if (!scope_type || !properties_type || !type) return -1;
  PyObject *config = (PyObject *)PyObject_New(PyObject, (PyTypeObject *)type);
  Py_DECREF(type); /* the object has it */
  int status = config ? PyModule_AddObjectRef(module, "config", config) : -1;
  Py_XDECREF(config);
  return status;
}
