/* The .npy format: one array. */
#include "tensor/npy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "tensor/npy_strings.h"

/* ---- reading ---- */

static kvino_status unreadable(const kv_source *s, kvino_error *err) {
  return kv_fail(err, KVINO_IO, "%s: %s", s->name, s->why(s->context));
}

static kvino_status read_exactly(const kv_source *s, void *to, size_t n, kvino_error *err) {
  int64_t got = n ? s->read(s->context, to, n) : 0;
  if (got < 0) return unreadable(s, err);
  if ((size_t)got != n) return kv_fail(err, KVINO_IO, "%s: the .npy file is cut off", s->name);
  return KVINO_OK;
}

/* The header; *bytes is where the elements start. */
static kvino_status read_header(const kv_source *s, kv_npy_header *h, int64_t *bytes, kvino_error *err) {
  unsigned char prefix[KV_NPY_PREFIX], length[4] = {0};
  int n_length = 0;
  int64_t got = s->read(s->context, prefix, sizeof prefix);
  if (got < 0) return unreadable(s, err);
  if (got != sizeof prefix) return kv_fail(err, KVINO_IO, "%s: not an .npy file", s->name);
  KV_TRY(kv_npy_prefix(prefix, s->name, &n_length, err));
  KV_TRY(read_exactly(s, length, (size_t)n_length, err));
  uint32_t n = length[0] | (uint32_t)length[1] << 8 | (uint32_t)length[2] << 16 | (uint32_t)length[3] << 24;
  if (n > KV_NPY_HEADER_MAX)
    return kv_fail(err, KVINO_IO, "%s: the header of this .npy file says it has %u bytes; %d are allowed", s->name, n,
                   KV_NPY_HEADER_MAX);
  char text[KV_NPY_HEADER_MAX];
  KV_TRY(read_exactly(s, text, n, err));
  KV_TRY(kv_npy_header_parse(text, n, prefix[6], s->name, h, err));
  *bytes = KV_NPY_PREFIX + n_length + (int64_t)n;
  return KVINO_OK;
}

static void swap_bytes(char *data, size_t bytes, size_t word) {
  switch (word) {
  case 2:
    for (size_t i = 0; i < bytes; i += 2) {
      uint16_t v;
      memcpy(&v, data + i, 2);
      v = __builtin_bswap16(v);
      memcpy(data + i, &v, 2);
    }
    break;
  case 4:
    for (size_t i = 0; i < bytes; i += 4) {
      uint32_t v;
      memcpy(&v, data + i, 4);
      v = __builtin_bswap32(v);
      memcpy(data + i, &v, 4);
    }
    break;
  default:
    for (size_t i = 0; i < bytes; i += 8) {
      uint64_t v;
      memcpy(&v, data + i, 8);
      v = __builtin_bswap64(v);
      memcpy(data + i, &v, 8);
    }
  }
}

/* Bytes of the elements; an error where the shape is impossible or the source is known to hold more or less. Decided
 * before anything is allocated, so that a small file cannot ask for a large tensor. */
static kvino_status check_size(const kv_source *s, const kv_npy_header *h, int64_t start, size_t *out,
                               kvino_error *err) {
  int64_t bytes = h->width ? (int64_t)h->width : 1;
  bool empty = false, overflow = false;
  for (int i = 0; i < h->rank; i++) {
    empty |= h->shape[i] == 0;
    if (h->shape[i]) overflow |= __builtin_mul_overflow(bytes, h->shape[i], &bytes);
  }
  if (overflow) return kv_fail(err, KVINO_IO, "%s: the array is larger than any memory", s->name);
  if (empty) bytes = 0;
  if (!h->width && bytes > start) /* texts of no letters are nothing in the file, but something in memory */
    return kv_fail(err, KVINO_IO, "%s: %lld texts of no letters are more than the file has bytes", s->name,
                   (long long)bytes);
  if (!h->width) bytes = 0;
  if (s->size >= 0 && s->size - start < bytes)
    return kv_fail(err, KVINO_IO,
                   "%s: the .npy file is cut off: its header promises %lld bytes of data, there are %lld", s->name,
                   (long long)bytes, (long long)(s->size - start));
  if (s->size >= 0 && s->size - start > bytes)
    return kv_fail(err, KVINO_IO, "%s: %lld bytes follow the array", s->name, (long long)(s->size - start - bytes));
  *out = (size_t)bytes;
  return KVINO_OK;
}

