#include "broker/core/control.h"

#include "base/error.h"
#include "broker/core/local.h"
#include "broker/core/topic.h"
#include "tests/support/sink.h"

#define KIB ((size_t)1024)

static const struct rt_retention retention = {64 * KIB, UINT64_MAX, UINT64_MAX};

static const struct rt_since now = {.kind = RT_SINCE_NOW};
static const struct rt_since earliest = {.kind = RT_SINCE_EARLIEST};

static struct rt_topic *obtain(struct test_core *test)
{
    struct rt_topic *topic = rt_topic_obtain(&test->core, RT_BYTES("a"));
    EXPECT(topic != NULL);
    return topic;
}

static void expect_gap(const struct test_sink *sink,
                       struct rt_cursor after,
                       struct rt_cursor next)
{
    EXPECT_INT(sink->gap_count, 1);
    EXPECT_INT(sink->gap.reason, RT_CLOSE_EPOCH_CHANGED);
    EXPECT_INT(sink->gap.missed, 0);
    EXPECT_INT(sink->gap.after.epoch, after.epoch);
    EXPECT_INT(sink->gap.after.offset, after.offset);
    EXPECT_INT(sink->gap.next.epoch, next.epoch);
    EXPECT_INT(sink->gap.next.offset, next.offset);
}

/* --- retention --- */

TEST("a topic retains what the node does until it is told otherwise")
{
    struct test_core test;
    test_core_init(&test, retention);
    struct rt_topic *topic = obtain(&test);
    EXPECT_INT(rt_topic_retention(topic).bytes, 64 * KIB);
    EXPECT(rt_topic_is_plain(topic));
    struct rt_retention own = {32 * KIB, 100, 5000};
    EXPECT_INT(rt_topic_retain(topic, &own), 0);
    EXPECT_INT(rt_topic_retention(topic).bytes, 32 * KIB);
    EXPECT_INT(rt_topic_retention(topic).events, 100);
    EXPECT_INT(rt_topic_retention(topic).age_ms, 5000);
    EXPECT(!rt_topic_is_plain(topic));
    EXPECT_INT(rt_topic_retain(topic, &retention), 0);
    EXPECT(rt_topic_is_plain(topic));
    test_core_finish(&test);
}

TEST("what a smaller retention does not allow goes at once")
{
    struct test_core test;
    struct rt_retention small = {8 * KIB, UINT64_MAX, UINT64_MAX};
    test_core_init(&test, retention);
    test_core_publish_many(&test, "a", 300, 100);
    struct rt_topic *topic = obtain(&test);
    EXPECT(topic->ring.bytes > 8 * KIB);
    EXPECT_INT(rt_topic_retain(topic, &small), 0);
    EXPECT(topic->ring.bytes <= 8 * KIB || topic->ring.segment_count == 1);
    EXPECT_INT(rt_ring_latest(&topic->ring), 300);
    test_core_finish(&test);
}

TEST("who has kept up loses nothing to a smaller retention")
{
    struct test_core test;
    struct test_sink sink;
    struct rt_retention small = {4 * KIB, 10, UINT64_MAX};
    test_core_init(&test, retention);
    test_sink_init(&sink, &test);
    test_sink_subscribe_now(&sink, "a");
    test_core_publish_many(&test, "a", 300, 100);
    EXPECT_INT(rt_topic_retain(obtain(&test), &small), 0);
    rt_core_validate(&test.core);
    test_core_publish_many(&test, "a", 3, 100);
    test_core_flush(&test);
    test_sink_expect(&sink, 1, 303);
    rt_core_tick(&test.core);
    EXPECT(obtain(&test)->ring.next_offset -
               rt_ring_earliest(&obtain(&test)->ring) <=
           10);
    test_sink_finish(&sink);
    test_core_finish(&test);
}

TEST("a larger retention keeps more than the node's")
{
    struct test_core test;
    struct rt_retention large = {512 * KIB, UINT64_MAX, UINT64_MAX};
    test_core_init(&test, retention);
    test_heap_fail_at(&test.heap, 0);
    EXPECT_INT(rt_topic_retain(obtain(&test), &large), 0);
    test_core_publish_many(&test, "a", 2000, 100);
    EXPECT_INT(rt_ring_earliest(&obtain(&test)->ring), 1);
    test_core_publish_many(&test, "b", 2000, 100);
    EXPECT(rt_ring_earliest(&test_core_topic(&test, "b")->ring) > 1);
    test_core_finish(&test);
}

