/* The tables of loops, one per instruction set; entries of other tables are NULL. */
#ifndef KVINO_KERNELS_ELEMENTWISE_ELEMENTWISE_TABLES_H
#define KVINO_KERNELS_ELEMENTWISE_ELEMENTWISE_TABLES_H

#include "base/cpu.h"
#include "kernels/elementwise/elementwise.h"

/* y[i] = formula(a[i], b[i], c[i]) for i < n, all contiguous; y aligned to its elements. Operands that the formula does
 * not have are any readable n elements (a again). `dtype` is one that has a loop; p is never NULL. */
typedef void kv_elementwise_loop(kvino_dtype dtype, void *y, const void *a, const void *b, const void *c, size_t n,
                                 const kv_loop_params *p);

typedef kv_elementwise_loop *const kv_loop_table[KV_LOOP_COUNT];
extern kv_loop_table kv_loops_math;
/* Of f32 and of f64, where SLEEF has better ones; NULL elsewhere. Always called with that dtype. */
typedef kv_elementwise_loop *const kv_sleef_table[KV_LOOP_COUNT][2];

/* y[i] = condition[i] ? a[i] : b[i], elements of 1, 2, 4, 8 or 16 bytes; all contiguous. */
typedef void kv_select_loop(size_t size, void *y, const uint8_t *condition, const void *a, const void *b, size_t n);

#endif
