/* Derivatives of LSTMSequence, GRUSequence and RNNSequence: a primitive (prim/sequence_back.c), and what that computes
 * by operators, for its own derivatives; one direction after the other, time first.
 *
 * The gates of all steps follow from the inputs and the states, which the outputs give: one product for each. A Loop in
 * reverse carries the cotangents of the state; what it multiplies them with was computed before for all steps. The
 * weights' cotangents are products over all steps again. */
#include <string.h>

#include "grad/bodies.h"

/* Operands by name; GRU has no cell. */
enum { X, H, C, LENGTHS, W, R, B, N_NAMES };

typedef struct sequence {
  kv_grad *g;
  kv_scope *s;
  bool lstm, linear_before_reset, masked; /* masked: some sequences may be shorter */
  const char *activation;                 /* of RNNSequence */
  int64_t directions, hidden;
  const char *direction;
  size_t place[N_NAMES];      /* of the operands */
  kvino_tensor *const *in;    /* the operands */
  kvino_tensor *y, *d_out[3]; /* the outputs of all steps; the cotangents of the outputs */
  kvino_tensor *lengths;
  kvino_tensor *valid; /* [T, B, 1], bool; NULL unless masked */
  kvino_tensor *steps; /* T */
} sequence;

/* One direction: time first, in the order of its steps. */
typedef struct layer {
  const sequence *q;
  kv_scope *s;
  bool reverse;
  kvino_tensor *x, *prev, *h, *c; /* inputs, states before each step [T, B, ..]; the first states [B, H] */
  kvino_tensor *y;                /* states after each step */
  kvino_tensor *w, *r, *b;
  kvino_tensor *dy, *dh, *dc; /* cotangents: [T, B, H], of the last states [B, H] */
  kvino_tensor *d[N_NAMES];   /* what comes out: as the operands, without directions; X: of what x gives to the gates */
} layer;

#define MOST_GIVEN 8

static kvino_tensor *number(const layer *l, const kvino_tensor *like, double value) {
  return l->s->status ? NULL : kv_like(l->s, like, value);
}

static kvino_tensor *where_valid(const layer *l, kvino_tensor *t, double otherwise) {
  if (!l->q->masked || l->s->status) return t;
  return kv_select(l->s, l->q->valid, t, number(l, t, otherwise));
}

static kvino_tensor *join(const layer *l, size_t n, kvino_tensor *const *t) {
  return kv_concat(l->s, n, t, (kv_axis_attrs){.axis = -1});
}

static kvino_tensor *times(const layer *l, kvino_tensor *a, kvino_tensor *b, bool transposed) {
  return kv_mat_mul(l->s, a, b, (kv_matmul_attrs){.transpose_b = transposed});
}

static kvino_tensor *multiply3(const layer *l, kvino_tensor *a, kvino_tensor *b, kvino_tensor *c) {
  return kv_multiply(l->s, kv_multiply(l->s, a, b), c);
}

/* 1 - t */
static kvino_tensor *complement(const layer *l, kvino_tensor *t) {
  return l->s->status ? NULL : kv_subtract(l->s, number(l, t, 1), t);
}

/* t (1 - t): the derivative of the sigmoid that is t */
static kvino_tensor *slope(const layer *l, kvino_tensor *t) { return kv_multiply(l->s, t, complement(l, t)); }
/* 1 - t^2: that of the tanh */
static kvino_tensor *slope_of_tanh(const layer *l, kvino_tensor *t) { return complement(l, kv_multiply(l->s, t, t)); }

static kvino_tensor *columns(const layer *l, kvino_tensor *t, int64_t gate, int64_t n) {
  return l->s->status ? NULL : kv_cut(l->s, t, t->rank - 1, gate * l->q->hidden, (gate + n) * l->q->hidden);
}

/* Rows of a matrix that belong to gates. */
static kvino_tensor *gate_rows(const layer *l, kvino_tensor *t, int64_t gate, int64_t n) {
  return l->s->status ? NULL : kv_cut(l->s, t, 0, gate * l->q->hidden, (gate + n) * l->q->hidden);
}

