/* Opening OpenVINO (runtime.h). */
#define _GNU_SOURCE
#include "openvino/runtime.h"

#include "base/error.h"
#include "base/fork.h"
#include "base/memory.h"
#include "base/processors.h"
#include "openvino/call.h"
#include "openvino/search.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OLDEST_MAJOR 2025

struct kv_ov_api kv_ov;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void before_fork(void) { pthread_mutex_lock(&mutex); }
static void after_fork(void) { pthread_mutex_unlock(&mutex); }
static atomic_bool ready;
static struct {
  void *handle;
  ov_core *core;
  int shift; /* of the element type numbers, see probe_numbering */
  int major, minor;
  char version[128];
  char path[KV_OV_PATH];
  const char *found;
} runtime;

static const struct {
  const char *name;
  size_t offset;
} symbols[] = {
#define SYMBOL(result, name, parameters) {"ov_" #name, offsetof(struct kv_ov_api, name)},
    KV_OV_FUNCTIONS(SYMBOL)
#undef SYMBOL
};

static bool load_symbols(void *handle, struct kv_ov_api *api, char *why, size_t why_bytes) {
  for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
    void *address = dlsym(handle, symbols[i].name);
    if (!address) {
      snprintf(why, why_bytes, "lacks the function %s: not OpenVINO's C library of 2025.0 or newer", symbols[i].name);
      return false;
    }
    memcpy((char *)api + symbols[i].offset, &address, sizeof address);
  }
  return true;
}

static bool read_version(const struct kv_ov_api *api, char *why, size_t why_bytes) {
  ov_version version;
  if (api->get_openvino_version(&version)) {
    snprintf(why, why_bytes, "does not tell its version");
    return false;
  }
  snprintf(runtime.version, sizeof runtime.version, "%s", version.build ? version.build : "");
  api->version_free(&version);
  runtime.major = runtime.minor = 0;
  sscanf(runtime.version, "%d.%d", &runtime.major, &runtime.minor);
  if (runtime.major >= OLDEST_MAJOR) return true;
  snprintf(why, why_bytes, "is OpenVINO %s, too old: kvino needs %d.0 or newer", runtime.version, OLDEST_MAJOR);
  return false;
}

/* Trap: the numbers of ov_element_type_e all moved down by one between 2025.0 and 2025.1 (UNDEFINED was merged into
 * DYNAMIC). Not the version but the library itself is asked: type 4 is f32 now, f16 before. */
static bool probe_numbering(const struct kv_ov_api *api, char *why, size_t why_bytes) {
  int64_t dims[] = {8};
  ov_tensor *tensor = NULL;
  size_t bytes = 0;
  if (!api->tensor_create(4, (ov_shape){1, dims}, &tensor)) {
    api->tensor_get_byte_size(tensor, &bytes);
    api->tensor_free(tensor);
  }
  if (bytes == 8 * 4)
    runtime.shift = 0;
  else if (bytes == 8 * 2)
    runtime.shift = 1;
  else {
    snprintf(why, why_bytes, "numbers its element types in a way that kvino does not know (version %s)",
             runtime.version);
    return false;
  }
  return true;
}

/* Trap: OpenVINO counts the machine's processors, not those that a container's quota leaves. Where there are fewer,
 * others run on them, too, and threads are not bound to any: several processes would be bound to the same. Both hold
 * below AUTO and the like; `threads` and `pinning` overrule them per model. */
static void limit_threads(const struct kv_ov_api *api, ov_core *core) {
  char threads[16];
  snprintf(threads, sizeof threads, "%d", kv_processors());
  if (kv_processors_by_quota()) (void)api->core_set_property(core, "CPU", "INFERENCE_NUM_THREADS", threads);
  if (kv_processors_limited()) (void)api->core_set_property(core, "CPU", "ENABLE_CPU_PINNING", "NO");
}

