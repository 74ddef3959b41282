#include "tensor/zip_member.h"

/* DEFLATE cannot make more than 1032 bytes of one: a member that promises more than that lies. */
enum { DEFLATE_MOST = 1032, DEFLATE_SLACK = 1024 };

kvino_status kv_zip_failure(kvino_error *err, const char *name, zip_error_t *error) {
  bool memory = zip_error_code_zip(error) == ZIP_ER_MEMORY;
  return kv_fail(err, memory ? KVINO_NO_MEMORY : KVINO_IO, "%s: %s", name, zip_error_strerror(error));
}

kvino_status kv_zip_member_check(const zip_stat_t *s, const char *label, uint64_t *budget, kvino_error *err) {
  const zip_uint64_t wanted = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
  if ((s->valid & wanted) != wanted)
    return kv_fail(err, KVINO_IO, "%s: the archive does not say how large it is", label);
  if (s->comp_method != ZIP_CM_STORE && s->comp_method != ZIP_CM_DEFLATE)
    return kv_fail(err, KVINO_IO, "%s: compression method %d is not one that is read here", label, s->comp_method);
  bool impossible =
      s->comp_method == ZIP_CM_STORE ? s->size != s->comp_size : s->size / DEFLATE_MOST > s->comp_size + DEFLATE_SLACK;
  if (s->size > INT64_MAX || impossible || s->comp_size > *budget)
    return kv_fail(err, KVINO_IO, "%s: the sizes in the archive are false: %llu bytes from %llu packed ones", label,
                   (unsigned long long)s->size, (unsigned long long)s->comp_size);
  *budget -= s->comp_size;
  return KVINO_OK;
}
