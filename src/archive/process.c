#define _GNU_SOURCE
#include "archive/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"

enum { MOST_SILENCE = 60 }; /* seconds: what computes without end is ended by its limit long before */

/* ---- in the new process ---- */

static rlim_t memory_at_start;

static void limit(int what, rlim_t most) {
  struct rlimit r;
  if (getrlimit(what, &r)) return;
  r.rlim_cur = most < r.rlim_max ? most : r.rlim_max;
  setrlimit(what, &r);
}

static rlim_t memory_now(void) {
  char text[64] = "";
  unsigned long pages = 0;
  int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  ssize_t n = read(file, text, sizeof text - 1);
  close(file);
  return n > 0 && sscanf(text, "%lu", &pages) == 1 ? (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) : 0;
}

void kv_process_allow(size_t memory) {
#if !defined(__SANITIZE_ADDRESS__) /* which takes memory as it likes */
  if (memory_at_start) limit(RLIMIT_AS, memory_at_start + memory);
#else
  (void)memory;
#endif
}

/* Handlers of the program's must not run here, nor may its signals end this process in other ways than by default. */
static void forget_signals(void) {
  struct sigaction normal = {.sa_handler = SIG_DFL};
  sigset_t none;
  for (int i = 1; i < NSIG; i++) sigaction(i, &normal, NULL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

static void confine(kv_process_limits limits) {
  forget_signals();
  memory_at_start = memory_now();
  kv_process_allow(limits.memory);
  limit(RLIMIT_CPU, limits.seconds);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_NOFILE, 0); /* no more of them */
}

/* ---- in this one ---- */

kvino_status kv_process_start(void (*serve)(void *context, int socket), void *context, kv_process_limits limits,
                              kv_process *out, kvino_error *err) {
  int pair[2];
  struct timeval patience = {.tv_sec = MOST_SILENCE};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
    return kv_fail(err, KVINO_IO, "no process to read a file in: %s", strerror(errno));
  setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  pid_t id = fork();
  if (!id) {
    int socket = dup2(pair[1], STDERR_FILENO + 1); /* all others, which are the program's, are closed */
    syscall(SYS_close_range, STDERR_FILENO + 2, ~0U, 0);
    confine(limits);
    kv_fail_after(-1);
    if (socket >= 0) serve(context, socket);
    _exit(0);
  }
  int why = errno;
  close(pair[1]);
  if (id < 0) {
    close(pair[0]);
    return kv_fail(err, KVINO_IO, "no process to read a file in: %s", strerror(why));
  }
  *out = (kv_process){id, pair[0]};
  return KVINO_OK;
}

void kv_process_end(kv_process *p) {
  siginfo_t state;
  close(p->socket);
  /* A program may wait for any process there is: then this one is not ours any more, and its number may be another's.
   */
  if (!waitid(P_PID, (id_t)p->id, &state, WEXITED | WNOHANG | WNOWAIT)) kill(p->id, SIGKILL);
  while (waitpid(p->id, NULL, 0) < 0 && errno == EINTR) continue;
}

bool kv_process_send(int socket, const void *at, size_t n) {
  for (const char *from = at; n;) {
    ssize_t sent = send(socket, from, n, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    from += sent;
    n -= (size_t)sent;
  }
  return true;
}

bool kv_process_receive(int socket, void *at, size_t n) {
  for (char *to = at; n;) {
    ssize_t got = recv(socket, to, n, MSG_WAITALL);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    n -= (size_t)got;
  }
  return true;
}
