/* kvino.devices(), kvino.info(), kvino.properties(), and where OpenVINO is looked for. */
#include "core.h"
#include "kvino/device.h"
#include "kvino/info.h"

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
                   set_text(dict, "found", found.found) ||
                   set_object(dict, "compiled", PyLong_FromLongLong(found.compiled)) ||
                   set_object(dict, "loaded", PyLong_FromLongLong(found.loaded)))
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
    {"_memory_watch", memory_watch, METH_O,
     "_memory_watch(on, /)\n--\n\nStarts (from 0) or ends the count of the memory that kvino allocates."},
    {"_memory_peak", memory_peak, METH_NOARGS,
     "_memory_peak()\n--\n\nThe most bytes that there were at one time since _memory_watch(True)."},
    {NULL, NULL, 0, NULL},
};

int info_init(PyObject *module) {
  device_type = PyStructSequence_NewType(&device_description);
  if (!device_type || PyModule_AddFunctions(module, functions)) return -1;
  add_openvino_hint();
  return 0;
}
