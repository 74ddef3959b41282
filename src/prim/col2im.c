/* Col2Im: columns [N, C * kernel, windows], the plane's shape, the kernel's; the images [N, C, height, width] that the
 * windows, added at their places, make. What falls on the padding is dropped. Small floats are computed as f32. */
#include <string.h>

#include "base/threads.h"
#include "kernels/reduce/accumulate.h"
#include "prim/floats.h"
#include "prim/known.h"
#include "prim/window.h"

static int64_t attribute(const kv_ints *v, int axis, int64_t otherwise) { return v->n > axis ? v->v[axis] : otherwise; }

static bool fits(int64_t value, int64_t least) { return value >= least && value <= INT32_MAX; }

static bool set_axis(const kv_col2im_attrs *a, int axis, kv_columns *g) {
  int64_t stride = attribute(&a->strides, axis, 1), dilation = attribute(&a->dilations, axis, 1),
          begin = attribute(&a->pads_begin, axis, 0), end = attribute(&a->pads_end, axis, 0);
  if (!fits(g->size[axis], 0) || !fits(g->kernel[axis], 1) || !fits(stride, 1) || !fits(dilation, 1) ||
      !fits(begin, 0) || !fits(end, 0))
    return false;
  int64_t room = g->size[axis] + begin + end - 1 - dilation * (g->kernel[axis] - 1);
  g->stride[axis] = stride;
  g->dilation[axis] = dilation;
  g->begin[axis] = begin;
  g->end[axis] = end;
  g->count[axis] = room < 0 ? 0 : room / stride + 1;
  return true;
}

bool kv_columns_set(const kv_col2im_attrs *a, const int64_t size[2], const int64_t kernel[2], kv_columns *g) {
  int64_t all;
  *g = (kv_columns){.size = {size[0], size[1]}, .kernel = {kernel[0], kernel[1]}};
  return set_axis(a, 0, g) && set_axis(a, 1, g) && !__builtin_mul_overflow(g->kernel[0], g->kernel[1], &g->elements) &&
         !__builtin_mul_overflow(g->count[0], g->count[1], &g->windows) &&
         !__builtin_mul_overflow(g->elements, g->windows, &all) && all <= INT64_MAX / 16;
}

static kvino_status read_geometry(const kv_call *c, kv_columns *g) {
  kv_values size, kernel;
  KV_TRY(kv_read_all(c, 1, "shape of the plane", &size));
  KV_TRY(kv_read_all(c, 2, "shape of the kernel", &kernel));
  if (size.n == 2 && kernel.n == 2 && kv_columns_set(&c->attrs->col2im, size.v, kernel.v, g)) return KVINO_OK;
  return kv_fail(c->err, KVINO_INVALID, "%s takes two lengths of the plane and of the kernel, and what fits with them",
                 c->prim->name);
}

kvino_status kv_infer_col2im(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  kv_columns g;
  if (!kv_combines((kvino_dtype)x->dtype, KV_SUM))
    return kv_fail(c->err, KVINO_TYPE, "%s does not take dtype %s", c->prim->name,
                   kvino_dtype_name((kvino_dtype)x->dtype));
  KV_TRY(read_geometry(c, &g));
  if (x->rank != 3) return kv_fail(c->err, KVINO_INVALID, "Input must be a 3D tensor, found %d dimensions", x->rank);
  if (x->shape[1] >= 0 && x->shape[1] % g.elements)
    return kv_fail(c->err, KVINO_INVALID,
                   "The second dimension of the input (%lld) must be divisible by kernel_size product (%lld).",
                   (long long)x->shape[1], (long long)g.elements);
  if (x->shape[2] >= 0 && x->shape[2] != g.windows)
    return kv_fail(c->err, KVINO_INVALID, "the input has %lld windows, the geometry %lld", (long long)x->shape[2],
                   (long long)g.windows);
  int64_t channels = x->shape[1] < 0 ? -1 : x->shape[1] / g.elements;
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, 4, (int64_t[]){x->shape[0], channels, g.size[0], g.size[1]});
  return KVINO_OK;
}

