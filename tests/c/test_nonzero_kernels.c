/* The nonzero kernels: every ISA against a naive reference over generated dtypes, shapes, strides and densities; each
 * inner loop at its edges (no read or write past the end, all divisors); indices beyond 2^31; failing allocations. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/memory.h"
#include "kernels/nonzero/nonzero.h"
#include "kernels/nonzero/nonzero_kernels.h"

/* ---- generation ---- */

static uint64_t state = 88172645463325252u;

static uint64_t random_bits(void) {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

static int64_t below(int64_t n) { return (int64_t)(random_bits() >> 11) % n; }

/* The ISAs of this machine, for loops: skips the ones it lacks. */
static bool use(int isa) { return kv_nonzero_use_isa((kv_isa)isa); }
#define FOR_EACH_ISA(isa)                                                                                              \
  for (int isa = 0; isa < KV_ISA_COUNT; isa++)                                                                         \
    if (use(isa))

static const kvino_dtype dtypes[] = {KVINO_BOOL, KVINO_U8,  KVINO_U16, KVINO_U32,    KVINO_U64,    KVINO_I8,
                                     KVINO_I16,  KVINO_I32, KVINO_I64, KVINO_F8E4M3, KVINO_F8E5M2, KVINO_F16,
                                     KVINO_BF16, KVINO_F32, KVINO_F64, KVINO_C64,    KVINO_C128};
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

static size_t size_of(kvino_dtype dtype) {
  static const size_t sizes[] = {1, 1, 2, 4, 8, 1, 2, 4, 8, 1, 1, 2, 2, 4, 8, 8, 16};
  for (int i = 0; i < DTYPES; i++)
    if (dtypes[i] == dtype) return sizes[i];
  return 0;
}

/* Whether NumPy calls the element zero: written with values, where the kernels look at bits. */
static bool is_zero(kvino_dtype dtype, const void *element) {
  uint8_t u8;
  uint16_t u16;
  float f32[2];
  double f64[2];
  memcpy(&u8, element, 1);
  switch (dtype) {
  case KVINO_F8E4M3:
  case KVINO_F8E5M2:
    return u8 == 0 || u8 == 0x80;
  case KVINO_F16:
  case KVINO_BF16:
    memcpy(&u16, element, 2);
    return u16 == 0 || u16 == 0x8000;
  case KVINO_F32:
    memcpy(f32, element, 4);
    return f32[0] == 0;
  case KVINO_F64:
    memcpy(f64, element, 8);
    return f64[0] == 0;
  case KVINO_C64:
    memcpy(f32, element, 8);
    return f32[0] == 0 && f32[1] == 0;
  case KVINO_C128:
    memcpy(f64, element, 16);
    return f64[0] == 0 && f64[1] == 0;
  default:
    return memcmp(element, "\0\0\0\0\0\0\0", size_of(dtype)) == 0;
  }
}

/* One element: zero (of floats sometimes the negative one) or not: any bits, a single bit (denormals, halves of complex
 * numbers), all of them (NaN). */
static void generate(char *element, kvino_dtype dtype, int density) {
  size_t size = size_of(dtype);
  memset(element, 0, size);
  if (below(1000) < density) {
    int64_t kind = below(4);
    size_t byte = (size_t)below((int64_t)size);
    if (kind == 0)
      memset(element, 0xFF, size);
    else if (kind == 1)
      element[byte] = (char)(1 << below(8));
    else
      element[byte] = (char)random_bits();
  } else if (below(3) == 0 && dtype >= KVINO_F8E4M3) {
    element[size - 1] = (char)0x80;
  }
}

typedef struct example {
  kv_view view;
  int64_t shape[KVINO_MAX_RANK], strides[KVINO_MAX_RANK];
  char *memory;
} example;

/* A view of about `most` elements at most: axes in any memory order, reversed, with steps, broadcast, unaligned. */
static example example_new(int64_t most) {
  static const int densities[] = {0, 10, 100, 500, 900, 1000};
  example x = {0};
  int order[KVINO_MAX_RANK], rank = below(40) == 0 ? KVINO_MAX_RANK : (int)below(7);
  int64_t elements = 1, offset = 0;
  bool plain = below(3) == 0;
  for (int a = 0; a < rank; a++) {
    int64_t room = most / elements, limit = below(3) == 0 ? 4 : rank <= 2 ? room : 100;
    x.shape[a] = rank == KVINO_MAX_RANK ? (below(6) == 0 && room >= 2 ? 2 : 1) : 1 + below(limit < room ? limit : room);
    if (below(80) == 0) x.shape[a] = 0;
    if (x.shape[a]) elements *= x.shape[a];
    order[a] = a;
  }
  for (int a = rank - 1; a > 0 && !plain && below(2); a--) {
    int b = (int)below(a + 1), swap = order[a];
    order[a] = order[b];
    order[b] = swap;
  }
  kvino_dtype dtype = dtypes[below(DTYPES)];
  int64_t size = (int64_t)size_of(dtype), step = size;
  for (int i = rank - 1; i >= 0; i--) {
    int a = order[i];
    int64_t n = x.shape[a] ? x.shape[a] : 1;
    if (plain || below(4))
      x.strides[a] = step, step *= n;
    else if (below(3) == 0)
      x.strides[a] = 0;
    else
      x.strides[a] = step * 2, step *= 2 * n;
    if (!plain && below(5) == 0) {
      offset += (n - 1) * x.strides[a];
      x.strides[a] = -x.strides[a];
    }
  }
  int64_t shift = below(2);
  x.memory = malloc((size_t)(step + shift + 16));
  int density = densities[below(6)];
  for (int64_t p = 0; p + size <= step; p += size) generate(x.memory + shift + p, dtype, density);
  x.view = (kv_view){.dtype = dtype, .rank = rank, .data = x.memory + shift + offset};
  return x;
}

/* The address of element `flat` in C order, and its index along every axis. */
static const char *element_at(const kv_view *v, int64_t flat, int64_t *index) {
  const char *p = v->data;
  for (int a = v->rank - 1; a >= 0; a--) {
    index[a] = flat % v->shape[a];
    flat /= v->shape[a];
    p += index[a] * v->strides[a];
  }
  return p;
}

static int64_t elements_of(const kv_view *v) {
  int64_t n = 1;
  for (int a = 0; a < v->rank; a++) n *= v->shape[a];
  return n;
}

static void describe(const kv_view *v, int isa) {
  print_message("isa %d, dtype %d, shape and strides:", isa, v->dtype);
  for (int a = 0; a < v->rank; a++) print_message(" %lld/%lld", (long long)v->shape[a], (long long)v->strides[a]);
  print_message("\n");
}

/* ---- the operators against the reference ---- */

/* expected: the indices of element i of the answer at [i * rank]. */
static void check_nonzero(const kv_view *v, const int64_t *expected, int64_t n, bool int32, int isa) {
  int64_t count = -1;
  void *out = NULL;
  assert_int_equal(kv_nonzero(v, int32, &count, &out, NULL), KVINO_OK);
  bool same = count == n;
  for (int a = 0; a < v->rank && same; a++) {
    for (int64_t i = 0; i < n && same; i++) {
      int64_t got = int32 ? ((int32_t *)out)[a * n + i] : ((int64_t *)out)[a * n + i];
      same = got == expected[i * v->rank + a];
    }
  }
  if (!same) describe(v, isa);
  assert_true(same);
  kv_block_free(out, (size_t)(count * v->rank) * (int32 ? 4 : 8));
}

static void check_counts(const kv_view *v, const int64_t *expected, int64_t n, int isa) {
  int64_t total = -1;
  assert_int_equal(kv_count_nonzero(v, &total, NULL), KVINO_OK);
  if (total != n) describe(v, isa);
  assert_int_equal(total, n);

  bool reduced[KVINO_MAX_RANK];
  int64_t kept = 1;
  for (int a = 0; a < v->rank; a++) {
    reduced[a] = below(2);
    if (!reduced[a]) kept *= v->shape[a];
  }
  int64_t *want = calloc((size_t)kept + 1, 8), *got = malloc((size_t)(kept + 1) * 8);
  got[kept] = 12345;
  for (int64_t i = 0; i < n; i++) {
    int64_t at = 0;
    for (int a = 0; a < v->rank; a++)
      if (!reduced[a]) at = at * v->shape[a] + expected[i * v->rank + a];
    want[at]++;
  }
  assert_int_equal(kv_count_nonzero_axes(v, reduced, got, NULL), KVINO_OK);
  if (memcmp(want, got, (size_t)kept * 8)) describe(v, isa);
  assert_memory_equal(want, got, (size_t)kept * 8);
  assert_int_equal(got[kept], 12345);
  free(want);
  free(got);
}

static void check_example(int64_t most) {
  example x = example_new(most);
  kv_view *v = &x.view;
  v->shape = x.shape;
  v->strides = x.strides;
  int64_t size = elements_of(v), n = 0, *expected = malloc((size_t)(size * v->rank + KVINO_MAX_RANK) * 8);
  for (int64_t i = 0; i < size; i++)
    if (!is_zero(v->dtype, element_at(v, i, expected + n * v->rank))) n++;
  FOR_EACH_ISA(isa) {
    check_nonzero(v, expected, n, false, isa);
    check_nonzero(v, expected, n, true, isa);
    check_counts(v, expected, n, isa);
  }
  free(expected);
  free(x.memory);
}

static void test_small_views(void **unused) {
  (void)unused;
  for (int i = 0; i < 1500; i++) check_example(i % 3 ? 300 : 5000);
}

static void test_large_views(void **unused) {
  (void)unused;
  for (int i = 0; i < 60; i++) check_example(400000);
}

/* Every length around the boundaries of words, blocks and chunks, where the last bits of a mask are easily lost. */
static void test_boundaries(void **unused) {
  (void)unused;
  static const int64_t lengths[] = {0,    1,    2,    63,    64,    65,    127,   128,    4095,   4096,
                                    4097, 8191, 8192, 32767, 32768, 32769, 65535, 131071, 131072, 131073};
  char *memory = malloc(131073);
  for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
    const int64_t n = lengths[l], stride = 1;
    kv_view v = {KVINO_BOOL, 1, &n, &stride, memory};
    memset(memory, 1, 131073);
    FOR_EACH_ISA(isa) {
      int64_t count;
      int64_t *out;
      assert_int_equal(kv_nonzero(&v, false, &count, (void **)&out, NULL), KVINO_OK);
      assert_int_equal(count, n);
      for (int64_t i = 0; i < n; i++) assert_true(out[i] == i);
      kv_block_free(out, (size_t)n * 8);
    }
  }
  free(memory);
}

