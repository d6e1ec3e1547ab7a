/*
 * A host program, for tests of the library: a loop with a broker on it, and a
 * peer of the broker's on a plain socket, all in one thread.
 */
#ifndef TESTS_SUPPORT_HOST_H
#define TESTS_SUPPORT_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "ringtail/ringtail.h"

#define HOST_TURNS_MAX 200000 /* more turns than any test needs */
#define HOST_PEER_MAX  ((size_t)256 * 1024)

struct test_host {
    uv_loop_t loop;
    struct ringtail_broker *broker;
    bool is_stopped;
};

/* A broker that does not listen; `config` may be NULL. Expects success. */
void test_host_init(struct test_host *host,
                    const struct ringtail_config *config);

/* Listens on a port of 127.0.0.1. Expects success. */
void test_host_listen(struct test_host *host);

/* Runs the loop for one turn, without waiting. */
void test_host_turn(struct test_host *host);

/* Runs turns until the value is not smaller any more. */
void test_host_until(struct test_host *host,
                     const uint64_t *value,
                     uint64_t expected);

/* Stops, destroys, and expects that the loop has nothing left on it. */
void test_host_stop(struct test_host *host);
void test_host_finish(struct test_host *host);

/* The other end of a connection to the broker. */
struct test_peer {
    struct test_host *host;
    int fd;
    bool is_at_end; /* the broker has closed */
    size_t len;
    char received[HOST_PEER_MAX + 1]; /* with a NUL */
};

/* Connects to the broker's port. Expects success. */
void test_peer_init(struct test_peer *peer, struct test_host *host);
void test_peer_finish(struct test_peer *peer);

/* Sends all of the text. */
void test_peer_send(struct test_peer *peer, const char *text);

/* Runs turns until the text has been received, or the broker has closed.
 * Returns whether it has, and drops everything up to its end. */
bool test_peer_await(struct test_peer *peer, const char *text);

/* Sends a request that subscribes to a topic. */
void test_peer_subscribe(struct test_peer *peer, const char *topic);

#endif
