/*
 * The transport against a peer that is no broker: one that does not read, or
 * goes away in the middle of a write, or speaks something else.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#include "ringtail/client.h"
#include "tests/support/host.h"
#include "tests/support/test.h"

#define EVENTS  200
#define PAYLOAD ((size_t)128 * 1024)

struct world {
    uv_loop_t loop;
    uv_tcp_t listener;
    int port;
    uv_tcp_t peer;
    bool has_peer;
    const char *greeting; /* what the peer says first */
    uint64_t peer_bytes;  /* that it got */
    size_t request_bytes; /* the peer answers requests of that size; or 0 */
    uint64_t answers;
    bool is_peer_at_end;
    char input[64 * 1024];
    struct ringtail_client *client;
    unsigned opens;
    unsigned unknown;
    unsigned confirmed;
    unsigned refused_status;
    int last_error;
    bool is_stopped;
};

static struct world world;
static char payload[PAYLOAD];

#define RUN_UNTIL(condition) TEST_UNTIL(&world.loop, condition)

/* --- the peer --- */

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)handle;
    (void)suggested;
    *buffer = uv_buf_init(world.input, sizeof(world.input));
}

/* Every request at once, as soon as its last byte is there. */
static void answer(void)
{
    static char text[] = "HTTP/1.1 204 No Content\r\n"
                         "Ringtail-Cursor: 7f3a9c21-1\r\n\r\n";
    uv_buf_t buffer = uv_buf_init(text, sizeof(text) - 1);
    for (; (world.answers + 1) * world.request_bytes <= world.peer_bytes;
         world.answers++) {
        EXPECT_INT(uv_try_write((uv_stream_t *)&world.peer, &buffer, 1),
                   buffer.len);
    }
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buffer)
{
    (void)stream;
    (void)buffer;
    world.peer_bytes += len > 0 ? (uint64_t)len : 0;
    world.is_peer_at_end |= len < 0;
    if (world.request_bytes > 0) {
        answer();
    }
}

static void read_peer(void)
{
    EXPECT_INT(uv_read_start((uv_stream_t *)&world.peer, allocate, on_read), 0);
}

static void close_peer(void)
{
    uv_close((uv_handle_t *)&world.peer, NULL);
    world.has_peer = false;
}

static void on_connection(uv_stream_t *listener, int status)
{
    EXPECT_INT(status, 0);
    EXPECT(!world.has_peer);
    EXPECT_INT(uv_tcp_init(&world.loop, &world.peer), 0);
    EXPECT_INT(uv_accept(listener, (uv_stream_t *)&world.peer), 0);
    world.has_peer = true;
    if (world.greeting != NULL) {
        uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)world.greeting,
                                      (unsigned)strlen(world.greeting));
        EXPECT(uv_try_write((uv_stream_t *)&world.peer, &buffer, 1) > 0);
        read_peer();
    }
}

static void listen_somewhere(void)
{
    struct sockaddr_in address;
    int len = sizeof(address);
    EXPECT_INT(uv_ip4_addr("127.0.0.1", 0, &address), 0);
    EXPECT_INT(uv_tcp_init(&world.loop, &world.listener), 0);
    EXPECT_INT(
        uv_tcp_bind(&world.listener, (const struct sockaddr *)&address, 0), 0);
    EXPECT_INT(uv_listen((uv_stream_t *)&world.listener, 1, on_connection), 0);
    EXPECT_INT(
        uv_tcp_getsockname(&world.listener, (struct sockaddr *)&address, &len),
        0);
    world.port = ntohs(address.sin_port);
}

/* --- the user --- */

static void on_open(void *context)
{
    (void)context;
    world.opens++;
}

static void on_lost(void *context, const struct ringtail_failure *failure)
{
    (void)context;
    world.last_error = failure->error;
}

static void on_outcome(void *context, const struct ringtail_outcome *outcome)
{
    (void)context;
    world.unknown += outcome->error == RINGTAIL_EUNKNOWN ? 1 : 0;
    world.confirmed += outcome->error == 0 ? 1 : 0;
    if (outcome->error == RINGTAIL_EREFUSED) {
        world.refused_status = outcome->status;
    }
}

static void begin(enum ringtail_session_kind kind, const char *greeting)
{
    struct ringtail_session_options options;
    char url[64];
    memset(&world, 0, sizeof(world));
    world.greeting = greeting;
    EXPECT_INT(uv_loop_init(&world.loop), 0);
    listen_somewhere();
    (void)snprintf(url, sizeof(url), "127.0.0.1:%d", world.port);
    ringtail_session_options_init(&options, kind);
    options.url = url;
    options.topic = "news";
    options.in_flight_bytes = 2 * EVENTS * PAYLOAD;
    options.handlers.on_open = on_open;
    options.handlers.on_lost = on_lost;
    options.handlers.on_outcome = on_outcome;
    EXPECT_INT(ringtail_client_create(&options, &world.loop, &world.client), 0);
}

