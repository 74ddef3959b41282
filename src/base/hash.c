#include "base/hash.h"

#include <string.h>

uint64_t kv_mix(uint64_t seed, uint64_t value) {
  uint64_t x = seed ^ (value + 0x9e3779b97f4a7c15u + (seed << 6) + (seed >> 2)); /* splitmix64's finaliser below */
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

uint64_t kv_mix_bytes(uint64_t seed, const void *bytes, size_t n) {
  const char *p = bytes;
  uint64_t word;
  for (; n >= sizeof word; n -= sizeof word, p += sizeof word) {
    memcpy(&word, p, sizeof word);
    seed = kv_mix(seed, word);
  }
  word = n;
  memcpy(&word, p, n);
  return kv_mix(kv_mix(seed, word), n);
}
