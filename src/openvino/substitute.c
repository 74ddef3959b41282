/* What is written otherwise for OpenVINO, so that it means there what it means natively (exactness.h). Rules are called
 * with the operands of one node and give its replacement, in terms of primitives, like composites. */
#include <math.h>
#include <string.h>

#include "openvino/exactness.h"
#include "openvino/float16.h"

/* ---- words of this file ---- */

#define SUBSTITUTE(name) kvino_tensors kv_sub_##name(kv_scope *s, const kv_case *c, kvino_tensor *const *in)
static kvino_dtype dtype_of(const kvino_tensor *x) { return (kvino_dtype)x->dtype; }

static kvino_tensor *int_like(kv_scope *s, const kvino_tensor *x, int64_t value) {
  return x ? kv_int(s, dtype_of(x), value) : NULL;
}

static kvino_tensor *number_like(kv_scope *s, const kvino_tensor *x, double value) {
  return x ? kv_number(s, dtype_of(x), value) : NULL;
}

/* i32 into a narrow type, wrapped. Trap: the plugin keeps 16-bit integers in 32 bits and a conversion to them does
 * nothing; only the conversion to 8 bits wraps. */
static kvino_tensor *narrow(kv_scope *s, kvino_tensor *x, kvino_dtype dtype) {
  if (!x || (dtype != KVINO_U16 && dtype != KVINO_I16)) return kv_to(s, x, dtype);
  x = kv_bitwise_and(s, x, int_like(s, x, 0xffff));
  if (dtype == KVINO_I16) x = kv_subtract(s, kv_bitwise_xor(s, x, int_like(s, x, 0x8000)), int_like(s, x, 0x8000));
  return kv_to(s, x, dtype);
}

static bool is_constant(const kvino_tensor *x) { return !kv_is_symbolic(x); }

/* The same primitive with the same attributes on other operands. */
static kvino_tensor *again(kv_scope *s, const kv_case *c, kvino_tensor *const *in) {
  return kv_apply(s, c->node->prim->id, &c->node->attrs, c->node->n_in, in);
}

/* The plugin crashes on a product that a Reshape takes to no dimension; a Squeeze it survives. */
SUBSTITUTE(reshape) {
  int64_t axes[KVINO_MAX_RANK];
  if (c->node->out[0].rank || !in[0]->rank) return KV_KEEP;
  for (int i = 0; i < in[0]->rank; i++) axes[i] = i;
  return kv_one(s, kv_squeeze(s, in[0], kv_vector(s, (size_t)in[0]->rank, axes)));
}

/* The plugin crashes on a batch of one with short rows: it is none. */
SUBSTITUTE(gather) {
  int64_t axes[KVINO_MAX_RANK], batch = c->node->attrs.gather.batch_dims;
  if (batch < 0) batch += in[1]->rank;
  for (int64_t i = 0; i < batch; axes[i] = i, i++)
    if (in[0]->shape[i] != 1 || in[1]->shape[i] != 1) return KV_KEEP;
  if (!batch) return KV_KEEP;
  kvino_tensor *indices = kv_squeeze(s, in[1], kv_vector(s, (size_t)batch, axes));
  return kv_one(s, kv_gather(s, in[0], indices, in[2], (kv_gather_attrs){.batch_dims = 0}));
}

/* The plugin fuses a comparison and the Select that it decides, and computes both in float32. Integers that this would
 * not carry are picked by their bits: b ^ ((a ^ b) & mask). */
SUBSTITUTE(select) {
  kvino_dtype dtype = dtype_of(in[1]);
  bool wide = kv_kind_of(dtype) == KV_KIND_I32 || kv_kind_of(dtype) == KV_KIND_WIDE;
  bool carried = kv_interval_within(c->in[1], -KV_F32_EXACT, KV_F32_EXACT) &&
                 kv_interval_within(c->in[2], -KV_F32_EXACT, KV_F32_EXACT);
  if (!wide || carried) return KV_KEEP;
  kvino_tensor *mask = kv_subtract(s, kv_int(s, dtype, 0), kv_to(s, in[0], dtype));
  return kv_one(s, kv_bitwise_xor(s, in[2], kv_bitwise_and(s, kv_bitwise_xor(s, in[1], in[2]), mask)));
}

/* ---- boxes ---- */

/* x with `updates` in the box that begins at start[axis] and goes on by step[axis], for the given axes: an axis at a
 * time, by indices. */
static kvino_tensor *box(kv_scope *s, kvino_tensor *x, kvino_tensor *updates, size_t n, const int64_t *axes,
                         kvino_tensor *const *start, kvino_tensor *const *step) {
  kvino_tensor *axis = kv_int(s, KVINO_I64, *axes), *zero = kv_int(s, KVINO_I64, 0);
  kv_output_type_attrs wide = {.output_type = KVINO_I64};
  kvino_tensor *length = kv_gather(s, kv_shape_of(s, x, wide), axis, zero, (kv_gather_attrs){0});
  kvino_tensor *places = kv_gather(s, kv_shape_of(s, updates, wide), axis, zero, (kv_gather_attrs){0});
  kvino_tensor *first = kv_select(s, kv_less(s, *start, zero), kv_add(s, *start, length), *start);
  kvino_tensor *end = kv_add(s, first, kv_multiply(s, places, *step));
  kvino_tensor *index = kv_range(s, first, end, *step, (kv_output_type_attrs){.output_type = KVINO_I64});
  if (n > 1)
    updates = box(s, kv_gather(s, x, index, axis, (kv_gather_attrs){0}), updates, n - 1, axes + 1, start + 1, step + 1);
  return kv_scatter_update(s, x, index, updates, axis);
}

