/* Models that are OpenVINO's IR: read, compiled and run by OpenVINO alone. */
#include <strings.h>

#include "base/memory.h"
#include "engine/ports.h"
#include "model/model.h"

static void release_bytes(void *bytes) { kv_bytes_release(bytes); }

static kvino_status compile(kvino_model *m, kvino_error *err) {
  const kv_bytes *ir = m->file.ir, *blob = m->file.blob;
  kv_ov_config *config = NULL;
  if (m->device && !strcasecmp(m->device, "native"))
    return kv_fail(err, KVINO_UNSUPPORTED, "%s: an IR runs on OpenVINO's devices, not natively", m->file.name);
  KV_TRY(kv_ov_config_in_force(m->device, m->properties, m->n_properties, &config, err));
  kv_ov_key key = kv_ov_fingerprint((kv_ov_key){{0}}, ir->at, ir->n);
  if (blob) key = kv_ov_fingerprint(key, blob->at, blob->n);
  kv_ov_program program = {.ir = ir->at, .ir_length = ir->n, .key = &key};
  if (blob) {
    program.weights = blob->at;
    program.weights_bytes = blob->n;
    program.owner = kv_bytes_retain(m->file.blob);
    program.release = release_bytes;
  }
  kvino_status status = kv_ov_compile(&program, config, &m->ir, err);
  kv_ov_config_free(config);
  return status;
}

/* The ports of one side. */
static kvino_status take_ports(kvino_model *m, bool output, kv_model_ports *to, kvino_error *err) {
  size_t n = output ? kv_ov_model_outputs(m->ir) : kv_ov_model_inputs(m->ir), named = 0;
  kvino_port *port = kv_calloc(n + 1, sizeof *port);
  char **names = kv_calloc(n + 1, sizeof *names);
  kvino_status status = port && names ? KVINO_OK : kv_fail(err, KVINO_NO_MEMORY, "out of memory for a model");
  for (; named < n && !status; named++) {
    const kv_ov_port *p = output ? kv_ov_model_output(m->ir, named) : kv_ov_model_input(m->ir, named);
    if (p->rank < 0)
      status = kv_fail(err, KVINO_UNSUPPORTED, "%s: an %s of any number of dimensions", m->file.name,
                       output ? "output" : "input");
    if (!status) status = kv_ov_model_port_name(m->ir, output, named, &names[named], err);
    port[named] = (kvino_port){names[named], p->dtype, p->rank, p->shape};
  }
  if (!status) status = kv_model_ports_copy(n, port, output ? "output" : "input", to, err);
  for (size_t i = 0; names && i < n; i++) kv_free(names[i]);
  kv_free(names);
  kv_free(port);
  return status;
}

kvino_status kv_ir_begin(kvino_model *m, kvino_error *err) {
  kvino_error why;
  kvino_status status = compile(m, &why);
  if (status) return kv_fail(err, status, "%s: %s", m->file.name, why.text);
  KV_TRY(take_ports(m, false, &m->in, err));
  return take_ports(m, true, &m->out, err);
}

kvino_status kv_ir_run(const kvino_model *m, kvino_tensor *const *in, kvino_tensors *out, kvino_error *err) {
  kv_ports p;
  kvino_tensor **v = kv_calloc(m->out.n + 1, sizeof *v);
  kvino_status status = kv_ports_begin(&p, m->in.n, m->out.n, err);
  if (!v && !status) status = kv_fail(err, KVINO_NO_MEMORY, "out of memory for a run");
  for (size_t i = 0; i < m->in.n && !status; i++) status = kv_ports_take(&p, i, in[i], true, err);
  for (size_t i = 0; i < m->out.n && !status; i++) status = kv_ports_prepare(&p, m->ir, i, err);
  if (!status) status = kv_ov_infer(m->ir, p.in, p.n_in, p.out, p.n_out, err);
  for (size_t i = 0, given = 0; i < m->out.n && given == i && v; i++) {
    if (!status) status = kv_ports_give(&p, i, &v[i], err);
    given += !status;
  }
  kv_ports_end(&p);
  if (status) {
    for (size_t i = 0; v && i < m->out.n; i++) kvino_tensor_release(v[i]);
    kv_free(v);
    return status;
  }
  *out = (kvino_tensors){m->out.n, v};
  return KVINO_OK;
}
