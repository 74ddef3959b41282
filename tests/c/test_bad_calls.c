/* Every operator of the table with generated arguments, through the dynamic call: wrong ranks and dtypes, NULL, axes
 * out of range, negative sizes and sizes that overflow, strings, operands in memory that ends where they end, symbolic
 * ones. A call may succeed by chance; otherwise it says why and leaves its output alone. The sanitizer build tells the
 * rest: reading and writing outside of an operand, undefined arithmetic, leaks.
 *
 * KVINO_TEST_OP=name repeats one operator, KVINO_TEST_SEED=n another sequence, KVINO_TEST_CALLS=n more of them. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kvino/kvino.h"

enum { CALLS = 600, SECONDS = 20 };

/* What asks for more memory than there is gets NULL from the allocator, as without a sanitizer. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1"; }

/* ---- numbers ---- */

static uint64_t state;

static uint32_t draw(void) { /* splitmix64 */
  uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return (uint32_t)(z >> 32);
}
static int below(int n) { return (int)(draw() % (uint32_t)n); }
static bool chance(int percent) { return below(100) < percent; }
#define ONE_OF(list) (list)[below(sizeof(list) / sizeof *(list))]

/* Sizes of which one is already too much for any address space: what fits would be computed, for minutes. */
static const int64_t HUGE_NUMBERS[] = {INT64_C(1) << 47, INT64_C(1) << 62,    INT64_MAX, INT64_MAX - 1,
                                       INT64_MIN + 1,    -(INT64_C(1) << 47), INT64_MIN};

static int64_t whole(void) {
  static const int64_t usual[] = {0, 1, 2, 3, -1, -2, 4, 5, -7, 50, 65};
  return chance(15) ? ONE_OF(HUGE_NUMBERS) : chance(8) ? KVINO_NO_INTEGER : ONE_OF(usual);
}

/* ---- tensors ---- */

typedef struct call {
  kvino_tensor *owned[64];
  size_t n;
  kvino_graph *graph; /* of the symbolic operands */
  bool few;           /* no large operands: those of a list may be multiplied */
  kvino_tensor *list[8][4];
  int64_t values[16][72];
  kvino_tensor *symbolic[16][72];
} call;

static kvino_tensor *own(call *c, kvino_tensor *t) {
  if (t) c->owned[c->n++] = t;
  return t;
}

static kvino_dtype some_dtype(void) {
  static const kvino_dtype usual[] = {KVINO_F32, KVINO_F32, KVINO_F32, KVINO_I32, KVINO_I64, KVINO_F64, KVINO_BOOL};
  return chance(50) ? ONE_OF(usual) : (kvino_dtype)below(KVINO_C128 + 1);
}

static int some_shape(int64_t shape[KVINO_MAX_RANK]) {
  static const struct {
    int rank;
    int64_t shape[5];
  } usual[] = {{0, {0}},         {1, {0}},    {1, {1}},       {1, {3}},          {1, {4}},       {2, {2, 3}},
               {2, {3, 3}},      {2, {3, 0}}, {3, {2, 3, 4}}, {4, {1, 4, 4, 2}}, {3, {2, 3, 3}}, {5, {1, 2, 3, 4, 5}},
               {2, {4, 2}},      {1, {40}},   {2, {17, 33}},  {4, {2, 5, 6, 3}}, {1, {2}},       {3, {1, 8, 2}},
               {4, {2, 0, 3, 1}}};
  if (chance(3)) {
    int rank = chance(50) ? KVINO_MAX_RANK : 9;
    for (int i = 0; i < rank; i++) shape[i] = 1 + (i == rank - 1);
    return rank;
  }
  int i = below(sizeof usual / sizeof *usual);
  memcpy(shape, usual[i].shape, sizeof usual[i].shape);
  return usual[i].rank;
}

static void store(kvino_dtype dtype, char *to) {
  static const double numbers[] = {0, 1, 2, 3, -1, 0.5, 7, 1e300, -0.0, 200};
  static const int64_t wholes[] = {0, 1, 2, 3, -1, 5, 100, INT64_MAX, INT64_MIN, INT32_MIN};
  size_t size = kvino_dtype_size(dtype);
  double special[] = {__builtin_nan(""), __builtin_inf(), -__builtin_inf()};
  double d = chance(6) ? ONE_OF(special) : chance(50) ? below(4) : ONE_OF(numbers);
  float f = (float)(d > 1e30 ? 1e30 : d);
  int64_t i = chance(70) ? below(4) : ONE_OF(wholes);
  if (dtype == KVINO_U32 && (uint32_t)i > 1000) i = 9; /* as a size that would fit, and be computed */
  switch (dtype) {
  case KVINO_F32:
  case KVINO_C64:
    for (size_t k = 0; k < size / 4; k++) memcpy(to + 4 * k, &f, 4);
    break;
  case KVINO_F64:
  case KVINO_C128:
    for (size_t k = 0; k < size / 8; k++) memcpy(to + 8 * k, &d, 8);
    break;
  case KVINO_BOOL:
    *to = (char)below(2);
    break;
  default: /* small floats: any bits */
    memcpy(to, &i, size);
  }
}

