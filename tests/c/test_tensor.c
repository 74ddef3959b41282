/* Tensors: creation and its limits, foreign memory, views, strided copies, reference counts, names of dtypes. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/convert.h"
#include "base/memory.h"
#include "kvino/kvino.h"
#include "tensor/copy.h"
#include "tensor/tensor.h"

#define OK(call)                                                                                                       \
  do {                                                                                                                 \
    kvino_error ok_error_ = {0}, *ERR = &ok_error_;                                                                    \
    if (call) fail_msg("%s:%d %s", __FILE__, __LINE__, ERR->text);                                                     \
  } while (0)

#define FAILS(expected, words, call)                                                                                   \
  do {                                                                                                                 \
    kvino_error fails_error_ = {0}, *ERR = &fails_error_;                                                              \
    assert_int_equal(call, expected);                                                                                  \
    assert_int_equal(ERR->status, expected);                                                                           \
    if (!strstr(ERR->text, words)) fail_msg("'%s' does not say '%s'", ERR->text, words);                               \
  } while (0)

static void test_new(void **state) {
  (void)state;
  kvino_tensor *t = NULL;
  float data[6] = {1, 2, 3, 4, 5, 6};
  OK(kvino_tensor_new(KVINO_F32, 2, (int64_t[]){2, 3}, data, &t, ERR));
  data[0] = 9; /* copied */
  assert_int_equal(kvino_tensor_dtype(t), KVINO_F32);
  assert_int_equal(kvino_tensor_rank(t), 2);
  assert_int_equal(kvino_tensor_size(t), 6);
  assert_int_equal(kvino_tensor_shape(t)[1], 3);
  assert_int_equal(kvino_tensor_strides(t)[0], 12);
  assert_int_equal(kvino_tensor_strides(t)[1], 4);
  assert_true(kvino_tensor_is_contiguous(t));
  assert_false(kvino_tensor_is_symbolic(t));
  assert_true(((const float *)kvino_tensor_data(t))[0] == 1);
  assert_int_equal((uintptr_t)kvino_tensor_data(t) % KV_ALIGN, 0);
  kvino_tensor_release(t);
  kvino_tensor_release(NULL);
  assert_null(kvino_tensor_retain(NULL));
}

/* Sizes around the limit between a tensor's own allocation and a block, and blocks from the pool. */
static void ones(void *context, void *data, size_t bytes) {
  *(size_t *)context += bytes;
  memset(data, 1, bytes);
}

static void test_fill(void **state) {
  (void)state;
  kvino_tensor *t = NULL;
  kvino_error err = {0};
  size_t bytes = 0;
  assert_int_equal(kvino_tensor_fill(KVINO_U8, 2, (int64_t[]){2, 3}, ones, &bytes, &t, &err), KVINO_OK);
  assert_int_equal(bytes, 6);
  for (int i = 0; i < 6; i++) assert_int_equal(((const uint8_t *)kvino_tensor_data(t))[i], 1);
  kvino_tensor_release(t);
  assert_int_equal(kvino_tensor_fill(KVINO_U8, 1, (int64_t[]){-1}, ones, &bytes, &t, &err), KVINO_INVALID);
  assert_int_equal(kvino_tensor_fill(KVINO_U8, 1, (int64_t[]){0}, ones, &bytes, &t, &err), KVINO_OK);
  assert_int_equal(bytes, 6);
  kvino_tensor_release(t);
}

static void test_sizes(void **state) {
  (void)state;
  static const int64_t sizes[] = {0,      1, 63, 64, 32767, 32768, 32769, (256 << 10) - 1, 256 << 10, (256 << 10) + 1,
                                  3 << 20};
  for (int round = 0; round < 2; round++)
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
      kvino_tensor *t = NULL;
      OK(kvino_tensor_new(KVINO_U8, 1, &sizes[i], NULL, &t, ERR));
      memset(t->data, 7, (size_t)sizes[i]);
      assert_int_equal((uintptr_t)t->data % KV_ALIGN, 0);
      kvino_tensor_release(t);
    }
  kv_pool_trim();
  assert_int_equal(kv_pool_bytes(), 0);
}

