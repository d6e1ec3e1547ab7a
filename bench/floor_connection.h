/*
 * The floor's connections, one for each descriptor, and what is done with any
 * of them.
 */
#ifndef BENCH_FLOOR_CONNECTION_H
#define BENCH_FLOOR_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/floor_topic.h"
#include "bench/wire.h"

struct floor_publisher {
    size_t head_len;
    size_t payload_len;
    size_t digits_at; /* of a topic's number within the head; 0: it has none */
    size_t held;      /* bytes of an unfinished request */
    char bytes[WIRE_PUBLISHER_READ];
};

/* Neither topic nor publisher: not heard from yet. */
struct floor_connection {
    struct floor_topic *topic;
    struct floor_publisher *publisher;
    size_t index;    /* of a subscriber in its topic */
    uint64_t log_at; /* of one that replays; 0: it is live */
};

extern struct floor_connection *floor_connections;
extern int floor_poller;

/* Ends the program, with the meaning of errno. */
void floor_die(const char *what);

void floor_prepare_connections(void);

/* Tells the poller of what to report. */
void floor_watch(int operation, int fd, uint32_t events);

/* Sends it all. A failed peer is left to the poller, which reports it. */
void floor_send_all(int fd, const char *data, size_t len);

/* Reads what fits; false when the connection is gone and was closed. */
bool floor_receive(int fd, char *into, size_t size, size_t *len);

void floor_close(int fd);

#endif
