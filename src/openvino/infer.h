/* Running a compiled model, from many threads at a time.
 *
 * Nothing is copied: inputs are read where they are, outputs are written into the caller's memory, or, where their
 * shape is not known beforehand, handed over in OpenVINO's. */
#ifndef KVINO_OPENVINO_INFER_H
#define KVINO_OPENVINO_INFER_H

#include "openvino/model.h"

/* An input: elements in C order, aligned or not. */
typedef struct kv_ov_input {
  kvino_dtype dtype;
  int rank;
  const int64_t *shape;
  const void *data; /* NULL is allowed where there are no elements */
} kv_ov_input;

/* An output. Two ways:
 *   data given: the caller's memory, port.bytes large where the port is static; else `rank` and `shape` must be given
 *     too, and an output that comes out otherwise is an error;
 *   data NULL: the result's own memory, to be freed by kv_ov_result_release(owner). For outputs of unknown shape.
 * After success all members describe the result; `owner` is NULL where the memory is the caller's. */
typedef struct kv_ov_output {
  kvino_dtype dtype;
  int rank;
  int64_t shape[KV_OV_MAX_RANK];
  void *data; /* never NULL afterwards */
  size_t bytes;
  void *owner;
} kv_ov_output;

/* Frees the memory of an output that OpenVINO allocated; outlives the model; fits a release callback. */
void kv_ov_result_release(void *owner);

/* One inference in the calling thread; n_in and n_out must be the model's. On failure `outputs` is as it was (the
 * memory that it points to may have been written). Errors: KVINO_INVALID, KVINO_TYPE (an input that the model does not
 * take), KVINO_DEVICE with OpenVINO's text, KVINO_NO_MEMORY. */
kvino_status kv_ov_infer(kv_ov_model *model, const kv_ov_input *inputs, size_t n_in, kv_ov_output *outputs,
                         size_t n_out, kvino_error *err);

/* An inference under way. */
typedef struct kv_ov_run kv_ov_run;

/* Starts one and returns. The memory of inputs and outputs must stay until kv_ov_wait has returned; the arrays need
 * not. done(context), unless NULL, is called once when it has ended, well or not, from a thread of OpenVINO's or from
 * inside this call (streams=0): it must be short and must call nothing of kvino. */
kvino_status kv_ov_start(kv_ov_model *model, const kv_ov_input *inputs, size_t n_in, const kv_ov_output *outputs,
                         size_t n_out, void (*done)(void *context), void *context, kv_ov_run **run, kvino_error *err);
/* Waits for its end, describes the outputs and frees `run`, also where it fails. To be called exactly once per start.
 */
kvino_status kv_ov_wait(kv_ov_run *run, kv_ov_output *outputs, kvino_error *err);

/* Layer times, compiled with profiling=yes, of all inferences since (kv_ov_model_inferences): their mean, rounded down.
 * visit is called per layer executed in the latest.
 * `kind` is OpenVINO's type of the layer ("Convolution"), `how` the kernel. KVINO_INVALID before the first inference.
 */
typedef void kv_ov_profile_fn(void *context, const char *name, const char *kind, const char *how, int64_t microseconds);
kvino_status kv_ov_profile(kv_ov_model *model, kv_ov_profile_fn *visit, void *context, kvino_error *err);

#endif
