#include "layers/keras1.h"

#include <stdio.h>
#include <string.h>

#include "archive/limits.h"
#include "base/error.h"
#include "layers/config.h"
#include "ops/common.h"

/* ---- names ---- */

static const struct {
  const char *old, *now;
} CLASSES[] = {
#define CLASS(old, now) {#old, #now},
#define FIELD(classes, old, now)
#include "layers/keras1.def"
#undef CLASS
#undef FIELD
};

static const struct {
  const char *classes, *old, *now;
} FIELDS[] = {
#define CLASS(old, now)
#define FIELD(classes, old, now) {classes, #old, #now},
#include "layers/keras1.def"
#undef CLASS
#undef FIELD
};

/* What played a part in making weights alone, or in computing what is the same otherwise. */
static const char LEFT_OUT[] = "init, inner_init, forget_bias_init, gamma_init, beta_init, input_dim, input_length, "
                               "input_dtype, output_shape";

static bool is_text(const json_t *v, const char *text) {
  return json_is_string(v) && !strcmp(json_string_value(v), text);
}

static bool move(json_t *config, const char *old, const char *now) {
  json_t *value = json_object_get(config, old);
  if (!value) return true;
  bool ok = json_object_get(config, now) || !json_object_set(config, now, value);
  return ok && !json_object_del(config, old);
}

/* Several fields that are one list now: nb_row, nb_col. */
static bool join(json_t *config, size_t n, const char *const *old, const char *now) {
  if (!json_object_get(config, old[0])) return true;
  json_t *list = json_array();
  for (size_t i = 0; list && i < n; i++) {
    json_t *value = json_object_get(config, old[i]);
    if (!value || json_array_append(list, value)) {
      json_decref(list);
      return true; /* it is missed later */
    }
  }
  for (size_t i = 0; i < n; i++) json_object_del(config, old[i]);
  return list && !json_object_set_new(config, now, list);
}

static bool rename_fields(const char *class, json_t *config) {
  static const char *const SIZE_2D[] = {"nb_row", "nb_col"}, *const SIZE_3D[] = {"kernel_dim1", "kernel_dim2",
                                                                                 "kernel_dim3"};
  bool ok = join(config, 2, SIZE_2D, "kernel_size") && join(config, 3, SIZE_3D, "kernel_size");
  for (size_t i = 0; ok && i < sizeof FIELDS / sizeof *FIELDS; i++)
    if (!*FIELDS[i].classes || kv_listed(FIELDS[i].classes, class, NULL, NULL))
      ok = move(config, FIELDS[i].old, FIELDS[i].now);
  const json_t *format = json_object_get(config, "data_format");
  json_t *now = is_text(format, "th")        ? json_string("channels_first")
                : is_text(format, "tf")      ? json_string("channels_last")
                : is_text(format, "default") ? json_null()
                                             : NULL;
  if (now) ok = !json_object_set_new(config, "data_format", now) && ok;
  const char *list = LEFT_OUT, *item;
  size_t n;
  char name[32];
  bool embedding = !strcmp(class, "Embedding");
  while (kv_item(&list, &item, &n)) {
    snprintf(name, sizeof name, "%.*s", (int)n, item);
    if (!embedding || strcmp(name, "input_dim")) json_object_del(config, name);
  }
  if (embedding) json_object_del(config, "dropout");
  return ok;
}

/* Merge was all merging layers in one. What is computed by code of the file, or joins models at the beginning of a
 * Sequential one, stays a Merge, which is not read. */
static bool rename_merge(json_t *object, json_t *config) {
  static const char *const MODES[][2] = {{"sum", "Add"},     {"mul", "Multiply"}, {"ave", "Average"},
                                         {"max", "Maximum"}, {"min", "Minimum"},  {"concat", "Concatenate"},
                                         {"dot", "Dot"}};
  const json_t *mode = json_object_get(config, "mode"), *type = json_object_get(config, "mode_type");
  if ((type && !is_text(type, "raw")) || json_array_size(json_object_get(config, "layers"))) return true;
  for (size_t i = 0; i < sizeof MODES / sizeof *MODES; i++) {
    if (!is_text(mode, MODES[i][0])) continue;
    json_t *now = json_object();
    bool ok = now && !json_object_set_new(object, "class_name", json_string(MODES[i][1]));
    if (ok && json_object_get(config, "name")) ok = !json_object_set(now, "name", json_object_get(config, "name"));
    if (ok && i == 5) ok = !json_object_set(now, "axis", json_object_get(config, "concat_axis"));
    if (ok && i == 6) ok = !json_object_set(now, "axes", json_object_get(config, "dot_axes"));
    return now && !json_object_set_new(object, "config", now) && ok;
  }
  return true;
}

