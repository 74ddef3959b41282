/* Require(x, holds, numbers...): x, where every element of `holds` is true; else an error in the words of the refusal
 * that the attribute says, with the numbers (0-d, or of the shape of `holds`: those beside the first false element) and
 * the shapes (lists) given. It lets what an eager call refuses because of values be refused by a compiled one. The
 * check is part of the value: who does not need the value does not make it. */
#include <string.h>

#include "prim/prim.h"
#include "vocabulary/refusals.h"

kvino_status kv_infer_require(kv_call *c) {
  if (c->n_in < 2 || c->n_in > 2 + KV_REFUSAL_NUMBERS)
    return kv_fail(c->err, KVINO_INVALID, "Require takes 2 to %d operands, not %zu", 2 + KV_REFUSAL_NUMBERS, c->n_in);
  if (c->in[1]->dtype != KVINO_BOOL)
    return kv_fail(c->err, KVINO_TYPE, "the condition of Require is bool, not %s",
                   kvino_dtype_name((kvino_dtype)c->in[1]->dtype));
  if (c->attrs->refusal.refusal < 0 || c->attrs->refusal.refusal >= KV_REFUSAL_COUNT)
    return kv_fail(c->err, KVINO_INVALID, "Require knows %d refusals, %lld is none of them", KV_REFUSAL_COUNT,
                   (long long)c->attrs->refusal.refusal);
  for (size_t i = 2; i < c->n_in; i++)
    if (c->in[i]->rank > 1 && c->in[i]->rank != c->in[1]->rank)
      return kv_fail(c->err, KVINO_INVALID, "the numbers of Require are 0-d, lists or of the shape of its condition");
  /* No values are known: the node would become a constant that refuses nothing. */
  kv_call_spec(c, 0, (kvino_dtype)c->in[0]->dtype, c->in[0]->rank, c->in[0]->shape);
  return KVINO_OK;
}

/* The place of the first false element in C order; -1: there is none. */
static kvino_status first_false(kvino_tensor *holds, int64_t *place, kvino_error *err) {
  kvino_tensor *flat;
  KV_TRY(kvino_tensor_contiguous(holds, &flat, err));
  const char *found = flat->size ? memchr(flat->data, 0, (size_t)flat->size) : NULL;
  *place = found ? found - flat->data : -1;
  kvino_tensor_release(flat);
  return KVINO_OK;
}

static void read_word(const kvino_tensor *t, int64_t place, kv_refusal_word *word) {
  bool whole = !kvino_dtype_is_float((kvino_dtype)t->dtype);
  int64_t at = t->rank ? place : 0, shape[KVINO_MAX_RANK];
  if (whole && t->rank == 1 && t->size <= KVINO_MAX_RANK) {
    for (int64_t k = 0; k < t->size; k++) shape[k] = kv_tensor_get_int(t, k);
    kv_shape_text((int)t->size, shape, word->shape);
  }
  if (at >= t->size) return;
  word->number = kv_tensor_get_number(t, at);
  if (whole) word->integer = kv_tensor_get_int(t, at);
}

kvino_status kv_eval_require(kv_call *c) {
  int64_t place;
  kv_refusal_word word[KV_REFUSAL_NUMBERS] = {0};
  KV_TRY(first_false(c->in[1], &place, c->err));
  if (place < 0) {
    c->out[0] = kvino_tensor_retain(c->in[0]);
    return KVINO_OK;
  }
  for (size_t i = 2; i < c->n_in; i++) read_word(c->in[i], place, &word[i - 2]);
  return kv_refuse((kv_refusal)c->attrs->refusal.refusal, word, c->err);
}
