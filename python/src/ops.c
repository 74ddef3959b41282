/* The table of operators as Python functions: binding of arguments, the call, the results.
 *
 * A function's __self__ is an op_object with the row and the interned names of its parameters. Arguments are converted
 * into a frame on the C stack that owns what had to be made for this call. */
#include <string.h>

#include "core.h"

typedef struct op_object {
  PyObject_HEAD const kvino_op *op;
  PyObject *name[KVINO_MAX_PARAMETERS];
  PyMethodDef definition;
  char *doc;
  PyObject *function; /* borrowed: it owns this object */
} op_object;

static PyTypeObject *op_type;
static const kvino_op *used_row[USED_COUNT];
static PyObject *used_function[USED_COUNT];
static PyObject *ops_module; /* kvino.ops */
static PyObject *spaces;     /* name of a space -> {name: function} */
static op_object *where,
    *nonzero; /* where(condition) is nonzero(condition), as in NumPy; borrowed from their functions */

/* Below this many elements a call is over sooner than another thread would have taken the GIL. */
static const int64_t GIL_ELEMENTS = 16384;

/* ---- rows the type Tensor uses ---- */

static const char *const used_names[] = {
#define NAME(name) #name,
    USED_OPS(NAME)
#undef NAME
};

const kvino_op *op_row(used_op which) {
  if (!used_row[which]) PyErr_Format(PyExc_NotImplementedError, "kvino has no operator %s", used_names[which]);
  return used_row[which];
}

PyObject *op_function(used_op which) { return op_row(which) ? used_function[which] : NULL; }

/* ---- calling ---- */

int call_op(const kvino_op *op, const kvino_arg *args, int64_t elements, kvino_tensors *out) {
  kvino_error err;
  kvino_status status;
  if (elements > GIL_ELEMENTS) {
    Py_BEGIN_ALLOW_THREADS status = kvino_op_call(op, args, out, &err);
    Py_END_ALLOW_THREADS
  } else {
    status = kvino_op_call(op, args, out, &err);
  }
  if (!status) return 0;
  raise_error(&err);
  return -1;
}

static int64_t few(int64_t n) { return n <= GIL_ELEMENTS ? n : GIL_ELEMENTS + 1; } /* sums of these do not overflow */

/* Elements that a call reads: the tensors' together. */
static int64_t count_elements(const kvino_op *op, const kvino_arg *args) {
  int64_t n = 0;
  for (int i = 0; i < op->n_parameters; i++) {
    kvino_kind kind = op->parameter[i].kind;
    if ((kind == KVINO_KIND_tensor || kind == KVINO_KIND_maybe) && args[i].tensor)
      n += few(kvino_tensor_size(args[i].tensor));
    else if (kind == KVINO_KIND_tensors)
      for (size_t k = 0; k < args[i].tensors.n; k++) n += few(kvino_tensor_size(args[i].tensors.v[k]));
    else if (kind == KVINO_KIND_ints && args[i].ints.n > 0) { /* zeros((4096, 4096)) */
      int64_t product = 1;
      for (int64_t k = 0; k < args[i].ints.n && product <= GIL_ELEMENTS; k++)
        if (args[i].ints.v[k] > 1 && __builtin_mul_overflow(product, args[i].ints.v[k], &product))
          product = GIL_ELEMENTS + 1;
      n += few(product);
    }
  }
  return n;
}

static PyObject *results(const kvino_op *op, kvino_tensors *out) {
  if (op->list) return tensor_tuple_new(out);
  kvino_tensor *one = kvino_tensor_retain(out->v[0]);
  kvino_tensors_clear(out);
  return tensor_object_new(one);
}

PyObject *call_used(used_op which, const kvino_arg *args) {
  kvino_tensors out;
  const kvino_op *op = op_row(which);
  if (!op || call_op(op, args, count_elements(op, args), &out)) return NULL;
  return results(op, &out);
}

/* ---- the frame of a call ---- */

enum { FEW_TENSORS = 16, FEW_INTS = 64, MAX_BLOCKS = 3 * KVINO_MAX_PARAMETERS };