static kvino_tensor *as_matrix(const layer *l, kvino_tensor *t) {
  if (l->s->status) return NULL;
  int64_t n = t->shape[2];
  if (n >= 0) return kv_reshape_to(l->s, t, 2, (int64_t[]){-1, n});
  kvino_tensor *parts[] = {KV_VECTOR(l->s, -1), kv_unsqueeze(l->s, kv_dimension(l->s, t, 2), KV_VECTOR(l->s, 0))};
  return kv_reshape(l->s, t, kv_concat(l->s, 2, parts, (kv_axis_attrs){.axis = 0}),
                    (kv_reshape_attrs){.special_zero = false});
}

/* The cotangent of weights w in y = x w^T, over all steps. */
static kvino_tensor *over_steps(const layer *l, kvino_tensor *dy, kvino_tensor *x) {
  return kv_mat_mul(l->s, as_matrix(l, dy), as_matrix(l, x), (kv_matmul_attrs){.transpose_a = true});
}

static kvino_tensor *sum_steps(const layer *l, kvino_tensor *dy) {
  return kv_reduce_sum(l->s, dy, KV_VECTOR(l->s, 0, 1), (kv_keep_dims_attrs){.keep_dims = false});
}

/* ---- Loops over the steps ---- */

/* What a step is given of its own and carries, and what it makes of it. */
typedef struct step {
  size_t n_given, n_carried, n_stacked;
  kvino_tensor *given[MOST_GIVEN], *carried[2], *stacked[2]; /* given: slices */
} step;

typedef void (*step_rule)(const layer *l, step *t);

/* Runs `rule` over the steps, in reverse unless `ahead`. t: everything for all steps at first, then the last carried
 * and the stacked values, which stand in the order of the steps. */
static void run(layer *l, bool ahead, step *t, step_rule rule) {
  kv_scope *s = l->s;
  kv_graph *before;
  kvino_tensor *last = s->status ? NULL : kv_subtract(s, l->q->steps, kv_int(s, KVINO_I64, 1));
  kv_graph *body = kv_body_begin(l->q->g, &before);
  if (!body) return;
  step inner = *t;
  kvino_tensor *at = kv_body_take(s, body, KVINO_I64, 0, NULL);
  for (size_t i = 0; i < t->n_carried && !s->status; i++) {
    const kvino_tensor *c = t->carried[i];
    inner.carried[i] = kv_body_take(s, body, (kvino_dtype)c->dtype, c->rank, c->shape);
  }
  if (!ahead) at = kv_subtract(s, last, at);
  for (size_t i = 0; i < t->n_given; i++) inner.given[i] = kv_slice_at(s, t->given[i], at);
  if (!s->status) rule(l, &inner);
  kv_body_give(s, body, kv_int(s, KVINO_BOOL, 1));
  for (size_t i = 0; i < t->n_carried; i++) kv_body_give(s, body, inner.carried[i]);
  for (size_t i = 0; i < inner.n_stacked; i++)
    kv_body_give(s, body, kv_unsqueeze(s, inner.stacked[i], KV_VECTOR(s, 0)));
  kv_graph_record_in(before);
  kvino_tensors v = kv_loop_of(s, l->q->steps, t->n_carried, t->carried, body);
  if (s->status) return;
  t->n_stacked = inner.n_stacked;
  for (size_t i = 0; i < t->n_carried; i++) t->carried[i] = v.v[i];
  for (size_t i = 0; i < t->n_stacked; i++) {
    kvino_tensor *y = v.v[t->n_carried + i];
    t->stacked[i] = ahead ? y : op_flip(s, y, KVINO_INTS(0));
  }
}

/* What of dh goes to the step before without the step: all where the sequence is at its end. */
static kvino_tensor *past_the_end(const layer *l, kvino_tensor *like) {
  kvino_tensor *zero = number(l, like, 0);
  return l->q->masked && zero ? kv_select(l->s, l->q->valid, zero, number(l, like, 1)) : NULL;
}

/* ---- LSTM ---- */

