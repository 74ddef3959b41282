/* A long kernel that slides over a long vector: blocks of results, whose sums stay in registers (resample.h) while the
 * taps go by. */
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/window/conv_depthwise.h"
#include "kernels/linalg/gemm.h"
#include "kernels/kernels.h"

enum {
  FEW = 16 /* results that are products of vectors each */,
  BLOCK = 128 /* results */,
  PIECE = 256 /* taps that are added up before their sum is added to that of others */
};

typedef struct job {
  const kv_conv *c;
  const char *x; /* [batch][large] */
  int64_t blocks;
} job;

bool kv_convolve_slides(const kv_conv *c) {
  bool along = c->kernel[0] == 1 && c->kernel[1] == 1 && c->large[0] == 1 && c->large[1] == 1 && c->small[0] == 1 &&
               c->small[1] == 1 && !c->begin[0] && !c->begin[1];
  return along && c->groups == 1 && c->in == 1 && c->out == 1 && c->stride[2] == 1;
}

static int64_t clamp(int64_t i, int64_t low, int64_t high) { return i < low ? low : i > high ? high : i; }

#define SLIDE(T, bits)                                                                                                 \
  /* y += the products of tap t that lie inside */                                                                     \
  static void edge_##bits(const kv_conv *c, const T *x, const T *w, int64_t first, int64_t n, int64_t t, T *y) {       \
    const int64_t shift = first - c->begin[2] + t * c->dilation[2], from = clamp(-shift, 0, n);                        \
    const int64_t to = clamp(c->large[2] - shift, from, n);                                                            \
    for (int64_t i = from; i < to; i++) y[i] += x[shift + i] * w[t];                                                   \
  }                                                                                                                    \
  /* Taps [whole, rest) lie inside for all results from `first` on, [some, end) for some. */                           \
  static void block_##bits(const kv_conv *c, const T *x, const T *w, int64_t first, int64_t n, T *y) {                 \
    const int64_t d = c->dilation[2], taps = c->kernel[2], start = first - c->begin[2];                                \
    const int64_t room = c->large[2] - start;                                                                          \
    const int64_t some = start + n > 0 ? 0 : clamp(-(start + n - 1) / d, 0, taps);                                     \
    const int64_t end = room > 0 ? clamp((room - 1) / d + 1, some, taps) : some;                                       \
    const int64_t whole = start >= 0 ? some : clamp((-start + d - 1) / d, some, end);                                  \
    const int64_t rest = room >= n ? clamp((room - n) / d + 1, whole, end) : whole;                                    \
    T sum[BLOCK];                                                                                                      \
    memset(y, 0, (size_t)n * sizeof *y);                                                                               \
    for (int64_t t = some; t < whole; t++) edge_##bits(c, x, w, first, n, t, y);                                       \
    for (int64_t t = whole; t < rest; t += PIECE) {                                                                    \
      KV_BEST(kv_resample_f##bits)(sum, x + start + t * d, n, rest - t < PIECE ? rest - t : PIECE, w + t, d);          \
      for (int64_t i = 0; i < n; i++) y[i] += sum[i];                                                                  \
    }                                                                                                                  \
    for (int64_t t = rest; t < end; t++) edge_##bits(c, x, w, first, n, t, y);                                         \
  }
SLIDE(float, 32)
SLIDE(double, 64)

static void few_results(const job *j) {
  const kv_conv *c = j->c;
  const int64_t size = (int64_t)kvino_dtype_size(c->dtype), n = c->small[2];
  for (int64_t u = 0; u < c->batch * n; u++) {
    const int64_t start = u % n - c->begin[2], from = clamp(-start, 0, c->kernel[2]);
    const int64_t taps = clamp(c->large[2] - start, from, c->kernel[2]) - from;
    const char *x = j->x + (u / n * c->large[2] + start + from) * size;
    kv_gemm(c->dtype, (kv_matrix){x, 1, taps, taps, 1}, (kv_matrix){c->weights + from * size, taps, 1, 1, 1},
            c->y.data + u * size, 1);
  }
}

static void some_blocks(void *context, size_t begin, size_t end) {
  const job *j = context;
  const kv_conv *c = j->c;
  for (size_t u = begin; u < end; u++) {
    const int64_t image = (int64_t)u / j->blocks, first = (int64_t)u % j->blocks * BLOCK;
    const int64_t n = c->small[2] - first < BLOCK ? c->small[2] - first : BLOCK, at = image * c->small[2] + first;
    if (c->dtype == KVINO_F64)
      block_64(c, (const double *)(const void *)j->x + image * c->large[2], (const double *)(const void *)c->weights,
               first, n, (double *)(void *)c->y.data + at);
    else
      block_32(c, (const float *)(const void *)j->x + image * c->large[2], (const float *)(const void *)c->weights,
               first, n, (float *)(void *)c->y.data + at);
  }
}

kvino_status kv_convolve_sliding(const kv_conv *c, kvino_error *err) {
  job j = {c, c->x.data, (c->small[2] + BLOCK - 1) / BLOCK};
  const size_t size = kvino_dtype_size(c->dtype), bytes = (size_t)(c->batch * c->large[2]) * size;
  char *copy = NULL;
  if (c->x.step[2] != 1 || (c->batch > 1 && c->x.batch_step != c->large[2])) {
    char *to = copy = kv_block_new(bytes);
    if (!copy) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a convolution");
    for (int64_t b = 0; b < c->batch; b++)
      for (int64_t i = 0; i < c->large[2]; i++, to += size)
        memcpy(to, c->x.data + (b * c->x.batch_step + i * c->x.step[2]) * (int64_t)size, size);
    j.x = copy;
  }
  if (c->small[2] < FEW && c->dilation[2] == 1)
    few_results(&j);
  else
    kv_parallel_ranges((size_t)(c->batch * j.blocks), (size_t)((1 << 19) / (BLOCK * c->kernel[2] + 1) + 1), some_blocks,
                       &j);
  if (copy) kv_block_free(copy, bytes);
  return KVINO_OK;
}
