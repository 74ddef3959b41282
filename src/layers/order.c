/* As keras.src.ops.function.map_graph has it. The depth of a call is that of the deepest one that takes its result,
 * and one more; of several calls of a layer none is less deep than the ones looked at before. The deepest come first,
 * of equal ones that which was first looked at: from the outputs back. */
#include "layers/order.h"

#include <string.h>

enum { NEW = 0, BEGUN, DONE };

typedef struct walk {
  const kv_calls *c;
  size_t n, *sorted; /* every call after those that it needs */
  size_t *stack;     /* calls whose parents are gone through, */
  size_t *next;      /* by call: up to which one */
  unsigned char *state;
} walk;

static void visit(walk *w, size_t root) {
  size_t depth = 0;
  if (w->state[root] != NEW) return;
  w->stack[depth++] = root;
  w->state[root] = BEGUN;
  while (depth) {
    size_t i = w->stack[depth - 1], at = w->c->first[i] + w->next[i];
    if (at < w->c->first[i + 1]) {
      size_t parent = w->c->parent[at];
      w->next[i]++;
      if (w->state[parent] != NEW) continue;
      w->state[parent] = BEGUN;
      w->stack[depth++] = parent;
    } else {
      w->state[i] = DONE;
      w->sorted[w->n++] = i;
      depth--;
    }
  }
}

static size_t greater(size_t a, size_t b) { return a > b ? a : b; }

/* By call its depth, and all of them in the order in which they got one. */
static size_t set_depths(const walk *w, size_t *depth, size_t *of_layer, size_t *seen, unsigned char *is_seen) {
  size_t n = 0;
  for (size_t k = w->n; k-- > 0;) {
    size_t i = w->sorted[k], layer = w->c->layer[i];
    if (!is_seen[i]) is_seen[i] = 1, seen[n++] = i;
    depth[i] = of_layer[layer] = greater(depth[i], of_layer[layer]);
    for (size_t at = w->c->first[i]; at < w->c->first[i + 1]; at++) {
      size_t parent = w->c->parent[at];
      if (!is_seen[parent]) is_seen[parent] = 1, seen[n++] = parent;
      depth[parent] = greater(depth[parent], depth[i] + 1);
    }
  }
  return n;
}

size_t *kv_calls_order(kv_scope *s, const kv_calls *c) {
  size_t n = c->n ? c->n : 1, *number = kv_scope_alloc(s, 7 * n, sizeof *number);
  unsigned char *flag = kv_scope_alloc(s, 2 * n, 1);
  if (!number || !flag) return NULL;
  memset(number, 0, 7 * n * sizeof *number);
  memset(flag, 0, 2 * n);
  walk w = {.c = c, .sorted = number, .stack = number + n, .next = number + 2 * n, .state = flag};
  size_t *depth = number + 3 * n, *of_layer = number + 4 * n, *seen = number + 5 * n, *order = number + 6 * n, at = 0;
  for (size_t i = 0; i < c->n_outputs; i++) visit(&w, c->output[i]);
  size_t n_seen = set_depths(&w, depth, of_layer, seen, flag + n);
  /* By counting how many are deeper. */
  size_t *deeper = kv_scope_alloc(s, c->n + 2, sizeof *deeper);
  if (!deeper) return NULL;
  memset(deeper, 0, (c->n + 2) * sizeof *deeper);
  for (size_t k = 0; k < n_seen; k++) deeper[depth[seen[k]]]++;
  for (size_t d = c->n + 1; d-- > 0;) deeper[d] += deeper[d + 1];
  for (size_t k = 0; k < n_seen; k++) order[deeper[depth[seen[k]] + 1]++] = seen[k], at++;
  for (size_t i = 0; i < c->n && at < c->n; i++)
    if (w.state[i] == NEW) order[at++] = i;
  return order;
}
