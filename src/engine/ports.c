#include "engine/ports.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"

kvino_status kv_ports_begin(kv_ports *p, size_t n_in, size_t n_out, kvino_error *err) {
  p->n_in = n_in;
  p->n_out = n_out;
  bool few = p->n_in <= KV_FEW_PORTS && p->n_out <= KV_FEW_PORTS;
  p->held = few ? p->few_held : kv_malloc((p->n_in + p->n_out) * sizeof *p->held);
  p->in = few ? p->few_in : kv_malloc(p->n_in * sizeof *p->in);
  p->out = few ? p->few_out : kv_malloc(p->n_out * sizeof *p->out);
  if (p->held) memset(p->held, 0, (p->n_in + p->n_out) * sizeof *p->held);
  return p->held && p->in && p->out ? KVINO_OK
                                    : kv_fail(err, KVINO_NO_MEMORY, "out of memory for a segment of a graph");
}

void kv_ports_end(kv_ports *p) {
  for (size_t i = 0; p->held && i < p->n_in + p->n_out; i++) kvino_tensor_release(p->held[i]);
  if (p->held != p->few_held) kv_free(p->held);
  if (p->in != p->few_in) kv_free(p->in);
  if (p->out != p->few_out) kv_free(p->out);
}

static bool is_plain_bool(const kvino_tensor *t) {
  char all = 0;
  for (int64_t i = 0; i < t->size; i++) all |= t->data[i];
  return !(all & ~1);
}

/* Trap: OpenVINO takes the bytes of a boolean as they are. Replaces *t by a copy of bytes 0 and 1 where it must. */
static kvino_status normalise_bool(kvino_tensor **t, kvino_error *err) {
  kvino_tensor *plain;
  if (is_plain_bool(*t)) return KVINO_OK;
  KV_TRY(kv_tensor_empty(KVINO_BOOL, (*t)->rank, (*t)->shape, &plain, err));
  for (int64_t i = 0; i < plain->size; i++) plain->data[i] = (*t)->data[i] != 0;
  kvino_tensor_release(*t);
  *t = plain;
  return KVINO_OK;
}

kvino_status kv_ports_take(kv_ports *p, size_t i, kvino_tensor *t, bool plain, kvino_error *err) {
  KV_TRY(kvino_tensor_contiguous(t, &p->held[i], err));
  if (plain && t->dtype == KVINO_BOOL) KV_TRY(normalise_bool(&p->held[i], err));
  t = p->held[i];
  p->in[i] = (kv_ov_input){(kvino_dtype)t->dtype, t->rank, t->shape, t->data};
  return KVINO_OK;
}

kvino_status kv_ports_prepare(kv_ports *p, const kv_ov_model *model, size_t i, kvino_error *err) {
  const kv_ov_port *port = kv_ov_model_output(model, i);
  p->out[i].data = NULL;
  if (!port->is_static) return KVINO_OK;
  kvino_tensor **made = &p->held[p->n_in + i];
  KV_TRY(kv_tensor_empty(port->dtype, port->rank, port->shape, made, err));
  p->out[i].data = (*made)->data;
  return KVINO_OK;
}

/* Up to so many bytes a copy costs less than new memory for OpenVINO's next run would. */
#define COPIED 16384

kvino_status kv_ports_give(kv_ports *p, size_t i, kvino_tensor **out, kvino_error *err) {
  kv_ov_output *o = &p->out[i];
  if (!o->owner) {
    *out = p->held[p->n_in + i];
    p->held[p->n_in + i] = NULL;
    return KVINO_OK;
  }
  void *owner = o->owner;
  o->owner = NULL;
  if (o->bytes > COPIED)
    return kvino_tensor_wrap(o->dtype, o->rank, o->shape, NULL, o->data, kv_ov_result_release, owner, out, err);
  kvino_status status = kv_tensor_empty(o->dtype, o->rank, o->shape, out, err);
  if (!status && o->bytes) memcpy((*out)->data, o->data, o->bytes);
  kv_ov_result_release(owner);
  return status;
}
