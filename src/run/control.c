/* Evaluation of If and Loop (prim/control.c says what they are): a body runs, once or many times. */
#include <string.h>

#include "base/memory.h"
#include "graph/body.h"
#include "run/runner.h"
#include "run/shapes.h"

kvino_status kv_eval_if_else(kv_call *c) {
  bool yes = kv_tensor_get_int(c->in[0], 0) != 0;
  kv_body_run r;
  KV_TRY(kv_body_run_begin(&r, yes ? c->attrs->branches.then_body : c->attrs->branches.else_body, c->err));
  kvino_status status = kv_body_run_once(&r, 0, NULL, c->in + KV_IF_OPERANDS, c->out, c->err);
  kv_body_run_end(&r);
  return status;
}

/* What a Loop stacks: room for `capacity` slices, `n` of them filled. */
typedef struct stack {
  kvino_tensor *room; /* [capacity, ...] */
  int64_t n, capacity;
} stack;

static kvino_status stack_grow(stack *s, const kvino_tensor *y, int64_t wanted, kvino_error *err) {
  int64_t shape[KVINO_MAX_RANK];
  kvino_tensor *room;
  for (int k = 0; k < y->rank; k++) shape[k] = y->shape[k];
  shape[0] = wanted;
  KV_TRY(kv_tensor_empty((kvino_dtype)y->dtype, y->rank, shape, &room, err));
  if (s->room) {
    memcpy(room->data, s->room->data, (size_t)(s->room->size / s->capacity * s->n) * kvino_dtype_size(y->dtype));
    kvino_tensor_release(s->room);
  }
  s->room = room;
  s->capacity = wanted;
  return KVINO_OK;
}

static kvino_status stack_add(stack *s, const kvino_tensor *y, int64_t trip, kvino_error *err) {
  bool same = y->rank && y->shape[0] == 1;
  for (int k = 1; same && s->room && k < y->rank; k++) same = y->shape[k] == s->room->shape[k];
  if (!same) return kv_fail(err, KVINO_INVALID, "all values that a loop stacks must have the same shape");
  if (s->n == s->capacity) {
    int64_t wanted = s->capacity ? s->capacity * 2 : trip > 0 && trip < (int64_t)1 << 20 ? trip : 16;
    KV_TRY(stack_grow(s, y, wanted, err));
  }
  kv_tensor_copy_to(y, (char *)s->room->data + (size_t)s->n++ * (size_t)y->size * kvino_dtype_size(y->dtype));
  return KVINO_OK;
}

/* The filled slices as the output; where there are none, of the shape that spec says. */
static kvino_status stack_take(stack *s, const kv_spec *spec, kvino_tensor **out, kvino_error *err) {
  int64_t shape[KVINO_MAX_RANK];
  if (s->room && s->n == s->capacity) {
    *out = s->room;
    s->room = NULL;
    return KVINO_OK;
  }
  for (int k = 0; k < spec->rank; k++) shape[k] = s->room ? s->room->shape[k] : spec->shape[k];
  shape[0] = s->n;
  KV_TRY(kv_tensor_empty(spec->dtype, spec->rank, shape, out, err));
  if (s->room) memcpy((*out)->data, s->room->data, (size_t)(*out)->size * kvino_dtype_size(spec->dtype));
  return KVINO_OK;
}

/* One evaluation. given: what the body gets of its own, the iteration and the carried values; in: the invariants,
 * borrowed; out: what it gave. */
typedef struct loop {
  kv_call *c;
  kv_body_run run;
  size_t carried, stacked;
  kvino_tensor **given, *const *in, **out;
  stack *stack;
} loop;

static kvino_status loop_begin(loop *l, kv_call *c) {
  const kv_graph *body = c->attrs->loop.body;
  *l = (loop){.c = c, .carried = (size_t)c->attrs->loop.carried};
  l->stacked = c->n_out - l->carried;
  l->in = c->in + KV_LOOP_OPERANDS + l->carried;
  KV_TRY(kv_body_run_begin(&l->run, body, c->err));
  l->given = kv_calloc(KV_LOOP_ITERATION + l->carried, sizeof *l->given);
  l->out = kv_calloc(body->n_results + 1, sizeof *l->out);
  l->stack = kv_calloc(l->stacked + 1, sizeof *l->stack);
  if (!l->given || !l->out || !l->stack) return kv_fail(c->err, KVINO_NO_MEMORY, "out of memory for a Loop");
  for (size_t i = 0; i < l->carried; i++)
    l->given[i + KV_LOOP_ITERATION] = kvino_tensor_retain(c->in[i + KV_LOOP_OPERANDS]);
  return KVINO_OK;
}