/* The elements stand in Fortran order: C order of the reversed shape, seen through reversed axes. */
static kvino_status reverse_axes(kvino_tensor *t, kvino_tensor **out, kvino_error *err) {
  int64_t shape[KVINO_MAX_RANK], strides[KVINO_MAX_RANK];
  for (int i = 0; i < t->rank; i++) {
    shape[i] = t->shape[t->rank - 1 - i];
    strides[i] = t->strides[t->rank - 1 - i];
  }
  return kv_tensor_view(t, (kvino_dtype)t->dtype, t->rank, shape, strides, t->data, out, err);
}

static kvino_status expect_end(const kv_source *s, kvino_error *err) {
  char more;
  int64_t got = s->read(s->context, &more, 1);
  if (got < 0) return unreadable(s, err);
  return got ? kv_fail(err, KVINO_IO, "%s: more bytes follow the array", s->name) : KVINO_OK;
}

/* The strings that bytes are, in their place. */
static kvino_status take_strings(const kv_npy_header *h, const int64_t *shape, const char *name, kvino_tensor **t,
                                 kvino_error *err) {
  kvino_tensor *bytes = *t;
  size_t n = 1;
  *t = NULL;
  for (int i = 0; i < h->rank; i++) n *= (size_t)shape[i];
  kvino_status status = kv_npy_strings_read(h, shape, bytes->data, n, name, t, err);
  kvino_tensor_release(bytes);
  return status;
}

kvino_status kv_npy_load(const kv_source *s, kvino_tensor **out, kvino_error *err) {
  kv_npy_header h;
  int64_t start = 0;
  size_t bytes = 0;
  KV_TRY(read_header(s, &h, &start, err));
  KV_TRY(check_size(s, &h, start, &bytes, err));
  int64_t reversed[KVINO_MAX_RANK];
  for (int i = 0; i < h.rank; i++) reversed[i] = h.shape[h.rank - 1 - i];
  kvino_tensor *t = NULL;
  const int64_t *shape = h.fortran ? reversed : h.shape;
  bool strings = h.dtype == KVINO_STRING;
  if (strings)
    KV_TRY(kv_tensor_empty(KVINO_U8, 1, (int64_t[]){(int64_t)bytes}, &t, err));
  else
    KV_TRY(kv_tensor_empty(h.dtype, h.rank, shape, &t, err));
  kvino_status status = read_exactly(s, t->data, bytes, err);
  if (strings && !status) status = take_strings(&h, shape, s->name, &t, err);
  if (!status) status = expect_end(s, err);
  if (!status && h.swapped && !strings)
    swap_bytes(t->data, bytes, kvino_dtype_size(h.dtype) >> kvino_dtype_is_complex(h.dtype));
  if (!status && h.fortran && h.rank > 1) {
    kvino_tensor *view = NULL;
    status = reverse_axes(t, &view, err);
    if (!status) *out = view; /* it holds its own reference of t */
  } else if (!status) {
    *out = kvino_tensor_retain(t);
  }
  kvino_tensor_release(t);
  return status;
}

static int64_t read_file(void *context, void *to, size_t n) {
  FILE *file = context;
  size_t got = fread(to, 1, n, file);
  return got < n && ferror(file) ? -1 : (int64_t)got;
}

static const char *why_file(void *context) {
  (void)context;
  return strerror(errno);
}

kvino_status kvino_npy_read(const char *path, kvino_tensor **out, kvino_error *err) {
  KV_NOT_NULL(err, path && out);
  if (!path) return kv_fail(err, KVINO_INVALID, "the path of a file is NULL");
  FILE *file = fopen(path, "rbe");
  struct stat status;
  if (!file) return kv_fail(err, KVINO_IO, "%s: %s", path, strerror(errno));
  bool known = !fstat(fileno(file), &status) && S_ISREG(status.st_mode);
  kv_source source = {read_file, why_file, file, known ? (int64_t)status.st_size : -1, path};
  kvino_status result = kv_npy_load(&source, out, err);
  fclose(file);
  return result;
}

typedef struct bytes {
  const char *at, *end;
} bytes;

static int64_t read_bytes(void *context, void *to, size_t n) {
  bytes *b = context;
  if (n > (size_t)(b->end - b->at)) n = (size_t)(b->end - b->at);
  if (n) memcpy(to, b->at, n);
  b->at += n;
  return (int64_t)n;
}

