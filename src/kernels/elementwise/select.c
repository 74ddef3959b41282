/* Select: elements of two views by a bool one. Only the size of the elements matters. */
#include "base/threads.h"
#include "kernels/kernels.h"
#include "kernels/access/feed.h"

struct job {
  const kv_view *x[3]; /* condition, then, otherwise */
  int rank;
  const int64_t *shape;
  char *out;
};

static __attribute__((noinline)) void run_range(void *context, size_t begin, size_t end) {
  const struct job *job = context;
  char buffer[3][KV_FEED_BYTES] __attribute__((aligned(64)));
  kv_feed feed[3];
  const void *x[3];
  size_t size = kvino_dtype_size(job->x[1]->dtype);
  for (int i = 0; i < 3; i++)
    kv_feed_start(&feed[i], job->x[i], job->rank, job->shape, job->x[i]->dtype, (int64_t)begin, (int64_t)(end - begin),
                  buffer[i]);
  for (int64_t at = (int64_t)begin, n; at < (int64_t)end; at += n) {
    n = (int64_t)end - at;
    for (int i = 0; i < 3; i++) n = kv_feed_offer(&feed[i], n);
    for (int i = 0; i < 3; i++) x[i] = kv_feed_next(&feed[i], n);
    KV_BEST(kv_select)(size, job->out + (size_t)at * size, x[0], x[1], x[2], (size_t)n);
  }
}

void kv_select_views(const kv_view *condition, const kv_view *then, const kv_view *otherwise, int rank,
                     const int64_t *shape, void *out) {
  struct job job = {{condition, then, otherwise}, rank, shape, out};
  size_t n = 1;
  for (int k = 0; k < rank; k++) n *= (size_t)shape[k];
  kv_parallel_ranges(n, 32768, run_range, &job);
}
