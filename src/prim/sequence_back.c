/* Derivatives of LSTMSequence, GRUSequence and RNNSequence. The gates of all steps follow from the inputs and from the
 * states, which y has: a product for each gate. Then, step by step from the last, what goes back to the sums of the
 * gates, and one product for what the state before gets of it; the cotangents of weights are products over
 * all steps.
 *
 * Arrays over all steps have a row for each place in time of each sequence: [batch * steps, n]. Rows behind the end of
 * a sequence are 0. */
#include <string.h>

#include "base/memory.h"
#include "prim/sequence.h"

/* One direction at work, or a block of its sequences. Arrays are of the dtype. */
typedef struct layer {
  const kv_sequence *o; /* the sequences at hand */
  int64_t batch;        /* of the operands */
  kvino_dtype dtype;
  size_t size;                 /* of an element */
  int64_t at;                  /* the direction */
  char *memory;                /* of the arrays */
  bool reverse, full;          /* full: no sequence is shorter than the steps */
  bool plain;                  /* a GRU that resets the state before its product */
  int64_t rows, hidden, width; /* batch * steps; gates * hidden */
  int64_t depth;               /* inputs + hidden */
  char *gate[4];               /* what the activations gave, [rows, hidden] each */
  char *given;                 /* the inputs and, behind them, the state before each step: [rows, depth] */
  char *weights;               /* those of both, transposed: [depth, width] */
  char *room;                  /* [rows, hidden] */
  char *cell, *tanh_cell;      /* LSTM: the cell before each step, tanh of the one after it */
  char *own;                   /* GRU: what the state gives to h; plain: r h */
  char *sums; /* cotangents of the gates' sums: an output, of which this direction has `width` columns */
  int64_t sums_step;
  char *state_sums;                   /* GRU, but for plain: that of `own` */
  char *now, *dh, *dc, *kept, *reset; /* of one step: [batch, width]; [batch, hidden] */
} layer;

static char *array_row(const layer *l, char *array, int64_t row, int64_t n) {
  return array + (size_t)(row * n) * l->size;
}

/* Row 0 of gate k of R, or of the biases. */
static const char *gate_part(const layer *l, const kvino_tensor *t, int64_t k, int64_t columns) {
  return kv_sequence_part(t, l->at) + (size_t)(k * l->hidden * columns) * l->size;
}

static void apply(const layer *l, kv_loop_id id, const char *x, char *y) {
  kv_elementwise_flat(id, l->dtype, 1, (const void *const[]){x}, l->rows * l->hidden, y, NULL);
}

/* ---- what the forward direction had ---- */

/* Inputs and the states before each step, at the places that belong to the sequences. */
static void place_given(layer *l) {
  const kv_sequence *o = l->o;
  size_t state = (size_t)l->hidden * l->size, input = (size_t)o->inputs * l->size;
  for (int64_t b = 0; b < o->batch; b++) {
    int64_t first = o->first + b;
    const char *from = o->h->data + (size_t)(first * o->directions + l->at) * state;
    const char *y = o->y->data + (size_t)((first * o->directions + l->at) * o->steps) * state;
    const char *x = o->x->data + (size_t)(first * o->steps) * input;
    for (int64_t step = 0; step < o->steps; step++) {
      int64_t t = kv_sequence_place(o, l->reverse, b, step);
      if (t < 0) break;
      char *to = array_row(l, l->given, b * o->steps + t, l->depth);
      memcpy(to, x + (size_t)t * input, input);
      memcpy(to + input, from, state);
      from = y + (size_t)t * state;
    }
  }
}

/* y[rows, hidden] = columns [first, first + n) of what is given, times the rows of gate k's weights that belong to them
 */
static void product(const layer *l, int64_t first, int64_t n, int64_t k, char *y) {
  const char *weights = l->weights + (size_t)(first * l->width + k * l->hidden) * l->size;
  kv_gemm(l->dtype, (kv_matrix){l->given + (size_t)first * l->size, l->rows, n, l->depth, 1},
          (kv_matrix){weights, n, l->hidden, l->width, 1}, y, l->hidden);
}

