/* The .npz format: a zip archive of .npy members (libzip). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "tensor/npy.h"
#include "tensor/zip_member.h"

static const char EXTENSION[] = ".npy";

void kvino_names_free(char **names, size_t n) {
  for (size_t i = 0; names && i < n; i++) kv_free(names[i]);
  kv_free(names);
}

/* ---- reading ---- */

/* A member as a source of bytes. */
static int64_t read_member(void *context, void *to, size_t n) {
  zip_file_t *file = context;
  int64_t done = 0;
  while ((size_t)done < n) {
    zip_int64_t got = zip_fread(file, (char *)to + done, n - (size_t)done);
    if (got < 0) return -1; /* also where the checksum is wrong */
    if (!got) break;
    done += got;
  }
  return done;
}

static const char *why_member(void *context) { return zip_file_strerror(context); }

static kvino_status read_array(zip_t *zip, zip_uint64_t i, const zip_stat_t *s, const char *label, kvino_tensor **out,
                               kvino_error *err) {
  zip_file_t *file = zip_fopen_index(zip, i, 0);
  if (!file) return kv_zip_failure(err, label, zip_get_error(zip));
  kv_source source = {read_member, why_member, file, (int64_t)s->size, label};
  kvino_status status = kv_npy_load(&source, out, err);
  zip_fclose(file);
  return status;
}

/* The member's name without ".npy". (Two members of one name: ZIP_CHECKCONS has refused the archive.) */
static kvino_status take_name(const char *name, const char *label, char **out, kvino_error *err) {
  size_t length = strlen(name), tail = sizeof EXTENSION - 1;
  if (length < tail || strcmp(name + length - tail, EXTENSION))
    return kv_fail(err, KVINO_IO, "%s: not an .npy member; an .npz archive holds nothing else", label);
  if (!(*out = kv_strdup(name))) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a name");
  (*out)[length - tail] = 0;
  return KVINO_OK;
}

static kvino_status read_members(zip_t *zip, const char *name, uint64_t budget, size_t n, char **names,
                                 kvino_tensor **arrays, kvino_error *err) {
  for (size_t i = 0; i < n; i++) {
    char label[512];
    zip_stat_t s;
    zip_stat_init(&s);
    if (zip_stat_index(zip, i, 0, &s)) return kv_zip_failure(err, name, zip_get_error(zip));
    if (!(s.valid & ZIP_STAT_NAME)) return kv_fail(err, KVINO_IO, "%s: member %zu has no name", name, i);
    snprintf(label, sizeof label, "%s (member '%s')", name, s.name);
    KV_TRY(kv_zip_member_check(&s, label, &budget, err));
    KV_TRY(take_name(s.name, label, &names[i], err));
    KV_TRY(read_array(zip, i, &s, label, &arrays[i], err));
  }
  return KVINO_OK;
}

/* Everything in the archive; `bytes` is the archive's own size. */
static kvino_status read_archive(zip_t *zip, const char *name, uint64_t bytes, char ***names, kvino_tensors *out,
                                 kvino_error *err) {
  zip_int64_t entries = zip_get_num_entries(zip, 0);
  size_t n = entries > 0 ? (size_t)entries : 0;
  char **list = kv_calloc(n, sizeof *list);
  kvino_tensor **arrays = kv_calloc(n, sizeof *arrays);
  kvino_status status = list && arrays ? read_members(zip, name, bytes, n, list, arrays, err)
                                       : kv_fail(err, KVINO_NO_MEMORY, "%s: out of memory for %zu arrays", name, n);
  if (status) {
    for (size_t i = 0; list && arrays && i < n; i++) kvino_tensor_release(arrays[i]);
    kvino_names_free(list, list ? n : 0);
    kv_free(arrays);
    return status;
  }
  *names = list;
  *out = (kvino_tensors){n, arrays};
  return KVINO_OK;
}

/* Takes the source over. */
static kvino_status read_source(zip_source_t *source, const char *name, char ***names, kvino_tensors *out,
                                kvino_error *err) {
  zip_error_t error;
  zip_stat_t s;
  zip_error_init(&error);
  zip_stat_init(&s);
  kvino_status status;
  bool sized = !zip_source_stat(source, &s) && (s.valid & ZIP_STAT_SIZE);
  if (sized && !s.size) { /* libzip would take it for an archive without members */
    zip_source_free(source);
    return kv_fail(err, KVINO_IO, "%s: the file is empty", name);
  }
  zip_t *zip = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error);
  if (zip) {
    status = read_archive(zip, name, sized ? s.size : UINT64_MAX, names, out, err);
    zip_discard(zip);
  } else {
    status = kv_zip_failure(err, name, &error);
    zip_source_free(source);
  }
  zip_error_fini(&error);
  return status;
}

kvino_status kvino_npz_read(const char *path, char ***names, kvino_tensors *out, kvino_error *err) {
  KV_NOT_NULL(err, path && names && out);
  if (!path) return kv_fail(err, KVINO_INVALID, "the path of a file is NULL");
  FILE *file = fopen(path, "rbe"); /* for the system's own words: libzip's are vague */
  if (!file) return kv_fail(err, KVINO_IO, "%s: %s", path, strerror(errno));
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t *source = zip_source_filep_create(file, 0, -1, &error);
  if (!source) {
    fclose(file);
    return kv_zip_failure(err, path, &error);
  }
  return read_source(source, path, names, out, err);
}

