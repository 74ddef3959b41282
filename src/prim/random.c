/* Random samples: RandomSample (numbers of a distribution), RandomCategorical (classes). They are native although
 * OpenVINO has RandomUniform: it gives other numbers on other devices, and here the same seed gives the same numbers
 * everywhere. */
#include <math.h>
#include <string.h>

#include "base/convert.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/access/iterate.h"
#include "kernels/random/random.h"
#include "prim/prim.h"

static kvino_status check_seed(kv_call *c) {
  const kvino_tensor *seed = c->in[0];
  if (kvino_dtype_is_integer((kvino_dtype)seed->dtype) && seed->rank == 1 &&
      (seed->shape[0] < 0 || seed->shape[0] == 2))
    return KVINO_OK;
  return kv_fail(c->err, KVINO_INVALID, "the seed must be a vector of two integers");
}

static void read_seed(const kv_call *c, uint32_t key[2]) {
  for (int i = 0; i < 2; i++) key[i] = (uint32_t)kv_tensor_get_int(c->in[0], i);
}

/* The rank and shape that operand 1 holds; -1 where a dimension is not known. */
static kvino_status read_shape(kv_call *c, int *rank, int64_t *shape) {
  const kvino_tensor *t = c->in[1];
  if (kv_known_values(t, rank, shape)) {
    for (int i = 0; i < *rank; i++) {
      if (shape[i] == KV_UNKNOWN)
        shape[i] = -1;
      else if (shape[i] < 0)
        return kv_fail(c->err, KVINO_INVALID, "negative dimensions are not allowed");
    }
    return KVINO_OK;
  }
  if (t->rank != 1 || t->shape[0] < 0 || t->shape[0] > KVINO_MAX_RANK)
    return kv_fail(c->err, KVINO_INVALID, "the shape must be a vector whose length is known");
  *rank = (int)t->shape[0];
  for (int i = 0; i < *rank; i++) shape[i] = -1;
  return KVINO_OK;
}

/* ---- RandomSample: seed, shape, two parameters that are broadcast to the shape ---- */

static const char *const names[] = {"uniform", "normal", "truncated_normal", "gamma", "beta", "binomial", "randint"};

static kv_distribution distribution_of(const kv_call *c) {
  int i = 0;
  while (i < KV_RANDINT && strcmp(names[i], c->attrs->distribution.distribution)) i++;
  return (kv_distribution)i;
}

static kvino_status fits(kv_call *c, const kvino_tensor *t, int rank, const int64_t *shape) {
  bool ok = t->rank <= rank;
  for (int i = 0; ok && i < t->rank; i++) {
    int64_t want = shape[rank - t->rank + i];
    ok = t->shape[i] == 1 || t->shape[i] < 0 || want < 0 || t->shape[i] == want;
  }
  char wanted[KV_SHAPE_TEXT], given[KV_SHAPE_TEXT];
  return ok ? KVINO_OK
            : kv_fail(c->err, KVINO_INVALID, "Output size %s is not compatible with broadcast dimensions of inputs %s",
                      kv_shape_text(rank, shape, wanted), kv_shape_text(t->rank, t->shape, given));
}

kvino_status kv_infer_random_sample(kv_call *c) {
  int rank;
  int64_t shape[KV_KNOWN_MAX];
  kvino_dtype dtype = c->attrs->distribution.output_type;
  bool whole = distribution_of(c) == KV_RANDINT;
  if (whole ? !kvino_dtype_is_integer(dtype) : !kvino_dtype_is_float(dtype) || kvino_dtype_size(dtype) < 2)
    return kv_fail(c->err, KVINO_TYPE, "%s does not give dtype %s", c->attrs->distribution.distribution,
                   kvino_dtype_name(dtype));
  KV_TRY(check_seed(c));
  KV_TRY(read_shape(c, &rank, shape));
  for (int i = 2; i < 4; i++) {
    if (c->in[i]->dtype != (whole ? KVINO_I64 : KVINO_F64))
      return kv_fail(c->err, KVINO_TYPE, "%s takes parameters of dtype %s", c->attrs->distribution.distribution,
                     whole ? "int64" : "float64");
    KV_TRY(fits(c, c->in[i], rank, shape));
  }
  kv_call_spec(c, 0, dtype, rank, shape);
  return KVINO_OK;
}

/* NumPy's words; NULL where the pair of parameters is one. */
static const char *refusal(kv_distribution d, double a, double b) {
  switch (d) {
  case KV_UNIFORM:
    return isfinite(b - a) ? NULL : "high - low range exceeds valid bounds";
  case KV_GAMMA:
    return a < 0 ? "alpha < 0" : NULL;
  case KV_BETA:
    return a <= 0 ? "alpha <= 0" : b <= 0 ? "beta <= 0" : NULL;
  case KV_BINOMIAL:
    if (a < 0) return "counts < 0";
    if (!(a <= 0x1p63)) return "counts is too large or NaN";
    return b >= 0 && b <= 1 ? NULL : "probabilities < 0, probabilities > 1 or NaN";
  default:
    return NULL;
  }
}

