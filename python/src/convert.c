/* Any Python object as a tensor. */
#include <string.h>

#include "core.h"

/* ---- which NumPy types there are, once NumPy has been imported by someone ---- */

static PyObject *numpy, *array_type, *generic_type;

static bool have_numpy(void) {
  if (__builtin_expect(generic_type != NULL, 1)) return true;
  PyObject *name = PyUnicode_FromString("numpy"), *module = name ? PyImport_GetModule(name) : NULL;
  PyObject *array = module ? PyObject_GetAttr(module, str_ndarray) : NULL;
  PyObject *generic = array ? PyObject_GetAttr(module, str_generic) : NULL;
  Py_XDECREF(name);
  PyErr_Clear(); /* not imported, or only half */
  if (generic) {
    numpy = Py_NewRef(module);
    array_type = Py_NewRef(array);
    generic_type = Py_NewRef(generic);
  }
  Py_XDECREF(module);
  Py_XDECREF(array);
  Py_XDECREF(generic);
  return generic_type != NULL;
}

bool is_numpy_array(PyObject *o) {
  return have_numpy() &&
         (Py_IS_TYPE(o, (PyTypeObject *)array_type) || PyType_IsSubtype(Py_TYPE(o), (PyTypeObject *)array_type));
}

bool is_numpy_scalar(PyObject *o) { return have_numpy() && PyType_IsSubtype(Py_TYPE(o), (PyTypeObject *)generic_type); }

PyObject *numpy_module(void) {
  if (!numpy) {
    PyObject *module = PyImport_ImportModule("numpy");
    if (!module) return NULL;
    if (!have_numpy()) numpy = Py_NewRef(module);
    Py_DECREF(module);
  }
  return numpy;
}

/* ---- numbers ---- */

static converted done(kvino_status status, const kvino_error *err) {
  if (!status) return DONE;
  raise_error(err);
  return FAILED;
}

static converted from_int(PyObject *o, unsigned flags, kvino_tensor **out) {
  kvino_error err;
  int overflow;
  int64_t value = PyLong_AsLongLongAndOverflow(o, &overflow);
  if (value == -1 && !overflow && PyErr_Occurred()) return FAILED;
  if (overflow || ((flags & CONVERT_STRONG) && value != (int32_t)value)) {
    PyErr_Format(PyExc_OverflowError, "Python integer %S out of bounds for %s", o,
                 flags & CONVERT_STRONG ? "int32" : "int64");
    return FAILED;
  }
  if (flags & CONVERT_STRONG) return done(kvino_tensor_scalar_i64(KVINO_I32, value, out, &err), &err);
  return done(kvino_tensor_weak_i64(value, out, &err), &err);
}

static converted from_complex(PyObject *o, kvino_tensor **out) {
  kvino_error err;
  double wide[2] = {PyComplex_RealAsDouble(o), PyComplex_ImagAsDouble(o)};
  if (kvino_floatx() == KVINO_F64) return done(kvino_tensor_new(KVINO_C128, 0, NULL, wide, out, &err), &err);
  float narrow[2] = {(float)wide[0], (float)wide[1]};
  return done(kvino_tensor_new(KVINO_C64, 0, NULL, narrow, out, &err), &err);
}

converted tensor_from_number(PyObject *o, unsigned flags, kvino_tensor **out) {
  kvino_error err;
  if (PyFloat_CheckExact(o)) {
    double value = PyFloat_AsDouble(o);
    if (flags & CONVERT_STRONG) return done(kvino_tensor_scalar_f64(kvino_floatx(), value, out, &err), &err);
    return done(kvino_tensor_weak_f64(value, out, &err), &err);
  }
  if (PyLong_CheckExact(o)) return from_int(o, flags, out);
  if (PyBool_Check(o)) return done(kvino_tensor_weak_bool(o == Py_True, out, &err), &err);
  if (PyComplex_CheckExact(o)) return from_complex(o, out);
  return NONE;
}

/* ---- other objects ---- */

static converted from_method(PyObject *o, PyObject *name, PyObject **result) {
  *result = PyObject_CallMethodObjArgs(o, name, NULL);
  return *result ? DONE : FAILED;
}

/* Whether the object's type has the attribute (protocols stand on types, not on instances). */
static bool has(PyObject *o, PyObject *name) {
  PyObject *found = PyObject_GetAttr((PyObject *)Py_TYPE(o), name);
  if (!found) PyErr_Clear();
  Py_XDECREF(found);
  return found != NULL;
}

