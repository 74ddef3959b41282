/* What operators ask of values and of lengths (common.h): at once where they are known, else when the graph runs. */
#include "ops/common.h"

/* Whether a condition is known to hold. */
static bool holds_surely(const kvino_tensor *holds) {
  int n;
  int64_t v[KV_KNOWN_MAX];
  if (!kv_all_known(holds, &n, v)) return false;
  for (int i = 0; i < n; i++)
    if (!v[i]) return false;
  return true;
}

kvino_tensor *kv_demand_by(kv_scope *s, const char *by, kv_refusal what, kvino_tensor *x, kvino_tensor *holds, size_t n,
                           kvino_tensor *const *number) {
  kvino_tensor *in[2 + KV_REFUSAL_NUMBERS] = {x, holds};
  if (!x || !holds || holds_surely(holds)) return holds ? x : NULL;
  bool now = !kv_is_symbolic(holds);
  for (size_t i = 0; i < n; i++) {
    in[i + 2] = number[i];
    now = now && number[i] && !kv_is_symbolic(number[i]);
  }
  if (now) { /* whatever x is */
    in[0] = holds;
    return kv_require(s, n + 2, in, (kv_refusal_attrs){.refusal = what, .by = by}) ? x : NULL;
  }
  return kv_require(s, n + 2, in, (kv_refusal_attrs){.refusal = what, .by = by});
}

kvino_tensor *kv_demand(kv_scope *s, kv_refusal what, kvino_tensor *x, kvino_tensor *holds, size_t n,
                        kvino_tensor *const *number) {
  return kv_demand_by(s, KV_BY_GUARD, what, x, holds, n, number);
}

/* ---- lengths ---- */

/* -1: not before a run. */
static int64_t known_length(kv_length l) { return l.x ? l.x->shape[l.axis] : l.axis; }

/* As a tensor; `now`: as far as it is known. */
static kvino_tensor *length_of(kv_scope *s, kv_length l, bool now) {
  if (l.x && l.axis == KV_ALL_AXES) return now ? kv_vector(s, (size_t)l.x->rank, l.x->shape) : kv_dims(s, l.x);
  return l.x && !now ? kv_dimension(s, l.x, l.axis) : kv_int(s, KVINO_I64, known_length(l));
}

kvino_tensor *kv_demand_lengths(kv_scope *s, kv_refusal what, kvino_tensor *x, size_t n, const kv_length_pair *pair,
                                size_t n_shown, const kv_length *shown) {
  kvino_tensor *holds = NULL, *number[KV_REFUSAL_NUMBERS];
  bool fails = false;
  for (size_t i = 0; i < n && !fails; i++) {
    int64_t a = known_length(pair[i].a), b = known_length(pair[i].b);
    if (fails || (fails = a >= 0 && b >= 0 && a != b) || (a >= 0 && b >= 0)) continue;
    kvino_tensor *same = kv_equal(s, length_of(s, pair[i].a, false), length_of(s, pair[i].b, false));
    holds = holds ? kv_logical_and(s, holds, same) : same;
  }
  if (s->status) return NULL;
  if (fails) holds = kv_cast(s, kv_int(s, KVINO_I32, 0), KVINO_BOOL);
  if (!holds) return x;
  for (size_t k = 0; k < n_shown; k++) number[k] = length_of(s, shown[k], fails);
  return kv_demand_by(s, KV_BY_SHAPES, what, x, holds, n_shown, number);
}

kvino_tensor *kv_demand_same_shape(kv_scope *s, kv_refusal what, kvino_tensor *x, kvino_tensor *a, kvino_tensor *b) {
  kv_length_pair pair[KVINO_MAX_RANK + 1] = {{{NULL, a ? a->rank : 0}, {NULL, b ? b->rank : 0}}};
  if (!a || !b) return NULL;
  size_t n = 1;
  for (int i = 0; i < a->rank && a->rank == b->rank; i++) pair[n++] = (kv_length_pair){{a, i}, {b, i}};
  return kv_demand_lengths(s, what, x, n, pair, 2, (kv_length[]){{a, KV_ALL_AXES}, {b, KV_ALL_AXES}});
}
