/* Compiling a model, and its life (model.h). */
#include "openvino/model_internal.h"

#include "base/error.h"
#include "base/memory.h"
#include "openvino/call.h"
#include "openvino/runtime.h"

#include <stdio.h>
#include <string.h>

/* Trap: OpenVINO copies the text but never the weights: elementwise constants are read from the caller's memory in
 * every inference. The tensor over them may be freed once the model is read, the memory lives as long as the model
 * (owner). */
static kvino_status read_ir(const kv_ov_program *program, ov_model **model, kvino_error *err) {
  kvino_status status = KVINO_OK;
  ov_tensor *weights = NULL;
  int64_t dims[] = {(int64_t)program->weights_bytes};
  if (program->weights && program->weights_bytes) {
    KV_OV_CALL(status, err,
               kv_ov.tensor_create_from_host_ptr(kv_ov_type(KVINO_U8), (ov_shape){1, dims}, (void *)program->weights,
                                                 &weights),
               "OpenVINO does not take the weights");
    if (status) return status;
  }
  KV_OV_CALL(status, err,
             kv_ov.core_read_model_from_memory_buffer(kv_ov_core(), program->ir, program->ir_length, weights, model),
             "OpenVINO cannot read the model");
  if (weights) kv_ov.tensor_free(weights);
  return status;
}

/* Trap: OpenVINO's disk cache finds a model by a hash that leaves out the weights in some releases (2025.4: a model
 * with other weights came back). So every program has a directory of its own below CACHE_DIR, named by its key. */
static kvino_status own_cache_dir(const kv_ov_key *key, const char *root, char **directory, kvino_error *err) {
  if (!key) return kv_fail(err, KVINO_INVALID, "a program without a key cannot be kept in a cache directory");
  size_t room = strlen(root) + 40;
  *directory = kv_malloc(room);
  if (!*directory) return kv_fail(err, KVINO_NO_MEMORY, "out of memory");
  snprintf(*directory, room, "%s/%016llx%016llx", root, (unsigned long long)key->word[0],
           (unsigned long long)key->word[1]);
  return KVINO_OK;
}

/* The function takes 2 * n texts after its fixed arguments and looks at no more: the rest, NULL, only fills the call.
 * (The form that takes an array exists since 2026.4 alone.) */
#define PAIR(i) pairs[2 * (i)], pairs[2 * (i) + 1]
#define PAIRS_8(i) PAIR(i), PAIR(i + 1), PAIR(i + 2), PAIR(i + 3), PAIR(i + 4), PAIR(i + 5), PAIR(i + 6), PAIR(i + 7)
_Static_assert(KV_OV_PROPERTIES == 32, "as many pairs as the call passes");

static kvino_status compile(const ov_model *model, const kv_ov_program *program, const kv_ov_config *config,
                            ov_compiled **compiled, kvino_error *err) {
  const char *pairs[2 * KV_OV_PROPERTIES];
  char *directory = NULL;
  kvino_status status;
  memcpy(pairs, config->pairs, sizeof pairs);
  for (size_t i = 0; i < config->n; i++) {
    if (strcmp(pairs[2 * i], "CACHE_DIR")) continue;
    KV_TRY(own_cache_dir(program->key, pairs[2 * i + 1], &directory, err));
    pairs[2 * i + 1] = directory;
  }
  KV_OV_CALL(status, err,
             kv_ov.core_compile_model(kv_ov_core(), model, config->device, 2 * config->n, compiled, PAIRS_8(0),
                                      PAIRS_8(8), PAIRS_8(16), PAIRS_8(24)),
             "OpenVINO cannot compile the model for %s", config->device);
  kv_free(directory);
  return status;
}

static bool is_fixed(ov_dimension d) { return d.min == d.max && d.min >= 0; }

