/* The loops of pool_back_kernels.h for one element type T, with I (an integer of its size), VECTOR (bytes of a
 * register) and NAME(function). Neighbouring channels in vectors, those left over one by one. */

typedef T NAME(vector) __attribute__((vector_size(VECTOR), aligned(sizeof(T)), may_alias));
typedef I NAME(mask) __attribute__((vector_size(VECTOR), aligned(sizeof(T)), may_alias));
#define V NAME(vector)
#define M NAME(mask)
#define LENGTH ((int64_t)(VECTOR / sizeof(T)))
#define PICK(m, a, b) (((m) & (M)(a)) | (~(m) & (M)(b)))

/* The place in `at` of the first maximum, NaN before all: of a vector of channels, and of one. */
static inline M NAME(places)(const T *x, const int64_t *at, int64_t taps) {
  V best = *(const V *)(x + at[0]);
  M where = {0}, k = {0};
  for (int64_t i = 1; i < taps; i++) {
    V v = *(const V *)(x + at[i]);
    M more = (v > best) | ((v != v) & (best == best));
    k += 1;
    best = (V)PICK(more, v, best);
    where = PICK(more, k, where);
  }
  return where;
}

static inline int64_t NAME(place)(const T *x, const int64_t *at, int64_t taps) {
  T best = x[at[0]];
  int64_t where = 0;
  for (int64_t i = 1; i < taps; i++) {
    T v = x[at[i]];
    bool more = (v > best) | ((v != v) & (best == best));
    best = more ? v : best;
    where = more ? i : where;
  }
  return where;
}

static void NAME(max)(const void *data, const int64_t *at, int64_t taps, int64_t n, const void *d, void *result) {
  const T *x = data, *v = d;
  T *y = result;
  for (; n >= LENGTH; n -= LENGTH, x += LENGTH, v += LENGTH, y += LENGTH) {
    M where = NAME(places)(x, at, taps), k = {0};
    for (int64_t i = 0; i < taps; i++, k += 1) *(V *)(y + at[i]) += (V)((where == k) & *(const M *)v);
  }
  for (; n > 0; n--, x++, v++, y++) y[at[NAME(place)(x, at, taps)]] += *v;
}

static void NAME(gather)(const void *data, const int64_t *at, int64_t taps, int64_t n, const void *values,
                         void *result) {
  const T *x = data, *v = values;
  T *y = result;
  for (; n >= LENGTH; n -= LENGTH, x += LENGTH, v += LENGTH, y += LENGTH) {
    M where = NAME(places)(x, at, taps), k = {0}, picked = {0};
    for (int64_t i = 0; i < taps; i++, k += 1) picked |= (where == k) & *(const M *)(v + at[i]);
    *(M *)y = picked;
  }
  for (; n > 0; n--, x++, v++, y++) *y = v[at[NAME(place)(x, at, taps)]];
}

static void NAME(mean)(const int64_t *at, int64_t taps, int64_t n, const void *d, double divisor, void *result) {
  const T *v = d;
  T *y = result;
  for (; n >= LENGTH; n -= LENGTH, v += LENGTH, y += LENGTH) {
    V share = *(const V *)v / (T)divisor;
    for (int64_t i = 0; i < taps; i++) *(V *)(y + at[i]) += share;
  }
  for (; n > 0; n--, v++, y++)
    for (int64_t i = 0; i < taps; i++) y[at[i]] += *v / (T)divisor;
}

#undef V
#undef M
#undef LENGTH
#undef PICK
#undef T
#undef I
#undef NAME