/* y += x, and the bias: a number for each column, or NULL. */
static void add_to(const layer *l, char *y, const char *x, const char *bias) {
  FOR_FLOATS(l->dtype, T, {
    T *to = (T *)y;
    const T *from = (const T *)x;
    const T *more = (const T *)bias;
    for (int64_t i = 0; i < l->rows; i++)
      for (int64_t j = 0; j < l->hidden; j++, to++) *to += (from ? *from++ : 0) + (more ? more[j] : 0);
  });
}

/* gate[k]: what the inputs give to it, the bias, and where `state`, what the states before give. */
static void sum_gate(layer *l, int64_t k, bool state) {
  product(l, 0, state ? l->depth : l->o->inputs, k, l->gate[k]);
  add_to(l, l->gate[k], NULL, gate_part(l, l->o->b, k, 1));
}

/* The cells before each step, and tanh of those after it. */
static void find_cells(layer *l) {
  const kv_sequence *o = l->o;
  int64_t n = l->hidden;
  FOR_FLOATS(l->dtype, T, {
    for (int64_t b = 0; b < o->batch; b++) {
      const T *before = (const T *)o->c->data + ((o->first + b) * o->directions + l->at) * n;
      for (int64_t step = 0; step < o->steps; step++) {
        int64_t t = kv_sequence_place(o, l->reverse, b, step), at = (b * o->steps + t) * n;
        if (t < 0) break;
        T *c = (T *)l->cell + at;
        T *after = (T *)l->tanh_cell + at;
        const T *f = (const T *)l->gate[0] + at;
        const T *i = (const T *)l->gate[1] + at;
        const T *g = (const T *)l->gate[2] + at;
        memcpy(c, before, (size_t)n * sizeof *c);
        for (int64_t j = 0; j < n; j++) after[j] = f[j] * c[j] + i[j] * g[j];
        before = after;
      }
    }
  });
  apply(l, KV_LOOP_Tanh, l->tanh_cell, l->tanh_cell);
}

/* A plain GRU: r h. */
static void reset_states(layer *l) {
  FOR_FLOATS(l->dtype, T, {
    T *own = (T *)l->own;
    const T *r = (const T *)l->gate[1];
    const T *prev = (const T *)l->given + l->o->inputs;
    for (int64_t i = 0; i < l->rows; i++, prev += l->depth)
      for (int64_t j = 0; j < l->hidden; j++) *own++ = *r++ * prev[j];
  });
}

static void find_gates(layer *l) {
  const kv_sequence *o = l->o;
  if (o->kind == KV_RNNSequence) {
    for (int64_t b = 0; b < o->batch; b++)
      memcpy(array_row(l, l->gate[0], b * o->steps, l->hidden),
             o->y->data + (size_t)(((o->first + b) * o->directions + l->at) * o->steps * l->hidden) * l->size,
             (size_t)(o->steps * l->hidden) * l->size);
    return;
  }
  int64_t sigmoids = o->lstm ? 4 : 2;
  for (int64_t k = 0; k < sigmoids; k++) {
    sum_gate(l, k, true);
    apply(l, o->lstm && k == 2 ? KV_LOOP_Tanh : KV_LOOP_Sigmoid, l->gate[k], l->gate[k]);
  }
  if (o->lstm) {
    find_cells(l);
    return;
  }
  const char *r = l->gate[1];
  sum_gate(l, 2, false);
  if (l->plain) { /* (r h) R^T */
    reset_states(l);
    kv_sequence_product(l->dtype, l->own, l->rows, l->hidden, gate_part(l, o->r, 2, l->hidden), l->hidden, l->room);
  } else { /* r (h R^T + b) */
    product(l, o->inputs, l->hidden, 2, l->own);
    add_to(l, l->own, NULL, gate_part(l, o->b, 3, 1));
    kv_elementwise_flat(KV_LOOP_Multiply, l->dtype, 2, (const void *const[]){r, l->own}, l->rows * l->hidden, l->room,
                        NULL);
  }
  add_to(l, l->gate[2], l->room, NULL);
  apply(l, KV_LOOP_Tanh, l->gate[2], l->gate[2]);
}