static kvino_status describe(ov_port *source, const char *what, size_t i, kv_ov_port *port, kvino_error *err) {
  int type = -1;
  ov_partial_shape shape;
  kvino_status status = KVINO_OK;
  KV_OV_CALL(status, err, kv_ov.port_get_element_type(source, &type), "%s %zu has no element type", what, i);
  if (status) return status;
  if (!kv_ov_dtype(type, &port->dtype))
    return kv_fail(err, KVINO_UNSUPPORTED, "%s %zu has element type %d of OpenVINO, which kvino cannot exchange", what,
                   i, type);
  KV_OV_CALL(status, err, kv_ov.port_get_partial_shape(source, &shape), "%s %zu has no shape", what, i);
  if (status) return status;
  port->is_static = is_fixed(shape.rank);
  port->rank = port->is_static ? (int)shape.rank.min : -1;
  if (shape.rank.min > KV_OV_MAX_RANK)
    status = kv_fail(err, KVINO_UNSUPPORTED, "%s %zu has rank %d, more than %d", what, i, port->rank, KV_OV_MAX_RANK);
  port->bytes = kvino_dtype_size(port->dtype);
  for (int d = 0; d < port->rank && !status; d++) {
    bool fixed = is_fixed(shape.dims[d]);
    port->shape[d] = fixed ? shape.dims[d].min : -1;
    port->is_static = port->is_static && fixed;
    if (port->is_static && __builtin_mul_overflow(port->bytes, (size_t)port->shape[d], &port->bytes))
      status = kv_fail(err, KVINO_UNSUPPORTED, "%s %zu is larger than memory can be", what, i);
  }
  if (!port->is_static) port->bytes = 0;
  kv_ov.partial_shape_free(&shape);
  return status;
}

static kvino_status describe_ports(kv_ov_model *model, kvino_error *err) {
  kvino_status status;
  KV_OV_CALL(status, err, kv_ov.compiled_model_inputs_size(model->compiled, &model->n_in), "a model without inputs");
  if (status) return status;
  KV_OV_CALL(status, err, kv_ov.compiled_model_outputs_size(model->compiled, &model->n_out), "a model without outputs");
  if (status) return status;
  size_t n = model->n_in + model->n_out;
  model->ports = kv_calloc(n ? n : 1, sizeof *model->ports);
  if (!model->ports) return kv_fail(err, KVINO_NO_MEMORY, "out of memory");
  for (size_t i = 0; i < n && !status; i++) {
    bool in = i < model->n_in;
    size_t at = in ? i : i - model->n_in;
    const char *what = in ? "input" : "output";
    ov_port *port = NULL;
    KV_OV_CALL(status, err,
               in ? kv_ov.compiled_model_input_by_index(model->compiled, at, &port)
                  : kv_ov.compiled_model_output_by_index(model->compiled, at, &port),
               "the model has no %s %zu", what, at);
    if (status) return status;
    status = describe(port, what, at, &model->ports[i], err);
    kv_ov.output_const_port_free(port);
  }
  return status;
}

/* Whether it came from the cache directory: then nothing was compiled. */
static void count(const ov_compiled *compiled, const kv_ov_config *config) {
  char *text = NULL;
  bool loaded = kv_ov_config_get(config, KV_CACHE_DIR) &&
                !kv_ov.compiled_model_get_property(compiled, "LOADED_FROM_CACHE", &text) && text &&
                (!strcmp(text, "YES") || !strcmp(text, "true"));
  kv_ov.free(text);
  kv_ov_count_model(loaded);
}

/* Compiles what the model was made from. */
static kvino_status make(kv_ov_model *model, ov_compiled **compiled, kvino_error *err) {
  ov_model *read = NULL;
  kvino_status status = read_ir(&model->program, &read, err);
  if (!status) status = compile(read, &model->program, model->config, compiled, err);
  if (read) kv_ov.model_free(read);
  if (!status) count(*compiled, model->config);
  return status;
}

static kvino_status keep_program(kv_ov_model *model, const kv_ov_program *program, kv_ov_config *config,
                                 kvino_error *err) {
  char *ir = kv_malloc(program->ir_length + 1);
  model->program = *program;
  model->program.ir = ir;
  model->config = kv_ov_config_retain(config);
  if (!ir) return kv_fail(err, KVINO_NO_MEMORY, "out of memory");
  memcpy(ir, program->ir, program->ir_length);
  ir[program->ir_length] = 0;
  if (program->key) {
    model->key = *program->key;
    model->program.key = &model->key;
  }
  return KVINO_OK;
}

