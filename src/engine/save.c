/* kvino_graph_save_ir: a graph as files that OpenVINO reads by itself. */
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "openvino/emit.h"
#include "openvino/lower.h"
#include "passes/passes.h"

/* The graph after one more step; the one before goes. */
static kvino_status step(kvino_status (*make)(const kv_graph *, kv_graph **, kvino_error *), kv_graph **g,
                         kvino_error *err) {
  kv_graph *next;
  KV_TRY(make(*g, &next, err));
  kv_graph_release(*g);
  *g = next;
  return KVINO_OK;
}

static kvino_status lower(const kv_graph *g, kv_text *notes, kv_graph **out, kvino_error *err) {
  kv_graph *optimised;
  kv_exactness *x;
  KV_TRY(kv_optimize(g, &optimised, err));
  kvino_status status = kv_exactness_new(optimised, &x, err);
  if (!status) {
    status = kv_lower_plain(x, optimised, notes, out, err);
    kv_exactness_free(x);
  }
  kv_graph_release(optimised);
  return status;
}

/* "model.xml" and "model.bin". */
static kvino_status write_files(const kv_graph *g, const char *path, kvino_error *err) {
  char *bin = kv_strdup(path);
  if (!bin) return kv_fail(err, KVINO_NO_MEMORY, "out of memory for a file name");
  memcpy(bin + strlen(bin) - 3, "bin", 3);
  kvino_status status = kv_emit_files(g, path, bin, err);
  kv_free(bin);
  return status;
}

kvino_status kvino_graph_save_ir(kvino_graph *g, const char *path, bool compress_to_f16, char **notes,
                                 kvino_error *err) {
  KV_NOT_NULL(err, g && path);
  size_t n = strlen(path);
  if (n < 5 || strcasecmp(path + n - 4, ".xml"))
    return kv_fail(err, KVINO_INVALID, "the file of a model for OpenVINO ends in .xml: '%s'", path);
  kv_text t = {0};
  kv_graph *lowered = NULL;
  kv_put(&t, "%s", ""); /* an empty text, not none */
  kvino_status status = lower(g, &t, &lowered, err);
  if (!status) status = step(kv_pass_dce, &lowered, err);
  if (!status && compress_to_f16) status = step(kv_compress_to_f16, &lowered, err); /* last: passes would fold it */
  if (!status && t.failed) status = kv_fail(err, KVINO_NO_MEMORY, "out of memory for notes");
  if (!status) status = write_files(lowered, path, err);
  kv_graph_release(lowered);
  if (status || !notes)
    kv_free(t.at);
  else
    *notes = t.at;
  return status;
}
