/* What the tests of OpenVINO below the graph have in common: IR text by macros, an error and its asserts, compiling.
 * Each trap of OpenVINO's C API that src/openvino handles has a test (named "trap"). OpenVINO itself must be installed:
 * without it these tests fail, saying where it was looked for. */
#ifndef KVINO_TESTS_OPENVINO_H
#define KVINO_TESTS_OPENVINO_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sanitizer_dlopen.h"

#include "openvino/infer.h"
#include "openvino/runtime.h"

#include <string.h>

/* ---- IR: layers by number, every output port is number 9 ---- */

#define LAYER(id, type, set, data, in, out)                                                                            \
  "<layer id=\"" #id "\" name=\"n" #id "\" type=\"" type "\" version=\"opset" #set "\">" data in out "</layer>"
#define IN1 "<input><port id=\"0\"/></input>"
#define IN2 "<input><port id=\"0\"/><port id=\"1\"/></input>"
#define IN4 "<input><port id=\"0\"/><port id=\"1\"/><port id=\"2\"/><port id=\"3\"/></input>"
#define OUT "<output><port id=\"9\" precision=\"FP32\"/></output>"
#define PARAMETER(id, shape, type)                                                                                     \
  LAYER(id, "Parameter", 1, "<data shape=\"" shape "\" element_type=\"" type "\"/>", "", OUT)
#define CONST(id, shape, type, offset, size)                                                                           \
  LAYER(id, "Const", 1,                                                                                                \
        "<data shape=\"" shape "\" element_type=\"" type "\" offset=\"" #offset "\" size=\"" #size "\"/>", "", OUT)
#define ADD(id) LAYER(id, "Add", 1, "", IN2, OUT)
#define RESULT(id) LAYER(id, "Result", 1, "", IN1, "")
#define EDGE(from, to, port)                                                                                           \
  "<edge from-layer=\"" #from "\" from-port=\"9\" to-layer=\"" #to "\" to-port=\"" #port "\"/>"
#define NET(layers, edges) "<net version=\"11\"><layers>" layers "</layers><edges>" edges "</edges></net>"

#define ADD_NET(shape, type)                                                                                           \
  NET(PARAMETER(0, shape, type) PARAMETER(1, shape, type) ADD(2) RESULT(3), EDGE(0, 2, 0) EDGE(1, 2, 1) EDGE(2, 3, 0))
#define NONZERO_NET(shape)                                                                                             \
  NET(PARAMETER(0, shape, "f32") LAYER(1, "NonZero", 3, "<data output_type=\"i64\"/>", IN1, OUT) RESULT(2),            \
      EDGE(0, 1, 0) EDGE(1, 2, 0))

/* XML that does not end. (What does not even start as IR is not given to OpenVINO: to tell what it is, the Paddle
 * reader of 2025.4 writes past a buffer. kvino writes its IR itself.) */
#define NO_MODEL "<net version=\"11\"><layers>"

enum { THREADS = 8 };

/* What a thread works on and what came of it. */
typedef struct job {
  kv_ov_model *model;
  int seed;
  int wrong;
  kvino_error error;
} job;

static kvino_error err; /* of the test that runs */

#define assert_ok(call)                                                                                                \
  do {                                                                                                                 \
    if ((call) != KVINO_OK) fail_msg("%s: %s", #call, err.text);                                                       \
  } while (0)
#define assert_fails(call, expected)                                                                                   \
  do {                                                                                                                 \
    err.text[0] = 0;                                                                                                   \
    assert_int_equal((call), (expected));                                                                              \
  } while (0)
#define assert_says(part)                                                                                              \
  do {                                                                                                                 \
    if (!strstr(err.text, part)) fail_msg("\"%s\" is not in \"%s\"", part, err.text);                                  \
  } while (0)

static __attribute__((unused)) kvino_status compile_on(const char *device, const char *ir, const void *weights,
                                                       size_t bytes, const kvino_property *p, size_t n,
                                                       kv_ov_model **model, kvino_error *e) {
  kv_ov_config *config;
  kv_ov_key key = kv_ov_fingerprint(kv_ov_fingerprint((kv_ov_key){{0}}, ir, strlen(ir)), weights, weights ? bytes : 0);
  kv_ov_program program = {.ir = ir, .ir_length = strlen(ir), .weights = weights, .weights_bytes = bytes, .key = &key};
  kvino_status status = kv_ov_config_new(device, p, n, &config, e);
  if (status) return status;
  status = kv_ov_compile(&program, config, model, e);
  kv_ov_config_free(config);
  return status;
}

static __attribute__((unused)) kv_ov_model *compiled(const char *ir) {
  kv_ov_model *model = NULL;
  kvino_property streams = {"streams", "0"};
  assert_ok(compile_on("CPU", ir, NULL, 0, &streams, 1, &model, &err));
  return model;
}

#endif