TEST("without memory for its own retention a topic keeps the one it had")
{
    struct test_core test;
    struct rt_retention own = {32 * KIB, 100, 5000};
    test_core_init(&test, retention);
    struct rt_topic *topic = obtain(&test);
    size_t used = test.heap.heap.used;
    test_heap_fail_at(&test.heap, 1);
    EXPECT_INT(rt_topic_retain(topic, &own), RT_ENOMEM);
    EXPECT_INT(rt_topic_retention(topic).events, UINT64_MAX);
    EXPECT(rt_topic_is_plain(topic));
    EXPECT_INT(test.heap.heap.used, used);
    test_core_finish(&test);
}

TEST("a topic may have a part of the memory, or what all topics may")
{
    struct test_core test;
    test_core_init(&test, retention);
    test.heap.heap.limit = 1024 * KIB;
    EXPECT_INT(rt_topic_bytes_max(&test.core), 256 * KIB);
    test.heap.heap.limit = 128 * KIB;
    EXPECT_INT(rt_topic_bytes_max(&test.core), 64 * KIB);
    test_core_finish(&test);
}

TEST("a topic that is not plain is not dropped for being idle")
{
    struct test_core test;
    struct rt_retention own = {64 * KIB, 100, UINT64_MAX};
    test_core_init(&test, retention);
    EXPECT_INT(rt_topic_retain(obtain(&test), &own), 0);
    rt_topic_close(rt_topic_obtain(&test.core, RT_BYTES("b")));
    EXPECT(rt_topic_obtain(&test.core, RT_BYTES("c")) != NULL);
    test_core_pass_time(&test, RT_TOPIC_IDLE_MS + 1);
    rt_core_tick(&test.core);
    EXPECT_INT(test.core.topic_count, 2);
    EXPECT_INT(rt_topic_retain(obtain(&test), &retention), 0);
    rt_topic_open(test_core_topic(&test, "b"));
    test_core_pass_time(&test, RT_TOPIC_IDLE_MS + 1);
    rt_core_tick(&test.core);
    EXPECT_INT(test.core.topic_count, 0);
    test_core_finish(&test);
}

/* --- closing --- */

TEST("a closed topic takes no events until it is opened")
{
    struct test_core test;
    test_core_init(&test, retention);
    test_core_publish_many(&test, "a", 3, 100);
    rt_topic_close(obtain(&test));
    rt_topic_close(obtain(&test));
    EXPECT_INT(test_core_try_publish(&test, "a", 100), RT_ECLOSED);
    EXPECT_INT(rt_ring_latest(&obtain(&test)->ring), 3);
    EXPECT_INT(test.core.counters.events_refused, 0);
    rt_topic_open(obtain(&test));
    test_core_publish(&test, "a", 100);
    test_core_finish(&test);
}

TEST("subscribers of a topic that is closed get what is there and are closed")
{
    struct test_core test;
    struct test_sink sinks[20];
    test_core_init(&test, retention);
    test_sinks_join(sinks, 20, &test, "a");
    sinks[7].room = 150;
    test_core_publish_many(&test, "a", 3, 100);
    rt_topic_close(obtain(&test));
    test_core_flush(&test);
    EXPECT(!sinks[7].is_closed); /* it has something to take first */
    sinks[7].room = SIZE_MAX;
    test_sink_drain(&sinks[7]);
    test_core_flush(&test);
    for (int i = 0; i < 20; i++) {
        test_sink_expect(&sinks[i], 1, 3);
        test_sink_expect_closed(&sinks[i], RT_CLOSE_TOPIC_CLOSED, 3, 0);
    }
    EXPECT_INT(test.core.subscriber_count, 0);
    EXPECT_INT(test.core.counters.closes[RT_CLOSE_TOPIC_CLOSED], 20);
    test_sinks_finish(sinks, 20);
    test_core_finish(&test);
}

TEST("who has everything is closed without another event")
{
    struct test_core test;
    struct test_sink sink;
    test_core_init(&test, retention);
    test_sink_init(&sink, &test);
    test_sink_subscribe_now(&sink, "a");
    test_core_flush(&test);
    rt_topic_close(obtain(&test));
    test_core_flush(&test);
    test_sink_expect_closed(&sink, RT_CLOSE_TOPIC_CLOSED, 0, 0);
    test_sink_finish(&sink);
    test_core_finish(&test);
}

