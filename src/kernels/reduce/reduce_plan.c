#include "kernels/reduce/reduce_plan.h"

#include <string.h>

#include "kernels/elementwise/convert.h"
#include "tensor/copy.h"

static int64_t distance(int64_t step) { return step < 0 ? -step : step; }

/* Inserts an axis into a list sorted by falling distance; equal ones keep their order. */
static void insert(int *n, int64_t *length, int64_t *step, int64_t *out, int64_t l, int64_t s, int64_t o, bool sorted) {
  int i = (*n)++;
  for (; sorted && i > 0 && distance(step[i - 1]) < distance(s); i--) {
    length[i] = length[i - 1];
    step[i] = step[i - 1];
    if (out) out[i] = out[i - 1];
  }
  length[i] = l;
  step[i] = s;
  if (out) out[i] = o;
}

/* Merges neighbours that step as one. */
static void merge(int *n, int64_t *length, int64_t *step, int64_t *out) {
  int last = 0;
  for (int i = 1; i < *n; i++) {
    if (step[last] == length[i] * step[i] && (!out || out[last] == length[i] * out[i])) {
      length[last] *= length[i];
      step[last] = step[i];
      if (out) out[last] = out[i];
      continue;
    }
    last++;
    length[last] = length[i];
    step[last] = step[i];
    if (out) out[last] = out[i];
  }
  *n = last + 1;
}

/* Rows or columns: what follows memory, unless its runs are too short to be worth a call. */
static bool choose_rows(const kv_reduce_plan *p) {
  int64_t run = p->reduced[p->n_reduced - 1], across = p->kept[p->n_kept - 1];
  if (p->outputs == 1) return true;
  if (p->count == 1) return false;
  if (distance(p->reduced_step[p->n_reduced - 1]) <= distance(p->kept_step[p->n_kept - 1]))
    return run >= 16 || across < run;
  return across < 8 && run >= 64 && p->reduced_step[p->n_reduced - 1] != across * p->kept_step[p->n_kept - 1];
}

void kv_reduce_plan_init(kv_reduce_plan *p, const kv_view *x, const bool *reduced, bool ordered, int slot) {
  p->dtype = x->dtype;
  p->compute = kv_compute_dtype(x->dtype);
  p->size = (int64_t)kvino_dtype_size(x->dtype);
  p->data = x->data;
  p->n_kept = p->n_reduced = 0;
  p->count = p->outputs = 1;
  uint64_t bits = (uintptr_t)x->data;
  for (int a = x->rank - 1; a >= 0; a--)
    if (!reduced[a]) p->outputs *= x->shape[a];
  int64_t out = p->outputs;
  for (int a = 0; a < x->rank; a++) {
    int64_t length = x->shape[a], step = x->strides[a];
    if (!reduced[a])
      out /= length;
    else
      p->count *= length;
    if (length == 1) continue;
    bits |= (uint64_t)step;
    if (!reduced[a]) {
      insert(&p->n_kept, p->kept, p->kept_step, p->kept_out, length, step, out, true);
      continue;
    }
    if (!ordered && step < 0) { /* backwards is as good as forwards */
      p->data += (length - 1) * step;
      step = -step;
    }
    insert(&p->n_reduced, p->reduced, p->reduced_step, NULL, length, step, 0, !ordered);
  }
  if (!p->n_kept) insert(&p->n_kept, p->kept, p->kept_step, p->kept_out, 1, p->size, 1, false);
  if (!p->n_reduced) insert(&p->n_reduced, p->reduced, p->reduced_step, NULL, 1, 0, 0, false);
  merge(&p->n_kept, p->kept, p->kept_step, p->kept_out);
  merge(&p->n_reduced, p->reduced, p->reduced_step, NULL);
  p->elements = p->outputs * p->count;
  p->aligned = !(bits & (uint64_t)((p->size > 8 || p->dtype == KVINO_C64 ? p->size / 2 : p->size) - 1));
  p->rows = choose_rows(p);
  int64_t inner = p->kept[p->n_kept - 1], most = KV_REDUCE_STATE / slot;
  p->width = p->rows ? 1 : inner < most ? inner : most;
  p->tiles_inner = (inner + p->width - 1) / p->width;
  p->tiles = p->outputs / inner * p->tiles_inner;
}

const char *kv_reduce_plan_tile(const kv_reduce_plan *p, int64_t tile, int64_t *output, int64_t *n) {
  int last = p->n_kept - 1;
  int64_t outer = last ? tile / p->tiles_inner : 0, inner = (tile - outer * p->tiles_inner) * p->width;
  const char *at = p->data + inner * p->kept_step[last];
  *output = inner * p->kept_out[last];
  *n = p->kept[last] - inner < p->width ? p->kept[last] - inner : p->width;
  for (int a = last - 1; a >= 0; a--) {
    int64_t rest = a ? outer / p->kept[a] : 0, i = outer - rest * p->kept[a];
    at += i * p->kept_step[a];
    *output += i * p->kept_out[a];
    outer = rest;
  }
  return at;
}

bool kv_reduce_plan_next(const kv_reduce_plan *p, int split, int64_t length, int64_t *index, const char **at) {
  for (int a = p->n_reduced - 2; a >= 0; a--) {
    int64_t n = a == split ? length : p->reduced[a];
    *at += p->reduced_step[a];
    if (++index[a] < n) return true;
    *at -= n * p->reduced_step[a];
    index[a] = 0;
  }
  return false;
}

static int64_t wide_size(const kv_reduce_plan *p) { return (int64_t)kvino_dtype_size(p->compute); }

int64_t kv_reduce_load_most(const kv_reduce_plan *p) { return KV_REDUCE_BUFFER / wide_size(p); }

int64_t kv_reduce_load(const kv_reduce_plan *p, const char *at, int64_t row_step, int64_t rows, int64_t n, int64_t step,
                       kv_reduce_buffer *buffer, const char **to, int64_t *to_step) {
  int64_t most = kv_reduce_load_most(p) / n;
  if (rows > most) rows = most;
  bool packed = step == p->size && (rows == 1 || row_step == n * p->size);
  if (!packed) {
    kv_copy_strided((size_t)p->size, 2, (int64_t[]){rows, n}, buffer->raw, (int64_t[]){n * p->size, p->size}, at,
                    (int64_t[]){row_step, step});
    at = buffer->raw;
  }
  *to_step = n * wide_size(p);
  *to = buffer->wide;
  if (p->compute != p->dtype)
    kv_convert_elements(p->dtype, at, p->compute, buffer->wide, (size_t)(rows * n));
  else if (packed)
    memcpy(buffer->wide, at, (size_t)(rows * n * p->size)); /* unaligned */
  else
    *to = buffer->raw;
  return rows;
}
