/* What a command writes of arrays: files, standard output. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "results.h"

kvino_status write_array(const char *path, const kvino_tensor *t, kvino_error *err) {
  if (strcmp(path, "-")) return kvino_npy_write(path, t, err);
  fflush(stdout);
  return kvino_npy_write_fd(STDOUT_FILENO, t, err);
}

/* ---- single values ---- */

/* The shortest text that is read as the same number again. */
static void put_real(FILE *to, double x, bool single, bool json) {
  char text[40];
  if (!isfinite(x)) { /* JSON has no word for these; Python's, and JavaScript's, are taken */
    const char *nan = json ? "NaN" : "nan", *infinite = json ? "Infinity" : "inf";
    fprintf(to, "%s%s", x < 0 ? "-" : "", isnan(x) ? nan : infinite);
    return;
  }
  for (int digits = single ? 6 : 15; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, x);
    double back = strtod(text, NULL);
    if (single ? (float)back == (float)x : back == x) break;
  }
  fputs(text, to);
}

static void put_text(FILE *to, const kvino_string *text, bool json) {
  if (json) {
    put_json_text(to, text->at, text->n);
    return;
  }
  fputc('"', to);
  for (size_t i = 0; i < text->n; i++) fprintf(to, text->at[i] == '"' ? "\"\"" : "%c", text->at[i]);
  fputc('"', to);
}

static void put_complex(FILE *to, const double *x, bool single, bool json) {
  fputs(json ? "[" : "", to);
  put_real(to, x[0], single, json);
  fputs(json ? ", " : signbit(x[1]) || isnan(x[1]) ? "" : "+", to);
  put_real(to, x[1], single, json);
  fputs(json ? "]" : "j", to);
}

kvino_status values_take(kvino_tensor *t, values *v, kvino_error *err) {
  kvino_dtype d = kvino_tensor_dtype(t);
  kvino_tensor *wide = NULL;
  *v = (values){.single = d != KVINO_F64 && d != KVINO_C128};
  v->dtype = kvino_dtype_is_float(d)                                  ? KVINO_F64
             : kvino_dtype_is_complex(d)                              ? KVINO_C128
             : d == KVINO_STRING || d == KVINO_BOOL || d == KVINO_U64 ? d
                                                                      : KVINO_I64;
  if (v->dtype == d) return kvino_tensor_contiguous(t, &v->t, err);
  kvino_status status = kvino_cast(t, v->dtype, &wide, err);
  if (!status) status = kvino_tensor_contiguous(wide, &v->t, err);
  kvino_tensor_release(wide);
  return status;
}

void values_put(FILE *to, const values *v, int64_t i, bool json) {
  const void *data = kvino_tensor_data(v->t);
  switch (v->dtype) {
  case KVINO_F64:
    put_real(to, ((const double *)data)[i], v->single, json);
    break;
  case KVINO_C128:
    put_complex(to, (const double *)data + 2 * i, v->single, json);
    break;
  case KVINO_STRING:
    put_text(to, (const kvino_string *)data + i, json);
    break;
  case KVINO_BOOL:
    fputs(((const bool *)data)[i] ? json ? "true" : "1" : json ? "false" : "0", to);
    break;
  case KVINO_U64:
    fprintf(to, "%llu", (unsigned long long)((const uint64_t *)data)[i]);
    break;
  default:
    fprintf(to, "%lld", (long long)((const int64_t *)data)[i]);
  }
}

/* ---- JSON ---- */

/* What stands along `axis` and those behind it, from element *at on. */
static void put_nested(FILE *to, const values *v, int axis, int64_t *at) {
  if (axis == kvino_tensor_rank(v->t)) {
    values_put(to, v, (*at)++, true);
    return;
  }
  fputc('[', to);
  for (int64_t i = 0; i < kvino_tensor_shape(v->t)[axis]; i++) {
    if (i) fputs(", ", to);
    put_nested(to, v, axis + 1, at);
  }
  fputc(']', to);
}

static kvino_status put_tensor(FILE *to, kvino_tensor *t, kvino_error *err) {
  values v = {0};
  int64_t at = 0;
  kvino_status status = values_take(t, &v, err);
  if (!status) put_nested(to, &v, 0, &at);
  kvino_tensor_release(v.t);
  return status;
}

