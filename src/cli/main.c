/* kvino: finds the subcommand and runs it. */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const command *const commands[] = {&run_command,     &show_command,    &bench_command,
                                          &profile_command, &convert_command, &verify_command,
                                          &devices_command, &nonzero_command, &info_command};
enum { COMMANDS = sizeof commands / sizeof *commands };

int fail(const command *self, const char *format, ...) {
  va_list args;
  fflush(stdout);
  fprintf(stderr, "kvino %s: ", self->name);
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
  return FAILED;
}

int misuse(const command *self, const char *text) {
  if (text) fprintf(stderr, "kvino %s: %s\n", self->name, text);
  fprintf(stderr, "Try 'kvino %s --help'.\n", self->name);
  return MISUSED;
}

int print_help(const command *self) {
  printf("Usage: kvino %s%s%s\n%s\n%s", self->name, *self->arguments ? " " : "", self->arguments, self->summary,
         self->help);
  return DONE;
}

int json_alone(const command *self, int argc, char **argv, bool *json) {
  static const struct option options[] = {
      {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
  *json = false;
  for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1; *json = true)
    if (c != 'j') return c == 'h' ? print_help(self) : misuse(self, NULL);
  return optind < argc ? misuse(self, "it takes no arguments") : -1;
}

static const char general[] = "  -h, --help     help; 'kvino COMMAND --help' tells about a command\n"
                              "  -V, --version  the version\n"
                              "      --man      the page of the manual, as man(1) reads it\n";

static int usage(FILE *to) {
  fputs("Usage: kvino COMMAND [ARGUMENTS]\nKeras 3 on OpenVINO, from the shell.\n\nCommands:\n", to);
  for (int i = 0; i < COMMANDS; i++) fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
  fprintf(to, "\nOptions:\n%s", general);
  fputs("\nEnvironment: KVINO_OPENVINO (where OpenVINO's C library is), KVINO_THREADS, KVINO_ISA.\n"
        "Exit status: 0 done, 1 failed, 2 wrong usage.\n",
        to);
  return to == stdout ? DONE : MISUSED;
}

static int dispatch(int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : NULL;
  if (!name) return usage(stderr);
  if (!strcmp(name, "--help") || !strcmp(name, "-h")) return usage(stdout);
  if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
    printf("kvino %s\n", kvino_version());
    return DONE;
  }
  if (!strcmp(name, "--man")) {
    print_manual(COMMANDS, commands, general);
    return DONE;
  }
  bool help = !strcmp(name, "help");
  if (help && argc == 2) return usage(stdout);
  if (help) name = argv[2];
  for (int i = 0; i < COMMANDS; i++) {
    if (strcmp(name, commands[i]->name)) continue;
    if (help) return print_help(commands[i]);
    char called[32]; /* getopt starts its messages with argv[0] */
    snprintf(called, sizeof called, "kvino %s", name);
    argv[1] = called;
    return commands[i]->run(commands[i], argc - 1, argv + 1);
  }
  fprintf(stderr, "kvino: there is no %s '%s'\nTry 'kvino --help'.\n", *name == '-' ? "option" : "command", name);
  return MISUSED;
}

int main(int argc, char **argv) {
  int code = dispatch(argc, argv);
  if (fflush(stdout) || ferror(stdout)) {
    fprintf(stderr, "kvino: cannot write to standard output: %s\n", strerror(errno));
    return FAILED;
  }
  return code;
}
