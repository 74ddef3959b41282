/* What a model consists of: ports, layers, weights, and the table of them. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "layers/graph.h"
#include "model/model.h"
#include "tensor/tensor.h"

size_t kvino_model_input_count(const kvino_model *m) { return m ? m->in.n : 0; }
size_t kvino_model_output_count(const kvino_model *m) { return m ? m->out.n : 0; }
size_t kvino_model_layer_count(const kvino_model *m) { return m ? m->n_layers : 0; }

static kvino_status out_of_range(kvino_error *err, const char *what, size_t i, size_t n) {
  return kv_fail(err, KVINO_INDEX, "%s %zu is out of range: there are %zu", what, i, n);
}

kvino_status kvino_model_input(const kvino_model *m, size_t i, kvino_port *out, kvino_error *err) {
  KV_NOT_NULL(err, m && out);
  if (i >= m->in.n) return out_of_range(err, "input", i, m->in.n);
  *out = m->in.v[i];
  return KVINO_OK;
}

kvino_status kvino_model_output(const kvino_model *m, size_t i, kvino_port *out, kvino_error *err) {
  KV_NOT_NULL(err, m && out);
  if (i >= m->out.n) return out_of_range(err, "output", i, m->out.n);
  *out = m->out.v[i];
  return KVINO_OK;
}

kvino_status kvino_model_layer(const kvino_model *m, size_t i, kvino_layer *out, kvino_error *err) {
  KV_NOT_NULL(err, m && out);
  if (i >= m->n_layers) return out_of_range(err, "layer", i, m->n_layers);
  const kv_layer *l = m->layer[i];
  *out = (kvino_layer){l->name, l->class_name, l->path, l->trainable, l->n_weights};
  return KVINO_OK;
}

kvino_status kvino_model_weight(const kvino_model *m, size_t layer, size_t weight, const char **name,
                                kvino_tensor **out, kvino_error *err) {
  KV_NOT_NULL(err, m);
  if (layer >= m->n_layers) return out_of_range(err, "layer", layer, m->n_layers);
  const kv_layer *l = m->layer[layer];
  if (weight >= l->n_weights) return out_of_range(err, "weight", weight, l->n_weights);
  if (name) *name = l->weight[weight].name;
  pthread_rwlock_rdlock((pthread_rwlock_t *)(uintptr_t)&m->weights);
  if (out) *out = kvino_tensor_retain(l->weight[weight].tensor);
  pthread_rwlock_unlock((pthread_rwlock_t *)(uintptr_t)&m->weights);
  return KVINO_OK;
}

kvino_status kv_model_need_layers(const kvino_model *m, const char *to, kvino_error *err) {
  if (m->root || m->file.config) return KVINO_OK;
  return kv_fail(err, KVINO_UNSUPPORTED, "%s: %s has no layers to %s", m->file.name,
                 m->file.ir ? "an IR of OpenVINO's" : "a graph", to);
}

size_t kvino_layer_class_count(void) { return kv_layer_kind_count(); }

const char *kvino_layer_class_name(size_t i) {
  const kv_layer_kind *kind = kv_layer_kind_get(i);
  return kind ? kind->name : NULL;
}

/* ---- the table ---- */

static void put_ports(kv_text *t, const char *what, size_t n, const kvino_port *ports) {
  char shape[KV_SHAPE_TEXT];
  for (size_t i = 0; i < n; i++)
    kv_put(t, "%s '%s': %s %s\n", what, ports[i].name, kvino_dtype_name(ports[i].dtype),
           kv_shape_text(ports[i].rank, ports[i].shape, shape));
}

static void put_layers(const kvino_model *m, kv_text *t) {
  char title[512], shape[KV_SHAPE_TEXT];
  int64_t trained = 0, others = 0;
  kv_put(t, "\n%-40s %12s  %s\n", "Layer (type)", "Param #", "Weights");
  for (size_t i = 0; i < m->n_layers; i++) {
    const kv_layer *l = m->layer[i];
    int64_t n = 0;
    for (size_t k = 0; k < l->n_weights; k++) {
      int64_t size = kvino_tensor_size(l->weight[k].tensor);
      n += size;
      *(l->trainable && l->weight[k].trainable ? &trained : &others) += size;
    }
    snprintf(title, sizeof title, "%s (%s)", l->name, l->class_name);
    kv_put(t, "%-40s %12lld ", title, (long long)n);
    for (size_t k = 0; k < l->n_weights; k++) {
      const kvino_tensor *w = l->weight[k].tensor;
      kv_put(t, " %s %s", l->weight[k].name, kv_shape_text(kvino_tensor_rank(w), kvino_tensor_shape(w), shape));
    }
    kv_put(t, "\n");
  }
  kv_put(t, "\nTotal params: %lld\nTrainable params: %lld\nNon-trainable params: %lld\n", (long long)(trained + others),
         (long long)trained, (long long)others);
}

kvino_status kvino_model_summary(const kvino_model *m, char **text, kvino_error *err) {
  KV_NOT_NULL(err, m && text);
  kv_text t = {0};
  if (m->root)
    kv_put(&t, "Model: \"%s\" (%s, Keras %s)\n", m->root->name, m->root->class_name,
           *m->file.version ? m->file.version : "1");
  else
    kv_put(&t, "Model: \"%s\" (%s)\n", m->file.name, m->ir ? "OpenVINO IR" : "kvino graph");
  put_ports(&t, "Input", m->in.n, m->in.v);
  put_ports(&t, "Output", m->out.n, m->out.v);
  if (m->file.graph) kv_graph_model_summary(m, &t);
  if (m->root) put_layers(m, &t);
  if (t.failed) {
    kv_free(t.at);
    return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a summary");
  }
  *text = t.at;
  return KVINO_OK;
}
