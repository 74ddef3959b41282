/* kvino convert: a model file as OpenVINO's IR, alone or in a server's folder of models, or as a file of Keras's. */
#include <getopt.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* ---- recording, with lengths that are asked for ---- */

static kvino_status record_inputs(kvino_model *model, const char *shapes, int64_t batch, recorded_model *m,
                                  kvino_tensor **in, kvino_error *err) {
  kvino_status status = KVINO_OK;
  for (size_t i = 0; i < m->n_in && !status; i++) {
    kvino_port *port = &m->in[i].port;
    int64_t *shape = m->in[i].shape;
    if ((status = kvino_model_input(model, i, port, err))) break;
    if ((status = input_shape(port, shapes, batch, shape, err))) break;
    port->shape = shape;
    status = kvino_graph_parameter(m->graph, port->dtype, port->rank, shape, port->name, &in[i], err);
  }
  return status;
}

static kvino_status record_outputs(kvino_model *model, const kvino_tensors *out, recorded_model *m, kvino_error *err) {
  kvino_status status = KVINO_OK;
  for (size_t i = 0; i < m->n_out && !status; i++) {
    kvino_port *port = &m->out[i].port;
    if ((status = kvino_model_output(model, i, port, err))) break;
    port->dtype = kvino_tensor_dtype(out->v[i]);
    port->rank = kvino_tensor_rank(out->v[i]);
    memcpy(m->out[i].shape, kvino_tensor_shape(out->v[i]), (size_t)port->rank * sizeof *m->out[i].shape);
    port->shape = m->out[i].shape;
    status = kvino_graph_result(m->graph, out->v[i], port->name, err);
  }
  return status;
}

static void drop_recorded(recorded_model *m) {
  kvino_graph_release(m->graph);
  free(m->in);
  free(m->out);
}

static kvino_status record(kvino_model *model, const char *shapes, int64_t batch, recorded_model *m, kvino_error *err) {
  *m = (recorded_model){.n_in = kvino_model_input_count(model), .n_out = kvino_model_output_count(model)};
  m->in = calloc(m->n_in + 1, sizeof *m->in);
  m->out = calloc(m->n_out + 1, sizeof *m->out);
  kvino_tensors in = {m->n_in, calloc(m->n_in + 1, sizeof *in.v)}, out = {0, NULL};
  kvino_status status = m->in && m->out && in.v ? KVINO_OK : tell(err, KVINO_NO_MEMORY, "out of memory for a graph");
  if (!status) status = kvino_graph_new(&m->graph, err);
  if (!status) status = record_inputs(model, shapes, batch, m, in.v, err);
  if (!status) status = kvino_model_call(model, in.n, in.v, &out, err);
  if (!status) status = record_outputs(model, &out, m, err);
  kvino_tensors_clear(&out);
  drop_inputs(&in);
  return status;
}

/* Whether the first axis of every output is that of the inputs: it follows another batch. */
static kvino_status check_batch(kvino_model *model, const char *shapes, int64_t batch, const recorded_model *m,
                                kvino_error *err) {
  recorded_model other;
  kvino_status status = record(model, shapes, batch + 1, &other, err);
  for (size_t i = 0; i < m->n_out && !status; i++) {
    const kvino_port *a = &m->out[i].port, *b = &other.out[i].port;
    if (!a->rank || a->shape[0] != batch || b->shape[0] != batch + 1)
      status = tell(err, KVINO_INVALID, "output '%s': its first axis is not that of a batch; convert without --batch",
                    a->name);
  }
  drop_recorded(&other);
  return status;
}

/* ---- writing ---- */

kvino_status write_ir(kvino_graph *graph, const char *path, bool halves, kvino_error *err) {
  char *notes = NULL;
  kvino_status status = kvino_graph_save_ir(graph, path, halves, &notes, err);
  if (!status && *notes) fprintf(stderr, "Not exact as OpenVINO computes it:\n%s", notes);
  kvino_text_free(notes);
  return status;
}

static kvino_status write_recorded(kvino_model *model, const char *shapes, const repository *r, kvino_error *err) {
  recorded_model m;
  kvino_status status = record(model, shapes, r->batch, &m, err);
  bool served = r->ovms || r->triton;
  if (!status && r->triton && r->batch) status = check_batch(model, shapes, r->batch, &m, err);
  if (!status) status = served ? write_repository(&m, r, err) : write_ir(m.graph, r->path, r->halves, err);
  drop_recorded(&m);
  return status;
}

/* ---- the command ---- */

typedef struct request {
  repository to;
  kvino_model_options choice;
  const char *shapes;
} request;

