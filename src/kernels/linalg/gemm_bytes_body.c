/* Products of int8 matrices. b is packed into units a few kilobytes at a time, which all rows of a then take; a block
 * of ROWS rows by four registers of sums stays in registers meanwhile. */
#include <string.h>

#include "base/cpu.h"
#include "kernels/level.h"
#include "kernels/linalg/gemm_bytes_kernels.h"

#ifdef __SSE2__
#include <immintrin.h>
#endif

enum {
  WIDTH = KV_LEVEL_BYTES,             /* columns of a block: as many as a vector has bytes */
  ROWS = KV_LEVEL_BYTES == 64 ? 4 : 2 /* of a block */
};
typedef int32_t lanes __attribute__((vector_size(KV_LEVEL_BYTES)));

/* ---- two values, widened to 16 bits ---- */

static inline lanes pairs_dot(lanes sum, lanes b, lanes a) {
#if KV_LEVEL_BYTES == 64
  return sum + (lanes)_mm512_madd_epi16((__m512i)b, (__m512i)a);
#elif KV_LEVEL_BYTES == 32
  return sum + (lanes)_mm256_madd_epi16((__m256i)b, (__m256i)a);
#elif defined(__SSE2__)
  return sum + (lanes)_mm_madd_epi16((__m128i)b, (__m128i)a);
#else
  typedef int16_t halves __attribute__((vector_size(KV_LEVEL_BYTES)));
  halves x = (halves)a, w = (halves)b;
  for (int i = 0; i < KV_LEVEL_BYTES / 4; i++) sum[i] += x[2 * i] * w[2 * i] + x[2 * i + 1] * w[2 * i + 1];
  return sum;
#endif
}

static inline void pairs_pack_rows(const int8_t *const row[2], int32_t *buffer) {
  int16_t *to = (int16_t *)buffer;
  const int8_t *first = row[0], *second = row[1];
  for (int c = 0; c < WIDTH; c++) {
    to[2 * c] = first[c];
    to[2 * c + 1] = second[c];
  }
}

/* The first n values of a unit; the others are 0. */
static inline int32_t pairs_unit(const int8_t *v, int n) {
  return (int32_t)((uint32_t)(uint16_t)v[0] | (n > 1 ? (uint32_t)(uint16_t)v[1] << 16 : 0));
}

#define BUFFER (32 << 10 >> 2)
#define MULTIPLE 1
#define NAMED(name) pairs_##name
#define UNIT 2
#define DOT pairs_dot
#include "kernels/linalg/gemm_bytes_of_unit.h"
#undef NAMED
#undef UNIT
#undef DOT

/* ---- four bytes: the instruction takes b's without a sign, so 128 is added to them ---- */

/* clang has no pragma of a target: its builds go without these. */
#if KV_LEVEL_BYTES >= 32 && !defined(__clang__)
#pragma GCC push_options
#if KV_LEVEL_BYTES == 64
#pragma GCC target("avx512vnni")
typedef __m512i vector;
#define EACH(name) _mm512_##name
#define DOT(sum, b, a) (lanes) _mm512_dpbusd_epi32((__m512i)(sum), (__m512i)(b), (__m512i)(a))
/* Unpacking takes the first quarter of each lane of 16 bytes, then the second, ...: the quarters come in another order
 * before, so that the columns are in theirs afterwards. */
static inline vector quarters(vector row) {
  return _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), row);
}
static inline vector load(const void *from) { return _mm512_loadu_si512(from); }
static inline void store(int32_t *to, vector v) { _mm512_storeu_si512(to, v); }
#else
#pragma GCC target("avxvnni")
typedef __m256i vector;
#define EACH(name) _mm256_##name
#define DOT(sum, b, a) (lanes) _mm256_dpbusd_avx_epi32((__m256i)(sum), (__m256i)(b), (__m256i)(a))
static inline vector quarters(vector row) {
  return _mm256_permutevar8x32_epi32(row, _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7));
}
static inline vector load(const void *from) { return _mm256_loadu_si256(from); }
static inline void store(int32_t *to, vector v) { _mm256_storeu_si256((__m256i *)to, v); }
#endif

static inline void pack_bytes(const int8_t *const row[4], int32_t *buffer, int surplus) {
  vector v[4];
  for (int i = 0; i < 4; i++) v[i] = quarters(load(row[i]) ^ EACH(set1_epi8)((char)surplus));
  vector low = EACH(unpacklo_epi8)(v[0], v[1]), high = EACH(unpackhi_epi8)(v[0], v[1]);
  vector low2 = EACH(unpacklo_epi8)(v[2], v[3]), high2 = EACH(unpackhi_epi8)(v[2], v[3]);
  store(buffer, EACH(unpacklo_epi16)(low, low2));
  store(buffer + WIDTH / 4, EACH(unpackhi_epi16)(low, low2));
  store(buffer + WIDTH / 2, EACH(unpacklo_epi16)(high, high2));
  store(buffer + WIDTH / 4 * 3, EACH(unpackhi_epi16)(high, high2));
}

static inline void dots_pack_rows(const int8_t *const row[4], int32_t *buffer) { pack_bytes(row, buffer, 0x80); }

static inline uint32_t unit_of_bytes(const int8_t *v, int n) {
  uint32_t unit = 0;
  if (n == 4)
    memcpy(&unit, v, 4);
  else
    memcpy(&unit, v, (size_t)n);
  return unit;
}

