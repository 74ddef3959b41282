/* .npy and .npz: files as NumPy writes them, every dtype and order, and everything that a file can have wrong. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include "base/memory.h"
#include "kvino/tensor.h"
#include "scratch.h"
#include "tensor/tensor.h"

#define OK(call)                                                                                                       \
  do {                                                                                                                 \
    kvino_error ok_error_ = {0}, *ERR = &ok_error_;                                                                    \
    if (call) fail_msg("%s:%d %s", __FILE__, __LINE__, ERR->text);                                                     \
  } while (0)

/* ---- files in memory ---- */

typedef struct file {
  unsigned char bytes[4096];
  size_t n;
} file;

/* An .npy file of this header text (padded as NumPy does) and data. */
static file make(int version, const char *header, const void *data, size_t n_data) {
  file f = {.n = 0};
  memcpy(f.bytes, "\x93NUMPY", 6);
  f.bytes[6] = (unsigned char)version;
  size_t start = version == 1 ? 10 : 12, n = strlen(header), length = n;
  while ((start + length + 1) % 64) length++;
  memset(f.bytes + start, ' ', length);
  memcpy(f.bytes + start, header, n);
  f.bytes[start + length++] = '\n';
  for (size_t i = 0; i < start - 8; i++) f.bytes[8 + i] = (unsigned char)(length >> 8 * i);
  if (n_data) memcpy(f.bytes + start + length, data, n_data);
  f.n = start + length + n_data;
  return f;
}

static kvino_tensor *parse(const file *f) {
  kvino_tensor *t = NULL;
  OK(kvino_npy_parse(f->bytes, f->n, "test", &t, ERR));
  return t;
}

/* The file must be refused with this status and a text that holds `words`; the output stays as it was. */
static void refuse(const file *f, kvino_status status, const char *words) {
  kvino_tensor *mark = (kvino_tensor *)(uintptr_t)0x1234, *t = mark;
  kvino_error err = {0};
  assert_int_equal(kvino_npy_parse(f->bytes, f->n, "x.npy", &t, &err), status);
  assert_int_equal(err.status, status);
  assert_ptr_equal(t, mark);
  if (!strstr(err.text, words)) fail_msg("'%s' does not say '%s'", err.text, words);
  assert_non_null(strstr(err.text, "x.npy"));
  assert_int_equal(kvino_npy_parse(f->bytes, f->n, "x.npy", &t, NULL), status);
}

static void refuse_header(const char *header, kvino_status status, const char *words) {
  file f = make(1, header, "\0\0\0\0\0\0\0\0", 8);
  refuse(&f, status, words);
}

/* ---- reading .npy ---- */

static void test_versions(void **state) {
  (void)state;
  int32_t data[6] = {1, -2, 3, -4, 5, -6};
  for (int version = 1; version <= 3; version++) {
    file f = make(version, "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }", data, sizeof data);
    kvino_tensor *t = parse(&f);
    assert_int_equal(kvino_tensor_dtype(t), KVINO_I32);
    assert_int_equal(kvino_tensor_rank(t), 2);
    assert_int_equal(kvino_tensor_shape(t)[0], 2);
    assert_int_equal(kvino_tensor_shape(t)[1], 3);
    assert_memory_equal(kvino_tensor_data(t), data, sizeof data);
    kvino_tensor_release(t);
  }
}

static void test_spellings(void **state) {
  (void)state;
  static const char *const headers[] = {
      "{'shape':(2,),'descr':'<u2','fortran_order':False}",
      "{\"descr\": \"<u2\", \"fortran_order\": False, \"shape\": (2,)}",
      "  { 'descr' : 'u2' ,\n 'fortran_order' : True , 'shape' : ( 2 , ) , } ",
      "{'descr': '=u2', 'fortran_order': False, 'shape': (2L,), }",
  };
  for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
    file f = make(1, headers[i], (uint16_t[]){7, 65535}, 4);
    kvino_tensor *t = parse(&f);
    assert_int_equal(kvino_tensor_dtype(t), KVINO_U16);
    assert_int_equal(kvino_tensor_size(t), 2);
    assert_memory_equal(kvino_tensor_data(t), ((uint16_t[]){7, 65535}), 4);
    kvino_tensor_release(t);
  }
}

