/* Every interval function (INTERVAL in a primitive's line): operands are drawn inside of drawn intervals, and what the
 * native kernels compute lies in the interval that the function gives. A primitive that has one and no example fails.
 */
#include "graphs.h"
#include "openvino/interval.h"
#include "prim/prim.h"

/* How an operand is made. */
typedef enum kind {
  NOTHING,
  VALUES,   /* of a drawn interval; the dtype under test */
  PLACES,   /* int64, from the first number to before the second */
  SCALAR,   /* VALUES, 0-d */
  LIST,     /* constant int64, 1-D */
  NUMBER,   /* constant int64, 0-d */
  CONDITION /* bool */
} kind;

typedef struct operand {
  kind kind;
  int rank;
  int64_t n[3]; /* shape, or elements */
  int64_t low, high;
} operand;

typedef struct example {
  operand in[5];
  kv_attrs attrs;
} example;

#define X(...)                                                                                                         \
  { VALUES, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), {__VA_ARGS__}, 0, 0 }
#define TRUTH(...)                                                                                                     \
  { CONDITION, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), {__VA_ARGS__}, 0, 0 }
#define AT(from, to, ...)                                                                                              \
  { PLACES, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), {__VA_ARGS__}, from, to }
#define ONES                                                                                                           \
  { SCALAR, 0, {0}, 0, 0 }
#define AXES(...)                                                                                                      \
  { LIST, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), {__VA_ARGS__}, 0, 0 }
#define AXIS(i)                                                                                                        \
  { NUMBER, 0, {i}, 0, 0 }
#define NO_ATTRIBUTES                                                                                                  \
  {                                                                                                                    \
    .none = { 0 }                                                                                                      \
  }
#define BINARY                                                                                                         \
  { {X(2, 3), X(3)}, NO_ATTRIBUTES }
#define UNARY                                                                                                          \
  { {X(7)}, NO_ATTRIBUTES }

