#include "broker/core/selection.h"

#include "base/error.h"
#include "broker/core/fanout.h"
#include "broker/core/topic.h"
#include "tests/support/history.h"
#include "tests/support/random.h"

#define KIB       ((size_t)1024)
#define UNLIMITED UINT64_MAX

static const struct rt_retention roomy = {1024 * KIB, UNLIMITED, UNLIMITED};
static const struct rt_since now = {.kind = RT_SINCE_NOW};
static const struct rt_since earliest = {.kind = RT_SINCE_EARLIEST};

static struct test_history history;

static struct rt_selection *selection_of(const struct test_sink *sink)
{
    return sink->subscriber.stream->selection;
}

static void flush(void)
{
    test_core_flush(&history.test);
}

static void leave(struct test_sink *sink)
{
    test_sink_finish(sink);
    rt_core_tick(&history.test.core);
}

/* A turn of three topics, of which a.* has two. */
static void publish_round(int rounds, size_t len)
{
    for (int i = 0; i < rounds; i++) {
        test_history_publish(&history, "a.1", 1, len);
        test_history_publish(&history, "b", 1, len);
        test_history_publish(&history, "a.2", 1, len);
    }
}

TEST("a selection has the events of all its topics in the order they came")
{
    struct test_sink sink;
    for (int format = RT_FORMAT_JSON; format < RT_FORMAT_COUNT; format++) {
        test_history_init(&history, roomy);
        history.format = (enum rt_format)format;
        (void)test_history_select(&history, &sink, "a.*", now);
        publish_round(50, 100);
        flush();
        test_history_expect(&history, &sink, "a.*", 1, 150);
        publish_round(1, 4000);
        flush();
        test_history_expect(&history, &sink, "a.*", 151, 153);
        test_sink_finish(&sink);
        test_history_finish(&history);
    }
}

