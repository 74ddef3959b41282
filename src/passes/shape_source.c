/* Following dimensions back to the tensor they were read from (shape_source.h): `reshape(x, (shape(x)[0], 7, 7))`
 * reaches the graph as ShapeOf, Gather, Unsqueeze, Concat, Reshape, and is a Reshape to a constant. */
#include "passes/shape_source.h"

static bool constant_int(kv_edge e, int64_t i, int64_t *value) {
  const kvino_tensor *c = e.node->constant;
  if (!c || !kvino_dtype_is_integer((kvino_dtype)c->dtype) || i >= c->size) return false;
  *value = kv_tensor_get_int(c, i);
  return true;
}

static int64_t length_of(kv_edge e) {
  const kv_output *o = kv_edge_output(e);
  return o->rank == 0 ? 1 : o->rank == 1 ? o->shape[0] : -1;
}

/* Moves (*e, *i) one node up, to the operand element that it is a copy of. */
static bool step_up(kv_edge *e, int64_t *i) {
  const kv_node *node = e->node;
  int64_t v, length = node->n_in ? length_of(node->in[0]) : -1;
  switch (node->prim->id) {
  case KV_Convert:
    if (node->out[0].dtype != KVINO_I32 && node->out[0].dtype != KVINO_I64) return false;
    break;
  case KV_Identity:
  case KV_Reshape:
  case KV_Squeeze:
  case KV_Unsqueeze:
    break; /* the same place in C order */
  case KV_Gather:
    if (length < 0 || node->attrs.gather.batch_dims || !constant_int(node->in[1], *i, &v)) return false;
    *i = v < 0 ? v + length : v;
    break;
  case KV_Slice: {
    int64_t step;
    if (length < 0 || !constant_int(node->in[1], 0, &v) || !constant_int(node->in[3], 0, &step) || step <= 0)
      return false;
    if (v < 0) v = v + length < 0 ? 0 : v + length;
    *i = v + *i * step;
    break;
  }
  case KV_Split:
    if (length < 0) return false;
    *i += e->output * (length / node->attrs.split.num_splits);
    break;
  case KV_Concat:
    for (uint32_t k = 0; k < node->n_in; k++) {
      length = length_of(node->in[k]);
      if (length < 0) return false;
      if (*i < length) {
        *e = node->in[k];
        return true;
      }
      *i -= length;
    }
    return false;
  default:
    return false;
  }
  *e = node->in[0];
  return length >= 0 && *i >= 0 && *i < length;
}

bool kv_dimension_source(kv_edge e, int64_t i, kv_edge *of, int *axis) {
  while (e.node->prim->id != KV_ShapeOf)
    if (e.node->constant || !step_up(&e, &i)) return false;
  *of = e.node->in[0];
  *axis = (int)i;
  return true;
}

kvino_tensor *kv_reshape_by_source(kv_scope *s, kvino_tensor *x, const kvino_tensor *shape) {
  int n, open = -1;
  int64_t v[KV_KNOWN_MAX], given = 1, wanted = 1;
  if (!kv_is_symbolic(x) || !kv_is_symbolic(shape) || !kv_known_values(shape, &n, v)) return NULL;
  bool kept[KVINO_MAX_RANK] = {false}, same_place = false, minus = false;
  for (int i = 0; i < n; i++) {
    kv_edge of;
    int axis;
    if (!v[i]) return NULL; /* a literal 0 */
    minus |= v[i] == -1;
    if (v[i] == KV_UNKNOWN) {
      if (!kv_dimension_source(kv_tensor_edge(shape), i, &of, &axis)) return NULL;
      if (of.node != x->node || of.output != x->output) return NULL;
      if (axis == i) {
        v[i] = 0;
        kept[axis] = same_place = true;
      } else {
        if (open >= 0) return NULL;
        open = i;
        kept[axis] = true;
      }
    } else {
      wanted *= v[i];
    }
  }
  if (open >= 0) { /* what is left of x and what is asked for must be the same number of elements */
    for (int a = 0; a < x->rank; a++) {
      if (!kept[a] && x->shape[a] <= 0) return NULL;
      if (!kept[a]) given *= x->shape[a];
    }
    if (minus || same_place || given != wanted) return NULL; /* 0 and -1 together say nothing where that 0 is one */
    v[open] = -1;
  }
  return kv_reshape(s, x, kv_vector(s, (size_t)n, v), (kv_reshape_attrs){.special_zero = same_place});
}
