/* SegmentMax for OpenVINO (exactness.h), which passes over NaN, has the least finite number for minus infinity, writes
 * outside of its memory for negative ids, and drops those that are too large. */
#include <math.h>

#include "openvino/exactness.h"
#include "openvino/float16.h"

static kvino_tensor *largest(kv_scope *s, kvino_tensor *x, kvino_tensor *const *in, kvino_tensor *ids,
                             const char *fill) {
  return kv_segment_max(s, x, ids, in[2], (kv_segment_attrs){.fill_mode = fill});
}

/* The largest code that a segment has decides: 3 NaN, 2 another number, 1 minus infinity, 0 nothing. */
static kvino_tensor *of_floats(kv_scope *s, kvino_tensor *const *in, kvino_tensor *ids, bool zero) {
  kvino_tensor *x = in[0];
  if (!x) return NULL;
  kvino_dtype dtype = (kvino_dtype)x->dtype;
  kvino_tensor *least = kv_number(s, dtype, -INFINITY), *nan = kv_not_equal(s, x, x), *number = kv_greater(s, x, least);
  kvino_tensor *i0 = kv_int(s, KVINO_I32, 0), *i1 = kv_int(s, KVINO_I32, 1), *i2 = kv_int(s, KVINO_I32, 2);
  kvino_tensor *code = kv_select(s, nan, kv_int(s, KVINO_I32, 3), kv_select(s, number, i2, i1));
  kvino_tensor *of = largest(s, code, in, ids, "zero");
  kvino_tensor *y = largest(s, kv_select(s, number, x, least), in, ids, "lowest");
  y = kv_select(s, kv_equal(s, of, i2), y, least);
  if (zero) y = kv_select(s, kv_equal(s, of, i0), kv_number(s, dtype, 0), y);
  return kv_select(s, kv_greater(s, of, i2), kv_number(s, dtype, NAN), y);
}

kvino_tensors kv_sub_segment_max(kv_scope *s, const kv_case *c, kvino_tensor *const *in) {
  const char *fill = c->node->attrs.segment.fill_mode;
  kvino_dtype dtype = c->node->out[0].dtype;
  bool is_unsigned = c->kind != KV_KIND_FLOAT && !kvino_dtype_is_signed(dtype); /* 0 is their least */
  bool zero = !fill || fill[0] == 'z' || is_unsigned;
  if (!in[1] || !in[2]) return KV_KEEP;
  kvino_dtype index = in[1]->dtype == KVINO_I64 ? KVINO_I64 : KVINO_I32;
  kvino_tensor *ids = kv_to(s, in[1], index), *n = kv_to(s, in[2], index), *with[3] = {in[0], ids, n};
  if (c->in[1].low < 0) ids = kv_select(s, kv_less(s, ids, kv_int(s, index, 0)), n, ids);
  if (c->kind == KV_KIND_FLOAT) return kv_one(s, of_floats(s, with, ids, zero));
  kvino_tensor *y =
      largest(s, c->kind == KV_KIND_NARROW ? kv_to(s, in[0], KVINO_I32) : in[0], with, ids, zero ? "zero" : "lowest");
  if (c->kind == KV_KIND_NARROW && !zero) {
    kv_interval all = kv_interval_of_dtype(dtype);
    y = kv_maximum(s, y, kv_int(s, KVINO_I32, all.low));
  }
  return kv_one(s, kv_to(s, y, dtype));
}
