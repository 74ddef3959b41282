#include "trainer/arguments.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "layers/config.h"

static kvino_status no_memory(kvino_error *err) { return kv_fail(err, KVINO_NO_MEMORY, "out of memory for settings"); }

static kvino_status set(json_t *settings, const char *what, const char *name, json_t *value, kvino_error *err) {
  if (!json_object_get(settings, name)) {
    json_decref(value);
    return kv_fail(err, KVINO_INVALID, "%s: Argument(s) not recognized: {'%s'}", what, name);
  }
  return json_object_set_new(settings, name, value) ? no_memory(err) : KVINO_OK;
}

static kvino_status fill(json_t *settings, const char *what, const char *fields, const json_t *config, size_t n,
                         const kvino_property *properties, kvino_error *err) {
  const char *item, *key;
  json_t *value;
  size_t length;
  while (kv_item(&fields, &item, &length)) {
    char name[64];
    const char *equals = memchr(item, '=', length);
    snprintf(name, sizeof name, "%.*s", (int)(equals - item), item);
    value = kv_python_value(equals + 1, length - (size_t)(equals + 1 - item));
    if (json_object_set_new(settings, name, value)) return no_memory(err);
  }
  json_object_foreach((json_t *)(uintptr_t)config, key, value) {
    if (!strcmp(key, "name") || !strcmp(key, "fn") || (json_is_null(value) && !json_object_get(settings, key)))
      continue;
    KV_TRY(set(settings, what, key, json_incref(value), err));
  }
  for (size_t i = 0; i < n; i++) {
    if (!properties[i].name || !properties[i].value) return kv_fail(err, KVINO_INVALID, "%s: a setting is NULL", what);
    value = kv_python_value(properties[i].value, strlen(properties[i].value));
    if (!value) value = json_string(properties[i].value); /* a word without quotes */
    if (!value) return no_memory(err);
    KV_TRY(set(settings, what, properties[i].name, value, err));
  }
  return KVINO_OK;
}

kvino_status kv_arguments_make(const char *what, const char *fields, const json_t *config, size_t n,
                               const kvino_property *properties, json_t **out, kvino_error *err) {
  json_t *settings = json_object();
  if (!settings) return no_memory(err);
  kvino_status status = fill(settings, what, fields, config, n, properties, err);
  if (status)
    json_decref(settings);
  else
    *out = settings;
  return status;
}

double kv_argument(const json_t *settings, const char *name) {
  return json_number_value(json_object_get(settings, name));
}

bool kv_argument_flag(const json_t *settings, const char *name) {
  const json_t *value = json_object_get(settings, name);
  return json_is_true(value) || json_number_value(value) != 0;
}

bool kv_is_called(const char *name, const char *class_name, const char *aliases) {
  char snake[KV_SNAKE_TEXT];
  kv_snake_case(class_name, snake);
  return !strcmp(name, class_name) || !strcmp(name, snake) || kv_listed(aliases, name, NULL, NULL);
}
