/* The check of what a user asks for against the table of properties and the device, and what holds where he does not
 * (config.h). */
#include "openvino/config.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/processors.h"
#include "openvino/device.h"
#include "openvino/runtime.h"
#include "openvino/settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Whether the device lists the key; composed devices pass properties on and are asked when they compile. */
static bool supported(const kv_ov_device *device, const char *key) {
  if (device->composed) return true;
  char *list = kv_ov_device_property(device->text, "SUPPORTED_PROPERTIES");
  bool found = !list || kv_word_in(list, key);
  kv_free(list);
  return found;
}

kvino_status kv_check_precision(const char *device, const char *capabilities, const char *precision, kvino_error *err) {
  char name[16];
  snprintf(name, sizeof name, "%s%s", *precision == 'b' ? "BF" : "FP", strpbrk(precision, "0123456789"));
  if (kv_word_in(capabilities, name)) return KVINO_OK;
  return kv_fail(err, KVINO_INVALID, "device '%s' does not compute in %s; what it can do: %s", device, precision,
                 capabilities);
}

/* OpenVINO takes f16 and bf16 for f32 where the processor has them not, without a word. */
static kvino_status check_device_has(const kv_ov_device *device, kv_property p, const char *name, const char *value,
                                     kvino_error *err) {
  if (kv_property_taker(p) == KV_TAKEN_BY_DEVICE && !supported(device, kv_property_info(p)->key))
    return kv_fail(err, KVINO_INVALID, "device '%s' does not know property '%s'", device->text, name);
  if (p != KV_INFERENCE_PRECISION_HINT || device->composed || !strpbrk(value, "16") || !strcmp(value, "f32"))
    return KVINO_OK;
  char *capabilities = kv_ov_device_property(device->text, "OPTIMIZATION_CAPABILITIES");
  kvino_status status = capabilities ? kv_check_precision(device->text, capabilities, value, err) : KVINO_OK;
  kv_free(capabilities);
  return status;
}