static void test_limits(void **state) {
  (void)state;
  kvino_tensor *t = NULL;
  int64_t shape[KVINO_MAX_RANK + 1];
  for (int i = 0; i <= KVINO_MAX_RANK; i++) shape[i] = 1;
  OK(kvino_tensor_new(KVINO_I8, KVINO_MAX_RANK, shape, "x", &t, ERR));
  assert_int_equal(kvino_tensor_size(t), 1);
  kvino_tensor_release(t);
  t = NULL;
  FAILS(KVINO_INVALID, "maximum supported dimension",
        kvino_tensor_new(KVINO_I8, KVINO_MAX_RANK + 1, shape, NULL, &t, ERR));
  FAILS(KVINO_INVALID, "maximum supported dimension", kvino_tensor_new(KVINO_I8, -1, shape, NULL, &t, ERR));
  FAILS(KVINO_INVALID, "negative dimensions", kvino_tensor_new(KVINO_I8, 1, (int64_t[]){-1}, NULL, &t, ERR));
  FAILS(KVINO_INVALID, "array is too big",
        kvino_tensor_new(KVINO_F64, 2, (int64_t[]){INT64_MAX / 8, 2}, NULL, &t, ERR));
  FAILS(KVINO_INVALID, "array is too big", kvino_tensor_new(KVINO_F64, 1, (int64_t[]){INT64_MAX / 4}, NULL, &t, ERR));
  FAILS(KVINO_INVALID, "shape is NULL", kvino_tensor_new(KVINO_F64, 1, NULL, NULL, &t, ERR));
  FAILS(KVINO_TYPE, "dtype", kvino_tensor_new((kvino_dtype)99, 0, NULL, NULL, &t, ERR));
  FAILS(KVINO_TYPE, "dtype", kvino_tensor_new((kvino_dtype)-1, 0, NULL, NULL, &t, ERR));
  FAILS(KVINO_NO_MEMORY, "Unable to allocate an array with shape (1152921504606846975,) and data type float64",
        kvino_tensor_new(KVINO_F64, 1, (int64_t[]){INT64_MAX / 8}, NULL, &t, ERR));
  assert_null(t);
}

static void count(void *context) { ++*(int *)context; }

static void test_wrap(void **state) {
  (void)state;
  kvino_tensor *t = NULL, *v = NULL;
  int released = 0;
  int32_t data[4] = {1, 2, 3, 4};
  OK(kvino_tensor_wrap(KVINO_I32, 1, (int64_t[]){4}, NULL, data, count, &released, &t, ERR));
  assert_ptr_equal(kvino_tensor_data(t), data);
  OK(kv_tensor_view(t, KVINO_I32, 1, (int64_t[]){2}, (int64_t[]){-8}, t->data + 12, &v, ERR));
  kvino_tensor_release(t);
  assert_int_equal(released, 0); /* the view keeps the memory */
  assert_int_equal(kv_tensor_get_int(v, 0), 4);
  assert_int_equal(kv_tensor_get_int(v, 1), 2);
  kvino_tensor_release(v);
  assert_int_equal(released, 1);

  FAILS(KVINO_INVALID, "NULL", kvino_tensor_wrap(KVINO_I32, 1, (int64_t[]){4}, NULL, NULL, count, &released, &t, ERR));
  assert_int_equal(released, 2); /* at once where the call fails */
  OK(kvino_tensor_wrap(KVINO_I32, 1, (int64_t[]){0}, NULL, NULL, NULL, NULL, &t, ERR));
  kvino_tensor_release(t);
}

static void test_contiguous(void **state) {
  (void)state;
  kvino_tensor *t = NULL, *c = NULL;
  int16_t data[6] = {1, 2, 3, 4, 5, 6};
  OK(kvino_tensor_wrap(KVINO_I16, 2, (int64_t[]){3, 2}, (int64_t[]){2, 6}, data, NULL, NULL, &t, ERR));
  assert_false(kvino_tensor_is_contiguous(t));
  OK(kvino_tensor_contiguous(t, &c, ERR));
  assert_memory_equal(kvino_tensor_data(c), ((int16_t[]){1, 4, 2, 5, 3, 6}), 12);
  kvino_tensor *same = NULL;
  OK(kvino_tensor_contiguous(c, &same, ERR));
  assert_ptr_equal(same, c);
  kvino_tensor_release(same);
  kvino_tensor_release(c);
  kvino_tensor_release(t);
  /* strides of axes of length 1 do not matter */
  OK(kvino_tensor_wrap(KVINO_I16, 3, (int64_t[]){1, 3, 1}, (int64_t[]){-99, 2, 77}, data, NULL, NULL, &t, ERR));
  assert_true(kvino_tensor_is_contiguous(t));
  kvino_tensor_release(t);
}

/* ---- strided copies against the plain definition ---- */

static uint64_t random_state = 0x9e3779b97f4a7c15;
static int64_t below(int64_t n) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (int64_t)(random_state >> 11) % n;
}

