/* kvino.config, kvino.devices(), kvino.info(), kvino.properties(). */
#include <string.h>

#include "graph.h"
#include "kvino/device.h"
#include "kvino/info.h"

/* ---- config ---- */

static PyObject *default_device; /* a string or None: the library's own default */

/* Where a thread's own device stands (keras.device), in the dictionary that Python keeps of the thread. */
#define THREAD_DEVICE "kvino.device"

/* Borrowed; NULL where this thread has none. */
static PyObject *thread_device(void) {
  PyObject *own = PyThreadState_GetDict();
  return own ? PyDict_GetItemString(own, THREAD_DEVICE) : NULL;
}

PyObject *config_device(void) {
  PyObject *own = thread_device();
  return Py_NewRef(own ? own : default_device);
}

static PyObject *swap_thread_device(PyObject *module, PyObject *device) {
  (void)module;
  PyObject *own = PyThreadState_GetDict(), *before = thread_device(), *result = Py_NewRef(before ? before : Py_None);
  if (device != Py_None && !PyUnicode_Check(device))
    PyErr_Format(PyExc_TypeError, "device must be a string or None, not %S", (PyObject *)Py_TYPE(device));
  else if (device != Py_None && own)
    PyDict_SetItemString(own, THREAD_DEVICE, device);
  else if (before)
    PyDict_DelItemString(own, THREAD_DEVICE);
  if (PyErr_Occurred()) Py_CLEAR(result);
  return result;
}

static PyObject *get_floatx(PyObject *self, void *ignored) {
  (void)self;
  (void)ignored;
  return Py_NewRef(dtype_object(kvino_floatx()));
}

