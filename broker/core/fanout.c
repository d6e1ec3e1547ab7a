#include "broker/core/fanout.h"

#include "base/check.h"
#include "base/error.h"
#include "broker/core/subscriber.h"
#include "broker/core/topic.h"

/*
 * What one position has to be sent. Nearly all subscribers of a topic stand at
 * the same one, so the answer for the last position is kept.
 */
struct span {
    const struct rt_topic *topic;
    uint64_t position;
    uint64_t head;
    struct rt_bytes ranges[RT_SINK_RANGE_MAX];
    unsigned range_count;
    size_t bytes;
    uint64_t events;
};

enum outcome {
    WROTE_ALL,
    WROTE_PART, /* the next byte to write is at span.position + written */
    LOST,
};

static void
find_span(struct span *span, const struct rt_topic *topic, uint64_t position)
{
    const struct rt_ring *ring = &topic->ring;
    if (span->topic == topic && span->position == position &&
        span->head == ring->head) {
        return;
    }
    *span =
        (struct span){.topic = topic, .position = position, .head = ring->head};
    span->range_count = rt_ring_read(ring, position, RT_WRITE_BYTES_MAX,
                                     span->ranges, RT_SINK_RANGE_MAX);
    for (unsigned i = 0; i < span->range_count; i++) {
        span->bytes += span->ranges[i].len;
    }
    span->events = rt_ring_offset(ring, position + span->bytes) -
                   rt_ring_offset(ring, position);
}

static enum outcome write_span(const struct span *span,
                               struct rt_subscriber *subscriber,
                               size_t *written)
{
    struct rt_core *core = span->topic->core;
    ssize_t taken =
        core->options.sink->write(subscriber, span->ranges, span->range_count);
    core->counters.writes++;
    if (RT_UNLIKELY(taken < 0)) {
        return LOST;
    }
    *written = (size_t)taken;
    core->counters.bytes_delivered += *written;
    if (*written == span->bytes) {
        core->counters.events_delivered += span->events;
        return WROTE_ALL;
    }
    return WROTE_PART;
}

static void lose(struct rt_subscriber *subscriber)
{
    rt_subscriber_close(subscriber, RT_CLOSE_LOST);
}

/* Hands the rest of the event at `position` to the sink, to be written when
 * the connection takes more. The subscriber is lagging. */
static void queue_rest(struct rt_subscriber *subscriber, uint64_t position)
{
    struct rt_topic *topic = subscriber->topic;
    struct rt_core *core = topic->core;
    struct rt_segment *segment = rt_ring_segment(&topic->ring, position);
    uint32_t start = (uint32_t)(position - segment->position);
    uint32_t index = rt_segment_event_at(segment, start);
    uint32_t end = rt_segment_start(segment, index + 1);
    struct rt_bytes rest = {(const char *)segment->bytes + start, end - start};
    uint64_t offset = segment->first_offset + index;

    if (core->options.sink->queue(subscriber, segment, rest) < 0) {
        lose(subscriber);
        return;
    }
    core->counters.events_delivered += offset - subscriber->lag->offset;
    core->counters.bytes_delivered += rest.len;
    subscriber->lag->offset = offset;
    subscriber->position = segment->position + end;
    rt_subscriber_block(subscriber);
}

/*
 * Brings the active subscriber at pass_next nearer to the head, or out of the
 * array, and moves pass_next on when it is there. What takes several writes is
 * done in one visit after the other: it stays active, and so protected from
 * eviction, as long as its connection takes everything.
 */
static size_t visit_active(struct rt_topic *topic, struct span *span)
{
    struct rt_active *active = &topic->active[topic->pass_next];
    struct rt_subscriber *subscriber = active->subscriber;
    size_t written = 0;
    if (active->position == topic->ring.head) {
        topic->pass_next++;
        return 0;
    }
    find_span(span, topic, active->position);
    enum outcome outcome = write_span(span, subscriber, &written);
    if (outcome == WROTE_ALL) {
        active->position += written;
        topic->pass_next += active->position == topic->ring.head ? 1 : 0;
    } else if (outcome == LOST ||
               rt_subscriber_fall_behind(subscriber, span->position) < 0) {
        lose(subscriber);
    } else {
        queue_rest(subscriber, span->position + written);
    }
    return 1 + written / RT_UNIT_BYTES;
}

/* Goes on with the topic's pass for about `units`; returns how many it took. */
static size_t advance_pass(struct rt_topic *topic, size_t units)
{
    struct span span = {0};
    size_t done = 0;
    while (done < units && topic->pass_next < topic->active_count) {
        done += visit_active(topic, &span);
    }
    return done;
}

