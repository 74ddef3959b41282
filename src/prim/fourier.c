/* Fourier transforms: DFT, IDFT, RDFT, IRDFT as OpenVINO has them. Complex numbers are pairs along one more axis, the
 * last (real, imaginary). Operands: x, axes [, length of each: longer pads with zeros, shorter cuts, -1 is as it is].
 * Of real transforms the last of the axes is the one that is halved. Backward ones divide by the number of elements. */
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/signal/fft.h"
#include "prim/known.h"

typedef enum kind { COMPLEX, FROM_REAL, TO_REAL } kind;

/* The transform along one axis of contiguous data: [outer, n, inner], times 2 where complex. */
typedef struct step {
  const kv_fft *plan, *half; /* half: of real lines of an even length, taken as half as many complex numbers */
  kind kind;
  bool backward, from_f32, to_f32;
  int64_t n, from_n, to_n; /* of the transform; elements along the axis of `from` and `to` */
  int64_t outer, inner, lanes;
  double scale;
  const void *from;
  void *to;
  const double *root_re, *root_im; /* exp(-2 pi i k / n), k <= n / 4, for `half` */
  bool threads;
  _Atomic bool failed;
} step;

/* ---- a few lines at a time: from memory to the work arrays and back ---- */

/* Where lines [line, line + count) begin, in elements. */
static void places(const step *s, int64_t line, int64_t count, int64_t n, int64_t *at) {
  for (int64_t j = 0; j < count; j++) {
    int64_t outer = (line + j) / s->inner;
    at[j] = outer * n * s->inner + (line + j - outer * s->inner);
  }
}

enum { LANES = 8 };

/* The same loop, for the compiler to vectorize where a line is one piece of memory. */
#define ALONG(loop)                                                                                                    \
  do {                                                                                                                 \
    if (s->inner == 1 && s->lanes == 1) {                                                                              \
      enum { inner = 1, lanes = 1 };                                                                                   \
      loop                                                                                                             \
    } else {                                                                                                           \
      const int64_t inner = s->inner, lanes = s->lanes;                                                                \
      loop                                                                                                             \
    }                                                                                                                  \
  } while (0)

#define TRANSFERS(type)                                                                                                \
  static void load_##type(const step *s, int64_t line, int64_t count, int64_t n, double *re, double *im) {             \
    int64_t at[LANES];                                                                                                 \
    places(s, line, count, s->from_n, at);                                                                             \
    for (int64_t j = 0; j < count; j++, re++, im++) {                                                                  \
      const type *restrict x = (const type *)s->from + at[j] * (s->kind == FROM_REAL ? 1 : 2);                         \
      double *restrict a = re, *restrict b = im;                                                                       \
      if (s->kind == FROM_REAL && s->half) { /* even elements are the real parts, odd ones the imaginary parts */      \
        ALONG(for (int64_t k = 0; k < n / 2; k++) {                                                                    \
          a[k * lanes] = x[2 * k * inner];                                                                             \
          b[k * lanes] = x[(2 * k + 1) * inner];                                                                       \
        });                                                                                                            \
        if (n & 1) a[n / 2 * s->lanes] = x[(n - 1) * s->inner];                                                        \
      } else if (s->kind == FROM_REAL) {                                                                               \
        ALONG(for (int64_t k = 0; k < n; k++) {                                                                        \
          a[k * lanes] = x[k * inner];                                                                                 \
          b[k * lanes] = 0;                                                                                            \
        });                                                                                                            \
      } else {                                                                                                         \
        ALONG(for (int64_t k = 0; k < n; k++) {                                                                        \
          a[k * lanes] = x[2 * k * inner];                                                                             \
          b[k * lanes] = x[2 * k * inner + 1];                                                                         \
        });                                                                                                            \
      }                                                                                                                \
    }                                                                                                                  \
  }                                                                                                                    \
  static void store_##type(const step *s, int64_t line, int64_t count, int64_t n, const double *re,                    \
                           const double *im) {                                                                         \
    const double scale = s->scale;                                                                                     \
    int64_t at[LANES];                                                                                                 \
    places(s, line, count, s->to_n, at);                                                                               \
    for (int64_t j = 0; j < count; j++, re++, im++) {                                                                  \
      type *restrict y = (type *)s->to + at[j] * (s->kind == TO_REAL ? 1 : 2);                                         \
      const double *restrict a = re, *restrict b = im;                                                                 \
      if (s->kind == TO_REAL && s->half) {                                                                             \
        ALONG(for (int64_t k = 0; k < n / 2; k++) {                                                                    \
          y[2 * k * inner] = (type)(scale * a[k * lanes]);                                                             \
          y[(2 * k + 1) * inner] = (type)(scale * b[k * lanes]);                                                       \
        });                                                                                                            \
      } else if (s->kind == TO_REAL) {                                                                                 \
        ALONG(for (int64_t k = 0; k < n; k++) y[k * inner] = (type)(scale * a[k * lanes]););                           \
      } else {                                                                                                         \
        ALONG(for (int64_t k = 0; k < n; k++) {                                                                        \
          y[2 * k * inner] = (type)(scale * a[k * lanes]);                                                             \
          y[2 * k * inner + 1] = (type)(scale * b[k * lanes]);                                                         \
        });                                                                                                            \
      }                                                                                                                \
    }                                                                                                                  \
  }
