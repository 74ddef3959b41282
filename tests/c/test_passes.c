/* The graph: its passes, verifier, listing and hash. */
#include "graphs.h"

/* ---- fold ---- */

static void test_fold_known_shapes(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(2, 3, 4));
  kvino_tensor *shape = kv_shape_of(&b.s, x, (kv_output_type_attrs){.output_type = KVINO_I64});
  kvino_tensor *last = kv_gather(&b.s, shape, KV_VECTOR(&b.s, 2), kv_int(&b.s, KVINO_I64, 0), (kv_gather_attrs){0});
  kvino_tensor *target = kv_concat(&b.s, 2, (kvino_tensor *[]){KV_VECTOR(&b.s, 6), last}, (kv_axis_attrs){.axis = 0});
  result(&b, kv_reshape(&b.s, x, target, (kv_reshape_attrs){0}));
  result(&b, kv_convert(&b.s, target, (kv_convert_attrs){.destination_type = KVINO_I32}));
  kv_graph *before = kv_graph_retain(build_end(&b)), *g = after(kv_pass_dce, after(kv_pass_fold, before));
  assert_int_equal(count(g, "ShapeOf") + count(g, "Gather") + count(g, "Concat") + count(g, "Convert"), 0);
  assert_int_equal(count_steps(g), 1);
  assert_same_results(before, g, 0);
  kv_graph_release(before);
  kv_graph_release(g);
}

static void test_fold_is_bounded(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(1000, 1000));
  kvino_tensor *shape = kv_shape_of(&b.s, x, (kv_output_type_attrs){.output_type = KVINO_I64});
  kvino_tensor *ones = kv_broadcast(&b.s, kv_number(&b.s, KVINO_F32, 1), shape, (kv_broadcast_attrs){.mode = "numpy"});
  kvino_tensor *few =
      kv_broadcast(&b.s, kv_number(&b.s, KVINO_F32, 1), KV_VECTOR(&b.s, 10), (kv_broadcast_attrs){.mode = "numpy"});
  result(&b, kv_add(&b.s, x, ones));
  result(&b, ones);
  result(&b, few); /* concrete at once */
  kv_graph *before = kv_graph_retain(build_end(&b)), *g = after(kv_optimize, before);
  assert_int_equal(count(g, "ShapeOf"), 0);
  assert_int_equal(count(g, "Broadcast"), 1); /* 4 MB from 4 bytes: stays a node */
  for (size_t i = 0; i < g->n_nodes; i++)
    if (g->node[i]->constant) assert_true(g->node[i]->constant->size < 1000);
  assert_same_results(before, g, 0);
  kv_graph_release(before);
  kv_graph_release(g);
}

/* What a kernel refuses for its data stays in the graph: that error belongs to the run. */
static void test_fold_leaves_errors(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(3, 2));
  kvino_tensor *shape = kv_shape_of(&b.s, x, (kv_output_type_attrs){.output_type = KVINO_I64});
  kvino_tensor *table = constant(&b, KVINO_F32, SHAPE(2), 1);
  result(&b, kv_gather(&b.s, table, shape, kv_int(&b.s, KVINO_I64, 0), (kv_gather_attrs){0})); /* index 3 of 2 */
  kv_graph *g = after(kv_optimize, build_end(&b));
  assert_int_equal(count(g, "Gather"), 1);
  kv_graph_release(g);
}

/* ---- cse, dce ---- */

static void test_cse(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(-1, 4)), *y = parameter(&b, KVINO_F32, SHAPE(-1, 4));
  kvino_tensor *c1 = constant(&b, KVINO_F32, SHAPE(4), 5), *c2 = constant(&b, KVINO_F32, SHAPE(4), 5);
  kvino_tensor *c3 = constant(&b, KVINO_F32, SHAPE(1, 4), 5);
  assert_ptr_not_equal(c1, c2);
  result(&b, kv_add(&b.s, kv_add(&b.s, x, y), c1));
  result(&b, kv_add(&b.s, kv_add(&b.s, y, x), c2)); /* commuted, equal constant */
  result(&b, kv_subtract(&b.s, x, y));
  result(&b, kv_subtract(&b.s, y, x)); /* not commutative */
  result(&b, kv_add(&b.s, x, c3));     /* another shape */
  result(&b, kv_concat(&b.s, 2, (kvino_tensor *[]){x, y}, (kv_axis_attrs){.axis = 0}));
  result(&b, kv_concat(&b.s, 2, (kvino_tensor *[]){x, y}, (kv_axis_attrs){.axis = 1})); /* other attributes */
  kv_graph *before = kv_graph_retain(build_end(&b)), *g = after(kv_pass_cse, before);
  assert_int_equal(count(before, "Add"), 5);
  assert_int_equal(count(g, "Add"), 3);
  assert_int_equal(count(g, "Subtract"), 2);
  assert_int_equal(count(g, "Concat"), 2);
  assert_int_equal(count(g, "Constant"), 2);
  assert_ptr_equal(g->result[0].value.node, g->result[1].value.node);
  assert_same_results(before, g, 3);
  kv_graph_release(before);
  kv_graph_release(g);
}