kvino_status kv_ov_compile(const kv_ov_program *program, kv_ov_config *config, kv_ov_model **out, kvino_error *err) {
  kv_ov_model *model = kv_calloc(1, sizeof *model);
  if (!model) {
    if (program->release) program->release(program->owner);
    return kv_fail(err, KVINO_NO_MEMORY, "out of memory");
  }
  atomic_init(&model->references, 1);
  pthread_mutex_init(&model->mutex, NULL);
  pthread_rwlock_init(&model->lock, NULL);
  kvino_status status = keep_program(model, program, config, err);
  if (!status) status = kv_ov_runtime(err);
  if (!status) {
    kv_ov_lock();
    status = make(model, &model->compiled, err);
    if (!status) status = describe_ports(model, err);
    kv_ov_unlock();
  }
  if (status)
    kv_ov_model_release(model);
  else
    *out = model;
  return status;
}

kvino_status kv_ov_model_mend(kv_ov_model *model, kvino_error *err) {
  kvino_status status = KVINO_OK;
  ov_compiled *fresh = NULL, *old = NULL;
  kv_ov_lock(); /* first: who holds the other lock waits for nothing */
  pthread_rwlock_wrlock(&model->lock);
  if (atomic_load(&model->spoiled)) status = make(model, &fresh, err);
  if (fresh) {
    old = model->compiled;
    model->compiled = fresh;
    atomic_fetch_add(&model->generation, 1); /* first: no request of the old one is taken for a sound one */
    atomic_store(&model->spoiled, false);
    atomic_store(&model->inferences, 0);
  }
  pthread_rwlock_unlock(&model->lock);
  kv_ov_unlock();
  if (old) kv_ov.compiled_model_free(old); /* its requests hold what they need */
  return status;
}

kv_ov_model *kv_ov_model_retain(kv_ov_model *model) {
  atomic_fetch_add_explicit(&model->references, 1, memory_order_relaxed);
  return model;
}

void kv_ov_model_release(kv_ov_model *model) {
  if (!model || atomic_fetch_sub_explicit(&model->references, 1, memory_order_acq_rel) != 1) return;
  for (int i = 0; i < model->n_idle; i++) kv_ov_run_free(model->idle[i]);
  if (model->compiled) kv_ov.compiled_model_free(model->compiled);
  if (model->program.release) model->program.release(model->program.owner);
  pthread_rwlock_destroy(&model->lock);
  pthread_mutex_destroy(&model->mutex);
  kv_ov_config_free(model->config);
  kv_free((void *)model->program.ir);
  kv_free(model->ports);
  kv_free(model);
}

size_t kv_ov_model_inferences(const kv_ov_model *model) { return atomic_load(&model->inferences); }
size_t kv_ov_model_inputs(const kv_ov_model *model) { return model->n_in; }
size_t kv_ov_model_outputs(const kv_ov_model *model) { return model->n_out; }
const kv_ov_port *kv_ov_model_input(const kv_ov_model *model, size_t i) { return &model->ports[i]; }
const kv_ov_port *kv_ov_model_output(const kv_ov_model *model, size_t i) { return &model->ports[model->n_in + i]; }

kvino_status kv_ov_model_property(const kv_ov_model *model, const char *key, char **value, kvino_error *err) {
  kvino_status status;
  char *text = NULL;
  kv_ov_lock();
  KV_OV_CALL(status, err, kv_ov.compiled_model_get_property(model->compiled, key, &text),
             "the model has no property '%s'", key);
  kv_ov_unlock();
  if (status) return status;
  char *copy = kv_strdup(text ? text : "");
  kv_ov.free(text);
  if (!copy) return kv_fail(err, KVINO_NO_MEMORY, "out of memory");
  *value = copy;
  return KVINO_OK;
}

kvino_status kv_ov_model_port_name(const kv_ov_model *model, bool output, size_t i, char **name, kvino_error *err) {
  kvino_status status, none;
  kvino_error ignored; /* a port without a name */
  ov_port *port = NULL;
  char *text = NULL;
  kv_ov_lock();
  KV_OV_CALL(status, err,
             output ? kv_ov.compiled_model_output_by_index(model->compiled, i, &port)
                    : kv_ov.compiled_model_input_by_index(model->compiled, i, &port),
             "the model has no port %zu", i);
  if (!status) KV_OV_CALL(none, &ignored, kv_ov.port_get_any_name(port, &text), "no name");
  if (port) kv_ov.output_const_port_free(port);
  kv_ov_unlock();
  if (status) return status;
  *name = text ? kv_strdup(text) : NULL;
  bool lost = text && !*name;
  kv_ov.free(text);
  (void)none;
  return lost ? kv_fail(err, KVINO_NO_MEMORY, "out of memory") : KVINO_OK;
}
