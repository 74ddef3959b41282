/* The fingerprint (fingerprint.h). Written here because gigabytes of weights pass through it: eight independent lanes
 * of multiply and rotate run at the speed of memory, where a cryptographic hash would take longer than compiling. */
#include "openvino/fingerprint.h"

#include <string.h>

#define LANES 8
#define ODD_A 0x9e3779b97f4a7c15u /* 2^64 / golden ratio, odd */
#define ODD_B 0xd6e8feb86659fd93u /* odd, about half of its bits set */

static uint64_t rotate(uint64_t x, int n) { return x << n | x >> (64 - n); }

/* A bijection of `word` for any lane, and of `lane` for any word: one changed word always changes the lane. */
static uint64_t step(uint64_t lane, uint64_t word) { return rotate(lane ^ word * ODD_A, 29) * ODD_B; }

static uint64_t finish(uint64_t x) {
  x = (x ^ x >> 32) * ODD_A;
  x = (x ^ x >> 29) * ODD_B;
  return x ^ x >> 32;
}

kv_ov_key kv_ov_fingerprint(kv_ov_key before, const void *bytes, size_t n) {
  const unsigned char *at = bytes;
  uint64_t lanes[LANES], words[LANES];
  for (unsigned i = 0; i < LANES; i++) lanes[i] = step(before.word[i & 1], i + 1);
  size_t left = n;
  for (; left >= sizeof words; left -= sizeof words, at += sizeof words) {
    memcpy(words, at, sizeof words);
    for (unsigned i = 0; i < LANES; i++) lanes[i] = step(lanes[i], words[i]);
  }
  memset(words, 0, sizeof words);
  if (left) memcpy(words, at, left);
  for (unsigned i = 0; i < LANES; i++) lanes[i] = step(lanes[i], words[i]);
  kv_ov_key key = {{n, ~(uint64_t)n}}; /* the length tells padding from zeros */
  for (unsigned i = 0; i < LANES; i++) {
    key.word[0] = step(key.word[0], finish(lanes[i]));
    key.word[1] = step(key.word[1], finish(lanes[LANES - 1 - i] + ODD_A));
  }
  key.word[0] = finish(key.word[0]);
  key.word[1] = finish(key.word[1]);
  return key;
}