TRANSFERS(float)
TRANSFERS(double)
#undef TRANSFERS
#undef ALONG

static void load(const step *s, int64_t line, int64_t count, double *re, double *im) {
  int64_t all = s->kind == TO_REAL ? s->n / 2 + 1 : s->n, n = s->from_n < all ? s->from_n : all, m = all;
  if (n < m || count < s->lanes) {
    if (s->half) m = s->n / 2 + (s->kind == TO_REAL);
    memset(re, 0, (size_t)(m * s->lanes) * sizeof *re);
    memset(im, 0, (size_t)(m * s->lanes) * sizeof *im);
  }
  if (s->from_f32)
    load_float(s, line, count, n, re, im);
  else
    load_double(s, line, count, n, re, im);
}

static void store(const step *s, int64_t line, int64_t count, const double *re, const double *im) {
  if (s->to_f32)
    store_float(s, line, count, s->to_n, re, im);
  else
    store_double(s, line, count, s->to_n, re, im);
}

/* ---- real lines ---- */

/* z, the transform of the even elements plus i times that of the odd ones (h long), becomes the first h + 1 of the
 * transform of all: y[k] = E + w O, conj(y[h - k]) = E - w O, with E = (z[k] + conj z[h - k]) / 2 and
 * O = (z[k] - conj z[h - k]) / 2i. */
static void unfold(const step *s, double *re, double *im) {
  const int64_t h = s->n / 2, lanes = s->lanes;
  for (int64_t i = 0; i < lanes; i++) {
    double a = re[i], b = im[i];
    re[i] = a + b;
    re[h * lanes + i] = a - b;
    im[i] = im[h * lanes + i] = 0;
  }
  for (int64_t k = 1; k <= h - k; k++) {
    const double wr = s->root_re[k], wi = s->root_im[k];
    double *ar = re + k * lanes, *ai = im + k * lanes, *br = re + (h - k) * lanes, *bi = im + (h - k) * lanes;
    for (int64_t i = 0; i < lanes; i++) {
      double er = 0.5 * (ar[i] + br[i]), ei = 0.5 * (ai[i] - bi[i]);
      double fr = 0.5 * (ai[i] + bi[i]), fi = 0.5 * (br[i] - ar[i]); /* O */
      double tr = fr * wr - fi * wi, ti = fr * wi + fi * wr;
      ar[i] = er + tr;
      ai[i] = ei + ti;
      br[i] = er - tr;
      bi[i] = ti - ei;
    }
  }
}

