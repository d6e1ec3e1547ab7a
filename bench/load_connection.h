/*
 * Connections to the server under test: always over loopback, always with
 * TCP_NODELAY. Failing to connect ends the run.
 */
#ifndef BENCH_LOAD_CONNECTION_H
#define BENCH_LOAD_CONNECTION_H

#include <stdint.h>

/*
 * The number-th connection to 127.0.0.1:port. Connections spread over source
 * addresses from 127.0.0.1 on, 10,000 each, so that ports do not run out.
 */
int load_connect(uint16_t port, uint32_t number);

/* The same without waiting: writable when it is done, or has failed. */
int load_connect_begin(uint16_t port, uint32_t number);

/* Reports reads of `fd` to the poller under the given tag. */
void load_watch(int poller, int fd, uint64_t tag);

/* Also, or no longer, reports that `fd` can be written to. */
void load_watch_writes(int poller, int fd, uint64_t tag, int on);

#endif
