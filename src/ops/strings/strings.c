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

/* Of one-hot rows, as Keras has it, a vocabulary of thousands would make thousands of numbers of every word. */
kvino_tensor *op_category_counts(kv_scope *s, kvino_tensor *x, int64_t depth) {
  kvino_tensor *width = kv_int(s, KVINO_I64, depth), *zero = kv_int(s, KVINO_I64, 0), *one = kv_int(s, KVINO_I64, 1);
  if (!x) return NULL;
  if (depth < 1) return kv_scope_fail(s, KVINO_INVALID, "depth must be positive, found %lld", (long long)depth);
  if (x->rank > 2) return kv_scope_fail(s, KVINO_INVALID, "x has one or two dimensions, not %d", x->rank);
  if (!kvino_dtype_is_integer((kvino_dtype)x->dtype))
    return kv_scope_fail(s, KVINO_TYPE, "categories are integers, not %s", kvino_dtype_name((kvino_dtype)x->dtype));
  x = kv_cast(s, x, KVINO_I64);
  if (x && x->rank < 2) return kv_bin_count(s, kv_flatten(s, x), width);
  if (!x) return NULL;
  kvino_tensor *rows = kv_dimension(s, x, 0), *total = kv_multiply(s, rows, width);
  kvino_tensor *row = kv_range(s, zero, rows, one, (kv_output_type_attrs){.output_type = KVINO_I64});
  kvino_tensor *at = kv_add(s, x, kv_unsqueeze(s, kv_multiply(s, row, width), KV_VECTOR(s, 1)));
  kvino_tensor *outside = kv_logical_or(s, kv_less(s, x, zero), kv_greater_equal(s, x, width));
  at = kv_select(s, outside, kv_int(s, KVINO_I64, -1), at);
  return kv_reshape_to(s, kv_bin_count(s, kv_flatten(s, at), total), 2, (int64_t[]){-1, depth});
}