/* RTLD_LOCAL: several releases may live in one process without seeing each other's symbols. */
static bool open_library(const char *path, char *why, size_t why_bytes) {
  struct kv_ov_api api;
  ov_core *core = NULL;
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char *text = dlerror();
    snprintf(why, why_bytes, "%s", text ? text : "cannot be loaded");
    return false;
  }
  bool good = strlen(path) < sizeof runtime.path && load_symbols(handle, &api, why, why_bytes) &&
              read_version(&api, why, why_bytes) && probe_numbering(&api, why, why_bytes);
  if (good && api.core_create(&core)) {
    snprintf(why, why_bytes, "cannot create its core");
    good = false;
  }
  /* Trap: bf16 is the default compute precision where the processor has it. The core's default is f32 here, which holds
   * below AUTO, HETERO, MULTI and BATCH too; `precision` overrules it per model. (GPU: device.c. NPU has no f32.) */
  if (good && api.core_set_property(core, "CPU", "INFERENCE_PRECISION_HINT", "f32")) {
    snprintf(why, why_bytes, "does not take INFERENCE_PRECISION_HINT=f32 for CPU");
    good = false; /* the core is left: freeing it is not safe (runtime.h) */
  }
  if (good) limit_threads(&api, core);
  /* Trap: beside compressed weights the plugin quantizes activations, which costs 2 of 7 digits, unless told not to. A
   * release that does not know the property does not do it. */
  if (good) (void)api.core_set_property(core, "CPU", "DYNAMIC_QUANTIZATION_GROUP_SIZE", "0");
  if (!good) {
    if (!core) dlclose(handle);
    return false;
  }
  kv_ov = api;
  runtime.handle = handle;
  runtime.core = core;
  memcpy(runtime.path, path, strlen(path) + 1);
  return true;
}

kvino_status kv_ov_runtime(kvino_error *err) {
  if (atomic_load_explicit(&ready, memory_order_acquire)) return KVINO_OK;
  kvino_status status = KVINO_OK;
  kv_at_fork(KV_FORK_RUNTIME, before_fork, after_fork, after_fork);
  pthread_mutex_lock(&mutex);
  if (!atomic_load_explicit(&ready, memory_order_relaxed)) {
    status = kv_ov_search(open_library, &runtime.found, err);
    if (!status) atomic_store_explicit(&ready, true, memory_order_release);
  }
  pthread_mutex_unlock(&mutex);
  return status;
}

static _Atomic int64_t n_compiled, n_loaded;

void kv_ov_count_model(bool loaded) { atomic_fetch_add(loaded ? &n_loaded : &n_compiled, 1); }

ov_core *kv_ov_core(void) { return runtime.core; }

kvino_status kvino_openvino_get_info(kvino_openvino_info *info, kvino_error *err) {
  KV_NOT_NULL(err, info);
  KV_TRY(kv_ov_runtime(err));
  *info = (kvino_openvino_info){.library = runtime.path,
                                .version = runtime.version,
                                .found = runtime.found,
                                .major = runtime.major,
                                .minor = runtime.minor};
  info->compiled = atomic_load(&n_compiled);
  info->loaded = atomic_load(&n_loaded);
  return KVINO_OK;
}

/* Numbers since 2025.1; 0 where there is none. Strings have one (23) but their tensors hold C++ objects. */
static const unsigned char types[KVINO_DTYPE_COUNT] = {
    [KVINO_BOOL] = 1, [KVINO_BF16] = 2, [KVINO_F16] = 3,  [KVINO_F32] = 4,     [KVINO_F64] = 5,
    [KVINO_I8] = 7,   [KVINO_I16] = 8,  [KVINO_I32] = 9,  [KVINO_I64] = 10,    [KVINO_U8] = 16,
    [KVINO_U16] = 17, [KVINO_U32] = 18, [KVINO_U64] = 19, [KVINO_F8E4M3] = 21, [KVINO_F8E5M2] = 22,
};

int kv_ov_type(kvino_dtype dtype) {
  if ((unsigned)dtype >= KVINO_DTYPE_COUNT || !types[dtype]) return -1;
  return types[dtype] + runtime.shift;
}

bool kv_ov_dtype(int type, kvino_dtype *dtype) {
  for (int i = 0; i < KVINO_DTYPE_COUNT; i++) {
    if (!types[i] || types[i] + runtime.shift != type) continue;
    *dtype = (kvino_dtype)i;
    return true;
  }
  return false;
}
