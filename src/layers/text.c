/* Layers: texts and categories to integers. Strings are values of kvino's own; what is made of them goes on as ever. */
#include <string.h>

#include "kvino/strings.h"
#include "layers/vocabulary.h"
#include "ops/common.h"

/* ---- output modes ---- */

/* Indices (-1: none) as output_mode says. */
static kvino_tensor *encode(kv_invocation *c, kvino_tensor *x, const char *mode, int64_t depth, kvino_dtype dtype) {
  kv_scope *s = c->s;
  if (!x || !mode) return NULL;
  if (!strcmp(mode, "int")) return kv_cast(s, x, dtype);
  if (depth < 1) return kv_layer_refuse(c, "the number of tokens is %lld", (long long)depth);
  bool counted = !strcmp(mode, "count") || !strcmp(mode, "tf_idf"), hot = !strcmp(mode, "multi_hot");
  if ((!counted && !hot) || x->rank > 2)
    return kv_encode_categories(c, x, counted ? "count" : mode, depth, dtype, NULL);
  kvino_tensor *n = op_category_counts(s, x, depth);
  return n ? kv_cast(s, hot ? kv_truth(s, n) : n, dtype) : NULL;
}

/* ---- lookups ---- */

/* The weights that were learned are as long as the output; those of the configuration are filled up. */
static kvino_tensor *idf_weights(kv_invocation *c, const kv_vocabulary *v, int64_t depth) {
  kv_scope *s = c->s;
  kvino_tensor *w = kv_weight_raw(c, "idf_weights");
  if (w) return w;
  if (!(w = kv_field_tensor(c, "idf_weights", KVINO_F64))) return kv_layer_refuse(c, "it has no idf_weights");
  if (w->rank != 1 || w->size != v->listed)
    return kv_scope_fail(s, KVINO_INVALID,
                         "`idf_weights` must be the same length as vocabulary. len(idf_weights) is %lld; "
                         "len(vocabulary) is %lld",
                         (long long)w->size, (long long)v->listed);
  int64_t front = v->found_special ? 0 : v->start, back = depth - front - w->size;
  if (back < 0) return kv_layer_refuse(c, "it has more idf_weights than tokens");
  kvino_tensor *mean = op_mean(s, w, KVINO_INTS(0), true), *zero = kv_like(s, w, 0);
  kvino_tensor *parts[] = {kv_broadcast_shape(s, mean, KV_VECTOR(s, front)), w,
                           kv_broadcast_shape(s, zero, KV_VECTOR(s, back))};
  return kv_concat(s, 3, parts, (kv_axis_attrs){.axis = 0});
}

/* Bins for what is in no vocabulary. */
static kvino_tensor *oov_index(kv_invocation *c, const kv_vocabulary *v, kvino_tensor *x) {
  kv_scope *s = c->s;
  int64_t first = v->start - v->n_oov;
  if (v->n_oov <= 1) return kv_int(s, KVINO_I64, first);
  const char *method = v->integers ? kv_field_text(c, "oov_method") : NULL;
  kvino_tensor *bin;
  if (method && strcmp(method, "farmhash"))
    bin = op_mod(s, x, kv_int(s, KVINO_I64, v->n_oov));
  else
    bin = op_hash_buckets(s, x, v->n_oov, kv_field_ints(c, "salt", 2));
  return op_add(s, bin, kv_int(s, KVINO_I64, first));
}

/* The index of each element; -1 for masks, but in mode "int", where it is 0. */
static kvino_tensor *index_of(kv_invocation *c, const kv_vocabulary *v, kvino_tensor *x) {
  kv_scope *s = c->s;
  if (x && v->integers) x = kv_cast(s, x, KVINO_I64);
  if (x && !v->integers && x->dtype != KVINO_STRING)
    return kv_scope_fail(s, KVINO_TYPE, "it looks up strings, not dtype %s", kvino_dtype_name((kvino_dtype)x->dtype));
  kvino_tensor *place = op_string_lookup(s, x, v->terms, !v->n_oov), *zero = kv_int(s, KVINO_I64, 0);
  kvino_tensor *index = kv_add(s, place, kv_int(s, KVINO_I64, v->start));
  if (v->n_oov) index = kv_select(s, kv_less(s, place, zero), oov_index(c, v, x), index);
  kvino_tensor *masked = v->has_mask ? kv_equal(s, place, kv_int(s, KVINO_I64, v->n)) : NULL;
  return masked ? kv_select(s, masked, v->int_mode ? zero : kv_int(s, KVINO_I64, -1), index) : index;
}