typedef struct frame {
  op_object *self;
  int n_owned, n_blocks, n_ints;
  bool aliased; /* an operand shares memory that someone may write to */
  int form;     /* FORMS, or the one that an operand has, where the operator has a rule for it */
  kvino_tensor **owned;
  int owned_capacity;
  kvino_arg arg[KVINO_MAX_PARAMETERS];
  int64_t ints[FEW_INTS];
  kvino_tensor *few[FEW_TENSORS];
  void *block[MAX_BLOCKS]; /* memory of longer lists */
} frame;

static void frame_free(frame *f) {
  for (int i = 0; i < f->n_owned; i++) tensor_release_here(f->owned[i]);
  for (int i = 0; i < f->n_blocks; i++) PyMem_Free(f->block[i]);
  if (f->owned != f->few) PyMem_Free(f->owned);
}

static int own(frame *f, kvino_tensor *t) {
  if (f->n_owned == f->owned_capacity) {
    int wanted = 2 * f->owned_capacity;
    kvino_tensor **more = PyMem_Malloc((size_t)wanted * sizeof *more);
    if (!more) {
      tensor_release_here(t);
      PyErr_NoMemory();
      return -1;
    }
    memcpy(more, f->owned, (size_t)f->n_owned * sizeof *more);
    if (f->owned != f->few) PyMem_Free(f->owned);
    f->owned = more;
    f->owned_capacity = wanted;
  }
  f->owned[f->n_owned++] = t;
  return 0;
}

static void *block(frame *f, size_t bytes) {
  void *p = PyMem_Malloc(bytes ? bytes : 1);
  if (!p)
    PyErr_NoMemory();
  else
    f->block[f->n_blocks++] = p;
  return p;
}

static int wrong_type(frame *f, int i, PyObject *o, const char *expected) {
  const kvino_op *op = f->self->op;
  PyErr_Format(PyExc_TypeError, "%s() argument '%s' must be %s, not %S", op->name, op->parameter[i].name, expected,
               (PyObject *)Py_TYPE(o));
  return -1;
}

/* ---- arguments, one function per kind ---- */

/* ---- sparse and ragged operands: those of an operator with a rule go to the function that knows the rules ---- */

enum { SPARSE, RAGGED, FORMS };
static struct {
  PyTypeObject *type; /* kvino.SparseTensor, kvino.RaggedTensor */
  PyObject *call;     /* call(rule, function, args, kwargs) */
} forms[FORMS];

static int form_of(PyObject *o) {
  int form = 0;
  while (form < FORMS && !(forms[form].type && Py_IS_TYPE(o, forms[form].type))) form++;
  return form;
}

bool has_rules(PyObject *o) { return form_of(o) < FORMS; }

/* The name of the operator's rule, NULL where it has none. */
static const char *rule_of(const kvino_op *op, int form) {
#define RULE(name) #name,
  static const char *const sparse[] = {KVINO_SPARSE_RULES(RULE)}, *const ragged[] = {KVINO_RAGGED_RULES(RULE)};
#undef RULE
  if (form == SPARSE) return op->sparse == KVINO_SPARSE_dense ? NULL : sparse[op->sparse];
  return form == RAGGED && op->ragged != KVINO_RAGGED_none ? ragged[op->ragged] : NULL;
}

/* Whether the call is to go there: bind_all gives up then, without an exception. */
static bool goes_by_rules(frame *f, PyObject *o) {
  int form = form_of(o);
  if (!rule_of(f->self->op, form)) return false;
  f->form = form;
  return true;
}

static bool refuses_ragged(frame *f, PyObject *o) {
  if (form_of(o) != RAGGED) return false;
  PyErr_Format(PyExc_TypeError,
               "%s() does not take ragged tensors: to_tensor() makes a dense one, with shorter rows "
               "filled up",
               f->self->op->name);
  return true;
}

static int bind_tensor(frame *f, int i, PyObject *o) {
  kvino_tensor *t = NULL;
  if (is_tensor(o)) {
    f->arg[i].tensor = tensor_get(o);
    return 0;
  }
  if (goes_by_rules(f, o) || refuses_ragged(f, o)) return -1;
  converted result = tensor_from_object(o, 0, &t);
  if (result == FAILED) return -1;
  if (result == NONE) return wrong_type(f, i, o, "a tensor, a number, an array or a nested list of numbers");
  if (result == ALIASED) f->aliased = true;
  f->arg[i].tensor = t;
  return own(f, t);
}

