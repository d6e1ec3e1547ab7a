/* Where subscribers of several topics begin, of what is on disk. */
#include "base/error.h"
#include "broker/core/control.h"
#include "broker/core/follower.h"
#include "broker/core/selection.h"
#include "broker/core/topic.h"
#include "tests/unit/core/excerpts.h"

TEST("the beginning of several topics is on disk")
{
    init(400, 300);
    struct rt_since earliest = {.kind = RT_SINCE_EARLIEST};
    (void)choose(&sink, ALL, earliest);
    test_journal_flush(&disk);
    expect(1);
    finish();
}

TEST("who begins with the earliest is not told of what was removed before")
{
    init(400, 300);
    struct rt_since earliest = {.kind = RT_SINCE_EARLIEST};
    for (uint64_t id = 1; id <= 3; id++) {
        disk.earliest[id] = 50 * id;
    }
    (void)choose(&sink, ALL, earliest);
    test_journal_flush(&disk);
    EXPECT_INT(sink.gap_count, 0);
    EXPECT_INT(next_number(&sink), 4 * 49 + 1);
    finish();
}

TEST("a time is found on disk")
{
    test_journal_init(&disk, narrow);
    for (int i = 0; i < 100; i++) {
        publish("a", 3, 300);
        test_core_pass_time(&disk.test, 1000);
        publish("c", 1, 300);
    }
    test_journal_write(&disk);
    test_sink_init(&sink, &disk.test);
    sink.subscriber.gap = RT_GAP_TELL;
    struct rt_since then = {.kind = RT_SINCE_TIME,
                            .wall_ms = TEST_WALL_MS + 20000};
    (void)choose(&sink, ALL, then);
    test_journal_flush(&disk);
    expect(4 * 20);
    finish();
}

TEST("a time of which something was removed is told as a gap")
{
    init(400, 300);
    disk.earliest[1] = 20;
    struct rt_since then = {.kind = RT_SINCE_TIME, .wall_ms = TEST_WALL_MS};
    (void)choose(&sink, ALL, then);
    test_journal_flush(&disk);
    EXPECT_INT(sink.gap_count, 1);
    EXPECT_INT(sink.gap.topic.len, 0);
    EXPECT_INT(next_number(&sink), 2);
    finish();
}

TEST("who begins with what there is, is told what a disk that failed never got")
{
    init(10, 300);
    publish("a", 200, 300);
    EXPECT(rt_journal_take(&disk.journal) != NULL);
    rt_journal_done(&disk.journal, RT_EIO);
    struct rt_since earliest = {.kind = RT_SINCE_EARLIEST};
    (void)choose(&sink, ALL, earliest);
    test_journal_flush(&disk);
    EXPECT_INT(sink.gap_count, 1);
    EXPECT_TEXT(sink.gap.topic, "a");
    EXPECT_INT(sink.subscriber.state, RT_SUBSCRIBER_ACTIVE);
    finish();
}

/* Events of a, then of b, a second each, all on disk; b is purged. Returns how
 * many gaps somebody is told who begins after so many seconds. */
static uint32_t gaps_since(uint64_t seconds)
{
    test_journal_init(&disk, narrow);
    for (int i = 0; i < 200; i++) {
        publish(i < 100 ? "b" : "a", 1, 1000);
        test_core_pass_time(&disk.test, 1000);
    }
    test_journal_write(&disk);
    EXPECT_INT(rt_topic_purge(test_core_topic(&disk.test, "b")), 0);
    publish("b", 1, 1000);
    test_sink_init(&sink, &disk.test);
    sink.subscriber.gap = RT_GAP_TELL;
    struct rt_since then = {.kind = RT_SINCE_TIME,
                            .wall_ms = TEST_WALL_MS + seconds * 1000};
    (void)choose(&sink, ALL, then);
    test_journal_flush(&disk);
    uint32_t count = sink.gap_count;
    EXPECT_INT(next_number(&sink), seconds < 100 ? 101 : seconds + 1);
    finish();
    return count;
}

TEST("of what was purged they are told who begin with a time before it")
{
    EXPECT_INT(gaps_since(50), 1);
    EXPECT_INT(gaps_since(98), 1);
    EXPECT_INT(gaps_since(101), 0);
}

TEST("so are they when nothing is left to be looked for but that")
{
    init(400, 300);
    struct rt_since then = {.kind = RT_SINCE_TIME, .wall_ms = TEST_WALL_MS};
    (void)choose(&sink, "a,b,c,d", then);
    test_core_flush(&disk.test);
    publish("d", 1, 300);
    EXPECT_INT(rt_topic_purge(test_core_topic(&disk.test, "d")), 0);
    test_journal_fail_scan(&disk, RT_EIO);
    EXPECT_INT(sink.gap_count, 1);
    EXPECT_INT(sink.gap.reason, RT_CLOSE_EVENTS_LOST);
    test_journal_flush(&disk);
    EXPECT_INT(sink.gap_count, 2);
    EXPECT_INT(sink.gap.reason, RT_CLOSE_CURSOR_EVICTED);
    EXPECT_INT(sink.subscriber.state, RT_SUBSCRIBER_ACTIVE);
    finish();
}