/* The cell: c' = f c + i g. Stacked: c before each step. */
static void cell_step(const layer *l, step *t) {
  t->stacked[0] = t->carried[0];
  t->n_stacked = 1;
  t->carried[0] = kv_add(l->s, kv_multiply(l->s, t->given[0], t->carried[0]), t->given[1]);
}

/* given: dy, d c / d h, the derivatives of the gates' sums (f, i, c by dc; o by dh), f, R, and what passes the end. */
static void lstm_step(const layer *l, step *t) {
  kv_scope *s = l->s;
  kvino_tensor *dh = kv_add(s, t->carried[0], t->given[0]);
  kvino_tensor *dc = kv_add(s, t->carried[1], kv_multiply(s, dh, t->given[1]));
  kvino_tensor *sums = kv_multiply(s, join(l, 4, (kvino_tensor *[]){dc, dc, dc, dh}), t->given[2]);
  kvino_tensor *back = times(l, sums, l->r, false);
  if (l->q->masked) back = kv_add(s, back, kv_multiply(s, dh, t->given[4]));
  t->carried[0] = back;
  t->carried[1] = kv_multiply(s, dc, t->given[3]);
  t->stacked[0] = sums;
  t->n_stacked = 1;
}

static void differentiate_lstm(layer *l) {
  kv_scope *s = l->s;
  kvino_tensor *sums = kv_add(s, kv_add(s, times(l, l->x, l->w, true), times(l, l->prev, l->r, true)), l->b);
  kvino_tensor *f = kv_sigmoid(s, columns(l, sums, 0, 1)), *i = kv_sigmoid(s, columns(l, sums, 1, 1)),
               *g = kv_tanh(s, columns(l, sums, 2, 1)), *o = kv_sigmoid(s, columns(l, sums, 3, 1));
  kvino_tensor *kept = where_valid(l, f, 1), *added = where_valid(l, kv_multiply(s, i, g), 0);
  step cell = {.n_given = 2, .given = {kept, added}, .n_carried = 1, .carried = {l->c}};
  if (!s->status) run(l, true, &cell, cell_step);
  kvino_tensor *c = cell.stacked[0], *tanh_c = kv_tanh(s, kv_add(s, kv_multiply(s, kept, c), added));
  kvino_tensor *factors[] = {multiply3(l, c, f, complement(l, f)), multiply3(l, g, i, complement(l, i)),
                             kv_multiply(s, i, slope_of_tanh(l, g)), multiply3(l, tanh_c, o, complement(l, o))};
  step back = {.n_given = l->q->masked ? 5 : 4,
               .given = {l->dy, where_valid(l, kv_multiply(s, o, slope_of_tanh(l, tanh_c)), 0),
                         where_valid(l, join(l, 4, factors), 0), kept, past_the_end(l, l->x)},
               .n_carried = 2,
               .carried = {l->dh, l->dc}};
  if (!s->status) run(l, false, &back, lstm_step);
  if (s->status) return;
  l->d[X] = back.stacked[0];
  l->d[H] = back.carried[0];
  l->d[C] = back.carried[1];
  l->d[W] = over_steps(l, back.stacked[0], l->x);
  l->d[R] = over_steps(l, back.stacked[0], l->prev);
  l->d[B] = sum_steps(l, back.stacked[0]);
}

/* ---- GRU ---- */

/* given: dy, the derivatives by dh of z's and r's sums and of what the state gives to h, z, what passes the end. */
static void gru_step_linear(const layer *l, step *t) {
  kv_scope *s = l->s;
  kvino_tensor *dh = kv_add(s, t->carried[0], t->given[0]);
  kvino_tensor *sums = kv_multiply(s, join(l, 3, (kvino_tensor *[]){dh, dh, dh}), t->given[1]);
  t->carried[0] = kv_add(s, times(l, sums, l->r, false), kv_multiply(s, dh, t->given[2]));
  t->stacked[0] = dh;
  t->n_stacked = 1;
}

