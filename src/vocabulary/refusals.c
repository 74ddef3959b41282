#include "vocabulary/refusals.h"

#include <stdio.h>
#include <string.h>

static const struct {
  kvino_status status;
  const char *name, *text;
} table[] = {
#define REFUSAL(name, status, text) {status, #name, text},
#include "vocabulary/refusals.def"
#undef REFUSAL
};

/* As NumPy's words about broadcasting have shapes: without blanks. */
static int write_dense(char *to, size_t room, const char *shape) {
  size_t n = 0;
  for (; *shape && n < room - 1; shape++)
    if (*shape != ' ') to[n++] = *shape;
  return (int)n;
}

kvino_status kv_refuse(kv_refusal what, const kv_refusal_word word[KV_REFUSAL_NUMBERS], kvino_error *err) {
  char text[KVINO_ERROR_TEXT];
  size_t used = 0, k = 0;
  const char *at = table[what].text;
  while (*at && used < sizeof text - 1) {
    char *to = text + used;
    size_t room = sizeof text - used;
    int n = 0;
    if (k < KV_REFUSAL_NUMBERS && !strncmp(at, "%lld", 4)) {
      n = snprintf(to, room, "%lld", (long long)word[k++].integer);
      at += 4;
    } else if (k < KV_REFUSAL_NUMBERS && !strncmp(at, "%g", 2)) {
      n = snprintf(to, room, "%g", word[k++].number);
      at += 2;
    } else if (k < KV_REFUSAL_NUMBERS && !strncmp(at, "%s", 2)) {
      n = snprintf(to, room, "%s", word[k++].shape);
      at += 2;
    } else if (k < KV_REFUSAL_NUMBERS && !strncmp(at, "%b", 2)) {
      n = write_dense(to, room, word[k++].shape);
      at += 2;
    } else {
      *to = *at++;
      n = 1;
    }
    used += (size_t)n < room ? (size_t)n : room - 1;
  }
  text[used] = 0;
  return kv_fail(err, table[what].status, "%s", text);
}

const char *kv_refusal_name(kv_refusal what) { return table[what].name; }

kv_refusal kv_refusal_find(const char *name) {
  int i = 0;
  while (i < KV_REFUSAL_COUNT && strcmp(table[i].name, name)) i++;
  return (kv_refusal)i;
}
