#include "broker/core/follower.h"

#include "base/error.h"
#include "broker/core/control.h"
#include "broker/core/fanout.h"
#include "broker/core/selection.h"
#include "broker/core/topic.h"
#include "tests/support/history.h"

#define KIB       ((size_t)1024)
#define UNLIMITED UINT64_MAX

static const struct rt_retention small = {16 * KIB, UNLIMITED, UNLIMITED};
static const struct rt_since now = {.kind = RT_SINCE_NOW};

static struct test_history history;

static struct rt_topic *topic_of(const char *name)
{
    return test_core_topic(&history.test, name);
}

TEST("a topic that begins is followed by all that have it, or does not begin")
{
    struct test_sink sinks[3];
    struct test_core *test = &history.test;
    uint64_t k = 0;
    int err = RT_ENOMEM;
    while (err == RT_ENOMEM) {
        test_history_init(&history, small);
        (void)test_history_select(&history, &sinks[0], "a.*,a.>", now);
        (void)test_history_select(&history, &sinks[1], ">", now);
        (void)test_history_select(&history, &sinks[2], "b,c", now);
        test_heap_fail_at(&test->heap, ++k);
        err = test_core_try_publish(test, "a.1", 10);
        test_heap_fail_at(&test->heap, 0);
        rt_core_validate(&test->core);
        EXPECT_INT(test->core.topic_count, err == 0 ? 1 : 0);
        EXPECT_INT(sinks[0].subscriber.stream->selection->follower_count,
                   err == 0 ? 1 : 0);
        EXPECT_INT(sinks[2].subscriber.stream->selection->follower_count, 0);
        test_sinks_finish(sinks, 3);
        test_history_finish(&history);
    }
    EXPECT(k > 4);
}

TEST("an event costs nothing to selections that do not have its topic")
{
    struct test_sink sink;
    test_history_init(&history, small);
    (void)test_history_select(&history, &sink, "a.*", now);
    test_history_publish(&history, "b", 1, 10);
    EXPECT(rt_list_is_empty(&topic_of("b")->followers));
    EXPECT(rt_list_is_empty(&history.test.core.dirty));
    test_history_publish(&history, "a.1", 1, 10);
    EXPECT(!rt_list_is_empty(&history.test.core.dirty));
    test_sink_finish(&sink);
    test_history_finish(&history);
}

