/* Inner loops of the nonzero family: each level has code of its own. */
#include "kernels/level.h"

#if KV_LEVEL_BYTES == 64
#include "kernels/nonzero/nonzero_avx512.h"
#elif KV_LEVEL_BYTES == 32
#include "kernels/nonzero/nonzero_avx2.h"
#else
#include "kernels/nonzero/nonzero_scalar.h"
#endif

const kv_nz_kernels KV_AT_LEVEL(kv_nz) = NONZERO_TABLE;
