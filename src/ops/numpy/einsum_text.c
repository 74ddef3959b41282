/* The text of an einsum: "ij,jk->ik". */
#include <stdio.h>
#include <string.h>

#include "ops/numpy/einsum.h"

enum { ELLIPSIS = 255 };

static int label_of(char c) { return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? 26 + c - 'a' : -1; }

char kv_einsum_letter(int label) {
  return (char)(label < 26 ? 'A' + label : label < KV_LETTERS ? 'a' + label - 26 : '.');
}

/* The bytes of the letter that begins at p, in UTF-8. */
static int letter(const char *p) {
  int n = 1;
  while ((p[n] & 0xC0) == 0x80) n++;
  return n;
}

/* One operand's subscripts from *p up to ',', "->" or the end: labels and at most one ELLIPSIS. */
static bool read_subscripts(kv_scope *s, const char **p, const char *whose, uint8_t *to, int *n) {
  bool dots = false;
  *n = 0;
  for (; **p && **p != ',' && **p != '-' && **p != '>'; ++*p) {
    int label = label_of(**p);
    if (**p == ' ') continue;
    if (**p == '.') {
      if (dots || strncmp(*p, "...", 3)) {
        kv_scope_fail(s, KVINO_INVALID,
                      "einstein sum subscripts string contains a '.' that is not part of an ellipsis ('...') in %s",
                      whose);
        return false;
      }
      dots = true;
      *p += 2;
      label = ELLIPSIS;
    }
    if (label < 0) {
      kv_scope_fail(s, KVINO_INVALID,
                    "invalid subscript '%.*s' in einstein sum subscripts string, subscripts must be letters",
                    letter(*p), *p);
      return false;
    }
    if (*n == KVINO_MAX_RANK + 1) {
      kv_scope_fail(s, KVINO_INVALID, "einstein sum subscripts string contains too many subscripts for %s", whose);
      return false;
    }
    to[(*n)++] = (uint8_t)label;
  }
  return true;
}

/* An operand's axes: its ellipsis takes those that no letter names, the last of them first. */
static bool label_axes(kv_scope *s, int number, const uint8_t *given, int n, kv_term *t, int *most_dots) {
  bool dots = memchr(given, ELLIPSIS, (size_t)n) != NULL;
  int letters = n - dots, rank = t->x->rank, rest = rank - letters;
  if (rest < 0) {
    kv_scope_fail(s, KVINO_INVALID, "einstein sum subscripts string contains too many subscripts for operand %d",
                  number);
    return false;
  }
  if (rest && !dots) {
    kv_scope_fail(
        s, KVINO_INVALID,
        "operand has more dimensions than subscripts given in einstein sum, but no '...' ellipsis provided to "
        "broadcast the extra dimensions over.");
    return false;
  }
  t->labels.n = 0;
  for (int i = 0; i < n; i++) {
    if (given[i] != ELLIPSIS) t->labels.v[t->labels.n++] = given[i];
    for (int k = rest; given[i] == ELLIPSIS && k > 0; k--) t->labels.v[t->labels.n++] = (uint8_t)(KV_MOST_LABELS - k);
  }
  if (rest > *most_dots) *most_dots = rest;
  return true;
}

static void append_dots(kv_labels *to, int dots) {
  for (int k = dots; k > 0; k--) to->v[to->n++] = (uint8_t)(KV_MOST_LABELS - k);
}

/* Without "->": what the ellipses stand for, then the letters that occur once, in their order. */
static void implicit_output(kv_einsum *e, int dots) {
  int count[KV_LETTERS] = {0};
  for (int i = 0; i < e->n; i++)
    for (int k = 0; k < e->term[i].labels.n; k++)
      if (e->term[i].labels.v[k] < KV_LETTERS) count[e->term[i].labels.v[k]]++;
  append_dots(&e->output, dots);
  for (int label = 0; label < KV_LETTERS && e->output.n < KVINO_MAX_RANK; label++)
    if (count[label] == 1) e->output.v[e->output.n++] = (uint8_t)label;
}

