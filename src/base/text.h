/* A text that grows. */
#ifndef KVINO_BASE_TEXT_H
#define KVINO_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Starts as {0}. Once memory is short, `failed` stays and puts do nothing. The owner frees `at` with kv_free; it is
 * NUL-terminated, or NULL where nothing was put. */
typedef struct kv_text {
  char *at;
  size_t n, capacity;
  bool failed;
} kv_text;

void kv_put(kv_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A text as XML and HTML have it, in attributes, too. */
void kv_put_escaped(kv_text *t, const char *text);

#endif
