#include "broker/core/pass.h"

#include <stdio.h>

#include "broker/core/control.h"
#include "broker/core/topic.h"
#include "tests/support/history.h"

#define KIB       ((size_t)1024)
#define UNLIMITED UINT64_MAX

static const struct rt_retention small = {16 * KIB, UNLIMITED, UNLIMITED};
static const struct rt_retention brief = {16 * KIB, UNLIMITED, 10};
static const struct rt_since now = {.kind = RT_SINCE_NOW};
static const struct rt_since earliest = {.kind = RT_SINCE_EARLIEST};

static struct test_history history;

static uint64_t first_of(const char *topic)
{
    const struct rt_ring *ring = &test_core_topic(&history.test, topic)->ring;
    return rt_ring_entry(ring, rt_ring_earliest(ring))->sequence;
}

/* The one gap since the last look, of the topic, for a reason. */
static void expect_gap_for(struct test_sink *sink,
                           const char *topic,
                           enum rt_close_reason reason)
{
    const struct rt_topic *found = test_core_topic(&history.test, topic);
    EXPECT_INT(sink->gap_count, 1);
    EXPECT_TEXT(sink->gap.topic, topic);
    EXPECT_INT(sink->gap.reason, reason);
    EXPECT_INT(sink->gap.missed, 0);
    EXPECT_INT(sink->gap.next.epoch, found->epoch);
    EXPECT_INT(rt_topic_offset(found, sink->gap.next),
               rt_ring_earliest(&found->ring));
    sink->gap_count = 0;
}

static void expect_gap(struct test_sink *sink, const char *topic)
{
    expect_gap_for(sink, topic, RT_CLOSE_CURSOR_EVICTED);
}

static void pass_time(uint64_t ms)
{
    test_core_pass_time(&history.test, ms);
    rt_core_tick(&history.test.core);
}

