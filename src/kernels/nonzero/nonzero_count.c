/* count_nonzero, over everything or along some axes.
 *
 * The order of counting is free, so the axes are sorted by their steps through memory, reversed ones turned round and
 * neighbours merged: a transposed view is counted as the contiguous array it is. Then the innermost axis is either
 * reduced (count rows) or kept (add rows up, as bytes for as long as they hold the sums). */
#include <string.h>

#include "base/threads.h"
#include "kernels/nonzero/nonzero.h"
#include "kernels/nonzero/nonzero_mask.h"

enum {
  PARALLEL = 1 << 18, /* elements from which on threads pay */
  GRAIN = 1 << 16,    /* elements per task, at least */
  COLUMNS = 4096,     /* columns added up at a time: mask and sums stay in the L1 cache */
  WIDENED = 512       /* columns that a row should have */
};

typedef struct axis {
  int64_t n, in, out; /* length; step through the input in bytes; step through the counts in entries, 0 where reduced */
} axis;

typedef struct plan {
  kv_nz_test test;
  const kv_nz_kernels *k;
  bool shared;   /* tasks of other threads add to the same counts */
  int64_t times; /* how often each element counts: the product of the reduced broadcast axes, applied at the end */
  int rank;
  const char *in;
  int64_t *out;
  axis axes[KVINO_MAX_RANK];
} plan;

static void add(const plan *p, int64_t *count, int64_t n) {
  if (p->shared)
    __atomic_fetch_add(count, n, __ATOMIC_RELAXED);
  else
    *count += n;
}

/* ---- the plan ---- */

static void plan_axes(plan *p, const kv_view *x, const bool *reduced) {
  int64_t step = 1, steps[KVINO_MAX_RANK];
  for (int a = x->rank - 1; a >= 0; a--) {
    steps[a] = reduced[a] ? 0 : step;
    if (!reduced[a]) step *= x->shape[a];
  }
  p->rank = 0;
  for (int a = 0; a < x->rank; a++) {
    axis new = {x->shape[a], x->strides[a], steps[a]};
    if (new.n == 1) continue;
    if (new.in == 0 && reduced[a]) {
      p->times *= new.n;
      continue;
    }
    if (new.in < 0) {
      p->in += (new.n - 1) * new.in;
      p->out += (new.n - 1) * new.out;
      new.in = -new.in;
      new.out = -new.out;
    }
    int i = p->rank++;
    for (; i > 0 && p->axes[i - 1].in < new.in; i--) p->axes[i] = p->axes[i - 1];
    p->axes[i] = new;
  }
}

static void plan_merge(plan *p) {
  int rank = 0;
  for (int i = 0; i < p->rank; i++) {
    const axis *new = &p->axes[i];
    axis *last = rank ? &p->axes[rank - 1] : NULL;
    if (last && last->in == new->n *new->in && last->out == new->n *new->out)
      *last = (axis){last->n * new->n, new->in, new->out};
    else
      p->axes[rank++] = *new;
  }
  if (rank == 0) p->axes[rank++] = (axis){1, (int64_t)1 << p->test.width, 0};
  p->rank = rank;
}

/* Steps through the axes before `rank`: false after the last. */
static bool advance(const plan *p, int rank, int64_t *at, const char **in, int64_t **out) {
  for (int a = rank - 1; a >= 0; a--) {
    const axis *x = &p->axes[a];
    *in += x->in;
    *out += x->out;
    if (++at[a] < x->n) return true;
    at[a] = 0;
    *in -= x->n * x->in;
    *out -= x->n * x->out;
  }
  return false;
}

/* ---- the innermost axis is reduced ---- */

static int64_t count_row(const plan *p, const char *in, int64_t n, int64_t stride) {
  if (stride == (int64_t)1 << p->test.width) return kv_nz_count(p->k, p->test, in, n);
  uint64_t words[COLUMNS / 64];
  int64_t total = 0;
  for (; n > 0; n -= COLUMNS) {
    int used = 0;
    for (int64_t i = 0; i < n && i < COLUMNS; i += 64, in += 64 * stride)
      words[used++] = kv_nz_gather(p->test, in, stride, n - i < 64 ? (int)(n - i) : 64);
    total += p->k->bits(words, used);
  }
  return total;
}

/* Short rows, one after the other in memory: a mask of many, then the bits of each. */
static void count_short_rows(const plan *p, const char *in, int64_t *out, const axis *rows, int length) {
  uint64_t words[COLUMNS / 64];
  uint8_t counts[COLUMNS];
  const int64_t most = COLUMNS / length;
  for (int64_t left = rows->n; left > 0; left -= most) {
    int64_t n = left < most ? left : most;
    kv_nz_mask(p->k, p->test, in, n * length, words);
    p->k->fields(words, (int)n, length, counts);
    for (int64_t i = 0; i < n; i++, out += rows->out) add(p, out, counts[i]);
    in += n * rows->in;
  }
}

static void count_rows(const plan *p) {
  const axis row = p->axes[p->rank - 1];
  const char *in = p->in;
  int64_t *out = p->out, at[KVINO_MAX_RANK] = {0};
  const axis *rows = p->rank > 1 ? &p->axes[p->rank - 2] : NULL;
  if (rows && rows->out && row.n <= 64 && row.in == (int64_t)1 << p->test.width && rows->in == row.n * row.in) {
    do count_short_rows(p, in, out, rows, (int)row.n);
    while (advance(p, p->rank - 2, at, &in, &out));
    return;
  }
  do add(p, out, count_row(p, in, row.n, row.in));
  while (advance(p, p->rank - 1, at, &in, &out));
}

/* ---- the innermost axis is kept ---- */

