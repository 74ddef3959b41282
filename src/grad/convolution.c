/* Derivatives of convolutions. A convolution goes from its large side to its small one, its transpose back; each of
 * the three (large, small, filters) is linear in the other two, so that the rules stay among three primitives. */
#include <string.h>

#include "grad/grad.h"

enum { MOST = 3 };

/* The windows between the two sides, as a convolution's attributes say them. */
typedef struct sides {
  kv_conv_attrs windows;
  kv_ints filters; /* the shape of the filters: [groups?, small, large, spatial...] */
  int n;           /* spatial dimensions */
  bool grouped;
  bool surplus; /* the large side may have room for more positions than the small one has: cut */
} sides;

static int64_t entry(const kv_ints *v, int i, int64_t otherwise) { return i < v->n ? v->v[i] : otherwise; }

static sides sides_of(const kvino_tensor *data, int filters_rank, const int64_t *filters) {
  sides w = {.n = data->rank - 2, .grouped = filters_rank == data->rank + 1};
  w.filters.n = filters_rank;
  memcpy(w.filters.v, filters, (size_t)filters_rank * sizeof *filters);
  return w;
}

static int64_t stride_of(const sides *w, int i) { return entry(&w->windows.strides, i, 1); }
static int64_t reach_of(const sides *w, int i) {
  return (w->filters.v[2 + w->grouped + i] - 1) * entry(&w->windows.dilations, i, 1) + 1;
}

static bool is(const char *word, const char *what) { return word && !strcmp(word, what); }

/* The lengths of the spatial dimensions, as a vector. */
static kvino_tensor *lengths(kv_scope *s, kvino_tensor *x) { return kv_cut(s, kv_dims(s, x), 0, 2, x->rank); }

/* ---- from the large side to the small one ---- */

static kvino_tensor *to_small(kv_scope *s, const sides *w, kvino_tensor *large, kvino_tensor *filters,
                              kvino_tensor *like) {
  if (s->status) return NULL;
  kvino_tensor *y =
      w->grouped ? kv_group_convolution(s, large, filters, w->windows) : kv_convolution(s, large, filters, w->windows);
  bool cut = false;
  int64_t zeros[MOST] = {0}, ones[MOST] = {1, 1, 1}, axes[MOST] = {2, 3, 4};
  for (int i = 2; y && i < y->rank; i++)
    cut |= y->shape[i] >= 0 && like->shape[i] >= 0 ? y->shape[i] != like->shape[i] : w->surplus;
  if (!cut || s->status) return y;
  size_t n = (size_t)w->n;
  return kv_slice(
      s, 5,
      (kvino_tensor *[]){y, kv_vector(s, n, zeros), lengths(s, like), kv_vector(s, n, ones), kv_vector(s, n, axes)});
}

/* ---- from the small side to the large one ---- */

static kvino_tensor *number(kv_scope *s, int64_t v) { return kv_int(s, KVINO_I64, v); }

/* The padding before dimension i of a large side whose length (a value) is not known yet. */
static kvino_tensor *padding_before(kv_scope *s, const sides *w, int i, kvino_tensor *length) {
  int64_t stride = stride_of(w, i), begin = entry(&w->windows.pads_begin, i, 0);
  const char *how = w->windows.auto_pad;
  if (is(how, "valid")) begin = 0;
  if (!is(how, "same_upper") && !is(how, "same_lower")) return number(s, begin);
  kvino_tensor *before_last = kv_floor_divide(s, kv_subtract(s, length, number(s, 1)), number(s, stride));
  kvino_tensor *end = kv_add(s, kv_multiply(s, before_last, number(s, stride)), number(s, reach_of(w, i)));
  kvino_tensor *total = kv_maximum(s, kv_subtract(s, end, length), number(s, 0));
  if (is(how, "same_lower")) total = kv_add(s, total, number(s, 1));
  return kv_floor_divide(s, total, number(s, 2));
}

/* What to cut off (a negative end: to add) of dimension i, all of which the windows cover from their first element on,
 * so that a known length, or any that the stride leaves no doubt of, comes out. */
