#include "archive/hdf5.h"

#include <string.h>

#include "archive/hdf5_library.h"
#include "archive/hdf5_write.h"
#include "archive/limits.h"
#include "archive/process.h"
#include "base/memory.h"
#include "tensor/tensor.h"

struct kv_hdf5 {
  kv_process process;
  kv_bytes *bytes;
  char *name;
};

/* ---- what is asked, and the answers ---- */

typedef enum operation { OPEN, HAS, COUNT, IS_DATASET, HAS_ATTRIBUTE, READ, NAMES, TEXTS } operation;

typedef struct request {
  operation operation;
  uint32_t n_path, n_attribute; /* letters that follow, each with a NUL behind */
} request;

enum { MOST_LETTERS = 1 << 16 };

/* Behind it: the error's text; a dataset's elements where they are not in the file; all texts, each with a NUL. */
typedef struct answer {
  kvino_status status;
  uint64_t value; /* of HAS and COUNT; how many texts */
  uint64_t bytes; /* of the texts */
  kv_hdf5_place place;
} answer;

/* ---- the process that reads ---- */

typedef struct reader {
  const kv_bytes *bytes;
  const char *name;
} reader;

static bool send_texts(int socket, answer *a, char **texts) {
  for (uint64_t i = 0; i < a->value; i++) a->bytes += strlen(texts[i]) + 1;
  if (!kv_process_send(socket, a, sizeof *a)) return false;
  for (uint64_t i = 0; i < a->value; i++)
    if (!kv_process_send(socket, texts[i], strlen(texts[i]) + 1)) return false;
  return true;
}

static bool answer_one(kv_hdf5_file **file, const reader *r, operation what, const char *path, const char *attribute,
                       int socket) {
  kvino_error err = {KVINO_OK, ""};
  char **texts = NULL;
  size_t n = 0;
  answer a = {0};
  switch (what) {
  case OPEN:
    a.status = kv_hdf5_library_open(r->bytes, r->name, file, &err);
    break;
  case HAS:
    a.status = kv_hdf5_library_has(*file, path, &a.value, &err);
    break;
  case COUNT:
    a.status = kv_hdf5_library_count(*file, path, &a.value, &err);
    break;
  case IS_DATASET:
    a.status = kv_hdf5_library_is_dataset(*file, path, &a.value, &err);
    break;
  case HAS_ATTRIBUTE:
    a.status = kv_hdf5_library_has_attribute(*file, path, attribute, &a.value, &err);
    break;
  case READ:
    a.status = kv_hdf5_library_read(*file, path, &a.place, &err);
    break;
  case NAMES:
    a.status = kv_hdf5_library_names(*file, path, &texts, &n, &err);
    a.value = n;
    break;
  case TEXTS:
    a.status = kv_hdf5_library_texts(*file, path, attribute, &texts, &n, &err);
    a.value = n;
    break;
  }
  if (a.status) return kv_process_send(socket, &a, sizeof a) && kv_process_send(socket, err.text, sizeof err.text);
  if (what == TEXTS || what == NAMES) {
    bool sent = send_texts(socket, &a, texts);
    kvino_names_free(texts, n);
    return sent;
  }
  bool sent = kv_process_send(socket, &a, sizeof a);
  if (sent && a.place.data) sent = kv_process_send(socket, a.place.data, a.place.bytes);
  kv_free(a.place.data);
  return sent;
}

static void serve(void *context, int socket) {
  static char path[MOST_LETTERS + 1], attribute[MOST_LETTERS + 1];
  kv_hdf5_file *file = NULL;
  request q;
  while (kv_process_receive(socket, &q, sizeof q) && kv_process_receive(socket, path, q.n_path + 1) &&
         kv_process_receive(socket, attribute, q.n_attribute + 1) &&
         answer_one(&file, context, q.operation, path, attribute, socket))
    continue;
}

/* ---- asking it ---- */

static kvino_status broken(const kv_hdf5 *h, const char *path, kvino_error *err) {
  return kv_fail(err, KVINO_IO,
                 "%s%s%s: the HDF5 file is damaged: reading it takes more time or memory than it may, or breaks",
                 h->name, *path ? ": " : "", path);
}

