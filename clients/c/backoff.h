/*
 * How long to wait before connecting again: exponential, with full jitter, so
 * that the clients of a broker that was away do not come back all at once
 * (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 */
#ifndef CLIENTS_C_BACKOFF_H
#define CLIENTS_C_BACKOFF_H

#include <stdint.h>

struct rt_backoff {
    uint64_t min_ms;   /* bound of the first wait */
    uint64_t max_ms;   /* bound of all waits */
    unsigned failures; /* in a row */
};

/* The next wait, 0 to its bound, chosen by a random number; one more failure
 * is counted. */
uint64_t rt_backoff_next_ms(struct rt_backoff *backoff, uint64_t random);

#endif