static converted from_protocols(PyObject *o, unsigned flags, kvino_tensor **out) {
  PyObject *given;
  converted result;
  if (PyType_Check(o)) return NONE;
  if (has(o, str___kvino_tensor__)) {
    if (from_method(o, str___kvino_tensor__, &given) == FAILED) return FAILED;
    result = is_tensor(given) ? DONE : FAILED;
    if (result == DONE)
      *out = kvino_tensor_retain(tensor_get(given));
    else
      PyErr_Format(PyExc_TypeError, "__kvino_tensor__ of %R gave %R, not a kvino.Tensor", Py_TYPE(o), Py_TYPE(given));
    Py_DECREF(given);
    return result;
  }
  if ((result = tensor_from_buffer(o, flags, out)) != NONE) return result;
  if ((result = tensor_from_dlpack(o, out)) != NONE) return result;
  if (has(o, str___array__)) {
    if (!numpy_module() || !(given = PyObject_CallMethodObjArgs(numpy_module(), str_asarray, o, NULL))) return FAILED;
    result = is_numpy_array(given) ? tensor_from_numpy(given, flags, false, out) : NONE;
    Py_DECREF(given);
    return result;
  }
  return NONE;
}

/* Subclasses of Python's numbers (an IntEnum), and what is a number by its methods. */
static converted from_number_like(PyObject *o, unsigned flags, kvino_tensor **out) {
  PyObject *plain = NULL;
  if (PyLong_Check(o) || PyIndex_Check(o))
    plain = PyNumber_Index(o);
  else if (PyFloat_Check(o))
    plain = PyFloat_FromDouble(PyFloat_AsDouble(o));
  else
    return NONE;
  if (!plain) return FAILED;
  converted result = tensor_from_number(plain, flags, out);
  if (result == NONE && PyLong_Check(plain)) result = from_int(plain, flags, out);
  Py_DECREF(plain);
  return result;
}

converted tensor_from_object(PyObject *o, unsigned flags, kvino_tensor **out) {
  if (is_tensor(o)) {
    *out = kvino_tensor_retain(tensor_get(o));
    return DONE;
  }
  converted result = tensor_from_number(o, flags, out);
  if (result != NONE) return result;
  if (is_numpy_array(o)) return tensor_from_numpy(o, flags, false, out);
  if (PyList_CheckExact(o) || PyTuple_CheckExact(o)) return tensor_from_sequence(o, flags, KVINO_NO_DTYPE, out);
  if (o == Py_None || PyUnicode_Check(o) || PyBytes_Check(o)) return NONE;
  if (is_numpy_scalar(o)) return tensor_from_numpy(o, flags, true, out);
  if ((result = from_protocols(o, flags, out)) != NONE) return result;
  if ((result = from_number_like(o, flags, out)) != NONE) return result;
  if (PyList_Check(o) || PyTuple_Check(o) || Py_IS_TYPE(o, &PyRange_Type))
    return tensor_from_sequence(o, flags, KVINO_NO_DTYPE, out);
  return NONE;
}

void raise_no_conversion(PyObject *o) {
  PyErr_Format(PyExc_TypeError, "an object of %R cannot become a kvino tensor", Py_TYPE(o));
}

/* ---- convert_to_tensor ---- */

static converted convert_all(PyObject *o, unsigned flags, kvino_dtype dtype, kvino_tensor **out) {
  if (PyUnicode_Check(o) || PyBytes_Check(o)) return strings_from_leaves(0, NULL, 1, &o, out);
  /* Numbers go straight to their dtype: int64 takes 2**40, and float64 all digits of 0.1. */
  if (dtype != KVINO_NO_DTYPE && (PyList_Check(o) || PyTuple_Check(o) || PyLong_CheckExact(o) || PyFloat_CheckExact(o)))
    return tensor_from_sequence(o, flags, dtype, out);
  return tensor_from_object(o, flags, out);
}

PyObject *convert_to_tensor(PyObject *o, PyObject *dtype_given, PyObject *copy) {
  kvino_dtype dtype = KVINO_NO_DTYPE;
  kvino_tensor *t;
  if (dtype_given && dtype_from_object(dtype_given, &dtype)) return NULL;
  int must_copy = !copy || copy == Py_None ? 0 : PyObject_IsTrue(copy);
  if (must_copy < 0) return NULL;
  bool never = copy && copy != Py_None && !must_copy;
  if (is_tensor(o) && !must_copy && (dtype == KVINO_NO_DTYPE || dtype == kvino_tensor_dtype(tensor_get(o))))
    return Py_NewRef(o);
  converted result = convert_all(o, CONVERT_STRONG | (never ? 0 : CONVERT_COPY), dtype, &t);
  if (result == NONE) raise_no_conversion(o);
  if (result <= 0) return NULL;
  kvino_tensor *y = dtype == KVINO_NO_DTYPE ? kvino_tensor_retain(t) : tensor_cast(t, dtype);
  if (y && must_copy && !kvino_tensor_is_symbolic(y) && kvino_tensor_data(y) == kvino_tensor_data(t)) {
    kvino_tensor *own = tensor_copy(y);
    tensor_release_here(y);
    y = own;
  }
  tensor_release_here(t);
  return y ? tensor_object_new(y) : NULL;
}
