#include "tests/fuzz/host.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "broker/core/control.h"
#include "broker/core/topic.h"
#include "broker/net/connection.h"
#include "broker/net/http_session.h"
#include "broker/net/route.h"
#include "protocol/ws_frame.h"

#define ROLES             (RINGTAIL_ROLE_PUBLIC | RINGTAIL_ROLE_ADMIN)
#define MEMORY_MAX        ((uint64_t)16 * 1024 * 1024)
#define RING_BYTES        ((uint64_t)64 * 1024)
#define AGE_MS            60000
#define LIMIT_MS          2000 /* of all times that a peer may take */
#define HEARTBEAT_MS      3000
#define SEND_BYTES        4096 /* that the kernel takes of the broker's */
#define MESSAGE_BYTES_MAX 8192
#define FRAME_COUNT_MAX   16
#define CLOSE_TICKS       16 /* in which a peer that held back is over */

/* --- the authorizer --- */

static enum ringtail_verdict put_off(struct fuzz_host *host,
                                     struct ringtail_authorization *question)
{
    if (host->question_count == FUZZ_QUESTIONS_MAX) {
        return RINGTAIL_FORBIDDEN;
    }
    host->questions[host->question_count++] = question;
    return RINGTAIL_LATER;
}

/* The first letter of the credentials says what becomes of them. */
static enum ringtail_verdict on_request(void *context,
                                        const struct ringtail_request *request,
                                        struct ringtail_authorization *question)
{
    const char *reason;
    RT_CHECK(rt_topic_check(rt_bytes_of(request->topic), &reason) == 0);
    switch (request->authorization != NULL ? request->authorization[0] : 'y') {
    case 'l':
        return put_off(context, question);
    case 'i':
        ringtail_authorize(question, RINGTAIL_ALLOW);
        return RINGTAIL_LATER;
    case 'f':
        return RINGTAIL_FORBIDDEN;
    case 'u':
        return RINGTAIL_UNAUTHORIZED;
    default:
        return RINGTAIL_ALLOW;
    }
}

void fuzz_host_answer(struct fuzz_host *host, enum ringtail_verdict verdict)
{
    while (host->question_count > 0) {
        ringtail_authorize(host->questions[--host->question_count], verdict);
    }
}

/* --- messages, which the broker itself does not take --- */

static void echo_message(struct rt_connection *connection,
                         uint8_t opcode,
                         struct rt_bytes payload)
{
    uint8_t memory[RT_FRAME_HEADER_MAX];
    size_t len = rt_frame_header(memory, (enum rt_opcode)opcode, payload.len);
    struct rt_bytes header = {(const char *)memory, len};
    if (rt_connection_write(connection, header) == 0) {
        (void)!rt_connection_write(connection, payload);
    }
}

void fuzz_host_take_messages(struct fuzz_host *host)
{
    static struct rt_application application;
    application = rt_broker_application;
    application.message = echo_message;
    application.limits =
        (struct rt_ws_limits){MESSAGE_BYTES_MAX, FRAME_COUNT_MAX};
    host->broker->server.options.application = &application;
}

/* --- the broker --- */

static void create(struct fuzz_host *host)
{
    struct ringtail_config config;
    ringtail_config_init(&config);
    config.authorize = on_request;
    config.authorize_context = host;
    config.memory = MEMORY_MAX;
    config.ring_bytes = RING_BYTES;
    config.event_bytes = FUZZ_EVENT_BYTES;
    config.max_age = AGE_MS;
    config.stall_timeout = LIMIT_MS;
    config.heartbeat = HEARTBEAT_MS;
    config.pong_timeout = LIMIT_MS;
    config.head_timeout = LIMIT_MS;
    config.body_timeout = LIMIT_MS;
    config.idle_timeout = LIMIT_MS;
    config.idempotency_time = LIMIT_MS;
    RT_CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    RT_CHECK(uv_loop_init(&host->loop) == 0);
    RT_CHECK(ringtail_broker_create(&config, &host->loop, &host->broker) == 0);
}

static void destroy(struct fuzz_host *host)
{
    ringtail_broker_stop(host->broker, 0, NULL, NULL);
    RT_CHECK(uv_run(&host->loop, UV_RUN_DEFAULT) == 0);
    RT_CHECK(uv_loop_close(&host->loop) == 0);
    ringtail_broker_destroy(host->broker);
    host->broker = NULL;
}

void fuzz_host_begin(struct fuzz_host *host)
{
    host->large_count = 0;
    if (host->input_count++ % FUZZ_INPUTS_MAX == 0 && host->broker != NULL) {
        destroy(host);
    }
    if (host->broker == NULL) {
        create(host);
    }
    host->broker->server.options.application = &rt_broker_application;
}

void fuzz_host_turn(struct fuzz_host *host)
{
    (void)uv_run(&host->loop, UV_RUN_NOWAIT);
}

static void pass_time(struct fuzz_host *host, uint64_t ms)
{
    struct rt_server *server = &host->broker->server;
    struct rt_core *core = &server->core;
    rt_core_set_time(core, core->now_ms + ms, core->wall_ms + ms);
    rt_wheel_advance(&server->wheel, (uint32_t)(core->now_ms / RT_TICK_MS));
    rt_core_tick(core);
    rt_http_sessions_trim(server);
    rt_server_wake(server);
}