static void test_cse_of_several_outputs(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(6, 2));
  for (int i = 0; i < 2; i++) {
    kvino_tensors v = kv_split(&b.s, x, kv_int(&b.s, KVINO_I64, 0), (kv_split_attrs){.num_splits = 3});
    result(&b, v.v[2]);
    result(&b, v.v[i]);
  }
  kv_graph *before = kv_graph_retain(build_end(&b)), *g = after(kv_pass_cse, before);
  assert_int_equal(count(g, "Split"), 1);
  assert_same_results(before, g, 0);
  kv_graph_release(before);
  kv_graph_release(g);
}

static void test_dce_keeps_parameters(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(2)), *unused = parameter(&b, KVINO_I64, SHAPE(3, -1));
  kv_add(&b.s, x, x);
  kv_squeeze(&b.s, kv_unsqueeze(&b.s, unused, KV_VECTOR(&b.s, 0)), KV_VECTOR(&b.s, 0));
  result(&b, x);
  kv_graph *g = after(kv_pass_dce, build_end(&b));
  assert_int_equal(g->n_nodes, 2);
  assert_int_equal(g->parameter[1]->out[0].dtype, KVINO_I64);
  assert_int_equal(g->parameter[1]->out[0].shape[1], -1);
  kv_graph_release(g);
}

static void test_dce_makes_constants_contiguous(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(3, 2));
  kvino_tensor *w = kv_transpose(&b.s, constant(&b, KVINO_F32, SHAPE(2, 3), 9), KV_VECTOR(&b.s, 1, 0));
  assert_false(w->contiguous);
  result(&b, kv_add(&b.s, x, w));
  kv_graph *before = kv_graph_retain(build_end(&b)), *g = after(kv_pass_dce, before);
  for (size_t i = 0; i < g->n_nodes; i++)
    if (g->node[i]->constant) assert_true(g->node[i]->constant->contiguous);
  assert_same_results(before, g, 0);
  kv_graph_release(before);
  kv_graph_release(g);
}

/* A constant that repeats its elements is not written out. */
static void test_dce_keeps_broadcasts_small(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(500, 3, 100));
  kvino_tensor *c = kv_transpose(&b.s, constant(&b, KVINO_F32, SHAPE(100, 3, 1), 9), KV_VECTOR(&b.s, 2, 1, 0));
  c = kv_broadcast(&b.s, c, KV_VECTOR(&b.s, 500, 3, 100), (kv_broadcast_attrs){.mode = "numpy"});
  assert_int_equal(c->strides[0], 0);
  result(&b, kv_add(&b.s, x, c));
  kv_graph *before = kv_graph_retain(build_end(&b)), *g = after(kv_optimize, before);
  assert_int_equal(count(g, "Broadcast"), 1);
  for (size_t i = 0; i < g->n_nodes; i++)
    if (g->node[i]->constant) assert_true(g->node[i]->constant->contiguous && g->node[i]->constant->size <= 300);
  assert_same_results(before, g, 0);
  kv_graph_release(before);
  kv_graph_release(g);
}

/* ---- simplify ---- */

typedef kvino_tensor *(*chain)(kv_scope *s, kvino_tensor *x);

