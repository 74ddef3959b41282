/* The .npz format: a zip archive of .npy members (libzip). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "base/error.h"
#include "base/memory.h"
#include "tensor/npy.h"
#include "tensor/zip_member.h"
#include "tensor/zip_write.h"

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

/* The member of an array; the caller frees its name. */
static kvino_status part_of(const char *name, const kv_npy_image *image, kv_zip_part *part, kvino_error *err) {
  size_t size = strlen(name) + sizeof EXTENSION;
  char *full = kv_malloc(size);
  if (!full) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a name");
  snprintf(full, size, "%s%s", name, EXTENSION);
  *part = (kv_zip_part){full, image->header, image->header_bytes, image->data->data, image->data_bytes};
  return KVINO_OK;
}

static kvino_status check_names(size_t n, const char *const *names, kvino_error *err) {
  for (size_t i = 0; i < n; i++) {
    if (!names[i] || !*names[i]) return kv_fail(err, KVINO_INVALID, "array %zu of the .npz file has no name", i);
    for (size_t k = 0; k < i; k++)
      if (!strcmp(names[i], names[k])) return kv_fail(err, KVINO_INVALID, "two arrays are called '%s'", names[i]);
  }
  return KVINO_OK;
}

kvino_status kvino_npz_write(const char *path, size_t n, const char *const *names, kvino_tensor *const *tensors,
                             kvino_error *err) {
  KV_NOT_NULL(err, path && (!n || (names && tensors)));
  for (size_t i = 0; i < n; i++) KV_NOT_NULL(err, names[i] && tensors[i]);
  KV_TRY(check_names(n, names, err));
  kv_npy_image *images = kv_calloc(n, sizeof *images);
  kv_zip_part *parts = kv_calloc(n, sizeof *parts);
  kvino_status status = images && parts ? KVINO_OK : kv_fail(err, KVINO_NO_MEMORY, "out of memory for %zu arrays", n);
  for (size_t i = 0; i < n && !status; i++) status = kv_npy_image_make(tensors[i], &images[i], err);
  for (size_t i = 0; i < n && !status; i++) status = part_of(names[i], &images[i], &parts[i], err);
  if (!status) status = kv_zip_write(path, n, parts, err);
  for (size_t i = 0; parts && i < n; i++) kv_free((void *)parts[i].name);
  for (size_t i = 0; images && i < n; i++) kv_npy_image_clear(&images[i]);
  kv_free(parts);
  kv_free(images);
  return status;
}