kvino_status kvino_npz_parse(const void *bytes, size_t length, const char *name, char ***names, kvino_tensors *out,
                             kvino_error *err) {
  KV_NOT_NULL(err, (bytes || !length) && names && out);
  if (!bytes && length) return kv_fail(err, KVINO_INVALID, "the bytes of an .npz file are NULL");
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t *source = zip_source_buffer_create(bytes, length, 0, &error);
  if (!source) return kv_zip_failure(err, name ? name : "memory", &error);
  return read_source(source, name ? name : "memory", names, out, err);
}

/* ---- writing ---- */

/* Adds a member; the image must live until the archive is closed. */
static kvino_status add_member(zip_t *zip, const char *path, const char *name, const kv_npy_image *image,
                               kvino_error *err) {
  size_t size = strlen(name) + sizeof EXTENSION;
  char *full = kv_malloc(size);
  if (!full) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a name");
  snprintf(full, size, "%s%s", name, EXTENSION);
  zip_buffer_fragment_t pieces[2] = {
      {(zip_uint8_t *)(uintptr_t)image->header, image->header_bytes},
      {(zip_uint8_t *)(uintptr_t)(image->data_bytes ? image->data->data : image->header), image->data_bytes},
  };
  zip_source_t *source = zip_source_buffer_fragment(zip, pieces, image->data_bytes ? 2 : 1, 0);
  zip_int64_t i = source ? zip_file_add(zip, full, source, ZIP_FL_ENC_UTF_8) : -1;
  kv_free(full);
  if (i < 0) {
    kvino_status status = kv_zip_failure(err, path, zip_get_error(zip));
    zip_source_free(source);
    return status;
  }
  zip_set_file_compression(zip, (zip_uint64_t)i, ZIP_CM_STORE, 0);
  zip_file_set_dostime(zip, (zip_uint64_t)i, 0, 1 << 5 | 1, 0); /* 1980-01-01: the same arrays give the same file */
  return KVINO_OK;
}

/* Takes the archive over. */
static kvino_status fill_archive(zip_t *zip, const char *path, size_t n, const char *const *names,
                                 const kv_npy_image *images, kvino_error *err) {
  kvino_status status = KVINO_OK;
  for (size_t i = 0; i < n && !status; i++) status = add_member(zip, path, names[i], &images[i], err);
  if (!status && !zip_close(zip)) return KVINO_OK;
  if (!status) status = kv_zip_failure(err, path, zip_get_error(zip));
  zip_discard(zip);
  return status;
}

static kvino_status write_archive(const char *target, const char *path, size_t n, const char *const *names,
                                  const kv_npy_image *images, kvino_error *err) {
  int code = 0;
  zip_t *zip = zip_open(target, ZIP_CREATE | ZIP_TRUNCATE, &code);
  if (zip) return fill_archive(zip, path, n, names, images, err);
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
static kvino_status write_stream(const char *path, size_t n, const char *const *names, const kv_npy_image *images,
                                 kvino_error *err) {
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
  kvino_status status = fill_archive(zip, path, n, names, images, err);
  if (!status) status = copy_out(source, path, err);
  zip_source_free(source);
  return status;
}

static kvino_status check_names(size_t n, const char *const *names, kvino_error *err) {
  for (size_t i = 0; i < n; i++) {
    if (!names[i] || !*names[i]) return kv_fail(err, KVINO_INVALID, "array %zu of the .npz file has no name", i);
    for (size_t k = 0; k < i; k++)
      if (!strcmp(names[i], names[k])) return kv_fail(err, KVINO_INVALID, "two arrays are called '%s'", names[i]);
  }
  return KVINO_OK;
}

/* libzip would write no file for no members, where NumPy writes an empty archive: this is one. */
static kvino_status write_empty(const char *target, const char *path, kvino_error *err) {
  static const char end[22] = "PK\x05\x06";
  FILE *file = fopen(target, "wbe");
  bool good = file && fwrite(end, 1, sizeof end, file) == sizeof end;
  if (file && fclose(file)) good = false;
  return good ? KVINO_OK : kv_fail(err, KVINO_IO, "%s: %s", path, strerror(errno));
}

kvino_status kvino_npz_write(const char *path, size_t n, const char *const *names, kvino_tensor *const *tensors,
                             kvino_error *err) {
  KV_NOT_NULL(err, path && (!n || (names && tensors)));
  for (size_t i = 0; i < n; i++) KV_NOT_NULL(err, names[i] && tensors[i]);
  KV_TRY(check_names(n, names, err));
  kv_npy_image *images = kv_calloc(n, sizeof *images);
  if (!images) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for %zu arrays", n);
  kvino_status status = KVINO_OK;
  for (size_t i = 0; i < n && !status; i++) status = kv_npy_image_make(tensors[i], &images[i], err);
  kv_new_file file;
  if (!status && !(status = kv_new_file_begin(&file, path, err))) {
    const char *target = kv_new_file_target(&file);
    if (!n)
      status = write_empty(target, path, err);
    else if (file.temporary)
      status = write_archive(target, path, n, names, images, err);
    else
      status = write_stream(target, n, names, images, err);
    if (status)
      kv_new_file_abandon(&file);
    else
      status = kv_new_file_commit(&file, err);
  }
  for (size_t i = 0; i < n; i++) kv_npy_image_clear(&images[i]);
  kv_free(images);
  return status;
}
