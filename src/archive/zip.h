/* Zip archives (libzip): members by name, each inflated once. */
#ifndef KVINO_ARCHIVE_ZIP_H
#define KVINO_ARCHIVE_ZIP_H

#include "archive/bytes.h"

typedef struct kv_zip kv_zip;

/* The archive that these bytes are; they are retained. Errors: KVINO_IO with `name`: no archive, two members of one
 * name, a member that names a place outside. */
kvino_status kv_zip_open(kv_bytes *bytes, const char *name, kv_zip **out, kvino_error *err);
void kv_zip_close(kv_zip *z); /* NULL is allowed */

size_t kv_zip_count(const kv_zip *z);
const char *kv_zip_name(const kv_zip *z, size_t i); /* borrowed */
bool kv_zip_has(const kv_zip *z, const char *member);
/* A member's bytes, at most `most` of them (SIZE_MAX: as many as the archive can hold). Errors: KVINO_IO with the
 * member's name: it is not there, sizes that are false, a wrong checksum. */
kvino_status kv_zip_read(kv_zip *z, const char *member, size_t most, kv_bytes **out, kvino_error *err);

#endif
