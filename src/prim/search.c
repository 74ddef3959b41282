/* Finding values: SearchSorted, Bucketize. NumPy's order: NaN is the largest value. */
#include "base/threads.h"
#include "kernels/order/search.h"
#include "prim/known.h"

static kvino_status check_output_type(kv_call *c, kvino_dtype dtype) {
  if (c->in[0]->dtype == KVINO_STRING)
    return kv_fail(c->err, KVINO_TYPE, "%s does not take dtype string", c->prim->name);
  if (dtype == KVINO_I32 || dtype == KVINO_I64) return kv_same_dtype(c, 0, 1);
  return kv_fail(c->err, KVINO_TYPE, "indices are int32 or int64, not %s", kvino_dtype_name(dtype));
}

struct search {
  const kvino_tensor *sorted, *values; /* contiguous */
  int64_t n, m;                        /* sorted elements; values for each row of them */
  bool right;
  kvino_tensor *out;
};

/* Over all values, those of one row of `sorted` at a time. */
static void search_range(void *context, size_t begin, size_t end) {
  const struct search *s = context;
  kvino_dtype dtype = (kvino_dtype)s->values->dtype;
  int64_t size = (int64_t)kvino_dtype_size(dtype), width = (int64_t)kvino_dtype_size((kvino_dtype)s->out->dtype);
  for (int64_t i = (int64_t)begin; i < (int64_t)end;) {
    int64_t row = i / s->m, next = (row + 1) * s->m;
    if (next > (int64_t)end) next = (int64_t)end;
    kv_search(dtype, s->sorted->data + row * s->n * size, s->n, s->values->data + i * size, next - i, s->right,
              s->out->dtype == KVINO_I32, s->out->data + i * width);
    i = next;
  }
}

static kvino_status search_all(kv_call *c, kvino_tensor *sorted, kvino_tensor *values, bool right) {
  kvino_tensor *a = NULL, *b = NULL;
  kvino_status status;
  KV_TRY(kv_call_alloc(c, 0));
  if (!values->size) return KVINO_OK;
  int64_t n = sorted->shape[sorted->rank - 1], m = sorted->rank == 1 ? values->size : values->shape[values->rank - 1];
  if (n > INT32_MAX && c->spec[0].dtype == KVINO_I32)
    return kv_fail(c->err, KVINO_OVERFLOW, "%lld sorted elements are too many for int32 indices", (long long)n);
  KV_GOTO(status, kvino_tensor_contiguous(sorted, &a, c->err), done);
  KV_GOTO(status, kvino_tensor_contiguous(values, &b, c->err), done);
  struct search s = {.sorted = a, .values = b, .n = n, .m = m, .right = right, .out = c->out[0]};
  kv_parallel_ranges((size_t)values->size, 4096, search_range, &s);
done:
  kvino_tensor_release(a);
  kvino_tensor_release(b);
  return status;
}

/* ---- SearchSorted: sorted (1-D, or with the leading axes of the values), values ---- */

kvino_status kv_infer_search_sorted(kv_call *c) {
  const kvino_tensor *sorted = c->in[0], *values = c->in[1];
  KV_TRY(check_output_type(c, c->attrs->search_sorted.output_type));
  if (!sorted->rank) return kv_fail(c->err, KVINO_INVALID, "object of too small depth for desired array");
  if (sorted->rank > 1 && sorted->rank != values->rank)
    return kv_fail(c->err, KVINO_INVALID, "object too deep for desired array");
  for (int k = 0; k < sorted->rank - 1; k++)
    if (sorted->shape[k] >= 0 && values->shape[k] >= 0 && sorted->shape[k] != values->shape[k])
      return kv_fail(c->err, KVINO_INVALID,
                     "SearchSorted: dimension %d has size %lld in the sorted data and %lld in the values", k,
                     (long long)sorted->shape[k], (long long)values->shape[k]);
  kv_call_spec(c, 0, c->attrs->search_sorted.output_type, values->rank, values->shape);
  return KVINO_OK;
}

kvino_status kv_eval_search_sorted(kv_call *c) {
  return search_all(c, c->in[0], c->in[1], c->attrs->search_sorted.right_mode);
}

/* ---- Bucketize: x, boundaries; with_right_bound: a bucket holds the boundary on its right ---- */

kvino_status kv_infer_bucketize(kv_call *c) {
  KV_TRY(check_output_type(c, c->attrs->bucketize.output_type));
  if (c->in[1]->rank != 1) return kv_fail(c->err, KVINO_INVALID, "the boundaries of Bucketize must be 1-dimensional");
  kv_call_spec(c, 0, c->attrs->bucketize.output_type, c->in[0]->rank, c->in[0]->shape);
  return KVINO_OK;
}

kvino_status kv_eval_bucketize(kv_call *c) {
  return search_all(c, c->in[1], c->in[0], !c->attrs->bucketize.with_right_bound);
}
