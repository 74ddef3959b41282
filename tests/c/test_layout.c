/* The layout pass: channels-last networks, written as the operators write them (a Transpose before and after each
 * convolution and pool), must keep at most one Transpose at the input and one at an output of 4 dimensions; the numbers
 * must not change; and on graphs of random nodes the number of Transposes must never grow. */
#include "graphs.h"

/* ---- a channels-last network ---- */

typedef struct net {
  build b;
  uint32_t seed;
} net;

static kvino_tensor *weight(net *n, int rank, const int64_t *shape) {
  return constant(&n->b, KVINO_F32, rank, shape, ++n->seed);
}

static kvino_tensor *to_first(net *n, kvino_tensor *x) {
  if (!x) fail_msg("%s", n->b.err.text);
  return x->rank == 3   ? kv_transpose(&n->b.s, x, KV_VECTOR(&n->b.s, 0, 2, 1))
         : x->rank == 4 ? kv_transpose(&n->b.s, x, KV_VECTOR(&n->b.s, 0, 3, 1, 2))
                        : kv_transpose(&n->b.s, x, KV_VECTOR(&n->b.s, 0, 4, 1, 2, 3));
}

static kvino_tensor *to_last(net *n, kvino_tensor *x) {
  if (!x) fail_msg("%s", n->b.err.text);
  return x->rank == 3   ? kv_transpose(&n->b.s, x, KV_VECTOR(&n->b.s, 0, 2, 1))
         : x->rank == 4 ? kv_transpose(&n->b.s, x, KV_VECTOR(&n->b.s, 0, 2, 3, 1))
                        : kv_transpose(&n->b.s, x, KV_VECTOR(&n->b.s, 0, 2, 3, 4, 1));
}

static kv_ints same(int rank, int64_t v) {
  kv_ints list = {.n = rank};
  for (int i = 0; i < rank; i++) list.v[i] = v;
  return list;
}

static kv_conv_attrs windows(int rank, int64_t stride, int64_t begin, int64_t end) {
  return (kv_conv_attrs){.strides = same(rank, stride),
                         .dilations = same(rank, 1),
                         .pads_begin = same(rank, begin),
                         .pads_end = same(rank, end),
                         .auto_pad = "explicit"};
}

/* A kernel of size k in every direction, "same" for stride 1. */
static kvino_tensor *conv(net *n, kvino_tensor *x, int64_t k, int64_t channels, int64_t stride) {
  int spatial = x->rank - 2;
  int64_t shape[5], order[5] = {spatial + 1, spatial};
  for (int i = 0; i < spatial; i++) {
    shape[i] = k;
    order[2 + i] = i;
  }
  shape[spatial] = x->shape[x->rank - 1];
  shape[spatial + 1] = channels;
  kvino_tensor *w =
      kv_transpose(&n->b.s, weight(n, spatial + 2, shape), kv_vector(&n->b.s, (size_t)spatial + 2, order));
  return to_last(n, kv_convolution(&n->b.s, to_first(n, x), w, windows(spatial, stride, (k - 1) / 2, k / 2)));
}

static kvino_tensor *depthwise(net *n, kvino_tensor *x, int64_t stride, int64_t pad) {
  int64_t channels = x->shape[3];
  kvino_tensor *w = weight(n, SHAPE(channels, 1, 1, 3, 3));
  return to_last(n, kv_group_convolution(&n->b.s, to_first(n, x), w, windows(2, stride, pad, pad)));
}

static kvino_tensor *max_pool(net *n, kvino_tensor *x, int64_t k, int64_t stride) {
  kv_max_pool_attrs a = {.kernel = same(2, k),
                         .strides = same(2, stride),
                         .pads_begin = same(2, 0),
                         .pads_end = same(2, 0),
                         .rounding_type = "floor",
                         .auto_pad = "explicit"};
  return to_last(n, kv_max_pool(&n->b.s, to_first(n, x), a));
}

static kvino_tensor *bias(net *n, kvino_tensor *x, bool full) {
  int64_t shape[5] = {1, 1, 1, 1, 1};
  shape[x->rank - 1] = x->shape[x->rank - 1];
  return kv_add(&n->b.s, x, full ? weight(n, x->rank, shape) : weight(n, 1, shape + x->rank - 1));
}