TEST("who keeps up with a selection loses nothing to a burst")
{
    struct test_sink sink;
    test_history_init(&history, small);
    (void)test_history_select(&history, &sink, "a.*", now);
    for (int i = 0; i < 300; i++) {
        test_history_publish(&history, i % 7 == 0 ? "a.1" : "a.2", 1, 300);
    }
    test_core_flush(&history.test);
    test_history_expect(&history, &sink, "a.*", 1, 300);
    EXPECT_INT(sink.gap_count, 0);
    EXPECT(rt_ring_earliest(&topic_of("a.2")->ring) > 1);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

TEST("age takes nothing that a fan-out under way has not given")
{
    struct test_sink sink;
    test_history_init(&history, (struct rt_retention){64 * KIB, UNLIMITED, 10});
    (void)test_history_select(&history, &sink, "a.*", now);
    test_history_publish(&history, "a.1", 5, 100);
    test_core_pass_time(&history.test, 1000);
    rt_core_tick(&history.test.core);
    EXPECT_INT(rt_ring_earliest(&topic_of("a.1")->ring), 1);
    test_core_flush(&history.test);
    rt_core_tick(&history.test.core);
    EXPECT_INT(rt_ring_earliest(&topic_of("a.1")->ring), 6);
    test_history_expect(&history, &sink, "a.*", 1, 5);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

TEST("a topic whose selection has many subscribers behind is congested")
{
    struct test_sink sinks[RT_FANOUT_SMALL + 1];
    test_history_init(&history, small);
    for (int i = 0; i < RT_FANOUT_SMALL; i++) {
        (void)test_history_select(&history, &sinks[i], "a.*", now);
    }
    test_history_publish(&history, "a.1", 20, 500);
    EXPECT(!rt_topic_is_congested(topic_of("a.1"))); /* they are few */
    test_core_flush(&history.test);
    (void)test_history_select(&history, &sinks[RT_FANOUT_SMALL], "a.*", now);
    test_history_publish(&history, "a.1", 8, small.bytes / 4 / 8 - 4);
    EXPECT(!rt_topic_is_congested(topic_of("a.1"))); /* just not */
    test_history_publish(&history, "a.1", 1, 10);
    EXPECT(rt_topic_is_congested(topic_of("a.1")));
    test_history_publish(&history, "b", 20, 300);
    EXPECT(!rt_topic_is_congested(topic_of("b")));
    test_core_flush(&history.test);
    EXPECT(!rt_topic_is_congested(topic_of("a.1")));
    test_sinks_finish(sinks, RT_FANOUT_SMALL + 1);
    test_history_finish(&history);
}

TEST("drops are numbered, and a block goes with what it has of them")
{
    struct test_sink sink;
    test_history_init(&history, small);
    test_history_publish(&history, "a.1", 200, 300);
    test_history_publish(&history, "a.2", 1, 300);
    (void)test_history_select(&history, &sink, "a.*", now);
    struct rt_selection *selection = sink.subscriber.stream->selection;
    EXPECT_INT(selection->dropped_sequence,
               topic_of("a.1")->ring.dropped_sequence);
    uint64_t drops = history.test.core.drops;
    EXPECT(drops > 0);
    test_history_publish(&history, "a.1", 1, 300);
    test_core_flush(&history.test);
    EXPECT_INT(selection->blocks.count, 1);
    test_history_publish(&history, "a.1", 100, 300);
    EXPECT(history.test.core.drops > drops);
    EXPECT(selection->blocks.count == 0 ||
           selection->blocks.blocks[0].first > selection->dropped_sequence);
    test_core_flush(&history.test);
    test_history_expect(&history, &sink, "a.*", 202, 302);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

TEST("who follows does not take what the events of others need")
{
    struct test_sink sink;
    struct rt_start start;
    struct rt_heap *heap = &history.test.heap.heap;
    test_history_init(&history, small);
    test_history_publish(&history, "a.1", 100, 300);
    heap->limit = heap->used + heap->used / RT_TOPICS_KEEP_PART;
    EXPECT_INT(test_history_try_select(&history, &sink, "a.*", now, &start),
               RT_ENOMEM);
    heap->limit = heap->used * 4;
    EXPECT_INT(test_history_try_select(&history, &sink, "a.*", now, &start), 0);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

TEST("whoever is given a topic's events is a subscriber of it")
{
    struct test_sink sinks[5];
    test_history_init(&history, small);
    (void)test_history_select(&history, &sinks[0], "a,b", now);
    (void)test_history_select(&history, &sinks[1], "a,b", now);
    (void)test_history_select(&history, &sinks[2], "*", now);
    (void)test_history_select(&history, &sinks[3], "b.*", now);
    test_history_publish(&history, "a", 1, 10);
    test_history_publish(&history, "c", 1, 10);
    test_sink_init(&sinks[4], &history.test);
    test_sink_subscribe_now(&sinks[4], "a");
    EXPECT_INT(rt_topic_subscribers(topic_of("a")), 4);
    EXPECT_INT(rt_topic_own_subscribers(topic_of("a")), 1);
    EXPECT_INT(rt_topic_subscribers(topic_of("c")), 1);
    test_sink_finish(&sinks[1]);
    test_sink_finish(&sinks[4]);
    EXPECT_INT(rt_topic_subscribers(topic_of("a")), 2);
    test_sinks_finish(sinks, 4);
    EXPECT_INT(rt_topic_subscribers(topic_of("a")), 0);
    test_history_finish(&history);
}

/* After so long topics without anything are dropped, unless they are wanted. */
static void pass_idle_time(uint64_t ms)
{
    test_core_pass_time(&history.test, ms);
    rt_core_tick(&history.test.core);
}

TEST("a list keeps the topics that it names, and a minute longer")
{
    struct test_sink sink;
    test_history_init(&history, (struct rt_retention){64 * KIB, UNLIMITED, 10});
    (void)test_history_select(&history, &sink, "a,b.*", now);
    test_history_publish(&history, "a", 1, 10);
    test_history_publish(&history, "b.1", 1, 10);
    test_core_flush(&history.test);
    EXPECT(rt_topic_is_wanted(topic_of("a")));
    EXPECT(!rt_topic_is_wanted(topic_of("b.1")));
    pass_idle_time(RT_TOPIC_IDLE_MS + 1);
    EXPECT_INT(history.test.core.topic_count, 1);
    EXPECT(topic_of("a") != NULL);
    test_sink_finish(&sink);
    pass_idle_time(RT_TOPIC_IDLE_MS);
    EXPECT_INT(history.test.core.topic_count, 1);
    pass_idle_time(1);
    EXPECT_INT(history.test.core.topic_count, 0);
    test_history_finish(&history);
}

TEST("what is encoded of a topic goes with it, whoever comes later")
{
    struct test_sink sink;
    test_history_init(&history, small);
    (void)test_history_select(&history, &sink, "a.*", now);
    test_history_publish(&history, "a.1", 1, 10);
    test_core_flush(&history.test);
    test_sink_finish(&sink); /* the selection stays until the next tick */
    EXPECT_INT(rt_topic_purge(topic_of("a.1")), 0);
    EXPECT_INT(history.test.core.topic_count, 0);
    (void)test_history_select(&history, &sink, "a.*",
                              test_since_node(&history, 0));
    test_core_flush(&history.test);
    EXPECT_INT(sink.received.len, 0);
    test_sink_finish(&sink);
    test_history_finish(&history);
}
