/* dtypes between Python and the library: names, formats of the buffer protocol, single elements. */
#include <string.h>

#include "core.h"
#include "kvino/strings.h"

static PyObject *names[KVINO_DTYPE_COUNT];

/* Where C's long has 64 bits, "l" and "L" are what NumPy itself calls int64 and uint64. */
static const char *const formats[KVINO_DTYPE_COUNT] = {
    [KVINO_BOOL] = "?", [KVINO_U8] = "B",  [KVINO_U16] = "H",  [KVINO_U32] = "I",   [KVINO_U64] = "L",
    [KVINO_I8] = "b",   [KVINO_I16] = "h", [KVINO_I32] = "i",  [KVINO_I64] = "l",   [KVINO_F16] = "e",
    [KVINO_F32] = "f",  [KVINO_F64] = "d", [KVINO_C64] = "Zf", [KVINO_C128] = "Zd",
};
_Static_assert(sizeof(long) == 8, "the formats above are those of LP64");

/* ---- the dtype of a tensor: a str, as Keras has it, with the attributes of NumPy's ---- */

static PyObject *objects[KVINO_DTYPE_COUNT];

static PyObject *get_name(PyObject *o, void *closure) {
  (void)closure;
  return PyUnicode_FromObject(o);
}

static PyObject *get_itemsize(PyObject *o, void *closure) {
  (void)closure;
  kvino_dtype dtype;
  return dtype_from_object(o, &dtype) ? NULL : PyLong_FromSize_t(kvino_dtype_size(dtype));
}

/* Pickled as the plain text. */
static PyObject *reduce(PyObject *o, PyObject *ignored) {
  (void)ignored;
  PyObject *text = PyUnicode_FromObject(o);
  return text ? Py_BuildValue("O(N)", &PyUnicode_Type, text) : NULL;
}

static PyGetSetDef getset[] = {{"name", get_name, NULL, "The name as a plain str.", NULL},
                               {"itemsize", get_itemsize, NULL, "Bytes per element.", NULL},
                               {NULL, NULL, NULL, NULL, NULL}};
static PyMethodDef methods[] = {{"__reduce__", reduce, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)"A dtype's name, as Keras says it; equals NumPy's dtype of that name."},
    {Py_tp_getset, getset},
    {Py_tp_methods, methods},
    {0, NULL}};
static PyType_Spec spec = {"kvino.DType", 0, 0, Py_TPFLAGS_DEFAULT, slots};

int dtype_init(void) {
  PyObject *bases = PyTuple_Pack(1, (PyObject *)&PyUnicode_Type);
  PyObject *type = bases ? PyType_FromSpecWithBases(&spec, bases) : NULL;
  Py_XDECREF(bases);
  for (int i = 0; i < KVINO_DTYPE_COUNT && type; i++) {
    if (!(names[i] = PyUnicode_InternFromString(kvino_dtype_name((kvino_dtype)i)))) return -1;
    if (!(objects[i] = PyObject_CallFunctionObjArgs(type, names[i], NULL))) return -1;
  }
  Py_XDECREF(type); /* the objects keep it */
  return type ? 0 : -1;
}

PyObject *dtype_of_tensor(kvino_dtype dtype) { return objects[dtype]; }

PyObject *dtype_object(kvino_dtype dtype) { return names[dtype]; }

const char *dtype_format(kvino_dtype dtype) { return formats[dtype]; }

bool dtype_from_format(const char *format, Py_ssize_t itemsize, kvino_dtype *out, bool *swapped) {
  *swapped = false;
  if (!format) format = "B";
  if (strchr("@=<>!^", *format) && *format) {
    *swapped = (*format == '>' || *format == '!') && itemsize > 1;
    format++;
  }
  bool complex_number = *format == 'Z';
  format += complex_number;
  if (!*format || format[1]) return false;
  kvino_dtype dtype;
  switch (*format) {
  case '?':
    dtype = KVINO_BOOL;
    break;
  case 'e':
    dtype = KVINO_F16;
    break;
  case 'f':
    dtype = complex_number ? KVINO_C64 : KVINO_F32;
    break;
  case 'd':
    dtype = complex_number ? KVINO_C128 : KVINO_F64;
    break;
  case 'b':
  case 'h':
  case 'i':
  case 'l':
  case 'q':
  case 'n':
    dtype = itemsize == 1 ? KVINO_I8 : itemsize == 2 ? KVINO_I16 : itemsize == 4 ? KVINO_I32 : KVINO_I64;
    break;
  case 'B':
  case 'H':
  case 'I':
  case 'L':
  case 'Q':
  case 'N':
    dtype = itemsize == 1 ? KVINO_U8 : itemsize == 2 ? KVINO_U16 : itemsize == 4 ? KVINO_U32 : KVINO_U64;
    break;
  default:
    return false;
  }
  if (complex_number && !kvino_dtype_is_complex(dtype)) return false;
  if ((Py_ssize_t)kvino_dtype_size(dtype) != itemsize) return false;
  *out = dtype;
  return true;
}

