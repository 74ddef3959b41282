/* Primitives by name and attributes as text, for tests and tools. */
#include <stdlib.h>
#include <string.h>

#include "run/apply.h"

size_t kvino_primitive_count(void) { return KV_PRIM_COUNT; }
const char *kvino_primitive_name(size_t i) { return i < KV_PRIM_COUNT ? kv_prim_get((kv_prim_id)i)->name : NULL; }

static kvino_status set_field(const kv_attr_field *f, kv_attrs *a, const char *text, kvino_error *err) {
  void *at = (char *)a + f->offset;
  switch (f->kind) {
  case KV_FIELD_body:
    return kv_fail(err, KVINO_UNSUPPORTED, "%s is a graph, not a text", f->name);
  case KV_FIELD_integer:
    *(int64_t *)at = strtoll(text, NULL, 10);
    break;
  case KV_FIELD_number:
    *(double *)at = strtod(text, NULL);
    break;
  case KV_FIELD_flag:
    *(bool *)at = !strcmp(text, "true");
    break;
  case KV_FIELD_dtype:
    for (int i = 0; i < KVINO_DTYPE_COUNT; i++) { /* the IR's name, found by writing each */
      char ir[32];
      *(kvino_dtype *)at = (kvino_dtype)i;
      kv_attr_text(f, a, ir, sizeof ir);
      if (!strcmp(ir, text)) return KVINO_OK;
    }
    return kv_fail(err, KVINO_INVALID, "%s: no dtype is called '%s'", f->name, text);
  case KV_FIELD_choice:
    if (!(*(const char **)at = kv_attr_choice(f, text)))
      return kv_fail(err, KVINO_INVALID, "%s cannot be '%s'", f->name, text);
    break;
  case KV_FIELD_ints: {
    kv_ints *v = at;
    v->n = 0;
    for (char *p = (char *)(uintptr_t)text, *end; v->n < KV_INTS_MAX; p = end + (*end == ',')) {
      int64_t value = strtoll(p, &end, 10);
      if (end == p) break;
      v->v[v->n++] = value;
    }
  }
  }
  return KVINO_OK;
}

kvino_status kvino_primitive_call(const char *name, size_t n, kvino_tensor *const *in, size_t n_attributes,
                                  const kvino_property *attributes, kvino_tensors *out, kvino_error *err) {
  KV_NOT_NULL(err, name && out && (in || !n) && (attributes || !n_attributes));
  const kv_prim *prim = kv_prim_find(name);
  if (!prim) return kv_fail(err, KVINO_UNSUPPORTED, "there is no primitive %s", name);
  kv_attrs attrs;
  memset(&attrs, 0, sizeof attrs);
  for (size_t i = 0; i < n_attributes; i++) {
    KV_NOT_NULL(err, attributes[i].name && attributes[i].value);
    const kv_attr_field *f = prim->fields();
    while (f->name && strcmp(f->name, attributes[i].name)) f++;
    if (!f->name) return kv_fail(err, KVINO_INVALID, "%s has no attribute '%s'", name, attributes[i].name);
    KV_TRY(set_field(f, &attrs, attributes[i].value, err));
  }
  kv_scope s;
  kv_scope_enter(&s, err);
  return kv_scope_leave_many(&s, kv_apply_many(&s, prim->id, &attrs, n, in), out);
}
