/* What the files of the extension module kvino._core share. It sees only include/kvino and Python's limited API (3.11).
 *
 * Conventions: functions that return PyObject * give a new reference or NULL with an exception set; int functions give
 * 0 or -1 with an exception set, unless the comment says otherwise. Tensors are kvino_tensor * of the library; the
 * Python type around them is tensor_object. */
#ifndef KVINO_PYTHON_CORE_H
#define KVINO_PYTHON_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include "kvino/kvino.h"

/* ---- state of the module: one interpreter, set at import ---- */

extern PyTypeObject *tensor_type;

/* Names that are looked up often, interned. */
#define INTERNED(NAME)                                                                                                 \
  NAME(__array__)                                                                                                      \
  NAME(__dlpack__)                                                                                                     \
  NAME(__dlpack_device__)                                                                                              \
  NAME(__kvino_tensor__)                                                                                               \
  NAME(asarray)                                                                                                        \
  NAME(dtype)                                                                                                          \
  NAME(name)                                                                                                           \
  NAME(view) NAME(astype) NAME(copy) NAME(max_version) NAME(__name__) NAME(array2string) NAME(ndarray) NAME(generic)
#define INTERNED_DECLARE(name) extern PyObject *str_##name;
INTERNED(INTERNED_DECLARE)

/* Operators that the type Tensor itself uses; NULL where the library does not have one. */
#define USED_OPS(OP)                                                                                                   \
  OP(add)                                                                                                              \
  OP(subtract)                                                                                                         \
  OP(multiply)                                                                                                         \
  OP(true_divide)                                                                                                      \
  OP(floor_divide)                                                                                                     \
  OP(mod)                                                                                                              \
  OP(power)                                                                                                            \
  OP(matmul)                                                                                                           \
  OP(negative)                                                                                                         \
  OP(absolute)                                                                                                         \
  OP(equal)                                                                                                            \
  OP(not_equal)                                                                                                        \
  OP(less)                                                                                                             \
  OP(less_equal)                                                                                                       \
  OP(greater)                                                                                                          \
  OP(greater_equal)                                                                                                    \
  OP(bitwise_and)                                                                                                      \
  OP(bitwise_or)                                                                                                       \
  OP(bitwise_xor) OP(left_shift) OP(right_shift) OP(bitwise_not) OP(transpose) OP(reshape) OP(cast) OP(stack)
typedef enum used_op {
#define USED_OPS_ENUM(name) USED_##name,
  USED_OPS(USED_OPS_ENUM)
#undef USED_OPS_ENUM
      USED_COUNT
} used_op;
/* The row; NULL with NotImplementedError that names it. */
const kvino_op *op_row(used_op which);
/* Its Python function, borrowed. */
PyObject *op_function(used_op which);

/* ---- errors (module.c) ---- */

/* Sets the exception that the status stands for; always NULL. */
PyObject *raise_error(const kvino_error *err);
/* import `module` and take attribute `name`. */
PyObject *import_attribute(const char *module, const char *name);

/* ---- tensors (tensor.c) ---- */

typedef struct tensor_object {
  PyObject_HEAD kvino_tensor *t;
  PyObject *dict;
  PyObject *weakrefs;
} tensor_object;

static inline bool is_tensor(PyObject *o) { return Py_IS_TYPE(o, tensor_type); }
static inline kvino_tensor *tensor_get(PyObject *o) { return ((tensor_object *)o)->t; }

/* A Python tensor that takes the reference, also on failure. */
PyObject *tensor_object_new(kvino_tensor *t);
/* The tensors of a list as a tuple; the list is emptied, also on failure. */
PyObject *tensor_tuple_new(kvino_tensors *list);
int tensor_type_init(PyObject *module);
/* (2, None): -1 becomes None. */
PyObject *shape_tuple(int rank, const int64_t *shape);
/* One row of the table on concrete or symbolic tensors; the GIL is released where there is much to do. */
PyObject *call_used(used_op which, const kvino_arg *args);
/* kvino.ops.NAME called as METH_FASTCALL | METH_KEYWORDS calls it (ops.c). */
PyObject *call_operator(const char *name, PyObject *const *args, Py_ssize_t n, PyObject *keywords);
/* `elements`: how much the call reads. */
int call_op(const kvino_op *op, const kvino_arg *args, int64_t elements, kvino_tensors *out);
/* Results that share memory with the concrete ones of these operands become copies; the list is cleared on failure. */
int unalias_results(kvino_tensors *out, kvino_tensor *const *operands, int n);
PyObject *tensor_rebuild(PyObject *module, PyObject *args); /* unpickles */
/* x in that dtype: x itself, retained, where it has it. NULL with an exception. */
kvino_tensor *tensor_cast(kvino_tensor *x, kvino_dtype dtype);
/* A new concrete tensor with the same elements in C order that shares no memory with t. NULL with an exception. */
kvino_tensor *tensor_copy(kvino_tensor *t);

/* Whether o is a kvino.SparseTensor or a kvino.RaggedTensor (ops.c). */
bool has_rules(PyObject *o);

