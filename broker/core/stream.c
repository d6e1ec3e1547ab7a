#include "broker/core/stream.h"

#include "base/check.h"
#include "base/error.h"
#include "broker/core/fanout.h"
#include "broker/core/journal.h"
#include "broker/core/selection.h"
#include "broker/core/subscriber.h"
#include "broker/core/topic.h"

#define ACTIVE_MIN 4

static size_t active_size(uint32_t count)
{
    return count * sizeof(struct rt_active);
}

void rt_stream_init(struct rt_stream *stream,
                    struct rt_core *core,
                    const uint64_t *head)
{
    *stream = (struct rt_stream){.core = core, .head = head, .floor = *head};
    rt_list_init(&stream->dirty);
}

void rt_stream_finish(struct rt_stream *stream)
{
    RT_CHECK(stream->subscriber_count == 0);
    rt_list_remove(&stream->dirty);
    rt_heap_free(stream->core->heap, stream->active,
                 active_size(stream->active_capacity));
}

uint64_t rt_stream_head(const struct rt_stream *stream)
{
    return *stream->head;
}

void rt_stream_mark_dirty(struct rt_stream *stream)
{
    if (stream->active_count == 0) {
        stream->floor = rt_stream_head(stream);
        return;
    }
    if (rt_list_is_empty(&stream->dirty)) {
        stream->pass_next = 0;
        stream->pass_head = rt_stream_head(stream);
        rt_list_append(&stream->core->dirty, &stream->dirty);
    }
}

/* What whoever has all of a selection has all of: what the node ever had, or
 * what of that is on disk. */
static uint64_t node_latest(const struct rt_stream *stream)
{
    const struct rt_core *core = stream->core;
    return rt_stream_is_durable(stream) ? core->journal->sequence
                                        : core->sequence;
}

static struct rt_cursor node_cursor(const struct rt_stream *stream,
                                    uint64_t next)
{
    uint64_t last =
        next == rt_stream_head(stream) ? node_latest(stream) : next - 1;
    return (struct rt_cursor){stream->core->epoch, last};
}

struct rt_cursor rt_stream_cursor(const struct rt_stream *stream, uint64_t next)
{
    return stream->topic == NULL ? node_cursor(stream, next)
                                 : rt_topic_cursor(stream->topic, next - 1);
}

bool rt_stream_is_of(const struct rt_stream *stream,
                     const struct rt_selector *selector)
{
    if (stream->topic == NULL) {
        return rt_selection_is_of(stream->selection, selector);
    }
    return rt_selector_is_topic(selector) &&
           rt_bytes_equal(stream->topic->leaf.key, selector->patterns[0]);
}

bool rt_stream_has(const struct rt_stream *stream, struct rt_bytes topic)
{
    return stream->topic == NULL
               ? rt_selection_has(stream->selection, topic)
               : rt_bytes_equal(stream->topic->leaf.key, topic);
}

bool rt_stream_is_durable(const struct rt_stream *stream)
{
    return stream->topic == NULL
               ? rt_selection_is_durable(stream->selection)
               : stream->head != &stream->topic->ring.next_offset;
}

bool rt_stream_is_closed(const struct rt_stream *stream)
{
    const struct rt_topic *topic = stream->topic;
    return topic == NULL ? rt_selection_is_closed(stream->selection)
                         : topic->is_closed && rt_stream_head(stream) ==
                                                   topic->ring.next_offset;
}

bool rt_stream_is_congested(const struct rt_stream *stream)
{
    const struct rt_ring *ring = &stream->topic->ring;
    return stream->active_count > RT_FANOUT_SMALL &&
           !rt_stream_is_durable(stream) &&
           rt_ring_bytes_from(ring, stream->floor) >
               ring->retention->bytes / RT_CONGESTION_PART;
}

static int resize_active(struct rt_stream *stream, uint32_t capacity)
{
    struct rt_active *active = rt_heap_resize(
        stream->core->heap, stream->active,
        active_size(stream->active_capacity), active_size(capacity));
    if (active == NULL) {
        return RT_ENOMEM;
    }
    stream->active = active;
    stream->active_capacity = capacity;
    return 0;
}

int rt_stream_reserve(struct rt_stream *stream)
{
    if (stream->subscriber_count < stream->active_capacity) {
        return 0;
    }
    uint32_t doubled = stream->active_capacity * 2;
    return resize_active(stream, doubled < ACTIVE_MIN ? ACTIVE_MIN : doubled);
}

static void
place(struct rt_stream *stream, uint32_t slot, struct rt_active entry)
{
    stream->active[slot] = entry;
    entry.subscriber->slot = slot;
}

void rt_stream_activate(struct rt_stream *stream,
                        struct rt_subscriber *subscriber)
{
    RT_CHECK(stream->active_count < stream->active_capacity);
    struct rt_active entry = {subscriber, subscriber->offset};
    place(stream, stream->active_count++, entry);
}

/*
 * The hole is filled from the end. In the middle of a pass the last entry has
 * not been visited yet, so a hole among the visited ones is filled with the
 * last visited one, and only then is that one's place filled from the end.
 */
void rt_stream_deactivate(struct rt_stream *stream,
                          struct rt_subscriber *subscriber)
{
    uint32_t hole = subscriber->slot;
    RT_CHECK(hole < stream->active_count);
    RT_CHECK(stream->active[hole].subscriber == subscriber);
    if (hole < stream->pass_next) {
        uint32_t last_visited = --stream->pass_next;
        place(stream, hole, stream->active[last_visited]);
        hole = last_visited;
    }
    uint32_t last = --stream->active_count;
    if (hole != last) {
        place(stream, hole, stream->active[last]);
    }
}

/* What is on disk may have left the ring before it is given to anybody. */
static bool is_in_topic(const struct rt_stream *stream, uint64_t offset)
{
    return rt_stream_is_durable(stream) ||
           offset >= rt_ring_earliest(&stream->topic->ring) ||
           rt_topic_is_purged(stream->topic, offset);
}

/* Who begins with what comes next may be ahead of the disk. */
static bool is_at_head(const struct rt_stream *stream, uint64_t offset)
{
    uint64_t head = rt_stream_head(stream);
    return rt_stream_is_durable(stream) ? offset >= head : offset == head;
}

void rt_stream_validate(const struct rt_stream *stream)
{
    RT_CHECK(stream->active_count <= stream->subscriber_count);
    RT_CHECK(stream->subscriber_count <= stream->active_capacity);
    RT_CHECK(stream->pass_next <= stream->active_count);
    bool is_dirty = !rt_list_is_empty(&stream->dirty);
    for (uint32_t i = 0; i < stream->active_count; i++) {
        const struct rt_active *active = &stream->active[i];
        RT_CHECK(active->subscriber->state == RT_SUBSCRIBER_ACTIVE);
        RT_CHECK(active->subscriber->slot == i);
        RT_CHECK(active->subscriber->stream == stream);
        RT_CHECK(stream->topic == NULL || is_in_topic(stream, active->offset));
        RT_CHECK(active->offset >= stream->floor);
        RT_CHECK(is_dirty || is_at_head(stream, active->offset));
    }
}