static bool rename_layer(json_t *object) {
  json_t *config = json_object_get(object, "config");
  const char *class = json_string_value(json_object_get(object, "class_name"));
  if (!class || !json_is_object(config)) return true;
  if (!strcmp(class, "Merge")) return rename_merge(object, config);
  for (size_t i = 0; i < sizeof CLASSES / sizeof *CLASSES; i++) {
    if (strcmp(class, CLASSES[i].old)) continue;
    if (json_object_set_new(object, "class_name", json_string(CLASSES[i].now))) return false;
    class = CLASSES[i].now;
    break;
  }
  return rename_fields(class, config);
}

static bool rename_all(json_t *v, int depth) {
  size_t i;
  const char *key;
  json_t *item;
  if (depth > 4 * KV_MOST_DEPTH) return true;
  bool ok = !json_is_object(v) || rename_layer(v);
  json_array_foreach(v, i, item) ok = ok && rename_all(item, depth + 1);
  json_object_foreach(v, key, item) ok = ok && rename_all(item, depth + 1);
  return ok;
}

bool kv_keras1_rename(json_t *config) { return rename_all(config, 0); }

/* ---- weights ---- */

/* LSTM and GRU had their gates' weights apart (kernel, recurrent kernel and bias of each) where consume_less was not
 * "gpu". The gates of an LSTM stood as i, c, f, o. */
static int split_gates(const kv_layer *layer) {
  const json_t *how = json_object_get(layer->config, "consume_less");
  if (!how || is_text(how, "gpu")) return 0;
  return layer->kind->call == kv_layer_lstm || layer->kind->call == kv_layer_conv_lstm ? 4
         : layer->kind->call == kv_layer_gru                                           ? 3
                                                                                       : 0;
}

size_t kv_keras1_arrays(const kv_layer *layer, size_t i, size_t n_left, size_t *n_weights) {
  size_t gates = (size_t)split_gates(layer);
  bool split = gates && !i && layer->n_weights == 3 && n_left >= 3 * gates;
  *n_weights = split ? 3 : 1;
  return split ? 3 * gates : 1;
}

/* The axes of a kernel as they were, where they were others. */
static kvino_tensor *turn(kv_scope *s, const kv_layer *layer, kvino_tensor *x) {
  bool first = is_text(json_object_get(layer->config, "data_format"), "channels_first");
  const char *class = layer->kind->name;
  const json_t *length = json_object_get(layer->config, "kernel_size"),
               *filters = json_object_get(layer->config, "filters");
  if (x->rank == 4 && !strcmp(class, "Conv1D")) { /* an image of one column */
    if (x->shape[0] != json_integer_value(length) || x->shape[1] != 1 || x->shape[3] != json_integer_value(filters))
      x = kv_permute(s, x, (int64_t[]){2, 3, 1, 0});
    return x ? kv_squeeze(s, x, KV_VECTOR(s, 1)) : NULL;
  }
  if (x->rank == 4 && first && (!strcmp(class, "Conv2D") || !strcmp(class, "ConvLSTM2D")))
    return kv_permute(s, x, (int64_t[]){2, 3, 1, 0});
  if (x->rank == 5 && first && !strcmp(class, "Conv3D")) return kv_permute(s, x, (int64_t[]){2, 3, 4, 1, 0});
  if (x->rank == 4 && !strcmp(class, "Conv2DTranspose"))
    return kv_permute(s, x, first ? (int64_t[]){2, 3, 0, 1} : (int64_t[]){0, 1, 3, 2});
  return x;
}

kvino_status kv_keras1_convert(const kv_layer *layer, size_t i, size_t n, kvino_tensor *const *array,
                               kvino_tensor **out, kvino_error *err) {
  static const size_t LSTM[] = {0, 2, 1, 3}, GRU[] = {0, 1, 2};
  kv_scope s;
  kv_scope_enter(&s, err);
  size_t gates = n / 3, n_out = n > 1 ? 3 : 1;
  kvino_tensor *made[3] = {NULL}, *part[4];
  kvino_tensors all = {0, NULL};
  if (n == 1) made[0] = i ? array[0] : op_copy(&s, turn(&s, layer, array[0]));
  for (size_t k = 0; n > 1 && k < 3; k++) {
    for (size_t g = 0; g < gates; g++) {
      kvino_tensor *x = array[3 * (gates == 4 ? LSTM : GRU)[g] + k];
      part[g] = turn(&s, layer, x);
    }
    made[k] = op_concatenate(&s, (kvino_tensors){gates, part}, -1);
  }
  kvino_status status = kv_scope_leave_many(&s, (kvino_tensors){n_out, made}, &all);
  for (size_t k = 0; !status && k < n_out; k++) out[k] = kvino_tensor_retain(all.v[k]);
  kvino_tensors_clear(&all);
  return status;
}
