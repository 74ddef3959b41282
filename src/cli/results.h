/* Results of models: as files, and as text. */
#ifndef KVINO_CLI_RESULTS_H
#define KVINO_CLI_RESULTS_H

#include "cli.h"

/* A tensor's elements as text can be made of them: C order, one of few dtypes. Release t. */
typedef struct values {
  kvino_tensor *t;
  kvino_dtype dtype;
  bool single; /* no more digits than a float32 has */
} values;
kvino_status values_take(kvino_tensor *t, values *v, kvino_error *err);
/* Element number i, as JSON or as CSV has it. */
void values_put(FILE *to, const values *v, int64_t i, bool json);

/* What follows the name, dtype and shape of an output in JSON: `, "key": ...`. */
typedef kvino_status put_output(void *context, FILE *to, const kvino_port *port, kvino_tensor *t, kvino_error *err);
put_output put_values;
/* {"outputs": [{"name": ..., "dtype": ..., "shape": ..., what `put` writes}, ...]}; nothing on failure. */
kvino_status print_outputs(const kvino_model *model, const kvino_tensors *out, put_output *put, void *context,
                           kvino_error *err);

/* Whether a file of this name holds all outputs of the model. Errors: KVINO_INVALID, with the name of one that does. */
kvino_status check_output_path(const kvino_model *model, const char *path, kvino_error *err);
/* By the path's end: .npz, .json, .csv, else .npy; "-": .npy on standard output. */
kvino_status write_outputs(const kvino_model *model, const char *path, const kvino_tensors *out, kvino_error *err);

/* Text that is written when there is all of it: nothing stays half written where an error comes up. */
typedef struct buffer {
  FILE *file;
  char *text;
  size_t n;
} buffer;
kvino_status buffer_open(buffer *b, kvino_error *err);
/* Writes it to `to`, whose name is for errors, unless `status` is one already. Frees it in any case. */
kvino_status buffer_close(buffer *b, kvino_status status, FILE *to, const char *name, kvino_error *err);

/* The greatest entries of each row of an output, with their labels. */
typedef struct top {
  int64_t count;
  size_t n_labels; /* 0: there are none */
  char **labels;
  char *text; /* what labels point into */
} top;
/* A file with a label on each line. Free with top_clear, whatever this returns. */
kvino_status top_read_labels(top *t, const char *path, kvino_error *err);
void top_clear(top *t);
kvino_status top_print(const top *t, const kvino_model *model, const kvino_tensors *out, kvino_error *err);
put_output top_put; /* context: a top */

#endif
