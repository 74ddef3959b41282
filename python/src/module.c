/* The extension module kvino._core. */
#include <string.h>

#include "core.h"

#define INTERNED_DEFINE(name) PyObject *str_##name;
INTERNED(INTERNED_DEFINE)

PyObject *raise_error(const kvino_error *err) {
  PyObject *type = PyExc_RuntimeError;
  switch (err->status) {
  case KVINO_OK:
  case KVINO_DEVICE:
    break;
  case KVINO_INVALID:
    type = PyExc_ValueError;
    break;
  case KVINO_TYPE:
    type = PyExc_TypeError;
    break;
  case KVINO_INDEX:
    type = PyExc_IndexError;
    break;
  case KVINO_OVERFLOW:
    type = PyExc_OverflowError;
    break;
  case KVINO_NO_MEMORY:
    type = PyExc_MemoryError;
    break;
  case KVINO_UNSUPPORTED:
    type = PyExc_NotImplementedError;
    break;
  case KVINO_IO:
    type = PyExc_OSError;
    break;
  }
  /* A text that was cut off may end inside of a letter. */
  PyObject *text = PyUnicode_DecodeUTF8(err->text, (Py_ssize_t)strlen(err->text), "replace");
  if (text) PyErr_SetObject(type, text);
  Py_XDECREF(text);
  return NULL;
}

PyObject *import_attribute(const char *module, const char *name) {
  PyObject *m = PyImport_ImportModule(module), *a = m ? PyObject_GetAttrString(m, name) : NULL;
  Py_XDECREF(m);
  return a;
}

static PyObject *convert(PyObject *module, PyObject *args, PyObject *kwargs) {
  (void)module;
  static char *names[] = {"x", "dtype", "copy", NULL};
  PyObject *o, *dtype = NULL, *copy = NULL;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|OO:convert_to_tensor", names, &o, &dtype, &copy)) return NULL;
  return convert_to_tensor(o, dtype, copy);
}

static PyObject *standard_dtype(PyObject *module, PyObject *o) {
  (void)module;
  kvino_dtype dtype;
  if (dtype_from_object(o, &dtype)) return NULL;
  return Py_NewRef(dtype_object(dtype == KVINO_NO_DTYPE ? kvino_floatx() : dtype));
}

#define WITH_KEYWORDS(function) (PyCFunction)(void (*)(void))(function)
static PyMethodDef functions[] = {
    {"convert_to_tensor", WITH_KEYWORDS(convert), METH_VARARGS | METH_KEYWORDS,
     "convert_to_tensor(x, dtype=None, copy=None)\n--\n\n"
     "A tensor from an array, a number or a nested list. copy=None shares memory that nobody can write to, copy=False "
     "shares whatever can be shared, copy=True never shares."},
    {"asarray", WITH_KEYWORDS(convert), METH_VARARGS | METH_KEYWORDS,
     "asarray(x, dtype=None, copy=None)\n--\n\nAs convert_to_tensor."},
    {"from_dlpack", from_dlpack, METH_O,
     "from_dlpack(x)\n--\n\n"
     "A tensor over the memory of an object with __dlpack__, not copied. It must not be written to afterwards."},
    {"standardize_dtype", standard_dtype, METH_O,
     "standardize_dtype(dtype)\n--\n\nThe name of a dtype given as a name, a NumPy dtype or a type; None is floatx."},
    {"_rebuild", tensor_rebuild, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

/* What `from kvino._core import *` takes. */
static int add_all(PyObject *module) {
  static const char *const names[] = {
      "Tensor",  "Graph",       "Executable", "function", "gradients",  "jvp",    "convert_to_tensor",
      "asarray", "from_dlpack", "devices",    "info",     "properties", "config", "standardize_dtype",
      "ops",     "Profile"};
  PyObject *all = PyList_New(0);
  int status = all ? 0 : -1;
  for (size_t i = 0; i < sizeof names / sizeof *names && !status; i++) {
    PyObject *name = PyUnicode_FromString(names[i]);
    status = name && PyObject_HasAttr(module, name) ? PyList_Append(all, name) : 0;
    Py_XDECREF(name);
  }
  if (!status) status = PyModule_AddObjectRef(module, "__all__", all);
  Py_XDECREF(all);
  return status;
}

static int fill(PyObject *module) {
  static bool loaded;
  if (loaded) { /* the types and functions are static: one interpreter */
    PyErr_SetString(PyExc_ImportError, "kvino._core cannot be loaded twice in one process");
    return -1;
  }
#define INTERNED_MAKE(name)                                                                                            \
  if (!(str_##name = PyUnicode_InternFromString(#name))) return -1;
  INTERNED(INTERNED_MAKE)
  if (dtype_init() || tensor_type_init(module) || ops_init(module) || graph_init(module) || control_init(module) ||
      gradient_init(module) || function_init(module) || config_init(module) || info_init(module) ||
      profile_init(module))
    return -1;
  loaded = true;
  if (add_all(module)) return -1;
  return PyModule_AddStringConstant(module, "__version__", kvino_version());
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)fill}, {0, NULL}};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "kvino._core", "kvino's C library for Python.", 0, functions, slots, NULL, NULL, NULL};

__attribute__((visibility("default"))) PyMODINIT_FUNC PyInit__core(void) { return PyModuleDef_Init(&definition); }