static void test_no_axes(void **unused) {
  (void)unused;
  double value = 0;
  kv_view v = {KVINO_F64, 0, NULL, NULL, &value};
  FOR_EACH_ISA(isa) {
    for (int i = 0; i < 2; i++) {
      value = i ? -3.0 : -0.0;
      int64_t count = -1, total = -1;
      void *out = NULL;
      assert_int_equal(kv_nonzero(&v, false, &count, &out, NULL), KVINO_OK);
      assert_int_equal(count, i);
      kv_block_free(out, 0);
      assert_int_equal(kv_count_nonzero(&v, &total, NULL), KVINO_OK);
      assert_int_equal(total, i);
    }
  }
}

/* ---- beyond 2^31 ---- */

/* Rows that are one row of memory, repeated: more than 2^31 elements, few of them not zero. */
static void test_many_elements(void **unused) {
  (void)unused;
  enum { LENGTH = 65600, ROWS = 32800 }; /* 2.15e9 */
  static uint8_t row[LENGTH];
  const int64_t shape[] = {ROWS, LENGTH}, strides[] = {0, 1};
  kv_view v = {KVINO_U8, 2, shape, strides, row};
  row[3] = row[LENGTH - 1] = 1;
  int64_t count, total, *out;
  assert_int_equal(kv_nonzero(&v, false, &count, (void **)&out, NULL), KVINO_OK);
  assert_int_equal(count, 2 * ROWS);
  for (int64_t i = 0; i < count; i++) {
    assert_true(out[i] == i / 2);
    assert_true(out[count + i] == (i % 2 ? LENGTH - 1 : 3));
  }
  kv_block_free(out, (size_t)count * 16);
  assert_int_equal(kv_count_nonzero(&v, &total, NULL), KVINO_OK);
  assert_int_equal(total, count);
  /* A count, too, may pass 2^31: all ones, 2^40 times. */
  const int64_t many[] = {(int64_t)1 << 20, (int64_t)1 << 20}, still[] = {0, 0};
  kv_view ones = {KVINO_U8, 2, many, still, row + 3};
  assert_int_equal(kv_count_nonzero(&ones, &total, NULL), KVINO_OK);
  assert_true(total == (int64_t)1 << 40);
}

