/* How a model is to be compiled: a device and its properties, checked. */
#ifndef KVINO_OPENVINO_CONFIG_H
#define KVINO_OPENVINO_CONFIG_H

#include "kvino/device.h"

#define KV_OV_PROPERTIES 24 /* most properties of a model */

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
kv_ov_config *kv_ov_config_retain(kv_ov_config *config);
void kv_ov_config_free(kv_ov_config *config); /* releases a reference; NULL is allowed */

#endif
