/* Infer requests: a pool per model, what is bound to them, and running them (infer.h).
 *
 * Binding a tensor costs 1.5 us, a quarter of a small inference. So a request remembers what is bound to it and binds
 * only what changed, and what is small stays bound to memory of the request, which is copied to and from. */
#include "openvino/infer.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "openvino/call.h"
#include "openvino/model_internal.h"
#include "openvino/runtime.h"

#include <stdio.h>
#include <string.h>

/* Up to so many bytes copying is cheaper than binding. */
#define SMALL 8192

/* Memory of an output that OpenVINO allocated: referred to by the request it is bound to and by whoever it was handed
 * to. When a request finds that it alone refers to it, the next inference writes there again. */
typedef struct result {
  atomic_int references;
  ov_tensor *tensor;
} result;

/* What is bound to an input or output of a request: memory of the caller's or the request's, or a result. */
typedef struct binding {
  void *small;      /* memory of the request, where it was needed */
  const void *data; /* what the tensor is over */
  void *target;     /* of an output: the caller's memory */
  int rank;
  int64_t shape[KV_OV_MAX_RANK];
  ov_tensor *tensor; /* over data; kept for outputs whose shape must be checked afterwards */
  result *result;
} binding;

struct kv_ov_run {
  kv_ov_model *model; /* counted as a reference while started */
  ov_request *request;
  unsigned generation;  /* of the model, when it was made */
  bool verified;        /* inputs and outputs were seen to be apart */
  uint64_t settled;     /* for which lengths of the inputs an inference was made; 0: none was */
  ov_callback callback; /* function NULL until it is set */
  void (*done)(void *context);
  void *context;
  kv_ov_output *collected; /* n_out */
  binding bindings[];      /* n_in, then n_out */
};

/* Trap: tensors over host memory refuse NULL even where there is nothing to point at. */
static _Alignas(64) char nothing[64];

void kv_ov_result_release(void *owner) {
  result *r = owner;
  if (!r || atomic_fetch_sub_explicit(&r->references, 1, memory_order_acq_rel) != 1) return;
  kv_ov.tensor_free(r->tensor);
  kv_free(r);
}

/* ---- checks ---- */

static const char *shape_text(int rank, const int64_t *shape, char text[160]) {
  size_t n = (size_t)snprintf(text, 160, "(");
  for (int d = 0; d < rank && n < 140; d++) {
    if (shape[d] < 0)
      n += (size_t)snprintf(text + n, 160 - n, "%sNone", d ? ", " : "");
    else
      n += (size_t)snprintf(text + n, 160 - n, "%s%lld", d ? ", " : "", (long long)shape[d]);
  }
  snprintf(text + n, 160 - n, rank == 1 ? ",)" : ")");
  return text;
}

static bool fits(const kv_ov_port *port, int rank, const int64_t *shape) {
  if (rank < 0 || rank > KV_OV_MAX_RANK || (port->rank >= 0 && rank != port->rank)) return false;
  for (int d = 0; d < rank; d++)
    if (shape[d] < 0 || (port->rank >= 0 && port->shape[d] >= 0 && shape[d] != port->shape[d])) return false;
  return true;
}

static kvino_status __attribute__((cold))
misfit(const kv_ov_port *port, const char *what, size_t i, int rank, const int64_t *shape, kvino_error *err) {
  char have[160], want[160] = "any shape";
  if (port->rank >= 0) shape_text(port->rank, port->shape, want);
  if (rank < 0 || rank > KV_OV_MAX_RANK)
    snprintf(have, sizeof have, "of rank %d", rank);
  else
    shape_text(rank, shape, have);
  return kv_fail(err, KVINO_INVALID, "%s %zu has shape %s, the model takes %s", what, i, have, want);
}

static kvino_status check_input(const kv_ov_port *port, size_t i, const kv_ov_input *in, kvino_error *err) {
  if (in->dtype != port->dtype)
    return kv_fail(err, KVINO_TYPE, "input %zu has dtype %s, the model takes %s", i, kvino_dtype_name(in->dtype),
                   kvino_dtype_name(port->dtype));
  if (!fits(port, in->rank, in->shape)) return misfit(port, "input", i, in->rank, in->shape, err);
  if (!in->data)
    for (int d = 0; d <= in->rank; d++) {
      if (d == in->rank) return kv_fail(err, KVINO_INVALID, "input %zu has no data", i);
      if (!in->shape[d]) break;
    }
  return KVINO_OK;
}

