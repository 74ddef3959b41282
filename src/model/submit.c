/* kvino_model_submit: runs in threads of the library's.
 *
 * A thread is started for a run where there are fewer than run at once, and ends when nothing waits any more: a model
 * that nobody submits to has none. */
#include <string.h>

#include "base/memory.h"
#include "base/processors.h"
#include "model/model.h"

enum { MOST_THREADS = 8 };

struct kv_job {
  kv_job *next;
  void (*done)(void *context, kvino_status status, const kvino_error *err, const kvino_tensors *out);
  void *context;
  size_t n;
  kvino_tensor *in[];
};

/* The model that this thread computes for. */
static _Thread_local kvino_model *own;

static void run(kvino_model *m, kv_job *job) {
  kvino_error err = {KVINO_OK, ""};
  kvino_tensors out = {0, NULL};
  kvino_status status = kvino_model_run(m, job->n, job->in, &out, &err);
  if (job->done) job->done(job->context, status, &err, &out);
  kvino_tensors_clear(&out);
  for (size_t i = 0; i < job->n; i++) kvino_tensor_release(job->in[i]);
  kv_free(job);
}

static void *work(void *model) {
  kvino_model *m = own = model;
  pthread_mutex_lock(&m->queue);
  while (m->first) {
    kv_job *job = m->first;
    if (!(m->first = job->next)) m->last = NULL;
    pthread_mutex_unlock(&m->queue);
    run(m, job);
    pthread_mutex_lock(&m->queue);
  }
  bool end = !--m->n_threads && m->abandoned;
  pthread_cond_broadcast(&m->idle);
  pthread_mutex_unlock(&m->queue);
  if (end) kv_model_free(m);
  return NULL;
}

/* A further thread, where that helps; runs that keep states come one after the other. The queue's lock is held; false:
 * the job cannot be computed. */
static bool start(kvino_model *m) {
  pthread_t thread;
  pthread_attr_t detached;
  int most = m->kept.n ? 1 : kv_processors() < 2 ? 2 : kv_processors() > MOST_THREADS ? MOST_THREADS : kv_processors();
  if (m->n_threads >= (size_t)most) return true;
  pthread_attr_init(&detached);
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  bool started = !pthread_create(&thread, &detached, work, m);
  pthread_attr_destroy(&detached);
  m->n_threads += started;
  return m->n_threads != 0;
}

kvino_status kvino_model_submit(kvino_model *m, size_t n, kvino_tensor *const *in,
                                void (*done)(void *context, kvino_status status, const kvino_error *err,
                                             const kvino_tensors *out),
                                void *context, kvino_error *err) {
  KV_NOT_NULL(err, m && (in || !n));
  kv_job *job = kv_malloc(sizeof *job + n * sizeof *job->in);
  if (!job) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a run");
  *job = (kv_job){.done = done, .context = context, .n = n};
  for (size_t i = 0; i < n; i++) job->in[i] = kvino_tensor_retain(in[i]);
  pthread_mutex_lock(&m->queue);
  bool good = start(m);
  if (good) {
    if (m->last)
      m->last->next = job;
    else
      m->first = job;
    m->last = job;
  }
  pthread_mutex_unlock(&m->queue);
  if (good) return KVINO_OK;
  for (size_t i = 0; i < n; i++) kvino_tensor_release(job->in[i]);
  kv_free(job);
  return kv_fail(err, KVINO_NO_MEMORY, "no thread for a run");
}

void kvino_model_wait(kvino_model *m) {
  if (!m || own == m) return;
  pthread_mutex_lock(&m->queue);
  while (m->n_threads) pthread_cond_wait(&m->idle, &m->queue);
  pthread_mutex_unlock(&m->queue);
}

bool kv_model_end(kvino_model *m) {
  if (own != m) {
    kvino_model_wait(m);
    return true;
  }
  pthread_mutex_lock(&m->queue);
  m->abandoned = true; /* the last thread frees it */
  pthread_mutex_unlock(&m->queue);
  return false;
}

/* Memory of the caller's for results. */
typedef struct room {
  const kvino_model *m;
  void *const *data;
  const size_t *bytes;
} room;

/* All of them or none. */
static kvino_status fill(void *context, const kvino_tensors *out, kvino_error *err) {
  const room *to = context;
  const kvino_model *m = to->m;
  for (size_t i = 0; i < m->out.n; i++) {
    kvino_tensor *plain = NULL;
    KV_TRY(kvino_tensor_contiguous(out->v[i], &plain, err));
    kvino_tensor_release(out->v[i]);
    out->v[i] = plain;
    size_t size = (size_t)kvino_tensor_size(plain) * kvino_dtype_size(kvino_tensor_dtype(plain));
    if (size > to->bytes[i])
      return kv_fail(err, KVINO_INVALID, "%s: output '%s' has %zu bytes; there is room for %zu", m->file.name,
                     m->out.v[i].name, size, to->bytes[i]);
  }
  for (size_t i = 0; i < m->out.n; i++) {
    size_t size = (size_t)kvino_tensor_size(out->v[i]) * kvino_dtype_size(kvino_tensor_dtype(out->v[i]));
    if (size) memcpy(to->data[i], kvino_tensor_data(out->v[i]), size);
  }
  return KVINO_OK;
}

kvino_status kvino_model_run_into(kvino_model *m, size_t n, kvino_tensor *const *in, size_t n_out, void *const *data,
                                  const size_t *bytes, kvino_error *err) {
  kvino_tensors out = {0, NULL};
  KV_NOT_NULL(err, m && (in || !n) && ((data && bytes) || !n_out));
  for (size_t i = 0; i < n_out; i++) KV_NOT_NULL(err, data[i]);
  if (n_out != m->out.n)
    return kv_fail(err, KVINO_INVALID, "%s: the model has %zu outputs, not %zu", m->file.name, m->out.n, n_out);
  KV_TRY(kv_model_run(m, n, in, fill, &(room){m, data, bytes}, &out, err));
  kvino_tensors_clear(&out);
  return KVINO_OK;
}
