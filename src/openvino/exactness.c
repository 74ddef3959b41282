/* Which nodes OpenVINO may compute: the table, and the analysis of a graph by it (lower.h, exactness.h). Each claim was
 * tried on the CPU plugin (2026.4) and is tried again by tests/python/test_engine.py. */
#include "openvino/exactness.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "openvino/guard.h"
#include "passes/passes.h"

kv_kind kv_kind_of(kvino_dtype dtype) {
  switch (dtype) {
  case KVINO_BOOL:
    return KV_KIND_BOOL;
  case KVINO_U8:
  case KVINO_I8:
  case KVINO_U16:
  case KVINO_I16:
    return KV_KIND_NARROW;
  case KVINO_I32:
    return KV_KIND_I32;
  case KVINO_U32:
  case KVINO_I64:
  case KVINO_U64:
    return KV_KIND_WIDE;
  case KVINO_F16:
  case KVINO_BF16:
  case KVINO_F32:
    return KV_KIND_FLOAT;
  default:
    return KV_KIND_NONE;
  }
}

/* ---- verdicts: NULL, or why not ---- */

static const char *const INTEGERS = "integers, which OpenVINO computes in float32";

static const char *always(const kv_case *c) {
  (void)c;
  return NULL;
}

static const char *floats(const kv_case *c) { return c->kind == KV_KIND_FLOAT ? NULL : INTEGERS; }

static const char *numbers(const kv_case *c) {
  return c->kind == KV_KIND_BOOL ? "bool, which OpenVINO does not compute with" : NULL;
}

static const char *unless_narrow(const kv_case *c) {
  return c->kind == KV_KIND_NARROW ? "8- and 16-bit integers, which OpenVINO does not wrap" : numbers(c);
}

/* Whether integers pass through float32 unharmed. */
static bool in_f32(const kv_case *c, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!kv_interval_within(c->in[i], -KV_F32_EXACT, KV_F32_EXACT)) return false;
  return true;
}

/* Those of subnormal and of the largest numbers are infinite or subnormal, which the plugin takes for 0. */
static const char *reciprocals(const kvino_tensor *t) {
  for (int64_t i = 0; i < t->size; i++) {
    double v = fabs(kv_tensor_get_number(t, i));
    if ((v > 0 && v < 0x1p-126) || (v > 0x1p126 && v < INFINITY)) return "a divisor without a reciprocal in float32";
  }
  return NULL;
}

static const char *division(const kv_case *c) {
  kv_interval b = c->in[1];
  const kvino_tensor *constant = c->node->in[1].node->constant;
  if (c->kind == KV_KIND_FLOAT) return constant ? reciprocals(constant) : NULL;
  if (c->kind == KV_KIND_BOOL) return numbers(c);
  if (b.low <= 0 && b.high >= 0) return "the divisor may be zero";
  if (!kv_interval_within(b, -KV_DIVISOR_MAX, KV_DIVISOR_MAX)) return "the divisor may be larger than 2^22";
  return NULL;
}

/* Remainders of floats: a - b * floor(a / b) in float32 is wrong where the quotient is large. */
static const char *integer_division(const kv_case *c) {
  return c->kind == KV_KIND_FLOAT ? "remainders of floats, which OpenVINO loses the digits of" : division(c);
}

static const char *shift(const kv_case *c) {
  int64_t bits = 8 * (int64_t)kvino_dtype_size(c->node->out[0].dtype);
  if (bits > 32) bits = 32;
  return c->kind != KV_KIND_WIDE || kv_interval_within(c->in[1], 0, bits - 1) ? NULL
                                                                              : "it may shift by the width or more";
}

static const char *sums(const kv_case *c) {
  const kv_output *x = kv_edge_output(c->node->in[0]);
  if (c->kind == KV_KIND_BOOL) return numbers(c);
  return c->kind == KV_KIND_FLOAT || x->rank > 0 ? NULL : "a sum over no axis";
}