/* ---- one step of one sequence ----
 *
 * dh: the cotangent of the state after the step. `now` gets those of the gates' sums, `kept` what goes to the state
 * before without a product. */

#define ROW(T, array) const T *array##_ = (const T *)(l->array) + row * n

static void lstm_row(layer *l, int64_t row, int64_t b, const char *dy) {
  int64_t n = l->hidden;
  FOR_FLOATS(l->dtype, T, {
    ROW(T, cell);
    ROW(T, tanh_cell);
    const T *f = (const T *)l->gate[0] + row * n;
    const T *i = (const T *)l->gate[1] + row * n;
    const T *g = (const T *)l->gate[2] + row * n;
    const T *o = (const T *)l->gate[3] + row * n;
    const T *dh = (const T *)l->dh + b * n;
    T *dc = (T *)l->dc + b * n;
    T *to = (T *)l->now + b * 4 * n;
    for (int64_t j = 0; j < n; j++) {
      T of_h = dh[j] + ((const T *)dy)[j];
      T of_c = dc[j] + of_h * o[j] * (1 - tanh_cell_[j] * tanh_cell_[j]);
      to[j] = of_c * cell_[j] * f[j] * (1 - f[j]);
      to[n + j] = of_c * g[j] * i[j] * (1 - i[j]);
      to[2 * n + j] = of_c * i[j] * (1 - g[j] * g[j]);
      to[3 * n + j] = of_h * tanh_cell_[j] * o[j] * (1 - o[j]);
      dc[j] = of_c * f[j];
    }
  });
}

/* Of r's sum: for a plain GRU that is known after a product (plain_step). */
static void gru_row(layer *l, int64_t row, int64_t b, const char *dy) {
  int64_t n = l->hidden;
  FOR_FLOATS(l->dtype, T, {
    ROW(T, own);
    const T *prev = (const T *)l->given + row * l->depth + l->o->inputs;
    const T *z = (const T *)l->gate[0] + row * n;
    const T *r = (const T *)l->gate[1] + row * n;
    const T *h = (const T *)l->gate[2] + row * n;
    const T *dh = (const T *)l->dh + b * n;
    T *kept = (T *)l->kept + b * n;
    T *to = (T *)l->now + b * 3 * n;
    T *sums = (T *)l->sums + row * l->sums_step;
    for (int64_t j = 0; j < n; j++) {
      T of_h = dh[j] + ((const T *)dy)[j];
      T of_sum = of_h * (1 - z[j]) * (1 - h[j] * h[j]);
      to[j] = of_h * (prev[j] - h[j]) * z[j] * (1 - z[j]);
      to[n + j] = of_sum * own_[j] * r[j] * (1 - r[j]);
      to[2 * n + j] = l->plain ? of_sum : of_sum * r[j];
      sums[2 * n + j] = of_sum;
      kept[j] = of_h * z[j];
    }
  });
}

static void rnn_row(layer *l, int64_t row, int64_t b, const char *dy) {
  int64_t n = l->hidden;
  kv_loop_id activation = l->o->activation;
  FOR_FLOATS(l->dtype, T, {
    const T *y = (const T *)l->gate[0] + row * n;
    const T *dh = (const T *)l->dh + b * n;
    T *to = (T *)l->now + b * n;
    for (int64_t j = 0; j < n; j++) {
      T slope = activation == KV_LOOP_ReLU      ? (T)(y[j] > 0)
                : activation == KV_LOOP_Sigmoid ? y[j] * (1 - y[j])
                                                : 1 - y[j] * y[j];
      to[j] = (dh[j] + ((const T *)dy)[j]) * slope;
    }
  });
}

