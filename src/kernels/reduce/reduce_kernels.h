/* The inner loops of reductions, one table per level, and the accumulators ("state") they work on. Private to the
 * kernels that reduce: reduce*.c, pool.c, softmax.c.
 *
 * A state has `width` slots, one for each output that is computed at once. What a slot is follows from the operation
 * and the dtype (kv_reduce_state): floats below f64 accumulate in f64, so that one rounding remains; f64 sums carry the
 * rounding error of every addition along (Neumaier's compensation: `width` errors stand behind the `width` sums);
 * integers wrap in their own dtype. Loops take f32 where the tensor has a smaller float: the callers widen. */
#ifndef KVINO_KERNELS_REDUCE_REDUCE_KERNELS_H
#define KVINO_KERNELS_REDUCE_REDUCE_KERNELS_H

#include "base/cpu.h"
#include "kernels/reduce/reduce.h"

typedef enum kv_reduce_state {
  KV_STATE_NONE,        /* the operation does not take the dtype */
  KV_STATE_SAME,        /* an element */
  KV_STATE_F64,         /* a double: sums and products of f32; products of f64 */
  KV_STATE_COMPENSATED, /* double sum and error */
  KV_STATE_C128,        /* two doubles: sums of c64 */
  KV_STATE_C128_COMPENSATED,
  KV_STATE_C128_PRODUCT
} kv_reduce_state;

typedef struct kv_reduce_kernel {
  /* state[j] takes in the n elements of each of `rows` rows, which stand `step` bytes apart; elements in a row are
   * contiguous and aligned. */
  void (*columns)(const char *p, int64_t step, int64_t rows, int64_t n, void *state, int64_t width);
  /* state[0] takes in n contiguous aligned elements. */
  void (*row)(const char *p, int64_t n, void *state, int64_t width);
  /* Maximum and minimum only: the first of n contiguous aligned elements that equals the one at `value` (that is NaN
   * where it is); n where none does. */
  int64_t (*find)(const char *p, int64_t n, const void *value);
} kv_reduce_kernel;

/* Everything about one operation on one dtype. MEAN, L2 and MEAN_SQUARE differ from sums (of squares)
 * only in kv_reduce_finish. */
typedef struct kv_reducer {
  kv_reduce_op op;
  kvino_dtype dtype;   /* of the tensor and of the result */
  kvino_dtype compute; /* of the elements that the loops take: f32 for smaller floats, else dtype */
  kv_reduce_state state;
  int size; /* bytes of a slot, its error included */
  kv_reduce_kernel kernel;
} kv_reducer;

/* What kernels compute f8, f16 and bf16 in: f32. Other dtypes: themselves. */
static inline kvino_dtype kv_compute_dtype(kvino_dtype dtype) {
  return dtype >= KVINO_F8E4M3 && dtype <= KVINO_BF16 ? KVINO_F32 : dtype;
}

enum { KV_REDUCE_STATE = 16384, KV_REDUCE_SLOT = 32 }; /* bytes of a state on the stack; of the largest slot */

/* Errors: KVINO_TYPE where the operation does not take the dtype. */
kvino_status kv_reducer_init(kv_reducer *r, kv_reduce_op op, kvino_dtype dtype, kvino_error *err);
/* Slots 0 to n - 1 (of `width`) become what they are before the first element. */
void kv_reduce_begin(const kv_reducer *r, void *state, int64_t n, int64_t width);
/* into[j] takes in from[j], for j below n. */
void kv_reduce_merge(const kv_reducer *r, void *into, int64_t into_width, const void *from, int64_t from_width,
                     int64_t n);
/* The results of slots 0 to n - 1 as r->dtype, `step` bytes apart; `count` elements went into each. */
void kv_reduce_finish(const kv_reducer *r, const void *state, int64_t width, int64_t n, double count, char *out,
                      int64_t step);

/* The loops of each ISA for an operation (not MEAN) and a compute dtype; NULL functions where there are none. */
typedef kv_reduce_kernel kv_reduce_table[KV_REDUCE_OPS][KVINO_DTYPE_COUNT];

#endif
