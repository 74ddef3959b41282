/* The .npy header: a parser for the few Python literals it may hold, and a writer. */
#include "tensor/npy_header.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

/* NumPy's type strings. bfloat16 goes by the name that NumPy and ml_dtypes write for it, two bytes of "void"; the
 * float8 formats are written under names that tell none of them from another, and are refused both ways. */
static const struct {
  char code[4];
  kvino_dtype dtype;
} codes[] = {
    {"b1", KVINO_BOOL}, {"u1", KVINO_U8},  {"u2", KVINO_U16}, {"u4", KVINO_U32},   {"u8", KVINO_U64},
    {"i1", KVINO_I8},   {"i2", KVINO_I16}, {"i4", KVINO_I32}, {"i8", KVINO_I64},   {"f2", KVINO_F16},
    {"f4", KVINO_F32},  {"f8", KVINO_F64}, {"c8", KVINO_C64}, {"c16", KVINO_C128}, {"V2", KVINO_BF16},
};
enum { CODES = sizeof codes / sizeof *codes };

/* ---- reading ---- */

typedef struct cursor {
  const char *at, *end;
  const char *name;
  int version;
  kvino_error *err;
} cursor;

static kvino_status broken(cursor *c, const char *what) {
  return kv_fail(c->err, KVINO_IO, "%s: the header of this .npy file is broken: %s", c->name, what);
}

static void skip_blanks(cursor *c) {
  while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t')) c->at++;
}

/* Takes one character where it is next, after blanks. */
static bool take(cursor *c, char wanted) {
  skip_blanks(c);
  if (c->at == c->end || *c->at != wanted) return false;
  c->at++;
  return true;
}

static bool take_word(cursor *c, const char *word) {
  size_t n = strlen(word);
  skip_blanks(c);
  if ((size_t)(c->end - c->at) < n || memcmp(c->at, word, n)) return false;
  c->at += n;
  return true;
}

/* 'text' or "text", without escapes. */
static kvino_status read_string(cursor *c, char *out, size_t size) {
  skip_blanks(c);
  char quote = c->at < c->end ? *c->at : 0;
  if (quote != '\'' && quote != '"') return broken(c, "a string was expected");
  const char *start = ++c->at;
  while (c->at < c->end && *c->at != quote && *c->at != '\\' && (unsigned char)*c->at >= ' ') c->at++;
  if (c->at == c->end || *c->at != quote) return broken(c, "a string does not end");
  size_t n = (size_t)(c->at++ - start);
  if (n >= size) return broken(c, "a string is too long");
  memcpy(out, start, n);
  out[n] = 0;
  return KVINO_OK;
}

static kvino_status read_dimension(cursor *c, int64_t *out) {
  int64_t value = 0;
  const char *start = c->at;
  for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
    if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *c->at - '0', &value))
      return broken(c, "a dimension does not fit in 64 bits");
  if (c->at == start) return broken(c, "a dimension must be an integer that is not negative");
  if (*start == '0' && c->at - start > 1) return broken(c, "a dimension starts with 0");
  if (c->version < 3 && c->at < c->end && *c->at == 'L') c->at++; /* Python 2 wrote 3L */
  *out = value;
  return KVINO_OK;
}

/* (), (3,), (3, 4), (3, 4,) but not (3) */
static kvino_status read_shape(cursor *c, kv_npy_header *h) {
  if (!take(c, '(')) return broken(c, "'shape' must be a tuple");
  h->rank = 0;
  bool comma = true;
  while (!take(c, ')')) {
    if (!comma) return broken(c, "the shape does not end");
    if (h->rank == KVINO_MAX_RANK) return broken(c, "the array has more than 64 dimensions");
    skip_blanks(c);
    KV_TRY(read_dimension(c, &h->shape[h->rank++]));
    comma = take(c, ',');
  }
  return h->rank == 1 && !comma ? broken(c, "'shape' must be a tuple") : KVINO_OK;
}

/* "U5", "S5". */
static bool read_strings(const char *code, kv_npy_header *h) {
  int64_t n = 0;
  const char *at = code + 1;
  if (*code != 'U' && *code != 'S') return false;
  for (; *at >= '0' && *at <= '9' && n < INT32_MAX; at++) n = 10 * n + (*at - '0');
  if (*at || at == code + 1 || n >= INT32_MAX) return false;
  h->dtype = KVINO_STRING;
  h->unit = *code == 'U' ? 4 : 1;
  h->width = (size_t)n * h->unit;
  return true;
}