static bool is_short_vector(const kv_output *x) {
  return x->rank == 1 && x->shape[0] >= 0 && x->shape[0] <= KV_UNROLLED;
}

static const char *products(const kv_case *c) {
  if (c->kind == KV_KIND_FLOAT) return NULL;
  return c->kind != KV_KIND_BOOL && is_short_vector(kv_edge_output(c->node->in[0])) ? NULL : INTEGERS;
}

static const char *matrix_product(const kv_case *c) {
  if (c->kind == KV_KIND_FLOAT) return NULL;
  bool exact = (c->kind == KV_KIND_I32 || c->kind == KV_KIND_WIDE) && in_f32(c, 2) &&
               kv_interval_within(c->out, -KV_F32_EXACT, KV_F32_EXACT);
  return exact ? NULL : INTEGERS;
}

static const char *unpacking(const kv_case *c) {
  int64_t axis = c->node->attrs.unpack.axis;
  return c->node->in[0].node->constant || axis == -1 || axis == c->node->out[0].rank - 1
             ? NULL
             : "numbers of 4 bits along another axis than the last";
}

/* Few products of bytes cost less there, as floats, than another segment. */
static const char *byte_product(const kv_case *c) {
  enum { FEW_WEIGHTS = 1 << 18 };
  const kv_output *b = kv_edge_output(c->node->in[1]);
  int64_t n = 1;
  for (int k = 0; k < b->rank; k++)
    if (b->shape[k] < 0 || __builtin_mul_overflow(n, b->shape[k], &n)) n = FEW_WEIGHTS;
  if (n >= FEW_WEIGHTS) return "8-bit integers, which OpenVINO would multiply as float32";
  return kv_interval_within(c->out, -KV_F32_EXACT, KV_F32_EXACT) ? NULL : INTEGERS;
}

static const char *sorting(const kv_case *c) { return unless_narrow(c); }

static const char *conversion(const kv_case *c) {
  kv_kind to = kv_kind_of(c->node->out[0].dtype);
  return c->kind == KV_KIND_FLOAT && to == KV_KIND_WIDE ? "floats that may not fit in 32 bits as integers" : NULL;
}

/* What the plugin moves as float32. */
static const char *through_f32(const kv_case *c) {
  return (c->kind != KV_KIND_I32 && c->kind != KV_KIND_WIDE) || in_f32(c, 1) ? NULL : INTEGERS;
}

static const char *const TINY = "a subnormal constant, of which OpenVINO makes zero";

/* Whether numbers are compared with an operand that holds the smallest ones. */
static bool holds_subnormals(kv_edge e) {
  const kvino_tensor *t = e.node->constant;
  if (!t || (t->dtype != KVINO_F32 && t->dtype != KVINO_BF16)) return false;
  for (int64_t i = 0; i < t->size; i++) {
    double v = fabs(kv_tensor_get_number(t, i));
    if (v > 0 && v < 0x1p-126) return true;
  }
  return false;
}

static const char *comparison(const kv_case *c) {
  return holds_subnormals(c->node->in[0]) || holds_subnormals(c->node->in[1]) ? TINY : NULL;
}

/* Where NaN belongs depends on the length of the sorted operand. */
static const char *search(const kv_case *c) {
  const kv_output *sorted = kv_edge_output(c->node->in[c->node->prim->id == KV_Bucketize]);
  if (sorted->rank > 1) return "rows to search in, for which OpenVINO takes a thousand times as long";
  if (c->kind != KV_KIND_FLOAT) return unless_narrow(c);
  if (comparison(c)) return TINY;
  return sorted->rank && sorted->shape[sorted->rank - 1] >= 0 ? NULL
                                                              : "NaN belongs behind the last of an unknown number";
}

/* Other lengths than powers of two are sums of n terms with roots of unity in float32: slow, and 3 digits are left of
 * 1000 elements. */
