/* The loops of conversions, one set per instruction set. All contiguous. */
#ifndef KVINO_KERNELS_ELEMENTWISE_CONVERT_KERNELS_H
#define KVINO_KERNELS_ELEMENTWISE_CONVERT_KERNELS_H

#include "base/cpu.h"
#include "kvino/dtype.h"

typedef struct kv_convert_kernels {
  /* bool, integers, f32 and f64 among each other. */
  void (*core)(kvino_dtype from, const void *x, kvino_dtype to, void *y, size_t n);
  /* f8, f16, bf16 to f32, and f32 to these. */
  void (*widen)(kvino_dtype from, const void *x, float *y, size_t n);
  void (*narrow)(const void *x, kvino_dtype to, void *y, size_t n);
  /* f64, i64 or u64 to f32 "rounded to odd": cut, and the last bit set where something was cut off. Rounding that once
   * more, to a format of at most 22 bits, gives what one rounding would have given. */
  void (*odd)(kvino_dtype from, const void *x, float *y, size_t n);
} kv_convert_kernels;

#endif