/* given: dy, that of z's sum by dh, that of h's sum by dh, that of r's sum by d(r h), z, r. */
static void gru_step(const layer *l, step *t) {
  kv_scope *s = l->s;
  kvino_tensor *dh = kv_add(s, t->carried[0], t->given[0]);
  kvino_tensor *reset = times(l, kv_multiply(s, dh, t->given[2]), gate_rows(l, l->r, 2, 1), false); /* of r h */
  kvino_tensor *sums =
      join(l, 2, (kvino_tensor *[]){kv_multiply(s, dh, t->given[1]), kv_multiply(s, reset, t->given[3])});
  kvino_tensor *direct = kv_add(s, kv_multiply(s, dh, t->given[4]), kv_multiply(s, reset, t->given[5]));
  t->carried[0] = kv_add(s, times(l, sums, gate_rows(l, l->r, 0, 2), false), direct);
  t->stacked[0] = dh;
  t->stacked[1] = reset;
  t->n_stacked = 2;
}

/* inputs: the cotangents of what x gives to the gates; state: those of what the state gives. */
static void finish_gru(layer *l, kvino_tensor *inputs, const step *back) {
  l->d[X] = inputs;
  l->d[H] = back->carried[0];
  l->d[W] = over_steps(l, inputs, l->x);
}

static void differentiate_gru_linear(layer *l, kvino_tensor *given, kvino_tensor *state, kvino_tensor *z,
                                     kvino_tensor *r) {
  kv_scope *s = l->s;
  kvino_tensor *own = kv_add(s, columns(l, state, 2, 1), columns(l, l->b, 3, 1)); /* what the state gives to h */
  kvino_tensor *h = kv_tanh(s, kv_add(s, columns(l, given, 2, 1), kv_multiply(s, r, own)));
  kvino_tensor *by_z = multiply3(l, kv_subtract(s, l->prev, h), z, complement(l, z));
  kvino_tensor *by_h = kv_multiply(s, complement(l, z), slope_of_tanh(l, h));
  kvino_tensor *by_r = multiply3(l, by_h, own, slope(l, r));
  by_z = where_valid(l, by_z, 0);
  by_h = where_valid(l, by_h, 0);
  by_r = where_valid(l, by_r, 0);
  kvino_tensor *factors = join(l, 3, (kvino_tensor *[]){by_z, by_r, kv_multiply(s, by_h, r)});
  step back = {.n_given = 3, .given = {l->dy, factors, where_valid(l, z, 1)}, .n_carried = 1, .carried = {l->dh}};
  if (!s->status) run(l, false, &back, gru_step_linear);
  if (s->status) return;
  kvino_tensor *dh = back.stacked[0], *all = join(l, 3, (kvino_tensor *[]){dh, dh, dh});
  kvino_tensor *inputs = kv_multiply(s, all, join(l, 3, (kvino_tensor *[]){by_z, by_r, by_h}));
  kvino_tensor *states = kv_multiply(s, all, factors), *sums = sum_steps(l, inputs);
  finish_gru(l, inputs, &back);
  l->d[R] = over_steps(l, states, l->prev);
  l->d[B] = join(l, 2, (kvino_tensor *[]){sums, sum_steps(l, columns(l, states, 2, 1))});
}

static void differentiate_gru_plain(layer *l, kvino_tensor *given, kvino_tensor *z, kvino_tensor *r) {
  kv_scope *s = l->s;
  kvino_tensor *reset = kv_multiply(s, r, l->prev);
  kvino_tensor *h = kv_tanh(s, kv_add(s, columns(l, given, 2, 1), times(l, reset, gate_rows(l, l->r, 2, 1), true)));
  kvino_tensor *by_z = where_valid(l, multiply3(l, kv_subtract(s, l->prev, h), z, complement(l, z)), 0);
  kvino_tensor *by_h = where_valid(l, kv_multiply(s, complement(l, z), slope_of_tanh(l, h)), 0);
  kvino_tensor *by_r = where_valid(l, kv_multiply(s, l->prev, slope(l, r)), 0);
  step back = {.n_given = 6,
               .given = {l->dy, by_z, by_h, by_r, where_valid(l, z, 1), where_valid(l, r, 0)},
               .n_carried = 1,
               .carried = {l->dh}};
  if (!s->status) run(l, false, &back, gru_step);
  if (s->status) return;
  kvino_tensor *dh = back.stacked[0], *own = kv_multiply(s, dh, by_h);
  kvino_tensor *both = join(l, 2, (kvino_tensor *[]){kv_multiply(s, dh, by_z), kv_multiply(s, back.stacked[1], by_r)});
  kvino_tensor *inputs = join(l, 2, (kvino_tensor *[]){both, own});
  finish_gru(l, inputs, &back);
  kvino_tensor *parts[] = {over_steps(l, both, l->prev), over_steps(l, own, reset)};
  l->d[R] = kv_concat(s, 2, parts, (kv_axis_attrs){.axis = 0});
  l->d[B] = sum_steps(l, inputs);
}