/* One axis longer than 2^31: pages that are never written cost nothing. */
static void test_long_axis(void **unused) {
  (void)unused;
  const int64_t length = ((int64_t)1 << 31) + 100000, limit = (int64_t)1 << 31, stride = 1;
  uint8_t *memory =
      mmap(NULL, (size_t)length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  assert_true(memory != MAP_FAILED);
  const int64_t expected[] = {0, limit - 1, limit, length - 1};
  for (int i = 0; i < 4; i++) memory[expected[i]] = 1;
  kv_view v = {KVINO_U8, 1, &length, &stride, memory};
  int64_t count, *out;
  assert_int_equal(kv_nonzero(&v, false, &count, (void **)&out, NULL), KVINO_OK);
  assert_int_equal(count, 4);
  assert_memory_equal(out, expected, sizeof expected);
  kv_block_free(out, sizeof expected);

  kvino_error err;
  int64_t untouched = -5;
  int32_t *narrow = NULL;
  assert_int_equal(kv_nonzero(&v, true, &untouched, (void **)&narrow, &err), KVINO_OVERFLOW);
  assert_int_equal(err.status, KVINO_OVERFLOW);
  assert_non_null(strstr(err.text, "int32"));
  assert_int_equal(untouched, -5);
  assert_null(narrow);
  v.shape = &limit; /* the longest axis whose indices fit */
  assert_int_equal(kv_nonzero(&v, true, &count, (void **)&narrow, NULL), KVINO_OK);
  assert_int_equal(count, 2);
  assert_int_equal(narrow[1], INT32_MAX);
  kv_block_free(narrow, 8);
  munmap(memory, (size_t)length);
}

/* ---- errors ---- */

static void test_errors(void **unused) {
  (void)unused;
  static uint8_t memory[100000];
  memset(memory, 1, sizeof memory);
  for (int64_t n = 10; n <= 100000; n *= 100) { /* without and with a mask on the heap */
    const int64_t stride = 1;
    kv_view v = {KVINO_U8, 1, &n, &stride, memory};
    int64_t count = -5;
    void *out = NULL;
    kvino_error err;
    long allocations = 0;
    for (;; allocations++) {
      kv_fail_after(allocations);
      kvino_status status = kv_nonzero(&v, false, &count, &out, &err);
      kv_fail_after(-1);
      if (status == KVINO_OK) break;
      assert_int_equal(status, KVINO_NO_MEMORY);
      assert_int_equal(count, -5);
      assert_null(out);
    }
    assert_int_equal(allocations, n == 10 || n == 1000 ? 1 : 3);
    kv_block_free(out, (size_t)count * 8);
  }
  const int64_t huge[] = {(int64_t)1 << 32, (int64_t)1 << 32}, strides[] = {0, 0}, none[] = {(int64_t)1 << 62, 8, 0};
  const int64_t zeros[] = {0, 0, 0};
  kv_view v = {KVINO_U8, 2, huge, strides, memory};
  int64_t count = -5;
  void *out = NULL;
  assert_int_equal(kv_nonzero(&v, false, &count, &out, NULL), KVINO_INVALID);
  assert_int_equal(kv_count_nonzero(&v, &count, NULL), KVINO_INVALID);
  v = (kv_view){KVINO_STRING, 2, huge, strides, memory};
  assert_int_equal(kv_nonzero(&v, false, &count, &out, NULL), KVINO_TYPE);
  assert_int_equal(kv_count_nonzero(&v, &count, NULL), KVINO_TYPE);
  assert_int_equal(count, -5);
  v = (kv_view){KVINO_U8, 3, none, zeros, memory}; /* empty, however long the other axes */
  assert_int_equal(kv_nonzero(&v, true, &count, &out, NULL), KVINO_OK);
  assert_int_equal(count, 0);
  kv_block_free(out, 0);
}

/* ---- inner loops ---- */

/* `bytes` that end where a page begins that cannot be touched. */
static char *before_a_wall(size_t bytes) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (bytes + page - 1) / page * page;
  char *p = mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(p != MAP_FAILED);
  mprotect(p + whole, page, PROT_NONE);
  return p + whole - bytes;
}

