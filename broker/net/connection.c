#include "broker/net/connection.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include "base/error.h"
#include "broker/net/dialog.h"
#include "broker/net/event_stream.h"
#include "broker/net/http_session.h"
#include "broker/net/websocket.h"
#include "broker/net/write.h"

/*
 * What of a write the kernel keeps before it has sent it. Without this limit it
 * takes about 4 MB for a peer that does not read, and backpressure begins far
 * too late (tcp(7), TCP_NOTSENT_LOWAT).
 */
#define NOTSENT_BYTES_MAX (128 * 1024)

#define TO(state) (1u << RT_CONNECTION_##state)

/* Which states may follow which: the arrows of connection.h. */
static const unsigned transitions[RT_CONNECTION_STATE_COUNT] = {
    [RT_CONNECTION_HTTP] =
        TO(LINGERING) | TO(WEBSOCKET) | TO(STREAMING) | TO(CLOSED),
    [RT_CONNECTION_WEBSOCKET] = TO(CLOSING) | TO(LINGERING) | TO(CLOSED),
    [RT_CONNECTION_STREAMING] = TO(LINGERING) | TO(CLOSED),
    [RT_CONNECTION_CLOSING] = TO(LINGERING) | TO(CLOSED),
    [RT_CONNECTION_LINGERING] = TO(CLOSED),
};

static size_t connection_size(bool is_unix)
{
    return is_unix ? sizeof(struct rt_connection)
                   : offsetof(struct rt_connection, tcp) + sizeof(uv_tcp_t);
}

struct rt_server *rt_connection_server(const struct rt_connection *connection)
{
    return connection->handle.data;
}

static struct rt_connection *connection_of(uv_handle_t *handle)
{
    return RT_CONTAINER(handle, struct rt_connection, handle);
}

void rt_connection_move(struct rt_connection *connection,
                        enum rt_connection_state state)
{
    RT_CHECK((transitions[connection->state] & (1u << state)) != 0);
    connection->state = (uint8_t)state;
}

void rt_connection_set_timer(struct rt_connection *connection, uint32_t ticks)
{
    rt_wheel_set(&rt_connection_server(connection)->wheel, &connection->timer,
                 ticks);
}

void rt_connection_set_first_timer(struct rt_connection *connection,
                                   uint32_t interval)
{
    struct rt_server *server = rt_connection_server(connection);
    server->heartbeat_phase++;
    rt_connection_set_timer(connection,
                            interval == RT_WHEEL_NEVER
                                ? RT_WHEEL_NEVER
                                : server->heartbeat_phase % interval + 1);
}

/* --- reading --- */

/* Of who is not listened to any more much is read at once: it costs little, and
 * behind it may be the end. */
static size_t share_of(struct rt_server *server, uv_handle_t *handle)
{
    bool is_late = connection_of(handle)->state == RT_CONNECTION_LINGERING;
    return rt_input_share_take(&server->input_share, handle,
                               is_late ? RT_READ_BYTES : RT_INPUT_PART_MIN);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    struct rt_server *server = handle->data;
    buffer->base = rt_server_read_buffer(server);
    buffer->len = buffer->base != NULL ? share_of(server, handle) : 0;
}

static void dispatch(struct rt_connection *connection, struct rt_bytes bytes)
{
    switch ((enum rt_connection_state)connection->state) {
    case RT_CONNECTION_HTTP:
        rt_http_session_input(connection, bytes);
        break;
    case RT_CONNECTION_WEBSOCKET:
    case RT_CONNECTION_CLOSING:
        rt_websocket_input(connection, bytes);
        break;
    case RT_CONNECTION_STREAMING: /* there is nothing to say */
    case RT_CONNECTION_LINGERING: /* it is too late */
    case RT_CONNECTION_CLOSED:
    case RT_CONNECTION_STATE_COUNT:
        break;
    }
}

static void on_end(struct rt_connection *connection, ssize_t err)
{
    if (connection->state == RT_CONNECTION_HTTP && err == UV_EOF) {
        rt_http_session_eof(connection);
    } else if (connection->state == RT_CONNECTION_STREAMING && err == UV_EOF) {
        rt_event_stream_eof(connection);
    } else {
        rt_connection_close(connection);
    }
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    struct rt_connection *connection = connection_of((uv_handle_t *)stream);
    if (got == UV_ENOBUFS && buffer->base != NULL) {
        return; /* it has had its share: the next turn goes on */
    }
    rt_server_update_time(rt_connection_server(connection));
    if (got > 0) {
        dispatch(connection, (struct rt_bytes){buffer->base, (size_t)got});
    } else if (got < 0) {
        on_end(connection, got);
    }
}

void rt_connection_pause(struct rt_connection *connection)
{
    if (connection->is_reading) {
        connection->is_reading = false;
        (void)uv_read_stop(&connection->stream);
    }
}

