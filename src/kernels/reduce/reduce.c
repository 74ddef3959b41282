/* Reductions: tiles of outputs, and where these are few, chunks of the reduced elements too, divided among threads.
 * Both follow from the shape and the strides alone. */
#include "kernels/reduce/reduce.h"

#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/reduce/reduce_plan.h"

static const int64_t CHUNK = 1 << 16; /* elements: an eighth of a second-level cache of f64, some 10 us of work */
enum {
  MOST_UNITS = 64, /* where there are this many tiles, they are not cut into chunks */
  FOLD_WIDTH = 256
};

typedef struct job {
  kv_reduce_plan plan;
  kv_reducer reducer;
  char *out;
  /* Rows of a few outputs each (at most FOLD_WIDTH / 4) that follow each other in memory are taken in `fold` at a time,
   * as if they were one row; the copies of the outputs are merged at the end. 1: not so. */
  int64_t fold;
  int64_t slots; /* of a state: outputs in a tile times fold */
  int split;     /* the reduced axis that is cut into chunks; -1: none */
  int64_t chunks, chunk;
  char *partial; /* with chunks: the state of every tile and chunk */
} job;

static void choose_fold(job *j) {
  const kv_reduce_plan *p = &j->plan;
  int64_t across = p->kept[p->n_kept - 1];
  j->fold = 1;
  if (!p->rows && across <= FOLD_WIDTH / 4 && p->kept_step[p->n_kept - 1] == p->size &&
      p->reduced_step[p->n_reduced - 1] == across * p->size && p->reduced[p->n_reduced - 1] >= 2 * FOLD_WIDTH / across)
    j->fold = FOLD_WIDTH / across;
  j->slots = p->width * j->fold;
}

static void choose_chunks(job *j) {
  const kv_reduce_plan *p = &j->plan;
  j->chunks = 1;
  j->split = -1;
  if (p->tiles >= MOST_UNITS || p->elements < 2 * CHUNK) return;
  j->split = 0;
  for (int a = 1; a < p->n_reduced; a++)
    if (p->reduced[a] > p->reduced[j->split]) j->split = a;
  int64_t length = p->reduced[j->split], most = MOST_UNITS / p->tiles, wanted = p->elements / (CHUNK * p->tiles);
  if (wanted > most) wanted = most;
  if (wanted > length) wanted = length;
  if (wanted < 1) wanted = 1;
  j->chunk = (length + wanted - 1) / wanted;
  j->chunks = (length + j->chunk - 1) / j->chunk;
  if (j->chunks == 1) j->split = -1;
}

/* The elements of a run into state[0]. */
static void take_row(const job *j, const char *at, int64_t n, void *state) {
  const kv_reduce_plan *p = &j->plan;
  int64_t step = p->reduced_step[p->n_reduced - 1], most = kv_reduce_load_most(p);
  if (kv_reduce_in_place(p, step)) {
    j->reducer.kernel.row(at, n, state, j->slots);
    return;
  }
  kv_reduce_buffer buffer;
  for (int64_t i = 0; i < n; i += most) {
    const char *from;
    int64_t row, m = n - i < most ? n - i : most;
    kv_reduce_load(p, at + i * step, 0, 1, m, step, &buffer, &from, &row);
    j->reducer.kernel.row(from, m, state, j->slots);
  }
}

/* Rows of n elements into state[0 .. n - 1]. */
static void take_columns(const job *j, const char *at, int64_t row_step, int64_t rows, int64_t n, void *state) {
  const kv_reduce_plan *p = &j->plan;
  int64_t step = p->kept_step[p->n_kept - 1];
  if (kv_reduce_in_place(p, step)) {
    j->reducer.kernel.columns(at, row_step, rows, n, state, j->slots);
    return;
  }
  kv_reduce_buffer buffer;
  while (rows > 0) {
    const char *from;
    int64_t from_step, m = kv_reduce_load(p, at, row_step, rows, n, step, &buffer, &from, &from_step);
    j->reducer.kernel.columns(from, from_step, m, n, state, j->slots);
    at += m * row_step;
    rows -= m;
  }
}

/* All elements of n outputs (of a chunk where `length` says how much of the split axis) into a state. */
static void take_all(const job *j, const char *at, int64_t n, int64_t length, void *state) {
  const kv_reduce_plan *p = &j->plan;
  int last = p->n_reduced - 1;
  int64_t index[KVINO_MAX_RANK], run = j->split == last ? length : p->reduced[last], step = p->reduced_step[last];
  for (int a = 0; a < last; a++) index[a] = 0;
  kv_reduce_begin(&j->reducer, state, n * j->fold, j->slots);
  do {
    if (p->rows) {
      take_row(j, at, run, state);
    } else if (j->fold == 1) {
      take_columns(j, at, step, run, n, state);
    } else {
      int64_t whole = run / j->fold;
      take_columns(j, at, step * j->fold, whole, n * j->fold, state);
      take_columns(j, at + whole * j->fold * step, step, run - whole * j->fold, n, state);
    }
  } while (kv_reduce_plan_next(p, j->split, length, index, &at));
  bool compensated = j->reducer.state == KV_STATE_COMPENSATED || j->reducer.state == KV_STATE_C128_COMPENSATED;
  int64_t slot = compensated ? j->reducer.size / 2 : j->reducer.size;
  for (int64_t k = 1; k < j->fold; k++)
    kv_reduce_merge(&j->reducer, state, j->slots, (char *)state + k * n * slot, j->slots, n);
}