static const example examples[KV_PRIM_COUNT] = {
    [KV_Add] = BINARY,
    [KV_Subtract] = BINARY,
    [KV_Multiply] = BINARY,
    [KV_SquaredDifference] = BINARY,
    [KV_Maximum] = BINARY,
    [KV_Minimum] = BINARY,
    [KV_FMax] = BINARY,
    [KV_FMin] = BINARY,
    [KV_Divide] = BINARY,
    [KV_FloorDivide] = BINARY,
    [KV_Mod] = BINARY,
    [KV_FloorMod] = BINARY,
    [KV_BitwiseAnd] = BINARY,
    [KV_BitwiseOr] = BINARY,
    [KV_BitwiseXor] = BINARY,
    [KV_Abs] = UNARY,
    [KV_Negative] = UNARY,
    [KV_Sign] = UNARY,
    [KV_ReLU] = UNARY,
    [KV_Ceiling] = UNARY,
    [KV_Floor] = UNARY,
    [KV_Trunc] = UNARY,
    [KV_Round] = UNARY,
    [KV_Clamp] = {{X(7)}, {.clamp = {.min = -3, .max = 300}}}, /* and others: draw_attributes */
    [KV_Convert] = {{X(7)}, {.convert = {.destination_type = KVINO_I32}}},
    [KV_Select] = {{TRUTH(2, 3), X(3), X(2, 1)}, NO_ATTRIBUTES},
    [KV_Identity] = UNARY,
    [KV_StopGradient] = UNARY,
    [KV_Reshape] = {{X(2, 3), AXES(3, 2)}, NO_ATTRIBUTES},
    [KV_Squeeze] = {{X(2, 1), AXES(1)}, NO_ATTRIBUTES},
    [KV_Unsqueeze] = {{X(2, 3), AXES(1)}, NO_ATTRIBUTES},
    [KV_Transpose] = {{X(2, 3), AXES(1, 0)}, NO_ATTRIBUTES},
    [KV_Broadcast] = {{X(3), AXES(2, 3)}, {.broadcast = {.mode = "numpy"}}},
    [KV_Tile] = {{X(3), AXES(2)}, NO_ATTRIBUTES},
    [KV_Concat] = {{X(2, 3), X(1, 3), X(2, 3)}, {.axis = {.axis = 0}}},
    [KV_Split] = {{X(2, 4), AXIS(1)}, {.split = {.num_splits = 2}}},
    [KV_VariadicSplit] = {{X(2, 4), AXIS(1), AXES(1, 3)}, NO_ATTRIBUTES},
    [KV_Slice] = {{X(5), AXES(0), AXES(4), AXES(2)}, NO_ATTRIBUTES},
    [KV_SliceScatter] = {{X(5), X(2), AXES(0), AXES(4), AXES(2)}, NO_ATTRIBUTES},
    [KV_Pad] = {{X(5), AXES(1), AXES(2), ONES}, {.pad = {.pad_mode = "constant"}}},
    [KV_Roll] = {{X(5), AXES(2), AXES(0)}, NO_ATTRIBUTES},
    [KV_ReverseSequence] = {{X(3, 4), AT(1, 4, 3)}, {.reverse_sequence = {.batch_axis = 0, .seq_axis = 1}}},
    [KV_DepthToSpace] = {{X(4, 1, 1)}, {.depth_space = {.block_size = 1, .mode = "blocks_first"}}},
    [KV_SpaceToDepth] = {{X(4, 1, 1)}, {.depth_space = {.block_size = 1, .mode = "blocks_first"}}},
    [KV_ShapeOf] = {{X(2, 3)}, {.output_type = {.output_type = KVINO_I64}}},
    [KV_NonZero] = {{X(2, 3)}, {.output_type = {.output_type = KVINO_I64}}},
    [KV_Gather] = {{X(4), AT(-4, 4, 3), AXIS(0)}, NO_ATTRIBUTES},
    [KV_GatherElements] = {{X(4), AT(-4, 4, 3)}, {.axis = {.axis = 0}}},
    [KV_GatherND] = {{X(4), AT(-4, 4, 3, 1)}, NO_ATTRIBUTES},
    [KV_ScatterUpdate] = {{X(4), AT(0, 4, 2), X(2), AXIS(0)}, NO_ATTRIBUTES},
    [KV_ScatterElementsUpdate] = {{X(4), AT(0, 4, 2), X(2), AXIS(0)}, {.scatter = {.reduction = "max"}}},
    [KV_ScatterNDUpdate] = {{X(4), AT(0, 4, 2, 1), X(2)}, {.scatter_nd = {.reduction = "min"}}},
    [KV_Require] = {{X(3), {CONDITION, 0, {0}, 0, 0}}, NO_ATTRIBUTES},
    [KV_SegmentMax] = {{X(4, 2), AT(-1, 4, 4), AXIS(3)}, {.segment = {.fill_mode = "lowest"}}},
    [KV_HashBuckets] = {{X(7)}, {.hash = {.bins = 5}}},
    [KV_HashedCross] = {{X(4), X(4)}, {.hash = {.bins = 7}}},
    [KV_HashTable] = {{AT(-(1LL << 40), 1LL << 40, 5)}, NO_ATTRIBUTES},
    [KV_Lookup] = {{AT(0, 9, 4), AXES(5), AXES(-1, -1)}, NO_ATTRIBUTES}, /* a table in which every slot is free */
    [KV_OneHot] = {{AT(0, 3, 4), AXIS(3), ONES, ONES}, {.one_hot = {.axis = -1}}},
    [KV_Eye] = {{AXIS(3), AXIS(4), AXIS(1)}, {.output_type = {.output_type = KVINO_I32}}},
    [KV_Range] = {{AT(-9, 9), AT(-99, 99), AXIS(3)}, {.output_type = {.output_type = KVINO_I8}}},
    [KV_CumSum] = {{X(2, 3), AXIS(1)}, NO_ATTRIBUTES},
    [KV_TopK] = {{X(2, 5), AXIS(3)},
                 {.topk = {.axis = 1, .mode = "max", .sort = "value", .index_element_type = KVINO_I64}}},
    [KV_Sort] = UNARY,
    [KV_Unique] = {{X(7)},
                   {.unique = {.sorted = true, .index_element_type = KVINO_I64, .count_element_type = KVINO_I64}}},
    [KV_SearchSorted] = {{X(1), X(4)}, {.search_sorted = {.output_type = KVINO_I64}}},
    [KV_Bucketize] = {{X(4), X(1)}, {.bucketize = {.output_type = KVINO_I64}}},
    [KV_ReduceSum] = {{X(2, 3), AXES(1)}, NO_ATTRIBUTES},
    [KV_ReduceProd] = {{X(2, 3), AXES(1)}, NO_ATTRIBUTES},
    [KV_ReduceMax] = {{X(2, 3), AXES(1)}, NO_ATTRIBUTES},
    [KV_ReduceMin] = {{X(2, 3), AXES(1)}, NO_ATTRIBUTES},
    [KV_ReduceArgMax] = {{X(2, 3), AXES(0, 1)}, {.reduce_index = {.output_type = KVINO_I64}}},
    [KV_ReduceArgMin] = {{X(2, 3), AXES(1)}, {.reduce_index = {.output_type = KVINO_I32}}},
    [KV_CountNonZero] = {{X(2, 3), AXES(1)}, {.reduce_index = {.output_type = KVINO_I64}}},
    [KV_UnpackInt4] = {{X(3, 2)}, {.unpack = {.axis = 0, .length = 5}}},
    [KV_MatMulInteger] = {{X(2, 3), X(3, 2)}, NO_ATTRIBUTES},
    [KV_MatMul] = {{X(2, 3), X(3, 2)}, NO_ATTRIBUTES},
};