static bool crop(const sides *w, int i, int64_t length, int64_t small, int64_t *begin, int64_t *end) {
  int64_t stride = stride_of(w, i), reach = reach_of(w, i), total = reach - stride;
  bool upper = is(w->windows.auto_pad, "same_upper"), lower = is(w->windows.auto_pad, "same_lower");
  bool valid = is(w->windows.auto_pad, "valid");
  *begin = valid ? 0 : entry(&w->windows.pads_begin, i, 0);
  *end = valid ? 0 : entry(&w->windows.pads_end, i, 0);
  if (length >= 0 && (upper || lower)) {
    total = (length + stride - 1) / stride * stride - stride + reach - length;
    if (total < 0) total = 0;
  }
  if (upper || lower) *begin = upper ? total / 2 : total - total / 2, *end = total - *begin;
  if (length < 0) return stride == 1;
  if (small >= 0) *end = (small - 1) * stride + reach - *begin - length;
  return small >= 0;
}

static kvino_tensor *transposed(kv_scope *s, const sides *w, kvino_tensor *small, kvino_tensor *filters,
                                kv_conv_backprop_attrs a) {
  return w->grouped ? kv_group_convolution_backprop_data(s, small, filters, a)
                    : kv_convolution_backprop_data(s, small, filters, a);
}

static kvino_tensor *to_large(kv_scope *s, const sides *w, kvino_tensor *small, kvino_tensor *filters,
                              kvino_tensor *like) {
  int64_t begin[MOST], end[MOST], ones[MOST] = {1, 1, 1}, axes[MOST] = {2, 3, 4};
  bool known = true;
  if (s->status || !small) return NULL;
  kv_conv_backprop_attrs a = {.strides = w->windows.strides,
                              .dilations = w->windows.dilations,
                              .pads_begin = {.n = w->n},
                              .pads_end = {.n = w->n},
                              .auto_pad = "explicit",
                              .output_padding = {.n = w->n}};
  for (int i = 0; i < w->n; i++) known &= crop(w, i, like->shape[2 + i], small->shape[2 + i], &begin[i], &end[i]);
  for (int i = 0; i < w->n; i++) {
    a.pads_begin.v[i] = known ? begin[i] : 0;
    a.pads_end.v[i] = known && end[i] > 0 ? end[i] : 0;
    a.output_padding.v[i] = !known ? stride_of(w, i) - 1 : end[i] < 0 ? -end[i] : 0;
  }
  kvino_tensor *y = transposed(s, w, small, filters, a);
  if (known || s->status) return y;
  /* With all that any length can leave over behind the last window, cut at run time. */
  kvino_tensor *from[MOST], *to[MOST];
  for (int i = 0; i < w->n; i++) {
    kvino_tensor *length = kv_dimension(s, like, 2 + i), *before = padding_before(s, w, i, length);
    from[i] = before ? kv_unsqueeze(s, before, KV_VECTOR(s, 0)) : NULL;
    to[i] = before ? kv_unsqueeze(s, kv_add(s, before, length), KV_VECTOR(s, 0)) : NULL;
  }
  if (s->status) return NULL;
  size_t n = (size_t)w->n;
  return kv_slice(s, 5,
                  (kvino_tensor *[]){y, kv_concat(s, n, from, (kv_axis_attrs){.axis = 0}),
                                     kv_concat(s, n, to, (kv_axis_attrs){.axis = 0}), kv_vector(s, n, ones),
                                     kv_vector(s, n, axes)});
}

/* ---- the filters ---- */

/* Windows of one element each, all elements in turn: the two sides have the same places. */
static bool is_pointwise(const sides *w) {
  bool yes = !w->grouped && !w->surplus, explicitly = !w->windows.auto_pad || is(w->windows.auto_pad, "explicit");
  for (int i = 0; i < w->n; i++) {
    yes &= w->filters.v[2 + i] == 1 && stride_of(w, i) == 1;
    if (explicitly) yes &= !entry(&w->windows.pads_begin, i, 0) && !entry(&w->windows.pads_end, i, 0);
  }
  return yes && w->filters.v[0] > 0 && w->filters.v[1] > 0;
}