/* Comes, and is told that events are lost of no topic that is known. */
static void expect_damage(struct rt_since since, enum rt_close_reason reason)
{
    struct test_sink reader;
    test_sink_init(&reader, &disk.test);
    reader.subscriber.gap = RT_GAP_TELL;
    (void)choose(&reader, ALL, since);
    test_journal_flush(&disk);
    EXPECT_INT(reader.gap_count, 1);
    EXPECT_INT(reader.gap.topic.len, 0);
    EXPECT_INT(reader.gap.reason, reason);
    EXPECT_INT(reader.subscriber.state, RT_SUBSCRIBER_ACTIVE);
    test_sink_finish(&reader);
}

TEST("each is told what the disk has lost, whatever is known to be gone")
{
    struct rt_since earliest = {.kind = RT_SINCE_EARLIEST};
    struct rt_since time = {.kind = RT_SINCE_TIME, .wall_ms = 1};
    struct rt_core *core = &disk.test.core;
    init(400, 300);
    disk.damaged = 3;
    for (int i = 0; i < 2; i++) {
        expect_damage(earliest, RT_CLOSE_EVENTS_LOST);
        expect_damage(behind(0), RT_CLOSE_EVENTS_LOST);
        expect_damage(time, RT_CLOSE_CURSOR_EVICTED);
        core->removed =
            (struct rt_removed){core->sequence, core->wall_ms, ++core->drops};
    }
    finish();
}

/* Somebody has found that events of the topic up to a number are damaged. */
static void damage(const char *name, uint64_t sequence)
{
    const struct rt_topic *topic = test_core_topic(&disk.test, name);
    RT_LIST_EACH (link, &topic->followers) {
        rt_follower_lose(RT_CONTAINER(link, struct rt_follower, in_topic), 0,
                         sequence);
    }
}

/* Begins with the earliest, and is told of damage. */
static void expect_told(const char *topic)
{
    struct test_sink late;
    struct rt_since earliest = {.kind = RT_SINCE_EARLIEST};
    test_sink_init(&late, &disk.test);
    late.subscriber.gap = RT_GAP_TELL;
    (void)choose(&late, ALL, earliest);
    test_journal_flush(&disk);
    EXPECT_INT(late.gap_count, 1);
    EXPECT_TEXT(late.gap.topic, topic);
    EXPECT_INT(late.gap.reason, RT_CLOSE_EVENTS_LOST);
    test_sink_finish(&late);
}

TEST("who begins with what there is, is told of damage that others have found")
{
    init(400, 300);
    (void)choose(&sink, ALL, behind(0));
    test_journal_flush(&disk);
    damage("b", 199);
    expect_told("b");
    struct rt_selection *selection = sink.subscriber.stream->selection;
    rt_selection_lose(selection, 1500);
    expect_told("");
    EXPECT_INT(rt_followers_drops(selection, 1000, 0), 0);
    finish();
}

static void keep_still(struct rt_excerpt_waiter *waiter, int err, uint64_t next)
{
    EXPECT_INT(err, 0);
    EXPECT_INT(next, waiter->sequence);
}

TEST("losses are looked for by who looks for where to begin, and by no other")
{
    init(400, 300);
    (void)choose(&sink, ALL, behind(0));
    test_journal_flush(&disk);
    struct rt_excerpt_waiter waiter = {.selection =
                                           sink.subscriber.stream->selection,
                                       .sequence = 1600,
                                       .drops = 77,
                                       .wake = keep_still};
    rt_excerpt_wait(&waiter);
    EXPECT_INT(waiter.drops, 77);
    waiter.is_seeking = true;
    rt_excerpt_wait(&waiter);
    EXPECT_INT(waiter.drops, disk.test.core.drops);
    finish();
}

TEST("a time before all that the disk has begins in the rings")
{
    init(10, 300);
    test_core_pass_time(&disk.test, 1000);
    publish("b", 2, 300);
    publish("a", 100, 300);
    test_journal_write(&disk);
    disk.earliest[1] = UINT64_MAX;
    disk.earliest[2] = UINT64_MAX;
    struct rt_since then = {.kind = RT_SINCE_TIME,
                            .wall_ms = TEST_WALL_MS + 1000};
    (void)choose(&sink, ALL, then);
    test_core_flush(&disk.test);
    EXPECT(disk.scan != NULL);
    disk.scan->until = 60; /* it goes no further than that */
    test_journal_scan(&disk);
    EXPECT_INT(rt_subscriber_next(&sink.subscriber), 41);
    test_journal_flush(&disk);
    EXPECT_INT(next_number(&sink), 41);
    finish();
}
