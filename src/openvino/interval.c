/* Interval analysis of one node (interval.h): constants, what tracing knows, sizes, and else what its primitive says.
 */
#include "openvino/interval.h"

#include "passes/shape_source.h"
#include "prim/prim.h"

kv_interval kv_interval_of_tensor(const kvino_tensor *t) {
  kvino_dtype dtype = (kvino_dtype)t->dtype;
  if (!kvino_dtype_is_integer(dtype)) return kv_interval_of_dtype(dtype);
  if (!t->size) return (kv_interval){0, 0};
  kv_interval all = {INT64_MAX, INT64_MIN};
  for (int64_t i = 0; i < t->size; i++) {
    int64_t v = kv_tensor_get_int(t, i);
    if (dtype == KVINO_U64 && v < 0) v = INT64_MAX;
    if (v < all.low) all.low = v;
    if (v > all.high) all.high = v;
  }
  return all;
}

/* ---- sizes ---- */

/* A product of dimensions of one tensor, each taken once, is at most its number of elements: where the dimensions are
 * unknown, by far less than what the product of their intervals says. */
typedef struct size {
  kv_edge of;      /* the tensor; node NULL: none yet */
  uint32_t axes;   /* that are factors, of the unknown ones */
  kv_wide factors; /* the others multiplied */
} size;

/* Takes the factors of element i of e. */
static bool take_factors(size *s, kv_edge e, int64_t i) {
  const kv_node *node = e.node;
  const kv_output *o = kv_edge_output(e);
  kv_edge of;
  int axis;
  if (o->known && o->known[i] != KV_UNKNOWN) {
    s->factors = kv_wide_product(s->factors, o->known[i]);
    return o->known[i] > 0;
  }
  if (kv_dimension_source(e, i, &of, &axis)) {
    bool other = s->of.node && (s->of.node != of.node || s->of.output != of.output);
    if (other || s->axes >> axis & 1) return false;
    s->of = of;
    s->axes |= 1u << axis;
    return true;
  }
  if (node->prim->id == KV_Multiply && !o->rank)
    return take_factors(s, node->in[0], 0) && take_factors(s, node->in[1], 0);
  if (node->prim->id == KV_Convert || node->prim->id == KV_Identity) return take_factors(s, node->in[0], i);
  if (node->prim->id != KV_ReduceProd || o->rank || kv_edge_output(node->in[0])->rank != 1) return false;
  int64_t n = kv_edge_output(node->in[0])->shape[0];
  for (int64_t k = 0; k < n; k++)
    if (!take_factors(s, node->in[0], k)) return false;
  return n >= 0;
}

/* Narrows the interval of a product that is a size. */
static void narrow_to_size(const kv_node *node, kv_interval *i) {
  size s = {.factors = 1};
  kvino_dtype dtype = node->out[0].dtype;
  if (node->prim->id != KV_Multiply && node->prim->id != KV_ReduceProd) return;
  if (node->out[0].rank || (dtype != KVINO_I32 && dtype != KVINO_I64)) return;
  if (!take_factors(&s, (kv_edge){(kv_node *)(uintptr_t)node, 0}, 0) || !s.of.node) return;
  kv_wide most = KV_DIMENSION_MAX;
  const kv_output *x = kv_edge_output(s.of);
  for (int k = 0; k < x->rank; k++)
    if (x->shape[k] > 0) most /= x->shape[k];
  kv_interval n = kv_interval_fit(dtype, 0, kv_wide_product(most, s.factors));
  if (n.low < 0) return; /* it does not fit */
  if (i->low < n.low) i->low = n.low;
  if (i->high > n.high) i->high = n.high;
}

bool kv_is_dimension(kv_edge e) {
  kv_edge of;
  int axis;
  while (e.node->prim->traits & KV_MOVES || e.node->prim->id == KV_Convert) e = e.node->in[0];
  const kv_output *o = kv_edge_output(e);
  return (!o->rank || (o->rank == 1 && o->shape[0] == 1)) && kv_dimension_source(e, 0, &of, &axis);
}

/* ---- nodes ---- */

/* What tracing knows of the values, where it knows all. */
static bool known(const kv_output *o, kv_interval *i) {
  int64_t n = 1;
  if (!o->known) return false;
  for (int k = 0; k < o->rank; k++) n *= o->shape[k];
  if (n <= 0) return false;
  *i = (kv_interval){INT64_MAX, INT64_MIN};
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
  i = node->prim->interval ? node->prim->interval(&(kv_bounds){node, output, in}) : all;
  narrow_to_size(node, &i);
  return i;
}