static void differentiate_gru(layer *l) {
  kv_scope *s = l->s;
  kvino_tensor *given = kv_add(s, times(l, l->x, l->w, true), columns(l, l->b, 0, 3));
  bool linear = l->q->linear_before_reset;
  kvino_tensor *state = times(l, l->prev, linear ? l->r : gate_rows(l, l->r, 0, 2), true);
  kvino_tensor *z = kv_sigmoid(s, kv_add(s, columns(l, given, 0, 1), columns(l, state, 0, 1)));
  kvino_tensor *r = kv_sigmoid(s, kv_add(s, columns(l, given, 1, 1), columns(l, state, 1, 1)));
  if (s->status) return;
  if (linear)
    differentiate_gru_linear(l, given, state, z, r);
  else
    differentiate_gru_plain(l, given, z, r);
}

/* ---- RNN ---- */

/* given: dy, the derivative by dh of the sum, what passes the end. */
static void rnn_step(const layer *l, step *t) {
  kv_scope *s = l->s;
  kvino_tensor *dh = kv_add(s, t->carried[0], t->given[0]), *sum = kv_multiply(s, dh, t->given[1]);
  t->carried[0] = times(l, sum, l->r, false);
  if (l->q->masked) t->carried[0] = kv_add(s, t->carried[0], kv_multiply(s, dh, t->given[2]));
  t->stacked[0] = sum;
  t->n_stacked = 1;
}

/* The derivative of the activation, from what it gave. */
static kvino_tensor *slope_of(const layer *l, const char *activation, kvino_tensor *y) {
  if (activation && !strcmp(activation, "relu"))
    return l->s->status ? NULL : kv_cast(l->s, kv_greater(l->s, y, number(l, y, 0)), (kvino_dtype)y->dtype);
  return activation && !strcmp(activation, "sigmoid") ? slope(l, y) : slope_of_tanh(l, y);
}

static void differentiate_rnn(layer *l) {
  kv_scope *s = l->s;
  step back = {.n_given = l->q->masked ? 3 : 2,
               .given = {l->dy, where_valid(l, slope_of(l, l->q->activation, l->y), 0), past_the_end(l, l->x)},
               .n_carried = 1,
               .carried = {l->dh}};
  if (!s->status) run(l, false, &back, rnn_step);
  if (s->status) return;
  l->d[X] = back.stacked[0];
  l->d[H] = back.carried[0];
  l->d[W] = over_steps(l, back.stacked[0], l->x);
  l->d[R] = over_steps(l, back.stacked[0], l->prev);
  l->d[B] = sum_steps(l, back.stacked[0]);
}

/* ---- one direction of the operands ---- */

static kvino_tensor *by_direction(const layer *l, kvino_tensor *t, int64_t axis, int64_t at) {
  if (l->s->status || !t) return NULL;
  if (l->q->directions > 1) t = kv_cut(l->s, t, axis, at, at + 1);
  return kv_squeeze(l->s, t, KV_VECTOR(l->s, axis));
}

/* [B, T, n] and [T, B, n], in the order of the direction. */
static kvino_tensor *in_order(const layer *l, kvino_tensor *t) {
  if (!l->reverse || l->s->status) return t;
  return kv_reverse_sequence(l->s, t, l->q->lengths, (kv_reverse_sequence_attrs){.batch_axis = 0, .seq_axis = 1});
}

static kvino_tensor *time_first(const layer *l, kvino_tensor *t) {
  return l->s->status ? NULL : kv_permute(l->s, in_order(l, t), (int64_t[]){1, 0, 2});
}

