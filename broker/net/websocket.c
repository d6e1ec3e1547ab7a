#include "broker/net/websocket.h"

#include <string.h>

#include "base/error.h"
#include "broker/net/write.h"
#include "protocol/ws_frame.h"
#include "protocol/ws_receive.h"

/* --- beginning and end --- */

void rt_websocket_begin(struct rt_connection *connection)
{
    connection->receiver = NULL;
    connection->awaits_pong = false;
    rt_connection_set_first_timer(
        connection, rt_connection_server(connection)->options.heartbeat_ticks);
    if (rt_connection_is_blocked(connection)) {
        rt_connection_await_drain(connection); /* answers it has not read */
    }
}

static void drop_receiver(struct rt_connection *connection)
{
    rt_ws_receiver_destroy(connection->receiver);
    connection->receiver = NULL;
}

void rt_websocket_end(struct rt_connection *connection)
{
    rt_subscriber_detach(&connection->subscriber);
    drop_receiver(connection);
}

/* --- closing --- */

static int send_close(struct rt_connection *connection,
                      uint16_t code,
                      struct rt_bytes text)
{
    struct rt_control_frame frame;
    rt_close_frame_init(&frame, code, text);
    return rt_connection_write(
        connection, (struct rt_bytes){(const char *)frame.bytes, frame.len});
}

void rt_websocket_close_with(struct rt_connection *connection,
                             enum rt_close_reason reason,
                             const struct rt_resume *resume)
{
    char memory[RT_CLOSE_TEXT_MAX];
    struct rt_writer text;
    if (reason == RT_CLOSE_LOST) {
        rt_connection_close(connection);
        return;
    }
    rt_writer_init(&text, memory, sizeof(memory));
    rt_close_write(&text, reason, resume);
    RT_CHECK(!text.overflowed);
    if (send_close(connection, rt_close_code(reason), rt_writer_bytes(&text)) <
        0) {
        return;
    }
    rt_connection_move(connection, RT_CONNECTION_CLOSING);
    rt_connection_set_timer(connection, RT_CLOSE_TICKS);
    rt_connection_resume(connection);
}

void rt_websocket_close(struct rt_connection *connection,
                        enum rt_close_reason reason)
{
    struct rt_server *server = rt_connection_server(connection);
    struct rt_subscriber *subscriber = &connection->subscriber;
    struct rt_resume resume = {0};
    if (subscriber->state != RT_SUBSCRIBER_DETACHED) {
        resume.cursor = rt_subscriber_cursor(subscriber);
        resume.has_cursor = true;
        rt_subscriber_detach(subscriber);
    }
    server->core.counters.closes[reason]++;
    rt_websocket_close_with(connection, reason, &resume);
}

/* The peer broke the rules: say so and hang up without waiting for its close
 * frame (RFC 6455, section 7.1.7). */
static void fail(struct rt_connection *connection, enum rt_close_reason reason)
{
    rt_websocket_close(connection, reason);
    rt_connection_linger(connection);
}

/* --- pongs --- */

/* The pongs for what one read brought. When they are more than this, only the
 * latest are sent, as a peer must expect (RFC 6455, section 5.5.3). */
#define PONGS_BYTES_MAX 2048

struct pongs {
    size_t len;
    char bytes[PONGS_BYTES_MAX];
};

static void add_pong(struct pongs *pongs, struct rt_bytes payload)
{
    struct rt_control_frame pong;
    rt_control_frame_init(&pong, RT_OPCODE_PONG, payload);
    if (pongs->len + pong.len > sizeof(pongs->bytes)) {
        pongs->len = 0;
    }
    memcpy(pongs->bytes + pongs->len, pong.bytes, pong.len);
    pongs->len += pong.len;
}

/* With something waiting to be written, nothing more is read. */
static void stop_reading_if_blocked(struct rt_connection *connection)
{
    if (rt_connection_is_blocked(connection)) {
        rt_connection_pause(connection);
        rt_connection_await_drain(connection);
    }
}

static void send_pongs(struct rt_connection *connection, struct pongs *pongs)
{
    struct rt_bytes bytes = {pongs->bytes, pongs->len};
    pongs->len = 0;
    if (bytes.len > 0 && connection->state == RT_CONNECTION_WEBSOCKET &&
        rt_connection_write(connection, bytes) == 0) {
        stop_reading_if_blocked(connection);
    }
}

/* --- input --- */

/* The peer closes, first or in answer to us. RFC 6455, section 5.5.1. */
static void on_close(struct rt_connection *connection,
                     const struct rt_ws_frame *frame)
{
    if (connection->state == RT_CONNECTION_WEBSOCKET) {
        struct rt_server *server = rt_connection_server(connection);
        struct rt_bytes code = {frame->payload.data, frame->payload.len > 2
                                                         ? 2
                                                         : frame->payload.len};
        struct rt_control_frame answer;
        rt_subscriber_detach(&connection->subscriber);
        server->core.counters.closes[RT_CLOSE_PEER]++;
        rt_control_frame_init(&answer, RT_OPCODE_CLOSE, code);
        struct rt_bytes bytes = {(const char *)answer.bytes, answer.len};
        if (rt_connection_write(connection, bytes) < 0) {
            return;
        }
    }
    rt_connection_linger(connection);
}

static void on_pong(struct rt_connection *connection)
{
    if (connection->awaits_pong &&
        connection->state == RT_CONNECTION_WEBSOCKET) {
        struct rt_server *server = rt_connection_server(connection);
        connection->awaits_pong = false;
        rt_connection_set_timer(connection, server->options.heartbeat_ticks);
    }
}

/* With the first frame of a message the connection ends, so a continuation can
 * only be one of nothing (RFC 6455, section 5.4). */
