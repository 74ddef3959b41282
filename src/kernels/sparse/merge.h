/* Two rising sequences of numbers, merged. */
#ifndef KVINO_KERNELS_SPARSE_MERGE_H
#define KVINO_KERNELS_SPARSE_MERGE_H

#include <stdbool.h>
#include <stdint.h>

enum { KV_MERGE_PIECES = 64 };

/* Numbers [a, next piece's a) of the first sequence and [b, next piece's b) of the second: n are kept of them, written
 * from a + b on, and are first.. of all that are kept. */
typedef struct kv_merge_piece {
  int64_t a, b, n, first;
} kv_merge_piece;

typedef struct kv_merge {
  const uint64_t *a, *b; /* rising; fewer than 2^31 */
  int64_t n_a, n_b;
  bool both;                /* what both have is kept, not what either has */
  int32_t *from_a, *from_b; /* room for n_a + n_b each: where it is in a and in b, or -1 */
  int64_t n;                /* kept */
  int n_pieces;
  kv_merge_piece piece[KV_MERGE_PIECES + 1];
} kv_merge;

void kv_merge_run(kv_merge *m);

/* Rows of `bytes`: the row that each kept number has in x, where `at` (NULL: itself) says which; zeros where it has
 * none. from: m->from_a or m->from_b. Where `given`, rows that there are none of keep what `to` has. */
void kv_merge_take(const kv_merge *m, const int32_t *from, const int64_t *at, bool given, int64_t bytes, const char *x,
                   char *to);

#endif
