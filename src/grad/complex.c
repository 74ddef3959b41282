/* Derivatives of what takes complex numbers apart, or is not analytic in them. The cotangent u of a value z pairs with
 * its change as Re(u dz): that of Re z is u as a complex number, that of Im z is -i u. */
#include "grad/elementwise.h"

static bool takes_complex(const kv_grad *g) { return kvino_dtype_is_complex((kvino_dtype)g->in[0]->dtype); }
/* u as a number of the operand's dtype. */
static kvino_tensor *as_operand(kv_grad *g, kvino_tensor *u) { return kv_cast(g->s, u, (kvino_dtype)g->in[0]->dtype); }

/* -i u, complex. */
static kvino_tensor *minus_i(kv_grad *g, kvino_tensor *u) {
  kv_scope *s = g->s;
  kvino_dtype dtype = (kvino_dtype)g->in[0]->dtype;
  const float single[2] = {0, -1};
  const double wide[2] = {0, -1};
  kvino_tensor *i = NULL;
  const void *data = dtype == KVINO_C64 ? (const void *)single : wide;
  if (s->status || !kv_scope_ok(s, kvino_tensor_new(dtype, 0, NULL, data, &i, s->err))) return NULL;
  return kv_multiply(s, as_operand(g, u), kv_own(s, i));
}

UNARY(real, as_operand(g, RAW(D)))
UNARY(conj, kv_conj(s, RAW(D)))
/* 0 and 0 or pi for real operands: constant. */
UNARY(imag, takes_complex(g) ? minus_i(g, RAW(D)) : NULL)
UNARY(angle, takes_complex(g) ? kv_divide(s, minus_i(g, RAW(D)), RAW(X)) : NULL)

/* |z|: its change is Re(conj(sign z) dz). 0 at 0. */
void kv_grad_abs(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_tensor *sign = kv_sign(s, g->in[0]);
  if (takes_complex(g)) sign = kv_conj(s, sign);
  kv_cotangent(g, 0, kv_multiply(s, as_operand(g, g->d_out[0]), sign));
}

/* z / |z|, constant for real operands: the change is (dz - y Re(conj(y) dz)) / |z|. 0 at 0. */
void kv_grad_sign(kv_grad *g) {
  kv_scope *s = g->s;
  if (!takes_complex(g)) return;
  kvino_tensor *u = g->d_out[0], *y = g->out[0], *length = kv_abs(s, g->in[0]);
  kvino_tensor *at_zero = kv_equal(s, length, kv_like(s, length, 0));
  kvino_tensor *radial = kv_multiply(s, as_operand(g, kv_real(s, kv_multiply(s, u, y))), kv_conj(s, y));
  kvino_tensor *safe = as_operand(g, kv_select(s, at_zero, kv_like(s, length, 1), length));
  kvino_tensor *d = kv_divide(s, kv_subtract(s, u, radial), safe);
  kv_cotangent(g, 0, kv_select(s, at_zero, kv_like(s, u, 0), d));
}

/* The same bytes as another dtype have a derivative only where complex numbers become pairs of their parts, or pairs
 * complex numbers: u_re re + u_im im is Re(conj(u) z). Otherwise none passes. */
void kv_grad_bitcast(kv_grad *g) {
  kv_scope *s = g->s;
  kvino_dtype from = (kvino_dtype)g->in[0]->dtype, to = g->attrs->convert.destination_type;
  kvino_tensor *d = g->d_out[0];
  kv_convert_attrs back = {.destination_type = from};
  if (from == to)
    g->d_in[0] = d;
  else if ((from == KVINO_C64 && to == KVINO_F32) || (from == KVINO_C128 && to == KVINO_F64))
    g->d_in[0] = kv_conj(s, kv_bitcast(s, d, back));
  else if ((from == KVINO_F32 && to == KVINO_C64) || (from == KVINO_F64 && to == KVINO_C128))
    g->d_in[0] = kv_bitcast(s, kv_conj(s, d), back);
}
