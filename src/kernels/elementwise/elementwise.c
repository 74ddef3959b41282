/* Running the loops: which one, on what pieces of the operands, by how many threads. */
#include "kernels/elementwise/elementwise.h"

#include "base/threads.h"
#include "kernels/elementwise/convert.h"
#include "kernels/kernels.h"
#include "kernels/access/feed.h"

/* ---- what the lines of elementwise.def say ---- */

#define M(id) | 1u << KVINO_##id
#define LOGIC(...) M(BOOL)
#define UINT(...) M(U8) M(U16) M(U32) M(U64)
#define SINT(...) M(I8) M(I16) M(I32) M(I64)
#define INT(...) UINT() SINT()
#define WRAP(...) UINT() SINT()
#define F32(...) M(F32)
#define F64(...) M(F64)
#define FLOAT(...) F32() F64() | WIDENS
#define COMPLEX(...) M(C64) M(C128)
#define F8E4M3(...) M(F8E4M3)
#define F8E5M2(...) M(F8E5M2)
#define F16(...) M(F16)
#define BF16(...) M(BF16)

/* A bit beside those of the dtypes: small floats are taken too, and computed as f32. */
enum { WIDENS = 1 << 30, SMALL = 0 M(F8E4M3) M(F8E5M2) M(F16) M(BF16) };
_Static_assert(KVINO_DTYPE_COUNT <= 30, "a dtype for each lower bit");

