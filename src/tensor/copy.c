/* Strided copies: axes are ordered by the destination and merged where they form one run; the last two that remain are
 * copied by a loop made for their strides (rows, fills, transposed blocks), the others are counted through. */
#include "tensor/copy.h"

#include <string.h>

#include "base/threads.h"

enum { BLOCK_BYTES = 64 };                     /* of a transposed block's side: one cache line of either array */
static const int64_t PARALLEL_BYTES = 2 << 20; /* below this waking threads costs more than it saves */

typedef struct {
  uint64_t a, b;
} pair; /* 16 bytes */

typedef struct layout {
  size_t size;
  int rank;
  int64_t shape[KV_COPY_MAX_RANK], to[KV_COPY_MAX_RANK], from[KV_COPY_MAX_RANK];
} layout;

/* ---- rows ---- */

#define MOVE(type, to, from)                                                                                           \
  do {                                                                                                                 \
    type move_;                                                                                                        \
    memcpy(&move_, (from), sizeof move_);                                                                              \
    memcpy((to), &move_, sizeof move_);                                                                                \
  } while (0)

#define EACH_SIZE(size, LOOP)                                                                                          \
  switch (size) {                                                                                                      \
  case 1:                                                                                                              \
    LOOP(uint8_t) break;                                                                                               \
  case 2:                                                                                                              \
    LOOP(uint16_t) break;                                                                                              \
  case 4:                                                                                                              \
    LOOP(uint32_t) break;                                                                                              \
  case 8:                                                                                                              \
    LOOP(uint64_t) break;                                                                                              \
  default:                                                                                                             \
    LOOP(pair) break;                                                                                                  \
  }

void kv_fill(size_t size, int64_t n, char *to, const void *value) {
#define FILL(type)                                                                                                     \
  {                                                                                                                    \
    type v;                                                                                                            \
    memcpy(&v, value, sizeof v);                                                                                       \
    for (int64_t i = 0; i < n; i++) memcpy(to + i * (int64_t)sizeof v, &v, sizeof v);                                  \
  }
  EACH_SIZE(size, FILL)
#undef FILL
}

static void copy_row(size_t size, int64_t n, char *restrict to, int64_t to_step, const char *from, int64_t from_step) {
  if (to_step == (int64_t)size) {
    if (from_step == to_step) {
      memcpy(to, from, (size_t)n * size);
      return;
    }
    if (from_step == 0) {
      kv_fill(size, n, to, from);
      return;
    }
#define GATHER(type)                                                                                                   \
  for (int64_t i = 0; i < n; i++) MOVE(type, to + i * (int64_t)sizeof(type), from + i * from_step);
    EACH_SIZE(size, GATHER)
#undef GATHER
    return;
  }
#define STRIDED(type)                                                                                                  \
  for (int64_t i = 0; i < n; i++) MOVE(type, to + i * to_step, from + i * from_step);
  EACH_SIZE(size, STRIDED)
#undef STRIDED
}

/* ---- transposed blocks: to's rows are from's columns ---- */

typedef uint32_t vec4 __attribute__((vector_size(16)));
typedef uint64_t vec2 __attribute__((vector_size(16)));
typedef uint16_t vec8 __attribute__((vector_size(16)));

/* to[i][j] = from[j][i] for i, j below 4; both have rows of contiguous elements. */
static inline void transpose_4x4(char *to, int64_t to_step, const char *from, int64_t from_step) {
  vec4 a, b, c, d;
  memcpy(&a, from, 16);
  memcpy(&b, from + from_step, 16);
  memcpy(&c, from + 2 * from_step, 16);
  memcpy(&d, from + 3 * from_step, 16);
  vec4 ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab1 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  vec4 cd0 = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd1 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  vec4 r0 = __builtin_shufflevector(ab0, cd0, 0, 1, 4, 5), r1 = __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7);
  vec4 r2 = __builtin_shufflevector(ab1, cd1, 0, 1, 4, 5), r3 = __builtin_shufflevector(ab1, cd1, 2, 3, 6, 7);
  memcpy(to, &r0, 16);
  memcpy(to + to_step, &r1, 16);
  memcpy(to + 2 * to_step, &r2, 16);
  memcpy(to + 3 * to_step, &r3, 16);
}

static inline void transpose_2x2(char *to, int64_t to_step, const char *from, int64_t from_step) {
  vec2 a, b;
  memcpy(&a, from, 16);
  memcpy(&b, from + from_step, 16);
  vec2 r0 = __builtin_shufflevector(a, b, 0, 2), r1 = __builtin_shufflevector(a, b, 1, 3);
  memcpy(to, &r0, 16);
  memcpy(to + to_step, &r1, 16);
}

