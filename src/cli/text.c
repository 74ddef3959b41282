/* Texts of several commands. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

kvino_status tell(kvino_error *err, kvino_status status, const char *format, ...) {
  va_list args;
  va_start(args, format);
  err->status = status;
  vsnprintf(err->text, sizeof err->text, format, args);
  va_end(args);
  return status;
}

int tuple(int n, const int64_t *values, char *text, size_t size) {
  size_t at = (size_t)snprintf(text, size, "(");
  for (int i = 0; i < n && at < size; i++)
    at += (size_t)snprintf(text + at, size - at, values[i] < 0 ? "%sNone" : "%s%lld", i ? ", " : "",
                           (long long)values[i]);
  if (at < size) at += (size_t)snprintf(text + at, size - at, n == 1 ? ",)" : ")");
  return (int)at;
}

bool read_number(const command *self, const char *option, const char *text, bool whole, double least, double most,
                 double *out) {
  char *end;
  double value = strtod(text, &end);
  if (end != text && !*end && value >= least && value <= most && (!whole || value == floor(value))) {
    *out = value;
    return true;
  }
  fprintf(stderr, "kvino %s: %s takes a%s number from %g to %g, not '%s'\n", self->name, option, whole ? " whole" : "",
          least, most, text);
  return false;
}

bool read_count(const command *self, const char *option, const char *text, long long least, long long *out) {
  double value;
  if (!read_number(self, option, text, true, (double)least, 1e12, &value)) return false;
  *out = (long long)value;
  return true;
}

bool has_kind(const char *path, const char *const *kinds) {
  const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash + 1 : path, '.');
  bool known = !dot;
  for (; *kinds && !known; kinds++) known = !strcmp(dot, *kinds);
  return known;
}

bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && !strcmp(text + n - m, end);
}

void put_json_text(FILE *to, const char *text, size_t n) {
  fputc('"', to);
  for (size_t i = 0; i < n; i++) {
    if (text[i] == '"' || text[i] == '\\')
      fprintf(to, "\\%c", text[i]);
    else if ((unsigned char)text[i] < ' ')
      fprintf(to, "\\u%04x", text[i]);
    else
      fputc(text[i], to);
  }
  fputc('"', to);
}

void put_json(FILE *to, const char *text) { put_json_text(to, text, strlen(text)); }

void put_json_shape(FILE *to, int rank, const int64_t *shape) {
  fputc('[', to);
  for (int i = 0; i < rank; i++) fprintf(to, shape[i] < 0 ? "%snull" : "%s%lld", i ? ", " : "", (long long)shape[i]);
  fputc(']', to);
}
