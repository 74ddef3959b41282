/* OpenBLAS in a process that it shares with others. */
#ifndef KVINO_KERNELS_LINALG_BLAS_H
#define KVINO_KERNELS_LINALG_BLAS_H

#include "kvino/common.h"

/* Before a primitive computes by OpenBLAS. Where memory for its buffers cannot be had OpenBLAS itself would ask for it
 * for ever. */
kvino_status kv_blas_ready(kvino_error *err);

/* Around calls of it, which compute in the thread that makes them: kvino's own pool divides the work, also where a
 * product is a part of a larger task, and two pools would fight for the processors. How many threads other users of the
 * library have is theirs to say: it is put back. */
void kv_blas_begin(void);
void kv_blas_end(void);

#endif
