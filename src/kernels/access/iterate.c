#include "kernels/access/iterate.h"

#include <string.h>

void kv_cursor_start(kv_cursor *c, const kv_view *view, int rank, const int64_t *shape) {
  c->at = view->data;
  c->size = kvino_dtype_size(view->dtype);
  c->rank = 0;
  int missing = rank - view->rank; /* axes that the view gets in front */
  for (int k = 0; k < rank; k++) {
    if (shape[k] == 1) continue;
    int from = k - missing;
    int64_t stride = from < 0 || view->shape[from] == 1 ? 0 : view->strides[from];
    int last = c->rank - 1;
    if (last >= 0 && c->stride[last] == shape[k] * stride) {
      c->shape[last] *= shape[k];
      c->stride[last] = stride;
    } else {
      c->shape[c->rank] = shape[k];
      c->stride[c->rank] = stride;
      c->index[c->rank++] = 0;
    }
  }
  if (c->rank) return;
  c->rank = 1;
  c->shape[0] = 1;
  c->stride[0] = (int64_t)c->size;
  c->index[0] = 0;
}

void kv_cursor_seek(kv_cursor *c, int64_t i) {
  for (int k = c->rank - 1; k >= 0; k--) {
    int64_t index = k ? i % c->shape[k] : i;
    c->at += (index - c->index[k]) * c->stride[k];
    c->index[k] = index;
    if (k) i /= c->shape[k];
  }
}

void kv_cursor_advance(kv_cursor *c, int64_t n) {
  int k = c->rank - 1;
  c->at += n * c->stride[k];
  c->index[k] += n;
  while (k > 0 && c->index[k] == c->shape[k]) { /* to the next run */
    c->at -= c->shape[k] * c->stride[k];
    c->index[k--] = 0;
    c->at += c->stride[k];
    c->index[k]++;
  }
}

int64_t kv_cursor_period(const kv_cursor *c) {
  if (c->stride[0] != 0) return 0;
  int64_t period = 1;
  for (int k = 1; k < c->rank; k++) period *= c->shape[k];
  return period;
}

/* n elements of one type, `step` bytes apart. */
#define RUN(type)                                                                                                      \
  {                                                                                                                    \
    typedef type any __attribute__((aligned(1), may_alias));                                                           \
    any *restrict y = to;                                                                                              \
    if (step == 0) {                                                                                                   \
      const type value = *(const any *)from;                                                                           \
      for (int64_t i = 0; i < n; i++) y[i] = value;                                                                    \
    } else {                                                                                                           \
      for (int64_t i = 0; i < n; i++) y[i] = *(const any *)(from + i * step);                                          \
    }                                                                                                                  \
  }

static void copy_run(void *to, const char *from, int64_t n, int64_t step, size_t size) {
  if (step == (int64_t)size) {
    memcpy(to, from, (size_t)n * size);
    return;
  }
  switch (size) {
  case 1:
    RUN(uint8_t) break;
  case 2:
    RUN(uint16_t) break;
  case 4:
    RUN(uint32_t) break;
  case 8:
    RUN(uint64_t) break;
  default:
    RUN(unsigned __int128) break;
  }
}

void kv_cursor_read(kv_cursor *c, void *to, int64_t n) {
  char *y = to;
  while (n) {
    int64_t run = kv_cursor_run(c);
    if (run > n) run = n;
    copy_run(y, c->at, run, kv_cursor_step(c), c->size);
    kv_cursor_advance(c, run);
    y += run * (int64_t)c->size;
    n -= run;
  }
}
