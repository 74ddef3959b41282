/* Model files: what is in one, what a run gives, and everything that a file can have wrong. The files are those of the
 * fuzz corpus, and such as this test makes of them. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <hdf5.h>
#include <hdf5_hl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <math.h>
#include <pthread.h>
#include <zip.h>

#include "base/memory.h"
#include "kvino/kvino.h"
#include "scratch.h"

#define OK(call)                                                                                                       \
  do {                                                                                                                 \
    kvino_error ok_error_ = {0}, *ERR = &ok_error_;                                                                    \
    if (call) fail_msg("%s:%d %s", __FILE__, __LINE__, ERR->text);                                                     \
  } while (0)

static const kvino_model_options NATIVE = {.device = "native"};

/* ---- files ---- */

typedef struct bytes {
  size_t n;
  char *at;
} bytes;

static bytes read_file(const char *path) {
  bytes b = {0, NULL};
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  fseek(file, 0, SEEK_END);
  b.n = (size_t)ftell(file);
  rewind(file);
  b.at = malloc(b.n + 1);
  assert_int_equal(fread(b.at, 1, b.n, file), b.n);
  fclose(file);
  return b;
}

static bytes corpus(const char *name) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", KVINO_CORPUS, name);
  return read_file(path);
}

static kvino_model *load(const char *name) {
  bytes b = corpus(name);
  kvino_model *m = NULL;
  OK(kvino_model_parse(b.at, b.n, name, &NATIVE, &m, ERR));
  free(b.at);
  return m;
}

/* Must fail with this status and a text that holds `words`; the output stays as it was. */
static void refuse_bytes(const void *at, size_t n, kvino_status status, const char *words) {
  kvino_model *mark = (kvino_model *)(uintptr_t)0x1234, *m = mark;
  kvino_error err = {0};
  if (kvino_model_parse(at, n, "m.keras", &NATIVE, &m, &err) != status)
    fail_msg("%d, not %d: %s", err.status, status, err.text);
  assert_ptr_equal(m, mark);
  if (!strstr(err.text, words)) fail_msg("'%s' is not in: %s", words, err.text);
}

/* An archive of these members (name, text; a text of NULL: the weights of mlp.keras), in its file's bytes. */
static bytes archive(size_t n, const char *const *members) {
  const char *path = scratch_path("made.keras");
  bytes mlp = corpus("mlp.keras"), weights = {0, NULL};
  zip_error_t error;
  zip_source_t *source = zip_source_buffer_create(mlp.at, mlp.n, 0, &error);
  zip_t *in = zip_open_from_source(source, ZIP_RDONLY, &error), *out = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
  zip_stat_t s;
  assert_false(zip_stat(in, "model.weights.h5", 0, &s));
  weights.n = s.size;
  weights.at = malloc(weights.n);
  zip_file_t *file = zip_fopen(in, "model.weights.h5", 0);
  assert_int_equal(zip_fread(file, weights.at, weights.n), weights.n);
  zip_fclose(file);
  for (size_t i = 0; i < n; i++) {
    const char *text = members[2 * i + 1];
    zip_source_t *part = zip_source_buffer(out, text ? text : weights.at, text ? strlen(text) : weights.n, 0);
    assert_true(zip_file_add(out, members[2 * i], part, ZIP_FL_ENC_UTF_8) >= 0);
  }
  assert_false(zip_close(out));
  zip_discard(in);
  free(mlp.at);
  free(weights.at);
  return read_file(path);
}

static void refuse_config(const char *config, kvino_status status, const char *words) {
  bytes b = archive(2, (const char *const[]){"config.json", config, "model.weights.h5", NULL});
  refuse_bytes(b.at, b.n, status, words);
  free(b.at);
}

/* ---- what is in a file ---- */

static void test_ports_layers_and_weights(void **state) {
  (void)state;
  kvino_model *m = load("mlp.keras");
  kvino_port port;
  kvino_layer layer;
  kvino_error err;
  const char *name;
  kvino_tensor *w = NULL;
  assert_int_equal(kvino_model_input_count(m), 1);
  OK(kvino_model_input(m, 0, &port, ERR));
  assert_string_equal(port.name, "x");
  assert_int_equal(port.dtype, KVINO_F32);
  assert_int_equal(port.rank, 2);
  assert_int_equal(port.shape[0], -1);
  assert_int_equal(port.shape[1], 2);
  OK(kvino_model_output(m, 0, &port, ERR));
  assert_string_equal(port.name, "dense");
  assert_int_equal(kvino_model_layer_count(m), 2);
  OK(kvino_model_layer(m, 1, &layer, ERR));
  assert_string_equal(layer.class_name, "Dense");
  assert_string_equal(layer.path, "layers/dense");
  assert_int_equal(layer.n_weights, 2);
  OK(kvino_model_weight(m, 1, 0, &name, &w, ERR));
  assert_string_equal(name, "kernel");
  assert_int_equal(kvino_tensor_size(w), 4);
  kvino_tensor_release(w);
  assert_int_equal(kvino_model_weight(m, 1, 2, &name, NULL, &err), KVINO_INDEX);
  assert_int_equal(kvino_model_layer(m, 2, &layer, &err), KVINO_INDEX);
  assert_int_equal(kvino_model_input(m, 1, &port, &err), KVINO_INDEX);
  kvino_model_release(m);
}

