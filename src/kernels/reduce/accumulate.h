/* Combining values into places of an array, and running sums and products. Integers wrap, small floats are computed as
 * f32. */
#ifndef KVINO_KERNELS_REDUCE_ACCUMULATE_H
#define KVINO_KERNELS_REDUCE_ACCUMULATE_H

#include "kvino/dtype.h"

typedef enum kv_combination { KV_SUM, KV_SUB, KV_PROD, KV_MIN, KV_MAX, KV_MEAN, KV_REPLACE } kv_combination;

/* Whether the combination is defined for the dtype: bool has no difference and no mean, complex numbers have no order.
 */
bool kv_combines(kvino_dtype dtype, kv_combination op);

/* For each i below n, in order, and j below run: element j at to + offset[i] (bytes) = itself op values[i * run + j].
 * NaN stays in minima and maxima. `op` is one of sum to max. */
void kv_combine(kvino_dtype dtype, kv_combination op, int64_t n, int64_t run, char *to, const int64_t *offset,
                const char *values);
/* One element at p: the value that does not change what is combined with it. */
void kv_store_neutral(kvino_dtype dtype, kv_combination op, char *p);

/* sums (16 bytes each, zero before) += values; then to = sum / count, where count is above 0. Integers keep every bit
 * and round towards minus infinity. */
void kv_mean_add(kvino_dtype dtype, void *sum, const char *value);
void kv_mean_store(kvino_dtype dtype, char *to, const void *sum, int64_t count);

/* Running sums (KV_SUM) or products (KV_PROD) along the middle axis of in[outer][n][inner]; `exclusive` leaves out the
 * element itself, `reverse` starts at the end. */
void kv_scan(kvino_dtype dtype, kv_combination op, bool exclusive, bool reverse, int64_t outer, int64_t n,
             int64_t inner, const char *in, char *out);

#endif