static kvino_tensor *indices(kv_invocation *c, const kv_vocabulary *v, kvino_tensor *x) {
  const char *mode = kv_field_text(c, "output_mode");
  int64_t depth = kv_field_flag(c, "pad_to_max_tokens") ? kv_field_integer(c, "max_tokens") : v->start + v->n;
  bool idf = mode && !strcmp(mode, "tf_idf");
  kv_only_default(c, "sparse");
  kvino_tensor *y = encode(c, index_of(c, v, x), mode, depth, idf ? kvino_floatx() : KVINO_I64);
  return idf ? op_multiply(c->s, y, kv_cast(c->s, idf_weights(c, v, depth), kvino_floatx())) : y;
}

/* Indices to terms: a list of OOV, special tokens and terms, in which what is out of range is at 0. */
static kvino_tensor *terms_of(kv_invocation *c, const kv_vocabulary *v, kvino_tensor *x) {
  kv_scope *s = c->s;
  if (!x) return NULL;
  bool masks = v->has_mask;
  kvino_tensor *list[3] = {v->oov, v->terms, NULL}, *zero = kv_int(s, KVINO_I64, 0);
  kvino_tensor *i = kv_cast(s, x, KVINO_I64), *at = kv_subtract(s, i, kv_int(s, KVINO_I64, v->start - 1));
  kvino_tensor *inside = kv_logical_and(s, kv_greater(s, at, zero), kv_less_equal(s, at, kv_int(s, KVINO_I64, v->n)));
  at = kv_select(s, inside, at, zero);
  if (masks) at = kv_select(s, kv_equal(s, i, zero), kv_int(s, KVINO_I64, v->n + 1), at);
  kvino_tensor *all = kv_concat(s, 2, list, (kv_axis_attrs){.axis = 0});
  return kv_gather(s, all, at, zero, (kv_gather_attrs){0});
}

kv_value kv_layer_lookup(kv_invocation *c) {
  kv_vocabulary v;
  bool integers = !strcmp(c->layer->kind->name, "IntegerLookup");
  if (!kv_vocabulary_read(c, integers, kv_field(c, "mask_token"), kv_field(c, "oov_token"),
                          kv_field_integer(c, "num_oov_indices"), &v))
    return KV_NOTHING;
  kvino_tensor *x = kv_arg(c, "inputs");
  return kv_of(kv_field_flag(c, "invert") ? terms_of(c, &v, x) : indices(c, &v, x));
}

/* ---- TextVectorization ---- */

static bool is_one_of(const char *text, const char *a, const char *b) { return !strcmp(text, a) || !strcmp(text, b); }

static kvino_tensor *standardize(kv_invocation *c, kvino_tensor *x) {
  const json_t *how = kv_field(c, "standardize");
  const char *name = json_string_value(how);
  if (json_is_null(how)) return x;
  if (!name || (strcmp(name, "lower_and_strip_punctuation") && !is_one_of(name, "lower", "strip_punctuation")))
    return kv_layer_refuse(c, "its standardize is Python code, which is never run");
  return op_string_standardize(c->s, x, strcmp(name, "strip_punctuation"), strcmp(name, "lower"));
}

/* n: lengths 1 to n. */
static kvino_ints ngrams(kv_invocation *c) {
  kvino_ints list = kv_field_ints(c, "ngrams", 0);
  if (list.n != 1 || list.list) return list;
  int64_t n = list.v[0] < 0 ? 0 : list.v[0], *widths = NULL;
  if (n > KVINO_MAX_RANK) return kv_layer_refuse(c, "n-grams of %lld words", (long long)n), KVINO_NO_INTS;
  if ((widths = kv_scope_alloc(c->s, (size_t)n + 1, sizeof *widths)))
    for (int64_t i = 0; i < n; i++) widths[i] = i + 1;
  return widths ? (kvino_ints){n, widths, NULL, true} : KVINO_NO_INTS;
}

static kvino_tensor *tokens(kv_invocation *c) {
  kvino_tensor *x = kv_arg(c, "inputs");
  const json_t *split = kv_field(c, "split");
  const char *unit = json_string_value(split);
  if (x && x->dtype != KVINO_STRING)
    return kv_scope_fail(c->s, KVINO_TYPE, "it takes strings, not dtype %s", kvino_dtype_name((kvino_dtype)x->dtype));
  if (!json_is_null(split) && (!unit || !is_one_of(unit, "whitespace", "character")))
    return kv_layer_refuse(c, "its split is Python code, which is never run");
  x = standardize(c, x);
  if (x && unit && x->rank > 1) {
    if (x->shape[x->rank - 1] != 1)
      return kv_scope_fail(c->s, KVINO_INVALID,
                           "When using `TextVectorization` to tokenize strings, the input rank must be 1 or the last "
                           "shape dimension must be 1.");
    x = kv_squeeze(c->s, x, KV_VECTOR(c->s, x->rank - 1));
  }
  return op_string_split(c->s, x, unit, ngrams(c));
}

