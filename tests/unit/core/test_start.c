#include "broker/core/start.h"

#include "base/error.h"
#include "broker/core/subscriber.h"
#include "broker/core/topic.h"
#include "tests/support/history.h"

#define KIB ((size_t)1024)

static const struct rt_retention retention = {64 * KIB, UINT64_MAX, UINT64_MAX};

static struct rt_since since_cursor(uint32_t epoch, uint64_t offset)
{
    return (struct rt_since){.kind = RT_SINCE_CURSOR,
                             .cursor = {epoch, offset}};
}

static struct rt_since since_node(uint64_t sequence)
{
    return (struct rt_since){.kind = RT_SINCE_NODE, .cursor = {1, sequence}};
}

static struct rt_since since_last(uint64_t count)
{
    return (struct rt_since){.kind = RT_SINCE_LAST, .count = count};
}

static struct rt_since since_time(uint64_t wall_ms)
{
    return (struct rt_since){.kind = RT_SINCE_TIME, .wall_ms = wall_ms};
}

/*
 * Subscribes with the given gap policy, expects to begin with event `first`
 * and to get all up to the newest, and ends the subscription.
 */
static void expect_start(struct test_core *test,
                         struct rt_since since,
                         uint64_t first,
                         enum rt_gap_policy gap)
{
    struct test_sink sink;
    test_sink_init(&sink, test);
    sink.subscriber.gap = (uint8_t)gap;
    struct rt_cursor cursor = test_sink_subscribe(&sink, "a", since);
    rt_core_validate(&test->core);
    EXPECT_INT(cursor.epoch, test_core_topic(test, "a")->epoch);
    EXPECT_INT(cursor.offset, first - 1);
    EXPECT_INT(rt_subscriber_cursor(&sink.subscriber).offset, first - 1);
    test_core_flush(test);
    test_sink_expect(&sink, first,
                     rt_ring_latest(&test_core_topic(test, "a")->ring));
    EXPECT_INT(sink.subscriber.state, RT_SUBSCRIBER_ACTIVE);
    test_sink_finish(&sink);
}

static void expect_gap(struct test_core *test,
                       struct rt_since since,
                       enum rt_close_reason reason,
                       uint64_t missed)
{
    struct test_sink sink;
    struct rt_start start;
    uint64_t earliest = rt_ring_earliest(&test_core_topic(test, "a")->ring);
    struct rt_counters before = test->core.counters;
    test_sink_init(&sink, test);
    EXPECT_INT(rt_core_subscribe(&test->core, RT_BYTES("a"), RT_FORMAT_RAW,
                                 &since, &sink.subscriber, &start),
               RT_EGAP);
    EXPECT_INT(sink.subscriber.state, RT_SUBSCRIBER_DETACHED);
    EXPECT(start.is_gap);
    EXPECT_INT(start.gap.reason, reason);
    EXPECT_INT(start.gap.next.epoch, test_core_topic(test, "a")->epoch);
    EXPECT_INT(start.gap.next.offset, earliest);
    EXPECT_INT(start.gap.missed, missed);
    EXPECT_INT(start.cursor.offset, earliest - 1);
    EXPECT_INT(test->core.counters.gaps, before.gaps + 1);
    EXPECT_INT(test->core.counters.events_missed,
               before.events_missed + missed);
    EXPECT_INT(test->core.counters.closes[reason], before.closes[reason] + 1);
    rt_core_validate(&test->core);
    test_sink_finish(&sink);
    /* Where it is told to go on it can, and a skipper begins there. */
    expect_start(test,
                 since_cursor(test_core_topic(test, "a")->epoch, earliest - 1),
                 earliest, RT_GAP_CLOSE);
    expect_start(test, since, earliest, RT_GAP_SKIP);
}