static kvino_tensor *batch_norm(net *n, kvino_tensor *x) {
  int64_t c = x->shape[x->rank - 1];
  kvino_tensor *scale = kv_add(&n->b.s, weight(n, SHAPE(c)), kv_number(&n->b.s, KVINO_F32, 0.5));
  return kv_add(&n->b.s, kv_multiply(&n->b.s, kv_subtract(&n->b.s, x, weight(n, SHAPE(c))), scale),
                weight(n, SHAPE(1, 1, 1, c)));
}

/* A product of small integers grows: bring it back, so that all sums stay exact. */
static kvino_tensor *relu6(net *n, kvino_tensor *x) {
  return kv_clamp(&n->b.s, x, (kv_clamp_attrs){.min = 0, .max = 6});
}
static kvino_tensor *gate(net *n, kvino_tensor *x) {
  return kv_clamp(&n->b.s, x, (kv_clamp_attrs){.min = 0, .max = 1});
}

static kvino_tensor *pad(net *n, kvino_tensor *x) {
  kv_scope *s = &n->b.s;
  return kv_pad(s, 4,
                (kvino_tensor *[]){x, KV_VECTOR(s, 0, 0, 1, 0), KV_VECTOR(s, 0, 1, 1, 0), kv_number(s, KVINO_F32, 0)},
                (kv_pad_attrs){.pad_mode = "constant"});
}

static kvino_tensor *average(net *n, kvino_tensor *x, bool keep) {
  return kv_reduce_max(&n->b.s, x, KV_VECTOR(&n->b.s, 1, 2),
                       (kv_keep_dims_attrs){.keep_dims = keep}); /* exact in any order */
}

static kvino_tensor *dense(net *n, kvino_tensor *x, int64_t units) {
  return kv_mat_mul(&n->b.s, x, weight(n, SHAPE(x->shape[x->rank - 1], units)),
                    (kv_matmul_attrs){.transpose_b = false});
}

/* As before, and with so many Transposes (and Reshapes) left. */
static void check_net(net *n, int transposes, int reshapes) {
  kv_graph *before = build_end(&n->b), *g = after(kv_optimize, kv_graph_retain(before));
  if (count(g, "Transpose") != transposes || (reshapes >= 0 && count(g, "Reshape") != reshapes)) {
    print_graph(g);
    fail_msg("%d Transposes, %d Reshapes left of %d Transposes", count(g, "Transpose"), count(g, "Reshape"),
             count(before, "Transpose"));
  }
  assert_same_results(before, g, 2);
  kv_graph_release(before);
  kv_graph_release(g);
}

static kvino_tensor *net_begin(net *n, int rank, const int64_t *shape) {
  memset(n, 0, sizeof *n);
  build_begin(&n->b);
  return parameter(&n->b, KVINO_F32, rank, shape);
}

/* ---- networks ---- */

static kvino_tensor *inverted_residual(net *n, kvino_tensor *x, int64_t channels, int64_t stride) {
  kvino_tensor *y = relu6(n, batch_norm(n, conv(n, x, 1, 3 * x->shape[3], 1)));
  y = stride == 2 ? depthwise(n, pad(n, y), 2, 0) : depthwise(n, y, 1, 1);
  y = batch_norm(n, conv(n, relu6(n, batch_norm(n, y)), 1, channels, 1));
  y = relu6(n, y);
  return stride == 1 && channels == x->shape[3] ? kv_add(&n->b.s, x, y) : y;
}

static void mobile_net(int64_t batch) {
  net n;
  kvino_tensor *x = net_begin(&n, SHAPE(batch, 16, 16, 3));
  x = kv_subtract(&n.b.s, kv_multiply(&n.b.s, x, kv_number(&n.b.s, KVINO_F32, 2)), kv_number(&n.b.s, KVINO_F32, 1));
  x = relu6(&n, batch_norm(&n, conv(&n, pad(&n, x), 3, 4, 2)));
  x = inverted_residual(&n, x, 6, 2);
  x = inverted_residual(&n, x, 6, 1);
  x = inverted_residual(&n, x, 6, 1);
  result(&n.b, dense(&n, average(&n, relu6(&n, conv(&n, x, 1, 8, 1)), false), 5));
  check_net(&n, 1, 0);
}

static void test_mobile_net(void **state) {
  (void)state;
  mobile_net(2);
  mobile_net(-1);
}