static const char *fourier(const kv_case *c) {
  const kvino_tensor *axes = c->node->in[1].node->constant;
  const kv_output *y = &c->node->out[0];
  if (c->kind != KV_KIND_FLOAT) return INTEGERS;
  for (int64_t i = 0; axes && i < axes->size; i++) {
    int64_t axis = kv_tensor_get_int(axes, i), n = y->shape[axis < 0 ? axis + y->rank - 1 : axis];
    if (n < 1 || (n & (n - 1))) axes = NULL;
  }
  return axes ? NULL : "a Fourier transform of another length than a known power of two";
}

static const char *sequence(const kv_case *c) {
  kv_kind kind = kv_kind_of(c->node->out[0].dtype);
  return kind == KV_KIND_I32 || kind == KV_KIND_WIDE ? NULL : "a sequence of other than 32- and 64-bit integers";
}

/* Negative indices of ScatterUpdate are refused by OpenVINO. */
static const char *scatter_slices(const kv_case *c) { return c->in[1].low >= 0 ? NULL : "its indices may be negative"; }

/* The plugin writes to other places than computed bounds say, and crashes while it compiles unknown dimensions: where
 * OpenVINO must do without kvino, the box is written by indices (kv_sub_box_scatter). */
static const char *box_scatter(const kv_case *c) {
  const kv_output *updates = kv_edge_output(c->node->in[1]);
  for (uint32_t i = 2; i < c->node->n_in; i++)
    if (!c->node->in[i].node->constant) return "its bounds are computed";
  bool unknown = false;
  for (int i = 0; i < updates->rank; i++) unknown = unknown || updates->shape[i] < 0;
  return updates->rank > 2 && unknown ? "updates of unknown dimensions" : NULL;
}

/* Backwards from before the first element: nothing, but the plugin takes that element. */
static const char *slicing(const kv_case *c) {
  static const char *const why = "a start that may lie before the axis, backwards";
  const kvino_tensor *bound[5] = {NULL}; /* start, stop, step, axes */
  const kv_output *x = kv_edge_output(c->node->in[0]);
  for (uint32_t i = 1; i < c->node->n_in && i < 5; i++) bound[i] = c->node->in[i].node->constant;
  if (!bound[3]) return why;
  for (int64_t i = 0; i < bound[3]->size; i++) {
    if (kv_tensor_get_int(bound[3], i) > 0) continue;
    if (!bound[1]) return why;
    int64_t start = kv_tensor_get_int(bound[1], i), axis = i;
    if (c->node->n_in > 4) {
      if (!bound[4]) return why;
      axis = kv_tensor_get_int(bound[4], i);
      if (axis < 0) axis += x->rank;
    }
    if (start < -1 && (x->shape[axis] < 0 || start < -x->shape[axis])) return why;
  }
  return NULL;
}

/* Whether one end of an axis may be cropped by more than all of it, which the other end's pad makes up for: there the
 * plugin writes outside of its memory. */
static bool crops_beyond(const kv_case *c) {
  const kv_output *x = kv_edge_output(c->node->in[0]);
  const int64_t *begin = kv_edge_output(c->node->in[1])->known, *end = kv_edge_output(c->node->in[2])->known;
  for (int i = 0; begin && end && i < x->rank; i++) {
    if (begin[i] == KV_UNKNOWN || end[i] == KV_UNKNOWN) continue;
    int64_t crop = begin[i] < 0 && end[i] > 0 ? begin[i] : end[i] < 0 && begin[i] > 0 ? end[i] : 0;
    if (crop && (x->shape[i] < 0 || crop < -x->shape[i])) return true;
  }
  return false;
}

