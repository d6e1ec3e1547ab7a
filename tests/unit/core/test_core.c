#include "broker/core/core.h"

#include <stdio.h>

#include "base/error.h"
#include "broker/core/fanout.h"
#include "broker/core/topic.h"
#include "protocol/ws_frame.h"
#include "tests/support/sink.h"

#define KIB       ((size_t)1024)
#define UNLIMITED UINT64_MAX

static const struct rt_retention retention = {64 * KIB, UNLIMITED, UNLIMITED};

static struct rt_receipt
publish(struct test_core *test, const char *topic, struct rt_bytes payload)
{
    struct rt_event event = {.topic = rt_bytes_of(topic),
                             .payload = payload,
                             .content = RT_CONTENT_BINARY};
    struct rt_receipt receipt;
    EXPECT_INT(rt_core_publish(&test->core, &event, &receipt), 0);
    return receipt;
}

static bool exists(const struct test_core *test, const char *topic)
{
    return rt_topic_find(&test->core, rt_bytes_of(topic)) != NULL;
}

static void tick_after(struct test_core *test, uint64_t ms)
{
    test_core_pass_time(test, ms);
    rt_core_tick(&test->core);
    rt_core_validate(&test->core);
}

TEST("receipts count the events of a topic from 1")
{
    struct test_core test;
    test_core_init(&test, retention);
    uint32_t epoch = publish(&test, "a", RT_BYTES("x")).cursor.epoch;
    for (uint64_t offset = 2; offset < 10; offset++) {
        struct rt_receipt receipt = publish(&test, "a", RT_BYTES("x"));
        EXPECT_INT(receipt.cursor.offset, offset);
        EXPECT_INT(receipt.cursor.epoch, epoch);
    }
    EXPECT_INT(publish(&test, "b", RT_BYTES("x")).cursor.offset, 1);
    EXPECT(publish(&test, "b", RT_BYTES("x")).cursor.epoch != epoch);
    test_core_finish(&test);
}

TEST("a receipt has the time of the event, which never goes back")
{
    struct test_core test;
    test_core_init(&test, retention);
    rt_core_set_time(&test.core, 1, 5000);
    EXPECT_INT(publish(&test, "a", RT_BYTES("x")).wall_ms, 5000);
    rt_core_set_time(&test.core, 2, 4000);
    EXPECT_INT(publish(&test, "a", RT_BYTES("x")).wall_ms, 5000);
    EXPECT_INT(publish(&test, "b", RT_BYTES("x")).wall_ms, 4000);
    rt_core_set_time(&test.core, 3, 6000);
    EXPECT_INT(publish(&test, "a", RT_BYTES("x")).wall_ms, 6000);
    test_core_finish(&test);
}

TEST("the sequence numbers all events of the node")
{
    struct test_core test;
    test_core_init(&test, retention);
    (void)publish(&test, "a", RT_BYTES("x"));
    (void)publish(&test, "b", RT_BYTES("x"));
    (void)publish(&test, "a", RT_BYTES("xyz"));
    const struct rt_topic *topic = rt_topic_find(&test.core, RT_BYTES("a"));
    const struct rt_segment *segment = topic->ring.segments[0];
    EXPECT_INT(rt_segment_entry(segment, 0)->sequence, 1);
    EXPECT_INT(rt_segment_entry(segment, 1)->sequence, 3);
    EXPECT_INT(test.core.sequence, 3);
    EXPECT_INT(test.core.counters.events_produced, 3);
    EXPECT_INT(test.core.counters.bytes_produced, 5);
    test_core_finish(&test);
}

static void expect_frame(enum rt_content content, struct rt_bytes frame)
{
    struct test_core test;
    struct test_sink sink;
    struct rt_receipt receipt;
    test_core_init(&test, retention);
    test_sinks_join(&sink, 1, &test, "a");
    struct rt_event event = {.topic = RT_BYTES("a"),
                             .payload = {frame.data + 2, frame.len - 2},
                             .content = content};
    EXPECT_INT(rt_core_publish(&test.core, &event, &receipt), 0);
    test_core_flush(&test);
    EXPECT_BYTES(((struct rt_bytes){sink.received.data, sink.received.len}),
                 frame);
    test_sinks_finish(&sink, 1);
    test_core_finish(&test);
}

TEST("an event is one final frame, of text or binary")
{
    expect_frame(RT_CONTENT_TEXT, RT_BYTES("\x81\x05hello"));
    expect_frame(RT_CONTENT_JSON, RT_BYTES("\x81\x02[]"));
    expect_frame(RT_CONTENT_BINARY, RT_BYTES("\x82\x02\xff\x00"));
    expect_frame(RT_CONTENT_TEXT, RT_BYTES("\x81\x00"));
}

