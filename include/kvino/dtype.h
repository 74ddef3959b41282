/* Element types. */
#ifndef KVINO_DTYPE_H
#define KVINO_DTYPE_H

#include "kvino/common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* DTYPE(enumerator, Keras/NumPy name, bytes per element, OpenVINO IR name or NULL where OpenVINO has none).
 * Numbers are stable within a major version. */
#define KVINO_DTYPES(DTYPE)                                                                                            \
  DTYPE(BOOL, "bool", 1, "boolean")                                                                                    \
  DTYPE(U8, "uint8", 1, "u8")                                                                                          \
  DTYPE(U16, "uint16", 2, "u16")                                                                                       \
  DTYPE(U32, "uint32", 4, "u32")                                                                                       \
  DTYPE(U64, "uint64", 8, "u64")                                                                                       \
  DTYPE(I8, "int8", 1, "i8")                                                                                           \
  DTYPE(I16, "int16", 2, "i16")                                                                                        \
  DTYPE(I32, "int32", 4, "i32")                                                                                        \
  DTYPE(I64, "int64", 8, "i64")                                                                                        \
  DTYPE(F8E4M3, "float8_e4m3fn", 1, "f8e4m3")                                                                          \
  DTYPE(F8E5M2, "float8_e5m2", 1, "f8e5m2")                                                                            \
  DTYPE(F16, "float16", 2, "f16")                                                                                      \
  DTYPE(BF16, "bfloat16", 2, "bf16")                                                                                   \
  DTYPE(F32, "float32", 4, "f32")                                                                                      \
  DTYPE(F64, "float64", 8, "f64")                                                                                      \
  DTYPE(C64, "complex64", 8, NULL)                                                                                     \
  DTYPE(C128, "complex128", 16, NULL)                                                                                  \
  DTYPE(STRING, "string", 16, "string")

typedef enum kvino_dtype {
#define KVINO_DTYPE_ENUM(id, name, size, ir) KVINO_##id,
  KVINO_DTYPES(KVINO_DTYPE_ENUM)
#undef KVINO_DTYPE_ENUM
      KVINO_DTYPE_COUNT
} kvino_dtype;

/* Keras's name of the dtype ("float32"); "invalid" for a number out of range. Static. */
KVINO_API const char *kvino_dtype_name(kvino_dtype dtype);
/* Bytes per element; 0 for a number out of range. */
KVINO_API size_t kvino_dtype_size(kvino_dtype dtype);
/* The dtype called `name` by Keras or NumPy ("float32", also "float", "int", "half", ... as Keras reads them). */
KVINO_API kvino_status kvino_dtype_from_name(const char *name, kvino_dtype *dtype, kvino_error *err);

KVINO_API bool kvino_dtype_is_float(kvino_dtype dtype);   /* f8 to f64 */
KVINO_API bool kvino_dtype_is_integer(kvino_dtype dtype); /* signed and unsigned, not bool */
KVINO_API bool kvino_dtype_is_signed(kvino_dtype dtype);  /* signed integers */
KVINO_API bool kvino_dtype_is_complex(kvino_dtype dtype);

#ifdef __cplusplus
}
#endif
#endif
