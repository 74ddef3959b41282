/* LSTMSequence, GRUSequence and RNNSequence: one product for what the inputs give to all gates of all steps, then in
 * each step one product for what the state gives, and the gates elementwise. f32 and f64.
 *
 * Gates stand in OpenVINO's order: f, i, c, o for LSTM; z, r, h for GRU; RNN has one. */
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/linalg/blas.h"
#include "prim/sequence.h"

int64_t kv_sequence_gates(const kv_sequence *o) { return o->lstm ? 4 : o->kind == KV_GRUSequence ? 3 : 1; }

static kvino_status read_attributes(kv_call *c, kv_sequence *o) {
  const kv_attrs *a = c->attrs;
  switch (o->kind) {
  case KV_LSTMSequence:
    o->direction = a->lstm_sequence.direction;
    o->hidden = a->lstm_sequence.hidden_size;
    break;
  case KV_GRUSequence:
    o->direction = a->gru_sequence.direction;
    o->hidden = a->gru_sequence.hidden_size;
    o->linear_before_reset = a->gru_sequence.linear_before_reset;
    break;
  default: {
    const char *name = a->rnn_sequence.activations ? a->rnn_sequence.activations : "tanh";
    o->direction = a->rnn_sequence.direction;
    o->hidden = a->rnn_sequence.hidden_size;
    o->activation = !strcmp(name, "relu") ? KV_LOOP_ReLU : !strcmp(name, "sigmoid") ? KV_LOOP_Sigmoid : KV_LOOP_Tanh;
    if (o->activation == KV_LOOP_Tanh && strcmp(name, "tanh"))
      return kv_fail(c->err, KVINO_UNSUPPORTED, "%s with the activation '%s'", c->prim->name, name);
  }
  }
  return KVINO_OK;
}

enum { OPERANDS = 11 };

/* The references are in `held`, NULL before, also where this fails. */
static kvino_status read_operands(kv_call *c, kv_sequence *o) {
  kv_prim_id id = c->prim->id;
  bool back = id == KV_LSTMSequenceBack || id == KV_GRUSequenceBack || id == KV_RNNSequenceBack;
  o->lstm = id == KV_LSTMSequence || id == KV_LSTMSequenceBack;
  o->kind = o->lstm                                            ? KV_LSTMSequence
            : id == KV_GRUSequence || id == KV_GRUSequenceBack ? KV_GRUSequence
                                                               : KV_RNNSequence;
  size_t states = o->lstm ? 2 : 1, n = 5 + states + (back ? 2 + states : 0), k = 0;
  if (c->n_in != n) return kv_fail(c->err, KVINO_INVALID, "%s takes %zu operands, not %zu", c->prim->name, n, c->n_in);
  o->x = c->in[k++];
  o->h = c->in[k++];
  o->c = o->lstm ? c->in[k++] : NULL;
  o->lengths = c->in[k++];
  o->w = c->in[k++];
  o->r = c->in[k++];
  o->b = c->in[k++];
  if (back) {
    o->y = c->in[k++];
    o->dy = c->in[k++];
    o->dh = c->in[k++];
    o->dc = o->lstm ? c->in[k++] : NULL;
  }
  KV_TRY(read_attributes(c, o));
  o->directions = o->direction && !strcmp(o->direction, "bidirectional") ? 2 : 1;
  return KVINO_OK;
}

/* Fails unless t has this dtype and shape as far as both are known. Known lengths are taken over where they were -1. */
static kvino_status expect(kv_call *c, const char *name, const kvino_tensor *t, kvino_dtype dtype, int rank,
                           int64_t *const *shape) {
  bool fits = (kvino_dtype)t->dtype == dtype && t->rank == rank;
  for (int i = 0; fits && i < rank; i++) {
    if (*shape[i] < 0) *shape[i] = t->shape[i];
    fits = t->shape[i] < 0 || t->shape[i] == *shape[i];
  }
  char text[KV_SHAPE_TEXT];
  if (fits) return KVINO_OK;
  return kv_fail(c->err, KVINO_INVALID, "%s: %s cannot be %s%s beside its other operands", c->prim->name, name,
                 kvino_dtype_name((kvino_dtype)t->dtype), kv_shape_text(t->rank, t->shape, text));
}

