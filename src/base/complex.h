/* <complex.h> with C11's CMPLX, which glibc defines for GCC alone. */
#ifndef KVINO_BASE_COMPLEX_H
#define KVINO_BASE_COMPLEX_H

#include <complex.h>

#ifndef CMPLX
#define CMPLX(x, y) __builtin_complex((double)(x), (double)(y))
#endif

#endif