static int cannot_delete(PyObject *value) {
  if (value) return 0;
  PyErr_SetString(PyExc_AttributeError, "a setting cannot be deleted");
  return -1;
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

static PyObject *get_device(PyObject *self, void *ignored) {
  (void)self;
  (void)ignored;
  return config_device();
}

static int set_device(PyObject *self, PyObject *value, void *ignored) {
  (void)self;
  (void)ignored;
  if (cannot_delete(value)) return -1;
  if (value != Py_None && !PyUnicode_Check(value)) {
    PyErr_Format(PyExc_TypeError, "device must be a string or None, not %S", (PyObject *)Py_TYPE(value));
    return -1;
  }
  PyObject *old = default_device;
  default_device = Py_NewRef(value);
  Py_DECREF(old);
  return 0;
}

static PyObject *get_threads(PyObject *self, void *ignored) {
  (void)self;
  (void)ignored;
  kvino_info info;
  kvino_info_get(&info);
  return PyLong_FromLong(info.threads);
}

static PyObject *config_repr(PyObject *self) {
  PyObject *threads = get_threads(self, NULL);
  PyObject *text = threads ? PyUnicode_FromFormat("kvino.config(floatx='%s', device=%R, threads=%S)",
                                                  kvino_dtype_name(kvino_floatx()), default_device, threads)
                           : NULL;
  Py_XDECREF(threads);
  return text;
}

static PyGetSetDef config_getset[] = {
    {"floatx", get_floatx, set_floatx, "The dtype of Python's floats, and what integers become in exp, mean, ...",
     NULL},
    {"device", get_device, set_device,
     "What functions are compiled for where they do not say; None is \"CPU\". keras.device(...) comes before it.",
     NULL},
    {"threads", get_threads, NULL, "Threads of kvino's own kernels (the environment variable KVINO_THREADS).", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot config_slots[] = {
    {Py_tp_doc, "Settings of this process."},
    {Py_tp_getset, config_getset},
    {Py_tp_repr, (void *)config_repr},
    {0, NULL},
};
static PyType_Spec config_spec = {"kvino.Config", sizeof(PyObject), 0,
                                  Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, config_slots};

/* ---- devices ---- */

static PyTypeObject *device_type;

static PyStructSequence_Field device_fields[] = {
    {"name", "What a device string may say: \"CPU\", \"GPU.1\"."},
    {"full_name", "The product's name."},
    {"capabilities", "A tuple: \"FP32\", \"BF16\", \"INT8\", ..."},
    {NULL, NULL},
};
static PyStructSequence_Desc device_description = {"kvino.Device", "A device that OpenVINO found.", device_fields, 3};

static PyObject *words(const char *text) {
  PyObject *whole = PyUnicode_FromString(text), *list = whole ? PyUnicode_Split(whole, NULL, -1) : NULL;
  PyObject *tuple = list ? PyList_AsTuple(list) : NULL;
  Py_XDECREF(whole);
  Py_XDECREF(list);
  return tuple;
}

static PyObject *device_record(const kvino_device *d) {
  PyObject *record = PyStructSequence_New(device_type);
  PyObject *field[] = {PyUnicode_FromString(d->name), PyUnicode_FromString(d->full_name), words(d->capabilities)};
  bool complete = record && field[0] && field[1] && field[2];
  for (int i = 0; i < 3; i++) {
    if (complete)
      PyStructSequence_SetItem(record, i, field[i]);
    else
      Py_XDECREF(field[i]);
  }
  if (!complete) Py_CLEAR(record);
  return record;
}

static PyObject *devices(PyObject *module, PyObject *ignored) {
  (void)module;
  (void)ignored;
  kvino_device *found;
  size_t n;
  kvino_error err;
  kvino_status status;
  Py_BEGIN_ALLOW_THREADS status = kvino_devices_list(&found, &n, &err);
  Py_END_ALLOW_THREADS if (status) return raise_error(&err);
  PyObject *list = PyList_New(0);
  for (size_t i = 0; i < n && list; i++) {
    PyObject *record = device_record(&found[i]);
    if (!record || PyList_Append(list, record)) Py_CLEAR(list);
    Py_XDECREF(record);
  }
  kvino_devices_free(found, n);
  return list;
}

/* ---- info ---- */

static int set_text(PyObject *dict, const char *name, const char *text) {
  PyObject *o = PyUnicode_FromString(text);
  int status = o ? PyDict_SetItemString(dict, name, o) : -1;
  Py_XDECREF(o);
  return status;
}

static int set_object(PyObject *dict, const char *name, PyObject *o) {
  int status = o ? PyDict_SetItemString(dict, name, o) : -1;
  Py_XDECREF(o);
  return status;
}

static PyObject *openvino_info(void) {
  kvino_openvino_info found;
  kvino_error err;
  kvino_status status;
  Py_BEGIN_ALLOW_THREADS status = kvino_openvino_get_info(&found, &err);
  Py_END_ALLOW_THREADS PyObject *dict = PyDict_New();
  if (!dict) return NULL;
  if (status ? set_text(dict, "error", err.text)
             : set_text(dict, "library", found.library) || set_text(dict, "version", found.version) ||
                   set_text(dict, "found", found.found))
    Py_CLEAR(dict);
  return dict;
}

static PyObject *info(PyObject *module, PyObject *ignored) {
  (void)module;
  (void)ignored;
  kvino_info found;
  kvino_info_get(&found);
  PyObject *dict = PyDict_New();
  if (!dict) return NULL;
  if (set_text(dict, "version", kvino_version()) || set_text(dict, "processor", found.processor) ||
      set_text(dict, "features", found.features) || set_text(dict, "kernels", found.kernels) ||
      set_text(dict, "compiler", found.compiler) || set_object(dict, "threads", PyLong_FromLong(found.threads)) ||
      set_object(dict, "openvino", openvino_info()))
    Py_CLEAR(dict);
  return dict;
}

static PyObject *properties_table(PyObject *module, PyObject *ignored) {
  (void)module;
  (void)ignored;
  size_t n;
  const kvino_property_info *rows = kvino_properties_list(&n);
  PyObject *dict = PyDict_New();
  for (size_t i = 0; i < n && dict; i++) {
    PyObject *row = PyUnicode_FromFormat("%s (%s)", rows[i].help, rows[i].values);
    if (set_object(dict, rows[i].name, row)) Py_CLEAR(dict);
  }
  return dict;
}

static PyObject *memory_watch(PyObject *module, PyObject *on) {
  (void)module;
  int value = PyObject_IsTrue(on);
  if (value < 0) return NULL;
  kvino_memory_watch(value);
  Py_RETURN_NONE;
}

static PyObject *memory_peak(PyObject *module, PyObject *ignored) {
  (void)module;
  (void)ignored;
  return PyLong_FromLongLong(kvino_memory_peak());
}

/* ---- where the Python package of OpenVINO is ---- */

/* The directory of its libraries, found without importing it: the library needs only the directory. */
static void add_openvino_hint(void) {
  PyObject *find = import_attribute("importlib.util", "find_spec");
  PyObject *spec = find ? PyObject_CallFunction(find, "s", "openvino") : NULL;
  PyObject *places = spec && spec != Py_None ? PyObject_GetAttrString(spec, "submodule_search_locations") : NULL;
  PyObject *list = places && places != Py_None ? PySequence_List(places) : NULL;
  for (Py_ssize_t i = 0; list && i < PyList_Size(list); i++) {
    PyObject *path = PyUnicode_FromFormat("%S/libs", PyList_GetItem(list, i));
    const char *text = path ? PyUnicode_AsUTF8AndSize(path, NULL) : NULL;
    if (text) kvino_openvino_add_hint(text, NULL);
    Py_XDECREF(path);
  }
  Py_XDECREF(find);
  Py_XDECREF(spec);
  Py_XDECREF(places);
  Py_XDECREF(list);
  PyErr_Clear(); /* no such package: the library looks elsewhere */
}

static PyMethodDef functions[] = {
    {"devices", devices, METH_NOARGS,
     "devices()\n--\n\nThe devices that OpenVINO found: (name, full_name, capabilities)."},
    {"info", info, METH_NOARGS, "info()\n--\n\nWhat kvino found of this machine: processor, kernels, OpenVINO."},
    {"properties", properties_table, METH_NOARGS,
     "properties()\n--\n\nThe properties of compilation: {name: what it is}."},
    {"_swap_thread_device", swap_thread_device, METH_O,
     "_swap_thread_device(device, /)\n--\n\n"
     "Gives this thread a device of its own, or with None that of kvino.config; returns the one it had, or None."},
    {"_memory_watch", memory_watch, METH_O,
     "_memory_watch(on, /)\n--\n\nStarts (from 0) or ends the count of the memory that kvino allocates."},
    {"_memory_peak", memory_peak, METH_NOARGS,
     "_memory_peak()\n--\n\nThe most bytes that there were at one time since _memory_watch(True)."},
    {NULL, NULL, 0, NULL},
};

int config_init(PyObject *module) {
  default_device = Py_NewRef(Py_None);
  device_type = PyStructSequence_NewType(&device_description);
  PyObject *type = PyType_FromSpec(&config_spec);
  if (!device_type || !type || PyModule_AddFunctions(module, functions)) return -1;
  PyObject *config = (PyObject *)PyObject_New(PyObject, (PyTypeObject *)type);
  Py_DECREF(type); /* the object has it */
  int status = config ? PyModule_AddObjectRef(module, "config", config) : -1;
  Py_XDECREF(config);
  add_openvino_hint();
  return status;
}
