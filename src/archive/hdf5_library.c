#include "archive/hdf5_library.h"

#include <hdf5.h>
#include <hdf5_hl.h>
#include <stdio.h>
#include <string.h>

#include "archive/limits.h"
#include "archive/process.h"
#include "base/memory.h"

struct kv_hdf5_file {
  hid_t file;
  const kv_bytes *bytes;
  const char *name;
};

static herr_t first_word(unsigned n, const H5E_error2_t *e, void *to) {
  if (!n && e->desc) snprintf(to, 128, "%s", e->desc);
  return 0;
}

/* The innermost reason that the library gives. */
static kvino_status refuse(const kv_hdf5_file *h, const char *path, kvino_error *err) {
  char why[128] = "damaged";
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, first_word, why);
  return kv_fail(err, KVINO_IO, "%s%s%s: the HDF5 file is damaged: %s", h->name, *path ? ": " : "", path, why);
}

kvino_status kv_hdf5_library_open(const kv_bytes *bytes, const char *name, kv_hdf5_file **out, kvino_error *err) {
  static kv_hdf5_file h; /* a process has one */
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  h = (kv_hdf5_file){.bytes = bytes, .name = name};
  h.file = H5LTopen_file_image(bytes->at, bytes->n, H5LT_FILE_IMAGE_DONT_COPY | H5LT_FILE_IMAGE_DONT_RELEASE);
  *out = &h;
  return h.file < 0 ? refuse(&h, "", err) : KVINO_OK;
}

/* ---- paths ---- */

/* *object: negative where there is nothing at the path. */
static kvino_status find(kv_hdf5_file *h, const char *path, hid_t *object, kvino_error *err) {
  H5L_info_t link;
  char part[1024];
  int depth = 0;
  *object = -1;
  hid_t at = H5Oopen(h->file, "/", H5P_DEFAULT);
  if (at < 0) return refuse(h, "", err);
  for (const char *from = path; *from;) {
    size_t n = strcspn(from, "/");
    if (n >= sizeof part || ++depth > KV_MOST_DEPTH) {
      H5Oclose(at);
      return kv_fail(err, KVINO_IO, "%s: %.60s...: a path that is too long", h->name, path);
    }
    memcpy(part, from, n);
    part[n] = 0;
    from += n + (from[n] == '/');
    if (!n) continue;
    htri_t there = H5Iget_type(at) == H5I_GROUP ? H5Lexists(at, part, H5P_DEFAULT) : 0;
    if (there <= 0 || H5Lget_info(at, part, &link, H5P_DEFAULT) < 0) {
      H5Oclose(at);
      return there ? refuse(h, path, err) : KVINO_OK;
    }
    if (link.type != H5L_TYPE_HARD) {
      H5Oclose(at);
      return kv_fail(err, KVINO_IO, "%s: %s: '%s' is a link to another place, which is not followed", h->name, path,
                     part);
    }
    hid_t next = H5Oopen(at, part, H5P_DEFAULT);
    H5Oclose(at);
    if (next < 0) return refuse(h, path, err);
    at = next;
  }
  *object = at;
  return KVINO_OK;
}

kvino_status kv_hdf5_library_has(kv_hdf5_file *h, const char *path, uint64_t *out, kvino_error *err) {
  hid_t object;
  kvino_status status = find(h, path, &object, err);
  if (!status) *out = object >= 0;
  if (object >= 0) H5Oclose(object);
  return status;
}

kvino_status kv_hdf5_library_count(kv_hdf5_file *h, const char *path, uint64_t *out, kvino_error *err) {
  H5G_info_t info;
  hid_t object;
  kvino_status status = find(h, path, &object, err);
  if (!status && object < 0) status = kv_fail(err, KVINO_IO, "%s: there is no group '%s'", h->name, path);
  if (!status && H5Gget_info(object, &info) < 0) status = refuse(h, path, err);
  if (!status) *out = info.nlinks;
  if (object >= 0) H5Oclose(object);
  return status;
}