static enum rt_close_reason refusal_of(const struct rt_server *server,
                                       const struct rt_ws_frame *frame)
{
    if (frame->opcode == RT_OPCODE_CONTINUATION) {
        return RT_CLOSE_PROTOCOL;
    }
    return frame->declared_bytes > server->options.event_bytes_max
               ? RT_CLOSE_TOO_BIG
               : RT_CLOSE_UNEXPECTED_DATA;
}

static void on_data(struct rt_connection *connection,
                    const struct rt_ws_frame *frame)
{
    if (connection->state == RT_CONNECTION_WEBSOCKET) {
        fail(connection, refusal_of(rt_connection_server(connection), frame));
    }
}

static void on_message(struct rt_connection *connection,
                       const struct rt_ws_frame *frame)
{
    if (connection->state == RT_CONNECTION_WEBSOCKET) {
        rt_connection_server(connection)
            ->options.application->message(connection, frame->opcode,
                                           frame->payload);
    }
    if (connection->state == RT_CONNECTION_WEBSOCKET) {
        stop_reading_if_blocked(connection);
    }
}

static void on_broken(struct rt_connection *connection,
                      enum rt_close_reason reason)
{
    if (connection->state == RT_CONNECTION_WEBSOCKET) {
        fail(connection, reason);
    } else {
        rt_connection_close(connection);
    }
}

static void on_control(struct rt_connection *connection,
                       const struct rt_ws_frame *frame,
                       struct pongs *pongs)
{
    switch (frame->opcode) {
    case RT_OPCODE_PING:
        add_pong(pongs, frame->payload);
        break;
    case RT_OPCODE_PONG:
        on_pong(connection);
        break;
    case RT_OPCODE_CLOSE:
        send_pongs(connection, pongs);
        on_close(connection, frame);
        break;
    default:
        RT_CHECK(false && "a control frame of an unknown kind");
    }
}

static bool takes_frames(const struct rt_connection *connection)
{
    return connection->state == RT_CONNECTION_WEBSOCKET ||
           connection->state == RT_CONNECTION_CLOSING;
}

/* Handles the next frame; returns whether there may be another. */
static bool take_frame(struct rt_connection *connection,
                       struct rt_bytes *bytes,
                       struct pongs *pongs)
{
    struct rt_ws_frame frame;
    switch (rt_ws_receive(connection->receiver, bytes, &frame)) {
    case RT_WS_CONTROL:
        on_control(connection, &frame, pongs);
        break;
    case RT_WS_DATA:
        on_data(connection, &frame);
        break;
    case RT_WS_MESSAGE:
        send_pongs(connection, pongs); /* for pings that came before it */
        on_message(connection, &frame);
        break;
    case RT_WS_PROTOCOL:
        on_broken(connection, RT_CLOSE_PROTOCOL);
        break;
    case RT_WS_BAD_UTF8:
        on_broken(connection, RT_CLOSE_BAD_UTF8);
        break;
    case RT_WS_TOO_BIG:
        on_broken(connection, RT_CLOSE_TOO_BIG);
        break;
    case RT_WS_NO_MEMORY:
        on_broken(connection, RT_CLOSE_OVERLOAD);
        break;
    case RT_WS_BOUNDARY:
        drop_receiver(connection);
        return false;
    case RT_WS_MORE:
        return false;
    }
    return takes_frames(connection);
}

void rt_websocket_input(struct rt_connection *connection, struct rt_bytes bytes)
{
    struct rt_server *server = rt_connection_server(connection);
    struct pongs pongs;
    pongs.len = 0;
    if (connection->receiver == NULL) {
        connection->receiver = rt_ws_receiver_create(
            &server->heap, server->options.application->limits);
    }
    if (connection->receiver == NULL) {
        on_broken(connection, RT_CLOSE_OVERLOAD);
        return;
    }
    while (take_frame(connection, &bytes, &pongs)) {
    }
    send_pongs(connection, &pongs);
}

void rt_websocket_drained(struct rt_connection *connection)
{
    struct rt_server *server = rt_connection_server(connection);
    rt_connection_set_timer(connection, connection->awaits_pong
                                            ? server->options.pong_ticks
                                            : server->options.heartbeat_ticks);
    rt_connection_resume(connection);
    rt_subscriber_drained(&connection->subscriber);
}

/* --- heartbeats --- */

static void send_ping(struct rt_connection *connection)
{
    struct rt_server *server = rt_connection_server(connection);
    struct rt_control_frame ping;
    rt_control_frame_init(&ping, RT_OPCODE_PING, (struct rt_bytes){NULL, 0});
    struct rt_bytes bytes = {(const char *)ping.bytes, ping.len};
    if (rt_connection_write(connection, bytes) < 0) {
        return;
    }
    connection->awaits_pong = true;
    if (rt_connection_is_blocked(connection)) {
        rt_connection_await_drain(connection);
    } else {
        rt_connection_set_timer(connection, server->options.pong_ticks);
    }
}

/* With bytes queued no ping is sent, and a pong may be behind what the peer has
 * not read. */
static void on_blocked_timeout(struct rt_connection *connection)
{
    struct rt_server *server = rt_connection_server(connection);
    if (rt_connection_has_stalled(connection,
                                  server->options.heartbeat_ticks)) {
        rt_websocket_close(connection, RT_CLOSE_SLOW_CONSUMER);
    }
}

void rt_websocket_timeout(struct rt_connection *connection)
{
    if (rt_connection_is_blocked(connection)) {
        on_blocked_timeout(connection);
    } else if (connection->awaits_pong) {
        rt_websocket_close(connection, RT_CLOSE_PONG_MISSED);
    } else {
        send_ping(connection);
    }
}
