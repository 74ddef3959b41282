/* Arrays made from numbers: Range, Eye, OneHot. */
#include <math.h>
#include <string.h>

#include "base/convert.h"
#include "base/threads.h"
#include "prim/index.h"
#include "prim/interval.h"
#include "prim/known.h"
#include "tensor/copy.h"

static kvino_status too_large(kv_call *c) { return kv_fail(c->err, KVINO_INVALID, "Maximum allowed size exceeded"); }

/* ---- Range: start, stop, step, 0-d; as numpy.arange ---- */

static bool is_real(kvino_dtype dtype) { return kvino_dtype_is_integer(dtype) || kvino_dtype_is_float(dtype); }

static kvino_status integer_length(kv_call *c, int64_t start, int64_t stop, int64_t step, int64_t *n) {
  if (!step) return kv_fail(c->err, KVINO_INVALID, "division by zero");
  __int128 span = (__int128)stop - start, stride = step;
  if (step < 0) {
    span = -span;
    stride = -stride;
  }
  __int128 length = span <= 0 ? 0 : (span - 1) / stride + 1;
  if (length > INT64_MAX) return too_large(c);
  *n = (int64_t)length;
  return KVINO_OK;
}

static kvino_status float_length(kv_call *c, double start, double stop, double step, int64_t *n) {
  if (step == 0) return kv_fail(c->err, KVINO_INVALID, "float division by zero");
  double length = ceil((stop - start) / step);
  if (length != length) return kv_fail(c->err, KVINO_INVALID, "arange: cannot compute length");
  if (length >= 0x1p63) return too_large(c);
  *n = length < 0 ? 0 : (int64_t)length;
  return KVINO_OK;
}

/* The concrete tensor behind an operand, or NULL. */
static const kvino_tensor *concrete(const kvino_tensor *t) { return kv_is_symbolic(t) ? t->node->constant : t; }

kvino_status kv_infer_range(kv_call *c) {
  kvino_dtype dtype = c->attrs->output_type.output_type;
  int64_t value[3], n = -1;
  bool known = true, concretes = true, integers = true;
  if (!is_real(dtype)) return kv_fail(c->err, KVINO_TYPE, "Range does not give dtype %s", kvino_dtype_name(dtype));
  for (size_t i = 0; i < 3; i++) {
    const kvino_tensor *t = c->in[i];
    if (!is_real((kvino_dtype)t->dtype))
      return kv_fail(c->err, KVINO_TYPE, "Range does not take dtype %s", kvino_dtype_name((kvino_dtype)t->dtype));
    if (t->size != 1 && t->size != -1)
      return kv_fail(c->err, KVINO_INVALID, "start, stop and step of Range must be scalars, not of size %lld",
                     (long long)t->size);
    integers = integers && kvino_dtype_is_integer((kvino_dtype)t->dtype) && t->dtype != KVINO_U64;
    concretes = concretes && concrete(t);
  }
  for (size_t i = 0; integers && known && i < 3; i++) KV_TRY(kv_read_one(c, i, "bounds", &value[i], &known));
  if (integers && known) {
    KV_TRY(integer_length(c, value[0], value[1], value[2], &n));
  } else if (!integers && concretes) {
    double v[3];
    for (size_t i = 0; i < 3; i++) v[i] = kv_tensor_get_number(concrete(c->in[i]), 0);
    KV_TRY(float_length(c, v[0], v[1], v[2], &n));
  }
  kv_call_spec(c, 0, dtype, 1, &n);
  if (!c->tracing || !integers || !known || n > KV_KNOWN_MAX || !kvino_dtype_is_integer(dtype)) return KVINO_OK;
  c->n_known = (int)n;
  for (int64_t i = 0; i < n; i++) c->known[i] = value[0] + i * value[2];
  kv_known_wrap(c);
  return KVINO_OK;
}

struct range {
  kvino_dtype dtype;
  char *out;
  int64_t start, step; /* integers */
  double from, by;     /* floats */
};

static void fill_range(void *context, size_t begin, size_t end) {
  const struct range *r = context;
  /* As NumPy: the difference of the first two elements, as the dtype holds them, is the step of all. */
#define FILL(ID, T, expression)                                                                                        \
  case KVINO_##ID:                                                                                                     \
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) ((T *)r->out)[i] = (T)(expression);                        \
    break;
