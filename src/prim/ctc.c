/* Connectionist temporal classification: CTCLoss, its gradient, and CTCBeamSearch. A batch item is a task; what is
 * computed with is double. */
#include <math.h>

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/elementwise/convert.h"
#include "kernels/signal/ctc.h"
#include "prim/known.h"

/* Operand i is an integer tensor of this rank whose first dimension is the batch's. */
static kvino_status check_batch(kv_call *c, size_t i, int rank, const char *what) {
  const kvino_tensor *x = c->in[i], *first = c->in[0];
  if (!kvino_dtype_is_integer((kvino_dtype)x->dtype))
    return kv_fail(c->err, KVINO_TYPE, "the %s of %s must be integers, not %s", what, c->prim->name,
                   kvino_dtype_name((kvino_dtype)x->dtype));
  if (x->rank != rank || (x->shape[0] >= 0 && first->shape[0] >= 0 && x->shape[0] != first->shape[0])) {
    char a[KV_SHAPE_TEXT], b[KV_SHAPE_TEXT];
    return kv_fail(c->err, KVINO_INVALID, "the %s of %s have shape %s for a batch of shape %s", what, c->prim->name,
                   kv_shape_text(x->rank, x->shape, a), kv_shape_text(first->rank, first->shape, b));
  }
  return KVINO_OK;
}

static kvino_status check_frames(kv_call *c, int64_t blank) {
  const kvino_tensor *x = c->in[0];
  char text[KV_SHAPE_TEXT];
  if (x->dtype != KVINO_F32 && x->dtype != KVINO_F64)
    return kv_fail(c->err, KVINO_TYPE, "%s takes float32 or float64, not %s", c->prim->name,
                   kvino_dtype_name((kvino_dtype)x->dtype));
  if (x->rank != 3)
    return kv_fail(c->err, KVINO_INVALID, "%s takes [batch, time, classes], not shape %s", c->prim->name,
                   kv_shape_text(x->rank, x->shape, text));
  if (x->shape[2] >= 0 && (blank < -x->shape[2] || blank >= x->shape[2]))
    return kv_fail(c->err, KVINO_INVALID, "mask_index %lld is out of bounds for %lld classes", (long long)blank,
                   (long long)x->shape[2]);
  return KVINO_OK;
}

/* The class that is blank: a negative number counts from the end. */
static int64_t blank_of(const kvino_tensor *x, int64_t blank) { return blank < 0 ? blank + x->shape[2] : blank; }

/* Length number i, within [0, most]. */
static int64_t length_at(const kvino_tensor *lengths, int64_t i, int64_t most) {
  int64_t n = kv_tensor_get_int(lengths, i);
  return n < 0 ? 0 : n > most ? most : n;
}

/* All frames as doubles; to be freed. NULL where out of memory. */
static double *as_double(kv_call *c, kvino_status *status) {
  kvino_tensor *x;
  double *y = NULL;
  if ((*status = kvino_tensor_contiguous(c->in[0], &x, c->err))) return NULL;
  if ((y = kv_malloc((size_t)x->size * sizeof *y + 1)))
    kv_convert_elements((kvino_dtype)x->dtype, x->data, KVINO_F64, y, (size_t)x->size);
  else
    *status = kv_fail(c->err, KVINO_NO_MEMORY, "out of memory for %lld elements", (long long)x->size);
  kvino_tensor_release(x);
  return y;
}

static void put(kvino_tensor *y, int64_t i, double value) {
  if (y->dtype == KVINO_F64)
    ((double *)y->data)[i] = value;
  else
    ((float *)y->data)[i] = (float)value;
}

/* ---- CTCLoss and CTCLossGradient: the losses, or their derivatives with respect to the logits ---- */

static kvino_status check_labelling(kv_call *c) {
  KV_TRY(check_frames(c, c->attrs->blank.blank));
  KV_TRY(check_batch(c, 1, 1, "lengths"));
  KV_TRY(check_batch(c, 2, 2, "labels"));
  return check_batch(c, 3, 1, "label lengths");
}

kvino_status kv_infer_ctc_loss(kv_call *c) {
  KV_TRY(check_labelling(c));
  kv_call_spec(c, 0, (kvino_dtype)c->in[0]->dtype, 1, c->in[0]->shape);
  return KVINO_OK;
}

kvino_status kv_infer_ctc_loss_gradient(kv_call *c) {
  KV_TRY(check_labelling(c));
  kv_call_spec(c, 0, (kvino_dtype)c->in[0]->dtype, 3, c->in[0]->shape);
  return KVINO_OK;
}

struct losses {
  const kv_call *c;
  const double *frames;
  _Atomic bool failed;
  _Atomic int64_t wrong_label, wrong_item;
};

/* One batch item: where its numbers stand, and its labels. */
typedef struct labelling {
  int64_t i, time, classes, frames, n, blank;
  const double *logits;
  const int32_t *label;
} labelling;

static bool item_loss(const struct losses *s, const labelling *at) {
  double *scratch = kv_malloc(kv_ctc_labelling_scratch(at->classes, at->n) * sizeof *scratch);
  if (!scratch) return false;
  put(s->c->out[0], at->i,
      kv_ctc_labelling_loss(at->frames, at->classes, at->logits, at->n, at->label, at->blank, scratch));
  kv_free(scratch);
  return true;
}

