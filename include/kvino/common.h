/* What every public header of kvino needs: linkage, status codes, the error record. */
#ifndef KVINO_COMMON_H
#define KVINO_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KVINO_API __attribute__((visibility("default")))

/* Outcome of a call. The comment names the Python exception that the status becomes. */
typedef enum kvino_status {
  KVINO_OK = 0,
  KVINO_INVALID,     /* ValueError: a value, a shape or an axis that the operation cannot take */
  KVINO_TYPE,        /* TypeError: a dtype or a kind of argument that the operation cannot take */
  KVINO_INDEX,       /* IndexError */
  KVINO_OVERFLOW,    /* OverflowError */
  KVINO_NO_MEMORY,   /* MemoryError */
  KVINO_UNSUPPORTED, /* NotImplementedError: kvino does not have it; the text names it */
  KVINO_IO,          /* OSError: a file cannot be read or written, or is not what it should be */
  KVINO_DEVICE       /* RuntimeError: OpenVINO or a device refused, or is absent */
} kvino_status;

/* "KVINO_INVALID"; "unknown status" for other numbers. Static. */
KVINO_API const char *kvino_status_name(kvino_status status);

#define KVINO_ERROR_TEXT 1024

/* Owned by the caller. Every call that can fail takes a nullable pointer to one as its last parameter and, on failure,
 * fills it; on success it is left alone. `text` is complete English, NumPy's or Keras's own words where they have some.
 */
typedef struct kvino_error {
  kvino_status status;
  char text[KVINO_ERROR_TEXT];
} kvino_error;

/* A name and its value, both text: compile properties ("precision" or "INFERENCE_PRECISION_HINT", ...), attributes of
 * primitives. Borrowed. */
typedef struct kvino_property {
  const char *name;
  const char *value;
} kvino_property;

/* The version of these headers. */
#define KVINO_VERSION_MAJOR 0
#define KVINO_VERSION_MINOR 1
#define KVINO_VERSION_PATCH 0
/* The library's version, "major.minor.patch". Static. */
KVINO_API const char *kvino_version(void);

#ifdef __cplusplus
}
#endif
#endif