static int bind_maybe(frame *f, int i, PyObject *o) {
  if (o != Py_None) return bind_tensor(f, i, o);
  f->arg[i].tensor = NULL;
  return 0;
}

static int bind_tensors(frame *f, int i, PyObject *o) {
  if (PyUnicode_Check(o) || !(PySequence_Check(o) || PyIter_Check(o) || is_tensor(o)))
    return wrong_type(f, i, o, "a list of tensors");
  PyObject *list = PyTuple_Check(o) ? Py_NewRef(o) : PySequence_Tuple(o); /* a copy: converting may run Python code */
  if (!list) return -1;
  Py_ssize_t n = PyTuple_Size(list);
  kvino_tensor **v = block(f, (size_t)n * sizeof *v);
  int status = v ? 0 : -1;
  for (Py_ssize_t k = 0; k < n && !status; k++) {
    PyObject *part = PyTuple_GetItem(list, k);
    kvino_tensor *t = NULL;
    bool is_left = goes_by_rules(f, part) || refuses_ragged(f, part);
    converted result = is_left ? FAILED : tensor_from_object(part, 0, &t);
    if (result == NONE)
      status = wrong_type(f, i, part, "a list of tensors, with no such item");
    else if (result == FAILED || own(f, t))
      status = -1;
    if (result == ALIASED) f->aliased = true;
    v[k] = t;
  }
  Py_DECREF(list);
  f->arg[i].tensors = (kvino_tensors){(size_t)n, v};
  return status;
}

/* An exact Python integer, or anything with __index__. */
static int to_int64(PyObject *o, int64_t *value) {
  int overflow;
  PyObject *integer = PyLong_CheckExact(o) ? Py_NewRef(o) : PyNumber_Index(o);
  if (!integer) return -1;
  *value = PyLong_AsLongLongAndOverflow(integer, &overflow);
  if (overflow) PyErr_Format(PyExc_OverflowError, "Python integer %S out of bounds for int64", integer);
  Py_DECREF(integer);
  return overflow || (*value == -1 && PyErr_Occurred()) ? -1 : 0;
}

static int bind_integer(frame *f, int i, PyObject *o) {
  const kvino_parameter *p = &f->self->op->parameter[i];
  /* axis=None flattens, as in NumPy, also where it is not the default: an operator that cannot says so. */
  if (o == Py_None && ((!p->required && p->preset.integer == KVINO_NO_INTEGER) || !strcmp(p->name, "axis"))) {
    f->arg[i].integer = KVINO_NO_INTEGER;
    return 0;
  }
  if (to_int64(o, &f->arg[i].integer)) {
    if (!PyErr_ExceptionMatches(PyExc_TypeError)) return -1;
    PyErr_Clear();
    return wrong_type(f, i, o, "an integer");
  }
  return 0;
}

static int bind_number(frame *f, int i, PyObject *o) {
  double value = PyFloat_AsDouble(o);
  if (value == -1.0 && PyErr_Occurred()) {
    if (!PyErr_ExceptionMatches(PyExc_TypeError) || is_tensor(o)) return -1;
    PyErr_Clear();
    return wrong_type(f, i, o, "a real number");
  }
  f->arg[i].number = value;
  return 0;
}

static int bind_flag(frame *f, int i, PyObject *o) {
  int truth = PyObject_IsTrue(o);
  f->arg[i].flag = truth > 0;
  return truth < 0 ? -1 : 0;
}

static int bind_text(frame *f, int i, PyObject *o) {
  if (o == Py_None) {
    f->arg[i].text = NULL;
    return 0;
  }
  if (!PyUnicode_Check(o)) return wrong_type(f, i, o, "a string or None");
  f->arg[i].text = PyUnicode_AsUTF8AndSize(o, NULL);
  return f->arg[i].text ? 0 : -1;
}

