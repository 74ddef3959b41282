/* One handler for all (fork.h): handlers of pthread_atfork run in the order of their registration, which depends on
 * what a program does first. */
#include "base/fork.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct handlers {
  void (*before)(void), (*in_parent)(void), (*in_child)(void);
} handlers;

static handlers all[KV_FORK_PLACES], taken[KV_FORK_PLACES];
static atomic_bool known[KV_FORK_PLACES];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void before_fork(void) {
  for (int i = 0; i < KV_FORK_PLACES; i++) {
    taken[i] = atomic_load(&known[i]) ? all[i] : (handlers){NULL, NULL, NULL};
    if (taken[i].before) taken[i].before();
  }
}

static void in_parent(void) {
  for (int i = KV_FORK_PLACES; i-- > 0;)
    if (taken[i].in_parent) taken[i].in_parent();
}

static void in_child(void) {
  for (int i = KV_FORK_PLACES; i-- > 0;)
    if (taken[i].in_child) taken[i].in_child();
}

static void start(void) { pthread_atfork(before_fork, in_parent, in_child); }

void kv_at_fork(kv_fork_place place, void (*before)(void), void (*parent)(void), void (*child)(void)) {
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  if (atomic_load(&known[place])) return;
  pthread_once(&once, start);
  pthread_mutex_lock(&mutex);
  all[place] = (handlers){before, parent, child};
  atomic_store(&known[place], true);
  pthread_mutex_unlock(&mutex);
}
