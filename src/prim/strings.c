/* Strings: StringStandardize, StringSplit; hashes of them: HashBuckets, HashedCross. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "kernels/strings/fingerprint.h"
#include "prim/interval.h"
#include "prim/known.h"
#include "tensor/strings.h"

static kvino_status want_strings(const kv_call *c) {
  kvino_dtype dtype = (kvino_dtype)c->in[0]->dtype;
  if (dtype == KVINO_STRING) return KVINO_OK;
  return kv_fail(c->err, KVINO_TYPE, "%s takes strings, not dtype %s", c->prim->name, kvino_dtype_name(dtype));
}

/* ---- StringStandardize: letters and punctuation of ASCII, as TensorFlow's strings.lower and Keras have it ---- */

kvino_status kv_infer_string_standardize(kv_call *c) {
  KV_TRY(want_strings(c));
  kv_call_spec(c, 0, KVINO_STRING, c->in[0]->rank, c->in[0]->shape);
  return KVINO_OK;
}

static bool is_ascii_punctuation(unsigned char ch) {
  return ch > ' ' && ch < 0x7F && !(ch >= '0' && ch <= '9') && !((ch | 32) >= 'a' && (ch | 32) <= 'z');
}

static size_t standardize(const kv_standardize_attrs *how, const kvino_string *s, char *to) {
  size_t n = 0;
  for (size_t i = 0; i < s->n; i++) {
    char ch = s->at[i];
    if (how->strip_punctuation && is_ascii_punctuation((unsigned char)ch)) continue;
    to[n++] = how->lower && ch >= 'A' && ch <= 'Z' ? (char)(ch | 32) : ch;
  }
  return n;
}

kvino_status kv_eval_string_standardize(kv_call *c) {
  kvino_tensor *x;
  char *to;
  size_t bytes = 0;
  KV_TRY(kvino_tensor_contiguous(c->in[0], &x, c->err));
  for (int64_t i = 0; i < x->size; i++)
    if (__builtin_add_overflow(bytes, kv_string_at(x, i)->n, &bytes)) bytes = SIZE_MAX;
  kvino_status status = kv_strings_empty(x->rank, x->shape, 0, NULL, bytes, &to, &c->out[0], c->err);
  for (int64_t i = 0; i < x->size && !status; i++) {
    size_t n = standardize(&c->attrs->standardize, kv_string_at(x, i), to);
    *kv_string_at(c->out[0], i) = (kvino_string){to, n};
    to += n;
  }
  kvino_tensor_release(x);
  return status;
}

/* ---- StringSplit ---- */

static char unit_of(const kv_call *c) { return c->attrs->string_split.unit ? *c->attrs->string_split.unit : 'n'; }

static int64_t gram_count(int64_t n, int64_t width) { return n >= width ? n - width + 1 : 0; }

/* How many parts a row of n has, n-grams of all lengths counted; -1 where n is. */
static int64_t part_count(const kv_values *widths, int64_t n) {
  int64_t all = widths->n && n >= 0 ? 0 : n;
  for (int k = 0; k < widths->n && n >= 0; k++) all += gram_count(n, widths->v[k]);
  return all;
}

kvino_status kv_infer_string_split(kv_call *c) {
  const kvino_tensor *x = c->in[0];
  kv_values widths;
  KV_TRY(want_strings(c));
  KV_TRY(kv_read_all(c, 1, "n-gram lengths", &widths));
  for (int k = 0; k < widths.n; k++)
    if (widths.v[k] < 1)
      return kv_fail(c->err, KVINO_INVALID, "n-grams have a length of at least 1, not %lld", (long long)widths.v[k]);
  bool parts = unit_of(c) != 'n';
  if (!parts && !x->rank) return kv_fail(c->err, KVINO_INVALID, "n-grams are those of a row, not of one string");
  if (parts && x->rank == KVINO_MAX_RANK) return kv_fail(c->err, KVINO_INVALID, "too many dimensions");
  kv_call_spec(c, 0, KVINO_STRING, x->rank, x->shape);
  c->spec[0].rank += parts;
  int last = c->spec[0].rank - 1;
  c->spec[0].shape[last] = parts ? -1 : part_count(&widths, x->shape[last]);
  return KVINO_OK;
}

/* ASCII, whatever the locale. */
static bool is_space(char ch) { return ch == ' ' || (ch >= '\t' && ch <= '\r'); }

