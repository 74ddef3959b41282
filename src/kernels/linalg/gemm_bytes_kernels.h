/* The loops of products of int8 matrices. Private to gemm_bytes*.c.
 *
 * Processors multiply bytes in units: a lane of 32 bits holds 2 or 4 values of one row of a, or of one column of b,
 * which follow each other along the axis that is summed; an instruction adds the products of two units to a sum. */
#ifndef KVINO_KERNELS_LINALG_GEMM_BYTES_KERNELS_H
#define KVINO_KERNELS_LINALG_GEMM_BYTES_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

/* Some rows of a by some columns of b. */
typedef struct kv_bytes_panel {
  int64_t rows, depth, columns;
  const int32_t *a;     /* the rows as units, zeros behind their ends */
  int64_t a_step;       /* units of a row, a multiple of the kernel's */
  const int32_t *start; /* by row: what its sums begin with */
  const int8_t *b;
  int64_t b_row, b_column; /* steps; one of them is 1 */
  int32_t *y;
  int64_t y_step;
} kv_bytes_panel;

typedef struct kv_bytes_kernel {
  int unit;     /* values of a unit: 4 bytes, or 2 int16_t */
  int multiple; /* of so many units a row has */
  int surplus;  /* what b's values have been increased by when they are multiplied: a row's sums begin with minus that
                   times the sum of the row */
  void (*panel)(const kv_bytes_panel *p);
} kv_bytes_kernel;

typedef struct kv_bytes_kernels {
  kv_bytes_kernel plain; /* by 16-bit products, which all processors of the level have */
  kv_bytes_kernel dots;  /* by dot products of bytes (VNNI); panel is NULL where the level knows none */
  kv_bytes_kernel tiles; /* by products of tiles of bytes (AMX); the same */
  bool (*has_dots)(void), (*has_tiles)(void);
} kv_bytes_kernels;

#endif
