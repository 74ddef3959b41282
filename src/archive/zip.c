#include "archive/zip.h"

#include <stdio.h>
#include <string.h>
#include <zip.h>

#include "archive/limits.h"
#include "base/memory.h"
#include "tensor/zip_member.h"

struct kv_zip {
  zip_t *zip;
  kv_bytes *bytes;
  char *name;
  uint64_t budget; /* of packed bytes */
};

/* Nothing is ever unpacked to a file; an archive that names places outside of itself is one to refuse all the same. */
static bool leaves(const char *member) {
  if (*member == '/' || strchr(member, '\\')) return true;
  for (const char *part = member; part; part = strchr(part, '/')) {
    part += *part == '/';
    if (!strncmp(part, "..", 2) && (!part[2] || part[2] == '/')) return true;
  }
  return false;
}

static kvino_status check_names(const kv_zip *z, kvino_error *err) {
  zip_int64_t n = zip_get_num_entries(z->zip, 0);
  if (n > KV_MOST_MEMBERS) return kv_fail(err, KVINO_IO, "%s: an archive of %lld members", z->name, (long long)n);
  for (zip_int64_t i = 0; i < n; i++) {
    const char *member = zip_get_name(z->zip, (zip_uint64_t)i, 0);
    if (!member) return kv_fail(err, KVINO_IO, "%s: member %lld has no name", z->name, (long long)i);
    if (leaves(member))
      return kv_fail(err, KVINO_IO, "%s: member '%s' names a place outside of the archive", z->name, member);
    if (zip_name_locate(z->zip, member, 0) != i)
      return kv_fail(err, KVINO_IO, "%s: two members are called '%s'", z->name, member);
  }
  return KVINO_OK;
}

kvino_status kv_zip_open(kv_bytes *bytes, const char *name, kv_zip **out, kvino_error *err) {
  kv_zip *z = kv_calloc(1, sizeof *z);
  if (!z || !(z->name = kv_strdup(name))) {
    kv_free(z);
    return kv_fail(err, KVINO_NO_MEMORY, "%s: out of memory for an archive", name);
  }
  z->bytes = kv_bytes_retain(bytes);
  z->budget = bytes->n;
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t *source = zip_source_buffer_create(bytes->at, bytes->n, 0, &error);
  z->zip = source ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error) : NULL;
  kvino_status status = z->zip ? check_names(z, err) : kv_zip_failure(err, name, &error);
  if (!z->zip && source) zip_source_free(source);
  zip_error_fini(&error);
  if (status)
    kv_zip_close(z);
  else
    *out = z;
  return status;
}

void kv_zip_close(kv_zip *z) {
  if (!z) return;
  if (z->zip) zip_discard(z->zip);
  kv_bytes_release(z->bytes);
  kv_free(z->name);
  kv_free(z);
}

size_t kv_zip_count(const kv_zip *z) { return (size_t)zip_get_num_entries(z->zip, 0); }

const char *kv_zip_name(const kv_zip *z, size_t i) { return zip_get_name(z->zip, i, 0); }

bool kv_zip_has(const kv_zip *z, const char *member) { return zip_name_locate(z->zip, member, 0) >= 0; }

static kvino_status unpack(zip_file_t *file, const char *label, kv_bytes *to, kvino_error *err) {
  char beyond;
  for (size_t done = 0; done < to->n;) {
    zip_int64_t got = zip_fread(file, to->at + done, to->n - done);
    if (got < 0) return kv_fail(err, KVINO_IO, "%s: %s", label, zip_file_strerror(file));
    if (!got) return kv_fail(err, KVINO_IO, "%s: shorter than the archive says", label);
    done += (size_t)got;
  }
  /* The checksum is compared where the end is seen. */
  zip_int64_t more = zip_fread(file, &beyond, 1);
  if (more < 0) return kv_fail(err, KVINO_IO, "%s: %s", label, zip_file_strerror(file));
  return more ? kv_fail(err, KVINO_IO, "%s: longer than the archive says", label) : KVINO_OK;
}

kvino_status kv_zip_read(kv_zip *z, const char *member, size_t most, kv_bytes **out, kvino_error *err) {
  char label[512];
  zip_stat_t s;
  zip_stat_init(&s);
  zip_int64_t i = zip_name_locate(z->zip, member, 0);
  snprintf(label, sizeof label, "%s (member '%s')", z->name, member);
  if (i < 0) return kv_fail(err, KVINO_IO, "%s: there is no member '%s'", z->name, member);
  if (zip_stat_index(z->zip, (zip_uint64_t)i, 0, &s)) return kv_zip_failure(err, label, zip_get_error(z->zip));
  KV_TRY(kv_zip_member_check(&s, label, &z->budget, err));
  if (s.size > most)
    return kv_fail(err, KVINO_IO, "%s: %llu bytes are more than such a member may have", label,
                   (unsigned long long)s.size);
  zip_file_t *file = zip_fopen_index(z->zip, (zip_uint64_t)i, 0);
  if (!file) return kv_zip_failure(err, label, zip_get_error(z->zip));
  kv_bytes *b = NULL;
  kvino_status status = kv_bytes_new((size_t)s.size, label, &b, err);
  if (!status) status = unpack(file, label, b, err);
  zip_fclose(file);
  if (status)
    kv_bytes_release(b);
  else
    *out = b;
  return status;
}