static void test_a_run_is_the_formula(void **state) {
  (void)state;
  kvino_model *m = load("mlp.keras");
  kvino_tensor *kernel = NULL, *bias = NULL, *x = NULL;
  kvino_tensors out = {0, NULL};
  const float in[6] = {1, 2, -1, 0.5f, 0, 3};
  OK(kvino_model_weight(m, 1, 0, NULL, &kernel, ERR));
  OK(kvino_model_weight(m, 1, 1, NULL, &bias, ERR));
  OK(kvino_tensor_new(KVINO_F32, 2, (int64_t[]){3, 2}, in, &x, ERR));
  OK(kvino_model_run(m, 1, &x, &out, ERR));
  const float *k = kvino_tensor_data(kernel), *b = kvino_tensor_data(bias), *y = kvino_tensor_data(out.v[0]);
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 2; j++)
      assert_true(fabsf(y[2 * i + j] - fmaxf(in[2 * i] * k[j] + in[2 * i + 1] * k[2 + j] + b[j], 0)) < 1e-6f);
  kvino_tensors_clear(&out);
  kvino_tensor_release(x);
  kvino_tensor_release(kernel);
  kvino_tensor_release(bias);
  kvino_model_release(m);
}

static void test_every_file_of_the_corpus(void **state) {
  (void)state;
  static const char *const names[] = {"mlp.keras", "packed.keras", "functional.keras", "old.h5"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char *text = NULL;
    kvino_model *m = load(names[i]);
    OK(kvino_model_summary(m, &text, ERR));
    assert_non_null(strstr(text, "Total params: "));
    kvino_text_free(text);
    kvino_model_release(m);
  }
}

/* ---- runs ---- */

static void test_wrong_inputs_are_named(void **state) {
  (void)state;
  kvino_model *m = load("mlp.keras");
  kvino_error err;
  kvino_tensor *x = NULL, *none = NULL;
  kvino_tensors out = {0, NULL};
  OK(kvino_tensor_new(KVINO_F32, 2, (int64_t[]){1, 3}, NULL, &x, ERR));
  assert_int_equal(kvino_model_run(m, 1, &x, &out, &err), KVINO_INVALID);
  assert_non_null(strstr(err.text, "input 'x' must have the shape (None, 2), not (1, 3)"));
  assert_int_equal(kvino_model_run(m, 0, NULL, &out, &err), KVINO_INVALID);
  assert_int_equal(kvino_model_run(m, 1, &none, &out, &err), KVINO_INVALID);
  assert_null(out.v);
  kvino_tensor_release(x);
  kvino_model_release(m);
}

/* More shapes than are kept, other dtypes than the input's. */
static void test_many_shapes(void **state) {
  (void)state;
  kvino_model *m = load("mlp.keras");
  for (int64_t n = 0; n < 20; n++) {
    kvino_tensor *x = NULL;
    kvino_tensors out = {0, NULL};
    double values[40] = {0};
    OK(kvino_tensor_new(KVINO_F64, 2, (int64_t[]){n, 2}, values, &x, ERR));
    OK(kvino_model_run(m, 1, &x, &out, ERR));
    assert_int_equal(kvino_tensor_shape(out.v[0])[0], n);
    kvino_tensors_clear(&out);
    kvino_tensor_release(x);
  }
  kvino_model_release(m);
}

static void *run_some(void *model) {
  for (int64_t i = 0; i < 30; i++) {
    float values[24] = {0};
    kvino_tensor *x = NULL;
    kvino_tensors out = {0, NULL};
    if (kvino_tensor_new(KVINO_F32, 2, (int64_t[]){i % 12, 2}, values, &x, NULL)) return model;
    kvino_status status = kvino_model_run(model, 1, &x, &out, NULL);
    kvino_tensors_clear(&out);
    kvino_tensor_release(x);
    if (status) return model;
  }
  return NULL;
}

static void test_many_threads(void **state) {
  (void)state;
  kvino_model *m = load("mlp.keras");
  pthread_t thread[4];
  for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&thread[i], NULL, run_some, m), 0);
  for (int i = 0; i < 4; i++) {
    void *failed;
    pthread_join(thread[i], &failed);
    assert_null(failed);
  }
  kvino_model_release(m);
}

