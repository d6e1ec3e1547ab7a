#include "tests/support/sink.h"

#include <string.h>

#include "base/error.h"
#include "broker/core/fanout.h"
#include "broker/core/topic.h"
#include "protocol/ws_frame.h"

#define PAYLOAD_MAX ((size_t)512 * 1024)
#define RUN         ((size_t)64)
#define ROUNDS_MAX  100000 /* more flushes than any test needs */

/* --- the core --- */

static uint32_t next_epoch(void)
{
    static uint32_t epoch = 0x7f3a9c20;
    return ++epoch;
}

static const struct rt_sink_ops ops;

void test_core_init(struct test_core *test, struct rt_retention retention)
{
    struct rt_core_options options = {
        .retention = retention,
        .idempotency = {UINT64_MAX, UINT64_MAX, UINT64_MAX},
        .stall_timeout_ms = TEST_STALL_MS,
        .sink = &ops,
        .random = next_epoch};
    test_heap_init(&test->heap, SIZE_MAX);
    rt_core_init(&test->core, &test->heap.heap, &options);
    rt_core_set_time(&test->core, 0, TEST_WALL_MS);
}

void test_core_finish(struct test_core *test)
{
    rt_core_validate(&test->core);
    rt_core_finish(&test->core);
    EXPECT_INT(test->heap.heap.used, 0);
}

void test_core_pass_time(struct test_core *test, uint64_t ms)
{
    uint64_t now_ms = test->core.now_ms + ms;
    rt_core_set_time(&test->core, now_ms, TEST_WALL_MS + now_ms);
}

/* A letter, the offset, and then runs of bytes that tell how far they are. */
static struct rt_bytes payload_of(char topic, uint64_t offset, size_t len)
{
    static char payload[PAYLOAD_MAX];
    EXPECT(len >= TEST_PAYLOAD_MIN && len <= PAYLOAD_MAX);
    for (size_t at = 0; at < len; at += RUN) {
        size_t rest = len - at;
        memset(payload + at, (char)(offset * 31 + at / RUN),
               rest < RUN ? rest : RUN);
    }
    payload[0] = topic;
    for (size_t i = 1; i < TEST_PAYLOAD_MIN; i++) {
        payload[i] = (char)(offset >> (8 * (i - 1)));
    }
    return (struct rt_bytes){payload, len};
}

static uint64_t next_offset(const struct rt_core *core, struct rt_bytes name)
{
    const struct rt_topic *topic = rt_topic_find(core, name);
    return topic == NULL ? 1 : topic->ring.next_offset;
}

struct rt_event
test_core_event(const struct test_core *test, const char *topic, size_t len)
{
    struct rt_bytes name = rt_bytes_of(topic);
    uint64_t offset = next_offset(&test->core, name);
    return (struct rt_event){.topic = name,
                             .payload = payload_of(topic[0], offset, len),
                             .content = RT_CONTENT_TEXT};
}

int test_core_try_publish(struct test_core *test, const char *topic, size_t len)
{
    struct rt_event event = test_core_event(test, topic, len);
    uint64_t offset = next_offset(&test->core, event.topic);
    struct rt_receipt receipt;
    int err = rt_core_publish(&test->core, &event, &receipt);
    if (err == 0) {
        EXPECT_INT(
            rt_topic_offset(test_core_topic(test, topic), receipt.cursor),
            offset);
    }
    return err;
}

void test_core_publish(struct test_core *test, const char *topic, size_t len)
{
    EXPECT_INT(test_core_try_publish(test, topic, len), 0);
}

void test_core_publish_many(struct test_core *test,
                            const char *topic,
                            int count,
                            size_t len)
{
    for (int i = 0; i < count; i++) {
        test_core_publish(test, topic, len);
        rt_core_validate(&test->core);
    }
}

struct rt_topic *test_core_topic(const struct test_core *test, const char *name)
{
    struct rt_topic *topic = rt_topic_find(&test->core, rt_bytes_of(name));
    EXPECT(topic != NULL);
    return topic;
}

void test_core_flush(struct test_core *test)
{
    int rounds = 0;
    rt_core_flush_small(&test->core);
    while (rt_core_flush(&test->core)) {
        EXPECT(++rounds < ROUNDS_MAX);
    }
    rt_core_validate(&test->core);
}

/* --- the sink, as the core sees it --- */

static struct test_sink *sink_of(struct rt_subscriber *subscriber)
{
    return RT_CONTAINER(subscriber, struct test_sink, subscriber);
}

