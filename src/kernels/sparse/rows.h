/* Rows of a sparse matrix times a dense one. */
#ifndef KVINO_KERNELS_SPARSE_ROWS_H
#define KVINO_KERNELS_SPARSE_ROWS_H

#include <stdint.h>

enum { KV_SPARSE_32, KV_SPARSE_64, KV_SPARSE_F32, KV_SPARSE_F64, KV_SPARSE_KINDS };

/* Rows [begin, end) of y [.., width]: entry e of row r, splits[r] <= e < splits[r + 1], is values[e] in column
 * columns[2 e], and x [.., width] has a row for each column. Integers wrap. */
typedef void kv_sparse_rows_loop(int64_t width, int64_t begin, int64_t end, const int64_t *splits,
                                 const int32_t *columns, const void *values, const void *x, void *y);
typedef kv_sparse_rows_loop *kv_sparse_rows_table[KV_SPARSE_KINDS];

#endif
