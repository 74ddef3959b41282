/* Where OpenVINO's C library may be: the places, in order. Knows files and directories, nothing of OpenVINO's API. */
#ifndef KVINO_OPENVINO_SEARCH_H
#define KVINO_OPENVINO_SEARCH_H

#include "kvino/common.h"

#define KV_OV_PATH 1024 /* longest path that is tried */

/* Opens the library at `path` (a real path). False, with the reason in `why`, where it cannot be used. */
typedef bool kv_ov_open_fn(const char *path, char *why, size_t why_bytes);

/* Tries every candidate until `open` takes one; then *found names, in words, the step of the search that led to it.
 * KVINO_DEVICE where none is taken: the text says how to install, every place looked at, and why a candidate failed. */
kvino_status kv_ov_search(kv_ov_open_fn *open, const char **found, kvino_error *err);

#endif
