/* A compiled model: IR text and weights in, ports to be described, inferences run (infer.h). Knows no graph. */
#ifndef KVINO_OPENVINO_MODEL_H
#define KVINO_OPENVINO_MODEL_H

#include "kvino/dtype.h"
#include "openvino/config.h"
#include "openvino/fingerprint.h"

#define KV_OV_MAX_RANK 16 /* of inputs and outputs of a compiled model */

/* What is compiled. */
typedef struct kv_ov_program {
  const char *ir; /* IR v11; copied */
  size_t ir_length;
  /* The blob that the constants of the text point into; NULL where there is none. Never copied: the model reads it as
   * long as it lives. release(owner), unless NULL, is called once when it no longer does: when the last reference is
   * gone, or at once where compiling fails. Only the ranges of the constants are read: it may span memory that cannot
   * be. */
  const void *weights;
  size_t weights_bytes;
  void (*release)(void *owner);
  void *owner;
  /* A fingerprint of all that the program computes, constants' contents included and addresses not: the same in the
   * next process. Needed where the config has a cache directory (fingerprint.h makes one of a text and a blob). */
  const kv_ov_key *key;
  bool unsettled; /* a request's first inference may give wrong numbers (infer.c) */
} kv_ov_program;

typedef struct kv_ov_port {
  kvino_dtype dtype;
  bool is_static;                /* rank and every dimension are known */
  int rank;                      /* -1 where unknown until run time */
  int64_t shape[KV_OV_MAX_RANK]; /* -1 for a dimension unknown until run time */
  size_t bytes;                  /* where static */
} kv_ov_port;

/* Reference-counted (atomically) and used from any number of threads at a time.
 * A model costs 12-20 ms and more to compile, about 1 MB, and two threads while it lives unless streams=0. */
typedef struct kv_ov_model kv_ov_model;

/* Errors: KVINO_INVALID (a cache directory without a key), KVINO_DEVICE with OpenVINO's text (bad IR, an operator that
 * the device has not), KVINO_UNSUPPORTED (a port of an element type or rank that kvino does not exchange),
 * KVINO_NO_MEMORY. */
kvino_status kv_ov_compile(const kv_ov_program *program, kv_ov_config *config, kv_ov_model **out, kvino_error *err);

kv_ov_model *kv_ov_model_retain(kv_ov_model *model); /* model itself */
void kv_ov_model_release(kv_ov_model *model);        /* NULL is allowed */

size_t kv_ov_model_inferences(const kv_ov_model *model); /* since it was compiled */
size_t kv_ov_model_inputs(const kv_ov_model *model);
size_t kv_ov_model_outputs(const kv_ov_model *model);
const kv_ov_port *kv_ov_model_input(const kv_ov_model *model, size_t i); /* borrowed */
const kv_ov_port *kv_ov_model_output(const kv_ov_model *model, size_t i);

/* The name that a program gives an input or (`output`) an output; NULL in *name where it has none. kv_free. */
kvino_status kv_ov_model_port_name(const kv_ov_model *model, bool output, size_t i, char **name, kvino_error *err);

/* A property of the compiled model as text ("INFERENCE_PRECISION_HINT" -> "f32"), to be freed with kv_free. */
kvino_status kv_ov_model_property(const kv_ov_model *model, const char *key, char **value, kvino_error *err);

#endif