/* ---- layers of the user's ---- */

/* "Nowhere" adds its context to its input, "Lambda" does nothing. */
static kvino_status add_context(void *context, const kvino_custom_layer *layer, size_t n, kvino_tensor *const *in,
                                kvino_tensor **out, kvino_error *err) {
  kvino_tensor *number = NULL;
  assert_int_equal(n, 1);
  assert_non_null(layer->config);
  kvino_status status = kvino_tensor_scalar_f64(KVINO_F32, *(double *)context, &number, err);
  if (!status) status = kvino_add(in[0], number, out, err);
  kvino_tensor_release(number);
  return status;
}

static void test_layers_of_the_user(void **state) {
  (void)state;
  double ten = 10, zero = 0;
  kvino_custom customs[] = {{"Nowhere", add_context, &ten}, {"Lambda", add_context, &zero}};
  kvino_model_options options = {.device = "native", .n_custom = 2, .custom = customs};
  bytes b = corpus("unknown.keras");
  kvino_model *m = NULL, *plain = load("mlp.keras");
  kvino_tensor *x = NULL;
  kvino_tensors out = {0, NULL}, without = {0, NULL};
  OK(kvino_model_parse(b.at, b.n, "unknown.keras", &options, &m, ERR));
  OK(kvino_tensor_new(KVINO_F32, 2, (int64_t[]){1, 2}, (float[]){1, 2}, &x, ERR));
  OK(kvino_model_run(m, 1, &x, &out, ERR));
  OK(kvino_model_run(plain, 1, &x, &without, ERR));
  for (int i = 0; i < 2; i++)
    assert_true(((const float *)kvino_tensor_data(out.v[0]))[i] ==
                ((const float *)kvino_tensor_data(without.v[0]))[i] + 10);
  kvino_tensors_clear(&out);
  kvino_tensors_clear(&without);
  kvino_tensor_release(x);
  kvino_model_release(m);
  kvino_model_release(plain);
  free(b.at);
}

/* ---- bad files ---- */

static void test_cut_off_at_every_byte(void **state) {
  (void)state;
  static const char *const names[] = {"mlp.keras", "functional.keras", "old.h5"};
  for (size_t i = 0; i < 3; i++) {
    bytes b = corpus(names[i]);
    for (size_t n = 0; n < b.n; n++) {
      char *exact = malloc(n ? n : 1);
      kvino_model *m = NULL;
      memcpy(exact, b.at, n);
      kvino_error err = {0};
      kvino_status status = kvino_model_parse(exact, n, "cut", &NATIVE, &m, &err);
      if (!status) fail_msg("%s is read from its first %zu bytes", names[i], n);
      assert_true(*err.text && !m);
      free(exact);
    }
    free(b.at);
  }
}

#define LAYER_(class, config) "{\"class_name\": \"" class "\", \"config\": {" config "}}"
#define INPUT_ LAYER_("InputLayer", "\"name\": \"x\", \"batch_shape\": [null, 2], \"dtype\": \"float32\"")
#define SEQUENTIAL_(layers)                                                                                            \
  "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"m\", \"layers\": [" INPUT_ ", " layers "]}}"
#define DENSE_(more) LAYER_("Dense", "\"name\": \"d\", \"units\": 2" more)

static void test_configurations_that_are_none(void **state) {
  (void)state;
  refuse_config("", KVINO_IO, "member 'config.json'");
  refuse_config("{\"a\": 1, \"a\": 2}", KVINO_IO, "not JSON");
  refuse_config("[1, 2", KVINO_IO, "line 1");
  refuse_config("3", KVINO_IO, "a layer that is none");
  refuse_config("{}", KVINO_UNSUPPORTED, "no class");
  refuse_config("{\"class_name\": \"Sequential\"}", KVINO_UNSUPPORTED, "Sequential");
  refuse_config("{\"class_name\": \"Sequential\", \"config\": {\"name\": \"m\", \"layers\": []}}", KVINO_IO,
                "never built");
  refuse_config(DENSE_(""), KVINO_IO, "not of a model");
  refuse_config(SEQUENTIAL_("4"), KVINO_IO, "a layer that is none");
  refuse_config(SEQUENTIAL_(LAYER_("Dense", "\"name\": \"d\"")), KVINO_IO,
                "layer 'd' (Dense): its configuration has no field 'units'");
  refuse_config(SEQUENTIAL_(DENSE_(", \"colour\": 1")), KVINO_UNSUPPORTED, "'colour'");
  refuse_config(SEQUENTIAL_(DENSE_(", \"activation\": 5")), KVINO_UNSUPPORTED, "layer 'd' (Dense)");
  refuse_config(SEQUENTIAL_(DENSE_(", \"activation\": \"nothing\"")), KVINO_UNSUPPORTED, "activation 'nothing'");
  refuse_config(SEQUENTIAL_(DENSE_(", \"dtype\": \"float31\"")), KVINO_UNSUPPORTED, "float31");
  refuse_config(SEQUENTIAL_(DENSE_(", \"use_bias\": false")), KVINO_IO, "expected 1 variables, but received 2");
}