/* The next part of the rest; false at the end. What is no UTF-8 (of foreign memory) is a part byte by byte. */
static bool next_part(char unit, kvino_string *rest, kvino_string *part) {
  while (unit == 'w' && rest->n && is_space(*rest->at)) rest->at++, rest->n--;
  if (!rest->n) return false;
  size_t n = unit == 'w' ? 0 : kv_utf8_next(rest->at, rest->n);
  while (unit == 'w' && n < rest->n && !is_space(rest->at[n])) n++;
  if (!n) n = 1;
  *part = (kvino_string){rest->at, n};
  rest->at += n;
  rest->n -= n;
  return true;
}

/* The parts of every row, one after the other. */
typedef struct rows {
  kvino_string *part;
  int64_t n, *first; /* first: by row, n_rows + 1 */
} rows;

static bool find_parts(const kvino_tensor *x, char unit, int64_t n_rows, rows *r) {
  kvino_string rest, part;
  int64_t n = 0, row = unit == 'n' && x->rank ? x->shape[x->rank - 1] : 1;
  if (!(r->first = kv_malloc(((size_t)n_rows + 1) * sizeof *r->first))) return false;
  for (int64_t i = 0; i < x->size && unit != 'n'; i++)
    for (rest = *kv_string_at(x, i); next_part(unit, &rest, &part);) n++;
  r->n = unit == 'n' ? x->size : n;
  if (!(r->part = kv_malloc(((size_t)r->n + 1) * sizeof *r->part))) return false;
  n = 0;
  for (int64_t i = 0; i < n_rows; i++) {
    r->first[i] = n;
    if (unit != 'n') {
      for (rest = *kv_string_at(x, i); next_part(unit, &rest, &part);) r->part[n++] = part;
    } else {
      for (int64_t k = 0; k < row; k++, n++) r->part[n] = *kv_string_at(x, n);
    }
  }
  r->first[n_rows] = n;
  return true;
}

/* Parts k to k + width with spaces in between, at `to` where that is not NULL; their bytes. */
static size_t join(const kvino_string *part, int64_t width, char *to) {
  size_t n = 0;
  for (int64_t k = 0; k < width; k++) {
    if (k && to) to[n] = ' ';
    n += k != 0;
    if (to && part[k].n) memcpy(to + n, part[k].at, part[k].n);
    n += part[k].n;
  }
  return n;
}

static size_t gram_bytes(const rows *r, const kv_values *widths, int64_t n_rows) {
  size_t bytes = 0;
  for (int64_t i = 0; i < n_rows; i++)
    for (int k = 0; k < widths->n; k++)
      for (int64_t g = r->first[i]; g + widths->v[k] <= r->first[i + 1]; g++)
        if (__builtin_add_overflow(bytes, join(&r->part[g], widths->v[k], NULL), &bytes)) return SIZE_MAX;
  return bytes;
}

static void write_row(const rows *r, const kv_values *widths, int64_t i, char **bytes, kvino_string *to) {
  if (!widths->n && r->first[i + 1] > r->first[i])
    memcpy(to, &r->part[r->first[i]], (size_t)(r->first[i + 1] - r->first[i]) * sizeof *to);
  for (int k = 0; k < widths->n; k++)
    for (int64_t g = r->first[i]; g + widths->v[k] <= r->first[i + 1]; g++) {
      size_t n = join(&r->part[g], widths->v[k], *bytes);
      *to++ = (kvino_string){*bytes, n};
      *bytes += n;
    }
}

kvino_status kv_eval_string_split(kv_call *c) {
  kvino_tensor *x;
  kv_values widths;
  rows r = {0};
  char *bytes = NULL, unit = unit_of(c);
  KV_TRY(kv_read_all(c, 1, "n-gram lengths", &widths));
  KV_TRY(kvino_tensor_contiguous(c->in[0], &x, c->err));
  kv_spec *spec = &c->spec[0];
  int last = spec->rank - 1;
  int64_t n_rows = 1, most = unit == 'n' ? spec->shape[last] : 0;
  for (int k = 0; k < last; k++) n_rows *= spec->shape[k];
  bool fits = find_parts(x, unit, n_rows, &r);
  for (int64_t i = 0; i < n_rows && fits && unit != 'n'; i++) {
    int64_t n = part_count(&widths, r.first[i + 1] - r.first[i]);
    if (n > most) most = n;
  }
  spec->shape[last] = most;
  kvino_status status = fits ? kv_strings_empty(spec->rank, spec->shape, 1, &x, gram_bytes(&r, &widths, n_rows), &bytes,
                                                &c->out[0], c->err)
                             : kv_fail(c->err, KVINO_NO_MEMORY, "out of memory for parts of strings");
  for (int64_t i = 0; i < n_rows && !status; i++) write_row(&r, &widths, i, &bytes, kv_string_at(c->out[0], i * most));
  kv_free(r.first);
  kv_free(r.part);
  kvino_tensor_release(x);
  return status;
}

