/* RandomBits: uniformly random 32-bit words from a seed, by the counter-based generator Philox4x32-10 (Salmon et al.,
 * "Parallel random numbers: as easy as 1, 2, 3", 2011). Word number i of the result depends on the seed and i alone. */
#include <string.h>

#include "base/threads.h"
#include "prim/prim.h"

/* Operand 0: the seed, two integers; operand 1: the shape. */
kvino_status kv_infer_random_bits(kv_call *c) {
  const kvino_tensor *seed = c->in[0], *shape = c->in[1];
  if (!kvino_dtype_is_integer((kvino_dtype)seed->dtype) || seed->rank != 1 ||
      (seed->shape[0] >= 0 && seed->shape[0] != 2))
    return kv_fail(c->err, KVINO_INVALID, "the seed must be a vector of two integers");
  int n;
  int64_t value[KV_KNOWN_MAX];
  if (kv_known_values(shape, &n, value)) {
    for (int i = 0; i < n; i++) {
      if (value[i] == KV_UNKNOWN)
        value[i] = -1;
      else if (value[i] < 0)
        return kv_fail(c->err, KVINO_INVALID, "negative dimensions are not allowed");
    }
    kv_call_spec(c, 0, KVINO_U32, n, value);
    return KVINO_OK;
  }
  if (shape->rank != 1 || shape->shape[0] < 0 || shape->shape[0] > KVINO_MAX_RANK)
    return kv_fail(c->err, KVINO_INVALID, "the shape must be a vector whose length is known");
  for (int64_t i = 0; i < shape->shape[0]; i++) value[i] = -1;
  kv_call_spec(c, 0, KVINO_U32, (int)shape->shape[0], value);
  return KVINO_OK;
}

typedef struct stream {
  uint32_t key[2];
  uint32_t *out;
  int64_t n;
} stream;

static void philox(uint64_t block, const uint32_t key[2], uint32_t out[4]) {
  uint32_t c0 = (uint32_t)block, c1 = (uint32_t)(block >> 32), c2 = 0, c3 = 0, k0 = key[0], k1 = key[1];
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

static void fill(void *context, size_t begin, size_t end) { /* blocks of four words */
  const stream *s = context;
  for (size_t block = begin; block < end; block++) {
    uint32_t word[4];
    philox(block, s->key, word);
    int64_t left = s->n - (int64_t)block * 4;
    memcpy(s->out + block * 4, word, (size_t)(left < 4 ? left : 4) * sizeof *word);
  }
}

kvino_status kv_eval_random_bits(kv_call *c) {
  KV_TRY(kv_call_alloc(c, 0));
  stream s = {.out = (uint32_t *)c->out[0]->data, .n = c->out[0]->size};
  for (int i = 0; i < 2; i++) s.key[i] = (uint32_t)kv_tensor_get_int(c->in[0], i);
  kv_parallel_ranges((size_t)(s.n + 3) / 4, 1 << 14, fill, &s);
  return KVINO_OK;
}