void fuzz_host_tick(struct fuzz_host *host)
{
    pass_time(host, RT_TICK_MS);
    fuzz_host_turn(host);
}

void fuzz_host_publish(struct fuzz_host *host, size_t len)
{
    static char payload[FUZZ_EVENT_BYTES];
    host->large_count += len > 1024;
    if (len <= 1024 || host->large_count <= FUZZ_LARGE_MAX) {
        memset(payload, 'e', len);
        (void)ringtail_publish(host->broker, "news", payload, len, NULL, NULL);
    }
}

void fuzz_host_leave_memory(struct fuzz_host *host, size_t len)
{
    struct rt_heap *heap = &host->broker->server.heap;
    heap->limit = len < MEMORY_MAX - heap->used ? heap->used + len : MEMORY_MAX;
}

/* --- what is left --- */

static size_t pool_bytes(const struct rt_pool *pool)
{
    return pool->spare_count * pool->block_size;
}

/* What is kept for the next requests. */
static size_t spare_bytes(const struct rt_server *server)
{
    return pool_bytes(&server->writes) + pool_bytes(&server->authorizations) +
           pool_bytes(&server->polls) + pool_bytes(&server->core.lags) +
           server->spare_session_bytes +
           (server->read_buffer != NULL ? RT_READ_BYTES : 0);
}

/* Those that were told to stay. */
static void purge_topics(struct rt_core *core)
{
    while (core->topic_count > 0) {
        struct rt_topic *topic =
            RT_LIST_FIRST(&core->topic_list, struct rt_topic, link);
        RT_CHECK(!rt_topic_is_plain(topic));
        RT_CHECK(rt_topic_purge(topic) == 0);
    }
}

void fuzz_host_end(struct fuzz_host *host)
{
    struct rt_server *server = &host->broker->server;
    RT_CHECK(server->connection_count == 0);
    fuzz_host_answer(host, RINGTAIL_FORBIDDEN); /* about who has left */
    RT_CHECK(server->core.subscriber_count == 0);
    fuzz_host_leave_memory(host, SIZE_MAX);
    for (int i = 0; i < 3 && server->core.topic_count > 0; i++) {
        pass_time(host, AGE_MS + RT_TOPIC_IDLE_MS);
        fuzz_host_turn(host);
    }
    rt_core_validate(&server->core);
    purge_topics(&server->core);
    RT_CHECK(server->queued_writes == 0);
    RT_CHECK(server->heap.used == spare_bytes(server));
}

/* --- the peer --- */

static void open_sockets(int fds[2])
{
    int send_bytes = SEND_BYTES;
    RT_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                        fds) == 0);
    RT_CHECK(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &send_bytes,
                        sizeof(send_bytes)) == 0);
}

void fuzz_peer_open(struct fuzz_peer *peer, struct fuzz_host *host)
{
    struct rt_server *server = &host->broker->server;
    int fds[2];
    open_sockets(fds);
    struct rt_connection *connection =
        rt_connection_create(server, true, ROLES);
    RT_CHECK(connection != NULL);
    RT_CHECK(rt_connection_open(connection, fds[0]) == 0);
    rt_connection_set_timer(connection, server->options.idle_ticks);
    rt_connection_resume(connection);
    peer->host = host;
    peer->fd = fds[1];
    peer->is_holding = false;
    peer->has_held = false;
    peer->has_lost = false;
    peer->len = 0;
}

/* Returns whether something came. */
static bool receive(struct fuzz_peer *peer)
{
    size_t room = sizeof(peer->received) - peer->len;
    if (peer->is_holding || peer->fd < 0 || room == 0) {
        peer->has_lost = peer->has_lost || room == 0;
        return false;
    }
    ssize_t got = read(peer->fd, peer->received + peer->len, room);
    peer->len += got > 0 ? (size_t)got : 0;
    return got > 0;
}

void fuzz_peer_settle(struct fuzz_peer *peer)
{
    unsigned quiet = 0;
    while (quiet < 2) {
        fuzz_host_turn(peer->host);
        quiet = receive(peer) ? 0 : quiet + 1;
    }
    rt_core_validate(&peer->host->broker->server.core);
}

/* A broker that does not read does not get the rest. */
void fuzz_peer_send(struct fuzz_peer *peer, struct rt_bytes bytes)
{
    ssize_t sent = 0;
    do {
        sent = peer->fd < 0 ? 0 : write(peer->fd, bytes.data, bytes.len);
        if (sent > 0) {
            bytes.data += sent;
            bytes.len -= (size_t)sent;
        }
        fuzz_peer_settle(peer);
    } while (sent > 0 && bytes.len > 0);
}

void fuzz_peer_finish(struct fuzz_peer *peer)
{
    if (peer->fd >= 0) {
        (void)shutdown(peer->fd, SHUT_WR);
    }
}

void fuzz_peer_close(struct fuzz_peer *peer)
{
    const struct rt_server *server = &peer->host->broker->server;
    peer->is_holding = false;
    fuzz_peer_finish(peer);
    fuzz_peer_settle(peer);
    unsigned ticks = peer->has_held ? CLOSE_TICKS : 0;
    for (unsigned i = 0; i < ticks && server->connection_count > 0; i++) {
        fuzz_host_tick(peer->host);
        fuzz_peer_settle(peer);
    }
    if (peer->fd >= 0) {
        (void)close(peer->fd);
        peer->fd = -1;
        fuzz_peer_settle(peer);
    }
}