static kvino_status check(const kv_ov_model *model, const kv_ov_input *inputs, size_t n_in, const kv_ov_output *outputs,
                          size_t n_out, kvino_error *err) {
  if (n_in != model->n_in || n_out != model->n_out)
    return kv_fail(err, KVINO_INVALID, "%zu inputs and %zu outputs given to a model of %zu and %zu", n_in, n_out,
                   model->n_in, model->n_out);
  for (size_t i = 0; i < n_in; i++) KV_TRY(check_input(&model->ports[i], i, &inputs[i], err));
  for (size_t i = 0; i < n_out; i++) {
    const kv_ov_port *port = &model->ports[n_in + i];
    if (!outputs[i].data || port->is_static) continue;
    if (!fits(port, outputs[i].rank, outputs[i].shape))
      return misfit(port, "output", i, outputs[i].rank, outputs[i].shape, err);
  }
  return KVINO_OK;
}

/* ---- the pool ---- */

static size_t small_capacity(const kv_ov_port *port) { return port->is_static ? port->bytes : SMALL; }

static void clear(binding *b) {
  if (b->tensor) kv_ov.tensor_free(b->tensor);
  kv_ov_result_release(b->result);
  b->data = NULL;
  b->tensor = NULL;
  b->result = NULL;
}

void kv_ov_run_free(kv_ov_run *run) {
  size_t n = run->model->n_in + run->model->n_out;
  if (run->request) kv_ov.infer_request_free(run->request);
  for (size_t i = 0; i < n; i++) {
    clear(&run->bindings[i]);
    if (run->bindings[i].small) kv_block_free(run->bindings[i].small, small_capacity(&run->model->ports[i]));
  }
  kv_free(run->collected);
  kv_free(run);
}

static kvino_status run_new(kv_ov_model *model, kv_ov_run **out, kvino_error *err) {
  size_t n = model->n_in + model->n_out;
  kvino_status status = KVINO_OK;
  kv_ov_run *run = kv_calloc(1, sizeof *run + n * sizeof *run->bindings);
  if (!run) return kv_fail(err, KVINO_NO_MEMORY, "out of memory");
  run->model = model;
  run->generation = atomic_load(&model->generation);
  run->collected = kv_calloc(model->n_out ? model->n_out : 1, sizeof *run->collected);
  if (!run->collected) status = kv_fail(err, KVINO_NO_MEMORY, "out of memory");
  if (!status) {
    kv_ov_enter();
    pthread_rwlock_rdlock(&model->lock);
    run->generation = atomic_load(&model->generation);
    KV_OV_CALL(status, err, kv_ov.compiled_model_create_infer_request(model->compiled, &run->request),
               "OpenVINO cannot create an infer request");
    pthread_rwlock_unlock(&model->lock);
    kv_ov_leave();
  }
  if (status)
    kv_ov_run_free(run);
  else
    *out = run;
  return status;
}

/* Whether the compiled model that the request belongs to is the model's, and sound. */
static bool is_sound(const kv_ov_run *run) {
  return run->generation == atomic_load(&run->model->generation) && !atomic_load(&run->model->spoiled);
}

/* An idle request, or NULL. */
static kv_ov_run *idle(kv_ov_model *model) {
  kv_ov_enter(); /* no fork finds the lock taken */
  pthread_mutex_lock(&model->mutex);
  kv_ov_run *run = model->n_idle ? model->idle[--model->n_idle] : NULL;
  pthread_mutex_unlock(&model->mutex);
  kv_ov_leave();
  return run;
}

static kvino_status take(kv_ov_model *model, kv_ov_run **out, kvino_error *err) {
  kv_ov_run *run;
  if (atomic_load(&model->spoiled)) KV_TRY(kv_ov_model_mend(model, err));
  while ((run = idle(model)) && !is_sound(run)) kv_ov_run_free(run);
  if (!run) return run_new(model, out, err);
  *out = run;
  return KVINO_OK;
}

