#include "vocabulary/refusals.h"

#include <stdio.h>
#include <string.h>

static const struct {
  kvino_status status;
  const char *text;
} table[] = {
#define REFUSAL(name, status, text) {status, text},
#include "vocabulary/refusals.def"
#undef REFUSAL
};

kvino_status kv_refuse(kv_refusal what, const double number[KV_REFUSAL_NUMBERS],
                       const int64_t integer[KV_REFUSAL_NUMBERS], kvino_error *err) {
  char text[KVINO_ERROR_TEXT];
  size_t used = 0, k = 0;
  const char *at = table[what].text;
  while (*at && used < sizeof text - 32) {
    if (!strncmp(at, "%lld", 4) && k < KV_REFUSAL_NUMBERS) {
      used += (size_t)snprintf(text + used, sizeof text - used, "%lld", (long long)integer[k++]);
      at += 4;
    } else if (!strncmp(at, "%g", 2) && k < KV_REFUSAL_NUMBERS) {
      used += (size_t)snprintf(text + used, sizeof text - used, "%g", number[k++]);
      at += 2;
    } else {
      text[used++] = *at++;
    }
  }
  text[used] = 0;
  return kv_fail(err, table[what].status, "%s", text);
}
