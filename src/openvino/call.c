/* The gate and the text of OpenVINO's errors (call.h). */
#include "openvino/call.h"

#include "base/error.h"
#include "base/fork.h"
#include "openvino/api.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t slow;
static pthread_once_t slow_once = PTHREAD_ONCE_INIT;

/* Threads inside the gate, and whether it is shut. Both sequentially consistent: a thread that enters first counts
 * itself and then looks at `shut`, the one that shuts it does the reverse, so one of them sees the other. */
static atomic_int inside;
static atomic_bool shut;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;

/* A callback that OpenVINO makes from inside a call may call back in: such a thread is counted once. */
static _Thread_local int depth;

/* A fork waits until no thread is inside of OpenVINO, so that its locks, too, are free in the child. */
static void before_fork(void) { kv_ov_alone(); }

static void slow_init(void) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(&slow, &attributes);
  pthread_mutexattr_destroy(&attributes);
}

/* The threads that waited at the gate did not come along, and the lock's owner has another number here. */
static void in_child(void) {
  slow_init();
  pthread_mutex_init(&gate, NULL);
  pthread_cond_init(&moved, NULL);
  atomic_store(&inside, depth > 0);
  atomic_store(&shut, false);
}

static void slow_create(void) {
  slow_init();
  kv_at_fork(KV_FORK_OPENVINO, before_fork, kv_ov_alone_end, in_child);
}

void kv_ov_lock(void) {
  pthread_once(&slow_once, slow_create);
  pthread_mutex_lock(&slow);
}

void kv_ov_unlock(void) { pthread_mutex_unlock(&slow); }

static void go_in(void) {
  for (;;) {
    atomic_fetch_add(&inside, 1);
    if (!atomic_load(&shut)) return;
    pthread_mutex_lock(&gate);
    atomic_fetch_sub(&inside, 1);
    pthread_cond_broadcast(&moved);
    while (atomic_load(&shut)) pthread_cond_wait(&moved, &gate);
    pthread_mutex_unlock(&gate);
  }
}

static void go_out(void) {
  atomic_fetch_sub(&inside, 1);
  if (!atomic_load(&shut)) return;
  pthread_mutex_lock(&gate);
  pthread_cond_broadcast(&moved);
  pthread_mutex_unlock(&gate);
}

void kv_ov_enter(void) {
  if (!depth++) go_in();
}

void kv_ov_leave(void) {
  if (!--depth) go_out();
}

/* The caller first stops counting as inside: it makes no call until it is alone, and two threads that want to be alone
 * must not wait for each other. */
void kv_ov_alone(void) {
  if (depth) go_out();
  kv_ov_lock();
  pthread_mutex_lock(&gate);
  atomic_store(&shut, true);
  while (atomic_load(&inside)) pthread_cond_wait(&moved, &gate);
  pthread_mutex_unlock(&gate);
}

void kv_ov_alone_end(void) {
  pthread_mutex_lock(&gate);
  atomic_store(&shut, false);
  pthread_cond_broadcast(&moved);
  pthread_mutex_unlock(&gate);
  kv_ov_unlock();
  if (depth) go_in();
}

/* OpenVINO's text on one line, without the lines that only name a source file of OpenVINO. */
static void tidy(const char *text, char *out, size_t room) {
  size_t n = 0;
  while (*text && n + 1 < room) {
    size_t line = strcspn(text, "\n");
    bool noise = !line || (!strncmp(text, "Exception from ", 15) && text[line - 1] == ':');
    if (!noise) {
      if (n && n + 1 < room) out[n++] = ' ';
      size_t take = line < room - 1 - n ? line : room - 1 - n;
      memcpy(out + n, text, take);
      n += take;
    }
    text += line + (text[line] == '\n');
  }
  out[n] = 0;
}

kvino_status kv_ov_error(kvino_error *err, int ov_status, const char *format, ...) {
  char what[KVINO_ERROR_TEXT / 2], why[KVINO_ERROR_TEXT] = "";
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  /* INVALID_C_PARAM leaves no text: what is there is of an older failure. */
  char *text = ov_status == -14 ? NULL : kv_ov.get_last_err_msg();
  if (text) {
    tidy(text, why, sizeof why);
    kv_ov.free(text);
  }
  if (!*why) snprintf(why, sizeof why, "%s", kv_ov.get_error_info(ov_status));
  bool memory = strstr(why, "bad_alloc") || strstr(why, "out of memory") || strstr(why, "OUT_OF_RESOURCES") ||
                strstr(why, "Exceeded max size of memory");
  return kv_fail(err, memory ? KVINO_NO_MEMORY : KVINO_DEVICE, "%s: %s", what, why);
}