SUBSTITUTE(box_scatter) {
  if (c->node->n_in > 5 && !is_constant(in[5])) return KV_KEEP;
  size_t n = 0;
  int64_t axes[KVINO_MAX_RANK];
  kvino_tensor *start[KVINO_MAX_RANK], *step[KVINO_MAX_RANK], *zero = kv_int(s, KVINO_I64, 0);
  for (int64_t i = 0; i < in[2]->shape[0]; i++) {
    int64_t axis = c->node->n_in > 5 ? kv_tensor_get_int(in[5], i) : i;
    if (axis < 0) axis += in[0]->rank;
    if (in[0]->shape[axis] >= 0 && in[0]->shape[axis] == in[1]->shape[axis] && is_constant(in[4]) &&
        kv_tensor_get_int(in[4], i) == 1)
      continue; /* all of it */
    kvino_tensor *place = kv_int(s, KVINO_I64, i);
    start[n] = kv_to(s, kv_gather(s, in[2], place, zero, (kv_gather_attrs){0}), KVINO_I64);
    step[n] = kv_to(s, kv_gather(s, in[4], place, zero, (kv_gather_attrs){0}), KVINO_I64);
    axes[n++] = axis;
  }
  return kv_one(s, n ? box(s, in[0], in[1], n, axes, start, step) : in[1]);
}

/* ---- arithmetic ---- */

/* What an operation does to booleans. */
static kv_prim_id logic_of(kv_prim_id id) {
  switch (id) {
  case KV_Add:
  case KV_Maximum:
  case KV_BitwiseOr:
    return KV_LogicalOr;
  case KV_Multiply:
  case KV_Minimum:
  case KV_BitwiseAnd:
    return KV_LogicalAnd;
  case KV_BitwiseXor:
    return KV_LogicalXor;
  case KV_BitwiseNot:
    return KV_LogicalNot;
  default:
    return id;
  }
}

SUBSTITUTE(arithmetic) {
  kvino_dtype dtype = dtype_of(in[0]);
  kv_prim_id id = c->node->prim->id, logic = logic_of(id);
  if (c->kind == KV_KIND_BOOL && logic != id) return kv_one(s, kv_apply(s, logic, NULL, c->node->n_in, in));
  if (id == KV_CumSum && dtype == KVINO_BF16) /* it would be rounded at each step */
    return kv_one(s, kv_to(s, again(s, c, (kvino_tensor *[]){kv_to(s, in[0], KVINO_F32), in[1]}), dtype));
  if (c->kind == KV_KIND_FLOAT && c->node->n_in == 2 && id != KV_CumSum) return kv_sub_chain(s, c, in);
  if (c->kind != KV_KIND_NARROW) return KV_KEEP;
  kvino_tensor *wide[2] = {kv_to(s, in[0], KVINO_I32), c->node->n_in > 1 ? in[1] : NULL};
  if (wide[1] && dtype_of(wide[1]) == dtype) wide[1] = kv_to(s, wide[1], KVINO_I32); /* CumSum's axis stays */
  return kv_one(s, narrow(s, again(s, c, wide), dtype));
}

SUBSTITUTE(shift) {
  kvino_dtype dtype = dtype_of(in[0]);
  bool within = kv_interval_within(c->in[1], 0, 8 * (int64_t)kvino_dtype_size(dtype) - 1);
  if (within || c->kind == KV_KIND_WIDE || c->kind == KV_KIND_BOOL) return kv_sub_arithmetic(s, c, in);
  kvino_tensor *a = kv_to(s, in[0], KVINO_I32), *b = kv_to(s, in[1], KVINO_I32);
  kvino_tensor *y = kv_shift_any(s, c->node->prim->id == KV_BitwiseLeftShift, a, b);
  return kv_one(s, c->kind == KV_KIND_NARROW ? narrow(s, y, dtype) : y);
}

/* Whether x is a constant without a NaN. */
static bool has_no_nan(const kvino_tensor *x) {
  if (!is_constant(x)) return false;
  for (int64_t i = 0; i < x->size; i++)
    if (isnan(kv_tensor_get_number(x, i))) return false;
  return true;
}

/* Whether the plugin computes x in one kernel with what follows it elementwise. A product's bias belongs to it. */
static bool is_joined(const kvino_tensor *x) {
  if (!kv_is_symbolic(x) || x->node->prim->id == KV_Parameter) return false;
  const kv_node *node = x->node;
  if (node->prim->id == KV_Add && node->in[1].node->constant) node = node->in[0].node;
  return !(node->prim->traits & KV_PRODUCT);
}

/* ---- extremes ---- */

static bool lengths_unknown(const kv_case *c, const kvino_tensor *x) { return x->size < 0 || c->in_body; }

/* The plugin's Maximum and Minimum give the second operand where either is NaN. With a first one that is never NaN that
 * is right as it is; but a Maximum of a Minimum of constants is merged into a Clamp, which loses NaN, and where
 * dimensions are unknown, they are computed with what is before them, the operands exchanged: comparisons do what they
 * say. */
static kvino_tensor *bounded(kv_scope *s, const kv_case *c, bool max, kvino_tensor *bound, kvino_tensor *x) {
  if (!bound || !x) return NULL;
  if (lengths_unknown(c, x) && is_joined(x))
    return kv_select(s, max ? kv_less(s, x, bound) : kv_less(s, bound, x), bound, x);
  if (kv_is_symbolic(x) && x->node->prim->id == (max ? KV_Minimum : KV_Maximum)) x = kv_kept_apart(s, x);
  return max ? kv_maximum(s, bound, x) : kv_minimum(s, bound, x);
}

