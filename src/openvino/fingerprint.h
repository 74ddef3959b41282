/* A 128-bit fingerprint of bytes, for keys of caches: equal bytes have equal ones, others differ but for accidents of
 * the order of 2^-64. Not for adversaries. */
#ifndef KVINO_OPENVINO_FINGERPRINT_H
#define KVINO_OPENVINO_FINGERPRINT_H

#include <stddef.h>
#include <stdint.h>

typedef struct kv_ov_key {
  uint64_t word[2];
} kv_ov_key;

/* The fingerprint of `bytes` after that of what came before: chain calls, beginning with {{0}}, for several parts. */
kv_ov_key kv_ov_fingerprint(kv_ov_key before, const void *bytes, size_t n);

#endif
