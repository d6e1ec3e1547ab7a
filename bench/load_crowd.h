/*
 * Many connections made at the same time, a few hundred at once: some servers
 * let a single one wait for long.
 */
#ifndef BENCH_LOAD_CROWD_H
#define BENCH_LOAD_CROWD_H

#include <stdint.h>

#include "bench/load_dialog.h"

struct load_crowd {
    uint16_t port;
    uint32_t source; /* of the first: see load_connect() */
    uint64_t count;
    void *context;

    /* What the number-th one has to say. */
    void (*describe)(void *context,
                     uint64_t number,
                     struct load_dialog *dialog);

    /* It has been heard, and is the callee's from now on. */
    void (*admit)(void *context, uint64_t number, int fd);
};

/* Returns when all have been admitted; failing to connect ends the run. */
void load_crowd_gather(const struct load_crowd *crowd);

#endif
