/* What layers are given and give: tensors, alone or in lists and dicts, and data of the configuration beside them. */
#ifndef KVINO_LAYERS_VALUE_H
#define KVINO_LAYERS_VALUE_H

#include <jansson.h>

#include "tensor/scope.h"

typedef enum kv_value_kind {
  KV_VALUE_NONE,   /* Python's None */
  KV_VALUE_TENSOR, /* tensor, and its mask where it has one */
  KV_VALUE_LIST,   /* a list or a tuple: n items */
  KV_VALUE_DICT,   /* n items, each with its key */
  KV_VALUE_DATA    /* a number, a text, true or false: data */
} kv_value_kind;

/* Everything is borrowed: tensors and arrays from a scope, data and keys from the file. */
typedef struct kv_value {
  kv_value_kind kind;
  kvino_tensor *tensor, *mask; /* mask: bool, of the leading dimensions; NULL: none */
  size_t n;
  struct kv_value *item;
  const char **key;
  const json_t *data;
} kv_value;

static inline kv_value kv_of(kvino_tensor *t) { return (kv_value){.kind = KV_VALUE_TENSOR, .tensor = t}; }
static inline kv_value kv_of_masked(kvino_tensor *t, kvino_tensor *mask) {
  return (kv_value){.kind = KV_VALUE_TENSOR, .tensor = t, .mask = mask};
}
#define KV_NOTHING ((kv_value){0})

/* n items of None, from the scope; with keys, a dict. n is 0 where memory is short: the scope has failed then. */
kv_value kv_value_list(kv_scope *s, size_t n);
kv_value kv_value_dict(kv_scope *s, size_t n);
/* Several tensors as a list. */
kv_value kv_value_tensors(kv_scope *s, kvino_tensors list);

/* Every tensor in it, from the first to the last; dicts by their sorted keys, as Keras flattens them. */
size_t kv_value_count(const kv_value *v);
/* Pointers to the tensors' values, kv_value_count of them. */
kv_value **kv_value_leaves(kv_scope *s, kv_value *v, size_t *n);

#endif
