#include "kvino/dtype.h"

#include <string.h>

#include "base/error.h"

static const struct {
  const char *name;
  size_t size;
} rows[KVINO_DTYPE_COUNT] = {
#define ROW(id, name, size, ir) [KVINO_##id] = {name, size},
    KVINO_DTYPES(ROW)
#undef ROW
};

/* Names that Keras or NumPy also accept. */
static const struct {
  const char *name;
  kvino_dtype dtype;
} aliases[] = {
    {"int", KVINO_I32},     {"float", KVINO_F32},     {"half", KVINO_F16},   {"double", KVINO_F64},
    {"single", KVINO_F32},  {"bfloat16", KVINO_BF16}, {"bool_", KVINO_BOOL}, {"float8_e4m3", KVINO_F8E4M3},
    {"complex", KVINO_C64}, {"str", KVINO_STRING},
};

const char *kvino_dtype_name(kvino_dtype dtype) {
  return (unsigned)dtype < KVINO_DTYPE_COUNT ? rows[dtype].name : "invalid";
}

size_t kvino_dtype_size(kvino_dtype dtype) { return (unsigned)dtype < KVINO_DTYPE_COUNT ? rows[dtype].size : 0; }

kvino_status kvino_dtype_from_name(const char *name, kvino_dtype *dtype, kvino_error *err) {
  KV_NOT_NULL(err, dtype);
  if (!name) return kv_fail(err, KVINO_TYPE, "dtype must be a name, not NULL");
  for (int i = 0; i < KVINO_DTYPE_COUNT; i++)
    if (!strcmp(name, rows[i].name)) {
      *dtype = (kvino_dtype)i;
      return KVINO_OK;
    }
  for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
    if (!strcmp(name, aliases[i].name)) {
      *dtype = aliases[i].dtype;
      return KVINO_OK;
    }
  return kv_fail(err, KVINO_INVALID, "Invalid dtype: %s", name);
}

bool kvino_dtype_is_float(kvino_dtype dtype) { return dtype >= KVINO_F8E4M3 && dtype <= KVINO_F64; }
bool kvino_dtype_is_integer(kvino_dtype dtype) { return dtype >= KVINO_U8 && dtype <= KVINO_I64; }
bool kvino_dtype_is_signed(kvino_dtype dtype) { return dtype >= KVINO_I8 && dtype <= KVINO_I64; }
bool kvino_dtype_is_complex(kvino_dtype dtype) { return dtype == KVINO_C64 || dtype == KVINO_C128; }