/* 'fro', or 2: what Python writes for it. */
static int bind_order(frame *f, int i, PyObject *o) {
  bool is_number = PyFloat_Check(o) || (PyIndex_Check(o) && !is_tensor(o) && !is_numpy_array(o));
  if (!is_number) return bind_text(f, i, o);
  PyObject *number = PyFloat_Check(o) ? PyNumber_Float(o) : PyNumber_Index(o),
           *text = number ? PyObject_Str(number) : NULL;
  Py_ssize_t n = 0;
  const char *from = text ? PyUnicode_AsUTF8AndSize(text, &n) : NULL;
  char *to = from ? block(f, (size_t)n + 1) : NULL;
  if (to) f->arg[i].text = memcpy(to, from, (size_t)n + 1);
  Py_XDECREF(text);
  Py_XDECREF(number);
  return to ? 0 : -1;
}

static int bind_dtype(frame *f, int i, PyObject *o) { return dtype_from_object(o, &f->arg[i].dtype); }

/* A list of integers that grows: in the frame as long as they are few. */
typedef struct int_list {
  frame *f;
  Py_ssize_t n, capacity;
  int64_t *v;
  kvino_tensor **symbolic; /* NULL while none is */
  int v_block, symbolic_block;
} int_list;

static int grow_block(frame *f, int *number, void **p, size_t used, size_t wanted) {
  if (*number < 0) {
    void *more = block(f, wanted);
    if (!more) return -1;
    *number = f->n_blocks - 1;
    if (used) memcpy(more, *p, used);
    *p = more;
    return 0;
  }
  void *more = PyMem_Realloc(*p, wanted);
  if (!more) return PyErr_NoMemory(), -1;
  f->block[*number] = *p = more;
  return 0;
}

static int append_int(int_list *list, int64_t value, kvino_tensor *symbolic) {
  if (list->n == list->capacity) {
    Py_ssize_t wanted = list->capacity < 32 ? 64 : 2 * list->capacity;
    if (grow_block(list->f, &list->v_block, (void **)&list->v, (size_t)list->n * sizeof *list->v,
                   (size_t)wanted * sizeof *list->v))
      return -1;
    if (list->symbolic && grow_block(list->f, &list->symbolic_block, (void **)&list->symbolic,
                                     (size_t)list->n * sizeof *list->symbolic, (size_t)wanted * sizeof *list->symbolic))
      return -1;
    list->capacity = wanted;
  }
  if (symbolic && !list->symbolic) {
    if (grow_block(list->f, &list->symbolic_block, (void **)&list->symbolic, 0,
                   (size_t)list->capacity * sizeof *list->symbolic))
      return -1;
    memset(list->symbolic, 0, (size_t)list->n * sizeof *list->symbolic);
  }
  if (list->symbolic) list->symbolic[list->n] = symbolic;
  list->v[list->n++] = value;
  return 0;
}

/* Whether an object that is neither list nor tuple holds several integers: an array or a tensor that is not 0-d, a
 * range. */
static bool is_vector(PyObject *o) {
  if (is_tensor(o)) return kvino_tensor_rank(tensor_get(o)) > 0;
  if (PyUnicode_Check(o)) return false;
  if (!is_numpy_array(o)) return !PyIndex_Check(o) && PySequence_Check(o);
  bool vector = PyObject_Size(o) >= 0;
  PyErr_Clear();
  return vector;
}

static int append_ints(int_list *list, PyObject *o, int depth) {
  int64_t value;
  if (PyLong_CheckExact(o)) return to_int64(o, &value) ? -1 : append_int(list, value, NULL);
  if (PyTuple_Check(o) || PyList_Check(o) || is_vector(o)) {
    if (depth > KVINO_MAX_RANK) return PyErr_SetString(PyExc_ValueError, "lists are nested too deep"), -1;
    PyObject *items = PyTuple_Check(o) ? Py_NewRef(o) : PySequence_Tuple(o); /* __index__ may change a list */
    int status = items ? 0 : -1;
    for (Py_ssize_t k = 0; !status && k < PyTuple_Size(items); k++)
      status = append_ints(list, PyTuple_GetItem(items, k), depth + 1);
    Py_XDECREF(items);
    return status;
  }
  if (is_tensor(o) && kvino_tensor_is_symbolic(tensor_get(o))) {
    kvino_tensor *t = tensor_get(o);
    if (!kvino_dtype_is_integer(kvino_tensor_dtype(t))) {
      PyErr_SetString(PyExc_TypeError, "only integer scalar arrays can be converted to a scalar index");
      return -1;
    }
    /* `items` above may be the only owner of a tensor that iterating another gave. */
    return own(list->f, kvino_tensor_retain(t)) ? -1 : append_int(list, 0, t);
  }
  return to_int64(o, &value) ? -1 : append_int(list, value, NULL);
}

