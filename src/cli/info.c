/* kvino info: what kvino found of this machine, and what it chose. */
#include <stdio.h>

#include "cli.h"

static void row(const char *name, const char *value) { printf("%-10s %s\n", name, value); }

static void print_devices(void) {
  kvino_device *devices;
  size_t n;
  kvino_error err;
  if (kvino_devices_list(&devices, &n, &err)) {
    row("devices", err.text);
    return;
  }
  for (size_t i = 0; i < n; i++) printf("%-10s %s: %s\n", i ? "" : "devices", devices[i].name, devices[i].full_name);
  kvino_devices_free(devices, n);
}

static int run(const command *self, int argc, char **argv) {
  int code = no_arguments(self, argc, argv);
  if (code >= 0) return code;
  kvino_info info;
  kvino_openvino_info openvino;
  kvino_error err;
  kvino_info_get(&info);
  row("kvino", kvino_version());
  row("compiler", info.compiler);
  row("processor", info.processor);
  row("features", *info.features ? info.features : "none that kvino knows of");
  row("kernels", info.kernels);
  printf("%-10s %d\n", "threads", info.threads);
  printf("%-10s %zu\n", "operators", kvino_op_count());
  if (kvino_openvino_get_info(&openvino, &err)) {
    row("OpenVINO", err.text);
    return DONE; /* to find that out is what the command is for */
  }
  row("OpenVINO", openvino.version);
  row("library", openvino.library);
  row("found by", openvino.found);
  print_devices();
  return DONE;
}

const command info_command = {
    "info", "", "Show the processor, the kernels chosen, threads, and where OpenVINO was found.", "", run,
};
