/* kvino_model_draw: the layers of a model and what goes between them as SVG, from the top down.
 *
 * What is drawn is the recorded graph, its operations gathered by the layer (scope) that they are of. So models of
 * layers and graphs of one's own are drawn alike. Boxes stand in rows by their longest way from an input; an edge over
 * several rows has a place in each; rows are ordered by where that which they take from stands. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "graph/graph.h"
#include "model/model.h"
#include "passes/rewrite.h"

enum { MOST_ITEMS = 20000, SWEEPS = 4, ROW = 96, BOX = 52, GAP = 24, NARROW = 8, LETTER = 7, MARGIN = 20 };

/* A box, or the place of an edge in a row that it passes (no text). */
typedef struct item {
  kv_text name, kind;
  const kv_origin *origin;
  size_t row;
  double x, wanted, width; /* x: of the middle */
  unsigned count;
} item;

/* From one box to another; `via`: the first of the places between, which follow each other. */
typedef struct edge {
  uint32_t from, to, via, n_via;
  kv_text label;
} edge;

typedef struct picture {
  const kvino_model *m;
  const kv_graph *g;
  uint32_t *box_of; /* by node; 0: none, else the box + 1 */
  item *v;
  edge *e;
  size_t n, n_boxes, n_edges, n_rows, capacity, edge_capacity;
  size_t depth; /* of the scopes that all operations share */
  kvino_error *err;
} picture;

static kvino_status no_memory(picture *p) { return kv_fail(p->err, KVINO_NO_MEMORY, "out of memory for a picture"); }

static kvino_status add_item(picture *p, uint32_t *out) {
  if (p->n == MOST_ITEMS)
    return kv_fail(p->err, KVINO_UNSUPPORTED, "%s: the model is too large to be drawn", p->m->file.name);
  if (!kv_grow((void **)&p->v, p->n, &p->capacity, sizeof *p->v)) return no_memory(p);
  p->v[p->n] = (item){.width = NARROW};
  *out = (uint32_t)p->n++;
  return KVINO_OK;
}

/* ---- boxes ---- */

/* The first `depth` + 1 parts of a scope's path in *length; where what they name ends. */
static size_t head(const char *path, size_t depth) {
  const char *at = path;
  for (size_t i = 0; at && i <= depth; i++) at = strchr(at + (i > 0), '/');
  return at ? (size_t)(at - path) : strlen(path);
}

/* How many of the first parts of a path are those of another. */
static size_t shared(const char *a, const char *b) {
  size_t n = 0;
  for (; head(a, n) == head(b, n) && !strncmp(a, b, head(a, n)); n++)
    if (!a[head(a, n)]) return n; /* the whole of it is no part of more */
  return n;
}

static bool is_drawn(const kv_node *node, const bool *live) {
  return live[node->id] && !(node->prim->traits & KV_STRUCTURAL);
}

/* The scope around everything: a model's own name. */
static kvino_status find_depth(picture *p, const bool *live) {
  kv_text first = {0};
  p->depth = SIZE_MAX;
  for (size_t i = 0; i < p->g->n_nodes && p->depth; i++) {
    const kv_node *node = p->g->node[i];
    kv_text path = {0};
    if (!is_drawn(node, live) || !node->origin) continue;
    kv_put_origin(&path, node->origin);
    if (path.failed || first.failed) {
      kv_free(path.at);
      kv_free(first.at);
      return no_memory(p);
    }
    if (!first.at) {
      first = path;
      continue;
    }
    size_t n = shared(first.at, path.at);
    if (n < p->depth) p->depth = n;
    kv_free(path.at);
  }
  kv_free(first.at);
  if (p->depth == SIZE_MAX) p->depth = 0;
  return KVINO_OK;
}

static const char *class_of(const kvino_model *m, const char *name) {
  for (size_t i = 0; i < m->n_layers; i++)
    if (!strcmp(m->layer[i]->name, name)) return m->layer[i]->class_name;
  return NULL;
}

/* The box of a node: that of its layer, or one of its own where it is of none. */
static kvino_status box_of(picture *p, const kv_node *node) {
  kv_text path = {0};
  uint32_t box = 0;
  kv_put_origin(&path, node->origin);
  if (path.failed) return no_memory(p);
  if (path.at) {
    path.at[head(path.at, p->depth)] = 0;
    const char *name = path.at;
    for (size_t i = 0; i < p->depth && strchr(name, '/'); i++) name = strchr(name, '/') + 1;
    memmove(path.at, name, strlen(name) + 1);
  }
  for (box = (uint32_t)p->n; path.at && box-- > 0;)
    if (p->v[box].origin && !strcmp(p->v[box].name.at, path.at)) {
      p->box_of[node->id] = box + 1;
      kv_free(path.at);
      return KVINO_OK;
    }
  kvino_status status = add_item(p, &box);
  if (status) {
    kv_free(path.at);
    return status;
  }
  item *b = &p->v[box];
  b->origin = node->origin;
  if (path.at) {
    const char *class_name = class_of(p->m, path.at);
    b->name = path;
    if (class_name) kv_put(&b->kind, "%s", class_name);
  } else {
    kv_put(&b->name, "%s", node->prim->name);
  }
  p->box_of[node->id] = box + 1;
  return KVINO_OK;
}

