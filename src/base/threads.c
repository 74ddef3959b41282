/* The pool of threads.
 *
 * Its own, where a library would be the rule: the pools at hand (pthreadpool, OpenMP's) join by a barrier that every
 * worker has to reach, also one that never got a processor. With another thread spinning on that processor (OpenVINO's
 * workers do, for milliseconds) a call that the caller could have finished alone waits for a time slice: 3 to 25 ms.
 * Here the caller takes tasks like every worker and waits only for tasks that a worker has begun; who comes late finds
 * the job closed. */
#include "base/threads.h"

#include "base/fork.h"
#include "base/processors.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
  MAX_THREADS = 256,
  SPINS =
      4000, /* looks at a changed counter before a thread sleeps, some 50 us: waking a sleeper takes about as long */
};

struct job {
  void (*task)(void *, size_t);
  void *context;
  size_t n;
  int helpers; /* workers that may join */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* held by the thread that has the pool */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int count;             /* threads of a job where nobody chose */
static atomic_int chosen;     /* by the process; 0: nobody */
static _Thread_local int own; /* by this thread for its jobs; 0: not */
static _Thread_local bool inside;

/* The state that caller and workers share; `mutex` guards what is not atomic. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t posted = PTHREAD_COND_INITIALIZER, left = PTHREAD_COND_INITIALIZER;
static struct job job;
static bool open;              /* the job still has tasks that nobody has begun */
static int workers;            /* threads made */
static atomic_size_t next;     /* the next task of the job */
static atomic_uint generation; /* jobs posted so far */
static atomic_int active;      /* workers that have joined the job */

static inline void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

static void run_tasks(const struct job *j) {
  for (size_t i; (i = atomic_fetch_add_explicit(&next, 1, memory_order_relaxed)) < j->n;) j->task(j->context, i);
}

static void *work(void *unused) {
  unsigned seen = 0;
  inside = true;
  for (;;) {
    for (int i = 0; i < SPINS && atomic_load_explicit(&generation, memory_order_relaxed) == seen; i++) pause_briefly();
    pthread_mutex_lock(&mutex);
    while (!open || atomic_load(&active) >= job.helpers) pthread_cond_wait(&posted, &mutex);
    seen = atomic_load_explicit(&generation, memory_order_relaxed);
    struct job mine = job;
    atomic_fetch_add(&active, 1);
    pthread_mutex_unlock(&mutex);

    run_tasks(&mine);

    pthread_mutex_lock(&mutex);
    open = false; /* no task is left: nobody else need join */
    if (atomic_fetch_sub(&active, 1) == 1) pthread_cond_signal(&left);
    pthread_mutex_unlock(&mutex);
  }
  return unused;
}

static void before_fork(void) {
  pthread_mutex_lock(&lock);
  pthread_mutex_lock(&mutex);
}
static void in_parent(void) {
  pthread_mutex_unlock(&mutex);
  pthread_mutex_unlock(&lock);
}
static void in_child(void) {
  workers = 0; /* they did not come along; the next call makes new ones */
  pthread_cond_init(&posted, NULL);
  in_parent();
}

static int bounded(long n) { return n > MAX_THREADS ? MAX_THREADS : (int)n; }

static void start(void) {
  const char *text = getenv("KVINO_THREADS");
  char *end = NULL;
  long n = text ? strtol(text, &end, 10) : 0;
  if (n <= 0 || *end) n = kv_processors(); /* what is no number says nothing */
  count = bounded(n);
  kv_at_fork(KV_FORK_THREADS, before_fork, in_parent, in_child);
}

int kv_threads(void) {
  pthread_once(&once, start);
  int n = own ? own : atomic_load_explicit(&chosen, memory_order_relaxed);
  return n ? n : count;
}

void kv_threads_choose(int n) { atomic_store(&chosen, n > 0 ? bounded(n) : 0); }

int kv_threads_own(int n) {
  int before = own;
  own = n > 0 ? bounded(n) : 0;
  return before;
}

/* Makes the workers that are missing; where the system refuses, the call does with those there are. */
static void make_workers(int most) {
  pthread_attr_t detached;
  sigset_t all, before;
  if (pthread_attr_init(&detached)) return;
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before); /* signals are for the program's own threads */
  for (pthread_t thread; workers < most; workers++)
    if (pthread_create(&thread, &detached, work, NULL)) break;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&detached);
}

/* Runs the job with the workers; the caller holds `lock`. */
static void run_shared(const struct job *j) {
  pthread_mutex_lock(&mutex);
  if (workers < j->helpers) make_workers(j->helpers);
  job = *j;
  atomic_store_explicit(&next, 0, memory_order_relaxed);
  open = true;
  atomic_fetch_add(&generation, 1);
  if (j->n > (size_t)workers) {
    pthread_cond_broadcast(&posted);
  } else {
    for (size_t i = 1; i < j->n; i++) pthread_cond_signal(&posted);
  }
  pthread_mutex_unlock(&mutex);

  inside = true;
  run_tasks(j);
  inside = false;

  pthread_mutex_lock(&mutex);
  open = false;
  pthread_mutex_unlock(&mutex);
  for (int i = 0; i < SPINS && atomic_load_explicit(&active, memory_order_relaxed); i++) pause_briefly();
  pthread_mutex_lock(&mutex);
  while (atomic_load(&active)) pthread_cond_wait(&left, &mutex);
  pthread_mutex_unlock(&mutex);
}

void kv_parallel(size_t n, void (*task)(void *, size_t), void *context) {
  if (n > 1 && !inside && kv_threads() > 1 && pthread_mutex_trylock(&lock) == 0) {
    run_shared(&(struct job){task, context, n, kv_threads() - 1});
    pthread_mutex_unlock(&lock);
    return;
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
