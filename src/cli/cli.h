/* The kvino command. Exit codes: 0 done; 1 it could not be done; 2 it was asked for wrongly. */
#ifndef KVINO_CLI_CLI_H
#define KVINO_CLI_CLI_H

#include <stdio.h>

#include "kvino/kvino.h"

enum { DONE = 0, FAILED = 1, MISUSED = 2 };

typedef struct command {
  const char *name;
  const char *arguments; /* of the usage line */
  const char *summary;   /* one line */
  const char *help;      /* the rest of --help; "" where nothing is left to say */
  int (*run)(const struct command *self, int argc, char **argv);
} command;

extern const command bench_command, convert_command, devices_command, info_command, nonzero_command, profile_command,
    run_command, show_command, verify_command;

/* "kvino nonzero: <text>" on standard error. Returns FAILED. */
int fail(const command *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with a pointer to --help; text may be NULL where getopt has spoken already. Returns MISUSED. */
int misuse(const command *self, const char *text);
/* Prints the help of a command to standard output. Returns DONE. */
int print_help(const command *self);

/* For commands whose only option is --json: handles --help and refuses anything else. Returns -1 to go on, or the exit
 * code. */
int json_alone(const command *self, int argc, char **argv, bool *json);
/* The page of the manual; general: the options before a command. */
void print_manual(size_t n, const command *const *commands, const char *general);

/* Which part is done, 0 to 1: a bar on standard error, where that is a terminal. One thread at a time. */
void progress(double part);
void progress_end(void); /* nothing is left of it */

/* A shape or an index: "(2, 3)", "(None,)", "()". Returns its length. */
enum { TUPLE_TEXT = 24 * KVINO_MAX_RANK };
int tuple(int n, const int64_t *values, char *text, size_t size);

/* n texts as the tensor that an input of strings takes. */
kvino_status texts_tensor(const kvino_port *port, size_t n, const char *const *texts, const size_t *lengths,
                          kvino_tensor **out, kvino_error *err);
/* The lines of a file; "-" is standard input. */
kvino_status texts_read(const kvino_port *port, const char *path, kvino_tensor **out, kvino_error *err);

/* The value of an option. False where it is no such number, which has been told on standard error then, with the option
 * and the text: return misuse(self, NULL). */
bool read_number(const command *self, const char *option, const char *text, bool whole, double least, double most,
                 double *out);
bool read_count(const command *self, const char *option, const char *text, long long least, long long *out);

/* All of a file, "-" standard input; for free(). NULL where it cannot be read, errno says why. */
char *read_all(const char *path, size_t *n);
/* Numbers in comma-separated values, in the shape that the input has. */
kvino_status csv_read(const kvino_port *port, const char *path, kvino_tensor **out, kvino_error *err);
kvino_status csv_parse(const kvino_port *port, const char *text, size_t n, const char *path, kvino_tensor **out,
                       kvino_error *err);

/* As JSON: a list. */
void put_devices(FILE *to, const kvino_device *devices, size_t n);

bool ends_with(const char *text, const char *end);
/* Whether a file's name ends as one of these (the last is NULL) do, or in no way: a device's. */
bool has_kind(const char *path, const char *const *kinds);
/* A text as JSON has it, in quotes. */
void put_json(FILE *to, const char *text);
void put_json_text(FILE *to, const char *text, size_t n);
void put_json_shape(FILE *to, int rank, const int64_t *shape); /* -1 is null */
/* An array to an .npy file; "-" is standard output. */
kvino_status write_array(const char *path, const kvino_tensor *t, kvino_error *err);

/* What is done to pictures: (x - mean) / scale, after their size is that of the input. */
typedef struct channel_values {
  size_t n; /* 0: none; 1: for all channels; 3 */
  float value[3];
} channel_values;
typedef struct image_options {
  int64_t size[2]; /* height and width, instead of the input's; 0: the input's */
  bool as_it_is;   /* another size is refused */
  channel_values mean, scale;
} image_options;
bool is_image(const char *path);
/* A picture, or several as a batch, as the input takes them. options: NULL for none. */
kvino_status image_read(const kvino_port *port, const char *path, const image_options *options, kvino_tensor **out,
                        kvino_error *err);
kvino_status images_read(const kvino_port *port, size_t n, char *const *paths, const image_options *options,
                         kvino_tensor **out, kvino_error *err);
/* "--mean 1,2,3" and "--resize 2x3"; false as read_number. */
bool read_channels(const command *self, const char *option, const char *text, double least, channel_values *out);
bool read_size(const command *self, const char *text, image_options *out);

/* "libpng, libjpeg", or that kvino was built without. */
extern const char *const pixels_libraries;

/* What the command line gives for a model's inputs. */
typedef struct given_inputs {
  size_t n, n_texts;
  char *const *paths;       /* one file for each, in their order ("-": standard input), or one .npz with all of them, by
                               the inputs' names or in its order */
  const char *const *texts; /* given by themselves, for the first input of strings */
  const image_options *image; /* NULL: none */
} given_inputs;
/* in->n: as many as were given. Free with drop_inputs, whatever this returns. */
kvino_status read_inputs(const kvino_model *model, const given_inputs *given, kvino_tensors *in, kvino_error *err);
/* The same with numbers that are drawn, from 0 to 1 (integers: 0). shapes: "[1,224,224,3]", "x[1,8],y[1]", or NULL: the
 * model's, unknown lengths 1; batch: of the first axis, unless 0. */
kvino_status draw_inputs(const kvino_model *model, const char *shapes, int64_t batch, kvino_tensors *in,
                         kvino_error *err);
void drop_inputs(kvino_tensors *in);
/* The lengths of one input: of `shapes`, where ? or -1 leaves the model's, or the model's; batch as above. */
kvino_status input_shape(const kvino_port *port, const char *shapes, int64_t batch, int64_t *out, kvino_error *err);
/* Fills *err as the library does. */
kvino_status tell(kvino_error *err, kvino_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* A model as a graph, with what goes in and comes out there: port.shape is `shape`. */
typedef struct recorded_port {
  kvino_port port;
  int64_t shape[KVINO_MAX_RANK];
} recorded_port;
typedef struct recorded_model {
  kvino_graph *graph;
  size_t n_in, n_out;
  recorded_port *in, *out;
} recorded_model;
/* Where and how it is written. */
typedef struct repository {
  const char *path, *name;
  int64_t batch; /* 0: any */
  bool halves, ovms, triton;
} repository;
/* What OpenVINO computes less exactly is told on standard error. */
kvino_status write_ir(kvino_graph *graph, const char *path, bool halves, kvino_error *err);
/* In a server's folder of models, with its configuration. */
kvino_status write_repository(const recorded_model *m, const repository *r, kvino_error *err);

/* What each layer takes: the table, or with `html` a page in that file. */
kvino_status print_profile(kvino_model *model, const char *device, const kvino_tensors *in, size_t runs,
                           const char *html, kvino_error *err);

#endif
