/* What a loop over contiguous elements is fed with: a strided, broadcast view of any dtype, delivered in C order, piece
 * by piece, as contiguous elements of the dtype that the loop computes in. A view that is contiguous already is passed
 * on as it stands; one that repeats (a scalar, a row added to every row) is copied once; others are gathered into a
 * buffer. */
#ifndef KVINO_KERNELS_ACCESS_FEED_H
#define KVINO_KERNELS_ACCESS_FEED_H

#include "kernels/access/iterate.h"

enum { KV_FEED_BYTES = 8192 }; /* of a buffer: a few of them fit the first-level cache */

typedef struct kv_feed {
  kv_cursor cursor;
  kvino_dtype from, to;
  size_t size;           /* bytes of an element as delivered */
  int64_t period, phase; /* period > 0: `buffer` holds the repeated elements, the next one is number `phase` */
  int64_t capacity;      /* elements in `buffer` */
  char *buffer;
} kv_feed;

/* To deliver `count` elements of `view` broadcast to `shape`, as `to`, from element number `begin` on. `buffer` holds
 * KV_FEED_BYTES, aligned to 16, and stays the feed's. */
void kv_feed_start(kv_feed *f, const kv_view *view, int rank, const int64_t *shape, kvino_dtype to, int64_t begin,
                   int64_t count, char *buffer);
/* How many of the next `most` elements (at least 1) it can deliver in one piece. */
int64_t kv_feed_offer(const kv_feed *f, int64_t most);
/* The next n elements, at most as many as offered; valid until the next call. */
const void *kv_feed_next(kv_feed *f, int64_t n);

#endif
