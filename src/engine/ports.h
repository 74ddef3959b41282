/* Tensors as a compiled model of OpenVINO's takes and gives them. */
#ifndef KVINO_ENGINE_PORTS_H
#define KVINO_ENGINE_PORTS_H

#include "openvino/infer.h"
#include "tensor/tensor.h"

enum { KV_FEW_PORTS = 8 };

/* One run: its inputs as OpenVINO wants them, its outputs. */
typedef struct kv_ports {
  size_t n_in, n_out;
  kvino_tensor **held; /* inputs in C order, then the outputs made beforehand; NULL where there is none */
  kv_ov_input *in;
  kv_ov_output *out;
  kvino_tensor *few_held[2 * KV_FEW_PORTS];
  kv_ov_input few_in[KV_FEW_PORTS];
  kv_ov_output few_out[KV_FEW_PORTS];
} kv_ports;

/* kv_ports_end is to be called even where this fails. */
kvino_status kv_ports_begin(kv_ports *p, size_t n_in, size_t n_out, kvino_error *err);
void kv_ports_end(kv_ports *p);
/* Input i is t. `plain`: it may be a bool of other bytes than 0 and 1. */
kvino_status kv_ports_take(kv_ports *p, size_t i, kvino_tensor *t, bool plain, kvino_error *err);
/* Before the run: output i is a new tensor to be written into where its shape is known, else OpenVINO's own memory. */
kvino_status kv_ports_prepare(kv_ports *p, const kv_ov_model *model, size_t i, kvino_error *err);
/* After it: the tensor of output i. */
kvino_status kv_ports_give(kv_ports *p, size_t i, kvino_tensor **out, kvino_error *err);

#endif
