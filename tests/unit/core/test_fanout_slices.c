#include "broker/core/fanout.h"

#include "tests/support/sink.h"

#define KIB       ((size_t)1024)
#define UNLIMITED UINT64_MAX
#define CROWD     700 /* more than a slice's worth of writes */

static const struct rt_retention roomy = {1024 * KIB, UNLIMITED, UNLIMITED};

static uint32_t written_to(const struct test_sink *sinks, int count)
{
    uint32_t writes = 0;
    for (int i = 0; i < count; i++) {
        writes += sinks[i].writes;
    }
    return writes;
}

TEST("a large fan-out goes on where its slice ended, and the small come first")
{
    static struct test_sink sinks[CROWD];
    struct test_core test;
    struct test_sink lone;
    test_core_init(&test, roomy);
    test_sinks_join(sinks, CROWD, &test, "a");
    test_sinks_join(&lone, 1, &test, "b");
    test_core_publish_many(&test, "a", 1, 100);
    rt_core_flush_small(&test.core);
    EXPECT_INT(written_to(sinks, CROWD), 0);
    for (uint32_t turn = 1; rt_core_flush(&test.core); turn++) {
        EXPECT(written_to(sinks, CROWD) <= turn * RT_SLICE_UNITS);
        EXPECT(written_to(sinks, CROWD) > (turn - 1) * 2 * RT_QUANTUM_UNITS);
        rt_core_validate(&test.core);
        test_core_publish_many(&test, "b", 1, 100);
        rt_core_flush_small(&test.core);
        test_sink_expect(&lone, turn, turn);
    }
    EXPECT_INT(written_to(sinks, CROWD), CROWD);
    test_sinks_expect(sinks, CROWD, 1, 1);
    test_sink_finish(&lone);
    test_sinks_finish(sinks, CROWD);
    test_core_finish(&test);
}

TEST("a pass reaches everybody, also while events keep coming in")
{
    static struct test_sink sinks[CROWD];
    struct test_core test;
    test_core_init(&test, roomy);
    test_sinks_join(sinks, CROWD, &test, "a");
    for (int turn = 0; turn * 2 * RT_QUANTUM_UNITS < CROWD; turn++) {
        test_core_publish(&test, "a", 100);
        EXPECT(rt_core_flush(&test.core));
    }
    for (int i = 0; i < CROWD; i++) {
        EXPECT_INT(test_sink_next(&sinks[i]), 1);
    }
    test_core_flush(&test);
    test_sinks_expect(sinks, CROWD, 2, 3);
    test_sinks_finish(sinks, CROWD);
    test_core_finish(&test);
}

TEST("a large event is as much work as many small ones")
{
    struct test_core test;
    struct test_sink sinks[40];
    test_core_init(&test, roomy);
    test_sinks_join(sinks, 40, &test, "a");
    test_core_publish_many(&test, "a", 1, 32 * RT_UNIT_BYTES);
    EXPECT(rt_core_flush(&test.core));
    EXPECT(written_to(sinks, 40) <= RT_SLICE_UNITS / 33 + 1);
    test_core_flush(&test);
    test_sinks_expect(sinks, 40, 1, 1);
    test_sinks_finish(sinks, 40);
    test_core_finish(&test);
}

TEST("large fan-outs take turns")
{
    static struct test_sink sinks[CROWD];
    static struct test_sink others[CROWD];
    struct test_core test;
    test_core_init(&test, roomy);
    test_sinks_join(sinks, CROWD, &test, "a");
    test_sinks_join(others, CROWD, &test, "b");
    test_core_publish_many(&test, "a", 1, 100);
    test_core_publish_many(&test, "b", 1, 100);
    EXPECT(rt_core_flush(&test.core));
    EXPECT_INT(written_to(sinks, CROWD), RT_QUANTUM_UNITS);
    EXPECT(written_to(others, CROWD) > 0);
    test_core_flush(&test);
    test_sinks_expect(sinks, CROWD, 1, 1);
    test_sinks_expect(others, CROWD, 1, 1);
    test_sinks_finish(others, CROWD);
    test_sinks_finish(sinks, CROWD);
    test_core_finish(&test);
}

