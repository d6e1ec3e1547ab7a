#include "broker/core/fanout.h"

#include "broker/core/topic.h"
#include "tests/support/sink.h"

#define KIB       ((size_t)1024)
#define UNLIMITED UINT64_MAX

static const struct rt_retention roomy = {1024 * KIB, UNLIMITED, UNLIMITED};
static const struct rt_retention small = {16 * KIB, UNLIMITED, UNLIMITED};

TEST("every subscriber gets exactly the events after its start, in order")
{
    struct test_core test;
    struct test_sink sinks[12];
    test_core_init(&test, roomy);
    for (int i = 0; i < 12; i++) {
        test_sinks_join(&sinks[i], 1, &test, "a");
        test_core_publish_many(&test, "a", 10, 5 + 100 * (size_t)i);
        if (i % 3 == 0) {
            test_core_flush(&test);
        }
    }
    test_core_flush(&test);
    for (int i = 0; i < 12; i++) {
        test_sink_expect(&sinks[i], 1 + 10 * (uint64_t)i, 120);
    }
    test_sinks_finish(sinks, 12);
    test_core_finish(&test);
}

TEST("a turn's events are one write to each subscriber")
{
    struct test_core test;
    struct test_sink sinks[3];
    test_core_init(&test, roomy);
    test_sinks_join(sinks, 3, &test, "a");
    test_core_publish_many(&test, "a", 30, 100);
    test_core_flush(&test);
    for (int i = 0; i < 3; i++) {
        EXPECT_INT(sinks[i].writes, 1);
    }
    EXPECT_INT(test.core.counters.writes, 3);
    EXPECT_INT(test.core.counters.events_delivered, 90);
    EXPECT_INT(test.core.counters.bytes_delivered, 90 * 102);
    test_sinks_expect(sinks, 3, 1, 30);
    test_sinks_finish(sinks, 3);
    test_core_finish(&test);
}

/* A frame's bytes; two of them go into a block of 1 KiB. */
#define FRAME ((size_t)304)

/* A connection takes `room` bytes of four events and stalls. */
static void stall_and_resume(size_t room)
{
    struct test_core test;
    struct test_sink sinks[2];
    size_t frame = FRAME;
    uint64_t event = room / frame + 1;
    test_core_init(&test, (struct rt_retention){4 * KIB, UNLIMITED, UNLIMITED});
    test_sinks_join(sinks, 2, &test, "a");
    sinks[0].room = room;
    test_core_publish_many(&test, "a", 4, 300);
    EXPECT_INT(test_core_topic(&test, "a")->ring.segment_count, 2);
    test_core_flush(&test);
    EXPECT_INT(sinks[0].subscriber.state, RT_SUBSCRIBER_BLOCKED);
    EXPECT_INT(sinks[0].received.len, room);
    EXPECT_INT(sinks[0].queued.len, frame * event - room);
    EXPECT_INT(rt_subscriber_cursor(&sinks[0].subscriber).offset, event);
    EXPECT_INT(test_core_topic(&test, "a")->raw.active_count, 1);

    sinks[0].room = SIZE_MAX;
    test_sink_drain(&sinks[0]);
    test_core_flush(&test);
    EXPECT_INT(sinks[0].subscriber.state, RT_SUBSCRIBER_ACTIVE);
    EXPECT_INT(sinks[0].writes, event < 4 ? 2 : 1);
    EXPECT_INT(test.core.counters.stalls, 1);
    EXPECT_INT(test.core.counters.events_delivered, 8);
    EXPECT_INT(test.core.counters.bytes_delivered, 8 * frame);
    test_sinks_expect(sinks, 2, 1, 4);
    test_sinks_finish(sinks, 2);
    test_core_finish(&test);
}

TEST("a write may stop at any byte of any event")
{
    for (size_t room = 0; room < 4 * FRAME; room++) {
        stall_and_resume(room);
    }
}