TEST("now begins after the newest event")
{
    struct test_core test;
    struct rt_since now = {.kind = RT_SINCE_NOW};
    test_core_init(&test, retention);
    struct test_sink sink;
    test_sink_init(&sink, &test);
    EXPECT_INT(test_sink_subscribe(&sink, "a", now).offset, 0);
    test_core_publish_many(&test, "a", 5, 100);
    test_core_flush(&test);
    test_sink_expect(&sink, 1, 5);
    expect_start(&test, now, 6, RT_GAP_CLOSE);
    test_sink_finish(&sink);
    test_core_finish(&test);
}

TEST("earliest begins with the oldest event that is left")
{
    struct test_core test;
    struct rt_since since = {.kind = RT_SINCE_EARLIEST};
    test_core_init(&test, retention);
    test_core_publish_many(&test, "a", 10, 100);
    expect_start(&test, since, 1, RT_GAP_CLOSE);
    test_core_publish_many(&test, "a", 1000, 100);
    uint64_t earliest = rt_ring_earliest(&test_core_topic(&test, "a")->ring);
    EXPECT(earliest > 1);
    expect_start(&test, since, earliest, RT_GAP_CLOSE);
    test_core_finish(&test);
}

TEST("a subscriber begins after its cursor")
{
    struct test_core test;
    test_core_init(&test, retention);
    test_core_publish_many(&test, "a", 10, 100);
    uint32_t epoch = test_core_topic(&test, "a")->epoch;
    for (uint64_t offset = 0; offset <= 10; offset++) {
        expect_start(&test, since_cursor(epoch, offset), offset + 1,
                     RT_GAP_CLOSE);
    }
    test_core_finish(&test);
}

TEST("a cursor whose next event is evicted is a gap of all between")
{
    struct test_core test;
    test_core_init(&test, retention);
    test_core_publish_many(&test, "a", 1000, 100);
    uint32_t epoch = test_core_topic(&test, "a")->epoch;
    uint64_t earliest = rt_ring_earliest(&test_core_topic(&test, "a")->ring);
    expect_start(&test, since_cursor(epoch, earliest - 1), earliest,
                 RT_GAP_CLOSE);
    expect_gap(&test, since_cursor(epoch, earliest - 2),
               RT_CLOSE_CURSOR_EVICTED, 1);
    expect_gap(&test, since_cursor(epoch, 0), RT_CLOSE_CURSOR_EVICTED,
               earliest - 1);
    test_core_finish(&test);
}

TEST("a cursor of another log, of more than this one, or of the future, is a "
     "gap "
     "of unknown size")
{
    struct test_core test;
    test_core_init(&test, retention);
    test_core_publish_many(&test, "a", 10, 100);
    uint32_t epoch = test_core_topic(&test, "a")->epoch;
    expect_gap(&test, since_cursor(epoch + 1, 5), RT_CLOSE_EPOCH_CHANGED, 0);
    expect_gap(&test, since_node(5), RT_CLOSE_EPOCH_CHANGED, 0);
    expect_gap(&test, since_cursor(epoch, 11), RT_CLOSE_EPOCH_CHANGED, 0);
    expect_gap(&test, since_cursor(epoch, UINT64_MAX), RT_CLOSE_EPOCH_CHANGED,
               0);
    test_core_finish(&test);
}

TEST("a time begins with the first event then or later")
{
    struct test_core test;
    test_core_init(&test, retention);
    for (int i = 0; i < 10; i++) {
        test_core_publish(&test, "a", 100);
        test_core_pass_time(&test, 10);
    }
    expect_start(&test, since_time(0), 1, RT_GAP_CLOSE);
    expect_start(&test, since_time(TEST_WALL_MS), 1, RT_GAP_CLOSE);
    expect_start(&test, since_time(TEST_WALL_MS + 1), 2, RT_GAP_CLOSE);
    expect_start(&test, since_time(TEST_WALL_MS + 90), 10, RT_GAP_CLOSE);
    expect_start(&test, since_time(TEST_WALL_MS + 91), 11, RT_GAP_CLOSE);
    expect_start(&test, since_time(UINT64_MAX), 11, RT_GAP_CLOSE);
    test_core_finish(&test);
}

