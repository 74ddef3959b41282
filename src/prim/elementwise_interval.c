/* Interval functions of elementwise primitives (vocabulary/interval.h): their integer formulas on intervals. */
#include "prim/interval.h"

static kv_wide magnitude(kv_interval i) {
  kv_wide low = i.low < 0 ? -(kv_wide)i.low : i.low, top = kv_interval_top(i), high = top < 0 ? -top : top;
  return low > high ? low : high;
}

kv_interval kv_interval_add(const kv_bounds *b) {
  return kv_interval_fit(kv_bounds_dtype(b), (kv_wide)b->in[0].low + b->in[1].low,
                         kv_interval_top(b->in[0]) + kv_interval_top(b->in[1]));
}

kv_interval kv_interval_subtract(const kv_bounds *b) {
  return kv_interval_fit(kv_bounds_dtype(b), b->in[0].low - kv_interval_top(b->in[1]),
                         kv_interval_top(b->in[0]) - b->in[1].low);
}

kv_interval kv_interval_multiply(const kv_bounds *b) {
  kv_wide low, high;
  kv_interval_product(b->in[0], b->in[1], &low, &high);
  return kv_interval_fit(kv_bounds_dtype(b), low, high);
}

/* The square of what may have wrapped is, wrapped, that of the difference. */
kv_interval kv_interval_squared_difference(const kv_bounds *b) {
  kv_wide low = b->in[0].low - kv_interval_top(b->in[1]), high = kv_interval_top(b->in[0]) - b->in[1].low;
  kv_wide most = -low > high ? -low : high, least = low > 0 ? low : high < 0 ? -high : 0;
  return kv_interval_fit(kv_bounds_dtype(b), kv_wide_product(least, least), kv_wide_product(most, most));
}

kv_interval kv_interval_negative(const kv_bounds *b) {
  return kv_interval_fit(kv_bounds_dtype(b), -kv_interval_top(b->in[0]), -(kv_wide)b->in[0].low);
}

/* That of the least number wraps. */
kv_interval kv_interval_abs(const kv_bounds *b) {
  return b->in[0].low >= 0 ? b->in[0] : kv_interval_fit(kv_bounds_dtype(b), 0, magnitude(b->in[0]));
}

kv_interval kv_interval_sign(const kv_bounds *b) {
  kv_interval i = b->in[0];
  return (kv_interval){(i.low > 0) - (i.low < 0), (i.high > 0) - (i.high < 0)};
}

kv_interval kv_interval_maximum(const kv_bounds *b) {
  kv_interval x = b->in[0], y = b->in[1];
  return (kv_interval){x.low > y.low ? x.low : y.low, x.high > y.high ? x.high : y.high};
}

kv_interval kv_interval_minimum(const kv_bounds *b) {
  kv_interval x = b->in[0], y = b->in[1];
  return (kv_interval){x.low < y.low ? x.low : y.low, x.high < y.high ? x.high : y.high};
}

kv_interval kv_interval_relu(const kv_bounds *b) {
  return (kv_interval){b->in[0].low < 0 ? 0 : b->in[0].low, b->in[0].high < 0 ? 0 : b->in[0].high};
}

/* Towards zero or down, no larger than the dividend, by 0: 0. The least number by -1 wraps. */
kv_interval kv_interval_quotient(const kv_bounds *b) {
  kv_interval x = b->in[0], y = b->in[1];
  kv_wide m = magnitude(x);
  if (x.low >= 0 && y.low > 0)
    return kv_interval_fit(kv_bounds_dtype(b), x.low / kv_interval_top(y), kv_interval_top(x) / y.low);
  return kv_interval_fit(kv_bounds_dtype(b), x.low >= 0 && y.low >= 0 ? 0 : -m, m);
}

/* Smaller than the divisor, of its sign or the dividend's; by 0: 0. */
kv_interval kv_interval_remainder(const kv_bounds *b) {
  kv_wide m = magnitude(b->in[1]) - 1, top = kv_interval_top(b->in[0]);
  if (m < 0) m = 0;
  if (b->in[0].low >= 0 && b->in[1].low >= 0) return kv_interval_fit(kv_bounds_dtype(b), 0, m < top ? m : top);
  return kv_interval_fit(kv_bounds_dtype(b), -m, m);
}

kv_interval kv_interval_bits_and(const kv_bounds *b) {
  kv_interval x = b->in[0], y = b->in[1];
  if (x.low >= 0 && y.low >= 0) return (kv_interval){0, x.high < y.high ? x.high : y.high};
  if (y.low >= 0) return (kv_interval){0, y.high};
  if (x.low >= 0) return (kv_interval){0, x.high};
  return kv_interval_of_dtype(kv_bounds_dtype(b));
}

/* Or and exclusive or: no more bits than either operand has. */
kv_interval kv_interval_bits_or(const kv_bounds *b) {
  kv_interval both = kv_interval_union(b->in[0], b->in[1]);
  int64_t ones = 1;
  while (!kv_interval_within(both, -ones - 1, ones)) ones = ones << 1 | 1;
  return (kv_interval){both.low < 0 ? -ones - 1 : 0, ones};
}