static kvino_tensor *extreme(kv_scope *s, const kv_case *c, bool max, kvino_tensor *a, kvino_tensor *b) {
  if (!a || !b) return NULL;
  if (has_no_nan(a)) return bounded(s, c, max, a, b);
  if (has_no_nan(b)) return bounded(s, c, max, b, a);
  kvino_tensor *y = max ? kv_maximum(s, a, b) : kv_minimum(s, a, b);
  if (lengths_unknown(c, b) && is_joined(b)) y = kv_select(s, kv_not_equal(s, b, b), b, y);
  return kv_select(s, kv_not_equal(s, a, a), a, y);
}

SUBSTITUTE(maximum) {
  if (c->kind == KV_KIND_BOOL) return kv_sub_arithmetic(s, c, in);
  return c->kind == KV_KIND_FLOAT ? kv_one(s, extreme(s, c, true, in[0], in[1])) : KV_KEEP;
}

SUBSTITUTE(minimum) {
  if (c->kind == KV_KIND_BOOL) return kv_sub_arithmetic(s, c, in);
  return c->kind == KV_KIND_FLOAT ? kv_one(s, extreme(s, c, false, in[0], in[1])) : KV_KEEP;
}

/* The plugin's ReLU gives 0 for NaN, and computes integers in float32. Maximum is fused into convolutions as ReLU is.
 */
SUBSTITUTE(relu) {
  kvino_tensor *zero = number_like(s, in[0], 0);
  return kv_one(s, c->kind == KV_KIND_FLOAT ? bounded(s, c, true, zero, in[0]) : kv_maximum(s, zero, in[0]));
}

/* The same for Clamp; and an infinite bound is none (in the IR it would be the largest float). A Minimum of a Maximum
 * would be a Clamp again: between them stands what never changes anything there. */
static kvino_tensor *clamp_floats(kv_scope *s, const kv_case *c, kvino_tensor *x, double low, double high) {
  if (low != -INFINITY) x = bounded(s, c, true, number_like(s, x, low), x);
  if (!x || high == INFINITY) return x;
  if (low == -INFINITY || lengths_unknown(c, x)) return bounded(s, c, false, number_like(s, x, high), x);
  if (low >= 0) return kv_minimum(s, number_like(s, x, high), kv_abs(s, x));
  return kv_negative(s, kv_maximum(s, number_like(s, x, -high), kv_negative(s, x)));
}

SUBSTITUTE(clamp) {
  double low = c->node->attrs.clamp.min, high = c->node->attrs.clamp.max;
  kvino_tensor *x = in[0];
  if (c->kind == KV_KIND_FLOAT) return kv_one(s, clamp_floats(s, c, x, low, high));
  kv_interval all = kv_interval_of_dtype(dtype_of(x));
  low = trunc(low);
  high = trunc(high);
  if (low > (double)all.low) x = kv_maximum(s, number_like(s, x, low), x);
  if (high < (double)all.high) x = kv_minimum(s, number_like(s, x, high), x);
  return kv_one(s, x);
}

/* ---- division ---- */

static bool is_power_of_two(const kvino_tensor *x) {
  if (!is_constant(x) || x->size > 64) return false;
  for (int64_t i = 0; i < x->size; i++) {
    int exponent;
    double m = fabs(frexp(kv_tensor_get_number(x, i), &exponent));
    if (m != 0.5 || exponent < -125 || exponent > 125) return false;
  }
  return true;
}

/* Whether b is 0, or its reciprocal a number: a sum with a constant is a multiple of the constant's last bit. */
static bool has_reciprocal(const kvino_tensor *b) {
  if (is_constant(b) || b->dtype == KVINO_F16) return true; /* constants: exactness.c */
  const kv_node *node = b->node;
  if (node->prim->id != KV_Add || !node->in[1].node->constant) return false;
  const kvino_tensor *c = node->in[1].node->constant;
  for (int64_t i = 0; i < c->size; i++)
    if (!(fabs(kv_tensor_get_number(c, i)) >= 0x1p-100)) return false;
  return true;
}

/* The plugin computes a * (1 / b): off by up to 1.5 ulp, x / x is not 1 for 14% of x, and the reciprocals of the
 * smallest numbers are infinite, so that both are enlarged. One correction of the quotient by its remainder makes x / x
 * exactly 1 and costs some 10% of a division in memory; where it is not finite (b is 0 or infinite, or NaN) there is
 * none. */
static kvino_tensor *divide_floats(kv_scope *s, kvino_tensor *a, kvino_tensor *b) {
  if (!a || !b) return NULL;
  kvino_dtype dtype = dtype_of(a);
  if (!has_reciprocal(b)) {
    kvino_tensor *tiny = kv_less(s, kv_abs(s, b), number_like(s, b, 0x1p-100));
    kvino_tensor *scale = kv_select(s, tiny, number_like(s, b, 0x1p64), number_like(s, b, 1));
    a = kv_multiply(s, a, scale);
    b = kv_multiply(s, b, scale);
  }
  if (dtype == KVINO_BF16) { /* of which the plugin loses subnormal reciprocals */
    a = kv_to(s, a, KVINO_F32);
    b = kv_to(s, b, KVINO_F32);
  }
  kvino_tensor *q = kv_divide(s, a, b);
  kvino_tensor *r = kv_divide(s, kv_subtract(s, a, kv_multiply(s, q, b)), b);
  kvino_tensor *finite = kv_less(s, kv_abs(s, r), number_like(s, r, 3e38));
  return kv_to(s, kv_select(s, finite, kv_add(s, q, r), q), dtype);
}