kvino_status kv_hdf5_library_is_dataset(kv_hdf5_file *h, const char *path, uint64_t *out, kvino_error *err) {
  hid_t object;
  KV_TRY(find(h, path, &object, err));
  *out = object >= 0 && H5Iget_type(object) == H5I_DATASET;
  if (object >= 0) H5Oclose(object);
  return KVINO_OK;
}

/* Name number i of what a group holds. */
static kvino_status name_of(const kv_hdf5_file *h, const char *path, hid_t group, size_t i, char **out,
                            kvino_error *err) {
  char name[1024];
  ssize_t n = H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, (hsize_t)i, name, sizeof name, H5P_DEFAULT);
  if (n < 0 || (size_t)n >= sizeof name) return refuse(h, path, err);
  return (*out = kv_strdup(name)) ? KVINO_OK : kv_fail(err, KVINO_NO_MEMORY, "out of memory for names");
}

kvino_status kv_hdf5_library_names(kv_hdf5_file *h, const char *path, char ***names, size_t *n, kvino_error *err) {
  H5G_info_t info = {.nlinks = 0};
  hid_t object;
  char **list = NULL;
  kvino_status status = KVINO_OK;
  *n = 0;
  KV_TRY(find(h, path, &object, err));
  if (object >= 0 && H5Iget_type(object) == H5I_GROUP && H5Gget_info(object, &info) < 0) status = refuse(h, path, err);
  if (!status && info.nlinks > KV_MOST_MEMBERS)
    status = kv_fail(err, KVINO_IO, "%s: %s: a group of %llu members", h->name, path, (unsigned long long)info.nlinks);
  if (!status && !(list = kv_calloc((size_t)info.nlinks + 1, sizeof *list)))
    status = kv_fail(err, KVINO_NO_MEMORY, "out of memory for names");
  for (; !status && *n < info.nlinks; *n += !status) status = name_of(h, path, object, *n, &list[*n], err);
  if (object >= 0) H5Oclose(object);
  if (status)
    kvino_names_free(list, *n);
  else
    *names = list;
  return status;
}

/* ---- datasets ---- */

/* h5py writes bfloat16 as two opaque bytes, and Keras says beside them what they are. */
static bool says_bfloat16(hid_t set) {
  char text[16] = "";
  if (H5Aexists(set, "dtype") <= 0) return false;
  hid_t attribute = H5Aopen(set, "dtype", H5P_DEFAULT);
  hid_t type = attribute < 0 ? -1 : H5Aget_type(attribute);
  bool is = false;
  if (type >= 0 && H5Tget_class(type) == H5T_STRING) {
    if (H5Tis_variable_str(type) > 0) {
      char *value = NULL;
      hid_t space = H5Aget_space(attribute);
      if (H5Sget_simple_extent_npoints(space) == 1 && H5Aread(attribute, type, &value) >= 0 && value) {
        is = !strcmp(value, "bfloat16");
        H5Dvlen_reclaim(type, space, H5P_DEFAULT, &value);
      }
      H5Sclose(space);
    } else if (H5Tget_size(type) < sizeof text && H5Aread(attribute, type, text) >= 0) {
      is = !strcmp(text, "bfloat16");
    }
  }
  if (type >= 0) H5Tclose(type);
  if (attribute >= 0) H5Aclose(attribute);
  return is;
}

/* Formats of floating numbers: bits of sign, exponent and fraction, as H5Tget_fields gives them. */
static const struct {
  size_t size, sign, exponent, exponent_bits, fraction_bits, bias;
  kvino_dtype dtype;
} FLOATS[] = {
    {2, 15, 10, 5, 10, 15, KVINO_F16},
    {2, 15, 7, 8, 7, 127, KVINO_BF16},
    {4, 31, 23, 8, 23, 127, KVINO_F32},
    {8, 63, 52, 11, 52, 1023, KVINO_F64},
};

