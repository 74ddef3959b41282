/* Sorting keys that carry their index. Keys of up to 32 bits share a 64-bit word with the index, so that no two are
 * equal and any sort is a stable one; longer keys stand beside it. Long rows are sorted digit by digit, short ones by
 * merging. Rows for which there is a network of vectors go through it. */
#include "kernels/order/sort.h"

#include "kernels/reduce/extreme.h"
#include "kernels/order/order.h"
#include "kernels/order/short_rows.h"

typedef uint64_t packed; /* key << 32 | index */
typedef struct {
  uint64_t key, index;
} paired;
typedef struct {
  uint64_t high, low, index;
} wide;

#define PACKED_LESS(a, b) ((a) < (b))
#define PAIRED_LESS(a, b) ((a).key < (b).key || ((a).key == (b).key && (a).index < (b).index))
#define WIDE_LESS(a, b)                                                                                                \
  ((a).high < (b).high ||                                                                                              \
   ((a).high == (b).high && ((a).low < (b).low || ((a).low == (b).low && (a).index < (b).index))))

enum { RUN = 16, RADIX_FROM = 400 };

/* Merge sort by runs, and selection: afterwards the k least stand in front, in any order. */
#define SORTS(T, LESS)                                                                                                 \
  static void insertion_##T(T *a, int64_t n) {                                                                         \
    for (int64_t i = 1; i < n; i++) {                                                                                  \
      T v = a[i];                                                                                                      \
      int64_t j = i;                                                                                                   \
      for (; j > 0 && LESS(v, a[j - 1]); j--) a[j] = a[j - 1];                                                         \
      a[j] = v;                                                                                                        \
    }                                                                                                                  \
  }                                                                                                                    \
  static T *merge_##T(T *a, T *b, int64_t n) { /* gives the one that holds the result */                               \
    for (int64_t i = 0; i < n; i += RUN) insertion_##T(a + i, n - i < RUN ? n - i : RUN);                              \
    for (int64_t width = RUN; width < n; width *= 2) {                                                                 \
      for (int64_t i = 0; i < n; i += 2 * width) {                                                                     \
        int64_t middle = i + width < n ? i + width : n, end = middle + width < n ? middle + width : n;                 \
        int64_t p = i, q = middle;                                                                                     \
        for (int64_t o = i; o < end; o++) {                                                                            \
          bool left = p < middle && (q >= end || LESS(a[p], a[q]));                                                    \
          b[o] = left ? a[p++] : a[q++];                                                                               \
        }                                                                                                              \
      }                                                                                                                \
      T *swap = a;                                                                                                     \
      a = b;                                                                                                           \
      b = swap;                                                                                                        \
    }                                                                                                                  \
    return a;                                                                                                          \
  }                                                                                                                    \
  static bool select_##T(T *a, int64_t n, int64_t k) { /* false: too many rounds, nothing is promised */               \
    int64_t low = 0, high = n;                                                                                         \
    for (int rounds = 0; high - low > RUN; rounds++) {                                                                 \
      if (rounds > 64) return false;                                                                                   \
      T x = a[low], y = a[low + (high - low) / 2], z = a[high - 1];                                                    \
      T pivot = LESS(x, y) ? (LESS(y, z) ? y : LESS(x, z) ? z : x) : (LESS(x, z) ? x : LESS(y, z) ? z : y);            \
      int64_t i = low, j = high - 1;                                                                                   \
      while (i <= j) {                                                                                                 \
        while (LESS(a[i], pivot)) i++;                                                                                 \
        while (LESS(pivot, a[j])) j--;                                                                                 \
        if (i <= j) {                                                                                                  \
          T v = a[i];                                                                                                  \
          a[i++] = a[j];                                                                                               \
          a[j--] = v;                                                                                                  \
        }                                                                                                              \
      }                                                                                                                \
      if (k <= j)                                                                                                      \
        high = j + 1;                                                                                                  \
      else if (k >= i)                                                                                                 \
        low = i;                                                                                                       \
      else                                                                                                             \
        return true;                                                                                                   \
    }                                                                                                                  \
    insertion_##T(a + low, high - low);                                                                                \
    return true;                                                                                                       \
  }
SORTS(packed, PACKED_LESS)
SORTS(paired, PAIRED_LESS)
SORTS(wide, WIDE_LESS)