TEST("a receipt tells a publisher that the fan-out is behind")
{
    struct test_core test;
    struct test_sink sinks[RT_FANOUT_SMALL + 1];
    test_core_init(&test, retention);
    test_sinks_join(sinks, RT_FANOUT_SMALL + 1, &test, "a");
    test_core_publish_many(&test, "a", 16, 1000);
    EXPECT(publish(&test, "a", RT_BYTES("x")).is_congested == false);
    test_core_publish_many(&test, "a", 1, 1000);
    EXPECT(publish(&test, "a", RT_BYTES("x")).is_congested);
    test_core_flush(&test);
    EXPECT(publish(&test, "a", RT_BYTES("x")).is_congested == false);
    test_sinks_finish(sinks, RT_FANOUT_SMALL + 1);
    test_core_finish(&test);
}

/* --- memory --- */

/* What a refusal must not change. */
struct snapshot {
    uint64_t sequence;
    uint64_t next_offset;
    uint64_t produced;
    uint32_t topic_count;
};

static struct snapshot snapshot(const struct test_core *test)
{
    const struct rt_topic *topic = rt_topic_find(&test->core, RT_BYTES("a"));
    return (struct snapshot){
        test->core.sequence, topic == NULL ? 0 : topic->ring.next_offset,
        test->core.counters.events_produced, test->core.topic_count};
}

static void expect_unchanged(const struct test_core *test,
                             const struct snapshot *before)
{
    struct snapshot now = snapshot(test);
    EXPECT_INT(now.sequence, before->sequence);
    EXPECT_INT(now.next_offset, before->next_offset);
    EXPECT_INT(now.produced, before->produced);
    EXPECT_INT(now.topic_count, before->topic_count);
    rt_core_validate(&test->core);
}

TEST("with the memory spent events are refused, and reading goes on")
{
    struct test_core test;
    struct test_sink sinks[2];
    test_core_init(&test, (struct rt_retention){1024 * KIB, UNLIMITED, 1000});
    test.heap.heap.limit = 100 * KIB;
    test_sinks_join(sinks, 2, &test, "a");
    sinks[1].room = 0;
    uint64_t count = 0;
    while (test_core_try_publish(&test, "a", 1000) == 0) {
        count++;
        test_core_flush(&test);
    }
    EXPECT(count > 30);
    struct snapshot before = snapshot(&test);
    EXPECT_INT(test_core_try_publish(&test, "a", 1000), RT_ENOMEM);
    EXPECT_INT(test_core_try_publish(&test, "new", 90 * KIB), RT_ENOMEM);
    expect_unchanged(&test, &before);
    EXPECT_INT(test.core.counters.events_refused, 3);

    sinks[1].room = SIZE_MAX;
    test_sink_drain(&sinks[1]);
    test_core_flush(&test);
    test_sinks_expect(sinks, 2, 1, count);
    tick_after(&test, 1001);
    test_core_publish(&test, "a", 1000); /* age has made room */
    test_core_flush(&test);
    test_sinks_expect(sinks, 2, count + 1, count + 1);
    test_sinks_finish(sinks, 2);
    test_core_finish(&test);
}

TEST("however many topics are made, those that exist take events")
{
    struct test_core test;
    test_core_init(&test, retention);
    test.heap.heap.limit = 1000 * KIB;
    struct rt_receipt receipt;
    char payload[1024] = {0};
    struct rt_event event = {.topic = RT_BYTES("known"),
                             .payload = {payload, sizeof(payload)}};
    EXPECT_INT(rt_core_publish(&test.core, &event, &receipt), 0);
    int err = 0;
    for (int i = 0; i < 1000 && err == 0; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "new.%d", i);
        struct rt_event first = {.topic = rt_bytes_of(name)};
        err = rt_core_publish(&test.core, &first, &receipt);
    }
    EXPECT_INT(err, RT_ENOMEM);
    for (int i = 0; i < 50; i++) {
        EXPECT_INT(rt_core_publish(&test.core, &event, &receipt), 0);
    }
    test_core_finish(&test);
}

