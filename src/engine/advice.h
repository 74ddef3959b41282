/* What the user should know: that native nodes cost much, found out in a few early runs, then never again; and, once
 * for a process, that a model is mostly products of float32 where the processor multiplies bfloat16 much faster. */
#ifndef KVINO_ENGINE_ADVICE_H
#define KVINO_ENGINE_ADVICE_H

#include "engine/executable.h"

/* Counts a run; whether it is to be measured. */
bool kv_advice_due(kvino_executable *e);
kvino_status kv_run_for_advice(kvino_executable *e, size_t n, kvino_tensor *const *in, kvino_tensors *out,
                               kvino_error *err);

#endif
