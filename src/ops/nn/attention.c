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

/* How many heads there are. */
typedef struct heads {
  int64_t n;           /* -1: not known before a run */
  kvino_tensor *later; /* what it is then: [1] */
} heads;

static heads heads_of(kv_scope *s, kvino_tensor *x) {
  int64_t n = x->shape[2];
  return (heads){n, n < 0 ? kv_unsqueeze(s, kv_dimension(s, x, 2), KV_VECTOR(s, 0)) : NULL};
}

/* q, where its heads can be dealt out to those of keys and values: each serves as many heads of queries. */
static kvino_tensor *dealt_out(kv_scope *s, kvino_tensor *q, kvino_tensor *k, kvino_tensor *v) {
  if (q->shape[2] >= 0 && q->shape[2] == k->shape[2] && q->shape[2] == v->shape[2]) return q;
  kvino_tensor *n[] = {kv_dimension(s, q, 2), kv_dimension(s, k, 2), kv_dimension(s, v, 2)};
  kvino_tensor *zero = kv_int(s, KVINO_I64, 0), *least = kv_maximum(s, n[1], kv_int(s, KVINO_I64, 1));
  kvino_tensor *multiple = kv_equal(s, kv_floor_mod(s, n[0], least), zero);
  kvino_tensor *some = kv_equal(s, kv_greater(s, n[1], zero), kv_greater(s, n[0], zero)); /* or none of either */
  kvino_tensor *fits = kv_logical_and(s, kv_logical_and(s, multiple, some), kv_equal(s, n[1], n[2]));
  return kv_demand_by(s, KV_BY_SHAPES, KV_REFUSAL_heads, q, fits, 3, n);
}

/* [batch, time, heads, depth] as [batch, heads, time, depth] */
static kvino_tensor *heads_first(kv_scope *s, kvino_tensor *x) { return kv_permute(s, x, (int64_t[]){0, 2, 1, 3}); }

/* x [batch, a, b, depth], with this number of heads of as many rows as it takes, or the way back. */
static kvino_tensor *regroup(kv_scope *s, kvino_tensor *x, const heads *h) {
  if (!x || (h->n >= 0 && x->shape[1] == h->n)) return x;
  int64_t depth = x->shape[3], batch = x->shape[0];
  int64_t rows = h->n <= 0 || x->shape[1] < 0 || x->shape[2] < 0 ? -1 : x->shape[1] * x->shape[2] / h->n;
  if (h->n >= 0 && (x->size >= 0 || ((batch < 0) + (depth < 0) + (rows < 0) <= 1 && batch && depth && rows)))
    return kv_reshape_to(s, x, 4, (int64_t[]){batch, h->n, rows, depth});
  kvino_tensor *dims = kv_dims(s, x), *was = kv_cut(s, dims, 0, 1, 2), *per = kv_cut(s, dims, 0, 2, 3);
  kvino_tensor *now = h->n < 0 ? h->later : KV_VECTOR(s, h->n), *all = kv_multiply(s, was, per);
  kvino_tensor *each = kv_floor_divide(s, all, kv_maximum(s, now, KV_VECTOR(s, 1)));
  each = kv_select(s, kv_equal(s, now, KV_VECTOR(s, 0)), per, each); /* no heads: as many rows as there were */
  kvino_tensor *part[] = {kv_cut(s, dims, 0, 0, 1), now, each, kv_cut(s, dims, 0, 3, 4)};
  return kv_reshape(s, x, kv_concat(s, 4, part, (kv_axis_attrs){.axis = 0}), (kv_reshape_attrs){.special_zero = false});
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
  if (!(query = dealt_out(s, query, key, value))) return NULL;
  const heads all = heads_of(s, query), own = heads_of(s, key);
  int64_t depth = key->shape[3];
  kvino_tensor *factor;
  if (scale)
    factor = kv_cast(s, scale, work);
  else if (depth >= 0)
    factor = kv_number(s, work, 1 / sqrt((double)depth));
  else
    factor = kv_divide(s, kv_number(s, work, 1), kv_sqrt(s, kv_cast(s, kv_dimension(s, key, 3), work)));
  kvino_tensor *q = regroup(s, heads_first(s, kv_cast(s, query, work)), &own);
  kvino_tensor *k = heads_first(s, kv_cast(s, key, work)), *v = heads_first(s, kv_cast(s, value, work));
  kvino_tensor *logits =
      kv_mat_mul(s, kv_multiply(s, q, factor), k, (kv_matmul_attrs){.transpose_a = false, .transpose_b = true});
  logits = regroup(s, logits, &all);
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
  kvino_tensor *y = kv_mat_mul(s, regroup(s, p, &own), v, (kv_matmul_attrs){0});
  return kv_cast(s, heads_first(s, regroup(s, y, &all)), dtype);
}
