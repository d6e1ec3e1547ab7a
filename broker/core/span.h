/*
 * A span: what one position of a stream has to be sent, as contiguous ranges
 * that end with a whole event: from the ring, from a block of history, or
 * encoded in the format of a view or a selection.
 */
#ifndef BROKER_CORE_SPAN_H
#define BROKER_CORE_SPAN_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/core/blocks.h"
#include "broker/core/sink.h"
#include "broker/core/stream.h"

struct rt_subscriber;

/*
 * What one position has to be sent. Nearly all subscribers of a topic stand at
 * the same one, so the answer for the last position is kept.
 */
struct rt_span {
    const struct rt_stream *stream;
    uint64_t offset;   /* of the first event */
    uint64_t end;      /* the offset after the last one */
    uint64_t events;   /* how many there are */
    uint64_t head;     /* the stream's, when this was found */
    uint64_t position; /* raw: of the first byte in the ring */
    struct rt_run run; /* of a view or a selection */
    bool is_starved;   /* there was no memory to encode anything */
    bool is_own;       /* these events are not wanted */
    struct rt_bytes ranges[RT_SINK_RANGE_MAX];
    unsigned range_count;
    size_t bytes;
};

/* Finds the span at an offset, anew; without ranges if there is nothing.
 * Returns how many units of work it was. */
size_t rt_span_read(struct rt_span *span,
                    const struct rt_stream *stream,
                    uint64_t offset);

/* Inline: it is asked for every delivery, and knows the answer. Returns the
 * work if it does not. */
static inline size_t rt_span_find(struct rt_span *span,
                                  const struct rt_stream *stream,
                                  uint64_t offset)
{
    if (span->stream != stream || span->offset != offset ||
        span->head != rt_stream_head(stream)) {
        return rt_span_read(span, stream, offset);
    }
    return 0;
}

/* What of a span is for a subscriber that skips its own events. */
struct rt_span rt_span_without_own(const struct rt_span *span,
                                   struct rt_subscriber *subscriber);

/* The segment with a byte of a span, and where in it that is. */
struct rt_segment *
rt_span_locate(const struct rt_span *span, size_t written, uint32_t *at);

/* Of the events of a span, the one with that index in a segment: the offset
 * behind it, and how many there are up to it. */
uint64_t rt_span_offset_behind(const struct rt_span *span,
                               const struct rt_segment *segment,
                               uint32_t index);
uint64_t rt_span_events_until(const struct rt_span *span,
                              const struct rt_segment *segment,
                              uint32_t index);

#endif