/* The way back, times 2. */
static void fold(const step *s, double *re, double *im) {
  const int64_t h = s->n / 2, lanes = s->lanes;
  for (int64_t i = 0; i < lanes; i++) {
    double a = re[i], b = re[h * lanes + i];
    re[i] = a + b;
    im[i] = a - b;
  }
  for (int64_t k = 1; k <= h - k; k++) {
    const double wr = s->root_re[k], wi = s->root_im[k];
    double *ar = re + k * lanes, *ai = im + k * lanes, *br = re + (h - k) * lanes, *bi = im + (h - k) * lanes;
    for (int64_t i = 0; i < lanes; i++) {
      double er = ar[i] + br[i], ei = ai[i] - bi[i], tr = ar[i] - br[i], ti = ai[i] + bi[i];
      double fr = tr * wr + ti * wi, fi = ti * wr - tr * wi; /* O = conj(w) t */
      ar[i] = er - fi;
      ai[i] = ei + fr;
      br[i] = er + fi;
      bi[i] = fr - ei;
    }
  }
}

/* Of an odd length: the other half of the line, which is the first one's conjugate. */
static void mirror(const step *s, double *re, double *im) {
  const int64_t n = s->n, lanes = s->lanes;
  for (int64_t i = 0; i < lanes; i++) im[i] = 0;
  for (int64_t k = 1; k < n - k; k++)
    for (int64_t i = 0; i < lanes; i++) {
      re[(n - k) * lanes + i] = re[k * lanes + i];
      im[(n - k) * lanes + i] = -im[k * lanes + i];
    }
}

static void transform(const step *s, int64_t line, int64_t count, const kv_fft_work *w) {
  load(s, line, count, w->re[0], w->im[0]);
  if (s->kind == TO_REAL && s->half)
    fold(s, w->re[0], w->im[0]);
  else if (s->kind == TO_REAL)
    mirror(s, w->re[0], w->im[0]);
  kv_fft_work back = {{w->im[0], w->im[1]}, {w->re[0], w->re[1]}};
  int at = kv_fft_run(s->half ? s->half : s->plan, s->lanes, s->backward ? &back : w, s->threads);
  if (s->kind == FROM_REAL && s->half) unfold(s, w->re[at], w->im[at]);
  store(s, line, count, w->re[at], w->im[at]);
}

static size_t work_bytes(const step *s) {
  /* one more for the middle of a folded line */
  return (size_t)(kv_fft_room(s->half ? s->half : s->plan) + 1) * (size_t)s->lanes * 4 * sizeof(double);
}

static void transform_range(void *context, size_t begin, size_t end) {
  enum { FEW = 512 };
  step *s = context;
  double few[FEW];
  size_t bytes = work_bytes(s);
  double *memory = bytes <= sizeof few ? few : kv_block_new(bytes);
  if (!memory) {
    s->failed = true;
    return;
  }
  int64_t part = (int64_t)(bytes / (4 * sizeof(double))), lines = s->outer * s->inner;
  kv_fft_work w = {{memory, memory + 2 * part}, {memory + part, memory + 3 * part}};
  for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
    int64_t first = i * s->lanes, count = lines - first < s->lanes ? lines - first : s->lanes;
    transform(s, first, count, &w);
  }
  if (memory != few) kv_block_free(memory, bytes);
}

/* ---- one axis ---- */

/* Lines that run along memory are best taken one by one once they are long; of the others neighbours share cache lines.
 */
static int64_t lanes_for(const step *s) {
  int64_t room = kv_fft_room(s->half ? s->half : s->plan), lines = s->outer * s->inner;
  if (lines < 4 || (s->inner == 1 && room > 128)) return 1;
  return lines < LANES || room > 2048 ? 4 : LANES;
}