static kvino_status put_outputs(FILE *to, const kvino_model *model, const kvino_tensors *out, put_output *put,
                                void *context, kvino_error *err) {
  kvino_status status = KVINO_OK;
  fputs("{\"outputs\": [", to);
  for (size_t i = 0; i < out->n && !status; i++) {
    kvino_port port;
    if ((status = kvino_model_output(model, i, &port, err))) break;
    fputs(i ? ",\n  {\"name\": " : "\n  {\"name\": ", to);
    put_json(to, port.name ? port.name : "");
    fprintf(to, ", \"dtype\": \"%s\", \"shape\": ", kvino_dtype_name(kvino_tensor_dtype(out->v[i])));
    put_json_shape(to, kvino_tensor_rank(out->v[i]), kvino_tensor_shape(out->v[i]));
    status = put(context, to, &port, out->v[i], err);
    fputc('}', to);
  }
  fputs("]}\n", to);
  return status;
}

kvino_status buffer_open(buffer *b, kvino_error *err) {
  *b = (buffer){0};
  b->file = open_memstream(&b->text, &b->n);
  return b->file ? KVINO_OK : tell(err, KVINO_NO_MEMORY, "out of memory");
}

kvino_status buffer_close(buffer *b, kvino_status status, FILE *to, const char *name, kvino_error *err) {
  if (b->file && fclose(b->file) && !status) status = tell(err, KVINO_NO_MEMORY, "out of memory");
  if (!status && (fwrite(b->text, 1, b->n, to) != b->n || fflush(to)))
    status = tell(err, KVINO_IO, "%s: %s", name, strerror(errno));
  free(b->text);
  return status;
}

kvino_status print_outputs(const kvino_model *model, const kvino_tensors *out, put_output *put, void *context,
                           kvino_error *err) {
  buffer b;
  kvino_status status = buffer_open(&b, err);
  if (!status) status = put_outputs(b.file, model, out, put, context, err);
  return buffer_close(&b, status, stdout, "standard output", err);
}

kvino_status put_values(void *context, FILE *to, const kvino_port *port, kvino_tensor *t, kvino_error *err) {
  (void)context;
  (void)port;
  fputs(", \"values\": ", to);
  return put_tensor(to, t, err);
}

/* ---- CSV ---- */

/* A line for each entry of the first axis, with all that belongs to it. */
static kvino_status put_rows(FILE *to, kvino_tensor *t, kvino_error *err) {
  values v = {0};
  kvino_status status = values_take(t, &v, err);
  int64_t rows = !status && kvino_tensor_rank(t) ? kvino_tensor_shape(t)[0] : 1;
  int64_t columns = rows ? kvino_tensor_size(t) / rows : 0;
  for (int64_t i = 0; i < rows && !status; i++)
    for (int64_t k = 0; k < columns; k++) {
      values_put(to, &v, i * columns + k, false);
      fputs(k + 1 < columns ? "," : "\r\n", to);
    }
  kvino_tensor_release(v.t);
  return status;
}

/* ---- files ---- */

static kvino_status write_archive(const kvino_model *model, const char *path, const kvino_tensors *out,
                                  kvino_error *err) {
  const char **names = calloc(out->n + 1, sizeof *names);
  kvino_status status = names ? KVINO_OK : tell(err, KVINO_NO_MEMORY, "out of memory");
  for (size_t i = 0; i < out->n && !status; i++) {
    kvino_port port;
    status = kvino_model_output(model, i, &port, err);
    if (!status) names[i] = port.name;
  }
  if (!status) status = kvino_npz_write(path, out->n, names, out->v, err);
  free(names);
  return status;
}

static kvino_status write_text(const kvino_model *model, const char *path, const kvino_tensors *out, kvino_error *err) {
  buffer b;
  kvino_status status = buffer_open(&b, err);
  if (!status)
    status = ends_with(path, ".csv") ? put_rows(b.file, out->v[0], err)
                                     : put_outputs(b.file, model, out, put_values, NULL, err);
  FILE *to = status ? NULL : fopen(path, "w");
  if (!status && !to) status = tell(err, KVINO_IO, "%s: %s", path, strerror(errno));
  status = buffer_close(&b, status, to, path, err);
  if (to && fclose(to) && !status) status = tell(err, KVINO_IO, "%s: %s", path, strerror(errno));
  return status;
}

kvino_status check_output_path(const kvino_model *model, const char *path, kvino_error *err) {
  size_t n = kvino_model_output_count(model);
  if (n == 1 || ends_with(path, ".npz") || ends_with(path, ".json")) return KVINO_OK;
  return tell(err, KVINO_INVALID, "the model has %zu outputs, which %s cannot hold: -o OUT.npz (or OUT.json) can", n,
              strcmp(path, "-") ? path : "standard output");
}

kvino_status write_outputs(const kvino_model *model, const char *path, const kvino_tensors *out, kvino_error *err) {
  if (ends_with(path, ".npz")) return write_archive(model, path, out, err);
  if (ends_with(path, ".csv") || ends_with(path, ".json")) return write_text(model, path, out, err);
  return write_array(path, out->v[0], err);
}
