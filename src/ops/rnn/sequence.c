/* LSTM, GRU and simple recurrence over whole sequences, Keras's weights put into OpenVINO's order: from gates in
 * columns (i, f, c, o; z, r, h) to gates in rows (f, i, c, o; z, r, h), for each direction. */
#include <string.h>

#include "ops/common.h"

/* The gates of a kernel [n, gates * units] in another order, as [1, gates * units, n]. */
static kvino_tensor *kernel_rows(kv_scope *s, kvino_tensor *kernel, const int *order, int64_t gates) {
  if (!kernel) return NULL;
  kvino_tensor *rows = kv_permute(s, kernel, (int64_t[]){1, 0});
  if (order && rows) {
    kvino_tensors gate = kv_split(s, rows, kv_int(s, KVINO_I64, 0), (kv_split_attrs){.num_splits = gates});
    kvino_tensor *moved[4];
    for (int64_t i = 0; gate.v && i < gates; i++) moved[i] = gate.v[order[i]];
    rows = gate.v ? kv_concat(s, (size_t)gates, moved, (kv_axis_attrs){.axis = 0}) : NULL;
  }
  return rows ? kv_unsqueeze(s, rows, KV_VECTOR(s, 0)) : NULL;
}

/* bias [.., gates * units], or zeros, as [1, width]. */
static kvino_tensor *bias_row(kv_scope *s, kvino_tensor *bias, kvino_tensor *like, int64_t width) {
  if (bias) return kv_reshape_to(s, bias, 2, (int64_t[]){1, width});
  return like ? kv_broadcast_shape(s, kv_like(s, like, 0), KV_VECTOR(s, 1, width)) : NULL;
}

static const int LSTM_ORDER[4] = {1, 0, 2, 3};

/* Every sequence of the batch has the length of x. */
static kvino_tensor *full_lengths(kv_scope *s, kvino_tensor *x) {
  kvino_tensor *batch = kv_dimension(s, x, 0), *steps = kv_dimension(s, x, 1);
  if (!batch || !steps) return NULL;
  return kv_broadcast_shape(s, steps, kv_unsqueeze(s, batch, KV_VECTOR(s, 0)));
}

/* ---- masks ----
 *
 * A step that is masked changes nothing. The others are moved to the front, in the order in which they are computed:
 * what remains are sequences of different lengths, forward ones. Their outputs are moved back. Where OpenVINO's kernel
 * pays no heed to lengths it computes steps too many, at the end, whose results nobody reads. */

typedef struct masking {
  kvino_tensor *mask, *count; /* [B, T]: bool; how many steps there are up to each, itself included */
  kvino_tensor *lengths;      /* [B] */
  kvino_tensor *last;         /* T - 1 */
  kvino_tensor *first;        /* the first state: [B, 1, units] */
  bool reverse, zero;
} masking;

/* Rows of x [B, T, n] along time, by [B, T]. */
static kvino_tensor *take_steps(kv_scope *s, kvino_tensor *x, kvino_tensor *at) {
  return x && at ? kv_gather(s, x, at, kv_int(s, KVINO_I64, 1), (kv_gather_attrs){.batch_dims = 1}) : NULL;
}