static void test_byte_orders(void **state) {
  (void)state;
  file f = make(1, "{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }", "\x01\x02\xff\xfe", 4);
  kvino_tensor *t = parse(&f);
  assert_memory_equal(kvino_tensor_data(t), ((int16_t[]){0x0102, -2}), 4);
  kvino_tensor_release(t);

  f = make(1, "{'descr': '>f8', 'fortran_order': False, 'shape': (), }", "\x3f\xf8\0\0\0\0\0\0", 8);
  t = parse(&f);
  assert_true(kv_tensor_get_number(t, 0) == 1.5);
  kvino_tensor_release(t);

  /* A complex number is two numbers: each is swapped by itself. */
  f = make(1, "{'descr': '>c8', 'fortran_order': False, 'shape': (1,), }", "\x3f\x80\0\0\xc0\0\0\0", 8);
  t = parse(&f);
  assert_memory_equal(kvino_tensor_data(t), ((float[]){1, -2}), 8);
  kvino_tensor_release(t);

  f = make(1, "{'descr': '>b1', 'fortran_order': False, 'shape': (2,), }", "\x01\x00", 2);
  t = parse(&f);
  assert_memory_equal(kvino_tensor_data(t), "\x01\x00", 2);
  kvino_tensor_release(t);
}

static void test_fortran_order(void **state) {
  (void)state;
  uint8_t data[6] = {1, 4, 2, 5, 3, 6};
  file f = make(1, "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", data, sizeof data);
  kvino_tensor *t = parse(&f), *c = NULL;
  assert_int_equal(kvino_tensor_shape(t)[0], 2);
  assert_false(kvino_tensor_is_contiguous(t));
  for (int i = 0; i < 6; i++) assert_int_equal(kv_tensor_get_int(t, i), i + 1);
  OK(kvino_tensor_contiguous(t, &c, ERR));
  assert_memory_equal(kvino_tensor_data(c), "\1\2\3\4\5\6", 6);
  kvino_tensor_release(c);
  kvino_tensor_release(t);
}

static void test_bfloat16(void **state) {
  (void)state;
  file f = make(1, "{'descr': '<V2', 'fortran_order': False, 'shape': (1,), }", "\x80\x3f", 2);
  kvino_tensor *t = parse(&f);
  assert_int_equal(kvino_tensor_dtype(t), KVINO_BF16);
  assert_true(kv_tensor_get_number(t, 0) == 1.0);
  kvino_tensor_release(t);
}

#define HEADER(descr, order, shape) "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }"

static void test_refused_types(void **state) {
  (void)state;
  refuse_header(HEADER("'|O'", "False", "(1,)"), KVINO_TYPE, "pickled");
  refuse_header(HEADER("[('a', '<f4'), ('b', '<i4')]", "False", "(1,)"), KVINO_TYPE, "structured");
  static const char *const unknown[] = {"'|S'",  "'<U2x'", "'<U99999999999'", "'<M8[ns]'", "'<m8'", "'<f16'", "'<c32'",
                                        "'<V1'", "'<f1'",  "'|V8'",           "'<i3'",     "'<b2'", "''"};
  for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
    char header[200];
    snprintf(header, sizeof header, "{'descr': %s, 'fortran_order': False, 'shape': (1,), }", unknown[i]);
    refuse_header(header, KVINO_TYPE, "type string");
  }
}

