/* Layers: recurrent. Where an operator computes the whole sequence it does; other cells and activations go step by
 * step. */
#include <string.h>

#include "layers/cells.h"
#include "ops/common.h"

/* A call of a recurrent layer. */
typedef struct recurrence {
  kvino_tensor *x, *mask; /* batch first */
  size_t n;
  kvino_tensor *state[KV_MOST_STATES]; /* the first ones */
  bool backwards, zero, all, time_major;
} recurrence;

static kvino_tensor *swap_time(kv_scope *s, kvino_tensor *x) { return x ? op_swapaxes(s, x, 0, 1) : NULL; }

/* In training: what is dropped of the inputs is the same in each step. */
static bool drop_inputs(kv_invocation *c, recurrence *r) {
  if (!kv_is_training(c) || c->layer->kind->call == kv_layer_rnn) return true;
  if (kv_field_number(c, "recurrent_dropout") > 0 && kv_refuse_training(c, "recurrent_dropout")) return false;
  double rate = kv_field_number(c, "dropout");
  if (rate <= 0) return true;
  int64_t shape[KVINO_MAX_RANK];
  kvino_tensor *symbolic[KVINO_MAX_RANK] = {NULL};
  for (int i = 0; i < r->x->rank; i++) {
    shape[i] = i == 1 ? 1 : r->x->shape[i];
    if (shape[i] < 0) symbolic[i] = kv_dimension(c->s, r->x, i);
  }
  r->x = kv_drop(c, r->x, rate, (kvino_ints){r->x->rank, shape, symbolic, true});
  return r->x != NULL;
}

static bool begin(kv_invocation *c, recurrence *r) {
  r->x = kv_arg(c, "sequences");
  r->mask = kv_mask(c, "sequences");
  r->all = kv_field_flag(c, "return_sequences");
  r->backwards = kv_arg_flag(c, "go_backwards", kv_field_flag(c, "go_backwards"));
  r->zero = kv_arg_flag(c, "zero_output_for_mask", kv_field_flag(c, "zero_output_for_mask"));
  r->time_major = kv_field_flag(c, "time_major");
  if (r->time_major) r->x = swap_time(c->s, r->x), r->mask = swap_time(c->s, r->mask);
  if (r->x && r->x->rank < 3)
    kv_scope_fail(c->s, KVINO_INVALID, "its input must have 3 dimensions or more, not %d", r->x->rank);
  if (!r->x || c->s->status) return false;
  return drop_inputs(c, r);
}

/* Zeros (batch, units). */
static kvino_tensor *zero_state(kv_invocation *c, kvino_tensor *x, int64_t units) {
  kvino_tensor *batch = kv_dimension(c->s, x, 0);
  if (!batch) return NULL;
  kvino_tensor *shape =
      kv_concat(c->s, 2, (kvino_tensor *[]){kv_unsqueeze(c->s, batch, KV_VECTOR(c->s, 0)), KV_VECTOR(c->s, units)},
                (kv_axis_attrs){.axis = 0});
  return kv_broadcast_shape(c->s, kv_like(c->s, x, 0), shape);
}

/* The states that the call was given, whatever lists they stand in. False: none. */
static bool given_states(kv_invocation *c, recurrence *r) {
  kv_value given = kv_arg_value(c, "initial_state");
  size_t n;
  if (given.kind == KV_VALUE_NONE) return false;
  kv_value **leaf = kv_value_leaves(c->s, &given, &n);
  if (n != r->n) return kv_scope_fail(c->s, KVINO_INVALID, "%zu first states instead of %zu", n, r->n), true;
  for (size_t i = 0; leaf && i < n; i++) r->state[i] = kv_cast(c->s, leaf[i]->tensor, (kvino_dtype)r->x->dtype);
  return true;
}

/* Zeros become the first states: those that the call was given, or what the call before has left, here or in another
 * run. Given ones are left behind, too, for a call that is given none. */
static bool first_states(kv_invocation *c, recurrence *r) {
  kvino_tensor *kept[KV_MOST_STATES];
  bool stateful = kv_field_flag(c, "stateful");
  memcpy(kept, r->state, sizeof kept);
  bool given = given_states(c, r);
  if (stateful && (c->states || !given)) kv_begin_states(c, r->n, given ? kept : r->state);
  return !c->s->status;
}

/* n states of as many units each. */
static bool begin_states(kv_invocation *c, recurrence *r, size_t n) {
  r->n = n;
  for (size_t i = 0; i < n; i++) r->state[i] = zero_state(c, r->x, kv_field_integer(c, "units"));
  return first_states(c, r);
}

