/* Movement and index primitives where only C sees them: shapes while tracing, strided copies, every instruction set,
 * failing allocations. */
#include "graphs.h"

#include "base/cpu.h"
#include "kernels/kernels.h"
#include "kernels/order/order.h"
#include "tensor/copy.h"

#define OUTPUT_I64                                                                                                     \
  (kv_output_type_attrs) { .output_type = KVINO_I64 }
#define PLAIN                                                                                                          \
  (kv_reshape_attrs) { .special_zero = false }

static void assert_known(const kvino_tensor *t, int n, const int64_t *expected) {
  int found;
  int64_t value[KV_KNOWN_MAX];
  assert_non_null(t);
  assert_true(kv_known_values(t, &found, value));
  assert_int_equal(found, n);
  for (int i = 0; i < n; i++) assert_true(value[i] == expected[i]);
}

static void assert_shape(const kvino_tensor *t, int rank, const int64_t *shape) {
  assert_non_null(t);
  assert_int_equal(t->rank, rank);
  for (int i = 0; i < rank; i++) assert_true(t->shape[i] == shape[i]);
}

#define KNOWN(t, ...) assert_known(t, SHAPE(__VA_ARGS__))
#define HAS_SHAPE(t, ...) assert_shape(t, SHAPE(__VA_ARGS__))

/* ---- values known while tracing ---- */

static void test_shapes_of_shapes(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  kv_scope *s = &b.s;
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(7, -1, 4)), *zero = kv_int(s, KVINO_I64, 0);
  kvino_tensor *shape = kv_shape_of(s, x, OUTPUT_I64);
  KNOWN(shape, 7, KV_UNKNOWN, 4);
  KNOWN(kv_gather(s, shape, KV_VECTOR(s, -1, 1, 0), zero, (kv_gather_attrs){0}), 4, KV_UNKNOWN, 7);
  kvino_tensor *last = kv_gather(s, shape, kv_int(s, KVINO_I32, -1), zero, (kv_gather_attrs){0});
  KNOWN(last, 4);
  KNOWN(kv_unsqueeze(s, last, KV_VECTOR(s, 0)), 4);
  KNOWN(kv_squeeze(s, kv_unsqueeze(s, last, KV_VECTOR(s, 0)), KV_VECTOR(s, 0)), 4);
  KNOWN(kv_reshape(s, last, KV_VECTOR(s, -1), PLAIN), 4);
  KNOWN(kv_broadcast(s, last, KV_VECTOR(s, 3), (kv_broadcast_attrs){0}), 4, 4, 4);
  kvino_tensor *from = KV_VECTOR(s, 5), *to = KV_VECTOR(s, INT64_MIN), *step = KV_VECTOR(s, -2);
  KNOWN(kv_slice(s, 4, (kvino_tensor *[]){shape, from, to, step}), 4, 7);
  KNOWN(kv_concat(s, 2, (kvino_tensor *[]){shape, KV_VECTOR(s, 9)}, (kv_axis_attrs){.axis = 0}), 7, KV_UNKNOWN, 4, 9);
  KNOWN(kv_transpose(s, shape, KV_VECTOR(s, 0)), 7, KV_UNKNOWN, 4);
  KNOWN(kv_identity(s, shape), 7, KV_UNKNOWN, 4);
  KNOWN(kv_range(s, zero, last, kv_int(s, KVINO_I64, 1), OUTPUT_I64), 0, 1, 2, 3);
  kvino_tensor *data = parameter(&b, KVINO_I64, SHAPE(1)); /* computed, but of a known length */
  KNOWN(kv_concat(s, 2, (kvino_tensor *[]){data, KV_VECTOR(s, 6)}, (kv_axis_attrs){.axis = 0}), KV_UNKNOWN, 6);
  result(&b, last);
  kv_graph_release(build_end(&b));
}

