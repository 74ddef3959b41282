/* What follows from the declarations in include/kvino/ops/: the typed entry points, the dynamic calls and the table. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "ops/ops.h"
#include "run/deferred.h"

/* ---- typed entry points and dynamic calls ---- */

/* The parameters' names are a1, a2, ... here. */
#define PARAMS_1(a) KVINO_T_##a a1
#define PARAMS_2(a, b) PARAMS_1(a), KVINO_T_##b a2
#define PARAMS_3(a, b, c) PARAMS_2(a, b), KVINO_T_##c a3
#define PARAMS_4(a, b, c, d) PARAMS_3(a, b, c), KVINO_T_##d a4
#define PARAMS_5(a, b, c, d, e) PARAMS_4(a, b, c, d), KVINO_T_##e a5
#define PARAMS_6(a, b, c, d, e, f) PARAMS_5(a, b, c, d, e), KVINO_T_##f a6
#define PARAMS_7(a, b, c, d, e, f, g) PARAMS_6(a, b, c, d, e, f), KVINO_T_##g a7
#define PARAMS_8(a, b, c, d, e, f, g, h) PARAMS_7(a, b, c, d, e, f, g), KVINO_T_##h a8
#define PARAMS_9(a, b, c, d, e, f, g, h, i) PARAMS_8(a, b, c, d, e, f, g, h), KVINO_T_##i a9
#define PARAMS_10(a, b, c, d, e, f, g, h, i, j) PARAMS_9(a, b, c, d, e, f, g, h, i), KVINO_T_##j a10
#define PARAMS_11(a, b, c, d, e, f, g, h, i, j, k) PARAMS_10(a, b, c, d, e, f, g, h, i, j), KVINO_T_##k a11
#define PARAMS_12(a, b, c, d, e, f, g, h, i, j, k, l) PARAMS_11(a, b, c, d, e, f, g, h, i, j, k), KVINO_T_##l a12
#define PARAMS_13(a, b, c, d, e, f, g, h, i, j, k, l, m) PARAMS_12(a, b, c, d, e, f, g, h, i, j, k, l), KVINO_T_##m a13
#define PARAMS_14(a, b, c, d, e, f, g, h, i, j, k, l, m, n)                                                            \
  PARAMS_13(a, b, c, d, e, f, g, h, i, j, k, l, m), KVINO_T_##n a14
#define PARAMS(...) KVINO_CAT(PARAMS_, KVINO_COUNT(__VA_ARGS__))(__VA_ARGS__)

#define NAMES_1 a1
#define NAMES_2 NAMES_1, a2
#define NAMES_3 NAMES_2, a3
#define NAMES_4 NAMES_3, a4
#define NAMES_5 NAMES_4, a5
#define NAMES_6 NAMES_5, a6
#define NAMES_7 NAMES_6, a7
#define NAMES_8 NAMES_7, a8
#define NAMES_9 NAMES_8, a9
#define NAMES_10 NAMES_9, a10
#define NAMES_11 NAMES_10, a11
#define NAMES_12 NAMES_11, a12
#define NAMES_13 NAMES_12, a13
#define NAMES_14 NAMES_13, a14
#define NAMES(...) KVINO_CAT(NAMES_, KVINO_COUNT(__VA_ARGS__))

#define GET_tensor(v) (v).tensor
#define GET_maybe(v) (v).tensor
#define GET_tensors(v) (v).tensors
#define GET_integer(v) (v).integer
#define GET_number(v) (v).number
#define GET_flag(v) (v).flag
#define GET_text(v) (v).text
#define GET_order(v) (v).text
#define GET_dtype(v) (v).dtype
#define GET_ints(v) (v).ints
#define GETS_1(a) GET_##a(v[0])
#define GETS_2(a, b) GETS_1(a), GET_##b(v[1])
#define GETS_3(a, b, c) GETS_2(a, b), GET_##c(v[2])
#define GETS_4(a, b, c, d) GETS_3(a, b, c), GET_##d(v[3])
#define GETS_5(a, b, c, d, e) GETS_4(a, b, c, d), GET_##e(v[4])
#define GETS_6(a, b, c, d, e, f) GETS_5(a, b, c, d, e), GET_##f(v[5])
#define GETS_7(a, b, c, d, e, f, g) GETS_6(a, b, c, d, e, f), GET_##g(v[6])
#define GETS_8(a, b, c, d, e, f, g, h) GETS_7(a, b, c, d, e, f, g), GET_##h(v[7])
#define GETS_9(a, b, c, d, e, f, g, h, i) GETS_8(a, b, c, d, e, f, g, h), GET_##i(v[8])
#define GETS_10(a, b, c, d, e, f, g, h, i, j) GETS_9(a, b, c, d, e, f, g, h, i), GET_##j(v[9])
#define GETS_11(a, b, c, d, e, f, g, h, i, j, k) GETS_10(a, b, c, d, e, f, g, h, i, j), GET_##k(v[10])
#define GETS_12(a, b, c, d, e, f, g, h, i, j, k, l) GETS_11(a, b, c, d, e, f, g, h, i, j, k), GET_##l(v[11])
#define GETS_13(a, b, c, d, e, f, g, h, i, j, k, l, m) GETS_12(a, b, c, d, e, f, g, h, i, j, k, l), GET_##m(v[12])
#define GETS_14(a, b, c, d, e, f, g, h, i, j, k, l, m, n) GETS_13(a, b, c, d, e, f, g, h, i, j, k, l, m), GET_##n(v[13])
#define GETS(...) KVINO_CAT(GETS_, KVINO_COUNT(__VA_ARGS__))(__VA_ARGS__)