static kvino_status read_descr(cursor *c, kv_npy_header *h) {
  char text[32];
  skip_blanks(c);
  if (c->at < c->end && *c->at == '[')
    return kv_fail(c->err, KVINO_TYPE, "%s: kvino has no structured dtypes: save each field as an array of its own",
                   c->name);
  KV_TRY(read_string(c, text, sizeof text));
  const char *code = text + (strchr("<>|=", text[0]) && text[0] != 0);
  if (*code == 'O')
    return kv_fail(c->err, KVINO_TYPE, "%s: the array holds pickled Python objects, which kvino does not load",
                   c->name);
  bool foreign = text[0] == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? '>' : '<');
  if (read_strings(code, h)) return h->swapped = foreign, KVINO_OK;
  for (int i = 0; i < CODES; i++) {
    if (strcmp(code, codes[i].code)) continue;
    h->dtype = codes[i].dtype;
    h->width = kvino_dtype_size(h->dtype);
    h->swapped = foreign && h->width > 1;
    return KVINO_OK;
  }
  return kv_fail(c->err, KVINO_TYPE, "%s: kvino has no dtype for the type string '%s'", c->name, text);
}

static kvino_status read_flag(cursor *c, bool *out) {
  *out = take_word(c, "True");
  return *out || take_word(c, "False") ? KVINO_OK : broken(c, "'fortran_order' must be True or False");
}

static kvino_status read_entry(cursor *c, kv_npy_header *h, unsigned *seen) {
  char key[32];
  KV_TRY(read_string(c, key, sizeof key));
  if (!take(c, ':')) return broken(c, "a key without a value");
  unsigned bit = !strcmp(key, "descr") ? 1 : !strcmp(key, "fortran_order") ? 2 : !strcmp(key, "shape") ? 4 : 0;
  if (!bit) return broken(c, "a key other than 'descr', 'fortran_order' and 'shape'");
  if (*seen & bit) return broken(c, "a key stands there twice");
  *seen |= bit;
  return bit == 1 ? read_descr(c, h) : bit == 2 ? read_flag(c, &h->fortran) : read_shape(c, h);
}

kvino_status kv_npy_prefix(const unsigned char prefix[KV_NPY_PREFIX], const char *name, int *length_bytes,
                           kvino_error *err) {
  if (memcmp(prefix, "\x93NUMPY", 6)) return kv_fail(err, KVINO_IO, "%s: not an .npy file", name);
  if (prefix[6] < 1 || prefix[6] > 3 || prefix[7])
    return kv_fail(err, KVINO_IO, "%s: version %d.%d of the .npy format is not known; kvino reads 1.0, 2.0 and 3.0",
                   name, prefix[6], prefix[7]);
  *length_bytes = prefix[6] == 1 ? 2 : 4;
  return KVINO_OK;
}

kvino_status kv_npy_header_parse(const char *text, size_t n, int version, const char *name, kv_npy_header *out,
                                 kvino_error *err) {
  cursor c = {text, text + n, name, version, err};
  kv_npy_header h = {0};
  unsigned seen = 0;
  bool comma = true;
  if (!n || text[n - 1] != '\n') return broken(&c, "it does not end with a newline");
  if (!take(&c, '{')) return broken(&c, "it is not a dict");
  while (!take(&c, '}')) {
    if (!comma) return broken(&c, "the dict does not end");
    KV_TRY(read_entry(&c, &h, &seen));
    comma = take(&c, ',');
  }
  skip_blanks(&c);
  if (c.at != c.end) return broken(&c, "something follows the dict");
  if (seen != 7) return broken(&c, "'descr', 'fortran_order' or 'shape' is missing");
  *out = h;
  return KVINO_OK;
}

/* ---- writing ---- */

kvino_status kv_npy_header_write(const kv_npy_header *h, char text[KV_NPY_WRITTEN_MAX], size_t *n, kvino_error *err) {
  int code = 0;
  char strings[24];
  bool is_strings = h->dtype == KVINO_STRING;
  while (code < CODES && codes[code].dtype != h->dtype) code++;
  if (code == CODES && !is_strings)
    return kv_fail(err, KVINO_TYPE, "the .npy format has no type string for dtype %s: convert the tensor first",
                   kvino_dtype_name(h->dtype));
  snprintf(strings, sizeof strings, "U%zu", h->width / 4);
  char order = kvino_dtype_size(h->dtype) == 1 ? '|' : __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? '<' : '>';
  const size_t start = KV_NPY_PREFIX + 2;
  size_t at = start;
  at += (size_t)sprintf(text + at, "{'descr': '%c%s', 'fortran_order': %s, 'shape': (", order,
                        is_strings ? strings : codes[code].code, h->fortran ? "True" : "False");
  for (int i = 0; i < h->rank; i++) at += (size_t)sprintf(text + at, "%s%lld", i ? ", " : "", (long long)h->shape[i]);
  at += (size_t)sprintf(text + at, "%s), }", h->rank == 1 ? "," : "");
  while ((at + 1) % 64) text[at++] = ' ';
  text[at++] = '\n';
  memcpy(text, "\x93NUMPY\x01\x00", KV_NPY_PREFIX);
  text[8] = (char)((at - start) & 0xff);
  text[9] = (char)((at - start) >> 8);
  *n = at;
  return KVINO_OK;
}