static bool explicit_output(kv_scope *s, const uint8_t *given, int n, int dots, kv_einsum *e) {
  bool seen[KV_LETTERS] = {false}, used[KV_LETTERS] = {false}, has_dots = memchr(given, ELLIPSIS, (size_t)n) != NULL;
  for (int i = 0; i < e->n; i++)
    for (int k = 0; k < e->term[i].labels.n; k++)
      if (e->term[i].labels.v[k] < KV_LETTERS) seen[e->term[i].labels.v[k]] = true;
  if (dots && !has_dots) {
    kv_scope_fail(s, KVINO_INVALID,
                  "output has more dimensions than subscripts given in einstein sum, but no '...' ellipsis provided to "
                  "broadcast the extra dimensions over.");
    return false;
  }
  for (int i = 0; i < n; i++) {
    int label = given[i];
    if (label == ELLIPSIS) {
      append_dots(&e->output, dots);
      continue;
    }
    if (used[label] || !seen[label]) {
      kv_scope_fail(s, KVINO_INVALID,
                    used[label]
                        ? "einstein sum subscripts string includes output subscript '%c' multiple times"
                        : "einstein sum subscripts string included output subscript '%c' which never appeared in "
                          "an input",
                    kv_einsum_letter(label));
      return false;
    }
    used[label] = true;
    e->output.v[e->output.n++] = (uint8_t)label;
  }
  return true;
}

/* The axes of a diagonal are of one length: there is no broadcasting within an operand. */
static bool check_diagonals(kv_scope *s, int number, const kv_term *t) {
  for (int i = 0; i < t->labels.n; i++)
    for (int j = i + 1; j < t->labels.n; j++) {
      int64_t d = t->x->shape[i], e = t->x->shape[j];
      if (t->labels.v[i] != t->labels.v[j] || d < 0 || e < 0 || d == e) continue;
      kv_scope_fail(s, KVINO_INVALID, "dimensions in operand %d for collapsing index '%c' don't match (%lld != %lld)",
                    number, kv_einsum_letter(t->labels.v[i]), (long long)d, (long long)e);
      return false;
    }
  return true;
}

/* The length of every label: axes of length 1 broadcast. */
static bool join_lengths(kv_scope *s, kv_einsum *e) {
  bool seen[KV_MOST_LABELS] = {false};
  for (int i = 0; i < e->n; i++)
    for (int k = 0; k < e->term[i].labels.n; k++) {
      int label = e->term[i].labels.v[k];
      int64_t d = e->term[i].x->shape[k], *length = &e->length[label];
      if (seen[label] && d >= 0 && *length >= 0 && d != *length && d != 1 && *length != 1) {
        kv_scope_fail(
            s, KVINO_INVALID,
            "operands could not be broadcast together in einsum: subscript '%c' has length %lld in operand %d "
            "but %lld before",
            kv_einsum_letter(label), (long long)d, i, (long long)*length);
        return false;
      }
      bool takes = !seen[label] || *length == 1 || (*length < 0 && d >= 0 && d != 1);
      if (takes && !(seen[label] && d == 1)) *length = d;
      if (d < 0) e->unknown[label] = &e->term[i], e->unknown_axis[label] = k;
      seen[label] = true;
    }
  return true;
}

bool kv_einsum_read(kv_scope *s, const char *text, kv_einsum *e) {
  uint8_t given[KVINO_MAX_RANK + 1];
  char whose[32];
  int n, dots = 0;
  const char *p = text;
  for (int i = 0;; i++) {
    snprintf(whose, sizeof whose, "operand %d", i);
    if (!read_subscripts(s, &p, whose, given, &n)) return false;
    if (i >= e->n || (i < e->n - 1 && *p != ',')) {
      kv_scope_fail(s, KVINO_INVALID,
                    "%s operands provided to einstein sum function than specified in the subscripts string",
                    i >= e->n ? "fewer" : "more");
      return false;
    }
    if (!label_axes(s, i, given, n, &e->term[i], &dots) || !check_diagonals(s, i, &e->term[i])) return false;
    if (*p != ',') break;
    p++;
  }
  e->output.n = 0;
  if (*p) {
    if (strncmp(p, "->", 2)) {
      kv_scope_fail(s, KVINO_INVALID, "einstein sum subscript string does not contain proper '->' output specified");
      return false;
    }
    p += 2;
    if (!read_subscripts(s, &p, "output", given, &n)) return false;
    if (*p) {
      kv_scope_fail(s, KVINO_INVALID,
                    "invalid subscript '%.*s' in einstein sum subscripts string, subscripts must be letters", letter(p),
                    p);
      return false;
    }
    if (!explicit_output(s, given, n, dots, e)) return false;
  } else {
    implicit_output(e, dots);
  }
  return join_lengths(s, e);
}
