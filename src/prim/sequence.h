/* What the primitives of recurrent layers share (sequence.c; sequence_back.c for their derivatives). */
#ifndef KVINO_PRIM_SEQUENCE_H
#define KVINO_PRIM_SEQUENCE_H

#include "kernels/elementwise/elementwise.h"
#include "kernels/linalg/gemm.h"
#include "prim/prim.h"

typedef struct kv_sequence {
  kv_prim_id kind;       /* KV_LSTMSequence, KV_GRUSequence or KV_RNNSequence */
  kv_loop_id activation; /* of RNN */
  bool lstm, linear_before_reset;
  int64_t batch, steps, inputs, directions, hidden;
  kvino_tensor *x, *h, *c, *lengths, *w, *r, *b; /* c: NULL but for LSTM */
  kvino_tensor *y, *dy, *dh, *dc;                /* of derivatives; NULL otherwise. dc: NULL but for LSTM */
  const char *direction;
} kv_sequence;

int64_t kv_sequence_gates(const kv_sequence *o);
/* Where in time step `step` of sequence b is; -1: behind its end. */
int64_t kv_sequence_place(const kv_sequence *o, bool reverse, int64_t b, int64_t step);
/* One direction of an evaluation: its part of the outputs, whose memory is there. */
typedef kvino_status kv_sequence_direction(const kv_sequence *o, int64_t at, kvino_tensor **out, kvino_error *err);
/* A call evaluated, direction by direction; its operands, f32 or f64, are in C order then, and output 0 is zeros. */
kvino_status kv_sequence_run(kv_call *c, kv_sequence_direction *run);

/* Part i along the first axis of a contiguous tensor. */
static inline char *kv_sequence_part(const kvino_tensor *t, int64_t i) {
  int64_t n = t->size / (t->shape[0] ? t->shape[0] : 1);
  return t->data + (size_t)(i * n) * kvino_dtype_size((kvino_dtype)t->dtype);
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
