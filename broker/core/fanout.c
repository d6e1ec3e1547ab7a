#include "broker/core/fanout.h"

#include "base/check.h"
#include "base/error.h"
#include "broker/core/history.h"
#include "broker/core/pass.h"
#include "broker/core/relief.h"
#include "broker/core/span.h"
#include "broker/core/subscriber.h"
#include "broker/core/topic.h"

enum outcome {
    WROTE_ALL,
    WROTE_PART, /* the next byte to write is `written` bytes into the span */
    LOST,
    STARVED, /* there was no memory to encode anything */
    PURGED,  /* what comes next was dropped with all the rest, or is on disk */
};

/* Why there is nothing to write: of a selection it may be that all up to
 * somewhere is gone, or not its own. */
static enum outcome outcome_of_nothing(const struct rt_span *span)
{
    if (span->is_starved) {
        return STARVED;
    }
    return span->end > span->offset ? WROTE_ALL : PURGED;
}

static inline enum outcome write_span(const struct rt_span *span,
                                      struct rt_subscriber *subscriber,
                                      size_t *written)
{
    struct rt_core *core = span->stream->core;
    if (RT_UNLIKELY(span->range_count == 0)) {
        return outcome_of_nothing(span);
    }
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

static void lose(struct rt_subscriber *subscriber, enum outcome outcome)
{
    rt_subscriber_close(subscriber,
                        outcome == STARVED ? RT_CLOSE_OVERLOAD : RT_CLOSE_LOST);
}

/* Hands the rest of the event that was cut to the sink, to be written when the
 * connection takes more. The subscriber is lagging. */
static void queue_rest(struct rt_subscriber *subscriber,
                       const struct rt_span *span,
                       size_t written)
{
    struct rt_core *core = span->stream->core;
    uint32_t start = 0;
    struct rt_segment *segment = rt_span_locate(span, written, &start);
    uint32_t index = rt_segment_event_at(segment, start);
    uint32_t end = rt_segment_start(segment, index + 1);
    struct rt_bytes rest = {(const char *)segment->bytes + start, end - start};

    if (core->options.sink->queue(subscriber, segment, rest) < 0) {
        lose(subscriber, LOST);
        return;
    }
    core->counters.events_delivered +=
        rt_span_events_until(span, segment, index);
    core->counters.bytes_delivered += rest.len;
    subscriber->offset = rt_span_offset_behind(span, segment, index);
    rt_subscriber_block(subscriber);
}

/* The active subscriber at pass_next has everything: that is it for this pass,
 * and for good if the topic is closed. */
static size_t leave_behind(struct rt_stream *stream,
                           struct rt_subscriber *subscriber)
{
    if (rt_stream_is_closed(stream)) {
        rt_subscriber_close(subscriber, RT_CLOSE_TOPIC_CLOSED);
        return 1;
    }
    stream->pass_next++;
    return 0;
}

/* Writes to the active subscriber at pass_next what there is for it. Inline: it
 * is done for every delivery. */
static inline size_t write_active(struct rt_stream *stream,
                                  const struct rt_span *span)
{
    struct rt_active *active = &stream->active[stream->pass_next];
    struct rt_subscriber *subscriber = active->subscriber;
    size_t written = 0;
    enum outcome outcome = write_span(span, subscriber, &written);
    if (outcome == WROTE_ALL) {
        active->offset = span->end;
        stream->pass_next += span->end == rt_stream_head(stream) ? 1 : 0;
    } else if (outcome == LOST || outcome == STARVED ||
               rt_subscriber_fall_behind(subscriber, span->offset) < 0) {
        lose(subscriber, outcome);
    } else if (outcome == WROTE_PART) {
        queue_rest(subscriber, span, written);
    }
    return written / RT_UNIT_BYTES;
}

/* The same for one that skips its own events. */
static size_t write_others(struct rt_stream *stream,
                           const struct rt_span *span,
                           struct rt_subscriber *subscriber)
{
    struct rt_span wanted = rt_span_without_own(span, subscriber);
    return write_active(stream, &wanted);
}

/*
 * Brings the active subscriber at pass_next nearer to the head, or out of the
 * array, and moves pass_next on when it is there. What takes several writes is
 * done in one visit after the other: it stays active, and so protected from
 * eviction, as long as its connection takes everything.
 */
static size_t visit_active(struct rt_stream *stream, struct rt_span *span)
{
    struct rt_active *active = &stream->active[stream->pass_next];
    struct rt_subscriber *subscriber = active->subscriber;
    if (active->offset >= rt_stream_head(stream)) {
        return leave_behind(stream, subscriber);
    }
    size_t units = 1 + rt_span_find(span, stream, active->offset);
    return units + (RT_UNLIKELY(subscriber->skips_own)
                        ? write_others(stream, span, subscriber)
                        : write_active(stream, span));
}

/* Goes on with a pass for about `units`; returns how many it took. */
static size_t advance_pass(struct rt_stream *stream, size_t units)
{
    struct rt_span span = {0};
    size_t done = 0;
    while (done < units && stream->pass_next < stream->active_count) {
        done += visit_active(stream, &span);
    }
    return done;
}

/* After a whole pass: another one if events have come in meanwhile, or to close
 * those who have all there will be. */
static void end_pass(struct rt_stream *stream)
{
    stream->floor = stream->pass_head;
    stream->pass_next = 0;
    rt_list_remove(&stream->dirty);
    if (stream->active_count == 0) {
        stream->floor = rt_stream_head(stream);
    } else if (stream->pass_head < rt_stream_head(stream) ||
               rt_stream_is_closed(stream)) {
        rt_stream_mark_dirty(stream);
    }
}

static bool pass_is_over(const struct rt_stream *stream)
{
    return stream->pass_next >= stream->active_count;
}

void rt_stream_finish_pass(struct rt_stream *stream)
{
    /* The first round ends the pass under way, the second brings those to the
     * head that it had visited before the last append. */
    for (int round = 0; round < 2 && !rt_list_is_empty(&stream->dirty);
         round++) {
        (void)advance_pass(stream, SIZE_MAX);
        end_pass(stream);
    }
}

void rt_core_flush_small(struct rt_core *core)
{
    struct rt_list *node = core->dirty.next;
    while (node != &core->dirty) {
        struct rt_stream *stream = RT_CONTAINER(node, struct rt_stream, dirty);
        node = node->next;
        if (stream->active_count <= RT_FANOUT_SMALL) {
            rt_stream_finish_pass(stream);
        }
    }
}

/* One write for a subscriber that is not at the head and not passed. */
static size_t write_lagging(struct rt_subscriber *subscriber)
{
    struct rt_span span;
    size_t written = 0;
    size_t units = rt_span_read(&span, subscriber->stream, subscriber->offset);
    if (subscriber->skips_own) {
        span = rt_span_without_own(&span, subscriber);
    }
    enum outcome outcome = write_span(&span, subscriber, &written);
    if (outcome == WROTE_ALL) {
        subscriber->offset = span.end;
    } else if (outcome == WROTE_PART) {
        queue_rest(subscriber, &span, written);
    } else {
        lose(subscriber, outcome);
    }
    return units + written / RT_UNIT_BYTES;
}

static size_t visit_lagging(struct rt_subscriber *subscriber)
{
    struct rt_stream *stream = subscriber->stream;
    size_t units = 1;
    if (rt_subscriber_is_passed(subscriber)) {
        units += rt_subscriber_pass(subscriber) / RT_UNIT_TOPICS;
    }
    if (subscriber->state == RT_SUBSCRIBER_LAGGING &&
        rt_subscriber_is_away(subscriber)) {
        rt_subscriber_fetch(subscriber); /* what is behind a gap, too */
        return units;
    }
    if (subscriber->state == RT_SUBSCRIBER_LAGGING &&
        subscriber->offset < rt_stream_head(stream)) {
        units += write_lagging(subscriber);
    }
    if (subscriber->state == RT_SUBSCRIBER_LAGGING &&
        subscriber->offset >= rt_stream_head(stream)) {
        rt_subscriber_catch_up(subscriber);
    }
    return units;
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
        rt_history_read_ahead(&core->history);
    }
    rt_list_prepend_all(&core->lagging, &waiting);
}

