#include "broker/core/closing.h"

#include "broker/core/control.h"
#include "broker/core/fanout.h"
#include "broker/core/selection.h"
#include "broker/core/topic.h"
#include "tests/support/history.h"

#define KIB       ((size_t)1024)
#define UNLIMITED UINT64_MAX

static const struct rt_retention roomy = {1024 * KIB, UNLIMITED, UNLIMITED};
static const struct rt_retention small = {16 * KIB, UNLIMITED, UNLIMITED};
static const struct rt_since now = {.kind = RT_SINCE_NOW};

static struct test_history history;

static struct rt_topic *topic_of(const char *name)
{
    return test_core_topic(&history.test, name);
}

static void flush(void)
{
    test_core_flush(&history.test);
}

/* Takes what is queued, and from now on everything. */
static void take_all(struct test_sink *sink)
{
    sink->room = SIZE_MAX;
    if (sink->queued.len > 0) {
        test_sink_drain(sink);
    }
    flush();
}

/* Events of two topics, of which one is closed before the other's last. */
static void publish_and_close(size_t len)
{
    test_history_publish(&history, "a.1", 2, len);
    test_history_publish(&history, "a.2", 1, len);
    test_history_close(&history, "a.1");
    test_history_publish(&history, "a.2", 1, len);
}

TEST("who reads several topics is told that one is closed, behind its events")
{
    struct test_sink sinks[20];
    for (int format = RT_FORMAT_JSON; format < RT_FORMAT_COUNT; format++) {
        test_history_init(&history, roomy);
        history.format = (enum rt_format)format;
        for (int i = 0; i < 20; i++) {
            (void)test_history_select(&history, &sinks[i], "a.*", now);
        }
        publish_and_close(50);
        flush();
        for (int i = 0; i < 20; i++) {
            test_history_expect(&history, &sinks[i], "a.*", 1, 5);
            EXPECT(!sinks[i].is_closed);
            EXPECT_INT(rt_subscriber_cursor(&sinks[i].subscriber).offset, 5);
        }
        test_sinks_finish(sinks, 20);
        test_history_finish(&history);
    }
}

TEST("a closing is told to those who have everything already")
{
    struct test_sink sinks[2];
    test_history_init(&history, roomy);
    test_history_publish(&history, "a.1", 3, 10);
    (void)test_history_select(&history, &sinks[0], "a.*", now);
    (void)test_history_select(&history, &sinks[1], "b", now);
    flush();
    test_history_close(&history, "a.1");
    rt_topic_close(topic_of("a.1")); /* once is enough */
    flush();
    test_history_expect(&history, &sinks[0], "a.*", 4, 4);
    test_history_expect(&history, &sinks[1], "b", 1, 4);
    test_sinks_finish(sinks, 2);
    test_history_finish(&history);
}

TEST("who takes little at a time is told in the same place")
{
    struct test_sink sink;
    for (size_t room = 0; room < 900; room += 7) {
        test_history_init(&history, roomy);
        (void)test_history_select(&history, &sink, "a.*", now);
        sink.room = room;
        publish_and_close(50);
        flush();
        take_all(&sink);
        test_history_expect(&history, &sink, "a.*", 1, 5);
        test_sink_finish(&sink);
        test_history_finish(&history);
    }
}

TEST("who replays while a topic is closed comes to that in its place")
{
    struct test_sink sinks[2];
    test_history_init(&history, roomy);
    test_history_publish(&history, "a.1", 300, 1000);
    (void)test_history_select(&history, &sinks[0], "a.*",
                              test_since_node(&history, 0));
    sinks[0].room = 100 * KIB;
    (void)rt_core_flush(&history.test.core);
    EXPECT(sinks[0].subscriber.state != RT_SUBSCRIBER_ACTIVE);
    test_history_close(&history, "a.1");
    test_history_publish(&history, "a.2", 3, 1000);
    (void)test_history_select(&history, &sinks[1], "a.*",
                              test_since_node(&history, 150));
    take_all(&sinks[0]);
    test_history_expect(&history, &sinks[0], "a.*", 1, 304);
    test_history_expect(&history, &sinks[1], "a.*", 151, 304);
    EXPECT_INT(sinks[0].caught_up_count, 1);
    test_sinks_finish(sinks, 2);
    test_history_finish(&history);
}

TEST("who resumes is told of what was closed since, and of nothing else")
{
    struct test_sink sink;
    test_history_init(&history, roomy);
    publish_and_close(50);
    for (uint64_t sequence = 0; sequence <= 5; sequence++) {
        (void)test_history_select(&history, &sink, "a.*",
                                  test_since_node(&history, sequence));
        flush();
        test_history_expect(&history, &sink, "a.*", sequence + 1, 5);
        test_sink_finish(&sink);
    }
    test_history_finish(&history);
}