static void put_type(kv_text *t, const kv_output *o) {
  char shape[KV_SHAPE_TEXT];
  kv_put(t, "%s %s", kvino_dtype_name(o->dtype), kv_shape_text(o->rank, o->shape, shape));
}

static kvino_status add_port(picture *p, const kvino_port *port, const char *what, uint32_t *out) {
  char shape[KV_SHAPE_TEXT];
  KV_TRY(add_item(p, out));
  item *b = &p->v[*out];
  kv_put(&b->name, "%s", port->name);
  kv_put(&b->kind, "%s: %s %s", what, kvino_dtype_name(port->dtype), kv_shape_text(port->rank, port->shape, shape));
  return KVINO_OK;
}

/* ---- edges ---- */

static kvino_status add_edge(picture *p, uint32_t from, uint32_t to, const kv_output *o) {
  for (size_t i = p->n_edges; i-- > 0;)
    if (p->e[i].from == from && p->e[i].to == to) return KVINO_OK;
  if (!kv_grow((void **)&p->e, p->n_edges, &p->edge_capacity, sizeof *p->e)) return no_memory(p);
  p->e[p->n_edges] = (edge){.from = from, .to = to};
  put_type(&p->e[p->n_edges++].label, o);
  return KVINO_OK;
}

/* What box `to` takes from the node that makes the value, through constants to nothing. */
static kvino_status connect(picture *p, kv_edge value, uint32_t to) {
  uint32_t from = p->box_of[value.node->id];
  return !from || from - 1 == to ? KVINO_OK : add_edge(p, from - 1, to, kv_edge_output(value));
}

static kvino_status gather(picture *p, const bool *live) {
  KV_TRY(find_depth(p, live));
  for (size_t i = 0; i < p->m->in.n; i++) {
    uint32_t box;
    KV_TRY(add_port(p, &p->m->in.v[i], "input", &box));
    p->box_of[p->g->parameter[i]->id] = box + 1;
  }
  for (size_t i = 0; i < p->g->n_nodes; i++) {
    const kv_node *node = p->g->node[i];
    if (!is_drawn(node, live)) continue;
    KV_TRY(box_of(p, node));
    for (uint32_t k = 0; k < node->n_in; k++) KV_TRY(connect(p, node->in[k], p->box_of[node->id] - 1));
  }
  for (size_t i = 0; i < p->m->out.n; i++) {
    uint32_t box;
    KV_TRY(add_port(p, &p->m->out.v[i], "output", &box));
    KV_TRY(connect(p, p->g->result[i].value, box));
  }
  p->n_boxes = p->n;
  return KVINO_OK;
}

/* ---- places ---- */

/* A shared layer may take from one that stands after it: such an edge goes up and moves nothing. */
static bool goes_down(const edge *e) { return e->from < e->to; }

static int by_target(const void *a, const void *b) {
  const edge *x = a, *y = b;
  return (x->to > y->to) - (x->to < y->to);
}

static kvino_status set_rows(picture *p) {
  if (p->n_edges) qsort(p->e, p->n_edges, sizeof *p->e, by_target);
  for (size_t i = 0; i < p->n_edges; i++) { /* by target: what it takes from has its row */
    const edge *e = &p->e[i];
    size_t row = p->v[e->from].row + 1;
    if (goes_down(e) && p->v[e->to].row < row) p->v[e->to].row = row;
  }
  for (size_t i = 0; i < p->n_edges; i++) {
    edge *e = &p->e[i];
    size_t from = p->v[e->from].row, to = p->v[e->to].row;
    for (size_t row = from + 1; goes_down(e) && row < to; row++) {
      uint32_t place;
      KV_TRY(add_item(p, &place));
      p->v[place].row = row;
      if (!e->n_via++) e->via = place;
    }
  }
  for (size_t i = 0; i < p->n; i++) {
    item *b = &p->v[i];
    size_t longest = b->name.n > b->kind.n ? b->name.n : b->kind.n;
    if (i < p->n_boxes) b->width = (double)longest * LETTER + 2 * MARGIN;
    if (b->row >= p->n_rows) p->n_rows = b->row + 1;
  }
  return KVINO_OK;
}

/* What lies between two rows: an edge, or a piece of one. */
typedef struct piece {
  uint32_t from, to;
} piece;