/* Adds the sums of n columns from `begin` on and clears them; columns of a widened row (see below) come round again. */
static void flush(const plan *p, uint8_t *tally, int64_t begin, int64_t n, const axis *column, int64_t *out) {
  for (int64_t i = 0, c = begin % column->n; i < n; c = 0) {
    int64_t run = column->n - c < n - i ? column->n - c : n - i;
    int64_t *o = out + c * column->out;
    if (p->shared || column->out != 1)
      for (int64_t j = 0; j < run; j++) add(p, o + j * column->out, tally[i + j]);
    else
      for (int64_t j = 0; j < run; j++) o[j] += tally[i + j];
    i += run;
  }
  memset(tally, 0, (size_t)n);
}

/* Adds up `rows` rows of `width` elements, which are the columns, once or several times over. */
static void add_rows(const plan *p, const char *in, int64_t rows, int64_t row_step, int64_t width, const axis *column,
                     int64_t *out) {
  uint64_t words[COLUMNS / 64];
  uint8_t tally[COLUMNS];
  const bool contiguous = column->in == (int64_t)1 << p->test.width;
  for (int64_t begin = 0; begin < width; begin += COLUMNS) {
    const int64_t n = width - begin < COLUMNS ? width - begin : COLUMNS;
    memset(tally, 0, sizeof tally);
    for (int64_t r = 0; r < rows; r++) {
      const char *row = in + r * row_step + begin * column->in;
      if (contiguous) kv_nz_mask(p->k, p->test, row, n, words);
      for (int64_t i = 0; i < n && !contiguous; i += 64)
        words[i / 64] = kv_nz_gather(p->test, row + i * column->in, column->in, n - i < 64 ? (int)(n - i) : 64);
      p->k->tally(words, (int)n, tally);
      if (r % 255 == 254) flush(p, tally, begin, n, column, out);
    }
    flush(p, tally, begin, n, column, out);
  }
}

static void add_columns(plan *p) {
  const axis column = p->axes[p->rank - 1];
  axis rows = {1, 0, 0};
  int r = p->rank - 2;
  while (r >= 0 && p->axes[r].out) r--;
  if (r >= 0) { /* the innermost reduced axis goes next to the columns */
    rows = p->axes[r];
    for (; r < p->rank - 2; r++) p->axes[r] = p->axes[r + 1];
    p->axes[r] = rows;
  }
  const int outer = r >= 0 ? p->rank - 2 : p->rank - 1;
  /* Short rows, one after the other in memory, are taken several at a time, as one row. */
  int64_t several = rows.in == column.n * column.in ? WIDENED / column.n : 1;
  if (several < 1) several = 1;
  const char *in = p->in;
  int64_t *out = p->out, at[KVINO_MAX_RANK] = {0};
  do {
    int64_t whole = rows.n / several, rest = rows.n % several;
    add_rows(p, in, whole, rows.in * several, column.n * several, &column, out);
    if (rest) add_rows(p, in + whole * several * rows.in, 1, 0, column.n * rest, &column, out);
  } while (advance(p, outer, at, &in, &out));
}

/* ---- threads ---- */

static void run(plan *p) {
  if (p->axes[p->rank - 1].out)
    add_columns(p);
  else
    count_rows(p);
}

typedef struct split {
  const plan *plan;
  int axis;
} split;

static void run_part(void *context, size_t begin, size_t end) {
  const split *s = context;
  plan part = *s->plan;
  axis *x = &part.axes[s->axis];
  part.in += (int64_t)begin * x->in;
  part.out += (int64_t)begin * x->out;
  x->n = (int64_t)(end - begin);
  run(&part);
}

/* The axis to divide among threads: the outermost kept one of some length, where each thread has its counts to itself;
 * else the longest. */
static int split_axis(const plan *p) {
  int longest = 0;
  for (int a = 0; a < p->rank; a++) {
    int64_t enough = a == p->rank - 1 ? 2 * COLUMNS : 8;
    if (p->axes[a].out && p->axes[a].n >= enough) return a;
    if (p->axes[a].n > p->axes[longest].n) longest = a;
  }
  return longest;
}

static void run_parallel(plan *p) {
  int64_t size = 1;
  for (int a = 0; a < p->rank; a++) size *= p->axes[a].n;
  if (size < PARALLEL || kv_threads() == 1) {
    run(p);
    return;
  }
  split s = {p, split_axis(p)};
  const axis *x = &p->axes[s.axis];
  p->shared = x->out == 0;
  int64_t each = size / x->n;
  kv_parallel_ranges((size_t)x->n, (size_t)(each < GRAIN ? GRAIN / each : 1), run_part, &s);
}

/* ---- the operators ---- */

kvino_status kv_count_nonzero_axes(const kv_view *x, const bool *reduced, int64_t *counts, kvino_error *err) {
  plan p = {.k = kv_nz_kernels_get(), .times = 1, .in = x->data, .out = counts};
  int64_t size, kept = 1;
  KV_TRY(kv_nz_test_of(x->dtype, &p.test, err));
  KV_TRY(kv_nz_size(x, &size, err));
  for (int a = 0; a < x->rank; a++)
    if (!reduced[a]) kept *= x->shape[a];
  memset(counts, 0, (size_t)kept * sizeof *counts);
  if (size == 0) return KVINO_OK;
  plan_axes(&p, x, reduced);
  plan_merge(&p);
  run_parallel(&p);
  for (int64_t i = 0; i < kept && p.times != 1; i++) counts[i] *= p.times;
  return KVINO_OK;
}

kvino_status kv_count_nonzero(const kv_view *x, int64_t *count, kvino_error *err) {
  bool reduced[KVINO_MAX_RANK];
  memset(reduced, true, sizeof reduced);
  return kv_count_nonzero_axes(x, reduced, count, err);
}
