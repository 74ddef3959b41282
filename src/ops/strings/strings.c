/* Strings. Integers are looked up as int64. */
#include <string.h>

#include "ops/common.h"

kvino_tensor *op_string_standardize(kv_scope *s, kvino_tensor *x, bool lower, bool strip) {
  if (!x || (!lower && !strip)) return x;
  return kv_string_standardize(s, x, (kv_standardize_attrs){.lower = lower, .strip_punctuation = strip});
}

kvino_tensor *op_string_split(kv_scope *s, kvino_tensor *x, const char *unit, kvino_ints ngrams) {
  static const char *const UNITS[] = {"none", "whitespace", "character"};
  int n = 0;
  int64_t *width = NULL;
  const char *known = NULL;
  for (int i = 0; i < 3; i++)
    if (!strcmp(unit ? unit : "none", UNITS[i])) known = UNITS[i];
  if (!known) return kv_scope_fail(s, KVINO_INVALID, "unit must be 'whitespace', 'character' or None, not '%s'", unit);
  if (ngrams.n >= 0 && !kv_all_plain_ints(s, ngrams, &n, &width)) return NULL;
  if (!x || (!unit && ngrams.n < 0)) return x;
  return kv_string_split(s, x, kv_vector(s, (size_t)n, width), (kv_string_split_attrs){.unit = known});
}

kvino_tensor *op_string_lookup(kv_scope *s, kvino_tensor *x, kvino_tensor *vocabulary, bool required) {
  if (!x || !vocabulary) return NULL;
  if (kvino_dtype_is_integer((kvino_dtype)x->dtype) && kvino_dtype_is_integer((kvino_dtype)vocabulary->dtype)) {
    x = kv_cast(s, x, KVINO_I64);
    vocabulary = kv_cast(s, vocabulary, KVINO_I64);
  }
  return kv_lookup(s, x, vocabulary, kv_hash_table(s, vocabulary), (kv_lookup_attrs){.required = required});
}

kvino_tensor *op_hash_buckets(kv_scope *s, kvino_tensor *x, int64_t num_bins, kvino_ints salt) {
  kv_hash_attrs how = {.bins = num_bins};
  if (salt.n >= 0 && !kv_plain_ints(s, salt, KV_INTS_MAX, &how.salt.n, how.salt.v)) return NULL;
  return kv_hash_buckets(s, x, how);
}

kvino_tensor *op_hashed_cross(kv_scope *s, kvino_tensors inputs, int64_t num_bins) {
  return kv_hashed_cross(s, inputs.n, inputs.v, (kv_hash_attrs){.bins = num_bins});
}
