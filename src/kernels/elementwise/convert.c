#include "kernels/elementwise/convert.h"

#include <string.h>

#include "base/threads.h"
#include "kernels/kernels.h"
#include "kernels/access/iterate.h"

static const kv_convert_kernels *kernels(void) { return &KV_BEST(kv_convert); }

static bool is_small(kvino_dtype t) { return t >= KVINO_F8E4M3 && t <= KVINO_BF16; }

/* What does not go in one step goes through f32, or the parts of complex numbers, in pieces of this many elements. */
enum { PIECE = 512 };

typedef void step(kvino_dtype from, const void *x, kvino_dtype to, void *y, size_t n);

static void in_pieces(step *f, kvino_dtype from, const char *x, kvino_dtype to, char *y, size_t n) {
  for (size_t at = 0; at < n; at += PIECE)
    f(from, x + at * kvino_dtype_size(from), to, y + at * kvino_dtype_size(to), n - at < PIECE ? n - at : PIECE);
}

static void from_small(kvino_dtype from, const void *x, kvino_dtype to, void *y, size_t n) {
  float wide[PIECE];
  kernels()->widen(from, x, wide, n);
  kv_convert_elements(KVINO_F32, wide, to, y, n);
}

static void to_small(kvino_dtype from, const void *x, kvino_dtype to, void *y, size_t n) {
  float wide[PIECE];
  double exact[PIECE];
  if (from == KVINO_I32 || from == KVINO_U32) { /* a double holds them exactly, a float does not */
    kernels()->core(from, x, KVINO_F64, exact, n);
    x = exact;
    from = KVINO_F64;
  }
  if (from == KVINO_F64 || from == KVINO_I64 || from == KVINO_U64)
    kernels()->odd(from, x, wide, n);
  else
    kernels()->core(from, x, KVINO_F32, wide, n);
  kernels()->narrow(wide, to, y, n);
}

/* A real number becomes the real part; the imaginary one is 0. */
static void to_complex(kvino_dtype from, const void *x, kvino_dtype to, void *y, size_t n) {
  float part[PIECE];
  double wide[PIECE];
  if (to == KVINO_C64) {
    kv_convert_elements(from, x, KVINO_F32, part, n);
    float *z = y;
    for (size_t i = 0; i < n; i++) z[2 * i] = part[i], z[2 * i + 1] = 0;
  } else {
    kv_convert_elements(from, x, KVINO_F64, wide, n);
    double *z = y;
    for (size_t i = 0; i < n; i++) z[2 * i] = wide[i], z[2 * i + 1] = 0;
  }
}

static void from_complex(kvino_dtype from, const void *x, kvino_dtype to, void *y, size_t n) {
  double part[PIECE];
  kvino_dtype real = from == KVINO_C64 ? KVINO_F32 : KVINO_F64;
  size_t size = kvino_dtype_size(real);
  const char *z = x;
  if (to == KVINO_BOOL) { /* either part counts */
    uint8_t parts[2 * PIECE];
    kernels()->core(real, x, KVINO_BOOL, parts, 2 * n);
    for (size_t i = 0; i < n; i++) ((uint8_t *)y)[i] = parts[2 * i] | parts[2 * i + 1];
    return;
  }
  for (size_t i = 0; i < n; i++) memcpy((char *)part + i * size, z + 2 * i * size, size);
  kv_convert_elements(real, part, to, y, n);
}

void kv_convert_elements(kvino_dtype from, const void *x, kvino_dtype to, void *y, size_t n) {
  if (from == to && from != KVINO_BOOL) {
    memcpy(y, x, n * kvino_dtype_size(from));
  } else if (is_small(from) && to == KVINO_F32) {
    kernels()->widen(from, x, y, n);
  } else if (from == KVINO_F32 && is_small(to)) {
    kernels()->narrow(x, to, y, n);
  } else if (kvino_dtype_is_complex(from) && kvino_dtype_is_complex(to)) {
    kernels()->core(from == KVINO_C64 ? KVINO_F32 : KVINO_F64, x, to == KVINO_C64 ? KVINO_F32 : KVINO_F64, y, 2 * n);
  } else if (kvino_dtype_is_complex(from)) {
    in_pieces(from_complex, from, x, to, y, n);
  } else if (kvino_dtype_is_complex(to)) {
    in_pieces(to_complex, from, x, to, y, n);
  } else if (is_small(from)) {
    in_pieces(from_small, from, x, to, y, n);
  } else if (is_small(to)) {
    in_pieces(to_small, from, x, to, y, n);
  } else {
    kernels()->core(from, x, to, y, n);
  }
}

struct job {
  const kv_view *x;
  kvino_dtype to;
  char *y;
};

static void convert_range(void *context, size_t begin, size_t end) {
  const struct job *job = context;
  kv_cursor c;
  kv_cursor_start(&c, job->x, job->x->rank, job->x->shape);
  kv_cursor_seek(&c, (int64_t)begin);
  char gathered[PIECE * 16] __attribute__((aligned(16))), *y = job->y + begin * kvino_dtype_size(job->to);
  for (size_t left = end - begin, n; left; left -= n, y += n * kvino_dtype_size(job->to)) {
    const void *x = c.at;
    n = left < PIECE ? left : PIECE;
    if (kv_cursor_step(&c) == (int64_t)c.size && (kv_cursor_run(&c) >= (int64_t)n)) {
      n = (size_t)kv_cursor_run(&c) < left ? (size_t)kv_cursor_run(&c) : left;
      kv_cursor_advance(&c, (int64_t)n);
    } else {
      kv_cursor_read(&c, gathered, (int64_t)n);
      x = gathered;
    }
    kv_convert_elements(job->x->dtype, x, job->to, y, n);
  }
}

void kv_convert_view(const kv_view *x, kvino_dtype to, void *y) {
  size_t n = 1;
  for (int k = 0; k < x->rank; k++) n *= (size_t)x->shape[k];
  struct job job = {x, to, y};
  kv_parallel_ranges(n, 32768, convert_range, &job);
}
