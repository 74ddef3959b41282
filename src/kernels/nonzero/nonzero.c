/* nonzero: the choice of the inner loops, the two passes, and the threads. See nonzero_kernels.h for how the work is
 * cut.
 *
 * Pass 1 reads the input once and writes its bit mask, pass 2 reads the mask and writes the indices once. Both go
 * through the elements in chunks; each knows where its indices go from the counts of the chunks before it. */
#include <stdatomic.h>
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/nonzero/nonzero.h"
#include "kernels/kernels.h"
#include "kernels/nonzero/nonzero_mask.h"

enum {
  CHUNK = 1 << 16, /* elements per task */
  SMALL = 1 << 15, /* up to here: one thread and a mask on the stack */
};

/* Outputs above this many bytes bypass the caches: they would not stay there anyway, and a line written past the caches
 * need not be fetched first. */
static const int64_t STREAM = (int64_t)32 << 20;

/* ---- the choice of the inner loops ---- */

static _Atomic(const kv_nz_kernels *) kernels_in_use;

static const kv_nz_kernels *kernels_of(kv_isa isa) {
  static const kv_nz_kernels *const table[KV_ISA_COUNT] = KV_LEVELS(kv_nz);
  return table[isa];
}

const kv_nz_kernels *kv_nz_kernels_get(void) {
  const kv_nz_kernels *k = atomic_load_explicit(&kernels_in_use, memory_order_acquire);
  if (k) return k;
  k = kernels_of(kv_cpu_isa());
  atomic_store_explicit(&kernels_in_use, k, memory_order_release);
  return k;
}

bool kv_nonzero_use_isa(kv_isa isa) {
  const kv_nz_kernels *k = isa <= kv_cpu_isa() ? kernels_of(isa) : NULL;
  if (k) atomic_store_explicit(&kernels_in_use, k, memory_order_release);
  return k != NULL;
}

/* ---- pass 2: from bits to indices ---- */

/* The axes longer than 1, and where the indices along each go; and the others, whose indices are all 0. */
typedef struct expansion {
  const kv_nz_kernels *k;
  int rank, units, wide;
  bool stream;
  int64_t shape[KVINO_MAX_RANK];
  char *out[KVINO_MAX_RANK], *unit[KVINO_MAX_RANK];
  kv_nz_divisor divisor[KVINO_MAX_RANK];
} expansion;

/* For 2 <= n < 2^15: with 2^shift < n <= 2^(shift + 1), multiplier = floor(2^(16 + shift) / n) + 1 fits 16 bits, and
 * the quotient is exact for numbers below 2^15: its error times n, at most n, times the number stays below 2^(16 +
 * shift). */
static kv_nz_divisor divisor_of(int64_t n) {
  int shift = 63 - __builtin_clzll((uint64_t)n - 1);
  if (n == 2) shift = 0;
  return (kv_nz_divisor){(uint16_t)n, (uint16_t)(((uint32_t)1 << (16 + shift)) / (uint32_t)n + 1), (uint8_t)shift};
}

static void expansion_init(expansion *e, const kv_view *x, bool int32, int64_t count, char *out) {
  int64_t entry = int32 ? 4 : 8;
  e->k = kv_nz_kernels_get();
  e->rank = e->units = 0;
  e->wide = !int32;
  e->stream = count * entry * x->rank > STREAM;
  for (int a = 0; a < x->rank; a++, out += count * entry) {
    if (x->shape[a] == 1) {
      e->unit[e->units++] = out;
      continue;
    }
    e->shape[e->rank] = x->shape[a];
    if (x->shape[a] < KV_NZ_BLOCK) e->divisor[e->rank] = divisor_of(x->shape[a]);
    e->out[e->rank++] = out;
  }
}

/* The first of n ascending entries that is not below `limit`. */
static int lower_bound(const uint16_t *list, int n, int64_t limit) {
  const uint16_t *first = list;
  while (n > 0) {
    int half = n / 2;
    bool below = first[half] < limit;
    first = below ? first + half + 1 : first;
    n = below ? n - half - 1 : half;
  }
  return (int)(first - list);
}

/* Writes the indices, from entry `start` on, of the elements that are `list` steps in C order from the one at `at`. The
 * list ascends along every axis; what remains of it for an axis counts the wraps of the axis after. */