static void publish_all(size_t len)
{
    struct ringtail_new_event event = {
        .topic = "news", .payload = payload, .len = len};
    for (int i = 0; i < EVENTS; i++) {
        EXPECT_INT(ringtail_session_publish(
                       ringtail_client_session(world.client), &event),
                   0);
    }
}

/* Until the sockets have taken what they take. */
static void begin_stuck(void)
{
    begin(RINGTAIL_SESSION_PUBLISHER, NULL);
    publish_all(PAYLOAD);
    RUN_UNTIL(world.opens == 1 && world.has_peer);
    for (int i = 0; i < 100; i++) {
        (void)uv_run(&world.loop, UV_RUN_NOWAIT);
    }
}

static void on_stopped(void *context)
{
    (void)context;
    world.is_stopped = true;
}

static void end(void)
{
    ringtail_client_stop(world.client, on_stopped, NULL);
    RUN_UNTIL(world.is_stopped);
    ringtail_client_destroy(world.client);
    uv_close((uv_handle_t *)&world.listener, NULL);
    if (world.has_peer) {
        close_peer();
    }
    (void)uv_run(&world.loop, UV_RUN_DEFAULT);
    EXPECT_INT(uv_loop_close(&world.loop), 0);
}

/* As test_session_publisher.c has them. */
static size_t request_bytes(size_t len)
{
    int head_bytes = snprintf(NULL, 0,
                              "POST /produce/news HTTP/1.1\r\n"
                              "Host: 127.0.0.1:%d\r\n"
                              "Prefer: return=minimal\r\n"
                              "Content-Length: %zu\r\n\r\n",
                              world.port, len);
    return (size_t)head_bytes + len;
}

TEST("a peer that begins to read late gets everything")
{
    begin_stuck();
    read_peer();
    RUN_UNTIL(world.peer_bytes == EVENTS * request_bytes(PAYLOAD));
    end();
}

/* As on a slow link: the kernel takes a few KiB of a write at a time. */
static void narrow(uv_handle_t *handle, void *context)
{
    int bytes = 4096;
    uv_os_fd_t fd;
    (void)context;
    if (handle != (uv_handle_t *)&world.listener &&
        uv_fileno(handle, &fd) == 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    }
}

TEST("answers that come in the middle of a write are answers")
{
    size_t len = 2000;
    begin(RINGTAIL_SESSION_PUBLISHER, NULL);
    RUN_UNTIL(world.opens == 1 && world.has_peer);
    uv_walk(&world.loop, narrow, NULL);
    world.request_bytes = request_bytes(len);
    read_peer();
    publish_all(len);
    RUN_UNTIL(world.confirmed + world.unknown == EVENTS);
    EXPECT_INT(world.confirmed, EVENTS);
    EXPECT_INT(world.last_error, 0);
    end();
}

TEST("a client may be stopped in the middle of a write")
{
    begin_stuck();
    end();
}

TEST("a peer that goes in the middle of a write leaves the rest unsent")
{
    begin_stuck();
    close_peer();
    RUN_UNTIL(world.last_error != 0);
    EXPECT(world.unknown > 0 && world.unknown < EVENTS);
    EXPECT_INT(ringtail_session_pending(ringtail_client_session(world.client)),
               EVENTS - world.unknown);
    end();
}

TEST("a refusal counts, though the connection is reset behind it")
{
    static char text[] = "HTTP/1.1 413 Content Too Large\r\n"
                         "Content-Length: 0\r\nConnection: close\r\n\r\n";
    uv_buf_t buffer = uv_buf_init(text, sizeof(text) - 1);
    begin_stuck();
    EXPECT_INT(uv_try_write((uv_stream_t *)&world.peer, &buffer, 1),
               buffer.len);
    EXPECT_INT(uv_tcp_close_reset(&world.peer, NULL), 0);
    world.has_peer = false;
    RUN_UNTIL(world.last_error != 0);
    EXPECT_INT(world.refused_status, 413);
    EXPECT_INT(world.last_error, RINGTAIL_ELEFT);
    end();
}

TEST("a peer that speaks something else is left")
{
    begin(RINGTAIL_SESSION_SUBSCRIBER, "SSH-2.0-OpenSSH_9.2\r\n\r\n");
    RUN_UNTIL(world.last_error != 0 && world.is_peer_at_end);
    EXPECT_INT(world.last_error, RINGTAIL_EPROTOCOL);
    EXPECT_INT(world.opens, 0);
    end();
}
