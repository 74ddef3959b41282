/* Arithmetic of floats with constants, one node after another (exactness.h). OpenVINO's transformations put the
 * constants together: (x + a) + b becomes x + (a + b), (x + a) * b becomes x * b + a * b, and scales go into the
 * weights of products. Floats are not associative: (x + 2^23) - 2^23 rounds, x * 1e20 * 1e20 of 0 is 0. Where no more
 * is lost than the device's precision (docs/exactness.md) they may; elsewhere a barrier stands between. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "openvino/exactness.h"

/* Constants added up to so much are off by half an ulp of it when put together: less than 1e-6 is. */
#define SMALL_SUM 8.0

typedef struct magnitude {
  double low, high; /* of the elements' absolute values; NaN counts as infinity */
} magnitude;

/* Absolute values as their bits are in their order, NaN behind infinity; whole kernels go through here. */
static magnitude magnitude_of_floats(const char *at, int64_t n) {
  uint32_t low = UINT32_MAX, high = 0, infinite = 0x7f800000;
  for (int64_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, at + 4 * i, sizeof bits);
    bits &= 0x7fffffff;
    low = bits < low ? bits : low;
    high = bits > high ? bits : high;
  }
  float ends[2];
  memcpy(&ends[0], low < infinite ? &low : &infinite, sizeof *ends);
  memcpy(&ends[1], high < infinite ? &high : &infinite, sizeof *ends);
  return (magnitude){ends[0], ends[1]};
}

static magnitude magnitude_of(const kvino_tensor *t) {
  if (t->dtype == KVINO_F32 && kvino_tensor_is_contiguous(t)) return magnitude_of_floats(t->data, t->size);
  magnitude m = {INFINITY, 0};
  for (int64_t i = 0; i < t->size; i++) {
    double v = fabs(kv_tensor_get_number(t, i));
    if (isnan(v)) v = INFINITY;
    m.low = fmin(m.low, v);
    m.high = fmax(m.high, v);
  }
  return m;
}

kvino_tensor *kv_kept_apart(kv_scope *s, kvino_tensor *x) {
  return x ? kv_power(s, x, kv_number(s, (kvino_dtype)x->dtype, 1)) : NULL;
}

static bool is_sum(const kv_node *node) { return node->prim->id == KV_Add || node->prim->id == KV_Subtract; }

static bool is_product(const kv_node *node) { return node->prim->traits & KV_PRODUCT; }

/* The constant among the two operands, the other one's node to *rest. NULL: there is none, or *rest is none. */
static const kvino_tensor *constant_operand(const kv_node *node, const kv_node **rest) {
  for (int i = 0; i < 2; i++)
    if (node->in[i].node->constant) {
      *rest = node->in[1 - i].node;
      return (*rest)->constant ? NULL : node->in[i].node->constant;
    }
  return NULL;
}

/* By what a node scales its operand. */
static bool scale_of(const kv_node *node, magnitude *scale, const kv_node **rest) {
  bool divides = node->prim->id == KV_Divide;
  const kvino_tensor *c = divides || node->prim->id == KV_Multiply ? constant_operand(node, rest) : NULL;
  if (!c || (divides && !node->in[1].node->constant)) return false;
  *scale = magnitude_of(c);
  if (divides) *scale = (magnitude){1 / scale->high, 1 / scale->low};
  return true;
}

/* How large the constants that end in this node are together. */
static double sum_before(const kv_node *node) {
  const kvino_tensor *c;
  double sum = 0;
  while (is_sum(node) && (c = constant_operand(node, &node))) sum += magnitude_of(c).high;
  return sum;
}

static bool scales_agree(magnitude a, magnitude b) {
  if (a.low >= 1 && b.low >= 1) return a.high * b.high < FLT_MAX;
  return a.high <= 1 && b.high <= 1 && a.low * b.low >= FLT_MIN;
}

/* Whether x, which `node` makes, may be scaled by what is before it and by c at once. */
static bool may_scale(const kv_node *node, magnitude c) {
  const kv_node *rest;
  for (magnitude m; scale_of(node, &m, &rest); node = rest) {
    if (!scales_agree(m, c)) return false;
    c = (magnitude){m.low * c.low, m.high * c.high};
  }
  bool bias = is_sum(node) && constant_operand(node, &rest) && is_product(rest); /* as exact as the product is */
  if (is_sum(node) && sum_before(node) * c.high > (bias ? FLT_MAX : SMALL_SUM)) return false;
  if (bias) node = rest;
  if (!is_product(node) || !node->in[1].node->constant) return true;
  return magnitude_of(node->in[1].node->constant).high * c.high < FLT_MAX;
}

/* Whether the node, of x and a constant, may be put together with what makes x. */
static bool may_merge(const kv_node *node, const kvino_tensor *x, const kvino_tensor *constant) {
  const kv_node *before = x->node, *rest;
  magnitude scale;
  if (scale_of(node, &scale, &rest)) return may_scale(before, scale);
  double sum = is_sum(before) ? sum_before(before) : 0;
  return !sum || sum + magnitude_of(constant).high <= SMALL_SUM;
}

kvino_tensors kv_sub_chain(kv_scope *s, const kv_case *c, kvino_tensor *const *in) {
  int constant = kv_is_symbolic(in[0]) ? 1 : 0;
  if (kv_is_symbolic(in[constant]) || !kv_is_symbolic(in[1 - constant])) return KV_KEEP;
  if (may_merge(c->node, in[1 - constant], in[constant])) return KV_KEEP;
  kvino_tensor *apart[2];
  apart[constant] = in[constant];
  apart[1 - constant] = kv_kept_apart(s, in[1 - constant]);
  return kv_one(s, kv_apply(s, c->node->prim->id, &c->node->attrs, 2, apart));
}
