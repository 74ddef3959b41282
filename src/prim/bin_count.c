/* BinCount: how often each of 0 ... n - 1 is among the elements of a vector of integers; others are passed over.
 * Operands: x (int32 or int64), n. The result is int32 [n]. */
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "prim/known.h"

kvino_status kv_infer_bin_count(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  int64_t n;
  bool known;
  if (x->dtype != KVINO_I32 && x->dtype != KVINO_I64)
    return kv_fail(c->err, KVINO_TYPE, "BinCount counts int32 or int64, not %s",
                   kvino_dtype_name((kvino_dtype)x->dtype));
  KV_TRY(kv_read_one(c, 1, "n", &n, &known));
  if (known && n < 0) return kv_fail(c->err, KVINO_INVALID, "n = %lld is negative", (long long)n);
  kv_call_spec(c, 0, KVINO_I32, 1, known ? &n : (int64_t[]){-1});
  return KVINO_OK;
}

enum { PRIVATE_MOST = 1 << 16, GRAIN = 1 << 16, MOST_PARTS = 16 };

struct counting {
  const kvino_tensor *x;
  int64_t n, parts;
  int32_t *count; /* [parts][n] */
};

#define COUNT(T)                                                                                                       \
  do {                                                                                                                 \
    const T *a = (const T *)s->x->data;                                                                                \
    for (int64_t i = begin; i < end; i++) { /* read once: another thread may write it */                               \
      const int64_t v = *(const volatile T *)&a[i];                                                                    \
      if ((uint64_t)v < (uint64_t)s->n) count[v]++;                                                                    \
    }                                                                                                                  \
  } while (0)

static void count_part(void *context, size_t part) {
  const struct counting *s = context;
  int64_t each = (s->x->size + s->parts - 1) / s->parts, begin = each * (int64_t)part, end = begin + each;
  int32_t *count = s->count + part * (size_t)s->n;
  if (end > s->x->size) end = s->x->size;
  if (s->x->dtype == KVINO_I32)
    COUNT(int32_t);
  else
    COUNT(int64_t);
}

kvino_status kv_eval_bin_count(kv_call *c) {
  kvino_tensor *x;
  if (c->in[0]->size > INT32_MAX)
    return kv_fail(c->err, KVINO_OVERFLOW, "%lld elements are too many to count in int32", (long long)c->in[0]->size);
  KV_TRY(kv_call_alloc(c, 0));
  KV_TRY(kvino_tensor_contiguous(c->in[0], &x, c->err));
  int32_t *out = (int32_t *)c->out[0]->data;
  struct counting s = {.x = x, .n = c->spec[0].shape[0], .parts = x->size / GRAIN + 1, .count = out};
  if (s.parts > kv_threads()) s.parts = kv_threads();
  if (s.parts > MOST_PARTS) s.parts = MOST_PARTS;
  if (s.n > PRIVATE_MOST) s.parts = 1;
  if (s.parts > 1 && !(s.count = kv_calloc((size_t)(s.parts * s.n) + 1, sizeof *s.count))) {
    s.parts = 1;
    s.count = out;
  }
  memset(out, 0, (size_t)s.n * sizeof *out);
  kv_parallel((size_t)s.parts, count_part, &s);
  for (int64_t p = 0; p < s.parts && s.count != out; p++)
    for (int64_t i = 0; i < s.n; i++) out[i] += s.count[p * s.n + i];
  if (s.count != out) kv_free(s.count);
  kvino_tensor_release(x);
  return KVINO_OK;
}
