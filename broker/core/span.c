#include "broker/core/span.h"

#include "broker/core/fanout.h"
#include "broker/core/history.h"
#include "broker/core/selection.h"
#include "broker/core/subscriber.h"
#include "broker/core/topic.h"
#include "broker/core/view.h"

/* The entries of encoded events have the stream's numbers. */
static bool is_encoded(const struct rt_span *span)
{
    return span->stream->view != NULL || span->stream->selection != NULL;
}

static void add_up(struct rt_span *span)
{
    span->bytes = 0;
    for (unsigned i = 0; i < span->range_count; i++) {
        span->bytes += span->ranges[i].len;
    }
}

/* A stream of what is on disk ends before the ring does. */
static void cut_at_head(struct rt_span *span)
{
    const struct rt_ring *ring = &span->stream->topic->ring;
    size_t left = rt_ring_position(ring, span->head) - span->position;
    unsigned last = 0;
    while (last < span->range_count && span->ranges[last].len < left) {
        left -= span->ranges[last].len;
        last++;
    }
    if (last < span->range_count) {
        span->ranges[last].len = left;
        span->range_count = last + 1;
    }
}

static void read_ring(struct rt_span *span, uint64_t offset)
{
    const struct rt_ring *ring = &span->stream->topic->ring;
    span->position = rt_ring_position(ring, offset);
    span->range_count = rt_ring_read(ring, span->position, RT_WRITE_BYTES_MAX,
                                     span->ranges, RT_SINK_RANGE_MAX);
    if (RT_UNLIKELY(span->head < ring->next_offset)) {
        cut_at_head(span);
    }
    add_up(span);
    span->end = rt_ring_offset(ring, span->position + span->bytes);
    span->events = span->end - offset;
}

/* From a block of history, which a ring's own segment is like. */
static void read_history(struct rt_span *span, uint64_t offset)
{
    struct rt_segment *segment = rt_history_find(span->stream->topic, offset);
    uint32_t index = (uint32_t)(offset - segment->first_offset);
    uint32_t start = rt_segment_start(segment, index);
    uint32_t end = segment->event_count;
    if (segment->used - start > RT_WRITE_BYTES_MAX) {
        end = rt_segment_event_at(segment, start + RT_WRITE_BYTES_MAX);
        end = end > index ? end : index + 1;
    }
    if (end - index > span->head - offset) {
        end = index + (uint32_t)(span->head - offset);
    }
    span->run = (struct rt_run){.segment = segment, .index = index};
    span->events = end - index;
    span->end = offset + span->events;
    span->bytes = rt_segment_start(segment, end) - start;
    span->ranges[0] =
        (struct rt_bytes){(const char *)segment->bytes + start, span->bytes};
    span->range_count = 1;
}

static int find_run(struct rt_span *span, uint64_t offset)
{
    const struct rt_stream *stream = span->stream;
    return stream->topic == NULL
               ? rt_selection_find(stream->selection, offset, &span->run)
               : rt_view_find(stream->view, offset, &span->run);
}

/* Returns how many units of work it was to find the events. */
static size_t read_run(struct rt_span *span, uint64_t offset)
{
    const struct rt_run *run = &span->run;
    if (find_run(span, offset) < 0) {
        span->is_starved = true;
        return 0;
    }
    span->end = run->end;
    if (run->segment != NULL) {
        uint32_t start = rt_segment_start(run->segment, run->index);
        span->bytes = run->segment->used - start;
        span->ranges[0] = (struct rt_bytes){
            (const char *)run->segment->bytes + start, span->bytes};
        span->range_count = 1;
        span->events = run->segment->event_count - run->index;
    }
    return run->topics / RT_UNIT_TOPICS;
}

/* Dropped by a purge; or on disk, to be fetched: events that have just come to
 * be there may have left the ring before. */
static bool is_away(const struct rt_topic *topic, uint64_t offset)
{
    return rt_topic_is_purged(topic, offset) ||
           (RT_UNLIKELY(offset < rt_ring_earliest(&topic->ring)) &&
            rt_history_find(topic, offset) == NULL);
}

size_t rt_span_read(struct rt_span *span,
                    const struct rt_stream *stream,
                    uint64_t offset)
{
    *span = (struct rt_span){
        .stream = stream, .offset = offset, .head = rt_stream_head(stream)};
    if (stream->topic != NULL && is_away(stream->topic, offset)) {
        return 0;
    }
    if (is_encoded(span)) {
        return read_run(span, offset);
    }
    if (RT_UNLIKELY(offset < rt_ring_earliest(&stream->topic->ring))) {
        read_history(span, offset);
    } else {
        read_ring(span, offset);
    }
    return 0;
}

/* Ends a span before the event at `end` or, if there is none, the next one. */
static void cut(struct rt_span *span, uint64_t end)
{
    const struct rt_segment *segment = span->run.segment;
    uint32_t index = span->run.index;
    while (index < segment->event_count &&
           rt_segment_entry(segment, index)->sequence < end) {
        index++;
    }
    span->end = end;
    span->events = index - span->run.index;
    span->bytes = rt_segment_start(segment, index) -
                  rt_segment_start(segment, span->run.index);
    span->ranges[0].len = span->bytes;
}

/* The first event of a span, which need not be at its offset: in a selection
 * there is what others have in between. */
static uint64_t first_event(const struct rt_span *span)
{
    const struct rt_run *run = &span->run;
    return rt_segment_entry(run->segment, run->index)->sequence;
}

/* Up to the first of its own or, if it begins with them, none. */
struct rt_span rt_span_without_own(const struct rt_span *span,
                                   struct rt_subscriber *subscriber)
{
    const struct rt_sink_ops *sink = span->stream->core->options.sink;
    struct rt_span wanted = *span;
    struct rt_own own;
    if (span->range_count == 0 || !sink->own(subscriber, span->offset, &own) ||
        own.first >= span->end) {
        return wanted;
    }
    if (own.first > first_event(span)) {
        cut(&wanted, own.first);
        return wanted;
    }
    wanted.is_own = true;
    wanted.range_count = 0;
    wanted.end = own.end < span->end ? own.end : span->end;
    return wanted;
}

struct rt_segment *
rt_span_locate(const struct rt_span *span, size_t written, uint32_t *at)
{
    const struct rt_topic *topic = span->stream->topic;
    const struct rt_run *run = &span->run;
    if (run->segment != NULL) {
        *at = rt_segment_start(run->segment, run->index) + (uint32_t)written;
        return run->segment;
    }
    uint64_t position = span->position + written;
    struct rt_segment *segment = rt_ring_segment(&topic->ring, position);
    *at = (uint32_t)(position - segment->position);
    return segment;
}

uint64_t rt_span_offset_behind(const struct rt_span *span,
                               const struct rt_segment *segment,
                               uint32_t index)
{
    return !is_encoded(span) ? segment->first_offset + index + 1
                             : rt_segment_entry(segment, index)->sequence + 1;
}

uint64_t rt_span_events_until(const struct rt_span *span,
                              const struct rt_segment *segment,
                              uint32_t index)
{
    return !is_encoded(span) ? segment->first_offset + index + 1 - span->offset
                             : index + 1 - span->run.index;
}