/* OpenVINO refuses to mirror an axis more than once. */
static const char *padding(const kv_case *c) {
  const kv_output *x = kv_edge_output(c->node->in[0]);
  const char *mode = c->node->attrs.pad.pad_mode;
  if (crops_beyond(c)) return "it may crop an axis by more than its length";
  if (!mode || (strcmp(mode, "reflect") && strcmp(mode, "symmetric"))) return NULL;
  int64_t shared = !strcmp(mode, "reflect"); /* the element at the mirror is not repeated */
  for (size_t side = 1; side <= 2; side++) {
    const int64_t *pads = kv_edge_output(c->node->in[side])->known;
    for (int i = 0; i < x->rank; i++)
      if (!pads || pads[i] == KV_UNKNOWN || (pads[i] > 0 && pads[i] > x->shape[i] - shared))
        return "a pad that may be longer than the axis";
  }
  return NULL;
}

/* OpenVINO takes GatherElements from what a Slice that begins at 0 was cut from: negative indices then count from
 * another end, and dimensions may not agree. */
static const char *elements(const kv_case *c) {
  const kv_output *x = kv_edge_output(c->node->in[0]);
  int64_t axis = c->node->attrs.axis.axis;
  if (!x->shape[axis < 0 ? axis + x->rank : axis]) return "there is nothing to take, which OpenVINO does not refuse";
  return c->node->in[0].node->prim->id == KV_Slice ? "its operand is a Slice, which OpenVINO would leave out" : NULL;
}

static const char *scatter(const kv_case *c) {
  const kv_edge *in = c->node->in;
  if (in[0].node->prim->id == KV_Parameter && kv_is_sum(c->node) &&
      kv_adds_few_rows(c->node->out, kv_edge_output(in[2])))
    return "rows of a table, which are added in its own memory";
  const char *how = c->node->attrs.scatter.reduction; /* the first field of both groups */
  if (!how || !strcmp(how, "none") || c->kind == KV_KIND_FLOAT) return NULL;
  bool exact = (c->kind == KV_KIND_I32 || c->kind == KV_KIND_WIDE) &&
               (!strcmp(how, "sum") || !strcmp(how, "max") || !strcmp(how, "min"));
  return exact ? NULL : INTEGERS;
}

/* Operands from 1 on that must be scalars. */
static const char *with_scalars(const kv_case *c) {
  for (uint32_t i = 1; i < c->node->n_in; i++)
    if (kv_edge_output(c->node->in[i])->rank) return "its parameters are arrays";
  return floats(c);
}

/* One axis, or all. */
static const char *arg_reduction(const kv_case *c) {
  const kvino_tensor *axes = c->node->in[1].node->constant;
  if (c->kind == KV_KIND_BOOL) return numbers(c);
  if (axes && axes->size && (axes->size == 1 || axes->size == kv_edge_output(c->node->in[0])->rank)) return NULL;
  return "an index into some of the axes";
}

/* The plugin's kernel takes weights that are constants; others it unrolls. It pays no heed to the lengths where the
 * number of steps is not known (guard.c looks at them then), and unrolls it where it is. */
static const char *sequences(const kv_case *c) {
  int64_t steps = kv_edge_output(c->node->in[0])->shape[1];
  kv_interval lengths = c->in[c->node->n_in - 4];
  if (steps >= 0 ? lengths.low < steps : !kv_is_dimension(c->node->in[c->node->n_in - 4]))
    return "sequences of different lengths";
  for (uint32_t i = c->node->n_in - 3; i < c->node->n_in; i++)
    if (!c->node->in[i].node->constant) return "its weights are computed";
  return kv_edge_output(c->node->in[0])->dtype == KVINO_F32 ? NULL : "other floats than float32";
}

static const char *bits(const kv_case *c) { return c->kind == KV_KIND_FLOAT ? "bits of floats" : NULL; }

/* Tuples of indices are brought into their axes, where the lengths of these are known. */
static const char *guarded(const kv_case *c) { return kv_unguarded(c); }

/* ---- the table ----
 *
 * What has no substitute is exact as it is (always, bits, numbers, ...) or has the device's precision (floats, and the
 * floats of the others). Arithmetic of i32 is exact in the plugin: it wraps. */
