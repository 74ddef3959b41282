#include "tensor/zip_write.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "tensor/zip_member.h"

/* Adds a member; its bytes must live until the archive is closed. */
static kvino_status add_member(zip_t *zip, const char *path, const kv_zip_part *part, kvino_error *err) {
  zip_buffer_fragment_t pieces[2];
  size_t n = 0;
  if (part->head_bytes) pieces[n++] = (zip_buffer_fragment_t){(zip_uint8_t *)(uintptr_t)part->head, part->head_bytes};
  if (part->bytes) pieces[n++] = (zip_buffer_fragment_t){(zip_uint8_t *)(uintptr_t)part->data, part->bytes};
  zip_source_t *source = zip_source_buffer_fragment(zip, pieces, n, 0);
  zip_int64_t i = source ? zip_file_add(zip, part->name, source, ZIP_FL_ENC_UTF_8) : -1;
  if (i < 0) {
    kvino_status status = kv_zip_failure(err, path, zip_get_error(zip));
    zip_source_free(source);
    return status;
  }
  zip_set_file_compression(zip, (zip_uint64_t)i, ZIP_CM_STORE, 0);
  zip_file_set_dostime(zip, (zip_uint64_t)i, 0, 1 << 5 | 1, 0); /* 1980-01-01: the same members give the same file */
  return KVINO_OK;
}

/* Takes the archive over. */
static kvino_status fill_archive(zip_t *zip, const char *path, size_t n, const kv_zip_part *parts, kvino_error *err) {
  kvino_status status = KVINO_OK;
  for (size_t i = 0; i < n && !status; i++) status = add_member(zip, path, &parts[i], err);
  if (!status && !zip_close(zip)) return KVINO_OK;
  if (!status) status = kv_zip_failure(err, path, zip_get_error(zip));
  zip_discard(zip);
  return status;
}

static kvino_status write_archive(const char *target, const char *path, size_t n, const kv_zip_part *parts,
                                  kvino_error *err) {
  int code = 0;
  zip_t *zip = zip_open(target, ZIP_CREATE | ZIP_TRUNCATE, &code);
  if (zip) return fill_archive(zip, path, n, parts, err);
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  kvino_status status = kv_zip_failure(err, path, &error);
  zip_error_fini(&error);
  return status;
}

/* What the closed archive holds, to a file that is none of a file system's. */
static kvino_status copy_out(zip_source_t *source, const char *path, kvino_error *err) {
  char piece[1 << 14];
  FILE *file = fopen(path, "wbe");
  if (!file) return kv_fail(err, KVINO_IO, "%s: %s", path, strerror(errno));
  bool good = !zip_source_open(source);
  for (zip_int64_t got; good && (got = zip_source_read(source, piece, sizeof piece));)
    good = got > 0 && fwrite(piece, 1, (size_t)got, file) == (size_t)got;
  kvino_status status = good ? KVINO_OK : kv_fail(err, KVINO_IO, "%s: %s", path, strerror(errno));
  if (fclose(file) && !status) status = kv_fail(err, KVINO_IO, "%s: %s", path, strerror(errno));
  return status;
}

/* To a device or a pipe: libzip would put a new file in its place. */
static kvino_status write_stream(const char *path, size_t n, const kv_zip_part *parts, kvino_error *err) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, &error);
  zip_t *zip = source ? zip_open_from_source(source, ZIP_TRUNCATE, &error) : NULL;
  if (!zip) {
    if (source) zip_source_free(source);
    kvino_status status = kv_zip_failure(err, path, &error);
    zip_error_fini(&error);
    return status;
  }
  zip_source_keep(source);
  kvino_status status = fill_archive(zip, path, n, parts, err);
  if (!status) status = copy_out(source, path, err);
  zip_source_free(source);
  return status;
}

/* libzip would write no file for no members, where NumPy writes an empty archive: this is one. */
static kvino_status write_empty(const char *target, const char *path, kvino_error *err) {
  static const char end[22] = "PK\x05\x06";
  FILE *file = fopen(target, "wbe");
  bool good = file && fwrite(end, 1, sizeof end, file) == sizeof end;
  if (file && fclose(file)) good = false;
  return good ? KVINO_OK : kv_fail(err, KVINO_IO, "%s: %s", path, strerror(errno));
}

kvino_status kv_zip_write(const char *path, size_t n, const kv_zip_part *parts, kvino_error *err) {
  kv_new_file file;
  KV_TRY(kv_new_file_begin(&file, path, err));
  const char *target = kv_new_file_target(&file);
  kvino_status status = !n               ? write_empty(target, path, err)
                        : file.temporary ? write_archive(target, path, n, parts, err)
                                         : write_stream(target, n, parts, err);
  if (!status) return kv_new_file_commit(&file, err);
  kv_new_file_abandon(&file);
  return status;
}
