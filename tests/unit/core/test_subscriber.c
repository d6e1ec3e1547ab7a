#include "broker/core/subscriber.h"

#include "base/error.h"
#include "broker/core/topic.h"
#include "tests/support/sink.h"

#define KIB ((size_t)1024)

static const struct rt_retention retention = {64 * KIB, UINT64_MAX, UINT64_MAX};

TEST("nothing is written before the next flush")
{
    struct test_core test;
    struct test_sink sink;
    test_core_init(&test, retention);
    test_core_publish_many(&test, "a", 3, 100);
    test_sink_init(&sink, &test);
    test_sink_subscribe_earliest(&sink, "a");
    test_core_publish_many(&test, "a", 3, 100);
    EXPECT_INT(sink.writes, 0);
    test_core_flush(&test);
    EXPECT_INT(sink.writes, 1);
    test_sink_expect(&sink, 1, 6);
    test_sink_finish(&sink);
    test_core_finish(&test);
}

TEST("a subscription that finds no memory is none, wherever it fails")
{
    struct rt_since since = {.kind = RT_SINCE_EARLIEST};
    for (uint64_t k = 1, fails = 1; fails > 0; k++) {
        struct test_core test;
        struct test_sink sink;
        struct rt_start start;
        test_core_init(&test, retention);
        test_core_publish_many(&test, "a", 3, 100);
        test_sink_init(&sink, &test);
        test_heap_fail_at(&test.heap, k);
        int err = rt_core_subscribe(&test.core, RT_BYTES("a"), RT_FORMAT_RAW,
                                    &since, &sink.subscriber, &start);
        fails = test.heap.count >= k;
        EXPECT_INT(err, fails > 0 ? RT_ENOMEM : 0);
        EXPECT_INT(sink.subscriber.state,
                   fails > 0 ? RT_SUBSCRIBER_DETACHED : RT_SUBSCRIBER_LAGGING);
        EXPECT_INT(test.core.subscriber_count, fails > 0 ? 0 : 1);
        rt_core_validate(&test.core);
        test_sink_finish(&sink);
        test_core_finish(&test);
    }
}

TEST("a subscription that finds no memory leaves no topic behind")
{
    struct rt_since since = {.kind = RT_SINCE_NOW};
    for (uint64_t k = 1; k <= 3; k++) {
        struct test_core test;
        struct test_sink sink;
        struct rt_start start;
        test_core_init(&test, retention);
        test_core_publish(&test, "b", 100);
        test_sink_init(&sink, &test);
        size_t used = test.heap.heap.used;
        test_heap_fail_at(&test.heap, k);
        EXPECT_INT(rt_core_subscribe(&test.core, RT_BYTES("a"), RT_FORMAT_RAW,
                                     &since, &sink.subscriber, &start),
                   RT_ENOMEM);
        EXPECT_INT(sink.subscriber.state, RT_SUBSCRIBER_DETACHED);
        EXPECT_INT(test.heap.heap.used, used);
        EXPECT_INT(test.core.topic_count, 1);
        test_sink_subscribe_now(&sink, "a");
        test_sink_finish(&sink);
        test_core_finish(&test);
    }
}

/* A subscriber in each of the states, of topic "a" with more to come. */
static void become(struct test_core *test,
                   struct test_sink *sink,
                   enum rt_subscriber_state state)
{
    test_sink_init(sink, test);
    test_sink_subscribe_now(sink, "a");
    if (state != RT_SUBSCRIBER_ACTIVE) {
        sink->room = 50;
        test_core_publish(test, "a", 100);
        test_core_flush(test);
    }
    test_core_publish(test, "a", 100);
    if (state == RT_SUBSCRIBER_LAGGING) {
        test_sink_drain(sink);
    }
    EXPECT_INT(sink->subscriber.state, state);
}

TEST("a subscription that finds no memory was told of no gap")
{
    struct test_core test;
    struct test_sink sink;
    struct rt_start start;
    struct rt_since since = {.kind = RT_SINCE_CURSOR, .cursor = {1, 1}};
    test_core_init(&test, retention);
    test_sink_init(&sink, &test);
    test_core_publish(&test, "a", 100);
    sink.subscriber.gap = RT_GAP_SKIP;
    test_heap_fail_at(&test.heap, 1);
    EXPECT_INT(rt_core_subscribe(&test.core, RT_BYTES("a"), RT_FORMAT_RAW,
                                 &since, &sink.subscriber, &start),
               RT_ENOMEM);
    EXPECT_INT(test.core.counters.gaps, 0);
    test_sink_finish(&sink);
    test_core_finish(&test);
}