static void test_broken_headers(void **state) {
  (void)state;
  static const char *const broken[] = {
      "",
      "{",
      "}",
      "[]",
      "{}",
      "None",
      HEADER("'<f8'", "False", "(1"),
      HEADER("'<f8'", "False", "(1,)") " x",
      HEADER("'<f8'", "False", "(1)"),
      HEADER("'<f8'", "False", "1"),
      HEADER("'<f8'", "False", "[1]"),
      HEADER("'<f8'", "False", "(-1,)"),
      HEADER("'<f8'", "False", "(1, , 1)"),
      HEADER("'<f8'", "False", "(1 1)"),
      HEADER("'<f8'", "False", "(01,)"),
      HEADER("'<f8'", "False", "(1.0,)"),
      HEADER("'<f8'", "False", "(99999999999999999999,)"),
      HEADER("'<f8'", "0", "(1,)"),
      HEADER("'<f8'", "false", "(1,)"),
      HEADER("'<\\x66 8'", "False", "(1,)"),
      HEADER("8", "False", "(1,)"),
      HEADER("'abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz'", "False", "(1,)"),
      "{'descr': '<f8', 'shape': (1,), }",
      "{'descr': '<f8', 'fortran_order': False, }",
      "{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1,), }",
      "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'more': 1}",
      "{'descr': '<f8' 'fortran_order': False, 'shape': (1,), }",
      "{'descr' '<f8', 'shape': (1,)}",
      "{descr: '<f8', 'fortran_order': False, 'shape': (1,), }",
  };
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) refuse_header(broken[i], KVINO_IO, "broken");
  char shape[512] = "{'descr': '<f8', 'fortran_order': False, 'shape': (";
  for (int i = 0; i < 65; i++) strcat(shape, "1, ");
  refuse_header(strcat(shape, "), }"), KVINO_IO, "64 dimensions");
}

static void test_broken_prefixes(void **state) {
  (void)state;
  double one = 1;
  file good = make(1, HEADER("'<f8'", "False", "(1,)"), &one, 8), f = good;
  f.bytes[0] = 'N';
  refuse(&f, KVINO_IO, "not an .npy file");
  f = good;
  f.bytes[6] = 4;
  refuse(&f, KVINO_IO, "version 4.0");
  f = good;
  f.bytes[7] = 1;
  refuse(&f, KVINO_IO, "version 1.1");
  f = good;
  f.bytes[9] = 0xff;
  refuse(&f, KVINO_IO, "10000 are allowed");
  f = make(2, HEADER("'<f8'", "False", "(1,)"), &one, 8);
  f.bytes[11] = 0xff;
  refuse(&f, KVINO_IO, "10000 are allowed");
  f.n = 0;
  refuse(&f, KVINO_IO, "not an .npy file");
}

/* A shape that its file cannot hold must be refused before memory is asked for: no allocation is let through here. */
static void test_false_sizes(void **state) {
  (void)state;
  kv_fail_after(0);
  refuse_header(HEADER("'<f8'", "False", "(2,)"), KVINO_IO, "promises 16 bytes of data, there are 8");
  refuse_header(HEADER("'<f8'", "False", "(1000000000000,)"), KVINO_IO, "cut off");
  refuse_header(HEADER("'<f8'", "False", "(9223372036854775807,)"), KVINO_IO, "larger than any memory");
  refuse_header(HEADER("'<f8'", "True", "(4294967296, 4294967296)"), KVINO_IO, "larger than any memory");
  refuse_header(HEADER("'<f8'", "False", "(0, 4294967296, 4294967296)"), KVINO_IO, "larger than any memory");
  refuse_header(HEADER("'<f4'", "False", "(1,)"), KVINO_IO, "4 bytes follow the array");
  refuse_header(HEADER("'<f8'", "False", "(0,)"), KVINO_IO, "8 bytes follow the array");
  kv_fail_after(-1);
}

static void test_every_truncation(void **state) {
  (void)state;
  double data[3] = {1, 2, 3};
  file f = make(3, HEADER("'<f8'", "False", "(3,)"), data, sizeof data);
  for (size_t n = f.n; n-- > 0;) {
    f.n = n;
    refuse(&f, KVINO_IO, n < 8 ? "not an .npy file" : "cut off");
  }
}

