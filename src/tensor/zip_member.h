/* What is asked of a member of a zip archive before it is unpacked. */
#ifndef KVINO_TENSOR_ZIP_MEMBER_H
#define KVINO_TENSOR_ZIP_MEMBER_H

#include <zip.h>

#include "base/error.h"

/* libzip's words; KVINO_NO_MEMORY or KVINO_IO. */
kvino_status kv_zip_failure(kvino_error *err, const char *name, zip_error_t *error);

/* Sizes that cannot be are refused before anything is unpacked. `budget` is what is left of the archive's bytes:
 * members that overlap (the way of zip bombs) use it up. */
kvino_status kv_zip_member_check(const zip_stat_t *s, const char *label, uint64_t *budget, kvino_error *err);

#endif