TEST("who comes to a closed topic reads what is there and is closed")
{
    struct test_core test;
    struct test_sink sinks[3];
    test_core_init(&test, retention);
    test_core_publish_many(&test, "a", 3, 100);
    rt_topic_close(obtain(&test));
    for (int i = 0; i < 3; i++) {
        test_sink_init(&sinks[i], &test);
    }
    (void)test_sink_subscribe(&sinks[0], "a", earliest);
    (void)test_sink_subscribe(&sinks[1], "a", now);
    test_sink_subscribe_in(&sinks[2], "a", RT_FORMAT_JSON, earliest);
    test_core_flush(&test);
    test_sink_expect(&sinks[0], 1, 3);
    EXPECT_INT(sinks[2].caught_up_count, 1);
    for (int i = 0; i < 3; i++) {
        test_sink_expect_closed(&sinks[i], RT_CLOSE_TOPIC_CLOSED, 3, 0);
        test_sink_finish(&sinks[i]);
    }
    test_core_finish(&test);
}

TEST("a topic that is opened in time closes nobody")
{
    struct test_core test;
    struct test_sink sink;
    test_core_init(&test, retention);
    test_sink_init(&sink, &test);
    test_sink_subscribe_now(&sink, "a");
    rt_topic_close(obtain(&test));
    rt_topic_open(obtain(&test));
    test_core_flush(&test);
    EXPECT(!sink.is_closed);
    test_core_publish(&test, "a", 100);
    test_core_flush(&test);
    test_sink_expect(&sink, 1, 1);
    test_sink_finish(&sink);
    test_core_finish(&test);
}

/* --- purging --- */

TEST("a topic that nobody subscribes to is gone when it is purged")
{
    struct test_core test;
    test_core_init(&test, retention);
    test_core_publish_many(&test, "a", 3, 100);
    uint32_t epoch = obtain(&test)->epoch;
    EXPECT_INT(rt_topic_purge(obtain(&test)), 0);
    EXPECT_INT(test.core.topic_count, 0);
    EXPECT(obtain(&test)->epoch != epoch);
    test_core_finish(&test);
}

TEST("a purged topic has no keys, so that a request may be done again")
{
    struct test_core test;
    struct rt_idempotency_request request = {RT_BYTES("a"), RT_BYTES("k"),
                                             rt_digest_of(RT_BYTES("x"))};
    test_core_init(&test, retention);
    test_core_publish(&test, "a", 100);
    EXPECT(rt_idempotency_remember(&test.core.idempotency, &request, 1, 0) !=
           NULL);
    EXPECT_INT(test.core.idempotency.count, 1);
    EXPECT_INT(rt_topic_purge(obtain(&test)), 0);
    EXPECT_INT(test.core.idempotency.count, 0);
    test_core_finish(&test);
}

TEST("a purge begins a new epoch from 1, open and as the node has it")
{
    struct test_core test;
    struct test_sink sink;
    struct rt_retention own = {64 * KIB, 100, UINT64_MAX};
    test_core_init(&test, retention);
    test_sink_init(&sink, &test);
    test_sink_subscribe_in(&sink, "a", RT_FORMAT_JSON, now);
    test_core_publish_many(&test, "a", 3, 100);
    struct rt_topic *topic = obtain(&test);
    uint32_t epoch = topic->epoch;
    EXPECT_INT(rt_topic_retain(topic, &own), 0);
    rt_topic_close(topic);
    EXPECT_INT(rt_topic_purge(topic), 0);
    EXPECT(rt_topic_is_plain(topic));
    EXPECT(topic->epoch != epoch);
    EXPECT_INT(topic->ring.bytes, 0);
    EXPECT_INT(rt_topic_cursor(topic, rt_ring_latest(&topic->ring)).offset, 0);
    test_core_publish(&test, "a", 100);
    EXPECT_INT(rt_topic_cursor(topic, rt_ring_latest(&topic->ring)).offset, 1);
    test_sink_finish(&sink);
    test_core_finish(&test);
}

TEST("who wants to be told of gaps is told of a purge and goes on")
{
    struct test_core test;
    struct test_sink sink;
    test_core_init(&test, retention);
    test_sink_init(&sink, &test);
    test_sink_subscribe_in(&sink, "a", RT_FORMAT_JSON, now);
    test_core_publish_many(&test, "a", 3, 100);
    test_core_flush(&test);
    uint32_t before = obtain(&test)->epoch;
    EXPECT_INT(rt_topic_purge(obtain(&test)), 0);
    rt_core_validate(&test.core);
    test_core_flush(&test);
    uint32_t epoch = obtain(&test)->epoch;
    expect_gap(&sink, (struct rt_cursor){before, 3},
               (struct rt_cursor){epoch, 1});
    EXPECT_INT(rt_subscriber_cursor(&sink.subscriber).offset, 0);
    size_t len = sink.received.len;
    test_core_publish(&test, "a", 100);
    test_core_flush(&test);
    EXPECT(sink.received.len > len);
    EXPECT_INT(rt_subscriber_cursor(&sink.subscriber).epoch, epoch);
    EXPECT_INT(rt_subscriber_cursor(&sink.subscriber).offset, 1);
    test_sink_finish(&sink);
    test_core_finish(&test);
}