/* ---- the steps ---- */

/* y[batch, hidden] = (columns of `now` from gate `from`) R's rows of these gates */
static void to_state(const layer *l, int64_t from, int64_t gates, char *y) {
  int64_t n = l->hidden, k = gates * n;
  kv_gemm(l->dtype, (kv_matrix){l->now + (size_t)(from * n) * l->size, l->o->batch, k, l->width, 1},
          (kv_matrix){gate_part(l, l->o->r, from, n), k, n, n, 1}, y, n);
}

/* A plain GRU: what comes back to r h divides between r and h. */
static void plain_step(layer *l, int64_t step) {
  int64_t n = l->hidden;
  to_state(l, 2, 1, l->reset);
  FOR_FLOATS(l->dtype, T, {
    for (int64_t b = 0; b < l->o->batch; b++) {
      int64_t t = kv_sequence_place(l->o, l->reverse, b, step), row = b * l->o->steps + t;
      if (t < 0) continue;
      const T *prev = (const T *)l->given + row * l->depth + l->o->inputs;
      const T *r = (const T *)l->gate[1] + row * n;
      const T *reset = (const T *)l->reset + b * n;
      T *kept = (T *)l->kept + b * n;
      T *to = (T *)l->now + b * 3 * n + n;
      for (int64_t j = 0; j < n; j++) {
        to[j] = reset[j] * prev[j] * r[j] * (1 - r[j]);
        kept[j] += reset[j] * r[j];
      }
    }
  });
}

/* What the step found, at its place: the cotangents of the sums, of h's apart where the state's part is another. */
static void keep_sums(layer *l, int64_t row, int64_t b) {
  size_t state = (size_t)l->hidden * l->size, width = (size_t)l->width * l->size;
  char *now = l->now + (size_t)b * width, *sums = l->sums + (size_t)(row * l->sums_step) * l->size;
  memcpy(sums, now, l->state_sums ? 2 * state : width);
  if (l->state_sums) memcpy(l->state_sums + (size_t)row * state, now + 2 * state, state);
}

static void step_back(layer *l, int64_t step) {
  const kv_sequence *o = l->o;
  size_t state = (size_t)l->hidden * l->size;
  if (!l->full) memset(l->now, 0, (size_t)(o->batch * l->width) * l->size);
  for (int64_t b = 0; b < o->batch; b++) {
    int64_t t = kv_sequence_place(o, l->reverse, b, step), row = b * o->steps + t;
    if (t < 0) continue;
    const char *dy = o->dy->data + (size_t)(((o->first + b) * o->directions + l->at) * o->steps + t) * state;
    if (o->lstm)
      lstm_row(l, row, b, dy);
    else if (o->kind == KV_GRUSequence)
      gru_row(l, row, b, dy);
    else
      rnn_row(l, row, b, dy);
  }
  if (l->plain) plain_step(l, step);
  to_state(l, 0, l->plain ? 2 : kv_sequence_gates(o), l->reset);
  for (int64_t b = 0; b < o->batch; b++) {
    int64_t t = kv_sequence_place(o, l->reverse, b, step);
    if (t < 0) continue; /* its end is still to come */
    keep_sums(l, b * o->steps + t, b);
    FOR_FLOATS(l->dtype, T, {
      for (int64_t j = b * l->hidden; j < (b + 1) * l->hidden; j++)
        ((T *)l->dh)[j] = ((const T *)l->reset)[j] + ((const T *)l->kept)[j];
    });
  }
}

/* ---- over all steps ---- */

/* y[columns, n] = (columns of a [rows, a_step])^T b [rows, n], whose rows are b_step apart */
static void over_steps(const layer *l, const char *a, int64_t columns, int64_t a_step, const char *b, int64_t n,
                       int64_t b_step, char *y) {
  kv_gemm(l->dtype, (kv_matrix){a, columns, l->rows, 1, a_step}, (kv_matrix){b, l->rows, n, b_step, 1}, y, n);
}