static void test_unknown_layers_are_named_together(void **state) {
  (void)state;
  bytes b = corpus("unknown.keras");
  refuse_bytes(b.at, b.n, KVINO_UNSUPPORTED, "'l' (Lambda), 'n' (Nowhere)");
  refuse_bytes(b.at, b.n, KVINO_UNSUPPORTED, "model.export");
  free(b.at);
}

static void test_archives_that_are_none(void **state) {
  (void)state;
  static const char good[] = SEQUENTIAL_(DENSE_(""));
  refuse_bytes("", 0, KVINO_IO, "neither");
  refuse_bytes("PK\x03\x04xxxxxxxxxxxxxxxxxxxx", 20, KVINO_IO, "m.keras");
  bytes b = archive(1, (const char *const[]){"model.weights.h5", NULL});
  refuse_bytes(b.at, b.n, KVINO_IO, "there is no member 'config.json'");
  free(b.at);
  b = archive(1, (const char *const[]){"config.json", good});
  refuse_bytes(b.at, b.n, KVINO_IO, "there is no member 'model.weights.h5'");
  free(b.at);
  b = archive(2, (const char *const[]){"config.json", good, "model.weights.npz", "x"});
  refuse_bytes(b.at, b.n, KVINO_UNSUPPORTED, "pickled");
  free(b.at);
  b = archive(2, (const char *const[]){"config.json", good, "model.weights.h5", "not HDF5"});
  refuse_bytes(b.at, b.n, KVINO_IO, "member 'model.weights.h5'");
  free(b.at);
  b = archive(3, (const char *const[]){"config.json", good, "model.weights.h5", NULL, "../x", "y"});
  refuse_bytes(b.at, b.n, KVINO_IO, "'../x' names a place outside");
  free(b.at);
}

/* Deep JSON, deep models, a graph that goes in circles. */
static void test_depths(void **state) {
  (void)state;
  char *text = malloc(1 << 20), *at = text;
  for (int i = 0; i < 100000; i++) *at++ = '[';
  *at = 0;
  refuse_config(text, KVINO_IO, "not JSON");
  at = text;
  for (int i = 0; i < 500; i++) at += sprintf(at, "{\"class_name\": \"Sequential\", \"config\": {\"layers\": [");
  for (int i = 0; i < 500; i++) at += sprintf(at, "]}}");
  refuse_config(text, KVINO_IO, "deep");
  free(text);
#define NODE_(name, from)                                                                                              \
  "{\"class_name\": \"Activation\", \"name\": \"" name "\", \"config\": {\"name\": \"" name                            \
  "\", \"activation\": \"relu\"}, \"inbound_nodes\": [{\"args\": [{\"class_name\": \"__keras_tensor__\", \"config\": " \
  "{\"keras_history\": [\"" from "\", 0, 0]}}], \"kwargs\": {}}]}"
#define FUNCTIONAL_(nodes, output)                                                                                     \
  "{\"class_name\": \"Functional\", \"config\": {\"name\": \"m\", \"layers\": [" INPUT_ ", " nodes                     \
  "], \"input_layers\": [\"x\", 0, 0], \"output_layers\": [\"" output "\", 0, 0]}}"
  refuse_config(FUNCTIONAL_(NODE_("a", "b") ", " NODE_("b", "a"), "a"), KVINO_IO, "loop");
  refuse_config(FUNCTIONAL_(NODE_("a", "c"), "a"), KVINO_IO, "Missing node: 'c'");
  refuse_config(FUNCTIONAL_(NODE_("a", "x"), "z"), KVINO_IO, "'z'");
}

/* Policies by the names of layers: patterns of which one could be made to take all time there is, and what is no
 * policy. */