/* Whatever a byte is changed to: an error, or a tensor; never more than the file holds (sanitizers watch). */
static void test_every_byte_changed(void **state) {
  (void)state;
  double data[2] = {1, 2};
  file good = make(1, HEADER("'<f8'", "False", "(2,)"), data, sizeof data);
  for (size_t i = 0; i < good.n; i++)
    for (int bit = 0; bit < 8; bit++) {
      file f = good;
      f.bytes[i] ^= (unsigned char)(1 << bit);
      kvino_tensor *t = NULL;
      unsigned char *exact = malloc(f.n); /* so that a read past the end is seen */
      memcpy(exact, f.bytes, f.n);
      if (!kvino_npy_parse(exact, f.n, NULL, &t, NULL)) assert_in_range(kvino_tensor_size(t), 1, 16);
      kvino_tensor_release(t);
      free(exact);
    }
}

/* ---- writing .npy ---- */

static kvino_tensor *iota(kvino_dtype dtype, int rank, const int64_t *shape) {
  kvino_tensor *t = NULL;
  OK(kvino_tensor_new(dtype, rank, shape, NULL, &t, ERR));
  for (size_t i = 0; i < (size_t)t->size * kvino_dtype_size(dtype); i++) t->data[i] = (char)(i * 7 + 1);
  return t;
}

static void assert_same(const kvino_tensor *a, const kvino_tensor *b) {
  assert_int_equal(a->dtype, b->dtype);
  assert_int_equal(a->rank, b->rank);
  for (int i = 0; i < a->rank; i++) assert_int_equal(a->shape[i], b->shape[i]);
  size_t bytes = (size_t)a->size * kvino_dtype_size((kvino_dtype)a->dtype);
  char *x = malloc(bytes + 1), *y = malloc(bytes + 1);
  kv_tensor_copy_to(a, x);
  kv_tensor_copy_to(b, y);
  assert_memory_equal(x, y, bytes);
  free(x);
  free(y);
}

static void test_round_trip(void **state) {
  (void)state;
  static const int64_t shapes[][4] = {{0}, {5}, {0}, {3, 4}, {2, 0, 3}, {2, 1, 3, 2}};
  static const int ranks[] = {0, 1, 1, 2, 3, 4};
  for (int d = 0; d < KVINO_DTYPE_COUNT; d++) {
    if (d == KVINO_STRING || d == KVINO_F8E4M3 || d == KVINO_F8E5M2) continue; /* refused: below */
    for (int i = 0; i < 6; i++) {
      kvino_tensor *t = iota((kvino_dtype)d, ranks[i], shapes[i]), *back = NULL;
      OK(kvino_npy_write(scratch_path("x.npy"), t, ERR));
      OK(kvino_npy_read(scratch_path("x.npy"), &back, ERR));
      assert_same(t, back);
      kvino_tensor_release(t);
      kvino_tensor_release(back);
    }
  }
  assert_int_equal(scratch_clear(), 1);
}

static void test_views_are_written(void **state) {
  (void)state;
  kvino_tensor *t = iota(KVINO_I32, 2, (int64_t[]){3, 4}), *view = NULL, *back = NULL;
  /* transposed: stays Fortran order in the file, not copied */
  OK(kv_tensor_view(t, KVINO_I32, 2, (int64_t[]){4, 3}, (int64_t[]){4, 16}, t->data, &view, ERR));
  OK(kvino_npy_write(scratch_path("x.npy"), view, ERR));
  OK(kvino_npy_read(scratch_path("x.npy"), &back, ERR));
  assert_same(view, back);
  assert_int_equal(back->strides[0], 4);
  kvino_tensor_release(back);
  kvino_tensor_release(view);
  /* backwards and every second column */
  OK(kv_tensor_view(t, KVINO_I32, 2, (int64_t[]){3, 2}, (int64_t[]){-16, 8}, t->data + 32, &view, ERR));
  OK(kvino_npy_write(scratch_path("x.npy"), view, ERR));
  OK(kvino_npy_read(scratch_path("x.npy"), &back, ERR));
  assert_same(view, back);
  assert_true(back->contiguous);
  kvino_tensor_release(back);
  kvino_tensor_release(view);
  kvino_tensor_release(t);
  scratch_clear();
}

