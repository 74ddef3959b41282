#define _GNU_SOURCE
#include "kernels/linalg/blas.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cblas.h>

#include "base/cpu.h"
#include "base/error.h"
#include "base/fork.h"
#include "base/threads.h"

/* ---- the processor ---- */

/* OpenBLAS chooses its kernels when it is loaded, by the processor's model. For one that came after its release it
 * takes those of SSE3, a fifth as fast, whatever the processor can do. It is asked again then, with the name of kernels
 * for what kvino found, before anyone computes; what the user names counts, as ever. */
extern char *openblas_get_corename(void) __attribute__((weak));
extern void gotoblas_dynamic_init(void) __attribute__((weak)); /* of builds for several processors only */
extern void gotoblas_dynamic_quit(void) __attribute__((weak));

#define KERNELS_VARIABLE "OPENBLAS_CORETYPE"
__attribute__((constructor)) static void choose_kernels(void) {
  static const char *const kernels[KV_ISA_COUNT] = {[KV_ISA_AVX2] = "Haswell", [KV_ISA_AVX512] = "SkylakeX"};
  if (!openblas_get_corename || !gotoblas_dynamic_init || !gotoblas_dynamic_quit || getenv(KERNELS_VARIABLE)) return;
  const char *wanted = strcmp(openblas_get_corename(), "Prescott") ? NULL : kernels[kv_cpu_isa()];
  if (!wanted || setenv(KERNELS_VARIABLE, wanted, 1)) return;
  gotoblas_dynamic_quit();
  gotoblas_dynamic_init();
  unsetenv(KERNELS_VARIABLE);
}

/* ---- the number of threads ---- */

/* Newer releases of OpenBLAS set it for the calling thread. */
extern int openblas_set_num_threads_local(int threads) __attribute__((weak));

/* Where they do not: who comes first sets it for all, who leaves last puts it back. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static atomic_int inside;
static int others; /* what it was before */
static _Thread_local int own;

static void before_fork(void) { pthread_mutex_lock(&mutex); }
static void in_parent(void) { pthread_mutex_unlock(&mutex); }

/* The other threads will not leave. */
static void in_child(void) {
  if (atomic_exchange(&inside, 0)) openblas_set_num_threads(others);
  pthread_mutex_unlock(&mutex);
}

static bool join(int least, int step) {
  int n = atomic_load(&inside);
  while (n > least)
    if (atomic_compare_exchange_weak(&inside, &n, n + step)) return true;
  return false;
}

void kv_blas_begin(void) {
  if (openblas_set_num_threads_local) {
    own = openblas_set_num_threads_local(1);
    return;
  }
  if (join(0, 1)) return;
  kv_at_fork(KV_FORK_BLAS, before_fork, in_parent, in_child);
  pthread_mutex_lock(&mutex);
  if (!atomic_load(&inside) && (others = openblas_get_num_threads()) != 1) openblas_set_num_threads(1);
  atomic_fetch_add(&inside, 1);
  pthread_mutex_unlock(&mutex);
}

void kv_blas_end(void) {
  if (openblas_set_num_threads_local) {
    openblas_set_num_threads_local(own);
    return;
  }
  if (join(1, -1)) return;
  pthread_mutex_lock(&mutex);
  if (atomic_fetch_sub(&inside, 1) == 1 && others != 1) openblas_set_num_threads(others);
  pthread_mutex_unlock(&mutex);
}

/* ---- memory ---- */

/* OpenBLAS's own: a buffer for a call, which stays for later ones. */
extern void *blas_memory_alloc(int place) __attribute__((weak));
extern void blas_memory_free(void *buffer) __attribute__((weak));

enum { MOST_BUFFERS = 64 };
static const size_t BUFFER_BYTES = (size_t)130 << 20; /* of any release, a little more than it takes */

static atomic_bool ready;

/* A buffer for every thread of the pool is made beforehand, while there is memory for it. */
static kvino_status make_buffers(kvino_error *err) {
  void *buffer[MOST_BUFFERS];
  int n = 0, wanted = kv_threads() < MOST_BUFFERS ? kv_threads() : MOST_BUFFERS;
  for (; n < wanted; n++) {
    void *room = mmap(NULL, BUFFER_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED) break;
    munmap(room, BUFFER_BYTES);
    buffer[n] = blas_memory_alloc(1);
  }
  for (int i = 0; i < n; i++) blas_memory_free(buffer[i]);
  if (n == wanted) return KVINO_OK;
  return kv_fail(err, KVINO_NO_MEMORY, "out of memory for OpenBLAS, which takes %zu MB for each of %d threads",
                 BUFFER_BYTES >> 20, wanted);
}

kvino_status kv_blas_ready(kvino_error *err) {
  if (atomic_load_explicit(&ready, memory_order_acquire)) return KVINO_OK;
  if (blas_memory_alloc && blas_memory_free) KV_TRY(make_buffers(err));
  atomic_store_explicit(&ready, true, memory_order_release);
  return KVINO_OK;
}
