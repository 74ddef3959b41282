/* kvino run: a model file on arrays, tables, pictures or texts. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results.h"

typedef struct request {
  const char *model, *out, *device, *weights, *labels;
  size_t n, n_texts;
  char **in;
  const char **text; /* given by themselves, for the first input of strings */
  image_options image;
  top top;
  bool json, pictures; /* pictures: an option of theirs was given */
} request;

static void print_shapes(const kvino_model *model, const kvino_tensors *out) {
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

static kvino_status print(request *r, const kvino_model *model, const kvino_tensors *out, kvino_error *err) {
  if (r->json) return print_outputs(model, out, r->top.count ? top_put : put_values, &r->top, err);
  if (r->top.count) return top_print(&r->top, model, out, err);
  if (!r->out) print_shapes(model, out);
  return KVINO_OK;
}

static int work(const command *self, request *r) {
  kvino_error err = {KVINO_OK, ""};
  kvino_model *model = NULL;
  kvino_model_options options = {.device = r->device, .weights = r->weights};
  kvino_tensors in = {0, NULL}, out = {0, NULL};
  kvino_status status = r->labels ? top_read_labels(&r->top, r->labels, &err) : KVINO_OK;
  if (!status) status = kvino_model_load(r->model, &options, &model, &err);
  if (!status && r->out) status = check_output_path(model, r->out, &err);
  given_inputs given = {r->n, r->n_texts, r->in, r->text, &r->image};
  if (!status) status = read_inputs(model, &given, &in, &err);
  if (!status) status = kvino_model_run(model, in.n, in.v, &out, &err);
  if (!status && r->out) status = write_outputs(model, r->out, &out, &err);
  if (!status) status = print(r, model, &out, &err);
  drop_inputs(&in);
  kvino_tensors_clear(&out);
  kvino_model_release(model);
  top_clear(&r->top);
  return status ? fail(self, "%s", err.text) : DONE;
}

/* What does not go together. -1: nothing. */
static int check(const command *self, const request *r) {
  if (r->out && !strcmp(r->out, "-") && (r->json || r->top.count))
    return misuse(self, "-o - writes to standard output, where --json and --top print: one of them");
  if (r->out && !has_kind(r->out, (const char *const[]){".npy", ".npz", ".csv", ".json", NULL})) {
    fprintf(stderr, "kvino run: -o writes .npy, .npz, .csv or .json, not '%s'\n", r->out);
    return misuse(self, NULL);
  }
  if (r->labels && !r->top.count) return misuse(self, "--labels is of --top");
  bool any = false;
  for (size_t i = 0; i < r->n; i++) any |= is_image(r->in[i]);
  if (r->pictures && !any) return misuse(self, "--resize, --mean and --scale are of pictures (.png, .jpg, .jpeg)");
  return -1;
}

/* -1 to go on. */
static int read_options(const command *self, int argc, char **argv, request *r) {
  enum { TOP = 256, LABELS, RESIZE, MEAN, SCALE, JSON };
  static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                          {"device", required_argument, NULL, 'd'},
                                          {"weights", required_argument, NULL, 'w'},
                                          {"text", required_argument, NULL, 't'},
                                          {"top", required_argument, NULL, TOP},
                                          {"labels", required_argument, NULL, LABELS},
                                          {"resize", required_argument, NULL, RESIZE},
                                          {"mean", required_argument, NULL, MEAN},
                                          {"scale", required_argument, NULL, SCALE},
                                          {"json", no_argument, NULL, JSON},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
  long long count = 0;
  for (int c; (c = getopt_long(argc, argv, "o:d:w:t:h", options, NULL)) != -1;) {
    bool good = true;
    switch (c) {
    case 'o':
      r->out = optarg;
      break;
    case 'd':
      r->device = optarg;
      break;
    case 'w':
      r->weights = optarg;
      break;
    case 't':
      r->text[r->n_texts++] = optarg;
      break;
    case TOP:
      good = read_count(self, "--top", optarg, 1, &count);
      r->top.count = count;
      break;
    case LABELS:
      r->labels = optarg;
      break;
    case RESIZE:
      good = read_size(self, optarg, &r->image);
      break;
    case MEAN:
      good = read_channels(self, "--mean", optarg, -1e30, &r->image.mean);
      break;
    case SCALE:
      good = read_channels(self, "--scale", optarg, 1e-30, &r->image.scale);
      break;
    case JSON:
      r->json = true;
      break;
    case 'h':
      return print_help(self);
    default:
      return misuse(self, NULL);
    }
    if (!good) return misuse(self, NULL);
    r->pictures |= c == RESIZE || c == MEAN || c == SCALE;
  }
  if (optind == argc) return misuse(self, "which model file?");
  if (optind + 1 == argc && !r->n_texts) return misuse(self, "which inputs?");
  r->model = argv[optind];
  r->in = argv + optind + 1;
  r->n = (size_t)(argc - optind - 1);
  return check(self, r);
}

static int run(const command *self, int argc, char **argv) {
  request r = {.text = calloc((size_t)argc, sizeof *r.text)};
  if (!r.text) return fail(self, "out of memory");
  int code = read_options(self, argc, argv, &r);
  if (code < 0) code = work(self, &r);
  free(r.text);
  return code;
}

const command run_command = {
    "run",
    "MODEL IN... [-t TEXT]... [-o OUT] [--top K] [-d DEVICE] [-w WEIGHTS]",
    "Run a model file on arrays, tables, pictures or texts.",
    "\n"
    "MODEL is a .keras archive or an HDF5 file (.h5) as Keras saves them, a graph of kvino's own (.kvino) or\n"
    "OpenVINO's IR (.xml). There is one IN for each input, in their order, or one .npz archive with all of them, by\n"
    "the inputs' names or in their order:\n"
    "\n"
    "  .npy               an array; - is one on standard input\n"
    "  .csv               numbers (RFC 4180), a sample on each line; the first line may have names\n"
    "  .png, .jpg, .jpeg  a picture: channels and size become the input's. Where the model has one input, several are\n"
    "                     a batch\n"
    "  others             of an input of strings: a text on each line; or the texts are given by -t\n"
    "\n"
    "Without -o, the names, dtypes and shapes of the outputs are printed.\n"
    "\n"
    "Options:\n"
    "  -t, --text TEXT      a text for the first input that takes strings; several make a batch\n"
    "  -o, --output OUT     write the output to OUT.npy (- is the same on standard output) or OUT.csv, a line for "
    "each\n"
    "                       sample; or all outputs by name to OUT.npz or OUT.json\n"
    "      --json           for programs: print names, dtypes, shapes and values (with --top, those entries)\n"
    "      --top K          print the K greatest entries of each row, with index and value\n"
    "      --labels FILE    their labels, too: FILE has one on each line\n"
    "      --resize SIZE    pictures' size: HEIGHTxWIDTH, or one length of both; none refuses those of another size.\n"
    "                       By default it is the input's. Bilinear\n"
    "      --mean M         what is subtracted from pictures' values, 0 to 255: one number, or R,G,B\n"
    "      --scale S        what they are then divided by\n"
    "  -d, --device DEVICE  CPU (the default), GPU, NPU, AUTO, ... or native: kvino's own kernels\n"
    "  -w, --weights FILE   take the weights from another file: .weights.h5, .weights.json, .keras, .h5; MODEL may\n"
    "                       then be a configuration as model.to_json gives it\n"
    "  -h, --help           this text\n",
    run,
};