typedef struct division {
  kvino_tensor *q, *r; /* quotient rounded towards zero or, floor, downwards; and what remains */
} division;

/* Integers a / b, b between 1 and KV_DIVISOR_MAX in magnitude. The plugin divides in float32: the first quotient is off
 * by at most 1 + 2^31 * 2^-23 / |b|; its remainder, exact modulo 2^32, is below 2^24, where the second division is
 * exact but for one; comparisons with 0 and of signs are exact in float32. */
static division divide_integers(kv_scope *s, kvino_tensor *a, kvino_tensor *b, bool floor) {
  kvino_tensor *zero = int_like(s, a, 0), *one = int_like(s, a, 1);
  kvino_tensor *q = kv_divide(s, a, b);
  kvino_tensor *r = kv_subtract(s, a, kv_multiply(s, q, b));
  q = kv_add(s, q, kv_divide(s, r, b));
  r = kv_subtract(s, a, kv_multiply(s, q, b)); /* below |b| in magnitude, of either sign */
  kvino_tensor *left = kv_not_equal(s, r, zero);
  kvino_tensor *wanted = kv_less(s, floor ? b : a, zero); /* the sign that the remainder must have */
  kvino_tensor *off = kv_logical_and(s, left, kv_logical_xor(s, kv_less(s, r, zero), wanted));
  /* the remainder moves by |b| towards the wanted sign, the quotient by one against it */
  kvino_tensor *b_negative = kv_less(s, b, zero);
  kvino_tensor *add_b = kv_logical_xor(s, b_negative, kv_logical_not(s, wanted)); /* else subtract */
  kvino_tensor *step = kv_select(s, add_b, kv_subtract(s, zero, one), one);
  step = kv_select(s, off, step, zero);
  return (division){kv_add(s, q, step), kv_subtract(s, r, kv_multiply(s, step, b))};
}

/* The same in a signed type of 32 or 64 bits, and back. */
static kvino_tensor *divide_in(kv_scope *s, const kv_case *c, kvino_tensor *const *in, bool floor, bool remainder) {
  kvino_dtype dtype = dtype_of(in[0]), wide = c->kind == KV_KIND_WIDE ? KVINO_I64 : KVINO_I32;
  division d = divide_integers(s, kv_to(s, in[0], wide), kv_to(s, in[1], wide), floor);
  kvino_tensor *y = remainder ? d.r : d.q;
  return c->kind == KV_KIND_NARROW ? narrow(s, y, dtype) : kv_to(s, y, dtype);
}

SUBSTITUTE(divide) {
  if (c->kind != KV_KIND_FLOAT) return kv_one(s, divide_in(s, c, in, false, false));
  return is_power_of_two(in[1]) ? kv_sub_chain(s, c, in) : kv_one(s, divide_floats(s, in[0], in[1]));
}
SUBSTITUTE(floor_divide) { return kv_one(s, divide_in(s, c, in, true, false)); }
SUBSTITUTE(mod) { return kv_one(s, divide_in(s, c, in, false, true)); }
SUBSTITUTE(floor_mod) { return kv_one(s, divide_in(s, c, in, true, true)); }

/* ---- comparison ---- */

/* Exact for all 32-bit integers: a < b where the smaller of both is not b; differences of bits are not 0 in float32
 * either. */
static kvino_tensor *compare_integers(kv_scope *s, kv_prim_id id, kvino_tensor *a, kvino_tensor *b) {
  kvino_tensor *zero = int_like(s, a, 0);
  switch (id) {
  case KV_Greater:
    return compare_integers(s, KV_Less, b, a);
  case KV_GreaterEqual:
    return compare_integers(s, KV_LessEqual, b, a);
  case KV_Less:
    return kv_not_equal(s, kv_bitwise_xor(s, kv_minimum(s, a, b), b), zero);
  case KV_LessEqual:
    return kv_equal(s, kv_bitwise_xor(s, kv_maximum(s, a, b), b), zero);
  case KV_Equal:
    return kv_equal(s, kv_bitwise_xor(s, a, b), zero);
  default:
    return kv_not_equal(s, kv_bitwise_xor(s, a, b), zero);
  }
}

static kvino_tensor *compare_bools(kv_scope *s, kv_prim_id id, kvino_tensor *a, kvino_tensor *b) {
  switch (id) {
  case KV_Greater:
    return kv_logical_and(s, a, kv_logical_not(s, b));
  case KV_GreaterEqual:
    return kv_logical_or(s, a, kv_logical_not(s, b));
  case KV_Less:
    return kv_logical_and(s, kv_logical_not(s, a), b);
  case KV_LessEqual:
    return kv_logical_or(s, kv_logical_not(s, a), b);
  case KV_Equal:
    return kv_logical_not(s, kv_logical_xor(s, a, b));
  default:
    return kv_logical_xor(s, a, b);
  }
}

