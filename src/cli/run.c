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
  given_inputs given = {r->n, r->n_texts, r->in, r->text};
  if (!status) status = read_inputs(model, &given, &in, &err);
  if (!status) status = kvino_model_run(model, in.n, in.v, &out, &err);
  if (!status && r->out) status = write_outputs(model, r->out, &out, &err);
  if (!status && !r->out) print_outputs(model, &out);
  drop_inputs(&in);
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
    "MODEL is a .keras archive or an HDF5 file (.h5) as Keras saves them, a graph of kvino's own (.kvino) or "
    "OpenVINO's\n"
    "IR (.xml). There is one IN.npy for each input, in their order, or one .npz archive with all of them, by the "
    "inputs' names or in their order; - is standard input. "
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