TEST("an event for which there is no memory changes nothing")
{
    for (uint64_t k = 1, fails = 1; fails > 0; k++) {
        struct test_core test;
        test_core_init(&test, retention);
        (void)publish(&test, "b", RT_BYTES("x"));
        struct snapshot before = snapshot(&test);
        size_t used = test.heap.heap.used;
        test_heap_fail_at(&test.heap, k);
        int err = test_core_try_publish(&test, "a", 1000);
        fails = test.heap.count >= k;
        EXPECT_INT(err, fails > 0 ? RT_ENOMEM : 0);
        if (fails > 0) {
            expect_unchanged(&test, &before);
            EXPECT_INT(test.heap.heap.used, used);
            EXPECT(!exists(&test, "a"));
        }
        EXPECT_INT(publish(&test, "a", RT_BYTES("x")).cursor.offset,
                   fails > 0 ? 1 : 2);
        test_core_finish(&test);
    }
}

TEST("a refusal keeps a topic that was known before, with its epoch")
{
    struct test_core test;
    struct test_sink sink;
    test_core_init(&test, retention);
    test_sinks_join(&sink, 1, &test, "a");
    uint32_t epoch = rt_subscriber_cursor(&sink.subscriber).epoch;
    test_sinks_finish(&sink, 1);
    test_heap_fail_at(&test.heap, 1);
    EXPECT_INT(test_core_try_publish(&test, "a", 1000), RT_ENOMEM);
    EXPECT_INT(publish(&test, "a", RT_BYTES("x")).cursor.epoch, epoch);
    test_core_finish(&test);
}

TEST("a core in its steady state allocates nothing")
{
    struct test_core test;
    struct test_sink sinks[20];
    test_core_init(&test, retention);
    test_sinks_join(sinks, 20, &test, "a");
    uint64_t allocations = 0;
    for (int i = 0; i < 2000; i++) {
        if (i == 1000) {
            allocations = test.heap.heap.allocations;
        }
        test_core_publish(&test, "a", 500);
        sinks[i % 20].room = 200;
        test_core_flush(&test);
        sinks[i % 20].room = SIZE_MAX;
        test_sink_drain(&sinks[i % 20]);
        test_core_flush(&test);
    }
    EXPECT_INT(test.heap.heap.allocations, allocations);
    test_sinks_expect(sinks, 20, 1, 2000);
    test_sinks_finish(sinks, 20);
    test_core_finish(&test);
}

/* --- age --- */

TEST("a topic that is empty and alone is dropped when its time is up")
{
    struct test_core test;
    struct test_sink sink;
    test_core_init(&test, retention);
    test_sinks_join(&sink, 1, &test, "a");
    uint32_t epoch = rt_subscriber_cursor(&sink.subscriber).epoch;
    tick_after(&test, RT_TOPIC_IDLE_MS + 1);
    EXPECT(exists(&test, "a")); /* it has a subscriber */
    test_sinks_finish(&sink, 1);
    tick_after(&test, RT_TOPIC_IDLE_MS);
    EXPECT(exists(&test, "a"));
    tick_after(&test, 1);
    EXPECT(!exists(&test, "a"));
    EXPECT(publish(&test, "a", RT_BYTES("x")).cursor.epoch != epoch);
    tick_after(&test, 100 * RT_TOPIC_IDLE_MS);
    EXPECT(exists(&test, "a")); /* it has an event */
    test_core_finish(&test);
}

TEST("events beyond their age go, and then their topic")
{
    struct test_core test;
    test_core_init(&test, (struct rt_retention){64 * KIB, UNLIMITED, 1000});
    (void)publish(&test, "a", RT_BYTES("x"));
    tick_after(&test, 1000);
    const struct rt_topic *topic = rt_topic_find(&test.core, RT_BYTES("a"));
    EXPECT_INT(rt_ring_earliest(&topic->ring), 1);
    tick_after(&test, 1);
    EXPECT_INT(rt_ring_earliest(&topic->ring), 2);
    EXPECT_INT(publish(&test, "a", RT_BYTES("x")).cursor.offset, 2);
    tick_after(&test, RT_TOPIC_IDLE_MS);
    EXPECT(exists(&test, "a"));
    tick_after(&test, 1);
    EXPECT(!exists(&test, "a"));
    test_core_finish(&test);
}

TEST("whoever has left keeps no event from expiring")
{
    struct test_core test;
    struct test_sink sink;
    test_core_init(&test, (struct rt_retention){64 * KIB, UNLIMITED, 1000});
    test_sink_init(&sink, &test);
    test_sink_subscribe_in(&sink, "a", RT_FORMAT_JSON,
                           (struct rt_since){.kind = RT_SINCE_NOW});
    test_core_publish(&test, "a", 100);
    test_sink_finish(&sink); /* before it was given the event */
    tick_after(&test, 1001);
    EXPECT_INT(test_core_topic(&test, "a")->ring.segment_count, 0);
    test_core_finish(&test);
}

