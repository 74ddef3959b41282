/* Texts of several commands. */
#include <stdio.h>

#include <string.h>

#include "cli.h"

int tuple(int n, const int64_t *values, char *text, size_t size) {
  size_t at = (size_t)snprintf(text, size, "(");
  for (int i = 0; i < n && at < size; i++)
    at += (size_t)snprintf(text + at, size - at, "%s%lld", i ? ", " : "", (long long)values[i]);
  if (at < size) at += (size_t)snprintf(text + at, size - at, n == 1 ? ",)" : ")");
  return (int)at;
}

bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && !strcmp(text + n - m, end);
}

void put_json(FILE *to, const char *text) {
  fputc('"', to);
  for (; *text; text++) {
    if (*text == '"' || *text == '\\')
      fprintf(to, "\\%c", *text);
    else if ((unsigned char)*text < ' ')
      fprintf(to, "\\u%04x", *text);
    else
      fputc(*text, to);
  }
  fputc('"', to);
}
