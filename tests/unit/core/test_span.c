#include "broker/core/span.h"

#include "broker/core/fanout.h"
#include "broker/core/topic.h"
#include "tests/support/sink.h"

#define KIB       ((size_t)1024)
#define UNLIMITED UINT64_MAX

static const struct rt_retention roomy = {1024 * KIB, UNLIMITED, UNLIMITED};

static struct test_core node;
static struct rt_stream stream;
static uint64_t head;

/* A topic with so many events, and a stream of it that ends before `head`. */
static void init(int count, size_t len)
{
    test_core_init(&node, roomy);
    test_core_publish_many(&node, "a", count, len);
    rt_stream_init(&stream, &node.core, &head);
    stream.topic = test_core_topic(&node, "a");
    head = stream.topic->ring.next_offset;
}

static void finish(void)
{
    rt_stream_finish(&stream);
    test_core_finish(&node);
}

static size_t bytes_of(const struct rt_span *span)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < span->range_count; i++) {
        bytes += span->ranges[i].len;
    }
    return bytes;
}

TEST("a span goes from an offset to the head")
{
    struct rt_span span;
    init(100, 100);
    EXPECT_INT(rt_span_read(&span, &stream, 11), 0);
    EXPECT_INT(span.end, 101);
    EXPECT_INT(span.events, 90);
    EXPECT_INT(span.bytes, 90 * (2 + 100));
    EXPECT_INT(bytes_of(&span), span.bytes);
    finish();
}

TEST("a span takes no more ranges than a write, nor more bytes than it may")
{
    struct rt_span span;
    init(600, 1000);
    (void)rt_span_read(&span, &stream, 1);
    EXPECT(span.range_count > 1 && span.range_count <= RT_SINK_RANGE_MAX);
    EXPECT(span.end < head);
    EXPECT_INT(span.bytes, span.events * (4 + 1000));
    finish();
}

TEST("wherever a stream ends before the ring does, so does the span")
{
    struct rt_span span;
    init(200, 100);
    for (head = 6; head <= 201; head++) {
        (void)rt_span_read(&span, &stream, 5);
        EXPECT_INT(span.end, head);
        EXPECT_INT(span.events, head - 5);
        EXPECT_INT(span.bytes, (head - 5) * (2 + 100));
        EXPECT_INT(bytes_of(&span), span.bytes);
    }
    finish();
}

TEST("a byte of a span is in a segment, and so is its event")
{
    struct rt_span span;
    uint32_t at = 0;
    init(100, 100);
    (void)rt_span_read(&span, &stream, 11);
    struct rt_segment *segment = rt_span_locate(&span, 102 * 50 + 7, &at);
    uint32_t index = rt_segment_event_at(segment, at);
    EXPECT_INT(segment->first_offset + index, 61);
    EXPECT_INT(rt_span_offset_behind(&span, segment, index), 62);
    EXPECT_INT(rt_span_events_until(&span, segment, index), 51);
    finish();
}

TEST("a span is found anew when there are more events")
{
    struct rt_span span = {0};
    init(10, 100);
    (void)rt_span_find(&span, &stream, 1);
    EXPECT_INT(span.end, 11);
    test_core_publish(&node, "a", 100);
    (void)rt_span_find(&span, &stream, 1);
    EXPECT_INT(span.end, 11);
    head++;
    (void)rt_span_find(&span, &stream, 1);
    EXPECT_INT(span.end, 12);
    finish();
}