static void test_res_net(void **state) {
  (void)state;
  for (int keep = 0; keep < 2; keep++) {
    net n;
    kvino_tensor *x = net_begin(&n, SHAPE(-1, 12, 12, 3));
    x = max_pool(&n, pad(&n, relu6(&n, batch_norm(&n, bias(&n, conv(&n, x, 3, 4, 1), true)))), 3, 2);
    kvino_tensor *side = batch_norm(&n, conv(&n, x, 1, 8, 1));
    kvino_tensor *y = batch_norm(&n, conv(&n, relu6(&n, bias(&n, conv(&n, x, 1, 4, 1), false)), 3, 8, 1));
    x = relu6(&n, kv_add(&n.b.s, side, y));
    x = relu6(&n, kv_add(&n.b.s, conv(&n, x, 3, 8, 1), x));
    x = average(&n, x, keep);
    if (keep) x = kv_reshape(&n.b.s, x, KV_VECTOR(&n.b.s, -1, 8), (kv_reshape_attrs){.special_zero = false});
    result(&n.b, dense(&n, x, 5));
    check_net(&n, 1, keep);
  }
}

/* Squeeze and excitation: (N, C) -> (N, 1, 1, C), two 1x1 convolutions, a gate for each channel. */
static kvino_tensor *excited(net *n, kvino_tensor *x) {
  int64_t c = x->shape[3];
  kvino_tensor *y = kv_reshape(&n->b.s, average(n, x, false), KV_VECTOR(&n->b.s, -1, 1, 1, c),
                               (kv_reshape_attrs){.special_zero = false});
  y = conv(n, y, 1, 2, 1);
  y = gate(n, bias(n, y, false));
  return kv_multiply(&n->b.s, x, gate(n, bias(n, conv(n, y, 1, c, 1), true)));
}

static void test_efficient_net(void **state) {
  (void)state;
  net n;
  kvino_tensor *x = net_begin(&n, SHAPE(-1, 8, 8, 3));
  x = relu6(&n, conv(&n, x, 3, 4, 2));
  x = conv(&n, excited(&n, x), 1, 4, 1);
  x = kv_add(&n.b.s, x, conv(&n, excited(&n, gate(&n, x)), 1, 4, 1));
  result(&n.b, average(&n, relu6(&n, x), false));
  check_net(&n, 1, 2); /* one Reshape for each excitation: (N, C) -> (N, C, 1, 1) */
}

static void test_dense_net(void **state) {
  (void)state;
  net n;
  kvino_tensor *x = net_begin(&n, SHAPE(2, 8, 8, 3));
  x = gate(&n, conv(&n, x, 3, 4, 1));
  for (int i = 0; i < 3; i++)
    x = kv_concat(&n.b.s, 2, (kvino_tensor *[]){x, gate(&n, conv(&n, relu6(&n, batch_norm(&n, x)), 3, 2, 1))},
                  (kv_axis_attrs){.axis = i % 2 ? 3 : -1});
  x = max_pool(&n, x, 2, 2);
  result(&n.b, dense(&n, average(&n, x, false), 3));
  check_net(&n, 1, 0);
}

/* An image comes out: one Transpose at the input and one at the output. */
static void test_u_net(void **state) {
  (void)state;
  net n;
  kvino_tensor *x = net_begin(&n, SHAPE(1, 8, 8, 3));
  kvino_tensor *skip = relu6(&n, conv(&n, x, 3, 4, 1)), *y = relu6(&n, conv(&n, max_pool(&n, skip, 2, 2), 3, 6, 1));
  kv_conv_backprop_attrs a = {.strides = same(2, 2),
                              .dilations = same(2, 1),
                              .pads_begin = same(2, 0),
                              .pads_end = same(2, 0),
                              .auto_pad = "explicit",
                              .output_padding = same(2, 0)};
  y = to_last(&n, kv_convolution_backprop_data(&n.b.s, to_first(&n, y), weight(&n, SHAPE(6, 4, 2, 2)), a));
  y = kv_concat(&n.b.s, 2, (kvino_tensor *[]){skip, y}, (kv_axis_attrs){.axis = 3});
  y = bias(&n, conv(&n, gate(&n, y), 3, 2, 1), false);
  result(&n.b, kv_maximum(&n.b.s, y, kv_negative(&n.b.s, y)));
  check_net(&n, 2, 0);
}

