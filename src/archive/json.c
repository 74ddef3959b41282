#include "archive/json.h"

#include "archive/limits.h"

kvino_status kv_json_parse(const char *text, size_t n, const char *name, json_t **out, kvino_error *err) {
  json_error_t e;
  if (n > KV_MOST_JSON)
    return kv_fail(err, KVINO_IO, "%s: %zu bytes are too many for a configuration (at most %d)", name, n, KV_MOST_JSON);
  json_t *value = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
  if (!value)
    return kv_fail(err, json_error_code(&e) == json_error_out_of_memory ? KVINO_NO_MEMORY : KVINO_IO,
                   "%s: not JSON: %s (line %d, column %d)", name, e.text, e.line, e.column);
  *out = value;
  return KVINO_OK;
}
