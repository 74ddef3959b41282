/* The greatest entries of each row of a result. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "results.h"

/* ---- labels ---- */

kvino_status top_read_labels(top *t, const char *path, kvino_error *err) {
  size_t n, lines = 1;
  t->text = read_all(path, &n);
  if (!t->text) return tell(err, KVINO_IO, "%s: %s", path, strerror(errno));
  for (size_t i = 0; i < n; i++) lines += t->text[i] == '\n';
  t->labels = calloc(lines, sizeof *t->labels);
  char *whole = realloc(t->text, n + 1);
  if (whole) t->text = whole;
  if (!whole || !t->labels) return tell(err, KVINO_NO_MEMORY, "%s: out of memory", path);
  whole[n] = 0;
  for (char *at = whole; at < whole + n;) {
    char *end = memchr(at, '\n', (size_t)(whole + n - at));
    t->labels[t->n_labels++] = at;
    if (!end) break;
    *end = 0;
    if (end > at && end[-1] == '\r') end[-1] = 0;
    at = end + 1;
  }
  return t->n_labels ? KVINO_OK : tell(err, KVINO_IO, "%s: there are no labels", path);
}

void top_clear(top *t) {
  free(t->labels);
  free(t->text);
}

/* ---- entries ---- */

typedef struct entries {
  values value, index;
  int64_t rows, each;
} entries;

static void drop(entries *e) {
  kvino_tensor_release(e->value.t);
  kvino_tensor_release(e->index.t);
}

static kvino_status find(const top *t, const kvino_port *port, kvino_tensor *x, entries *e, kvino_error *err) {
  int rank = kvino_tensor_rank(x);
  kvino_dtype d = kvino_tensor_dtype(x);
  kvino_tensors found = {0, NULL};
  if (!rank || !(kvino_dtype_is_float(d) || kvino_dtype_is_integer(d)))
    return tell(err, KVINO_INVALID, "--top: output '%s' has no rows of numbers", port->name);
  int64_t length = kvino_tensor_shape(x)[rank - 1];
  if (t->n_labels && (int64_t)t->n_labels != length)
    return tell(err, KVINO_INVALID, "--labels has %zu labels; output '%s' has rows of %lld entries", t->n_labels,
                port->name, (long long)length);
  e->each = t->count < length ? t->count : length;
  e->rows = length ? kvino_tensor_size(x) / length : 0;
  kvino_status status = kvino_top_k(x, e->each, true, &found, err);
  if (!status) status = values_take(found.v[0], &e->value, err);
  if (!status) status = values_take(found.v[1], &e->index, err);
  kvino_tensors_clear(&found);
  return status;
}

static int64_t index_of(const entries *e, int64_t i) { return ((const int64_t *)kvino_tensor_data(e->index.t))[i]; }

kvino_status top_print(const top *t, const kvino_model *model, const kvino_tensors *out, kvino_error *err) {
  kvino_status status = KVINO_OK;
  for (size_t i = 0; i < out->n && !status; i++) {
    kvino_port port;
    entries e = {0};
    status = kvino_model_output(model, i, &port, err);
    if (!status) status = find(t, &port, out->v[i], &e, err);
    for (int64_t row = 0; row < e.rows && !status; row++) {
      printf("%s[%lld]:\n", port.name, (long long)row);
      for (int64_t k = row * e.each; k < (row + 1) * e.each; k++) {
        printf("  %6lld  ", (long long)index_of(&e, k));
        values_put(stdout, &e.value, k, false);
        printf("%s%s\n", t->n_labels ? "  " : "", t->n_labels ? t->labels[index_of(&e, k)] : "");
      }
    }
    drop(&e);
  }
  return status;
}

kvino_status top_put(void *context, FILE *to, const kvino_port *port, kvino_tensor *x, kvino_error *err) {
  const top *t = context;
  entries e = {0};
  kvino_status status = find(t, port, x, &e, err);
  fputs(", \"top\": [", to);
  for (int64_t i = 0; i < e.rows * e.each && !status; i++) {
    fprintf(to, "%s{\"index\": %lld, \"value\": ", i % e.each ? ", " : i ? "], [" : "[", (long long)index_of(&e, i));
    values_put(to, &e.value, i, true);
    if (t->n_labels) {
      fputs(", \"label\": ", to);
      put_json(to, t->labels[index_of(&e, i)]);
    }
    fputc('}', to);
  }
  fputs(e.rows && e.each ? "]]" : "]", to);
  drop(&e);
  return status;
}
