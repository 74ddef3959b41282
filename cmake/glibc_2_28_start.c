/* Linked into a program of a wheel (tools/make_wheel.py): its start calls what every glibc has, instead of that
 * of 2.34. */
typedef int main_function(int, char **, char **);

int kv_start(main_function *, int, char **, void (*)(void), void (*)(void), void (*)(void), void *);
__asm__(".symver kv_start,__libc_start_main@GLIBC_2.2.5");

__attribute__((visibility("hidden"))) int __libc_start_main(main_function *, int, char **, void (*)(void),
                                                            void (*)(void), void (*)(void), void *);
int __libc_start_main(main_function *start, int n, char **args, void (*init)(void), void (*fini)(void),
                      void (*unload)(void), void *stack) {
  return kv_start(start, n, args, init, fini, unload, stack);
}