static void test_partly_known_shapes(void **state) {
  (void)state;
  build b;
  build_begin(&b);
  kv_scope *s = &b.s;
  kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(-1, 4, 5)), *whole = parameter(&b, KVINO_F32, SHAPE(6, 4, 5));
  kvino_tensor *batch =
      kv_gather(s, kv_shape_of(s, x, OUTPUT_I64), KV_VECTOR(s, 0), kv_int(s, KVINO_I64, 0), (kv_gather_attrs){0});
  kvino_tensor *flat = kv_concat(s, 2, (kvino_tensor *[]){batch, KV_VECTOR(s, 20)}, (kv_axis_attrs){.axis = 0});
  HAS_SHAPE(kv_reshape(s, x, flat, PLAIN), -1, 20);
  HAS_SHAPE(kv_reshape(s, whole, flat, PLAIN), 6, 20); /* the only one that is left */
  HAS_SHAPE(kv_reshape(s, x, KV_VECTOR(s, -1, 20), PLAIN), -1, 20);
  HAS_SHAPE(kv_reshape(s, x, KV_VECTOR(s, 0, 20), (kv_reshape_attrs){.special_zero = true}), -1, 20);
  HAS_SHAPE(kv_reshape(s, x, KV_VECTOR(s, 3, -1), PLAIN), 3, -1);
  kvino_tensor *row = parameter(&b, KVINO_F32, SHAPE(1, 20));
  HAS_SHAPE(kv_broadcast(s, row, flat, (kv_broadcast_attrs){.mode = "numpy"}), -1, 20);
  HAS_SHAPE(kv_tile(s, whole, kv_concat(s, 2, (kvino_tensor *[]){KV_VECTOR(s, 1, 2), batch}, (kv_axis_attrs){0})), 6, 8,
            -1);
  kvino_tensor *one = KV_VECTOR(s, 1), *axis = KV_VECTOR(s, 1);
  HAS_SHAPE(kv_slice(s, 5, (kvino_tensor *[]){whole, KV_VECTOR(s, 0), batch, one, axis}), 6, -1, 5);
  HAS_SHAPE(kv_slice(s, 5, (kvino_tensor *[]){x, KV_VECTOR(s, 1), KV_VECTOR(s, -1), one, axis}), -1, 2, 5);
  kvino_tensors parts = kv_variadic_split(s, whole, kv_int(s, KVINO_I64, 2), KV_VECTOR(s, 1, -1, 2));
  assert_int_equal(parts.n, 3);
  HAS_SHAPE(parts.v[1], 6, 4, 2);
  HAS_SHAPE(kv_gather(s, x, parameter(&b, KVINO_I32, SHAPE(-1, 2)), kv_int(s, KVINO_I64, 1), (kv_gather_attrs){0}), -1,
            -1, 2, 5);
  kvino_tensors top =
      kv_topk(s, x, kv_int(s, KVINO_I64, 2), (kv_topk_attrs){.axis = 1, .index_element_type = KVINO_I32});
  HAS_SHAPE(top.v[1], -1, 2, 5);
  result(&b, parts.v[1]);
  kv_graph_release(build_end(&b));
}

/* What a node's rank or axes depend on must be known; the error says so. */
static void test_what_must_be_known(void **state) {
  (void)state;
  for (int i = 0; i < 5; i++) {
    build b;
    build_begin(&b);
    kv_scope *s = &b.s;
    kvino_tensor *x = parameter(&b, KVINO_F32, SHAPE(2, 3)), *list = parameter(&b, KVINO_I64, SHAPE(2));
    kvino_tensor *any = parameter(&b, KVINO_I64, SHAPE(-1)), *y = NULL;
    switch (i) {
    case 0:
      y = kv_transpose(s, x, list);
      break;
    case 1:
      y = kv_squeeze(s, x, list);
      break;
    case 2:
      y = kv_unsqueeze(s, x, list);
      break;
    case 3:
      y = kv_reshape(s, x, any, PLAIN);
      break;
    case 4:
      y = kv_cum_sum(s, x, kv_squeeze(s, parameter(&b, KVINO_I64, SHAPE(1)), KV_VECTOR(s, 0)), (kv_cumsum_attrs){0});
      break;
    }
    assert_null(y);
    assert_int_equal(s->status, KVINO_UNSUPPORTED);
    assert_non_null(strstr(b.err.text, "must be known when the graph is built"));
    s->err = NULL;
    kv_scope_leave(s, NULL, &(kvino_tensor *){NULL});
    kv_graph_release(b.g);
  }
}

/* ---- strided copies ---- */