/* The header byte by byte, as NumPy writes it. */
static void test_to_a_descriptor(void **state) {
  (void)state;
  kvino_tensor *t = iota(KVINO_I32, 2, (int64_t[]){3, 4}), *back = NULL;
  FILE *to = fopen(scratch_path("x.npy"), "wb");
  OK(kvino_npy_write_fd(fileno(to), t, ERR));
  assert_int_equal(lseek(fileno(to), 0, SEEK_CUR), 128 + 48); /* open, and behind what was written */
  fclose(to);
  OK(kvino_npy_read(scratch_path("x.npy"), &back, ERR));
  assert_same(t, back);
  kvino_error err;
  assert_int_equal(kvino_npy_write_fd(-1, t, &err), KVINO_IO);
  assert_int_equal(kvino_npy_write_fd(1, NULL, &err), KVINO_INVALID);
  kvino_tensor_release(t);
  kvino_tensor_release(back);
  assert_int_equal(scratch_clear(), 1);
}

static void test_header_is_numpys(void **state) {
  (void)state;
  kvino_tensor *t = iota(KVINO_F32, 2, (int64_t[]){2, 3});
  OK(kvino_npy_write(scratch_path("x.npy"), t, ERR));
  char bytes[200];
  FILE *f = fopen(scratch_path("x.npy"), "rb");
  assert_int_equal(fread(bytes, 1, sizeof bytes, f), 128 + 24);
  fclose(f);
  assert_memory_equal(bytes, "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   ",
                      72);
  assert_int_equal(bytes[127], '\n');
  kvino_tensor_release(t);
  scratch_clear();
}

static void test_refused_tensors(void **state) {
  (void)state;
  kvino_error err;
  kvino_tensor *t = iota(KVINO_F8E4M3, 1, (int64_t[]){1});
  assert_int_equal(kvino_npy_write(scratch_path("x.npy"), t, &err), KVINO_TYPE);
  assert_non_null(strstr(err.text, "float8_e4m3fn"));
  kvino_tensor_release(t);
  assert_int_equal(kvino_npy_write(scratch_path("x.npy"), NULL, &err), KVINO_INVALID);
  assert_int_equal(scratch_clear(), 0);
}

static void test_paths(void **state) {
  (void)state;
  kvino_error err;
  kvino_tensor *t = iota(KVINO_U8, 1, (int64_t[]){3}), *back = NULL;
  assert_int_equal(kvino_npy_read(scratch_path("none.npy"), &back, &err), KVINO_IO);
  assert_non_null(strstr(err.text, "none.npy: No such file or directory"));
  assert_int_equal(kvino_npy_read(scratch, &back, &err), KVINO_IO);
  assert_non_null(strstr(err.text, "Is a directory"));
  assert_int_equal(kvino_npy_write(scratch_path("none/x.npy"), t, &err), KVINO_IO);
  assert_non_null(strstr(err.text, "none/x.npy: No such file or directory"));
  assert_int_equal(kvino_npy_write(scratch, t, &err), KVINO_IO);
  assert_int_equal(kvino_npy_write("/dev/full", t, &err), KVINO_IO);
  assert_non_null(strstr(err.text, "/dev/full: No space left on device"));
  assert_int_equal(kvino_npy_read(NULL, &back, &err), KVINO_INVALID);
  assert_int_equal(kvino_npy_write(NULL, t, &err), KVINO_INVALID);
  OK(kvino_npy_write("/dev/null", t, ERR)); /* no regular file: written directly, not replaced */
  struct stat s;
  assert_int_equal(stat("/dev/null", &s), 0);
  assert_true(S_ISCHR(s.st_mode));
  assert_ptr_equal(back, NULL);
  kvino_tensor_release(t);
  assert_int_equal(scratch_clear(), 0);
}

