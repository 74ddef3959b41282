#include "kernels/sparse/merge.h"

#include <string.h>

#include "base/threads.h"

enum {
  LANES = 4,       /* pieces that are merged in turns: what one waits for is as long as four take */
  GRAIN = 1 << 15, /* numbers that a thread is woken for */
};

/* The number that comes next is kept, whichever has it, without a branch: which it is cannot be foretold. */
#define STEP(l)                                                                                                        \
  do {                                                                                                                 \
    uint64_t p_ = a[i[l]], q_ = b[j[l]];                                                                               \
    int32_t not_a_ = p_ > q_, not_b_ = q_ > p_;                                                                        \
    from_a[n[l]] = (int32_t)i[l] | -not_a_;                                                                            \
    from_b[n[l]] = (int32_t)j[l] | -not_b_;                                                                            \
    n[l] += 1 - ((not_a_ | not_b_) & both);                                                                            \
    i[l] += 1 - not_a_;                                                                                                \
    j[l] += 1 - not_b_;                                                                                                \
  } while (0)

/* Steps of a piece before either sequence may end. */
static int64_t steps(const kv_merge_piece *p, int64_t i, int64_t j) {
  return p[1].a - i < p[1].b - j ? p[1].a - i : p[1].b - j;
}

static void merge_lanes(void *context, size_t task) {
  kv_merge *m = context;
  kv_merge_piece *p = m->piece + task * LANES;
  const uint64_t *a = m->a, *b = m->b;
  int32_t *restrict from_a = m->from_a, *restrict from_b = m->from_b, both = m->both;
  int64_t i[LANES], j[LANES], n[LANES];
  for (int l = 0; l < LANES; l++) {
    i[l] = p[l].a;
    j[l] = p[l].b;
    n[l] = p[l].a + p[l].b;
  }
  for (int64_t most;;) {
    most = steps(p, i[0], j[0]);
    for (int l = 1; l < LANES; l++)
      if (steps(p + l, i[l], j[l]) < most) most = steps(p + l, i[l], j[l]);
    if (most <= 0) break;
    for (; most; most--) {
      STEP(0);
      STEP(1);
      STEP(2);
      STEP(3);
    }
  }
  for (int l = 0; l < LANES; l++) {
    while (i[l] < p[l + 1].a && j[l] < p[l + 1].b) STEP(l);
    for (; i[l] < p[l + 1].a && !both; i[l]++, n[l]++) from_a[n[l]] = (int32_t)i[l], from_b[n[l]] = -1;
    for (; j[l] < p[l + 1].b && !both; j[l]++, n[l]++) from_a[n[l]] = -1, from_b[n[l]] = (int32_t)j[l];
    p[l].n = n[l] - p[l].a - p[l].b;
  }
}

static int64_t lower_bound(const uint64_t *x, int64_t n, uint64_t v) {
  int64_t low = 0;
  for (int64_t high = n; low < high;) {
    int64_t middle = low + (high - low) / 2;
    if (x[middle] < v)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

void kv_merge_run(kv_merge *m) {
  int64_t tasks = (m->n_a + m->n_b) / GRAIN + 1, most = kv_threads();
  if (most > KV_MERGE_PIECES / LANES) most = KV_MERGE_PIECES / LANES;
  m->n_pieces = LANES * (int)(tasks < most ? tasks : most);
  for (int k = 0; k <= m->n_pieces; k++) {
    int64_t a = m->n_a * k / m->n_pieces, b = m->n_b * k / m->n_pieces;
    bool last = k == m->n_pieces;
    if (m->n_a >= m->n_b)
      b = last ? m->n_b : a < m->n_a ? lower_bound(m->b, m->n_b, m->a[a]) : 0;
    else
      a = last ? m->n_a : lower_bound(m->a, m->n_a, m->b[b]);
    m->piece[k] = (kv_merge_piece){k ? a : 0, k ? b : 0, 0, 0};
  }
  kv_parallel((size_t)(m->n_pieces / LANES), merge_lanes, m);
  m->n = 0;
  for (int k = 0; k < m->n_pieces; k++) {
    m->piece[k].first = m->n;
    m->n += m->piece[k].n;
  }
}

typedef struct taking {
  const kv_merge *m;
  const int32_t *from;
  const int64_t *at;
  bool given;
  int64_t bytes;
  const char *x;
  char *to;
} taking;

/* Rows of `words` numbers, without a branch: which operand has one cannot be foretold. What is not there is read as the
 * first, and blanked. */
#define TAKE(T, words)                                                                                                 \
  for (int64_t i = 0; i < n; i++) {                                                                                    \
    int64_t row = from[i] & ~(from[i] >> 31);                                                                          \
    const T *x = (const T *)(const void *)t->x + (t->at ? t->at[row] : row) * (words), there = (T) ~(from[i] >> 31);   \
    for (int w = 0; w < (words); w++) {                                                                                \
      T *y = (T *)(void *)to + i * (words) + w;                                                                        \
      *y = (T)((t->given ? *y : 0) | (x[w] & there));                                                                  \
    }                                                                                                                  \
  }

static void take_rows(const taking *t, const int32_t *from, int64_t n, char *to) {
  for (int64_t i = 0; i < n; i++, to += t->bytes) {
    if (from[i] >= 0)
      memcpy(to, t->x + (t->at ? t->at[from[i]] : from[i]) * t->bytes, (size_t)t->bytes);
    else if (!t->given)
      memset(to, 0, (size_t)t->bytes);
  }
}

static void take_piece(void *context, size_t k) {
  const taking *t = context;
  const kv_merge_piece *p = &t->m->piece[k];
  const int32_t *from = t->from + p->a + p->b;
  int64_t n = p->n;
  char *to = t->to + p->first * t->bytes;
  if (!(t->from == t->m->from_a ? t->m->n_a : t->m->n_b)) {
    take_rows(t, from, n, to); /* there is no first row to read */
    return;
  }
  switch (t->bytes) {
  case 1:
    TAKE(uint8_t, 1)
    break;
  case 2:
    TAKE(uint16_t, 1)
    break;
  case 4:
    TAKE(uint32_t, 1)
    break;
  case 8:
    TAKE(uint64_t, 1)
    break;
  case 16:
    TAKE(uint64_t, 2)
    break;
  default:
    take_rows(t, from, n, to);
  }
}

void kv_merge_take(const kv_merge *m, const int32_t *from, const int64_t *at, bool given, int64_t bytes, const char *x,
                   char *to) {
  taking t = {m, from, at, given, bytes, x, to};
  if (bytes) kv_parallel((size_t)m->n_pieces, take_piece, &t);
}
