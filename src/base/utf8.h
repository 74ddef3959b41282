/* UTF-8 as RFC 3629 has it: no surrogates, nothing above U+10FFFF, no character longer than it must be. */
#ifndef KVINO_BASE_UTF8_H
#define KVINO_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the character that the n bytes begin with; 0: that is none. */
size_t kv_utf8_next(const char *at, size_t n);
/* Bytes from the beginning that are UTF-8: n where all are. */
size_t kv_utf8_valid(const char *at, size_t n);
/* Writes a character, 4 bytes at most, and gives their number; 0 where it is none. */
size_t kv_utf8_put(uint32_t character, char *to);

#endif