static kvino_status run_step(step *s, kvino_error *err) {
  bool real = s->kind != COMPLEX && s->n % 2 == 0;
  const kv_fft *plan = kv_fft_get(real ? s->n / 2 : s->n, real);
  *(real ? &s->half : &s->plan) = plan;
  s->scale = s->backward ? 1.0 / (double)s->n : 1.0;
  if (plan) {
    if (real) kv_fft_turns(plan, &s->root_re, &s->root_im);
    s->lanes = lanes_for(s);
    int64_t lines = s->outer * s->inner, groups = (lines + s->lanes - 1) / s->lanes;
    s->threads = groups < kv_threads();
    if (s->threads)
      transform_range(s, 0, (size_t)groups);
    else
      kv_parallel_ranges((size_t)groups, (size_t)(8192 / (s->n * s->lanes) + 1), transform_range, s);
  }
  if (plan) kv_fft_release(plan);
  return plan && !s->failed
             ? KVINO_OK
             : kv_fail(err, KVINO_NO_MEMORY, "out of memory for a Fourier transform of %lld elements", (long long)s->n);
}

/* ---- the primitives ---- */

typedef struct signal {
  kind kind;
  bool backward;
  int n;                          /* axes */
  int64_t axis[KVINO_MAX_RANK];   /* normalized */
  int64_t length[KVINO_MAX_RANK]; /* of the transform along it; -1 unknown */
  int rank;                       /* of x without the axis of pairs */
} signal;

static int64_t length_of(const signal *g, const kvino_tensor *x, int i, const kv_values *sizes) {
  int64_t d = x->shape[g->axis[i]];
  bool last_real = g->kind == TO_REAL && i == g->n - 1;
  if (sizes && !kv_is_known(sizes, i)) return -1;
  if (sizes && sizes->v[i] != -1) return sizes->v[i];
  return d < 0 ? -1 : last_real ? 2 * (d - 1) : d;
}

static kvino_status read_signal(kv_call *c, signal *g) {
  const kvino_tensor *x = c->in[0];
  kv_values axes, sizes;
  g->backward = c->prim->id == KV_IDFT || c->prim->id == KV_IRDFT;
  g->kind = c->prim->id == KV_RDFT ? FROM_REAL : c->prim->id == KV_IRDFT ? TO_REAL : COMPLEX;
  if (c->n_in != 2 && c->n_in != 3)
    return kv_fail(c->err, KVINO_INVALID, "%s takes 2 or 3 operands, not %zu", c->prim->name, c->n_in);
  if (x->dtype != KVINO_F32 && x->dtype != KVINO_F64)
    return kv_fail(c->err, KVINO_TYPE, "%s takes float32 or float64, not %s", c->prim->name,
                   kvino_dtype_name((kvino_dtype)x->dtype));
  g->rank = x->rank - (g->kind != FROM_REAL);
  if (g->rank < 1 || (g->kind != FROM_REAL && x->shape[g->rank] >= 0 && x->shape[g->rank] != 2))
    return kv_fail(c->err, KVINO_INVALID, "%s takes pairs along the last axis", c->prim->name);
  KV_TRY(kv_read_all(c, 1, "axes", &axes));
  if (c->n_in == 3) KV_TRY(kv_read_values(c, 2, "signal_size", &sizes));
  if (axes.n < 1 || axes.n > g->rank || (c->n_in == 3 && sizes.n != axes.n))
    return kv_fail(c->err, KVINO_INVALID, "%s with %d axes of %d, %d lengths", c->prim->name, axes.n, g->rank,
                   c->n_in == 3 ? sizes.n : axes.n);
  g->n = axes.n;
  for (int i = 0; i < g->n; i++) {
    g->axis[i] = axes.v[i];
    KV_TRY(kv_normalize_axis(&g->axis[i], g->rank, c->err));
    for (int j = 0; j < i; j++)
      if (g->axis[j] == g->axis[i]) return kv_fail(c->err, KVINO_INVALID, "duplicate axes of %s", c->prim->name);
    g->length[i] = length_of(g, x, i, c->n_in == 3 ? &sizes : NULL);
    bool own = c->n_in == 2 || (kv_is_known(&sizes, i) && sizes.v[i] == -1); /* as long as x is */
    bool known = own ? x->shape[g->axis[i]] >= 0 : kv_is_known(&sizes, i);
    if ((g->length[i] < 1 && known) || g->length[i] > (int64_t)1 << 40)
      return kv_fail(c->err, KVINO_INVALID, "Invalid number of FFT data points (%lld) specified.",
                     (long long)g->length[i]);
  }
  return KVINO_OK;
}