/* The chain on x (f32 of this shape) must come out as this many steps, and compute the same. */
static void check_chain(const char *what, chain f, int rank, const int64_t *shape, int steps) {
  build b;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F32, rank, shape);
  result(&b, f(&b.s, x));
  kv_graph *before = kv_graph_retain(build_end(&b)), *g = after(kv_optimize, before);
  if (count_steps(g) != steps) {
    print_graph(g);
    fail_msg("%s: %d steps, not %d", what, count_steps(g), steps);
  }
  assert_same_results(before, g, 3);
  kv_graph_release(before);
  kv_graph_release(g);
}
#define CHECK_CHAIN(f, steps, ...) check_chain(#f, f, SHAPE(__VA_ARGS__), steps)

static const kv_reshape_attrs PLAIN = {.special_zero = false};
static kvino_tensor *twice_transposed(kv_scope *s, kvino_tensor *x) {
  return kv_transpose(s, kv_transpose(s, x, KV_VECTOR(s, 2, 0, 1)), KV_VECTOR(s, 1, 2, 0));
}
static kvino_tensor *transposes_joined(kv_scope *s, kvino_tensor *x) {
  return kv_transpose(s, kv_transpose(s, x, KV_VECTOR(s, 2, 0, 1)), KV_VECTOR(s, 0, 2, 1));
}
static kvino_tensor *transpose_identity(kv_scope *s, kvino_tensor *x) {
  return kv_transpose(s, x, KV_VECTOR(s, 0, 1, -1));
}
static kvino_tensor *reversed_twice(kv_scope *s, kvino_tensor *x) {
  kvino_tensor *none = kv_vector(s, 0, NULL);
  return kv_transpose(s, kv_transpose(s, x, none), none);
}
static kvino_tensor *reshapes(kv_scope *s, kvino_tensor *x) {
  return kv_reshape(s, kv_reshape(s, x, KV_VECTOR(s, 4, -1), PLAIN), KV_VECTOR(s, 2, -1), PLAIN);
}
static kvino_tensor *reshaped_back(kv_scope *s, kvino_tensor *x) {
  return kv_reshape(s, kv_reshape(s, x, KV_VECTOR(s, -1), PLAIN), KV_VECTOR(s, -1, 3, 4), PLAIN);
}
static kvino_tensor *squeezed(kv_scope *s, kvino_tensor *x) {
  return kv_squeeze(s, kv_unsqueeze(s, x, KV_VECTOR(s, 1, -1)), KV_VECTOR(s, -1, 1));
}
static kvino_tensor *squeezed_elsewhere(kv_scope *s, kvino_tensor *x) {
  return kv_unsqueeze(s, kv_squeeze(s, kv_unsqueeze(s, x, KV_VECTOR(s, 0)), KV_VECTOR(s, 0)), KV_VECTOR(s, 2));
}
static kvino_tensor *batch_kept(kv_scope *s, kvino_tensor *x) { /* reshape(x, (shape(x)[0], 12)) */
  kvino_tensor *shape = kv_shape_of(s, x, (kv_output_type_attrs){.output_type = KVINO_I64});
  kvino_tensor *n = kv_gather(s, shape, kv_int(s, KVINO_I64, 0), kv_int(s, KVINO_I64, 0), (kv_gather_attrs){0});
  kvino_tensor *parts[2] = {kv_unsqueeze(s, n, KV_VECTOR(s, 0)), KV_VECTOR(s, 12)};
  return kv_reshape(s, x, kv_concat(s, 2, parts, (kv_axis_attrs){.axis = 0}), PLAIN);
}
static kvino_tensor *batch_moved(kv_scope *s, kvino_tensor *x) { /* reshape(x, (12, shape(x)[0])) */
  kvino_tensor *shape = kv_shape_of(s, x, (kv_output_type_attrs){.output_type = KVINO_I64});
  kvino_tensor *n = kv_slice(s, 4, (kvino_tensor *[]){shape, KV_VECTOR(s, 0), KV_VECTOR(s, 1), KV_VECTOR(s, 1)});
  kvino_tensor *parts[2] = {KV_VECTOR(s, 12), n};
  return kv_reshape(s, x, kv_concat(s, 2, parts, (kv_axis_attrs){.axis = 0}), PLAIN);
}
static kvino_tensor *batch_of_another(kv_scope *s, kvino_tensor *x) { /* the length is not one of the operand's own */
  kvino_tensor *shape = kv_shape_of(s, x, (kv_output_type_attrs){.output_type = KVINO_I64});
  kvino_tensor *n = kv_gather(s, shape, KV_VECTOR(s, 0), kv_int(s, KVINO_I64, 0), (kv_gather_attrs){0});
  kvino_tensor *parts[2] = {KV_VECTOR(s, 4), n};
  return kv_reshape(s, kv_add(s, x, x), kv_concat(s, 2, parts, (kv_axis_attrs){.axis = 0}), PLAIN);
}
static kvino_tensor *converted(kv_scope *s, kvino_tensor *x) {
  x = kv_convert(s, x, (kv_convert_attrs){.destination_type = KVINO_F64});
  return kv_convert(s, x, (kv_convert_attrs){.destination_type = KVINO_F32});
}
static kvino_tensor *converted_with_loss(kv_scope *s, kvino_tensor *x) {
  x = kv_convert(s, x, (kv_convert_attrs){.destination_type = KVINO_U8});
  return kv_convert(s, x, (kv_convert_attrs){.destination_type = KVINO_F32});
}
static kvino_tensor *neutral(kv_scope *s, kvino_tensor *x) {
  kvino_tensor *one = kv_number(s, KVINO_F32, 1), *zero = kv_number(s, KVINO_F32, 0),
               *minus = kv_number(s, KVINO_F32, -0.0);
  x = kv_multiply(s, one, kv_divide(s, kv_multiply(s, x, one), one));
  return kv_add(s, kv_add(s, minus, kv_subtract(s, x, zero)), minus);
}
static kvino_tensor *plus_zero(kv_scope *s, kvino_tensor *x) {
  return kv_add(s, x, kv_number(s, KVINO_F32, 0));
} /* -0 + 0 is 0 */
static kvino_tensor *neutral_but_wider(kv_scope *s, kvino_tensor *x) {
  kvino_tensor *ones =
      kv_broadcast(s, kv_number(s, KVINO_F32, 1), KV_VECTOR(s, 5, 1, 1, 1), (kv_broadcast_attrs){.mode = "numpy"});
  return kv_multiply(s, x, ones);
}
static kvino_tensor *nothing_moved(kv_scope *s, kvino_tensor *x) {
  kvino_tensor *zeros = KV_VECTOR(s, 0, 0, 0), *one = KV_VECTOR(s, 1);
  x = kv_pad(s, 3, (kvino_tensor *[]){x, zeros, zeros}, (kv_pad_attrs){.pad_mode = "constant"});
  x = kv_slice(s, 5, (kvino_tensor *[]){x, KV_VECTOR(s, 0), KV_VECTOR(s, 100), one, KV_VECTOR(s, 1)});
  x = kv_tile(s, x, KV_VECTOR(s, 1, 1, 1));
  x = kv_concat(s, 1, &x, (kv_axis_attrs){.axis = 1});
  x = kv_identity(s, x);
  return kv_broadcast(s, x, KV_VECTOR(s, 2, 3, 4), (kv_broadcast_attrs){.mode = "numpy"});
}
static kvino_tensor *flipped(kv_scope *s, kvino_tensor *x) { /* the whole, but backwards */
  return kv_slice(s, 5,
                  (kvino_tensor *[]){x, KV_VECTOR(s, -1), KV_VECTOR(s, INT64_MIN), KV_VECTOR(s, -1), KV_VECTOR(s, 1)});
}