TEST("who cannot be told is closed, and who skips goes on")
{
    struct test_core test;
    struct test_sink closes;
    struct test_sink skips;
    test_core_init(&test, retention);
    test_sink_init(&closes, &test);
    test_sink_init(&skips, &test);
    skips.subscriber.gap = RT_GAP_SKIP;
    test_sink_subscribe_now(&closes, "a");
    test_sink_subscribe_now(&skips, "a");
    test_core_publish_many(&test, "a", 3, 100);
    EXPECT_INT(rt_topic_purge(obtain(&test)), 0);
    test_core_publish_many(&test, "a", 2, 100);
    test_core_flush(&test);
    test_sink_expect_closed(&closes, RT_CLOSE_EPOCH_CHANGED, 0, 0);
    EXPECT_INT(closes.resume.cursor.epoch, obtain(&test)->epoch);
    EXPECT_INT(test.core.counters.gaps, 2);
    EXPECT_INT(test.core.counters.events_missed, 0);
    test_sink_expect(&skips, 5, 6); /* in the ring's counting */
    EXPECT_INT(rt_subscriber_cursor(&skips.subscriber).offset, 2);
    test_sink_finish(&closes);
    test_sink_finish(&skips);
    test_core_finish(&test);
}

TEST("who is blocked when the topic is purged finishes its event, then is told")
{
    struct test_core test;
    struct test_sink sink;
    test_core_init(&test, retention);
    test_sink_init(&sink, &test);
    test_sink_subscribe_in(&sink, "a", RT_FORMAT_JSON, now);
    test_core_publish_many(&test, "a", 3, 100);
    sink.room = 20;
    test_core_flush(&test);
    struct rt_cursor last = rt_subscriber_cursor(&sink.subscriber);
    EXPECT_INT(last.offset, 1);
    EXPECT_INT(rt_topic_purge(obtain(&test)), 0);
    EXPECT_INT(rt_subscriber_cursor(&sink.subscriber).epoch, last.epoch);
    EXPECT_INT(rt_subscriber_cursor(&sink.subscriber).offset, 1);
    EXPECT_INT(rt_topic_purge(obtain(&test)), 0);
    EXPECT(rt_subscriber_cursor(&sink.subscriber).epoch !=
           obtain(&test)->epoch);
    sink.room = SIZE_MAX;
    test_sink_drain(&sink);
    test_core_flush(&test);
    EXPECT_INT(sink.gap_count, 1);
    EXPECT_INT(sink.gap.next.epoch, obtain(&test)->epoch);
    test_sink_finish(&sink);
    test_core_finish(&test);
}

TEST("a cursor of a purged epoch is a gap, and one of the new epoch is not")
{
    struct test_core test;
    struct test_sink sink;
    struct rt_start start;
    test_core_init(&test, retention);
    test_sink_init(&sink, &test);
    test_sink_subscribe_in(&sink, "a", RT_FORMAT_JSON, now);
    test_core_publish_many(&test, "a", 5, 100);
    struct rt_topic *topic = obtain(&test);
    struct rt_since old = {.kind = RT_SINCE_CURSOR,
                           .cursor = rt_topic_cursor(topic, 5)};
    EXPECT_INT(rt_topic_purge(topic), 0);
    test_core_publish_many(&test, "a", 2, 100);
    struct rt_since new = {.kind = RT_SINCE_CURSOR,
                           .cursor = {topic->epoch, 1}};
    test_sink_finish(&sink);
    test_sink_init(&sink, &test);
    EXPECT_INT(rt_core_subscribe(&test.core, RT_BYTES("a"), RT_FORMAT_RAW, &old,
                                 &sink.subscriber, &start),
               RT_EGAP);
    EXPECT_INT(start.gap.reason, RT_CLOSE_EPOCH_CHANGED);
    EXPECT_INT(test_sink_subscribe(&sink, "a", new).offset, 1);
    test_core_flush(&test);
    test_sink_expect(&sink, 8, 8); /* in the ring's counting */
    test_sink_finish(&sink);
    test_core_finish(&test);
}
