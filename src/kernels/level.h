/* What a *_body.c is compiled with. The build compiles each once for every level of instructions (cmake/isa.cmake):
 * KV_LEVEL is the level's name, KV_LEVEL_BYTES the size of its vectors: 16 (scalar: what every processor of the
 * architecture has), 32 (avx2), 64 (avx512). What a body gives stands in kernels.def. */
#ifndef KVINO_KERNELS_LEVEL_H
#define KVINO_KERNELS_LEVEL_H

#include "kernels/kernels.h"

#define KV_JOINED(name, level) name##_##level
#define KV_OF_LEVEL(name, level) KV_JOINED(name, level)
#define KV_AT_LEVEL(name) KV_OF_LEVEL(name, KV_LEVEL)

#endif
