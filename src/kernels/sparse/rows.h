/* Rows of a sparse matrix times a dense one. */
#ifndef KVINO_KERNELS_SPARSE_ROWS_H
#define KVINO_KERNELS_SPARSE_ROWS_H

#include <stdbool.h>
#include <stdint.h>

enum { KV_SPARSE_32, KV_SPARSE_64, KV_SPARSE_F32, KV_SPARSE_F64, KV_SPARSE_KINDS };

/* n_rows rows of y [.., width]: entry e of row r, splits[r] <= e < splits[r + 1], is values[e] in column columns[e],
 * and x [.., width] has a row for each column. `more`: the first row's entries are added to what y has. Integers wrap.
 */
typedef void kv_sparse_rows_loop(int64_t width, int64_t n_rows, bool more, const int32_t *splits,
                                 const int32_t *columns, const void *values, const void *x, void *y);

/* Pairs {row, column, ...} apart; whether the rows do not fall, the first is not below `begin` nor the last at or above
 * `end`, and the columns are not negative and below `limit`. */
typedef bool kv_sparse_unzip_loop(const int32_t *pairs, int64_t n, int64_t begin, int64_t end, int64_t limit,
                                  int32_t *rows, int32_t *columns);

typedef struct kv_sparse_rows_kernels {
  kv_sparse_rows_loop *multiply[KV_SPARSE_KINDS];
  kv_sparse_unzip_loop *unzip;
} kv_sparse_rows_kernels;

#endif
