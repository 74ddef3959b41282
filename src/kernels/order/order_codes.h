/* Elements as unsigned numbers of the same order, from which they can be told again: for sorting values alone. */
#ifndef KVINO_KERNELS_ORDER_ORDER_CODES_H
#define KVINO_KERNELS_ORDER_ORDER_CODES_H

#include <stdint.h>

/* The sign decides which bits are turned. NaN loses its sign, being the largest; a zero keeps it, and -0 comes before
 * 0. */
#define KV_ENCODE_FLOAT(U, v, infinity)                                                                                \
  ({                                                                                                                   \
    const U sign_ = (U)((U)1 << (sizeof(U) * 8 - 1)), bits_ = (v), size_ = bits_ & (U)~sign_;                          \
    const U plain_ = size_ > (infinity) ? size_ : bits_;                                                               \
    (U)(plain_ ^ ((U)(0 - (plain_ >> (sizeof(U) * 8 - 1))) | sign_));                                                  \
  })
#define KV_DECODE_FLOAT(U, k)                                                                                          \
  ({                                                                                                                   \
    const U sign_ = (U)((U)1 << (sizeof(U) * 8 - 1)), code_ = (k);                                                     \
    (U)(code_ ^ ((U)((code_ >> (sizeof(U) * 8 - 1)) - 1) | sign_));                                                    \
  })
#define KV_SIGNED_CODE(U, v) ((U)((v) ^ ((U)1 << (sizeof(U) * 8 - 1))))
/* Whether a float is a NaN or -0, which may be out of order with its equals afterwards. */
#define KV_EQUALS_OTHERS(U, v, infinity)                                                                               \
  ({                                                                                                                   \
    const U top_ = (U)((U)1 << (sizeof(U) * 8 - 1)), own_ = (v), large_ = (U)(own_ & (U)~top_) > (infinity);           \
    (U)(large_ | (U)(own_ == top_));                                                                                   \
  })

/* X(ID, type, code of v, value of code k, whether v needs care): all but complex numbers. */
#define KV_CODED_DTYPES(X)                                                                                             \
  X(BOOL, uint8_t, v != 0, k, 0)                                                                                       \
  X(U8, uint8_t, v, k, 0)                                                                                              \
  X(U16, uint16_t, v, k, 0)                                                                                            \
  X(U32, uint32_t, v, k, 0)                                                                                            \
  X(U64, uint64_t, v, k, 0)                                                                                            \
  X(I8, uint8_t, KV_SIGNED_CODE(uint8_t, v), KV_SIGNED_CODE(uint8_t, k), 0)                                            \
  X(I16, uint16_t, KV_SIGNED_CODE(uint16_t, v), KV_SIGNED_CODE(uint16_t, k), 0)                                        \
  X(I32, uint32_t, KV_SIGNED_CODE(uint32_t, v), KV_SIGNED_CODE(uint32_t, k), 0)                                        \
  X(I64, uint64_t, KV_SIGNED_CODE(uint64_t, v), KV_SIGNED_CODE(uint64_t, k), 0)                                        \
  KV_CODED_FLOAT(X, F8E4M3, uint8_t, 0x7e)                                                                             \
  KV_CODED_FLOAT(X, F8E5M2, uint8_t, 0x7c)                                                                             \
  KV_CODED_FLOAT(X, F16, uint16_t, 0x7c00)                                                                             \
  KV_CODED_FLOAT(X, BF16, uint16_t, 0x7f80)                                                                            \
  KV_CODED_FLOAT(X, F32, uint32_t, 0x7f800000)                                                                         \
  KV_CODED_FLOAT(X, F64, uint64_t, UINT64_C(0x7ff0000000000000))
#define KV_CODED_FLOAT(X, ID, U, infinity)                                                                             \
  X(ID, U, KV_ENCODE_FLOAT(U, v, infinity), KV_DECODE_FLOAT(U, k), KV_EQUALS_OTHERS(U, v, infinity))

#endif
