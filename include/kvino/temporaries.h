/* Places for results that are all released together.
 *
 *   kvino_temporaries *t = NULL;
 *   kvino_status status = kvino_temporaries_new(&t, &err);
 *   kvino_tensor **product = kvino_temporary(t), **sum = kvino_temporary(t);
 *   if (!status) status = kvino_matmul(x, kernel, product, &err);
 *   if (!status) status = kvino_add(*product, bias, sum, &err);
 *   if (!status) status = kvino_relu(*sum, &y, &err);    // y is the caller's
 *   kvino_temporaries_free(t);                           // product and sum are gone, however far it came
 *
 * One thread at a time. */
#ifndef KVINO_TEMPORARIES_H
#define KVINO_TEMPORARIES_H

#include "kvino/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kvino_temporaries kvino_temporaries;

KVINO_API kvino_status kvino_temporaries_new(kvino_temporaries **out, kvino_error *err);
/* A place for one tensor, NULL in it, which any call may be given as its `out`. What is there in the end is released
 * with the others: one that is to live longer is retained. NULL where `t` is, or memory is short; a call whose `out` is
 * NULL fails with KVINO_INVALID. */
KVINO_API kvino_tensor **kvino_temporary(kvino_temporaries *t);
/* The same for a list of tensors. */
KVINO_API kvino_tensors *kvino_temporary_list(kvino_temporaries *t);
/* Releases what is in all places; the places are gone, too. NULL is allowed. */
KVINO_API void kvino_temporaries_clear(kvino_temporaries *t);
/* The same, and the end of it. NULL is allowed. */
KVINO_API void kvino_temporaries_free(kvino_temporaries *t);

#ifdef __cplusplus
}
#endif
#endif