/* The positions along an axis at which element k of the kernel lies inside of the plane: first to last, less one. */
static void inside(const kv_columns *g, int axis, int64_t k, int64_t *first, int64_t *last) {
  int64_t at = k * g->dilation[axis] - g->begin[axis], stride = g->stride[axis];
  *first = at < 0 ? (-at + stride - 1) / stride : 0;
  *last = at < g->size[axis] ? (g->size[axis] - 1 - at) / stride + 1 : 0;
  if (*last > g->count[axis]) *last = g->count[axis];
}

/* y[i * stride] += x[i] */
#define ADD_APART(T)                                                                                                   \
  for (int64_t i = 0; i < n; i++) ((T *)y)[i * stride] += ((const T *)x)[i]

static void add_row(kvino_dtype dtype, int64_t n, int64_t stride, const int64_t *step, const char *x, char *y) {
  if (stride > 1 && dtype == KVINO_F32)
    ADD_APART(float);
  else if (stride > 1 && dtype == KVINO_F64)
    ADD_APART(double);
  else
    kv_combine(dtype, KV_SUM, stride > 1 ? n : 1, stride > 1 ? 1 : n, y, step, x);
}

/* One element of the kernel, in one channel: a row of windows for each row that it touches. */
static void add_element(const kv_columns *g, kvino_dtype dtype, int64_t k, const int64_t *step, const char *x,
                        char *y) {
  int64_t size = (int64_t)kvino_dtype_size(dtype), row = k / g->kernel[1], column = k % g->kernel[1], r[2], w[2];
  inside(g, 0, row, &r[0], &r[1]);
  inside(g, 1, column, &w[0], &w[1]);
  if (w[0] >= w[1]) return;
  int64_t n = w[1] - w[0], left = w[0] * g->stride[1] + column * g->dilation[1] - g->begin[1];
  for (int64_t i = r[0]; i < r[1]; i++) {
    int64_t top = i * g->stride[0] + row * g->dilation[0] - g->begin[0];
    add_row(dtype, n, g->stride[1], step, x + (i * g->count[1] + w[0]) * size, y + (top * g->size[1] + left) * size);
  }
}

typedef struct images {
  const kv_columns *g;
  kvino_dtype dtype;
  const int64_t *step; /* in bytes, of the windows of a row */
  const char *x;
  char *y;
} images;

static void add_channels(void *context, size_t begin, size_t end) {
  const images *m = context;
  const kv_columns *g = m->g;
  int64_t size = (int64_t)kvino_dtype_size(m->dtype), plane = g->size[0] * g->size[1] * size;
  for (int64_t i = (int64_t)begin; i < (int64_t)end; i++)
    for (int64_t k = 0; k < g->elements; k++)
      add_element(g, m->dtype, k, m->step, m->x + (i * g->elements + k) * g->windows * size, m->y + i * plane);
}

kvino_status kv_eval_col2im(kv_call *c) {
  enum { GRAIN = 1 << 15 }; /* elements of columns that are worth a thread */
  kv_columns g;
  kv_scope s;
  KV_TRY(read_geometry(c, &g));
  kv_scope_enter(&s, c->err);
  kvino_tensor *x = kv_working(&s, c->in[0]), *y = kv_result_for(&s, c);
  int64_t *step = kv_scope_alloc(&s, (size_t)g.count[1] + 1, sizeof *step);
  if (x && y && step) {
    images m = {&g, (kvino_dtype)y->dtype, step, x->data, y->data};
    int64_t size = (int64_t)kvino_dtype_size(m.dtype), column = g.elements * g.windows;
    for (int64_t i = 0; i < g.count[1]; i++) step[i] = i * g.stride[1] * size;
    memset(y->data, 0, (size_t)(y->size * size));
    if (x->size && y->size)
      kv_parallel_ranges((size_t)(y->shape[0] * y->shape[1]), (size_t)(GRAIN / column + 1), add_channels, &m);
  }
  return kv_scope_leave(&s, kv_rounded(&s, y, c), &c->out[0]);
}