/* ---- drawing ---- */

static uint64_t seed = 20261130;

static uint64_t draw(void) { /* splitmix64 */
  uint64_t z = (seed += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/* Numbers near where something happens, saturated into the dtype. */
static int64_t draw_number(kvino_dtype dtype) {
  static const int64_t some[] = {0,         1,          2,         3,         10,        100,       127,
                                 128,       255,        32767,     65535,     1 << 24,   INT32_MAX, 1LL << 31,
                                 1LL << 32, 5000000000, 1LL << 62, INT64_MAX, INT32_MIN, INT8_MIN,  INT64_MIN};
  kv_interval all = kv_interval_of_dtype(dtype);
  int64_t v = some[draw() % (sizeof some / sizeof *some)];
  if (draw() % 2 && v != INT64_MIN) v = -v;
  if (draw() % 4 == 0) v = (int64_t)(draw() >> draw() % 64);
  return v < all.low ? all.low : v > all.high ? all.high : v;
}

static kv_interval draw_interval(kvino_dtype dtype) {
  int64_t a = draw_number(dtype), b = draw() % 4 ? draw_number(dtype) : a;
  return (kv_interval){a < b ? a : b, a < b ? b : a};
}

/* Unsigned numbers beyond int64 belong to its end. */
static uint64_t draw_within(kvino_dtype dtype, kv_interval i) {
  uint64_t span = (uint64_t)i.high - (uint64_t)i.low, pick = draw() % 4;
  if (dtype == KVINO_U64 && i.high == INT64_MAX && pick == 0) return UINT64_MAX - draw() % 3;
  if (pick == 1) return (uint64_t)i.low;
  if (pick == 2) return (uint64_t)i.high;
  return (uint64_t)i.low + (span == UINT64_MAX ? draw() : draw() % (span + 1));
}

static kvino_tensor *tensor_of(kvino_dtype dtype, int rank, const int64_t *shape, kv_interval i) {
  kvino_tensor *t = NULL;
  OK(kv_tensor_empty(dtype, rank, shape, &t, ERR));
  size_t size = kvino_dtype_size(dtype);
  for (int64_t k = 0; k < t->size; k++) {
    uint64_t v = draw_within(dtype, i);
    memcpy(t->data + (size_t)k * size, &v, size); /* little-endian */
  }
  return t;
}

/* The operand's values; its interval goes to *i. NULL: there is none. */
static kvino_tensor *make(const operand *o, kvino_dtype dtype, kv_interval *i) {
  kvino_tensor *t = NULL;
  switch (o->kind) {
  case NOTHING:
    return NULL;
  case VALUES:
  case SCALAR:
    *i = draw_interval(dtype);
    return tensor_of(dtype, o->rank, o->n, *i);
  case CONDITION:
    *i = (kv_interval){0, 1};
    return tensor_of(KVINO_BOOL, o->rank, o->n, *i);
  case PLACES:
    *i = (kv_interval){o->low, o->high - 1};
    return tensor_of(KVINO_I64, o->rank, o->n, *i);
  default:
    OK(kv_tensor_ints(o->kind == LIST ? o->rank : 1, o->n, &t, ERR));
    if (o->kind == NUMBER) t->rank = 0;
    *i = kv_interval_of_tensor(t);
    return t;
  }
}

static void draw_attributes(kv_prim_id id, kv_attrs *a) {
  static const kvino_dtype dtypes[] = {KVINO_BOOL, KVINO_U8, KVINO_I8, KVINO_U32, KVINO_I32, KVINO_U64, KVINO_I64};
  if (id == KV_Convert) a->convert.destination_type = dtypes[draw() % (sizeof dtypes / sizeof *dtypes)];
  if (id == KV_Clamp) {
    a->clamp.min = (double)draw_number(KVINO_I64);
    a->clamp.max = (double)draw_number(KVINO_I64) + 0.5;
  }
  if (id == KV_ScatterElementsUpdate || id == KV_ScatterNDUpdate) {
    static const char *const how[] = {"none", "sum", "max", "min"};
    a->scatter.reduction = how[draw() % 4];
  }
  if (id == KV_CumSum) a->cumsum.exclusive = draw() % 2;
}

/* ---- trying ---- */

static int64_t element(const kvino_tensor *t, int64_t k) {
  int64_t v = kv_tensor_get_int(t, k);
  return t->dtype == KVINO_U64 && v < 0 ? INT64_MAX : v;
}

static void compare(const kv_prim *prim, kvino_dtype dtype, const kv_node *node, const kv_interval *in,
                    const kvino_tensors *out) {
  for (uint32_t i = 0; i < node->n_out; i++) {
    kvino_tensor *y = NULL;
    if (!kvino_dtype_is_integer(node->out[i].dtype)) continue;
    kv_interval of_prim = prim->interval(&(kv_bounds){node, i, in}), of_node = kv_interval_of_output(node, i, in);
    OK(kvino_tensor_contiguous(out->v[i], &y, ERR));
    for (int64_t k = 0; k < y->size; k++) {
      int64_t v = element(y, k);
      if (v >= of_prim.low && v <= of_prim.high && v >= of_node.low && v <= of_node.high) continue;
      fail_msg("%s of %s, output %u: %lld is not in [%lld, %lld] and [%lld, %lld]; operands [%lld, %lld], [%lld, %lld]",
               prim->name, kvino_dtype_name(dtype), i, (long long)v, (long long)of_prim.low, (long long)of_prim.high,
               (long long)of_node.low, (long long)of_node.high, (long long)in[0].low, (long long)in[0].high,
               (long long)(node->n_in > 1 ? in[1].low : 0), (long long)(node->n_in > 1 ? in[1].high : 0));
    }
    kvino_tensor_release(y);
  }
}

/* One draw, with dimensions known or not; false where the primitive refuses the dtype or the values. */
static bool try_once(const kv_prim *prim, kvino_dtype dtype, bool unknown) {
  const example *e = &examples[prim->id];
  static const int64_t open[KVINO_MAX_RANK] = {-1, -1, -1};
  kv_attrs attrs = e->attrs;
  kv_interval in[5];
  kvino_tensor *concrete[5] = {NULL}, *symbolic[5];
  size_t n = 0;
  build b;
  draw_attributes(prim->id, &attrs);
  build_begin(&b);
  for (; n < 5 && e->in[n].kind; n++) {
    concrete[n] = kv_own(&b.s, make(&e->in[n], dtype, &in[n]));
    bool constant = e->in[n].kind == LIST || e->in[n].kind == NUMBER;
    symbolic[n] = constant ? concrete[n]
                           : parameter(&b, (kvino_dtype)concrete[n]->dtype, concrete[n]->rank,
                                       unknown ? open : concrete[n]->shape);
  }
  kvino_tensors computed = kv_apply_many(&b.s, prim->id, &attrs, n, concrete), recorded = {0, NULL};
  bool done = computed.v != NULL;
  if (done) recorded = kv_apply_many(&b.s, prim->id, &attrs, n, symbolic);
  if (done && !recorded.v && !unknown) fail_msg("%s is computed and not recorded: %s", prim->name, b.err.text);
  if (recorded.v && kv_is_symbolic(recorded.v[0])) compare(prim, dtype, recorded.v[0]->node, in, &computed);
  b.s.err = NULL;
  kv_scope_leave(&b.s, NULL, &(kvino_tensor *){NULL});
  kv_graph_release(b.g);
  return done;
}

static void test_every_interval_function(void **state) {
  (void)state;
  static const kvino_dtype dtypes[] = {KVINO_BOOL, KVINO_U8,  KVINO_I8,  KVINO_U16, KVINO_I16,
                                       KVINO_U32,  KVINO_I32, KVINO_U64, KVINO_I64};
  for (int id = 0; id < KV_PRIM_COUNT; id++) {
    const kv_prim *prim = kv_prim_get((kv_prim_id)id);
    int tried = 0;
    if (!prim->interval) continue;
    if (!examples[id].in[0].kind) fail_msg("%s has an interval function and no example here", prim->name);
    for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++)
      for (int k = 0; k < 400; k++) tried += try_once(prim, dtypes[d], k % 4 == 0);
    if (tried < 400) fail_msg("%s has been tried %d times alone", prim->name, tried);
  }
}

/* OpenVINO 2025.0, the oldest that is supported, reads opset16. */
static void test_every_opset_is_read_by_all(void **state) {
  (void)state;
  for (int id = 0; id < KV_PRIM_COUNT; id++) {
    const char *opset = kv_prim_get((kv_prim_id)id)->opset;
    if (!opset) continue;
    assert_int_equal(strncmp(opset, "opset", 5), 0);
    assert_in_range(atoi(opset + 5), 1, 16);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_interval_function),
                                     cmocka_unit_test(test_every_opset_is_read_by_all)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