void rt_connection_resume(struct rt_connection *connection)
{
    if (!connection->is_reading && connection->state != RT_CONNECTION_CLOSED) {
        connection->is_reading = true;
        RT_CHECK(uv_read_start(&connection->stream, on_alloc, on_read) == 0);
    }
}

/* --- beginning --- */

/* Only now may the memory go: whoever called rt_connection_close, however far
 * down, still has the connection and its session in its hands. */
static void on_closed(uv_handle_t *handle)
{
    struct rt_connection *connection = connection_of(handle);
    struct rt_server *server = rt_connection_server(connection);
    if (connection->format == RT_FORMAT_JSON) {
        rt_dialog_destroy(connection->dialog);
    } else {
        rt_http_session_release(connection->http);
    }
    server->connection_count--;
    rt_heap_free(&server->heap, connection,
                 connection_size(connection->is_unix));
    rt_server_note_closed(server);
}

struct rt_connection *
rt_connection_create(struct rt_server *server, bool is_unix, unsigned roles)
{
    struct rt_connection *connection =
        rt_heap_zalloc(&server->heap, connection_size(is_unix));
    if (connection == NULL) {
        return NULL;
    }
    connection->is_unix = is_unix;
    connection->roles = (uint8_t)roles;
    rt_wheel_entry_init(&connection->timer);
    int err = is_unix ? uv_pipe_init(server->loop, &connection->pipe, 0)
                      : uv_tcp_init(server->loop, &connection->tcp);
    RT_CHECK(err == 0); /* neither makes a socket yet */
    rt_server_add_handle(server, &connection->handle);
    server->connection_count++;
    return connection;
}

void rt_connection_discard(struct rt_connection *connection)
{
    connection->state = RT_CONNECTION_CLOSED;
    uv_close(&connection->handle, on_closed);
}

void rt_connection_tune(const uv_handle_t *handle)
{
    uv_os_fd_t fd = -1;
    int on = 1;
    int notsent = NOTSENT_BYTES_MAX;
    if (handle->type == UV_TCP && uv_fileno(handle, &fd) == 0) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &notsent,
                         sizeof(notsent));
    }
}

int rt_connection_open(struct rt_connection *connection, int fd)
{
    int err = connection->is_unix ? uv_pipe_open(&connection->pipe, fd)
                                  : uv_tcp_open(&connection->tcp, fd);
    if (err == 0) {
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
        rt_connection_tune(&connection->handle);
        rt_connection_server(connection)->connections_opened++;
    }
    return err;
}

int rt_connection_accept(struct rt_server *server,
                         uv_stream_t *listener,
                         bool is_unix,
                         unsigned roles)
{
    struct rt_connection *connection =
        rt_connection_create(server, is_unix, roles);
    if (connection == NULL) {
        return RT_ENOMEM;
    }
    int err = uv_accept(listener, &connection->stream);
    if (err < 0) {
        rt_connection_discard(connection);
        return err;
    }
    server->connections_opened++;
    rt_connection_set_timer(connection, server->options.idle_ticks);
    rt_connection_resume(connection);
    return 0;
}

/* --- writing --- */

bool rt_connection_is_blocked(const struct rt_connection *connection)
{
    return uv_stream_get_write_queue_size(&connection->stream) > 0;
}

size_t rt_connection_pending(struct rt_connection *connection)
{
    size_t pending = uv_stream_get_write_queue_size(&connection->stream);
    uv_os_fd_t fd = -1;
    int kernel = 0;
    if (uv_fileno(&connection->handle, &fd) == 0 &&
        ioctl(fd, SIOCOUTQ, &kernel) == 0) {
        pending += (size_t)kernel;
    }
    return pending;
}

void rt_connection_await_drain(struct rt_connection *connection)
{
    connection->pending_bytes = rt_connection_pending(connection);
    rt_connection_set_timer(
        connection, rt_connection_server(connection)->options.stall_ticks);
}

bool rt_connection_has_moved(struct rt_connection *connection)
{
    size_t before = connection->pending_bytes;
    rt_connection_await_drain(connection);
    return connection->pending_bytes < before;
}

bool rt_connection_has_stalled(struct rt_connection *connection, uint32_t ticks)
{
    if (connection->subscriber.state == RT_SUBSCRIBER_BLOCKED) {
        rt_connection_set_timer(connection, ticks);
        return false;
    }
    return !rt_connection_has_moved(connection);
}

int rt_connection_write(struct rt_connection *connection, struct rt_bytes bytes)
{
    if (bytes.len == 0) {
        return 0;
    }
    ssize_t taken = rt_write_now(&connection->stream, &bytes, 1);
    int err = taken < 0 ? (int)taken : 0;
    if (taken >= 0 && (size_t)taken < bytes.len) {
        bytes.data += taken;
        bytes.len -= (size_t)taken;
        err = rt_write_queue_copy(connection, bytes);
    }
    if (err < 0) {
        rt_connection_close(connection);
    }
    return err;
}