/* DONE, or why not; -1: to go on. */
static int read_options(const command *self, int argc, char **argv, request *r) {
  static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                          {"weights", required_argument, NULL, 'w'},
                                          {"shape", required_argument, NULL, 's'},
                                          {"batch", required_argument, NULL, 'b'},
                                          {"compress_to_fp16", no_argument, NULL, 'f'},
                                          {"ovms", no_argument, NULL, 'O'},
                                          {"triton", no_argument, NULL, 'T'},
                                          {"name", required_argument, NULL, 'n'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
  for (int c; (c = getopt_long(argc, argv, "o:w:b:h", options, NULL)) != -1;) {
    long long batch;
    switch (c) {
    case 'o':
      r->to.path = optarg;
      break;
    case 'w':
      r->choice.weights = optarg;
      break;
    case 's':
      r->shapes = optarg;
      break;
    case 'b':
      if (!read_count(self, "--batch", optarg, 1, &batch)) return misuse(self, NULL);
      r->to.batch = batch;
      break;
    case 'f':
      r->to.halves = true;
      break;
    case 'O':
      r->to.ovms = true;
      break;
    case 'T':
      r->to.triton = true;
      break;
    case 'n':
      r->to.name = optarg;
      break;
    case 'h':
      return print_help(self);
    default:
      return misuse(self, NULL);
    }
  }
  bool served = r->to.ovms || r->to.triton;
  if (optind + 1 != argc) return misuse(self, "which model file?");
  if (!r->to.path) return misuse(self, "where to? (-o OUT.xml)");
  if (r->to.name && !served) return misuse(self, "--name is one of --ovms and --triton");
  if (!served && !has_kind(r->to.path, (const char *const[]){".xml", ".keras", ".h5", ".kvino", NULL})) {
    fprintf(stderr, "kvino convert: -o writes .xml, .keras, .h5, .weights.h5 or .kvino, not '%s'\n", r->to.path);
    return misuse(self, NULL);
  }
  if (!served && !ends_with(r->to.path, ".xml") && (r->to.halves || r->shapes || r->to.batch))
    return misuse(self, "--compress_to_fp16, --shape and -b are of IR (.xml)");
  return -1;
}

/* "models/mlp.keras" -> "mlp" */
static char *name_of(const char *path) {
  char *copy = strdup(path), *name = copy ? strdup(basename(copy)) : NULL;
  free(copy);
  if (name && strrchr(name, '.')) *strrchr(name, '.') = 0;
  return name;
}

static int run(const command *self, int argc, char **argv) {
  request r = {0};
  int code = read_options(self, argc, argv, &r);
  if (code >= 0) return code;
  const char *path = argv[optind];
  bool recorded = r.to.ovms || r.to.triton || ends_with(r.to.path, ".xml");
  char *name = name_of(path);
  if (!r.to.name) r.to.name = name ? name : "";
  kvino_model *model = NULL;
  kvino_error err;
  kvino_status status = kvino_model_load(path, &r.choice, &model, &err);
  if (!status)
    status = recorded ? write_recorded(model, r.shapes, &r.to, &err) : kvino_model_save(model, r.to.path, &err);
  kvino_model_release(model);
  free(name);
  return status ? fail(self, "%s", err.text) : DONE;
}

const command convert_command = {
    "convert",
    "MODEL -o OUT.xml",
    "Write a model file as OpenVINO's IR, or as a file of Keras's.",
    "\n"
    "OUT.xml is OpenVINO's IR, with its weights beside it in OUT.bin; what OpenVINO computes less exactly than kvino "
    "is\n"
    "told on standard error. OUT.keras, OUT.weights.h5, ... are written as Keras reads them.\n"
    "\n"
    "With --ovms or --triton, OUT is a folder of models: the IR becomes OUT/NAME/VERSION/model.xml, VERSION one more\n"
    "than those that are there, and the server's configuration is written or gets one more model. The new folder is\n"
    "printed.\n"
    "\n"
    "Options:\n"
    "  -o, --output OUT         the file to write\n"
    "  -w, --weights FILE       take the weights from another file\n"
    "      --shape SHAPES       lengths of the inputs: [1,224,224,3], or x[?,8],y[1]; ? leaves one open\n"
    "  -b, --batch N            the first length of every input; with --triton, as far as requests are gathered\n"
    "      --compress_to_fp16   write the IR's float32 weights as float16\n"
    "      --ovms               for OpenVINO Model Server, with config.json\n"
    "      --triton             for Triton's OpenVINO backend, with config.pbtxt\n"
    "      --name NAME          the model's name there; by default that of the file\n"
    "  -h, --help               this text\n",
    run,
};