/* The plugin's Greater and GreaterEqual are true where an operand is NaN; Less and LessEqual are not. */
SUBSTITUTE(compare) {
  kv_prim_id id = c->node->prim->id;
  if (c->kind == KV_KIND_BOOL) return kv_one(s, compare_bools(s, id, in[0], in[1]));
  const kv_interval *v = c->in;
  bool direct = c->kind == KV_KIND_FLOAT || c->kind == KV_KIND_NARROW;
  direct |= kv_interval_within(v[0], 0, 0) || kv_interval_within(v[1], 0, 0); /* a sign survives float32 */
  direct |= kv_interval_within(kv_interval_union(v[0], v[1]), -KV_F32_EXACT, KV_F32_EXACT);
  if (direct && id == KV_Greater) return kv_one(s, kv_less(s, in[1], in[0]));
  if (direct && id == KV_GreaterEqual) return kv_one(s, kv_less_equal(s, in[1], in[0]));
  if (direct) return KV_KEEP;
  return kv_one(s, compare_integers(s, id, in[0], in[1]));
}

SUBSTITUTE(non_zero) {
  if (c->kind == KV_KIND_BOOL) return KV_KEEP;
  return kv_one(s, again(s, c, (kvino_tensor *[]){kv_not_equal(s, in[0], int_like(s, in[0], 0))}));
}

/* ---- functions of floats ---- */

/* y, and NaN where x is NaN. */
static kvino_tensor *unless_nan(kv_scope *s, kvino_tensor *x, kvino_tensor *y) {
  return kv_select(s, kv_not_equal(s, x, x), x, y);
}

/* The plugin's Exp gives infinity for NaN, and from 88.4 on instead of 88.7. */
SUBSTITUTE(exp) {
  (void)c;
  kvino_tensor *x = in[0], *one = number_like(s, x, 1), *large = kv_less(s, number_like(s, x, 88), x);
  kvino_tensor *y = kv_exp(s, kv_select(s, large, kv_subtract(s, x, one), x));
  y = kv_multiply(s, y, kv_select(s, large, number_like(s, x, M_E), one));
  return kv_one(s, unless_nan(s, x, y));
}

/* The plugin's HSigmoid gives 0 for NaN, and what spells it out is fused into it. */
SUBSTITUTE(h_sigmoid) { return kv_one(s, unless_nan(s, in[0], again(s, c, in))); }

/* The plugin's IsFinite takes the smallest numbers for none. */
SUBSTITUTE(is_finite) {
  (void)c;
  return kv_one(s, kv_less(s, kv_abs(s, in[0]), number_like(s, in[0], INFINITY)));
}

/* Its IsInf finds none in what it computes together with it where dimensions are unknown. */
SUBSTITUTE(is_inf) {
  (void)c;
  return kv_one(s, kv_equal(s, kv_abs(s, in[0]), number_like(s, in[0], INFINITY)));
}

SUBSTITUTE(is_nan) {
  (void)c;
  return kv_one(s, kv_not_equal(s, in[0], in[0]));
}

/* The plugin's powers of 1/2 and -1/2 are roots: NaN of -inf, and -0 of -0. */
SUBSTITUTE(power) {
  (void)c;
  kvino_tensor *x = in[0];
  bool root = false;
  if (!is_constant(in[1]) || is_constant(x)) return KV_KEEP;
  for (int64_t i = 0; i < in[1]->size; i++) root |= fabs(kv_tensor_get_number(in[1], i)) == 0.5;
  if (!root) return KV_KEEP;
  x = kv_select(s, kv_equal(s, kv_add(s, x, x), x), kv_abs(s, x), x); /* 0 and infinity are twice themselves */
  return kv_one(s, kv_power(s, x, in[1]));
}

SUBSTITUTE(hard_sigmoid) { return kv_one(s, clamp_floats(s, c, kv_add(s, kv_multiply(s, in[0], in[1]), in[2]), 0, 1)); }

/* The plugin's slope goes along axis 1 where it has as many elements; here it broadcasts. */
SUBSTITUTE(prelu) {
  (void)c;
  kvino_tensor *negative = kv_less(s, in[0], number_like(s, in[0], 0));
  return kv_one(s, kv_select(s, negative, kv_multiply(s, in[0], in[1]), in[0]));
}

/* The plugin's SoftPlus has an absolute error of 2e-6, and is negative where it should be tiny. There log(1 + e) = e -
 * e^2/2 + ... */
SUBSTITUTE(soft_plus) {
  (void)c;
  kvino_tensor *x = in[0], *e = kv_exp(s, x), *sum = number_like(s, x, -1.0 / 6);
  for (int k = 5; k > 0; k--) sum = kv_add(s, kv_multiply(s, sum, e), number_like(s, x, (k % 2 ? 1.0 : -1.0) / k));
  return kv_one(s, kv_select(s, kv_less(s, x, number_like(s, x, -3)), kv_multiply(s, e, sum), kv_soft_plus(s, x)));
}

SUBSTITUTE(reciprocal) {
  (void)c;
  return kv_one(s, kv_divide(s, number_like(s, in[0], 1), in[0]));
}

SUBSTITUTE(rsqrt) {
  (void)c;
  return kv_one(s, kv_divide(s, number_like(s, in[0], 1), kv_sqrt(s, in[0])));
}

SUBSTITUTE(log2) {
  (void)c;
  return kv_one(s, kv_multiply(s, kv_log(s, in[0]), number_like(s, in[0], M_LOG2E)));
}

SUBSTITUTE(log10) {
  (void)c;
  return kv_one(s, kv_multiply(s, kv_log(s, in[0]), number_like(s, in[0], M_LOG10E)));
}

/* Rounding leaves integers alone. */
SUBSTITUTE(identity) { return c->kind == KV_KIND_FLOAT ? KV_KEEP : kv_one(s, in[0]); }

