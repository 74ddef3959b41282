#include "layers/config.h"

#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* ---- lists ---- */

bool kv_item(const char **at, const char **item, size_t *n) {
  const char *from = *at;
  int depth = 0;
  bool quoted = false;
  while (*from == ' ') from++;
  if (!*from) return false;
  const char *end = from;
  for (; *end && (quoted || depth || *end != ','); end++) {
    if (*end == '\'') quoted = !quoted;
    if (!quoted) depth += (*end == '(' || *end == '[' || *end == '{') - (*end == ')' || *end == ']' || *end == '}');
  }
  *at = *end ? end + 1 : end;
  while (end > from && end[-1] == ' ') end--;
  *item = from;
  *n = (size_t)(end - from);
  return true;
}

bool kv_listed(const char *list, const char *name, const char **preset, size_t *n_preset) {
  const char *item;
  size_t n, length = strlen(name);
  while (kv_item(&list, &item, &n)) {
    if (n < length || memcmp(item, name, length) || (n > length && item[length] != '=')) continue;
    if (preset) *preset = n > length ? item + length + 1 : NULL;
    if (n_preset) *n_preset = n > length ? n - length - 1 : 0;
    return true;
  }
  return false;
}

json_t *kv_python_value(const char *text, size_t n) {
  static const struct { const char *python, *json; } words[] = {{"None", "null"}, {"True", "true"}, {"False", "false"}};
  char json[256];
  size_t k = 0;
  for (size_t i = 0; i < n && k + 8 < sizeof json; i++) {
    char ch = text[i];
    json[k++] = ch == '\'' ? '"' : ch == '(' ? '[' : ch == ')' ? ']' : ch;
    for (size_t w = 0; w < 3; w++) {
      size_t length = strlen(words[w].python);
      if (i + length > n || memcmp(text + i, words[w].python, length)) continue;
      memcpy(json + k - 1, words[w].json, strlen(words[w].json));
      k += strlen(words[w].json) - 1;
      i += length - 1;
      break;
    }
  }
  return json_loadb(json, k, JSON_DECODE_ANY, NULL);
}

void kv_snake_case(const char *name, char snake[KV_SNAKE_TEXT]) {
  size_t k = 0;
  char plain[KV_SNAKE_TEXT];
  size_t n = 0;
  for (; *name && n + 1 < sizeof plain; name++)
    if (isalnum((unsigned char)*name) || *name == '_') plain[n++] = *name;
  plain[n] = 0;
  /* Keras's two substitutions: "(.)([A-Z][a-z]+)" and "([a-z])([A-Z])" get an underscore between their groups. */
  for (size_t i = 0; i < n && k + 2 < KV_SNAKE_TEXT; i++) {
    bool upper = isupper((unsigned char)plain[i]);
    bool word = upper && i + 1 < n && islower((unsigned char)plain[i + 1]);
    bool after = upper && i && islower((unsigned char)plain[i - 1]);
    if (i && (word || after) && snake[k - 1] != '_') snake[k++] = '_';
    snake[k++] = (char)tolower((unsigned char)plain[i]);
  }
  snake[k] = 0;
}

/* ---- policies ---- */

/* "int4/128_from_mixed_bfloat16": *name goes on behind "_from_", the mode is what stands before. */
static void take_mode(const char **name, char mode[KV_MODE_TEXT]) {
  const char *from = strstr(*name, "_from_");
  if (!from || from - *name >= KV_MODE_TEXT) return;
  snprintf(mode, KV_MODE_TEXT, "%.*s", (int)(from - *name), *name);
  *name = from + strlen("_from_");
}

/* What makes a regular expression of a name. */
#define PATTERN ".*+?()|[]^$\\{"

/* Whether a key of a map that is a regular expression takes in all of the name. Only those are read that mean the same
 * in Python and in POSIX and that cannot take time or memory without end: no groups, no counts. */
static kvino_status matches(const char *pattern, const char *name, bool *out, kvino_error *err) {
  char whole[128];
  regex_t re;
  *out = false;
  if (!pattern[strcspn(pattern, PATTERN)]) return KVINO_OK; /* a name, another one */
  int n = snprintf(whole, sizeof whole, "^%s$", pattern);
  if (n >= (int)sizeof whole || strpbrk(pattern, "()|\\{") || regcomp(&re, whole, REG_EXTENDED | REG_NOSUB))
    return kv_fail(err, KVINO_UNSUPPORTED, "the pattern '%.64s' of a DTypePolicyMap is not one that is read", pattern);
  *out = !regexec(&re, name, 0, NULL, 0);
  regfree(&re);
  return KVINO_OK;
}

