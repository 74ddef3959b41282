/* A profile as a table (kvino/profile.h). */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/profile.h"

enum { COLUMNS = 8, WIDEST = 44 };

void kv_put_bytes(kv_text *t, int64_t bytes) {
  static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
  double amount = (double)bytes;
  int unit = 0;
  if (bytes < 0) return;
  for (; amount >= 1000 && unit < 4; unit++) amount /= 1000;
  kv_put(t, unit && amount < 100 ? "%.1f %s" : "%.0f %s", amount, units[unit]);
}

/* The cells of a line, one behind the other with a NUL between them. */
typedef struct line {
  kv_text t;
  size_t at[COLUMNS + 1];
} line;

static void end_cell(line *l, int column) {
  kv_put(&l->t, "%c", 0);
  l->at[column + 1] = l->t.n;
}

static const char *cell(const line *l, int column) { return l->t.at + l->at[column]; }

/* Long names lose their beginning, long lists their end. */
static void put_cut(kv_text *t, const char *text, bool end) {
  size_t n = strlen(text);
  if (n <= WIDEST)
    kv_put(t, "%s", text);
  else if (end)
    kv_put(t, "%.*s...", WIDEST - 3, text);
  else
    kv_put(t, "...%s", text + n - (WIDEST - 3));
}

static void write_layer(const kvino_profile *p, const kvino_profile_layer *l, line *out) {
  kv_text *t = &out->t;
  put_cut(t, *l->scope ? l->scope : "(no layer)", false);
  end_cell(out, 0);
  kv_put(t, "%s", l->engine);
  end_cell(out, 1);
  kv_put(t, "%s", l->precision);
  end_cell(out, 2);
  put_cut(t, l->operations, true);
  end_cell(out, 3);
  if (l->microseconds > 0) kv_put(t, "%.1f us", l->microseconds);
  end_cell(out, 4);
  if (l->microseconds > 0) kv_put(t, "%.1f %%", 100 * kv_profile_share(p, l->microseconds));
  end_cell(out, 5);
  if (l->weight_bytes) kv_put_bytes(t, l->weight_bytes);
  end_cell(out, 6);
  if (l->result_bytes) kv_put_bytes(t, l->result_bytes);
  end_cell(out, 7);
}

static void put_line(kv_text *t, const line *l, const size_t *width) {
  size_t start = t->n;
  for (int c = 0; c < COLUMNS; c++) {
    bool numbers = c >= 4;
    if (!width[c]) continue;
    kv_put(t, numbers ? "%*s" : "%-*s", (int)width[c], cell(l, c));
    kv_put(t, "  ");
  }
  while (t->n > start && !t->failed && t->at[t->n - 1] == ' ') t->n--;
  kv_put(t, "\n");
}

static void measure(const line *l, size_t *width) {
  for (int c = 0; c < COLUMNS; c++) {
    size_t n = strlen(cell(l, c));
    if (n > width[c]) width[c] = n;
  }
}

static void write_head(const kvino_profile *p, line *out) {
  static const char *const names[COLUMNS] = {"layer", "engine", "precision", "operations",
                                             "time",  "share",  "weights",   "results"};
  for (int c = 0; c < COLUMNS; c++) {
    if (p->runs || (c != 4 && c != 5)) kv_put(&out->t, "%s", names[c]);
    end_cell(out, c);
  }
}

/* What the whole took, and what of it lies between the operations. */
static void put_sum(kv_text *t, const kvino_profile *p) {
  double native = 0, all = 0;
  for (size_t i = 0; i < p->n_rows; i++) {
    all += p->row[i].microseconds;
    if (!strcmp(p->row[i].engine, "native")) native += p->row[i].microseconds;
  }
  if (!p->runs) return;
  kv_put(t, "%.3f ms a run (the mean of %zu): operations %.3f ms", p->microseconds / 1000, p->runs, all / 1000);
  if (native > 0) kv_put(t, ", of which native %.3f ms", native / 1000);
  kv_put(t, "\n");
}

static void put_reasons(kv_text *t, const kvino_profile *p) {
  for (size_t i = 0; i < p->n_layers; i++)
    if (p->layer[i].reason)
      kv_put(t, "native in %s: %s\n", *p->layer[i].scope ? p->layer[i].scope : "(no layer)", p->layer[i].reason);
}

kvino_status kvino_profile_text(const kvino_profile *p, char **text, kvino_error *err) {
  KV_NOT_NULL(err, p && text);
  size_t width[COLUMNS] = {0}, n = p->n_layers + 1;
  line *lines = kv_calloc(n, sizeof *lines);
  kv_text t = {0};
  bool room = lines != NULL;
  if (room) write_head(p, &lines[0]);
  for (size_t i = 0; room && i + 1 < n; i++) write_layer(p, &p->layer[i], &lines[i + 1]);
  for (size_t i = 0; room && i < n; i++) room = !lines[i].t.failed;
  for (size_t i = 0; room && i < n; i++) measure(&lines[i], width);
  for (size_t i = 0; room && i < n; i++) put_line(&t, &lines[i], width);
  for (size_t i = 0; lines && i < n; i++) kv_free(lines[i].t.at);
  kv_free(lines);
  put_sum(&t, p);
  put_reasons(&t, p);
  if (!room || t.failed) {
    kv_free(t.at);
    return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a table");
  }
  *text = t.at;
  return KVINO_OK;
}
