/* The table of layers, from the families' lines. */
#include <string.h>

#include "layers/config.h"

static const kv_layer_kind kinds[] = {
#define LAYER(Class, function, aliases, fields, arguments, weights, children, traits)                                  \
  {#Class, aliases, fields, arguments, weights, children, traits, kv_layer_##function},
#include "layers/layers.def"
#undef LAYER
};

size_t kv_layer_kind_count(void) { return sizeof kinds / sizeof *kinds; }

const kv_layer_kind *kv_layer_kind_get(size_t i) { return i < kv_layer_kind_count() ? &kinds[i] : NULL; }

const kv_layer_kind *kv_layer_kind_find(const char *class_name) {
  for (size_t i = 0; i < kv_layer_kind_count(); i++)
    if (!strcmp(kinds[i].name, class_name) || kv_listed(kinds[i].aliases, class_name, NULL, NULL)) return &kinds[i];
  return NULL;
}