TEST("age takes nothing from who keeps up")
{
    struct test_core test;
    struct test_sink sink;
    test_core_init(&test, (struct rt_retention){64 * KIB, UNLIMITED, 1000});
    test_sinks_join(&sink, 1, &test, "a");
    for (int i = 0; i < 20; i++) {
        test_core_publish(&test, "a", 100);
        tick_after(&test, 2000);
    }
    test_core_flush(&test);
    test_sinks_expect(&sink, 1, 1, 20);
    tick_after(&test, 1);
    EXPECT_INT(rt_topic_find(&test.core, RT_BYTES("a"))->ring.segment_count, 0);
    test_sinks_finish(&sink, 1);
    test_core_finish(&test);
}

TEST("age passes a stalled subscriber, who is told")
{
    struct test_core test;
    struct test_sink sink;
    test_core_init(&test, (struct rt_retention){64 * KIB, UNLIMITED, 1000});
    test_sinks_join(&sink, 1, &test, "a");
    sink.room = 0;
    test_core_publish_many(&test, "a", 5, 100);
    test_core_flush(&test);
    tick_after(&test, 2000);
    sink.room = SIZE_MAX;
    test_sink_drain(&sink);
    test_core_flush(&test);
    test_sink_expect(&sink, 1, 1);
    test_sink_expect_closed(&sink, RT_CLOSE_CURSOR_EVICTED, 5, 4);
    test_sinks_finish(&sink, 1);
    test_core_finish(&test);
}

static void publish_to_numbers(struct test_core *test, int first, int last)
{
    for (int number = first; number <= last; number++) {
        char name[8];
        (void)snprintf(name, sizeof(name), "t%d", number);
        (void)publish(test, name, RT_BYTES("x"));
    }
}

TEST("ticks look at all topics in turn, a share of them each time")
{
    struct test_core test;
    test_core_init(&test, (struct rt_retention){64 * KIB, UNLIMITED, 1});
    publish_to_numbers(&test, 1, 3 * RT_TOPIC_SWEEP_MIN);
    test_core_pass_time(&test, RT_TOPIC_IDLE_MS + 1);
    publish_to_numbers(&test, 1, RT_TOPIC_SWEEP_MIN); /* these stay */
    for (uint32_t kept = 3; kept > 0; kept--) {
        rt_core_tick(&test.core);
        EXPECT_INT(test.core.topic_count, kept * RT_TOPIC_SWEEP_MIN);
    }
    test_core_finish(&test);
}

TEST("however many topics there are, all are looked at in a few ticks")
{
    struct test_core test;
    uint32_t count = 3 * RT_TOPIC_SWEEP_TICKS * RT_TOPIC_SWEEP_MIN;
    test_core_init(&test, retention);
    for (uint32_t number = 0; number < count; number++) {
        struct rt_bytes name = {(const char *)&number, sizeof(number)};
        EXPECT(rt_topic_obtain(&test.core, name) != NULL);
    }
    test_core_pass_time(&test, RT_TOPIC_IDLE_MS + 1);
    for (int tick = 0; tick < RT_TOPIC_SWEEP_TICKS; tick++) {
        EXPECT(test.core.topic_count > 0);
        rt_core_tick(&test.core);
    }
    EXPECT_INT(test.core.topic_count, 0);
    test_core_finish(&test);
}

TEST("a core is finished with all its topics")
{
    struct test_core test;
    test_core_init(&test, retention);
    test_core_publish_many(&test, "a", 100, 1000);
    test_core_publish_many(&test, "b", 1, 400 * KIB);
    EXPECT(test.heap.heap.used > 400 * KIB);
    test_core_finish(&test);
    rt_core_finish(&test.core); /* is zeroed now */
    rt_core_finish(NULL);
}

TEST("cores do not know of each other")
{
    struct test_core one;
    struct test_core other;
    test_core_init(&one, retention);
    test_core_init(&other, retention);
    (void)publish(&one, "a", RT_BYTES("x"));
    EXPECT(!exists(&other, "a"));
    EXPECT_INT(publish(&other, "a", RT_BYTES("x")).cursor.offset, 1);
    test_core_finish(&one);
    EXPECT_INT(publish(&other, "a", RT_BYTES("x")).cursor.offset, 2);
    test_core_finish(&other);
}
