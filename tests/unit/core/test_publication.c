#include "broker/core/publication.h"

#include <stdio.h>

#include "base/error.h"
#include "broker/core/control.h"
#include "broker/core/fanout.h"
#include "broker/core/topic.h"
#include "tests/support/history.h"

#define KIB       ((size_t)1024)
#define UNLIMITED UINT64_MAX

static const struct rt_retention roomy = {1024 * KIB, UNLIMITED, UNLIMITED};
static const struct rt_retention narrow = {16 * KIB, UNLIMITED, UNLIMITED};
static const struct rt_since now = {.kind = RT_SINCE_NOW};

static struct rt_publication publication;
static struct rt_receipt receipts[RT_PUBLICATION_TOPICS_MAX];

static int try_add(struct test_core *test, const char *topic, size_t len)
{
    struct rt_event event = test_core_event(test, topic, len);
    return rt_publication_add(&publication, &event);
}

static void
add(struct test_core *test, const char *topic, int count, size_t len)
{
    for (int i = 0; i < count; i++) {
        EXPECT_INT(try_add(test, topic, len), 0);
    }
}

static void commit(struct test_core *test)
{
    rt_publication_commit(&publication, receipts);
    rt_core_validate(&test->core);
}

TEST("the events of a topic are there when they are committed, one by one")
{
    struct test_core test;
    struct test_sink sink;
    test_core_init(&test, roomy);
    test_sink_init(&sink, &test);
    test_sink_subscribe_now(&sink, "a");
    test_core_publish(&test, "a", 100);
    rt_publication_init(&publication, &test.core);
    add(&test, "a", 1000, 128);
    commit(&test);
    EXPECT_INT(publication.part_count, 1);
    EXPECT_INT(receipts[0].first, 2);
    EXPECT_INT(receipts[0].cursor.offset, 1001);
    EXPECT_INT(receipts[0].count, 1000);
    EXPECT_INT(receipts[0].wall_ms, TEST_WALL_MS);
    EXPECT_INT(test.core.sequence, 1001);
    EXPECT_INT(test.core.counters.events_produced, 1001);
    EXPECT_INT(test.core.counters.bytes_produced, 100 + 1000 * 128);
    test_core_flush(&test);
    test_sink_expect(&sink, 1, 1001);
    test_core_publish(&test, "a", 100);
    test_core_flush(&test);
    test_sink_expect(&sink, 1002, 1002);
    test_sink_finish(&sink);
    test_core_finish(&test);
}

TEST("several topics have a receipt each, in the order of their first events")
{
    struct test_core test;
    test_core_init(&test, roomy);
    test_core_publish_many(&test, "b", 3, 10);
    rt_publication_init(&publication, &test.core);
    add(&test, "c", 2, 10);
    add(&test, "b", 1, 10);
    add(&test, "c", 1, 10);
    commit(&test);
    EXPECT_INT(publication.part_count, 2);
    EXPECT_TEXT(publication.parts[0].topic->leaf.key, "c");
    EXPECT_INT(receipts[0].first, 1);
    EXPECT_INT(receipts[0].count, 3);
    EXPECT_INT(receipts[1].first, 4);
    EXPECT_INT(receipts[1].count, 1);
    EXPECT_INT(receipts[1].cursor.offset, 4);
    EXPECT_INT(test.core.sequence, 7);
    test_core_finish(&test);
}

TEST("a publication of nothing changes nothing")
{
    struct test_core test;
    test_core_init(&test, roomy);
    rt_publication_init(&publication, &test.core);
    commit(&test);
    EXPECT_INT(test.core.topic_count, 0);
    EXPECT_INT(test.core.sequence, 0);
    test_core_finish(&test);
}

TEST("what is abandoned was never there")
{
    struct test_core test;
    struct test_sink sink;
    test_core_init(&test, roomy);
    test_sink_init(&sink, &test);
    test_sink_subscribe_now(&sink, "a");
    test_core_publish(&test, "a", 100);
    rt_publication_init(&publication, &test.core);
    add(&test, "a", 100, 500);
    add(&test, "new", 100, 500);
    rt_publication_abandon(&publication);
    rt_core_validate(&test.core);
    EXPECT_INT(test.core.topic_count, 1);
    EXPECT_INT(test.core.sequence, 1);
    EXPECT_INT(test.core.counters.events_produced, 1);
    test_core_publish(&test, "a", 100);
    test_core_flush(&test);
    test_sink_expect(&sink, 1, 2);
    test_sink_finish(&sink);
    test_core_finish(&test);
}

