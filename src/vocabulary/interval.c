#include "vocabulary/interval.h"

kv_interval kv_interval_of_dtype(kvino_dtype dtype) {
  switch (dtype) {
  case KVINO_BOOL:
    return (kv_interval){0, 1};
  case KVINO_U8:
    return (kv_interval){0, UINT8_MAX};
  case KVINO_U16:
    return (kv_interval){0, UINT16_MAX};
  case KVINO_U32:
    return (kv_interval){0, UINT32_MAX};
  case KVINO_U64:
    return (kv_interval){0, INT64_MAX};
  case KVINO_I8:
    return (kv_interval){INT8_MIN, INT8_MAX};
  case KVINO_I16:
    return (kv_interval){INT16_MIN, INT16_MAX};
  case KVINO_I32:
    return (kv_interval){INT32_MIN, INT32_MAX};
  default:
    return (kv_interval){INT64_MIN, INT64_MAX};
  }
}

kv_wide kv_interval_top(kv_interval i) { return i.high == INT64_MAX ? (kv_wide)UINT64_MAX : i.high; }

kv_interval kv_interval_fit(kvino_dtype dtype, kv_wide low, kv_wide high) {
  kv_interval all = kv_interval_of_dtype(dtype);
  kv_wide most = dtype == KVINO_U64 ? (kv_wide)UINT64_MAX : all.high;
  if (low < all.low || high > most || low > high) return all;
  return (kv_interval){low > INT64_MAX ? INT64_MAX : (int64_t)low, high > INT64_MAX ? INT64_MAX : (int64_t)high};
}

kv_wide kv_wide_product(kv_wide a, kv_wide b) {
  kv_wide p, far = (kv_wide)1 << 120;
  if (__builtin_mul_overflow(a, b, &p)) return (a < 0) == (b < 0) ? far : -far;
  return p > far ? far : p < -far ? -far : p;
}

void kv_interval_product(kv_interval a, kv_interval b, kv_wide *low, kv_wide *high) {
  kv_wide x[2] = {a.low, kv_interval_top(a)}, y[2] = {b.low, kv_interval_top(b)};
  *low = *high = kv_wide_product(x[0], y[0]);
  for (int i = 1; i < 4; i++) {
    kv_wide p = kv_wide_product(x[i / 2], y[i % 2]);
    if (p < *low) *low = p;
    if (p > *high) *high = p;
  }
}