/* Items and pieces by row: row r has those from first[r] on. */
typedef struct rows {
  item **v;
  piece *piece;
  size_t *first, *first_piece;
} rows;

static int by_place(const void *a, const void *b) {
  const item *x = *(item *const *)a, *y = *(item *const *)b;
  if (x->wanted != y->wanted) return x->wanted < y->wanted ? -1 : 1;
  return (x > y) - (x < y);
}

/* Fills what count_rows has made room for. */
static void fill_rows(const picture *p, rows *r) {
  for (size_t i = 0; i < p->n; i++) r->v[r->first[p->v[i].row]++] = &p->v[i];
  for (size_t i = 0; i < p->n_edges; i++) {
    const edge *e = &p->e[i];
    for (uint32_t k = 0; goes_down(e) && k <= e->n_via; k++) {
      piece one = {k ? e->via + k - 1 : e->from, k < e->n_via ? e->via + k : e->to};
      r->piece[r->first_piece[p->v[one.from].row]++] = one;
    }
  }
  for (size_t i = p->n_rows; i > 0; i--) { /* they stand at their ends now */
    r->first[i] = r->first[i - 1];
    r->first_piece[i] = r->first_piece[i - 1];
  }
  r->first[0] = r->first_piece[0] = 0;
}

static kvino_status make_rows(picture *p, rows *r) {
  size_t n_pieces = p->n_edges + p->n;
  r->v = kv_calloc(p->n + 1, sizeof *r->v);
  r->piece = kv_calloc(n_pieces + 1, sizeof *r->piece);
  r->first = kv_calloc(p->n_rows + 2, sizeof *r->first);
  r->first_piece = kv_calloc(p->n_rows + 2, sizeof *r->first_piece);
  if (!r->v || !r->piece || !r->first || !r->first_piece) return no_memory(p);
  for (size_t i = 0; i < p->n; i++) r->first[p->v[i].row + 1]++;
  for (size_t i = 0; i < p->n_edges; i++) {
    const edge *e = &p->e[i];
    for (uint32_t k = 0; goes_down(e) && k <= e->n_via; k++)
      r->first_piece[p->v[k ? e->via + k - 1 : e->from].row + 1]++;
  }
  for (size_t i = 1; i <= p->n_rows; i++) {
    r->first[i] += r->first[i - 1];
    r->first_piece[i] += r->first_piece[i - 1];
  }
  fill_rows(p, r);
  return KVINO_OK;
}

/* Where each of a row wants to be: in the middle of what it takes from (down), or of who takes it. */
static void set_wanted(picture *p, const rows *r, size_t row, bool down) {
  size_t between = down ? row - 1 : row; /* a row that has none of these is the first, or the last */
  for (size_t i = r->first[row]; i < r->first[row + 1]; i++) {
    r->v[i]->wanted = 0;
    r->v[i]->count = 0;
  }
  for (size_t i = r->first_piece[between]; i < r->first_piece[between + 1]; i++) {
    item *a = &p->v[down ? r->piece[i].to : r->piece[i].from], *b = &p->v[down ? r->piece[i].from : r->piece[i].to];
    a->wanted += b->x;
    a->count++;
  }
  for (size_t i = r->first[row]; i < r->first[row + 1]; i++) {
    item *a = r->v[i];
    a->wanted = a->count ? a->wanted / a->count : a->x;
  }
}

/* Puts a row's items side by side, in the middle of where they want to be. */
static void place_row(item **row, size_t n) {
  double at = 0, off = 0;
  qsort(row, n, sizeof *row, by_place);
  for (size_t i = 0; i < n; i++) {
    row[i]->x = at + row[i]->width / 2;
    at += row[i]->width + GAP;
    off += row[i]->wanted - row[i]->x;
  }
  for (size_t i = 0; i < n; i++) row[i]->x += off / (double)n;
}

static kvino_status set_places(picture *p) {
  rows r = {0};
  kvino_status status = make_rows(p, &r);
  for (int sweep = 0; sweep < SWEEPS && !status; sweep++)
    for (size_t i = 0; i < p->n_rows; i++) { /* row by row: the next one sees where this one stands */
      bool down = !(sweep & 1);
      size_t row = down ? i : p->n_rows - 1 - i;
      if (row || !down) set_wanted(p, &r, row, down);
      place_row(r.v + r.first[row], r.first[row + 1] - r.first[row]);
    }
  kv_free(r.v);
  kv_free(r.piece);
  kv_free(r.first);
  kv_free(r.first_piece);
  return status;
}

/* ---- the text ---- */

static double top(const picture *p, uint32_t i) { return (double)p->v[i].row * ROW + MARGIN; }

