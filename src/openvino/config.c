/* The table of properties, and the check of what a user asks for against it (config.h). */
#include "openvino/config.h"

#include "base/error.h"
#include "base/memory.h"
#include "openvino/device.h"
#include "openvino/runtime.h"

#include <ctype.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef enum kind {
  CHOICE, /* one of a list of words */
  SWITCH, /* yes or no */
  COUNT,  /* a number from 0 on */
  AMOUNT, /* a number from 0 on or one of a list of words */
  PATH,   /* any text that is not empty */
} kind;

/* By whom a property is taken. */
typedef enum taker {
  CORE,   /* OpenVINO itself, for every device */
  DEVICE, /* the device, which may not know it */
} taker;

/* ROW(kvino's name, OpenVINO's name, kind, words that it takes in lower case, taker, help) */
#define PROPERTIES(ROW)                                                                                                \
  ROW("performance_hint", "PERFORMANCE_HINT", CHOICE, "latency|throughput|cumulative_throughput", DEVICE,              \
      "what to optimise for")                                                                                          \
  ROW("precision", "INFERENCE_PRECISION_HINT", CHOICE, "f32|f16|bf16|dynamic", DEVICE,                                 \
      "precision of computation; f32 where it is not given")                                                           \
  ROW("execution_mode", "EXECUTION_MODE_HINT", CHOICE, "performance|accuracy", DEVICE, "what the device may trade")    \
  ROW("threads", "INFERENCE_NUM_THREADS", COUNT, "", DEVICE, "threads of inference; 0: as many as processors")         \
  ROW("streams", "NUM_STREAMS", AMOUNT, "auto|numa", DEVICE,                                                           \
      "inferences run side by side; 0: in the calling thread, without threads of its own")                             \
  ROW("requests", "PERFORMANCE_HINT_NUM_REQUESTS", COUNT, "", DEVICE, "inferences that will be under way at a time")   \
  ROW("cache_dir", "CACHE_DIR", PATH, "", CORE, "directory where compiled models are kept")                            \
  ROW("cache_mode", "CACHE_MODE", CHOICE, "optimize_size|optimize_speed", DEVICE, "what the cache favours")            \
  ROW("profiling", "PERF_COUNT", SWITCH, "", DEVICE, "measure every layer")                                            \
  ROW("pinning", "ENABLE_CPU_PINNING", SWITCH, "", DEVICE, "bind threads to processors")                               \
  ROW("hyper_threading", "ENABLE_HYPER_THREADING", SWITCH, "", DEVICE, "use both threads of a core")                   \
  ROW("core_type", "SCHEDULING_CORE_TYPE", CHOICE, "any_core|pcore_only|ecore_only", DEVICE, "kind of core to use")    \
  ROW("denormals", "CPU_DENORMALS_OPTIMIZATION", SWITCH, "", DEVICE, "treat denormal numbers as zero")                 \
  ROW("shape_cache", "CPU_RUNTIME_CACHE_CAPACITY", COUNT, "", CORE, "kernels the CPU keeps for shapes met before")     \
  ROW("kv_cache_precision", "KV_CACHE_PRECISION", CHOICE, "f32|f16|bf16|u8|i8|u4|dynamic", DEVICE,                     \
      "precision of attention caches")                                                                                 \
  ROW("quantization_group", "DYNAMIC_QUANTIZATION_GROUP_SIZE", COUNT, "", DEVICE,                                      \
      "group size of dynamic quantization of compressed weights; 0: none")                                             \
  ROW("priority", "MODEL_PRIORITY", CHOICE, "low|medium|high", DEVICE, "among models on one device")                   \
  ROW("batching", "ALLOW_AUTO_BATCHING", SWITCH, "", CORE, "let a device gather requests into batches")                \
  ROW("batch_timeout", "AUTO_BATCH_TIMEOUT", COUNT, "", CORE, "milliseconds that a batch waits for requests")          \
  ROW("log_level", "LOG_LEVEL", CHOICE, "no|error|warning|info|debug|trace", DEVICE, "what OpenVINO logs")             \
  ROW("device_properties", "DEVICE_PROPERTIES", PATH, "", CORE,                                                        \
      "properties of the devices below AUTO, HETERO or MULTI: {CPU:{NUM_STREAMS:2},GPU:{...}}")

static const struct row {
  kind kind;
  taker taker;
  const char *words;
} rows[] = {
#define ROW(name, key, kind, words, taker, help) {kind, taker, words},
    PROPERTIES(ROW)
#undef ROW
};

static const kvino_property_info infos[] = {
#define WORDS_CHOICE(words) words
#define WORDS_SWITCH(words) "yes|no"
#define WORDS_COUNT(words) "a number"
#define WORDS_AMOUNT(words) "a number|" words
#define WORDS_PATH(words) "a text"
#define ROW(name, key, kind, words, taker, help) {name, key, WORDS_##kind(words), help},
    PROPERTIES(ROW)
#undef ROW
};

#define ROWS (sizeof infos / sizeof *infos)