static void give_back(kv_ov_run *run) {
  kv_ov_model *model = run->model;
  kv_ov_enter();
  pthread_mutex_lock(&model->mutex);
  bool kept = model->n_idle < KV_OV_IDLE && is_sound(run);
  if (kept) model->idle[model->n_idle++] = run;
  pthread_mutex_unlock(&model->mutex);
  kv_ov_leave();
  if (!kept) kv_ov_run_free(run);
}

/* ---- binding; inside the gate ---- */

static bool is_bound(const binding *b, const kv_ov_port *port, const void *data, int rank, const int64_t *shape) {
  if (b->data != data) return false;
  return port->is_static || (b->rank == rank && (!rank || !memcmp(b->shape, shape, (size_t)rank * sizeof *shape)));
}

static void remember(binding *b, const void *data, int rank, const int64_t *shape) {
  b->data = data;
  b->rank = rank;
  if (rank) memcpy(b->shape, shape, (size_t)rank * sizeof *shape);
}

static size_t bytes_of(const kv_ov_port *port, int rank, const int64_t *shape) {
  if (port->is_static) return port->bytes;
  size_t bytes = kvino_dtype_size(port->dtype);
  for (int d = 0; d < rank; d++)
    if (__builtin_mul_overflow(bytes, (size_t)shape[d], &bytes)) return SIZE_MAX; /* not small, whatever it is */
  return bytes;
}

/* The request's own memory for a port, where what it shall hold is small; else (or without memory) NULL. */
static void *small_memory(const kv_ov_port *port, binding *b, size_t bytes) {
  if (!bytes || bytes > SMALL) return NULL;
  if (!b->small) b->small = kv_block_new(small_capacity(port));
  return b->small;
}

static kvino_status bind_input(kv_ov_run *run, size_t i, const kv_ov_input *in, kvino_error *err) {
  const kv_ov_port *port = &run->model->ports[i];
  binding *b = &run->bindings[i];
  const void *data = in->data ? in->data : nothing;
  size_t bytes = bytes_of(port, in->rank, in->shape);
  void *small = small_memory(port, b, bytes);
  if (small) data = memcpy(small, data, bytes);
  if (is_bound(b, port, data, in->rank, in->shape)) return KVINO_OK;
  kvino_status status;
  ov_tensor *tensor = NULL;
  ov_shape shape = {in->rank, (int64_t *)in->shape};
  b->data = NULL;
  KV_OV_CALL(status, err, kv_ov.tensor_create_from_host_ptr(kv_ov_type(port->dtype), shape, (void *)data, &tensor),
             "OpenVINO does not take the memory of input %zu", i);
  if (status) return status;
  KV_OV_CALL(status, err, kv_ov.infer_request_set_input_tensor_by_index(run->request, i, tensor),
             "OpenVINO does not take input %zu", i);
  kv_ov.tensor_free(tensor); /* the request keeps what it needs */
  if (!status) remember(b, data, in->rank, in->shape);
  return status;
}

/* Sets output i to `tensor`, which the binding owns from here on. */
static kvino_status set_output(kv_ov_run *run, size_t i, ov_tensor *tensor, kvino_error *err) {
  kvino_status status;
  KV_OV_CALL(status, err, kv_ov.infer_request_set_output_tensor_by_index(run->request, i, tensor),
             "OpenVINO does not take output %zu", i);
  return status;
}

static kvino_status bind_memory(kv_ov_run *run, size_t i, const kv_ov_output *out, kvino_error *err) {
  const kv_ov_port *port = &run->model->ports[run->model->n_in + i];
  binding *b = &run->bindings[run->model->n_in + i];
  int rank = port->is_static ? port->rank : out->rank;
  const int64_t *dims = port->is_static ? port->shape : out->shape;
  void *small = small_memory(port, b, bytes_of(port, rank, dims)), *data = small ? small : out->data;
  b->target = out->data;
  if (is_bound(b, port, data, rank, dims)) return KVINO_OK;
  kvino_status status;
  ov_tensor *tensor = NULL;
  clear(b);
  KV_OV_CALL(
      status, err,
      kv_ov.tensor_create_from_host_ptr(kv_ov_type(port->dtype), (ov_shape){rank, (int64_t *)dims}, data, &tensor),
      "OpenVINO does not take the memory of output %zu", i);
  if (status) return status;
  b->tensor = tensor;
  KV_TRY(set_output(run, i, tensor, err));
  remember(b, data, rank, dims);
  return KVINO_OK;
}