static void copy_naively(size_t size, int rank, const int64_t *shape, char *to, const int64_t *to_strides,
                         const char *from, const int64_t *from_strides) {
  if (!rank) {
    memcpy(to, from, size);
    return;
  }
  for (int64_t i = 0; i < shape[0]; i++)
    copy_naively(size, rank - 1, shape + 1, to + i * to_strides[0], to_strides + 1, from + i * from_strides[0],
                 from_strides + 1);
}

/* Random shapes, permuted and with gaps on both sides, some axes of the source repeated or backwards. */
static void test_strided_copies(void **state) {
  (void)state;
  enum { ROOM = 1 << 22 };
  char *from = malloc(ROOM), *a = malloc(ROOM), *b = malloc(ROOM);
  uint32_t seed = 3;
  for (int i = 0; i < ROOM; i++) from[i] = (char)next_random(&seed);
  for (int round = 0; round < 3000; round++) {
    size_t size = (size_t)1 << next_random(&seed) % 5;
    int rank = (int)(next_random(&seed) % 5);
    int64_t shape[4], to[4], source[4], to_step = (int64_t)size, from_step = (int64_t)size, first = 0;
    int order[2][4] = {{0, 1, 2, 3}, {0, 1, 2, 3}};
    for (int k = 0; k < rank; k++) {
      shape[k] = next_random(&seed) % (round % 50 ? 7 : 40);
      for (int side = 0; side < 2; side++) {
        int other = (int)(next_random(&seed) % (uint32_t)(k + 1)), swap = order[side][k];
        order[side][k] = order[side][other];
        order[side][other] = swap;
      }
    }
    for (int k = rank - 1; k >= 0; k--) {
      int t = order[0][k], f = order[1][k];
      to[t] = to_step;
      to_step *= shape[t] + (next_random(&seed) % 4 == 0);
      source[f] = from_step;
      from_step *= shape[f] + (next_random(&seed) % 4 == 0);
    }
    if (to_step > ROOM || from_step > ROOM) continue;
    for (int k = 0; k < rank; k++) {
      if (next_random(&seed) % 6 == 0) source[k] = 0;
      if (next_random(&seed) % 6 == 0 && shape[k]) {
        first += (shape[k] - 1) * source[k];
        source[k] = -source[k];
      }
    }
    memset(a, 0, (size_t)to_step);
    memset(b, 0, (size_t)to_step);
    kv_copy_strided(size, rank, shape, a, to, from + first, source);
    copy_naively(size, rank, shape, b, to, from + first, source);
    assert_memory_equal(a, b, (size_t)to_step);
  }
  free(from);
  free(a);
  free(b);
}

/* ---- the extreme of rows and columns, by every instruction set ---- */

static void test_extremes(void **state) {
  (void)state;
  static kv_extreme_loop *const loops[KV_ISA_COUNT] = KV_LEVELS(kv_extreme);
  enum { ROWS = 1100, WIDTH = 64 };
  char *data = malloc(ROWS * WIDTH * 16);
  uint32_t seed = 11;
  for (int dtype = 0; dtype < KVINO_STRING; dtype++) {
    int64_t size = (int64_t)kvino_dtype_size((kvino_dtype)dtype);
    for (int round = 0; round < 40; round++) {
      /* Now and then all bytes alike: equal elements, and NaN. */
      uint32_t mask = round % 4 == 0 ? 0 : round % 4 == 1 ? 1 : 255;
      for (int i = 0; i < ROWS * WIDTH * 16; i++) data[i] = (char)(round % 8 == 4 ? 0xff : next_random(&seed) & mask);
      int64_t columns = round % 2 ? 1 : 1 + (int64_t)next_random(&seed) % WIDTH;
      int64_t n = 1 + (int64_t)next_random(&seed) % ROWS, step = columns == 1 && round % 3 ? size : WIDTH * size;
      bool greatest = round & 1;
      for (int isa = 0; isa <= (int)kv_cpu_isa(); isa++) {
        int64_t index[KV_EXTREME_COLUMNS];
        loops[isa]((kvino_dtype)dtype, n, columns, step, data, greatest, index);
        for (int64_t j = 0; j < columns; j++) {
          int64_t best = 0;
          for (int64_t i = 1; i < n; i++) {
            int order = kv_order_compare(kv_order_key((kvino_dtype)dtype, data + i * step + j * size),
                                         kv_order_key((kvino_dtype)dtype, data + best * step + j * size));
            if (greatest ? order > 0 : order < 0) best = i;
          }
          assert_true(index[j] == best);
        }
      }
    }
  }
  free(data);
}

