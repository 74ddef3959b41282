/* Interval analysis of one node (interval.h): what a primitive does to the values of integers. Primitives that are not
 * in the table may give any value of their dtype. */
#include "openvino/interval.h"

#include <string.h>

#include "run/apply.h"

typedef __int128 wide; /* no overflow in between */

static kv_interval saturate(wide low, wide high) {
  kv_interval i = {INT64_MIN, INT64_MAX, false};
  if (low > INT64_MIN) i.low = low > INT64_MAX ? INT64_MAX : (int64_t)low;
  if (high < INT64_MAX) i.high = high < INT64_MIN ? INT64_MIN : (int64_t)high;
  return i;
}

kv_interval kv_interval_of_dtype(kvino_dtype dtype) {
  switch (dtype) {
  case KVINO_BOOL:
    return (kv_interval){0, 1, false};
  case KVINO_U8:
    return (kv_interval){0, UINT8_MAX, false};
  case KVINO_U16:
    return (kv_interval){0, UINT16_MAX, false};
  case KVINO_U32:
    return (kv_interval){0, UINT32_MAX, false};
  case KVINO_U64:
    return (kv_interval){0, INT64_MAX, false};
  case KVINO_I8:
    return (kv_interval){INT8_MIN, INT8_MAX, false};
  case KVINO_I16:
    return (kv_interval){INT16_MIN, INT16_MAX, false};
  case KVINO_I32:
    return (kv_interval){INT32_MIN, INT32_MAX, false};
  default:
    return (kv_interval){INT64_MIN, INT64_MAX, false};
  }
}

kv_interval kv_interval_of_tensor(const kvino_tensor *t) {
  kvino_dtype dtype = (kvino_dtype)t->dtype;
  if (!kvino_dtype_is_integer(dtype)) return kv_interval_of_dtype(dtype);
  if (!t->size) return (kv_interval){0, 0, false};
  kv_interval all = {INT64_MAX, INT64_MIN, false};
  for (int64_t i = 0; i < t->size; i++) {
    int64_t v = kv_tensor_get_int(t, i);
    if (dtype == KVINO_U64 && v < 0) v = INT64_MAX;
    if (v < all.low) all.low = v;
    if (v > all.high) all.high = v;
  }
  return all;
}

/* ---- what primitives do; in[] are the operands' intervals ---- */

typedef kv_interval (*bound)(const kv_node *node, uint32_t output, const kv_interval *in);

static kv_interval bound_same(const kv_node *node, uint32_t output, const kv_interval *in) {
  (void)node, (void)output;
  return in[0];
}

static kv_interval bound_or_zero(const kv_node *node, uint32_t output,
                                 const kv_interval *in) { /* Gather out of range: 0 */
  (void)node, (void)output;
  return in[0].dimension ? in[0] : kv_interval_union(in[0], (kv_interval){0, 0, false});
}

static kv_interval bound_all_operands(const kv_node *node, uint32_t output, const kv_interval *in) {
  (void)output;
  kv_interval i = in[0];
  for (uint32_t k = 1; k < node->n_in; k++) i = kv_interval_union(i, in[k]);
  return i;
}

static kv_interval bound_select(const kv_node *node, uint32_t output, const kv_interval *in) {
  (void)node, (void)output;
  return kv_interval_union(in[1], in[2]);
}

static kv_interval bound_slice_scatter(const kv_node *node, uint32_t output, const kv_interval *in) {
  (void)node, (void)output;
  return kv_interval_union(in[0], in[1]);
}

static kv_interval bound_pad(const kv_node *node, uint32_t output, const kv_interval *in) {
  (void)output;
  return node->n_in > 3 ? kv_interval_union(in[0], in[3]) : bound_or_zero(node, output, in);
}

static kv_interval bound_one_hot(const kv_node *node, uint32_t output, const kv_interval *in) {
  (void)node, (void)output;
  return kv_interval_union(in[2], in[3]);
}

static kv_interval bound_add(const kv_node *node, uint32_t output, const kv_interval *in) {
  (void)node, (void)output;
  return saturate((wide)in[0].low + in[1].low, (wide)in[0].high + in[1].high);
}

static kv_interval bound_subtract(const kv_node *node, uint32_t output, const kv_interval *in) {
  (void)node, (void)output;
  return saturate((wide)in[0].low - in[1].high, (wide)in[0].high - in[1].low);
}