static void loop_end(loop *l) {
  for (size_t i = 0; l->given && i < l->carried; i++) kvino_tensor_release(l->given[i + KV_LOOP_ITERATION]);
  for (size_t i = 0; l->stack && i < l->stacked; i++) kvino_tensor_release(l->stack[i].room);
  kv_free(l->given);
  kv_free(l->out);
  kv_free(l->stack);
  kv_body_run_end(&l->run);
}

static kvino_status iterate(loop *l, int64_t i, int64_t trip, bool *go_on) {
  kvino_error *err = l->c->err;
  KV_TRY(kvino_tensor_scalar_i64(KVINO_I64, i, &l->given[0], err));
  KV_TRY(kv_body_run_once(&l->run, KV_LOOP_ITERATION + l->carried, l->given, l->in, l->out, err));
  kvino_status status = KVINO_OK;
  *go_on = kv_tensor_get_int(l->out[0], 0) != 0;
  kvino_tensor_release(l->out[0]);
  for (size_t k = 0; k < l->carried; k++) l->given[k + KV_LOOP_ITERATION] = l->out[k + 1];
  for (size_t k = 0; k < l->stacked; k++) {
    kvino_tensor *y = l->out[k + 1 + l->carried];
    if (!status) status = stack_add(&l->stack[k], y, trip, err);
    kvino_tensor_release(y);
  }
  return status;
}

/* A Loop that has not run stacks nothing, but of the shape that its first iteration would have given. */
static kvino_status shape_nothing(loop *l) {
  kv_call *c = l->c;
  const kv_graph *body = c->attrs->loop.body;
  bool known = true;
  for (size_t k = l->carried; k < c->n_out; k++)
    for (int i = 1; i < c->spec[k].rank; i++) known = known && c->spec[k].shape[i] >= 0;
  if (known) return KVINO_OK;
  kv_spec *result = kv_malloc(body->n_results * sizeof *result);
  kvino_tensor **taken = kv_calloc(body->n_parameters, sizeof *taken); /* of the iteration: nothing */
  kvino_status status = result && taken ? KVINO_OK : kv_fail(c->err, KVINO_NO_MEMORY, "out of memory for a Loop");
  for (size_t i = KV_LOOP_ITERATION; !status && i < body->n_parameters; i++)
    taken[i] = c->in[kv_body_operand(KV_Loop, i)];
  if (!status) status = kv_body_shapes(body, taken, result, c->err);
  for (size_t k = l->carried; k < c->n_out && !status; k++)
    for (int i = 1; i < c->spec[k].rank && !status; i++) {
      if (c->spec[k].shape[i] < 0) c->spec[k].shape[i] = result[k + 1].shape[i];
      if (c->spec[k].shape[i] < 0)
        status = kv_fail(c->err, KVINO_INVALID,
                         "a loop that never runs stacks values of a shape that follows from data: it is not known");
    }
  kv_free(result);
  kv_free(taken);
  return status;
}

kvino_status kv_eval_loop(kv_call *c) {
  loop l;
  int64_t trip = kv_tensor_get_int(c->in[0], 0);
  bool go_on = kv_tensor_get_int(c->in[1], 0) != 0;
  kvino_status status = loop_begin(&l, c);
  for (int64_t i = 0; !status && go_on && (trip < 0 || i < trip); i++) status = iterate(&l, i, trip, &go_on);
  if (l.stacked && !status && !l.stack[0].n) status = shape_nothing(&l);
  for (size_t k = 0; k < l.carried && !status; k++) c->out[k] = kvino_tensor_retain(l.given[k + KV_LOOP_ITERATION]);
  for (size_t k = 0; k < l.stacked && !status; k++)
    status = stack_take(&l.stack[k], &c->spec[l.carried + k], &c->out[l.carried + k], c->err);
  loop_end(&l);
  return status;
}
