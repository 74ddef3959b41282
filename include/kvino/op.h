/* The table of operators, for callers that find them by name (Python, the shell, tests), and the kinds of their
 * parameters. Callers in C use the typed functions of kvino/ops.h. */
#ifndef KVINO_OP_H
#define KVINO_OP_H

#include "kvino/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A shape, axes, a permutation: n values, borrowed. n < 0: None. Where `symbolic` is not NULL, entry i is the 0-d
 * integer tensor symbolic[i] wherever that is not NULL (a dimension known at run time only), else v[i]. */
typedef struct kvino_ints {
  int64_t n;
  const int64_t *v;
  kvino_tensor *const *symbolic;
  bool list; /* given as a list, not as one integer: some operators tell 2 from [2]. Nested lists come flattened. */
} kvino_ints;
#define KVINO_INTS(...)                                                                                                \
  ((kvino_ints){sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (int64_t[]){__VA_ARGS__}, NULL, true})
#define KVINO_NO_INTS ((kvino_ints){-1, NULL, NULL, false})

#define KVINO_NO_DTYPE ((kvino_dtype)-1) /* dtype=None */
#define KVINO_NO_INTEGER INT64_MIN       /* axis=None and the like */

/* Parameter kinds: KIND(name, C type). What a dynamic argument may be is said with each.
 *   tensor   a tensor; a number (which takes the dtype of what it meets); a nested list of numbers
 *   maybe    the same, or None: NULL
 *   tensors  a list of tensors; borrowed
 *   integer  an integer, or None where that is the default or the parameter is an axis: KVINO_NO_INTEGER
 *   number   a real number
 *   flag     true or false
 *   text     a string, or None: NULL
 *   order    of a norm: a string, a number (as the text that Python writes for it), or None: NULL
 *   dtype    a dtype's name, or None: KVINO_NO_DTYPE
 *   ints     an integer, a list of integers (some may be 0-d tensors; lists in it are flattened), or None */
#define KVINO_PARAMETER_KINDS(KIND)                                                                                    \
  KIND(tensor, kvino_tensor *)                                                                                         \
  KIND(maybe, kvino_tensor *)                                                                                          \
  KIND(tensors, kvino_tensors)                                                                                         \
  KIND(integer, int64_t)                                                                                               \
  KIND(number, double)                                                                                                 \
  KIND(flag, bool)                                                                                                     \
  KIND(text, const char *)                                                                                             \
  KIND(order, const char *)                                                                                            \
  KIND(dtype, kvino_dtype)                                                                                             \
  KIND(ints, kvino_ints)

typedef enum kvino_kind {
#define KVINO_KIND_ENUM(name, type) KVINO_KIND_##name,
  KVINO_PARAMETER_KINDS(KVINO_KIND_ENUM)
#undef KVINO_KIND_ENUM
} kvino_kind;

/* One argument, already of its parameter's kind. Everything is borrowed. */
typedef union kvino_arg {
  kvino_tensor *tensor; /* also maybe */
  kvino_tensors tensors;
  int64_t integer;
  double number;
  bool flag;
  const char *text;
  kvino_dtype dtype;
  kvino_ints ints;
} kvino_arg;

typedef struct kvino_parameter {
  char name[32];
  kvino_kind kind;
  bool required;
  kvino_arg preset;    /* the default, where not required */
  int64_t preset_v[4]; /* the values of a default that is a list */
} kvino_parameter;

enum { KVINO_MAX_PARAMETERS = 14 };

/* What an operator makes of sparse operands (kvino/ops/sparse_rules.def has the table, and says what each is). */
#define KVINO_SPARSE_RULES(RULE)                                                                                       \
  RULE(dense) RULE(linear) RULE(keep) RULE(unite) RULE(intersect) RULE(quotient) RULE(own)
typedef enum kvino_sparse_rule {
#define KVINO_SPARSE_ENUM(name) KVINO_SPARSE_##name,
  KVINO_SPARSE_RULES(KVINO_SPARSE_ENUM)
#undef KVINO_SPARSE_ENUM
} kvino_sparse_rule;

/* The same of ragged operands (kvino/ops/ragged_rules.def). */
#define KVINO_RAGGED_RULES(RULE) RULE(none) RULE(flat) RULE(reduce) RULE(own)
typedef enum kvino_ragged_rule {
#define KVINO_RAGGED_ENUM(name) KVINO_RAGGED_##name,
  KVINO_RAGGED_RULES(KVINO_RAGGED_ENUM)
#undef KVINO_RAGGED_ENUM
} kvino_ragged_rule;

typedef struct kvino_op {
  const char *space;     /* Keras's module: "numpy", "nn", "core", ... */
  const char *name;      /* "count_nonzero" */
  const char *signature; /* "count_nonzero(x, axis=None, keepdims=False)" */
  const char *doc;
  bool list; /* gives a list of tensors */
  kvino_sparse_rule sparse;
  kvino_ragged_rule ragged;
  int n_parameters;
  kvino_parameter parameter[KVINO_MAX_PARAMETERS];
  kvino_status (*call)(const kvino_arg *args, kvino_tensors *out, kvino_error *err);
} kvino_op;

/* All operators, by number below kvino_op_count(). Static. */
KVINO_API size_t kvino_op_count(void);
KVINO_API const kvino_op *kvino_op_get(size_t i);
/* By name; `space` may be NULL for any. NULL where there is none. */
KVINO_API const kvino_op *kvino_op_find(const char *space, const char *name);
/* Calls with one argument for each parameter, in order. An op that is not a list gives a list of one: release with
 * kvino_tensors_clear. */
KVINO_API kvino_status kvino_op_call(const kvino_op *op, const kvino_arg *args, kvino_tensors *out, kvino_error *err);

/* A 0-d tensor for a number that takes the dtype of the tensors it meets, as Python's int and float do in Keras. */
KVINO_API kvino_status kvino_tensor_weak_i64(int64_t value, kvino_tensor **out, kvino_error *err);
KVINO_API kvino_status kvino_tensor_weak_f64(double value, kvino_tensor **out, kvino_error *err);
KVINO_API kvino_status kvino_tensor_weak_bool(bool value, kvino_tensor **out, kvino_error *err);

/* The dtype that Keras calls floatx: what integers become in exp, mean, ... f16, bf16, f32 (the default) or f64. */
KVINO_API kvino_status kvino_set_floatx(kvino_dtype dtype, kvino_error *err);
KVINO_API kvino_dtype kvino_floatx(void);

#ifdef __cplusplus
}
#endif
#endif