/* Packs *x; fails where the mask does not belong to it. */
static bool mask_begin(kv_scope *s, masking *m, kvino_tensor *mask, kvino_tensor **x, kvino_tensor *first) {
  if (!mask || !*x) return false;
  kv_length_pair pair[] = {{{NULL, mask->rank}, {NULL, 2}}, {{mask, 0}, {*x, 0}}, {{mask, 1}, {*x, 1}}};
  if (!(mask = kv_demand_lengths(s, KV_REFUSAL_mask_of_steps, mask, mask->rank == 2 ? 3 : 1, pair, 0, NULL)))
    return false;
  kv_cumsum_attrs running = {.exclusive = false, .reverse = false};
  kvino_tensor *one = kv_int(s, KVINO_I32, 1), *time = kv_int(s, KVINO_I64, 1);
  m->mask = kv_cast(s, mask, KVINO_BOOL);
  kvino_tensor *steps = kv_cast(s, m->mask, KVINO_I32);
  m->count = kv_cum_sum(s, steps, time, running);
  m->lengths = kv_reduce_sum(s, steps, KV_VECTOR(s, 1), (kv_keep_dims_attrs){.keep_dims = false});
  m->last = kv_subtract(s, kv_cast(s, kv_dimension(s, *x, 1), KVINO_I32), one);
  m->first = first;
  /* each step's time goes to its place among the steps; those of masked ones behind the last, where nothing is read */
  kvino_tensor *ones = kv_broadcast_shape(s, one, kv_dims(s, steps));
  kvino_tensor *times = kv_cum_sum(s, ones, time, (kv_cumsum_attrs){.exclusive = true, .reverse = false});
  kvino_tensor *lengths = kv_unsqueeze(s, m->lengths, KV_VECTOR(s, 1));
  kvino_tensor *order = m->reverse ? kv_subtract(s, lengths, m->count) : kv_subtract(s, m->count, one);
  kvino_tensor *place = kv_select(s, m->mask, order, m->last);
  kv_scatter_attrs set = {.reduction = "none", .use_init_val = true};
  *x = take_steps(s, *x, kv_scatter_elements_update(s, times, place, times, time, set));
  return !s->status;
}

/* The outputs [B, T, units] of packed steps, each where its step was. */
static kvino_tensor *unpack(kv_scope *s, const masking *m, kvino_tensor *y) {
  kvino_tensor *zero = kv_int(s, KVINO_I32, 0), *one = kv_int(s, KVINO_I32, 1), *at = m->count;
  if (m->reverse) /* how many there are from each step on, itself included */
    at = kv_add(s, kv_subtract(s, kv_unsqueeze(s, m->lengths, KV_VECTOR(s, 1)), at), kv_cast(s, m->mask, KVINO_I32));
  at = kv_subtract(s, at, one); /* the step itself, or the one that was computed before */
  kvino_tensor *any = kv_greater_equal(s, at, zero);
  y = take_steps(s, y, kv_maximum(s, at, zero));
  if (!y) return NULL;
  kvino_tensor *use = kv_unsqueeze(s, m->zero ? m->mask : any, KV_VECTOR(s, 2));
  return kv_select(s, use, y, m->zero ? kv_like(s, y, 0) : kv_cast(s, m->first, kv_dtype_of(y)));
}

/* The state after the last step, of the outputs [B, T, units] of packed steps. */
static kvino_tensor *last_state(kv_scope *s, const masking *m, kvino_tensor *y) {
  kvino_tensor *states[] = {m->first, y}; /* that of no steps is the first */
  y = y ? kv_concat(s, 2, states, (kv_axis_attrs){.axis = 1}) : NULL;
  y = take_steps(s, y, kv_unsqueeze(s, m->lengths, KV_VECTOR(s, 1)));
  return y ? kv_squeeze(s, y, KV_VECTOR(s, 1)) : NULL;
}

/* ---- operands ---- */

static bool check(kv_scope *s, const kvino_tensor *x, const kvino_tensor *h, const kvino_tensor *kernel,
                  const kvino_tensor *recurrent, int64_t gates) {
  if (!x || !h || !kernel || !recurrent) return false;
  if (x->rank != 3 || h->rank != 2 || kernel->rank != 2 || recurrent->rank != 2)
    return kv_scope_fail(
               s, KVINO_INVALID,
               "a recurrent layer takes inputs (batch, time, features), a state (batch, units) and kernels of 2 "
               "dimensions, not %d, %d, %d and %d dimensions",
               x->rank, h->rank, kernel->rank, recurrent->rank) != NULL;
  if (recurrent->shape[0] < 0)
    return kv_scope_fail(s, KVINO_UNSUPPORTED, "the number of units must be known: the rows of a recurrent kernel") !=
           NULL;
  if (recurrent->shape[1] >= 0 && recurrent->shape[1] != gates * recurrent->shape[0])
    return kv_scope_fail(s, KVINO_INVALID, "a recurrent kernel must have the shape (units, %lld * units)",
                         (long long)gates) != NULL;
  return true;
}

/* [batch, units] and [batch, 1, units] */
static kvino_tensor *widen(kv_scope *s, kvino_tensor *h) { return h ? kv_unsqueeze(s, h, KV_VECTOR(s, 1)) : NULL; }