static int bind_ints(frame *f, int i, PyObject *o) {
  kvino_ints *ints = &f->arg[i].ints;
  *ints = KVINO_NO_INTS;
  if (o == Py_None) return 0;
  int_list list = {f, 0, FEW_INTS - f->n_ints, f->ints + f->n_ints, NULL, -1, -1};
  if (append_ints(&list, o, 0)) {
    if (!PyErr_ExceptionMatches(PyExc_TypeError) || is_tensor(o)) return -1;
    if (PyTuple_Check(o) || PyList_Check(o)) return -1; /* Python's words about the item */
    PyErr_Clear();
    return wrong_type(f, i, o, "an integer or a list of integers");
  }
  if (list.v_block < 0) f->n_ints += (int)list.n;
  *ints = (kvino_ints){list.n, list.v, list.symbolic, PyTuple_Check(o) || PyList_Check(o) || is_vector(o)};
  return 0;
}

static int (*const bind_kind[])(frame *, int, PyObject *) = {
#define KIND(name, type) bind_##name,
    KVINO_PARAMETER_KINDS(KIND)
#undef KIND
};

/* ---- which argument is which parameter ---- */

/* "'x1' and 'x2'" as Python lists missing arguments. */
static int missing(const op_object *self, PyObject *const *value) {
  const kvino_op *op = self->op;
  char list[KVINO_MAX_PARAMETERS * 40] = "";
  int n = 0, told = 0;
  for (int i = 0; i < op->n_parameters; i++) n += op->parameter[i].required && !value[i];
  for (int i = 0; i < op->n_parameters; i++) {
    if (!op->parameter[i].required || value[i]) continue;
    if (told) strcat(list, told < n - 1 ? ", " : n > 2 ? ", and " : " and ");
    told++;
    strcat(strcat(strcat(list, "'"), op->parameter[i].name), "'");
  }
  PyErr_Format(PyExc_TypeError, "%s() missing %d required positional argument%s: %s", op->name, n, n == 1 ? "" : "s",
               list);
  return -1;
}

static int too_many(const kvino_op *op, Py_ssize_t given) {
  int least = 0, most = op->n_parameters;
  for (int i = 0; i < most; i++) least += op->parameter[i].required;
  const char *were = given == 1 ? "was" : "were";
  if (least == most)
    PyErr_Format(PyExc_TypeError, "%s() takes %d positional argument%s but %zd %s given", op->name, most,
                 most == 1 ? "" : "s", given, were);
  else
    PyErr_Format(PyExc_TypeError, "%s() takes from %d to %d positional arguments but %zd %s given", op->name, least,
                 most, given, were);
  return -1;
}

static int bind_keyword(const op_object *self, PyObject *name, PyObject *o, PyObject **value) {
  const kvino_op *op = self->op;
  int i = 0;
  while (i < op->n_parameters && self->name[i] != name) i++;
  if (i == op->n_parameters) /* not interned: compare the text */
    for (i = 0; i < op->n_parameters && PyUnicode_Compare(self->name[i], name); i++) continue;
  if (i == op->n_parameters) {
    PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", op->name, name);
    return -1;
  }
  if (value[i]) {
    PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument '%U'", op->name, name);
    return -1;
  }
  value[i] = o;
  return 0;
}

static int bind_all(frame *f, PyObject *const *args, Py_ssize_t n, PyObject *keywords) {
  const op_object *self = f->self;
  const kvino_op *op = self->op;
  PyObject *value[KVINO_MAX_PARAMETERS];
  int total = op->n_parameters;
  if (n > total) return too_many(op, n);
  for (int i = 0; i < total; i++) value[i] = i < n ? args[i] : NULL;
  for (Py_ssize_t k = 0; keywords && k < PyTuple_Size(keywords); k++)
    if (bind_keyword(self, PyTuple_GetItem(keywords, k), args[n + k], value)) return -1;
  for (int i = 0; i < total; i++) {
    const kvino_parameter *p = &op->parameter[i];
    if (!value[i]) {
      if (p->required) return missing(self, value);
      f->arg[i] = p->preset;
    } else if (bind_kind[p->kind](f, i, value[i])) {
      return -1;
    }
  }
  return 0;
}

