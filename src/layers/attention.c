/* Layers: attention. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "layers/layer.h"
#include "ops/common.h"

static kvino_tensor *einsum(kv_scope *s, const char *equation, kvino_tensor *a, kvino_tensor *b) {
  return a && b ? op_einsum(s, equation, (kvino_tensors){2, (kvino_tensor *[]){a, b}}) : NULL;
}

/* ---- masks of pairs: (batch, queries, keys) ---- */

static kvino_tensor *both(kv_scope *s, kvino_tensor *a, kvino_tensor *b) {
  return a && b ? op_logical_and(s, a, b) : a ? a : b;
}

/* A mask of steps as one of pairs: (batch, 1, time) of keys, (batch, time, 1) of queries. */
static kvino_tensor *pairs(kv_scope *s, kvino_tensor *mask, int64_t axis) {
  return mask ? kv_unsqueeze(s, kv_cast(s, mask, KVINO_BOOL), KV_VECTOR(s, axis)) : NULL;
}

/* The numbers of the steps of x along `axis`, as (steps, 1) or (1, steps). */
static kvino_tensor *numbers(kv_scope *s, kvino_tensor *x, int64_t axis, int64_t other) {
  kvino_tensor *one = kv_int(s, KVINO_I64, 1), *n = kv_dimension(s, x, axis);
  if (!n) return NULL;
  kvino_tensor *ones = kv_broadcast_shape(s, one, kv_unsqueeze(s, n, KV_VECTOR(s, 0)));
  kvino_tensor *count = kv_cum_sum(s, ones, kv_int(s, KVINO_I64, 0), (kv_cumsum_attrs){.exclusive = true});
  return kv_unsqueeze(s, count, KV_VECTOR(s, other));
}

/* Queries see no later steps; within a window they see the steps that are nearer than it. */
static kvino_tensor *near(kv_invocation *c, kvino_tensor *query, kvino_tensor *value, bool causal, int64_t window) {
  kv_scope *s = c->s;
  if (!causal && window == KVINO_NO_INTEGER) return NULL;
  kvino_tensor *row = numbers(s, query, 1, 1), *column = numbers(s, value, 1, 0), *seen = NULL;
  if (causal) seen = op_greater_equal(s, row, column);
  if (window != KVINO_NO_INTEGER)
    seen = both(s, seen, op_less(s, op_absolute(s, kv_subtract(s, row, column)), kv_int(s, KVINO_I64, window)));
  return seen ? kv_unsqueeze(s, seen, KV_VECTOR(s, 0)) : NULL;
}

static kvino_tensor *mask_of(kv_invocation *c, const char *name, kv_value value) {
  kv_value given = kv_arg_value(c, name);
  return given.kind == KV_VALUE_TENSOR ? given.tensor : value.mask;
}

/* ---- heads ---- */

static kvino_tensor *add_bias(kv_invocation *c, kvino_tensor *y, const char *dense) {
  char name[64];
  snprintf(name, sizeof name, "%s/bias", dense);
  kvino_tensor *bias = kv_weight(c, name);
  return bias ? op_add(c->s, y, bias) : y;
}

/* x (..., features) by the kernel of a layer in this one; `bound` axes of both are summed over. */
static kvino_tensor *project(kv_invocation *c, kvino_tensor *x, const char *dense, int bound) {
  char name[64], equation[4 * KVINO_MAX_RANK], *at = equation;
  snprintf(name, sizeof name, "%s/kernel", dense);
  kvino_tensor *kernel = kv_weight(c, name);
  if (!x || !kernel) return NULL;
  if (x->rank + kernel->rank > 26 || x->rank < bound || kernel->rank < bound)
    return kv_scope_fail(c->s, KVINO_IO, "weight '%s' does not fit inputs of %d dimensions", name, x->rank);
  for (int i = 0; i < x->rank; i++) *at++ = (char)('a' + i);
  *at++ = ',';
  for (int i = 0; i < kernel->rank; i++) *at++ = (char)('a' + x->rank - bound + i);
  *at++ = '-', *at++ = '>';
  for (int i = 0; i < x->rank - bound; i++) *at++ = (char)('a' + i);
  for (int i = bound; i < kernel->rank; i++) *at++ = (char)('a' + x->rank - bound + i);
  *at = 0;
  return add_bias(c, einsum(c->s, equation, x, kernel), dense);
}

/* softmax over the last n axes, without what the mask, of leading and those axes, leaves out. */
static kvino_tensor *masked_softmax(kv_scope *s, kvino_tensor *scores, kvino_tensor *mask, int n) {
  int64_t axes[KVINO_MAX_RANK];
  if (!scores) return NULL;
  while (mask && mask->rank < scores->rank) mask = kv_unsqueeze(s, mask, KV_VECTOR(s, mask->rank - 2 * n));
  for (int i = 0; i < n; i++) axes[i] = i - n;
  return kv_masked_softmax(s, scores, mask, (kvino_ints){n, axes, NULL, n > 1}, true);
}

