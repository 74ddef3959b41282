/* Microseconds of every kernel of kernels.def at each level of instructions that this processor has: medians of
 * interleaved runs over 4096 elements of each dtype that the kernel takes. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <time.h>

#include "kernel_cases.h"

enum { RUNS = 41, ELEMENTS = 4096 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void print_row(const char *name, double us[KV_ISA_COUNT][RUNS]) {
  double median[KV_ISA_COUNT];
  printf("%-18s", name);
  for (int isa = 0; isa <= (int)kv_cpu_isa(); isa++) {
    qsort(us[isa], RUNS, sizeof us[isa][0], ascending);
    median[isa] = us[isa][RUNS / 2];
    printf("  %10.1f", median[isa]);
    if (isa) printf("  %6.2fx", median[0] / median[isa]);
  }
  printf("\n");
}

#define KERNEL(name, type)                                                                                             \
  static void bench_##name(cases *c) {                                                                                 \
    type *const levels[KV_ISA_COUNT] = KV_LEVELS(name);                                                                \
    double us[KV_ISA_COUNT][RUNS];                                                                                     \
    for (int run = -1; run < RUNS; run++)                                                                              \
      for (int isa = 0; isa <= (int)kv_cpu_isa(); isa++) {                                                             \
        double start = now();                                                                                          \
        run_##name(levels[isa], c);                                                                                    \
        if (run >= 0) us[isa][run] = now() - start;                                                                    \
      }                                                                                                                \
    print_row(#name, us);                                                                                              \
  }
#include "kernels/kernels.def"
#undef KERNEL

int main(void) {
  cases *c = cases_new(ELEMENTS, 1, false);
  printf("%-18s", "kernel, us");
  for (int isa = 0; isa <= (int)kv_cpu_isa(); isa++)
    printf(isa ? "  %10s         " : "  %10s", kv_isa_name((kv_isa)isa));
  printf("\n");
#define KERNEL(name, type) bench_##name(c);
#include "kernels/kernels.def"
#undef KERNEL
  cases_free(c);
}
