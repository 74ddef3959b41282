/* The part of OpenVINO's C API that kvino calls, declared here so that no OpenVINO header is needed to build and any
 * release can be opened at run time. One row per function: the row declares the pointer, names the symbol and makes the
 * loader demand it. Every function of the table has been exported, with this signature, since 2024.3. */
#ifndef KVINO_OPENVINO_API_H
#define KVINO_OPENVINO_API_H

#include <stddef.h>
#include <stdint.h>

typedef struct ov_core ov_core;
typedef struct ov_model ov_model;
typedef struct ov_compiled ov_compiled;
typedef struct ov_request ov_request;
typedef struct ov_tensor ov_tensor;
typedef struct ov_port ov_port; /* ov_output_const_port_t */

typedef struct ov_version {
  const char *build;
  const char *description;
} ov_version;

typedef struct ov_devices {
  char **names;
  size_t n;
} ov_devices;

/* Passed by value and filled by hand: ov_shape_create refuses rank 0, and would allocate. */
typedef struct ov_shape {
  int64_t rank;
  int64_t *dims;
} ov_shape;

typedef struct ov_dimension {
  int64_t min, max; /* equal where the dimension is static; max is -1 where it has no bound */
} ov_dimension;

typedef struct ov_partial_shape {
  ov_dimension rank;
  ov_dimension *dims;
} ov_partial_shape;

typedef struct ov_callback {
  void (*function)(void *context);
  void *context;
} ov_callback;

typedef struct ov_profile_row {
  int status; /* 0 not run, 1 optimised out, 2 executed */
  int64_t real_us, cpu_us;
  const char *node_name, *exec_type, *node_type;
} ov_profile_row;

typedef struct ov_profile {
  ov_profile_row *rows;
  size_t n;
} ov_profile;

/* FN(result, name without "ov_", parameters). A result of `int` is an ov_status_e: 0 is success. */
#define KV_OV_FUNCTIONS(FN)                                                                                            \
  FN(int, get_openvino_version, (ov_version *))                                                                        \
  FN(void, version_free, (ov_version *))                                                                               \
  FN(const char *, get_error_info, (int status))                                                                       \
  FN(char *, get_last_err_msg, (void))                                                                                 \
  FN(void, free, (const char *))                                                                                       \
  FN(int, core_create, (ov_core **))                                                                                   \
  FN(int, core_set_property, (const ov_core *, const char *device, ...))                                               \
  FN(int, core_get_property, (const ov_core *, const char *device, const char *key, char **value))                     \
  FN(int, core_get_available_devices, (const ov_core *, ov_devices *))                                                 \
  FN(void, available_devices_free, (ov_devices *))                                                                     \
  FN(int, core_read_model_from_memory_buffer,                                                                          \
     (const ov_core *, const char *text, size_t length, const ov_tensor *weights, ov_model **))                        \
  FN(int, core_compile_model,                                                                                          \
     (const ov_core *, const ov_model *, const char *device, size_t n_arguments, ov_compiled **, ...))                 \
  FN(void, model_free, (ov_model *))                                                                                   \
  FN(void, compiled_model_free, (ov_compiled *))                                                                       \
  FN(int, compiled_model_inputs_size, (const ov_compiled *, size_t *))                                                 \
  FN(int, compiled_model_outputs_size, (const ov_compiled *, size_t *))                                                \
  FN(int, compiled_model_input_by_index, (const ov_compiled *, size_t index, ov_port **))                              \
  FN(int, compiled_model_output_by_index, (const ov_compiled *, size_t index, ov_port **))                             \
  FN(int, compiled_model_get_property, (const ov_compiled *, const char *key, char **value))                           \
  FN(int, compiled_model_create_infer_request, (const ov_compiled *, ov_request **))                                   \
  FN(int, port_get_any_name, (const ov_port *, char **name))                                                           \
  FN(int, port_get_element_type, (const ov_port *, int *))                                                             \
  FN(int, port_get_partial_shape, (const ov_port *, ov_partial_shape *))                                               \
  FN(void, partial_shape_free, (ov_partial_shape *))                                                                   \
  FN(void, output_const_port_free, (ov_port *))                                                                        \
  FN(int, infer_request_set_input_tensor_by_index, (ov_request *, size_t index, const ov_tensor *))                    \
  FN(int, infer_request_get_input_tensor_by_index, (const ov_request *, size_t index, ov_tensor **))                   \
  FN(int, infer_request_set_output_tensor_by_index, (ov_request *, size_t index, const ov_tensor *))                   \
  FN(int, infer_request_infer, (ov_request *))                                                                         \
  FN(int, infer_request_start_async, (ov_request *))                                                                   \
  FN(int, infer_request_wait, (ov_request *))                                                                          \
  FN(int, infer_request_set_callback, (ov_request *, const ov_callback *))                                             \
  FN(int, infer_request_get_profiling_info, (const ov_request *, ov_profile *))                                        \
  FN(void, profiling_info_list_free, (ov_profile *))                                                                   \
  FN(void, infer_request_free, (ov_request *))                                                                         \
  FN(int, tensor_create, (int type, ov_shape, ov_tensor **))                                                           \
  FN(int, tensor_create_from_host_ptr, (int type, ov_shape, void *data, ov_tensor **))                                 \
  FN(void, tensor_free, (ov_tensor *))                                                                                 \
  FN(int, tensor_data, (const ov_tensor *, void **))                                                                   \
  FN(int, tensor_get_byte_size, (const ov_tensor *, size_t *))                                                         \
  FN(int, tensor_get_shape, (const ov_tensor *, ov_shape *))                                                           \
  FN(int, shape_free, (ov_shape *))

struct kv_ov_api {
#define KV_OV_POINTER(result, name, parameters) result(*name) parameters;
  KV_OV_FUNCTIONS(KV_OV_POINTER)
#undef KV_OV_POINTER
};

/* Filled by kv_ov_runtime (runtime.h); nothing may be called through it before that has succeeded. */
extern struct kv_ov_api kv_ov;

#endif