static void test_masks_read_nothing_past_the_end(void **unused) {
  (void)unused;
  enum { MOST = 300 };
  for (int width = 0; width < KV_NZ_WIDTHS; width++) {
    const size_t size = (size_t)1 << width;
    char *end = before_a_wall(MOST * size) + MOST * size;
    memset(end - MOST * size, 0, MOST * size);
    for (int i = 0; i < MOST; i++) end[-(1 + (int)below((int64_t)(MOST * size)))] = 1;
    FOR_EACH_ISA(isa) {
      const kv_nz_kernels *k = kv_nz_kernels_get();
      for (int n = 0; n <= MOST; n++) {
        const char *data = end - (size_t)n * size;
        uint64_t words[MOST / 64 + 2];
        int64_t want = 0;
        memset(words, 0xAA, sizeof words);
        int64_t got = k->mask[width](data, n, UINT64_MAX, words);
        for (int i = 0; i < n; i++) {
          bool set = memcmp(data + (size_t)i * size, "\0\0\0\0\0\0\0", size) != 0;
          assert_int_equal(words[i / 64] >> (i % 64) & 1, set);
          want += set;
        }
        if (n % 64) assert_int_equal(words[n / 64] >> (n % 64), 0);
        assert_true(words[(n + 63) / 64] == 0xAAAAAAAAAAAAAAAA); /* nothing written beyond */
        assert_int_equal(got, want);
        assert_int_equal(k->count[width](data, n, UINT64_MAX), want);
      }
    }
  }
}

