/* Settings: what kvino_compile has where its caller gives no device, or a property not. A setting is the "device" (what
 * kvino_compile takes, "native" too) or a property of the table in kvino/device.h, by its name.
 *
 * The first that is there counts: what the call gives; the thread's own settings; the process's; the environment
 * variable KVINO_ and the name in capitals (KVINO_PRECISION, KVINO_CACHE_DIR), read once; OpenVINO's default, or f32 as
 * the precision. "threads" bounds kvino's own kernels, too. A variable with a value that a setting does not take is an
 * error of what would use it.
 *
 * The device "native" takes no properties: settings of some are not for it (kvino_settings_unused). */
#ifndef KVINO_SETTINGS_H
#define KVINO_SETTINGS_H

#include "kvino/common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Sets the process's; value NULL: it has none again. What is compiled stays as it is. Errors: KVINO_INVALID (the text
 * lists the names or values there are), KVINO_NO_MEMORY. */
KVINO_API kvino_status kvino_setting_set(const char *name, const char *value, kvino_error *err);

/* What is in force in this thread: a text as OpenVINO spells it, to be freed with kvino_text_free; NULL where nothing
 * is. Errors: as above. */
KVINO_API kvino_status kvino_setting_get(const char *name, char **value, kvino_error *err);

/* A thread's own settings. Opaque. */
typedef struct kvino_settings kvino_settings;

/* Gives this thread settings of its own, besides those that it has; a value NULL: as if nobody had set it. *before is
 * for kvino_settings_leave, which must follow in the same thread, the last one entered first. Errors: as above. */
KVINO_API kvino_status kvino_settings_enter(size_t n, const kvino_property *settings, kvino_settings **before,
                                            kvino_error *err);
KVINO_API void kvino_settings_leave(kvino_settings *before);

/* All that is in force in this thread, "device=GPU|INFERENCE_PRECISION_HINT=bf16": the same text, the same
 * compilations. To be freed with kvino_text_free. Errors: as above. */
KVINO_API kvino_status kvino_settings_text(char **text, kvino_error *err);

/* The names of the settings in force that a compilation for the device (NULL: the one in force) makes no use of,
 * "streams, precision"; NULL where there are none. To be freed with kvino_text_free. Errors: as above. */
KVINO_API kvino_status kvino_settings_unused(const char *device, char **names, kvino_error *err);

#ifdef __cplusplus
}
#endif
#endif
