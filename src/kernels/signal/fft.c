#include "kernels/signal/fft.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"

enum {
  FACTORS = 40, /* of a 63-bit length, radix 4 first */
  KEPT = 8,     /* plans */
  KEPT_LENGTH = 1 << 17,
  SHARED = 1 << 15 /* elements of one line from which on several threads take part */
};

struct kv_fft {
  _Atomic uint32_t refs;
  int64_t n, room;
  int n_factors;
  int64_t factor[FACTORS];
  double *root_re[FACTORS], *root_im[FACTORS];
  double *turn; /* n / 2 + 1 real parts, then the imaginary ones; or NULL */
  /* Bluestein: the chirp exp(-pi i j^2 / n), and the transform of its conjugate, `room` long, divided by room. */
  const kv_fft *inner;
  double *chirp_re, *chirp_im, *kernel_re, *kernel_im;
};

/* By eighths of a turn, so that sine and cosine see small arguments and the exact values stay exact. */
void kv_fft_root(int64_t j, int64_t n, double *re, double *im) {
  const double pi = 3.14159265358979323846;
  unsigned __int128 turns = (unsigned __int128)j * 8;
  int64_t eighth = (int64_t)(turns / (uint64_t)n);
  int64_t rest = (int64_t)(turns % (uint64_t)n);
  /* odd eighths count backwards from the next quarter */
  double angle = pi / 4 * (double)(eighth & 1 ? n - rest : rest) / (double)n;
  double c = cos(angle), s = sin(angle);
  switch ((eighth + 1) / 2 & 3) { /* the nearest quarter turn */
  case 0:
    *re = c;
    *im = eighth & 1 ? s : -s;
    break;
  case 1:
    *re = eighth & 1 ? s : -s;
    *im = -c;
    break;
  case 2:
    *re = -c;
    *im = eighth & 1 ? -s : s;
    break;
  default:
    *re = eighth & 1 ? -s : s;
    *im = c;
  }
}

/* ---- plans ---- */

static void plan_free(kv_fft *p) {
  if (!p) return;
  for (int i = 0; i < p->n_factors; i++) kv_free(p->root_re[i]);
  if (p->inner) kv_fft_release(p->inner);
  kv_free(p->turn);
  kv_free(p->chirp_re);
  kv_free(p->kernel_re);
  kv_free(p);
}

/* false where a prime factor is too large for a pass. */
static bool factorize(kv_fft *p) {
  int64_t n = p->n;
  p->n_factors = 0;
  for (; n % 4 == 0; n /= 4) p->factor[p->n_factors++] = 4;
  for (int64_t r = 2; r <= KV_FFT_MAX_RADIX; r += r > 2 ? 2 : 1)
    for (; n % r == 0; n /= r) p->factor[p->n_factors++] = r;
  if (n == 1) return true;
  p->n_factors = 0;
  return false;
}

static bool make_roots(kv_fft *p) {
  int64_t length = p->n;
  for (int i = 0; i < p->n_factors; i++) {
    int64_t r = p->factor[i], m = length / r, count = (r - 1) * m;
    if (!(p->root_re[i] = kv_malloc((size_t)count * 2 * sizeof(double)))) return false;
    p->root_im[i] = p->root_re[i] + count;
    for (int64_t j = 1; j < r; j++)
      for (int64_t q = 0; q < m; q++)
        kv_fft_root(j * q, length, &p->root_re[i][(j - 1) * m + q], &p->root_im[i][(j - 1) * m + q]);
    length = m;
  }
  return true;
}

/* The least 2^a 3^b 5^c that is not below n. */
static int64_t smooth(int64_t n) {
  int64_t best = INT64_MAX;
  for (int64_t five = 1; five < 5 * n; five *= 5)
    for (int64_t three = five; three < 3 * n; three *= 3) {
      int64_t m = three;
      while (m < n) m *= 2;
      if (m < best) best = m;
    }
  return best;
}

