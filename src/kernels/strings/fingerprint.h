/* The hashes of strings that TensorFlow has, and Keras's layers with it: their values decide which bin a string is in.
 */
#ifndef KVINO_KERNELS_STRINGS_FINGERPRINT_H
#define KVINO_KERNELS_STRINGS_FINGERPRINT_H

#include <stddef.h>
#include <stdint.h>

/* FarmHash's Fingerprint64. */
uint64_t kv_fingerprint(const char *s, size_t n);
/* Of two fingerprints, in their order: TensorFlow's FingerprintCat64. */
uint64_t kv_fingerprint_join(uint64_t a, uint64_t b);
/* SipHash-2-4. */
uint64_t kv_siphash(const uint64_t key[2], const char *s, size_t n);

#endif