/* In a block of its own that ends with the last element; strided, reversed or unaligned now and then. */
static kvino_tensor *concrete(call *c, kvino_dtype dtype, int rank, const int64_t *shape) {
  int64_t strides[KVINO_MAX_RANK], n = 1, size = (int64_t)kvino_dtype_size(dtype);
  int spread = chance(15) ? 2 : 1, shift = chance(5) ? 1 : 0;
  for (int i = rank - 1; i >= 0; n *= shape[i--]) strides[i] = n * size * spread;
  bool reversed = rank && n && chance(10);
  size_t bytes = n ? (size_t)(((n - 1) * spread + 1) * size + shift) : 1;
  char *block = malloc(bytes), *first = block + (n ? shift : 0);
  if (!block) return NULL;
  memset(block, 0, bytes);
  for (int64_t k = 0; k < n; k++) store(dtype, first + k * spread * size);
  if (reversed) {
    first += strides[0] * (shape[0] - 1);
    strides[0] = -strides[0];
  }
  kvino_tensor *t = NULL, *turned = NULL;
  if (kvino_tensor_wrap(dtype, rank, shape, strides, first, free, block, &t, NULL)) return NULL;
  if (rank > 1 && chance(10) && !kvino_transpose(t, KVINO_NO_INTS, &turned, NULL)) {
    kvino_tensor_release(t);
    t = turned;
  }
  return own(c, t);
}

static kvino_tensor *some_tensor(call *c) {
  int64_t shape[KVINO_MAX_RANK];
  kvino_dtype dtype = some_dtype();
  int rank;
  kvino_tensor *t = NULL;
  for (int64_t n = -1; n < 0 || (c->few && n > 9);) {
    rank = some_shape(shape);
    n = 1;
    for (int i = 0; i < rank; i++) n *= shape[i];
  }
  if (chance(4)) { /* a number of Python's */
    kvino_status failed =
        chance(50) ? kvino_tensor_weak_i64(below(9) - 2, &t, NULL) : kvino_tensor_weak_f64(0.5, &t, NULL);
    return failed ? NULL : own(c, t);
  }
  if (c->graph && chance(60)) {
    for (int i = 0; i < rank; i++)
      if (chance(30)) shape[i] = -1;
    return kvino_graph_parameter(c->graph, dtype, rank, shape, NULL, &t, NULL) ? NULL : own(c, t);
  }
  return concrete(c, dtype, rank, shape);
}

/* ---- arguments ---- */

static kvino_ints some_ints(call *c, int place) {
  int64_t *v = c->values[place];
  kvino_tensor **symbolic = c->symbolic[place];
  int n = chance(5) ? 64 + below(7) : below(5);
  if (chance(12)) return KVINO_NO_INTS;
  bool tensors = chance(8);
  for (int i = 0; i < n; i++) {
    static const int64_t usual[] = {0, 1, 2, 3, -1, 1, 2, 4, -9};
    v[i] = n > 5 ? 1 : chance(8) ? ONE_OF(HUGE_NUMBERS) : ONE_OF(usual);
    symbolic[i] = tensors && n < 5 && chance(50) ? some_tensor(c) : NULL;
  }
  return (kvino_ints){n, v, tensors ? symbolic : NULL, n != 1 || chance(50)};
}

static const char *some_text(void) {
  static char long_text[3001];
  static const char *const words[] = {"",
                                      "x",
                                      "\xc3\xa9",
                                      "same",
                                      "valid",
                                      "constant",
                                      "reflect",
                                      "symmetric",
                                      "edge",
                                      "nearest",
                                      "bilinear",
                                      "bicubic",
                                      "lanczos3",
                                      "linear",
                                      "ij",
                                      "xy",
                                      "wrap",
                                      "mirror",
                                      "sum",
                                      "mean",
                                      "left",
                                      "right",
                                      "fro",
                                      "nuc",
                                      "reduced",
                                      "complete",
                                      "channels_first",
                                      "channels_last",
                                      "ij,jk->ik",
                                      "i,i->",
                                      "...i->...",
                                      "ii",
                                      "ij->ji,",
                                      "a->b->c",
                                      "->",
                                      "greedy",
                                      "beam_search",
                                      "hann",
                                      "hamming",
                                      "lower",
                                      "higher",
                                      "midpoint",
                                      "full",
                                      "raw",
                                      "inf",
                                      "-inf",
                                      "1",
                                      "2"};
  if (chance(10)) return NULL;
  if (chance(3)) return memset(long_text, 'a', sizeof long_text - 1);
  return ONE_OF(words);
}

