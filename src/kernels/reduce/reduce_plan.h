/* How a reduction walks through memory. Private to reduce*.c.
 *
 * Axes are sorted by their strides and neighbours that step as one are merged, the kept ones (one output for each of
 * their elements) apart from the reduced ones. Then either rows:    each output takes in runs along the innermost
 * reduced axis, or columns: as many outputs as a state holds along the innermost kept axis take in one element each of
 * row after row, whichever follows memory better. The outputs computed together are a tile. */
#ifndef KVINO_KERNELS_REDUCE_REDUCE_PLAN_H
#define KVINO_KERNELS_REDUCE_REDUCE_PLAN_H

#include "kernels/reduce/reduce_kernels.h"

typedef struct kv_reduce_plan {
  kvino_dtype dtype, compute;
  int64_t size; /* bytes of an element */
  const char *data;
  bool aligned; /* every element is: contiguous runs can be read where they are */
  bool rows;
  int n_kept, n_reduced; /* at least 1: an axis of one element stands for none */
  int64_t elements;      /* of the whole input */
  int64_t count;         /* that go into one output */
  int64_t outputs;
  int64_t width;              /* outputs in a tile; the last tile along the innermost kept axis may have fewer */
  int64_t tiles, tiles_inner; /* all; along the innermost kept axis */
  int64_t kept[KVINO_MAX_RANK], kept_step[KVINO_MAX_RANK];
  int64_t kept_out[KVINO_MAX_RANK]; /* elements in the output */
  int64_t reduced[KVINO_MAX_RANK], reduced_step[KVINO_MAX_RANK];
} kv_reduce_plan;

/* `ordered`: the reduced axes keep C order. `slot`: bytes of an output's state, at least those of an element of the
 * compute dtype. Only for views with elements. */
void kv_reduce_plan_init(kv_reduce_plan *p, const kv_view *x, const bool *reduced, bool ordered, int slot);

/* Where the input of a tile begins, the number of its first output and how many it has. */
const char *kv_reduce_plan_tile(const kv_reduce_plan *p, int64_t tile, int64_t *output, int64_t *n);

/* To the next of the outer reduced axes (all but the innermost), whose first `index` holds; axis `split` has only
 * `length` elements (split -1: none has). False after the last. */
bool kv_reduce_plan_next(const kv_reduce_plan *p, int split, int64_t length, int64_t *index, const char **at);

/* `rows` rows of n elements, `step` bytes apart in a row and `row_step` from row to row, as contiguous aligned elements
 * of the compute dtype. As many rows (at least 1) as `buffer` holds; returns how many. *to and *to_step: where they
 * are. */
enum { KV_REDUCE_BUFFER = 16384 };
typedef struct kv_reduce_buffer {
  _Alignas(64) char raw[KV_REDUCE_BUFFER];
  _Alignas(64) char wide[KV_REDUCE_BUFFER];
} kv_reduce_buffer;
int64_t kv_reduce_load(const kv_reduce_plan *p, const char *at, int64_t row_step, int64_t rows, int64_t n, int64_t step,
                       kv_reduce_buffer *buffer, const char **to, int64_t *to_step);
/* The most elements that one row in kv_reduce_load may have. */
int64_t kv_reduce_load_most(const kv_reduce_plan *p);
/* Elements `step` apart need no load. */
static inline bool kv_reduce_in_place(const kv_reduce_plan *p, int64_t step) {
  return p->aligned && step == p->size && p->compute == p->dtype;
}

#endif
