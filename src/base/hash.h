/* 64-bit mixing for hashes. */
#ifndef KVINO_BASE_HASH_H
#define KVINO_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t kv_mix(uint64_t seed, uint64_t value);
uint64_t kv_mix_bytes(uint64_t seed, const void *bytes, size_t n);

#endif