/* One property as OpenVINO spells it. Its own names that are not in the table are taken where the device lists them. */
static kvino_status check_property(const kv_ov_device *device, const kvino_property *p, const char **key, char **value,
                                   kvino_error *err) {
  if (!p->name || !p->value) return kv_fail(err, KVINO_INVALID, "a property needs a name and a value, not NULL");
  kv_property row = kv_property_find(p->name);
  if (row == KV_PROPERTY_COUNT) {
    bool capitals = *p->name && !p->name[strspn(p->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")];
    if (!capitals || device->composed || !supported(device, p->name)) return kv_property_unknown(p->name, err);
    *key = p->name;
    *value = kv_strdup(p->value);
    return *value ? KVINO_OK : kv_fail(err, KVINO_NO_MEMORY, "out of memory");
  }
  *key = kv_property_info(row)->key;
  KV_TRY(kv_property_value(row, p->name, p->value, value, err));
  kvino_status status = check_device_has(device, row, p->name, *value, err);
  if (status) kv_free(*value);
  return status;
}

kv_ov_config *kv_ov_config_retain(kv_ov_config *config) {
  atomic_fetch_add_explicit(&config->refs, 1, memory_order_relaxed);
  return config;
}

void kv_ov_config_free(kv_ov_config *config) {
  if (!config || atomic_fetch_sub_explicit(&config->refs, 1, memory_order_acq_rel) != 1) return;
  for (size_t i = 0; i < 2 * config->n; i++) kv_free((void *)config->pairs[i]);
  kv_free(config->text);
  kv_free(config->device);
  kv_free(config);
}

/* Keeps the pairs sorted by key, so that the order in which properties are given does not matter to a cache. */
static kvino_status insert(kv_ov_config *config, const char *key, char *value, const char *given, kvino_error *err) {
  size_t at = 0;
  kvino_status status = KVINO_OK;
  while (at < config->n && strcmp(config->pairs[2 * at], key) < 0) at++;
  char *copy = kv_strdup(key);
  if (!copy)
    status = kv_fail(err, KVINO_NO_MEMORY, "out of memory");
  else if (at < config->n && !strcmp(config->pairs[2 * at], key))
    status = kv_fail(err, KVINO_INVALID, "property '%s' is given twice", given);
  else if (config->n == KV_OV_PROPERTIES)
    status = kv_fail(err, KVINO_INVALID, "more than %d properties", KV_OV_PROPERTIES);
  if (status) {
    kv_free(copy);
    kv_free(value);
    return status;
  }
  memmove(config->pairs + 2 * at + 2, config->pairs + 2 * at, 2 * (config->n - at) * sizeof *config->pairs);
  config->pairs[2 * at] = copy;
  config->pairs[2 * at + 1] = value;
  config->n++;
  return KVINO_OK;
}

static bool write_text(kv_ov_config *config) {
  size_t bytes = strlen(config->device) + 1;
  for (size_t i = 0; i < 2 * config->n; i++) bytes += strlen(config->pairs[i]) + 1;
  config->text = kv_malloc(bytes);
  if (!config->text) return false;
  char *at = stpcpy(config->text, config->device);
  for (size_t i = 0; i < 2 * config->n; i++) {
    *at++ = i % 2 ? '=' : '|';
    at = stpcpy(at, config->pairs[i]);
  }
  return true;
}

const char *kv_ov_config_get(const kv_ov_config *config, kv_property p) {
  for (size_t i = 0; i < config->n; i++)
    if (!strcmp(config->pairs[2 * i], kv_property_info(p)->key)) return config->pairs[2 * i + 1];
  return NULL;
}

bool kv_ov_config_is_cpu(const kv_ov_config *config) {
  return !strncmp(config->device, "CPU", 3) && (!config->device[3] || config->device[3] == '.');
}

static kvino_status insert_copy(kv_ov_config *config, kv_property p, const char *value, kvino_error *err) {
  char *copy = kv_strdup(value);
  if (!copy) return kv_fail(err, KVINO_NO_MEMORY, "out of memory");
  return insert(config, kv_property_info(p)->key, copy, kv_property_info(p)->name, err);
}

/* The settings in force, where the call does not say otherwise. */
static kvino_status insert_settings(kv_ov_config *config, const kv_ov_device *device, kvino_error *err) {
  for (int i = 0; i < KV_PROPERTY_COUNT; i++) {
    kv_property p = (kv_property)i;
    char *value;
    kvino_error why;
    if (kv_ov_config_get(config, p)) continue;
    KV_TRY(kv_setting(p, &value, err));
    if (!value) continue;
    const char *name = kv_property_info(p)->name;
    kvino_status status = check_device_has(device, p, name, value, &why);
    if (status) status = kv_fail(err, status, "%s (the setting '%s')", why.text, name);
    if (!status)
      status = insert(config, kv_property_info(p)->key, value, name, err); /* takes the value */
    else
      kv_free(value);
    KV_TRY(status);
  }
  return KVINO_OK;
}

/* OpenVINO makes the directory while it compiles; where it cannot, no model would be compiled. */
static kvino_status make_cache_dir(const char *path, kvino_error *err) {
  char *copy = kv_strdup(path);
  struct stat found;
  int why = 0;
  if (!copy) return kv_fail(err, KVINO_NO_MEMORY, "out of memory");
  for (char *at = copy + 1; !why; at++) {
    char here = *at;
    if (here && here != '/') continue;
    *at = 0;
    if (stat(copy, &found) && mkdir(copy, 0777) && errno != EEXIST) why = errno;
    *at = here;
    if (!here) break;
  }
  kv_free(copy);
  if (!why && !stat(path, &found) && !S_ISDIR(found.st_mode)) why = ENOTDIR;
  return why ? kv_fail(err, KVINO_IO, "property 'cache_dir': %s: %s", path, strerror(why)) : KVINO_OK;
}

/* What would be silently without effect, and what follows from what was asked. */
static kvino_status settle(kv_ov_config *config, kvino_error *err) {
  const char *mode = kv_ov_config_get(config, KV_CACHE_MODE), *cache = kv_ov_config_get(config, KV_CACHE_DIR),
             *weightless = kv_ov_config_get(config, KV_ENABLE_WEIGHTLESS);
  if (cache) KV_TRY(make_cache_dir(cache, err));
  if (mode && !cache)
    return kv_fail(err, KVINO_INVALID, "property 'cache_mode' is of the cache on disk, and there is no 'cache_dir'");
  /* OpenVINO looks for them in a file that it read the model from; in vain, it compiles anew each time. */
  if ((mode && !strcmp(mode, "OPTIMIZE_SIZE")) || (weightless && !strcmp(weightless, "YES")))
    return kv_fail(err, KVINO_INVALID,
                   "'%s' leaves the weights out of the cache, and OpenVINO finds those of a model from memory nowhere "
                   "else: a second start would compile again; without it they are kept in 'cache_dir'",
                   mode && !strcmp(mode, "OPTIMIZE_SIZE") ? "cache_mode=optimize_size" : "weightless=yes");
  /* OpenVINO binds threads to the first processors where their number is given: those of several processes to the same.
   * Who takes less than all processors leaves the choice to the system. (All of what a container has: runtime.c.) */
  const char *threads = kv_ov_config_get(config, KV_INFERENCE_NUM_THREADS);
  bool fewer = threads && atoi(threads) && atoi(threads) < kv_processors();
  if (fewer && kv_ov_config_is_cpu(config) && !kv_ov_config_get(config, KV_ENABLE_CPU_PINNING))
    return insert_copy(config, KV_ENABLE_CPU_PINNING, "NO", err);
  return KVINO_OK;
}

static kvino_status make(const char *text, const kvino_property *properties, size_t n, bool with_settings,
                         kv_ov_config **out, kvino_error *err) {
  kv_ov_device device;
  kvino_status status;
  KV_TRY(kv_ov_device_parse(text, &device, err));
  KV_TRY(kv_ov_device_present(&device, err));
  kv_ov_config *config = kv_calloc(1, sizeof *config);
  if (!config) return kv_fail(err, KVINO_NO_MEMORY, "out of memory");
  config->refs = 1;
  if (!(config->device = kv_strdup(device.text))) goto memory;
  for (size_t i = 0; i < n; i++) {
    const char *key = NULL;
    char *value = NULL;
    KV_GOTO(status, check_property(&device, &properties[i], &key, &value, err), fail);
    KV_GOTO(status, insert(config, key, value, properties[i].name, err), fail);
  }
  if (with_settings) KV_GOTO(status, insert_settings(config, &device, err), fail);
  KV_GOTO(status, settle(config, err), fail);
  if (!write_text(config)) goto memory;
  *out = config;
  return KVINO_OK;
memory:
  status = kv_fail(err, KVINO_NO_MEMORY, "out of memory");
fail:
  kv_ov_config_free(config);
  return status;
}

kvino_status kv_ov_config_new(const char *device, const kvino_property *properties, size_t n, kv_ov_config **out,
                              kvino_error *err) {
  return make(device, properties, n, false, out, err);
}

kvino_status kv_ov_config_in_force(const char *device, const kvino_property *properties, size_t n, kv_ov_config **out,
                                   kvino_error *err) {
  return make(device, properties, n, true, out, err);
}

kvino_status kv_ov_config_with(const kv_ov_config *config, size_t n, const kv_ov_pair *pairs, kv_ov_config **out,
                               kvino_error *err) {
  kv_ov_config *copy = kv_calloc(1, sizeof *copy);
  if (!copy) return kv_fail(err, KVINO_NO_MEMORY, "out of memory");
  copy->refs = 1;
  copy->device = kv_strdup(config->device);
  kvino_status status = copy->device ? KVINO_OK : kv_fail(err, KVINO_NO_MEMORY, "out of memory");
  for (size_t i = 0; i < config->n && !status; i++) {
    char *value = kv_strdup(config->pairs[2 * i + 1]);
    status =
        value ? insert(copy, config->pairs[2 * i], value, "", err) : kv_fail(err, KVINO_NO_MEMORY, "out of memory");
  }
  for (size_t i = 0; i < n && !status; i++) status = insert_copy(copy, pairs[i].property, pairs[i].value, err);
  if (!status && !write_text(copy)) status = kv_fail(err, KVINO_NO_MEMORY, "out of memory");
  if (status)
    kv_ov_config_free(copy);
  else
    *out = copy;
  return status;
}

kvino_status kvino_properties_check(const char *device, size_t n, const kvino_property *properties, kvino_error *err) {
  KV_NOT_NULL(err, properties || !n);
  kv_ov_config *config;
  KV_TRY(kv_ov_config_new(device, properties, n, &config, err));
  kv_ov_config_free(config);
  return KVINO_OK;
}