/* Queries and keys (batch, ..., heads, dim) that attend along any axes; *scores is what softmax gives. */
static kvino_tensor *over_axes(kv_invocation *c, kvino_tensor *q, kvino_tensor *k, kvino_tensor *v, kvino_tensor *mask,
                               kvino_ints axes, kvino_tensor **scores) {
  char target[KVINO_MAX_RANK + 1], source[KVINO_MAX_RANK + 1], product[2 * KVINO_MAX_RANK + 1],
      text[5 * KVINO_MAX_RANK];
  int rank = q->rank, n = 0;
  bool attends[KVINO_MAX_RANK] = {false};
  for (int64_t i = 0; i < axes.n; i++) {
    int64_t axis = axes.v[i] < 0 ? axes.v[i] + rank - 1 : axes.v[i];
    if (axis < 1 || axis >= rank - 2)
      return kv_scope_fail(c->s, KVINO_INVALID, "attention along axis %lld", (long long)axes.v[i]);
    attends[axis] = true;
  }
  for (int i = 0, next = rank; i < rank; i++) {
    target[i] = (char)('a' + i);
    source[i] = attends[i] ? (char)('a' + next++) : target[i];
    if (!attends[i] && i < rank - 1) product[n++] = target[i];
  }
  target[rank] = source[rank] = 0;
  for (int64_t i = 0; i < axes.n; i++) product[n++] = target[axes.v[i] < 0 ? axes.v[i] + rank - 1 : axes.v[i]];
  for (int64_t i = 0; i < axes.n; i++) product[n++] = source[axes.v[i] < 0 ? axes.v[i] + rank - 1 : axes.v[i]];
  product[n] = 0;
  double dim = (double)q->shape[rank - 1];
  snprintf(text, sizeof text, "%s,%s->%s", source, target, product);
  *scores = einsum(c->s, text, k, kv_multiply(c->s, q, kv_like(c->s, q, 1 / sqrt(dim))));
  *scores = masked_softmax(c->s, *scores, mask, (int)axes.n);
  kvino_tensor *kept = kv_drop(c, *scores, kv_field_number(c, "dropout"), KVINO_NO_INTS);
  snprintf(text, sizeof text, "%s,%s->%s", product, source, target);
  return einsum(c->s, text, kept, v);
}

/* What the names of the projections begin with. */
typedef struct projections {
  const char *query, *key, *value, *output;
  bool grouped;
} projections;

static kv_value heads(kv_invocation *c, const projections *p) {
  kv_scope *s = c->s;
  kvino_tensor *query = kv_arg(c, "query"), *value = kv_arg(c, "value"), *key = kv_maybe_arg(c, "key");
  bool causal = kv_arg_flag(c, "use_causal_mask", false), scores = kv_arg_flag(c, "return_attention_scores", false);
  int64_t window = kv_field_integer(c, "sliding_window");
  kvino_ints axes = p->grouped ? KVINO_NO_INTS : kv_field_ints(c, "attention_axes", 0);
  if (!query || !value) return KV_NOTHING;
  int64_t all[KVINO_MAX_RANK];
  if (axes.n < 0) {
    axes = (kvino_ints){0, all, NULL, true};
    for (int i = 1; i < query->rank - 1; i++) all[axes.n++] = i;
  }
  kvino_tensor *mask = both(s, pairs(s, mask_of(c, "query_mask", kv_arg_value(c, "query")), 2),
                            pairs(s, mask_of(c, "value_mask", kv_arg_value(c, "value")), 1));
  if (key) mask = both(s, mask, pairs(s, mask_of(c, "key_mask", kv_arg_value(c, "key")), 1));
  kvino_tensor *given = kv_maybe_arg(c, "attention_mask");
  if (given) mask = both(s, mask, kv_cast(s, given, KVINO_BOOL));
  bool drops = kv_is_training(c) && kv_field_number(c, "dropout") > 0;
  bool plain = query->rank == 3 && axes.n == 1 && !scores && !drops;
  mask = both(s, mask, near(c, query, value, causal && !plain, window));

  kvino_tensor *q = project(c, query, p->query, 1), *v = project(c, value, p->value, 1);
  kvino_tensor *k = project(c, key ? key : value, p->key, 1), *found = NULL, *y;
  if (!q || !k || !v) return KV_NOTHING;
  if (p->grouped) { /* each head of keys and values for several of queries */
    int64_t times = kv_field_integer(c, "num_query_heads") / kv_field_integer(c, "num_key_value_heads");
    k = op_repeat(s, k, KVINO_INTS(times), 2);
    v = op_repeat(s, v, KVINO_INTS(times), 2);
  }
  if (plain)
    y = op_dot_product_attention(s, q, k, v, NULL, mask ? kv_unsqueeze(s, mask, KV_VECTOR(s, 1)) : NULL, NULL, causal,
                                 NULL, NULL);
  else
    y = over_axes(c, q, k, v, mask, axes, &found);
  if (kv_field_flag(c, "use_gate")) y = op_multiply(s, y, op_sigmoid(s, project(c, query, "_gate_dense", 1)));
  y = project(c, y, p->output, 2);
  kv_value out = kv_of_masked(y, kv_arg_value(c, "query").mask);
  if (!scores || !y) return out;
  kv_value list = kv_value_list(s, 2);
  if (list.n) list.item[0] = out, list.item[1] = kv_of(found);
  return list;
}

