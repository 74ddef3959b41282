#include "archive/hdf5_write.h"

#include <hdf5.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

struct kv_hdf5_writer {
  hid_t file;
  char *name;
};

enum {
  GROWTH = 1 << 20,   /* of the file in memory */
  ALIGNED_FROM = 512, /* bytes of an array from which on it is aligned: it can be used where it lies */
  ALIGNMENT = 64,
  TEXTS = 2048 /* of one attribute: their references are to fit into 64 KB */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* What the library prints by itself on an error is switched off meanwhile. */
static struct {
  H5E_auto2_t function;
  void *data;
} before;

void kv_hdf5_hold(void) {
  pthread_mutex_lock(&lock);
  H5Eget_auto2(H5E_DEFAULT, &before.function, &before.data);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

void kv_hdf5_let_go(void) {
  H5Eset_auto2(H5E_DEFAULT, before.function, before.data);
  pthread_mutex_unlock(&lock);
}

static kvino_status fail(const kv_hdf5_writer *w, const char *path, kvino_error *err) {
  return kv_fail(err, KVINO_IO, "%s: %s: the HDF5 library cannot write it", w->name, *path ? path : "/");
}

kvino_status kv_hdf5_writer_new(const char *name, kv_hdf5_writer **out, kvino_error *err) {
  kv_hdf5_writer *w = kv_calloc(1, sizeof *w);
  if (!w || !(w->name = kv_strdup(name))) {
    kv_free(w);
    return kv_fail(err, KVINO_NO_MEMORY, "%s: out of memory for an HDF5 file", name);
  }
  kv_hdf5_hold();
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_core(access, GROWTH, 0);
  H5Pset_alignment(access, ALIGNED_FROM, ALIGNMENT);
  w->file = H5Fcreate("kvino", H5F_ACC_TRUNC, H5P_DEFAULT, access);
  H5Pclose(access);
  kv_hdf5_let_go();
  if (w->file < 0) {
    kv_hdf5_writer_free(w);
    return kv_fail(err, KVINO_NO_MEMORY, "%s: the HDF5 library cannot make a file in memory", name);
  }
  *out = w;
  return KVINO_OK;
}

void kv_hdf5_writer_free(kv_hdf5_writer *w) {
  if (!w) return;
  kv_hdf5_hold();
  if (w->file >= 0) H5Fclose(w->file);
  kv_hdf5_let_go();
  kv_free(w->name);
  kv_free(w);
}

/* ---- types ---- */

/* A copy of a type of the library's, as it is given for the others. */
static hid_t half(void) {
  hid_t type = H5Tcopy(H5T_IEEE_F32LE);
  H5Tset_fields(type, 15, 10, 5, 0, 10);
  H5Tset_size(type, 2);
  H5Tset_ebias(type, 15);
  return type;
}

static hid_t boolean(void) {
  hid_t type = H5Tenum_create(H5T_STD_I8LE);
  H5Tenum_insert(type, "FALSE", &(signed char){0});
  H5Tenum_insert(type, "TRUE", &(signed char){1});
  return type;
}

/* As h5py writes them; negative for those that no weight has. To be closed. */
static hid_t type_of(kvino_dtype dtype) {
  switch (dtype) {
  case KVINO_BOOL:
    return boolean();
  case KVINO_U8:
    return H5Tcopy(H5T_STD_U8LE);
  case KVINO_U16:
    return H5Tcopy(H5T_STD_U16LE);
  case KVINO_U32:
    return H5Tcopy(H5T_STD_U32LE);
  case KVINO_U64:
    return H5Tcopy(H5T_STD_U64LE);
  case KVINO_I8:
    return H5Tcopy(H5T_STD_I8LE);
  case KVINO_I16:
    return H5Tcopy(H5T_STD_I16LE);
  case KVINO_I32:
    return H5Tcopy(H5T_STD_I32LE);
  case KVINO_I64:
    return H5Tcopy(H5T_STD_I64LE);
  case KVINO_F16:
    return half();
  case KVINO_BF16:
    return H5Tcreate(H5T_OPAQUE, 2);
  case KVINO_F32:
    return H5Tcopy(H5T_IEEE_F32LE);
  case KVINO_F64:
    return H5Tcopy(H5T_IEEE_F64LE);
  default:
    return -1;
  }
}

static hid_t text_type(void) {
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

/* ---- objects; the lock is held ---- */

static bool is_there(hid_t file, const char *path) {
  char part[1024];
  for (size_t n = 0; path[n];) {
    n += strspn(path + n, "/");
    n += strcspn(path + n, "/");
    if (n >= sizeof part) return false;
    snprintf(part, sizeof part, "%.*s", (int)n, path);
    if (H5Lexists(file, part, H5P_DEFAULT) <= 0) return false;
  }
  return true;
}

/* Links whose groups are made on the way. */
static hid_t making_groups(void) {
  hid_t links = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(links, 1);
  H5Pset_char_encoding(links, H5T_CSET_UTF8);
  return links;
}

/* Closes what is open of them. True where all were. */
static bool close_all(hid_t type, hid_t space, hid_t links, hid_t creation) {
  bool good = type >= 0 && space >= 0 && links >= 0 && creation >= 0;
  if (type >= 0) H5Tclose(type);
  if (space >= 0) H5Sclose(space);
  if (links >= 0) H5Pclose(links);
  if (creation >= 0) H5Pclose(creation);
  return good;
}

static bool put_attribute(hid_t object, const char *name, size_t n, bool list, const char *const *texts) {
  hsize_t length = n;
  hid_t type = text_type(), space = list ? H5Screate_simple(1, &length, NULL) : H5Screate(H5S_SCALAR);
  hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  bool good = attribute >= 0 && (!n || H5Awrite(attribute, type, texts) >= 0);
  if (attribute >= 0) H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
  return good;
}

static bool put_set(hid_t file, const char *path, const kvino_tensor *t) {
  kvino_dtype dtype = kvino_tensor_dtype(t);
  hsize_t dims[H5S_MAX_RANK];
  int rank = kvino_tensor_rank(t);
  for (int i = 0; i < rank; i++) dims[i] = (hsize_t)kvino_tensor_shape(t)[i];
  hid_t type = type_of(dtype), space = rank ? H5Screate_simple(rank, dims, NULL) : H5Screate(H5S_SCALAR);
  hid_t links = making_groups(), creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_obj_track_times(creation, 0); /* the same weights give the same file */
  hid_t set = H5Dcreate2(file, path, type, space, links, creation, H5P_DEFAULT);
  bool good = set >= 0;
  if (good && kvino_tensor_size(t))
    good = H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, kvino_tensor_data(t)) >= 0;
  if (good && dtype == KVINO_BF16) good = put_attribute(set, "dtype", 1, false, (const char *const[]){"bfloat16"});
  if (set >= 0) H5Dclose(set);
  return close_all(type, space, links, creation) && good;
}

/* ---- what is called ---- */

kvino_status kv_hdf5_put(kv_hdf5_writer *w, const char *path, const kvino_tensor *t, kvino_error *err) {
  kvino_tensor *plain = NULL;
  if (kvino_tensor_rank(t) > H5S_MAX_RANK)
    return kv_fail(err, KVINO_UNSUPPORTED, "%s: %s: HDF5 has at most %d dimensions", w->name, path, H5S_MAX_RANK);
  KV_TRY(kvino_tensor_contiguous((kvino_tensor *)(uintptr_t)t, &plain, err));
  kv_hdf5_hold();
  bool good = is_there(w->file, path) || put_set(w->file, path, plain);
  kv_hdf5_let_go();
  kvino_tensor_release(plain);
  return good ? KVINO_OK : fail(w, path, err);
}

kvino_status kv_hdf5_put_group(kv_hdf5_writer *w, const char *path, kvino_error *err) {
  kv_hdf5_hold();
  bool good = is_there(w->file, path);
  if (!good) {
    hid_t links = making_groups(), group = H5Gcreate2(w->file, path, links, H5P_DEFAULT, H5P_DEFAULT);
    if ((good = group >= 0)) H5Gclose(group);
    H5Pclose(links);
  }
  kv_hdf5_let_go();
  return good ? KVINO_OK : fail(w, path, err);
}

static kvino_status put_texts(kv_hdf5_writer *w, const char *path, const char *name, size_t n, bool list,
                              const char *const *texts, kvino_error *err) {
  kv_hdf5_hold();
  hid_t object = H5Oopen(w->file, *path ? path : "/", H5P_DEFAULT);
  bool good = object >= 0 && put_attribute(object, name, n, list, texts);
  if (object >= 0) H5Oclose(object);
  kv_hdf5_let_go();
  return good ? KVINO_OK : fail(w, path, err);
}

kvino_status kv_hdf5_put_text(kv_hdf5_writer *w, const char *path, const char *attribute, const char *text,
                              kvino_error *err) {
  return put_texts(w, path, attribute, 1, false, &text, err);
}

kvino_status kv_hdf5_put_texts(kv_hdf5_writer *w, const char *path, const char *attribute, size_t n,
                               const char *const *texts, kvino_error *err) {
  if (n <= TEXTS) return put_texts(w, path, attribute, n, true, texts, err);
  for (size_t i = 0; i * TEXTS < n; i++) {
    char name[128];
    snprintf(name, sizeof name, "%s%zu", attribute, i);
    KV_TRY(put_texts(w, path, name, n - i * TEXTS < TEXTS ? n - i * TEXTS : TEXTS, true, texts + i * TEXTS, err));
  }
  return KVINO_OK;
}

kvino_status kv_hdf5_writer_finish(kv_hdf5_writer *w, kv_bytes **out, kvino_error *err) {
  kv_bytes *bytes = NULL;
  kv_hdf5_hold();
  H5Fflush(w->file, H5F_SCOPE_GLOBAL);
  ssize_t n = H5Fget_file_image(w->file, NULL, 0);
  kvino_status status = n > 0 ? kv_bytes_new((size_t)n, w->name, &bytes, err) : fail(w, "", err);
  if (!status && H5Fget_file_image(w->file, bytes->at, (size_t)n) != n) status = fail(w, "", err);
  H5Fclose(w->file);
  w->file = -1;
  kv_hdf5_let_go();
  if (status)
    kv_bytes_release(bytes);
  else
    *out = bytes;
  return status;
}
