/* Every operator as a typed C function, declared from the tables in kvino/ops/:
 *
 *   kvino_status kvino_<name>(parameters..., kvino_tensor **out, kvino_error *err);     for OP
 *   kvino_status kvino_<name>(parameters..., kvino_tensors *out, kvino_error *err);     for OP_LIST
 *
 * Operands are borrowed; the result is the caller's (kvino_tensor_release, kvino_tensors_clear). Concrete operands
 * compute now; where one is symbolic, the operation is recorded in its graph. */
#ifndef KVINO_OPS_H
#define KVINO_OPS_H

#include "kvino/op.h"

#ifdef __cplusplus
extern "C" {
#endif

#define KVINO_T_tensor kvino_tensor *
#define KVINO_T_maybe kvino_tensor *
#define KVINO_T_tensors kvino_tensors
#define KVINO_T_integer int64_t
#define KVINO_T_number double
#define KVINO_T_flag bool
#define KVINO_T_text const char *
#define KVINO_T_order const char *
#define KVINO_T_dtype kvino_dtype
#define KVINO_T_ints kvino_ints

#define KVINO_CAT_(a, b) a##b
#define KVINO_CAT(a, b) KVINO_CAT_(a, b)
#define KVINO_COUNT(...) KVINO_COUNT_(__VA_ARGS__, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define KVINO_COUNT_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, N, ...) N
#define KVINO_TYPES_1(a) KVINO_T_##a
#define KVINO_TYPES_2(a, ...) KVINO_T_##a, KVINO_TYPES_1(__VA_ARGS__)
#define KVINO_TYPES_3(a, ...) KVINO_T_##a, KVINO_TYPES_2(__VA_ARGS__)
#define KVINO_TYPES_4(a, ...) KVINO_T_##a, KVINO_TYPES_3(__VA_ARGS__)
#define KVINO_TYPES_5(a, ...) KVINO_T_##a, KVINO_TYPES_4(__VA_ARGS__)
#define KVINO_TYPES_6(a, ...) KVINO_T_##a, KVINO_TYPES_5(__VA_ARGS__)
#define KVINO_TYPES_7(a, ...) KVINO_T_##a, KVINO_TYPES_6(__VA_ARGS__)
#define KVINO_TYPES_8(a, ...) KVINO_T_##a, KVINO_TYPES_7(__VA_ARGS__)
#define KVINO_TYPES_9(a, ...) KVINO_T_##a, KVINO_TYPES_8(__VA_ARGS__)
#define KVINO_TYPES_10(a, ...) KVINO_T_##a, KVINO_TYPES_9(__VA_ARGS__)
#define KVINO_TYPES_11(a, ...) KVINO_T_##a, KVINO_TYPES_10(__VA_ARGS__)
#define KVINO_TYPES_12(a, ...) KVINO_T_##a, KVINO_TYPES_11(__VA_ARGS__)
#define KVINO_TYPES_13(a, ...) KVINO_T_##a, KVINO_TYPES_12(__VA_ARGS__)
#define KVINO_TYPES_14(a, ...) KVINO_T_##a, KVINO_TYPES_13(__VA_ARGS__)
#define KVINO_TYPES(...) KVINO_CAT(KVINO_TYPES_, KVINO_COUNT(__VA_ARGS__))(__VA_ARGS__)

/* OP(module, name, (parameter kinds), "signature with Keras's names and defaults", "documentation") */
#define OP(space, name, kinds, signature, doc)                                                                         \
  KVINO_API kvino_status kvino_##name(KVINO_TYPES kinds, kvino_tensor **out, kvino_error *err);
#define OP_LIST(space, name, kinds, signature, doc)                                                                    \
  KVINO_API kvino_status kvino_##name(KVINO_TYPES kinds, kvino_tensors *out, kvino_error *err);
#include "kvino/ops/all.def"
#undef OP
#undef OP_LIST

#ifdef __cplusplus
}
#endif
#endif
