/* kvino verify: a model's results against stored ones, and where they differ, layer by layer. */
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

typedef struct request {
  const char *model, *device, *inputs, *expected;
  double tolerance;
  FILE *json; /* NULL: lines for people */
} request;

/* A result, and whether it is near enough. */
static bool tell_gap(const request *q, bool first, const char *indent, const char *name, double gap) {
  bool good = gap <= q->tolerance;
  if (!q->json) {
    printf("%s%s %s: %.3g\n", indent, good ? "same     " : "different", name, gap);
    return good;
  }
  fputs(first ? "{\"name\": " : ", {\"name\": ", q->json);
  put_json(q->json, name);
  fprintf(q->json, ", \"same\": %s, \"difference\": ", good ? "true" : "false");
  fprintf(q->json, isinf(gap) ? "Infinity}" : "%.9g}", gap);
  return good;
}

/* The largest difference, relative to the largest value of b or 1; infinite where shapes or NaN differ. */
static kvino_status difference(kvino_tensor *a, kvino_tensor *b, double *out, kvino_error *err) {
  kvino_tensor *wide[2] = {NULL, NULL}, *plain[2] = {NULL, NULL};
  kvino_tensor *const given[2] = {a, b};
  kvino_status status = KVINO_OK;
  *out = INFINITY;
  for (int i = 0; i < 2 && !status; i++) {
    status = kvino_cast(given[i], KVINO_F64, &wide[i], err);
    if (!status) status = kvino_tensor_contiguous(wide[i], &plain[i], err);
  }
  int rank = kvino_tensor_rank(a);
  bool alike = !status && rank == kvino_tensor_rank(b);
  for (int i = 0; alike && i < rank; i++) alike = kvino_tensor_shape(a)[i] == kvino_tensor_shape(b)[i];
  double most = 1, gap = 0;
  for (int64_t i = 0; alike && i < kvino_tensor_size(a); i++) {
    double x = ((const double *)kvino_tensor_data(plain[0]))[i], y = ((const double *)kvino_tensor_data(plain[1]))[i];
    if (isfinite(y)) most = fmax(most, fabs(y));
    if (isnan(x) != isnan(y) || (isinf(y) && x != y)) gap = INFINITY;
    if (isfinite(y) && !isnan(x)) gap = fmax(gap, fabs(x - y));
  }
  if (alike) *out = gap / most;
  for (int i = 0; i < 2; i++) {
    kvino_tensor_release(wide[i]);
    kvino_tensor_release(plain[i]);
  }
  return status;
}

/* ---- outputs ---- */

typedef struct stored {
  char **names;
  kvino_tensors list;
} stored;

static kvino_tensor *find(const stored *s, const char *name, size_t i) {
  for (size_t k = 0; k < s->list.n; k++)
    if (!strcmp(s->names[k], name)) return s->list.v[k];
  return i < s->list.n ? s->list.v[i] : NULL;
}

static kvino_status compare(const request *q, const kvino_model *model, const kvino_tensors *out, const stored *s,
                            bool *same, kvino_error *err) {
  *same = true;
  for (size_t i = 0; i < out->n; i++) {
    kvino_port port;
    double gap;
    kvino_status status = kvino_model_output(model, i, &port, err);
    kvino_tensor *wanted = status ? NULL : find(s, port.name, i);
    if (!status && !wanted) status = tell(err, KVINO_INVALID, "%s: there is no output '%s'", q->expected, port.name);
    if (!status) status = difference(out->v[i], wanted, &gap, err);
    if (status) return status;
    *same &= tell_gap(q, !i, "", port.name, gap);
  }
  return KVINO_OK;
}

/* ---- layers ---- */

/* The names of the layers of the model itself, input layers left out. */
static const char **layer_names(const kvino_model *model, size_t *n) {
  size_t count = kvino_model_layer_count(model);
  const char **names = calloc(count + 1, sizeof *names);
  kvino_layer layer;
  kvino_error err;
  *n = 0;
  for (size_t i = 0; names && i < count; i++) {
    if (kvino_model_layer(model, i, &layer, &err) || !strcmp(layer.class_name, "InputLayer")) continue;
    const char *slash = strchr(layer.path, '/');
    if (!slash || !strchr(slash + 1, '/')) names[(*n)++] = layer.name;
  }
  return names;
}

static kvino_status run_layers(const request *q, const char *device, size_t n, const char **names,
                               const kvino_tensors *in, kvino_tensors *out, kvino_error *err) {
  kvino_model *model = NULL;
  kvino_model_options options = {.device = device, .n_outputs = n, .outputs = names};
  kvino_status status = kvino_model_load(q->model, &options, &model, err);
  if (!status) status = kvino_model_run(model, in->n, in->v, out, err);
  kvino_model_release(model);
  return status;
}

