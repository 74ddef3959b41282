/* Whether native nodes cost so much that the user should know: found out in a few early runs, then never again. */
#ifndef KVINO_ENGINE_ADVICE_H
#define KVINO_ENGINE_ADVICE_H

#include "engine/executable.h"

/* Counts a run; whether it is to be measured. */
bool kv_advice_due(kvino_executable *e);
kvino_status kv_run_for_advice(kvino_executable *e, size_t n, kvino_tensor *const *in, kvino_tensors *out,
                               kvino_error *err);

#endif
