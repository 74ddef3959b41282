/* Texts of several commands. */
#include <stdio.h>

#include "cli.h"

int tuple(int n, const int64_t *values, char *text, size_t size) {
  size_t at = (size_t)snprintf(text, size, "(");
  for (int i = 0; i < n && at < size; i++)
    at += (size_t)snprintf(text + at, size - at, "%s%lld", i ? ", " : "", (long long)values[i]);
  if (at < size) at += (size_t)snprintf(text + at, size - at, n == 1 ? ",)" : ")");
  return (int)at;
}
