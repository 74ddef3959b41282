#include "kernels/access/feed.h"

#include <string.h>

#include "kernels/elementwise/convert.h"

/* Runs shorter than this are gathered: a piece costs about as much as that many elements. */
static const int64_t SHORT_RUN = 64;

/* Reads n elements from the cursor to `to`, converted. */
static void read_converted(kv_feed *f, char *to, int64_t n) {
  if (f->from == f->to) {
    kv_cursor_read(&f->cursor, to, n);
    return;
  }
  char raw[1024] __attribute__((aligned(16)));
  int64_t most = (int64_t)(sizeof raw / f->cursor.size);
  for (int64_t part; n; n -= part, to += part * (int64_t)f->size) {
    int64_t run = kv_cursor_run(&f->cursor);
    bool straight = kv_cursor_step(&f->cursor) == (int64_t)f->cursor.size && run >= (n < SHORT_RUN ? n : SHORT_RUN);
    part = straight ? (run < n ? run : n) : n < most ? n : most;
    const void *x = raw;
    if (straight) {
      x = f->cursor.at;
      kv_cursor_advance(&f->cursor, part);
    } else {
      kv_cursor_read(&f->cursor, raw, part);
    }
    kv_convert_elements(f->from, x, f->to, to, (size_t)part);
  }
}

/* Fills the buffer with `count` repeated elements, or as many as it holds. The first period is read, the rest are
 * copies. */
static void fill_periods(kv_feed *f, int64_t count) {
  int64_t have = f->period, size = (int64_t)f->size;
  if (f->capacity > count) f->capacity = count;
  kv_cursor_seek(&f->cursor, 0);
  read_converted(f, f->buffer, have);
  for (int64_t more; have < f->capacity; have += more) {
    more = f->capacity - have < have ? f->capacity - have : have;
    memcpy(f->buffer + have * size, f->buffer, (size_t)(more * size));
  }
}

void kv_feed_start(kv_feed *f, const kv_view *view, int rank, const int64_t *shape, kvino_dtype to, int64_t begin,
                   int64_t count, char *buffer) {
  kv_cursor_start(&f->cursor, view, rank, shape);
  f->from = view->dtype;
  f->to = to;
  f->size = kvino_dtype_size(to);
  f->buffer = buffer;
  f->capacity = KV_FEED_BYTES / (int64_t)f->size;
  f->period = kv_cursor_period(&f->cursor);
  if (f->period > f->capacity / 4) f->period = 0;
  if (f->period) {
    f->phase = begin % f->period;
    fill_periods(f, f->period + count);
  } else {
    kv_cursor_seek(&f->cursor, begin);
  }
}

static bool passes_on(const kv_feed *f, int64_t wanted) {
  return f->from == f->to && kv_cursor_step(&f->cursor) == (int64_t)f->size &&
         kv_cursor_run(&f->cursor) >= (wanted < SHORT_RUN ? wanted : SHORT_RUN);
}

int64_t kv_feed_offer(const kv_feed *f, int64_t most) {
  int64_t n = f->period ? f->capacity - f->phase : passes_on(f, most) ? kv_cursor_run(&f->cursor) : f->capacity;
  return n < most ? n : most;
}

const void *kv_feed_next(kv_feed *f, int64_t n) {
  const char *x = f->buffer;
  if (f->period) {
    x += f->phase * (int64_t)f->size;
    f->phase = (f->phase + n) % f->period;
  } else if (passes_on(f, n)) {
    x = f->cursor.at;
    kv_cursor_advance(&f->cursor, n);
  } else {
    read_converted(f, f->buffer, n);
  }
  return x;
}
