#include "graph/origin.h"

#include <stdatomic.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "kvino/profile.h"

struct kv_origin {
  _Atomic uint32_t refs;
  kv_origin *parent;
  char name[];
};

static _Thread_local kv_origin *current;

kv_origin *kv_origin_retain(kv_origin *o) {
  if (o) atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
  return o;
}

void kv_origin_release(kv_origin *o) {
  while (o && atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) == 1) {
    kv_origin *parent = o->parent;
    kv_free(o);
    o = parent;
  }
}

kv_origin *kv_origin_current(void) { return current; }

kv_origin *kv_origin_enter(kv_origin *o) {
  kv_origin *before = current;
  current = o;
  return before;
}

kvino_status kvino_scope_begin(const char *name, kvino_error *err) {
  KV_NOT_NULL(err, name);
  size_t n = strlen(name);
  kv_origin *o = kv_malloc(sizeof *o + n + 1);
  if (!o) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for the name of a scope");
  atomic_init(&o->refs, 1);
  o->parent = kv_origin_retain(current);
  memcpy(o->name, name, n + 1);
  current = o;
  return KVINO_OK;
}

void kvino_scope_end(void) {
  kv_origin *o = current;
  if (!o) return;
  current = o->parent; /* whoever began that one holds it */
  kv_origin_release(o);
}

void kv_put_origin(kv_text *t, const kv_origin *o) {
  if (!o) return;
  if (o->parent) {
    kv_put_origin(t, o->parent);
    kv_put(t, "/");
  }
  kv_put(t, "%s", o->name);
}

bool kv_origin_same(const kv_origin *a, const kv_origin *b) {
  for (; a != b; a = a->parent, b = b->parent)
    if (!a || !b || strcmp(a->name, b->name)) return false;
  return true;
}