TEST("a time at which events were that are gone is a gap of unknown size")
{
    struct test_core test;
    test_core_init(&test, retention);
    for (int i = 0; i < 1000; i++) {
        test_core_publish(&test, "a", 100);
        test_core_pass_time(&test, 1);
    }
    uint64_t earliest = rt_ring_earliest(&test_core_topic(&test, "a")->ring);
    uint64_t last_gone = TEST_WALL_MS + earliest - 2;
    expect_gap(&test, since_time(0), RT_CLOSE_CURSOR_EVICTED, 0);
    expect_gap(&test, since_time(last_gone), RT_CLOSE_CURSOR_EVICTED, 0);
    expect_start(&test, since_time(last_gone + 1), earliest, RT_GAP_CLOSE);
    expect_start(&test, since_time(0), earliest, RT_GAP_SKIP);
    test_core_finish(&test);
}

TEST("the last N are N events, or all that are left")
{
    struct test_core test;
    test_core_init(&test, retention);
    test_core_publish_many(&test, "a", 1000, 100);
    uint64_t earliest = rt_ring_earliest(&test_core_topic(&test, "a")->ring);
    uint64_t count = 1001 - earliest;
    expect_start(&test, since_last(1), 1000, RT_GAP_CLOSE);
    expect_start(&test, since_last(count - 1), earliest + 1, RT_GAP_CLOSE);
    expect_start(&test, since_last(count), earliest, RT_GAP_CLOSE);
    expect_start(&test, since_last(count + 1), earliest, RT_GAP_CLOSE);
    expect_start(&test, since_last(UINT64_MAX), earliest, RT_GAP_CLOSE);
    test_core_finish(&test);
}

TEST("in a topic that is new every start but a cursor is its beginning")
{
    struct rt_since starts[] = {{.kind = RT_SINCE_NOW},
                                {.kind = RT_SINCE_EARLIEST},
                                since_time(5),
                                since_last(3)};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(starts); i++) {
        struct test_core test;
        struct test_sink sink;
        test_core_init(&test, retention);
        test_sink_init(&sink, &test);
        EXPECT_INT(test_sink_subscribe(&sink, "a", starts[i]).offset, 0);
        test_core_publish(&test, "a", 100);
        test_core_flush(&test);
        test_sink_expect(&sink, 1, 1);
        test_sink_finish(&sink);
        test_core_finish(&test);
    }
}

/* --- several topics --- */

static struct test_history history;

/* Begins with the event of that sequence, told of so many gaps. */
static void
expect_selected(struct rt_since since, uint64_t first, uint32_t gaps)
{
    struct test_sink sink;
    struct rt_start start = test_history_select(&history, &sink, "a,b", since);
    test_core_flush(&history.test);
    EXPECT_INT(start.cursor.offset, first - 1);
    EXPECT_INT(sink.gap_count, gaps);
    test_history_expect(&history, &sink, "a,b", first,
                        history.test.core.sequence);
    test_sink_finish(&sink);
}

/* Three events each 10 ms, one of them of another topic. */
static void publish_rounds(int rounds)
{
    for (int i = 0; i < rounds; i++) {
        test_history_publish(&history, "a", 1, 100);
        test_history_publish(&history, "c", 1, 100);
        test_history_publish(&history, "b", 1, 100);
        test_core_pass_time(&history.test, 10);
    }
}

TEST("in several topics, now and earliest are the two ends")
{
    test_history_init(&history, retention);
    expect_selected((struct rt_since){.kind = RT_SINCE_NOW}, 1, 0);
    expect_selected((struct rt_since){.kind = RT_SINCE_EARLIEST}, 1, 0);
    publish_rounds(10);
    expect_selected((struct rt_since){.kind = RT_SINCE_NOW}, 31, 0);
    expect_selected((struct rt_since){.kind = RT_SINCE_EARLIEST}, 1, 0);
    publish_rounds(500);
    const struct rt_ring *ring = &test_core_topic(&history.test, "a")->ring;
    uint64_t first = ring->dropped_sequence + 3;
    expect_selected((struct rt_since){.kind = RT_SINCE_EARLIEST}, first, 0);
    test_history_finish(&history);
}

