/* Index operands: integers of any dtype as positions along axes, and the runs of elements that they select. */
#ifndef KVINO_KERNELS_ACCESS_POSITIONS_H
#define KVINO_KERNELS_ACCESS_POSITIONS_H

#include "kvino/dtype.h"

/* n contiguous indices as positions: negative ones count from the end of an axis of `limit` elements. Returns the place
 * of the first that is out of bounds, or -1. */
int64_t kv_load_positions(kvino_dtype dtype, const char *indices, int64_t n, int64_t limit, int64_t *positions);

/* n tuples of k contiguous indices as the sums of position * step. Returns the place (in the n * k) of the first that
 * is out of bounds, or -1. */
int64_t kv_load_offsets(kvino_dtype dtype, const char *indices, int64_t n, int k, const int64_t *limits,
                        const int64_t *steps, int64_t *offsets);

/* Runs of `run` bytes: to's run i is the one at from + position[i] * step; and the other way round. */
void kv_gather_runs(int64_t run, int64_t n, char *to, const char *from, const int64_t *position, int64_t step);
void kv_scatter_runs(int64_t run, int64_t n, char *to, const int64_t *position, int64_t step, const char *from);

/* Elements of `size` bytes: to[i] is element i of the row at from + position[i] * step. */
void kv_gather_lanes(int64_t size, int64_t n, char *to, const char *from, const int64_t *position, int64_t step);

#endif
