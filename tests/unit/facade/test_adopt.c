#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/peer.h"
#include "tests/support/test.h"

#define SAMPLE_KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define SAMPLE_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

/* Frames of a client, masked with zeroes (RFC 6455, section 5.2). */
#define PING       "\x89\x82\0\0\0\0hi"
#define CLOSE_1000 "\x88\x82\0\0\0\0\x03\xe8"

static struct test_host host;
static struct test_peer peer;

/* --- the handshake's value --- */

TEST("the accept value of the RFC's key is the RFC's")
{
    char accept[RINGTAIL_ACCEPT_BYTES];
    EXPECT_INT(ringtail_websocket_accept(SAMPLE_KEY, accept), 0);
    EXPECT_TEXT(rt_bytes_of(accept), SAMPLE_ACCEPT);
}

TEST("what is no key has no accept value")
{
    char accept[RINGTAIL_ACCEPT_BYTES] = "as it was";
    EXPECT_INT(ringtail_websocket_accept("", accept), UV_EINVAL);
    EXPECT_INT(ringtail_websocket_accept(SAMPLE_KEY " ", accept), UV_EINVAL);
    EXPECT_INT(ringtail_websocket_accept("dGhlIHNhbXBsZSBub25jZQ=", accept),
               UV_EINVAL);
    EXPECT_TEXT(rt_bytes_of(accept), "as it was");
}

/* --- sockets --- */

/* The host's end of a connection whose other end is the peer's. */
static int unix_pair(void)
{
    int pair[2];
    EXPECT_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    test_peer_init(&peer, &host, pair[1]);
    return pair[0];
}

static int tcp_pair(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t len = sizeof(name);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_INT(bind(listener, (struct sockaddr *)&name, len), 0);
    EXPECT_INT(listen(listener, 1), 0);
    EXPECT_INT(getsockname(listener, (struct sockaddr *)&name, &len), 0);
    EXPECT_INT(connect(fd, (struct sockaddr *)&name, len), 0);
    test_peer_init(&peer, &host, fd);
    fd = accept(listener, NULL, NULL);
    EXPECT(fd >= 0);
    EXPECT_INT(close(listener), 0);
    return fd;
}

static int adopt(int fd, const char *since)
{
    return ringtail_broker_adopt(host.broker, fd, "a", since, NULL, 0);
}

static void publish(const char *payload)
{
    EXPECT_INT(ringtail_publish(host.broker, "a", payload, strlen(payload),
                                NULL, NULL),
               0);
}

static void await_bytes(const char *bytes, size_t len)
{
    test_peer_await_len(&peer, len);
    EXPECT_BYTES(((struct rt_bytes){peer.received, peer.len}),
                 ((struct rt_bytes){bytes, len}));
    peer.len = 0;
}

#define AWAIT(literal) await_bytes(literal, sizeof(literal) - 1)

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static int option_of(int fd, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);
    EXPECT_INT(getsockopt(fd, IPPROTO_TCP, name, &value, &len), 0);
    return value;
}

/* --- subscribers --- */

TEST("a connection of this machine becomes a subscriber")
{
    test_host_start(&host, NULL);
    int fd = unix_pair();
    publish("before");
    EXPECT_INT(adopt(fd, NULL), 0);
    publish("hello");
    AWAIT("\x81\x05hello");
    test_host_finish(&host);
    EXPECT(!is_open(fd));
    test_peer_close(&peer);
}