/* y [batch, 1, time, units] and the states, without directions and in the dtype. m: NULL without a mask. */
static kvino_tensors results(kv_scope *s, kvino_tensors v, kvino_dtype dtype, const masking *m) {
  for (size_t i = 0; v.v && i < v.n; i++) v.v[i] = kv_squeeze(s, v.v[i], KV_VECTOR(s, 1));
  if (m && v.v) {
    v.v[1] = last_state(s, m, v.v[0]);
    v.v[0] = unpack(s, m, v.v[0]);
  }
  for (size_t i = 0; v.v && i < v.n; i++) v.v[i] = kv_cast(s, v.v[i], dtype);
  return s->status ? KV_NO_TENSORS : v;
}

static const char *direction_of(bool reverse, const kvino_tensor *mask) {
  return reverse && !mask ? "reverse" : "forward"; /* packed steps are in their order */
}

/* Operands in one dtype: that of the product of inputs and kernel, computed in f32 where it is smaller. */
static void to_work(kv_scope *s, size_t n, kvino_tensor **x[], kvino_dtype *dtype) {
  kvino_dtype work = kv_work_dtype(*dtype);
  for (size_t i = 0; i < n; i++)
    if (*x[i]) *x[i] = kv_cast(s, kv_strong(s, *x[i]), work);
}

static kvino_dtype dtype_of_layer(const kvino_tensor *x, const kvino_tensor *kernel) {
  kvino_dtype dtype = kvino_dtype_is_float(kv_dtype_of(x)) ? kv_dtype_of(x) : kvino_floatx();
  return kvino_dtype_is_float(kv_dtype_of(kernel)) && kvino_dtype_size(kv_dtype_of(kernel)) > kvino_dtype_size(dtype)
             ? kv_dtype_of(kernel)
             : dtype;
}

kvino_tensors op_lstm_sequence(kv_scope *s, kvino_tensor *x, kvino_tensor *h, kvino_tensor *c, kvino_tensor *kernel,
                               kvino_tensor *recurrent, kvino_tensor *bias, bool reverse, kvino_tensor *mask,
                               bool zero) {
  masking m = {.reverse = reverse, .zero = zero};
  if (!check(s, x, h, kernel, recurrent, 4) || !c) return KV_NO_TENSORS;
  kvino_dtype dtype = dtype_of_layer(x, kernel);
  to_work(s, 6, (kvino_tensor * *[]){&x, &h, &c, &kernel, &recurrent, &bias}, &dtype);
  if (s->status) return KV_NO_TENSORS;
  int64_t units = recurrent->shape[0];
  kvino_tensor *b = bias_row(s, bias, x, 4 * units);
  if (bias && b) { /* one gate after the other, as the kernels' */
    b = kernel_rows(s, b, LSTM_ORDER, 4);
    b = b ? kv_squeeze(s, b, KV_VECTOR(s, 2)) : NULL;
  }
  kvino_tensor *first = widen(s, h);
  if (mask && !mask_begin(s, &m, mask, &x, first)) return KV_NO_TENSORS;
  kvino_tensor *in[] = {x,
                        first,
                        widen(s, c),
                        mask ? m.lengths : full_lengths(s, x),
                        kernel_rows(s, kernel, LSTM_ORDER, 4),
                        kernel_rows(s, recurrent, LSTM_ORDER, 4),
                        b};
  kv_lstm_sequence_attrs attrs = {
      .hidden_size = units, .direction = direction_of(reverse, mask), .activations = "sigmoid,tanh,tanh"};
  return s->status ? KV_NO_TENSORS : results(s, kv_lstm_sequence(s, 7, in, attrs), dtype, mask ? &m : NULL);
}

/* Keras's bias [2, 3 * units] (for inputs, for the state) where the state's part of h is reset by itself: [z, r: the
 * sums; h of the inputs; h of the state]. */
static kvino_tensor *gru_bias(kv_scope *s, kvino_tensor *bias, kvino_tensor *x, int64_t units, bool reset_after) {
  if (!bias || !reset_after) return bias_row(s, bias, x, (reset_after ? 4 : 3) * units);
  kvino_tensor *given = kv_cut(s, bias, 0, 0, 1), *state = kv_cut(s, bias, 0, 1, 2);
  if (!given || !state) return NULL;
  kvino_tensor *sums = kv_add(s, kv_cut(s, given, 1, 0, 2 * units), kv_cut(s, state, 1, 0, 2 * units));
  kvino_tensor *parts[] = {sums, kv_cut(s, given, 1, 2 * units, 3 * units), kv_cut(s, state, 1, 2 * units, 3 * units)};
  return s->status ? NULL : kv_concat(s, 3, parts, (kv_axis_attrs){.axis = 1});
}

