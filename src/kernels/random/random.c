/* Uniform and normal numbers, integers, classes. */
#include "kernels/random/random.h"

#include "kernels/random/random_bits.h"

enum { BLOCKS = KV_RANDOM_CHUNK / 4 };

/* `count` words from number `first` on, a multiple of 4. Blocks are computed side by side: the compiler's vectors. */
static void words(const uint32_t key[2], uint32_t purpose, uint64_t first, int count, uint32_t *out) {
  enum { SIDE = 16 };
  for (int done = 0; done < count; done += 4 * SIDE) {
    uint32_t c0[SIDE], c1[SIDE], c2[SIDE], c3[SIDE], k0 = key[0], k1 = key[1];
    for (int i = 0; i < SIDE; i++) {
      uint64_t block = (first + (uint64_t)done) / 4 + (uint64_t)i;
      c0[i] = (uint32_t)block;
      c1[i] = (uint32_t)(block >> 32);
      c2[i] = 0;
      c3[i] = purpose;
    }
    for (int round = 0; round < 10; round++) {
      for (int i = 0; i < SIDE; i++) {
        uint64_t p0 = (uint64_t)0xd2511f53u * c0[i], p1 = (uint64_t)0xcd9e8d57u * c2[i];
        c0[i] = (uint32_t)(p1 >> 32) ^ c1[i] ^ k0;
        c2[i] = (uint32_t)(p0 >> 32) ^ c3[i] ^ k1;
        c1[i] = (uint32_t)p1;
        c3[i] = (uint32_t)p0;
      }
      k0 += 0x9e3779b9u;
      k1 += 0xbb67ae85u;
    }
    for (int i = 0; i < SIDE && done + 4 * i < count; i++) {
      uint32_t *to = out + done + 4 * i;
      to[0] = c0[i];
      to[1] = c1[i];
      to[2] = c2[i];
      to[3] = c3[i];
    }
  }
}

/* In [0, 1), every value as likely. */
static void units(const uint32_t key[2], uint32_t purpose, int bits, uint64_t first, int n, double *out) {
  uint32_t word[2 * KV_RANDOM_CHUNK];
  if (bits <= 32) {
    double step = 1.0 / (double)((uint64_t)1 << bits);
    words(key, purpose, first, (n + 3) & ~3, word);
    for (int i = 0; i < n; i++) out[i] = (double)(word[i] >> (32 - bits)) * step;
    return;
  }
  words(key, purpose, 2 * first, (2 * n + 3) & ~3, word);
  for (int i = 0; i < n; i++) out[i] = ((double)(word[2 * i] >> 6) * 0x1p27 + (double)(word[2 * i + 1] >> 5)) * 0x1p-53;
}

/* Neighbours are made of the same two words. */
static void normals(const uint32_t key[2], int bits, uint64_t first, int n, double *out) {
  double unit[KV_RANDOM_CHUNK], middle = bits == 53 ? 0x1p-54 : 0x1p-33;
  int even = (n + 1) & ~1;
  units(key, KV_NORMAL, bits == 53 ? 53 : 32, first, even, unit);
  for (int i = 0; i < even; i += 2) {
    double pair[2];
    kv_normal_pair(unit[i] + middle, unit[i + 1], &pair[0], &pair[1]);
    out[i] = pair[0];
    if (i + 1 < n) out[i + 1] = pair[1];
  }
}

/* 95 of 100 normal numbers are within two standard deviations. */
static double truncated(kv_stream *s) {
  for (;;) {
    double z = kv_stream_normal(s);
    if (z >= -2 && z <= 2) return z;
  }
}

static void binomials(const uint32_t key[2], uint64_t first, int n, const double *count, const double *p, double *out) {
  kv_binomial plan = {.n = -1};
  for (int i = 0; i < n; i++) {
    kv_stream s = kv_stream_at(key, KV_BINOMIAL, first + (uint64_t)i);
    if (!i || count[i] != count[i - 1] || p[i] != p[i - 1]) kv_binomial_prepare(&plan, count[i], p[i]);
    out[i] = kv_binomial_draw(&plan, &s);
  }
}

void kv_random_reals(kv_distribution distribution, const uint32_t key[2], int bits, uint64_t first, int n,
                     const double *a, const double *b, double *out) {
  switch (distribution) {
  case KV_UNIFORM:
    units(key, KV_UNIFORM, bits, first, n, out);
    for (int i = 0; i < n; i++) out[i] = out[i] * (b[i] - a[i]) + a[i];
    return;
  case KV_NORMAL:
    normals(key, bits, first, n, out);
    for (int i = 0; i < n; i++) out[i] = out[i] * b[i] + a[i];
    return;
  case KV_BINOMIAL:
    binomials(key, first, n, a, b, out);
    return;
  default:
    for (int i = 0; i < n; i++) {
      kv_stream s = kv_stream_at(key, distribution, first + (uint64_t)i);
      out[i] = distribution == KV_TRUNCATED_NORMAL ? truncated(&s) * b[i] + a[i]
               : distribution == KV_GAMMA          ? kv_random_gamma(&s, a[i])
                                                   : kv_random_beta(&s, a[i], b[i]);
    }
  }
}

/* The upper half of a product with the length, without bias (Lemire: "Fast random integer generation in an interval",
 * 2019). */
void kv_random_integers(const uint32_t key[2], uint64_t first, int n, const int64_t *low, const int64_t *high,
                        int64_t *out) {
  for (int i = 0; i < n; i++) {
    kv_stream s = kv_stream_at(key, KV_RANDINT, first + (uint64_t)i);
    uint64_t length = (uint64_t)high[i] - (uint64_t)low[i];
    unsigned __int128 product = (unsigned __int128)kv_stream_u64(&s) * length;
    if ((uint64_t)product < length) {
      uint64_t biased = -length % length;
      while ((uint64_t)product < biased) product = (unsigned __int128)kv_stream_u64(&s) * length;
    }
    out[i] = (int64_t)((uint64_t)low[i] + (uint64_t)(product >> 64));
  }
}

bool kv_categorical_prepare(int64_t classes, const double *logits, double *cumulative) {
  double largest = -INFINITY, sum = 0;
  for (int64_t j = 0; j < classes; j++) {
    if (logits[j] != logits[j]) return false;
    if (logits[j] > largest) largest = logits[j];
  }
  if (largest == INFINITY || largest == -INFINITY) return false;
  for (int64_t j = 0; j < classes; j++) {
    sum += kv_portable_exp(logits[j] - largest);
    cumulative[j] = sum;
  }
  return true;
}

int64_t kv_categorical_draw(const uint32_t key[2], uint64_t number, int64_t classes, const double *cumulative) {
  kv_stream s = kv_stream_at(key, KV_CATEGORICAL, number);
  double sum = cumulative[classes - 1], x = kv_stream_unit(&s) * sum;
  int64_t low = 0, high = classes - 1; /* the last class where rounding made x the sum */
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    if (cumulative[middle] > x || cumulative[middle] == sum)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}