static kvino_status ask(kv_hdf5 *h, operation what, const char *path, const char *attribute, answer *a,
                        kvino_error *err) {
  size_t n_path = strlen(path), n_attribute = strlen(attribute);
  request q = {what, (uint32_t)n_path, (uint32_t)n_attribute};
  if (n_path > MOST_LETTERS || n_attribute > MOST_LETTERS)
    return kv_fail(err, KVINO_IO, "%s: %.60s...: a path that is too long", h->name, path);
  int socket = h->process.socket;
  size_t n = sizeof q + n_path + 1 + n_attribute + 1;
  char *message = kv_malloc(n); /* sent as a whole: each part would wake the other process */
  if (!message) return kv_fail(err, KVINO_NO_MEMORY, "%s: out of memory for an HDF5 file", h->name);
  memcpy(message, &q, sizeof q);
  memcpy(message + sizeof q, path, n_path + 1);
  memcpy(message + sizeof q + n_path + 1, attribute, n_attribute + 1);
  bool answered = kv_process_send(socket, message, n) && kv_process_receive(socket, a, sizeof *a);
  kv_free(message);
  if (!answered) return broken(h, path, err);
  if (!a->status) return KVINO_OK;
  kvino_error theirs;
  if (!kv_process_receive(socket, theirs.text, sizeof theirs.text)) return broken(h, path, err);
  theirs.text[sizeof theirs.text - 1] = 0;
  return kv_fail(err, a->status == KVINO_NO_MEMORY ? KVINO_NO_MEMORY : KVINO_IO, "%s", theirs.text);
}

kv_bytes *kv_hdf5_bytes(const kv_hdf5 *h) { return h->bytes; }

bool kv_hdf5_is(const kv_bytes *bytes) { return bytes->n > 8 && !memcmp(bytes->at, "\x89HDF\r\n\x1a\n", 8); }

kvino_status kv_hdf5_open(kv_bytes *bytes, const char *name, kv_hdf5 **out, kvino_error *err) {
  answer a;
  kv_hdf5 *h = kv_calloc(1, sizeof *h);
  if (!h || !(h->name = kv_strdup(name))) {
    kv_free(h);
    return kv_fail(err, KVINO_NO_MEMORY, "%s: out of memory for an HDF5 file", name);
  }
  h->bytes = kv_bytes_retain(bytes);
  h->process.socket = -1;
  kv_process_limits limits = {KV_MEMORY_OF_A_READER, KV_SECONDS_OF_A_READER + bytes->n / KV_BYTES_A_SECOND};
  kv_hdf5_hold(); /* the process is to find the library between two calls */
  kvino_status status = kv_process_start(serve, &(reader){bytes, name}, limits, &h->process, err);
  kv_hdf5_let_go();
  if (!status) status = ask(h, OPEN, "", "", &a, err);
  if (status)
    kv_hdf5_close(h);
  else
    *out = h;
  return status;
}

void kv_hdf5_close(kv_hdf5 *h) {
  if (!h) return;
  if (h->process.socket >= 0) kv_process_end(&h->process);
  kv_bytes_release(h->bytes);
  kv_free(h->name);
  kv_free(h);
}

kvino_status kv_hdf5_has(kv_hdf5 *h, const char *path, bool *out, kvino_error *err) {
  answer a;
  KV_TRY(ask(h, HAS, path, "", &a, err));
  *out = a.value;
  return KVINO_OK;
}

kvino_status kv_hdf5_count(kv_hdf5 *h, const char *path, size_t *out, kvino_error *err) {
  answer a;
  KV_TRY(ask(h, COUNT, path, "", &a, err));
  *out = a.value;
  return KVINO_OK;
}

kvino_status kv_hdf5_is_dataset(kv_hdf5 *h, const char *path, bool *out, kvino_error *err) {
  answer a;
  KV_TRY(ask(h, IS_DATASET, path, "", &a, err));
  *out = a.value;
  return KVINO_OK;
}

kvino_status kv_hdf5_has_attribute(kv_hdf5 *h, const char *path, const char *name, bool *out, kvino_error *err) {
  answer a;
  KV_TRY(ask(h, HAS_ATTRIBUTE, path, name, &a, err));
  *out = a.value;
  return KVINO_OK;
}

/* ---- datasets ---- */