#define WHOLE ((uint64_t)r->start + (uint64_t)i * (uint64_t)r->step)
  const float from = (float)r->from, by = (float)r->by;
  switch (r->dtype) {
    FILL(U8, uint8_t, WHOLE)
    FILL(I8, uint8_t, WHOLE)
    FILL(U16, uint16_t, WHOLE)
    FILL(I16, uint16_t, WHOLE)
    FILL(U32, uint32_t, WHOLE)
    FILL(I32, uint32_t, WHOLE)
    FILL(U64, uint64_t, WHOLE)
    FILL(I64, uint64_t, WHOLE)
    FILL(F32, float, from + (float)i * by)
    FILL(F64, double, r->from + (double)i * r->by)
    FILL(F16, uint16_t, kv_f32_to_f16(from + (float)i * by))
    FILL(BF16, uint16_t, kv_f32_to_bf16(from + (float)i * by))
    FILL(F8E4M3, uint8_t, kv_f32_to_f8e4m3(from + (float)i * by))
    FILL(F8E5M2, uint8_t, kv_f32_to_f8e5m2(from + (float)i * by))
  default:
    break;
  }
}

kvino_status kv_eval_range(kv_call *c) {
  KV_TRY(kv_call_alloc(c, 0));
  kvino_tensor *y = c->out[0];
  struct range r = {.dtype = (kvino_dtype)y->dtype, .out = y->data};
  char first[16], second[16]; /* elements 0 and 1, converted to the dtype */
  if (!y->size) return KVINO_OK;
  bool integers =
      kvino_dtype_is_integer((kvino_dtype)c->in[0]->dtype) && kvino_dtype_is_integer((kvino_dtype)c->in[2]->dtype);
  if (integers) {
    int64_t start = kv_tensor_get_int(c->in[0], 0), step = kv_tensor_get_int(c->in[2], 0);
    kv_store_i64(r.dtype, first, start);
    kv_store_i64(r.dtype, second, (int64_t)((uint64_t)start + (uint64_t)step));
  } else {
    double start = kv_tensor_get_number(c->in[0], 0), step = kv_tensor_get_number(c->in[2], 0);
    kv_store_f64(r.dtype, first, start);
    kv_store_f64(r.dtype, second, start + step);
  }
  r.start = kv_load_i64(r.dtype, first);
  r.step = (int64_t)((uint64_t)kv_load_i64(r.dtype, second) - (uint64_t)r.start);
  r.from = kv_load_f64(r.dtype, first);
  r.by = kv_load_f64(r.dtype, second) - r.from;
  kv_parallel_ranges((size_t)y->size, 64 << 10, fill_range, &r);
  size_t size = kvino_dtype_size(r.dtype);
  memcpy(y->data, first,
         size); /* as they are: adding 0 loses the sign of -0, and first + (second - first) may differ */
  if (y->size > 1) memcpy(y->data + size, second, size);
  return KVINO_OK;
}

kv_interval kv_interval_range(const kv_bounds *b) {
  kv_interval i = kv_interval_union(b->in[0], b->in[1]);
  return kv_interval_fit(kv_bounds_dtype(b), i.low, kv_interval_top(i));
}

/* ---- Eye: rows, columns, diagonal [, batch shape] ---- */

kvino_status kv_infer_eye(kv_call *c) {
  if (c->n_in != 3 && c->n_in != 4)
    return kv_fail(c->err, KVINO_INVALID, "Eye takes 3 or 4 operands, not %zu", c->n_in);
  kvino_dtype dtype = c->attrs->output_type.output_type;
  if (dtype == KVINO_STRING || (unsigned)dtype >= KVINO_DTYPE_COUNT)
    return kv_fail(c->err, KVINO_TYPE, "Eye does not give dtype %s", kvino_dtype_name(dtype));
  kv_values batch = {.n = 0};
  if (c->n_in == 4) KV_TRY(kv_read_values(c, 3, "batch shape", &batch));
  kv_spec *spec = &c->spec[0];
  if (batch.n + 2 > KVINO_MAX_RANK)
    return kv_fail(c->err, KVINO_INVALID, "maximum supported dimension for an ndarray is currently %d, found %d",
                   KVINO_MAX_RANK, batch.n + 2);
  spec->dtype = dtype;
  spec->rank = batch.n + 2;
  for (int i = 0; i < spec->rank; i++) {
    int64_t d = 0;
    bool known;
    if (i < batch.n) {
      d = batch.v[i];
      known = kv_is_known(&batch, i);
    } else {
      KV_TRY(kv_read_one(c, (size_t)(i - batch.n), i == batch.n ? "rows" : "columns", &d, &known));
    }
    if (known && d < 0) return kv_fail(c->err, KVINO_INVALID, "negative dimensions are not allowed");
    spec->shape[i] = known ? d : -1;
  }
  int64_t diagonal;
  bool known;
  return kv_read_one(c, 2, "diagonal", &diagonal, &known);
}

