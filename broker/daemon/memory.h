/*
 * The daemon's memory: the C library's, watched. Much that was allocated among
 * what stays is kept by the C library when it is freed: after ten thousand
 * connections, for good. When half of it is free, and after 20 s also when a
 * sixteenth is, it is given back to the system, which only a program may decide
 * for its process.
 */
#ifndef BROKER_DAEMON_MEMORY_H
#define BROKER_DAEMON_MEMORY_H

#include <stddef.h>
#include <uv.h>

struct memory {
    uv_timer_t timer;
    size_t used;      /* bytes */
    size_t peak;      /* the most since memory was given back */
    unsigned periods; /* of the timer since then */
};

/* Starts to watch, on a loop that it does not keep going. The struct was zeroed
 * before memory_resize was given it. */
void memory_start(struct memory *memory, uv_loop_t *loop);

/* Stops; the loop has to run once more. */
void memory_stop(struct memory *memory);

/* A ringtail_resize_cb, whose context is the struct memory. */
void *
memory_resize(void *context, void *block, size_t old_size, size_t new_size);

#endif
