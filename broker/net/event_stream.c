#include "broker/net/event_stream.h"

#include "broker/net/notify.h"
#include "protocol/notice.h"

uint32_t rt_event_stream_keep_alive(const struct rt_server *server)
{
    uint32_t heartbeat = server->options.heartbeat_ticks;
    return heartbeat < RT_STREAM_KEEP_ALIVE_TICKS ? heartbeat
                                                  : RT_STREAM_KEEP_ALIVE_TICKS;
}

void rt_event_stream_begin(struct rt_connection *connection)
{
    struct rt_server *server = rt_connection_server(connection);
    rt_connection_set_first_timer(connection,
                                  rt_event_stream_keep_alive(server));
    if (rt_connection_is_blocked(connection)) {
        rt_connection_await_drain(connection); /* answers it has not read */
    }
}

/* --- ends --- */

void rt_event_stream_end(struct rt_connection *connection)
{
    rt_subscriber_detach(&connection->subscriber);
    if (connection->state == RT_CONNECTION_STREAMING &&
        rt_connection_write(connection, RT_LAST_CHUNK) == 0) {
        rt_connection_linger(connection);
    }
}

void rt_event_stream_close(struct rt_connection *connection,
                           struct rt_bytes topic,
                           enum rt_close_reason reason,
                           const struct rt_resume *resume)
{
    struct rt_refusal refusal = {.problem = RT_PROBLEM_INSUFFICIENT_STORAGE};
    switch (reason) {
    case RT_CLOSE_CURSOR_EVICTED:
    case RT_CLOSE_EPOCH_CHANGED:
    case RT_CLOSE_EVENTS_LOST:
        break; /* it was told of the gap */
    case RT_CLOSE_TOPIC_CLOSED:
        rt_notify_closed(connection, topic, resume->cursor);
        break;
    case RT_CLOSE_OVERLOAD:
        rt_notify_error(connection, &refusal);
        break;
    default:
        rt_connection_close(connection); /* it takes nothing any more */
        return;
    }
    rt_event_stream_end(connection);
}

/* Nobody was lost: it is known why. */
static void leave(struct rt_connection *connection, enum rt_close_reason reason)
{
    rt_subscriber_detach(&connection->subscriber);
    rt_connection_server(connection)->core.counters.closes[reason]++;
}

void rt_event_stream_stop(struct rt_connection *connection)
{
    leave(connection, RT_CLOSE_LEAVING);
    rt_notify_drain(connection);
    rt_event_stream_end(connection);
}

void rt_event_stream_eof(struct rt_connection *connection)
{
    leave(connection, RT_CLOSE_PEER);
    rt_connection_close(connection);
}

/* --- time --- */

void rt_event_stream_drained(struct rt_connection *connection)
{
    struct rt_server *server = rt_connection_server(connection);
    rt_connection_set_timer(connection, rt_event_stream_keep_alive(server));
    rt_subscriber_drained(&connection->subscriber);
}

static void send_keep_alive(struct rt_connection *connection)
{
    struct rt_server *server = rt_connection_server(connection);
    struct rt_bytes sign = connection->format == RT_FORMAT_SSE
                               ? RT_SSE_KEEP_ALIVE
                               : RT_NDJSON_KEEP_ALIVE;
    if (rt_connection_write(connection, sign) < 0) {
        return;
    }
    if (rt_connection_is_blocked(connection)) {
        rt_connection_await_drain(connection);
    } else {
        rt_connection_set_timer(connection, rt_event_stream_keep_alive(server));
    }
}

void rt_event_stream_timeout(struct rt_connection *connection)
{
    struct rt_server *server = rt_connection_server(connection);
    if (!rt_connection_is_blocked(connection)) {
        send_keep_alive(connection);
    } else if (rt_connection_has_stalled(connection,
                                         rt_event_stream_keep_alive(server))) {
        leave(connection, RT_CLOSE_SLOW_CONSUMER);
        rt_connection_close(connection);
    }
}
