/* A folder of models as servers read it: NAME/VERSION/model.xml with its weights, and what the server wants to know. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

/* ---- files ---- */

static kvino_status io(kvino_error *err, const char *path) {
  return tell(err, KVINO_IO, "%s: %s", path, strerror(errno));
}

/* With the folders above it. */
static kvino_status make_folder(char *path, kvino_error *err) {
  for (char *at = path + 1;; at++) {
    char here = *at;
    if (here && here != '/') continue;
    *at = 0;
    int failed = mkdir(path, 0777) && errno != EEXIST;
    if (failed) io(err, path);
    *at = here;
    if (failed || !here) return failed ? KVINO_IO : KVINO_OK;
  }
}

/* The text of a file; NULL and KVINO_OK where there is none. Free it. */
static kvino_status read_text(const char *path, char **out, kvino_error *err) {
  FILE *from = fopen(path, "r");
  if (!from) return errno == ENOENT ? KVINO_OK : io(err, path);
  size_t room = 0;
  errno = 0;
  if (getdelim(out, &room, 0, from) < 0 && !(*out = strdup(""))) errno = ENOMEM;
  kvino_status status = ferror(from) || errno ? io(err, path) : KVINO_OK;
  fclose(from);
  return status;
}

/* A server that looks meanwhile finds the file in full or not at all. */
static kvino_status write_text(const char *path, const char *text, kvino_error *err) {
  char part[PATH_MAX + 8];
  snprintf(part, sizeof part, "%s.part", path);
  FILE *to = fopen(part, "w");
  bool good = to && fputs(text, to) >= 0;
  if (to && fclose(to)) good = false;
  if (good && !rename(part, path)) return KVINO_OK;
  kvino_status status = io(err, path);
  if (to) unlink(part);
  return status;
}

/* One more than the highest version in a model's folder. */
static long next_version(const char *folder) {
  long highest = 0;
  DIR *list = opendir(folder);
  for (struct dirent *entry; list && (entry = readdir(list));) {
    char *end;
    long version = strtol(entry->d_name, &end, 10);
    if (isdigit((unsigned char)*entry->d_name) && !*end && version > highest && version < LONG_MAX) highest = version;
  }
  if (list) closedir(list);
  return highest + 1;
}

/* ---- OpenVINO Model Server: config.json, one for all models ---- */

/* What a model is told to the server with. float32 is computed as float32, as kvino does; the server's own choice is
 * bfloat16 where the processor has it. */
static void put_entry(FILE *to, const char *name) {
  fputs("  {\"config\": {\"name\": ", to);
  put_json(to, name);
  fputs(", \"base_path\": ", to);
  put_json(to, name);
  fputs(", \"plugin_config\": {\"INFERENCE_PRECISION_HINT\": \"f32\"}}}", to);
}

static const char HEAD[] = "{\"model_config_list\": [\n", TAIL[] = "\n]}\n";

/* The file with this model in it: as it was where it has the name already, one more line where it was written here. */
static kvino_status ovms_text(const char *path, const char *name, char **out, kvino_error *err) {
  char *before = NULL, *entry = NULL, *named = NULL;
  size_t size;
  FILE *to = open_memstream(&named, &size);
  fputs("\"name\": ", to);
  put_json(to, name);
  fclose(to);
  to = open_memstream(&entry, &size);
  put_entry(to, name);
  fclose(to);
  kvino_status status = read_text(path, &before, err);
  to = open_memstream(out, &size);
  if (!status && !before)
    fprintf(to, "%s%s%s", HEAD, entry, TAIL);
  else if (!status && strstr(before, named))
    fputs(before, to);
  else if (!status && ends_with(before, TAIL))
    fprintf(to, "%.*s,\n%s%s", (int)(strlen(before) - strlen(TAIL)), before, entry, TAIL);
  else if (!status)
    status = tell(err, KVINO_INVALID, "%s was not written by kvino; add to its model_config_list:\n%s", path, entry);
  fclose(to);
  free(before);
  free(entry);
  free(named);
  return status;
}

/* ---- Triton: config.pbtxt, beside the versions of each model ---- */

static const char *triton_type(kvino_dtype dtype) {
  static const char *const names[KVINO_DTYPE_COUNT] = {
      [KVINO_BOOL] = "BOOL",  [KVINO_U8] = "UINT8", [KVINO_U16] = "UINT16", [KVINO_U32] = "UINT32",
      [KVINO_U64] = "UINT64", [KVINO_I8] = "INT8",  [KVINO_I16] = "INT16",  [KVINO_I32] = "INT32",
      [KVINO_I64] = "INT64",  [KVINO_F16] = "FP16", [KVINO_F32] = "FP32"};
  return names[dtype];
}

/* With batches, the first length of each is left out. */
static void put_triton_port(FILE *to, const kvino_port *port, bool batched) {
  fputs("  {\n    name: ", to);
  put_json(to, port->name);
  fprintf(to, "\n    data_type: TYPE_%s\n    dims: [", triton_type(port->dtype));
  for (int i = batched; i < port->rank; i++) fprintf(to, "%s%lld", i > batched ? ", " : " ", (long long)port->shape[i]);
  /* dims may not be empty. */
  fputs(port->rank > batched ? " ]\n  }" : " 1 ]\n    reshape { shape: [ ] }\n  }", to);
}