TEST("a blocked subscriber costs nothing until it drains")
{
    struct test_core test;
    struct test_sink sinks[20];
    test_core_init(&test, roomy);
    test_sinks_join(sinks, 20, &test, "a");
    for (int i = 0; i < 10; i++) {
        sinks[i].room = 150;
    }
    for (int i = 0; i < 50; i++) {
        test_core_publish_many(&test, "a", 1, 100);
        test_core_flush(&test);
    }
    EXPECT_INT(test_core_topic(&test, "a")->raw.active_count, 10);
    for (int i = 0; i < 10; i++) {
        EXPECT_INT(sinks[i].writes, 2);
        sinks[i].room = SIZE_MAX;
        test_sink_drain(&sinks[i]);
    }
    test_core_flush(&test);
    EXPECT_INT(test_core_topic(&test, "a")->raw.active_count, 20);
    test_sinks_expect(sinks, 20, 1, 50);
    test_sinks_finish(sinks, 20);
    test_core_finish(&test);
}

TEST("a write that is drained in parts resumes after the last")
{
    struct test_core test;
    struct test_sink sink;
    test_core_init(&test, roomy);
    test_sinks_join(&sink, 1, &test, "a");
    sink.room = 0;
    test_core_publish_many(&test, "a", 3, 100);
    test_core_flush(&test);
    sink.room = SIZE_MAX;
    test_sink_take(&sink, 50);
    test_core_flush(&test);
    EXPECT_INT(sink.writes, 1);
    test_sink_take(&sink, 52);
    EXPECT_INT(sink.subscriber.state, RT_SUBSCRIBER_LAGGING);
    test_core_flush(&test);
    test_sink_expect(&sink, 1, 3);
    test_sinks_finish(&sink, 1);
    test_core_finish(&test);
}

/* Blocks the sink at the first event and fills the ring beyond it. */
static uint64_t overtake(struct test_core *test, struct test_sink *sink)
{
    sink->room = 50;
    test_core_publish_many(test, "a", 1, 100);
    test_core_flush(test);
    while (rt_ring_earliest(&test_core_topic(test, "a")->ring) <= 2) {
        test_core_publish_many(test, "a", 1, 100);
    }
    test_core_flush(test);
    EXPECT(!sink->is_closed);
    sink->room = SIZE_MAX;
    return rt_ring_earliest(&test_core_topic(test, "a")->ring);
}

TEST("a subscriber that the ring has passed is told where to go on")
{
    struct test_core test;
    struct test_sink sink;
    test_core_init(&test, small);
    test_sinks_join(&sink, 1, &test, "a");
    uint64_t earliest = overtake(&test, &sink);
    test_sink_drain(&sink);
    test_core_flush(&test);
    test_sink_expect_closed(&sink, RT_CLOSE_CURSOR_EVICTED, earliest - 1,
                            earliest - 2);
    test_sink_expect(&sink, 1, 1);
    EXPECT_INT(test.core.counters.gaps, 1);
    EXPECT_INT(test.core.counters.events_missed, earliest - 2);
    EXPECT_INT(test.core.counters.closes[RT_CLOSE_CURSOR_EVICTED], 1);
    test_sinks_finish(&sink, 1);
    test_core_finish(&test);
}

TEST("a subscriber that skips gaps goes on with the oldest event left")
{
    struct test_core test;
    struct test_sink sink;
    test_core_init(&test, small);
    test_sinks_join(&sink, 1, &test, "a");
    sink.subscriber.gap = RT_GAP_SKIP;
    uint64_t earliest = overtake(&test, &sink);
    test_sink_drain(&sink);
    test_core_flush(&test);
    EXPECT_INT(test_sink_next(&sink), 1);
    test_sink_expect(&sink, earliest,
                     rt_ring_latest(&test_core_topic(&test, "a")->ring));
    EXPECT_INT(sink.subscriber.state, RT_SUBSCRIBER_ACTIVE);
    EXPECT_INT(test.core.counters.gaps, 1);
    EXPECT_INT(test.core.counters.events_missed, earliest - 2);
    test_sinks_finish(&sink, 1);
    test_core_finish(&test);
}

TEST("a subscriber that lags by no event that is lost has no gap")
{
    struct test_core test;
    struct test_sink sink;
    test_core_init(&test, small);
    test_sinks_join(&sink, 1, &test, "a");
    sink.room = 0;
    test_core_publish_many(&test, "a", 1, 100);
    test_core_flush(&test);
    while (rt_ring_earliest(&test_core_topic(&test, "a")->ring) < 2) {
        test_core_publish_many(&test, "a", 1, 3900); /* one to a block */
    }
    EXPECT_INT(rt_ring_earliest(&test_core_topic(&test, "a")->ring), 2);
    sink.room = SIZE_MAX;
    test_sink_drain(&sink);
    test_core_flush(&test);
    EXPECT_INT(test.core.counters.gaps, 0);
    test_sink_expect(&sink, 1, 5);
    test_sinks_finish(&sink, 1);
    test_core_finish(&test);
}

