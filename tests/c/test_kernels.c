/* Every kernel of kernels.def: each level of instructions that this processor has gives what the scalar one gives, bit
 * by bit, or as near as kernel_cases.h says where a level rounds less often or has another library function. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "kernel_cases.h"

static double number(kvino_dtype dtype, const char *p) {
  float f;
  double d;
  if (dtype == KVINO_F32) return memcpy(&f, p, sizeof f), f;
  return memcpy(&d, p, sizeof d), d;
}

/* NaN has many bit patterns; which one comes out of two is the compiler's choice. */
static bool both_nan(kvino_dtype dtype, const char *a, const char *b) {
  if (dtype == KVINO_C64 || dtype == KVINO_C128) {
    kvino_dtype part = dtype == KVINO_C64 ? KVINO_F32 : KVINO_F64;
    size_t size = kvino_dtype_size(part);
    for (int i = 0; i < 2; i++, a += size, b += size)
      if (memcmp(a, b, size) && !both_nan(part, a, b)) return false;
    return true;
  }
  if (dtype != KVINO_F32 && dtype != KVINO_F64) {
    kv_wide_key nan = {dtype == KVINO_F16 || dtype == KVINO_BF16 ? UINT16_MAX : UINT8_MAX, 0};
    return kvino_dtype_is_float(dtype) && !kv_order_compare(kv_order_key(dtype, a), nan) &&
           !kv_order_compare(kv_order_key(dtype, b), nan);
  }
  return isnan(number(dtype, a)) && isnan(number(dtype, b));
}

static bool agree(const span *s, const char *a, const char *b) {
  if (!memcmp(a, b, kvino_dtype_size(s->dtype)) || both_nan(s->dtype, a, b)) return true;
  if (s->near == 0) return false;
  double x = number(s->dtype, a), y = number(s->dtype, b);
  return fabs(x - y) <= s->near * fmax(fabs(x), fabs(y));
}

static void compare(const char *name, int isa, const cases *want, const cases *got) {
  assert_int_equal(want->n_spans, got->n_spans);
  for (size_t i = 0; i < want->n_spans; i++) {
    const span *s = &want->spans[i];
    size_t size = kvino_dtype_size(s->dtype);
    assert_int_equal(s->n, got->spans[i].n);
    for (size_t k = 0; k < s->n; k++)
      if (!agree(s, want->out + s->offset + k * size, got->out + s->offset + k * size))
        fail_msg("%s, %s: result %zu (%s), element %zu of %zu", name, kv_isa_name((kv_isa)isa), i,
                 kvino_dtype_name(s->dtype), k, s->n);
  }
}

/* Lengths around those of vectors and blocks. */
static const int64_t lengths[] = {1, 2, 7, 15, 16, 17, 31, 33, 63, 64, 65, 100, 255, 257, 1000, 4100};

#define KERNEL(name, type)                                                                                             \
  static void test_##name(void **state) {                                                                              \
    type *const levels[KV_ISA_COUNT] = KV_LEVELS(name);                                                                \
    (void)state;                                                                                                       \
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {                                                    \
      cases *want = cases_new(lengths[i], i, true);                                                                    \
      run_##name(levels[KV_ISA_SCALAR], want);                                                                         \
      for (int isa = 1; isa <= (int)kv_cpu_isa() && levels[isa]; isa++) {                                              \
        cases *got = cases_new(lengths[i], i, true);                                                                   \
        run_##name(levels[isa], got);                                                                                  \
        compare(#name, isa, want, got);                                                                                \
        cases_free(got);                                                                                               \
      }                                                                                                                \
      cases_free(want);                                                                                                \
    }                                                                                                                  \
  }
#include "kernels/kernels.def"
#undef KERNEL

int main(void) {
  const struct CMUnitTest tests[] = {
#define KERNEL(name, type) cmocka_unit_test(test_##name),
#include "kernels/kernels.def"
#undef KERNEL
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
