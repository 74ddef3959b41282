/* Methods of tensors (methods.h): each hands its arguments to the operator's own function. */
#include "methods.h"

#include <string.h>

enum { FEW = 8 };

/* op(self, *args, **keywords). args: n positional ones and behind them the values of the keywords. */
static PyObject *call_op_on(const char *op, PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *keywords) {
  Py_ssize_t all = n + (keywords ? PyTuple_Size(keywords) : 0);
  PyObject *few[FEW + 1], **of = all <= FEW ? few : PyMem_Malloc((size_t)(all + 1) * sizeof *of);
  if (!of) return PyErr_NoMemory();
  of[0] = self;
  if (all) memcpy(of + 1, args, (size_t)all * sizeof *of);
  PyObject *result = call_operator(op, of, n + 1, keywords);
  if (of != few) PyMem_Free(of);
  return result;
}

/* round(x) is x.round(0) as it is for Python's floats, but for a tensor stays one. */
#define METHOD(name, op)                                                                                               \
  PyObject *tensor_method_##name(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *keywords) {            \
    return call_op_on(#op, self, args, n, keywords);                                                                   \
  }
TENSOR_METHODS(METHOD)
#undef METHOD

PyObject *tensor_real(PyObject *self, void *closure) {
  (void)closure;
  return call_op_on("real", self, NULL, 0, NULL);
}

PyObject *tensor_imag(PyObject *self, void *closure) {
  (void)closure;
  return call_op_on("imag", self, NULL, 0, NULL);
}

/* value in x: some element equals it. */
int tensor_contains(PyObject *self, PyObject *value) {
  PyObject *same = PyObject_RichCompare(self, value, Py_EQ), *some = NULL;
  if (same && is_tensor(same)) some = call_op_on("any", same, NULL, 0, NULL);
  int found = !same ? -1 : some ? PyObject_IsTrue(some) : PyErr_Occurred() ? -1 : 0;
  Py_XDECREF(same);
  Py_XDECREF(some);
  return found;
}

/* Of the array API: values lie in the processor's memory. */
PyObject *tensor_to_device(PyObject *self, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"", "stream", NULL};
  const char *device;
  PyObject *stream = Py_None;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "s|$O:to_device", names, &device, &stream)) return NULL;
  if (!strcmp(device, "cpu") && stream == Py_None) return Py_NewRef(self);
  return PyErr_Format(PyExc_ValueError, "the values of a tensor are on \"cpu\", and cannot be put on \"%s\"%s", device,
                      stream == Py_None ? "" : " with a stream");
}

PyObject *tensor_jax_array(PyObject *self, PyObject *ignored) {
  (void)ignored;
  PyObject *convert = import_attribute("jax.numpy", "asarray");
  PyObject *array = convert ? PyObject_CallMethod(self, "numpy", NULL) : NULL;
  PyObject *result = array ? PyObject_CallFunctionObjArgs(convert, array, NULL) : NULL;
  Py_XDECREF(convert);
  Py_XDECREF(array);
  return result;
}
