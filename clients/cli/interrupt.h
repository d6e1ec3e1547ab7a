/*
 * SIGINT and SIGTERM as something that the loop tells and poll(2) sees, so that
 * a write that waits for a slow reader can be ended as well. One at a time in a
 * process, for so are signals.
 */
#ifndef CLIENTS_CLI_INTERRUPT_H
#define CLIENTS_CLI_INTERRUPT_H

#include <uv.h>

typedef void (*interrupt_fn)(void *context);

struct interrupt {
    uv_poll_t poll;
    int fd; /* readable once a signal came */
    interrupt_fn tell;
    void *context;
};

/* From now on signals are told, and SIGPIPE is an error of write(2) instead. 0
 * or a negative error. */
int interrupt_start(struct interrupt *interrupt,
                    uv_loop_t *loop,
                    interrupt_fn tell,
                    void *context);

/* Signals are told no more. To be called once. */
void interrupt_stop(struct interrupt *interrupt);

#endif