static kvino_dtype float_dtype(hid_t type, size_t size) {
  size_t sign, exponent, exponent_bits, fraction, fraction_bits;
  if (H5Tget_fields(type, &sign, &exponent, &exponent_bits, &fraction, &fraction_bits) < 0) return KVINO_DTYPE_COUNT;
  for (size_t i = 0; i < sizeof FLOATS / sizeof *FLOATS; i++)
    if (FLOATS[i].size == size && FLOATS[i].sign == sign && FLOATS[i].exponent == exponent &&
        FLOATS[i].exponent_bits == exponent_bits && !fraction && FLOATS[i].fraction_bits == fraction_bits &&
        FLOATS[i].bias == H5Tget_ebias(type))
      return FLOATS[i].dtype;
  return KVINO_DTYPE_COUNT;
}

static kvino_dtype integer_dtype(hid_t type, size_t size) {
  static const kvino_dtype SIGNED[] = {KVINO_I8, KVINO_I16, KVINO_I32, KVINO_I64};
  static const kvino_dtype UNSIGNED[] = {KVINO_U8, KVINO_U16, KVINO_U32, KVINO_U64};
  bool is_signed = H5Tget_sign(type) == H5T_SGN_2;
  if (H5Tget_precision(type) != 8 * size || H5Tget_offset(type)) return KVINO_DTYPE_COUNT;
  for (int i = 0; i < 4; i++)
    if (size == (size_t)1 << i) return is_signed ? SIGNED[i] : UNSIGNED[i];
  return KVINO_DTYPE_COUNT;
}

/* What the elements are; *memory is the type they are read as: the machine's byte order, to be closed. *plain: they lie
 * in the file as in memory. */
static kvino_status element(const kv_hdf5_file *h, const char *path, hid_t set, kvino_dtype *dtype, hid_t *memory,
                            bool *plain, kvino_error *err) {
  hid_t stored = H5Dget_type(set),
        type = stored < 0 ? -1 : H5Tcopy(stored); /* the dataset's own is not to be changed */
  if (stored >= 0) H5Tclose(stored);
  if (type < 0) return refuse(h, path, err);
  *memory = type;
  H5T_class_t class = H5Tget_class(type);
  size_t size = H5Tget_size(type);
  *dtype = KVINO_DTYPE_COUNT;
  *plain = true;
  if (class == H5T_FLOAT || class == H5T_INTEGER) {
    H5T_order_t order = H5Tget_order(type);
    *plain = order == H5T_ORDER_LE || size == 1;
    if (order != H5T_ORDER_LE && order != H5T_ORDER_BE && size > 1)
      return kv_fail(err, KVINO_IO, "%s: %s: elements of a byte order that no weight has", h->name, path);
    if (!*plain && H5Tset_order(type, H5T_ORDER_LE) < 0) return refuse(h, path, err);
    *dtype = class == H5T_FLOAT ? float_dtype(type, size) : integer_dtype(type, size);
  }
  if (class == H5T_ENUM && size == 1) *dtype = KVINO_BOOL; /* as h5py writes bool */
  if (size == 2 && says_bfloat16(set)) *dtype = KVINO_BF16;
  if (*dtype == KVINO_DTYPE_COUNT)
    return kv_fail(err, KVINO_IO, "%s: %s: elements of a type that no weight has", h->name, path);
  return KVINO_OK;
}