static kvino_tensor *batch_first(const layer *l, kvino_tensor *t) {
  return l->s->status ? NULL : in_order(l, kv_permute(l->s, t, (int64_t[]){1, 0, 2}));
}

static kvino_tensor *operand(const sequence *q, int name) { return q->in[q->place[name]]; }

static layer take_direction(const sequence *q, int64_t at) {
  kv_scope *s = q->s;
  layer l = {.q = q, .s = s, .reverse = at || (q->direction && !strcmp(q->direction, "reverse"))};
  l.x = where_valid(&l, time_first(&l, operand(q, X)), 0);
  l.h = by_direction(&l, operand(q, H), 1, at);
  l.w = by_direction(&l, operand(q, W), 0, at);
  l.r = by_direction(&l, operand(q, R), 0, at);
  l.b = by_direction(&l, operand(q, B), 0, at);
  l.y = time_first(&l, by_direction(&l, q->y, 1, at));
  kvino_tensor *states[] = {kv_unsqueeze(s, l.h, KV_VECTOR(s, 0)), l.y};
  kvino_tensor *all = kv_concat(s, 2, states, (kv_axis_attrs){.axis = 0});
  l.prev = s->status ? NULL : kv_cut(s, all, 0, 0, -1);
  l.dy = where_valid(&l, time_first(&l, by_direction(&l, q->d_out[0], 1, at)), 0);
  l.dh = by_direction(&l, q->d_out[1], 1, at);
  if (!q->lstm) return l;
  l.c = by_direction(&l, operand(q, C), 1, at);
  l.dc = by_direction(&l, q->d_out[2], 1, at);
  return l;
}

/* ---- the rule ---- */

/* Whether every sequence is known to be as long as the inputs. */
static bool are_full(const kvino_tensor *lengths, int64_t steps) {
  if (steps < 0) return false;
  if (kv_is_symbolic(lengths)) { /* one length for all? */
    const kv_node *node = lengths->node;
    int n;
    int64_t value[KV_KNOWN_MAX];
    kvino_tensor *one = node->prim->id == KV_Broadcast ? node->in[0].node->constant : NULL;
    return one && one->size == 1 && kv_all_known(one, &n, value) && value[0] >= steps;
  }
  for (int64_t i = 0; i < lengths->size; i++)
    if (kv_tensor_get_int(lengths, i) < steps) return false;
  return true;
}

static void look_at_lengths(sequence *q) {
  kv_scope *s = q->s;
  kvino_tensor *x = operand(q, X), *lengths = operand(q, LENGTHS);
  kvino_tensor *steps = kv_dimension(s, x, 1);
  q->steps = steps;
  q->lengths = lengths;
  if (s->status || are_full(lengths, x->shape[1])) return;
  kvino_dtype dtype = (kvino_dtype)lengths->dtype;
  steps = kv_cast(s, steps, dtype);
  kvino_tensor *range = s->status ? NULL
                                  : kv_range(s, kv_int(s, dtype, 0), steps, kv_int(s, dtype, 1),
                                             (kv_output_type_attrs){.output_type = dtype});
  q->lengths = kv_minimum(s, lengths, steps);
  q->valid = kv_less(s, kv_unsqueeze(s, range, KV_VECTOR(s, 1, 2)), kv_unsqueeze(s, q->lengths, KV_VECTOR(s, 0, 2)));
  q->masked = true;
}

/* One tensor of those of all directions. */
static kvino_tensor *join_directions(const sequence *q, layer *l, int name, int64_t axis) {
  kv_scope *s = q->s;
  kvino_tensor *parts[2];
  for (int64_t k = 0; k < q->directions; k++) parts[k] = kv_unsqueeze(s, l[k].d[name], KV_VECTOR(s, axis));
  if (s->status || q->directions == 1) return s->status ? NULL : parts[0];
  return kv_concat(s, 2, parts, (kv_axis_attrs){.axis = axis});
}

