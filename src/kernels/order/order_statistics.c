/* Selection by radix, most significant digit first: counts say which bucket holds a rank, only the elements of those
 * buckets are copied, and the next digit decides among them. Two passes over the row for most data, whatever the number
 * of ranks. */
#include "kernels/order/order_statistics.h"

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/order/order.h"
#include "kernels/order/short_rows.h"

enum { FEW = 32, DIGIT = 11, SHORT_DIGIT = 8, BUCKETS = 1 << DIGIT, SHORT = 4096, GRAIN = 1 << 17, MOST_PARTS = 64 };

typedef struct wanted {
  int64_t rank, slot;
} wanted;

/* One round: n elements, `bits` more bits of the key to look at, the lowest `shift` of them later. */
typedef struct round {
  kvino_dtype dtype;
  int64_t n, parts;
  const char *data;
  char *out; /* the elements of the wanted buckets: `room` of them */
  uint32_t room;
  int shift, bits; /* the digit: `bits` bits above the lowest `shift` */
  uint32_t *count; /* [parts][1 << bits], then where each part's elements of a bucket go; NOWHERE: not wanted */
} round;

static const uint32_t NOWHERE = UINT32_MAX;

static void by_rank(wanted *w, int64_t m) {
  for (int64_t gap = m / 2; gap > 0; gap /= 2)
    for (int64_t i = gap; i < m; i++) {
      wanted v = w[i];
      int64_t j = i;
      for (; j >= gap && w[j - gap].rank > v.rank; j -= gap) w[j] = w[j - gap];
      w[j] = v;
    }
}

#define PASSES(ID, M, U, key)                                                                                          \
  static void count_##ID(const round *r, int64_t begin, int64_t end, uint32_t *count) {                                \
    const U mask = (U)((1u << r->bits) - 1);                                                                           \
    const M *a = (const M *)r->data;                                                                                   \
    for (int64_t i = begin; i < end; i++) {                                                                            \
      const M v = a[i];                                                                                                \
      count[(U)(key) >> r->shift & mask]++;                                                                            \
    }                                                                                                                  \
  }                                                                                                                    \
  static void collect_##ID(const round *r, int64_t begin, int64_t end, uint32_t *place) {                              \
    const U mask = (U)((1u << r->bits) - 1);                                                                           \
    const M *a = (const M *)r->data;                                                                                   \
    M *out = (M *)r->out;                                                                                              \
    for (int64_t i = begin; i < end; i++) {                                                                            \
      const M v = a[i];                                                                                                \
      uint32_t *to = &place[(U)(key) >> r->shift & mask];                                                              \
      if (*to < r->room) out[(*to)++] = v;                                                                             \
    }                                                                                                                  \
  }                                                                                                                    \
  static void insert_##ID(int64_t n, M *a) {                                                                           \
    for (int64_t i = 1; i < n; i++) {                                                                                  \
      M v = a[i];                                                                                                      \
      const M kept = v;                                                                                                \
      const U own = (U)(key);                                                                                          \
      int64_t j = i;                                                                                                   \
      for (; j > 0; j--) {                                                                                             \
        v = a[j - 1];                                                                                                  \
        if ((U)(key) <= own) break;                                                                                    \
        a[j] = v;                                                                                                      \
      }                                                                                                                \
      a[j] = kept;                                                                                                     \
    }                                                                                                                  \
  }
KV_ORDERED_DTYPES(PASSES)

typedef struct passes {
  void (*count)(const round *, int64_t, int64_t, uint32_t *);
  void (*collect)(const round *, int64_t, int64_t, uint32_t *);
} passes;