/* ---- operands that are other people's memory ----
 * A result may be a view of an operand, and a graph keeps its constants: neither may share memory that the owner of a
 * NumPy array goes on to change. Only operands that were wrapped for this call can be such. */

static bool overlaps(const kvino_tensor *t, const kvino_tensor *memory) {
  const char *low = kvino_tensor_data(memory), *high = low, *p = kvino_tensor_data(t);
  for (int i = 0; i < kvino_tensor_rank(memory); i++) {
    int64_t reach = (kvino_tensor_shape(memory)[i] - 1) * kvino_tensor_strides(memory)[i];
    if (reach < 0)
      low += reach;
    else
      high += reach;
  }
  return p && p >= low && p <= high;
}

static int copy_results(kvino_tensors *out, kvino_tensor *const *owned, int n) {
  for (size_t k = 0; k < out->n; k++) {
    bool shared = false;
    for (int i = 0; i < n && !shared; i++)
      shared = !kvino_tensor_is_symbolic(owned[i]) && overlaps(out->v[k], owned[i]);
    if (!shared) continue;
    kvino_tensor *copy = tensor_copy(out->v[k]);
    if (!copy) return -1;
    tensor_release_here(out->v[k]);
    out->v[k] = copy;
  }
  return 0;
}

int unalias_results(kvino_tensors *out, kvino_tensor *const *operands, int n) {
  if (!copy_results(out, operands, n)) return 0;
  tensors_clear_here(out);
  return -1;
}

/* In a traced call: the arrays become tensors of their own. */
static int copy_operands(frame *f) {
  bool tracing = false;
  int n = f->self->op->n_parameters;
  for (int i = 0; i < n; i++) {
    kvino_kind kind = f->self->op->parameter[i].kind;
    if ((kind == KVINO_KIND_tensor || kind == KVINO_KIND_maybe) && f->arg[i].tensor)
      tracing |= kvino_tensor_is_recorded(f->arg[i].tensor);
    for (size_t k = 0; kind == KVINO_KIND_tensors && k < f->arg[i].tensors.n; k++)
      tracing |= kvino_tensor_is_recorded(f->arg[i].tensors.v[k]);
    tracing |= kind == KVINO_KIND_ints && f->arg[i].ints.symbolic;
  }
  for (int w = 0; tracing && w < f->n_owned; w++) {
    kvino_tensor *old = f->owned[w], *copy;
    if (kvino_tensor_is_recorded(old)) continue;
    if (!(copy = tensor_copy(old))) return -1;
    for (int i = 0; i < n; i++) {
      kvino_kind kind = f->self->op->parameter[i].kind;
      if ((kind == KVINO_KIND_tensor || kind == KVINO_KIND_maybe) && f->arg[i].tensor == old) f->arg[i].tensor = copy;
      for (size_t k = 0; kind == KVINO_KIND_tensors && k < f->arg[i].tensors.n; k++)
        if (f->arg[i].tensors.v[k] == old) f->arg[i].tensors.v[k] = copy;
    }
    f->owned[w] = copy;
    tensor_release_here(old);
  }
  return 0;
}

/* ---- the function ---- */

static PyObject *result_by_rules(PyObject *self, int form, PyObject *const *args, Py_ssize_t n, PyObject *keywords) {
  op_object *op = (op_object *)self;
  PyObject *given = PyTuple_New(n), *named = PyDict_New(), *result = NULL;
  int status = given && named ? 0 : -1;
  for (Py_ssize_t i = 0; i < n && !status; i++) status = PyTuple_SetItem(given, i, Py_NewRef(args[i]));
  for (Py_ssize_t i = 0; keywords && i < PyTuple_Size(keywords) && !status; i++)
    status = PyDict_SetItem(named, PyTuple_GetItem(keywords, i), args[n + i]);
  if (!status)
    result = PyObject_CallFunction(forms[form].call, "sOOO", rule_of(op->op, form), op->function, given, named);
  Py_XDECREF(given);
  Py_XDECREF(named);
  return result;
}

