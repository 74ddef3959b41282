/* The memory floor of an operator: how long reading its input once and writing its output once takes, with the
 * library's threads and nothing computed in between. For the benches, not part of the library. */
#include "base/threads.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define EXPORT __attribute__((visibility("default")))

enum { CHUNK = 1 << 20 };

typedef uint64_t lanes __attribute__((vector_size(64), aligned(1), may_alias));

struct copy {
  const char *in;
  char *out;
  size_t read, write;
  int bypass;
};

static void read_chunk(void *context, size_t chunk) {
  const struct copy *c = context;
  size_t begin = chunk * CHUNK, end = begin + CHUNK < c->read ? begin + CHUNK : c->read;
  lanes sum[4] = {{0}};
  for (; begin + 256 <= end; begin += 256)
    for (int i = 0; i < 4; i++) sum[i] |= *(const lanes *)(c->in + begin + 64 * i);
  sum[0] |= sum[1] | sum[2] | sum[3];
  __asm__ volatile("" : : "m"(sum)); /* the loads have to happen */
}

static void write_chunk(void *context, size_t chunk) {
  const struct copy *c = context;
  size_t begin = chunk * CHUNK, end = begin + CHUNK < c->write ? begin + CHUNK : c->write;
#if defined(__x86_64__)
  if (c->bypass) {
    const __m128i v = _mm_set1_epi64x((long long)begin);
    size_t p = begin;
    for (; p + 64 <= end; p += 64)
      for (int i = 0; i < 64; i += 16) _mm_stream_si128((__m128i *)(c->out + p + i), v);
    memset(c->out + p, 1, end - p);
    _mm_sfence();
    return;
  }
#endif
  memset(c->out + begin, 1, end - begin);
}

/* Reads `read` bytes and writes `write` bytes (`out` aligned to 64), past the caches where `bypass`. */
EXPORT void kv_bench_memory_floor(const void *in, size_t read, void *out, size_t write, int bypass) {
  struct copy c = {in, out, read, write, bypass};
  kv_parallel((read + CHUNK - 1) / CHUNK, read_chunk, &c);
  kv_parallel((write + CHUNK - 1) / CHUNK, write_chunk, &c);
}