TEST("a subscription may end in any state, and then again")
{
    for (int state = RT_SUBSCRIBER_ACTIVE; state <= RT_SUBSCRIBER_BLOCKED;
         state++) {
        struct test_core test;
        struct test_sink sink;
        struct test_sink other;
        test_core_init(&test, retention);
        test_sink_init(&other, &test);
        test_sink_subscribe_now(&other, "a");
        become(&test, &sink, (enum rt_subscriber_state)state);
        rt_subscriber_detach(&sink.subscriber);
        EXPECT_INT(sink.subscriber.state, RT_SUBSCRIBER_DETACHED);
        rt_core_validate(&test.core);
        EXPECT_INT(test.core.subscriber_count, 1);
        rt_subscriber_detach(&sink.subscriber);
        rt_subscriber_drained(&sink.subscriber);
        EXPECT_INT(test.core.subscriber_count, 1);
        uint32_t writes = sink.writes;
        test_core_flush(&test);
        EXPECT_INT(sink.writes, writes);
        EXPECT(!sink.is_closed);
        test_sink_expect(&other, 1, state == RT_SUBSCRIBER_ACTIVE ? 1 : 2);
        /* And it may begin anew. */
        test_sink_drop(&sink);
        test_sink_subscribe_now(&sink, "a");
        test_sink_finish(&sink);
        test_sink_finish(&other);
        test_core_finish(&test);
    }
}

TEST("a subscription that never began has ended")
{
    struct rt_subscriber subscriber = {0};
    rt_subscriber_detach(&subscriber);
    rt_subscriber_drained(&subscriber);
    EXPECT_INT(subscriber.state, RT_SUBSCRIBER_DETACHED);
}

TEST("a close tells the event that was handed over last, in any state")
{
    for (int state = RT_SUBSCRIBER_ACTIVE; state <= RT_SUBSCRIBER_BLOCKED;
         state++) {
        struct test_core test;
        struct test_sink sink;
        test_core_init(&test, retention);
        become(&test, &sink, (enum rt_subscriber_state)state);
        rt_subscriber_close(&sink.subscriber, RT_CLOSE_LEAVING);
        test_sink_expect_closed(&sink, RT_CLOSE_LEAVING,
                                state == RT_SUBSCRIBER_ACTIVE ? 0 : 1, 0);
        EXPECT_INT(sink.resume.cursor.epoch,
                   test_core_topic(&test, "a")->epoch);
        EXPECT_INT(test.core.counters.closes[RT_CLOSE_LEAVING], 1);
        test_sink_finish(&sink);
        test_core_finish(&test);
    }
}

TEST("a connection that is lost is closed in the midst of a pass")
{
    struct test_core test;
    struct test_sink sinks[20];
    test_core_init(&test, retention);
    for (int i = 0; i < 20; i++) {
        test_sink_init(&sinks[i], &test);
        test_sink_subscribe_now(&sinks[i], "a");
        sinks[i].is_lost = i % 3 == 0;
    }
    test_core_publish_many(&test, "a", 3, 100);
    test_core_flush(&test);
    for (int i = 0; i < 20; i++) {
        EXPECT_INT(sinks[i].writes, 1);
        EXPECT_INT(sinks[i].is_closed, sinks[i].is_lost);
        if (sinks[i].is_lost) {
            test_sink_expect_closed(&sinks[i], RT_CLOSE_LOST, 0, 0);
        } else {
            test_sink_expect(&sinks[i], 1, 3);
        }
        test_sink_finish(&sinks[i]);
    }
    EXPECT_INT(test.core.counters.closes[RT_CLOSE_LOST], 7);
    test_core_finish(&test);
}

TEST("a lagging connection that is lost is closed")
{
    struct test_core test;
    struct test_sink sink;
    test_core_init(&test, retention);
    become(&test, &sink, RT_SUBSCRIBER_LAGGING);
    sink.is_lost = true;
    test_core_flush(&test);
    test_sink_expect_closed(&sink, RT_CLOSE_LOST, 1, 0);
    test_sink_finish(&sink);
    test_core_finish(&test);
}

TEST("a rest for which there is no memory closes the connection")
{
    struct test_core test;
    struct test_sink sink;
    test_core_init(&test, retention);
    test_sink_init(&sink, &test);
    test_sink_subscribe_now(&sink, "a");
    sink.room = 50;
    sink.refuses_queue = true;
    test_core_publish(&test, "a", 100);
    test_core_flush(&test);
    test_sink_expect_closed(&sink, RT_CLOSE_LOST, 0, 0);
    EXPECT_INT(test.core.counters.events_delivered, 0);
    test_sink_finish(&sink);
    test_core_finish(&test);
}

TEST("a stall for which there is no memory closes the connection")
{
    struct test_core test;
    struct test_sink sink;
    test_core_init(&test, retention);
    test_sink_init(&sink, &test);
    test_sink_subscribe_now(&sink, "a");
    sink.room = 50;
    test_core_publish(&test, "a", 100);
    test_heap_fail_at(&test.heap, 1);
    test_core_flush(&test);
    test_sink_expect_closed(&sink, RT_CLOSE_LOST, 0, 0);
    test_sink_finish(&sink);
    test_core_finish(&test);
}
