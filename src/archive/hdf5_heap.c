#define _GNU_SOURCE
#include "archive/hdf5_heap.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

enum { HEADER = 16 }; /* of a collection, and of an object in it */

static uint64_t length_at(const char *at) {
  uint64_t value;
  memcpy(&value, at, sizeof value);
  return le64toh(value);
}

static bool sizes_are_8(const char *at, size_t n) {
  if (n < 16) return false;
  const char *sizes = at + (at[8] < 2 ? 13 : 9); /* by the version of the superblock */
  return sizes[0] == 8 && sizes[1] == 8;
}

/* The objects of a collection of `size` bytes: 2 bytes of number (0: what is free), 6 of others, 8 of length, data. */
static bool objects_fit(const char *at, uint64_t size) {
  for (uint64_t done = HEADER; size - done >= HEADER;) {
    uint64_t taken = length_at(at + done + 8);
    bool is_object = at[done] || at[done + 1];
    if (taken > size) return false;
    if (is_object) taken = HEADER + (taken + 7) / 8 * 8;
    if (taken < HEADER || taken > size - done) return false;
    done += taken;
  }
  return true;
}

bool kv_hdf5_heaps_are_sound(const char *at, size_t n) {
  static const char BEGIN[] = {'G', 'C', 'O', 'L', 1}; /* and the version */
  if (!sizes_are_8(at, n)) return false;
  for (const char *from = at, *found; (found = memmem(from, n - (size_t)(from - at), BEGIN, sizeof BEGIN));
       from = found + 1) {
    size_t left = n - (size_t)(found - at);
    if (left < HEADER) return false;
    uint64_t size = length_at(found + 8);
    if (size < HEADER || size > left || !objects_fit(found, size)) return false;
  }
  return true;
}