TEST("those who lag and those who do not each get a part of a slice")
{
    static struct test_sink late[CROWD];
    static struct test_sink sinks[CROWD];
    struct test_core test;
    test_core_init(&test, roomy);
    test_core_publish_many(&test, "a", 1, 100);
    test_sinks_join(sinks, CROWD, &test, "a");
    for (int i = 0; i < CROWD; i++) {
        test_sink_init(&late[i], &test);
        test_sink_subscribe_earliest(&late[i], "a");
    }
    test_core_publish_many(&test, "a", 1, 100);
    EXPECT(rt_core_flush(&test.core));
    EXPECT(written_to(late, CROWD) >= RT_SLICE_UNITS / 4);
    EXPECT(written_to(sinks, CROWD) >= RT_SLICE_UNITS / 4);
    EXPECT(written_to(late, CROWD) <= RT_SLICE_UNITS);
    test_core_flush(&test);
    test_sinks_expect(late, CROWD, 1, 2);
    test_sinks_expect(sinks, CROWD, 2, 2);
    test_sinks_finish(late, CROWD);
    test_sinks_finish(sinks, CROWD);
    test_core_finish(&test);
}

TEST("a burst in the midst of a pass loses nothing for anybody")
{
    static struct test_sink sinks[CROWD];
    struct test_core test;
    test_core_init(&test, (struct rt_retention){16 * KIB, 20, UNLIMITED});
    test_sinks_join(sinks, CROWD, &test, "a");
    for (int round = 0; round < 3; round++) {
        test_core_publish_many(&test, "a", 1, 100);
        EXPECT(rt_core_flush(&test.core));
        test_core_publish_many(&test, "a", 100, 100);
    }
    test_core_flush(&test);
    test_sinks_expect(sinks, CROWD, 1, 303);
    test_sinks_finish(sinks, CROWD);
    test_core_finish(&test);
}

TEST("publishers are held up while a large fan-out is behind, and not longer")
{
    static struct test_sink sinks[CROWD];
    struct test_core test;
    struct rt_bytes a = RT_BYTES("a");
    test_core_init(&test, (struct rt_retention){64 * KIB, UNLIMITED, 1000});
    EXPECT(!rt_core_is_congested(&test.core, a));
    test_sinks_join(sinks, CROWD, &test, "a");
    test_core_publish_many(&test, "a", 16, 1000);
    EXPECT(!rt_core_is_congested(&test.core, a));
    test_core_publish_many(&test, "a", 1, 1000);
    EXPECT(rt_core_is_congested(&test.core, a));
    EXPECT(!rt_core_is_congested(&test.core, RT_BYTES("b")));
    EXPECT(rt_core_flush(&test.core));
    EXPECT(rt_core_is_congested(&test.core, a));
    test_core_flush(&test);
    EXPECT(!rt_core_is_congested(&test.core, a));
    test_sinks_finish(sinks, CROWD);
    test_core_finish(&test);
}

TEST("a small fan-out never holds publishers up")
{
    struct test_core test;
    struct test_sink sinks[RT_FANOUT_SMALL];
    test_core_init(&test, roomy);
    test_sinks_join(sinks, RT_FANOUT_SMALL, &test, "a");
    test_core_publish_many(&test, "a", 600, 1000);
    EXPECT(!rt_core_is_congested(&test.core, RT_BYTES("a")));
    test_sinks_finish(sinks, RT_FANOUT_SMALL);
    test_core_finish(&test);
}

#define STALLED 12

TEST("memory that stalls alone keep is taken from as few as need be")
{
    struct test_core test;
    struct test_sink sinks[STALLED];
    test_core_init(&test, (struct rt_retention){16 * KIB, 1, UNLIMITED});
    size_t retired_max = 3 * 4 * KIB;
    test.heap.heap.limit = retired_max * RT_RETIRED_PART;
    test_sinks_join(sinks, STALLED, &test, "a");
    for (int i = 0; i < STALLED; i++) {
        sinks[i].room = (size_t)i * 102;
    }
    for (int turn = 0; turn <= STALLED; turn++) {
        test_core_publish_many(&test, "a", 1,
                               100); /* the one before is retired */
        test_core_flush(&test);
        for (int i = 0; i < turn; i++) {
            EXPECT_INT(sinks[i].is_closed, i + 3 < turn);
            if (sinks[i].is_closed) {
                test_sink_drop(&sinks[i]);
            }
        }
        EXPECT(test.core.store.retired_bytes <= retired_max);
    }
    EXPECT_INT(test.core.counters.closes[RT_CLOSE_LOST], STALLED - 3);
    EXPECT_INT(test.core.counters.sheds, STALLED - 3);
    test_sinks_finish(sinks, STALLED);
    test_core_finish(&test);
}
