/* kvino profile: what each layer of a model takes. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static kvino_status put(kvino_profile *p, const char *html, kvino_error *err) {
  char *text = NULL;
  kvino_status status = html ? kvino_profile_html(p, &text, err) : kvino_profile_text(p, &text, err);
  FILE *to = status ? NULL : html ? fopen(html, "w") : stdout;
  if (!status && !to) status = tell(err, KVINO_IO, "%s: cannot be written", html);
  if (to) fputs(text, to);
  if (to && html && (ferror(to) || fclose(to))) status = tell(err, KVINO_IO, "%s: cannot be written", html);
  kvino_text_free(text);
  return status;
}

kvino_status print_profile(kvino_model *model, const char *device, const kvino_tensors *in, size_t runs,
                           const char *html, kvino_error *err) {
  static const kvino_property profiling = {"profiling", "yes"};
  kvino_graph *graph = NULL;
  kvino_executable *executable = NULL;
  kvino_profile *profile = NULL;
  bool native = device && !strcmp(device, "native");
  kvino_status status = kvino_model_graph(model, &graph, err);
  if (!status) status = kvino_compile(graph, device, native ? 0 : 1, &profiling, &executable, err);
  if (!status) status = kvino_executable_profile(executable, in->n, in->v, runs, &profile, err);
  if (!status) status = put(profile, html, err);
  kvino_profile_free(profile);
  kvino_executable_release(executable);
  kvino_graph_release(graph);
  return status;
}

static int run(const command *self, int argc, char **argv) {
  static const struct option options[] = {
      {"device", required_argument, NULL, 'd'}, {"shape", required_argument, NULL, 's'},
      {"runs", required_argument, NULL, 'n'},   {"html", required_argument, NULL, 'p'},
      {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
  const char *device = NULL, *shape = NULL, *html = NULL;
  long long runs = 10;
  for (int c; (c = getopt_long(argc, argv, "d:s:n:h", options, NULL)) != -1;) {
    switch (c) {
    case 'd':
      device = optarg;
      break;
    case 's':
      shape = optarg;
      break;
    case 'n':
      if (!read_count(self, "--runs", optarg, 1, &runs)) return misuse(self, NULL);
      break;
    case 'p':
      html = optarg;
      break;
    case 'h':
      return print_help(self);
    default:
      return misuse(self, NULL);
    }
  }
  if (optind == argc) return misuse(self, "which model file?");
  kvino_model *model = NULL;
  kvino_tensors in = {0, NULL};
  kvino_error err;
  int given = argc - optind - 1;
  kvino_model_options choice = {.device = device};
  kvino_status status = kvino_model_load(argv[optind], &choice, &model, &err);
  if (!status)
    status = given ? read_inputs(model, &(given_inputs){.n = (size_t)given, .paths = argv + optind + 1}, &in, &err)
                   : draw_inputs(model, shape, 0, &in, &err);
  if (!status) status = print_profile(model, device, &in, (size_t)runs, html, &err);
  drop_inputs(&in);
  kvino_model_release(model);
  return status ? fail(self, "%s", err.text) : DONE;
}

const command profile_command = {
    "profile",
    "MODEL [IN.npy...] [-d DEVICE] [--html FILE]",
    "Show what each layer of a model file takes.",
    "\n"
    "Without inputs, numbers are drawn.\n"
    "\n"
    "Options:\n"
    "  -d, --device DEVICE  CPU (the default), GPU, ... or native\n"
    "  -s, --shape SHAPES   of what is drawn: \"[1,224,224,3]\" or \"x[1,8],y[1]\"\n"
    "  -n, --runs N         the mean of so many runs (10)\n"
    "      --html FILE      a page instead of the table\n"
    "  -h, --help           this text\n",
    run,
};
