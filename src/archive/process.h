/* A process of its own for what reads files that are not trusted: what happens to it does not happen to this one.
 *
 * It is a copy of this process (fork) that serves requests over a socket until that is closed. It can open no file,
 * has bounded memory and processor time, and ends silently when it breaks. */
#ifndef KVINO_ARCHIVE_PROCESS_H
#define KVINO_ARCHIVE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

typedef struct kv_process {
  pid_t id;
  int socket; /* of this side */
} kv_process;

typedef struct kv_process_limits {
  size_t memory;  /* bytes beyond what it has when it begins */
  size_t seconds; /* of processor time */
} kv_process_limits;

/* serve(context, socket) runs in the new process, which ends when it returns. */
kvino_status kv_process_start(void (*serve)(void *context, int socket), void *context, kv_process_limits limits,
                              kv_process *out, kvino_error *err);
/* Ends it at once. */
void kv_process_end(kv_process *p);
/* In it: its memory, from now on. */
void kv_process_allow(size_t memory);

/* All n bytes; false where the other side is gone, or silent for too long. */
bool kv_process_send(int socket, const void *at, size_t n);
bool kv_process_receive(int socket, void *at, size_t n);

#endif
