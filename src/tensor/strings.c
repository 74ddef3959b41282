#include "tensor/strings.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"

static size_t length_of(const char *const *texts, const size_t *lengths, int64_t i) {
  return lengths ? lengths[i] : texts[i] ? strlen(texts[i]) : 0;
}

kvino_status kvino_strings_new(int rank, const int64_t *shape, const char *const *texts, const size_t *lengths,
                               kvino_tensor **out, kvino_error *err) {
  int64_t n = 1;
  size_t bytes = 0;
  char *to = NULL;
  KV_NOT_NULL(err, out && (shape || !rank));
  if (rank < 0 || rank > KVINO_MAX_RANK) return kv_fail(err, KVINO_INVALID, "rank %d is out of range", rank);
  for (int i = 0; i < rank; i++) {
    if (shape[i] < 0) return kv_fail(err, KVINO_INVALID, "negative dimensions are not allowed");
    if (__builtin_mul_overflow(n, shape[i], &n)) return kv_fail(err, KVINO_INVALID, "the array is too big");
  }
  KV_NOT_NULL(err, texts || !n);
  for (int64_t i = 0; i < n; i++) {
    size_t length = length_of(texts, lengths, i);
    if (length && !texts[i]) return kv_fail(err, KVINO_INVALID, "string number %lld is NULL", (long long)i);
    size_t valid = length ? kv_utf8_valid(texts[i], length) : 0;
    if (valid < length)
      return kv_fail(err, KVINO_INVALID, "string number %lld is not UTF-8: byte %zu (0x%02x) begins no character",
                     (long long)i, valid, (unsigned char)texts[i][valid]);
    if (__builtin_add_overflow(bytes, length, &bytes)) return kv_fail(err, KVINO_NO_MEMORY, "the strings are too long");
  }
  kvino_tensor *t;
  KV_TRY(kv_strings_empty(rank, shape, 0, NULL, bytes, &to, &t, err));
  for (int64_t i = 0; i < n; i++) {
    size_t length = length_of(texts, lengths, i);
    if (length) memcpy(to, texts[i], length);
    *kv_string_at(t, i) = (kvino_string){to, length};
    to += length;
  }
  *out = t;
  return KVINO_OK;
}