/* ---- no memory ---- */

static void several(kv_scope *s, kvino_tensor *x, kvino_tensor *index, kvino_tensor **y) {
  kvino_tensor *zero = kv_int(s, KVINO_I64, 0), *one = KV_VECTOR(s, 1, 1), *two = KV_VECTOR(s, 2, 2);
  kvino_tensor *nd = kv_reshape(s, index, KV_VECTOR(s, -1, 2), PLAIN);
  kvino_tensor *rows = kv_gather(s, x, index, zero, (kv_gather_attrs){0});
  kvino_tensor *sorted = kv_topk(s, rows, kv_int(s, KVINO_I64, 30),
                                 (kv_topk_attrs){.axis = 0, .index_element_type = KVINO_I32, .sort = "index"})
                                 .v
                             ? kv_sort(s, rows, (kv_sort_attrs){.axis = 0})
                             : NULL;
  kvino_tensor *summed =
      kv_cum_sum(s, kv_pad(s, 3, (kvino_tensor *[]){sorted, one, two}, (kv_pad_attrs){.pad_mode = "reflect"}), zero,
                 (kv_cumsum_attrs){0});
  kvino_tensor *tiled = kv_roll(s, kv_tile(s, summed, two), one, KV_VECTOR(s, 0, 1));
  kvino_tensor *updated = kv_scatter_update(s, tiled, KV_VECTOR(s, 0),
                                            kv_gather(s, tiled, KV_VECTOR(s, 1), zero, (kv_gather_attrs){0}), zero);
  kvino_tensor *picked = kv_gather_nd(s, updated, nd, (kv_gather_attrs){0});
  updated = kv_scatter_nd_update(s, updated, nd, picked, (kv_scatter_nd_attrs){.reduction = "sum"});
  kvino_tensor *list = kv_reshape(s, kv_transpose(s, updated, KV_VECTOR(s)), KV_VECTOR(s, -1), PLAIN);
  kvino_tensor *elements = kv_gather_elements(s, list, index, (kv_axis_attrs){0});
  list = kv_scatter_elements_update(s, list, index, elements, zero,
                                    (kv_scatter_attrs){.reduction = "mean", .use_init_val = true});
  kvino_tensors unique =
      kv_unique(s, 1, &list, (kv_unique_attrs){.index_element_type = KVINO_I64, .count_element_type = KVINO_I64});
  *y = kv_search_sorted(s, unique.v ? unique.v[0] : NULL, list, (kv_search_sorted_attrs){.output_type = KVINO_I32});
}

static void test_failing_allocations(void **state) {
  (void)state;
  kvino_tensor *x = filled(KVINO_F32, SHAPE(40, 30), 1), *transposed = NULL, *index = filled(KVINO_I64, SHAPE(40), 2);
  for (int i = 0; i < 40; i++) ((int64_t *)index->data)[i] = i % 30;
  OK(kv_tensor_view(x, KVINO_F32, SHAPE(30, 40), (int64_t[]){4, 120}, x->data, &transposed, ERR));
  bool finished = false;
  long n = 0;
  for (; !finished; n++) {
    kvino_error err = {0};
    kvino_tensor *y = NULL, *out = NULL;
    kv_scope s;
    kv_scope_enter(&s, &err);
    kv_fail_after(n);
    several(&s, transposed, index, &y);
    kvino_status status = kv_scope_leave(&s, y, &out);
    kv_fail_after(-1);
    finished = status == KVINO_OK;
    if (!finished && (status != KVINO_NO_MEMORY || !err.text[0] || out))
      fail_msg("allocation %ld: %d %s", n, status, err.text);
    kvino_tensor_release(out);
  }
  assert_true(n > 50);
  kvino_tensor_release(index);
  kvino_tensor_release(transposed);
  kvino_tensor_release(x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_shapes_of_shapes),   cmocka_unit_test(test_partly_known_shapes),
      cmocka_unit_test(test_what_must_be_known), cmocka_unit_test(test_strided_copies),
      cmocka_unit_test(test_extremes),           cmocka_unit_test(test_failing_allocations),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