kvino_status kvino_npy_parse(const void *data, size_t length, const char *name, kvino_tensor **out, kvino_error *err) {
  KV_NOT_NULL(err, (data || !length) && out);
  if (!data && length) return kv_fail(err, KVINO_INVALID, "the bytes of an .npy file are NULL");
  bytes b = {data, (const char *)data + length};
  kv_source source = {read_bytes, NULL, &b, (int64_t)length, name ? name : "memory"};
  return kv_npy_load(&source, out, err);
}

/* ---- writing ---- */

/* t's elements as one contiguous piece, and whether that is t in Fortran order: a transposed tensor is not copied. */
static kvino_status one_piece(kvino_tensor *t, kvino_tensor **piece, bool *fortran, kvino_error *err) {
  *fortran = false;
  if (!t->contiguous && t->rank > 1) {
    kvino_tensor *reversed;
    KV_TRY(reverse_axes(t, &reversed, err));
    if (reversed->contiguous) {
      *piece = reversed;
      *fortran = true;
      return KVINO_OK;
    }
    kvino_tensor_release(reversed);
  }
  return kvino_tensor_contiguous(t, piece, err);
}

kvino_status kv_npy_image_make(const kvino_tensor *t, kv_npy_image *image, kvino_error *err) {
  if (!t) return kv_fail(err, KVINO_INVALID, "the tensor to write is NULL");
  if (kvino_tensor_is_symbolic(t)) return kv_fail(err, KVINO_TYPE, "a symbolic tensor has no data to write");
  kv_npy_header h = {.dtype = (kvino_dtype)t->dtype, .rank = t->rank};
  if (t->rank) memcpy(h.shape, t->shape, t->rank * sizeof *t->shape);
  if (h.dtype == KVINO_STRING) {
    KV_TRY(kv_npy_strings_write((kvino_tensor *)(uintptr_t)t, &h, &image->data, err));
    image->data_bytes = (size_t)image->data->size;
    return kv_npy_header_write(&h, image->header, &image->header_bytes, err);
  }
  KV_TRY(kv_npy_header_write(&h, image->header, &image->header_bytes, err)); /* refuses before anything is copied */
  KV_TRY(one_piece((kvino_tensor *)(uintptr_t)t, &image->data, &h.fortran, err));
  image->data_bytes = (size_t)t->size * kvino_dtype_size(h.dtype);
  return h.fortran ? kv_npy_header_write(&h, image->header, &image->header_bytes, err) : KVINO_OK;
}

void kv_npy_image_clear(kv_npy_image *image) {
  kvino_tensor_release(image->data);
  image->data = NULL;
}

/* Closes the file; NULL: it could not be opened. */
static kvino_status write_image(const kv_npy_image *image, FILE *file, const char *name, kvino_error *err) {
  if (!file) return kv_fail(err, KVINO_IO, "%s: %s", name, strerror(errno));
  bool good = fwrite(image->header, 1, image->header_bytes, file) == image->header_bytes;
  if (good && image->data_bytes) good = fwrite(image->data->data, 1, image->data_bytes, file) == image->data_bytes;
  int error = errno;
  if (fclose(file) && good) {
    good = false;
    error = errno;
  }
  return good ? KVINO_OK : kv_fail(err, KVINO_IO, "%s: %s", name, strerror(error));
}

kvino_status kvino_npy_write(const char *path, const kvino_tensor *t, kvino_error *err) {
  KV_NOT_NULL(err, path && t);
  kv_npy_image image = {.data = NULL};
  kv_new_file file;
  KV_TRY(kv_npy_image_make(t, &image, err));
  kvino_status status = kv_new_file_begin(&file, path, err);
  if (!status) {
    status = write_image(&image, fopen(kv_new_file_target(&file), "wbe"), path, err);
    if (status)
      kv_new_file_abandon(&file);
    else
      status = kv_new_file_commit(&file, err);
  }
  kv_npy_image_clear(&image);
  return status;
}

kvino_status kvino_npy_write_fd(int fd, const kvino_tensor *t, kvino_error *err) {
  KV_NOT_NULL(err, t);
  kv_npy_image image = {.data = NULL};
  KV_TRY(kv_npy_image_make(t, &image, err));
  int own = dup(fd); /* the caller's stays open */
  FILE *file = own < 0 ? NULL : fdopen(own, "wb");
  kvino_status status = write_image(&image, file, fd == STDOUT_FILENO ? "standard output" : "the file descriptor", err);
  if (!file && own >= 0) close(own);
  kv_npy_image_clear(&image);
  return status;
}
