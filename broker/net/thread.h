/* The library's own threads: signals are for the host's. */
#ifndef BROKER_NET_THREAD_H
#define BROKER_NET_THREAD_H

#include <uv.h>

#include "base/check.h"

/* Begins a thread that has a name of at most 15 characters, and all signals
 * blocked: 0, or libuv's error. */
RT_MUST_USE int rt_thread_create(uv_thread_t *thread,
                                 const char *name,
                                 void (*run)(void *context),
                                 void *context);

#endif