static void put_edge(const picture *p, kv_text *t, const edge *e) {
  bool down = goes_down(e);
  double x = p->v[e->from].x, y = top(p, e->from) + (down ? BOX : 0);
  kv_put(t, "<path d=\"M%.1f %.1f", x, y);
  for (uint32_t k = 0; k <= e->n_via; k++) {
    uint32_t to = k < e->n_via ? e->via + k : e->to;
    double end = top(p, to) + (down ? 0 : BOX), middle = (y + end) / 2;
    kv_put(t, " C%.1f %.1f %.1f %.1f %.1f %.1f", x, middle, p->v[to].x, middle, p->v[to].x, end);
    x = p->v[to].x;
    y = end + BOX;
    if (k < e->n_via) kv_put(t, " V%.1f", y);
  }
  kv_put(t, "\"><title>");
  kv_put_escaped(t, e->label.at ? e->label.at : "");
  kv_put(t, "</title></path>\n");
}

static void put_box(const picture *p, kv_text *t, uint32_t i) {
  const item *b = &p->v[i];
  bool port = !b->origin && b->kind.at;
  kv_put(t, "<g%s><rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"6\"/>", port ? " class=\"port\"" : "",
         b->x - b->width / 2, top(p, i), b->width, BOX);
  kv_put(t, "<text x=\"%.1f\" y=\"%.1f\" class=\"name\">", b->x, top(p, i) + (b->kind.at ? 22 : 30));
  kv_put_escaped(t, b->name.at);
  kv_put(t, "</text>");
  if (b->kind.at) {
    kv_put(t, "<text x=\"%.1f\" y=\"%.1f\">", b->x, top(p, i) + 40);
    kv_put_escaped(t, b->kind.at);
    kv_put(t, "</text>");
  }
  kv_put(t, "</g>\n");
}

static void put_picture(const picture *p, kv_text *t) {
  double left = 0, right = 0;
  for (size_t i = 0; i < p->n; i++) {
    const item *b = &p->v[i];
    if (!i || b->x - b->width / 2 < left) left = b->x - b->width / 2;
    if (!i || b->x + b->width / 2 > right) right = b->x + b->width / 2;
  }
  double width = right - left + 2 * MARGIN, height = (double)p->n_rows * ROW - (ROW - BOX) + 2 * MARGIN;
  kv_put(
      t,
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"%.1f 0 %.1f %.1f\">\n"
      "<style>text{font:12px sans-serif;text-anchor:middle;fill:#555}.name{font-weight:bold;fill:#000}"
      "rect{fill:#e8f0fb;stroke:#4a6fa5}.port rect{fill:#fff}path{fill:none;stroke:#888;marker-end:url(#tip)}</style>\n"
      "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" "
      "orient=\"auto\"><polygon points=\"0,0 8,4 0,8\" fill=\"#888\"/></marker></defs>\n",
      width, height, left - MARGIN, width, height);
  for (size_t i = 0; i < p->n_edges; i++) put_edge(p, t, &p->e[i]);
  for (size_t i = 0; i < p->n_boxes; i++) put_box(p, t, (uint32_t)i);
  kv_put(t, "</svg>\n");
}

static void clear(picture *p) {
  for (size_t i = 0; i < p->n; i++) {
    kv_free(p->v[i].name.at);
    kv_free(p->v[i].kind.at);
  }
  for (size_t i = 0; i < p->n_edges; i++) kv_free(p->e[i].label.at);
  kv_free(p->v);
  kv_free(p->e);
  kv_free(p->box_of);
}

static kvino_status draw(picture *p, kv_text *t) {
  bool *live = kv_calloc(p->g->n_nodes + 1, sizeof *live);
  p->box_of = kv_calloc(p->g->n_nodes + 1, sizeof *p->box_of);
  kvino_status status = live && p->box_of ? KVINO_OK : no_memory(p);
  if (!status) {
    kv_mark_live(p->g, live);
    status = gather(p, live);
  }
  if (!status) status = set_rows(p);
  for (size_t i = 0; i < p->n_boxes && !status; i++)
    if (p->v[i].name.failed || p->v[i].kind.failed) status = no_memory(p);
  if (!status) status = set_places(p);
  if (!status) put_picture(p, t);
  kv_free(live);
  return status || !t->failed ? status : no_memory(p);
}

kvino_status kvino_model_draw(kvino_model *m, char **svg, kvino_error *err) {
  kv_text t = {0};
  kvino_graph *g = NULL;
  KV_NOT_NULL(err, m && svg);
  KV_TRY(kv_model_record(m, m->in.shapes, &g, NULL, err));
  picture p = {.m = m, .g = g, .err = err};
  kvino_status status = draw(&p, &t);
  clear(&p);
  kvino_graph_release(g);
  if (status)
    kv_free(t.at);
  else
    *svg = t.at;
  return status;
}
