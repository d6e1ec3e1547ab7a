/* What the core calls: for a reader of one topic, or of several. */
#include "broker/core/stream.h"
#include "tests/simulator/disk/world.h"

static const struct rt_sink_ops *sink_of(const struct rt_subscriber *subscriber)
{
    return subscriber->stream->selection != NULL ? &several_sink : &reader_sink;
}

static ssize_t on_write(struct rt_subscriber *subscriber,
                        const struct rt_bytes *ranges,
                        unsigned range_count)
{
    return sink_of(subscriber)->write(subscriber, ranges, range_count);
}

static int on_queue(struct rt_subscriber *subscriber,
                    struct rt_segment *segment,
                    struct rt_bytes bytes)
{
    return sink_of(subscriber)->queue(subscriber, segment, bytes);
}

static size_t on_queued(struct rt_subscriber *subscriber)
{
    return sink_of(subscriber)->queued(subscriber);
}

static bool on_gap(struct rt_subscriber *subscriber, const struct rt_gap *gap)
{
    return sink_of(subscriber)->gap(subscriber, gap);
}

static void on_caught_up(struct rt_subscriber *subscriber)
{
    sink_of(subscriber)->caught_up(subscriber);
}

static bool
on_own(struct rt_subscriber *subscriber, uint64_t offset, struct rt_own *own)
{
    return sink_of(subscriber)->own(subscriber, offset, own);
}

static void on_close(struct rt_subscriber *subscriber,
                     enum rt_close_reason reason,
                     const struct rt_resume *resume)
{
    sink_of(subscriber)->close(subscriber, reason, resume);
}

const struct rt_sink_ops world_sink = {.write = on_write,
                                       .queue = on_queue,
                                       .queued = on_queued,
                                       .gap = on_gap,
                                       .caught_up = on_caught_up,
                                       .own = on_own,
                                       .close = on_close};