static kv_interval product(kv_interval a, kv_interval b) {
  wide p[4] = {(wide)a.low * b.low, (wide)a.low * b.high, (wide)a.high * b.low, (wide)a.high * b.high}, low = p[0],
       high = p[0];
  for (int i = 1; i < 4; i++) {
    if (p[i] < low) low = p[i];
    if (p[i] > high) high = p[i];
  }
  kv_interval i = saturate(low, high);
  bool sizes = (a.dimension && b.low >= 0) || (b.dimension && a.low >= 0); /* batch * length * 64 */
  if (sizes && i.high > KV_DIMENSION_MAX) i.high = KV_DIMENSION_MAX;
  i.dimension = sizes;
  return i;
}

static kv_interval bound_multiply(const kv_node *node, uint32_t output, const kv_interval *in) {
  (void)node, (void)output;
  return product(in[0], in[1]);
}

static kv_interval bound_squared_difference(const kv_node *node, uint32_t output, const kv_interval *in) {
  kv_interval d = bound_subtract(node, output, in);
  return product(d, d);
}

static kv_interval bound_negative(const kv_node *node, uint32_t output, const kv_interval *in) {
  (void)node, (void)output;
  return saturate(-(wide)in[0].high, -(wide)in[0].low);
}

static wide magnitude(kv_interval i) {
  wide low = i.low < 0 ? -(wide)i.low : i.low, high = i.high < 0 ? -(wide)i.high : i.high;
  return low > high ? low : high;
}

static kv_interval bound_abs(const kv_node *node, uint32_t output, const kv_interval *in) {
  (void)node, (void)output;
  return in[0].low >= 0 ? in[0] : saturate(0, magnitude(in[0]));
}

static kv_interval bound_sign(const kv_node *node, uint32_t output, const kv_interval *in) {
  (void)node, (void)output, (void)in;
  return (kv_interval){-1, 1, false};
}

static kv_interval bound_zero_one(const kv_node *node, uint32_t output, const kv_interval *in) {
  (void)node, (void)output, (void)in;
  return (kv_interval){0, 1, false};
}

static kv_interval bound_maximum(const kv_node *node, uint32_t output, const kv_interval *in) {
  (void)node, (void)output;
  return (kv_interval){in[0].low > in[1].low ? in[0].low : in[1].low, in[0].high > in[1].high ? in[0].high : in[1].high,
                       in[0].dimension && in[1].dimension};
}

static kv_interval bound_minimum(const kv_node *node, uint32_t output, const kv_interval *in) {
  (void)node, (void)output;
  return (kv_interval){in[0].low < in[1].low ? in[0].low : in[1].low, in[0].high < in[1].high ? in[0].high : in[1].high,
                       false};
}

static kv_interval bound_relu(const kv_node *node, uint32_t output, const kv_interval *in) {
  (void)node, (void)output;
  return (kv_interval){in[0].low < 0 ? 0 : in[0].low, in[0].high < 0 ? 0 : in[0].high, false};
}

/* Quotients are no larger than the dividend, remainders smaller than the divisor and no larger than the dividend. */
static kv_interval bound_quotient(const kv_node *node, uint32_t output, const kv_interval *in) {
  (void)node, (void)output;
  wide m = magnitude(in[0]);
  if (in[0].low >= 0 && in[1].low > 0) return saturate(0, in[0].high / in[1].low);
  return saturate(-m - 1, m);
}

static kv_interval bound_remainder(const kv_node *node, uint32_t output, const kv_interval *in) {
  (void)node, (void)output;
  wide m = magnitude(in[1]) - 1;
  if (m < 0) m = 0;
  if (in[0].low >= 0 && in[1].low >= 0) return saturate(0, m < in[0].high ? m : in[0].high);
  return saturate(-m, m);
}

static kv_interval bound_bits_and(const kv_node *node, uint32_t output, const kv_interval *in) {
  (void)node, (void)output;
  if (in[0].low >= 0 && in[1].low >= 0) return saturate(0, in[0].high < in[1].high ? in[0].high : in[1].high);
  if (in[1].low >= 0) return saturate(0, in[1].high);
  if (in[0].low >= 0) return saturate(0, in[0].high);
  return kv_interval_of_dtype(node->out[0].dtype);
}

