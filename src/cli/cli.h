/* The kvino command. Exit codes: 0 done; 1 it could not be done; 2 it was asked for wrongly. */
#ifndef KVINO_CLI_CLI_H
#define KVINO_CLI_CLI_H

#include "kvino/kvino.h"

enum { DONE = 0, FAILED = 1, MISUSED = 2 };

typedef struct command {
  const char *name;
  const char *arguments; /* of the usage line */
  const char *summary;   /* one line */
  const char *help;      /* the rest of --help; "" where nothing is left to say */
  int (*run)(const struct command *self, int argc, char **argv);
} command;

extern const command devices_command, info_command, nonzero_command, run_command, show_command;

/* "kvino nonzero: <text>" on standard error. Returns FAILED. */
int fail(const command *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with a pointer to --help; text may be NULL where getopt has spoken already. Returns MISUSED. */
int misuse(const command *self, const char *text);
/* Prints the help of a command to standard output. Returns DONE. */
int print_help(const command *self);

/* For commands without options of their own: handles --help and refuses anything else. Returns -1 to go on, or the exit
 * code. */
int no_arguments(const command *self, int argc, char **argv);

/* A shape or an index: "(2, 3)", "(2,)", "()". Returns its length. */
enum { TUPLE_TEXT = 24 * KVINO_MAX_RANK };
int tuple(int n, const int64_t *values, char *text, size_t size);

/* n texts as the tensor that an input of strings takes. */
kvino_status texts_tensor(const kvino_port *port, size_t n, const char *const *texts, const size_t *lengths,
                          kvino_tensor **out, kvino_error *err);
/* The lines of a file; "-" is standard input. */
kvino_status texts_read(const kvino_port *port, const char *path, kvino_tensor **out, kvino_error *err);

#endif
