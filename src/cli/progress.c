/* A bar on standard error, where that is a terminal. */
#include <stdio.h>
#include <unistd.h>

#include "cli.h"

enum { WIDTH = 40 };

void progress(double part) {
  static const char bar[] = "########################################";
  static int before = -1;
  int percent = part < 0 ? 0 : part > 1 ? 100 : (int)(part * 100);
  if (percent == before || !isatty(STDERR_FILENO)) return;
  before = percent;
  int length = percent * WIDTH / 100;
  fprintf(stderr, "\r[%.*s%*s] %3d%%", length, bar, WIDTH - length, "", percent);
}

void progress_end(void) {
  if (isatty(STDERR_FILENO)) fputs("\r\033[K", stderr);
}