static void test_policies(void **state) {
  (void)state;
#define MAP_(map)                                                                                                      \
  "{\"class_name\": \"Functional\", \"config\": {\"name\": \"m\", \"layers\": [" INPUT_                                \
  ", {\"class_name\": \"Activation\", \"name\": \"aaaa\", \"config\": {\"name\": \"aaaa\", \"activation\": \"relu\", " \
  "\"dtype\": {\"class_name\": \"DTypePolicyMap\", \"config\": {\"default_policy\": null, \"policy_map\": " map        \
  "}}}, \"inbound_nodes\": [{\"args\": [{\"class_name\": \"__keras_tensor__\", \"config\": {\"keras_history\": "       \
  "[\"x\", 0, 0]}}], \"kwargs\": {}}]}], \"input_layers\": [\"x\", 0, 0], \"output_layers\": [\"aaaa\", 0, 0]}}"
  refuse_config(MAP_("{\"((a*)*)*b\": \"float16\"}"), KVINO_UNSUPPORTED, "layer 'aaaa' (Activation): the pattern");
  refuse_config(MAP_("{\"a{1,30000}\": \"float16\"}"), KVINO_UNSUPPORTED, "the pattern");
  refuse_config(MAP_("{\"[a\": \"float16\"}"), KVINO_UNSUPPORTED, "the pattern");
  refuse_config(MAP_("{\"a.*\": \"float16\", \".*a\": \"float32\"}"), KVINO_INVALID, "matches multiple");
  refuse_config(MAP_("{\"aaaa\": 3}"), KVINO_IO, "a dtype policy that is none");
  refuse_config(MAP_("3"), KVINO_IO, "without policies");
}

/* ---- bad HDF5 ---- */

/* mlp.keras with the kernel made by `make` in the group layers/dense/vars, which holds a bias besides. */
static void refuse_kernel(void (*make)(hid_t group), const char *words) {
  const char *path = scratch_path("made.h5");
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), group = file;
  static const char *const parts[] = {"layers", "dense", "vars"};
  for (int i = 0; i < 3; i++) {
    hid_t next = H5Gcreate2(group, parts[i], H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (i) H5Gclose(group);
    group = next;
  }
  make(group);
  H5LTmake_dataset_float(group, "1", 1, (hsize_t[]){2}, (float[]){0, 0});
  H5Gclose(group);
  H5Fclose(file);
  bytes weights = read_file(path);
  const char *whole = scratch_path("whole.keras");
  zip_t *zip = zip_open(whole, ZIP_CREATE | ZIP_TRUNCATE, NULL);
  static const char config[] = SEQUENTIAL_(DENSE_(""));
  zip_file_add(zip, "config.json", zip_source_buffer(zip, config, strlen(config), 0), 0);
  zip_file_add(zip, "model.weights.h5", zip_source_buffer(zip, weights.at, weights.n, 0), 0);
  assert_false(zip_close(zip));
  free(weights.at);
  bytes b = read_file(whole);
  refuse_bytes(b.at, b.n, strstr(words, "shape") || strstr(words, "dimension") ? KVINO_INVALID : KVINO_IO, words);
  free(b.at);
}

static void soft(hid_t group) { H5Lcreate_soft("/layers/dense/vars/1", group, "0", H5P_DEFAULT, H5P_DEFAULT); }
static void external(hid_t group) { H5Lcreate_external("/etc/hostname", "/x", group, "0", H5P_DEFAULT, H5P_DEFAULT); }

static void create(hid_t group, hid_t type, int rank, const hsize_t *dims, hid_t plist) {
  hid_t space = H5Screate_simple(rank, dims, NULL);
  hid_t set = H5Dcreate2(group, "0", type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
  assert_true(set >= 0);
  H5Dclose(set);
  H5Sclose(space);
}

static void outside(hid_t group) {
  hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_external(plist, "/etc/hostname", 0, 16);
  create(group, H5T_NATIVE_FLOAT, 2, (hsize_t[]){2, 2}, plist);
  H5Pclose(plist);
}

static void virtual(hid_t group) {
  hid_t plist = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(2, (hsize_t[]){2, 2}, NULL);
  H5Pset_virtual(plist, space, "/etc/hostname", "x", space);
  create(group, H5T_NATIVE_FLOAT, 2, (hsize_t[]){2, 2}, plist);
  H5Sclose(space);
  H5Pclose(plist);
}

/* Chunks that are not there would be zeros: as many as the file says. */
static void bomb(hid_t group) {
  hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(plist, 2, (hsize_t[]){1024, 1024});
  H5Pset_deflate(plist, 9);
  create(group, H5T_NATIVE_FLOAT, 2, (hsize_t[]){1 << 20, 1 << 20}, plist);
  H5Pclose(plist);
}

static void huge(hid_t group) {
  hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(plist, 2, (hsize_t[]){1, 1});
  create(group, H5T_NATIVE_FLOAT, 2, (hsize_t[]){UINT64_C(1) << 40, UINT64_C(1) << 40}, plist);
  H5Pclose(plist);
}

static void text(hid_t group) { H5LTmake_dataset_string(group, "0", "kernel"); }
static void group_in_its_place(hid_t group) { H5Gclose(H5Gcreate2(group, "0", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)); }
static void other_name(hid_t group) { H5LTmake_dataset_float(group, "kernel", 1, (hsize_t[]){2}, (float[]){0, 0}); }

static void test_weights_that_stand_elsewhere_or_nowhere(void **state) {
  (void)state;
  refuse_kernel(soft, "a link to another place");
  refuse_kernel(external, "a link to another place");
  refuse_kernel(outside, "in another file");
  refuse_kernel(virtual, "in another file");
  refuse_kernel(bomb, "larger than what the file holds");
  refuse_kernel(huge, "layers/dense/vars/0");
  refuse_kernel(text, "of a type that no weight has");
  refuse_kernel(group_in_its_place, "there is no dataset 'layers/dense/vars/0'");
  refuse_kernel(other_name, "there is no dataset 'layers/dense/vars/0'");
}

static void must_not_be_called(int signal) {
  (void)signal;
  _exit(3);
}

/* What breaks the HDF5 library, or never lets it end, breaks the process that reads alone; none of it is left. */
static void test_files_that_break_the_hdf5_library(void **state) {
  (void)state;
  static const char *const names[] = {"reference_to_nothing_refused.h5", "heap_refused.h5",
                                      "heap_without_end_refused.h5"};
  struct sigaction ours = {.sa_handler = must_not_be_called}, before;
  sigaction(SIGSEGV, &ours, &before);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    bytes b = corpus(names[i]);
    refuse_bytes(b.at, b.n, KVINO_IO, "the HDF5 file is damaged");
    free(b.at);
  }
  sigaction(SIGSEGV, &before, NULL);
  assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
  assert_int_equal(errno, ECHILD);
}

