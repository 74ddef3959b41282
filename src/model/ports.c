#include "model/ports.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

kvino_status kv_model_ports_copy(size_t n, const kvino_port *from, const char *what, kv_model_ports *out,
                                 kvino_error *err) {
  for (size_t i = 0; i < n; i++) out->n_dims += (size_t)from[i].rank;
  out->v = kv_calloc(n + 1, sizeof *out->v);
  out->shapes = kv_calloc(out->n_dims + 1, sizeof *out->shapes);
  out->names = kv_calloc(n + 1, sizeof *out->names);
  if (!out->v || !out->shapes || !out->names) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a model");
  int64_t *at = out->shapes;
  for (size_t i = 0; i < n; i++) {
    char name[32];
    snprintf(name, sizeof name, i ? "%s_%zu" : "%s", what, i);
    out->n = i + 1;
    if (!(out->names[i] = kv_strdup(from[i].name ? from[i].name : name)))
      return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a name");
    if (from[i].rank) memcpy(at, from[i].shape, (size_t)from[i].rank * sizeof *at);
    out->v[i] = (kvino_port){out->names[i], from[i].dtype, from[i].rank, at};
    at += from[i].rank;
  }
  return KVINO_OK;
}

void kv_model_ports_clear(kv_model_ports *p) {
  for (size_t i = 0; p->names && i < p->n; i++) kv_free(p->names[i]);
  kv_free(p->names);
  kv_free(p->shapes);
  kv_free(p->v);
  *p = (kv_model_ports){0};
}
