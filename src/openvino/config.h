/* How a model is to be compiled: a device and its properties, checked. */
#ifndef KVINO_OPENVINO_CONFIG_H
#define KVINO_OPENVINO_CONFIG_H

#include "openvino/properties.h"

#define KV_OV_PROPERTIES 32 /* most properties of a model */

/* Immutable, reference-counted (atomically); may be used for any number of models. */
typedef struct kv_ov_config {
  _Atomic unsigned refs;
  char *text;   /* canonical: "CPU|KEY=value|...", keys sorted: to be hashed into a cache key */
  char *device; /* as OpenVINO wants it */
  size_t n;
  const char *pairs[2 * KV_OV_PROPERTIES]; /* key, value, ...: OpenVINO's spelling; NULL after the last */
} kv_ov_config;

/* Checks all: `device` (NULL means CPU) and whether it is present, the name and value of every property. Precision is
 * f32 where no property asks otherwise. Errors: those of kvino_properties_check. */
kvino_status kv_ov_config_new(const char *device, const kvino_property *properties, size_t n, kv_ov_config **out,
                              kvino_error *err);
/* The same with the settings in force (settings.h) wherever `properties` say nothing. Errors: theirs, too. */
kvino_status kv_ov_config_in_force(const char *device, const kvino_property *properties, size_t n, kv_ov_config **out,
                                   kvino_error *err);

/* A copy with further properties, which the config has not yet and whose values are as OpenVINO spells them. */
typedef struct kv_ov_pair {
  kv_property property;
  const char *value;
} kv_ov_pair;
kvino_status kv_ov_config_with(const kv_ov_config *config, size_t n, const kv_ov_pair *pairs, kv_ov_config **out,
                               kvino_error *err);

/* As OpenVINO spells it; NULL where the config says nothing. Borrowed. */
const char *kv_ov_config_get(const kv_ov_config *config, kv_property p);
bool kv_ov_config_is_cpu(const kv_ov_config *config); /* and nothing else */

/* KVINO_INVALID where "f16" or "bf16" is not among the device's capabilities ("FP32 BF16 INT8"). */
kvino_status kv_check_precision(const char *device, const char *capabilities, const char *precision, kvino_error *err);

kv_ov_config *kv_ov_config_retain(kv_ov_config *config);
void kv_ov_config_free(kv_ov_config *config); /* releases a reference; NULL is allowed */

#endif