typedef struct sampling {
  kv_distribution distribution;
  uint32_t key[2];
  int bits;
  kv_view parameter[2];
  bool one[2]; /* a parameter is a single number */
  kvino_tensor *out;
} sampling;

/* Goes with f over pairs of parameters in C order, from element `begin` on, a chunk at a time. */
typedef struct pairs {
  kv_cursor cursor[2];
  union {
    double real[KV_RANDOM_CHUNK];
    int64_t whole[KV_RANDOM_CHUNK];
  } value[2];
} pairs;

static void pairs_start(pairs *p, const sampling *s, int64_t begin) {
  for (int k = 0; k < 2; k++) {
    if (s->one[k]) {
      for (int i = 0; i < KV_RANDOM_CHUNK; i++) memcpy(&p->value[k].whole[i], s->parameter[k].data, 8);
      continue;
    }
    kv_cursor_start(&p->cursor[k], &s->parameter[k], s->out->rank, s->out->shape);
    kv_cursor_seek(&p->cursor[k], begin);
  }
}

static void pairs_next(pairs *p, const sampling *s, int n) {
  for (int k = 0; k < 2; k++)
    if (!s->one[k]) kv_cursor_read(&p->cursor[k], p->value[k].whole, n);
}

/* Checks every pair before anything is drawn. */
static kvino_status check_parameters(const sampling *s, kvino_error *err) {
  pairs p;
  int64_t size = s->out->size;
  if (!size || s->distribution == KV_NORMAL || s->distribution == KV_TRUNCATED_NORMAL) return KVINO_OK;
  pairs_start(&p, s, 0);
  if (s->one[0] && s->one[1]) size = 1;
  for (int64_t done = 0; done < size; done += KV_RANDOM_CHUNK) {
    int n = size - done < KV_RANDOM_CHUNK ? (int)(size - done) : KV_RANDOM_CHUNK;
    pairs_next(&p, s, n);
    for (int i = 0; i < n; i++) {
      const char *why = s->distribution != KV_RANDINT ? refusal(s->distribution, p.value[0].real[i], p.value[1].real[i])
                        : p.value[0].whole[i] >= p.value[1].whole[i] ? "low >= high"
                                                                     : NULL;
      if (why) return kv_fail(err, KVINO_INVALID, "%s", why);
    }
  }
  return KVINO_OK;
}

static double rounded(kvino_dtype dtype, double x) {
  return dtype == KVINO_F32    ? (double)(float)x
         : dtype == KVINO_F16  ? (double)kv_f16_to_f32(kv_f64_to_f16(x))
         : dtype == KVINO_BF16 ? (double)kv_bf16_to_f32(kv_f64_to_bf16(x))
                               : x;
}

static void store(kvino_dtype dtype, void *to, const double *from, int n) {
  for (int i = 0; i < n; i++) switch (dtype) {
    case KVINO_F32:
      ((float *)to)[i] = (float)from[i];
      break;
    case KVINO_F64:
      ((double *)to)[i] = from[i];
      break;
    case KVINO_F16:
      ((uint16_t *)to)[i] = kv_f64_to_f16(from[i]);
      break;
    default:
      ((uint16_t *)to)[i] = kv_f64_to_bf16(from[i]);
    }
}

static void fill(void *context, size_t begin, size_t end) {
  const sampling *s = context;
  kvino_dtype dtype = (kvino_dtype)s->out->dtype;
  size_t bytes = kvino_dtype_size(dtype);
  int64_t size = s->out->size;
  double y[KV_RANDOM_CHUNK];
  pairs p;
  pairs_start(&p, s, (int64_t)begin * KV_RANDOM_CHUNK);
  for (size_t chunk = begin; chunk < end; chunk++) {
    int64_t first = (int64_t)chunk * KV_RANDOM_CHUNK;
    int n = size - first < KV_RANDOM_CHUNK ? (int)(size - first) : KV_RANDOM_CHUNK;
    char *to = s->out->data + (size_t)first * bytes;
    pairs_next(&p, s, n);
    if (s->distribution == KV_RANDINT) {
      int64_t whole[KV_RANDOM_CHUNK];
      kv_random_integers(s->key, (uint64_t)first, n, p.value[0].whole, p.value[1].whole, whole);
      for (int i = 0; i < n; i++) kv_store_i64(dtype, to + (size_t)i * bytes, whole[i]);
      continue;
    }
    const double *a = p.value[0].real, *b = p.value[1].real;
    kv_random_reals(s->distribution, s->key, s->bits, (uint64_t)first, n, a, b, y);
    if (s->distribution == KV_UNIFORM) /* rounding may reach the end, which is excluded */
      for (int i = 0; i < n; i++) y[i] = rounded(dtype, y[i]) == rounded(dtype, b[i]) ? a[i] : y[i];
    store(dtype, to, y, n);
  }
}

