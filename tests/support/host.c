#include "tests/support/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/test.h"

#define DRAIN_MS    1000
#define REQUEST_MAX 512
#define POLL_US     100

/* --- the host --- */

void test_host_init(struct test_host *host,
                    const struct ringtail_config *config)
{
    *host = (struct test_host){.is_stopped = false};
    EXPECT_INT(uv_loop_init(&host->loop), 0);
    EXPECT_INT(ringtail_broker_create(config, &host->loop, &host->broker), 0);
}

void test_host_listen(struct test_host *host)
{
    EXPECT_INT(ringtail_broker_listen(host->broker, "127.0.0.1:0", 0), 0);
    EXPECT(ringtail_broker_port(host->broker) > 0);
}

void test_host_turn(struct test_host *host)
{
    (void)uv_run(&host->loop, UV_RUN_NOWAIT);
}

void test_host_until(struct test_host *host,
                     const uint64_t *value,
                     uint64_t expected)
{
    for (int turns = 0; *value < expected; turns++) {
        EXPECT(turns < HOST_TURNS_MAX);
        test_host_turn(host);
    }
    EXPECT_INT(*value, expected);
}

static void on_stopped(void *context)
{
    struct test_host *host = context;
    EXPECT(!host->is_stopped);
    host->is_stopped = true;
}

void test_host_stop(struct test_host *host)
{
    ringtail_broker_stop(host->broker, DRAIN_MS, on_stopped, host);
    EXPECT(!host->is_stopped);
    EXPECT_INT(uv_run(&host->loop, UV_RUN_DEFAULT), 0);
    EXPECT(host->is_stopped);
}

void test_host_finish(struct test_host *host)
{
    if (!host->is_stopped) {
        test_host_stop(host);
    }
    EXPECT_INT(uv_loop_close(&host->loop), 0);
    ringtail_broker_destroy(host->broker);
}

/* --- the peer --- */

void test_peer_init(struct test_peer *peer, struct test_host *host)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)ringtail_broker_port(host->broker)),
        .sin_addr = {htonl(INADDR_LOOPBACK)}};
    peer->host = host;
    peer->is_at_end = false;
    peer->len = 0;
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT(peer->fd >= 0);
    EXPECT_INT(connect(peer->fd, (struct sockaddr *)&address, sizeof(address)),
               0);
}

void test_peer_finish(struct test_peer *peer)
{
    (void)close(peer->fd);
    peer->fd = -1;
}

void test_peer_send(struct test_peer *peer, const char *text)
{
    size_t len = strlen(text);
    ssize_t sent = send(peer->fd, text, len, MSG_NOSIGNAL);
    EXPECT_INT(sent, len);
}

static void receive(struct test_peer *peer)
{
    ssize_t got = recv(peer->fd, peer->received + peer->len,
                       HOST_PEER_MAX - peer->len, MSG_DONTWAIT);
    if (got > 0) {
        peer->len += (size_t)got;
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        peer->is_at_end = true;
    }
    peer->received[peer->len] = '\0';
}

bool test_peer_await(struct test_peer *peer, const char *text)
{
    for (int turns = 0; turns < HOST_TURNS_MAX; turns++) {
        const char *at = memmem(peer->received, peer->len, text, strlen(text));
        if (at != NULL) {
            size_t taken = (size_t)(at - peer->received) + strlen(text);
            peer->len -= taken;
            memmove(peer->received, peer->received + taken, peer->len + 1);
            return true;
        }
        if (peer->is_at_end) {
            return false;
        }
        test_host_turn(peer->host);
        receive(peer);
    }
    return false;
}

void test_peer_subscribe(struct test_peer *peer, const char *topic)
{
    char request[REQUEST_MAX];
    (void)snprintf(request, sizeof(request),
                   "GET /subscribe/%s HTTP/1.1\r\n"
                   "Host: localhost\r\n"
                   "Upgrade: websocket\r\n"
                   "Connection: Upgrade\r\n"
                   "Sec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                   "\r\n",
                   topic);
    test_peer_send(peer, request);
}