/* Whether an operand that must be there is NULL. */
static bool any_null(kvino_tensors list) {
  bool null = list.n && !list.v;
  for (size_t i = 0; !null && i < list.n; i++) null = !list.v[i];
  return null;
}

#define MISSES_tensor(v) !(v)
#define MISSES_tensors(v) any_null(v)
#define MISSES_maybe(v) false
#define MISSES_integer(v) false
#define MISSES_number(v) false
#define MISSES_flag(v) false
#define MISSES_text(v) false
#define MISSES_order(v) false
#define MISSES_dtype(v) false
#define MISSES_ints(v) false
#define MISSES_1(a) MISSES_##a(a1)
#define MISSES_2(a, b) MISSES_1(a) || MISSES_##b(a2)
#define MISSES_3(a, b, c) MISSES_2(a, b) || MISSES_##c(a3)
#define MISSES_4(a, b, c, d) MISSES_3(a, b, c) || MISSES_##d(a4)
#define MISSES_5(a, b, c, d, e) MISSES_4(a, b, c, d) || MISSES_##e(a5)
#define MISSES_6(a, b, c, d, e, f) MISSES_5(a, b, c, d, e) || MISSES_##f(a6)
#define MISSES_7(a, b, c, d, e, f, g) MISSES_6(a, b, c, d, e, f) || MISSES_##g(a7)
#define MISSES_8(a, b, c, d, e, f, g, h) MISSES_7(a, b, c, d, e, f, g) || MISSES_##h(a8)
#define MISSES_9(a, b, c, d, e, f, g, h, i) MISSES_8(a, b, c, d, e, f, g, h) || MISSES_##i(a9)
#define MISSES_10(a, b, c, d, e, f, g, h, i, j) MISSES_9(a, b, c, d, e, f, g, h, i) || MISSES_##j(a10)
#define MISSES_11(a, b, c, d, e, f, g, h, i, j, k) MISSES_10(a, b, c, d, e, f, g, h, i, j) || MISSES_##k(a11)
#define MISSES_12(a, b, c, d, e, f, g, h, i, j, k, l) MISSES_11(a, b, c, d, e, f, g, h, i, j, k) || MISSES_##l(a12)
#define MISSES_13(a, b, c, d, e, f, g, h, i, j, k, l, m)                                                               \
  MISSES_12(a, b, c, d, e, f, g, h, i, j, k, l) || MISSES_##m(a13)
#define MISSES_14(a, b, c, d, e, f, g, h, i, j, k, l, m, n)                                                            \
  MISSES_13(a, b, c, d, e, f, g, h, i, j, k, l, m) || MISSES_##n(a14)
#define MISSES(...) KVINO_CAT(MISSES_, KVINO_COUNT(__VA_ARGS__))(__VA_ARGS__)

/* The record of a formula that may be called twice (run/deferred.c) is its own: only how the second ends is told. */
static kvino_status failed(kvino_status status, const kvino_error *own, kvino_error *err) {
  return status ? kv_fail(err, status, "%s", own->text) : KVINO_OK;
}

