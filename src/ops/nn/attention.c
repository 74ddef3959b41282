/* keras.ops.nn: dot-product attention. Products and softmax, not OpenVINO's ScaledDotProductAttention: outside of
 * language models with a state, the CPU plugin takes that apart into the same steps. */
#include <math.h>

#include "ops/common.h"

static bool four(kv_scope *s, const kvino_tensor *q, const kvino_tensor *k, const kvino_tensor *v) {
  char a[KV_SHAPE_TEXT], b[KV_SHAPE_TEXT], c[KV_SHAPE_TEXT];
  if (!q || !k || !v) return false;
  if (q->rank == 4 && k->rank == 4 && v->rank == 4) return true;
  kv_scope_fail(s, KVINO_INVALID,
                "`dot_product_attention` only supports 4D inputs. Received: query.shape=%s, key.shape=%s, "
                "value.shape=%s.",
                kv_shape_text(q->rank, q->shape, a), kv_shape_text(k->rank, k->shape, b),
                kv_shape_text(v->rank, v->shape, c));
  return false;
}

/* Heads of keys and values serve as many heads of queries each: how many; 0 with the scope failed where that is no
 * number. */
static int64_t group_size(kv_scope *s, const kvino_tensor *q, const kvino_tensor *k, const kvino_tensor *v) {
  int64_t n = q->shape[2], heads = k->shape[2];
  if (heads == n && v->shape[2] == n) return 1;
  if (heads > 0 && n > 0 && n % heads == 0 && v->shape[2] == heads) return n / heads;
  if (n < 0 || heads < 0 || v->shape[2] < 0)
    kv_scope_fail(s, KVINO_UNSUPPORTED, "dot_product_attention with an unknown number of heads");
  else
    kv_scope_fail(s, KVINO_INVALID,
                  "the number of query heads must be a multiple of the number of key and value heads. Received: %lld, "
                  "%lld and %lld heads",
                  (long long)n, (long long)heads, (long long)v->shape[2]);
  return 0;
}

/* [batch, time, heads, depth] as [batch, heads, time, depth] */
static kvino_tensor *heads_first(kv_scope *s, kvino_tensor *x) { return kv_permute(s, x, (int64_t[]){0, 2, 1, 3}); }

/* x [batch, a, b, depth], with `heads` heads of as many rows as it takes, or the way back. */
static kvino_tensor *regroup(kv_scope *s, kvino_tensor *x, int64_t heads) {
  if (!x || x->shape[1] == heads) return x;
  int64_t depth = x->shape[3], batch = x->shape[0];
  int64_t rows = x->shape[1] < 0 || x->shape[2] < 0 ? -1 : x->shape[1] * x->shape[2] / heads;
  if (x->size >= 0 || ((batch < 0) + (depth < 0) + (rows < 0) <= 1 && batch && depth && rows))
    return kv_reshape_to(s, x, 4, (int64_t[]){batch, heads, rows, depth});
  kvino_tensor *dims = kv_dims(s, x), *was = kv_cut(s, dims, 0, 1, 2), *per = kv_cut(s, dims, 0, 2, 3);
  kvino_tensor *now = KV_VECTOR(s, heads), *all = kv_multiply(s, was, per);
  return kv_reshape(
      s, x,
      kv_concat(s, 4,
                (kvino_tensor *[]){kv_cut(s, dims, 0, 0, 1), now, kv_divide(s, all, now), kv_cut(s, dims, 0, 3, 4)},
                (kv_axis_attrs){.axis = 0}),
      (kv_reshape_attrs){.special_zero = false});
}

/* The k-th query sees the first k keys and its own. [T, S] bool */
static kvino_tensor *causal(kv_scope *s, kvino_tensor *logits) {
  kv_output_type_attrs type = {.output_type = KVINO_I32};
  kvino_tensor *zero = kv_int(s, KVINO_I32, 0), *one = kv_int(s, KVINO_I32, 1);
  kvino_tensor *t = kv_range(s, zero, kv_cast(s, kv_dimension(s, logits, 2), KVINO_I32), one, type);
  kvino_tensor *u = kv_range(s, zero, kv_cast(s, kv_dimension(s, logits, 3), KVINO_I32), one, type);
  return kv_less_equal(s, u, kv_unsqueeze(s, t, KV_VECTOR(s, 1)));
}

kvino_tensor *op_dot_product_attention(kv_scope *s, kvino_tensor *query, kvino_tensor *key, kvino_tensor *value,
                                       kvino_tensor *bias, kvino_tensor *mask, kvino_tensor *scale, bool is_causal,
                                       kvino_tensor *flash_attention, kvino_tensor *soft_cap) {
  (void)flash_attention; /* asks for a way of computing, not for another result */
  kvino_dtype dtype = kv_result_float(s, 3, (kvino_tensor *[]){query, key, value}), work = kv_work_dtype(dtype);
  if (!four(s, query, key, value)) return NULL;
  int64_t group = group_size(s, query, key, value), heads = query->shape[2], depth = key->shape[3];
  if (!group) return NULL;
  kvino_tensor *factor;
  if (scale)
    factor = kv_cast(s, scale, work);
  else if (depth >= 0)
    factor = kv_number(s, work, 1 / sqrt((double)depth));
  else
    factor = kv_divide(s, kv_number(s, work, 1), kv_sqrt(s, kv_cast(s, kv_dimension(s, key, 3), work)));
  kvino_tensor *q = regroup(s, heads_first(s, kv_cast(s, query, work)), heads / group);
  kvino_tensor *k = heads_first(s, kv_cast(s, key, work)), *v = heads_first(s, kv_cast(s, value, work));
  kvino_tensor *logits =
      kv_mat_mul(s, kv_multiply(s, q, factor), k, (kv_matmul_attrs){.transpose_a = false, .transpose_b = true});
  logits = regroup(s, logits, heads);
  if (soft_cap) { /* as Keras says: logits / (1 + |logits| / cap) */
    kvino_tensor *cap = kv_cast(s, soft_cap, work);
    logits = kv_divide(s, logits, kv_add(s, kv_like(s, logits, 1), kv_divide(s, kv_abs(s, logits), cap)));
  }
  if (bias) logits = kv_add(s, logits, kv_cast(s, bias, work));
  kvino_tensor *seen = mask ? kv_truth(s, mask) : NULL;
  if (is_causal) seen = seen ? kv_logical_and(s, seen, causal(s, logits)) : causal(s, logits);
  /* A large number, not infinity: a query that sees nothing gets the mean of all values, as in Keras. */
  if (seen) logits = kv_select(s, seen, logits, kv_like(s, logits, -0.7 * 3.38953e38));
  kvino_tensor *p = kv_softmax(s, logits, (kv_axis_attrs){.axis = 3});
  kvino_tensor *y = kv_mat_mul(s, regroup(s, p, heads / group), v, (kv_matmul_attrs){0});
  return kv_cast(s, heads_first(s, regroup(s, y, heads)), dtype);
}