/* Whether it can be what a file of this size holds; *bytes: of its elements. */
static bool can_be(const kv_hdf5 *h, const kv_hdf5_place *p, uint64_t *bytes) {
  if ((unsigned)p->dtype >= KVINO_DTYPE_COUNT || p->rank < 0 || p->rank > KVINO_MAX_RANK) return false;
  *bytes = kvino_dtype_size(p->dtype);
  for (int i = 0; i < p->rank; i++)
    if (p->shape[i] < 0 || __builtin_mul_overflow(*bytes, (uint64_t)p->shape[i], bytes)) return false;
  size_t n = h->bytes->n;
  return p->in_file ? p->offset <= n && *bytes <= n - p->offset : *bytes / KV_MOST_PACKED <= n + KV_PACKED_SLACK;
}

static void release_bytes(void *bytes) { kv_bytes_release(bytes); }

kvino_status kv_hdf5_read(kv_hdf5 *h, const char *path, kvino_tensor **out, kvino_error *err) {
  answer a;
  uint64_t bytes;
  KV_TRY(ask(h, READ, path, "", &a, err));
  const kv_hdf5_place *p = &a.place;
  if (!can_be(h, p, &bytes)) return broken(h, path, err);
  const char *at = p->in_file ? h->bytes->at + p->offset : NULL;
  if (at && (uintptr_t)at % kvino_dtype_size(p->dtype) == 0)
    return kvino_tensor_wrap(p->dtype, p->rank, p->shape, NULL, at, release_bytes, kv_bytes_retain(h->bytes), out, err);
  kvino_tensor *t = NULL;
  KV_TRY(kv_tensor_empty(p->dtype, p->rank, p->shape, &t, err));
  if (at && bytes) {
    memcpy(t->data, at, bytes);
  } else if (!kv_process_receive(h->process.socket, t->data, bytes)) {
    kvino_tensor_release(t);
    return broken(h, path, err);
  }
  for (int64_t i = 0; p->dtype == KVINO_BOOL && i < t->size; i++) t->data[i] = t->data[i] != 0;
  *out = t;
  return KVINO_OK;
}

/* ---- attributes ---- */

/* n texts from what stands in `block`, which ends with a NUL. */
static kvino_status divide(const char *block, size_t bytes, size_t n, char ***out, kvino_error *err) {
  char **texts = kv_calloc(n + 1, sizeof *texts);
  kvino_status status = texts ? KVINO_OK : kv_fail(err, KVINO_NO_MEMORY, "out of memory for %zu texts", n);
  for (size_t i = 0, at = 0; i < n && !status; i++) {
    if (!(texts[i] = kv_strdup(at < bytes ? block + at : "")))
      status = kv_fail(err, KVINO_NO_MEMORY, "out of memory for a text");
    else
      at += strlen(texts[i]) + 1;
  }
  if (status)
    kvino_names_free(texts, texts ? n : 0);
  else
    *out = texts;
  return status;
}

/* The texts that an operation gives. */
static kvino_status take(kv_hdf5 *h, operation what, const char *path, const char *attribute, char ***texts, size_t *n,
                         kvino_error *err) {
  answer a;
  *texts = NULL;
  *n = 0;
  KV_TRY(ask(h, what, path, attribute, &a, err));
  if (!a.value) return KVINO_OK;
  /* A text may stand in the file once and be named many times. */
  if (a.value > h->bytes->n || a.bytes < a.value || a.bytes > KV_MOST_ATTRIBUTE + a.value) return broken(h, path, err);
  char *block = kv_malloc(a.bytes + 1);
  if (!block) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for %llu texts", (unsigned long long)a.value);
  block[a.bytes] = 0;
  kvino_status status = kv_process_receive(h->process.socket, block, a.bytes)
                            ? divide(block, a.bytes, a.value, texts, err)
                            : broken(h, path, err);
  kv_free(block);
  if (!status) *n = a.value;
  return status;
}

kvino_status kv_hdf5_texts(kv_hdf5 *h, const char *path, const char *attribute, char ***texts, size_t *n,
                           kvino_error *err) {
  return take(h, TEXTS, path, attribute, texts, n, err);
}

kvino_status kv_hdf5_names(kv_hdf5 *h, const char *path, char ***names, size_t *n, kvino_error *err) {
  return take(h, NAMES, path, "", names, n, err);
}
