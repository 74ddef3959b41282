#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/signal/ctc.h"
#include "kernels/signal/log_add.h"

/* Labellings are nodes of a tree: a node is its parent and one more class. */
typedef struct node {
  int32_t parent, label, child, sibling; /* child: the last one made; -1: none */
  int32_t depth, slot;                   /* slot: place in the beam, or -1 */
} node;

/* One labelling of the beam, by the frame that its paths end with. */
typedef struct entry {
  int32_t node;
  double blank, emit; /* log probability of those that end with a blank, with its last class */
  double total;
} entry;

/* A labelling that may be in the next beam: node, or (label >= 0) node and one more class. */
typedef struct candidate {
  int32_t node, label;
  double blank, emit, total;
} candidate;

typedef struct search {
  node *node;
  int32_t n_nodes;
  entry *beam;
  candidate *heap; /* the best so far, the worst on top */
  int64_t n_beam, n_heap, width;
  bool *taken;           /* by class */
  int32_t *first, *next; /* entries whose parent is in the beam, by the parent's slot */
  int32_t *path[2];
} search;

/* ---- the order of labellings ---- */

static int64_t spell(const search *s, int32_t at, int32_t label, int32_t *path) {
  int64_t n = s->node[at].depth + (label >= 0), i = n;
  if (label >= 0) path[--i] = label;
  for (; i > 0; at = s->node[at].parent) path[--i] = s->node[at].label;
  return n;
}

/* Whether a goes before b. */
static bool before(const search *s, const candidate *a, const candidate *b) {
  if (a->total != b->total) return a->total > b->total;
  int64_t n = spell(s, a->node, a->label, s->path[0]), m = spell(s, b->node, b->label, s->path[1]);
  for (int64_t i = 0; i < n && i < m; i++)
    if (s->path[0][i] != s->path[1][i]) return s->path[0][i] < s->path[1][i];
  return n > m;
}

/* ---- the best `width` candidates: a heap ---- */

static void sink(search *s, int64_t i, int64_t n) {
  candidate *h = s->heap, moved = h[i];
  for (int64_t child; (child = 2 * i + 1) < n; i = child) {
    if (child + 1 < n && before(s, &h[child], &h[child + 1])) child++;
    if (!before(s, &moved, &h[child])) break;
    h[i] = h[child];
  }
  h[i] = moved;
}

static void offer(search *s, candidate c) {
  if (c.total == -INFINITY) return;
  if (s->n_heap == s->width) {
    if (!before(s, &c, &s->heap[0])) return;
    s->heap[0] = c;
    sink(s, 0, s->n_heap);
    return;
  }
  int64_t i = s->n_heap++;
  for (; i > 0 && before(s, &s->heap[(i - 1) / 2], &c); i = (i - 1) / 2) s->heap[i] = s->heap[(i - 1) / 2];
  s->heap[i] = c;
}

/* The heap in order, the best first. */
static void sort_heap(search *s) {
  for (int64_t n = s->n_heap - 1; n > 0; n--) {
    candidate worst = s->heap[0];
    s->heap[0] = s->heap[n];
    s->heap[n] = worst;
    sink(s, 0, n);
  }
}

/* ---- one frame ---- */

/* What the paths of an entry become when they emit its class `label` once more, or another one. */
static double extended(const search *s, const entry *e, int32_t label, double log_p) {
  return (s->node[e->node].label == label ? e->blank : e->total) + log_p;
}

