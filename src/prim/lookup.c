/* HashTable and Lookup: the place of a value among keys, strings or int64. The table has a power of 2 of slots, twice
 * as many as keys or more; a key is in the first free one from that which its hash says. -1: free. */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/threads.h"
#include "prim/interval.h"
#include "prim/prim.h"
#include "tensor/strings.h"

static int64_t slots_for(int64_t n) {
  int64_t slots = 2;
  while (slots < 2 * n) slots *= 2;
  return slots;
}

static kvino_status check_keys(const kv_call *c, size_t i) {
  const kvino_tensor *keys = c->in[i];
  if (keys->dtype != KVINO_STRING && keys->dtype != KVINO_I64)
    return kv_fail(c->err, KVINO_TYPE, "keys are strings or int64, not %s", kvino_dtype_name((kvino_dtype)keys->dtype));
  if (keys->rank != 1 || keys->shape[0] > INT64_MAX / 4)
    return kv_fail(c->err, KVINO_INVALID, "keys stand in one row, not in %d dimensions", keys->rank);
  return KVINO_OK;
}

static uint64_t hash_of(const kvino_tensor *t, int64_t i) {
  if (t->dtype != KVINO_STRING) return kv_mix(0, (uint64_t)((const int64_t *)t->data)[i]);
  const kvino_string *s = kv_string_at(t, i);
  return kv_mix_bytes(s->n, s->n ? s->at : "", s->n);
}

static bool same(const kvino_tensor *a, int64_t i, const kvino_tensor *b, int64_t k) {
  if (a->dtype != KVINO_STRING) return ((const int64_t *)a->data)[i] == ((const int64_t *)b->data)[k];
  const kvino_string *s = kv_string_at(a, i), *t = kv_string_at(b, k);
  return s->n == t->n && (!s->n || !memcmp(s->at, t->at, s->n));
}

/* The slot of value i of x, or the free one where it would be; NULL where that is none of a table of these keys. */
static int64_t *find(const kvino_tensor *x, int64_t i, const kvino_tensor *keys, int64_t *slot, int64_t slots) {
  uint64_t at = hash_of(x, i);
  for (int64_t n = 0; n < slots; n++, at++) {
    int64_t *s = &slot[at & (uint64_t)(slots - 1)];
    if (*s >= keys->size) return NULL;
    if (*s < 0 || same(x, i, keys, *s)) return s;
  }
  return NULL;
}

/* A value for an error text. */
static const char *show(const kvino_tensor *t, int64_t i, char text[64]) {
  if (t->dtype == KVINO_STRING)
    snprintf(text, 64, "'%.*s'", (int)(kv_string_at(t, i)->n < 60 ? kv_string_at(t, i)->n : 60),
             kv_string_at(t, i)->at);
  else
    snprintf(text, 64, "%lld", (long long)((const int64_t *)t->data)[i]);
  return text;
}

/* ---- HashTable ---- */

kvino_status kv_infer_hash_table(kv_call *c) {
  KV_TRY(check_keys(c, 0));
  int64_t n = c->in[0]->shape[0];
  kv_call_spec(c, 0, KVINO_I64, 1, (int64_t[]){n < 0 ? -1 : slots_for(n)});
  return KVINO_OK;
}

kvino_status kv_eval_hash_table(kv_call *c) {
  kvino_tensor *keys;
  char text[64];
  KV_TRY(kv_call_alloc(c, 0));
  KV_TRY(kvino_tensor_contiguous(c->in[0], &keys, c->err));
  int64_t *slot = (int64_t *)c->out[0]->data, slots = c->out[0]->size;
  kvino_status status = KVINO_OK;
  for (int64_t i = 0; i < slots; i++) slot[i] = -1;
  for (int64_t i = 0; i < keys->size && !status; i++) {
    int64_t *to = find(keys, i, keys, slot, slots); /* half of the slots stay free */
    if (*to >= 0)
      status =
          kv_fail(c->err, KVINO_INVALID,
                  "The passed vocabulary has at least one repeated term. Please uniquify your dataset. The repeated "
                  "terms are: [%s]",
                  show(keys, i, text));
    *to = i;
  }
  kvino_tensor_release(keys);
  return status;
}

/* Places of keys, or -1. */
static kv_interval places(int64_t n) { return (kv_interval){-1, n < 0 ? INT64_MAX : n}; }

kv_interval kv_interval_hash_table(const kv_bounds *b) { return places(kv_bounds_operand(b, 0)->shape[0]); }

/* ---- Lookup ---- */

kvino_status kv_infer_lookup(kv_call *c) {
  KV_TRY(check_keys(c, 1));
  KV_TRY(kv_same_dtype(c, 0, 1));
  const kvino_tensor *keys = c->in[1], *table = c->in[2];
  bool fits = table->dtype == KVINO_I64 && table->rank == 1;
  if (fits && keys->shape[0] >= 0 && table->shape[0] >= 0) fits = table->shape[0] == slots_for(keys->shape[0]);
  if (!fits) return kv_fail(c->err, KVINO_INVALID, "Lookup takes the HashTable of its keys");
  kv_call_spec(c, 0, KVINO_I64, c->in[0]->rank, c->in[0]->shape);
  return KVINO_OK;
}

typedef struct lookup {
  const kvino_tensor *x, *keys;
  int64_t *slot, slots, *out;
  _Atomic bool broken; /* the table is another one */
} lookup;

static void look_up(void *context, size_t begin, size_t end) {
  lookup *l = context;
  for (size_t i = begin; i < end; i++) {
    const int64_t *place = find(l->x, (int64_t)i, l->keys, l->slot, l->slots);
    l->out[i] = place && *place >= 0 ? *place : -1;
    if (!place) l->broken = true;
  }
}

static kvino_status check_found(const kv_call *c, const lookup *l) {
  char text[64];
  if (l->broken) return kv_fail(c->err, KVINO_INVALID, "Lookup takes the HashTable of its keys");
  for (int64_t i = 0; i < l->x->size && c->attrs->lookup.required; i++)
    if (l->out[i] < 0)
      return kv_fail(c->err, KVINO_INVALID,
                     "When `num_oov_indices=0` all inputs should be in vocabulary, found OOV values [%s], consider "
                     "setting `num_oov_indices=1`.",
                     show(l->x, i, text));
  return KVINO_OK;
}

kvino_status kv_eval_lookup(kv_call *c) {
  kvino_tensor *t[3] = {NULL, NULL, NULL};
  kvino_status status = kv_call_alloc(c, 0);
  for (int i = 0; i < 3 && !status; i++) status = kvino_tensor_contiguous(c->in[i], &t[i], c->err);
  int64_t slots = status ? 0 : t[2]->size;
  if (slots & (slots - 1)) status = kv_fail(c->err, KVINO_INVALID, "Lookup takes the HashTable of its keys");
  if (!status) {
    lookup l = {t[0], t[1], (int64_t *)t[2]->data, slots, (int64_t *)c->out[0]->data, false};
    kv_parallel_ranges((size_t)t[0]->size, 4096, look_up, &l);
    status = check_found(c, &l);
  }
  for (int i = 0; i < 3; i++) kvino_tensor_release(t[i]);
  return status;
}

kv_interval kv_interval_lookup(const kv_bounds *b) { return places(kv_bounds_operand(b, 1)->shape[0]); }