static void test_other_ranks(void **state) {
  (void)state;
  net n;
  kvino_tensor *x = net_begin(&n, SHAPE(-1, 9, 3)); /* Conv1D */
  x = relu6(&n, bias(&n, conv(&n, x, 3, 4, 1), true));
  x = gate(&n, kv_add(&n.b.s, x, conv(&n, x, 3, 4, 1)));
  result(&n.b, kv_reduce_max(&n.b.s, x, KV_VECTOR(&n.b.s, 1), (kv_keep_dims_attrs){.keep_dims = false}));
  check_net(&n, 1, 0);
  x = net_begin(&n, SHAPE(2, 4, 4, 4, 2)); /* Conv3D */
  x = relu6(&n, bias(&n, conv(&n, x, 3, 3, 1), false));
  x = gate(&n, kv_add(&n.b.s, x, conv(&n, x, 1, 3, 1)));
  result(&n.b, kv_reduce_max(&n.b.s, x, KV_VECTOR(&n.b.s, 3, 1, 2), (kv_keep_dims_attrs){.keep_dims = false}));
  check_net(&n, 1, 0);
}

/* Axis remapping one primitive at a time, between two convolutions. */
typedef kvino_tensor *(*step)(net *n, kvino_tensor *x);
static kvino_tensor *step_split(net *n, kvino_tensor *x) {
  kvino_tensors v = kv_split(&n->b.s, x, kv_int(&n->b.s, KVINO_I64, -1), (kv_split_attrs){.num_splits = 2});
  return kv_concat(&n->b.s, 2, (kvino_tensor *[]){v.v[1], v.v[0]}, (kv_axis_attrs){.axis = 3});
}
static kvino_tensor *step_variadic(net *n, kvino_tensor *x) {
  kvino_tensors v = kv_variadic_split(&n->b.s, x, kv_int(&n->b.s, KVINO_I64, 1), KV_VECTOR(&n->b.s, 1, -1));
  return kv_concat(&n->b.s, 2, (kvino_tensor *[]){v.v[1], v.v[0]}, (kv_axis_attrs){.axis = 1});
}
static kvino_tensor *step_slice(net *n, kvino_tensor *x) {
  kv_scope *s = &n->b.s;
  x = kv_slice(
      s, 5,
      (kvino_tensor *[]){x, KV_VECTOR(s, 1, -1), KV_VECTOR(s, 7, INT64_MIN), KV_VECTOR(s, 2, -1), KV_VECTOR(s, 2, 3)});
  return kv_slice(s, 4, (kvino_tensor *[]){x, KV_VECTOR(s, 0, 1), KV_VECTOR(s, 9, 6), KV_VECTOR(s, 1, 1)});
}
static kvino_tensor *step_softmax(net *n, kvino_tensor *x) {
  return gate(n, kv_softmax(&n->b.s, kv_multiply(&n->b.s, x, kv_number(&n->b.s, KVINO_F32, 1000)),
                            (kv_axis_attrs){.axis = -1}));
}
static kvino_tensor *step_gather(net *n, kvino_tensor *x) {
  kv_scope *s = &n->b.s;
  return kv_gather(s, x, KV_VECTOR(s, 3, 0, 1), kv_int(s, KVINO_I64, -1), (kv_gather_attrs){0});
}
static kvino_tensor *step_gather_one(net *n, kvino_tensor *x) { /* drops a spatial axis and puts it back */
  kv_scope *s = &n->b.s;
  x = kv_gather(s, x, kv_int(s, KVINO_I64, 2), kv_int(s, KVINO_I64, 1), (kv_gather_attrs){0});
  return kv_unsqueeze(s, x, KV_VECTOR(s, 2));
}
static kvino_tensor *step_tile(net *n, kvino_tensor *x) { return kv_tile(&n->b.s, x, KV_VECTOR(&n->b.s, 1, 2, 1, 2)); }
static kvino_tensor *step_broadcast(net *n, kvino_tensor *x) {
  kv_scope *s = &n->b.s;
  x = kv_reduce_max(s, x, KV_VECTOR(s, 3), (kv_keep_dims_attrs){.keep_dims = true});
  return kv_broadcast(s, x, KV_VECTOR(s, 2, 8, 8, 5), (kv_broadcast_attrs){.mode = "numpy"});
}
static kvino_tensor *step_roll(net *n, kvino_tensor *x) {
  kv_scope *s = &n->b.s;
  return kv_roll(s, x, KV_VECTOR(s, 1, 3), KV_VECTOR(s, 3, 1));
}
static kvino_tensor *step_cumsum(net *n, kvino_tensor *x) {
  return gate(n, kv_cum_sum(&n->b.s, x, kv_int(&n->b.s, KVINO_I64, 3), (kv_cumsum_attrs){.exclusive = true}));
}
static kvino_tensor *step_reshape(net *n, kvino_tensor *x) { /* among the spatial axes only */
  kv_scope *s = &n->b.s;
  int64_t c = x->shape[3];
  x = kv_reshape(s, x, KV_VECTOR(s, -1, 64, c), (kv_reshape_attrs){.special_zero = false});
  return kv_reshape(s, gate(n, x), KV_VECTOR(s, -1, 4, 16, c), (kv_reshape_attrs){.special_zero = false});
}
static kvino_tensor *step_select(net *n, kvino_tensor *x) {
  kv_scope *s = &n->b.s;
  kvino_tensor *some = kv_greater(s, x, weight(n, SHAPE(8, 1)));
  return kv_select(s, some, x, weight(n, SHAPE(8, 1, 4)));
}
static kvino_tensor *step_convert(net *n, kvino_tensor *x) {
  x = kv_convert(&n->b.s, x, (kv_convert_attrs){.destination_type = KVINO_I32});
  return kv_convert(&n->b.s, x, (kv_convert_attrs){.destination_type = KVINO_F32});
}
static kvino_tensor *step_shape(net *n, kvino_tensor *x) { /* its shape, as written */
  kv_scope *s = &n->b.s;
  kvino_tensor *shape = kv_shape_of(s, x, (kv_output_type_attrs){.output_type = KVINO_I64});
  result(&n->b, shape);
  kvino_tensor *row = kv_broadcast(s, kv_number(s, KVINO_F32, 1),
                                   kv_gather(s, shape, KV_VECTOR(s, 3), kv_int(s, KVINO_I64, 0), (kv_gather_attrs){0}),
                                   (kv_broadcast_attrs){.mode = "numpy"});
  return kv_add(s, x, row);
}
static kvino_tensor *step_keep_channels(net *n, kvino_tensor *x) { /* a sum of all channels, as a gate */
  kv_scope *s = &n->b.s;
  return kv_multiply(s, x, gate(n, kv_reduce_sum(s, x, KV_VECTOR(s, -1), (kv_keep_dims_attrs){.keep_dims = true})));
}

