#include "broker/core/excerpt.h"

#include "base/error.h"
#include "broker/core/control.h"
#include "broker/core/follower.h"
#include "broker/core/selection.h"
#include "broker/core/topic.h"
#include "tests/unit/core/excerpts.h"

TEST("who resumes several topics gets what the rings have dropped, in order")
{
    init(800, 300);
    for (uint64_t first = 1; first <= 3201; first += 64) {
        (void)choose(&sink, ALL, behind(first - 1));
        test_journal_flush(&disk);
        expect(first);
        test_sink_finish(&sink);
        test_sink_init(&sink, &disk.test);
        sink.subscriber.gap = RT_GAP_TELL;
    }
    EXPECT(disk.scans > 1);
    finish();
}

TEST("some of the topics are chosen from what is on disk, too")
{
    init(400, 300);
    (void)choose(&sink, "a,c,d", behind(17));
    test_journal_flush(&disk);
    expect_from(&sink, "acd", 18, 1600);
    EXPECT_INT(sink.gap_count, 0);
    finish();
}

TEST("what is published meanwhile comes behind what is on disk")
{
    init(400, 300);
    (void)choose(&sink, ALL, behind(0));
    test_core_flush(&disk.test);
    for (int i = 0; i < 30; i++) {
        publish("b", 40, 300);
        publish("c", 3, 300);
        test_journal_write(&disk);
        test_core_flush(&disk.test);
        if (disk.scan != NULL) {
            test_journal_scan(&disk);
        }
    }
    test_journal_flush(&disk);
    expect(1);
    publish("a", 2, 300);
    test_journal_flush(&disk);
    expect(2891);
    finish();
}

TEST("what is on its way to disk is waited for")
{
    init(10, 300);
    publish("a", 200, 300);
    (void)choose(&sink, ALL, behind(20));
    test_journal_flush(&disk);
    EXPECT_INT(sink.subscriber.state, RT_SUBSCRIBER_FETCHING);
    test_journal_write(&disk);
    rt_excerpts_continue(&disk.test.core.excerpts);
    test_journal_flush(&disk);
    expect(21);
    finish();
}

TEST("who has several topics without anything dropped never asks the disk")
{
    init(4, 300);
    (void)choose(&sink, ALL, behind(0));
    test_journal_flush(&disk);
    expect(1);
    EXPECT_INT(disk.scans, 0);
    finish();
}

TEST("what retention removed is a gap of its topic, and nobody else's")
{
    init(400, 300);
    disk.earliest[2] = 101; /* of b, whose 100th event has the number 199 */
    (void)choose(&sink, ALL, behind(0));
    test_journal_flush(&disk);
    EXPECT_INT(sink.gap_count, 1);
    EXPECT_TEXT(sink.gap.topic, "b");
    EXPECT_INT(sink.gap.reason, RT_CLOSE_CURSOR_EVICTED);
    EXPECT_INT(sink.gap.next.offset, 101);
    for (uint64_t number = 1; number <= 200; number++) {
        if (owners[number] != 'b') {
            EXPECT_INT(next_number(&sink), number);
        }
    }
    expect_from(&sink, "abc", 201, 1600);
    finish();
}

TEST("who has had what was removed is not told")
{
    init(400, 300);
    disk.earliest[2] = 101;
    (void)choose(&sink, ALL, behind(200));
    test_journal_flush(&disk);
    expect(201);
    finish();
}

TEST("an event that is larger than an excerpt has a larger one")
{
    init(1, 300);
    publish("a", 1, 400 * KIB);
    publish("b", 1, 400 * KIB);
    publish("a", 50, 1000);
    test_journal_write(&disk);
    disk.test.heap.heap.limit = 6 * 1024 * KIB; /* excerpts: 96 KiB */
    (void)choose(&sink, ALL, behind(0));
    test_journal_flush(&disk);
    expect(1);
    disk.test.heap.heap.limit = SIZE_MAX;
    finish();
}