/* Reads the operands, and what is known of their lengths. */
static kvino_status infer_operands(kv_call *c, kv_sequence *o) {
  KV_TRY(read_operands(c, o));
  kvino_dtype dtype = (kvino_dtype)o->x->dtype, lengths = (kvino_dtype)o->lengths->dtype;
  int64_t units = o->hidden, gates = kv_sequence_gates(o) * units,
          biases = gates + (o->linear_before_reset ? units : 0);
  if (dtype != KVINO_F32 && dtype != KVINO_F64 && dtype != KVINO_F16 && dtype != KVINO_BF16)
    return kv_fail(c->err, KVINO_TYPE, "%s computes floats, not %s", c->prim->name, kvino_dtype_name(dtype));
  if (units <= 0) return kv_fail(c->err, KVINO_INVALID, "%s: hidden_size must be positive", c->prim->name);
  if (lengths != KVINO_I32 && lengths != KVINO_I64)
    return kv_fail(c->err, KVINO_TYPE, "%s: lengths must be int32 or int64", c->prim->name);
  o->batch = o->steps = o->inputs = -1;
  int64_t *b = &o->batch, *t = &o->steps, *i = &o->inputs, *d = &o->directions, *h = &units, *g = &gates;
  KV_TRY(expect(c, "x", o->x, dtype, 3, (int64_t *[]){b, t, i}));
  KV_TRY(expect(c, "the first state", o->h, dtype, 3, (int64_t *[]){b, d, h}));
  if (o->c) KV_TRY(expect(c, "the first cell state", o->c, dtype, 3, (int64_t *[]){b, d, h}));
  KV_TRY(expect(c, "lengths", o->lengths, lengths, 1, (int64_t *[]){b}));
  KV_TRY(expect(c, "W", o->w, dtype, 3, (int64_t *[]){d, g, i}));
  KV_TRY(expect(c, "R", o->r, dtype, 3, (int64_t *[]){d, g, h}));
  KV_TRY(expect(c, "the biases", o->b, dtype, 2, (int64_t *[]){d, &biases}));
  if (!o->y) return KVINO_OK;
  KV_TRY(expect(c, "y", o->y, dtype, 4, (int64_t *[]){b, d, t, h}));
  KV_TRY(expect(c, "the cotangent of y", o->dy, dtype, 4, (int64_t *[]){b, d, t, h}));
  KV_TRY(expect(c, "the cotangent of the state", o->dh, dtype, 3, (int64_t *[]){b, d, h}));
  return o->dc ? expect(c, "the cotangent of the cell state", o->dc, dtype, 3, (int64_t *[]){b, d, h}) : KVINO_OK;
}

kvino_status kv_infer_sequence(kv_call *c) {
  kv_sequence o = {0};
  KV_TRY(infer_operands(c, &o));
  kvino_dtype dtype = (kvino_dtype)o.x->dtype;
  KV_TRY(kv_call_outputs(c, o.lstm ? 3 : 2));
  kv_call_spec(c, 0, dtype, 4, (int64_t[]){o.batch, o.directions, o.steps, o.hidden});
  for (size_t k = 1; k < c->n_out; k++) kv_call_spec(c, k, dtype, 3, (int64_t[]){o.batch, o.directions, o.hidden});
  return KVINO_OK;
}

