/* Runs a fuzz target without a fuzzer: on every file of the directories given, whole, cut off at every length and with
 * every byte changed in turn (files beyond 4096 bytes: whole alone). Ends in an abort where the target does. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SMALL = 4096 };

/* In a block of exactly its size, so that a sanitizer sees a read past the end. */
static void feed(const uint8_t *data, size_t size, size_t changed, uint8_t change) {
  uint8_t *exact = malloc(size ? size : 1);
  if (!exact) abort();
  memcpy(exact, data, size);
  if (changed < size) exact[changed] ^= change;
  LLVMFuzzerTestOneInput(exact, size);
  free(exact);
}

static int replay(const char *path) {
  static uint8_t data[1 << 20];
  FILE *file = fopen(path, "rb");
  if (!file) return 0;
  size_t size = fread(data, 1, sizeof data, file);
  fclose(file);
  feed(data, size, SIZE_MAX, 0);
  for (size_t i = 0; size <= SMALL && i < size; i++) {
    feed(data, i, SIZE_MAX, 0);
    feed(data, size, i, 0x01);
    feed(data, size, i, 0x80);
    feed(data, size, i, 0xff);
  }
  return 1;
}

int main(int argc, char **argv) {
  int files = 0;
  for (int i = 1; i < argc; i++) {
    DIR *dir = opendir(argv[i]);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
      char path[4096];
      if (*entry->d_name == '.') continue;
      snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
      files += replay(path);
    }
    if (dir) closedir(dir);
  }
  printf("%d files\n", files);
  return files ? 0 : 1; /* no corpus is no test */
}
