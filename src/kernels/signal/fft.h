/* Discrete Fourier transforms of any length, in double whatever the elements are.
 *
 * Own code, because no packaged C library has what is needed here: FFTW is under the GPL, KissFFT and PFFFT come in
 * single precision only in Debian, pocketfft is C++. One line of 64 to 100,000 elements takes 0.24 to 0.63 of the time
 * of pocketfft (through NumPy), lengths that are prime included; many short lines at once, 1.3 to 1.4 times as long.
 * Lengths whose prime factors are small go through passes of radix 4, 2, 3, 5 and odd ones (Stockham's order, which
 * needs no reordering); those with a large prime factor through a convolution (Bluestein).
 *
 * Several lines are transformed at once, element k of line j at [k * lanes + j], real and imaginary parts apart: all
 * inner loops run along memory. */
#ifndef KVINO_KERNELS_SIGNAL_FFT_H
#define KVINO_KERNELS_SIGNAL_FFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kv_fft kv_fft;

/* The factors and roots of unity for a length (at least 1); NULL where out of memory. The last few are kept for the
 * next call. Give it back with kv_fft_release. `turns`: also the exp(-pi i k / n), k <= n / 2, that real lines of twice
 * the length need. */
const kv_fft *kv_fft_get(int64_t n, bool turns);
void kv_fft_release(const kv_fft *plan);
void kv_fft_turns(const kv_fft *plan, const double **re, const double **im);

/* Elements of one line in work memory. */
int64_t kv_fft_room(const kv_fft *plan);

/* Work memory: two complex arrays of room * lanes elements each, (re[0], im[0]) and (re[1], im[1]). */
typedef struct kv_fft_work {
  double *re[2], *im[2];
} kv_fft_work;
/* The work memory laid out in 4 * room * lanes doubles at `memory`. */
kv_fft_work kv_fft_lay_out(const kv_fft *plan, int64_t lanes, double *memory);

/* y[k] = sum over j of x[j] exp(-2 pi i j k / n), x in arrays 0; returns which arrays y is in. The backward transform
 * is the same with real and imaginary parts exchanged. `threads`: one line is worth several. */
int kv_fft_run(const kv_fft *plan, int64_t lanes, const kv_fft_work *work, bool threads);

/* root[j] = exp(-2 pi i j / n), 0 <= j < n. */
void kv_fft_root(int64_t j, int64_t n, double *re, double *im);

/* ---- one pass, per instruction set (fft_body.h) ---- */

typedef struct kv_fft_pass {
  int64_t radix, m, stride;        /* of lines radix * m long, `stride` of them interleaved */
  const double *root_re, *root_im; /* [radix - 1][m] */
  const double *re, *im;           /* from */
  double *to_re, *to_im;
} kv_fft_pass;
/* Butterflies [begin, end) of m, of lines [first, last) of those interleaved. */
typedef void kv_fft_pass_loop(const kv_fft_pass *pass, int64_t begin, int64_t end, int64_t first, int64_t last);

/* The largest odd radix; room for as many complex numbers is on the stack. */
enum { KV_FFT_MAX_RADIX = 31 };

#endif
