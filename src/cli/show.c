/* kvino show: what a model file holds. */
#include <getopt.h>
#include <stdio.h>

#include "results.h"

/* ---- JSON ---- */

static void put_port(FILE *to, const kvino_port *port, bool first) {
  fprintf(to, "%s{\"name\": ", first ? "" : ", ");
  put_json(to, port->name);
  fprintf(to, ", \"dtype\": \"%s\", \"shape\": ", kvino_dtype_name(port->dtype));
  put_json_shape(to, port->rank, port->shape);
  fputs("}", to);
}

static kvino_status put_weights(FILE *to, const kvino_model *model, size_t layer, size_t n, kvino_error *err) {
  for (size_t i = 0; i < n; i++) {
    kvino_tensor *t = NULL;
    kvino_port port = {0};
    kvino_status status = kvino_model_weight(model, layer, i, &port.name, &t, err);
    if (status) return status;
    port.dtype = kvino_tensor_dtype(t);
    port.rank = kvino_tensor_rank(t);
    port.shape = kvino_tensor_shape(t);
    put_port(to, &port, !i);
    kvino_tensor_release(t);
  }
  return KVINO_OK;
}

static kvino_status put_model(FILE *to, const kvino_model *model, kvino_error *err) {
  kvino_status status = KVINO_OK;
  kvino_port port;
  kvino_layer layer;
  fputs("{\"inputs\": [", to);
  for (size_t i = 0; !status && i < kvino_model_input_count(model); i++)
    if (!(status = kvino_model_input(model, i, &port, err))) put_port(to, &port, !i);
  fputs("], \"outputs\": [", to);
  for (size_t i = 0; !status && i < kvino_model_output_count(model); i++)
    if (!(status = kvino_model_output(model, i, &port, err))) put_port(to, &port, !i);
  fputs("], \"layers\": [", to);
  for (size_t i = 0; !status && i < kvino_model_layer_count(model); i++) {
    if ((status = kvino_model_layer(model, i, &layer, err))) break;
    fprintf(to, "%s\n  {\"name\": ", i ? "," : "");
    put_json(to, layer.name);
    fputs(", \"class_name\": ", to);
    put_json(to, layer.class_name);
    fputs(", \"path\": ", to);
    put_json(to, layer.path);
    fprintf(to, ", \"trainable\": %s, \"weights\": [", layer.trainable ? "true" : "false");
    status = put_weights(to, model, i, layer.n_weights, err);
    fputs("]}", to);
  }
  fputs("]}\n", to);
  return status;
}

static kvino_status print_json(const kvino_model *model, kvino_error *err) {
  buffer b;
  kvino_status status = buffer_open(&b, err);
  if (!status) status = put_model(b.file, model, err);
  return buffer_close(&b, status, stdout, "standard output", err);
}

/* ---- the picture ---- */

static kvino_status write_picture(kvino_model *model, const char *path, kvino_error *err) {
  char *svg = NULL;
  kvino_status status = kvino_model_draw(model, &svg, err);
  FILE *to = status ? NULL : fopen(path, "w");
  bool good = to && fputs(svg, to) >= 0;
  if (to && fclose(to)) good = false;
  kvino_text_free(svg);
  return status || good ? status : tell(err, KVINO_IO, "%s: cannot be written", path);
}

/* ---- the command ---- */

static int run(const command *self, int argc, char **argv) {
  static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                          {"graph", required_argument, NULL, 'g'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
  const char *picture = NULL;
  bool json = false;
  for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
    if (c != 'j' && c != 'g') return c == 'h' ? print_help(self) : misuse(self, NULL);
    if (c == 'j')
      json = true;
    else
      picture = optarg;
  }
  if (optind + 1 != argc) return misuse(self, "which model file?");
  if (picture && !ends_with(picture, ".svg")) {
    fprintf(stderr, "kvino show: --graph draws .svg files alone, not '%s'\n", picture);
    return misuse(self, NULL);
  }
  kvino_model *model = NULL;
  kvino_error err;
  char *text = NULL;
  kvino_status status = kvino_model_load(argv[optind], NULL, &model, &err);
  if (!status && picture) status = write_picture(model, picture, &err);
  if (!status && json) status = print_json(model, &err);
  if (!status && !json && !picture) status = kvino_model_summary(model, &text, &err);
  if (text) fputs(text, stdout);
  kvino_text_free(text);
  kvino_model_release(model);
  return status ? fail(self, "%s", err.text) : DONE;
}

const command show_command = {
    "show",
    "MODEL [--json] [--graph OUT.svg]",
    "Show a model file's inputs, outputs, layers and weights.",
    "\n"
    "MODEL is a .keras archive or an HDF5 file (.h5) as Keras saves them, a graph of kvino's own (.kvino) or "
    "OpenVINO's\n"
    "IR (.xml).\n"
    "\n"
    "Options:\n"
    "      --json           for programs: inputs, outputs, layers and their weights\n"
    "      --graph OUT.svg  write a picture of the layers and what goes between them\n"
    "  -h, --help           this text\n",
    run,
};
