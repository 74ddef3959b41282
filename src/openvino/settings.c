/* Settings: the process's and each thread's (settings.h). */
#include "openvino/settings.h"

#include "base/error.h"
#include "base/fork.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/threads.h"
#include "kvino/settings.h"
#include "openvino/device.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DEVICE = KV_PROPERTY_COUNT, SETTINGS };

static const char nobody[] = ""; /* a thread's own: as if nobody had set it */

struct kvino_settings {
  char *value[SETTINGS]; /* NULL: not set here */
  kvino_settings *before;
  int threads; /* of the native kernels before */
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of the process's */
static char *process[SETTINGS];
static bool read_environment[SETTINGS];
static _Thread_local kvino_settings *own;

static const char *name_of(int i) { return i == DEVICE ? "device" : kv_property_info((kv_property)i)->name; }
static const char *key_of(int i) { return i == DEVICE ? "device" : kv_property_info((kv_property)i)->key; }

static kvino_status find(const char *name, int *i, kvino_error *err) {
  if (!name) return kv_fail(err, KVINO_INVALID, "a setting needs a name, not NULL");
  *i = strcasecmp(name, "device") ? (int)kv_property_find(name) : DEVICE;
  return *i == DEVICE && strcasecmp(name, "device") ? kv_property_unknown(name, err) : KVINO_OK;
}

/* The value as it is kept; NULL for NULL. */
static kvino_status checked(int i, const char *value, char **kept, kvino_error *err) {
  kv_ov_device device;
  *kept = NULL;
  if (!value) return KVINO_OK;
  if (i != DEVICE) return kv_property_value((kv_property)i, name_of(i), value, kept, err);
  if (strcasecmp(value, "native")) KV_TRY(kv_ov_device_parse(value, &device, err));
  *kept = kv_strdup(strcasecmp(value, "native") ? device.text : "native");
  return *kept ? KVINO_OK : kv_fail(err, KVINO_NO_MEMORY, "out of memory");
}

/* Reads the variable of a setting that nobody has set; the mutex is held. */
static kvino_status from_environment(int i, kvino_error *err) {
  char variable[64] = "KVINO_";
  kvino_error why;
  if (read_environment[i] || process[i]) return KVINO_OK;
  size_t n = strlen(variable);
  for (const char *c = name_of(i); *c && n < sizeof variable - 1; c++) variable[n++] = (char)toupper((unsigned char)*c);
  const char *text = getenv(variable);
  kvino_status status = checked(i, text && *text ? text : NULL, &process[i], &why);
  if (status) return kv_fail(err, status, "environment variable %s: %s", variable, why.text);
  read_environment[i] = true;
  return KVINO_OK;
}

/* The value in force, borrowed while the mutex is held; NULL where there is none. */
static kvino_status peek(int i, const char **value, kvino_error *err) {
  const char *mine = own ? own->value[i] : NULL;
  *value = mine == nobody ? NULL : mine;
  if (mine) return KVINO_OK;
  KV_TRY(from_environment(i, err));
  *value = process[i];
  return KVINO_OK;
}

static void before_fork(void) { pthread_mutex_lock(&mutex); }
static void after_fork(void) { pthread_mutex_unlock(&mutex); }

static void lock(void) {
  kv_at_fork(KV_FORK_SETTINGS, before_fork, after_fork, after_fork);
  pthread_mutex_lock(&mutex);
}

/* A copy of what is in force. */
static kvino_status in_force(int i, char **value, kvino_error *err) {
  const char *found;
  *value = NULL;
  lock();
  kvino_status status = peek(i, &found, err);
  if (!status && found && !(*value = kv_strdup(found))) status = kv_fail(err, KVINO_NO_MEMORY, "out of memory");
  pthread_mutex_unlock(&mutex);
  return status;
}

kvino_status kv_setting(kv_property p, char **value, kvino_error *err) { return in_force((int)p, value, err); }
kvino_status kv_setting_device(char **device, kvino_error *err) { return in_force(DEVICE, device, err); }

kvino_status kvino_setting_get(const char *name, char **value, kvino_error *err) {
  int i;
  KV_NOT_NULL(err, name && value);
  KV_TRY(find(name, &i, err));
  return in_force(i, value, err);
}

kvino_status kvino_setting_set(const char *name, const char *value, kvino_error *err) {
  int i;
  char *kept;
  KV_NOT_NULL(err, name);
  KV_TRY(find(name, &i, err));
  KV_TRY(checked(i, value, &kept, err));
  lock();
  char *old = process[i];
  process[i] = kept;
  read_environment[i] = true; /* what is set, and what is set to nothing, comes before it */
  pthread_mutex_unlock(&mutex);
  kv_free(old);
  if (i == KV_INFERENCE_NUM_THREADS) kv_threads_choose(value ? atoi(value) : 0);
  return KVINO_OK;
}

static void free_settings(kvino_settings *s) {
  for (int i = 0; s && i < SETTINGS; i++)
    if (s->value[i] != nobody) kv_free(s->value[i]);
  kv_free(s);
}

/* Takes over what the settings around say. */
static bool inherit(kvino_settings *s) {
  for (int i = 0; own && i < SETTINGS; i++) {
    if (s->value[i] || !own->value[i]) continue;
    s->value[i] = own->value[i] == nobody ? (char *)nobody : kv_strdup(own->value[i]);
    if (!s->value[i]) return false;
  }
  return true;
}

kvino_status kvino_settings_enter(size_t n, const kvino_property *settings, kvino_settings **before, kvino_error *err) {
  KV_NOT_NULL(err, before && (settings || !n));
  kvino_settings *s = kv_calloc(1, sizeof *s);
  kvino_status status = s ? KVINO_OK : kv_fail(err, KVINO_NO_MEMORY, "out of memory");
  for (size_t k = 0; !status && k < n; k++) {
    int i;
    char *value;
    status = find(settings[k].name, &i, err);
    if (!status && s->value[i]) status = kv_fail(err, KVINO_INVALID, "property '%s' is given twice", settings[k].name);
    if (!status) status = checked(i, settings[k].value, &value, err);
    if (!status) s->value[i] = value ? value : (char *)nobody;
  }
  if (!status && !inherit(s)) status = kv_fail(err, KVINO_NO_MEMORY, "out of memory");
  if (status) {
    free_settings(s);
    return status;
  }
  const char *threads = s->value[KV_INFERENCE_NUM_THREADS];
  s->threads = kv_threads_own(threads ? atoi(threads) : 0);
  *before = s->before = own;
  own = s;
  return KVINO_OK;
}

void kvino_settings_leave(kvino_settings *before) {
  kvino_settings *s = own;
  if (!s || s->before != before) return;
  own = before;
  kv_threads_own(s->threads);
  free_settings(s);
}

/* Writes "name=value|..." of those from `first` on, or with `names` alone "name, ...". */
static kvino_status list(int first, bool names, bool (*wanted)(int i, const char *value), char **out,
                         kvino_error *err) {
  kv_text t = {0};
  kvino_status status = KVINO_OK;
  const char *comma = "";
  lock();
  for (int k = 0; k < SETTINGS && !status; k++) {
    int i = (first + k) % SETTINGS;
    const char *value;
    status = peek(i, &value, err);
    if (status || !value || (wanted && !wanted(i, value))) continue;
    if (names)
      kv_put(&t, "%s%s", comma, name_of(i));
    else
      kv_put(&t, "%s%s=%s", comma, key_of(i), value);
    comma = names ? ", " : "|";
  }
  pthread_mutex_unlock(&mutex);
  if (!status && !t.at && !names) kv_put(&t, "%s", "");
  if (!status && t.failed) status = kv_fail(err, KVINO_NO_MEMORY, "out of memory");
  if (status)
    kv_free(t.at);
  else
    *out = t.at;
  return status;
}

kvino_status kvino_settings_text(char **text, kvino_error *err) {
  KV_NOT_NULL(err, text);
  return list(DEVICE, false, NULL, text, err);
}

/* The native kernels have threads and compute in the dtype that is written. */
static bool not_for_native(int i, const char *value) {
  return i != DEVICE && i != KV_INFERENCE_NUM_THREADS && !(i == KV_INFERENCE_PRECISION_HINT && !strcmp(value, "f32"));
}

kvino_status kvino_settings_unused(const char *device, char **names, kvino_error *err) {
  char *set = NULL;
  KV_NOT_NULL(err, names);
  if (!device) KV_TRY(in_force(DEVICE, &set, err));
  bool native = (device || set) && !strcasecmp(device ? device : set, "native");
  kv_free(set);
  *names = NULL;
  return native ? list(0, true, not_for_native, names, err) : KVINO_OK;
}
