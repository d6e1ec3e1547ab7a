#include "tests/support/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/test.h"

#define BATCH_MAX     ((size_t)128 * 1024)
#define NARROW_BYTES  4096
#define SILENCE_TURNS 20

/* --- connections --- */

void test_peer_init(struct test_peer *peer, struct test_host *host, int fd)
{
    peer->host = host;
    peer->fd = fd;
    peer->has_ended = false;
    peer->len = 0;
    peer->received[0] = '\0';
    EXPECT_INT(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

static void
connect_socket(struct test_peer *peer, struct test_host *host, int fd)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    name.sin_port = htons((uint16_t)ringtail_broker_port(host->broker));
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_INT(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    test_peer_init(peer, host, fd);
}

/* What a test sends in pieces is to arrive so, and at once. */
static int open_socket(void)
{
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT(fd >= 0);
    EXPECT_INT(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    return fd;
}

void test_peer_connect(struct test_peer *peer, struct test_host *host)
{
    connect_socket(peer, host, open_socket());
}

void test_peer_connect_narrow(struct test_peer *peer, struct test_host *host)
{
    int bytes = NARROW_BYTES;
    int fd = open_socket();
    EXPECT_INT(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)), 0);
    connect_socket(peer, host, fd);
}

void test_peer_close(struct test_peer *peer)
{
    EXPECT_INT(close(peer->fd), 0);
    peer->fd = -1;
}

void test_peer_vanish(struct test_peer *peer)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    EXPECT_INT(shutdown(peer->fd, SHUT_WR), 0);
    EXPECT_INT(
        setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)),
        0);
    test_peer_close(peer);
}

/* --- sending --- */

/* Sends what the socket takes for now. Returns whether that was all. */
static bool send_part(struct test_peer *peer, struct rt_bytes *left)
{
    ssize_t sent = send(peer->fd, left->data, left->len, MSG_NOSIGNAL);
    EXPECT(sent >= 0 || errno == EAGAIN);
    if (sent > 0) {
        left->data += sent;
        left->len -= (size_t)sent;
    }
    return left->len == 0;
}

void test_peer_send_bytes(struct test_peer *peer, const void *data, size_t len)
{
    struct rt_bytes left = {data, len};
    TEST_UNTIL(&peer->host->loop, send_part(peer, &left));
}

void test_peer_send(struct test_peer *peer, const char *text)
{
    test_peer_send_bytes(peer, text, strlen(text));
}

void test_peer_send_times(struct test_peer *peer,
                          const char *text,
                          unsigned count)
{
    static char batch[BATCH_MAX];
    size_t len = strlen(text);
    EXPECT(count * len <= BATCH_MAX);
    for (unsigned i = 0; i < count; i++) {
        memcpy(batch + i * len, text, len);
    }
    test_peer_send_bytes(peer, batch, count * len);
}

/* --- receiving --- */

void test_peer_read(struct test_peer *peer)
{
    while (!peer->has_ended && peer->len < TEST_PEER_BYTES_MAX) {
        ssize_t got = recv(peer->fd, peer->received + peer->len,
                           TEST_PEER_BYTES_MAX - peer->len, 0);
        if (got < 0 && errno == EAGAIN) {
            return;
        }
        peer->has_ended = got <= 0;
        peer->len += got > 0 ? (size_t)got : 0;
        peer->received[peer->len] = '\0';
    }
}

static const char *find(struct test_peer *peer, const char *text)
{
    test_peer_read(peer);
    return memmem(peer->received, peer->len, text, strlen(text));
}

static void take(struct test_peer *peer, size_t len)
{
    peer->len -= len;
    memmove(peer->received, peer->received + len, peer->len + 1);
}

bool test_peer_await_or_end(struct test_peer *peer, const char *text)
{
    const char *at = NULL;
    TEST_UNTIL(&peer->host->loop,
               (at = find(peer, text)) != NULL || peer->has_ended);
    if (at == NULL) {
        return false;
    }
    take(peer, (size_t)(at - peer->received) + strlen(text));
    return true;
}

void test_peer_await(struct test_peer *peer, const char *text)
{
    if (!test_peer_await_or_end(peer, text)) {
        test_fail(__FILE__, __LINE__, "ended without %s: %s", text,
                  peer->received);
    }
}

static bool has_received(struct test_peer *peer, size_t len)
{
    test_peer_read(peer);
    EXPECT(peer->len >= len || !peer->has_ended);
    return peer->len >= len;
}

void test_peer_await_len(struct test_peer *peer, size_t len)
{
    TEST_UNTIL(&peer->host->loop, has_received(peer, len));
}

static bool has_ended(struct test_peer *peer)
{
    test_peer_read(peer);
    return peer->has_ended;
}

void test_peer_await_end(struct test_peer *peer)
{
    TEST_UNTIL(&peer->host->loop, has_ended(peer));
}

void test_peer_expect_silence(struct test_peer *peer)
{
    test_host_turns(peer->host, SILENCE_TURNS);
    test_peer_read(peer);
    EXPECT_INT(peer->len, 0);
    EXPECT(!peer->has_ended);
}

/* --- requests --- */

void test_peer_subscribe(struct test_peer *peer, const char *topic)
{
    char request[512];
    (void)snprintf(request, sizeof(request), TEST_SUBSCRIBE("%s"), topic);
    test_peer_send(peer, request);
    test_peer_await(peer, "HTTP/1.1 101 ");
    test_peer_await(peer, "\r\n\r\n");
}
