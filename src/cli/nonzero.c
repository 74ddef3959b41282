/* kvino nonzero: the indices of the nonzero elements of an .npy file, or of the arrays of an .npz archive. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

typedef struct request {
  const char *in, *out, *member;
  kvino_dtype dtype;
  long long first; /* how many indices to print; below 0: all for programs, ten for people */
  bool json;
} request;

/* ---- printed ---- */

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

static void take_index(const kvino_tensors *rows, int64_t i, int64_t *index) {
  for (size_t axis = 0; axis < rows->n; axis++) index[axis] = index_at(rows->v[axis], i);
}

static void print_indices(const request *r, const char *member, const kvino_tensor *x, const kvino_tensors *rows) {
  char text[TUPLE_TEXT];
  int64_t n = kvino_tensor_shape(rows->v[0])[0], first = r->first < 0 ? 10 : r->first, index[KVINO_MAX_RANK];
  tuple(kvino_tensor_rank(x), kvino_tensor_shape(x), text, sizeof text);
  printf("%s%s%s%s: %s %s, %lld of %lld elements are nonzero\n", r->in, member ? "[" : "", member ? member : "",
         member ? "]" : "", kvino_dtype_name(kvino_tensor_dtype(x)), text, (long long)n,
         (long long)kvino_tensor_size(x));
  for (int64_t i = 0; i < n && i < first; i++) {
    take_index(rows, i, index);
    tuple((int)rows->n, index, text, sizeof text);
    printf("  %s\n", text);
  }
  if (n > first && first > 0) printf("  ... %lld more\n", (long long)(n - first));
}

static void put_indices(const request *r, const char *member, const kvino_tensor *x, const kvino_tensors *rows) {
  int64_t n = kvino_tensor_shape(rows->v[0])[0], index[KVINO_MAX_RANK];
  printf("{\"file\": ");
  put_json(stdout, r->in);
  if (member) printf(", \"member\": ");
  if (member) put_json(stdout, member);
  printf(", \"dtype\": \"%s\", \"shape\": ", kvino_dtype_name(kvino_tensor_dtype(x)));
  put_json_shape(stdout, kvino_tensor_rank(x), kvino_tensor_shape(x));
  printf(", \"size\": %lld, \"count\": %lld, \"indices\": [", (long long)kvino_tensor_size(x), (long long)n);
  for (int64_t i = 0; i < n && (r->first < 0 || i < r->first); i++) {
    take_index(rows, i, index);
    printf("%s", i ? ", " : "");
    put_json_shape(stdout, (int)rows->n, index);
  }
  printf("]}\n");
}

static kvino_status print_one(const request *r, const char *member, kvino_tensor *x, kvino_error *err) {
  kvino_tensors rows = {0, NULL};
  kvino_status status = kvino_nonzero(x, KVINO_NO_INTEGER, 0, r->dtype, &rows, err);
  if (!status) (r->json ? put_indices : print_indices)(r, member, x, &rows);
  kvino_tensors_clear(&rows);
  return status;
}

/* ---- written ---- */

static kvino_status write_axes(const request *r, kvino_tensor *x, kvino_error *err) {
  char text[KVINO_MAX_RANK][24];
  const char *names[KVINO_MAX_RANK];
  kvino_tensors rows = {0, NULL};
  kvino_status status = kvino_nonzero(x, KVINO_NO_INTEGER, 0, r->dtype, &rows, err);
  if (status) return status;
  for (size_t i = 0; i < rows.n; i++) {
    snprintf(text[i], sizeof text[i], "dim%zu", i);
    names[i] = text[i];
  }
  status = kvino_npz_write(r->out, rows.n, names, rows.v, err);
  kvino_tensors_clear(&rows);
  return status;
}

static kvino_status write_one(const request *r, kvino_tensor *x, kvino_error *err) {
  if (strcmp(r->out, "-") && !ends_with(r->out, ".npy")) return write_axes(r, x, err);
  kvino_tensor *rows = NULL;
  kvino_status status = kvino_argwhere(x, KVINO_NO_INTEGER, 0, r->dtype, &rows, err);
  if (!status) status = write_array(r->out, rows, err);
  kvino_tensor_release(rows);
  return status;
}

