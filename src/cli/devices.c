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

static int run(const command *self, int argc, char **argv) {
  int code = no_arguments(self, argc, argv);
  if (code >= 0) return code;
  kvino_error err;
  kvino_device *devices;
  size_t n;
  if (kvino_devices_list(&devices, &n, &err)) return fail(self, "%s", err.text);
  int name = width(devices, n, "DEVICE", false), full = width(devices, n, "NAME", true);
  printf("%-*s  %-*s  %s\n", name, "DEVICE", full, "NAME", "CAPABILITIES");
  for (size_t i = 0; i < n; i++)
    printf("%-*s  %-*s  %s\n", name, devices[i].name, full, devices[i].full_name, devices[i].capabilities);
  kvino_devices_free(devices, n);
  return DONE;
}

const command devices_command = {
    "devices",
    "",
    "List the devices that OpenVINO finds on this machine.",
    "\nA device string names one of them (CPU, GPU.1) or several (AUTO, HETERO:GPU,CPU).\n",
    run,
};
