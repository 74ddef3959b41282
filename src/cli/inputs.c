/* Inputs of a model: from files, or drawn. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static kvino_status begin(const kvino_model *model, size_t least, kvino_tensors *in, kvino_error *err) {
  size_t n = kvino_model_input_count(model);
  in->n = n > least ? n : least;
  in->v = calloc(in->n + 1, sizeof *in->v);
  return in->v ? KVINO_OK : tell(err, KVINO_NO_MEMORY, "out of memory");
}

void drop_inputs(kvino_tensors *in) {
  for (size_t i = 0; i < in->n && in->v; i++) kvino_tensor_release(in->v[i]);
  free(in->v);
  *in = (kvino_tensors){0, NULL};
}

/* ---- files ---- */

static kvino_status from_archive(const kvino_model *model, const char *path, kvino_tensors *in, kvino_error *err) {
  char **names = NULL;
  kvino_tensors list = {0, NULL};
  kvino_status status = kvino_npz_read(path, &names, &list, err);
  if (status) return status;
  size_t n = kvino_model_input_count(model);
  for (size_t i = 0; i < n && i < in->n; i++) {
    kvino_port port;
    size_t at = i;
    if (!kvino_model_input(model, i, &port, err))
      for (size_t k = 0; k < list.n; k++)
        if (!strcmp(names[k], port.name)) at = k;
    if (at < list.n && !in->v[i]) in->v[i] = kvino_tensor_retain(list.v[at]);
  }
  kvino_names_free(names, list.n);
  kvino_tensors_clear(&list);
  return KVINO_OK;
}

/* By the file's name and what the input takes: an array, numbers in lines, a picture, texts in lines. */
static kvino_status from_file(const kvino_model *model, const given_inputs *given, size_t i, const char *path,
                              kvino_tensor **out, kvino_error *err) {
  kvino_port port;
  kvino_status status = kvino_model_input(model, i, &port, err);
  if (status)
    return tell(err, KVINO_INVALID, "the model takes %zu inputs, not %zu", kvino_model_input_count(model), i + 1);
  if (ends_with(path, ".npy")) return kvino_npy_read(path, out, err);
  if (port.dtype == KVINO_STRING) return texts_read(&port, path, out, err);
  if (ends_with(path, ".csv")) return csv_read(&port, path, out, err);
  if (is_image(path)) return image_read(&port, path, given->image, out, err);
  return kvino_npy_read(strcmp(path, "-") ? path : "/dev/stdin", out, err);
}

/* Several pictures for the only input: a batch. */
static bool are_batch(const kvino_model *model, const given_inputs *given) {
  bool all = kvino_model_input_count(model) == 1 && given->n > 1 && !given->n_texts;
  for (size_t i = 0; i < given->n && all; i++) all = is_image(given->paths[i]);
  return all;
}

static kvino_status from_pictures(const kvino_model *model, const given_inputs *given, kvino_tensors *in,
                                  kvino_error *err) {
  kvino_port port;
  kvino_status status = kvino_model_input(model, 0, &port, err);
  if (!status) status = images_read(&port, given->n, given->paths, given->image, &in->v[0], err);
  in->n = 1;
  return status;
}

/* The input that the texts of the command line are for. */
static kvino_status from_texts(const kvino_model *model, const given_inputs *given, kvino_tensors *in, size_t *at,
                               kvino_error *err) {
  kvino_port port;
  for (*at = 0; *at < kvino_model_input_count(model); ++*at)
    if (!kvino_model_input(model, *at, &port, err) && port.dtype == KVINO_STRING)
      return texts_tensor(&port, given->n_texts, given->texts, NULL, &in->v[*at], err);
  return tell(err, KVINO_INVALID, "no input of the model takes texts");
}

kvino_status read_inputs(const kvino_model *model, const given_inputs *given, kvino_tensors *in, kvino_error *err) {
  size_t n = given->n + (given->n_texts != 0), text = SIZE_MAX;
  kvino_status status = begin(model, n, in, err);
  if (!status && given->n_texts) status = from_texts(model, given, in, &text, err);
  if (status) return status;
  if (given->n == 1 && ends_with(given->paths[0], ".npz")) return from_archive(model, given->paths[0], in, err);
  if (are_batch(model, given)) return from_pictures(model, given, in, err);
  for (size_t i = 0, at = 0; i < given->n && !status; i++, at++) {
    at += at == text;
    status = from_file(model, given, at, given->paths[i], &in->v[at], err);
  }
  in->n = n;
  return status;
}

