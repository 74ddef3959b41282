/* The allocation sweep of derivatives: of rules of every kind, each allocation fails in turn. Every failure must be
 * KVINO_NO_MEMORY with a text and leak nothing (the sanitizer build tells). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/memory.h"
#include "kvino/kvino.h"

enum { OPERANDS = 5, PROPERTIES = 3 };

/* A call of a primitive. Its floats are what is differentiated. */
typedef struct sweep_case {
  const char *primitive;
  const char *operands; /* floats x [3, -1], y [3, 4]; indices i [3], j [3, 1], k [3, 4]; c: the next of `constants` */
  int64_t constants[3][3];
  int lengths[3]; /* 0 stands for a number */
  kvino_property attributes[PROPERTIES];
  size_t n_attributes;
} sweep_case;

static kvino_status operand(const sweep_case *c, char kind, int *constant, kvino_graph *g, kvino_tensor **out,
                            kvino_error *err) {
  int64_t n = c->lengths[*constant];
  switch (kind) {
  case 'x':
    return kvino_graph_parameter(g, KVINO_F32, 2, (int64_t[]){3, -1}, NULL, out, err);
  case 'y':
    return kvino_graph_parameter(g, KVINO_F32, 2, (int64_t[]){3, 4}, NULL, out, err);
  case 'i':
    return kvino_graph_parameter(g, KVINO_I64, 1, (int64_t[]){3}, NULL, out, err);
  case 'j':
    return kvino_graph_parameter(g, KVINO_I64, 2, (int64_t[]){3, 1}, NULL, out, err);
  case 'k':
    return kvino_graph_parameter(g, KVINO_I64, 2, (int64_t[]){3, 4}, NULL, out, err);
  default:
    return kvino_tensor_new(KVINO_I64, n ? 1 : 0, &n, c->constants[(*constant)++], out, err);
  }
}

static kvino_status derive(const sweep_case *c, kvino_error *err) {
  kvino_graph *g = NULL;
  kvino_tensor *in[OPERANDS] = {NULL}, *x[OPERANDS];
  kvino_tensors y = {0}, d = {0};
  size_t n = strlen(c->operands), n_x = 0;
  int constant = 0;
  kvino_status status = kvino_graph_new(&g, err);
  for (size_t i = 0; i < n && !status; i++) {
    status = operand(c, c->operands[i], &constant, g, &in[i], err);
    if (c->operands[i] == 'x' || c->operands[i] == 'y') x[n_x++] = in[i];
  }
  if (!status) status = kvino_primitive_call(c->primitive, n, in, c->n_attributes, c->attributes, &y, err);
  if (!status) status = kvino_gradients(y.n, y.v, NULL, n_x, x, &d, err);
  kvino_tensors_clear(&d);
  kvino_tensors_clear(&y);
  for (size_t i = 0; i < n; i++) kvino_tensor_release(in[i]);
  kvino_graph_release(g);
  return status;
}

static void sweep(const sweep_case *c) {
  enum { MOST = 5000, LEAST = 5 };
  int failed = 0;
  for (;; failed++) {
    kvino_error err = {0};
    kv_pool_trim();
    kv_fail_after(failed);
    kvino_status status = derive(c, &err);
    kv_fail_after(-1);
    if (!status) break;
    if (status != KVINO_NO_MEMORY || err.status != status || !*err.text)
      fail_msg("%s, allocation %d: status %d (%d in the error): '%s'", c->primitive, failed, status, err.status,
               err.text);
    if (failed == MOST) fail_msg("%s: no success after %d failures", c->primitive, MOST);
  }
  if (failed < LEAST) fail_msg("%s: only %d allocations failed", c->primitive, failed);
}

static void test_sweep(void **state) {
  static const sweep_case cases[] = {
      {"Gather", "xic", {{1}}, {0}, {{"batch_dims", "0"}}, 1},
      {"Gather", "ykc", {{1}}, {0}, {{"batch_dims", "1"}}, 1},
      {"GatherElements", "yk", {{0}}, {0}, {{"axis", "1"}}, 1},
      {"GatherND", "xj", {{0}}, {0}, {{"batch_dims", "1"}}, 1},
      {"ScatterUpdate", "yiyc", {{0}}, {0}, {{NULL, NULL}}, 0},
      {"ScatterElementsUpdate", "xkyc", {{1}}, {0}, {{"reduction", "prod"}, {"use_init_val", "false"}}, 2},
      {"ScatterElementsUpdate", "ykyc", {{1}}, {0}, {{"reduction", "max"}, {"use_init_val", "true"}}, 2},
      {"ScatterNDUpdate", "yjy", {{0}}, {0}, {{"reduction", "none"}}, 1},
      {"Sort", "x", {{0}}, {0}, {{"axis", "1"}}, 1},
      {"OrderStatistics", "yc", {{0, 2}}, {2}, {{NULL, NULL}}, 0},
      {"CumProd", "xc", {{1}}, {0}, {{"exclusive", "true"}}, 1},
      {"ReduceProd", "yc", {{0, 1}}, {2}, {{"keep_dims", "false"}}, 1},
      {"ReduceMax", "xc", {{0}}, {1}, {{"keep_dims", "false"}}, 1},
      {"ReduceL2", "yc", {{0}}, {1}, {{"keep_dims", "true"}}, 1},
      {"Tile", "xc", {{2, 3}}, {2}, {{NULL, NULL}}, 0},
      {"Concat", "xyx", {{0}}, {0}, {{"axis", "1"}}, 1},
      {"Slice", "xccc", {{1}, {3}, {-1}}, {1, 1, 1}, {{NULL, NULL}}, 0},
      {"Slice", "yccc", {{0}, {3}, {2}}, {1, 1, 1}, {{NULL, NULL}}, 0},
      {"Pad", "xcc", {{1, 2}, {0, 3}}, {2, 2}, {{"pad_mode", "symmetric"}}, 1},
      {"Pad", "xcc", {{1, -2}, {0, 3}}, {2, 2}, {{"pad_mode", "constant"}}, 1},
      {"SoftMax", "x", {{0}}, {0}, {{"axis", "1"}}, 1},
      {"MVN", "xc", {{1}}, {1}, {{"normalize_variance", "true"}, {"eps", "0.1"}, {"eps_mode", "inside_sqrt"}}, 3},
      {"NormalizeL2", "xc", {{1}}, {1}, {{"eps", "0.1"}, {"eps_mode", "max"}}, 2},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) sweep(&cases[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_sweep)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