static const struct line {
  const char *name;
  enum { KV_RESULT_SAME, KV_RESULT_TRUTH, KV_RESULT_PART } result;
  uint32_t dtypes; /* 1 << dtype for each with a loop */
} lines[KV_LOOP_COUNT] = {
#define UNARY(Name, function, openvino, interval, gradient, traits, kind, ...)                                         \
  [KV_LOOP_##Name] = {#function, KV_RESULT_##kind, 0 __VA_ARGS__},
#define UNARY_A(Name, function, attributes, ...) UNARY(Name, function, __VA_ARGS__)
#define BINARY UNARY
#define BINARY_OR_UNARY UNARY
#define TERNARY UNARY
#include "kernels/elementwise/elementwise.def"
#undef UNARY
};

const char *kv_loop_name(kv_loop_id id) { return lines[id].name; }

bool kv_loop_takes(kv_loop_id id, kvino_dtype dtype) {
  uint32_t dtypes = lines[id].dtypes;
  return (dtypes & WIDENS ? dtypes | SMALL : dtypes) >> dtype & 1;
}

kvino_dtype kv_loop_result(kv_loop_id id, kvino_dtype dtype) {
  if (lines[id].result == KV_RESULT_TRUTH) return KVINO_BOOL;
  if (lines[id].result == KV_RESULT_PART && dtype == KVINO_C64) return KVINO_F32;
  if (lines[id].result == KV_RESULT_PART && dtype == KVINO_C128) return KVINO_F64;
  return dtype;
}

/* What the loop computes in. */
static kvino_dtype computed_in(kv_loop_id id, kvino_dtype dtype) {
  return lines[id].dtypes >> dtype & 1 ? dtype : KVINO_F32;
}

/* ---- the loops of this processor ---- */

static kv_elementwise_loop *loop_of(kv_loop_id id, kvino_dtype dtype) {
  if (dtype == KVINO_F32 || dtype == KVINO_F64) {
    kv_elementwise_loop *vectorized = KV_BEST(kv_loops_sleef)[id][dtype == KVINO_F64];
    if (vectorized) return vectorized;
  }
  kv_elementwise_loop *loop = kv_loops_math[id];
  return loop ? loop : KV_BEST(kv_loops)[id];
}

/* Elements from which on another thread pays: fewer where each costs more than a load and a store. */
static size_t grain_of(kv_loop_id id) {
  static const bool costly[KV_LOOP_COUNT] = {
#define UNARY(Name, ...) [KV_LOOP_##Name] = true,
#include "kernels/elementwise/elementwise_exponential.def"
#include "kernels/elementwise/elementwise_math.def"
  };
  return costly[id] ? 4096 : 32768;
}

static const kv_loop_params no_params;

/* ---- on views ---- */

enum { MOST = 3 };

struct job {
  kv_loop_id id;
  kv_elementwise_loop *loop;
  kvino_dtype compute, computed, result; /* of the operands in the loop, of its output, of the result */
  size_t n_in;
  const kv_view *in;
  int rank;
  const int64_t *shape;
  char *out;
  const kv_loop_params *params;
};

/* Elements begin to end of the result. The loop writes to the result itself, or, where that is a small float, to a
 * buffer. */
static __attribute__((noinline)) void run_range(void *context, size_t begin, size_t end) {
  const struct job *job = context;
  char buffer[MOST][KV_FEED_BYTES] __attribute__((aligned(64))), computed[KV_FEED_BYTES] __attribute__((aligned(64)));
  kv_feed feed[MOST];
  const void *x[MOST] = {NULL, NULL, NULL};
  bool rounds = job->computed != job->result;
  int64_t most = rounds ? KV_FEED_BYTES / (int64_t)kvino_dtype_size(job->computed) : INT64_MAX;
  size_t size = kvino_dtype_size(job->result);
  for (size_t i = 0; i < job->n_in; i++)
    kv_feed_start(&feed[i], &job->in[i], job->rank, job->shape, job->compute, (int64_t)begin, (int64_t)(end - begin),
                  buffer[i]);
  for (int64_t at = (int64_t)begin, n; at < (int64_t)end; at += n) {
    n = (int64_t)end - at < most ? (int64_t)end - at : most;
    for (size_t i = 0; i < job->n_in; i++) n = kv_feed_offer(&feed[i], n);
    for (size_t i = 0; i < job->n_in; i++) x[i] = kv_feed_next(&feed[i], n);
    for (size_t i = job->n_in; i < MOST; i++) x[i] = x[0];
    char *y = job->out + (size_t)at * size;
    job->loop(job->compute, rounds ? computed : y, x[0], x[1], x[2], (size_t)n, job->params);
    if (rounds) kv_convert_elements(job->computed, computed, job->result, y, (size_t)n);
  }
}

void kv_elementwise(kv_loop_id id, size_t n_in, const kv_view *in, int rank, const int64_t *shape, void *out,
                    const kv_loop_params *params) {
  kvino_dtype dtype = in[0].dtype, compute = computed_in(id, dtype);
  struct job job = {id,
                    loop_of(id, compute),
                    compute,
                    kv_loop_result(id, compute),
                    kv_loop_result(id, dtype),
                    n_in,
                    in,
                    rank,
                    shape,
                    out,
                    params ? params : &no_params};
  size_t n = 1;
  for (int k = 0; k < rank; k++) n *= (size_t)shape[k];
  kv_parallel_ranges(n, grain_of(id), run_range, &job);
}

/* ---- on contiguous operands ---- */

struct flat {
  kv_elementwise_loop *loop;
  kvino_dtype dtype;
  size_t size, result_size;
  const char *x[MOST];
  char *out;
  const kv_loop_params *params;
};

static void run_flat(void *context, size_t begin, size_t end) {
  const struct flat *f = context;
  size_t at = begin * f->size;
  f->loop(f->dtype, f->out + begin * f->result_size, f->x[0] + at, f->x[1] + at, f->x[2] + at, end - begin, f->params);
}

void kv_elementwise_flat(kv_loop_id id, kvino_dtype dtype, size_t n_in, const void *const *in, int64_t n, void *out,
                         const kv_loop_params *params) {
  if (computed_in(id, dtype) != dtype) {
    kv_view views[MOST];
    int64_t stride = (int64_t)kvino_dtype_size(dtype);
    for (size_t i = 0; i < n_in; i++) views[i] = (kv_view){dtype, 1, &n, &stride, in[i]};
    kv_elementwise(id, n_in, views, 1, &n, out, params);
    return;
  }
  struct flat f = {.loop = loop_of(id, dtype), .dtype = dtype, .out = out, .params = params ? params : &no_params};
  for (size_t i = 0; i < MOST; i++) f.x[i] = in[i < n_in ? i : 0];
  if ((size_t)n < 2 * grain_of(id)) {
    f.loop(dtype, out, f.x[0], f.x[1], f.x[2], (size_t)n, f.params);
    return;
  }
  f.size = kvino_dtype_size(dtype);
  f.result_size = kvino_dtype_size(kv_loop_result(id, dtype));
  kv_parallel_ranges((size_t)n, grain_of(id), run_flat, &f);
}
