/* Device strings and the devices present (device.h, kvino/device.h). */
#include "openvino/device.h"

#include "base/error.h"
#include "base/memory.h"
#include "openvino/call.h"
#include "openvino/runtime.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* The plugins that pass work on to others. */
static const struct composed {
  const char *name;
  bool alone;     /* may stand without a list */
  bool exclusion; /* takes -GPU: any but this */
  bool count;     /* takes GPU(4): a number of requests, or a batch */
  int most;       /* names in the list */
} composites[] = {
    {"AUTO", true, true, false, KV_OV_DEVICE_NAMES},
    {"MULTI", false, false, true, KV_OV_DEVICE_NAMES},
    {"HETERO", false, false, false, KV_OV_DEVICE_NAMES},
    {"BATCH", false, false, true, 1},
};

static const struct composed *find_composed(const char *name, size_t n) {
  for (size_t i = 0; i < sizeof composites / sizeof *composites; i++)
    if (strlen(composites[i].name) == n && !strncmp(composites[i].name, name, n)) return &composites[i];
  return NULL;
}

static kvino_status malformed(const char *text, const char *why, kvino_error *err) {
  return kv_fail(err, KVINO_INVALID,
                 "device '%s' is malformed: %s; devices are written CPU, GPU, GPU.1, NPU, AUTO, AUTO:GPU,CPU, "
                 "HETERO:GPU,CPU, MULTI:GPU,CPU or BATCH:GPU",
                 text, why);
}

/* Length of a plain device name at `text`: a letter, letters, digits and underscores, then ".id" parts. 0 if none. */
static size_t name_length(const char *text) {
  size_t n = 0;
  if (!isupper((unsigned char)text[0])) return 0;
  while (isupper((unsigned char)text[n]) || isdigit((unsigned char)text[n]) || text[n] == '_' ||
         (text[n] == '.' && isalnum((unsigned char)text[n + 1])))
    n++;
  return n;
}

/* One entry of the list: [-]name[(number)]. Moves *at behind it. */
static const char *parse_entry(const struct composed *head, const char **at, kv_ov_device *device) {
  const char *c = *at;
  bool without = *c == '-';
  if (without && !(head && head->exclusion)) return "only AUTO takes a device to leave out";
  c += without;
  size_t n = name_length(c);
  if (!n) return "a device name is missing";
  if (n >= sizeof *device->names) return "a name is too long";
  if (find_composed(c, n)) return "AUTO, MULTI, HETERO and BATCH do not stand inside one another";
  if (!without) {
    if (device->n == (head ? head->most : 1)) return "it names too many devices";
    for (int i = 0; i < device->n; i++)
      if (strlen(device->names[i]) == n && !strncmp(device->names[i], c, n)) return "it names a device twice";
    memcpy(device->names[device->n], c, n);
    device->names[device->n++][n] = 0;
  }
  c += n;
  if (*c == '(' && head && head->count) {
    size_t digits = strspn(c + 1, "0123456789");
    if (!digits || digits > 6 || c[1 + digits] != ')') return "a number is expected between the brackets";
    c += digits + 2;
  }
  *at = c;
  return NULL;
}

kvino_status kv_ov_device_parse(const char *text, kv_ov_device *device, kvino_error *err) {
  kv_ov_device d = {0};
  if (!text) text = "CPU";
  size_t length = strlen(text);
  if (!length) return kv_fail(err, KVINO_INVALID, "a device is needed, not an empty text");
  if (length >= sizeof d.text) return malformed("...", "it is too long", err);
  for (size_t i = 0; i < length; i++) d.text[i] = (char)toupper((unsigned char)text[i]);

  const char *at = d.text, *why = NULL;
  const struct composed *head = find_composed(at, strcspn(at, ":"));
  if (head) {
    d.composed = true;
    at += strlen(head->name);
    if (!*at && !head->alone) return malformed(text, "it must say which devices, after a colon", err);
    if (*at)
      at++;
    else
      goto done;
  }
  for (;;) {
    why = parse_entry(head, &at, &d);
    if (why) return malformed(text, why, err);
    if (!*at) break;
    if (*at != ',') return malformed(text, "a letter, digit or comma is expected", err);
    if (!head) return malformed(text, "a list needs AUTO:, MULTI: or HETERO: before it", err);
    at++;
  }
done:
  *device = d;
  return KVINO_OK;
}

char *kv_ov_device_property(const char *device, const char *key) {
  char *value = NULL, *copy = NULL;
  kv_ov_lock();
  if (!kv_ov.core_get_property(kv_ov_core(), device, key, &value) && value) {
    copy = kv_strdup(value);
    kv_ov.free(value);
  }
  kv_ov_unlock();
  return copy;
}

bool kv_word_in(const char *list, const char *word) {
  size_t n = strlen(word);
  for (const char *at = list; (at = strstr(at, word)); at += n)
    if ((at == list || at[-1] == ' ') && (!at[n] || at[n] == ' ')) return true;
  return false;
}

bool kv_ov_device_has(const char *device, const char *capability) {
  char *list = kv_ov_device_property(device, "OPTIMIZATION_CAPABILITIES");
  bool has = list && kv_word_in(list, capability);
  kv_free(list);
  return has;
}