/* Or and exclusive or: no more bits than either operand has. */
static kv_interval bound_bits_or(const kv_node *node, uint32_t output, const kv_interval *in) {
  (void)node, (void)output;
  kv_interval both = kv_interval_union(in[0], in[1]);
  int64_t ones = 1;
  while (!kv_interval_within(both, -ones - 1, ones)) ones = ones << 1 | 1;
  return (kv_interval){both.low < 0 ? -ones - 1 : 0, ones, false};
}

static kv_interval bound_shape_of(const kv_node *node, uint32_t output, const kv_interval *in) { /* ShapeOf */
  (void)output, (void)in;
  const kv_output *x = kv_edge_output(node->in[0]);
  kv_interval i = {x->rank ? INT64_MAX : 0, 0, true};
  for (int k = 0; k < x->rank; k++) {
    int64_t low = x->shape[k] < 0 ? 0 : x->shape[k], high = x->shape[k] < 0 ? KV_DIMENSION_MAX : x->shape[k];
    if (low < i.low) i.low = low;
    if (high > i.high) i.high = high;
  }
  return i;
}

/* Up to the largest dimension of an operand, or up to its number of elements. */
static kv_interval up_to(const kv_output *x, bool elements) {
  int64_t n = elements;
  for (int k = 0; k < x->rank; k++) {
    int64_t d = x->shape[k];
    if (d < 0 || (elements && __builtin_mul_overflow(n, d, &n)) || n > KV_DIMENSION_MAX)
      return (kv_interval){0, KV_DIMENSION_MAX, false};
    if (!elements && d > n) n = d;
  }
  return (kv_interval){0, n, false};
}

static kv_interval bound_places(const kv_node *node, uint32_t output,
                                const kv_interval *in) { /* along axes of operand 0 */
  (void)output, (void)in;
  return up_to(kv_edge_output(node->in[0]), false);
}

static kv_interval bound_positions(const kv_node *node, uint32_t output,
                                   const kv_interval *in) { /* among all its elements */
  (void)output, (void)in;
  return up_to(kv_edge_output(node->in[0]), true);
}

static kv_interval bound_buckets(const kv_node *node, uint32_t output,
                                 const kv_interval *in) { /* among those of operand 1 */
  (void)output, (void)in;
  return up_to(kv_edge_output(node->in[1]), true);
}

static kv_interval bound_top_k(const kv_node *node, uint32_t output, const kv_interval *in) {
  return output ? bound_places(node, output, in) : in[0];
}

static kv_interval bound_unique(const kv_node *node, uint32_t output, const kv_interval *in) {
  return output ? bound_positions(node, output, in) : in[0];
}

static kv_interval bound_range(const kv_node *node, uint32_t output, const kv_interval *in) {
  (void)node, (void)output;
  return kv_interval_union(in[0], in[1]);
}

static kv_interval bound_convert(const kv_node *node, uint32_t output, const kv_interval *in) {
  (void)output;
  kv_interval all = kv_interval_of_dtype(node->out[0].dtype);
  if (node->out[0].dtype == KVINO_BOOL) return all;
  return kv_interval_within(in[0], all.low, all.high) ? in[0] : all; /* else it wraps */
}

/* How many elements are summed at most; -1 unknown. */
static int64_t reduced_elements(const kv_node *node) {
  const kv_output *x = kv_edge_output(node->in[0]), *y = &node->out[0];
  wide n = 1, m = 1;
  for (int k = 0; k < x->rank; k++)
    if (x->shape[k] < 0 || (n *= x->shape[k]) > INT32_MAX) return -1;
  for (int k = 0; k < y->rank; k++) m *= y->shape[k] < 0 ? 1 : y->shape[k];
  return m ? (int64_t)(n / m) : 0;
}

static kv_interval bound_reduce_sum(const kv_node *node, uint32_t output, const kv_interval *in) {
  (void)output;
  int64_t n = reduced_elements(node);
  if (n < 0) return kv_interval_of_dtype(node->out[0].dtype);
  wide low = (wide)in[0].low * n, high = (wide)in[0].high * n;
  return saturate(low < 0 ? low : 0, high > 0 ? high : 0);
}