TEST("many who come to the same share what was read")
{
    struct test_sink others[5];
    init(400, 300);
    for (int i = 0; i < 5; i++) {
        test_sink_init(&others[i], &disk.test);
        others[i].subscriber.gap = RT_GAP_TELL;
        (void)choose(&others[i], ALL, behind((uint64_t)i));
    }
    (void)choose(&sink, ALL, behind(0));
    test_journal_flush(&disk);
    expect(1);
    for (int i = 0; i < 5; i++) {
        expect_from(&others[i], "abc", (uint64_t)i + 1, 1600);
    }
    EXPECT(disk.scans <= 3);
    test_sinks_finish(others, 5);
    finish();
}

TEST("excerpts take a part of the memory, and go when nobody looks")
{
    init(1600, 300);
    disk.test.heap.heap.limit = disk.test.heap.heap.used + 24 * 1024 * KIB;
    (void)choose(&sink, ALL, behind(0));
    struct rt_excerpts *excerpts = &disk.test.core.excerpts;
    test_core_flush(&disk.test);
    while (disk.scan != NULL) {
        test_journal_scan(&disk);
        EXPECT(excerpts->cache.bytes <=
               disk.test.heap.heap.limit / RT_EXCERPTS_PART + 800 * KIB);
        test_core_flush(&disk.test);
    }
    expect(1);
    EXPECT(excerpts->cache.bytes > 0);
    test_core_pass_time(&disk.test, RT_EXCERPT_IDLE_MS + 1);
    rt_core_tick(&disk.test.core);
    EXPECT_INT(excerpts->cache.bytes, 0);
    disk.test.heap.heap.limit = SIZE_MAX;
    finish();
}

TEST("where there is room for little, nobody drops what others wait for")
{
    struct test_sink other;
    init(1600, 300);
    disk.test.heap.heap.limit = 12 * 1024 * KIB;
    test_sink_init(&other, &disk.test);
    other.subscriber.gap = RT_GAP_TELL;
    (void)choose(&sink, ALL, behind(0));
    (void)choose(&other, "a,b,c,d", behind(700));
    test_core_flush(&disk.test);
    for (int i = 0; i < 200 && disk.scan != NULL; i++) {
        test_journal_scan(&disk);
        test_core_flush(&disk.test);
    }
    expect(1);
    expect_from(&other, "abc", 701, disk.test.core.sequence);
    disk.test.heap.heap.limit = SIZE_MAX;
    test_sink_finish(&other);
    finish();
}

/* --- what gets in the way --- */

TEST("a purge drops what was read, and is told")
{
    init(400, 300);
    (void)choose(&sink, ALL, behind(0));
    test_core_flush(&disk.test);
    EXPECT_INT(rt_topic_purge(test_core_topic(&disk.test, "b")), 0);
    test_journal_scan(&disk);
    disk.earliest[2] = UINT64_MAX;
    test_journal_flush(&disk);
    EXPECT_INT(sink.gap_count, 1);
    EXPECT_TEXT(sink.gap.topic, "b");
    EXPECT_INT(sink.gap.reason, RT_CLOSE_EPOCH_CHANGED);
    expect_from(&sink, "ac", 1, 1600);
    finish();
}

/* Reads until there is nothing to be read, or for so many scans; what comes in
 * between each time. */
static void read_with(void (*happen)(void))
{
    test_core_flush(&disk.test);
    for (int i = 0; i < 40 && disk.scan != NULL; i++) {
        happen();
        test_journal_scan(&disk);
        happen();
        test_core_flush(&disk.test);
    }
}

static void purge_another(void)
{
    publish("d", 1, 300);
    EXPECT_INT(rt_topic_purge(test_core_topic(&disk.test, "d")), 0);
}

static void undo_another(void)
{
    struct rt_core *core = &disk.test.core;
    uint32_t count = core->topic_count;
    rt_topic_undo(rt_topic_obtain(core, rt_bytes_of("d")), count);
}

/* How often the disk is asked for all there is of a, b, c and d. */
static uint64_t scans_with(void (*happen)(void))
{
    init(800, 300);
    (void)choose(&sink, "a,b,c,d", behind(0));
    read_with(happen);
    expect_from(&sink, "abc", 1, 3200);
    finish();
    return disk.scans;
}

static void leave_alone(void)
{
}

TEST("who purges a topic without end does not have the others read again")
{
    uint64_t scans = scans_with(leave_alone);
    EXPECT(scans > 1);
    EXPECT_INT(scans_with(purge_another), scans);
}

