/* kvino nonzero: the indices of the nonzero elements of an .npy file. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

typedef struct request {
  const char *in, *out;
  kvino_dtype dtype;
  long long first; /* how many indices to print */
} request;

static int64_t index_at(const kvino_tensor *row, int64_t i) {
  int64_t wide;
  int32_t narrow;
  const char *at = (const char *)kvino_tensor_data(row) + i * kvino_tensor_strides(row)[0];
  if (kvino_tensor_dtype(row) == KVINO_I64) {
    memcpy(&wide, at, sizeof wide);
    return wide;
  }
  memcpy(&narrow, at, sizeof narrow);
  return narrow;
}

static void print_indices(const request *r, const kvino_tensor *x, const kvino_tensors *rows) {
  char text[TUPLE_TEXT];
  int64_t n = kvino_tensor_shape(rows->v[0])[0], index[KVINO_MAX_RANK];
  tuple(kvino_tensor_rank(x), kvino_tensor_shape(x), text, sizeof text);
  printf("%s: %s %s, %lld of %lld elements are nonzero\n", r->in, kvino_dtype_name(kvino_tensor_dtype(x)), text,
         (long long)n, (long long)kvino_tensor_size(x));
  for (int64_t i = 0; i < n && i < r->first; i++) {
    for (size_t axis = 0; axis < rows->n; axis++) index[axis] = index_at(rows->v[axis], i);
    tuple((int)rows->n, index, text, sizeof text);
    printf("  %s\n", text);
  }
  if (n > r->first && r->first > 0) printf("  ... %lld more\n", (long long)(n - r->first));
}

static kvino_status write_indices(const request *r, const kvino_tensors *rows, kvino_error *err) {
  char text[KVINO_MAX_RANK][24];
  const char *names[KVINO_MAX_RANK];
  for (size_t i = 0; i < rows->n; i++) {
    snprintf(text[i], sizeof text[i], "dim%zu", i);
    names[i] = text[i];
  }
  return kvino_npz_write(r->out, rows->n, names, rows->v, err);
}

static int work(const command *self, const request *r) {
  kvino_error err;
  kvino_tensor *x = NULL;
  kvino_tensors rows = {0, NULL};
  kvino_status status = kvino_npy_read(strcmp(r->in, "-") ? r->in : "/dev/stdin", &x, &err);
  if (!status) status = kvino_nonzero(x, KVINO_NO_INTEGER, 0, r->dtype, &rows, &err);
  if (!status && r->out) status = write_indices(r, &rows, &err);
  if (!status && !r->out) print_indices(r, x, &rows);
  kvino_tensors_clear(&rows);
  kvino_tensor_release(x);
  return status ? fail(self, "%s", err.text) : DONE;
}

static bool read_count(const char *text, long long *out) {
  char *end;
  *out = strtoll(text, &end, 10);
  return *text && !*end && *out >= 0;
}

static int run(const command *self, int argc, char **argv) {
  static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                          {"int32", no_argument, NULL, 'i'},
                                          {"first", required_argument, NULL, 'n'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
  request r = {NULL, NULL, KVINO_I64, 10};
  for (int c; (c = getopt_long(argc, argv, "o:n:h", options, NULL)) != -1;) {
    switch (c) {
    case 'o':
      r.out = optarg;
      break;
    case 'i':
      r.dtype = KVINO_I32;
      break;
    case 'n':
      if (!read_count(optarg, &r.first)) return misuse(self, "--first takes a number that is not negative");
      break;
    case 'h':
      return print_help(self);
    default:
      return misuse(self, NULL);
    }
  }
  if (optind == argc) return misuse(self, "which .npy file?");
  if (optind + 1 < argc) return misuse(self, "one .npy file at a time");
  r.in = argv[optind];
  return work(self, &r);
}

const command nonzero_command = {
    "nonzero",
    "IN.npy [-o OUT.npz] [--int32] [-n COUNT]",
    "Find the indices of the nonzero elements of an array, in C order.",
    "\n"
    "IN.npy is an array as numpy.save writes it; - is standard input. Without -o, the number of nonzero elements and\n"
    "the first indices are printed.\n"
    "\n"
    "Options:\n"
    "  -o, --output OUT.npz  write the indices: one array per dimension, called dim0, dim1, ...\n"
    "      --int32           32-bit indices instead of 64-bit ones; an error where they could overflow\n"
    "  -n, --first COUNT     how many indices to print (10)\n"
    "  -h, --help            this text\n",
    run,
};