static void check_step(const char *what, step f, int64_t batch, int reshapes) {
  net n;
  kvino_tensor *x = net_begin(&n, SHAPE(batch, 8, 8, 3));
  x = f(&n, gate(&n, conv(&n, x, 3, 4, 1)));
  result(&n.b, average(&n, conv(&n, gate(&n, x), 1, 2, 1), false));
  print_message("  %s\n", what);
  check_net(&n, 1, reshapes);
}
#define CHECK_STEP(f, batch, reshapes) check_step(#f, f, batch, reshapes)

static void test_steps(void **state) {
  (void)state;
  CHECK_STEP(step_split, -1, 0);
  CHECK_STEP(step_variadic, -1, 0);
  CHECK_STEP(step_slice, 2, 0);
  CHECK_STEP(step_softmax, -1, 0);
  CHECK_STEP(step_gather, -1, 0);
  CHECK_STEP(step_gather_one, 2, 0);
  CHECK_STEP(step_tile, -1, 0);
  CHECK_STEP(step_broadcast, 2, 0);
  CHECK_STEP(step_roll, -1, 0);
  CHECK_STEP(step_cumsum, -1, 0);
  CHECK_STEP(step_reshape, 2, -1);
  CHECK_STEP(step_reshape, -1, -1);
  CHECK_STEP(step_select, -1, 0);
  CHECK_STEP(step_convert, -1, 0);
  CHECK_STEP(step_shape, 2, 0);
  CHECK_STEP(step_shape, -1, 0);
  CHECK_STEP(step_keep_channels, -1, 0);
}

/* ---- where moving does not pay ---- */

