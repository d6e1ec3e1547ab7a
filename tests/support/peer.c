#include "tests/support/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/test.h"

#define PATIENCE_MS  20000
#define NARROW_BYTES 4096

/* --- the host --- */

void host_start(struct host *host, const struct ringtail_config *config)
{
    host->broker = NULL;
    host->stopped = 0;
    EXPECT_INT(uv_loop_init(&host->loop), 0);
    EXPECT_INT(ringtail_broker_create(config, &host->loop, &host->broker), 0);
    EXPECT_INT(ringtail_broker_listen(host->broker, "127.0.0.1:0", 0), 0);
}

void host_turn(struct host *host)
{
    (void)uv_run(&host->loop, UV_RUN_NOWAIT);
}

void host_turns(struct host *host, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        host_turn(host);
    }
}

static void on_stopped(void *context)
{
    struct host *host = context;
    host->stopped++;
}

void host_stop(struct host *host)
{
    if (host->stopped == 0) {
        ringtail_broker_stop(host->broker, 0, on_stopped, host);
    }
    EXPECT_INT(uv_run(&host->loop, UV_RUN_DEFAULT), 0);
    EXPECT_INT(host->stopped, 1);
    ringtail_broker_destroy(host->broker);
    EXPECT_INT(uv_loop_close(&host->loop), 0);
}

/* --- waiting --- */

/* Lets time pass: a turn, or a millisecond if there is nothing to do. */
static void wait_a_little(struct host *host, uint64_t end)
{
    host_turn(host);
    uv_sleep(1);
    if (uv_hrtime() / 1000000 > end) {
        test_fail(__FILE__, __LINE__, "waited in vain");
    }
}

static uint64_t patience(void)
{
    return uv_hrtime() / 1000000 + PATIENCE_MS;
}

/* --- peers --- */

void peer_init(struct peer *peer, struct host *host, int fd)
{
    peer->host = host;
    peer->fd = fd;
    peer->has_ended = false;
    peer->len = 0;
    peer->received[0] = '\0';
    EXPECT_INT(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

static void connect_with(struct peer *peer, struct host *host, int receive)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT(fd >= 0);
    name.sin_port = htons((uint16_t)ringtail_broker_port(host->broker));
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (receive > 0) {
        EXPECT_INT(
            setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof(receive)),
            0);
    }
    EXPECT_INT(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    peer_init(peer, host, fd);
}

void peer_connect(struct peer *peer, struct host *host)
{
    connect_with(peer, host, 0);
}

void peer_connect_narrow(struct peer *peer, struct host *host)
{
    connect_with(peer, host, NARROW_BYTES);
}

void peer_send_bytes(struct peer *peer, const void *data, size_t len)
{
    const char *at = data;
    uint64_t end = patience();
    while (len > 0) {
        ssize_t sent = send(peer->fd, at, len, MSG_NOSIGNAL);
        if (sent > 0) {
            at += sent;
            len -= (size_t)sent;
            continue;
        }
        EXPECT_INT(errno, EAGAIN);
        wait_a_little(peer->host, end);
    }
}

void peer_send(struct peer *peer, const char *text)
{
    peer_send_bytes(peer, text, strlen(text));
}

void peer_read(struct peer *peer)
{
    while (!peer->has_ended && peer->len < PEER_BYTES_MAX) {
        ssize_t got = recv(peer->fd, peer->received + peer->len,
                           PEER_BYTES_MAX - peer->len, 0);
        if (got < 0 && errno == EAGAIN) {
            return;
        }
        peer->has_ended = got <= 0;
        peer->len += got > 0 ? (size_t)got : 0;
        peer->received[peer->len] = '\0';
    }
}

static void take(struct peer *peer, size_t len)
{
    peer->len -= len;
    memmove(peer->received, peer->received + len, peer->len + 1);
}

static char *find(struct peer *peer, const char *text)
{
    return memmem(peer->received, peer->len, text, strlen(text));
}

void peer_await(struct peer *peer, const char *text)
{
    uint64_t end = patience();
    peer_read(peer);
    while (find(peer, text) == NULL) {
        if (peer->has_ended) {
            test_fail(__FILE__, __LINE__, "ended without %s: %s", text,
                      peer->received);
        }
        wait_a_little(peer->host, end);
        peer_read(peer);
    }
    take(peer, (size_t)(find(peer, text) - peer->received) + strlen(text));
}

void peer_await_len(struct peer *peer, size_t len)
{
    uint64_t end = patience();
    peer_read(peer);
    while (peer->len < len) {
        EXPECT(!peer->has_ended);
        wait_a_little(peer->host, end);
        peer_read(peer);
    }
}

void peer_await_end(struct peer *peer)
{
    uint64_t end = patience();
    peer_read(peer);
    while (!peer->has_ended) {
        wait_a_little(peer->host, end);
        peer_read(peer);
    }
}

void peer_close(struct peer *peer)
{
    EXPECT_INT(close(peer->fd), 0);
}

void peer_vanish(struct peer *peer)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    EXPECT_INT(shutdown(peer->fd, SHUT_WR), 0);
    EXPECT_INT(
        setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)),
        0);
    peer_close(peer);
}

void peer_subscribe(struct peer *peer, const char *topic)
{
    char request[512];
    (void)snprintf(request, sizeof(request),
                   "GET /subscribe/%s HTTP/1.1\r\n"
                   "Host: a\r\n"
                   "Upgrade: websocket\r\n"
                   "Connection: Upgrade\r\n"
                   "Sec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                   "\r\n",
                   topic);
    peer_send(peer, request);
    peer_await(peer, "HTTP/1.1 101 ");
    peer_await(peer, "\r\n\r\n");
}