/* The bytes that a dataset may have: those that lie in the file, or what its filters can make of them. */
static kvino_status check_storage(const kv_hdf5_file *h, const char *path, hid_t set, uint64_t bytes, bool *contiguous,
                                  kvino_error *err) {
  hid_t plist = H5Dget_create_plist(set);
  if (plist < 0) return refuse(h, path, err);
  const char *fault = NULL;
  H5D_layout_t layout = H5Pget_layout(plist);
  int n = H5Pget_nfilters(plist);
  hsize_t stored = H5Dget_storage_size(set);
  bool packs = false;
  if (layout == H5D_VIRTUAL || (layout == H5D_CONTIGUOUS && H5Pget_external_count(plist) != 0))
    fault = "its bytes stand in another file";
  for (int i = 0; i < n && !fault; i++) {
    unsigned flags, config;
    size_t n_values = 0;
    H5Z_filter_t filter = H5Pget_filter2(plist, (unsigned)i, &flags, &n_values, NULL, 0, NULL, &config);
    packs |= filter == H5Z_FILTER_DEFLATE;
    if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32)
      fault = "it is packed by a filter that is not read";
  }
  if (!fault && n < 0) fault = "its filters cannot be read";
  if (!fault && (stored > h->bytes->n || (packs ? bytes / KV_MOST_PACKED > stored + KV_PACKED_SLACK : bytes > stored)))
    fault = "it says to be larger than what the file holds of it";
  *contiguous = layout == H5D_CONTIGUOUS;
  H5Pclose(plist);
  return fault ? kv_fail(err, KVINO_IO, "%s: %s: %s", h->name, path, fault) : KVINO_OK;
}

static kvino_status extent(const kv_hdf5_file *h, const char *path, hid_t set, int *rank, int64_t *shape,
                           kvino_error *err) {
  hsize_t dims[H5S_MAX_RANK];
  hid_t space = H5Dget_space(set);
  if (space < 0) return refuse(h, path, err);
  bool simple = H5Sis_simple(space) > 0 && H5Sget_simple_extent_type(space) != H5S_NULL;
  *rank = simple ? H5Sget_simple_extent_dims(space, dims, NULL) : -1;
  H5Sclose(space);
  if (*rank < 0) return kv_fail(err, KVINO_IO, "%s: %s: not an array", h->name, path);
  if (*rank > KVINO_MAX_RANK)
    return kv_fail(err, KVINO_IO, "%s: %s: an array of %d dimensions, of at most %d", h->name, path, *rank,
                   KVINO_MAX_RANK);
  for (int i = 0; i < *rank; i++) {
    if (dims[i] > INT64_MAX) return kv_fail(err, KVINO_IO, "%s: %s: a dimension that cannot be", h->name, path);
    shape[i] = (int64_t)dims[i];
  }
  return KVINO_OK;
}

static kvino_status read_set(kv_hdf5_file *h, const char *path, hid_t set, hid_t *memory, kv_hdf5_place *out,
                             kvino_error *err) {
  bool contiguous = false, plain = false;
  KV_TRY(extent(h, path, set, &out->rank, out->shape, err));
  KV_TRY(element(h, path, set, &out->dtype, memory, &plain, err));
  out->bytes = kvino_dtype_size(out->dtype);
  for (int i = 0; i < out->rank; i++)
    if (__builtin_mul_overflow(out->bytes, (uint64_t)out->shape[i], &out->bytes))
      return kv_fail(err, KVINO_IO, "%s: %s: larger than any memory", h->name, path);
  KV_TRY(check_storage(h, path, set, out->bytes, &contiguous, err));
  haddr_t offset = H5Dget_offset(set);
  if (!out->bytes) return KVINO_OK;
  if (contiguous && plain && out->dtype != KVINO_BOOL && offset != HADDR_UNDEF) {
    out->in_file = true;
    out->offset = offset;
    return KVINO_OK;
  }
  kv_process_allow(KV_MEMORY_OF_A_READER + out->bytes);
  if (!(out->data = kv_malloc(out->bytes)))
    return kv_fail(err, KVINO_NO_MEMORY, "%s: %s: out of memory for %llu bytes", h->name, path,
                   (unsigned long long)out->bytes);
  return H5Dread(set, *memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, out->data) < 0 ? refuse(h, path, err) : KVINO_OK;
}

kvino_status kv_hdf5_library_read(kv_hdf5_file *h, const char *path, kv_hdf5_place *out, kvino_error *err) {
  hid_t set = -1, memory = -1;
  *out = (kv_hdf5_place){0};
  kvino_status status = find(h, path, &set, err);
  if (!status && (set < 0 || H5Iget_type(set) != H5I_DATASET))
    status = kv_fail(err, KVINO_IO, "%s: there is no dataset '%s'", h->name, path);
  if (!status) status = read_set(h, path, set, &memory, out, err);
  if (memory >= 0) H5Tclose(memory);
  if (set >= 0) H5Oclose(set);
  return status;
}

