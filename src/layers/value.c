#include "layers/value.h"

#include <stdlib.h>
#include <string.h>

kv_value kv_value_list(kv_scope *s, size_t n) {
  kv_value *item = kv_scope_alloc(s, n ? n : 1, sizeof *item);
  if (!item) return (kv_value){.kind = KV_VALUE_LIST};
  memset(item, 0, n * sizeof *item);
  return (kv_value){.kind = KV_VALUE_LIST, .n = n, .item = item};
}

kv_value kv_value_dict(kv_scope *s, size_t n) {
  kv_value v = kv_value_list(s, n);
  v.kind = KV_VALUE_DICT;
  v.key = kv_scope_alloc(s, n ? n : 1, sizeof *v.key);
  if (!v.key) v.n = 0;
  return v;
}

kv_value kv_value_tensors(kv_scope *s, kvino_tensors list) {
  kv_value v = kv_value_list(s, list.v ? list.n : 0);
  for (size_t i = 0; i < v.n; i++) v.item[i] = kv_of(list.v[i]);
  return v;
}

size_t kv_value_count(const kv_value *v) {
  size_t n = v->kind == KV_VALUE_TENSOR;
  for (size_t i = 0; i < v->n; i++) n += kv_value_count(&v->item[i]);
  return n;
}

/* Position in a dict of the key number i in sorted order; dicts are small. */
static size_t sorted(const kv_value *v, size_t i) {
  for (size_t k = 0; k < v->n; k++) {
    size_t before = 0;
    for (size_t other = 0; other < v->n; other++) before += strcmp(v->key[other], v->key[k]) < 0;
    if (before == i) return k;
  }
  return i;
}

static kv_value **gather(kv_value *v, kv_value **to) {
  if (v->kind == KV_VALUE_TENSOR) *to++ = v;
  for (size_t i = 0; i < v->n; i++) to = gather(&v->item[v->kind == KV_VALUE_DICT ? sorted(v, i) : i], to);
  return to;
}

kv_value **kv_value_leaves(kv_scope *s, kv_value *v, size_t *n) {
  *n = kv_value_count(v);
  kv_value **leaves = kv_scope_alloc(s, *n ? *n : 1, sizeof *leaves);
  if (leaves)
    gather(v, leaves);
  else
    *n = 0;
  return leaves;
}