static void test_decode(void **unused) {
  (void)unused;
  static uint16_t list[KV_NZ_LIST];
  uint64_t words[KV_NZ_BLOCK_WORDS];
  for (int round = 0; round < 400; round++) {
    int n = 1 + (int)below(KV_NZ_BLOCK_WORDS), density = (int)below(12);
    for (int w = 0; w < n; w++) {
      words[w] = density == 11 ? UINT64_MAX : 0;
      for (int i = 0; i < 64 && density < 11; i++) words[w] |= (uint64_t)(below(10) < density) << i;
      if (density == 0 && below(10) == 0) words[w] = (uint64_t)1 << below(64);
    }
    FOR_EACH_ISA(isa) {
      int got = kv_nz_kernels_get()->decode(words, n, list), want = 0;
      for (int i = 0; i < 64 * n; i++)
        if (words[i / 64] >> (i % 64) & 1) assert_int_equal(list[want++], i);
      assert_int_equal(got, want);
    }
  }
}

/* Every divisor of every quotient that can come up, by way of the operator: the shape (q, d) in full. */
static void test_every_inner_length(void **unused) {
  (void)unused;
  static uint8_t ones[3 * KV_NZ_BLOCK];
  memset(ones, 1, sizeof ones);
  FOR_EACH_ISA(isa) {
    for (int64_t d = 2; d <= KV_NZ_BLOCK + 1; d += d < 300 ? 1 : 13) {
      const int64_t shape[] = {3 * KV_NZ_BLOCK / d, d}, strides[] = {d, 1};
      kv_view v = {KVINO_U8, 2, shape, strides, ones};
      int64_t count, *out;
      assert_int_equal(kv_nonzero(&v, false, &count, (void **)&out, NULL), KVINO_OK);
      assert_int_equal(count, shape[0] * d);
      for (int64_t i = 0; i < count; i++)
        if (out[i] != i / d || out[count + i] != i % d) fail_msg("length %d, element %d", (int)d, (int)i);
      kv_block_free(out, (size_t)count * 16);
    }
  }
}

