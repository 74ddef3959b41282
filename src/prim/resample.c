/* ResampleWeights and Resample: every result along an axis is a weighted sum of a few neighbours. */
#include "kernels/image/resample.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "prim/known.h"

/* ---- weights ---- */

/* A filter: its weight at a distance of x places, zero from `radius` on. */
typedef struct filter {
  const char *name;
  double radius;
  double (*weight)(double x);
} filter;

static double triangle(double x) { return x < 1 ? 1 - x : 0; }

/* Keys's cubic convolution with a = -1/2. */
static double cubic(double x) {
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

static double lanczos(double x, double radius) {
  if (x > radius) return 0;
  if (x <= 1e-3) return 1;     /* where the quotient loses its digits */
  if (x == floor(x)) return 0; /* which sin(M_PI * x) is not */
  return radius * sin(M_PI * x) * sin(M_PI * x / radius) / (M_PI * M_PI * x * x);
}
static double lanczos3(double x) { return lanczos(x, 3); }
static double lanczos5(double x) { return lanczos(x, 5); }

/* "area" is not a function of a distance: the weight is how much of a place the result covers. */
static const filter filters[] = {
    {"linear", 1, triangle},   {"cubic", 2, cubic}, {"lanczos3", 3, lanczos3},
    {"lanczos5", 5, lanczos5}, {"area", 0.5, NULL},
};

static const filter *filter_of(const char *name) {
  for (size_t i = 0; name && i < sizeof filters / sizeof *filters; i++)
    if (!strcmp(filters[i].name, name)) return &filters[i];
  return NULL;
}

typedef struct weights {
  const filter *f;
  int64_t in, out, taps;
  double inverse, translation;
  double stretch; /* of the filter, against aliasing */
  double reach;   /* places nearer than that have a weight */
} weights;

/* True where every operand is at hand. */
static bool weights_known(const kv_call *c) {
  for (size_t i = 0; i < c->n_in; i++)
    if (kv_is_symbolic(c->in[i])) return false;
  return true;
}

static kvino_status read_weights(const kv_call *c, weights *w) {
  const kv_resample_weights_attrs *a = &c->attrs->resample_weights;
  w->f = filter_of(a->filter);
  w->in = kv_tensor_get_int(c->in[0], 0);
  w->out = kv_tensor_get_int(c->in[1], 0);
  double scale = kv_tensor_get_number(c->in[2], 0);
  w->translation = kv_tensor_get_number(c->in[3], 0);
  if (w->in < 0 || w->out < 0 || w->in > INT32_MAX || w->out > INT32_MAX)
    return kv_fail(c->err, KVINO_INVALID, "cannot resample an axis of %lld to %lld", (long long)w->in,
                   (long long)w->out);
  w->inverse = 1 / scale;
  bool area = !w->f->weight;
  w->stretch = area ? fabs(w->inverse) : a->antialias && w->inverse > 1 ? w->inverse : 1;
  w->reach = w->f->radius * w->stretch + (area ? 0.5 : 0);
  w->taps = ceil(2 * w->reach) < (double)w->in ? (int64_t)ceil(2 * w->reach) : w->in; /* all of them where NaN */
  return KVINO_OK;
}

kvino_status kv_infer_resample_weights(kv_call *c) {
  const kv_resample_weights_attrs *a = &c->attrs->resample_weights;
  int64_t out, taps = -1;
  bool known;
  for (size_t i = 0; i < 4; i++)
    if (c->in[i]->rank || (i < 2 ? !kvino_dtype_is_integer((kvino_dtype)c->in[i]->dtype)
                                 : !kvino_dtype_is_float((kvino_dtype)c->in[i]->dtype)))
      return kv_fail(c->err, KVINO_TYPE, "ResampleWeights takes two integers and two real numbers, all 0-d");
  if (!filter_of(a->filter))
    return kv_fail(c->err, KVINO_INVALID, "ResampleWeights: unknown filter '%s'", a->filter ? a->filter : "None");
  if (a->output_type != KVINO_F32 && a->output_type != KVINO_F64)
    return kv_fail(c->err, KVINO_TYPE, "weights are float32 or float64, not %s", kvino_dtype_name(a->output_type));
  KV_TRY(kv_read_one(c, 1, "the new length", &out, &known));
  if (weights_known(c)) {
    weights w;
    KV_TRY(read_weights(c, &w));
    taps = w.taps;
  }
  if (!known) out = -1;
  KV_TRY(kv_call_outputs(c, 2));
  kv_call_spec(c, 0, KVINO_I32, 1, (int64_t[]){out});
  kv_call_spec(c, 1, a->output_type, 2, (int64_t[]){out, taps});
  return KVINO_OK;
}

/* The weights of result `o`, before they are scaled to the sum of 1; *start: the first place. */
static void weigh(const weights *w, int64_t o, int64_t *start, double *to) {
  double centre = ((double)o + 0.5) * w->inverse - w->translation * w->inverse - 0.5;
  double first = floor(centre - w->reach) + 1;
  double last = (double)(w->in - w->taps);
  first = first > 0 ? first : 0; /* NaN as well */
  *start = (int64_t)(first < last ? first : last);
  for (int64_t k = 0; k < w->taps; k++) {
    double place = (double)(*start + k);
    if (w->f->weight) {
      to[k] = w->f->weight(fabs(centre - place) / w->stretch);
    } else { /* what [left, right] covers of [place, place + 1] */
      double left = ((double)o - w->translation) * w->inverse, right = left + w->inverse;
      double low = left > place ? left : place, high = right < place + 1 ? right : place + 1;
      to[k] = high > low ? high - low : 0;
    }
  }
  double sum = 0;
  for (int64_t k = 0; k < w->taps; k++) sum += to[k];
  bool within = centre >= -0.5 && centre <= (double)w->in - 0.5 && fabs(sum) > 1000 * 0x1p-23;
  for (int64_t k = 0; k < w->taps; k++) to[k] = within ? to[k] / sum : 0;
}

kvino_status kv_eval_resample_weights(kv_call *c) {
  weights w;
  KV_TRY(read_weights(c, &w));
  c->spec[0].shape[0] = c->spec[1].shape[0] = w.out;
  c->spec[1].shape[1] = w.taps;
  KV_TRY(kv_call_alloc(c, 0));
  KV_TRY(kv_call_alloc(c, 1));
  double *line = kv_malloc(((size_t)w.taps + 1) * sizeof *line);
  if (!line) return kv_fail(c->err, KVINO_NO_MEMORY, "out of memory");
  int32_t *start = (int32_t *)c->out[0]->data;
  for (int64_t o = 0; o < w.out; o++) {
    int64_t first;
    weigh(&w, o, &first, line);
    start[o] = (int32_t)first;
    if (c->spec[1].dtype == KVINO_F64)
      memcpy((double *)c->out[1]->data + o * w.taps, line, (size_t)w.taps * sizeof *line);
    else
      for (int64_t k = 0; k < w.taps; k++) ((float *)c->out[1]->data)[o * w.taps + k] = (float)line[k];
  }
  kv_free(line);
  return KVINO_OK;
}

/* ---- their use ---- */

kvino_status kv_infer_resample(kv_call *c) {
  const kvino_tensor *x = c->in[0], *start = c->in[1], *w = c->in[2];
  int64_t axis = c->attrs->axis.axis, shape[KVINO_MAX_RANK];
  KV_TRY(kv_normalize_axis(&axis, x->rank, c->err));
  if (x->dtype != KVINO_F32 && x->dtype != KVINO_F64)
    return kv_fail(c->err, KVINO_TYPE, "Resample does not take dtype %s", kvino_dtype_name((kvino_dtype)x->dtype));
  if (start->dtype != KVINO_I32 || start->rank != 1 || w->dtype != x->dtype || w->rank != 2)
    return kv_fail(c->err, KVINO_TYPE, "Resample takes int32 places [out] and weights [out, taps] of the data's dtype");
  if (start->shape[0] >= 0 && w->shape[0] >= 0 && w->shape[0] != 1 && start->shape[0] != w->shape[0])
    return kv_fail(c->err, KVINO_INVALID, "Resample: %lld places, but weights for %lld", (long long)start->shape[0],
                   (long long)w->shape[0]);
  memcpy(shape, x->shape, (size_t)x->rank * sizeof *shape);
  shape[axis] = start->shape[0];
  kv_call_spec(c, 0, (kvino_dtype)x->dtype, x->rank, shape);
  return KVINO_OK;
}

/* Resample and ResampleBackprop, whose result is what the other one reads. */
kvino_status kv_eval_resample(kv_call *c) {
  bool back = c->prim->id == KV_ResampleBackprop;
  int64_t axis = c->attrs->axis.axis;
  kvino_tensor *operand[3] = {NULL};
  KV_TRY(kv_normalize_axis(&axis, c->in[0]->rank, c->err));
  KV_TRY(kv_call_alloc(c, 0));
  kvino_status status = KVINO_OK;
  for (int i = 0; i < 3 && !status; i++) status = kvino_tensor_contiguous(c->in[i], &operand[i], c->err);
  if (!status) {
    const kvino_tensor *x = operand[0];
    kv_resampling r = {.dtype = (kvino_dtype)x->dtype,
                       .outer = 1,
                       .in = (back ? c->out[0] : x)->shape[axis],
                       .out = operand[1]->shape[0],
                       .inner = 1,
                       .taps = operand[2]->shape[1],
                       .start = (const int32_t *)operand[1]->data,
                       .w = operand[2]->data,
                       .one_row = operand[2]->shape[0] == 1,
                       .x = x->data,
                       .y = c->out[0]->data};
    for (int k = 0; k < axis; k++) r.outer *= x->shape[k];
    for (int k = (int)axis + 1; k < x->rank; k++) r.inner *= x->shape[k];
    back ? kv_resample_back(&r) : kv_resample_run(&r);
  }
  for (int i = 0; i < 3; i++) kvino_tensor_release(operand[i]);
  return status;
}
