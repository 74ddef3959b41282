/* Derivatives of Fourier transforms: linear maps, whose transposes are transforms again. Complex numbers are pairs of
 * real ones here, so that the transpose of a transform is the one in the other direction, without its division. */
#include "grad/grad.h"

typedef struct transform {
  int n; /* axes */
  int64_t axis[KV_KNOWN_MAX];
  kvino_tensor *axes;
  kvino_tensor *lengths; /* of the transform along each axis: 1-D int64 */
  kvino_tensor *last;    /* the length along the last of the axes, 0-d */
  kvino_tensor *count;   /* the product of all lengths, in the dtype of the numbers */
} transform;

/* The length along axis number i: given, or as long as x (or, of IRDFT, the result) is. */
static kvino_tensor *length_of(kv_grad *g, int i, int64_t axis) {
  kv_scope *s = g->s;
  const kvino_tensor *real = g->prim->id == KV_RDFT ? g->in[0] : g->out[0]; /* where the lines have their full length */
  if (s->status) return NULL;
  if (real->shape[axis] >= 0 && g->n_in == 2) return kv_int(s, KVINO_I64, real->shape[axis]);
  if (g->prim->id != KV_RDFT || g->n_in == 2) return kv_dimension(s, (kvino_tensor *)(uintptr_t)real, axis);
  kvino_tensor *own = kv_dimension(s, g->in[0], axis), *zero = kv_int(s, KVINO_I64, 0);
  kvino_tensor *given =
      kv_gather(s, kv_cast(s, g->in[2], KVINO_I64), kv_int(s, KVINO_I64, i), zero, (kv_gather_attrs){.batch_dims = 0});
  return kv_select(s, kv_less(s, given, zero), own, given); /* -1: as it is */
}

static bool read_transform(kv_grad *g, transform *t) {
  kv_scope *s = g->s;
  int pairs = g->prim->id != KV_RDFT;
  *t = (transform){.axes = g->in[1]};
  if (!kv_all_known(g->in[1], &t->n, t->axis)) {
    kv_scope_fail(s, KVINO_UNSUPPORTED, "the derivative of %s needs known axes", g->prim->name);
    return false;
  }
  kvino_tensor *parts[KVINO_MAX_RANK], *all = kv_int(s, KVINO_I64, 1);
  for (int i = 0; i < t->n; i++) {
    if (t->axis[i] < 0) t->axis[i] += g->in[0]->rank - pairs;
    t->last = length_of(g, i, t->axis[i]);
    all = kv_multiply(s, all, t->last);
    parts[i] = t->last ? kv_unsqueeze(s, t->last, KV_VECTOR(s, 0)) : NULL;
  }
  t->lengths = t->n == 1 ? parts[0] : kv_concat(s, (size_t)t->n, parts, (kv_axis_attrs){.axis = 0});
  t->count = s->status ? NULL : kv_cast(s, all, (kvino_dtype)g->in[0]->dtype);
  return !s->status;
}

/* y cut, or followed by zeros, along the axes: as long as x is. */
static kvino_tensor *as_long_as(kv_grad *g, const transform *t, kvino_tensor *y, kvino_tensor *x) {
  kv_scope *s = g->s;
  bool same = true;
  if (s->status) return NULL;
  for (int i = 0; i < t->n; i++) {
    int64_t a = y->shape[t->axis[i]], b = x->shape[t->axis[i]];
    same &= a == b && (a >= 0 || g->n_in == 2);
  }
  if (same) return y;
  int64_t none[KVINO_MAX_RANK] = {0};
  kvino_tensor *begin = kv_vector(s, (size_t)x->rank, none), *end = kv_subtract(s, kv_dims(s, x), kv_dims(s, y));
  return kv_pad(s, 4, (kvino_tensor *[]){y, begin, end, kv_like(s, y, 0)}, (kv_pad_attrs){.pad_mode = "constant"});
}

static kvino_tensor *apply(kv_grad *g, const transform *t, kv_prim_id id, kvino_tensor *x) {
  return kv_apply(g->s, id, NULL, 3, (kvino_tensor *[]){x, t->axes, t->lengths});
}

/* x [..., k, ..., 2] times `edge` for the first and the middle number of the halved axis, times `inner` for the others,
 * which stand for two. */
static kvino_tensor *weighted(kv_grad *g, const transform *t, kvino_tensor *x, double edge, double inner) {
  kv_scope *s = g->s;
  if (s->status) return NULL;
  int64_t axis = t->axis[t->n - 1], shape[KVINO_MAX_RANK];
  kvino_tensor *zero = kv_int(s, KVINO_I64, 0), *one = kv_int(s, KVINO_I64, 1);
  kvino_tensor *k = kv_range(s, zero, kv_dimension(s, x, axis), one, (kv_output_type_attrs){.output_type = KVINO_I64});
  kvino_tensor *alone = kv_logical_or(s, kv_equal(s, k, zero), kv_equal(s, kv_add(s, k, k), t->last));
  kvino_tensor *w = kv_select(s, alone, kv_like(s, x, edge), kv_like(s, x, inner));
  for (int i = 0; i < x->rank; i++) shape[i] = i == axis ? -1 : 1;
  if (x->shape[axis] >= 0) shape[axis] = x->shape[axis];
  return kv_multiply(s, x, kv_reshape_to(s, w, x->rank, shape));
}

void kv_grad_dft(kv_grad *g) {
  transform t;
  if (!read_transform(g, &t)) return;
  kvino_tensor *d = kv_multiply(g->s, g->d_out[0], t.count);
  g->d_in[0] = as_long_as(g, &t, apply(g, &t, KV_IDFT, d), g->in[0]);
}

void kv_grad_idft(kv_grad *g) {
  transform t;
  if (!read_transform(g, &t)) return;
  kvino_tensor *d = kv_divide(g->s, g->d_out[0], t.count);
  g->d_in[0] = as_long_as(g, &t, apply(g, &t, KV_DFT, d), g->in[0]);
}

/* IRDFT adds the numbers between the edges twice. */
void kv_grad_rdft(kv_grad *g) {
  transform t;
  if (!read_transform(g, &t)) return;
  kvino_tensor *d = kv_multiply(g->s, weighted(g, &t, g->d_out[0], 1, 0.5), t.count);
  g->d_in[0] = as_long_as(g, &t, apply(g, &t, KV_IRDFT, d), g->in[0]);
}

void kv_grad_irdft(kv_grad *g) {
  transform t;
  if (!read_transform(g, &t)) return;
  kvino_tensor *d = apply(g, &t, KV_RDFT, kv_divide(g->s, g->d_out[0], t.count));
  g->d_in[0] = as_long_as(g, &t, weighted(g, &t, d, 1, 2), g->in[0]);
}