SUBSTITUTE(trunc) {
  if (c->kind != KV_KIND_FLOAT) return kv_one(s, in[0]);
  kvino_tensor *negative = kv_less(s, in[0], number_like(s, in[0], 0));
  return kv_one(s, kv_select(s, negative, kv_ceiling(s, in[0]), kv_floor(s, in[0])));
}

/* ---- conversion ---- */

/* The plugin makes an infinite float16 the largest one before it is an integer; NaN becomes what infinity should. */
static kvino_tensor *with_nan_for_infinity(kv_scope *s, kvino_tensor *x) {
  kvino_tensor *finite = kv_less(s, kv_abs(s, x), number_like(s, x, INFINITY));
  return kv_select(s, finite, x, number_like(s, x, NAN));
}

SUBSTITUTE(convert) {
  kvino_dtype wanted = c->node->out[0].dtype;
  kv_kind kind = kv_kind_of(wanted);
  if (wanted == dtype_of(in[0])) return kv_one(s, in[0]);
  if (kind == KV_KIND_BOOL && c->kind != KV_KIND_NARROW) /* the plugin takes NaN and the least i32 for false */
    return kv_one(s, kv_not_equal(s, in[0], number_like(s, in[0], 0)));
  if (wanted == KVINO_BF16) return kv_one(s, kv_to(s, in[0], wanted));
  kvino_tensor *x = in[0];
  if (x && x->dtype == KVINO_F16 && kvino_dtype_is_integer(wanted)) x = with_nan_for_infinity(s, x);
  if (kind != KV_KIND_NARROW || c->kind == KV_KIND_BOOL) return x == in[0] ? KV_KEEP : kv_one(s, kv_to(s, x, wanted));
  return kv_one(s, narrow(s, kv_to(s, x, KVINO_I32), wanted));
}

/* OneHot of small integers fails to compile. */
SUBSTITUTE(one_hot) {
  if (c->kind == KV_KIND_I32 || c->kind == KV_KIND_WIDE) return KV_KEEP;
  return kv_one(s, again(s, c, (kvino_tensor *[]){kv_to(s, in[0], KVINO_I32), in[1], in[2], in[3]}));
}

/* How many of a vector are not NaN, in the dtype. */
static kvino_tensor *count_numbers(kv_scope *s, kvino_tensor *x, kvino_dtype dtype) {
  kvino_tensor *one = kv_to(s, kv_equal(s, x, x), KVINO_F32);
  return kv_to(s, kv_reduce_sum(s, one, KV_VECTOR(s, 0), (kv_keep_dims_attrs){.keep_dims = false}), dtype);
}

/* SearchSorted and Bucketize put NaN first; it is larger than all. Bucketize does the same in a thousandth of the time.
 */
SUBSTITUTE(search) {
  bool bucketize = c->node->prim->id == KV_Bucketize;
  kvino_tensor *x = in[!bucketize], *sorted = in[bucketize];
  bool left = bucketize ? c->node->attrs.bucketize.with_right_bound : !c->node->attrs.search_sorted.right_mode;
  kvino_dtype dtype = c->node->out[0].dtype;
  kv_bucketize_attrs attrs = {.output_type = dtype, .with_right_bound = left};
  if (c->kind != KV_KIND_FLOAT || !sorted) return kv_one(s, kv_bucketize(s, x, sorted, attrs));
  kvino_tensor *n = kv_int(s, dtype, sorted->shape[0]), *y;
  if (has_no_nan(sorted)) {
    y = kv_bucketize(s, x, sorted, attrs);
    return kv_one(s, kv_select(s, kv_not_equal(s, x, x), n, y));
  }
  kvino_tensor *numbers = count_numbers(s, sorted, dtype);
  sorted = kv_select(s, kv_equal(s, sorted, sorted), sorted, number_like(s, sorted, INFINITY));
  y = kv_minimum(s, kv_bucketize(s, x, sorted, attrs), numbers);
  return kv_one(s, kv_select(s, kv_not_equal(s, x, x), left ? numbers : n, y));
}

/* ---- reductions ---- */

/* The operand's elements one by one, folded by a binary operation. */
static kvino_tensor *unrolled(kv_scope *s, const kv_case *c, kvino_tensor *x, kv_prim_id id, int64_t neutral) {
  if (!x) return NULL;
  kvino_tensor *y = NULL, *axis = kv_int(s, KVINO_I64, 0);
  for (int64_t i = 0; i < x->shape[0]; i++) {
    kvino_tensor *one = kv_gather(s, x, kv_int(s, KVINO_I64, i), axis, (kv_gather_attrs){0});
    y = y ? kv_apply(s, id, NULL, 2, (kvino_tensor *[]){y, one}) : one;
  }
  if (!y) y = int_like(s, x, neutral);
  return c->node->attrs.keep_dims.keep_dims ? kv_unsqueeze(s, y, KV_VECTOR(s, 0)) : y;
}

/* Whether the node reduces its short vector as a whole (an empty list of axes reduces nothing). */
static bool is_short(const kvino_tensor *x, kvino_tensor *axes) {
  return x->rank == 1 && x->shape[0] >= 0 && x->shape[0] <= KV_UNROLLED && axes->size == 1;
}