/* [places of the whole batch, channels]: no copy where channels are last, as OpenVINO has them between convolutions. */
static kvino_tensor *by_places(kv_scope *s, const sides *w, kvino_tensor *x, int64_t channels) {
  int64_t axes[2 + MOST] = {0};
  for (int i = 0; i < w->n; i++) axes[1 + i] = 2 + i;
  axes[1 + w->n] = 1;
  x = kv_transpose(s, x, kv_vector(s, (size_t)w->n + 2, axes));
  return kv_reshape_to(s, x, 2, (int64_t[]){-1, channels});
}

static kvino_tensor *to_filters(kv_scope *s, const sides *w, kvino_tensor *large, kvino_tensor *small) {
  if (s->status) return NULL;
  if (is_pointwise(w)) {
    kvino_tensor *a = by_places(s, w, small, w->filters.v[0]), *b = by_places(s, w, large, w->filters.v[1]);
    kvino_tensor *product = kv_mat_mul(s, a, b, (kv_matmul_attrs){.transpose_a = true});
    return kv_reshape_to(s, product, w->filters.n, w->filters.v);
  }
  return kv_convolution_backprop_filters(s, large, small,
                                         (kv_conv_filters_attrs){.filters = w->filters,
                                                                 .strides = w->windows.strides,
                                                                 .dilations = w->windows.dilations,
                                                                 .pads_begin = w->windows.pads_begin,
                                                                 .pads_end = w->windows.pads_end,
                                                                 .auto_pad = w->windows.auto_pad});
}

/* ---- the rules ---- */

/* Convolution, GroupConvolution: large side, filters. */
void kv_grad_convolution(kv_grad *g) {
  sides w = sides_of(g->in[0], g->in[1]->rank, g->in[1]->shape);
  w.windows = g->attrs->conv;
  if (g->wanted[0]) g->d_in[0] = to_large(g->s, &w, g->d_out[0], g->in[1], g->in[0]);
  if (g->wanted[1]) g->d_in[1] = to_filters(g->s, &w, g->in[0], g->d_out[0]);
}

/* Their transposes: small side, filters. */
void kv_grad_convolution_transpose(kv_grad *g) {
  const kv_conv_backprop_attrs *a = &g->attrs->conv_backprop;
  sides w = sides_of(g->in[0], g->in[1]->rank, g->in[1]->shape);
  bool automatic = a->auto_pad && strcmp(a->auto_pad, "explicit"); /* cuts nothing off: see kv_infer_conv_backprop */
  w.windows = (kv_conv_attrs){.strides = a->strides, .dilations = a->dilations, .auto_pad = "explicit"};
  w.windows.pads_begin.n = w.windows.pads_end.n = w.n;
  for (int i = 0; i < w.n; i++) {
    int64_t end = automatic ? 0 : entry(&a->pads_end, i, 0), more = entry(&a->output_padding, i, 0);
    w.windows.pads_begin.v[i] = automatic ? 0 : entry(&a->pads_begin, i, 0);
    if (more >= stride_of(&w, i)) end = end > more ? end - more : 0, w.surplus = true;
    w.windows.pads_end.v[i] = end;
  }
  if (g->wanted[0]) g->d_in[0] = to_small(g->s, &w, g->d_out[0], g->in[1], g->in[0]);
  if (g->wanted[1]) g->d_in[1] = to_filters(g->s, &w, g->d_out[0], g->in[0]);
}

/* Large side, small side. */
void kv_grad_convolution_filters(kv_grad *g) {
  const kv_conv_filters_attrs *a = &g->attrs->conv_filters;
  sides w = sides_of(g->in[0], a->filters.n, a->filters.v);
  w.surplus = true; /* not known from the attributes */
  w.windows = (kv_conv_attrs){.strides = a->strides,
                              .dilations = a->dilations,
                              .pads_begin = a->pads_begin,
                              .pads_end = a->pads_end,
                              .auto_pad = a->auto_pad};
  if (g->wanted[0]) g->d_in[0] = to_large(g->s, &w, g->in[1], g->d_out[0], g->in[0]);
  if (g->wanted[1]) g->d_in[1] = to_small(g->s, &w, g->in[0], g->d_out[0], g->in[1]);
}
