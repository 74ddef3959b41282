/* Where a NaN tells that a run does not count (nan_guard.h). */
#include "openvino/nan_guard.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/threads.h"

static bool is_float_output(const kv_output *o) {
  return o->dtype == KVINO_F32 || o->dtype == KVINO_F16 || o->dtype == KVINO_BF16;
}

bool kv_drops_nan(const kv_node *node) {
  if (!node->n_in || !is_float_output(kv_edge_output(node->in[0]))) return false;
  if (!(node->prim->traits & KV_PUTS)) return node->prim->traits & KV_LOSES_NAN;
  const char *how = node->attrs.scatter.reduction;
  return how && (!strcmp(how, "max") || !strcmp(how, "min"));
}

/* Whether the result may be wrong where there is a NaN in it. */
static bool shows_nan(const kv_node *node) {
  return node->prim->traits & KV_BLURS_NAN || (node->prim->traits & KV_PRODUCT && node->out[0].dtype == KVINO_BF16);
}

/* Whether every element of what a convolution is applied to has its part in some result: no stride steps over one, and
 * what is left over at the end is padding. */
static bool covers(const kv_node *node) {
  const kv_conv_attrs *a = &node->attrs.conv;
  const kv_output *x = kv_edge_output(node->in[0]), *w = kv_edge_output(node->in[1]);
  bool same = a->auto_pad && !strncmp(a->auto_pad, "same", 4), valid = a->auto_pad && !strcmp(a->auto_pad, "valid");
  for (int i = 0; i < a->strides.n; i++) {
    int64_t length = x->shape[i + 2], kernel = w->shape[w->rank - a->strides.n + i], stride = a->strides.v[i];
    int64_t begin = valid || !a->pads_begin.n ? 0 : a->pads_begin.v[i],
            end = valid || !a->pads_end.n ? 0 : a->pads_end.v[i];
    if ((a->dilations.n && a->dilations.v[i] != 1) || kernel < stride) return false;
    if (stride == 1 || same) continue;
    if (length < 0 || (length + begin + end - kernel) % stride > end) return false;
  }
  return true;
}

/* Whether the result holds a NaN wherever operand i does, unless there are no elements. */
static bool passes_nan(const kv_node *node, uint32_t i) {
  unsigned traits = node->prim->traits;
  if (!is_float_output(&node->out[0])) return false;
  if (node->prim->id == KV_Convolution || node->prim->id == KV_GroupConvolution) return i == 0 && covers(node);
  return traits & KV_SPREADS_NAN || (i == 0 && traits & (KV_PASSES_NAN | KV_MOVES));
}

/* Marks (by position) the nodes whose output 0 has a NaN wherever that of node `from` has one. */
static void follow(size_t n, kv_node *const *node, size_t from, size_t *at, bool *marked) {
  memset(marked, 0, n * sizeof *marked);
  marked[from] = true;
  for (size_t j = from + 1; j < n; j++)
    for (uint32_t i = 0; i < node[j]->n_in && !marked[j]; i++) {
      kv_edge e = node[j]->in[i];
      size_t p = at[e.node->id];
      marked[j] = p < n && marked[p] && node[p] == e.node && !e.output && passes_nan(node[j], i);
    }
}

/* How many elements, unknown dimensions counted as one. */
static double size_of(const kv_output *o) {
  double n = 1;
  for (int k = 0; k < o->rank; k++) n *= o->shape[k] < 0 ? 1 : (double)o->shape[k];
  return n;
}

/* The place to look for what is marked: an output or a node that is looked at already, else the smallest output, else
 * the smallest of the nodes, the last of equals. */