kvino_status kv_eval_random_sample(kv_call *c) {
  KV_TRY(kv_call_alloc(c, 0));
  kvino_dtype dtype = (kvino_dtype)c->out[0]->dtype;
  sampling s = {.distribution = distribution_of(c), .out = c->out[0]};
  s.bits = dtype == KVINO_F16 ? 11 : dtype == KVINO_BF16 ? 8 : dtype == KVINO_F64 ? 53 : 24;
  read_seed(c, s.key);
  for (int k = 0; k < 2; k++) {
    const kvino_tensor *t = c->in[2 + k];
    s.parameter[k] = (kv_view){(kvino_dtype)t->dtype, t->rank, t->shape, t->strides, t->data};
    s.one[k] = t->size == 1;
  }
  KV_TRY(check_parameters(&s, c->err));
  size_t chunks = ((size_t)s.out->size + KV_RANDOM_CHUNK - 1) / KV_RANDOM_CHUNK;
  if (chunks) kv_parallel_ranges(chunks, s.distribution == KV_UNIFORM ? 64 : 16, fill, &s);
  return KVINO_OK;
}

/* ---- RandomCategorical: seed, logits [batch, classes] of f64, the number of samples ---- */

kvino_status kv_infer_random_categorical(kv_call *c) {
  const kvino_tensor *logits = c->in[1], *number = c->in[2];
  int n;
  int64_t value[KV_KNOWN_MAX], shape[2] = {0, -1};
  KV_TRY(check_seed(c));
  if (logits->rank != 2)
    return kv_fail(c->err, KVINO_INVALID,
                   "`logits` should be a 2-D tensor with shape [batch_size, num_classes], not of rank %d",
                   logits->rank);
  if (logits->dtype != KVINO_F64) return kv_fail(c->err, KVINO_TYPE, "RandomCategorical takes logits of dtype float64");
  if (number->rank || !kvino_dtype_is_integer((kvino_dtype)number->dtype))
    return kv_fail(c->err, KVINO_INVALID, "num_samples must be an integer");
  shape[0] = logits->shape[0];
  if (kv_all_known(number, &n, value)) shape[1] = value[0];
  if (shape[1] < 0 && kv_all_known(number, &n, value))
    return kv_fail(c->err, KVINO_INVALID, "negative dimensions are not allowed");
  if (!logits->shape[1] && shape[0] && shape[1])
    return kv_fail(c->err, KVINO_INVALID, "there are no classes to draw from");
  kv_call_spec(c, 0, c->attrs->output_type.output_type, 2, shape);
  return KVINO_OK;
}

typedef struct drawing {
  uint32_t key[2];
  const kvino_tensor *logits;
  double *weight; /* cumulative, a row for each row of logits */
  kvino_tensor *out;
  bool refused; /* written by any thread: true only */
} drawing;

static void prepare_rows(void *context, size_t begin, size_t end) {
  drawing *d = context;
  int64_t classes = d->logits->shape[1];
  for (size_t row = begin; row < end; row++) {
    double *weight = d->weight + (int64_t)row * classes;
    if (!kv_categorical_prepare(classes, weight, weight)) __atomic_store_n(&d->refused, true, __ATOMIC_RELAXED);
  }
}

static void draw_classes(void *context, size_t begin, size_t end) {
  const drawing *d = context;
  int64_t classes = d->logits->shape[1], samples = d->out->shape[1];
  kvino_dtype dtype = (kvino_dtype)d->out->dtype;
  for (size_t i = begin; i < end; i++) {
    const double *weight = d->weight + (int64_t)i / samples * classes;
    kv_store_i64(dtype, d->out->data + i * kvino_dtype_size(dtype), kv_categorical_draw(d->key, i, classes, weight));
  }
}

kvino_status kv_eval_random_categorical(kv_call *c) {
  KV_TRY(kv_call_alloc(c, 0));
  drawing d = {.logits = c->in[1], .out = c->out[0]};
  read_seed(c, d.key);
  if (!d.out->size) return KVINO_OK;
  size_t bytes = (size_t)d.logits->size * sizeof *d.weight;
  d.weight = kv_block_new(bytes);
  if (!d.weight) return kv_fail(c->err, KVINO_NO_MEMORY, "out of memory for %zu bytes of weights", bytes);
  kv_tensor_copy_to(d.logits, d.weight);
  kv_parallel_ranges((size_t)d.logits->shape[0], 1 + (1 << 12) / (size_t)d.logits->shape[1], prepare_rows, &d);
  if (!d.refused) kv_parallel_ranges((size_t)d.out->size, 1 << 10, draw_classes, &d);
  kv_block_free(d.weight, bytes);
  return d.refused ? kv_fail(c->err, KVINO_INVALID, "probabilities contain NaN") : KVINO_OK;
}
