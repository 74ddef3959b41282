/* Allocation. All memory of the library comes from here, so that a test can make the n-th allocation fail.
 * Blocks of KV_POOL_MIN bytes and more come from a bounded pool of blocks that were freed before: fresh pages cost more
 * to fault in than most operators cost to run. */
#ifndef KVINO_BASE_MEMORY_H
#define KVINO_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KV_ALIGN 64 /* bytes; every block is aligned to it when it comes from kv_block_new */

/* As malloc, calloc, realloc and free. NULL where out of memory; kv_free(NULL) does nothing. */
void *kv_malloc(size_t bytes) __attribute__((malloc));
void *kv_calloc(size_t n, size_t bytes) __attribute__((malloc));
void *kv_realloc(void *p, size_t bytes);
char *kv_strdup(const char *text);
void kv_free(void *p);
/* Room for one more item of `size` bytes in *items, which has n of them: *capacity doubles where it is reached. false
 * where out of memory; then nothing has changed. */
bool kv_grow(void **items, size_t n, size_t *capacity, size_t size);

/* Data blocks: aligned to KV_ALIGN, contents undefined, never NULL for 0 bytes. `bytes` must be the same at both. */
void *kv_block_new(size_t bytes);
void kv_block_free(void *p, size_t bytes);

/* Gives the pool's idle blocks back to the system. */
void kv_pool_trim(void);
/* Bytes idle in the pool. */
size_t kv_pool_bytes(void);

/* Counting, for tests: from kv_memory_watch(true) on, everything allocated and freed here by any thread is counted
 * (blocks as the bytes asked for), from 0; kv_memory_peak is the most that there was at one time since. Off, it costs a
 * load. */
void kv_memory_watch(bool on);
int64_t kv_memory_peak(void);

/* For tests: lets n allocations succeed, then fails every one; a negative n switches it off. Counts per thread. */
void kv_fail_after(long n);

#endif