TEST("nor does who begins topics that are taken back")
{
    EXPECT_INT(scans_with(undo_another), scans_with(leave_alone));
}

TEST("of what was read nothing is given that was purged before it was sent")
{
    init(400, 300);
    (void)choose(&sink, ALL, behind(0));
    test_core_flush(&disk.test);
    test_journal_scan(&disk);
    EXPECT_INT(rt_topic_purge(test_core_topic(&disk.test, "b")), 0);
    EXPECT_INT(rt_topic_purge(test_core_topic(&disk.test, "a")), 0);
    uint64_t scans = disk.scans;
    test_journal_flush(&disk);
    EXPECT_INT(disk.scans, scans);
    EXPECT_INT(sink.gap_count, 2);
    EXPECT_INT(sink.gap.reason, RT_CLOSE_EPOCH_CHANGED);
    expect_from(&sink, "c", 1, 1600);
    finish();
}

/* Its ring has nothing any more. */
static struct rt_topic *expire(const char *name)
{
    const struct rt_retention brief = {16 * KIB, UNLIMITED, 1};
    struct rt_topic *topic = test_core_topic(&disk.test, name);
    EXPECT_INT(rt_topic_retain(topic, &brief), 0);
    test_core_pass_time(&disk.test, 2);
    rt_core_tick(&disk.test.core);
    EXPECT_INT(topic->ring.segment_count, 0);
    return topic;
}

static void purge_d(void)
{
    EXPECT_INT(rt_topic_purge(test_core_topic(&disk.test, "d")), 0);
}

TEST("nor does who purges what has nothing any more")
{
    init(400, 300);
    publish("d", 1, 300);
    test_journal_write(&disk);
    (void)expire("d");
    disk.earliest[4] = UINT64_MAX;
    (void)choose(&sink, "a,b,c,d", behind(0));
    read_with(purge_d);
    expect_from(&sink, "abc", 1, 1600);
    EXPECT(disk.scans <= 3);
    finish();
}

TEST("what was read, and retention took before a purge, is told")
{
    init(300, 300);
    struct rt_topic *topic = expire("b");
    (void)choose(&sink, ALL, behind(0));
    test_core_flush(&disk.test);
    test_journal_scan(&disk);
    disk.earliest[2] = UINT64_MAX;
    EXPECT_INT(rt_topic_purge(topic), 0);
    test_journal_flush(&disk);
    EXPECT_INT(sink.gap_count, 1);
    EXPECT_TEXT(sink.gap.topic, "b");
    expect_from(&sink, "ac", 1, 1200);
    finish();
}

TEST("of what was purged nothing is given that may have been lost before")
{
    init(400, 300);
    struct rt_topic *topic = expire("b");
    (void)choose(&sink, ALL, behind(0));
    test_core_flush(&disk.test);
    RT_LIST_EACH (link, &topic->followers) {
        rt_follower_lose(RT_CONTAINER(link, struct rt_follower, in_topic), 1600,
                         0);
    }
    test_journal_scan(&disk); /* is for nobody */
    EXPECT(disk.scan != NULL);
    test_journal_scan(&disk);
    EXPECT_INT(rt_topic_purge(topic), 0);
    test_journal_flush(&disk);
    expect_from(&sink, "ac", 1, 1600);
    finish();
}

TEST("who leaves while it waits is not waited for")
{
    init(400, 300);
    (void)choose(&sink, ALL, behind(0));
    test_core_flush(&disk.test);
    rt_subscriber_detach(&sink.subscriber);
    test_journal_scan(&disk);
    test_journal_flush(&disk);
    EXPECT_INT(sink.received.len, 0);
    EXPECT_INT(disk.scans, 1);
    finish();
}

TEST("a selection that goes while something is read for it is forgotten")
{
    init(400, 300);
    (void)choose(&sink, ALL, behind(0));
    test_core_flush(&disk.test);
    rt_subscriber_detach(&sink.subscriber);
    rt_core_tick(&disk.test.core);
    EXPECT(rt_list_is_empty(&disk.test.core.selection_list));
    test_journal_scan(&disk);
    EXPECT_INT(disk.test.core.excerpts.cache.bytes, 0);
    finish();
}