static bool make_chirp(kv_fft *p) {
  int64_t n = p->n, room = smooth(2 * n - 1);
  p->room = room;
  p->chirp_re = kv_malloc((size_t)n * 2 * sizeof(double));
  p->kernel_re = kv_malloc((size_t)room * 2 * sizeof(double));
  double *memory = kv_calloc((size_t)room * 4, sizeof(double));
  if (!p->chirp_re || !p->kernel_re || !memory || !(p->inner = kv_fft_get(room, false))) {
    kv_free(memory);
    return false;
  }
  p->chirp_im = p->chirp_re + n;
  p->kernel_im = p->kernel_re + room;
  kv_fft_work work = kv_fft_lay_out(p->inner, 1, memory);
  for (int64_t j = 0; j < n; j++) {
    int64_t square = (int64_t)((unsigned __int128)j * (uint64_t)j % (uint64_t)(2 * n));
    kv_fft_root(square, 2 * n, &p->chirp_re[j], &p->chirp_im[j]);
    work.re[0][j] = p->chirp_re[j];
    work.im[0][j] = -p->chirp_im[j];
    if (j) {
      work.re[0][room - j] = work.re[0][j];
      work.im[0][room - j] = work.im[0][j];
    }
  }
  int at = kv_fft_run(p->inner, 1, &work, true);
  for (int64_t j = 0; j < room; j++) {
    p->kernel_re[j] = work.re[at][j] / (double)room;
    p->kernel_im[j] = work.im[at][j] / (double)room;
  }
  kv_free(memory);
  return true;
}

static bool make_turns(kv_fft *p) {
  int64_t count = p->n / 2 + 1;
  if (!(p->turn = kv_malloc((size_t)count * 2 * sizeof(double)))) return false;
  for (int64_t k = 0; k < count; k++) kv_fft_root(k, 2 * p->n, &p->turn[k], &p->turn[count + k]);
  return true;
}

static kv_fft *plan_new(int64_t n, bool turns) {
  kv_fft *p = kv_calloc(1, sizeof *p);
  if (!p) return NULL;
  p->refs = 1;
  p->n = p->room = n;
  if ((factorize(p) ? make_roots(p) : make_chirp(p)) && (!turns || make_turns(p))) return p;
  plan_free(p);
  return NULL;
}

/* The last plans, the most recent first. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static kv_fft *kept[KEPT];

static kv_fft *find(int64_t n, bool turns) {
  for (int i = 0; i < KEPT && kept[i]; i++) {
    if (kept[i]->n != n || (turns && !kept[i]->turn)) continue;
    kv_fft *p = kept[i];
    memmove(kept + 1, kept, (size_t)i * sizeof *kept);
    kept[0] = p;
    p->refs++;
    return p;
  }
  return NULL;
}

/* The lock is only ever tried: where it is taken, also by a thread that a fork left behind, the plan is made anew. */
const kv_fft *kv_fft_get(int64_t n, bool turns) {
  kv_fft *p = NULL, *last = NULL;
  if (!pthread_mutex_trylock(&lock)) {
    p = find(n, turns);
    pthread_mutex_unlock(&lock);
  }
  if (p || !(p = plan_new(n, turns)) || n > KEPT_LENGTH || pthread_mutex_trylock(&lock)) return p;
  last = kept[KEPT - 1];
  memmove(kept + 1, kept, (KEPT - 1) * sizeof *kept);
  kept[0] = p;
  p->refs++;
  pthread_mutex_unlock(&lock);
  if (last) kv_fft_release(last);
  return p;
}

void kv_fft_release(const kv_fft *plan) {
  kv_fft *p = (kv_fft *)plan;
  if (p && atomic_fetch_sub(&p->refs, 1) == 1) plan_free(p);
}

void kv_fft_turns(const kv_fft *plan, const double **re, const double **im) {
  *re = plan->turn;
  *im = plan->turn + plan->n / 2 + 1;
}

int64_t kv_fft_room(const kv_fft *plan) { return plan->room; }

