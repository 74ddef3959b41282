/* Building small graphs in tests, and running them by the native kernels node by node. */
#ifndef KVINO_TESTS_GRAPHS_H
#define KVINO_TESTS_GRAPHS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

#define OK(call)                                                                                                       \
  do {                                                                                                                 \
    kvino_error ok_error_ = {0}, *ERR = &ok_error_;                                                                    \
    if ((call)) fail_msg("%s:%d: %s", __FILE__, __LINE__, ERR->text);                                                  \
  } while (0)

#define SHAPE(...)                                                                                                     \
  (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]) { __VA_ARGS__ }

/* A graph under construction: `s` owns every value. */
typedef struct build {
  kv_graph *g;
  kv_scope s;
  kvino_error err;
} build;

static inline void build_begin(build *b) {
  memset(b, 0, sizeof *b);
  OK(kv_graph_new(&b->g, ERR));
  kv_scope_enter(&b->s, &b->err);
}

static inline kvino_tensor *parameter(build *b, kvino_dtype dtype, int rank, const int64_t *shape) {
  kvino_tensor *t = NULL;
  char name[16];
  snprintf(name, sizeof name, "x%zu", b->g->n_parameters);
  OK(kv_graph_parameter(b->g, dtype, rank, shape, name, &t, ERR));
  return kv_own(&b->s, t);
}

static inline void result(build *b, kvino_tensor *t) {
  if (!t) fail_msg("a step of the graph failed: %s", b->err.text);
  OK(kv_graph_result(b->g, t, NULL, ERR));
}

/* The finished graph, verified. The caller owns it. */
static inline kv_graph *build_end(build *b) {
  if (b->s.status) fail_msg("a step of the graph failed: %s", b->err.text);
  b->s.err = NULL;
  kv_scope_leave(&b->s, NULL, &(kvino_tensor *){NULL});
  OK(kv_graph_verify(b->g, ERR));
  return b->g;
}

/* Numbers that tell positions apart: small integers from a fixed generator, exact in every float. */
static inline uint32_t next_random(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

static inline kvino_tensor *filled(kvino_dtype dtype, int rank, const int64_t *shape, uint32_t seed) {
  kvino_tensor *t = NULL;
  OK(kv_tensor_empty(dtype, rank, shape, &t, ERR));
  for (int64_t i = 0; i < t->size; i++) {
    int v = (int)(next_random(&seed) % 201) - 100;
    switch (dtype) {
    case KVINO_F32:
      ((float *)t->data)[i] = (float)v;
      break;
    case KVINO_F64:
      ((double *)t->data)[i] = v;
      break;
    case KVINO_I64:
      ((int64_t *)t->data)[i] = v;
      break;
    case KVINO_I32:
      ((int32_t *)t->data)[i] = v;
      break;
    case KVINO_U8:
      ((uint8_t *)t->data)[i] = (uint8_t)v;
      break;
    case KVINO_BOOL:
      ((uint8_t *)t->data)[i] = v & 1;
      break;
    default:
      fail_msg("no numbers for this dtype");
    }
  }
  return t;
}

static inline kvino_tensor *constant(build *b, kvino_dtype dtype, int rank, const int64_t *shape, uint32_t seed) {
  return kv_own(&b->s, filled(dtype, rank, shape, seed));
}

/* Runs a graph; the unknown dimensions of the inputs are `unknown`. Fills results (owned by the caller). */
static inline void run_graph(const kv_graph *g, int64_t unknown, kvino_tensor **results) {
  kv_scope s;
  kvino_error err = {0};
  kv_scope_enter(&s, &err);
  kvino_tensors *made = calloc(g->n_nodes + 1, sizeof *made);
  for (size_t i = 0; i < g->n_nodes; i++) {
    const kv_node *node = g->node[i];
    if (node->prim->id == KV_Parameter) {
      int64_t shape[KVINO_MAX_RANK];
      size_t number = 0;
      while (g->parameter[number] != node) number++;
      for (int k = 0; k < node->out[0].rank; k++)
        shape[k] = node->out[0].shape[k] < 0 ? unknown : node->out[0].shape[k];
      made[i] = kv_one(&s, kv_own(&s, filled(node->out[0].dtype, node->out[0].rank, shape, (uint32_t)number + 7)));
      continue;
    }
    if (node->constant) {
      made[i] = kv_one(&s, kv_own(&s, kvino_tensor_retain(node->constant)));
      continue;
    }
    kvino_tensor *in[64];
    for (uint32_t k = 0; k < node->n_in; k++) in[k] = made[node->in[k].node->id].v[node->in[k].output];
    made[i] = kv_apply_many(&s, node->prim->id, &node->attrs, node->n_in, in);
    if (!made[i].v) fail_msg("%%%zu %s: %s", i, node->prim->name, err.text);
  }
  for (size_t i = 0; i < g->n_results; i++)
    results[i] = kvino_tensor_retain(made[g->result[i].value.node->id].v[g->result[i].value.output]);
  free(made);
  s.err = NULL;
  kv_scope_leave(&s, NULL, &(kvino_tensor *){NULL});
}

static inline void print_graph(const kv_graph *g) {
  char *text = NULL;
  OK(kv_graph_dump(g, &text, ERR));
  print_error("%s", text);
  kv_free(text);
}

/* Both graphs give the same results, bit by bit. */
static inline void assert_same_results(const kv_graph *a, const kv_graph *b, int64_t unknown) {
  kvino_tensor *x[16], *y[16];
  assert_int_equal(a->n_results, b->n_results);
  assert_int_equal(a->n_parameters, b->n_parameters);
  run_graph(a, unknown, x);
  run_graph(b, unknown, y);
  for (size_t i = 0; i < a->n_results; i++) {
    uint64_t h[2], k[2];
    kv_tensor_hash(x[i], h);
    kv_tensor_hash(y[i], k);
    if (memcmp(h, k, sizeof h)) {
      print_graph(a);
      print_graph(b);
      fail_msg("result %zu differs", i);
    }
    kvino_tensor_release(x[i]);
    kvino_tensor_release(y[i]);
  }
}

static inline int count(const kv_graph *g, const char *name) {
  int n = 0;
  for (size_t i = 0; i < g->n_nodes; i++) n += !strcmp(g->node[i]->prim->name, name);
  return n;
}

/* Nodes that are neither Parameters nor Constants. */
static inline int count_steps(const kv_graph *g) {
  int n = 0;
  for (size_t i = 0; i < g->n_nodes; i++) n += !(g->node[i]->prim->traits & KV_STRUCTURAL);
  return n;
}

/* The pass's result, verified; the graph given is released. */
static inline kv_graph *after(kvino_status (*pass)(const kv_graph *, kv_graph **, kvino_error *), kv_graph *g) {
  kv_graph *out = NULL;
  OK(pass(g, &out, ERR));
  OK(kv_graph_verify(out, ERR));
  assert_int_equal(out->n_parameters, g->n_parameters);
  for (size_t i = 0; i < g->n_parameters; i++) assert_string_equal(out->parameter[i]->name, g->parameter[i]->name);
  kv_graph_release(g);
  return out;
}

#endif
