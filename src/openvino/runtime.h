/* OpenVINO in this process: the library, its numbering of element types, the one core, and the text of its errors. */
#ifndef KVINO_OPENVINO_RUNTIME_H
#define KVINO_OPENVINO_RUNTIME_H

#include "kvino/device.h"
#include "kvino/dtype.h"
#include "openvino/api.h"

/* Opens OpenVINO and creates the core, once; afterwards kv_ov (api.h) may be called. Cheap when done. Every entry point
 * of this folder calls it first. Errors: KVINO_DEVICE; a later call tries again. */
kvino_status kv_ov_runtime(kvino_error *err);

/* The core of the process; NULL before kv_ov_runtime. Never freed: at exit its plugins' threads and statics may be gone
 * before it, and ov_core_free would also wipe the error text of other users of the library. The system takes it back.
 */
ov_core *kv_ov_core(void);

/* Counts a model that OpenVINO compiled, or loaded from a cache directory, for kvino_openvino_get_info. */
void kv_ov_count_model(bool loaded);

/* OpenVINO's number of a dtype in the release that is open; -1 where it has none that kvino can exchange. */
int kv_ov_type(kvino_dtype dtype);
/* The dtype of OpenVINO's number; false where kvino has none. */
bool kv_ov_dtype(int type, kvino_dtype *dtype);

#endif
