#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

kvino_status kv_fail(kvino_error *err, kvino_status status, const char *format, ...) {
  if (err) {
    va_list args;
    va_start(args, format);
    err->status = status;
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
  }
  return status;
}

const char *kvino_version(void) { return KVINO_VERSION; }

const char *kvino_status_name(kvino_status status) {
  static const char *const names[] = {"KVINO_OK",          "KVINO_INVALID",  "KVINO_TYPE",
                                      "KVINO_INDEX",       "KVINO_OVERFLOW", "KVINO_NO_MEMORY",
                                      "KVINO_UNSUPPORTED", "KVINO_IO",       "KVINO_DEVICE"};
  return (unsigned)status < sizeof names / sizeof *names ? names[status] : "unknown status";
}