/* ---- conversion (convert.c, sequence.c, buffer.c) ---- */

enum {
  CONVERT_STRONG = 1, /* Python's numbers take Keras's dtypes (int32, floatx, bool) instead of being weak */
  CONVERT_COPY = 2,   /* share no memory that someone may write to */
};

/* What a conversion came to; FAILED has set an exception, NONE has not: the object is nothing that this function takes.
 * ALIASED: converted, and the tensor shares memory that someone may write to. */
typedef enum converted { FAILED = -1, NONE = 0, DONE = 1, ALIASED = 2 } converted;

/* A tensor from any object: *out is a new reference. */
converted tensor_from_object(PyObject *o, unsigned flags, kvino_tensor **out);
/* Python's own bool, int, float and complex (exact types). */
converted tensor_from_number(PyObject *o, unsigned flags, kvino_tensor **out);
/* A nested list or tuple; `dtype` may be KVINO_NO_DTYPE. */
converted tensor_from_sequence(PyObject *o, unsigned flags, kvino_dtype dtype, kvino_tensor **out);
/* str and bytes, n of them, as a tensor of dtype string; in place of others a TypeError. */
converted strings_from_leaves(int rank, const int64_t *shape, size_t n, PyObject *const *leaf, kvino_tensor **out);
/* An array of texts, or of objects that all are; NONE where they are not. */
converted strings_from_numpy(PyObject *array, kvino_tensor **out);
/* The array of objects with the elements of the (nested) list. */
PyObject *strings_to_numpy(kvino_tensor *t, PyObject *list);
/* NumPy's arrays and scalars. */
converted tensor_from_numpy(PyObject *o, unsigned flags, bool scalar, kvino_tensor **out);
/* Whatever else has the buffer protocol. */
converted tensor_from_buffer(PyObject *o, unsigned flags, kvino_tensor **out);
/* Whatever has __dlpack__. */
converted tensor_from_dlpack(PyObject *o, kvino_tensor **out);
/* The arguments of convert_to_tensor, asarray and Tensor(); copy may be None. */
PyObject *convert_to_tensor(PyObject *o, PyObject *dtype, PyObject *copy);
/* TypeError that `o` cannot become a tensor. */
void raise_no_conversion(PyObject *o);
/* numpy.ndarray and numpy.generic where NumPy is imported, else false. */
bool is_numpy_array(PyObject *o);
bool is_numpy_scalar(PyObject *o);
/* The module numpy, imported on demand; borrowed. */
PyObject *numpy_module(void);

/* ---- memory of Python objects under tensors (buffer.c) ---- */

/* A tensor may go in any thread, with or without the GIL, and the object whose memory it shares must go under the GIL.
 * tensor_release_here() is for threads that hold it; elsewhere the object waits for one that does. */
void tensor_release_here(kvino_tensor *t);
void tensors_clear_here(kvino_tensors *list);
typedef struct deferred {
  struct deferred *next;
  void (*give_back)(struct deferred *self); /* called under the GIL; frees the record */
} deferred;
/* The release callback of such tensors; context is the deferred. */
void deferred_release(void *context);

/* ---- dtypes (dtype.c) ---- */

int dtype_init(void);
PyObject *dtype_object(kvino_dtype dtype);    /* the name, interned; borrowed */
PyObject *dtype_of_tensor(kvino_dtype dtype); /* what a tensor's attribute is: a str with attributes; borrowed */
/* From a name, a NumPy dtype, bool/int/float, anything with .name; None: KVINO_NO_DTYPE. */
int dtype_from_object(PyObject *o, kvino_dtype *out);
/* The buffer protocol's format; NULL where it has none. */
const char *dtype_format(kvino_dtype dtype);
/* From the buffer protocol's format; false where kvino has no such dtype. *swapped: not this machine's byte order. */
bool dtype_from_format(const char *format, Py_ssize_t itemsize, kvino_dtype *out, bool *swapped);
/* One element as a Python number; f16, bf16 and f8 excepted (cast them first). */
PyObject *element_object(kvino_dtype dtype, const char *p);

/* ---- the rest ---- */

int ops_init(PyObject *module);                                            /* ops.c */
PyObject *tensor_subscript(PyObject *self, PyObject *key);                 /* index.c */
PyObject *tensor_index_integer(kvino_tensor *t, int64_t i);                /* index.c: t[i] */
PyObject *tensor_dlpack(PyObject *self, PyObject *args, PyObject *kwargs); /* dlpack.c */
PyObject *tensor_dlpack_device(PyObject *self, PyObject *ignored);
PyObject *from_dlpack(PyObject *module, PyObject *o);
int graph_init(PyObject *module);    /* graph.c */
int control_init(PyObject *module);  /* control.c */
int gradient_init(PyObject *module); /* gradient.c */
int function_init(PyObject *module); /* function.c */
int config_init(PyObject *module);   /* config.c */
int info_init(PyObject *module);     /* info.c */
int profile_init(PyObject *module);  /* profile.c */

#endif