/* Sums of integers beyond 2^24: the plugin adds in float32, but CumSum wraps exactly. Of no elements its last is 0. */
static kvino_tensor *running_sum(kv_scope *s, bool keep, kvino_tensor *x, kvino_tensor *axes) {
  bool selected[KVINO_MAX_RANK];
  int64_t last[KVINO_MAX_RANK];
  if (!x || !kv_scope_ok(s, kv_axes_operand(axes, x->rank, selected, s->err))) return NULL;
  size_t n = 0;
  for (int k = 0; k < x->rank; k++)
    if (selected[k]) last[n++] = k;
  for (size_t i = n; x && i-- > 0;) { /* from behind: the axes before keep their numbers */
    kvino_tensor *axis = kv_int(s, KVINO_I64, last[i]);
    x = kv_cum_sum(s, x, axis, (kv_cumsum_attrs){0});
    x = kv_gather(s, x, kv_int(s, KVINO_I64, -1), axis, (kv_gather_attrs){0});
  }
  return keep && n ? kv_unsqueeze(s, x, kv_vector(s, n, last)) : x;
}

/* Sums of integers within 2^24: exact in float32. The plugin's own sums of int32 go wrong where it merges them with the
 * arithmetic that follows. */
static kvino_tensor *small_sum(kv_scope *s, bool keep, kvino_tensor *x, kvino_tensor *axes, kvino_dtype dtype) {
  const kv_attrs attrs = {.keep_dims.keep_dims = keep};
  return kv_to(s, kv_apply(s, KV_ReduceSum, &attrs, 2, (kvino_tensor *[]){kv_to(s, x, KVINO_F32), axes}), dtype);
}

SUBSTITUTE(reduce_sum) {
  kvino_dtype dtype = dtype_of(in[0]);
  if (c->kind == KV_KIND_FLOAT) return KV_KEEP;
  kvino_tensor *x = c->kind == KV_KIND_NARROW ? kv_to(s, in[0], KVINO_I32) : in[0], *y;
  if (kv_interval_within(c->out, -KV_F32_EXACT, KV_F32_EXACT) && c->kind != KV_KIND_NARROW)
    return kv_one(s, small_sum(s, c->node->attrs.keep_dims.keep_dims, x, in[1], dtype));
  if (is_short(x, in[1]))
    y = unrolled(s, c, x, KV_Add, 0);
  else
    y = running_sum(s, c->node->attrs.keep_dims.keep_dims, x, in[1]);
  return kv_one(s, c->kind == KV_KIND_NARROW ? narrow(s, y, dtype) : y);
}

SUBSTITUTE(reduce_prod) {
  kvino_dtype dtype = dtype_of(in[0]);
  if (c->kind == KV_KIND_FLOAT) return KV_KEEP;
  kvino_tensor *x = c->kind == KV_KIND_NARROW ? kv_to(s, in[0], KVINO_I32) : in[0];
  if (!is_short(x, in[1])) return kv_one(s, in[0]); /* no axis */
  kvino_tensor *y = unrolled(s, c, x, KV_Multiply, 1);
  return kv_one(s, c->kind == KV_KIND_NARROW ? narrow(s, y, dtype) : y);
}

/* The plugin's extremes of floats begin with the largest number instead of infinity, and lose NaN: what there is is
 * looked at beside them, 0 for the infinity that counts least, 2 for NaN, 1 for the rest. */
static kvino_tensor *extreme_of(kv_scope *s, const kv_case *c, kvino_tensor *const *in, bool max, kv_prim_id ranking) {
  kvino_dtype dtype = dtype_of(in[0]);
  kvino_tensor *x = in[0], *least = number_like(s, x, max ? -INFINITY : INFINITY),
               *of[2] = {NULL, in[c->node->n_in - 1]};
  of[0] = kv_add(s, kv_to(s, kv_not_equal(s, x, least), dtype), kv_to(s, kv_not_equal(s, x, x), dtype));
  kvino_tensor *rank = kv_apply(s, ranking, &c->node->attrs, c->node->n_in, of);
  kvino_tensor *y = kv_select(s, kv_equal(s, rank, number_like(s, x, 0)), least, again(s, c, in));
  return kv_select(s, kv_equal(s, rank, number_like(s, x, 2)), number_like(s, x, NAN), y);
}

SUBSTITUTE(max_pool) { return kv_one(s, extreme_of(s, c, in, true, KV_MaxPool)); }

/* All of 32 bits: the extreme of the upper halves, which float32 has exactly, then among those that have it of the
 * lower. */
static kvino_tensor *reduce_integers(kv_scope *s, const kv_case *c, kvino_tensor *const *in, bool max) {
  kv_prim_id id = c->node->prim->id;
  const kv_attrs keep = {.keep_dims.keep_dims = true};
  kvino_tensor *x = in[0], *axes = in[1];
  kvino_tensor *low = kv_bitwise_and(s, x, int_like(s, x, 0xffff)), *high = kv_subtract(s, x, low);
  kvino_tensor *top = kv_apply(s, id, &keep, 2, (kvino_tensor *[]){high, axes});
  kvino_tensor *candidate = kv_select(s, kv_equal(s, high, top), low, int_like(s, x, max ? -1 : 0x10000));
  kvino_tensor *y = kv_add(s, top, kv_apply(s, id, &keep, 2, (kvino_tensor *[]){candidate, axes}));
  return c->node->attrs.keep_dims.keep_dims || !axes->size ? y : kv_squeeze(s, y, axes);
}

static kvino_tensors reduce_extreme(kv_scope *s, const kv_case *c, kvino_tensor *const *in, bool max) {
  if (c->kind == KV_KIND_BOOL)
    return kv_one(s, kv_apply(s, max ? KV_ReduceLogicalOr : KV_ReduceLogicalAnd, &c->node->attrs, 2, in));
  if (c->kind == KV_KIND_FLOAT) return kv_one(s, extreme_of(s, c, in, max, KV_ReduceMax));
  if (c->kind == KV_KIND_NARROW || kv_interval_within(c->in[0], -KV_F32_EXACT, KV_F32_EXACT)) return KV_KEEP;
  return kv_one(s, reduce_integers(s, c, in, max));
}

