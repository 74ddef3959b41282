#define _GNU_SOURCE
#include "base/memory.h"

#include "base/fork.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- failing on purpose ---- */

static _Thread_local long fail_after = -1;

void kv_fail_after(long n) { fail_after = n; }

static bool must_fail(void) {
  if (__builtin_expect(fail_after < 0, 1)) return false;
  if (fail_after == 0) return true;
  fail_after--;
  return false;
}

/* ---- counting ---- */

static struct {
  atomic_bool on;
  _Atomic int64_t live, peak;
} watch;

void kv_memory_watch(bool on) {
  atomic_store(&watch.live, 0);
  if (on) atomic_store(&watch.peak, 0);
  atomic_store(&watch.on, on);
}

int64_t kv_memory_peak(void) { return atomic_load(&watch.peak); }

static bool watched(void) { return __builtin_expect(atomic_load_explicit(&watch.on, memory_order_relaxed), 0); }

static __attribute__((noinline, cold)) void count(int64_t bytes) {
  int64_t live = atomic_fetch_add(&watch.live, bytes) + bytes, peak = atomic_load(&watch.peak);
  while (live > peak && !atomic_compare_exchange_weak(&watch.peak, &peak, live)) {
  }
}

static void *counted(void *p) {
  if (watched() && p) count((int64_t)malloc_usable_size(p));
  return p;
}

void *kv_malloc(size_t bytes) { return must_fail() ? NULL : counted(malloc(bytes ? bytes : 1)); }
void *kv_calloc(size_t n, size_t bytes) { return must_fail() ? NULL : counted(calloc(n ? n : 1, bytes ? bytes : 1)); }

void *kv_realloc(void *p, size_t bytes) {
  if (must_fail()) return NULL;
  int64_t before = watched() && p ? (int64_t)malloc_usable_size(p) : 0;
  void *q = realloc(p, bytes ? bytes : 1);
  if (before && q) count(-before);
  return counted(q);
}

void kv_free(void *p) {
  if (watched() && p) count(-(int64_t)malloc_usable_size(p));
  free(p);
}

bool kv_grow(void **items, size_t n, size_t *capacity, size_t size) {
  if (n < *capacity) return true;
  size_t wanted = *capacity ? 2 * *capacity : 16;
  void *more = kv_realloc(*items, wanted * size);
  if (!more) return false;
  *items = more;
  *capacity = wanted;
  return true;
}

char *kv_strdup(const char *text) {
  size_t n = strlen(text) + 1;
  char *copy = kv_malloc(n);
  return copy ? memcpy(copy, text, n) : NULL;
}

/* ---- the pool ----
 * Blocks of POOL_MIN bytes and more are mapped pages. A freed one waits in a small table for the next request that it
 * fits without wasting more than an eighth; the oldest leaves when the table or the limit is full. */

enum { POOL_SLOTS = 64 };
static const size_t POOL_MIN = (size_t)256 << 10;

