/* Col2Im for OpenVINO (exactness.h): a scattered sum into planes whose last element takes what falls on the padding. */
#include "openvino/exactness.h"
#include "openvino/float16.h"
#include "prim/window.h"

/* Where each element of each window belongs in the flattened plane: (kernel * windows, 1). */
static kvino_tensor *places(kv_scope *s, const kv_columns *g) {
  int64_t *place = kv_scope_alloc(s, (size_t)(g->elements * g->windows), sizeof *place), at = 0;
  if (!place) return NULL;
  for (int64_t k = 0; k < g->elements; k++)
    for (int64_t w = 0; w < g->windows; w++) {
      int64_t row = w / g->count[1] * g->stride[0] + k / g->kernel[1] * g->dilation[0] - g->begin[0];
      int64_t column = w % g->count[1] * g->stride[1] + k % g->kernel[1] * g->dilation[1] - g->begin[1];
      bool inside = row >= 0 && row < g->size[0] && column >= 0 && column < g->size[1];
      place[at++] = inside ? row * g->size[1] + column : g->size[0] * g->size[1];
    }
  return kv_unsqueeze(s, kv_vector(s, (size_t)at, place), KV_VECTOR(s, 1));
}

/* (places, N, C) of zeros, for x (N, C, ...). */
static kvino_tensor *zeros(kv_scope *s, kvino_tensor *x, int64_t places) {
  kvino_tensor *shape = kv_shape_of(s, x, (kv_output_type_attrs){.output_type = KVINO_I64});
  shape = kv_gather(s, shape, KV_VECTOR(s, 0, 1), kv_int(s, KVINO_I64, 0), (kv_gather_attrs){0});
  shape = kv_concat(s, 2, (kvino_tensor *[]){KV_VECTOR(s, places), shape}, (kv_axis_attrs){.axis = 0});
  return x ? kv_broadcast(s, kv_number(s, (kvino_dtype)x->dtype, 0), shape, (kv_broadcast_attrs){.mode = "numpy"})
           : NULL;
}

kvino_tensors kv_sub_col2im(kv_scope *s, const kv_case *c, kvino_tensor *const *in) {
  kv_columns g;
  const kv_reshape_attrs copy_zeros = {.special_zero = true};
  int64_t size[2], kernel[2];
  if (!in[0]) return KV_KEEP;
  for (int i = 0; i < 2; i++) {
    size[i] = kv_tensor_get_int(in[1], i);
    kernel[i] = kv_tensor_get_int(in[2], i);
  }
  if (!kv_columns_set(&c->node->attrs.col2im, size, kernel, &g)) return KV_KEEP;
  int64_t pixels = size[0] * size[1];
  kvino_tensor *x = kv_reshape(s, in[0], KV_VECTOR(s, 0, -1, g.elements * g.windows), copy_zeros);
  if (c->kind == KV_KIND_FLOAT) x = kv_to(s, x, KVINO_F32);
  kvino_tensor *y =
      kv_scatter_nd_update(s, zeros(s, x, pixels + 1), places(s, &g), kv_transpose(s, x, KV_VECTOR(s, 2, 0, 1)),
                           (kv_scatter_nd_attrs){.reduction = "sum"});
  y = kv_slice(s, 5, (kvino_tensor *[]){y, KV_VECTOR(s, 0), KV_VECTOR(s, pixels), KV_VECTOR(s, 1), KV_VECTOR(s, 0)});
  y = kv_transpose(s, kv_to(s, y, c->node->out[0].dtype), KV_VECTOR(s, 1, 2, 0));
  return kv_one(s, kv_reshape(s, y, KV_VECTOR(s, 0, 0, size[0], size[1]), copy_zeros));
}
