/* Random words by the counter-based generator Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as
 * easy as 1, 2, 3", 2011). Any block of four words is a function of the key and a counter, so that every element of a
 * result has words of its own, whichever thread computes it. */
#ifndef KVINO_KERNELS_RANDOM_RANDOM_BITS_H
#define KVINO_KERNELS_RANDOM_RANDOM_BITS_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/elementwise/portable_math.h"

/* The counter: a position, the number of the draw for that position, and what is drawn. */
static inline void kv_philox(const uint32_t key[2], uint64_t position, uint32_t draw, uint32_t purpose,
                             uint32_t out[4]) {
  uint32_t c0 = (uint32_t)position, c1 = (uint32_t)(position >> 32), c2 = draw, c3 = purpose;
  uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)0xd2511f53u * c0, p1 = (uint64_t)0xcd9e8d57u * c2;
    uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)p1;
    c3 = (uint32_t)p0;
    c0 = n0;
    c2 = n2;
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/* As many words as one element needs: for algorithms that reject. */
typedef struct kv_stream {
  const uint32_t *key;
  uint64_t position;
  uint32_t purpose, draw;
  int used; /* of word */
  uint32_t word[4];
  double spare; /* the other half of a pair of normal numbers */
  bool has_spare;
} kv_stream;

static inline kv_stream kv_stream_at(const uint32_t *key, uint32_t purpose, uint64_t position) {
  return (kv_stream){.key = key, .position = position, .purpose = purpose, .used = 4};
}

static inline uint64_t kv_stream_u64(kv_stream *s) {
  if (s->used == 4) {
    kv_philox(s->key, s->position, s->draw++, s->purpose, s->word);
    s->used = 0;
  }
  uint64_t bits = (uint64_t)s->word[s->used] << 32 | s->word[s->used + 1];
  s->used += 2;
  return bits;
}

/* In (0, 1): the middles of 2^52 intervals. */
static inline double kv_stream_unit(kv_stream *s) { return ((double)(kv_stream_u64(s) >> 12) + 0.5) * 0x1p-52; }

/* Two numbers of (0, 1) to two normal ones (Box and Muller, 1958). */
static inline void kv_normal_pair(double u, double v, double *first, double *second) {
  double radius = sqrt(-2 * kv_portable_log(u)), sine, cosine;
  kv_portable_sincos_turn(v, &sine, &cosine);
  *first = radius * cosine;
  *second = radius * sine;
}

static inline double kv_stream_normal(kv_stream *s) {
  if (s->has_spare) {
    s->has_spare = false;
    return s->spare;
  }
  double u = kv_stream_unit(s), v = kv_stream_unit(s), first;
  kv_normal_pair(u, v, &first, &s->spare);
  s->has_spare = true;
  return first;
}

#endif
