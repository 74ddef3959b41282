/* Large intermediate values of a composite, computed late.
 *
 * A composite is a formula in C: while it runs, nobody knows whether a value is needed again, so a scope keeps all of
 * them to its end. For small tensors that costs nothing. A large value is therefore not computed when its primitive is
 * called but recorded, like in tracing, in a graph of the scope's own; the operands of the operator themselves, and all
 * that is small, stay concrete and can be read. When the formula is done, the graph runs natively, node by node, and
 * each value goes after its last use: what an operator takes of memory is what its formula needs at one time.
 *
 * A formula that must read a value which was deferred (kv_unreadable), or fails in any way, is called once more with
 * every primitive computed at once: then the result, or the error, is what it is for small tensors. */
#include <stdatomic.h>
#include <stdlib.h>

#include "base/memory.h"
#include "run/deferred.h"
#include "run/runner.h"

/* From how many bytes on a result is large. Below, recording costs more than the memory is worth. */
static const size_t LARGE = (size_t)1 << 20;

static size_t large_bytes(void) {
  static _Atomic size_t cached; /* 0: not read */
  size_t bytes = atomic_load_explicit(&cached, memory_order_relaxed);
  if (bytes) return bytes;
  const char *text = getenv("KVINO_LARGE_BYTES");
  char *end = NULL;
  unsigned long long given = text ? strtoull(text, &end, 10) : 0;
  bytes = given && end && !*end ? (size_t)given : LARGE;
  atomic_store_explicit(&cached, bytes, memory_order_relaxed);
  return bytes;
}

bool kv_is_large(size_t n, const kv_spec *spec) {
  int64_t all = 0;
  for (size_t i = 0; i < n; i++) {
    int64_t bytes = (int64_t)kvino_dtype_size(spec[i].dtype);
    for (int k = 0; k < spec[i].rank; k++)
      if (spec[i].shape[k] < 0 || __builtin_mul_overflow(bytes, spec[i].shape[k], &bytes)) return false;
    if (__builtin_add_overflow(all, bytes, &all)) return false;
  }
  return (size_t)all >= large_bytes();
}

bool kv_is_deferred(const kv_scope *s, const kvino_tensor *t) {
  return s->deferred && kv_is_symbolic(t) && t->node->graph == s->deferred;
}

bool kv_unreadable(kv_scope *s, const kvino_tensor *t) {
  if (!kv_is_symbolic(t)) return false;
  if (kv_is_deferred(s, t)) kv_scope_fail(s, KVINO_INVALID, "a value of the formula was not computed yet");
  return true;
}

/* Computes the results of s->deferred, and puts them where the symbolic ones stood. */
static kvino_status compute(kv_scope *s, kvino_tensor **out) {
  kv_body_run run;
  KV_TRY(kv_body_run_begin(&run, s->deferred, s->err));
  kvino_status status = kv_body_run_once(&run, 0, NULL, NULL, out, s->err);
  kv_body_run_end(&run);
  return status;
}

static bool finish(kv_scope *s, size_t n, kvino_tensor **v) {
  kv_graph *g = s->deferred;
  for (size_t i = 0; i < n; i++)
    if (v[i] && kv_is_deferred(s, v[i]) && !kv_scope_ok(s, kv_graph_result(g, v[i], NULL, s->err))) return false;
  if (!g->n_results) return true;
  kvino_tensor **made = kv_scope_alloc(s, g->n_results, sizeof *made);
  if (!made || !kv_scope_ok(s, compute(s, made))) return false;
  for (size_t i = 0, k = 0; i < n; i++)
    if (v[i] && kv_is_deferred(s, v[i])) v[i] = kv_own(s, made[k++]);
  return !s->status;
}

bool kv_scope_finish(kv_scope *s, size_t n, kvino_tensor **v) {
  bool done = !s->status && finish(s, n, v);
  kvino_error *err = s->err;
  kv_graph *g = s->deferred;
  if (!done) {
    s->status = KVINO_INVALID; /* nothing is given out */
    kv_scope_leave(s, NULL, NULL);
    kv_scope_enter(s, err);
  }
  s->deferred = NULL;
  kv_graph_release(g);
  return done;
}
