/* Settings for those that compile (kvino/settings.h). */
#ifndef KVINO_OPENVINO_SETTINGS_H
#define KVINO_OPENVINO_SETTINGS_H

#include "openvino/properties.h"

/* The value in force in this thread, to be freed with kv_free; NULL where there is none. Errors: an environment
 * variable whose value makes no sense; KVINO_NO_MEMORY. */
kvino_status kv_setting(kv_property p, char **value, kvino_error *err);
/* The same of the device. */
kvino_status kv_setting_device(char **device, kvino_error *err);

#endif
