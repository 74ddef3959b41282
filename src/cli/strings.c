/* Texts for inputs of dtype string: from the command line, or the lines of a file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static kvino_status failed(kvino_error *err, kvino_status status, const char *path, const char *why) {
  err->status = status;
  snprintf(err->text, sizeof err->text, "%s: %s", path, why);
  return status;
}

kvino_status texts_tensor(const kvino_port *port, size_t n, const char *const *texts, const size_t *lengths,
                          kvino_tensor **out, kvino_error *err) {
  int64_t shape[KVINO_MAX_RANK], rows = (int64_t)n, each = 1;
  int unknown = -1;
  for (int i = 0; i < port->rank; i++) {
    shape[i] = port->shape[i];
    if (shape[i] >= 0)
      each *= shape[i];
    else if (unknown < 0)
      unknown = i;
    else
      shape[i] = 1;
  }
  if (!each || (unknown >= 0 && rows % each)) return failed(err, KVINO_INVALID, port->name, "as many texts do not fit");
  if (unknown >= 0) shape[unknown] = rows / each;
  if (unknown < 0 && rows != each) return failed(err, KVINO_INVALID, port->name, "as many texts do not fit");
  return kvino_strings_new(port->rank, shape, texts, lengths, out, err);
}

char *read_all(const char *path, size_t *n) {
  FILE *file = strcmp(path, "-") ? fopen(path, "rb") : stdin;
  char *text = NULL, *more;
  size_t size = 0, got = 1;
  *n = 0;
  while (file && got) {
    if (!(more = realloc(text, size + 65536))) break;
    text = more;
    *n += got = fread(text + *n, 1, 65536, file);
    size = *n;
  }
  bool good = file && !got && !ferror(file);
  if (file && file != stdin) fclose(file);
  if (!good) free(text);
  return good ? text : NULL;
}

kvino_status texts_read(const kvino_port *port, const char *path, kvino_tensor **out, kvino_error *err) {
  size_t n, lines = 0, at = 0;
  char *text = read_all(path, &n);
  if (!text) return failed(err, KVINO_IO, path, strerror(errno));
  for (size_t i = 0; i < n; i++) lines += text[i] == '\n' || i + 1 == n;
  const char **line = calloc(lines + 1, sizeof *line);
  size_t *length = calloc(lines + 1, sizeof *length);
  kvino_status status = line && length ? KVINO_OK : failed(err, KVINO_NO_MEMORY, path, "out of memory");
  for (size_t i = 0; i < lines && !status; i++) {
    char *end = memchr(text + at, '\n', n - at);
    size_t stop = end ? (size_t)(end - text) : n;
    line[i] = text + at;
    length[i] = stop - at - (stop > at && end && text[stop - 1] == '\r');
    at = stop + 1;
  }
  if (!status) status = texts_tensor(port, lines, line, length, out, err);
  free(line);
  free(length);
  free(text);
  return status;
}