/* A view of a random part of a random order of axes of a buffer, with broadcasts and reversals. */
static void random_view(size_t size, int *rank, int64_t *shape, int64_t *strides, int64_t *offset) {
  int64_t step = (int64_t)size;
  *rank = (int)below(6);
  *offset = 0;
  for (int i = 0; i < *rank; i++) {
    shape[i] = below(12) == 0 ? below(2) : 1 + below(i < 2 ? 40 : 5);
    int kind = (int)below(6);
    strides[i] = kind == 0 ? 0 : step * (kind == 1 ? 2 : 1);
    step *= kind == 0 || !shape[i] ? 1 : shape[i] * (kind == 1 ? 2 : 1);
    if (kind == 2 && shape[i]) {
      *offset += (shape[i] - 1) * strides[i];
      strides[i] = -strides[i];
    }
  }
  for (int i = *rank - 1; i > 0; i--) { /* any order of axes */
    int k = (int)below(i + 1);
    int64_t s = shape[i], t = strides[i];
    shape[i] = shape[k];
    strides[i] = strides[k];
    shape[k] = s;
    strides[k] = t;
  }
}

static void test_copies(void **state) {
  (void)state;
  enum { BYTES = 16 << 20 };
  char *from = malloc(BYTES), *to = malloc(BYTES);
  for (int i = 0; i < BYTES; i++) from[i] = (char)(i * 31 + (i >> 8) * 7);
  for (int round = 0; round < 400; round++) {
    size_t size = (size_t)1 << below(5);
    int rank;
    int64_t shape[8], strides[8], offset, n = 1, reach = (int64_t)size;
    random_view(size, &rank, shape, strides, &offset);
    for (int i = 0; i < rank; i++) {
      n *= shape[i];
      reach += shape[i] ? (shape[i] - 1) * llabs(strides[i]) : 0;
    }
    if (reach > BYTES || n * (int64_t)size > BYTES) continue;
    kvino_tensor *t = NULL;
    static const kvino_dtype dtypes[] = {KVINO_U8, KVINO_F16, KVINO_F32, KVINO_I64, KVINO_C128};
    OK(kvino_tensor_wrap(dtypes[__builtin_ctzl(size)], rank, shape, strides, from + offset, NULL, NULL, &t, ERR));
    memset(to, 0, (size_t)n * size);
    kv_tensor_copy_to(t, to);
    for (int64_t k = 0; k < n; k++) {
      int64_t at = offset, rest = k;
      for (int axis = rank - 1; axis >= 0; axis--) {
        at += rest % shape[axis] * strides[axis];
        rest /= shape[axis];
      }
      if (memcmp(to + k * (int64_t)size, from + at, size)) fail_msg("round %d element %lld", round, (long long)k);
    }
    kvino_tensor_release(t);
  }
  free(from);
  free(to);
}

/* ---- dtypes ---- */

static void test_dtypes(void **state) {
  (void)state;
  for (int i = 0; i < KVINO_DTYPE_COUNT; i++) {
    kvino_dtype back = (kvino_dtype)-1;
    OK(kvino_dtype_from_name(kvino_dtype_name((kvino_dtype)i), &back, ERR));
    assert_int_equal(back, i);
    assert_true(kvino_dtype_size((kvino_dtype)i) > 0);
  }
  assert_string_equal(kvino_dtype_name((kvino_dtype)99), "invalid");
  assert_int_equal(kvino_dtype_size((kvino_dtype)-1), 0);
  kvino_dtype d = KVINO_I8;
  FAILS(KVINO_INVALID, "float31", kvino_dtype_from_name("float31", &d, ERR));
  FAILS(KVINO_TYPE, "NULL", kvino_dtype_from_name(NULL, &d, ERR));
  assert_int_equal(d, KVINO_I8);
}

