/* Layers: recurrent cells. */
#include "layers/cells.h"

#include <stdio.h>

#include "ops/common.h"

kvino_tensor *kv_cell_weight(kv_invocation *c, const char *name) {
  char inside[64];
  snprintf(inside, sizeof inside, "cell/%s", name);
  kvino_tensor *t = kv_weight(c, inside);
  return t ? t : kv_weight(c, name);
}

/* The columns of gate number i of `gates`. */
static kvino_tensor *gate(kv_scope *s, kvino_tensor *x, int i, int gates) {
  if (!x) return NULL;
  kvino_tensors all = kv_split(s, x, kv_int(s, KVINO_I64, x->rank - 1), (kv_split_attrs){.num_splits = gates});
  return all.v ? all.v[i] : NULL;
}

static kvino_tensor *recurrent(kv_invocation *c, kvino_tensor *x) { return kv_activate(c, "recurrent_activation", x); }
static kvino_tensor *active(kv_invocation *c, kvino_tensor *x) { return kv_activate(c, "activation", x); }

/* c' = f c + i g, h' = o act(c') */
static kvino_tensor *lstm(kv_invocation *c, kvino_tensor *const z[4], kvino_tensor **state) {
  kv_scope *s = c->s;
  kvino_tensor *kept = kv_multiply(s, recurrent(c, z[1]), state[1]);
  state[1] = kv_add(s, kept, kv_multiply(s, recurrent(c, z[0]), active(c, z[2])));
  return state[0] = kv_multiply(s, recurrent(c, z[3]), active(c, state[1]));
}

kvino_tensor *kv_lstm_step(kv_invocation *c, kvino_tensor *x, size_t n, kvino_tensor **state) {
  kv_scope *s = c->s;
  if (n != 2) return kv_scope_fail(s, KVINO_INVALID, "an LSTM has 2 states, not %zu", n);
  kvino_tensor *z = op_add(s, op_matmul(s, x, kv_cell_weight(c, "kernel")),
                           op_matmul(s, state[0], kv_cell_weight(c, "recurrent_kernel")));
  kvino_tensor *bias = kv_cell_weight(c, "bias"), *part[4];
  if (bias) z = op_add(s, z, bias);
  for (int i = 0; i < 4; i++) part[i] = gate(s, z, i, 4);
  return lstm(c, part, state);
}

kvino_tensor *kv_gru_step(kv_invocation *c, kvino_tensor *x, size_t n, kvino_tensor **state) {
  kv_scope *s = c->s;
  if (n != 1) return kv_scope_fail(s, KVINO_INVALID, "a GRU has 1 state, not %zu", n);
  bool after = kv_field_flag(c, "reset_after");
  kvino_tensor *h = state[0], *kernel = kv_cell_weight(c, "recurrent_kernel"), *bias = kv_cell_weight(c, "bias");
  kvino_tensor *of_x = op_matmul(s, x, kv_cell_weight(c, "kernel")), *of_h = op_matmul(s, h, kernel), *part[3];
  if (bias && after) {
    kvino_tensors rows = kv_unstack(s, bias, 0, 2);
    if (!rows.v) return NULL;
    of_x = op_add(s, of_x, rows.v[0]);
    of_h = op_add(s, of_h, rows.v[1]);
  } else if (bias) {
    of_x = op_add(s, of_x, bias);
  }
  for (int i = 0; i < 2; i++) part[i] = recurrent(c, kv_add(s, gate(s, of_x, i, 3), gate(s, of_h, i, 3)));
  part[2] = after ? kv_multiply(s, part[1], gate(s, of_h, 2, 3))
                  : op_matmul(s, kv_multiply(s, part[1], h), gate(s, kernel, 2, 3));
  kvino_tensor *next = active(c, kv_add(s, gate(s, of_x, 2, 3), part[2]));
  kvino_tensor *one = kv_like(s, h, 1);
  return state[0] = kv_add(s, kv_multiply(s, part[0], h), kv_multiply(s, kv_subtract(s, one, part[0]), next));
}

kvino_tensor *kv_simple_step(kv_invocation *c, kvino_tensor *x, size_t n, kvino_tensor **state) {
  kv_scope *s = c->s;
  if (n != 1) return kv_scope_fail(s, KVINO_INVALID, "a SimpleRNN has 1 state, not %zu", n);
  kvino_tensor *y = op_matmul(s, x, kv_cell_weight(c, "kernel")), *bias = kv_cell_weight(c, "bias");
  if (bias) y = op_add(s, y, bias);
  y = op_add(s, y, op_matmul(s, state[0], kv_cell_weight(c, "recurrent_kernel")));
  return state[0] = active(c, y);
}

