/* What the primitives of recurrent layers share (sequence.c; sequence_back.c for their derivatives). */
#ifndef KVINO_PRIM_SEQUENCE_H
#define KVINO_PRIM_SEQUENCE_H

#include <string.h>

#include "kernels/elementwise/elementwise.h"
#include "kernels/linalg/gemm.h"
#include "prim/prim.h"

typedef struct kv_sequence {
  kv_prim_id kind;       /* KV_LSTMSequence, KV_GRUSequence or KV_RNNSequence */
  kv_loop_id activation; /* of RNN */
  bool lstm, linear_before_reset;
  int64_t first, batch; /* the sequences at hand are [first, first + batch) of the operands' */
  int64_t steps, inputs, directions, hidden;
  kvino_tensor *x, *h, *c, *lengths, *w, *r, *b; /* c: NULL but for LSTM */
  kvino_tensor *y, *dy, *dh, *dc;                /* of derivatives; NULL otherwise. dc: NULL but for LSTM */
  const char *direction;
} kv_sequence;

int64_t kv_sequence_gates(const kv_sequence *o);
/* Where in time step `step` of sequence b of those at hand is; -1: behind its end. */
int64_t kv_sequence_place(const kv_sequence *o, bool reverse, int64_t b, int64_t step);
bool kv_sequence_is_reverse(const kv_sequence *o, int64_t direction);
/* Whether no sequence is shorter than the steps. */
bool kv_sequence_is_full(const kv_sequence *o);
/* An evaluation of all directions; the outputs' memory is there. */
typedef kvino_status kv_sequence_evaluation(const kv_sequence *o, kvino_tensor **out, kvino_error *err);
/* A call evaluated: its operands, f32 or f64, are in C order then, and output 0 is zeros but where every step of every
 * sequence is written. */
kvino_status kv_sequence_run(kv_call *c, kv_sequence_evaluation *evaluate);
/* Calls run(context, block, direction) for every direction and block of sequences: none depends on another, so that
 * each goes through its steps in a thread of its own. How the batch is cut follows from the sizes alone. */
void kv_sequence_blocks(const kv_sequence *o, void (*run)(void *context, const kv_sequence *block, int64_t direction),
                        void *context);

/* Part i along the first axis of a contiguous tensor. */
static inline char *kv_sequence_part(const kvino_tensor *t, int64_t i) {
  int64_t n = t->size / (t->shape[0] ? t->shape[0] : 1);
  return t->data + (size_t)(i * n) * kvino_dtype_size((kvino_dtype)t->dtype);
}

/* y[k, n] = columns [0, n) of a's transpose; a has n rows of k, y's rows are y_step apart. */
void kv_sequence_transpose(kvino_dtype dtype, const char *a, int64_t n, int64_t k, char *y, int64_t y_step);

/* Of `from` to `to`, the state of every sequence at hand: `from_step` and `to_step` states apart. */
static inline void kv_sequence_copy(const kv_sequence *o, size_t size, char *to, const char *from, int64_t to_step,
                                    int64_t from_step) {
  size_t bytes = (size_t)o->hidden * size;
  for (int64_t b = 0; b < o->batch; b++)
    memcpy(to + (size_t)(b * to_step) * bytes, from + (size_t)(b * from_step) * bytes, bytes);
}

/* The state of the first sequence at hand, of t, [batch, directions, hidden]. */
static inline char *kv_sequence_state(const kv_sequence *o, const kvino_tensor *t, int64_t direction) {
  return t->data +
         (size_t)((o->first * o->directions + direction) * o->hidden) * kvino_dtype_size((kvino_dtype)t->dtype);
}

/* y[m, n] = a[m, k] b[n, k]^T */
static inline void kv_sequence_product(kvino_dtype dtype, const void *a, int64_t m, int64_t k, const void *b, int64_t n,
                                       void *y) {
  kv_gemm(dtype, (kv_matrix){a, m, k, k, 1}, (kv_matrix){b, k, n, 1, k}, y, n);
}

#define FOR_FLOATS(dtype, T, ...)                                                                                      \
  do {                                                                                                                 \
    if ((dtype) == KVINO_F32) {                                                                                        \
      typedef float T;                                                                                                 \
      __VA_ARGS__                                                                                                      \
    } else {                                                                                                           \
      typedef double T;                                                                                                \
      __VA_ARGS__                                                                                                      \
    }                                                                                                                  \
  } while (0)

#endif