static struct {
  pthread_mutex_t lock;
  struct {
    void *p;
    size_t bytes;
    uint64_t age;
  } slot[POOL_SLOTS];
  size_t idle, limit;
  uint64_t clock;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static pthread_once_t pool_once = PTHREAD_ONCE_INIT;

static void pool_before_fork(void) { pthread_mutex_lock(&pool.lock); }
static void pool_after_fork(void) { pthread_mutex_unlock(&pool.lock); }

static void pool_start(void) {
  /* KVINO_POOL_MB: how much idle memory to keep; by default an eighth of the machine's, 1 GiB at most. */
  const char *text = getenv("KVINO_POOL_MB");
  char *end = NULL;
  unsigned long long mb = text ? strtoull(text, &end, 10) : 0;
  if (text && *text && end && !*end) {
    pool.limit = mb > (SIZE_MAX >> 20) ? SIZE_MAX : (size_t)mb << 20;
  } else {
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    size_t eighth = pages > 0 && page > 0 ? (size_t)pages / 8 * (size_t)page : 0;
    pool.limit = eighth < ((size_t)1 << 30) ? eighth : (size_t)1 << 30;
  }
  kv_at_fork(KV_FORK_MEMORY, pool_before_fork, pool_after_fork, pool_after_fork);
}

/* Pages come in steps of an eighth of the power of two below, so that blocks of nearly one size share slots. */
static size_t mapped_size(size_t bytes) {
  size_t step = POOL_MIN / 8;
  while (step < bytes / 16) step *= 2;
  return (bytes + step - 1) / step * step;
}

static void *pool_take(size_t bytes) {
  void *p = NULL;
  pthread_mutex_lock(&pool.lock);
  int best = -1;
  for (int i = 0; i < POOL_SLOTS; i++) {
    if (!pool.slot[i].p || pool.slot[i].bytes != bytes) continue;
    if (best < 0 || pool.slot[i].age > pool.slot[best].age) best = i; /* the most recent is the warmest */
  }
  if (best >= 0) {
    p = pool.slot[best].p;
    pool.slot[best].p = NULL;
    pool.idle -= bytes;
  }
  pthread_mutex_unlock(&pool.lock);
  return p;
}

static int pool_oldest(void) {
  int oldest = -1;
  for (int i = 0; i < POOL_SLOTS; i++)
    if (pool.slot[i].p && (oldest < 0 || pool.slot[i].age < pool.slot[oldest].age)) oldest = i;
  return oldest;
}

static void pool_drop(int i) {
  munmap(pool.slot[i].p, pool.slot[i].bytes);
  pool.idle -= pool.slot[i].bytes;
  pool.slot[i].p = NULL;
}

static void pool_put(void *p, size_t bytes) {
  pthread_mutex_lock(&pool.lock);
  if (bytes > pool.limit) {
    munmap(p, bytes);
  } else {
    while (pool.idle + bytes > pool.limit) pool_drop(pool_oldest());
    int free_slot = -1;
    for (int i = 0; i < POOL_SLOTS && free_slot < 0; i++)
      if (!pool.slot[i].p) free_slot = i;
    if (free_slot < 0) pool_drop(free_slot = pool_oldest());
    pool.slot[free_slot].p = p;
    pool.slot[free_slot].bytes = bytes;
    pool.slot[free_slot].age = ++pool.clock;
    pool.idle += bytes;
  }
  pthread_mutex_unlock(&pool.lock);
}

/* malloc keeps small blocks at hand per thread, aligned_alloc does not: a block is aligned inside a larger one, and the
 * byte before it says by how much. */
static void *small_new(size_t bytes) {
  unsigned char *raw = malloc(bytes + KV_ALIGN);
  if (!raw) return NULL;
  size_t shift = KV_ALIGN - (uintptr_t)raw % KV_ALIGN; /* 1 to KV_ALIGN */
  raw[shift - 1] = (unsigned char)shift;
  return raw + shift;
}

static void small_free(void *p) {
  unsigned char *block = p;
  free(block - block[-1]);
}

static void *block_new(size_t bytes) {
  if (bytes < POOL_MIN) return small_new(bytes);
  pthread_once(&pool_once, pool_start);
  if (bytes > SIZE_MAX / 2) return NULL;
  size_t size = mapped_size(bytes);
  void *p = pool_take(size);
  if (p) return p;
  p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) { /* idle blocks may be what is missing */
    kv_pool_trim();
    p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return NULL;
  }
  madvise(p, size, MADV_HUGEPAGE); /* a hint: fewer faults, fewer TLB misses */
  return p;
}

void *kv_block_new(size_t bytes) {
  if (must_fail()) return NULL;
  void *p = block_new(bytes);
  if (watched() && p) count((int64_t)bytes);
  return p;
}

void kv_block_free(void *p, size_t bytes) {
  if (!p) return;
  if (watched()) count(-(int64_t)bytes);
  if (bytes < POOL_MIN)
    small_free(p);
  else
    pool_put(p, mapped_size(bytes));
}

void kv_pool_trim(void) {
  pthread_mutex_lock(&pool.lock);
  for (int i = 0; i < POOL_SLOTS; i++)
    if (pool.slot[i].p) pool_drop(i);
  pthread_mutex_unlock(&pool.lock);
}

size_t kv_pool_bytes(void) {
  pthread_mutex_lock(&pool.lock);
  size_t idle = pool.idle;
  pthread_mutex_unlock(&pool.lock);
  return idle;
}