/* 8 by 8 of 2 bytes: three rounds of interleaving rows k and k + 4. */
static inline void transpose_8x8(char *to, int64_t to_step, const char *from, int64_t from_step) {
  vec8 r[8], s[8];
  for (int k = 0; k < 8; k++) memcpy(&r[k], from + k * from_step, 16);
  for (int round = 0; round < 3; round++) {
    for (int k = 0; k < 4; k++) {
      s[2 * k] = __builtin_shufflevector(r[k], r[k + 4], 0, 8, 1, 9, 2, 10, 3, 11);
      s[2 * k + 1] = __builtin_shufflevector(r[k], r[k + 4], 4, 12, 5, 13, 6, 14, 7, 15);
    }
    memcpy(r, s, sizeof r);
  }
  for (int k = 0; k < 8; k++) memcpy(to + k * to_step, &r[k], 16);
}

/* to[i][j] = from[j][i], i below n, j below m: small enough for the cache. */
static void transpose_block(size_t size, int64_t n, int64_t m, char *to, int64_t to_step, const char *from,
                            int64_t from_step) {
  int64_t unit = size == 4 ? 4 : size == 8 ? 2 : size == 2 ? 8 : 1, s = (int64_t)size;
  int64_t n_whole = unit > 1 ? n / unit * unit : 0, m_whole = m / unit * unit;
  for (int64_t i = 0; i < n_whole; i += unit)
    for (int64_t j = 0; j < m_whole; j += unit) {
      char *t = to + i * to_step + j * s;
      const char *f = from + j * from_step + i * s;
      if (size == 4)
        transpose_4x4(t, to_step, f, from_step);
      else if (size == 8)
        transpose_2x2(t, to_step, f, from_step);
      else
        transpose_8x8(t, to_step, f, from_step);
    }
  if (m_whole < m)
    for (int64_t i = 0; i < n_whole; i++)
      copy_row(size, m - m_whole, to + i * to_step + m_whole * s, s, from + m_whole * from_step + i * s, from_step);
  for (int64_t i = n_whole; i < n; i++) copy_row(size, m, to + i * to_step, s, from + i * s, from_step);
}

/* The last two axes: n rows of m elements, where `from` runs along the rows' axis (its step there is one element).
 * Walking down `from` in strips keeps the lines that are read, and those that are written, in the cache. */
static void transpose_plane(const layout *l, char *to, const char *from) {
  int a = l->rank - 2, b = l->rank - 1;
  int64_t side = BLOCK_BYTES / (int64_t)l->size, tall = side * 4;
  for (int64_t j = 0; j < l->shape[b]; j += side) {
    int64_t m = l->shape[b] - j < side ? l->shape[b] - j : side;
    for (int64_t i = 0; i < l->shape[a]; i += tall) {
      int64_t n = l->shape[a] - i < tall ? l->shape[a] - i : tall;
      transpose_block(l->size, n, m, to + i * l->to[a] + j * l->to[b], l->to[a], from + i * l->from[a] + j * l->from[b],
                      l->from[b]);
    }
  }
}

/* ---- all axes ---- */

static void copy_plane(const layout *l, char *to, const char *from) {
  int a = l->rank - 2, b = l->rank - 1;
  int64_t s = (int64_t)l->size;
  if (l->from[a] == s && l->to[b] == s && l->from[b] != s && l->from[b]) {
    transpose_plane(l, to, from);
    return;
  }
  for (int64_t i = 0; i < l->shape[a]; i++)
    copy_row(l->size, l->shape[b], to + i * l->to[a], l->to[b], from + i * l->from[a], l->from[b]);
}