static kvino_arg some_argument(call *c, kvino_kind kind, int place) {
  static const double numbers[] = {0, 1, 0.5, -1, 2, 1e-5, 1e308, -1e308, 3};
  double special[] = {__builtin_nan(""), __builtin_inf(), -__builtin_inf()};
  kvino_arg a;
  memset(&a, 0, sizeof a);
  switch (kind) {
  case KVINO_KIND_tensor:
    a.tensor = chance(3) ? NULL : some_tensor(c);
    break;
  case KVINO_KIND_maybe:
    a.tensor = chance(40) ? NULL : some_tensor(c);
    break;
  case KVINO_KIND_tensors:
    a.tensors = (kvino_tensors){(size_t)below(5), c->list[place % 8]};
    c->few = true;
    for (size_t i = 0; i < a.tensors.n; i++)
      a.tensors.v[i] = i && chance(50) ? a.tensors.v[0] : chance(4) ? NULL : some_tensor(c);
    c->few = false;
    break;
  case KVINO_KIND_integer:
    a.integer = whole();
    break;
  case KVINO_KIND_number:
    a.number = chance(15) ? ONE_OF(special) : ONE_OF(numbers);
    break;
  case KVINO_KIND_flag:
    a.flag = chance(50);
    break;
  case KVINO_KIND_text:
  case KVINO_KIND_order:
    a.text = some_text();
    break;
  case KVINO_KIND_dtype:
    a.dtype = chance(50) ? KVINO_NO_DTYPE : chance(8) ? (kvino_dtype)(90 + below(2)) : some_dtype();
    break;
  case KVINO_KIND_ints:
    a.ints = some_ints(c, place);
    break;
  }
  return a;
}

/* ---- calls ---- */

static const char *current;

static void hung(int signal_number) {
  (void)signal_number;
  if (write(2, "hung in ", 8) < 0 || write(2, current, strlen(current)) < 0) _exit(3);
  _exit(2);
}

/* Reads every byte of a result: memory that is not its own would be found. */
static unsigned touch(kvino_tensor *t) {
  unsigned sum = 0;
  kvino_tensor *plain = NULL;
  if (kvino_tensor_is_symbolic(t) || kvino_tensor_contiguous(t, &plain, NULL)) return 0;
  const unsigned char *p = kvino_tensor_data(plain);
  size_t n = (size_t)kvino_tensor_size(plain) * kvino_dtype_size(kvino_tensor_dtype(plain));
  for (size_t i = 0; i < n && i < 1 << 20; i++) sum += p[i];
  kvino_tensor_release(plain);
  return sum;
}

static bool call_once(const kvino_op *op) {
  static call c;
  static volatile unsigned sink;
  kvino_arg args[KVINO_MAX_PARAMETERS];
  kvino_tensors out = {77, NULL};
  kvino_error err = {0};
  c.n = 0;
  c.graph = NULL;
  if (chance(25) && kvino_graph_new(&c.graph, NULL)) return false;
  for (int i = 0; i < op->n_parameters; i++) {
    const kvino_parameter *p = &op->parameter[i];
    args[i] = !p->required && chance(50) ? p->preset : some_argument(&c, p->kind, i);
    if (i && p->kind == KVINO_KIND_tensor && op->parameter[i - 1].kind == p->kind && chance(30)) args[i] = args[i - 1];
  }
  kvino_status status = kvino_op_call(op, args, &out, &err);
  if (status) {
    if (!*err.text || err.status != status || out.n != 77)
      fail_msg("%s fails with status %d, text '%s', and %zu outputs", op->name, (int)status, err.text, out.n);
  } else {
    for (size_t i = 0; i < out.n; i++) sink += touch(out.v[i]);
    kvino_tensors_clear(&out);
  }
  for (size_t i = 0; i < c.n; i++) kvino_tensor_release(c.owned[i]);
  kvino_graph_release(c.graph);
  return !status;
}

static long number_of(const char *variable, long otherwise) {
  const char *text = getenv(variable);
  return text ? strtol(text, NULL, 10) : otherwise;
}

static void test_every_operator(void **unused) {
  (void)unused;
  const char *only = getenv("KVINO_TEST_OP");
  long calls = number_of("KVINO_TEST_CALLS", CALLS), seed = number_of("KVINO_TEST_SEED", 1), fine = 0, never = 0;
  signal(SIGALRM, hung);
  for (size_t i = 0; i < kvino_op_count(); i++) {
    const kvino_op *op = kvino_op_get(i);
    if (only && strcmp(only, op->name)) continue;
    current = op->name;
    state = (uint64_t)seed;
    for (const char *p = op->name; *p; p++) state = state * 31 + (unsigned char)*p;
    alarm(SECONDS);
    long good = 0;
    for (long k = 0; k < calls; k++) good += call_once(op);
    fine += good;
    never += !good;
    if (only || getenv("KVINO_TEST_VERBOSE")) print_message("%s: %ld of %ld calls succeed\n", op->name, good, calls);
  }
  alarm(0);
  print_message("%ld calls succeed; of %ld operators none does\n", fine, never);
  if (!only) assert_in_range(fine, kvino_op_count(), SIZE_MAX); /* arguments that are all wrong would test little */
}

int main(void) {
  setenv("KVINO_LARGE_BYTES", "128", 0); /* a part of the values is computed late */
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_operator)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