kvino_status kv_infer_sequence_back(kv_call *c) {
  kv_sequence o = {0};
  KV_TRY(infer_operands(c, &o));
  kvino_dtype dtype = (kvino_dtype)o.x->dtype;
  int64_t d = o.directions, h = o.hidden, gates = kv_sequence_gates(&o) * h;
  size_t k = 0;
  KV_TRY(kv_call_outputs(c, o.lstm ? 6 : 5));
  kv_call_spec(c, k++, dtype, 3, (int64_t[]){o.batch, o.steps, d * gates});
  kv_call_spec(c, k++, dtype, 3, (int64_t[]){o.batch, d, h});
  if (o.lstm) kv_call_spec(c, k++, dtype, 3, (int64_t[]){o.batch, d, h});
  kv_call_spec(c, k++, dtype, 3, (int64_t[]){d, gates, o.inputs});
  kv_call_spec(c, k++, dtype, 3, (int64_t[]){d, gates, h});
  kv_call_spec(c, k, dtype, 2, (int64_t[]){d, gates + (o.linear_before_reset ? h : 0)});
  return KVINO_OK;
}

/* ---- evaluation ---- */

/* Sequences of one direction at work. Arrays are of the dtype; those per batch have `batch` rows of `hidden`. */
typedef struct layer {
  const kv_sequence *o;
  kvino_dtype dtype;
  size_t size; /* of an element */
  int64_t at;  /* the direction */
  bool reverse;
  const char *r;             /* R^T: [hidden, gates * hidden] */
  char *given;               /* x W^T + b of every step: [batch, steps, given_width] */
  char *product;             /* h R^T: [batch, gates * hidden] */
  char *gate[4];             /* [batch, hidden] each, by gate */
  char *h, *c, *next, *cell; /* the state, and room for the next and for tanh of the cell */
} layer;

int64_t kv_sequence_place(const kv_sequence *o, bool reverse, int64_t b, int64_t step) {
  int64_t n = kv_tensor_get_int(o->lengths, o->first + b);
  if (n > o->steps) n = o->steps;
  return step >= n ? -1 : reverse ? n - 1 - step : step;
}

/* gate[k] = what inputs and, where `state` is not NULL, the state give to it; `bias` is added to the state's part. */
static void add_parts(layer *l, int64_t step, int64_t k, bool state, char *to) {
  const kv_sequence *o = l->o;
  int64_t n = o->hidden, width = kv_sequence_gates(o) * n;
  FOR_FLOATS(l->dtype, T, {
    for (int64_t b = 0; b < o->batch; b++) {
      int64_t t = kv_sequence_place(l->o, l->reverse, b, step);
      T *y = (T *)to + b * n;
      const T *x = (const T *)l->given + (b * o->steps + (t < 0 ? 0 : t)) * width + k * n;
      const T *p = (const T *)l->product + b * width + k * n;
      if (t < 0)
        memset(y, 0, (size_t)n * sizeof *y);
      else if (state)
        for (int64_t j = 0; j < n; j++) y[j] = x[j] + p[j];
      else
        memcpy(y, x, (size_t)n * sizeof *y);
    }
  });
}

static void apply(const layer *l, kv_loop_id id, const char *x, char *y) {
  kv_elementwise_flat(id, l->dtype, 1, (const void *const[]){x}, l->o->batch * l->o->hidden, y, NULL);
}

static void lstm_step(layer *l, int64_t step) {
  const kv_sequence *o = l->o;
  int64_t n = o->batch * o->hidden;
  for (int64_t k = 0; k < 4; k++) add_parts(l, step, k, true, l->gate[k]);
  for (int k = 0; k < 4; k++) apply(l, k == 2 ? KV_LOOP_Tanh : KV_LOOP_Sigmoid, l->gate[k], l->gate[k]);
  FOR_FLOATS(l->dtype, T, {
    const T *f = (const T *)l->gate[0];
    const T *i = (const T *)l->gate[1];
    const T *g = (const T *)l->gate[2];
    const T *c = (const T *)l->c;
    T *next = (T *)l->cell;
    for (int64_t j = 0; j < n; j++) next[j] = f[j] * c[j] + i[j] * g[j];
  });
  apply(l, KV_LOOP_Tanh, l->cell, l->next);
  FOR_FLOATS(l->dtype, T, {
    const T *out = (const T *)l->gate[3];
    T *next = (T *)l->next;
    for (int64_t j = 0; j < n; j++) next[j] *= out[j];
  });
}

