#include "broker/net/websocket.h"

#include <string.h>

#include "base/error.h"
#include "broker/net/dialog.h"
#include "broker/net/notify.h"
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

static bool has_dialog(const struct rt_connection *connection)
{
    return connection->format == RT_FORMAT_JSON;
}

static void drop_receiver(struct rt_connection *connection)
{
    rt_ws_receiver_destroy(connection->receiver);
    connection->receiver = NULL;
}

static void detach(struct rt_connection *connection)
{
    rt_subscriber_detach(&connection->subscriber);
    if (has_dialog(connection)) {
        rt_dialog_leave(connection);
    }
}

void rt_websocket_end(struct rt_connection *connection)
{
    detach(connection);
    if (!has_dialog(connection)) {
        drop_receiver(connection);
    }
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

/* Then the peer's close frame is waited for. */
static void close_as(struct rt_connection *connection,
                     uint16_t code,
                     const struct rt_writer *text)
{
    RT_CHECK(!text->overflowed);
    if (send_close(connection, code, rt_writer_bytes(text)) < 0) {
        return;
    }
    rt_connection_move(connection, RT_CONNECTION_CLOSING);
    rt_connection_set_timer(connection, RT_CLOSE_TICKS);
    rt_connection_resume(connection);
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
    if (has_dialog(connection)) {
        rt_dialog_tell_places(connection);
    }
    detach(connection);
    if (connection->state != RT_CONNECTION_WEBSOCKET) {
        return;
    }
    rt_writer_init(&text, memory, sizeof(memory));
    rt_close_write(&text, reason, resume);
    close_as(connection, rt_close_code(reason), &text);
}

void rt_websocket_refuse(struct rt_connection *connection,
                         const struct rt_refusal *refusal)
{
    struct rt_server *server = rt_connection_server(connection);
    char memory[RT_PROBLEM_REASON_MAX];
    struct rt_writer text;
    server->core.counters.closes[RT_CLOSE_REFUSED]++;
    rt_writer_init(&text, memory, sizeof(memory));
    rt_problem_reason_write(&text, refusal);
    close_as(connection, rt_problem_close_code(refusal->problem), &text);
}

static bool is_only_subscriber(const struct rt_connection *connection)
{
    return !has_dialog(connection) || rt_dialog_attached(connection) == 1;
}

void rt_websocket_close(struct rt_connection *connection,
                        enum rt_close_reason reason)
{
    struct rt_server *server = rt_connection_server(connection);
    struct rt_subscriber *subscriber = &connection->subscriber;
    struct rt_resume resume = {0};
    if (subscriber->state != RT_SUBSCRIBER_DETACHED) {
        resume = rt_subscriber_resume(subscriber);
    }
    if (resume.has_cursor && is_only_subscriber(connection)) {
        rt_subscriber_detach(subscriber); /* the close frame says it all */
    }
    server->core.counters.closes[reason]++;
    rt_websocket_close_with(connection, reason, &resume);
}

void rt_websocket_fail(struct rt_connection *connection,
                       enum rt_close_reason reason)
{
    rt_websocket_close(connection, reason);
    rt_connection_linger(connection);
}

void rt_websocket_stop(struct rt_connection *connection)
{
    if (has_dialog(connection)) {
        rt_notify_drain(connection);
    }
    if (connection->state == RT_CONNECTION_WEBSOCKET) {
        rt_websocket_close(connection, RT_CLOSE_LEAVING);
    }
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
        detach(connection);
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
        rt_websocket_fail(connection,
                          refusal_of(rt_connection_server(connection), frame));
    }
}

