/* Pad: operands x, pads_begin, pads_end [, value]. Negative pads crop. As in NumPy, reflect and symmetric go back and
 * forth where a pad is longer than the axis. */
#include <string.h>

#include "prim/interval.h"
#include "prim/known.h"
#include "tensor/copy.h"

typedef enum pad_mode { CONSTANT, EDGE, REFLECT, SYMMETRIC } pad_mode;

static kvino_status read_mode(kv_call *c, pad_mode *mode) {
  static const char *const names[] = {"constant", "edge", "reflect", "symmetric"};
  const char *name = c->attrs->pad.pad_mode ? c->attrs->pad.pad_mode : "constant";
  for (int i = 0; i < 4; i++) {
    if (strcmp(names[i], name)) continue;
    *mode = (pad_mode)i;
    return KVINO_OK;
  }
  return kv_fail(c->err, KVINO_INVALID, "mode '%s' is not supported", name);
}

static kvino_status read_pads(kv_call *c, kv_values *begin, kv_values *end) {
  const kvino_tensor *x = c->in[0];
  KV_TRY(kv_read_values(c, 1, "pads_begin", begin));
  KV_TRY(kv_read_values(c, 2, "pads_end", end));
  if (begin->n != x->rank || end->n != x->rank)
    return kv_fail(c->err, KVINO_INVALID, "Pad of an array of dimension %d takes that many pads, not %d and %d",
                   x->rank, begin->n, end->n);
  return KVINO_OK;
}

kvino_status kv_infer_pad(kv_call *c) {
  kv_values begin, end;
  pad_mode mode = CONSTANT;
  if (c->n_in != 3 && c->n_in != 4)
    return kv_fail(c->err, KVINO_INVALID, "Pad takes 3 or 4 operands, not %zu", c->n_in);
  const kvino_tensor *x = c->in[0];
  KV_TRY(read_mode(c, &mode));
  KV_TRY(read_pads(c, &begin, &end));
  if (c->n_in == 4) {
    KV_TRY(kv_same_dtype(c, 0, 3));
    if (c->in[3]->size != 1 && c->in[3]->size != -1)
      return kv_fail(c->err, KVINO_INVALID, "the value of Pad must be a scalar, not of size %lld",
                     (long long)c->in[3]->size);
  }
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, x->rank, x->shape);
  for (int i = 0; i < x->rank; i++) {
    int64_t *d = &c->spec[0].shape[i];
    if (*d < 0 || !kv_is_known(&begin, i) || !kv_is_known(&end, i)) {
      *d = kv_is_known(&begin, i) && kv_is_known(&end, i) && !begin.v[i] && !end.v[i] ? *d : -1;
      continue;
    }
    bool grows = begin.v[i] > 0 || end.v[i] > 0;
    if (mode != CONSTANT && grows && !*d)
      return kv_fail(c->err, KVINO_INVALID, "can't extend empty axis %d using modes other than 'constant' or 'empty'",
                     i);
    if (__builtin_add_overflow(*d, begin.v[i], d) || __builtin_add_overflow(*d, end.v[i], d))
      return kv_fail(c->err, KVINO_INVALID,
                     "array is too big; `arr.size * arr.dtype.itemsize` is larger than the maximum possible size.");
    if (*d < 0)
      return kv_fail(c->err, KVINO_INVALID, "pads %lld and %lld crop more than axis %d of size %lld has",
                     (long long)begin.v[i], (long long)end.v[i], i, (long long)x->shape[i]);
  }
  return KVINO_OK;
}

/* y while it is being padded, axis by axis: the axes before `axis` are whole, of those after it only what stays of x is
 * there. `base` is the first element of that part, `shape` its lengths with all of `axis`. */
typedef struct slab {
  const kvino_tensor *y;
  size_t size;
  int axis;
  char *base;
  int64_t shape[KVINO_MAX_RANK];
} slab;

/* Copies n slices across the axis: to slice `to` on, from slice `from` on, stepping by `step` there. */
static void copy_slices(slab *s, int64_t to, int64_t from, int64_t n, int64_t step) {
  int64_t strides[KVINO_MAX_RANK];
  if (n <= 0) return;
  for (int i = 0; i < s->y->rank; i++) strides[i] = i == s->axis ? step * s->y->strides[i] : s->y->strides[i];
  int64_t line = s->y->strides[s->axis];
  s->shape[s->axis] = n;
  kv_copy_strided(s->size, s->y->rank, s->shape, s->base + to * line, s->y->strides, s->base + from * line, strides);
}