static void copy_serial(const layout *l, char *to, const char *from) {
  if (l->rank == 1) {
    copy_row(l->size, l->shape[0], to, l->to[0], from, l->from[0]);
    return;
  }
  int64_t index[KV_COPY_MAX_RANK];
  for (int i = 0; i < l->rank - 2; i++) index[i] = 0;
  for (;;) {
    copy_plane(l, to, from);
    int axis = l->rank - 3;
    for (; axis >= 0; axis--) {
      to += l->to[axis];
      from += l->from[axis];
      if (++index[axis] < l->shape[axis]) break;
      to -= l->to[axis] * l->shape[axis];
      from -= l->from[axis] * l->shape[axis];
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}

/* Swaps the axis along which `from` is contiguous to the last place but one, so that the two innermost make a
 * transpose. */
static void choose_plane(layout *l) {
  int last = l->rank - 1;
  if (l->from[last] == (int64_t)l->size || l->from[last] == 0 || l->to[last] != (int64_t)l->size) return;
  for (int i = last - 1; i >= 0; i--) {
    if (l->from[i] != (int64_t)l->size) continue;
    int64_t n = l->shape[i], to = l->to[i], from = l->from[i];
    for (; i < last - 1; i++) {
      l->shape[i] = l->shape[i + 1];
      l->to[i] = l->to[i + 1];
      l->from[i] = l->from[i + 1];
    }
    l->shape[i] = n;
    l->to[i] = to;
    l->from[i] = from;
    return;
  }
}

static int64_t magnitude(int64_t v) { return v < 0 ? -v : v; }

/* Axes of more than one element, in the order of the destination's strides, neighbours merged. False where empty. */
static bool simplify(layout *l, size_t size, int rank, const int64_t *shape, const int64_t *to, const int64_t *from) {
  int n = 0;
  l->size = size;
  for (int i = 0; i < rank; i++) {
    if (!shape[i]) return false;
    if (shape[i] == 1) continue;
    int at = n++;
    for (; at > 0 && magnitude(l->to[at - 1]) < magnitude(to[i]); at--) {
      l->shape[at] = l->shape[at - 1];
      l->to[at] = l->to[at - 1];
      l->from[at] = l->from[at - 1];
    }
    l->shape[at] = shape[i];
    l->to[at] = to[i];
    l->from[at] = from[i];
  }
  l->rank = n ? 1 : 0;
  for (int i = 1; i < n; i++) {
    int k = l->rank - 1;
    if (l->to[k] == l->shape[i] * l->to[i] && l->from[k] == l->shape[i] * l->from[i]) {
      l->shape[k] *= l->shape[i];
    } else {
      k = l->rank++;
      l->shape[k] = l->shape[i];
    }
    l->to[k] = l->to[i];
    l->from[k] = l->from[i];
  }
  /* A short run that is as long as an element of some size moves as one. */
  int last = l->rank - 1;
  int64_t run = l->rank > 1 && l->to[last] == (int64_t)size && l->from[last] == (int64_t)size
                    ? l->shape[last] * (int64_t)size
                    : 0;
  if (run == 2 || run == 4 || run == 8 || run == 16) {
    l->size = (size_t)run;
    l->rank--;
  }
  return true;
}

struct part {
  const layout *l;
  int axis;
  char *to;
  const char *from;
};

static void copy_part(void *context, size_t begin, size_t end) {
  const struct part *p = context;
  layout l = *p->l;
  l.shape[p->axis] = (int64_t)(end - begin);
  copy_serial(&l, p->to + (int64_t)begin * l.to[p->axis], p->from + (int64_t)begin * l.from[p->axis]);
}

void kv_copy_strided(size_t size, int rank, const int64_t *shape, char *to, const int64_t *to_strides, const char *from,
                     const int64_t *from_strides) {
  layout l;
  if (!simplify(&l, size, rank, shape, to_strides, from_strides)) return;
  if (!l.rank) {
    memcpy(to, from, size);
    return;
  }
  choose_plane(&l);
  int64_t bytes = (int64_t)l.size;
  for (int i = 0; i < l.rank; i++) bytes *= l.shape[i];
  if (bytes < PARALLEL_BYTES || kv_threads() == 1) {
    copy_serial(&l, to, from);
    return;
  }
  int axis = 0; /* the outermost that is long enough to share, else the longest */
  for (int i = 1; i < l.rank && l.shape[axis] < 16; i++)
    if (l.shape[i] > l.shape[axis]) axis = i;
  int64_t each = bytes / l.shape[axis];
  kv_parallel_ranges((size_t)l.shape[axis], (size_t)(PARALLEL_BYTES / 4 / each + 1), copy_part,
                     &(struct part){&l, axis, to, from});
}

void kv_tensor_copy_to(const kvino_tensor *src, void *destination) {
  size_t size = kvino_dtype_size((kvino_dtype)src->dtype);
  int64_t strides[KVINO_MAX_RANK], step = (int64_t)size;
  if (src->size <= 0) return;
  if (src->contiguous && src->size * (int64_t)size < PARALLEL_BYTES) {
    memcpy(destination, src->data, (size_t)src->size * size);
    return;
  }
  for (int i = src->rank - 1; i >= 0; i--) {
    strides[i] = step;
    step *= src->shape[i];
  }
  kv_copy_strided(size, src->rank, src->shape, destination, strides, src->data, src->strides);
}