void rt_connection_drained(struct rt_connection *connection)
{
    switch ((enum rt_connection_state)connection->state) {
    case RT_CONNECTION_HTTP:
        rt_http_session_drained(connection);
        break;
    case RT_CONNECTION_WEBSOCKET:
        rt_websocket_drained(connection);
        break;
    case RT_CONNECTION_STREAMING:
        rt_event_stream_drained(connection);
        break;
    case RT_CONNECTION_LINGERING:
        rt_connection_linger(connection);
        break;
    case RT_CONNECTION_CLOSING:
    case RT_CONNECTION_CLOSED:
    case RT_CONNECTION_STATE_COUNT:
        break;
    }
}

/* --- ending --- */

static void release_attached(struct rt_connection *connection,
                             enum rt_connection_state state)
{
    if (state == RT_CONNECTION_HTTP) {
        rt_http_session_release(connection->http);
        connection->http = NULL;
    } else if (state != RT_CONNECTION_STREAMING) {
        rt_websocket_end(connection);
    }
}

static void send_fin(struct rt_connection *connection)
{
    uv_os_fd_t fd = -1;
    if (uv_fileno(&connection->handle, &fd) == 0) {
        /* Not uv_shutdown: it needs memory, and nothing is queued. */
        (void)shutdown(fd, SHUT_WR);
    }
}

void rt_connection_linger(struct rt_connection *connection)
{
    if (connection->state == RT_CONNECTION_CLOSED) {
        return;
    }
    if (connection->state != RT_CONNECTION_LINGERING) {
        enum rt_connection_state before = connection->state;
        rt_connection_move(connection, RT_CONNECTION_LINGERING);
        release_attached(connection, before);
        rt_connection_resume(connection);
    }
    if (rt_connection_is_blocked(connection)) {
        rt_connection_await_drain(connection);
    } else {
        rt_connection_set_timer(connection, RT_LINGER_TICKS);
        send_fin(connection);
    }
}

/* Whoever ends a subscription in good order has detached it before. */
static void lose_subscriber(struct rt_connection *connection)
{
    struct rt_subscriber *subscriber = &connection->subscriber;
    if (subscriber->state != RT_SUBSCRIBER_DETACHED) {
        struct rt_core *core = &rt_connection_server(connection)->core;
        core->counters.closes[RT_CLOSE_LOST]++;
        rt_subscriber_detach(subscriber);
    }
}

void rt_connection_close(struct rt_connection *connection)
{
    if (connection->state == RT_CONNECTION_CLOSED) {
        return;
    }
    enum rt_connection_state before = connection->state;
    rt_connection_move(connection, RT_CONNECTION_CLOSED);
    rt_wheel_cancel(&connection->timer);
    lose_subscriber(connection);
    if (before == RT_CONNECTION_HTTP) {
        rt_http_session_unlink(connection->http);
    } else {
        release_attached(connection, before);
    }
    uv_close(&connection->handle, on_closed);
}

/* As long as the peer takes what it has been sent, it gets the rest. */
static void on_linger_timeout(struct rt_connection *connection)
{
    if (!rt_connection_is_blocked(connection) ||
        !rt_connection_has_moved(connection)) {
        rt_connection_close(connection);
    }
}

void rt_connection_on_timer(struct rt_wheel_entry *entry, void *context)
{
    (void)context;
    struct rt_connection *connection =
        RT_CONTAINER(entry, struct rt_connection, timer);
    switch ((enum rt_connection_state)connection->state) {
    case RT_CONNECTION_HTTP:
        rt_http_session_timeout(connection);
        break;
    case RT_CONNECTION_WEBSOCKET:
        rt_websocket_timeout(connection);
        break;
    case RT_CONNECTION_STREAMING:
        rt_event_stream_timeout(connection);
        break;
    case RT_CONNECTION_LINGERING:
        on_linger_timeout(connection);
        break;
    case RT_CONNECTION_CLOSING:
        rt_connection_close(connection);
        break;
    case RT_CONNECTION_CLOSED:
    case RT_CONNECTION_STATE_COUNT:
        break;
    }
}

void rt_connection_on_stop(struct rt_wheel_entry *entry, void *context)
{
    (void)context;
    struct rt_connection *connection =
        RT_CONTAINER(entry, struct rt_connection, timer);
    if (connection->state == RT_CONNECTION_HTTP) {
        rt_http_session_end(connection);
    } else if (connection->state == RT_CONNECTION_WEBSOCKET) {
        rt_websocket_stop(connection);
    } else if (connection->state == RT_CONNECTION_STREAMING) {
        rt_event_stream_stop(connection);
    }
}
