/* Numbers in comma-separated values (RFC 4180), a row for each sample. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

typedef union number {
  double real;
  int64_t whole;
} number;

typedef struct csv {
  const char *path, *at, *end;
  size_t line; /* of the row that is read, from 1 */
  size_t next; /* of the one behind it */
  char *field; /* as large as the file */
  size_t length;
  bool whole;
  size_t rows, columns, n, capacity;
  number *values;
} csv;

static kvino_status bad(const csv *c, kvino_error *err, const char *what) {
  return tell(err, KVINO_IO, "%s: line %zu: %s", c->path, c->line, what);
}

static kvino_status take_quoted(csv *c, kvino_error *err) {
  for (c->at++;; c->at++) {
    if (c->at == c->end) return bad(c, err, "a quote that is not closed");
    if (*c->at == '"') {
      if (c->at + 1 == c->end || c->at[1] != '"') break;
      c->at++;
    }
    c->next += *c->at == '\n';
    c->field[c->length++] = *c->at;
  }
  c->at++;
  return KVINO_OK;
}

static bool ends_field(char x) { return x == ',' || x == '\r' || x == '\n'; }

/* The next field, without its quotes; *last: of its row. */
static kvino_status next_field(csv *c, bool *last, kvino_error *err) {
  c->length = 0;
  if (c->at < c->end && *c->at == '"') {
    kvino_status status = take_quoted(c, err);
    if (status) return status;
    if (c->at < c->end && !ends_field(*c->at)) return bad(c, err, "something follows a quoted field");
  }
  for (; c->at < c->end && !ends_field(*c->at); c->at++) {
    if (*c->at == '"') return bad(c, err, "a quote inside of a field that is not quoted");
    c->field[c->length++] = *c->at;
  }
  c->field[c->length] = 0;
  *last = c->at == c->end || *c->at != ',';
  if (c->at == c->end) return KVINO_OK;
  if (*c->at == '\r' && (++c->at == c->end || *c->at != '\n'))
    return bad(c, err, "a carriage return without a line feed");
  c->next += *c->at++ == '\n';
  return KVINO_OK;
}

static bool read_field(const csv *c, number *out) {
  char *end;
  if (!c->length || strlen(c->field) != c->length || strpbrk(c->field, "xX(")) return false; /* C's, not a file's */
  errno = 0;
  if (c->whole)
    out->whole = strtoll(c->field, &end, 10);
  else
    out->real = strtod(c->field, &end);
  bool good = end != c->field && (!c->whole || !errno);
  return good && end[strspn(end, " \t")] == 0;
}

static kvino_status keep(csv *c, number value, kvino_error *err) {
  if (c->n == c->capacity) {
    size_t more = c->capacity ? 2 * c->capacity : 256;
    number *longer = realloc(c->values, more * sizeof *longer);
    if (!longer) return tell(err, KVINO_NO_MEMORY, "%s: out of memory", c->path);
    c->values = longer;
    c->capacity = more;
  }
  c->values[c->n++] = value;
  return KVINO_OK;
}

/* *names: how many fields are no numbers, which only the first row may have, and then no others. */
static kvino_status read_row(csv *c, size_t *columns, size_t *names, kvino_error *err) {
  *columns = *names = 0;
  c->line = c->next;
  for (bool last = false; !last; ++*columns) {
    number value;
    kvino_status status = next_field(c, &last, err);
    if (status) return status;
    if (read_field(c, &value)) {
      if ((status = keep(c, value, err))) return status;
    } else {
      if (c->line > 1)
        return tell(err, KVINO_IO, "%s: line %zu, field %zu: '%.60s' is not a%s number", c->path, c->line, *columns + 1,
                    c->field, c->whole ? " whole" : "");
      ++*names;
    }
  }
  return *names && *names < *columns ? bad(c, err, "neither names alone nor numbers alone") : KVINO_OK;
}

static kvino_status read_rows(csv *c, kvino_error *err) {
  while (c->at < c->end) {
    size_t columns, names;
    bool first = c->next == 1;
    kvino_status status = read_row(c, &columns, &names, err);
    if (status) return status;
    if (!first && columns != c->columns)
      return tell(err, KVINO_IO, "%s: line %zu has %zu fields, not %zu", c->path, c->line, columns, c->columns);
    c->columns = columns;
    c->rows += !names;
  }
  return c->rows ? KVINO_OK : tell(err, KVINO_IO, "%s: there are no rows", c->path);
}

/* The input's shape with the rows for its first length; a row is a sample in C order. */
static kvino_status row_shape(const csv *c, const kvino_port *port, int64_t *shape, kvino_error *err) {
  int64_t each = 1;
  int unknown = 0;
  for (int i = 1; i < port->rank; i++) {
    shape[i] = port->shape[i];
    if (shape[i] >= 0)
      each *= shape[i];
    else
      unknown = unknown ? -1 : i;
  }
  bool fits = port->rank > 0 && unknown >= 0 && each > 0 && (int64_t)c->columns % each == 0;
  if (fits && unknown) shape[unknown] = (int64_t)c->columns / each;
  if (port->rank) shape[0] = (int64_t)c->rows;
  char text[TUPLE_TEXT];
  tuple(port->rank, port->shape, text, sizeof text);
  return fits && (unknown || (int64_t)c->columns == each)
             ? KVINO_OK
             : tell(err, KVINO_INVALID, "%s: rows of %zu fields do not fit input '%s' of shape %s", c->path, c->columns,
                    port->name, text);
}

kvino_status csv_parse(const kvino_port *port, const char *text, size_t n, const char *path, kvino_tensor **out,
                       kvino_error *err) {
  int64_t shape[KVINO_MAX_RANK];
  size_t mark = n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0; /* Excel's, of UTF-8 */
  csv c = {.path = path, .at = text + mark, .end = text + n, .next = 1, .field = malloc(n + 1)};
  c.whole = !kvino_dtype_is_float(port->dtype) && !kvino_dtype_is_complex(port->dtype);
  kvino_status status = c.field ? read_rows(&c, err) : tell(err, KVINO_NO_MEMORY, "%s: out of memory", path);
  if (!status) status = row_shape(&c, port, shape, err);
  if (!status) status = kvino_tensor_new(c.whole ? KVINO_I64 : KVINO_F64, port->rank, shape, c.values, out, err);
  free(c.values);
  free(c.field);
  return status;
}

kvino_status csv_read(const kvino_port *port, const char *path, kvino_tensor **out, kvino_error *err) {
  size_t n;
  char *text = read_all(path, &n);
  if (!text) return tell(err, KVINO_IO, "%s: %s", path, strerror(errno));
  kvino_status status = csv_parse(port, text, n, path, out, err);
  free(text);
  return status;
}
