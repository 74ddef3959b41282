/* kvino info: what kvino found of this machine, and what it chose. */
#include <stdio.h>

#include "cli.h"

/* A line; or, for programs, a member of an object: "found by" is "found_by". */
static void row(bool json, const char *name, const char *value) {
  if (!json) {
    printf("%-10s %s\n", name, value);
    return;
  }
  printf(", \"");
  for (; *name; name++) putchar(*name == ' ' ? '_' : *name);
  printf("\": ");
  put_json(stdout, value);
}

static void count(bool json, const char *name, size_t value) {
  printf(json ? ", \"%s\": %zu" : "%-10s %zu\n", name, value);
}

static void print_devices(bool json) {
  kvino_device *devices;
  size_t n;
  kvino_error err;
  if (kvino_devices_list(&devices, &n, &err)) {
    row(json, json ? "error" : "devices", err.text);
    return;
  }
  if (json) {
    printf(", \"devices\": ");
    put_devices(stdout, devices, n);
  }
  for (size_t i = 0; i < n && !json; i++)
    printf("%-10s %s: %s\n", i ? "" : "devices", devices[i].name, devices[i].full_name);
  kvino_devices_free(devices, n);
}

static void print_openvino(bool json) {
  kvino_openvino_info openvino;
  kvino_error err;
  if (kvino_openvino_get_info(&openvino, &err)) { /* to find that out is what the command is for */
    row(json, json ? "error" : "OpenVINO", err.text);
    return;
  }
  row(json, "OpenVINO", openvino.version);
  row(json, "library", openvino.library);
  row(json, "found by", openvino.found);
  print_devices(json);
}

static int run(const command *self, int argc, char **argv) {
  bool json;
  int code = json_alone(self, argc, argv, &json);
  if (code >= 0) return code;
  kvino_info info;
  kvino_info_get(&info);
  if (json)
    printf("{\"kvino\": \"%s\"", kvino_version());
  else
    row(json, "kvino", kvino_version());
  row(json, "compiler", info.compiler);
  row(json, "processor", info.processor);
  row(json, "features", *info.features || json ? info.features : "none that kvino knows of");
  row(json, "kernels", info.kernels);
  count(json, "threads", (size_t)info.threads);
  count(json, "operators", kvino_op_count());
  row(json, "pictures", pixels_libraries);
  print_openvino(json);
  if (json) printf("}\n");
  return DONE;
}

const command info_command = {
    "info",
    "[--json]",
    "Show the processor, the kernels chosen, threads, and where OpenVINO was found.",
    "\n"
    "Options:\n"
    "      --json  for programs: an object of these; \"error\" says why OpenVINO was not found\n"
    "  -h, --help  this text\n",
    run,
};
