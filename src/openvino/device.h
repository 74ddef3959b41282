/* Device strings and the devices present. */
#ifndef KVINO_OPENVINO_DEVICE_H
#define KVINO_OPENVINO_DEVICE_H

#include "kvino/device.h"

#define KV_OV_DEVICE_TEXT 128 /* longest device string, and its NUL */
#define KV_OV_DEVICE_NAMES 8  /* most devices that a string may name */

/* A device string, taken apart: "AUTO:GPU,CPU" is composed of GPU and CPU. */
typedef struct kv_ov_device {
  char text[KV_OV_DEVICE_TEXT]; /* in capitals: as OpenVINO wants it */
  bool composed;                /* AUTO, MULTI, HETERO or BATCH */
  int n;                        /* devices named, those that AUTO is to leave out not counted */
  char names[KV_OV_DEVICE_NAMES][32];
} kv_ov_device;

/* Takes the string apart; NULL means CPU. KVINO_INVALID where malformed. Asks OpenVINO nothing. */
kvino_status kv_ov_device_parse(const char *text, kv_ov_device *device, kvino_error *err);

/* KVINO_DEVICE where a device that is named is not present. Readies the others: f32 as the default precision. */
kvino_status kv_ov_device_present(const kv_ov_device *device, kvino_error *err);

/* A property of a device as text, to be freed with kv_free; NULL where it has none (or no memory). */
char *kv_ov_device_property(const char *device, const char *key);

/* Whether a list of the kind that properties are, separated by spaces, has the word. */
bool kv_word_in(const char *list, const char *word);
/* Whether the device's capabilities ("FP32 BF16 INT8") have the word. */
bool kv_ov_device_has(const char *device, const char *capability);

#endif