/* Of the result along the axis; -1: not known. */
static int64_t length_given(const signal *g, int i) {
  bool half = g->kind == FROM_REAL && i == g->n - 1 && g->length[i] >= 0;
  return half ? g->length[i] / 2 + 1 : g->length[i];
}

kvino_status kv_infer_fourier(kv_call *c) {
  signal g;
  KV_TRY(read_signal(c, &g));
  kv_call_spec(c, 0, (kvino_dtype)c->in[0]->dtype, g.rank, c->in[0]->shape);
  kv_spec *y = &c->spec[0];
  for (int i = 0; i < g.n; i++) y->shape[g.axis[i]] = length_given(&g, i);
  if (g.kind == TO_REAL) return KVINO_OK;
  if (g.rank == KVINO_MAX_RANK)
    return kv_fail(c->err, KVINO_INVALID, "maximum supported dimension for an ndarray is %d, found %d", KVINO_MAX_RANK,
                   g.rank + 1);
  y->shape[y->rank++] = 2;
  return KVINO_OK;
}

static int64_t product(const int64_t *shape, int begin, int end) {
  int64_t n = 1;
  for (int i = begin; i < end; i++) n *= shape[i];
  return n;
}

/* Axis after axis; between them the values stay double. */
static kvino_status run_axes(kv_call *c, const signal *g, const kvino_tensor *x) {
  int64_t shape[KVINO_MAX_RANK];
  double *between = NULL;
  size_t bytes = 0;
  kvino_status status = KVINO_OK;
  memcpy(shape, x->shape, (size_t)g->rank * sizeof *shape);
  for (int i = 0; i < g->n && !status; i++) {
    /* Real transforms begin, those to real ones end, with the last of the axes. */
    int which = g->kind == FROM_REAL ? g->n - 1 - i : i, axis = (int)g->axis[which];
    bool first = i == 0, last = i == g->n - 1;
    kind step_kind = which == g->n - 1 ? g->kind : COMPLEX;
    step s = {.kind = step_kind,
              .backward = g->backward,
              .from_f32 = first && x->dtype == KVINO_F32,
              .to_f32 = last && x->dtype == KVINO_F32,
              .n = g->length[which],
              .from_n = shape[axis],
              .outer = product(shape, 0, axis),
              .inner = product(shape, axis + 1, g->rank),
              .from = first ? (const void *)x->data : between};
    shape[axis] = s.to_n = step_kind == FROM_REAL ? s.n / 2 + 1 : s.n;
    size_t next_bytes = last ? 0 : (size_t)product(shape, 0, g->rank) * 2 * sizeof(double);
    double *next = last ? NULL : kv_block_new(next_bytes);
    s.to = last ? (void *)c->out[0]->data : next;
    status = last || next ? run_step(&s, c->err) : kv_fail(c->err, KVINO_NO_MEMORY, "out of memory");
    if (between) kv_block_free(between, bytes);
    between = next;
    bytes = next_bytes;
  }
  if (between) kv_block_free(between, bytes);
  return status;
}

kvino_status kv_eval_fourier(kv_call *c) {
  signal g;
  kvino_tensor *x;
  KV_TRY(read_signal(c, &g));
  for (int i = 0; i < g.n; i++)
    if (c->spec[0].shape[g.axis[i]] != length_given(&g, i)) return kv_operand_changed(c);
  KV_TRY(kv_call_alloc(c, 0));
  if (!c->out[0]->size) return KVINO_OK;
  KV_TRY(kvino_tensor_contiguous(c->in[0], &x, c->err));
  kvino_status status = run_axes(c, &g, x);
  kvino_tensor_release(x);
  return status;
}
