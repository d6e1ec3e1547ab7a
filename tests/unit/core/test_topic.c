#include "broker/core/topic.h"

#include <string.h>

#include "tests/support/sink.h"

static const struct rt_retention retention = {64 * 1024, UINT64_MAX,
                                              UINT64_MAX};

static struct rt_topic *obtain(struct test_core *test, const char *name)
{
    struct rt_topic *topic = rt_topic_obtain(&test->core, rt_bytes_of(name));
    EXPECT(topic != NULL);
    return topic;
}

TEST("a topic begins to exist once and is found by its name")
{
    struct test_core test;
    test_core_init(&test, retention);
    EXPECT(rt_topic_find(&test.core, RT_BYTES("a.b")) == NULL);
    struct rt_topic *topic = obtain(&test, "a.b");
    EXPECT(obtain(&test, "a.b") == topic);
    EXPECT(rt_topic_find(&test.core, RT_BYTES("a.b")) == topic);
    EXPECT(rt_topic_find(&test.core, RT_BYTES("a")) == NULL);
    EXPECT(rt_topic_find(&test.core, RT_BYTES("a.b.c")) == NULL);
    EXPECT_BYTES(topic->leaf.key, RT_BYTES("a.b"));
    EXPECT_INT(test.core.topic_count, 1);
    test_core_finish(&test);
}

TEST("a topic keeps a name of its own")
{
    struct test_core test;
    test_core_init(&test, retention);
    char name[200];
    memset(name, 'n', sizeof(name));
    struct rt_bytes longest = {name, sizeof(name)};
    struct rt_topic *topic = rt_topic_obtain(&test.core, longest);
    memset(name, 'm', sizeof(name));
    EXPECT(rt_topic_find(&test.core, longest) == NULL);
    memset(name, 'n', sizeof(name));
    EXPECT(rt_topic_find(&test.core, longest) == topic);
    test_core_finish(&test);
}

TEST("each topic has an epoch of its own, also the same one anew")
{
    struct test_core test;
    test_core_init(&test, retention);
    uint32_t first = obtain(&test, "a")->epoch;
    EXPECT(obtain(&test, "b")->epoch != first);
    EXPECT_INT(rt_topic_cursor(obtain(&test, "a"), 7).epoch, first);
    EXPECT_INT(rt_topic_cursor(obtain(&test, "a"), 7).offset, 7);
    rt_topic_destroy(obtain(&test, "a"));
    EXPECT_INT(test.core.topic_count, 1);
    EXPECT(obtain(&test, "a")->epoch != first);
    test_core_finish(&test);
}

TEST("a topic for which there is no memory does not begin to exist")
{
    for (uint64_t k = 1; k <= 2; k++) {
        struct test_core test;
        test_core_init(&test, retention);
        (void)obtain(&test, "before");
        size_t used = test.heap.heap.used;
        test_heap_fail_at(&test.heap, k);
        EXPECT(rt_topic_obtain(&test.core, RT_BYTES("a")) == NULL);
        EXPECT_INT(test.heap.heap.used, used);
        EXPECT(rt_topic_find(&test.core, RT_BYTES("a")) == NULL);
        rt_core_validate(&test.core);
        test_core_finish(&test);
    }
}

TEST("a topic that was there before is not undone")
{
    struct test_core test;
    test_core_init(&test, retention);
    rt_topic_undo(NULL, 0);
    struct rt_topic *topic = obtain(&test, "a");
    rt_topic_undo(topic, 1);
    EXPECT(obtain(&test, "a") == topic);
    rt_topic_undo(topic, 0);
    EXPECT(rt_topic_find(&test.core, RT_BYTES("a")) == NULL);
    EXPECT_INT(test.core.topic_count, 0);
    test_core_finish(&test);
}
