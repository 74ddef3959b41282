/* In place of the others of this folder where kvino is built without readers of files. */
#include "base/error.h"
#include "kvino/trainer.h"

static kvino_status absent(kvino_error *err) {
  return kv_fail(err, KVINO_UNSUPPORTED, "kvino was built without readers of model files (KVINO_FILES=OFF)");
}

kvino_status kvino_model_load(const char *path, const kvino_model_options *options, kvino_model **out,
                              kvino_error *err) {
  (void)path, (void)options, (void)out;
  return absent(err);
}
kvino_status kvino_model_parse(const void *bytes, size_t length, const char *name, const kvino_model_options *options,
                               kvino_model **out, kvino_error *err) {
  (void)bytes, (void)length, (void)name, (void)options, (void)out;
  return absent(err);
}
kvino_model *kvino_model_retain(kvino_model *m) { return m; }
void kvino_model_release(kvino_model *m) { (void)m; }
size_t kvino_model_input_count(const kvino_model *m) { return (void)m, 0; }
size_t kvino_model_output_count(const kvino_model *m) { return (void)m, 0; }
size_t kvino_model_layer_count(const kvino_model *m) { return (void)m, 0; }
kvino_status kvino_model_input(const kvino_model *m, size_t i, kvino_port *out, kvino_error *err) {
  (void)m, (void)i, (void)out;
  return absent(err);
}
kvino_status kvino_model_output(const kvino_model *m, size_t i, kvino_port *out, kvino_error *err) {
  (void)m, (void)i, (void)out;
  return absent(err);
}
kvino_status kvino_model_run(kvino_model *m, size_t n, kvino_tensor *const *in, kvino_tensors *out, kvino_error *err) {
  (void)m, (void)n, (void)in, (void)out;
  return absent(err);
}
kvino_status kvino_model_run_into(kvino_model *m, size_t n, kvino_tensor *const *in, size_t n_out, void *const *data,
                                  const size_t *bytes, kvino_error *err) {
  (void)m, (void)n, (void)in, (void)n_out, (void)data, (void)bytes;
  return absent(err);
}
kvino_status kvino_model_submit(kvino_model *m, size_t n, kvino_tensor *const *in,
                                void (*done)(void *context, kvino_status status, const kvino_error *err,
                                             const kvino_tensors *out),
                                void *context, kvino_error *err) {
  (void)m, (void)n, (void)in, (void)done, (void)context;
  return absent(err);
}
void kvino_model_wait(kvino_model *m) { (void)m; }
void kvino_model_reset_states(kvino_model *m) { (void)m; }
kvino_status kvino_model_call(kvino_model *m, size_t n, kvino_tensor *const *in, kvino_tensors *out, kvino_error *err) {
  (void)m, (void)n, (void)in, (void)out;
  return absent(err);
}
kvino_status kvino_model_graph(kvino_model *m, kvino_graph **out, kvino_error *err) {
  (void)m, (void)out;
  return absent(err);
}
kvino_status kvino_model_summary(const kvino_model *m, char **text, kvino_error *err) {
  (void)m, (void)text;
  return absent(err);
}
kvino_status kvino_model_draw(kvino_model *m, char **svg, kvino_error *err) {
  (void)m, (void)svg;
  return absent(err);
}
kvino_status kvino_model_layer(const kvino_model *m, size_t i, kvino_layer *out, kvino_error *err) {
  (void)m, (void)i, (void)out;
  return absent(err);
}
kvino_status kvino_model_weight(const kvino_model *m, size_t layer, size_t weight, const char **name,
                                kvino_tensor **out, kvino_error *err) {
  (void)m, (void)layer, (void)weight, (void)name, (void)out;
  return absent(err);
}
kvino_status kvino_model_get_weight(kvino_model *m, const char *layer, const char *weight, kvino_tensor **out,
                                    kvino_error *err) {
  (void)m, (void)layer, (void)weight, (void)out;
  return absent(err);
}
kvino_status kvino_model_set_weight(kvino_model *m, const char *layer, const char *weight, kvino_tensor *value,
                                    kvino_error *err) {
  (void)m, (void)layer, (void)weight, (void)value;
  return absent(err);
}
kvino_status kvino_model_set_trainable(kvino_model *m, const char *layer, bool trainable, kvino_error *err) {
  (void)m, (void)layer, (void)trainable;
  return absent(err);
}
kvino_status kvino_model_save(kvino_model *m, const char *path, kvino_error *err) {
  (void)m, (void)path;
  return absent(err);
}
kvino_status kvino_graph_save(kvino_graph *g, const char *path, kvino_error *err) {
  (void)g, (void)path;
  return absent(err);
}
kvino_status kvino_trainer_new(kvino_model *m, const kvino_trainer_options *options, kvino_trainer **out,
                               kvino_error *err) {
  (void)m, (void)options, (void)out;
  return absent(err);
}
void kvino_trainer_release(kvino_trainer *t) { (void)t; }
kvino_status kvino_trainer_step(kvino_trainer *t, size_t n_x, kvino_tensor *const *x, size_t n_y,
                                kvino_tensor *const *y, size_t n_weights, kvino_tensor *const *sample_weight,
                                double *loss, kvino_error *err) {
  (void)t, (void)n_x, (void)x, (void)n_y, (void)y, (void)n_weights, (void)sample_weight, (void)loss;
  return absent(err);
}
kvino_status kvino_trainer_evaluate(kvino_trainer *t, size_t n_x, kvino_tensor *const *x, size_t n_y,
                                    kvino_tensor *const *y, size_t n_weights, kvino_tensor *const *sample_weight,
                                    double *loss, kvino_error *err) {
  (void)t, (void)n_x, (void)x, (void)n_y, (void)y, (void)n_weights, (void)sample_weight, (void)loss;
  return absent(err);
}
kvino_status kvino_trainer_set_learning_rate(kvino_trainer *t, double rate, kvino_error *err) {
  (void)t, (void)rate;
  return absent(err);
}
double kvino_trainer_learning_rate(const kvino_trainer *t) { return (void)t, 0; }
int64_t kvino_trainer_iterations(const kvino_trainer *t) { return (void)t, 0; }
kvino_status kvino_trainer_save(kvino_trainer *t, const char *path, kvino_error *err) {
  (void)t, (void)path;
  return absent(err);
}
size_t kvino_layer_class_count(void) { return 0; }
const char *kvino_layer_class_name(size_t i) { return (void)i, NULL; }