TEST("a stall ends in time, with the cursor of the event that is queued")
{
    struct test_core test;
    struct test_sink sink;
    test_core_init(&test, roomy);
    test_sinks_join(&sink, 1, &test, "a");
    test_core_pass_time(&test, 10 * TEST_STALL_MS);
    sink.room = 2 * 102 + 1;
    test_core_publish_many(&test, "a", 5, 100);
    test_core_flush(&test);
    test_core_pass_time(&test, TEST_STALL_MS);
    rt_core_tick(&test.core);
    EXPECT(!sink.is_closed);
    test_core_pass_time(&test, 1);
    rt_core_tick(&test.core);
    test_sink_expect_closed(&sink, RT_CLOSE_SLOW_CONSUMER, 3, 0);
    test_sink_drain(&sink); /* the close comes after what is queued */
    test_core_flush(&test);
    test_sink_expect(&sink, 1, 3);
    test_sinks_finish(&sink, 1);
    test_core_finish(&test);
}

TEST("a stalled subscriber that moves on has time again")
{
    struct test_core test;
    struct test_sink sinks[2];
    test_core_init(&test, roomy);
    test_sinks_join(sinks, 2, &test, "a");
    sinks[0].room = 0;
    sinks[1].room = 0;
    test_core_publish_many(&test, "a", 1, 100);
    test_core_flush(&test);
    for (int i = 0; i < 10; i++) {
        test_sink_take(&sinks[0], 1);
        test_core_pass_time(&test, TEST_STALL_MS + 1);
        rt_core_tick(&test.core);
        rt_core_validate(&test.core);
        EXPECT(!sinks[0].is_closed);
        EXPECT(sinks[1].is_closed);
    }
    test_core_pass_time(&test, TEST_STALL_MS + 1);
    rt_core_tick(&test.core);
    test_sink_expect_closed(&sinks[0], RT_CLOSE_SLOW_CONSUMER, 1, 0);
    test_sinks_finish(sinks, 2);
    test_core_finish(&test);
}

/* --- bursts --- */

#define BURST_COUNT 4

static void burst(struct rt_retention retention, size_t len)
{
    struct test_core test;
    struct test_sink sinks[BURST_COUNT];
    test_core_init(&test, retention);
    test_sinks_join(sinks, BURST_COUNT, &test, "a");
    for (int round = 0; round < 3; round++) {
        test_core_publish_many(&test, "a", 300, len);
        test_core_flush(&test);
    }
    test_sinks_expect(sinks, BURST_COUNT, 1, 900);
    EXPECT_INT(test.core.counters.gaps, 0);
    test_sinks_finish(sinks, BURST_COUNT);
    test_core_finish(&test);
}

TEST("a burst larger than the ring loses nothing for who keeps up")
{
    burst(small, 100);
    burst(small, 1000);
    burst(small, 6000);
    burst((struct rt_retention){1, UNLIMITED, UNLIMITED}, 500);
    burst((struct rt_retention){40 * KIB, UNLIMITED, UNLIMITED}, 300);
}

TEST("a burst of more events than the ring has loses nothing either")
{
    for (uint64_t events = 1; events < 70; events += 1 + events / 8) {
        burst((struct rt_retention){1024 * KIB, events, UNLIMITED}, 10);
    }
}

TEST("a burst in a ring of short-lived blocks loses nothing either")
{
    struct test_core test;
    struct test_sink sinks[BURST_COUNT];
    test_core_init(&test, (struct rt_retention){small.bytes, UNLIMITED, 8});
    test_sinks_join(sinks, BURST_COUNT, &test, "a");
    for (int i = 0; i < 300; i++) {
        test_core_publish(&test, "a", 10);
        test_core_pass_time(&test, 2);
        rt_core_tick(&test.core);
        rt_core_validate(&test.core);
    }
    test_core_flush(&test);
    test_sinks_expect(sinks, BURST_COUNT, 1, 300);
    test_sinks_finish(sinks, BURST_COUNT);
    test_core_finish(&test);
}
