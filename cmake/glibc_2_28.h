/* Put before every source of a wheel (tools/make_wheel.py): what is built with a newer C library asks for functions as
 * glibc 2.28 and earlier have them, so that the wheel runs on Debian 10, Ubuntu 20.04, RHEL 8 and later. Each line
 * names the version that x86-64 began with, which every glibc keeps. */
#define KV_FIRST(name) __asm__(".symver " #name "," #name "@GLIBC_2.2.5");

/* Renewed in 2.29 and 2.35, without errno. */
KV_FIRST(exp)
KV_FIRST(exp2)
KV_FIRST(log)
KV_FIRST(log2)
KV_FIRST(pow)
KV_FIRST(hypot)
KV_FIRST(hypotf)

/* Moved from libpthread and libdl into libc in 2.32 to 2.34. */
KV_FIRST(pthread_create)
KV_FIRST(pthread_join)
KV_FIRST(pthread_sigmask)
KV_FIRST(pthread_once)
KV_FIRST(pthread_mutex_trylock)
KV_FIRST(pthread_mutexattr_init)
KV_FIRST(pthread_mutexattr_settype)
KV_FIRST(pthread_mutexattr_destroy)
KV_FIRST(pthread_rwlock_init)
KV_FIRST(pthread_rwlock_rdlock)
KV_FIRST(pthread_rwlock_wrlock)
KV_FIRST(pthread_rwlock_unlock)
KV_FIRST(pthread_rwlock_destroy)
KV_FIRST(dlopen)
KV_FIRST(dlsym)
KV_FIRST(dlclose)
KV_FIRST(dlerror)
__asm__(".symver dlinfo,dlinfo@GLIBC_2.3.3");
KV_FIRST(dladdr)

/* Until 2.33 these were in no library: the header called what is below. A source's own calls of them, whatever macros
   name them, are made calls of the static functions here. (No header is included, as a source says first which features
   it wants of those.) */
KV_FIRST(__xstat)
KV_FIRST(__lxstat)
KV_FIRST(__fxstat)
struct stat;
int __xstat(int, const char *, struct stat *);
int __lxstat(int, const char *, struct stat *);
int __fxstat(int, int, struct stat *);
static __attribute__((used)) int kv_old_stat(const char *path, struct stat *to) { return __xstat(1, path, to); }
static __attribute__((used)) int kv_old_lstat(const char *path, struct stat *to) { return __lxstat(1, path, to); }
static __attribute__((used)) int kv_old_fstat(int file, struct stat *to) { return __fxstat(1, file, to); }
__asm__(".set stat,kv_old_stat\n.set stat64,kv_old_stat\n"
        ".set lstat,kv_old_lstat\n.set lstat64,kv_old_lstat\n"
        ".set fstat,kv_old_fstat\n.set fstat64,kv_old_fstat\n");

#undef KV_FIRST