kvino_tensors op_gru_sequence(kv_scope *s, kvino_tensor *x, kvino_tensor *h, kvino_tensor *kernel,
                              kvino_tensor *recurrent, kvino_tensor *bias, bool reset_after, bool reverse,
                              kvino_tensor *mask, bool zero) {
  masking m = {.reverse = reverse, .zero = zero};
  if (!check(s, x, h, kernel, recurrent, 3)) return KV_NO_TENSORS;
  if (bias && bias->rank != (reset_after ? 2 : 1))
    return kv_scope_fail(s, KVINO_INVALID, "the bias of a GRU must have %d dimensions, not %d", reset_after ? 2 : 1,
                         bias->rank),
           KV_NO_TENSORS;
  kvino_dtype dtype = dtype_of_layer(x, kernel);
  to_work(s, 5, (kvino_tensor * *[]){&x, &h, &kernel, &recurrent, &bias}, &dtype);
  if (s->status) return KV_NO_TENSORS;
  int64_t units = recurrent->shape[0];
  kvino_tensor *first = widen(s, h);
  if (mask && !mask_begin(s, &m, mask, &x, first)) return KV_NO_TENSORS;
  kvino_tensor *in[] = {x,
                        first,
                        mask ? m.lengths : full_lengths(s, x),
                        kernel_rows(s, kernel, NULL, 3),
                        kernel_rows(s, recurrent, NULL, 3),
                        gru_bias(s, bias, x, units, reset_after)};
  kv_gru_sequence_attrs attrs = {.hidden_size = units,
                                 .direction = direction_of(reverse, mask),
                                 .activations = "sigmoid,tanh",
                                 .linear_before_reset = reset_after};
  return s->status ? KV_NO_TENSORS : results(s, kv_gru_sequence(s, 6, in, attrs), dtype, mask ? &m : NULL);
}

/* The text as the attribute, which must live for ever. */
static const char *activation_of(kv_scope *s, const char *name) {
  static const char *const all[] = {"tanh", "sigmoid", "relu"};
  for (size_t i = 0; name && i < sizeof all / sizeof *all; i++)
    if (!strcmp(name, all[i])) return all[i];
  return kv_scope_fail(s, KVINO_INVALID, "the activation must be 'tanh', 'sigmoid' or 'relu', not '%s'",
                       name ? name : "None");
}

kvino_tensors op_rnn_sequence(kv_scope *s, kvino_tensor *x, kvino_tensor *h, kvino_tensor *kernel,
                              kvino_tensor *recurrent, kvino_tensor *bias, const char *activation, bool reverse,
                              kvino_tensor *mask, bool zero) {
  masking m = {.reverse = reverse, .zero = zero};
  if (!check(s, x, h, kernel, recurrent, 1)) return KV_NO_TENSORS;
  kvino_dtype dtype = dtype_of_layer(x, kernel);
  to_work(s, 5, (kvino_tensor * *[]){&x, &h, &kernel, &recurrent, &bias}, &dtype);
  kv_rnn_sequence_attrs attrs = {.direction = direction_of(reverse, mask), .activations = activation_of(s, activation)};
  if (s->status) return KV_NO_TENSORS;
  attrs.hidden_size = recurrent->shape[0];
  kvino_tensor *first = widen(s, h);
  if (mask && !mask_begin(s, &m, mask, &x, first)) return KV_NO_TENSORS;
  kvino_tensor *in[] = {x,
                        first,
                        mask ? m.lengths : full_lengths(s, x),
                        kernel_rows(s, kernel, NULL, 1),
                        kernel_rows(s, recurrent, NULL, 1),
                        bias_row(s, bias, x, attrs.hidden_size)};
  return s->status ? KV_NO_TENSORS : results(s, kv_rnn_sequence(s, 6, in, attrs), dtype, mask ? &m : NULL);
}