/* ---- HashBuckets ---- */

static kvino_status check_hashed(const kv_call *c, size_t i) {
  kvino_dtype dtype = (kvino_dtype)c->in[i]->dtype;
  if (dtype != KVINO_STRING && !kvino_dtype_is_integer(dtype))
    return kv_fail(c->err, KVINO_TYPE, "%s takes strings or integers, not dtype %s", c->prim->name,
                   kvino_dtype_name(dtype));
  if (c->attrs->hash.bins < 1)
    return kv_fail(c->err, KVINO_INVALID, "the number of bins must be positive, found %lld",
                   (long long)c->attrs->hash.bins);
  return KVINO_OK;
}

kvino_status kv_infer_hash_buckets(kv_call *c) {
  KV_TRY(check_hashed(c, 0));
  if (c->attrs->hash.salt.n != 0 && c->attrs->hash.salt.n != 2)
    return kv_fail(c->err, KVINO_INVALID, "a salt has 2 numbers, not %d", c->attrs->hash.salt.n);
  kv_call_spec(c, 0, KVINO_I64, c->in[0]->rank, c->in[0]->shape);
  return KVINO_OK;
}

kvino_status kv_eval_hash_buckets(kv_call *c) {
  kvino_tensor *x;
  const kv_hash_attrs *how = &c->attrs->hash;
  uint64_t key[2] = {(uint64_t)how->salt.v[0], (uint64_t)how->salt.v[1]};
  KV_TRY(kv_call_alloc(c, 0));
  KV_TRY(kvino_tensor_contiguous(c->in[0], &x, c->err));
  int64_t *out = (int64_t *)c->out[0]->data;
  for (int64_t i = 0; i < x->size; i++) {
    char digits[24];
    kvino_string s = {digits, 0};
    if (x->dtype == KVINO_STRING)
      s = *kv_string_at(x, i);
    else
      s.n = (size_t)snprintf(digits, sizeof digits, x->dtype == KVINO_U64 ? "%" PRIu64 : "%" PRId64,
                             kv_tensor_get_int(x, i));
    uint64_t h = how->salt.n ? kv_siphash(key, s.at, s.n) : kv_fingerprint(s.at, s.n);
    out[i] = (int64_t)(h % (uint64_t)how->bins);
  }
  kvino_tensor_release(x);
  return KVINO_OK;
}

kv_interval kv_interval_hash_bins(const kv_bounds *b) { return (kv_interval){0, b->node->attrs.hash.bins - 1}; }

/* ---- HashedCross ---- */

kvino_status kv_infer_hashed_cross(kv_call *c) {
  if (!c->n_in) return kv_fail(c->err, KVINO_INVALID, "HashedCross takes at least one operand");
  kv_call_spec(c, 0, KVINO_I64, c->in[0]->rank, c->in[0]->shape);
  for (size_t i = 0; i < c->n_in; i++) {
    KV_TRY(check_hashed(c, i));
    bool same = c->in[i]->rank == c->spec[0].rank;
    for (int k = 0; same && k < c->spec[0].rank; k++) {
      int64_t *n = &c->spec[0].shape[k], m = c->in[i]->shape[k];
      same = *n < 0 || m < 0 || *n == m;
      if (*n < 0) *n = m;
    }
    if (!same) return kv_fail(c->err, KVINO_INVALID, "All `HashedCrossing` inputs should have equal shape.");
  }
  return KVINO_OK;
}

static void cross(kvino_tensor *x, uint64_t *hash) {
  for (int64_t i = 0; i < x->size; i++) {
    bool string = x->dtype == KVINO_STRING;
    uint64_t own =
        string ? kv_fingerprint(kv_string_at(x, i)->at, kv_string_at(x, i)->n) : (uint64_t)kv_tensor_get_int(x, i);
    hash[i] = kv_fingerprint_join(hash[i], own);
  }
}

kvino_status kv_eval_hashed_cross(kv_call *c) {
  static const uint64_t key = 956888297470; /* TensorFlow's */
  KV_TRY(kv_call_alloc(c, 0));
  uint64_t *hash = (uint64_t *)c->out[0]->data;
  int64_t n = c->out[0]->size;
  for (int64_t i = 0; i < n; i++) hash[i] = key;
  for (size_t k = 0; k < c->n_in; k++) {
    kvino_tensor *x;
    KV_TRY(kvino_tensor_contiguous(c->in[k], &x, c->err));
    cross(x, hash);
    kvino_tensor_release(x);
  }
  for (int64_t i = 0; i < n; i++) hash[i] %= (uint64_t)c->attrs->hash.bins;
  return KVINO_OK;
}
