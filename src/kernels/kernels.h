/* Every kernel that has a version for each level of instructions (kernels.def), and the choice among them. */
#ifndef KVINO_KERNELS_KERNELS_H
#define KVINO_KERNELS_KERNELS_H

#include "base/cpu.h"
#include "kernels/elementwise/convert_kernels.h"
#include "kernels/elementwise/elementwise_tables.h"
#include "kernels/image/color.h"
#include "kernels/image/resample.h"
#include "kernels/linalg/gemm_bytes_kernels.h"
#include "kernels/linalg/gemm_kernels.h"
#include "kernels/nonzero/nonzero_kernels.h"
#include "kernels/order/search.h"
#include "kernels/order/short_rows.h"
#include "kernels/reduce/extreme.h"
#include "kernels/reduce/normalize_kernels.h"
#include "kernels/reduce/reduce_kernels.h"
#include "kernels/signal/fft.h"
#include "kernels/sparse/rows.h"
#include "kernels/window/conv_filters_kernels.h"
#include "kernels/window/pool_back_kernels.h"
#include "kernels/window/taps.h"

#if defined(KV_X86_LEVELS) /* the build says which levels it compiles */
#define KERNEL(name, type) extern type name##_scalar, name##_avx2, name##_avx512;
/* The kernel for this processor (or a lower one, by KVINO_ISA): a function or an object. */
#define KV_BEST(name)                                                                                                  \
  (*(kv_cpu_isa() == KV_ISA_AVX512 ? &name##_avx512 : kv_cpu_isa() == KV_ISA_AVX2 ? &name##_avx2 : &name##_scalar))
/* Pointers to all, by kv_isa; NULL where the build has none. */
#define KV_LEVELS(name)                                                                                                \
  { [KV_ISA_SCALAR] = &name##_scalar, [KV_ISA_AVX2] = &name##_avx2, [KV_ISA_AVX512] = &name##_avx512 }
#else
#define KERNEL(name, type) extern type name##_scalar;
#define KV_BEST(name) name##_scalar
#define KV_LEVELS(name)                                                                                                \
  { [KV_ISA_SCALAR] = &name##_scalar }
#endif
#include "kernels/kernels.def"
#undef KERNEL

#endif
