/* Derivatives of joining and dividing arrays: Concat, Split, VariadicSplit, Slice, SliceScatter. */
#include "grad/grad.h"

static kvino_tensor *as_vector(kv_scope *s, kvino_tensor *number) {
  return s->status ? NULL : kv_unsqueeze(s, number, KV_VECTOR(s, 0));
}

static int64_t positive(int64_t axis, int rank) { return axis < 0 ? axis + rank : axis; }

/* ---- Concat ---- */

/* Slices, as there are more parts than VariadicSplit takes lengths. */
static void parts_by_slices(kv_grad *g, int64_t axis) {
  kv_scope *s = g->s;
  kvino_tensor *at = KV_VECTOR(s, 0);
  for (size_t i = 0; i < g->n_in && !s->status; i++) {
    kvino_tensor *end = kv_add(s, at, as_vector(s, kv_dimension(s, g->in[i], axis)));
    if (g->wanted[i])
      g->d_in[i] = kv_slice(s, 5, (kvino_tensor *[]){g->d_out[0], at, end, KV_VECTOR(s, 1), KV_VECTOR(s, axis)});
    at = end;
  }
}

void kv_grad_concat(kv_grad *g) {
  kv_scope *s = g->s;
  int64_t axis = positive(g->attrs->axis.axis, g->in[0]->rank), first = g->in[0]->shape[axis];
  bool equal = first >= 0;
  for (size_t i = 1; i < g->n_in; i++) equal = equal && g->in[i]->shape[axis] == first;
  kvino_tensor *along = kv_int(s, KVINO_I64, axis);
  kvino_tensors part = KV_NO_TENSORS;
  if (equal) {
    part = kv_split(s, g->d_out[0], along, (kv_split_attrs){.num_splits = (int64_t)g->n_in});
  } else if (g->n_in <= KV_KNOWN_MAX) {
    kvino_tensor *length[KV_KNOWN_MAX];
    for (size_t i = 0; i < g->n_in; i++) length[i] = as_vector(s, kv_dimension(s, g->in[i], axis));
    kvino_tensor *lengths = s->status ? NULL : kv_concat(s, g->n_in, length, (kv_axis_attrs){.axis = 0});
    part = kv_variadic_split(s, g->d_out[0], along, lengths);
  } else {
    parts_by_slices(g, axis);
    return;
  }
  for (size_t i = 0; i < g->n_in && !s->status; i++)
    if (g->wanted[i]) g->d_in[i] = part.v[i];
}

/* ---- Split, VariadicSplit ---- */

void kv_grad_split(kv_grad *g) {
  kv_scope *s = g->s;
  int n;
  int64_t axis[KV_KNOWN_MAX];
  kvino_tensor **part = kv_scope_alloc(s, g->n_out + 1, sizeof *part);
  for (size_t i = 0; part && i < g->n_out; i++) part[i] = g->d_out[i] ? g->d_out[i] : kv_zeros_like(s, g->out[i]);
  if (s->status) return;
  if (!kv_all_known(g->in[1], &n, axis) || n != 1)
    kv_scope_fail(s, KVINO_UNSUPPORTED, "the derivative of %s needs a known axis", g->prim->name);
  else
    g->d_in[0] = kv_concat(s, g->n_out, part, (kv_axis_attrs){.axis = axis[0]});
}

/* ---- Slice ---- */

static kvino_tensor *flipped(kv_scope *s, kvino_tensor *x, int64_t axis) {
  kvino_tensor *back = KV_VECTOR(s, -1);
  return kv_slice(s, 5, (kvino_tensor *[]){x, back, KV_VECTOR(s, INT64_MIN), back, KV_VECTOR(s, axis)});
}

/* Where the part that a slice with this start and step (1 or -1) took begins: Python's rules; rest: how many elements
 * it left. Both are 0-d int64. */
