/* The insides of a profile (kvino/profile.h), shared by what measures (profile.c), what gathers by layer
 * (profile_layers.c) and what writes (profile_text.c, profile_html.c). */
#ifndef KVINO_ENGINE_PROFILE_H
#define KVINO_ENGINE_PROFILE_H

#include "engine/executable.h"
#include "kvino/profile.h"

/* From a layer to one that takes what it gives. */
typedef struct kv_layer_edge {
  uint32_t from, to;
} kv_layer_edge;

struct kvino_profile {
  double microseconds;
  size_t runs;
  size_t n_rows, row_capacity;
  kvino_profile_row *row;
  size_t n_layers, layer_capacity;
  kvino_profile_layer *layer;
  size_t n_edges, edge_capacity;
  kv_layer_edge *edge;
  size_t n_texts, text_capacity;
  char **text; /* all that rows and layers point to */
};

/* Room for one more item of `size` bytes. */
kvino_status kv_profile_grow(void **items, size_t n, size_t *capacity, size_t size, kvino_error *err);
/* The text, kept by the profile; t is freed. NULL where memory is short. */
const char *kv_profile_keep(kvino_profile *p, kv_text *t);
/* The engine of a segment: "CPU", "native". */
const char *kv_profile_engine(kvino_profile *p, const kv_stage *stage);
const char *kv_profile_scope(kvino_profile *p, const kv_origin *o);

/* The layers of the executable's graph with the times of the rows. */
kvino_status kv_profile_layers(kvino_profile *p, const kvino_executable *e, kvino_error *err);

/* "1.5 MB"; "" below 0. */
void kv_put_bytes(kv_text *t, int64_t bytes);
/* Of the whole run's time, or of the rows' where there is none. */
double kv_profile_share(const kvino_profile *p, double microseconds);

#endif