/* The last axis cut or filled up with zeros. */
static kvino_tensor *of_length(kv_scope *s, kvino_tensor *x, int64_t n) {
  if (!x) return NULL;
  int64_t axis = x->rank - 1, none[KVINO_MAX_RANK] = {0};
  x = kv_cut(s, x, axis, 0, n);
  kvino_tensor *missing =
      kv_unsqueeze(s, kv_subtract(s, kv_int(s, KVINO_I64, n), kv_dimension(s, x, axis)), KV_VECTOR(s, 0));
  kvino_tensor *end[] = {kv_vector(s, (size_t)axis, none), missing};
  kvino_tensor *after = kv_concat(s, 2, end, (kv_axis_attrs){.axis = 0});
  x = kv_pad(s, 4, (kvino_tensor *[]){x, kv_vector(s, (size_t)axis + 1, none), after, kv_int(s, KVINO_I64, 0)},
             (kv_pad_attrs){.pad_mode = "constant"});
  if (!x) return NULL;
  int64_t shape[KVINO_MAX_RANK];
  for (int k = 0; k < x->rank; k++) shape[k] = k == axis ? n : k ? x->shape[k] : -1;
  return x->shape[axis] == n ? x : kv_reshape_to(s, x, x->rank, shape);
}

kv_value kv_layer_text_vectorization(kv_invocation *c) {
  kv_vocabulary v;
  json_t *mask = json_string(""), *oov = json_string("[UNK]");
  kv_only_default(c, "ragged");
  bool sound = mask && oov && kv_vocabulary_read(c, false, mask, oov, 1, &v);
  kvino_tensor *y = sound ? indices(c, &v, tokens(c)) : NULL;
  json_decref(mask);
  json_decref(oov);
  int64_t n = kv_field_integer(c, "output_sequence_length");
  return kv_of(n == KVINO_NO_INTEGER ? y : of_length(c->s, y, n));
}

/* ---- hashing ---- */

kv_value kv_layer_hashing(kv_invocation *c) {
  kv_scope *s = c->s;
  kvino_tensor *x = kv_arg(c, "inputs"), *masked = NULL;
  const char *mode = kv_field_text(c, "output_mode");
  int64_t bins = kv_field_integer(c, "num_bins");
  const json_t *mask = kv_field(c, "mask_value");
  kv_only_default(c, "sparse");
  if (!x) return KV_NOTHING;
  if (!json_is_null(mask) && bins > 1) {
    bool text = x->dtype == KVINO_STRING;
    if (text ? !json_is_string(mask) : !json_is_number(mask))
      return kv_layer_refuse(c, "its mask_value is none of its inputs'"), KV_NOTHING;
    if (text) {
      const char *value = json_string_value(mask);
      kvino_tensor *list = NULL;
      if (!kv_scope_ok(
              s, kvino_strings_new(1, (int64_t[]){1}, &value, (size_t[]){json_string_length(mask)}, &list, s->err)))
        return KV_NOTHING;
      masked = kv_equal(s, op_string_lookup(s, x, kv_own(s, list), false), kv_int(s, KVINO_I64, 0));
    } else {
      masked = op_equal(s, x, kv_like(s, x, json_number_value(mask)));
    }
    bins--;
  }
  if (x->dtype != KVINO_STRING) x = kv_cast(s, x, KVINO_I64);
  x = op_hash_buckets(s, x, bins, kv_field_ints(c, "salt", 2));
  if (masked) x = kv_select(s, masked, kv_int(s, KVINO_I64, 0), kv_add(s, x, kv_int(s, KVINO_I64, 1)));
  return kv_of(encode(c, x, mode, kv_field_integer(c, "num_bins"), c->layer->compute));
}

kv_value kv_layer_hashed_crossing(kv_invocation *c) {
  int64_t bins = kv_field_integer(c, "num_bins");
  kvino_tensor *x = op_hashed_cross(c->s, kv_arg_tensors(c, "inputs"), bins);
  kv_only_default(c, "sparse");
  return kv_of(encode(c, x, kv_field_text(c, "output_mode"), bins, c->layer->compute));
}
