/* As Keras's IndexLookup.set_vocabulary and load_assets. */
#include "layers/vocabulary.h"

#include <stdlib.h>
#include <string.h>

#include "kvino/strings.h"
#include "ops/common.h"

/* A term, as it stands in the file. */
typedef struct term {
  const char *text;
  size_t n;
  int64_t number;
} term;

typedef struct terms {
  int64_t n;
  term *v;
} terms;

static bool wrong(kv_invocation *c, int64_t i, const char *what) {
  kv_scope_fail(c->s, KVINO_IO, "term number %lld of the vocabulary is not %s", (long long)i, what);
  return false;
}

/* ---- from the configuration ---- */

static bool read_json(const json_t *value, bool integers, term *out) {
  if (integers) {
    out->number = json_integer_value(value);
    return json_is_integer(value);
  }
  out->text = json_string_value(value);
  out->n = json_string_length(value);
  return json_is_string(value);
}

static bool from_list(kv_invocation *c, const json_t *list, bool integers, terms *t) {
  t->n = (int64_t)json_array_size(list);
  if (!json_is_array(list))
    return kv_layer_refuse(c, "its vocabulary is in a file outside of the archive, which is not opened") != NULL;
  if (!t->n)
    return kv_scope_fail(c->s, KVINO_INVALID, "Cannot set an empty vocabulary. Received: vocabulary=[]") != NULL;
  if (!(t->v = kv_scope_alloc(c->s, (size_t)t->n, sizeof *t->v))) return false;
  for (int64_t i = 0; i < t->n; i++)
    if (!read_json(json_array_get(list, (size_t)i), integers, &t->v[i]))
      return wrong(c, i, integers ? "an integer" : "a text");
  return true;
}

/* ---- from the asset: a term a line, lines as Python's str.splitlines divides them ---- */

/* Bytes of the line's end that stands at `at`; 0: none. */
static size_t line_end(const char *at, size_t n) {
  static const char *const wide[] = {"\xC2\x85", "\xE2\x80\xA8", "\xE2\x80\xA9"};
  if (*at == '\r' && n > 1 && at[1] == '\n') return 2;
  if ((*at >= '\n' && *at <= '\r') || (*at >= '\x1C' && *at <= '\x1E')) return 1;
  for (int i = 0; i < 3; i++)
    if (n >= strlen(wide[i]) && !memcmp(at, wide[i], strlen(wide[i]))) return strlen(wide[i]);
  return 0;
}

static bool next_line(const char **at, size_t *left, term *out) {
  size_t n = 0, end = 0;
  if (!*left) return false;
  while (n < *left && !(end = line_end(*at + n, *left - n))) n++;
  *out = (term){*at, n, 0};
  *at += n + end;
  *left -= n + end;
  return true;
}

static bool read_number(term *t) {
  char text[32], *end;
  if (!t->n || t->n >= sizeof text) return false;
  memcpy(text, t->text, t->n);
  text[t->n] = 0;
  t->number = strtoll(text, &end, 10);
  return !*end;
}

static bool from_asset(kv_invocation *c, bool integers, terms *t) {
  size_t left = 0, all;
  const char *text = kv_asset_text(c, "vocabulary.txt", &left), *at = text;
  term line;
  all = left;
  if (!text) return kv_layer_refuse(c, "the file holds no vocabulary for it") != NULL;
  while (next_line(&at, &left, &line)) t->n++;
  if (!(t->v = kv_scope_alloc(c->s, (size_t)t->n + 1, sizeof *t->v))) return false;
  at = text;
  left = all;
  for (int64_t i = 0; i < t->n; i++) next_line(&at, &left, &t->v[i]);
  while (t->n && !t->v[t->n - 1].n) t->n--;
  for (int64_t i = 0; i < t->n && integers; i++)
    if (!read_number(&t->v[i])) return wrong(c, i, "an integer");
  return true;
}

/* ---- terms ---- */

static kvino_tensor *tensor_of(kv_scope *s, const term *v, int64_t n, bool integers) {
  kvino_tensor *t = NULL;
  kvino_status status;
  if (integers) {
    int64_t *numbers = kv_scope_alloc(s, (size_t)n + 1, sizeof *numbers);
    for (int64_t i = 0; numbers && i < n; i++) numbers[i] = v[i].number;
    return numbers ? kv_vector(s, (size_t)n, numbers) : NULL;
  }
  const char **text = kv_scope_alloc(s, (size_t)n + 1, sizeof *text);
  size_t *length = kv_scope_alloc(s, (size_t)n + 1, sizeof *length);
  if (!text || !length) return NULL;
  for (int64_t i = 0; i < n; i++) {
    text[i] = v[i].text;
    length[i] = v[i].n;
  }
  status = kvino_strings_new(1, &n, text, length, &t, s->err);
  return kv_scope_ok(s, status) ? kv_own(s, t) : NULL;
}

static bool same(const term *a, const term *b, bool integers) {
  if (integers) return a->number == b->number;
  return a->n == b->n && (!a->n || !memcmp(a->text, b->text, a->n));
}

bool kv_vocabulary_read(kv_invocation *c, bool integers, const json_t *mask, const json_t *oov, int64_t n_oov,
                        kv_vocabulary *out) {
  terms t = {0};
  term mask_term = {0}, oov_term = {0};
  const json_t *list = kv_field(c, "vocabulary");
  const char *mode = kv_field_text(c, "output_mode");
  int64_t most = kv_field_integer(c, "max_tokens");
  *out = (kv_vocabulary){.integers = integers, .n_oov = n_oov, .has_mask = !json_is_null(mask)};
  out->int_mode = mode && !strcmp(mode, "int");
  if (!json_is_null(list) ? !from_list(c, list, integers, &t) : !from_asset(c, integers, &t)) return false;
  if (out->has_mask && !read_json(mask, integers, &mask_term)) return wrong(c, -1, "a mask token");
  bool has_oov = read_json(oov, integers, &oov_term);
  if (n_oov < 0 || n_oov > INT32_MAX) return kv_layer_refuse(c, "num_oov_indices is out of range") != NULL;
  int64_t masks = out->has_mask && out->int_mode;
  out->start = masks + n_oov;
  out->listed = t.n;
  out->found_special = t.n >= out->start && (has_oov || !n_oov);
  for (int64_t i = 0; i < out->start && out->found_special; i++)
    out->found_special = same(&t.v[i], i < masks ? &mask_term : &oov_term, integers);
  int64_t skipped = out->found_special ? out->start : 0;
  out->n = t.n - skipped;
  if (most != KVINO_NO_INTEGER && out->start + out->n > most)
    return kv_scope_fail(
               c->s, KVINO_INVALID,
               "Attempted to set a vocabulary larger than the maximum vocab size. Received vocabulary size is "
               "%lld; `max_tokens` is %lld.",
               (long long)(out->start + out->n), (long long)most) != NULL;
  term *all = kv_scope_alloc(c->s, (size_t)out->n + 1, sizeof *all);
  if (!all) return false;
  if (out->n) memcpy(all, t.v + skipped, (size_t)out->n * sizeof *all);
  if (out->has_mask) all[out->n] = mask_term;
  out->terms = tensor_of(c->s, all, out->n + out->has_mask, integers);
  out->oov = tensor_of(c->s, &oov_term, 1, integers);
  return out->terms && out->oov;
}