/* ---- the command ---- */

/* All arrays that were asked for; names: NULL of an .npy file. */
static kvino_status answer(const request *r, char *const *names, const kvino_tensors *arrays, kvino_error *err) {
  kvino_status status = KVINO_OK;
  size_t found = 0;
  if (r->out && arrays->n != 1 && !r->member)
    return tell(err, KVINO_INVALID, "%s has %zu arrays: --member says which one -o is to write", r->in, arrays->n);
  for (size_t i = 0; i < arrays->n && !status; i++) {
    const char *name = names ? names[i] : NULL;
    if (r->member && strcmp(r->member, name)) continue;
    found++;
    status = r->out ? write_one(r, arrays->v[i], err) : print_one(r, name, arrays->v[i], err);
  }
  if (!status && r->member && !found) status = tell(err, KVINO_INVALID, "%s has no array '%s'", r->in, r->member);
  return status;
}

static int work(const command *self, const request *r) {
  kvino_error err;
  kvino_status status;
  if (ends_with(r->in, ".npz")) {
    char **names = NULL;
    kvino_tensors arrays = {0, NULL};
    status = kvino_npz_read(r->in, &names, &arrays, &err);
    if (!status) status = answer(r, names, &arrays, &err);
    kvino_names_free(names, arrays.n);
    kvino_tensors_clear(&arrays);
  } else {
    kvino_tensor *x = NULL;
    status = kvino_npy_read(strcmp(r->in, "-") ? r->in : "/dev/stdin", &x, &err);
    if (!status) status = answer(r, NULL, &(kvino_tensors){1, &x}, &err);
    kvino_tensor_release(x);
  }
  return status ? fail(self, "%s", err.text) : DONE;
}

static int run(const command *self, int argc, char **argv) {
  static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                          {"member", required_argument, NULL, 'm'},
                                          {"int32", no_argument, NULL, 'i'},
                                          {"first", required_argument, NULL, 'n'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
  request r = {.dtype = KVINO_I64, .first = -1};
  for (int c; (c = getopt_long(argc, argv, "o:m:n:h", options, NULL)) != -1;) {
    switch (c) {
    case 'o':
      r.out = optarg;
      break;
    case 'm':
      r.member = optarg;
      break;
    case 'i':
      r.dtype = KVINO_I32;
      break;
    case 'n':
      if (!read_count(self, "--first", optarg, 0, &r.first)) return misuse(self, NULL);
      break;
    case 'j':
      r.json = true;
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
  if (r.member && !ends_with(r.in, ".npz")) return misuse(self, "--member is of .npz archives");
  if (r.out && !has_kind(r.out, (const char *const[]){".npy", ".npz", NULL})) {
    fprintf(stderr, "kvino nonzero: -o writes .npy or .npz, not '%s'\n", r.out);
    return misuse(self, NULL);
  }
  if (r.out && r.json) return misuse(self, "--json prints, -o writes: one of them");
  return work(self, &r);
}

const command nonzero_command = {
    "nonzero",
    "IN.npy [-o OUT.npy] [--int32] [-n COUNT]",
    "Find the indices of the nonzero elements of an array, in C order.",
    "\n"
    "IN.npy is an array as numpy.save writes it; - is standard input. Of an archive, IN.npz, each array is taken in "
    "turn,\n"
    "or the one that --member names. Without -o, the number of nonzero elements and the first indices are printed.\n"
    "\n"
    "Options:\n"
    "  -o, --output OUT      OUT.npy: one array of a row per index, as numpy.argwhere has it; - is the same on "
    "standard\n"
    "                        output; OUT.npz: an array per dimension, called dim0, dim1, ..., as numpy.nonzero has it\n"
    "  -m, --member NAME     the array of this name in IN.npz\n"
    "      --int32           32-bit indices instead of 64-bit ones; an error where they could overflow\n"
    "  -n, --first COUNT     how many indices to print (10; all with --json)\n"
    "      --json            for programs: dtype, shape, count and indices, an object on each line\n"
    "  -h, --help            this text\n",
    run,
};
