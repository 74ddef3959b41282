/* Constants that products read in more than one way (weights.h). */
#include "openvino/weights.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* A way to read memory as weights: what two uses must share to share an address. */
typedef struct reading {
  kv_prim_id id;
  uint32_t operand;
  bool transposed;
  kvino_dtype dtype;
  int rank;
  int64_t shape[KVINO_MAX_RANK], strides[KVINO_MAX_RANK];
} reading;

typedef struct kv_weights_use {
  const char *data; /* of the constant as it stands in the graph */
  reading how;
  kvino_tensor *given; /* itself, or a copy */
} use;

void kv_weights_clear(kv_weights *w) {
  for (size_t i = 0; i < w->n; i++) kvino_tensor_release(w->use[i].given);
  kv_free(w->use);
  *w = (kv_weights){0};
}

static reading reading_of(const kv_node *node, uint32_t operand, const kvino_tensor *t) {
  reading how;
  memset(&how, 0, sizeof how); /* compared as bytes */
  how.id = node->prim->id;
  how.operand = operand;
  how.dtype = (kvino_dtype)t->dtype;
  how.rank = t->rank;
  for (int i = 0; i < t->rank; i++) {
    how.shape[i] = t->shape[i];
    how.strides[i] = t->strides[i];
  }
  if (how.id == KV_MatMul) how.transposed = operand ? node->attrs.matmul.transpose_b : node->attrs.matmul.transpose_a;
  return how;
}

static kvino_tensor *copy_of(kv_scope *s, const kvino_tensor *t) {
  kvino_tensor *copy = NULL;
  if (!kv_scope_ok(s, kv_tensor_empty((kvino_dtype)t->dtype, t->rank, t->shape, &copy, s->err))) return NULL;
  kv_tensor_copy_to(t, copy->data);
  return kv_own(s, copy);
}

static bool remember(kv_scope *s, kv_weights *w, use u) {
  if (!kv_grow((void **)&w->use, w->n, &w->capacity, sizeof *w->use))
    return kv_scope_ok(s, kv_fail(s->err, KVINO_NO_MEMORY, "out of memory for a model"));
  w->use[w->n++] = u;
  kvino_tensor_retain(u.given);
  return true;
}

/* The constant, or what stands for it in this reading. NULL on failure. */
static kvino_tensor *apart(kv_scope *s, kv_weights *w, kvino_tensor *t, const reading *how) {
  bool taken = false;
  for (size_t i = 0; i < w->n; i++) {
    if (w->use[i].data != t->data) continue;
    if (!memcmp(&w->use[i].how, how, sizeof *how)) return w->use[i].given;
    taken = true;
  }
  kvino_tensor *given = taken ? copy_of(s, t) : t;
  return given && remember(s, w, (use){t->data, *how, given}) ? given : NULL;
}

kvino_tensor *const *kv_weights_apart(kv_scope *s, kv_weights *w, const kv_node *node, kvino_tensor *const *in) {
  kvino_tensor **changed = NULL;
  if (!(node->prim->traits & KV_PRODUCT)) return in;
  for (uint32_t i = 0; i < node->n_in && i < 2; i++) {
    if (!in[i] || kv_is_symbolic(in[i])) continue;
    reading how = reading_of(node, i, in[i]);
    kvino_tensor *given = apart(s, w, in[i], &how);
    if (given == in[i]) continue;
    if (!changed && (changed = kv_scope_alloc(s, node->n_in, sizeof *changed)))
      memcpy(changed, in, node->n_in * sizeof *changed);
    if (!changed) return in;
    changed[i] = given;
  }
  return changed ? changed : in;
}