static void test_simplify(void **state) {
  (void)state;
  CHECK_CHAIN(twice_transposed, 0, 2, 3, 4);
  CHECK_CHAIN(transposes_joined, 1, 2, 3, 4);
  CHECK_CHAIN(transpose_identity, 0, 2, 3, 4);
  CHECK_CHAIN(reversed_twice, 0, 2, 3, 4);
  CHECK_CHAIN(reshapes, 1, 2, 3, 4);
  CHECK_CHAIN(reshapes, 1, -1, 4);
  CHECK_CHAIN(reshaped_back, 0, -1, 3, 4);
  CHECK_CHAIN(reshaped_back, 0, 3, 3, 4);
  CHECK_CHAIN(reshaped_back, 1, 3, 4, 3);
  CHECK_CHAIN(squeezed, 0, -1, -1, 4);
  CHECK_CHAIN(squeezed_elsewhere, 1, 2, 5);
  CHECK_CHAIN(batch_kept, 1, -1, 3, 4);
  CHECK_CHAIN(batch_moved, 1, -1, 3, 4);
  CHECK_CHAIN(batch_of_another, 5, -1, 4);
  CHECK_CHAIN(converted, 0, 2, 3);
  CHECK_CHAIN(converted_with_loss, 2, 2, 3);
  CHECK_CHAIN(neutral, 0, -1, 3);
  CHECK_CHAIN(plus_zero, 1, 3);
  CHECK_CHAIN(neutral_but_wider, 1, 3);
  CHECK_CHAIN(nothing_moved, 0, 2, 3, 4);
  CHECK_CHAIN(flipped, 1, 2, 3, 4);
}