/* A program may leave its children to the system. */
static void test_children_that_nobody_waits_for(void **state) {
  (void)state;
  struct sigaction ignored = {.sa_handler = SIG_IGN}, before;
  sigaction(SIGCHLD, &ignored, &before);
  kvino_model_release(load("old.h5"));
  sigaction(SIGCHLD, &before, NULL);
}

/* ---- memory ---- */

/* Every allocation of a load and a run fails once; nothing is lost and nothing crashes. */
static void test_allocations_that_fail(void **state) {
  (void)state;
  bytes b = corpus("functional.keras");
  for (long n = 0;; n++) {
    kvino_model *m = NULL;
    kvino_error err = {0};
    kv_fail_after(n);
    kvino_status status = kvino_model_parse(b.at, b.n, "m", &NATIVE, &m, &err);
    kv_fail_after(-1);
    kvino_model_release(m);
    if (!status) break;
    assert_true(*err.text && !m);
    assert_true(n < 100000);
  }
  free(b.at);
}

/* ---- submitted runs, memory of the caller's ---- */

typedef struct counted {
  pthread_mutex_t lock;
  int good, bad;
  kvino_model *release; /* by the last one */
} counted;

static void count(void *context, kvino_status status, const kvino_error *err, const kvino_tensors *out) {
  counted *c = context;
  pthread_mutex_lock(&c->lock);
  if (status)
    c->bad += err->status == KVINO_INVALID && *err->text;
  else
    c->good += out->n == 1 && kvino_tensor_size(out->v[0]) == 2;
  bool last = c->release && c->good + c->bad == 8;
  pthread_mutex_unlock(&c->lock);
  if (last) kvino_model_release(c->release);
}

static void test_submitted_runs(void **state) {
  (void)state;
  kvino_tensor *x = NULL, *wrong = NULL;
  counted c = {.lock = PTHREAD_MUTEX_INITIALIZER};
  OK(kvino_tensor_new(KVINO_F32, 2, (int64_t[]){1, 2}, (float[]){1, 2}, &x, ERR));
  OK(kvino_tensor_new(KVINO_F32, 2, (int64_t[]){1, 3}, (float[]){1, 2, 3}, &wrong, ERR));
  kvino_model *m = load("mlp.keras");
  for (int i = 0; i < 200; i++) OK(kvino_model_submit(m, 1, i % 10 ? &x : &wrong, count, &c, ERR));
  kvino_model_wait(m);
  assert_int_equal(c.good, 180);
  assert_int_equal(c.bad, 20);
  OK(kvino_model_submit(m, 1, &x, NULL, NULL, ERR));
  for (int i = 0; i < 50; i++) OK(kvino_model_submit(m, 1, &x, count, &c, ERR));
  kvino_model_release(m); /* waits */
  assert_int_equal(c.good, 230);
  c = (counted){.lock = PTHREAD_MUTEX_INITIALIZER, .release = load("mlp.keras")}; /* released by a callback */
  for (int i = 0; i < 8; i++) OK(kvino_model_submit(c.release, 1, &x, count, &c, ERR));
  for (int i = 0; i < 10000; i++) {
    pthread_mutex_lock(&c.lock);
    int n = c.good;
    pthread_mutex_unlock(&c.lock);
    if (n == 8) break;
    usleep(1000);
  }
  assert_int_equal(c.good, 8);
  usleep(50000); /* the thread frees the model */
  kvino_tensor_release(x);
  kvino_tensor_release(wrong);
}

