#define _GNU_SOURCE
#include "base/threads.h"

#include <pthread.h>
#include <pthreadpool.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* held by the thread that has the pool */
static pthreadpool_t workers;
static int count;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local bool inside;

static void before_fork(void) { pthread_mutex_lock(&lock); }
static void in_parent(void) { pthread_mutex_unlock(&lock); }
static void in_child(void) {
  workers = NULL; /* its threads did not come along; the next call makes new ones */
  pthread_mutex_unlock(&lock);
}

static void start(void) {
  const char *text = getenv("KVINO_THREADS");
  long n = text ? strtol(text, NULL, 10) : 0;
  cpu_set_t set;
  if (n <= 0) n = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
  count = n > 256 ? 256 : (int)n;
  pthread_atfork(before_fork, in_parent, in_child);
}

int kv_threads(void) {
  pthread_once(&once, start);
  return count;
}

struct job {
  void (*task)(void *, size_t);
  void *context;
};

static void run_one(void *argument, size_t i) {
  struct job *job = argument;
  inside = true;
  job->task(job->context, i);
  inside = false;
}

void kv_parallel(size_t n, void (*task)(void *, size_t), void *context) {
  if (n > 1 && !inside && kv_threads() > 1 && pthread_mutex_trylock(&lock) == 0) {
    if (!workers) workers = pthreadpool_create((size_t)count);
    if (workers) {
      struct job job = {task, context};
      /* Flag 1 disables denormals (PTHREADPOOL_FLAG_DISABLE_DENORMALS): never wanted here. */
      pthreadpool_parallelize_1d(workers, run_one, &job, n, 0);
      pthread_mutex_unlock(&lock);
      return;
    }
    pthread_mutex_unlock(&lock);
  }
  for (size_t i = 0; i < n; i++) task(context, i);
}

struct ranges {
  void (*task)(void *, size_t, size_t);
  void *context;
  size_t n, parts;
};

static void run_range(void *argument, size_t i) {
  struct ranges *r = argument;
  size_t base = r->n / r->parts, extra = r->n % r->parts;
  size_t begin = i * base + (i < extra ? i : extra);
  r->task(r->context, begin, begin + base + (i < extra));
}

void kv_parallel_ranges(size_t n, size_t grain, void (*task)(void *, size_t, size_t), void *context) {
  if (!n) return;
  size_t most = grain ? n / grain : n;
  struct ranges r = {task, context, n, 1};
  if (most > 1) {
    size_t wanted = (size_t)kv_threads() * 4; /* a few each: processors are seldom equally free */
    r.parts = most < wanted ? most : wanted;
    if (kv_threads() == 1) r.parts = 1;
  }
  kv_parallel(r.parts, run_range, &r);
}
