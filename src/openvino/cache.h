/* Compiled models kept in memory, found by a key that the caller derives from all that matters: graph, weights, config.
 * Bounded, for a model costs about 1 MB and two threads while it lives; the least recently used goes first. */
#ifndef KVINO_OPENVINO_CACHE_H
#define KVINO_OPENVINO_CACHE_H

#include "openvino/model.h"

/* The model of `key`, retained and marked as used; or what make(context) compiles, which is kept. Threads that ask for
 * the same key at a time compile once. Errors: those of `make`; nothing is kept then. */
typedef kvino_status kv_ov_make_fn(void *context, kv_ov_model **model, kvino_error *err);
kvino_status kv_ov_cache_get(kv_ov_key key, kv_ov_make_fn *make, void *context, kv_ov_model **model, kvino_error *err);

/* How many models are kept (KVINO_MODEL_CACHE at start, else 64); those beyond it are dropped at once. 0: none. */
void kv_ov_cache_set_limit(size_t models);
void kv_ov_cache_clear(void); /* models in use live until they are released */

typedef struct kv_ov_cache_counts {
  size_t models, hits, misses, dropped;
} kv_ov_cache_counts;
kv_ov_cache_counts kv_ov_cache_count(void);

#endif