/* The part of R or of the biases that belongs to the gate h. */
static const char *last_gate(const layer *l, const kvino_tensor *t, int64_t gate) {
  int64_t columns = t->rank == 3 ? l->o->hidden : 1;
  return kv_sequence_part(t, l->at) + (size_t)(gate * l->o->hidden * columns) * l->size;
}

static void gru_candidate(layer *l, int64_t step) {
  const kv_sequence *o = l->o;
  int64_t n = o->hidden;
  add_parts(l, step, 2, false, l->gate[2]);
  if (!o->linear_before_reset) { /* (r h) R^T */
    FOR_FLOATS(l->dtype, T, {
      for (int64_t j = 0; j < o->batch * n; j++) ((T *)l->gate[3])[j] = ((T *)l->gate[1])[j] * ((T *)l->h)[j];
    });
    kv_sequence_product(l->dtype, l->gate[3], o->batch, n, last_gate(l, o->r, 2), n, l->cell);
    FOR_FLOATS(l->dtype, T, {
      for (int64_t j = 0; j < o->batch * n; j++) ((T *)l->gate[2])[j] += ((T *)l->cell)[j];
    });
    return;
  }
  const char *bias = last_gate(l, o->b, 3);
  FOR_FLOATS(l->dtype, T, { /* r (h R^T + b) */
                            for (int64_t b = 0; b < o->batch; b++)
                              for (int64_t j = 0; j < n; j++)
                                ((T *)l->gate[2])[b * n + j] +=
                                    ((T *)l->gate[1])[b * n + j] *
                                    (((T *)l->product)[b * 3 * n + 2 * n + j] + ((const T *)bias)[j]);
  });
}

static void gru_step(layer *l, int64_t step) {
  const kv_sequence *o = l->o;
  for (int64_t k = 0; k < 2; k++) {
    add_parts(l, step, k, true, l->gate[k]);
    apply(l, KV_LOOP_Sigmoid, l->gate[k], l->gate[k]);
  }
  gru_candidate(l, step);
  apply(l, KV_LOOP_Tanh, l->gate[2], l->gate[2]);
  FOR_FLOATS(l->dtype, T, {
    const T *z = (const T *)l->gate[0];
    const T *g = (const T *)l->gate[2];
    const T *h = (const T *)l->h;
    T *next = (T *)l->next;
    for (int64_t j = 0; j < o->batch * o->hidden; j++) next[j] = (1 - z[j]) * g[j] + z[j] * h[j];
  });
}

static void rnn_step(layer *l, int64_t step) {
  add_parts(l, step, 0, true, l->next);
  apply(l, l->o->activation, l->next, l->next);
}

/* The next state of those of the batch that are not at their end, and y. */
static void keep_step(layer *l, int64_t step, char *y) {
  const kv_sequence *o = l->o;
  size_t bytes = (size_t)o->hidden * l->size;
  for (int64_t b = 0; b < o->batch; b++) {
    int64_t t = kv_sequence_place(l->o, l->reverse, b, step);
    if (t < 0) continue;
    memcpy(l->h + (size_t)b * bytes, l->next + (size_t)b * bytes, bytes);
    if (o->lstm) memcpy(l->c + (size_t)b * bytes, l->cell + (size_t)b * bytes, bytes);
    int64_t row = ((o->first + b) * o->directions + l->at) * o->steps + t;
    memcpy(y + (size_t)row * bytes, l->next + (size_t)b * bytes, bytes);
  }
}

/* x W^T + b for all steps. */
static void give_inputs(layer *l) {
  const kv_sequence *o = l->o;
  int64_t rows = o->batch * o->steps, width = kv_sequence_gates(o) * o->hidden;
  const char *bias = kv_sequence_part(o->b, l->at),
             *x = o->x->data + (size_t)(o->first * o->steps * o->inputs) * l->size;
  kv_sequence_product(l->dtype, x, rows, o->inputs, kv_sequence_part(o->w, l->at), width, l->given);
  FOR_FLOATS(l->dtype, T, {
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < width; j++) ((T *)l->given)[i * width + j] += ((const T *)bias)[j];
  });
}

