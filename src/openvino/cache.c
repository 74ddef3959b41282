/* The in-memory cache of compiled models (cache.h): a hash table of chains, and a list in order of use. */
#include "openvino/cache.h"

#include "base/error.h"
#include "base/fork.h"
#include "base/memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT 64
#define CHAINS 256

typedef struct entry {
  kv_ov_key key;
  kv_ov_model *model;  /* NULL while it is being made */
  struct entry *chain; /* next of the same hash */
  struct entry *newer, *older;
} entry;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t made = PTHREAD_COND_INITIALIZER;
static entry *chains[CHAINS];
static entry *newest, *oldest; /* of the models that are made */
static size_t limit = LIMIT;
static bool limit_read;
static kv_ov_cache_counts counts;

static entry **find(kv_ov_key key) {
  entry **at = &chains[key.word[0] % CHAINS];
  while (*at && memcmp(&(*at)->key, &key, sizeof key)) at = &(*at)->chain;
  return at;
}

static void unlist(entry *e) {
  *(e->newer ? &e->newer->older : &newest) = e->older;
  *(e->older ? &e->older->newer : &oldest) = e->newer;
}

static void list(entry *e) {
  e->newer = NULL;
  e->older = newest;
  *(newest ? &newest->newer : &oldest) = e;
  newest = e;
}

/* Takes the models beyond `most` out and returns them chained: they are released outside the mutex, for freeing a model
 * may wait for its threads. */
static entry *shrink(size_t most) {
  entry *gone = NULL;
  while (counts.models > most) {
    entry *e = oldest;
    unlist(e);
    *find(e->key) = e->chain;
    e->chain = gone;
    gone = e;
    counts.models--;
    counts.dropped++;
  }
  return gone;
}

static void release(entry *gone) {
  while (gone) {
    entry *next = gone->chain;
    kv_ov_model_release(gone->model);
    kv_free(gone);
    gone = next;
  }
}

static size_t read_limit(void) {
  const char *text = getenv("KVINO_MODEL_CACHE");
  char *end;
  if (limit_read) return limit;
  limit_read = true;
  if (!text || !*text) return limit;
  unsigned long n = strtoul(text, &end, 10);
  if (!*end && *text != '-') limit = n;
  return limit;
}

/* The model of the key where there is one, after waiting for a thread that makes it. */
static kv_ov_model *look_up(kv_ov_key key) {
  entry *e;
  while ((e = *find(key)) && !e->model) pthread_cond_wait(&made, &mutex);
  if (!e) return NULL;
  unlist(e);
  list(e);
  counts.hits++;
  return kv_ov_model_retain(e->model);
}

static void before_fork(void) { pthread_mutex_lock(&mutex); }
static void in_parent(void) { pthread_mutex_unlock(&mutex); }

/* What other threads were making, nobody makes here. */
static void in_child(void) {
  for (size_t i = 0; i < CHAINS; i++)
    for (entry **at = &chains[i]; *at;) {
      entry *e = *at;
      if (e->model) {
        at = &e->chain;
        continue;
      }
      *at = e->chain;
      kv_free(e);
    }
  pthread_cond_init(&made, NULL);
  pthread_mutex_unlock(&mutex);
}

kvino_status kv_ov_cache_get(kv_ov_key key, kv_ov_make_fn *make, void *context, kv_ov_model **out, kvino_error *err) {
  kv_at_fork(KV_FORK_CACHE, before_fork, in_parent, in_child);
  pthread_mutex_lock(&mutex);
  kv_ov_model *model = look_up(key);
  entry *e = NULL;
  if (!model) {
    counts.misses++;
    e = kv_calloc(1, sizeof *e);
    if (e) { /* a mark for others: it is being made */
      e->key = key;
      e->chain = *find(key);
      *find(key) = e;
    }
  }
  pthread_mutex_unlock(&mutex);
  if (model) {
    *out = model;
    return KVINO_OK;
  }
  if (!e) return kv_fail(err, KVINO_NO_MEMORY, "out of memory");

  kvino_status status = make(context, &model, err);
  entry *gone = NULL;
  pthread_mutex_lock(&mutex);
  if (status) {
    *find(key) = e->chain;
    e->chain = NULL;
    gone = e;
  } else {
    e->model = kv_ov_model_retain(model);
    list(e);
    counts.models++;
    gone = shrink(read_limit());
  }
  pthread_cond_broadcast(&made);
  pthread_mutex_unlock(&mutex);
  release(gone);
  if (!status) *out = model;
  return status;
}

void kv_ov_cache_set_limit(size_t models) {
  pthread_mutex_lock(&mutex);
  limit = models;
  limit_read = true;
  entry *gone = shrink(limit);
  pthread_mutex_unlock(&mutex);
  release(gone);
}

void kv_ov_cache_clear(void) {
  pthread_mutex_lock(&mutex);
  entry *gone = shrink(0);
  pthread_mutex_unlock(&mutex);
  release(gone);
}

kv_ov_cache_counts kv_ov_cache_count(void) {
  pthread_mutex_lock(&mutex);
  kv_ov_cache_counts now = counts;
  pthread_mutex_unlock(&mutex);
  return now;
}