static void read_attributes(sequence *q) {
  const kv_attrs *a = q->g->attrs;
  switch (q->g->prim->id) {
  case KV_LSTMSequenceBack:
    q->lstm = true;
    q->direction = a->lstm_sequence.direction;
    q->hidden = a->lstm_sequence.hidden_size;
    break;
  case KV_GRUSequenceBack:
    q->direction = a->gru_sequence.direction;
    q->hidden = a->gru_sequence.hidden_size;
    q->linear_before_reset = a->gru_sequence.linear_before_reset;
    break;
  default:
    q->direction = a->rnn_sequence.direction;
    q->hidden = a->rnn_sequence.hidden_size;
    q->activation = a->rnn_sequence.activations;
  }
  q->directions = q->direction && !strcmp(q->direction, "bidirectional") ? 2 : 1;
  for (size_t name = 0; name < N_NAMES; name++) q->place[name] = name - (!q->lstm && name > C);
}

static void differentiate(layer *l) {
  if (l->s->status) return;
  switch (l->q->g->prim->id) {
  case KV_LSTMSequenceBack:
    differentiate_lstm(l);
    break;
  case KV_GRUSequenceBack:
    differentiate_gru(l);
    break;
  default:
    differentiate_rnn(l);
  }
}

/* Behind the forward operands of the primitive stand y and the cotangents. */
static void read_operands(sequence *q) {
  size_t n = q->lstm ? N_NAMES : N_NAMES - 1;
  q->in = q->g->in;
  q->y = q->in[n];
  for (size_t k = 0; k < (q->lstm ? 3u : 2u); k++) q->d_out[k] = q->in[n + 1 + k];
}

void kv_grad_sequence_back(kv_grad *g) {
  sequence q = {.g = g, .s = g->s};
  layer l[2];
  read_attributes(&q);
  read_operands(&q);
  look_at_lengths(&q);
  for (int64_t k = 0; k < q.directions && !q.s->status; k++) {
    l[k] = take_direction(&q, k);
    differentiate(&l[k]);
  }
  if (q.s->status) return;
  kvino_tensor *sums[2], *y[6];
  for (int64_t k = 0; k < q.directions; k++) sums[k] = batch_first(&l[k], l[k].d[X]);
  size_t n = 0;
  y[n++] = join(&l[0], (size_t)q.directions, sums);
  y[n++] = join_directions(&q, l, H, 1);
  if (q.lstm) y[n++] = join_directions(&q, l, C, 1);
  static const int weights[] = {W, R, B};
  for (int i = 0; i < 3; i++) y[n++] = join_directions(&q, l, weights[i], 0);
  kv_grad_through_all(g, y);
}

/* That of x [B, T, I]: sums [B, T, D gates H] times W [D, gates H, I], of both directions at once. */
static kvino_tensor *of_inputs(kv_scope *s, kvino_tensor *sums, kvino_tensor *w) {
  return kv_mat_mul(s, sums, kv_reshape_to(s, w, 2, (int64_t[]){sums->shape[2], -1}), (kv_matmul_attrs){0});
}

/* The cotangents of all operands but the lengths, from one primitive. */
void kv_grad_sequence(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *in[11];
  kvino_tensors d;
  size_t n = 0, lengths = g->n_out;
  for (size_t k = 0; k < g->n_in; k++) in[n++] = g->in[k];
  in[n++] = g->out[0];
  for (size_t k = 0; k < g->n_out; k++) in[n++] = g->d_out[k] ? g->d_out[k] : kv_zeros_like(s, g->out[k]);
  if (s->status) return;
  if (g->prim->id == KV_LSTMSequence)
    d = kv_lstm_sequence_back(s, n, in, g->attrs->lstm_sequence);
  else if (g->prim->id == KV_GRUSequence)
    d = kv_gru_sequence_back(s, n, in, g->attrs->gru_sequence);
  else
    d = kv_rnn_sequence_back(s, n, in, g->attrs->rnn_sequence);
  for (size_t k = 1; k < g->n_in && !s->status; k++)
    if (k != lengths) g->d_in[k] = d.v[k - (k > lengths)];
  if (g->wanted[0] && !s->status) g->d_in[0] = of_inputs(s, d.v[0], g->in[lengths + 1]);
}