/* What all blocks share. */
typedef struct forward {
  kvino_dtype dtype;
  int64_t width, each; /* gates * hidden; elements of a sequence's arrays */
  char *arrays;        /* of each sequence of each direction */
  char *r;             /* R^T of each direction */
  kvino_tensor **out;
} forward;

static void run_block(void *context, const kv_sequence *o, int64_t at) {
  const forward *f = context;
  layer l = {.o = o, .dtype = f->dtype, .size = kvino_dtype_size(f->dtype), .at = at};
  l.reverse = kv_sequence_is_reverse(o, at);
  l.r = f->r + (size_t)(at * o->hidden * f->width) * l.size;
  size_t part = (size_t)(o->batch * o->hidden) * l.size;
  char *next = f->arrays + (size_t)((at * f->out[0]->shape[0] + o->first) * f->each) * l.size;
  char **arrays[] = {&l.gate[0], &l.gate[1], &l.gate[2], &l.gate[3], &l.h, &l.c, &l.next, &l.cell};
  for (size_t k = 0; k < sizeof arrays / sizeof *arrays; k++, next += part) *arrays[k] = next;
  l.product = next;
  l.given = next + (size_t)(o->batch * f->width) * l.size;
  kv_sequence_copy(o, l.size, l.h, kv_sequence_state(o, o->h, at), 1, o->directions);
  if (o->lstm) kv_sequence_copy(o, l.size, l.c, kv_sequence_state(o, o->c, at), 1, o->directions);
  give_inputs(&l);
  for (int64_t step = 0; step < o->steps; step++) {
    kv_gemm(l.dtype, (kv_matrix){l.h, o->batch, o->hidden, o->hidden, 1},
            (kv_matrix){l.r, o->hidden, f->width, f->width, 1}, l.product, f->width);
    if (o->lstm)
      lstm_step(&l, step);
    else if (o->kind == KV_GRUSequence)
      gru_step(&l, step);
    else
      rnn_step(&l, step);
    keep_step(&l, step, f->out[0]->data);
  }
  kv_sequence_copy(o, l.size, kv_sequence_state(o, f->out[1], at), l.h, o->directions, 1);
  if (o->lstm) kv_sequence_copy(o, l.size, kv_sequence_state(o, f->out[2], at), l.c, o->directions, 1);
}

static kvino_status run_forward(const kv_sequence *o, kvino_tensor **out, kvino_error *err) {
  forward f = {.dtype = (kvino_dtype)o->x->dtype, .width = kv_sequence_gates(o) * o->hidden, .out = out};
  int64_t size = (int64_t)kvino_dtype_size(f.dtype), room, r = o->directions * o->hidden * f.width;
  if (__builtin_mul_overflow(f.width, o->steps + 1, &f.each) ||
      __builtin_add_overflow(f.each, 8 * o->hidden, &f.each) ||
      __builtin_mul_overflow(f.each, o->batch * o->directions, &room) || __builtin_add_overflow(room, r, &room) ||
      __builtin_mul_overflow(room, size, &room))
    return kv_fail(err, KVINO_OVERFLOW, "a sequence of %lld steps is too large", (long long)o->steps);
  char *memory = kv_block_new((size_t)room);
  if (!memory) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a sequence of %lld steps", (long long)o->steps);
  f.r = memory;
  f.arrays = memory + r * size;
  for (int64_t at = 0; at < o->directions; at++)
    kv_sequence_transpose(f.dtype, kv_sequence_part(o->r, at), f.width, o->hidden,
                          f.r + at * o->hidden * f.width * size, f.width);
  kv_sequence_blocks(o, run_block, &f);
  kv_block_free(memory, (size_t)room);
  return KVINO_OK;
}

/* ---- what derivatives share (sequence.h) ---- */

bool kv_sequence_is_reverse(const kv_sequence *o, int64_t direction) {
  return direction || (o->direction && !strcmp(o->direction, "reverse"));
}

bool kv_sequence_is_full(const kv_sequence *o) {
  for (int64_t b = 0; b < o->batch; b++)
    if (kv_tensor_get_int(o->lengths, o->first + b) < o->steps) return false;
  return true;
}