/* Every layer on the device against kvino's own kernels: where the results part, the fault begins; where they never do,
 * the stored results are of other weights or another model. */
static kvino_status show_layers(const request *q, const kvino_model *model, const kvino_tensors *in, kvino_error *err) {
  kvino_tensors here = {0, NULL}, there = {0, NULL};
  size_t n;
  const char **names = layer_names(model, &n);
  if (!names) return tell(err, KVINO_NO_MEMORY, "out of memory");
  kvino_status status = run_layers(q, q->device, n, names, in, &here, err);
  if (!status) status = run_layers(q, "native", n, names, in, &there, err);
  if (!q->json) printf("\nLayers, on %s and by kvino's own kernels:\n", q->device ? q->device : "CPU");
  for (size_t i = 0; !status && i < here.n && i < there.n && i < n; i++) {
    double gap;
    status = difference(here.v[i], there.v[i], &gap, err);
    if (!status) tell_gap(q, !i, "  ", names[i], gap);
  }
  kvino_tensors_clear(&here);
  kvino_tensors_clear(&there);
  free(names);
  return status;
}

/* ---- the command ---- */

static int work(const command *self, const request *q) {
  kvino_model *model = NULL;
  kvino_model_options options = {.device = q->device};
  kvino_tensors in = {0, NULL}, out = {0, NULL};
  stored s = {0};
  kvino_error err;
  bool same = false;
  kvino_status status = kvino_model_load(q->model, &options, &model, &err);
  if (!status) status = kvino_npz_read(q->expected, &s.names, &s.list, &err);
  if (!status) status = read_inputs(model, &(given_inputs){.n = 1, .paths = (char *[]){(char *)q->inputs}}, &in, &err);
  if (!status) status = kvino_model_run(model, in.n, in.v, &out, &err);
  if (!status && q->json) fprintf(q->json, "{\"tolerance\": %.9g, \"outputs\": [", q->tolerance);
  if (!status) status = compare(q, model, &out, &s, &same, &err);
  if (!status && q->json) fprintf(q->json, "], \"same\": %s, \"layers\": [", same ? "true" : "false");
  if (!status && !same) status = show_layers(q, model, &in, &err);
  if (!status && q->json) fputs("]}\n", q->json);
  drop_inputs(&in);
  kvino_tensors_clear(&out);
  kvino_names_free(s.names, s.list.n);
  kvino_tensors_clear(&s.list);
  kvino_model_release(model);
  return status ? fail(self, "%s", err.text) : same ? DONE : FAILED;
}

static int run(const command *self, int argc, char **argv) {
  static const struct option options[] = {{"device", required_argument, NULL, 'd'},
                                          {"tolerance", required_argument, NULL, 't'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
  request q = {.tolerance = 1e-4};
  bool json = false;
  for (int c; (c = getopt_long(argc, argv, "d:t:h", options, NULL)) != -1;) {
    switch (c) {
    case 'd':
      q.device = optarg;
      break;
    case 't':
      if (!read_number(self, "--tolerance", optarg, false, 0, 1e30, &q.tolerance)) return misuse(self, NULL);
      break;
    case 'j':
      json = true;
      break;
    case 'h':
      return print_help(self);
    default:
      return misuse(self, NULL);
    }
  }
  if (optind + 3 != argc) return misuse(self, "which model file, inputs and outputs?");
  q.model = argv[optind];
  q.inputs = argv[optind + 1];
  q.expected = argv[optind + 2];
  char *text = NULL; /* printed when there is all of it */
  size_t n;
  if (json && !(q.json = open_memstream(&text, &n))) return fail(self, "out of memory");
  int code = work(self, &q);
  if (q.json) fclose(q.json);
  if (text && n && text[n - 1] == '\n') fputs(text, stdout);
  free(text);
  return code;
}

const command verify_command = {
    "verify",
    "MODEL IN.npz OUT.npz [-d DEVICE] [-t TOLERANCE] [--json]",
    "Compare a model file's results with stored ones.",
    "\n"
    "IN.npz holds the inputs, OUT.npz the outputs that are expected, by their names or in their order. The exit status "
    "is\n"
    "0 where all differ by at most TOLERANCE of the largest value, else 1; then each layer on the device is compared "
    "with\n"
    "kvino's own kernels.\n"
    "\n"
    "Options:\n"
    "  -d, --device DEVICE        CPU (the default), GPU, ... or native\n"
    "  -t, --tolerance TOLERANCE  1e-4\n"
    "      --json                 for programs: each output, and where they differ each layer, with its difference\n"
    "  -h, --help                 this text\n",
    run,
};
