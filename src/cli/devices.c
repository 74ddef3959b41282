/* kvino devices: what OpenVINO can run on here. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static int width(const kvino_device *devices, size_t n, const char *head, bool full) {
  size_t widest = strlen(head);
  for (size_t i = 0; i < n; i++) {
    size_t length = strlen(full ? devices[i].full_name : devices[i].name);
    if (length > widest) widest = length;
  }
  return (int)widest;
}

void put_devices(FILE *to, const kvino_device *devices, size_t n) {
  fputc('[', to);
  for (size_t i = 0; i < n; i++) {
    fputs(i ? ", {\"device\": " : "{\"device\": ", to);
    put_json(to, devices[i].name);
    fputs(", \"name\": ", to);
    put_json(to, devices[i].full_name);
    fputs(", \"capabilities\": ", to);
    put_json(to, devices[i].capabilities);
    fputc('}', to);
  }
  fputc(']', to);
}

static int run(const command *self, int argc, char **argv) {
  bool json;
  int code = json_alone(self, argc, argv, &json);
  if (code >= 0) return code;
  kvino_error err;
  kvino_device *devices;
  size_t n;
  if (kvino_devices_list(&devices, &n, &err)) return fail(self, "%s", err.text);
  if (json) {
    put_devices(stdout, devices, n);
    putchar('\n');
    kvino_devices_free(devices, n);
    return DONE;
  }
  int name = width(devices, n, "DEVICE", false), full = width(devices, n, "NAME", true);
  printf("%-*s  %-*s  %s\n", name, "DEVICE", full, "NAME", "CAPABILITIES");
  for (size_t i = 0; i < n; i++)
    printf("%-*s  %-*s  %s\n", name, devices[i].name, full, devices[i].full_name, devices[i].capabilities);
  kvino_devices_free(devices, n);
  return DONE;
}

const command devices_command = {
    "devices",
    "[--json]",
    "List the devices that OpenVINO finds on this machine.",
    "\nA device string names one of them (CPU, GPU.1) or several (AUTO, HETERO:GPU,CPU).\n"
    "\n"
    "Options:\n"
    "      --json  for programs\n"
    "  -h, --help  this text\n",
    run,
};