static kvino_status bind_result(kv_ov_run *run, size_t i, kvino_error *err) {
  const kv_ov_port *port = &run->model->ports[run->model->n_in + i];
  binding *b = &run->bindings[run->model->n_in + i];
  if (b->result && atomic_load_explicit(&b->result->references, memory_order_acquire) == 1) return KVINO_OK;
  kvino_status status;
  int64_t dims[KV_OV_MAX_RANK] = {0};
  clear(b);
  result *r = kv_calloc(1, sizeof *r);
  if (!r) return kv_fail(err, KVINO_NO_MEMORY, "out of memory");
  atomic_init(&r->references, 1);
  /* Unknown dimensions begin as 0: the plugin sets the shape, and the tensor grows. */
  for (int d = 0; d < port->rank; d++) dims[d] = port->shape[d] < 0 ? 0 : port->shape[d];
  ov_shape shape = {port->rank < 0 ? 1 : port->rank, dims};
  KV_OV_CALL(status, err, kv_ov.tensor_create(kv_ov_type(port->dtype), shape, &r->tensor),
             "OpenVINO cannot allocate output %zu", i);
  if (status) {
    kv_free(r);
    return status;
  }
  b->result = r;
  return set_output(run, i, r->tensor, err);
}

/* Trap: a Parameter wired straight to a Result shares one tensor with it, so that binding the output has replaced the
 * input. Whoever writes IR puts an operator between; here it is made sure of, once per request. */
static kvino_status verify(kv_ov_run *run, kvino_error *err) {
  kvino_status status = KVINO_OK;
  for (size_t i = 0; i < run->model->n_in; i++) {
    ov_tensor *tensor = NULL;
    void *data = NULL;
    KV_OV_CALL(status, err, kv_ov.infer_request_get_input_tensor_by_index(run->request, i, &tensor),
               "OpenVINO does not give input %zu back", i);
    if (status) return status;
    size_t bytes = 0;
    int failed = kv_ov.tensor_data(tensor, &data) || kv_ov.tensor_get_byte_size(tensor, &bytes);
    kv_ov.tensor_free(tensor);
    if (!failed && bytes && data != run->bindings[i].data)
      return kv_fail(err, KVINO_UNSUPPORTED,
                     "input %zu of the model is wired straight to an output; an operator must stand between", i);
  }
  run->verified = true;
  return KVINO_OK;
}

static kvino_status bind(kv_ov_run *run, const kv_ov_input *inputs, const kv_ov_output *outputs, kvino_error *err) {
  for (size_t i = 0; i < run->model->n_in; i++) KV_TRY(bind_input(run, i, &inputs[i], err));
  for (size_t i = 0; i < run->model->n_out; i++) {
    if (outputs[i].data)
      KV_TRY(bind_memory(run, i, &outputs[i], err));
    else
      KV_TRY(bind_result(run, i, err));
  }
  return run->verified ? KVINO_OK : verify(run, err);
}

/* ---- outputs ---- */

/* The shape of a tensor. Trap: ov_tensor_get_shape refuses scalars (INVALID_C_PARAM). */
static kvino_status tensor_shape(const ov_tensor *tensor, size_t i, int *rank, int64_t *dims, kvino_error *err) {
  ov_shape shape = {0};
  int failed = kv_ov.tensor_get_shape(tensor, &shape);
  if (failed && failed != -14) return kv_fail(err, KVINO_DEVICE, "OpenVINO does not tell the shape of output %zu", i);
  if (failed) shape.rank = 0;
  if (shape.rank > KV_OV_MAX_RANK) {
    kv_ov.shape_free(&shape);
    return kv_fail(err, KVINO_UNSUPPORTED, "output %zu has rank %lld, more than %d", i, (long long)shape.rank,
                   KV_OV_MAX_RANK);
  }
  *rank = (int)shape.rank;
  if (*rank) memcpy(dims, shape.dims, (size_t)*rank * sizeof *dims);
  if (!failed) kv_ov.shape_free(&shape);
  return KVINO_OK;
}