/* What the layer gives of `sequence` (in the order of computing), the last output and the states. */
static kv_value outputs(kv_invocation *c, const recurrence *r, kvino_tensor *sequence, kvino_tensor *last,
                        kvino_tensor *const *state) {
  if (c->s->status || !sequence || !last) return KV_NOTHING;
  kv_end_states(c, r->n, state);
  kvino_tensor *mask = r->time_major ? swap_time(c->s, r->mask) : r->mask;
  kvino_tensor *y = !r->all ? last : r->time_major ? swap_time(c->s, sequence) : sequence;
  kv_value first = kv_of_masked(y, r->all ? mask : NULL);
  if (!kv_field_flag(c, "return_state")) return first;
  kv_value list = kv_value_list(c->s, r->n + 1);
  for (size_t i = 0; i < list.n; i++) list.item[i] = i ? kv_of(state[i - 1]) : first;
  return list;
}

/* Of an operator: the outputs in the order of time, the last of them, another state. */
static kv_value of_operator(kv_invocation *c, const recurrence *r, kvino_tensors v) {
  if (!v.v) return KV_NOTHING;
  kvino_tensor *sequence = r->all && r->backwards ? op_flip(c->s, v.v[0], KVINO_INTS(1)) : v.v[0];
  kvino_tensor *last = v.v[1];
  if (r->zero && r->mask) /* the state is not what a last step that is masked gives */
    last = kv_squeeze(c->s, kv_cut(c->s, v.v[0], 1, r->backwards ? 0 : -1, r->backwards ? 1 : INT64_MAX),
                      KV_VECTOR(c->s, 1));
  return outputs(c, r, sequence, last, v.v + 1);
}

static kv_value step_by_step(kv_invocation *c, const recurrence *r, kv_step *step, size_t like) {
  kvino_tensors v = kv_over_steps(c, &(kv_steps){.step = step,
                                                 .x = r->x,
                                                 .mask = r->mask ? kv_cast(c->s, r->mask, KVINO_BOOL) : NULL,
                                                 .n = r->n,
                                                 .state = r->state,
                                                 .like = like,
                                                 .backwards = r->backwards,
                                                 .zero = r->zero});
  return v.v ? outputs(c, r, v.v[0], v.v[1], v.v + 2) : KV_NOTHING;
}

/* ---- LSTM, GRU, SimpleRNN ---- */

typedef struct weights {
  kvino_tensor *kernel, *recurrent, *bias;
} weights;

/* The weights of cuDNN: each gate's kernels lie the other way round (the first one in memory, too), there are two
 * biases.
 */
static kvino_tensor *turn_gates(kv_scope *s, kvino_tensor *kernel, int gates, bool in_memory) {
  if (!kernel) return NULL;
  kvino_tensors part = kv_split(s, kernel, kv_int(s, KVINO_I64, 1), (kv_split_attrs){.num_splits = gates});
  if (!part.v) return NULL;
  int64_t shape[] = {part.v[0]->shape[1], part.v[0]->shape[0]};
  for (int i = 0; i < gates; i++) {
    if (in_memory) part.v[i] = kv_reshape_to(s, part.v[i], 2, shape);
    part.v[i] = kv_permute(s, part.v[i], (int64_t[]){1, 0});
  }
  return kv_concat(s, (size_t)gates, part.v, (kv_axis_attrs){.axis = 1});
}

static bool is_cudnn(kv_invocation *c) {
  const char *class = json_string_value(json_object_get(c->layer->object, "class_name"));
  return class && !strncmp(class, "CuDNN", 5);
}

static weights weights_of(kv_invocation *c, int gates) {
  kv_scope *s = c->s;
  weights w = {kv_weight(c, "cell/kernel"), kv_weight(c, "cell/recurrent_kernel"), kv_weight(c, "cell/bias")};
  if (!is_cudnn(c)) return w;
  w.kernel = turn_gates(s, w.kernel, gates, true);
  w.recurrent = turn_gates(s, w.recurrent, gates, false);
  if (w.bias) w.bias = kv_reshape_to(s, w.bias, 2, (int64_t[]){2, -1});
  if (w.bias && gates == 4)
    w.bias = kv_reduce_sum(s, w.bias, KV_VECTOR(s, 0), (kv_keep_dims_attrs){.keep_dims = false});
  return w;
}

static bool is_named(kv_invocation *c, const char *field, const char *name) {
  const char *is = kv_activation_name(c, field);
  return is && !strcmp(is, name);
}