static void receive(struct test_sink *sink, struct rt_bytes bytes)
{
    EXPECT_INT(rt_buffer_append(&sink->received, &sink->heap, bytes), 0);
}

/* As much of one range as there is room for. */
static size_t write_range(struct test_sink *sink, struct rt_bytes range)
{
    size_t len = range.len < sink->room ? range.len : sink->room;
    receive(sink, (struct rt_bytes){range.data, len});
    sink->room -= sink->room == SIZE_MAX ? 0 : len;
    return len;
}

static ssize_t sink_write(struct rt_subscriber *subscriber,
                          const struct rt_bytes *ranges,
                          unsigned range_count)
{
    struct test_sink *sink = sink_of(subscriber);
    size_t written = 0;
    EXPECT(!sink->is_closed);
    EXPECT(sink->held == NULL); /* it costs nothing while it is blocked */
    EXPECT(range_count > 0 && range_count <= RT_SINK_RANGE_MAX);
    sink->writes++;
    for (unsigned i = 0; i < range_count && !sink->is_lost; i++) {
        EXPECT(ranges[i].len > 0);
        written += write_range(sink, ranges[i]);
    }
    return sink->is_lost ? -EPIPE : (ssize_t)written;
}

static int sink_queue(struct rt_subscriber *subscriber,
                      struct rt_segment *segment,
                      struct rt_bytes bytes)
{
    struct test_sink *sink = sink_of(subscriber);
    EXPECT(!sink->is_closed);
    EXPECT(sink->held == NULL && bytes.len > 0);
    if (sink->refuses_queue) {
        return RT_ENOMEM;
    }
    rt_segment_ref(segment);
    sink->held = segment;
    sink->queued = bytes;
    return 0;
}

static size_t sink_queued(struct rt_subscriber *subscriber)
{
    return sink_of(subscriber)->queued.len;
}

static bool sink_gap(struct rt_subscriber *subscriber, const struct rt_gap *gap)
{
    struct test_sink *sink = sink_of(subscriber);
    EXPECT(!sink->is_closed && sink->queued.len == 0);
    sink->gap_count++;
    sink->gap = *gap;
    return !sink->queues_gap;
}

static void sink_caught_up(struct rt_subscriber *subscriber)
{
    struct test_sink *sink = sink_of(subscriber);
    EXPECT(!sink->is_closed && sink->queued.len == 0);
    sink->caught_up_count++;
}

static bool
sink_own(struct rt_subscriber *subscriber, uint64_t offset, struct rt_own *own)
{
    const struct test_sink *sink = sink_of(subscriber);
    for (uint32_t i = 0; i < sink->own_count; i++) {
        if (sink->own[i].end > offset) {
            *own = sink->own[i];
            return true;
        }
    }
    return false;
}

static void sink_close(struct rt_subscriber *subscriber,
                       enum rt_close_reason reason,
                       const struct rt_resume *resume)
{
    struct test_sink *sink = sink_of(subscriber);
    EXPECT(!sink->is_closed);
    EXPECT_INT(subscriber->state, RT_SUBSCRIBER_DETACHED);
    sink->is_closed = true;
    sink->reason = reason;
    sink->resume = *resume;
}

static const struct rt_sink_ops ops = {
    .write = sink_write,
    .queue = sink_queue,
    .queued = sink_queued,
    .gap = sink_gap,
    .caught_up = sink_caught_up,
    .own = sink_own,
    .close = sink_close,
};

/* --- the sink, as a test sees it --- */

void test_sink_init(struct test_sink *sink, struct test_core *test)
{
    *sink = (struct test_sink){.core = &test->core, .room = SIZE_MAX};
    rt_heap_init(&sink->heap, SIZE_MAX);
}

void test_sink_finish(struct test_sink *sink)
{
    rt_subscriber_detach(&sink->subscriber);
    test_sink_drop(sink);
    rt_buffer_finish(&sink->received, &sink->heap);
}

struct rt_cursor test_sink_subscribe(struct test_sink *sink,
                                     const char *topic,
                                     struct rt_since since)
{
    struct rt_start start;
    sink->topic = topic[0];
    EXPECT_INT(rt_core_subscribe(sink->core, rt_bytes_of(topic), RT_FORMAT_RAW,
                                 &since, &sink->subscriber, &start),
               0);
    return start.cursor;
}

void test_sink_subscribe_in(struct test_sink *sink,
                            const char *topic,
                            enum rt_format format,
                            struct rt_since since)
{
    struct rt_start start;
    sink->subscriber.gap = RT_GAP_TELL;
    EXPECT_INT(rt_core_subscribe(sink->core, rt_bytes_of(topic), format, &since,
                                 &sink->subscriber, &start),
               0);
}