static void on_message(struct rt_connection *connection,
                       const struct rt_ws_frame *frame)
{
    if (has_dialog(connection)) {
        if (connection->state == RT_CONNECTION_WEBSOCKET) {
            rt_dialog_message(connection, frame->opcode, frame->payload);
        }
        return;
    }
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
        rt_websocket_fail(connection, reason);
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

/* Where the receiver is while a frame comes in; in a dialog longer. */
static struct rt_ws_receiver **receiver_of(struct rt_connection *connection)
{
    return has_dialog(connection) ? &connection->dialog->receiver
                                  : &connection->receiver;
}

static void end_frames(struct rt_connection *connection)
{
    if (has_dialog(connection)) {
        connection->dialog->is_at_boundary = true;
    } else {
        drop_receiver(connection);
    }
}

/* Handles the next frame; returns whether there may be another. */
static bool take_frame(struct rt_connection *connection,
                       struct rt_bytes *bytes,
                       struct pongs *pongs)
{
    struct rt_ws_frame frame;
    switch (rt_ws_receive(*receiver_of(connection), bytes, &frame)) {
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
        end_frames(connection);
        return false;
    case RT_WS_MORE:
        return false;
    }
    return takes_frames(connection);
}

static struct rt_ws_limits limits_of(const struct rt_connection *connection)
{
    const struct rt_server *server = rt_connection_server(connection);
    if (!has_dialog(connection)) {
        return server->options.application->limits;
    }
    return (struct rt_ws_limits){.message_bytes =
                                     server->options.event_bytes_max +
                                     RT_MESSAGE_EXTRA_BYTES,
                                 .frame_count = RT_MESSAGE_FRAMES_MAX};
}

static int obtain_receiver(struct rt_connection *connection)
{
    struct rt_heap *heap = &rt_connection_server(connection)->heap;
    if (has_dialog(connection)) {
        struct rt_dialog *dialog = rt_dialog_obtain(connection);
        if (dialog == NULL) {
            return RT_ENOMEM;
        }
        dialog->is_at_boundary = false;
    }
    struct rt_ws_receiver **receiver = receiver_of(connection);
    if (*receiver == NULL) {
        *receiver = rt_ws_receiver_create(heap, limits_of(connection));
    }
    return *receiver == NULL ? RT_ENOMEM : 0;
}

static bool may_go_on(struct rt_connection *connection)
{
    return !has_dialog(connection) || rt_dialog_may_go_on(connection);
}

static void take_frames(struct rt_connection *connection, struct rt_bytes bytes)
{
    struct pongs pongs;
    pongs.len = 0;
    while (may_go_on(connection) && take_frame(connection, &bytes, &pongs)) {
    }
    send_pongs(connection, &pongs);
    if (has_dialog(connection)) {
        rt_dialog_end_input(connection, bytes);
    }
}

void rt_websocket_input(struct rt_connection *connection, struct rt_bytes bytes)
{
    if (has_dialog(connection) && connection->dialog != NULL &&
        connection->dialog->is_paused) {
        rt_dialog_hold_input(connection, bytes);
        rt_dialog_continue(connection);
    } else if (obtain_receiver(connection) < 0) {
        on_broken(connection, RT_CLOSE_OVERLOAD);
    } else {
        take_frames(connection, bytes);
    }
}

void rt_websocket_renew_timer(struct rt_connection *connection)
{
    struct rt_server *server = rt_connection_server(connection);
    rt_connection_set_timer(connection, connection->awaits_pong
                                            ? server->options.pong_ticks
                                            : server->options.heartbeat_ticks);
}

void rt_websocket_drained(struct rt_connection *connection)
{
    rt_websocket_renew_timer(connection);
    rt_subscriber_drained(&connection->subscriber);
    if (has_dialog(connection)) {
        rt_dialog_drained(connection);
    } else {
        rt_connection_resume(connection);
    }
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
    if (has_dialog(connection) && !rt_dialog_timeout(connection)) {
        return;
    }
    if (rt_connection_is_blocked(connection)) {
        on_blocked_timeout(connection);
    } else if (connection->awaits_pong) {
        rt_websocket_close(connection, RT_CLOSE_PONG_MISSED);
    } else {
        send_ping(connection);
    }
}