static void test_memory_of_the_caller(void **state) {
  (void)state;
  kvino_tensor *x = NULL;
  kvino_tensors out = {0, NULL};
  float y[2] = {7, 7};
  kvino_error err = {0};
  kvino_model *m = load("mlp.keras");
  OK(kvino_tensor_new(KVINO_F32, 2, (int64_t[]){1, 2}, (float[]){1, 2}, &x, ERR));
  assert_int_equal(kvino_model_run_into(m, 1, &x, 1, (void *[]){y}, (size_t[]){4}, &err), KVINO_INVALID);
  assert_true(y[0] == 7 && y[1] == 7);
  assert_int_equal(kvino_model_run_into(m, 1, &x, 2, (void *[]){y, y}, (size_t[]){8, 8}, &err), KVINO_INVALID);
  OK(kvino_model_run_into(m, 1, &x, 1, (void *[]){y}, (size_t[]){8}, ERR));
  OK(kvino_model_run(m, 1, &x, &out, ERR));
  assert_memory_equal(y, kvino_tensor_data(out.v[0]), 8);
  kvino_tensors_clear(&out);
  kvino_tensor_release(x);
  kvino_model_release(m);
}

/* ---- states that are kept between runs ---- */

/* A recurrent layer that adds what it is given to what it has: the output is the sum since the start. */
static kvino_model *load_sum(void) {
  static const char config[] = "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"m\", \"layers\": [" LAYER_(
      "InputLayer",
      "\"name\": \"x\", \"batch_shape\": [1, null, 1], \"dtype\": \"float32\"") ", " LAYER_("SimpleRNN",
                                                                                            "\"name\": \"sum\", "
                                                                                            "\"units\": 1, "
                                                                                            "\"activation\": "
                                                                                            "\"linear\", \"use_bias\": "
                                                                                            "false, "
                                                                                            "\"stateful\": true") "]}}";
  const char *path = scratch_path("sum.h5");
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), links = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(links, 1);
  hid_t group = H5Gcreate2(file, "layers/simple_rnn/cell/vars", links, H5P_DEFAULT, H5P_DEFAULT);
  for (int i = 0; i < 2; i++) H5LTmake_dataset_float(group, i ? "1" : "0", 2, (hsize_t[]){1, 1}, (float[]){1});
  H5Gclose(group);
  H5Pclose(links);
  H5Fclose(file);
  bytes weights = read_file(path);
  const char *whole = scratch_path("sum.keras");
  zip_t *zip = zip_open(whole, ZIP_CREATE | ZIP_TRUNCATE, NULL);
  zip_file_add(zip, "config.json", zip_source_buffer(zip, config, strlen(config), 0), 0);
  zip_file_add(zip, "model.weights.h5", zip_source_buffer(zip, weights.at, weights.n, 0), 0);
  assert_false(zip_close(zip));
  free(weights.at);
  kvino_model *m = NULL;
  OK(kvino_model_load(whole, &NATIVE, &m, ERR));
  return m;
}

enum { SUMS = 100, SUM_THREADS = 4 };

/* What runs gave: each sum once, whatever thread has it. */
typedef struct sums {
  kvino_model *m;
  kvino_tensor *one;
  _Atomic int seen[SUM_THREADS * SUMS + 1];
  int last, in_order; /* of submitted runs, which come one by one */
} sums;

static void *add_ones(void *context) {
  sums *s = context;
  for (int i = 0; i < SUMS; i++) {
    float y = 0;
    if (!kvino_model_run_into(s->m, 1, &s->one, 1, (void *[]){&y}, (size_t[]){sizeof y}, NULL) && y >= 1 &&
        y <= SUM_THREADS * SUMS)
      s->seen[(int)y]++;
  }
  return NULL;
}

static void next_sum(void *context, kvino_status status, const kvino_error *err, const kvino_tensors *out) {
  sums *s = context;
  (void)err;
  if (!status) s->in_order += *(const float *)kvino_tensor_data(out->v[0]) == (float)++s->last;
}