static kvino_tensor *first_of(kv_scope *s, kvino_tensor *n, kvino_tensor *rest, int64_t start, int64_t step) {
  kvino_tensor *zero = kv_int(s, KVINO_I64, 0), *one = kv_int(s, KVINO_I64, 1), *at = kv_int(s, KVINO_I64, start);
  if (step == 1) return start < 0 ? kv_maximum(s, kv_add(s, at, n), zero) : kv_minimum(s, at, rest);
  kvino_tensor *last = kv_subtract(s, n, one);
  last = start < 0 ? kv_maximum(s, kv_add(s, at, n), kv_int(s, KVINO_I64, -1)) : kv_minimum(s, at, last);
  return kv_add(s, kv_subtract(s, last, kv_subtract(s, n, rest)), one);
}

/* Values of an operand that is a constant; false where it is not. */
static bool constants(const kvino_tensor *t, int rank, int64_t *values) {
  if (kv_is_symbolic(t) || t->size > rank) return false;
  for (int64_t i = 0; i < t->size; i++) values[i] = kv_tensor_get_int(t, i);
  return true;
}

/* Slices that leave nothing out between their ends: zeros in front and behind (Pad), of which OpenVINO computes more
 * than of SliceScatter. False where it is another slice. */
static bool padded_back(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *x = g->in[0], *y = g->out[0], *d = g->d_out[0], *begin[KVINO_MAX_RANK], *end[KVINO_MAX_RANK];
  int64_t start[KVINO_MAX_RANK], step[KVINO_MAX_RANK], axes[KVINO_MAX_RANK], n = g->in[1]->size;
  if (!constants(g->in[1], x->rank, start) || !constants(g->in[3], x->rank, step)) return false;
  for (int k = 0; k < x->rank; k++) axes[k] = k, begin[k] = end[k] = KV_VECTOR(s, 0);
  if (g->n_in > 4 && !constants(g->in[4], x->rank, axes)) return false;
  for (int64_t i = 0; i < n; i++)
    if ((step[i] != 1 && step[i] != -1) || start[i] < -INT64_MAX / 2) return false;
  for (int64_t i = 0; i < n && !s->status; i++) {
    int64_t axis = positive(axes[i], x->rank);
    kvino_tensor *all = kv_dimension(s, x, axis), *rest = kv_subtract(s, all, kv_dimension(s, y, axis));
    kvino_tensor *first = first_of(s, all, rest, start[i], step[i]);
    begin[axis] = as_vector(s, first);
    end[axis] = as_vector(s, kv_subtract(s, rest, first));
    if (step[i] < 0) d = flipped(s, d, axis);
  }
  if (s->status || !x->rank) return true;
  kv_axis_attrs joined = {.axis = 0};
  kvino_tensor *operands[] = {d, kv_concat(s, (size_t)x->rank, begin, joined),
                              kv_concat(s, (size_t)x->rank, end, joined)};
  g->d_in[0] = kv_pad(s, 3, operands, (kv_pad_attrs){.pad_mode = "constant"});
  return true;
}

/* The operands of a Slice or SliceScatter with the same bounds as the node. */
static size_t with_bounds(const kv_grad *g, size_t n, kvino_tensor **operands) {
  for (size_t i = g->prim->id == KV_Slice ? 1 : 2; i < g->n_in; i++) operands[n++] = g->in[i];
  return n;
}

void kv_grad_slice(kv_grad *g) {
  kvino_tensor *operands[6] = {NULL, g->d_out[0]};
  if (padded_back(g)) return;
  operands[0] = kv_zeros_like(g->s, g->in[0]);
  g->d_in[0] = kv_slice_scatter(g->s, with_bounds(g, 2, operands), operands);
}

void kv_grad_slice_scatter(kv_grad *g) {
  kvino_tensor *d = g->d_out[0], *operands[6] = {d, NULL};
  if (g->wanted[0]) {
    operands[1] = kv_zeros_like(g->s, g->in[1]);
    g->d_in[0] = kv_slice_scatter(g->s, with_bounds(g, 2, operands), operands);
  }
  if (g->wanted[1]) g->d_in[1] = kv_slice(g->s, with_bounds(g, 1, operands), operands);
}
