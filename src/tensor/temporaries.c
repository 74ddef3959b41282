/* Places stand in blocks that follow each other: what has been given out does not move. */
#include "kvino/temporaries.h"

#include "base/error.h"
#include "base/memory.h"

enum { PLACES = 32 };

typedef struct place {
  bool is_list;
  kvino_tensor *one;
  kvino_tensors list;
} place;

typedef struct block {
  struct block *before;
  size_t n;
  place place[PLACES];
} block;

struct kvino_temporaries {
  block *last;
};

kvino_status kvino_temporaries_new(kvino_temporaries **out, kvino_error *err) {
  KV_NOT_NULL(err, out);
  kvino_temporaries *t = kv_calloc(1, sizeof *t);
  if (!t) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for temporaries");
  *out = t;
  return KVINO_OK;
}

static place *next_place(kvino_temporaries *t, bool is_list) {
  if (!t) return NULL;
  if (!t->last || t->last->n == PLACES) {
    block *b = kv_calloc(1, sizeof *b);
    if (!b) return NULL;
    b->before = t->last;
    t->last = b;
  }
  place *p = &t->last->place[t->last->n++];
  p->is_list = is_list;
  return p;
}

kvino_tensor **kvino_temporary(kvino_temporaries *t) {
  place *p = next_place(t, false);
  return p ? &p->one : NULL;
}

kvino_tensors *kvino_temporary_list(kvino_temporaries *t) {
  place *p = next_place(t, true);
  return p ? &p->list : NULL;
}

void kvino_temporaries_clear(kvino_temporaries *t) {
  while (t && t->last) {
    block *b = t->last;
    while (b->n) { /* the last one first, as what was computed from others holds on to them */
      place *p = &b->place[--b->n];
      if (p->is_list)
        kvino_tensors_clear(&p->list);
      else
        kvino_tensor_release(p->one);
    }
    t->last = b->before;
    kv_free(b);
  }
}

void kvino_temporaries_free(kvino_temporaries *t) {
  kvino_temporaries_clear(t);
  kv_free(t);
}