/* Every 8- and 16-bit float goes to double and back unchanged, and a scalar of each dtype keeps 1. */
static void test_conversions(void **state) {
  (void)state;
  static const kvino_dtype floats[] = {KVINO_F8E4M3, KVINO_F8E5M2, KVINO_F16, KVINO_BF16};
  for (int k = 0; k < 4; k++) {
    size_t size = kvino_dtype_size(floats[k]);
    for (uint32_t bits = 0; bits < 1u << 8 * size; bits++) {
      uint16_t in = (uint16_t)bits, out = 0;
      double value = kv_load_f64(floats[k], &in);
      kv_store_f64(floats[k], &out, value);
      if (value == value)
        assert_int_equal(in, out);
      else
        assert_true(kv_load_f64(floats[k], &out) != kv_load_f64(floats[k], &out));
    }
  }
  for (int i = 0; i < KVINO_STRING; i++) {
    kvino_tensor *t = NULL;
    OK(kvino_tensor_scalar_f64((kvino_dtype)i, 1.0, &t, ERR));
    assert_true(kv_tensor_get_number(t, 0) == 1.0);
    assert_int_equal(t->rank, 0);
    kvino_tensor_release(t);
    OK(kvino_tensor_scalar_i64((kvino_dtype)i, 1, &t, ERR));
    assert_int_equal(kv_tensor_get_int(t, 0), 1);
    kvino_tensor_release(t);
  }
  kvino_tensor *t = NULL;
  FAILS(KVINO_TYPE, "string", kvino_tensor_scalar_f64(KVINO_STRING, 1, &t, ERR));
  /* exact beyond 2^53, and wrapping */
  OK(kvino_tensor_scalar_i64(KVINO_I64, INT64_MIN + 1, &t, ERR));
  assert_true(kv_tensor_get_int(t, 0) == INT64_MIN + 1);
  kvino_tensor_release(t);
  OK(kvino_tensor_scalar_i64(KVINO_U8, 300, &t, ERR));
  assert_int_equal(kv_tensor_get_int(t, 0), 44);
  kvino_tensor_release(t);
}

static void test_shape_text(void **state) {
  (void)state;
  char text[KV_SHAPE_TEXT];
  assert_string_equal(kv_shape_text(0, NULL, text), "()");
  assert_string_equal(kv_shape_text(1, (int64_t[]){5}, text), "(5,)");
  assert_string_equal(kv_shape_text(3, (int64_t[]){-1, 0, 7}, text), "(None, 0, 7)");
  int64_t shape[KVINO_MAX_RANK];
  for (int i = 0; i < KVINO_MAX_RANK; i++) shape[i] = INT64_MAX;
  assert_in_range(strlen(kv_shape_text(KVINO_MAX_RANK, shape, text)), 200, KV_SHAPE_TEXT - 1);
}

static void test_info(void **state) {
  (void)state;
  kvino_info info;
  kvino_info_get(&info);
  assert_in_range(info.threads, 1, 256);
  assert_true(!strcmp(info.kernels, "scalar") || strstr(info.features, info.kernels));
  assert_true(*info.processor && *info.compiler);
}

static void test_temporaries(void **state) {
  (void)state;
  kvino_temporaries *t = NULL;
  kvino_tensor *kept = NULL, **place[100];
  kvino_error err;
  OK(kvino_temporaries_new(&t, ERR));
  for (int round = 0; round < 2; round++) {
    kvino_tensor **x = kvino_temporary(t), **failed = kvino_temporary(t);
    kvino_tensors *parts = kvino_temporary_list(t);
    OK(kvino_tensor_new(KVINO_F32, 2, (int64_t[]){2, 2}, (float[]){1, 2, 3, 4}, x, ERR));
    OK(kvino_split(*x, KVINO_INTS(1), 0, parts, ERR));
    assert_int_equal(parts->n, 2);
    for (size_t i = 0; i < 100; i++) { /* what has been given out does not move */
      assert_non_null(place[i] = kvino_temporary(t));
      OK(kvino_add(i ? *place[i - 1] : *x, *x, place[i], ERR));
    }
    assert_true(((const float *)kvino_tensor_data(*place[99]))[1] == 202);
    assert_int_equal(kvino_matmul(*x, *place[0], NULL, &err), KVINO_INVALID);
    assert_int_equal(kvino_reshape(*x, KVINO_INTS(3), failed, &err), KVINO_INVALID);
    assert_null(*failed);
    kvino_tensor_release(kept);
    kept = kvino_tensor_retain(parts->v[1]);
    kvino_temporaries_clear(t);
  }
  assert_true(((const float *)kvino_tensor_data(kept))[1] == 4);
  kvino_tensor_release(kept);
  kv_fail_after(0);
  assert_null(kvino_temporary(t));
  kv_fail_after(-1);
  kvino_temporaries_free(t);
  kvino_temporaries_free(NULL);
  assert_null(kvino_temporary(NULL));
  assert_null(kvino_temporary_list(NULL));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_new),         cmocka_unit_test(test_fill),       cmocka_unit_test(test_sizes),
      cmocka_unit_test(test_temporaries), cmocka_unit_test(test_limits),     cmocka_unit_test(test_wrap),
      cmocka_unit_test(test_contiguous),  cmocka_unit_test(test_copies),     cmocka_unit_test(test_dtypes),
      cmocka_unit_test(test_conversions), cmocka_unit_test(test_shape_text), cmocka_unit_test(test_info),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
