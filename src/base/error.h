/* Failing in one line: return kv_fail(err, KVINO_INVALID, "axis %d is out of bounds ...", axis); */
#ifndef KVINO_BASE_ERROR_H
#define KVINO_BASE_ERROR_H

#include "kvino/common.h"

/* Fills *err (where not NULL) and returns `status`. The text is cut, never overrun. */
kvino_status kv_fail(kvino_error *err, kvino_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));

/* Answers NULL: fails the enclosing public function unless all that must be given is. */
#define KV_NOT_NULL(err, all)                                                                                          \
  do {                                                                                                                 \
    if (!(all)) return kv_fail((err), KVINO_INVALID, "%s: an argument that must be given is NULL", __func__);          \
  } while (0)

/* Returns the status of `call` from the enclosing function where it is not KVINO_OK. */
#define KV_TRY(call)                                                                                                   \
  do {                                                                                                                 \
    kvino_status kv_try_status_ = (call);                                                                              \
    if (kv_try_status_) return kv_try_status_;                                                                         \
  } while (0)

/* As KV_TRY where something is owned: jumps to the function's one exit with `status` set. */
#define KV_GOTO(status, call, label)                                                                                   \
  do {                                                                                                                 \
    if (((status) = (call))) goto label;                                                                               \
  } while (0)

#endif
