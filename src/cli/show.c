/* kvino show: what a model file holds. */
#include <getopt.h>
#include <stdio.h>

#include "cli.h"

static int run(const command *self, int argc, char **argv) {
  static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
  for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
    return c == 'h' ? print_help(self) : misuse(self, NULL);
  if (optind + 1 != argc) return misuse(self, "which model file?");
  kvino_model *model = NULL;
  kvino_error err;
  char *text = NULL;
  kvino_status status = kvino_model_load(argv[optind], NULL, &model, &err);
  if (!status) status = kvino_model_summary(model, &text, &err);
  if (!status) fputs(text, stdout);
  kvino_text_free(text);
  kvino_model_release(model);
  return status ? fail(self, "%s", err.text) : DONE;
}

const command show_command = {
    "show",
    "MODEL",
    "Show a model file's inputs, outputs, layers and weights.",
    "\n"
    "MODEL is a .keras archive or an HDF5 file (.h5) as Keras saves them.\n"
    "\n"
    "Options:\n"
    "  -h, --help  this text\n",
    run,
};