TEST("a closed topic, and one topic too many, are refused")
{
    struct test_core test;
    char name[16];
    test_core_init(&test, roomy);
    test_core_publish(&test, "closed", 10);
    rt_topic_close(test_core_topic(&test, "closed"));
    rt_publication_init(&publication, &test.core);
    add(&test, "a", 1, 10);
    EXPECT_INT(try_add(&test, "closed", 10), RT_ECLOSED);
    rt_publication_abandon(&publication);
    rt_publication_init(&publication, &test.core);
    for (int i = 0; i < RT_PUBLICATION_TOPICS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "t%d", i);
        add(&test, name, 1, 10);
    }
    EXPECT_INT(try_add(&test, "more", 10), RT_ERANGE);
    EXPECT_INT(try_add(&test, "t0", 10), 0);
    rt_publication_abandon(&publication);
    EXPECT_INT(test.core.topic_count, 1);
    EXPECT_INT(test.core.counters.events_refused, 0);
    test_core_finish(&test);
}

TEST("who keeps up gets all of it, though the ring cannot hold it")
{
    struct test_core test;
    struct test_sink raw;
    struct test_sink behind;
    test_core_init(&test, narrow);
    test_sink_init(&raw, &test);
    test_sink_init(&behind, &test);
    test_sink_subscribe_now(&raw, "a");
    test_sink_subscribe_now(&behind, "a");
    behind.room = 50;
    rt_publication_init(&publication, &test.core);
    add(&test, "a", 200, 1000);
    commit(&test);
    EXPECT(rt_ring_earliest(&test_core_topic(&test, "a")->ring) > 150);
    EXPECT(test_core_topic(&test, "a")->ring.bytes <= narrow.bytes);
    test_core_flush(&test);
    test_sink_expect(&raw, 1, 200);
    test_sink_drain(&behind);
    test_core_flush(&test);
    EXPECT(behind.is_closed);
    EXPECT_INT(behind.reason, RT_CLOSE_CURSOR_EVICTED);
    test_sink_finish(&raw);
    test_sink_finish(&behind);
    test_core_finish(&test);
}

TEST("a selection has the events of a publication in their order")
{
    static struct test_history history;
    struct test_sink sink;
    test_history_init(&history, roomy);
    (void)test_history_select(&history, &sink, "a.*", now);
    test_history_publish(&history, "a.1", 1, 10);
    rt_publication_init(&publication, &history.test.core);
    test_history_add(&history, &publication, "a.2", 10);
    test_history_add(&history, &publication, "a.3", 10);
    test_history_add(&history, &publication, "b", 10);
    test_history_add(&history, &publication, "a.1", 10);
    test_history_add(&history, &publication, "a.2", 10);
    commit(&history.test);
    test_history_publish(&history, "a.3", 1, 10);
    test_core_flush(&history.test);
    test_history_expect(&history, &sink, "a.*", 1, 7);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

TEST("a selection gets all of it, though the rings cannot hold it")
{
    static struct test_history history;
    struct test_sink sink;
    test_history_init(&history, narrow);
    (void)test_history_select(&history, &sink, "a.*", now);
    for (int round = 0; round < 3; round++) {
        rt_publication_init(&publication, &history.test.core);
        for (int i = 0; i < 50; i++) {
            test_history_add(&history, &publication, "a.1", 500);
            test_history_add(&history, &publication, "a.2", 1500);
        }
        test_history_add(&history, &publication, "a.1", 500);
        commit(&history.test);
    }
    test_core_flush(&history.test);
    test_history_expect(&history, &sink, "a.*", 1, 303);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

static int count_to(struct test_core *test, uint64_t k)
{
    int err = 0;
    test_heap_fail_at(&test->heap, k);
    rt_publication_init(&publication, &test->core);
    for (int i = 0; i < 20 && err == 0; i++) {
        err = try_add(test, i % 3 == 0 ? "a" : i % 3 == 1 ? "b" : "c", 3000);
    }
    test_heap_fail_at(&test->heap, 0);
    return err;
}

TEST("wherever memory ends, nothing of it is there")
{
    int err = RT_ENOMEM;
    for (uint64_t k = 1; err != 0; k++) {
        struct test_core test;
        struct test_sink sink;
        test_core_init(&test, roomy);
        test_sink_init(&sink, &test);
        test_sink_subscribe_now(&sink, "a");
        test_core_publish(&test, "a", 100);
        size_t used = test.heap.heap.used;
        err = count_to(&test, k);
        EXPECT(err == 0 || err == RT_ENOMEM);
        EXPECT_INT(test.core.counters.events_refused, err == 0 ? 0 : 1);
        rt_publication_abandon(&publication);
        rt_core_validate(&test.core);
        EXPECT_INT(test.core.topic_count, 1);
        /* What the ring keeps its blocks in may have grown. */
        EXPECT(test.heap.heap.used - used <= 16 * sizeof(void *));
        test_core_publish(&test, "a", 100);
        test_core_flush(&test);
        test_sink_expect(&sink, 1, 2);
        test_sink_finish(&sink);
        test_core_finish(&test);
    }
}
