/*
 * A connection, from accept to close. An idle subscriber is nothing but this
 * struct: an HTTP session, a WebSocket receiver and a write request are there
 * only while they have something to do.
 *
 *     HTTP       -> LINGERING   the last answer is sent; waiting for the peer
 *     HTTP       -> WEBSOCKET   upgraded
 *     HTTP       -> STREAMING   events come as the body of an answer
 *     WEBSOCKET  -> CLOSING     our close frame is sent; waiting for the peer's
 *     WEBSOCKET  -> LINGERING   both are done with it, or the peer broke rules
 *     CLOSING    -> LINGERING   the peer's close frame has come
 *     STREAMING  -> LINGERING   the last chunk is sent
 *     any        -> CLOSED      uv_close is under way
 */
#ifndef BROKER_NET_CONNECTION_H
#define BROKER_NET_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/wheel.h"
#include "broker/core/subscriber.h"
#include "broker/net/server.h"

struct rt_dialog;
struct rt_http_session;
struct rt_ws_receiver;

enum rt_connection_state {
    RT_CONNECTION_HTTP,
    RT_CONNECTION_LINGERING,
    RT_CONNECTION_WEBSOCKET,
    RT_CONNECTION_STREAMING,
    RT_CONNECTION_CLOSING,
    RT_CONNECTION_CLOSED,
    RT_CONNECTION_STATE_COUNT
};

struct rt_connection {
    struct rt_wheel_entry timer;
    struct rt_subscriber subscriber;
    union {
        struct rt_http_session *http;    /* HTTP; NULL between requests */
        struct rt_ws_receiver *receiver; /* WEBSOCKET, CLOSING, raw; NULL
                                            between frames */
        struct rt_dialog *dialog; /* from WEBSOCKET on, JSON; NULL before the
                                     first message */
    };
    size_t pending_bytes; /* while blocked: what the peer had to take at the
                             last look */
    uint8_t state;
    uint8_t roles;
    uint8_t format; /* WEBSOCKET, STREAMING: of the events, enum rt_format */
    bool is_unix;
    bool awaits_pong;
    bool is_reading;
    bool has_empty_line; /* one before the next request was skipped */
    union { /* last: a TCP connection is allocated without the rest of it */
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    };
};

/* The server that a connection belongs to. */
struct rt_server *rt_connection_server(const struct rt_connection *connection);

/* Accepts the listener's pending connection and starts to read. 0, RT_ENOMEM,
 * or libuv's error, after which the connection is still pending. */
RT_MUST_USE int rt_connection_accept(struct rt_server *server,
                                     uv_stream_t *listener,
                                     bool is_unix,
                                     unsigned roles);

/*
 * A connection that is not open yet, or NULL without memory. Then it is opened
 * on the descriptor of a socket: 0, or libuv's error, after which the socket is
 * the caller's still. One that is not opened is discarded.
 */
RT_MUST_USE struct rt_connection *
rt_connection_create(struct rt_server *server, bool is_unix, unsigned roles);
RT_MUST_USE int rt_connection_open(struct rt_connection *connection, int fd);
void rt_connection_discard(struct rt_connection *connection);

/* Sets on a TCP socket what all connections have; those that a listening one
 * accepts inherit it. */
void rt_connection_tune(const uv_handle_t *handle);

/* Moves to another state; only along the arrows above. */
void rt_connection_move(struct rt_connection *connection,
                        enum rt_connection_state state);

/* Makes the connection's timer due in so many ticks. */
void rt_connection_set_timer(struct rt_connection *connection, uint32_t ticks);

/* The same for the first heartbeat of a subscriber: spread over the interval,
 * for those that come all at once must not be due all at once. */
void rt_connection_set_first_timer(struct rt_connection *connection,
                                   uint32_t interval);

/*
 * Writes bytes behind what is queued: at once what the peer takes, and a copy
 * of the rest later. Closes the connection when it is lost or memory is spent,
 * and then returns an error.
 */
RT_MUST_USE int rt_connection_write(struct rt_connection *connection,
                                    struct rt_bytes bytes);

/* Whether bytes are queued that the peer has not taken. */
bool rt_connection_is_blocked(const struct rt_connection *connection);

/* How many bytes the peer has still to take, here and in the kernel: a slow
 * reader takes from there first, and what is queued behind does not move. */
size_t rt_connection_pending(struct rt_connection *connection);

/* The connection is blocked: waits for at most stall_timeout before the timer
 * asks whether the peer has moved. */
void rt_connection_await_drain(struct rt_connection *connection);

/* Whether the peer has taken something since the last look; if so, it is given
 * as much time again. */
bool rt_connection_has_moved(struct rt_connection *connection);

/*
 * The timer of a subscriber's blocked connection is due. Whether it has
 * stalled; if not, it is asked again. The core times whom an event has blocked,
 * and then it is asked after so many ticks.
 */
bool rt_connection_has_stalled(struct rt_connection *connection,
                               uint32_t ticks);

/* Stops and starts reading; either may be repeated. */
void rt_connection_pause(struct rt_connection *connection);
void rt_connection_resume(struct rt_connection *connection);

/* After the last answer: sends FIN once all is written, and waits for the peer
 * to close, so that it can read the answer (RFC 9112, section 9.6). */
void rt_connection_linger(struct rt_connection *connection);

/* Closes at once. The memory goes when libuv lets go of the handle. */
void rt_connection_close(struct rt_connection *connection);

/* Called by the write path when nothing is queued any more. */
void rt_connection_drained(struct rt_connection *connection);

/* For the wheel. */
void rt_connection_on_timer(struct rt_wheel_entry *entry, void *context);

/* For the wheel's visit when the server stops. */
void rt_connection_on_stop(struct rt_wheel_entry *entry, void *context);

#endif