static kvino_status collect_one(kv_ov_run *run, size_t i, kv_ov_output *out, kvino_error *err) {
  const kv_ov_port *port = &run->model->ports[run->model->n_in + i];
  binding *b = &run->bindings[run->model->n_in + i];
  out->dtype = port->dtype;
  out->owner = NULL;
  if (port->is_static) {
    out->rank = port->rank;
    memcpy(out->shape, port->shape, sizeof out->shape);
    out->bytes = port->bytes;
  } else {
    const ov_tensor *tensor = b->result ? b->result->tensor : b->tensor;
    KV_TRY(tensor_shape(tensor, i, &out->rank, out->shape, err));
    out->bytes = kvino_dtype_size(port->dtype);
    for (int d = 0; d < out->rank; d++) out->bytes *= (size_t)out->shape[d];
  }
  if (b->result) {
    out->data = NULL;
    if (kv_ov.tensor_data(b->result->tensor, &out->data) || !out->data) out->data = nothing;
    if (out->bytes && out->data == nothing) return kv_fail(err, KVINO_DEVICE, "OpenVINO does not give output %zu", i);
    return KVINO_OK;
  }
  out->data = b->target;
  if (port->is_static || (out->rank == b->rank && !memcmp(out->shape, b->shape, (size_t)b->rank * sizeof *b->shape)))
    return KVINO_OK;
  char have[160], want[160];
  clear(b); /* its shape was changed: not to be taken for bound */
  return kv_fail(err, KVINO_DEVICE, "output %zu came out with shape %s where %s was expected", i,
                 shape_text(out->rank, out->shape, have), shape_text(b->rank, b->shape, want));
}

static kvino_status collect(kv_ov_run *run, kv_ov_output *outputs, kvino_error *err) {
  size_t n = run->model->n_out;
  for (size_t i = 0; i < n; i++) KV_TRY(collect_one(run, i, &run->collected[i], err));
  for (size_t i = 0; i < n; i++) {
    const binding *b = &run->bindings[run->model->n_in + i];
    result *r = b->result;
    outputs[i] = run->collected[i];
    if (!r && b->data != b->target) memcpy(b->target, b->data, outputs[i].bytes);
    if (!r) continue;
    atomic_fetch_add_explicit(&r->references, 1, memory_order_relaxed);
    outputs[i].owner = r;
  }
  return KVINO_OK;
}

/* ---- running ---- */

/* Runs the request, to be waited for where it was started. Trap: after a failure the model is spoiled, so that a second
 * run, for the text of the error, may succeed with wrong numbers: it is a failure all the same. */
static kvino_status infer(kv_ov_run *run, bool started, kvino_error *err) {
  kvino_status status = KVINO_OK;
  int failed = started ? kv_ov.infer_request_wait(run->request) : kv_ov.infer_request_infer(run->request);
  atomic_fetch_add_explicit(&run->model->inferences, 1, memory_order_relaxed);
  if (!failed) return KVINO_OK;
  kv_ov_alone();
  if (run->generation == atomic_load(&run->model->generation)) atomic_store(&run->model->spoiled, true);
  failed = kv_ov.infer_request_infer(run->request);
  status = failed ? kv_ov_error(err, failed, "OpenVINO could not run the model")
                  : kv_fail(err, KVINO_DEVICE, "OpenVINO could not run the model");
  kv_ov_alone_end();
  return status;
}

/* Trap: where an If gives unknown lengths, the first inference of a request with other lengths than the one before may
 * give memory that the plugin has not written to (seen with 16-bit integers beside). The one after it is right. */
static kvino_status settle(kv_ov_run *run, const kv_ov_input *inputs, kvino_error *err) {
  uint64_t lengths = 1;
  if (!run->model->program.unsettled) return KVINO_OK;
  for (size_t i = 0; i < run->model->n_in; i++)
    lengths = kv_mix_bytes(lengths, inputs[i].shape, (size_t)inputs[i].rank * sizeof *inputs[i].shape);
  lengths |= !lengths;
  if (run->settled == lengths) return KVINO_OK;
  KV_TRY(infer(run, false, err));
  run->settled = lengths;
  return KVINO_OK;
}