kvino_status kv_policy_of(const json_t *policy, const char *name, bool parts, const json_t **out, kvino_error *err) {
  const char *class = json_string_value(json_object_get(policy, "class_name")), *key;
  const json_t *config = json_object_get(policy, "config"), *map = json_object_get(config, "policy_map");
  json_t *item;
  bool hit;
  *out = policy;
  if (!class || strcmp(class, "DTypePolicyMap")) return KVINO_OK;
  if (!json_is_object(map)) return kv_fail(err, KVINO_IO, "a DTypePolicyMap without policies");
  const json_t *preset = json_object_get(config, "default_policy"), *found = json_object_get(map, name);
  size_t n = strlen(name);
  bool exact = found != NULL;
  json_object_foreach((json_t *)map, key, item) {
    KV_TRY(matches(key, name, &hit, err));
    if (!hit || exact || item == found) continue;
    if (found) return kv_fail(err, KVINO_INVALID, "Path '%s' matches multiple dtype policy specification keys", name);
    found = item;
  }
  *out = found ? found : preset;
  json_object_foreach((json_t *)map, key, item) {
    bool inside = parts && ((!strncmp(key, name, n) && key[n] == '/') || key[strcspn(key, PATTERN)]);
    if (inside && !json_equal(item, *out))
      return kv_fail(err, KVINO_UNSUPPORTED,
                     "a DTypePolicyMap that gives its parts policies of their own ('%.64s') is not read", key);
  }
  return KVINO_OK;
}

kvino_status kv_policy(const json_t *policy, kvino_dtype *compute, kvino_dtype *variable, char mode[KV_MODE_TEXT],
                       kvino_error *err) {
  const json_t *config = json_is_object(policy) ? json_object_get(policy, "config") : NULL;
  const char *class = json_string_value(json_object_get(policy, "class_name"));
  const char *name = json_string_value(config ? json_object_get(config, "name") : policy), *whole;
  const char *quantized = json_string_value(json_object_get(config, "mode"));
  *compute = *variable = KVINO_F32;
  snprintf(mode, KV_MODE_TEXT, "%s", quantized ? quantized : "");
  if (quantized) name = json_string_value(json_object_get(config, "source_name"));
  if (json_is_object(policy) && !name)
    return kv_fail(err, KVINO_UNSUPPORTED, "dtype policy '%s' is not one that is read from a file",
                   class ? class : "?");
  if (!name && policy && !json_is_null(policy)) return kv_fail(err, KVINO_IO, "a dtype policy that is none");
  if (!name) return KVINO_OK;
  whole = name;
  if (!quantized) take_mode(&name, mode);
  if (!strncmp(name, "mixed_", 6))
    name += 6;
  else if (!kvino_dtype_from_name(name, variable, NULL)) {
    *compute = *variable;
    return KVINO_OK;
  }
  if (kvino_dtype_from_name(name, compute, NULL))
    return kv_fail(err, KVINO_UNSUPPORTED, "dtype policy '%s' is not one that is read from a file", whole);
  return KVINO_OK;
}

/* ---- fields ---- */

/* What every layer's configuration may have, and what plays no part when a model runs. */
static const char COMMON[] =
    "name, trainable, dtype, autocast, seed, batch_input_shape, batch_shape, input_dtype, input_shape, input_dim, "
    "input_length, rng_type, build_config, sparse, ragged, dynamic, init, weights, shared_object_id";

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && !strcmp(text + n - m, end);
}

static bool is_known(const kv_layer *layer, const char *key, const json_t *value) {
  return json_is_null(value) || kv_listed(layer->kind->fields, key, NULL, NULL) || kv_listed(COMMON, key, NULL, NULL) ||
         ends_with(key, "_initializer") || ends_with(key, "_regularizer") || ends_with(key, "_constraint");
}

kvino_status kv_layer_fields(kv_layer *layer, kvino_error *err) {
  const char *key, *list = layer->kind->fields, *item;
  json_t *value;
  size_t n;
  if (!(layer->defaults = json_object())) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a configuration");
  json_object_foreach((json_t *)layer->config, key, value) {
    if (!is_known(layer, key, value))
      return kv_fail(err, KVINO_UNSUPPORTED, "layer '%s' (%s): its configuration has a field '%s', which is unknown",
                     layer->name, layer->class_name, key);
  }
  while (kv_item(&list, &item, &n)) {
    const char *equals = memchr(item, '=', n);
    size_t length = equals ? (size_t)(equals - item) : n;
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)length, item);
    if (json_object_get(layer->config, name)) continue;
    if (!equals)
      return kv_fail(err, KVINO_IO, "layer '%s' (%s): its configuration has no field '%s'", layer->name,
                     layer->class_name, name);
    value = kv_python_value(equals + 1, n - length - 1);
    if (!value || json_object_set_new(layer->defaults, name, value))
      return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a configuration");
  }
  return KVINO_OK;
}
