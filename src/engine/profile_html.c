/* A profile as a page that needs nothing else: the graph of the layers with their bars, and all operations
 * (kvino/profile.h). */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/profile.h"

/* Measures of the drawing, in its own units. */
enum { LINE = 26, LEFT = 96, NAME = 380, BAR = 420, RIGHT = 160, TOP = 10 };

static const char HEAD[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>kvino profile</title>\n<style>\n"
    "body{font:14px/1.4 system-ui,sans-serif;margin:24px;color:#1b1f24;background:#fff}\n"
    "h1{font-size:20px;margin:0 0 4px}h2{font-size:16px;margin:28px 0 8px}\n"
    "table{border-collapse:collapse}th,td{padding:3px 10px;text-align:left;border-bottom:1px solid #e3e6ea}\n"
    "td.n,th.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}tr.native td{background:#fff3e0}\n"
    "svg{max-width:100%;height:auto}text{font:13px system-ui,sans-serif}.quiet{fill:#667}\n"
    ".openvino{fill:#3c78c3}.native{fill:#e08a1e}.both{fill:#8a63b5}.edge{fill:none;stroke:#9aa4af}\n"
    "</style>\n</head>\n<body>\n";

static const char *kind_of(const char *engine) {
  if (!strcmp(engine, "native")) return "native";
  return strstr(engine, "native") ? "both" : "openvino";
}

static const char *name_of(const char *scope) { return *scope ? scope : "(no layer)"; }

static void put_cell(kv_text *t, const char *text) {
  kv_put(t, "<td>");
  kv_put_escaped(t, text);
  kv_put(t, "</td>");
}

static void put_time(kv_text *t, const kvino_profile *p, double microseconds) {
  if (!p->runs) return;
  kv_put(t, "<td class=\"n\">%.1f</td><td class=\"n\">%.1f %%</td>", microseconds,
         100 * kv_profile_share(p, microseconds));
}

static void put_size(kv_text *t, int64_t bytes) {
  kv_put(t, "<td class=\"n\">");
  kv_put_bytes(t, bytes);
  kv_put(t, "</td>");
}

/* ---- the drawing ---- */

static int middle(uint32_t layer) { return TOP + (int)layer * LINE + LINE / 2; }

/* A layer's line, in the order of the graph: to the next one a straight line, else an arc on the left. */
static void put_edge(kv_text *t, const kv_layer_edge *e) {
  int from = middle(e->from), to = middle(e->to), across = (int)(e->to > e->from ? e->to - e->from : e->from - e->to);
  int width = across * 6 < LEFT - 12 ? 6 + across * 6 : LEFT - 6;
  if (e->to == e->from + 1)
    kv_put(t, "<path class=\"edge\" d=\"M%d %dV%d\"/>\n", LEFT, from + 5, to - 5);
  else
    kv_put(t, "<path class=\"edge\" d=\"M%d %dC%d %d %d %d %d %d\"/>\n", LEFT - 5, from, LEFT - width, from,
           LEFT - width, to, LEFT - 5, to);
}

static void put_bar(kv_text *t, const kvino_profile *p, uint32_t i, double longest) {
  const kvino_profile_layer *l = &p->layer[i];
  int y = middle(i);
  double width = longest > 0 ? BAR * l->microseconds / longest : 0;
  kv_put(t, "<g><title>");
  kv_put_escaped(t, name_of(l->scope));
  kv_put(t, ": ");
  kv_put_escaped(t, l->operations);
  kv_put(t, " (%s %s)</title><circle class=\"%s\" cx=\"%d\" cy=\"%d\" r=\"5\"/><text x=\"%d\" y=\"%d\">", l->engine,
         l->precision, kind_of(l->engine), LEFT, y, LEFT + 14, y + 4);
  size_t n = strlen(l->scope), most = 52;
  if (n > most) kv_put(t, "...");
  kv_put_escaped(t, n > most ? l->scope + n - most : name_of(l->scope));
  kv_put(t, "</text>");
  if (p->runs)
    kv_put(t,
           "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"14\"/><text class=\"quiet\" x=\"%.1f\" "
           "y=\"%d\">%.1f us, %.1f %%</text>",
           kind_of(l->engine), LEFT + NAME, y - 7, width, LEFT + NAME + width + 8, y + 4, l->microseconds,
           100 * kv_profile_share(p, l->microseconds));
  kv_put(t, "</g>\n");
}

static void put_graph(kv_text *t, const kvino_profile *p) {
  double longest = 0;
  for (size_t i = 0; i < p->n_layers; i++)
    if (p->layer[i].microseconds > longest) longest = p->layer[i].microseconds;
  kv_put(
      t,
      "<h2>Layers</h2>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n",
      LEFT + NAME + BAR + RIGHT, 2 * TOP + LINE * (int)p->n_layers, LEFT + NAME + BAR + RIGHT,
      2 * TOP + LINE * (int)p->n_layers);
  for (size_t i = 0; i < p->n_edges; i++) put_edge(t, &p->edge[i]);
  for (size_t i = 0; i < p->n_layers; i++) put_bar(t, p, (uint32_t)i, longest);
  kv_put(t, "</svg>\n");
}

/* ---- the tables ---- */

static void put_layers(kv_text *t, const kvino_profile *p) {
  kv_put(t,
         "<table id=\"layers\"><tr><th>layer</th><th>engine</th><th>precision</th><th>operations</th>%s<th "
         "class=\"n\">weights</th><th class=\"n\">results</th><th>why native</th></tr>\n",
         p->runs ? "<th class=\"n\">us</th><th class=\"n\">share</th>" : "");
  for (size_t i = 0; i < p->n_layers; i++) {
    const kvino_profile_layer *l = &p->layer[i];
    kv_put(t, "<tr class=\"%s\">", kind_of(l->engine));
    put_cell(t, name_of(l->scope));
    put_cell(t, l->engine);
    put_cell(t, l->precision);
    put_cell(t, l->operations);
    put_time(t, p, l->microseconds);
    put_size(t, l->weight_bytes);
    put_size(t, l->result_bytes);
    put_cell(t, l->reason ? l->reason : "");
    kv_put(t, "</tr>\n");
  }
  kv_put(t, "</table>\n");
}

static void put_rows(kv_text *t, const kvino_profile *p) {
  kv_put(t,
         "<details><summary>All %zu operations</summary>\n<table id=\"operations\"><tr><th>layer</th><th>operation</th>"
         "<th>engine</th><th>precision</th><th>kernel</th>%s<th class=\"n\">results</th></tr>\n",
         p->n_rows, p->runs ? "<th class=\"n\">us</th><th class=\"n\">share</th>" : "");
  for (size_t i = 0; i < p->n_rows; i++) {
    const kvino_profile_row *r = &p->row[i];
    kv_put(t, "<tr class=\"%s\">", kind_of(r->engine));
    put_cell(t, name_of(r->scope));
    put_cell(t, r->operation);
    put_cell(t, r->engine);
    put_cell(t, r->precision);
    put_cell(t, r->kernel);
    put_time(t, p, r->microseconds);
    put_size(t, r->result_bytes);
    kv_put(t, "</tr>\n");
  }
  kv_put(t, "</table></details>\n");
}

kvino_status kvino_profile_html(const kvino_profile *p, char **text, kvino_error *err) {
  KV_NOT_NULL(err, p && text);
  kv_text t = {0};
  kv_put(&t, "%s<h1>kvino profile</h1>\n", HEAD);
  if (p->runs)
    kv_put(&t,
           "<p>%.3f ms a run, the mean of %zu. <svg width=\"12\" height=\"12\"><rect class=\"openvino\" width=\"12\" "
           "height=\"12\"/></svg> OpenVINO <svg width=\"12\" height=\"12\"><rect class=\"native\" width=\"12\" "
           "height=\"12\"/></svg> kvino's own kernels</p>\n",
           p->microseconds / 1000, p->runs);
  put_graph(&t, p);
  kv_put(&t, "<h2>Table</h2>\n");
  put_layers(&t, p);
  put_rows(&t, p);
  kv_put(&t, "</body>\n</html>\n");
  if (t.failed) {
    kv_free(t.at);
    return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a page");
  }
  *text = t.at;
  return KVINO_OK;
}