static void test_no_more_than_before(void **state) {
  (void)state;
  net n; /* two results after one convolution: one Transpose serves both */
  kvino_tensor *x = net_begin(&n, SHAPE(1, 4, 4, 3)), *y = conv(&n, x, 3, 2, 1);
  result(&n.b, y);
  result(&n.b, relu6(&n, y));
  check_net(&n, 2, 0);

  x = net_begin(&n, SHAPE(1, 4, 4, 3)); /* the input itself is added: its Transpose is there already */
  result(&n.b, average(&n, relu6(&n, kv_add(&n.b.s, x, conv(&n, x, 3, 3, 1))), false));
  check_net(&n, 1, 0);

  x = net_begin(&n, SHAPE(1, 4, 4, 3)); /* a second input, of lower rank */
  kvino_tensor *more = parameter(&n.b, KVINO_F32, SHAPE(4, 3));
  result(&n.b, kv_add(&n.b.s, conv(&n, x, 3, 3, 1), more));
  check_net(&n, 2, 0);

  x = net_begin(&n, SHAPE(1, 4, 4, 3)); /* a matrix product between needs channels last */
  x = dense(&n, relu6(&n, conv(&n, x, 3, 4, 1)), 4);
  result(&n.b, average(&n, conv(&n, gate(&n, x), 1, 2, 1), false));
  check_net(&n, 3, 0);

  x = net_begin(&n, SHAPE(2, 6, 2, 8)); /* attention: another permutation, left alone */
  kv_scope *s = &n.b.s;
  kvino_tensor *q = kv_transpose(s, x, KV_VECTOR(s, 0, 2, 1, 3)),
               *k = kv_transpose(s, gate(&n, x), KV_VECTOR(s, 0, 2, 1, 3));
  y = kv_mat_mul(s, q, k, (kv_matmul_attrs){.transpose_b = true});
  y = kv_transpose(s, kv_mat_mul(s, kv_multiply(s, y, kv_number(s, KVINO_F32, 0.5)), k, (kv_matmul_attrs){0}),
                   KV_VECTOR(s, 0, 2, 1, 3));
  result(&n.b, kv_reshape(s, y, KV_VECTOR(s, 2, 6, 16), (kv_reshape_attrs){0}));
  check_net(&n, 3, 1);

  x = net_begin(&n, SHAPE(2, 3, 4, 4)); /* a channels-first model has none, and gets none */
  kv_conv_attrs a = windows(2, 1, 1, 1);
  y = relu6(&n, kv_convolution(&n.b.s, x, weight(&n, SHAPE(3, 3, 3, 3)), a));
  y = kv_convolution(&n.b.s, kv_add(&n.b.s, x, y), weight(&n, SHAPE(3, 3, 3, 3)), a);
  result(&n.b, y);
  check_net(&n, 0, 0);
}

/* The smaller of two tensors is the one to transpose: the image before it is padded, so that the Pad stands before its
 * convolution, which takes it in. */
static void test_smallest_is_moved(void **state) {
  (void)state;
  net n;
  kvino_tensor *x = pad(&n, net_begin(&n, SHAPE(-1, 16, 16, 3)));
  result(&n.b, average(&n, conv(&n, x, 3, 4, 2), false));
  kv_graph *g = after(kv_optimize, build_end(&n.b));
  assert_int_equal(count(g, "Transpose"), 1);
  for (size_t i = 0; i < g->n_nodes; i++)
    if (g->node[i]->prim->id == KV_Transpose) assert_int_equal(g->node[i]->in[0].node->prim->id, KV_Parameter);
  kv_graph_release(g);
}

/* ---- random graphs ---- */

/* A value of the pool that has 4 dimensions, channels-last 2 x 4 x 4 x 4 or channels-first the same: any two fit
 * together. */
