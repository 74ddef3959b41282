/* A scope owns the intermediate values of a composite, and the first error in it sticks: every call after a failure
 * does nothing and gives NULL, so that a composite reads like its formula and checks nothing in between. */
#ifndef KVINO_TENSOR_SCOPE_H
#define KVINO_TENSOR_SCOPE_H

#include "kvino/tensor.h"

enum { KV_SCOPE_FEW = 16 };

typedef struct kv_scope {
  kvino_status status;
  kvino_error *err;          /* may be NULL */
  bool may_defer;            /* large values may be computed late: run/deferred.h */
  struct kv_graph *deferred; /* what was; NULL: nothing */
  size_t n, capacity;
  kvino_tensor **owned;
  void **memory; /* arrays, freed with the scope */
  size_t n_memory, memory_capacity;
  kvino_tensor *few[KV_SCOPE_FEW];
} kv_scope;

void kv_scope_enter(kv_scope *s, kvino_error *err);
/* Releases everything. Gives *out a reference of `result` where the scope has not failed. Returns the scope's status.
 */
kvino_status kv_scope_leave(kv_scope *s, kvino_tensor *result, kvino_tensor **out);
/* The same for a list: *out owns its array and a reference of each. */
kvino_status kv_scope_leave_many(kv_scope *s, kvino_tensors result, kvino_tensors *out);

/* Gives the scope a reference that the caller holds. Returns t; NULL (and t released) where that fails. */
kvino_tensor *kv_own(kv_scope *s, kvino_tensor *t);
/* n * size bytes that live as long as the scope; NULL where out of memory (the scope has failed then). */
void *kv_scope_alloc(kv_scope *s, size_t n, size_t size);
/* Marks the scope failed with this text, unless it has failed before. Always NULL. */
void *kv_scope_fail(kv_scope *s, kvino_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));
/* Takes over the status of a call that filled s->err itself. True where it is KVINO_OK and the scope has not failed. */
bool kv_scope_ok(kv_scope *s, kvino_status status);

/* Constants for composites; the scope owns them. */
kvino_tensor *kv_int(kv_scope *s, kvino_dtype dtype, int64_t value);   /* 0-d */
kvino_tensor *kv_number(kv_scope *s, kvino_dtype dtype, double value); /* 0-d */
kvino_tensor *kv_vector(kv_scope *s, size_t n, const int64_t *values); /* 1-D int64 */
#define KV_VECTOR(s, ...) kv_vector(s, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (int64_t[]){__VA_ARGS__})

#endif
