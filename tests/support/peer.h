/*
 * A host of the library and its peers, in one process and on one thread: the
 * test sends, lets the loop turn, and looks at what has come back. Each wait
 * has a bound, beyond which the test fails.
 */
#ifndef TESTS_SUPPORT_PEER_H
#define TESTS_SUPPORT_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "ringtail/ringtail.h"

struct host {
    uv_loop_t loop;
    struct ringtail_broker *broker;
    int stopped; /* how often the broker said that it has */
};

#define PEER_BYTES_MAX ((size_t)64 * 1024)

struct peer {
    struct host *host;
    int fd;
    bool has_ended; /* the broker has closed, or reset, the connection */
    size_t len;
    char received[PEER_BYTES_MAX + 1];
};

/* A loop and a broker on it that listens on a free port of this machine. NULL
 * for the defaults. */
void host_start(struct host *host, const struct ringtail_config *config);

/* Stops and destroys the broker, if the test has not, and closes the loop, on
 * which nothing is left then. */
void host_stop(struct host *host);

/* A turn of the loop that waits for nothing. */
void host_turn(struct host *host);
void host_turns(struct host *host, unsigned count);

/* A connection to the broker; one that takes few bytes without being read. */
void peer_connect(struct peer *peer, struct host *host);
void peer_connect_narrow(struct peer *peer, struct host *host);

/* Any stream socket, which becomes the peer's. */
void peer_init(struct peer *peer, struct host *host, int fd);

/* Sends all of it, turning the loop where it has to. */
void peer_send(struct peer *peer, const char *text);
void peer_send_bytes(struct peer *peer, const void *data, size_t len);

/* Waits until the text has come, and takes it with all before it. */
void peer_await(struct peer *peer, const char *text);

/* Waits until so many bytes have come. */
void peer_await_len(struct peer *peer, size_t len);

/* Waits until the broker has ended the connection. */
void peer_await_end(struct peer *peer);

/* Takes what has come. */
void peer_read(struct peer *peer);

/* Closes; vanishing leaves no trace but a reset behind what was a FIN. */
void peer_close(struct peer *peer);
void peer_vanish(struct peer *peer);

/* Becomes a subscriber. */
void peer_subscribe(struct peer *peer, const char *topic);

#endif