/* After a failure the request is not used again: what state it is in is anyone's guess. */
static void finish(kv_ov_run *run, kvino_status status) {
  if (status)
    kv_ov_run_free(run);
  else
    give_back(run);
}

kvino_status kv_ov_infer(kv_ov_model *model, const kv_ov_input *inputs, size_t n_in, kv_ov_output *outputs,
                         size_t n_out, kvino_error *err) {
  kv_ov_run *run;
  kvino_status status;
  bool again;
  KV_TRY(check(model, inputs, n_in, outputs, n_out, err));
  do {
    KV_TRY(take(model, &run, err));
    kv_ov_enter();
    status = bind(run, inputs, outputs, err);
    if (!status) status = settle(run, inputs, err);
    if (!status) status = infer(run, false, err);
    kv_ov_leave();
    again = !status && !is_sound(run); /* another thread's inference failed meanwhile */
    if (!status && !again) status = collect(run, outputs, err);
    finish(run, status);
  } while (again);
  return status;
}

static void call_done(void *context) {
  kv_ov_run *run = context;
  if (run->done) run->done(run->context);
}

/* Traps: OpenVINO keeps the pointer to the callback's record, not a copy, so it stands in the run. And it calls back
 * for start_async alone, never for infer, so that a request of the pool may keep its callback. */
static kvino_status set_callback(kv_ov_run *run, void (*done)(void *), void *context, kvino_error *err) {
  kvino_status status = KVINO_OK;
  run->done = done;
  run->context = context;
  if (!done || run->callback.function) return KVINO_OK;
  run->callback = (ov_callback){call_done, run};
  KV_OV_CALL(status, err, kv_ov.infer_request_set_callback(run->request, &run->callback),
             "OpenVINO does not take a callback");
  return status;
}

kvino_status kv_ov_start(kv_ov_model *model, const kv_ov_input *inputs, size_t n_in, const kv_ov_output *outputs,
                         size_t n_out, void (*done)(void *context), void *context, kv_ov_run **out, kvino_error *err) {
  kv_ov_run *run;
  kvino_status status;
  KV_TRY(check(model, inputs, n_in, outputs, n_out, err));
  KV_TRY(take(model, &run, err));
  kv_ov_model_retain(model);
  *out = run; /* before it starts: the callback may hand it to another thread that waits */
  kv_ov_enter();
  status = bind(run, inputs, outputs, err);
  if (!status) status = settle(run, inputs, err);
  if (!status) status = set_callback(run, done, context, err);
  if (!status)
    KV_OV_CALL(status, err, kv_ov.infer_request_start_async(run->request), "OpenVINO could not start the model");
  kv_ov_leave();
  if (status) {
    *out = NULL;
    kv_ov_run_free(run);
    kv_ov_model_release(model);
  }
  return status;
}

kvino_status kv_ov_wait(kv_ov_run *run, kv_ov_output *outputs, kvino_error *err) {
  kv_ov_model *model = run->model;
  kv_ov_enter();
  kvino_status status = infer(run, true, err);
  if (!status && !is_sound(run)) /* another thread's inference failed meanwhile; the caller may start it again */
    status = kv_fail(err, KVINO_DEVICE, "OpenVINO could not run the model: another run of it failed");
  kv_ov_leave();
  run->done = NULL;
  if (!status) status = collect(run, outputs, err);
  finish(run, status);
  kv_ov_model_release(model);
  return status;
}

kvino_status kv_ov_profile(kv_ov_model *model, kv_ov_profile_fn *visit, void *context, kvino_error *err) {
  ov_profile profile = {0};
  kvino_status status;
  kv_ov_run *run = idle(model);
  if (!run) return kv_fail(err, KVINO_INVALID, "no inference of the model has ended yet");
  kv_ov_enter();
  KV_OV_CALL(status, err, kv_ov.infer_request_get_profiling_info(run->request, &profile),
             "OpenVINO has no profile (compile with profiling=yes)");
  kv_ov_leave();
  for (size_t i = 0; !status && i < profile.n; i++) {
    const ov_profile_row *row = &profile.rows[i];
    if (row->status == 2) visit(context, row->node_name, row->node_type, row->exec_type, row->real_us);
  }
  if (!status) kv_ov.profiling_info_list_free(&profile);
  give_back(run);
  return status;
}