static void offer_all(search *s, int64_t classes, const double *log_p, int64_t blank) {
  s->n_heap = 0;
  for (int64_t i = 0; i < s->n_beam; i++) s->first[i] = -1;
  for (int32_t i = 0; i < s->n_beam; i++) { /* those that stay what they are */
    const entry *e = &s->beam[i];
    const node *n = &s->node[e->node];
    int32_t parent = n->parent >= 0 ? s->node[n->parent].slot : -1;
    candidate c = {e->node, -1, e->total + log_p[blank], -INFINITY, 0};
    if (n->label >= 0) c.emit = e->emit + log_p[n->label];
    if (parent >= 0) {
      c.emit = kv_log_add(c.emit, extended(s, &s->beam[parent], n->label, log_p[n->label]));
      s->next[i] = s->first[parent];
      s->first[parent] = i;
    }
    c.total = kv_log_add(c.blank, c.emit);
    offer(s, c);
  }
  for (int64_t i = 0; i < s->n_beam; i++) { /* those that grow, into none that is in the beam */
    const entry *e = &s->beam[i];
    for (int32_t k = s->first[i]; k >= 0; k = s->next[k]) s->taken[s->node[s->beam[k].node].label] = true;
    for (int32_t label = 0; label < classes; label++) {
      if (label == blank || s->taken[label]) continue;
      double emit = extended(s, e, label, log_p[label]);
      if (s->n_heap == s->width && emit < s->heap[0].total) continue;
      offer(s, (candidate){e->node, label, -INFINITY, emit, emit});
    }
    for (int32_t k = s->first[i]; k >= 0; k = s->next[k]) s->taken[s->node[s->beam[k].node].label] = false;
  }
}

/* The node of this labelling, which may have left the beam before. */
static int32_t node_of(search *s, const candidate *c) {
  if (c->label < 0) return c->node;
  for (int32_t k = s->node[c->node].child; k >= 0; k = s->node[k].sibling)
    if (s->node[k].label == c->label) return k;
  int32_t made = s->n_nodes++;
  s->node[made] = (node){c->node, c->label, -1, s->node[c->node].child, s->node[c->node].depth + 1, -1};
  s->node[c->node].child = made;
  return made;
}

static void advance(search *s) {
  for (int64_t i = 0; i < s->n_beam; i++) s->node[s->beam[i].node].slot = -1;
  s->n_beam = s->n_heap;
  for (int64_t i = 0; i < s->n_heap; i++) {
    const candidate *c = &s->heap[i];
    int32_t at = node_of(s, c);
    s->beam[i] = (entry){at, c->blank, c->emit, c->total};
    s->node[at].slot = (int32_t)i;
  }
}

static bool start(search *s, int64_t frames, int64_t classes, int64_t width) {
  size_t nodes = (size_t)frames * (size_t)width + 1, n = (size_t)width;
  s->width = width;
  if (nodes > INT32_MAX || !(s->node = kv_malloc(nodes * sizeof *s->node))) return false;
  if (!(s->beam = kv_malloc(n * sizeof *s->beam)) || !(s->heap = kv_malloc(n * sizeof *s->heap)) ||
      !(s->taken = kv_calloc((size_t)classes, sizeof *s->taken)) || !(s->first = kv_malloc(2 * n * sizeof *s->first)) ||
      !(s->path[0] = kv_malloc(2 * ((size_t)frames + 1) * sizeof **s->path)))
    return false;
  s->next = s->first + n;
  s->path[1] = s->path[0] + frames + 1;
  s->node[0] = (node){-1, -1, -1, -1, 0, 0};
  s->n_nodes = 1;
  s->beam[0] = (entry){0, 0, -INFINITY, 0};
  s->n_beam = 1;
  return true;
}

bool kv_ctc_search(int64_t frames, int64_t classes, const double *log_p, int64_t blank, int64_t width, int64_t top,
                   int64_t length, int32_t *path, double *score) {
  search s = {0};
  bool ok = start(&s, frames, classes, width);
  for (int64_t t = 0; t < frames && ok; t++) {
    offer_all(&s, classes, log_p + t * classes, blank);
    advance(&s);
  }
  for (int64_t i = 0; i < top * length; i++) path[i] = -1;
  for (int64_t i = 0; i < top; i++) score[i] = -INFINITY;
  if (ok) {
    s.n_heap = 0;
    for (int64_t i = 0; i < s.n_beam; i++)
      offer(&s, (candidate){s.beam[i].node, -1, s.beam[i].blank, s.beam[i].emit, s.beam[i].total});
    sort_heap(&s);
    for (int64_t i = 0; i < top && i < s.n_heap; i++) {
      spell(&s, s.heap[i].node, -1, path + i * length);
      score[i] = s.heap[i].total;
    }
  }
  kv_free(s.node);
  kv_free(s.beam);
  kv_free(s.heap);
  kv_free(s.taken);
  kv_free(s.first);
  kv_free(s.path[0]);
  return ok;
}