/* A link is followed, the mode of the file it leads to is kept. */
static void test_links(void **state) {
  (void)state;
  kvino_tensor *t = iota(KVINO_U8, 1, (int64_t[]){3});
  OK(kvino_npy_write(scratch_path("real.npy"), t, ERR));
  assert_int_equal(chmod(scratch_path("real.npy"), 0600), 0);
  assert_int_equal(symlink("real.npy", scratch_path("link.npy")), 0);
  OK(kvino_npy_write(scratch_path("link.npy"), t, ERR));
  struct stat s;
  assert_int_equal(lstat(scratch_path("link.npy"), &s), 0);
  assert_true(S_ISLNK(s.st_mode));
  assert_int_equal(stat(scratch_path("real.npy"), &s), 0);
  assert_int_equal(s.st_mode & 0777, 0600);
  kvino_tensor_release(t);
  assert_int_equal(scratch_clear(), 2);
}

/* The disk is full half way: the old file is there as it was, and nothing else. */
static void test_nothing_half_written(void **state) {
  (void)state;
  kvino_error err;
  kvino_tensor *small = iota(KVINO_U8, 1, (int64_t[]){3}), *large = iota(KVINO_U8, 1, (int64_t[]){1 << 20}),
               *back = NULL;
  kvino_tensor *pair[] = {small, large};
  OK(kvino_npy_write(scratch_path("x"), small, ERR));
  struct rlimit old, tight = {64 << 10, RLIM_INFINITY};
  getrlimit(RLIMIT_FSIZE, &old);
  tight.rlim_max = old.rlim_max;
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &tight);
  kvino_status npy = kvino_npy_write(scratch_path("x"), large, &err);
  kvino_status npz = kvino_npz_write(scratch_path("x"), 2, (const char *[]){"a", "b"}, pair, &err);
  setrlimit(RLIMIT_FSIZE, &old);
  assert_int_equal(npy, KVINO_IO);
  assert_int_equal(npz, KVINO_IO);
  assert_non_null(strstr(err.text, "too large"));
  OK(kvino_npy_read(scratch_path("x"), &back, ERR));
  assert_same(small, back);
  kvino_tensor_release(back);
  kvino_tensor_release(small);
  kvino_tensor_release(large);
  assert_int_equal(scratch_clear(), 1);
}

