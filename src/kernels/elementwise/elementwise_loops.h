/* The loops of elementwise operations, expanded from the lines of a .def file: included by one file per instruction
 * set, which names the lines (LINES) and the table of loops (LOOPS). Each operation becomes one function with a case
 * for every dtype; each case is a plain loop over contiguous elements, which the compiler vectorizes. */
#include "kernels/elementwise/elementwise_formulas.h"
#include "kernels/elementwise/elementwise_tables.h"

/* A loop of one dtype. Operands may be unaligned (a view into a packed record); the result never is. Unused operands
 * are valid to read, and the compiler drops those loads. */
#define LOOP(label, TYPE, UNSIGNED, REAL, load, formula)                                                               \
  label {                                                                                                              \
    typedef TYPE T __attribute__((unused));                                                                            \
    typedef UNSIGNED U __attribute__((unused));                                                                        \
    typedef REAL R __attribute__((unused));                                                                            \
    typedef TYPE any __attribute__((aligned(1), may_alias));                                                           \
    typedef __typeof__(__builtin_choose_expr(truth, (uint8_t)0, __builtin_choose_expr(part, (R)0, (T)0))) Y;           \
    const any *pa = va, *pb = vb, *pc = vc;                                                                            \
    Y *restrict py = vy;                                                                                               \
    for (size_t i = 0; i < n; i++) {                                                                                   \
      const T a = load(pa[i]), b = load(pb[i]), c = load(pc[i]);                                                       \
      (void)a, (void)b, (void)c;                                                                                       \
      py[i] = (Y)(formula);                                                                                            \
    }                                                                                                                  \
    break;                                                                                                             \
  }
#define AS_IS(v) (v)
#define AS_TRUTH(v) ((v) != 0) /* bytes of a bool may be anything but 0 */

#define LOGIC(f) LOOP(case KVINO_BOOL:, uint8_t, uint8_t, uint8_t, AS_TRUTH, f)
#define WRAP(f)                                                                                                        \
  LOOP(case KVINO_U8 : case KVINO_I8:, uint8_t, uint8_t, uint8_t, AS_IS, f)                                            \
  LOOP(case KVINO_U16 : case KVINO_I16:, uint16_t, uint16_t, uint16_t, AS_IS, f)                                       \
  LOOP(case KVINO_U32 : case KVINO_I32:, uint32_t, uint32_t, uint32_t, AS_IS, f)                                       \
  LOOP(case KVINO_U64 : case KVINO_I64:, uint64_t, uint64_t, uint64_t, AS_IS, f)
#define UINT(f)                                                                                                        \
  LOOP(case KVINO_U8:, uint8_t, uint8_t, uint8_t, AS_IS, f)                                                            \
  LOOP(case KVINO_U16:, uint16_t, uint16_t, uint16_t, AS_IS, f)                                                        \
  LOOP(case KVINO_U32:, uint32_t, uint32_t, uint32_t, AS_IS, f)                                                        \
  LOOP(case KVINO_U64:, uint64_t, uint64_t, uint64_t, AS_IS, f)
#define SINT(f)                                                                                                        \
  LOOP(case KVINO_I8:, int8_t, uint8_t, int8_t, AS_IS, f)                                                              \
  LOOP(case KVINO_I16:, int16_t, uint16_t, int16_t, AS_IS, f)                                                          \
  LOOP(case KVINO_I32:, int32_t, uint32_t, int32_t, AS_IS, f)                                                          \
  LOOP(case KVINO_I64:, int64_t, uint64_t, int64_t, AS_IS, f)
#define INT(f) UINT(f) SINT(f)
#define F32(f) LOOP(case KVINO_F32:, float, float, float, AS_IS, f)
#define F64(f) LOOP(case KVINO_F64:, double, double, double, AS_IS, f)
#define FLOAT(f) F32(f) F64(f)
#define COMPLEX(f)                                                                                                     \
  LOOP(case KVINO_C64:, float complex, float complex, float, AS_IS, f)                                                 \
  LOOP(case KVINO_C128:, double complex, double complex, double, AS_IS, f)
/* Small floats by their bits. */
#define F8E4M3(f) LOOP(case KVINO_F8E4M3:, uint8_t, uint8_t, uint8_t, AS_IS, f)
#define F8E5M2(f) LOOP(case KVINO_F8E5M2:, uint8_t, uint8_t, uint8_t, AS_IS, f)
#define F16(f) LOOP(case KVINO_F16:, uint16_t, uint16_t, uint16_t, AS_IS, f)
#define BF16(f) LOOP(case KVINO_BF16:, uint16_t, uint16_t, uint16_t, AS_IS, f)

#define IS_TRUTH_SAME 0
#define IS_TRUTH_TRUTH 1
#define IS_TRUTH_PART 0
#define IS_PART_SAME 0
#define IS_PART_TRUTH 0
#define IS_PART_PART 1
#define BINARY(Name, function, openvino, interval, gradient, traits, kind, ...)                                        \
  static void loop_##Name(kvino_dtype dtype, void *vy, const void *va, const void *vb, const void *vc, size_t n,       \
                          const kv_loop_params *p) {                                                                   \
    enum { truth = IS_TRUTH_##kind, part = IS_PART_##kind };                                                           \
    const kv_loop_params params = *p; /* a copy: no store can change it */                                             \
    (void)params;                                                                                                      \
    switch (dtype) { __VA_ARGS__ default : break; }                                                                    \
  }
#define UNARY BINARY
#define UNARY_A(Name, function, attributes, ...) BINARY(Name, function, __VA_ARGS__)
#define BINARY_OR_UNARY BINARY
#define TERNARY BINARY
#include LINES
#undef BINARY
#undef UNARY_A

#define BINARY(Name, ...) [KV_LOOP_##Name] = loop_##Name,
#define UNARY_A BINARY
kv_loop_table LOOPS = {
#include LINES
};
