/*
 * The WebSocket side of a connection. The peer may send pings, pongs and a
 * close; messages only in a dialog, or if the application takes some.
 */
#ifndef BROKER_NET_WEBSOCKET_H
#define BROKER_NET_WEBSOCKET_H

#include "broker/core/close_reason.h"
#include "broker/net/connection.h"
#include "protocol/problem.h"

/* Begins to be a WebSocket connection; the subscriber is attached, or will be
 * closed at once. */
void rt_websocket_begin(struct rt_connection *connection);

/* Takes the connection's next bytes. May close it. */
void rt_websocket_input(struct rt_connection *connection,
                        struct rt_bytes bytes);

/* Sends a close frame and waits for the peer's. Detaches the subscriber. */
void rt_websocket_close(struct rt_connection *connection,
                        enum rt_close_reason reason);

/* The same, with what the core knows, for a subscriber that is detached. */
void rt_websocket_close_with(struct rt_connection *connection,
                             enum rt_close_reason reason,
                             const struct rt_resume *resume);

/* The handshake should have been refused for a problem: closes for that. */
void rt_websocket_refuse(struct rt_connection *connection,
                         const struct rt_refusal *refusal);

/* The peer broke the rules: says so and hangs up without waiting for its close
 * frame (RFC 6455, section 7.1.7). */
void rt_websocket_fail(struct rt_connection *connection,
                       enum rt_close_reason reason);

/* The server stops. */
void rt_websocket_stop(struct rt_connection *connection);

/* Makes the timer due for the next heartbeat, or for a pong that is missing. */
void rt_websocket_renew_timer(struct rt_connection *connection);

/* All that was queued is written. */
void rt_websocket_drained(struct rt_connection *connection);

/* Time for a heartbeat, or too late for one; or for the peer's close. */
void rt_websocket_timeout(struct rt_connection *connection);

/* The connection is going; frees what is attached to it. */
void rt_websocket_end(struct rt_connection *connection);

#endif
