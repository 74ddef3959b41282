/* JSON texts (jansson), with what is wrong and where. */
#ifndef KVINO_ARCHIVE_JSON_H
#define KVINO_ARCHIVE_JSON_H

#include <jansson.h>

#include "base/error.h"

/* One value. `name` is the member's, for the error text. The caller has a reference (json_decref). Errors: KVINO_IO:
 * not JSON, a key twice in an object, nested deeper than jansson's 2048, larger than KV_MOST_JSON. */
kvino_status kv_json_parse(const char *text, size_t n, const char *name, json_t **out, kvino_error *err);

#endif