static void test_states_of_many_threads(void **state) {
  (void)state;
  sums s = {.m = load_sum()};
  pthread_t thread[SUM_THREADS];
  float y = 0;
  kvino_error err = {0};
  OK(kvino_tensor_new(KVINO_F32, 3, (int64_t[]){1, 1, 1}, (float[]){1}, &s.one, ERR));
  for (int i = 0; i < SUM_THREADS; i++) assert_int_equal(pthread_create(&thread[i], NULL, add_ones, &s), 0);
  for (int i = 0; i < SUM_THREADS; i++) pthread_join(thread[i], NULL);
  for (int i = 1; i <= SUM_THREADS * SUMS; i++) assert_int_equal(s.seen[i], 1);
  kvino_model_reset_states(s.m);
  OK(kvino_model_run_into(s.m, 1, &s.one, 1, (void *[]){&y}, (size_t[]){sizeof y}, ERR));
  assert_true(y == 1);
  kvino_model_reset_states(s.m);
  for (int i = 0; i < SUMS; i++) OK(kvino_model_submit(s.m, 1, &s.one, next_sum, &s, ERR));
  kvino_model_wait(s.m);
  assert_int_equal(s.in_order, SUMS);
  kvino_graph *g = NULL;
  kvino_tensors out = {0, NULL};
  assert_int_equal(kvino_model_graph(s.m, &g, &err), KVINO_UNSUPPORTED);
  assert_int_equal(kvino_model_call(s.m, 1, &s.one, &out, &err), KVINO_UNSUPPORTED);
  assert_non_null(strstr(err.text, "layer 'sum' (SimpleRNN): stateful=True"));
  char *svg = NULL; /* shows inputs and outputs, no states */
  OK(kvino_model_draw(s.m, &svg, ERR));
  assert_true(strstr(svg, "sum") && !strstr(svg, "state"));
  kvino_text_free(svg);
  kvino_model_reset_states(NULL);
  kvino_tensor_release(s.one);
  kvino_model_release(s.m);
}

/* A run that fails anywhere leaves the states as they were. */
static void test_states_of_runs_that_fail(void **state) {
  (void)state;
  kvino_model *m = load_sum();
  kvino_tensor *one = NULL;
  float y = 0;
  OK(kvino_tensor_new(KVINO_F32, 3, (int64_t[]){1, 1, 1}, (float[]){1}, &one, ERR));
  OK(kvino_model_run_into(m, 1, &one, 1, (void *[]){&y}, (size_t[]){sizeof y}, ERR)); /* compiled from here on */
  for (int round = 0; round < 2; round++) {                                           /* the second begins with zeros */
    for (long n = 0;; n++) {
      kvino_error err = {0};
      kv_fail_after(n);
      kvino_status status = kvino_model_run_into(m, 1, &one, 1, (void *[]){&y}, (size_t[]){sizeof y}, &err);
      kv_fail_after(-1);
      if (!status) break;
      assert_true(*err.text && n < 10000);
    }
    assert_true(y == (round ? 1 : 2));
    kvino_model_reset_states(m);
  }
  kvino_tensor_release(one);
  kvino_model_release(m);
}

/* The same of writing: the file is there in full or not at all. */
static void test_saves_that_fail(void **state) {
  (void)state;
  static const char *const ends[] = {"m.keras", "m.h5", "m.weights.h5"};
  kvino_model *m = load("functional.keras");
  for (int i = 0; i < 3; i++) {
    const char *path = scratch_path(ends[i]);
    for (long n = 0;; n += n < 20 ? 1 : 13) { /* each opens the source: a process */
      kvino_error err = {0};
      kv_fail_after(n);
      kvino_status status = kvino_model_save(m, path, &err);
      kv_fail_after(-1);
      FILE *file = fopen(path, "rb");
      assert_int_equal(!status, file != NULL);
      if (file) fclose(file);
      if (!status) break;
      assert_true(*err.text);
      assert_true(n < 100000);
    }
  }
  kvino_model_release(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_ports_layers_and_weights),
      cmocka_unit_test(test_a_run_is_the_formula),
      cmocka_unit_test(test_every_file_of_the_corpus),
      cmocka_unit_test(test_wrong_inputs_are_named),
      cmocka_unit_test(test_many_shapes),
      cmocka_unit_test(test_many_threads),
      cmocka_unit_test(test_layers_of_the_user),
      cmocka_unit_test(test_cut_off_at_every_byte),
      cmocka_unit_test(test_configurations_that_are_none),
      cmocka_unit_test(test_unknown_layers_are_named_together),
      cmocka_unit_test(test_archives_that_are_none),
      cmocka_unit_test(test_depths),
      cmocka_unit_test(test_policies),
      cmocka_unit_test(test_weights_that_stand_elsewhere_or_nowhere),
      cmocka_unit_test(test_files_that_break_the_hdf5_library),
      cmocka_unit_test(test_children_that_nobody_waits_for),
      cmocka_unit_test(test_allocations_that_fail),
      cmocka_unit_test(test_saves_that_fail),
      cmocka_unit_test(test_submitted_runs),
      cmocka_unit_test(test_memory_of_the_caller),
      cmocka_unit_test(test_states_of_many_threads),
      cmocka_unit_test(test_states_of_runs_that_fail),
  };
  return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