kv_value kv_layer_lstm(kv_invocation *c) {
  recurrence r = {0};
  if (!begin(c, &r) || !begin_states(c, &r, 2)) return KV_NOTHING;
  if (!is_named(c, "activation", "tanh") || !is_named(c, "recurrent_activation", "sigmoid"))
    return step_by_step(c, &r, kv_lstm_step, 0);
  weights w = weights_of(c, 4);
  return of_operator(
      c, &r,
      op_lstm_sequence(c->s, r.x, r.state[0], r.state[1], w.kernel, w.recurrent, w.bias, r.backwards, r.mask, r.zero));
}

kv_value kv_layer_gru(kv_invocation *c) {
  recurrence r = {0};
  if (!begin(c, &r) || !begin_states(c, &r, 1)) return KV_NOTHING;
  if (!is_named(c, "activation", "tanh") || !is_named(c, "recurrent_activation", "sigmoid"))
    return step_by_step(c, &r, kv_gru_step, 0);
  weights w = weights_of(c, 3);
  return of_operator(c, &r,
                     op_gru_sequence(c->s, r.x, r.state[0], w.kernel, w.recurrent, w.bias,
                                     is_cudnn(c) || kv_field_flag(c, "reset_after"), r.backwards, r.mask, r.zero));
}

kv_value kv_layer_simple_rnn(kv_invocation *c) {
  recurrence r = {0};
  const char *name = kv_activation_name(c, "activation");
  if (!begin(c, &r) || !begin_states(c, &r, 1)) return KV_NOTHING;
  if (!name || (strcmp(name, "tanh") && strcmp(name, "sigmoid") && strcmp(name, "relu")))
    return step_by_step(c, &r, kv_simple_step, 0);
  weights w = weights_of(c, 1);
  return of_operator(
      c, &r, op_rnn_sequence(c->s, r.x, r.state[0], w.kernel, w.recurrent, w.bias, name, r.backwards, r.mask, r.zero));
}

kv_value kv_layer_conv_lstm(kv_invocation *c) {
  recurrence r = {.n = 2};
  if (!begin(c, &r)) return KV_NOTHING;
  kvino_tensor *x =
      kv_gather(c->s, r.x, kv_int(c->s, KVINO_I64, 0), kv_int(c->s, KVINO_I64, 1), (kv_gather_attrs){.batch_dims = 0});
  /* zeros of the shape of a step's output */
  r.state[0] = r.state[1] = op_zeros_like(c->s, kv_conv_lstm_input(c, x, 0), KVINO_NO_DTYPE);
  return first_states(c, &r) ? step_by_step(c, &r, kv_conv_lstm_step, 0) : KV_NOTHING;
}

/* ---- a layer of any cells ---- */

/* How many states a cell that has no cells in it has. */
static size_t states_of(const kv_layer *cell) { return cell->kind->call == kv_layer_lstm_cell ? 2 : 1; }

/* Zeros for the states of a cell, cells in it one after the other. */
static void cell_states(kv_invocation *c, const kv_layer *cell, recurrence *r) {
  for (size_t i = 0; i < cell->n_children; i++) cell_states(c, cell->child[i], r);
  if (cell->n_children) return;
  kv_invocation inside = {.s = c->s, .layer = cell};
  size_t n = states_of(cell);
  for (size_t i = 0; i < n; i++) {
    if (r->n == KV_MOST_STATES) {
      kv_layer_refuse(c, "cells of more than %d states", KV_MOST_STATES);
      return;
    }
    r->state[r->n++] = zero_state(c, r->x, kv_field_integer(&inside, "units"));
  }
}

/* The states as the cell takes them: a list for each of its cells, where it has several. */
static kv_value nested(kv_invocation *c, const kv_layer *cell, kvino_tensor **state, size_t *at) {
  size_t n = cell->n_children ? cell->n_children : states_of(cell);
  kv_value list = kv_value_list(c->s, n);
  for (size_t i = 0; i < list.n; i++)
    list.item[i] = cell->n_children ? nested(c, cell->child[i], state, at) : kv_of(state[(*at)++]);
  return list;
}

static kvino_tensor *cell_step(kv_invocation *c, kvino_tensor *x, size_t n, kvino_tensor **state) {
  size_t at = 0, found;
  kv_value given[] = {kv_of(x), nested(c, c->layer->child[0], state, &at)};
  kv_value y = kv_layer_call(c->s, c->layer->child[0], 2, given, 0, NULL, NULL, c);
  if (y.kind != KV_VALUE_LIST || y.n != 2) return NULL;
  kv_value **leaf = kv_value_leaves(c->s, &y.item[1], &found);
  for (size_t i = 0; leaf && i < n && i < found; i++) state[i] = leaf[i]->tensor;
  return y.item[0].tensor;
}

/* The state that has the shape of the output: the first of the last cell. */
static size_t output_state(const kv_layer *cell, size_t n) {
  while (cell->n_children) cell = cell->child[cell->n_children - 1];
  return n - states_of(cell);
}