/* Least digit first, 8 bits each; a digit that all share is passed over. KEY(v) is the key, BYTES its length. */
#define RADIX(T, KEY)                                                                                                  \
  static T *radix_##T(T *a, T *b, int64_t n, int bytes) {                                                              \
    uint32_t count[8][256];                                                                                            \
    memset(count, 0, (size_t)bytes * sizeof *count);                                                                   \
    for (int64_t i = 0; i < n; i++) {                                                                                  \
      uint64_t key = KEY(a[i]);                                                                                        \
      for (int d = 0; d < bytes; d++) count[d][key >> 8 * d & 255]++;                                                  \
    }                                                                                                                  \
    for (int d = 0; d < bytes; d++) {                                                                                  \
      if (count[d][KEY(a[0]) >> 8 * d & 255] == n) continue;                                                           \
      uint32_t start = 0;                                                                                              \
      for (int v = 0; v < 256; v++) {                                                                                  \
        uint32_t here = count[d][v];                                                                                   \
        count[d][v] = start;                                                                                           \
        start += here;                                                                                                 \
      }                                                                                                                \
      for (int64_t i = 0; i < n; i++) b[count[d][KEY(a[i]) >> 8 * d & 255]++] = a[i];                                  \
      T *swap = a;                                                                                                     \
      a = b;                                                                                                           \
      b = swap;                                                                                                        \
    }                                                                                                                  \
    return a;                                                                                                          \
  }
#define PACKED_KEY(v) ((v) >> 32)
#define PAIRED_KEY(v) ((v).key)
RADIX(packed, PACKED_KEY)
RADIX(paired, PAIRED_KEY)

static bool is_packed(kvino_dtype dtype) { return kvino_dtype_size(dtype) <= 4; }

size_t kv_sort_places_scratch(kvino_dtype dtype, int64_t n) {
  size_t each = is_packed(dtype) ? sizeof(packed) : dtype == KVINO_C128 ? sizeof(wide) : sizeof(paired);
  return 2 * (size_t)n * each;
}

/* ---- keys ---- */

static void pack(kvino_dtype dtype, int64_t n, const char *data, bool descending, packed *a) {
  switch (dtype) {
#define FILL(ID, M, U, key)                                                                                            \
  case KVINO_##ID: {                                                                                                   \
    const U flip = descending ? (U)-1 : 0;                                                                             \
    for (int64_t i = 0; i < n; i++) {                                                                                  \
      M v;                                                                                                             \
      memcpy(&v, data + i * (int64_t)sizeof v, sizeof v);                                                              \
      a[i] = (uint64_t)(U)((U)(key) ^ flip) << 32 | (uint64_t)i;                                                       \
    }                                                                                                                  \
    break;                                                                                                             \
  }
    KV_ORDERED_DTYPES(FILL)
#undef FILL
  default:
    break;
  }
}

static void pair_up(kvino_dtype dtype, int64_t n, const char *data, bool descending, paired *a) {
  int64_t size = (int64_t)kvino_dtype_size(dtype);
  const uint64_t flip = descending ? UINT64_MAX : 0;
  for (int64_t i = 0; i < n; i++) a[i] = (paired){kv_order_key(dtype, data + i * size).high ^ flip, (uint64_t)i};
}

static void widen(int64_t n, const char *data, bool descending, wide *a) {
  const uint64_t flip = descending ? UINT64_MAX : 0;
  for (int64_t i = 0; i < n; i++) {
    kv_wide_key key = kv_complex128_key(data + i * 16);
    a[i] = (wide){key.high ^ flip, key.low ^ flip, (uint64_t)i};
  }
}

void kv_sort_places(kvino_dtype dtype, int64_t n, const char *data, bool descending, int64_t k, void *scratch,
                    int64_t *index) {
  if (k <= 0) return;
  if (k == 1) {
    kv_extreme(dtype, n, 1, (int64_t)kvino_dtype_size(dtype), data, descending, index);
    return;
  }
  const kv_short_sorts *sorts = dtype == KVINO_C128 ? NULL : kv_short_sorts_of(n);
  if (sorts) {
    int64_t place[KV_SHORT_ROW];
    sorts->places(dtype, n, data, descending, k < n ? place : index);
    if (k < n) memcpy(index, place, (size_t)k * sizeof *index);
    return;
  }
  int bytes = (int)kvino_dtype_size(dtype);
  /* Selecting the k least first saves sorting the others, but leaves indices out of order: then digits of the key alone
   * would not keep equal elements in theirs. */
  bool narrow = k < n / 2;
  if (is_packed(dtype)) {
    packed *a = scratch, *b = a + n;
    pack(dtype, n, data, descending, a);
    int64_t m = narrow && select_packed(a, n, k) ? k : n;
    a = !narrow && n >= RADIX_FROM ? radix_packed(a, b, n, bytes) : merge_packed(a, b, m);
    for (int64_t i = 0; i < k; i++) index[i] = (int64_t)(uint32_t)a[i];
  } else if (dtype != KVINO_C128) {
    paired *a = scratch, *b = a + n;
    pair_up(dtype, n, data, descending, a);
    int64_t m = narrow && select_paired(a, n, k) ? k : n;
    a = !narrow && n >= 4 * RADIX_FROM ? radix_paired(a, b, n, bytes) : merge_paired(a, b, m);
    for (int64_t i = 0; i < k; i++) index[i] = (int64_t)a[i].index;
  } else {
    wide *a = scratch, *b = a + n;
    widen(n, data, descending, a);
    int64_t m = narrow && select_wide(a, n, k) ? k : n;
    a = merge_wide(a, b, m);
    for (int64_t i = 0; i < k; i++) index[i] = (int64_t)a[i].index;
  }
}
