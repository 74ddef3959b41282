#include "base/utf8.h"

#include <string.h>

size_t kv_utf8_next(const char *at, size_t n) {
  const unsigned char *s = (const unsigned char *)at;
  if (!n) return 0;
  if (s[0] < 0x80) return 1;
  size_t length = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
  if (s[0] < 0xC2 || s[0] > 0xF4 || length > n) return 0;
  for (size_t i = 1; i < length; i++)
    if ((s[i] & 0xC0) != 0x80) return 0;
  /* What the first two bytes rule out: longer than it must be, surrogates, above U+10FFFF. */
  if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F)) return 0;
  if ((s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F)) return 0;
  return length;
}

size_t kv_utf8_valid(const char *at, size_t n) {
  size_t done = 0;
  while (done < n) {
    uint64_t eight;
    if (n - done >= sizeof eight) { /* plain ASCII, mostly */
      memcpy(&eight, at + done, sizeof eight);
      if (!(eight & UINT64_C(0x8080808080808080))) {
        done += sizeof eight;
        continue;
      }
    }
    size_t length = kv_utf8_next(at + done, n - done);
    if (!length) break;
    done += length;
  }
  return done;
}

size_t kv_utf8_put(uint32_t c, char *to) {
  if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return 0;
  size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  static const unsigned char first[] = {0, 0, 0xC0, 0xE0, 0xF0};
  for (size_t i = n - 1; i; i--, c >>= 6) to[i] = (char)(0x80 | (c & 0x3F));
  to[0] = (char)(first[n] | c);
  return n;
}
