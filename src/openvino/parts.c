/* The constants of a program: where they are (parts.h). */
#include "openvino/parts.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "graph/body.h"

/* Constants up to so many bytes are gathered in one block: a page is not kept alive for a scalar, and models whose
 * constants are all small have a small blob. */
#define SMALL 4096

/* What the compiled model reads from: lives until it is gone. */
typedef struct store {
  size_t n;
  char *block; /* the small ones, each aligned to KV_ALIGN */
  size_t block_bytes;
  kvino_tensor *tensor[]; /* the others */
} store;

static void store_free(void *owner) {
  store *s = owner;
  if (!s) return;
  for (size_t i = 0; i < s->n; i++) kvino_tensor_release(s->tensor[i]);
  if (s->block) kv_block_free(s->block, s->block_bytes);
  kv_free(s);
}

size_t kv_part_bytes(const kvino_tensor *t) { return (size_t)t->size * kvino_dtype_size((kvino_dtype)t->dtype); }
static size_t aligned(size_t bytes) { return (bytes + KV_ALIGN - 1) / KV_ALIGN * KV_ALIGN; }

/* Trap: OpenVINO takes the bytes of a boolean as they are: 255 would convert to -1. */
static bool is_plain_bool(const kvino_tensor *t) {
  char all = 0;
  for (int64_t i = 0; i < t->size; i++) all |= t->data[i];
  return !(all & ~1);
}

static void normalise_bool(char *bytes, size_t n) {
  for (size_t i = 0; i < n; i++) bytes[i] = bytes[i] != 0;
}

/* A large constant where it is, or a copy as OpenVINO wants it. */
static kvino_status present(kvino_tensor *t, kvino_tensor **out, kvino_error *err) {
  bool plain = t->dtype != KVINO_BOOL || (t->contiguous && is_plain_bool(t));
  if (plain) return kvino_tensor_contiguous(t, out, err);
  KV_TRY(kv_tensor_empty((kvino_dtype)t->dtype, t->rank, t->shape, out, err));
  kv_tensor_copy_to(t, (*out)->data);
  normalise_bool((*out)->data, kv_part_bytes(t));
  return KVINO_OK;
}

kvino_status kv_parts_list(kv_parts *p, const kv_graph *g, kvino_error *err) {
  if (p->n == p->capacity) {
    size_t wanted = p->capacity ? p->capacity * 2 : 4;
    kv_part *more = kv_realloc(p->v, wanted * sizeof *more);
    if (!more) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a model");
    p->v = more;
    p->capacity = wanted;
  }
  kv_part *own = &p->v[p->n++];
  *own = (kv_part){.g = g, .at = kv_calloc(g->n_nodes + 1, sizeof *own->at)};
  if (!own->at) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a model");
  for (size_t i = 0; i < g->n_nodes; i++) {
    kv_graph *body[2];
    size_t n = kv_bodies_of(g->node[i]->prim->id, &g->node[i]->attrs, body);
    for (size_t k = 0; k < n; k++) KV_TRY(kv_parts_list(p, body[k], err));
  }
  return KVINO_OK;
}

void kv_parts_free(kv_parts *p) {
  for (size_t i = 0; i < p->n; i++) {
    kv_free(p->v[i].at);
    kv_free(p->v[i].kept);
  }
  kv_free(p->v);
}

/* How many bytes the small constants take, and how many others there are. */
static size_t measure(const kv_parts *p, size_t *n_large) {
  size_t small = 0;
  *n_large = 0;
  for (size_t k = 0; k < p->n; k++)
    for (size_t i = 0; i < p->v[k].g->n_nodes; i++) {
      const kvino_tensor *t = p->v[k].g->node[i]->constant;
      if (t && kv_part_bytes(t) > SMALL)
        ++*n_large;
      else if (t)
        small += aligned(kv_part_bytes(t) + 1); /* a constant without elements needs a blob to point into, too */
    }
  return small;
}

/* Where the constants are put: the addresses from low to high are the blob. */
typedef struct placing {
  store *s;
  size_t used; /* of the block */
  uintptr_t low, high;
} placing;

static kvino_status place(placing *b, kv_part *p, kvino_error *err) {
  for (size_t i = 0; i < p->g->n_nodes; i++) {
    kvino_tensor *t = p->g->node[i]->constant;
    if (!t) continue;
    size_t bytes = kv_part_bytes(t);
    if (bytes <= SMALL) {
      char *to = b->s->block + b->used;
      kv_tensor_copy_to(t, to);
      if (t->dtype == KVINO_BOOL) normalise_bool(to, bytes);
      p->at[i] = (uintptr_t)to;
      b->used += aligned(bytes + 1);
      continue;
    }
    KV_TRY(present(t, &b->s->tensor[b->s->n], err));
    p->at[i] = (uintptr_t)b->s->tensor[b->s->n++]->data;
    if (p->at[i] < b->low) b->low = p->at[i];
    if (p->at[i] + bytes > b->high) b->high = p->at[i] + bytes;
  }
  return KVINO_OK;
}

kvino_status kv_parts_in_memory(kv_parts *p, kv_ov_program *program, kvino_error *err) {
  size_t n_large;
  size_t small = measure(p, &n_large);
  store *s = kv_calloc(1, sizeof *s + n_large * sizeof *s->tensor);
  if (!s) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a model's constants");
  program->release = store_free;
  program->owner = s;
  if (small && !(s->block = kv_block_new(s->block_bytes = small)))
    return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a model's constants");
  placing b = {s, 0, UINTPTR_MAX, 0};
  if (small) {
    b.low = (uintptr_t)s->block;
    b.high = b.low + small;
  }
  for (size_t k = 0; k < p->n; k++) KV_TRY(place(&b, &p->v[k], err));
  if (b.high) {
    p->base = b.low;
    program->weights = (const void *)b.low;
    program->weights_bytes = b.high - b.low;
  }
  return KVINO_OK;
}

/* ---- in a file ---- */

/* A constant behind what was written, so that it begins at a multiple of KV_ALIGN of the file. */
static kvino_status write_constant(FILE *file, kvino_tensor *t, size_t *written, kvino_error *err) {
  static const char zeros[KV_ALIGN];
  kvino_tensor *plain;
  KV_TRY(present(t, &plain, err));
  size_t bytes = kv_part_bytes(t), end = *written + bytes, padding = aligned(end + !bytes) - end;
  bool done = (!bytes || fwrite(plain->data, 1, bytes, file) == bytes) && fwrite(zeros, 1, padding, file) == padding;
  kvino_tensor_release(plain);
  *written = end + padding;
  return done ? KVINO_OK : kv_fail(err, KVINO_IO, "%s", strerror(errno));
}

static kvino_status write_constants(void *context, FILE *file, kvino_error *err) {
  kv_parts *p = context;
  size_t written = 0;
  for (size_t k = 0; k < p->n; k++)
    for (size_t i = 0; i < p->v[k].g->n_nodes; i++) {
      kvino_tensor *t = p->v[k].g->node[i]->constant;
      if (!t) continue;
      p->v[k].at[i] = written;
      KV_TRY(write_constant(file, t, &written, err));
    }
  return KVINO_OK;
}

kvino_status kv_parts_in_file(kv_parts *p, const char *path, kvino_error *err) {
  p->base = 0;
  return kv_file_write_by(path, write_constants, p, err);
}