static void fill_slices(slab *s, int64_t to, int64_t n, const char *value) {
  static const int64_t none[KVINO_MAX_RANK];
  if (n <= 0) return;
  s->shape[s->axis] = n;
  kv_copy_strided(s->size, s->y->rank, s->shape, s->base + to * s->y->strides[s->axis], s->y->strides, value, none);
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Fills `before` slices in front of, and `after` behind, the n that are there. Each side by itself mirrors all that
 * reaches from the far end of those n to its own edge, which doubles at every round; reflect leaves out the slice at
 * the mirror. */
static void extend(slab *s, pad_mode mode, int64_t before, int64_t n, int64_t after) {
  int64_t first = before, last = before + n - 1, skip = mode == REFLECT ? 1 : 0;
  if (mode == EDGE || (mode == REFLECT && n == 1)) {
    copy_slices(s, 0, first, before, 0);
    copy_slices(s, last + 1, last, after, 0);
    return;
  }
  for (int64_t edge = first; edge > 0;) {
    int64_t count = least(edge, last - edge + 1 - skip);
    copy_slices(s, edge - count, edge + skip + count - 1, count, -1);
    edge -= count;
  }
  for (int64_t edge = last, end = last + after; edge < end;) {
    int64_t count = least(end - edge, edge - first + 1 - skip);
    copy_slices(s, edge + 1, edge - skip, count, -1);
    edge += count;
  }
}

kvino_status kv_eval_pad(kv_call *c) {
  static const char zero[16];
  const kvino_tensor *x = c->in[0];
  kv_values begin, end;
  pad_mode mode = CONSTANT;
  KV_TRY(read_mode(c, &mode));
  KV_TRY(read_pads(c, &begin, &end));
  for (int i = 0; i < x->rank; i++)
    if ((uint64_t)x->shape[i] + (uint64_t)begin.v[i] + (uint64_t)end.v[i] != (uint64_t)c->spec[0].shape[i])
      return kv_operand_changed(c);
  KV_TRY(kv_call_alloc(c, 0));
  const kvino_tensor *y = c->out[0];
  slab s = {.y = y, .size = kvino_dtype_size((kvino_dtype)y->dtype), .base = y->data};
  if (!y->size) return KVINO_OK;
  /* What stays of x: `kept` elements, from the first that is not cropped. */
  int64_t before[KVINO_MAX_RANK], kept[KVINO_MAX_RANK];
  const char *from = x->data;
  for (int i = 0; i < x->rank; i++) {
    int64_t skip = begin.v[i] < 0 ? -begin.v[i] : 0, drop = end.v[i] < 0 ? -end.v[i] : 0;
    kept[i] = x->shape[i] - skip - drop;
    if (kept[i] < 0) kept[i] = 0; /* a pad makes up for what is cropped beyond the other end */
    before[i] = begin.v[i] > 0 ? least(begin.v[i], y->shape[i]) : 0;
    if (mode != CONSTANT && kept[i] < 1)
      return kv_fail(c->err, KVINO_INVALID, "can't extend empty axis %d using modes other than 'constant' or 'empty'",
                     i);
    s.base += before[i] * y->strides[i];
    s.shape[i] = kept[i];
    from += skip * x->strides[i];
  }
  kv_copy_strided(s.size, x->rank, kept, s.base, y->strides, from, x->strides);
  for (s.axis = 0; s.axis < y->rank; s.axis++) {
    int i = s.axis;
    int64_t after = y->shape[i] - before[i] - kept[i];
    s.base -= before[i] * y->strides[i];
    if (mode == CONSTANT) {
      const char *value = c->n_in == 4 ? c->in[3]->data : zero;
      fill_slices(&s, 0, before[i], value);
      fill_slices(&s, before[i] + kept[i], after, value);
    } else {
      extend(&s, mode, before[i], kept[i], after);
    }
    s.shape[i] = y->shape[i];
  }
  return KVINO_OK;
}

kv_interval kv_interval_pad(const kv_bounds *b) {
  return kv_interval_union(b->in[0], b->node->n_in > 3 ? b->in[3] : (kv_interval){0, 0});
}
