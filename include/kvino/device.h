/* OpenVINO as found on this machine: which copy, which devices, which properties.
 *
 * OpenVINO's C library is opened at the first call that needs it; kvino itself needs none to load. It is looked for in
 * this order, and the first that works is kept for the life of the process:
 *   1. the environment variable KVINO_OPENVINO: the library file, or a directory that holds libopenvino_c.so*
 *      (nothing else is tried where it is set);
 *   2. a copy that this process has already loaded;
 *   3. the Python package: hints (kvino_openvino_add_hint), beside kvino's own library, $VIRTUAL_ENV, $CONDA_PREFIX,
 *      ~/.local, the system's Python;
 *   4. the system: the loader's search path, $CONDA_PREFIX/lib, /opt/intel/openvino*, the library directories.
 * Releases before 2025.0 are refused. */
#ifndef KVINO_DEVICE_H
#define KVINO_DEVICE_H

#include "kvino/common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One row of the table of properties. */
typedef struct kvino_property_info {
  const char *name;   /* kvino's name */
  const char *key;    /* OpenVINO's name */
  const char *values; /* what it takes, in words */
  const char *help;   /* one line */
} kvino_property_info;

typedef struct kvino_device {
  char *name;         /* "CPU", "GPU.1": what a device string may say */
  char *full_name;    /* the product's name */
  char *capabilities; /* separated by spaces: "FP32 BF16 INT8 ..." */
} kvino_device;

typedef struct kvino_openvino_info {
  const char *library; /* real path of the C library */
  const char *version; /* OpenVINO's build string, "2026.4.1-..." */
  const char *found;   /* which step of the search found it, in words */
  int major, minor;    /* 2026, 4 */
  int64_t compiled;    /* models that it compiled in this process so far */
  int64_t loaded;      /* and those that it found in a cache directory instead */
} kvino_openvino_info;

/* Adds a directory to look in for libopenvino_c.so*, before the ones kvino knows of (a Python program gives
 * site-packages/openvino/libs). The text is copied. No effect once OpenVINO is open. Errors: KVINO_INVALID (NULL or
 * empty), KVINO_NO_MEMORY. */
KVINO_API kvino_status kvino_openvino_add_hint(const char *directory, kvino_error *err);

/* Opens OpenVINO where it is not open yet and describes it; the strings live as long as the process.
 * Errors: KVINO_DEVICE: not found (the text says where it was looked for and how to install it), too old, incomplete.
 */
KVINO_API kvino_status kvino_openvino_get_info(kvino_openvino_info *info, kvino_error *err);

/* The devices present, to be freed with kvino_devices_free. Errors: as kvino_openvino_get_info; KVINO_NO_MEMORY. */
KVINO_API kvino_status kvino_devices_list(kvino_device **devices, size_t *n, kvino_error *err);
KVINO_API void kvino_devices_free(kvino_device *devices, size_t n); /* NULL is allowed */

/* Whether `device` is well formed and every device that it names is present: CPU, GPU, GPU.1, NPU, AUTO, AUTO:GPU,CPU,
 * AUTO:-GPU, HETERO:GPU,CPU, MULTI:GPU,CPU, BATCH:GPU, BATCH:GPU(8), in any case.
 * Errors: KVINO_INVALID (malformed: says where), KVINO_DEVICE (absent: lists those present; or no OpenVINO). */
KVINO_API kvino_status kvino_device_check(const char *device, kvino_error *err);

/* The table of properties: n rows, static. */
KVINO_API const kvino_property_info *kvino_properties_list(size_t *n);

/* Whether every property is known, given once and has a value that it takes, for that device.
 * Errors: KVINO_INVALID (the text lists the valid names or values), and those of kvino_device_check. */
KVINO_API kvino_status kvino_properties_check(const char *device, size_t n, const kvino_property *properties,
                                              kvino_error *err);

#ifdef __cplusplus
}
#endif
#endif