static void test_pipe(void **state) {
  (void)state;
  double data[2] = {1, 2};
  for (int cut = 0; cut < 3; cut++) {
    file f = make(1, HEADER("'<f8'", "False", "(2,)"), data, sizeof data);
    int ends[2];
    char path[64];
    kvino_tensor *t = NULL;
    kvino_error err;
    assert_int_equal(pipe(ends), 0);
    size_t n = cut == 1 ? f.n - 1 : cut == 2 ? f.n + 1 : f.n;
    assert_int_equal(write(ends[1], f.bytes, n), n);
    close(ends[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    kvino_status status = kvino_npy_read(path, &t, &err);
    assert_int_equal(status, cut ? KVINO_IO : KVINO_OK);
    if (cut) assert_non_null(strstr(err.text, cut == 1 ? "cut off" : "follow the array"));
    kvino_tensor_release(t);
    close(ends[0]);
  }
}

/* ---- .npz ---- */

static void test_npz_round_trip(void **state) {
  (void)state;
  kvino_tensor *in[] = {iota(KVINO_I64, 1, (int64_t[]){4}), iota(KVINO_BOOL, 2, (int64_t[]){2, 3}),
                        iota(KVINO_C128, 0, NULL), iota(KVINO_F32, 1, (int64_t[]){0})};
  const char *in_names[] = {"dim0", "a/b", "ünïcode", "empty"};
  for (size_t n = 0; n <= 4; n += 4) {
    kvino_tensors out = {0, NULL};
    char **names = NULL;
    OK(kvino_npz_write(scratch_path("x.npz"), n, in_names, in, ERR));
    OK(kvino_npz_read(scratch_path("x.npz"), &names, &out, ERR));
    assert_int_equal(out.n, n);
    for (size_t i = 0; i < n; i++) {
      assert_string_equal(names[i], in_names[i]);
      assert_same(in[i], out.v[i]);
    }
    kvino_names_free(names, out.n);
    kvino_tensors_clear(&out);
  }
  for (int i = 0; i < 4; i++) kvino_tensor_release(in[i]);
  assert_int_equal(scratch_clear(), 1);
}

static void test_npz_names(void **state) {
  (void)state;
  kvino_error err;
  kvino_tensor *t = iota(KVINO_I64, 0, NULL), *in[] = {t, t};
  assert_int_equal(kvino_npz_write(scratch_path("x.npz"), 2, (const char *[]){"a", "a"}, in, &err), KVINO_INVALID);
  assert_string_equal(err.text, "two arrays are called 'a'");
  assert_int_equal(kvino_npz_write(scratch_path("x.npz"), 1, (const char *[]){""}, in, &err), KVINO_INVALID);
  assert_int_equal(kvino_npz_write(scratch_path("x.npz"), 1, (const char *[]){NULL}, in, &err), KVINO_INVALID);
  kvino_tensor_release(t);
  assert_int_equal(scratch_clear(), 0);
}

/* An archive of members made with libzip itself. */
static size_t archive(size_t n, const char *const *names, const file *files, int method, char *bytes, size_t size) {
  int code;
  zip_t *zip = zip_open(scratch_path("made.zip"), ZIP_CREATE | ZIP_TRUNCATE, &code);
  assert_non_null(zip);
  for (size_t i = 0; i < n; i++) {
    zip_source_t *s = zip_source_buffer(zip, files[i].bytes, files[i].n, 0);
    zip_int64_t k = zip_file_add(zip, names[i], s, ZIP_FL_ENC_UTF_8);
    assert_true(k >= 0);
    zip_set_file_compression(zip, (zip_uint64_t)k, method, 9);
  }
  assert_int_equal(zip_close(zip), 0);
  FILE *f = fopen(scratch_path("made.zip"), "rb");
  size_t got = fread(bytes, 1, size, f);
  fclose(f);
  scratch_clear();
  return got;
}

static void refuse_npz(const char *bytes, size_t n, const char *words) {
  char **names = NULL;
  kvino_tensors out = {0, NULL};
  kvino_error err = {0};
  char *exact = malloc(n + !n);
  memcpy(exact, bytes, n);
  kvino_status status = kvino_npz_parse(exact, n, "x.npz", &names, &out, &err);
  free(exact);
  assert_int_equal(status, KVINO_IO);
  if (!strstr(err.text, words)) fail_msg("'%s' does not say '%s'", err.text, words);
  assert_non_null(strstr(err.text, "x.npz"));
  assert_null(names);
  assert_null(out.v);
}

static file ones(int64_t n) {
  char header[128];
  static char data[2048];
  memset(data, 1, sizeof data);
  snprintf(header, sizeof header, "{'descr': '|u1', 'fortran_order': False, 'shape': (%lld,), }", (long long)n);
  return make(1, header, data, (size_t)n);
}

static void test_npz_compressed(void **state) {
  (void)state;
  file f = ones(1500);
  char bytes[8192], **names = NULL;
  kvino_tensors out = {0, NULL};
  size_t n = archive(1, (const char *[]){"x.npy"}, &f, ZIP_CM_DEFLATE, bytes, sizeof bytes);
  assert_in_range(n, 100, 600);
  OK(kvino_npz_parse(bytes, n, NULL, &names, &out, ERR));
  assert_string_equal(names[0], "x");
  assert_int_equal(out.v[0]->size, 1500);
  kvino_names_free(names, out.n);
  kvino_tensors_clear(&out);
}

static void test_npz_refused(void **state) {
  (void)state;
  char bytes[8192];
  file f[2] = {ones(100), ones(5)};
  size_t n = archive(1, (const char *[]){"x.txt"}, f, ZIP_CM_STORE, bytes, sizeof bytes);
  refuse_npz(bytes, n, "member 'x.txt'): not an .npy member");

  n = archive(1, (const char *[]){"x.npy"}, f, ZIP_CM_STORE, bytes, sizeof bytes);
  refuse_npz(bytes, 0, "the file is empty");
  refuse_npz(bytes, n / 2, "x.npz");
  bytes[n / 2] ^= 1; /* a byte of the data: the checksum tells */
  refuse_npz(bytes, n, "member 'x.npy'): CRC error");
  bytes[n / 2] ^= 1;

  file not_npy = {.bytes = "hello", .n = 5};
  n = archive(1, (const char *[]){"x.npy"}, &not_npy, ZIP_CM_STORE, bytes, sizeof bytes);
  refuse_npz(bytes, n, "member 'x.npy'): not an .npy file");

  n = archive(2, (const char *[]){"a.npy", "b.npy"}, f, ZIP_CM_STORE, bytes, sizeof bytes);
  for (char *at = bytes; (at = memmem(at, (size_t)(bytes + n - at), "b.npy", 5)); at++) *at = 'a';
  refuse_npz(bytes, n, "already exists"); /* libzip's words for two members of one name */

  n = archive(1, (const char *[]){"x.npy"}, f, ZIP_CM_BZIP2, bytes, sizeof bytes);
  refuse_npz(bytes, n, "x.npz");
}

/* Sizes that lie, in the central directory and in the local header: stored, packed, and more than DEFLATE can make. */
static void test_npz_bombs(void **state) {
  (void)state;
  char bytes[8192];
  file f = ones(1500);
  for (int method = ZIP_CM_STORE; method <= ZIP_CM_DEFLATE; method += ZIP_CM_DEFLATE) {
    static const uint32_t lies[] = {100, 1499 + 128, 1 << 20, 0x7fffffff};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
      size_t n = archive(1, (const char *[]){"x.npy"}, &f, method, bytes, sizeof bytes);
      char *central = memmem(bytes, n, "PK\1\2", 4);
      assert_non_null(central);
      memcpy(bytes + 22, &lies[i], 4);
      memcpy(central + 24, &lies[i], 4);
      kv_fail_after(1000);
      refuse_npz(bytes, n, "x.npz");
      kv_fail_after(-1);
    }
  }
}

static void test_npz_every_byte_changed(void **state) {
  (void)state;
  char bytes[8192];
  file f[2] = {ones(3), ones(5)};
  size_t n = archive(2, (const char *[]){"a.npy", "b.npy"}, f, ZIP_CM_DEFLATE, bytes, sizeof bytes);
  char *exact = malloc(n);
  for (size_t i = 0; i < n; i++)
    for (int change = 1; change < 256; change *= 4) {
      char **names = NULL;
      kvino_tensors out = {0, NULL};
      memcpy(exact, bytes, n);
      exact[i] ^= (char)change;
      if (!kvino_npz_parse(exact, n, NULL, &names, &out, NULL)) kvino_names_free(names, out.n);
      kvino_tensors_clear(&out);
    }
  free(exact);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_versions),
      cmocka_unit_test(test_spellings),
      cmocka_unit_test(test_byte_orders),
      cmocka_unit_test(test_fortran_order),
      cmocka_unit_test(test_bfloat16),
      cmocka_unit_test(test_refused_types),
      cmocka_unit_test(test_broken_headers),
      cmocka_unit_test(test_broken_prefixes),
      cmocka_unit_test(test_false_sizes),
      cmocka_unit_test(test_every_truncation),
      cmocka_unit_test(test_every_byte_changed),
      cmocka_unit_test(test_round_trip),
      cmocka_unit_test(test_views_are_written),
      cmocka_unit_test(test_to_a_descriptor),
      cmocka_unit_test(test_header_is_numpys),
      cmocka_unit_test(test_refused_tensors),
      cmocka_unit_test(test_paths),
      cmocka_unit_test(test_links),
      cmocka_unit_test(test_nothing_half_written),
      cmocka_unit_test(test_pipe),
      cmocka_unit_test(test_npz_round_trip),
      cmocka_unit_test(test_npz_names),
      cmocka_unit_test(test_npz_compressed),
      cmocka_unit_test(test_npz_refused),
      cmocka_unit_test(test_npz_bombs),
      cmocka_unit_test(test_npz_every_byte_changed),
  };
  return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