TEST("who resumes behind what a topic dropped is told of it, and gets the rest")
{
    struct test_sink sink;
    test_history_init(&history, small);
    test_history_publish(&history, "a.1", 2, 300);
    test_history_publish(&history, "a.2", 200, 300);
    uint64_t first = first_of("a.2");
    (void)test_history_select(&history, &sink, "a.*",
                              test_since_node(&history, 1));
    test_core_flush(&history.test);
    expect_gap(&sink, "a.2");
    EXPECT_INT(history.test.core.counters.gaps, 1);
    test_history_expect_with_gap(&history, &sink, "a.*", 2, 2, first);
    test_sink_finish(&sink);
    (void)test_history_select(&history, &sink, "a.*",
                              test_since_node(&history, first - 1));
    test_core_flush(&history.test);
    EXPECT_INT(sink.gap_count, 0);
    test_history_expect(&history, &sink, "a.2", first, 202);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

TEST("who stalls is told of each drop once, and of no other")
{
    struct test_sink sink;
    test_history_init(&history, small);
    (void)test_history_select(&history, &sink, "a.*", now);
    test_history_publish(&history, "a.1", 1, 10);
    test_history_publish(&history, "a.3", 20, 300);
    sink.room = 0;
    test_core_flush(&history.test);
    test_history_publish(&history, "a.2", 200, 300);
    uint64_t first = first_of("a.2");
    sink.room = 1500; /* takes a few, and stalls again */
    test_sink_drain(&sink);
    test_core_flush(&history.test);
    expect_gap(&sink, "a.2");
    test_history_publish(&history, "a.1", 1, 10);
    sink.room = SIZE_MAX;
    test_sink_drain(&sink);
    test_core_flush(&history.test);
    EXPECT_INT(sink.gap_count, 0);
    test_history_expect_with_gap(&history, &sink, "a.*", 1, 21, first);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

TEST("who asks for what is left is told of nothing")
{
    struct test_sink sink;
    test_history_init(&history, small);
    test_history_publish(&history, "a.1", 200, 300);
    struct rt_start start =
        test_history_select(&history, &sink, "a.*", earliest);
    EXPECT_INT(start.cursor.offset, first_of("a.1") - 1);
    test_core_flush(&history.test);
    EXPECT_INT(sink.gap_count, 0);
    test_history_expect(&history, &sink, "a.*", first_of("a.1"), 200);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

TEST("what all topics dropped is told even if nothing is left")
{
    struct test_sink sink;
    test_history_init(&history, brief);
    test_history_publish(&history, "a.1", 5, 10);
    pass_time(1000);
    (void)test_history_select(&history, &sink, "a.*",
                              test_since_node(&history, 3));
    test_core_flush(&history.test);
    expect_gap(&sink, "a.1");
    EXPECT_INT(sink.caught_up_count, 1);
    EXPECT_INT(sink.received.len, 0);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

TEST("what topics had that are gone is told without a topic")
{
    struct test_sink sink;
    test_history_init(&history, brief);
    test_history_publish(&history, "a.1", 5, 10);
    pass_time(RT_TOPIC_IDLE_MS + 1);
    EXPECT_INT(history.test.core.topic_count, 0);
    (void)test_history_select(&history, &sink, "b.*",
                              test_since_node(&history, 5));
    test_core_flush(&history.test);
    EXPECT_INT(sink.gap_count, 0);
    test_sink_finish(&sink);
    (void)test_history_select(&history, &sink, "b.*",
                              test_since_node(&history, 4));
    test_core_flush(&history.test);
    EXPECT_INT(sink.gap_count, 1);
    EXPECT_INT(sink.gap.topic.len, 0);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

TEST("more topics than are told one by one are told as one")
{
    struct test_sink sink;
    static char names[RT_PASS_TOPICS_MAX + 1][8];
    for (int more = 0; more <= 1; more++) {
        test_history_init(&history, brief);
        for (int i = 0; i < RT_PASS_TOPICS_MAX + more; i++) {
            (void)snprintf(names[i], sizeof(names[i]), "a.%d", i);
            test_history_publish(&history, names[i], 2, 10);
        }
        pass_time(1000);
        (void)test_history_select(&history, &sink, "a.*",
                                  test_since_node(&history, 0));
        test_core_flush(&history.test);
        EXPECT_INT(sink.gap_count, more ? 1 : RT_PASS_TOPICS_MAX);
        EXPECT_INT(sink.gap.topic.len > 0, !more);
        test_sink_finish(&sink);
        test_history_finish(&history);
    }
}

TEST("who skips gaps is told of none, but they are counted")
{
    struct test_sink sink;
    test_history_init(&history, small);
    test_history_publish(&history, "a.1", 200, 300);
    (void)test_history_select(&history, &sink, "a.*",
                              test_since_node(&history, 1));
    sink.subscriber.gap = RT_GAP_SKIP;
    test_core_flush(&history.test);
    EXPECT_INT(sink.gap_count, 0);
    EXPECT_INT(history.test.core.counters.gaps, 1);
    test_history_expect(&history, &sink, "a.*", first_of("a.1"), 200);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

/* Somebody stands where an event is that is encoded for others. */
static void begin_behind_a_block(struct test_sink *sink)
{
    struct test_sink other;
    test_history_publish(&history, "a.1", 1, 10);
    test_history_publish(&history, "a.2", 1, 10);
    (void)test_history_select(&history, &other, "a.*",
                              test_since_node(&history, 0));
    test_core_flush(&history.test);
    test_history_expect(&history, &other, "a.*", 1, 2);
    test_sink_finish(&other);
    (void)test_history_select(&history, sink, "a.*",
                              test_since_node(&history, 0));
}

TEST("who is told that an event is gone does not get it after that")
{
    struct test_sink sink;
    test_history_init(&history, small);
    begin_behind_a_block(&sink);
    test_history_publish(&history, "a.1", 200, 300);
    test_core_flush(&history.test);
    expect_gap(&sink, "a.1");
    test_history_expect_with_gap(&history, &sink, "a.*", 2, 2, first_of("a.1"));
    test_sink_finish(&sink);
    test_history_finish(&history);
}

TEST("the events of a topic that is purged are gone for everybody")
{
    struct test_sink sink;
    test_history_init(&history, small);
    begin_behind_a_block(&sink);
    EXPECT_INT(rt_topic_purge(test_core_topic(&history.test, "a.1")), 0);
    test_core_flush(&history.test);
    expect_gap_for(&sink, "a.1", RT_CLOSE_EPOCH_CHANGED);
    test_history_expect(&history, &sink, "a.*", 2, 2);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

TEST("who resumes from before a purge is told of it, behind the purge is not")
{
    struct test_sink sinks[2];
    test_history_init(&history, small);
    (void)test_history_select(&history, &sinks[0], "a.*", now);
    test_history_publish(&history, "a.1", 3, 10);
    EXPECT_INT(rt_topic_purge(test_core_topic(&history.test, "a.1")), 0);
    test_history_publish(&history, "a.1", 200, 300);
    test_sink_finish(&sinks[0]);
    (void)test_history_select(&history, &sinks[0], "a.*",
                              test_since_node(&history, 2));
    (void)test_history_select(&history, &sinks[1], "a.*",
                              test_since_node(&history, 3));
    test_core_flush(&history.test);
    expect_gap_for(&sinks[0], "a.1", RT_CLOSE_EPOCH_CHANGED);
    expect_gap(&sinks[1], "a.1");
    for (int i = 0; i < 2; i++) {
        test_history_expect(&history, &sinks[i], "a.*", first_of("a.1"), 203);
    }
    test_sinks_finish(sinks, 2);
    test_history_finish(&history);
}

TEST("who is stalled while a topic is purged is told when it goes on")
{
    struct test_sink sink;
    test_history_init(&history, small);
    (void)test_history_select(&history, &sink, "a.*", now);
    sink.room = 10;
    test_history_publish(&history, "a.1", 3, 10);
    test_core_flush(&history.test);
    EXPECT_INT(rt_topic_purge(test_core_topic(&history.test, "a.1")), 0);
    test_history_publish(&history, "a.2", 1, 10);
    test_core_flush(&history.test);
    EXPECT_INT(sink.gap_count, 0);
    sink.room = SIZE_MAX;
    test_sink_drain(&sink);
    test_core_flush(&history.test);
    expect_gap_for(&sink, "a.1", RT_CLOSE_EPOCH_CHANGED);
    test_history_expect_with_gap(&history, &sink, "a.*", 1, 1, 4);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

TEST("who keeps up is given a topic's events before they are purged")
{
    struct test_sink sink;
    test_history_init(&history, small);
    (void)test_history_select(&history, &sink, "a.*", now);
    test_history_publish(&history, "a.1", 2, 10);
    EXPECT_INT(rt_topic_purge(test_core_topic(&history.test, "a.1")), 0);
    test_history_expect(&history, &sink, "a.*", 1, 2);
    test_core_flush(&history.test);
    EXPECT_INT(sink.gap_count, 0);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

TEST("who has everything of a selection lacks nothing of a topic that is gone")
{
    struct test_sink sink;
    test_history_init(&history, small);
    (void)test_history_select(&history, &sink, "a.*", now);
    test_history_publish(&history, "a.1", 1, 10);
    sink.room = 0;
    test_core_flush(&history.test);
    test_history_publish(&history, "b", 1, 10);
    EXPECT_INT(rt_topic_purge(test_core_topic(&history.test, "b")), 0);
    EXPECT(history.test.core.removed.sequence > 0);
    sink.room = SIZE_MAX;
    test_sink_drain(&sink);
    test_core_flush(&history.test);
    EXPECT_INT(sink.gap_count, 0);
    test_history_expect(&history, &sink, "a.*", 1, 1);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

TEST("a pass says how many topics it looked at")
{
    struct test_sink sink;
    test_history_init(&history, small);
    (void)test_history_select(&history, &sink, "a.*", earliest);
    test_history_publish(&history, "a.1", 200, 300);
    test_history_publish(&history, "a.2", 200, 300);
    test_history_publish(&history, "a.3", 1, 300);
    test_sink_finish(&sink);
    (void)test_history_select(&history, &sink, "a.*",
                              test_since_node(&history, 0));
    EXPECT_INT(rt_subscriber_pass(&sink.subscriber), 2);
    EXPECT_INT(sink.gap_count, 2);
    test_sink_finish(&sink);
    test_history_finish(&history);
}