static kvino_tensor *random_step(net *n, uint32_t *r, kvino_tensor *x, kvino_tensor *y) {
  kv_scope *s = &n->b.s;
  int64_t axis = (int64_t)(next_random(r) % 3) + 1;
  static const int64_t perms[3][4] = {{0, 3, 1, 2}, {0, 2, 3, 1}, {0, 2, 1, 3}};
  switch (next_random(r) % 16) {
  case 0:
    return kv_add(s, x, y);
  case 1:
    return kv_maximum(s, x, weight(n, SHAPE(4, 1)));
  case 2:
    return gate(n, x);
  case 3:
    return kv_subtract(s, weight(n, SHAPE(1, 4, 1, 4)), x);
  case 4:
    return kv_space_to_depth(s, x,
                             (kv_depth_space_attrs){.mode = "blocks_first", .block_size = 1}); /* channels-first only */
  case 5:
    return kv_mat_mul(s, gate(n, x), gate(n, y), (kv_matmul_attrs){0});
  case 6: {
    kvino_tensors v = kv_split(s, x, kv_int(s, KVINO_I64, axis), (kv_split_attrs){.num_splits = 2});
    return kv_concat(s, 2, (kvino_tensor *[]){v.v[1], v.v[0]}, (kv_axis_attrs){.axis = axis});
  }
  case 7:
    return kv_add(s, y, kv_reduce_max(s, x, KV_VECTOR(s, axis), (kv_keep_dims_attrs){.keep_dims = true}));
  case 8:
    return kv_add(s, x, kv_reduce_max(s, y, KV_VECTOR(s, axis, 0), (kv_keep_dims_attrs){.keep_dims = false}));
  case 9:
    return kv_gather(s, x, KV_VECTOR(s, 1, 0, 3, 2), kv_int(s, KVINO_I64, axis), (kv_gather_attrs){0});
  case 10:
    return kv_roll(s, x, KV_VECTOR(s, 1), KV_VECTOR(s, axis));
  case 11: { /* drop an axis, and put it back elsewhere by broadcasting */
    kvino_tensor *z = kv_reduce_max(s, x, KV_VECTOR(s, axis), (kv_keep_dims_attrs){.keep_dims = false});
    return kv_minimum(s, y, kv_unsqueeze(s, z, KV_VECTOR(s, (int64_t)(next_random(r) % 2) + 1)));
  }
  default:
    return kv_transpose(s, x, kv_vector(s, 4, perms[next_random(r) % 7 / 3]));
  }
}

static void test_random_graphs(void **state) {
  (void)state;
  long written = 0, left = 0;
  for (uint32_t seed = 1; seed <= 1500; seed++) {
    net n;
    uint32_t r = seed * 2654435761u;
    kvino_tensor *pool[24] = {net_begin(&n, SHAPE(seed % 3 ? 2 : -1, 4, 4, 4))};
    int size = 1;
    for (; size < 24; size++) {
      kvino_tensor *x = pool[size - 1 - (int)(next_random(&r) % (size < 3 ? (unsigned)size : 3))],
                   *y = pool[next_random(&r) % (unsigned)size];
      pool[size] = random_step(&n, &r, x, y);
      if (!pool[size]) fail_msg("seed %u: %s", seed, n.b.err.text);
      if (size % 4 == 0) pool[size] = gate(&n, pool[size]);
    }
    result(&n.b, pool[23]);
    result(&n.b, pool[next_random(&r) % 24]);
    kv_graph *before = build_end(&n.b),
             *merged = after(kv_pass_dce, after(kv_pass_cse, after(kv_pass_simplify, kv_graph_retain(before))));
    kv_graph *moved = after(kv_pass_dce, after(kv_pass_layout, kv_graph_retain(merged)));
    if (count(moved, "Transpose") > count(merged, "Transpose")) {
      print_graph(merged);
      print_graph(moved);
      fail_msg("seed %u: %d Transposes became %d", seed, count(merged, "Transpose"), count(moved, "Transpose"));
    }
    written += count(merged, "Transpose");
    left += count(moved, "Transpose");
    assert_same_results(before, moved, 2);
    kv_graph *g = after(kv_optimize, kv_graph_retain(before));
    assert_true(count(g, "Transpose") <= count(merged, "Transpose"));
    assert_same_results(before, g, 2);
    kv_graph_release(g);
    kv_graph_release(moved);
    kv_graph_release(merged);
    kv_graph_release(before);
  }
  print_message("  %ld Transposes, %ld after the pass\n", written, left);
  assert_true(left < written);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_mobile_net),
      cmocka_unit_test(test_res_net),
      cmocka_unit_test(test_efficient_net),
      cmocka_unit_test(test_dense_net),
      cmocka_unit_test(test_u_net),
      cmocka_unit_test(test_other_ranks),
      cmocka_unit_test(test_steps),
      cmocka_unit_test(test_no_more_than_before),
      cmocka_unit_test(test_smallest_is_moved),
      cmocka_unit_test(test_random_graphs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