/* After a whole pass: another one if events have come in meanwhile. */
static void end_pass(struct rt_topic *topic)
{
    topic->floor = topic->pass_head;
    topic->pass_next = 0;
    rt_list_remove(&topic->dirty);
    if (topic->active_count == 0) {
        topic->floor = topic->ring.head;
    } else if (topic->pass_head < topic->ring.head) {
        rt_topic_mark_dirty(topic);
    }
}

static bool pass_is_over(const struct rt_topic *topic)
{
    return topic->pass_next >= topic->active_count;
}

void rt_topic_finish_pass(struct rt_topic *topic)
{
    /* The first round ends the pass under way, the second brings those to the
     * head that it had visited before the last append. */
    for (int round = 0; round < 2 && !rt_list_is_empty(&topic->dirty);
         round++) {
        (void)advance_pass(topic, SIZE_MAX);
        end_pass(topic);
    }
}

void rt_core_flush_small(struct rt_core *core)
{
    struct rt_list *node = core->dirty.next;
    while (node != &core->dirty) {
        struct rt_topic *topic = RT_CONTAINER(node, struct rt_topic, dirty);
        node = node->next;
        if (topic->active_count <= RT_FANOUT_SMALL) {
            rt_topic_finish_pass(topic);
        }
    }
}

/* One write for a subscriber that is not at the head. */
static size_t visit_lagging(struct rt_subscriber *subscriber)
{
    struct rt_topic *topic = subscriber->topic;
    struct span span = {0};
    size_t written = 0;
    if (subscriber->position < rt_ring_low(&topic->ring) &&
        !rt_subscriber_pass(subscriber)) {
        return 1;
    }
    if (subscriber->position < topic->ring.head) {
        find_span(&span, topic, subscriber->position);
        enum outcome outcome = write_span(&span, subscriber, &written);
        if (outcome == LOST) {
            lose(subscriber);
            return 1;
        }
        if (outcome == WROTE_PART) {
            queue_rest(subscriber, span.position + written);
            return 1 + written / RT_UNIT_BYTES;
        }
        subscriber->position += written;
        subscriber->lag->offset += span.events;
    }
    if (subscriber->position == topic->ring.head) {
        rt_subscriber_catch_up(subscriber);
    }
    return 1 + written / RT_UNIT_BYTES;
}

/* Each lagging subscriber once, as far as the units go; the ones that are not
 * done yet go to the end. */
static void flush_lagging(struct rt_core *core, size_t units)
{
    struct rt_list waiting;
    size_t done = 0;
    rt_list_init(&waiting);
    rt_list_move(&waiting, &core->lagging);
    while (done < units && !rt_list_is_empty(&waiting)) {
        struct rt_subscriber *subscriber =
            RT_LIST_FIRST(&waiting, struct rt_subscriber, link);
        rt_list_remove(&subscriber->link);
        rt_list_append(&core->lagging, &subscriber->link);
        done += visit_lagging(subscriber);
    }
    rt_list_prepend_all(&core->lagging, &waiting);
}

static void flush_dirty(struct rt_core *core, size_t units)
{
    size_t done = 0;
    while (done < units && !rt_list_is_empty(&core->dirty)) {
        struct rt_topic *topic =
            RT_LIST_FIRST(&core->dirty, struct rt_topic, dirty);
        done += 1 + advance_pass(topic, RT_QUANTUM_UNITS);
        if (pass_is_over(topic)) {
            end_pass(topic);
        } else {
            rt_list_remove(&topic->dirty);
            rt_list_append(&core->dirty, &topic->dirty);
        }
    }
}

/*
 * Memory that only stalled subscribers keep is taken back from them, from those
 * that have stalled longest. Each holds a block at most, and holds it until its
 * connection is gone, which is after this turn: so no more are closed now than
 * could do, and what they all shared is waited for.
 */
static void shed_blocked(struct rt_core *core)
{
    size_t retired_max = core->heap->limit / RT_RETIRED_PART;
    size_t retired = core->store.retired_bytes;
    while (RT_UNLIKELY(retired > retired_max) &&
           !rt_list_is_empty(&core->blocked)) {
        lose(RT_LIST_FIRST(&core->blocked, struct rt_subscriber, link));
        retired -=
            retired < RT_SEGMENT_SIZE_MAX ? retired : RT_SEGMENT_SIZE_MAX;
    }
}

bool rt_core_flush(struct rt_core *core)
{
    shed_blocked(core);
    /* Whoever lags gets half a slice, so that it neither starves nor hogs. */
    flush_lagging(core, RT_SLICE_UNITS / 2);
    flush_dirty(core, RT_SLICE_UNITS / 2);
    return !rt_list_is_empty(&core->dirty) || !rt_list_is_empty(&core->lagging);
}
