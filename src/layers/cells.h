/* The formulas of recurrent cells, for the layers LSTM, GRU, ... (weights "cell/kernel") and for cells by themselves
 * ("kernel"). */
#ifndef KVINO_LAYERS_CELLS_H
#define KVINO_LAYERS_CELLS_H

#include "layers/steps.h"

kv_step kv_lstm_step, kv_gru_step, kv_simple_step, kv_conv_lstm_step;
/* input by kernel, as ConvLSTM's cell does it for gate `gate`. */
kvino_tensor *kv_conv_lstm_input(kv_invocation *c, kvino_tensor *x, int gate);
/* The kernel, ... of a cell, whether the layer has one or is one. */
kvino_tensor *kv_cell_weight(kv_invocation *c, const char *name);

#endif
