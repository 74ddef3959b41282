/* What a fork of the process must find in order: locks that other threads hold, which do not come along. */
#ifndef KVINO_BASE_FORK_H
#define KVINO_BASE_FORK_H

/* Who has locks, in the order in which they are taken: a thread that holds one may wait for a later one. */
typedef enum kv_fork_place {
  KV_FORK_SETTINGS,
  KV_FORK_CACHE,
  KV_FORK_RUNTIME,
  KV_FORK_SEARCH,
  KV_FORK_OPENVINO,
  KV_FORK_THREADS,
  KV_FORK_BLAS,
  KV_FORK_MEMORY,
  KV_FORK_PLACES
} kv_fork_place;

/* To be called before the lock is first taken, any number of times: `before` a fork it is taken, `in_parent` it is
 * given back, `in_child` too, with whatever of the threads that are gone must be put right. */
void kv_at_fork(kv_fork_place place, void (*before)(void), void (*in_parent)(void), void (*in_child)(void));

#endif
