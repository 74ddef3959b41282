/* kvino convert: a model file as OpenVINO's IR, or as a file of Keras's. */
#include <getopt.h>
#include <string.h>

#include "cli.h"

static kvino_status write_ir(kvino_model *model, const char *path, bool halves, kvino_error *err) {
  kvino_graph *graph = NULL;
  char *notes = NULL;
  kvino_status status = kvino_model_graph(model, &graph, err);
  if (!status) status = kvino_graph_save_ir(graph, path, halves, &notes, err);
  if (!status && *notes) fprintf(stderr, "Not exact as OpenVINO computes it:\n%s", notes);
  kvino_text_free(notes);
  kvino_graph_release(graph);
  return status;
}

static int run(const command *self, int argc, char **argv) {
  static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                          {"weights", required_argument, NULL, 'w'},
                                          {"compress_to_fp16", no_argument, NULL, 'f'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
  const char *out = NULL;
  kvino_model_options choice = {0};
  bool halves = false;
  for (int c; (c = getopt_long(argc, argv, "o:w:h", options, NULL)) != -1;) {
    switch (c) {
    case 'o':
      out = optarg;
      break;
    case 'w':
      choice.weights = optarg;
      break;
    case 'f':
      halves = true;
      break;
    case 'h':
      return print_help(self);
    default:
      return misuse(self, NULL);
    }
  }
  if (optind + 1 != argc) return misuse(self, "which model file?");
  if (!out) return misuse(self, "where to? (-o OUT.xml)");
  bool ir = ends_with(out, ".xml");
  if (halves && !ir) return misuse(self, "--compress_to_fp16 is one of IR (.xml)");
  kvino_model *model = NULL;
  kvino_error err;
  kvino_status status = kvino_model_load(argv[optind], &choice, &model, &err);
  if (!status) status = ir ? write_ir(model, out, halves, &err) : kvino_model_save(model, out, &err);
  kvino_model_release(model);
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
    "Options:\n"
    "  -o, --output OUT         the file to write\n"
    "  -w, --weights FILE       take the weights from another file\n"
    "      --compress_to_fp16   write the IR's float32 weights as float16\n"
    "  -h, --help               this text\n",
    run,
};
