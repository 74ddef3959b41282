/* kvino run: a model file on arrays. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

typedef struct request {
  const char *model, *out, *device, *weights;
  size_t n, n_texts;
  char **in;
  const char **text; /* given by themselves, for the first input of strings */
} request;

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && !strcmp(text + n - m, end);
}

/* ---- inputs ---- */

/* Of an archive: by the inputs' names where it has those, else in its order. */
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

/* Of an array's file; lines of texts where the input takes strings. */
static kvino_status from_file(const kvino_model *model, size_t i, const char *path, kvino_tensor **out,
                              kvino_error *err) {
  kvino_port port;
  bool strings = !kvino_model_input(model, i, &port, err) && port.dtype == KVINO_STRING;
  if (strings && !ends_with(path, ".npy")) return texts_read(&port, path, out, err);
  return kvino_npy_read(strcmp(path, "-") ? path : "/dev/stdin", out, err);
}

/* The input that the texts of the command line are for. */
static kvino_status from_texts(const kvino_model *model, const request *r, kvino_tensors *in, size_t *at,
                               kvino_error *err) {
  kvino_port port;
  for (*at = 0; *at < kvino_model_input_count(model); ++*at)
    if (!kvino_model_input(model, *at, &port, err) && port.dtype == KVINO_STRING)
      return texts_tensor(&port, r->n_texts, r->text, NULL, &in->v[*at], err);
  snprintf(err->text, sizeof err->text, "%s: no input of the model takes texts", r->model);
  return KVINO_INVALID;
}

static kvino_status read_inputs(const kvino_model *model, const request *r, kvino_tensors *in, kvino_error *err) {
  size_t text = SIZE_MAX;
  kvino_status status = r->n_texts ? from_texts(model, r, in, &text, err) : KVINO_OK;
  if (r->n == 1 && ends_with(r->in[0], ".npz")) return status ? status : from_archive(model, r->in[0], in, err);
  for (size_t i = 0, at = 0; i < r->n && !status; i++, at++) {
    at += at == text;
    status = from_file(model, at, r->in[i], &in->v[at], err);
  }
  return status;
}

/* ---- outputs ---- */

static void print_outputs(const kvino_model *model, const kvino_tensors *out) {
  char shape[TUPLE_TEXT];
  kvino_port port;
  kvino_error err;
  for (size_t i = 0; i < out->n; i++) {
    const kvino_tensor *t = out->v[i];
    if (kvino_model_output(model, i, &port, &err)) continue;
    tuple(kvino_tensor_rank(t), kvino_tensor_shape(t), shape, sizeof shape);
    printf("%s: %s %s\n", port.name, kvino_dtype_name(kvino_tensor_dtype(t)), shape);
  }
}

static kvino_status write_outputs(const kvino_model *model, const char *path, const kvino_tensors *out,
                                  kvino_error *err) {
  if (out->n == 1 && !ends_with(path, ".npz")) return kvino_npy_write(path, out->v[0], err);
  const char **names = calloc(out->n, sizeof *names);
  kvino_status status = KVINO_OK;
  for (size_t i = 0; names && i < out->n && !status; i++) {
    kvino_port port;
    status = kvino_model_output(model, i, &port, err);
    if (!status) names[i] = port.name;
  }
  if (!names) {
    snprintf(err->text, sizeof err->text, "out of memory");
    status = KVINO_NO_MEMORY;
  }
  if (!status) status = kvino_npz_write(path, out->n, names, out->v, err);
  free(names);
  return status;
}

/* ---- the command ---- */

static int work(const command *self, const request *r) {
  kvino_error err = {KVINO_OK, ""};
  kvino_model *model = NULL;
  kvino_model_options options = {.device = r->device, .weights = r->weights};
  kvino_tensors in = {0, NULL}, out = {0, NULL};
  kvino_status status = kvino_model_load(r->model, &options, &model, &err);
  size_t given = r->n + (r->n_texts != 0), wanted = kvino_model_input_count(model);
  in.n = wanted > given ? wanted : given;
  in.v = calloc(in.n + 1, sizeof *in.v);
  if (!in.v) return fail(self, "out of memory");
  if (!status) status = read_inputs(model, r, &in, &err);
  bool archive = r->n == 1 && ends_with(r->in[0], ".npz");
  if (!status) status = kvino_model_run(model, archive ? in.n : given, in.v, &out, &err);
  if (!status && r->out) status = write_outputs(model, r->out, &out, &err);
  if (!status && !r->out) print_outputs(model, &out);
  for (size_t i = 0; i < in.n; i++) kvino_tensor_release(in.v[i]);
  free(in.v);
  kvino_tensors_clear(&out);
  kvino_model_release(model);
  return status ? fail(self, "%s", err.text) : DONE;
}

static int run(const command *self, int argc, char **argv) {
  static const struct option options[] = {
      {"output", required_argument, NULL, 'o'},  {"device", required_argument, NULL, 'd'},
      {"weights", required_argument, NULL, 'w'}, {"text", required_argument, NULL, 't'},
      {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
  request r = {.text = calloc((size_t)argc, sizeof *r.text)};
  if (!r.text) return fail(self, "out of memory");
  for (int c; (c = getopt_long(argc, argv, "o:d:w:t:h", options, NULL)) != -1;) {
    switch (c) {
    case 'o':
      r.out = optarg;
      break;
    case 'd':
      r.device = optarg;
      break;
    case 'w':
      r.weights = optarg;
      break;
    case 't':
      r.text[r.n_texts++] = optarg;
      break;
    case 'h':
      return print_help(self);
    default:
      return misuse(self, NULL);
    }
  }
  if (optind == argc) return misuse(self, "which model file?");
  if (optind + 1 == argc && !r.n_texts) return misuse(self, "which inputs?");
  r.model = argv[optind];
  r.in = argv + optind + 1;
  r.n = (size_t)(argc - optind - 1);
  int code = work(self, &r);
  free(r.text);
  return code;
}

const command run_command = {
    "run",
    "MODEL IN.npy... [-t TEXT]... [-o OUT.npy] [-d DEVICE] [-w WEIGHTS]",
    "Run a model file on arrays.",
    "\n"
    "MODEL is a .keras archive or an HDF5 file (.h5) as Keras saves them. There is one IN.npy for each input, in "
    "their\n"
    "order, or one .npz archive with all of them, by the inputs' names or in their order; - is standard input. "
    "Without\n"
    "-o, the names, dtypes and shapes of the outputs are printed.\n"
    "\n"
    "An input of strings is an array of them, or a file with a text on each line; or the texts are given by -t.\n"
    "\n"
    "Options:\n"
    "  -t, --text TEXT      a text for the first input that takes strings; several make a batch\n"
    "  -o, --output OUT     write the output to OUT.npy, or all outputs by name to OUT.npz\n"
    "  -d, --device DEVICE  CPU (the default), GPU, NPU, AUTO, ... or native: kvino's own kernels\n"
    "  -w, --weights FILE   take the weights from another file: .weights.h5, .weights.json, .keras, .h5; MODEL may "
    "then\n"
    "                       be a configuration as model.to_json gives it\n"
    "  -h, --help           this text\n",
    run,
};
