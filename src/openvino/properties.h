/* The table of compile properties: the one place that knows their names, their values and how OpenVINO spells both. */
#ifndef KVINO_OPENVINO_PROPERTIES_H
#define KVINO_OPENVINO_PROPERTIES_H

#include "kvino/device.h"

/* By whom a property is taken. */
typedef enum kv_taker {
  KV_TAKEN_BY_CORE,  /* OpenVINO itself, for every device */
  KV_TAKEN_BY_DEVICE /* the device, which may not know it */
} kv_taker;

/* ROW(kvino's name, OpenVINO's name, kind, words that it takes in lower case, taker, help); kinds: CHOICE of words,
 * SWITCH (yes or no), COUNT (a number from 0 on), AMOUNT (a COUNT or a word), PATH (any text that is not empty). */
#define KV_PROPERTIES(ROW)                                                                                             \
  ROW(performance_hint, PERFORMANCE_HINT, CHOICE, "latency|throughput|cumulative_throughput", DEVICE,                  \
      "what to optimise for")                                                                                          \
  ROW(precision, INFERENCE_PRECISION_HINT, CHOICE, "f32|f16|bf16|dynamic", DEVICE,                                     \
      "precision of computation; f32 where it is not given")                                                           \
  ROW(execution_mode, EXECUTION_MODE_HINT, CHOICE, "performance|accuracy", DEVICE, "what the device may trade")        \
  ROW(threads, INFERENCE_NUM_THREADS, COUNT, "", DEVICE, "threads of inference; 0: as many as processors")             \
  ROW(streams, NUM_STREAMS, AMOUNT, "auto|numa", DEVICE,                                                               \
      "inferences run side by side; 0: in the calling thread, without threads of its own")                             \
  ROW(requests, PERFORMANCE_HINT_NUM_REQUESTS, COUNT, "", DEVICE, "inferences that will be under way at a time")       \
  ROW(cache_dir, CACHE_DIR, PATH, "", CORE, "directory where compiled models are kept")                                \
  ROW(cache_mode, CACHE_MODE, CHOICE, "optimize_size|optimize_speed", CORE, "what the cache favours")                  \
  ROW(weightless, ENABLE_WEIGHTLESS, SWITCH, "", DEVICE,                                                               \
      "leave weights out of the cache: of models read from files, which kvino's are not")                              \
  ROW(mmap, ENABLE_MMAP, SWITCH, "", CORE, "map files instead of reading them")                                        \
  ROW(profiling, PERF_COUNT, SWITCH, "", DEVICE, "measure every layer")                                                \
  ROW(pinning, ENABLE_CPU_PINNING, SWITCH, "", DEVICE, "bind threads to processors")                                   \
  ROW(reservation, ENABLE_CPU_RESERVATION, SWITCH, "", DEVICE, "keep the processors of a model from others")           \
  ROW(hyper_threading, ENABLE_HYPER_THREADING, SWITCH, "", DEVICE, "use both threads of a core")                       \
  ROW(core_type, SCHEDULING_CORE_TYPE, CHOICE, "any_core|pcore_only|ecore_only", DEVICE, "kind of core to use")        \
  ROW(denormals, CPU_DENORMALS_OPTIMIZATION, SWITCH, "", DEVICE, "treat denormal numbers as zero")                     \
  ROW(shape_cache, CPU_RUNTIME_CACHE_CAPACITY, COUNT, "", CORE, "kernels the CPU keeps for shapes met before")         \
  ROW(kv_cache_precision, KV_CACHE_PRECISION, CHOICE, "f32|f16|bf16|u8|i8|u4|dynamic", DEVICE,                         \
      "precision of attention caches")                                                                                 \
  ROW(key_cache_precision, KEY_CACHE_PRECISION, CHOICE, "f32|f16|bf16|u8|i8|u4|dynamic", DEVICE,                       \
      "precision of the keys in attention caches")                                                                     \
  ROW(value_cache_precision, VALUE_CACHE_PRECISION, CHOICE, "f32|f16|bf16|u8|i8|u4|dynamic", DEVICE,                   \
      "precision of the values in attention caches")                                                                   \
  ROW(key_cache_group, KEY_CACHE_GROUP_SIZE, COUNT, "", DEVICE, "keys that share a scale in attention caches")         \
  ROW(value_cache_group, VALUE_CACHE_GROUP_SIZE, COUNT, "", DEVICE, "values that share a scale in attention caches")   \
  ROW(quantization_group, DYNAMIC_QUANTIZATION_GROUP_SIZE, COUNT, "", DEVICE,                                          \
      "group size of dynamic quantization of compressed weights; 0: none")                                             \
  ROW(priority, MODEL_PRIORITY, CHOICE, "low|medium|high", DEVICE, "among models on one device")                       \
  ROW(batching, ALLOW_AUTO_BATCHING, SWITCH, "", CORE, "let a device gather requests into batches")                    \
  ROW(batch_timeout, AUTO_BATCH_TIMEOUT, COUNT, "", CORE, "milliseconds that a batch waits for requests")              \
  ROW(log_level, LOG_LEVEL, CHOICE, "no|error|warning|info|debug|trace", DEVICE, "what OpenVINO logs")                 \
  ROW(device_properties, DEVICE_PROPERTIES, PATH, "", CORE,                                                            \
      "properties of the devices below AUTO, HETERO or MULTI: {CPU:{NUM_STREAMS:2},GPU:{...}}")

typedef enum kv_property {
#define ROW(name, KEY, ...) KV_##KEY,
  KV_PROPERTIES(ROW)
#undef ROW
      KV_PROPERTY_COUNT
} kv_property;

const kvino_property_info *kv_property_info(kv_property p);
kv_taker kv_property_taker(kv_property p);

/* The property of a name, kvino's in any case or OpenVINO's; KV_PROPERTY_COUNT where there is none. */
kv_property kv_property_find(const char *name);
/* KVINO_INVALID: there is no such property; lists those there are. */
kvino_status kv_property_unknown(const char *name, kvino_error *err);
/* The value as OpenVINO spells it, to be freed with kv_free. `name` is what the user called it. Errors: KVINO_INVALID,
 * listing what it takes; KVINO_NO_MEMORY. */
kvino_status kv_property_value(kv_property p, const char *name, const char *value, char **spelled, kvino_error *err);

#endif