kv_fft_work kv_fft_lay_out(const kv_fft *plan, int64_t lanes, double *memory) {
  int64_t part = plan->room * lanes;
  return (kv_fft_work){{memory, memory + 2 * part}, {memory + part, memory + 3 * part}};
}

/* ---- running ---- */

static void some_butterflies(void *context, size_t begin, size_t end) {
  const kv_fft_pass *t = context;
  KV_BEST(kv_fft_pass)(t, (int64_t)begin, (int64_t)end, 0, t->stride);
}

static void some_lines(void *context, size_t begin, size_t end) {
  const kv_fft_pass *t = context;
  KV_BEST(kv_fft_pass)(t, 0, t->m, (int64_t)begin, (int64_t)end);
}

static int run_passes(const kv_fft *p, int64_t lanes, const kv_fft_work *w, bool threads) {
  int64_t m = p->n, stride = lanes;
  int at = 0;
  threads = threads && p->n * lanes >= SHARED;
  for (int i = 0; i < p->n_factors; i++) {
    m /= p->factor[i];
    kv_fft_pass t = {p->factor[i], m,         stride,        p->root_re[i], p->root_im[i],
                     w->re[at],    w->im[at], w->re[at ^ 1], w->im[at ^ 1]};
    int64_t grain = SHARED / (4 * p->factor[i]);
    if (!threads)
      KV_BEST(kv_fft_pass)(&t, 0, m, 0, stride);
    else if (m >= stride)
      kv_parallel_ranges((size_t)m, (size_t)(grain / stride + 1), some_butterflies, &t);
    else
      kv_parallel_ranges((size_t)stride, (size_t)(grain / m + 1), some_lines, &t);
    stride *= p->factor[i];
    at ^= 1;
  }
  return at;
}

/* The transform as a convolution with a chirp: j k = (j^2 + k^2 - (k - j)^2) / 2. */
static int run_chirp(const kv_fft *p, int64_t lanes, const kv_fft_work *w, bool threads) {
  int64_t n = p->n, room = p->room;
  for (int64_t j = 0; j < n; j++) {
    double cr = p->chirp_re[j], ci = p->chirp_im[j], *re = w->re[0] + j * lanes, *im = w->im[0] + j * lanes;
    for (int64_t i = 0; i < lanes; i++) {
      double a = re[i], b = im[i];
      re[i] = a * cr - b * ci;
      im[i] = a * ci + b * cr;
    }
  }
  memset(w->re[0] + n * lanes, 0, (size_t)((room - n) * lanes) * sizeof(double));
  memset(w->im[0] + n * lanes, 0, (size_t)((room - n) * lanes) * sizeof(double));
  int at = run_passes(p->inner, lanes, w, threads);
  for (int64_t j = 0; j < room; j++) {
    double cr = p->kernel_re[j], ci = p->kernel_im[j], *re = w->re[at] + j * lanes, *im = w->im[at] + j * lanes;
    for (int64_t i = 0; i < lanes; i++) {
      double a = re[i], b = im[i];
      re[i] = a * cr - b * ci;
      im[i] = a * ci + b * cr;
    }
  }
  kv_fft_work back = {{w->im[at], w->im[at ^ 1]}, {w->re[at], w->re[at ^ 1]}};
  at ^= run_passes(p->inner, lanes, &back, threads);
  for (int64_t j = 0; j < n; j++) {
    double cr = p->chirp_re[j], ci = p->chirp_im[j], *re = w->re[at] + j * lanes, *im = w->im[at] + j * lanes;
    for (int64_t i = 0; i < lanes; i++) {
      double a = re[i], b = im[i];
      re[i] = a * cr - b * ci;
      im[i] = a * ci + b * cr;
    }
  }
  return at;
}

int kv_fft_run(const kv_fft *p, int64_t lanes, const kv_fft_work *w, bool threads) {
  return p->inner ? run_chirp(p, lanes, w, threads) : run_passes(p, lanes, w, threads);
}