static void choose(size_t n, kv_node *const *node, size_t n_out, const kv_edge *out, const size_t *at,
                   const bool *marked, bool *at_output, bool *inside) {
  size_t best = SIZE_MAX;
  for (size_t k = 0; k < n_out; k++) {
    size_t p = at[out[k].node->id];
    if (out[k].output || p >= n || node[p] != out[k].node || !marked[p]) continue;
    if (at_output[k]) return;
    if (best == SIZE_MAX || size_of(out[k].node->out) < size_of(out[best].node->out)) best = k;
  }
  if (best != SIZE_MAX) {
    at_output[best] = true;
    return;
  }
  for (size_t j = 0; j < n; j++) {
    if (!marked[j]) continue;
    if (inside[node[j]->id]) return;
    if (best == SIZE_MAX || size_of(node[j]->out) <= size_of(node[best]->out)) best = j;
  }
  inside[node[best]->id] = true;
}

kvino_status kv_nan_sites(size_t n, kv_node *const *node, size_t n_out, const kv_edge *out, bool *at_output,
                          bool *inside, kvino_error *err) {
  if (!n) return KVINO_OK;
  size_t n_ids = node[0]->graph->n_nodes;
  size_t *at = kv_malloc((n_ids + 1) * sizeof *at); /* positions by node id, n for nodes of elsewhere */
  bool *marked = kv_malloc(n * sizeof *marked);
  kvino_status status = at && marked ? KVINO_OK : kv_fail(err, KVINO_NO_MEMORY, "out of memory for %zu nodes", n);
  if (!status) {
    for (size_t i = 0; i < n_ids; i++) at[i] = n;
    for (size_t j = 0; j < n; j++) at[node[j]->id] = j;
    for (size_t j = n; j-- > 0;) { /* from behind: what is chosen serves those before */
      if (!shows_nan(node[j])) continue;
      follow(n, node, j, at, marked);
      choose(n, node, n_out, out, at, marked, at_output, inside);
    }
  }
  kv_free(marked);
  kv_free(at);
  return status;
}

static kvino_tensor *any_of(kv_scope *s, kvino_tensor *x) {
  kvino_tensor *any = kv_convert(s, x, (kv_convert_attrs){.destination_type = KVINO_F32});
  int64_t axes[KVINO_MAX_RANK];
  for (int k = 0; x && k < x->rank; k++) axes[k] = k;
  if (x && x->rank) any = kv_reduce_max(s, any, kv_vector(s, (size_t)x->rank, axes), (kv_keep_dims_attrs){0});
  return kv_subtract(s, any, kv_number(s, KVINO_F32, 0.5));
}

kvino_tensor *kv_nan_guard(kv_scope *s, kvino_tensor *x) { return x ? any_of(s, kv_not_equal(s, x, x)) : NULL; }

kvino_tensor *kv_nan_guard_before(kv_scope *s, const kv_node *node, kvino_tensor *x) {
  if (!x || (node->prim->id != KV_DFT && node->prim->id != KV_IDFT)) return kv_nan_guard(s, x);
  kvino_tensor *finite = kv_less(s, kv_abs(s, x), kv_number(s, (kvino_dtype)x->dtype, INFINITY));
  return any_of(s, kv_logical_not(s, finite));
}

/* ---- in memory ---- */

enum { GRAIN = 1 << 16 };

typedef struct search {
  kvino_dtype dtype;
  const void *data;
  _Atomic bool found;
} search;

#define ANY(type, bits, most)                                                                                          \
  do {                                                                                                                 \
    const type *v = (const type *)s->data;                                                                             \
    bool any = false;                                                                                                  \
    for (size_t i = begin; i < end; i++) any |= (type)(v[i] & (bits)) > (most);                                        \
    if (any) s->found = true;                                                                                          \
  } while (0)

static void look(void *context, size_t begin, size_t end) {
  search *s = context;
  if (s->dtype == KVINO_F32)
    ANY(uint32_t, 0x7fffffff, 0x7f800000);
  else if (s->dtype == KVINO_F16)
    ANY(uint16_t, 0x7fff, 0x7c00);
  else if (s->dtype == KVINO_BF16)
    ANY(uint16_t, 0x7fff, 0x7f80);
}

bool kv_has_nan(kvino_dtype dtype, size_t n, const void *data) {
  search s = {dtype, data, false};
  if (n <= GRAIN)
    look(&s, 0, n);
  else
    kv_parallel_ranges(n, GRAIN, look, &s);
  return s.found;
}
