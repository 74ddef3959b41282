/* OpenBLAS asks for its buffers again and again where there is no memory for them. kvino asks first, and says so. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kvino/kvino.h"

/* The linker gives the library this one (CMakeLists.txt). */
void *__real_mmap(void *at, size_t bytes, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int file, off_t offset);

static size_t most = SIZE_MAX;

void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int file, off_t offset) {
  if (bytes <= most) return __real_mmap(at, bytes, protection, flags, file, offset);
  errno = ENOMEM;
  return MAP_FAILED;
}

extern char *openblas_get_corename(void) __attribute__((weak));
extern void *blas_memory_alloc(int place) __attribute__((weak));

static bool has_avx2(void) {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return false;
#endif
}

/* Where OpenBLAS does not know the processor it falls back to kernels of SSE3. */
static void test_kernels_are_those_of_the_processor(void **state) {
  (void)state;
  if (!openblas_get_corename || !has_avx2()) skip();
  assert_string_not_equal(openblas_get_corename(), "Prescott");
  assert_null(getenv("OPENBLAS_CORETYPE")); /* processes that this one starts choose for themselves */
}

static void test_a_product_without_memory_for_its_buffers(void **state) {
  (void)state;
  kvino_error err = {0};
  kvino_tensor *a = NULL, *y = NULL;
  if (!blas_memory_alloc) skip(); /* another BLAS */
  assert_int_equal(kvino_tensor_new(KVINO_F64, 2, (int64_t[]){64, 64}, NULL, &a, &err), KVINO_OK);
  memset((void *)kvino_tensor_data(a), 0, 64 * 64 * sizeof(double));
  most = (size_t)16 << 20;
  for (int i = 0; i < 2; i++) {
    assert_int_equal(kvino_matmul(a, a, &y, &err), KVINO_NO_MEMORY);
    assert_non_null(strstr(err.text, "out of memory for OpenBLAS"));
    assert_null(y);
  }
  most = SIZE_MAX;
  assert_int_equal(kvino_matmul(a, a, &y, &err), KVINO_OK);
  kvino_tensor_release(y);
  kvino_tensor_release(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_kernels_are_those_of_the_processor),
                                     cmocka_unit_test(test_a_product_without_memory_for_its_buffers)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