static void put_triton_ports(FILE *to, const char *kind, size_t n, const recorded_port *ports, bool batched) {
  fprintf(to, "%s [\n", kind);
  for (size_t i = 0; i < n; i++) {
    put_triton_port(to, &ports[i].port, batched);
    fputs(i + 1 < n ? ",\n" : "\n", to);
  }
  fputs("]\n", to);
}

static bool is_open(const kvino_port *port) {
  for (int i = 0; i < port->rank; i++)
    if (port->shape[i] < 0) return true;
  return false;
}

/* What Triton's OpenVINO backend would refuse when it loads the model, or when it is asked. */
static kvino_status triton_can(const recorded_model *m, const repository *r, kvino_error *err) {
  bool open = false;
  for (size_t i = 0; i < m->n_in + m->n_out; i++) {
    const kvino_port *port = i < m->n_in ? &m->in[i].port : &m->out[i - m->n_in].port;
    const char *kind = i < m->n_in ? "input" : "output";
    if (!triton_type(port->dtype))
      return tell(err, KVINO_UNSUPPORTED, "%s '%s' is %s, which Triton's OpenVINO backend does not have", kind,
                  port->name, kvino_dtype_name(port->dtype));
    if (r->batch && !port->rank)
      return tell(err, KVINO_INVALID, "%s '%s' is a number, which has no batch; convert without --batch", kind,
                  port->name);
    if (i < m->n_in)
      open |= is_open(port);
    else if (!open && is_open(port))
      return tell(err, KVINO_UNSUPPORTED,
                  "output '%s' has a length that depends on values; Triton's OpenVINO backend takes it only beside an "
                  "input with an open length (--shape with ?)",
                  port->name);
  }
  return KVINO_OK;
}

static void put_triton(FILE *to, const recorded_model *m, const repository *r) {
  fputs("name: ", to);
  put_json(to, r->name);
  fprintf(to, "\nbackend: \"openvino\"\nmax_batch_size: %lld\n", (long long)r->batch);
  put_triton_ports(to, "input", m->n_in, m->in, r->batch);
  put_triton_ports(to, "output", m->n_out, m->out, r->batch);
  if (!r->batch) return;
  /* Requests that come together are computed together; a batch that is not full is filled up. */
  fputs("dynamic_batching { }\n"
        "parameters: { key: \"ENABLE_BATCH_PADDING\" value: { string_value: \"YES\" } }\n",
        to);
}

/* A new version has the inputs and outputs of those before; what a user has added to the file stays. */
static kvino_status triton_text(const char *path, const recorded_model *m, const repository *r, char **out,
                                kvino_error *err) {
  char *before = NULL, *text = NULL;
  size_t size;
  kvino_status status = read_text(path, &before, err);
  FILE *to = open_memstream(&text, &size);
  put_triton(to, m, r);
  fclose(to);
  if (!status && before && strncmp(before, text, size))
    status =
        tell(err, KVINO_INVALID, "%s does not begin as this model's would; remove it, or choose another --name", path);
  *out = !status && before ? before : text;
  free(*out == text ? before : text);
  return status;
}

/* ---- all of it ---- */

static kvino_status write_version(const recorded_model *m, const repository *r, const char *folder, kvino_error *err) {
  char part[PATH_MAX + 32], to[PATH_MAX + 32], xml[PATH_MAX + 64], bin[PATH_MAX + 64];
  snprintf(part, sizeof part, "%s/.part", folder);
  snprintf(xml, sizeof xml, "%s/model.xml", part);
  snprintf(bin, sizeof bin, "%s/model.bin", part);
  kvino_status status = make_folder(part, err);
  if (!status) status = write_ir(m->graph, xml, r->halves, err);
  snprintf(to, sizeof to, "%s/%ld", folder, next_version(folder));
  if (!status && rename(part, to)) status = io(err, to);
  if (!status) return printf("%s\n", to), KVINO_OK;
  unlink(xml);
  unlink(bin);
  rmdir(part);
  return status;
}

kvino_status write_repository(const recorded_model *m, const repository *r, kvino_error *err) {
  char folder[PATH_MAX], ovms[PATH_MAX + 16], triton[PATH_MAX + 16], *ovms_file = NULL, *triton_file = NULL;
  if (!*r->name || *r->name == '.' || strchr(r->name, '/'))
    return tell(err, KVINO_INVALID, "'%s' cannot be the name of a model (--name)", r->name);
  if (snprintf(folder, sizeof folder, "%s/%s", r->path, r->name) >= PATH_MAX - 32)
    return tell(err, KVINO_INVALID, "%s: the path is too long", r->path);
  snprintf(ovms, sizeof ovms, "%s/config.json", r->path);
  snprintf(triton, sizeof triton, "%s/config.pbtxt", folder);
  kvino_status status = r->triton ? triton_can(m, r, err) : KVINO_OK;
  if (!status && r->ovms) status = ovms_text(ovms, r->name, &ovms_file, err);
  if (!status && r->triton) status = triton_text(triton, m, r, &triton_file, err);
  if (!status) status = make_folder(folder, err);
  if (!status) status = write_version(m, r, folder, err);
  if (!status && ovms_file) status = write_text(ovms, ovms_file, err);
  if (!status && triton_file) status = write_text(triton, triton_file, err);
  free(ovms_file);
  free(triton_file);
  return status;
}
