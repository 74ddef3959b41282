/* FarmHash: hash functions by length, which read the string in words of 64 bits. SipHash: four words of state, two
 * rounds for each word of the string, four at the end. */
#include "kernels/strings/fingerprint.h"

#include <string.h>

/* ---- words ---- */

static uint64_t word(const char *s) {
  uint64_t v;
  memcpy(&v, s, sizeof v);
  return v;
}
static uint64_t half_word(const char *s) {
  uint32_t v;
  memcpy(&v, s, sizeof v);
  return v;
}
static uint64_t rotate_right(uint64_t v, int n) { return v >> n | v << (64 - n); }
static uint64_t rotate_left(uint64_t v, int n) { return v << n | v >> (64 - n); }
static uint64_t fold(uint64_t v) { return v ^ v >> 47; }

/* ---- FarmHash ---- */

static const uint64_t K0 = 0xc3a5c85c97cb3127u, K1 = 0xb492b66fbe98f273u, K2 = 0x9ae16a3b2f90404fu;

static uint64_t join(uint64_t u, uint64_t v, uint64_t factor) {
  uint64_t a = fold((u ^ v) * factor);
  return fold((v ^ a) * factor) * factor;
}

static uint64_t up_to_16(const char *s, size_t n) {
  uint64_t factor = K2 + n * 2;
  if (n >= 8) {
    uint64_t a = word(s) + K2, b = word(s + n - 8);
    return join(rotate_right(b, 37) * factor + a, (rotate_right(a, 25) + b) * factor, factor);
  }
  if (n >= 4) return join(n + (half_word(s) << 3), half_word(s + n - 4), factor);
  if (!n) return K2;
  const unsigned char *c = (const unsigned char *)s;
  uint32_t y = c[0] + ((uint32_t)c[n >> 1] << 8), z = (uint32_t)n + ((uint32_t)c[n - 1] << 2);
  return fold(y * K2 ^ z * K0) * K2;
}

/* Of the first and the last 16 bytes; *sum: what longer strings go on with. */
static uint64_t ends(const char *s, size_t n, uint64_t first, uint64_t *sum) {
  uint64_t factor = K2 + n * 2, a = word(s) * first, b = word(s + 8);
  uint64_t c = word(s + n - 8) * factor, d = word(s + n - 16) * K2;
  *sum = rotate_right(a + b, 43) + rotate_right(c, 30) + d;
  return join(*sum, a + rotate_right(b + K2, 18) + c, factor);
}

static uint64_t up_to_64(const char *s, size_t n) {
  uint64_t factor = K2 + n * 2, y, z = ends(s, n, K2, &y);
  uint64_t a = word(s) * K2, e = word(s + 16) * factor, f = word(s + 24);
  uint64_t g = (y + word(s + n - 32)) * factor, h = (z + word(s + n - 24)) * factor;
  return join(rotate_right(e + f, 43) + rotate_right(g, 30) + h, e + rotate_right(f + a, 18) + g, factor);
}

typedef struct pair {
  uint64_t a, b;
} pair;

static pair mix_32(const char *s, uint64_t a, uint64_t b) {
  uint64_t z = word(s + 24), c;
  a += word(s);
  b = rotate_right(b + a + z, 21);
  c = a;
  a += word(s + 8) + word(s + 16);
  b += rotate_right(a, 44);
  return (pair){a + z, b + c};
}

typedef struct state {
  uint64_t x, y, z;
  pair v, w;
} state;

/* 64 bytes; the last ones are mixed with a factor of their own and with `times` 9. */
static void mix_64(state *t, const char *s, uint64_t factor, uint64_t times) {
  uint64_t x = rotate_right(t->x + t->y + t->v.a + word(s + 8), 37) * factor;
  uint64_t y = rotate_right(t->y + t->v.b + word(s + 48), 42) * factor;
  x ^= t->w.b * times;
  y += t->v.a * times + word(s + 40);
  uint64_t z = rotate_right(t->z + t->w.a, 33) * factor;
  t->v = mix_32(s, t->v.b * factor, x + t->w.a);
  t->w = mix_32(s + 32, z + t->w.b, y + word(s + 16));
  t->x = z;
  t->y = y;
  t->z = x;
}

static uint64_t long_one(const char *s, size_t n) {
  const uint64_t seed = 81;
  state t = {.x = seed * K2 + word(s), .y = seed * K1 + 113};
  t.z = fold(t.y * K2 + 113) * K2;
  size_t rest = (n - 1) & 63;
  const char *end = s + (n - 1) / 64 * 64;
  for (; s != end; s += 64) mix_64(&t, s, K1, 1);
  uint64_t factor = K1 + ((t.z & 0xff) << 1);
  t.w.a += rest;
  t.v.a += t.w.a;
  t.w.a += t.v.a;
  mix_64(&t, end + rest - 63, factor, 9);
  return join(join(t.v.a, t.w.a, factor) + fold(t.y) * K0 + t.z, join(t.v.b, t.w.b, factor) + t.x, factor);
}

uint64_t kv_fingerprint(const char *s, size_t n) {
  uint64_t sum;
  return n <= 16 ? up_to_16(s, n) : n <= 32 ? ends(s, n, K1, &sum) : n <= 64 ? up_to_64(s, n) : long_one(s, n);
}

uint64_t kv_fingerprint_join(uint64_t a, uint64_t b) {
  const uint64_t factor = 0xc6a4a7935bd1e995u;
  uint64_t h = a ^ factor;
  h ^= fold(b * factor) * factor;
  h *= factor;
  return fold(fold(h) * factor);
}

/* ---- SipHash ---- */

static void rounds(uint64_t v[4], int n) {
  while (n--) {
    v[0] += v[1];
    v[1] = rotate_left(v[1], 13) ^ v[0];
    v[0] = rotate_left(v[0], 32);
    v[2] += v[3];
    v[3] = rotate_left(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate_left(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate_left(v[1], 17) ^ v[2];
    v[2] = rotate_left(v[2], 32);
  }
}

static void take(uint64_t v[4], uint64_t m) {
  v[3] ^= m;
  rounds(v, 2);
  v[0] ^= m;
}

uint64_t kv_siphash(const uint64_t key[2], const char *s, size_t n) {
  uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du, key[0] ^ 0x6c7967656e657261u,
                   key[1] ^ 0x7465646279746573u};
  uint64_t last = (uint64_t)n << 56;
  size_t whole = n / 8 * 8;
  for (size_t i = 0; i < whole; i += 8) take(v, word(s + i));
  for (size_t i = whole; i < n; i++) last |= (uint64_t)(unsigned char)s[i] << (i % 8 * 8);
  take(v, last);
  v[2] ^= 0xff;
  rounds(v, 4);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}