/* Frames behind the item's length do not count. */
static bool item_gradient(const struct losses *s, const labelling *at) {
  int64_t size = at->time * at->classes, used = at->frames * at->classes;
  double *scratch = kv_malloc((kv_ctc_gradient_scratch(at->frames, at->n) + (size_t)used) * sizeof *scratch);
  if (!scratch) return false;
  double *gradient = scratch + kv_ctc_gradient_scratch(at->frames, at->n);
  kv_ctc_labelling_gradient(at->frames, at->classes, at->logits, at->n, at->label, at->blank, scratch, gradient);
  for (int64_t k = 0; k < size; k++) put(s->c->out[0], at->i * size + k, k < used ? gradient[k] : 0);
  kv_free(scratch);
  return true;
}

static void run_item(void *context, size_t i) {
  struct losses *s = context;
  const kv_call *c = s->c;
  const kvino_tensor *x = c->in[0], *labels = c->in[2];
  int64_t most = labels->shape[1];
  labelling at = {
      .i = (int64_t)i, .time = x->shape[1], .classes = x->shape[2], .blank = blank_of(x, c->attrs->blank.blank)};
  at.frames = length_at(c->in[1], at.i, at.time);
  at.n = length_at(c->in[3], at.i, most);
  at.logits = s->frames + at.i * at.time * at.classes;
  int32_t *label = kv_malloc((size_t)at.n * sizeof *label + 1);
  bool ok = true;
  for (int64_t k = 0; label && k < at.n; k++) {
    int64_t v = kv_tensor_get_int(labels, at.i * most + k);
    label[k] = (int32_t)v;
    if (v >= 0 && v < at.classes) continue;
    ok = false;
    s->wrong_label = v;
    s->wrong_item = at.i;
  }
  at.label = label;
  if (!label || (ok && !(c->prim->id == KV_CTCLoss ? item_loss : item_gradient)(s, &at))) s->failed = true;
  kv_free(label);
}

kvino_status kv_eval_ctc_loss(kv_call *c) {
  kvino_status status;
  KV_TRY(kv_call_alloc(c, 0));
  double *frames = as_double(c, &status);
  if (status) return status;
  struct losses s = {.c = c, .frames = frames, .wrong_item = -1};
  kv_parallel((size_t)c->in[0]->shape[0], run_item, &s);
  kv_free(frames);
  if (s.failed) return kv_fail(c->err, KVINO_NO_MEMORY, "out of memory for %s", c->prim->name);
  if (s.wrong_item >= 0)
    return kv_fail(c->err, KVINO_INVALID, "target %lld of batch item %lld is out of range for %lld classes",
                   (long long)s.wrong_label, (long long)s.wrong_item, (long long)c->in[0]->shape[2]);
  return KVINO_OK;
}

/* ---- CTCBeamSearch ---- */

kvino_status kv_infer_ctc_beam_search(kv_call *c) {
  const kv_ctc_beam_search_attrs *a = &c->attrs->ctc_beam_search;
  const kvino_tensor *x = c->in[0];
  KV_TRY(check_frames(c, a->blank));
  KV_TRY(check_batch(c, 1, 1, "lengths"));
  if (a->beam_width < 1 || a->beam_width > INT32_MAX || a->top_paths < 1 || a->top_paths > a->beam_width)
    return kv_fail(c->err, KVINO_INVALID,
                   "beam_width %lld and top_paths %lld: 1 <= top_paths <= beam_width is expected",
                   (long long)a->beam_width, (long long)a->top_paths);
  KV_TRY(kv_call_outputs(c, 2));
  kv_call_spec(c, 0, KVINO_I32, 3, (int64_t[]){a->top_paths, x->shape[0], x->shape[1]});
  kv_call_spec(c, 1, (kvino_dtype)x->dtype, 2, (int64_t[]){x->shape[0], a->top_paths});
  return KVINO_OK;
}

struct searches {
  const kv_call *c;
  const double *frames;
  _Atomic bool failed;
};

static void item_search(void *context, size_t i) {
  struct searches *s = context;
  const kv_call *c = s->c;
  const kv_ctc_beam_search_attrs *a = &c->attrs->ctc_beam_search;
  int64_t batch = c->in[0]->shape[0], time = c->in[0]->shape[1], classes = c->in[0]->shape[2], item = (int64_t)i;
  double *score = kv_malloc((size_t)a->top_paths * sizeof *score);
  int32_t *path = kv_malloc((size_t)(a->top_paths * time) * sizeof *path + 1);
  if (!score || !path ||
      !kv_ctc_search(length_at(c->in[1], item, time), classes, s->frames + item * time * classes,
                     blank_of(c->in[0], a->blank), a->beam_width, a->top_paths, time, path, score)) {
    s->failed = true;
  } else {
    int32_t *to = (int32_t *)c->out[0]->data;
    for (int64_t k = 0; k < a->top_paths; k++) {
      for (int64_t t = 0; t < time; t++) to[(k * batch + item) * time + t] = path[k * time + t];
      put(c->out[1], item * a->top_paths + k, score[k]);
    }
  }
  kv_free(score);
  kv_free(path);
}

kvino_status kv_eval_ctc_beam_search(kv_call *c) {
  kvino_status status;
  KV_TRY(kv_call_alloc(c, 0));
  KV_TRY(kv_call_alloc(c, 1));
  double *frames = as_double(c, &status);
  if (status) return status;
  struct searches s = {.c = c, .frames = frames};
  kv_parallel((size_t)c->in[0]->shape[0], item_search, &s);
  kv_free(frames);
  return s.failed ? kv_fail(c->err, KVINO_NO_MEMORY, "out of memory for a beam search of %lld paths",
                            (long long)c->attrs->ctc_beam_search.beam_width)
                  : KVINO_OK;
}