const kvino_property_info *kvino_properties_list(size_t *n) {
  if (n) *n = ROWS;
  return infos;
}

/* The row of a name in either spelling; ROWS where there is none. */
static size_t find_row(const char *name) {
  size_t i = 0;
  while (i < ROWS && strcasecmp(name, infos[i].name) && strcmp(name, infos[i].key)) i++;
  return i;
}

static kvino_status unknown(const char *name, kvino_error *err) {
  char list[KVINO_ERROR_TEXT / 2];
  size_t n = 0;
  for (size_t i = 0; i < ROWS && n < sizeof list; i++)
    n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", infos[i].name);
  return kv_fail(err, KVINO_INVALID, "unknown property '%s'; there are: %s, and OpenVINO's own names in capitals", name,
                 list);
}

/* Whether `word` is one of "a|b|c", in any case. */
static bool in_words(const char *words, const char *word) {
  size_t n = strlen(word);
  while (*words) {
    size_t m = strcspn(words, "|");
    if (m && m == n && !strncasecmp(words, word, n)) return true;
    words += m + (words[m] == '|');
  }
  return false;
}

static bool is_yes(const char *v) { return in_words("yes|true|on|1", v); }
static bool is_no(const char *v) { return in_words("no|false|off|0", v); }

static bool is_count(const char *v) {
  size_t n = strspn(v, "0123456789");
  return n && !v[n] && n <= 9;
}

/* Precisions keep their lower case, the other words are in capitals (LOG_LEVEL as LOG_INFO). */
static char *spell(size_t row, const char *value) {
  char text[64];
  const char *key = infos[row].key;
  if (rows[row].kind == PATH) return kv_strdup(value);
  if (rows[row].kind == SWITCH) return kv_strdup(is_yes(value) ? "YES" : "NO");
  bool lower = strstr(key, "PRECISION") != NULL;
  snprintf(text, sizeof text, "%s%s", strcmp(key, "LOG_LEVEL") ? "" : "LOG_", value);
  for (char *c = text; *c; c++) *c = (char)(lower ? tolower((unsigned char)*c) : toupper((unsigned char)*c));
  return kv_strdup(text);
}

static bool takes(size_t row, const char *value) {
  switch (rows[row].kind) {
  case CHOICE:
    return in_words(rows[row].words, value);
  case SWITCH:
    return is_yes(value) || is_no(value);
  case COUNT:
    return is_count(value);
  case AMOUNT:
    return is_count(value) || in_words(rows[row].words, value);
  case PATH:
    return *value != 0;
  }
  return false;
}

/* Whether the device lists the key; composed devices pass properties on and are asked when they compile. */
static bool supported(const kv_ov_device *device, const char *key) {
  if (device->composed) return true;
  char *list = kv_ov_device_property(device->text, "SUPPORTED_PROPERTIES");
  if (!list) return true;
  size_t n = strlen(key);
  bool found = false;
  for (const char *at = list; !found && (at = strstr(at, key)); at += n)
    found = (at == list || at[-1] == ' ') && (!at[n] || at[n] == ' ');
  kv_free(list);
  return found;
}

/* One property as OpenVINO spells it. Its own names that are not in the table are taken where the device lists them. */
static kvino_status check_property(const kv_ov_device *device, const kvino_property *p, const char **key, char **value,
                                   kvino_error *err) {
  if (!p->name || !p->value) return kv_fail(err, KVINO_INVALID, "a property needs a name and a value, not NULL");
  size_t row = find_row(p->name);
  if (row == ROWS) {
    bool capitals = *p->name && !p->name[strspn(p->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")];
    if (!capitals || device->composed || !supported(device, p->name)) return unknown(p->name, err);
    *key = p->name;
    *value = kv_strdup(p->value);
  } else {
    if (!takes(row, p->value))
      return kv_fail(err, KVINO_INVALID, "property '%s' does not take '%s'; it takes %s", p->name, p->value,
                     infos[row].values);
    if (rows[row].taker == DEVICE && !supported(device, infos[row].key))
      return kv_fail(err, KVINO_INVALID, "device '%s' does not know property '%s'", device->text, p->name);
    *key = infos[row].key;
    *value = spell(row, p->value);
  }
  return *value ? KVINO_OK : kv_fail(err, KVINO_NO_MEMORY, "out of memory");
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

kvino_status kv_ov_config_new(const char *text, const kvino_property *properties, size_t n, kv_ov_config **out,
                              kvino_error *err) {
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
  if (!write_text(config)) goto memory;
  *out = config;
  return KVINO_OK;
memory:
  status = kv_fail(err, KVINO_NO_MEMORY, "out of memory");
fail:
  kv_ov_config_free(config);
  return status;
}

kvino_status kvino_properties_check(const char *device, size_t n, const kvino_property *properties, kvino_error *err) {
  KV_NOT_NULL(err, properties || !n);
  kv_ov_config *config;
  KV_TRY(kv_ov_config_new(device, properties, n, &config, err));
  kv_ov_config_free(config);
  return KVINO_OK;
}