static kv_interval bound_cum_sum(const kv_node *node, uint32_t output, const kv_interval *in) { /* CumSum */
  (void)output;
  const kv_output *x = kv_edge_output(node->in[0]);
  wide n = 1;
  for (int k = 0; k < x->rank; k++) {
    if (x->shape[k] < 0) return kv_interval_of_dtype(node->out[0].dtype);
    if (x->shape[k] > n) n = x->shape[k];
  }
  wide low = in[0].low * n, high = in[0].high * n;
  return saturate(low < 0 ? low : 0, high > 0 ? high : 0);
}

static kv_interval bound_reduce_prod(const kv_node *node, uint32_t output, const kv_interval *in) {
  (void)output;
  if (in[0].dimension) return (kv_interval){0, KV_DIMENSION_MAX, true};
  int64_t n = reduced_elements(node);
  kv_interval p = {1, 1, false};
  if (n < 0 || n > 64) return kv_interval_of_dtype(node->out[0].dtype);
  for (int64_t i = 0; i < n; i++) p = kv_interval_union(product(p, in[0]), (kv_interval){1, 1, false});
  return p;
}

static kv_interval bound_mat_mul(const kv_node *node, uint32_t output, const kv_interval *in) { /* MatMul */
  (void)output;
  const kv_output *a = kv_edge_output(node->in[0]);
  int64_t k = a->rank ? a->shape[a->rank - (node->attrs.matmul.transpose_a && a->rank > 1 ? 2 : 1)] : -1;
  kv_interval p = product(in[0], in[1]);
  if (k < 0) return kv_interval_of_dtype(node->out[0].dtype);
  wide low = (wide)p.low * k, high = (wide)p.high * k;
  return saturate(low < 0 ? low : 0, high > 0 ? high : 0);
}

static kv_interval bound_scatter(const kv_node *node, uint32_t output,
                                 const kv_interval *in) { /* Scatter without a reduction */
  (void)output;
  if (node->prim->id != KV_ScatterUpdate) {
    const char *how = node->attrs.scatter.reduction; /* the first field of both groups */
    if (how && strcmp(how, "none") && strcmp(how, "min") && strcmp(how, "max"))
      return kv_interval_of_dtype(node->out[0].dtype);
  }
  return kv_interval_union(in[0], in[2]);
}

static kv_interval bound_clamp(const kv_node *node, uint32_t output, const kv_interval *in) {
  (void)output;
  double low = node->attrs.clamp.min, high = node->attrs.clamp.max;
  kv_interval i = in[0];
  if (low > (double)i.low) i.low = low < 9e18 ? (int64_t)low : INT64_MAX;
  if (high < (double)i.high) i.high = high > -9e18 ? (int64_t)high : INT64_MIN;
  if (i.high < i.low) i.low = i.high;
  i.dimension = false;
  return i;
}

/* What each primitive does; NULL: nothing is known. */
static const bound bounds[KV_PRIM_COUNT] = {
#define ROW_INTERVAL(f) bound_##f
#define ROW_ANY NULL
#define PRIM(Name, function, operands, outputs, attributes, infer, eval, openvino, interval, ...)                      \
  [KV_##Name] = ROW_##interval,
#include "vocabulary/prims.def"
#undef PRIM
};

/* What tracing knows of the values, where it knows all. */
static bool known(const kv_output *o, kv_interval *i) {
  int64_t n = 1;
  if (!o->known) return false;
  for (int k = 0; k < o->rank; k++) n *= o->shape[k];
  if (n <= 0) return false;
  *i = (kv_interval){INT64_MAX, INT64_MIN, false};
  for (int64_t k = 0; k < n; k++) {
    if (o->known[k] == KV_UNKNOWN) return false;
    if (o->known[k] < i->low) i->low = o->known[k];
    if (o->known[k] > i->high) i->high = o->known[k];
  }
  return true;
}

kv_interval kv_interval_of_output(const kv_node *node, uint32_t output, const kv_interval *in) {
  const kv_output *o = &node->out[output];
  kv_interval all = kv_interval_of_dtype(o->dtype), i;
  if (!kvino_dtype_is_integer(o->dtype)) return all;
  if (node->constant) return kv_interval_of_tensor(node->constant);
  if (!output && known(o, &i)) return i;
  bound f = bounds[node->prim->id];
  if (!f) return all;
  i = f(node, output, in);
  return kv_interval_within(i, all.low, all.high) ? i : all; /* otherwise it may have wrapped */
}