TEST("of a selection whose topics have all gone nothing is read")
{
    struct test_sink late;
    init(1, 300);
    publish("x", 200, 300);
    test_journal_write(&disk);
    (void)choose(&sink, "x,y", behind(204));
    struct rt_topic *topic = test_core_topic(&disk.test, "x");
    EXPECT_INT(rt_topic_purge(topic), 0);
    rt_topic_destroy(topic);
    test_sink_init(&late, &disk.test);
    late.subscriber.gap = RT_GAP_TELL;
    (void)choose(&late, "x,y", behind(0));
    test_journal_flush(&disk);
    EXPECT_INT(disk.scans, 0);
    EXPECT_INT(late.gap_count, 1);
    EXPECT_INT(late.subscriber.state, RT_SUBSCRIBER_ACTIVE);
    test_sink_finish(&late);
    finish();
}

TEST("what cannot be read is lost, and told")
{
    init(400, 300);
    (void)choose(&sink, ALL, behind(0));
    test_core_flush(&disk.test);
    test_journal_fail_scan(&disk, RT_EIO);
    test_journal_flush(&disk);
    EXPECT_INT(sink.gap_count, 1);
    EXPECT_INT(sink.gap.reason, RT_CLOSE_EVENTS_LOST);
    uint64_t first = sink.subscriber.stream->selection->dropped_sequence + 1;
    expect_from(&sink, "abc", first, 1600);
    finish();
}

TEST("without memory for an excerpt who waits is closed")
{
    init(400, 300);
    (void)choose(&sink, ALL, behind(0));
    disk.test.heap.heap.limit = disk.test.heap.heap.used + 4 * KIB;
    test_core_flush(&disk.test);
    EXPECT(sink.is_closed);
    EXPECT_INT(sink.reason, RT_CLOSE_OVERLOAD);
    disk.test.heap.heap.limit = SIZE_MAX;
    finish();
}

TEST("what the disk will never have is a gap")
{
    init(10, 300);
    publish("a", 200, 300);
    publish("b", 2, 300);
    (void)choose(&sink, ALL, behind(20));
    test_journal_flush(&disk);
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    EXPECT(batch != NULL);
    rt_journal_done(&disk.journal, RT_EIO);
    rt_excerpts_continue(&disk.test.core.excerpts);
    test_journal_flush(&disk);
    EXPECT_INT(sink.gap_count, 1);
    EXPECT_TEXT(sink.gap.topic, "a");
    EXPECT_INT(next_number(&sink), 21);
    EXPECT_INT(sink.subscriber.state, RT_SUBSCRIBER_ACTIVE);
    finish();
}

TEST("a topic that has nothing on disk is passed over")
{
    init(400, 300);
    publish("d", 1, 300);
    EXPECT_INT(rt_topic_purge(test_core_topic(&disk.test, "d")), 0);
    owners[disk.test.core.sequence] = '-';
    publish("d", 1, 300);
    (void)choose(&sink, "a,b,c,d", behind(900));
    test_journal_flush(&disk);
    EXPECT_INT(sink.gap_count, 1);
    EXPECT_TEXT(sink.gap.topic, "d");
    expect_from(&sink, "abcd", 901, 1602);
    finish();
}

TEST("whatever has no memory, nobody is given less without a word")
{
    bool has_failed = true;
    for (uint64_t k = 1; has_failed; k++) {
        init(400, 300);
        (void)choose(&sink, ALL, behind(0));
        test_heap_fail_at(&disk.test.heap, k);
        test_journal_flush(&disk);
        has_failed = disk.test.heap.count >= k;
        test_heap_fail_at(&disk.test.heap, 0);
        if (sink.is_closed) {
            EXPECT_INT(sink.reason, RT_CLOSE_OVERLOAD);
        } else {
            expect(1);
        }
        EXPECT(!sink.is_closed || has_failed);
        finish();
    }
}

TEST("a closing comes in its place among events on disk")
{
    init(100, 300);
    rt_topic_close(test_core_topic(&disk.test, "c"));
    owners[disk.test.core.sequence] = 'c';
    uint64_t closing = disk.test.core.sequence;
    publish("a", 300, 300);
    test_journal_write(&disk);
    (void)choose(&sink, ALL, behind(0));
    test_journal_flush(&disk);
    EXPECT_INT(closing, 401);
    expect(1);
    finish();
}