/* ---- rewriting in general ---- */

static kvino_tensors subtract_for_add(kv_scope *s, kv_rewriter *w, const kv_node *node, kvino_tensor *const *in) {
  (*(int *)w->context)++;
  if (node->prim->id != KV_Add) return KV_KEEP;
  return kv_one(s, kv_subtract(s, in[0], in[1]));
}

static kvino_tensors wrong_dtype(kv_scope *s, kv_rewriter *w, const kv_node *node, kvino_tensor *const *in) {
  (void)w;
  if (node->prim->id != KV_Add) return KV_KEEP;
  return kv_one(s, kv_convert(s, in[0], (kv_convert_attrs){.destination_type = KVINO_F64}));
}

static void test_rewrite_rule(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(2)), *y = parameter(&b, KVINO_F32, SHAPE(2));
  result(&b, kv_add(&b.s, x, y));
  result(&b, constant(&b, KVINO_F32, SHAPE(2), 1));
  kv_graph *g = build_end(&b), *out = NULL;
  int calls = 0;
  OK(kv_rewrite(g, subtract_for_add, &calls, &out, ERR));
  assert_int_equal(calls, 2); /* the Add and the Constant, no Parameter */
  assert_int_equal(count(out, "Subtract"), 1);
  assert_int_equal(count(out, "Add"), 0);
  assert_int_equal(count(g, "Add"), 1); /* the old graph is as it was */
  kv_graph_release(out);
  out = NULL;
  kvino_error err = {0};
  assert_int_equal(kv_rewrite(g, wrong_dtype, NULL, &out, &err), KVINO_INVALID);
  assert_null(out);
  assert_string_equal(err.text, "rewriting Add: output 0 became float64(2,), was float32(2,)");
  kv_graph_release(g);
}

/* Every allocation may fail: no leak (under the sanitizer), the output untouched. */
static void test_short_of_memory(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(-1, 4, 4, 2));
  kvino_tensor *y =
      kv_transpose(&b.s, kv_add(&b.s, x, constant(&b, KVINO_F32, SHAPE(2), 3)), KV_VECTOR(&b.s, 0, 3, 1, 2));
  result(&b, kv_transpose(&b.s, kv_multiply(&b.s, y, y), KV_VECTOR(&b.s, 0, 2, 3, 1)));
  kv_graph *g = build_end(&b);
  for (long n = 0;; n++) {
    kv_graph *mark = (kv_graph *)(uintptr_t)0x10, *out = mark;
    kvino_error err = {0};
    kv_fail_after(n);
    kvino_status status = kv_optimize(g, &out, &err);
    kv_fail_after(-1);
    if (!status) {
      kv_graph_release(out);
      assert_true(n > 50);
      break;
    }
    assert_int_equal(status, KVINO_NO_MEMORY);
    assert_int_equal(err.status, KVINO_NO_MEMORY);
    assert_ptr_equal(out, mark);
  }
  kv_graph_release(g);
}

/* Time must grow with the graph, not with its square. */
static void test_large_graph(void **state) {
  (void)state;
  enum { N = 30000 };
  kv_graph *g = NULL, *out = NULL;
  kvino_tensor *x = NULL;
  OK(kv_graph_new(&g, ERR));
  OK(kv_graph_parameter(g, KVINO_F32, SHAPE(-1, 3), "x", &x, ERR));
  for (int i = 0; i < N; i++) {
    kv_scope s;
    kv_scope_enter(&s, NULL);
    kvino_tensor *y = kv_add(&s, x, kv_number(&s, KVINO_F32, i)), *next = NULL;
    assert_int_equal(kv_scope_leave(&s, y, &next), KVINO_OK);
    kvino_tensor_release(x);
    x = next;
  }
  OK(kv_graph_result(g, x, NULL, ERR));
  kvino_tensor_release(x);
  OK(kv_optimize(g, &out, ERR));
  assert_int_equal(count_steps(out), N);
  OK(kv_graph_verify(out, ERR));
  kv_graph_release(g);
  kv_graph_release(out);
}

