/* One pool of worker threads for the process, created at first use, sized by KVINO_THREADS or the number of processors
 * this process may use (processors.h). */
#ifndef KVINO_BASE_THREADS_H
#define KVINO_BASE_THREADS_H

#include <stddef.h>

/* Threads that kv_parallel uses when this thread calls it, the caller included; at least 1. */
int kv_threads(void);
/* Chooses for the process, and for the calls of this thread, which comes first; 0: no choice. The latter gives the
 * choice before. */
void kv_threads_choose(int n);
int kv_threads_own(int n);

/* Calls task(context, i) for every i below n, on all threads, and returns when all are done. From inside a task, or
 * where another thread has the pool, it runs in the calling thread: never a deadlock, never a queue. Safe after fork.
 */
void kv_parallel(size_t n, void (*task)(void *context, size_t i), void *context);

/* Splits [0, n) into ranges of at least `grain` items and calls task(context, begin, end) for each, in parallel. */
void kv_parallel_ranges(size_t n, size_t grain, void (*task)(void *context, size_t begin, size_t end), void *context);

#endif