static inline int32_t dots_unit(const int8_t *v, int n) { return (int32_t)(unit_of_bytes(v, n) ^ 0x80808080u); }

#define NAMED(name) dots_##name
#define UNIT 4
#include "kernels/linalg/gemm_bytes_of_unit.h"
#undef NAMED
#undef UNIT
#undef DOT
#undef BUFFER
#undef MULTIPLE

static bool has_dots(void) {
#if KV_LEVEL_BYTES == 64
  return __builtin_cpu_supports("avx512vnni");
#else
  return __builtin_cpu_supports("avxvnni");
#endif
}
#pragma GCC pop_options
#define DOTS dots_panel
#define HAS_DOTS has_dots
#else
#define DOTS NULL
#define HAS_DOTS NULL
#endif

/* ---- tiles of 16 units by 16 rows or columns: both operands have signs ---- */

enum { TILE = 16 }; /* rows, and units of a row */

#if KV_LEVEL_BYTES == 64 && defined(__x86_64__) && defined(__linux__) && !defined(__clang__)
#include <sys/syscall.h>
#include <unistd.h>
#pragma GCC push_options
#pragma GCC target("amx-tile,amx-int8")

/* Tiles 0 to 3: sums of TILE columns each; 4: of a; 5 to 7: of b. */
static void configure(int rows) {
  struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
  } tiles __attribute__((aligned(64))) = {.palette = 1};
  for (int i = 0; i < 8; i++) {
    tiles.row_bytes[i] = TILE * 4;
    tiles.rows[i] = (uint8_t)(i <= 4 ? rows : TILE);
  }
  _tile_loadconfig(&tiles);
}

/* Up to TILE rows of a by a packed block; what was configured says how many. */
static void tiles_block(int64_t units, const int32_t *a, int64_t a_step, const int32_t *b, int32_t *y, int64_t y_step) {
  size_t from = (size_t)a_step * 4, to = (size_t)y_step * 4;
  _tile_loadd(0, y, to);
  _tile_loadd(1, y + TILE, to);
  _tile_loadd(2, y + 2 * TILE, to);
  _tile_loadd(3, y + 3 * TILE, to);
  for (int64_t u = 0; u < units; u += TILE, b += TILE * WIDTH) {
    _tile_loadd(4, a + u, from);
    _tile_loadd(5, b, WIDTH * 4);
    _tile_dpbssd(0, 4, 5);
    _tile_loadd(6, b + TILE, WIDTH * 4);
    _tile_dpbssd(1, 4, 6);
    _tile_loadd(7, b + 2 * TILE, WIDTH * 4);
    _tile_dpbssd(2, 4, 7);
    _tile_loadd(5, b + 3 * TILE, WIDTH * 4);
    _tile_dpbssd(3, 4, 5);
  }
  _tile_stored(0, y, to);
  _tile_stored(1, y + TILE, to);
  _tile_stored(2, y + 2 * TILE, to);
  _tile_stored(3, y + 3 * TILE, to);
}

static void tiles_rows(const kv_bytes_panel *p, int64_t unit, int64_t units, const int32_t *b, int32_t *y,
                       int64_t columns) {
  int configured = 0;
  for (int64_t i = 0; i < p->rows; i += TILE) {
    int rows = p->rows - i < TILE ? (int)(p->rows - i) : TILE;
    int32_t edge[TILE * WIDTH], *to = y + i * p->y_step;
    int64_t step = p->y_step;
    if (columns < WIDTH) { /* a whole block beside y */
      memset(edge, 0, sizeof edge);
      for (int r = 0; r < rows; r++) memcpy(edge + r * WIDTH, to + r * step, (size_t)columns * sizeof *y);
      to = edge, step = WIDTH;
    }
    if (rows != configured) configure(configured = rows);
    tiles_block(units, p->a + i * p->a_step + unit, p->a_step, b, to, step);
    for (int r = 0; r < rows && to == edge; r++)
      memcpy(y + (i + r) * p->y_step, edge + r * WIDTH, (size_t)columns * sizeof *y);
  }
  _tile_release(); /* a thread that has tiles is dear to switch */
}

static inline void tiles_pack_rows(const int8_t *const row[4], int32_t *buffer) { pack_bytes(row, buffer, 0); }
static inline int32_t tiles_unit(const int8_t *v, int n) { return (int32_t)unit_of_bytes(v, n); }

#define BUFFER (64 << 10 >> 2)
#define MULTIPLE TILE
#define NAMED(name) tiles_##name
#define UNIT 4
#include "kernels/linalg/gemm_bytes_of_unit.h"

/* Linux gives tiles to a process that asks for them (Documentation/arch/x86/xstate.rst). */
static bool has_tiles(void) {
  enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
  return kv_cpu_tiles() & KV_TILES_OF_INT8 && !syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA);
}
#pragma GCC pop_options
#define TILES tiles_panel
#define HAS_TILES has_tiles
#else
#define TILES NULL
#define HAS_TILES NULL
#endif

const kv_bytes_kernels KV_AT_LEVEL(kv_gemm_bytes) = {
    {2, 1, 0, pairs_panel}, {4, 1, 128, DOTS}, {4, TILE, 0, TILES}, HAS_DOTS, HAS_TILES};