TEST("a selection has topics that begin before it and after it")
{
    struct test_sink sink;
    test_history_init(&history, roomy);
    test_history_publish(&history, "a.1", 3, 10);
    (void)test_history_select(&history, &sink, "a.*,b,c.>", now);
    EXPECT_INT(selection_of(&sink)->follower_count, 1);
    test_history_publish(&history, "c.d.e", 3, 10);
    test_history_publish(&history, "b", 3, 10);
    test_history_publish(&history, "c", 3, 10);
    test_history_publish(&history, "$a", 3, 10);
    EXPECT_INT(selection_of(&sink)->follower_count, 3);
    flush();
    test_history_expect(&history, &sink, "b,c.d.e", 4,
                        history.test.core.sequence);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

/* Of a.* each turn has two events, of the sequences 1 and 3, 4 and 6, ... */
TEST("who skips its own events gets all others of a selection, each once")
{
    static const struct rt_own own[] = {{1, 2}, {4, 8}, {12, 13}, {87, 91}};
    struct test_sink sinks[2]; /* one that stalls */
    test_history_init(&history, roomy);
    for (int i = 0; i < 2; i++) {
        (void)test_history_select(&history, &sinks[i], "a.*", now);
        sinks[i].subscriber.skips_own = true;
        sinks[i].own = own;
        sinks[i].own_count = RT_ARRAY_LENGTH(own);
    }
    sinks[1].room = 500; /* in the middle of some event */
    publish_round(30, 100);
    flush();
    sinks[1].room = SIZE_MAX;
    test_sink_drain(&sinks[1]);
    flush();
    for (int i = 0; i < 2; i++) {
        EXPECT_INT(sinks[i].subscriber.state, RT_SUBSCRIBER_ACTIVE);
        test_history_expect(&history, &sinks[i], "a.*", 1, 90);
    }
    test_sinks_finish(sinks, 2);
    test_history_finish(&history);
}

TEST("a topic that several patterns have is there once")
{
    struct test_sink sink;
    test_history_init(&history, roomy);
    test_history_publish(&history, "a.1", 1, 10);
    (void)test_history_select(&history, &sink, "a.*,a.1,a.2,>", now);
    EXPECT_INT(selection_of(&sink)->follower_count, 1);
    test_history_publish(&history, "a.2", 1, 10);
    EXPECT_INT(selection_of(&sink)->follower_count, 2);
    flush();
    test_history_expect(&history, &sink, ">", 2, 2);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

TEST("the same patterns in any order share a selection, other formats do not")
{
    struct test_sink sinks[3];
    test_history_init(&history, roomy);
    (void)test_history_select(&history, &sinks[0], "b,a.*", now);
    (void)test_history_select(&history, &sinks[1], "a.*,b,b", now);
    history.format = RT_FORMAT_SSE;
    (void)test_history_select(&history, &sinks[2], "a.*,b", now);
    EXPECT(selection_of(&sinks[0]) == selection_of(&sinks[1]));
    EXPECT(selection_of(&sinks[0]) != selection_of(&sinks[2]));
    test_sinks_finish(sinks, 3);
    test_history_finish(&history);
}

TEST("an event is encoded once for all of a selection")
{
    struct test_sink sinks[20];
    test_history_init(&history, roomy);
    for (int i = 0; i < 20; i++) {
        (void)test_history_select(&history, &sinks[i], "a.*", now);
    }
    publish_round(5, 100);
    flush();
    const struct rt_blocks *blocks = &selection_of(&sinks[0])->blocks;
    EXPECT_INT(blocks->count, 1);
    EXPECT_INT(blocks->blocks[0].segment->event_count, 10);
    for (int i = 0; i < 20; i++) {
        test_history_expect(&history, &sinks[i], "a.*", 1, 15);
        EXPECT_INT(sinks[i].writes, 1);
    }
    test_sinks_finish(sinks, 20);
    test_history_finish(&history);
}

TEST("a subscriber goes on behind any position among all events of the node")
{
    struct test_sink sink;
    test_history_init(&history, roomy);
    publish_round(10, 100);
    for (uint64_t sequence = 0; sequence <= 30; sequence++) {
        struct rt_start start = test_history_select(
            &history, &sink, "a.*", test_since_node(&history, sequence));
        EXPECT_INT(start.cursor.offset, sequence);
        EXPECT(!start.is_gap);
        flush();
        test_history_expect(&history, &sink, "a.*", sequence + 1, 30);
        EXPECT_INT(sink.subscriber.state, RT_SUBSCRIBER_ACTIVE);
        EXPECT_INT(rt_subscriber_cursor(&sink.subscriber).offset, 30);
        EXPECT_INT(sink.caught_up_count, start.is_behind);
        leave(&sink);
    }
    test_history_finish(&history);
}

TEST("whoever has everything stands behind the last event of the node")
{
    struct test_sink sink;
    test_history_init(&history, roomy);
    (void)test_history_select(&history, &sink, "a.*", now);
    test_history_publish(&history, "a.1", 1, 10);
    flush();
    test_history_publish(&history, "b", 9, 10);
    EXPECT_INT(rt_subscriber_cursor(&sink.subscriber).offset, 10);
    test_history_publish(&history, "a.1", 1, 10);
    EXPECT_INT(rt_subscriber_cursor(&sink.subscriber).offset, 1);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

TEST("a write may stop at any byte of any event of a selection")
{
    struct test_sink sink;
    for (size_t room = 0; room < 700; room++) {
        test_history_init(&history, roomy);
        (void)test_history_select(&history, &sink, "a.*", now);
        sink.room = room;
        publish_round(2, 50);
        flush();
        sink.room = SIZE_MAX;
        if (sink.queued.len > 0) {
            test_sink_drain(&sink);
        }
        flush();
        test_history_expect(&history, &sink, "a.*", 1, 6);
        EXPECT_INT(history.test.core.counters.events_delivered, 4);
        test_sink_finish(&sink);
        test_history_finish(&history);
    }
}

TEST("subscribers that begin and stall anywhere all get the same")
{
    struct test_sink sinks[8];
    for (uint64_t seed = 1; seed <= 20; seed++) {
        static const char *const topics[] = {"a.1", "b", "a.2", "a.3.4", "a"};
        struct test_random random = test_random_seed(seed);
        uint64_t from[8];
        test_history_init(&history, roomy);
        for (int i = 0; i < 8; i++) {
            from[i] = test_random_below(
                &random, (uint32_t)history.test.core.sequence + 1);
            (void)test_history_select(&history, &sinks[i], "a.>",
                                      test_since_node(&history, from[i]));
            sinks[i].room = test_random_below(&random, 40000);
            for (int n = 0; n < 60; n++) {
                test_history_publish(&history,
                                     topics[test_random_below(&random, 5)], 1,
                                     test_random_below(&random, 4000));
                if (test_random_below(&random, 10) == 0) {
                    flush();
                }
            }
            if (test_random_below(&random, 3) == 0) {
                test_core_pass_time(&history.test, RT_BLOCK_IDLE_MS + 1);
                rt_core_tick(&history.test.core);
            }
        }
        for (int i = 0; i < 8; i++) {
            sinks[i].room = SIZE_MAX;
            if (sinks[i].queued.len > 0) {
                test_sink_drain(&sinks[i]);
            }
        }
        flush();
        for (int i = 0; i < 8; i++) {
            EXPECT_INT(sinks[i].gap_count, 0);
            test_history_expect(&history, &sinks[i], "a.>", from[i] + 1,
                                history.test.core.sequence);
        }
        test_sinks_finish(sinks, 8);
        test_history_finish(&history);
    }
}

TEST("what a merge looks at is the topics with events since")
{
    struct test_sink sink;
    struct rt_run run;
    test_history_init(&history, roomy);
    (void)test_history_select(&history, &sink, ">", now);
    test_history_publish(&history, "a", 1, 10);
    test_history_publish(&history, "b", 1, 10);
    test_history_publish(&history, "c", 1, 10);
    test_history_publish(&history, "d", 1, 10);
    test_history_publish(&history, "a", 1, 10);
    EXPECT_INT(rt_selection_find(selection_of(&sink), 4, &run), 0);
    EXPECT_INT(run.topics, 2);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

TEST("a new selection finds its topics by the events they had")
{
    struct test_sink sink;
    struct rt_run run;
    test_history_init(&history, roomy);
    for (int i = 0; i < 40; i++) {
        static const char *const topics[] = {"a", "b", "c", "d", "e", "f"};
        test_history_publish(&history, topics[i * i % 6], 1, 10);
    }
    (void)test_history_select(&history, &sink, ">", now);
    EXPECT_INT(rt_selection_find(selection_of(&sink), 40, &run), 0);
    EXPECT_INT(run.topics, 1);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

TEST("blocks that nobody looks at go, and so do selections that nobody has")
{
    struct test_sink sink;
    test_history_init(&history, roomy);
    (void)test_history_select(&history, &sink, "a.*", now);
    publish_round(3, 100);
    flush();
    EXPECT(selection_of(&sink)->blocks.bytes > 0);
    test_core_pass_time(&history.test, RT_BLOCK_IDLE_MS + 1);
    rt_core_tick(&history.test.core);
    EXPECT_INT(selection_of(&sink)->blocks.bytes, 0);
    leave(&sink);
    EXPECT(rt_list_is_empty(&history.test.core.selection_list));
    EXPECT(rt_list_is_empty(&test_core_topic(&history.test, "a.1")->followers));
    EXPECT(history.test.core.matcher.root == NULL);
    publish_round(3, 100);
    test_history_finish(&history);
}

TEST("a selection takes no more than a ring may")
{
    struct test_sink sink;
    test_history_init(&history,
                      (struct rt_retention){128 * KIB, UNLIMITED, UNLIMITED});
    publish_round(500, 20);
    (void)test_history_select(&history, &sink, "a.*", earliest);
    flush();
    EXPECT(selection_of(&sink)->blocks.bytes <= 128 * KIB);
    test_history_expect(&history, &sink, "a.*", 1, 1500);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

TEST("a selection does not keep a topic that is over")
{
    struct test_sink sink;
    struct test_core *test = &history.test;
    test_history_init(&history, (struct rt_retention){64 * KIB, UNLIMITED, 10});
    (void)test_history_select(&history, &sink, "a.*", now);
    publish_round(1, 10);
    flush();
    test_core_pass_time(test, RT_TOPIC_IDLE_MS + 1);
    rt_core_tick(&test->core);
    EXPECT_INT(test->core.topic_count, 0);
    rt_core_validate(&test->core);
    publish_round(1, 10);
    flush();
    test_history_expect(&history, &sink, "a.*", 1, 6);
    EXPECT_INT(sink.gap_count, 0);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

TEST("without memory to encode in, a subscriber is closed and told where to go")
{
    struct test_sink sink;
    for (uint64_t k = 1; k <= 2; k++) {
        test_history_init(&history, roomy);
        (void)test_history_select(&history, &sink, "a.*", now);
        publish_round(1, 10);
        test_heap_fail_at(&history.test.heap, k);
        flush();
        test_sink_expect_closed(&sink, RT_CLOSE_OVERLOAD, 0, 0);
        EXPECT(sink.resume.is_node);
        test_sink_finish(&sink);
        test_history_finish(&history);
    }
}

TEST("a subscription for which there is no memory leaves nothing behind")
{
    struct test_sink sink;
    struct rt_start start;
    uint64_t k = 0;
    int err = RT_ENOMEM;
    while (err == RT_ENOMEM) {
        test_history_init(&history, roomy);
        publish_round(2, 10);
        test_history_publish(&history, "a.3.4.5", 1, 10);
        test_heap_fail_at(&history.test.heap, ++k);
        err = test_history_try_select(&history, &sink, "a.*,a.*.*.>",
                                      test_since_node(&history, 0), &start);
        test_heap_fail_at(&history.test.heap, 0);
        if (err < 0) {
            rt_core_tick(&history.test.core);
            EXPECT_INT(history.test.core.subscriber_count, 0);
            EXPECT(rt_list_is_empty(&history.test.core.selection_list));
            EXPECT(history.test.core.matcher.root == NULL);
        }
        test_sink_finish(&sink);
        test_history_finish(&history);
    }
    EXPECT_INT(err, 0);
    EXPECT(k > 8);
}

/* What others had before it is nothing to write. */
TEST("an event of one's own that is next costs no write")
{
    static const struct rt_own own = {4, 5};
    struct test_sink sink;
    test_history_init(&history, roomy);
    (void)test_history_select(&history, &sink, "a.*", now);
    sink.subscriber.skips_own = true;
    sink.own = &own;
    sink.own_count = 1;
    test_history_publish(&history, "b", 3, 10);
    test_history_publish(&history, "a.1", 1, 10);
    flush();
    EXPECT_INT(sink.writes, 0);
    test_history_publish(&history, "a.1", 1, 10);
    flush();
    EXPECT_INT(sink.writes, 1);
    test_history_expect(&history, &sink, "a.*", 5, 5);
    test_sink_finish(&sink);
    test_history_finish(&history);
}