static passes passes_of(kvino_dtype dtype) {
  switch (dtype) {
#define CASE(ID, ...)                                                                                                  \
  case KVINO_##ID:                                                                                                     \
    return (passes){count_##ID, collect_##ID};
    KV_ORDERED_DTYPES(CASE)
#undef CASE
  default:
    return (passes){0};
  }
}

static void part_bounds(const round *r, size_t part, int64_t *begin, int64_t *end) {
  int64_t each = (r->n + r->parts - 1) / r->parts;
  *begin = each * (int64_t)part < r->n ? each * (int64_t)part : r->n;
  *end = *begin + each < r->n ? *begin + each : r->n;
}

static void count_part(void *context, size_t part) {
  const round *r = context;
  int64_t begin, end;
  part_bounds(r, part, &begin, &end);
  passes_of(r->dtype).count(r, begin, end, r->count + (part << r->bits));
}

static void collect_part(void *context, size_t part) {
  const round *r = context;
  int64_t begin, end;
  part_bounds(r, part, &begin, &end);
  passes_of(r->dtype).collect(r, begin, end, r->count + (part << r->bits));
}

/* Few elements: sorted on the spot. */
static void sort_few(kvino_dtype dtype, int64_t n, const char *data, int64_t m, const wanted *w, char *out) {
  size_t size = kvino_dtype_size(dtype);
  uint64_t few[FEW];
  memcpy(few, data, (size_t)n * size);
  switch (dtype) {
#define CASE(ID, M, ...)                                                                                               \
  case KVINO_##ID:                                                                                                     \
    insert_##ID(n, (M *)few);                                                                                          \
    break;
    KV_ORDERED_DTYPES(CASE)
#undef CASE
  default:
    break;
  }
  for (int64_t i = 0; i < m; i++)
    memcpy(out + w[i].slot * (int64_t)size, (char *)few + w[i].rank * (int64_t)size, size);
}

static bool solve(kvino_dtype dtype, int64_t n, const char *data, int bits, int64_t m, wanted *w, char *out);

/* The counts become the places of what is wanted: -1 elsewhere. Gives how many elements those are. */
static int64_t place_wanted(round *r, int64_t m, const wanted *w) {
  int64_t buckets = (int64_t)1 << r->bits, below = 0, total = 0, next = 0;
  for (int64_t b = 0; b < buckets; b++) {
    int64_t here = 0;
    for (int64_t p = 0; p < r->parts; p++) here += r->count[(p << r->bits) + b];
    bool is_wanted = next < m && w[next].rank < below + here;
    for (int64_t p = 0; p < r->parts; p++) {
      uint32_t *count = &r->count[(p << r->bits) + b], own = *count;
      *count = is_wanted ? (uint32_t)total : NOWHERE;
      if (is_wanted) total += own;
    }
    below += here;
    while (next < m && w[next].rank < below) next++;
  }
  return total;
}

/* Each wanted bucket by its next digit. `size` of every bucket was kept. */
static bool solve_buckets(const round *r, const uint32_t *size, int64_t m, wanted *w, char *out) {
  int64_t buckets = (int64_t)1 << r->bits, below = 0, i = 0, width = (int64_t)kvino_dtype_size(r->dtype);
  const char *from = r->out;
  for (int64_t b = 0; b < buckets && i < m; b++) {
    int64_t end = i;
    for (; end < m && w[end].rank < below + size[b]; end++) w[end].rank -= below;
    if (end > i && !solve(r->dtype, size[b], from, r->shift, end - i, w + i, out)) return false;
    if (end > i) from += size[b] * width;
    i = end;
    below += size[b];
  }
  return true;
}

/* The ranks in ascending order; `bits` bits of the keys may still differ. */
static bool solve(kvino_dtype dtype, int64_t n, const char *data, int bits, int64_t m, wanted *w, char *out) {
  size_t width = kvino_dtype_size(dtype);
  if (n <= FEW || !bits) {
    if (bits) sort_few(dtype, n, data, m, w, out);
    for (int64_t i = 0; i < m && !bits; i++) memcpy(out + w[i].slot * (int64_t)width, data, width);
    return true;
  }
  round r = {.dtype = dtype, .n = n, .data = data, .parts = n / GRAIN + 1};
  if (r.parts > kv_threads()) r.parts = kv_threads();
  if (r.parts > MOST_PARTS) r.parts = MOST_PARTS;
  r.bits = n < SHORT ? SHORT_DIGIT : DIGIT;
  if (r.bits > bits) r.bits = bits;
  r.shift = bits - r.bits;
  uint32_t few[2][1 << SHORT_DIGIT], *counts = few[0];
  size_t buckets = (size_t)1 << r.bits;
  bool own = r.bits > SHORT_DIGIT || r.parts > 1, ok = false;
  if (own && !(counts = kv_malloc((size_t)(r.parts + 1) * buckets * sizeof *counts))) return false;
  memset(counts, 0, (size_t)(r.parts + 1) * buckets * sizeof *counts);
  uint32_t *size = counts;
  r.count = counts + buckets;
  kv_parallel((size_t)r.parts, count_part, &r);
  for (int64_t p = 0; p < r.parts; p++)
    for (size_t b = 0; b < buckets; b++) size[b] += r.count[((size_t)p << r.bits) + b];
  int64_t total = place_wanted(&r, m, w);
  if (total == n) { /* no element is out of question yet: all may share the digit */
    bool one = false;
    for (size_t b = 0; b < buckets; b++) one = one || size[b] == n;
    if (one) {
      ok = solve(dtype, n, data, r.shift, m, w, out);
      goto done;
    }
  }
  r.room = (uint32_t)total; /* another thread may write the row meanwhile */
  if ((r.out = kv_malloc((size_t)total * width))) {
    kv_parallel((size_t)r.parts, collect_part, &r);
    ok = solve_buckets(&r, size, m, w, out);
    kv_free(r.out);
  }
done:
  if (own) kv_free(counts);
  return ok;
}

/* Short rows: sorted on the spot. False where no network does it, or the row holds what it cannot put in order. */
static bool sort_short(kvino_dtype dtype, int64_t n, const char *data, int64_t m, const int64_t *rank, char *out) {
  uint64_t row[KV_SHORT_ROW];
  size_t size = kvino_dtype_size(dtype);
  const kv_short_sorts *sorts = dtype == KVINO_C64 ? NULL : kv_short_sorts_of(n);
  if (!sorts || !sorts->values(dtype, n, data, false, (char *)row)) return false;
  for (int64_t i = 0; i < m; i++) memcpy(out + (size_t)i * size, (char *)row + (size_t)rank[i] * size, size);
  return true;
}

bool kv_select_ranks(kvino_dtype dtype, int64_t n, const char *data, int64_t m, const int64_t *rank, char *out) {
  if (sort_short(dtype, n, data, m, rank, out)) return true;
  wanted few[16], *w = few;
  if (m > 16 && !(w = kv_malloc((size_t)m * sizeof *w))) return false;
  for (int64_t i = 0; i < m; i++) w[i] = (wanted){rank[i], i};
  by_rank(w, m);
  bool ok = solve(dtype, n, data, (int)kvino_dtype_size(dtype) * 8, m, w, out);
  if (w != few) kv_free(w);
  return ok;
}