/* ---- attributes ---- */

kvino_status kv_hdf5_library_has_attribute(kv_hdf5_file *h, const char *path, const char *name, uint64_t *out,
                                           kvino_error *err) {
  hid_t object;
  kvino_status status = find(h, path, &object, err);
  htri_t there = !status && object >= 0 ? H5Aexists(object, name) : 0;
  if (there < 0) status = refuse(h, path, err);
  if (!status) *out = there > 0;
  if (object >= 0) H5Oclose(object);
  return status;
}

/* n texts of `size` bytes each, or n pointers. */
static kvino_status take_texts(const kv_hdf5_file *h, const char *path, hid_t attribute, hid_t type, hid_t space,
                               size_t n, char ***out, kvino_error *err) {
  size_t size = H5Tget_size(type), bytes;
  bool variable = H5Tis_variable_str(type) > 0;
  if (__builtin_mul_overflow(n, size, &bytes) || bytes > KV_MOST_ATTRIBUTE || bytes > h->bytes->n)
    return kv_fail(err, KVINO_IO, "%s: %s: an attribute of %zu texts is too large", h->name, path, n);
  char *raw = kv_calloc(bytes + 1, 1), **texts = kv_calloc(n + 1, sizeof *texts);
  kvino_status status = raw && texts ? KVINO_OK : kv_fail(err, KVINO_NO_MEMORY, "out of memory for %zu texts", n);
  bool read = !status && H5Aread(attribute, type, raw) >= 0;
  if (!status && !read) status = refuse(h, path, err);
  for (size_t i = 0; i < n && !status; i++) {
    const char *from = variable ? ((char **)(void *)raw)[i] : raw + i * size;
    size_t length = from ? strnlen(from, variable ? KV_MOST_ATTRIBUTE : size) : 0;
    if ((texts[i] = kv_malloc(length + 1))) {
      if (length) memcpy(texts[i], from, length);
      texts[i][length] = 0;
    } else {
      status = kv_fail(err, KVINO_NO_MEMORY, "out of memory for a text");
    }
  }
  if (read && variable) H5Dvlen_reclaim(type, space, H5P_DEFAULT, raw);
  kv_free(raw);
  if (status)
    kvino_names_free(texts, texts ? n : 0);
  else
    *out = texts;
  return status;
}

static kvino_status read_texts(const kv_hdf5_file *h, const char *path, hid_t object, const char *name, char ***texts,
                               size_t *n, kvino_error *err) {
  hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
  if (attribute < 0) return refuse(h, path, err);
  hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  hssize_t points = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
  kvino_status status = KVINO_OK;
  if (type < 0 || points < 0)
    status = refuse(h, path, err);
  else if (points && H5Tget_class(type) != H5T_STRING) /* no names at all come as an empty vector of numbers */
    status = kv_fail(err, KVINO_IO, "%s: %s: attribute '%s' is not text", h->name, path, name);
  else if (points)
    status = take_texts(h, path, attribute, type, space, (size_t)points, texts, err);
  if (!status) *n = (size_t)points;
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  H5Aclose(attribute);
  return status;
}

kvino_status kv_hdf5_library_texts(kv_hdf5_file *h, const char *path, const char *attribute, char ***texts, size_t *n,
                                   kvino_error *err) {
  hid_t object;
  *texts = NULL;
  *n = 0;
  kvino_status status = find(h, path, &object, err);
  if (!status && object >= 0) {
    htri_t there = H5Aexists(object, attribute);
    if (there < 0) status = refuse(h, path, err);
    if (there > 0) status = read_texts(h, path, object, attribute, texts, n, err);
  }
  if (object >= 0) H5Oclose(object);
  return status;
}