TEST("a connection of TCP becomes one, as those that the broker accepts")
{
    test_host_start(&host, NULL);
    int fd = tcp_pair();
    EXPECT_INT(adopt(fd, NULL), 0);
    EXPECT_INT(fcntl(fd, F_GETFD), FD_CLOEXEC);
    EXPECT((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    EXPECT_INT(option_of(fd, TCP_NODELAY), 1);
    EXPECT_INT(option_of(fd, TCP_NOTSENT_LOWAT), 128 * 1024);
    publish("hello");
    AWAIT("\x81\x05hello");
    test_peer_send_bytes(&peer, PING, sizeof(PING) - 1);
    AWAIT("\x8a\x02hi");
    test_peer_close(&peer);
    test_host_turns(&host, 5);
    EXPECT(!is_open(fd));
    test_host_finish(&host);
}

TEST("a host does the handshake by hand")
{
    char request[1024];
    char answer[256];
    char accept[RINGTAIL_ACCEPT_BYTES];
    test_host_start(&host, NULL);
    int fd = tcp_pair();
    test_peer_send(&peer,
                   "GET /live HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Key: " SAMPLE_KEY "\r\n\r\n");
    test_peer_send_bytes(&peer, PING, sizeof(PING) - 1);
    ssize_t len = recv(fd, request, sizeof(request) - 1, 0);
    EXPECT(len > 0);
    request[len] = '\0';
    char *head_end = strstr(request, "\r\n\r\n") + 4;
    EXPECT_INT(ringtail_websocket_accept(SAMPLE_KEY, accept), 0);
    int answer_len = snprintf(answer, sizeof(answer),
                              "HTTP/1.1 101 Switching Protocols\r\n"
                              "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Accept: %s\r\n\r\n",
                              accept);
    EXPECT_INT(send(fd, answer, (size_t)answer_len, 0), answer_len);
    EXPECT_INT(ringtail_broker_adopt(host.broker, fd, "a", NULL, head_end,
                                     (size_t)(request + len - head_end)),
               0);
    test_peer_await(&peer, "Sec-WebSocket-Accept: " SAMPLE_ACCEPT "\r\n\r\n");
    AWAIT("\x8a\x02hi");
    publish("hello");
    AWAIT("\x81\x05hello");
    test_peer_close(&peer);
    test_host_finish(&host);
}

TEST("a frame that the host has read in part goes on where it was")
{
    test_host_start(&host, NULL);
    int fd = unix_pair();
    EXPECT_INT(ringtail_broker_adopt(host.broker, fd, "a", NULL, PING, 5), 0);
    test_peer_send_bytes(&peer, &PING[5], sizeof(PING) - 1 - 5);
    AWAIT("\x8a\x02hi");
    test_peer_close(&peer);
    test_host_finish(&host);
}

TEST("a peer that has closed already gets its answer")
{
    test_host_start(&host, NULL);
    EXPECT_INT(ringtail_broker_adopt(host.broker, unix_pair(), "a", NULL,
                                     CLOSE_1000, sizeof(CLOSE_1000) - 1),
               0);
    AWAIT("\x88\x02\x03\xe8");
    test_peer_await_end(&peer);
    test_peer_close(&peer);
    test_host_finish(&host);
}

TEST("it begins where it is told to")
{
    test_host_start(&host, NULL);
    publish("first");
    publish("second");
    EXPECT_INT(adopt(unix_pair(), "-1"), 0);
    AWAIT("\x81\x06second");
    test_peer_close(&peer);
    EXPECT_INT(adopt(unix_pair(), "earliest"), 0);
    AWAIT("\x81\x05"
          "first\x81\x06second");
    test_peer_close(&peer);
    test_host_finish(&host);
}

TEST("a start whose events are gone is told by a close frame")
{
    test_host_start(&host, NULL);
    publish("hello");
    EXPECT_INT(adopt(unix_pair(), "00000000-1"), 0);
    test_peer_await(&peer, "\x11\x3a"
                           "epoch-changed; cursor=");
    test_peer_send_bytes(&peer, CLOSE_1000, sizeof(CLOSE_1000) - 1);
    test_peer_await_end(&peer);
    test_peer_close(&peer);
    test_host_finish(&host);
}

/* --- what is not adopted --- */

static void expect_kept(int fd, int result, int err)
{
    EXPECT_INT(result, err);
    test_host_turns(&host, 2);
    EXPECT(is_open(fd));
    EXPECT_INT(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    EXPECT_INT(close(fd), 0);
}

TEST("what is not adopted stays the caller's, as it was")
{
    test_host_start(&host, NULL);
    int fd = unix_pair();
    expect_kept(fd, ringtail_broker_adopt(host.broker, fd, "a..b", NULL, "", 0),
                RINGTAIL_ETOPIC);
    test_peer_close(&peer);
    fd = unix_pair();
    expect_kept(fd, adopt(fd, "nonsense"), RINGTAIL_ESINCE);
    test_peer_close(&peer);
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    expect_kept(fd, adopt(fd, NULL), RINGTAIL_EDESCRIPTOR);
    fd = socket(AF_INET, SOCK_STREAM, 0); /* not connected */
    expect_kept(fd, adopt(fd, NULL), RINGTAIL_EDESCRIPTOR);
    EXPECT_INT(adopt(fd, NULL), RINGTAIL_EDESCRIPTOR);
    test_host_finish(&host);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    static char memory[64];
    (void)handle;
    (void)suggested;
    *buffer = uv_buf_init(memory, sizeof(memory));
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    (void)stream;
    (void)got;
    (void)buffer;
}

TEST("of a socket that a handle of the loop has, a duplicate is adopted")
{
    uv_tcp_t handle;
    test_host_start(&host, NULL);
    int fd = tcp_pair();
    EXPECT_INT(uv_tcp_init(&host.loop, &handle), 0);
    EXPECT_INT(uv_tcp_open(&handle, fd), 0);
    EXPECT_INT(uv_read_start((uv_stream_t *)&handle, on_alloc, on_read), 0);
    test_host_turn(&host);
    EXPECT_INT(adopt(fd, NULL), UV_EEXIST);
    EXPECT(is_open(fd));
    EXPECT_INT(adopt(dup(fd), NULL), 0);
    uv_close((uv_handle_t *)&handle, NULL);
    test_host_turns(&host, 2);
    publish("hello");
    AWAIT("\x81\x05hello");
    test_peer_close(&peer);
    test_host_finish(&host);
}

TEST("adopted connections count as all others")
{
    struct ringtail_config config;
    ringtail_config_init(&config);
    config.connections = 1;
    test_host_start(&host, &config);
    EXPECT_INT(adopt(unix_pair(), NULL), 0);
    test_peer_close(&peer);
    int fd = unix_pair();
    EXPECT_INT(adopt(fd, NULL), RINGTAIL_ECONNECTIONS);
    test_host_turns(&host, 5); /* the first is gone now */
    EXPECT_INT(adopt(fd, NULL), 0);
    publish("hello");
    AWAIT("\x81\x05hello");
    test_peer_close(&peer);
    test_host_finish(&host);
}

TEST("when the broker stops they are told so, and no more are adopted")
{
    test_host_start(&host, NULL);
    EXPECT_INT(adopt(unix_pair(), NULL), 0);
    test_host_begin_stop(&host, 0);
    test_peer_await(&peer, "\x03\xe9"
                           "leaving; cursor=");
    test_peer_close(&peer);
    int fd = unix_pair();
    expect_kept(fd, adopt(fd, NULL), RINGTAIL_ESTOPPED);
    test_peer_close(&peer);
    test_host_finish(&host);
}

/* --- memory --- */

static unsigned allocations_left;

static void *
failing_resize(void *context, void *memory, size_t old_size, size_t new_size)
{
    (void)context;
    (void)old_size;
    if (new_size == 0) {
        free(memory);
        return NULL;
    }
    if (allocations_left == 0) {
        return NULL;
    }
    allocations_left--;
    return realloc(memory, new_size);
}

TEST("with any allocation failing the socket is adopted or stays the caller's")
{
    struct ringtail_config config;
    ringtail_config_init(&config);
    config.resize = failing_resize;
    int err = UV_ENOMEM;
    for (unsigned k = 0; err != 0; k++) {
        EXPECT(k < 100);
        allocations_left = UINT_MAX;
        test_host_start(&host, &config);
        int fd = unix_pair();
        allocations_left = k;
        err = adopt(fd, NULL);
        EXPECT(err == 0 || err == UV_ENOMEM);
        allocations_left = UINT_MAX;
        test_host_turns(&host, 2);
        EXPECT(is_open(fd));
        EXPECT(err == 0 || close(fd) == 0);
        test_peer_close(&peer);
        test_host_finish(&host);
    }
}
