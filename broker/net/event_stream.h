/*
 * A stream of events as the body of an HTTP answer, in chunks without an end
 * (RFC 9112, section 7.1): server-sent events, or lines of JSON. What the peer
 * sends meanwhile is discarded; the end of it closes the connection.
 */
#ifndef BROKER_NET_EVENT_STREAM_H
#define BROKER_NET_EVENT_STREAM_H

#include "base/bytes.h"
#include "broker/core/close_reason.h"
#include "broker/net/connection.h"

/* A stream on which nothing waits to be written is kept alive so often, or as
 * often as WebSockets are pinged, if that is more: proxies give up connections
 * on which nothing comes for 30 s or a minute. */
#define RT_STREAM_KEEP_ALIVE_TICKS 15

/* Ticks between two signs of life. */
uint32_t rt_event_stream_keep_alive(const struct rt_server *server);

/* Begins to be a stream. The head of the answer is written, and the notices are
 * to follow. */
void rt_event_stream_begin(struct rt_connection *connection);

/* Ends the answer with its last chunk, and the connection. The subscriber is
 * detached. */
void rt_event_stream_end(struct rt_connection *connection);

/* Ends it for a reason that the core has; the subscriber is detached already.
 * What can be told is told before. */
void rt_event_stream_close(struct rt_connection *connection,
                           struct rt_bytes topic,
                           enum rt_close_reason reason,
                           const struct rt_resume *resume);

/* The server stops. */
void rt_event_stream_stop(struct rt_connection *connection);

/* The peer sends no more, which is how it unsubscribes. */
void rt_event_stream_eof(struct rt_connection *connection);

/* All that was queued is written. */
void rt_event_stream_drained(struct rt_connection *connection);

/* Time for a sign of life, or for a look at who is blocked. */
void rt_event_stream_timeout(struct rt_connection *connection);

#endif