static PyObject *call(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *keywords) {
  frame f;
  kvino_tensors out;
  PyObject *result = NULL;
  f.self = (op_object *)self;
  if (f.self == where && nonzero && n == 1 && !(keywords && PyTuple_Size(keywords))) f.self = nonzero;
  f.n_owned = f.n_blocks = f.n_ints = 0;
  f.aliased = false;
  f.form = FORMS;
  f.owned = f.few;
  f.owned_capacity = FEW_TENSORS;
  const kvino_op *op = f.self->op;
  if (!bind_all(&f, args, n, keywords) && !(f.aliased && copy_operands(&f)) &&
      !call_op(op, f.arg, count_elements(op, f.arg), &out) && !(f.aliased && unalias_results(&out, f.owned, f.n_owned)))
    result = results(op, &out);
  frame_free(&f);
  return f.form < FORMS && !PyErr_Occurred() ? result_by_rules(self, f.form, args, n, keywords) : result;
}

PyObject *call_operator(const char *name, PyObject *const *args, Py_ssize_t n, PyObject *keywords) {
  PyObject *function = PyObject_GetAttrString(ops_module, name); /* the module keeps it */
  if (!function) return NULL;
  PyObject *result = call(PyCFunction_GetSelf(function), args, n, keywords);
  Py_DECREF(function);
  return result;
}

/* ---- making the functions ---- */

static void op_dealloc(PyObject *o) {
  op_object *self = (op_object *)o;
  PyTypeObject *type = Py_TYPE(o);
  for (int i = 0; i < KVINO_MAX_PARAMETERS; i++) Py_XDECREF(self->name[i]);
  PyMem_Free(self->doc);
  PyObject_Free(o);
  Py_DECREF(type);
}

/* Pickling a function asks its __self__ for itself and then for the attribute of the function's name. */
static PyObject *op_getattr(PyObject *o, PyObject *name) {
  op_object *self = (op_object *)o;
  if (self->function && PyUnicode_Check(name) && !PyUnicode_CompareWithASCIIString(name, self->op->name))
    return Py_NewRef(self->function);
  return PyObject_GenericGetAttr(o, name);
}

static PyObject *op_reduce(PyObject *o, PyObject *ignored) {
  (void)ignored;
  op_object *self = (op_object *)o;
  PyObject *find = import_attribute("kvino._core", "_operator");
  PyObject *result = find ? Py_BuildValue("O(ss)", find, self->op->space, self->op->name) : NULL;
  Py_XDECREF(find);
  return result;
}

PyObject *operator_by_name(PyObject *module, PyObject *args) {
  (void)module;
  const char *space, *name;
  if (!PyArg_ParseTuple(args, "ss:_operator", &space, &name)) return NULL;
  PyObject *names = PyDict_GetItemString(spaces, space), *function = names ? PyDict_GetItemString(names, name) : NULL;
  if (!function) return PyErr_Format(PyExc_NotImplementedError, "kvino has no operator %s.%s", space, name);
  return PyCFunction_GetSelf(function) ? Py_NewRef(PyCFunction_GetSelf(function)) : NULL;
}