void test_sink_subscribe_now(struct test_sink *sink, const char *topic)
{
    (void)test_sink_subscribe(sink, topic,
                              (struct rt_since){.kind = RT_SINCE_NOW});
}

void test_sink_subscribe_earliest(struct test_sink *sink, const char *topic)
{
    (void)test_sink_subscribe(sink, topic,
                              (struct rt_since){.kind = RT_SINCE_EARLIEST});
}

void test_sink_drop(struct test_sink *sink)
{
    rt_segment_unref(&sink->core->store, sink->held);
    sink->held = NULL;
    sink->queued = (struct rt_bytes){0};
}

void test_sink_take(struct test_sink *sink, size_t len)
{
    EXPECT(sink->held != NULL && len <= sink->queued.len);
    receive(sink, (struct rt_bytes){sink->queued.data, len});
    sink->queued.data += len;
    sink->queued.len -= len;
    if (sink->queued.len == 0) {
        test_sink_drop(sink);
        rt_subscriber_drained(&sink->subscriber);
    }
}

void test_sink_drain(struct test_sink *sink)
{
    test_sink_take(sink, sink->queued.len);
}

/* Takes a frame's header apart; false if it is not there as a whole. */
static bool frame_lengths(struct rt_bytes bytes, size_t *header, size_t *len)
{
    const uint8_t *at = (const uint8_t *)bytes.data;
    uint8_t short_len = bytes.len < 2 ? 0 : at[1];
    *header = short_len < 126 ? 2 : short_len == 126 ? 4 : 10;
    if (bytes.len < *header) {
        return false;
    }
    *len = short_len < 126    ? short_len
           : short_len == 126 ? rt_load_be16(at + 2)
                              : (size_t)rt_load_be64(at + 2);
    return bytes.len - *header >= *len;
}

static uint64_t payload_offset(const char *payload)
{
    uint64_t offset = 0;
    for (size_t i = TEST_PAYLOAD_MIN - 1; i > 0; i--) {
        offset = (offset << 8) | (uint8_t)payload[i];
    }
    return offset;
}

uint64_t test_sink_next(struct test_sink *sink)
{
    struct rt_bytes rest = {sink->received.data + sink->read,
                            sink->received.len - sink->read};
    uint8_t expected[RT_FRAME_HEADER_MAX];
    size_t header = 0;
    size_t len = 0;
    if (!frame_lengths(rest, &header, &len)) {
        return 0;
    }
    (void)rt_frame_header(expected, RT_OPCODE_TEXT, len);
    EXPECT_BYTES(((struct rt_bytes){rest.data, header}),
                 ((struct rt_bytes){(const char *)expected, header}));
    EXPECT(len >= TEST_PAYLOAD_MIN);
    uint64_t offset = payload_offset(rest.data + header);
    EXPECT(rt_bytes_equal((struct rt_bytes){rest.data + header, len},
                          payload_of(sink->topic, offset, len)));
    sink->read += header + len;
    return offset;
}

void test_sink_expect(struct test_sink *sink, uint64_t first, uint64_t last)
{
    for (uint64_t offset = first; offset <= last; offset++) {
        EXPECT_INT(test_sink_next(sink), offset);
    }
    EXPECT_INT(sink->received.len - sink->read, 0);
}

void test_sink_expect_closed(const struct test_sink *sink,
                             enum rt_close_reason reason,
                             uint64_t resume_offset,
                             uint64_t missed)
{
    EXPECT(sink->is_closed);
    EXPECT_INT(sink->reason, reason);
    EXPECT(sink->resume.has_cursor);
    EXPECT_INT(sink->resume.cursor.offset, resume_offset);
    EXPECT_INT(sink->resume.missed, missed);
}

/* --- several sinks --- */

void test_sinks_join(struct test_sink *sinks,
                     int count,
                     struct test_core *test,
                     const char *topic)
{
    for (int i = 0; i < count; i++) {
        test_sink_init(&sinks[i], test);
        test_sink_subscribe_now(&sinks[i], topic);
    }
}

void test_sinks_expect(struct test_sink *sinks,
                       int count,
                       uint64_t first,
                       uint64_t last)
{
    for (int i = 0; i < count; i++) {
        EXPECT(!sinks[i].is_closed);
        test_sink_expect(&sinks[i], first, last);
    }
}

void test_sinks_finish(struct test_sink *sinks, int count)
{
    for (int i = 0; i < count; i++) {
        test_sink_finish(&sinks[i]);
    }
}
