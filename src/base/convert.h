/* Single values of any dtype, and the rounding of the small float formats. Loops over many elements are in kernels/. */
#ifndef KVINO_BASE_CONVERT_H
#define KVINO_BASE_CONVERT_H

#include <stdint.h>
#include <string.h>

#include "kvino/dtype.h"

/* Round to nearest even; NaN stays NaN. */
float kv_f16_to_f32(uint16_t bits);
uint16_t kv_f32_to_f16(float value);
uint16_t kv_f64_to_f16(double value); /* one rounding, not two */
float kv_bf16_to_f32(uint16_t bits);
uint16_t kv_f32_to_bf16(float value);
uint16_t kv_f64_to_bf16(double value);
float kv_f8e4m3_to_f32(uint8_t bits);  /* "fn": no infinities, NaN is 0x7f and 0xff */
uint8_t kv_f32_to_f8e4m3(float value); /* out of range becomes NaN, as in ml_dtypes */
float kv_f8e5m2_to_f32(uint8_t bits);
uint8_t kv_f32_to_f8e5m2(float value); /* out of range becomes infinity */

/* One element at p, of any alignment. Complex loads give the real part; stores set the imaginary part to 0.
 * Conversions are C's; a float out of an integer's range gives what x86-64 gives (the smallest integer). */
double kv_load_f64(kvino_dtype dtype, const void *p);
int64_t kv_load_i64(kvino_dtype dtype, const void *p); /* u64 keeps its bits */
void kv_store_f64(kvino_dtype dtype, void *p, double value);
void kv_store_i64(kvino_dtype dtype, void *p, int64_t value); /* integers wrap; bool is value != 0 */

#endif
