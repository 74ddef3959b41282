/* For tests that open OpenVINO under a sanitizer. Its TBB asks for a library with RTLD_DEEPBIND, at which the
 * sanitizers' dlopen ends the process (google/sanitizers#611). The test's own dlopen comes before theirs and leaves the
 * flag out. */
#ifndef KVINO_TESTS_SANITIZER_DLOPEN_H
#define KVINO_TESTS_SANITIZER_DLOPEN_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KV_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define KV_TEST_SANITIZED 1
#endif
#endif

#ifdef KV_TEST_SANITIZED
#include <dlfcn.h>

__attribute__((visibility("default"))) void *dlopen(const char *file, int mode) {
  void *(*next)(const char *, int) = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");
  return next(file, mode & ~RTLD_DEEPBIND);
}
#endif

#endif
