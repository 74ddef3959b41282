/* A cursor over the elements of a strided view in C order: the axes are coalesced, so that it moves in the longest runs
 * of one stride there are. Any number of cursors over views broadcast to one shape walk in step. */
#ifndef KVINO_KERNELS_ACCESS_ITERATE_H
#define KVINO_KERNELS_ACCESS_ITERATE_H

#include "kernels/access/view.h"

typedef struct kv_cursor {
  const char *at; /* the current element */
  size_t size;    /* bytes per element */
  int rank;       /* of coalesced axes; at least 1 */
  int64_t shape[KVINO_MAX_RANK], stride[KVINO_MAX_RANK], index[KVINO_MAX_RANK];
} kv_cursor;

/* At the first element of `view` broadcast to `shape` (which it must fit). */
void kv_cursor_start(kv_cursor *c, const kv_view *view, int rank, const int64_t *shape);
/* To element number i in C order. The view must not be empty. */
void kv_cursor_seek(kv_cursor *c, int64_t i);
/* Forward by n elements, at most to the end of the current run. */
void kv_cursor_advance(kv_cursor *c, int64_t n);
/* Copies the next n elements to contiguous memory and moves behind them. */
void kv_cursor_read(kv_cursor *c, void *to, int64_t n);

/* Elements to the end of the current run; they stand kv_cursor_step bytes apart. */
static inline int64_t kv_cursor_run(const kv_cursor *c) { return c->shape[c->rank - 1] - c->index[c->rank - 1]; }
static inline int64_t kv_cursor_step(const kv_cursor *c) { return c->stride[c->rank - 1]; }
/* Elements after which the same ones come again, because the outermost axis is a broadcast one; 0 where they do not. */
int64_t kv_cursor_period(const kv_cursor *c);

#endif
