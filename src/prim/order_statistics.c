/* OrderStatistics: the elements at given ranks of every row along the last axis. Operands: x [..., n], ranks [m], or
 * [..., m] with the leading dimensions of x; the result is [..., m]. NaN counts as the largest value. */
#include "base/threads.h"
#include "kernels/order/order_statistics.h"
#include "prim/prim.h"

kvino_status kv_infer_order_statistics(kv_call *c) {
  const kvino_tensor *x = c->in[0], *ranks = c->in[1];
  if (!x->rank || !ranks->rank)
    return kv_fail(c->err, KVINO_INVALID, "OrderStatistics takes operands of 1 dimension or more");
  if (x->dtype == KVINO_STRING || x->dtype == KVINO_C128)
    return kv_fail(c->err, KVINO_TYPE, "OrderStatistics does not take dtype %s",
                   kvino_dtype_name((kvino_dtype)x->dtype));
  if (ranks->dtype != KVINO_I64) return kv_fail(c->err, KVINO_TYPE, "the ranks of OrderStatistics are int64");
  if (ranks->rank != 1 && ranks->rank != x->rank)
    return kv_fail(c->err, KVINO_INVALID, "OrderStatistics: ranks of %d dimensions for %d", ranks->rank, x->rank);
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, x->rank, x->shape);
  c->spec[0].shape[x->rank - 1] = ranks->shape[ranks->rank - 1];
  for (int k = 0; k < x->rank - 1 && ranks->rank > 1; k++) {
    int64_t *own = &c->spec[0].shape[k], given = ranks->shape[k];
    if (*own >= 0 && given >= 0 && *own != given)
      return kv_fail(c->err, KVINO_INVALID, "OrderStatistics: dimension %d has size %lld in x and %lld in the ranks", k,
                     (long long)*own, (long long)given);
    if (*own < 0) *own = given;
  }
  return KVINO_OK;
}

struct rows {
  const kvino_tensor *x, *ranks; /* contiguous */
  int64_t n, m;
  char *out;
  _Atomic bool failed;
};

static void select_rows(void *context, size_t begin, size_t end) {
  struct rows *s = context;
  kvino_dtype dtype = (kvino_dtype)s->x->dtype;
  int64_t size = (int64_t)kvino_dtype_size(dtype), step = s->ranks->rank > 1 ? s->m : 0;
  for (int64_t i = (int64_t)begin; i < (int64_t)end && !s->failed; i++)
    if (!kv_select_ranks(dtype, s->n, s->x->data + i * s->n * size, s->m, (const int64_t *)s->ranks->data + i * step,
                         s->out + i * s->m * size))
      s->failed = true;
}

kvino_status kv_eval_order_statistics(kv_call *c) {
  kvino_tensor *x = NULL, *ranks = NULL;
  kvino_status status;
  KV_TRY(kv_call_alloc(c, 0));
  if (!c->out[0]->size) return KVINO_OK;
  int64_t n = c->in[0]->shape[c->in[0]->rank - 1], m = c->spec[0].shape[c->spec[0].rank - 1];
  if (n > INT32_MAX)
    return kv_fail(c->err, KVINO_OVERFLOW, "an axis of size %lld is too long to select from", (long long)n);
  KV_GOTO(status, kvino_tensor_contiguous(c->in[0], &x, c->err), done);
  KV_GOTO(status, kvino_tensor_contiguous(c->in[1], &ranks, c->err), done);
  for (int64_t i = 0; i < ranks->size; i++) {
    int64_t rank = ((const int64_t *)ranks->data)[i];
    if (rank < 0 || rank >= n) {
      status = kv_fail(c->err, KVINO_INVALID, "rank %lld is out of bounds for an axis of size %lld", (long long)rank,
                       (long long)n);
      goto done;
    }
  }
  struct rows s = {.x = x, .ranks = ranks, .n = n, .m = m, .out = c->out[0]->data};
  size_t rows = (size_t)(c->out[0]->size / m);
  if (rows == 1)
    select_rows(&s, 0, 1); /* its passes are divided among the threads */
  else
    kv_parallel_ranges(rows, (size_t)((32 << 10) / n + 1), select_rows, &s);
  status = s.failed ? kv_fail(c->err, KVINO_NO_MEMORY, "out of memory to select among %lld elements", (long long)n)
                    : KVINO_OK;
done:
  kvino_tensor_release(x);
  kvino_tensor_release(ranks);
  return status;
}