static void emit(const expansion *e, const int64_t *at, uint16_t *list, int n, int64_t start) {
  const kv_nz_kernels *k = e->k;
  const int64_t shift = start << (2 + e->wide);
  const bool stream = e->stream;
  uint16_t remainder[KV_NZ_LIST];
  int split = n; /* from this entry on, the axes not yet written are one step further */
  int a = e->rank - 1;
  for (; a >= 0; a--) {
    char *out = e->out[a] + shift;
    int64_t room = e->shape[a] - at[a];     /* steps to the wrap */
    if (list[n - 1] < room + e->shape[a]) { /* at most one */
      split = list[n - 1] < room ? n : lower_bound(list, n, room);
      k->widen[e->wide](list, split, at[a], out, stream);
      if (split < n) k->widen[e->wide](list + split, n - split, -room, out + ((int64_t)split << (2 + e->wide)), stream);
      a--;
      break;
    }
    k->divide(list, n, (uint16_t)at[a], e->divisor[a], remainder);
    k->widen[e->wide](remainder, n, 0, out, stream);
  }
  bool carry = true;
  for (; a >= 0; a--) {
    char *out = e->out[a] + shift;
    int64_t after = at[a] + carry;
    if (after == e->shape[a])
      after = 0;
    else
      carry = false;
    if (split) k->fill[e->wide](out, split, at[a], stream);
    if (split < n) k->fill[e->wide](out + ((int64_t)split << (2 + e->wide)), n - split, after, stream);
  }
  for (int u = 0; u < e->units; u++) k->fill[e->wide](e->unit[u] + shift, n, 0, stream);
}

/* The indices of the set bits of elements [begin, end), from entry `start` on. */
static void expand(const expansion *e, const uint64_t *words, int64_t begin, int64_t end, int64_t start) {
  uint16_t list[KV_NZ_LIST];
  int64_t at[KVINO_MAX_RANK], rest = begin;
  for (int a = e->rank - 1; a >= 0; a--) {
    at[a] = rest % e->shape[a];
    rest /= e->shape[a];
  }
  for (int64_t block = begin; block < end; block += KV_NZ_BLOCK) {
    int64_t length = end - block < KV_NZ_BLOCK ? end - block : KV_NZ_BLOCK;
    int n = e->k->decode(words + block / 64, (int)((length + 63) / 64), list);
    if (n) emit(e, at, list, n, start);
    start += n;
    int64_t carry = length;
    for (int a = e->rank - 1; a >= 0 && carry; a--) {
      at[a] += carry;
      carry = 0;
      if (at[a] >= e->shape[a]) {
        carry = at[a] / e->shape[a];
        at[a] %= e->shape[a];
      }
    }
  }
  if (e->stream) e->k->drain();
}

/* ---- the passes in parallel ---- */

typedef struct job {
  const kv_nz_source *source;
  const expansion *expansion;
  uint64_t *words;
  int64_t *starts; /* entry c + 1: the count of chunk c, then the number of indices before chunk c + 1 */
} job;

static int64_t chunk_end(const kv_nz_source *s, int64_t begin) {
  return s->size - begin < CHUNK ? s->size : begin + CHUNK;
}

static void mask_chunk(void *context, size_t chunk) {
  job *j = context;
  int64_t begin = (int64_t)chunk * CHUNK;
  j->starts[chunk + 1] = kv_nz_mask_range(j->source, kv_nz_kernels_get(), begin, chunk_end(j->source, begin), j->words);
}

static void mask_strips(void *context, size_t begin, size_t end) {
  job *j = context;
  for (size_t strip = begin; strip < end; strip++)
    kv_nz_mask_strip(j->source, kv_nz_kernels_get(), (int64_t)strip, j->words);
}

static void expand_chunk(void *context, size_t chunk) {
  job *j = context;
  int64_t begin = (int64_t)chunk * CHUNK;
  if (j->starts[chunk] == j->starts[chunk + 1]) return;
  expand(j->expansion, j->words, begin, chunk_end(j->source, begin), j->starts[chunk]);
}