#define OP(space, name, kinds, signature, doc)                                                                         \
  kvino_status kvino_##name(PARAMS kinds, kvino_tensor **out, kvino_error *err) {                                      \
    kv_scope s;                                                                                                        \
    kvino_error first;                                                                                                 \
    if (MISSES kinds || !out) return kv_fail(err, KVINO_INVALID, "%s: an operand is NULL", #name);                     \
    kv_scope_enter(&s, &first);                                                                                        \
    s.may_defer = true;                                                                                                \
    kvino_tensor *y;                                                                                                   \
    do y = op_##name(&s, NAMES kinds);                                                                                 \
    while (s.deferred && !kv_scope_finish(&s, 1, &y));                                                                 \
    return failed(kv_scope_leave(&s, y, out), &first, err);                                                            \
  }                                                                                                                    \
  static kvino_status call_##name(const kvino_arg *v, kvino_tensors *out, kvino_error *err) {                          \
    if (!out) return kv_fail(err, KVINO_INVALID, "%s: an operand is NULL", #name);                                     \
    kvino_tensor **one = kv_malloc(sizeof *one);                                                                       \
    if (!one) return kv_fail(err, KVINO_NO_MEMORY, "out of memory");                                                   \
    kvino_status status = kvino_##name(GETS kinds, one, err);                                                          \
    if (status)                                                                                                        \
      kv_free(one);                                                                                                    \
    else                                                                                                               \
      *out = (kvino_tensors){1, one};                                                                                  \
    return status;                                                                                                     \
  }
#define OP_LIST(space, name, kinds, signature, doc)                                                                    \
  kvino_status kvino_##name(PARAMS kinds, kvino_tensors *out, kvino_error *err) {                                      \
    kv_scope s;                                                                                                        \
    kvino_error first;                                                                                                 \
    if (MISSES kinds || !out) return kv_fail(err, KVINO_INVALID, "%s: an operand is NULL", #name);                     \
    kv_scope_enter(&s, &first);                                                                                        \
    s.may_defer = true;                                                                                                \
    kvino_tensors y;                                                                                                   \
    do y = op_##name(&s, NAMES kinds);                                                                                 \
    while (s.deferred && !kv_scope_finish(&s, y.v ? y.n : 0, y.v));                                                    \
    return failed(kv_scope_leave_many(&s, y, out), &first, err);                                                       \
  }                                                                                                                    \
  static kvino_status call_##name(const kvino_arg *v, kvino_tensors *out, kvino_error *err) {                          \
    return kvino_##name(GETS kinds, out, err);                                                                         \
  }
#include "kvino/ops/all.def"
#undef OP
#undef OP_LIST

/* ---- the table ---- */

typedef kvino_status dynamic_call(const kvino_arg *v, kvino_tensors *out, kvino_error *err);

/* The declarations as they are, and the rows that are made of them when one is first asked for: half a megabyte, which
 * the library's file does not hold and a program that calls the typed functions alone never touches. */
static const struct {
  const char *space, *name, *signature, *doc, *kinds;
  bool list;
  dynamic_call *call;
} declared[] = {
#define OP(space, name, kinds, signature, doc) {#space, #name, signature, doc, #kinds, false, call_##name},
#define OP_LIST(space, name, kinds, signature, doc) {#space, #name, signature, doc, #kinds, true, call_##name},
#include "kvino/ops/all.def"
#undef OP
#undef OP_LIST
};

static const size_t table_size = sizeof declared / sizeof *declared;
static kvino_op table[sizeof declared / sizeof *declared];

static const char *const kind_names[] = {
#define KIND(name, type) #name,
    KVINO_PARAMETER_KINDS(KIND)
#undef KIND
};

/* The default of a parameter from its text in the signature. The test of the table checks every one. */
static kvino_arg preset(kvino_parameter *p, const char *text) {
  enum { ROOM = sizeof p->preset_v / sizeof *p->preset_v };
  kvino_arg a;
  memset(&a, 0, sizeof a);
  bool none = !strcmp(text, "None");
  switch (p->kind) {
  case KVINO_KIND_integer:
    a.integer = none ? KVINO_NO_INTEGER : strtoll(text, NULL, 10);
    break;
  case KVINO_KIND_number:
    a.number = strtod(text, NULL);
    break;
  case KVINO_KIND_flag:
    a.flag = !strcmp(text, "True");
    break;
  case KVINO_KIND_dtype:
    a.dtype = KVINO_NO_DTYPE;
    if (!none) kvino_dtype_from_name(text, &a.dtype, NULL);
    break;
  case KVINO_KIND_text:
  case KVINO_KIND_order:
    a.text = none ? NULL : kv_strdup(text);
    break; /* lives as long as the process */
  case KVINO_KIND_ints:
    if (none) {
      a.ints = KVINO_NO_INTS;
    } else if (*text == '(') { /* "()" or "(1, 2)" */
      a.ints = (kvino_ints){0, p->preset_v, NULL, true};
      char *end;
      for (const char *at = text + 1; a.ints.n < ROOM; at = end + strspn(end, ", ")) {
        int64_t value = strtoll(at, &end, 10);
        if (end == at) break;
        p->preset_v[a.ints.n++] = value;
      }
    } else {
      p->preset_v[0] = strtoll(text, NULL, 10);
      a.ints = (kvino_ints){1, p->preset_v, NULL, false};
    }
    break;
  case KVINO_KIND_tensor: /* a number */
    if (strchr(text, '.'))
      kvino_tensor_weak_f64(strtod(text, NULL), &a.tensor, NULL);
    else
      kvino_tensor_weak_i64(strtoll(text, NULL, 10), &a.tensor, NULL);
    break;
  case KVINO_KIND_maybe:
  case KVINO_KIND_tensors:
    break; /* None */
  }
  return a;
}