static const kv_exact_row rows[KV_PRIM_COUNT] = {
#define ROW_OPENVINO(opset, verdict)                                                                                   \
  { NULL, verdict, NULL, NULL }
#define ROW_LOWERED(opset, verdict, name)                                                                              \
  { NULL, verdict, kv_sub_##name, NULL }
#define ROW_EXPORTED(opset, verdict, name)                                                                             \
  { NULL, verdict, NULL, kv_sub_##name }
#define ROW_COMPOSED(verdict, name)                                                                                    \
  { NULL, verdict, kv_sub_##name, NULL }
#define ROW_NATIVE(opset, why)                                                                                         \
  { why, NULL, NULL, NULL }
#define ROW_ABSENT                                                                                                     \
  { "OpenVINO has no such operation", NULL, NULL, NULL }
#define PRIM(Name, function, operands, outputs, attributes, infer, eval, openvino, ...) [KV_##Name] = ROW_##openvino,
#include "vocabulary/prims.def"
#undef PRIM
};

const kv_exact_row *kv_exact_row_of(kv_prim_id id) { return &rows[id]; }

/* ---- the analysis of a graph ---- */

typedef struct value {
  kv_interval interval;
  bool assumed; /* the interval rests on what is checked at run time */
} value;

struct kv_exactness {
  const kv_graph *graph;
  bool is_body;
  size_t *first;                /* by node: its first value */
  value *value;                 /* of every output */
  const char **native;          /* by node: why */
  kv_judged **bodies;           /* by node; NULL where it has none */
  const kv_interval *parameter; /* given for the Parameters, or NULL */
  kv_interval *demand;          /* of a graph that is no body: where indices must lie (guard.h) */
};

static value *value_of(const kv_exactness *x, kv_edge e) { return &x->value[x->first[e.node->id] + e.output]; }

kv_case kv_case_of(const kv_exactness *x, const kv_node *node, kv_interval *room) {
  for (uint32_t i = 0; i < node->n_in; i++) room[i] = value_of(x, node->in[i])->interval;
  return (kv_case){node, room, kv_interval_of_output(node, 0, room),
                   node->n_in
                       ? kv_kind_of(kv_edge_output(node->in[node->n_in > 2 && node->prim->id == KV_Select])->dtype)
                       : KV_KIND_NONE,
                   x->is_body};
}

/* What rules out any primitive: a dtype or a shape. */
static const char *judge_output(const kv_output *o) {
  int64_t n = 1;
  switch (o->dtype) {
  case KVINO_F64:
    return "float64, which OpenVINO computes as float32";
  case KVINO_C64:
  case KVINO_C128:
    return "complex numbers, which OpenVINO has not";
  case KVINO_F8E4M3:
  case KVINO_F8E5M2:
    return "float8, which OpenVINO only stores";
  case KVINO_STRING:
    return "strings";
  default:
    break;
  }
  if (o->rank > 8) return "more than 8 dimensions";
  for (int k = 0; k < o->rank; k++) {
    if (!o->shape[k]) return "an array without elements";
    if (o->shape[k] > 0 && (__builtin_mul_overflow(n, o->shape[k], &n) || n > KV_DIMENSION_MAX))
      return "more than 2^30 elements";
  }
  return NULL;
}

static const char *judge(const kv_node *node, const kv_case *c, const kv_judged *bodies) {
  static const char *const large = "integers that may not fit in 32 bits";
  const kv_exact_row *row = kv_exact_row_of(node->prim->id);
  const char *why;
  if (row->native) return row->native;
  for (uint32_t i = 0; i < node->n_in; i++) {
    const kv_output *o = kv_edge_output(node->in[i]);
    bool index_list =
        node->in[i].node->constant && kvino_dtype_is_integer(o->dtype); /* axes may well be an empty list */
    if (!index_list && (why = judge_output(o))) return why;
    if (kv_kind_of(o->dtype) == KV_KIND_WIDE && !(node->prim->traits & KV_CLIPS(i) && node->in[i].node->constant) &&
        !kv_interval_within(c->in[i], INT32_MIN, INT32_MAX))
      return large;
  }
  for (uint32_t i = 0; i < node->n_out; i++) {
    if ((why = judge_output(&node->out[i]))) return why;
    if (kv_kind_of(node->out[i].dtype) == KV_KIND_WIDE &&
        !kv_interval_within(bodies ? bodies->result[i] : kv_interval_of_output(node, i, c->in), INT32_MIN, INT32_MAX))
      return large;
  }
  if (node->prim->traits & KV_REDUCES && node->in[1].node->constant && !node->in[1].node->constant->size)
    return "a reduction over no axis";
  if (bodies) return bodies->why;
  return row->verdict(c);
}

static void assume_within(value *v, int64_t low, int64_t high) {
  if (kv_interval_within(v->interval, low, high)) return;
  if (v->interval.low < low) v->interval.low = low;
  if (v->interval.high > high) v->interval.high = high;
  v->assumed = true;
}

/* Natively a dimension may be larger than intervals take it to be. */
static bool measures_unknown(const kv_output *o) {
  for (int k = 0; k < o->rank; k++)
    if (o->shape[k] < 0) return true;
  return false;
}

/* The values of an output that comes from outside of OpenVINO are taken to be small, and indices to be in range. */
static void assume(const kv_exactness *x, const kv_node *node, uint32_t output, value *v) {
  kvino_dtype dtype = node->out[output].dtype;
  for (uint32_t i = 0; i < node->n_in; i++) v->assumed |= measures_unknown(kv_edge_output(node->in[i]));
  if (kv_kind_of(dtype) == KV_KIND_WIDE) assume_within(v, KV_INDEX_MIN, KV_INDEX_MAX);
  if (x->demand && !output && kvino_dtype_is_integer(dtype))
    assume_within(v, x->demand[node->id].low, x->demand[node->id].high);
}

static kv_interval parameter_interval(const kv_exactness *x, const kv_node *node) {
  size_t i = 0;
  while (x->graph->parameter[i] != node) i++;
  return x->parameter[i];
}

static kvino_status analyse(kv_exactness *x, const kv_node *node, kvino_error *err) {
  kv_interval few[8], *room = few;
  if (node->n_in > 8 && !(room = kv_malloc(node->n_in * sizeof *room)))
    return kv_fail(err, KVINO_NO_MEMORY, "out of memory for %u operands of %s", node->n_in, node->prim->name);
  kv_case c = kv_case_of(x, node, room);
  bool inside = !(node->prim->traits & KV_STRUCTURAL), assumed = false;
  for (uint32_t i = 0; i < node->n_in && !(node->prim->traits & KV_GIVES_PLACES); i++)
    assumed |= value_of(x, node->in[i])->assumed;
  kv_judged *bodies = NULL;
  kvino_status status = kv_judge_bodies(node, room, &x->bodies[node->id], err);
  bodies = x->bodies[node->id];
  if (inside && !status) x->native[node->id] = judge(node, &c, bodies);
  for (uint32_t i = 0; i < node->n_out && !status; i++) {
    value *v = &x->value[x->first[node->id] + i];
    v->interval = bodies ? bodies->result[i] : kv_interval_of_output(node, i, room);
    v->assumed = assumed && kvino_dtype_is_integer(node->out[i].dtype);
    if (x->parameter && node->prim->id == KV_Parameter)
      v->interval = parameter_interval(x, node);
    else if (!node->constant && (!inside || x->native[node->id]))
      assume(x, node, i, v);
  }
  if (room != few) kv_free(room);
  return status;
}

kvino_status kv_exactness_new(const kv_graph *g, kv_exactness **out, kvino_error *err) {
  return kv_exactness_of(g, NULL, out, err);
}

kvino_status kv_exactness_of(const kv_graph *g, const kv_interval *parameter, kv_exactness **out, kvino_error *err) {
  size_t n = g->n_nodes;
  kv_exactness *x = kv_calloc(1, sizeof *x);
  kvino_status status = KVINO_OK;
  if (x) {
    x->graph = g;
    x->is_body = parameter != NULL;
    x->first = kv_calloc(n + 1, sizeof *x->first);
    x->native = kv_calloc(n + 1, sizeof *x->native);
    x->bodies = kv_calloc(n + 1, sizeof *x->bodies);
    x->parameter = parameter;
    for (size_t i = 0; x->first && i < n; i++) x->first[i + 1] = x->first[i] + g->node[i]->n_out;
    if (x->first) x->value = kv_calloc(x->first[n] + 1, sizeof *x->value);
    if (!parameter && (x->demand = kv_malloc((n + 1) * sizeof *x->demand))) kv_index_demands(g, x->demand);
  }
  if (!x || !x->first || !x->native || !x->bodies || !x->value || (!parameter && !x->demand))
    status = kv_fail(err, KVINO_NO_MEMORY, "out of memory for a graph of %zu nodes", n);
  for (size_t i = 0; i < n && !status; i++) status = analyse(x, g->node[i], err);
  if (x) x->parameter = NULL;
  if (status)
    kv_exactness_free(x);
  else
    *out = x;
  return status;
}

void kv_exactness_free(kv_exactness *x) {
  if (!x) return;
  for (size_t i = 0; x->bodies && i < x->graph->n_nodes; i++) kv_judged_free(x->bodies[i]);
  kv_free(x->bodies);
  kv_free(x->first);
  kv_free(x->value);
  kv_free(x->native);
  kv_free(x->demand);
  kv_free(x);
}

const char *kv_exactness_native(const kv_exactness *x, const kv_node *node) { return x->native[node->id]; }

const kv_judged *kv_exactness_bodies(const kv_exactness *x, const kv_node *node) { return x->bodies[node->id]; }

kv_interval kv_exactness_interval(const kv_exactness *x, kv_edge e) { return value_of(x, e)->interval; }

bool kv_exactness_assumed(const kv_exactness *x, kv_edge e) {
  kvino_dtype dtype = kv_edge_output(e)->dtype;
  kv_interval all = kv_interval_of_dtype(dtype), v = value_of(x, e)->interval;
  bool integers = kvino_dtype_is_integer(dtype) && dtype != KVINO_BOOL;
  return integers && value_of(x, e)->assumed && !kv_interval_within(all, v.low, v.high);
}

/* One loop per type, so that they vectorize. Unsigned ones beyond the range of signed ones look negative, and are none.
 */
#define ALL(type, least, most)                                                                                         \
  do {                                                                                                                 \
    const type *v = (const type *)t->data, from = (type)(low > (least) ? low : (least)),                               \
               to = (type)(high < (most) ? high : (most));                                                             \
    bool beyond = from > to;                                                                                           \
    for (int64_t i = 0; i < t->size; i++) beyond |= (v[i] < from) | (v[i] > to);                                       \
    return !beyond;                                                                                                    \
  } while (0)

bool kv_values_within(const kvino_tensor *t, kv_interval interval) {
  int64_t low = interval.low, high = interval.high;
  if (!t->size) return true;
  switch (t->dtype) {
  case KVINO_I64:
    ALL(int64_t, INT64_MIN, INT64_MAX);
  case KVINO_U64:
    ALL(int64_t, 0, INT64_MAX);
  case KVINO_I32:
    ALL(int32_t, INT32_MIN, INT32_MAX);
  case KVINO_U32:
    ALL(uint32_t, 0, UINT32_MAX);
  case KVINO_I16:
    ALL(int16_t, INT16_MIN, INT16_MAX);
  case KVINO_U16:
    ALL(uint16_t, 0, UINT16_MAX);
  case KVINO_I8:
    ALL(int8_t, INT8_MIN, INT8_MAX);
  case KVINO_U8:
    ALL(uint8_t, 0, UINT8_MAX);
  default:
    return true;
  }
}