kvino_status kv_eval_eye(kv_call *c) {
  KV_TRY(kv_call_alloc(c, 0));
  kvino_tensor *y = c->out[0];
  int64_t size = (int64_t)kvino_dtype_size((kvino_dtype)y->dtype), rows = y->shape[y->rank - 2],
          columns = y->shape[y->rank - 1];
  int64_t diagonal = kv_tensor_get_int(c->in[2], 0), plane = rows * columns * size;
  char one[16];
  if (!y->size) return KVINO_OK;
  memset(y->data, 0, (size_t)(y->size * size));
  kv_store_i64((kvino_dtype)y->dtype, one, 1);
  if (diagonal >= columns || diagonal <= -rows) return KVINO_OK;
  int64_t row = diagonal < 0 ? -diagonal : 0, column = diagonal > 0 ? diagonal : 0;
  int64_t n = rows - row < columns - column ? rows - row : columns - column;
  for (char *p = y->data; p < y->data + y->size * size; p += plane)
    for (int64_t i = 0; i < n; i++) memcpy(p + ((row + i) * columns + column + i) * size, one, (size_t)size);
  return KVINO_OK;
}

kv_interval kv_interval_eye(const kv_bounds *b) {
  (void)b;
  return (kv_interval){0, 1};
}

/* ---- OneHot: indices, depth, on, off; an index outside gives a row of `off` ---- */

static kvino_status hot_axis(kv_call *c, int64_t *axis) {
  *axis = c->attrs->one_hot.axis;
  return kv_normalize_axis(axis, c->in[0]->rank + 1, c->err);
}

kvino_status kv_infer_one_hot(kv_call *c) {
  const kvino_tensor *indices = c->in[0];
  int64_t axis, depth;
  bool known;
  KV_TRY(kv_index_dtype(c, 0));
  KV_TRY(kv_same_dtype(c, 2, 3));
  KV_TRY(hot_axis(c, &axis));
  KV_TRY(kv_read_one(c, 1, "depth", &depth, &known));
  if (known && depth < 0) return kv_fail(c->err, KVINO_INVALID, "negative dimensions are not allowed");
  for (size_t i = 2; i < 4; i++)
    if (c->in[i]->size != 1 && c->in[i]->size != -1)
      return kv_fail(c->err, KVINO_INVALID, "the values of OneHot must be scalars, not of size %lld",
                     (long long)c->in[i]->size);
  kv_spec *spec = &c->spec[0];
  if (indices->rank == KVINO_MAX_RANK)
    return kv_fail(c->err, KVINO_INVALID, "maximum supported dimension for an ndarray is currently %d, found %d",
                   KVINO_MAX_RANK, indices->rank + 1);
  spec->dtype = (kvino_dtype)c->in[2]->dtype;
  spec->rank = indices->rank + 1;
  for (int k = 0, i = 0; k < spec->rank; k++) spec->shape[k] = k != axis ? indices->shape[i++] : known ? depth : -1;
  return KVINO_OK;
}

kvino_status kv_eval_one_hot(kv_call *c) {
  static const int64_t still[KVINO_MAX_RANK];
  int64_t axis, inner = 1;
  KV_TRY(hot_axis(c, &axis));
  KV_TRY(kv_call_alloc(c, 0));
  kvino_tensor *y = c->out[0];
  size_t size = kvino_dtype_size((kvino_dtype)y->dtype);
  if (!y->size) return KVINO_OK;
  kv_copy_strided(size, y->rank, y->shape, y->data, y->strides, c->in[3]->data, still);
  for (int k = (int)axis + 1; k < y->rank; k++) inner *= y->shape[k];
  kvino_tensor *order;
  KV_TRY(kvino_tensor_contiguous(c->in[0], &order, c->err));
  int64_t depth = y->shape[axis], item = (int64_t)kvino_dtype_size((kvino_dtype)order->dtype);
  for (int64_t i = 0; i < order->size; i++) {
    uint64_t hot = (uint64_t)kv_load_i64((kvino_dtype)order->dtype, order->data + i * item);
    if (hot < (uint64_t)depth)
      memcpy(y->data + ((i / inner * depth + (int64_t)hot) * inner + i % inner) * (int64_t)size, c->in[2]->data, size);
  }
  kvino_tensor_release(order);
  return KVINO_OK;
}

kv_interval kv_interval_one_hot(const kv_bounds *b) { return kv_interval_union(b->in[2], b->in[3]); }
