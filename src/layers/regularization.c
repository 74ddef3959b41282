/* Layers: regularization. They act in training alone: a model that is read from a file runs as in predict. */
#include "layers/layer.h"

kv_value kv_layer_identity(kv_invocation *c) { return kv_arg_value(c, "inputs"); }
