/* Minimum cut by maximum flow (Dinic: breadth-first levels, then blocking flows along them, without recursion: the
 * graph of a model is as deep as the model). */
#include "passes/mincut.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"

enum { NONE = UINT32_MAX };

typedef struct arc { /* arc i and its reverse i ^ 1 stand side by side */
  uint32_t to, next;
  int64_t left; /* capacity that is left */
} arc;

struct kv_cut {
  arc *arc;
  uint32_t *first; /* by point */
  size_t n_arcs, arc_capacity, n_points, point_capacity;
};

static kvino_status no_memory(kvino_error *err) {
  return kv_fail(err, KVINO_NO_MEMORY, "out of memory for the layout of a graph");
}

kvino_status kv_cut_new(kv_cut **out, kvino_error *err) {
  kv_cut *c = kv_calloc(1, sizeof *c);
  uint32_t point;
  if (!c) return no_memory(err);
  kvino_status status = kv_cut_point(c, &point, err); /* KV_CUT_LEFT */
  if (!status) status = kv_cut_point(c, &point, err);
  if (status)
    kv_cut_free(c);
  else
    *out = c;
  return status;
}

void kv_cut_free(kv_cut *c) {
  if (!c) return;
  kv_free(c->arc);
  kv_free(c->first);
  kv_free(c);
}

uint32_t kv_cut_points(const kv_cut *c) { return (uint32_t)c->n_points; }

kvino_status kv_cut_point(kv_cut *c, uint32_t *point, kvino_error *err) {
  if (c->n_points == c->point_capacity) {
    size_t wanted = c->point_capacity ? c->point_capacity * 2 : 64;
    uint32_t *more = kv_realloc(c->first, wanted * sizeof *more);
    if (!more) return no_memory(err);
    c->first = more;
    c->point_capacity = wanted;
  }
  c->first[c->n_points] = NONE;
  *point = (uint32_t)c->n_points++;
  return KVINO_OK;
}

kvino_status kv_cut_arc(kv_cut *c, uint32_t from, uint32_t to, int64_t weight, kvino_error *err) {
  if (from == to || !weight) return KVINO_OK;
  if (c->n_arcs + 2 > c->arc_capacity) {
    size_t wanted = c->arc_capacity ? c->arc_capacity * 2 : 256;
    arc *more = kv_realloc(c->arc, wanted * sizeof *more);
    if (!more) return no_memory(err);
    c->arc = more;
    c->arc_capacity = wanted;
  }
  c->arc[c->n_arcs] = (arc){to, c->first[from], weight};
  c->first[from] = (uint32_t)c->n_arcs++;
  c->arc[c->n_arcs] = (arc){from, c->first[to], 0};
  c->first[to] = (uint32_t)c->n_arcs++;
  return KVINO_OK;
}

/* Distances from the left along arcs with capacity; NONE where there is no way. */
static void levels(const kv_cut *c, uint32_t *level, uint32_t *queue) {
  for (size_t i = 0; i < c->n_points; i++) level[i] = NONE;
  size_t head = 0, tail = 0;
  level[KV_CUT_LEFT] = 0;
  queue[tail++] = KV_CUT_LEFT;
  while (head < tail) {
    uint32_t at = queue[head++];
    for (uint32_t i = c->first[at]; i != NONE; i = c->arc[i].next)
      if (c->arc[i].left && level[c->arc[i].to] == NONE) {
        level[c->arc[i].to] = level[at] + 1;
        queue[tail++] = c->arc[i].to;
      }
  }
}

/* Pushes one path's worth of flow; false where none is left. `current` is the next arc to try at each point, `path` the
 * arcs of the way so far. */
static bool augment(kv_cut *c, uint32_t *level, uint32_t *current, uint32_t *path) {
  size_t n = 0;
  uint32_t at = KV_CUT_LEFT;
  while (at != KV_CUT_RIGHT) {
    uint32_t i = current[at];
    while (i != NONE && !(c->arc[i].left && level[c->arc[i].to] == level[at] + 1)) i = c->arc[i].next;
    current[at] = i;
    if (i != NONE) {
      path[n++] = i;
      at = c->arc[i].to;
    } else {
      level[at] = NONE; /* leads nowhere */
      if (!n) return false;
      at = c->arc[path[--n] ^ 1].to;
    }
  }
  int64_t flow = INT64_MAX;
  for (size_t k = 0; k < n; k++)
    if (c->arc[path[k]].left < flow) flow = c->arc[path[k]].left;
  for (size_t k = 0; k < n; k++) {
    c->arc[path[k]].left -= flow;
    c->arc[path[k] ^ 1].left += flow;
  }
  return true;
}

kvino_status kv_cut_solve(kv_cut *c, uint8_t *side, kvino_error *err) {
  size_t bytes = c->n_points * sizeof(uint32_t);
  uint32_t *level = kv_malloc(bytes), *current = kv_malloc(bytes), *work = kv_malloc(bytes);
  kvino_status status = level && current && work ? KVINO_OK : no_memory(err);
  while (!status) {
    levels(c, level, work);
    if (level[KV_CUT_RIGHT] == NONE) break;
    memcpy(current, c->first, bytes);
    while (augment(c, level, current, work)) {
    }
  }
  for (size_t i = 0; !status && i < c->n_points; i++) side[i] = level[i] == NONE ? KV_CUT_RIGHT : KV_CUT_LEFT;
  kv_free(level);
  kv_free(current);
  kv_free(work);
  return status;
}
