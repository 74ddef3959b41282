/* Fuzz target: any bytes as a model file; one that loads is run natively, if its inputs are small. */
#include <stdlib.h>

#include "kvino/model.h"
#include "kvino/strings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Zeros for an input, unknown dimensions 1; NULL where it is too large to try. */
static kvino_tensor *zeros(const kvino_port *port) {
  int64_t shape[KVINO_MAX_RANK], n = 1;
  kvino_tensor *t = NULL;
  for (int i = 0; i < port->rank; i++) {
    shape[i] = port->shape[i] < 0 ? 1 : port->shape[i];
    if (shape[i] > 1024 || (n *= shape[i]) > 1 << 16) return NULL;
  }
  if (port->dtype == KVINO_STRING) {
    const char **texts = calloc(n ? (size_t)n : 1, sizeof *texts); /* empty ones */
    if (texts) kvino_strings_new(port->rank, shape, texts, NULL, &t, NULL);
    free(texts);
    return t;
  }
  void *values = calloc(n ? (size_t)n : 1, kvino_dtype_size(port->dtype));
  if (values) kvino_tensor_new(port->dtype, port->rank, shape, values, &t, NULL);
  free(values);
  return t;
}

static void run(kvino_model *model) {
  kvino_error err = {KVINO_OK, ""};
  kvino_tensor *in[8] = {NULL};
  kvino_tensors out = {0, NULL};
  size_t n = kvino_model_input_count(model);
  bool ready = n <= 8;
  for (size_t i = 0; i < n && ready; i++) {
    kvino_port port;
    if (kvino_model_input(model, i, &port, &err)) abort();
    ready = (in[i] = zeros(&port)) != NULL;
  }
  if (ready && !kvino_model_run(model, n, in, &out, &err)) {
    if (out.n != kvino_model_output_count(model)) abort();
    kvino_tensors_clear(&out);
  }
  for (size_t i = 0; i < 8; i++) kvino_tensor_release(in[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  kvino_model *model = NULL;
  kvino_model_options options = {.device = "native"};
  kvino_error err = {KVINO_OK, ""};
  char *text = NULL;
  kvino_status status = kvino_model_parse(data, size, "fuzz", &options, &model, &err);
  if (status) {
    if (model || err.status != status || !*err.text) abort();
    return 0;
  }
  if (kvino_model_summary(model, &text, &err)) abort();
  kvino_text_free(text);
  run(model);
  kvino_model_release(model);
  return 0;
}