static void finish(const job *j, const void *state, int64_t output, int64_t n) {
  const kv_reduce_plan *p = &j->plan;
  kv_reduce_finish(&j->reducer, state, j->slots, n, (double)p->count, j->out + output * p->size,
                   p->kept_out[p->n_kept - 1] * p->size);
}

static void run_tiles(void *context, size_t begin, size_t end) {
  const job *j = context;
  _Alignas(64) char state[KV_REDUCE_STATE];
  for (size_t tile = begin; tile < end; tile++) {
    int64_t output, n;
    const char *at = kv_reduce_plan_tile(&j->plan, (int64_t)tile, &output, &n);
    take_all(j, at, n, 0, state);
    finish(j, state, output, n);
  }
}

static void run_chunks(void *context, size_t begin, size_t end) {
  const job *j = context;
  const kv_reduce_plan *p = &j->plan;
  for (size_t unit = begin; unit < end; unit++) {
    int64_t output, n, first = (int64_t)unit % j->chunks * j->chunk, length = p->reduced[j->split] - first;
    const char *at = kv_reduce_plan_tile(p, (int64_t)unit / j->chunks, &output, &n);
    take_all(j, at + first * p->reduced_step[j->split], n, length < j->chunk ? length : j->chunk,
             j->partial + (int64_t)unit * j->slots * j->reducer.size);
  }
}

static void merge_chunks(const job *j) {
  int64_t bytes = j->slots * j->reducer.size;
  for (int64_t tile = 0; tile < j->plan.tiles; tile++) {
    int64_t output, n;
    char *state = j->partial + tile * j->chunks * bytes;
    kv_reduce_plan_tile(&j->plan, tile, &output, &n);
    for (int64_t c = 1; c < j->chunks; c++)
      kv_reduce_merge(&j->reducer, state, j->slots, state + c * bytes, j->slots, n);
    finish(j, state, output, n);
  }
}

/* The result where nothing goes into an output, or where there is no output. */
static kvino_status reduce_nothing(const kv_reducer *r, int64_t outputs, void *out, kvino_error *err) {
  if (!outputs) return KVINO_OK;
  const char *name = r->op == KV_REDUCE_MAX    ? "maximum"
                     : r->op == KV_REDUCE_MIN  ? "minimum"
                     : r->op == KV_REDUCE_FMAX ? "fmax"
                     : r->op == KV_REDUCE_FMIN ? "fmin"
                                               : NULL;
  if (name) return kv_fail(err, KVINO_INVALID, "zero-size array to reduction operation %s which has no identity", name);
  char state[KV_REDUCE_SLOT];
  int64_t size = (int64_t)kvino_dtype_size(r->dtype);
  kv_reduce_begin(r, state, 1, 1);
  for (int64_t i = 0; i < outputs; i++) kv_reduce_finish(r, state, 1, 1, 0, (char *)out + i * size, size);
  return KVINO_OK;
}

kvino_status kv_reduce(kv_reduce_op op, const kv_view *x, const bool *reduced, void *out, kvino_error *err) {
  job j;
  int64_t outputs = 1;
  bool empty = false;
  KV_TRY(kv_reducer_init(&j.reducer, op, x->dtype, err));
  for (int a = 0; a < x->rank; a++) {
    empty |= !x->shape[a];
    if (!reduced[a]) outputs *= x->shape[a];
  }
  if (empty) return reduce_nothing(&j.reducer, outputs, out, err);
  kv_reduce_plan_init(&j.plan, x, reduced, false, j.reducer.size);
  j.out = out;
  choose_fold(&j);
  choose_chunks(&j);
  if (j.split < 0) {
    int64_t each = j.plan.elements / j.plan.tiles;
    if (j.plan.elements < 2 * CHUNK)
      run_tiles(&j, 0, (size_t)j.plan.tiles);
    else
      kv_parallel_ranges((size_t)j.plan.tiles, (size_t)(CHUNK / 2 / each + 1), run_tiles, &j);
    return KVINO_OK;
  }
  size_t units = (size_t)(j.plan.tiles * j.chunks), bytes = units * (size_t)(j.slots * j.reducer.size);
  if (!(j.partial = kv_block_new(bytes))) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a reduction");
  kv_parallel_ranges(units, 1, run_chunks, &j);
  merge_chunks(&j);
  kv_block_free(j.partial, bytes);
  return KVINO_OK;
}
