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

/* One direction at work. Arrays are of the dtype. */
typedef struct layer {
  const kv_sequence *o;
  kvino_dtype dtype;
  size_t size;                 /* of an element */
  int64_t at;                  /* the direction */
  bool reverse, full;          /* full: no sequence is shorter than the steps */
  bool plain;                  /* a GRU that resets the state before its product */
  int64_t rows, hidden, width; /* batch * steps; gates * hidden */
  char *gate[4];               /* what the activations gave, [rows, hidden] each */
  char *x;                     /* [rows, inputs] */
  char *prev;                  /* the state before each step */
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

/* Row i of gate k of W or R, or of the biases. */
static const char *gate_part(const layer *l, const kvino_tensor *t, int64_t k, int64_t columns) {
  return kv_sequence_part(t, l->at) + (size_t)(k * l->hidden * columns) * l->size;
}

static void apply(const layer *l, kv_loop_id id, const char *x, char *y) {
  kv_elementwise_flat(id, l->dtype, 1, (const void *const[]){x}, l->rows * l->hidden, y, NULL);
}

/* ---- what the forward direction had ---- */

/* Inputs and the states before each step, at the places that belong to the sequences. */
static void place_states(layer *l) {
  const kv_sequence *o = l->o;
  size_t state = (size_t)l->hidden * l->size, input = (size_t)o->inputs * l->size;
  for (int64_t b = 0; b < o->batch; b++) {
    const char *from = o->h->data + (size_t)(b * o->directions + l->at) * state;
    const char *y = o->y->data + (size_t)((b * o->directions + l->at) * o->steps) * state;
    for (int64_t step = 0; step < o->steps; step++) {
      int64_t t = kv_sequence_place(o, l->reverse, b, step), row = b * o->steps + t;
      if (t < 0) break;
      memcpy(l->prev + (size_t)row * state, from, state);
      memcpy(l->x + (size_t)row * input, o->x->data + (size_t)row * input, input);
      from = y + (size_t)t * state;
    }
  }
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
  const kv_sequence *o = l->o;
  kv_sequence_product(l->dtype, l->x, l->rows, o->inputs, gate_part(l, o->w, k, o->inputs), l->hidden, l->gate[k]);
  if (state)
    kv_sequence_product(l->dtype, l->prev, l->rows, l->hidden, gate_part(l, o->r, k, l->hidden), l->hidden, l->room);
  add_to(l, l->gate[k], state ? l->room : NULL, gate_part(l, o->b, k, 1));
}

/* The cells before each step, and tanh of those after it. */
static void find_cells(layer *l) {
  const kv_sequence *o = l->o;
  int64_t n = l->hidden;
  FOR_FLOATS(l->dtype, T, {
    for (int64_t b = 0; b < o->batch; b++) {
      const T *before = (const T *)o->c->data + (b * o->directions + l->at) * n;
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

static void find_gates(layer *l) {
  const kv_sequence *o = l->o;
  if (o->kind == KV_RNNSequence) {
    for (int64_t b = 0; b < o->batch; b++)
      memcpy(array_row(l, l->gate[0], b * o->steps, l->hidden),
             o->y->data + (size_t)((b * o->directions + l->at) * o->steps * l->hidden) * l->size,
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
  const char *r = l->gate[1], *last = gate_part(l, o->r, 2, l->hidden);
  sum_gate(l, 2, false);
  if (l->plain) { /* (r h) R^T */
    kv_elementwise_flat(KV_LOOP_Multiply, l->dtype, 2, (const void *const[]){r, l->prev}, l->rows * l->hidden, l->own,
                        NULL);
    kv_sequence_product(l->dtype, l->own, l->rows, l->hidden, last, l->hidden, l->room);
  } else { /* r (h R^T + b) */
    kv_sequence_product(l->dtype, l->prev, l->rows, l->hidden, last, l->hidden, l->own);
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
    ROW(T, prev);
    ROW(T, own);
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
      to[j] = of_h * (prev_[j] - h[j]) * z[j] * (1 - z[j]);
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
      ROW(T, prev);
      const T *r = (const T *)l->gate[1] + row * n;
      const T *reset = (const T *)l->reset + b * n;
      T *kept = (T *)l->kept + b * n;
      T *to = (T *)l->now + b * 3 * n + n;
      for (int64_t j = 0; j < n; j++) {
        to[j] = reset[j] * prev_[j] * r[j] * (1 - r[j]);
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
    const char *dy = o->dy->data + (size_t)((b * o->directions + l->at) * o->steps + t) * state;
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

/* y[columns, n] = (columns of a [rows, width])^T b [rows, n] */
static void over_steps(const layer *l, const char *a, int64_t columns, int64_t width, const char *b, int64_t n,
                       char *y) {
  kv_gemm(l->dtype, (kv_matrix){a, columns, l->rows, 1, width}, (kv_matrix){b, l->rows, n, n, 1}, y, n);
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
  over_steps(l, l->sums, l->width, l->sums_step, l->x, o->inputs, dw);
  over_steps(l, l->sums, common, l->sums_step, l->prev, n, dr);
  sum_rows(l, l->sums, l->width, l->sums_step, db);
  if (o->kind != KV_GRUSequence) return;
  dr += (size_t)(common * n) * l->size;
  if (l->plain) {
    over_steps(l, l->sums + (size_t)common * l->size, n, l->sums_step, l->own, n, dr);
  } else {
    over_steps(l, l->state_sums, n, n, l->prev, n, dr);
    sum_rows(l, l->state_sums, n, n, db + (size_t)l->width * l->size);
  }
}

static void copy_state(const layer *l, char *to, const char *from, int64_t to_step, int64_t from_step) {
  size_t bytes = (size_t)l->hidden * l->size;
  for (int64_t b = 0; b < l->o->batch; b++)
    memcpy(to + (size_t)(b * to_step) * bytes, from + (size_t)(b * from_step) * bytes, bytes);
}

/* ---- a direction ---- */

/* Every array in one block: the block, or NULL. What no step writes is 0. */
static char *take_arrays(layer *l, kvino_error *err) {
  const kv_sequence *o = l->o;
  bool gru = o->kind == KV_GRUSequence;
  int64_t gates = kv_sequence_gates(o), states = l->rows * l->hidden, one = o->batch * l->hidden;
  struct {
    char **array;
    int64_t n;
  } all[] = {
      {&l->gate[0], states},
      {&l->gate[1], gates > 1 ? states : 0},
      {&l->gate[2], gates > 1 ? states : 0},
      {&l->gate[3], o->lstm ? states : 0},
      {&l->x, l->rows * o->inputs},
      {&l->prev, states},
      {&l->cell, o->lstm ? states : 0},
      {&l->tanh_cell, o->lstm ? states : 0},
      {&l->own, gru ? states : 0},
      {&l->room, states},
      {&l->state_sums, gru && !l->plain ? states : 0},
      {&l->now, one * gates},
      {&l->dh, one},
      {&l->dc, o->lstm ? one : 0},
      {&l->kept, one},
      {&l->reset, one},
  };
  int64_t total = 0;
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (__builtin_add_overflow(total, all[i].n, &total)) total = INT64_MAX / 16;
  char *memory = total < INT64_MAX / 16 ? kv_malloc((size_t)total * l->size + 1) : NULL, *next = memory;
  if (!memory) kv_fail(err, KVINO_NO_MEMORY, "out of memory for a sequence of %lld steps", (long long)o->steps);
  for (size_t i = 0; i < sizeof all / sizeof *all && memory; next += (size_t)all[i].n * l->size, i++)
    if (all[i].n) *all[i].array = next;
  if (memory && !l->full) memset(memory, 0, (size_t)total * l->size);
  if (memory) memset(l->kept, 0, (size_t)one * l->size);
  return memory;
}

/* Whether no sequence is shorter than the steps. */
static bool are_full(const kv_sequence *o) {
  for (int64_t b = 0; b < o->batch; b++)
    if (kv_tensor_get_int(o->lengths, b) < o->steps) return false;
  return true;
}

/* Whether the arrays of all steps can be counted. */
static bool is_countable(const layer *l) {
  int64_t n;
  return !__builtin_mul_overflow(l->rows, (l->width + l->o->inputs) * 2, &n) && n < INT64_MAX / 256;
}

static kvino_status run_direction(const kv_sequence *o, int64_t at, kvino_tensor **out, kvino_error *err) {
  layer l = {.o = o, .dtype = (kvino_dtype)o->x->dtype, .at = at, .hidden = o->hidden};
  l.size = kvino_dtype_size(l.dtype);
  l.reverse = at || (o->direction && !strcmp(o->direction, "reverse"));
  l.plain = o->kind == KV_GRUSequence && !o->linear_before_reset;
  l.width = kv_sequence_gates(o) * o->hidden;
  l.full = are_full(o);
  l.sums_step = l.width * o->directions;
  l.sums = out[0]->data + (size_t)(at * l.width) * l.size;
  if (__builtin_mul_overflow(o->batch, o->steps, &l.rows) || !is_countable(&l))
    return kv_fail(err, KVINO_OVERFLOW, "a sequence of %lld steps is too large", (long long)o->steps);
  char *memory = take_arrays(&l, err);
  if (!memory) return KVINO_NO_MEMORY;
  size_t d = (size_t)(at * o->hidden) * l.size;
  copy_state(&l, l.dh, o->dh->data + d, 1, o->directions);
  if (o->lstm) copy_state(&l, l.dc, o->dc->data + d, 1, o->directions);
  place_states(&l);
  find_gates(&l);
  for (int64_t step = o->steps - 1; step >= 0; step--) step_back(&l, step);
  copy_state(&l, out[1]->data + d, l.dh, o->directions, 1);
  if (o->lstm) copy_state(&l, out[2]->data + d, l.dc, o->directions, 1);
  kvino_tensor **weights = out + (o->lstm ? 3 : 2);
  give_weights(&l, kv_sequence_part(weights[0], at), kv_sequence_part(weights[1], at),
               kv_sequence_part(weights[2], at));
  kv_free(memory);
  return KVINO_OK;
}

kvino_status kv_eval_sequence_back(kv_call *c) { return kv_sequence_run(c, run_direction); }