kv_value kv_layer_multi_head_attention(kv_invocation *c) {
  return heads(c, &(projections){"query_dense", "key_dense", "value_dense", "output_dense", false});
}

kv_value kv_layer_grouped_query_attention(kv_invocation *c) {
  return heads(c, &(projections){"_query_dense", "_key_dense", "_value_dense", "_output_dense", true});
}

/* ---- without heads: inputs [query, value, key] ---- */

static kv_value attend(kv_invocation *c, kvino_tensor *(*score)(kv_invocation *, kvino_tensor *, kvino_tensor *)) {
  kv_scope *s = c->s;
  kv_value inputs = kv_arg_value(c, "inputs"), masks = kv_arg_value(c, "mask");
  if (inputs.kind != KV_VALUE_LIST || inputs.n < 2 || inputs.n > 3)
    return kv_scope_fail(s, KVINO_INVALID, "its inputs must be a list of query, value and maybe key"), KV_NOTHING;
  kvino_tensor *mask[2], *x[3];
  for (size_t i = 0; i < 3; i++) x[i] = inputs.item[i < inputs.n ? i : 1].tensor;
  for (size_t i = 0; i < 2; i++)
    mask[i] = masks.kind == KV_VALUE_LIST && i < masks.n ? masks.item[i].tensor : inputs.item[i].mask;
  if (!x[0] || !x[1] || !x[2]) return KV_NOTHING;
  bool causal = kv_arg_flag(c, "use_causal_mask", kv_field_flag(c, "causal")); /* a field of Keras 2's */
  kvino_tensor *scores = score(c, x[0], x[2]);
  kvino_tensor *seen = both(s, pairs(s, mask[1], 1), near(c, x[0], x[1], causal, KVINO_NO_INTEGER));
  if (seen && scores) {
    kvino_tensor *less = kv_subtract(s, scores, kv_like(s, scores, scores->dtype == KVINO_F16 ? 65504 : 1e9));
    scores = kv_select(s, seen, scores, less);
  }
  scores = op_softmax(s, scores, KVINO_INTS(-1));
  kvino_tensor *y = op_matmul(s, kv_drop(c, scores, kv_field_number(c, "dropout"), KVINO_NO_INTS), x[1]);
  if (mask[0] && y) y = kv_select(s, pairs(s, mask[0], 2), y, kv_like(s, y, 0));
  kv_value out = kv_of_masked(y, mask[0]);
  if (!kv_arg_flag(c, "return_attention_scores", false)) return out;
  kv_value list = kv_value_list(s, 2);
  if (list.n) list.item[0] = out, list.item[1] = kv_of(scores);
  return list;
}

/* tanh(scale (query + key)) of each pair. */
static kvino_tensor *sums(kv_invocation *c, kvino_tensor *query, kvino_tensor *key, kvino_tensor *scale) {
  kv_scope *s = c->s;
  kvino_tensor *sum = op_add(s, kv_unsqueeze(s, query, KV_VECTOR(s, 2)), kv_unsqueeze(s, key, KV_VECTOR(s, 1)));
  return op_tanh(s, scale ? op_multiply(s, scale, sum) : sum);
}

static kvino_tensor *by_product(kv_invocation *c, kvino_tensor *query, kvino_tensor *key) {
  kv_scope *s = c->s;
  const char *mode = kv_field_text(c, "score_mode");
  kvino_tensor *scale = kv_weight(c, "scale");
  if (mode && !strcmp(mode, "concat")) {
    kvino_tensor *sum = op_sum(s, sums(c, query, key, scale), KVINO_INTS(-1), false);
    return op_multiply(s, kv_weight(c, "concat_score_weight"), sum);
  }
  kvino_tensor *scores = op_matmul(s, query, op_swapaxes(s, key, -2, -1));
  return scale ? op_multiply(s, scores, scale) : scores;
}

static kvino_tensor *by_sum(kv_invocation *c, kvino_tensor *query, kvino_tensor *key) {
  kvino_tensor *y = sums(c, query, key, NULL), *scale = kv_weight(c, "scale");
  return op_sum(c->s, scale ? op_multiply(c->s, scale, y) : y, KVINO_INTS(-1), false);
}

kv_value kv_layer_attention(kv_invocation *c) { return attend(c, by_product); }
kv_value kv_layer_additive_attention(kv_invocation *c) { return attend(c, by_sum); }