/* ---- convolutions instead of products ---- */

kvino_tensor *kv_conv_lstm_input(kv_invocation *c, kvino_tensor *x, int i) {
  kvino_tensor *kernel = gate(c->s, kv_cell_weight(c, "kernel"), i, 4);
  if (!x || !kernel) return NULL;
  int rank = kernel->rank - 2;
  kvino_tensor *y = op_conv(c->s, x, kernel, kv_field_ints(c, "strides", rank), kv_field_text(c, "padding"),
                            kv_data_format(c), kv_field_ints(c, "dilation_rate", rank));
  return kv_add_bias(c, y, gate(c->s, kv_cell_weight(c, "bias"), i, 4), kv_data_format(c));
}

kvino_tensor *kv_conv_lstm_step(kv_invocation *c, kvino_tensor *x, size_t n, kvino_tensor **state) {
  kv_scope *s = c->s;
  kvino_tensor *z[4];
  if (n != 2) return kv_scope_fail(s, KVINO_INVALID, "a ConvLSTM has 2 states, not %zu", n);
  for (int i = 0; i < 4; i++) {
    kvino_tensor *kernel = gate(s, kv_cell_weight(c, "recurrent_kernel"), i, 4);
    kvino_tensor *of_h =
        kernel ? op_conv(s, state[0], kernel, KVINO_INTS(1), "same", kv_data_format(c), KVINO_INTS(1)) : NULL;
    z[i] = kv_add(s, kv_conv_lstm_input(c, x, i), of_h);
  }
  return lstm(c, z, state);
}

/* ---- cells as layers: (output, states) ---- */

static kv_value one_step(kv_invocation *c, kv_step *step) {
  kvino_tensor *x = kv_arg(c, "inputs"), *state[KV_MOST_STATES];
  kv_value states = kv_arg_value(c, "states"), out = kv_value_list(c->s, 2);
  size_t n = states.kind == KV_VALUE_LIST ? states.n : states.kind == KV_VALUE_TENSOR;
  if (!x || !out.n || n > KV_MOST_STATES) return KV_NOTHING;
  bool drops = kv_field_number(c, "dropout") > 0 || kv_field_number(c, "recurrent_dropout") > 0;
  if (drops && kv_refuse_training(c, "dropout of a cell")) return KV_NOTHING;
  for (size_t i = 0; i < n; i++) state[i] = states.kind == KV_VALUE_LIST ? states.item[i].tensor : states.tensor;
  out.item[0] = kv_of(step(c, x, n, state));
  out.item[1] = kv_value_list(c->s, n);
  for (size_t i = 0; i < out.item[1].n; i++) out.item[1].item[i] = kv_of(state[i]);
  if (states.kind == KV_VALUE_TENSOR && out.item[1].n) out.item[1] = out.item[1].item[0];
  return c->s->status ? KV_NOTHING : out;
}

kv_value kv_layer_lstm_cell(kv_invocation *c) { return one_step(c, kv_lstm_step); }
kv_value kv_layer_gru_cell(kv_invocation *c) { return one_step(c, kv_gru_step); }
kv_value kv_layer_simple_rnn_cell(kv_invocation *c) { return one_step(c, kv_simple_step); }

/* Each cell with its own states, the output of one the input of the next. */
kv_value kv_layer_stacked_rnn_cells(kv_invocation *c) {
  kv_value states = kv_arg_value(c, "states"), out = kv_value_list(c->s, 2), x = kv_arg_value(c, "inputs");
  if (!out.n) return KV_NOTHING;
  if (states.kind != KV_VALUE_LIST || states.n != c->layer->n_children)
    return kv_scope_fail(c->s, KVINO_INVALID, "its states must be one item for each cell"), KV_NOTHING;
  out.item[1] = kv_value_list(c->s, states.n);
  for (size_t i = 0; i < states.n && !c->s->status; i++) {
    kv_value given[] = {x, states.item[i]};
    kv_value y = kv_layer_call(c->s, c->layer->child[i], 2, given, 0, NULL, NULL, c);
    if (y.kind != KV_VALUE_LIST || y.n != 2) return KV_NOTHING;
    x = y.item[0];
    out.item[1].item[i] = y.item[1];
  }
  out.item[0] = x;
  return out;
}