void kv_sequence_transpose(kvino_dtype dtype, const char *a, int64_t n, int64_t k, char *y, int64_t y_step) {
  enum { TILE = 16 }; /* lines of both sides stay in the first cache */
  FOR_FLOATS(dtype, T, {
    for (int64_t i0 = 0; i0 < n; i0 += TILE)
      for (int64_t j = 0; j < k; j++)
        for (int64_t i = i0; i < n && i < i0 + TILE; i++) ((T *)y)[j * y_step + i] = ((const T *)a)[i * k + j];
  });
}

typedef struct cut {
  const kv_sequence *o;
  void (*run)(void *context, const kv_sequence *block, int64_t direction);
  void *context;
  int64_t length, blocks; /* sequences of a block; blocks of a direction */
} cut;

static void run_cut(void *context, size_t i) {
  const cut *c = context;
  kv_sequence block = *c->o;
  block.first = (int64_t)i % c->blocks * c->length;
  block.batch = block.batch - block.first < c->length ? block.batch - block.first : c->length;
  c->run(c->context, &block, (int64_t)i / c->blocks);
}

void kv_sequence_blocks(const kv_sequence *o, void (*run)(void *context, const kv_sequence *block, int64_t direction),
                        void *context) {
  enum { BLOCK = 8, LARGE = 1 << 16, WORTH_IT = 1 << 20 }; /* sequences; weights; multiplications */
  int64_t weights = kv_sequence_gates(o) * o->hidden * o->hidden;
  /* Large weights come from the outer caches for each block at each step: fewer blocks. */
  cut c = {o, run, context, weights > LARGE ? 2 * BLOCK : BLOCK, 1};
  if ((double)weights * (double)o->batch * (double)o->steps < WORTH_IT || !o->batch) c.length = o->batch;
  if (c.length) c.blocks = (o->batch + c.length - 1) / c.length;
  kv_parallel((size_t)(o->directions * c.blocks), run_cut, &c);
}

/* The operands in C order; the references are in `held`, NULL before, also where this fails. */
static kvino_status contiguous_operands(kv_call *c, kv_sequence *o, kvino_tensor *held[OPERANDS]) {
  KV_TRY(read_operands(c, o));
  KV_TRY(kv_blas_ready(c->err));
  if (o->x->dtype != KVINO_F32 && o->x->dtype != KVINO_F64)
    return kv_fail(c->err, KVINO_UNSUPPORTED, "%s of %s", c->prim->name, kvino_dtype_name((kvino_dtype)o->x->dtype));
  o->batch = o->x->shape[0];
  o->steps = o->x->shape[1];
  o->inputs = o->x->shape[2];
  kvino_tensor **all[OPERANDS] = {&o->x, &o->h, &o->c, &o->lengths, &o->w, &o->r, &o->b, &o->y, &o->dy, &o->dh, &o->dc};
  for (int i = 0; i < OPERANDS; i++) {
    if (!*all[i]) continue;
    KV_TRY(kvino_tensor_contiguous(*all[i], &held[i], c->err));
    *all[i] = held[i];
  }
  return KVINO_OK;
}

kvino_status kv_sequence_run(kv_call *c, kv_sequence_evaluation *evaluate) {
  kv_sequence o = {0};
  kvino_tensor *held[OPERANDS] = {NULL};
  kvino_status status = contiguous_operands(c, &o, held);
  for (size_t i = 0; i < c->n_out && !status; i++) status = kv_call_alloc(c, i);
  if (!status && !kv_sequence_is_full(&o))
    memset(c->out[0]->data, 0, (size_t)c->out[0]->size * kvino_dtype_size((kvino_dtype)c->out[0]->dtype));
  if (!status) status = evaluate(&o, c->out, c->err);
  for (int i = 0; i < OPERANDS; i++) kvino_tensor_release(held[i]);
  return status;
}

kvino_status kv_eval_sequence(kv_call *c) { return kv_sequence_run(c, run_forward); }