/* Any start and length, cached and streamed, up to a wall. */
static void test_stores_write_nothing_past_the_end(void **unused) {
  (void)unused;
  enum { MOST = 100 };
  uint16_t list[MOST + 64];
  for (int i = 0; i < MOST + 64; i++) list[i] = (uint16_t)(i * 7);
  for (int wide = 0; wide < 2; wide++) {
    const int size = wide ? 8 : 4;
    const int64_t base = wide ? (int64_t)1 << 40 : 1000000;
    char *memory = before_a_wall(MOST * 8), *end = memory + MOST * 8;
    FOR_EACH_ISA(isa) {
      const kv_nz_kernels *k = kv_nz_kernels_get();
      for (int n = 0; n <= MOST; n++) {
        for (int variant = 0; variant < 4; variant++) {
          bool fill = variant & 1, stream = variant & 2;
          char *out = end - n * size;
          memset(memory, 0x55, MOST * 8);
          if (fill)
            k->fill[wide](out, n, base, stream);
          else
            k->widen[wide](list, n, base, out, stream);
          k->drain();
          for (int i = 0; i < n; i++) {
            int64_t got = wide ? ((int64_t *)out)[i] : ((int32_t *)out)[i];
            assert_true(got == base + (fill ? 0 : i * 7));
          }
          for (char *p = memory; p < out; p++) assert_int_equal(*p, 0x55);
        }
      }
    }
  }
}

static void test_tallies(void **unused) {
  (void)unused;
  for (int round = 0; round < 200; round++) {
    uint64_t words[8] = {0};
    int n = 1 + (int)below(512), length = 1 + (int)below(64);
    for (int i = 0; i < n; i++) words[i / 64] |= (uint64_t)(below(3) == 0) << (i % 64);
    FOR_EACH_ISA(isa) {
      const kv_nz_kernels *k = kv_nz_kernels_get();
      uint8_t sums[512], counts[512];
      int64_t total = 0;
      memset(sums, 7, sizeof sums);
      k->tally(words, n, sums);
      for (int i = 0; i < n; i++) {
        int bit = (int)(words[i / 64] >> (i % 64) & 1);
        assert_int_equal(sums[i], 7 + bit);
        total += bit;
      }
      assert_int_equal(k->bits(words, (n + 63) / 64), total);
      k->fields(words, n / length, length, counts);
      for (int f = 0; f < n / length; f++) {
        int want = 0;
        for (int i = f * length; i < (f + 1) * length; i++) want += (int)(words[i / 64] >> (i % 64) & 1);
        assert_int_equal(counts[f], want);
      }
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_small_views),
      cmocka_unit_test(test_large_views),
      cmocka_unit_test(test_boundaries),
      cmocka_unit_test(test_no_axes),
      cmocka_unit_test(test_many_elements),
      cmocka_unit_test(test_long_axis),
      cmocka_unit_test(test_errors),
      cmocka_unit_test(test_masks_read_nothing_past_the_end),
      cmocka_unit_test(test_decode),
      cmocka_unit_test(test_every_inner_length),
      cmocka_unit_test(test_stores_write_nothing_past_the_end),
      cmocka_unit_test(test_tallies),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