TEST("a closing outlives the events before it, and is told behind their gap")
{
    struct test_sink sink;
    test_history_init(&history, small);
    test_history_publish(&history, "a.1", 200, 300);
    test_history_close(&history, "a.1");
    (void)test_history_select(&history, &sink, "a.*",
                              test_since_node(&history, 1));
    flush();
    EXPECT_INT(sink.gap_count, 1);
    const struct rt_ring *ring = &topic_of("a.1")->ring;
    test_history_expect(&history, &sink, "a.*", rt_ring_earliest(ring), 201);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

TEST("when the topic is open again nobody is told that it was closed")
{
    struct test_sink sinks[2];
    test_history_init(&history, roomy);
    (void)test_history_select(&history, &sinks[0], "a.*", now);
    (void)test_history_select(&history, &sinks[1], "a.*", now);
    sinks[0].room = 10;
    test_history_publish(&history, "a.1", 2, 10);
    test_history_close(&history, "a.1");
    flush();
    test_history_expect(&history, &sinks[1], "a.*", 1, 3);
    rt_topic_open(topic_of("a.1")); /* though it is encoded */
    take_all(&sinks[0]);
    test_history_expect(&history, &sinks[0], "a.*", 1, 2);
    test_history_publish(&history, "a.1", 1, 10);
    test_history_close(&history, "a.1");
    flush();
    test_history_expect(&history, &sinks[0], "a.*", 4, 5);
    test_history_expect(&history, &sinks[1], "a.*", 4, 5);
    test_sinks_finish(sinks, 2);
    test_history_finish(&history);
}

TEST("a topic that was closed and opened hides no events of the others")
{
    struct test_sink sink;
    struct rt_run run;
    test_history_init(&history, roomy);
    (void)test_history_select(&history, &sink, "a.*", now);
    test_history_publish(&history, "a.1", 1, 10);
    test_history_publish(&history, "a.2", 1, 10);
    test_history_close(&history, "a.1");
    rt_topic_open(topic_of("a.1"));
    struct rt_selection *selection = sink.subscriber.stream->selection;
    EXPECT_INT(rt_selection_find(selection, 2, &run), 0);
    EXPECT(run.segment != NULL);
    flush();
    test_history_expect(&history, &sink, "a.*", 1, 2);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

TEST("a list of topics that are all closed ends, behind what there is")
{
    struct test_sink sinks[3];
    test_history_init(&history, roomy);
    for (int i = 0; i < 3; i++) {
        (void)test_history_select(&history, &sinks[i], i < 2 ? "a,b" : "a,b,c",
                                  now);
    }
    sinks[1].room = 10;
    test_history_publish(&history, "a", 2, 10);
    test_history_close(&history, "a");
    test_history_publish(&history, "b", 1, 10);
    flush();
    EXPECT(!sinks[0].is_closed);
    test_history_close(&history, "b");
    flush();
    EXPECT(!sinks[1].is_closed && !sinks[2].is_closed);
    take_all(&sinks[1]);
    for (int i = 0; i < 2; i++) {
        test_sink_expect_closed(&sinks[i], RT_CLOSE_TOPIC_CLOSED, 5, 0);
        EXPECT(sinks[i].resume.is_node);
    }
    for (int i = 0; i < 3; i++) {
        test_history_expect(&history, &sinks[i], "a,b", 1, 5);
    }
    EXPECT_INT(history.test.core.subscriber_count, 1);
    test_sinks_finish(sinks, 3);
    test_history_finish(&history);
}

TEST("a pattern goes on when all of its topics are closed, for more may begin")
{
    struct test_sink sinks[2];
    test_history_init(&history, roomy);
    (void)test_history_select(&history, &sinks[0], "a,b.*", now);
    (void)test_history_select(&history, &sinks[1], ">", now);
    test_history_publish(&history, "a", 1, 10);
    test_history_publish(&history, "b.1", 1, 10);
    test_history_close(&history, "a");
    test_history_close(&history, "b.1");
    flush();
    test_history_publish(&history, "b.2", 1, 10);
    flush();
    for (int i = 0; i < 2; i++) {
        EXPECT(!sinks[i].is_closed);
        test_history_expect(&history, &sinks[i], ">", 1, 5);
    }
    test_sinks_finish(sinks, 2);
    test_history_finish(&history);
}

TEST("who comes to a list that is over gets what is left, and the end")
{
    struct test_sink sinks[2];
    test_history_init(&history, roomy);
    test_history_publish(&history, "a", 1, 10);
    test_history_publish(&history, "b", 1, 10);
    test_history_close(&history, "a");
    test_history_close(&history, "b");
    (void)test_history_select(&history, &sinks[0], "a,b",
                              test_since_node(&history, 1));
    (void)test_history_select(&history, &sinks[1], "a,b", now);
    flush();
    test_history_expect(&history, &sinks[0], "a,b", 2, 4);
    test_history_expect(&history, &sinks[1], "a,b", 5, 4);
    for (int i = 0; i < 2; i++) {
        test_sink_expect_closed(&sinks[i], RT_CLOSE_TOPIC_CLOSED, 4, 0);
    }
    test_sinks_finish(sinks, 2);
    test_history_finish(&history);
}

TEST("a topic of a list that is purged is not closed any more")
{
    struct test_sink sink;
    test_history_init(&history, roomy);
    test_history_publish(&history, "a", 1, 10);
    test_history_publish(&history, "b", 1, 10);
    (void)test_history_select(&history, &sink, "a,b", now);
    test_history_close(&history, "a");
    flush();
    EXPECT_INT(rt_topic_purge(topic_of("a")), 0);
    test_history_close(&history, "b");
    flush();
    EXPECT(!sink.is_closed);
    test_history_expect(&history, &sink, "a,b", 3, 4);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

TEST("what happened last in a topic is an event or that it was closed")
{
    test_history_init(&history, roomy);
    test_history_publish(&history, "a", 3, 10);
    EXPECT_INT(rt_topic_sequence(topic_of("a")), 3);
    EXPECT(!rt_closing_is_from(topic_of("a"), 1));
    test_history_close(&history, "a");
    EXPECT_INT(rt_topic_sequence(topic_of("a")), 4);
    EXPECT(rt_closing_is_from(topic_of("a"), 4));
    EXPECT(!rt_closing_is_from(topic_of("a"), 5));
    rt_topic_open(topic_of("a"));
    EXPECT_INT(rt_topic_sequence(topic_of("a")), 4);
    EXPECT(!rt_closing_is_from(topic_of("a"), 4));
    test_history_publish(&history, "a", 1, 10);
    EXPECT_INT(rt_topic_sequence(topic_of("a")), 5);
    test_history_finish(&history);
}