static void flush_dirty(struct rt_core *core, size_t units)
{
    size_t done = 0;
    while (done < units && !rt_list_is_empty(&core->dirty)) {
        struct rt_stream *stream =
            RT_LIST_FIRST(&core->dirty, struct rt_stream, dirty);
        done += 1 + advance_pass(stream, RT_QUANTUM_UNITS);
        if (pass_is_over(stream)) {
            end_pass(stream);
        } else {
            rt_list_remove(&stream->dirty);
            rt_list_append(&core->dirty, &stream->dirty);
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
        lose(RT_LIST_FIRST(&core->blocked, struct rt_subscriber, link), LOST);
        core->counters.sheds++;
        retired -=
            retired < RT_SEGMENT_SIZE_MAX ? retired : RT_SEGMENT_SIZE_MAX;
    }
}

bool rt_core_flush(struct rt_core *core)
{
    shed_blocked(core);
    if (RT_UNLIKELY(core->journal != NULL)) {
        (void)rt_core_relieve(core);
    }
    /* Whoever lags gets half a slice, so that it neither starves nor hogs. */
    flush_lagging(core, RT_SLICE_UNITS / 2);
    flush_dirty(core, RT_SLICE_UNITS / 2);
    return !rt_list_is_empty(&core->dirty) || !rt_list_is_empty(&core->lagging);
}
