/* SegmentMax: data [n, ...], ids [n], the number of segments; row i of the result is the largest of the rows with id i.
 * Ids out of range are dropped; they need not be sorted. */
#include <string.h>

#include "base/memory.h"
#include "kernels/reduce/accumulate.h"
#include "prim/index.h"
#include "prim/interval.h"
#include "prim/known.h"

static bool fills_zero(const kv_attrs *a) { return !a->segment.fill_mode || !strcmp(a->segment.fill_mode, "zero"); }

kvino_status kv_infer_segment_max(kv_call *c) {
  const kvino_tensor *x = c->in[0], *ids = c->in[1];
  int64_t n = -1;
  bool known;
  if (!kv_combines((kvino_dtype)x->dtype, KV_MAX))
    return kv_fail(c->err, KVINO_TYPE, "SegmentMax does not take dtype %s", kvino_dtype_name((kvino_dtype)x->dtype));
  KV_TRY(kv_index_dtype(c, 1));
  KV_TRY(kv_read_one(c, 2, "number of segments", &n, &known));
  if (known && n < 0)
    return kv_fail(c->err, KVINO_INVALID, "the number of segments must not be negative, found %lld", (long long)n);
  if (!x->rank || ids->rank != 1 || (x->shape[0] >= 0 && ids->shape[0] >= 0 && x->shape[0] != ids->shape[0]))
    return kv_fail(c->err, KVINO_INVALID, "SegmentMax takes an id for each row of its data");
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, x->rank, x->shape);
  c->spec[0].shape[0] = known ? n : -1;
  return KVINO_OK;
}

static int64_t row_size(const kvino_tensor *x) {
  int64_t n = 1;
  for (int k = 1; k < x->rank; k++) n *= x->shape[k];
  return n;
}

/* Rows that follow each other and have segments are combined at once. */
static void combine(const kvino_tensor *x, const kvino_tensor *ids, int64_t *offset, bool *met, kvino_tensor *y) {
  int64_t run = row_size(x), n = 0, size = (int64_t)kvino_dtype_size((kvino_dtype)x->dtype) * run;
  for (int64_t i = 0; i <= ids->size; i++) {
    int64_t id = i < ids->size ? kv_tensor_get_int(ids, i) : -1;
    bool inside = id >= 0 && id < y->shape[0];
    if (inside) {
      offset[n++] = id * size;
      met[id] = true;
    } else if (n) {
      kv_combine((kvino_dtype)x->dtype, KV_MAX, n, run, y->data, offset, x->data + (i - n) * size);
      n = 0;
    }
  }
}

kvino_status kv_eval_segment_max(kv_call *c) {
  kvino_tensor *x = NULL;
  KV_TRY(kv_call_alloc(c, 0));
  KV_TRY(kvino_tensor_contiguous(c->in[0], &x, c->err));
  kvino_tensor *y = c->out[0];
  int64_t segments = y->shape[0], size = (int64_t)kvino_dtype_size((kvino_dtype)y->dtype), run = row_size(y);
  int64_t *offset = kv_malloc((size_t)(c->in[1]->size + 1) * sizeof *offset);
  bool *met = kv_calloc((size_t)segments + 1, sizeof *met);
  kvino_status status = KVINO_OK;
  if (offset && met) {
    for (int64_t i = 0; i < y->size; i++) kv_store_neutral((kvino_dtype)y->dtype, KV_MAX, y->data + i * size);
    if (x->size) combine(x, c->in[1], offset, met, y);
    for (int64_t i = 0; i < segments && fills_zero(c->attrs); i++)
      if (!met[i]) memset(y->data + i * run * size, 0, (size_t)(run * size));
  } else {
    status = kv_fail(c->err, KVINO_NO_MEMORY, "out of memory for %lld segments", (long long)segments);
  }
  kv_free(offset);
  kv_free(met);
  kvino_tensor_release(x);
  return status;
}

/* What fills segments without rows, too. */
kv_interval kv_interval_segment_max(const kv_bounds *b) {
  bool zero = fills_zero(&b->node->attrs);
  kv_interval all = kv_interval_of_dtype(kv_bounds_dtype(b));
  return kv_interval_union(b->in[0], zero ? (kv_interval){0, 0} : (kv_interval){all.low, all.low});
}
