#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/memory.h"

static bool reserve(kv_text *t, size_t more) {
  if (t->failed) return false;
  if (t->n + more <= t->capacity) return true;
  size_t wanted = (t->n + more) * 2;
  char *at = kv_realloc(t->at, wanted);
  if (!at) return !(t->failed = true);
  t->at = at;
  t->capacity = wanted;
  return true;
}

void kv_put(kv_text *t, const char *format, ...) {
  for (size_t room = 256; reserve(t, room);) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->at + t->n, room, format, args);
    va_end(args);
    if (n < 0) return;
    if ((size_t)n < room) {
      t->n += (size_t)n;
      return;
    }
    room = (size_t)n + 1;
  }
}

void kv_put_escaped(kv_text *t, const char *name) {
  for (; *name; name++) {
    switch (*name) {
    case '&':
      kv_put(t, "&amp;");
      break;
    case '<':
      kv_put(t, "&lt;");
      break;
    case '>':
      kv_put(t, "&gt;");
      break;
    case '"':
      kv_put(t, "&quot;");
      break;
    default:
      kv_put(t, "%c", (unsigned char)*name < 32 ? ' ' : *name);
    }
  }
}