/* ---- drawn ---- */

static uint32_t draw(uint32_t *state) { return *state = *state * 1664525u + 1013904223u; }

static kvino_status draw_one(const kvino_port *port, const int64_t *shape, kvino_tensor **out, kvino_error *err) {
  kvino_tensor *floats = NULL;
  bool real = kvino_dtype_is_float(port->dtype);
  int64_t n = 1;
  for (int i = 0; i < port->rank; i++)
    if (shape[i] < 0 || __builtin_mul_overflow(n, shape[i], &n) || n > INT64_MAX / 8)
      return tell(err, KVINO_INVALID, "input '%s': a shape that cannot be", port->name);
  if (port->dtype == KVINO_STRING) return tell(err, KVINO_INVALID, "input '%s' takes texts, not numbers", port->name);
  if (!real) {
    void *zeros = calloc((size_t)n + 1, kvino_dtype_size(port->dtype));
    kvino_status status = zeros ? kvino_tensor_new(port->dtype, port->rank, shape, zeros, out, err)
                                : tell(err, KVINO_NO_MEMORY, "out of memory for input '%s'", port->name);
    free(zeros);
    return status;
  }
  float *values = malloc(((size_t)n + 1) * sizeof *values);
  uint32_t state = 1;
  if (!values) return tell(err, KVINO_NO_MEMORY, "out of memory for input '%s'", port->name);
  for (int64_t i = 0; i < n; i++) values[i] = (float)(draw(&state) >> 8) / (float)(1 << 24);
  kvino_status status = kvino_tensor_new(KVINO_F32, port->rank, shape, values, &floats, err);
  free(values);
  if (!status && port->dtype == KVINO_F32) return *out = floats, KVINO_OK;
  if (!status) status = kvino_cast(floats, port->dtype, out, err);
  kvino_tensor_release(floats);
  return status;
}

/* The shape behind the input's name in "x[?,8],y[1]", or the text "[?,8]" alone; false where there is none for it. */
static bool find_shape(const char *shapes, const char *name, int rank, int64_t *out) {
  size_t n = strlen(name);
  for (const char *at = shapes; at && *at;) {
    const char *open = strchr(at, '[');
    if (!open) return false;
    bool ours = open == at || ((size_t)(open - at) == n && !strncmp(at, name, n));
    char *end = (char *)open + 1;
    for (int i = 0; ours && i < rank; i++) {
      char *from = end;
      out[i] = *from == '?' ? (end++, -1) : strtoll(from, &end, 10);
      if (end == from || out[i] < -1) return false;
      if (*end == ',') end++;
    }
    if (ours) return *end == ']';
    at = strchr(open, ']');
    if (at) at += at[1] == ',' ? 2 : 1;
  }
  return false;
}

kvino_status input_shape(const kvino_port *port, const char *shapes, int64_t batch, int64_t *out, kvino_error *err) {
  for (int i = 0; i < port->rank; i++) out[i] = -1;
  if (shapes && !find_shape(shapes, port->name, port->rank, out))
    return tell(err, KVINO_INVALID, "-shape %s: no shape of %d lengths for input '%s'", shapes, port->rank, port->name);
  if (batch && port->rank) out[0] = batch;
  for (int i = 0; i < port->rank; i++) {
    if (out[i] < 0) out[i] = port->shape[i];
    if (port->shape[i] >= 0 && out[i] != port->shape[i])
      return tell(err, KVINO_INVALID, "input '%s': axis %d has length %lld, not %lld", port->name, i,
                  (long long)port->shape[i], (long long)out[i]);
  }
  return KVINO_OK;
}

kvino_status draw_inputs(const kvino_model *model, const char *shapes, int64_t batch, kvino_tensors *in,
                         kvino_error *err) {
  kvino_status status = begin(model, 0, in, err);
  for (size_t i = 0; i < in->n && !status; i++) {
    int64_t shape[KVINO_MAX_RANK];
    kvino_port port;
    if ((status = kvino_model_input(model, i, &port, err))) break;
    if ((status = input_shape(&port, shapes, batch, shape, err))) break;
    for (int k = 0; k < port.rank; k++) shape[k] = shape[k] < 0 ? 1 : shape[k];
    status = draw_one(&port, shape, &in->v[i], err);
  }
  return status;
}