/* ---- verifier ---- */

static kv_graph *sample(void) {
  build b;
  build_begin(&b);
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(-1, 4));
  kvino_tensor *shape = kv_shape_of(&b.s, x, (kv_output_type_attrs){.output_type = KVINO_I64});
  result(&b, kv_add(&b.s, x, kv_number(&b.s, KVINO_F32, 0.5)));
  result(&b, shape);
  return build_end(&b);
}

static void refused(kv_graph *g, const char *words) {
  kvino_error err = {0};
  assert_int_equal(kv_graph_verify(g, &err), KVINO_INVALID);
  if (!strstr(err.text, words)) fail_msg("'%s' does not say '%s'", err.text, words);
}

static void test_verify(void **state) {
  (void)state;
  kv_graph *g = sample();
  kv_node *add = g->result[0].value.node, *shape = g->result[1].value.node;
  const kv_edge edge = add->in[0];
  const int64_t dim = add->out[0].shape[1];
  OK(kv_graph_verify(g, ERR));

  add->in[0] = (kv_edge){add, 0};
  refused(g, "(Add): operand 0 (%3) does not stand before it");
  add->in[0] = (kv_edge){edge.node, 1};
  refused(g, "operand 0 is output 1 of %0, which has 1");
  kv_graph *other = sample();
  add->in[0] = other->result[0].value;
  refused(g, "operand 0 belongs to another graph");
  kv_graph_release(other);
  add->in[0] = edge;

  add->n_in = 1;
  refused(g, "has 1 operands, not 2");
  add->n_in = 2;
  add->out[0].shape[1] = 5;
  refused(g, "output 0 is float32(None, 5) where infer says float32(None, 4)");
  add->out[0].shape[1] = -7;
  refused(g, "dimension 1 is -7");
  add->out[0].shape[1] = dim;
  add->out[0].dtype = KVINO_F64;
  refused(g, "float64(None, 4) where infer says float32(None, 4)");
  add->out[0].dtype = KVINO_F32;
  shape->out[0].known[1] = 3;
  refused(g, "(ShapeOf): known values differ");
  shape->out[0].known[1] = 4;
  shape->attrs.output_type.output_type = KVINO_F32;
  refused(g, "infer refuses its operands: the output_type of ShapeOf is int32 or int64, not float32");
  shape->attrs.output_type.output_type = KVINO_I64;

  kv_node *constant = add->in[1].node;
  kvino_tensor *c = constant->constant;
  constant->constant = NULL;
  refused(g, "(Constant): has no value");
  constant->constant = c;
  g->n_parameters = 0;
  refused(g, "(Parameter): is not among the graph's parameters");
  g->n_parameters = 1;
  g->result[0].value.output = 1;
  refused(g, "result 0 is output 1 of 1");
  g->result[0].value.output = 0;
  add->id = 1;
  refused(g, "is not where its number says (3)");
  add->id = 3;
  OK(kv_graph_verify(g, ERR));
  kv_graph_release(g);
}

/* ---- listing ---- */

static void test_dump(void **state) {
  (void)state;
  kv_graph *g = NULL;
  build b;
  build_begin(&b);
  kvino_tensor *x = NULL;
  OK(kv_graph_parameter(b.g, KVINO_F32, SHAPE(-1, 4), "in\"put\n", &x, ERR));
  kv_own(&b.s, x);
  kvino_tensors v = kv_split(&b.s, x, kv_int(&b.s, KVINO_I64, 1), (kv_split_attrs){.num_splits = 2});
  kvino_tensor *y = kv_add(&b.s, v.v[1], kv_number(&b.s, KVINO_F32, 0.1));
  OK(kv_graph_result(b.g, y, "y", ERR));
  OK(kv_graph_result(b.g, v.v[0], NULL, ERR));
  OK(kv_graph_result(b.g, KV_VECTOR(&b.s, 1, 2, 3, 4, 5, 6, 7, 8, 9), NULL, ERR));
  g = build_end(&b);
  char *text = NULL;
  OK(kvino_graph_dump(g, &text, ERR));
  assert_string_equal(text, "%0: f32[?, 4] = Parameter \"in\\\"put\\x0a\"\n"
                            "%1: i64[] = Constant 1\n"
                            "%2: f32[?, 2], f32[?, 2] = Split(%0, %1) num_splits=2\n"
                            "%3: f32[] = Constant 0.1\n"
                            "%4: f32[?, 2] = Add(%2.1, %3)\n"
                            "%5: i64[9] = Constant {1, 2, 3, 4, 5, 6, 7, 8, ...}\n"
                            "result \"y\": %4\n"
                            "result: %2.0\n"
                            "result: %5\n");
  kvino_text_free(text);
  kv_graph_release(g);
}