TEST("in several topics, a time begins with the first event of any of them")
{
    test_history_init(&history, retention);
    publish_rounds(10);
    expect_selected(since_time(0), 1, 0);
    expect_selected(since_time(TEST_WALL_MS + 1), 4, 0);
    expect_selected(since_time(TEST_WALL_MS + 90), 28, 0);
    expect_selected(since_time(UINT64_MAX), 31, 0);
    publish_rounds(500);
    uint64_t gaps = history.test.core.counters.gaps;
    const struct rt_ring *ring = &test_core_topic(&history.test, "a")->ring;
    struct test_sink sink;
    struct rt_start start =
        test_history_select(&history, &sink, "a,b", since_time(0));
    test_core_flush(&history.test);
    EXPECT_INT(start.cursor.offset, ring->dropped_sequence - 1);
    EXPECT_INT(sink.gap_count, 2);
    EXPECT_INT(history.test.core.counters.gaps, gaps + 2);
    test_sink_finish(&sink);
    expect_selected(since_time(ring->dropped_ms + 1),
                    ring->dropped_sequence + 3, 0);
    test_history_finish(&history);
}

TEST("a position of another node, or of the future, is a gap without a topic")
{
    struct test_sink sink;
    test_history_init(&history, retention);
    publish_rounds(500);
    uint64_t first =
        test_core_topic(&history.test, "a")->ring.dropped_sequence + 3;
    for (int i = 0; i < 2; i++) {
        struct rt_since since = test_since_node(&history, i == 0 ? 1501 : 3);
        since.cursor.epoch += i == 0 ? 0 : 1;
        struct rt_start start =
            test_history_select(&history, &sink, "a,b", since);
        EXPECT(start.is_gap && start.is_behind);
        EXPECT_INT(start.gap.reason, RT_CLOSE_EPOCH_CHANGED);
        EXPECT_INT(start.gap.topic.len, 0);
        test_core_flush(&history.test);
        EXPECT_INT(sink.gap_count, 0);
        EXPECT_INT(history.test.core.counters.gaps, i + 1);
        test_history_expect(&history, &sink, "a,b", first, 1500);
        test_sink_finish(&sink);
    }
    test_history_finish(&history);
}

TEST("a time before what topics had that are gone is a gap without a topic")
{
    test_history_init(&history,
                      (struct rt_retention){64 * KIB, UINT64_MAX, 10});
    publish_rounds(1);
    test_core_pass_time(&history.test, RT_TOPIC_IDLE_MS + 1);
    rt_core_tick(&history.test.core);
    EXPECT_INT(history.test.core.topic_count, 0);
    struct test_sink sink;
    struct rt_start start =
        test_history_select(&history, &sink, "a,b", since_time(TEST_WALL_MS));
    test_core_flush(&history.test);
    EXPECT_INT(start.cursor.offset, 2);
    EXPECT_INT(sink.gap_count, 1);
    EXPECT_INT(sink.gap.topic.len, 0);
    EXPECT_INT(sink.received.len, 0);
    test_sink_finish(&sink);
    expect_selected(since_time(TEST_WALL_MS + 1), 4, 0);
    test_history_finish(&history);
}

TEST("a cursor of one topic, or a number of events, is not for several topics")
{
    struct test_sink sink;
    struct rt_start start;
    test_history_init(&history, retention);
    EXPECT_INT(test_history_try_select(&history, &sink, "a,b",
                                       since_cursor(1, 2), &start),
               RT_EINVAL);
    EXPECT_INT(
        test_history_try_select(&history, &sink, "a,b", since_last(2), &start),
        RT_EINVAL);
    EXPECT(rt_list_is_empty(&history.test.core.selection_list));
    test_history_finish(&history);
}