/* The next piece of a comma-separated list at *p (commas inside brackets or quotes do not count) without spaces around.
 */
static bool next_piece(const char **p, char *piece, size_t size) {
  const char *start = *p + strspn(*p, ", ");
  if (!*start || *start == ')') return false;
  const char *end = start;
  for (int depth = 0; *end && (depth || (*end != ',' && *end != ')')); end++) depth += (*end == '(') - (*end == ')');
  snprintf(piece, size, "%.*s", (int)(end - start), start);
  *p = end;
  return true;
}

static void fill_row(kvino_op *op, const char *kinds) {
  const char *names = strchr(op->signature, '(') + 1;
  char kind[32], piece[96];
  kinds++;
  while (op->n_parameters < KVINO_MAX_PARAMETERS && next_piece(&kinds, kind, sizeof kind) &&
         next_piece(&names, piece, sizeof piece)) {
    kvino_parameter *p = &op->parameter[op->n_parameters++];
    char *text = strchr(piece, '=');
    p->required = !text;
    if (text) *text++ = 0;
    snprintf(p->name, sizeof p->name, "%.31s", piece);
    for (size_t k = 0; k < sizeof kind_names / sizeof *kind_names; k++)
      if (!strcmp(kind, kind_names[k])) p->kind = (kvino_kind)k;
    if (!text) continue;
    size_t n = strlen(text);
    if (*text == '\'' || *text == '"') { /* without the quotes */
      text[n - 1] = 0;
      text++;
    }
    p->preset = preset(p, text);
  }
}

static const struct {
  const char *name;
  kvino_sparse_rule rule;
} sparse_rules[] = {
#define RULE(name, how) {#name, KVINO_SPARSE_##how},
#include "kvino/ops/sparse_rules.def"
#undef RULE
};

static const struct {
  const char *name;
  kvino_ragged_rule rule;
} ragged_rules[] = {
#define RULE(name, how) {#name, KVINO_RAGGED_##how},
#include "kvino/ops/ragged_rules.def"
#undef RULE
};

static void fill_table(void) {
  for (size_t i = 0; i < table_size; i++) {
    table[i].space = declared[i].space;
    table[i].name = declared[i].name;
    table[i].signature = declared[i].signature;
    table[i].doc = declared[i].doc;
    table[i].list = declared[i].list;
    table[i].call = declared[i].call;
    fill_row(&table[i], declared[i].kinds);
    for (size_t k = 0; k < sizeof sparse_rules / sizeof *sparse_rules; k++)
      if (!strcmp(table[i].name, sparse_rules[k].name)) table[i].sparse = sparse_rules[k].rule;
    for (size_t k = 0; k < sizeof ragged_rules / sizeof *ragged_rules; k++)
      if (!strcmp(table[i].name, ragged_rules[k].name)) table[i].ragged = ragged_rules[k].rule;
  }
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

size_t kvino_op_count(void) { return table_size; }

const kvino_op *kvino_op_get(size_t i) {
  pthread_once(&once, fill_table);
  return i < table_size ? &table[i] : NULL;
}

const kvino_op *kvino_op_find(const char *space, const char *name) {
  pthread_once(&once, fill_table);
  for (size_t i = 0; name && i < table_size; i++)
    if (!strcmp(declared[i].name, name) && (!space || !strcmp(declared[i].space, space))) return &table[i];
  return NULL;
}

kvino_status kvino_op_call(const kvino_op *op, const kvino_arg *args, kvino_tensors *out, kvino_error *err) {
  if (!op || !out || (op->n_parameters && !args))
    return kv_fail(err, KVINO_INVALID,
                   "kvino_op_call: the operator, its arguments or the place for the result is NULL");
  return op->call(args, out, err);
}