static void sum_rows(const layer *l, const char *a, int64_t n, int64_t step, char *y) {
  memset(y, 0, (size_t)n * l->size);
  FOR_FLOATS(l->dtype, T, {
    for (int64_t i = 0; i < l->rows; i++)
      for (int64_t j = 0; j < n; j++) ((T *)y)[j] += ((const T *)a)[i * step + j];
  });
}

static void give_weights(const layer *l, char *dw, char *dr, char *db) {
  const kv_sequence *o = l->o;
  int64_t n = l->hidden, common = o->kind == KV_GRUSequence ? 2 * n : l->width; /* of what the state gives */
  const char *prev = l->given + (size_t)o->inputs * l->size;
  over_steps(l, l->sums, l->width, l->sums_step, l->given, o->inputs, l->depth, dw);
  over_steps(l, l->sums, common, l->sums_step, prev, n, l->depth, dr);
  sum_rows(l, l->sums, l->width, l->sums_step, db);
  if (o->kind != KV_GRUSequence) return;
  dr += (size_t)(common * n) * l->size;
  if (l->plain) {
    over_steps(l, l->sums + (size_t)common * l->size, n, l->sums_step, l->own, n, n, dr);
  } else {
    over_steps(l, l->state_sums, n, n, prev, n, l->depth, dr);
    sum_rows(l, l->state_sums, n, n, db + (size_t)l->width * l->size);
  }
}

/* ---- directions, and blocks of their sequences ---- */

/* The arrays that have a part for each sequence, one behind the other from `memory` on, each from the part of the first
 * sequence at hand; where `memory` is NULL, nothing is laid. Elements of a sequence in all of them. */
static int64_t lay_arrays(layer *l, char *memory) {
  const kv_sequence *o = l->o;
  bool gru = o->kind == KV_GRUSequence;
  int64_t gates = kv_sequence_gates(o), n = l->hidden, states = o->steps * n, total = 0;
  struct {
    char **array;
    int64_t each;
  } all[] = {
      {&l->gate[0], states},
      {&l->gate[1], gates > 1 ? states : 0},
      {&l->gate[2], gates > 1 ? states : 0},
      {&l->gate[3], o->lstm ? states : 0},
      {&l->given, o->steps * l->depth},
      {&l->cell, o->lstm ? states : 0},
      {&l->tanh_cell, o->lstm ? states : 0},
      {&l->own, gru ? states : 0},
      {&l->room, gru ? states : 0},
      {&l->state_sums, gru && !l->plain ? states : 0},
      {&l->now, n * gates},
      {&l->dh, n},
      {&l->dc, o->lstm ? n : 0},
      {&l->kept, n},
      {&l->reset, n},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    int64_t at = total * l->batch + all[i].each * o->first;
    if (memory && all[i].each) *all[i].array = memory + (size_t)at * l->size;
    total += all[i].each;
  }
  return total;
}

/* What all blocks share. */
typedef struct backward {
  layer layers[2]; /* of each direction, all sequences */
  kvino_tensor **out;
} backward;

static void run_block(void *context, const kv_sequence *o, int64_t at) {
  const backward *all = context;
  layer l = all->layers[at];
  kvino_tensor **out = all->out;
  l.o = o;
  l.rows = o->batch * o->steps;
  l.sums += (size_t)(o->first * o->steps * l.sums_step) * l.size;
  lay_arrays(&l, l.memory);
  memset(l.kept, 0, (size_t)(o->batch * l.hidden) * l.size);
  kv_sequence_copy(o, l.size, l.dh, kv_sequence_state(o, o->dh, at), 1, o->directions);
  if (o->lstm) kv_sequence_copy(o, l.size, l.dc, kv_sequence_state(o, o->dc, at), 1, o->directions);
  place_given(&l);
  find_gates(&l);
  for (int64_t step = o->steps - 1; step >= 0; step--) step_back(&l, step);
  kv_sequence_copy(o, l.size, kv_sequence_state(o, out[1], at), l.dh, o->directions, 1);
  if (o->lstm) kv_sequence_copy(o, l.size, kv_sequence_state(o, out[2], at), l.dc, o->directions, 1);
}

