/* Calling OpenVINO so that the text of an error is that of the call that failed.
 *
 * Trap: ov_get_last_err_msg is one text for the whole process; a call failing in another thread replaces it at any
 * moment, and success does not clear it. So a call that fails is made once more while no other call that can fail is
 * running in any thread (KV_OV_TRY), and the text is fetched there. That costs time only where something failed.
 *
 * Two kinds of call take part. Slow ones (reading, compiling, properties, devices) hold one mutex: kv_ov_lock. Those
 * that must run concurrently (inference) pass a gate: kv_ov_enter, two atomic operations. */
#ifndef KVINO_OPENVINO_CALL_H
#define KVINO_OPENVINO_CALL_H

#include "kvino/common.h"

void kv_ov_lock(void); /* recursive */
void kv_ov_unlock(void);

void kv_ov_enter(void); /* nests */
void kv_ov_leave(void);

/* From inside either of the above: waits until every other thread is out, and keeps them out. */
void kv_ov_alone(void);
void kv_ov_alone_end(void);

/* Fills err with "<the formatted text>: <OpenVINO's text>" and returns KVINO_DEVICE, or KVINO_NO_MEMORY where OpenVINO
 * says so. To be called while alone. */
kvino_status kv_ov_error(kvino_error *err, int ov_status, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));

/* status = KVINO_OK or an error saying what failed (format, ...). `call` is evaluated again where it fails: it must
 * have no effect on failure. Only inside kv_ov_lock or kv_ov_enter. */
#define KV_OV_CALL(status, err, call, ...)                                                                             \
  do {                                                                                                                 \
    (status) = KVINO_OK;                                                                                               \
    if (__builtin_expect((call) != 0, 0)) {                                                                            \
      kv_ov_alone();                                                                                                   \
      int kv_again_ = (call);                                                                                          \
      if (kv_again_) (status) = kv_ov_error((err), kv_again_, __VA_ARGS__);                                            \
      kv_ov_alone_end();                                                                                               \
    }                                                                                                                  \
  } while (0)

#endif
