/* A sparse matrix times a sparse matrix, row by row (Gustavson): which columns the result has is found first, then the
 * sums are made. */
#ifndef KVINO_KERNELS_SPARSE_PRODUCT_H
#define KVINO_KERNELS_SPARSE_PRODUCT_H

#include <stdbool.h>
#include <stdint.h>

#include "kvino/dtype.h"

/* Entries row by row, in any order within one: those of row r are splits[r] <= e < splits[r + 1]. */
typedef struct kv_sparse_matrix {
  int64_t rows;
  int64_t *splits;
  int32_t *columns;
  const void *values;
} kv_sparse_matrix;

/* Rows [begin, end) of the result, which a task makes: n entries, of all the result's from `first` on. */
typedef struct kv_sparse_part {
  int64_t begin, end, first, n, room;
  int32_t *columns;
  bool failed;
} kv_sparse_part;

enum { KV_SPARSE_PARTS = 64 };

/* Where the entries of a b are. */
typedef struct kv_sparse_pattern {
  const kv_sparse_matrix *a, *b;
  int64_t columns; /* of b */
  uint64_t *b_bits;
  int64_t *counts; /* entries of each row */
  int64_t n;       /* of all */
  int n_parts;
  kv_sparse_part part[KV_SPARSE_PARTS];
} kv_sparse_pattern;

/* Every place that a product of two entries falls on, in order and once, also where the sum is 0. The columns of a are
 * below b->rows, those of b below `columns`. False: out of memory. To be freed in any case. */
bool kv_sparse_find(const kv_sparse_matrix *a, const kv_sparse_matrix *b, int64_t columns, kv_sparse_pattern *pattern);
void kv_sparse_pattern_free(kv_sparse_pattern *pattern);

/* The row and the column of each place, in int32 where `narrow`, else int64; a row or column r is called names[r], or r
 * where there are no names. */
void kv_sparse_places(const kv_sparse_pattern *pattern, const int64_t *row_names, const int64_t *column_names,
                      bool narrow, void *places);
bool kv_sparse_sums_take(kvino_dtype dtype);
/* The sum at each place: 32 and 64-bit integers (they wrap), float32, float64, complex. False: out of memory. */
bool kv_sparse_sums(kv_sparse_pattern *pattern, kvino_dtype dtype, void *sums);

#endif