static PyMethodDef op_methods[] = {{"__reduce__", op_reduce, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static PyType_Slot op_slots[] = {
    {Py_tp_dealloc, (void *)op_dealloc}, {Py_tp_getattro, (void *)op_getattr}, {Py_tp_methods, op_methods}, {0, NULL}};
static PyType_Spec op_spec = {"kvino._core.ops", sizeof(op_object), 0,
                              Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, op_slots};

/* "signature\n--\n\ndoc": Python takes __text_signature__ from the first line. */
static char *doc_text(const kvino_op *op) {
  static const char *const between = "\n--\n\n";
  char *text = PyMem_Malloc(strlen(op->signature) + strlen(between) + strlen(op->doc) + 1);
  if (text) strcat(strcat(strcpy(text, op->signature), between), op->doc);
  return text;
}

static PyObject *function_new(const kvino_op *op, PyObject *module_name) {
  op_object *self = PyObject_New(op_object, op_type);
  if (!self) return NULL;
  self->op = op;
  self->function = NULL;
  memset(self->name, 0, sizeof self->name);
  self->doc = doc_text(op);
  PyObject *function = NULL;
  bool complete = self->doc != NULL;
  for (int i = 0; i < op->n_parameters && complete; i++)
    complete = (self->name[i] = PyUnicode_InternFromString(op->parameter[i].name)) != NULL;
  if (complete) {
    self->definition =
        (PyMethodDef){op->name, (PyCFunction)(void (*)(void))call, METH_FASTCALL | METH_KEYWORDS, self->doc};
    function = PyCFunction_NewEx(&self->definition, (PyObject *)self, module_name);
    self->function = function;
  } else if (!PyErr_Occurred()) {
    PyErr_NoMemory();
  }
  Py_DECREF(self);
  return function;
}

static int add_function(const kvino_op *op, PyObject *module_name) {
  PyObject *names = PyDict_GetItemString(spaces, op->space);
  if (!names) {
    if (!(names = PyDict_New())) return -1;
    int status = PyDict_SetItemString(spaces, op->space, names);
    Py_DECREF(names); /* the dict of spaces has it */
    if (status) return -1;
  }
  PyObject *function = function_new(op, module_name);
  if (!function) return -1;
  if (!strcmp(op->name, "where")) where = (op_object *)PyCFunction_GetSelf(function);
  if (!strcmp(op->name, "nonzero")) nonzero = (op_object *)PyCFunction_GetSelf(function);
  int status = PyDict_SetItemString(names, op->name, function);
  if (!status) status = PyModule_AddObjectRef(ops_module, op->name, function);
  for (int i = 0; i < USED_COUNT && !status; i++)
    if (!strcmp(used_names[i], op->name)) {
      used_row[i] = op;
      used_function[i] = Py_NewRef(function);
    }
  Py_DECREF(function);
  return status;
}

/* ---- the module kvino.ops ---- */

static PyObject *no_such_op(PyObject *module, PyObject *name) {
  (void)module;
  return PyErr_Format(PyExc_AttributeError, "module 'kvino.ops' has no attribute '%S': kvino has no such operator",
                      name);
}

static PyObject *namespaces(PyObject *module, PyObject *ignored) {
  (void)module;
  (void)ignored;
  return Py_NewRef(spaces);
}

static PyMethodDef ops_functions[] = {{"__getattr__", no_such_op, METH_O, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef ops_definition = {PyModuleDef_HEAD_INIT,
                                            "kvino.ops",
                                            "The operators: on tensors, NumPy arrays, numbers and lists of numbers.",
                                            -1,
                                            ops_functions,
                                            NULL,
                                            NULL,
                                            NULL,
                                            NULL};

static PyObject *set_form(PyObject *module, PyObject *args) {
  (void)module;
  PyObject *type, *function;
  int form;
  if (!PyArg_ParseTuple(args, "pO!O:_set_form", &form, &PyType_Type, &type, &function)) return NULL;
  forms[form].type = (PyTypeObject *)Py_NewRef(type);
  forms[form].call = Py_NewRef(function);
  Py_RETURN_NONE;
}

static PyMethodDef module_functions[] = {
    {"_set_form", set_form, METH_VARARGS, NULL},
    {"op_namespaces", namespaces, METH_NOARGS,
     "op_namespaces()\n--\n\nKeras's name of a module of operators -> {name: function}."},
    {"_operator", operator_by_name, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

int ops_init(PyObject *module) {
  PyObject *name = PyUnicode_InternFromString("kvino.ops"), *modules = PyImport_GetModuleDict();
  op_type = (PyTypeObject *)PyType_FromSpec(&op_spec);
  ops_module = PyModule_Create(&ops_definition);
  spaces = PyDict_New();
  int status = name && op_type && ops_module && spaces ? 0 : -1;
  for (size_t i = 0; i < kvino_op_count() && !status; i++) status = add_function(kvino_op_get(i), name);
  if (!status) status = PyModule_AddFunctions(module, module_functions);
  if (!status) status = PyModule_AddObjectRef(module, "ops", ops_module);
  if (!status) status = PyDict_SetItem(modules, name, ops_module);
  Py_XDECREF(name);
  return status;
}