/* ---- hash ---- */

typedef struct variant {
  kvino_dtype dtype;
  int64_t dim, axis, element;
  bool swapped, named, view;
} variant;

static void hash_of(variant v, uint64_t hash[2]) {
  build b;
  build_begin(&b);
  kvino_tensor *x = NULL, *y = parameter(&b, v.dtype, SHAPE(-1, v.dim));
  OK(kv_graph_parameter(b.g, v.dtype, SHAPE(-1, v.dim), v.named ? "named" : "x", &x, ERR));
  kv_own(&b.s, x);
  kvino_tensor *list[2] = {v.swapped ? x : y, v.swapped ? y : x};
  kvino_tensor *c = constant(&b, v.dtype, SHAPE(3000, v.dim), 1);
  if (v.element >= 0) ((uint8_t *)c->data)[v.element] ^= 1;
  if (v.view) { /* the same contents, columns first in memory */
    kvino_tensor *t = kv_transpose(&b.s, c, KV_VECTOR(&b.s, 1, 0)), *dense = NULL;
    OK(kvino_tensor_contiguous(t, &dense, ERR));
    c = kv_transpose(&b.s, kv_own(&b.s, dense), KV_VECTOR(&b.s, 1, 0));
    assert_false(c->contiguous);
  }
  result(&b, kv_concat(&b.s, 2, list, (kv_axis_attrs){.axis = v.axis}));
  result(&b, c);
  kv_graph *g = build_end(&b);
  kv_graph_hash(g, hash);
  kv_graph_release(g);
}

static void test_hash(void **state) {
  (void)state;
  const variant plain = {KVINO_F32, 4, 1, -1, false, false, false};
  variant others[] = {plain, plain, plain, plain, plain, plain, plain, plain};
  uint64_t a[2], h[9][2];
  others[0].dtype = KVINO_I32;
  others[1].dim = 5;
  others[2].axis = 0;
  others[3].element = 0;
  others[4].element = 47999; /* the last byte */
  others[5].swapped = true;
  others[6].named = true;
  others[7].element = 24000;
  hash_of(plain, a);
  hash_of(plain, h[8]);
  assert_memory_equal(a, h[8], sizeof a);
  variant view = plain;
  view.view = true;
  hash_of(view, h[8]);
  assert_memory_equal(a, h[8], sizeof a);
  for (int i = 0; i < 8; i++) hash_of(others[i], h[i]);
  for (int i = 0; i < 9; i++)
    for (int k = 0; k < i; k++) {
      assert_int_not_equal(h[i][0], h[k][0]); /* each half by itself */
      assert_int_not_equal(h[i][1], h[k][1]);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_fold_known_shapes),
      cmocka_unit_test(test_fold_is_bounded),
      cmocka_unit_test(test_fold_leaves_errors),
      cmocka_unit_test(test_cse),
      cmocka_unit_test(test_cse_of_several_outputs),
      cmocka_unit_test(test_dce_keeps_parameters),
      cmocka_unit_test(test_dce_makes_constants_contiguous),
      cmocka_unit_test(test_dce_keeps_broadcasts_small),
      cmocka_unit_test(test_simplify),
      cmocka_unit_test(test_rewrite_rule),
      cmocka_unit_test(test_short_of_memory),
      cmocka_unit_test(test_large_graph),
      cmocka_unit_test(test_verify),
      cmocka_unit_test(test_dump),
      cmocka_unit_test(test_hash),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
