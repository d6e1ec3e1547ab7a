/*
 * A peer of a test's host: the other end of a connection to the broker, a plain
 * socket in the same thread. Each wait lets the host's loop turn.
 */
#ifndef TESTS_SUPPORT_PEER_H
#define TESTS_SUPPORT_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/support/host.h"

#define TEST_PEER_BYTES_MAX ((size_t)64 * 1024)

struct test_peer {
    struct test_host *host;
    int fd;
    bool has_ended; /* the broker has closed, or reset, the connection */
    size_t len;
    char received[TEST_PEER_BYTES_MAX + 1]; /* with a NUL */
};

/* A connection to the broker; one that takes few bytes without being read. */
void test_peer_connect(struct test_peer *peer, struct test_host *host);
void test_peer_connect_narrow(struct test_peer *peer, struct test_host *host);

/* Any stream socket, which becomes the peer's. */
void test_peer_init(struct test_peer *peer, struct test_host *host, int fd);

/* Sends all of it, turning the loop where it has to. */
void test_peer_send(struct test_peer *peer, const char *text);
void test_peer_send_bytes(struct test_peer *peer, const void *data, size_t len);

/* The same text, so often, as one: the broker reads it in few pieces. */
void test_peer_send_times(struct test_peer *peer,
                          const char *text,
                          unsigned count);

/* Waits until the text has come, and takes it with all before it. */
void test_peer_await(struct test_peer *peer, const char *text);

/* The same, or until the broker has ended the connection: returns whether the
 * text has come. */
bool test_peer_await_or_end(struct test_peer *peer, const char *text);

/* Waits until so many bytes have come. */
void test_peer_await_len(struct test_peer *peer, size_t len);

/* Waits until the broker has ended the connection. */
void test_peer_await_end(struct test_peer *peer);

/* Reads what has come; expects that nothing has, in whatever time it takes for
 * nothing to happen. */
void test_peer_read(struct test_peer *peer);
void test_peer_expect_silence(struct test_peer *peer);

/* Closes; vanishing leaves no trace but a reset behind what was a FIN. */
void test_peer_close(struct test_peer *peer);
void test_peer_vanish(struct test_peer *peer);

/* Becomes a subscriber. */
void test_peer_subscribe(struct test_peer *peer, const char *topic);

/* --- requests --- */

#define TEST_SUBSCRIBE(topic)               \
    "GET /subscribe/" topic " HTTP/1.1\r\n" \
    "Host: a\r\n"                           \
    "Upgrade: websocket\r\n"                \
    "Connection: Upgrade\r\n"               \
    "Sec-WebSocket-Version: 13\r\n"         \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

/* What follows the name of the last header field is its value, and the
 * payload. */
#define TEST_PRODUCE(topic, headers, payload)                 \
    "POST /produce/" topic " HTTP/1.1\r\nHost: a\r\n" headers \
    "Content-Length: " payload

#define TEST_HELLO(topic) TEST_PRODUCE(topic, "", "5\r\n\r\nhello")

/* An event that is to be on disk, or in memory, when it is answered. */
#define TEST_DISK(topic)   TEST_PRODUCE(topic "?ack=disk", "", "1\r\n\r\nx")
#define TEST_MEMORY(topic) TEST_PRODUCE(topic "?ack=memory", "", "1\r\n\r\nx")

#define TEST_LIVEZ "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"

#endif