/* Fills j->words and j->starts; returns the number of indices. */
static int64_t mask_all(job *j) {
  const int64_t size = j->source->size, chunks = (size + CHUNK - 1) / CHUNK;
  if (j->source->order == KV_NZ_STRIPS) {
    memset(j->words, 0, (size_t)(size + 63) / 64 * 8);
    kv_parallel_ranges((size_t)kv_nz_strips(j->source), 1, mask_strips, j);
    const kv_nz_kernels *k = kv_nz_kernels_get();
    for (int64_t c = 0; c < chunks; c++)
      j->starts[c + 1] = k->bits(j->words + c * (CHUNK / 64), (chunk_end(j->source, c * CHUNK) - c * CHUNK + 63) / 64);
  } else {
    kv_parallel((size_t)chunks, mask_chunk, j);
  }
  j->starts[0] = 0;
  for (int64_t c = 0; c < chunks; c++) j->starts[c + 1] += j->starts[c];
  return j->starts[chunks];
}

/* ---- the operator ---- */

static kvino_status out_new(const kv_view *x, bool int32, int64_t count, void **out, kvino_error *err) {
  size_t bytes;
  if (__builtin_mul_overflow((size_t)count, (size_t)x->rank * (int32 ? 4 : 8), &bytes) || !(*out = kv_block_new(bytes)))
    return kv_fail(err, KVINO_NO_MEMORY, "out of memory for %lld indices along %d axes", (long long)count, x->rank);
  return KVINO_OK;
}

static kvino_status nonzero_small(const kv_view *x, const kv_nz_source *s, bool int32, int64_t *count, void **indices,
                                  kvino_error *err) {
  uint64_t words[SMALL / 64];
  const kv_nz_kernels *k = kv_nz_kernels_get();
  int64_t n;
  if (s->order == KV_NZ_STRIPS) {
    memset(words, 0, (size_t)(s->size + 63) / 64 * 8);
    int64_t strips = kv_nz_strips(s);
    for (int64_t i = 0; i < strips; i++) kv_nz_mask_strip(s, k, i, words);
    n = k->bits(words, (s->size + 63) / 64);
  } else {
    n = kv_nz_mask_range(s, k, 0, s->size, words);
  }
  void *out;
  KV_TRY(out_new(x, int32, n, &out, err));
  if (n && x->rank) {
    expansion e;
    expansion_init(&e, x, int32, n, out);
    expand(&e, words, 0, s->size, 0);
  }
  *count = n;
  *indices = out;
  return KVINO_OK;
}

static kvino_status nonzero_large(const kv_view *x, const kv_nz_source *s, bool int32, int64_t *count, void **indices,
                                  kvino_error *err) {
  const int64_t chunks = (s->size + CHUNK - 1) / CHUNK;
  const size_t mask_bytes = (size_t)(s->size + 63) / 64 * 8;
  job j = {.source = s, .words = kv_block_new(mask_bytes), .starts = kv_malloc((size_t)(chunks + 1) * 8)};
  kvino_status status = KVINO_OK;
  if (!j.words || !j.starts) {
    status = kv_fail(err, KVINO_NO_MEMORY, "out of memory for the mask of %lld elements", (long long)s->size);
    goto end;
  }
  int64_t n = mask_all(&j);
  void *out;
  KV_GOTO(status, out_new(x, int32, n, &out, err), end);
  expansion e;
  expansion_init(&e, x, int32, n, out);
  j.expansion = &e;
  kv_parallel((size_t)chunks, expand_chunk, &j);
  *count = n;
  *indices = out;
end:
  kv_block_free(j.words, mask_bytes);
  kv_free(j.starts);
  return status;
}

kvino_status kv_nonzero(const kv_view *x, bool int32, int64_t *count, void **indices, kvino_error *err) {
  kv_nz_source s;
  KV_TRY(kv_nz_source_init(&s, x, err));
  if (int32 && s.size > 0) {
    for (int a = 0; a < x->rank; a++)
      if (x->shape[a] - 1 > INT32_MAX)
        return kv_fail(err, KVINO_OVERFLOW, "indices along axis %d of size %lld do not fit int32", a,
                       (long long)x->shape[a]);
  }
  return (s.size <= SMALL ? nonzero_small : nonzero_large)(x, &s, int32, count, indices, err);
}