kv_value kv_layer_rnn(kv_invocation *c) {
  recurrence r = {0};
  if (!begin(c, &r)) return KV_NOTHING;
  const kv_layer *cell = c->layer->n_children ? c->layer->child[0] : NULL;
  if (!cell || (cell->kind->call != kv_layer_lstm_cell && cell->kind->call != kv_layer_gru_cell &&
                cell->kind->call != kv_layer_simple_rnn_cell && cell->kind->call != kv_layer_stacked_rnn_cells))
    return kv_layer_refuse(c, "its cell is none that is read from a file"), KV_NOTHING;
  cell_states(c, cell, &r);
  return first_states(c, &r) ? step_by_step(c, &r, cell_step, output_state(cell, r.n)) : KV_NOTHING;
}

/* ---- both directions ---- */

static kv_value truth(bool is) { return (kv_value){.kind = KV_VALUE_DATA, .data = is ? json_true() : json_false()}; }

static kv_value direction(kv_invocation *c, size_t child, bool turned, kv_value states) {
  static const char *const names[] = {"initial_state", "mask", "zero_output_for_mask", "go_backwards"};
  kv_value x = kv_arg_value(c, "sequences"), mask = kv_arg_value(c, "mask");
  kv_invocation inside = {.s = c->s, .layer = c->layer->child[child]};
  bool back = kv_field_flag(&inside, "go_backwards") != turned;
  /* Keras has Bidirectional's layers give zeros for what is masked. */
  kv_value named[] = {states, mask, kv_field_flag(&inside, "return_sequences") ? truth(true) : KV_NOTHING, truth(back)};
  return kv_layer_call(c->s, c->layer->child[child], 1, &x, 4, names, named, c);
}

static kv_value part_of(kv_invocation *c, kv_value list, size_t from, size_t n) {
  kv_value part = kv_value_list(c->s, n);
  for (size_t i = 0; i < part.n; i++) part.item[i] = list.item[from + i];
  return part;
}

static kvino_tensor *merged(kv_invocation *c, const char *mode, kvino_tensor *a, kvino_tensor *b) {
  kv_scope *s = c->s;
  if (!strcmp(mode, "concat")) return op_concatenate(s, (kvino_tensors){2, (kvino_tensor *[]){a, b}}, -1);
  if (!strcmp(mode, "sum")) return op_add(s, a, b);
  if (!strcmp(mode, "mul")) return op_multiply(s, a, b);
  if (!strcmp(mode, "ave")) return kv_multiply(s, op_add(s, a, b), kv_like(s, a, 0.5));
  return kv_layer_refuse(c, "merge_mode '%s' is unknown", mode);
}

kv_value kv_layer_bidirectional(kv_invocation *c) {
  const char *mode = kv_field_text(c, "merge_mode");
  if (c->layer->n_children != 2) return KV_NOTHING;
  kv_value given = kv_arg_value(c, "initial_state"), before[2] = {KV_NOTHING, KV_NOTHING}, y[2];
  for (size_t i = 0; given.kind == KV_VALUE_LIST && i < 2; i++)
    before[i] = part_of(c, given, i * (given.n / 2), given.n / 2);
  bool own = json_is_object(kv_field(c, "backward_layer"));
  for (size_t i = 0; i < 2; i++) y[i] = direction(c, i, i && !own, before[i]);
  kv_invocation inside = {.s = c->s, .layer = c->layer->child[0]};
  bool all = kv_field_flag(&inside, "return_sequences");
  kv_value first[2];
  for (size_t i = 0; i < 2; i++) first[i] = y[i].kind == KV_VALUE_LIST && y[i].n ? y[i].item[0] : y[i];
  if (c->s->status || !first[0].tensor || !first[1].tensor) return KV_NOTHING;
  kvino_tensor *mask = first[0].mask;
  if (all) first[1].tensor = op_flip(c->s, first[1].tensor, KVINO_INTS(1));
  size_t n = mode ? 1 : 2, states = y[0].kind == KV_VALUE_LIST ? y[0].n - 1 : 0;
  kv_value out = kv_value_list(c->s, n + 2 * states);
  if (!out.n) return KV_NOTHING;
  if (mode)
    out.item[0] = kv_of_masked(merged(c, mode, first[0].tensor, first[1].tensor), mask);
  else
    for (size_t i = 0; i < 2; i++) out.item[i] = kv_of_masked(first[i].tensor, mask);
  for (size_t i = 0; i < 2 * states; i++) out.item[n + i] = y[i / states].item[1 + i % states];
  return out.n == 1 ? out.item[0] : out;
}
