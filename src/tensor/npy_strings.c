#include "tensor/npy_strings.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"

/* ---- reading ---- */

static bool is_utf32(const kv_npy_header *h) { return h->unit == 4; }

static uint32_t unit_at(const char *at, bool swapped) {
  uint32_t v;
  memcpy(&v, at, sizeof v);
  return swapped ? __builtin_bswap32(v) : v;
}

/* The element's text in its own place, which is long enough. False: a unit that is no character. */
static bool decode(const kv_npy_header *h, char *at, size_t *length) {
  size_t units = h->width / h->unit, n = 0;
  if (!is_utf32(h)) {
    while (units && !at[units - 1]) units--;
    return *length = units, true;
  }
  while (units && !unit_at(at + 4 * (units - 1), false)) units--;
  for (size_t i = 0; i < units; i++) {
    size_t bytes = kv_utf8_put(unit_at(at + 4 * i, h->swapped), at + n);
    if (!bytes) return false;
    n += bytes;
  }
  return *length = n, true;
}

kvino_status kv_npy_strings_read(const kv_npy_header *h, const int64_t *shape, char *from, size_t n, const char *name,
                                 kvino_tensor **out, kvino_error *err) {
  const char **text = kv_malloc((n + 1) * sizeof *text);
  size_t *length = kv_malloc((n + 1) * sizeof *length), i = 0;
  kvino_status status = text && length ? KVINO_OK : kv_fail(err, KVINO_NO_MEMORY, "out of memory for %zu strings", n);
  for (; i < n && !status; i++) {
    text[i] = from + i * h->width;
    if (!decode(h, from + i * h->width, &length[i]))
      status = kv_fail(err, KVINO_IO, "%s: string number %zu has a character that there is not", name, i);
  }
  if (!status) status = kvino_strings_new(h->rank, shape, text, length, out, err);
  kv_free(text);
  kv_free(length);
  return status;
}

/* ---- writing ---- */

static uint32_t character(const char *at, size_t n) {
  const unsigned char *s = (const unsigned char *)at;
  uint32_t c = n == 1 ? s[0] : s[0] & (0xFFu >> (n + 1));
  for (size_t i = 1; i < n; i++) c = c << 6 | (s[i] & 0x3F);
  return c;
}

/* Characters of a string, written to `to` where that is not NULL; -1: not UTF-8. */
static int64_t encode(const kvino_string *s, char *to) {
  int64_t count = 0;
  for (size_t i = 0, n; i < s->n; i += n, count++) {
    if (!(n = kv_utf8_next(s->at + i, s->n - i))) return -1;
    uint32_t c = character(s->at + i, n);
    if (to) memcpy(to + 4 * count, &c, sizeof c);
  }
  return count;
}

kvino_status kv_npy_strings_write(kvino_tensor *t, kv_npy_header *h, kvino_tensor **out, kvino_error *err) {
  kvino_tensor *x, *y = NULL;
  int64_t most = 1;
  KV_TRY(kvino_tensor_contiguous(t, &x, err));
  kvino_status status = KVINO_OK;
  for (int64_t i = 0; i < x->size && !status; i++) {
    int64_t n = encode(kv_string_at(x, i), NULL);
    if (n < 0) status = kv_fail(err, KVINO_TYPE, "string number %lld is not UTF-8", (long long)i);
    if (n > most) most = n;
  }
  if (!status) status = kv_tensor_empty(KVINO_U8, 2, (int64_t[]){x->size, 4 * most}, &y, err);
  if (!status) {
    if (y->size) memset(y->data, 0, (size_t)y->size);
    for (int64_t i = 0; i < x->size; i++) encode(kv_string_at(x, i), y->data + 4 * most * i);
    h->unit = 4;
    h->width = 4 * (size_t)most;
    *out = y;
  }
  kvino_tensor_release(x);
  return status;
}
