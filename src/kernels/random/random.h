/* Samples of distributions. Sample number i depends on the key, the distribution, i and its parameters alone: the same
 * on every machine and with every number of threads. */
#ifndef KVINO_KERNELS_RANDOM_RANDOM_H
#define KVINO_KERNELS_RANDOM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

/* The numbers are part of the counters (random_bits.h): changing one changes what its distribution gives. */
typedef enum kv_distribution {
  KV_UNIFORM = 0,          /* [a, b) */
  KV_NORMAL = 1,           /* mean a, standard deviation b */
  KV_TRUNCATED_NORMAL = 2, /* the same within two standard deviations */
  KV_GAMMA = 3,            /* shape a >= 0, scale 1 */
  KV_BETA = 4,             /* a, b > 0 */
  KV_BINOMIAL = 5,         /* a >= 0 trials of probability b */
  KV_RANDINT = 6,          /* integers of [a, b) */
  KV_CATEGORICAL = 7
} kv_distribution;

enum { KV_RANDOM_CHUNK = 256 };

/* Samples number first ... first + n - 1 (n <= KV_RANDOM_CHUNK, first a multiple of that) of a distribution of real
 * numbers, with their parameters. `bits` is what a uniform number has: 8, 11, 24 or 53; normal numbers are made of
 * 32-bit words below 53. NaN as a parameter of KV_GAMMA or KV_BETA gives NaN. */
void kv_random_reals(kv_distribution distribution, const uint32_t key[2], int bits, uint64_t first, int n,
                     const double *a, const double *b, double *out);
/* The same for KV_RANDINT: low < high, as bits of int64. */
void kv_random_integers(const uint32_t key[2], uint64_t first, int n, const int64_t *low, const int64_t *high,
                        int64_t *out);

/* exp(logits - max) summed up: cumulative[classes - 1] is the sum. False where they are no distribution (NaN). */
bool kv_categorical_prepare(int64_t classes, const double *logits, double *cumulative);
/* Sample number `number`: the first class whose cumulative weight is above a uniform number. */
int64_t kv_categorical_draw(const uint32_t key[2], uint64_t number, int64_t classes, const double *cumulative);

/* One sample (random_gamma.c, random_binomial.c). */
struct kv_stream;
double kv_random_gamma(struct kv_stream *s, double alpha);
double kv_random_beta(struct kv_stream *s, double alpha, double beta);

/* What depends on n and p alone. */
typedef struct kv_binomial {
  double n, p, q;                          /* p <= 1/2 */
  bool flipped;                            /* successes are failures */
  double start;                            /* inversion: q^n; negative where samples are made by rejection */
  double a, b, center, alpha, limit, mode; /* rejection: the hat, and log of the probability of the mode */
} kv_binomial;
void kv_binomial_prepare(kv_binomial *plan, double n, double p);
double kv_binomial_draw(const kv_binomial *plan, struct kv_stream *s);

#endif