static kvino_status available(ov_devices *devices, kvino_error *err) {
  kvino_status status;
  *devices = (ov_devices){0};
  kv_ov_lock();
  KV_OV_CALL(status, err, kv_ov.core_get_available_devices(kv_ov_core(), devices), "OpenVINO cannot list its devices");
  kv_ov_unlock();
  return status;
}

/* "GPU" stands for "GPU.0", in both directions. */
static bool matches(const char *wanted, const char *present) {
  size_t n = strlen(wanted), m = strlen(present);
  if (!strcmp(wanted, present)) return true;
  if (!strncmp(wanted, present, n) && !strchr(wanted, '.') && present[n] == '.') return true;
  return !strncmp(wanted, present, m) && !strchr(present, '.') && !strcmp(wanted + m, ".0");
}

/* Every OpenVINO has a CPU: where it is not there something else is missing, and OpenVINO's own error says what. */
static kvino_status cpu_fails(kvino_error *err) {
  kvino_status status;
  char *value = NULL;
  kv_ov_lock();
  KV_OV_CALL(status, err, kv_ov.core_get_property(kv_ov_core(), "CPU", "FULL_DEVICE_NAME", &value),
             "OpenVINO cannot use the CPU");
  kv_ov_unlock();
  if (!status && value) kv_ov.free(value);
  return status;
}

static kvino_status absent(const char *name, const ov_devices *devices, kvino_error *err) {
  char list[KVINO_ERROR_TEXT / 2] = "none";
  size_t n = 0;
  if (!strcmp(name, "CPU")) KV_TRY(cpu_fails(err));
  for (size_t i = 0; i < devices->n && n < sizeof list; i++) {
    char *full = kv_ov_device_property(devices->names[i], "FULL_DEVICE_NAME");
    n += (size_t)snprintf(list + n, sizeof list - n, "%s%s (%s)", i ? ", " : "", devices->names[i], full ? full : "?");
    kv_free(full);
  }
  return kv_fail(err, KVINO_DEVICE, "device '%s' is not available; present: %s", name, list);
}

/* As for CPU in runtime.c: f32 unless the model asks otherwise. GPU's own default is f16. A refusal is no error: the
 * plugin then has no such choice. NPU computes in f16 alone and is left as it is. */
static void prefer_f32(const ov_devices *devices) {
  static bool done; /* under the lock */
  kv_ov_lock();
  for (size_t i = 0; i < devices->n && !done; i++) {
    if (strncmp(devices->names[i], "GPU", 3)) continue;
    (void)kv_ov.core_set_property(kv_ov_core(), "GPU", "INFERENCE_PRECISION_HINT", "f32");
    done = true;
  }
  kv_ov_unlock();
}

kvino_status kv_ov_device_present(const kv_ov_device *device, kvino_error *err) {
  ov_devices devices;
  kvino_status status = KVINO_OK;
  KV_TRY(kv_ov_runtime(err));
  /* The common case spares loading every plugin there is. */
  if (device->n == 1 && !device->composed && !strcmp(device->text, "CPU")) {
    char *name = kv_ov_device_property("CPU", "FULL_DEVICE_NAME");
    bool there = name != NULL;
    kv_free(name);
    if (there) return KVINO_OK;
  }
  KV_TRY(available(&devices, err));
  prefer_f32(&devices);
  for (int i = 0; i < device->n && !status; i++) {
    bool there = false;
    for (size_t j = 0; j < devices.n; j++) there = there || matches(device->names[i], devices.names[j]);
    if (!there) status = absent(device->names[i], &devices, err);
  }
  if (!status && !devices.n) status = absent(device->text, &devices, err);
  kv_ov.available_devices_free(&devices);
  return status;
}

kvino_status kvino_device_check(const char *text, kvino_error *err) {
  kv_ov_device device;
  if (!text) return kv_fail(err, KVINO_INVALID, "a device is needed, not NULL");
  KV_TRY(kv_ov_device_parse(text, &device, err));
  return kv_ov_device_present(&device, err);
}

void kvino_devices_free(kvino_device *devices, size_t n) {
  for (size_t i = 0; devices && i < n; i++) {
    kv_free(devices[i].name);
    kv_free(devices[i].full_name);
    kv_free(devices[i].capabilities);
  }
  kv_free(devices);
}

kvino_status kvino_devices_list(kvino_device **out, size_t *n, kvino_error *err) {
  KV_NOT_NULL(err, out && n);
  ov_devices devices;
  KV_TRY(kv_ov_runtime(err));
  KV_TRY(available(&devices, err));
  size_t count = devices.n;
  kvino_device *list = kv_calloc(count ? count : 1, sizeof *list);
  bool full = list != NULL;
  for (size_t i = 0; i < count && full; i++) {
    list[i].name = kv_strdup(devices.names[i]);
    list[i].full_name = kv_ov_device_property(devices.names[i], "FULL_DEVICE_NAME");
    list[i].capabilities = kv_ov_device_property(devices.names[i], "OPTIMIZATION_CAPABILITIES");
    if (!list[i].full_name) list[i].full_name = kv_strdup("unknown");
    if (!list[i].capabilities) list[i].capabilities = kv_strdup("");
    full = list[i].name && list[i].full_name && list[i].capabilities;
  }
  kv_ov.available_devices_free(&devices);
  if (!full) {
    kvino_devices_free(list, count);
    return kv_fail(err, KVINO_NO_MEMORY, "out of memory");
  }
  *out = list;
  *n = count;
  return KVINO_OK;
}