SUBSTITUTE(reduce_max) { return reduce_extreme(s, c, in, true); }
SUBSTITUTE(reduce_min) { return reduce_extreme(s, c, in, false); }

/* The index of the extreme along one axis, which stays with length 1: the first of equals; where there is a NaN, the
 * first one, as NumPy has it. */
static kvino_tensor *arg_extreme(kv_scope *s, kvino_tensor *x, int64_t axis, const char *mode, kvino_dtype dtype) {
  const kv_topk_attrs top = {.axis = axis, .mode = mode, .sort = "value", .index_element_type = dtype, .stable = true};
  const kv_topk_attrs first = {
      .axis = axis, .mode = "max", .sort = "value", .index_element_type = dtype, .stable = true};
  const kv_attrs keep = {.keep_dims.keep_dims = true};
  kvino_tensor *one = kv_int(s, KVINO_I64, 1);
  kvino_tensors best = kv_topk(s, x, one, top);
  if (best.n != 2 || !kvino_dtype_is_float(dtype_of(x))) return best.n == 2 ? best.v[1] : NULL;
  kvino_tensor *nan = kv_not_equal(s, x, x), *number = kv_to(s, nan, dtype_of(x));
  kvino_tensors marked = kv_topk(s, number, one, first);
  kvino_tensor *any = kv_apply(s, KV_ReduceLogicalOr, &keep, 2, (kvino_tensor *[]){nan, kv_vector(s, 1, &axis)});
  return marked.n == 2 ? kv_select(s, any, marked.v[1], best.v[1]) : NULL;
}

/* Along one axis or all of them (exactness.c sees to that). */
SUBSTITUTE(reduce_arg) {
  const kv_reduce_index_attrs *a = &c->node->attrs.reduce_index;
  const char *mode = c->node->prim->id == KV_ReduceArgMax ? "max" : "min";
  kvino_tensor *x = c->kind == KV_KIND_NARROW ? kv_to(s, in[0], KVINO_I32) : in[0], *axes = in[1];
  int64_t ones[KVINO_MAX_RANK], rank = in[0]->rank;
  bool all = axes->size == rank;
  int64_t axis = all ? 0 : kv_tensor_get_int(axes, 0);
  for (int k = 0; k < rank; k++) ones[k] = 1;
  if (all && rank != 1) x = kv_reshape(s, x, KV_VECTOR(s, -1), (kv_reshape_attrs){0});
  if (axis < 0) axis += rank;
  kvino_tensor *y = x ? arg_extreme(s, x, axis, mode, a->output_type) : NULL;
  if (all)
    return kv_one(s, kv_reshape(s, y, kv_vector(s, a->keep_dims ? (size_t)rank : 0, ones), (kv_reshape_attrs){0}));
  return kv_one(s, a->keep_dims ? y : kv_squeeze(s, y, kv_vector(s, 1, &axis)));
}

SUBSTITUTE(count_non_zero) {
  kvino_dtype dtype = c->node->attrs.reduce_index.output_type;
  kvino_tensor *x = c->kind == KV_KIND_BOOL ? in[0] : kv_not_equal(s, in[0], int_like(s, in[0], 0));
  bool keep = c->node->attrs.reduce_index.keep_dims;
  if (x && x->size >= 0 && x->size < KV_F32_EXACT) return kv_one(s, small_sum(s, keep, x, in[1], dtype));
  return kv_one(s, running_sum(s, keep, kv_to(s, x, dtype), in[1]));
}

/* ---- functions that OpenVINO lacks ---- */

/* The next two formulas need to know how u was rounded. In f16 and bf16 that is not so: OpenVINO computes a part of
 * such a formula in f32, and rounds where it likes. */
static kvino_tensor *known_rounding(kv_scope *s, kvino_tensor *x) {
  return kv_to(s, x, x && x->dtype == KVINO_F64 ? KVINO_F64 : KVINO_F32);
}

/* log(u) x / (u - 1), u = 1 + x rounded: the error of u cancels (Kahan). Large x are their own 1 + x. */
SUBSTITUTE(log1p) {
  (void)c;
  kvino_tensor *x = known_rounding(s, in[0]), *one = number_like(s, x, 1);
  kvino_tensor *u = kv_add(s, x, one), *log = kv_log(s, u);
  kvino_tensor *y = kv_divide(s, kv_multiply(s, log, x), kv_subtract(s, u, one));
  y = kv_select(s, kv_equal(s, u, one), x, y);
  y = kv_select(s, kv_less(s, x, number_like(s, x, 1e4)), y, log);
  return kv_one(s, kv_to(s, y, (kvino_dtype)in[0]->dtype));
}

/* (u - 1) x / log(u), u = e^x rounded, likewise; beyond 40 it is u - 1. */
SUBSTITUTE(expm1) {
  (void)c;
  kvino_tensor *x = known_rounding(s, in[0]), *one = number_like(s, x, 1);
  kvino_tensor *u = kv_exp(s, x), *less = kv_subtract(s, u, one);
  kvino_tensor *y = kv_divide(s, kv_multiply(s, less, x), kv_log(s, u));
  y = kv_select(s, kv_equal(s, u, one), x, y);
  y = kv_select(s, kv_less(s, kv_abs(s, x), number_like(s, x, 40)), y, less);
  return kv_one(s, kv_to(s, unless_nan(s, x, y), (kvino_dtype)in[0]->dtype));
}
