/* Elementwise operations on strided views: what elementwise.def declares, for every dtype. */
#ifndef KVINO_KERNELS_ELEMENTWISE_ELEMENTWISE_H
#define KVINO_KERNELS_ELEMENTWISE_ELEMENTWISE_H

#include "kernels/access/view.h"

typedef enum kv_loop_id {
#define UNARY(Name, ...) KV_LOOP_##Name,
#define UNARY_A UNARY
#define BINARY UNARY
#define BINARY_OR_UNARY UNARY
#define TERNARY UNARY
#include "kernels/elementwise/elementwise.def"
#undef UNARY
#undef UNARY_A
#undef BINARY
#undef BINARY_OR_UNARY
#undef TERNARY
  KV_LOOP_COUNT
} kv_loop_id;

/* The constructor's name, for errors. Static. */
const char *kv_loop_name(kv_loop_id id);
bool kv_loop_takes(kv_loop_id id, kvino_dtype dtype);
/* The dtype of the result for operands of `dtype`. */
kvino_dtype kv_loop_result(kv_loop_id id, kvino_dtype dtype);

/* Attributes for the formulas: F(i) is number[i], N(i) is integer[i]. */
typedef struct kv_loop_params {
  double number[2];
  int64_t integer[2];
} kv_loop_params;

/* The operation on views of one dtype (that of in[0], which it takes; others are converted to it), broadcast to
 * `shape`, into contiguous memory `out` of kv_loop_result. `params` may be NULL where the formula has no attributes. */
void kv_elementwise(kv_loop_id id, size_t n_in, const kv_view *in, int rank, const int64_t *shape, void *out,
                    const kv_loop_params *params);
/* The same where every operand is contiguous and has n elements. */
void kv_elementwise_flat(kv_loop_id id, kvino_dtype dtype, size_t n_in, const void *const *in, int64_t n, void *out,
                         const kv_loop_params *params);

/* out = condition ? then : otherwise, by element; `then` and `otherwise` of one dtype, the condition bool. */
void kv_select_views(const kv_view *condition, const kv_view *then, const kv_view *otherwise, int rank,
                     const int64_t *shape, void *out);

#endif