static int from_name(PyObject *name, kvino_dtype *out) {
  for (int i = 0; i < KVINO_DTYPE_COUNT; i++) /* names in programs are interned, as ours are */
    if (name == names[i] || name == objects[i]) {
      *out = (kvino_dtype)i;
      return 0;
    }
  kvino_error err;
  const char *text = PyUnicode_AsUTF8AndSize(name, NULL);
  if (!text) return -1;
  if (!kvino_dtype_from_name(text, out, &err)) return 0;
  raise_error(&err);
  return -1;
}

int dtype_from_object(PyObject *o, kvino_dtype *out) {
  if (PyUnicode_Check(o)) return from_name(o, out);
  if (o == Py_None) return *out = KVINO_NO_DTYPE, 0;
  if (o == (PyObject *)&PyBool_Type) return *out = KVINO_BOOL, 0;
  if (o == (PyObject *)&PyLong_Type) return *out = KVINO_I32, 0;
  if (o == (PyObject *)&PyFloat_Type) return *out = KVINO_F32, 0;
  if (o == (PyObject *)&PyComplex_Type) return *out = KVINO_C64, 0;
  PyObject *name = PyObject_GetAttr(o, str_name); /* numpy.dtype("float32"), numpy.dtype(ml_dtypes.bfloat16) */
  if (!name) {
    PyErr_Clear();
    name = PyObject_GetAttr(o, str___name__); /* numpy.float32, ml_dtypes.bfloat16 */
  }
  if (name && PyUnicode_Check(name)) {
    int status = from_name(name, out);
    Py_DECREF(name);
    return status;
  }
  Py_XDECREF(name);
  PyErr_Format(PyExc_TypeError, "%R is not a dtype", o);
  return -1;
}

PyObject *element_object(kvino_dtype dtype, const char *p) {
#define ELEMENT(id, type, make)                                                                                        \
  case KVINO_##id: {                                                                                                   \
    type value;                                                                                                        \
    memcpy(&value, p, sizeof value);                                                                                   \
    return make(value);                                                                                                \
  }
  switch (dtype) {
    ELEMENT(BOOL, uint8_t, PyBool_FromLong)
    ELEMENT(U8, uint8_t, PyLong_FromLong)
    ELEMENT(U16, uint16_t, PyLong_FromLong)
    ELEMENT(U32, uint32_t, PyLong_FromUnsignedLong)
    ELEMENT(U64, uint64_t, PyLong_FromUnsignedLong)
    ELEMENT(I8, int8_t, PyLong_FromLong)
    ELEMENT(I16, int16_t, PyLong_FromLong)
    ELEMENT(I32, int32_t, PyLong_FromLong)
    ELEMENT(I64, int64_t, PyLong_FromLong)
    ELEMENT(F32, float, PyFloat_FromDouble)
    ELEMENT(F64, double, PyFloat_FromDouble)
  case KVINO_C64: {
    float v[2];
    memcpy(v, p, sizeof v);
    return PyComplex_FromDoubles(v[0], v[1]);
  }
  case KVINO_C128: {
    double v[2];
    memcpy(v, p, sizeof v);
    return PyComplex_FromDoubles(v[0], v[1]);
  }
  case KVINO_STRING: {
    kvino_string s;
    memcpy(&s, p, sizeof s);
    return PyBytes_FromStringAndSize(s.at, (Py_ssize_t)s.n);
  }
  default:
    PyErr_Format(PyExc_TypeError, "an element of dtype %s has no Python number", kvino_dtype_name(dtype));
    return NULL;
  }
#undef ELEMENT
}