static void start_layer(layer *l, const kv_sequence *o, int64_t at, kvino_tensor *sums) {
  *l = (layer){.o = o, .dtype = (kvino_dtype)o->x->dtype, .at = at, .hidden = o->hidden, .batch = o->batch};
  l->size = kvino_dtype_size(l->dtype);
  l->reverse = kv_sequence_is_reverse(o, at);
  l->full = kv_sequence_is_full(o);
  l->plain = o->kind == KV_GRUSequence && !o->linear_before_reset;
  l->width = kv_sequence_gates(o) * o->hidden;
  l->depth = o->inputs + o->hidden;
  l->rows = o->batch * o->steps;
  l->sums_step = l->width * o->directions;
  l->sums = sums->data + (size_t)(at * l->width) * l->size;
}

/* The memory of a direction: the weights, transposed, and the arrays. Where a sequence is shorter, what no step writes
 * is 0. */
static void take_memory(layer *l, char *memory, size_t bytes) {
  const kv_sequence *o = l->o;
  if (!l->full) memset(memory, 0, bytes);
  l->weights = memory;
  l->memory = memory + (size_t)(l->depth * l->width) * l->size;
  lay_arrays(l, l->memory);
  kv_sequence_transpose(l->dtype, kv_sequence_part(o->w, l->at), l->width, o->inputs, l->weights, l->width);
  kv_sequence_transpose(l->dtype, kv_sequence_part(o->r, l->at), l->width, l->hidden,
                        l->weights + (size_t)(o->inputs * l->width) * l->size, l->width);
}

/* Bytes of a direction's memory; -1: more than can be counted. */
static int64_t memory_of(layer *l) {
  int64_t n, bytes = -1;
  if (__builtin_mul_overflow(l->o->steps, (l->width + l->depth) * 4, &n) || n > INT64_MAX / 256) return -1;
  if (__builtin_mul_overflow(lay_arrays(l, NULL), l->batch, &n) || __builtin_add_overflow(n, l->depth * l->width, &n) ||
      __builtin_mul_overflow(n, (int64_t)l->size, &bytes))
    return -1;
  return bytes <= INT64_MAX / 2 ? bytes : -1;
}

static kvino_status run_backward(const kv_sequence *o, kvino_tensor **out, kvino_error *err) {
  backward all = {.out = out};
  for (int64_t at = 0; at < o->directions; at++) start_layer(&all.layers[at], o, at, out[0]);
  int64_t bytes = memory_of(&all.layers[0]);
  if (bytes < 0) return kv_fail(err, KVINO_OVERFLOW, "a sequence of %lld steps is too large", (long long)o->steps);
  size_t room = (size_t)bytes * (size_t)o->directions;
  char *memory = kv_block_new(room);
  if (!memory) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a sequence of %lld steps", (long long)o->steps);
  for (int64_t at = 0; at < o->directions; at++) take_memory(&all.layers[at], memory + at * bytes, (size_t)bytes);
  kv_sequence_blocks(o, run_block, &all);
  kvino_tensor **weights = out + (o->lstm ? 3 : 2);
  for (int64_t at = 0; at < o->directions; at++)
    give_weights(&all.layers[at], kv_sequence_part(weights[0], at), kv_sequence_part(weights[1], at),
                 kv_sequence_part(weights[2], at));
  kv_block_free(memory, room);
  return KVINO_OK;
}

kvino_status kv_eval_sequence_back(kv_call *c) { return kv_sequence_run(c, run_backward); }
