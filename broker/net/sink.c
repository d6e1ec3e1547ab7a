#include "broker/net/sink.h"

#include "broker/core/topic.h"
#include "broker/net/dialog.h"
#include "broker/net/event_stream.h"
#include "broker/net/notify.h"
#include "broker/net/websocket.h"
#include "broker/net/write.h"

static struct rt_connection *connection_of(struct rt_subscriber *subscriber)
{
    if (RT_UNLIKELY(subscriber->is_further)) {
        return RT_CONTAINER(subscriber, struct rt_dialog_subscriber, subscriber)
            ->connection;
    }
    return RT_CONTAINER(subscriber, struct rt_connection, subscriber);
}

/* None, if it subscribes to several. */
static struct rt_bytes topic_of(const struct rt_subscriber *subscriber)
{
    const struct rt_topic *topic = subscriber->stream->topic;
    return topic == NULL ? (struct rt_bytes){0} : topic->leaf.key;
}

static struct rt_notice_place place_of(const struct rt_subscriber *subscriber)
{
    return (struct rt_notice_place){.topic = topic_of(subscriber),
                                    .cursor = rt_subscriber_cursor(subscriber)};
}

static ssize_t sink_write(struct rt_subscriber *subscriber,
                          const struct rt_bytes *ranges,
                          unsigned range_count)
{
    return rt_write_now(&connection_of(subscriber)->stream, ranges,
                        range_count);
}

static int sink_queue(struct rt_subscriber *subscriber,
                      struct rt_segment *segment,
                      struct rt_bytes bytes)
{
    return rt_write_queue_segment(connection_of(subscriber), segment, bytes);
}

static size_t sink_queued(struct rt_subscriber *subscriber)
{
    return rt_connection_pending(connection_of(subscriber));
}

static bool sink_gap(struct rt_subscriber *subscriber, const struct rt_gap *gap)
{
    struct rt_connection *connection = connection_of(subscriber);
    struct rt_notice_place place = place_of(subscriber);
    rt_notify_gap(connection, &place, gap);
    return !rt_connection_is_blocked(connection);
}

static void sink_caught_up(struct rt_subscriber *subscriber)
{
    struct rt_notice_place place = place_of(subscriber);
    rt_notify_caught_up(connection_of(subscriber), &place);
}

/* Of several subscriptions it is said which has to go on where. */
static void close_dialog(struct rt_connection *connection,
                         const struct rt_subscriber *subscriber,
                         enum rt_close_reason reason,
                         const struct rt_resume *resume)
{
    if (reason == RT_CLOSE_TOPIC_CLOSED) {
        /* There may be other subscriptions, and there may be some yet. */
        rt_notify_closed(connection, topic_of(subscriber), resume->cursor);
        return;
    }
    if (reason != RT_CLOSE_LOST && rt_dialog_attached(connection) > 0) {
        rt_notify_place(connection, subscriber->stream, resume->cursor);
    }
    rt_websocket_close_with(connection, reason, resume);
}

static void sink_close(struct rt_subscriber *subscriber,
                       enum rt_close_reason reason,
                       const struct rt_resume *resume)
{
    struct rt_connection *connection = connection_of(subscriber);
    if (connection->state == RT_CONNECTION_STREAMING) {
        rt_event_stream_close(connection, topic_of(subscriber), reason, resume);
    } else if (connection->format == RT_FORMAT_JSON) {
        close_dialog(connection, subscriber, reason, resume);
    } else {
        rt_websocket_close_with(connection, reason, resume);
    }
}

const struct rt_sink_ops rt_connection_sink = {
    .write = sink_write,
    .queue = sink_queue,
    .queued = sink_queued,
    .gap = sink_gap,
    .caught_up = sink_caught_up,
    .own = rt_dialog_own,
    .close = sink_close,
};
